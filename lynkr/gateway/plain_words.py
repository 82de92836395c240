"""A request of a dialect without spans, as the words and calls that routing reads: a Chat body."""

from __future__ import annotations

from typing import Any

import orjson

from lynkr.wire.codec import codec
from lynkr.wire.message import Image, Message, Text, ToolCall, ToolResult


def plain_chat(format_name: str, body: bytes, stream: bool) -> bytes:
    """The conversation as a Chat body: only what tells how hard it is. Raises ``GatewayError``
    (400) when the body breaks its dialect."""
    request = codec(format_name).decode_request(body, "", stream)
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        messages += _of(message)
    tools = [{"type": "function", "function": {"name": tool.name}} for tool in request.tools]
    made: dict[str, Any] = {"model": "", "messages": messages}
    if tools:
        made["tools"] = tools
    return orjson.dumps(made)


def _of(message: Message) -> list[dict[str, Any]]:
    """One message; results of tools become messages of their own, before the words."""
    results: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Text):
            texts.append({"type": "text", "text": part.text})
        elif isinstance(part, ToolCall):
            function = {"name": part.name, "arguments": part.arguments}
            calls.append({"id": part.id, "type": "function", "function": function})
        elif isinstance(part, ToolResult):
            said = "\n".join(one.text for one in part.content if isinstance(one, Text))
            results.append({"role": "tool", "tool_call_id": part.call_id, "content": said})
        elif isinstance(part, Image):
            texts.append({"type": "image_url", "image_url": {"url": ""}})
    if texts or calls or not results:
        turn: dict[str, Any] = {"role": message.role, "content": texts}
        if calls:
            turn["tool_calls"] = calls
        results.append(turn)
    return results
