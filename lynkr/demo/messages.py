"""Messages: the demo in Anthropic's dialect, ``/v1/messages`` and its token counting."""

from __future__ import annotations

import base64
from typing import Literal

import orjson

from lynkr.demo.frames import TEXT_FRAME_S, DemoReply, Reel, json_reply, made_id, pieces
from lynkr.demo.replies import Conversation, Ending, Turn, turn
from lynkr.demo.request import (
    BadRequestError,
    Fields,
    fields,
    items,
    message_list,
    model_asked,
    own_words,
    spoken,
    stop_list,
    text,
    token_count,
    token_limit,
)
from lynkr.demo.toolbox import choice_made, tools_offered

_STOP_REASONS: dict[Ending, str] = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_call": "tool_use",
}

_FINAL_USAGE = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "output_tokens_details",
)


def reply(body: Fields, seed: str, _now: int) -> DemoReply:
    conversation = _conversation(body)
    said = turn(conversation)
    message = _message(conversation, said, seed)
    return _stream(message, said) if body.get("stream") is True else json_reply(message)


def count(body: Fields, _seed: str, _now: int) -> DemoReply:
    model_asked(body)
    message_list(body)
    return json_reply({"input_tokens": _input_tokens(body)})


def error(status: int, message: str, _param: str | None = None) -> DemoReply:
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    return json_reply({"type": "error", "error": {"type": kind, "message": message}}, status=status)


def _conversation(body: Fields) -> Conversation:
    messages = message_list(body)
    model = model_asked(body)
    # Zero is allowed: it fills the prompt cache and asks for no words.
    limit = token_limit(body, "max_tokens", least=0)
    if limit is None:
        raise BadRequestError("max_tokens: a number of tokens is required.", "max_tokens")
    last = next((m for m in map(fields, reversed(messages)) if m.get("role") == "user"), {})
    blocks = [fields(block) for block in items(last.get("content"))]
    results = [block for block in blocks if block.get("type") == "tool_result"]
    wanted = fields(fields(body.get("output_config")).get("format")) or fields(
        body.get("output_format")  # where the beta had it
    )
    return Conversation(
        model=model,
        message_count=len(messages),
        words=own_words(spoken(last.get("content"))),
        result=spoken(results[-1].get("content")) if results else None,
        tools=tools_offered(body.get("tools"), text_tools=False),
        choice=choice_made(body.get("tool_choice")),
        input_tokens=_input_tokens(body),
        output_tokens_max=limit,
        stop_sequences=stop_list(body.get("stop_sequences")),
        schema=fields(wanted.get("schema")) if wanted.get("type") == "json_schema" else None,
        thinking=_thinking(fields(body.get("thinking"))),
    )


def _thinking(asked: Fields) -> Literal["none", "shown", "hidden"]:
    if asked.get("type") not in ("enabled", "adaptive"):
        return "none"
    return "hidden" if asked.get("display") == "omitted" else "shown"


def _input_tokens(body: Fields) -> int:
    return token_count(body.get("system"), body.get("messages"), body.get("tools"))


def _message(conversation: Conversation, said: Turn, seed: str) -> Fields:
    content: list[Fields] = []
    if conversation.thinking != "none" and said.thinking:
        shown = said.thinking if conversation.thinking == "shown" else ""
        signature = base64.b64encode(made_id("signature of lynkr demo ", seed).encode()).decode()
        content.append({"type": "thinking", "thinking": shown, "signature": signature})
    if said.text:
        content.append({"type": "text", "text": said.text})
    if said.call is not None:
        identity = {"id": made_id("toolu_", seed), "name": said.call.tool.name}
        content.append({"type": "tool_use", **identity, "input": orjson.loads(said.call.input)})
    return {
        "id": made_id("msg_", seed),
        "type": "message",
        "role": "assistant",
        "model": conversation.model,
        "content": content,
        "stop_reason": _STOP_REASONS[said.ending],
        "stop_sequence": said.stop_sequence,
        "usage": {
            "input_tokens": conversation.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": said.output_tokens,
            "output_tokens_details": {"thinking_tokens": said.thinking_tokens},
            "service_tier": "standard",
        },
    }


def _stream(message: Fields, said: Turn) -> DemoReply:
    """The finished message, taken apart into the events that build it."""
    reel = Reel(event_lines=True)
    usage = fields(message["usage"])
    start: Fields = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    start["usage"] = {key: usage[key] for key in usage if key != "output_tokens_details"}
    # A provider has made about one token when it sends this; the final count comes at the end.
    fields(start["usage"])["output_tokens"] = min(1, said.output_tokens)
    reel.add({"type": "message_start", "message": start})
    for index, block in enumerate(map(fields, items(message["content"]))):
        bare, deltas = _taken_apart(block, said)
        reel.add({"type": "content_block_start", "index": index, "content_block": bare})
        if index == 0:
            reel.add({"type": "ping"})
        for delta in deltas:
            event: Fields = {"type": "content_block_delta", "index": index, "delta": delta}
            reel.add(event, wait_s=TEXT_FRAME_S)
        reel.add({"type": "content_block_stop", "index": index})
    reel.add(
        {
            "type": "message_delta",
            "delta": {key: message[key] for key in ("stop_reason", "stop_sequence")},
            "usage": {key: usage[key] for key in _FINAL_USAGE},
        }
    )
    reel.add({"type": "message_stop"})
    return reel.reply()


def _taken_apart(block: Fields, said: Turn) -> tuple[Fields, list[Fields]]:
    """The block as it is first announced, and the deltas that fill it."""
    match block["type"]:
        case "thinking":
            shown = pieces(text(block["thinking"]))
            signature: Fields = {"type": "signature_delta", "signature": block["signature"]}
            deltas = [*_deltas("thinking_delta", "thinking", shown), signature]
            return {**block, "thinking": "", "signature": ""}, deltas
        case "tool_use":
            fragments = ["", *pieces(said.call.input if said.call is not None else "")]
            return {**block, "input": {}}, _deltas("input_json_delta", "partial_json", fragments)
        case _:
            return {**block, "text": ""}, _deltas("text_delta", "text", pieces(said.text))


def _deltas(kind: str, key: str, parts: list[str]) -> list[Fields]:
    return [{"type": kind, key: part} for part in parts]
