"""JSON of clients and models, exact: what was read can be written, and means the same."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.jsontext import DEPTH_MAX, dumps, loads

# Everything that Python can hold and JSON can say, lone surrogates included.
texts = st.text(st.characters(exclude_categories=()), max_size=12)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@given(values)
def test_what_is_written_is_read_again(value: object) -> None:
    assert loads(dumps(value)) == value


@given(values)
def test_what_is_written_is_json_on_one_line(value: object) -> None:
    """Every client can read it, and it fits into a server-sent event as it is."""
    written = dumps(value)
    assert json.loads(written) == value
    assert not {b"\n", b"\r"} & {written[at : at + 1] for at in range(len(written))}


@given(values)
def test_text_and_bytes_are_read_alike(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert loads(text) == value
    assert loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\ud83d"', "\ud83d"),  # as JavaScript writes half an emoji
        ('"\ud83d"', "\ud83d"),  # as it is inside arguments that were a JSON string themselves
        ('"\\ud83d\\ude80"', "\U0001f680"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("-18446744073709551616", -(2**64)),
        ("1e3", 1000.0),
        ('{"a":1,"a":2}', {"a": 2}),
        (' \t\r\n{"a" : [ ] }\n', {"a": []}),
        ("1e-400", 0.0),
    ],
)
def test_what_the_fast_parser_refuses_is_read_too(text: str, value: object) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"a":1}x', "NaN", "[Infinity]", "-Infinity", "'a'", '{"a":1,}', '"\t"', "[" * 10**5],
)
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        loads(text)
    with pytest.raises(ValueError):
        loads(text.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [("[", "]"), ('{"a":', "}"), ('[1,{"b":2,"a":', ',"c":3}]'), ('[{"\\ud83d":', "}]")],
)
def test_what_could_not_be_written_again_is_refused(before: str, after: str) -> None:
    """Some hundred levels that can be read are more than can be written from deeper down the stack,
    and whoever walks through them needs stack, too."""
    levels = len(re.findall(r"[\[{]", before))
    most = DEPTH_MAX // levels

    def nested(count: int) -> str:
        return before * count + "0" + after * count

    assert json.loads(dumps(loads(nested(most)))) == json.loads(nested(most))
    for count in (most + 1, 900 // levels, 5000):
        for text in (nested(count), nested(count).encode()):
            with pytest.raises(ValueError, match="nested too deeply"):
                loads(text)
    wide = "[" + ",".join([nested(20)] * 50) + "]"
    assert loads(wide) == json.loads(wide)


@pytest.mark.parametrize("text", ["1e400", '{"a":[-1e999,"\\ud83d"]}', "1" * 5000])
def test_a_number_that_could_not_be_written_again_is_refused(text: str) -> None:
    """It would come out as null or Infinity; the provider would see what nobody sent."""
    with pytest.raises(ValueError):
        loads(text)


@pytest.mark.parametrize("data", [b'"\xff"', b'{"a":"\xc3"}', b'["\\ud83d","\xf0\x9f\x9a"]'])
def test_broken_utf_8_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        loads(data)


def test_keys_keep_their_order() -> None:
    given = b'{"z":1,"a":{"y":1,"b":2},"m":3}'
    assert dumps(loads(given)) == given


def test_surrogates_do_not_change_what_stands_beside_them() -> None:
    """The slow writer escapes more, and means the same."""
    value = {"b": ["\ud83d", "ü", 2**70], "a": None}
    assert list(json.loads(dumps(value))) == ["b", "a"]
    assert json.loads(dumps(value)) == value
