"""A target that fails before its first byte is followed by the next of its chain, and by nothing
that the configuration does not list."""

from __future__ import annotations

import msgspec
import pytest

from lynkr.config.settings import Failover, RouteRule, Routing
from tests.harness import replies
from tests.harness.client import request
from tests.harness.theatre import Theatre
from tests.harness.upstream import Close, Reset, Script, Send, Stall

MESSAGES = {"model": "claude-x", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
OVERLOADED = msgspec.json.encode(
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
)
MESSAGE = msgspec.json.encode(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
)
COMPLETION = msgspec.json.encode(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hello from chat"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
)
ALWAYS = Script((Send(replies.sized(MESSAGE)),))
TWO: dict[str, str | dict[str, object]] = {"one": "anthropic", "two": "anthropic"}
CHAIN = {"routing": Routing(default="one", fallbacks=["two"])}


def failing(status: int, body: bytes = OVERLOADED, *headers: tuple[str, str]) -> bytes:
    return replies.sized(body, status=status, headers=[*replies.JSON, *headers])


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529, 401, 403])
async def test_what_another_target_could_answer_goes_to_it(status: int) -> None:
    """The second target gets the client's own bytes; the client sees only its reply."""
    async with Theatre(TWO, **CHAIN) as theatre:
        theatre["one"].reply(failing(status))
        theatre["two"].reply(replies.sized(MESSAGE))
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert (reply.status, reply.body) == (200, MESSAGE)
        assert reply.header("x-lynkr-provider") == "two"
        first, second = await theatre["one"].request(), await theatre["two"].request()
        assert first.body == second.body == msgspec.json.encode(MESSAGES)
        assert ("x-api-key", "sk-two") in [(n.lower(), v) for n, v in second.headers]
        record = await theatre.record()
        assert record.failed_over == ["one"]
        assert (record.provider, record.attempts, record.status) == ("two", 2, 200)


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_the_requests_own_fault_passes_unchanged(status: int) -> None:
    async with Theatre(TWO, **CHAIN) as theatre:
        theatre["one"].reply(failing(status))
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert (reply.status, reply.body) == (status, OVERLOADED)
        assert theatre["two"].requests == []


@pytest.mark.parametrize("step", [Reset(), Close()], ids=repr)
async def test_a_connection_that_breaks_before_its_first_byte_goes_on_too(
    step: Reset | Close,
) -> None:
    async with Theatre(TWO, **CHAIN) as theatre:
        theatre["one"].script(step)
        theatre["two"].reply(replies.sized(MESSAGE))
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert (reply.status, reply.header("x-lynkr-provider")) == (200, "two")


async def test_a_provider_that_is_not_there_goes_on_too() -> None:
    tables: dict[str, str | dict[str, object]] = {
        "one": {"kind": "anthropic", "base_url": "http://127.0.0.1:9"},
        "two": "anthropic",
    }
    async with Theatre(tables, **CHAIN) as theatre:
        theatre["two"].reply(replies.sized(MESSAGE))
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert (reply.status, reply.header("x-lynkr-provider")) == (200, "two")


async def test_after_the_first_byte_nothing_is_sent_again() -> None:
    async with Theatre(TWO, **CHAIN) as theatre:
        theatre["one"].script(Send(replies.sized(MESSAGE)[:-20]), Reset())
        async with await theatre.connect() as client:
            client.send(request("/v1/messages", msgspec.json.encode(MESSAGES)))
            await client.ended()
        assert theatre["two"].requests == []
        assert (await theatre.record()).ended_by == "upstream"


async def test_the_last_targets_error_is_the_clients() -> None:
    async with Theatre(TWO, **CHAIN) as theatre:
        theatre["one"].reply(failing(529))
        theatre["two"].reply(failing(503, b"<html>busy</html>", ("retry-after", "7")))
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert (reply.status, reply.body) == (503, b"<html>busy</html>")
        assert reply.header("retry-after") == "7"
        assert reply.header("x-lynkr-provider") == "two"


async def test_without_a_chain_the_error_passes_and_nothing_is_tried_again() -> None:
    async with Theatre({"one": "anthropic", "two": "anthropic"}) as theatre:
        theatre["one"].reply(failing(529))
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert (reply.status, reply.body) == (529, OVERLOADED)
        assert len(theatre["one"].requests) == 1
        assert theatre["two"].requests == []


async def test_a_chain_may_cross_formats() -> None:
    """A Messages call whose Anthropic target fails is answered by a Chat provider, in Messages."""
    tables: dict[str, str | dict[str, object]] = {"one": "anthropic", "two": "openai-compatible"}
    routes = [RouteRule(model="claude-*", targets=["one", "two:gpt-x"])]
    async with Theatre(tables, routes=routes) as theatre:
        theatre["one"].reply(failing(529))
        theatre["two"].reply(replies.sized(COMPLETION))
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert reply.status == 200
        answer = msgspec.json.decode(reply.body)
        assert answer["content"] == [{"type": "text", "text": "hello from chat"}]
        assert answer["model"] == "claude-x"
        assert reply.header("x-lynkr-lane") == "translate"
        sent = msgspec.json.decode((await theatre["two"].request()).body)
        assert sent["model"] == "gpt-x"


async def test_a_route_names_its_own_chain_and_models() -> None:
    routes = [RouteRule(model="claude-*", targets=["two:claude-y", "one:claude-z"])]
    async with Theatre(TWO, routes=routes) as theatre:
        theatre["two"].reply(failing(500))
        theatre["one"].reply(replies.sized(MESSAGE.replace(b"claude-x", b"claude-z")))
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert reply.body == MESSAGE  # with the name that was asked for
        assert b'"claude-y"' in (await theatre["two"].request()).body
        assert b'"claude-z"' in (await theatre["one"].request()).body


async def test_a_target_that_cannot_carry_the_request_is_passed_over() -> None:
    """The first one's own error is better than a complaint of the second's."""
    tables: dict[str, str | dict[str, object]] = {"one": "anthropic", "two": "openai-compatible"}
    body = {**MESSAGES, "mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}
    async with Theatre(tables, **CHAIN) as theatre:
        theatre["one"].reply(failing(529))
        reply = await theatre.post("/v1/messages", body)
        assert (reply.status, reply.body) == (529, OVERLOADED)
        assert theatre["two"].requests == []


# --- the circuit breaker --------------------------------------------------------------------------


async def test_the_breaker_opens_after_so_many_server_errors() -> None:
    failover = Failover(breaker_failures=3, breaker_open_s=60)
    async with Theatre({"one": "anthropic"}, failover=failover) as theatre:
        for _ in range(3):
            theatre["one"].reply(failing(500))
            assert (await theatre.post("/v1/messages", MESSAGES)).status == 500
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert (reply.status, reply.header("x-lynkr-error")) == (503, "circuit_open")
        assert 0 < int(reply.header("retry-after") or 0) <= 60
        assert len(theatre["one"].requests) == 3


async def test_an_open_breaker_sends_calls_to_the_next_target_at_once() -> None:
    chain = {**CHAIN, "failover": Failover(breaker_failures=1, breaker_open_s=60)}
    async with Theatre(TWO, **chain) as theatre:
        theatre["one"].reply(failing(500))
        theatre["two"].otherwise = ALWAYS
        for _ in range(3):
            reply = await theatre.post("/v1/messages", MESSAGES)
            assert (reply.status, reply.header("x-lynkr-provider")) == (200, "two")
        assert len(theatre["one"].requests) == 1
        assert (await theatre.record(2)).failed_over == []


async def test_half_open_a_good_reply_closes_it() -> None:
    failover = Failover(breaker_failures=1, breaker_open_s=1e-9)
    async with Theatre({"one": "anthropic"}, failover=failover) as theatre:
        theatre["one"].reply(failing(500))
        assert (await theatre.post("/v1/messages", MESSAGES)).status == 500
        theatre["one"].otherwise = ALWAYS
        statuses = {(await theatre.post("/v1/messages", MESSAGES)).status for _ in range(20)}
        assert 200 in statuses
        breaker = theatre.gateway.rules.standing.breaker("one", "claude-x", failover)
        assert breaker.state(0.0) == "closed"


async def test_clients_mistakes_do_not_open_it() -> None:
    failover = Failover(breaker_failures=1)
    async with Theatre({"one": "anthropic"}, failover=failover) as theatre:
        for status in (400, 401, 404, 413, 429):
            theatre["one"].reply(failing(status))
            assert (await theatre.post("/v1/messages", MESSAGES)).status == status


# --- pooled keys, retries -------------------------------------------------------------------------


def key_of(headers: list[tuple[str, str]]) -> str:
    return next(value for name, value in headers if name.lower() == "x-api-key")


async def test_pooled_keys_keep_a_session_and_step_in_for_a_refused_one() -> None:
    keys = [f"sk-{number}" for number in range(4)]
    tables: dict[str, str | dict[str, object]] = {"one": {"kind": "anthropic", "api_keys": keys}}
    async with Theatre(tables) as theatre:
        theatre["one"].otherwise = ALWAYS
        for session in ("a", "b", "c", "d", "e", "f", "g", "h"):
            headers = [("x-claude-code-session-id", session)]
            for _ in range(2):
                await theatre.post("/v1/messages", MESSAGES, headers)
        used = [key_of(seen.headers) for seen in theatre["one"].requests]
        assert used[0::2] == used[1::2]
        assert len(set(used)) > 1
        theatre["one"].reply(failing(429, OVERLOADED, ("retry-after", "30")))
        reply = await theatre.post("/v1/messages", MESSAGES, [("x-claude-code-session-id", "a")])
        assert reply.status == 200
        refused, instead = (key_of(seen.headers) for seen in theatre["one"].requests[-2:])
        assert refused == used[0] != instead
        await theatre.post("/v1/messages", MESSAGES, [("x-claude-code-session-id", "a")])
        assert key_of(theatre["one"].requests[-1].headers) == instead


async def test_the_same_target_is_tried_again_only_where_the_configuration_says_so() -> None:
    failover = Failover(retries_max=1, breaker_failures=0)
    async with Theatre({"one": "anthropic"}, failover=failover) as theatre:
        theatre["one"].reply(failing(503, OVERLOADED, ("retry-after", "0")))
        theatre["one"].reply(replies.sized(MESSAGE))
        assert (await theatre.post("/v1/messages", MESSAGES)).status == 200
        for _ in range(2):
            theatre["one"].reply(failing(503, OVERLOADED, ("retry-after", "0")))
        assert (await theatre.post("/v1/messages", MESSAGES)).status == 503
        theatre["one"].reply(failing(503, OVERLOADED, ("retry-after", "3600")))
        assert (await theatre.post("/v1/messages", MESSAGES)).status == 503
        assert len(theatre["one"].requests) == 5


async def test_a_client_that_leaves_during_the_wait_ends_the_call() -> None:
    failover = Failover(retries_max=1, breaker_failures=0)
    async with Theatre({"one": "anthropic"}, failover=failover) as theatre:
        theatre["one"].reply(failing(503, OVERLOADED, ("retry-after", "9")))
        async with await theatre.connect() as client:
            client.send(request("/v1/messages", msgspec.json.encode(MESSAGES)))
            await theatre["one"].request()
            await theatre["one"].ended()
        record = await theatre.record()
        assert record.ended_by == "client"
        assert len(theatre["one"].requests) == 1


async def test_a_conversation_comes_back_to_the_provider_that_did_not_think_last() -> None:
    """What the other one thought is sealed for it alone; the first would refuse it."""
    tables: dict[str, str | dict[str, object]] = {"one": "anthropic", "two": "openai-compatible"}
    sealed = "lynkr1.openai_chat.e30"
    history = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": sealed},
                {"type": "text", "text": "hello"},
            ],
        },
        {"role": "user", "content": "again"},
    ]
    body = {**MESSAGES, "messages": history, "future_field": {"x": [1]}}
    async with Theatre(tables, **CHAIN) as theatre:
        theatre["one"].reply(replies.sized(MESSAGE))
        reply = await theatre.post("/v1/messages", body)
        assert reply.status == 200
        assert (reply.header("x-lynkr-lane"), reply.header("x-lynkr-dropped")) == (
            "edit",
            "thinking",
        )
        sent = msgspec.json.decode((await theatre["one"].request()).body)
        assert sent["messages"][1]["content"] == [{"type": "text", "text": "hello"}]
        assert {k: v for k, v in sent.items() if k != "messages"} == {
            k: v for k, v in body.items() if k != "messages"
        }


async def test_a_probe_that_ends_without_an_outcome_leaves_room_for_the_next() -> None:
    """A client that leaves while the breaker waits for its call must not shut it for good."""
    failover = Failover(breaker_failures=1, breaker_open_s=1e-9)
    async with Theatre({"one": "anthropic"}, failover=failover) as theatre:
        theatre["one"].reply(failing(500))
        assert (await theatre.post("/v1/messages", MESSAGES)).status == 500
        theatre["one"].script(Stall())
        async with await theatre.connect() as client:
            client.send(request("/v1/messages", msgspec.json.encode(MESSAGES)))
            await theatre["one"].request(1)
        assert (await theatre.record(1)).ended_by == "client"
        theatre["one"].reply(replies.sized(MESSAGE))
        assert (await theatre.post("/v1/messages", MESSAGES)).status == 200


async def test_replies_that_begin_well_and_break_open_it_too() -> None:
    failover = Failover(breaker_failures=2, breaker_open_s=60)
    async with Theatre({"one": "anthropic"}, failover=failover) as theatre:
        for _ in range(2):
            theatre["one"].script(Send(replies.sized(MESSAGE)[:-20]), Reset())
            assert not (await theatre.post("/v1/messages", MESSAGES)).clean_end
        reply = await theatre.post("/v1/messages", MESSAGES)
        assert (reply.status, reply.header("x-lynkr-error")) == (503, "circuit_open")
