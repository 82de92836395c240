"""Board: what is written is read whole or not at all. Publisher: soon, and not too often."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import textwrap
import zlib

import pytest

from lynkr.telemetry.metrics import Gauges, Metrics
from lynkr.telemetry.shared import PAGE_BYTES, SNAPSHOT_BYTES_MAX, Board, Publisher
from tests.telemetry.records import record


def test_a_slot_gives_back_the_latest() -> None:
    board = Board(2)
    assert board.read_all() == [None, None]
    assert board.live() == [False, False]
    for number in range(5):
        assert board.publish(1, b"snapshot %d" % number * (5 - number))
        assert board.read(1) == b"snapshot %d" % number * (5 - number)
    assert board.read_all() == [None, b"snapshot 4"]
    assert board.live() == [False, True]
    assert board.publish(0, b"")
    assert board.read(0) == b""
    assert board.skipped_total == 0


def test_too_large_is_refused_and_counted_and_the_last_one_stays() -> None:
    board = Board(2)
    assert board.publish(0, b"x" * SNAPSHOT_BYTES_MAX)
    assert board.publish(1, b"neighbour")
    assert not board.publish(0, b"y" * (SNAPSHOT_BYTES_MAX + 1))
    assert board.read_all() == [b"x" * SNAPSHOT_BYTES_MAX, b"neighbour"]
    assert board.skipped_total == 1


@pytest.mark.parametrize("slot", [-1, 2])
def test_a_slot_that_is_not_there(slot: int) -> None:
    with pytest.raises(IndexError):
        Board(2).publish(slot, b"")


def test_retired_slots_keep_their_counters() -> None:
    board = Board(1)
    board.publish(0, b"counters")
    board.retire(0)
    board.count_restart()
    assert board.live() == [False]
    assert board.read(0) == b"counters"
    assert board.restarts_total == 1
    board.publish(0, b"successor")
    assert board.live() == [True]


def test_any_damage_is_noticed() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    data = chance.randbytes(200)
    for _ in range(300):
        board = Board(1)
        board.publish(0, b"before")
        board.publish(0, data)
        offset = PAGE_BYTES + 16 + chance.randrange(16 + len(data))  # buffer 0: the second publish
        board._memory[offset] ^= 1 << chance.randrange(8)
        assert board.read(0) is None
        assert board.skipped_total == 1


def test_a_write_cut_short_leaves_the_last_snapshot() -> None:
    board = Board(1)
    board.publish(0, b"first")
    board.publish(0, b"second")
    # The next write goes to the other buffer; the worker dies before the sequence is set.
    other = PAGE_BYTES + 16 + (SNAPSHOT_BYTES_MAX + 16)
    board._memory[other : other + 100] = b"\xff" * 100
    assert board.read(0) == b"second"
    board.publish(0, b"of its successor")
    assert board.read(0) == b"of its successor"


def test_a_reader_in_another_process_never_sees_a_torn_snapshot() -> None:
    script = textwrap.dedent("""
        import os, zlib
        from lynkr.telemetry.shared import Board
        board = Board(1)
        board.publish(0, zlib.crc32(b"").to_bytes(4))
        pid = os.fork()
        if pid == 0:
            for number in range(20_000):
                body = bytes([number & 255]) * (number * 37 % 50_000)
                board.publish(0, zlib.crc32(body).to_bytes(4) + body)
            os._exit(0)
        reads = wrong = 0
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            data = board.read(0)
            reads += 1
            if data is not None and zlib.crc32(data[4:]).to_bytes(4) != data[:4]:
                wrong += 1
        last = board.read(0)
        print(reads, wrong, len(last))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    reads, wrong, length = map(int, done.stdout.split())
    assert reads > 0
    assert wrong == 0
    assert length == 4 + 19_999 * 37 % 50_000


def test_the_crc_depends_on_the_sequence() -> None:
    assert zlib.crc32(b"data", 1) != zlib.crc32(b"data", 3)


async def until(true: object, deadline_s: float = 20.0) -> None:
    assert callable(true)
    async with asyncio.timeout(deadline_s):
        while not true():
            await asyncio.sleep(0.005)


async def test_publisher_gathers_changes() -> None:
    board = Board(1)
    taken: list[int] = []

    def snapshot() -> bytes:
        taken.append(len(taken))
        return b"%d" % len(taken)

    publisher = Publisher(board, 0, snapshot, asyncio.get_running_loop(), interval_s=0.02)
    publisher.publish()
    assert board.read(0) == b"1"
    for _ in range(1000):
        publisher.mark_dirty()
    assert len(taken) == 1
    await until(lambda: len(taken) == 2)
    publisher.mark_dirty()
    publisher.close()
    assert board.read(0) == b"3"
    publisher.mark_dirty()
    assert publisher._due is None  # nothing goes on after close


async def test_a_scrape_sums_all_workers() -> None:
    board = Board(2)
    board.count_restart()
    loop = asyncio.get_running_loop()
    workers = [Metrics(Gauges()) for _ in range(2)]
    publishers = [Publisher(board, slot, each.snapshot, loop) for slot, each in enumerate(workers)]
    for publisher in publishers:
        publisher.publish()
    for metrics, publisher in zip(workers, publishers, strict=True):
        metrics.observe(record())
        publisher.mark_dirty()
    text = (await publishers[0].scrape()).decode()
    # The other's timer was due before the scrape looked.
    assert "lynkr_request_bytes_total 2000.0" in text
    assert "lynkr_workers 2.0" in text
    assert "lynkr_worker_restarts_total 1.0" in text
    for publisher in publishers:
        publisher.close()


async def test_a_scrape_can_be_cancelled() -> None:
    board = Board(2)
    publisher = Publisher(board, 0, Metrics(Gauges()).snapshot, asyncio.get_running_loop())
    task = asyncio.create_task(publisher.scrape())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert board.live() == [False, False]
