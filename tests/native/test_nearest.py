"""Vectors are found by looking at all of them, with whatever instructions the machine has."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr._native import nearest as module
from lynkr._native.embed import StaticModel, similarity
from lynkr._native.nearest import Vectors, cosine, quantised
from tests.native import reference_nearest as reference
from tests.native.levels import LEVELS, at_level


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> Iterator[int]:
    with at_level(module.use, request.param) as used:
        yield used


def rows(count: int, dim: int, seed: int = 1) -> list[bytes]:
    random = np.random.default_rng(seed)
    found = random.integers(-127, 128, (count, dim), dtype=np.int8)
    return [row.tobytes() for row in found]


def clustered(count: int, dim: int, seed: int = 1) -> list[bytes]:
    """As texts lie: around some hundred topics, some of them much alike."""
    random = np.random.default_rng(seed)
    topics = random.normal(size=(count // 20, dim)) * np.geomspace(3, 0.5, dim)
    noise = random.normal(size=(count, dim)) * np.geomspace(2, 0.3, dim)
    found = (topics[random.integers(0, len(topics), count)] + noise).astype(np.float32)
    return [quantised(row.tobytes()) for row in found]


def filled(vectors: list[bytes], exact_max: int = 1 << 30) -> Vectors:
    made = Vectors(len(vectors[0]), exact_max)
    for number, vector in enumerate(vectors):
        made.add(number, vector)
    return made


@pytest.mark.parametrize("dim", [1, 3, 63, 64, 65, 127, 128, 200, 256, 300, 1024])
def test_similarities_and_order_are_those_of_numpy(dim: int, level: int) -> None:
    vectors = rows(300, dim)
    made = filled(vectors)
    table = np.array([np.frombuffer(vector, np.int8) for vector in vectors], np.float64)
    for query in rows(5, dim, seed=2):
        one = np.frombuffer(query, np.int8).astype(np.float64)
        lengths = np.linalg.norm(table, axis=1) * np.linalg.norm(one)
        expected = table @ one / np.where(lengths, lengths, 1)
        found = made.nearest(query, 10)
        assert [x for _, x in found] == pytest.approx(np.sort(expected)[::-1][:10], abs=1e-5)
        assert [x for _, x in found] == pytest.approx([expected[n] for n, _ in found], abs=1e-5)


def test_extreme_values_do_not_overflow(level: int) -> None:
    for a, b, expected in (
        (127, 127, 1.0),
        (127, -127, -1.0),
        (-128, -128, 1.0),
        (-128, 127, -1.0),
    ):
        left, right = (struct.pack("b", value) * 4096 for value in (a, b))
        assert cosine(left, right) == pytest.approx(expected, abs=1e-6)


def test_what_quantising_costs() -> None:
    """Half a percent of the cosine, at most."""
    random = np.random.default_rng(3)
    scale = np.geomspace(1, 0.1, 256).astype(np.float32)
    found = (random.normal(size=(200, 256)) * scale).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    for a, b in zip(found[::2], (found[::2] + found[1::2]), strict=True):
        b /= np.linalg.norm(b)
        exact = similarity(a.tobytes(), b.tobytes())
        assert cosine(quantised(a.tobytes()), quantised(b.tobytes())) == pytest.approx(
            exact, abs=0.005
        )


@pytest.mark.parametrize("dim", [1, 7, 256])
def test_quantising_rounds_half_to_even(dim: int) -> None:
    """As IEEE 754 does by itself: the bytes of a vector are the same wherever they are made."""
    random = np.random.default_rng(dim)
    for values in (
        random.normal(size=(50, dim)),
        random.integers(-254, 255, (50, dim)) / 2,
        np.full((1, dim), 127.0),
    ):
        for one in values.astype(np.float32):
            one[0] = 127.0  # nothing is scaled, so halves stay halves
            wanted = np.rint(one * np.float32(127 / np.abs(one).max()))
            assert quantised(one.tobytes()) == wanted.astype(np.int8).tobytes()
    assert quantised(struct.pack("4f", math.nan, -1.0, 0.5, -0.0)) == bytes([0, 0x81, 64, 0])
    assert quantised(struct.pack("2f", math.inf, 1.0)) == bytes(2)


def test_real_texts_keep_their_similarity() -> None:
    from lynkr.transforms.tools.nearness import MODEL

    model = StaticModel.load(str(MODEL))
    texts = [b"difference between TCP and UDP", b"TCP vs UDP", b"four layers of TCP/IP", b"a cake"]
    for a in texts:
        for b in texts:
            exact = similarity(model.embed(a), model.embed(b))
            kept = cosine(quantised(model.embed(a)), quantised(model.embed(b)))
            assert kept == pytest.approx(exact, abs=0.005)


def test_vectors_without_a_direction() -> None:
    assert quantised(struct.pack("4f", 0, 0, 0, 0)) == b"\0" * 4
    assert quantised(struct.pack("2f", math.inf, 1)) == b"\0\0"
    assert quantised(struct.pack("2f", math.nan, 1)) == b"\0\x7f"
    assert quantised(b"") == b""
    assert cosine(b"\0\0", b"\x01\x02") == 0.0
    with pytest.raises(ValueError, match="5 bytes"):
        quantised(b"12345")


def test_wrong_dimensions() -> None:
    for dim in (0, -1, 65537):
        with pytest.raises(ValueError, match="dimensions"):
            Vectors(dim)
    made = Vectors(4)
    for wrong in (b"", b"123", b"12345", None):
        with pytest.raises(ValueError, match="4 dimensions"):
            made.add(1, wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="4 dimensions"):
            made.nearest(wrong)  # type: ignore[arg-type]
    assert made.nearest(b"1234") == []
    with pytest.raises(OverflowError):
        made.add(1 << 64, b"1234")
    assert len(made) == 0


def test_a_number_has_one_vector() -> None:
    made = filled([b"\x01\x02", b"\x02\x01"])
    made.add(0, b"\x05\xfb")
    assert len(made) == 2
    assert made.vector(0) == b"\x05\xfb"
    assert made.vector(7) is None
    assert made.last(5) == [(0, b"\x05\xfb"), (1, b"\x02\x01")]
    assert made.last(1) == [(1, b"\x02\x01")]


@pytest.mark.parametrize("dim", [128, 256, 300])
def test_among_many_the_signs_choose_and_little_is_missed(dim: int, level: int) -> None:
    """Recall of the four nearest, and all of those that count: a cosine of 0.8 and more."""
    vectors = clustered(6000, dim)
    made = filled(vectors, exact_max=1000)
    exact = filled(vectors)
    hit = total = 0
    for query in clustered(6000, dim, seed=1)[::60] + vectors[7::200]:
        found = {number for number, _ in made.nearest(query)}
        expected = exact.nearest(query)
        hit += sum(number in found for number, _ in expected)
        total += len(expected)
        assert all(number in found for number, similarity in expected if similarity >= 0.8)
    assert hit / total >= 0.95


def test_every_level_finds_the_same() -> None:
    made = filled(clustered(3000, 256), exact_max=1000)
    queries = clustered(60, 256, seed=4)
    answers = []
    for wanted in LEVELS:
        module.use(wanted)
        answers.append([made.nearest(query, 20) for query in queries])
    module.use(max(LEVELS))
    assert answers[0] == answers[1] == answers[2]


def test_many_at_one_place_are_all_candidates(level: int) -> None:
    """More of them at one distance than there are candidates."""
    made = filled([b"\x01" * 128] * 3000 + [b"\x01" * 127 + b"\x02"], exact_max=10)
    found = made.nearest(b"\x01" * 128, 4)
    assert [similarity for _, similarity in found] == pytest.approx([1.0] * 4)
    for number in range(3001):
        assert made.remove(number)
    assert made.nearest(b"\x01" * 128) == []


def test_more_than_one_block_of_vectors_grows_shrinks_and_grows() -> None:
    random = Random(2)
    made, there = Vectors(4, 5000), {}
    for round_ in range(3):
        for number in range(9000):
            there[number] = struct.pack("4b", round_, *random.choices(range(-127, 128), k=3))
            made.add(number, there[number])
        gone = random.sample(range(9000), 9000 if round_ == 1 else 8990)
        for number in gone:
            assert made.vector(number) == there.pop(number)
            assert made.remove(number)
        assert dict(made.last(9000)) == there
        assert len(made.nearest(b"1234", 100)) == len(there)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_any_sequence_of_changes_as_the_twin(seed: int) -> None:
    """The table of numbers, the signatures and the rows agree, also as they shrink and grow."""
    random = Random(seed)
    dim = random.choice([2, 130])
    made, twin = Vectors(dim, 20), reference.Vectors()
    numbers = [random.choice([random.getrandbits(64), random.randrange(9)]) for _ in range(90)]
    grow = 0.7
    for step in range(300):
        if step % 100 == 0:
            grow = random.choice([0.3, 0.5, 0.9])
        number = random.choice(numbers)
        if random.random() < grow:
            vector = random.randbytes(dim)
            made.add(number, vector)
            twin.kept[number] = vector.replace(b"\x80", b"\x81")
        else:
            assert made.remove(number) == (twin.kept.pop(number, None) is not None)
        if step % 20 == 0:
            query = random.randbytes(dim)
            found = [similarity for _, similarity in made.nearest(query, 4)]
            assert found == pytest.approx(twin.nearest(query, 4), abs=1e-5)
    assert len(made) == len(twin.kept)
    assert dict(made.last(1000)) == twin.kept
    for number in numbers:
        assert (number in made) == (number in twin.kept)
        assert made.vector(number) == twin.kept.get(number)
