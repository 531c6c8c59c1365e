"""The variables of the environment: all documented, and refused in one sentence where they make no sense."""

import ast
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import ROOT

# What no value of the variable's type can be.
NONSENSE = {
    "flag": "maybe",
    "number": "nan",
    "integer": "many",
    "rate": "10/fortnight",
    "choice": "loud",
    "database": "mysql://user:hunter2@host/name",
    "cache": "nonsense",
    "origins": "nonsense",
    "origin": "nonsense",
    "media_types": "pictures",
    "folder": "a/../b",
    "hosts": "http://nonsense",
    "networks": "10.0.0.1/8",
    "host": "http://nonsense",
    "certificates": "/nonsense",
}
FREE = {"text", "words", "required"}  # any text may be meant
BUCKETS = {"bucket"}  # which are asked for only on S3
KEY = "mqz4Hq0yB1xkR7sPu9wLd2Ev5nTc8jGf3aVi6oXbZtYeKrQhW-D_pN5sU8"


def _calls(path: str) -> dict[str, str]:
    """What the module asks its environment for: the method for each variable."""
    tree = ast.parse((ROOT / path).read_text())
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            receiver = ast.unparse(node.func.value)
            if receiver == "env" and node.func.attr != "read_env" and isinstance(name, str):
                found[name] = node.func.attr
            elif receiver == "os.environ" and isinstance(name, str):
                found[name] = "text"
    return found


TYPED = _calls("config/settings.py")
VARIABLES = (
    set(TYPED)
    | set(re.findall(r"\$\((\w+)\)", (ROOT / "config/uwsgi.ini").read_text())) - {"VIRTUAL_ENV"}  # of config/server.py
    | set(re.findall(r"\$\{([A-Z_]+):-", (ROOT / "config/entrypoint.sh").read_text()))
)


def _python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Python in the project, with these variables and no others of ours."""
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": os.devnull + "/none"} | variables
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def _sentence(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refused start prints."""
    assert result.returncode != 0, "It started."
    lines = (result.stdout + result.stderr).splitlines()
    assert len(lines) == 1, "\n".join(lines)
    return lines[0]


def test_the_source_is_read() -> None:
    assert {"SECRET_KEY", "DATABASE_URL", "ENV_FILE", "LOG_LEVEL", "UWSGI_THREADS"} <= VARIABLES
    assert set(TYPED.values()) <= set(NONSENSE) | FREE | BUCKETS


def test_every_variable_is_in_the_example_and_none_besides() -> None:
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", example, re.MULTILINE)) == VARIABLES
    assert not re.findall(r"^[^#\n]", example, re.MULTILINE), "A copy of it must change nothing."


def test_every_variable_is_documented_and_none_besides() -> None:
    documented = (ROOT / "docs/configuration.md").read_text()
    assert set(re.findall(r"^\| `([A-Z0-9_]+)` \|", documented, re.MULTILINE)) == VARIABLES


def test_the_readme_names_only_variables_that_exist() -> None:
    section = (ROOT / "README.md").read_text().partition("## Configuration at a glance")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([A-Z][A-Z0-9]+_?[A-Z0-9_]*)`", section)) <= VARIABLES


def test_nonsense_in_any_typed_variable_stops_the_start_naming_it(tmp_path: Path) -> None:
    typed = [name for name, method in TYPED.items() if method in NONSENSE]

    def start(name: str) -> str:
        sane = {"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path)}
        return _sentence(_python("manage.py", "check", **(sane | {name: NONSENSE[TYPED[name]]})))

    with ThreadPoolExecutor(max_workers=4) as pool:
        for name, sentence in zip(typed, pool.map(start, typed), strict=True):
            assert sentence.startswith(f"Configuration: {name} ")
            assert NONSENSE[TYPED[name]] not in sentence, "A value may be a secret."


def test_a_url_without_its_scheme_does_not_show_the_password() -> None:
    result = _python("manage.py", "check", SECRET_KEY=KEY, DATABASE_URL="//user:hunter2@host/name")
    assert "hunter2" not in result.stdout + result.stderr
    assert _sentence(result).startswith("Configuration: DATABASE_URL ")


def test_a_folder_that_cannot_be_made_stops_the_start_naming_its_variable(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    sentence = _sentence(_python("manage.py", "check", SECRET_KEY=KEY, DATA_DIR=str(in_the_way / "data")))
    assert sentence.startswith("Configuration: DATA_DIR: ")


def test_the_key_is_required() -> None:
    assert _sentence(_python("manage.py", "check")).startswith("Configuration: SECRET_KEY is not set.")


def test_the_key_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    program = "from config import settings; print(settings.SECRET_KEY)"
    result = _python("-c", program, SECRET_KEY_FILE=str(file), DATA_DIR=str(tmp_path))
    assert result.stdout == f"{KEY}\n"
    both = _sentence(_python("manage.py", "check", SECRET_KEY=KEY, SECRET_KEY_FILE=str(file)))
    assert both == "Configuration: SECRET_KEY and SECRET_KEY_FILE are both set: choose one."
    missing = _sentence(_python("manage.py", "check", SECRET_KEY_FILE=str(tmp_path / "none")))
    assert missing.startswith("Configuration: SECRET_KEY_FILE: cannot read ")


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    program = "from config import settings; print(settings.SIGN_UP)"
    result = _python("-c", program, DEBUG="true", ENV_FILE=str(ROOT / ".env.example"), DATA_DIR=str(tmp_path))
    assert result.stdout == "True\n", result.stderr


def test_production_passes_the_checks_for_deployment(tmp_path: Path) -> None:
    production = {"SECRET_KEY": KEY, "ALLOWED_HOSTS": "snippets.example.org", "DATA_DIR": str(tmp_path)}
    result = _python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **production)
    assert result.returncode == 0, result.stderr


PRAGMAS = """
import json, django
django.setup()
from django.db import connection
settings = connection.settings_dict
with connection.cursor() as cursor:
    names = ("journal_mode", "synchronous", "busy_timeout")
    pragmas = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
print(json.dumps(settings["OPTIONS"] | {"pragmas": pragmas, "name": str(settings["NAME"])}))
"""


@pytest.mark.parametrize("url", ["", "sqlite:///{folder}/own.sqlite3"])
def test_sqlite_is_opened_for_many_users(tmp_path: Path, url: str) -> None:
    variables = {"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path), "DATABASE_URL": url.format(folder=tmp_path)}
    result = _python("-c", PRAGMAS, DJANGO_SETTINGS_MODULE="config.settings", **variables)
    assert result.returncode == 0, result.stderr
    options = json.loads(result.stdout)
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] == 20
    assert options["pragmas"] == ["wal", 1, 20_000]  # 1 is NORMAL
    assert options["name"] == str(tmp_path / ("own.sqlite3" if url else "db.sqlite3"))


def test_postgresql_keeps_its_connections_and_checks_them() -> None:
    url = "postgres://ann:p%40ss@db.example.org:5433/snippets"
    program = "import json; from config import settings; print(json.dumps(settings.DATABASES['default']))"
    result = _python("-c", program, SECRET_KEY=KEY, DATABASE_URL=url)
    assert result.returncode == 0, result.stderr
    database = json.loads(result.stdout)
    assert database["ENGINE"] == "config.postgresql"
    assert (database["USER"], database["PASSWORD"], database["HOST"]) == ("ann", "p@ss", "db.example.org")
    assert (database["NAME"], int(database["PORT"])) == ("snippets", 5433)
    assert database["CONN_MAX_AGE"] == 600
    assert database["CONN_HEALTH_CHECKS"] is True


STORAGES = """
from config import settings
from django.core.files.storage import storages
print([f"{type(storages[name]).__module__}.{type(storages[name]).__name__}" for name in ("default", "staticfiles")])
"""
DROPBOX = {"DROPBOX_APP_KEY": "key", "DROPBOX_APP_SECRET": "hunter2", "DROPBOX_REFRESH_TOKEN": "hunter3"}


@pytest.mark.parametrize(
    ("variables", "used"),
    [
        ({}, "uploads.local_storage.LocalStorage"),
        ({"STORAGE": "filesystem"}, "uploads.local_storage.LocalStorage"),
        ({"STORAGE": "s3", "S3_BUCKET": "pictures"}, "uploads.s3_storage.S3Storage"),
        ({"STORAGE": "dropbox"} | DROPBOX, "uploads.dropbox_storage.DropboxStorage"),
    ],
)
def test_the_storage_of_uploads_is_chosen_and_that_of_static_files_is_not(
    tmp_path: Path, variables: dict[str, str], used: str
) -> None:
    environment = {"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    result = _python("-c", STORAGES, **(environment | variables))
    static = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    assert result.stdout == f"{[used, static]}\n", result.stderr


@pytest.mark.parametrize(
    ("variables", "missing"),
    [({"STORAGE": "s3"}, "S3_BUCKET"), *(({"STORAGE": "dropbox"} | DROPBOX | {name: ""}, name) for name in DROPBOX)],
)
def test_what_a_storage_cannot_do_without_stops_the_start(
    tmp_path: Path, variables: dict[str, str], missing: str
) -> None:
    sane = {"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path)}
    sentence = _sentence(_python("manage.py", "check", **sane, **variables))
    assert sentence == f"Configuration: {missing} is not set: STORAGE={variables['STORAGE']} needs it."


@pytest.mark.parametrize("bucket", ["Bad_Name/x", "a..b", "10.0.0.1", "a" * 64])
def test_what_is_no_name_of_a_bucket_stops_the_start(tmp_path: Path, bucket: str) -> None:
    variables = {"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path), "STORAGE": "s3", "S3_BUCKET": bucket}
    sentence = _sentence(_python("manage.py", "check", **variables))
    assert sentence.startswith("Configuration: S3_BUCKET must be the name of a bucket: 3 to 63 lowercase letters, ")


@pytest.mark.parametrize("types", ["image/svg+xml", "image/*,text/html"])
def test_types_that_no_file_has_stop_the_start_and_it_names_those_that_are_possible(tmp_path: Path, types: str) -> None:
    sentence = _sentence(_python("manage.py", "check", SECRET_KEY=KEY, DATA_DIR=str(tmp_path), UPLOAD_TYPES=types))
    assert sentence == (
        "Configuration: UPLOAD_TYPES must be types such as image/*,application/pdf, separated by commas. Possible are "
        "image/png, image/jpeg, image/gif, image/webp, application/pdf, application/zip, application/gzip, text/plain, "
        "application/octet-stream, and with * in place of a part."
    )


@pytest.mark.parametrize("name", ["SNIPPET_UPLOADS_MAX_BYTES", "USER_UPLOADS_MAX_BYTES"])
def test_many_files_together_may_have_what_one_may_have(tmp_path: Path, name: str) -> None:
    variables = {"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path), "UPLOAD_MAX_BYTES": "5000"}
    sentence = _sentence(_python("manage.py", "check", **variables, **{name: "4999"}))
    assert sentence.startswith(f"Configuration: {name} must be a whole number from 5000 to ")
    assert _python("manage.py", "check", **variables, **{name: "5000"}).returncode == 0


ON_S3 = {"STORAGE": "s3", "S3_BUCKET": "pictures.example-2", "S3_REGION": "us-east-1"}
ON_S3 |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


def test_s3_from_the_environment(tmp_path: Path) -> None:
    program = (
        "from django.conf import settings; from django.core.files.storage import default_storage; "
        "print(default_storage.url('greeting.txt'), settings.X_ACCEL_REDIRECT)"
    )
    variables = {"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"} | ON_S3
    more = {"S3_PREFIX": "/a/b/", "DOWNLOAD_URL_SECONDS": "90", "X_ACCEL_REDIRECT": "true"}
    result = _python("-c", program, **variables, **more)
    address, x_accel_redirect = result.stdout.split()
    assert "/a/b/greeting.txt?" in address
    assert "X-Amz-Expires=90&" in address
    assert x_accel_redirect == "False"  # which is for files of this machine
