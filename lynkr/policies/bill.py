"""Dollars: of a call as it was reported, and of the same call had nothing been cut from it.

Prices are those of ``providers.models``; what is not known is ``None`` and never zero. Nothing here
has a clock: times are arguments.
"""

from __future__ import annotations

import msgspec

from lynkr.providers.models import Prices
from lynkr.wire.message import Usage

MILLION = 1_000_000


class Counts(msgspec.Struct, frozen=True):
    """Tokens of one call by what they are charged as. Fractions come from estimates."""

    input: float = 0  # neither read from a cache nor written to one
    read: float = 0
    write: float = 0  # kept for five minutes, or as long as the provider does
    write_1h: float = 0
    output: float = 0

    @property
    def prompt(self) -> float:
        return self.input + self.read + self.write + self.write_1h


class Bills(msgspec.Struct, frozen=True):
    """The same call twice, in US dollars."""

    passthrough_usd: float
    planned_usd: float

    @property
    def saved_usd(self) -> float:
        return self.passthrough_usd - self.planned_usd


def cost(counts: Counts, prices: Prices) -> float | None:
    """US dollars. ``None`` when a price that is needed is not known.

    A price list without a price for the cache charges the input price. Where a threshold is given,
    the whole call is charged the higher prices once its prompt, cached or not, is longer.
    """
    entry, written, read = prices.input, prices.output, prices.cache_read
    write, write_1h = prices.cache_write, prices.cache_write_1h
    if prices.threshold is not None and counts.prompt > prices.threshold:
        entry = entry if prices.input_above is None else prices.input_above
        written = written if prices.output_above is None else prices.output_above
        read = read if prices.cache_read_above is None else prices.cache_read_above
        write = write if prices.cache_write_above is None else prices.cache_write_above
        write_1h = write_1h if prices.cache_write_1h_above is None else prices.cache_write_1h_above
    if entry is None or (written is None and counts.output):
        return None
    write = entry if write is None else write
    return (
        counts.input * entry
        + counts.read * (entry if read is None else read)
        + counts.write * write
        + counts.write_1h * (write if write_1h is None else write_1h)
        + counts.output * (written or 0)
    ) / MILLION


def counts_of(usage: Usage, *, kept_1h: bool = False) -> Counts | None:
    """The counts that a provider reported; ``None`` when it reported no input.

    Usage does not say how long what was written is kept: ``kept_1h`` says that all of it is.
    """
    if usage.input_tokens is None:
        return None
    written = usage.prompt_cache_write_tokens or 0
    return Counts(
        input=usage.input_tokens,
        read=usage.prompt_cache_read_tokens or 0,
        write=0 if kept_1h else written,
        write_1h=written if kept_1h else 0,
        output=usage.output_tokens or 0,
    )


def price(usage: Usage, prices: Prices, *, kept_1h: bool = False) -> float | None:
    """What a call cost by its own report, in US dollars; ``None`` when that cannot be said."""
    counts = counts_of(usage, kept_1h=kept_1h)
    return None if counts is None else cost(counts, prices)


def counterfactual(
    usage: Usage, saved_old: float, saved_new: float, prices: Prices, *, kept_1h: bool = False
) -> Bills | None:
    """What a call cost, and what it would have cost had nothing been taken out of it.

    ``saved_old``: tokens taken out of what stood in the previous request already. An unchanged
    request would have read them from the cache, so they are charged as reads, also when the cache
    was cold: that never overstates what was saved. ``saved_new``: taken out of what is new; charged
    as written if this call wrote to the cache, else as input. Without any cache activity all of
    them are input. ``None`` when usage or prices do not say enough.
    """
    planned = counts_of(usage, kept_1h=kept_1h)
    if planned is None:
        return None
    writes = planned.write + planned.write_1h > 0
    if not writes and not planned.read:
        whole = msgspec.structs.replace(planned, input=planned.input + saved_old + saved_new)
    else:
        whole = Counts(
            input=planned.input + (0 if writes else saved_new),
            read=planned.read + saved_old,
            write=planned.write + (saved_new if writes and not kept_1h else 0),
            write_1h=planned.write_1h + (saved_new if writes and kept_1h else 0),
            output=planned.output,
        )
    passthrough_usd, planned_usd = cost(whole, prices), cost(planned, prices)
    if passthrough_usd is None or planned_usd is None:
        return None
    return Bills(passthrough_usd, planned_usd)
