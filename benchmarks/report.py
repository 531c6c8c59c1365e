"""What was measured, as text to read, as JSON for programs, and as a picture."""

import json
import platform
import sqlite3
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import chart
from benchmarks.goals import Spread, Verdict
from benchmarks.measuring import Sample
from benchmarks.scenarios import Options
from benchmarks.servers import PATH, PROCESSES, ROOT, THREADS

Samples = dict[str, dict[str, list[Sample]]]  # by group, by contestant, one a round


@dataclass(frozen=True)
class Results:
    """Of one database."""

    samples: Samples
    verdicts: list[Verdict]


def _said(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PATH": PATH})
    return (done.stdout + done.stderr).strip()


def surroundings(options: Options) -> dict[str, str]:
    """On what, and with what, it was measured."""
    cpu = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _said("git", "describe", "--always", "--dirty"),
        "processor": f"{len(cpu)} x {cpu[0]}" if cpu else platform.machine(),
        "python": platform.python_version(),
        "django": version("django"),
        "nginx": _said("nginx", "-v").rpartition("/")[2],
        "uwsgi": version("pyuwsgi"),
        "sqlite": sqlite3.sqlite_version,
        "servers": f"{PROCESSES} processes x {THREADS} threads",
        "rounds": f"{options.rounds} of {options.seconds} s",
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spread(spread: Spread, unit: str = "") -> str:
    text = f"{_number(spread.median)}{' ' if unit[:1].isalpha() else ''}{unit}"
    if spread.low == spread.high:
        return text
    return f"{text} ({_number(spread.low)} to {_number(spread.high)})"


def _judgement(verdict: Verdict) -> tuple[str, str]:
    """The goal, and whether it is met and by how much."""
    if verdict.limit is None:
        return "", ""
    unit = f" {verdict.unit}" if verdict.unit else ""
    margin = "" if verdict.margin is None else f", {verdict.margin:+.0%}"
    return f"{verdict.kind} {verdict.limit:g}{unit}", ("met" if verdict.met else "**missed**") + margin


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def goals_table(verdicts: list[Verdict]) -> list[str]:
    rows = [[verdict.what, _spread(verdict.measured, verdict.unit), *_judgement(verdict)] for verdict in verdicts]
    return _table(["What", "Measured (lowest to highest)", "Goal", ""], rows)


def samples_table(samples: Samples) -> list[str]:
    rows = []
    for group, contestants in samples.items():
        for name, runs in contestants.items():
            columns = [_spread(Spread.of([getattr(it, part) for it in runs])) for part in ("rate", "p50", "p99", "cpu")]
            errors = sum(it.errors for it in runs)
            rows.append([group, name, *columns, f"**{errors}**" if errors else "0"])
    head = ["", "", "Requests a second", "50 % within, ms", "99 % within, ms", "CPU for each, ms", "Errors"]
    return _table(head, rows)


def as_markdown(facts: dict[str, str], results: dict[str, Results]) -> str:
    lines = ["# What `make bench` has measured", ""]
    lines += [", ".join(f"{name} {value}" for name, value in facts.items()) + ".", ""]
    lines += ["Each number is the median of the rounds; in brackets are the lowest and the highest of them."]
    lines += ["A goal is judged by the median, and one of 0 by the worst round.", ""]
    for database, found in results.items():
        lines += [f"## {database}", "", *goals_table(found.verdicts), "", *samples_table(found.samples), ""]
    return "\n".join(lines)


def _as_json(found: Results) -> dict[str, object]:
    goals = [asdict(verdict) | {"met": verdict.met, "margin": verdict.margin} for verdict in found.verdicts]
    samples = {
        group: {name: [asdict(sample) for sample in runs] for name, runs in contestants.items()}
        for group, contestants in found.samples.items()
    }
    return {"goals": goals, "samples": samples}


def write(folder: Path, options: Options, results: dict[str, Results]) -> str:
    """Writes latest.md, latest.json and latest.svg; returns the text."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = surroundings(options)
    text = as_markdown(facts, results)
    everything = {"facts": facts, "databases": {name: _as_json(found) for name, found in results.items()}}
    (folder / "latest.md").write_text(text)
    (folder / "latest.json").write_text(json.dumps(everything, indent=1) + "\n")
    (folder / "latest.svg").write_text(chart.draw({name: found.verdicts for name, found in results.items()}))
    return text
