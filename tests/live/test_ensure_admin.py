"""`manage.py ensure_admin` from several instances at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, ROOT

PROCESSES = 4


@pytest.mark.parametrize("vendor", ["postgresql", "sqlite"])
def test_several_at_once_make_one_admin(vendor: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = request.getfixturevalue("postgres").url if vendor == "postgresql" else ""
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "of the tests",
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": url,
        "ADMIN_USERNAME": "root",
        "ADMIN_PASSWORD": PASSWORD,
    }
    command = [sys.executable, "manage.py"]
    subprocess.run([*command, "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
    processes = [
        subprocess.Popen([*command, "ensure_admin"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    said = sorted(process.communicate(timeout=60)[0] for process in processes)
    assert [process.returncode for process in processes] == [0] * PROCESSES
    made, there = "The admin root has been made.\n", "The admin root is there already, and stays as it is.\n"
    assert said == sorted([made, *[there] * (PROCESSES - 1)])
