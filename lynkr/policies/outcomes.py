"""How replies turned out, by tier and model: what is counted, and what may be concluded from it.

A reply says itself whether it is whole; the conversation's next request says whether its tool calls
were valid, its edits could be applied and the user asked again. Nothing is learned from this while
the gateway runs: people read it, and change the configuration.

Calls of one conversation are more alike than calls of several, which the intervals do not know:
they are too narrow where few conversations made many calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

import msgspec

from lynkr.policies.false_hits import interval
from lynkr.policies.record import Record
from lynkr.policies.routing.facts import TIERS, Seen

DAY_S = 86_400
BAND = 10  # points of the score: calls within one are taken to be alike
NO_BAND = -1  # nothing was measured
_UNASKED = ("cache", "local", "none")  # lanes of calls that reached no model
_OK, _BAD, _TOO_MANY, _SERVERS_FAULT = 200, 400, 429, 500
# Why a reply ended, in the words of the vocabulary and of the dialects; others are a whole reply.
_TRUNCATED = frozenset(
    ("max_tokens", "length", "context_window", "model_context_window_exceeded", "model_length",
     "max_output_tokens", "incomplete")
)  # fmt: skip
_REFUSED = frozenset(
    ("refusal", "content_filter", "content_filtered", "guardrail_intervened", "safety",
     "recitation", "blocklist", "prohibited_content", "spii", "model_armor")
)  # fmt: skip


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that went the same way on the same day, and how they turned out."""

    day: int  # of UTC, since 1970
    tier: str
    target: str  # "provider:model"
    score_band: int = NO_BAND  # score // 10
    rule: str = ""  # why they went there; "" in what only ``after`` says
    calls: int = 0
    flawed: int = 0  # of these, the ones that went wrong in any of the ways below
    followed: int = 0  # about which a next request said something
    answered: int = 0  # of these, the ones with words of the user's: only they show a retry
    tool_results: int = 0
    tool_errors: int = 0
    invalid_calls: int = 0
    edits: int = 0
    edit_failures: int = 0
    retries: int = 0
    truncated: int = 0
    refused: int = 0
    failed: int = 0
    output_tokens: int = 0
    usd: float = 0.0

    @property
    def key(self) -> tuple[int, str, str, int, str]:
        return self.day, self.tier, self.target, self.score_band, self.rule

    def add(self, other: Outcome) -> Outcome:
        """Both together, under this one's key."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in COUNTERS}
        return msgspec.structs.replace(self, **sums)


COUNTERS = Outcome.__struct_fields__[5:]


def of_reply(
    at_s: float,
    tier: str,
    target: str,
    score: float | None,
    rule: str,
    *,
    stop_reason: str = "",
    failed: bool = False,
    output_tokens: int | None = None,
    usd: float | None = None,
) -> Outcome:
    """What a reply says of itself. ``at_s``: unix seconds; ``failed``: there was none, or it broke
    off, by no fault of the client's."""
    reason = stop_reason.casefold()
    truncated, refused = reason in _TRUNCATED, reason in _REFUSED
    return Outcome(
        day=int(at_s // DAY_S),
        tier=tier,
        target=target,
        score_band=band_of(score),
        rule=rule,
        calls=1,
        flawed=int(truncated or refused or failed),
        truncated=int(truncated and not failed),
        refused=int(refused and not failed),
        failed=int(failed),
        output_tokens=output_tokens or 0,
        usd=usd or 0.0,
    )


def of_record(record: Record, score: float | None) -> Outcome | None:
    """What a settled call says of itself; ``None`` where no tier's model had its chance: the call
    was not routed, was answered here, was the client's own side call, or its end was the client's
    doing. ``score``: the one that its tier was decided by, also of a conversation that stays where
    it is."""
    routing = record.routing
    if not routing.tier or routing.side or record.lane in _UNASKED or record.ended_by == "client":
        return None
    # A provider's 400 counts: it was the gateway that chose whose words the request had to fit.
    told = (_OK, _TOO_MANY, _BAD) if record.attempts and not record.error else (_OK, _TOO_MANY)
    if record.status < _SERVERS_FAULT and record.status not in told:
        return None  # refused for whose it was, for its size, or by the gateway
    broken = record.ended_by != "complete" or record.error_source == "upstream"
    failed = broken or record.status != _OK
    return of_reply(
        record.accepted_at,
        routing.tier,
        f"{record.provider}:{record.model}",
        score,
        routing.rule,
        stop_reason=record.stop_reason,
        failed=failed,
        output_tokens=record.usage.output_tokens,
        usd=record.saving.usd,
    )


def after(
    at_s: float, tier: str, target: str, score: float | None, seen: Seen, *, known: bool = False
) -> Outcome | None:
    """What request n+1 says of reply n; ``None``: nothing, it begins a conversation or is a side
    call. Tier, target and score are those of reply n. ``known``: that the reply was flawed has been
    counted already, with its own facts."""
    if seen.side or not (seen.results or seen.turns > 1):
        return None
    wrong = seen.retried or seen.invalid > 0 or seen.edit_failures > 0
    return Outcome(
        day=int(at_s // DAY_S),
        tier=tier,
        target=target,
        score_band=band_of(score),
        flawed=int(wrong and not known),
        followed=1,
        answered=int(seen.typed),
        tool_results=seen.results,
        tool_errors=seen.errors,
        invalid_calls=seen.invalid,
        edits=seen.edits,
        edit_failures=seen.edit_failures,
        retries=int(seen.retried),
    )


def band_of(score: float | None) -> int:
    return NO_BAND if score is None else int(min(max(score, 0.0), 99.9) // BAND)


# --- shares -------------------------------------------------------------------------------------


class Share(msgspec.Struct, frozen=True):
    """A share of what was seen, and Clopper and Pearson's 95 % interval for it."""

    good: int
    seen: int
    share: float | None  # None: nothing was seen
    low: float
    high: float


def share(wrong: int, seen: int) -> Share:
    """Of what did not go wrong."""
    good = min(max(seen - wrong, 0), seen)
    low, high = interval(good, seen)
    return Share(good, seen, good / seen if seen else None, low, high)


class Summary(msgspec.Struct, frozen=True):
    """How the calls of one tier, or of one target in it, turned out."""

    tier: str
    target: str  # "": all of the tier's
    calls: int
    mix: float  # share of all calls
    valid_calls: Share  # of the tool calls that came back
    applied_edits: Share
    not_retried: Share  # of the replies to which the user wrote something
    complete: Share  # whole, not refused, not failed
    well: Share  # calls in which nothing of this went wrong
    output_tokens: int
    usd: float


_Key = TypeVar("_Key")


def merged(rows: Iterable[Outcome], key: Callable[[Outcome], _Key]) -> dict[_Key, Outcome]:
    """The sums of the rows that have the same key, in the order of their first."""
    found: dict[_Key, Outcome] = {}
    for row in rows:
        name = key(row)
        known = found.get(name)
        found[name] = row if known is None else known.add(row)
    return found


def summaries(rows: Iterable[Outcome], *, by: Literal["tier", "target"]) -> list[Summary]:
    """One summary for each tier, or for each target in each tier, the cheapest tier first."""
    every = list(rows)
    total = sum(row.calls for row in every)
    if by == "tier":
        found = merged(every, lambda row: (row.tier, ""))
    else:
        found = merged(every, lambda row: (row.tier, row.target))
    return [
        _summary(tier, target, found[tier, target], total)
        for tier, target in sorted(found, key=lambda key: (_rank(key[0]), key))
    ]


def _summary(tier: str, target: str, row: Outcome, total: int) -> Summary:
    return Summary(
        tier=tier,
        target=target,
        calls=row.calls,
        mix=row.calls / total if total else 0.0,
        valid_calls=share(row.invalid_calls, row.tool_results),
        applied_edits=share(row.edit_failures, row.edits),
        not_retried=share(row.retries, row.answered),
        complete=share(row.truncated + row.refused + row.failed, row.calls),
        well=share(row.flawed, row.calls),
        output_tokens=row.output_tokens,
        usd=row.usd,
    )


def _rank(tier: str) -> int:
    return TIERS.index(tier) if tier in TIERS else len(TIERS)


# --- the tier below -----------------------------------------------------------------------------


class Below(msgspec.Struct, frozen=True):
    """How many calls of a tier the one below it would have served well."""

    tier: str
    lower: str
    calls: int  # of the tier
    like_them: int  # calls of the lower tier in bands that the tier has calls in too
    covered: float  # share of the tier's calls that are in such a band
    share: float | None  # of the covered ones; None: there are none
    low: float  # of all of the tier's calls
    high: float

    @property
    def sentence(self) -> str:
        if not self.calls:
            return f"no call went to {self.tier}"
        if self.share is None:
            return f"{self.tier}: no call like these went to {self.lower} yet"
        low, high = math.floor(self.low * 100 + 1e-9), math.ceil(self.high * 100 - 1e-9)
        text = f"{self.tier}: {self.lower} would have served {low}-{high} % of these"
        if self.covered < 1:
            unlike = max(round((1 - self.covered) * 100), 1)
            text += f" ({unlike} % of them are unlike any call that went there, and may be either)"
        return text


def below(rows: Iterable[Outcome], tier: str) -> Below:
    """How many of a tier's calls the next lower one would have served well, judged by those calls
    of the same score bands that it did serve.

    Post-stratification: each band's share of good calls at the lower tier, weighed by how many of
    the upper tier's calls are in the band (Holt and Smith, J. R. Stat. Soc. A 142, 1979). The
    interval is made of the bands' own Clopper-Pearson intervals by recovering variances from their
    limits (Zou, Huang and Zhang, Comput. Stat. Data Anal. 53, 2009). Of bands where the lower tier
    has no calls, and of calls without a score, nothing is assumed: they widen the interval by all
    that they weigh (Manski, Am. Econ. Rev. 80, 1990). Raises ``ValueError`` for the lowest tier.
    """
    if TIERS.index(tier) == 0:
        raise ValueError(f"there is no tier below {tier}")
    lower = TIERS[TIERS.index(tier) - 1]
    bands = merged(rows, lambda row: (row.tier, row.score_band))
    upper = {band: row.calls for (name, band), row in bands.items() if name == tier and row.calls}
    total = sum(upper.values())
    found: list[tuple[float, Share]] = []
    for band, calls in upper.items():
        served = bands.get((lower, band))
        if band != NO_BAND and served is not None and served.calls:
            found.append((calls / total, share(served.flawed, served.calls)))
    like_them = sum(one.seen for _, one in found)
    covered = sum(weight for weight, _ in found)
    if not found:
        return Below(tier, lower, total, 0, 0.0, None, 0.0, 1.0)
    middle, low, high = weighed(found)
    unknown = max(1 - covered, 0.0)
    return Below(
        tier, lower, total, like_them, covered, middle / covered,
        min(max(low, 0.0), 1.0), min(max(high + unknown, 0.0), 1.0),
    )  # fmt: skip


def weighed(shares: Iterable[tuple[float, Share]]) -> tuple[float, float, float]:
    """The weighed sum of shares of independent groups, and its interval: the distance from the sum
    to each limit is the root of the sum of the squared distances that the groups have."""
    middle = down = up = 0.0
    for weight, one in shares:
        here = one.share or 0.0
        middle += weight * here
        down += (weight * (here - one.low)) ** 2
        up += (weight * (one.high - here)) ** 2
    return middle, middle - math.sqrt(down), middle + math.sqrt(up)
