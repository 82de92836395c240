"""A cheap answer looked at before it is passed on: where its form is bad, the next tier is asked.

Only single questions, not streamed and without tools: there a second call is all that a bad answer
costs. What is looked at is form (``policies.routing.verify``), never whether it is right. A good
answer goes to the client as the provider's own bytes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from lynkr.errors import GatewayError
from lynkr.gateway.chain import elsewhere
from lynkr.gateway.flights import LAST_CHUNK
from lynkr.gateway.lanes import chunk, kept_lines
from lynkr.gateway.replay import read
from lynkr.gateway.shaping import on_its_way
from lynkr.gateway.tiers import Tiers, routed_lines
from lynkr.gateway.translate import decoded
from lynkr.gateway.whole import answer_whole
from lynkr.gateway.writing import write
from lynkr.policies.bill import price
from lynkr.policies.outcomes import of_reply
from lynkr.policies.routing.facts import REASONING, TIERS, Seen, Verdict
from lynkr.policies.routing.verify import flaw_of
from lynkr.wire.codec import codec
from lynkr.wire.message import Response

if TYPE_CHECKING:
    from lynkr._native.outbound import Outbound
    from lynkr.gateway.exchange import Exchange
    from lynkr.gateway.rules import PlannedRoute


def tiers_above(
    exchange: Exchange, verdict: Verdict, seen: Seen, tiers: Tiers
) -> tuple[tuple[int, PlannedRoute], ...]:
    """Where to ask when the answer's form is bad, in order; none where the reply must pass as it
    comes."""
    if (
        not exchange.rules.settings.routing.cascade
        or exchange.stream
        or exchange.errand is not None
    ):
        return ()
    if seen.side or seen.tools or seen.calls or seen.turns > 1:
        return ()
    return tuple((tier, tiers.chains[tier][0]) for tier in range(verdict.tier + 1, REASONING + 1))


def collected(exchange: Exchange, outbound: Outbound, body: bytes) -> None:
    """The whole of a reply that is to be looked at."""
    try:
        flaw, paid_usd = _flaw(exchange, outbound, body)
    except Exception as error:  # what cannot be looked at passes as it is
        if not isinstance(error, ValueError | GatewayError):
            exchange.desk.crashed(error)
        flaw, paid_usd = "", 0.0
    if flaw and _climb(exchange, flaw):
        exchange.spent_usd += paid_usd
        return
    exchange.above = ()
    if exchange.translation is not None:
        answer_whole(exchange, outbound, body)
    else:
        _pass(exchange, outbound, body)


def _flaw(exchange: Exchange, outbound: Outbound, body: bytes) -> tuple[str, float]:
    """What is wrong with the reply's form, and what it cost."""
    planned, format_ = exchange.planned, exchange.api.format
    assert planned is not None
    reply: Response | None
    if exchange.translation is not None:
        exchange.translation.whole(200, exchange.events, decoded(body, exchange.encoding), "")
        reply = exchange.translation.reply
    else:
        reply = read(format_, body, outbound.content_encoding, stream=False)
    if reply is None:
        return "", 0.0
    asked = codec(format_.name).decode_request(exchange.original, planned.asked, False)
    paid = price(reply.usage, planned.prices, kept_1h=False) if planned.prices is not None else None
    return flaw_of(asked, reply), paid or 0.0


def _climb(exchange: Exchange, flaw: str) -> bool:
    """Ask the next tier that can take the call; false when there is none."""
    before, found = exchange.planned, exchange.routed
    assert before is not None and found is not None
    before.breaker.succeeded()
    while exchange.above:
        (tier, planned), *rest = exchange.above
        exchange.above = tuple(rest)
        if not planned.breaker.allows(time.monotonic()):
            continue
        exchange.planned = planned
        try:
            write(exchange)
        except GatewayError:
            continue  # it has no place for something of this request
        was = TIERS[found.verdict.tier]
        reason = f"{TIERS[tier]} after {was}: the form of its answer was bad ({flaw})"
        verdict = msgspec.structs.replace(
            found.verdict, tier=tier, rule="cascade", reason=reason, moved="up",
            counterfactual=f"{was} had its answer been whole",
        )  # fmt: skip
        _count(exchange, before, was, found.verdict)
        exchange.routed = msgspec.structs.replace(found, verdict=verdict)
        exchange.route_lines = routed_lines(verdict)
        exchange.outbound = None
        exchange.tries = 0
        elsewhere(exchange)
        on_its_way(exchange, planned)
        exchange.send(planned)
        return True
    exchange.planned = before
    write(exchange)  # the slots of a target are the ones of the reply in hand again
    return False


def _count(exchange: Exchange, planned: PlannedRoute, tier: str, verdict: Verdict) -> None:
    """The tier whose answer was not good enough is told so, or its failures would never show."""
    score = verdict.score.value if verdict.score is not None else None
    target = f"{planned.provider}:{planned.route.model}"
    outcome = of_reply(time.time(), tier, target, score, verdict.rule, failed=True)
    exchange.rules.standing.outcomes.add(outcome)


def _pass(exchange: Exchange, outbound: Outbound, body: bytes) -> None:
    """Send a reply that is in hand, in the client's own dialect."""
    planned = exchange.planned
    assert planned is not None
    exchange.reply_begun = True
    head, tee, chunked = exchange.spliced(outbound, planned)
    if tee is not None:
        if tee.rename is not None:
            body = tee.edit(body) + (tee.withheld or b"")
        else:
            tee.feed(body)
    exchange.inbound.send(head + (chunk(body) + LAST_CHUNK if chunked else body))
    exchange.reply_bytes = len(body)
    exchange.times_last_ns = time.monotonic_ns()
    planned.breaker.succeeded()
    if (flight := exchange.flight) is not None:
        flight.whole(kept_lines(outbound.head), body, streamed=False)
    exchange.inbound.end(exchange.framed)
    exchange.settle()
