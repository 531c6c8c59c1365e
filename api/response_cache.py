"""Answers that everybody may have, kept in uWSGI's shared memory: what many read is asked of Django once a second.

A WSGI middleware before Django. It is exact: whoever has changed a snippet never reads the old one from here, nor does
anybody who asks after him. Each entry belongs to a generation, of its snippet or of all lists, and to everything's.
They are read before the database is, and replaced when a change has been committed: an answer that was made of the old
row is stored under a name for which nobody asks any more. The second is a part of the name too: what another instance
has changed is seen within that time.

Each process also has what it has given in this second, under the same names, at hand: to ask uWSGI for it takes longer
than all the rest, since the threads take turns for that.

Without uWSGI there is no such memory, and nothing is kept.
"""

import mmap
import re
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import lru_cache
from typing import Any

from django.db import transaction

from api.request_id import HEADER, choose_request_id

try:
    import uwsgi
except ImportError:  # another server, or a command
    uwsgi = None

Environment = dict[str, Any]
Headers = list[tuple[str, str]]
Answer = tuple[str, Headers, bytes]
Name = tuple[Any, ...]  # of an answer: the place, its generation and that of everything, the second, what NAMING names
StartResponse = Callable[..., Any]
Application = Callable[[Environment, StartResponse], Iterable[bytes]]

NAME = "responses"  # of the memory, in config/uwsgi.ini
LARGEST = 512 * 1024  # bytes
LONGEST_KEY = 2000  # bytes; the memory takes 2048
KEEP = 2  # seconds, in which no more than one of them finds an entry: what changes by itself before must not be kept
AT_HAND = 50  # answers in each process
LARGEST_AT_HAND = 64 * 1024  # bytes
PATIENCE = 2  # seconds
PAUSE = 0.002  # seconds

SHARED_PATH = re.compile(r"/snippets(?:/([1-9][0-9]{0,17})(?:/raw|/highlight(?:\.[a-z0-9]+)?)?)?/?")
SHARED = "no-cache"  # the Cache-Control of what everybody may have
# What an answer may depend on: the first are a part of its name, with any of the others it is not taken from here.
NAMING = ("wsgi.url_scheme", "HTTPS", "HTTP_HOST", "REQUEST_URI", "HTTP_IF_NONE_MATCH", "HTTP_ACCEPT")
OF_ONE_VISITOR = (
    *("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_EDIT_KEY", "HTTP_ORIGIN", "HTTP_RANGE", "HTTP_IF_RANGE"),
    *("HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE"),
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SSL"),
    *("HTTP_TRANSFER_ENCODING", "CONTENT_TYPE"),
)


class Generations:
    """Of every snippet, of all lists, and of everything. Several snippets share one, and are forgotten together.

    They lie in memory that all processes share, which are forked after this has been made.
    """

    length = 8  # bytes
    snippets = 64 * 1024
    lists = snippets
    everything = snippets + 1

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, (self.snippets + 2) * self.length)

    def of(self, place: int) -> bytes:
        start = place * self.length
        return self._memory[start : start + self.length]

    def renew(self, place: int) -> None:
        """Not by counting: of two who count at once, both could arrive at the same."""
        start = place * self.length
        self._memory[start : start + self.length] = secrets.token_bytes(self.length)


generations = Generations()


def forget(*snippets: int) -> None:
    """Whoever asks after the transaction under way sees what it has changed of them."""
    if uwsgi is not None:
        transaction.on_commit(lambda: _renew(snippets))


def forget_all() -> None:
    """The same for a change that shows in the answers of any snippets."""
    if uwsgi is not None:
        transaction.on_commit(lambda: generations.renew(Generations.everything))


def _renew(snippets: Iterable[int]) -> None:
    for snippet in snippets:
        generations.renew(snippet % Generations.snippets)
    generations.renew(Generations.lists)


class ResponseCache:
    """Gives what is kept, and keeps what `application` answers, where everybody may have it."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._second, self._at_hand = 0, dict[Name, Answer]()

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        place = _place_of(environ) if uwsgi is not None else None
        if place is None:
            return self.application(environ, start_response)
        second = int(time.time())
        of_all = generations.of(Generations.everything)
        name = (place, generations.of(place), of_all, second, *map(environ.get, NAMING))
        at_hand = self._given_in(second)
        answer = at_hand.get(name)
        if answer is not None:
            return _give(answer, environ, start_response)
        key = _key(name)
        if len(key.encode()) > LONGEST_KEY:
            return self.application(environ, start_response)
        found = uwsgi.cache_get(key, NAME) or _wait_for_who_asks(key)
        if found:
            answer = _from_bytes(found)
            if len(found) <= LARGEST_AT_HAND:
                at_hand[name] = answer
            return _give(answer, environ, start_response)
        try:
            return self._ask(key, environ, start_response)
        finally:
            uwsgi.cache_del(_asking(key), NAME)

    def _given_in(self, second: int) -> dict[Name, Answer]:
        """Of others nobody reads in it, whichever thread has emptied it when."""
        if second != self._second or len(self._at_hand) >= AT_HAND:
            self._second, self._at_hand = second, {}
        return self._at_hand

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


def _place_of(environ: Environment) -> int | None:
    """The place of the answer's generation, where the request asks like everybody else for what may be shared."""
    if environ["REQUEST_METHOD"] != "GET" or any(map(environ.get, OF_ONE_VISITOR)):
        return None
    if environ.get("CONTENT_LENGTH", "") not in ("", "0"):
        return None
    return _place_at(environ.get("PATH_INFO", ""))


@lru_cache
def _place_at(path: str) -> int | None:
    found = SHARED_PATH.fullmatch(path)
    if not found:
        return None
    return int(found[1]) % Generations.snippets if found[1] else Generations.lists


def _key(name: Name) -> str:
    """As uWSGI takes it; in a header, a line's end can be no part of a value."""
    place, generation, of_all, *others = name
    return "\n".join([f"{place} {generation.hex()} {of_all.hex()}", *("" if it is None else str(it) for it in others)])


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


def _from_bytes(found: bytes) -> Answer:
    head, _, body = found.partition(b"\n\n")
    status, *lines = head.decode("latin-1").split("\n")
    return status, [(name, value) for name, _, value in (line.partition(": ") for line in lines)], body


def _give(answer: Answer, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
    status, headers, body = answer
    start_response(status, [*headers, (HEADER, choose_request_id(environ.get("HTTP_X_REQUEST_ID", "")))])
    return [body]
