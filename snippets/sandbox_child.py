"""The program of a sandbox's children: `sandbox_child.py <import paths as JSON> <seconds for a job>`.

Nothing is caught here. What goes wrong in a job ends the child: its parent sees that, and starts another one.
"""

import contextlib
import json
import os
import resource
import signal
import struct
import sys
from typing import BinaryIO

LENGTH = struct.Struct(">I")
READY = b"ready"

LIMITS = (
    (resource.RLIMIT_AS, 512 * 1024 * 1024),
    (resource.RLIMIT_NOFILE, 16),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_CORE, 0),
)


def main(paths: list[str], seconds: float) -> None:
    sys.path[:] = paths
    _limit()
    # Only now can it be found.
    from snippets.jobs import do

    requests, answers = _channels()
    _answer(answers, READY)
    while (request := _next(requests)) is not None:
        # For the case that the parent is killed during a job: else the parent is faster. The default action of
        # the alarm ends the process even in the midst of C code. The kernel's own signal for a parent's death,
        # PR_SET_PDEATHSIG, comes already when the thread ends that started this process.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        head, _, text = request.partition(b"\n")
        _answer(answers, do(json.loads(head), text.decode("utf-8", "surrogatepass")))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit() -> None:
    for limit, value in LIMITS:
        # Not every platform has each of them; above a limit that is stricter already it cannot be set.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    # Whoever started the parent may have had signals ignored or blocked, and both are inherited.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _channels() -> tuple[BinaryIO, BinaryIO]:
    """Where requests come from and answers go to; a lexer that prints reaches neither."""
    requests = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, sys.stdin.fileno())
    os.dup2(nothing, sys.stdout.fileno())
    return requests, answers


def _next(requests: BinaryIO) -> bytes | None:
    """The next frame, or None where the parent is gone."""
    head = requests.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = requests.read(length)
    return body if len(body) == length else None


def _answer(answers: BinaryIO, payload: bytes) -> None:
    answers.write(LENGTH.pack(len(payload)) + payload)
    answers.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), float(sys.argv[2]))
