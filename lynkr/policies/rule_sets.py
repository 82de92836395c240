"""A recording under the rules of several providers: what its sessions cost at each, twice.

The sets hold what the catalog does not say of a cache, and the model whose prices count where the
recorded one is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from lynkr._native.memo import Memo
from lynkr._native.spans import MESSAGES
from lynkr.config.settings import Tokens
from lynkr.policies.prompt_cache import TurnBill
from lynkr.policies.simulator import APIS, Billed, Turn, play, target
from lynkr.providers.models import Own, facts
from lynkr.transforms.passes import Want

MEMO_BYTES_MAX = 64 * 1024 * 1024


class RuleSet(NamedTuple):
    """A kind of provider, a usual model of it, the step in which its cache reads, and for how many
    seconds it keeps what is not used (0: as the catalog says)."""

    kind: str
    model: str
    step: int = 1
    ttl_s: int = 0


NO_CACHE = "no-cache"  # every token at the price of input
# Steps: developers.openai.com/api/docs/guides/prompt-caching and
# api-docs.deepseek.com/guides/kv_cache, which keeps prompts "from a few hours to a few days".
RULE_SETS = {
    "anthropic": RuleSet("anthropic", "claude-sonnet-4-5"),
    "openai": RuleSet("openai", "gpt-5.5", 128),
    "deepseek": RuleSet("deepseek", "deepseek-v4-pro", 64, 7200),
    "gemini": RuleSet("gemini", "gemini-2.5-pro"),
    NO_CACHE: RuleSet("anthropic", "claude-sonnet-4-5"),
}


class Sum(msgspec.Struct):
    """Some turns under one rule set. ``stages``: dollars that each stage took off, in order."""

    models: list[str]  # whose prices were used
    tokens_before: int = 0
    tokens_after: int = 0
    read_before: int = 0  # of these, read from the cache
    read_after: int = 0
    passthrough_usd: float = 0.0
    planned_usd: float = 0.0
    stages: dict[str, float] = {}

    @property
    def saved(self) -> float:
        """The share of the dollars that was saved."""
        if not self.passthrough_usd:
            return 0.0
        return 1 - self.planned_usd / self.passthrough_usd


class TurnSum(msgspec.Struct):
    """One turn under the session's own rules."""

    turn: int  # from 1
    at_s: float
    tokens_before: int
    tokens_after: int
    output_tokens: int
    passthrough: TurnBill
    planned: TurnBill
    stages: dict[str, float]


class Session(msgspec.Struct):
    """One session: its turns under the rules that it most likely ran under, and all rules."""

    session: str
    api: str
    rules: str
    passthrough_usd: float
    planned_usd: float
    turns: list[TurnSum]
    by_rules: dict[str, Sum]


class _Column(NamedTuple):
    models: list[str]  # by turn
    billed: list[Billed]


def wanted(tokens: Tokens) -> Want:
    """What a configuration asks of the passes."""
    return Want(
        tools=tokens.tools,
        results=tokens.results,
        repeats=tokens.repeats,
        marks="5m" if tokens.cache_marks else "",
        scope=b"replay",
    )


def sessions(
    turns: Sequence[Turn], names: Sequence[str], want: Want, own: Own | None = None
) -> list[Session]:
    """Every session under every rule set. ``turns`` are in the order of their times; ``names`` are
    of ``RULE_SETS`` or of catalog kinds.

    Raises ``ValueError`` when a price is not known or a body cannot be read.
    """
    memo = Memo(MEMO_BYTES_MAX)
    columns = {name: _column(turns, name, want, own, memo) for name in names}
    places: dict[str, list[int]] = {}
    for at, turn in enumerate(turns):
        places.setdefault(turn.session, []).append(at)
    made = []
    for session, own_places in places.items():
        first = turns[own_places[0]]
        home = _home(first, names, own)
        sums = {name: _sum(column, own_places) for name, column in columns.items()}
        made.append(
            Session(
                session=session,
                api=APIS[first.dialect],
                rules=home,
                passthrough_usd=sums[home].passthrough_usd,
                planned_usd=sums[home].planned_usd,
                turns=[
                    _turn(number, turns[at], first.at_s, columns[home].billed[at])
                    for number, at in enumerate(own_places, 1)
                ],
                by_rules=sums,
            )
        )
    return made


def _column(turns: Sequence[Turn], name: str, want: Want, own: Own | None, memo: Memo) -> _Column:
    """All turns under one rule set; those of one model share its cache."""
    chosen = [_at(name, turn.model, own) for turn in turns]
    billed: dict[int, Billed] = {}
    for rules in dict.fromkeys(chosen):
        places = [at for at, one in enumerate(chosen) if one == rules]
        aim = target(
            rules.kind,
            rules.model,
            own,
            cached=name != NO_CACHE,
            step=rules.step,
            ttl_s=rules.ttl_s,
        )
        made = play([turns[at] for at in places], aim, want, memo)
        billed.update(zip(places, made, strict=True))
    return _Column([rules.model for rules in chosen], [billed[at] for at in range(len(turns))])


def _at(name: str, model: str, own: Own | None) -> RuleSet:
    """The rules under which a model's turn is billed: as itself where its price is known."""
    usual = RULE_SETS.get(name, RuleSet(name, model))
    kinds = [usual.kind]
    if name == NO_CACHE:
        kinds = [rules.kind for rules in RULE_SETS.values()]
    kind = next((kind for kind in kinds if _priced(kind, model, own)), "")
    return usual._replace(kind=kind, model=model) if kind else usual


def _home(first: Turn, names: Iterable[str], own: Own | None) -> str:
    """Where a session most likely ran: where its model is known, else by its dialect."""
    cached = [name for name in names if name != NO_CACHE]
    for name in cached:
        if _priced(RULE_SETS[name].kind if name in RULE_SETS else name, first.model, own):
            return name
    usual = "anthropic" if first.dialect == MESSAGES else "openai"
    return usual if usual in cached else next(iter([*cached, NO_CACHE]))


def _priced(kind: str, model: str, own: Own | None) -> bool:
    known = facts(kind, model, own) if model else None
    prices = known.prices if known is not None else None
    return prices is not None and prices.input is not None and prices.output is not None


def _turn(number: int, turn: Turn, start_s: float, billed: Billed) -> TurnSum:
    return TurnSum(
        turn=number,
        at_s=turn.at_s - start_s,
        tokens_before=billed.passthrough.prompt_tokens,
        tokens_after=billed.planned.prompt_tokens,
        output_tokens=turn.output_tokens,
        passthrough=billed.passthrough,
        planned=billed.planned,
        stages=billed.stages,
    )


def added(sums: Iterable[Sum]) -> Sum:
    """Several sums as one."""
    total = Sum(models=[], stages={})
    for one in sums:
        total.models = list(dict.fromkeys([*total.models, *one.models]))
        for name in ("tokens_before", "tokens_after", "read_before", "read_after"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.passthrough_usd += one.passthrough_usd
        total.planned_usd += one.planned_usd
        for stage, usd in one.stages.items():
            total.stages[stage] = total.stages.get(stage, 0.0) + usd
    return total


def _sum(column: _Column, places: Sequence[int]) -> Sum:
    return added(_one(column.models[at], column.billed[at]) for at in places)


def _one(model: str, billed: Billed) -> Sum:
    return Sum(
        models=[model],
        tokens_before=billed.passthrough.prompt_tokens,
        tokens_after=billed.planned.prompt_tokens,
        read_before=billed.passthrough.read_tokens,
        read_after=billed.planned.read_tokens,
        passthrough_usd=billed.passthrough.usd,
        planned_usd=billed.planned.usd,
        stages=billed.stages,
    )
