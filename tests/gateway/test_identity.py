"""Same dialect in and out: what the client sent reaches the provider, and the reply the client."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from lynkr.config.settings import Upstream
from tests.harness import replies
from tests.harness.adversity import AdversityProxy
from tests.harness.certificates import certificates
from tests.harness.client import RawClient, Reply, request
from tests.harness.fixtures import FAMILIES, Fixture, all_fixtures, load
from tests.harness.stage import PROVIDER_KEY, Stage, expected, learned
from tests.harness.upstream import Close, ScriptedUpstream, SeenRequest, Send, Step, Wait

FIXTURES = pytest.mark.parametrize("fixture", all_fixtures(), ids=repr)
STREAMS = pytest.mark.parametrize("fixture", [f for f in all_fixtures() if f.is_stream], ids=repr)

CREDENTIALS = [("x-api-key", "sk-client"), ("Authorization", "Bearer sk-client")]
# As RFC 9110, 7.6.1 has it, plus what a gateway in the middle must not relay.
HOP_BY_HOP = [
    ("Connection", "keep-alive, X-Only-Here"),
    ("X-Only-Here", "1"),
    ("Keep-Alive", "timeout=5"),
    ("Proxy-Authorization", "Basic c2VjcmV0"),
    ("Proxy-Connection", "keep-alive"),
    ("TE", "trailers"),
    ("Trailer", "X-Sum"),
    ("Upgrade", "h2c"),
    ("Expect", "100-continue"),
    ("X-Lynkr-Passthrough", "true"),
    ("x-lynkr-no-cache", "true"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Forwarded-Proto", "https"),
    ("Forwarded", "for=10.0.0.1"),
    ("X-Real-IP", "10.0.0.1"),
    ("Via", "1.1 nginx"),
]
PASSING = [
    ("X-Twice", "1"),
    ("x-twice", "2"),
    ("X-EMPTY", ""),
    ("x_under.score~!#$%&'*+^`|", 'quoted "text"; q=0.5, more'),
    ("Cookie", "a=b; c=d"),
    ("X-Latin", "caf\xe9 \xa7"),
    ("X-Forwardedness", "not a proxy's header"),
    ("x-api-keyring", "not a credential"),
    ("Authorization-Hint", "not a credential"),
    ("X-Tab", "a\tb"),
    ("Content-Encoding", "identity"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
]


async def exchange(
    stage: Stage, client: RawClient, fixture: Fixture, *pieces: bytes
) -> tuple[SeenRequest, Reply]:
    """One call: the request as the provider saw it, and the reply as the client got it."""
    number = len(stage.upstream.requests)
    stage.upstream.reply(*(pieces or [fixture.natural_reply()]))
    headers = [("Content-Type", "application/json"), *fixture.expect.headers]
    client.send(request(fixture.expect.path, fixture.request, headers=headers))
    reply = await client.read_reply()
    return await stage.upstream.request(number), reply


def passing(headers: list[tuple[str, str]], *dropped: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in dropped]


@FIXTURES
async def test_request_bytes_are_unchanged(fixture: Fixture) -> None:
    async with Stage() as stage, await stage.connect() as client:
        seen, _ = await exchange(stage, client, fixture)
        assert seen.target == fixture.expect.path
        assert seen.body == fixture.request
        assert seen.head.value("content-length") == str(len(fixture.request))
        assert passing(seen.headers, "host", "content-length", "x-api-key", "authorization") == [
            ("Content-Type", "application/json"),
            *fixture.expect.headers,
        ]


@FIXTURES
async def test_reply_bytes_are_unchanged(fixture: Fixture) -> None:
    expect = fixture.expect
    async with Stage() as stage, await stage.connect() as client:
        _, reply = await exchange(stage, client, fixture)
        assert reply.head.start == f"HTTP/1.1 {expect.status} {expect.reason}"
        assert reply.body == fixture.reply
        assert reply.clean_end
        ours = [name for name, _ in reply.headers if name.startswith("x-lynkr-")]
        framing = ("transfer-encoding", "content-length")
        assert passing(reply.headers, *ours, *framing) == list(expect.reply_headers)
        assert reply.header("x-lynkr-lane") == "splice"
        assert reply.header("x-lynkr-request-id") == (await stage.record()).request_id


@FIXTURES
async def test_the_record_says_what_the_reply_said(fixture: Fixture) -> None:
    expect = fixture.expect
    async with Stage() as stage, await stage.connect() as client:
        await exchange(stage, client, fixture)
        record = await stage.record()
        assert learned(record) == expected(fixture)
        assert (record.model_asked, record.model) == (expect.model, expect.model)
        assert (record.stream, record.status) == (expect.stream, expect.status)
        assert (record.ended_by, record.error) == ("complete", expect.error)
        assert record.request_bytes == len(fixture.request)
        assert record.reply_bytes == len(fixture.reply)
        assert (record.attempts, record.connection_reused, record.lane) == (1, False, "splice")


async def test_all_headers_survive_but_the_listed_ones() -> None:
    async with Stage() as stage, await stage.connect() as client:
        given = [*PASSING[:6], *HOP_BY_HOP, *PASSING[6:], *CREDENTIALS]
        client.send(request("/v1/messages", b"{}", headers=given))
        seen = await stage.upstream.request()
        assert (await client.read_reply()).status == 200
        theirs = ("host", "content-length", "x-api-key", "anthropic-version")
        assert passing(seen.headers, *theirs) == PASSING
        assert seen.head.value("host") == f"127.0.0.1:{stage.upstream.port}"
        assert seen.head.value("x-api-key") == PROVIDER_KEY
        assert seen.head.values("authorization") == []


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_the_providers_credential_replaces_the_clients(
    family: str, credential: tuple[str, str]
) -> None:
    fixture = load(f"{family}/text_stream")
    async with Stage() as stage, await stage.connect() as client:
        client.send(request(fixture.expect.path, fixture.request, headers=[credential]))
        seen = await stage.upstream.request()
        sent = {name.lower(): value for name, value in seen.headers}
        found = {name: sent.get(name) for name in ("x-api-key", "authorization")}
        if family == "messages":
            assert found == {"x-api-key": PROVIDER_KEY, "authorization": None}
        else:
            assert found == {"x-api-key": None, "authorization": f"Bearer {PROVIDER_KEY}"}


@pytest.mark.parametrize("query", ["", "?", "?beta=true", "?a=b&a=%2F..&b=%ff+c", '?a=?/[]|"{}'])
async def test_query_strings_are_kept(query: str) -> None:
    async with Stage() as stage, await stage.connect() as client:
        client.send(request(f"/v1/messages{query}", b"{}"))
        assert (await client.read_reply()).status == 200
        assert (await stage.upstream.request()).target == f"/v1/messages{query}"


@pytest.mark.parametrize("cuts", [[], [1], [5, 6, 100], list(range(1, 300))])
async def test_a_chunked_request_body_reaches_the_provider_whole(cuts: list[int]) -> None:
    fixture = load("messages/thinking_tool_stream")
    async with Stage() as stage, await stage.connect() as client:
        client.send(request(fixture.expect.path, headers=[("Transfer-Encoding", "chunked")]))
        for piece in replies.split(fixture.request, cuts):
            client.send(replies.chunk(piece, ";ext=1"))
        client.send(replies.last_chunk([("X-Trailer", "dropped")]))
        seen = await stage.upstream.request()
        assert seen.body == fixture.request
        assert seen.head.value("content-length") == str(len(fixture.request))
        assert not seen.head.chunked


async def test_a_body_of_megabytes_is_unchanged() -> None:
    body = random.Random(7).randbytes(3 * 1024 * 1024)
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.reply(replies.sized(body))
        client.send(request("/v1/messages", body))
        assert (await stage.upstream.request()).body == body
        assert (await client.read_reply()).body == body


@STREAMS
@pytest.mark.parametrize("coding", sorted(replies.ENCODERS))
async def test_an_encoded_reply_passes_encoded_and_is_read_along(
    fixture: Fixture, coding: str
) -> None:
    async with Stage() as stage, await stage.connect() as client:
        data = fixture.encoded_reply(coding)
        cut = len(data) - len(replies.ENCODERS[coding](fixture.reply)) // 2
        _, reply = await exchange(stage, client, fixture, data[:cut], data[cut:])
        assert reply.header("content-encoding") == coding
        assert reply.body == replies.ENCODERS[coding](fixture.reply)
        assert learned(await stage.record()) == expected(fixture)


@FIXTURES
@pytest.mark.parametrize("framing", ["sized", "chunked", "close_delimited"])
async def test_every_framing_carries_the_same_bytes(fixture: Fixture, framing: str) -> None:
    expect = fixture.expect
    bare = replies.head(expect.status, expect.reply_headers, expect.reason) + fixture.reply
    data = {
        "sized": fixture.sized_reply(),
        "chunked": fixture.chunked_reply(),
        "close_delimited": bare,
    }[framing]
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(Send(data), *([Close()] if framing == "close_delimited" else []))
        client.send(request(expect.path, fixture.request))
        reply = await client.read_reply()
        assert (reply.body, reply.clean_end) == (fixture.reply, True)
        assert learned(await stage.record()) == expected(fixture)
        if framing == "sized":
            assert reply.head.content_length == len(fixture.reply)


async def each_cut_is_the_same(fixture: Fixture) -> None:
    """Cuts fall into the head, the framing, the middle of characters and of line ends."""
    async with Stage() as stage, await stage.connect() as client:
        for first, second in replies.each_cut(fixture.natural_reply()):
            stage.records.clear()
            _, reply = await exchange(stage, client, fixture, first, second)
            assert (reply.body, reply.clean_end) == (fixture.reply, True), len(first)
            assert learned(await stage.record()) == expected(fixture), len(first)
        assert len(stage.upstream.connections) == 1


SHORT = ["messages/count_tokens", "chat/no_usage_stream", "responses/bare_events_stream"]


@pytest.mark.parametrize("fixture", [load(name) for name in SHORT], ids=repr)
async def test_a_reply_cut_anywhere_is_the_same(fixture: Fixture) -> None:
    await each_cut_is_the_same(fixture)


@pytest.mark.slow
@FIXTURES
async def test_every_reply_cut_anywhere_is_the_same(fixture: Fixture) -> None:
    await each_cut_is_the_same(fixture)


@FIXTURES
@pytest.mark.parametrize("seed", [None, 1, 2])
async def test_calls_through_a_network_that_rechunks_are_the_same(
    fixture: Fixture, seed: int | None
) -> None:
    """In single bytes, and in pieces of random size; both directions."""
    async with (
        ScriptedUpstream() as upstream,
        AdversityProxy(upstream.port) as proxy,
        Stage(base_url=proxy.base_url) as stage,
        await stage.connect() as client,
    ):
        for flow in (proxy.up, proxy.down):
            flow.rechunk(1 if seed is None else 90, seed=seed)
        upstream.reply(fixture.natural_reply())
        client.send(request(fixture.expect.path, fixture.request))
        reply = await client.read_reply()
        assert (await upstream.request()).body == fixture.request
        assert (reply.body, reply.clean_end) == (fixture.reply, True)
        assert learned(await stage.record()) == expected(fixture)


@pytest.mark.parametrize(
    "fixture", [load(f"{family}/text_stream") for family in FAMILIES], ids=repr
)
async def test_every_frame_is_passed_on_at_once(fixture: Fixture) -> None:
    async with Stage() as stage, await stage.connect() as client:
        go = [asyncio.Event() for _ in fixture.frames]
        steps: list[Step] = [Send(replies.chunked(b"")[: -len(replies.last_chunk())])]
        for frame, event in zip(fixture.frames, go, strict=True):
            steps += [Send(replies.chunk(frame)), Wait(event)]
        stage.upstream.script(*steps, Send(replies.last_chunk()))
        client.send(request(fixture.expect.path, fixture.request))
        await client.read_head()
        for frame, event in zip(fixture.frames, go, strict=True):
            assert await client.read_event() == frame
            event.set()
        assert (await client.rest()).clean_end


@pytest.mark.parametrize("status", [204, 304])
async def test_a_reply_without_a_body_stays_one(status: int) -> None:
    async with Stage() as stage, await stage.connect() as client:
        for _ in range(2):
            stage.upstream.reply(replies.head(status, [("ETag", '"1"')], "Reason"))
            client.send(request("/v1/messages", b"{}"))
            reply = await client.read_reply()
            assert (reply.status, reply.header("etag"), reply.body) == (status, '"1"', b"")
            assert reply.header("content-length") is None
            assert not reply.head.chunked
        assert len(stage.upstream.connections) == 1


async def test_reply_headers_survive_but_the_hop_by_hop_ones() -> None:
    kept = [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-EMPTY", ""), ("X-Latin", "caf\xe9")]
    hop = [
        ("Connection", "keep-alive, X-Only-Here"),
        ("X-Only-Here", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authenticate", "Basic"),
        ("Upgrade", "h2c"),
        ("x-lynkr-cache", "not theirs to say"),
    ]
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.reply(replies.sized(b"{}", headers=[*kept[:2], *hop, *kept[2:]]))
        client.send(request("/v1/messages", b"{}"))
        reply = await client.read_reply()
        ours = [name for name, _ in reply.headers if name.startswith("x-lynkr-")]
        assert passing(reply.headers, *ours, "content-length") == kept
        assert reply.header("x-lynkr-cache") == "bypass"


async def test_over_tls_and_unix_sockets_bytes_are_the_same(tmp_path: Path) -> None:
    fixture = load("messages/text_stream")
    (tmp_path / "ca.pem").write_bytes(certificates().authority_pem)
    trusting = Upstream(ca_file=str(tmp_path / "ca.pem"))
    socket = tmp_path / "gateway.sock"
    async with (
        Stage(tls=certificates().server, upstream=trusting, unix_socket=socket) as stage,
        await RawClient.connect(unix_socket=str(socket)) as client,
    ):
        for _ in range(2):
            seen, reply = await exchange(stage, client, fixture)
            assert (seen.body, reply.body) == (fixture.request, fixture.reply)
        assert len(stage.upstream.connections) == 1
        assert (await stage.record(1)).connection_reused
