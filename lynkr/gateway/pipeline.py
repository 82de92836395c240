"""The life of a request, phase by phase, up to the upstream write.

``PHASES`` is the order; a phase reads what earlier ones set and fills its own slots, or raises
``GatewayError``, which ends the call in the client's dialect. Nothing here waits: a call for which
an answer may be had elsewhere is left, and goes on with ``send_after_all`` when it was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

import msgspec

from lynkr._native.paths import find_spans
from lynkr._native.requests import InboundRequest
from lynkr._native.spans import scan
from lynkr.errors import GatewayError
from lynkr.gateway.estimate import estimate
from lynkr.gateway.exchange import Exchange
from lynkr.gateway.local import answer_side_call
from lynkr.gateway.recall import look_up, worth_reading
from lynkr.gateway.routing import routed
from lynkr.gateway.rules import PlannedRoute, Rules
from lynkr.gateway.shaping import DIALECTS, on_its_way, wanted
from lynkr.gateway.translate import internal
from lynkr.gateway.writing import REQUEST_PATHS, write
from lynkr.policies.access import ANONYMOUS, Principal, bearer
from lynkr.wire.format import UNREADABLE

Phase = Callable[[Exchange], object]  # true: the call needs no further phase, for now


class _Asked(msgspec.Struct):
    """The slow reading of a body whose keys are written with escapes."""

    model: str | None = None
    stream: bool | None = None


def admit(rules: Rules, request: InboundRequest) -> Principal:
    """Who is calling. Runs when the head is in, before a body is read. Raises ``GatewayError``
    (401)."""
    keyring = rules.keyring
    if not keyring:
        return ANONYMOUS
    presented = False
    for key in (
        request.gateway_header(b"x-lynkr-key"),
        request.api_key,
        bearer(request.authorization),
        _key_in_query(request),
    ):
        if key is not None:
            presented = True
            principal = keyring.find(key)
            if principal is not None:
                return principal
    if not keyring.required:
        return ANONYMOUS
    raise GatewayError(
        "invalid_key" if presented else "missing_key",
        401,
        "The key is not one of this gateway's." if presented else "This gateway needs a key.",
        source="client",
        hint="Send it as x-api-key, as Authorization: Bearer, or as x-lynkr-key.",
    )


def _key_in_query(request: InboundRequest) -> bytes | None:
    """Google's SDKs may send the key as ``?key=``; nobody else's do."""
    if b"key=" not in request.query or not request.route.model_in_path:
        return None
    found = parse_qs(request.query[1:].decode("latin-1")).get("key")
    return found[0].encode("latin-1") if found else None


def read(exchange: Exchange) -> None:
    """Find the model and whether a stream is asked for, without decoding anything else.

    A body that is no JSON object goes to the default provider as it is: the provider answers it.
    """
    body = exchange.original = exchange.request.body()
    if exchange.api.model_in_path:
        _read_path(exchange)
        return
    exchange.reshape = wanted(exchange)
    if exchange.reshape or worth_reading(exchange) or _words_matter(exchange):
        layout = exchange.layout = scan(body, DIALECTS[exchange.api.name])
        if layout is not None:
            if layout.model is not None:
                exchange.model_token = body[layout.model[0] : layout.model[1]]
            if layout.stream is not None:
                exchange.stream = body[layout.stream[0]] == 116  # "true"
            return
    spans = find_spans(REQUEST_PATHS, body)
    if spans is None:
        _read_slowly(exchange, body)
        return
    model, stream = spans
    if model is not None:
        exchange.model_token = body[model[0] : model[1]]
    if stream is not None:
        exchange.stream = body[stream[0]] == 116  # "true"


def _words_matter(exchange: Exchange) -> bool:
    return exchange.rules.reads_words and exchange.api.name in DIALECTS


def _read_path(exchange: Exchange) -> None:
    """Google's way: ``/v1beta/models/{model}:streamGenerateContent``."""
    path = exchange.request.path
    model, _, verb = path[path.index(b"/models/") + 8 :].rpartition(b":")
    exchange.model_token = msgspec.json.encode(unquote(model.decode("latin-1")))
    exchange.stream = verb.startswith(b"stream")


def _read_slowly(exchange: Exchange, body: bytes) -> None:
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except UNREADABLE:
        return
    if asked.model is not None:
        exchange.model_token = msgspec.json.encode(asked.model)
    exchange.stream = bool(asked.stream)


def route(exchange: Exchange) -> None:
    """The target that the configuration names first, by tiers where it has them."""
    rules = exchange.rules
    planned = None if rules.tiering is None else routed(exchange, rules.tiering)
    exchange.planned = planned or rules.route(exchange.api.name, exchange.model_token)


def choose(exchange: Exchange) -> None:
    """The first target of the chain whose circuit breaker lets calls pass."""
    first = exchange.planned
    assert first is not None
    now = time.monotonic()
    planned: PlannedRoute | None = first
    while planned is not None and not planned.breaker.allows(now):
        planned = planned.following
    if planned is None:
        raise circuit_open(first, now)
    exchange.planned = planned


def circuit_open(first: PlannedRoute, now: float) -> GatewayError:
    waits = []
    planned: PlannedRoute | None = first
    while planned is not None:
        waits.append(planned.breaker.wait_s(now))
        planned = planned.following
    return GatewayError(
        "circuit_open",
        503,
        f"Provider {first.provider!r} has failed several times in a row and is left alone.",
        source="upstream",
        retryable=True,
        retry_after_s=max(1, math.ceil(min(waits))),
    )


def recall(exchange: Exchange) -> bool:
    """True: a kept answer was sent, or the call waits for somebody else's reply."""
    return look_up(exchange, send_after_all)


def send(exchange: Exchange) -> None:
    planned = exchange.planned
    assert planned is not None
    if planned.lane == "estimate":
        exchange.answer(estimate(exchange.original))
        return
    exchange.rules.standing.budget.called()
    if exchange.session is not None:
        on_its_way(exchange, planned)
    exchange.send(planned)


PHASES: tuple[Phase, ...] = (read, route, answer_side_call, recall, choose, write, send)
_SENDING: tuple[Phase, ...] = (choose, write, send)


def run(exchange: Exchange) -> None:
    """Take a complete request as far as the upstream write."""
    exchange.inbound.begin(exchange)
    exchange.desk.opened(exchange)
    _take(exchange, PHASES)


def send_after_all(exchange: Exchange) -> None:
    """Send a call for which no kept answer was found in time."""
    _take(exchange, _SENDING)


def _take(exchange: Exchange, phases: tuple[Phase, ...]) -> None:
    try:
        for phase in phases:
            if phase(exchange):
                return
    except GatewayError as error:
        exchange.refuse(error)
    except Exception as error:
        # One broken call must not take the worker's other streams with it.
        exchange.desk.crashed(error)
        exchange.refuse(internal("request"))
