"""Replies on their way through a translation: what they say is heard, and as soon as it is said."""

from __future__ import annotations

import json

import pytest

from lynkr.gateway.translate import Plan, Translation
from lynkr.wire.codec import Target, codec
from tests.gateway.test_translation import call, other
from tests.harness import replies
from tests.harness.theatre import Theatre

# --- an error with status 200 ---------------------------------------------------------------------

SAID = "The model is overloaded."
BODIES = {
    "messages": {"error": {"message": SAID, "type": "server_error", "code": "busy"}},
    "chat": {"type": "error", "error": {"type": "overloaded_error", "message": SAID}},
    "responses": {"error": {"type": "overloaded_error", "message": SAID}},
    "gemini": [{"error": {"message": SAID}}],
}


@pytest.mark.parametrize("api", BODIES)
async def test_the_providers_words_reach_the_client(api: str) -> None:
    async with Theatre(other(api)) as theatre:
        theatre["far"].reply(replies.sized(json.dumps(BODIES[api]).encode()))
        reply = await theatre.post(*call(api, stream=False))
        assert (reply.status, reply.header("x-lynkr-error")) == (502, "upstream_protocol")
        assert f"not what its dialect says: {SAID}" in reply.body.decode()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("openai", {"status": "failed", "output": [], "error": {"code": "x", "message": SAID}}),
        ("gemini", {"error": {"code": 503, "message": SAID, "status": "UNAVAILABLE"}}),
        ("bedrock", {"__type": "ServiceUnavailableException", "message": SAID}),
    ],
)
async def test_so_do_those_of_the_other_dialects(kind: str, body: object) -> None:
    async with Theatre({"far": kind}) as theatre:
        theatre["far"].reply(replies.sized(json.dumps(body).encode()))
        reply = await theatre.post(*call("messages", stream=False))
        assert reply.status == 502
        assert f"not what its dialect says: {SAID}" in reply.body.decode()


async def test_a_reply_without_words_is_told_by_what_it_lacks() -> None:
    async with Theatre(other("messages")) as theatre:
        theatre["far"].reply(replies.sized(b'{"choices": []}'))
        reply = await theatre.post(*call("messages", stream=False))
        assert "the reply has no choice with a message" in reply.body.decode()


# --- renamed tools --------------------------------------------------------------------------------


def test_a_call_of_a_renamed_tool_is_told_with_its_name() -> None:
    """And not only with its arguments: the decoder knows the names at the provider."""
    tool = {"type": "function", "name": "echo", "parameters": {}}
    asked = codec("openai_responses").decode_request(
        json.dumps(
            {
                "model": "m",
                "input": "go",
                "stream": True,
                "tools": [{"type": "namespace", "name": "mcp", "description": "", "tools": [tool]}],
            }
        ).encode(),
        "m",
        True,
    )
    plan = Plan(
        client="openai_responses",
        spoken="openai_chat",
        target=Target(model="m"),
        drops=frozenset(),
        provider="far",
    )
    translation = Translation(asked, asked, plan, call_id="1", created=0)
    assert b'"mcp__echo"' in translation.body
    call = {"index": 0, "id": "c", "function": {"name": "mcp__echo", "arguments": ""}}
    chunk = {"id": "r", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    reader = translation.streamed(None, None)
    assert b'"name":"echo"' in reader.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")
