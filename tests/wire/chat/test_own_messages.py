"""Messages of Chat clients for Chat targets: their own words, or all that they mean."""

from __future__ import annotations

import json

from lynkr.wire.chat.messages import own_message, written_messages
from lynkr.wire.chat.reasoning import foreign_detail
from lynkr.wire.chat.requests import decode_request
from lynkr.wire.codec import Losses
from lynkr.wire.message import Document, Opaque, Seal, Text, ToolCall
from tests.wire.chat.test_messages import PNG, call, result, said, written


def test_own_messages_are_not_regrouped() -> None:
    found, losses = written(
        said("assistant", call("c1")), said("system", "note"), said("tool", result("c1", PNG)),
        said("user", plain=True), format="openai_chat", system=said("system", "s", plain=True),
    )  # fmt: skip
    assert [message["role"] for message in found] == [
        "system", "assistant", "system", "tool", "user",
    ]  # fmt: skip
    assert found[0]["content"] == "s"
    assert found[3]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}
    ]
    assert found[4]["content"] == ""
    assert losses == []


def test_another_providers_reasoning_is_left_out_of_own_messages() -> None:
    """A session that changes the provider: what the client kept is of no use there."""
    seal = Seal("anthropic_messages", {"signature": "x"})
    body = {
        "model": "m",
        "messages": [
            {
                "role": "assistant",
                "content": "a",
                "annotations": [],
                "x": 1,
                "reasoning_content": "mine and theirs",
                "reasoning_details": [foreign_detail(seal, 0, "", 4)],
            }
        ],
    }
    request = decode_request(json.dumps(body).encode(), "", False)
    losses = Losses()
    (found,) = written_messages(request, frozenset(), losses)
    assert found == {
        "role": "assistant", "content": "a", "annotations": [], "x": 1, "reasoning_content": "mine",
    }  # fmt: skip
    assert [(loss.name, loss.field) for loss in losses.found] == [("thinking", "messages.0")]


def test_own_reasoning_stays_when_the_rest_is_changed() -> None:
    said_before = {
        "role": "assistant",
        "content": "a",
        "reasoning": "Hm",
        "reasoning_content": None,
    }
    body = {"model": "m", "messages": [said_before]}
    (made,) = decode_request(json.dumps(body).encode(), "", False).messages
    made.parts = [*made.parts[:1], Text(text="b")]
    assert own_message(made, Losses(), "") == {**said_before, "content": "b"}


def test_an_own_assistants_message_is_written_anew_with_all_it_has() -> None:
    new = Opaque(kind="new", value={"id": "c9", "type": "new", "new": {}})
    note = Opaque(kind="x", value={"type": "x"})
    made = said("assistant", "a", note, ToolCall(id="c1", name="f", arguments=""), new, name="n")
    call_1 = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert own_message(made, Losses(), "") == {
        "role": "assistant",
        "name": "n",
        "content": [{"type": "text", "text": "a"}, {"type": "x"}],
        "tool_calls": [call_1, new.value],
    }


def test_own_message_without_words_of_a_client() -> None:
    made = said("user", Document(url="https://a"), Opaque(kind="x", value={"type": "x"}))
    assert own_message(made, Losses(), "") == {
        "role": "user",
        "content": [{"type": "file", "file": {"file_data": "https://a"}}, {"type": "x"}],
    }
