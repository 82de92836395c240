"""A recorded conversation billed twice: as its client sent it, and as the passes make it.

Every request goes through the passes and, piece by piece, into a model of the target's prompt
cache; a second cache sees the client's own requests. The difference is what the passes are worth in
dollars, and stage by stage: a pass that saves tokens and loses the cache shows as a loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from lynkr._native.memo import Memo
from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, Layout, scan
from lynkr.config.settings import Provider
from lynkr.policies.prompt_cache import CacheRules, PromptCache, TurnBill, rules_for
from lynkr.providers.endpoints import endpoint
from lynkr.providers.kinds import kinds
from lynkr.providers.models import Own, Prices
from lynkr.transforms.cache_plan import (
    Aim,
    Standing,
    aim_at,
    earlier_end,
    goes_on,
    marking,
    standing,
)
from lynkr.transforms.passes import Want, shape
from lynkr.transforms.pieces import Piece, pieces_of
from lynkr.wire.tokens import FACTORS, family_of

APIS = {MESSAGES: "messages", CHAT: "chat", RESPONSES: "responses"}
STAGES = ("tools", "repeats", "results", "marks")


class Turn(msgspec.Struct, frozen=True):
    """One request of a recording. ``session`` tells whose it is; ``at_s`` only its differences
    count."""

    session: str
    at_s: float
    body: bytes
    dialect: int  # as in ``_native.spans``
    model: str
    output_tokens: int = 0


class Target(msgspec.Struct, frozen=True):
    """A model at a provider: what its cache does and what it costs."""

    rules: CacheRules
    prices: Prices
    aims: dict[int, Aim]  # by dialect of the client
    factor: float = 1.0  # its tokens for one that is estimated


class Billed(msgspec.Struct, frozen=True):
    """One turn, twice. ``stages``: dollars that each stage took off, after those before it."""

    passthrough: TurnBill
    planned: TurnBill
    stages: dict[str, float]

    @property
    def saved_usd(self) -> float:
        return self.passthrough.usd - self.planned.usd


def target(
    kind: str,
    model: str,
    own: Own | None = None,
    *,
    cached: bool = True,
    step: int = 1,
    ttl_s: int = 0,
) -> Target:
    """A model of a catalog kind. ``cached``: whether its cache counts at all; ``step`` and
    ``ttl_s`` (0: the catalog's) add what the catalog does not say of it.

    Raises ``ValueError`` when the kind or the model's price is not known.
    """
    if kind not in kinds():
        raise ValueError(f"no such kind of provider: {kind}")
    place = endpoint(kind, Provider(kind=kind), {}, own)
    facts = place.facts(model)
    prices = facts.prices if facts is not None else None
    if prices is None or prices.input is None or prices.output is None:
        raise ValueError(f"the price of {model or 'no model'} at {kind} is not known")
    served = place.apis_for(model)
    aims = {}
    for dialect, api in APIS.items():
        same = api in served
        aim = aim_at(place, model, api if same else served[0], translated=not same)
        if not cached:
            aim = Aim(translated=aim.translated, billing_header=aim.billing_header)
        aims[dialect] = aim
    rules = rules_for(place.cache if cached else None, facts, step=step)
    if ttl_s:
        rules = replace(rules, ttl_s=ttl_s)
    return Target(rules, prices, aims, FACTORS[family_of(model)])


def wants(want: Want) -> list[tuple[str, Want]]:
    """What is wanted, stage after stage: the last is all of it, "" is none of it."""
    steps = [("", replace(want, tools="off", results="off", repeats=False, marks=""))]
    for stage in STAGES:
        more = replace(steps[-1][1], **{stage: getattr(want, stage)})
        if more != steps[-1][1]:
            steps.append((stage, more))
    return steps


def play(turns: Sequence[Turn], at: Target, want: Want, memo: Memo) -> list[Billed]:
    """Both bills of each turn. The turns are in the order of their times and share one cache per
    model, as the calls of one key do.

    Raises ``ValueError`` for a body whose structure cannot be read.
    """
    passthrough = list(_bills(turns, at, None, memo))
    arms = [(stage, list(_bills(turns, at, step, memo))) for stage, step in wants(want)]
    billed = []
    for index, sent in enumerate(passthrough):
        stages: dict[str, float] = {}
        before = sent
        for stage, bills in arms:
            # Without any pass wanted only Claude Code's attribution block may change.
            stages[stage or "attribution"] = before.usd - bills[index].usd
            before = bills[index]
        billed.append(Billed(sent, before, stages))
    return billed


def _bills(turns: Sequence[Turn], at: Target, want: Want | None, memo: Memo) -> Iterator[TurnBill]:
    """The bills of all turns under one plan; ``None``: as they were sent."""
    caches: dict[str, PromptCache] = {}
    stood: dict[str, Standing] = {}
    for turn in turns:
        body, aim = turn.body, at.aims[turn.dialect]
        mine = want
        if want is not None:
            mine = _marking(want, turn, stood)
            shaped = shape(body, turn.dialect, mine, aim, memo)
            body = body if shaped is None else shaped.body
        layout = scan(body, turn.dialect)
        if layout is None:
            raise ValueError("a body is not a request whose structure can be read")
        pieces = pieces_of(body, layout)
        if mine is not None and mine.marks and aim.translated and aim.marks:
            pieces = _marked(pieces, layout, mine, at.rules)
        if at.factor != 1:
            pieces = [replace(piece, tokens=round(piece.tokens * at.factor)) for piece in pieces]
        cache = caches.setdefault(turn.model, PromptCache(at.rules, at.prices))
        yield cache.turn(turn.at_s, pieces, turn.output_tokens)


def _marking(want: Want, turn: Turn, stood: dict[str, Standing]) -> Want:
    """What is wanted of one turn's marks, by what its session has shown so far."""
    layout = scan(turn.body, turn.dialect)
    if layout is None:
        return want
    grows = goes_on(turn.body, layout, stood.get(turn.session))
    stood[turn.session] = standing(turn.body, layout)
    pays, moving = marking(layout, grows=grows)
    return replace(want, marks=want.marks if pays else "", moving=moving)


def _marked(pieces: list[Piece], layout: Layout, want: Want, rules: CacheRules) -> list[Piece]:
    """The marks that a translated request gets on its way, as ``transforms.neutral_marks`` sets
    them: behind the system prompt, the last message, and the last of the turn before."""
    if any(piece.mark for piece in pieces) or len(pieces) < len(layout.blocks):
        return pieces
    messages = layout.message_list
    before = len(pieces) - len(layout.blocks)  # tools and the system prompt
    leading = 0
    while leading < len(messages) and messages[leading].role in (b"system", b"developer"):
        leading += 1
    places = [before - 1 if layout.system_blocks else -1]
    for end in (leading, len(messages), earlier_end(layout)) if want.moving else (leading,):
        if 0 < end <= len(messages):
            places.append(before + messages[end - 1].first + messages[end - 1].count - 1)
    chosen = dict.fromkeys(place for place in places if place >= 0)
    marked = list(pieces)
    for place in [*chosen][: rules.breakpoints_max]:
        marked[place] = replace(marked[place], mark=want.marks)
    return marked


def reply_tokens(turn: Turn, following: Turn) -> int:
    """About how many tokens were answered, by what the client sends back of it in its next request;
    0 when that does not go on from this one."""
    asked, after = scan(turn.body, turn.dialect), scan(following.body, following.dialect)
    if asked is None or after is None or following.dialect != turn.dialect:
        return 0
    pieces = pieces_of(following.body, after)
    before = len(pieces) - len(after.blocks)
    total = 0
    for message in after.message_list[len(asked.message_list) :]:
        if message.role != b"assistant" and not message.kind.endswith((b"_call", b"reasoning")):
            break
        end = message.first + message.count
        total += sum(piece.tokens for piece in pieces[before + message.first : before + end])
    return total
