"""Lists: their rows, their pages, their filters, and what they cost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from api.pagination import KeysetPagination
from snippets.models import Snippet
from snippets.pagination import SnippetPagination

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ROW = [
    *("pk", "title", "linenos", "language", "style", "url", "filename", "description", "owner", "visibility"),
    *("slug", "version", "created", "updated", "expires", "expired", "burn_after_read", "size", "lines"),
    *("attachments", "revision", "revisions", "forked_from"),
    *("tags", "stars", "starred", "comments", "comments_url", "excerpt"),
]
ORDERINGS = ("created", "-created", "updated", "-updated", "title", "-title")

Make = Callable[..., Snippet]


@pytest.fixture
def make(owner: User) -> Make:
    """A snippet of the owner, each an hour later than the one before."""
    made: list[Snippet] = []

    def one(**fields: Any) -> Snippet:
        moment = NOON + timedelta(hours=len(made))
        snippet = Snippet(**{"owner": owner, "code": "x\n", "created": moment, "updated": moment} | fields)
        snippet.save()
        made.append(snippet)
        return snippet

    return one


@pytest.fixture
def tied(make: Make) -> list[Snippet]:
    """Twelve snippets that share titles and times, in no order."""
    titles = ["b", "a", "", "b", "B", "é", "a", "", "z", "b", "日", "a"]
    hours = [0, 1, 1, 0, 2, 2, 2, 0, 3, 1, 0, 3]
    return [
        make(title=title, created=NOON + timedelta(hours=hour), updated=NOON - timedelta(hours=hour, microseconds=hour))
        for title, hour in zip(titles, hours, strict=True)
    ]


def pks(page: dict[str, Any]) -> list[int]:
    return [row["pk"] for row in page["results"]]


def ordered(ordering: str) -> list[int]:
    sign = ordering[: ordering.startswith("-")]
    return list(Snippet.objects.order_by(ordering, f"{sign}pk").values_list("pk", flat=True))


def pages(client: APIClient, address: str, direction: str = "next") -> Iterator[dict[str, Any]]:
    """The page at the address and those after it, or before it."""
    link: str | None = address
    while link:
        response = client.get(link)
        assert response.status_code == 200, response.content
        yield response.json()
        link = response.json()[direction]


def test_a_list_has_a_count_two_links_and_its_results(anonymous: APIClient, snippet: Snippet) -> None:
    response = anonymous.get("/snippets/")
    assert response.status_code == 200
    page = response.json()
    assert list(page) == ["count", "next", "previous", "results"]
    assert (page["count"], page["next"], page["previous"], len(page["results"])) == (1, None, None, 1)


def test_a_row_has_the_beginning_of_the_code_and_its_size_instead_of_the_code(anonymous: APIClient, make: Make) -> None:
    snippet = make(code="é = 1\n" * 100, title="Accents", filename="é.py", description="why")
    (row,) = anonymous.get("/snippets/").json()["results"]
    assert list(row) == ROW
    assert (row["excerpt"], row["size"], row["lines"]) == (snippet.code[:300], 700, 100)
    detail = anonymous.get(f"/snippets/{snippet.pk}/").json()
    assert {name: value for name, value in row.items() if name != "excerpt"} == {
        name: value for name, value in detail.items() if name != "code"
    }


def test_the_code_is_included_where_that_is_asked_for(anonymous: APIClient, make: Make) -> None:
    codes = [make(code=f"x = {number}\r\n").code for number in range(25)]
    page = anonymous.get("/snippets/?include=code").json()
    assert [row["code"] for row in page["results"]] == codes[:-21:-1]
    following = anonymous.get(page["next"]).json()
    assert [row["code"] for row in following["results"]] == codes[4::-1]
    assert list(following["results"][0]) == ["pk", "title", "code", *ROW[2:]]


@pytest.mark.parametrize(
    ("query", "length"), [("", 20), ("page_size=1", 1), ("page_size=25", 25), ("page_size=100", 25)]
)
def test_a_page_has_as_many_rows_as_are_asked_for(query: str, length: int, anonymous: APIClient, make: Make) -> None:
    for _ in range(25):
        make()
    page = anonymous.get(f"/snippets/?{query}").json()
    assert len(page["results"]) == length
    assert (page["next"] is None) == (length == 25)


def test_the_links_stand_in_the_header_too(anonymous: APIClient, tied: list[Snippet]) -> None:
    first = anonymous.get("/snippets/?page_size=5&ordering=title")
    assert first["Link"] == (
        f'<http://testserver/snippets/?ordering=title&page_size=5>; rel="first", <{first.json()["next"]}>; rel="next"'
    )
    second = anonymous.get(first.json()["next"])
    assert second["Link"] == ", ".join(
        [
            '<http://testserver/snippets/?ordering=title&page_size=5>; rel="first"',
            f'<{second.json()["previous"]}>; rel="prev"',
            f'<{second.json()["next"]}>; rel="next"',
        ]
    )


def test_the_links_keep_the_filters(anonymous: APIClient, tied: list[Snippet]) -> None:
    link = anonymous.get("/snippets/?page_size=2&language=python&owner=owner&include=code&page=2").json()["next"]
    query = parse_qs(urlsplit(link).query)
    assert query.pop("cursor")
    assert query == {"page_size": ["2"], "language": ["python"], "owner": ["owner"], "include": ["code"]}


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize("size", [1, 4, 5, 12])
def test_each_row_is_met_once_on_the_way_there_and_back(
    ordering: str, size: int, anonymous: APIClient, tied: list[Snippet]
) -> None:
    there = list(pages(anonymous, f"/snippets/?ordering={ordering}&page_size={size}"))
    assert [pk for page in there for pk in pks(page)] == ordered(ordering)
    assert {page["count"] for page in there} == {12}
    assert [len(page["results"]) for page in there[:-1]] == [size] * (len(there) - 1)
    assert there[0]["previous"] is None
    last = there[-2]["next"] if len(there) > 1 else f"/snippets/?ordering={ordering}&page_size={size}"
    back = list(pages(anonymous, last, "previous"))
    assert [pks(page) for page in back] == [pks(page) for page in reversed(there)]


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_pages_by_number_show_what_following_next_shows(
    ordering: str, anonymous: APIClient, tied: list[Snippet]
) -> None:
    followed = [pks(page) for page in pages(anonymous, f"/snippets/?ordering={ordering}&page_size=5")]
    numbered = [
        anonymous.get(f"/snippets/?ordering={ordering}&page_size=5&page={number}").json() for number in (1, 2, 3)
    ]
    assert [pks(page) for page in numbered] == followed
    assert pks(anonymous.get(numbered[2]["previous"]).json()) == followed[1]
    assert pks(anonymous.get(numbered[0]["next"]).json()) == followed[1]


def test_without_an_ordering_the_newest_is_first(anonymous: APIClient, tied: list[Snippet]) -> None:
    assert pks(anonymous.get("/snippets/").json()) == ordered("-created")


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_rows_that_come_meanwhile_make_no_other_appear_twice_or_never(
    ordering: str, anonymous: APIClient, tied: list[Snippet], make: Make
) -> None:
    expected, met = ordered(ordering), []
    for page in pages(anonymous, f"/snippets/?ordering={ordering}&page_size=3"):
        met += pks(page)
        if len(met) < 12:
            make(title="", created=NOON - timedelta(days=1), updated=NOON - timedelta(days=9))
            make(title="zzz", created=NOON + timedelta(days=1), updated=NOON + timedelta(days=9))
    assert [pk for pk in met if pk in expected] == expected
    assert len(met) == len(set(met))


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_rows_that_go_meanwhile_take_no_other_with_them(
    ordering: str, anonymous: APIClient, tied: list[Snippet]
) -> None:
    expected, met = ordered(ordering), []
    gone: set[int] = set()
    for page in pages(anonymous, f"/snippets/?ordering={ordering}&page_size=3"):
        met += pks(page)
        last_met, to_come = met[-1], expected[len(met) + len(gone) : len(met) + len(gone) + 1]
        gone |= set(to_come)
        Snippet.objects.filter(pk__in=[last_met, *to_come]).delete()
    assert met == [pk for pk in expected if pk not in gone]


def test_the_first_page_comes_back_when_a_row_has_come_before_it(
    anonymous: APIClient, tied: list[Snippet], make: Make
) -> None:
    first = anonymous.get("/snippets/?page_size=3").json()
    second = anonymous.get(first["next"]).json()
    newest = make(created=NOON + timedelta(days=1))
    back = anonymous.get(second["previous"]).json()
    assert pks(back) == pks(first)
    assert pks(anonymous.get(back["previous"]).json()) == [newest.pk]


def test_a_page_beyond_the_last_is_404(anonymous: APIClient, tied: list[Snippet]) -> None:
    assert anonymous.get("/snippets/?page_size=6&page=2").status_code == 200
    response = anonymous.get("/snippets/?page_size=6&page=3")
    assert (response.status_code, list(response.json())) == (404, ["detail"])


def test_an_empty_list_is_a_list(anonymous: APIClient) -> None:
    for query in ("", "?page=1", "?q=nothing", "?ordering=title&page_size=1&include=code"):
        response = anonymous.get(f"/snippets/{query}")
        assert response.status_code == 200
        assert response.json() == {"count": 0, "next": None, "previous": None, "results": []}


def test_what_lies_deeper_is_reached_by_next_and_not_by_number(
    anonymous: APIClient, tied: list[Snippet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeysetPagination, "max_depth", 6)
    deepest = anonymous.get("/snippets/?page_size=2&page=3")
    assert pks(deepest.json()) == ordered("-created")[4:6]
    refused = anonymous.get("/snippets/?page_size=2&page=4")
    assert refused.status_code == 400
    assert "Follow `next`" in refused.json()["page"][0]
    deeper = [pk for page in pages(anonymous, deepest.json()["next"]) for pk in pks(page)]
    assert deeper == ordered("-created")[6:]


def test_the_count_stops_at_its_limit(
    anonymous: APIClient, tied: list[Snippet], monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, count in ((11, 11), (12, 12), (13, 12)):
        monkeypatch.setattr(KeysetPagination, "max_count", limit)
        assert anonymous.get("/snippets/?page_size=1").json()["count"] == count
    monkeypatch.setattr(KeysetPagination, "max_count", 3)
    assert [pk for page in pages(anonymous, "/snippets/?page_size=5") for pk in pks(page)] == ordered("-created")


def test_the_count_of_a_search_stops_earlier_and_its_pages_do_not(
    anonymous: APIClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [make(code=f"needle {number}\n").pk for number in range(12)][::-1]
    make(code="thread\n")
    for limit, count in ((11, 11), (12, 12), (13, 12), (3, 3)):
        monkeypatch.setattr(SnippetPagination, "max_found", limit)
        assert anonymous.get("/snippets/?q=needle&page_size=1").json()["count"] == count
        assert anonymous.get("/snippets/").json()["count"] == 13
        walked = list(pages(anonymous, "/snippets/?q=needle&page_size=5"))
        assert [page["count"] for page in walked] == [count] * 3
        assert [pk for page in walked for pk in pks(page)] == found
        assert pks(anonymous.get("/snippets/?q=needle&page_size=5&page=3").json()) == found[10:]
        assert anonymous.get("/snippets/?q=needle&page_size=5&page=4").status_code == 404
        assert pks(anonymous.get(walked[2]["previous"]).json()) == found[5:10]


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize("query", ["needle", "it", "needle it"])
def test_what_a_search_finds_has_each_order_forwards_and_backwards(
    query: str, ordering: str, anonymous: APIClient, tied: list[Snippet]
) -> None:
    found = [snippet.pk for snippet in tied[::2]]
    Snippet.objects.filter(pk__in=found).update(code="needle it\n")
    expected = [pk for pk in ordered(ordering) if pk in found]
    forwards = list(pages(anonymous, f"/snippets/?q={query}&ordering={ordering}&page_size=2"))
    assert [pks(page) for page in forwards] == [expected[:2], expected[2:4], expected[4:]]
    backwards = list(pages(anonymous, forwards[-1]["previous"], "previous"))
    assert [pks(page) for page in backwards] == [expected[2:4], expected[:2]]


def test_a_search_asks_little_whatever_it_finds(anonymous: APIClient, make: Make, max_queries: Any) -> None:
    for number in range(120):
        make(code="thread needle if\n" if number == 0 else "thread if\n")
    for query, limit in (
        ("thread", 4),  # how frequent it is, the keys, whether these are all, the rows
        ("needle", 3),
        ("nowhere", 2),
        ("if", 2),
    ):
        with max_queries(1 + limit):  # the first asks whether one is about to expire
            page = anonymous.get(f"/snippets/?q={query}").json()
        if page["next"]:
            with max_queries(2 * limit):  # the place of a cursor has a frequency and keys of its own
                anonymous.get(page["next"])


@pytest.fixture
def library(make: Make, stranger: User) -> dict[str, int]:
    """Snippets by the name that the table below calls them."""
    made = {
        "py": make(title="py", language="python"),
        "py3": make(title="py3", language="py3"),
        "rb": make(title="rb", language="ruby", visibility="private"),
        "go": make(title="go", language="go", visibility="unlisted"),
        "js": make(title="js", language="javascript", owner=stranger),
        "sh": make(title="sh", language="bash", owner=stranger, visibility="private"),
        "no": make(title="no", owner=None, code="needle\n"),
    }
    return {name: snippet.pk for name, snippet in made.items()}


FILTERED = [
    ("", "no js go rb py3 py"),
    ("language=python", "no py3 py"),
    ("language=py3", "no py3 py"),
    ("language=ruby", "rb"),
    ("language=rb", "rb"),
    ("language=bash", ""),
    ("owner=owner", "go rb py3 py"),
    ("owner=OWNER", "go rb py3 py"),
    ("owner=me", "go rb py3 py"),
    ("owner=stranger", "js"),
    ("visibility=public", "no js py3 py"),
    ("visibility=private", "rb"),
    ("visibility=unlisted", "go"),
    ("created_after=2026-05-01T13:00:00Z", "no js go rb py3"),
    ("created_after=2026-05-01T13:00:01Z", "no js go rb"),
    ("created_after=2026-05-01T15:00:00%2B02:00", "no js go rb py3"),
    ("created_after=2026-05-02", ""),
    ("created_before=2026-05-01T13:00:00Z", "py"),
    ("created_before=2026-05-01", ""),
    ("created_before=2026-05-01T13:00:00.000001Z", "py3 py"),
    ("q=needle", "no"),
    ("ordering=title", "go js no py py3 rb"),
    ("ordering=-title", "rb py3 py no js go"),
    ("ordering=created", "py py3 rb go js no"),
    ("language=python&owner=me", "py3 py"),
    ("language=python&owner=me&created_after=2026-05-01T13:00:00Z", "py3"),
    ("owner=me&visibility=private&ordering=title", "rb"),
    ("created_after=2026-05-01T13:00:00Z&created_before=2026-05-01T15:00:00Z&ordering=created", "py3 rb"),
    ("q=needle&owner=me", ""),
    ("q=needle&language=python&visibility=public&ordering=-updated", "no"),
]


@pytest.mark.parametrize(("query", "names"), FILTERED)
def test_the_owner_filters(query: str, names: str, as_owner: APIClient, library: dict[str, int]) -> None:
    page = as_owner.get(f"/snippets/?{query}").json()
    assert [row["title"] for row in page["results"]] == names.split()
    assert page["count"] == len(names.split())


SEEN_BY_NOBODY = [
    ("", "no js py3 py"),
    ("owner=owner", "py3 py"),
    ("visibility=private", ""),
    ("visibility=unlisted", ""),
    ("language=bash", ""),
    ("language=ruby", ""),
    ("q=needle", "no"),
]


@pytest.mark.parametrize(("query", "names"), SEEN_BY_NOBODY)
def test_filters_show_nobody_more_than_they_may_see(
    query: str, names: str, anonymous: APIClient, library: dict[str, int]
) -> None:
    page = anonymous.get(f"/snippets/?{query}").json()
    assert [row["title"] for row in page["results"]] == names.split()
    assert page["count"] == len(names.split())


def test_staff_list_everything(as_staff: APIClient, library: dict[str, int]) -> None:
    assert as_staff.get("/snippets/").json()["count"] == 7
    assert [row["title"] for row in as_staff.get("/snippets/?visibility=private").json()["results"]] == ["sh", "rb"]
    assert as_staff.get("/snippets/?owner=me").json()["count"] == 0


def test_nobody_has_no_snippets_of_their_own(anonymous: APIClient, library: dict[str, int]) -> None:
    response = anonymous.get("/snippets/?owner=me")
    assert (response.status_code, list(response.json())) == (400, ["owner"])


def test_a_user_who_is_no_longer_there_is_no_filter(anonymous: APIClient, library: dict[str, int], owner: User) -> None:
    owner.is_active = False
    owner.save()
    assert list(anonymous.get("/snippets/?owner=owner").json()) == ["owner"]


def test_fifty_rows_cost_as_many_queries_as_one(
    anonymous: APIClient, as_owner: APIClient, make: Make, max_queries: Any, subtests: pytest.Subtests
) -> None:
    make(code="print(1)\n")
    for client in (as_owner, anonymous):
        client.get("/snippets/")  # the first use of a token is written down
    for rows in (1, 50):
        # The keys with their number, and the rows; where there are filters, the number is a query of its own.
        # Of a search: how frequent it is, the keys, whether that is all, the rows.
        for query, limit in (("", 2), ("?include=code", 2), ("?ordering=title&language=python", 3), ("?q=print", 4)):
            with subtests.test(rows=rows, query=query):
                with max_queries(limit + 1):  # and whether one is about to expire
                    anonymous.get(f"/snippets/{query}")
                with max_queries(limit + 1):  # and the token with its user
                    as_owner.get(f"/snippets/{query}")
        for number in range(50 - rows):
            made = make(code="print(2)\n", tag_names=["all", f"tag-{number}"])
            assert as_owner.put(f"/snippets/{made.pk}/star/").status_code == 204
            assert as_owner.post(f"/snippets/{made.pk}/comments/", {"body": "Nice."}).status_code == 201


def test_a_snippet_costs_one_query_and_its_reader_two(
    anonymous: APIClient, as_owner: APIClient, snippet: Snippet, max_queries: Any
) -> None:
    as_owner.get("/snippets/")
    for ref, below in ((snippet.pk, ""), (snippet.slug, ""), (snippet.pk, "raw/")):
        with max_queries(1):
            assert anonymous.get(f"/snippets/{ref}/{below}").status_code == 200
        with max_queries(3):
            assert as_owner.get(f"/snippets/{ref}/{below}").status_code == 200


@pytest.mark.parametrize("query", ["", "?ordering=title&page_size=1", "?language=python", "?owner=owner", "?q=print"])
def test_a_list_does_not_read_the_code(query: str, as_owner: APIClient, make: Make) -> None:
    for _ in range(3):
        make(code="print(1)\n")
    with CaptureQueriesContext(connection) as queries:
        page = as_owner.get(f"/snippets/{query}").json()
        if page["next"]:
            as_owner.get(page["next"])
    read = [sql["sql"].partition(" FROM ")[0] for sql in queries if '"snippets_snippet"' in sql["sql"]]
    assert len(read) >= 2
    assert not [sql for sql in read if '"code"' in sql]


@pytest.mark.database("sqlite")
def test_sqlite_reads_the_rows_of_a_page_by_their_numbers(anonymous: APIClient, make: Make) -> None:
    make()
    with CaptureQueriesContext(connection) as queries:
        anonymous.get("/snippets/")
    (read,) = [it["sql"] for it in queries if '"snippets_snippet"."excerpt"' in it["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {read}")
        plan = [step for *_, step in cursor.fetchall()]
    assert "SEARCH snippets_snippet USING INTEGER PRIMARY KEY (rowid=?)" in plan


def test_a_list_that_includes_the_code_reads_it_with_the_rows(as_owner: APIClient, make: Make) -> None:
    make()
    with CaptureQueriesContext(connection) as queries:
        as_owner.get("/snippets/?include=code")
    assert len([sql for sql in queries if '"snippets_snippet"."code"' in sql["sql"]]) == 1


def test_lists_of_tokens_and_users_have_the_same_pages(as_staff: APIClient, owner: User, stranger: User) -> None:
    names = [page["results"][0]["username"] for page in pages(as_staff, "/users/?page_size=1")]
    assert names == ["owner", "staff", "stranger"]
    tokens = as_staff.get("/tokens/")
    assert tokens.status_code == 200
    assert list(tokens.json()) == ["count", "next", "previous", "results"]
