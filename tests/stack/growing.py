"""A WSGI application that says which process it is, for uWSGI to load.

It takes a second at /slow/, and at /grow/ more memory than a worker may have.
"""

import os
import time
from collections.abc import Iterable
from typing import Any

import uwsgi

from config import renewal

renewal.PERIOD = 0.2
uwsgi.post_fork_hook = renewal.watch_in_background
held: list[bytes] = []


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/grow/":
        held.append(b"x" * (renewal.LARGEST + 1))
    if environ["PATH_INFO"] == "/slow/":
        time.sleep(1)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
