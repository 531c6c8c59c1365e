"""Django's settings of the database, from the values that config/settings.py has read from the environment.

What contradicts itself stops the start, naming the variable.
"""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

Settings = dict[str, Any]

# Writers queue for the lock at BEGIN and wait for it; without IMMEDIATE a transaction that reads first fails at once
# with "database is locked", whatever the timeout.
SQLITE_OPTIONS = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    # What has been deleted is overwritten with zeros: what burns after reading must not be left in the file.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;",
}

SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
VERIFYING = ("verify-ca", "verify-full")

# A server that has gone without a word must be noticed well before uWSGI kills the request. All of these concern this
# end of the connection alone, so a pooler in between has nothing to refuse.
PATIENCE = {
    "connect_timeout": 5,  # seconds, for each address that the host's name has
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
PREPARE_THRESHOLD = 5  # times that a statement is asked before its plan is kept; psycopg's own


def sqlite(path: Path) -> Settings:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}


def choose(by_url: Settings, otherwise: Settings, *, port: int, **rds: str) -> Settings:
    """The database that a URL names, or else the PostgreSQL that Amazon's variables name, or else the last resort."""
    missing = [name for name, text in rds.items() if not text]
    if len(missing) == len(rds):
        return by_url or otherwise
    if by_url:
        raise ImproperlyConfigured("DATABASE_URL and RDS_HOSTNAME (or what belongs to it) are both set: choose one.")
    if missing:
        raise ImproperlyConfigured(f"{missing[0]} is not set: {', '.join(rds)} belong together.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": rds["RDS_HOSTNAME"],
        "PORT": port,
        "NAME": rds["RDS_DB_NAME"],
        "USER": rds["RDS_USERNAME"],
        "PASSWORD": rds["RDS_PASSWORD"],
    }


def refuse_on_sqlite(**values: str) -> None:
    """What would protect a connection must not be left out without a word."""
    for name, value in values.items():
        if value:
            raise ImproperlyConfigured(f"DATABASE_{name.upper()} is for PostgreSQL, and this database is SQLite.")


def postgresql(
    database: Settings, *, password: str, sslmode: str, sslrootcert: str, statement_timeout: int, lock_timeout: int
) -> Settings:
    """What comes on top of the address. The timeouts are in seconds."""
    if password and database["PASSWORD"]:
        raise ImproperlyConfigured("DATABASE_PASSWORD is set, and the database's address has a password: choose one.")
    given = database.get("OPTIONS", {})
    options = PATIENCE | given | _tls(given, sslmode=sslmode, sslrootcert=sslrootcert)
    options |= _timeouts(given, statement_timeout=statement_timeout, lock_timeout=lock_timeout)
    return {"ENGINE": "config.postgresql", "PASSWORD": password or database["PASSWORD"], "OPTIONS": options}


def _tls(given: Settings, **values: str) -> Settings:
    """libpq's options of TLS; `given` are those of the URL's query.

    With verify-full and no root certificate libpq fails, but not before it connects. With a root certificate and a
    weaker mode it may go on without TLS where the verification fails. Both are refused here.
    """
    options = {name: value for name, value in values.items() if value}
    for name in options.keys() & given.keys():
        raise ImproperlyConfigured(f"DATABASE_{name.upper()} is set, and so is {name} in DATABASE_URL: choose one.")
    together = given | options
    if together.get("sslmode", "prefer") not in SSLMODES:
        raise ImproperlyConfigured(f"DATABASE_URL: its sslmode must be one of {', '.join(SSLMODES)}.")
    verifies = together.get("sslmode") in VERIFYING
    if verifies and "sslrootcert" not in together:
        raise ImproperlyConfigured(f"DATABASE_SSLROOTCERT is not set: {together['sslmode']} cannot verify without it.")
    if "sslrootcert" in together and not verifies:
        raise ImproperlyConfigured("DATABASE_SSLMODE must be verify-ca or verify-full where a root certificate is set.")
    return options


def _timeouts(given: Settings, **seconds: int) -> Settings:
    """The server's own limits, sent when a connection starts; what is 0 is not sent, since poolers refuse it."""
    sent = [f"-c {name}={value * 1000}" for name, value in seconds.items() if value]
    words = [*sent, *filter(None, [given.get("options")])]  # the URL's own come last, and win
    # What api.compiled_queries asks is prepared. Behind a pooler, another connection would not know it.
    direct = {"prepare_threshold": PREPARE_THRESHOLD} if sent else {}
    return direct | ({"options": " ".join(words)} if words else {})
