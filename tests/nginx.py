"""nginx for the tests: that it is there, and that neither it nor what it works with runs as root."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

STARTUP_SECONDS = 60
# Where the tests run as root, the servers do not: they may read what root may read (where Python is), and write nowhere
# but in their own folders.
NOBODY = 65534
READING = "-all,+dac_read_search"
LESS = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps={READING} --ambient-caps=+dac_read_search"
AS_ORDINARY_USER = f"{LESS} --bounding-set={READING}".split() if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def needs_nginx() -> None:
    missing = [name for name in ("nginx", "setpriv") if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
    if missing:
        pytest.skip(f"Not installed: {', '.join(missing)}.")


def own_folder(folder: Path) -> Path:
    """A new folder that belongs to whoever the servers run as."""
    folder.mkdir(parents=True)
    if AS_ORDINARY_USER:
        os.chown(folder, NOBODY, NOBODY)
    return folder


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"Nothing listens at port {port}.")
