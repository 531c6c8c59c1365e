"""A real server, started as `make run` starts it, for the tests that cannot do with less."""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.conftest import ROOT

STARTUP_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server. User, password and token are empty where it had a demo already."""

    url: str
    log: Path
    user: str = ""
    password: str = ""
    token: str = ""


StartServer = Callable[..., AbstractContextManager[Server]]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


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


def wait_until_it_lives(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health/live", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"The server did not start:\n{log.read_text()}")


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
def fresh_database() -> Iterator[str]:
    """The URL of a new database beside the one that DATABASE_URL names, where that is PostgreSQL; else nothing."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield ""
        return
    name = f"snippets_live_{secrets.token_hex(6)}"
    with psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


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
