"""How often a partition's semantic hits are wrong, and what may therefore be served from it.

After vCache (Schroeder et al., arXiv 2502.03771): the bound on false hits is the user's, and the
bar on similarity is learned for each part of the cache from what was observed there. Where the
comparisons say that the bound is exceeded, the bar rises to where they no longer say so, or
semantic answers end there. Evidence ages, so what went wrong once is tried again.

What is not served is not compared any more, so above a raised bar the good hits soon outnumber the
bad ones below it. That must not lower the bar again: the bound holds for what lies right above the
bar as well as for all of it.

Comparisons by words are themselves wrong at times. The share of disagreements that they would see
at the bound is computed from how often they are (Rogan and Gladen, Am. J. Epidemiol. 107, 1978).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from typing import Protocol

import msgspec

from lynkr.policies.agreement import DETECTED, FALSE_ALARM

CONFIDENCE = 0.95
CONFIDENCE_OF_RUNS = 0.98  # many are looked at, so one is the worse by chance
NOTHING = 1e-6  # of a count, as ageing leaves it: the distribution has no such parameter
HALF_LIFE_S = 7 * 86_400.0  # of a comparison: models and prompts change in weeks
STEP = 0.005  # how far above a wrong hit's similarity the bar is set
SIMILARITY_MAX = 0.99  # a bar above it lets nothing through but the same words: then it ends
# Kept of one partition, for each hundredth of similarity: those of hits that are not served any
# more must not be pushed out by those that are.
SIGHTINGS_MAX = 64
PARTITIONS_MAX = 4096  # the ones unheard of longest go first
RECHECK_S = 300.0  # a bar is worked out anew after so long, and at once after a disagreement
SHADOW_MAX = 0.20  # of hits: what exploring may cost at most
_NEW = 19.0  # an unknown partition is explored 20 times as much, one with 19 comparisons twice
_ALARMED = 5.0  # and one where the last comparisons disagreed five times


class Sighted(Protocol):
    """A comparison, as ``stores.answers.Sighting`` has it."""

    @property
    def similarity(self) -> float: ...
    @property
    def agreed(self) -> bool: ...
    @property
    def source(self) -> str: ...  # "shadow": by words; "judge", "feedback": by somebody who read
    @property
    def at(self) -> float: ...  # seconds


class Bar(msgspec.Struct, frozen=True):
    """What may be served, and why."""

    similarity_min: float  # cosine below which nothing is
    off: bool = False  # nothing is at all
    estimate: float = 0.0  # false hits, of what is served
    low: float = 0.0  # and the interval that holds their true share in 95 of 100 cases
    high: float = 1.0
    seen: float = 0.0  # comparisons that say so, each weighing less with its age
    reason: str = ""  # why it is not the rule's own bar; "": it is


# --- statistics ---------------------------------------------------------------------------------


def interval(wrong: float, seen: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Clopper and Pearson's interval for a share (Biometrika 26, 1934), by quantiles of the beta
    distribution; never too narrow. Counts may be fractions. (0, 1) for nothing seen."""
    if seen <= 0:
        return 0.0, 1.0
    wrong = min(max(wrong, 0.0), seen)
    tail = (1 - confidence) / 2
    low = _quantile(tail, wrong, seen - wrong + 1) if wrong > NOTHING else 0.0
    high = _quantile(1 - tail, wrong + 1, seen - wrong) if wrong < seen - NOTHING else 1.0
    return low, high


def _quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta(a, b, middle) < share else (low, middle)
    return (low + high) / 2


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # it converges fast on the other side only
        return 1 - _beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    tiny = 1e-300
    c, d, value = 1.0, 0.0, 1.0
    for step in range(400):
        m = step // 2
        if step == 0:
            factor = 1.0
        elif step % 2 == 0:
            factor = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            factor = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / ((1 + factor * d) or tiny)
        c = (1 + factor / c) or tiny
        value *= c * d
        if abs(c * d - 1) < 1e-12 and step:
            break
    return front * (value - 1) / a


# --- verdict ------------------------------------------------------------------------------------


class _Sum(msgspec.Struct, frozen=True):
    """Comparisons above some similarity, weighed."""

    seen: float = 0.0
    wrong: float = 0.0
    by_words: float = 0.0

    def plus(self, one: Sighted, weight: float) -> _Sum:
        return _Sum(
            self.seen + weight,
            self.wrong + (0.0 if one.agreed else weight),
            self.by_words + (weight if one.source == "shadow" else 0.0),
        )

    def observed(self, share: float) -> float:
        """The disagreements to be seen where this share of hits is wrong."""
        words = self.by_words / self.seen if self.seen else 0.0
        return share + words * (share * DETECTED + (1 - share) * FALSE_ALARM - share)

    def meant(self, observed: float) -> float:
        """The other way: the wrong hits behind a share of disagreements."""
        least, most = self.observed(0.0), self.observed(1.0)
        return min(max((observed - least) / (most - least), 0.0), 1.0)

    def within(self, max_false_hit: float) -> bool:
        """Whether the bound is kept, as far as can be seen: an alarm ends only where it is."""
        return self.wrong <= self.observed(max_false_hit) * self.seen

    def less(self, other: _Sum) -> _Sum:
        return _Sum(
            self.seen - other.seen, self.wrong - other.wrong, self.by_words - other.by_words
        )

    def exceeds(self, max_false_hit: float, confidence: float) -> bool:
        """Whether the one-sided lower bound of the disagreements lies above what the bound allows:
        whether that many would be seen only by a chance of less than 1 - ``confidence``."""
        if self.within(max_false_hit):
            return False
        allowed = self.observed(max_false_hit)
        return _beta(self.wrong, self.seen - self.wrong + 1, allowed) < 1 - confidence


def verdict(
    sightings: Iterable[Sighted],
    max_false_hit: float,
    floor: float,
    now: float,
    *,
    half_life_s: float = HALF_LIFE_S,
) -> Bar:
    """The bar of one partition. ``floor``: the rule's own, in cosine; ``now`` in seconds, of the
    same clock as the sightings' ``at``. What lies below the floor is not looked at."""
    rows = sorted((one for one in sightings if one.similarity >= floor), key=_by_similarity)
    sums = [_Sum()]  # of the last, the last two, ...
    for one in reversed(rows):
        sums.append(sums[-1].plus(one, 0.5 ** (max(now - one.at, 0.0) / half_life_s)))
    sums.reverse()  # sums[i]: of rows[i:]
    wrong = [at for at, one in enumerate(rows) if not one.agreed]

    def exceeds(start: int) -> bool:
        """All from there on, or any run of rows from there on; it is worst at a wrong one."""
        rest = sums[start]
        return rest.exceeds(max_false_hit, CONFIDENCE) or any(
            rest.less(sums[at + 1]).exceeds(max_false_hit, CONFIDENCE_OF_RUNS)
            for at in wrong
            if at >= start
        )

    if not exceeds(0):
        return _bar(floor, sums[0], "")
    raised: Bar | None = None
    for at in wrong:
        bar = rows[at].similarity + STEP
        if bar > SIMILARITY_MAX:
            break
        start = bisect_left(rows, bar, lo=at, key=_by_similarity)
        if exceeds(start):
            continue
        kept = sums[start].within(max_false_hit)
        if kept or raised is None:  # where it is kept nowhere, no evidence has to do
            reason = f"below {bar:.3f} more than {max_false_hit:.2%} of the hits were wrong"
            raised = _bar(bar, sums[start], reason)
        if kept:
            break
    if raised is not None:
        return raised
    off = _bar(floor, sums[0], f"more than {max_false_hit:.2%} of the hits were wrong")
    return msgspec.structs.replace(off, off=True)


def _by_similarity(one: Sighted) -> float:
    return one.similarity


def _bar(similarity_min: float, found: _Sum, reason: str) -> Bar:
    low, high = interval(found.wrong, found.seen)
    share = found.wrong / found.seen if found.seen else 0.0
    return Bar(
        similarity_min,
        False,
        found.meant(share) if found.seen else 0.0,
        found.meant(low) if found.seen else 0.0,
        found.meant(high) if found.seen else 1.0,
        found.seen,
        reason,
    )


def stricter(one: Bar, other: Bar) -> Bar:
    """Of two bars the one that lets less through."""
    if one.off != other.off:
        return one if one.off else other
    return one if one.similarity_min >= other.similarity_min else other


# --- exploring ----------------------------------------------------------------------------------


def shadow_rate(base: float, sightings: Collection[Sighted]) -> float:
    """Which share of a partition's hits is compared with a fresh answer: more where little is known
    and where the comparisons disagreed, at most ``SHADOW_MAX`` unless the base itself is more.
    0 stays 0."""
    rate = base * (1 + _NEW / (1 + len(sightings)))
    if any(not one.agreed for one in sightings):
        rate *= _ALARMED
    return max(base, min(rate, SHADOW_MAX))


def sampled(rate: float, drawn: float) -> bool:
    """Whether a hit is compared; ``drawn``: a number from [0, 1)."""
    return drawn < rate


# --- the ledger ---------------------------------------------------------------------------------


class _Partition:
    __slots__ = ("_kept", "bar", "judged_at", "rate", "terms")

    def __init__(self) -> None:
        self._kept: dict[int, deque[Sighted]] = {}
        self.bar: Bar | None = None  # of these terms, at that time
        self.terms: tuple[float, float] = (0.0, 0.0)
        self.judged_at = 0.0
        self.rate: tuple[float, float] | None = None  # for a base

    def add(self, sighting: Sighted) -> None:
        kept = self._kept.setdefault(int(sighting.similarity * 100), deque(maxlen=SIGHTINGS_MAX))
        kept.append(sighting)
        self.rate = None
        if not sighting.agreed:
            self.bar = None

    @property
    def sightings(self) -> list[Sighted]:
        return [one for kept in self._kept.values() for one in kept]


class Ledger:
    """What was seen in each partition, and what follows from it.

    Holds itself to bounded memory, and reads no clock. What is seen in one partition says little
    of another, except when nearly all are small: then it is the scope's hits together that are held
    to the bound, without those that a partition's own bar keeps from being served.
    """

    def __init__(self) -> None:
        self._partitions: OrderedDict[tuple[bytes, bytes], _Partition] = OrderedDict()
        self._scopes: dict[bytes, _Partition] = {}

    def add(self, scope: bytes, partition: bytes, sighting: Sighted) -> None:
        key = (scope, partition)
        found = self._partitions.setdefault(key, _Partition())
        self._partitions.move_to_end(key)
        found.add(sighting)
        whole = self._scopes.setdefault(scope, _Partition())
        if not sighting.agreed:
            whole.bar = None
        if len(self._partitions) > PARTITIONS_MAX:
            gone = self._partitions.popitem(last=False)[0][0]
            if not any(one == gone for one, _ in self._partitions):
                del self._scopes[gone]

    def places(self, scope: bytes | None) -> list[tuple[bytes, bytes]]:
        """Scope and partition of everything that was seen, of one scope or of all."""
        return [key for key in self._partitions if scope is None or key[0] == scope]

    def seen(self, scope: bytes, partition: bytes) -> list[Sighted]:
        """The comparisons of one partition, oldest first."""
        found = self._partitions.get((scope, partition))
        return [] if found is None else list(found.sightings)

    def bar(
        self, scope: bytes, partition: bytes, max_false_hit: float, floor: float, now: float
    ) -> Bar:
        """The bar for one more hit: the partition's or the scope's, whichever is stricter."""
        whole = self._scopes.get(scope)
        if whole is None:
            return Bar(floor)
        terms = (max_false_hit, floor)
        if _is_old(whole, terms, now):
            rows = self._served(scope, terms, now)
            _renew(whole, verdict(rows, max_false_hit, floor, now), terms, now)
        assert whole.bar is not None
        own = self._own((scope, partition), terms, now)
        return whole.bar if own is None else stricter(own, whole.bar)

    def rate(self, scope: bytes, partition: bytes, base: float) -> float:
        """``shadow_rate`` of a partition."""
        found = self._partitions.get((scope, partition))
        if found is None:
            return shadow_rate(base, ())
        if found.rate is None or found.rate[0] != base:
            found.rate = (base, shadow_rate(base, found.sightings))
        return found.rate[1]

    def _own(self, key: tuple[bytes, bytes], terms: tuple[float, float], now: float) -> Bar | None:
        found = self._partitions.get(key)
        if found is not None and _is_old(found, terms, now):
            _renew(found, verdict(found.sightings, *terms, now), terms, now)
        return None if found is None else found.bar

    def _served(self, scope: bytes, terms: tuple[float, float], now: float) -> Iterable[Sighted]:
        """What a scope's partitions saw of hits that they would serve now."""
        for key, found in self._partitions.items():
            if key[0] != scope:
                continue
            bar = self._own(key, terms, now)
            if bar is not None and not bar.off:
                yield from (one for one in found.sightings if one.similarity >= bar.similarity_min)


def _is_old(found: _Partition, terms: tuple[float, float], now: float) -> bool:
    return found.bar is None or found.terms != terms or now - found.judged_at > RECHECK_S


def _renew(found: _Partition, bar: Bar, terms: tuple[float, float], now: float) -> None:
    found.bar, found.terms, found.judged_at = bar, terms, now
