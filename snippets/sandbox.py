"""Highlighting and comparing in child processes that are killed at a deadline: nothing less stops a lexer.

A child stays for many jobs and has one at a time. Requests and answers are frames over its standard input and
output: four bytes of length, big endian, and so many bytes.
"""

import json
import logging
import os
import queue
import select
import subprocess
import threading
import time
import weakref
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, cast

from snippets.highlighting import Options
from snippets.pictures import check_image_size
from snippets.sandbox_child import LENGTH, READY
from uploads.children import command

logger = logging.getLogger(__name__)

STARTUP_SECONDS = 5.0
# How much later than the deadline the child's own alarm is, for when nobody is left to kill it.
ALARM_MARGIN = 0.25
MAX_ANSWER = 32 * 1024 * 1024

_CHUNK = 64 * 1024
_PROGRAM = Path(__file__).resolve().with_name("sandbox_child.py")


class Outcome(StrEnum):
    """How a job ended: `timeout` and `failed` by its own doing, `busy` because no child was to be had."""

    DONE = "done"
    TIMEOUT = "timeout"
    FAILED = "failed"
    BUSY = "busy"


class Sandbox:
    """Up to `processes` children, started when first needed, shared by the threads of one process.

    A job gets `timeout` seconds, and waits up to `wait` seconds for a child that has none.
    """

    def __init__(self, timeout: float, processes: int, wait: float = 0.4) -> None:
        self._timeout = timeout
        self._processes = processes
        self._wait = wait
        self._lock = threading.Lock()
        self._start_afresh()
        _sandboxes.add(self)

    def render(self, code: str, options: Options) -> tuple[Outcome, bytes]:
        """The rendering, or no bytes and the reason. Raises ImageTooLarge without asking a child."""
        if options.format == "png":
            check_image_size(code)
        outcome, answer = self._run(_frame(asdict(options), code))
        if outcome is not Outcome.DONE:
            logger.warning("Highlighting %s as %s: %s", options.language, options.format, outcome)
        return outcome, answer

    def compare(self, old: str, new: str) -> tuple[Outcome, bytes]:
        """The blocks that differ, as JSON, or no bytes and the reason."""
        outcome, answer = self._run(_frame({"old": len(old)}, old + new))
        if outcome is not Outcome.DONE:
            logger.warning("Comparing: %s", outcome)
        return outcome, answer

    def close(self) -> None:
        """Ends the children, once they have done their jobs. A later job starts new ones."""
        idle = self._idle_here()
        # One at a time, as two would wait for what the other one has.
        with self._lock:
            for worker in [idle.get() for _ in range(self._processes)]:
                worker.stop()
                idle.put(worker)

    def _run(self, request: bytes) -> tuple[Outcome, bytes]:
        idle = self._idle_here()
        try:
            worker = idle.get(timeout=self._wait)
        except queue.Empty:
            return Outcome.BUSY, b""
        try:
            return worker.run(request)
        finally:
            idle.put(worker)

    def _idle_here(self) -> "queue.LifoQueue[_Worker]":
        # Python's hook for forks is not called by a server that forks in C, as uWSGI does.
        with self._lock:
            if self._pid != os.getpid():
                self._forget()
            return self._idle

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._workers = [_Worker(self._timeout) for _ in range(self._processes)]
        # Last in, first out: as long as one child is enough, no second one is started.
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def _forget(self) -> None:
        """In a forked process: the children, and the pipes to them, are those of the process that started them."""
        for worker in self._workers:
            worker.forget()
        self._start_afresh()

    def after_fork(self) -> None:
        # Another thread of the parent may have held the lock, and is not here to release it.
        self._lock = threading.Lock()
        self._forget()


_sandboxes: "weakref.WeakSet[Sandbox]" = weakref.WeakSet()


def _after_fork() -> None:
    for sandbox in _sandboxes:
        sandbox.after_fork()


os.register_at_fork(after_in_child=_after_fork)


class _Worker:
    """A place for one child, which is started when a job finds none alive."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._child: _Child | None = None

    def run(self, request: bytes) -> tuple[Outcome, bytes]:
        clean = False
        try:
            child = self._living()
            if child is None:
                return Outcome.BUSY, b""
            answer = child.answer(request, self._timeout)
            clean = True
        except TimeoutError:
            return Outcome.TIMEOUT, b""
        except (OSError, EOFError):
            return Outcome.FAILED, b""
        finally:
            # Whatever broke off the exchange: the next job must not get the answer to this one.
            if not clean:
                self.stop()
        return Outcome.DONE, answer

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None

    def forget(self) -> None:
        if self._child is not None:
            self._child.forget()
            self._child = None

    def _living(self) -> "_Child | None":
        if self._child is None or not self._child.is_alive():
            self.stop()
            try:
                self._child = _Child(self._timeout + ALARM_MARGIN)
                self._child.greet()
            except (OSError, EOFError) as error:
                # Nothing that the job could be blamed for.
                logger.error("No child could be started: %r", error)
                return None
        return self._child


class _Child:
    """A process that runs sandbox_child.py, and the frames to and from it, each with a deadline."""

    def __init__(self, alarm: float) -> None:
        # Nothing in the command comes from a user.
        self._process = subprocess.Popen(  # noqa: S603
            [*command(_PROGRAM), str(alarm)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A traceback may quote the code, which is nobody's business.
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={},
            # Ctrl-C in a terminal goes to everybody in the group: the parent decides when its children end.
            start_new_session=True,
        )
        self._requests = cast(IO[bytes], self._process.stdin).fileno()
        self._answers = cast(IO[bytes], self._process.stdout).fileno()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._answers, False)

    def greet(self) -> None:
        if self._receive(time.monotonic() + STARTUP_SECONDS) != READY:
            raise EOFError("The child is not what it should be")

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def answer(self, request: bytes, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        self._send(request, deadline)
        return self._receive(deadline)

    def kill(self) -> None:
        # Leaving the block closes the pipes and waits for the end.
        with self._process:
            self._process.kill()

    def forget(self) -> None:
        """In a forked process: an open pipe would keep a child waiting whose parent has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            cast(IO[bytes], pipe).close()
        # Not a child of this process, as the object learns from this.
        self._process.poll()

    def _send(self, payload: bytes, deadline: float) -> None:
        rest = memoryview(LENGTH.pack(len(payload)) + payload)
        while rest:
            _await(self._requests, select.POLLOUT, deadline)
            rest = rest[os.write(self._requests, rest) :]

    def _receive(self, deadline: float) -> bytes:
        (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline))
        if length > MAX_ANSWER:
            raise EOFError("The answer is larger than any answer should be")
        return self._read(length, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            _await(self._answers, select.POLLIN, deadline)
            chunk = os.read(self._answers, min(_CHUNK, size - len(data)))
            if not chunk:
                raise EOFError("The child ended")
            data += chunk
        return bytes(data)


def _await(descriptor: int, event: int, deadline: float) -> None:
    # poll() and not select(), which knows no descriptor above 1023.
    poller = select.poll()
    poller.register(descriptor, event)
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not poller.poll(remaining * 1000):
        raise TimeoutError


def _frame(head: dict[str, Any], text: str) -> bytes:
    return json.dumps(head).encode() + b"\n" + text.encode("utf-8", "surrogatepass")
