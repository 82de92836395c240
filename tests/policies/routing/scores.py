"""Scores, offers and pins for the tests of the decision."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lynkr.policies.prompt_cache import CacheRules
from lynkr.policies.routing import reasons
from lynkr.policies.routing.facts import Floor, Pin, Score
from lynkr.policies.routing.offers import Offer, Offers, digest
from lynkr.providers.models import Prices

BANDS = (22.0, 48.0, 74.0)
NOW = 1_800_000_000.0
EXPLICIT = CacheRules(style="explicit", tokens_min=1024, ttl_s=300)
AUTOMATIC = CacheRules(style="automatic", tokens_min=1024, ttl_s=300)
NONE = CacheRules(style="none")


def fix_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reasons speak of ``BANDS`` and of two dimensions, however the score is fitted."""
    fitted = SimpleNamespace(fitted=SimpleNamespace(bands=BANDS))
    parts = "code_generation +12, technical_depth +7, ambiguity -3"
    monkeypatch.setattr(reasons, "scorer", lambda: fitted)
    monkeypatch.setattr(reasons, "leading", lambda score, count: parts)


def score(value: float, *floors: Floor, basis: str = "ask") -> Score:
    tier = sum(value >= band for band in BANDS)
    return Score(value, tier, (0.0,) * 15, 0.5, floors=floors, basis=basis)


def anthropic(entry: float) -> Prices:
    """A price list in Anthropic's proportions."""
    return Prices(entry, 5 * entry, 0.1 * entry, 1.25 * entry, 2 * entry)


def offer(
    name: str,
    entry: float | None = 1.0,
    *,
    rules: CacheRules | None = EXPLICIT,
    window: int | None = 200_000,
    output: int | None = 64_000,
    takes: tuple[str, ...] | None = ("images", "reasoning"),
    drops: tuple[str, ...] = (),
) -> Offer:
    return Offer(
        name=name,
        digest=digest(name),
        context_window=window,
        output_tokens_max=output,
        capabilities=None if takes is None else frozenset(takes),
        drops=frozenset(drops),
        prices=None if entry is None else anthropic(entry),
        rules=rules,
    )


OFFERS: Offers = (
    (offer("a:small", 1.0), offer("b:small", 0.5)),
    (offer("a:middle", 3.0), offer("b:middle", 2.0)),
    (offer("a:large", 5.0),),
    (offer("a:largest", 15.0),),
)


def pin(tier: int, *, value: float = 60.0, offers: Offers = OFFERS, **more: float) -> Pin:
    """A conversation that was decided a minute ago and last here ten seconds ago."""
    known = {
        "tier": tier,
        "score": value,
        "at_s": NOW - 60,
        "last_s": NOW - 10,
        "turns": 3,
        "prompt_tokens": 30_000,
        "output_tokens": 400,
        "target": offers[tier][0].digest,
    }
    return Pin(**{**known, **more})  # type: ignore[arg-type]
