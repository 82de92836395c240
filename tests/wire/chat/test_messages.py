"""Messages of other dialects, regrouped as Chat wants them; and what of them is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.chat.messages import ALL, CALL_ID_LENGTH_MAX, written_messages
from lynkr.wire.chat.reasoning import call_seal, own_seal
from lynkr.wire.codec import Losses
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Request,
    Role,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
)
from tests.wire.chat.made import unhurried

PNG = Image(media_type="image/png", data="iVBO")
PDF = Document(media_type="application/pdf", data="JVBE", title="a.pdf")
WAV = Audio(media_type="audio/wav", data="UklG")
SEAL = own_seal("reasoning_content", [])


def said(role: Role, *parts: Part | str, **more: Any) -> Message:
    made = [Text(text=part) if isinstance(part, str) else part for part in parts]
    return Message(role=role, parts=made, **more)


def call(call_id: str, **more: Any) -> ToolCall:
    return ToolCall(id=call_id, name="f", arguments='{"a":1}', **more)


def result(call_id: str, *parts: Part | str, **more: Any) -> ToolResult:
    made: list[Part] = [Text(text=part) if isinstance(part, str) else part for part in parts]
    return ToolResult(call_id=call_id, content=made, **more)


def written(
    *messages: Message, flags: object = (), system: Message | None = None, **more: Any
) -> tuple[list[Json], list[str]]:
    losses = Losses()
    known = {"format": "anthropic_messages", **more}
    request = Request(model="m", messages=list(messages), system=system, **known)
    found = written_messages(request, frozenset(flags), losses)  # type: ignore[call-overload]
    return json.loads(json.dumps(found)), [f"{loss.name} {loss.field}" for loss in losses.found]


CALLED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


# --- who speaks when ------------------------------------------------------------------------------


def test_the_system_prompt_comes_first() -> None:
    found, losses = written(said("user", "hi"), system=said("system", "Be brief."))
    assert found == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"},
    ]  # fmt: skip
    assert losses == []


def test_system_and_developer_messages_keep_their_place() -> None:
    history = (said("user", "a"), said("system", "b"), said("user", "c"), said("developer", "d"))
    roles = [message["role"] for message in written(*history)[0]]
    assert roles == ["user", "system", "user", "system"]
    roles = [message["role"] for message in written(*history, flags=["developer_role"])[0]]
    assert roles == ["user", "developer", "user", "developer"]


def test_one_text_is_a_string_and_several_are_parts() -> None:
    found, _ = written(said("user", "a", "b"), said("assistant", "c"), said("user", "d"))
    assert found == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d"},
    ]


def test_results_come_right_behind_their_calls() -> None:
    found, losses = written(
        said("assistant", "I look.", call("c1"), call("c2")),
        said("user", "By the way", result("c1", "one"), result("c2", "two", "three")),
    )
    assert losses == []
    assert found == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [CALLED, {**CALLED, "id": "c2"}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {
            "role": "tool",
            "tool_call_id": "c2",
            "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "three"}],
        },
        {"role": "user", "content": "By the way"},
    ]


def test_items_of_one_turn_become_one_message() -> None:
    """Responses has an item for each call and each text."""
    found, _ = written(
        said("assistant", Thinking(text="Hm", seal=SEAL)),
        said("assistant", call("c1")),
        said("assistant", call("c2")),
        said("tool", result("c1", "one")),
        said("tool", result("c2", "two")),
        flags=["reasoning_content"],
    )
    assert [message["role"] for message in found] == ["assistant", "tool", "tool"]
    assert found[0]["reasoning_content"] == "Hm"
    assert found[0]["content"] is None
    assert len(found[0]["tool_calls"]) == 2  # type: ignore[arg-type]


def test_a_system_message_does_not_part_calls_from_their_results() -> None:
    found, _ = written(
        said("assistant", call("c1"), call("c2")),
        said("system", "note"),
        said("user", result("c1", "one"), "aside"),
        said("system", "again"),
        said("user", result("c2", "two")),
        said("user", "go on"),
    )
    shown = [(message["role"], message["content"]) for message in found]
    assert shown == [
        ("assistant", None), ("tool", "one"), ("tool", "two"), ("system", "note"),
        ("user", "aside"), ("system", "again"), ("user", "go on"),
    ]  # fmt: skip


def test_calls_that_nobody_answered_hold_nothing_back_for_ever() -> None:
    found, _ = written(said("assistant", call("c1")), said("system", "note"), said("user", "a"),
                       said("assistant", "b"))  # fmt: skip
    assert [message["role"] for message in found] == ["assistant", "system", "user", "assistant"]


def test_results_in_an_assistants_turn_are_written_too() -> None:
    found, losses = written(said("assistant", "a", call("c1"), result("c1", "one")))
    assert [message["role"] for message in found] == ["assistant", "tool"]
    assert losses == []


def test_a_message_of_which_nothing_is_left_is_left_out() -> None:
    history = (said("user", "a"), said("assistant", Thinking(text="x")), said("user", ""))
    assert written(*history) == (
        [{"role": "user", "content": "a"}], ["thinking messages.1.content.0"],
    )  # fmt: skip


# --- parts ----------------------------------------------------------------------------------------


def test_pictures_and_files_of_results_move_behind_all_results() -> None:
    found, losses = written(
        said("assistant", call("c1"), call("c2")),
        said("user", result("c1", "see", PNG), result("c2", PDF), "And?"),
        flags=["images", "documents"],
    )
    assert losses == []
    assert found[1:3] == [
        {"role": "tool", "tool_call_id": "c1", "content": "see"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
    ]
    assert found[3] == {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
            },
            {"type": "text", "text": "And?"},
        ],
    }


@pytest.mark.parametrize(
    ("part", "flags", "body"),
    [
        (
            PNG,
            ["images"],
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        ),
        (
            Image(url="https://a/b.png", detail="low"),
            ["images", "image_urls"],
            {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
        ),
        (
            Document(media_type="application/pdf", data="JV"),
            ["documents"],
            {
                "type": "file",
                "file": {
                    "filename": "document.pdf",
                    "file_data": "data:application/pdf;base64,JV",
                },
            },
        ),
        (Document(text="plain words"), [], {"type": "text", "text": "plain words"}),
        (
            WAV,
            ["audio"],
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        ),
    ],
)
def test_what_a_user_shows(part: Part, flags: list[str], body: Json) -> None:
    found, losses = written(said("user", "a", part), flags=flags)
    assert found == [{"role": "user", "content": [{"type": "text", "text": "a"}, body]}]
    assert losses == []


@pytest.mark.parametrize(
    ("part", "flags", "loss"),
    [
        (PNG, [], "image messages.0.content.1"),
        (Image(url="https://a/b.png"), ["images"], "image_url messages.0.content.1"),
        (Image(file_id="f1"), ALL, "file_id messages.0.content.1"),
        (PDF, [], "document messages.0.content.1"),
        (Document(url="https://a"), ["documents"], "document_url messages.0.content.1"),
        (Document(file_id="f1"), ["documents"], "file_id messages.0.content.1"),
        (WAV, [], "audio messages.0.content.1"),
        (Opaque(kind="search_result", value={}), ALL, "search_result messages.0.content.1"),
        (Thinking(text="x"), ALL, "thinking messages.0.content.1"),
        (result("c", PNG), [], "tool_result.image messages.0.content.1.content.0"),
        (result("c", PDF), [], "document messages.0.content.1.content.0"),
        (
            result("c", Opaque(kind="search_result", value={})),
            ALL,
            "search_result messages.0.content.1.content.0",
        ),
        (result("c", is_error=True), ALL, "tool_result.is_error messages.0.content.1.is_error"),
        (
            result("c", cache=CacheMark()),
            ALL,
            "cache_control messages.0.content.1.cache_control",
        ),
        (call("c"), ALL, "tool_calls messages.0.content.1"),
        (ToolReference(name="t"), ALL, "tool_reference messages.0.content.1"),
        (result("c", extras={"x": 1}), ALL, "x messages.0.content.1.x"),
        (
            Text(text="b", extras={"citations": [1]}),
            ALL,
            "citations messages.0.content.1.citations",
        ),
        (
            Text(text="b", cache=CacheMark()),
            [],
            "cache_control messages.0.content.1.cache_control",
        ),
        (
            Document(text="b", title="t"),
            ALL,
            "document.title messages.0.content.1.title",
        ),
    ],
)
def test_what_is_lost_is_told_with_its_place(part: Part, flags: object, loss: str) -> None:
    assert written(said("user", "a", part), flags=flags)[1] == [loss]


def test_what_assistants_lose() -> None:
    history = said(
        "assistant", "a", PNG, call("c1", cache=CacheMark(), extras={"caller": 1}),
        extras={"stop_reason": "x"},
    )  # fmt: skip
    assert written(history, flags=ALL)[1] == [
        "stop_reason messages.0.stop_reason",
        "image messages.0.content.1",
        "cache_control messages.0.content.2.cache_control",
        "caller messages.0.content.2.caller",
    ]


def test_files_of_the_same_provider_keep_their_ids() -> None:
    history = said("user", Document(file_id="file-1"))
    found, losses = written(history, flags=["documents"], format="openai_responses")
    assert found[0]["content"] == [{"type": "file", "file": {"file_id": "file-1"}}]
    assert losses == []


def test_cache_marks_where_the_target_has_them() -> None:
    found, losses = written(
        said("user", Text(text="a", cache=CacheMark("1h"))),
        said("assistant", call("c1")),
        said("user", result("c1", "out", cache=CacheMark())),
        system=said("system", Text(text="s", cache=CacheMark())),
        flags=["cache_control"],
    )
    assert losses == []
    short = {"type": "ephemeral"}
    assert [message["content"] for message in found] == [
        [{"type": "text", "text": "s", "cache_control": short}],
        [{"type": "text", "text": "a", "cache_control": {**short, "ttl": "1h"}}],
        None,
        [{"type": "text", "text": "out", "cache_control": short}],
    ]


def test_refusals_have_a_field_of_their_own() -> None:
    found, losses = written(said("assistant", Text(text="No.", refusal=True)), said("user", "a"))
    assert found[0] == {"role": "assistant", "content": None, "refusal": "No."}
    assert losses == []


# --- calls ----------------------------------------------------------------------------------------


def test_custom_calls() -> None:
    history = said("assistant", ToolCall(id="c", name="p", arguments="free", kind="custom"))
    assert written(history, flags=["custom_tools"])[0][0]["tool_calls"] == [
        {"id": "c", "type": "custom", "custom": {"name": "p", "input": "free"}}
    ]
    assert written(history)[0][0]["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "p", "arguments": '{"input":"free"}'}}
    ]


def test_no_arguments_are_an_empty_object() -> None:
    found, _ = written(said("assistant", ToolCall(id="c", name="f", arguments="")))
    assert found[0]["tool_calls"][0]["function"]["arguments"] == "{}"  # type: ignore[index]


@unhurried
@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4, unique=True),
       st.sampled_from([(), ("call_ids_of_nine",)]))  # fmt: skip
def test_ids_fit_and_stay_pairs(ids: list[str], flags: tuple[str, ...]) -> None:
    """Other dialects' ids are longer than OpenAI's 40 characters, and Mistral wants nine."""
    found, _ = written(
        said("assistant", *(call(each) for each in ids)),
        said("user", *(result(each, each) for each in ids)),
        flags=flags,
    )
    calls = [made["id"] for made in found[0]["tool_calls"]]  # type: ignore[attr-defined]
    assert calls == [message["tool_call_id"] for message in found[1:]]
    assert len(set(calls)) == len(ids)
    for given_id, made in zip(ids, calls, strict=True):
        assert len(made) <= CALL_ID_LENGTH_MAX
        if flags:
            assert len(made) == 9 and made.isascii() and made.isalnum()
        elif len(given_id) <= CALL_ID_LENGTH_MAX:
            assert made == given_id


def test_a_long_id_is_cut_and_marked() -> None:
    long = "chatcmpl-tool-0123456789abcdef0123456789abcdef"
    found, _ = written(said("assistant", call(long)), said("user", result(long, "a")))
    made: Any = found[0]["tool_calls"][0]  # type: ignore[index]
    assert made["id"] == found[1]["tool_call_id"]
    assert len(made["id"]) == CALL_ID_LENGTH_MAX and made["id"].startswith(long[:23] + "_")


# --- reasoning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_goes_back_where_it_was(field: str) -> None:
    """DeepSeek refuses the next step of a tool loop without it."""
    history = said("assistant", Thinking(text="Hm", seal=own_seal(field, [])), call("c1"))
    found, losses = written(history, flags=["reasoning_content"])
    assert (found[0][field], losses) == ("Hm", [])
    found, losses = written(history)
    assert field not in found[0]
    assert losses == ["thinking messages.0.content.0"]


def test_details_go_back_whole_and_once() -> None:
    """Signed text twice, or a signature apart from its text, and Claude refuses the request."""
    signed: Json = {"type": "reasoning.text", "text": "Hm", "signature": "s", "index": 0}
    late: Json = {"type": "reasoning.encrypted", "data": "gA", "index": 0}
    history = said(
        "assistant",
        Thinking(text="Hm", seal=own_seal("reasoning", [signed])),
        "a",
        Thinking(seal=own_seal("", [late])),
    )
    found, losses = written(history, flags=["reasoning_content", "reasoning_details"])
    assert found == [{"role": "assistant", "content": "a", "reasoning_details": [signed, late]}]
    assert losses == []
    assert written(history, flags=["reasoning_content"]) == (
        [{"role": "assistant", "content": "a", "reasoning": "Hm"}],
        ["thinking messages.0.content.2"],
    )


def test_what_a_call_needs_goes_back_with_it() -> None:
    about = {"google": {"thought_signature": "sig"}}
    history = said("assistant", call("c1"), Thinking(seal=call_seal(about)), call("c2"))
    found, losses = written(history, flags=["extra_content"])
    assert found[0]["tool_calls"] == [CALLED, {**CALLED, "id": "c2", "extra_content": about}]
    assert losses == []
    assert written(history)[1] == ["thinking messages.0.content.1"]


@pytest.mark.parametrize("seal", [None, Seal("anthropic_messages", {"signature": "x"})])
def test_another_providers_reasoning_is_not_this_models(seal: Seal | None) -> None:
    found, losses = written(said("assistant", Thinking(text="Hm", seal=seal), "a"), flags=ALL)
    assert found == [{"role": "assistant", "content": "a"}]
    assert losses == ["thinking messages.0.content.0"]


def test_reasoning_alone_is_no_message() -> None:
    history = said("assistant", Thinking(text="Hm", seal=SEAL))
    assert written(history, flags=ALL) == ([], ["thinking messages.0.content.0"])
