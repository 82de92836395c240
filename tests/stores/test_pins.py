"""The table that the workers of a host share: what it survives, and that processes agree."""

from __future__ import annotations

import fcntl
import mmap
import multiprocessing
import os
import random
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lynkr.policies.routing.facts import Pin
from lynkr.stores import pins as module
from lynkr.stores.pins import Pins, at_hand
from tests.stores.places import DEADLINE_S

NOW_S = 1_800_000_000.0
SLOTS = 64
KEY, OTHER = b"k" * 16, b"o" * 16
PIN = Pin(2, 51.25, NOW_S - 50, NOW_S, 3, 1000, 200, 1 << 63, 1)
SPAWN = multiprocessing.get_context("spawn")


def opened(path: Path | str = "", **options: Any) -> Pins:
    return Pins(path, **{"slots": SLOTS, "wall": lambda: NOW_S, **options})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "pins"


def in_others(target: Callable[..., object], *arguments: tuple[Any, ...]) -> list[Any]:
    """What each process says, in the order of the arguments; they run at once."""
    workers, ends = [], []
    for given in arguments:
        mine, theirs = SPAWN.Pipe()
        worker = SPAWN.Process(target=_say, args=(theirs, target, given))
        worker.start()
        theirs.close()
        workers.append(worker)
        ends.append(mine)
    said = []
    for worker, end in zip(workers, ends, strict=True):
        assert end.poll(DEADLINE_S)
        said.append(end.recv())
        worker.join(DEADLINE_S)
        assert worker.exitcode == 0
    return said


def _say(end: Any, target: Callable[..., object], given: tuple[Any, ...]) -> None:
    end.send(target(*given))


# --- one process ----------------------------------------------------------------------------------


def test_a_pin_is_found_by_all_who_have_opened_the_file(path: Path) -> None:
    one, other = opened(path), opened(path)
    one.keep(KEY, PIN)
    assert other.find(KEY) == PIN
    assert other.find(OTHER) is None
    other.forget(KEY)
    assert one.find(KEY) is None


def test_a_table_in_memory_is_nobody_elses() -> None:
    one, other = opened(), opened()
    one.keep(KEY, PIN)
    assert one.find(KEY) == PIN
    assert other.find(KEY) is None
    assert (one.path, one.count()) == ("", 1)


def test_pins_are_counted_until_they_expire(path: Path) -> None:
    now = [NOW_S]
    pins = opened(path, wall=lambda: now[0], ttl_s=100.0)
    pins.keep(KEY, PIN)
    now[0] += 60
    pins.keep(OTHER, Pin(1, 1.0, NOW_S, NOW_S + 60))
    assert pins.count() == 2
    now[0] += 40
    assert pins.count() == 1
    assert pins.find(KEY) is None


def test_only_what_is_worth_it_is_told() -> None:
    told: list[tuple[bytes, bytes]] = []
    pins, elsewhere = opened(), opened()
    pins.keep(OTHER, PIN)  # nobody listens
    pins.tell = lambda key, news: told.append((key, news))
    pins.keep(KEY, PIN)
    pins.keep(KEY, PIN)
    assert [key for key, _ in told] == [KEY]
    assert elsewhere.hear(told[0][1]) == module.TAKEN
    assert elsewhere.find(KEY) == PIN
    assert len(told) == 1  # what is heard is not told again


def test_a_full_bucket_is_counted(path: Path) -> None:
    pins = opened(path, slots=4)
    for number in range(6):
        pins.keep(bytes([number]) * 16, PIN)
    assert pins.evicted_total == 2
    assert pins.count() == 4


# --- the file -------------------------------------------------------------------------------------


def test_the_file_is_the_users_alone_and_has_all_its_room(path: Path) -> None:
    """Room that is taken later may not be there then, and that would end the process."""
    before = os.umask(0)
    try:
        opened(path)
    finally:
        os.umask(before)
    found = path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert found.st_blocks * 512 >= found.st_size == mmap.PAGESIZE + SLOTS * 64
    assert [entry.name for entry in path.parent.iterdir()] == ["pins"]


def test_pins_outlive_the_process(path: Path) -> None:
    opened(path).keep(KEY, PIN)
    inode = path.stat().st_ino
    assert opened(path).find(KEY) == PIN
    assert path.stat().st_ino == inode


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


SPOILT: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: _write(path, b""),
    "short": lambda path: os.truncate(path, mmap.PAGESIZE),
    "long": lambda path: os.truncate(path, 1 << 20),
    "other magic": lambda path: _write(path, b"x" + path.read_bytes()[1:]),
    "other version": lambda path: _write(path, path.read_bytes().replace(b"\1\0", b"\2\0", 1)),
    "readable by others": lambda path: path.chmod(0o640),
    "without rights": lambda path: path.chmod(0),
    "also elsewhere": lambda path: path.with_name("link").hardlink_to(path),
    "a pipe": _pipe,
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_file_that_is_not_right_is_replaced(path: Path, how: str) -> None:
    """Those who have it open go on with theirs, and nothing is written into what was there."""
    first = opened(path)
    SPOILT[how](path)
    second = opened(path)
    assert second.find(KEY) is None
    second.keep(KEY, PIN)
    assert opened(path).find(KEY) == PIN
    if how not in ("short", "empty", "other magic", "other version"):  # the same file, changed
        assert first.find(KEY) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    aim = tmp_path / "aim"
    opened(aim)
    before = aim.read_bytes()
    path.parent.mkdir()
    path.symlink_to(aim)
    opened(path).keep(KEY, PIN)
    assert not path.is_symlink()
    assert aim.read_bytes() == before


def test_a_sparse_file_is_replaced(path: Path) -> None:
    """A hole in it is filled when it is first written to: on a full disk, that ends a process."""
    opened(path)
    header = path.read_bytes()[: mmap.PAGESIZE]
    size = path.stat().st_size
    _write(path, header)
    os.truncate(path, size)
    inode = path.stat().st_ino
    opened(path)
    assert path.stat().st_ino != inode


def test_what_somebody_left_who_was_killed_while_making_it_is_no_harm(path: Path) -> None:
    path.parent.mkdir()
    path.with_name("pins.new").write_bytes(b"half")
    opened(path).keep(KEY, PIN)
    assert opened(path).find(KEY) == PIN
    assert [entry.name for entry in path.parent.iterdir()] == ["pins"]


def test_without_room_there_is_an_error_and_no_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        opened(path)
    assert list(path.parent.iterdir()) == []


def test_a_file_system_that_promises_no_room_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", lambda fd, start, size: os.ftruncate(fd, size))
    with pytest.raises(OSError, match="does not keep room free"):
        opened(path)
    assert list(path.parent.iterdir()) == []


def test_a_lock_that_is_never_given_back_is_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOCK_S", 0.02)
    path.parent.mkdir()
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        with pytest.raises(TimeoutError, match="locked by another"):
            opened(path)
    finally:
        os.close(folder)
    opened(path)


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_in_the_file_read_as_absent(path: Path, seed: int) -> None:
    pins = opened(path)
    pins.keep(KEY, PIN)
    chance = random.Random(seed)
    with path.open("r+b") as file:
        for _ in range(40):
            file.seek(chance.randrange(path.stat().st_size - 64))
            file.write(chance.randbytes(chance.choice((1, 8, 64))))
        file.seek(mmap.PAGESIZE)
        file.write(chance.randbytes(SLOTS * 64))
    for number in range(200):
        assert pins.find(number.to_bytes(16, "little")) is None
    assert pins.find(KEY) is None
    assert pins.count() == 0
    pins.keep(KEY, PIN)
    assert pins.find(KEY) == PIN


def test_memory_is_taken_only_as_it_is_used(tmp_path: Path) -> None:
    """A gateway that serves nobody does not weigh four megabytes more."""

    def mapped_kb(path: str) -> int:
        found, resident = False, 0
        for line in Path("/proc/self/smaps").read_text("utf-8").splitlines():
            if "-" in line.split(" ", 1)[0]:
                found = path in line
            elif found and line.startswith("Rss:"):
                resident += int(line.split()[1])
        return resident

    for path, name in ((str(tmp_path / "pins"), str(tmp_path / "pins")), ("", "lynkr-pins")):
        before_kb = mapped_kb(name)  # of tables that other tests have not let go of
        pins = Pins(path)
        assert mapped_kb(name) == before_kb
        pins.keep(KEY, PIN)
        assert pins.find(OTHER) is None
        pins.count()
        assert 0 < mapped_kb(name) - before_kb <= 256, name


# --- where a gateway keeps it ---------------------------------------------------------------------


def test_a_gateway_finds_its_own_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY", tmp_path)
    now_s = time.time()
    pin = Pin(1, 5.0, now_s, now_s)
    one, other = at_hand(Path("one")), at_hand(Path("other"))
    one.keep(KEY, pin)
    assert at_hand(Path("one")).find(KEY) == pin
    assert other.find(KEY) is None
    assert one.path.startswith(str(tmp_path))


@pytest.mark.parametrize("trouble", ["open to others", "a link", "a file", "absent"])
def test_a_folder_that_is_not_safe_is_not_used(
    trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can make one in shared memory, under any name."""
    folder = tmp_path / f"lynkr-{os.geteuid()}"
    match trouble:
        case "open to others":
            folder.mkdir()
            folder.chmod(0o777)
        case "a link":
            (tmp_path / "aim").mkdir(mode=0o700)
            folder.symlink_to(tmp_path / "aim")
        case "a file":
            folder.write_bytes(b"")
    monkeypatch.setattr(module, "MEMORY", tmp_path / "none" if trouble == "absent" else tmp_path)
    said: list[str] = []
    pins = at_hand(tmp_path, ttl_s=5.0, failed=said.append)
    assert (pins.path, pins.ttl_s, len(said)) == ("", 5.0, 1)
    pins.keep(KEY, PIN)


# --- several processes ----------------------------------------------------------------------------


def _keep_and_find(path: Path, mine: bytes, theirs: bytes) -> Pin | None:
    pins = opened(path)
    pins.keep(mine, PIN)
    pause = threading.Event()
    for _ in range(int(DEADLINE_S / 0.005)):
        if (found := pins.find(theirs)) is not None:
            return found
        pause.wait(0.005)
    return None


def test_processes_that_start_at_once_share_one_table(path: Path) -> None:
    """Also when the file that they find is not right."""
    for spoilt in (False, True):
        if spoilt:
            _write(path, b"spoilt")
        names = [bytes([spoilt * 10 + number]) * 16 for number in range(3)]
        said = in_others(_keep_and_find, *((path, names[n], names[n - 1]) for n in range(3)))
        assert said == [PIN] * 3


def test_workers_forked_from_one_process_share_its_memory() -> None:
    pins = opened()
    pid = os.fork()
    if pid == 0:
        pins.keep(KEY, PIN)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert pins.find(KEY) == PIN


def _number(pin: Pin) -> int | None:
    """Of a pin that ``_numbered`` made; None: nobody made this one."""
    number = pin.turns
    return number if pin == _numbered(number) else None


def _numbered(number: int) -> Pin:
    return Pin(
        number % 4, number / 4, NOW_S + number, NOW_S + number, number,
        number * 7, number * 5, number * 0x1234567890AB, number % 64,
    )  # fmt: skip


def _hammer(path: Path, seed: int, rounds: int) -> tuple[int, int]:
    """Pins seen, and those among them that nobody has made."""
    pins = opened(path, slots=4)
    chance = random.Random(seed)
    seen = wrong = 0
    for _ in range(rounds):
        key = bytes([chance.randrange(6)]) * 16
        pins.keep(key, _numbered(chance.randrange(1, 16_000)))
        for _ in range(4):
            found = pins.find(bytes([chance.randrange(6)]) * 16)
            if found is not None:
                seen += 1
                wrong += _number(found) is None
    return seen, wrong


def test_writers_of_one_bucket_never_make_a_pin_that_nobody_wrote(path: Path) -> None:
    """Three processes, four slots, six conversations."""
    said = in_others(_hammer, *((path, seed, 30_000) for seed in range(3)))
    assert [wrong for _, wrong in said] == [0, 0, 0]
    assert all(seen > 10_000 for seen, _ in said)
    left = opened(path, slots=4)
    assert left.count() == 4  # and nothing spoilt stays


def _leads(path: Path) -> bool:
    return opened(path).lead()


def test_one_process_leads_and_another_one_after_it(path: Path) -> None:
    pins = opened(path)
    assert pins.lead()
    assert pins.lead()
    assert in_others(_leads, (path,)) == [False]
    pins.close()
    assert not pins.lead()
    assert in_others(_leads, (path,)) == [True]
    assert in_others(_leads, (path,)) == [True]  # the one before has ended without a word
