"""Token estimates: near enough to decide by, never zero for a text."""

from __future__ import annotations

import json
import statistics
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.message import Image, Message, Request, Text, Tool, ToolCall, ToolResult
from lynkr.wire.tokens import IMAGE_TOKENS, estimated, request_tokens
from tests.wire.evaluation_data import lines_of

# Counted with the o200k_base ranks of tiktoken 0.14.
COUNTED = [
    ("Explain the difference between a process and a thread.", 10),
    ("def add(a: int, b: int) -> int:\n    return a + b\n", 18),
    ('{"id": 12345, "name": "Ana", "tags": ["a", "b"], "ok": true}', 24),
    ("La mémoire est libérée quand la fonction se termine.", 12),
    ("2026-11-23 14:02:11,532 ERROR worker-3 connection reset by peer", 25),
]


@pytest.mark.parametrize(("text", "counted"), COUNTED)
def test_an_estimate_is_within_a_third(text: str, counted: int) -> None:
    assert abs(estimated(text) - counted) <= max(3, counted / 3)


@given(st.text())
def test_only_the_empty_text_has_no_tokens(text: str) -> None:
    assert (estimated(text) == 0) == (text == "")


@given(st.text(), st.text())
def test_more_text_is_not_fewer_tokens(one: str, two: str) -> None:
    assert estimated(one + "\n" + two) >= max(estimated(one), estimated(two)) - 1


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
    """The figures that the docs quote: median error and bias over real text of many kinds."""
    snippets = [json.loads(line) for line in lines_of("token-counting/snippets.jsonl")]
    judged = [s for s in snippets if s["o200k"] > 20 and s["kind"] != "repeat"]
    errors = [abs(estimated(s["text"]) - s["o200k"]) / s["o200k"] for s in judged]
    assert statistics.median(errors) < 0.12
    total = sum(estimated(s["text"]) for s in judged) / sum(s["o200k"] for s in judged)
    assert 0.95 < total < 1.15
