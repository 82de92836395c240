"""Neutral requests of a foreign dialect, and what is written of them for Anthropic."""

from __future__ import annotations

import json
from typing import Any

from lynkr.wire.anthropic.write import encode_request
from lynkr.wire.codec import Losses, Target
from lynkr.wire.message import Message, Part, Request, Role, Seal, Text, ToolCall, ToolResult

Body = dict[str, Any]
Lost = list[tuple[str, str]]
SEALED = Seal("anthropic_messages", {"signature": "Eq=="})


def said(role: Role, *parts: Part | str) -> Message:
    found: list[Part] = [Text(text=part) if isinstance(part, str) else part for part in parts]
    return Message(role=role, parts=found)


def call(call_id: str = "call_1", arguments: str = '{"a":1}', name: str = "f") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str = "call_1", *parts: Part) -> ToolResult:
    return ToolResult(call_id=call_id, content=list(parts) or [Text(text="r")])


def request(*messages: Message, **fields: Any) -> Request:
    return Request(format="openai_chat", model="m", messages=list(messages), **fields)


def write(asked: Request, *capabilities: str, **fields: Any) -> tuple[Body, Lost]:
    losses = Losses()
    target = Target(
        model="claude-opus-4-8", capabilities=frozenset(capabilities), output_tokens_max=64000,
        **fields,
    )  # fmt: skip
    body: Body = json.loads(encode_request(asked, target, losses))
    return body, [(loss.name, loss.field) for loss in losses.found]


def turns(*messages: Message, native: bool = False) -> list[tuple[str, list[Body]]]:
    body, lost = write(request(*messages), *(["mid_conversation_system"] if native else []))
    assert not lost
    return [(message["role"], message["content"]) for message in body["messages"]]


def text(*texts: str) -> list[Body]:
    return [{"type": "text", "text": each} for each in texts]
