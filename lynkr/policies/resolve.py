"""Which providers and models a request goes to: a pure function of its API and model name.

In order: a provider named in the model (``main:claude-sonnet-4-5``), a route of the configuration,
an alias, ``routing.default``, the first provider that has a model of that name, the first that
serves the API as it is, the first that can be translated to. Names that stand for tiers
(``lynkr/auto``), and what the configuration maps to those, are ``tier_asked``'s. A model that the
user chose is never replaced by another one, except where the configuration says so: an alias, a
route, or a default that names a model or a tier. What follows the first target is used only when
that one fails, and only what the configuration lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from lynkr.config.settings import TIER_PREFIX, RouteRule
from lynkr.errors import GatewayError
from lynkr.providers.catalog import Endpoint
from lynkr.wire.apis import APIS, TRANSLATED


class Route(msgspec.Struct, frozen=True):
    """One target of a request, and why."""

    endpoint: Endpoint
    api: str  # the client's
    model: str  # to ask the upstream for; "" when the request names none
    rewritten: bool  # the body's model differs from ``model``
    reason: str
    spoken: str  # the API spoken to the endpoint; "" when the gateway answers itself
    instead: bool = False  # of a tier, or after a failure: its model is the gateway's choice


def _not_served(endpoint: Endpoint, api: str) -> GatewayError:
    served = ", ".join(APIS[name].shown_path for name in endpoint.request_lines if name in APIS)
    return GatewayError(
        "api_not_served",
        400,
        f"Provider {endpoint.name!r} ({endpoint.kind}) does not serve {APIS[api].shown_path}.",
        source="client",
        field="model",
        hint=f'It serves {served}. Name a provider that does, as in model "provider:model".',
    )


def spoken_to(endpoint: Endpoint, api: str, model: str) -> str | None:
    """The API that a request of ``api`` reaches the endpoint by.

    Its own if that is served, else the endpoint's first choice of those it can be translated to, ""
    if the gateway can answer alone, ``None`` if nothing helps.
    """
    served = endpoint.apis_for(model)
    if api in served:
        return api
    choices = [name for name in served if name in TRANSLATED]
    if api in TRANSLATED:
        return choices[0] if choices else None
    return "" if api == "count_tokens" and choices else None


def _checked(endpoint: Endpoint, api: str, model: str, asked: str, reason: str) -> Route:
    spoken = spoken_to(endpoint, api, model)
    if spoken is None:
        raise _not_served(endpoint, api)
    # A body that names no model is sent as it is: nothing is put into it.
    model = model if asked else ""
    return Route(endpoint, api, model, bool(asked) and model != asked, reason, spoken)


def tier_asked(
    endpoints: Mapping[str, Endpoint],
    default: str,
    asked: str,
    rules: Sequence[RouteRule] = (),
) -> str:
    """The tier that a model name stands for: "auto", a tier's name, or "" for a name that is a
    model's own. Whatever the client chose is respected unless the configuration maps it."""
    if asked.startswith(TIER_PREFIX):
        return asked.removeprefix(TIER_PREFIX)
    name, colon, _ = asked.partition(":")
    if colon and name in endpoints:
        return ""
    rule = _rule_for(rules, asked)
    if rule is None:
        if any(asked in endpoint.aliases for endpoint in endpoints.values()):
            return ""
        target = default
    else:
        target = rule.targets[0]
    return target.removeprefix(TIER_PREFIX) if target.startswith(TIER_PREFIX) else ""


def resolve(
    endpoints: Mapping[str, Endpoint],
    default: str,
    api: str,
    asked: str,
    rules: Sequence[RouteRule] = (),
) -> Route:
    """The first target. Raises ``GatewayError`` (400) when no provider can take the request."""
    name, colon, model = asked.partition(":")
    if colon and name in endpoints:
        there = endpoints[name]
        return _checked(
            there, api, there.aliases.get(model, model), asked, f"model names provider {name}"
        )
    rule = _rule_for(rules, asked)
    if rule is not None and not rule.targets[0].startswith(TIER_PREFIX):
        return _named(endpoints, rule.targets[0], api, asked, f"route {rule.model}")
    for endpoint in endpoints.values():
        if asked in endpoint.aliases:  # of one provider only: the configuration is checked for it
            model = endpoint.aliases[asked]
            return _checked(endpoint, api, model, asked, f"alias of {endpoint.name}")
    if default and not default.startswith(TIER_PREFIX):
        name, _, model = default.partition(":")
        target = model or asked
        if model and model in endpoints[name].aliases:
            target = endpoints[name].aliases[model]
        # Embeddings and counts keep their model: a default model is for conversations.
        if api == "embeddings":
            target = asked
        if spoken_to(endpoints[name], api, target) is not None:
            return _checked(endpoints[name], api, target, asked, "routing.default")
    if asked and len(endpoints) > 1 and api != "embeddings":
        knowing = [endpoint for endpoint in endpoints.values() if endpoint.knows(asked)]
        native = [endpoint for endpoint in knowing if spoken_to(endpoint, api, asked) == api]
        for endpoint in (*native, *knowing):
            if spoken_to(endpoint, api, asked) is not None:
                return _checked(endpoint, api, asked, asked, f"{endpoint.name} has this model")
    for endpoint in endpoints.values():
        if spoken_to(endpoint, api, asked) == api:
            return _checked(endpoint, api, asked, asked, f"first provider that serves {api}")
    for endpoint in endpoints.values():
        if spoken_to(endpoint, api, asked) is not None:
            return _checked(endpoint, api, asked, asked, "first provider, translated")
    raise _not_served(next(iter(endpoints.values())), api)


def chain(
    endpoints: Mapping[str, Endpoint],
    default: str,
    api: str,
    asked: str,
    rules: Sequence[RouteRule] = (),
    fallbacks: Sequence[str] = (),
) -> list[Route]:
    """The first target and those to try when it fails, in order, each once. A later one that cannot
    take this API is passed over."""
    first = resolve(endpoints, default, api, asked, rules)
    rule = _rule_for(rules, asked)
    by_rule = rule is not None and first.reason == f"route {rule.model}"
    later = rule.targets[1:] if rule is not None and by_rule else fallbacks
    if api == "embeddings" and not by_rule:
        later = ()  # vectors of different models do not compare
    found = [first]
    _add(found, endpoints, later, api, asked, f"after {first.endpoint.name} failed")
    return found


def tier_chain(
    endpoints: Mapping[str, Endpoint],
    targets: Sequence[str],
    api: str,
    asked: str,
    tier: str,
    fallbacks: Sequence[str] = (),
) -> list[Route]:
    """The targets of a tier and those to try when all of them fail, each once; one that cannot take
    this API is passed over. Raises ``GatewayError`` (400) when none can."""
    found: list[Route] = []
    refused = _add(found, endpoints, targets, api, asked, f"tier {tier}")
    if not found and refused is not None:
        raise refused
    _add(found, endpoints, fallbacks, api, asked, f"after tier {tier} failed")
    return found


def _add(
    found: list[Route],
    endpoints: Mapping[str, Endpoint],
    targets: Sequence[str],
    api: str,
    asked: str,
    reason: str,
) -> GatewayError | None:
    """Add what can take this API and is not there yet; the first refusal."""
    refused: GatewayError | None = None
    for target in targets:
        if target.startswith(TIER_PREFIX):
            continue
        try:
            route = _named(endpoints, target, api, asked, reason)
        except GatewayError as error:
            refused = refused or error
            continue
        if all((r.endpoint, r.model) != (route.endpoint, route.model) for r in found):
            found.append(msgspec.structs.replace(route, instead=True))
    return refused


def _rule_for(rules: Sequence[RouteRule], asked: str) -> RouteRule | None:
    if not asked:
        return None
    return next((rule for rule in rules if fnmatchcase(asked, rule.model)), None)


def _named(
    endpoints: Mapping[str, Endpoint], target: str, api: str, asked: str, reason: str
) -> Route:
    """A target as the configuration writes it: "provider" or "provider:model"."""
    name, _, model = target.partition(":")
    there = endpoints[name]
    model = model or asked
    return _checked(there, api, there.aliases.get(model, model), asked, reason)
