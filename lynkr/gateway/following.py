"""A call that is answered by another call's reply: its head, its end, and what becomes of it when
the other one fails."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from lynkr.gateway.caching import MISS, Hit
from lynkr.gateway.lanes import dropped_line, reply_head, translated_head
from lynkr.wire.message import ReplyFacts, Usage

if TYPE_CHECKING:
    from lynkr._native.outbound import Outbound
    from lynkr.gateway.exchange import Exchange

SHARED_LINES = b"x-lynkr-cache: hit\r\nx-lynkr-cache-kind: flight\r\n"
_NOTHING = ReplyFacts()
# Of a reply under way, what its new owner must know.
_OF_REPLY = (
    "planned", "translation", "key_index", "dropped", "edited", "reading", "tee", "translator",
    "encoding", "lines", "plain", "streaming", "events", "attempts", "tries", "reused",
    "times_written_ns", "times_first_ns",
)  # fmt: skip


def facts_of(exchange: Exchange) -> ReplyFacts:
    """What was read of the reply on its way."""
    if exchange.translation is not None:
        return exchange.translation.facts
    if exchange.tee is not None and exchange.reading is not None:
        return exchange.reading.read(exchange.tee)
    return _NOTHING


def _begun(exchange: Exchange) -> int:
    """The reply begins now; microseconds since the request was complete."""
    exchange.stop_waiting()
    exchange.cache_line = SHARED_LINES
    caching = exchange.caching
    assert caching is not None
    caching.hit = Hit("flight")
    exchange.reply_begun = True
    exchange.reply_status = 200
    exchange.times_first_ns = time.monotonic_ns()
    exchange.request.drop_body()
    exchange.body = exchange.original = b""
    exchange.layout = None
    overhead_us: int = (exchange.times_first_ns - exchange.request.ready_ns) // 1000
    return overhead_us


def follow(exchange: Exchange, leader: Exchange, outbound: Outbound) -> bool:
    """Send the head of the leader's reply; whether its body goes out in chunks."""
    overhead_us = _begun(exchange)
    planned = exchange.planned
    assert planned is not None
    lines = planned.cached_lines + exchange.own_lines
    if leader.translator is not None:
        head, chunked = translated_head(
            200, leader.lines, exchange.request, lines, exchange.request_id, overhead_us,
            leader.dropped, saved=0, streamed=True, length=None,
        )  # fmt: skip
    else:
        resized = leader.tee is not None and leader.tee.rename is not None
        head, chunked = reply_head(
            outbound, exchange.request, lines + dropped_line(leader.dropped),
            exchange.request_id, overhead_us, saved=0, resized=resized,
        )  # fmt: skip
    exchange.framed = True  # in chunks or by its length: a follower speaks HTTP/1.1
    exchange.inbound.send(head)
    return chunked


def follow_whole(
    exchange: Exchange, lines: bytes, body: bytes, usage: Usage, *, streamed: bool
) -> None:
    """Answer with the leader's whole reply."""
    overhead_us = _begun(exchange)
    planned = exchange.planned
    assert planned is not None
    head, _ = translated_head(
        200, lines, exchange.request, planned.cached_lines + exchange.own_lines,
        exchange.request_id, overhead_us, (), saved=0, streamed=streamed, length=len(body),
    )  # fmt: skip
    exchange.reply_bytes = len(body)
    exchange.inbound.send(head + body)
    end(exchange, usage)


def end(exchange: Exchange, usage: Usage | None = None) -> None:
    """The reply is complete. ``usage``: of the call that it was another one's reply to."""
    if usage is not None and exchange.caching is not None:
        exchange.caching.hit = Hit("flight", usage=usage)
    exchange.times_last_ns = time.monotonic_ns()
    exchange.inbound.end(exchange.request.keep_alive)
    exchange.settle()


def go_on(exchange: Exchange) -> None:
    """Nobody's reply will serve: the call is sent after all. Later, because this runs inside
    another call's turn."""
    exchange.stop_waiting()
    exchange.cache_line = MISS
    asyncio.get_running_loop().call_soon(exchange.sent_after_all)


def take_over(exchange: Exchange, before: Exchange, outbound: Outbound) -> None:
    """Become the owner of a reply whose own client has left. What is known of it moves along, so
    that it is counted once."""
    for slot in _OF_REPLY:
        setattr(exchange, slot, getattr(before, slot))
    before.outbound = before.translation = before.tee = before.reading = None
    before.translator = None
    before.streaming = False
    exchange.outbound = outbound
    caching, theirs = exchange.caching, before.caching
    assert caching is not None and theirs is not None
    caching.hit = None
    caching.flight, theirs.flight = theirs.flight, None
    outbound.hand_over(exchange, exchange.inbound)
