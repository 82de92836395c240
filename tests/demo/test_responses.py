"""The demo in OpenAI's Responses dialect, as the SDK and Codex use it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response

from tests.demo.played import events, openai_sdk, whole

PATH = "/v1/responses"
FETCH = {
    "type": "function",
    "name": "fetch_page",
    "parameters": {
        "type": "object",
        "properties": {"url": {"type": "string"}},
        "required": ["url"],
    },
}
EXEC = {
    "type": "custom",
    "name": "exec",
    "description": "Runs raw JavaScript source",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}
PATCH = {"type": "custom", "name": "apply_patch"}


def user(words: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": words}]
    return {"type": "message", "role": "user", "content": content}


def body(given: Any = "hello there", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-demo", "input": given, **more}


def codex_lite(words: str) -> dict[str, Any]:
    """As Codex sends its newest models: the tools stand in the first input item."""
    tools = [
        {"type": "namespace", "name": "functions", "tools": [PATCH, EXEC]},
        {"type": "namespace", "name": "clock", "tools": [{**FETCH, "name": "curr_time"}]},
    ]
    carrier = {"type": "additional_tools", "role": "developer", "tools": tools}
    developer = {"type": "message", "role": "developer", "content": "You must run exec first."}
    return body([carrier, developer, user(words)], store=False, parallel_tool_calls=False)


def rebuilt(stream: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The output that a stream builds; asserts its structure on the way."""
    assert [e["sequence_number"] for e in stream] == list(range(len(stream)))
    assert [e["type"] for e in stream[:2]] == ["response.created", "response.in_progress"]
    assert stream[-1]["type"] in ("response.completed", "response.incomplete")
    assert stream[0]["response"]["output"] == []
    made: list[dict[str, Any]] = []
    opened: dict[str, Any] | None = None
    gathered = ""
    for event in stream[2:-1]:
        kind = event["type"].removeprefix("response.")
        assert event["output_index"] == len(made)
        if kind == "output_item.added":
            assert opened is None
            opened, gathered = event["item"], ""
            continue
        assert opened is not None
        if kind == "output_item.done":
            item = event["item"]
            assert item["id"] == opened["id"]
            if item["type"] == "message":
                assert item["content"][0]["text"] == gathered
            elif item["type"] != "compaction":
                assert item.get("arguments", item.get("input")) == gathered
            made.append(item)
            opened = None
            continue
        assert event["item_id"] == opened["id"]
        if kind.endswith(".delta"):
            gathered += event["delta"]
        elif kind == "content_part.added":
            assert (event["content_index"], event["part"]["text"]) == (0, "")
        elif kind == "content_part.done":
            assert event["part"]["text"] == gathered
        else:
            done = [event[key] for key in ("text", "arguments", "input") if key in event]
            assert done == [gathered]
    assert opened is None
    assert stream[-1]["response"]["output"] == made
    return made


ASKED = {
    "words": body(),
    "instructions": body([user("hi")], instructions="be brief", tools=[FETCH]),
    "function": body("use fetch_page now", tools=[FETCH]),
    "custom tool": codex_lite("run the tests"),
    "namespace": codex_lite("tell me curr_time"),
    "limit": body(max_output_tokens=16),
    "json": body(text={"format": {"type": "json_object"}}),
    "compaction": body([user("hi"), {"type": "compaction_trigger"}]),
    "nothing new": {"model": "m", "previous_response_id": "resp_1"},
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_the_stream_builds_what_the_whole_reply_says(asked: dict[str, Any]) -> None:
    stream, reply = events(PATH, asked), whole(PATH, asked)
    assert rebuilt(stream) == reply["output"]
    assert stream[-1]["response"] == reply
    assert reply["usage"]["total_tokens"] == (
        reply["usage"]["input_tokens"] + reply["usage"]["output_tokens"]
    )


@pytest.mark.parametrize("name", ["words", "function", "limit", "json"])
def test_the_sdk_reads_both_forms_alike(name: str) -> None:
    sdk = openai_sdk()
    reply = sdk.responses.create(**ASKED[name])
    Response.model_validate(whole(PATH, ASKED[name]))
    last = None
    for event in sdk.responses.create(**ASKED[name], stream=True):
        last = event
    assert last is not None
    assert last.type in ("response.completed", "response.incomplete")
    assert last.response.to_dict() == reply.to_dict()
    assert reply.model == "gpt-demo"


def test_the_sdks_stream_helper_follows_a_call() -> None:
    with openai_sdk().responses.stream(**ASKED["function"]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.function_call_arguments.done" in kinds
    call = final.output[-1]
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"url": "https://example.com/"}


def test_custom_tools_take_text_and_plain_namespaces_vanish() -> None:
    [_, call] = whole(PATH, codex_lite("run the tests"))["output"]
    assert (call["type"], call["name"], call["input"]) == (
        "custom_tool_call",
        "exec",
        'text("lynkr demo");',
    )
    assert "namespace" not in call
    [_, call] = whole(PATH, codex_lite("tell me curr_time"))["output"]
    assert (call["type"], call["name"], call["namespace"]) == (
        "function_call",
        "curr_time",
        "clock",
    )


def test_a_greeting_calls_nothing() -> None:
    reply = whole(PATH, codex_lite("hello"))
    assert [item["type"] for item in reply["output"]] == ["message"]
    assert "2 messages and 3 tools" not in reply["output"][0]["content"][0]["text"].split("“")[1]
    assert "2 messages and 3 tools" in reply["output"][0]["content"][0]["text"]


@pytest.mark.parametrize("kind", ["function_call_output", "custom_tool_call_output"])
def test_a_tool_result_closes_the_round(kind: str) -> None:
    asked = codex_lite("run the tests")
    text = [{"type": "input_text", "text": "Script completed"}]
    result = {"type": kind, "call_id": "call_1", "output": text}
    later = {"type": "message", "role": "developer", "content": "run exec"}
    reply = whole(PATH, {**asked, "input": [*asked["input"], result, later]})
    [message] = reply["output"]
    assert "Script completed" in message["content"][0]["text"]


def test_a_limit_makes_the_response_incomplete() -> None:
    reply = whole(PATH, ASKED["limit"])
    assert reply["status"] == "incomplete"
    assert reply["incomplete_details"] == {"reason": "max_output_tokens"}
    assert reply["usage"]["output_tokens"] == 16


def test_a_compaction_is_exactly_one_item() -> None:
    reply = whole(PATH, ASKED["compaction"])
    [item] = reply["output"]
    assert item["type"] == "compaction"
    assert item["encrypted_content"]
    following = body([item, user("go on")])
    assert whole(PATH, following)["output"][0]["type"] == "message"


def test_structured_text_meets_its_schema() -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    wanted = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
    reply = whole(PATH, body(text=wanted))
    assert json.loads(reply["output"][0]["content"][0]["text"]) == {"ok": False}
    assert reply["text"]["format"]["name"] == "n"
