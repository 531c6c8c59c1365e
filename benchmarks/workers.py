"""How many processes and threads answer most: `python benchmarks/workers.py [postgres://...]`.

Starts nginx and uWSGI once for each setting, as the image does, and lets wrk ask each in turn, round after round, the
order reversed every other round. Prints the median of requests per second and of the latency's 99th percentile, and
what the first setting is to each. Needs nginx and wrk; not as root, who gets nginx workers that may not read its files.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
from servers import ROOT, running

SETTINGS = [(2, 4), (1, 4), (1, 8), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4)]
PATHS = {"raw": "/snippets/1/raw/", "highlight": "/snippets/1/highlight/", "list": "/snippets/"}
ROUNDS = 5
SECONDS = 3
FIRST_PORT = 18_500


def start(stack: ExitStack, folder: Path, port: int, processes: int, threads: int, database: str) -> str:
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin",
        "SECRET_KEY": "of no use but for a benchmark, and of no use anywhere else",
        "SECURE_SSL_REDIRECT": "false",
        "ANONYMOUS_POSTING": "true",
        "DATA_DIR": str(folder),
        "RUN_DIR": str(folder / f"run-{port}"),
        "STATIC_ROOT": str(folder / "static"),
        "DATABASE_URL": database,
        "PORT": str(port),
        "UWSGI_PROCESSES": str(processes),
        "UWSGI_THREADS": str(threads),
    }
    if port == FIRST_PORT:
        for command in ("migrate", "collectstatic"):
            subprocess.run(
                [sys.executable, "manage.py", command, "--no-input", "-v0"],
                cwd=ROOT,
                env=os.environ | variables,
                check=True,
            )
    url = f"http://127.0.0.1:{port}"
    stack.enter_context(running(["config/entrypoint.sh"], f"{url}/health/live/", folder / f"log-{port}", **variables))
    return url


def measure(url: str) -> tuple[float, float]:
    """Requests per second, and the 99th percentile of the latency in milliseconds."""
    command = ["wrk", "--threads=2", "--connections=16", f"--duration={SECONDS}s", "--latency", url]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in report or "Socket errors" in report:
        raise SystemExit(report)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", report).groups()  # type: ignore[union-attr]
    return float(rate[1]), float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]  # type: ignore[index]


def main(database: str) -> None:
    results: dict[tuple[str, tuple[int, int]], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        urls = {
            setting: start(stack, folder, FIRST_PORT + number, *setting, database)
            for number, setting in enumerate(SETTINGS)
        }
        for number in range(30):
            code = f"def number_{number}():\n    return {number}\n" * 10
            httpx.post(f"{urls[SETTINGS[0]]}/snippets/", json={"code": code}).raise_for_status()
            time.sleep(0.25)
        for path in PATHS.values():
            for url in urls.values():
                measure(url + path)
        for number in range(ROUNDS):
            for setting, url in sorted(urls.items(), reverse=bool(number % 2)):
                for path, address in PATHS.items():
                    results.setdefault((path, setting), []).append(measure(url + address))
    for path in PATHS:
        print(f"\n{path}: processes x threads, requests per second, 99 % within, ratio to the first")
        first = statistics.median(rate for rate, _ in results[path, SETTINGS[0]])
        for setting in SETTINGS:
            rates, latencies = zip(*results[path, setting], strict=True)
            rate, latency = statistics.median(rates), statistics.median(latencies)
            spread = f"{min(rates):.0f} to {max(rates):.0f}"
            ratio = rate / first
            print(f"  {setting[0]} x {setting[1]}  {rate:7.0f} ({spread})  {latency:6.0f} ms  {ratio:.2f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
