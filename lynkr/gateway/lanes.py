"""How bytes return: the client's reply head, who reads along, and the gateway's own replies.

Splice and edit replies pass unchanged; only the head differs, by hop-by-hop headers and the
gateway's own ``x-lynkr-*`` lines.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from lynkr._native.headers import value_of
from lynkr._native.outbound import Outbound
from lynkr._native.requests import InboundRequest
from lynkr._native.sse import ReplyTee
from lynkr.errors import GatewayError
from lynkr.gateway.translate import failure_of
from lynkr.wire.chat import format as openai_chat
from lynkr.wire.encoding import decoder_for
from lynkr.wire.format import Api, Reading

if TYPE_CHECKING:
    from lynkr.gateway.exchange import Exchange

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


def chunk(data: bytes) -> bytes:
    """One piece in chunked framing."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def tee_for(
    api: Api, outbound: Outbound, rename: bytes | None
) -> tuple[Reading | None, ReplyTee | None]:
    """Who reads this reply along, and puts the asked model name (``rename``) into it. Error replies
    are passed on unread, encoded ones unchanged."""
    if outbound.status != 200 or outbound.content_type is None:
        return None, None
    content_type = outbound.content_type.lower()
    if content_type.startswith(b"text/event-stream"):
        reading = api.format.events
    elif content_type.startswith(b"application/json"):
        reading = api.body
    else:
        return None, None
    decoder = decoder_for(outbound.content_encoding)
    return reading, reading.tee(decoder, rename)


def reply_head(
    outbound: Outbound,
    request: InboundRequest,
    lines: bytes,
    request_id: str,
    overhead_us: int,
    *,
    saved: int,
    resized: bool,
) -> tuple[bytes, bool]:
    """The head for the client, and whether the body goes out in chunks.

    ``lines``: the gateway's own about this call. ``saved``: estimated tokens that were not sent.
    ``resized``: the body's length will differ from the upstream's.
    """
    chunked = False
    closing = not request.keep_alive
    if outbound.length is not None and not outbound.chunked and not resized:
        framing = b"content-length: %b\r\n" % outbound.length
    elif outbound.status in (204, 304):
        framing = b""
    elif request.http_1_0:
        framing = b""
        closing = True  # nothing but the end of the connection ends this body
    else:
        framing = b"transfer-encoding: chunked\r\n"
        chunked = True
    if closing:
        framing += b"connection: close\r\n"
    elif request.http_1_0:
        framing += b"connection: keep-alive\r\n"
    head = (
        b"HTTP/1.1 %d %b\r\n%b%bx-lynkr-tokens-saved: %d\r\nx-lynkr-request-id: %b\r\n"
        b"x-lynkr-overhead-us: %d\r\n%b\r\n"
    ) % (
        outbound.status,
        outbound.reason,
        outbound.head,
        lines,
        saved,
        request_id.encode(),
        overhead_us,
        framing,
    )
    return head, chunked


def dropped_line(dropped: tuple[str, ...]) -> bytes:
    """What the target did not get, for the client to see."""
    return b"x-lynkr-dropped: %b\r\n" % ", ".join(dropped).encode() if dropped else b""


# Of a provider's reply in another dialect, what its client can still use: when to come back, and
# the names under which support will find the call.
_KEPT_HEADERS = (
    b"retry-after", b"retry-after-ms", b"x-should-retry", b"request-id", b"x-request-id", b"date",
)  # fmt: skip


def kept_lines(head: bytes) -> bytes:
    """The lines of a foreign reply's head that pass."""
    lines = b""
    for name in _KEPT_HEADERS:
        value = value_of(head, name)
        if value is not None:
            lines += name + b": " + value + b"\r\n"
    return lines


def translated_head(
    status: int,
    kept: bytes,
    request: InboundRequest,
    lines: bytes,
    request_id: str,
    overhead_us: int,
    dropped: tuple[str, ...],
    *,
    saved: int,
    streamed: bool,
    length: int | None,
) -> tuple[bytes, bool]:
    """The head of a reply that the gateway writes itself, and whether its body goes out in chunks.

    ``kept``: lines of the provider's that pass. ``lines``: the gateway's own about this call.
    ``length`` ``None``: not known yet.
    """
    chunked = length is None and not request.http_1_0
    if length is not None:
        framing = b"content-length: %d\r\n" % length
    else:
        framing = b"transfer-encoding: chunked\r\n" if chunked else b""
    if not request.keep_alive or (length is None and request.http_1_0):
        framing += b"connection: close\r\n"
    elif request.http_1_0:
        framing += b"connection: keep-alive\r\n"
    if streamed:
        kind = (
            b"text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no"
        )
    else:
        kind = b"application/json"
    head = (
        b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\n%b%b%bx-lynkr-tokens-saved: %d\r\n"
        b"x-lynkr-request-id: %b\r\n"
        b"x-lynkr-overhead-us: %d\r\n%b\r\n"
    ) % (
        status,
        _REASONS.get(status, b"Error"),
        kind,
        kept,
        lines,
        dropped_line(dropped),
        saved,
        request_id.encode(),
        overhead_us,
        framing,
    )
    return head, chunked


def error_reply(
    error: GatewayError,
    api: Api | None,
    request_id: str,
    *,
    keep: bool,
    http_1_0: bool = False,
    more: bytes = b"",
) -> tuple[bytes, int]:
    """A whole reply that the gateway gives itself, in the dialect of the route, and its body's
    length."""
    encode = api.format.error_body if api is not None else openai_chat.error_body
    body = encode(error, request_id)
    connection = (
        b"connection: close\r\n"
        if not keep
        else (b"connection: keep-alive\r\n" if http_1_0 else b"")
    )
    if error.status == 401:
        more += b"www-authenticate: Bearer\r\n"
    if error.retry_after_s is not None:
        more += b"retry-after: %d\r\n" % error.retry_after_s
    reply = (
        b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
        b"%bx-lynkr-request-id: %b\r\nx-lynkr-error: %b\r\n%b\r\n%b"
    ) % (
        error.status,
        _REASONS.get(error.status, b"Error"),
        len(body),
        more,
        request_id.encode(),
        error.kind.encode(),
        connection,
        body,
    )
    return reply, len(body)


def last_words(exchange: Exchange, error: GatewayError) -> bytes:
    """What ends a reply that is broken off: an event in its dialect, where it is a stream."""
    last = b""
    tee = exchange.tee
    if exchange.translator is not None:
        last = exchange.translator.error_event(failure_of(error))
    elif (
        tee is not None
        and exchange.reading is not None
        and exchange.reading.events
        and exchange.plain
    ):
        # A half-sent event is ended by the line end and takes the error as its rest: clients
        # look at the event name first. In an encoded stream no plain event can be added.
        event = exchange.api.format.error_event(error)
        last = event if tee.at_boundary else b"\n" + event
    return chunk(last) if last and not exchange.request.http_1_0 else last
