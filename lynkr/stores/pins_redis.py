"""What the workers of one host decide of a conversation, told to those of all others by Redis or
Valkey.

Two threads of a worker: one writes what ``Pins.keep`` tells, one reads what all hosts have written
into this host's table. One process of a host reads at a time (``Pins.lead``), since the table is
everybody's. A newer decision wins, so it does no harm to hear a line again, late, or from oneself:
whenever it is not certain what was missed, all is read again. Nothing here waits or raises in a
call: without the server pins are this host's, and what could not be told is told later, or counted.
The clocks of the hosts must agree to about a second, as those of one cluster do.

One key, ``lynkr:pins:log``: a stream of lines, each the 64 bytes of a slot (digests, times and
counts; no words of anybody), which goes by itself when no line has come for as long as pins live.
Commands of version 5. Who can write to the server can move a conversation to another tier.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from lynkr._native.pins import TAKEN, UNREADABLE
from lynkr.stores.pins import Pins
from lynkr.stores.redis_link import OPERATION_S, connect

PREFIX = "lynkr:pins:"
LOG_MAX = 100_000  # lines, about 10 MB: the last 100 minutes of 1,000 busy conversations
WAITING_MAX = 4096  # conversations to be told of; beyond them the oldest news are dropped
WRITE_AT_ONCE = 128
READ_AT_ONCE = 64  # a millisecond in the worker that reads, between two turns of its event loop
POLL_S = 0.25  # the longest that the log is waited for at once: an end takes as long
LEAD_S = 0.5  # between two tries to be the one that reads
BREATH_S = 0.001  # between two pages of a log that is read from its beginning
BACK_OFF_S = (0.1, 5.0)  # between two tries to reach the server: at first, and at most
CLOCKS_S = 60.0  # what the server's clock, which numbers the lines, may be behind

_CREDENTIALS = re.compile(r"//\S*@")  # of an address in a message
_FIELD = b"pin"
_BEGIN = (0, 0)

Number = tuple[int, int]  # of a line: milliseconds, and a count within them


class RedisPins:
    """One worker's link. ``tell`` is for the event loop and never waits; ``failed`` is told once
    per outage, without credentials, and ``recovered`` when it is over, both from threads.
    ``ValueError`` for an address that is none."""

    def __init__(
        self,
        pins: Pins,
        url: str,
        *,
        failed: Callable[[str], object] = lambda message: None,
        recovered: Callable[[], object] = lambda: None,
        prefix: str = PREFIX,
        log_max: int = LOG_MAX,
        poll_s: float = POLL_S,
        lead_s: float = LEAD_S,
        back_off_s: tuple[float, float] = BACK_OFF_S,
        wall: Callable[[], float] = time.time,
    ) -> None:
        connect(url).close()  # no connection is made yet
        self._pins = pins
        self._url = url
        self._log = f"{prefix}log".encode()
        self._log_max = log_max
        self._poll_s = poll_s
        self._lead_s = lead_s
        self._wall = wall
        self._outage = _Outage(failed, recovered, back_off_s)
        self._lock = threading.Lock()  # of the two below
        self._waiting: dict[bytes, bytes] = {}  # key to news, the oldest first
        self._wakes: SimpleQueue[bool] = SimpleQueue()  # one for the first that waits; False: end
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self.told_total = 0  # lines written
        self.dropped_total = 0  # news that were neither written nor outdated by later ones
        self.heard_total = 0  # lines that changed this host's table
        self.unreadable_total = 0
        self.leads = False  # this worker reads for its host
        self.caught_up = False  # and has read the whole log since it last connected

    @property
    def connected(self) -> bool:
        return bool(self._threads) and not self._outage.now

    def start(self) -> None:
        """Begin. Not before a fork: threads do not survive one."""
        if not self._threads:
            for target, name in ((self._write_all, "pins-write"), (self._tail, "pins-tail")):
                self._threads.append(threading.Thread(target=target, name=name, daemon=True))
            for thread in self._threads:
                thread.start()
            self._pins.tell = self.tell

    def tell(self, key: bytes, news: bytes) -> None:
        """To be written soon, in place of what waits of the same conversation."""
        with self._lock:
            wake = not self._waiting
            self._waiting.pop(key, None)
            self._waiting[key] = news
            if len(self._waiting) > WAITING_MAX:
                del self._waiting[next(iter(self._waiting))]
                self.dropped_total += 1
        if wake:
            self._wakes.put(True)

    def close(self, deadline_s: float = 5.0) -> None:
        """Write what waits, if the server takes it, and end the threads."""
        end = time.monotonic() + deadline_s
        self._pins.tell = None
        self._stop.set()
        self._wakes.put(False)
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))
        with self._lock:
            self.dropped_total += len(self._waiting)
            self._waiting.clear()

    # --- writing ------------------------------------------------------------------------------

    def _write_all(self) -> None:
        client = connect(self._url)
        while self._wakes.get() and not self._stop.is_set():
            self._write_waiting(client)
        self._write_waiting(client)
        _end(client)

    def _write_waiting(self, client: Any) -> None:
        while batch := self._taken():
            try:
                self._append(client, list(batch.values()))
                self.told_total += len(batch)
                self._outage.end("write")
            except Exception as error:  # the driver's own, OSError
                self._put_back(batch)
                _end(client)  # it connects again by itself
                pause_s = self._outage.begin("write", error)
                if self._stop.wait(pause_s) and pause_s:
                    return

    def _append(self, client: Any, lines: list[bytes]) -> None:
        pipe = client.pipeline(transaction=False)
        for line in lines:
            pipe.xadd(self._log, {_FIELD: line}, maxlen=self._log_max, approximate=True)
        pipe.expire(self._log, int(self._pins.ttl_s) + 1)
        pipe.execute()

    def _taken(self) -> dict[bytes, bytes]:
        with self._lock:
            keys = [key for key, _ in zip(self._waiting, range(WRITE_AT_ONCE), strict=False)]
            return {key: self._waiting.pop(key) for key in keys}

    def _put_back(self, batch: dict[bytes, bytes]) -> None:
        with self._lock:
            newer = self._waiting
            older = {key: news for key, news in batch.items() if key not in newer}
            room = WAITING_MAX - len(newer)
            dropped = list(older)[: max(len(older) - room, 0)]
            for key in dropped:
                del older[key]
            self.dropped_total += len(dropped)
            self._waiting = {**older, **newer}

    # --- reading ------------------------------------------------------------------------------

    def _tail(self) -> None:
        client = connect(self._url)
        cursor: Number | None = None
        while not self._stop.is_set():
            self.leads = self._pins.lead()
            if not self.leads:
                cursor = None
                self.caught_up = False
                self._outage.end("tail")
                self._stop.wait(self._lead_s)
                continue
            try:
                if cursor is None:
                    self.caught_up = False
                    cursor = self._oldest()
                cursor = self._read(client, cursor)
                self._outage.end("tail")
            except Exception as error:  # the driver's own, OSError, and replies that are none
                cursor = None
                _end(client)
                self._stop.wait(self._outage.begin("tail", error))
        self.leads = False
        _end(client)

    def _oldest(self) -> Number:
        """Older lines are of pins that have expired."""
        return max(int((self._wall() - self._pins.ttl_s - CLOCKS_S) * 1000), 0), 0

    def _read(self, client: Any, cursor: Number) -> Number:
        """Read on behind a line, at most ``poll_s`` long; the line to go on from."""
        wait_ms = max(int(min(self._poll_s, OPERATION_S / 2) * 1000), 1)  # 0 would be for ever
        found = client.xread(
            {self._log: b"%d-%d" % cursor},
            count=READ_AT_ONCE,
            block=wait_ms if self.caught_up else None,
        )
        lines: list[Any] = found[0][1] if found else []
        for number, fields in lines:
            self._hear(fields)
            cursor = _number(number)
        if lines:
            self._stop.wait(0.0 if self.caught_up else BREATH_S)
            return cursor
        last: list[Any] = client.xrevrange(self._log, count=1)
        end = _number(last[0][0]) if last else _BEGIN
        self.caught_up = end == cursor
        # A log that ends before the cursor is another one: the server was emptied, or it is
        # another server, with another clock.
        return _BEGIN if end < cursor else cursor

    def _hear(self, fields: Any) -> None:
        line = fields.get(_FIELD) if fields else None
        heard = self._pins.hear(line) if isinstance(line, bytes) else UNREADABLE
        self.heard_total += heard == TAKEN
        self.unreadable_total += heard == UNREADABLE


class _Outage:
    """Which threads cannot use the server, and how often they have tried."""

    def __init__(
        self,
        failed: Callable[[str], object],
        recovered: Callable[[], object],
        back_off_s: tuple[float, float],
    ) -> None:
        self._failed = failed
        self._recovered = recovered
        self._first_s, self._longest_s = back_off_s
        self._lock = threading.Lock()  # held while telling, so that news are in order
        self._failures: dict[str, int] = {}  # in a row

    @property
    def now(self) -> bool:
        return any(count > 1 for count in list(self._failures.values()))

    def begin(self, who: str, error: Exception) -> float:
        """Seconds to wait before the next try. A connection may have been cut while nobody used
        it: only the second failure in a row is an outage."""
        with self._lock:
            before = self.now
            count = self._failures[who] = self._failures.get(who, 0) + 1
            if count == 1:
                return 0.0
            if not before:
                text = _CREDENTIALS.sub("//", f"{type(error).__name__}: {error}")
                self._tell(
                    self._failed, f"other hosts are not told where conversations are: {text}"
                )
        return float(min(self._first_s * 2 ** min(count - 2, 16), self._longest_s))

    def end(self, who: str) -> None:
        if who not in self._failures:
            return
        with self._lock:
            before = self.now
            del self._failures[who]
            if before and not self.now:
                self._tell(self._recovered)

    @staticmethod
    def _tell(callback: Callable[..., object], *news: str) -> None:
        with contextlib.suppress(Exception):  # a thread outlives an event loop that has ended
            callback(*news)


def _number(text: bytes) -> Number:
    milliseconds, _, count = text.partition(b"-")
    return int(milliseconds), int(count)


def _end(client: Any) -> None:
    """Its connections; it makes new ones when it is used again."""
    with contextlib.suppress(Exception):  # they are broken, and that was told already
        client.close()
