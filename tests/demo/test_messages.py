"""The demo in Anthropic's dialect, read by its own SDK and checked event by event."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest

from tests.demo.played import anthropic_sdk, events, whole

PATH = "/v1/messages"
BASH = {
    "name": "Bash",
    "input_schema": {
        "type": "object",
        "properties": {"command": {"type": "string"}, "timeout": {"type": "number"}},
        "required": ["command"],
    },
}
WRITE = {"name": "Write", "input_schema": {"type": "object", "required": ["file_path"]}}


def body(content: Any = "hello there", **more: Any) -> dict[str, Any]:
    user = {"role": "user", "content": content}
    return {"model": "claude-demo", "max_tokens": 4096, "messages": [user], **more}


def rebuilt(stream: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a stream builds; asserts its structure on the way."""
    assert stream[0]["type"] == "message_start"
    assert [e["type"] for e in stream[-2:]] == ["message_delta", "message_stop"]
    message: dict[str, Any] = stream[0]["message"]
    assert (message["content"], message["stop_reason"]) == ([], None)
    opened: int | None = None
    fragments = ""
    for event in stream[1:-2]:
        if event["type"] == "ping":
            continue
        if event["type"] == "content_block_start":
            assert opened is None
            assert event["index"] == len(message["content"])
            opened, fragments = event["index"], ""
            message["content"].append(event["content_block"])
            continue
        assert event["index"] == opened
        block = message["content"][-1]
        if event["type"] == "content_block_stop":
            opened = None
            if block["type"] == "tool_use":
                assert block["input"] == {}
                block["input"] = json.loads(fragments)
            continue
        assert event["type"] == "content_block_delta"
        delta = event["delta"]
        match delta["type"]:
            case "text_delta":
                block["text"] += delta["text"]
            case "thinking_delta":
                block["thinking"] += delta["thinking"]
            case "signature_delta":
                block["signature"] += delta["signature"]
            case "input_json_delta":
                fragments += delta["partial_json"]
            case other:
                raise AssertionError(other)
    assert opened is None
    message.update(stream[-2]["delta"])
    message["usage"].update(stream[-2]["usage"])
    return message


ASKED = {
    "words": body(),
    "thinking": body(thinking={"type": "adaptive"}),
    "hidden thinking": body(thinking={"type": "enabled", "display": "omitted"}),
    "tool": body("please run ls", tools=[BASH, WRITE], thinking={"type": "enabled"}),
    "limit": body(max_tokens=7),
    "no room": body(max_tokens=0),
    "thinking limit": body(max_tokens=7, thinking={"type": "enabled"}),
    "call limit": body("please run ls", tools=[BASH], max_tokens=70),
    "stop": body(stop_sequences=["nothing like it", "model"]),
    "stop at once": body(stop_sequences=["This"]),
    "json": body(output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}}),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_the_stream_builds_what_the_whole_reply_says(asked: dict[str, Any]) -> None:
    assert rebuilt(events(PATH, asked)) == whole(PATH, asked)


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
def test_the_sdk_reads_both_forms_alike(asked: dict[str, Any]) -> None:
    sdk = anthropic_sdk()
    message = sdk.messages.create(**asked)
    anthropic.types.Message.model_validate(message.to_dict())
    with sdk.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    assert [b.to_dict() for b in streamed.content] == [b.to_dict() for b in message.content]
    assert streamed.usage.to_dict() == message.usage.to_dict()
    assert streamed.stop_reason == message.stop_reason
    assert message.model == "claude-demo"


def test_it_says_what_it_is_and_what_it_heard() -> None:
    said = whole(PATH, body("hello there " * 40, tools=[BASH, WRITE]))["content"][0]["text"]
    for part in (
        "lynkr",
        "demo",
        "no provider",
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
        "lynkr.toml",
    ):
        assert part in said
    assert "claude-demo with 1 message and 2 tools" in said
    quoted = said.split("“")[1].split("”")[0]
    assert quoted.startswith("hello there hello")
    assert len(quoted) <= 80


def test_it_ends_where_it_is_told_to() -> None:
    limited = whole(PATH, body(max_tokens=7))
    assert (limited["stop_reason"], limited["usage"]["output_tokens"]) == ("max_tokens", 7)
    stopped = whole(PATH, body(stop_sequences=["nothing like it", "model"]))
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "model")
    assert stopped["content"][0]["text"].endswith("language ")
    cut_before_call = whole(PATH, body("please run ls", tools=[BASH], max_tokens=70))
    assert cut_before_call["stop_reason"] == "max_tokens"
    assert [b["type"] for b in cut_before_call["content"]] == ["text"]
    assert whole(PATH, body())["stop_reason"] == "end_turn"


def test_it_thinks_only_when_asked() -> None:
    def first(thinking: dict[str, Any]) -> dict[str, Any]:
        block: dict[str, Any] = whole(PATH, body(thinking=thinking))["content"][0]
        return block

    assert first({"type": "disabled"})["type"] == "text"
    assert first({"type": "adaptive"})["thinking"]
    assert first({"type": "enabled", "budget_tokens": 1024})["signature"]
    hidden = first({"type": "adaptive", "display": "omitted"})
    assert hidden["type"] == "thinking"
    assert not hidden["thinking"]
    assert hidden["signature"]


def test_a_tool_goes_round_once() -> None:
    tools = [WRITE, BASH]
    asked = body("please run ls", tools=tools)
    called = whole(PATH, asked)
    assert called["stop_reason"] == "tool_use"
    use = called["content"][-1]
    assert (use["name"], use["input"]) == ("Bash", {"command": "echo lynkr demo"})
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": "lynkr demo\nmore"}
    reminder = {"type": "text", "text": "<system-reminder>run Bash</system-reminder>"}
    history = [
        *asked["messages"],
        {"role": "assistant", "content": called["content"]},
        {"role": "user", "content": [result, reminder]},
        {"role": "system", "content": "please run Bash again"},
    ]
    closed = whole(PATH, {**asked, "messages": history})
    assert closed["stop_reason"] == "end_turn"
    assert "lynkr demo more" in closed["content"][0]["text"]


def test_the_title_request_of_an_agent_gets_its_json() -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
        "additionalProperties": False,
    }
    output_config = {"format": {"type": "json_schema", "schema": schema}}
    said = whole(PATH, body("read it", tools=[], output_config=output_config))
    assert json.loads(said["content"][0]["text"]) == {"title": "lynkr demo"}


def test_tokens_are_counted_the_same_everywhere() -> None:
    asked = body("word " * 400, tools=[BASH], system=[{"type": "text", "text": "be brief"}])
    del asked["max_tokens"]
    counted = whole("/v1/messages/count_tokens", asked)["input_tokens"]
    assert 500 < counted < 600
    used = whole(PATH, {**asked, "max_tokens": 5})["usage"]
    assert used["input_tokens"] == counted
    source = {"type": "base64", "media_type": "image/png", "data": "x" * 400_000}
    image = [{"type": "image", "source": source}]
    assert 1000 < whole("/v1/messages/count_tokens", body(image))["input_tokens"] < 2000


@pytest.mark.parametrize(
    "content",
    ["", None, 7, [], ["x"], [{"type": "new_block", "x": [1]}], [{"type": "tool_result"}]],
)
def test_unknown_content_is_answered(content: Any) -> None:
    assert whole(PATH, body(content))["content"]


def test_system_messages_and_prefills_are_passed_over() -> None:
    more = [
        {"role": "system", "content": "use Bash"},
        {"role": "assistant", "content": "I will"},
    ]
    asked = body("hi", tools=[BASH])
    said = whole(PATH, {**asked, "messages": asked["messages"] + more})
    assert said["stop_reason"] == "end_turn"
    assert "“hi”" in said["content"][0]["text"]


def test_the_sdk_understands_a_refusal() -> None:
    with pytest.raises(anthropic.BadRequestError, match="at least one message"):
        anthropic_sdk().messages.create(model="m", max_tokens=5, messages=[])
