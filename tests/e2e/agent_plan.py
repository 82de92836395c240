"""What a scripted agent does in a session: its calls, step by step, and its last words.

The agent keeps no state. It reads from each request how far the conversation has come, as a model
does, so a request that is sent again gets the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


class Refused(Exception):
    """The provider's answer to a request that breaks its rules is a 400 with these words."""


@dataclass(frozen=True)
class Asked:
    """A request in any dialect; some keep the model and the wish for a stream in the path."""

    body: Body
    model: str
    stream: bool
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case


@dataclass(frozen=True)
class Act:
    """One tool call. A text in place of arguments is for tools that take plain text."""

    tool: str
    arguments: dict[str, object] | str


@dataclass(frozen=True)
class Plan:
    """Each step is a reply with one or more calls; ``final`` is the text after the last results."""

    steps: tuple[tuple[Act, ...], ...]
    final: str

    def step(self, results_seen: int) -> int:
        """The number of the step after so many results; ``len(steps)`` is the final text."""
        for number, acts in enumerate(self.steps):
            if results_seen <= 0:
                return number
            results_seen -= len(acts)
        return len(self.steps)


@dataclass(frozen=True)
class Tokens:
    """The usage of one reply, in the gateway's words."""

    input_tokens: int
    output_tokens: int
    prompt_cache_read_tokens: int
    prompt_cache_write_tokens: int


def tokens_of(step: int) -> Tokens:
    """Numbers that differ in every step and kind, so that a swapped or lost one changes the sum."""
    return Tokens(100 + step, 20 + 3 * step, 1000 + 7 * step, 50 + 11 * step)


def reasoned(step: int) -> int:
    """How many of a reply's output tokens were reasoning, where the dialect says it."""
    return 5 + step


def total(replies: Iterable[Tokens]) -> dict[str, int]:
    sums = dict.fromkeys(Tokens.__dataclass_fields__, 0)
    for tokens in replies:
        for name in sums:
            sums[name] += getattr(tokens, name)
    return sums


@dataclass(frozen=True)
class Answer:
    """A reply, ready to be sent."""

    events: tuple[bytes, ...]  # server-sent events, empty when the reply is one JSON body
    body: bytes  # that body
    tokens: Tokens | None  # what it counts for in the bill
    break_at: int = -1  # number of the event in which a fault of this step cuts the stream
    step: int = -1
    seal: str = ""  # of its reasoning: the provider wants it back, character for character
    kind: str = "text/event-stream; charset=utf-8"  # content type of the events


def pieces(text: str, size: int = 7) -> list[str]:
    """A text as a model streams it."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def chosen(act: Act, offered: Mapping[str, Body]) -> tuple[str, dict[str, object]]:
    """The call as a model makes it that is offered function tools: their names and schemas.

    A gateway may offer a tool under a longer name, one for plain text with a schema around it, and
    Codex's newest models reach the other tools through JavaScript in ``exec``.
    """
    name = _named(act.tool, offered)
    if name is None:
        through = _named("exec", offered)
        if through is None:
            raise Refused(f"{act.tool} is not offered: {sorted(offered)}")
        return through, {"input": source_of(act)}
    if not isinstance(act.arguments, str):
        return name, act.arguments
    (only,) = offered[name]["properties"]
    return name, {only: act.arguments}


def _named(tool: str, offered: Mapping[str, Body]) -> str | None:
    whole = [name for name in offered if name == tool or name.endswith(f"__{tool}")]
    return min(whole, key=len, default=None)


def source_of(act: Act) -> str:
    """JavaScript that calls a tool and shows what it says."""
    return f"text(await tools.{act.tool}({json.dumps(act.arguments)}))"


def expect(condition: object, message: str) -> None:
    """A rule of the provider."""
    if not condition:
        raise Refused(message)
