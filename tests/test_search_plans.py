"""How a search reads: never the whole table, nor the list from its beginning to its end for a word that is nowhere."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from snippets import search
from snippets.models import Snippet

on_postgresql = pytest.mark.database("postgresql")
on_sqlite = pytest.mark.database("sqlite")


@pytest.fixture
def many_but_not_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the terms are rare among the first rows, and many have them nevertheless."""
    monkeypatch.setattr(search, "FIRST_ROWS", 0)
    monkeypatch.setattr(search.ENGINES[connection.vendor], "few", -1)


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
def test_sqlite_looks_terms_up_in_its_virtual_tables(
    query: str, tables: list[str], db: None, many_but_not_first: None
) -> None:
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
def test_postgresql_can_look_terms_up_in_its_indexes(
    query: str, indexes: list[str], db: None, many_but_not_first: None
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")  # of a whole index, which is as good for so few rows
    explained = Snippet.objects.search(query).order_by().explain()
    assert any(f"Bitmap Index Scan on {index}" in explained for index in indexes)
    assert "Seq Scan" not in explained


@on_postgresql
def test_postgresql_looks_terms_up_by_itself_where_there_are_many_rows(db: None, many_but_not_first: None) -> None:
    lines = [f"value_{number} = {number}\n" for number in range(60)]
    Snippet.objects.bulk_create(Snippet(title=f"row {number}", code="".join(lines)) for number in range(2000))
    with connection.cursor() as cursor:  # what autovacuum does from time to time
        cursor.execute("SELECT gin_clean_pending_list('snippets_trigrams'), gin_clean_pending_list('snippets_words')")
        cursor.execute("ANALYZE snippets_snippet")
    for query, index in (("needle", "snippets_trigrams"), ("if", "snippets_words")):
        assert plan(query).count(f"Bitmap Index Scan on {index}") >= 2


@pytest.fixture
def rows(db: None) -> None:
    """Of two words: all have one of them, and the other is in some that do not come first."""
    codes = ["thread needle\n"] * 30 + ["thread\n"] * search.FIRST_ROWS
    Snippet.objects.bulk_create(Snippet(code=code) for code in codes)


def test_of_a_frequent_word_the_list_is_read_in_its_order(rows: None) -> None:
    explained = Snippet.objects.listed_for(AnonymousUser()).ordered_by("-created").search("thread")[:21].explain()
    assert "snippets_trigrams" not in explained
    assert connection.vendor == "postgresql" or "snippet_visibility_created" in explained


def test_of_a_word_that_is_nowhere_nothing_is_read(rows: None) -> None:
    listed = Snippet.objects.listed_for(AnonymousUser()).ordered_by("-created")
    with CaptureQueriesContext(connection) as looking_up:
        found = listed.search("thimble")
    with CaptureQueriesContext(connection) as reading:
        assert list(found) == []
        assert found.count() == 0
    assert (len(looking_up), len(reading)) == (2, 0)


@on_sqlite
def test_sqlite_reads_the_rows_of_a_rare_word_by_their_numbers(rows: None) -> None:
    found = Snippet.objects.listed_for(AnonymousUser()).ordered_by("-created").search("needle")
    assert "USING INTEGER PRIMARY KEY" in found[:21].explain()
    assert "USING INTEGER PRIMARY KEY" in found.order_by()[:10_001].explain()
