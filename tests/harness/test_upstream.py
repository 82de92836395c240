"""The scripted upstream records what came and plays what was asked."""

import asyncio

import pytest

from tests.harness import replies
from tests.harness.certificates import certificates
from tests.harness.client import RawClient, request
from tests.harness.upstream import (
    Close,
    HalfClose,
    Reset,
    ScriptedUpstream,
    Send,
    Stall,
    Wait,
    sends,
)

BODY = b'{"answer": "\xe2\x98\x83"}'


async def test_records_a_request_byte_for_byte() -> None:
    sent = b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: a\r\nX-ODD-case:  spaced \r\n"
    sent += b"x-odd-case: 2\r\nContent-Length: 3\r\n\r\nabc"
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        client.send(sent)
        seen = await upstream.request()
        assert seen.head.raw + seen.body == sent
        assert seen.headers[1:3] == [("X-ODD-case", "spaced"), ("x-odd-case", "2")]
        assert (seen.method, seen.target, seen.connection) == (
            "POST",
            "/v1/messages?beta=true",
            0,
        )
        assert (await client.read_reply()).body == b"{}"


async def test_records_a_chunked_request_with_its_chunks_and_trailers() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        client.send(request("/", headers=[("Transfer-Encoding", "chunked")]))
        client.send(b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
        seen = await upstream.request()
        assert (seen.chunks, seen.body) == ([b"abc", b"de"], b"abcde")
        assert seen.trailers == [("X-Sum", "1")]


async def test_a_head_counts_before_its_body_is_complete() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        client.send(request("/", headers=[("Content-Length", "3")]) + b"ab")
        assert not (await upstream.head()).complete
        client.send(b"c")
        assert (await upstream.request()).body == b"abc"


async def test_scripts_answer_requests_in_turn_on_numbered_connections() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.reply(replies.sized(b"one"))
        upstream.reply(replies.sized(b"two"))
        for connection, body in enumerate([b"one", b"two", b"{}"]):
            async with await RawClient.connect(upstream.port) as client:
                client.send(request("/"))
                assert (await client.read_reply()).body == body
                assert upstream.requests[-1].connection == connection


@pytest.mark.parametrize("coding", sorted(replies.ENCODERS))
async def test_encoded_replies_are_labelled(coding: str) -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.reply(replies.encoded(BODY, coding))
        client.send(request("/"))
        reply = await client.read_reply()
        assert reply.header("content-encoding") == coding
        assert reply.body == replies.ENCODERS[coding](BODY)


async def test_a_chunked_reply_has_the_chosen_cuts() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.reply(replies.chunked(b"abcdef", cuts=[4, 1, 6, 0], trailers=[("X-T", "1")]))
        client.send(request("/"))
        reply = await client.read_reply()
        assert reply.chunks == [b"a", b"bcd", b"ef"]
        assert reply.clean_end


async def test_every_piece_of_a_cut_reply_is_a_read_of_its_own() -> None:
    async with ScriptedUpstream() as upstream:
        for first, second in replies.each_cut(replies.sized(BODY)):
            async with await RawClient.connect(upstream.port) as client:
                upstream.reply(first, second)
                client.send(request("/"))
                assert await client.wire.take() == first
                assert await client.wire.take() == second


async def test_waits_for_the_test() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        go = asyncio.Event()
        start, end = replies.split(replies.sized(b"abc"), [10])
        upstream.script(Send(start), Wait(go), Send(end))
        client.send(request("/"))
        assert await client.wire.take() == start
        go.set()
        assert await client.wire.take() == end


@pytest.mark.parametrize(("ending", "reset"), [(Close(), False), (Reset(), True)])
async def test_ends_in_the_middle(ending: Close | Reset, reset: bool) -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.script(*sends(replies.sized(b"abc", wrong_by=1)), ending)
        client.send(request("/"))
        reply = await client.read_reply()
        assert (reply.body, reply.clean_end, reply.reset) == (b"abc", False, reset)


async def test_a_half_closed_connection_still_takes_bytes() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.script(Send(replies.close_delimited(b"abc")), HalfClose())
        client.send(request("/"))
        assert (await client.read_reply()).clean_end
        client.send(request("/again"))
        assert (await upstream.request(1)).target == "/again"


async def test_answers_early_and_leaves_the_body_in_the_socket() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.script(Send(replies.sized(b"no", status=413)), Stall(), early=True)
        client.send(request("/", headers=[("Content-Length", "1000000")]) + b"a")
        assert (await client.read_reply()).status == 413
        assert not upstream.requests[0].complete


async def test_greets_before_it_is_asked() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.greet(Close())
        async with await RawClient.connect(upstream.port) as client:
            assert await client.ended()
        assert upstream.requests == []


async def test_says_when_the_peer_has_gone() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.script(Stall())
        upstream.script(Stall())
        for number, leave in enumerate([RawClient.close, RawClient.reset]):
            async with await RawClient.connect(upstream.port) as client:
                client.send(request("/"))
                await upstream.request(number)
                assert "alive=1" in repr(upstream)
                leave(client)
                assert (await upstream.ended(number)).was_reset == (leave is RawClient.reset)


async def test_a_peer_that_speaks_no_http_is_a_fault() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        client.send(b"GET / HTTP/1.1\r\n no name\r\n\r\n")
        assert await client.ended()
        assert "not a header line" in str(upstream.faults[0])


async def test_speaks_tls() -> None:
    async with ScriptedUpstream(tls=certificates().server) as upstream:
        upstream.reply(replies.chunked(BODY))
        client = await RawClient.connect(upstream.port, tls=certificates().client)
        async with client:
            client.send(request("/"))
            assert (await client.read_reply()).body == BODY


async def test_a_peer_that_does_not_read_blocks_the_script() -> None:
    async with ScriptedUpstream(send_buffer_bytes=8192) as upstream:
        size_bytes = 4 * 1024 * 1024
        upstream.reply(replies.sized(b"a" * size_bytes))
        client = await RawClient.connect(upstream.port, receive_buffer_bytes=8192)
        async with client:
            client.pause()
            client.send(request("/"))
            await upstream.request()
            assert (await upstream.connection()).write_blocked
            client.resume()
            assert len((await client.read_reply()).body) == size_bytes
