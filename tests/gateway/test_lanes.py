"""How bytes return: heads for every framing, and who reads a reply along."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from lynkr._native.outbound import Outbound
from lynkr._native.sse import ReplyTee
from lynkr.errors import GatewayError
from lynkr.gateway.caching import BYPASS
from lynkr.gateway.lanes import chunk, error_reply, reply_head, tee_for
from lynkr.wire.apis import APIS
from tests.gateway.test_pipeline import BODY, MemoryTransport, received, rules, token
from tests.harness import http1

Answer = tuple[bytes, ReplyTee | None, bool]


class Heard:
    """The call, and the owner, of one connection to an upstream: what it is told."""

    def __init__(self) -> None:
        self.outbound: Outbound | None = None

    def reply_head(self, outbound: Outbound) -> Answer:
        self.outbound = outbound
        return b"", None, False

    def reply_done(self, outbound: Outbound) -> None: ...

    def released(self, outbound: Outbound, reusable: bool) -> None: ...

    def closed(self, outbound: Outbound) -> None: ...

    def crashed(self, error: BaseException) -> None:
        raise error

    def upstream_failed(self, outbound: Outbound, kind: str, message: str) -> None:
        raise AssertionError(message)

    reply_broken = upstream_failed


def replied(head: str) -> Outbound:
    """A connection whose reply head has come in."""
    heard = Heard()
    outbound = Outbound(heard, "origin", 0)
    outbound.connection_made(MemoryTransport())
    _, inbound, _ = received()
    outbound.start(
        cast(Any, heard),
        inbound,
        b"",
        b"",
        first_byte_timeout_s=1,
        idle_timeout_s=1,
        total_timeout_s=1,
    )
    outbound.data_received("\r\n".join([*head.split("\n"), "", ""]).encode("latin-1"))
    assert heard.outbound is outbound
    return outbound


def headed(reply: str, *, resized: bool = False, **request: Any) -> tuple[http1.Head, bool]:
    one, _, _ = received(**request)
    planned = rules().route("messages", token("claude-x"))
    lines = planned.reply_lines + BYPASS
    head, chunked = reply_head(replied(reply), one, lines, "req_7", 123, saved=7, resized=resized)
    return http1.parse_head(head), chunked


def test_a_chunk_is_framed() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


# --- who reads along ----------------------------------------------------------------------------

READERS = [
    ("200 OK\nContent-Type: text/event-stream", "events"),
    ("200 OK\nContent-Type: Text/Event-Stream; charset=utf-8", "events"),
    ("200 OK\nContent-Type: application/json", "body"),
    ("200 OK\nContent-Type: application/json;charset=utf-8", "body"),
    ("200 OK\nContent-Type: text/plain", None),
    ("200 OK\nX: y", None),
    ("201 Created\nContent-Type: application/json", None),
    ("400 Bad\nContent-Type: application/json", None),
    ("529 Overloaded\nContent-Type: text/event-stream", None),
]


@pytest.mark.parametrize(("head", "expected"), READERS)
@pytest.mark.parametrize("api", APIS.values(), ids=APIS.keys())
def test_a_reply_is_read_along_when_its_shape_is_known(
    api: Any, head: str, expected: str | None
) -> None:
    """Streams as the dialect says, bodies as the route says, errors not at all."""
    reading, tee = tee_for(api, replied(f"HTTP/1.1 {head}\nContent-Length: 5"), None)
    if expected is None:
        assert (reading, tee) == (None, None)
        return
    assert reading is (api.format.events if expected == "events" else api.body)
    assert isinstance(tee, ReplyTee)
    assert not tee.blind


@pytest.mark.parametrize(
    ("coding", "blind"),
    [("identity", False), ("gzip", True), ("compress", True)],
)
def test_an_encoded_reply_is_read_through_its_decoder(coding: str, blind: bool) -> None:
    head = f"HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: {coding}"
    _, tee = tee_for(APIS["chat"], replied(f"{head}\nContent-Length: 5"), None)
    assert tee is not None
    tee.feed(b'{"model":"m"}')  # plain bytes: broken, for any decoder
    assert (tee.blind, tee.begun) == (blind, not blind)


# --- the client's head --------------------------------------------------------------------------

SIZED = "HTTP/1.1 200 OK\nContent-Length: 5"
CHUNKED = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked"
OPEN = "HTTP/1.1 200 OK\nConnection: close"
CLOSE = [("Connection", "close")]
KEEP = [("Connection", "keep-alive")]

FRAMED: list[tuple[str, dict[str, Any], dict[str, str], bool]] = [
    (SIZED, {}, {"content-length": "5"}, False),
    (CHUNKED, {}, {"transfer-encoding": "chunked"}, True),
    (OPEN, {}, {"transfer-encoding": "chunked"}, True),
    ("HTTP/1.1 204 No Content", {}, {}, False),
    ("HTTP/1.1 304 Not Modified", {}, {}, False),
    ("HTTP/1.1 304 Not Modified\nContent-Length: 5", {}, {"content-length": "5"}, False),
    (SIZED, {"headers": CLOSE}, {"content-length": "5", "connection": "close"}, False),
    (CHUNKED, {"headers": CLOSE}, {"transfer-encoding": "chunked", "connection": "close"}, True),
    ("HTTP/1.1 204 No Content", {"headers": CLOSE}, {"connection": "close"}, False),
    (SIZED, {"version": "1.0"}, {"content-length": "5", "connection": "close"}, False),
    (CHUNKED, {"version": "1.0"}, {"connection": "close"}, False),
    (OPEN, {"version": "1.0"}, {"connection": "close"}, False),
    (SIZED, {"version": "1.0", "headers": KEEP},
     {"content-length": "5", "connection": "keep-alive"}, False),
    (CHUNKED, {"version": "1.0", "headers": KEEP}, {"connection": "close"}, False),
    # The gateway changes the body's length: the upstream's own is not the client's.
    (SIZED, {"resized": True}, {"transfer-encoding": "chunked"}, True),
    (SIZED, {"resized": True, "version": "1.0", "headers": KEEP}, {"connection": "close"}, False),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "request_", "framing", "chunked"), FRAMED)
def test_a_reply_is_framed_for_its_client(
    reply: str, request_: dict[str, Any], framing: dict[str, str], chunked: bool
) -> None:
    """HTTP/1.0 clients get no chunks; a length is kept; what ends with the connection says so."""
    head, frames = headed(reply, **request_)
    names = ("content-length", "transfer-encoding", "connection")
    assert {name: value for name, value in head.headers if name in names} == framing
    assert frames == chunked


def test_a_head_is_the_upstreams_own_with_the_gateways_lines() -> None:
    head, _ = headed(
        "HTTP/1.1 529 Site is overloaded\nContent-Type: application/json\nrequest-id: req_up\n"
        "Retry-After:  7\nSet-Cookie: a=1\nSet-Cookie: b=2\nKeep-Alive: timeout=5\n"
        "X-Lynkr-Lane: forged\nProxy-Authenticate: Basic\nContent-Encoding: gzip\nContent-Length: 0"
    )
    assert head.start == "HTTP/1.1 529 Site is overloaded"
    assert head.headers == [
        ("Content-Type", "application/json"),
        ("request-id", "req_up"),
        ("Retry-After", "7"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Content-Encoding", "gzip"),
        ("x-lynkr-provider", "main"),
        ("x-lynkr-model", "claude-x"),
        ("x-lynkr-lane", "splice"),
        ("x-lynkr-cache", "bypass"),
        ("x-lynkr-tokens-saved", "7"),
        ("x-lynkr-request-id", "req_7"),
        ("x-lynkr-overhead-us", "123"),
        ("content-length", "0"),
    ]


@pytest.mark.parametrize("line", ["HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200"])
def test_a_reason_may_be_missing(line: str) -> None:
    head, _ = headed(f"{line}\nContent-Length: 0")
    assert head.start.rstrip() == line.rstrip()


# --- the gateway's own replies ------------------------------------------------------------------


def _error(status: int) -> GatewayError:
    return GatewayError("some_kind", status, "It went wrong.", source="gateway")


def _parsed(reply: bytes) -> tuple[http1.Head, Any]:
    head, _, body = reply.partition(b"\r\n\r\n")
    parsed = http1.parse_head(head + b"\r\n\r\n")
    assert parsed.content_length == len(body)
    return parsed, json.loads(body)


@pytest.mark.parametrize("status", [400, 401, 413, 431, 500, 502, 503, 504])
@pytest.mark.parametrize("api", [*APIS.values(), None])
def test_an_error_is_a_whole_reply_in_the_routes_dialect(status: int, api: Any) -> None:
    reply, length = error_reply(_error(status), api, "req_7", keep=True)
    head, payload = _parsed(reply)
    assert head.start.startswith(f"HTTP/1.1 {status} ")
    assert head.start.split(" ", 2)[2]
    assert head.content_length == length
    assert head.value("content-type") == "application/json"
    assert head.value("x-lynkr-error") == "some_kind"
    assert head.value("x-lynkr-request-id") == "req_7"
    assert (head.value("www-authenticate") == "Bearer") == (status == 401)
    anthropic = api is not None and api.format.name == "anthropic_messages"
    assert ("request_id" in payload) == anthropic
    assert payload["error"]["message"] == "It went wrong."


@pytest.mark.parametrize(
    ("keep", "http_1_0", "connection"),
    [
        (True, False, None),
        (False, False, "close"),
        (True, True, "keep-alive"),
        (False, True, "close"),
    ],
)
def test_an_error_says_whether_the_connection_goes_on(
    keep: bool, http_1_0: bool, connection: str | None
) -> None:
    reply, _ = error_reply(_error(400), None, "r", keep=keep, http_1_0=http_1_0, more=b"x-a: 1\r\n")
    head, _ = _parsed(reply)
    assert head.value("connection") == connection
    assert head.value("x-a") == "1"


def test_the_request_of_these_tests_is_a_messages_call() -> None:
    one, _, _ = received()
    assert one.route is APIS["messages"]
    assert one.body() == BODY
