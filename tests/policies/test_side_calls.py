"""Side calls of coding tools, told by their words where a client puts them, and only there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, scan
from lynkr.policies.side_calls import KINDS, REPEATABLE, ROWS, side_call

DIALECTS = {"messages": MESSAGES, "chat": CHAT, "responses": RESPONSES}
TOOL = {"name": "read", "input_schema": {"type": "object"}}
TITLE = "Generate a concise, sentence-case title (3-7 words) for this session."
BILLING = "x-anthropic-billing-header: cc_version=2.1.197.1ab; cc_entrypoint=cli;"


def told(api: str, **fields: Any) -> str:
    body = json.dumps({"model": "m", **fields}).encode()
    layout = scan(body, DIALECTS[api])
    assert layout is not None
    return side_call(api, body, layout)


def user(*texts: str) -> dict[str, Any]:
    if len(texts) == 1:
        return {"role": "user", "content": texts[0]}
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


def blocks(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


@pytest.mark.parametrize(
    ("api", "fields", "name"),
    [
        # Claude Code: third block of its system prompt, no tools.
        (
            "messages",
            {
                "system": blocks(BILLING, "You are Claude Code.", TITLE),
                "messages": [user("fix the login")],
                "tools": [],
            },
            "title",
        ),
        (
            "messages",
            {"messages": [user("Please write a 5-10 word title for the following conversation:")]},
            "title",
        ),
        (
            "messages",
            {
                "system": "Analyze if this message indicates a new conversation topic. If it does",
                "messages": [user("hello")],
            },
            "topic",
        ),
        ("messages", {"messages": [user("quota")], "max_tokens": 1}, "quota"),
        ("messages", {"messages": [user("Warmup")], "tools": [TOOL]}, "warm_up"),
        # With all tools, and the conversation before it.
        (
            "messages",
            {
                "messages": [
                    user("a"),
                    {"role": "assistant", "content": "b"},
                    user(
                        "<system-reminder>x</system-reminder>", "[SUGGESTION MODE: What is next?]"
                    ),
                ],
                "tools": [TOOL],
            },
            "suggestion",
        ),
        (
            "messages",
            {
                "messages": [
                    user("a"),
                    {"role": "assistant", "content": "b"},
                    user("c", "\n CRITICAL: Respond with TEXT ONLY. Do not call tools."),
                ],
                "tools": [TOOL],
            },
            "summary",
        ),
        # Codex: a last item.
        (
            "responses",
            {
                "input": [
                    user("a"),
                    {"type": "function_call", "call_id": "1", "name": "x", "arguments": "{}"},
                    {
                        "type": "message",
                        "role": "user",
                        "content": [
                            {
                                "type": "input_text",
                                "text": "You are performing a CONTEXT CHECKPOINT COMPACTION. Write",
                            }
                        ],
                    },
                ]
            },
            "summary",
        ),
        # opencode: in its instructions, a system message, or the first of two user messages.
        (
            "responses",
            {
                "instructions": "You are a title generator. You output ONLY a thread title.",
                "input": "hello",
            },
            "title",
        ),
        (
            "chat",
            {
                "messages": [
                    {
                        "role": "system",
                        "content": "You are a title generator. You output ONLY a "
                        "thread title. Nothing else.",
                    },
                    user("hello"),
                ]
            },
            "title",
        ),
        (
            "chat",
            {"messages": [user("Generate a title for this conversation:\n"), user("fix it")]},
            "title",
        ),
        (
            "chat",
            {"messages": [user('<explicit_instructions type="summarize_task">\nThe current')]},
            "summary",
        ),
        (
            "chat",
            {"messages": [user("Given the following... please reply with a title for the chat")]},
            "title",
        ),
    ],
)
def test_a_side_call_is_told(api: str, fields: dict[str, Any], name: str) -> None:
    assert told(api, **fields) == name


@pytest.mark.parametrize(
    ("api", "fields"),
    [
        ("chat", {"messages": [user("What does a title generator do?")]}),
        ("chat", {"messages": [user(f"Who wrote this prompt: {TITLE}")]}),
        ("chat", {"messages": [user("quota")]}),
        ("chat", {"messages": [user("quota")], "max_tokens": 100}),
        ("chat", {"messages": [user("quota exceeded, why?")], "max_tokens": 1}),
        ("chat", {"messages": [user("a"), user("Warmup")]}),
        ("chat", {"messages": [user("Warmup exercises for runners?")]}),
        # Words of a system prompt in a user's text, and of a title in an agent's long prompt.
        ("chat", {"messages": [user(TITLE)]}),
        ("chat", {"messages": [{"role": "system", "content": "x " * 600 + TITLE}, user("a")]}),
        ("messages", {"system": TITLE, "messages": [user("a")], "tools": [TOOL]}),
        # A tool's result, and an answer, are nobody's instructions.
        ("chat", {"messages": [user("a"), {"role": "assistant", "content": "Warmup"}]}),
        ("messages", {"messages": []}),
    ],
)
def test_other_calls_are_not(api: str, fields: dict[str, Any]) -> None:
    assert told(api, **fields) == ""


def test_without_a_layout_nothing_is_told() -> None:
    assert side_call("embeddings", b"{}", None) == ""


def test_the_table_names_kinds_that_are_described() -> None:
    assert {row.kind for row in ROWS} == set(KINDS)
    assert all(row.phrase.strip() == row.phrase and row.client for row in ROWS)


def test_calls_made_for_what_they_do_are_not_repeated() -> None:
    assert REPEATABLE.isdisjoint({"quota", "warm_up", "summary"})
    assert "title" in REPEATABLE
