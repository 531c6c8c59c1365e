"""Tags: how they come in, what is found by them, and what /tags/ tells."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from accounts.models import User
from snippets.models import Snippet
from tests.test_browsable_api import BROWSER

FORM = "application/x-www-form-urlencoded"
MANY = [f"tag-{number:02}" for number in range(20)]


def post(client: APIClient, tags: Any = (), **fields: Any) -> dict[str, Any]:
    answer = client.post("/snippets/", {"code": "x = 1\n", "tags": list(tags)} | fields)
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def tags_at(client: APIClient, pk: int) -> list[str]:
    """As the snippet itself and as its row in the list have them."""
    tags: list[str] = client.get(f"/snippets/{pk}/").json()["tags"]
    (row,) = [row for row in client.get("/snippets/").json()["results"] if row["pk"] == pk]
    assert row["tags"] == tags
    return tags


# --- What a tag is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ([], []),
        (["python"], ["python"]),
        (["Web", "API", "web", "api"], ["api", "web"]),
        (["c++", "C#", ".net", "node.js", "snake_case", "#1"], ["#1", ".net", "c#", "c++", "node.js", "snake_case"]),
        (["ÜBER", "日本語", "Ελλάς", "हिन्दी"], sorted(["über", "日本語", "ελλάς", "हिन्दी"])),
        (["e\u0301t\u00e9", "\u00e9te\u0301"], ["\u00e9t\u00e9"]),
        (["x" * 50], ["x" * 50]),
        ([*MANY, *map(str.upper, MANY)], MANY),
    ],
)
def test_tags_are_stored_in_lower_case_and_once(as_owner: APIClient, sent: list[str], stored: list[str]) -> None:
    made = post(as_owner, sent)
    assert made["tags"] == stored
    assert tags_at(as_owner, made["pk"]) == stored
    # What is shown may be sent back.
    assert as_owner.patch(f"/snippets/{made['pk']}/", {"tags": stored}).json() == {
        name: value for name, value in made.items() if name != "edit_key"
    }


BAD = [
    *["", "a", None, 1, {}, {"a": "b"}, [1], [None], [["a"]], ["a", True]],
    *[[""], [" "], ["a b"], ["a\tb"], [" a"], ["a,b"], ["a/b"], ["a\0b"], ["a\nb"], ["<b>"], ["a&b"], ["😀"]],
    *[["x" * 51], ["-"], ["..."], ["#"], ["++"], ["\u0301"], ["a\u200bb"], ["a\u202eb"], ["ok", "not ok"]],
    [f"{number}" for number in range(21)],
]


@pytest.mark.parametrize("tags", BAD, ids=lambda tags: ascii(tags)[:30])
def test_what_is_no_tag_is_refused(as_owner: APIClient, snippet: Snippet, tags: Any) -> None:
    for answer in (
        as_owner.post("/snippets/", {"code": "x\n", "tags": tags}),
        as_owner.put(f"/snippets/{snippet.pk}/", {"code": "changed\n", "tags": tags}),
        as_owner.patch(f"/snippets/{snippet.pk}/", {"tags": tags}),
    ):
        assert (answer.status_code, list(answer.json())) == (400, ["tags"]), answer.json()
        assert all(isinstance(message, str) for message in answer.json()["tags"])
    assert Snippet.objects.get().code == snippet.code
    assert as_owner.get("/tags/").json()["count"] == 0


def test_a_surrogate_is_no_tag(as_owner: APIClient) -> None:
    answer = as_owner.generic("POST", "/snippets/", b'{"code": "x", "tags": ["a\\ud800"]}', "application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["tags"])


def test_in_the_shell_too(owner: User) -> None:
    snippet = Snippet.objects.create(owner=owner, code="x\n", tag_names=["B", "a"])
    assert Snippet.objects.get(pk=snippet.pk).tag_names == ["a", "b"]
    with pytest.raises(ValidationError):
        Snippet(code="x\n", tag_names=["a b"])
    assert Snippet(code="x\n").tag_names == []


# --- How they come in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        ("tags=a&tags=b", ["a", "b"]),
        ("tags=B,a", ["a", "b"]),
        ("tags=a%2C+b+%2C&tags=c", ["a", "b", "c"]),
        ("tags=", []),
        ("tags=+%2C+", []),
        ("", []),
    ],
)
@pytest.mark.parametrize("multipart", [False, True])
def test_forms_give_them_repeated_or_with_commas(
    as_owner: APIClient, body: str, tags: list[str], multipart: bool
) -> None:
    if multipart:
        fields = parse_qs(f"code=x&{body}", keep_blank_values=True)
        answer = as_owner.post("/snippets/", fields, format="multipart")
    else:
        answer = as_owner.generic("POST", "/snippets/", f"code=x&{body}", FORM)
    assert answer.status_code == 201
    assert answer.json()["tags"] == tags


@pytest.mark.parametrize(("query", "tags"), [("tags=b,a", ["a", "b"]), ("tags=a&tags=b", ["a", "b"]), ("tags=", [])])
def test_beside_plain_text_they_stand_in_the_query(as_owner: APIClient, query: str, tags: list[str]) -> None:
    answer = as_owner.generic("POST", f"/snippets/?{query}", "x = 1\n", "text/plain")
    assert (answer.status_code, answer.json()["tags"]) == (201, tags)


@pytest.mark.parametrize(
    "body", ["tags=a+b", "tags=a%00b", "tags=" + "x" * 51, "tags=" + ",".join(map(str, range(21)))]
)
def test_bad_ones_in_forms_are_named(as_owner: APIClient, body: str) -> None:
    for answer in (
        as_owner.generic("POST", "/snippets/", f"code=x&{body}", FORM),
        as_owner.generic("POST", f"/snippets/?{body}", "x", "text/plain"),
    ):
        assert (answer.status_code, list(answer.json())) == (400, ["tags"])


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("media_type", [FORM, "application/json"])
def test_what_leaves_them_out_leaves_them_as_they_are(as_owner: APIClient, method: str, media_type: str) -> None:
    made = post(as_owner, ["a", "b"])
    body = "code=changed" if media_type == FORM else '{"code": "changed"}'
    answer = as_owner.generic(method, made["url"], body, media_type)
    assert (answer.status_code, answer.json()["code"], answer.json()["tags"]) == (200, "changed", ["a", "b"])
    assert tags_at(as_owner, made["pk"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("method", "body", "media_type"),
    [
        ("PUT", "code=x&tags=", FORM),
        ("PATCH", "tags=", FORM),
        ("PATCH", '{"tags": []}', "application/json"),
        ("PUT", '{"code": "x", "tags": []}', "application/json"),
    ],
)
def test_they_are_taken_away(as_owner: APIClient, method: str, body: str, media_type: str) -> None:
    made = post(as_owner, ["a", "b"])
    answer = as_owner.generic(method, made["url"], body, media_type)
    assert (answer.status_code, answer.json()["tags"]) == (200, [])
    assert tags_at(as_owner, made["pk"]) == []


def test_other_tags_are_another_version(as_owner: APIClient) -> None:
    made = post(as_owner, ["a", "b"])
    before = as_owner.get(made["url"])
    same = as_owner.patch(made["url"], {"tags": ["B", "a"]})
    assert (same.json()["version"], same["ETag"]) == (1, before["ETag"])
    other = as_owner.patch(made["url"], {"tags": ["b", "c"], "title": "both"}, headers={"If-Match": before["ETag"]})
    assert (other.json()["version"], other.json()["tags"], other.json()["title"]) == (2, ["b", "c"], "both")
    assert other.json()["updated"] > before.json()["updated"]
    assert as_owner.get(made["url"], headers={"If-None-Match": before["ETag"]}).json()["tags"] == ["b", "c"]
    late = as_owner.patch(made["url"], {"tags": ["late"]}, headers={"If-Match": before["ETag"]})
    assert late.status_code == 412
    assert tags_at(as_owner, made["pk"]) == ["b", "c"]


def test_the_form_of_the_page_shows_and_takes_them(in_browser: APIClient, as_owner: APIClient) -> None:
    made = post(as_owner, ["c++", "web"])
    page = in_browser.get(made["url"], headers=BROWSER)
    assert '<input name="tags" class="form-control" type="text" value="c++, web"' in page.text
    headers = BROWSER | {"X-CSRFToken": page.cookies["csrftoken"].value}
    fields = {"code": "x\n", "visibility": "public"}
    refused = in_browser.put(made["url"], fields | {"tags": "c++, two words"}, format="multipart", headers=headers)
    assert refused.status_code == 400
    assert 'value="c++, two words"' in refused.text
    taken = in_browser.put(made["url"], fields | {"tags": "C++, api"}, format="multipart", headers=headers)
    assert taken.status_code == 200
    assert tags_at(as_owner, made["pk"]) == ["api", "c++"]


# --- What is found by them --------------------------------------------------------------------------------------------


@pytest.fixture
def tagged(as_owner: APIClient) -> dict[str, int]:
    """The pks of public snippets by their titles."""
    sets = {"first": ["a"], "second": ["a", "b"], "third": ["b"], "fourth": ["a", "b", "c++"], "fifth": []}
    return {title: post(as_owner, tags, title=title)["pk"] for title, tags in sets.items()}


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("tag=a", ["first", "second", "fourth"]),
        ("tag=A", ["first", "second", "fourth"]),
        ("tag=a&tag=b", ["second", "fourth"]),
        ("tag=b&tag=a&tag=b", ["second", "fourth"]),
        ("tag=a&tag=b&tag=c%2B%2B", ["fourth"]),
        ("tag=unheard-of", []),
        ("tag=a&tag=unheard-of", []),
        ("tag=a&language=ruby", []),
        ("tag=a&q=fourth", ["fourth"]),
    ],
)
def test_a_list_is_narrowed_by_all_of_them(
    anonymous: APIClient, tagged: dict[str, int], query: str, titles: list[str]
) -> None:
    page = anonymous.get(f"/snippets/?{query}&ordering=created").json()
    assert [row["title"] for row in page["results"]] == titles
    assert page["count"] == len(titles)


def test_the_pages_go_on_with_the_filter(anonymous: APIClient, tagged: dict[str, int]) -> None:
    link, found = "/snippets/?tag=a&tag=b&page_size=1&ordering=title", []
    while link:
        page = anonymous.get(link).json()
        found += [row["title"] for row in page["results"]]
        link = page["next"]
    assert found == ["fourth", "second"]


@pytest.mark.parametrize(
    "query", ["tag=", "tag=a&tag=", "tag=a+b", "tag=a,b", "tag=a%00", "tag=-", "tag=" + "x" * 51, "tag=%F0%9F%98%80"]
)
def test_what_cannot_be_a_tag_is_refused(anonymous: APIClient, tagged: dict[str, int], query: str) -> None:
    answer = anonymous.get(f"/snippets/?{query}")
    assert (answer.status_code, list(answer.json())) == (400, ["tag"])


def test_nobody_has_more_tags_than_a_snippet(anonymous: APIClient) -> None:
    query = "&".join(f"tag={number}" for number in range(21))
    assert list(anonymous.get(f"/snippets/?{query}").json()) == ["tag"]


# --- /tags/ -----------------------------------------------------------------------------------------------------------


def counted(client: APIClient, query: str = "") -> dict[str, int]:
    answer = client.get(f"/tags/{query}")
    assert answer.status_code == 200, answer.content
    return {row["name"]: row["count"] for row in answer.json()["results"]}


def test_tags_are_counted_and_lead_to_their_lists(anonymous: APIClient, tagged: dict[str, int]) -> None:
    page = anonymous.get("/tags/").json()
    assert page == {
        "count": 3,
        "next": None,
        "previous": None,
        "results": [
            {"name": "a", "count": 3, "snippets": "http://testserver/snippets/?tag=a"},
            {"name": "b", "count": 3, "snippets": "http://testserver/snippets/?tag=b"},
            {"name": "c++", "count": 1, "snippets": "http://testserver/snippets/?tag=c%2B%2B"},
        ],
    }
    for row in page["results"]:
        assert anonymous.get(row["snippets"]).json()["count"] == row["count"]
    assert anonymous.get("/").json()["tags"] == "http://testserver/tags/"


def test_everybody_counts_what_he_may_see_in_lists(
    anonymous: APIClient, as_stranger: APIClient, as_owner: APIClient, as_staff: APIClient
) -> None:
    for visibility in ("public", "unlisted", "private"):
        post(as_owner, ["shared", visibility], visibility=visibility)
    post(as_stranger, ["shared", "theirs"], visibility="private")
    assert counted(anonymous) == {"shared": 1, "public": 1}
    assert counted(as_stranger) == {"shared": 2, "public": 1, "theirs": 1}
    assert counted(as_owner) == {"shared": 3, "public": 1, "unlisted": 1, "private": 1}
    assert counted(as_staff) == {"shared": 4, "public": 1, "unlisted": 1, "private": 1, "theirs": 1}
    assert anonymous.get("/tags/").json()["count"] == 2
    assert counted(anonymous, "?q=priv") == {}


def test_what_nobody_uses_any_more_is_gone(as_owner: APIClient, tagged: dict[str, int]) -> None:
    as_owner.patch(f"/snippets/{tagged['fourth']}/", {"tags": ["a"]})
    assert counted(as_owner) == {"a": 3, "b": 2}
    as_owner.delete(f"/snippets/{tagged['third']}/")
    as_owner.delete(f"/snippets/{tagged['second']}/")
    assert counted(as_owner) == {"a": 2}
    assert post(as_owner, ["b"])["tags"] == ["b"]
    assert counted(as_owner) == {"a": 2, "b": 1}


def test_they_come_in_pages(anonymous: APIClient, as_owner: APIClient) -> None:
    post(as_owner, MANY)
    post(as_owner, ["zebra", "Anna"])
    link, found = "/tags/?page_size=5", []
    while link:
        page = anonymous.get(link).json()
        assert page["count"] == 22
        found += [row["name"] for row in page["results"]]
        link = page["next"]
    assert found == ["anna", *MANY, "zebra"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=tag-1", MANY[10:]),
        ("q=TAG-19", ["tag-19"]),
        ("q=ag", []),
        ("q=_", ["_x"]),
        ("q=%25", None),
        ("q=c", ["c++"]),
    ],
)
def test_they_are_found_by_how_they_begin(as_owner: APIClient, query: str, names: list[str] | None) -> None:
    post(as_owner, MANY)
    post(as_owner, ["c++", "_x"])
    answer = as_owner.get(f"/tags/?{query}")
    if names is None:
        assert (answer.status_code, list(answer.json())) == (400, ["q"])
    else:
        assert [row["name"] for row in answer.json()["results"]] == names


@pytest.mark.parametrize(
    ("query", "name"), [("q=", "q"), (f"q={quote('a b')}", "q"), ("page=0", "page"), ("ordering=count", "ordering")]
)
def test_a_parameter_that_makes_no_sense_is_named(anonymous: APIClient, query: str, name: str) -> None:
    answer = anonymous.get(f"/tags/?{query}")
    assert (answer.status_code, list(answer.json())) == (400, [name])


def test_a_hundred_tags_cost_as_much_as_one(as_owner: APIClient, max_queries: Callable[[int], Any]) -> None:
    post(as_owner, ["one"])
    as_owner.get("/snippets/")
    for sets in (5, 0):
        with max_queries(6):  # the token and its user, the keys, the tags, and both counts
            as_owner.get("/tags/?page_size=100")
        with max_queries(6):  # the token and its user, the number of the tag, the keys, the rows, and their count
            as_owner.get("/snippets/?tag=one&page_size=100")
        for number in range(sets):
            post(as_owner, ["one", *(f"{number}-{name}" for name in MANY[1:])])


def test_tagging_takes_a_transaction(transactional_db: None, as_owner: APIClient) -> None:
    """The other tests stand in one of their own, which would hide one that is missing."""
    made = post(as_owner, ["a", "b"])
    assert as_owner.patch(made["url"], {"tags": ["c"]}).json()["tags"] == ["c"]
