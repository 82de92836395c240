"""The cascade: an answer of bad form is asked again one tier up; a good one passes as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.config.settings import Cache, Routing
from tests.gateway.cached import KINDS, PATHS, asks, whole
from tests.gateway.test_routing import TIERS, tiers
from tests.harness import replies
from tests.harness.client import Reply
from tests.harness.theatre import Theatre

QUESTION = "what does HTTP 418 mean"


def staged(api: str = "messages", **more: Any) -> Theatre:
    return Theatre({"main": KINDS[api]}, routing=tiers(cascade=True), **more)


async def ask(stage: Theatre, api: str, *answers: bytes, **more: Any) -> tuple[Reply, list[str]]:
    """The reply, and the models that were asked for it."""
    upstream = stage["main"]
    before = len(upstream.requests)
    for answer in answers:
        upstream.reply(answer)
    reply = await stage.post(PATHS[api], asks(api, QUESTION, **{"model": "lynkr/auto", **more}))
    return reply, [json.loads(one.body)["model"] for one in upstream.requests[before:]]


@pytest.mark.parametrize("api", PATHS)
async def test_a_good_answer_passes_as_it_came(api: str) -> None:
    """Byte for byte but for the model's name."""
    async with staged(api) as stage:
        answer = whole(api, "It means that the server is a teapot.")
        reply, models = await ask(stage, api, answer)
        assert models == ["m-simple"]
        sent = answer.partition(b"\r\n\r\n")[2] if answer.startswith(b"HTTP") else answer
        assert reply.body == sent.replace(b'"m-1"', b'"lynkr/auto"')
        record = await stage.record()
        assert record.usage.output_tokens == 7
        assert record.routing.tier == "SIMPLE"


@pytest.mark.parametrize("api", PATHS)
async def test_an_empty_answer_is_asked_again_a_tier_up(api: str) -> None:
    async with staged(api) as stage:
        reply, models = await ask(stage, api, whole(api, ""), whole(api, "A teapot."))
        assert models == ["m-simple", "m-medium"]
        assert b"A teapot." in reply.body
        assert reply.header("x-lynkr-tier") == "MEDIUM"
        assert reply.header("x-lynkr-model") == "m-medium"
        assert "empty" in (reply.header("x-lynkr-route-reason") or "")
        record = await stage.record()
        assert (record.routing.rule, record.model, record.attempts) == ("cascade", "m-medium", 2)


async def test_the_last_tiers_answer_passes_whatever_it_is() -> None:
    async with staged() as stage:
        empty = whole("messages", "")
        reply, models = await ask(stage, "messages", empty, empty, empty, empty)
        assert models == [f"m-{tier}" for tier in TIERS]
        assert reply.status == 200
        assert reply.header("x-lynkr-tier") == "REASONING"
        sent = json.loads(empty.split(b"\r\n\r\n")[-1])
        assert json.loads(reply.body)["content"] == sent["content"]


async def test_both_answers_are_billed() -> None:
    routing = Routing(
        simple="main:claude-haiku-4-5", medium="main:claude-sonnet-4-5",
        complex="main:claude-sonnet-4-5", reasoning="main:claude-opus-4-8", cascade=True,
    )  # fmt: skip
    async with Theatre({"main": "anthropic"}, routing=routing) as stage:
        await ask(stage, "messages", whole("messages", ""), whole("messages", "A teapot."))
        saving = (await stage.record()).saving
        # 11 tokens in and 7 out, at 1 and 5 dollars per million, then at 3 and 15.
        assert saving.usd == pytest.approx((11 + 35 + 33 + 105) / 1e6)
        assert saving.passthrough_usd == pytest.approx((33 + 105) / 1e6)


async def test_what_is_not_a_single_question_passes_at_once() -> None:
    tool = {"name": "Read", "description": "", "input_schema": {"type": "object"}}
    async with staged() as stage:
        for more in ({"tools": [tool]}, {"model": "lynkr/simple"}):
            reply, models = await ask(stage, "messages", whole("messages", ""), **more)
            assert (reply.status, models) == (200, ["m-simple"])


async def test_it_is_off_unless_it_is_switched_on() -> None:
    async with Theatre({"main": "anthropic"}, routing=tiers()) as stage:
        _, models = await ask(stage, "messages", whole("messages", ""))
        assert models == ["m-simple"]


async def test_an_error_is_passed_and_not_climbed_from() -> None:
    async with staged() as stage:
        wrong = b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'
        stage["main"].reply(replies.sized(wrong, status=400))
        reply, models = await ask(stage, "messages")
        assert (reply.status, models) == (400, ["m-simple"])
        assert b"no" in reply.body


async def test_a_translated_answer_is_looked_at_too() -> None:
    routing = tiers("open", cascade=True)
    async with Theatre({"open": "openai-compatible"}, routing=routing) as stage:
        stage["open"].reply(whole("chat", ""))
        stage["open"].reply(whole("chat", "A teapot."))
        reply = await stage.post(PATHS["messages"], asks("messages", QUESTION, model="lynkr/auto"))
        models = [json.loads(one.body)["model"] for one in stage["open"].requests]
        assert models == ["m-simple", "m-medium"]
        assert json.loads(reply.body)["content"][0]["text"] == "A teapot."
        assert reply.header("x-lynkr-tier") == "MEDIUM"


async def test_a_climbed_answer_is_not_kept_as_the_lower_models() -> None:
    async with staged(cache=Cache(mode="exact")) as stage:
        api = "messages"
        await ask(stage, api, whole(api, ""), whole(api, "A teapot."))
        reply, models = await ask(stage, api, whole(api, "A teapot again."))
        assert models == ["m-simple"]
        reply, models = await ask(stage, api)
        assert (reply.header("x-lynkr-cache"), models) == ("hit", [])
        assert b"again" in reply.body
