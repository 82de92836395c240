"""Replies of providers: the recorded ones, and some written by hand where none were recorded."""

from __future__ import annotations

import json
from binascii import crc32
from functools import cache
from struct import pack
from typing import Any, NamedTuple

from tests.wire.dialogues import DIALECT_OF, recorded
from tests.wire.dialogues_messages import SIGNATURE


class Answer(NamedTuple):
    """A good reply of a provider, whole or streamed."""

    name: str
    dialect: str
    body: bytes
    stream: bool
    pieces: tuple[bytes, ...]  # its events, or the body

    def __repr__(self) -> str:
        return self.name  # the id of a parametrized test


@cache
def answers() -> tuple[Answer, ...]:
    """Every good reply; errors, in their place or inside a stream, are not among them."""
    found = [
        Answer(
            fixture.name,
            DIALECT_OF[fixture.family],
            fixture.reply,
            fixture.is_stream,
            tuple(fixture.frames) if fixture.is_stream else (fixture.reply,),
        )
        for fixture in recorded()
        if fixture.expect.status == 200
        and not fixture.expect.error
        and "count_tokens" not in fixture.name
        and "error" not in fixture.name
    ]
    for name, body in _BODIES.items():
        data = json.dumps(body).encode()
        found.append(Answer(f"bedrock/{name}", "bedrock", data, False, (data,)))
    for name, events in _STREAMS.items():
        frames = tuple(frame(kind, value) for kind, value in events)
        found.append(Answer(f"bedrock/{name}", "bedrock", b"".join(frames), True, frames))
    return tuple(found)


@cache
def answer(name: str) -> Answer:
    (found,) = (each for each in answers() if each.name == name)
    return found


def frame(kind: str, value: dict[str, Any], message: str = "event") -> bytes:
    """One message of Amazon's event stream, made without the code under test.
    https://smithy.io/2.0/aws/amazon-eventstream.html"""
    headers = b"".join(
        pack(">B", len(name)) + name.encode() + pack(">BH", 7, len(text)) + text.encode()
        for name, text in (
            (f":{message}-type", kind),
            (":content-type", "application/json"),
            (":message-type", message),
        )
    )
    payload = json.dumps(value).encode()
    prelude = pack(">II", len(headers) + len(payload) + 16, len(headers))
    whole = prelude + pack(">I", crc32(prelude)) + headers + payload
    return whole + pack(">I", crc32(whole))


_USAGE = {
    "inputTokens": 30, "outputTokens": 12, "totalTokens": 142, "cacheReadInputTokens": 80,
    "cacheWriteInputTokens": 20,
}  # fmt: skip
_BODIES: dict[str, dict[str, Any]] = {
    "tool_json": {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {
                        "reasoningContent": {
                            "reasoningText": {"text": "So.", "signature": SIGNATURE}
                        }
                    },
                    {"text": "I read it ☃."},
                    {"toolUse": {"toolUseId": "tooluse_1", "name": "Read", "input": {"path": "ü"}}},
                ],
            }
        },
        "stopReason": "tool_use",
        "usage": _USAGE,
        "metrics": {"latencyMs": 100},
    },
    "text_json": {
        "output": {"message": {"role": "assistant", "content": [{"text": "Grüß dich 👋🏽"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},
        "metrics": {"latencyMs": 1},
    },
}  # fmt: skip


def _delta(index: int, **delta: Any) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": delta, "p": "abcdef"}


_STREAMS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "text_stream": [
        ("messageStart", {"role": "assistant"}),
        _delta(0, text="Grüß "),
        _delta(0, text="dich 👋🏽"),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "max_tokens"}),
        ("metadata", {"usage": _USAGE, "metrics": {"latencyMs": 5}}),
    ],
    "thinking_tools_stream": [
        ("messageStart", {"role": "assistant"}),
        _delta(0, reasoningContent={"text": "I must "}),
        _delta(0, reasoningContent={"text": "look."}),
        _delta(0, reasoningContent={"signature": SIGNATURE}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        _delta(1, text="Both:"),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        (
            "contentBlockStart",
            {
                "contentBlockIndex": 2,
                "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "Read"}},
            },
        ),
        _delta(2, toolUse={"input": '{"path":'}),
        _delta(2, toolUse={"input": '"ü☃"}'}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        (
            "contentBlockStart",
            {
                "contentBlockIndex": 3,
                "start": {"toolUse": {"toolUseId": "tooluse_2", "name": "Read"}},
            },
        ),
        ("contentBlockStop", {"contentBlockIndex": 3}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": _USAGE, "metrics": {"latencyMs": 5}}),
    ],
}
