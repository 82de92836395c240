"""Which provider and model a request goes to: a pure function of its API and model name.

In order: a provider named in the model (``main:claude-sonnet-4-5``), an alias, ``routing.default``,
the first provider that serves the API. A model that the user chose is never replaced by another
one, except where the configuration says so: an alias, or a default that names a model.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lynkr.errors import GatewayError
from lynkr.providers.catalog import Endpoint
from lynkr.wire.apis import APIS


class Route(msgspec.Struct, frozen=True):
    """Where a request goes, and why."""

    endpoint: Endpoint
    api: str
    model: str  # to ask the upstream for; "" when the request names none
    rewritten: bool  # the body's model differs from ``model``
    reason: str


def _not_served(endpoint: Endpoint, api: str) -> GatewayError:
    served = ", ".join(APIS[name].path.decode() for name in endpoint.request_lines)
    return GatewayError(
        "api_not_served",
        400,
        f"Provider {endpoint.name!r} ({endpoint.kind}) does not serve {APIS[api].path.decode()}.",
        source="client",
        field="model",
        hint=f'It serves {served}. Name a provider that does, as in model "provider:model".',
    )


def _checked(endpoint: Endpoint, api: str, model: str, asked: str, reason: str) -> Route:
    if api not in endpoint.request_lines:
        raise _not_served(endpoint, api)
    # A body that names no model is sent as it is: nothing is put into it.
    return Route(endpoint, api, model if asked else "", bool(asked) and model != asked, reason)


def resolve(endpoints: Mapping[str, Endpoint], default: str, api: str, asked: str) -> Route:
    """Raises ``GatewayError`` (400) when no configured provider can take the request."""
    name, colon, model = asked.partition(":")
    if colon and name in endpoints:
        there = endpoints[name]
        return _checked(
            there, api, there.aliases.get(model, model), asked, f"model names provider {name}"
        )
    for endpoint in endpoints.values():
        if asked in endpoint.aliases:  # of one provider only: the configuration is checked for it
            model = endpoint.aliases[asked]
            return _checked(endpoint, api, model, asked, f"alias of {endpoint.name}")
    if default:
        name, _, model = default.partition(":")
        target = model or asked
        if model and model in endpoints[name].aliases:
            target = endpoints[name].aliases[model]
        # Embeddings and counts keep their model: a default model is for conversations.
        if api == "embeddings":
            target = asked
        if api in endpoints[name].request_lines:
            return _checked(endpoints[name], api, target, asked, "routing.default")
    for endpoint in endpoints.values():
        if api in endpoint.request_lines:
            return _checked(endpoint, api, asked, asked, f"first provider that serves {api}")
    raise _not_served(next(iter(endpoints.values())), api)
