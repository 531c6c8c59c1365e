"""Starting, stopping, dying, renewing: nothing that was begun is lost, and nothing is left behind."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.nginx import own_folder
from tests.servers import free_port, until
from tests.stack.conftest import Stack, StartStack, run_entrypoint, uwsgi_alone

SLOW = {"HIGHLIGHT_TIMEOUT": "4"}


def slow_address(stack: Stack) -> str:
    """Of a request that takes as long as highlighting may: one lexer never ends."""
    snippet = httpx.post(f"{stack.url}/snippets/", json={"code": "<!--", "language": "mcschema"}).json()
    return f"{stack.url}/snippets/{snippet['pk']}/highlight/"


class Load:
    """Requests without a pause, from several threads, each over a new connection."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.statuses: list[int] = []
        self.failures: list[str] = []
        self.stopped = threading.Event()

    def ask(self) -> None:
        while not self.stopped.is_set():
            try:
                self.statuses.append(httpx.get(f"{self.stack.url}/snippets/", timeout=30).status_code)
            except httpx.TransportError as error:
                self.failures.append(repr(error))


@contextmanager
def under_load(stack: Stack) -> Iterator[Load]:
    load = Load(stack)
    threads = [threading.Thread(target=load.ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stopped.set()
        for thread in threads:
            thread.join()


def workers(stack: Stack) -> list[int]:
    return stack.processes("uwsgi.sock")[1:]


@pytest.fixture
def own(start_stack: StartStack, tmp_path: Path) -> Iterator[Stack]:
    """A stack that may be stopped and broken."""
    with start_stack(tmp_path / "stack", **SLOW) as running:
        yield running


def test_it_runs_as_an_ordinary_user(stack: Stack) -> None:
    for pid in stack.processes(""):
        uid = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Uid:"))
        assert uid.split()[1] != "0"


def test_uwsgi_listens_on_the_unix_socket_alone_with_a_backlog(stack: Stack) -> None:
    said = " ".join(line["message"] for line in stack.lines() if line["logger"] == "uwsgi")
    assert "uwsgi socket 0 bound to UNIX address" in said
    assert "TCP" not in said
    somaxconn = int(Path("/proc/sys/net/core/somaxconn").read_text())
    assert f"listen backlog is limited to {min(1024, somaxconn)} connections" in said


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stopping_finishes_what_has_begun_and_leaves(own: Stack, ending: signal.Signals) -> None:
    address = slow_address(own)
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(httpx.get(address, timeout=30)))
    asking.start()
    time.sleep(1)
    own.process.send_signal(ending)
    assert own.process.wait(timeout=30) == 0
    asking.join()
    assert answers[0].status_code == 200
    assert answers[0].headers["X-Highlighted"] == "false; reason=timeout"
    assert own.processes("") == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(own.url)


def test_it_starts_again_where_it_was_killed(own: Stack) -> None:
    snippet = httpx.post(f"{own.url}/snippets/", json={"code": "kept\n"}).json()
    os.killpg(own.process.pid, signal.SIGKILL)
    own.process.wait()
    again = run_entrypoint(own.folder, own.variables)
    try:
        until(lambda: _code(own, snippet["pk"]) == "kept\n", "It did not start again.")
    finally:
        os.killpg(again.pid, signal.SIGKILL)
        again.wait()


def _code(stack: Stack, pk: int) -> str | None:
    try:
        return httpx.get(f"{stack.url}/snippets/{pk}/raw/").text
    except httpx.TransportError:
        return None


def test_a_worker_that_dies_is_replaced(own: Stack) -> None:
    before = workers(own)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(workers(own)) == 2 and workers(own) != before, "The worker was not replaced.")
    assert {httpx.get(f"{own.url}/snippets/").status_code for _ in range(20)} == {200}
    assert own.process.poll() is None


@pytest.mark.parametrize("victim", ["uwsgi.sock", "nginx: master"])
def test_it_ends_when_nginx_or_uwsgi_has_ended(own: Stack, victim: str) -> None:
    os.kill(own.processes(victim)[0], signal.SIGKILL)
    assert own.process.wait(timeout=30) == 1
    assert own.line(message="nginx or uWSGI has ended: leaving.")


def test_a_reload_under_load_loses_no_request(own: Stack) -> None:
    master = own.processes("uwsgi.sock")[0]
    with under_load(own) as load:
        for _ in range(3):
            before = workers(own)
            os.kill(master, signal.SIGHUP)
            until(lambda before=before: len(workers(own)) == 2 and not {*before} & {*workers(own)}, "No reload.")
            time.sleep(1)
    assert set(load.statuses) == {200}
    assert not load.failures
    assert len(load.statuses) > 20


def test_workers_that_are_renewed_by_age_or_number_lose_no_request(own: Stack) -> None:
    """As max-requests does it: the master is asked to renew one worker after the other."""
    before = workers(own)
    with under_load(own) as load:
        for pid in before:
            os.kill(pid, signal.SIGHUP)
            until(lambda pid=pid: pid not in workers(own) and len(workers(own)) == 2, "The worker was not renewed.")
    assert set(load.statuses) == {200}
    assert not load.failures


def test_a_worker_that_has_grown_too_large_is_renewed_when_it_has_answered(tmp_path: Path) -> None:
    with uwsgi_alone(tmp_path, "tests.stack.growing", "--processes=1", "--threads=4") as client:
        before = client.get("/").text
        time.sleep(1)
        assert client.get("/").text == before
        with ThreadPoolExecutor(2) as pool:
            slow = pool.submit(lambda: client.get("/slow/").text)
            time.sleep(0.2)
            assert client.get("/grow/").text == before
            assert slow.result() == before
        until(lambda: client.get("/").text != before, "The worker was not renewed.")
        assert "has grown to 3" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES"),
        ({"PORT": "0"}, "PORT"),
        ({"DRAIN_SECONDS": "abc"}, "DRAIN_SECONDS"),
    ],
)
def test_a_setting_that_makes_no_sense_ends_it_with_its_name(
    stack: Stack, tmp_path: Path, variables: dict[str, str], named: str
) -> None:
    environment = stack.variables | {"RUN_DIR": str(own_folder(tmp_path / "run"))} | variables
    process = run_entrypoint(tmp_path, environment)
    assert process.wait(timeout=30) == 1
    assert f"Configuration: {named} " in (tmp_path / "log").read_text()


def test_a_folder_that_cannot_be_written_to_ends_it(stack: Stack, tmp_path: Path) -> None:
    process = run_entrypoint(tmp_path, stack.variables | {"RUN_DIR": "/proc/nothing"})
    assert process.wait(timeout=30) == 1
    assert "Configuration: RUN_DIR: cannot write to the folder /proc/nothing." in (tmp_path / "log").read_text()


def test_uwsgi_that_ends_while_nginx_starts_ends_it(stack: Stack, tmp_path: Path) -> None:
    """Its statistics have no place to be, which it notices when the workers are there already."""
    variables = {"RUN_DIR": str(own_folder(tmp_path / "run")), "UWSGI_STATS": "nonsense", "PORT": str(free_port())}
    process = run_entrypoint(tmp_path, stack.variables | variables)
    assert process.wait(timeout=60) == 1


@pytest.mark.parametrize("seconds", [0.1, 0.6, 1.0, 1.3, 1.6, 2.0])
def test_stopping_while_it_starts_stops_it(stack: Stack, tmp_path: Path, seconds: float) -> None:
    variables = {"RUN_DIR": str(own_folder(tmp_path / "run")), "PORT": str(free_port())}
    process = run_entrypoint(tmp_path, stack.variables | variables)
    time.sleep(seconds)
    process.terminate()
    assert process.wait(timeout=60) in (0, -signal.SIGTERM)  # the latter before it has set its trap


def test_a_port_that_is_taken_ends_it(stack: Stack, tmp_path: Path) -> None:
    process = run_entrypoint(tmp_path, stack.variables | {"RUN_DIR": str(own_folder(tmp_path / "run"))})
    assert process.wait(timeout=60) == 1
    assert "Address already in use" in (tmp_path / "log").read_text()


def test_the_statistics_are_off_unless_they_are_asked_for(stack: Stack, own: Stack) -> None:
    assert not [line for line in stack.lines() if "stats" in line.get("message", "").lower()]


def test_its_own_commands_are_those_of_manage_py(stack: Stack) -> None:
    command = ["config/entrypoint.sh", "check", "--deploy"]
    result = subprocess.run(command, cwd=ROOT, env=stack.variables, capture_output=True, text=True)
    assert "System check identified" in result.stdout + result.stderr
