"""The originals of shortened texts: found again by their owner, bounded, never in a call's way."""

from __future__ import annotations

import queue
import random
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lynkr._native.spans import string_token
from lynkr.stores import originals as module
from lynkr.stores.originals import Originals, part
from lynkr.transforms.passes import Original

TTL_S = 3600.0
DEADLINE_S = 20.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """A store, with a clock that is set by hand and a list of what it reported."""

    def __init__(self, path: Path, *, bytes_max: int = 1 << 30, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.reports: queue.Queue[str] = queue.Queue()
        self.store = Originals(
            path, ttl_s=TTL_S, bytes_max=bytes_max, wall=self.clock, failed=self.reports.put
        )

    def keep(self, text: str, id_: str = "o_1", scope: bytes = b"ana") -> None:
        body = b" " + string_token(text.encode()) + b" "
        self.store.keep(scope, (Original(id_, 1, len(body) - 1),), body)

    def written(self) -> None:
        """Everything is on the disk: the thread that writes has ended."""
        self.store.close(DEADLINE_S)

    def find(self, id_: str = "o_1", scope: bytes = b"ana") -> str | None:
        found = self.store.find(scope, id_)
        return None if found is None else found.decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "originals.db"


def test_a_text_is_found_before_and_after_it_is_written(path: Path) -> None:
    kept = Kept(path)
    assert kept.find() is None
    kept.keep('line 1\n"zwei" ü')
    assert kept.find() == 'line 1\n"zwei" ü'
    kept.written()
    assert kept.find() == 'line 1\n"zwei" ü'
    assert kept.find("o_2") is None
    assert Kept(path, clock=kept.clock).find() == 'line 1\n"zwei" ü'


def test_nobody_else_finds_it(path: Path) -> None:
    """Not with the right id, and not by reading the file."""
    kept = Kept(path)
    kept.keep("text")
    assert kept.find(scope=b"ben") is None
    kept.written()
    assert kept.find(scope=b"ben") is None
    assert kept.find(scope=b"") is None
    kept.keep("text", scope=b"a-key-with-a-name")
    kept.written()
    assert b"a-key-with-a-name" not in path.read_bytes()


def test_the_file_is_the_users_own(path: Path) -> None:
    kept = Kept(path)
    kept.keep("text")
    kept.written()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_ends_with_its_age(path: Path) -> None:
    kept = Kept(path)
    kept.keep("text")
    kept.written()
    kept.clock.now += TTL_S - 1
    assert kept.find() == "text"
    kept.clock.now += 2
    assert kept.find() is None


def test_what_is_sent_again_does_not_grow_old(path: Path) -> None:
    """A client sends its conversation with every call: a text in use is handed in again."""
    kept = Kept(path)
    kept.keep("text")
    kept.written()
    for _ in range(5):
        kept.clock.now += TTL_S / 2
        kept.keep("text")
        kept.written()
    assert kept.find() == "text"


def test_what_was_kept_lately_is_not_written_again(path: Path) -> None:
    kept = Kept(path)
    kept.keep("text")
    kept.written()
    path.unlink()
    kept.keep("text")
    kept.written()
    assert kept.find() is None


def test_a_text_with_half_a_surrogate_is_not_kept(path: Path) -> None:
    kept = Kept(path)
    body = b'"\\ud800"'
    kept.store.keep(b"ana", (Original("o_1", 0, len(body)),), body)
    kept.written()
    assert kept.find() is None


def incompressible(number: int) -> str:
    return random.Random(number).randbytes(1000).hex()


def test_the_oldest_go_when_there_is_too_much(path: Path) -> None:
    """And no more of them than must."""
    kept = Kept(path, bytes_max=20_000)  # of about 1,200 bytes each as they are stored
    count = 40
    for number in range(count):
        kept.keep(incompressible(number), f"o_{number}")
        kept.written()
        kept.clock.now += 1
    left = [number for number in range(count) if kept.find(f"o_{number}") is not None]
    assert left == list(range(left[0], count))
    assert 14 <= len(left) <= 17


def test_the_old_are_swept_out(path: Path) -> None:
    kept = Kept(path)
    kept.keep("text" * 100, "o_old")
    kept.written()
    kept.clock.now += TTL_S + 1
    kept.keep("new", "o_new")
    kept.written()
    kept.clock.now -= TTL_S  # were it still there, it would be found again
    assert kept.find("o_old") is None


def test_two_workers_share_one_file(path: Path) -> None:
    one = Kept(path)
    two = Kept(path, clock=one.clock)
    for number in range(40):
        one.keep(f"from one {number}", f"o_1_{number}")
        two.keep(f"from two {number}", f"o_2_{number}")
        two.keep("both", "o_both")
        one.keep("both", "o_both")
    one.written()
    two.written()
    assert one.reports.empty()
    assert two.reports.empty()
    assert all(one.find(f"o_2_{number}") == f"from two {number}" for number in range(40))
    assert all(two.find(f"o_1_{number}") == f"from one {number}" for number in range(40))
    assert one.find("o_both") == "both"


def test_a_broken_disk_is_reported_once_and_tried_again(tmp_path: Path) -> None:
    """A call never fails of it; when the disk is well again, the next call's texts are kept."""
    path = tmp_path / "originals.db"
    path.mkdir()
    kept = Kept(path)
    for number in range(3):
        kept.keep("text", f"o_{number}")
    kept.written()
    assert "could not be kept" in kept.reports.get(timeout=DEADLINE_S)
    assert kept.reports.empty()
    assert kept.store.dropped_total == 3
    path.rmdir()
    kept.keep("text", "o_1")
    kept.written()
    assert kept.find("o_1") == "text"
    assert kept.reports.empty()


def test_a_disk_that_breaks_later_is_reported_too(path: Path) -> None:
    kept = Kept(path)
    kept.keep("text")
    kept.written()
    path.write_bytes(b"this is no database" * 1000)
    kept.keep("other", "o_2")
    kept.written()
    assert "not a database" in kept.reports.get(timeout=DEADLINE_S)


class Hanging:
    """A disk that does not answer until it is released."""

    def __init__(self, open_: Callable[[], object]) -> None:
        self.released = threading.Event()
        self.reached = threading.Event()
        self._open = open_

    def __call__(self) -> object:
        self.reached.set()
        assert self.released.wait(DEADLINE_S)
        return self._open()


def test_a_full_queue_drops_and_takes_the_text_the_next_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a disk that hangs, neither a call nor the end of the worker."""
    monkeypatch.setattr(module, "QUEUE_MAX", 2)
    kept = Kept(path)
    disk = Hanging(kept.store._open)
    monkeypatch.setattr(kept.store, "_open", disk)
    kept.keep("text", "o_0")
    assert disk.reached.wait(DEADLINE_S)
    for number in range(1, 5):
        kept.keep("text", f"o_{number}")
    assert kept.store.dropped_total == 2
    assert [kept.find(f"o_{number}") for number in (2, 3, 4)] == ["text", None, None]
    kept.store.close(0.01)
    disk.released.set()
    kept.written()
    kept.keep("text", "o_3")
    kept.written()
    assert [kept.find(f"o_{number}") for number in (0, 2, 3, 4)] == ["text"] * 3 + [None]


def test_too_many_bytes_waiting_are_not_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_BYTES_MAX", 100)
    kept = Kept(path)
    kept.keep("x" * 101)
    assert kept.store.dropped_total == 1
    kept.keep("x" * 100)
    kept.written()
    assert kept.find() == "x" * 100


def test_closing_writes_what_waits_and_may_be_done_twice(path: Path) -> None:
    kept = Kept(path)
    kept.store.close()
    for number in range(200):
        kept.keep(incompressible(number), f"o_{number}")
    kept.store.close(DEADLINE_S)
    kept.store.close()
    assert all(kept.find(f"o_{number}") for number in range(200))


TEXT = "one\ntwo words\nthree\nfour words\n"


@pytest.mark.parametrize(
    ("lines", "grep", "shown"),
    [
        ("", "", TEXT),
        ("2-3", "", "two words\nthree"),
        ("2", "", "two words"),
        ("4-9", "", "four words\n"),
        ("0-1", "", "one"),
        ("9-12", "", ""),
        ("3-2", "", ""),
        ("", "words", "2:two words\n4:four words"),
        ("3-9", "words", "4:four words"),
        ("", "nowhere", ""),
    ],
)
def test_a_part_of_a_text(lines: str, grep: str, shown: str) -> None:
    assert part(TEXT, lines, grep) == shown


@pytest.mark.parametrize("lines", ["x", "-", "1-", "-5", "1-2-3", "1 - 2", "²", "9" * 5000])
def test_what_is_no_range_is_refused(lines: str) -> None:
    with pytest.raises(ValueError, match=r"range|digits"):
        part(TEXT, lines)
