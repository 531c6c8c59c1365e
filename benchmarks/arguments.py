"""What can be chosen on the command line. What cannot be measured is refused before anything is started."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.scenarios import GROUPS, LARGE
from benchmarks.servers import ROOT

RESULTS = ROOT / "benchmarks" / "results"
KEPT = ROOT / "var" / "bench"
DATABASES = ("sqlite", "postgresql")
SCHEMES = ("postgres://", "postgresql://")
ROUNDS, ROWS = 5, 1_000_000  # of a whole run, at least


def _whole_number(smallest: int, *others: int) -> Callable[[str], int]:
    """At least the smallest, or one of the others."""
    wanted = " or ".join([*map(str, others), f"a whole number from {smallest}"])

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else -1
        if number < smallest and number not in others:
            raise argparse.ArgumentTypeError(f"must be {wanted}, and is {text!r}")
        return number

    return read


def _some_of(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Names with commas between them, in the order of the known ones; all of these where there is none."""

    def read(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return [name for name in known if name in names or not names]

    return read


def _folder(text: str) -> Path:
    """Made here, since a run takes half an hour before it writes."""
    folder = Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written to")
    return folder


def _parser() -> argparse.ArgumentParser:
    description = "Starts everything that is compared, asks all of it in turn, and says which goals are met."
    parser = argparse.ArgumentParser(prog="make bench", description=description)
    numbers = {
        "rounds": (_whole_number(1), ROUNDS, "in which everything is asked once"),
        "seconds": (_whole_number(1), 3, "of each run of wrk, which takes whole ones"),
        # The originals are a thousand, of which a larger database has copies.
        "rows": (_whole_number(1000, 0), ROWS, "in the large database; 0 leaves it out"),
        "small-rows": (_whole_number(100), 1000, "in all others"),
        # The growth of the memory is that since the first hundred.
        "requests": (_whole_number(200), 10_000, "after which the memory is looked at"),
    }
    for name, (kind, default, text) in numbers.items():
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="NUMBER", help=f"{text} (%(default)s)")
    names = {"only": tuple(GROUPS), "databases": DATABASES}
    for name, known in names.items():
        text = f"some of {', '.join(known)}"
        parser.add_argument(f"--{name}", type=_some_of(known), default=list(known), metavar="NAMES", help=text)
    text = "a folder; for a whole run benchmarks/results, else var/bench"
    parser.add_argument("--output", type=_folder, metavar="FOLDER", help=text)
    return parser


def parse(given: list[str] | None = None) -> argparse.Namespace:
    parser = _parser()
    chosen = parser.parse_args(given)
    if not chosen.rows:
        chosen.only = [name for name in chosen.only if name not in LARGE]
    if not chosen.only:
        parser.error(f"argument --only: without rows (--rows=0), nothing is left of {', '.join(LARGE)}")
    url = os.environ.get("DATABASE_URL", "")
    if url and "postgresql" in chosen.databases and not url.startswith(SCHEMES):
        parser.error("DATABASE_URL names no PostgreSQL (postgres://...): unset it, or choose --databases=sqlite")
    return chosen


def output(chosen: argparse.Namespace, measured: int) -> Path:
    """The folder for what has been measured on so many databases: what is kept with the code is a whole run."""
    whole = (
        chosen.only == list(GROUPS) and measured == len(DATABASES) and chosen.rows >= ROWS and chosen.rounds >= ROUNDS
    )
    folder: Path = chosen.output or (RESULTS if whole else KEPT)
    return folder
