"""What every store of answers promises, tried with an SQLite file and with a real Redis server."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from lynkr.stores import answers_redis, answers_sqlite
from lynkr.stores.answers import CHANGES_MAX, Answer, AnswerStore, Change, Dropped, Sighting
from lynkr.stores.seal import Seal
from tests.stores.places import (
    ANA,
    BEN,
    DEADLINE_S,
    Place,
    answer,
    elsewhere,
    id_of,
    ids,
    living,
    sighting,
)

CANARY = "the canary sings"
NOW = 1_800_000_000.0


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(place: Place) -> Iterator[AnswerStore]:
    with closing(place.open()) as opened:
        yield opened


def after(store: AnswerStore, cursor: str) -> tuple[list[Change], str]:
    """All changes that are there now."""
    found: list[Change] = []
    while True:
        changes, cursor = store.changes(cursor, 0.0)
        assert len(changes) <= CHANGES_MAX
        if not changes:
            return found, cursor
        found += changes


# --- one store ------------------------------------------------------------------------------------


def test_an_answer_comes_back_whole(store: AnswerStore) -> None:
    kept = answer(1, question="what is tcp", vector=b"\x00\xff" * 128, features=b"\x01", epoch="e")
    bare = answer(2, partition=b"")
    store.put(kept, b'{"text":"a protocol"}')
    store.put(bare, b"long" * 1000)
    assert living(store) == [kept, bare]
    assert store.content(ANA, id_of(1)) == b'{"text":"a protocol"}'
    assert store.content(ANA, id_of(2)) == b"long" * 1000


def test_what_was_kept_is_there_for_those_who_come_later(place: Place) -> None:
    with closing(place.open()) as store:
        store.put(answer(1), b"{}")
        store.note(seen := sighting(7))
    with closing(place.open()) as store:
        assert ids(living(store)[:1]) == [id_of(1)]
        assert living(store)[1:] == [seen]
        assert store.content(ANA, id_of(1)) == b"{}"


def test_a_content_is_not_given_to_another_scope(store: AnswerStore) -> None:
    store.put(answer(1, scope=ANA), b"ana's")
    assert store.content(BEN, id_of(1)) is None
    assert store.content(b"", id_of(1)) is None
    assert store.content(ANA, id_of(1)) == b"ana's"


def test_an_expired_answer_is_not_there_and_is_swept(place: Place) -> None:
    clock = Clock(answer(0).stored_at)
    with closing(place.open(wall=clock)) as store:
        _, cursor = store.snapshot()
        store.put(answer(1, ttl_s=600.0), b"short")
        store.put(answer(2, ttl_s=7200.0), b"long")
        clock.now += 3600.0
        assert store.content(ANA, id_of(1)) is None
        assert ids(living(store)) == ids(after(store, cursor)[0]) == [id_of(2)]
        store.sweep()
        clock.now -= 3600.0  # to see what is left, whatever the time
        assert store.content(ANA, id_of(1)) is None
        assert store.content(ANA, id_of(2)) == b"long"
        assert ids(living(store)) == [id_of(2)]


def test_a_scope_keeps_so_many_and_loses_its_oldest(place: Place) -> None:
    """One key's calls do not push out another's answers. 64 writes, and the store looks itself."""
    with closing(place.open(entries_per_scope_max=10)) as store:
        store.put(answer(0, scope=BEN), b"{}")
        _, cursor = store.snapshot()
        for number in range(1, 64):
            store.put(answer(number), b"{}")
        left = [id_of(0), *(id_of(number) for number in range(54, 64))]
        assert ids(living(store)) == left
        assert store.content(ANA, id_of(53)) is None
        assert store.content(ANA, id_of(54)) == b"{}"
        changes, _ = after(store, cursor)
        told = [id_ for one in changes if isinstance(one, Dropped) for id_ in one.ids]
        assert sorted(told) == [id_of(number) for number in range(1, 54)]


def test_all_together_have_so_many_bytes_and_the_oldest_go(place: Place) -> None:
    """What is noted beside the contents counts as well, so ten times 10 KB are not quite there."""
    with closing(place.open(bytes_max=100_000)) as store:
        for number in range(300):
            content = random.Random(number).randbytes(10_000)  # cannot be compressed
            store.put(answer(number, scope=ANA if number % 2 else BEN), content)
        store.sweep()
        assert ids(living(store)) == [id_of(number) for number in range(291, 300)]
        for number in range(9):
            store.put(answer(1000 + number), b"small")
        store.sweep()
        assert ids(living(store))[-9:] == [id_of(1000 + number) for number in range(9)]


def test_an_answer_put_again_counts_once(place: Place) -> None:
    """A writer that lost its connection cannot know whether the write had arrived."""
    with closing(place.open(bytes_max=100_000)) as store:
        for _ in range(50):
            store.put(answer(1), bytes(range(256)) * 40)
        store.sweep()
        assert ids(living(store)) == [id_of(1)]
        store.drop([id_of(1)])
        for number in range(2, 11):
            store.put(answer(number), random.Random(number).randbytes(10_000))
        store.sweep()
        assert len(living(store)) == 9


def test_what_is_dropped_is_gone(store: AnswerStore) -> None:
    for number in range(3):
        store.put(answer(number), b"{}")
    store.drop([id_of(0), id_of(2)])
    assert ids(living(store)) == [id_of(1)]
    assert store.content(ANA, id_of(0)) is None


def test_many_are_dropped_at_once(store: AnswerStore) -> None:
    for number in range(600):
        store.put(answer(number), b"{}")
    _, cursor = store.snapshot()
    store.drop([id_of(number) for number in range(600)])
    assert living(store) == []
    changes, _ = after(store, cursor)
    assert sum(len(change.ids) for change in changes if isinstance(change, Dropped)) == 600


def test_old_comparisons_and_those_beyond_the_bound_go(
    store: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (answers_sqlite, answers_redis):
        monkeypatch.setattr(module, "SIGHTINGS_MAX", 5)
    store.note(sighting(99, at=1.0))
    noted = [sighting(number) for number in range(10)]
    for one in noted:
        store.note(one)
    assert living(store) == noted
    store.sweep()
    assert living(store) == noted[5:]


# --- the log --------------------------------------------------------------------------------------


def test_changes_come_in_the_order_in_which_they_were_made(store: AnswerStore) -> None:
    _, cursor = store.snapshot()
    first, second, seen = answer(1), answer(2), sighting(1)
    store.put(first, b"{}")
    store.note(seen)
    store.put(second, b"{}")
    assert after(store, cursor)[0] == [first, seen, second]
    _, cursor = after(store, cursor)
    store.drop([id_of(1), "c_unknown"])
    assert after(store, cursor)[0] == [Dropped((id_of(1), "c_unknown"))]


def test_an_answer_that_is_gone_again_is_left_out_of_the_log(store: AnswerStore) -> None:
    _, cursor = store.snapshot()
    store.put(answer(1), b"{}")
    store.drop([id_of(1)])
    store.put(answer(2), b"{}")
    changes, _ = after(store, cursor)
    assert changes[0] == Dropped((id_of(1),))
    assert ids(changes) == [id_of(2)]


def test_a_long_log_is_read_in_parts(store: AnswerStore) -> None:
    _, cursor = store.snapshot()
    for number in range(2 * CHANGES_MAX + 10):
        store.note(sighting(number))
    first, middle = store.changes(cursor, 0.0)
    assert len(first) == CHANGES_MAX
    assert next(one.id for one in first if isinstance(one, Sighting)) == id_of(0)
    assert len(after(store, middle)[0]) == CHANGES_MAX + 10


def test_a_reader_waits_for_a_change(place: Place, store: AnswerStore) -> None:
    """It is woken by the change, long before its time is over."""
    _, cursor = store.snapshot()
    found: list[Change] = []

    def wait() -> None:
        with closing(place.open()) as reader:
            at, changes = cursor, list[Change]()
            while not changes:
                changes, at = reader.changes(at, DEADLINE_S * 2)
            found.extend(changes)

    thread = threading.Thread(target=wait)
    thread.start()
    store.put(answer(1), b"{}")
    thread.join(DEADLINE_S)
    assert ids(found) == [id_of(1)]


def test_a_reader_does_not_wait_for_longer_than_it_said(store: AnswerStore) -> None:
    _, cursor = store.snapshot()
    assert store.changes(cursor, 0.02) == ([], cursor)


# --- several processes ----------------------------------------------------------------------------


def test_several_processes_write_at_once(place: Place) -> None:
    """They all begin with a place where nothing is yet; each finds what the others kept."""
    workers = [elsewhere(place, 1000 * worker, 150) for worker in range(3)]
    for worker in workers:
        worker.join(DEADLINE_S)
        assert worker.exitcode == 0
    with closing(place.open()) as store:
        expected = {id_of(1000 * worker + number) for worker in range(3) for number in range(150)}
        assert set(ids(living(store))) == expected
        assert len(ids(living(store))) == len(expected)
        assert all(store.content(ANA, id_) == b"{}" for id_ in expected)


def test_two_who_drop_the_same_do_not_count_it_twice(place: Place) -> None:
    """Else the sum of bytes would sink below the truth, and the store would grow."""
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(place.open(bytes_max=50_000))) for _ in range(3)]
        for number in range(40):
            stores[0].put(answer(number), random.Random(number).randbytes(500))
        everything = [id_of(number) for number in range(40)]

        def one_by_one(store: AnswerStore) -> None:
            for id_ in everything:
                store.drop([id_])

        threads = [threading.Thread(target=one_by_one, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        for number in range(100, 130):
            stores[0].put(answer(number), random.Random(number).randbytes(5_000))
        stores[0].sweep()
        assert 5 <= len(living(stores[0])) <= 10


@pytest.mark.parametrize("seed", [1, 2])
def test_a_snapshot_and_the_log_after_it_lose_nothing(
    place: Place, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever a worker starts, while others write and drop: in the end it knows what there is."""
    for module in (answers_sqlite, answers_redis):
        monkeypatch.setattr(module, "PAGE_ROWS", 16)  # a snapshot takes many looks
    chance = random.Random(seed)
    with closing(place.open(entries_per_scope_max=100_000)) as store:
        writer = elsewhere(place, 0, 400, drops=True)
        readers = [Worker(store)]
        while not readers[0].ended:
            if len(readers) < 8 and chance.random() < 0.2:
                readers.append(Worker(store))
            store.changes(readers[0].cursor, 0.05)  # something happens, most of the time
            for reader in [readers[0], *chance.sample(readers, len(readers) // 2)]:
                reader.go_on(store)
            assert readers[0].ended or writer.is_alive() or writer.exitcode == 0
        writer.join(DEADLINE_S)
        readers.append(Worker(store))
        expected = {id_of(n) for n in range(400)} - {id_of(n - 2) for n in range(4, 400, 5)}
        for reader in readers:
            reader.go_on(store)
            assert reader.known == expected


class Worker:
    """Knows what the snapshot and the log told it."""

    def __init__(self, store: AnswerStore) -> None:
        facts, self.cursor = store.snapshot()
        self.known: set[str] = set()
        self.ended = False  # has seen the writer's last word
        for fact in facts:
            self.learn(fact)

    def go_on(self, store: AnswerStore) -> None:
        changes, self.cursor = after(store, self.cursor)
        for change in changes:
            self.learn(change)

    def learn(self, change: Change) -> None:
        if isinstance(change, Answer):
            self.known.add(change.id)
        elif isinstance(change, Dropped):
            self.known -= set(change.ids)
        else:
            self.ended = True


# --- encryption -----------------------------------------------------------------------------------

KEY, OTHER = b"k" * 32, b"o" * 32


def secret(number: int) -> Answer:
    return answer(number, question=CANARY, vector=CANARY.encode(), features=CANARY.encode())


@pytest.mark.parametrize("key", [KEY, None])
def test_what_people_wrote_lies_nowhere_in_the_open(place: Place, key: bytes | None) -> None:
    """Nor does it in SQLite's log, which is read while the store is still open. Without a key it
    does: the test can see it."""
    with closing(place.open(seal=None if key is None else Seal(key))) as store:
        store.put(secret(1), CANARY.encode())
        store.put(secret(2), CANARY.encode())
        store.drop([id_of(2)])
        store.note(sighting(1))
        assert (CANARY.encode() in place.all_bytes()) == (key is None)
        assert store.content(ANA, id_of(1)) == CANARY.encode()
        assert ids(living(store)) == [id_of(1)]
    if place.all_bytes():
        assert (CANARY.encode() in place.all_bytes()) == (key is None)


@pytest.mark.parametrize(("wrote", "reads"), [(KEY, OTHER), (KEY, None), (None, KEY)])
def test_what_has_another_key_is_passed_over_and_counted(
    place: Place, wrote: bytes | None, reads: bytes | None
) -> None:
    with (
        closing(place.open(seal=None if wrote is None else Seal(wrote))) as writer,
        closing(place.open(seal=None if reads is None else Seal(reads))) as reader,
    ):
        _, cursor = reader.snapshot()
        writer.put(secret(1), b"theirs")
        reader.put(secret(2), b"mine")
        assert reader.unreadable_total == 0
        assert ids(living(reader)) == [id_of(2)]
        assert ids(after(reader, cursor)[0]) == [id_of(2)]
        assert reader.content(ANA, id_of(1)) is None
        assert reader.unreadable_total == 3
        reader.drop([id_of(1)])  # it can still be told to go
        assert living(writer) == []
