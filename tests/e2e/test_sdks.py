"""The official Python SDKs as clients: what they make of the gateway's replies and errors.

Each test runs with the blocking and the asynchronous client. They speak to the built-in demo, and
to a scripted upstream where an error or a broken stream is wanted.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pytest

from lynkr.config.settings import TIER_NAMES, Auth, Key, Provider, Settings
from tests.e2e.gateway_in_process import Running, running
from tests.harness import replies
from tests.harness.upstream import Close, ScriptedUpstream, Send, Wait

MODEL = "lynkr-demo"
MODELS = [MODEL, *(f"{MODEL}-{tier}" for tier in TIER_NAMES)]
ASKED = [{"role": "user", "content": "What is the weather in Ljubljana?"}]
QUESTION = {"model": MODEL, "messages": ASKED}
SCHEMA: dict[str, object] = {"type": "object", "properties": {"city": {}}, "required": ["city"]}

ANTHROPIC = [anthropic.Anthropic, anthropic.AsyncAnthropic]
OPENAI = [openai.OpenAI, openai.AsyncOpenAI]


def question(kind: Callable[..., Any], sdk: Any) -> Callable[..., Any]:
    """The client's plainest call, ready to be made."""
    if kind in OPENAI:
        return functools.partial(sdk.chat.completions.create, **QUESTION)
    return functools.partial(sdk.messages.create, max_tokens=9, **QUESTION)


def errors_of(kind: Callable[..., Any]) -> Any:
    """The module with the client's exceptions."""
    return openai if kind in OPENAI else anthropic


def provider_of(kind: Callable[..., Any]) -> str:
    return "openai" if kind in OPENAI else "anthropic"


@asynccontextmanager
async def client(
    kind: Callable[..., Any], gateway: Running, retries: int = 0
) -> AsyncIterator[Any]:
    root = "/v1" if kind in OPENAI else ""
    made = kind(api_key="client-key", base_url=gateway.base_url + root, max_retries=retries)
    try:
        yield made
    finally:
        await done(made.close)


async def done(call: Callable[..., Any], *given: object, **arguments: object) -> Any:
    """The result of an SDK's method. A blocking one runs beside the loop that serves it."""
    result = await asyncio.to_thread(call, *given, **arguments)
    return await result if inspect.isawaitable(result) else result


async def items(stream: Any) -> list[Any]:
    """Everything in a stream or a page, of either kind."""
    if hasattr(stream, "__aiter__"):
        return [item async for item in stream]
    return await asyncio.to_thread(list, stream)


@asynccontextmanager
async def scripted(kind: str) -> AsyncIterator[tuple[ScriptedUpstream, Running]]:
    async with ScriptedUpstream() as upstream:
        there = Provider(kind=kind, base_url=upstream.base_url, api_key="upstream-key")
        async with running({"main": there}) as gateway:
            yield upstream, gateway


# --- Anthropic, on the demo -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ANTHROPIC)
async def test_messages_whole_and_streamed_agree(kind: Callable[..., Any]) -> None:
    async with running() as gateway, client(kind, gateway) as sdk:
        whole = await done(sdk.messages.create, max_tokens=20, **QUESTION)
        events = await items(
            await done(sdk.messages.create, max_tokens=20, stream=True, **QUESTION)
        )
        records = [await gateway.record(0), await gateway.record(1)]
    assert (whole.model, whole.role, whole.stop_reason) == (MODEL, "assistant", "max_tokens")
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    assert "".join(delta.text for delta in deltas) == whole.content[0].text
    assert events[0].message.model == MODEL
    assert events[-2].delta.stop_reason == "max_tokens"
    assert events[-2].usage.output_tokens == whole.usage.output_tokens == 20
    for record in records:
        assert (record.lane, record.status, record.ended_by) == ("splice", 200, "complete")
        assert record.usage.input_tokens == whole.usage.input_tokens
        assert record.usage.output_tokens == 20
    assert [record.stream for record in records] == [False, True]


@pytest.mark.parametrize("kind", ANTHROPIC)
async def test_messages_tool_round(kind: Callable[..., Any]) -> None:
    tools = [{"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}]
    asked = {"max_tokens": 1000, "model": MODEL, "tools": tools}
    async with running() as gateway, client(kind, gateway) as sdk:
        first = await done(
            sdk.messages.create, messages=ASKED, tool_choice={"type": "any"}, **asked
        )
        (call,) = [block for block in first.content if block.type == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "4 degrees ☃"}
        history = [
            *ASKED,
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [result]},
        ]
        second = await done(sdk.messages.create, messages=history, **asked)
    assert first.stop_reason == "tool_use"
    assert (call.name, list(call.input)) == ("get_weather", ["city"])
    assert second.stop_reason == "end_turn"
    assert "4 degrees ☃" in second.content[0].text


@pytest.mark.parametrize("kind", ANTHROPIC)
async def test_count_tokens_and_models(kind: Callable[..., Any]) -> None:
    async with running() as gateway, client(kind, gateway) as sdk:
        count = await done(sdk.messages.count_tokens, **QUESTION)
        reply = await done(sdk.messages.create, max_tokens=1, **QUESTION)
        listed = await items(await done(sdk.models.list, limit=1))
        one = await done(sdk.models.retrieve, MODEL)
        with pytest.raises(anthropic.NotFoundError):
            await done(sdk.models.retrieve, "no-such-model")
    assert count.input_tokens == reply.usage.input_tokens > 0
    assert [model.id for model in listed] == MODELS
    assert (one.id, one.type) == (MODEL, "model")


async def test_messages_stream_helpers() -> None:
    """The layer that most programs use: it builds the message from the events."""
    tools: list[anthropic.types.ToolParam] = [
        {"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}
    ]
    asked: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Use get_weather"}]
    choice: anthropic.types.ToolChoiceAnyParam = {"type": "any"}

    def blocking(base_url: str) -> anthropic.types.Message:
        with (
            anthropic.Anthropic(api_key="client-key", base_url=base_url) as sdk,
            sdk.messages.stream(
                model=MODEL, max_tokens=1000, messages=asked, tools=tools, tool_choice=choice
            ) as stream,
        ):
            return stream.get_final_message()

    async with running() as gateway:
        first = await asyncio.to_thread(blocking, gateway.base_url)
        async with (
            anthropic.AsyncAnthropic(api_key="client-key", base_url=gateway.base_url) as sdk,
            sdk.messages.stream(
                model=MODEL, max_tokens=1000, messages=asked, tools=tools, tool_choice=choice
            ) as stream,
        ):
            second = await stream.get_final_message()
    for message in (first, second):
        assert message.stop_reason == "tool_use"
        call = message.content[-1]
        assert call.type == "tool_use"
        assert list(call.input) == ["city"]
        assert message.usage.output_tokens > 1


@pytest.mark.parametrize("kind", ANTHROPIC)
async def test_beta_calls_keep_query_and_header(kind: Callable[..., Any]) -> None:
    reply = {"id": "m", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    usage = {"input_tokens": 1, "output_tokens": 1}
    body = json.dumps({**reply, "stop_reason": "end_turn", "usage": usage}).encode()
    asked = {"max_tokens": 1, "extra_query": {"beta": "true", "a": "%2F b"}, **QUESTION}
    async with scripted("anthropic") as (upstream, gateway), client(kind, gateway) as sdk:
        upstream.reply(replies.sized(body))
        await done(sdk.beta.messages.create, betas=["one-beta", "two-beta"], **asked)
        seen = await upstream.request()
    assert seen.target == "/v1/messages?beta=true&a=%252F%20b"
    assert seen.head.value("anthropic-beta") == "one-beta,two-beta"
    assert seen.head.values("x-api-key") == ["upstream-key"]


# --- OpenAI, on the demo ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", OPENAI)
async def test_chat_whole_and_streamed_agree(kind: Callable[..., Any]) -> None:
    asked = {"max_completion_tokens": 20, **QUESTION}
    async with running() as gateway, client(kind, gateway) as sdk:
        whole = await done(sdk.chat.completions.create, **asked)
        options = {"include_usage": True}
        chunks = await items(
            await done(sdk.chat.completions.create, stream=True, stream_options=options, **asked)
        )
        records = [await gateway.record(0), await gateway.record(1)]
    assert (whole.model, whole.choices[0].finish_reason) == (MODEL, "length")
    deltas = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(deltas) == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens == 20
    for record in records:
        assert (record.lane, record.status, record.ended_by) == ("splice", 200, "complete")
        assert record.usage.input_tokens == whole.usage.prompt_tokens
        assert record.usage.output_tokens == 20


@pytest.mark.parametrize("kind", OPENAI)
async def test_chat_tool_round(kind: Callable[..., Any]) -> None:
    function = {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA}
    asked = {"model": MODEL, "tools": [{"type": "function", "function": function}]}
    async with running() as gateway, client(kind, gateway) as sdk:
        first = await done(
            sdk.chat.completions.create, messages=ASKED, tool_choice="required", **asked
        )
        (call,) = first.choices[0].message.tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": "4 degrees ☃"}
        history = [*ASKED, first.choices[0].message, result]
        second = await done(sdk.chat.completions.create, messages=history, **asked)
    assert first.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert list(json.loads(call.function.arguments)) == ["city"]
    assert second.choices[0].finish_reason == "stop"
    assert "4 degrees ☃" in second.choices[0].message.content


@pytest.mark.parametrize("kind", OPENAI)
async def test_responses_whole_streamed_and_with_tools(kind: Callable[..., Any]) -> None:
    asked = {"model": MODEL, "input": "What is the weather?"}
    tool = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}
    async with running() as gateway, client(kind, gateway) as sdk:
        whole = await done(sdk.responses.create, max_output_tokens=20, **asked)
        events = await items(
            await done(sdk.responses.create, max_output_tokens=20, stream=True, **asked)
        )
        called = await done(sdk.responses.create, tools=[tool], tool_choice="required", **asked)
        record = await gateway.record(1)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text != ""
    assert events[-1].response.usage.output_tokens == whole.usage.output_tokens == 20
    assert (record.api, record.lane, record.ended_by) == ("responses", "splice", "complete")
    assert record.usage.output_tokens == 20
    (call,) = [item for item in called.output if item.type == "function_call"]
    assert (call.name, list(json.loads(call.arguments))) == ("get_weather", ["city"])


@pytest.mark.parametrize("kind", OPENAI)
async def test_embeddings_and_models(kind: Callable[..., Any]) -> None:
    async with running() as gateway, client(kind, gateway) as sdk:
        packed = await done(sdk.embeddings.create, model=MODEL, input=["one", "two"])
        plain = await done(
            sdk.embeddings.create, model=MODEL, input=["one", "two"], encoding_format="float"
        )
        listed = await items(await done(sdk.models.list))
        one = await done(sdk.models.retrieve, MODEL)
    # The SDK asks for base64 by itself and unpacks it.
    for first, second in zip(packed.data, plain.data, strict=True):
        assert first.embedding == pytest.approx(second.embedding, abs=1e-6)
    assert [model.id for model in listed] == MODELS
    assert (one.id, one.object) == (MODEL, "model")


# --- errors -----------------------------------------------------------------------------------

ANTHROPIC_ERRORS = [
    (400, "invalid_request_error", anthropic.BadRequestError),
    (401, "authentication_error", anthropic.AuthenticationError),
    (404, "not_found_error", anthropic.NotFoundError),
    (429, "rate_limit_error", anthropic.RateLimitError),
    (500, "api_error", anthropic.InternalServerError),
    (529, "overloaded_error", anthropic.OverloadedError),
]
OPENAI_ERRORS = [
    (400, "invalid_request_error", openai.BadRequestError),
    (401, "invalid_api_key", openai.AuthenticationError),
    (404, "model_not_found", openai.NotFoundError),
    (429, "rate_limit_exceeded", openai.RateLimitError),
    (500, "server_error", openai.InternalServerError),
    (529, "overloaded", openai.InternalServerError),
]


@pytest.mark.parametrize("kind", ANTHROPIC)
@pytest.mark.parametrize(("status", "name", "expected"), ANTHROPIC_ERRORS)
async def test_upstream_errors_reach_the_anthropic_sdk(
    kind: Callable[..., Any], status: int, name: str, expected: type[anthropic.APIStatusError]
) -> None:
    body = {"type": "error", "error": {"type": name, "message": "Told by the upstream ☃"}}
    headers = [*replies.JSON, ("retry-after", "7"), ("request-id", "req_upstream")]
    async with scripted("anthropic") as (upstream, gateway), client(kind, gateway) as sdk:
        upstream.reply(replies.sized(json.dumps(body).encode(), status=status, headers=headers))
        with pytest.raises(expected) as caught:
            await done(sdk.messages.create, max_tokens=9, **QUESTION)
        record = await gateway.record()
    assert caught.value.status_code == status
    assert caught.value.body == body
    assert caught.value.request_id == "req_upstream"
    assert caught.value.response.headers["retry-after"] == "7"
    assert "x-lynkr-error" not in caught.value.response.headers  # not the gateway's own
    assert (record.status, record.ended_by, record.error) == (status, "complete", "")


@pytest.mark.parametrize("kind", OPENAI)
@pytest.mark.parametrize(("status", "name", "expected"), OPENAI_ERRORS)
async def test_upstream_errors_reach_the_openai_sdk(
    kind: Callable[..., Any], status: int, name: str, expected: type[openai.APIStatusError]
) -> None:
    body = {"error": {"message": "Told by the upstream ☃", "type": name, "code": name}}
    headers = [*replies.JSON, ("retry-after", "7"), ("x-request-id", "req_upstream")]
    async with scripted("openai") as (upstream, gateway), client(kind, gateway) as sdk:
        upstream.reply(replies.sized(json.dumps(body).encode(), status=status, headers=headers))
        with pytest.raises(expected) as caught:
            await done(sdk.chat.completions.create, **QUESTION)
    assert caught.value.status_code == status
    assert (caught.value.body, caught.value.code) == (body["error"], name)
    assert caught.value.request_id == "req_upstream"
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("kind", ANTHROPIC)
async def test_sdk_retries_by_itself_as_the_upstream_tells_it(kind: Callable[..., Any]) -> None:
    wait = [*replies.JSON, ("retry-after-ms", "1")]
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    async with scripted("anthropic") as (upstream, gateway), client(kind, gateway, 2) as sdk:
        upstream.reply(replies.sized(json.dumps(told).encode(), status=529, headers=wait))
        upstream.reply(replies.sized(b'{"input_tokens":3}'))
        count = await done(sdk.messages.count_tokens, **QUESTION)
    assert count.input_tokens == 3
    # The gateway passes both on; a try of its own would have hidden the first reply.
    tries = [seen.head.value("x-stainless-retry-count") for seen in upstream.requests]
    assert tries == ["0", "1"]


@pytest.mark.parametrize("kind", [*ANTHROPIC, *OPENAI])
async def test_gateway_errors_are_the_sdks_own(kind: Callable[..., Any]) -> None:
    async with ScriptedUpstream() as upstream:
        gone = Provider(kind=provider_of(kind), base_url=upstream.base_url)
    async with running({"main": gone}) as gateway, client(kind, gateway) as sdk:
        with pytest.raises(errors_of(kind).InternalServerError) as caught:
            await done(question(kind, sdk))
        record = await gateway.record()
    error: Any = caught.value
    assert error.status_code == 502
    assert error.response.headers["x-lynkr-error"] == record.error != ""
    told = error.body if kind in OPENAI else error.body["error"]
    assert "Could not connect" in told["message"]


@pytest.mark.parametrize("kind", [*ANTHROPIC, *OPENAI])
async def test_missing_key_is_an_authentication_error(kind: Callable[..., Any]) -> None:
    known = f"sha256:{hashlib.sha256(b'another-key').hexdigest()}"
    settings = Settings(auth=Auth(required=True, keys=[Key(name="ana", digest=known)]))
    async with running(settings=settings) as gateway, client(kind, gateway) as sdk:
        for call in (question(kind, sdk), sdk.models.list):
            with pytest.raises(errors_of(kind).AuthenticationError):
                await items(await done(call))


# --- streams that do not end well -------------------------------------------------------------

_BEGUN = {"id": "m", "type": "message", "role": "assistant", "model": MODEL, "content": []}
_USAGE = {"input_tokens": 3, "output_tokens": 1}
MESSAGES_BEGUN: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**_BEGUN, "usage": _USAGE}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "t", "name": "Bash", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": '{"comm'},
    },
]
CHAT_BEGUN: list[dict[str, Any]] = [
    {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Half"}}],
    }
]


def begun(kind: Callable[..., Any]) -> bytes:
    """The first part of a reply to the plainest call, in chunks, with their end mark."""
    events = CHAT_BEGUN if kind in OPENAI else MESSAGES_BEGUN
    named = [(event.get("type"), json.dumps(event)) for event in events]
    lines = [f"event: {name}\ndata: {data}" if name else f"data: {data}" for name, data in named]
    return replies.chunked("".join(f"{line}\n\n" for line in lines).encode())


@pytest.mark.parametrize("kind", [*ANTHROPIC, *OPENAI])
@pytest.mark.parametrize("framed_end", [False, True])
async def test_broken_stream_raises(kind: Callable[..., Any], framed_end: bool) -> None:
    """Never a stream that seems to end: a half tool call would be taken for a whole one."""
    sent = begun(kind) if framed_end else begun(kind).removesuffix(replies.last_chunk())
    async with scripted(provider_of(kind)) as (upstream, gateway), client(kind, gateway) as sdk:
        upstream.script(Send(sent), Close())
        stream = await done(question(kind, sdk), stream=True)
        with pytest.raises(errors_of(kind).APIError) as caught:
            await items(stream)
        record = await gateway.record()
    assert "upstream" in str(caught.value)
    assert (record.ended_by, record.error_source) == ("upstream", "upstream")


@pytest.mark.parametrize("kind", [anthropic.AsyncAnthropic, openai.AsyncOpenAI])
async def test_leaving_a_stream_stops_the_upstream(kind: Callable[..., Any]) -> None:
    async with scripted(provider_of(kind)) as (upstream, gateway), client(kind, gateway) as sdk:
        upstream.script(Send(begun(kind).removesuffix(replies.last_chunk())), Wait(asyncio.Event()))
        async with await question(kind, sdk)(stream=True) as stream:
            await anext(aiter(stream))
        await upstream.ended()
        record = await gateway.record()
    assert record.ended_by == "client"
