"""Exchange: one call, from its bytes to its Record.

Each phase fills its own slots, once, and none reaches back:

    admit   request, principal        who is calling          (at the head, in ``server/front``)
    read    original, model_token, stream     what the bytes ask for
    route   planned                   where they go
    recall  caching                   whether a kept answer will do
    write   head, body, translation   what goes there
    send    outbound, attempts        on a connection; a target that fails is followed by the next
    stream  reply_*, tee              the reply passes by     (compiled, in ``_native/outbound``)
    settle  Record                    when the client is served

The phases up to ``send`` are in ``pipeline``; this class holds the slots and hears from the
connection. Every call, good or bad, ends in ``settle`` exactly once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from lynkr._native.inbound import Inbound
from lynkr._native.outbound import COLLECT, Outbound
from lynkr._native.requests import InboundRequest
from lynkr._native.spans import Layout
from lynkr._native.sse import ReplyTee
from lynkr.errors import GatewayError, Source
from lynkr.gateway.caching import BYPASS, Caching, Hit
from lynkr.gateway.cascade import collected
from lynkr.gateway.chain import advance, keep_reply, refused
from lynkr.gateway.flights import Flight
from lynkr.gateway.lanes import (
    dropped_line,
    error_reply,
    kept_lines,
    last_words,
    reply_head,
    tee_for,
    translated_head,
)
from lynkr.gateway.recall import settled as reply_settled
from lynkr.gateway.replay import Content
from lynkr.gateway.routing import Routed
from lynkr.gateway.rules import PlannedRoute, Rules
from lynkr.gateway.sessions import Session
from lynkr.gateway.shaping import begun
from lynkr.gateway.translate import ReplyTranslator, Translation
from lynkr.gateway.whole import ESTIMATED, answer_whole
from lynkr.policies.failover import Failure, judge
from lynkr.policies.record import EndedBy
from lynkr.stores.shelf import Entry
from lynkr.transforms.passes import Marks, Shaped, without_body
from lynkr.wire.assembled import Assembly
from lynkr.wire.format import Api, Reading
from lynkr.wire.message import Request, Response

NOTHING_SAVED = b"x-lynkr-tokens-saved: 0\r\n"
EVENT_TYPES = (b"text/event-stream", b"application/vnd.amazon.eventstream")


class Desk(Protocol):
    """What a call needs from its worker."""

    def next_request_id(self) -> str: ...
    def opened(self, exchange: Exchange) -> None: ...
    def streaming(self, change: int) -> None: ...
    def settled(self, exchange: Exchange) -> None: ...
    def crashed(self, error: BaseException) -> None: ...
    def shadow(self, exchange: Exchange, entry: Entry, hit: Hit, content: Content) -> None: ...


class Exchange:
    """One call under way. The slots and their C types are listed in ``exchange.pxd``."""

    def __init__(self, desk: Desk, rules: Rules, inbound: Inbound, request: InboundRequest) -> None:
        self.desk = desk
        self.rules = rules
        self.inbound = inbound
        self.request = request
        self.api: Api = request.route
        self.request_id = desk.next_request_id()
        self.model_token = b""
        self.stream = False
        self.original = b""
        self.asked: Request | None = None
        self.layout: Layout | None = None
        self.shaped: Shaped | None = None
        self.session: Session | None = None
        self.session_target: PlannedRoute | None = None
        self.marks: Marks = ""  # the life of marks that the gateway sets itself
        self.moving = False  # whether they move with the conversation
        self.cache_key = ""
        self.prefix = b""  # of a prompt that parallel calls may share
        self.estimate = 0  # tokens of the prompt, where it was estimated whole
        self.messages = 0  # of the conversation
        self.held = False  # waits for another call to write that prefix
        self.reshape = False  # whether token passes may touch it
        self.caching: Caching | None = None
        self.cache_line = BYPASS
        self.cache_rule = ""  # why the cache has no part in it
        self.errand: Callable[[Response | None], None] | None = None  # the gateway's own call
        self.planned: PlannedRoute | None = None
        self.routed: Routed | None = None  # what was decided of its tier
        self.route_lines = b""
        self.above: tuple[tuple[int, PlannedRoute], ...] = ()  # tiers to ask if its form is bad
        self.spent_usd = 0.0  # on answers that were not passed on
        self.local = False  # answered here, of words of the gateway's own
        self.head = b""
        self.body = b""
        self.translation: Translation | None = None
        self.key_index = 0
        self.dropped: tuple[str, ...] = ()
        self.edited = False
        self.outbound: Outbound | None = None
        self.waiting_for: PlannedRoute | None = None
        self.attempts = 0  # sends in all, and of those the ones to this target
        self.tries = 0
        self.failed: list[str] = []
        self.timer: asyncio.TimerHandle | None = None
        self.reused = False
        self.reading: Reading | None = None
        self.tee: ReplyTee | None = None
        self.translator: ReplyTranslator | None = None
        self.streaming = False
        self.events = False
        self.encoding: bytes | None = None
        self.lines = b""
        self.plain = True
        self.framed = True
        self.reply_begun = False
        self.reply_status = 0
        self.reply_bytes = 0
        self.times_written_ns = 0
        self.times_first_ns = 0
        self.times_last_ns = 0
        self.ended_by: EndedBy = "complete"
        self.error = ""
        self.error_source: Source | str = ""
        self._settled = False

    # --- sending ----------------------------------------------------------------------------

    def send(self, planned: PlannedRoute) -> None:
        """To a pooled connection at once, or to a new one when it is open."""
        if not (self.prefix and not self.attempts and self._must_wait()):
            self._dispatch(planned)

    def _dispatch(self, planned: PlannedRoute) -> None:
        planned.breaker.claim(time.monotonic())
        outbound = planned.pool.take()
        if outbound is not None:
            self.connected(outbound, reused=True)
        else:
            self.waiting_for = planned
            planned.pool.open(self)

    def _must_wait(self) -> bool:
        """Another call is writing the same prefix: this one reads it if it waits a little."""
        wait_s = self.rules.settings.tokens.first_write_wait_s
        writes = self.rules.standing.first_writes
        if wait_s <= 0 or writes.may_go(self.prefix, self, time.monotonic()):
            return False
        self.held = True
        self.timer = asyncio.get_running_loop().call_later(wait_s, self.proceed)
        return True

    def proceed(self) -> None:
        """The wait for another call's first write is over."""
        if not self.held or self._settled:
            return
        self.held = False
        self.stop_waiting()
        assert self.planned is not None
        self._dispatch(self.planned)

    def stop_waiting(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def sent_after_all(self) -> None:
        """No answer came of the cache, or of another call."""
        if self.caching is not None and not self._settled:
            self.caching.go_on(self)

    def connected(self, outbound: Outbound, *, reused: bool) -> None:
        self.waiting_for = None
        self.outbound = outbound
        self.reused = reused
        self.attempts += 1
        self.tries += 1
        limits = self.rules.settings.upstream
        outbound.start(
            self,
            self.inbound,
            self.head,
            self.body,
            first_byte_timeout_s=limits.first_byte_timeout_s,
            idle_timeout_s=limits.idle_timeout_s,
            total_timeout_s=limits.total_timeout_s,
        )
        if not self.times_written_ns:  # what a failed try took is not the gateway's own time
            self.times_written_ns = outbound.written_ns

    def connect_failed(self, error: GatewayError) -> None:
        self.waiting_for = None
        if error.source == "upstream" and self.planned is not None:
            self.planned.breaker.failed(time.monotonic())
            if self._try_next():
                return
        if self.planned is not None:
            error.hint = f"(provider {self.planned.provider})"
        self.refuse(error)

    def upstream_failed(self, outbound: Outbound, kind: str, message: str) -> None:
        """Nothing has reached the client: another try is possible."""
        planned = self.planned
        assert planned is not None
        verdict = judge(
            Failure(kind, reused=self.reused, got_bytes=outbound.got_bytes, attempts=self.tries)
        )
        self.outbound = None
        if verdict.retry:
            planned.pool.retried_total += 1
            self.waiting_for = planned
            planned.pool.open(self)
            return
        if verdict.source == "upstream" and not self.times_first_ns:
            planned.breaker.failed(time.monotonic())
            if self._try_next():
                return
        self.refuse(
            GatewayError(
                kind, verdict.status, message, source=verdict.source, retryable=True,
                hint=f"(provider {planned.provider})",
            )
        )  # fmt: skip

    def _try_next(self) -> bool:
        """Send the call to the next target; false when there is none that could take it."""
        if not advance(self):
            return False
        assert self.planned is not None
        self.send(self.planned)
        return True

    def again(self) -> None:
        """The wait before another try of the same target is over."""
        self.timer = None
        assert self.planned is not None
        self.send(self.planned)

    # --- the reply, told by the connection ----------------------------------------------------

    def reply_head(
        self, outbound: Outbound
    ) -> tuple[bytes, ReplyTee | ReplyTranslator | None, bool] | str | None:
        """The client's head, who reads along, and whether the body is framed in chunks; or that the
        body is to be collected, or that this reply is not wanted."""
        planned = self.planned
        assert planned is not None
        if outbound.status < 400:
            planned.breaker.answered()
        elif refused(self, outbound):
            return None  # ``reply_declined`` follows
        self.reply_status = outbound.status
        self.times_first_ns = outbound.first_byte_ns
        if self.prefix and outbound.status == 200:
            begun(self)
        looked_at = self.above and outbound.status == 200
        if not looked_at:  # else it may be sent again, to another tier
            self.request.drop_body()
            self.body = self.original = b""
            self.layout = None
            if self.shaped is not None:
                self.shaped = without_body(self.shaped)
        self.reply_begun = not looked_at
        answer: tuple[bytes, ReplyTee | ReplyTranslator | None, bool] | str
        if looked_at and self.translation is None:
            answer, flows = COLLECT, False
        elif self.translation is not None:
            answer = self._translated(outbound, self.translation)
            flows = answer is not COLLECT
        else:
            answer = self.spliced(outbound, planned)
            flows = True
        flight = self.flight
        if flight is not None and outbound.status != 200:
            flight.leave(self)
            flight.failed()
        elif flight is not None and flows:
            flight.begun(outbound, self.streaming or self.events)
        return answer

    def spliced(
        self, outbound: Outbound, planned: PlannedRoute
    ) -> tuple[bytes, ReplyTee | None, bool]:
        self.plain = outbound.content_encoding is None
        self.reading, self.tee = tee_for(self.api, outbound, planned.rename)
        if self.reading is not None and self.reading.events:
            self.events = True
            self.desk.streaming(1)
        resized = self.tee is not None and self.tee.rename is not None
        lines = planned.reply_lines
        if self.edited:
            lines = planned.edited_lines + dropped_line(self.dropped)
        head, chunked = reply_head(
            outbound, self.request, lines + self.own_lines, self.request_id, self.overhead_us,
            saved=self.saved, resized=resized,
        )  # fmt: skip
        self.framed = chunked or (outbound.length is not None and not resized)
        return head, self.tee, chunked

    def _translated(
        self, outbound: Outbound, translation: Translation
    ) -> tuple[bytes, ReplyTranslator, bool] | str:
        kind = (outbound.content_type or b"").lower()
        self.events = kind.startswith(EVENT_TYPES)
        self.lines = kept_lines(outbound.head)
        if outbound.status != 200 or not self.events or not self.stream:
            self.reply_begun = False  # the client has nothing yet
            self.encoding = outbound.content_encoding
            return COLLECT
        assert self.planned is not None
        self.desk.streaming(1)
        self.streaming = True
        keep = Assembly() if self.api.kept_by_id and translation.asked.store is not False else None
        self.translator = translation.streamed(outbound.content_encoding, keep)
        head, chunked = translated_head(
            200, self.lines, self.request, self.planned.reply_lines + self.own_lines,
            self.request_id, self.overhead_us, self.dropped,
            saved=self.saved, streamed=True, length=None,
        )  # fmt: skip
        self.framed = chunked
        return head, self.translator, chunked

    def reply_declined(self, outbound: Outbound) -> None:
        """The reply was an error, and ``planned`` is by now the target to try instead."""
        self.outbound = None
        if self.timer is None:
            assert self.planned is not None
            self.send(self.planned)

    def reply_collected(self, outbound: Outbound, body: bytes) -> None:
        """The whole of a reply that is translated as a whole, or looked at before it is passed."""
        if self.above and self.reply_status == 200:
            collected(self, outbound, body)
        else:
            answer_whole(self, outbound, body)

    def reply_done(self, outbound: Outbound) -> None:
        self.reply_bytes = outbound.body_bytes
        self.times_last_ns = outbound.last_byte_ns
        if self.planned is not None and self.reply_status < 400:
            self.planned.breaker.succeeded()
        if (flight := self.flight) is not None:
            flight.done()
        self.inbound.end(self.framed or outbound.status in (204, 304))
        if self.translator is not None and self.translator.note is not None:
            assert self.translation is not None
            if self.translator.note.stop is not None:
                keep_reply(self, self.translation, self.translator.note.parts)
        self.settle()

    def answer(self, body: bytes) -> None:
        """End the call with a reply that needs no provider."""
        assert self.planned is not None
        head, _ = translated_head(
            200, ESTIMATED, self.request, self.planned.reply_lines + self.own_lines,
            self.request_id, 0, (),
            saved=0, streamed=False, length=len(body),
        )  # fmt: skip
        self.reply_status = 200
        self.reply_bytes = len(body)
        self.inbound.send(head + body)
        self.inbound.end(self.request.keep_alive)
        self.settle()

    def reply_broken(self, outbound: Outbound, kind: str, message: str) -> None:
        """Part of a reply has reached the client: say so in its dialect, and end uncleanly."""
        self.reply_bytes = outbound.body_bytes
        self.times_last_ns = outbound.last_byte_ns
        source: Source = "gateway" if kind == "internal_error" else "upstream"
        if source == "upstream" and self.planned is not None:
            self.planned.breaker.failed(time.monotonic())
        error = GatewayError(kind, 502, message, source=source, retryable=True)
        if (flight := self.flight) is not None:
            flight.broken(error)
        self.break_off(error, "upstream")

    def crashed(self, error: BaseException) -> None:
        self.desk.crashed(error)

    # --- ends -------------------------------------------------------------------------------

    def refuse(self, error: GatewayError) -> None:
        """End the call with the gateway's own error, before any byte of a reply."""
        keep = self.request.keep_alive
        self.error = error.kind
        self.error_source = error.source
        self.ended_by = "upstream" if error.source == "upstream" else "gateway"
        self.reply_status = error.status
        reply, self.reply_bytes = error_reply(
            error, self.api, self.request_id, keep=keep, http_1_0=self.request.http_1_0,
            more=self.planned.reply_lines + self.own_lines + NOTHING_SAVED
            if self.planned is not None else b"",
        )  # fmt: skip
        self.inbound.send(reply)
        self.inbound.end(keep)
        self.settle()

    def shut_down(self) -> None:
        """The gateway stops and the call has had its time."""
        error = GatewayError(
            "gateway_shutdown", 503, "The gateway is shutting down.",
            source="gateway", retryable=True,
        )  # fmt: skip
        outbound = self._let_go()
        if self.reply_begun:
            self.reply_bytes = outbound.body_bytes if outbound is not None else 0
            self.break_off(error, "gateway")
        else:
            self.refuse(error)

    def client_left(self) -> None:
        """Hang up on the upstream at once, so that it stops generating; but not on others who read
        the same reply."""
        if (flight := self.flight) is not None:
            flight.left(self)
        outbound = self._let_go()
        if outbound is not None:
            self.reply_bytes = outbound.body_bytes
        self.ended_by = "client"
        self.settle()

    def settle(self) -> None:
        if self._settled:
            return
        self._settled = True
        if self.streaming or (self.reading is not None and self.reading.events):
            self.desk.streaming(-1)
        if self.prefix:
            self.rules.standing.first_writes.ended(self.prefix, self)
        if self.caching is not None or self.errand is not None:
            reply_settled(self)
        if self.planned is not None:
            self.planned.breaker.released()  # a probe that told nothing must not keep it shut
        self.desk.settled(self)

    @property
    def flight(self) -> Flight | None:
        """The same request on its way: this call leads it, or follows."""
        return None if self.caching is None else self.caching.flight

    @property
    def own_lines(self) -> bytes:
        """Header lines of the reply about this call, beside those of its target."""
        return self.cache_line + self.route_lines

    @property
    def settled(self) -> bool:
        return self._settled

    @property
    def saved(self) -> int:
        """Estimated input tokens that were not sent, as the target counts."""
        if self.shaped is None or self.planned is None:
            return 0
        return self.rules.standing.calibration.corrected(self.planned.family, self.shaped.saved)

    @property
    def overhead_us(self) -> int:
        """Time inside the gateway: last byte of the request to the upstream write, connecting
        included."""
        return (self.times_written_ns - self.request.ready_ns) // 1000

    def _let_go(self) -> Outbound | None:
        """Stop whatever is being waited for; what was learned so far stays readable."""
        if self.waiting_for is not None:
            self.waiting_for.pool.forget(self)
            self.waiting_for = None
        self.stop_waiting()
        outbound, self.outbound = self.outbound, None
        if outbound is not None and not self._settled:
            outbound.cancel()
        return outbound

    def break_off(self, error: GatewayError, ended_by: EndedBy) -> None:
        self.error = error.kind
        self.error_source = error.source
        self.ended_by = ended_by
        self.inbound.end_broken(last_words(self, error), self.request.http_1_0)
        self.settle()
