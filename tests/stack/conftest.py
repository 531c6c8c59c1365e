"""The real nginx and uWSGI, started by the image's own entrypoint from this repository's files, on a free port."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.nginx import AS_ORDINARY_USER, own_folder
from tests.postgres import fresh_database
from tests.servers import free_port, wait_until_it_lives

KEY = "a key for the tests of the stack alone, and of no use anywhere else"


@dataclass(frozen=True)
class Stack:
    """A running nginx with uWSGI behind it. Its variables are those that it was started with."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    variables: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.variables["PORT"])

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged: each line must be JSON."""
        return [json.loads(line) for line in (self.folder / "log").read_text("ascii").splitlines()]

    def line(self, **wanted: object) -> dict[str, Any]:
        """The first line with these values, which may be a moment late."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in self.lines():
                if wanted.items() <= line.items():
                    return line
            time.sleep(0.05)
        pytest.fail(f"No line has {wanted}:\n{(self.folder / 'log').read_text()}")

    def processes(self, part: str) -> list[int]:
        """The processes of this stack with `part` in their command, the oldest first."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_text()
            except OSError:
                continue
            if int(fields[2]) == self.process.pid and part in command and fields[0] != "Z":
                found.append(int(folder.name))
        return sorted(found)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def manage(self, *arguments: str) -> str:
        return manage(self.variables, *arguments)


StartStack = Callable[..., AbstractContextManager[Stack]]


def manage(variables: dict[str, str], *arguments: str) -> str:
    command = [*AS_ORDINARY_USER, sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def static_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = own_folder(tmp_path_factory.mktemp("collected") / "own")
    manage(variables_for(folder, folder / "static"), "collectstatic", "--no-input", "--ignore", "redoc")
    return folder / "static"


def variables_for(folder: Path, static_root: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": KEY,
        "SECURE_SSL_REDIRECT": "false",
        "SECURE_COOKIES": "false",
        "ANONYMOUS_POSTING": "true",
        "SIGN_UP": "true",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,snippets.example.org",
        "DATA_DIR": str(folder / "data"),
        "STATIC_ROOT": str(static_root),
        "RUN_DIR": str(folder / "run"),
    } | more


def run_entrypoint(folder: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    # A shell that runs tests in the background has them ignore SIGINT, which no shell below it could then trap.
    command = ["env", "--default-signal=INT", *AS_ORDINARY_USER, "config/entrypoint.sh"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.fixture(scope="session")
def start_stack(needs_nginx: None, static_root: Path) -> StartStack:
    """`with start_stack(folder, NAME="value") as stack: ...`; on a database of its own, unless it is named."""

    @contextmanager
    def running(folder: Path, **more: str) -> Iterator[Stack]:
        for name in ("data", "run"):
            own_folder(folder / name)
        with ExitStack() as cleaning:
            if "DATABASE_URL" not in more:
                more["DATABASE_URL"] = cleaning.enter_context(fresh_database())
                manage(variables_for(folder, static_root, **more), "migrate")
            variables = variables_for(folder, static_root, **{"PORT": str(free_port())} | more)
            process = run_entrypoint(folder, variables)
            cleaning.callback(_end, process)
            url = f"http://127.0.0.1:{variables['PORT']}"
            wait_until_it_lives(process, url, folder / "log")
            yield Stack(url, folder, process, variables)

    return running


def _end(process: subprocess.Popen[bytes]) -> None:
    """Everything, also what a killed master has left behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


@pytest.fixture(scope="session")
def stack(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests that leave it as it was."""
    with start_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def behind_proxy(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One that believes what proxies on this machine say."""
    with start_stack(tmp_path_factory.mktemp("proxied"), TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8") as running:
        yield running


@contextmanager
def uwsgi_alone(folder: Path, module: str, *options: str) -> Iterator[httpx.Client]:
    """uWSGI with an application of the tests, and nothing else."""
    port = free_port()
    command = [Path(sysconfig.get_path("scripts")) / "uwsgi", "--strict", "--master", "--no-orphans", "--need-app"]
    command += ["--single-interpreter", "--enable-threads", f"--http-socket=127.0.0.1:{port}", f"--module={module}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    transport = httpx.HTTPTransport(retries=6, limits=httpx.Limits(max_keepalive_connections=0))
    with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        assert client.get("/").status_code == 200, (folder / "log").read_text()
        yield client
    process.kill()  # not by a signal that it handles: in the middle of Python, uWSGI may wait for ever
    process.wait()
