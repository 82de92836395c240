"""The span scanner agrees with a real parser wherever there is one to agree with."""

from __future__ import annotations

import json
import tracemalloc
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lynkr._native.paths import PathTable, find_spans
from tests.native import reference

NAMES = [
    "model",
    "stream",
    "usage",
    "choices",
    "finish_reason",
    "message",
    "",
    "é☃",
    "k" * 70,
    "a b",
]
PATHS = ("model", "stream", "message.model", "message.usage", "choices.finish_reason", "usage")
TABLE = PathTable(*PATHS)
AWKWARD = [
    '"model":',
    "\\",
    '\\"',
    "{[,:]}",
    "\u2028\x7f",
    '{"usage":{"model":1}}',
    "]}",
    "👋🏽",
    "\t\n",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(AWKWARD),
)
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=8))


def _containers(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    objects = st.lists(st.tuples(names, inner), max_size=5).map(reference.Pairs)
    return st.one_of(objects, st.lists(inner, max_size=4))


values = st.recursive(scalars, _containers, max_leaves=25)
objects = st.lists(st.tuples(names, values), max_size=8).map(reference.Pairs)
randoms = st.randoms(use_true_random=False)


def rendered(value: object, random: Random, blanks: str = " \t\r\n", escapes: float = 0.0) -> str:
    """A document as text: blanks wherever JSON allows them, any spelling of its strings."""

    def blank() -> str:
        return random.choice(["", "", "", random.choice(blanks), random.choice(blanks) * 3])

    def name(text: str) -> str:
        if text and random.random() < escapes:
            return f'"\\u{ord(text[0]):04x}' + json.dumps(text[1:])[1:]
        return json.dumps(text, ensure_ascii=False)

    def parts(value: object) -> str:
        if isinstance(value, reference.Pairs):
            members = (
                f"{blank()}{name(key)}{blank()}:{blank()}{parts(inner)}{blank()}"
                for key, inner in value
            )
            return "{" + (",".join(members) or blank()) + "}"
        if isinstance(value, list):
            elements = (f"{blank()}{parts(inner)}{blank()}" for inner in value)
            return "[" + (",".join(elements) or blank()) + "]"
        return json.dumps(value, ensure_ascii=random.random() < 0.5)

    return blank() + parts(value) + blank()


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@given(st.one_of(objects, values), randoms)
@settings(max_examples=200, deadline=None)
def test_spans_are_those_of_a_recursive_walk(value: object, random: Random) -> None:
    """Whatever the blanks, the order, the nesting and the strings: the same spans."""
    body = encoded(rendered(value, random))
    assert find_spans(TABLE, body) == reference.spans(PATHS, body)


@given(objects, randoms)
@settings(max_examples=100, deadline=None)
def test_an_escaped_key_asks_for_a_parser(value: object, random: Random) -> None:
    """A key that matters may hide behind an escape: then, and only then, there is no answer."""
    body = encoded(rendered(value, random, escapes=0.1))
    assert find_spans(TABLE, body) == reference.spans(PATHS, body)


@given(objects, randoms)
@settings(max_examples=100, deadline=None)
def test_top_level_values_are_those_json_loads_finds(value: object, random: Random) -> None:
    """The reference itself is held to the standard library: the last of repeated keys wins."""
    body = encoded(rendered(value, random))
    parsed = json.loads(body)
    found = find_spans(PathTable("model", "stream"), body)
    if found is None:
        assert reference.spans(("model", "stream"), body) is None
        return
    for name, span in zip(("model", "stream"), found, strict=True):
        assert (span is not None) == (name in parsed)
        if span is not None:
            assert json.loads(body[span[0] : span[1]]) == parsed[name]


@given(st.binary(max_size=300))
@example(b"{" * 300)
@example(b'{"model"')
@example(b'{"model":1,"\xff')
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_survived(body: bytes) -> None:
    """Not a validator: nonsense gives no spans or odd ones, inside the body, and no error."""
    for start, end in filter(None, find_spans(TABLE, body) or ()):
        assert 0 <= start < end <= len(body)


@given(st.text(alphabet='{}[]:,"\\ \n\t0atrunelmod', max_size=60))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_nearly_json_are_survived(text: str) -> None:
    body = text.encode()
    for start, end in filter(None, find_spans(TABLE, body) or ()):
        assert 0 <= start < end <= len(body)


MODEL = PathTable("model", "stream")

FOUND = [
    (b'{"model":"m"}', b'"m"', None),
    (b'{"model":"m","stream":true}', b'"m"', b"true"),
    (b' \r\n{ "stream" :\tfalse , "model"\n:\n"m" } \n', b'"m"', b"false"),
    (b'{"model":"a","model":"b"}', b'"b"', None),
    (b'{"model":"a","model":null}', b"null", None),
    (b'{"model":{"model":"inner"}}', b'{"model":"inner"}', None),
    (b'{"model":["model"]}', b'["model"]', None),
    (b'{"model":"a\\"b\\\\"}', b'"a\\"b\\\\"', None),
    (b'{"model":"\\\\","stream":1e3}', b'"\\\\"', b"1e3"),
    (b'{"x":"\\"model\\":\\"no\\"","model":"m"}', b'"m"', None),
    (b'{"x":{"model":"no"},"y":[{"model":"no"}],"model":"m"}', b'"m"', None),
    (b'{"messages":[["model","x"]],"model":"m"}', b'"m"', None),
    (b'{"model_":"no","Model":"no","mode":"no"}', None, None),
    (b"{}", None, None),
    (b"[]", None, None),
    (b'[{"model":"no"}]', None, None),
    (b'{"model":-0.5e-7}', b"-0.5e-7", None),
    (b'\xef\xbb\xbf{"model":"m"}', b'"m"', None),
    (b'{"x":"\xff\xfe","model":"\xff"}', b'"\xff"', None),
    (
        b'{"tools":[{"input_schema":{"type":"object","properties":{"model":{"type":"string"},'
        b'"stream":{"type":"boolean"}},"required":["model","stream"]}}],"model":"m"}',
        b'"m"',
        None,
    ),
]


@pytest.mark.parametrize(("body", "model", "stream"), FOUND)
def test_the_values_found(body: bytes, model: bytes | None, stream: bytes | None) -> None:
    """The model is the body's own, never one in a string, a schema or a message."""
    found = find_spans(MODEL, body)
    assert found is not None
    assert [None if span is None else body[slice(*span)] for span in found] == [model, stream]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b'"model"',
        b"{",
        b'{"model":"m"',
        b'{"model":"m',
        b'{"model":"m"}}{',
        b'{"mod\\u0065l":"m"}',
        b'{"\\"":1,"model":"m"}',
        b'{"' + b"k" * 100 + b'\\n":1}',
    ],
)
def test_no_answer_means_ask_a_parser(body: bytes) -> None:
    """An unclosed body, or a key with an escape, is never answered with half the truth."""
    assert find_spans(MODEL, body) is None


def test_an_escaped_key_that_cannot_matter_is_no_reason() -> None:
    assert find_spans(MODEL, b'{"x":{"\\u0061":1},"model":"m"}') == [(26, 29), None]


@pytest.mark.parametrize("as_type", [bytes, bytearray, memoryview])
def test_every_kind_of_buffer_is_read(as_type: type) -> None:
    assert find_spans(MODEL, as_type(b'{"model":"m"}')) == [(9, 12), None]


def test_no_body_at_all_is_a_type_error() -> None:
    for arguments in ((None, b"{}"), (MODEL, None)):
        with pytest.raises(TypeError):
            find_spans(*arguments)


@pytest.mark.parametrize("opening", [b"[", b'{"x":', b'{"choices":', b'{"message":'])
def test_depth_costs_nothing(opening: bytes) -> None:
    """A hundred thousand levels are counted, not recursed into."""
    closing = b"]" if opening == b"[" else b"}"
    deep = opening * 100_000 + b"1" + closing * 100_000
    body = b'{"messages":' + deep + b',"model":"m"}'
    found = find_spans(TABLE, body)
    assert found is not None
    assert found[0] == (len(body) - 4, len(body) - 1)


def test_a_body_costs_no_memory() -> None:
    """32 MB of strings and arrays are walked in place."""
    body = b'{"x":["' + b"a" * 16_000_000 + b'"' + b",[1]" * 4_000_000 + b'],"model":"m"}'
    tracemalloc.start()
    found = find_spans(MODEL, body)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [(len(body) - 4, len(body) - 1), None]
    assert peak_bytes < 16_384


def test_a_table_keeps_its_paths_in_order() -> None:
    assert TABLE.paths == PATHS


@pytest.mark.parametrize(
    "paths",
    [
        ("a.b.c.d.e.f",),
        tuple(f"k{number}" for number in range(9)),
        tuple(f"a{number}.b{inner}" for number in range(8) for inner in range(5)),
        ("k" * 65,),
    ],
)
def test_a_table_too_large_for_its_bounds_is_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="too"):
        PathTable(*paths)
