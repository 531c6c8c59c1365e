"""How a search finds words and substrings, with the indexes that each database has for it.

A term of three characters or more is found wherever it stands, in any case, in title, description, filename or code.
A shorter one has no trigram to look up: it is found as a word. No search reads the whole table.
"""

import re

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

FIELDS = ("title", "description", "filename", "code")
MAX_LENGTH = 200
MAX_TERMS = 10
TRIGRAM = 3

WORD = re.compile(r"[^\W_]")


def terms_of(query: str) -> list[str]:
    """The terms, all of which a row must have; ValidationError where they cannot be looked up."""
    terms = query.split()
    if len(query) > MAX_LENGTH or len(terms) > MAX_TERMS:
        raise ValidationError(f"Search for at most {MAX_TERMS} words of {MAX_LENGTH} characters together.")
    for term in terms:
        if len(term) < TRIGRAM and not WORD.search(term):
            raise ValidationError(f"{term!r} is too short: signs can be found from {TRIGRAM} characters on.")
    return terms


def matching(vendor: str, query: str) -> Q:
    """The condition for a database's `connection.vendor`."""
    terms = terms_of(query)
    long = [term for term in terms if len(term) >= TRIGRAM]
    short = [term for term in terms if len(term) < TRIGRAM]
    return _sqlite(long, short) if vendor == "sqlite" else _postgresql(long, short)


def _sqlite(long: list[str], short: list[str]) -> Q:
    condition = Q()
    for table, terms in (("snippets_trigrams", long), ("snippets_words", short)):
        if terms:
            phrases = " AND ".join('"' + term.replace('"', '""') + '"' for term in terms)
            rows = RawSQL(f"SELECT rowid FROM {table} WHERE {table} MATCH %s", [phrases])  # noqa: S608, S611
            condition &= Q(pk__in=rows)
    return condition


def _postgresql(long: list[str], short: list[str]) -> Q:
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
    return condition
