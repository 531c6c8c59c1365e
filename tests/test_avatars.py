"""The picture of a user: drawn anew, so that nothing of the upload survives but what it shows."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import User
from tests.uploading import PAGE, PDF, SVG, body, named, picture


def put(client: APIClient, content: bytes, name: str = "me.png") -> Any:
    return client.put("/users/me/avatar/", {"file": named(name, content)}, format="multipart")


def stored_files(settings: Any) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_a_picture_becomes_a_square_that_everybody_sees(as_owner: APIClient, anonymous: APIClient) -> None:
    assert as_owner.get("/users/me/").json()["avatar"] is None
    assert as_owner.get("/users/me/avatar/").json() == {"avatar": None}
    assert anonymous.get("/users/owner/avatar/").status_code == 404
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    answer = put(as_owner, picture("JPEG", (800, 300), exif=exif, comment=b"a comment") + PAGE)
    assert (answer.status_code, answer.json()["avatar"]) == (200, "http://testserver/users/owner/avatar/")
    shown = anonymous.get("/users/OWNER/avatar/")
    assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    content = body(shown)
    for trace in (b"taken at home", b"a comment", b"script"):
        assert trace not in content
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", (256, 256))
        assert not image.getexif()
    assert anonymous.get("/users/owner/").json()["avatar"] == "http://testserver/users/owner/avatar/"


@pytest.mark.parametrize("content", [SVG, PDF, PAGE, b"\x89PNG\r\n\x1a\n and no more", b"GIF89a"])
def test_what_is_no_picture_is_refused(as_owner: APIClient, settings: Any, content: bytes) -> None:
    answer = put(as_owner, content)
    assert answer.status_code == 400
    assert list(answer.json()) == ["file"]
    assert stored_files(settings) == []


def test_a_bomb_is_refused(as_owner: APIClient, settings: Any) -> None:
    settings.IMAGE_MAX_PIXELS = 10_000
    answer = put(as_owner, picture(size=(101, 100)))
    assert (answer.status_code, answer.json()) == (400, {"file": ["The image may have at most 10000 pixels."]})


def test_a_form_without_a_file_or_with_more(as_owner: APIClient) -> None:
    assert as_owner.put("/users/me/avatar/", {"file": "text"}, format="multipart").status_code == 400
    twice = {"file": [named("a", picture()), named("b", picture())]}
    assert as_owner.put("/users/me/avatar/", twice, format="multipart").json() == {"file": ["Given more than once."]}
    other = {"file": named("a", picture()), "picture": named("b", picture())}
    assert as_owner.put("/users/me/avatar/", other, format="multipart").json() == {"picture": ["Unknown field."]}
    assert as_owner.put("/users/me/avatar/", {}, format="json").status_code == 415


ELSEWHERE = "A picture is sent to /users/me/avatar/: PUT it there as a multipart form, or DELETE it."


@pytest.mark.parametrize("sent", ["x.png", "http://testserver/users/stranger/avatar/", ["x"], {"a": 1}, 7, True])
def test_the_account_says_where_pictures_go(as_owner: APIClient, anonymous: APIClient, sent: object) -> None:
    for answer in (as_owner.patch("/users/me/", {"avatar": sent}), anonymous.post("/users/", {"avatar": sent})):
        assert (answer.status_code, answer.json()) == (400, {"avatar": [ELSEWHERE]})


def test_a_picture_sent_to_the_account_is_told_where_to_go(as_owner: APIClient) -> None:
    expected = {"avatar": [f"No file is taken here. {ELSEWHERE}"]}
    answer = as_owner.patch("/users/me/", {"avatar": named("me.png", picture())}, format="multipart")
    assert (answer.status_code, answer.json()) == (400, expected)


def test_an_account_may_be_sent_back_as_it_was_got(as_owner: APIClient) -> None:
    account = as_owner.get("/users/me/").json()
    assert as_owner.patch("/users/me/", account).status_code == 200
    assert as_owner.patch("/users/me/", {"avatar": ""}, format="multipart").status_code == 200
    put(as_owner, picture())
    assert as_owner.patch("/users/me/", account).json() == {"avatar": [ELSEWHERE]}  # which would remove it
    account = as_owner.get("/users/me/").json()
    elsewhere = account["avatar"].replace("http://testserver", "https://snippets.example.org")
    assert as_owner.patch("/users/me/", account).status_code == 200
    assert as_owner.patch("/users/me/", account | {"avatar": elsewhere}).status_code == 200
    assert as_owner.get("/users/me/").json() == account


def test_only_who_has_signed_in_has_one(anonymous: APIClient, in_browser: APIClient) -> None:
    assert put(anonymous, picture()).status_code == 401
    assert anonymous.delete("/users/me/avatar/").status_code == 401
    assert put(in_browser, picture()).status_code == 403  # CSRF
    assert anonymous.get("/users/nobody/avatar/").status_code == 404


def test_a_browser_has_a_form_for_it(in_browser: APIClient) -> None:
    page = in_browser.get("/users/me/avatar/", HTTP_ACCEPT="text/html").content.decode()
    assert re.search(r'<input[^>]* type="file"', page)
    assert 'data-method="PUT" enctype="multipart/form-data"' in page


def test_it_says_what_it_takes(as_owner: APIClient, anonymous: APIClient) -> None:
    assert list(as_owner.options("/users/me/avatar/").json()["actions"]["PUT"]) == ["file"]
    assert anonymous.options("/users/me/avatar/").status_code == 401
    assert anonymous.options("/users/nobody/avatar/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_new_one_replaces_the_old_and_deleting_removes_it(
    as_owner: APIClient, anonymous: APIClient, settings: Any
) -> None:
    put(as_owner, picture())
    first = stored_files(settings)
    etag = anonymous.get("/users/owner/avatar/")["ETag"]
    assert anonymous.get("/users/owner/avatar/", headers={"If-None-Match": etag}).status_code == 304
    put(as_owner, picture(size=(10, 10)))
    second = stored_files(settings)
    assert len(first) == len(second) == 1
    assert first != second
    assert anonymous.get("/users/owner/avatar/", headers={"If-None-Match": etag}).status_code == 200
    assert as_owner.delete("/users/me/avatar/").status_code == 204
    assert stored_files(settings) == []
    assert anonymous.get("/users/owner/avatar/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_it_goes_with_its_user(as_owner: APIClient, owner: User, settings: Any) -> None:
    put(as_owner, picture())
    User.objects.get(pk=owner.pk).delete()
    assert stored_files(settings) == []
