"""Whether a connection to PostgreSQL is still there, and how seldom it is asked."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql import base

pytestmark = pytest.mark.database("postgresql")

A_WHILE = 1.5  # seconds


@pytest.fixture
def other(db: None) -> Iterator[BaseDatabaseWrapper]:
    """A connection beside that of the test."""
    other = connection.copy()
    other.ensure_connection()
    yield other
    other.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[BaseDatabaseWrapper]:
    """Grows by the connection each time that one is asked."""
    asked = []
    original: Callable[[Any], bool] = base.DatabaseWrapper.is_usable

    def is_usable(wrapper: BaseDatabaseWrapper) -> bool:
        asked.append(wrapper)
        return original(wrapper)

    monkeypatch.setattr(base.DatabaseWrapper, "is_usable", is_usable)
    return asked


def test_it_is_asked_once_in_a_second(other: BaseDatabaseWrapper, asked: list[Any]) -> None:
    assert [other.is_usable() for _ in range(3)] == [True, True, True]
    assert len(asked) == 1


def test_it_is_asked_where_it_has_not_answered_for_a_while(
    other: BaseDatabaseWrapper, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert other.is_usable()
    later = time.monotonic() + A_WHILE
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert other.is_usable()
    assert len(asked) == 2


def test_it_is_asked_after_an_error(other: BaseDatabaseWrapper, asked: list[Any]) -> None:
    assert other.is_usable()
    other.set_autocommit(False)
    with pytest.raises(DatabaseError), other.cursor() as cursor:
        cursor.execute("SELECT nothing")
    assert not other.is_usable()
    assert len(asked) == 2


def test_that_a_server_has_ended_it_is_seen_at_once(other: BaseDatabaseWrapper) -> None:
    assert other.is_usable()
    _end(other)
    assert not other.is_usable()


def test_one_that_was_closed_here_is_not_usable(other: BaseDatabaseWrapper) -> None:
    assert other.is_usable()
    other.connection.close()
    assert not other.is_usable()
    other.close()
    assert not other.is_usable()


def _end(other: BaseDatabaseWrapper) -> None:
    pid = other.connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])  # and waits until it has ended
        assert cursor.fetchone() == (True,)
