"""What routed sessions cost, against the user's own model and against one model for all.

Sessions are made up of the committed prompts: each session asks a few of them, a coding tool's
calls lie between, and pauses that a prompt cache outlives or not. They are routed twice: by the
prompts' labels, which shows what the decision itself is worth, and by the score as shipped. The
success proxy is the one of ``lynkr replay --routing``: a call is served when its tier is at least
the one that the last words demand by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from eval import session_texts as texts
from eval.report import Cell, Table
from eval.routing_prompts import Prompt, own_prompts
from eval.session_samples import samples
from lynkr._native.spans import MESSAGES
from lynkr.config.settings import Routing, Settings
from lynkr.policies.routing.facts import TIERS, Ask, Policy, Score, Seen
from lynkr.policies.routing.offered import configured, recorded
from lynkr.policies.routing.replay import Replayed, Session, Sums, play
from lynkr.policies.simulator import Turn

Json = dict[str, Any]
Measure = Callable[[Ask, Seen], Score]

SESSIONS = 24
POOLS = {
    "claude 4.5": ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5", "claude-opus-4-5"),
    "claude 5.5": ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-1"),
    "gpt 5.4": ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4", "gpt-5.5"),
}
ROUNDING_USD = 1e-9
# Assumed, since no client publishes it: how often asks are of a tier, and how many calls of tools
# one takes. Pauses: the tenth is longer than five minutes.
_SHARES = (0.15, 0.45, 0.3, 0.1)
_CALLS = ((0, 1), (1, 6), (4, 12), (6, 16))
_PAUSES_S = (8, 15, 20, 30, 45, 60, 90, 120, 240, 1200)
_MIDDLES = (10.0, 35.0, 60.0, 85.0)  # scores that stand for labels


def tables(measure: Measure | None = None) -> list[Table]:
    """Bills by pool of models, by label and by score (``measure``: as shipped), and every move."""
    turns, labels = made(SESSIONS)
    found = {
        (pool, how): _played(turns, models, by)
        for pool, models in POOLS.items()
        for how, by in (("labels", _labelled(labels)), ("score", measure))
    }
    return [_bills(found), _moves(found)]


def _played(turns: list[Turn], models: tuple[str, ...], measure: Measure | None) -> Replayed:
    """The sessions of a user who chose the pool's COMPLEX model for everything."""
    kind = "anthropic" if models[0].startswith("claude") else "openai"
    simple, medium, complex_, reasoning = (f"{kind}:{model}" for model in models)
    routing = Routing(simple=simple, medium=medium, complex=complex_, reasoning=reasoning)
    own = recorded([models[2]])[models[2]]
    return play(
        turns, configured(Settings(routing=routing)), {turns[0].model: own}, Policy(), measure
    )


def _labelled(labels: dict[str, int]) -> Measure:
    def measure(ask: Ask, seen: Seen) -> Score:
        tier = labels.get(ask.text, 1)
        return Score(_MIDDLES[tier], tier, (0.0,) * 15, 0.0)

    return measure


# --- sessions -------------------------------------------------------------------------------------


def made(count: int, seed: int = 11) -> tuple[list[Turn], dict[str, int]]:
    """Turns in the order of their times, and the label of each ask by its words."""
    rng = Random(seed)
    by_tier: list[list[Prompt]] = [[], [], [], []]
    for prompt in own_prompts():
        if len(prompt.messages) == 1 and prompt.lang == "en":
            by_tier[prompt.wanted].append(prompt)
    head = json.loads(samples()[0].turns[0].body)
    labels: dict[str, int] = {}
    turns: list[Turn] = []
    clock = 0.0
    for number in range(count):
        clock += rng.choice([60.0, 900.0])
        for pause, body, output in _session(rng, by_tier, head, labels):
            clock += pause
            data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
            turns.append(Turn(f"session {number + 1}", clock, data, MESSAGES, "own", output))
    return turns, labels


def _session(
    rng: Random, by_tier: list[list[Prompt]], head: Json, labels: dict[str, int]
) -> Iterator[tuple[float, Json, int]]:
    messages: list[Json] = []
    for _ in range(rng.choice([1, 1, 2, 3, 5])):
        (tier,) = rng.choices(range(len(TIERS)), _SHARES)
        prompt = rng.choice(by_tier[tier])
        words = prompt.messages[0]["content"]
        labels[words] = tier
        messages.append({"role": "user", "content": [{"type": "text", "text": words}]})
        yield float(rng.choice(_PAUSES_S)), _body(head, messages), rng.randrange(90, 700)
        for _ in range(rng.randint(*_CALLS[tier])):
            id_ = f"toolu_{len(messages):04}"
            call: Json = {"type": "tool_use", "id": id_, "name": "Read"}
            call["input"] = {"file_path": f"/home/dev/{texts.path(rng)}"}
            brought = texts.source(rng, rng.randrange(10, 200))
            result = {"type": "tool_result", "tool_use_id": id_, "content": brought}
            messages.append({"role": "assistant", "content": [call]})
            messages.append({"role": "user", "content": [result]})
            yield rng.uniform(4, 30), _body(head, messages), rng.randrange(90, 700)
        said = {"type": "text", "text": texts.prose(rng, 400)}
        messages.append({"role": "assistant", "content": [said]})


def _body(head: Json, messages: list[Json]) -> Json:
    """As Claude Code sends it: marks behind the system prompt and on the last block."""
    *before, last = messages
    *blocks, end = last["content"]
    marked = {**end, "cache_control": {"type": "ephemeral"}}
    return {**head, "messages": [*before, {"role": "user", "content": [*blocks, marked]}]}


# --- tables ---------------------------------------------------------------------------------------


def comparable_usd(sums: Sums) -> float | None:
    """What the same success costs without routing: the user's own model where that serves as many
    calls, else the cheapest model that serves all."""
    if sums.own_served is not None and sums.own_served >= sums.served:
        return sums.own_usd
    return sums.single_usd


def dearer(session: Session) -> float:
    """Dollars by which a session costs more than the same success without routing; 0: it does
    not."""
    usd, other = session.sums.usd, comparable_usd(session.sums)
    if usd is None or other is None or usd - other <= ROUNDING_USD:
        return 0.0
    return usd - other


def _bills(found: dict[tuple[str, str], Replayed]) -> Table:
    rows: list[list[Cell]] = []
    targets = []
    for (pool, how), played in found.items():
        total = played.total
        lost = [dearer(session) for session in played.sessions]
        other = sum(comparable_usd(session.sums) or 0.0 for session in played.sessions)
        usd = total.usd or 0.0
        rows.append(
            [
                pool,
                how,
                total.calls,
                *total.tiers.values(),
                total.moves,
                total.served,
                round(usd, 2),
                round(total.own_usd or 0.0, 2),
                total.own_served,
                round(other, 2),
                round(total.single_usd or 0.0, 2),
                sum(amount > 0 for amount in lost),
                round(max(lost), 3),
            ]
        )
        targets.append(
            (
                f"routed bill, {pool}, by {how}",
                f"at most {other:.2f} usd, the same success without routing",
                f"{usd:.2f} usd",
                usd <= other,
            )
        )
    columns = [
        "models",
        "routed by",
        "calls",
        *TIERS,
        "moves",
        "served",
        "usd",
        "own",
        "own served",
    ]
    return Table(
        title="What routed sessions cost",
        columns=[*columns, "same success", "single", "dearer", "worst"],
        rows=rows,
        notes=[
            "US dollars. own: the user's own model, the one of COMPLEX, for every call. same"
            " success: session by session the own model where it serves as many calls as routing"
            " does, else the cheapest one model that serves all of the session's. single: one model"
            " for all sessions. dearer: sessions that cost more than the same success without"
            " routing, and the worst of them: the prompt was written at an easier tier first, or"
            " another session's prompt was still in the cache of the harder one.",
        ],
        targets=targets,
    )


def _moves(found: dict[tuple[str, str], Replayed]) -> Table:
    rows: list[list[Cell]] = []
    for (pool, how), played in found.items():
        if how != "labels":
            continue
        for session in played.sessions:
            for step in session.steps:
                if step.moved and step.switch is not None:
                    rows.append(
                        [
                            pool,
                            session.session,
                            step.turn,
                            step.rule,
                            f"{step.moved} to {step.tier}",
                            round(step.switch.stay_usd, 3),
                            round(step.switch.move_usd, 3),
                            round(step.switch.once_usd, 3),
                            "never" if step.break_even_turns is None else step.break_even_turns,
                        ]
                    )
    columns = ["models", "session", "turn", "rule", "move", "stay, usd", "move, usd", "once, usd"]
    return Table(
        title="Every move and its break-even",
        columns=[*columns, "break-even, calls"],
        rows=rows,
        notes=[
            "Expected dollars of the next call and ten more. A move up buys ability: it never"
            " pays by itself."
        ],
    )
