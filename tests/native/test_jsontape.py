"""The tape takes JSON and nothing else, and its two printers change only what they say."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given, settings

from lynkr._native.jsontape import compact, normal
from tests.native.json_texts import json_texts

NOT_JSON = [
    b"", b" ", b"{", b"[1,]", b'{"a"}', b'{"a":1,}', b"{1:2}", b"01", b"-", b"1.", b".5", b"+1",
    b"1e", b"1e+", b"NaN", b"tru", b"nulll", b"[1 2]", b"1 2", b'"a', b'"\\', b'"\\x"',
    b'"\\u12g4"', b'"\\u00', b'"\x01"', b'"\t"', b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b'{"a":1}}', b"[}", b"\xef\xbb\xbf1", b"[1]\x00",
    b"'a'", b"\xc2\xa01",
]  # fmt: skip


@pytest.mark.parametrize("data", NOT_JSON, ids=ascii)
def test_what_is_not_json_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not JSON: .* at line 1, column \d+ \(byte \d+\)"):
        compact(data)


def test_the_place_of_a_mistake_is_said_in_lines_and_bytes() -> None:
    with pytest.raises(ValueError, match=re.escape("at line 3, column 2 (byte 12)")):
        compact(b'{\n  "a": 1\n}, 2')


@given(json_texts)
@settings(max_examples=200, deadline=None)
@example(b'[ "a b" , { } ,\n[\t] , "\\u00e9 \\" \\\\ " ]')
def test_only_blanks_between_tokens_go(data: bytes) -> None:
    """What is left is what stood there, token for token."""
    token = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s"]+')
    assert compact(data) == b"".join(token.findall(data))
    assert compact(compact(data)) == compact(data)


@given(json_texts)
@settings(max_examples=200, deadline=None)
def test_the_normal_form_means_the_same_and_has_one_way_to_write_a_string(data: bytes) -> None:
    written = normal(data)
    assert json.loads(written, parse_float=str, parse_int=str) == json.loads(
        data, parse_float=str, parse_int=str
    )
    every_escape = re.compile(r'"(?:[^"\\]|\\.)*"')
    other = every_escape.sub(
        lambda found: json.dumps(json.loads(found.group()), ensure_ascii=True), data.decode()
    )
    assert normal(other.encode()) == written


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'"\\u00e9\\/\\u0041"', '"é/A"'.encode()),
        (b'"\\u0008\\u000C\\u000a\\u000d\\u0009"', b'"\\b\\f\\n\\r\\t"'),
        (b'"\\u001F\\u000b\\u007f"', b'"\\u001f\\u000b\x7f"'),
        (b'"\\u0022\\u005c"', b'"\\"\\\\"'),
        (b'"\\ud83d\\uDE00"', '"😀"'.encode()),
        (b'"\\uD83D \\ude00\\ud83d"', b'"\\ud83d \\ude00\\ud83d"'),
        (b'{"a":1.0,"a":-0,"b":1E+5}', b'{"a":1.0,"a":-0,"b":1E+5}'),
    ],
)
def test_the_normal_form(data: bytes, expected: bytes) -> None:
    """Short escapes, literal characters, lone surrogates and numbers as they are, keys kept."""
    assert normal(data) == expected


def test_depth_is_bounded() -> None:
    assert compact(b"[" * 256 + b"]" * 256) == b"[" * 256 + b"]" * 256
    with pytest.raises(ValueError, match="nested too deeply"):
        compact(b"[" * 257 + b"]" * 257)


def test_a_text_of_many_nodes_is_read_after_a_small_one_and_before_another() -> None:
    """The buffer grows, and gives the memory back."""
    large = b"[" + b"1," * 200_000 + b"1]"
    for data in (b"[1]", large, b"[1]", large):
        assert compact(data) == data
