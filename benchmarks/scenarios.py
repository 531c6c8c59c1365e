"""What is measured, on one database: groups that `make bench ONLY=...` may choose from."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import clients, corpus, databases, goals, processes, servers
from benchmarks.client import Client
from benchmarks.databases import Database, Filled
from benchmarks.goals import Spread, Verdict
from benchmarks.measuring import Contestant, Sample, compare, in_turn
from benchmarks.servers import Server
from tests.nginx import own_folder

Samples = dict[str, list[Sample]]
WRITERS = 32
DEFAULTS = "default settings"


@dataclass(frozen=True)
class Options:
    """How long, how often, how much; the size is that of a snippet's code, in bytes."""

    rounds: int
    seconds: int
    rows: int
    small_rows: int
    requests: int
    size: int = 1024
    large_size: int = 256


@dataclass
class Bench:
    """The servers that are compared on one database, by name, and what has been measured."""

    options: Options
    database: Database
    folder: Path
    kept: Path
    static: Path
    small: Filled
    servers: dict[str, Server]
    textbook_url: str
    textbook_token: str
    samples: dict[str, Samples] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.small.token}"}

    def at(self, name: str, server: str, path: str, **more: object) -> Contestant:
        return Contestant(name, self.servers[server], path, pids=self.database.pids, **more)  # type: ignore[arg-type]

    def compare(self, group: str, contestants: list[Contestant]) -> Samples:
        options = self.options
        self.samples[group] = compare(contestants, options.rounds, options.seconds)
        return self.samples[group]

    def judge(self, what: str, values: list[float], kind: str, limit: float | None, unit: str = "") -> None:
        self.verdicts.append(Verdict(what, Spread.of(values), kind, limit, unit))  # type: ignore[arg-type]

    @contextmanager
    def large(self) -> Iterator[tuple[Server, Filled]]:
        options, folder = self.options, self.folder / "large"
        with (
            databases.large(self.database, folder, self.kept, options.rows, options.large_size) as filled,
            servers.service(
                folder, DATABASE_URL=filled.url, STATIC_ROOT=str(self.static), RESPONSE_CACHE="false"
            ) as server,
        ):
            yield server, filled


def _rates(samples: Samples) -> dict[str, list[float]]:
    return {name: [it.rate for it in runs] for name, runs in samples.items()}


def _compare_and_judge(bench: Bench, group: str, contestants: list[Contestant]) -> None:
    rates = _rates(bench.compare(group, contestants))
    bench.verdicts += [ratio.verdict(group, rates, bench.database.name) for ratio in goals.RATIOS[group]]


def _reading(bench: Bench, path: str, textbook_path: str) -> list[Contestant]:
    """The address warm and cold, and all yardsticks for it."""
    return [
        bench.at("warm", "warm", path),
        bench.at("cold", "cold", path),
        bench.at("limit", "limit", f"/limit{path.rstrip('/')}"),
        *(bench.at(name, name, path) for name in ("uwsgi", "django")),
        bench.at("textbook", "textbook", textbook_path),
    ]


def read_json(bench: Bench) -> None:
    path = "/snippets/1/"
    also = [bench.at("token", "warm", path, headers=bench.token)]
    for name in ("warm", "cold"):
        have = {"If-None-Match": Client(bench.servers[name].url).header(path, "ETag")}
        also.append(bench.at(f"304 {name}", name, path, headers=have, status=304))
    _compare_and_judge(bench, "json", _reading(bench, path, path) + also)


def read_raw(bench: Bench) -> None:
    """The textbook has no such address: whoever wants the code there reads the JSON."""
    _compare_and_judge(bench, "raw", _reading(bench, "/snippets/1/raw/", "/snippets/1/"))


def read_highlight(bench: Bench) -> None:
    path = "/snippets/1/highlight/"
    _compare_and_judge(bench, "highlight", _reading(bench, path, path))


def read_list(bench: Bench) -> None:
    path = "/snippets/?include=code"  # the textbook's rows have their code
    contestants = [
        *(bench.at(name, name, path) for name in ("warm", "cold")),
        bench.at("textbook", "textbook", "/snippets/"),
    ]
    _compare_and_judge(bench, "list", contestants)


def _writing(bench: Bench) -> list[Contestant]:
    (snippet,) = corpus.snippets(1, bench.options.size)
    body, kind = json.dumps(snippet), {"Content-Type": "application/json"}
    textbook = kind | {"Authorization": f"Token {bench.textbook_token}"}
    return [
        bench.at("post", "warm", "/snippets/", body=body, headers=kind | bench.token, status=201),
        bench.at("textbook", "textbook", "/snippets/", body=body, headers=textbook, status=201),
    ]


def post(bench: Bench) -> None:
    _compare_and_judge(bench, "post", _writing(bench))


def write_at_once(bench: Bench) -> None:
    """Many processes that write: how fast, how many are refused, and whether all that was confirmed is there."""
    with _by_default(bench) as defaults:
        contestants, urls = _writing(bench), {"post": bench.small.url, "textbook": bench.textbook_url}
        if defaults:
            server, filled = defaults
            headers = contestants[0].headers | {"Authorization": f"Bearer {filled.token}"}
            contestants.append(replace(contestants[0], name=DEFAULTS, server=server, headers=headers))
            urls[DEFAULTS] = filled.url
        written: dict[str, list[clients.Written]] = {name: [] for name in urls}
        for contestant in in_turn(contestants, bench.options.rounds):
            count = clients.rows_of(bench.database, urls[contestant.name])
            written[contestant.name].append(clients.write_at_once(contestant, WRITERS, bench.options.seconds, count))
    title = f"{WRITERS} writers"
    ours = written.pop("post")
    bench.judge(f"{title}: refused", [it.refused for it in ours], "<=", 0)
    bench.judge(f"{title}: lost", [it.lost for it in ours], "<=", 0)
    bench.judge(f"{title}: rate", [it.rate for it in ours], ">=", None, "/s")
    for name, others in written.items():
        ratios = [one.rate / max(0.1, other.rate) for one, other in zip(ours, others, strict=True)]
        bench.judge(f"{title}: {name}, refused", [it.refused for it in others], "<=", None)
        bench.judge(f"{title}: rate / {name}", ratios, ">=", goals.WRITING_RATE if name == DEFAULTS else None)


@contextmanager
def _by_default(bench: Bench) -> Iterator[tuple[Server, Filled] | None]:
    """The service on SQLite as Django opens it where nobody says how; None on another database."""
    if bench.database.name != "SQLite":
        yield None
        return
    folder, options, settings = own_folder(bench.folder / "defaults"), bench.options, "benchmarks.default_sqlite"
    with bench.database.fresh(folder) as url:
        filled = databases.fill(url, folder, options.small_rows, options.size, settings)
        variables = {"DATABASE_URL": url, "STATIC_ROOT": str(bench.static), "DJANGO_SETTINGS_MODULE": settings}
        with servers.service(folder, **variables) as server:
            yield server, filled


def highlight_again(bench: Bench) -> None:
    """Code that nobody has highlighted before, and the same address at once again: warm, that is mostly within the
    second for which an answer is kept; cold, it is made anew of the code that has been highlighted. And the address of
    another snippet that has the same code."""
    again: dict[str, list[float]] = {"warm": [], "cold": []}
    elsewhere = []
    for _ in range(bench.options.rounds):
        for name, ratios in again.items():
            first, second, other = _highlighting(bench, bench.servers[name])
            ratios.append(first / second)
            if name == "cold":
                elsewhere.append(first / other)
    for name, ratios in again.items():
        bench.judge(f"highlight: first time / at once again, {name}", ratios, ">=", goals.SECOND_HIGHLIGHT)
    bench.judge("highlight: first time / same code in another snippet, cold", elsewhere, ">=", None)


def _highlighting(bench: Bench, server: Server) -> tuple[float, float, float]:
    """Milliseconds for code that is new to all servers, which share what they have highlighted: the first time, the
    second, and in another snippet. Medians."""
    writer, reader = Client(server.url, bench.token), Client(server.url)
    codes = [f"# {time.time_ns()}\n{it['code']}" for it in corpus.snippets(20, bench.options.size)]
    made = [(writer.make(code), writer.make(code)) for code in codes]
    asked = [[_milliseconds(reader, pk) for pk in (one, one, other)] for one, other in made]
    first, second, elsewhere = (statistics.median(times) for times in zip(*asked, strict=True))
    return first, second, elsewhere


def _milliseconds(client: Client, pk: int) -> float:
    began = time.perf_counter()
    client.get(f"/snippets/{pk}/highlight/")
    return 1000 * (time.perf_counter() - began)


def read_deep(bench: Bench) -> None:
    """The first page, and the last one, where the cursors lead."""
    with bench.large() as (server, filled):
        client = Client(server.url)
        addresses = {"first page": "/snippets/", "last page": f"/snippets/?cursor={clients.last_cursor(client.get)}"}
        lengths = {name: len(json.loads(client.get(path))["results"]) for name, path in addresses.items()}
        if len(set(lengths.values())) > 1:
            raise SystemExit(f"Pages of different lengths cannot be compared: {lengths}")
        contestants = [
            Contestant(name, server, path, connections=1, pids=bench.database.pids) for name, path in addresses.items()
        ]
        samples = bench.compare("deep", contestants)
    pairs = zip(samples["last page"], samples["first page"], strict=True)
    what = f"last page / first page of {filled.rows:,} rows"
    bench.judge(what, [last.p50 / first.p50 for last, first in pairs], "<=", goals.LAST_PAGE)


def search(bench: Bench) -> None:
    """For a word that every snippet has, one of a thousand, and none; one request at a time."""
    words = {"common": corpus.COMMON, "rare": corpus.RARE, "absent": corpus.ABSENT}
    with bench.large() as (server, filled):
        found = [
            Contestant(f"{name} word", server, f"/snippets/?q={word}", connections=1, pids=bench.database.pids)
            for name, word in words.items()
        ]
        samples = bench.compare("search", found)
    for name in words:
        limit = goals.SEARCH if name != "rare" else None
        what = f"search for a word, {name}, in {filled.rows:,} rows"
        bench.judge(what, [it.p50 for it in samples[f"{name} word"]], "<=", limit, "ms")


def memory(bench: Bench) -> None:
    """Of a single worker, while it answers requests of all kinds: after a hundred, and the most that it ever has.

    uWSGI renews none after so few requests. Were one renewed for its size, what it had before would count.
    """
    alone = {"UWSGI_PROCESSES": "1", "STATIC_ROOT": str(bench.static)}
    with servers.service(bench.folder / "memory", DATABASE_URL=bench.small.url, **alone) as server:
        writer, anonymous = Client(server.url, bench.token), Client(server.url)
        resident = []
        for number in range(bench.options.requests):
            clients.ask_for_everything(writer, anonymous, number, bench.small.rows)
            if number % 100 == 99:
                resident += [processes.own_memory(pid) for pid in processes.workers(server.pid)]
    title = f"memory of a worker in {bench.options.requests:,} requests"
    bench.judge(f"{title} / after 100", [max(resident) / resident[0]], "<=", goals.MEMORY_GROWTH)
    bench.judge(title, [max(resident)], "<=", goals.MEMORY, "MB")


# In this order: what writes comes after what only reads.
GROUPS: dict[str, Callable[[Bench], None]] = {
    "json": read_json,
    "raw": read_raw,
    "highlight": read_highlight,
    "list": read_list,
    "post": post,
    "again": highlight_again,
    "writers": write_at_once,
    "memory": memory,
    "deep": read_deep,
    "search": search,
}
LARGE = ("deep", "search")  # which need many rows
