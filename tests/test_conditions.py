"""Conditional requests: nothing is sent twice, and nobody overwrites what they have not read."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from snippets.models import Snippet, StaleVersionError

CLIENTS = 8

ADDRESSES = [
    "",
    "raw/",
    "highlight/",
    "highlight/?format=svg",
    "highlight/?style=monokai&format=svg",
    "highlight/?linenos=1",
]


def address_of(snippet: Snippet, rest: str = "") -> str:
    return f"/snippets/{snippet.pk}/{rest}"


def test_every_representation_has_a_tag_of_its_own(as_owner: APIClient, snippet: Snippet) -> None:
    tags = [as_owner.get(address_of(snippet, rest))["ETag"] for rest in ADDRESSES]
    tags.append(as_owner.get(address_of(snippet), headers={"Accept": "text/html"})["ETag"])
    assert len(set(tags)) == len(tags)
    assert all(tag.startswith('"1-') and tag.endswith('"') for tag in tags)
    assert [as_owner.get(address_of(snippet, rest))["ETag"] for rest in ADDRESSES] == tags[:-1]


def test_two_snippets_have_two_tags(as_owner: APIClient, snippet: Snippet) -> None:
    other = as_owner.post("/snippets/", {"code": snippet.code, "title": snippet.title, "filename": snippet.filename})
    assert other["ETag"] != as_owner.get(address_of(snippet))["ETag"]


def test_the_page_of_a_browser_that_knows_its_reader_is_nobody_elses(
    as_owner: APIClient, as_stranger: APIClient, anonymous: APIClient, snippet: Snippet
) -> None:
    clients = (as_owner, as_stranger, anonymous)
    tags = {client.get(address_of(snippet), headers={"Accept": "text/html"})["ETag"] for client in clients}
    assert len(tags) == 3
    assert len({client.get(address_of(snippet))["ETag"] for client in clients}) == 1


MATCHING = ["{tag}", "W/{tag}", '"other", {tag}', '{tag}, "other"', '"a","b",W/{tag},"c"', "*", " * ", " {tag} "]
OTHER = [
    '"other"',
    '"1-0000000000000000"',
    '"1"',
    "1",
    "{bare}",
    "",
    '"{bare}',
    "'{bare}'",
    "w/{tag}x",
    "**",
    '"*"',
    ",",
]


def filled(header: str, tag: str) -> str:
    return header.format(tag=tag, bare=tag.strip('"'))


@pytest.mark.parametrize("rest", ADDRESSES)
@pytest.mark.parametrize("header", MATCHING)
def test_what_the_client_has_is_not_sent_again(header: str, rest: str, anonymous: APIClient, snippet: Snippet) -> None:
    address = address_of(snippet, rest)
    first = anonymous.get(address)
    for ask in (anonymous.get, anonymous.head):
        response = ask(address, headers={"If-None-Match": filled(header, first["ETag"])})
        assert (response.status_code, response.content) == (304, b"")
        assert response["ETag"] == first["ETag"]
        for name in ("Cache-Control", "Vary"):
            assert response[name] == first[name]
        assert "Content-Type" not in response


@pytest.mark.parametrize("rest", ADDRESSES[:3])
@pytest.mark.parametrize("header", OTHER)
def test_what_the_client_does_not_have_is_sent(header: str, rest: str, anonymous: APIClient, snippet: Snippet) -> None:
    address = address_of(snippet, rest)
    first = anonymous.get(address)
    response = anonymous.get(address, headers={"If-None-Match": filled(header, first["ETag"])})
    assert (response.status_code, response.content) == (200, first.content)


def test_a_tag_of_another_representation_is_not_this_one(anonymous: APIClient, snippet: Snippet) -> None:
    tag = anonymous.get(address_of(snippet, "raw/"))["ETag"]
    assert anonymous.get(address_of(snippet), headers={"If-None-Match": tag}).status_code == 200
    page = anonymous.get(address_of(snippet), headers={"Accept": "text/html"})
    assert anonymous.get(address_of(snippet), headers={"If-None-Match": page["ETag"]}).status_code == 200


@pytest.mark.parametrize("rest", ADDRESSES)
def test_a_change_makes_all_tags_old(rest: str, as_owner: APIClient, snippet: Snippet) -> None:
    tag = as_owner.get(address_of(snippet, rest))["ETag"]
    as_owner.patch(address_of(snippet), {"title": "New"})
    response = as_owner.get(address_of(snippet, rest), headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert response["ETag"] != tag


def test_what_may_no_longer_be_seen_is_not_said_to_be_unchanged(
    as_owner: APIClient, anonymous: APIClient, snippet: Snippet
) -> None:
    tag = anonymous.get(address_of(snippet))["ETag"]
    as_owner.patch(address_of(snippet), {"visibility": "private"})
    for header in (tag, "*"):
        assert anonymous.get(address_of(snippet), headers={"If-None-Match": header}).status_code == 404


def test_only_what_is_public_may_be_kept_by_others(as_owner: APIClient, snippet: Snippet) -> None:
    for rest in ADDRESSES:
        assert as_owner.get(address_of(snippet, rest))["Cache-Control"] == "no-cache"
    as_owner.patch(address_of(snippet), {"visibility": "unlisted"})
    for rest in ADDRESSES:
        response = as_owner.get(address_of(snippet, rest))
        assert response["Cache-Control"] == "private, no-store"
        assert {"Authorization", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}


@pytest.mark.parametrize(
    "changes", [{"title": "New"}, {"code": "new"}, {"visibility": "private"}, {"visibility": "unlisted"}]
)
@pytest.mark.parametrize("method", ["patch", "put"])
def test_the_tag_of_the_answer_to_a_write_is_that_of_the_next_get(
    method: str, changes: dict[str, str], as_owner: APIClient, snippet: Snippet
) -> None:
    written = getattr(as_owner, method)(address_of(snippet), {"code": "x"} | changes)
    got = as_owner.get(written.json()["url"])
    assert got["ETag"] == written["ETag"]
    assert got.json() == written.json()


@pytest.mark.parametrize("visibility", [None, "public", "unlisted", "private"])
def test_the_tag_of_the_answer_to_a_post_is_that_of_the_next_get(visibility: str | None, as_owner: APIClient) -> None:
    posted = as_owner.post("/snippets/", {"code": "x"} | ({"visibility": visibility} if visibility else {}))
    assert as_owner.get(posted["Location"])["ETag"] == posted["ETag"]


WRITES = {
    "put": {"code": "new\n", "title": "New"},
    "patch": {"title": "New"},
    "delete": None,
}


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("header", [*MATCHING, None])
def test_a_write_succeeds_that_knows_the_version(
    header: str | None, method: str, as_owner: APIClient, snippet: Snippet
) -> None:
    tag = as_owner.get(address_of(snippet))["ETag"]
    headers = {"If-Match": filled(header, tag)} if header else {}
    response = getattr(as_owner, method)(address_of(snippet), WRITES[method], headers=headers)
    assert response.status_code == (204 if method == "delete" else 200)


@pytest.mark.parametrize("rest", ADDRESSES)
def test_the_tag_of_any_representation_proves_that_the_version_is_known(
    rest: str, as_owner: APIClient, snippet: Snippet
) -> None:
    tag = as_owner.get(address_of(snippet, rest))["ETag"]
    assert as_owner.patch(address_of(snippet), {"title": "a"}, headers={"If-Match": tag}).status_code == 200
    assert as_owner.patch(address_of(snippet), {"title": "b"}, headers={"If-Match": tag}).status_code == 412


STALE = [
    '"2-{bare}"',
    '"0-{bare}"',
    '"other"',
    '"11-{bare}"',
    "nonsense",
    "",
    '"',
    ",",
    "W/",
    '"*"',
    '"-1"',
    '""',
]


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("header", STALE)
def test_a_write_is_refused_that_names_another_version(
    header: str, method: str, as_owner: APIClient, snippet: Snippet
) -> None:
    before = as_owner.get(address_of(snippet))
    headers = {"If-Match": filled(header, before["ETag"])}
    response = getattr(as_owner, method)(address_of(snippet), WRITES[method], headers=headers)
    assert (response.status_code, list(response.json())) == (412, ["detail"])
    assert as_owner.get(address_of(snippet)).content == before.content


def test_a_bad_body_is_named_before_it_matters_who_else_has_written(as_owner: APIClient, snippet: Snippet) -> None:
    response = as_owner.patch(address_of(snippet), {"title": 1}, headers={"If-Match": '"9-stale"'})
    assert response.status_code in (400, 412)


def test_who_may_not_write_learns_nothing_from_a_condition(
    as_stranger: APIClient, anonymous: APIClient, snippet: Snippet
) -> None:
    for header in ("*", '"9-stale"'):
        assert as_stranger.patch(address_of(snippet), {}, headers={"If-Match": header}).status_code == 403
        assert anonymous.patch(address_of(snippet), {}, headers={"If-Match": header}).status_code == 401
        assert as_stranger.patch("/snippets/999/", {}, headers={"If-Match": header}).status_code == 404


def test_after_a_refusal_the_client_reads_again_and_succeeds(as_owner: APIClient, snippet: Snippet) -> None:
    stale = as_owner.get(address_of(snippet))["ETag"]
    as_owner.patch(address_of(snippet), {"title": "theirs"})
    mine = {"description": "mine"}
    assert as_owner.patch(address_of(snippet), mine, headers={"If-Match": stale}).status_code == 412
    fresh = as_owner.get(address_of(snippet))["ETag"]
    merged = as_owner.patch(address_of(snippet), mine, headers={"If-Match": fresh}).json()
    assert (merged["title"], merged["description"], merged["version"]) == ("theirs", "mine", 3)


def test_a_revision_of_what_has_been_revised_meanwhile_is_refused(snippet: Snippet) -> None:
    mine, theirs = Snippet.objects.get(), Snippet.objects.get()
    theirs.revise(title="theirs")
    with pytest.raises(StaleVersionError):
        mine.revise(title="mine", code="mine\n")
    stored = Snippet.objects.get()
    assert (stored.title, stored.code, stored.version) == ("theirs", snippet.code, 2)


def test_a_revision_of_what_has_been_deleted_is_refused(snippet: Snippet) -> None:
    mine = Snippet.objects.get()
    Snippet.objects.all().delete()
    with pytest.raises(StaleVersionError):
        mine.revise(title="mine")
    assert Snippet.objects.count() == 0


def test_a_revision_stores_what_it_names_and_what_follows_from_it(snippet: Snippet) -> None:
    mine = Snippet.objects.get()
    mine.style = "monokai"
    mine.revise(code="a\nbé")
    stored = Snippet.objects.get()
    assert (stored.size, stored.lines, stored.excerpt) == (5, 2, "a\nbé")
    assert (stored.version, stored.style) == (2, "friendly")
    assert (mine.version, mine.updated) == (stored.version, stored.updated)
    mine.revise(title="again")
    assert Snippet.objects.get().version == 3


@pytest.fixture
def for_threads(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database that threads may use at once. SQLite's in memory has no locks to wait for: a copy in a file has."""
    in_memory = connections["default"]
    if in_memory.vendor != "sqlite":
        yield
        return
    in_memory.ensure_connection()
    with sqlite3.connect(tmp_path / "threads.sqlite3") as copy:
        in_memory.connection.backup(copy)
    copy.close()
    in_file = in_memory.copy()
    in_file.settings_dict["NAME"] = str(tmp_path / "threads.sqlite3")
    monkeypatch.setitem(connections.settings, "default", in_file.settings_dict)
    connections["default"] = in_file
    yield
    in_file.close()
    connections["default"] = in_memory


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What each of the threads returns; all start at the same moment."""
    barrier = Barrier(CLIENTS)

    def run(number: int) -> Any:
        try:
            connections["default"].ensure_connection()
            barrier.wait(timeout=20)
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(run, range(CLIENTS)))


@pytest.fixture
def contested(for_threads: None) -> tuple[Snippet, str]:
    """A snippet, and a token that may change it."""
    owner = User.objects.create_user("owner")
    snippet = Snippet(owner=owner, code="x = 1\n")
    snippet.save()
    token, secret = ApiToken.issue(owner, "threads")
    token.touch()
    return snippet, secret


def client_with(secret: str, **headers: str) -> APIClient:
    return APIClient(headers={"Authorization": f"Bearer {secret}"} | headers)


def test_of_eight_clients_that_read_the_same_version_one_writes(contested: tuple[Snippet, str]) -> None:
    snippet, secret = contested
    tag = client_with(secret).get(address_of(snippet))["ETag"]

    def write(number: int) -> tuple[int, str]:
        client = client_with(secret)
        response = client.patch(address_of(snippet), {"title": f"by {number}"}, headers={"If-Match": tag})
        return response.status_code, response.json().get("title", "")

    answers = at_once(write)
    assert sorted(status for status, _ in answers) == [200] + [412] * (CLIENTS - 1)
    stored = Snippet.objects.get()
    assert (200, stored.title) in answers
    assert stored.version == 2


CHANGES: list[dict[str, Any]] = [
    {"title": "New"},
    {"code": "y = 2\n"},
    {"linenos": True},
    {"language": "ruby"},
    {"style": "monokai"},
    {"filename": "new.rb"},
    {"description": "Newer"},
    {"visibility": "unlisted"},
]


def test_eight_clients_that_change_different_fields_lose_nothing(contested: tuple[Snippet, str]) -> None:
    snippet, secret = contested

    def write(number: int) -> tuple[int, int]:
        response = client_with(secret).patch(f"/snippets/{snippet.slug}/", CHANGES[number])
        return response.status_code, response.json()["version"]

    answers = at_once(write)
    assert sorted(answers) == [(200, version) for version in range(2, CLIENTS + 2)]
    stored = client_with(secret).get(address_of(snippet)).json()
    for changes in CHANGES:
        assert stored | changes == stored
    assert stored["version"] == 1 + CLIENTS
    assert (stored["size"], stored["lines"]) == (6, 1)


def test_of_eight_clients_that_delete_one_does(contested: tuple[Snippet, str]) -> None:
    snippet, secret = contested
    statuses = at_once(lambda number: client_with(secret).delete(address_of(snippet)).status_code)
    assert sorted(statuses) == [204] + [404] * (CLIENTS - 1)


def test_of_eight_revisions_of_the_same_version_one_is_stored(contested: tuple[Snippet, str]) -> None:
    def revise(number: int) -> bool:
        mine = Snippet.objects.get()
        together.wait(timeout=20)
        try:
            mine.revise(title=f"by {number}")
        except StaleVersionError:
            return False
        return True

    together = Barrier(CLIENTS)
    assert sorted(at_once(revise)) == [False] * (CLIENTS - 1) + [True]
    assert Snippet.objects.get().version == 2


def test_eight_clients_that_post_at_once_are_all_served(contested: tuple[Snippet, str]) -> None:
    _, secret = contested

    def post(number: int) -> tuple[int, str]:
        response = client_with(secret).post("/snippets/", {"code": f"needle{number}\n"})
        return response.status_code, response.json()["url"]

    answers = at_once(post)
    assert [status for status, _ in answers] == [201] * CLIENTS
    assert len({url for _, url in answers}) == CLIENTS
    assert client_with(secret).get("/snippets/?q=needle").json()["count"] == CLIENTS
