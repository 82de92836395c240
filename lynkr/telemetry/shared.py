"""Board: memory the workers share, so that one scrape can show all of them.

Made before the fork; nothing to clean up, because anonymous memory goes with its last process.
Each worker writes its own slot and reads all others. A slot is double-buffered: a write goes to the
buffer that is not current, then the slot's sequence number makes it current. A reader checks
sequence, length and crc32, so a worker killed in the middle of a write, or one that laps a slow
reader, costs a retry and never a wrong number. No lock: a worker that dies holding one would stop
every scrape.

    page 0    restarts                                            written by the supervisor
    slot n    sequence, live, oversized | buffer 0 | buffer 1     written by worker n
    buffer    sequence, length, crc32, payload

``live`` is set by a worker's publish and cleared by the supervisor once it has reaped the worker,
so the gauges of a dead worker are never shown as its successor's.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import zlib
from collections.abc import Callable

from lynkr.telemetry.metrics import expose, merge

SLOT_BYTES = 1 << 20  # touched only as far as it is written; a usual snapshot is 2 KiB
PAGE_BYTES = 4096
PUBLISH_INTERVAL_S = 0.05
SCRAPE_WAIT_S = 0.06  # one publish interval and the time to write it
READ_ATTEMPTS_MAX = 4  # each needs the writer to publish twice, 50 ms apart, during one copy

_RESTARTS = struct.Struct("<Q")
_SLOT = struct.Struct("<QII")  # sequence, live, oversized
_SEQUENCE = struct.Struct("<Q")
_FLAG = struct.Struct("<I")
_BUFFER = struct.Struct("<QII")  # sequence, length, crc32
_LIVE_OFFSET = 8
_OVERSIZED_OFFSET = 12
_BUFFER_BYTES = (SLOT_BYTES - _SLOT.size) // 2 // 8 * 8  # whole words: numbers stay aligned
SNAPSHOT_BYTES_MAX = _BUFFER_BYTES - _BUFFER.size


class Board:
    """``workers`` slots. A slot has one writer; reading is free for all."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.torn_total = 0  # as this process found them
        self._memory = mmap.mmap(-1, PAGE_BYTES + workers * SLOT_BYTES)

    def publish(self, slot: int, data: bytes) -> bool:
        """Make ``data`` the slot's snapshot. False when it is too large: the last one stays."""
        memory, base = self._memory, self._base(slot)
        sequence, live, oversized = _SLOT.unpack_from(memory, base)
        if len(data) > SNAPSHOT_BYTES_MAX:
            _FLAG.pack_into(memory, base + _OVERSIZED_OFFSET, (oversized + 1) & 0xFFFFFFFF)
            return False
        sequence += 1
        buffer = self._buffer(base, sequence)
        _BUFFER.pack_into(memory, buffer, sequence, len(data), zlib.crc32(data, sequence))
        memory[buffer + _BUFFER.size : buffer + _BUFFER.size + len(data)] = data
        _SEQUENCE.pack_into(memory, base, sequence)
        if not live:
            _FLAG.pack_into(memory, base + _LIVE_OFFSET, 1)
        return True

    def read(self, slot: int) -> bytes | None:
        """The slot's snapshot; None when there is none yet, or when it is torn."""
        memory, base = self._memory, self._base(slot)
        for _ in range(READ_ATTEMPTS_MAX):
            (current,) = _SEQUENCE.unpack_from(memory, base)
            if current == 0:
                return None
            buffer = self._buffer(base, current)
            sequence, length, crc = _BUFFER.unpack_from(memory, buffer)
            if sequence != current or length > SNAPSHOT_BYTES_MAX:
                continue
            data = memory[buffer + _BUFFER.size : buffer + _BUFFER.size + length]
            # The sequence seeds the sum, so an old header cannot vouch for a new payload.
            if zlib.crc32(data, sequence) == crc:
                return data
        self.torn_total += 1
        return None

    def read_all(self) -> list[bytes | None]:
        return [self.read(slot) for slot in range(self.workers)]

    def live(self) -> list[bool]:
        """Which slots have a worker that has published since it started."""
        bases = (self._base(slot) for slot in range(self.workers))
        return [bool(_SLOT.unpack_from(self._memory, base)[1]) for base in bases]

    def scrape(self) -> bytes:
        """The text of one scrape: all workers as they are on the board."""
        live = self.live()
        return expose(
            merge(self.read_all(), live),
            workers=sum(live),
            worker_restarts=self.restarts_total,
            snapshots_skipped=self.skipped_total,
        )

    def retire(self, slot: int) -> None:
        """The slot's worker is dead and reaped. For the supervisor."""
        _FLAG.pack_into(self._memory, self._base(slot) + _LIVE_OFFSET, 0)

    def count_restart(self) -> None:
        """For the supervisor, the only writer of this number."""
        _RESTARTS.pack_into(self._memory, 0, self.restarts_total + 1)

    @property
    def restarts_total(self) -> int:
        return int(_RESTARTS.unpack_from(self._memory, 0)[0])

    @property
    def skipped_total(self) -> int:
        """Snapshots nobody saw: refused by ``publish`` in any worker, or torn when read here."""
        bases = (self._base(slot) for slot in range(self.workers))
        return self.torn_total + sum(int(_SLOT.unpack_from(self._memory, at)[2]) for at in bases)

    def _base(self, slot: int) -> int:
        if not 0 <= slot < self.workers:
            raise IndexError(f"slot {slot} of a board with {self.workers}")
        return PAGE_BYTES + slot * SLOT_BYTES

    @staticmethod
    def _buffer(base: int, sequence: int) -> int:
        return base + _SLOT.size + (sequence & 1) * _BUFFER_BYTES


class Publisher:
    """Puts one worker's snapshot on the board soon after it changed, never more often than needed.

    ``mark_dirty`` is called whenever a counter or gauge moved; it costs an attribute test when a
    publish is already due. Call ``publish`` once when the worker starts: that makes it live.
    """

    def __init__(
        self,
        board: Board,
        slot: int,
        snapshot: Callable[[], bytes],
        loop: asyncio.AbstractEventLoop,
        interval_s: float = PUBLISH_INTERVAL_S,
    ) -> None:
        self._board = board
        self._slot = slot
        self._snapshot = snapshot
        self._loop = loop
        self._interval_s = interval_s
        self._due: asyncio.TimerHandle | None = None
        self._closed = False

    def mark_dirty(self) -> None:
        if self._due is None and not self._closed:
            self._due = self._loop.call_later(self._interval_s, self.publish)

    def publish(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._board.publish(self._slot, self._snapshot())

    async def scrape(self) -> bytes:
        """The text of one scrape over all workers. The caller sets the deadline."""
        board = self._board
        if board.workers > 1:
            await asyncio.sleep(SCRAPE_WAIT_S)  # by now the others have published what they had
        self.publish()
        # In a thread: 1 ms for a usual scrape, but 50 for one full of hostile model names, and no
        # stream may stand still for that.
        return await asyncio.to_thread(board.scrape)

    def close(self) -> None:
        """A last publish: the counters outlive the worker. Nothing is scheduled afterwards."""
        self._closed = True
        self.publish()
