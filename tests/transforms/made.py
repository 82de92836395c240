"""Conversations of agents in all three dialects, request by request, for tests of the passes."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from lynkr._native.memo import Memo
from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, Layout, scan
from lynkr.transforms.cache_plan import Aim
from lynkr.transforms.passes import Shaped, Want, Work, shape
from lynkr.transforms.pieces import pieces_of

DIALECTS = (MESSAGES, CHAT, RESPONSES)
NAMES = {MESSAGES: "messages", CHAT: "chat", RESPONSES: "responses"}

EXPLICIT = Aim(
    style="explicit", breakpoints_max=4, lookback_blocks=20, marks=True, marks_1h=True
)  # fmt: skip
AUTOMATIC = Aim(style="automatic", cache_key=True, billing_header=False)
NONE = Aim(billing_header=False)
Json = dict[str, Any]


class Did(NamedTuple):
    """One call of a tool, and what it brought back."""

    name: str
    arguments: Json
    result: str


class Turn(NamedTuple):
    """What the model says, what it calls, and what the user then says, if anything."""

    said: str = ""
    calls: tuple[Did, ...] = ()
    asked: str = ""


def offered(dialect: int, name: str, description: str = "A tool.") -> Json:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    if dialect == MESSAGES:
        return {"name": name, "description": description, "input_schema": schema}
    function = {"name": name, "description": description, "parameters": schema}
    if dialect == CHAT:
        return {"type": "function", "function": function}
    return {"type": "function", **function}


def _messages(turn: Turn, at: int) -> list[Json]:
    blocks: list[Json] = [{"type": "text", "text": turn.said}] if turn.said else []
    results: list[Json] = []
    for number, call in enumerate(turn.calls):
        id_ = f"toolu_{at}_{number}"
        blocks.append({"type": "tool_use", "id": id_, "name": call.name, "input": call.arguments})
        results.append({"type": "tool_result", "tool_use_id": id_, "content": call.result})
    if turn.asked:
        results.append({"type": "text", "text": turn.asked})
    found: list[Json] = []
    if blocks:
        found.append({"role": "assistant", "content": blocks})
    if results:
        found.append({"role": "user", "content": results})
    return found


def _chat(turn: Turn, at: int) -> list[Json]:
    reply: Json = {"role": "assistant", "content": turn.said or None}
    if turn.calls:
        reply["tool_calls"] = [
            {
                "id": f"call_{at}_{number}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for number, call in enumerate(turn.calls)
        ]
    found = [reply] if turn.said or turn.calls else []
    found += [
        {"role": "tool", "tool_call_id": f"call_{at}_{number}", "content": call.result}
        for number, call in enumerate(turn.calls)
    ]
    return found + ([{"role": "user", "content": turn.asked}] if turn.asked else [])


def _responses(turn: Turn, at: int) -> list[Json]:
    found: list[Json] = []
    if turn.said:
        part = {"type": "output_text", "text": turn.said}
        found.append({"type": "message", "role": "assistant", "content": [part]})
    for number, call in enumerate(turn.calls):
        found.append(
            {
                "type": "function_call",
                "call_id": f"fc_{at}_{number}",
                "name": call.name,
                "arguments": json.dumps(call.arguments),
            }
        )
    for number, call in enumerate(turn.calls):
        found.append(
            {
                "type": "function_call_output",
                "call_id": f"fc_{at}_{number}",
                "output": call.result,
            }
        )
    if turn.asked:
        part = {"type": "input_text", "text": turn.asked}
        found.append({"type": "message", "role": "user", "content": [part]})
    return found


_WRITERS = {MESSAGES: _messages, CHAT: _chat, RESPONSES: _responses}


def _about(name: str) -> str:
    """A server's tools are wordy: leaving out less is not worth a session's while."""
    return f"Does {name}." + (" Zorp quib flan." * 80 if name.startswith("mcp__") else "")


def body(
    dialect: int,
    ask: str,
    turns: list[Turn],
    *,
    tools: tuple[str, ...] = (),
    system: str = "You are an agent.",
    **more: Any,
) -> bytes:
    """One request. The user's first words are a plain string, as many clients send them."""
    first: list[Json] = [{"role": "user", "content": ask}]
    whole: Json = {"model": "m"}
    if system and dialect == MESSAGES:
        whole["system"] = system
    elif system and dialect == RESPONSES:
        whole["instructions"] = system
    elif system:
        first.insert(0, {"role": "system", "content": system})
    if tools:
        whole["tools"] = [offered(dialect, name, _about(name)) for name in tools]
    told = [item for at, turn in enumerate(turns) for item in _WRITERS[dialect](turn, at)]
    whole["input" if dialect == RESPONSES else "messages"] = first + told
    return json.dumps(whole | more, ensure_ascii=False).encode()


def requests(dialect: int, ask: str, turns: list[Turn], **more: Any) -> list[bytes]:
    """The whole conversation, request by request: each is the one before and one turn."""
    return [body(dialect, ask, turns[:count], **more) for count in range(len(turns) + 1)]


def laid_out(given: bytes, dialect: int) -> Layout:
    layout = scan(given, dialect)
    assert layout is not None, given[:200]
    return layout


def work(given: bytes, dialect: int, want: Want, aim: Aim, memo: Memo | None = None) -> Work:
    return Work(given, laid_out(given, dialect), want, aim, memo or Memo(1 << 24))


def shaped(
    given: bytes, dialect: int, want: Want, aim: Aim = NONE, memo: Memo | None = None
) -> Shaped:
    found = shape(given, dialect, want, aim, memo or Memo(1 << 24))
    assert found is not None
    json.loads(found.body)
    return found


def keys(given: bytes, dialect: int) -> list[bytes]:
    """What a prompt cache compares."""
    return [piece.key for piece in pieces_of(given, laid_out(given, dialect))]


def result_texts(given: bytes, dialect: int) -> list[str]:
    """What the model reads of each result, in order."""
    whole = json.loads(given)
    items = whole["input" if dialect == RESPONSES else "messages"]
    if dialect == RESPONSES:
        return [item["output"] for item in items if item.get("type") == "function_call_output"]
    if dialect == CHAT:
        return [item["content"] for item in items if item["role"] == "tool"]
    return [
        block["content"]
        for item in items
        if isinstance(item["content"], list)
        for block in item["content"]
        if block["type"] == "tool_result"
    ]
