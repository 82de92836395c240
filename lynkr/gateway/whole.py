"""A reply that is translated when it is whole: a JSON body, or an error."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lynkr.gateway.chain import keep_reply
from lynkr.gateway.lanes import translated_head
from lynkr.gateway.translate import decoded, internal, unreadable

if TYPE_CHECKING:
    from lynkr._native.outbound import Outbound
    from lynkr.gateway.exchange import Exchange

ESTIMATED = b"x-lynkr-estimated: true\r\n"


def answer_whole(exchange: Exchange, outbound: Outbound, body: bytes) -> None:
    """Translate the body and end the call with it."""
    exchange.outbound = None
    exchange.times_last_ns = time.monotonic_ns()
    translation, planned = exchange.translation, exchange.planned
    assert translation is not None and planned is not None
    try:
        body = decoded(body, exchange.encoding)
        out, streamed = translation.whole(
            exchange.reply_status, exchange.events, body, exchange.request_id
        )
    except ValueError as error:
        exchange.refuse(unreadable(error, planned.provider))
        return
    except Exception as error:
        exchange.desk.crashed(error)
        exchange.refuse(internal("reply"))
        return
    if exchange.reply_status < 400:
        planned.breaker.succeeded()
    if translation.reply is not None:
        keep_reply(exchange, translation, translation.reply.parts)
    if translation.estimated:
        exchange.reply_status, exchange.lines = 200, ESTIMATED + exchange.lines
    head, _ = translated_head(
        exchange.reply_status,
        exchange.lines,
        exchange.request,
        planned.reply_lines + exchange.own_lines,
        exchange.request_id,
        exchange.overhead_us,
        exchange.dropped,
        saved=exchange.saved,
        streamed=streamed,
        length=len(out),
    )
    exchange.reply_bytes = len(out)
    exchange.inbound.send(head + out)
    exchange.inbound.end(exchange.request.keep_alive)
    flight = exchange.flight
    if flight is not None and exchange.reply_status == 200 and not translation.estimated:
        flight.whole(exchange.lines, out, streamed=streamed)
    exchange.settle()
