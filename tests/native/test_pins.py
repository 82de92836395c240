"""The shared table of pins: what was kept is found, and nothing that nobody kept ever is."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr._native.pins import KNOWN, TAKEN, UNREADABLE, Slots
from lynkr.policies.routing.facts import Pin
from tests.native.reference_pins import SLOT, WAYS, Table, packed, step, sum_of, unpacked

NOW_S = 1_800_000_000.0
TTL_S, RETELL_S = 1000.0, 60.0
KEY = bytes(range(16))


def pin(**fields: Any) -> Pin:
    known = {"tier": 2, "score": 51.25, "at_s": NOW_S - 100, "last_s": NOW_S - 1, **fields}
    return Pin(**known)


def table(memory: bytearray) -> Slots[Pin]:
    return Slots(memory, 0, Pin, TTL_S, RETELL_S)


def one_bucket() -> Slots[Pin]:
    return table(bytearray(WAYS * SLOT.size))


def row(of: Pin) -> dict[str, float]:
    return {name: getattr(of, name) for name in Pin.__struct_fields__}


def key(number: int) -> bytes:
    return number.to_bytes(16, "little")


def test_what_was_kept_is_found() -> None:
    kept = Pin(3, 77.125, NOW_S - 5.5, NOW_S, 16_000, 2_000_000, 64_000, (1 << 64) - 1, 60)
    slots = one_bucket()
    assert slots.find(KEY, NOW_S) is None
    slots.keep(KEY, kept, NOW_S)
    assert slots.find(KEY, NOW_S) == kept
    assert slots.find(key(99), NOW_S) is None


def test_numbers_that_are_too_large_become_the_largest() -> None:
    slots = one_bucket()
    slots.keep(KEY, pin(turns=1 << 40, prompt_tokens=1 << 40, output_tokens=-5, raised=99), NOW_S)
    found = slots.find(KEY, NOW_S)
    assert found is not None
    assert (found.turns, found.raised) == ((1 << 14) - 1, 63)
    assert (found.prompt_tokens, found.output_tokens) == ((1 << 24) - 1, 0)
    assert found.tier == 2


@pytest.mark.parametrize(
    "fields", [{"tier": 4}, {"tier": -1}, {"last_s": float("nan")}, {"at_s": float("inf")}]
)
def test_a_pin_that_is_none_is_refused(fields: dict[str, Any]) -> None:
    slots = one_bucket()
    with pytest.raises(ValueError, match=r"tier|finite"):
        slots.keep(KEY, pin(**fields), NOW_S)
    assert slots.find(KEY, NOW_S) is None


@pytest.mark.parametrize("wrong", [b"", bytes(15), bytes(17), None])
def test_a_key_has_16_bytes(wrong: Any) -> None:
    slots = one_bucket()
    for act in (
        lambda: slots.find(wrong, NOW_S),
        lambda: slots.keep(wrong, pin(), NOW_S),
        lambda: slots.forget(wrong),
    ):
        with pytest.raises(ValueError, match="16 bytes"):
            act()


@pytest.mark.parametrize(
    ("size", "offset"), [(0, 0), (255, 0), (3 * 256, 0), (256, 8), (256, -1), (256, 257)]
)
def test_a_memory_that_does_not_fit_is_refused(size: int, offset: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Slots(bytearray(size), offset, Pin, TTL_S, RETELL_S)


def test_memory_that_cannot_be_written_or_is_not_aligned_is_refused() -> None:
    with pytest.raises(BufferError):
        Slots(bytes(256), 0, Pin, TTL_S, RETELL_S)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="aligned"):
        Slots(bytearray(257), 1, Pin, TTL_S, RETELL_S)


def test_a_pin_expires_when_it_is_not_used() -> None:
    """Also one of the future: the clock was set back, and it would stay for ever."""
    slots = one_bucket()
    slots.keep(KEY, pin(last_s=NOW_S), NOW_S)
    assert slots.find(KEY, NOW_S + TTL_S - 1) is not None
    assert slots.find(KEY, NOW_S + TTL_S) is None
    assert slots.find(KEY, NOW_S - TTL_S) is not None
    assert slots.find(KEY, NOW_S - TTL_S - 1) is None


def test_a_full_bucket_loses_the_one_used_longest_ago() -> None:
    slots = one_bucket()
    for number, age_s in enumerate((30, 50, 10, 20)):
        slots.keep(key(number), pin(last_s=NOW_S - age_s), NOW_S)
    slots.keep(key(9), pin(), NOW_S)
    assert [number for number in range(4) if slots.find(key(number), NOW_S) is None] == [1]
    assert slots.find(key(9), NOW_S) is not None
    assert slots.evicted_total == 1


@pytest.mark.parametrize("step_bytes", [0, 3, 7, 8, 11, 15])
def test_keys_that_differ_in_one_byte_are_spread(step_bytes: int) -> None:
    """Whichever byte it is. A table of twice as many slots holds nearly all."""
    memory = bytearray(512 * SLOT.size)
    slots = table(memory)
    for number in range(256):
        slots.keep(key(number << 8 * step_bytes), pin(), NOW_S)
    assert slots.living(bytes(memory), NOW_S) > 230


def test_an_expired_one_makes_room_first() -> None:
    slots = one_bucket()
    for number in range(4):
        slots.keep(key(number), pin(last_s=NOW_S + number), NOW_S)
    slots.keep(key(9), pin(last_s=NOW_S + TTL_S), NOW_S + TTL_S)
    assert slots.evicted_total == 0
    assert slots.find(key(1), NOW_S + TTL_S) is not None


def test_a_late_call_does_not_undo_a_newer_decision() -> None:
    """Its worker read the pin before another one moved the conversation."""
    slots = one_bucket()
    slots.keep(KEY, pin(tier=3, at_s=NOW_S - 10), NOW_S)
    assert slots.keep(KEY, pin(tier=1, at_s=NOW_S - 20, last_s=NOW_S), NOW_S) is None
    found = slots.find(KEY, NOW_S)
    assert found is not None
    assert found.tier == 3


def test_a_decision_from_the_far_future_does_not_hold() -> None:
    """It was made while the clock was wrong."""
    slots = one_bucket()
    slots.keep(KEY, pin(tier=3, at_s=NOW_S + 500), NOW_S)
    slots.keep(KEY, pin(tier=1), NOW_S)
    found = slots.find(KEY, NOW_S)
    assert found is not None
    assert found.tier == 1


def test_what_other_hosts_should_hear() -> None:
    """Decisions and moves at once; that it is still in use once in a while."""
    slots = one_bucket()
    begun = pin(at_s=NOW_S, last_s=NOW_S)
    assert slots.keep(KEY, begun, NOW_S) == packed(KEY, row(begun))
    quiet = pin(at_s=NOW_S, last_s=NOW_S + RETELL_S - 1, turns=4, prompt_tokens=9)
    assert slots.keep(KEY, quiet, NOW_S) is None
    due = pin(at_s=NOW_S, last_s=NOW_S + RETELL_S)
    assert slots.keep(KEY, due, NOW_S) == packed(KEY, row(due))
    assert slots.keep(KEY, due, NOW_S) is None
    for change in ({"tier": 3}, {"raised": 1}, {"target": 7}, {"at_s": NOW_S + 1}):
        moved = pin(**{"at_s": NOW_S, "last_s": NOW_S + RETELL_S, **change})
        assert slots.keep(KEY, moved, NOW_S) == packed(KEY, row(moved)), change


def test_the_newer_decision_wins_wherever_it_is_heard_first() -> None:
    """Hosts that hear the same lines in any order agree."""
    lines = [
        packed(KEY, row(pin(tier=tier, at_s=NOW_S - at, last_s=NOW_S - last)))
        for tier, at, last in ((0, 50, 1), (1, 40, 30), (2, 40, 20), (3, 40, 20))
    ]
    for order in (lines, lines[::-1], lines[2:] + lines[:2]):
        slots = one_bucket()
        assert slots.hear(order[0], NOW_S) == TAKEN
        assert slots.hear(order[0], NOW_S) == KNOWN
        for line in order:
            slots.hear(line, NOW_S)
        found = slots.find(KEY, NOW_S)
        assert found is not None
        assert found.tier == 3


def test_what_cannot_be_heard() -> None:
    slots = one_bucket()
    good = packed(KEY, row(pin()))
    for line in (b"", good[:-1], good + b"x", bytes(64), b"x" + good[1:], good[:40] + bytes(24)):
        assert slots.hear(line, NOW_S) == UNREADABLE
    for fields in ({"at_s": NOW_S + 61}, {"last_s": NOW_S + 61}):  # by a clock that is wrong
        assert slots.hear(packed(KEY, row(pin(**fields))), NOW_S) == UNREADABLE
    assert slots.hear(packed(KEY, row(pin(last_s=NOW_S - TTL_S))), NOW_S) == KNOWN
    assert slots.find(KEY, NOW_S) is None


def test_what_is_heard_pushes_out_only_what_was_used_before_it() -> None:
    slots = one_bucket()
    for number in range(4):
        slots.keep(key(number), pin(last_s=NOW_S - 10 - number), NOW_S)
    assert slots.hear(packed(key(8), row(pin(last_s=NOW_S - 50))), NOW_S) == KNOWN
    assert slots.hear(packed(key(9), row(pin(last_s=NOW_S - 5))), NOW_S) == TAKEN
    assert [number for number in range(9) if slots.find(key(number), NOW_S)] == [0, 1, 2]


def test_a_changed_bit_makes_a_slot_absent() -> None:
    """A change within one word is always seen, not almost always."""
    memory = bytearray(WAYS * SLOT.size)
    slots = table(memory)
    slots.keep(KEY, pin(target=12345, turns=3), NOW_S)
    assert sum(memory) > 0
    for bit in range(SLOT.size * 8):
        memory[bit // 8] ^= 1 << bit % 8
        assert slots.find(KEY, NOW_S) is None
        memory[bit // 8] ^= 1 << bit % 8
    assert slots.find(KEY, NOW_S) is not None


@pytest.mark.parametrize("ages_s", [(9, 3), (3, 9)])
def test_two_slots_of_one_conversation_become_one(ages_s: tuple[int, int]) -> None:
    """Two workers that kept it at once may have chosen different slots."""
    twice = [pin(turns=age_s, last_s=NOW_S - age_s) for age_s in ages_s]
    memory = bytearray(b"".join(packed(KEY, row(each)) for each in twice) + bytes(128))
    slots = table(memory)
    found = slots.find(KEY, NOW_S)
    assert found is not None
    assert found.turns == 3
    slots.keep(KEY, pin(tier=3), NOW_S)
    assert slots.living(bytes(memory), NOW_S) == 1
    slots.forget(KEY)
    assert slots.find(KEY, NOW_S) is None
    assert slots.living(bytes(memory), NOW_S) == 0


# --- against the twin -----------------------------------------------------------------------------

_SECONDS = st.sampled_from([-2000.0, -1000.0, -999.0, -90.0, -30.0, -1.0, 0.0, 59.0, 61.0, 1500.0])
_KEYS = st.integers(0, 9).map(key)
_PINS = st.builds(
    lambda tier, at, last, target, raised, tokens: Pin(
        tier, tokens / 7, NOW_S + at, NOW_S + last, tokens, tokens * 99, tokens, target, raised
    ),
    *(st.integers(0, 3), _SECONDS, _SECONDS, st.sampled_from([0, 1, (1 << 64) - 1])),
    *(st.integers(-1, 65), st.integers(-1, 300_000)),
)
_ACTS = st.one_of(
    st.tuples(st.just("keep"), _KEYS, _PINS),
    st.tuples(st.just("hear"), _KEYS, _PINS),
    st.tuples(st.just("forget"), _KEYS, st.none()),
    st.tuples(st.just("find"), _KEYS, st.none()),
)


def _noise(seed: bytes) -> bytes:
    """Two buckets of slots: empty, valid, valid but of impossible numbers, and mere bytes."""
    slots = []
    for at, kind in enumerate(seed[: 2 * WAYS].ljust(2 * WAYS, b"\0")):
        body = key(kind % 10) + struct.pack("=ddd", NOW_S - kind, NOW_S - at, 1.0) + bytes(16)
        if kind % 5 == 1:
            body = key(kind % 10) + bytes([kind, 0xFF]) * 12 + bytes(16)  # no numbers
        total = sum_of(bytes(8) + body) ^ (kind % 5 == 2)
        slots.append(bytes(SLOT.size) if kind % 5 == 0 else struct.pack("=Q", total) + body)
    return b"".join(slots)


@given(st.binary(max_size=8), st.lists(st.tuples(_ACTS, _SECONDS), max_size=30))
def test_it_does_what_its_twin_does(seed: bytes, acts: list[tuple[Any, float]]) -> None:
    """Byte for byte, beginning with anything in the memory."""
    memory = bytearray(_noise(seed))
    slots, twin = table(memory), Table(bytes(memory), TTL_S, RETELL_S)
    for (act, of, given_pin), seconds in acts:
        now_s = NOW_S + seconds
        if act == "keep":
            assert slots.keep(of, given_pin, now_s) == twin.keep(of, row(given_pin), now_s)
        elif act == "hear":
            line = packed(of, row(given_pin))
            assert slots.hear(line, now_s) == twin.hear(line, now_s)
        elif act == "forget":
            slots.forget(of)
            twin.forget(of)
        found, expected = slots.find(of, now_s), twin.find(of, now_s)
        assert (None if found is None else row(found)) == expected
        assert bytes(memory) == twin.content
        living = sum(twin.lives(slot, now_s) for slot in twin.slots)
        assert slots.living(bytes(memory), now_s) == living


@given(st.binary(min_size=256, max_size=256), st.binary(min_size=16, max_size=16))
def test_any_bytes_read_as_absent(content: bytes, of: bytes) -> None:
    memory = bytearray(content)
    memory[8:24] = of  # the key is there, what belongs to it is not
    slots = table(memory)
    assert slots.find(of, NOW_S) is None
    assert slots.living(content, NOW_S) == 0
    assert slots.hear(content[:64], NOW_S) == UNREADABLE
    slots.keep(of, pin(), NOW_S)
    assert slots.find(of, NOW_S) == pin()


def test_the_twin_reads_what_it_packs() -> None:
    assert unpacked(packed(KEY, row(pin(turns=3)))) == row(pin(turns=3))
    assert step(0, 0) == 0
