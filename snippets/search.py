"""How a search finds words and substrings, with the indexes that each database has for it.

A term of three characters or more is found wherever it stands, in any case, in title, description, filename or code.
A shorter one has no trigram to look up: it is found as a word. No search reads the whole table.

An index names all rows that have a term, in no order: of a frequent one a million, each of which must be read to learn
which are the newest. So `first_keys` looks at the first rows of the list. Where enough of them have the terms, it
compares the list's rows in their order until it has as many as are wanted; it asks the index where that is too far.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from api.reading_by_number import read_by_number

FIELDS = ("title", "description", "filename", "code")
MAX_LENGTH = 200
MAX_TERMS = 10
TRIGRAM = 3

FIRST = 50  # rows of the list that are looked at
FREQUENT = 3  # of them
BEGINNING = 1000  # characters of the code, which are enough to tell what is frequent
MOST_COMPARED = 20_000_000  # bytes of code; more take longer than any index
FEW = 1000  # rows, which PostgreSQL finds by the index, whatever it guesses

WORD = re.compile(r"[^\W_]")
# Letters of which SQLite's trigrams take the lower case, the upper case and OTHER_FORMS for the same, and nothing else.
TWO_FORMS = re.compile(r"[\0-\xb4\xb6-\xde\xe0-\u012f\u0132-\u0148\u014a-\u017e\u0400-\u0527]")
OTHER_FORMS = {"k": "\N{KELVIN SIGN}", "s": "\N{LATIN SMALL LETTER LONG S}", "å": "\N{ANGSTROM SIGN}"}
ONE_FORM = re.compile(r"[^ksKS\x80-\U0010ffff]+")  # or two in ASCII, which LIKE takes for the same

Rows = TypeVar("Rows", bound="QuerySet[Any]")
Comparisons = list[tuple[str, str]]  # SQL with {} for a text, and what it compares the text with


def terms_of(query: str) -> list[str]:
    """The terms, all of which a row must have; ValidationError where they cannot be looked up."""
    terms = query.split()
    if len(query) > MAX_LENGTH or len(terms) > MAX_TERMS:
        raise ValidationError(f"Search for at most {MAX_TERMS} words of {MAX_LENGTH} characters together.")
    for term in terms:
        if len(term) < TRIGRAM and not WORD.search(term):
            raise ValidationError(f"{term!r} is too short: signs can be found from {TRIGRAM} characters on.")
    return terms


def matching(rows: Rows, query: str) -> Rows:
    """Those that have every term, by the index."""
    terms = terms_of(query)
    long = [term for term in terms if len(term) >= TRIGRAM]
    short = [term for term in terms if len(term) < TRIGRAM]
    return _on_sqlite(rows, long, short) if _is_sqlite(rows) else _on_postgresql(rows, long, short)


def first_keys(rows: "QuerySet[Any]", query: str, count: int) -> list[int]:
    """The keys of the first `count` rows that have every term, in the order of the rows."""
    if rows.query.is_empty():
        return []
    keys = _compared(rows, query, count)
    if keys is not None:
        return keys
    found = matching(rows, query)
    keys = None if _is_sqlite(rows) else _if_few(found)
    return list(found.values_list("pk", flat=True)[:count]) if keys is None else keys[:count]


def _is_sqlite(rows: "QuerySet[Any]") -> bool:
    return connections[rows.db].vendor == "sqlite"


def _on_sqlite(rows: Rows, long: list[str], short: list[str]) -> Rows:
    for table, terms in (("snippets_trigrams", long), ("snippets_words", short)):
        if terms:
            phrases = " AND ".join('"' + term.replace('"', '""') + '"' for term in terms)
            numbers = RawSQL(f"SELECT rowid FROM {table} WHERE {table} MATCH %s", [phrases])  # noqa: S608, S611
            rows = rows.filter(pk__in=numbers)
    return read_by_number(rows)


def _on_postgresql(rows: Rows, long: list[str], short: list[str]) -> Rows:
    condition = Q()
    for term in long:
        anywhere = Q()
        for field in FIELDS:
            anywhere |= Q(**{f"{field}__icontains": term})
        condition &= anywhere
    if short:
        columns = ", ".join(f'"snippets_snippet"."{field}"' for field in FIELDS)
        words = f"snippets_words({columns}) @@ plainto_tsquery('simple', %s)"
        # The same gaps as in the index: of "-1", PostgreSQL would make a negative number.
        query = re.sub(r"[\W_]+", " ", " ".join(short))
        condition &= Q(RawSQL(words, [query], output_field=BooleanField()))  # noqa: S611
    return rows.filter(condition)


def _if_few(found: "QuerySet[Any]") -> list[int] | None:
    """Their keys; None where they are many.

    PostgreSQL guesses how frequent a word is, and walks through all rows for one that it takes for frequent and that is
    nowhere. It asks the index where it must find the rows first, as if all of them were wanted (MATERIALIZED).
    """
    order = str(found.query.order_by[0])
    name = order.lstrip("-")
    direction = "DESC" if order.startswith("-") == found.query.standard_ordering else "ASC"
    sql, parameters = found.order_by().values("pk", name).query.sql_with_params()
    statement = (
        f"WITH found AS MATERIALIZED ({sql}), few AS (SELECT * FROM found LIMIT {FEW + 1}) "  # noqa: S608
        f"SELECT pk FROM few ORDER BY {name} {direction}, pk {direction}"
    )
    keys = [key for (key,) in _ask(found, statement, parameters)]
    return keys if len(keys) <= FEW else None


def _compared(rows: "QuerySet[Any]", query: str, count: int) -> list[int] | None:
    """The first keys, by comparing texts; None where the index is quicker, or knows what no comparison does."""
    comparisons = [_comparisons(term, on_sqlite=_is_sqlite(rows)) for term in terms_of(query)]
    if not all(comparisons):
        return None
    sql, parameters = rows.values("pk", "size", *FIELDS).query.sql_with_params()
    alike, values = _condition(comparisons, f"SUBSTR(code, 1, {BEGINNING})")
    look = f"SELECT COUNT(*), COUNT(CASE WHEN {alike} THEN 1 END), SUM(size) FROM ({sql} LIMIT {FIRST}) AS first"  # noqa: S608
    ((total, frequency, size),) = _ask(rows, look, [*values, *parameters])
    if total == FIRST and frequency < FREQUENT:
        return None
    # Twice as many as it takes where all are like the first.
    needed = 2 * count * FIRST // frequency if total == FIRST else FIRST
    if needed * (size or 0) > MOST_COMPARED * FIRST:
        return None
    condition, values = _condition(comparisons, "code")
    compare = f"SELECT pk FROM ({sql} LIMIT {needed}) AS first WHERE {condition} LIMIT {count}"  # noqa: S608
    keys = [key for (key,) in _ask(rows, compare, [*parameters, *values])]
    is_all = len(keys) == count or total < FIRST or rows.values("pk")[:needed].count() < needed
    return keys if is_all else None


def _comparisons(term: str, *, on_sqlite: bool) -> Comparisons:
    """What together finds the same as the index, and first what is quick; nothing where there is no such."""
    pattern = "%" + re.sub(r"([%_\\])", r"\\\1", term) + "%"
    if len(term) < TRIGRAM:
        return []
    if not on_sqlite:
        return [("STRPOS({}, %s) > 0", term), ("UPPER({}) LIKE UPPER(%s)", pattern)]
    like = ("{} LIKE %s ESCAPE '\\'", pattern)
    if ONE_FORM.fullmatch(term):
        return [like]
    forms = [_forms(letter) for letter in term]
    return [like, ("{} GLOB %s", f"*{''.join(forms)}*")] if all(forms) else []


def _forms(letter: str) -> str:
    """What GLOB compares with a letter, of which SQLite's trigrams ignore the case."""
    lower, upper = letter.lower(), letter.upper()
    if lower == upper:
        return f"[{letter}]" if letter in "*?[" else letter
    return f"[{lower}{upper}{OTHER_FORMS.get(lower, '')}]" if TWO_FORMS.match(letter) else ""


def _condition(comparisons: list[Comparisons], code: str) -> tuple[str, list[str]]:
    """That of each term one of its comparisons is true; no term has the spaces that are put between the fields."""
    text = f"({code} || ' ' || title || ' ' || filename || ' ' || description)"
    condition = " AND ".join(f"({' OR '.join(sql.format(text) for sql, _ in them)})" for them in comparisons)
    return condition, [value for them in comparisons for _, value in them]


def _ask(rows: "QuerySet[Any]", statement: str, parameters: Sequence[Any]) -> list[Any]:
    with connections[rows.db].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
