"""The numbers of a score are those that Python's own arithmetic gives, to the last bit, with
whatever instructions the machine has."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr._native import weigh as module
from lynkr._native.nearest import quantised
from lynkr._native.weigh import Voters, Weights, chance
from tests.native import reference_nearest
from tests.native import reference_weigh as reference
from tests.native.levels import LEVELS, at_level

RULE = (5, 0.1, 4.0, 13.3, (-0.2, 3.5, 6.0), 0.4)
NAMES = ("size", "depth", "risk", "meaning")
TERMS = (
    (-0.5, (1.5, 0.25, 0.0, 3.1), 2.0),
    (-2.0, (0.5, 0.75, 1.1, 0.3), 4.0),
    (-5.0, (0.1, 1.75, 2.1, -0.7), 3.0),
    (0.4, (-0.9, 0.2, 0.6, 1.3), 0.0),
)
POINTS = (30.0, 29.0, 31.0, 10.0)
USUAL = (0.3, 0.2, 0.1, 0.4)
WEIGHTS = Weights(TERMS, POINTS, NAMES, USUAL, 0.45)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> Iterator[int]:
    with at_level(module.use, request.param) as used:
        yield used


def floats(random: Random, dim: int) -> bytes:
    return struct.pack(f"{dim}f", *(random.gauss(0, 1) for _ in range(dim)))


def gathered(
    random: Random, dim: int, count: int
) -> tuple[Voters, tuple[list[bytes], bytes, bytes]]:
    vectors = [quantised(floats(random, dim)) for _ in range(count)]
    if count > 3:
        vectors[2] = vectors[1]  # as near as one another: the first comes first
        vectors[3] = bytes([0x80]) * dim  # -128, which counts as -127
    tiers = bytes(random.randrange(4) for _ in range(count))
    axis = struct.pack(f"{dim}f", *([dim**-0.5] * dim))
    return Voters(tuple(vectors), tiers, axis, *RULE), (vectors, tiers, axis)


@pytest.mark.parametrize("dim", [1, 3, 64, 65, 256, 300])
@pytest.mark.parametrize("count", [1, 4, 5, 70, 131])
def test_votes_are_those_of_the_twin(dim: int, count: int, level: int) -> None:
    random = Random(1000 * dim + count)
    voters, given_ = gathered(random, dim, count)
    asked = [floats(random, dim), bytes(4 * dim), struct.pack(f"{dim}f", *([math.nan] * dim))]
    asked.append(
        struct.pack(f"{dim}f", *(each / 127 for each in reference_nearest.cells(given_[0][0])))
    )
    for vector in asked:
        expected = reference.told(*given_, RULE, vector)
        assert voters.told(vector) == expected
        value, _, _, _, row, likeness = expected
        assert voters.value(vector) == (value, row, likeness)


def test_nobody_votes_where_nothing_is_near() -> None:
    axis = struct.pack("2f", 1.0, 0.0)
    away = Voters((bytes([0x81, 0]),), bytes([3]), axis, *RULE)
    assert away.told(axis) == (0.4, (0.0,) * 4, 0.0, 0.0, -1, 0.0)
    assert Voters((), b"", axis, *RULE).value(axis) == (0.4, -1, 0.0)


@pytest.mark.parametrize(
    ("vectors", "tiers", "axis", "rule"),
    [
        ((bytes(2),), b"", bytes(8), RULE),
        ((bytes(2),), b"\x04", bytes(8), RULE),
        ((bytes(3),), b"\x00", bytes(8), RULE),
        ((), b"", b"", RULE),
        ((), b"", bytes(7), RULE),
        ((), b"", bytes(8), (5, 0.0, *RULE[2:])),
        ((), b"", bytes(8), (65, *RULE[1:])),
        ((), b"", bytes(4100), RULE),
    ],
)
def test_what_does_not_fit_is_refused(
    vectors: tuple[bytes, ...],
    tiers: bytes,
    axis: bytes,
    rule: tuple[int, float, float, float, tuple[float, float, float], float],
) -> None:
    with pytest.raises(ValueError):
        Voters(vectors, tiers, axis, *rule)


def test_a_vector_of_other_dimensions_is_refused() -> None:
    voters = Voters((), b"", bytes(8), *RULE)
    for vector in (b"", bytes(4), bytes(9)):
        with pytest.raises(ValueError, match="2 dimensions"):
            voters.value(vector)


shares = st.one_of(st.just(0.0), st.floats(0, 1), st.floats(-1e6, 1e6))
dimensions = st.tuples(shares, shares, shares)
odds = st.one_of(st.floats(-20, 20), st.floats(-2000, 2000), st.just(math.nan))
sums = st.tuples(odds, odds, odds, odds)


@given(odds)
def test_chances(number: float) -> None:
    assert chance(number) == reference.chance(number)


@given(st.lists(shares, max_size=4).map(tuple), shares)
def test_sums_are_those_of_the_twin(values: tuple[float, ...], meaning: float) -> None:
    expected = reference.sums(TERMS, values, meaning)
    assert WEIGHTS.sums(values, meaning) == expected
    assert WEIGHTS.scored(values, meaning) == (reference.whole(POINTS, expected), expected)


@given(sums, st.integers(0, 3), shares)
def test_what_would_change_a_score(
    found: tuple[float, float, float, float], part: int, by: float
) -> None:
    weights = reference.weights_of(TERMS, part, 3)
    moved = tuple(odds + by * weight for odds, weight in zip(found, weights, strict=True))
    assert repr(WEIGHTS.moved(found, part, by)) == repr(reference.whole(POINTS, moved))
    expected = reference.slopes(TERMS, POINTS, found, 3)
    assert [repr(each) for each in WEIGHTS.slopes(found)] == [repr(each) for each in expected]


@given(dimensions, shares, sums, st.integers(0, 6))
def test_points_and_the_leading_ones(
    values: tuple[float, ...], meaning: float, sums: tuple[float, float, float, float], count: int
) -> None:
    expected = reference.divided(TERMS, POINTS, USUAL, 0.45, values, meaning, sums)
    found = WEIGHTS.points(values, meaning, sums)
    assert [repr(each) for each in found] == [repr(each) for each in expected]
    if any(not abs(each) < 1e15 for each in expected):
        return
    named = sorted(zip(NAMES, expected, strict=True), key=lambda part: (-abs(part[1]), part[0]))
    said = [f"{name} {each:+.0f}" for name, each in named[:count] if round(each)]
    assert WEIGHTS.leading(values, meaning, sums, count) == ", ".join(said)


def test_points_that_are_no_number_are_not_said() -> None:
    with pytest.raises(ValueError, match="nan points"):
        WEIGHTS.leading((math.nan, 0.0, 0.0), 0.0, (0.0,) * 4, 3)


@pytest.mark.parametrize("name", ["é", "n" * 41])
def test_names_fit_the_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="names"):
        Weights(TERMS, POINTS, (name,), USUAL, 0.0)


def test_the_secant_of_like_sums_is_the_slope() -> None:
    sums = WEIGHTS.sums(USUAL, 0.45)
    found = WEIGHTS.points((0.5, 0.2, 0.1), 0.45, sums)
    assert found == reference.divided(TERMS, POINTS, USUAL, 0.45, (0.5, 0.2, 0.1), 0.45, sums)
    assert found[1:] == [0.0, 0.0, 0.0]


def test_more_values_than_features_are_refused() -> None:
    with pytest.raises(IndexError):
        WEIGHTS.sums((0.0,) * 5, 0.0)
    with pytest.raises(ValueError):
        WEIGHTS.points((0.0,) * 4, 0.0, (0.0,) * 4)
    for part in (-1, 4):
        with pytest.raises(ValueError):
            WEIGHTS.moved((0.0,) * 4, part, 0.0)
    with pytest.raises(ValueError):
        Weights(TERMS[:3], POINTS, NAMES, USUAL, 0.0)
    with pytest.raises(ValueError):
        Weights(TERMS, POINTS, NAMES, USUAL[:3], 0.0)
