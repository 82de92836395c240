"""The models that a configuration's tiers name, by what the catalog knows of them alone: for bills
that are computed. The gateway makes its offers of its endpoints; here no key and no address is
needed, so that tiers can be tried out before there are any.
"""

from __future__ import annotations

from collections.abc import Iterable

from lynkr.config.settings import TIER_NAMES, Provider, Settings
from lynkr.policies.prompt_cache import rules_for
from lynkr.policies.routing.offers import Offer, Offers, offer
from lynkr.policies.rule_sets import RULE_SETS
from lynkr.providers.kinds import kinds
from lynkr.providers.models import Own, facts

_STEPS = {rules.kind: rules.step for rules in RULE_SETS.values()}


def configured(settings: Settings, own: Own | None = None) -> Offers:
    """The offers of a configuration's tiers. A provider that has no table is the kind of its name.

    Raises ``ValueError`` when the four tiers are not set, or one names an unknown provider.
    """
    if not settings.routing.tiered:
        raise ValueError("there are no tiers: set routing.simple, medium, complex and reasoning")
    return tuple(
        tuple(_of_target(target, settings, own) for target in settings.routing.chain(tier))
        for tier in TIER_NAMES
    )


def _of_target(target: str, settings: Settings, own: Own | None) -> Offer:
    name, _, model = target.partition(":")
    provider = settings.providers.get(name)
    if provider is None and name in kinds():
        provider = Provider(kind=name)
    if provider is None or provider.kind not in kinds():
        raise ValueError(f"{target}: there is no provider {name}, and no kind of that name")
    return _offer(name, provider, provider.models.get(model, model), own)


def _offer(name: str, provider: Provider, model: str, own: Own | None) -> Offer:
    kind = kinds()[provider.kind]
    known = facts(provider.kind, model, own)
    of_all = frozenset(provider.capabilities or kind.capabilities)
    return offer(
        name,
        model,
        known,
        capabilities=of_all | known.capabilities if known is not None else of_all,
        drops=frozenset([*kind.drops, *provider.drops]),
        rules=rules_for(kind.cache, known, step=_STEPS.get(provider.kind, 1)),
    )


def recorded(models: Iterable[str], own: Own | None = None) -> dict[str, Offer]:
    """The models that a recording names, each at the provider that most likely served it; without
    those whose price nobody knows."""
    found = {}
    for model in dict.fromkeys(models):
        for kind in dict.fromkeys(rules.kind for rules in RULE_SETS.values()):
            made = _offer(kind, Provider(kind=kind), model, own)
            if model and made.prices is not None and made.prices.input is not None:
                found[model] = made
                break
    return found
