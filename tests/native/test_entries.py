"""Entries stand in their orders, and leave them without a trace."""

from __future__ import annotations

import gc
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr._native.entries import Entry, Expiry, Ring, Table, number_of
from tests.native import reference_nearest as reference


def entry(number: int, expires_at: float = 9.0, key: bytes = b"k") -> Entry:
    names = ("", "p", "m", "chat", "reply")
    return Entry(f"c_{number:016x}", key, b"s", b"", b"", names, 1.0, expires_at, 3, False)


def test_an_id_and_its_number() -> None:
    assert number_of("c_00000000000000ff") == 255
    assert entry(2**64 - 1).id == "c_ffffffffffffffff"
    odd = ["", "c_", "c_ff", "x_00000000000000ff", "c_00000000000000FF", "c_0000000000000é0f"]
    assert len({number_of(one) for one in odd}) == len(odd)
    for one in odd[1:]:
        made = Entry(one, b"", b"", b"", b"", ("", "", "", "", ""), 0, 1, 0, False)
        assert (made.id, made.number) == (one, number_of(one))
    with pytest.raises(TypeError):
        number_of(None)  # type: ignore[arg-type]


def test_an_entry_does_not_change() -> None:
    one = entry(1)
    with pytest.raises(TypeError, match="change"):
        one.__init__("c_1", b"", b"", b"", b"", ("", "", "", "", ""), 0, 1, 0, False)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        one.scope = b"other"
    assert (one.epoch, one.provider, one.model, one.api, one.kind) == (
        "",
        "p",
        "m",
        "chat",
        "reply",
    )
    assert (one.stored_at, one.used_at, one.expires_at, one.size, one.hits) == (1.0, 1.0, 9.0, 3, 0)
    assert not gc.is_tracked(one)
    assert not gc.is_tracked({b"key": one})


def test_what_is_no_entry() -> None:
    with pytest.raises(ValueError, match="epoch"):
        Entry("c_1", b"", b"", b"", b"", ("", ""), 0, 1, 0, False)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Entry("c_1", None, b"", b"", b"", ("", "", "", "", ""), 0, 1, 0, False)  # type: ignore[arg-type]


def test_an_entry_stands_in_one_ring_of_a_kind() -> None:
    one, ring, other, scope = entry(1), Ring(0), Ring(0), Ring(1)
    ring.add(one)
    scope.add(one)
    for wrong in (ring, other):
        with pytest.raises(ValueError, match="already"):
            wrong.add(one)
    ring.remove(one)
    with pytest.raises(ValueError, match="no ring"):
        ring.remove(one)
    with pytest.raises(ValueError, match="no ring"):
        ring.touch(one)
    assert scope.entries() == [one]
    other.add(one)
    for kind in (-1, 2):
        with pytest.raises(ValueError, match="kind"):
            Ring(kind)
    heap = Expiry()
    heap.add(one)
    with pytest.raises(ValueError, match="already"):
        heap.add(one)
    with pytest.raises(ValueError, match="no place"):
        Expiry().remove(one)
    with pytest.raises(ValueError, match="no place"):
        heap.remove(entry(2))


def test_orders_own_what_stands_in_them() -> None:
    ring, heap = Ring(0), Expiry()
    for number in range(100):
        made = entry(number, number)
        ring.add(made)
        heap.add(made)
    del made
    assert [one.number for one in ring.entries()] == list(range(100))
    kept = ring.first()
    assert kept is not None
    del ring, heap
    again, expiry = Ring(0), Expiry()
    again.add(kept)
    expiry.add(kept)
    assert (again.count, len(expiry)) == (1, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_any_sequence_as_the_twin(seed: int) -> None:
    random = Random(seed)
    ring, heap, twin = Ring(1), Expiry(), reference.Ring()
    there: dict[int, Entry] = {}
    for number in range(200):
        if there and random.random() < 0.45:
            gone = random.choice(list(there))
            ring.remove(there[gone])
            heap.remove(there.pop(gone))
            twin.names.remove(gone)
        elif there and random.random() < 0.3:
            used = random.choice(list(there))
            ring.touch(there[used])
            twin.touch(used)
        else:
            there[number] = entry(number, random.randrange(20))
            ring.add(there[number])
            heap.add(there[number])
            twin.names.append(number)
        assert [one.number for one in ring.entries()] == twin.names
        first, soonest = ring.first(), heap.first()
        assert (None if first is None else first.number) == (twin.names[0] if twin.names else None)
        expected = min((one.expires_at for one in there.values()), default=None)
        assert (None if soonest is None else soonest.expires_at) == expected
        assert len(heap) == ring.count == len(there)


def test_a_table_finds_by_number_or_by_key() -> None:
    by_number, by_key = Table(keyed=False), Table(keyed=True)
    one = entry(5, key=b"five")
    for table in (by_number, by_key):
        table.add(one)
        with pytest.raises(ValueError, match="not in"):
            table.remove(entry(5, key=b"five"))
        with pytest.raises(TypeError):
            table.add(None)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            table.find("c_5")  # type: ignore[arg-type]
    assert (by_number.find(5), by_number.find(6)) == (one, None)
    assert (by_key.find(b"five"), by_key.find(b"six")) == (one, None)
    with pytest.raises(OverflowError):
        by_number.find(-1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_table_as_a_dictionary(seed: int) -> None:
    random = Random(seed)
    by_number, by_key = Table(keyed=False), Table(keyed=True)
    there: dict[int, Entry] = {}
    numbers = [random.choice([random.getrandbits(64), random.randrange(9)]) for _ in range(300)]
    grow = 0.9
    for step in range(900):
        if step % 300 == 299:
            grow = random.choice([0.1, 0.9])
        number = random.choice(numbers)
        gone = there.pop(number, None)
        if gone is not None:
            by_number.remove(gone)
            by_key.remove(gone)
        if random.random() < grow:
            there[number] = made = entry(number, key=b"%d" % number)
            by_number.add(made)
            by_key.add(made)
        assert len(by_number) == len(by_key) == len(there)
    for number in numbers:
        assert by_number.find(number) is there.get(number)
        assert by_key.find(b"%d" % number) is there.get(number)
