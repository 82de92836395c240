"""Side calls that the gateway answers itself, where the configuration says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.config.settings import Routing
from tests.gateway.cached import whole
from tests.gateway.test_routing import TIERS
from tests.harness.theatre import Theatre

TITLE = "Generate a concise, sentence-case title (3-7 words) that captures the main topic."
SCHEMA = {
    "type": "json_schema",
    "schema": {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
        "additionalProperties": False,
    },
}
QUOTA = {
    "model": "claude-haiku-4-5", "max_tokens": 1,
    "messages": [{"role": "user", "content": "quota"}],
}  # fmt: skip


def title(text: str, **more: Any) -> dict[str, Any]:
    return {
        "model": "claude-haiku-4-5", "max_tokens": 200,
        "system": [{"type": "text", "text": TITLE}],
        "messages": [{"role": "user", "content": text}],
        "output_config": {"format": SCHEMA}, **more,
    }  # fmt: skip


def staged(**routing: Any) -> Theatre:
    return Theatre({"main": "anthropic"}, routing=Routing(answer_side_calls=True, **routing))


@pytest.mark.parametrize("tiered", [False, True])
async def test_a_title_is_made_here(tiered: bool) -> None:
    more = {tier: f"main:m-{tier}" for tier in TIERS} if tiered else {}
    async with staged(**more) as stage:
        reply = await stage.post("/v1/messages", title("fix the date picker in the booking form"))
        assert reply.status == 200
        said = json.loads(reply.body)
        assert list(json.loads(said["content"][0]["text"])) == ["title"]
        assert said["model"] == "claude-haiku-4-5"
        assert reply.header("x-lynkr-lane") == "local"
        assert reply.header("x-lynkr-provider") == "lynkr"
        assert stage["main"].requests == []
        record = await stage.record()
        assert (record.lane, record.status, record.attempts) == ("local", 200, 0)


async def test_a_streamed_title_is_a_stream() -> None:
    async with staged() as stage:
        reply = await stage.post("/v1/messages", title("fix the date picker", stream=True))
        assert (reply.header("content-type") or "").startswith("text/event-stream")
        assert b"event: message_stop" in reply.body
        assert stage["main"].requests == []


async def test_a_probe_is_answered() -> None:
    async with staged() as stage:
        reply = await stage.post("/v1/messages", QUOTA)
        assert (reply.status, stage["main"].requests) == (200, [])
        assert json.loads(reply.body)["stop_reason"] == "max_tokens"


async def test_it_is_off_unless_it_is_switched_on() -> None:
    async with Theatre({"main": "anthropic"}) as stage:
        stage["main"].reply(whole("messages"))
        reply = await stage.post("/v1/messages", QUOTA)
        assert reply.header("x-lynkr-lane") == "splice"
        assert len(stage["main"].requests) == 1


async def test_passthrough_and_real_questions_go_to_the_provider() -> None:
    async with staged() as stage:
        stage["main"].reply(whole("messages"))
        await stage.post("/v1/messages", QUOTA, [("x-lynkr-passthrough", "true")])
        stage["main"].reply(whole("messages"))
        await stage.post("/v1/messages", {**QUOTA, "messages": [
            {"role": "user", "content": "what is a quota?"}]})  # fmt: skip
        assert len(stage["main"].requests) == 2
