"""Files that are uploaded to snippets: what is kept of them, and who may do what."""

import hashlib
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import User
from snippets.models import Attachment, Snippet
from tests.uploading import BINARY, PAGE, PDF, SVG, animation, body, named, picture, upload


def stored_files(settings: Any) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_a_file_comes_back_byte_for_byte(as_owner: APIClient, snippet: Snippet) -> None:
    answer = upload(as_owner, snippet.pk, named("core.bin", BINARY))
    assert answer.status_code == 201
    (made,) = answer.json()
    assert made["url"] == f"http://testserver/snippets/{snippet.pk}/attachments/{made['pk']}/"
    assert (made["name"], made["size"], made["content_type"]) == ("core.bin", 1024, "application/octet-stream")
    assert made["sha256"] == hashlib.sha256(BINARY).hexdigest()
    assert (made["uploader"], made["width"], made["height"], made["preview"]) == ("owner", None, None, None)
    assert made["created"].endswith("Z")
    assert body(as_owner.get(made["content"])) == BINARY
    assert as_owner.get(made["url"]).json() == made


def test_several_at_once_and_the_list_of_them(as_owner: APIClient, snippet: Snippet) -> None:
    answer = upload(as_owner, snippet.pk, named("a.txt", b"one\n"), named("b.txt", b"two\n"))
    assert [it["name"] for it in answer.json()] == ["a.txt", "b.txt"]
    page = as_owner.get(f"/snippets/{snippet.pk}/attachments/").json()
    assert page == {"count": 2, "next": None, "previous": None, "results": answer.json()}


def test_all_or_none(as_owner: APIClient, snippet: Snippet, settings: Any) -> None:
    answer = upload(as_owner, snippet.pk, named("a.txt", b"one\n"), named("b.png", b"\x89PNG\r\n\x1a\n damaged"))
    assert answer.status_code == 400
    assert answer.json() == {"file": ["b.png: The image is damaged, or cannot be decoded."]}
    assert not Attachment.objects.exists()
    assert stored_files(settings) == []


def test_the_list_costs_the_same_however_long(
    as_owner: APIClient, snippet: Snippet, max_queries: Callable[[int], Any]
) -> None:
    upload(as_owner, snippet.pk, *(named(f"{number}.txt", b"text") for number in range(10)))
    with max_queries(4):  # the token and its user, the snippet, and the files
        assert as_owner.get(f"/snippets/{snippet.pk}/attachments/").json()["count"] == 10


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_a_picture_has_a_size_and_a_preview(
    as_owner: APIClient, snippet: Snippet, kind: str, content_type: str
) -> None:
    (made,) = upload(as_owner, snippet.pk, named("x", picture(kind, (1300, 700)), "text/html")).json()
    assert (made["content_type"], made["width"], made["height"]) == (content_type, 1300, 700)
    preview = as_owner.get(made["preview"])
    assert preview["Content-Type"] == "image/webp"
    with Image.open(io.BytesIO(body(preview))) as image:
        assert image.size == (640, 345)
    content = as_owner.get(made["content"])
    assert content["Content-Type"] == content_type
    assert content["Content-Disposition"].startswith("inline")


def test_a_turned_photograph_is_described_as_it_is_shown(as_owner: APIClient, snippet: Snippet) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    (made,) = upload(as_owner, snippet.pk, named("photo.jpg", picture("JPEG", (40, 30), exif=exif))).json()
    assert (made["width"], made["height"]) == (30, 40)
    with Image.open(io.BytesIO(body(as_owner.get(made["preview"])))) as image:
        assert image.size == (30, 40)
        assert not image.getexif()


@pytest.mark.parametrize(
    ("name", "content", "claimed", "content_type"),
    [
        ("logo.svg", SVG, "image/svg+xml", "text/plain"),
        ("page.html", PAGE, "text/html", "text/plain"),
        ("page.png", PAGE, "image/png", "text/plain"),
        ("core.bin", BINARY, "image/png", "application/octet-stream"),
        ("notes.txt", "ünïcode\n".encode(), "text/html", "text/plain"),
        ("latin.txt", "ünïcode\n".encode("latin-1"), "text/plain", "application/octet-stream"),
        ("cut.txt", "ü".encode()[:1], "text/plain", "application/octet-stream"),
        ("all.zip", b"PK\x03\x04rest", "text/html", "application/zip"),
        ("all.tar.gz", b"\x1f\x8b\x08rest", "text/html", "application/gzip"),
    ],
)
def test_only_what_cannot_run_is_shown_and_the_rest_is_downloaded(
    as_owner: APIClient, snippet: Snippet, name: str, content: bytes, claimed: str, content_type: str
) -> None:
    (made,) = upload(as_owner, snippet.pk, named(name, content, claimed)).json()
    assert made["content_type"] == content_type
    answer = as_owner.get(made["content"])
    assert answer["Content-Type"].partition(";")[0] == content_type
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert body(answer) == content


def test_a_pdf_is_shown_in_a_sandbox(as_owner: APIClient, snippet: Snippet) -> None:
    (made,) = upload(as_owner, snippet.pk, named("paper.pdf", PDF, "text/html")).json()
    answer = as_owner.get(made["content"])
    assert (answer["Content-Type"], answer["Content-Disposition"][:6]) == ("application/pdf", "inline")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_polyglot_is_a_picture_and_nothing_else(as_owner: APIClient, snippet: Snippet) -> None:
    (made,) = upload(as_owner, snippet.pk, named("x.html", picture("GIF") + PAGE, "text/html")).json()
    answer = as_owner.get(made["content"])
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/gif", "nosniff")
    assert PAGE not in body(as_owner.get(made["preview"]))


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("plain.bin", 'attachment; filename="plain.bin"'),
        ("two words.bin", 'attachment; filename="two words.bin"'),
        ("日本語 ñ.bin", "attachment; filename*=utf-8''%E6%97%A5%E6%9C%AC%E8%AA%9E%20%C3%B1.bin"),
        ("50% 'off'.bin", "attachment; filename=\"50% 'off'.bin\""),
        ("NUL", 'attachment; filename="NUL"'),
        ("R&copy &amp;.bin", 'attachment; filename="R&copy &amp;.bin"'),
        ("Screenshot at 5.00\u202fPM.bin", "attachment; filename*=utf-8''Screenshot%20at%205.00%E2%80%AFPM.bin"),
    ],
)
def test_names_are_kept_for_people_and_never_used_as_keys(
    as_owner: APIClient, snippet: Snippet, settings: Any, name: str, disposition: str
) -> None:
    (made,) = upload(as_owner, snippet.pk, named(name, BINARY)).json()
    assert made["name"] == name
    assert as_owner.get(made["content"])["Content-Disposition"] == disposition
    (stored,) = stored_files(settings)
    assert len(stored.name) == 30
    assert set(stored.name) <= set("0123456789abcdef")


def raw_upload(client: APIClient, snippet: Snippet, disposition: str, ending: str = "\r\n--b--\r\n") -> Any:
    sent = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\ntext{ending}"
    return client.post(
        f"/snippets/{snippet.pk}/attachments/", sent.encode("latin-1"), content_type="multipart/form-data; boundary=b"
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\fakepath\\\\a.txt", "a.txt"),
        ('say \\"hi\\".txt', 'say "hi".txt'),
        ("say %22hi%22.txt", 'say "hi".txt'),  # as browsers and curl write it
        ("100%25%2f%.txt", "100%25%2f%.txt"),
    ],
)
def test_of_a_path_only_the_name_is_kept(as_owner: APIClient, snippet: Snippet, sent: str, kept: str) -> None:
    (made,) = raw_upload(as_owner, snippet, f'name="file"; filename="{sent}"').json()
    assert made["name"] == kept
    quoted = kept.replace('"', '\\"')
    assert as_owner.get(made["content"])["Content-Disposition"] == f'attachment; filename="{quoted}"'


NAMELESS = {"file": ["A file's name may not be blank, nor . or .., nor end in a slash."]}
CONTROLS = {"file": ["A file's name may not have line breaks or control characters."]}
NO_FILE = {"file": ["The submitted data was not a file. Check the encoding type on the form."]}
UNREADABLE = {"file": ["A part's name, or its file's, cannot be read: they must be UTF-8."]}


@pytest.mark.parametrize(
    ("disposition", "complaint"),
    [
        (f'name="file"; filename="{"n" * 256}"', {"file": ["A file's name may be at most 255 bytes long."]}),
        ("name=file; filename*=UTF-8''%FF.txt", {"file": ["A file's name must be valid UTF-8."]}),
        *((f'name="file"; filename="{name}"', NAMELESS) for name in ("..", ".", "/", "a/", "a\\\\", "  ", "a/..")),
        ("name=file; filename*=UTF-8''%E2%80%8B", NAMELESS),  # a space of no width
        ("name=file; filename*=UTF-8''%00", CONTROLS),
        ('name="file"; filename="a%0D%0Ab.txt"', CONTROLS),
        ('name="file"; filename="\xff.txt"', UNREADABLE),
        ("name=file; filename*=nonsense''a.txt", UNREADABLE),
        ('filename="a.txt"', UNREADABLE),
        ('name="other"; filename="a.txt"', {"other": ["Unknown field."]}),
        ('name="file"', NO_FILE),
        ('name="file"; filename=""', NO_FILE),
    ],
)
def test_what_is_no_file_or_has_no_name_is_refused(
    as_owner: APIClient, snippet: Snippet, disposition: str, complaint: dict[str, list[str]]
) -> None:
    answer = raw_upload(as_owner, snippet, disposition)
    assert (answer.status_code, {name: answer.json()[name] for name in complaint}) == (400, complaint)
    assert not Attachment.objects.exists()


def test_a_name_that_turns_the_direction_of_writing_is_refused(as_owner: APIClient, snippet: Snippet) -> None:
    answer = upload(as_owner, snippet.pk, named("a\u202egpj.exe", BINARY))
    assert (answer.status_code, list(answer.json())) == (400, ["file"])
    assert "No characters that turn the direction of writing." in str(answer.json())


def test_a_file_too_large_for_memory_may_have_a_long_ending(as_owner: APIClient, snippet: Snippet) -> None:
    name = "a." + "x" * 250
    (made,) = upload(as_owner, snippet.pk, named(name, bytes(3 * 1024 * 1024))).json()
    assert made["name"] == name


def test_a_file_is_not_cut_at_what_looks_like_a_boundary(as_owner: APIClient, snippet: Snippet) -> None:
    """Django takes it for one wherever it stands, and would keep what is before it."""
    answer = raw_upload(as_owner, snippet, 'name="file"; filename="a.txt"', " --b is in it\r\n--b--\r\n")
    assert answer.status_code == 400
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("ending", ["", "\r\n", "\r\n--b", "\r\n--b-"])
def test_a_body_cut_off_leaves_nothing(as_owner: APIClient, snippet: Snippet, ending: str, settings: Any) -> None:
    answer = raw_upload(as_owner, snippet, 'name="file"; filename="a.txt"', ending)
    assert answer.status_code == 400
    assert "boundary" in answer.json()["detail"]
    assert not Attachment.objects.exists()
    assert stored_files(settings) == []


def test_a_hundred_and_one_files_at_once(as_owner: APIClient, snippet: Snippet) -> None:
    answer = upload(as_owner, snippet.pk, *(named(f"{number}", b"x") for number in range(101)))
    assert (answer.status_code, answer.json()) == (400, {"file": ["At most 100 at once."]})


def test_without_room_for_temporary_files(
    as_owner: APIClient, snippet: Snippet, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "full")
    answer = upload(as_owner, snippet.pk, named("large", bytes(3 * 1024 * 1024)))
    assert (answer.status_code, answer.json()) == (503, {"detail": "Uploads do not work at the moment. Try again."})
    assert "the folder for temporary files: No such file or directory" in caplog.text


@pytest.mark.parametrize("sent", [b"", b"--b--\r\n", b"nonsense"])
def test_a_body_without_files(as_owner: APIClient, snippet: Snippet, sent: bytes) -> None:
    path = f"/snippets/{snippet.pk}/attachments/"
    assert as_owner.post(path, sent, content_type="multipart/form-data; boundary=b").status_code == 400
    assert as_owner.post(path, sent, content_type="multipart/form-data").status_code == 400
    assert as_owner.post(path, {"file": "x"}, format="json").status_code == 415


def test_an_empty_file_is_refused(as_owner: APIClient, snippet: Snippet) -> None:
    answer = upload(as_owner, snippet.pk, named("empty", b""))
    assert answer.status_code == 400
    assert "empty" in str(answer.json()["file"])


# --- Who may do what --------------------------------------------------------------------------------------------------


@pytest.fixture
def attachment(as_owner: APIClient, snippet: Snippet) -> Attachment:
    upload(as_owner, snippet.pk, named("cat.png", picture()))
    return Attachment.objects.get()


@pytest.mark.parametrize(
    ("visibility", "by_number", "by_slug"), [("public", 200, 200), ("unlisted", 404, 200), ("private", 404, 404)]
)
def test_who_sees_the_snippet_sees_its_files(
    as_owner: APIClient,
    as_stranger: APIClient,
    as_staff: APIClient,
    anonymous: APIClient,
    attachment: Attachment,
    visibility: str,
    by_number: int,
    by_slug: int,
) -> None:
    snippet = attachment.snippet
    Snippet.objects.filter(pk=snippet.pk).update(visibility=visibility)
    for ref, expected in ((snippet.pk, by_number), (snippet.slug, by_slug)):
        for rest in ("", f"{attachment.pk}/", f"{attachment.pk}/content/", f"{attachment.pk}/preview/"):
            path = f"/snippets/{ref}/attachments/{rest}"
            statuses = [client.get(path).status_code for client in (as_owner, as_staff, as_stranger, anonymous)]
            assert statuses == [200, 200, expected, expected], path
            assert anonymous.options(path).status_code == expected


def test_the_links_are_those_that_work_for_others(as_owner: APIClient, attachment: Attachment) -> None:
    Snippet.objects.update(visibility="unlisted")
    slug = attachment.snippet.slug
    (shown,) = as_owner.get(f"/snippets/{attachment.snippet_id}/attachments/").json()["results"]
    assert shown["content"] == f"http://testserver/snippets/{slug}/attachments/{attachment.pk}/content/"


@pytest.mark.parametrize(
    ("who", "adds", "removes"),
    [("as_owner", 201, 204), ("as_staff", 403, 204), ("as_stranger", 403, 403), ("anonymous", 401, 401)],
)
def test_who_changes_the_snippet_adds_and_removes(
    request: pytest.FixtureRequest, attachment: Attachment, who: str, adds: int, removes: int
) -> None:
    client = request.getfixturevalue(who)
    assert upload(client, attachment.snippet_id, named("a.txt", b"text")).status_code == adds
    path = f"/snippets/{attachment.snippet_id}/attachments/{attachment.pk}/"
    assert client.delete(path).status_code == removes
    assert Attachment.objects.filter(pk=attachment.pk).exists() == (removes != 204)


def test_a_token_that_reads_does_not_write(owner: User, attachment: Attachment) -> None:
    from accounts.models import ApiToken

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiToken.issue(owner, 'reads', 'read')[1]}")
    assert client.get(f"/snippets/{attachment.snippet_id}/attachments/").status_code == 200
    assert upload(client, attachment.snippet_id, named("a.txt", b"text")).status_code == 403
    assert client.delete(f"/snippets/{attachment.snippet_id}/attachments/{attachment.pk}/").status_code == 403


def test_who_holds_the_edit_key_adds_and_removes(anonymous: APIClient, settings: Any) -> None:
    made = anonymous.post("/snippets/", {"code": "x"}).json()
    settings.ANONYMOUS_POSTING = False  # which is about new snippets
    assert upload(anonymous, made["pk"], named("a.txt", b"text")).status_code == 401
    wrong = {"HTTP_X_EDIT_KEY": "edit_wrong"}
    assert upload(anonymous, made["pk"], named("a.txt", b"text"), **wrong).status_code == 403
    key = {"HTTP_X_EDIT_KEY": made["edit_key"]}
    (added,) = upload(anonymous, made["pk"], named("a.txt", b"text"), **key).json()
    assert added["uploader"] is None
    assert anonymous.delete(added["url"], **key).status_code == 204


def test_the_browser_that_posted_without_an_account_adds_files(db: None) -> None:
    client = APIClient(enforce_csrf_checks=True)
    made = client.post("/snippets/", {"code": "x"}, format="multipart", HTTP_ACCEPT="text/html")
    assert made.status_code == 201
    (path,) = (f"/snippets/{snippet.pk}/attachments/" for snippet in Snippet.objects.all())
    assert client.post(path, {"file": named("a.txt", b"text")}, format="multipart").status_code in (401, 403)
    page = client.get(path, HTTP_ACCEPT="text/html")
    assert 'id="upload-files"' in page.content.decode()
    assert 'id="upload-files"' not in APIClient().get(path, HTTP_ACCEPT="text/html").content.decode()
    token = page.cookies.get("csrftoken") or client.cookies["csrftoken"]
    fields = {"csrfmiddlewaretoken": token.value, "file": named("a.txt", b"text")}
    assert client.post(path, fields, format="multipart").status_code == 201


def test_anonymous_uploads_are_throttled(anonymous: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from snippets.throttling import AnonymousPostingThrottle

    made = anonymous.post("/snippets/", {"code": "x"}).json()
    monkeypatch.setattr(AnonymousPostingThrottle, "THROTTLE_RATES", {"anonymous-posting": "2/hour"})
    key = {"HTTP_X_EDIT_KEY": made["edit_key"]}
    statuses = [upload(anonymous, made["pk"], named("a", b"text"), **key).status_code for _ in range(3)]
    assert statuses == [201, 429, 429]  # the snippet counts too


def test_an_attachment_is_found_under_its_own_snippet_alone(as_owner: APIClient, attachment: Attachment) -> None:
    other = as_owner.post("/snippets/", {"code": "x"}).json()["pk"]
    for rest in ("", "content/", "preview/"):
        assert as_owner.get(f"/snippets/{other}/attachments/{attachment.pk}/{rest}").status_code == 404
        assert as_owner.get(f"/snippets/{attachment.snippet_id}/attachments/{10**30}/{rest}").status_code == 404
    assert as_owner.delete(f"/snippets/{other}/attachments/{attachment.pk}/").status_code == 404


def test_a_browser_needs_its_csrf_token(in_browser: APIClient, snippet: Snippet) -> None:
    assert upload(in_browser, snippet.pk, named("a.txt", b"text")).status_code == 403
    token = in_browser.get(f"/snippets/{snippet.pk}/attachments/", HTTP_ACCEPT="text/html").cookies["csrftoken"].value
    in_header = upload(in_browser, snippet.pk, named("a.txt", b"text"), HTTP_X_CSRFTOKEN=token)
    assert in_header.status_code == 201
    fields = {"csrfmiddlewaretoken": token, "file": named("b.txt", b"text")}
    in_form = in_browser.post(f"/snippets/{snippet.pk}/attachments/", fields, format="multipart")
    assert in_form.status_code == 201, in_form.content


def test_the_page_has_a_form_for_who_may_add(in_browser: APIClient, anonymous: APIClient, snippet: Snippet) -> None:
    path = f"/snippets/{snippet.pk}/attachments/"
    mine = in_browser.get(path, HTTP_ACCEPT="text/html").content.decode()
    assert '<input id="upload-files" name="file" type="file" multiple required>' in mine
    assert '<progress id="upload-progress"' in mine
    assert "/static/snippets/upload.js" in mine
    assert "upload-files" not in anonymous.get(path, HTTP_ACCEPT="text/html").content.decode()
    assert in_browser.get("/snippets/999/attachments/", HTTP_ACCEPT="text/html").status_code == 404


# --- Downloads --------------------------------------------------------------------------------------------------------


@pytest.fixture
def content(as_owner: APIClient, snippet: Snippet) -> str:
    (made,) = upload(as_owner, snippet.pk, named("core.bin", BINARY)).json()
    address: str = made["content"]
    return address


@pytest.mark.parametrize(
    ("wanted", "expected", "content_range"),
    [
        ("bytes=0-0", BINARY[:1], "bytes 0-0/1024"),
        ("bytes=10-19", BINARY[10:20], "bytes 10-19/1024"),
        ("bytes=1000-", BINARY[1000:], "bytes 1000-1023/1024"),
        ("bytes=1000-99999", BINARY[1000:], "bytes 1000-1023/1024"),
        ("bytes=-24", BINARY[1000:], "bytes 1000-1023/1024"),
    ],
)
def test_a_range_of_bytes(as_owner: APIClient, content: str, wanted: str, expected: bytes, content_range: str) -> None:
    answer = as_owner.get(content, headers={"Range": wanted})
    assert (answer.status_code, answer["Content-Range"]) == (206, content_range)
    assert (body(answer), answer["Content-Length"]) == (expected, str(len(expected)))
    head = as_owner.head(content, headers={"Range": wanted})
    assert (head.status_code, head["Content-Range"], head.content) == (206, content_range, b"")


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_that_is_not_there(as_owner: APIClient, content: str, wanted: str) -> None:
    answer = as_owner.get(content, headers={"Range": wanted})
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */1024")
    assert answer.json() == {"detail": "The file has no such range."}
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("wanted", ["bytes=9-3", "bytes=-", "lines=1-2", "bytes=1-2,5-6", "bytes=x-", "bytes=٣-"])
def test_a_range_that_makes_no_sense_is_as_good_as_none(as_owner: APIClient, content: str, wanted: str) -> None:
    answer = as_owner.get(content, HTTP_RANGE=wanted)
    assert (answer.status_code, body(answer)) == (200, BINARY)


def test_head_and_what_one_has_already(as_owner: APIClient, content: str) -> None:
    head = as_owner.head(content)
    assert (head.status_code, head["Content-Length"], head["Accept-Ranges"]) == (200, "1024", "bytes")
    assert head.content == b""
    assert head["Cache-Control"] == "private, no-cache"
    again = as_owner.get(content, headers={"If-None-Match": head["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "sandbox" in again["Content-Security-Policy"]
    rest = {"Range": "bytes=1000-", "If-Range": head["ETag"]}
    assert as_owner.get(content, headers=rest).status_code == 206
    assert as_owner.get(content, headers=rest | {"If-Range": '"another"'}).status_code == 200


def test_what_one_has_already_is_no_longer_there_once_it_is_hidden(
    as_owner: APIClient, anonymous: APIClient, content: str
) -> None:
    etag = anonymous.get(content)["ETag"]
    Snippet.objects.update(visibility="private")
    assert anonymous.get(content, headers={"If-None-Match": etag}).status_code == 404


def test_behind_a_web_server_the_file_does_not_pass_through_python(
    as_owner: APIClient, content: str, settings: Any
) -> None:
    settings.X_ACCEL_REDIRECT = True
    answer = as_owner.get(content, headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Accel-Redirect"] == f"/media/{Attachment.objects.get().file.name}"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="core.bin"'


def test_a_file_that_is_lost_is_not_found(as_owner: APIClient, content: str, settings: Any) -> None:
    for path in stored_files(settings):
        path.unlink()
    answer = as_owner.get(content)
    assert (answer.status_code, answer.json()) == (404, {"detail": "The file is no longer stored."})
    assert as_owner.get(content.replace("content/", "")).status_code == 200


def test_a_folder_of_uploads_that_is_gone_is_a_failure_and_not_a_missing_file(
    as_owner: APIClient, snippet: Snippet, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (made,) = upload(as_owner, snippet.pk, named("cat.png", picture())).json()
    shutil.rmtree(settings.MEDIA_ROOT)
    for address in (made["content"], made["preview"]):
        for _ in range(2):
            answer = as_owner.get(address)
            assert (answer.status_code, list(answer.json()), answer["Retry-After"]) == (503, ["detail"], "2")
            assert "MEDIA_ROOT cannot be used: the folders of earlier uploads are gone" in caplog.text
            caplog.clear()
            assert as_owner.get("/health/ready/").status_code == 200  # which makes the folder anew
    upload(as_owner, snippet.pk, named("cat.png", picture()))
    assert as_owner.get(made["content"]).status_code == 404


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_one_file_too_large_names_it(as_owner: APIClient, snippet: Snippet, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1024
    assert upload(as_owner, snippet.pk, named("fits", b"x" * 1024)).status_code == 201
    answer = upload(as_owner, snippet.pk, named("small", b"x"), named("large", b"x" * 1025))
    assert (answer.status_code, answer.json()) == (413, {"file": ["large: A file may be at most 1024 bytes long."]})
    assert Attachment.objects.count() == 1


def test_a_body_too_large_for_any_snippet_is_not_read(as_owner: APIClient, snippet: Snippet, settings: Any) -> None:
    settings.SNIPPET_UPLOADS_MAX_BYTES = 1024
    answer = upload(as_owner, snippet.pk, named("large", b"x" * (1024 * 1024 + 1024)))
    assert answer.status_code == 413
    assert "larger than this server accepts" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("SNIPPET_UPLOADS_MAX_BYTES", 2000, "A snippet's attachments may be at most 2000 bytes together."),
        ("SNIPPET_UPLOADS_MAX_COUNT", 1, "A snippet may have at most 1 attachments."),
        ("USER_UPLOADS_MAX_BYTES", 2000, "A user's attachments may be at most 2000 bytes together."),
    ],
)
def test_no_more_than_a_snippet_and_a_user_may_have(
    as_owner: APIClient, snippet: Snippet, settings: Any, variable: str, value: int, complaint: str
) -> None:
    setattr(settings, variable, value)
    assert upload(as_owner, snippet.pk, named("a", b"x" * 1000)).status_code == 201
    answer = upload(as_owner, snippet.pk, named("b", b"x" * 1001))
    assert (answer.status_code, answer.json()) == (400, {"file": [complaint]})
    assert len(stored_files(settings)) == 1


def test_a_user_s_quota_counts_all_snippets_and_nobody_s_are_one_user(
    as_owner: APIClient, as_stranger: APIClient, anonymous: APIClient, settings: Any
) -> None:
    settings.USER_UPLOADS_MAX_BYTES = 2000

    def add(client: APIClient) -> int:
        made = client.post("/snippets/", {"code": "x"}).json()
        key = {"HTTP_X_EDIT_KEY": made["edit_key"]} if made["edit_key"] else {}
        return int(upload(client, made["pk"], named("a", b"x" * 1500), **key).status_code)

    assert [add(as_owner), add(as_stranger), add(anonymous)] == [201, 201, 201]
    assert [add(as_owner), add(as_stranger), add(anonymous)] == [400, 400, 400]


def test_only_the_types_that_are_allowed(as_owner: APIClient, snippet: Snippet, settings: Any) -> None:
    settings.UPLOAD_TYPES = ["image/*", "application/pdf"]
    assert upload(as_owner, snippet.pk, named("a.txt", picture()), named("b", PDF)).status_code == 201
    answer = upload(as_owner, snippet.pk, named("page.png", PAGE, "image/png"))
    assert answer.status_code == 400
    assert answer.json() == {
        "file": ["page.png: Files of the type text/plain are not taken here: only image/*, application/pdf."]
    }


def test_a_decompression_bomb_is_refused(as_owner: APIClient, snippet: Snippet) -> None:
    stream = io.BytesIO()
    Image.new("1", (13000, 6800)).save(stream, "PNG", optimize=True)
    assert len(stream.getvalue()) < 20_000
    answer = upload(as_owner, snippet.pk, named("bomb.png", stream.getvalue()))
    assert answer.status_code == 400
    assert answer.json() == {"file": ["bomb.png: The image may have at most 20000000 pixels."]}


DAMAGED = {"file": ["x: The image is damaged, or cannot be decoded."]}


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_that_is_broken_off_is_refused(as_owner: APIClient, snippet: Snippet, kind: str) -> None:
    whole = animation(kind)
    assert upload(as_owner, snippet.pk, named("x", whole + PAGE)).status_code == 201
    for length in (len(whole) // 2, len(whole) - 20):
        answer = upload(as_owner, snippet.pk, named("x", whole[:length]))
        assert (answer.status_code, answer.json()) == (400, DAMAGED), length


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_gif_that_is_broken_off_between_two_frames_is_refused(
    as_owner: APIClient, snippet: Snippet, frames: int
) -> None:
    whole = animation("GIF")
    starts = [match.start() for match in re.finditer(re.escape(b"!\xf9\x04"), whole)]
    assert len(starts) == 4  # all but the first frame's
    answer = upload(as_owner, snippet.pk, named("x", whole[: starts[frames - 1]]))
    assert (answer.status_code, answer.json()) == (400, DAMAGED)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_has_limits_of_its_own(as_owner: APIClient, snippet: Snippet, settings: Any, kind: str) -> None:
    settings.IMAGE_MAX_PIXELS = 100
    assert upload(as_owner, snippet.pk, named("x", animation(kind, 20, (10, 10)))).status_code == 201
    answer = upload(as_owner, snippet.pk, named("x", animation(kind, 21, (10, 10))))
    complaint = "x: An animation may have at most 10000 frames, and 2000 pixels in all of them."
    assert (answer.status_code, answer.json()) == (400, {"file": [complaint]})


def test_a_gif_has_no_frame_that_is_larger_than_it_is(as_owner: APIClient, snippet: Snippet) -> None:
    whole = bytearray(animation("GIF"))
    frame = whole.rindex(b"\x2c\0\0\0\0")
    whole[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    answer = upload(as_owner, snippet.pk, named("x", bytes(whole)))
    assert (answer.status_code, "An animation may have" in answer.json()["file"][0]) == (400, True), answer.json()


# --- Removing ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["attachment", "snippet", "many snippets"])
def test_what_is_deleted_takes_its_files_along(
    as_owner: APIClient, attachment: Attachment, settings: Any, what: str
) -> None:
    assert len(stored_files(settings)) == 2  # and its preview
    if what == "attachment":
        assert as_owner.delete(f"/snippets/{attachment.snippet_id}/attachments/{attachment.pk}/").status_code == 204
    elif what == "snippet":
        assert as_owner.delete(f"/snippets/{attachment.snippet_id}/").status_code == 204
    else:
        Snippet.objects.all().delete()  # as the admin does
    assert not Attachment.objects.exists()
    assert stored_files(settings) == []


def test_a_folder_that_cannot_be_made_is_503_and_says_why(
    as_owner: APIClient, snippet: Snippet, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.MEDIA_ROOT = "/proc/nothing"  # where nobody can make a folder, root neither
    answer = upload(as_owner, snippet.pk, named("a.bin", BINARY))
    assert (answer.status_code, list(answer.json())) == (503, ["detail"])
    assert answer["Retry-After"]
    assert "MEDIA_ROOT cannot be used: No such file or directory" in caplog.text
    assert "MEDIA_ROOT cannot be used" in as_owner.get("/health/ready/").json()["checks"]["storage"]
