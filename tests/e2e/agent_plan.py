"""What a scripted agent does in a session: its calls, step by step, and its last words.

The agent keeps no state. It reads from each request how far the conversation has come, as a model
does, so a request that is sent again gets the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


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


def pieces(text: str, size: int = 7) -> list[str]:
    """A text as a model streams it."""
    return [text[start : start + size] for start in range(0, len(text), size)]
