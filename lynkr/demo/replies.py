"""Replies: what the demo says, whatever the dialect, cut where the client asked for it to be cut.

It says in every reply that it is not a model, and what to set to reach one.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import orjson

from lynkr.demo.request import BYTES_PER_TOKEN, Fields, tokens
from lynkr.demo.schema import instance
from lynkr.demo.toolbox import Call, Choice, Tool, call_for

QUOTE_MAX = 80  # characters
RESULT_QUOTE_MAX = 160  # characters

Ending = Literal["end", "length", "stop_sequence", "tool_call"]


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo makes of a request. Each dialect reads its own into this."""

    model: str
    message_count: int
    words: str  # what the user said last
    result: str | None  # of a tool, when that is what the client sends back
    tools: list[Tool]
    choice: Choice
    input_tokens: int
    output_tokens_max: int | None = None
    stop_sequences: list[str] = []
    schema: Fields | None = None  # of the JSON wanted; an empty one allows any object
    thinking: Literal["none", "shown", "hidden"] = "none"


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One reply, before any dialect. ``call`` is whole or absent, never cut."""

    thinking: str
    text: str
    call: Call | None
    ending: Ending
    stop_sequence: str | None
    thinking_tokens: int
    output_tokens: int  # thinking included


def turn(conversation: Conversation) -> Turn:
    call = None
    if conversation.result is None:
        call = call_for(conversation.tools, conversation.choice, conversation.words)
    thinking = "" if conversation.thinking == "none" else _thoughts(conversation, call)
    said = _said(conversation, call)
    ending: Ending = "end" if call is None else "tool_call"

    found = [(said.find(stop), stop) for stop in conversation.stop_sequences if stop in said]
    stop_at, stop_sequence = min(found) if found else (len(said), None)
    if stop_sequence is not None:
        said, call, ending = said[:stop_at], None, "stop_sequence"

    limit = conversation.output_tokens_max
    if limit is not None:
        whole = (thinking, said)
        thinking = _cut(thinking, limit)
        said = _cut(said, limit - tokens(thinking))
        call_fits = tokens(thinking) + tokens(said) + _call_tokens(call) <= limit
        if (thinking, said) != whole or not call_fits:
            call, stop_sequence, ending = None, None, "length"

    thinking_tokens = tokens(thinking)
    return Turn(
        thinking=thinking,
        text=said,
        call=call,
        ending=ending,
        stop_sequence=stop_sequence,
        thinking_tokens=thinking_tokens,
        output_tokens=thinking_tokens + tokens(said) + _call_tokens(call),
    )


def quote(said: str, characters_max: int) -> str:
    """The beginning of ``said`` on one line."""
    line = " ".join(said[: 10 * characters_max].split())
    return line if len(line) <= characters_max else f"{line[: characters_max - 1]}…"


def _said(conversation: Conversation, call: Call | None) -> str:
    if call is not None:
        return (
            "This is lynkr's built-in demo, not a language model: no provider is configured. "
            f"{_heard(conversation)} "
            f"I will call `{call.tool.name}` once, with harmless input, so that you can see a tool "
            "call and its result go round."
        )
    if conversation.schema is not None:
        return _structured(conversation, conversation.schema)
    if conversation.result is not None:
        begins = quote(conversation.result, RESULT_QUOTE_MAX)
        result = f"Its result begins: “{begins}”." if begins else "Its result is empty."
        return (
            f"The tool has answered. {result} "
            "That was one whole round: a tool call streamed to you, and your result sent back. "
            "This is lynkr's built-in demo, not a language model, so it stops here. "
            f"{_ADVICE}"
        )
    return (
        "This is lynkr's built-in demo, not a language model: no provider is configured, so this "
        f"request went no further than lynkr. {_heard(conversation)} {_ADVICE}"
    )


_ADVICE = (
    "To reach a real model, set ANTHROPIC_API_KEY or OPENAI_API_KEY, or name a provider in "
    "lynkr.toml, and start lynkr again."
)


def _heard(conversation: Conversation) -> str:
    messages = _counted(conversation.message_count, "message")
    tools = _counted(len(conversation.tools), "tool")
    heard = f"You asked for {quote(conversation.model, QUOTE_MAX)} with {messages} and {tools}."
    words = quote(conversation.words, QUOTE_MAX)
    return f"{heard} Your last words were: “{words}”." if words else heard


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _structured(conversation: Conversation, schema: Fields) -> str:
    made = instance(schema) if schema else {"demo": True, "message": _heard(conversation)}
    return orjson.dumps(made).decode()


def _thoughts(conversation: Conversation, call: Call | None) -> str:
    thoughts = "There is no model behind this demo, so there is nothing to think about. "
    if conversation.result is not None:
        return thoughts + "A tool result came back: I quote its beginning and stop."
    if call is not None:
        return thoughts + f"The request asks for a tool: I call {call.tool.name} once."
    return thoughts + "I say so, and say what to set."


def _call_tokens(call: Call | None) -> int:
    return 0 if call is None else tokens(call.tool.name) + tokens(call.input)


def _cut(said: str, limit: int) -> str:
    if tokens(said) <= limit:
        return said
    return said.encode()[: max(limit, 0) * BYTES_PER_TOKEN].decode(errors="ignore")
