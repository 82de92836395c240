"""Numbers and what is said about them: percentiles, spreads over rounds, pairs within a round.

Pure: no clock, no process, no file.
"""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

Bucket = tuple[int, int]  # value, how often


def percentile(buckets: Iterable[Bucket], percent: float) -> float:
    """The smallest value that at least `percent` of all observations do not exceed."""
    ordered = sorted(buckets)
    total = sum(count for _, count in ordered)
    if not total:
        return math.nan
    wanted = max(1, math.ceil(total * percent / 100))
    passed = 0
    for value, count in ordered:
        passed += count
        if passed >= wanted:
            return float(value)
    raise AssertionError("unreachable: the counts add up to the total")


@dataclass(frozen=True, slots=True)
class Spread:
    """A number over all rounds. The extremes are shown because five rounds carry no variance."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        if not values:
            return None
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of one subject in one round. The metric's name ends with its unit."""

    round_number: int
    subject: str
    metric: str
    value: float


def _divide(ours: float, theirs: float) -> float:
    return ours / theirs if theirs else math.inf


@dataclass(slots=True)
class Samples:
    all: list[Sample] = field(default_factory=list)

    def add(self, round_number: int, subject: str, values: dict[str, float]) -> None:
        self.all += [
            Sample(round_number, subject, metric, value) for metric, value in values.items()
        ]

    def by_round(self, subject: str, metric: str) -> dict[int, float]:
        return {
            one.round_number: one.value
            for one in self.all
            if one.subject == subject and one.metric == metric and not math.isnan(one.value)
        }

    def spread(self, subject: str, metric: str) -> Spread | None:
        return Spread.of(list(self.by_round(subject, metric).values()))

    def paired(
        self, subject: str, baseline: str, metric: str, combine: Callable[[float, float], float]
    ) -> Spread | None:
        """Combines within each round first: what slows a whole round down cancels out."""
        ours, theirs = self.by_round(subject, metric), self.by_round(baseline, metric)
        shared = sorted(ours.keys() & theirs.keys())
        return Spread.of([combine(ours[number], theirs[number]) for number in shared])

    def ratio(self, subject: str, baseline: str, metric: str) -> Spread | None:
        return self.paired(subject, baseline, metric, _divide)

    def added(self, subject: str, baseline: str, metric: str) -> Spread | None:
        return self.paired(subject, baseline, metric, operator.sub)
