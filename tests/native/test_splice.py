"""Strings come out of JSON and go back into it unharmed, and only the named spans are replaced."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lynkr._native.spans import replaced, string_token, string_value

# Runs of plain characters around everything that needs care, so that all offsets from 16 come up.
pieces = st.one_of(
    st.sampled_from(['"', "\\", "\n", "\r", "\t", "\b", "\f", "\x00", "\x1f", "\x7f", "/", " "]),
    st.sampled_from(["é", "߿", "ࠀ", "漢", "\uffff", "𐀀", "😀", "\U0010ffff", "\u2028"]),
    st.integers(1, 40).map(lambda count: "x" * count),
    st.characters(exclude_categories=["Cs"]),
)
texts = st.lists(pieces, max_size=30).map("".join)


def whole(token: bytes) -> tuple[bytes, tuple[int, int]]:
    """A body that holds the token, not at its start, and the token's span."""
    return b'{"a":' + token + b"}", (5, 5 + len(token))


@settings(max_examples=300)
@given(texts, st.booleans())
@example("x" * 15 + "\n", True)
@example("x" * 16 + "\\", True)
@example("😀" * 9, True)
def test_the_value_of_a_token_is_what_json_reads(text: str, ascii_only: bool) -> None:
    token = json.dumps(text, ensure_ascii=ascii_only).encode()
    assert string_value(*whole(token)) == text.encode()


@settings(max_examples=300)
@given(texts)
def test_a_token_is_as_short_as_json_allows(text: str) -> None:
    """Escaped is what must be, in the form that Python's own writer uses."""
    token = string_token(text.encode())
    assert token == json.dumps(text, ensure_ascii=False).encode()
    assert string_value(token, (0, len(token))) == text.encode()


@pytest.mark.parametrize(
    ("token", "value"),
    [
        (rb'"\/\u002F\u002f"', b"///"),
        (rb'"\u00e9\u00E9\u6f22"', "éé漢".encode()),
        (rb'"\ud83d\ude00\uD83D\uDE00"', "😀😀".encode()),
        (rb'"\u0000"', b"\x00"),
        (b'""', b""),
        (rb'"\ud83d"', None),
        (rb'"\ude00"', None),
        (rb'"\ude00\ud83d"', None),
        (rb'"\ud83d \ude00"', None),
        (rb'"\ud83d\n"', None),
        (rb'"\ud83d\u0041"', None),
        (rb'"\ud83d\ud83d\ude00"', None),
    ],
)
def test_escapes(token: bytes, value: bytes | None) -> None:
    assert string_value(*whole(token)) == value


@pytest.mark.parametrize("start", [-1, 0, 3, 4, 9, 10, 11])
@pytest.mark.parametrize("end", [-1, 0, 3, 4, 9, 10, 11, 2**40])
def test_a_span_that_is_no_string_is_refused(start: int, end: int) -> None:
    body = rb'{"":"a\n"}'
    if (start, end) == (4, 9):
        assert string_value(body, (start, end)) == b"a\n"
    else:
        with pytest.raises(ValueError, match=r"not a JSON string|not in the body"):
            string_value(body, (start, end))


@pytest.mark.parametrize("inside", [b"\\", b"\\x", b"\\u12", b"\\u12G4", b'"\\n', b"\n\\n"])
def test_an_inside_that_no_string_has_is_refused(inside: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON string"):
        string_value(*whole(b'"' + inside + b'"'))


@given(st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9), st.binary(max_size=9))))
def test_only_the_named_spans_are_replaced(parts: list[tuple[bytes, bytes, bytes]]) -> None:
    body = expected = b"("
    edits = []
    for kept, old, new in parts:
        body += kept
        edits.append((len(body), len(body) + len(old), new))
        body += old
        expected += kept + new
    assert replaced(body + b")", edits) == expected + b")"


@pytest.mark.parametrize(
    "edits",
    [
        [(-1, 2, b"")],
        [(2, 1, b"")],
        [(0, 6, b"")],
        [(0, 3, b""), (2, 4, b"")],
        [(3, 4, b""), (0, 1, b"")],
    ],
)
def test_edits_that_overlap_or_leave_the_body_are_refused(
    edits: list[tuple[int, int, bytes]],
) -> None:
    with pytest.raises(ValueError, match="edits"):
        replaced(b"12345", edits)


def test_only_bytes_are_taken() -> None:
    with pytest.raises(TypeError):
        string_token("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        string_value("x", (0, 1))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        replaced(b"x", [(0, 1, "y")])  # type: ignore[list-item]
