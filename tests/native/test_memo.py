"""A memo gives back what was made of the same text, and nothing else, within its bound."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr._native.memo import Memo, block_hash

HASH = "from lynkr._native.memo import block_hash; print(block_hash(b'0123456789' * 9, 1, 88))"


def hashed(seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HASH],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_value_comes_back_for_the_same_text_and_scope_only() -> None:
    memo = Memo(1000)
    body = b"..hello..hello world"
    assert memo.get(b"s", body, 2, 7) is None
    memo.put(b"s", body, 2, 7, "made", 10)
    assert memo.get(b"s", body, 2, 7) == "made"
    assert memo.get(b"s", body, 9, 14) == "made"
    assert memo.get(b"s", b"hello", 0, 5) == "made"
    assert memo.get(b"t", body, 2, 7) is None
    assert memo.get(b"s", body, 2, 8) is None
    assert memo.get(b"s", body, 2, 2) is None
    assert (len(memo), memo.bytes) == (1, 15)


def test_the_original_is_a_copy() -> None:
    """It does not keep a request alive, and what is compared cannot change."""
    memo = Memo(1000)
    body = bytes(bytearray(b"x" * 500))
    before = sys.getrefcount(body)
    memo.put(b"", body, 1, 3, "made", 0)
    assert sys.getrefcount(body) == before


def test_a_new_value_takes_the_place_of_the_old_one() -> None:
    memo = Memo(1000)
    memo.put(b"s", b"text", 0, 4, "old", 500)
    memo.put(b"s", b"text", 0, 4, "new", 1)
    assert memo.get(b"s", b"text", 0, 4) == "new"
    assert (len(memo), memo.bytes) == (1, 5)


def test_those_not_asked_for_longest_make_room() -> None:
    memo = Memo(30)
    for text in (b"aa", b"bb", b"cc"):
        memo.put(b"", text, 0, 2, text, 8)
    assert memo.get(b"", b"aa", 0, 2) == b"aa"
    memo.put(b"", b"dd", 0, 2, b"dd", 8)
    left = [text for text in (b"aa", b"bb", b"cc", b"dd") if memo.get(b"", text, 0, 2)]
    assert left == [b"aa", b"cc", b"dd"]
    memo.put(b"", b"ee", 0, 2, b"ee", 28)
    assert (len(memo), memo.bytes) == (1, 30)
    memo.clear()
    assert (len(memo), memo.bytes) == (0, 0)


def test_what_is_too_large_is_not_kept_and_costs_the_others_nothing() -> None:
    memo = Memo(30)
    memo.put(b"", b"aa", 0, 2, "made", 8)
    memo.put(b"", b"bb", 0, 2, "large", 29)
    memo.put(b"", b"x" * 31, 0, 31, "long", 0)
    memo.put(b"", b"cc", 0, 2, "huge", sys.maxsize)
    assert (len(memo), memo.bytes) == (1, 10)
    memo.put(b"", b"aa", 0, 2, "large", 29)
    assert (len(memo), memo.bytes) == (0, 0)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2), (0, 6), (6, 6)])
def test_a_span_outside_of_the_body_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="span"):
        block_hash(b"12345", start, end)
    with pytest.raises(ValueError, match="span"):
        Memo(9).get(b"", b"12345", start, end)
    with pytest.raises(ValueError, match="span"):
        Memo(9).put(b"", b"12345", start, end, "x", 0)


def test_a_negative_cost_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Memo(9).put(b"", b"x", 0, 1, "x", -1)


texts = st.binary(max_size=3)
steps = st.lists(st.tuples(st.booleans(), texts, texts, st.integers(0, 9)), max_size=60)


@given(steps, st.integers(0, 60))
def test_it_agrees_with_a_plain_list(
    steps: list[tuple[bool, bytes, bytes, int]], most: int
) -> None:
    """The list holds ((scope, text), value, bytes), oldest first."""
    memo = Memo(most)
    kept: list[tuple[tuple[bytes, bytes], int, int]] = []
    for number, (write, scope, text, cost) in enumerate(steps):
        key = (scope, text)
        same = [entry for entry in kept if entry[0] == key]
        others = [entry for entry in kept if entry[0] != key]
        if write:
            memo.put(scope, b"(" + text + b")", 1, 1 + len(text), number, cost)
            kept = others
            if len(text) + cost <= most:
                kept.append((key, number, len(text) + cost))
            while sum(entry[2] for entry in kept) > most:
                del kept[0]
        else:
            value = memo.get(scope, text, 0, len(text))
            assert value == (same[0][1] if same else None)
            kept = others + same
        assert (len(memo), memo.bytes) == (len(kept), sum(entry[2] for entry in kept))


def test_the_hash_sees_every_byte_and_the_length() -> None:
    for size in (0, 1, 7, 8, 15, 16, 17, 63, 64, 65, 200):
        text = bytes(size)
        changed = [text[:at] + b"\x01" + text[at + 1 :] for at in range(size)]
        every = [text, text + b"\x00", *changed]
        assert len({block_hash(one, 0, len(one)) for one in every}) == len(every)
        assert block_hash(b"a" + text + b"b", 1, size + 1) == block_hash(text, 0, size)


def test_the_hash_spreads_its_bits() -> None:
    """Of many similar texts, every bit of the hash is set in about half."""
    hashes = [block_hash(b"%06d" % number, 0, 6) for number in range(4000)]
    assert len(set(hashes)) == 4000
    for bit in range(64):
        assert 1700 < sum(one >> bit & 1 for one in hashes) < 2300


def test_nobody_outside_can_know_the_hash() -> None:
    assert hashed("1") == hashed("1") != hashed("2")
