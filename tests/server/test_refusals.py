"""What the front door turns away: with which status, in which dialect, and with what after it."""

from __future__ import annotations

import hashlib
import json

import pytest

from lynkr.config.settings import KIB, Auth, Key, Limits
from tests.harness import replies
from tests.harness.client import Reply, request
from tests.harness.dialects import error_of
from tests.harness.fixtures import FAMILIES, load
from tests.harness.stage import Stage
from tests.harness.wire import settle

BODY = b'{"model":"claude-sonnet-4-5","messages":[]}'
HOT = request("/v1/messages", BODY)
COLD = request("/health/live", method="GET")
CHUNKED = [("Transfer-Encoding", "chunked")]


def error_type(reply: Reply) -> str:
    """``x-lynkr-error`` of a reply whose body is an error in some dialect."""
    assert json.loads(reply.body)["error"]["message"]
    return reply.header("x-lynkr-error") or ""


async def refused(stage: Stage, data: bytes, status: int) -> Reply:
    """Sends bytes that must be answered with an error and the end of the connection."""
    async with await stage.connect() as client:
        client.send(data)
        reply = await client.read_reply()
        assert (reply.status, reply.clean_end) == (status, True)
        assert reply.header("connection") == "close"
        assert await client.ended(), "something came after the refusal"
        return reply


# --- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["sized", "chunked"])
async def test_a_body_over_the_limit_is_a_413(framing: str) -> None:
    async with Stage(limits=Limits(body_bytes_max=1000)) as stage:
        if framing == "sized":
            data = request("/v1/messages", headers=[("Content-Length", "1001")])
        else:
            data = request("/v1/messages", headers=CHUNKED) + replies.chunk(b"a" * 1001)
        assert error_type(await refused(stage, data, 413)) == "body_too_large"
        assert json.loads((await refused(stage, data, 413)).body)["type"] == "error"
        assert stage.upstream.requests == []
        assert (await stage.record()).status == 413
        async with await stage.connect() as client:
            client.send(request("/v1/messages", b"a" * 1000))
            assert (await client.read_reply()).status == 200


async def test_a_client_that_goes_on_sending_after_a_413_still_reads_it() -> None:
    """Closing with unread bytes in the socket would reset the connection and lose the reply."""
    size_bytes = 8 * 1024 * 1024
    async with Stage(limits=Limits(body_bytes_max=1000)) as stage, await stage.connect() as client:
        client.send(request("/v1/messages", b"a" * size_bytes))
        await settle(50)
        reply = await client.read_reply()
        assert (reply.status, reply.clean_end, reply.reset) == (413, True, False)


@pytest.mark.parametrize(
    "headers",
    [[("X-Large", "a" * 5000)], [(f"X-{number}", "a" * 50) for number in range(90)]],
    ids=["one", "many"],
)
async def test_headers_over_the_limit_are_a_431(headers: list[tuple[str, str]]) -> None:
    async with Stage(limits=Limits(header_bytes_max=4 * KIB)) as stage:
        reply = await refused(stage, request("/v1/messages", BODY, headers=headers), 431)
        assert error_type(reply) == "headers_too_large"


async def test_a_head_without_end_is_a_431() -> None:
    async with Stage() as stage:
        data = b"POST /v1/messages HTTP/1.1\r\nX-Endless: " + b"a" * 200 * KIB
        await refused(stage, data, 431)
        await refused(stage, b"POST /" + b"a" * 200 * KIB, 431)


async def test_too_many_headers_are_a_431() -> None:
    headers = [(f"X-{number}", "") for number in range(200)]
    async with Stage() as stage:
        reply = await refused(stage, request("/v1/messages", BODY, headers=headers), 431)
        assert error_type(reply) == "too_many_headers"


@pytest.mark.parametrize(
    "part", [b"P", b"POST /v1/messages HTTP/1.1\r\nHost: a\r\n", HOT[:-1], HOT[:-20]]
)
async def test_a_request_that_does_not_arrive_is_a_408(part: bytes) -> None:
    hasty = Limits(header_timeout_s=0.1, body_timeout_s=0.1)
    async with Stage(limits=hasty) as stage:
        assert error_type(await refused(stage, part, 408)) == "request_timeout"
        assert stage.upstream.requests == []


async def test_a_head_that_trickles_in_is_late_all_the_same() -> None:
    async with (
        Stage(limits=Limits(header_timeout_s=0.1)) as stage,
        await stage.connect() as client,
    ):
        client.send(b"POST /v1/messages HTTP/1.1\r\nX-Slow: ")
        while not client.wire.received:
            client.send(b"a")
            await settle(50)
        assert (await client.read_reply()).status == 408


async def test_an_idle_connection_is_closed_without_a_word() -> None:
    async with Stage(limits=Limits(keepalive_timeout_s=0.1)) as stage:
        async with await stage.connect() as client:
            client.send(HOT)
            await client.read_reply()
            assert await client.ended()
        async with await stage.connect() as client:
            assert await client.ended()


# --- what is refused --------------------------------------------------------------------------

HOST = b"Host: a\r\n"
MALFORMED = {
    "no host": b"POST /v1/messages HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": b"POST /v1/messages HTTP/1.1\r\nHost: b\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    "not http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no version": b"POST /v1/messages\r\n\r\n",
    "http 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown method": b"BREW /v1/messages HTTP/1.1\r\n" + HOST + b"\r\n",
    "space before colon": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\na",
    "folded header": b"POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "nul in a value": b"POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\x002\r\nContent-Length: 0\r\n\r\n",
    "bare CR in a value": b"POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r2\r\nContent-Length: 0\r\n\r\n",
}
SMUGGLED = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nX-Smuggled: 1\r\nContent-Length: 2\r\n\r\n{}"
START = b"POST /v1/messages HTTP/1.1\r\n" + HOST
SMUGGLING = {
    "length and coding": START
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "coding and length": START
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "two lengths": START + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + SMUGGLED,
    "same length twice": START + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "list of lengths": START + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed length": START + b"Content-Length: +2\r\n\r\n{}",
    "hex length": START + b"Content-Length: 0x2\r\n\r\n{}",
    "giant length": START + b"Content-Length: 184467440737095516160\r\n\r\n{}",
    "empty length": START + b"Content-Length: \r\n\r\n" + SMUGGLED,
    "other coding": START + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "coding after chunked": START
    + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "two codings": START
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "bare LF after a header": START + b"X: 1\nContent-Length: 2\r\n\r\n{}",
    "bare LF heads": START.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
    "bare LF chunk": START + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "chunk size with sign": START + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "chunk size with prefix": START + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "chunk longer than said": START + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}a\r\n0\r\n\r\n",
    "giant chunk": START + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
    "bare LF in an extension": START
    + b"Transfer-Encoding: chunked\r\n\r\n2;\n7\r\n{}\r\n0\r\n\r\n"
    + SMUGGLED,
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_bytes_that_are_no_request_are_a_400(data: bytes) -> None:
    async with Stage() as stage:
        assert error_type(await refused(stage, data, 400)) == "malformed_request"
        assert stage.upstream.requests == []


@pytest.mark.parametrize("data", SMUGGLING.values(), ids=SMUGGLING)
async def test_a_request_framed_two_ways_reaches_nobody(data: bytes) -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(data)
        reply = await client.read_reply()
        await client.ended()
        assert reply.status in (400, 413, 501)
        assert client.wire.received == b""
        assert stage.upstream.requests == []


async def test_a_coding_in_http_1_0_ends_the_connection() -> None:
    """RFC 9112, 6.1: such framing is faulty, whatever it says; nothing after it is a request."""
    data = START.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED
    async with Stage() as stage, await stage.connect() as client:
        client.send(data)
        await client.read_reply()
        assert await client.ended()
        assert len(stage.upstream.requests) <= 1


async def test_what_precedes_a_malformed_request_is_served_first() -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(HOT + COLD + MALFORMED["folded header"] + HOT)
        statuses = [(await client.read_reply()).status for _ in range(3)]
        assert statuses == [200, 200, 400]
        assert await client.ended()
        assert len(stage.upstream.requests) == 1


@pytest.mark.parametrize("body", [b'{"model":5}', b'{"model":null}', b'{"model":"a\xff"}'])
async def test_a_model_that_is_no_text_is_a_400_or_the_providers_to_judge(body: bytes) -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(request("/v1/messages", body))
        reply = await client.read_reply()
        assert reply.status in (200, 400)
        assert reply.status == 400 or stage.upstream.requests[0].body == body


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/v1/message", 404),
        ("POST", "/v1/v1/messages", 404),
        ("GET", "/v1/messages", 405),
        ("GET", "/v1/responses", 405),
        ("DELETE", "/v1/chat/completions", 405),
        ("CONNECT", "example.com:443", 405),
        ("OPTIONS", "*", 404),
        ("POST", "http://evil.test/v1/nowhere", 404),
    ],
)
async def test_unknown_paths_and_methods_are_json_errors(
    method: str, target: str, status: int
) -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(request(target, method=method))
        reply = await client.read_reply()
        assert reply.status == status
        assert error_type(reply)
        assert (reply.header("content-type") or "").startswith("application/json")


async def test_a_websocket_is_refused_with_a_426() -> None:
    headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("openai-beta", "responses_websockets=2026-02-06"),
    ]
    async with Stage() as stage, await stage.connect() as client:
        client.send(request("/v1/responses", method="GET", headers=headers))
        reply = await client.read_reply()
        assert reply.status == 426
        assert "error" in json.loads(reply.body)
        if reply.header("connection") != "close":
            client.send(HOT)
            assert (await client.read_reply()).status == 200


async def test_head_of_the_root_has_no_body() -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(request("/", method="HEAD") + request("/", method="GET"))
        assert (await client.read_reply(to_head=True)).status == 200
        assert json.loads((await client.read_reply()).body)["name"] == "lynkr"


# --- keys -------------------------------------------------------------------------------------

SECRET = "lk-0123456789abcdef"
KEY = Key(name="ana", team="core", digest="sha256:" + hashlib.sha256(SECRET.encode()).hexdigest())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("given", [None, ("x-api-key", "wrong"), ("Authorization", "Bearer wrong")])
async def test_a_missing_or_wrong_key_is_a_401_in_the_dialect(
    family: str, given: tuple[str, str] | None
) -> None:
    fixture = load(f"{family}/text_stream")
    headers = [given] if given else []
    async with (
        Stage(auth=Auth(required=True, keys=[KEY])) as stage,
        await stage.connect() as client,
    ):
        client.send(request(fixture.expect.path, fixture.request, headers=headers))
        reply = await client.read_reply()
        assert (reply.status, reply.header("www-authenticate")) == (401, "Bearer")
        error = error_of(fixture, reply.body)
        if family == "messages":
            assert error["type"] == "authentication_error"
        else:
            assert error["code"] == "invalid_api_key"
        assert stage.upstream.requests == []
        assert (await stage.record()).status == 401


@pytest.mark.parametrize(
    "given", [("x-api-key", SECRET), ("Authorization", f"Bearer {SECRET}"), ("X-Lynkr-Key", SECRET)]
)
async def test_a_key_admits_and_goes_no_further(given: tuple[str, str]) -> None:
    async with (
        Stage(auth=Auth(required=True, keys=[KEY])) as stage,
        await stage.connect() as client,
    ):
        client.send(request("/v1/messages", BODY, headers=[given]))
        assert (await client.read_reply()).status == 200
        record = await stage.record()
        assert (record.principal, record.team) == ("ana", "core")
        assert SECRET.encode() not in stage.upstream.requests[0].head.raw


async def test_a_refused_request_leaves_the_connection_usable() -> None:
    async with (
        Stage(auth=Auth(required=True, keys=[KEY])) as stage,
        await stage.connect() as client,
    ):
        client.send(HOT + request("/v1/messages", BODY, headers=[("x-api-key", SECRET)]))
        assert [(await client.read_reply()).status for _ in range(2)] == [401, 200]


async def test_a_refused_key_is_told_before_the_body_is_asked_for() -> None:
    headers = [("Expect", "100-continue"), ("Content-Length", "1000000")]
    async with Stage(auth=Auth(required=True, keys=[KEY])) as stage:
        reply = await refused(stage, request("/v1/messages", headers=headers), 401)
        assert reply.interim == []
