"""Calls for the tests of the cache: requests and replies of the three dialects, small and whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from lynkr.config.settings import Cache, Settings
from tests.harness import replies
from tests.harness.client import RawClient, Reply, request
from tests.harness.theatre import Theatre
from tests.harness.wire import deadline

PATHS = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
KINDS = {"messages": "anthropic", "chat": "openai", "responses": "openai"}
ANSWER = "TCP keeps order; UDP does not."


def asks(api: str, text: str = "Explain TCP vs UDP", **more: Any) -> bytes:
    """A request whose answer does not depend on chance."""
    body: dict[str, Any] = {"model": "m", "temperature": 0}
    if api == "responses":
        body |= {"input": text, "store": False}
    else:
        body |= {"messages": [{"role": "user", "content": text}]}
    if api == "messages":
        body["max_tokens"] = 100
    return json.dumps(body | more).encode()


def _messages(text: str, stop: str) -> dict[str, Any]:
    return {
        "id": "msg_theirs", "type": "message", "role": "assistant", "model": "m-1",
        "content": [{"type": "text", "text": text}], "stop_reason": stop, "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }  # fmt: skip


def _chat(text: str, stop: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-theirs", "object": "chat.completion", "created": 1_700_000_000,
        "model": "m-1",
        "choices": [{
            "index": 0, "message": {"role": "assistant", "content": text},
            "finish_reason": {"end_turn": "stop", "max_tokens": "length"}.get(stop, stop),
        }],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }  # fmt: skip


def _responses(text: str, stop: str) -> dict[str, Any]:
    whole = stop == "end_turn"
    return {
        "id": "resp_theirs", "object": "response", "created_at": 1_700_000_000, "model": "m-1",
        "status": "completed" if whole else "incomplete", "error": None,
        "incomplete_details": None if whole else {"reason": "max_output_tokens"},
        "output": [{
            "id": "msg_theirs", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }],
        "usage": {
            "input_tokens": 11, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 18,
        },
    }  # fmt: skip


_WHOLE: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "messages": _messages, "chat": _chat, "responses": _responses,
}  # fmt: skip


def whole(api: str, text: str = ANSWER, stop: str = "end_turn") -> bytes:
    """A provider's reply in one body."""
    return replies.sized(json.dumps(_WHOLE[api](text, stop)).encode())


def event(data: dict[str, Any], name: str = "") -> bytes:
    start = f"event: {name}\n" if name else ""
    return f"{start}data: {json.dumps(data)}\n\n".encode()


def events(text: str = ANSWER, stop: str = "end_turn") -> list[bytes]:
    """Anthropic's stream, event by event."""
    begun = _messages("", stop) | {"content": [], "stop_reason": None}
    half = len(text) // 2

    def delta(piece: str) -> bytes:
        data = {"type": "text_delta", "text": piece}
        body = {"type": "content_block_delta", "index": 0, "delta": data}
        return event(body, "content_block_delta")

    empty = {"type": "text", "text": ""}
    rows: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": empty},
    ]
    ends: list[dict[str, Any]] = [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]
    return [
        *(event(row, row["type"]) for row in rows),
        *(delta(piece) for piece in (text[:half], text[half:])),
        *(event(row, row["type"]) for row in ends),
    ]


def stream(text: str = ANSWER, stop: str = "end_turn") -> bytes:
    return replies.chunked(b"".join(events(text, stop)))


def text_of(reply: Reply) -> str:
    """What the client reads, in any dialect, streamed or not."""
    if "event-stream" not in (reply.header("content-type") or ""):
        found = json.loads(reply.body)
        if "choices" in found:
            return str(found["choices"][0]["message"]["content"])
        if "output" in found:
            return str(found["output"][0]["content"][0]["text"])
        return "".join(block["text"] for block in found["content"])
    text = ""
    for line in reply.body.decode().splitlines():
        if not line.startswith("data: ") or line == "data: [DONE]":
            continue
        data = json.loads(line[6:])
        if data.get("type") == "content_block_delta":
            text += data["delta"]["text"]
        elif data.get("type") == "response.output_text.delta":
            text += data["delta"]
        for choice in data.get("choices", ()):
            text += choice["delta"].get("content") or ""
    return text


def at(api: str | dict[str, Any] = "messages", *, mode: str = "exact", **sections: Any) -> Theatre:
    """A gateway with its cache on, before a provider of that API, or of that table."""
    given = Settings().cache if "cache" not in sections else sections.pop("cache")
    import msgspec

    cache = msgspec.structs.replace(given, mode=mode)
    assert isinstance(cache, Cache)
    return Theatre({"one": KINDS[api] if isinstance(api, str) else api}, cache=cache, **sections)


async def send(theatre: Theatre, api: str, body: bytes, **headers: str) -> RawClient:
    client = await theatre.connect()
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
    client.send(request(PATHS[api], body, headers=lines))
    return client


async def ask(theatre: Theatre, api: str, body: bytes, **headers: str) -> Reply:
    async with await send(theatre, api, body, **headers) as client:
        return await client.read_reply()


def cache_of(reply: Reply) -> tuple[str | None, str | None]:
    return reply.header("x-lynkr-cache"), reply.header("x-lynkr-cache-kind")


async def until(what: Callable[[], bool], name: str) -> None:
    async def loop() -> None:
        while not what():  # nobody tells of it
            await asyncio.sleep(0.001)

    await deadline(loop(), name)
