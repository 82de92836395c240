"""Requests of other dialects, in few words, for the tests of what is written for Google."""

from __future__ import annotations

from typing import Any

from lynkr.wire.codec import Target
from lynkr.wire.message import Image, Message, Part, Request, Role, Seal, Text, ToolCall, ToolResult
from tests.wire.gemini.cases import PLAIN, encoded

ALL = Target(
    model="m",
    capabilities=frozenset(
        ("image_urls", "function_response_parts", "call_ids", "thinking_budget", "thinking_off")
    ),
)
PNG = Image(media_type="image/png", data="AAAA")
INLINE = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
SEAL = Seal("gemini", {"thoughtSignature": "c2ln"})


def said(role: Role, *parts: Part | str) -> Message:
    return Message(
        role=role, parts=[Text(text=part) if isinstance(part, str) else part for part in parts]
    )


def asked(*messages: Message, **more: Any) -> Request:
    return Request(
        **{"format": "anthropic_messages", "model": "m", "messages": list(messages), **more}
    )


def contents(*messages: Message, target: Target = PLAIN, **more: Any) -> Any:
    body, losses = encoded(asked(*messages, **more), target)
    assert losses.found == []
    return body["contents"]


def call(name: str, number: str = "c1", arguments: str = '{"a":1}') -> ToolCall:
    return ToolCall(id=number, name=name, arguments=arguments)


def answer(number: str = "c1", *content: Part, **more: Any) -> ToolResult:
    return ToolResult(call_id=number, content=list(content), **more)
