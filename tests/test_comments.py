"""Comments: plain text, the lines that it refers to, and who may do what with it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from snippets.comments import Comment
from snippets.models import Snippet
from tests.test_browsable_api import BROWSER


def comment_on(client: APIClient, snippet: Snippet, body: str = "Why not a loop?") -> dict[str, Any]:
    answer = client.post(f"/snippets/{snippet.pk}/comments/", {"body": body})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


@pytest.fixture
def comment(as_stranger: APIClient, snippet: Snippet) -> dict[str, Any]:
    """The stranger's, on the owner's snippet."""
    return comment_on(as_stranger, snippet)


def test_a_comment_is_kept_as_it_was_given(as_stranger: APIClient, anonymous: APIClient, snippet: Snippet) -> None:
    body = "  <b>Überraschung</b>\r\n\r\n\t日本 #L2 \n"
    answer = as_stranger.post(f"/snippets/{snippet.pk}/comments/", {"body": body})
    made = answer.json()
    assert answer["Location"] == made["url"] == f"http://testserver/snippets/{snippet.pk}/comments/{made['pk']}/"
    assert list(made) == ["url", "pk", "author", "body", "lines", "version", "created", "updated"]
    assert (made["author"], made["body"], made["version"]) == ("stranger", body, 1)
    assert made["created"].endswith("Z")
    got = anonymous.get(made["url"])
    assert (got.json(), got["ETag"]) == (made, answer["ETag"])


HIGHLIGHT = "http://testserver/snippets/{pk}/highlight/"


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("nothing", []),
        ("#L12", [(12, 12)]),
        ("See #L12-L20, and #L3.", [(12, 20), (3, 3)]),
        ("(#L12-20)", [(12, 20)]),
        ("#L20-L12", [(12, 20)]),
        ("#L1 #L1 #L1-L1", [(1, 1)]),
        ("hello.py#L7 http://testserver/snippets/1/highlight/#L8", [(7, 7), (8, 8)]),
        ("#L0 #L #l5 L5 #LL5 #L5x #L123456 #L１ # L5 #L-5", []),
        ("#L5-L9x", [(5, 5)]),
        ("#L5-", [(5, 5)]),
        ("#L99999", [(99999, 99999)]),
    ],
)
def test_the_lines_that_it_refers_to(
    as_stranger: APIClient, snippet: Snippet, body: str, lines: list[tuple[int, int]]
) -> None:
    made = comment_on(as_stranger, snippet, body)
    assert [(it["first"], it["last"]) for it in made["lines"]] == lines


def test_the_lines_are_shown_marked_on_the_highlighted_page(as_owner: APIClient, snippet: Snippet) -> None:
    as_owner.patch(f"/snippets/{snippet.pk}/", {"code": "x = 1\n" * 30, "visibility": "unlisted"})
    (lines,) = comment_on(as_owner, snippet, "#L12-L13")["lines"]
    address, _, anchor = lines["url"].partition("#")
    assert address == f"http://testserver/snippets/{snippet.slug}/highlight/?hl_lines=12-13"
    page = as_owner.get(address).text
    assert re.findall(r'<span id="(L\d+)" class="hll">', page) == ["L12", "L13"]
    assert anchor == "L12"


def test_more_lines_than_can_be_marked_are_only_pointed_at(as_owner: APIClient, snippet: Snippet) -> None:
    addresses = [it["url"] for it in comment_on(as_owner, snippet, "#L1-L100 #L1-L101 #L90000")["lines"]]
    highlight = HIGHLIGHT.format(pk=snippet.pk)
    assert addresses == [f"{highlight}?hl_lines=1-100#L1", f"{highlight}#L1", f"{highlight}#L90000"]
    for address in addresses:
        assert as_owner.get(address.partition("#")[0]).status_code == 200


def test_of_very_many_references_the_first_are_read(as_owner: APIClient, snippet: Snippet) -> None:
    made = comment_on(as_owner, snippet, " ".join(f"#L{number}" for number in range(1, 1500)))
    assert [it["first"] for it in made["lines"]] == list(range(1, 51))


BAD = ["", " ", "\n\t\r\n", "a\0b", "x" * 10_001, None, 1, ["x"], {"a": "b"}]


@pytest.mark.parametrize("body", BAD, ids=lambda body: repr(body)[:20])
def test_what_is_no_comment_is_refused(as_stranger: APIClient, comment: dict[str, Any], body: Any) -> None:
    (snippet,) = Snippet.objects.all()
    for answer in (
        as_stranger.post(f"/snippets/{snippet.pk}/comments/", {"body": body}),
        as_stranger.put(comment["url"], {"body": body}),
        as_stranger.patch(comment["url"], {"body": body}),
    ):
        assert (answer.status_code, list(answer.json())) == (400, ["body"])
    assert list(Comment.objects.values_list("body", flat=True)) == [comment["body"]]


def test_the_longest_comment_is_taken(as_stranger: APIClient, snippet: Snippet) -> None:
    assert comment_on(as_stranger, snippet, "é" * 10_000)["body"] == "é" * 10_000


@pytest.mark.parametrize(("fields", "name"), [({}, "body"), ({"body": "x", "text": "y"}, "text")])
def test_bad_fields_are_named(as_stranger: APIClient, snippet: Snippet, fields: dict[str, str], name: str) -> None:
    answer = as_stranger.post(f"/snippets/{snippet.pk}/comments/", fields)
    assert (answer.status_code, list(answer.json())) == (400, [name])


@pytest.mark.parametrize("method", ["put", "patch"])
def test_its_author_changes_it(
    as_stranger: APIClient, anonymous: APIClient, comment: dict[str, Any], method: str
) -> None:
    answer = getattr(as_stranger, method)(comment["url"], {"body": "Never mind. #L4"})
    changed = answer.json()
    assert answer.status_code == 200
    assert (changed["body"], changed["version"], changed["created"]) == ("Never mind. #L4", 2, comment["created"])
    assert changed["updated"] > comment["updated"]
    assert [it["first"] for it in changed["lines"]] == [4]
    assert anonymous.get(comment["url"]).json() == changed


def test_what_changes_nothing_makes_no_version(as_stranger: APIClient, comment: dict[str, Any]) -> None:
    assert as_stranger.put(comment["url"], comment).json() == comment
    assert as_stranger.patch(comment["url"], {}).json() == comment


def test_two_windows_do_not_overwrite_each_other(as_stranger: APIClient, comment: dict[str, Any]) -> None:
    read = as_stranger.get(comment["url"])["ETag"]
    assert as_stranger.get(comment["url"], headers={"If-None-Match": read}).status_code == 304
    first = as_stranger.patch(comment["url"], {"body": "first"}, headers={"If-Match": read})
    assert first.status_code == 200
    assert as_stranger.get(comment["url"], headers={"If-None-Match": read}).json()["body"] == "first"
    for refused in (
        as_stranger.patch(comment["url"], {"body": "second"}, headers={"If-Match": read}),
        as_stranger.delete(comment["url"], headers={"If-Match": read}),
    ):
        assert refused.status_code == 412
    assert as_stranger.get(comment["url"]).json()["body"] == "first"
    assert as_stranger.delete(comment["url"], headers={"If-Match": first["ETag"]}).status_code == 204


def test_a_change_of_the_snippet_does_not_stand_in_the_way(
    as_stranger: APIClient, as_owner: APIClient, snippet: Snippet, comment: dict[str, Any]
) -> None:
    read = as_stranger.get(comment["url"])["ETag"]
    as_owner.patch(f"/snippets/{snippet.pk}/", {"title": "Another"})
    assert as_stranger.patch(comment["url"], {"body": "x"}, headers={"If-Match": read}).status_code == 200


def test_comments_change_nothing_of_the_snippet_but_their_number(
    as_stranger: APIClient, as_owner: APIClient, snippet: Snippet
) -> None:
    address = f"/snippets/{snippet.pk}/"
    before = as_owner.get(address)
    made = comment_on(as_stranger, snippet)
    with_it = as_owner.get(address, headers={"If-None-Match": before["ETag"]})
    assert with_it.json() == before.json() | {"comments": 1}
    as_stranger.delete(made["url"])
    assert as_owner.get(address, headers={"If-None-Match": with_it["ETag"]}).json() == before.json()


@pytest.mark.parametrize(
    ("who", "change", "delete"),
    [
        ("anonymous", 401, 401),
        ("as_stranger", 200, 204),
        ("as_owner", 403, 204),
        ("as_staff", 403, 204),
        ("as_another", 403, 403),
    ],
)
def test_who_may_do_what_with_a_comment(
    who: str, change: int, delete: int, comment: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    client: APIClient = request.getfixturevalue(who)
    assert client.get(comment["url"]).status_code == 200
    for method in ("put", "patch"):
        answer = getattr(client, method)(comment["url"], {"body": "changed"})
        assert answer.status_code == change
    assert Comment.objects.get().body == ("changed" if change == 200 else comment["body"])
    assert client.delete(comment["url"]).status_code == delete
    assert Comment.objects.exists() == (delete != 204)


@pytest.fixture
def as_another(db: None, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(User.objects.create_user("another"))


def test_who_holds_the_edit_key_deletes_comments_and_writes_none(anonymous: APIClient, as_stranger: APIClient) -> None:
    posted = anonymous.post("/snippets/", {"code": "x\n"}).json()
    snippet = Snippet.objects.get(pk=posted["pk"])
    made = comment_on(as_stranger, snippet)
    holder, wrong = APIClient(HTTP_X_EDIT_KEY=posted["edit_key"]), APIClient(HTTP_X_EDIT_KEY="edit_wrong")
    assert holder.post(f"/snippets/{snippet.pk}/comments/", {"body": "x"}).status_code == 401
    assert holder.patch(made["url"], {"body": "x"}).status_code == 401
    assert wrong.delete(made["url"]).status_code == 403
    assert holder.delete(made["url"]).status_code == 204


def test_a_comment_is_found_only_below_its_own_snippet(
    as_stranger: APIClient, comment: dict[str, Any], owner: User
) -> None:
    other = Snippet.objects.create(owner=owner, code="x\n")
    elsewhere = f"/snippets/{other.pk}/comments/{comment['pk']}/"
    assert as_stranger.get(elsewhere).status_code == 404
    for method in ("put", "patch", "delete"):
        assert getattr(as_stranger, method)(elsewhere, {"body": "x"}).status_code == 404
    assert as_stranger.get(comment["url"]).json() == comment


def test_what_hides_the_snippet_hides_its_comments(
    as_stranger: APIClient, as_owner: APIClient, snippet: Snippet, comment: dict[str, Any]
) -> None:
    as_owner.patch(f"/snippets/{snippet.pk}/", {"visibility": "private"})
    assert as_stranger.get(comment["url"]).status_code == 404
    for method in ("put", "patch", "delete"):
        assert getattr(as_stranger, method)(comment["url"], {"body": "x"}).status_code == 404
    assert as_owner.get(comment["url"]).json()["body"] == comment["body"]


def test_the_oldest_comes_first_and_the_pages_go_on(
    as_stranger: APIClient, as_owner: APIClient, snippet: Snippet, owner: User
) -> None:
    made = [comment_on((as_stranger, as_owner)[number % 2], snippet, f"{number}") for number in range(5)]
    comment_on(as_owner, Snippet.objects.create(owner=owner, code="x\n"), "elsewhere")
    first = as_stranger.get(f"/snippets/{snippet.pk}/comments/?page_size=2")
    second = as_stranger.get(first.json()["next"]).json()
    third = as_stranger.get(second["next"]).json()
    assert [*first.json()["results"], *second["results"], *third["results"]] == made
    assert (first.json()["count"], third["next"]) == (5, None)
    assert 'rel="next"' in first["Link"]
    assert as_stranger.get(second["previous"]).json()["results"] == made[:2]


@pytest.mark.parametrize(
    ("query", "name"), [("page=0", "page"), ("page_size=101", "page_size"), ("cursor=x", "cursor"), ("q=x", "q")]
)
def test_a_parameter_that_makes_no_sense_is_named(
    anonymous: APIClient, snippet: Snippet, query: str, name: str
) -> None:
    answer = anonymous.get(f"/snippets/{snippet.pk}/comments/?{query}")
    assert (answer.status_code, list(answer.json())) == (400, [name])


def test_a_hundred_comments_cost_as_much_as_one(
    as_stranger: APIClient, as_owner: APIClient, snippet: Snippet, comment: dict[str, Any], max_queries: Any
) -> None:
    as_owner.get("/snippets/")
    for length in (99, 0):
        with max_queries(6):  # the token and its user, the snippet, the comments' keys, the comments, and their count
            as_owner.get(f"/snippets/{snippet.pk}/comments/?page_size=100")
        for number in range(length):
            Comment.objects.create(snippet=snippet, author=User.objects.create_user(f"u{number}"), body="x #L1")
        with max_queries(4):
            as_owner.get(comment["url"])


def test_without_its_author_a_comment_stays(
    as_owner: APIClient, stranger: User, comment: dict[str, Any], snippet: Snippet
) -> None:
    stranger.delete()
    assert as_owner.get(comment["url"]).json() == comment | {"author": None}
    assert APIClient().patch(comment["url"], {"body": "mine now"}).status_code == 401
    assert as_owner.get(f"/snippets/{snippet.pk}/comments/").json()["results"][0]["author"] is None
    assert as_owner.delete(comment["url"]).status_code == 204


def test_with_the_snippet_go_its_comments(as_owner: APIClient, comment: dict[str, Any], snippet: Snippet) -> None:
    assert as_owner.delete(f"/snippets/{snippet.pk}/").status_code == 204
    assert not Comment.objects.exists()


def test_nothing_in_a_comment_acts_on_the_page(in_browser: APIClient, as_stranger: APIClient, snippet: Snippet) -> None:
    made = comment_on(as_stranger, snippet, '<script>alert(1)</script> "javascript:alert(1)" </textarea> #L1')
    for address in (f"/snippets/{snippet.pk}/comments/", made["url"]):
        page = in_browser.get(address, headers=BROWSER)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text
        assert 'href="javascript' not in page.text
        assert f'href="{made["lines"][0]["url"]}"' in unescape(page.text)


def test_the_page_has_a_form_for_who_may_write(
    in_browser: APIClient, anonymous: APIClient, as_stranger: APIClient, snippet: Snippet, comment: dict[str, Any]
) -> None:
    address = f"/snippets/{snippet.pk}/comments/"
    page = in_browser.get(address, headers=BROWSER)
    assert '<textarea name="body"' in page.text
    assert '<textarea name="body"' not in anonymous.get(address, headers=BROWSER).text
    theirs = in_browser.get(comment["url"], headers=BROWSER).text
    assert ('<textarea name="body"' in theirs, 'data-method="DELETE"' in theirs) == (False, True)
    token = page.cookies["csrftoken"].value
    fields = {"csrfmiddlewaretoken": token, "body": "from\r\na form"}
    answer = in_browser.post(address, fields, format="multipart", headers=BROWSER)
    assert answer.status_code == 201
    mine = in_browser.get(answer["Location"], headers=BROWSER).text
    assert '<textarea name="body"' in mine
    assert in_browser.get(answer["Location"]).json()["body"] == "from\r\na form"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_rows_are_locked_only_within_a_transaction(
    transactional_db: None, as_stranger: APIClient, snippet: Snippet, comment: dict[str, Any], method: str
) -> None:
    address = f"/snippets/{snippet.pk}/comments/" if method == "post" else comment["url"]
    assert getattr(as_stranger, method)(address, {"body": "x"}).status_code in (200, 201, 204)
