"""The history of a snippet: every change of its content makes a revision, and none is ever lost or changed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from snippets.models import Snippet, StaleVersionError
from snippets.revisions import Revision

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
CONTENT: list[dict[str, Any]] = [
    {"title": "Farewell"},
    {"description": "Says goodbye."},
    {"filename": "bye.py"},
    {"code": 'print("bye")\n'},
    {"language": "ruby"},
]
LOOKS: list[dict[str, Any]] = [
    {"style": "monokai"},
    {"linenos": True},
    {"visibility": "unlisted"},
    {},
    {"title": "Greeting"},
    {"code": 'print("hello")\n', "title": "Greeting", "language": "python", "description": ""},
]


def history(client: APIClient, snippet: Snippet | int) -> list[dict[str, Any]]:
    response = client.get(f"/snippets/{getattr(snippet, 'pk', snippet)}/revisions/")
    assert response.status_code == 200, response.content
    rows: list[dict[str, Any]] = response.json()["results"]
    return rows


def change(client: APIClient, snippet: Snippet, **fields: Any) -> dict[str, Any]:
    response = client.patch(f"/snippets/{snippet.pk}/", fields)
    assert response.status_code == 200, response.content
    changed: dict[str, Any] = response.json()
    return changed


def test_a_new_snippet_is_its_first_revision(as_owner: APIClient) -> None:
    posted = as_owner.post("/snippets/", {"code": "x = 1\n", "message": "To begin with"}).json()
    assert posted["revision"] == 1
    assert posted["revisions"] == f"http://testserver/snippets/{posted['pk']}/revisions/"
    assert "message" not in posted
    (row,) = history(as_owner, posted["pk"])
    assert (row["number"], row["author"], row["message"]) == (1, "owner", "To begin with")
    assert (row["created"], row["size"], row["lines"]) == (posted["created"], 6, 1)
    assert Revision.objects.count() == 0


@pytest.mark.parametrize("changes", CONTENT, ids=str)
@pytest.mark.parametrize("method", ["patch", "put"])
def test_every_change_of_the_content_makes_one(
    method: str, changes: dict[str, Any], as_owner: APIClient, snippet: Snippet
) -> None:
    body = {"code": snippet.code, "message": "Because"} | changes
    answer = getattr(as_owner, method)(f"/snippets/{snippet.pk}/", body)
    assert (answer.status_code, answer.json()["revision"]) == (200, 2)
    new, old = history(as_owner, snippet)
    assert (new["number"], new["author"], new["message"]) == (2, "owner", "Because")
    assert (old["number"], old["author"], old["message"]) == (1, "owner", "")
    assert new["created"] == answer.json()["updated"] > old["created"]
    before, after = (as_owner.get(row["url"]).json() for row in (old, new))
    for name in ("title", "description", "filename", "code", "language"):
        assert before[name] == getattr(snippet, name)
        assert after[name] == changes.get(name, getattr(snippet, name))


@pytest.mark.parametrize("changes", LOOKS, ids=str)
@pytest.mark.parametrize("method", ["patch", "put"])
def test_nothing_else_makes_one(method: str, changes: dict[str, Any], as_owner: APIClient, snippet: Snippet) -> None:
    body = {"code": snippet.code, "message": "Because"} | changes
    answer = getattr(as_owner, method)(f"/snippets/{snippet.pk}/", body)
    assert (answer.status_code, answer.json()["revision"]) == (200, 1)
    assert [(row["number"], row["message"]) for row in history(as_owner, snippet)] == [(1, "")]
    assert Revision.objects.count() == 0


def test_numbers_run_on_over_changes_of_other_kinds(as_owner: APIClient, snippet: Snippet) -> None:
    for number in range(4):
        change(as_owner, snippet, code=f"x = {number}\n")
        change(as_owner, snippet, linenos=number % 2 == 0)
    answer = as_owner.get(f"/snippets/{snippet.pk}/").json()
    assert (answer["revision"], answer["version"]) == (5, 9)
    assert [row["number"] for row in history(as_owner, snippet)] == [5, 4, 3, 2, 1]


def test_a_message_in_a_form_and_in_the_query_of_plain_text(as_owner: APIClient, snippet: Snippet) -> None:
    form = "application/x-www-form-urlencoded"
    as_owner.patch(f"/snippets/{snippet.pk}/", "title=New&message=By+form", content_type=form)
    as_owner.put(f"/snippets/{snippet.pk}/?message=By%20text", "x = 2\n", content_type="text/plain")
    posted = as_owner.post("/snippets/?message=Posted", "x = 3\n", content_type="text/plain").json()
    assert [row["message"] for row in history(as_owner, snippet)] == ["By text", "By form", ""]
    assert [row["message"] for row in history(as_owner, posted["pk"])] == ["Posted"]


@pytest.mark.parametrize("message", ["two\nlines", "x" * 201, "\0", "a\u2028b", 1, None, ["x"]], ids=repr)
@pytest.mark.parametrize("address", ["", "revisions/1/restore/"])
def test_a_bad_message_is_named_and_nothing_changes(
    address: str, message: Any, as_owner: APIClient, snippet: Snippet
) -> None:
    change(as_owner, snippet, title="New")
    method = as_owner.post if address else as_owner.patch
    response = method(f"/snippets/{snippet.pk}/{address}", {"message": message} | ({} if address else {"title": "B"}))
    assert (response.status_code, list(response.json())) == (400, ["message"])
    assert Snippet.objects.get().revision == 2


def test_nobody_is_the_author_where_an_edit_key_was_used(anonymous: APIClient, as_stranger: APIClient) -> None:
    posted = anonymous.post("/snippets/", {"code": "x = 1\n"}).json()
    address, headers = f"/snippets/{posted['pk']}/", {"X-Edit-Key": posted["edit_key"]}
    assert anonymous.patch(address, {"code": "x = 2\n"}, headers=headers).status_code == 200
    assert as_stranger.patch(address, {"code": "x = 3\n"}, headers=headers).status_code == 200
    assert as_stranger.post(f"{address}revisions/1/restore/", headers=headers).status_code == 200
    assert [row["author"] for row in history(anonymous, posted["pk"])] == [None] * 4


def test_an_author_who_is_gone_leaves_the_revision(as_owner: APIClient, snippet: Snippet, stranger: User) -> None:
    Snippet.objects.get().revise(author=stranger, title="By a stranger")
    change(as_owner, snippet, title="By the owner")
    assert [row["author"] for row in history(as_owner, snippet)] == ["owner", "stranger", "owner"]
    stranger.delete()
    assert [row["author"] for row in history(as_owner, snippet)] == ["owner", None, "owner"]


# --- The shell --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", CONTENT, ids=str)
def test_saving_makes_one_too(as_owner: APIClient, snippet: Snippet, changes: dict[str, Any]) -> None:
    mine = Snippet.objects.get()
    for name, value in changes.items():
        setattr(mine, name, value)
    mine.save()
    assert (mine.revision, mine.version) == (2, 2)
    new, old = history(as_owner, snippet)
    assert (new["number"], new["author"], old["number"], old["author"]) == (2, None, 1, "owner")
    (name, value), *_ = changes.items()
    assert as_owner.get(new["url"]).json()[name] == value
    assert as_owner.get(old["url"]).json()[name] == getattr(snippet, name)
    mine.save()
    assert (mine.revision, mine.version) == (2, 3)


def test_saving_what_others_have_changed_loses_nothing(snippet: Snippet) -> None:
    mine, theirs = Snippet.objects.get(), Snippet.objects.get()
    theirs.revise(title="theirs", message="first")
    mine.title = "mine"
    mine.save()
    assert (mine.revision, mine.version) == (3, 3)
    kept = Revision.objects.values_list("number", "title", "message")
    assert list(kept) == [(2, "theirs", "first"), (1, "Greeting", "")]


def test_saving_some_fields_makes_one_where_those_differ(snippet: Snippet) -> None:
    mine = Snippet.objects.get()
    mine.title, mine.code = "not stored", "x = 2\n"
    mine.save(update_fields=["style"])
    assert Revision.objects.count() == 0
    mine.save(update_fields=["code"])
    stored = Snippet.objects.get()
    assert (stored.title, stored.code, stored.size, stored.revision) == ("Greeting", "x = 2\n", 6, 2)
    assert Revision.objects.get().code == snippet.code
    Snippet.objects.update_or_create(pk=snippet.pk, defaults={"title": "Updated"})
    assert list(Revision.objects.values_list("number", "title")) == [(2, "Greeting"), (1, "Greeting")]


def test_saving_over_what_has_that_number_keeps_it(snippet: Snippet) -> None:
    Snippet(pk=snippet.pk, slug=snippet.slug, code="x = 2\n", created=snippet.created).save()
    assert Snippet.objects.get().revision == 2
    assert Revision.objects.get().code == snippet.code


def test_a_change_that_comes_too_late_keeps_nothing(snippet: Snippet) -> None:
    mine = Snippet.objects.get()
    Snippet.objects.get().revise(code="theirs\n")
    with pytest.raises(StaleVersionError):
        mine.revise(code="mine\n")
    assert (mine.version, mine.revision) == (1, 1)
    assert list(Revision.objects.values_list("number", "code")) == [(1, snippet.code)]


# --- The list ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def long(as_owner: APIClient, snippet: Snippet) -> Snippet:
    """A snippet with 45 revisions."""
    mine = Snippet.objects.get()
    for number in range(2, 46):
        mine.revise(author=mine.owner, message=f"number {number}", code=f"x = {number}\n")
    return mine


def test_rows_have_everything_but_the_code(as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, code="x = 2\n", message="New")
    row = history(as_owner, snippet)[0]
    base = f"http://testserver/snippets/{snippet.pk}/revisions/2/"
    created = row.pop("created")
    assert datetime.fromisoformat(created) <= datetime.now(UTC)
    assert created.endswith("Z")
    assert row == {
        "url": base,
        "number": 2,
        "title": "Greeting",
        "filename": "hello.py",
        "description": "",
        "language": "python",
        "size": 6,
        "lines": 1,
        "author": "owner",
        "message": "New",
        "raw": f"{base}raw/",
        "highlight": f"{base}highlight/",
        "diff": f"{base}diff/",
    }


def test_pages_lead_from_the_newest_to_the_first_and_back(anonymous: APIClient, long: Snippet) -> None:
    address: str | None = f"/snippets/{long.pk}/revisions/"
    pages = []
    while address:
        response = anonymous.get(address)
        pages.append(response.json())
        assert (f'<{pages[-1]["next"]}>; rel="next"' in response["Link"]) == bool(pages[-1]["next"])
        address = pages[-1]["next"]
    numbers = [[row["number"] for row in page["results"]] for page in pages]
    assert numbers == [list(range(45, 25, -1)), list(range(25, 5, -1)), list(range(5, 0, -1))]
    assert {page["count"] for page in pages} == {45}
    assert anonymous.get(pages[2]["previous"]).json()["results"] == pages[1]["results"]
    assert anonymous.get(pages[1]["previous"]).json()["results"] == pages[0]["results"]
    for number in (1, 2, 3):
        page = anonymous.get(f"/snippets/{long.pk}/revisions/?page={number}").json()
        assert page["results"] == pages[number - 1]["results"]
    assert anonymous.get(f"/snippets/{long.pk}/revisions/?page=4").status_code == 404
    assert len(anonymous.get(f"/snippets/{long.pk}/revisions/?page_size=100").json()["results"]) == 45


def test_a_change_meanwhile_moves_no_page(anonymous: APIClient, long: Snippet) -> None:
    following = anonymous.get(f"/snippets/{long.pk}/revisions/?page_size=10").json()["next"]
    long.revise(title="Meanwhile")
    page = anonymous.get(following).json()
    assert [row["number"] for row in page["results"]] == list(range(35, 25, -1))
    newer = anonymous.get(page["previous"]).json()
    assert [row["number"] for row in newer["results"]] == list(range(45, 35, -1))
    assert [row["number"] for row in anonymous.get(newer["previous"]).json()["results"]] == [46]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=501", "page"),
        ("page_size=101", "page_size"),
        ("cursor=nonsense", "cursor"),
        ("page=1&cursor=x", "page"),
        ("ordering=created", "ordering"),
        ("include=code", "include"),
        ("format=nonsense", "format"),
    ],
)
def test_a_bad_parameter_of_the_list_is_named(query: str, name: str, anonymous: APIClient, long: Snippet) -> None:
    response = anonymous.get(f"/snippets/{long.pk}/revisions/?{query}")
    assert (response.status_code, list(response.json())) == (400, [name])


def test_a_cursor_belongs_to_its_list(anonymous: APIClient, as_owner: APIClient, long: Snippet) -> None:
    other = as_owner.post("/snippets/", {"code": "x\n"}).json()["pk"]
    change(as_owner, Snippet.objects.get(pk=other), code="y\n")
    lists = [
        "/snippets/?page_size=1",
        "/snippets/?page_size=1&ordering=title",
        f"/snippets/{other}/revisions/?page_size=1",
    ]
    for address in lists:
        cursor = parse_qs(urlsplit(anonymous.get(address).json()["next"]).query)["cursor"][0]
        response = anonymous.get(f"/snippets/{long.pk}/revisions/", {"cursor": cursor})
        assert (response.status_code, list(response.json())) == (400, ["cursor"])
    mine = anonymous.get(f"/snippets/{long.pk}/revisions/").json()["next"].partition("?")[2]
    assert anonymous.get(f"/snippets/?{mine}").status_code == 400


def test_no_page_costs_more_for_its_depth(
    anonymous: APIClient, long: Snippet, max_queries: Callable[[int], Any]
) -> None:
    address = f"/snippets/{long.pk}/revisions/?page_size=10"
    while address:
        with max_queries(3):  # the snippet, its revisions, and who made the newest one
            address = anonymous.get(address).json()["next"]


# --- One of them ------------------------------------------------------------------------------------------------------

BELOW = ["", "raw/", "highlight/", "highlight.svg", "diff/", "diff.patch", "diff.html"]


def test_one_of_them_costs_two_queries_and_a_diff_three(
    anonymous: APIClient, long: Snippet, max_queries: Callable[[int], Any]
) -> None:
    for number in (45, 44, 1):
        for below in ("", "raw/"):
            with max_queries(2):
                assert anonymous.get(f"/snippets/{long.pk}/revisions/{number}/{below}").status_code == 200
        diff = f"/snippets/{long.pk}/revisions/{number}/diff/"
        anonymous.get(diff)
        with max_queries(4):  # and what the cache has of it
            assert anonymous.get(diff).status_code == 200


@pytest.mark.parametrize(
    "number", ["0", "3", "00", "01", "007", "-1", "1.0", "x", "999999999", "9" * 10, "9" * 100, "²"]
)
@pytest.mark.parametrize("below", [*BELOW, "restore/"])
def test_a_number_that_is_none_of_them_is_404(number: str, below: str, as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, title="New")
    method = as_owner.post if below == "restore/" else as_owner.get
    response = method(f"/snippets/{snippet.pk}/revisions/{number}/{below}")
    assert (response.status_code, list(response.json())) == (404, ["detail"])


@pytest.mark.parametrize("below", BELOW)
def test_an_address_with_a_number_never_changes(below: str, as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, code="x = 2\n", title="Second", message="Second")
    addresses = [f"/snippets/{snippet.pk}/revisions/{number}/{below}" for number in (1, 2)]
    before = [as_owner.get(address) for address in addresses]
    change(as_owner, snippet, code="x = 3\n", title="Third", filename="third.rb", language="ruby", description="3")
    after = [as_owner.get(address) for address in addresses]
    for old, new, address in zip(before, after, addresses, strict=True):
        assert (old.status_code, new.status_code) == (200, 200)
        assert old.content == new.content
        assert old["ETag"] == new["ETag"]
        assert not new["ETag"].startswith("W/")
        assert new["Cache-Control"] == "no-cache"
        again = as_owner.get(address, headers={"If-None-Match": old["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert before[0]["ETag"] != before[1]["ETag"]


@pytest.mark.parametrize("code", ["one\r\ntwo\r", "\ufeffx", "a\u2028b\x0c\n\n", "  x  "], ids=repr)
def test_raw_is_exact(code: str, as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, code=code)
    change(as_owner, snippet, code="other\n")
    response = as_owner.get(f"/snippets/{snippet.pk}/revisions/2/raw/")
    assert response.content == code.encode()
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Content-Disposition"] == 'inline; filename="hello.py"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].endswith("sandbox")


def test_it_is_highlighted_in_the_language_that_it_was_in(as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, language="text", title="<b>Plain</b>", message="<i>why</i>")
    change(as_owner, snippet, language="ruby")
    address = f"/snippets/{snippet.pk}/revisions/{{}}/highlight.fragment"
    assert b'<span class="nb">print' in as_owner.get(address.format(1)).content
    assert b'<span class="nb">' not in as_owner.get(address.format(2)).content
    page = as_owner.get(f"/snippets/{snippet.pk}/revisions/2/highlight/?style=monokai").content.decode()
    assert "<title>&lt;b&gt;Plain&lt;/b&gt;</title>" in page
    assert "&lt;i&gt;why&lt;/i&gt;" in page
    assert "/styles/monokai.css" in page
    assert f'href="/snippets/{snippet.pk}/revisions/2/raw/"' in page
    assert as_owner.get(f"/snippets/{snippet.pk}/revisions/2/highlight/?style=nonsense").status_code == 400


def test_the_history_goes_with_its_snippet(as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, title="New")
    assert Revision.objects.count() == 1
    assert as_owner.delete(f"/snippets/{snippet.pk}/").status_code == 204
    assert Revision.objects.count() == 0
    for below in ("", "1/", "2/", "1/raw/"):
        assert as_owner.get(f"/snippets/{snippet.pk}/revisions/{below}").status_code == 404


def test_what_only_its_owner_may_see_stays_out_of_shared_caches(as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, title="New", visibility="private")
    for below in ("", *(f"1/{it}" for it in BELOW)):
        response = as_owner.get(f"/snippets/{snippet.pk}/revisions/{below}")
        assert (response.status_code, response["Cache-Control"]) == (200, "private, no-store")


def test_the_history_ends_with_its_snippet(as_owner: APIClient, anonymous: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, title="New")
    Snippet.objects.filter(pk=snippet.pk).update(expires=timezone.now())
    for client in (as_owner, anonymous):
        for below in ("", *(f"1/{it}" for it in BELOW)):
            assert client.get(f"/snippets/{snippet.pk}/revisions/{below}").status_code == 404
        assert client.post(f"/snippets/{snippet.pk}/revisions/1/restore/").status_code == 404


def test_nothing_of_what_burns_after_reading_is_in_a_history_that_others_see(
    as_owner: APIClient, anonymous: APIClient, as_staff: APIClient
) -> None:
    fields = {"code": "secret\n", "visibility": "unlisted", "burn_after_read": True, "message": "secret"}
    posted = as_owner.post("/snippets/", fields).json()
    address = f"/snippets/{posted['slug']}/"
    assert as_owner.patch(address, {"title": "secret", "code": "more secret\n"}).json()["revision"] == 2
    for below in ("", *(f"{number}/{it}" for number in (1, 2, 3) for it in BELOW)):
        for client in (anonymous, as_staff):
            response = client.get(f"{address}revisions/{below}")
            assert response.status_code == 403
            assert "secret" not in response.text
        if not below.startswith("3"):
            own = as_owner.get(f"{address}revisions/{below}")
            assert (own.status_code, own["Cache-Control"]) == (200, "private, no-store")
    assert anonymous.post(f"{address}open/").status_code == 200
    assert Revision.objects.count() == 0
    assert as_owner.get(f"{address}revisions/1/").status_code == 410


# --- Restoring --------------------------------------------------------------------------------------------------------


def test_restoring_makes_a_new_revision(as_owner: APIClient, snippet: Snippet) -> None:
    new = {"title": "New", "code": "x\n", "language": "ruby", "filename": "", "description": "d", "style": "monokai"}
    change(as_owner, snippet, **new)
    answer = as_owner.post(f"/snippets/{snippet.pk}/revisions/1/restore/")
    assert answer.status_code == 200
    restored = answer.json()
    assert (restored["title"], restored["code"], restored["language"]) == ("Greeting", snippet.code, "python")
    assert (restored["filename"], restored["description"], restored["style"]) == ("hello.py", "", "monokai")
    assert (restored["revision"], restored["version"], restored["size"]) == (3, 3, len(snippet.code))
    assert as_owner.get(f"/snippets/{snippet.pk}/")["ETag"] == answer["ETag"]
    rows = history(as_owner, snippet)
    assert [(row["number"], row["message"]) for row in rows] == [(3, "Restores revision 1."), (2, ""), (1, "")]
    assert rows[0]["author"] == "owner"
    body = {"message": "As it was"}
    assert as_owner.post(f"/snippets/{snippet.pk}/revisions/2/restore/", body).json()["title"] == "New"
    assert history(as_owner, snippet)[0]["message"] == "As it was"


def test_restoring_what_is_there_already_makes_none(as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, title="New")
    change(as_owner, snippet, title="Greeting")
    for number in (3, 1):
        answer = as_owner.post(f"/snippets/{snippet.pk}/revisions/{number}/restore/")
        assert (answer.status_code, answer.json()["revision"], answer.json()["version"]) == (200, 3, 3)


def test_restoring_minds_the_version_that_was_read(as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, title="New")
    address = f"/snippets/{snippet.pk}/revisions/1/restore/"
    revision = as_owner.get(f"/snippets/{snippet.pk}/revisions/2/")["ETag"]
    for stale in ('"1-0"', revision):
        assert as_owner.post(address, headers={"If-Match": stale}).status_code == 412
    assert Snippet.objects.get().revision == 2
    current = as_owner.get(f"/snippets/{snippet.pk}/")["ETag"]
    assert as_owner.post(address, headers={"If-Match": current}).status_code == 200


def test_the_tag_of_a_revision_is_never_that_of_a_version(as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, title="New")
    for below in BELOW:
        tag = as_owner.get(f"/snippets/{snippet.pk}/revisions/2/{below}")["ETag"]
        assert as_owner.patch(f"/snippets/{snippet.pk}/", {"title": "x"}, headers={"If-Match": tag}).status_code == 412


@pytest.mark.parametrize("body", [{"mesage": "x"}, {"code": "x"}, [], "x"], ids=str)
def test_what_restoring_does_not_know_is_refused(body: Any, as_owner: APIClient, snippet: Snippet) -> None:
    change(as_owner, snippet, title="New")
    assert as_owner.post(f"/snippets/{snippet.pk}/revisions/1/restore/", body).status_code == 400
    assert Snippet.objects.get().revision == 2


def test_what_may_no_longer_be_stored_is_not_restored(as_owner: APIClient, snippet: Snippet, settings: Any) -> None:
    change(as_owner, snippet, code="x" * 2000)
    change(as_owner, snippet, code="y")
    settings.CODE_MAX_BYTES = 1024
    response = as_owner.post(f"/snippets/{snippet.pk}/revisions/2/restore/")
    assert (response.status_code, list(response.json())) == (400, ["code"])
    assert as_owner.post(f"/snippets/{snippet.pk}/revisions/1/restore/").status_code == 200


def test_an_edit_key_restores_where_nobody_may_post(anonymous: APIClient, settings: Any) -> None:
    posted = anonymous.post("/snippets/", {"code": "x = 1\n"}).json()
    address, headers = f"/snippets/{posted['pk']}/", {"X-Edit-Key": posted["edit_key"]}
    anonymous.patch(address, {"code": "x = 2\n"}, headers=headers)
    settings.ANONYMOUS_POSTING = False
    assert anonymous.post(f"{address}revisions/1/restore/").status_code == 401
    answer = anonymous.post(f"{address}revisions/1/restore/", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (200, "x = 1\n")


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_the_history_has_pages_for_browsers(in_browser: APIClient, long: Snippet) -> None:
    page = in_browser.get(f"/snippets/{long.pk}/revisions/", headers=BROWSER)
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"/snippets/{long.pk}/revisions/45/" in page.text
    assert "cursor=" in page.text
    assert in_browser.get(f"/snippets/{long.pk}/revisions/3/", headers=BROWSER).status_code == 200
    assert in_browser.get(f"/snippets/{long.pk}/revisions/3/restore/", headers=BROWSER).status_code == 405
    form = in_browser.get(f"/snippets/{long.pk}/", headers=BROWSER).text
    assert 'name="message"' in form


def test_the_admin_shows_them_and_takes_them_away_with_their_snippet_only(
    as_owner: APIClient, snippet: Snippet, staff: User
) -> None:
    change(as_owner, snippet, title="New", message="Renamed")
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label="snippets"))
    admin = APIClient()
    admin.force_login(staff)
    kept = Revision.objects.get()
    assert f"revision 1 of snippet {snippet.pk}" in admin.get("/admin/snippets/revision/").content.decode()
    form = admin.get(f"/admin/snippets/revision/{kept.pk}/change/").content.decode()
    assert "Greeting" in form
    assert "<textarea" not in form
    assert admin.get(f"/admin/snippets/revision/{kept.pk}/delete/").status_code == 403
    assert admin.get("/admin/snippets/revision/add/").status_code == 403
    assert (
        admin.post(f"/admin/snippets/snippet/{snippet.pk}/delete/", {"post": "yes"}, format="multipart").status_code
        == 302
    )
    assert not Snippet.objects.exists()
    assert not Revision.objects.exists()
