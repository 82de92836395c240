"""Plays the demo to the official SDKs and to the structure checks. No sockets."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import openai

from lynkr.demo.script import DemoReply, answer

FRAMES_MAX = 400
STREAM = "text/event-stream; charset=utf-8"


def ask(path: str, body: dict[str, Any], *, seed: str = "seed") -> DemoReply:
    return answer(path, json.dumps(body).encode(), seed=seed, now=1_700_000_000)


def whole(path: str, body: dict[str, Any], *, seed: str = "seed") -> dict[str, Any]:
    """The JSON of a reply that is not streamed."""
    reply = ask(path, {**body, "stream": False}, seed=seed)
    assert (reply.status, reply.content_type) == (200, "application/json"), reply.frames
    [(wait_s, data)] = reply.frames
    assert wait_s > 0
    parsed: dict[str, Any] = json.loads(data)
    return parsed


def events(path: str, body: dict[str, Any], *, seed: str = "seed") -> list[dict[str, Any]]:
    """The payloads of a streamed reply, one for each frame; the frames themselves are checked."""
    reply = ask(path, {**body, "stream": True}, seed=seed)
    assert (reply.status, reply.content_type) == (200, STREAM), reply.frames
    assert len(reply.frames) <= FRAMES_MAX
    assert reply.frames[0][0] == 0.15
    assert {wait_s for wait_s, _ in reply.frames[1:]} <= {0.0, 0.02}
    named = path != "/v1/chat/completions"
    payloads: list[dict[str, Any]] = []
    for _, data in reply.frames:
        lines = data.decode().split("\n")
        assert lines[-2:] == ["", ""]
        assert len(lines) == (4 if named else 3)
        if data == b"data: [DONE]\n\n":
            assert data == reply.frames[-1][1]
            continue
        payload = json.loads(lines[-3].removeprefix("data: "))
        if named:
            assert lines[0] == f"event: {payload['type']}"
        payloads.append(payload)
    return payloads


def _transport() -> httpx2.MockTransport:
    def handle(request: httpx2.Request) -> httpx2.Response:
        reply = answer(request.url.path, request.read(), seed="seed", now=1_700_000_000)
        head = {"content-type": reply.content_type}
        return httpx2.Response(
            reply.status, headers=head, content=b"".join(f for _, f in reply.frames)
        )

    return httpx2.MockTransport(handle)


def anthropic_sdk() -> anthropic.Anthropic:
    http = httpx2.Client(transport=_transport())
    return anthropic.Anthropic(api_key="k", base_url="http://demo", http_client=http, max_retries=0)


def openai_sdk() -> openai.OpenAI:
    http = httpx2.Client(transport=_transport())
    return openai.OpenAI(api_key="k", base_url="http://demo/v1", http_client=http, max_retries=0)
