"""Recorded sessions under the tiers of a configuration: where each call would have gone and why,
and what the session would have cost. Nothing is sent.

Three bills stand beside each other, all with a model of the providers' prompt caches: the calls as
routed; the calls at the models that the recording names, which is the user's own choice; and all
calls at the cheapest single model on offer that serves every one of them. Whether a call is served
is a proxy, since nobody answers: its tier is at least the one that the user's last words demand by
themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from lynkr._native.spans import Layout, scan
from lynkr.policies.difficulty.score import score as measured
from lynkr.policies.prompt_cache import TTL_LONG_S, CacheRules, PromptCache
from lynkr.policies.routing.facts import TIERS, Ask, Pin, Policy, Score, Seen, Switch
from lynkr.policies.routing.offers import Offer, Offers
from lynkr.policies.routing.seen import facts_of
from lynkr.policies.routing.verdict import Decision, decide, demanded
from lynkr.policies.side_calls import side_call
from lynkr.policies.simulator import APIS, Turn
from lynkr.transforms.cache_plan import agentic, earlier_end, replied
from lynkr.transforms.pieces import Piece, pieces_of

PIN_TTL_S = 21_600.0  # as ``routing.pin_ttl_s`` has it where nothing is configured
MEAN_OF = 8  # replies: how fast the mean of their lengths follows
_NO_CACHE = CacheRules(style="none")

Measure = Callable[[Ask, Seen], Score]


class Step(msgspec.Struct, frozen=True):
    """One call as it would be routed."""

    turn: int  # of its session, from 1
    at_s: float  # since the session's first
    conversation: int  # of the session, from 1: sub-agents have their own; 0: beside them all
    side: str  # kind of side call, or ""
    tier: str
    demanded: str  # by the user's last words alone
    served: bool
    rule: str
    reason: str
    counterfactual: str
    score: float | None
    target: str  # "provider:model", "" where nothing is offered
    moved: str  # up | down | ""
    switch: Switch | None
    break_even_turns: float | None  # of ``switch``; None: never, or there is none
    usd: float | None  # None: a price is not known
    own_model: str
    own_usd: float | None


class Sums(msgspec.Struct):
    """Some calls together."""

    calls: int = 0
    tiers: dict[str, int] = {}
    moves: int = 0
    served: int = 0
    own_served: int | None = 0  # None: what the user's own model can do is not known
    usd: float | None = 0.0
    own_usd: float | None = 0.0
    single: str = ""  # the cheapest model that serves all calls, where one does at known prices
    single_usd: float | None = None


class Session(msgspec.Struct):
    """One recorded session."""

    session: str
    api: str
    sums: Sums
    steps: list[Step]


class Replayed(msgspec.Struct):
    """A whole recording."""

    sessions: list[Session]
    total: Sums


class _Call(msgspec.Struct):
    """A call with what its bills need."""

    turn: Turn
    conversation: int
    side: str
    layout: Layout
    pieces: list[Piece]
    decision: Decision
    demanded: int


class _Talk(msgspec.Struct):
    """What is remembered of a conversation."""

    number: int
    pin: Pin | None = None
    demanded: int = 0


def play(
    turns: Sequence[Turn],
    offers: Offers,
    own: dict[str, Offer],
    policy: Policy,
    measure: Measure | None = None,
    *,
    pin_ttl_s: float = PIN_TTL_S,
) -> Replayed:
    """Every session of a recording; ``turns`` are in the order of their times. ``own``: the models
    that the recording names, where they are known. ``measure``: what scores an ask, if not
    ``difficulty.score``.

    Raises ``ValueError`` for a body whose structure cannot be read.
    """
    calls = _decided(turns, offers, policy, measure or measured, pin_ttl_s)
    chosen = [_chosen(call, offers) for call in calls]
    routed = _bills(calls, chosen)
    recorded = [own.get(call.turn.model) for call in calls]
    owned = _bills(calls, recorded)
    singles = {}
    for tier in range(len(offers)):
        for offer in offers[tier]:
            # Side calls stay at the user's own: nobody sends them to the model that does the work.
            served_by = [
                own_offer if call.side and own_offer is not None else offer
                for call, own_offer in zip(calls, recorded, strict=True)
            ]
            singles[offer.name] = (tier, _bills(calls, served_by))
    places: dict[str, list[int]] = {}
    for at, turn in enumerate(turns):
        places.setdefault(turn.session, []).append(at)
    own_tiers = {name: _tier_of(offer, offers) for name, offer in own.items()}
    sessions = []
    for name, mine in places.items():
        start = turns[mine[0]].at_s
        sessions.append(
            Session(
                session=name,
                api=APIS[turns[mine[0]].dialect],
                sums=_sums(mine, calls, routed, owned, singles, own_tiers),
                steps=[
                    _step(number, start, calls[at], chosen[at], routed[at], owned[at])
                    for number, at in enumerate(mine, 1)
                ],
            )
        )
    total = _sums(list(range(len(calls))), calls, routed, owned, singles, own_tiers)
    return Replayed(sessions, total)


# --- decisions ------------------------------------------------------------------------------------


def _decided(
    turns: Sequence[Turn], offers: Offers, policy: Policy, measure: Measure, pin_ttl_s: float
) -> list[_Call]:
    talks: dict[bytes, _Talk] = {}
    numbers: dict[str, int] = {}
    mains: dict[str, bytes] = {}  # the conversation that a session was last in
    calls = []
    for turn in turns:
        layout = scan(turn.body, turn.dialect)
        if layout is None or layout.messages is None:
            raise ValueError("a body is not a request whose structure can be read")
        api = APIS[turn.dialect]
        side = side_call(api, turn.body, layout)
        said, seen = facts_of(api, turn.body, layout, side)
        key = _key(turn, layout)
        if seen.compacted and key not in talks:
            key = mains.get(turn.session, key)  # its beginning was summarised away
        talk = talks.get(key)
        if talk is None and side:
            talk = _Talk(0)
        elif talk is None:
            numbers[turn.session] = numbers.get(turn.session, 0) + 1
            talk = talks[key] = _Talk(numbers[turn.session])
        pin = talk.pin
        if pin is not None and turn.at_s - pin.last_s > pin_ttl_s:
            pin = None
        found = None
        if not side and (seen.typed or pin is None):
            found = measure(said, seen)
            talk.demanded = demanded(found, seen, policy)
        pieces = _marked(pieces_of(turn.body, layout), layout)
        long = any(piece.mark == "1h" for piece in pieces)
        decision = decide(
            found, seen, pin, policy, turn.at_s, offers, kept_s=TTL_LONG_S if long else 0.0
        )
        kept = decision.verdict.pin
        if kept is not None:
            talk.pin = _replied(kept, turn.output_tokens)
            mains[turn.session] = key
        calls.append(
            _Call(turn, talk.number, side, layout, pieces, decision, 0 if side else talk.demanded)
        )
    return calls


def _key(turn: Turn, layout: Layout) -> bytes:
    """Whose conversation a call is of: the session's, told apart by what its user said first.

    Without the spacing and marks around the words, since cache marks wander.
    """
    digest = blake2b(turn.session.encode("utf-8", "replace"), digest_size=16)
    for message in layout.message_list:
        if message.role == b"user":
            for block in layout.blocks[message.first : message.first + message.count]:
                if block.text is not None:
                    digest.update(b"\0" + turn.body[slice(*block.text)])
        elif message.role not in (b"system", b"developer"):
            break
    return digest.digest()


def _replied(pin: Pin, output_tokens: int) -> Pin:
    """With the mean of the replies as the gateway keeps it."""
    mean = pin.output_tokens
    if output_tokens and mean:
        output_tokens = mean + (output_tokens - mean) // MEAN_OF
    return replace(pin, output_tokens=output_tokens or mean)


# --- bills ----------------------------------------------------------------------------------------


def _marked(pieces: list[Piece], layout: Layout) -> list[Piece]:
    """With the marks that the gateway sets where a client has none: behind the system prompt, the
    turn before and the last message, of a conversation that goes on."""
    before = len(pieces) - len(layout.blocks)
    if (
        any(piece.mark for piece in pieces)
        or before < 0
        or not (agentic(layout) or replied(layout))
    ):
        return pieces
    messages = layout.message_list
    ends = [messages[end - 1] for end in (earlier_end(layout), len(messages)) if end > 0]
    marked = list(pieces)
    for at in (before - 1, *(before + one.first + one.count - 1 for one in ends)):
        if at >= 0:
            marked[at] = replace(marked[at], mark="5m")
    return marked


def _bills(calls: list[_Call], at: Sequence[Offer | None]) -> list[float | None]:
    """Dollars of each call at a model; those of one model share its cache. ``None``: not known."""
    caches: dict[int, PromptCache] = {}
    bills: list[float | None] = []
    for call, offer in zip(calls, at, strict=True):
        prices = offer.prices if offer is not None else None
        if offer is None or prices is None or prices.input is None or prices.output is None:
            bills.append(None)
            continue
        cache = caches.get(offer.digest)
        if cache is None:
            cache = caches[offer.digest] = PromptCache(offer.rules or _NO_CACHE, prices)
        pieces = call.pieces
        if offer.factor != 1:
            pieces = [replace(one, tokens=round(one.tokens * offer.factor)) for one in pieces]
        reply = round(call.turn.output_tokens * offer.factor)
        bills.append(cache.turn(call.turn.at_s, pieces, reply).usd)
    return bills


def _chosen(call: _Call, offers: Offers) -> Offer | None:
    verdict, place = call.decision
    return offers[verdict.tier][place] if place >= 0 else None


def _tier_of(offer: Offer, offers: Offers) -> int | None:
    """What a model that the user chose stands for: the highest tier that offers it, else the
    highest that has a model no dearer than it; ``None`` where prices do not say."""
    for tier in range(len(offers) - 1, -1, -1):
        if any(_model(one.name) == _model(offer.name) for one in offers[tier]):
            return tier
    mine = _dearness(offer)
    known = [_dearness(one) for chain in offers for one in chain]
    if mine is None or None in known:
        return None
    best = 0
    for tier in range(len(offers)):
        if any((_dearness(one) or 0.0) <= mine for one in offers[tier]):
            best = tier
    return best


def _model(name: str) -> str:
    return name.partition(":")[2]


def _dearness(offer: Offer) -> float | None:
    prices = offer.prices
    if prices is None or prices.input is None or prices.output is None:
        return None
    return prices.input + prices.output


# --- what is told ---------------------------------------------------------------------------------


def _step(
    number: int,
    start_s: float,
    call: _Call,
    chosen: Offer | None,
    usd: float | None,
    own_usd: float | None,
) -> Step:
    verdict = call.decision.verdict
    switch = verdict.switch
    even = switch.break_even_turns if switch is not None else float("inf")
    return Step(
        turn=number,
        at_s=call.turn.at_s - start_s,
        conversation=call.conversation,
        side=call.side,
        tier=TIERS[verdict.tier],
        demanded=TIERS[call.demanded],
        served=verdict.tier >= call.demanded,
        rule=verdict.rule,
        reason=verdict.reason,
        counterfactual=verdict.counterfactual,
        score=verdict.score.value if verdict.score is not None else None,
        target=chosen.name if chosen is not None else "",
        moved=verdict.moved,
        switch=switch,
        break_even_turns=even if even != float("inf") else None,
        usd=usd,
        own_model=call.turn.model,
        own_usd=own_usd,
    )


def _sums(
    places: list[int],
    calls: list[_Call],
    routed: list[float | None],
    owned: list[float | None],
    singles: dict[str, tuple[int, list[float | None]]],
    own_tiers: dict[str, int | None],
) -> Sums:
    sums = Sums(len(places), dict.fromkeys(TIERS, 0), own_served=0)
    hardest = 0
    for at in places:
        call, verdict = calls[at], calls[at].decision.verdict
        sums.tiers[TIERS[verdict.tier]] += 1
        sums.moves += bool(verdict.moved)
        sums.served += verdict.tier >= call.demanded
        hardest = max(hardest, call.demanded)
        tier = own_tiers.get(call.turn.model)
        if tier is None or sums.own_served is None:
            sums.own_served = None
        else:
            sums.own_served += tier >= call.demanded
    sums.usd, sums.own_usd = _total(places, routed), _total(places, owned)
    for name, (tier, bills) in singles.items():
        usd = _total(places, bills) if tier >= hardest else None
        if usd is not None and (sums.single_usd is None or usd < sums.single_usd):
            sums.single, sums.single_usd = name, usd
    return sums


def _total(places: list[int], bills: list[float | None]) -> float | None:
    total = 0.0
    for at in places:
        usd = bills[at]
        if usd is None:
            return None
        total += usd
    return total
