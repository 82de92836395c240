"""What the items of a Responses conversation mean to other dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
    Tool,
    ToolCall,
    ToolResult,
)
from lynkr.wire.responses.items import Item, decode_item, own_items
from lynkr.wire.seals import seal_text


def read(**item: Any) -> Item:
    return decode_item(item, "input.0")


def only(**item: Any) -> Part:
    """The one part of an item's message."""
    message = read(**item)
    assert len(message.parts) == 1
    return message.parts[0]


def part(**given: Any) -> Part:
    return only(type="message", role="user", content=[given])


def test_a_message_keeps_its_role_id_and_unknown_fields() -> None:
    message = read(
        type="message", id="msg_1", role="developer", status="completed", content="x",
        phase="commentary", internal_chat_message_metadata_passthrough={"a": 1},
    )  # fmt: skip
    assert (message.role, message.id, message.plain) == ("developer", "msg_1", True)
    assert message.parts == [Text(text="x")]
    assert message.extras == {
        "phase": "commentary",
        "internal_chat_message_metadata_passthrough": {"a": 1},
    }


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"type": "input_text", "text": "x"}, Text(text="x")),
        ({"type": "output_text", "text": "x", "annotations": [], "logprobs": []}, Text(text="x")),
        ({"type": "refusal", "refusal": "no"}, Text(text="no", refusal=True)),
        (
            {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text(text="x", cache=CacheMark()),
        ),
        (
            {
                "type": "input_text",
                "text": "x",
                "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
            },
            Text(text="x", cache=CacheMark(ttl="1h", extras={"ttl": "12h"})),
        ),
        (
            {"type": "input_image", "image_url": "data:image/png;base64,QQ==", "detail": "low"},
            Image(media_type="image/png", data="QQ==", detail="low"),
        ),
        (
            {"type": "input_image", "image_url": "https://e.org/a", "detail": "auto"},
            Image(url="https://e.org/a"),
        ),
        ({"type": "input_image", "file_id": "file_1"}, Image(file_id="file_1")),
        (
            {
                "type": "input_file",
                "file_data": "data:application/pdf;base64,QQ==",
                "filename": "a",
            },
            Document(media_type="application/pdf", data="QQ==", title="a"),
        ),
        ({"type": "input_file", "file_url": "https://e.org"}, Document(url="https://e.org")),
        (
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}},
            Audio(media_type="audio/wav", data="QQ=="),
        ),
        ({"type": "x_new", "a": 1}, Opaque(kind="x_new", value={"type": "x_new", "a": 1})),
    ],
)
def test_parts_of_a_content(given: Json, wanted: Part) -> None:
    assert part(**given) == wanted


def test_calls() -> None:
    call = only(
        type="function_call", id="fc_1", call_id="c", name="echo", namespace="mcp", arguments="{}"
    )
    assert call == ToolCall(id="c", name="echo", arguments="{}", namespace="mcp", item_id="fc_1")
    call = only(type="custom_tool_call", call_id="c", name="exec", input="ls")
    assert call == ToolCall(id="c", name="exec", arguments="ls", kind="custom")
    call = only(type="local_shell_call", id="i", call_id="c", action={"command": ["ls"]})
    assert isinstance(call, ToolCall)
    assert (call.kind, call.name) == ("local_shell", "local_shell")
    assert json.loads(call.arguments) == {"command": ["ls"]}
    call = only(type="tool_search_call", call_id="c", execution="client", arguments={"q": "x"})
    assert call == ToolCall(id="c", name="tool_search", arguments='{"q":"x"}', kind="tool_search")


def test_outputs() -> None:
    result = only(type="function_call_output", call_id="c", output="done", status="completed")
    assert result == ToolResult(call_id="c", content=[Text(text="done")], plain=True)
    texts = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    result = only(type="custom_tool_call_output", call_id="c", output=texts)
    assert result == ToolResult(
        call_id="c", content=[Text(text="a"), Text(text="b")], kind="custom"
    )
    assert read(type="function_call_output", call_id="c", output="").role == "tool"


def test_what_a_search_found_is_offered() -> None:
    namespace = {"type": "namespace", "name": "mcp", "tools": [{"type": "function", "name": "f"}]}
    result = only(type="tool_search_output", call_id="c", tools=[namespace])
    assert isinstance(result, ToolResult)
    assert result.kind == "tool_search"
    assert result.content == [Offer(tools=[Tool(name="f", namespace="mcp")])]


def test_additional_tools_are_offered_by_the_developer() -> None:
    item = {
        "type": "additional_tools", "role": "developer", "id": "at_1",
        "tools": [{"type": "custom", "name": "exec", "format": {"type": "text"}}],
    }  # fmt: skip
    message = decode_item(item, "input.0")
    tool = Tool(name="exec", kind="custom", grammar={"type": "text"})
    assert message.role == "developer"
    assert message.parts == [Offer(tools=[tool], id="at_1")]


def test_reasoning_is_sealed_with_the_whole_item() -> None:
    """Nulls and unknown fields too: OpenAI gets back what it gave."""
    item: Json = {
        "id": "rs_1",
        "summary": [
            {"type": "summary_text", "text": "One"},
            {"type": "summary_text", "text": "Two"},
        ],
        "content": None,
        "encrypted_content": "gAAA",
        "x": 1,
    }
    found = only(type="reasoning", **item)
    assert found == Thinking(
        text="One\n\nTwo", seal=Seal("openai_responses", item), summary=True, id="rs_1"
    )
    shown = only(
        type="reasoning", id="r", summary=[], content=[{"type": "reasoning_text", "text": "Hm"}]
    )
    assert isinstance(shown, Thinking)
    assert (shown.text, shown.summary) == ("Hm", False)


def test_another_providers_seal_is_found_again() -> None:
    """It went to the client as `encrypted_content` of an item of ours."""
    seal = Seal("anthropic_messages", {"signature": "sig"})
    item = {
        "type": "reasoning", "id": "rs_1", "content": None, "status": "completed",
        "summary": [{"type": "summary_text", "text": "Hm"}], "encrypted_content": seal_text(seal),
    }  # fmt: skip
    assert decode_item(item, "").parts == [Thinking(text="Hm", seal=seal, summary=True, id="rs_1")]


@pytest.mark.parametrize(
    ("item", "role"),
    [
        ({"type": "compaction", "encrypted_content": "x"}, "assistant"),
        ({"type": "compaction_trigger"}, "user"),
        ({"type": "web_search_call", "id": "ws_1"}, "assistant"),
        ({"type": "computer_call_output", "call_id": "c", "output": {}}, "user"),
        ({"type": "mcp_approval_response", "approve": True}, "user"),
        ({"type": "tool_search_call", "execution": "server", "arguments": {}}, "assistant"),
        ({"type": "tool_search_output", "call_id": None, "tools": []}, "user"),
        ({"id": "msg_1"}, "assistant"),
    ],
)
def test_what_only_openai_understands_is_opaque(item: Json, role: str) -> None:
    message = decode_item(item, "")
    assert message.role == role
    assert message.parts == [
        Opaque(kind=str(item.get("type", "item_reference")), value=item, format="openai_responses")
    ]


def test_a_message_with_more_in_it_becomes_several_items() -> None:
    """A conversation that the gateway has kept has its replies in one message."""
    message = Message(
        role="assistant",
        parts=[
            Thinking(seal=Seal("openai_responses", {"id": "rs_1", "summary": []})),
            Text(text="a"),
            Text(text="b"),
            ToolCall(id="c", name="f", arguments="{}", item_id="fc_1"),
            Text(text="d"),
        ],
    )
    assert own_items(message) == [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "a"},
                {"type": "output_text", "text": "b"},
            ],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "d"}],
        },
    ]
