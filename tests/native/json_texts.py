"""JSON texts for property tests: every way to write the same value, and shapes TOON cares about."""

from __future__ import annotations

import json

from hypothesis import strategies as st

AWKWARD = [
    "", " ", "a", "true", "null", "false", "tru", "12", "05", "+1", "-", "- x", "#x", "1.", "1e5",
    " lead", "trail ", "a,b", "a|b", "a:b", "[x]", "{", "\t", "\n", "\r", "\b\f", "\x00", "\x7f",
    '"', "\\", "/", "é", "😀", "\u2028", "key_1", "a.b", "2x", "0123456789abcdef", "x" * 33,
]  # fmt: skip
NUMBERS = [
    "0", "-0", "-0.0", "1.0", "1e5", "1E+05", "-1.50", "0.10", "0e9", "0.000001", "0.0000001",
    "12e20", "1e21", "1e-6", "1e-7", "100000000000000000000", "9999999999999999999999", "1e400",
    "123456789012345678901234567890", "12345.678e-9", "12345.678e2", "1e9999999999999999999",
]  # fmt: skip

_texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(st.sampled_from(AWKWARD), max_size=3).map("".join),
)
_said = st.tuples(_texts, st.booleans())
_strings = _said.map(lambda said: json.dumps(said[0], ensure_ascii=said[1]))
_scalars = st.one_of(
    _strings,
    st.sampled_from([*NUMBERS, "true", "false", "null", '"\\/"', '"\\u0041"']),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
)


def _object(members: list[tuple[str, str]]) -> str:
    """The first of equal keys stays."""
    kept: dict[str, str] = {}
    for key, value in members:
        kept.setdefault(json.loads(key), f"{key}:{value}")
    return "{" + ",".join(kept.values()) + "}"


def _array(elements: list[str]) -> str:
    return "[ " + ", ".join(elements) + "]"


@st.composite
def _tables(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """Rows with the same keys, mostly in the same order, some with a nested group."""
    names = draw(st.lists(_strings, min_size=1, max_size=4, unique_by=json.loads))
    grouped = draw(st.sampled_from([None, *names]))
    odd = draw(st.integers(0, 9)) == 0
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        order = draw(st.permutations(names)) if draw(st.integers(0, 3)) == 0 else names
        cells = {name: draw(inner if odd else _scalars) for name in order}
        if grouped is not None:
            pair = [('"x"', draw(_scalars)), ('"y"', draw(_scalars))]
            cells[grouped] = _object(pair if draw(st.integers(0, 5)) else pair[::-1])
        rows.append(_object(list(cells.items())))
    if draw(st.booleans()):
        return _array(rows)
    entries = draw(st.lists(_strings, min_size=len(rows), max_size=len(rows), unique_by=json.loads))
    return _object(list(zip(entries, rows, strict=True)))


def _containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.lists(st.tuples(_strings, inner), max_size=12)
    return st.one_of(members.map(_object), st.lists(inner, max_size=4).map(_array), _tables(inner))


json_texts = st.recursive(_scalars, _containers, max_leaves=20).map(str.encode)
