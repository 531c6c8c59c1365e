"""`manage.py migrate`: Django's own, one at a time, and without the limit of time that requests have."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK = 7_305_217_469  # any number: what else takes advisory locks in this database must take others
PATIENCE = 300  # seconds
PAUSE = 0.5  # seconds


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:  # they only look
            super().handle(*args, **options)
            return
        connection = connections[options["database"]]
        with self.turn(connection), no_statement_timeout(connection):
            super().handle(*args, **options)

    @contextmanager
    def turn(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """Waits until no other process migrates this database, and keeps the others waiting meanwhile."""
        lock = postgresql_lock if connection.vendor == "postgresql" else sqlite_lock
        with lock(connection) as try_to_take:
            if not try_to_take():
                self.stdout.write(f"Another migrate is at work here: waiting for it, at most {PATIENCE} seconds.")
                self.stdout.flush()  # into a log it would come only when the wait is over
                self.wait(try_to_take)
            yield

    def wait(self, try_to_take: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not try_to_take():
            if time.monotonic() > deadline:
                raise CommandError(f"Another migrate has been at work here for {PATIENCE} seconds: look what it does.")
            time.sleep(PAUSE)


@contextmanager
def postgresql_lock(connection: BaseDatabaseWrapper) -> Iterator[Callable[[], bool]]:
    """A lock of a transaction, on a connection of its own: it goes with them, however this process ends.

    A lock of the session would stay behind in a pooler that shares its connections. A waiting process asks again and
    again: a statement that waits would itself be waited for by CREATE INDEX CONCURRENTLY, for ever.
    """
    own = connection.copy()

    def try_to_take() -> bool:
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            [taken] = cursor.fetchone()
            if taken:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        if not taken:
            own.rollback()
        return bool(taken)

    try:
        own.set_autocommit(False)
        yield try_to_take
    finally:
        own.close()


@contextmanager
def sqlite_lock(connection: BaseDatabaseWrapper) -> Iterator[Callable[[], bool]]:
    """A lock on the folder of the database. SQLite's own is for one transaction, and each migration has its own; and
    to open and close the file itself would take SQLite's locks from it."""
    if connection.is_in_memory_db():  # type: ignore[attr-defined] # that of the tests, which nobody shares
        yield lambda: True
        return
    folder = os.open(Path(connection.settings_dict["NAME"]).parent, os.O_RDONLY)

    def try_to_take() -> bool:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        yield try_to_take
    finally:
        os.close(folder)


@contextmanager
def no_statement_timeout(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """An index on a large table may take its time. The limit for locks stays: whoever waits for one blocks all others.

    Where the connection has not sent a limit, a pooler may stand between, which would give this to somebody else."""
    if connection.vendor != "postgresql" or not settings.DATABASE_STATEMENT_TIMEOUT:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    yield
    with connection.cursor() as cursor:  # after an error the process ends
        cursor.execute("RESET statement_timeout")
