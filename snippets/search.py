"""How a search finds words and substrings, with the indexes that each database has for it.

A term of three characters or more is found wherever it stands, in any case, in title, description, filename or code.
A shorter one has no trigram to look up: it is found as a word. No search reads the whole table.

What is quick depends on how many rows have the terms. An index knows at once that a term is nowhere; of one that is
everywhere it names a million rows, all of which must be read to learn which are the newest. So those that come first
in the list are looked at: where many of them have the terms, the list is read in its order until a page is full, and
each row is compared by its text. That finds what the index would find, and the tests ask both.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Count, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.datastructures import BaseTable

FIELDS = ("title", "description", "filename", "code")
MAX_LENGTH = 200
MAX_TERMS = 10
TRIGRAM = 3
FIRST_ROWS = 100  # that are looked at
FREQUENT = 10  # of them

WORD = re.compile(r"[^\W_]")
# To SQLite's trigrams each is the same letter, and to its LIKE it is not. There are no others for letters of ASCII.
LOOKALIKES = {"k": "\N{KELVIN SIGN}", "s": "\N{LATIN SMALL LETTER LONG S}"}

Rows = TypeVar("Rows", bound="QuerySet[Any]")


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
    """Those that have every term. Their order and their other conditions should be known: they decide what is quick."""
    terms = terms_of(query)
    long = [term for term in terms if len(term) >= TRIGRAM]
    short = [term for term in terms if len(term) < TRIGRAM]
    if rows.query.is_empty():
        return rows
    engine = ENGINES[connections[rows.db].vendor]()
    if not short and _are_frequent(rows, Q(*map(engine.literally, long))):
        return rows.filter(*map(engine.in_text, long))
    return engine.look_up(rows, long, short)


def _are_frequent(rows: "QuerySet[Any]", condition: Q) -> bool:
    """Whether many of the first rows are so, or there are no others."""
    first = rows.model._base_manager.using(rows.db).filter(pk__in=rows.values("pk")[:FIRST_ROWS])
    count = first.aggregate(all=Count("pk"), found=Count("pk", filter=condition))
    return count["all"] < FIRST_ROWS or count["found"] >= FREQUENT


def _anywhere(comparison: str, text: str) -> RawSQL:
    """Whether it is so of any field. In SQL: Django would make it of a dozen lookups, anew for each search."""
    sql = " OR ".join(comparison.format(f'"snippets_snippet"."{field}"') for field in reversed(FIELDS))
    return RawSQL(f"({sql})", [text] * len(FIELDS), output_field=BooleanField())  # noqa: S611


def _like(text: str) -> str:
    """The pattern of a LIKE that finds it wherever it stands."""
    return "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"


class Engine(ABC):
    """What differs between the databases. A row that has a term `literally` has it; there may be more `in_text`."""

    few: int  # rows, which are sooner read by their numbers and sorted than found while the list is read

    def numbers(self, using: str, statement: str, parameters: Sequence[Any]) -> list[int] | None:
        """Those that the statement finds, if they are few."""
        with connections[using].cursor() as cursor:
            cursor.execute(f"{statement} LIMIT {self.few + 1}", parameters)
            found = [number for (number,) in cursor]
        return found if len(found) <= self.few else None

    @abstractmethod
    def literally(self, term: str) -> Q: ...

    @abstractmethod
    def in_text(self, term: str) -> Q: ...

    @abstractmethod
    def look_up(self, rows: Rows, long: list[str], short: list[str]) -> Rows: ...


class PostgreSQL(Engine):
    few = 1000

    def literally(self, term: str) -> Q:
        """Ten times as fast as without regard to case. No LIKE: the planner takes a long pattern for a rare one."""
        return Q(_anywhere("STRPOS({}, %s) > 0", term))

    def in_text(self, term: str) -> Q:
        return self.literally(term) | self._in_any_case(term)

    @staticmethod
    def _in_any_case(term: str) -> Q:
        """As the index has it."""
        return Q(_anywhere("UPPER({}::text) LIKE UPPER(%s)", _like(term)))

    def look_up(self, rows: Rows, long: list[str], short: list[str]) -> Rows:
        found = rows.filter(*map(self._in_any_case, long))
        if short:
            columns = ", ".join(f'"snippets_snippet"."{field}"' for field in FIELDS)
            words = f"snippets_words({columns}) @@ plainto_tsquery('simple', %s)"
            # The same gaps as in the index: of "-1", PostgreSQL would make a negative number.
            query = re.sub(r"[\W_]+", " ", " ".join(short))
            found = found.filter(RawSQL(words, [query], output_field=BooleanField()))  # noqa: S611
        statement, parameters = found.order_by().values("pk").query.get_compiler(rows.db).as_sql()
        # Of what is materialized, the planner does not know that a few rows are enough: it would read the table for a
        # word that it takes for a frequent one, and there may be none.
        numbers = self.numbers(rows.db, f"WITH found AS MATERIALIZED ({statement}) SELECT * FROM found", parameters)  # noqa: S608
        return found if numbers is None else rows.filter(pk__in=numbers)


class SQLite(Engine):
    few = 10_000

    def literally(self, term: str) -> Q:
        """LIKE, which ignores the case of ASCII's letters alone."""
        return Q(_anywhere("{} LIKE %s ESCAPE '\\'", _like(term)))

    def in_text(self, term: str) -> Q:
        in_any_case = Q(pk__in=RawSQL(*self._statement("snippets_trigrams", [term])))  # noqa: S611
        if term.isascii():
            lookalikes = [LOOKALIKES[letter] for letter in LOOKALIKES if letter in term.lower()]
            if not lookalikes:
                return self.literally(term)
            in_any_case &= Q(*(_anywhere("INSTR({}, %s)", letter) for letter in lookalikes), _connector=Q.OR)
        return self.literally(term) | in_any_case

    def look_up(self, rows: Rows, long: list[str], short: list[str]) -> Rows:
        for table, terms in (("snippets_trigrams", long), ("snippets_words", short)):
            if terms:
                statement, parameters = self._statement(table, terms)
                numbers = self.numbers(rows.db, statement, parameters)
                if numbers is None:
                    rows = rows.filter(pk__in=RawSQL(statement, parameters))  # noqa: S611
                else:
                    rows = self._read_by_number(rows.filter(pk__in=numbers))
        return rows

    @staticmethod
    def _statement(table: str, terms: list[str]) -> tuple[str, list[str]]:
        phrases = " AND ".join('"' + term.replace('"', '""') + '"' for term in terms)
        return f"SELECT rowid FROM {table} WHERE {table} MATCH %s", [phrases]  # noqa: S608

    @staticmethod
    def _read_by_number(rows: Rows) -> Rows:
        alias = rows.query.get_initial_alias()
        rows.query.alias_map[alias] = ReadByNumber(rows.model._meta.db_table, alias)
        return rows


class ReadByNumber(BaseTable):
    """Keeps SQLite from walking through every public row instead, which it thinks are ten."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        table, parameters = super().as_sql(compiler, connection)
        return f"{table} NOT INDEXED", parameters


ENGINES: dict[str, type[Engine]] = {"sqlite": SQLite, "postgresql": PostgreSQL}
