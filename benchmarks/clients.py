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


def last_cursor(client: Client) -> str:
    """Of the last page of the list. The way there begins a few pages before it, at a time: a cursor is a place in the
    whole list, whatever the filter was when it was given."""
    oldest = json.loads(client.get("/snippets/?ordering=created&page_size=50"))["results"]
    page = json.loads(client.get("/snippets/?created_before=" + oldest[-1]["created"]))
    cursor = ""
    while page["next"]:
        cursor = urlsplit(page["next"]).query.partition("cursor=")[2].partition("&")[0]
        page = json.loads(client.get(f"/snippets/?cursor={cursor}"))
    return cursor


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
