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
    assert set(TYPED.values()) <= set(NONSENSE) | FREE


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
    assert database["ENGINE"] == "django.db.backends.postgresql"
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
