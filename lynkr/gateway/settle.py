"""After the last byte: the call's Record. The client is already served, and nothing here can fail
it."""

from __future__ import annotations

import time

import msgspec

from lynkr._native.requests import InboundRequest
from lynkr.errors import GatewayError
from lynkr.gateway.exchange import Exchange
from lynkr.gateway.following import facts_of
from lynkr.gateway.routing import routing_use, settle_routing
from lynkr.gateway.shaping import learn, passes_of, settle_session
from lynkr.policies.access import ANONYMOUS
from lynkr.policies.bill import counterfactual, price
from lynkr.policies.record import CacheUse, Record, RoutingUse, Saving
from lynkr.wire.message import ReplyFacts, Usage

_NOTHING = ReplyFacts()
_NO_SAVING = Saving()
_BYPASS = CacheUse("bypass")
_NOT_ROUTED = RoutingUse()
_SHADOW = CacheUse("shadow")


def record_of(exchange: Exchange, client: str) -> Record:
    """The settled facts of a call; pure but for the clock."""
    request, planned = exchange.request, exchange.planned
    now_ns = time.monotonic_ns()
    accepted_ns = request.accepted_ns
    last_ns = exchange.times_last_ns or now_ns
    facts = facts_of(exchange)
    settle_routing(exchange, facts.usage)
    written_ns, first_ns = exchange.times_written_ns, exchange.times_first_ns
    principal = request.principal or ANONYMOUS
    return Record(
        request_id=exchange.request_id,
        accepted_at=time.time() - (now_ns - accepted_ns) / 1e9,
        api=exchange.api.name,
        path=exchange.api.shown_path,
        client=client,
        principal=principal.name,
        team=principal.team,
        provider=planned.provider if planned is not None else "",
        lane=lane_of(exchange),
        model_asked=planned.asked if planned is not None else "",
        model=planned.route.model if planned is not None else "",
        model_replied=facts.model,
        stream=exchange.stream,
        status=exchange.reply_status,
        ended_by=exchange.ended_by,
        error=exchange.error or facts.error,
        error_source=exchange.error_source or ("upstream" if facts.error else ""),
        stop_reason=facts.stop_reason,
        request_bytes=request.body_length,
        reply_bytes=exchange.reply_bytes,
        attempts=exchange.attempts,
        failed_over=exchange.failed,
        dropped=exchange.dropped,
        connection_reused=exchange.reused,
        overhead_us=exchange.overhead_us if written_ns else None,
        upstream_write_ms=(written_ns - accepted_ns) / 1e6 if written_ns else None,
        first_byte_ms=(first_ns - accepted_ns) / 1e6 if first_ns else None,
        last_byte_ms=(last_ns - accepted_ns) / 1e6,
        usage=facts.usage,
        saving=_with_spent(saving_of(exchange, facts.usage), exchange.spent_usd),
        cache=cache_use(exchange),
        routing=routing_use(exchange),
    )


def cache_use(exchange: Exchange) -> CacheUse:
    """What the cache did."""
    caching = exchange.caching
    if exchange.errand is not None:
        return _SHADOW
    if caching is None:
        return CacheUse("bypass", rule=exchange.cache_rule) if exchange.cache_rule else _BYPASS
    hit = caching.hit
    if hit is None:
        return CacheUse("miss", rule="" if exchange.cache_rule == "ok" else exchange.cache_rule)
    return CacheUse(
        "hit", hit.kind, "", hit.entry, round(hit.similarity, 4), round(hit.age_s, 1), hit.usage
    )


def saving_of(exchange: Exchange, usage: Usage) -> Saving:
    """What the passes took out, and both bills, as far as usage and prices say."""
    planned, shaped, session = exchange.planned, exchange.shaped, exchange.session
    if planned is None or exchange.reply_status != 200:
        return _NO_SAVING
    caching = exchange.caching
    if caching is not None and caching.hit is not None:
        prices = planned.prices
        paid = price(caching.hit.usage, prices, kept_1h=False) if prices is not None else None
        return _NO_SAVING if paid is None else Saving(usd=0.0, passthrough_usd=paid)
    aside = ""
    if session is not None:
        aside = session.aside
        settle_session(exchange, usage, time.monotonic())
    factor = learn(exchange, planned, usage)
    prices, kept_1h = planned.prices, exchange.marks == "1h"
    if shaped is None or not shaped.saved:
        usd = None if prices is None else price(usage, prices, kept_1h=kept_1h)
        if usd is None and shaped is None and not aside:
            return _NO_SAVING
        return Saving(passes=passes_of(shaped), aside=aside, usd=usd, passthrough_usd=usd)
    old, new = shaped.saved_old * factor, shaped.saved_new * factor
    bills = None
    if prices is not None:
        bills = counterfactual(usage, old, new, prices, kept_1h=kept_1h)
    return Saving(
        tokens=round(old + new),
        passes=passes_of(shaped),
        aside=aside,
        usd=bills.planned_usd if bills is not None else None,
        passthrough_usd=bills.passthrough_usd if bills is not None else None,
    )


def _with_spent(saving: Saving, spent_usd: float) -> Saving:
    """The bill with what was paid for answers that were not passed on."""
    if not spent_usd or saving.usd is None:
        return saving
    return msgspec.structs.replace(saving, usd=saving.usd + spent_usd)


def lane_of(exchange: Exchange) -> str:
    planned = exchange.planned
    if planned is None:
        return "none"
    if exchange.local:
        return "local"
    if exchange.caching is not None and exchange.caching.hit is not None:
        return "cache"
    return "edit" if exchange.edited and planned.plan is None else planned.lane


def refusal_record(
    request: InboundRequest | None, error: GatewayError, request_id: str, client: str
) -> Record:
    """The record of a request that never became a call: no key, too large, not HTTP."""
    now_ns = time.monotonic_ns()
    accepted_ns = request.accepted_ns if request is not None else now_ns
    api = request.route if request is not None else None
    return Record(
        request_id=request_id,
        accepted_at=time.time() - (now_ns - accepted_ns) / 1e9,
        api=api.name if api is not None else "",
        path=api.shown_path if api is not None else "",
        client=client,
        principal=ANONYMOUS.name,
        team="",
        provider="",
        lane="none",
        model_asked="",
        model="",
        model_replied="",
        stream=False,
        status=error.status,
        ended_by="gateway",
        error=error.kind,
        error_source=error.source,
        stop_reason="",
        request_bytes=request.body_length if request is not None else 0,
        reply_bytes=0,
        attempts=0,
        failed_over=[],
        dropped=(),
        connection_reused=False,
        overhead_us=None,
        upstream_write_ms=None,
        first_byte_ms=None,
        last_byte_ms=(now_ns - accepted_ns) / 1e6,
        usage=_NOTHING.usage,
        saving=_NO_SAVING,
        cache=_BYPASS,
        routing=_NOT_ROUTED,
    )
