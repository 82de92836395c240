"""What a call and a streamed chunk may cost, in counts: ``perf/budgets.toml`` says why each number.

Every count is exact and the same on every machine. Nothing here looks at a clock.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tomllib
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from perf import in_memory
from perf.in_memory import (
    DELTA,
    FIRST,
    LAST,
    REPLY,
    REPLY_BODY,
    REQUEST,
    STREAM_HEAD,
    TRANSLATED,
    MemoryBench,
    Pair,
    memory_bench,
    request_of,
    warm_pair,
)

BUDGETS: dict[str, dict[str, int]] = tomllib.loads(
    (Path(__file__).parents[2] / "perf" / "budgets.toml").read_text("utf-8")
)

pytestmark = pytest.mark.skipif(
    os.environ.get("LYNKR_DEBUG") == "1", reason="a debug build traces every compiled line"
)


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[MemoryBench]:
    """With an access log that goes nowhere; ``without_log`` is for tests that weigh memory, since a
    log's waiting lines come and go by a clock."""
    async with memory_bench(getattr(request, "param", os.devnull)) as bench:
        yield bench


@pytest.fixture
async def warm(bench: MemoryBench) -> Pair:
    pair = await warm_pair(bench)
    await asyncio.sleep(0.2)  # past the log's and the scoreboard's timers, which are per batch
    pair.call()  # ... and sets them again
    pair.forget()
    assert len(bench.upstreams) == 1
    return pair


without_log = pytest.mark.parametrize("bench", ["off"], indirect=True)


OURS = {__file__, in_memory.__file__}


def python_calls(work: Callable[[], object]) -> list[str]:
    """The Python functions that ``work`` enters, in order, the transports' and our own left out."""
    entered: list[str] = []

    def note(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call" and frame.f_code.co_filename not in OURS:
            entered.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_qualname}")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return entered


def kept_blocks(work: Callable[[], object], times: int) -> int:
    """Blocks of memory that are still there after ``work`` was done so many times more."""
    for _ in range(times):
        work()  # free lists and caches fill
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(times):
        work()
    gc.collect()
    return sys.getallocatedblocks() - before


def copies(work: Callable[[], object], size: int) -> float:
    """How many times ``size`` bytes are held at the worst moment beside what was held before."""
    work()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (peak - before) / size


async def traced_bytes(work: Callable[[], Any]) -> int:
    """Bytes that are still there after ``work``. The first time fills caches and is not counted."""
    kept = [await work()]
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept.append(await work())
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 2
    return after - before


def within(group: str, **measured: int) -> None:
    """Every number of the group is measured, and none is over its budget."""
    budget = BUDGETS[group]
    assert set(budget) == set(measured)
    over = {name: (count, budget[name]) for name, count in measured.items() if count > budget[name]}
    assert not over, f"{group}: (measured, budget) {over}"


async def test_a_1_kb_request(warm: Pair) -> None:
    entered = python_calls(warm.call)
    assert warm.to_client.written[0].endswith(REPLY_BODY)
    within(
        "request",
        client_writes=len(warm.to_client.written),
        upstream_writes=len(warm.to_upstream.written),
        transport_calls=warm.touched(),
        python_calls=len(entered),
    )


async def test_a_100_kb_request(warm: Pair) -> None:
    """Size changes how the body is written, once and gathered, and lets the token passes look."""
    warm.call(request_of(100 * 1024))  # which loads them
    warm.forget()
    entered = python_calls(lambda: warm.call(request_of(100 * 1024)))
    assert warm.to_upstream.calls["writelines"] == 1
    within(
        "large_request",
        client_writes=len(warm.to_client.written),
        upstream_writes=len(warm.to_upstream.written),
        transport_calls=warm.touched(),
        python_calls=len(entered),
    )


async def test_a_chunk_of_a_stream(warm: Pair) -> None:
    """Compiled from socket to socket: one write, and no Python function is entered."""
    warm.inbound.data_received(REQUEST)
    warm.outbound.data_received(STREAM_HEAD + FIRST)
    warm.forget()
    chunk = DELTA
    outbound = warm.outbound
    entered = python_calls(lambda: outbound.data_received(chunk))
    assert warm.to_client.written == [DELTA]
    within(
        "chunk",
        client_writes=len(warm.to_client.written),
        transport_calls=warm.touched(),
        python_calls=len(entered),
    )
    warm.outbound.data_received(LAST)


async def test_a_chunk_of_a_translated_stream() -> None:
    """Of Python only the two codecs are entered; the sockets see what they see of any chunk."""
    async with memory_bench(os.devnull, TRANSLATED) as bench:
        pair = await warm_pair(bench)
        pair.inbound.data_received(REQUEST)
        pair.outbound.data_received(TRANSLATED.first)
        pair.forget()
        entered = python_calls(lambda: pair.outbound.data_received(TRANSLATED.delta))
        (written,) = pair.to_client.written
        assert b"event: content_block_delta\n" in written
        assert b'"text":"Hello"' in written
        within(
            "translated_chunk",
            client_writes=len(pair.to_client.written),
            transport_calls=pair.touched(),
            python_calls=len(entered),
        )
        pair.outbound.data_received(TRANSLATED.last)
        assert pair.to_client.written[-1].endswith(b"\r\n0\r\n\r\n")


@without_log
async def test_bodies_are_not_copied_more_than_said(warm: Pair) -> None:
    """A read that holds a head and a body is cut once; what happens to the pieces is the budget."""
    size = 100 * 1024
    given = request_of(size)
    event = b"event: ping\ndata: %b\n\n" % (b"x" * (size - 40))
    chunk = b"%x\r\n%b\r\n" % (len(event), event)

    def call() -> None:
        warm.call(given)
        warm.forget()

    def read() -> None:
        warm.outbound.data_received(chunk)
        warm.to_client.written.clear()

    request = copies(call, size)
    warm.inbound.data_received(REQUEST)
    warm.outbound.data_received(STREAM_HEAD + FIRST)
    within("copies", request=round(request), streamed_read=round(copies(read, size)))
    warm.outbound.data_received(LAST)


@pytest.mark.parametrize("frames", [1, 2, 50])
async def test_one_write_per_read(warm: Pair, frames: int) -> None:
    """However many events a read brings, the client's socket is written once."""
    warm.inbound.data_received(REQUEST)
    warm.outbound.data_received(STREAM_HEAD + FIRST)
    warm.forget()
    warm.outbound.data_received(DELTA * frames)
    assert len(warm.to_client.written) == 1
    warm.outbound.data_received(LAST)
    assert len(warm.to_client.written) == 2


async def test_a_whole_stream(warm: Pair) -> None:
    """What a stream costs beside its chunks does not grow with their number."""
    short = len(python_calls(lambda: warm.stream(1)))
    long = len(python_calls(lambda: warm.stream(500)))
    assert short == long
    within("stream", python_calls=long)


@without_log
async def test_calls_leave_nothing_behind(warm: Pair) -> None:
    def call() -> None:
        warm.call()
        warm.forget()

    def stream() -> None:
        warm.stream(5)
        warm.forget()

    within(
        "kept_after_1000",
        request_blocks=kept_blocks(call, 1000),
        stream_blocks=kept_blocks(stream, 1000),
    )


@without_log
async def test_memory_of_connections(bench: MemoryBench) -> None:
    """With what our transports weigh, which stand for a socket's own."""
    count = 200

    async def idle() -> object:
        clients = [bench.client() for _ in range(count)]
        for inbound, transport in clients:
            outbound, _ = await bench.sent(inbound)
            outbound.data_received(REPLY)
            transport.written.clear()
        return clients

    async def streaming() -> object:
        streams = []
        for _ in range(count):
            inbound, transport = bench.client()
            upstream = await bench.sent(inbound)
            upstream[0].data_received(STREAM_HEAD + FIRST)
            upstream[0].data_received(DELTA)
            transport.written.clear()
            streams.append((inbound, transport, upstream))
        return streams

    within(
        "bytes_kept",
        idle_connection=await traced_bytes(idle) // count,
        open_stream=await traced_bytes(streaming) // count,
    )
