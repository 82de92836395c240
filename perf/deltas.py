"""Replies as five providers stream them: what opens a part, and its deltas, one network read each.

The fields are those that each provider sends, padding included; every delta carries the same text.
Sources are the recorded replies under ``tests/fixtures`` and the providers' references.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from lynkr.wire.eventstream import frame, packed

TOOL = "Write"

# 20 to 40 bytes each, the larger end of what providers send at once.
TEXTS = (
    "The scanner walks the body once",
    ", keeps its place between reads",
    " and never looks back.\n\n```python",
    "\ndef size(path: str) -> int:\n    ",
    '"""Größe von "path", in bytes."""',
    "\n    return len(read(path))\n",
    "```\n\nAn empty body is no error",
    ": it has no fields at all. 👋",
)
_CALL_BEGUN = '{"file_path":"src/size.py","content":"'
_PADDING = "aBcDeFgHiJkLmNoPqRsTuVwXyZ"

Value = dict[str, object]


@dataclass(frozen=True, slots=True)
class Stream:
    """Network reads: the reply up to its open part, then deltas of that part."""

    opening: bytes
    deltas: list[bytes]


@dataclass(frozen=True, slots=True)
class Provider:
    """How one dialect streams a text and the arguments of a call."""

    text: Callable[[int], Stream]
    arguments: Callable[[int], Stream]


def texts(count: int) -> Iterator[str]:
    return islice(cycle(TEXTS), count)


def fragments(count: int) -> Iterator[str]:
    """Pieces of the arguments' JSON text."""
    return (json.dumps(text, ensure_ascii=False)[1:-1] for text in texts(count))


def _data(value: Value) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _event(value: Value) -> bytes:
    """With its type as the event's name: Messages, Responses."""
    return b"event: %b\n%b\n\n" % (str(value["type"]).encode(), _data(value))


# --- Messages: platform.claude.com/docs/en/build-with-claude/streaming ----------------------------

_MESSAGE_START = _event(
    {
        "type": "message_start",
        "message": {
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 25, "cache_read_input_tokens": 30211, "output_tokens": 1},
        },
    }
)


def _messages_block(block: Value, kind: str, field: str, pieces: Iterator[str]) -> Stream:
    opening = {"type": "content_block_start", "index": 0, "content_block": block}
    delta = {"type": "content_block_delta", "index": 0}
    return Stream(
        _MESSAGE_START + _event(opening),
        [_event({**delta, "delta": {"type": kind, field: piece}}) for piece in pieces],
    )


def _messages_text(count: int) -> Stream:
    return _messages_block({"type": "text", "text": ""}, "text_delta", "text", texts(count))


def _messages_arguments(count: int) -> Stream:
    call: Value = {"type": "tool_use", "id": "toolu_01T1x1fJ34qAmk2tNTrN7Up6"}
    pieces = iter((_CALL_BEGUN, *fragments(count - 1)))
    block = {**call, "name": TOOL, "input": {}}
    return _messages_block(block, "input_json_delta", "partial_json", pieces)


# --- Chat Completions: platform.openai.com/docs/api-reference/chat-streaming ----------------------


def _chat_chunk(number: int, delta: Value) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    chunk: Value = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1795430401,
        "model": "gpt-5.5-2026-06-01",
        "service_tier": "default",
        "system_fingerprint": "fp_560af6e559",
        "choices": [choice],
        "usage": None,
        "obfuscation": _PADDING[: number % 17],
    }
    return _data(chunk) + b"\n\n"


def _chat_text(count: int) -> Stream:
    opening = _chat_chunk(0, {"role": "assistant", "content": "", "refusal": None})
    return Stream(
        opening, [_chat_chunk(at, {"content": text}) for at, text in enumerate(texts(count))]
    )


def _chat_arguments(count: int) -> Stream:
    def call(fields: Value, **more: object) -> Value:
        return {"tool_calls": [{"index": 0, **more, "function": fields}]}

    named = call(
        {"name": TOOL, "arguments": ""}, id="call_DdmO9pD3xa9XTPNJ32zg2hcA", type="function"
    )
    pieces = (_CALL_BEGUN, *fragments(count - 1))
    return Stream(
        _chat_chunk(0, {"role": "assistant", "content": None, **named}),
        [_chat_chunk(at, call({"arguments": piece})) for at, piece in enumerate(pieces)],
    )


# --- Responses: platform.openai.com/docs/api-reference/responses-streaming ------------------------

_ITEM = "68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b"
_RESPONSE_CREATED = _event(
    {
        "type": "response.created",
        "sequence_number": 0,
        "response": {
            "id": f"resp_{_ITEM}",
            "object": "response",
            "created_at": 1795430401,
            "status": "in_progress",
            "model": "gpt-5.5-2026-06-01",
            "output": [],
            "usage": None,
        },
    }
)


def _responses_deltas(kind: str, at: Value, pieces: Iterator[str], more: Value) -> list[bytes]:
    return [
        _event(
            {
                "type": kind,
                "sequence_number": number,
                **at,
                "delta": piece,
                **more,
                "obfuscation": _PADDING[: number % 17],
            }
        )
        for number, piece in enumerate(pieces, start=4)
    ]


def _item_added(item: Value) -> bytes:
    added: Value = {"type": "response.output_item.added", "sequence_number": 2}
    return _event({**added, "output_index": 0, "item": {**item, "status": "in_progress"}})


def _responses_text(count: int) -> Stream:
    at: Value = {"item_id": f"msg_{_ITEM}", "output_index": 0, "content_index": 0}
    message: Value = {"id": at["item_id"], "type": "message", "role": "assistant", "content": []}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    begun: Value = {"type": "response.content_part.added", "sequence_number": 3, **at, "part": part}
    return Stream(
        _RESPONSE_CREATED + _item_added(message) + _event(begun),
        _responses_deltas("response.output_text.delta", at, texts(count), {"logprobs": []}),
    )


def _responses_arguments(count: int) -> Stream:
    at: Value = {"item_id": f"fc_{_ITEM}", "output_index": 0}
    call: Value = {"id": at["item_id"], "type": "function_call", "call_id": "call_EsUoGmy6gYHB"}
    pieces = iter((_CALL_BEGUN, *fragments(count - 1)))
    return Stream(
        _RESPONSE_CREATED + _item_added({**call, "name": TOOL, "arguments": ""}),
        _responses_deltas("response.function_call_arguments.delta", at, pieces, {}),
    )


# --- Gemini: ai.google.dev/api/generate-content#method:-models.streamgeneratecontent --------------


def _gemini_chunk(number: int, part: Value) -> bytes:
    """Each one repeats the usage, which has grown."""
    chunk: Value = {
        "candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 30236,
            "candidatesTokenCount": 8 * number,
            "totalTokenCount": 30236 + 8 * number,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 30236}],
        },
        "modelVersion": "gemini-3.7-flash",
        "responseId": "WQuqavG5KbfUjMcPuP_n6QI",
    }
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\r\n\r\n"


def _gemini_text(count: int) -> Stream:
    deltas = [_gemini_chunk(at, {"text": text}) for at, text in enumerate(texts(count), start=2)]
    return Stream(_gemini_chunk(1, {"text": "Well: "}), deltas)


def _gemini_arguments(count: int) -> Stream:
    """A call comes whole, so this is as many calls."""

    def call(text: str) -> Value:
        return {"functionCall": {"name": TOOL, "args": {"file_path": "size.py", "content": text}}}

    deltas = [_gemini_chunk(at, call(text)) for at, text in enumerate(texts(count), start=2)]
    return Stream(_gemini_chunk(1, {"text": "Well: "}), deltas)


# --- Converse: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html ----


def _converse_frame(name: str, value: Value) -> bytes:
    kind = ((":event-type", name), (":content-type", "application/json"))
    payload = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return frame(packed((*kind, (":message-type", "event"))), payload)


def _converse_deltas(deltas: Iterator[Value]) -> list[bytes]:
    return [
        _converse_frame(
            "contentBlockDelta", {"contentBlockIndex": 0, "delta": delta, "p": _PADDING[: at % 26]}
        )
        for at, delta in enumerate(deltas)
    ]


_CONVERSE_START = _converse_frame("messageStart", {"role": "assistant", "p": _PADDING[:9]})


def _converse_text(count: int) -> Stream:
    return Stream(_CONVERSE_START, _converse_deltas({"text": text} for text in texts(count)))


def _converse_arguments(count: int) -> Stream:
    use = {"toolUseId": "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "name": TOOL}
    start = {"contentBlockIndex": 0, "start": {"toolUse": use}, "p": _PADDING[:5]}
    pieces = (_CALL_BEGUN, *fragments(count - 1))
    return Stream(
        _CONVERSE_START + _converse_frame("contentBlockStart", start),
        _converse_deltas({"toolUse": {"input": piece}} for piece in pieces),
    )


PROVIDERS = {
    "messages": Provider(_messages_text, _messages_arguments),
    "chat": Provider(_chat_text, _chat_arguments),
    "responses": Provider(_responses_text, _responses_arguments),
    "gemini": Provider(_gemini_text, _gemini_arguments),
    "converse": Provider(_converse_text, _converse_arguments),
}
