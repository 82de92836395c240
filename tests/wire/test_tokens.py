"""Token estimates: near enough to decide by, never zero for a text."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.message import Image, Message, Request, Text, Tool, ToolCall, ToolResult
from lynkr.wire.tokens import (
    FACTORS,
    IMAGE_TOKENS,
    estimated,
    estimated_bytes,
    family_of,
    request_tokens,
)
from tests.wire.evaluation_data import lines_of

# Counted with the o200k_base ranks of tiktoken 0.14.
COUNTED = [
    ("Explain the difference between a process and a thread.", 10),
    ("def add(a: int, b: int) -> int:\n    return a + b\n", 19),
    ('{"id": 12345, "name": "Ana", "tags": ["a", "b"], "ok": true}', 27),
    ("La mémoire est libérée quand la fonction se termine.", 11),
    ("2026-11-23 14:02:11,532 ERROR worker-3 connection reset by peer", 22),
]


@pytest.mark.parametrize(("text", "counted"), COUNTED)
def test_an_estimate_is_what_o200k_counts(text: str, counted: int) -> None:
    assert estimated(text) == counted
    assert estimated_bytes(text.encode()) == counted
    assert estimated_bytes(bytearray(text.encode())) == counted


@given(st.text(alphabet=st.characters()))
def test_only_the_empty_text_has_no_tokens(text: str) -> None:
    """Lone surrogates, which no UTF-8 can say, count as well."""
    assert (estimated(text) == 0) == (text == "")


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k"),
        ("openai/gpt-4.1", "o200k"),
        ("gpt-5-codex", "o200k"),
        ("chatgpt-4o-latest", "o200k"),
        ("openai.gpt-oss-120b-1:0", "o200k"),
        ("o3-mini", "o200k"),
        ("azure/o1", "o200k"),
        ("gpt-4", "cl100k"),
        ("gpt-4-turbo", "cl100k"),
        ("gpt-4-0613", "cl100k"),
        ("gpt-3.5-turbo", "cl100k"),
        ("gpt-35-turbo", "cl100k"),
        ("text-embedding-3-small", "cl100k"),
        ("claude-3-5-sonnet-20241022", "claude"),
        ("claude-opus-4-20250514", "claude"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude"),
        ("claude-opus-4-6", "claude"),
        ("claude-opus-4-7", "claude_4_7"),
        ("anthropic/claude-4.7-opus", "claude_4_7"),
        ("claude-opus-4-10", "claude_4_7"),
        ("claude-sonnet-5-20270101", "claude_4_7"),
        ("claude-instant", "claude"),
        ("gemini-2.5-pro", "gemini"),
        ("google/gemma-3-27b", "gemini"),
        ("deepseek-chat", "deepseek"),
        ("deepseek-r1-distill-llama-70b", "llama"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama"),
        ("Qwen/Qwen3-Coder", "qwen"),
        ("deepseek-r1-distill-qwen-32b", "qwen"),
        ("mistral-large", "other"),
        ("pro1", "other"),
        ("", "other"),
    ],
)
def test_a_model_belongs_to_a_family(model: str, family: str) -> None:
    assert family_of(model) == family
    assert 0.5 <= FACTORS[family] <= 2.0


@given(st.text())
def test_any_name_has_a_family(model: str) -> None:
    assert family_of(model) in FACTORS


def test_everything_that_the_model_reads_counts() -> None:
    said = Message(role="user", parts=[Text(text="hello there")])
    bare = Request(format="x", model="m", messages=[said])
    base = request_tokens(bare)

    def more(**fields: Any) -> int:
        return request_tokens(msgspec.structs.replace(bare, **fields))

    assert more(system=Message(role="system", parts=[Text(text="be brief")])) > base
    assert more(tools=[Tool(name="read", description="Reads a file.")]) > base
    image = Message(role="user", parts=[Image(url="https://x/y.png")])
    assert more(messages=[said, image]) >= base + IMAGE_TOKENS
    call = ToolCall(id="1", name="read", arguments='{"path": "a.txt"}')
    assert more(messages=[said, Message(role="assistant", parts=[call])]) > base
    result = ToolResult(call_id="1", content=[Text(text="the whole file " * 50)])
    assert more(messages=[said, Message(role="tool", parts=[result])]) > base + 100


def test_error_on_the_evaluation_snippets() -> None:
    """The figures that the docs quote, over each text of many kinds, short ones included."""
    snippets = [json.loads(line) for line in lines_of("token-counting/snippets.jsonl")]
    errors = sorted(abs(estimated(s["text"]) - s["o200k"]) / max(1, s["o200k"]) for s in snippets)
    assert statistics.median(errors) <= 0.03
    assert errors[math.ceil(0.95 * len(errors)) - 1] <= 0.10
    total = sum(estimated(s["text"]) for s in snippets) / sum(s["o200k"] for s in snippets)
    assert 0.999 < total < 1.001
