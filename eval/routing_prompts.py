"""Labelled prompts, and the requests that a client would make of them.

A prompt is a conversation with the tier that its last message belongs to, and every tier that could
be defended. It is measured the way the gateway does it: as the body of a Messages call, scanned,
with the harness's own text told apart from the user's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from eval.data import SAMPLES
from lynkr._native.spans import MESSAGES, scan
from lynkr.policies.routing.facts import TIERS, Ask, Policy, Score, Seen
from lynkr.policies.routing.seen import facts_of
from lynkr.policies.side_calls import side_call

OWN = SAMPLES / "routing"
NONCE = "7f3a"  # what stands for {nonce} of the seed's scenarios
_SEED_TOOLS = "seed_tools["  # "seed_tools[0:6]": the first six of seed_tools.json


class Prompt(msgspec.Struct, frozen=True):
    """One line of a set."""

    messages: list[dict[str, str]]
    acceptable: tuple[str, ...]  # the first of them is the one to prefer where ``tier`` is absent
    id: str = ""
    tier: str = ""
    domain: str = ""
    lang: str = "en"
    invariant_with: str = ""

    @property
    def wanted(self) -> int:
        return TIERS.index(self.tier or self.acceptable[0])

    @property
    def allowed(self) -> tuple[int, ...]:
        return tuple(sorted({TIERS.index(name) for name in self.acceptable}))

    @property
    def digest(self) -> str:
        """Of what is asked and what stands before it. Sets are put in folds by it."""
        said = json.dumps([[one["role"], one["content"]] for one in self.messages])
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


class Case(msgspec.Struct, frozen=True):
    """A prompt as the gateway reads it."""

    prompt: Prompt
    ask: Ask
    seen: Seen


def prompts_of(path: Path) -> list[Prompt]:
    return msgspec.json.Decoder(Prompt).decode_lines(path.read_bytes())


def own_prompts() -> list[Prompt]:
    """The committed ones, each once."""
    found: dict[str, Prompt] = {}
    for path in sorted(OWN.glob("*.jsonl")):
        for prompt in prompts_of(path):
            found.setdefault(prompt.digest, prompt)
    return list(found.values())


def set_of(data: Path | None, name: str) -> list[Prompt]:
    """A set of the larger data, or nothing where it is absent."""
    path = data / "tier-routing" / name if data is not None else None
    return prompts_of(path) if path is not None and path.is_file() else []


def read_case(prompt: Prompt, tools: object = None, tokens: int = 4096) -> Case:
    """A prompt as the body of a Messages call. Raises ValueError if that cannot be scanned."""
    fields = {"model": "m", "max_tokens": tokens, "messages": prompt.messages}
    if tools:
        fields["tools"] = tools
    body = json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")
    layout = scan(body, MESSAGES)
    if layout is None:
        raise ValueError(f"{prompt.id}: not a conversation")
    side = side_call("messages", body, layout)
    return Case(prompt, *facts_of("messages", body, layout, side))


def cases_of(prompts: Iterable[Prompt]) -> list[Case]:
    return [read_case(prompt) for prompt in prompts]


def scenarios(data: Path | None) -> Iterator[tuple[str, Case]]:
    """The seed's scenarios with their labels."""
    folder = data / "tier-routing" if data is not None else None
    if folder is None or not (folder / "seed_scenarios.json").is_file():
        return
    tools = json.loads((folder / "seed_tools.json").read_bytes())
    text = (folder / "seed_scenarios.json").read_text("utf-8").replace("{nonce}", NONCE)
    for row in json.loads(text)["scenarios"]:
        offered: str = row.get("tools", "")
        count = int(offered.removeprefix(_SEED_TOOLS).rstrip("]").split(":")[1]) if offered else 0
        prompt = Prompt(
            messages=row["messages"],
            acceptable=tuple(row["acceptable"]),
            id=row["id"],
            invariant_with=row.get("invariant_with", ""),
        )
        yield row["label"], read_case(prompt, tools[:count], row["max_tokens"])


def final_tier(score: Score, seen: Seen, policy: Policy | None = None) -> int:
    """Where a first call goes: its band, no lower than its floors; a side call where those go."""
    policy = policy or Policy()
    if seen.side and policy.side_tier >= 0:
        return policy.side_tier
    tier = score.tier
    for floor in score.floors:
        tier = max(tier, floor_tier(floor.rule, floor.tier, policy))
    return max(tier, policy.plan_floor) if seen.planning else tier


def floor_tier(rule: str, tier: int, policy: Policy) -> int:
    """The tier of a floor: its own where the user said it, else the configuration's."""
    return {"risk": policy.risk_floor, "autonomous": policy.autonomous_floor}.get(rule, tier)
