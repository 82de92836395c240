"""Requests of other dialects at Converse: turns, texts, cache points, reasoning, ids, files."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.codec import Losses, Target, codec
from lynkr.wire.converse.codec import CODEC
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    Offer,
    Opaque,
    Part,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
)
from lynkr.wire.plain_tools import simplified
from tests.wire import schemas
from tests.wire.anthropic import made as made_anthropic
from tests.wire.converse.tools import ALL, LS, NONE, asked, assistant, unhurried, user, written

# --- turns ----------------------------------------------------------------------------------------


def test_instructions_before_the_first_turn_are_the_system_prompt() -> None:
    body, lost = written(
        asked(
            Message(role="system", parts=[Text(text="One.")]),
            Message(role="developer", parts=[Text(text="Two.")]),
            user(Text(text="Hi")),
            system=Message(role="system", parts=[Text(text="Zero.")]),
        )
    )
    assert body == {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "system": [{"text": "Zero."}, {"text": "One."}, {"text": "Two."}],
    }
    assert lost == []


def test_later_instructions_stay_where_they_are_and_the_user_says_them() -> None:
    """Claude Code's reminders: moved to the front they would break the cached prefix."""
    body, lost = written(
        asked(
            user(Text(text="Hi")),
            Message(role="system", parts=[Text(text="Remember.")]),
            assistant(Text(text="Yes?")),
            Message(role="system", parts=[Text(text="Again.")]),
        )
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "Hi"}, {"text": "Remember."}]},
        {"role": "assistant", "content": [{"text": "Yes?"}]},
        {"role": "user", "content": [{"text": "Again."}]},
    ]
    assert lost == []


def test_instructions_alone_are_said_by_the_user() -> None:
    body, _ = written(asked(Message(role="system", parts=[Text(text="Do it.")])))
    assert body == {"messages": [{"role": "user", "content": [{"text": "Do it."}]}]}


def test_turns_alternate_and_results_come_first() -> None:
    body, lost = written(
        asked(
            user(Text(text="a")),
            user(Text(text="b")),
            assistant(Text(text="c"), ToolCall(id="1", name="ls", arguments="")),
            assistant(ToolCall(id="2", name="ls", arguments='{"a":1}')),
            user(Text(text="d")),
            Message(role="tool", parts=[ToolResult(call_id="1", content=[Text(text="e")])]),
            Message(role="tool", parts=[ToolResult(call_id="2", content=[], is_error=True)]),
            tools=[LS],
        )
    )
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"][1:] == [
        {"toolUse": {"toolUseId": "1", "name": "ls", "input": {}}},
        {"toolUse": {"toolUseId": "2", "name": "ls", "input": {"a": 1}}},
    ]
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "1", "content": [{"text": "e"}]}},
        # Bedrock refuses an error that says nothing at all.
        {"toolResult": {"toolUseId": "2", "content": [{"text": ""}], "status": "error"}},
        {"text": "d"},
    ]
    assert lost == []


def test_blank_text_is_left_out_and_with_it_messages_that_hold_nothing_else() -> None:
    """Bedrock: "text content blocks must contain non-whitespace text"."""
    body, lost = written(
        asked(
            user(Text(text="a"), Text(text=" \n", cache=CacheMark())),
            assistant(Text(text="")),
            user(ToolResult(call_id="1", content=[Text(text="")])),
            system=Message(role="system", parts=[Text(text="")]),
            tools=[LS],
        )
    )
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "1", "content": []}},
                {"text": "a"},
                {"cachePoint": {"type": "default"}},
            ],
        }
    ]
    assert "system" not in body
    assert lost == []


# --- parts ----------------------------------------------------------------------------------------


def test_cache_marks_become_cache_points_behind_what_they_mark() -> None:
    request = asked(
        user(
            ToolResult(call_id="1", content=[Text(text="r", cache=CacheMark())], cache=None),
            Text(text="a", cache=CacheMark(ttl="5m")),
        ),
        system=Message(role="system", parts=[Text(text="s", cache=CacheMark(ttl="1h"))]),
        tools=[msgspec.structs.replace(LS, cache=CacheMark())],
    )
    body, lost = written(request)
    point: Json = {"cachePoint": {"type": "default"}}
    assert body["messages"][0]["content"][1:] == [point, {"text": "a"}, point]
    assert body["system"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["toolConfig"]["tools"][1] == point
    assert lost == []
    body, lost = written(request, NONE)
    assert "cachePoint" not in json.dumps(body)
    assert lost == [
        ("cache_control", "system.0.cache_control"),
        ("cache_control", "messages.0.content.0.content.0.cache_control"),
        ("cache_control", "messages.0.content.1.cache_control"),
        ("tool.cache_control", "tools.0.cache_control"),
    ]


def test_reasoning_that_claude_signed_is_claudes_here_too() -> None:
    parts: list[Part] = [
        Thinking(text="a", seal=Seal("anthropic_messages", {"signature": "Eq"})),
        Thinking(seal=Seal("anthropic_messages", {"data": "EtMF"})),
        Thinking(seal=Seal("bedrock", {"redactedContent": "/+8A"})),
        Thinking(text="b", seal=Seal("gemini", {"thoughtSignature": "x"})),
        Thinking(text="c"),
        Text(text="d"),
    ]
    body, lost = written(asked(user(Text(text="q")), assistant(*parts)))
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "a", "signature": "Eq"}}},
        {"reasoningContent": {"redactedContent": "RXRNRg=="}},
        {"reasoningContent": {"redactedContent": "/+8A"}},
        {"text": "d"},
    ]
    assert lost == [("thinking", "messages.1.content.3"), ("thinking", "messages.1.content.4")]
    _, lost = written(asked(user(Text(text="q")), assistant(*parts)), NONE)
    assert [name for name, _ in lost] == ["thinking"] * 5


@unhurried
@given(st.text(max_size=90))
def test_ids_that_bedrock_refuses_are_mapped_alike_in_calls_and_results(given_: str) -> None:
    body, _ = written(
        asked(
            user(Text(text="q")),
            assistant(ToolCall(id=given_, name="ls", arguments="{}")),
            user(ToolResult(call_id=given_, content=[])),
            tools=[LS],
        )
    )
    called = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == called
    if given_.isascii() and given_.isalnum() and len(given_) <= 64:
        assert called == given_


def test_two_ids_that_look_alike_stay_two() -> None:
    body, _ = written(
        asked(
            user(Text(text="q")),
            assistant(*(ToolCall(id=name, name="ls", arguments="{}") for name in ("a/b", "a|b"))),
            tools=[LS],
        )
    )
    first, second = body["messages"][1]["content"]
    assert first["toolUse"]["toolUseId"] != second["toolUse"]["toolUseId"]


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "3", "plain"])
def test_arguments_that_are_no_object_are_wrapped_if_that_is_tolerated(arguments: str) -> None:
    body, lost = written(
        asked(
            user(Text(text="q")),
            assistant(ToolCall(id="1", name="ls", arguments=arguments)),
            tools=[LS],
        )
    )
    assert body["messages"][1]["content"][0]["toolUse"]["input"] == {"input": arguments}
    assert lost == [("tool_call.arguments", "messages.1.content.0.arguments")]


# --- pictures and files ---------------------------------------------------------------------------

PNG = Image(media_type="image/png", data="iVBORw0KGgo=")
PDF = Document(media_type="application/pdf", data="JVBERi0=", title="a.b/c  d (1).pdf")


def test_pictures_and_files_are_carried_also_in_results() -> None:
    body, lost = written(
        asked(
            user(
                PNG,
                Image(media_type="image/jpg", data="/9g="),
                PDF,
                Document(text="ü", title="", extras={"context": "c", "citations": {}}),
                Document(media_type="text/markdown", data="IyBh", title="  "),
                PDF,
                Audio(media_type="audio/x-wav", data="UklGRg=="),
                ToolResult(call_id="1", content=[PNG, PDF, Text(text="t")]),
            ),
            tools=[LS],
        )
    )
    result, *content = body["messages"][0]["content"]
    assert [next(iter(block)) for block in result["toolResult"]["content"]] == [
        "image", "document", "text",
    ]  # fmt: skip
    assert content[:2] == [
        {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
        {"image": {"format": "jpeg", "source": {"bytes": "/9g="}}},
    ]
    assert [block["document"]["name"] for block in content[2:6]] == [
        "a-b-c d (1)-pdf", "document-2", "document-3", "a-b-c d (1)-pdf (2)",
    ]  # fmt: skip
    assert content[3]["document"] == {
        "format": "txt",
        "name": "document-2",
        "source": {"bytes": "w7w="},
        "context": "c",
    }
    assert content[6] == {"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}}
    assert lost == []


@unhurried
@given(st.lists(st.text(max_size=220), max_size=4))
def test_names_of_files_are_made_of_what_bedrock_takes_and_differ(titles: list[str]) -> None:
    """Letters, digits, single blanks, hyphens, parentheses, brackets."""
    files: list[Part] = [Document(text="x", title=title) for title in titles]
    body, _ = written(asked(user(Text(text="q"), *files)))
    names = [block["document"]["name"] for block in body["messages"][0]["content"][1:]]
    assert len(set(names)) == len(titles)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9()\[\]-]+( [A-Za-z0-9()\[\]-]+)*", name)


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        (Image(url="https://x/y.png"), "image_url"),
        (Image(file_id="f"), "file_id"),
        (Image(media_type="image/tiff", data="AA=="), "image"),
        (msgspec.structs.replace(PNG, detail="low"), "image.detail"),
        (Document(url="https://x/y.pdf"), "document_url"),
        (Document(file_id="f"), "file_id"),
        (Document(media_type="application/zip", data="AA=="), "document"),
        (Document(text="x", extras={"citations": {"enabled": True}}), "citations"),
        (Audio(media_type="audio/amr", data="AA=="), "audio"),
        (Opaque(kind="server_tool_use", value={"type": "server_tool_use"}), "server_tool_use"),
        (ToolReference(name="x"), "tool_reference"),
        (Offer(tools=[]), "additional_tools"),
        (Text(text="x", extras={"citations": [1]}), "citations"),
        (Text(text="x", refusal=True), "refusal"),
        (Text(text="x", cache=CacheMark(ttl="9h")), "cache_control"),
        (Text(text="x", cache=CacheMark(extras={"scope": "global"})), "scope"),
    ],
)
def test_parts_without_a_place_are_named(part: Part, lost: str) -> None:
    body, found = written(asked(user(Text(text="q"), part)))
    assert [name for name, _ in found] == [lost]
    assert found[0][1].startswith("messages.0.content.1")
    assert body["messages"][0]["content"][0] == {"text": "q"}


@pytest.mark.parametrize(
    ("part", "lost"),
    [(PNG, "image"), (PDF, "document"), (Audio(media_type="audio/wav", data="AA=="), "audio")],
)
def test_what_the_model_cannot_see_or_bedrock_takes_from_users_only(part: Part, lost: str) -> None:
    _, found = written(asked(user(Text(text="q"), part)), NONE)
    assert found == [(lost, "messages.0.content.1")]
    _, found = written(asked(user(Text(text="q")), assistant(Text(text="a"), part)))
    assert found == [(lost, "messages.1.content.1")]


def test_instructions_are_text() -> None:
    parts: list[Part] = [PNG, Text(text="s"), Thinking(text="t"), Opaque(kind="new", value={})]
    body, found = written(
        asked(
            Message(role="system", parts=parts),
            user(Text(text="q")),
            Message(role="developer", parts=parts),
        )
    )
    assert [name for name, _ in found] == ["image", "thinking", "new"] * 2
    assert body["system"] == [{"text": "s"}]
    assert body["messages"] == [{"role": "user", "content": [{"text": "q"}, {"text": "s"}]}]


def test_a_picture_in_a_result_has_a_name_of_its_own() -> None:
    result = ToolResult(call_id="1", content=[PNG, Opaque(kind="new", value={})])
    body, found = written(asked(user(result), tools=[LS]), NONE)
    assert found == [
        ("tool_result.image", "messages.0.content.0.content.0"),
        ("new", "messages.0.content.0.content.1"),
    ]
    assert body["messages"][0]["content"][0]["toolResult"]["content"] == []


def test_names_and_unknown_fields_of_messages_are_losses() -> None:
    message = Message(role="user", parts=[Text(text="q")], name="bob", extras={"new": 1, "no": []})
    _, found = written(asked(message))
    assert found == [("message.name", "messages.0.name"), ("new", "messages.0.new")]


@pytest.mark.parametrize("flags", [ALL, NONE, frozenset(("adaptive_thinking", "fixed_sampling"))])
@unhurried
@given(made_anthropic.requests)
def test_any_request_of_claudes_dialect_is_one_that_bedrock_knows(
    flags: frozenset[str], made: dict[str, object]
) -> None:
    """Whatever its shape: nothing raises, and the schema has a place for all that is written."""
    request = codec("anthropic_messages").decode_request(json.dumps(made).encode(), "m", False)
    request.max_output_tokens = None  # zero, which those requests may have, is nobody's limit
    losses = Losses()
    plain, _ = simplified(request, losses)
    body = CODEC.encode_request(plain, Target("m", flags), losses)
    schemas.check("bedrock", body, stream=False)
