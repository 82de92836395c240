"""Facts of requests: what decides about the cache is read, and what is not known is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, scan
from lynkr.policies.cache_facts import Facts, Question, facts_of, question_of

DIALECTS = {"messages": MESSAGES, "chat": CHAT, "responses": RESPONSES}
REMINDER = "<system-reminder>\nToday is Monday.\n</system-reminder>"


def facts(api: str, **fields: Any) -> Facts:
    body = encoded(api, fields)
    layout = scan(body, DIALECTS[api])
    assert layout is not None
    return facts_of(api, body, layout)


def question(api: str, **fields: Any) -> Question | None:
    body = encoded(api, fields)
    layout = scan(body, DIALECTS[api])
    assert layout is not None
    found = question_of(body, layout)
    if found is not None:
        token = body[slice(*found.span)]
        assert json.loads(token).strip() == found.text, "the span is the whole JSON string"
    return found


def encoded(api: str, fields: dict[str, Any]) -> bytes:
    said = {"input" if api == "responses" else "messages": [user("hi")]}
    return json.dumps({"model": "m", **said, **fields}).encode()


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


TOOL = {"name": "read", "input_schema": {"type": "object"}}


def test_a_plain_call() -> None:
    found = facts("chat", temperature=0, n=1, stream=True, user="u")
    assert found == Facts(
        "chat", len(encoded("chat", {"temperature": 0, "n": 1, "stream": True, "user": "u"})),
        users=1, temperature=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("api", "fields", "expected"),
    [
        ("messages", {"temperature": 0.0}, {"temperature": 0.0}),
        ("chat", {"temperature": 1e-3}, {"temperature": 0.001}),
        ("chat", {"temperature": None}, {"temperature": None}),
        ("chat", {"temperature": "0"}, {"temperature": None, "unknown": "temperature"}),
        ("chat", {"n": 3}, {"candidates": 3}),
        ("chat", {"n": []}, {"unknown": "n"}),
        ("chat", {"seed": 0}, {"seeded": True}),
        ("chat", {"seed": None}, {"seeded": False}),
        ("chat", {"store": True}, {"kept_by_provider": True}),
        ("chat", {"store": False}, {"kept_by_provider": False}),
        ("chat", {}, {"kept_by_provider": False}),
        ("responses", {}, {"kept_by_provider": True}),
        ("responses", {"store": None}, {"kept_by_provider": True}),
        ("responses", {"store": False}, {"kept_by_provider": False}),
        ("responses", {"previous_response_id": "resp_1"}, {"continues": True}),
        ("responses", {"previous_response_id": None}, {"continues": False}),
        ("responses", {"conversation": {"id": "c"}}, {"continues": True}),
        ("responses", {"prompt": {"id": "p"}}, {"continues": True}),
        ("responses", {"input": [{"type": "item_reference", "id": "i"}]}, {"continues": True}),
        ("responses", {"background": True}, {"background": True}),
        ("responses", {"background": False}, {"background": False}),
        ("messages", {"container": "c"}, {"continues": True}),
        ("messages", {"mcp_servers": [{"url": "u"}]}, {"service_run": "mcp_servers"}),
        ("messages", {"mcp_servers": []}, {"service_run": ""}),
        ("chat", {"web_search_options": {"a": 1}}, {"service_run": "web_search_options"}),
        ("chat", {"plugins": [{"id": "web"}]}, {"service_run": "plugins"}),
        ("chat", {"model": "gpt-4o-search-preview"}, {"service_run": "model"}),
        ("chat", {"model": "openai/gpt-5:online"}, {"service_run": "model"}),
        ("chat", {"model": "perplexity/sonar-pro"}, {"service_run": "model"}),
        ("chat", {"model": "searching-7b"}, {"service_run": ""}),
        ("chat", {"modalities": ["text", "audio"]}, {"other_media": True}),
        ("chat", {"modalities": ["text"]}, {"other_media": False}),
        ("chat", {"frobnicate": 1}, {"unknown": "frobnicate"}),
        ("messages", {"thinking": {"type": "adaptive"}}, {"thinking": True}),
        ("messages", {"thinking": {"type": "disabled"}}, {"thinking": False}),
        ("chat", {"reasoning_effort": "high"}, {"thinking": False}),
        ("responses", {"reasoning": {"summary": "auto"}}, {"thinking": True}),
        ("responses", {"reasoning": {"effort": "low"}}, {"thinking": False}),
        ("responses", {"include": ["reasoning.encrypted_content"]}, {"thinking": True}),
        ("responses", {"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ("chat", {"logprobs": True}, {"logprobs": True}),
        ("chat", {"logprobs": False}, {"logprobs": False}),
        ("chat", {"prediction": {"type": "content"}}, {"prediction": True}),
        ("chat", {"response_format": {"type": "json_object"}}, {"output": "json_object"}),
        ("responses", {"text": {"format": {"type": "json_schema"}}}, {"output": "json_schema"}),
        (
            "messages",
            {"output_config": {"effort": "low", "format": {"type": "json_schema"}}},
            {"output": "json_schema"},
        ),
        ("messages", {"output_config": {"effort": "low"}}, {"output": "", "unknown": ""}),
    ],
)
def test_a_field_is_read(api: str, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    found = facts(api, **fields)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("api", "fields", "unused"),
    [
        ("messages", {"tools": [TOOL]}, False),
        ("messages", {"tools": [TOOL], "tool_choice": {"type": "auto"}}, False),
        ("messages", {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "none"}}, False),
        ("messages", {"tools": [TOOL], "tool_choice": {"type": "none"}}, True),
        ("chat", {"tools": [{"function": TOOL}], "tool_choice": "auto"}, False),
        ("chat", {"tools": [{"function": TOOL}], "tool_choice": "none"}, True),
        ("chat", {"functions": [TOOL]}, False),
        ("chat", {"functions": [TOOL], "function_call": "none"}, True),
        ("responses", {"tools": [{"type": "web_search"}]}, False),
        ("responses", {"input": [{"type": "additional_tools", "tools": []}, user("x")]}, False),
    ],
)
def test_tools_are_counted_and_their_being_unused(
    api: str, fields: dict[str, Any], unused: bool
) -> None:
    found = facts(api, **fields)
    assert found.tools == 1
    assert found.tools_unused == unused
    assert found.users == (1 if unused else 0), "what follows usable tools is not read"


def test_a_tool_exchange_is_seen_in_each_dialect() -> None:
    call = {"type": "tool_use", "id": "1", "name": "read", "input": {}}
    for api, messages in (
        ("messages", [user("a"), {"role": "assistant", "content": [call]}]),
        ("messages", [user([{"type": "tool_result", "tool_use_id": "1", "content": "x"}])]),
        ("chat", [user("a"), {"role": "tool", "tool_call_id": "1", "content": "x"}]),
        ("chat", [user("a"), {"role": "function", "name": "f", "content": "x"}]),
    ):
        assert facts(api, messages=messages).mid_exchange
    items = [user("a"), {"type": "function_call_output", "call_id": "1", "output": "x"}]
    assert facts("responses", input=items).mid_exchange


def test_turns_and_users_are_counted() -> None:
    messages = [
        {"role": "system", "content": "s"},
        user("a"),
        {"role": "assistant", "content": "b"},
        user("c"),
    ]
    found = facts("chat", messages=messages)
    assert (found.users, found.turns, found.mid_exchange) == (2, 1, False)


@pytest.mark.parametrize(
    ("api", "block"),
    [
        ("messages", {"type": "image", "source": {}}),
        ("messages", {"type": "document", "source": {}}),
        ("chat", {"type": "image_url", "image_url": {"url": "x"}}),
        ("chat", {"type": "input_audio", "input_audio": {}}),
        ("responses", {"type": "input_file", "file_id": "f"}),
        ("messages", {"type": "something_new"}),
    ],
)
def test_anything_but_text_is_other_media(api: str, block: dict[str, Any]) -> None:
    name = "input" if api == "responses" else "messages"
    assert facts(api, **{name: [user([block])]}).other_media
    assert question(api, **{name: [user([block])]}) is None


def test_what_has_no_layout_is_not_understood_unless_its_body_is_all_there_is() -> None:
    assert not facts_of("messages", b"{", None).understood
    assert not facts_of("gemini", b"{}", None).understood
    assert facts_of("embeddings", b"{}", None) == Facts("embeddings", 2)
    assert facts_of("count_tokens", b"{}", None).understood


# --- the question -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "fields"),
    [
        ("chat", {"messages": [user("Why is the sky blue?")]}),
        (
            "chat",
            {"messages": [{"role": "developer", "content": "x"}, user(" Why is the sky blue?")]},
        ),
        ("chat", {"messages": [user([{"type": "text", "text": "Why is the sky blue?"}])]}),
        ("messages", {"system": "s", "messages": [user("Why is the sky blue?\n")]}),
        (
            "messages",
            {
                "messages": [
                    user(
                        [
                            {"type": "text", "text": REMINDER},
                            {"type": "text", "text": "Why is the sky blue?"},
                        ]
                    ),
                    {"role": "system", "content": "Skills: none."},
                ]
            },
        ),
        ("responses", {"input": "Why is the sky blue?"}),
        (
            "responses",
            {
                "instructions": "s",
                "input": [
                    {"role": "developer", "content": "x"},
                    {
                        "type": "message",
                        "role": "user",
                        "content": [{"type": "input_text", "text": "Why is the sky blue?"}],
                    },
                ],
            },
        ),
    ],
)
def test_a_question_is_found_with_its_place(api: str, fields: dict[str, Any]) -> None:
    found = question(api, **fields)
    assert found is not None
    assert found.text == "Why is the sky blue?"


def test_escapes_are_undone() -> None:
    found = question("chat", messages=[user('What is "é"\n in Unicode?')])
    assert found is not None
    assert found.text == 'What is "é"\n in Unicode?'


TWO_TEXTS = [{"type": "text", "text": "Why?"}, {"type": "text", "text": "How?"}]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [user("")],
        [user("Why?"), user("How?")],
        [user("Why?"), {"role": "assistant", "content": "Because."}],
        [{"role": "assistant", "content": "Because."}, user("Why?")],
        [user(TWO_TEXTS)],
        [user(f"{REMINDER}\nWhy?")],
        [user(REMINDER)],
        [user("<task>Why?</task>")],
        [user("[SUGGESTION MODE: what is next?]")],
        [user("why " * 200)],
        [user("x1! " * 60)],  # 240 bytes, and far more than 80 tokens
        [user([{"type": "text", "text": "I pasted a text. " * 60}, TWO_TEXTS[0]])],
        [user([{"type": "text", "text": "<doc>" + "text " * 200}, TWO_TEXTS[0]])],
    ],
)
def test_what_is_not_one_question_alone_has_none(messages: list[Any]) -> None:
    assert question("chat", messages=messages) is None


def test_a_stored_item_is_context() -> None:
    reference = {"type": "item_reference", "id": "x"}
    assert question("responses", input=[reference, user("Why?")]) is None
