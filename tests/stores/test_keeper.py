"""A worker's threads: what one keeps all learn, nothing waits for them, and an outage passes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from lynkr.stores import keeper as module
from lynkr.stores.answers import (
    CHANGES_MAX,
    Answer,
    AnswerStore,
    Behind,
    Change,
    Dropped,
    Sighting,
)
from lynkr.stores.keeper import Keeper
from lynkr.stores.seal import Seal
from tests.harness.redis_server import PASSWORD
from tests.stores.places import (
    ANA,
    BEN,
    DEADLINE_S,
    Place,
    RedisPlace,
    answer,
    elsewhere,
    id_of,
    ids,
    living,
    sighting,
    until,
)

AT_ONCE_S = (0.001, 0.02)  # a back-off that tests need not wait for


class Worker:
    """A keeper, and what it was told."""

    def __init__(self, open_store: Callable[[], AnswerStore], **options: Any) -> None:
        self.batches: list[list[Change]] = []
        self.renewed: list[frozenset[str]] = []
        self.news: list[str] = []
        self.fetched: queue.Queue[bytes | None] = queue.Queue()
        options = {
            "deliver": self.batches.append,
            "renewed": self.renewed.append,
            "failed": self.news.append,
            "recovered": lambda: self.news.append("recovered"),
            "poll_s": 0.02,
            "back_off_s": AT_ONCE_S,
            **options,
        }
        self.keeper = Keeper(open_store, **options)

    @property
    def told(self) -> list[Change]:
        return [change for batch in list(self.batches) for change in batch]

    def fetch(self, id_: str, scope: bytes = ANA) -> bytes | None:
        self.keeper.fetch(scope, id_, self.fetched.put)
        return self.fetched.get(timeout=DEADLINE_S)

    def close(self) -> None:
        self.keeper.close(DEADLINE_S)
        assert not any(thread.is_alive() for thread in self.keeper._threads.values())


class Scripted:
    """A store in memory that does what a test tells it. What happens to it is in ``calls``."""

    unreadable_total = 0

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.log: queue.Queue[list[Change] | Exception] = queue.Queue()
        self.facts: list[Answer | Sighting] = []
        self.down = False
        self.poison: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.opened = 0

    def open(self) -> AnswerStore:
        self.opened += 1
        self.check()
        return self

    def check(self) -> None:
        if self.down:
            raise OSError("no way to redis://user:canary/p@ss@host:1/0 today")

    def put(self, answer: Answer, content: bytes) -> None:
        self.check()
        if answer.id in self.poison:
            raise ValueError("too large")
        assert self.gate.wait(DEADLINE_S)
        self.calls.append(answer.id)

    def drop(self, ids: Sequence[str]) -> None:
        self.check()
        self.calls.append(tuple(ids))

    def note(self, sighting: Sighting) -> None:
        self.check()
        self.calls.append(sighting)

    def content(self, scope: bytes, id_: str) -> bytes | None:
        self.check()
        assert self.gate.wait(DEADLINE_S)
        return b"content"

    def snapshot(self) -> tuple[Iterator[Answer | Sighting], str]:
        self.check()
        return iter(list(self.facts)), "0"

    def changes(self, cursor: str, wait_s: float) -> tuple[list[Change], str]:
        self.check()
        try:
            found = self.log.get(timeout=wait_s)
        except queue.Empty:
            return [], cursor
        if isinstance(found, Exception):
            raise found
        return found, str(int(cursor) + 1)

    def sweep(self) -> None: ...

    def close(self) -> None: ...


def heard(worker: Worker, answers: set[int], comparisons: int = 0) -> bool:
    """Whether a worker was told of these and no others. What happens while a snapshot is taken may
    be both in it and in the log."""
    noted = {fact.at for fact in worker.told if isinstance(fact, Sighting)}
    return set(ids(worker.told)) == {id_of(n) for n in answers} and len(noted) == comparisons


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def worker(scripted: Scripted) -> Iterator[Worker]:
    with closing(Worker(scripted.open)) as made:
        yield made


# --- real stores --------------------------------------------------------------------------------


def test_what_one_worker_keeps_all_workers_learn(place: Place) -> None:
    with closing(Worker(place.open)) as ana, closing(Worker(place.open)) as ben:
        ana.keeper.start()
        ben.keeper.start()
        ana.keeper.put(answer(1), b"{}")
        ben.keeper.note(sighting(1))
        until(lambda: all(heard(one, answers={1}, comparisons=1) for one in (ana, ben)))
        assert ben.fetch(id_of(1)) == b"{}"
        assert ben.fetch(id_of(1), BEN) is None
        ben.keeper.drop([id_of(1)])
        until(lambda: Dropped((id_of(1),)) in ana.told)
        assert ben.fetch(id_of(1)) is None
        assert ana.keeper.written_total == 1
        assert not ana.news + ben.news


def test_a_worker_that_starts_late_is_handed_everything_in_parts(place: Place) -> None:
    count = 2 * CHANGES_MAX + 5
    with closing(place.open()) as store:
        for number in range(count):
            store.put(answer(number), b"{}")
    with closing(Worker(place.open)) as late:
        late.keeper.start()
        until(lambda: len(late.told) == count)
        assert ids(late.told) == [id_of(number) for number in range(count)]
        assert max(len(batch) for batch in late.batches) <= CHANGES_MAX
        assert late.keeper.delivered_total == count
        assert not late.renewed  # it held nothing before


def test_another_process_is_heard(place: Place) -> None:
    with closing(Worker(place.open)) as here:
        here.keeper.start()
        process = elsewhere(place, 0, 50)
        until(lambda: heard(here, answers=set(range(50)), comparisons=1))
        process.join(DEADLINE_S)


def test_what_waits_is_written_before_the_end(place: Place) -> None:
    worker = Worker(place.open)
    for number in range(200):
        worker.keeper.put(answer(number), b"{}")
    worker.close()
    assert worker.keeper.written_total == 200
    with closing(place.open()) as store:
        assert len(living(store)) == 200


def test_a_store_that_is_down_at_the_start(place: Place) -> None:
    """Workers start all the same, say so once, and what they wanted to keep arrives later."""
    place.stop()
    with closing(Worker(place.open)) as worker:
        worker.keeper.start()
        worker.keeper.put(answer(1), b"{}")
        until(lambda: worker.news)
        assert not worker.keeper.connected
        assert worker.fetch(id_of(2)) is None
        place.start()
        until(lambda: heard(worker, answers={1}))
        until(lambda: worker.news[1:] == ["recovered"])
        until(lambda: worker.keeper.connected)
        until(lambda: worker.fetch(id_of(1)) == b"{}")


def test_a_store_that_dies_and_comes_back(place: Place) -> None:
    """Redis without a disk comes back empty: workers are told that, and go on with what is new."""
    with closing(Worker(place.open)) as worker:
        worker.keeper.start()
        worker.keeper.put(answer(1), b"{}")
        until(lambda: heard(worker, answers={1}))
        place.stop()
        until(lambda: worker.news)
        worker.keeper.put(answer(2), b"{}")
        place.start()
        until(lambda: id_of(2) in ids(worker.told))
        until(lambda: worker.news[-1] == "recovered")
        assert len(worker.news) == 2
        with closing(place.open()) as store:
            store.put(answer(3), b"{}")
        until(lambda: id_of(3) in ids(worker.told))
        if isinstance(place, RedisPlace):
            assert all(id_of(1) not in renewed for renewed in worker.renewed)
            assert worker.renewed
        until(lambda: worker.fetch(id_of(3)) == b"{}")
        until(lambda: worker.keeper.connected)


def test_a_password_is_in_no_message(redis_place: RedisPlace) -> None:
    wrong = redis_place.server.url.replace("canary", "wrong-canary")

    def open_store() -> AnswerStore:
        redis_place.server.url = wrong
        return redis_place.open()

    with closing(Worker(open_store)) as worker:
        worker.keeper.start()
        until(lambda: worker.news)
        assert "AuthenticationError" in worker.news[0]
        redis_place.stop()
    assert "canary" not in "".join(worker.news)
    assert PASSWORD not in "".join(worker.news)


def test_rows_of_another_key_are_counted(place: Place) -> None:
    with closing(place.open(seal=Seal(b"o" * 32))) as store:
        store.put(answer(1), b"{}")
    with closing(Worker(lambda: place.open(seal=Seal(b"k" * 32)))) as worker:
        worker.keeper.start()
        until(lambda: worker.keeper.connected)
        assert worker.keeper.unreadable_total == 1
        assert worker.fetch(id_of(1)) is None
        assert worker.keeper.unreadable_total == 2
        assert not worker.told


# --- a scripted store ---------------------------------------------------------------------------


def test_writes_arrive_in_order(scripted: Scripted, worker: Worker) -> None:
    seen = sighting(1)
    worker.keeper.put(answer(1), b"{}")
    worker.keeper.drop([id_of(1)])
    worker.keeper.note(seen)
    until(lambda: len(scripted.calls) == 3)
    assert scripted.calls == [id_of(1), (id_of(1),), seen]


def test_a_full_queue_drops_and_counts_and_never_waits(
    scripted: Scripted, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_MAX", 10)
    scripted.gate.clear()
    for number in range(15):
        worker.keeper.put(answer(number), b"{}")
    worker.keeper.note(sighting(1))
    assert worker.keeper.dropped_total == 6
    worker.keeper.drop([id_of(1)])  # what is wrong must go
    assert worker.keeper.dropped_total == 6
    scripted.gate.set()
    until(lambda: worker.keeper.written_total == 11)
    assert scripted.calls == [*(id_of(number) for number in range(10)), (id_of(1),)]
    worker.keeper.put(answer(20), b"{}")  # there is room again
    until(lambda: worker.keeper.written_total == 12)


def test_the_queue_has_so_many_bytes(
    scripted: Scripted, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_BYTES_MAX", 10_000)
    scripted.gate.clear()
    for number in range(5):
        worker.keeper.put(answer(number, vector=b"v" * 1000), b"c" * 2000)
    assert worker.keeper.dropped_total == 2
    scripted.gate.set()
    until(lambda: worker.keeper.written_total == 3)
    worker.keeper.put(answer(6), b"c" * 9000)
    until(lambda: worker.keeper.written_total == 4)


def test_a_write_that_the_store_refuses_does_not_hold_up_the_others(
    scripted: Scripted, worker: Worker
) -> None:
    scripted.poison = {id_of(1)}
    for number in range(3):
        worker.keeper.put(answer(number), b"{}")
    until(lambda: len(scripted.calls) == 2)
    assert scripted.calls == [id_of(0), id_of(2)]
    assert (worker.keeper.written_total, worker.keeper.dropped_total) == (2, 1)


def test_an_outage_is_told_once_without_credentials(scripted: Scripted, worker: Worker) -> None:
    worker.keeper.start()
    until(lambda: worker.keeper.connected)

    def outage(number: int) -> None:
        scripted.down = True
        worker.keeper.put(answer(number), b"{}")
        before = scripted.opened
        until(lambda: scripted.opened > before + 10)
        assert len(worker.news) == 2 * number - 1
        scripted.down = False
        until(lambda: worker.keeper.written_total == number)
        until(lambda: len(worker.news) == 2 * number)

    outage(1)
    outage(2)
    text = "the cache cannot use its store: OSError: no way to redis://host:1/0 today"
    assert worker.news == [text, "recovered"] * 2


def test_a_connection_that_was_cut_once_is_no_outage(scripted: Scripted, worker: Worker) -> None:
    worker.keeper.start()
    for _ in range(3):
        scripted.log.put(ConnectionError("cut"))
        scripted.log.put([answer(1)])
    until(lambda: len(worker.told) == 3)
    assert not worker.news


def test_who_is_behind_takes_a_snapshot_and_says_what_lives(
    scripted: Scripted, worker: Worker
) -> None:
    """Of what it has missed, some may have been dropped."""
    scripted.facts = [answer(1), answer(2), sighting(1)]
    worker.keeper.start()
    until(lambda: len(worker.told) == 3)
    scripted.facts = [answer(2), answer(3)]
    scripted.log.put(Behind())
    until(lambda: worker.renewed)
    assert worker.renewed == [frozenset({id_of(2), id_of(3)})]
    assert ids(worker.told) == [id_of(number) for number in (1, 2, 2, 3)]


def test_what_was_dropped_here_is_not_handed_back(scripted: Scripted, worker: Worker) -> None:
    """The log may still be telling that it was kept."""
    worker.keeper.drop([id_of(1)])
    scripted.facts = [answer(1), answer(2)]
    scripted.log.put([answer(1), answer(3)])
    worker.keeper.start()
    until(lambda: len(worker.told) == 2)
    assert ids(worker.told) == [id_of(2), id_of(3)]


def test_only_so_many_drops_are_remembered(scripted: Scripted, worker: Worker) -> None:
    worker.keeper.drop([id_of(number) for number in range(3 * module.GONE_MAX)])
    worker.keeper.drop([id_of(-1 % 2**64)])
    assert len(worker.keeper._gone) == module.GONE_MAX
    scripted.facts = [answer(0), answer(3 * module.GONE_MAX - 1)]
    worker.keeper.start()
    until(lambda: worker.told)
    assert ids(worker.told) == [id_of(0)]


def test_a_content_that_is_not_written_yet_is_given_at_once(
    scripted: Scripted, worker: Worker
) -> None:
    scripted.gate.clear()
    worker.keeper.put(answer(1), b"mine")
    assert worker.fetch(id_of(1)) == b"mine"
    assert worker.fetch(id_of(1), BEN) is None
    scripted.gate.set()
    until(lambda: worker.keeper.written_total)
    until(lambda: worker.fetch(id_of(1)) == b"content")


def test_more_fetches_than_wait_are_answered_with_nothing(
    scripted: Scripted, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FETCHES_MAX", 3)
    scripted.gate.clear()
    for number in range(5):
        worker.keeper.fetch(ANA, id_of(number), worker.fetched.put)
    assert [worker.fetched.get(timeout=DEADLINE_S) for _ in range(2)] == [None, None]
    assert worker.keeper.unfetched_total == 2
    scripted.gate.set()
    assert [worker.fetched.get(timeout=DEADLINE_S) for _ in range(3)] == [b"content"] * 3
    assert worker.fetch(id_of(9)) == b"content"


def test_a_fetch_does_not_wait_for_a_store_that_is_down(scripted: Scripted) -> None:
    """And does not ask it again with every call: there is a back-off."""
    with closing(Worker(scripted.open, back_off_s=(3600.0, 3600.0))) as worker:
        scripted.down = True
        for number in range(20):
            assert worker.fetch(id_of(number)) is None
        assert scripted.opened == 2
        assert worker.keeper.unfetched_total == 20
        assert not worker.news


def test_mistakes_of_those_who_are_told_do_not_end_a_thread(scripted: Scripted) -> None:
    """They are told as well, and the next news come."""
    heard: list[Change] = []

    def deliver(changes: list[Change]) -> None:
        heard.extend(changes)
        raise RuntimeError("a mistake")

    def done(content: bytes | None) -> None:
        raise RuntimeError("another one")

    with closing(Worker(scripted.open, deliver=deliver)) as worker:
        worker.keeper.start()
        scripted.log.put([answer(1)])
        scripted.log.put([answer(2)])
        until(lambda: len(heard) == 2)
        worker.keeper.fetch(ANA, id_of(1), done)
        assert worker.fetch(id_of(1)) == b"content"
        assert any("a mistake" in one for one in worker.news)
        assert any("another one" in one for one in worker.news)


def test_threads_end_while_the_store_is_down(scripted: Scripted) -> None:
    """However long they would have waited to try again; what they had is counted as lost."""
    scripted.down = True
    worker = Worker(scripted.open, back_off_s=(3600.0, 3600.0))
    worker.keeper.start()
    for number in range(5):
        worker.keeper.put(answer(number), b"{}")
    until(lambda: worker.news)
    worker.close()
    assert worker.keeper.dropped_total == 5


def test_after_the_end_nothing_is_kept_and_no_thread_starts(scripted: Scripted) -> None:
    worker = Worker(scripted.open)
    worker.close()
    worker.keeper.put(answer(1), b"{}")
    assert worker.fetch(id_of(1)) is None
    assert worker.keeper.dropped_total == 1
    assert not worker.keeper._threads
    assert scripted.opened == 0


def test_nothing_is_opened_before_it_is_needed(scripted: Scripted, worker: Worker) -> None:
    assert scripted.opened == 0
    assert not worker.keeper.connected
    assert worker.keeper.lag_s == 0.0


def test_how_far_behind_it_is(scripted: Scripted) -> None:
    now = [100.0]
    with closing(Worker(scripted.open, clock=lambda: now[0])) as worker:
        scripted.down = True
        worker.keeper.start()
        now[0] = 130.0
        assert worker.keeper.lag_s == 30.0
        scripted.down = False
        until(lambda: worker.keeper.lag_s == 0.0)
        until(lambda: worker.keeper.connected)
        scripted.down = True
        until(lambda: not worker.keeper.connected)
        now[0] = 190.0
        assert worker.keeper.lag_s == 60.0
