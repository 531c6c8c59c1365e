"""Starts what is measured: nginx and uWSGI by the image's own entrypoint, and the yardsticks behind the same nginx."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.nginx import AS_ORDINARY_USER, own_folder
from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
TEXTBOOK = ROOT / "benchmarks" / "textbook"
STARTUP_SECONDS = 60
KEY = "of no use but for a benchmark, and of no use anywhere else"
# As many for everything that is compared.
PROCESSES, THREADS = 2, 4
PROGRAMS = {"nginx": "nginx-light", "wrk": "wrk", "setpriv": "util-linux"}  # and Debian's packages
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"


@dataclass(frozen=True)
class Server:
    """A running nginx with whatever it has behind it. Everything that answers is this process and those below it."""

    url: str
    folder: Path
    pid: int

    @property
    def nginx(self) -> Path:
        """nginx's configuration, written at the start."""
        return self.folder / "run" / "nginx"

    def forget_log(self) -> None:
        """Each request has a line, and a benchmark makes millions."""
        os.truncate(self.folder / "log", 0)


def check_programs() -> None:
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=PATH)]
    if missing:
        raise SystemExit(f"Programs are missing. On Debian and Ubuntu: apt install {' '.join(missing)}")


def variables(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a service that keeps its data in the folder."""
    return {
        "PATH": PATH,
        "PYTHONDONTWRITEBYTECODE": "1",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": KEY,
        "SECURE_SSL_REDIRECT": "false",
        "SECURE_COOKIES": "false",
        "ANONYMOUS_POSTING_RATE": "off",
        "LOGIN_RATE": "off",
        "SIGN_UP_RATE": "off",
        "DATA_DIR": str(folder / "data"),
        "RUN_DIR": str(folder / "run"),
        "UWSGI_PROCESSES": str(PROCESSES),
        "UWSGI_THREADS": str(THREADS),
    } | more


def run(command: list[str], environment: dict[str, str], cwd: Path = ROOT, given: str = "") -> str:
    """What the program says, run to its end as the servers run."""
    done = subprocess.run(
        [*AS_ORDINARY_USER, sys.executable, *command],
        cwd=cwd,
        env=environment,
        input=given,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"Failed: {' '.join(command)}\n{done.stdout}")
    return done.stdout


def collect_static(folder: Path) -> Path:
    """The pages of highlighted code name a style sheet, which must be there."""
    static = folder / "static"
    environment = variables(own_folder(folder / "collecting"), STATIC_ROOT=str(own_folder(static)))
    run(["manage.py", "collectstatic", "--no-input", "--ignore", "redoc", "-v0"], environment)
    return static


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], path: str) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(server.url + path, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"{server.url}{path} does not answer:\n{(server.folder / 'log').read_text()[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def started(command: list[str], folder: Path, environment: dict[str, str], ready: str, port: int) -> Iterator[Server]:
    """Runs the command in a session of its own until the end of the block; begins when the address answers 200."""
    with (folder / "log").open("ab") as log:  # appending, so that it can be truncated meanwhile
        process = subprocess.Popen(
            [*AS_ORDINARY_USER, *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        server = Server(f"http://127.0.0.1:{port}", folder, process.pid)
        _wait_until_ready(server, process, ready)
        yield server
    finally:
        _stop(process)


@contextmanager
def service(folder: Path, **more: str) -> Iterator[Server]:
    """This service, on a database that has been migrated. The folder is made if it is not there."""
    for name in ("data", "run"):
        if not (folder / name).exists():
            own_folder(folder / name)
    port = free_port()
    environment = variables(folder, PORT=str(port), **more)
    with started(["config/entrypoint.sh"], folder, environment, "/health/ready/", port) as server:
        yield server


def copy_nginx(original: Path, run_folder: Path, port: int, locations: str = "") -> None:
    """The same configuration for another port and another socket; the locations are added to its server."""
    copied = run_folder / "nginx"
    shutil.copytree(original, copied, symlinks=True)
    (copied / "listen.conf").write_text(f"listen {port};\n")
    values = copied / "values.conf"
    values.write_text(values.read_text().replace(str(original.parent / "uwsgi.sock"), str(run_folder / "uwsgi.sock")))
    site = copied / "sites-available" / "snippets.conf"
    before, server, after = site.read_text().partition("server {\n")
    assert server
    site.write_text(before + server + locations + after)


@contextmanager
def yardstick(
    folder: Path, nginx: Path, ready: str, *, module: str = "", cwd: Path = ROOT, locations: str = "", **more: str
) -> Iterator[Server]:
    """Another WSGI module behind the same nginx and the same number of processes; without a module nginx alone."""
    run_folder = own_folder(folder / "run")
    port = free_port()
    copy_nginx(nginx, run_folder, port, locations)
    environment = {
        "PATH": PATH,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "RUN_DIR": str(run_folder),
        "MODULE": module,
        "MODULE_FOLDER": str(cwd),
        "UWSGI_PROCESSES": str(PROCESSES),
        "UWSGI_THREADS": str(THREADS),
    }
    with started(["benchmarks/yardstick.sh"], folder, environment | more, ready, port) as server:
        yield server
