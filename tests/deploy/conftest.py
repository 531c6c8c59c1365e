"""The bundle, and the instances that it is deployed on."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from tests.conftest import ROOT
from tests.deploy.beanstalk import Instance


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make bundle` writes."""
    if not shutil.which("unzip"):
        pytest.skip("unzip is not installed.")
    target = tmp_path_factory.mktemp("bundle") / "snippets.zip"
    command = [sys.executable, "deploy/bundle.py", "--output", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return target


Altered = Callable[..., Path]


@pytest.fixture
def altered(bundle: Path, tmp_path: Path) -> Altered:
    """`altered({path: (old, new)}, run_bits=False, more={path: bytes})`: the bundle with a text replaced, without run
    bits, with another file."""

    def alter(
        changes: dict[str, tuple[str, str]] | None = None,
        *,
        run_bits: bool = True,
        more: dict[str, bytes] | None = None,
    ) -> Path:
        target = tmp_path / "altered.zip"
        with ZipFile(bundle) as source, ZipFile(target, "w") as copy:
            for entry in source.infolist():
                text = source.read(entry)
                for old, new in filter(None, [(changes or {}).get(entry.filename)]):
                    assert old.encode() in text
                    text = text.replace(old.encode(), new.encode())
                if not run_bits:
                    entry.external_attr &= ~(0o111 << 16)
                copy.writestr(entry, text)
            for path, content in (more or {}).items():
                entry = ZipInfo(path)
                entry.external_attr = 0o100644 << 16
                copy.writestr(entry, content)
        return target

    return alter


# A folder for the PATH, with a `docker` that only writes down what it is asked.
STAND_IN = Path(__file__).parent / "stand_in"

MakeInstance = Callable[..., Instance]


@pytest.fixture
def make_instance(tmp_path: Path) -> MakeInstance:
    """One whose `docker` only writes down what it is asked."""

    def make(name: str, **properties: str) -> Instance:
        folder = tmp_path / name
        folder.mkdir()
        return Instance(folder, STAND_IN, {"RDS_HOSTNAME": "database.example.org"} | properties)

    return make
