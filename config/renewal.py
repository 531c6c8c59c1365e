"""Has uWSGI renew a worker that has grown too large.

uWSGI's own reload-on-rss reads the process's size from /proc after each request. An answer from memory takes not much
longer than that.
"""

import logging
import os
import signal
import threading
import time
from pathlib import Path

LARGEST = 300 * 1024 * 1024  # bytes
PERIOD = 10.0  # seconds

logger = logging.getLogger(__name__)
STATM = Path("/proc/self/statm")


def resident() -> int:
    """The bytes of memory that this process has at the moment."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watch() -> None:
    """Returns when the worker has been told to end: it answers what it has begun, and the master starts another."""
    while (size := resident()) <= LARGEST:
        time.sleep(PERIOD)
    logger.warning("Worker %d has grown to %d MiB, and is renewed.", os.getpid(), size >> 20)
    os.kill(os.getpid(), signal.SIGHUP)


def watch_in_background() -> None:
    if STATM.exists():  # on Linux
        threading.Thread(target=watch, name="renewal", daemon=True).start()
