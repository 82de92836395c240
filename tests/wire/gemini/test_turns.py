"""Conversations of other dialects, in the turns that Google wants."""

from __future__ import annotations

import itertools
import json

import msgspec
import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.codec import Target
from lynkr.wire.message import (
    Audio,
    Document,
    Image,
    Json,
    Message,
    Part,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from tests.wire.gemini.asked import ALL, INLINE, PNG, SEAL, answer, asked, call, contents, said
from tests.wire.gemini.cases import PLAIN, encoded, lost
from tests.wire.made_json import some_text


def test_instructions_at_the_front_are_the_system_instruction() -> None:
    body, losses = encoded(
        asked(
            said("system", "one"),
            said("developer", "two"),
            said("user", "hi"),
            system=said("system", "zero"),
        )
    )
    assert body == {
        "systemInstruction": {"parts": [{"text": "zero"}, {"text": "one"}, {"text": "two"}]},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
    }
    assert losses.found == []


def test_instructions_in_the_middle_keep_their_place() -> None:
    assert contents(
        said("user", "a"), said("system", "note"), said("assistant", "b"), said("system", "last")
    ) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "note"}]},
        {"role": "model", "parts": [{"text": "b"}]},
        {"role": "user", "parts": [{"text": "last"}]},
    ]


def test_nothing_but_instructions_is_a_question() -> None:
    assert contents(said("system", "Say hi.")) == [{"role": "user", "parts": [{"text": "Say hi."}]}]


def test_roles_alternate() -> None:
    found = contents(
        said("user", "a"), said("user", "b"), said("assistant", "c"), said("assistant", ""),
        said("assistant", "d"), said("user", "e"),
    )  # fmt: skip
    assert [(turn["role"], len(turn["parts"])) for turn in found] == [
        ("user", 2),
        ("model", 2),
        ("user", 1),
    ]


def test_results_stand_in_the_order_of_their_calls() -> None:
    """Without ids Google tells them apart by nothing else."""
    found = contents(
        said("user", "x"),
        said("assistant", call("f", "c1"), call("f", "c2"), call("g", "c3")),
        said("tool", answer("c3", Text(text="three"), plain=True)),
        said("tool", answer("c2", Text(text="two"), plain=True)),
        said("user", "and", answer("c1", Text(text="one"), plain=True)),
    )
    assert [part.get("functionResponse", part) for part in found[2]["parts"]] == [
        {"name": "f", "response": {"output": "one"}},
        {"name": "f", "response": {"output": "two"}},
        {"name": "g", "response": {"output": "three"}},
        {"text": "and"},
    ]


def test_ids_are_for_those_who_take_them() -> None:
    messages = (said("user", "x"), said("assistant", call("f", "toolu_1")), said("user", answer("toolu_1")))  # noqa: E501  # fmt: skip
    with_ids = contents(*messages, target=ALL)
    assert with_ids[1]["parts"][0]["functionCall"]["id"] == "toolu_1"
    assert with_ids[2]["parts"][0]["functionResponse"]["id"] == "toolu_1"
    assert '"id"' not in json.dumps(contents(*messages))


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (answer("c1", Text(text="a"), plain=True), {"output": "a"}),
        (answer("c1", Text(text="a"), Text(text="b")), {"output": "a\nb"}),
        (answer("c1"), {"output": ""}),
        (answer("c1", Text(text="no"), is_error=True), {"error": "no"}),
        # A text that reads like JSON is a text.
        (answer("c1", Text(text='{"output":1}'), plain=True), {"output": '{"output":1}'}),
        (answer("c1", Document(text="doc")), {"output": "doc"}),
    ],
)
def test_a_result_is_one_text(result: ToolResult, response: Json) -> None:
    found = contents(said("user", "x"), said("assistant", call("f")), said("user", result))
    assert found[2]["parts"] == [{"functionResponse": {"name": "f", "response": response}}]


def test_pictures_of_a_result() -> None:
    """Inside it where the model takes that; else behind the results of the turn."""
    messages = (
        said("user", "x"),
        said("assistant", call("f", "c1"), call("g", "c2")),
        said("user", answer("c1", Text(text="a"), PNG), answer("c2", PNG), "and"),
    )
    first, second = {"name": "f", "response": {"output": "a"}}, {"name": "g", "response": {"output": ""}}  # noqa: E501  # fmt: skip
    inside = Target(model="m", capabilities=frozenset(["function_response_parts"]))
    assert contents(*messages, target=inside)[2]["parts"] == [
        {"functionResponse": {**first, "parts": [INLINE]}},
        {"functionResponse": {**second, "parts": [INLINE]}},
        {"text": "and"},
    ]
    assert contents(*messages)[2]["parts"] == [
        {"functionResponse": first},
        {"functionResponse": second},
        INLINE,
        INLINE,
        {"text": "and"},
    ]


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ('{"a": [1.0, 2]}', {"a": [1.0, 2]}),
        ("", {}),
        ("  ", {}),
        ('{"a": "cut', {"input": '{"a": "cut'}),
        ("[1]", {"input": [1]}),
    ],
)
def test_arguments_are_an_object(arguments: str, args: Json) -> None:
    """A model's broken JSON is told as it was, and reported."""
    body, losses = encoded(asked(said("user", "x"), said("assistant", call("f", "c1", arguments))))
    assert body["contents"][1]["parts"] == [{"functionCall": {"name": "f", "args": args}}]
    odd = [("tool_call.arguments", "messages.1.content.0.arguments")] if "input" in args else []
    assert lost(losses) == odd


def test_media() -> None:
    found = contents(
        said(
            "user",
            PNG,
            Image(url="https://e.com/a.png"),
            Image(url="gs://b/c", media_type="image/jpeg", detail="auto"),
            Document(data="JVBE"),
            Document(url="https://e.com/a.pdf", media_type="application/pdf"),
            Document(text="plain"),
            Audio(media_type="audio/wav", data="UklG"),
        ),
        target=ALL,
    )
    assert found[0]["parts"] == [
        INLINE,
        {"fileData": {"fileUri": "https://e.com/a.png"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "gs://b/c"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://e.com/a.pdf"}},
        {"text": "plain"},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
    ]


# --- signatures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        (
            [Thinking(text="hidden", seal=SEAL), call("f"), call("g", "c2")],
            [
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "g", "args": {"a": 1}}},
            ],
        ),
        (
            [Thinking(seal=SEAL), Text(text="a")],
            [{"text": "a", "thoughtSignature": "c2ln"}],
        ),
        (
            [Text(text="a"), Thinking(seal=SEAL)],
            [{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}],
        ),
        (
            [
                Text(text="a"),
                Thinking(seal=Seal("gemini", {"thoughtSignature": "c2ln", "on": "text"})),
                call("f"),
            ],
            [
                {"text": "a"},
                {"text": "", "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "f", "args": {"a": 1}}},
            ],
        ),
        (
            [
                Thinking(
                    text="t", seal=Seal("gemini", {"thoughtSignature": "c2ln", "on": "thought"})
                ),
                Text(text="a"),
            ],
            [{"text": "t", "thought": True, "thoughtSignature": "c2ln"}, {"text": "a"}],
        ),
        ([Thinking(seal=Seal("gemini", {})), Text(text="a")], [{"text": "a"}]),
        ([Thinking(seal=Seal("gemini", {"thoughtSignature": 7})), Text(text="a")], [{"text": "a"}]),
        (
            [Thinking(seal=SEAL), Thinking(seal=SEAL), Text(text="a")],
            [{"text": "", "thoughtSignature": "c2ln"}, {"text": "a", "thoughtSignature": "c2ln"}],
        ),
    ],
)
def test_a_signature_goes_where_it_was(parts: list[Part], written: list[Json]) -> None:
    found = contents(said("user", "x"), said("assistant", *parts))
    assert found[1]["parts"] == written


def test_a_stand_in_for_signatures_that_nobody_has() -> None:
    """On the first call of each turn, if that has none."""
    target = Target(model="m", missing_signature="skip_thought_signature_validator")
    found = contents(
        said("user", "x"),
        said("assistant", "a", call("f", "c1"), call("f", "c2")),
        said("user", answer("c1"), answer("c2")),
        said("assistant", Thinking(seal=SEAL), call("f", "c3"), call("f", "c4")),
        said("user", answer("c3"), answer("c4")),
        said("assistant", "no call"),
        target=target,
    )
    signed = [
        [part.get("thoughtSignature") for part in turn["parts"]]
        for turn in found
        if turn["role"] == "model"
    ]
    assert signed == [[None, "skip_thought_signature_validator", None], ["c2ln", None], [None]]


@pytest.mark.parametrize(
    "seal", [None, Seal("anthropic_messages", {"signature": "x"}), Seal("openai_responses", {})]
)
def test_reasoning_of_others_is_lost(seal: Seal | None) -> None:
    body, losses = encoded(
        asked(said("user", "x"), said("assistant", Thinking(text="t", seal=seal), "a"))
    )
    assert body["contents"][1]["parts"] == [{"text": "a"}]
    assert lost(losses) == [("thinking", "messages.1.content.0")]


# --- the SDK's types ------------------------------------------------------------------------------

foreign_parts: st.SearchStrategy[Part] = st.one_of(
    some_text().map(lambda text: Text(text=text)),
    st.just(PNG),
    st.builds(Thinking, text=some_text(), seal=st.sampled_from([None, SEAL])),
    st.builds(ToolCall, id=st.sampled_from("abc"), name=st.just("f"), arguments=some_text()),
    st.builds(
        ToolResult,
        call_id=st.sampled_from("abc"),
        content=st.lists(st.one_of(some_text().map(lambda text: Text(text=text)), st.just(PNG))),
        is_error=st.booleans(),
    ),
)
foreign_messages = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
        parts=st.lists(foreign_parts, max_size=4),
    ),
    max_size=6,
)


@given(foreign_messages, st.booleans())
def test_whatever_comes_is_a_request_of_googles(messages: list[Message], full: bool) -> None:
    body, _ = encoded(asked(*messages), ALL if full else PLAIN)
    turns = [types.Content.model_validate(content) for content in body["contents"]]
    roles = [turn.role for turn in turns]
    assert all(one != other for one, other in itertools.pairwise(roles))
    for turn in turns:
        assert turn.parts
        kinds = ["functionResponse" not in part.model_dump(by_alias=True, exclude_none=True)
                 for part in turn.parts]  # fmt: skip
        assert turn.role == "model" or kinds == sorted(kinds)


@given(foreign_messages)
def test_the_same_request_gives_the_same_bytes(messages: list[Message]) -> None:
    """And is not changed by it."""
    request = asked(*messages)
    kept = msgspec.json.encode(request.messages)
    assert encoded(request)[0] == encoded(request)[0]
    assert msgspec.json.encode(request.messages) == kept
