"""The demo in OpenAI's chat dialect, read by the SDK and checked chunk by chunk."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.demo.played import ask, events, openai_sdk, whole

PATH = "/v1/chat/completions"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 3},
                "note": {"type": "string"},
            },
            "required": ["city", "unit", "days"],
        },
    },
}
CODE = {"type": "custom", "custom": {"name": "code_exec", "description": "runs anything"}}


def body(content: Any = "hello there", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-demo", "messages": [{"role": "user", "content": content}], **more}


def rebuilt(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The choices that a stream builds; asserts its structure on the way."""
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        assert chunk["object"] == "chat.completion.chunk"
        if "'custom'" not in str(chunk):  # the SDK has no type for a custom tool's chunk
            ChatCompletionChunk.model_validate(chunk)
        for part in chunk["choices"]:
            index, delta = part["index"], dict(part["delta"])
            if index not in choices:
                assert delta["role"] == "assistant"
                choices[index] = {"content": "", "tool_calls": [], "finish_reason": None}
            choice = choices[index]
            assert choice["finish_reason"] is None
            choice["finish_reason"] = part["finish_reason"]
            choice["content"] += delta.get("content", "")
            for fragment in delta.get("tool_calls", []):
                if "id" in fragment:
                    assert fragment["index"] == len(choice["tool_calls"])
                    choice["tool_calls"].append(json.loads(json.dumps(fragment)))
                    continue
                call = choice["tool_calls"][fragment["index"]]
                kind = call["type"]
                for key, piece in fragment[kind].items():
                    call[kind][key] += piece
    assert all(choice["finish_reason"] for choice in choices.values())
    assert list(choices) == list(range(len(choices)))
    return list(choices.values())


ASKED = {
    "words": body(),
    "tool": body("what is the weather? call get_weather", tools=[WEATHER]),
    "custom tool": body("use the tool code_exec", tools=[WEATHER, CODE]),
    "limit": body(max_completion_tokens=7),
    "old limit": body(max_tokens=7),
    "stop": body(stop="model"),
    "choices": body("call get_weather", tools=[WEATHER], n=8),
    "json": body(response_format={"type": "json_object"}),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_the_stream_builds_what_the_whole_reply_says(asked: dict[str, Any]) -> None:
    reply = whole(PATH, asked)
    ChatCompletion.model_validate(reply)
    streamed = rebuilt(events(PATH, asked))
    assert len(streamed) == asked.get("n", 1)
    for made, choice in zip(streamed, reply["choices"], strict=True):
        assert made["content"] == choice["message"]["content"]
        assert made["finish_reason"] == choice["finish_reason"]
        calls = [{k: v for k, v in call.items() if k != "index"} for call in made["tool_calls"]]
        assert calls == choice["message"].get("tool_calls", [])


def test_the_sdk_reads_both_forms_alike() -> None:
    sdk = openai_sdk()
    asked = body("call get_weather", tools=[WEATHER])
    reply = sdk.chat.completions.create(**asked)
    with sdk.chat.completions.stream(**asked) as stream:
        streamed = stream.get_final_completion()
    made, said = streamed.choices[0], reply.choices[0]
    assert made.message.content == said.message.content
    assert made.finish_reason == said.finish_reason == "tool_calls"
    assert made.message.tool_calls
    assert said.message.tool_calls
    assert made.message.tool_calls[0].id == said.message.tool_calls[0].id
    call = made.message.tool_calls[0].function
    assert call.name == "get_weather"
    assert json.loads(call.arguments) == {"city": "lynkr demo", "unit": "celsius", "days": 3}
    assert reply.model == streamed.model == "gpt-demo"


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_comes_last_and_only_when_asked_for(wanted: bool) -> None:
    asked = body(stream_options={"include_usage": wanted})
    *earlier, last = events(PATH, asked)
    if not wanted:
        assert all("usage" not in chunk for chunk in [*earlier, last])
        return
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in earlier)
    assert last["choices"] == []
    assert last["usage"] == whole(PATH, asked)["usage"]
    used = last["usage"]
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"]
    assert used["prompt_tokens_details"]["cached_tokens"] == 0


def test_the_stream_ends_with_done() -> None:
    assert ask(PATH, body(stream=True)).frames[-1][1] == b"data: [DONE]\n\n"


def test_it_ends_where_it_is_told_to() -> None:
    limited = whole(PATH, body(max_completion_tokens=7, max_tokens=900))
    assert limited["choices"][0]["finish_reason"] == "length"
    assert limited["usage"]["completion_tokens"] == 7
    stopped = whole(PATH, body(stop=["model", "demo"]))["choices"][0]
    assert stopped["finish_reason"] == "stop"
    assert stopped["message"]["content"] == "This is lynkr's built-in "


def test_a_tool_result_closes_the_round() -> None:
    asked = body("call get_weather", tools=[WEATHER])
    called = whole(PATH, asked)["choices"][0]["message"]
    result = {
        "role": "tool",
        "tool_call_id": called["tool_calls"][0]["id"],
        "content": [{"type": "text", "text": "sunny, 21 degrees"}],
    }
    closed = whole(PATH, {**asked, "messages": [*asked["messages"], called, result]})
    assert closed["choices"][0]["finish_reason"] == "stop"
    assert "sunny, 21 degrees" in closed["choices"][0]["message"]["content"]


def test_json_is_given_when_json_is_asked_for() -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    given = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    strict = whole(PATH, body(response_format=given))["choices"][0]["message"]["content"]
    assert json.loads(strict) == {"age": 1}
    loose = whole(PATH, body(response_format={"type": "json_object"}))
    assert isinstance(json.loads(loose["choices"][0]["message"]["content"]), dict)


def test_the_sdk_understands_a_refusal() -> None:
    with pytest.raises(openai.BadRequestError, match="at least one message"):
        openai_sdk().chat.completions.create(model="m", messages=[])
