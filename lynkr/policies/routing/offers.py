"""What a configuration offers for each tier: models in order, with what is known of each.

Built once per configuration. What is not known is ``None`` and never held against a model.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from lynkr.policies.prompt_cache import CacheRules
from lynkr.providers.models import Prices

_DIGEST_BYTES = 8


class Offer(msgspec.Struct, frozen=True):
    """One model at one provider."""

    name: str  # "provider:model"
    digest: int  # of the name, 64 bits, never 0: what a ``Pin`` keeps of it
    context_window: int | None = None  # the most input tokens it takes
    output_tokens_max: int | None = None
    capabilities: frozenset[str] | None = None  # words of ``providers.kinds.CAPABILITIES``
    drops: frozenset[str] = frozenset()  # losses tolerated there: "reasoning", "max_tokens", ...
    prices: Prices | None = None
    rules: CacheRules | None = None  # of its prompt cache
    factor: float = 1.0  # its tokens for one that is estimated (``wire.tokens.FACTORS``)


Offers = tuple[tuple[Offer, ...], ...]  # by tier


def digest(name: str) -> int:
    """64 bits that stand for "provider:model", the same on every machine; never 0."""
    made = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(made, "little") or 1


def of_tier(offers: Offers, tier: int) -> tuple[Offer, ...]:
    """The models of a tier; none for a tier that is not configured."""
    return offers[tier] if 0 <= tier < len(offers) else ()


def place_of(chain: tuple[Offer, ...], target: int) -> int:
    """Where a digest stands in a tier; -1: it is not offered there."""
    if target:
        for index in range(len(chain)):
            if chain[index].digest == target:
                return index
    return -1
