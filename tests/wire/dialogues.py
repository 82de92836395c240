"""Conversations of coding agents, written by hand in each client's dialect.

Each is a whole request body after what real clients send (Claude Code, Codex, opencode, Continue,
Cline, aider, gemini-cli). Together they have everything that an agent's history may hold: see the
modules ``dialogues_*``. ``all_requests`` adds those of the recorded fixtures.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

from tests.harness.fixtures import ROOT, Fixture, all_fixtures, load
from tests.wire import (
    dialogues_bedrock,
    dialogues_chat,
    dialogues_gemini,
    dialogues_messages,
    dialogues_responses,
)

DIALECT_OF = {
    "messages": "anthropic_messages",
    "chat": "openai_chat",
    "responses": "openai_responses",
    "gemini": "gemini",
    "bedrock": "bedrock",
}


class Asked(NamedTuple):
    """One request. Model and stream stand in the path of some dialects, not in the body."""

    name: str  # "messages/parallel_tools", "dialogue/codex_namespaces"
    dialect: str
    body: bytes
    model: str
    stream: bool

    def __repr__(self) -> str:
        return self.name  # the id of a parametrized test


def _asked(name: str, dialect: str, body: bytes) -> Asked:
    value = json.loads(body)
    stream = True if dialect in ("gemini", "bedrock") else bool(value.get("stream"))
    return Asked(name, dialect, body, value.get("model", "m"), stream)


@cache
def dialogues() -> tuple[Asked, ...]:
    """Those written by hand."""
    found: list[Asked] = []
    for family, module in (
        ("messages", dialogues_messages),
        ("chat", dialogues_chat),
        ("responses", dialogues_responses),
        ("gemini", dialogues_gemini),
        ("bedrock", dialogues_bedrock),
    ):
        bodies: dict[str, dict[str, Any]] = module.DIALOGUES
        for name, body in bodies.items():
            # Escaped: half an emoji has no other form.
            data = json.dumps(body).encode()
            found.append(_asked(f"dialogue/{name}", DIALECT_OF[family], data))
    return tuple(found)


@cache
def recorded() -> tuple[Fixture, ...]:
    """All recorded conversations, those of Gemini too, which have no route at the front door."""
    known = {fixture.name: fixture for fixture in all_fixtures()}
    for path in sorted((ROOT / "gemini").glob("*.expect.json")):
        name = f"gemini/{path.name.removesuffix('.expect.json')}"
        known.setdefault(name, load(name))
    return tuple(known.values())


@cache
def all_requests() -> tuple[Asked, ...]:
    """All that a client sent to a generating API; counting tokens is another one."""
    found = (
        _asked(fixture.name, DIALECT_OF[fixture.family], fixture.request)
        for fixture in recorded()
        if "count_tokens" not in fixture.name
    )
    return (*dialogues(), *found)


@cache
def named(name: str) -> Asked:
    (found,) = (asked for asked in all_requests() if asked.name == name)
    return found
