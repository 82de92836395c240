"""The raw client: replies whole and in pieces, and how each ended."""

from pathlib import Path

import pytest

from tests.harness import http1, replies
from tests.harness.certificates import certificates
from tests.harness.client import RawClient, request
from tests.harness.upstream import Close, Reset, ScriptedUpstream, Send, Stall, Step, sends

FRAMES = (b"event: a\ndata: 1\n\n", b": comment\r\n\r\n", b"data: \xe2\x98\x83\n\n", b"data:3\r\r")


async def test_reads_pipelined_replies_one_by_one() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.reply(replies.sized(b"one", headers=[("X-A", "1"), ("x-a", "2")]))
        upstream.reply(replies.chunked(b"two", cuts=[1]))
        client.send(request("/1") + request("/2"))
        first, second = await client.read_reply(), await client.read_reply()
        assert first.headers[:2] == [("X-A", "1"), ("x-a", "2")]
        assert (first.body, first.chunks) == (b"one", [])
        assert (second.body, second.chunks) == (b"two", [b"t", b"wo"])


@pytest.mark.parametrize("cut", range(1, len(replies.chunked(b"".join(FRAMES), cuts=[5]))))
async def test_reads_events_however_they_are_cut(cut: int) -> None:
    data = replies.chunked(b"".join(FRAMES), cuts=[5])
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.reply(*replies.split(data, [cut]))
        client.send(request("/"))
        await client.read_head()
        assert [await client.read_event() for _ in FRAMES] == list(FRAMES)
        assert await client.read_event() is None
        assert (await client.rest()).clean_end


ENDINGS: list[tuple[bytes, Step, bool, bool]] = [
    (replies.sized(b"abc"), Close(), True, False),
    (replies.sized(b"abc", wrong_by=1), Close(), False, False),
    (replies.sized(b"abc", wrong_by=1), Reset(), False, True),
    (replies.chunked(b"abc"), Close(), True, False),
    (replies.chunked(b"abc")[:-5], Close(), False, False),
    (replies.chunked(b"abcd")[:-8], Reset(), False, True),
    (replies.close_delimited(b"abc"), Close(), True, False),
    (replies.close_delimited(b"abc"), Reset(), False, True),
]


@pytest.mark.parametrize(("data", "ending", "clean", "reset"), ENDINGS)
async def test_tells_a_finished_reply_from_a_broken_one(
    data: bytes, ending: Step, clean: bool, reset: bool
) -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.script(*sends(data), ending)
        client.send(request("/"))
        reply = await client.read_reply()
        assert (reply.body, reply.clean_end, reply.reset) == (b"abc", clean, reset)


async def test_collects_interim_replies() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.reply(replies.interim(100), replies.interim(103), replies.sized(b"abc"))
        client.send(request("/"))
        reply = await client.read_reply()
        assert [head.start[9:12] for head in reply.interim] == ["100", "103"]
        assert (reply.status, reply.body) == (200, b"abc")


async def test_a_reply_to_head_has_no_body() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.reply(replies.head(headers=[("Content-Length", "5")]))
        client.send(request("/", method="HEAD"))
        assert (await client.read_reply(to_head=True)).clean_end


@pytest.mark.parametrize("data", [replies.INVALID_CHUNK_SIZE, replies.CONTRADICTING_LENGTHS])
async def test_malformed_framing_is_an_error(data: bytes) -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.reply(data)
        client.send(request("/"))
        with pytest.raises((http1.WireError, AssertionError), match=r"chunk size|content-length"):
            await client.read_reply()


async def test_a_connection_ended_without_a_reply_is_an_error() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        upstream.script(Reset())
        client.send(request("/"))
        with pytest.raises(ConnectionError, match="reset before a reply"):
            await client.read_reply()


async def test_half_closes_and_still_reads() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        client.send(request("/"))
        client.half_close()
        assert (await client.read_reply()).body == b"{}"


async def test_a_paused_client_reads_nothing_until_it_resumes() -> None:
    async with ScriptedUpstream() as upstream, await RawClient.connect(upstream.port) as client:
        client.pause()
        upstream.script(Send(replies.sized(b"abc")), Stall())
        client.send(request("/"))
        await upstream.request()
        assert client.wire.received_total == 0
        client.resume()
        assert (await client.read_reply()).body == b"abc"


async def test_connects_over_tls_and_unix_sockets(tmp_path: Path) -> None:
    async with ScriptedUpstream(tls=certificates().server) as upstream:
        encrypted = await RawClient.connect(upstream.port, tls=certificates().client)
        async with encrypted:
            encrypted.send(request("/"))
            assert (await encrypted.read_reply()).status == 200
    path = str(tmp_path / "socket")
    async with (
        ScriptedUpstream(unix_socket=path),
        await RawClient.connect(unix_socket=path) as local,
    ):
        local.send(request("/"))
        assert (await local.read_reply()).status == 200


def test_requests_are_framed_once() -> None:
    assert request("/", b"ab").endswith(b"\r\nContent-Length: 2\r\n\r\nab")
    assert b"Content-Length" not in request("/", method="GET")
    chunked = request("/", headers=[("transfer-encoding", "chunked")])
    assert b"Content-Length" not in chunked
