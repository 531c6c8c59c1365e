"""What wrk cannot do: many processes that write, requests of all kinds, a list followed to its end."""

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from benchmarks.client import JSON, Client
from benchmarks.databases import Database
from benchmarks.measuring import Contestant


@dataclass(frozen=True)
class Written:
    """What became of the requests of all writers: made (201) a second, not made, and made but not there afterwards."""

    rate: float
    refused: int
    lost: int


def _write(contestant: Contestant, seconds: int) -> tuple[int, int]:
    """How many have been made, and how many have not."""
    client = Client(contestant.server.url, contestant.headers)
    made = refused = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            status, _ = client.ask("POST", contestant.path, contestant.body)
        except (OSError, HTTPException):
            client = Client(contestant.server.url, contestant.headers)
            status = 0
        made, refused = made + (status == 201), refused + (status != 201)
    return made, refused


def write_at_once(contestant: Contestant, writers: int, seconds: int, count: Callable[[], int]) -> Written:
    """Posts from so many processes at the same time. `count` counts the rows."""
    before = count()
    with multiprocessing.get_context("fork").Pool(writers) as pool:
        began = time.monotonic()
        results = pool.starmap(_write, [(contestant, seconds)] * writers, chunksize=1)
        passed = time.monotonic() - began
    made, refused = (sum(numbers) for numbers in zip(*results, strict=True))
    contestant.server.forget_log()
    return Written(made / passed, refused, made - (count() - before))


def rows_of(database: Database, url: str) -> Callable[[], int]:
    return lambda: database.count(url, "snippets_snippet")


def last_cursor(get: Callable[[str], bytes]) -> str:
    """Of the last page of the list, which is as long as the first. The way there begins a page before it, at a time: a
    cursor is a place in the whole list, whatever the filter was when it was given."""

    def page(query: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(get(f"/snippets/{query}"))
        return found

    size = len(page("")["results"])
    oldest = page(f"?ordering=created&page_size={2 * size + 1}")["results"]
    before = page("?created_before=" + oldest[-1]["created"])
    cursor = urlsplit(before["next"] or "").query.partition("cursor=")[2].partition("&")[0]
    last = page(f"?cursor={cursor}")
    end = [row["pk"] for row in reversed(oldest[:size])]
    if last["next"] or [row["pk"] for row in last["results"]] != end:
        raise SystemExit(f"The cursor {cursor!r} does not lead to the last {size} snippets.")
    return cursor


def ask_for_everything(writer: Client, anonymous: Client, number: int, rows: int) -> None:
    """One request of each kind in turn, about one snippet after the other.

    The writer shows a token. In every other turn somebody without one reads, whose answers alone are kept for others;
    nginx would let few of his writes through.
    """
    turn = number // 10  # of the ten kinds below
    reader = anonymous if turn % 2 else writer
    path = f"/snippets/{1 + turn % rows}/"
    kinds: list[Callable[[], object]] = [
        lambda: reader.get(path),
        lambda: reader.get(f"{path}raw/"),
        lambda: reader.get(f"{path}highlight/"),
        lambda: reader.get(f"{path}highlight.svg?linenos=true"),
        lambda: reader.get("/snippets/"),
        lambda: reader.get("/snippets/?include=code"),
        lambda: reader.get("/snippets/?q=return&ordering=title"),
        lambda: reader.get("/languages/"),
        lambda: writer.make(f"print({number})\n" * 20),
        lambda: writer.ask("PATCH", path, json.dumps({"title": f"Title {number}"}), JSON),
    ]
    kinds[number % len(kinds)]()
