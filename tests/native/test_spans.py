"""Spans point at what they say, in every dialect, and bodies that are odd give none at all."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lynkr._native import spans
from lynkr._native.spans import Layout, scan
from tests.native import reference_spans as reference

DIALECTS = (spans.MESSAGES, spans.CHAT, spans.RESPONSES)
seeds = st.integers(0, 2**32)


_ENDS = ("_start", "_end")


def record(thing: object) -> dict[str, Any]:
    """A span object as the twin puts it."""
    # Ends of spans are for compiled code, and are in the spans too.
    names = [n for n in dir(type(thing)) if not n.startswith("_") and not n.endswith(_ENDS)]
    return {name: getattr(thing, name) for name in names}


def seen(layout: Layout | None) -> dict[str, Any] | None:
    if layout is None:
        return None
    whole = record(layout)
    for name in ("system_blocks", "tool_list", "message_list", "blocks"):
        whole[name] = [record(thing) for thing in whole[name]]
    return whole


def scanned(body: bytes, dialect: int) -> Layout:
    layout = scan(body, dialect)
    assert layout is not None
    assert seen(layout) == reference.scan(body, dialect)
    return layout


def at(body: bytes, span: tuple[int, int] | None) -> object:
    assert span is not None
    return json.loads(body[span[0] : span[1]])


# --- one example of everything, per dialect -----------------------------------------------------

MARK = {"cache_control": {"type": "ephemeral"}}
MESSAGES_BODY = {
    "model": "m",
    "system": [{"type": "text", "text": "Be brief.", **MARK}],
    "tools": [
        {"name": "read", "description": "Reads.", "input_schema": {"type": "object"}, **MARK},
        {"type": "bash_20250124", "name": "ba\\sh", "defer_loading": True, "cache_control": None},
    ],
    "tool_choice": {"type": "auto"},
    "messages": [
        {"role": "user", "content": 'hé"\n'},
        {
            "content": [
                {"signature": "s", "type": "thinking", "thinking": "..."},
                {"text": "now", "type": "text"},
                {"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}},
            ],
            "role": "assistant",
        },
        {
            "role": "user",
            "content": [
                {"content": "one", "tool_use_id": "t1", "type": "tool_result", "is_error": True},
                {
                    "content": [
                        {"type": "text", "text": "two", **MARK},
                        {"type": "image", "source": {}},
                        {"type": "text", "text": "three"},
                    ],
                    **MARK,
                    "type": "tool_result",
                },
                {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
                {"type": "document", "source": {}},
            ],
        },
    ],
    "stream": True,
    **MARK,
}


def test_messages() -> None:
    body = json.dumps(MESSAGES_BODY, ensure_ascii=False).encode()
    layout = scanned(body, spans.MESSAGES)
    assert {name.decode(): at(body, span) for name, span in layout.keys.items()} == MESSAGES_BODY
    assert at(body, layout.model) == "m"
    assert at(body, layout.stream) is True
    assert at(body, layout.tool_choice) == {"type": "auto"}
    assert layout.marks == 5
    (block,) = layout.system_blocks
    assert (block.message, block.index, block.marked, block.plain) == (-1, 0, True, False)
    assert at(body, block.text) == "Be brief."
    read, bash = layout.tool_list
    assert (read.name, read.kind, read.marked, read.deferred) == (b"read", b"", True, False)
    assert (at(body, read.description), at(body, read.schema)) == ("Reads.", {"type": "object"})
    assert (bash.kind, bash.marked, bash.deferred) == (b"bash_20250124", False, True)
    assert (bash.name, bash.name_escaped) == (rb"ba\\sh", True)
    assert (bash.description, bash.schema) == (None, None)
    assert [(m.role, m.first, m.count) for m in layout.message_list] == [
        (b"user", 0, 1),
        (b"assistant", 1, 3),
        (b"user", 4, 4),
    ]
    kinds = [spans.TEXT, spans.THINKING, spans.TEXT, spans.CALL, spans.RESULT, spans.RESULT]
    assert [block.kind for block in layout.blocks] == [*kinds, spans.IMAGE, spans.OTHER]
    first, _, now, call, one, two, _, _ = layout.blocks
    assert (first.plain, at(body, first.text)) == (True, 'hé"\n')
    assert (first.start, first.end) == first.text == layout.message_list[0].content
    assert (now.plain, at(body, now.text), now.index) == (False, "now", 1)
    assert (call.name, call.call_id, at(body, call.arguments)) == (b"read", b"t1", {"path": "a"})
    assert [at(body, text) for text in one.texts] == ["one"]
    assert (one.is_error, one.call_id, one.marked, one.text) == (True, b"t1", False, None)
    assert [at(body, text) for text in two.texts] == ["two", "three"]
    assert (two.is_error, two.marked, two.message, two.index) == (False, True, 2, 1)


def test_messages_with_a_plain_system() -> None:
    body = b'{"system": "Be brief.", "messages": []}'
    (block,) = scanned(body, spans.MESSAGES).system_blocks
    assert (block.plain, block.message, at(body, block.text)) == (True, -1, "Be brief.")


CHAT_BODY = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "assistant",
            "tool_calls": [
                {"function": {"arguments": '{"a": 1}', "name": "read"}, "id": "c1"},
                {"type": "custom", "id": "c2", "custom": {"name": "patch", "input": "free"}},
            ],
            "content": [{"type": "text", "text": "so"}, {"type": "refusal", "refusal": "no"}],
        },
        {"tool_call_id": "c1", "content": "one", "role": "tool"},
        {
            "role": "tool",
            "content": [{"type": "text", "text": "two", **MARK}, {"type": "text", "text": "three"}],
            "tool_call_id": "c2",
        },
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
        {"role": "assistant", "content": None},
    ],
    "tools": [
        {
            "function": {"name": "read", "description": "Reads.", "parameters": {}, **MARK},
            "type": "function",
        },
        {"type": "custom", "custom": {"name": "patch", "description": "Patches."}},
    ],
}


def test_chat() -> None:
    body = json.dumps(CHAT_BODY).encode()
    layout = scanned(body, spans.CHAT)
    assert layout.system is None
    assert layout.marks == 2
    read, patch = layout.tool_list
    assert (read.name, read.kind, read.marked) == (b"read", b"function", True)
    assert (at(body, read.description), at(body, read.schema)) == ("Reads.", {})
    assert (patch.name, patch.kind, patch.schema) == (b"patch", b"custom", None)
    assert at(body, patch.description) == "Patches."
    kinds = [spans.TEXT, spans.TEXT, spans.OTHER, spans.CALL, spans.CALL]
    assert [b.kind for b in layout.blocks] == [*kinds, spans.RESULT, spans.RESULT, spans.IMAGE]
    assert [b.index for b in layout.blocks] == [0, 0, 1, 2, 3, 0, 0, 0]
    _, _, _, call, custom, one, two, _ = layout.blocks
    assert (call.name, call.call_id, at(body, call.arguments)) == (b"read", b"c1", '{"a": 1}')
    assert (custom.name, custom.call_id, at(body, custom.arguments)) == (b"patch", b"c2", "free")
    assert (one.call_id, [at(body, text) for text in one.texts]) == (b"c1", ["one"])
    assert (one.start, one.end) == (layout.message_list[2].start, layout.message_list[2].end)
    assert (two.call_id, [at(body, text) for text in two.texts]) == (b"c2", ["two", "three"])
    assert at(body, layout.message_list[5].content) is None
    assert layout.message_list[5].count == 0


RESPONSES_BODY = {
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": "hello"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "x"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "free"},
        {"type": "local_shell_call", "call_id": "c3", "action": {}},
        {"type": "web_search_call", "id": "w"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {
            "type": "custom_tool_call_output",
            "output": [
                {"type": "input_text", "text": "two"},
                {"type": "input_image"},
                {"type": "input_text", "text": "three"},
            ],
            "call_id": "c2",
        },
        {"type": "item_reference", "id": "x"},
    ],
    "tools": [{"type": "function", "name": "read", "description": "Reads.", "parameters": {}}],
}


def test_responses() -> None:
    body = json.dumps(RESPONSES_BODY).encode()
    layout = scanned(body, spans.RESPONSES)
    assert at(body, layout.system) == "Be brief."
    assert layout.system_blocks == []
    (tool,) = layout.tool_list
    assert (tool.name, tool.kind, at(body, tool.schema)) == (b"read", b"function", {})
    assert [m.kind for m in layout.message_list][:3] == [b"message", b"reasoning", b"message"]
    kinds = [spans.TEXT, spans.THINKING, spans.TEXT, spans.CALL, spans.CALL, spans.CALL]
    kinds += [spans.OTHER, spans.RESULT, spans.RESULT, spans.OTHER]
    assert [block.kind for block in layout.blocks] == kinds
    _, _, said, call, custom, shell, _, one, two, _ = layout.blocks
    assert at(body, said.text) == "a"
    assert (call.name, call.call_id, at(body, call.arguments)) == (b"read", b"c1", "{}")
    assert (custom.name, at(body, custom.arguments)) == (b"patch", "free")
    assert (shell.name, shell.call_id, shell.arguments) == (b"", b"c3", None)
    assert (one.call_id, [at(body, text) for text in one.texts]) == (b"c1", ["one"])
    assert (two.call_id, [at(body, text) for text in two.texts]) == (b"c2", ["two", "three"])


def test_responses_with_plain_input() -> None:
    body = b'{"input": "hello"}'
    layout = scanned(body, spans.RESPONSES)
    (message,), (block,) = layout.message_list, layout.blocks
    assert (message.role, message.kind, message.content) == (b"user", b"message", block.text)
    assert (block.plain, at(body, block.text)) == (True, "hello")


# --- what is not trusted ------------------------------------------------------------------------

REFUSED = [
    b"",
    b"[]",
    b'"model"',
    b"{",
    b'{"a":1',
    b'{"a":1}x',
    b'{"a":1}{}',
    b'\xef\xbb\xbf{"a":1}',
    b'{"a":1,}',
    b'{"a":[1,]}',
    b'{"a" 1}',
    b"{a:1}",
    b'{"a":01}',
    b'{"a":1.}',
    b'{"a":.5}',
    b'{"a":+1}',
    b'{"a":1e}',
    b'{"a":-}',
    b'{"a":nul}',
    b'{"a":NaN}',
    b'{"a":True}',
    b'{"a":"\n"}',
    b'{"a":"\\x"}',
    b'{"a":"\\u12G4"}',
    b'{"a":"\xff"}',
    b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xf4\x90\x80\x80"}',
    b'{"a":"\xe2\x82"}',
    b'{"a":"' + b"x" * 40,
    b'{"a":"' + b"x" * 40 + b"\\",
    b'{"a":1}\x00',
    b'{"model":1,"model":1}',
    b'{"other":1,"other":1}',
    b'{"mod\\u0065l":1}',
    b'{"messages":[{"role":"user","role":"user"}]}',
    b'{"messages":[{"content":"","c\\u006fntent":""}]}',
    b'{"messages":[{"r\\u006fle":"user"}]}',
    b'{"messages":[{"role":"us\\u0065r"}]}',
    b'{"messages":[{"content":[{"type":"text","text":"","text":""}]}]}',
    b'{"messages":[{"content":[{"type":"t\\u0065xt"}]}]}',
    b'{"tools":[{"name":"","name":""}]}',
]


@pytest.mark.parametrize("body", REFUSED)
def test_what_is_not_json_or_not_plain_is_refused(body: bytes) -> None:
    assert scan(body, spans.MESSAGES) is None
    assert reference.scan(body, spans.MESSAGES) is None


ACCEPTED = [
    b"{}",
    b" \t\r\n{ }\n",
    b'{"a":"\\ud800"}\n',
    b'{"a":[-0,0.5,1E+9,1e-9,123456789012345678901234567890]}',
    b'{"a":{"a":1,"a":1,"\\u0061":1}}',  # nobody looks into it
    b'{"messages":[{"other":1,"other":1}]}',
    b'{"messages":[{"content":[{"input":{"type":1,"type":1,"t\\u0079pe":1}}]}]}',
    b'{"messages":[1,null,"x",{"content":[1,{"content":["x"]}]}],"tools":[1],"system":5}',
    '{"a":"é漢😀\u007f"}'.encode(),
]


@pytest.mark.parametrize("body", ACCEPTED)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_valid_and_plain_is_accepted(body: bytes, dialect: int) -> None:
    scanned(body, dialect)


@pytest.mark.parametrize("prefix", [b'{"a":', b'{"messages":[{"content":[{"content":[{"text":'])
def test_depth_is_bounded(prefix: bytes) -> None:
    """The stack of the process does not depend on what a client sends."""
    opened = prefix.count(b"{") + prefix.count(b"[")
    closing = bytes(reversed(prefix.translate(bytes.maketrans(b"{[", b"}]"))))
    closing = bytes(c for c in closing if c in b"}]")
    for depth, accepted in ((512, True), (513, False), (100_000, False)):
        inner = depth - opened
        body = prefix + b"[" * inner + b"]" * inner + closing
        assert (scan(body, spans.MESSAGES) is not None) == accepted
        if depth < 1000:
            assert (reference.scan(body, spans.MESSAGES) is not None) == accepted


def test_only_bytes_and_known_dialects() -> None:
    with pytest.raises(TypeError):
        scan(bytearray(b"{}"), spans.MESSAGES)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        scan(None, spans.MESSAGES)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dialect"):
        scan(b"{}", 0)


# --- against the twin ---------------------------------------------------------------------------

OTHER_KEYS = ["x", "source", "thinking", "metadata", "é", "", "typ", "types", "a_key_of_13_ch"]
KEYS = [*reference.KEYS.split(), *OTHER_KEYS]
TYPES = sorted({kind.decode() for kinds in reference.KINDS.values() for kind in kinds})
TYPES += ["message", "reasoning", "function_call", "function_call_output", "custom_tool_call"]
TYPES += [
    "custom_tool_call_output",
    "local_shell_call",
    "_call",
    "additional_tools",
    "document",
    "custom",
]
ROLES = ["user", "assistant", "system", "developer", "tool", "tools", "é"]
TOP = ["model", "stream", "tool_choice", "cache_control", "instructions", "x", "metadata"]
TEXTS = [
    "",
    "x",
    'say "so"\\',
    "\n" * 5,
    "é漢😀" * 4,
    "plain text " * 3,
    "\x1f\x7f\ud83d",
    "\\" * 33,
]


class Writer:
    """Random requests, as text: any key of a request at any level, in any order and spacing."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.blanks = random.choice([[""], ["", "", " "], [" ", "\n", "\r\n\t", ""]])

    def blank(self) -> str:
        return self.random.choice(self.blanks)

    def string(self, text: str) -> str:
        token = json.dumps(text, ensure_ascii=self.random.random() < 0.3)
        return token.replace("\ud83d", "\\ud83d").replace("/", self.random.choice(["/", "\\/"]))

    def scalar(self) -> str:
        if self.random.random() < 0.6:
            return self.string(self.random.choice(TEXTS) * self.random.choice([1, 1, 3]))
        return self.random.choice(["true", "false", "null", "0", "-1.5e+3", "9" * 30, "{}", "[]"])

    def sequence(self, items: list[str]) -> str:
        return f"[{self.blank()}" + f",{self.blank()}".join(items) + f"{self.blank()}]"

    def mapping(self, members: list[tuple[str, str]]) -> str:
        self.random.shuffle(members)
        pairs = [f'"{k}"{self.blank()}:{self.blank()}{v}' for k, v in members]
        return f"{{{self.blank()}" + f"{self.blank()},".join(pairs) + f"{self.blank()}}}"

    def value(self, key: str, depth: int) -> str:
        if key in ("type", "role"):
            names = TYPES if key == "type" else ROLES
            return f'"{self.random.choice(names)}"' if self.random.random() < 0.9 else "null"
        if depth == 0 or self.random.random() < 0.4:
            return self.scalar()
        if key in ("content", "output", "tool_calls", "messages", "input", "tools", "system"):
            some = range(self.random.randint(0, 3))
            return self.sequence([self.thing(depth - 1) for _ in some])
        return self.thing(depth - 1)

    def thing(self, depth: int) -> str:
        if self.random.random() < 0.05:
            return self.scalar()
        keys = set(self.random.sample(KEYS, self.random.randint(0, 5)))
        keys |= {key for key in ("type", "role", "content", "text") if self.random.random() < 0.6}
        return self.mapping([(key, self.value(key, depth)) for key in sorted(keys)])

    def request(self) -> bytes:
        keys = self.random.sample(TOP, self.random.randint(0, 5))
        members = [(key, self.value(key, 2)) for key in keys]
        for key in ("messages", "input", "tools", "system"):
            some = range(self.random.randint(0, 3))
            things = [self.thing(3) for _ in some]
            listed = self.random.random() < 0.9
            members.append((key, self.sequence(things) if listed else self.scalar()))
        return (self.blank() + self.mapping(members) + self.blank()).encode()


JUNK = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"1", b"-", b".", b"e", b"+", b"t"]
JUNK += [b"n", b"u", b" ", b"\n", b"\x00", b"\x1f", b"\x7f", b"\xc3", b"\xa9", b"\xed\xa0\x80"]
JUNK += [
    b"\\u0041",
    b"\\ud800",
    b"\xf0\x9d\x92\xb3",
    b"true",
    b'"type":1,',
    b'"x":1,',
    b"[[",
    b"]]",
]


def spoiled(body: bytes, random: Random) -> bytes:
    """A body with a few bytes changed, cut, repeated or written otherwise."""
    for _ in range(random.randint(1, 3)):
        start = random.randint(0, len(body))
        end = min(len(body), start + random.choice([0, 0, 1, 1, 2, 17]))
        how = random.randint(0, 5)
        if how == 0:
            body = body[:start]
        elif how == 1:
            body = body[:end] + body[start:]
        elif how == 2:
            keys = list(re.finditer(rb'"(\w)(\w*)"(?=\s*:)', body))
            if keys:
                key = random.choice(keys)
                escaped = b'"\\u%04x%b"' % (key[1][0], key[2])
                body = body[: key.start()] + escaped + body[key.end() :]
        elif how == 3:
            members = list(re.finditer(rb'"\w+"\s*:\s*("\w*"|true|null)', body))
            if members:
                twice = random.choice(members)
                body = body[: twice.end()] + b"," + body[twice.start() :]
        else:
            body = body[:start] + random.choice(JUNK) + body[end:]
    return body


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_valid_requests_are_read_as_the_twin_reads_them(seed: int) -> None:
    body = Writer(Random(seed)).request()
    assert json.loads(body) is not None
    for dialect in DIALECTS:
        scanned(body, dialect)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_spoiled_requests_are_judged_as_the_twin_judges_them(seed: int) -> None:
    random = Random(seed)
    body = Writer(random).request()
    for _ in range(4):
        changed = spoiled(body, random)
        dialect = random.choice(DIALECTS)
        assert seen(scan(changed, dialect)) == reference.scan(changed, dialect)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*JUNK, b"x" * 15, b"\\\\", b'\\"', b"\\n"]), max_size=30))
@example([b"x" * 15, b"\\", b'"'])
@example([b"x" * 15, b'\\"', b"x" * 15, b"\\\\"])
def test_any_inside_of_a_string_is_judged_as_the_twin_judges_it(pieces: list[bytes]) -> None:
    """At every offset from a boundary of 16 bytes."""
    for offset in range(17):
        body = b'{"' + b"k" * offset + b'":"' + b"".join(pieces) + b'"}'
        assert seen(scan(body, spans.CHAT)) == reference.scan(body, spans.CHAT)
