"""The goals, and whether what was measured meets them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Samples = dict[str, list[float]]  # by contestant, one value a round


@dataclass(frozen=True)
class Spread:
    """The median of some values, the smallest and the largest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Verdict:
    """A goal, and what was measured: a ratio, or in a unit. Without a limit it is for information."""

    what: str
    measured: Spread
    kind: Literal[">=", "<="]
    limit: float | None
    unit: str = ""

    @property
    def judged(self) -> float:
        """The median; where the goal is that nothing happens, the worst round: a loss in one of them is a loss."""
        return self.measured.high if self.kind == "<=" and self.limit == 0 else self.measured.median

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.judged >= self.limit if self.kind == ">=" else self.judged <= self.limit

    @property
    def margin(self) -> float | None:
        """By how much, as a share of the limit; less than 0 is missed. None where the limit is 0, or none."""
        if not self.limit:
            return None
        better = self.judged - self.limit
        return (better if self.kind == ">=" else -better) / self.limit


@dataclass(frozen=True)
class Ratio:
    """A goal for the rate of one contestant, in that of another; the limits are for SQLite and for PostgreSQL."""

    of: str
    to: str
    sqlite: float | None
    postgresql: float | None

    def verdict(self, group: str, rates: Samples, database: str) -> Verdict:
        """Of the ratios in each round, so that what disturbs a whole round disturbs no ratio."""
        ratios = [one / other for one, other in zip(rates[self.of], rates[self.to], strict=True)]
        limit = self.sqlite if database == "SQLite" else self.postgresql
        return Verdict(f"{group}: {self.of} / {self.to}", Spread.of(ratios), ">=", limit)


WARM = (Ratio("warm", "limit", 0.35, 0.35), Ratio("warm", "uwsgi", 0.9, 0.9), Ratio("warm", "textbook", 60, 60))
COLD = (Ratio("cold", "django", 0.2, 0.15), Ratio("cold", "textbook", 3.5, None))
RATIOS: dict[str, tuple[Ratio, ...]] = {
    "json": (
        *WARM,
        *COLD,
        Ratio("token", "django", 0.18, 0.14),
        Ratio("304 cold", "cold", 1.4, 1.4),
        Ratio("304 warm", "warm", 1.4, 1.4),
    ),
    "raw": (*WARM, Ratio("cold", "django", 0.3, 0.2), Ratio("cold", "textbook", 3.5, None)),
    "highlight": (*WARM, *COLD),
    "list": (Ratio("warm", "textbook", 12, 14), Ratio("cold", "textbook", 12, 14)),
    "post": (Ratio("post", "textbook", 3.5, 3),),
}

LAST_PAGE = 3  # times the first page
SEARCH = 5  # milliseconds
WRITING_RATE = 5  # times that of SQLite's default settings
SECOND_HIGHLIGHT = 10  # times as fast as the first
MEMORY_GROWTH = 1.2  # times that after 100 requests
MEMORY = 110  # MB
