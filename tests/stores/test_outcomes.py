"""Outcomes on the disk: added up over workers, bounded, and never in a call's way."""

from __future__ import annotations

import queue
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lynkr.policies.outcomes import COUNTERS, DAY_S, Outcome
from lynkr.stores import outcomes as module
from lynkr.stores.outcomes import Outcomes, read

TODAY = 20_000
DEADLINE_S = 20.0


def outcome(day: int = TODAY, **fields: int | float | str) -> Outcome:
    base: dict[str, int | float | str] = {"tier": "MEDIUM", "target": "a:m", "calls": 1}
    return Outcome(day=day, **{**base, **fields})  # type: ignore[arg-type]


class Kept:
    """A store whose clock is set by hand, and a list of what it reported."""

    def __init__(self, path: Path) -> None:
        self.day = TODAY
        self.reports: queue.Queue[str] = queue.Queue()
        self.store = Outcomes(
            path, wall=lambda: self.day * DAY_S + 5.0, failed=self.reports.put, batch_s=3600.0
        )

    def add(self, *found: Outcome) -> None:
        for one in found:
            self.store.add(one)

    def written(self) -> None:
        """The thread that writes has ended; nothing waits for its batch."""
        self.store.close(DEADLINE_S)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outcomes.db"


def test_what_was_added_is_read_back(path: Path) -> None:
    full = Outcome(
        day=TODAY, tier="SIMPLE", target="b:x", score_band=3, rule="side",
        **dict.fromkeys(COUNTERS, 3),
    )  # fmt: skip
    kept = Kept(path)
    kept.add(full, outcome(usd=0.25))
    kept.written()
    assert read(path) == [outcome(usd=0.25), full]
    assert isinstance(read(path)[1].usd, float)


def test_what_is_alike_is_one_row(path: Path) -> None:
    """Within a batch and over several; rows of another tier, model, band, rule or day are not."""
    kept = Kept(path)
    for _ in range(3):
        kept.add(outcome(usd=0.5), outcome(usd=0.5))
        kept.written()
    kept.add(
        outcome(tier="SIMPLE"), outcome(target="a:n"), outcome(score_band=1), outcome(rule="side"),
        outcome(TODAY - 1),
    )  # fmt: skip
    kept.written()
    rows = read(path)
    assert [row.calls for row in rows] == [1, 6, 1, 1, 1, 1]
    assert rows[1].usd == 3.0
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM outcomes").fetchone() == (6,)
    database.close()


def test_two_workers_add_to_the_same_rows(path: Path) -> None:
    workers = [Kept(path) for _ in range(3)]
    for _ in range(5):
        for worker in workers:
            worker.add(*[outcome() for _ in range(10)])
        for worker in workers:
            worker.written()
    assert [row.calls for row in read(path)] == [150]
    assert all(worker.reports.empty() for worker in workers)
    assert all(worker.store.dropped_total == 0 for worker in workers)


def test_a_part_of_the_days_can_be_read(path: Path) -> None:
    kept = Kept(path)
    kept.add(*[outcome(TODAY - back) for back in range(10)])
    kept.written()
    assert [row.day for row in read(path, TODAY - 2)] == [TODAY - 2, TODAY - 1, TODAY]


def test_the_old_are_swept_out(path: Path) -> None:
    kept = Kept(path)
    kept.add(outcome(TODAY - 89), outcome(TODAY))
    kept.written()
    assert len(read(path)) == 2
    kept.day = TODAY + 1
    kept.add(outcome(TODAY + 1))
    kept.written()
    assert [row.day for row in read(path)] == [TODAY, TODAY + 1]


def test_without_a_file_there_is_nothing(path: Path) -> None:
    assert read(path) == []
    assert not path.parent.exists()


def test_reading_leaves_no_file_behind(path: Path) -> None:
    kept = Kept(path)
    kept.add(outcome())
    kept.written()
    before = sorted(path.parent.iterdir())
    assert len(read(path)) == 1
    assert sorted(path.parent.iterdir()) == before


def test_reading_what_is_no_database_says_so(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(OSError, match="not a database"):
        read(path)


def test_it_can_be_read_while_it_is_written(path: Path) -> None:
    kept = Kept(path)
    kept.add(outcome())
    kept.written()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE outcomes SET calls = 99")
    assert [row.calls for row in read(path)] == [1]
    writer.execute("COMMIT")
    assert [row.calls for row in read(path)] == [99]
    writer.close()


def test_the_file_is_the_users_own(path: Path) -> None:
    kept = Kept(path)
    kept.add(outcome())
    kept.written()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_broken_disk_is_reported_once_and_what_it_did_not_take_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.db"
    path.mkdir()
    kept = Kept(path)
    kept.add(outcome(), outcome(), outcome(rule="side"))
    kept.written()
    assert "could not be kept" in kept.reports.get(timeout=DEADLINE_S)
    assert kept.reports.empty()
    assert kept.store.dropped_total == 2  # sums
    path.rmdir()
    kept.add(outcome())
    kept.written()
    assert [row.calls for row in read(path)] == [1]


class Hanging:
    """A disk that does not answer, or does not work, until it is released."""

    def __init__(self, open_: Callable[[Path], sqlite3.Connection]) -> None:
        self.released = threading.Event()
        self.reached = threading.Event()
        self.broken = 0
        self._open = open_

    def __call__(self, path: Path) -> sqlite3.Connection:
        self.reached.set()
        assert self.released.wait(DEADLINE_S)
        if self.broken:
            self.broken -= 1
            raise OSError("no space left")
        return self._open(path)


def test_what_a_disk_did_not_take_is_tried_with_the_next_batch(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Hanging(module._open)
    disk.broken = 1
    disk.released.set()
    monkeypatch.setattr(module, "_open", disk)
    reports: queue.Queue[str] = queue.Queue()
    store = Outcomes(path, wall=lambda: TODAY * DAY_S, failed=reports.put, batch_s=0.0)
    store.add(outcome())
    assert "no space left" in reports.get(timeout=DEADLINE_S)
    store.add(outcome())
    store.close(DEADLINE_S)
    assert [row.calls for row in read(path)] == [2]
    assert store.dropped_total == 0


def test_a_full_queue_drops_and_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And ``add`` returns while the disk hangs."""
    monkeypatch.setattr(module, "QUEUE_MAX", 4)
    disk = Hanging(module._open)
    monkeypatch.setattr(module, "_open", disk)
    store = Outcomes(path, wall=lambda: TODAY * DAY_S, batch_s=0.0)
    store.add(outcome())
    assert disk.reached.wait(DEADLINE_S)
    for _ in range(10):
        store.add(outcome())
    assert store.dropped_total == 6
    disk.released.set()
    store.close(DEADLINE_S)
    assert [row.calls for row in read(path)] == [5]


def test_rows_that_wait_for_a_disk_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_MAX", 3)
    kept = Kept(path)
    kept.add(*[outcome(rule=f"r{number}") for number in range(9)], outcome(rule="r0"))
    kept.written()
    assert [(row.rule, row.calls) for row in read(path)] == [("r0", 2), ("r1", 1), ("r2", 1)]
    assert kept.store.dropped_total == 6


def test_closing_what_was_never_used_touches_nothing(path: Path) -> None:
    Kept(path).written()
    assert not path.parent.exists()
