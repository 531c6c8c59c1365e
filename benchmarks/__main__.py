"""`make bench`: starts everything that is compared, asks all of it in turn, and says which goals are met."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import databases, report, servers, yardsticks
from benchmarks.databases import Database
from benchmarks.report import Results
from benchmarks.scenarios import GROUPS, LARGE, Bench, Options
from benchmarks.servers import ROOT
from tests.nginx import own_folder

RESULTS = ROOT / "benchmarks" / "results"
KEPT = ROOT / "var" / "bench"
DATABASES = ("sqlite", "postgresql")
PATHS = ["/snippets/1/", "/snippets/1/raw/", "/snippets/1/highlight/"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each run of wrk")
    parser.add_argument("--rows", type=int, default=1_000_000, help="in the large database; 0 leaves it out")
    parser.add_argument("--small-rows", type=int, default=1000, help="in all others")
    parser.add_argument("--requests", type=int, default=10_000, help="after which the memory is looked at")
    parser.add_argument("--only", default="", help=f"some of: {','.join(GROUPS)}")
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("--output", type=Path, help="a folder; for a whole run benchmarks/results, else var/bench")
    chosen = parser.parse_args()
    chosen.only = [name for name in chosen.only.split(",") if name] or list(GROUPS)
    chosen.databases = chosen.databases.split(",")
    for option, names, known in (("only", chosen.only, GROUPS), ("databases", chosen.databases, DATABASES)):
        for name in names:
            if name not in known:
                parser.error(f"--{option}: {name} is none of {', '.join(known)}")
    if not chosen.rows:
        chosen.only = [name for name in chosen.only if name not in LARGE]
    return chosen


@contextmanager
def started(options: Options, database: Database, folder: Path, kept: Path, static: Path) -> Iterator[Bench]:
    """Everything that is compared on this database."""
    own_folder(folder)
    rows, size = options.small_rows, options.size
    with ExitStack() as stack:
        small = databases.fill(stack.enter_context(database.fresh(folder / "small")), folder, rows, size)
        running = {}
        for name, more in (("warm", {}), ("cold", {"RESPONSE_CACHE": "false"})):
            service = servers.service(folder / name, DATABASE_URL=small.url, STATIC_ROOT=str(static), **more)
            running[name] = stack.enter_context(service)
        nginx, answers = running["cold"].nginx, folder / "answers"
        yardsticks.record(running["cold"], answers, PATHS)
        running |= stack.enter_context(yardsticks.bare(folder, nginx, answers))
        url = stack.enter_context(database.fresh(folder / "textbook-data"))
        textbook = yardsticks.textbook(folder / "textbook", nginx, url, rows, size)
        running["textbook"], token = stack.enter_context(textbook)
        yield Bench(options, database, folder, kept, static, small, running, url, token)


def _measure(chosen: argparse.Namespace, options: Options, database: Database, folder: Path, static: Path) -> Results:
    KEPT.mkdir(parents=True, exist_ok=True)
    with started(options, database, folder / database.name, KEPT, static) as bench:
        for name, measure in GROUPS.items():
            if name in chosen.only:
                print(f"{database.name}: {name} ...", flush=True)
                measure(bench)
        return Results(bench.samples, bench.verdicts)


def main() -> None:
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing of it goes on without it
    servers.check_programs()
    options = Options(chosen.rounds, chosen.seconds, chosen.rows, chosen.small_rows, chosen.requests)
    results: dict[str, Results] = {}
    with tempfile.TemporaryDirectory(prefix="snippets-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # the servers run as somebody else where this is root
        static = servers.collect_static(folder)
        found: list[Database] = [databases.SQLite()] if "sqlite" in chosen.databases else []
        if "postgresql" in chosen.databases:
            postgresql = stack.enter_context(databases.postgresql())
            found += [postgresql] if postgresql else []
        for database in found:
            results[database.name] = _measure(chosen, options, database, folder, static)
    whole = chosen.only == list(GROUPS) and len(results) == len(DATABASES)
    output = chosen.output or (RESULTS if whole else KEPT)
    print(report.write(output, options, results))
    print(f"Written to {output}: latest.md, latest.json, latest.svg.")


if __name__ == "__main__":
    main()
