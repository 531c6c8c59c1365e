"""A real server, started as `make run` starts it, for the tests that cannot do with less."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.postgres import fresh_database
from tests.servers import free_port, wait_until_it_lives


@dataclass(frozen=True)
class Server:
    """A running server. User, password and token are empty where it had a demo already."""

    url: str
    log: Path
    user: str = ""
    password: str = ""
    token: str = ""


StartServer = Callable[..., AbstractContextManager[Server]]


def serve(data: Path, log: Path, port: int, **variables: str) -> subprocess.Popen[bytes]:
    """Starts `manage.py serve` in a process group of its own, with none of our environment but the PATH."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(log.parent), "DEBUG": "true", "ENV_FILE": os.devnull}
    environment |= {"DATA_DIR": str(data)} | variables
    command = [sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    for ending in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, ending)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                continue


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


@contextmanager
def running_server(data: Path, log: Path, **variables: str) -> Iterator[Server]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        if "DATABASE_URL" not in variables:
            variables["DATABASE_URL"] = stack.enter_context(fresh_database())
        process = serve(data, log, port, **variables)
        stack.callback(_stop, process)
        wait_until_it_lives(process, url, log)
        said = log.read_text()
        user, password = _found(r"user: (\S+)", said), _found(r"password: (\S+)", said)
        yield Server(url, log, user, password, token=_found(r"token: (\S+)", said))


@pytest.fixture(scope="session")
def start_server() -> StartServer:
    """`with start_server(data, log, NAME="value") as server: ...`; on a database of its own, unless it is named."""
    return running_server


@pytest.fixture
def own_database_url() -> Iterator[str]:
    with fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def server(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server, with its demo, for all live tests that do not mind what others do to it."""
    folder = tmp_path_factory.mktemp("server")
    with start_server(folder / "data", folder / "server.log") as running:
        assert running.user, running.log.read_text()
        assert running.token.startswith("snip_")
        yield running
