"""What wrk cannot do: many processes that write, requests of all kinds, a list followed to its end."""

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
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


def _write(contestant: Contestant, seconds: float) -> tuple[int, int]:
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


def write_at_once(contestant: Contestant, writers: int, seconds: float, count: Callable[[], int]) -> Written:
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


def follow_to_the_end(client: Client, page_size: int, cursor: str = "") -> str:
    """Follows `next` from the cursor, or from the first page; returns the cursor of the last page."""
    while True:
        page = json.loads(client.get(f"/snippets/?page_size={page_size}" + (f"&cursor={cursor}" if cursor else "")))
        if page["next"] is None:
            return cursor
        cursor = urlsplit(page["next"]).query.partition("cursor=")[2].partition("&")[0]


def ask_for_everything(client: Client, number: int, rows: int) -> None:
    """One request of each kind in turn, about one snippet after the other; the client shows a token."""
    ref = 1 + number // 10 % rows
    path = f"/snippets/{ref}/"
    kinds: list[Callable[[], object]] = [
        lambda: client.get(path),
        lambda: client.get(f"{path}raw/"),
        lambda: client.get(f"{path}highlight/"),
        lambda: client.get(f"{path}highlight.svg?linenos=true"),
        lambda: client.get("/snippets/"),
        lambda: client.get("/snippets/?include=code"),
        lambda: client.get("/snippets/?q=return&ordering=title"),
        lambda: client.get("/languages/"),
        lambda: client.make(f"print({number})\n" * 20),
        lambda: client.ask("PATCH", path, json.dumps({"title": f"Title {number}"}), JSON),
    ]
    kinds[number % len(kinds)]()
