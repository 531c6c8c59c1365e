"""`make bench`: starts everything that is compared, asks all of it in turn, and says which goals are met."""

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import arguments, databases, report, servers, yardsticks
from benchmarks.arguments import KEPT
from benchmarks.databases import Database
from benchmarks.report import Results
from benchmarks.scenarios import GROUPS, Bench, Options
from tests.nginx import own_folder

PATHS = ["/snippets/1/", "/snippets/1/raw/", "/snippets/1/highlight/"]


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


def _measure(groups: list[str], options: Options, database: Database, folder: Path, static: Path) -> Results:
    with started(options, database, folder / database.name, KEPT, static) as bench:
        for name in groups:
            print(f"{database.name}: {name} ...", flush=True)
            GROUPS[name](bench)
        return Results(bench.samples, bench.verdicts)


def main() -> None:
    chosen = arguments.parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing of it goes on without it
    servers.check_programs()
    KEPT.mkdir(parents=True, exist_ok=True)
    options = Options(chosen.rounds, chosen.seconds, chosen.rows, chosen.small_rows, chosen.requests)
    results: dict[str, Results] = {}
    text = ""
    with tempfile.TemporaryDirectory(prefix="snippets-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # the servers run as somebody else where this is root
        found: list[Database] = [databases.SQLite()] if "sqlite" in chosen.databases else []
        if "postgresql" in chosen.databases:
            postgresql = stack.enter_context(databases.postgresql())
            found += [postgresql] if postgresql else []
        if not found:
            raise SystemExit("There is no database to measure on.")
        static = servers.collect_static(folder)
        for database in found:
            results[database.name] = _measure(chosen.only, options, database, folder, static)
            output = arguments.output(chosen, len(results))
            text = report.write(output, options, results)  # now, since the next database may fail
            print(f"Written to {output}: latest.md, latest.json, latest.svg.", flush=True)
    print(text)


if __name__ == "__main__":
    main()
