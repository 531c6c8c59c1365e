"""A WSGI application that says how often it has been asked, behind the memory of answers; for uWSGI to load.

It takes as long as X-Seconds says, and answers with the Cache-Control that X-Cache-Control says.
"""

import time
from collections.abc import Iterable
from typing import Any

import uwsgi

from api.response_cache import ResponseCache

uwsgi.cache_set("asked", b"0", 0, "counts")


class Answer(list[bytes]):
    def close(self) -> None:
        """As Django's can be."""


def count(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    uwsgi.lock()
    asked = int(uwsgi.cache_get("asked", "counts")) + 1
    uwsgi.cache_update("asked", str(asked).encode(), 0, "counts")
    uwsgi.unlock()
    time.sleep(float(environ.get("HTTP_X_SECONDS", "0")))
    body = str(asked).encode() * int(environ.get("HTTP_X_TIMES", "1"))
    headers = [
        ("Cache-Control", environ.get("HTTP_X_CACHE_CONTROL", "no-cache")),
        ("Content-Length", str(len(body))),
        *[("Vary", vary) for vary in filter(None, [environ.get("HTTP_X_VARY")])],
        *[("Set-Cookie", cookie) for cookie in filter(None, [environ.get("HTTP_X_SET_COOKIE")])],
    ]
    start_response(environ.get("HTTP_X_STATUS", "200 OK"), headers)
    return Answer([body])


application = ResponseCache(count)
