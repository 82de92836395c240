"""Tiers in the life of a call: who is routed, what holds for a conversation, what the reply and the
record say."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from lynkr.config.settings import RouteRule, Routing
from tests.gateway.cached import KINDS, PATHS, whole
from tests.harness import replies
from tests.harness.client import Reply
from tests.harness.theatre import Theatre

TIERS = ("simple", "medium", "complex", "reasoning")
HI = "hi, are you there?"
REVIEW = "Now do an architecture review of the routing module."
PROOF = "Prove that any comparison-based sorting algorithm needs n log n comparisons."


def tiers(provider: str = "main", **more: Any) -> Routing:
    return msgspec.convert({tier: f"{provider}:m-{tier}" for tier in TIERS} | more, Routing)


def theatre(api: str = "messages", routing: Routing | None = None, **sections: Any) -> Theatre:
    return Theatre({"main": KINDS[api]}, routing=routing or tiers(), **sections)


def body(
    text: str, *, model: str = "lynkr/auto", api: str = "messages", **more: Any
) -> dict[str, Any]:
    if api == "responses":
        return {"model": model, "input": text, "store": False, **more}
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    return asked | ({"max_tokens": 100} if api == "messages" else {}) | more


async def ask(
    stage: Theatre, sent: dict[str, Any], api: str = "messages", **headers: str
) -> tuple[Reply, str]:
    """The reply, and the model that the provider was asked for."""
    upstream = stage["main"]
    before = len(upstream.requests)
    upstream.reply(whole(api))
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    reply = await stage.post(PATHS[api], sent, pairs)
    got = upstream.requests[before:]
    return reply, json.loads(got[-1].body)["model"] if got else ""


@pytest.mark.parametrize("api", PATHS)
@pytest.mark.parametrize(
    ("text", "tier"), [(HI, "simple"), (REVIEW, "complex"), (PROOF, "reasoning")]
)
async def test_an_ask_goes_to_its_tier(api: str, text: str, tier: str) -> None:
    async with theatre(api) as stage:
        reply, model = await ask(stage, body(text, api=api), api)
        assert reply.status == 200
        assert model == f"m-{tier}"
        assert reply.header("x-lynkr-tier") == tier.upper()
        assert reply.header("x-lynkr-model") == f"m-{tier}"
        reason = reply.header("x-lynkr-route-reason") or ""
        assert reason.startswith(tier.upper()) and reason.isascii() and len(reason) <= 200
        record = await stage.record()
        assert (record.routing.tier, record.routing.reason) == (tier.upper(), reason)
        assert record.routing.score is not None
        assert record.model_asked == "lynkr/auto"


async def test_the_reply_names_the_model_that_was_asked_for() -> None:
    """Clients compare the two."""
    async with theatre() as stage:
        reply, _ = await ask(stage, body(HI))
        assert json.loads(reply.body)["model"] == "lynkr/auto"


async def test_a_model_that_was_chosen_is_respected() -> None:
    async with theatre() as stage:
        reply, model = await ask(stage, body(REVIEW, model="claude-haiku-4-5"))
        assert model == "claude-haiku-4-5"
        assert reply.header("x-lynkr-tier") is None
        assert "by its name" in (reply.header("x-lynkr-route-reason") or "")
        assert (await stage.record()).routing.tier == ""


async def test_a_route_maps_names_to_the_tiers() -> None:
    rules = [RouteRule(model="claude-sonnet-*", targets=["lynkr/auto"]),
             RouteRule(model="claude-haiku-*", targets=["lynkr/simple"])]  # fmt: skip
    async with theatre(routes=rules) as stage:
        assert (await ask(stage, body(REVIEW, model="claude-sonnet-5")))[1] == "m-complex"
        assert (await ask(stage, body(REVIEW, model="claude-haiku-4-5")))[1] == "m-simple"
        assert (await ask(stage, body(REVIEW, model="claude-opus-4-8")))[1] == "claude-opus-4-8"


async def test_a_default_maps_every_name_that_nobody_claims() -> None:
    async with theatre(routing=tiers(default="lynkr/auto")) as stage:
        assert (await ask(stage, body(HI, model="gpt-5.5")))[1] == "m-simple"
        assert (await ask(stage, body(HI, model="main:m-x")))[1] == "m-x"


async def test_a_tier_can_be_asked_for_by_name() -> None:
    async with theatre() as stage:
        for tier in TIERS:
            reply, model = await ask(stage, body(HI, model=f"lynkr/{tier}"))
            assert (model, reply.header("x-lynkr-tier")) == (f"m-{tier}", tier.upper())


async def test_a_tier_can_be_asked_for_by_header_for_any_name() -> None:
    async with theatre() as stage:
        sent = body(HI, model="claude-haiku-4-5")
        reply, model = await ask(stage, sent, x_lynkr_tier="COMPLEX")
        assert (model, reply.header("x-lynkr-tier")) == ("m-complex", "COMPLEX")
        assert (await ask(stage, sent, x_lynkr_tier="auto"))[1] == "m-simple"
        got = stage["main"].requests[-1]
        assert not any(name.lower().startswith("x-lynkr") for name, _ in got.headers)


@pytest.mark.parametrize(
    ("model", "header", "field"),
    [("lynkr/huge", "", "model"), ("claude-haiku-4-5", "HUGE", "x-lynkr-tier")],
)
async def test_a_tier_that_does_not_exist_is_a_clear_error(
    model: str, header: str, field: str
) -> None:
    async with theatre() as stage:
        headers = {"x_lynkr_tier": header} if header else {}
        reply, _ = await ask(stage, body(HI, model=model), **headers)
        assert reply.status == 400
        told = json.loads(reply.body)["error"]["message"]
        assert field in told and "huge" in told.lower() and "reasoning" in told


async def test_without_tiers_their_names_are_a_clear_error() -> None:
    async with theatre(routing=Routing()) as stage:
        reply, _ = await ask(stage, body(HI))
        assert reply.status == 400
        assert "no tiers" in json.loads(reply.body)["error"]["message"]


async def test_passthrough_goes_to_the_model_that_it_names() -> None:
    async with theatre(routing=tiers(default="lynkr/auto")) as stage:
        sent = body(REVIEW, model="claude-haiku-4-5")
        reply, model = await ask(stage, sent, x_lynkr_passthrough="true")
        assert (model, reply.header("x-lynkr-tier")) == ("claude-haiku-4-5", None)


async def test_embeddings_are_not_routed() -> None:
    async with theatre("chat", tiers(default="lynkr/auto")) as stage:
        stage["main"].reply(replies.sized(b'{"object":"list","data":[],"model":"e","usage":{}}'))
        sent = {"model": "text-embedding-3-small", "input": "x"}
        await stage.post("/v1/embeddings", sent)
        assert json.loads(stage["main"].requests[-1].body)["model"] == "text-embedding-3-small"
        reply = await stage.post("/v1/embeddings", {"model": "lynkr/auto", "input": "x"})
        assert reply.status == 400


# --- conversations --------------------------------------------------------------------------------


def turns(*texts: str) -> list[dict[str, Any]]:
    return [
        {"role": "assistant" if number % 2 else "user", "content": text}
        for number, text in enumerate(texts)
    ]


async def test_a_conversation_goes_up_and_stays() -> None:
    """The seed scenario of a trivial opener, a real task after it, and thanks at its end."""
    async with theatre() as stage:
        assert (await ask(stage, body(HI)))[1] == "m-simple"
        opened = turns(HI, "Hi! What do you need?", REVIEW)
        reply, model = await ask(stage, body("", messages=opened))
        assert model == "m-complex"
        assert (await stage.record(1)).routing.moved == "up"
        thanked = [*opened, *turns("", "It is sound.", "thanks!")[1:]]
        reply, model = await ask(stage, body("", messages=thanked))
        assert model == "m-complex"
        assert "pinned" in (reply.header("x-lynkr-route-reason") or "")


async def test_conversations_of_different_keys_and_sub_agents_are_apart() -> None:
    async with theatre() as stage:
        session = {"x_claude_code_session_id": "s-1"}
        assert (await ask(stage, body(REVIEW), **session))[1] == "m-complex"
        agent = {**session, "x_claude_code_agent_id": "a-1"}
        assert (await ask(stage, body("list the files in src/"), **agent))[1] == "m-simple"
        after = turns(REVIEW, "Sound.", "thanks!")
        assert (await ask(stage, body("", messages=after), **session))[1] == "m-complex"
        assert (await ask(stage, body("", messages=after), x_claude_code_session_id="s-2"))[
            1
        ] == "m-simple"


async def test_in_a_tool_exchange_nothing_moves() -> None:
    async with theatre() as stage:
        assert (await ask(stage, body(REVIEW)))[1] == "m-complex"
        exchange = [
            {"role": "user", "content": REVIEW},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "t1", "name": "Read", "input": {"file_path": "a.py"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "x = 1"}]},
        ]  # fmt: skip
        _, model = await ask(stage, body("", messages=exchange))
        assert model == "m-complex"
        record = await stage.record(1)
        assert (record.routing.before, record.routing.tool_results) == ("COMPLEX", 1)


async def test_a_side_call_goes_to_the_simple_tier_and_leaves_no_trace() -> None:
    async with theatre() as stage:
        assert (await ask(stage, body(REVIEW)))[1] == "m-complex"
        guess = turns(REVIEW, "Sound.", "[SUGGESTION MODE: Suggest what the user might type next.]")
        _, model = await ask(stage, body("", messages=guess))
        assert model == "m-simple"
        assert (await stage.record(1)).routing.side == "suggestion"
        after = turns(REVIEW, "Sound.", "thanks!")
        assert (await ask(stage, body("", messages=after)))[1] == "m-complex"


async def test_the_words_of_a_reminder_do_not_count() -> None:
    async with theatre() as stage:
        noise = "<system-reminder>Rotate production credentials; audit auth.</system-reminder>"
        assert (await ask(stage, body(f"17+25\n{noise}")))[1] == "m-simple"


# --- failures, and other dialects -----------------------------------------------------------------


async def test_a_tier_is_a_chain() -> None:
    """The second model of the tier is tried when the first fails; other tiers are not."""
    routing = tiers()
    both = Routing(
        simple=["main:m-simple", "spare:m-spare"], medium=routing.medium,
        complex=routing.complex, reasoning=routing.reasoning,
    )  # fmt: skip
    async with Theatre({"main": "anthropic", "spare": "anthropic"}, routing=both) as stage:
        overloaded = b'{"type":"error","error":{"type":"overloaded_error","message":""}}'
        stage["main"].reply(replies.sized(overloaded, status=529))
        stage["spare"].reply(whole("messages"))
        reply = await stage.post("/v1/messages", body(HI))
        assert (reply.status, reply.header("x-lynkr-model")) == (200, "m-spare")
        assert reply.header("x-lynkr-tier") == "SIMPLE"


async def test_tiers_may_speak_different_dialects() -> None:
    routing = Routing(
        simple="open:m-simple", medium="open:m-medium", complex="main:m-complex",
        reasoning="main:m-reasoning",
    )  # fmt: skip
    async with Theatre(
        {"main": "anthropic", "open": "openai-compatible"}, routing=routing
    ) as stage:
        stage["open"].reply(whole("chat"))
        reply = await stage.post("/v1/messages", body(HI))
        assert reply.status == 200
        assert reply.header("x-lynkr-lane") == "translate"
        assert json.loads(reply.body)["model"] == "lynkr/auto"
        stage["main"].reply(whole("messages"))
        again = await stage.post("/v1/messages", body(REVIEW))
        assert (again.header("x-lynkr-lane"), again.header("x-lynkr-tier")) == ("edit", "COMPLEX")


async def test_googles_dialect_is_routed_too() -> None:
    async with theatre() as stage:
        for text, model in ((HI, "m-simple"), (REVIEW, "m-complex")):
            stage["main"].reply(whole("messages"))
            sent = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
            reply = await stage.post("/v1beta/models/lynkr%2Fauto:generateContent", sent)
            assert reply.status == 200, reply.body
            assert json.loads(stage["main"].requests[-1].body)["model"] == model


async def test_a_broken_body_is_its_senders_fault() -> None:
    async with theatre() as stage:
        reply = await stage.post("/v1beta/models/lynkr%2Fauto:generateContent", {"contents": 7})
        assert reply.status == 400
        assert (await stage.record()).routing.rule == "not_understood"


async def test_counts_go_where_their_conversation_is() -> None:
    async with theatre() as stage:
        assert (await ask(stage, body(REVIEW)))[1] == "m-complex"
        counted = body(REVIEW)
        del counted["max_tokens"]
        stage["main"].reply(replies.sized(b'{"input_tokens":11}'))
        reply = await stage.post("/v1/messages/count_tokens", counted)
        assert reply.status == 200
        assert json.loads(stage["main"].requests[-1].body)["model"] == "m-complex"


async def test_no_word_of_the_users_reaches_the_record() -> None:
    canary = "zebrafinch"
    async with theatre() as stage:
        await ask(stage, body(f"Fix the login bug in src/auth/{canary}.ts and rename {canary}"))
        assert canary not in json.dumps((await stage.record()).routing, default=str)


async def test_a_decision_that_fails_does_not_fail_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("lynkr.gateway.routing.decide", broken)
    async with theatre() as stage:
        reply, model = await ask(stage, body(HI))
        assert (reply.status, model) == (200, "m-medium")
        assert (await stage.record()).routing.rule == "failed"
