"""Identical calls at the same time: one is sent, the others get its bytes as they arrive.

The one that is sent is the leader. A follower whose reply has the same form is streamed from the
leader's bytes; one that wants another form (whole instead of streamed) waits for the kept answer.
A follower that reads slowly holds up nobody: it has its own place in the pieces.

The leader's failures stay its own. Before its reply has begun, the next follower is sent in its
place; when that fails too, all others are sent by themselves. A leader whose client leaves in the
middle of the reply passes its connection on to a follower. Only a reply that breaks off in the
middle breaks off for all who have read of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lynkr._native.headers import value_of
from lynkr.errors import GatewayError
from lynkr.gateway.following import end, facts_of, follow, follow_whole, go_on, take_over
from lynkr.gateway.lanes import chunk
from lynkr.wire.message import Usage

if TYPE_CHECKING:
    from lynkr._native.outbound import Outbound
    from lynkr.gateway.exchange import Exchange

LAST_CHUNK = b"0\r\n\r\n"
BEHIND_BYTES_MAX = 8 * 1024 * 1024  # a follower that is further behind is cut off
FAILURES_MAX = 2  # leaders in a row that failed, after which nobody waits any more


class Follower:
    """A call that reads another one's reply; its client's connection pauses and resumes it."""

    __slots__ = ("at", "chunked", "exchange", "flight", "flowing", "paused")

    def __init__(self, exchange: Exchange, flight: Flight) -> None:
        self.exchange = exchange
        self.flight = flight
        self.at = 0  # pieces sent
        self.flowing = False  # has a head, and gets pieces; else waits for the answer's end
        self.paused = False
        self.chunked = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self.push()

    def push(self, *, pressing: bool = False) -> None:
        """Send what has come since, as far as the client takes it; all of it when ``pressing``."""
        flight, exchange = self.flight, self.exchange
        pieces = flight.pieces
        while self.at < len(pieces) and (pressing or not self.paused):
            piece = pieces[self.at]
            self.at += 1
            exchange.reply_bytes += len(piece)
            exchange.inbound.send(chunk(piece) if self.chunked else piece)
        if self.at == len(pieces) and flight.complete:
            if self.chunked:
                exchange.inbound.send(LAST_CHUNK)
            flight.leave(exchange)
            end(exchange, flight.usage)

    @property
    def behind(self) -> int:
        return sum(len(piece) for piece in self.flight.pieces[self.at :])


class Flight:
    """One request on its way, whoever else waits for the same. It is the ``tap`` of the leader's
    connection."""

    __slots__ = (
        "bytes", "complete", "encoding", "failures", "flights", "followers", "key", "leader",
        "outbound", "over", "overflown", "pieces", "streamed", "usage",
    )  # fmt: skip

    def __init__(self, flights: Flights, key: bytes, leader: Exchange) -> None:
        self.flights = flights
        self.key = key
        self.leader = leader
        self.followers: dict[Exchange, Follower] = {}
        self.pieces: list[bytes] = []
        self.bytes = 0
        self.overflown = False  # too large to be kept
        self.encoding: bytes | None = None  # content-encoding of the pieces
        self.streamed = False  # whether they are events, or one body
        self.failures = 0
        self.outbound: Outbound | None = None  # once the reply has begun
        self.usage = Usage()  # once it is complete
        self.over = False  # nobody can join any more
        self.complete = False  # the pieces are the whole reply

    # --- told by the leader -----------------------------------------------------------------

    def begun(self, outbound: Outbound, streamed: bool) -> None:
        """A good reply has begun to pass: whoever wants the same form gets its head."""
        self.outbound = outbound
        # A translated reply is written anew, in no encoding.
        self.encoding = None if self.leader.translator else outbound.content_encoding
        self.streamed = streamed
        outbound.tap = self
        for follower in tuple(self.followers.values()):
            self._start(follower)

    def feed(self, data: bytes) -> None:
        self.bytes += len(data)
        if not self.overflown and self.bytes > self.flights.reply_bytes_max:
            self._overflow()
        if self.overflown and not self.followers:
            self.pieces.clear()
            return
        self.pieces.append(data)
        for follower in tuple(self.followers.values()):
            if not follower.flowing:
                continue
            follower.push()
            if self.overflown and follower.behind > BEHIND_BYTES_MAX:
                self.leave(follower.exchange)
                follower.exchange.inbound.abort()
        if self.overflown:
            self._trim()

    def ping(self, data: bytes) -> None:
        """Keeps quiet connections alive; no part of the reply."""
        for follower in tuple(self.followers.values()):
            if follower.flowing and follower.at == len(self.pieces):
                follower.exchange.inbound.send(chunk(data) if follower.chunked else data)

    def whole(self, lines: bytes, body: bytes, *, streamed: bool) -> None:
        """The reply came at once, because it had to be translated as a whole."""
        self.over = self.complete = True
        self.usage = facts_of(self.leader).usage
        self.flights.forget(self)
        self.bytes = len(body)
        self.overflown = self.bytes > self.flights.reply_bytes_max
        self.pieces = [body]
        self.streamed = streamed
        for exchange in tuple(self.followers):
            if exchange.stream == self.leader.stream and not exchange.request.http_1_0:
                self.leave(exchange)
                exchange.planned = self.leader.planned  # it may have been the second choice
                follow_whole(exchange, lines, body, self.usage, streamed=streamed)

    def done(self) -> None:
        """The reply is whole. Those who read along are served to the end; others are told later,
        by ``settled``."""
        self.over = self.complete = True
        self.usage = facts_of(self.leader).usage
        self.flights.forget(self)
        for follower in tuple(self.followers.values()):
            if follower.flowing:
                follower.push()

    def settled(self, serve: Callable[[Exchange], bool]) -> None:
        """Whoever still waits is served from the kept answer, or sent by himself."""
        for follower in tuple(self.followers.values()):
            if follower.flowing:
                continue
            self.leave(follower.exchange)
            if not serve(follower.exchange):
                go_on(follower.exchange)

    def failed(self) -> None:
        """The leader will have no good reply: somebody else goes."""
        if self.over:
            return
        self.failures += 1
        waiting = [one.exchange for one in self.followers.values()]
        if not waiting:
            self.over = True
            self.flights.forget(self)
            return
        if self.failures >= FAILURES_MAX:
            self.over = True
            self.flights.forget(self)
            for exchange in waiting:
                self.leave(exchange)
                go_on(exchange)
            return
        following = waiting[0]
        del self.followers[following]
        self.leader = following
        go_on(following)

    def broken(self, error: GatewayError) -> None:
        """The reply broke off in the middle: for those who have read of it, too."""
        self.over = True
        self.flights.forget(self)
        for follower in tuple(self.followers.values()):
            self.leave(follower.exchange)
            if follower.flowing:
                follower.push(pressing=True)
                if self.streamed and self.encoding is None:
                    # A half-sent event is ended by the line end and takes the error as its rest.
                    event = b"\n" + follower.exchange.api.format.error_event(error)
                    follower.exchange.inbound.send(chunk(event))
                follower.exchange.break_off(error, "upstream")
            else:
                go_on(follower.exchange)

    def left(self, exchange: Exchange) -> None:
        """A client has left. In the middle of its leader's reply the connection goes to a follower
        that reads it, if there is one."""
        if exchange is not self.leader:
            self.leave(exchange)
            return
        outbound = self.outbound
        reading = [one for one in self.followers.values() if one.flowing]
        if outbound is None or self.over or not reading:
            return
        chosen = max(reading, key=lambda one: (not one.paused, one.at))
        chosen.push(pressing=True)
        del self.followers[chosen.exchange]
        self.leader = chosen.exchange
        take_over(chosen.exchange, exchange, outbound)

    # --- told by followers ------------------------------------------------------------------

    def join(self, exchange: Exchange) -> None:
        follower = Follower(exchange, self)
        self.followers[exchange] = follower
        if self.outbound is not None:
            self._start(follower)
            if follower.flowing:
                follower.push()

    def leave(self, exchange: Exchange) -> None:
        self.followers.pop(exchange, None)
        if exchange.caching is not None and exchange.caching.flight is self:
            exchange.caching.flight = None

    # --- inside -----------------------------------------------------------------------------

    def _start(self, follower: Follower) -> None:
        """Give a follower its head, if the reply comes in the form that it can read."""
        mine, leader = follower.exchange, self.leader
        assert self.outbound is not None
        if follower.flowing or mine.stream != leader.stream or mine.request.http_1_0:
            return
        if self.encoding is not None and _accepted(mine) != _accepted(leader):
            return
        follower.flowing = True
        mine.planned = leader.planned  # it may have been the second choice
        follower.chunked = follow(mine, leader, self.outbound)
        mine.inbound.feed_from(follower)

    def _overflow(self) -> None:
        """The reply is too large to be kept. Its beginning will be gone, so nobody joins any more,
        and whoever waits for the kept answer waits in vain."""
        self.overflown = True
        self.flights.forget(self)
        for follower in tuple(self.followers.values()):
            if not follower.flowing:
                self.leave(follower.exchange)
                go_on(follower.exchange)

    def _trim(self) -> None:
        """Of a reply too large to be kept, hold only what somebody has yet to read."""
        first = min((one.at for one in self.followers.values()), default=len(self.pieces))
        if first:
            del self.pieces[:first]
            for follower in self.followers.values():
                follower.at -= first


def _accepted(exchange: Exchange) -> bytes | None:
    return value_of(exchange.request.head, b"accept-encoding")


class Flights:
    """The worker's requests that others may be waiting for, by their key."""

    def __init__(self) -> None:
        self.reply_bytes_max = 256 * 1024
        self.joined_total = 0
        self._flights: dict[bytes, Flight] = {}

    def find(self, key: bytes) -> Flight | None:
        return self._flights.get(key)

    def start(self, key: bytes, leader: Exchange) -> Flight:
        flight = self._flights[key] = Flight(self, key, leader)
        return flight

    def forget(self, flight: Flight) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    def __len__(self) -> int:
        return len(self._flights)
