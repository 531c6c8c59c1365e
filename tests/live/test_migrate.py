"""`manage.py migrate` in real processes: from several instances at once, and slower than a request may be."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT
from tests.postgres import Postgres

PROCESSES = 4


def _start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "SECRET_KEY": "of the tests"} | variables
    command = [sys.executable, "manage.py", "migrate", "--no-color", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout + stderr


@pytest.fixture(params=["postgresql", "sqlite"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a database without tables."""
    if request.param == "sqlite":
        return {"DATA_DIR": str(tmp_path)}
    return {"DATABASE_URL": request.getfixturevalue("postgres").url}


def test_of_several_at_once_one_applies_and_all_succeed(empty_database: dict[str, str]) -> None:
    results = [_finish(it) for it in [_start(**empty_database) for _ in range(PROCESSES)]]
    assert [status for status, _ in results] == [0] * PROCESSES, results
    for migration in ("snippets.0001_snippet", "snippets.0002_search", "sessions.0001_initial"):
        assert sum(f"Applying {migration}... OK" in said for _, said in results) == 1
    assert sum("No migrations to apply." in said for _, said in results) == PROCESSES - 1
    assert _finish(_start("--check", **empty_database))[0] == 0


def _wait_until_one_waits(database: psycopg.Connection) -> None:
    deadline = time.monotonic() + 60
    while not database.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_says_that_it_waits_and_goes_on_when_the_other_is_killed(postgres: Postgres) -> None:
    variables = {"DATABASE_URL": postgres.url, "DATABASE_LOCK_TIMEOUT": "0"}
    assert _finish(_start("contenttypes", **variables))[0] == 0
    with postgres.connect() as elsewhere, elsewhere.transaction():
        elsewhere.execute("LOCK TABLE django_migrations")
        first = _start(**variables)
        _wait_until_one_waits(elsewhere)
        second = _start(**variables)
        assert second.stdout
        assert second.stdout.readline().startswith("Another migrate is at work here: waiting for it")
        first.kill()
        first.communicate()
    status, said = _finish(second)
    assert status == 0, said
    assert "Applying snippets.0001_snippet... OK" in said


def test_a_slow_migration_is_not_cut_off(postgres: Postgres) -> None:
    with postgres.connect() as database:
        database.execute(
            """
            CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); END $$;
            CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION wait()
            """
        )
    began = time.monotonic()
    status, said = _finish(_start(DATABASE_URL=postgres.url, DATABASE_STATEMENT_TIMEOUT="1"))
    assert status == 0, said
    assert time.monotonic() - began > 3


def test_a_migration_does_not_wait_long_for_a_lock(postgres: Postgres) -> None:
    variables = {"DATABASE_URL": postgres.url, "DATABASE_LOCK_TIMEOUT": "1"}
    assert _finish(_start(**variables))[0] == 0
    with postgres.connect() as elsewhere, elsewhere.transaction():
        elsewhere.execute("LOCK TABLE snippets_snippet IN ACCESS SHARE MODE")  # as a long query does
        status, said = _finish(_start("snippets", "0001", **variables))
        assert status != 0
        assert "canceling statement due to lock timeout" in said
    assert _finish(_start("snippets", "0001", **variables))[0] == 0
