"""Calls that a tool makes for itself and that need no provider: titles, quota probes, warm-ups.

Only where ``routing.answer_side_calls`` says so, and only where the answer is certain to be of the
form that the tool expects; all others go their usual way.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from lynkr.gateway.following import end
from lynkr.gateway.lanes import translated_head
from lynkr.gateway.replay import render
from lynkr.gateway.shaping import DIALECTS, passthrough
from lynkr.policies.local_answers import local_answer
from lynkr.policies.side_calls import side_call

if TYPE_CHECKING:
    from lynkr.gateway.exchange import Exchange

_LINES = b"x-lynkr-provider: lynkr\r\nx-lynkr-lane: local\r\n"


def answer_side_call(exchange: Exchange) -> bool:
    """Answer the call here, if that is wanted and possible. True: it is answered."""
    if not exchange.rules.settings.routing.answer_side_calls or exchange.errand is not None:
        return False
    api, layout, body = exchange.api, exchange.layout, exchange.original
    if layout is None or api.name not in DIALECTS or passthrough(exchange):
        return False
    try:
        found = exchange.routed
        if found is not None and found.seen is not None:
            side = found.seen.side
        else:
            side = side_call(api.name, body, layout)
        response = local_answer(side, api.name, body, layout) if side else None
        if response is None:
            return False
        planned = exchange.planned
        assert planned is not None
        reply = render(
            msgspec.structs.replace(response, created=int(time.time())),
            api.format,
            body,
            asked=planned.asked,
            stream=exchange.stream,
            call_id=exchange.request_id.removeprefix("req_"),
        )
    except Exception as error:  # what fails here can still be asked of a provider
        exchange.desk.crashed(error)
        return False
    exchange.local = True
    exchange.reply_status = 200
    exchange.times_first_ns = time.monotonic_ns()
    head, _ = translated_head(
        200, b"", exchange.request, _LINES + exchange.own_lines, exchange.request_id,
        (exchange.times_first_ns - exchange.request.ready_ns) // 1000, (),
        saved=0, streamed=exchange.stream, length=len(reply),
    )  # fmt: skip
    exchange.reply_bytes = len(reply)
    exchange.inbound.send(head + reply)
    end(exchange)
    return True
