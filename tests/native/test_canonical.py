"""Requests that say the same get the same bytes; what cannot be read for sure gets none."""

from __future__ import annotations

import json
import re
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lynkr._native import spans
from lynkr._native.canonical import canonical
from tests.native import reference_canonical as reference
from tests.native.json_texts import json_texts
from tests.native.test_spans import JUNK, Writer, spoiled

NOTHING: frozenset[bytes] = frozenset()
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

seeds = st.integers(0, 2**32)


def written(body: bytes, *drop: bytes, hole: tuple[int, int] | None = None) -> bytes | None:
    """What ``canonical`` says; the twin must say the same."""
    found = canonical(body, frozenset(drop), hole)
    assert found == reference.canonical(body, frozenset(drop), hole)
    return found


def test_blanks_and_the_order_of_keys_do_not_count() -> None:
    body = b' {"b" : [1, {"z":0,"y" :{"d":1,"c":2}}] ,\r\n\t"a":"x y", "ab": 1.0e5, "": {} } '
    assert written(body) == b'{"":{},"a":"x y","ab":1.0e5,"b":[1,{"y":{"c":2,"d":1},"z":0}]}'


def test_tokens_stay_as_they_are_spelled() -> None:
    body = rb'{"a":1.0,"b":"\u0041\/","c":[1E2,-0,"\u00e9"]}'
    assert written(body) == body


def test_keys_are_compared_as_bytes() -> None:
    body = '{"é":1,"z":2,"zz":3,"Z":4}'.encode()
    assert written(body) == '{"Z":4,"z":2,"zz":3,"é":1}'.encode()


def test_left_out_are_named_members_and_nulls_of_the_top_only() -> None:
    body = b'{"user":"u","a":{"user":1,"n":null},"n":null,"metadata":{"x":[{"b":1,"a":2}]}}'
    assert written(body, b"user", b"metadata") == b'{"a":{"n":null,"user":1}}'
    assert written(b'{"user":1,"n":null}', b"user") == b"{}"
    assert written(b'{"m":{"b":1,"a":2},"a":{"b":1,"a":2}}', b"m") == b'{"a":{"a":2,"b":1}}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"{} {}",
        b'{"a":1,}',
        b'{"a":1',
        b'{"a":tru}',
        b'{"a":"\xff"}',
        b'{"a":"\x00"}',
        b'{"a":1}\x00',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1,"b":2}',
        b'{"x":[{"b":1,"a":1,"b":2}]}',
        b'{"x":{"a":1,"a":2}}',
        b'{"\\u0061":1}',
        b'{"x":[{"a\\n":1}]}',
    ],
)
def test_what_is_not_one_plain_object_has_no_canonical_form(body: bytes) -> None:
    assert written(body) is None


def test_a_key_that_is_left_out_may_not_come_twice_either() -> None:
    assert written(b'{"user":1,"a":1,"user":2}', b"user") is None
    assert written(b'{"a":null,"a":1}') is None


def test_the_hole_is_where_the_layout_says_the_text_is() -> None:
    body = b'{"model":"m", "messages":[{"role":"user","content":"what is tcp?"}]}'
    other = b'{"messages":[{"content":"\xc3\xa9","role":"user"}],"model":"m"}'
    found = set()
    for one in (body, other):
        layout = spans.scan(one, spans.CHAT)
        assert layout is not None
        found.add(written(one, hole=layout.blocks[0].text))
    assert found == {b'{"messages":[{"content":?,"role":"user"}],"model":"m"}'}
    parts = b'{"messages":[{"content":[{"text":"hi","type":"text"}],"role":"user"}]}'
    layout = spans.scan(parts, spans.MESSAGES)
    assert layout is not None
    with_hole = b'{"messages":[{"content":[{"text":?,"type":"text"}],"role":"user"}]}'
    assert written(parts, hole=layout.blocks[0].text) == with_hole


@pytest.mark.parametrize(
    "hole", [(0, 9), (1, 4), (5, 7), (5, 9), (6, 7), (-1, 8), (5, 1000), (8, 5), (13, 16)]
)
def test_a_hole_that_is_no_string_value_gives_nothing(hole: tuple[int, int]) -> None:
    """Else a digest without the question would be taken of a text that has it."""
    body = b'{"a":"x","b":"yz"}'
    assert written(body, hole=(5, 8)) == b'{"a":?,"b":"yz"}'
    assert written(body, hole=hole) is None


def test_a_hole_in_a_part_that_is_left_out_gives_nothing() -> None:
    body = b'{"user":["x"],"a":"y"}'
    assert written(body, hole=(9, 12)) == b'{"a":"y","user":[?]}'
    assert written(body, b"user", hole=(9, 12)) is None
    assert written(body, b"user", hole=(18, 21)) == b'{"a":?}'


def test_depth() -> None:
    for depth in (511, 512, 513, 100_000):
        objects = b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)
        inner = b"[" * (depth - 1) + b"]" * (depth - 1)
        mixed, ordered = (
            b"{%b,%b}" % pair for pair in ((b'"b":1', b'"a":' + inner), (b'"a":' + inner, b'"b":1'))
        )
        allowed = depth <= 512
        assert canonical(objects, NOTHING) == (objects if allowed else None)
        assert canonical(mixed, NOTHING) == (ordered if allowed else None)


def test_many_members_and_objects_inside_each_other_out_of_order() -> None:
    """Buffers grow while members of outer objects wait in them."""
    random = Random(1)
    value: object = 1
    for level in range(30):
        keys = random.sample(range(1000), 40 if level % 7 else 400)
        value = {f"k{key}": value if n == 3 else n for n, key in enumerate(keys)}
    body = json.dumps(value).encode()
    expected = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    assert written(body) == expected
    assert written(b'{"x":' + body + b',"a":' + body + b"}") == (
        b'{"a":' + expected + b',"x":' + expected + b"}"
    )


def test_wrong_types() -> None:
    for given_ in (None, "{}", bytearray(b"{}")):
        with pytest.raises(TypeError):
            canonical(given_, NOTHING)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        canonical(b"{}", {b"a"})  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(json_texts, st.booleans())
@example(b'{"\\ud800":1}', False)
def test_any_json_as_the_twin(text: bytes, wrapped: bool) -> None:
    body = b'{ "x" : ' + text + b', "k":' + text + b"}" if wrapped else text
    found = written(body, b"a", b"true")
    if found is not None:
        assert written(found, b"a", b"true") == found


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_requests_whole_and_spoiled_as_the_twin(seed: int) -> None:
    random = Random(seed)
    body = Writer(random).request()
    for changed in (body, *(spoiled(body, random) for _ in range(4))):
        drop = random.sample([b"model", b"x", b"metadata", b"input", b"system"], 2)
        strings = list(_STRING.finditer(changed))
        hole = random.choice(strings).span() if strings else (0, 2)
        if random.random() < 0.2:
            hole = (hole[0], hole[1] + random.choice([-1, 1]))
        written(changed, *drop)
        written(changed, *drop, hole=hole)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*JUNK, b'"b":1', b'"a":{}', b'"a"']), max_size=20))
def test_any_bytes_as_the_twin(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    for body in (text, b"{" + text + b"}", b'{"x":[' + text + b"]}"):
        written(body)
