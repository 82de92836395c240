"""What a configuration offers for each tier: models in order, with what is known of each.

Built once per configuration. What is not known is ``None`` and never held against a model.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from lynkr.policies.prompt_cache import CacheRules
from lynkr.providers.models import ModelFacts, Prices
from lynkr.wire.tokens import FACTORS, family_of

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


def offer(
    provider: str,
    model: str,
    known: ModelFacts | None,
    *,
    capabilities: frozenset[str],
    drops: frozenset[str],
    rules: CacheRules | None,
) -> Offer:
    """A model at a provider, by what the catalog knows of it. ``capabilities`` count only where it
    knows the model at all: of others nothing is held against them."""
    name = f"{provider}:{model}"
    factor = FACTORS[family_of(model)]
    if known is None:
        return Offer(name, digest(name), drops=drops, rules=rules, factor=factor)
    return Offer(
        name=name,
        digest=digest(name),
        context_window=known.context_window,
        output_tokens_max=known.output_tokens_max,
        capabilities=capabilities,
        drops=drops,
        prices=known.prices,
        rules=rules,
        factor=factor,
    )


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
