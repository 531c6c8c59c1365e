"""TLS to a real PostgreSQL, as DATABASE_SSLMODE and DATABASE_SSLROOTCERT ask for it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.postgres import Postgres, StartPostgres

ENCRYPTED = """
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    print(cursor.fetchone()[0])
"""


@pytest.fixture(scope="module")
def with_tls(start_postgres: StartPostgres) -> Iterator[Postgres]:
    with start_postgres(tls=True) as server:
        yield server


def _connect(**variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "of the tests",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    command = [sys.executable, "-c", ENCRYPTED]
    return subprocess.run(command, cwd=ROOT, env=environment | variables, capture_output=True, text=True, timeout=60)


def _refusal(**variables: str) -> str:
    result = _connect(**variables)
    assert result.returncode != 0, result.stdout
    assert "OperationalError" in result.stderr
    return result.stderr.splitlines()[-1]


def test_verify_full_passes_with_the_right_ca(with_tls: Postgres) -> None:
    verify = {"DATABASE_SSLMODE": "verify-full", "DATABASE_SSLROOTCERT": str(with_tls.certificate)}
    result = _connect(DATABASE_URL=with_tls.url, **verify)
    assert result.stdout == "True\n", result.stderr


def test_the_url_may_say_it_too(with_tls: Postgres) -> None:
    query = f"?sslmode=verify-full&sslrootcert={with_tls.certificate}"
    result = _connect(DATABASE_URL=with_tls.url + query)
    assert result.stdout == "True\n", result.stderr


def test_rds_variables_with_verify_full(with_tls: Postgres, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{with_tls.password}\n")
    rds = {
        "RDS_HOSTNAME": "127.0.0.1",
        "RDS_PORT": str(with_tls.port),
        "RDS_DB_NAME": "postgres",
        "RDS_USERNAME": "snippets",
        "RDS_PASSWORD_FILE": str(tmp_path / "password"),
    }
    verify = {"DATABASE_SSLMODE": "verify-full", "DATABASE_SSLROOTCERT": str(with_tls.certificate)}
    result = _connect(**rds, **verify)
    assert result.stdout == "True\n", result.stderr


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_another_ca_is_refused(mode: str, with_tls: Postgres, start_postgres: StartPostgres) -> None:
    with start_postgres(tls=True) as other:
        verify = {"DATABASE_SSLMODE": mode, "DATABASE_SSLROOTCERT": str(other.certificate)}
        assert "certificate verify failed" in _refusal(DATABASE_URL=with_tls.url, **verify)


def test_another_host_name_is_refused(with_tls: Postgres) -> None:
    url = with_tls.url.replace("127.0.0.1", "localhost")
    verify = {"DATABASE_SSLMODE": "verify-full", "DATABASE_SSLROOTCERT": str(with_tls.certificate)}
    assert 'does not match host name "localhost"' in _refusal(DATABASE_URL=url, **verify)
    assert _connect(DATABASE_URL=url, **verify | {"DATABASE_SSLMODE": "verify-ca"}).stdout == "True\n"


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_server_without_tls_is_refused(mode: str, postgres: Postgres, with_tls: Postgres) -> None:
    certificate = {"DATABASE_SSLROOTCERT": str(with_tls.certificate)} if mode == "verify-full" else {}
    assert "does not support SSL" in _refusal(DATABASE_URL=postgres.url, DATABASE_SSLMODE=mode, **certificate)


def test_a_root_certificate_without_verification_stops_the_start(with_tls: Postgres) -> None:
    """libpq would go on without TLS where the certificate does not verify."""
    for variables in ({}, {"DATABASE_SSLMODE": "require"}):
        result = _connect(DATABASE_URL=with_tls.url, DATABASE_SSLROOTCERT=str(with_tls.certificate), **variables)
        assert result.returncode != 0
        assert "DATABASE_SSLMODE must be verify-ca or verify-full" in result.stderr
