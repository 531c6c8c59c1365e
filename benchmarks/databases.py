"""The databases of a run: files of SQLite, or databases on a PostgreSQL server, fresh or kept for the next run."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from benchmarks import processes, servers
from tests.nginx import own_folder
from tests.postgres import running_postgres

KEPT_FROM = 10_000  # rows; what is smaller is filled in no time


@dataclass(frozen=True)
class Filled:
    """A database with snippets in it."""

    url: str
    token: str  # of the owner of all
    rows: int


class SQLite:
    """Each database is a file of its own."""

    name = "SQLite"
    pids: tuple[int, ...] = ()

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        yield f"sqlite:///{own_folder(folder / secrets.token_hex(4))}/db.sqlite3"

    def kept(self, folder: Path, rows: int) -> str:
        path = folder / f"sqlite-{rows}"
        return f"sqlite:///{path if path.exists() else own_folder(path)}/db.sqlite3"

    def count(self, url: str, table: str) -> int:
        """Counted by another process, so that it is what has been committed."""
        program = f"import sqlite3; print(*sqlite3.connect({url.removeprefix('sqlite:///')!r}).execute({_counting(table)!r}).fetchone())"
        return int(servers.run(["-c", program], {"PATH": servers.PATH}))


class PostgreSQL:
    """Databases on the server that the URL names, whose user may create them."""

    name = "PostgreSQL"

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url) as connection:
            self.pids = _server_of(connection)

    def _named(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def _execute(self, statement: str, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        name = f"snippets_bench_{secrets.token_hex(4)}"
        self._execute("CREATE DATABASE {}", name)
        try:
            yield self._named(name)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def kept(self, folder: Path, rows: int) -> str:
        name = f"snippets_bench_{rows}_rows"
        with psycopg.connect(self.url) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not found:
            self._execute("CREATE DATABASE {}", name)
        return self._named(name)

    def count(self, url: str, table: str) -> int:
        with psycopg.connect(url) as connection:
            row = connection.execute(_counting(table)).fetchone()
        assert row
        return int(row[0])


Database = SQLite | PostgreSQL


def _counting(table: str) -> str:
    return f"SELECT count(*) FROM {table}"


def _server_of(connection: psycopg.Connection) -> tuple[int, ...]:
    """The server's first process, where it runs on this machine: else what it costs cannot be seen."""
    pid = connection.info.backend_pid
    name = Path(f"/proc/{pid}/comm")
    return (processes.parent_of(pid),) if name.exists() and name.read_text().startswith("postgres") else ()


def reason_of(error: psycopg.Error, url: str) -> str:
    """Why nobody can connect, in one line and without the password: of one that is not quoted, a part is taken for the
    host, and what cannot be read is repeated."""
    if isinstance(error, psycopg.ProgrammingError):
        return "it cannot be read; what is special in its password must be quoted, as %40 for @"
    reason = str(error).partition("\n")[0]
    secret = url.partition("://")[2].partition(":")[2].rpartition("@")[0]
    for part in filter(None, re.split("[/:@?#]", secret)):
        reason = reason.replace(part, "***")
    return reason


@contextmanager
def postgresql() -> Iterator[PostgreSQL | None]:
    """On the server that DATABASE_URL names, else on one of its own; None where PostgreSQL is not installed."""
    url = os.environ.get("DATABASE_URL", "")
    if url:
        try:
            named = PostgreSQL(url)
        except psycopg.Error as error:
            raise SystemExit(f"DATABASE_URL: {reason_of(error, url)}") from None
        yield named
        return
    try:
        server = running_postgres(fsync="on", shared_buffers="512MB")
        postgres = server.__enter__()
    except pytest.skip.Exception as reason:
        print(f"Without PostgreSQL: {reason}")
        yield None
        return
    try:
        yield PostgreSQL(postgres.url)
    finally:
        server.__exit__(None, None, None)


def fill(url: str, folder: Path, rows: int, size: int, settings: str = "config.settings") -> Filled:
    """Migrates the service's database, and fills it where it is empty."""
    environment = servers.variables(folder, DATABASE_URL=url, DATABASE_STATEMENT_TIMEOUT="0")
    environment["DJANGO_SETTINGS_MODULE"] = settings
    servers.run(["manage.py", "migrate", "-v0"], environment)
    said = servers.run(["-m", "benchmarks.filling", str(rows), str(size)], environment)
    token, count = said.split()
    return Filled(url, token, int(count))


@contextmanager
def large(database: Database, folder: Path, kept: Path, rows: int, size: int) -> Iterator[Filled]:
    """A database of so many rows, which is there already if a run before this one has left it."""
    if rows < KEPT_FROM:
        with database.fresh(folder / "rows") as url:
            yield fill(url, folder, rows, size)
    else:
        yield fill(database.kept(kept, rows), folder, rows, size)
