"""The tiers of a configuration as bytes: each tier's chain of targets, and what they are to the
decision.

Made once per API and model name, with the routes. A name that stands for a tier is ``AUTO`` or the
tier's number; any other is a model's own, and is ``RESPECTED``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lynkr.config.settings import TIER_NAMES, Routing
from lynkr.errors import GatewayError
from lynkr.policies.difficulty.score import score
from lynkr.policies.routing.facts import TIERS, Ask, Policy, Seen, Verdict
from lynkr.policies.routing.offers import Offer, digest, offer

if TYPE_CHECKING:
    from lynkr.gateway.rules import PlannedRoute, Rules

RESPECTED, AUTO = -2, -1
_FITTED = frozenset(("max_tokens",))  # a translation asks for no more than the model can give
UNKNOWN = "(of an earlier configuration)"
TOKEN_BYTES_MAX = 512
NAMES_MAX = 1024  # model names are the clients' choice: forget all when somebody makes them up


class Tiers(msgspec.Struct, frozen=True):
    """Where calls of one API and model name may go, easy to hard."""

    chains: tuple[tuple[PlannedRoute, ...], ...]
    offers: tuple[tuple[Offer, ...], ...]  # the same targets, as the decision sees them


class Tiering:
    """What a configuration with tiers does with each API and model name, remembered."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._named: dict[bytes, int] = {}
        self._tiers: dict[tuple[str, bytes], Tiers] = {}
        self._targets: dict[int, str] = {}  # by the number that pins have
        self.policy = policy_of(rules.settings.routing)
        score(Ask("hello"), Seen())  # word lists and weights are read: 40 ms, once in a process

    def named(self, token: bytes) -> int:
        """RESPECTED, AUTO or the tier that a model name (a JSON string) stands for. Raises
        ``GatewayError`` (400)."""
        found = self._named.get(token)
        if found is None:
            asked = self._rules.tier_asked(token)
            try:
                found = number_of(asked) if asked else RESPECTED
            except ValueError:
                raise no_such_tier(asked, "model") from None
            if len(token) > TOKEN_BYTES_MAX:
                return found  # no real model's name: not worth remembering
            if len(self._named) >= NAMES_MAX:
                self._named.clear()
            self._named[token] = found
        return found

    def tiers(self, api: str, token: bytes) -> Tiers:
        """The tiers for calls of one API and model name. Raises ``GatewayError`` (400) when a tier
        cannot take the API."""
        found = self._tiers.get((api, token))
        if found is None:
            chains = tuple(
                _linked(self._rules.tier_targets(api, token, tier)) for tier in TIER_NAMES
            )
            # Of the configuration's fallbacks behind a tier's own targets nothing is offered: they
            # are for failures.
            offers = tuple(
                tuple(
                    offer_of(planned) for planned in row if planned.route.reason == f"tier {tier}"
                )
                for tier, row in zip(TIER_NAMES, chains, strict=True)
            )
            found = Tiers(chains, offers)
            self._targets |= {offer.digest: offer.name for row in offers for offer in row}
            if len(token) > TOKEN_BYTES_MAX:
                return found
            if len(self._tiers) >= NAMES_MAX:
                self._tiers.clear()
            self._tiers[api, token] = found
        return found

    def digest(self, planned: PlannedRoute) -> int:
        """The number that a target has in pins."""
        return digest(f"{planned.provider}:{planned.route.model}")

    def target(self, number: int) -> str:
        """The "provider:model" that a pin names."""
        return self._targets.get(number, UNKNOWN)


def number_of(word: str) -> int:
    """AUTO or the tier that a word names, in any case. Raises ``ValueError``."""
    word = word.strip().lower()
    return AUTO if word == "auto" else TIER_NAMES.index(word)


def no_such_tier(asked: str, field: str) -> GatewayError:
    """The answer to a tier that does not exist."""
    known = ", ".join(("auto", *TIER_NAMES))
    return GatewayError(
        "invalid_model", 400, f"There is no tier {asked[:80]!r}.", source="client", field=field,
        hint=f"Tiers are {known}.",
    )  # fmt: skip


def policy_of(routing: Routing) -> Policy:
    """What a configuration says of routing, tiers as numbers."""
    return Policy(
        risk_floor=TIER_NAMES.index(routing.risk_floor),
        autonomous_floor=TIER_NAMES.index(routing.autonomous_floor),
        plan_floor=TIER_NAMES.index(routing.plan_floor),
        side_tier=-1 if routing.side == "asked" else TIER_NAMES.index(routing.side),
    )


def offer_of(planned: PlannedRoute) -> Offer:
    """A target as the decision sees it. What is not known of a model rules nothing out."""
    endpoint, model = planned.route.endpoint, planned.route.model
    return offer(
        endpoint.name,
        model,
        endpoint.facts(model),
        capabilities=endpoint.capabilities_for(model),
        drops=endpoint.drops if planned.plan is None else planned.plan.drops | _FITTED,
        rules=planned.cache_rules,
    )


def _linked(planned: PlannedRoute | None) -> tuple[PlannedRoute, ...]:
    """A chain as a row."""
    row = []
    while planned is not None:
        row.append(planned)
        planned = planned.following
    return tuple(row)


def routed_lines(verdict: Verdict) -> bytes:
    """Header lines of a reply that say where its call went, and why."""
    return b"x-lynkr-tier: %b\r\nx-lynkr-route-reason: %b\r\n" % (
        TIERS[verdict.tier].encode(),
        verdict.reason.encode(),
    )
