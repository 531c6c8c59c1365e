"""The variables of the database: what they lead to, and what makes no sense together."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

SHOW = """
import json
from django.core.exceptions import ImproperlyConfigured
try:
    from config import settings
except ImproperlyConfigured as error:
    print(json.dumps(str(error)))
else:
    print(json.dumps(settings.DATABASES["default"]))
"""
URL = "postgres://ann@db.example.org/snippets"
RDS = {
    "RDS_HOSTNAME": "snippets.abc.eu-central-1.rds.amazonaws.com",
    "RDS_DB_NAME": "ebdb",
    "RDS_USERNAME": "ann",
    "RDS_PASSWORD": "hunter2",
}
VERIFY_FULL = {"DATABASE_URL": URL, "DATABASE_SSLMODE": "verify-full"}


def _settings(**variables: str) -> Any:
    """Django's settings of the database, or the sentence that stops the start."""
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "SECRET_KEY": "of the tests"}
    environment |= {"DATA_DIR": "/proc/none"} | variables
    result = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def _refusals(cases: list[tuple[str, dict[str, str]]]) -> None:
    """Each starts with the words, and shows no password."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for (words, variables), said in zip(cases, pool.map(lambda case: _settings(**case[1]), cases), strict=True):
            assert isinstance(said, str), (variables, said)
            assert said.startswith(words), (variables, said)
            assert "hunter2" not in said


def test_a_url_and_the_limits_of_time() -> None:
    database = _settings(DATABASE_URL="postgres://ann:p%40ss@db.example.org:5433/snippets")
    assert database["OPTIONS"]["options"] == "-c statement_timeout=15000 -c lock_timeout=5000"
    assert database["OPTIONS"]["connect_timeout"] == 5
    assert "sslmode" not in database["OPTIONS"]


def test_limits_of_0_are_not_sent() -> None:
    none = {"DATABASE_STATEMENT_TIMEOUT": "0", "DATABASE_LOCK_TIMEOUT": "0"}
    assert {"options", "prepare_threshold"}.isdisjoint(_settings(DATABASE_URL=URL, **none)["OPTIONS"])
    one = _settings(DATABASE_URL=URL, DATABASE_STATEMENT_TIMEOUT="0", DATABASE_LOCK_TIMEOUT="3")
    assert one["OPTIONS"]["options"] == "-c lock_timeout=3000"
    assert one["OPTIONS"]["prepare_threshold"] == 5


def test_the_options_of_the_url_come_last() -> None:
    options = _settings(DATABASE_URL=f"{URL}?sslmode=require&connect_timeout=2&options=-c%20work_mem=8MB")["OPTIONS"]
    assert options["options"] == "-c statement_timeout=15000 -c lock_timeout=5000 -c work_mem=8MB"
    assert (options["sslmode"], options["connect_timeout"]) == ("require", 2)


def test_the_password_from_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    assert _settings(DATABASE_URL=URL, DATABASE_PASSWORD_FILE=str(tmp_path / "password"))["PASSWORD"] == "hunter2"


def test_the_variables_of_rds(tmp_path: Path) -> None:
    database = _settings(**RDS)
    assert database["ENGINE"] == "config.postgresql"
    assert (database["HOST"], database["PORT"]) == (RDS["RDS_HOSTNAME"], 5432)
    assert (database["NAME"], database["USER"], database["PASSWORD"]) == ("ebdb", "ann", "hunter2")
    assert database["CONN_HEALTH_CHECKS"] is True
    (tmp_path / "user").write_text("ben\n")
    from_files = RDS | {"RDS_USERNAME": "", "RDS_USERNAME_FILE": str(tmp_path / "user"), "RDS_PORT": "5433"}
    assert (_settings(**from_files)["USER"], _settings(**from_files)["PORT"]) == ("ben", 5433)


def test_an_address_that_makes_no_sense_is_refused() -> None:
    _refusals(
        [
            ("DATABASE_URL must look like ", {"DATABASE_URL": "postgres://db.example.org/snippets"}),
            ("DATABASE_URL must look like ", {"DATABASE_URL": "postgres://ann:hunter2@db.example.org:0/snippets"}),
            ("DATABASE_URL must look like ", {"DATABASE_URL": "postgres://ann:hunter2@db.example.org:65536/snippets"}),
            ("DATABASE_URL must look like ", {"DATABASE_URL": "postgres://ann:hunter2@db.example.org:x/snippets"}),
            ("DATABASE_URL: 'pasword' is no option ", {"DATABASE_URL": f"{URL}?pasword=hunter2"}),
            ("DATABASE_URL and RDS_HOSTNAME ", RDS | {"DATABASE_URL": URL}),
            ("RDS_PORT ", RDS | {"RDS_PORT": "0"}),
            ("RDS_HOSTNAME must be a host name ", RDS | {"RDS_HOSTNAME": "db.example.org:5432"}),
            *[(f"{name} is not set", {other: text for other, text in RDS.items() if other != name}) for name in RDS],
            ("DATABASE_PASSWORD is set, and ", RDS | {"DATABASE_PASSWORD": "hunter2"}),
            ("DATABASE_PASSWORD is set, and ", {"DATABASE_URL": "postgres://a:b@c/d", "DATABASE_PASSWORD": "hunter2"}),
        ]
    )


def test_tls_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate\n")
    wrong = {"none": tmp_path / "none", "a folder": tmp_path, "no certificate": tmp_path / "none.pem"}
    root = "DATABASE_SSLROOTCERT"
    _refusals(
        [
            (f"{root} is not set", VERIFY_FULL),
            (f"{root} is not set", {"DATABASE_URL": f"{URL}?sslmode=verify-ca"}),
            *[(f"{root} must be the path of ", VERIFY_FULL | {root: str(path)}) for path in wrong.values()],
            ("DATABASE_URL: its sslrootcert ", {"DATABASE_URL": f"{URL}?sslmode=verify-ca&sslrootcert=system"}),
            ("DATABASE_URL: its sslmode ", {"DATABASE_URL": f"{URL}?sslmode=full"}),
            ("DATABASE_SSLMODE is set, and ", VERIFY_FULL | {"DATABASE_URL": f"{URL}?sslmode=disable"}),
        ]
    )


def test_sqlite_refuses_what_it_would_not_honour() -> None:
    for name, value in {"DATABASE_SSLMODE": "require", "DATABASE_PASSWORD": "hunter2"}.items():
        assert _settings(**{name: value}) == f"{name} is for PostgreSQL, and this database is SQLite."
