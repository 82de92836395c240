"""What goes to the upstream: head and body for the target that a call is planned for.

Runs once per target tried, always from the client's own bytes, so that a second target never gets
what was made for the first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from lynkr._native.headers import value_of, without
from lynkr._native.paths import PathTable, find_spans
from lynkr._native.spans import MESSAGES
from lynkr.errors import GatewayError
from lynkr.gateway.shaping import DIALECTS, named_session, shaped
from lynkr.gateway.translate import Plan, Translation
from lynkr.policies.access import bearer
from lynkr.transforms.fitting import fitted
from lynkr.transforms.neutral_marks import marked
from lynkr.wire.codec import Losses, codec
from lynkr.wire.message import Request
from lynkr.wire.seals import MARK

if TYPE_CHECKING:
    from lynkr._native.requests import InboundRequest
    from lynkr.gateway.exchange import Exchange
    from lynkr.gateway.rules import PlannedRoute
    from lynkr.providers.catalog import Endpoint
    from lynkr.providers.edits import Edits
    from lynkr.wire.codec import Target

REQUEST_PATHS = PathTable("model", "stream")
FITTED = {**DIALECTS, "count_tokens": MESSAGES}
# Of a translated call the provider sees only what says nothing about the dialect.
_NEUTRAL_HEADERS = (b"user-agent", b"traceparent", b"tracestate", b"baggage")


def write(exchange: Exchange) -> None:
    """The upstream's head and body for ``exchange.planned``. Raises ``GatewayError``."""
    planned, request = exchange.planned, exchange.request
    assert planned is not None
    body = exchange.original
    if planned.lane == "estimate":
        return  # answered here, of the client's own bytes
    exchange.edited = False
    reshaped = shaped(exchange, planned)
    if planned.plan is not None:
        _write_translated(exchange, planned, body if reshaped is None else reshaped.body)
        return
    exchange.translation = None
    endpoint = planned.route.endpoint
    lines = request.head
    if endpoint.default_headers or endpoint.forced_headers:
        lines = _with_headers(request, endpoint)
    if endpoint.auth == "client":
        lines += _own_credential(exchange, planned)
    exchange.dropped = ()
    if reshaped is not None:
        body = reshaped.body
        exchange.edited = reshaped.changed
    token = planned.model_token if reshaped is None else None
    cleaned = planned.cleaning is not None and MARK in body
    if cleaned and planned.cleaning is not None:
        body = _unsealed(exchange, planned.cleaning, body)
        token = None
    if planned.fitting is not None:
        body = _fitted(exchange, planned.fitting, body, cleaned=cleaned)
    if token is not None:
        body = _renamed(body, token)
    if planned.edits is not None:
        body = _edited(exchange, planned.edits, body)
    query = request.query
    if planned.fixed_query or exchange.api.model_in_path:
        query = _query(query, planned.fixed_query)
    exchange.body = body
    line = planned.line_stream if exchange.stream else planned.line
    exchange.head = b"%b%b%b%bcontent-length: %d\r\n\r\n" % (
        line,
        query,
        planned.head
        if planned.keys is None and planned.signer is None
        else planned.head + _credential(exchange, planned, line + query, body),
        lines,
        len(body),
    )


def _write_translated(exchange: Exchange, planned: PlannedRoute, original: bytes) -> None:
    plan, request = planned.plan, exchange.request
    assert plan is not None
    asked = exchange.asked
    if asked is None or original is not exchange.original:
        asked = codec(plan.client).decode_request(original, planned.asked, exchange.stream)
        if original is exchange.original:
            exchange.asked = asked
    to_send = _marked(exchange, planned, _continued(exchange, asked))
    if exchange.api.kept_by_id and original is not exchange.original:
        # Replies of this dialect repeat the request's settings: those that the client sent.
        asked = codec(plan.client).decode_request(exchange.original, planned.asked, exchange.stream)
    translation = exchange.translation = Translation(
        asked,
        to_send,
        plan,
        call_id=exchange.request_id.removeprefix("req_"),
        created=int(time.time()),
    )
    body = translation.body
    exchange.dropped = translation.dropped
    if planned.edits is not None:
        body = _edited(exchange, planned.edits, body)
    exchange.body = body
    endpoint = planned.route.endpoint
    line = planned.line_stream if exchange.stream else planned.line
    lines = b"content-type: application/json\r\naccept-encoding: identity\r\n"
    for name in _NEUTRAL_HEADERS:
        value = value_of(request.head, name)
        if value is not None:
            lines += name + b": " + value + b"\r\n"
    lines += b"".join(default for _, default in endpoint.default_headers)
    if endpoint.session_header:
        session = named_session(request.head)
        if session is not None:  # the provider's prompt cache is on one of its machines
            lines += endpoint.session_header + b": " + session + b"\r\n"
    lines = _forced(lines, endpoint)
    if endpoint.auth == "client":
        lines += _lent_credential(exchange, endpoint)
    head = planned.head
    if planned.keys is not None or planned.signer is not None:
        head += _credential(exchange, planned, line, body)
    exchange.head = b"%b%b%bcontent-length: %d\r\n\r\n" % (line, head, lines, len(body))


def _unsealed(exchange: Exchange, plan: Plan, body: bytes) -> bytes:
    """The body without other providers' reasoning.

    The conversation has been with one of them, after a failover or by another route, and this
    provider would refuse what it did not sign itself.
    """
    request = codec(plan.client).decode_request(body, plan.target.model, exchange.stream)
    losses = Losses()
    written = codec(plan.spoken).encode_request(request, plan.target, losses)
    exchange.dropped = tuple(dict.fromkeys(loss.name for loss in losses.found))
    exchange.edited = True
    return written


def _fitted(exchange: Exchange, target: Target, body: bytes, *, cleaned: bool) -> bytes:
    """The body as a model takes it that was chosen in place of the one that was asked for. What
    is left out or changed for it is listed for the client."""
    layout, dialect = exchange.layout, FITTED[exchange.api.name]
    try:
        if body is not exchange.original and layout is not None:
            # Passes leave settings alone: where the client's own words fit, no scan is needed.
            if not cleaned and not fitted(exchange.original, layout, dialect, target).changed:
                return body
            layout = None
        found = fitted(body, layout, dialect, target)
    except Exception as error:  # the provider can still say what is wrong with it
        exchange.desk.crashed(error)
        return body
    if found.changed:
        exchange.edited = True
        exchange.dropped = tuple(dict.fromkeys(exchange.dropped + found.changed))
    return found.body


def _edited(exchange: Exchange, edits: Edits, body: bytes) -> bytes:
    """The body after the catalog's edits; what they leave out is listed for the client."""
    changes: list[tuple[str, str]] = []
    edited = edits.apply(body, changes)
    exchange.edited = exchange.edited or edited is not body
    if changes:
        exchange.dropped += tuple(field for what, field in changes if what == "drop")
    return edited


def _marked(exchange: Exchange, planned: PlannedRoute, request: Request) -> Request:
    """The request with prompt-cache marks, and a session's name, for a target that has a use for
    them: its client's dialect may have no words for either."""
    aim = planned.aim
    if aim is None or exchange.shaped is None:
        return request
    if not aim.long_enough(len(exchange.original)):
        return request  # nothing of it would be kept
    if aim.cache_key and not request.prompt_cache_key and exchange.cache_key:
        request = msgspec.structs.replace(request, prompt_cache_key=exchange.cache_key)
    if aim.marks:
        request = marked(request, exchange.marks, aim.breakpoints_max, moving=exchange.moving)
    return request


def _continued(exchange: Exchange, asked: Request) -> Request:
    """The request with what its ``previous_response_id`` stands for."""
    if not asked.previous_response_id:
        return asked
    earlier = exchange.rules.standing.conversations.find(
        caller_of(exchange), asked.previous_response_id, time.monotonic()
    )
    if earlier is None:
        raise GatewayError(
            "previous_response_not_found",
            400,
            f"Previous response with id {asked.previous_response_id!r} not found.",
            source="client",
            field="previous_response_id",
            hint="Send the whole conversation as input.",
        )
    return msgspec.structs.replace(
        asked, messages=[*earlier, *asked.messages], previous_response_id=""
    )


def _credential(exchange: Exchange, planned: PlannedRoute, line: bytes, body: bytes) -> bytes:
    """The header lines of a credential that is chosen, or made, for each call."""
    if planned.signer is not None:
        return planned.signer.lines(line.removeprefix(b"POST "), body)
    assert planned.keys is not None
    exchange.key_index = planned.keys.choose(session_of(exchange), time.monotonic())
    return planned.keys.line(exchange.key_index)


def caller_of(exchange: Exchange) -> str:
    """The name on whose behalf the call is made."""
    principal = exchange.request.principal
    return principal.name if principal is not None else ""


def session_of(exchange: Exchange) -> bytes:
    """What tells one session's calls from another's: the name that its client gives it, which
    sub-agents share, else how it began, else the caller."""
    session = named_session(exchange.request.head)
    if session is not None:
        return session
    return (exchange.cache_key or caller_of(exchange)).encode()


def _with_headers(request: InboundRequest, endpoint: Endpoint) -> bytes:
    """Default headers where the client sent none; forced ones in place of the client's."""
    lines = request.head
    for name, line in endpoint.default_headers:
        # Every Messages client sends this one, and the front has seen it: no search is needed.
        if name == b"anthropic-version" and request.anthropic_version is not None:
            continue
        if value_of(lines, name) is None:
            lines += line
    return _forced(lines, endpoint)


def _forced(lines: bytes, endpoint: Endpoint) -> bytes:
    """The lines with the configuration's own in place of others of those names."""
    if not endpoint.forced_headers:
        return lines
    names = {name for name, _ in endpoint.forced_headers}
    return without(lines, names) + b"".join(line for _, line in endpoint.forced_headers)


def _ours(exchange: Exchange, *values: bytes | None) -> bool:
    """Whether any of these is a key of this gateway, which never leaves it."""
    keyring = exchange.rules.keyring
    return bool(keyring) and any(value and keyring.find(value) for value in values)


def _own_credential(exchange: Exchange, planned: PlannedRoute) -> bytes:
    """The caller's own credential, passed on as it came."""
    request, endpoint = exchange.request, planned.route.endpoint
    forced = {name for name, _ in endpoint.forced_headers}
    lines = b""
    given = request.authorization
    if (
        given is not None
        and b"authorization" not in forced
        and not _ours(exchange, given, bearer(given))
    ):
        lines += b"authorization: " + given + b"\r\n"
    given = request.api_key
    # Azure and Google have names of their own for the same thing.
    name = endpoint.key_header if endpoint.key_header != b"authorization" else b"x-api-key"
    if given is not None and name not in forced and not _ours(exchange, given):
        lines += name + b": " + given + b"\r\n"
    return lines


def _lent_credential(exchange: Exchange, endpoint: Endpoint) -> bytes:
    """The caller's own credential, in the header that another dialect's provider looks for."""
    request = exchange.request
    given = request.api_key or bearer(request.authorization)
    if given is None or _ours(exchange, given):
        return b""
    return b"%b: %b%b\r\n" % (endpoint.key_header, endpoint.key_prefix, given)


def _query(query: bytes, fixed: bytes) -> bytes:
    """The client's query without a key in it, and what the endpoint's own path brings."""
    kept = [pair for pair in query[1:].split(b"&") if pair and not pair.lower().startswith(b"key=")]
    names = {pair.partition(b"=")[0] for pair in kept}
    kept += [pair for pair in fixed.split(b"&") if pair and pair.partition(b"=")[0] not in names]
    return b"?" + b"&".join(kept) if kept else b""


def _renamed(body: bytes, token: bytes) -> bytes:
    """The body with another ``model``; every other byte is the client's own."""
    spans = find_spans(REQUEST_PATHS, body)
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
