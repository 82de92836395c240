"""Tiers in the life of a call: what is decided of it, and what is remembered of its conversation.

Runs inside ``route``, when the configuration has tiers. Everything is in memory: the request's own
words, the conversation's pin, the targets on offer. A decision that fails costs the default tier,
never the call.
"""

from __future__ import annotations

import hashlib
import math
import time
from typing import TYPE_CHECKING

import msgspec

from lynkr._native.headers import value_of
from lynkr._native.spans import MESSAGES, Layout, scan
from lynkr.errors import GatewayError
from lynkr.gateway.cascade import tiers_above
from lynkr.gateway.plain_words import plain_chat
from lynkr.gateway.sessions import KEY_BYTES, LONG_S, session_key
from lynkr.gateway.shaping import (
    AGENT_HEADER,
    DIALECTS,
    named_past,
    named_session,
    own_life,
    passthrough,
)
from lynkr.gateway.tiers import (
    AUTO,
    RESPECTED,
    Tiering,
    Tiers,
    no_such_tier,
    number_of,
    routed_lines,
)
from lynkr.policies.access import ANONYMOUS
from lynkr.policies.difficulty.dimensions import NAMES
from lynkr.policies.difficulty.score import score
from lynkr.policies.outcomes import after, of_record
from lynkr.policies.record import Record, RoutingUse
from lynkr.policies.routing.facts import MEDIUM, TIERS, Pin, Score, Seen, Switch, Verdict
from lynkr.policies.routing.seen import facts_of
from lynkr.policies.routing.verdict import decide
from lynkr.policies.side_calls import side_call

if TYPE_CHECKING:
    from lynkr.gateway.exchange import Exchange
    from lynkr.gateway.rules import PlannedRoute
    from lynkr.stores.pins import Pins
    from lynkr.wire.message import Usage

TIER_HEADER = b"x-lynkr-tier"
_CHOSEN = b"x-lynkr-route-reason: the model was asked for by its name\r\n"
_OWN_NAME = b'"lynkr/'  # how a model name begins that stands for a tier everywhere
_CONVERSATIONS = frozenset((*DIALECTS, "gemini"))
_NONE = RoutingUse()
_MEAN_OF = 8  # replies: how fast the mean of their lengths follows


class Routed(msgspec.Struct, frozen=True):
    """What was decided of one call."""

    verdict: Verdict
    seen: Seen | None = None  # None: the tier was asked for, or the body not understood
    before: Pin | None = None  # what was remembered of the conversation
    keys: tuple[bytes, ...] = ()  # the names that it is remembered under; none: it is not


def routed(exchange: Exchange, tiering: Tiering) -> PlannedRoute | None:
    """The target of a call; ``None``: its model was asked for by name, or tiers are not for its
    API. Raises ``GatewayError`` (400) for a tier that does not exist."""
    api, token = exchange.api.name, exchange.model_token
    given = exchange.request.gateway_header(TIER_HEADER)
    named = tiering.named(token)
    if given is not None:
        asked = given.decode("latin-1")
        try:
            named = number_of(asked)
        except ValueError:
            raise no_such_tier(asked, TIER_HEADER.decode()) from None
    elif named == AUTO and passthrough(exchange) and not token.startswith(_OWN_NAME):
        named = RESPECTED
    if api == "embeddings":
        return None  # vectors of different models do not compare
    if named == RESPECTED:
        exchange.route_lines = _CHOSEN
        return None
    tiers = tiering.tiers(api, token)
    index = 0
    try:
        if api in _CONVERSATIONS:
            found, index = _decided(exchange, tiering, tiers, named)
        else:
            found = _followed(exchange, named)
    except Exception as error:  # a decision that fails must not fail the call
        exchange.desk.crashed(error)
        tier = named if named >= 0 else MEDIUM
        found = Routed(
            Verdict(tier, "failed", f"{TIERS[tier]}: no decision, by the gateway's fault")
        )
    verdict = found.verdict
    exchange.routed = found
    exchange.route_lines = routed_lines(verdict)
    if named == AUTO and found.seen is not None:
        exchange.above = tiers_above(exchange, verdict, found.seen, tiers)
    return tiers.chains[verdict.tier][max(index, 0)]


def _decided(exchange: Exchange, tiering: Tiering, tiers: Tiers, named: int) -> tuple[Routed, int]:
    api, body = exchange.api.name, exchange.original
    layout: Layout | None
    if api in DIALECTS:
        layout = exchange.layout or scan(body, DIALECTS[api])
    else:
        try:
            body = plain_chat(exchange.api.format.name, body, exchange.stream)
        except GatewayError:
            body = b""  # the client hears of it when the call is written
        api = "chat"
        layout = scan(body, DIALECTS[api])
    if layout is None or layout.messages is None:
        tier = named if named >= 0 else MEDIUM
        reason = f"{TIERS[tier]}: the body is not understood"
        return Routed(Verdict(tier, "not_understood", reason)), 0
    side = side_call(api, body, layout)
    said, seen = facts_of(api, body, layout, side)
    if named >= 0:
        asked, index = decide(None, seen, None, tiering.policy, 0.0, tiers.offers, asked=named)
        return Routed(asked, seen), index
    keys = _keys(exchange, body, layout)
    pins: Pins = exchange.rules.standing.pins
    pin = _remembered(pins, keys, seen)
    if pin is None and named_past(body, layout):
        pin = pins.find(keys[-1])  # its past is the provider's: only the session's name is left
        if pin is not None:
            seen = msgspec.structs.replace(seen, typed=False)
    measured = None
    if not side and (seen.typed or pin is None):
        measured = score(said, seen)
    verdict, index = decide(
        measured, seen, pin, tiering.policy, time.time(), tiers.offers,
        kept_s=LONG_S if layout.marks and own_life(body, layout) == "1h" else 0.0,
    )  # fmt: skip
    kept = verdict.pin
    if kept is None or exchange.errand is not None:
        keys = ()  # it is not of the conversation
    else:
        for key in keys:
            pins.keep(key, kept)
    return Routed(verdict, seen, pin, keys), index


def _followed(exchange: Exchange, named: int) -> Routed:
    """A count of tokens: it goes where its conversation is, so that the right tokenizer counts."""
    if named >= 0:
        return Routed(Verdict(named, "asked", f"{TIERS[named]}: asked for by name"))
    layout = scan(exchange.original, MESSAGES)
    pin = None
    if layout is not None and layout.messages is not None:
        pin = _remembered(
            exchange.rules.standing.pins, _keys(exchange, exchange.original, layout), Seen()
        )
    tier = MEDIUM if pin is None else pin.tier
    return Routed(Verdict(tier, "followed", f"{TIERS[tier]}: counts follow their conversation"))


def _keys(exchange: Exchange, body: bytes, layout: Layout) -> tuple[bytes, ...]:
    """The names that a conversation is remembered under, the surest first.

    Its beginning tells it apart: sub-agents share their parent's name. Where the client names no
    session, two conversations may begin alike, so the first reply is part of the name as soon as
    there is one. A named session's main thread is also remembered by its name alone: that is what
    is left of it when its beginning has been summarised away.
    """
    head = exchange.request.head
    scope = (exchange.request.principal or ANONYMOUS).name.encode()
    session = named_session(head) or b""
    if not session:
        named = layout.keys.get(b"prompt_cache_key")
        session = body[slice(*named)] if named is not None else b""
    agent = value_of(head, AGENT_HEADER) or b""
    opening = session_key(scope, session + b"\0" + agent, b"route", body, layout)
    if not session:
        reply = _first_reply(body, layout)
        return (_digest(opening, reply), opening) if reply else (opening,)
    return (opening,) if agent else (opening, _digest(b"thread", scope, session))


def _remembered(pins: Pins, keys: tuple[bytes, ...], seen: Seen) -> Pin | None:
    if not keys:
        return None
    found = pins.find(keys[0])
    if found is None and len(keys) > 1 and (seen.compacted or seen.turns <= 2):
        found = pins.find(keys[1])
    return found


def _first_reply(body: bytes, layout: Layout) -> bytes:
    """The first text of the model's, or its first call; b"" before there is one."""
    messages = layout.message_list
    for block in layout.blocks:
        message = messages[block.message]
        if message.role == b"assistant" or message.kind.endswith(b"_call"):
            span = block.text or block.arguments
            if span is not None:
                return body[span[0] : span[1]]
    return b""


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def settle_routing(exchange: Exchange, usage: Usage) -> None:
    """After a call: how long its reply was, and who gave it."""
    found, planned = exchange.routed, exchange.planned
    if found is None or planned is None or found.verdict.pin is None or not found.keys:
        return
    if exchange.reply_status != 200:
        return
    tiering = exchange.rules.tiering
    if tiering is None:
        return
    pin = found.verdict.pin
    said = usage.output_tokens or 0
    mean = pin.output_tokens
    pin = msgspec.structs.replace(
        pin,
        output_tokens=said if not mean else mean + (said - mean) // _MEAN_OF,
        target=tiering.digest(planned),
        last_s=time.time(),
    )
    pins: Pins = exchange.rules.standing.pins
    for key in found.keys:
        pins.keep(key, pin)


def routing_use(exchange: Exchange) -> RoutingUse:
    """What the record says of a call's tier, and of how the reply before it turned out."""
    found = exchange.routed
    if found is None:
        return _NONE
    verdict, seen, before = found.verdict, found.seen, found.before
    measured = verdict.score
    use = RoutingUse(
        tier=TIERS[verdict.tier],
        rule=verdict.rule,
        reason=verdict.reason,
        counterfactual=verdict.counterfactual,
        score=round(measured.value, 1) if measured is not None else None,
        dimensions=shown(measured) if measured is not None else {},
        moved=verdict.moved,
        break_even_turns=_finite(verdict.switch),
    )
    if seen is None:
        return use
    return msgspec.structs.replace(
        use,
        side=seen.side,
        before=TIERS[before.tier] if before is not None else "",
        tool_results=seen.results,
        tool_errors=seen.errors,
        invalid_calls=seen.invalid,
        edits=seen.edits,
        edit_failures=seen.edit_failures,
        retried=seen.retried,
    )


def shown(measured: Score) -> dict[str, float]:
    """The dimensions above zero, by name."""
    pairs = zip(NAMES, measured.dimensions, strict=True)
    return {name: round(value, 2) for name, value in pairs if value > 0}


def _finite(switch: Switch | None) -> float | None:
    """JSON has no infinity: a move that never pays has no such number."""
    if switch is None or not math.isfinite(switch.break_even_turns):
        return None
    return round(switch.break_even_turns, 1)


def note_outcomes(exchange: Exchange, record: Record) -> None:
    """Count how the call turned out, and the reply before it, by what this one brings back."""
    found, tiering = exchange.routed, exchange.rules.tiering
    if found is None or tiering is None or exchange.errand is not None:
        return
    outcomes = exchange.rules.standing.outcomes
    measured, before = found.verdict.score, found.before
    decided_by = measured.value if measured is not None else None
    if decided_by is None and before is not None:
        decided_by = before.score
    own = of_record(record, decided_by)
    if own is not None:
        outcomes.add(own)
    if before is not None and found.seen is not None:
        target = tiering.target(before.target)
        told = after(record.accepted_at, TIERS[before.tier], target, before.score, found.seen)
        if told is not None:
            outcomes.add(told)
