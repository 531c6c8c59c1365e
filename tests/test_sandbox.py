"""The children that highlight: killed in time, never left behind, never mixed up."""

import ctypes
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from snippets import sandbox as module
from snippets.highlighting import Options, render
from snippets.pictures import ImageTooLarge
from snippets.sandbox import Outcome, Sandbox
from uploads.children import interpreter

ROOT = Path(__file__).resolve().parent.parent
PYTHON = Options("html", "python")
ENDLESS = ("<!--", Options("html", "mcschema"))

# The machine may be busy with other things.
PATIENCE = 0.5

HOSTILE = {
    "mcschema": "<!--",
    "pytb": '  File "a", line 1  File',
    "maple": '"' + " " * 26,
    "c": "x" + "\n" * 4096 + "x",
    "smithy": '"' + "a\n" * 40,
    "pawn": "/* */" * 40,
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(timeout=0.4, processes=1)
    yield made
    made.close()


def processes() -> dict[int, tuple[int, str]]:
    """The parent and the state (`Z` for a zombie) of every process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(path.parent.name)] = (int(parent), state)
    return found


def children(parent: int) -> set[int]:
    return {pid for pid, (its_parent, _) in processes().items() if its_parent == parent}


def is_gone(pid: int) -> bool:
    return processes().get(pid, (0, "Z"))[1] == "Z"


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def child_of(sandbox: Sandbox) -> int:
    """The one child, started by a first job."""
    before = children(os.getpid())
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE
    (pid,) = children(os.getpid()) - before
    return pid


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_job_is_highlighted_as_it_would_be_here(sandbox: Sandbox) -> None:
    for code in ("def f(): pass\n", "", "\ud800\x00\r\n\u6f22\U0001f600"):
        options = Options("html", "python", linenos=True, hl_lines=(1, 2), linenostart=7)
        assert sandbox.render(code, options) == (Outcome.DONE, render(code, options))


@pytest.mark.parametrize("format", ["svg", "png", "ansi", "ansi256", "latex", "rtf"])
def test_every_format_comes_out_of_the_sandbox(sandbox: Sandbox, format: str) -> None:
    options = Options(format, "python", style="monokai", linenos=True)
    assert sandbox.render("x = 1\n", options) == (Outcome.DONE, render("x = 1\n", options))


@pytest.mark.parametrize("language", HOSTILE)
def test_what_never_ends_is_ended_and_the_next_job_works(sandbox: Sandbox, language: str) -> None:
    child_of(sandbox)
    started = time.monotonic()
    assert sandbox.render(HOSTILE[language], Options("html", language)) == (Outcome.TIMEOUT, b"")
    assert time.monotonic() - started < 0.4 + PATIENCE
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE


def test_what_breaks_a_lexer_fails_and_the_next_job_works(sandbox: Sandbox) -> None:
    assert sandbox.render('"\\B(1)(', Options("html", "urbiscript")) == (Outcome.FAILED, b"")
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE


def test_a_child_stays_for_many_jobs(sandbox: Sandbox) -> None:
    pid = child_of(sandbox)
    for _ in range(20):
        assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE
    assert pid in children(os.getpid())


def test_a_child_that_does_not_read_is_not_waited_for(sandbox: Sandbox) -> None:
    os.kill(child_of(sandbox), signal.SIGSTOP)
    started = time.monotonic()
    # Much more than fits into a pipe.
    assert sandbox.render("x = 1\n" * 100_000, PYTHON) == (Outcome.TIMEOUT, b"")
    assert time.monotonic() - started < 0.4 + PATIENCE
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE


def test_a_child_that_was_killed_between_two_jobs_is_not_missed(sandbox: Sandbox) -> None:
    pid = child_of(sandbox)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: is_gone(pid), 1)
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE


def test_a_child_that_is_killed_during_a_job_fails_it() -> None:
    sandbox = Sandbox(timeout=10, processes=1)
    pid = child_of(sandbox)
    threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()
    started = time.monotonic()
    assert sandbox.render(*ENDLESS) == (Outcome.FAILED, b"")
    assert time.monotonic() - started < 0.2 + PATIENCE
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE
    sandbox.close()


def test_many_threads_get_their_own_answers() -> None:
    sandbox = Sandbox(timeout=5, processes=2, wait=20)
    before = children(os.getpid())
    most = 0

    def job(number: int) -> bool:
        nonlocal most
        code = f"x = {number}\n" * (number % 7 + 1)
        outcome, answer = sandbox.render(code, PYTHON)
        most = max(most, len(children(os.getpid()) - before))
        return outcome is Outcome.DONE and answer == render(code, PYTHON)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(job, range(150)))
    assert most == 2
    sandbox.close()
    assert children(os.getpid()) == before


def test_who_finds_no_child_free_is_told_so_soon() -> None:
    sandbox = Sandbox(timeout=0.6, processes=1, wait=0.1)
    child_of(sandbox)
    stuck = threading.Thread(target=sandbox.render, args=ENDLESS)
    stuck.start()
    time.sleep(0.05)
    started = time.monotonic()
    assert sandbox.render("x = 1\n", PYTHON) == (Outcome.BUSY, b"")
    assert time.monotonic() - started < 0.1 + PATIENCE
    stuck.join()
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE
    sandbox.close()


def test_twenty_timeouts_leave_no_zombies_and_no_open_files() -> None:
    sandbox = Sandbox(timeout=0.05, processes=1)
    before, files = children(os.getpid()), open_files()
    for _ in range(20):
        assert sandbox.render(*ENDLESS)[0] is Outcome.TIMEOUT
    assert children(os.getpid()) == before
    assert open_files() == files


def test_a_closed_sandbox_starts_again(sandbox: Sandbox) -> None:
    pid = child_of(sandbox)
    sandbox.close()
    assert is_gone(pid)
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE


def test_an_answer_that_is_too_large_is_a_failure(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER", 1000)
    assert sandbox.render("x\n" * 1000, PYTHON) == (Outcome.FAILED, b"")
    assert sandbox.render("x", PYTHON)[0] is Outcome.DONE


def test_a_picture_that_is_too_large_is_refused_without_a_child(sandbox: Sandbox) -> None:
    before = children(os.getpid())
    with pytest.raises(ImageTooLarge):
        sandbox.render("\n" * 501, Options("png", "python"))
    assert children(os.getpid()) == before


def test_a_child_has_nothing_to_lose(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    pid = child_of(sandbox)
    assert Path(f"/proc/{pid}/environ").read_bytes().strip(b"\0") == b""
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert os.getsid(pid) == pid
    limits = {
        resource.RLIMIT_AS: 512 * 1024 * 1024,
        resource.RLIMIT_NOFILE: 16,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    assert {limit: resource.prlimit(pid, limit)[1] for limit in limits} == limits


def test_the_log_tells_the_language_and_the_outcome_but_no_code(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        sandbox.render("<!-- hunter2", Options("html", "mcschema"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "mcschema" in caplog.text
    assert "timeout" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("prefix", [sys.prefix, "/nowhere"])
def test_a_server_that_embeds_python_is_not_taken_for_python(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = tmp_path / "uwsgi"
    server.touch(mode=0o700)
    monkeypatch.setattr(sys, "executable", str(server))
    monkeypatch.setattr(sys, "prefix", prefix)
    assert Path(interpreter()).name.startswith("python3")


def test_without_any_python_no_child_is_to_be_had_and_the_log_says_why(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("executable", "prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, "/nowhere")
    assert sandbox.render("x = 1\n", PYTHON) == (Outcome.BUSY, b"")
    assert "No python3" in caplog.text


def test_the_systems_python_finds_our_packages_by_our_paths(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    # As after a reload of a server that was started from a virtual environment.
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sys, "executable", "/usr/sbin/uwsgi")
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE


def in_fork(fork: Callable[[], int], work: Callable[[], bool]) -> bool:
    """Whether `work` is true in a forked process."""
    pid = fork()
    if pid == 0:
        result = 1
        # Who shares its parent's pipes may wait for ever.
        signal.alarm(10)
        try:
            result = 0 if work() else 1
        finally:
            os._exit(result)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


# The second is a fork that Python does not notice, as a server makes that is written in C.
@pytest.mark.parametrize("fork", [os.fork, ctypes.PyDLL(None).fork], ids=["Python's fork", "C's fork"])
def test_a_forked_process_has_children_of_its_own(fork: Callable[[], int]) -> None:
    sandbox = Sandbox(timeout=5, processes=1)
    pid = child_of(sandbox)

    def work() -> bool:
        mine = child_of(sandbox)
        sandbox.close()
        return mine != pid and is_gone(mine) and not is_gone(pid)

    assert in_fork(fork, work)
    assert sandbox.render("x = 1\n", PYTHON)[0] is Outcome.DONE
    assert pid in children(os.getpid())
    sandbox.close()


def test_a_forked_process_does_not_keep_its_parents_pipes(sandbox: Sandbox) -> None:
    files = open_files()
    child_of(sandbox)
    assert open_files() == files + 2
    # Fewer where other tests have left a sandbox of their own: its pipes are not kept either.
    assert in_fork(os.fork, lambda: open_files() <= files)


PARENT = """
import signal, sys, threading, time
from snippets.highlighting import Options
from snippets.sandbox import Sandbox

# Children inherit what their parent blocks.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
signal.signal(signal.SIGALRM, signal.SIG_IGN)
sandbox = Sandbox(timeout=0.5, processes=1)
sandbox.render("x = 1", Options("html", "python"))
language = sys.argv[1]
if language:
    code = {"mcschema": "<!--", "maple": '"' + " " * 40}[language]
    threading.Thread(target=sandbox.render, args=(code, Options("html", language))).start()
    time.sleep(0.1)
print("ready", flush=True)
time.sleep(60)
"""


# Maple's lexer is stuck within one call of C code, where Python handles no signal.
@pytest.mark.parametrize("language", ["", "mcschema", "maple"], ids=["idle", "in Python code", "in C code"])
def test_no_child_outlives_a_parent_that_is_killed(language: str) -> None:
    command = [sys.executable, "-c", PARENT, language]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        (pid,) = children(parent.pid)
        assert not is_gone(pid)
        parent.kill()
    # The deadline, the margin of the child's own alarm, and some time for a busy machine.
    assert eventually(lambda: is_gone(pid), (0.75 if language else 0) + 2 * PATIENCE)
