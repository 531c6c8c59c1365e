"""How many processes and threads answer most: `python -m benchmarks.workers [postgres://...]`.

Starts nginx and uWSGI once for each setting, as the image does, and lets wrk ask each in turn, round after round, the
order reversed every other round. Prints the median of requests per second and of the latency's 99th percentile, and
what the first setting is to each. Answers are not cached: it is about the processes that make them.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import databases, servers
from benchmarks.goals import Spread
from benchmarks.measuring import Contestant, compare

SETTINGS = [(2, 4), (1, 4), (1, 8), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4)]
PATHS = {"raw": "/snippets/1/raw/", "highlight": "/snippets/1/highlight/", "list": "/snippets/"}
ROWS, BYTES = 30, 500
ROUNDS = 5
SECONDS = 3


def main(url: str) -> None:
    servers.check_programs()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # the servers run as somebody else where this is root
        static = servers.collect_static(folder)
        database = databases.PostgreSQL(url) if url else databases.SQLite()
        filled = databases.fill(stack.enter_context(database.fresh(folder / "database")), folder, ROWS, BYTES)
        running = {}
        for processes, threads in SETTINGS:
            chosen = {"UWSGI_PROCESSES": str(processes), "UWSGI_THREADS": str(threads), "RESPONSE_CACHE": "false"}
            named = f"{processes} x {threads}"
            service = servers.service(
                folder / f"{processes}x{threads}", DATABASE_URL=filled.url, STATIC_ROOT=str(static), **chosen
            )
            running[named] = stack.enter_context(service)
        for path, address in PATHS.items():
            samples = compare([Contestant(name, server, address) for name, server in running.items()], ROUNDS, SECONDS)
            print(f"\n{path}: processes x threads, requests per second, 99 % within, ratio to the first")
            first = Spread.of([it.rate for it in samples["2 x 4"]]).median
            for named, runs in samples.items():
                rate, latency = Spread.of([it.rate for it in runs]), Spread.of([it.p99 for it in runs])
                spread = f"({rate.low:.0f} to {rate.high:.0f})"
                print(f"  {named}  {rate.median:7.0f} {spread}  {latency.median:6.0f} ms  {rate.median / first:.2f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
