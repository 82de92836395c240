"""When two requests begin alike: the row of pieces that a prompt cache compares."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, scan
from lynkr.transforms import pieces as module
from lynkr.transforms.pieces import Piece, pieces_of
from lynkr.wire.tokens import IMAGE_TOKENS

MARK = {"type": "ephemeral"}
LONG = {"type": "ephemeral", "ttl": "1h"}
TOOL = {
    "name": "read_file",
    "description": "Reads a file.",
    "input_schema": {"type": "object", "properties": {"cache_control": {"type": "string"}}},
}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "line one\nline two"}
CALL = {"type": "tool_use", "id": "t1", "name": "read_file", "input": {"cache_control": {"a": 1}}}


def cut(value: object, dialect: int = MESSAGES) -> list[Piece]:
    """The pieces of a body that is given as an object, or as bytes."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    layout = scan(body, dialect)
    assert layout is not None
    return pieces_of(body, layout)


def keys(value: object, dialect: int = MESSAGES) -> list[bytes]:
    return [piece.key for piece in cut(value, dialect)]


def marks(value: object, dialect: int = MESSAGES) -> list[str]:
    return [piece.mark for piece in cut(value, dialect)]


def body(*messages: object, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **more}


def user(*blocks: object) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def text(said: str, **more: object) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


FULL = body(
    {"role": "user", "content": "Look."},
    {"role": "assistant", "content": [text("I will."), CALL]},
    user(RESULT, text("And?")),
    tools=[TOOL, {**TOOL, "name": "write_file"}],
    system=[text("You are."), text("Be kind.")],
)


def test_tools_come_first_then_the_system_prompt_then_messages() -> None:
    """As Anthropic caches them, whatever their order in the body; each block is one piece."""
    found = cut(FULL)
    assert len(found) == 2 + 2 + 1 + 2 + 2
    assert [piece.key for piece in found[:2]] == keys(body(tools=FULL["tools"]))
    assert [piece.key for piece in found[2:4]] == keys(body(system=FULL["system"]))
    assert len({piece.key for piece in found}) == len(found)


def test_a_longer_conversation_begins_with_the_shorter_one() -> None:
    longer = {**FULL, "messages": [*FULL["messages"], {"role": "assistant", "content": "Done."}]}
    assert keys(longer)[: len(keys(FULL))] == keys(FULL)


@pytest.mark.parametrize("mark", [MARK, LONG, None], ids=["5m", "1h", "null"])
@pytest.mark.parametrize("first", [False, True], ids=["last member", "first member"])
def test_a_mark_is_no_part_of_a_piece(mark: object, first: bool) -> None:
    """The marks of Claude Code move with each turn: what they stood on stays the same."""
    block = {"cache_control": mark, **text("Hi.")} if first else text("Hi.", cache_control=mark)
    tool = {"cache_control": mark, **TOOL} if first else {**TOOL, "cache_control": mark}
    result = {**RESULT, "cache_control": mark}
    plain = body(user(text("Hi."), RESULT), tools=[TOOL])
    marked = body(user(block, result), tools=[tool])
    assert keys(marked) == keys(plain)
    said = {"1h": "1h", "5m": "5m"}[str(mark.get("ttl", "5m"))] if isinstance(mark, dict) else ""
    assert marks(marked) == [said] * 3
    assert marks(plain) == [""] * 3


def test_marks_are_found_in_the_parts_of_a_result() -> None:
    parts = {**RESULT, "content": [text("a", cache_control=MARK), text("b")]}
    without = {**RESULT, "content": [text("a"), text("b")]}
    assert marks(body(user(parts))) == ["5m"]
    assert keys(body(user(parts))) == keys(body(user(without)))


def test_data_of_that_name_is_no_mark() -> None:
    """A schema's property and a call's argument may be called cache_control."""
    elsewhere = {"role": "assistant", "content": [CALL, text("x", cache_control=MARK)]}
    assert marks(body(elsewhere, tools=[TOOL])) == ["", "", "5m"]
    other = {**CALL, "input": {"cache_control": {"a": 2}}}
    changed = {"role": "assistant", "content": [other, text("x", cache_control=MARK)]}
    assert keys(body(changed))[0] != keys(body(elsewhere))[0]


def test_a_mark_of_the_whole_request_stands_on_its_last_piece() -> None:
    whole = {**FULL, "cache_control": LONG}
    assert marks(whole) == [*[""] * 8, "1h"]
    assert keys(whole) == keys(FULL)


def test_a_string_is_a_list_of_one_text() -> None:
    """Clients turn one into the other when they set a mark; the model reads the same."""
    plain = body({"role": "user", "content": "a\nb"}, system="Be.")
    listed = body(user(text("a\nb", cache_control=MARK)), system=[text("Be.")])
    spaced = json.dumps(listed, indent=1).encode()
    turned = body(user({"text": "a\nb", "type": "text"}), system=[text("Be.")])
    assert keys(plain) == keys(listed) == keys(spaced) == keys(turned)
    named = body(user(text("a\nb", citations=None)), system="Be.")
    assert keys(named)[1] != keys(plain)[1]


def test_other_bytes_are_another_piece() -> None:
    """A result written with other spaces may be the same to a provider; it is not taken for it."""
    spaced = json.dumps(body(user(RESULT)), separators=(",", ":")).encode()
    assert keys(spaced) != keys(body(user(RESULT)))


def test_where_it_stands_makes_a_piece() -> None:
    """The same words of another role, in one message or two, are another prompt."""
    one = body(user(text("a"), text("b")))
    two = body(user(text("a")), user(text("b")))
    said = body({"role": "assistant", "content": [text("a"), text("b")]})
    assert keys(one)[0] == keys(two)[0]
    assert keys(one)[1] != keys(two)[1]
    assert keys(one)[0] != keys(said)[0]


@pytest.mark.parametrize("name", ["tool_choice", "thinking", "output_config"])
def test_a_setting_that_is_part_of_the_prompt_changes_the_messages(name: str) -> None:
    """Anthropic keeps tools and system then, and nothing from the first message on."""
    changed = {**FULL, name: {"type": "any"}}
    assert keys(changed)[:4] == keys(FULL)[:4]
    assert keys(changed)[4] != keys(FULL)[4]
    assert keys({**FULL, "temperature": 1, "stream": True}) == keys(FULL)


def test_deferred_tools_are_no_part_of_the_prompt() -> None:
    later = {**FULL, "tools": [*FULL["tools"], {**TOOL, "name": "x", "defer_loading": True}]}
    assert keys(later) == keys(FULL)


def test_calls_and_results_run_together() -> None:
    assert [piece.run for piece in cut(FULL)] == [0, 0, 0, 0, 0, 0, 1, 2, 0]


def test_tokens_are_those_of_what_the_model_reads() -> None:
    """Escapes and wrapping are not counted, pictures at a flat rate, sealed data by its size."""
    hundred = "word " * 100
    (said,) = cut(body(user(text(hundred))))
    assert 95 < said.tokens < 110
    (escaped,) = cut(body(user(text("\n\t" * 100))))
    assert escaped.tokens < 250
    picture = {"type": "image", "source": {"type": "base64", "data": "A" * 9000}}
    (shown,) = cut(body(user(picture)))
    assert IMAGE_TOKENS <= shown.tokens < IMAGE_TOKENS + 10
    (brought,) = cut(body(user({**RESULT, "content": [text("ok"), picture]})))
    assert IMAGE_TOKENS < brought.tokens < IMAGE_TOKENS + 20
    sealed = {"type": "thinking", "thinking": "hm", "signature": "s" * 8000}
    (thought,) = cut(body({"role": "assistant", "content": [sealed]}))
    assert 900 < thought.tokens < 1200


def test_a_chat_body() -> None:
    """Text, calls and results of Chat; its marks are those of routers that take them."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    asked = body(
        {"role": "system", "content": "Be."},
        {"role": "user", "content": "Do."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    )
    found = cut(asked, CHAT)
    assert [piece.run for piece in found] == [0, 0, 0, 1, 2]
    assert all(piece.tokens for piece in found)
    listed = {
        **asked,
        "messages": [{"role": "system", "content": [text("Be.", cache_control=MARK)]}],
    }
    assert cut(listed, CHAT)[1] == Piece(found[1].key, found[1].tokens, "5m")
    formed = {**asked, "response_format": {"type": "json_object"}}
    assert [a == b for a, b in zip(keys(formed, CHAT), keys(asked, CHAT), strict=True)] == [
        *(True, False, True, True, True)
    ]


def test_a_responses_body() -> None:
    asked = {
        "model": "m",
        "instructions": "Be.",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Do."}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
            {"type": "function_call_output", "call_id": "c", "output": "done"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    }
    found = cut(asked, RESPONSES)
    assert [piece.run for piece in found] == [0, 0, 0, 1, 2]
    assert all(piece.tokens for piece in found)
    assert len(keys({**asked, "input": "Do."}, RESPONSES)) == 3


def test_counts_are_remembered_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions send their blocks again and again: each is counted once while it is remembered."""
    monkeypatch.setattr(module, "COUNTS_KEPT", 3)
    monkeypatch.setattr(module, "_counts", {})
    asked: list[bytes] = []

    def counted(said: bytes) -> int:
        asked.append(said)
        return 7

    monkeypatch.setattr(module, "estimated_bytes", counted)
    blocks = [text(f"block {number}") for number in range(3)]
    for _ in range(2):
        assert [piece.tokens for piece in cut(body(user(*blocks)))] == [11, 7, 7]
    assert len(asked) == 3
    cut(body(user(*[text(f"other {number}") for number in range(9)])))
    assert len(module._counts) == 3


@pytest.mark.parametrize("nothing", [None, []])
def test_a_system_prompt_that_is_none_is_no_piece(nothing: object) -> None:
    """Clients send ``null`` and empty lists where they have nothing to say."""
    assert len(keys({"instructions": nothing, "input": "Do."}, RESPONSES)) == 1
    assert len(keys({"system": nothing, "messages": [user(text("Do."))]}, MESSAGES)) == 1
