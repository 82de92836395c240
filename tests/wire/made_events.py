"""Well-formed streams of neutral events, made at random.

``streams()`` has everything that a decoder may yield. Its switches leave out what some dialect has
no word for: ``opaque`` parts, calls other than of functions (``kinds``), ``refusals``, streams that
break off (``fails``), half emojis (``lone``), seals of other formats than ``seals``.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from itertools import pairwise
from typing import get_args

from hypothesis import strategies as st

from lynkr.wire.events import (
    Alive,
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    Finish,
    OpaqueWhole,
    PartStop,
    Sealed,
    Start,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    Used,
)
from lynkr.wire.message import CallKind, Failure, Opaque, Seal, Stop, StopReason, Usage
from tests.wire.made_json import objects, some_text, words

KINDS: tuple[CallKind, ...] = get_args(CallKind)
REASONS: tuple[StopReason, ...] = get_args(StopReason)

counts = st.one_of(st.none(), st.integers(min_value=0, max_value=10**7))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """What a provider may say: reasoning is part of the output."""
    output = draw(counts)
    reasoning = draw(counts) if output is not None else None
    if reasoning is not None and output is not None:
        reasoning = min(reasoning, output)
    return Usage(draw(counts), output, draw(counts), draw(counts), reasoning)


def seal_data(name: str) -> st.SearchStrategy[dict[str, object]]:
    """What the codec of that name puts into its seals."""
    opaque = st.binary(min_size=3, max_size=16).map(lambda data: b64encode(data).decode())
    if name == "anthropic_messages":
        return st.one_of(
            opaque.map(lambda text: {"signature": text}), opaque.map(lambda text: {"data": text})
        )
    if name == "gemini":
        return opaque.map(lambda text: {"thoughtSignature": text})
    if name == "openai_responses":
        return opaque.map(
            lambda text: {"id": f"rs_{text[:4]}", "summary": [], "encrypted_content": text}
        )
    return opaque.map(
        lambda text: {"reasoning_details": [{"type": "reasoning.encrypted", "data": text}]}
    )


FORMATS = ("anthropic_messages", "openai_chat", "openai_responses", "gemini")


def made_seals(formats: Sequence[str] = FORMATS) -> st.SearchStrategy[Seal]:
    return st.sampled_from(formats).flatmap(
        lambda name: seal_data(name).map(lambda data: Seal(name, data))
    )


def some_seals(formats: Sequence[str]) -> st.SearchStrategy[list[Seal]]:
    """One or none."""
    return st.lists(made_seals(formats), max_size=1)


@st.composite
def cuts(draw: st.DrawFn, text: str) -> list[str]:
    """The text in fragments, none of them empty."""
    places = draw(st.sets(st.integers(0, len(text)), max_size=4))
    ends = sorted({0, len(text), *places})
    return [text[start:end] for start, end in pairwise(ends)]


@st.composite
def streams(
    draw: st.DrawFn,
    *,
    seals: Sequence[str] = FORMATS,
    kinds: Sequence[CallKind] = KINDS,
    opaque: bool = True,
    refusals: bool = True,
    fails: bool = True,
    lone: bool = False,
    pings: bool = True,
) -> list[Event]:
    """Between no part and five."""
    text = some_text(lone=lone)
    events: list[Event] = [Start(draw(words), draw(words), draw(usages()))]
    choices = ["text", "thinking", "call", *(["opaque"] if opaque else [])]
    for index, kind in enumerate(draw(st.lists(st.sampled_from(choices), max_size=5))):
        if kind == "text":
            events.append(TextStart(index, refusal=refusals and draw(st.booleans())))
            events += [TextDelta(index, piece) for piece in draw(cuts(draw(text)))]
        elif kind == "thinking":
            events.append(ThinkingStart(index, summary=draw(st.booleans())))
            events += [ThinkingDelta(index, piece) for piece in draw(cuts(draw(text)))]
            if seals:
                events += [Sealed(index, seal) for seal in draw(some_seals(seals))]
        elif kind == "call":
            events += draw(_call(index, draw(st.sampled_from(kinds)), text))
        else:
            name = "x_" + draw(words)
            value = {"type": name, **draw(objects)}
            events.append(OpaqueWhole(index, Opaque(kind=name, value=value)))
            continue
        events.append(PartStop(index))
        if draw(st.booleans()):
            events.append(Used(draw(usages())))
    if fails and draw(st.integers(0, 5)) == 0:
        kept = draw(st.integers(1, len(events)))
        failure = Failure(status=0, kind="overloaded", message=draw(words), code="overloaded_error")
        events = [*events[:kept], Failed(failure)]
    else:
        events.append(Finish(draw(stops()), draw(usages())))
    if pings:
        for at in sorted(draw(st.sets(st.integers(0, len(events) - 1), max_size=2)), reverse=True):
            events.insert(at, Alive())
    return events


@st.composite
def _call(draw: st.DrawFn, index: int, kind: CallKind, text: st.SearchStrategy[str]) -> list[Event]:
    name = {"tool_search": "tool_search", "local_shell": "local_shell"}.get(kind) or draw(words)
    arguments = draw(text) if kind == "custom" else json.dumps(draw(objects), ensure_ascii=False)
    namespace = draw(st.sampled_from(["", "mcp__files"])) if kind == "function" else ""
    start = CallStart(index, f"call_{index}", name, kind, namespace)
    return [start, *(ArgumentsDelta(index, piece) for piece in draw(cuts(arguments)))]


@st.composite
def stops(draw: st.DrawFn) -> Stop:
    reason = draw(st.sampled_from(REASONS))
    sequence = draw(words) if reason == "stop_sequence" else None
    return Stop(reason, sequence)
