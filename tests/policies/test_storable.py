"""Which answers are kept: whole ones, that lose nothing when they are given again."""

from __future__ import annotations

from typing import get_args

import pytest

from lynkr.policies.storable import body_storable, why_not
from lynkr.wire.message import (
    Image,
    Opaque,
    Part,
    Response,
    Stop,
    StopReason,
    Text,
    Thinking,
    ToolCall,
)


def reply(*parts: Part, reason: StopReason = "end_turn") -> Response:
    return Response(id="r", model="m", parts=list(parts), stop=Stop(reason))


HELLO = Text(text="Hello.")


def test_a_plain_answer_is_kept() -> None:
    assert why_not(reply(HELLO)) == ""
    assert why_not(reply(HELLO, reason="stop_sequence")) == ""
    assert why_not(reply(HELLO), semantic=True) == ""


@pytest.mark.parametrize("reason", [*get_args(StopReason)])
def test_only_answers_that_came_to_their_end_are(reason: StopReason) -> None:
    assert (why_not(reply(HELLO, reason=reason)) == "") == (reason in ("end_turn", "stop_sequence"))


@pytest.mark.parametrize("status", [201, 400, 429, 500, 529, 0])
def test_errors_are_not(status: int) -> None:
    assert why_not(reply(HELLO), status) == "error"


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Text(text="I can't.", refusal=True), "refusal"),
        (Text(text="As [1] says.", extras={"citations": [{"url": "u"}]}), "citations"),
        (ToolCall(id="1", name="read", arguments="{}"), "tool_use"),
        (Image(data="x", media_type="image/png"), "part"),
        (Opaque(kind="compaction", value={}), "part"),
    ],
)
def test_parts_that_would_be_lost_or_act_are_not(part: Part, why: str) -> None:
    assert why_not(reply(HELLO, part)) == why


@pytest.mark.parametrize("parts", [(), (Text(text=" \n"),), (Thinking(text="Hm."),)])
def test_nothing_said_is_not(parts: tuple[Part, ...]) -> None:
    assert why_not(reply(*parts)) == "empty"


def test_thinking_and_log_probabilities_are_only_for_the_same_words() -> None:
    thought = reply(Thinking(text="Hm."), HELLO)
    assert why_not(thought) == ""
    assert why_not(thought, semantic=True) == "thinking"
    weighed = reply(Text(text="Hello.", logprobs=[{"token": "Hello"}]))
    assert why_not(weighed) == ""
    assert why_not(weighed, semantic=True) == "logprobs"


def test_an_error_beside_the_answer_is_seen() -> None:
    found = reply(HELLO)
    found.extras = {"error": {"message": "overloaded"}}
    assert why_not(found) == "trouble"
    found.extras = {"error": None, "service_tier": "standard"}
    assert why_not(found) == ""


def test_size_counts_in_bytes_of_all_texts() -> None:
    found = reply(Thinking(text="ab"), Text(text="é"))
    assert why_not(found, bytes_max=4) == ""
    assert why_not(found, bytes_max=3) == "too_large"


@pytest.mark.parametrize(
    ("api", "body", "kept"),
    [
        ("count_tokens", b'{"input_tokens": 12}', True),
        ("count_tokens", b'{"input_tokens": 12, "error": null, "more": {}}', True),
        ("count_tokens", b'{"input_tokens": -1}', False),
        ("count_tokens", b'{"input_tokens": "12"}', False),
        ("count_tokens", b'{"type": "error", "error": {"message": "no"}}', False),
        ("count_tokens", b'{"input_tokens": 12, "error": {}}', False),
        ("count_tokens", b'{"input_tokens": 12', False),
        ("count_tokens", b"[]", False),
        ("count_tokens", b"", False),
        ("count_tokens", b"<html>", False),
        ("embeddings", b'{"data": [{"index": 0, "embedding": [0.1, -1e-3]}]}', True),
        ("embeddings", b'{"data": [{"embedding": "AACAPw=="}], "usage": {}}', True),
        ("embeddings", b'{"data": []}', False),
        ("embeddings", b'{"data": [{"index": 0}]}', False),
        ("embeddings", b'{"data": [{"embedding": [1]}], "error": {"code": 1}}', False),
        ("embeddings", b'{"error": {"message": "no"}}', False),
        ("messages", b'{"input_tokens": 12}', False),
    ],
)
def test_bodies(api: str, body: bytes, kept: bool) -> None:
    assert body_storable(api, body) is kept
