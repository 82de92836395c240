"""The life of a request, phase by phase, up to the upstream write.

``PHASES`` is the order; a phase reads what earlier ones set and fills its own slots, or raises
``GatewayError``, which ends the call in the client's dialect. Nothing here waits.
"""

from __future__ import annotations

import msgspec

from lynkr._native.headers import value_of, without
from lynkr._native.paths import PathTable, find_spans
from lynkr._native.requests import InboundRequest
from lynkr.errors import GatewayError
from lynkr.gateway.exchange import Exchange
from lynkr.gateway.rules import Rules
from lynkr.policies.access import ANONYMOUS, Principal, bearer
from lynkr.providers.catalog import Endpoint
from lynkr.wire.format import UNREADABLE

_REQUEST = PathTable("model", "stream")


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


def read(exchange: Exchange) -> None:
    """Find the model and whether a stream is asked for, without decoding anything else.

    A body that is no JSON object goes to the default provider as it is: the provider answers it.
    """
    body = exchange.body = exchange.request.body()
    spans = find_spans(_REQUEST, body)
    if spans is None:
        _read_slowly(exchange, body)
        return
    model, stream = spans
    if model is not None:
        exchange.model_token = body[model[0] : model[1]]
    if stream is not None:
        exchange.stream = body[stream[0]] == 116  # "true"


def _read_slowly(exchange: Exchange, body: bytes) -> None:
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except UNREADABLE:
        return
    if asked.model is not None:
        exchange.model_token = msgspec.json.encode(asked.model)
    exchange.stream = bool(asked.stream)


def route(exchange: Exchange) -> None:
    exchange.planned = exchange.rules.route(exchange.api.name, exchange.model_token)


def write(exchange: Exchange) -> None:
    """The upstream's head; the body too when an alias renames its model."""
    planned, request = exchange.planned, exchange.request
    assert planned is not None
    endpoint = planned.route.endpoint
    lines = request.head
    if endpoint.default_headers or endpoint.forced_headers:
        lines = _with_headers(request, endpoint)
    if endpoint.auth == "client":
        lines += _own_credential(exchange)
    if planned.model_token is not None:
        exchange.body = _renamed(exchange.body, planned.model_token)
    exchange.head = b"%b%b%b%bcontent-length: %d\r\n\r\n" % (
        planned.line,
        request.query,
        planned.head,
        lines,
        len(exchange.body),
    )


def send(exchange: Exchange) -> None:
    assert exchange.planned is not None
    exchange.send(exchange.planned)


PHASES = (read, route, write, send)


def run(exchange: Exchange) -> None:
    """Take a complete request as far as the upstream write."""
    exchange.inbound.begin(exchange)
    exchange.desk.opened(exchange)
    try:
        for phase in PHASES:
            phase(exchange)
    except GatewayError as error:
        exchange.refuse(error)
    except Exception as error:
        # One broken call must not take the worker's other streams with it.
        exchange.desk.crashed(error)
        exchange.refuse(
            GatewayError(
                "internal_error", 500, "The gateway failed on this request.", source="gateway"
            )
        )


def _with_headers(request: InboundRequest, endpoint: Endpoint) -> bytes:
    """Default headers where the client sent none; forced ones in place of the client's."""
    lines = request.head
    for name, line in endpoint.default_headers:
        # Every Messages client sends this one, and the front has seen it: no search is needed.
        if name == b"anthropic-version" and request.anthropic_version is not None:
            continue
        if value_of(lines, name) is None:
            lines += line
    if endpoint.forced_headers:
        lines = without(lines, {name for name, _ in endpoint.forced_headers})
        lines += b"".join(line for _, line in endpoint.forced_headers)
    return lines


def _own_credential(exchange: Exchange) -> bytes:
    """The caller's own credential, passed on; a key of this gateway never is."""
    request, keyring = exchange.request, exchange.rules.keyring
    assert exchange.planned is not None
    forced = {name for name, _ in exchange.planned.route.endpoint.forced_headers}

    def ours(*values: bytes | None) -> bool:
        return bool(keyring) and any(value and keyring.find(value) for value in values)

    lines = b""
    given = request.authorization
    if given is not None and b"authorization" not in forced and not ours(given, bearer(given)):
        lines += b"authorization: " + given + b"\r\n"
    given = request.api_key
    if given is not None and b"x-api-key" not in forced and not ours(given):
        lines += b"x-api-key: " + given + b"\r\n"
    return lines


def _renamed(body: bytes, token: bytes) -> bytes:
    """The body with another ``model``; every other byte is the client's own."""
    spans = find_spans(_REQUEST, body)
    if spans is None or spans[0] is None:
        raise GatewayError(
            "unreadable_model",
            400,
            "The alias cannot be replaced in this body.",
            source="client",
            field="model",
            hint='Write the key as a plain "model".',
        )
    start, end = spans[0]
    return body[:start] + token + body[end:]
