"""Fills the service's database: `python -m benchmarks.filling ROWS BYTES`, in the service's environment.

The first thousand are made by the models, and the rest by copying those within the database, a hundred times as fast.
Indexes and triggers are set aside meanwhile, as the database's catalogue has them, and made again in the end.
Prints a token of the owner of all, and how many rows there are.
"""

import sys
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import django

django.setup()

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import ApiToken, User
from benchmarks import corpus
from snippets.models import Snippet

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

ORIGINALS = 1000
TABLE = Snippet._meta.db_table
# What differs between a copy and its original. Each is a second younger than the one before it; SQLite's text must be
# written as Django does, or it sorts elsewhere.
SQLITE = {
    "slug": "'b' || substr(lower(hex(randomblob(11))), 1, 21)",
    "title": "title || ' ' || copy",
    "created": f"strftime('%Y-%m-%d %H:%M:%S', created, '-' || (copy * {ORIGINALS}) || ' seconds')",
}
POSTGRESQL = {
    "slug": "'b' || substr(md5(random()::text || copy || id), 1, 21)",
    "title": "title || ' ' || copy",
    "created": f"created - make_interval(secs => copy * {ORIGINALS})",
}


def make_originals(owner: User, count: int, size: int) -> None:
    newest = timezone.now().replace(microsecond=0)
    made = (
        _snippet(owner, newest - timedelta(seconds=number), **it)
        for number, it in enumerate(corpus.snippets(count, size))
    )
    while batch := list(islice(made, 500)):
        Snippet.objects.bulk_create(batch)


def _snippet(owner: User, created: datetime, title: str, code: str) -> Snippet:
    snippet = Snippet(owner=owner, title=title, code=code, created=created, updated=created)
    snippet._measure()  # which `save` would do
    return snippet


def copy(copies: int) -> None:
    """Each row so many times more."""
    sqlite = connection.vendor == "sqlite"
    changed = SQLITE if sqlite else POSTGRESQL
    changed["updated"] = changed["created"]
    columns = [field.column for field in Snippet._meta.concrete_fields if not field.primary_key]
    values = ", ".join(changed.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    series = "generate_series(1, %s) AS series(copy)"
    numbers = ""
    if sqlite:
        numbers = "WITH RECURSIVE series(copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM series WHERE copy < %s)"
        series = "series"
    with connection.cursor() as cursor:
        originals = f"(SELECT * FROM {TABLE}) AS originals"
        cursor.execute(f"{numbers} INSERT INTO {TABLE} ({names}) SELECT {values} FROM {series}, {originals}", [copies])


def _set_aside_on_sqlite(cursor: "CursorWrapper") -> list[str]:
    """Drops triggers and indexes; returns what makes them again."""
    cursor.execute("SELECT type, name, sql FROM sqlite_master WHERE tbl_name = %s AND sql LIKE 'CREATE %%'", [TABLE])
    found = [(kind, name, sql) for kind, name, sql in cursor.fetchall() if kind in ("trigger", "index")]
    for kind, name, _ in found:
        cursor.execute(f'DROP {kind} "{name}"')
    cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE %s", [f"CREATE VIRTUAL TABLE%{TABLE}%"])
    rebuilding = [f"INSERT INTO {name}({name}) VALUES ('rebuild')" for (name,) in cursor.fetchall()]
    return [*(sql for _, _, sql in found), *rebuilding]


def _set_aside_on_postgresql(cursor: "CursorWrapper") -> list[str]:
    """Drops the indexes that belong to no constraint; returns what makes them again."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND schemaname = current_schema() "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        [TABLE],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    # Owners are checked at the end of a transaction, and no index is made before.
    before = ["SET CONSTRAINTS ALL IMMEDIATE", "SET LOCAL maintenance_work_mem = '512MB'"]
    return [*before, *(definition for _, definition in found)]


def fill(rows: int, size: int) -> User:
    """To that many rows, if there are none yet. It is one transaction: there are all of them, or none."""
    owner, _ = User.objects.get_or_create(username="ann")
    with transaction.atomic(), connection.cursor() as cursor:
        if not Snippet.objects.exists():
            sqlite = connection.vendor == "sqlite"
            statements = _set_aside_on_sqlite(cursor) if sqlite else _set_aside_on_postgresql(cursor)
            make_originals(owner, min(rows, ORIGINALS), size)
            if rows > ORIGINALS:
                copy(rows // ORIGINALS - 1)
            for statement in statements:
                cursor.execute(statement)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # which autovacuum would do by and by
            cursor.execute(f"VACUUM ANALYZE {TABLE}")
    return owner


if __name__ == "__main__":
    owner = fill(int(sys.argv[1]), int(sys.argv[2]))
    _, secret = ApiToken.issue(owner, "benchmark")
    print(secret, Snippet.objects.count())
