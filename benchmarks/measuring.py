"""Lets wrk ask servers in turn, round after round, and counts what each answer has cost."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks import processes
from benchmarks.client import Client
from benchmarks.servers import PATH, Server

CONNECTIONS = 16
LONGEST = 60  # seconds
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Report:
    """What wrk says. Latencies are in milliseconds; errors are answers of 400 and above, and broken connections."""

    requests: int
    rate: float
    p50: float
    p99: float
    errors: int


@dataclass(frozen=True)
class Sample:
    """One run of wrk: requests per second, milliseconds, and milliseconds of CPU for each request."""

    rate: float
    p50: float
    p99: float
    cpu: float
    errors: int


@dataclass(frozen=True)
class Contestant:
    """One address of one server. `pids` are further trees of processes whose CPU counts: the database's."""

    name: str
    server: Server
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""  # of a POST
    status: int = 200
    connections: int = CONNECTIONS
    pids: tuple[int, ...] = ()

    @property
    def url(self) -> str:
        return self.server.url + self.path


def parse(text: str) -> Report:
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", text, re.MULTILINE)
    requests = re.search(r"^\s+(\d+) requests in", text, re.MULTILINE)
    assert rate, text
    assert requests, text
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = sum(int(number) for match in (broken, refused) if match for number in match.groups())
    return Report(int(requests[1]), float(rate[1]), _latency(text, "50"), _latency(text, "99"), errors)


def _latency(text: str, percentile: str) -> float:
    match = re.search(rf"^\s+{percentile}(?:\.000)?%\s+([\d.]+)(us|ms|s|m) *$", text, re.MULTILINE)
    assert match, text
    return float(match[1]) * MILLISECONDS[match[2]]


def script(contestant: Contestant) -> str:
    """What wrk sends, in Lua; its brackets take any text that does not close them."""
    lines = [f"wrk.headers[ [==[{name}]==] ] = [==[{value}]==]" for name, value in contestant.headers.items()]
    if contestant.body:
        lines += ['wrk.method = "POST"', f"wrk.body = [==[{contestant.body}]==]"]
    return "\n".join(lines) + "\n"


def wrk(contestant: Contestant, seconds: int) -> Report:
    threads = min(2, contestant.connections)
    options = [f"--threads={threads}", f"--connections={contestant.connections}", f"--duration={seconds}s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script(contestant))
        file.flush()
        command = ["wrk", *options, "--timeout=30s", "--latency", "--script", file.name, contestant.url]
        done = subprocess.run(command, capture_output=True, text=True, env={"PATH": PATH})
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return parse(done.stdout)


def sample(contestant: Contestant, seconds: int) -> Sample:
    """One run; a longer one where a slow machine has not answered at all."""
    roots = (contestant.server.pid, *contestant.pids)
    before = processes.cpu_seconds(roots)
    report = wrk(contestant, seconds)
    cpu = processes.cpu_seconds(roots) - before
    contestant.server.forget_log()
    if not report.requests:
        if seconds > LONGEST:
            raise SystemExit(f"{contestant.name}: {contestant.url} answers nothing in {seconds} seconds.")
        return sample(contestant, 2 * seconds)
    return Sample(report.rate, report.p50, report.p99, 1000 * cpu / report.requests, report.errors)


def check(contestant: Contestant) -> None:
    """That it answers as it should, before anybody counts how fast."""
    method = "POST" if contestant.body else "GET"
    client = Client(contestant.server.url, contestant.headers)
    status, body = client.ask(method, contestant.path, contestant.body or None)
    if status != contestant.status:
        raise SystemExit(f"{contestant.name}: {contestant.url} answers {status}: {body[:500].decode(errors='replace')}")


def in_turn(contestants: list[Contestant], rounds: int) -> Iterator[Contestant]:
    """A B C, C B A, A B C: whatever grows slower meanwhile does so for all."""
    for number in range(rounds):
        yield from reversed(contestants) if number % 2 else contestants


def compare(contestants: list[Contestant], rounds: int, seconds: int) -> dict[str, list[Sample]]:
    """The samples of each, one a round, after one that warms up and does not count."""
    for contestant in contestants:
        check(contestant)
        sample(contestant, 1)
    samples: dict[str, list[Sample]] = {contestant.name: [] for contestant in contestants}
    for contestant in in_turn(contestants, rounds):
        samples[contestant.name].append(sample(contestant, seconds))
    return samples
