"""Providers and networks on a bad day: what the client is told, and that nothing is left behind.

Before the first byte of a reply has passed, the client gets an HTTP error. After it, the stream
says what happened in the client's dialect and ends uncleanly, so that nobody takes it for complete.
"""

from __future__ import annotations

import pytest

from lynkr.config.settings import Upstream
from lynkr.policies.record import Record
from tests.harness import reader, replies
from tests.harness.adversity import refusing_port, unanswering_port
from tests.harness.certificates import certificates
from tests.harness.client import Reply, request
from tests.harness.dialects import error_event_of, error_of
from tests.harness.fixtures import FAMILIES, Fixture, load
from tests.harness.stage import Stage, learned
from tests.harness.upstream import (
    Close,
    HalfClose,
    Reset,
    ScriptedUpstream,
    Send,
    Stall,
    Step,
    sends,
)

TEXT = [load(f"{family}/text_stream") for family in FAMILIES]
FIXTURES = pytest.mark.parametrize("fixture", TEXT, ids=repr)
MESSAGES = TEXT[0]
FIRST_BYTE = Upstream(first_byte_timeout_s=0.1)
IDLE = Upstream(idle_timeout_s=0.1)
OK = replies.sized(b'{"ok":1}')

# How a provider breaks off, and how long it may take to be noticed.
BREAKS: list[tuple[str, Step]] = [("close", Close()), ("reset", Reset()), ("half", HalfClose())]
BREAK = pytest.mark.parametrize("step", [step for _, step in BREAKS], ids=[n for n, _ in BREAKS])


# --- before a reply ---------------------------------------------------------------------------


@FIXTURES
async def test_a_provider_that_refuses_connections_is_a_502(fixture: Fixture) -> None:
    async with Stage(base_url=f"http://127.0.0.1:{refusing_port()}") as stage:
        reply, record = await stage.call(fixture)
        assert (reply.status, reply.header("x-lynkr-error")) == (502, "upstream_unreachable")
        error_of(fixture, reply.body)
        assert (record.status, record.ended_by, record.attempts) == (502, "upstream", 0)
        assert (record.error, record.error_source) == ("upstream_unreachable", "upstream")


@FIXTURES
async def test_a_provider_that_does_not_accept_is_a_504(fixture: Fixture) -> None:
    with unanswering_port() as port:
        hasty = Upstream(connect_timeout_s=0.1)
        async with Stage(base_url=f"http://127.0.0.1:{port}", upstream=hasty) as stage:
            reply, record = await stage.call(fixture)
            assert (reply.status, record.status) == (504, 504)
            assert reply.header("x-lynkr-error") == "upstream_connect_timeout"
            error_of(fixture, reply.body)


async def test_a_tls_handshake_that_never_ends_is_a_504() -> None:
    async with ScriptedUpstream() as plain:
        plain.greet(Stall())
        hasty = Upstream(connect_timeout_s=0.1)
        async with Stage(base_url=f"https://127.0.0.1:{plain.port}", upstream=hasty) as stage:
            reply, _ = await stage.call(MESSAGES)
            assert reply.header("x-lynkr-error") == "upstream_connect_timeout"
            await plain.ended()


async def test_a_certificate_nobody_vouches_for_is_a_502() -> None:
    async with Stage(tls=certificates().server) as stage:
        reply, _ = await stage.call(MESSAGES)
        assert (reply.status, reply.header("x-lynkr-error")) == (502, "upstream_unreachable")
        assert b"certificate" in reply.body
        assert stage.upstream.requests == []


@FIXTURES
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Ty", replies.interim(100)])
async def test_a_provider_without_an_answer_is_a_504(fixture: Fixture, start: bytes) -> None:
    async with Stage(upstream=FIRST_BYTE) as stage:
        stage.upstream.script(Send(start), Stall())
        reply, record = await stage.call(fixture)
        assert (reply.status, reply.header("x-lynkr-error")) == (504, "upstream_timeout")
        error_of(fixture, reply.body)
        await stage.upstream.ended()
        assert (record.ended_by, record.attempts) == ("upstream", 1)


@pytest.mark.parametrize(
    "garbage",
    [
        replies.INVALID_STATUS_LINE,
        replies.INVALID_STATUS_NUMBER,
        replies.CONTRADICTING_LENGTHS,
        replies.giant_headers(300 * 1024),
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=lambda data: repr(data[:40]),
)
async def test_a_reply_that_is_no_http_is_a_502(garbage: bytes) -> None:
    async with Stage(upstream=FIRST_BYTE) as stage, await stage.connect() as client:
        stage.upstream.reply(garbage)
        client.send(MESSAGES.call)
        reply = await client.read_reply()
        assert (reply.status, reply.header("x-lynkr-error")) == (502, "upstream_protocol")
        await stage.upstream.ended()
        assert (await stage.record()).error_source == "upstream"
        stage.upstream.reply(OK)
        client.send(MESSAGES.call)
        assert (await client.read_reply()).status == 200


async def test_a_reply_head_without_end_is_a_502() -> None:
    """One header line that goes on and on must not fill the gateway's memory until a deadline."""
    endless = b"HTTP/1.1 200 OK\r\nX-Endless: " + b"a" * (4 * 1024 * 1024)
    async with Stage() as stage:
        stage.upstream.script(Send(endless), Stall())
        reply, _ = await stage.call(MESSAGES)
        assert (reply.status, reply.header("x-lynkr-error")) == (502, "upstream_protocol")


# --- inside a reply ---------------------------------------------------------------------------


async def broken_stream(stage: Stage, fixture: Fixture, *steps: Step) -> tuple[Reply, Record]:
    stage.upstream.script(Send(fixture.stream_head), *steps)
    reply, record = await stage.call(fixture)
    assert reply.status == 200
    assert not reply.clean_end
    await stage.upstream.ended()
    return reply, record


@FIXTURES
@pytest.mark.parametrize("count", [0, 1, 2])
@BREAK
async def test_a_stream_broken_between_events_ends_with_an_error_event(
    fixture: Fixture, count: int, step: Step
) -> None:
    frames = fixture.frames[:count]
    async with Stage() as stage:
        reply, record = await broken_stream(
            stage, fixture, *sends(*map(replies.chunk, frames)), step
        )
        intact = b"".join(frames)
        assert reply.body.startswith(intact)
        error_event_of(fixture, reply.body[len(intact) :])
        assert (record.ended_by, record.error_source) == ("upstream", "upstream")
        assert record.error == "upstream_closed"
        model, _, usage = learned(record)
        seen = reader.read(fixture.family, intact, stream=True)
        assert (model, usage) == (seen[0], seen[2])


@FIXTURES
@BREAK
async def test_a_stream_broken_anywhere_in_a_frame_ends_with_an_error_event(
    fixture: Fixture, step: Step
) -> None:
    first, second = fixture.frames[:2]
    async with Stage() as stage:
        for cut in range(1, len(second), 7):
            part = first + second[:cut]
            reply, record = await broken_stream(stage, fixture, Send(replies.chunk(part)), step)
            assert reply.body.startswith(part)
            error_event_of(fixture, reply.body[len(first) :])
            assert record.ended_by == "upstream"
            stage.upstream.connections.clear()


@FIXTURES
async def test_a_stream_broken_inside_a_chunk_keeps_what_came(fixture: Fixture) -> None:
    part = fixture.frames[0]
    async with Stage() as stage:
        reply, _ = await broken_stream(
            stage, fixture, *sends(replies.chunk(part + b"lost")[: -(len(b"lost") + 2)]), Close()
        )
        assert reply.body.startswith(part)
        error_event_of(fixture, reply.body[len(part) :])


@FIXTURES
async def test_a_stream_that_falls_silent_ends_with_an_error_event(fixture: Fixture) -> None:
    frames = fixture.frames[:2]
    async with Stage(upstream=IDLE) as stage:
        reply, record = await broken_stream(
            stage, fixture, *sends(*map(replies.chunk, frames)), Stall()
        )
        error_event_of(fixture, reply.body[len(b"".join(frames)) :])
        assert (record.error, record.ended_by) == ("upstream_idle", "upstream")


@FIXTURES
async def test_a_stream_that_stops_being_http_ends_with_an_error_event(fixture: Fixture) -> None:
    frames = fixture.frames[:2]
    async with Stage() as stage:
        steps = sends(*map(replies.chunk, frames), b"nonsense\r\n")
        reply, record = await broken_stream(stage, fixture, *steps)
        error_event_of(fixture, reply.body[len(b"".join(frames)) :])
        assert record.error == "upstream_protocol"


@FIXTURES
async def test_a_call_that_takes_too_long_ends_with_an_error_event(fixture: Fixture) -> None:
    frames = fixture.frames[:2]
    async with Stage(upstream=Upstream(total_timeout_s=0.1)) as stage:
        reply, record = await broken_stream(
            stage, fixture, *sends(*map(replies.chunk, frames)), Stall()
        )
        error_event_of(fixture, reply.body[len(b"".join(frames)) :])
        assert record.error == "upstream_total_timeout"


@FIXTURES
@pytest.mark.parametrize("framing", ["chunked", "close_delimited"])
async def test_a_stream_that_ends_in_peace_before_its_end_is_broken_too(
    fixture: Fixture, framing: str
) -> None:
    """A clean end inside a tool call makes Claude Code stop with exit code 0 and no result."""
    part = b"".join(fixture.frames[:2])
    async with Stage() as stage:
        if framing == "chunked":
            stage.upstream.script(
                Send(fixture.stream_head + replies.chunk(part) + replies.last_chunk())
            )
        else:
            stage.upstream.script(Send(replies.close_delimited(part)), Close())
        reply, record = await stage.call(fixture)
        assert not reply.clean_end
        error_event_of(fixture, reply.body[len(part) :])
        assert (record.ended_by, record.error_source) == ("upstream", "upstream")


async def test_a_stream_that_ends_in_peace_inside_its_last_event_is_broken_too() -> None:
    """Half of ``response.completed`` is no end: clients drop an event without its blank line."""
    fixture = load("responses/text_stream")
    part = fixture.reply[:-30]
    async with Stage() as stage:
        stage.upstream.script(
            Send(fixture.stream_head + replies.chunk(part) + replies.last_chunk())
        )
        reply, record = await stage.call(fixture)
        assert not reply.clean_end
        assert record.ended_by == "upstream"


async def test_a_broken_encoded_stream_ends_uncleanly_without_an_event() -> None:
    """No plain text can be added to gzip."""
    data = MESSAGES.encoded_reply("gzip")
    async with Stage() as stage:
        stage.upstream.script(Send(data[:-60]), Close())
        reply, record = await stage.call(MESSAGES)
        assert not reply.clean_end
        assert replies.ENCODERS["gzip"](MESSAGES.reply).startswith(reply.body)
        assert record.ended_by == "upstream"


@BREAK
@pytest.mark.parametrize("framing", ["sized", "chunked"])
async def test_a_json_reply_cut_short_ends_uncleanly(framing: str, step: Step) -> None:
    fixture = load("messages/unicode_json")
    whole = fixture.sized_reply() if framing == "sized" else fixture.chunked_reply()
    async with Stage() as stage:
        stage.upstream.script(*sends(whole[:-30]), step)
        reply, record = await stage.call(fixture)
        assert (reply.status, reply.clean_end) == (200, False)
        assert fixture.reply.startswith(reply.body)
        assert (record.ended_by, record.error) == ("upstream", "upstream_closed")
        assert record.reply_bytes == len(reply.body)


async def test_a_client_of_http_1_0_sees_a_broken_stream_as_a_reset() -> None:
    part = MESSAGES.frames[0]
    async with Stage() as stage, await stage.connect() as client:
        stage.upstream.script(Send(MESSAGES.stream_head + replies.chunk(part)), Close())
        client.send(request(MESSAGES.expect.path, MESSAGES.request, version="1.0"))
        reply = await client.read_reply()
        assert (reply.clean_end, reply.reset) == (False, True)


async def test_a_reset_reply_without_framing_is_not_taken_for_whole() -> None:
    fixture = load("messages/unicode_json")
    async with Stage() as stage:
        data = replies.close_delimited(fixture.reply[:-30], headers=replies.JSON)
        stage.upstream.script(*sends(data), Reset())
        reply, record = await stage.call(fixture)
        assert not reply.clean_end
        assert record.ended_by == "upstream"
