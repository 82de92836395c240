"""The targets, and whether a run met them. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from perf.sample import Samples, Spread

OURS = "lynkr"
TRANSLATING = "lynkr-translate"  # the same, its provider speaking another dialect
CACHING = "lynkr-cache"  # the same, which answers from what it has kept
DIRECT = "direct"


class Compared(enum.Enum):
    """What the measured number is made of."""

    ITSELF = "itself"
    RATIO = "ratio"  # ours divided by the baseline's, round by round
    ADDED = "added"  # ours minus the baseline's, round by round


@dataclass(frozen=True, slots=True)
class Target:
    label: str
    metric: str
    limit: float
    unit: str
    compared: Compared = Compared.ITSELF
    baseline: str = ""
    subject: str = OURS

    def measured(self, samples: Samples) -> Spread | None:
        if self.compared is Compared.RATIO:
            return samples.ratio(self.subject, self.baseline, self.metric)
        if self.compared is Compared.ADDED:
            return samples.added(self.subject, self.baseline, self.metric)
        return samples.spread(self.subject, self.metric)


RATIO, ADDED = Compared.RATIO, Compared.ADDED
TARGETS = (
    Target("CPU per 1 KB request, against nginx", "cpu_1kb_us", 2.0, "x", RATIO, "nginx"),
    Target("CPU per 1 KB request, against aiohttp", "cpu_1kb_us", 0.25, "x", RATIO, "aiohttp"),
    Target("CPU per 100 KB request, against nginx", "cpu_100kb_us", 2.0, "x", RATIO, "nginx"),
    Target("CPU per SSE chunk, against nginx", "cpu_chunk_us", 1.5, "x", RATIO, "nginx"),
    # The same at full load, where no part of the cost is a core being woken up: the harder number.
    Target(
        "CPU per SSE chunk at 2,000 streams, against nginx",
        "streams_2000_cpu_chunk_us",
        1.5,
        "x",
        RATIO,
        "nginx",
    ),
    Target("added p99 at c=1", "latency_c1_p99_us", 300.0, "µs", ADDED, DIRECT),
    Target("resident memory of an idle worker", "rss_idle_worker_mb", 60.0, "MB"),
    Target("resident memory per open stream", "rss_per_stream_kb", 40.0, "KB"),
    Target(
        "CPU per translated SSE chunk, against the splice lane",
        "translate_chunk_us",
        6.0,
        "x",
        RATIO,
        OURS,
        TRANSLATING,
    ),
    Target(
        "added p99 at c=1, translated",
        "translate_c1_p99_us",
        1000.0,
        "µs",
        ADDED,
        DIRECT,
        TRANSLATING,
    ),
    Target("CPU of the token passes, per 100 KB agent request", "tokens_added_us", 250.0, "µs"),
    *(
        Target(
            f"{kind} hit, streamed, c=8, {percent}",
            f"cache_{kind}_streamed_c8_{percent}_us",
            limit,
            "µs",
            subject=CACHING,
        )
        for kind in ("exact", "semantic")
        for percent, limit in (("p50", 1000.0), ("p99", 5000.0))
    ),
    Target(
        "upstream calls for 200 that are the same", "cache_flight_calls", 1, "", subject=CACHING
    ),
)
STREAMS_TARGET = 2000


@dataclass(frozen=True, slots=True)
class Verdict:
    label: str
    limit: str
    measured: str
    spread: str
    is_met: bool | None  # None: not measured in this run

    @property
    def word(self) -> str:
        return "not measured" if self.is_met is None else "met" if self.is_met else "missed"


def figure(value: float) -> str:
    """Three significant digits, as many as five rounds can carry."""
    if value == round(value):
        return f"{value:,.0f}"
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{decimals}f}"


def spread_text(spread: Spread) -> str:
    return f"{figure(spread.low)} to {figure(spread.high)}"


def streams_held(samples: Samples, subject: str, levels: Sequence[int]) -> tuple[int, bool]:
    """The highest level that was clean in every round, and whether any level was measured at all.

    A level counts only if those below it were clean too: holding 2,000 but not 512 is luck.
    """
    held, is_measured = 0, False
    for level in sorted(levels):
        clean = samples.by_round(subject, f"streams_{level}_clean")
        is_measured = is_measured or bool(clean)
        if not clean or min(clean.values()) < 1.0:
            break
        held = level
    return held, is_measured


def verdicts(samples: Samples, levels: Sequence[int]) -> list[Verdict]:
    found = []
    for target in TARGETS:
        spread = target.measured(samples)
        limit = f"≤ {target.limit:g} {target.unit}"
        if spread is None:
            found.append(Verdict(target.label, limit, "-", "-", None))
            continue
        measured = f"{figure(spread.median)} {target.unit}"
        is_met = spread.median <= target.limit
        found.append(Verdict(target.label, limit, measured, spread_text(spread), is_met))
    held, is_measured = streams_held(samples, OURS, levels)
    found.append(
        Verdict(
            "streams of 20 ms chunks held clean in every round",
            f"{STREAMS_TARGET:,}",
            f"{held:,}" if is_measured else "-",
            "-",
            held >= STREAMS_TARGET if is_measured else None,
        )
    )
    return found
