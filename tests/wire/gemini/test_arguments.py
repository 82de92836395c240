"""Arguments that come path by path add up to their JSON text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.gemini.arguments import PartialArguments
from tests.wire.made_json import some_text


def text_of(*pieces: object) -> str:
    reader = PartialArguments()
    return reader.feed(list(pieces)) + reader.finish()


def piece(path: str, text: str, more: bool = False) -> dict[str, object]:
    return {"jsonPath": path, "stringValue": text, **({"willContinue": True} if more else {})}


def number(path: str, value: float) -> dict[str, object]:
    return {"jsonPath": path, "numberValue": value}


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], {}),
        ([piece("$.a", "x")], {"a": "x"}),
        ([piece("$.a", "x", True), piece("$.a", "y", True), piece("$.a", "")], {"a": "xy"}),
        # A string that nothing ends; one that is ended twice.
        ([piece("$.a", "x", True)], {"a": "x"}),
        ([piece("$.a", "x"), piece("$.a", "")], {"a": "x"}),
        ([piece("$.a", "x", True), number("$.b", 1)], {"a": "x", "b": 1}),
        ([number("$.a", 50), number("$.b", 0.5)], {"a": 50, "b": 0.5}),
        ([{"jsonPath": "$.a", "boolValue": False}], {"a": False}),
        ([{"jsonPath": "$.a", "nullValue": "NULL_VALUE"}], {"a": None}),
        ([{"jsonPath": "$.a"}, number("$.b", 1)], {"b": 1}),
        (
            [number("$.a[0].b", 1), number("$.a[0].c", 2), number("$.a[1].b", 3), number("$.d", 4)],
            {"a": [{"b": 1, "c": 2}, {"b": 3}], "d": 4},
        ),
        ([number("$.a[0][0]", 1), number("$.a[0][1]", 2), number("$.a[1][0]", 3)], {"a": [[1, 2], [3]]}),  # noqa: E501
        ([number("$['a b'][0]", 1), number("$[\"c.d\"]", 2)], {"a b": [1], "c.d": 2}),
        ([number("$['it\\'s']", 1)], {"it's": 1}),
    ],
)  # fmt: skip
def test_pieces_add_up(pieces: list[object], expected: object) -> None:
    assert json.loads(text_of(*pieces)) == expected
    reader = PartialArguments()
    one_by_one = "".join(reader.feed([each]) for each in pieces) + reader.finish()
    assert json.loads(one_by_one) == expected


def test_a_piece_is_text_at_once() -> None:
    reader = PartialArguments()
    assert reader.feed([piece("$.a.b", 'x"\n', True)]) == '{"a":{"b":"x\\"\\n'
    assert reader.feed([piece("$.a.b", "☃", True)]) == "☃"
    assert reader.feed([piece("$.a.b", "")]) == '"'
    assert reader.feed([number("$.c", 1)]) == '},"c":1'
    assert reader.finish() == "}"


@pytest.mark.parametrize(
    "pieces",
    [
        ["x"],
        [{}],
        [number("a", 1)],
        [number("$", 1)],
        [number("$[0]", 1)],
        [number("$.a..b", 1)],
        [number("$.a", 1), number("$.a", 2)],
        [number("$.a", 1), number("$.a.b", 2)],
        [number("$.a.b", 1), number("$.a", 2)],
        [number("$.a.b", 1), number("$.c", 2), number("$.a.d", 3)],
        [number("$.a[1]", 1)],
        [number("$.a[0]", 1), number("$.a[2]", 1)],
        [number("$.a[0]", 1), number("$.a.b", 1)],
    ],
)
def test_what_cannot_be_written_any_more(pieces: list[object]) -> None:
    with pytest.raises(ValueError):
        text_of(*pieces)


leaves = st.one_of(st.none(), st.booleans(), st.integers(-(10**6), 10**6), some_text())
keys = st.one_of(st.text("abcü_", min_size=1, max_size=3), st.sampled_from(["a.b", "it's", "[0]"]))
trees: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(keys, inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def flattened(value: object, path: str = "$") -> list[dict[str, object]]:
    if isinstance(value, dict):
        found = []
        for key, inner in value.items():
            quoted = key.replace("\\", "\\\\").replace("'", "\\'")
            found += flattened(inner, f"{path}['{quoted}']")
        return found
    if isinstance(value, list):
        return [
            each
            for index, inner in enumerate(value)
            for each in flattened(inner, f"{path}[{index}]")
        ]
    if isinstance(value, str):
        middle = len(value) // 2
        return [piece(path, value[:middle], True), piece(path, value[middle:])]
    if value is None:
        return [{"jsonPath": path, "nullValue": "NULL_VALUE"}]
    name = "boolValue" if isinstance(value, bool) else "numberValue"
    return [{"jsonPath": path, name: value}]


@given(st.dictionaries(keys, trees, max_size=3))
def test_any_object_adds_up(value: dict[str, object]) -> None:
    assert json.loads(text_of(*flattened(value))) == value
