"""TOON both ways: the specification's cases, cases of our own, and nothing lost on the way."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lynkr._native.jsontape import normal
from lynkr._native.toon import encode
from lynkr._native.untoon import decode
from tests.native import reference_toon
from tests.native.json_texts import json_texts
from tests.native.toon_fixtures import cases

delimiters = st.sampled_from([b",", b"\t", b"|"])
indents = st.sampled_from([1, 2, 4, 16])


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    given = dict(case["options"])
    options: dict[str, Any] = {}
    if "indentSize" in given:
        options["indent"] = given.pop("indentSize")
    if "delimiter" in given:
        options["delimiter"] = given.pop("delimiter").encode()
    return options | given


def test_the_specifications_encode_cases() -> None:
    wrong = []
    for case in cases("encode"):
        for escaped in (False, True):
            data = json.dumps(case["input"], ensure_ascii=escaped).encode()
            made = encode(data, **options_of(case)).decode()
            if made != case["expected"]:
                wrong.append((case["name"], made))
    assert not wrong


def test_the_specifications_decode_cases() -> None:
    wrong = []
    for case in cases("decode"):
        try:
            made = json.loads(decode(case["input"].encode(), **options_of(case)))
        except ValueError as error:
            if not case["shouldError"] and not case["either"]:
                wrong.append((case["name"], str(error)))
            continue
        if case["shouldError"] or made != case["expected"]:
            wrong.append((case["name"], made))
    assert not wrong


# (JSON, TOON): each a feature of the specification
PAIRS = {
    "an empty object is no line": ("{}", ""),
    "an empty array": ("[]", "[]"),
    "a primitive": ('"some words"', "some words"),
    "fields": ('{"a":1,"b":"x y","c":null}', "a: 1\nb: x y\nc: null"),
    "nested and empty": ('{"a":{"b":{},"c":[]}}', "a:\n  b:\n  c: []"),
    "keys in quotes": ('{"":1,"a b":2,"3":3,"_.x":4}', '"": 1\n"a b": 2\n"3": 3\n_.x: 4'),
    "escapes": ('{"a":"\\u0007\\n\\t\\"\\\\"}', 'a: "\\u0007\\n\\t\\"\\\\"'),
    "escapes of JSON only": ('["\\/","\\u00e9","\\b"]', '[3]: /,é,"\\u0008"'),
    "values in quotes": (
        '["","true","5","-x","#x"," a","a ","a,b","a:b","[a"]',
        '[10]: "","true","5","-x","#x"," a","a ","a,b","a:b","[a"',
    ),
    "values without": ('["trueish","5x","a-b","a#b","a b"]', "[5]: trueish,5x,a-b,a#b,a b"),
    "a table": ('[{"a":1,"b":"x"},{"a":2,"b":"y,z"}]', '[2]{a,b}:\n  1,x\n  2,"y,z"'),
    "a row alone": ('{"t":[{"a":1}]}', "t[1]{a}:\n  1"),
    "a group": (
        '{"t":[{"a":{"x":1,"y":{"z":2}},"b":3},{"a":{"x":4,"y":{"z":5}},"b":6}]}',
        "t[2]{a{x,y{z}},b}:\n  1,2,3\n  4,5,6",
    ),
    "a keyed table": (
        '{"t":{"p":{"a":1},"q q":{"a":2}}}',
        't[2:]{a}:\n  p: 1\n  "q q": 2',
    ),
    "a keyed root": ('{"p":{"a":1},"q":{"a":2}}', "[2:]{a}:\n  p: 1\n  q: 2"),
    "one entry is no table": ('{"t":{"p":{"a":1}}}', "t:\n  p:\n    a: 1"),
    "other keys are no table": ('[{"a":1},{"b":1}]', "[2]:\n  - a: 1\n  - b: 1"),
    "an array in a row is no table": ('[{"a":[1]}]', "[1]:\n  - a[1]: 1"),
    "an empty row is no table": ("[{},{}]", "[2]:\n  -\n  -"),
    "arrays of arrays": (
        "[[1,2],[],[[3]],[{}]]",
        "[4]:\n  - [2]: 1,2\n  - [0]:\n  - [1]:\n    - [1]: 3\n  - [1]:\n    -",
    ),
    "a table first in an item": (
        '[{"t":[{"a":1}],"b":2},3]',
        "[2]:\n  - t[1]{a}:\n      1\n    b: 2\n  - 3",
    ),
    "an object first in an item": (
        '[{"o":{"a":1},"b":2},3]',
        "[2]:\n  - o:\n      a: 1\n    b: 2\n  - 3",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_feature_both_ways(name: str) -> None:
    data, text = PAIRS[name]
    assert encode(data.encode()).decode() == text
    assert decode(text.encode()) == normal(data.encode())


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("1.0", "1"),
        ("-1.50", "-1.5"),
        ("1e5", "100000"),
        ("12.5e-1", "1.25"),
        ("1e-6", "0.000001"),
        ("1e-7", "1e-7"),
        ("0.00000012", "1.2e-7"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("-1234567890123456789012", "-1.234567890123456789012e+21"),
        ("123456789.123456789123456789", "123456789.123456789123456789"),
        ("1e400", "1e+400"),
    ],
)
def test_numbers_in_canonical_form_and_as_written(written: str, canonical: str) -> None:
    assert encode(written.encode()).decode() == canonical
    assert encode(written.encode(), as_written=True).decode() == written
    assert decode(written.encode()).decode() == written


def test_rows_in_another_order_follow_the_header_unless_nothing_may_change() -> None:
    data = b'[{"a":1,"b":2},{"b":4,"a":3}]'
    assert encode(data) == b"[2]{a,b}:\n  1,2\n  3,4"
    assert encode(data, as_written=True) == (b"[2]:\n  - a: 1\n    b: 2\n  - b: 4\n    a: 3")


def test_a_key_written_with_escapes_is_the_same_column() -> None:
    data = b'[{"ab":1,"c":2},{"\\u0061b":3,"c":4}]'
    assert encode(data, as_written=True) == b"[2]{ab,c}:\n  1,2\n  3,4"


def test_delimiters_and_indentation() -> None:
    data = b'{"a":["x,y","p|q","r"],"t":[{"k":1,"l":"x,y"}],"v":"p|q"}'
    assert encode(data, delimiter=b"|", indent=4) == (
        b'a[3|]: x,y|"p|q"|r\nt[1|]{k|l}:\n    1|x,y\nv: "p|q"'
    )


@given(json_texts, delimiters, indents)
@settings(max_examples=300, deadline=None)
@example(b'{"a":[1.0,-0,1e5,123456789012345678901234567890]}', b",", 2)
def test_nothing_is_lost_as_written(data: bytes, delimiter: bytes, indent: int) -> None:
    """The text comes back: numbers digit for digit, keys in order, strings in normal form."""
    text = encode(data, delimiter=delimiter, indent=indent, as_written=True)
    assert decode(text, indent=indent) == normal(data)
    assert encode(data, delimiter=delimiter, indent=indent, as_written=True) == text


@given(json_texts, delimiters, indents, st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_slow_writer_agrees(
    data: bytes, delimiter: bytes, indent: int, as_written: bool
) -> None:
    made = encode(data, delimiter=delimiter, indent=indent, as_written=as_written)
    assert made == reference_toon.encode(
        data, delimiter=delimiter, indent=indent, as_written=as_written
    )
    assert encode(decode(made, indent=indent), delimiter=delimiter, indent=indent) == encode(
        data, delimiter=delimiter, indent=indent
    )


@given(json_texts, st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_text_is_read_or_refused_but_never_crashes(data: bytes, draw: Any) -> None:
    text = encode(data)
    at = draw.draw(st.integers(0, len(text)))
    odd = draw.draw(st.sampled_from([b"\n", b"  ", b'"', b"[", b"]:", b"{", b"- ", b"\\", b"\xff"]))
    broken = text[:at] + odd + text[at + draw.draw(st.integers(0, 2)) :]
    for strict in (True, False):
        try:
            made = decode(broken, strict=strict)
        except ValueError as error:
            assert re.match(r"not TOON: (line \d+: .|ill-formed UTF-8 at byte \d)", str(error))
        else:
            json.loads(made)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'["\\ud800"]', "a lone surrogate at byte 2"),
        (b'["\\udc00\\ud800"]', "a lone surrogate at byte 2"),
        (b'{"a":1,"b":2,"a":3}', 'key "a" twice, at byte 13'),
        (b'{"a":1,"\\u0061":3}', 'key "a" twice, at byte 7'),
        (b'[{"a":1,"a":1},{"a":1,"a":1}]', 'key "a" twice'),
        (b'{"x":{"a":1},"x":{"a":1}}', 'key "x" twice'),
        (b"{" + b",".join(b'"k%d":0' % (n % 50) for n in range(60)) + b"}", 'key "k0" twice'),
        (b'{"a":}', "not JSON: not a value at line 1, column 6"),
    ],
)
@pytest.mark.parametrize("as_written", [False, True])
def test_what_toon_cannot_say_is_refused(data: bytes, reason: str, as_written: bool) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        encode(data, as_written=as_written)
    assert encode(b"[1]") == b"[1]: 1"  # and the next is as always


def test_options_have_their_range() -> None:
    for bad in (0, 17):
        with pytest.raises(ValueError, match="1 to 16"):
            encode(b"1", indent=bad)
        with pytest.raises(ValueError, match="1 to 16"):
            decode(b"1", indent=bad)
    with pytest.raises(ValueError, match="comma, a tab or a pipe"):
        encode(b"1", delimiter=b";")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2", 'line 2: the key "a" again'),
        ("a: 1\n   b: 2", "line 2: indented by 3 spaces"),
        ("a: 1\n  b: 2", "line 2: indented deeper"),
        ("a:\n\tb: 2", "line 2: a tab"),
        ("a[2]: 1", "line 1: 1 values where 2"),
        ("\n# x\na[2]:\n  - 1", "line 3: 1 items where 2"),
        ("a[1]{b,c}:\n  1", "line 2: 1 cells where 2"),
        ("a[2]{b}:\n  1", "line 1: 1 rows where 2"),
        ("a[2]:\n  - 1\n\n  - 2", "line 4: a blank line"),
        ("a[01]: 1", "line 1: a bracket without a proper length"),
        ("a[1]{b|c}:\n  1", "line 1: a field list with another delimiter"),
        ('a: "x', "line 1: a string that does not end"),
        ('a: "x" y', "line 1: something after a closing quote"),
        ('a: "\\q"', "line 1: an escape that TOON does not have"),
        ('a: "\\ud83d\\ude00"', "line 1: a \\u escape that is no character"),
        ("a: 1\nb", "line 2: no colon after a key"),
        ("[1]: 2\na: 3", "line 2: more after the whole value"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"not TOON: {reason}")):
        decode(text.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: {}", '{"a":"{}","b":2}'),
        ("t[1]{a,a}:\n  1,2\nx[1]: [", '{"t":[{"a":2}],"x":["["]}'),
        ("a[5]: 1,2", '{"a":[1,2]}'),
        ("a[2]:\n  - 1\n\n  - 2\n  - 3", '{"a":[1,2,3]}'),
        ("a:\n     b: 1", '{"a":{"b":1}}'),
        ("a:\n\tb: 1", '{"a":{"b":1}}'),
    ],
)
def test_a_lenient_reader(text: str, expected: str) -> None:
    assert decode(text.encode(), strict=False).decode() == expected
    with pytest.raises(ValueError, match="not TOON"):
        decode(text.encode())


def test_depth_is_bounded_both_ways() -> None:
    data = b'{"a":' * 256 + b"1" + b"}" * 256
    assert decode(encode(data)) == data
    with pytest.raises(ValueError, match="nested too deeply"):
        decode(b"\n".join(b" " * depth + b"a:" for depth in range(1000)), indent=1)
    with pytest.raises(ValueError, match="nested too deeply"):
        decode(b"a[1]" + b"{b" * 1000 + b"}" * 1000 + b":")


def test_many_groups_that_end_together_have_room() -> None:
    """Closing braces are the only bytes of a table that no key or value makes room for."""
    row = b'{"a":' * 200 + b"1" + b"}" * 200
    data = b"[" + row + b"," + row + b"]"
    assert decode(encode(data)) == data


def test_rows_that_order_many_keys_differently_cost_no_square() -> None:
    """Beyond a bound of comparisons they are items, which says the same."""
    names = [b'"k%d":1' % n for n in range(3000)]
    data = b"[{" + b",".join(names) + b"},{" + b",".join(reversed(names)) + b"}]"
    text = encode(data)
    assert text.startswith(b"[2]:\n  - k0: 1")
    assert decode(text) == data


def test_keys_chosen_to_collide_are_told_apart() -> None:
    """Thousands of keys of one length, differing only in the middle."""
    members = b",".join(b'"%s%08d%s":%d' % (b"x" * 9, n, b"y" * 9, n) for n in range(5000))
    data = b'{"a":{' + members + b'},"b":1}'
    assert decode(encode(data)) == data
