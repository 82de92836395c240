"""Prompt-cache marks for a target of another dialect, as its codec writes them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from lynkr.transforms.neutral_marks import marked
from lynkr.wire.codec import Losses, Target, codec
from lynkr.wire.message import Request

Json = dict[str, Any]
MARK = {"type": "ephemeral"}
POINT = {"cachePoint": {"type": "default"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "n", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "n", "parameters": {"type": "object"}}}
TALK: list[Json] = [
    {"role": "system", "content": "You are."},
    {"role": "user", "content": "Look."},
    {"role": "assistant", "content": "Hm.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "done"},
]


def asked(messages: list[Json], **more: Any) -> Request:
    raw = json.dumps({"model": "m", "messages": messages, **more}).encode()
    return codec("openai_chat").decode_request(raw, "m", False)


def written(request: Request, format_: str) -> Json:
    capabilities = frozenset(("cache_control", "cache_point", "cache_ttl_1h", "tool_choice"))
    losses = Losses()
    out = codec(format_).encode_request(request, Target("m", capabilities), losses)
    made: Json = json.loads(out)
    return made


def count(made: Json) -> int:
    text = json.dumps(made)
    return text.count('"cache_control"') + text.count('"cachePoint"')


def test_a_chat_conversation_is_marked_for_anthropic() -> None:
    made = written(marked(asked(TALK), "5m", 4), "anthropic_messages")
    assert made["system"] == [{"type": "text", "text": "You are.", "cache_control": MARK}]
    first, _, last = made["messages"]
    assert first["content"] == [{"type": "text", "text": "Look.", "cache_control": MARK}]
    assert last["content"][0]["type"] == "tool_result"
    assert last["content"][0]["cache_control"] == MARK
    assert count(made) == 3


def test_and_for_bedrock_as_points_behind_what_is_kept() -> None:
    made = written(marked(asked(TALK, tools=[TOOL]), "5m", 4), "bedrock")
    assert made["system"] == [{"text": "You are."}, POINT]
    first, _, last = made["messages"]
    assert first["content"] == [{"text": "Look."}, POINT]
    assert last["content"][-1] == POINT
    assert "toolResult" in last["content"][0]
    assert count(made) == 3


def test_without_a_system_prompt_the_tools_are_marked() -> None:
    """They are the part of the prompt that sessions share."""
    request = marked(asked(TALK[1:2], tools=[TOOL]), "5m", 4)
    made = written(request, "anthropic_messages")
    assert made["tools"][-1]["cache_control"] == MARK
    assert written(request, "bedrock")["toolConfig"]["tools"][-1] == POINT
    assert count(made) == 2


def test_an_hour() -> None:
    made = written(marked(asked(TALK), "1h", 4), "anthropic_messages")
    assert made["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_marks_that_do_not_move() -> None:
    made = written(marked(asked(TALK), "5m", 4, moving=False), "anthropic_messages")
    assert count(made) == 1
    assert "cache_control" in made["system"][0]


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4])
def test_never_more_than_the_provider_takes(most: int) -> None:
    assert count(written(marked(asked(TALK), "5m", most), "anthropic_messages")) == min(most, 3)


@pytest.mark.parametrize(
    "more",
    [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": MARK}]},
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": [{"type": "text", "text": "a", "cache_control": MARK}],
        },
    ],
)
def test_a_client_with_marks_of_its_own_knows_better(more: Json) -> None:
    request = asked([*TALK, more])
    assert marked(request, "5m", 4) is request


def test_no_marks_where_none_are_wanted() -> None:
    request = asked(TALK)
    assert marked(request, "", 4) is request


def test_the_given_request_is_not_changed() -> None:
    """It is kept for the reply, and for the next target."""
    request = asked(TALK, tools=[TOOL])
    before = msgspec.json.encode(request)
    marked(request, "5m", 4)
    marked(asked(TALK[1:], tools=[TOOL]), "5m", 4)
    assert msgspec.json.encode(request) == before


def test_empty_texts_and_empty_conversations_carry_none() -> None:
    empty: list[Json] = [{"role": "system", "content": ""}, {"role": "user", "content": ""}]
    request = marked(asked(empty), "5m", 4)
    assert b'"cache":{' not in msgspec.json.encode(request)


def test_a_request_of_responses_is_marked_too() -> None:
    raw = json.dumps(
        {
            "model": "m",
            "instructions": "You are.",
            "input": [
                {"role": "user", "content": "Look."},
                {"type": "function_call", "call_id": "c1", "name": "n", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "done"},
            ],
        }
    ).encode()
    request = marked(codec("openai_responses").decode_request(raw, "m", False), "5m", 4)
    made = written(request, "anthropic_messages")
    assert count(made) == 3
    assert made["messages"][-1]["content"][-1]["cache_control"] == MARK
    assert made["messages"][0]["content"][-1]["cache_control"] == MARK
