"""The lock of a quota that no user's row stands for."""

from django.db import connection

# Any number: what else takes advisory locks in this database must take others.
LOCK_OF_NOBODY = 7_305_217_470


def lock_nobody_s_quota() -> None:
    """Keeps others from using it until the end of the transaction. On SQLite the transaction itself does."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_OF_NOBODY])
