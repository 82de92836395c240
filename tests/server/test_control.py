"""The control plane on the front's own sockets: requests go in whole, replies come out whole."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from lynkr.gateway.errands import rebuilt
from lynkr.server import control
from lynkr.server.control import ReplyTransport
from tests.gateway.test_pipeline import Headers, MemoryTransport, received
from tests.harness import http1
from tests.harness.client import request
from tests.harness.stage import Stage
from tests.harness.wire import settle


class Handler:
    """aiohttp's side of one request, played by the test."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.data = b""
        self.transport: ReplyTransport | None = None

    def connection_made(self, transport: ReplyTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, error: Exception | None) -> None:
        self.heard.append(f"lost {type(error).__name__}")

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")


def served(**given: Any) -> tuple[Handler, ReplyTransport, MemoryTransport, Any]:
    one, inbound, _ = received(**{"path": "/health/live", "method": "GET", "body": b"", **given})
    handler = Handler()
    control.serve(lambda: handler, inbound, one)
    assert handler.transport is not None
    return handler, handler.transport, cast(MemoryTransport, inbound.transport), inbound


# --- the request --------------------------------------------------------------------------------

SENT: list[tuple[dict[str, Any], str, Headers]] = [
    ({}, "GET /v1/models?limit=5 HTTP/1.1", [("Host", "gateway.test")]),
    (
        {"headers": [("anthropic-version", "1"), ("Accept", "a"), ("Accept", "b")]},
        "GET /v1/models?limit=5 HTTP/1.1",
        [("Host", "gateway.test"), ("anthropic-version", "1"), ("Accept", "a"), ("Accept", "b")],
    ),
    (
        {"headers": [("Authorization", "Bearer k"), ("X-Api-Key", "k2"), ("X-Lynkr-Key", "k3")]},
        "GET /v1/models?limit=5 HTTP/1.1",
        [("Host", "gateway.test"), ("authorization", "Bearer k"), ("x-api-key", "k2"),
         ("x-lynkr-key", "k3")],
    ),
    (
        {"headers": [("Connection", "close")]},
        "GET /v1/models?limit=5 HTTP/1.1",
        [("Host", "gateway.test"), ("connection", "close")],
    ),
    (
        {"version": "1.0", "headers": [("Connection", "keep-alive")]},
        "GET /v1/models?limit=5 HTTP/1.0",
        [("Host", "gateway.test"), ("connection", "keep-alive")],
    ),
    (
        {"version": "1.0"},
        "GET /v1/models?limit=5 HTTP/1.0",
        [("Host", "gateway.test"), ("connection", "close")],
    ),
    (
        {"method": "POST", "body": b"abc"},
        "POST /v1/models?limit=5 HTTP/1.1",
        [("Host", "gateway.test"), ("content-length", "3")],
    ),
    (
        {"method": "POST"},
        "POST /v1/models?limit=5 HTTP/1.1",
        [("Host", "gateway.test"), ("content-length", "0")],
    ),
    (
        {"method": "HEAD", "headers": [("TE", "x"), ("X-Forwarded-For", "1.1.1.1")]},
        "HEAD /v1/models?limit=5 HTTP/1.1",
        [("Host", "gateway.test")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "start", "headers"), SENT)
def test_a_request_is_written_again_from_its_parts(
    given: dict[str, Any], start: str, headers: Headers
) -> None:
    """Everything the application may need, framed once, and nothing that was for this hop."""
    one, _, _ = received(**{"path": "/v1/models?limit=5", "method": "GET", "body": b"", **given})
    raw, _, body = rebuilt(one).partition(b"\r\n\r\n")
    head = http1.parse_head(raw + b"\r\n\r\n")
    assert head.start == start
    assert sorted((name.lower(), value) for name, value in head.headers) == sorted(
        (name.lower(), value) for name, value in headers
    )
    assert body == given.get("body", b"")


def test_a_chunked_body_is_given_a_length() -> None:
    raw = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    one, _, _ = received(raw=raw + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    head, _, body = rebuilt(one).partition(b"\r\n\r\n")
    assert http1.parse_head(head + b"\r\n\r\n").content_length == 5
    assert b"transfer-encoding" not in head.lower()
    assert body == b"abcde"


# --- the reply ----------------------------------------------------------------------------------

REPLIES = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", False),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense", False),
]


@pytest.mark.parametrize(("reply", "keep"), REPLIES)
@pytest.mark.parametrize("step", [1, 9, 1000])
async def test_a_reply_ends_where_its_framing_says(reply: bytes, keep: bool, step: int) -> None:
    """The bytes go out as aiohttp wrote them; then the front goes on, or the connection ends."""
    handler, transport, client, inbound = served()
    for at in range(0, len(reply), step):
        assert not (at + step < len(reply) and transport.is_closing()) or not keep
        transport.write(reply[at : at + step])
    assert reply.startswith(bytes(client.written))
    assert bytes(client.written) == reply or not keep
    assert transport.is_closing()
    assert inbound.busy
    await settle()
    assert (inbound.busy, client.closed) == (False, not keep)
    assert handler.heard == ["lost NoneType"]


async def test_a_reply_to_head_ends_with_its_head() -> None:
    _, transport, client, inbound = served(method="HEAD")
    transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n")
    await settle()
    assert (inbound.busy, client.closed) == (False, False)


async def test_what_comes_after_the_end_is_not_sent() -> None:
    _, transport, client, _ = served()
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    transport.writelines([whole[:9], whole[9:]])
    transport.write(b"more")
    transport.close()
    await settle()
    assert bytes(client.written) == whole
    assert not client.closed


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_reply_that_is_given_up_ends_the_connection(how: str) -> None:
    """Half a reply cannot be followed by another one."""
    handler, transport, client, inbound = served()
    transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    getattr(transport, how)()
    await settle()
    assert (inbound.busy, client.closed, handler.heard) == (False, True, ["lost NoneType"])


async def test_a_client_that_leaves_is_told_to_the_application() -> None:
    handler, transport, client, inbound = served()
    inbound.connection_lost(None)
    transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await settle()
    assert handler.heard == ["lost ConnectionResetError"]
    assert bytes(client.written) == b""


async def test_a_slow_client_pauses_the_application() -> None:
    handler, _, _, inbound = served()
    inbound.pause_writing()
    inbound.resume_writing()
    assert handler.heard == ["pause", "resume"]


async def test_the_application_sees_the_clients_address_and_not_its_socket() -> None:
    _, transport, client, _ = served()
    client.get_extra_info = lambda name, default=None: {"peername": "p", "socket": "s"}[name]  # type: ignore[method-assign]
    assert transport.get_extra_info("peername") == "p"
    assert transport.get_extra_info("socket", "none") == "none"
    assert transport.get_write_buffer_size() == 0


# --- with aiohttp behind it ---------------------------------------------------------------------


async def test_requests_of_every_framing_get_their_reply_in_order() -> None:
    chunked = request(
        "/admin/reload", b"2\r\n{}\r\n0\r\n\r\n", headers=[("Transfer-Encoding", "chunked")]
    )
    sent = [
        request("/", method="GET"),
        request("/health/live", method="HEAD"),
        request("/nowhere", b"x" * 100_000),
        chunked,
        request("/v1/models/x", method="GET"),
        request("/health/ready", method="GET"),
    ]
    async with Stage() as stage, await stage.connect() as client:
        client.send(b"".join(sent))
        statuses = []
        for raw in sent:
            reply = await client.read_reply(to_head=raw.startswith(b"HEAD"))
            assert reply.clean_end
            statuses.append(reply.status)
            if not raw.startswith(b"HEAD"):
                json.loads(reply.body)
        assert (statuses[0], statuses[1], statuses[2], statuses[-1]) == (200, 200, 404, 200)
