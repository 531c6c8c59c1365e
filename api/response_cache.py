"""Answers that everybody may have, kept in uWSGI's shared memory: what many read is asked of Django once a second.

A WSGI middleware before Django. It is exact: whoever has changed a snippet never reads the old one from here, nor does
anybody who asks after him. Each entry belongs to a generation of its snippet, which is read before the database is, and
forgotten when a change has been committed: an answer that was made of the old row is stored under a name for which
nobody asks any more. The second is a part of the name too: what another instance has changed is seen within that time.

Without uWSGI there is no such memory, and nothing is kept.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from django.db import transaction

from api.request_id import HEADER, choose_request_id

try:
    import uwsgi
except ImportError:  # another server, or a command
    uwsgi = None

Environment = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
Application = Callable[[Environment, StartResponse], Iterable[bytes]]

NAME = "responses"  # of the memory, in config/uwsgi.ini
LARGEST = 256 * 1024  # bytes
LONGEST_KEY = 2000  # bytes; the memory takes 2048
KEEP = 2  # seconds, in which no more than one of them finds an entry
KEEP_GENERATION = 60  # seconds
PATIENCE = 2  # seconds
PAUSE = 0.002  # seconds

SNIPPET = re.compile(r"/snippets/([1-9][0-9]{0,17})(?:/|/raw/?|/highlight(?:\.[a-z0-9]+)?/?)?")
SHARED = "no-cache"  # the Cache-Control of what everybody may have
# What an answer may depend on: the first are a part of its name, with any of the others it is not taken from here.
NAMING = ("wsgi.url_scheme", "HTTPS", "HTTP_HOST", "REQUEST_URI", "HTTP_IF_NONE_MATCH", "HTTP_ACCEPT")
OF_ONE_VISITOR = (
    *("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_EDIT_KEY", "HTTP_ORIGIN", "HTTP_RANGE", "HTTP_IF_RANGE"),
    *("HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE"),
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SSL"),
    *("HTTP_TRANSFER_ENCODING", "CONTENT_TYPE"),
)


def forget(snippet: int) -> None:
    """Whoever asks after the transaction under way sees what it has changed."""
    if uwsgi is not None:
        transaction.on_commit(lambda: uwsgi.cache_del(_generation_key(snippet), NAME))


class ResponseCache:
    """Gives what is kept, and keeps what `application` answers, where everybody may have it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        key = _key(environ)
        if key is None:
            return self.application(environ, start_response)
        found = uwsgi.cache_get(key, NAME) or _wait_for_who_asks(key)
        if found:
            return _give(found, environ, start_response)
        try:
            return self._ask(key, environ, start_response)
        finally:
            uwsgi.cache_del(_asking(key), NAME)

    def _ask(self, key: str, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        said: list[tuple[str, Headers]] = []

        def note(status: str, headers: Headers, *more: Any) -> Any:
            said.append((status, headers))
            return start_response(status, headers, *more)

        answer = self.application(environ, note)
        status, headers = said[-1]
        if not _may_be_kept(status, headers):
            return answer
        with closing(answer):  # type: ignore[type-var] # Django's can be closed
            body = b"".join(answer)
        if len(body) <= LARGEST:
            uwsgi.cache_set(key, _to_bytes(status, headers, body), KEEP, NAME)
        return [body]


def _key(environ: Environment) -> str | None:
    """The name of the answer, where it may be shared."""
    snippet = _snippet_of(environ) if uwsgi is not None else None
    generation = _generation(snippet) if snippet is not None else None
    if generation is None:
        return None
    key = "\n".join((generation, str(int(time.time())), *(environ.get(name, "") for name in NAMING)))
    return key if len(key.encode("latin-1", "replace")) <= LONGEST_KEY else None


def _snippet_of(environ: Environment) -> int | None:
    """The number of the snippet whose answer may be shared, where the request asks for one like everybody else."""
    if environ["REQUEST_METHOD"] != "GET" or any(environ.get(name) for name in OF_ONE_VISITOR):
        return None
    if environ.get("CONTENT_LENGTH", "") not in ("", "0"):
        return None
    found = SNIPPET.fullmatch(environ.get("PATH_INFO", ""))
    return int(found[1]) if found else None


def _generation_key(snippet: int) -> str:
    return f"generation {snippet}"


def _generation(snippet: int) -> str | None:
    """The present one, which is made where there is none; none has ever been there before. None: the memory is full."""
    key = _generation_key(snippet)
    found = uwsgi.cache_get(key, NAME)
    if found is None:
        # Where another process sets one at this moment, that one holds.
        uwsgi.cache_set(key, secrets.token_hex(8).encode(), KEEP_GENERATION, NAME)
        found = uwsgi.cache_get(key, NAME)
    return found.decode() if found else None


def _asking(key: str) -> str:
    return f"asking {key}"


def _wait_for_who_asks(key: str) -> bytes | None:
    """What another thread or process is having made at this moment; None where nobody is, and from now on we are."""
    if uwsgi.cache_set(_asking(key), b"1", PATIENCE, NAME):
        return None
    until = time.monotonic() + PATIENCE
    while uwsgi.cache_exists(_asking(key), NAME) and time.monotonic() < until:
        time.sleep(PAUSE)
    found: bytes | None = uwsgi.cache_get(key, NAME)
    return found


def _may_be_kept(status: str, headers: Headers) -> bool:
    said = {name.lower(): value for name, value in headers}
    varies = {"HTTP_" + name.upper().replace("-", "_") for name in re.findall(r"[^\s,]+", said.get("vary", ""))}
    return (
        status.startswith(("200 ", "304 "))
        and said.get("cache-control") == SHARED
        and "set-cookie" not in said
        and varies <= {*NAMING, *OF_ONE_VISITOR}
    )


def _to_bytes(status: str, headers: Headers, body: bytes) -> bytes:
    """As HTTP writes it, without what belongs to one request."""
    lines = [status, *(f"{name}: {value}" for name, value in headers if name.lower() != HEADER.lower())]
    return "\n".join(lines).encode("latin-1") + b"\n\n" + body


def _give(found: bytes, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
    head, _, body = found.partition(b"\n\n")
    status, *lines = head.decode("latin-1").split("\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    start_response(status, [*headers, (HEADER, choose_request_id(environ.get("HTTP_X_REQUEST_ID", "")))])
    return [body]
