"""`make bench`, as small as it can be: that all of it runs, and not how fast it is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scenarios import GROUPS
from tests.conftest import ROOT


def test_everything_is_measured(needs_nginx: None, tmp_path: Path) -> None:
    if not shutil.which("wrk"):
        pytest.skip("wrk is not installed.")
    postgresql = os.environ.get("DATABASE_URL", "").startswith("postgres")
    small = ["--rounds=1", "--seconds=1", "--rows=1000", "--small-rows=100", "--requests=200", f"--output={tmp_path}"]
    databases = f"--databases={'postgresql' if postgresql else 'sqlite'}"
    command = [sys.executable, "-m", "benchmarks", *small, databases]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Requests a second" in done.stdout
    (found,) = json.loads((tmp_path / "latest.json").read_text())["databases"].values()
    # What runs one request after the other is not compared by wrk.
    assert found["samples"].keys() == GROUPS.keys() - {"again", "writers", "memory"}
    samples = [run for group in found["samples"].values() for runs in group.values() for run in runs]
    assert all(run["rate"] > 0 and run["cpu"] > 0 and run["errors"] == 0 for run in samples)
    nothing_lost = {goal["what"]: goal["met"] for goal in found["goals"] if goal["what"].endswith(": lost")}
    assert nothing_lost == {"32 writers: lost": True}
    for name in ("latest.md", "latest.svg"):
        assert (tmp_path / name).stat().st_size > 1000
