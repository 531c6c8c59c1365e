"""How a search reads: never the whole table, nor the list from its beginning to its end for a word that is nowhere."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from snippets.models import Snippet

on_postgresql = pytest.mark.database("postgresql")
on_sqlite = pytest.mark.database("sqlite")


def plan(query: str) -> str:
    """How the first page that nobody sees is looked up, and how it is counted."""
    listed = Snippet.objects.listed_for(AnonymousUser()).search(query)
    return listed.ordered_by("-created")[:21].explain() + "\n" + listed.order_by()[:10_001].explain()


@on_sqlite
@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("needle", ["snippets_trigrams"]),
        ("if", ["snippets_words"]),
        ("needle if", ["snippets_trigrams", "snippets_words"]),
    ],
)
def test_sqlite_looks_terms_up_in_its_virtual_tables(query: str, tables: list[str], db: None) -> None:
    explained = plan(query)
    for table in tables:
        assert explained.count(f"SCAN {table} VIRTUAL TABLE INDEX") == 2
    assert "SCAN snippets_snippet" not in explained


@on_postgresql
@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("needle", ["snippets_trigrams"]),
        ("if", ["snippets_words"]),
        ("needle thread", ["snippets_trigrams"]),
        ("needle if", ["snippets_trigrams", "snippets_words"]),
        ("50%", ["snippets_trigrams"]),
        ("if x", ["snippets_words"]),
        ("c++", ["snippets_trigrams"]),
    ],
)
def test_postgresql_can_look_terms_up_in_its_indexes(query: str, indexes: list[str], db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")  # of a whole index, which is as good for so few rows
    explained = Snippet.objects.search(query).order_by().explain()
    assert any(f"Bitmap Index Scan on {index}" in explained for index in indexes)
    assert "Seq Scan" not in explained


@on_postgresql
def test_postgresql_looks_terms_up_by_itself_where_there_are_many_rows(db: None) -> None:
    lines = [f"value_{number} = {number}\n" for number in range(60)]
    Snippet.objects.bulk_create(Snippet(title=f"row {number}", code="".join(lines)) for number in range(2000))
    with connection.cursor() as cursor:  # what autovacuum does from time to time
        cursor.execute("SELECT gin_clean_pending_list('snippets_trigrams'), gin_clean_pending_list('snippets_words')")
        cursor.execute("ANALYZE snippets_snippet")
    for query, index in (("needle", "snippets_trigrams"), ("if", "snippets_words")):
        assert plan(query).count(f"Bitmap Index Scan on {index}") >= 2


@on_sqlite
def test_sqlite_reads_by_number_what_its_virtual_tables_find(db: None) -> None:
    assert plan("needle").count("USING INTEGER PRIMARY KEY") == 2


@pytest.fixture
def rows(db: None) -> None:
    """All have one word; of the newest, every tenth has another, and two a third."""
    codes = ["thread needle thimble\n"] * 30 + ["thread needle\n", *["thread\n"] * 9] * 20 + ["thread seldom\n"] * 2
    Snippet.objects.bulk_create(Snippet(code=code) for code in codes)


def asked(query: str, count: int) -> tuple[int, list[str]]:
    """How many rows are found, and what is asked for that: of the first rows, of the list, or of an index."""
    listed = Snippet.objects.listed_for(AnonymousUser()).ordered_by("-created")
    with CaptureQueriesContext(connection) as queries:
        found = len(listed.first_found(query, count))
    return found, [_kind(it["sql"]) for it in queries]


def _kind(sql: str) -> str:
    if "AS first" in sql:
        return "compare" if sql.startswith("SELECT pk") else "look"
    return "count" if "COUNT" in sql else "index"


@pytest.mark.parametrize(
    ("query", "count", "found", "asked_for"),
    [
        ("thread", 100, 100, ["look", "compare"]),
        ("THREAD", 100, 100, ["look", "compare"]),
        ("needle", 5, 5, ["look", "compare"]),
        ("thread", 1000, 232, ["look", "compare", "count"]),  # the list has no more
        ("needle", 45, 45, ["look", "compare"]),
        ("seldom", 10, 2, ["look", "index"]),
        ("nowhere", 10, 0, ["look", "index"]),
        ("if", 10, 0, ["index"]),
    ],
)
def test_what_is_asked_depends_on_how_frequent_a_word_is_in_the_first_rows(
    query: str, count: int, found: int, asked_for: list[str], rows: None
) -> None:
    assert asked(query, count) == (found, asked_for)


def test_what_only_others_have_is_looked_for_as_what_nobody_has(rows: None) -> None:
    """Else the time that it takes would tell one from the other."""
    Snippet.objects.create(code="private words", visibility="private")
    assert asked("private", 10) == asked("nowhere", 10)


def test_a_word_of_the_first_rows_alone_is_not_looked_for_in_all_of_the_list(rows: None) -> None:
    Snippet.objects.bulk_create(Snippet(code="novel\n") for _ in range(10))
    assert asked("novel", 10) == (10, ["look", "compare"])
    Snippet.objects.bulk_create(Snippet(code="other\n") for _ in range(40))
    assert asked("novel", 11) == (10, ["look", "compare", "count", "index"])


def test_a_list_of_long_texts_is_not_compared(rows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Snippet.objects.update(size=1_000_000)
    assert asked("thread", 100) == (100, ["look", "index"])
