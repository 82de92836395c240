"""A call that a tier sends to another model is fitted to it; one that was not sent elsewhere is
the provider's to judge."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.config.settings import Routing
from tests.gateway.cached import KINDS, PATHS, whole
from tests.harness import replies
from tests.harness.client import Reply
from tests.harness.theatre import Theatre

HAIKU, OPUS = "claude-haiku-4-5", "claude-opus-4-8"
SMALL = {"messages": HAIKU, "chat": "gpt-4.1", "responses": "gpt-4.1"}
ASKED: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 32_000, "thinking": {"type": "adaptive"},
                 "output_config": {"effort": "low"}},
    "chat": {"reasoning_effort": "high", "verbosity": "low"},
    "responses": {"reasoning": {"effort": "high"}, "include": ["reasoning.encrypted_content"]},
}  # fmt: skip
LEFT: dict[str, dict[str, Any]] = {
    "messages": {"max_tokens": 32_000, "thinking": {"type": "enabled", "budget_tokens": 2_048}},
    "chat": {},
    "responses": {},
}
DROPPED = {
    "messages": "output_config.effort, thinking",
    "chat": "reasoning_effort, verbosity",
    "responses": "reasoning, include",
}


# A result that a lossless pass makes smaller, of a call that came of no thinking.
RESULT = json.dumps([{"name": f"file {number}.py", "size": number} for number in range(99)])
UNSIGNED: list[dict[str, Any]] = [
    {"role": "user", "content": "Look into it."},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "L", "input": {}}]},
    {"role": "user",
     "content": [{"type": "tool_result", "tool_use_id": "t", "content": RESULT}]},
]  # fmt: skip


def theatre(api: str, model: str, *others: str) -> Theatre:
    target = f"main:{model}"
    routing = Routing(simple=target, medium=target, complex=target, reasoning=target)
    return Theatre({"main": KINDS[api], **dict.fromkeys(others, KINDS[api])}, routing=routing)


def body(api: str, model: str = "lynkr/auto") -> dict[str, Any]:
    said: Any = [{"role": "user", "content": "hi, are you there?"}]
    return {"model": model, "input" if api == "responses" else "messages": said, **ASKED[api]}


async def ask(stage: Theatre, api: str, sent: dict[str, Any]) -> tuple[Reply, dict[str, Any]]:
    stage["main"].reply(whole(api))
    reply = await stage.post(PATHS[api], sent)
    return reply, json.loads(stage["main"].requests[-1].body)


@pytest.mark.parametrize("api", PATHS)
async def test_another_model_gets_what_it_takes(api: str) -> None:
    async with theatre(api, SMALL[api]) as stage:
        sent = body(api)
        reply, got = await ask(stage, api, sent)
        assert reply.header("x-lynkr-dropped") == DROPPED[api]
        assert reply.header("x-lynkr-lane") == "edit"
        assert got["model"] == SMALL[api]
        settings = {name: got[name] for name in (*ASKED[api], *LEFT[api]) if name in got}
        assert settings == LEFT[api]


async def test_a_body_that_a_pass_has_made_smaller_is_fitted_too() -> None:
    async with theatre("messages", HAIKU) as stage:
        reply, got = await ask(stage, "messages", {**body("messages"), "messages": UNSIGNED})
        assert int(reply.header("x-lynkr-tokens-saved") or 0) > 100
        assert reply.header("x-lynkr-dropped") == DROPPED["messages"]
        assert not {"thinking", "output_config"} & set(got)
        assert got["messages"][:2] == UNSIGNED[:2]


async def test_a_body_without_anothers_thinking_is_fitted_as_it_is_then() -> None:
    """The seal that the call came with is another provider's, and is gone."""
    thought = {"type": "thinking", "thinking": "hm", "signature": "lynkr1.openai_chat.e30"}
    call = {"role": "assistant", "content": [thought, *UNSIGNED[1]["content"]]}
    sent = body("messages") | {"messages": [UNSIGNED[0], call, UNSIGNED[2]]}
    del sent["output_config"]
    sent["thinking"] = {"type": "enabled", "budget_tokens": 2_048}
    async with theatre("messages", HAIKU, "other") as stage:
        reply, got = await ask(stage, "messages", sent)
        assert reply.header("x-lynkr-dropped") == "thinking"
        assert "thinking" not in got
        assert got["messages"][1] == UNSIGNED[1]


async def test_a_count_of_tokens_is_of_the_fitted_body() -> None:
    async with theatre("messages", HAIKU) as stage:
        stage["main"].reply(whole("messages"))
        sent = body("messages")
        del sent["max_tokens"]
        await stage.post("/v1/messages/count_tokens", sent)
        got = json.loads(stage["main"].requests[-1].body)
        assert set(got) == {"model", "messages"}
        assert got["model"] == HAIKU


async def test_what_the_model_takes_is_not_touched() -> None:
    async with theatre("messages", OPUS) as stage:
        reply, got = await ask(stage, "messages", body("messages"))
        assert reply.header("x-lynkr-dropped") is None
        assert got == {**body("messages"), "model": OPUS}


@pytest.mark.parametrize("model", [HAIKU, f"main:{HAIKU}"])
async def test_who_asks_for_a_model_by_its_name_is_taken_at_his_word(model: str) -> None:
    async with theatre("messages", HAIKU) as stage:
        reply, got = await ask(stage, "messages", body("messages", model))
        assert reply.header("x-lynkr-dropped") is None
        assert got == {**body("messages"), "model": HAIKU}


async def test_of_a_model_that_nobody_knows_nothing_is_assumed() -> None:
    async with theatre("messages", "house-model") as stage:
        reply, got = await ask(stage, "messages", body("messages"))
        assert reply.header("x-lynkr-dropped") is None
        assert got == {**body("messages"), "model": "house-model"}


async def test_after_a_failure_another_model_gets_what_it_takes() -> None:
    """Without tiers: a fallback of the configuration is not what the client worded its call for."""
    routing = Routing(fallbacks=[f"spare:{HAIKU}"])
    async with Theatre({"main": "anthropic", "spare": "anthropic"}, routing=routing) as stage:
        overloaded = b'{"type":"error","error":{"type":"overloaded_error","message":""}}'
        stage["main"].reply(replies.sized(overloaded, status=529))
        stage["spare"].reply(whole("messages"))
        reply = await stage.post(PATHS["messages"], body("messages", OPUS))
        first, second = (json.loads(stage[name].requests[0].body) for name in ("main", "spare"))
        assert first["thinking"] == {"type": "adaptive"}
        assert second["thinking"]["type"] == "enabled"
        assert "output_config" not in second
        assert reply.header("x-lynkr-dropped") == DROPPED["messages"]
