"""The configuration in force: endpoints, keys and routes, with everything a call needs as bytes.

Made once per configuration and never changed; a reload makes another one, and calls under way keep
the one they began with. Routes are remembered per (API, model name), so that the second call for a
model costs a dictionary lookup.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from lynkr.config.settings import TIER_PREFIX, CacheMode, Settings, Tier
from lynkr.errors import GatewayError
from lynkr.gateway.standing import Standing
from lynkr.gateway.tiers import TOKEN_BYTES_MAX, Tiering
from lynkr.gateway.translate import Plan
from lynkr.policies.access import Keyring
from lynkr.policies.breaker import Breaker
from lynkr.policies.keys import KeyPool
from lynkr.policies.prompt_cache import CacheRules, rules_for
from lynkr.policies.resolve import Route, chain, tier_asked, tier_chain
from lynkr.providers.catalog import Endpoint, endpoints
from lynkr.providers.edits import Edits
from lynkr.providers.losses import tolerated
from lynkr.providers.models import Prices
from lynkr.transforms.cache_plan import Aim, aim_at
from lynkr.upstream.credentials import Credentials, Signer
from lynkr.upstream.pool import OriginPool, Pool
from lynkr.wire.apis import APIS, TRANSLATED
from lynkr.wire.codec import Target
from lynkr.wire.format import UNREADABLE
from lynkr.wire.tokens import family_of

_FITTED = ("messages", "count_tokens", "chat", "responses")  # APIs whose bodies can be fitted
ROUTES_MAX = 4096  # model names are the clients' choice: forget all when somebody makes them up


class PlannedRoute(msgspec.Struct, frozen=True):
    """One target with its bytes, and what comes after it."""

    route: Route
    asked: str  # the model as the client named it
    provider: str
    pool: OriginPool
    line: bytes  # b"POST /v1/messages"; the query follows
    line_stream: bytes  # the same for a call that asks for a stream
    fixed_query: bytes  # b"api-version=..." that every call of this endpoint has
    head: bytes  # b" HTTP/1.1\r\nhost: ...\r\n" and the credential, if there is just one
    keys: KeyPool | None  # several credentials, of which each call takes one
    signer: Signer | None  # makes a credential for each call
    model_token: bytes | None  # JSON string to put in the body's `model`, when it changes
    rename: bytes | None  # and the one asked for, to put in the reply's: clients compare them
    reply_lines: bytes  # x-lynkr-provider, -model, -lane
    edited_lines: bytes  # the same when the catalog's edits have changed the body
    cached_lines: bytes  # and when a kept answer, or another call's reply, was given
    lane: str  # splice | edit | translate | estimate
    breaker: Breaker
    edits: Edits | None  # of the catalog, on the body's top level
    plan: Plan | None  # how to translate, when the lane is that
    cleaning: Plan | None  # how to take out what only other providers of the configuration can read
    fitting: Target | None  # what a body is fitted to that was worded for another model
    aim: Aim | None  # the target's prompt cache, as the token passes see it
    cache_rules: CacheRules | None  # and as the bill does
    prices: Prices | None
    family: str  # whose tokenizer counts here
    cache_mode: CacheMode  # off | exact | semantic, where a key does not say otherwise
    following: PlannedRoute | None  # the target to try when this one fails


def cache_mode(configured: CacheMode, endpoint: Endpoint) -> CacheMode:
    """What the cache may do for calls to an endpoint."""
    if configured != "auto":
        return configured
    return "semantic" if endpoint.reworded else "exact"


def header_text(value: str) -> str:
    """A name safe in a header value: the client chose it, so line ends and the like are escaped."""
    return quote(value[:256], safe="!#$&'()*+,/:;=?@[]-._~ |{}<>^`")


class Rules:
    """One configuration, ready for calls. Raises ``ConfigError``."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        pool: Pool,
        standing: Standing | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.settings = settings
        self.keyring = Keyring(settings.auth.keys, required=settings.auth.required)
        self.endpoints: dict[str, Endpoint] = endpoints(settings, environ)
        self.standing = standing or Standing()
        self._credentials = credentials
        self._pool = pool
        self._routes: dict[tuple[str, bytes], PlannedRoute] = {}
        self.tiering = Tiering(self) if settings.routing.tiered else None
        # Whether a call's words matter even where neither passes nor the cache look at them.
        self.reads_words = self.tiering is not None or settings.routing.answer_side_calls

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

    def tier_asked(self, token: bytes) -> str:
        """The tier that a model name stands for here: "auto", a tier's name, or "" for a model's
        own name. Raises ``GatewayError`` (400) for a name that is no string."""
        return tier_asked(
            self.endpoints, self.settings.routing.default, _name(token), self.settings.routes
        )

    def tier_targets(self, api: str, token: bytes, tier: Tier) -> PlannedRoute:
        """The chain of a tier, for calls whose ``model`` is the JSON string ``token``. Raises
        ``GatewayError`` (400) when none of it can take the API."""
        asked, routing = _name(token), self.settings.routing
        targets = tier_chain(
            self.endpoints, routing.chain(tier), api, asked, tier, routing.fallbacks
        )
        return self._linked(targets, token, asked)

    def _plan(self, api: str, token: bytes) -> PlannedRoute:
        asked, routing = _name(token), self.settings.routing
        if asked.startswith(TIER_PREFIX):
            raise GatewayError(
                "invalid_model", 400, f"{header_text(asked)} is for conversations."
                if routing.tiered else "This gateway has no tiers of models.",
                source="client", field="model",
                hint="Name a model." if routing.tiered
                else "Name a model, or set routing.simple, medium, complex and reasoning.",
            )  # fmt: skip
        targets = chain(
            self.endpoints, routing.default, api, asked, self.settings.routes, routing.fallbacks
        )
        return self._linked(targets, token, asked)

    def _linked(self, targets: list[Route], token: bytes, asked: str) -> PlannedRoute:
        planned: PlannedRoute | None = None
        for route in reversed(targets):
            planned = self._target(route, token, asked, planned)
        assert planned is not None
        return planned

    def _target(
        self, route: Route, token: bytes, asked: str, following: PlannedRoute | None
    ) -> PlannedRoute:
        endpoint, spoken = route.endpoint, route.spoken
        edits = endpoint.edits_for(spoken, route.model)
        facts = endpoint.facts(route.model) if route.model else None
        rewritten = route.rewritten and bool(token)
        plan = cleaning = fitting = None
        if not spoken:
            lane = "estimate"
            counter = next(
                (api for api in endpoint.apis_for(route.model) if endpoint.path_of(f"{api}_count")),
                "",
            )
            if counter:
                lane, spoken = "translate", f"{counter}_count"
                plan = msgspec.structs.replace(self._translation(route, counter), counting=True)
        elif spoken != route.api:
            lane = "translate"
            plan = self._translation(route, spoken)
        else:
            lane = "edit" if rewritten else "splice"
            if spoken in TRANSLATED and len(self.endpoints) > 1:
                cleaning = self._translation(route, spoken)
            # Who asks for a model, or gives it another name, knows what it takes; of one that the
            # gateway chose nobody does.
            instead = rewritten and route.instead and spoken in _FITTED
            if instead and endpoint.knows(route.model):
                fitting = _target_of(route)
        in_body = rewritten and plan is None and not APIS[route.api].model_in_path
        # Towards the client the reply names what it asked for, unless a translation does it anyway.
        rename = token if rewritten and plan is None else None
        shown = f"x-lynkr-model: {header_text(route.model)}\r\n" if route.model else ""
        line, fixed_query = _request_line(endpoint.path_of(spoken), route.model)
        line_stream, stream_query = _request_line(
            endpoint.path_of(f"{spoken}_stream") or endpoint.path_of(spoken), route.model
        )
        if plan is not None:  # else the client's own query comes first
            line = b"%b?%b" % (line, fixed_query) if fixed_query else line
            line_stream = b"%b?%b" % (line_stream, stream_query) if stream_query else line_stream
        keys = None
        head = b" HTTP/1.1\r\n" + endpoint.host_line
        if len(endpoint.key_pool) > 1:
            keys = self.standing.keys(endpoint.name, endpoint.key_pool)
        else:
            head += endpoint.key_lines
        return PlannedRoute(
            route=route,
            asked=asked,
            provider=endpoint.name,
            pool=self._pool.at(endpoint.origin),
            line=line,
            line_stream=line_stream,
            fixed_query=fixed_query if plan is None else b"",
            head=head,
            keys=keys,
            signer=self._credentials.signer(endpoint) if self._credentials is not None else None,
            rename=rename,
            model_token=msgspec.json.encode(route.model) if in_body else None,
            reply_lines=_reply_lines(endpoint.name, shown, lane),
            edited_lines=_reply_lines(endpoint.name, shown, "edit"),
            cached_lines=_reply_lines(endpoint.name, shown, "cache"),
            lane=lane,
            breaker=self.standing.breaker(endpoint.name, route.model, self.settings.failover),
            edits=edits,
            plan=plan,
            cleaning=cleaning,
            fitting=fitting,
            aim=aim_at(endpoint, route.model, spoken, translated=plan is not None),
            cache_rules=rules_for(endpoint.cache, facts),
            prices=facts.prices if facts is not None else None,
            family=family_of(route.model),
            cache_mode=cache_mode(self.settings.cache.mode, endpoint),
            following=following,
        )

    def _translation(self, route: Route, spoken: str) -> Plan:
        endpoint = route.endpoint
        return Plan(
            client=APIS[route.api].format.name,
            spoken=TRANSLATED[spoken],
            target=_target_of(route),
            drops=tolerated(TRANSLATED[spoken]) | endpoint.drops,
            provider=endpoint.name,
        )


def _target_of(route: Route) -> Target:
    endpoint, model = route.endpoint, route.model
    return Target(
        model=model,
        capabilities=endpoint.capabilities_for(model),
        output_tokens_max=endpoint.output_limit(model),
        missing_signature=endpoint.missing_signature,
    )


def _name(token: bytes) -> str:
    try:
        return msgspec.json.decode(token, type=str) if token else ""
    except UNREADABLE:
        raise GatewayError(
            "invalid_model", 400, "The model must be a string.", source="client", field="model"
        ) from None


def _reply_lines(provider: str, shown: str, lane: str) -> bytes:
    return f"x-lynkr-provider: {provider}\r\n{shown}x-lynkr-lane: {lane}\r\n".encode()


def _request_line(template: str, model: str) -> tuple[bytes, bytes]:
    """``POST`` and the path with the model filled in, and the query that the template brings."""
    path, _, query = template.replace("{model}", quote(model, safe="")).partition("?")
    return b"POST " + path.encode(), query.encode()
