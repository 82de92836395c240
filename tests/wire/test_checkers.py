"""The checkers of the matrix find what is wrong: a checker that never complains checks nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.wire.message import Usage
from tests.wire import turn_rules
from tests.wire.dialogues import dialogues, recorded
from tests.wire.dialogues_messages import PNG
from tests.wire.meaning import meaning
from tests.wire.replies_written import Answer, answers
from tests.wire.schemas import check, problems
from tests.wire.sdk_replies import read, refused
from tests.wire.settings_said import settings

Json = dict[str, Any]
USER = {"role": "user", "content": "x"}
CLAUDE: Json = {"model": "m", "max_tokens": 9, "messages": [USER]}
CHAT: Json = {"model": "m", "messages": [USER]}
RESPONSES: Json = {"model": "m", "input": "x"}
GEMINI: Json = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
CONVERSE: Json = {"messages": [{"role": "user", "content": [{"text": "x"}]}]}


def part(kind: str, **fields: Any) -> Json:
    return {"contents": [{"role": "user", "parts": [{kind: fields}]}]}


def said(*content: Json) -> Json:
    return {"messages": [{"role": "user", "content": list(content)}]}


WRONG: list[tuple[str, Json, str]] = [
    ("anthropic_messages", {"model": "m", "messages": [USER]}, "max_tokens"),
    ("anthropic_messages", {**CLAUDE, "seed": 1}, "seed"),
    (
        "anthropic_messages",
        {**CLAUDE, "messages": [{"role": "tool", "content": "x"}]},
        "messages.0",
    ),
    (
        "anthropic_messages",
        {**CLAUDE, **said({"type": "text", "text": "x", "detail": 1})},
        "messages.0",
    ),
    ("anthropic_messages", {**CLAUDE, **said({"type": "image_url", "url": ""})}, "messages.0"),
    ("anthropic_messages", {**CLAUDE, "tools": [{"name": "f"}]}, "tools.0"),
    ("openai_chat", {**CHAT, "top_k": 1}, "top_k"),
    ("openai_chat", {**CHAT, "messages": [{"role": "tool", "content": "x"}]}, "messages.0"),
    ("openai_chat", {**CHAT, "tools": [{"type": "function", "name": "f"}]}, "tools.0"),
    ("openai_chat", {**CHAT, "max_completion_tokens": "9"}, "max_completion_tokens"),
    ("openai_responses", {**RESPONSES, "messages": []}, "messages"),
    ("openai_responses", {**RESPONSES, "input": [{"type": "function_call"}]}, "input.0"),
    ("openai_responses", {**RESPONSES, "stop": ["x"]}, "stop"),
    ("gemini", {}, "contents"),
    ("gemini", {**GEMINI, "system_instruction": {"parts": []}}, "system_instruction"),
    ("gemini", {**GEMINI, "tools": [{"functions": []}]}, "tools.0"),
    ("gemini", part("inlineData", mimeType="image/png", data="no base64!"), "contents.0"),
    ("gemini", {**GEMINI, "generationConfig": {"maxTokens": 9}}, "generationConfig"),
    ("bedrock", {**CONVERSE, "modelId": "m"}, "modelId"),
    ("bedrock", said({"text": "x", "image": {}}), "messages[0]"),
    ("bedrock", said({"cachePoint": {"type": "ephemeral"}}), "cachePoint"),
    ("bedrock", said({"text": None}), "null"),
    ("bedrock", {**CONVERSE, "toolConfig": {"tools": []}}, "toolConfig"),
    ("bedrock", {**CONVERSE, "inferenceConfig": {"temperature": 1.5}}, "temperature"),
]


@pytest.mark.parametrize(("target", "body", "where"), WRONG)
def test_a_wrong_request_is_found_by_its_schema(target: str, body: Json, where: str) -> None:
    found = problems(target, json.dumps(body).encode(), stream=False)
    assert any(where in problem for problem in found), found
    with pytest.raises(AssertionError, match="would refuse"):
        check(target, json.dumps(body).encode(), stream=False)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("anthropic_messages", {**CLAUDE, "temperature": 0.5}),
        ("openai_chat", CHAT),
        ("openai_responses", RESPONSES),
        ("gemini", GEMINI),
        ("gemini", part("inlineData", mimeType="image/png", data=PNG)),
        ("bedrock", CONVERSE),
    ],
)
def test_a_good_request_has_no_problems(target: str, body: Json) -> None:
    check(target, json.dumps(body).encode(), stream=False)


# --- turns ----------------------------------------------------------------------------------------


def use(call: str) -> Json:
    return {"type": "tool_use", "id": call, "name": "f", "input": {}}


def result(call: str) -> Json:
    return {"type": "tool_result", "tool_use_id": call, "content": "x"}


def turn(role: str, *content: Json) -> Json:
    return {"role": role, "content": list(content)}


TEXT = {"type": "text", "text": "x"}
TURNS: list[tuple[list[Json], str]] = [
    ([turn("assistant", TEXT)], "user does not begin"),
    ([USER, USER], "two of user"),
    ([USER, turn("assistant", use("a")), turn("user", TEXT)], "are answered by []"),
    ([USER, turn("assistant", use("a")), turn("user", TEXT, result("a"))], "before a result"),
    ([USER, turn("assistant", use("a"), use("b")), turn("user", result("a"))], "are answered by"),
    ([turn("user", result("a"))], "first turn has a result"),
    ([turn("user", use("a"))], "a user with"),
    ([turn("user")], "is empty"),
]


@pytest.mark.parametrize(("messages", "wrong"), TURNS)
def test_turns_out_of_order_are_found(messages: list[Json], wrong: str) -> None:
    body = json.dumps({"messages": messages}).encode()
    assert wrong in str(turn_rules.broken("anthropic_messages", body))


def test_messages_of_chat_out_of_order_are_found() -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
    answered = {"role": "tool", "tool_call_id": "a", "content": "x"}
    for messages, wrong in (
        ([called, USER, answered], "before the results"),
        ([answered], "answers no call"),
        ([called, answered, answered], "answers no call"),
        ([{"role": "assistant", "content": None}], "says nothing"),
    ):
        body = json.dumps({"messages": messages}).encode()
        assert wrong in str(turn_rules.broken("openai_chat", body))
    good = json.dumps({"messages": [USER, called, answered]}).encode()
    assert turn_rules.broken("openai_chat", good) == []


def test_items_out_of_order_are_found() -> None:
    call = {"type": "custom_tool_call", "call_id": "a", "name": "f", "input": ""}
    wrong_kind = {"type": "function_call_output", "call_id": "a", "output": "x"}
    for items, wrong in (
        ([call], "is not answered"),
        ([call, wrong_kind], "function_call_output answers custom_tool_call"),
        ([wrong_kind], "answers no call"),
        ([call, call], "twice"),
    ):
        assert wrong in str(
            turn_rules.broken("openai_responses", json.dumps({"input": items}).encode())
        )


# --- readers --------------------------------------------------------------------------------------


def test_every_dialogue_is_understood() -> None:
    """The reader of requests finds something to compare in each."""
    for asked in dialogues():
        found = meaning(asked.dialect, asked.body)
        assert found.order or found.sounds
        assert all(isinstance(name, str) for name in settings(asked.dialect, asked.body))
    together = [meaning(asked.dialect, asked.body) for asked in dialogues()]
    for name in ("pictures", "documents", "sounds", "thoughts", "tools", "calls", "results"):
        assert any(getattr(found, name) for found in together), name


@pytest.mark.parametrize("answer", answers(), ids=repr)
def test_the_sdk_reads_the_recorded_usage(answer: Answer) -> None:
    """The fixture was written by hand, and the SDK knows nothing of it."""
    expected = {fixture.name: fixture.expect for fixture in recorded()}.get(answer.name)
    if expected is None or answer.name == "messages/unknown_fields_stream":
        return
    reply = read(answer.dialect, answer.body, stream=answer.stream)
    assert reply.usage == Usage(**expected.usage)
    # Responses has a status; and of two choices the last one has the last word.
    if answer.dialect != "openai_responses" and answer.name != "chat/running_usage_stream":
        assert reply.stop == expected.stop_reason


BROKEN_REPLIES: list[tuple[str, bool, str]] = [
    ("anthropic_messages", False, '{"id":"x"}'),
    ("anthropic_messages", True, 'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    ("openai_chat", False, '{"id":"x","object":"chat.completion","choices":[]}'),
    (
        "openai_chat",
        True,
        'data: {"id":"x","object":"chat.completion.chunk","created":"now","model":"m",'
        '"choices":[{"index":0,"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n',
    ),
    ("openai_responses", False, '{"id":"x","object":"response"}'),
    (
        "openai_responses",
        True,
        'data: {"type":"response.completed","sequence_number":7,"response":{"id":"x"}}\n\n',
    ),
    ("gemini", False, '{"candidates":[{"content":{"parts":"x"}}]}'),
    ("bedrock", False, '{"output":{"message":{"content":[{}]}}}'),
]


@pytest.mark.parametrize(("dialect", "stream", "body"), BROKEN_REPLIES)
def test_a_broken_reply_is_not_taken(dialect: str, stream: bool, body: str) -> None:
    with pytest.raises(Exception):  # noqa: B017  # each SDK has its own
        read(dialect, body.encode(), stream=stream, strict=True)


def test_a_good_reply_is_not_refused() -> None:
    good = next(each for each in answers() if each.name == "messages/text_stream")
    with pytest.raises(AssertionError, match="took it for a good reply"):
        refused("anthropic_messages", 200, good.body, stream=True)
