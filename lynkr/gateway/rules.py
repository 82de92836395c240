"""The configuration in force: endpoints, keys and routes, with everything a call needs as bytes.

Made once per configuration and never changed; a reload makes another one, and calls under way keep
the one they began with. Routes are remembered per (API, model name), so that the second call for a
model costs a dictionary lookup.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from lynkr.config.settings import Settings
from lynkr.errors import GatewayError
from lynkr.policies.access import Keyring
from lynkr.policies.resolve import Route, resolve
from lynkr.providers.catalog import Endpoint, endpoints
from lynkr.upstream.pool import OriginPool, Pool
from lynkr.wire.format import UNREADABLE

TOKEN_BYTES_MAX = 512
ROUTES_MAX = 4096  # model names are the clients' choice: forget all when somebody makes them up


class PlannedRoute(msgspec.Struct, frozen=True):
    """A route with its bytes."""

    route: Route
    asked: str  # the model as the client named it
    provider: str
    pool: OriginPool
    line: bytes  # b"POST /v1/messages"; the query follows
    head: bytes  # b" HTTP/1.1\r\nhost: ...\r\n" and the credential
    model_token: bytes | None  # JSON string to put in the body's `model`, when it changes
    rename: bytes | None  # and the one asked for, to put in the reply's: clients compare them
    reply_lines: bytes  # x-lynkr-provider, -model, -lane, -cache, -tokens-saved
    lane: str


def header_text(value: str) -> str:
    """A name safe in a header value: the client chose it, so line ends and the like are escaped."""
    return quote(value[:256], safe="!#$&'()*+,/:;=?@[]-._~ |{}<>^`")


class Rules:
    """One configuration, ready for calls. Raises ``ConfigError``."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], pool: Pool) -> None:
        self.settings = settings
        self.keyring = Keyring(settings.auth.keys, required=settings.auth.required)
        self.endpoints: dict[str, Endpoint] = endpoints(settings, environ)
        self._pool = pool
        self._routes: dict[tuple[str, bytes], PlannedRoute] = {}

    def route(self, api: str, token: bytes) -> PlannedRoute:
        """The route of a request whose ``model`` is the JSON string ``token`` (empty: none given).

        Raises ``GatewayError`` when nobody serves it.
        """
        planned = self._routes.get((api, token))
        if planned is None:
            planned = self._plan(api, token)
            if len(token) > TOKEN_BYTES_MAX:
                return planned  # no real model's name: not worth remembering
            if len(self._routes) >= ROUTES_MAX:
                self._routes.clear()
            self._routes[api, token] = planned
        return planned

    def _plan(self, api: str, token: bytes) -> PlannedRoute:
        try:
            asked = msgspec.json.decode(token, type=str) if token else ""
        except UNREADABLE:
            raise GatewayError(
                "invalid_model", 400, "The model must be a string.", source="client", field="model"
            ) from None
        route = resolve(self.endpoints, self.settings.routing.default, api, asked)
        endpoint = route.endpoint
        rewritten = route.rewritten and bool(token)
        lane = "edit" if rewritten else "splice"
        shown = f"x-lynkr-model: {header_text(route.model)}\r\n" if route.model else ""
        return PlannedRoute(
            route=route,
            asked=asked,
            provider=endpoint.name,
            pool=self._pool.at(endpoint.origin),
            line=b"POST " + endpoint.request_lines[api],
            head=b" HTTP/1.1\r\n" + endpoint.host_line + endpoint.key_lines,
            rename=token if rewritten else None,
            model_token=msgspec.json.encode(route.model) if rewritten else None,
            reply_lines=(
                f"x-lynkr-provider: {endpoint.name}\r\n{shown}x-lynkr-lane: {lane}\r\n"
                "x-lynkr-cache: bypass\r\nx-lynkr-tokens-saved: 0\r\n"
            ).encode(),
            lane=lane,
        )
