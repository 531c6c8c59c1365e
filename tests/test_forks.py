"""Forks: copies of what one may see, which never show a source that others may not find."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from snippets.models import Snippet
from tests.uploading import named, upload

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
EVERYTHING: dict[str, Any] = {
    "title": "Greeting",
    "code": "  puts 'hello'\r\n",
    "linenos": True,
    "language": "ruby",
    "style": "monokai",
    "filename": "hello.rb",
    "description": " Says hello. ",
}


def post(client: APIClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/snippets/", EVERYTHING | fields)
    assert response.status_code == 201, response.content
    posted: dict[str, Any] = response.json()
    return posted


def fork(client: APIClient, ref: Any, **fields: Any) -> dict[str, Any]:
    response = client.post(f"/snippets/{ref}/fork/", fields)
    assert response.status_code == 201, response.content
    made: dict[str, Any] = response.json()
    return made


def test_a_fork_is_a_copy_of_ones_own(as_owner: APIClient, as_stranger: APIClient) -> None:
    source = post(as_owner)
    as_owner.patch(f"/snippets/{source['pk']}/", {"title": "Changed", "message": "why"})
    upload(as_owner, source["pk"], named("a.txt", b"text"))
    response = as_stranger.post(f"/snippets/{source['pk']}/fork/")
    assert response.status_code == 201
    made = response.json()
    assert response["Location"] == made["url"] != source["url"]
    assert response["ETag"] == as_stranger.get(made["url"])["ETag"]
    assert {name: made[name] for name in EVERYTHING} == EVERYTHING | {"title": "Changed"}
    assert (made["owner"], made["visibility"], made["edit_key"]) == ("stranger", "public", None)
    assert made["forked_from"] == source["url"]
    assert (made["revision"], made["version"], made["size"]) == (1, 1, source["size"])
    assert made["created"] > source["updated"]
    assert as_stranger.get(made["attachments"]).json()["count"] == 0
    (first,) = as_stranger.get(made["revisions"]).json()["results"]
    assert (first["number"], first["author"], first["message"]) == (1, "stranger", "")
    assert as_stranger.get(f"{made['url']}raw/").content == EVERYTHING["code"].encode()


def test_the_two_go_their_own_ways(as_owner: APIClient, as_stranger: APIClient) -> None:
    source = post(as_owner)
    made = fork(as_stranger, source["pk"])
    assert as_stranger.patch(made["url"], {"title": "Mine"}).status_code == 200
    assert as_owner.patch(made["url"], {"title": "Yours"}).status_code == 403
    assert as_owner.patch(source["url"], {"title": "Original"}).status_code == 200
    assert as_owner.get(made["url"]).json()["title"] == "Mine"
    assert as_owner.get(source["url"]).json()["version"] == 2
    again = fork(as_owner, made["pk"])
    assert (again["owner"], again["forked_from"]) == ("owner", made["url"])


def test_ones_own_may_be_forked(as_owner: APIClient) -> None:
    source = post(as_owner, visibility="private")
    made = fork(as_owner, source["pk"])
    assert (made["forked_from"], made["visibility"]) == (source["url"], "private")


def test_nobody_forks_with_an_edit_key(anonymous: APIClient, as_owner: APIClient, settings: Any) -> None:
    source = post(as_owner)
    made = fork(anonymous, source["pk"])
    assert (made["owner"], made["forked_from"]) == (None, source["url"])
    assert anonymous.patch(made["url"], {"title": "x"}).status_code == 401
    assert anonymous.patch(made["url"], {"title": "x"}, headers={"X-Edit-Key": made["edit_key"]}).status_code == 200
    settings.ANONYMOUS_POSTING = False
    assert anonymous.post(f"/snippets/{source['pk']}/fork/").status_code == 401
    assert fork(as_owner, source["pk"])["edit_key"] is None


def test_forks_of_nobody_are_throttled_as_posts_are(anonymous: APIClient, as_owner: APIClient) -> None:
    source = post(as_owner)
    statuses = [anonymous.post(f"/snippets/{source['pk']}/fork/").status_code for _ in range(61)]
    assert statuses == [201] * 60 + [429]
    assert anonymous.post("/snippets/", EVERYTHING).status_code == 429
    assert as_owner.post(f"/snippets/{source['pk']}/fork/").status_code == 201


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
def test_a_fork_is_no_more_public_than_its_source_unless_that_is_said(as_owner: APIClient, visibility: str) -> None:
    source = post(as_owner, visibility=visibility)
    assert fork(as_owner, source["pk"])["visibility"] == visibility
    for chosen in ("public", "unlisted", "private"):
        assert fork(as_owner, source["pk"], visibility=chosen)["visibility"] == chosen


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"visibility": "secret"}, "visibility"),
        ({"visibility": ""}, "visibility"),
        ({"visibility": None}, "visibility"),
        ({"visiblity": "private"}, "visiblity"),
        ({"code": "x"}, "code"),
        ({"message": "x"}, "message"),
        ([], "non_field_errors"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_named(body: Any, name: str, as_owner: APIClient) -> None:
    source = post(as_owner)
    response = as_owner.post(f"/snippets/{source['pk']}/fork/", body)
    assert (response.status_code, list(response.json())) == (400, [name])
    assert as_owner.post(f"/snippets/{source['pk']}/fork/?visibility=private").status_code == 400
    assert Snippet.objects.count() == 1


def test_a_form_says_it_too(as_owner: APIClient) -> None:
    source = post(as_owner)
    address, form = f"/snippets/{source['pk']}/fork/", "application/x-www-form-urlencoded"
    made = as_owner.post(address, "visibility=private", content_type=form)
    assert (made.status_code, made.json()["visibility"]) == (201, "private")
    assert as_owner.post(address, "", content_type=form).json()["visibility"] == "public"
    assert as_owner.post(address, "x", content_type="text/plain").status_code == 415


def test_a_fork_is_of_the_version_that_was_read(as_owner: APIClient, as_stranger: APIClient) -> None:
    source = post(as_owner)
    address = f"/snippets/{source['pk']}/fork/"
    assert as_stranger.post(address, headers={"If-Match": '"7-0"'}).status_code == 412
    assert as_stranger.post(address, headers={"If-Match": '"1-0"'}).status_code == 201


def test_a_session_forks_with_a_csrf_token_only(in_browser: APIClient, snippet: Snippet) -> None:
    address = f"/snippets/{snippet.pk}/fork/"
    assert in_browser.post(address).status_code == 403
    in_browser.get("/snippets/", headers=BROWSER)
    token = in_browser.cookies["csrftoken"].value
    response = in_browser.post(address, headers=BROWSER | {"X-CSRFToken": token})
    assert (response.status_code, response["Content-Type"]) == (201, "text/html; charset=utf-8")


def test_the_browser_that_forked_may_change_the_fork(as_owner: APIClient) -> None:
    source = post(as_owner)
    browser = APIClient(enforce_csrf_checks=True)
    assert browser.post(f"/snippets/{source['pk']}/fork/", headers=BROWSER).status_code == 201
    made = Snippet.objects.latest("pk")
    browser.get("/snippets/", headers=BROWSER)
    headers = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    assert browser.patch(f"/snippets/{made.pk}/", {"title": "x"}, headers=headers).status_code == 200


# --- What a fork tells of its source ----------------------------------------------------------------------------------


@pytest.fixture
def everybody(
    anonymous: APIClient, as_owner: APIClient, as_stranger: APIClient, as_staff: APIClient
) -> dict[str, APIClient]:
    return {"anonymous": anonymous, "stranger": as_stranger, "owner": as_owner, "staff": as_staff}


@pytest.mark.parametrize("visibility", ["unlisted", "private"])
def test_a_hidden_source_is_shown_to_its_owner_and_staff_only(
    visibility: str, everybody: dict[str, APIClient], owner: User
) -> None:
    """Not even to who has forked it by its link."""
    source = post(everybody["owner"], visibility=visibility, title="Source")
    forker = "stranger" if visibility == "unlisted" else "owner"
    made = fork(everybody[forker], source["slug"], visibility="public")
    for name, client in everybody.items():
        shown = source["url"] if name in ("owner", "staff") else None
        address = f"/snippets/{made['pk']}/"
        answers = [client.get(address), client.get(f"/snippets/?owner={forker}&q=hello")]
        assert answers[0].json()["forked_from"] == shown
        assert [row["forked_from"] for row in answers[1].json()["results"] if row["pk"] == made["pk"]] == [shown]
        answers += [client.get(f"{address}{below}") for below in ("revisions/", "revisions/1/", "highlight/", "raw/")]
        answers.append(client.get(address, headers=BROWSER))
        for answer in answers:
            assert answer.status_code == 200
            assert (source["slug"] in answer.text) <= (name in ("owner", "staff"))
        for ref in (source["pk"], source["slug"]):
            answer = client.get(f"/snippets/?forked_from={ref}")
            if name in ("owner", "staff"):
                assert [row["pk"] for row in answer.json()["results"]] == [made["pk"]]
            else:
                assert (answer.status_code, answer.json()) == (400, {"forked_from": ["There is no such snippet."]})
    if forker == "stranger":
        assert made["forked_from"] is None


def test_what_an_answer_says_of_the_source_is_a_part_of_its_tag(
    as_owner: APIClient, as_stranger: APIClient, anonymous: APIClient
) -> None:
    source = post(as_owner)
    made = fork(as_stranger, source["pk"])
    tags = [anonymous.get(made["url"])["ETag"]]
    as_owner.patch(source["url"], {"visibility": "unlisted"})
    hidden = anonymous.get(made["url"], headers={"If-None-Match": tags[0]})
    assert (hidden.status_code, hidden.json()["forked_from"]) == (200, None)
    assert as_owner.get(made["url"], headers={"If-None-Match": hidden["ETag"]}).status_code == 200
    assert as_stranger.get(made["url"]).json()["forked_from"] is None


def test_writing_shows_the_source_as_reading_does(as_owner: APIClient, as_stranger: APIClient) -> None:
    public, hidden = post(as_owner), post(as_owner, visibility="unlisted")
    for source, shown in ((public, public["url"]), (hidden, None)):
        made = fork(as_stranger, source["slug"])
        for method in ("put", "patch"):
            body = EVERYTHING | {"title": method}
            answer = getattr(as_stranger, method)(f"/snippets/{made['slug']}/", body | {"forked_from": hidden["url"]})
            assert (answer.status_code, answer.json()["forked_from"]) == (200, shown)
        restored = as_stranger.post(f"/snippets/{made['slug']}/revisions/1/restore/")
        assert (restored.status_code, restored.json()["forked_from"]) == (200, shown)
    posted = as_stranger.post("/snippets/", EVERYTHING | {"forked_from": public["url"]})
    assert (posted.status_code, posted.json()["forked_from"]) == (201, None)


def test_forks_outlive_their_source(as_owner: APIClient, as_stranger: APIClient, owner: User) -> None:
    source = post(as_owner)
    made = fork(as_stranger, source["pk"])
    as_stranger.patch(made["url"], {"title": "Mine"})
    tag = as_stranger.get(made["url"])["ETag"]
    assert as_owner.delete(source["url"]).status_code == 204
    after = as_stranger.get(made["url"], headers={"If-None-Match": tag})
    assert (after.status_code, after.json()["forked_from"], after.json()["title"]) == (200, None, "Mine")
    assert as_stranger.get(made["revisions"]).json()["count"] == 2
    assert as_stranger.get("/snippets/?forked_from=" + str(source["pk"])).status_code == 400
    second = fork(as_stranger, post(as_owner)["pk"])
    owner.delete()
    assert as_stranger.get(second["url"]).json()["forked_from"] is None
    assert Snippet.objects.count() == 2


def test_what_has_expired_is_neither_forked_nor_named(as_owner: APIClient, as_stranger: APIClient) -> None:
    source = post(as_owner, expires_in=3600)
    made = fork(as_stranger, source["pk"])
    assert (made["forked_from"], made["expires"]) == (source["url"], None)
    Snippet.objects.filter(pk=source["pk"]).update(expires=timezone.now())
    for client in (as_owner, as_stranger):
        assert client.get(made["url"]).json()["forked_from"] is None
        assert client.post(f"/snippets/{source['pk']}/fork/").status_code == 404
        assert client.get(f"/snippets/?forked_from={source['pk']}").status_code == 400


def test_what_burns_after_reading_is_no_strangers_to_fork(as_owner: APIClient, as_stranger: APIClient) -> None:
    source = post(as_owner, visibility="unlisted", burn_after_read=True)
    for ref in (source["pk"], source["slug"]):
        response = as_stranger.post(f"/snippets/{ref}/fork/", {"visibility": "private"})
        assert response.status_code in (403, 404)
        assert "hello" not in response.text
    assert Snippet.objects.count() == 1
    assert fork(as_owner, source["slug"])["burn_after_read"] is False
    assert as_stranger.post(f"/snippets/{source['slug']}/open/").status_code == 200
    assert as_owner.post(f"/snippets/{source['slug']}/fork/").status_code == 410


# --- The list of forks ------------------------------------------------------------------------------------------------


def test_the_forks_of_a_snippet_are_listed_where_the_asker_sees_them(everybody: dict[str, APIClient]) -> None:
    source, other = post(everybody["owner"]), post(everybody["owner"])
    public = fork(everybody["stranger"], source["pk"])
    private = fork(everybody["stranger"], source["pk"], visibility="private")
    fork(everybody["stranger"], other["pk"])
    for name, client in everybody.items():
        for ref in (source["pk"], source["slug"]):
            page = client.get(f"/snippets/?forked_from={ref}&page_size=1").json()
            expected = [private["pk"], public["pk"]] if name in ("stranger", "staff") else [public["pk"]]
            assert page["count"] == len(expected)
            found = [row["pk"] for row in client.get(f"/snippets/?forked_from={ref}").json()["results"]]
            assert found == expected
    assert everybody["owner"].get(f"/snippets/?forked_from={source['pk']}&language=python").json()["count"] == 0


@pytest.mark.parametrize("ref", ["0", "999", "x", "²", "٣", "9" * 30, "-1", "a" * 22, "%00", "", "1&forked_from=1"])
def test_a_source_that_is_not_there_is_named(ref: str, anonymous: APIClient) -> None:
    response = anonymous.get(f"/snippets/?forked_from={ref}")
    assert (response.status_code, list(response.json())) == (400, ["forked_from"])


def test_fifty_forks_cost_as_many_queries_as_none(
    anonymous: APIClient, as_owner: APIClient, max_queries: Callable[[int], Any]
) -> None:
    source = post(as_owner)
    with max_queries(3):  # whether one is about to expire, the keys with their number, and the rows
        anonymous.get("/snippets/")
    for number in range(50):
        fork(as_owner, source["pk"] + number)
    with max_queries(3):
        page = anonymous.get("/snippets/?page_size=100").json()
    assert [row["forked_from"] is None for row in page["results"]] == [False] * 50 + [True]
    with max_queries(5):  # and the source, and the number
        assert anonymous.get(f"/snippets/?forked_from={source['pk']}").json()["count"] == 1
    with max_queries(3):
        assert anonymous.get(page["results"][0]["url"]).status_code == 200
