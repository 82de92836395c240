"""Token counts: asked of the provider where it gives them, estimated and marked where not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.test_translation import other
from tests.harness import replies
from tests.harness.theatre import Theatre

COUNTERS: dict[str, tuple[str, bytes, Any]] = {
    "openai": ("/v1/responses/input_tokens", b'{"object":"x","input_tokens":321}', "input"),
    "gemini": ("/v1beta/models/m:countTokens", b'{"totalTokens":321}', "generateContentRequest"),
    "bedrock": ("/model/m/count-tokens", b'{"inputTokens":321}', "input"),
}


@pytest.mark.parametrize("kind", COUNTERS)
async def test_a_provider_that_counts_is_asked(kind: str) -> None:
    path, counted, field = COUNTERS[kind]
    body = {
        "model": "m",
        "system": "be brief",
        "messages": [{"role": "user", "content": "hi ☃"}],
        "tools": [{"name": "read", "input_schema": {"type": "object", "properties": {}}}],
    }
    async with Theatre({"far": kind}) as theatre:
        theatre["far"].reply(replies.sized(counted))
        reply = await theatre.post("/v1/messages/count_tokens", body)
        assert (reply.status, json.loads(reply.body)) == (200, {"input_tokens": 321})
        assert reply.header("x-lynkr-estimated") is None
        seen = await theatre["far"].request()
        assert seen.target == path
        sent = json.loads(seen.body)
        assert field in sent
        for word in ("hi ☃", "be brief", "read"):
            assert word in json.dumps(sent, ensure_ascii=False)


async def test_a_provider_that_does_not_know_the_counting_call_costs_an_estimate() -> None:
    async with Theatre({"far": "openai"}) as theatre:
        theatre["far"].reply(replies.sized(b'{"error":{"message":"no"}}', status=404))
        body = {"model": "m", "messages": [{"role": "user", "content": "word " * 100}]}
        reply = await theatre.post("/v1/messages/count_tokens", body)
        assert (reply.status, reply.header("x-lynkr-estimated")) == (200, "true")
        assert 90 < json.loads(reply.body)["input_tokens"] < 140


async def test_a_count_that_fails_says_why() -> None:
    async with Theatre({"far": "gemini"}) as theatre:
        error = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}
        theatre["far"].reply(replies.sized(json.dumps(error).encode(), status=429))
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        reply = await theatre.post("/v1/messages/count_tokens", body)
        assert reply.status == 429
        assert json.loads(reply.body)["error"]["type"] == "rate_limit_error"


async def test_token_counts_are_estimated_and_marked_where_nobody_counts() -> None:
    async with Theatre(other("messages")) as theatre:
        body = {"model": "m", "messages": [{"role": "user", "content": "word " * 100}]}
        reply = await theatre.post("/v1/messages/count_tokens", body)
        assert (reply.status, reply.header("x-lynkr-estimated")) == (200, "true")
        assert 90 < json.loads(reply.body)["input_tokens"] < 140
        assert theatre["far"].requests == []
