"""Parts of other dialects as blocks for Anthropic, and which of them have no place."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.anthropic.blocks import call_id
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
    Role,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
)
from tests.wire.anthropic.made import unhurried
from tests.wire.anthropic.written import (
    SEALED,
    Body,
    Lost,
    call,
    request,
    result,
    said,
    text,
    turns,
    write,
)


def one(part: Part, role: Role = "user") -> tuple[list[Body], Lost]:
    """The blocks of one part, and what was lost of it."""
    body, lost = write(request(said("user", "a"), said(role, part)))
    messages = body["messages"]
    blocks = messages[-1]["content"][1:] if role in ("user", "tool") else []
    if role == "assistant":
        blocks = messages[1]["content"] if len(messages) > 1 else []
    return blocks, lost


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Image(media_type="image/png", data="iVBO", detail="auto"),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"},
            },
        ),
        (
            Image(url="https://a/b.png"),
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
        ),
        (
            Document(media_type="application/pdf", data="JVBE", title="a.pdf"),
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            },
        ),
        (
            Document(media_type="text/csv", data=base64.b64encode("ü,1".encode()).decode()),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "ü,1"},
            },
        ),
        (
            Document(text="words"),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            },
        ),
        (
            Document(url="https://a/b.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://a/b.pdf"}},
        ),
        (
            Text(text="a", cache=CacheMark(ttl="1h"), extras={"annotations": [], "x": None}),
            {
                "type": "text",
                "text": "a",
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
        ),
    ],
)
def test_what_anthropic_has_a_block_for(part: Part, block: Body) -> None:
    assert one(part) == ([block], [])


@pytest.mark.parametrize(
    ("part", "loss"),
    [
        (Image(file_id="file_1"), "file_id"),
        (Document(file_id="file_1"), "file_id"),
        (Document(media_type="application/zip", data="UEsD"), "document"),
        (Document(media_type="text/plain", data="gICA"), "document"),  # no UTF-8
        (Audio(media_type="audio/wav", data="UklG"), "audio"),
        (Opaque(kind="web_search_call", value={"type": "web_search_call"}), "web_search_call"),
        (ToolReference(name="a"), "tool_reference"),
        (Offer(tools=[]), "additional_tools"),
        (Thinking(text="t"), "thinking"),
        (Thinking(seal=Seal("gemini", {"thoughtSignature": "a"})), "thinking"),
        (ToolCall(id="a", name="exec", arguments="x", kind="custom"), "custom"),
    ],
)
def test_what_anthropic_has_no_block_for_is_left_out_and_reported(part: Part, loss: str) -> None:
    assert one(part) == ([], [(loss, "messages.1.content.0")])


@pytest.mark.parametrize(
    ("part", "loss"),
    [
        (Text(text="a", refusal=True), ("refusal", "messages.1.content.0")),
        (Text(text="a", extras={"x_new": 0}), ("x_new", "messages.1.content.0.x_new")),
        (
            Text(text="a", cache=CacheMark(extras={"x_new": 1})),
            ("x_new", "messages.1.content.0.cache_control.x_new"),
        ),
        (
            ToolCall(id="a", name="b", arguments="{}", extras={"x_new": 1}),
            ("x_new", "messages.1.content.0.x_new"),
        ),
        (
            ToolResult(call_id="a", content=[Audio(media_type="audio/wav", data="U")]),
            ("audio", "messages.1.content.0.content.0"),
        ),
    ],
)
def test_what_of_a_block_has_no_place_is_reported(part: Part, loss: tuple[str, str]) -> None:
    blocks, lost = one(part, "assistant")
    assert len(blocks) == 1
    assert lost == [loss]


def test_anthropic_looks_at_pictures_as_it_likes() -> None:
    (block,), lost = one(Image(url="https://a", detail="high"))
    assert block["source"] == {"type": "url", "url": "https://a"}
    assert lost == [("image.detail", "messages.1.content.0.detail")]


def test_the_assistant_shows_no_pictures() -> None:
    assert one(Image(url="https://a"), "assistant") == ([], [("image", "messages.1.content.0")])
    assert one(Document(text="a"), "assistant") == ([], [("document", "messages.1.content.0")])
    asked = request(said("developer", Image(url="https://a"), "b"), said("user", "c"))
    body, lost = write(asked)
    assert (body["system"], lost) == (text("b"), [("image", "messages.0.content.0")])


def test_a_cache_mark_on_blank_text_has_no_place() -> None:
    assert one(Text(text=" ", cache=CacheMark())) == (
        [],
        [("cache_control", "messages.1.content.0.cache_control")],
    )


def test_names_and_unknown_fields_of_messages_are_reported() -> None:
    message = Message(role="user", parts=[Text(text="a")], name="ada", extras={"x_new": 1})
    asked = request(said("user", "b"), message)
    asked.system = Message(role="system", parts=[Text(text="s")], extras={"x_old": 1})
    assert write(asked)[1] == [
        ("system.x_old", "system.x_old"),
        ("message.name", "messages.1.name"),
        ("x_new", "messages.1.x_new"),
    ]


def test_own_thinking_is_written_as_anthropic_wrote_it() -> None:
    """It came back from a client of another dialect, and Claude wants it unchanged."""
    hidden = Thinking(seal=Seal("anthropic_messages", {"data": "Er"}))
    assert one(Thinking(text="t", seal=SEALED, summary=True, id="rs_1"), "assistant") == (
        [{"type": "thinking", "thinking": "t", "signature": "Eq=="}],
        [],
    )
    assert one(hidden, "assistant") == ([{"type": "redacted_thinking", "data": "Er"}], [])
    broken = Thinking(text="t", seal=Seal("anthropic_messages", {"x": 1}))
    assert one(broken, "assistant") == ([], [("thinking", "messages.1.content.0")])


@pytest.mark.parametrize(
    ("arguments", "expected", "lost"),
    [
        ("", {}, False),
        (" \n", {}, False),
        ('{"b": [1, 2.5], "a": null}', {"b": [1, 2.5], "a": None}, False),
        ("[1]", {"input": [1]}, True),
        ('{"a": "cut sho', {"input": '{"a": "cut sho'}, True),
    ],
)
def test_arguments_become_an_object(arguments: str, expected: Json, lost: bool) -> None:
    (block,), found = one(call(arguments=arguments), "assistant")
    assert block["input"] == expected
    where = ("tool_call.arguments", "messages.1.content.0.arguments")
    assert found == ([where] if lost else [])


@unhurried
@given(st.text(max_size=80))
def test_ids_of_calls_fit_and_stay_apart(given_id: str) -> None:
    fitting = call_id(given_id)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,80}", fitting)
    if re.fullmatch(r"[a-zA-Z0-9_-]+", given_id):
        assert fitting == given_id
    else:
        assert fitting != call_id(given_id + "!")


def test_a_call_and_its_result_get_the_same_id() -> None:
    *_, (_, calls), (_, results) = turns(
        said("user", "a"),
        said("assistant", call("functions.f:0")),
        said("tool", result("functions.f:0")),
    )
    assert calls[0]["id"] == results[0]["tool_use_id"] == call_id("functions.f:0")


def test_a_failed_result_is_marked_as_one() -> None:
    failed = ToolResult(call_id="c", content=[Text(text="boom")], plain=True, is_error=True)
    *_, (_, (block, *_)) = turns(
        said("user", "a"), said("assistant", call("c")), said("tool", failed)
    )
    assert block == {
        "type": "tool_result", "tool_use_id": "c", "content": "boom", "is_error": True,
    }  # fmt: skip
