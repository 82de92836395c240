"""One worker's threads to the store of answers: one that writes, one that reads the log, one that
fetches contents. What the event loop calls here never waits; what the store cannot take is dropped
and counted, and a call is answered without it.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import TypeVar

from lynkr.stores.answers import (
    CHANGES_MAX,
    Answer,
    AnswerStore,
    Behind,
    Change,
    Dropped,
    Sighting,
)

QUEUE_MAX = 1024  # writes waiting for the store
QUEUE_BYTES_MAX = 64 * 1024 * 1024
WRITE_BYTES = 256  # what a waiting write, or an id in it, costs beyond its texts
TRIES = 2  # of a write that a store which can be opened does not take
FETCHES_MAX = 256  # contents asked for and not yet there; a call beyond these goes upstream
GONE_MAX = 10_000  # ids dropped here, whose answers may still be on their way back
POLL_S = 0.25  # the longest that the log is waited for at once: an end takes as long
BACK_OFF_S = (0.1, 5.0)  # between two tries to reach the store: at first, and at most

_CREDENTIALS = re.compile(r"//\S*@")  # of an address in a message

_T = TypeVar("_T")
Write = tuple[Answer, bytes] | Dropped | Sighting
Fetch = tuple[bytes, str, Callable[[bytes | None], object]]


class Keeper:
    """All methods are for the event loop; ``deliver``, ``renewed``, ``failed``, ``recovered`` and
    the ``done`` of a fetch are called from threads."""

    def __init__(
        self,
        open_store: Callable[[], AnswerStore],
        *,
        deliver: Callable[[list[Change]], object],
        renewed: Callable[[frozenset[str]], object] = lambda ids: None,
        failed: Callable[[str], object] = lambda message: None,
        recovered: Callable[[], object] = lambda: None,
        poll_s: float = POLL_S,
        back_off_s: tuple[float, float] = BACK_OFF_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``open_store`` is called by each thread for itself. ``deliver`` gets at most
        ``CHANGES_MAX`` changes and may wait until they are dealt with: nothing is read until it
        returns. After a snapshot that is not the first, ``renewed`` gets the ids of all that lives:
        whoever holds others may have missed that they were dropped. ``failed`` is told once per
        outage, without credentials, and ``recovered`` once when it is over."""
        self._deliver = deliver
        self._renewed = renewed
        self._failed = failed
        self._poll_s = poll_s
        self._clock = clock
        self._outage = _Outage(failed, recovered)
        self._tail_link, self._write_link, self._fetch_link = (
            _Link(open_store, name, self._outage, back_off_s) for name in ("tail", "write", "fetch")
        )
        self._writes: SimpleQueue[Write | None] = SimpleQueue()
        self._fetches: SimpleQueue[Fetch | None] = SimpleQueue()
        self._lock = threading.Lock()  # of the four below
        self._waiting = 0
        self._waiting_bytes = 0
        self._unwritten: dict[str, tuple[Answer, bytes]] = {}
        self._fetching = 0
        self._gone: OrderedDict[str, None] = (
            OrderedDict()
        )  # written by the event loop, looked up by the tail
        self._threads: dict[str, threading.Thread] = {}
        self._stop = threading.Event()
        self._begun_at: float | None = None
        self._caught_up_at: float | None = None
        self.written_total = 0
        self.dropped_total = 0  # writes that did not reach the store
        self.delivered_total = 0
        self.unfetched_total = 0  # contents that could not be asked for

    @property
    def connected(self) -> bool:
        """Whether the whole of the log was read at least once and there is no outage."""
        return self._caught_up_at is not None and not self._outage.now

    @property
    def lag_s(self) -> float:
        """Seconds since this worker last knew of everything in the store."""
        since = self._begun_at if self._caught_up_at is None else self._caught_up_at
        return 0.0 if since is None else max(self._clock() - since, 0.0)

    @property
    def unreadable_total(self) -> int:
        links = (self._tail_link, self._write_link, self._fetch_link)
        return sum(link.unreadable_total for link in links)

    def start(self) -> None:
        """Begin to read what others keep. Not before a fork: threads do not survive one."""
        if self._begun_at is None:
            self._begun_at = self._clock()
            self._thread("answers-tail", self._tail)

    def put(self, answer: Answer, content: bytes) -> None:
        self._write((answer, content))

    def note(self, sighting: Sighting) -> None:
        self._write(sighting)

    def drop(self, ids: Sequence[str]) -> None:
        """Not refused for a long queue: what is wrong must go."""
        self._gone.update(dict.fromkeys(ids[-GONE_MAX:]))
        while len(self._gone) > GONE_MAX:
            self._gone.popitem(last=False)
        self._write(Dropped(tuple(ids)))

    def fetch(self, scope: bytes, id_: str, done: Callable[[bytes | None], object]) -> None:
        """The content of an answer, or ``None``, now or from a thread."""
        with self._lock:
            mine = self._unwritten.get(id_)
            refused = self._fetching >= FETCHES_MAX or self._stop.is_set()
            if mine is None:
                self._fetching += not refused
                self.unfetched_total += refused
        if mine is not None:
            done(mine[1] if mine[0].scope == scope else None)
        elif refused:
            done(None)
        else:
            self._fetches.put((scope, id_, done))
            self._thread("answers-fetch", self._fetch)

    def close(self, deadline_s: float = 5.0) -> None:
        """Write what waits, if the store takes it, and end the threads."""
        end = time.monotonic() + deadline_s
        self._stop.set()
        self._writes.put(None)
        self._fetches.put(None)
        for thread in self._threads.values():
            thread.join(max(end - time.monotonic(), 0.0))

    def _thread(self, name: str, target: Callable[[], None]) -> None:
        if name not in self._threads:
            self._threads[name] = threading.Thread(target=target, name=name, daemon=True)
            self._threads[name].start()

    # --- writing ------------------------------------------------------------------------------

    def _write(self, write: Write) -> None:
        size = _size(write)
        urgent = isinstance(write, Dropped)
        with self._lock:
            full = self._waiting >= QUEUE_MAX and not urgent
            room = QUEUE_BYTES_MAX * (2 if urgent else 1) - self._waiting_bytes
            if full or size > room or self._stop.is_set():
                self.dropped_total += 1
                return
            self._waiting += 1
            self._waiting_bytes += size
            if isinstance(write, tuple):
                self._unwritten[write[0].id] = write
        self._writes.put(write)
        self._thread("answers-write", self._write_all)

    def _write_all(self) -> None:
        while (write := self._writes.get()) is not None:
            if self._written(write):
                self.written_total += 1
            else:
                with self._lock:
                    self.dropped_total += 1
            self._leave(write)
        self._write_link.close()

    def _written(self, write: Write) -> bool:
        """Tries until the store is there again, but does not let one write hold up all others."""
        link = self._write_link
        refusals = 0
        while True:
            try:
                store = link.open()
                refusals += 1
                match write:
                    case (answer, content):
                        store.put(answer, content)
                    case Dropped(ids=ids):
                        store.drop(ids)
                    case Sighting():
                        store.note(write)
                link.well()
                return True
            except Exception as error:  # the driver's own, OSError
                pause_s = link.lost(error)
                poison = refusals >= TRIES and not isinstance(write, Dropped)
                if poison or (self._stop.is_set() and pause_s):
                    return False
                self._stop.wait(pause_s)

    def _leave(self, write: Write) -> None:
        with self._lock:
            self._waiting -= 1
            self._waiting_bytes -= _size(write)
            if isinstance(write, tuple) and self._unwritten.get(write[0].id) is write:
                del self._unwritten[write[0].id]

    # --- reading the log ------------------------------------------------------------------------

    def _tail(self) -> None:
        link = self._tail_link
        cursor: str | None = None
        while not self._stop.is_set():
            try:
                store = link.open()
                if cursor is None:
                    again = self.delivered_total > 0
                    living, begin = store.snapshot()
                    ids = self._hand_over_all(living, again)
                    if again and not self._stop.is_set():
                        self._tell(self._renewed, ids)
                    cursor = begin
                changes, cursor = store.changes(cursor, self._poll_s)
                if len(changes) < CHANGES_MAX:
                    self._caught_up_at = self._clock()
                link.well()
            except Behind:
                cursor = None
                continue
            except Exception as error:  # the driver's own, OSError
                self._stop.wait(link.lost(error))
                continue
            self._hand_over(changes)
        link.close()

    def _hand_over_all(self, living: Iterable[Answer | Sighting], again: bool) -> frozenset[str]:
        """The ids of the answers, if there is a use for them: they take some megabytes."""
        ids: set[str] = set()
        for batch in _batches(living):
            if self._stop.is_set():
                break
            if again:
                ids |= {fact.id for fact in batch if isinstance(fact, Answer)}
            self._hand_over(batch)
        return frozenset(ids)

    def _hand_over(self, changes: Sequence[Change]) -> None:
        wanted = [
            change
            for change in changes
            if not (isinstance(change, Answer) and change.id in self._gone)
        ]
        if wanted and not self._stop.is_set():
            self._tell(self._deliver, wanted)
            self.delivered_total += len(wanted)

    # --- fetching -------------------------------------------------------------------------------

    def _fetch(self) -> None:
        link = self._fetch_link
        try_at = 0.0
        while (fetch := self._fetches.get()) is not None:
            scope, id_, done = fetch
            content = None
            asked = False
            for _ in range(2):  # a second time for a connection that was cut while idle
                if self._clock() < try_at:
                    break
                try:
                    content = link.open().content(scope, id_)
                    link.well()
                    asked = True
                    break
                except Exception as error:  # the driver's own, OSError; the tail tells of it
                    try_at = self._clock() + link.lost(error)
            with self._lock:
                self._fetching -= 1
                self.unfetched_total += not asked
            self._tell(done, content)
        link.close()

    def _tell(self, callback: Callable[[_T], object], news: _T) -> None:
        """A thread outlives the mistakes of those it calls, and an event loop that has ended."""
        try:
            callback(news)
        except Exception as error:
            if not self._stop.is_set():
                self._failed(f"news of the cache were lost: {type(error).__name__}: {error}")


class _Outage:
    """Which threads cannot use the store. Tells when the first fails, and when none does now."""

    def __init__(self, failed: Callable[[str], object], recovered: Callable[[], object]) -> None:
        self._failed = failed
        self._recovered = recovered
        self._lock = threading.Lock()  # held while telling, so that news are in order
        self._down: set[str] = set()

    @property
    def now(self) -> bool:
        return bool(self._down)

    def begin(self, who: str, error: Exception) -> None:
        with self._lock:
            if not self._down:
                text = _CREDENTIALS.sub("//", f"{type(error).__name__}: {error}")
                self._failed(f"the cache cannot use its store: {text}")
            self._down.add(who)

    def end(self, who: str) -> None:
        with self._lock:
            if who in self._down:
                self._down.discard(who)
                if not self._down:
                    self._recovered()


class _Link:
    """One thread's way to the store: opened when it is needed, and again after a failure."""

    def __init__(
        self,
        open_store: Callable[[], AnswerStore],
        name: str,
        outage: _Outage,
        back_off_s: tuple[float, float],
    ) -> None:
        self._open_store = open_store
        self._name = name
        self._outage = outage
        self._first_s, self._longest_s = back_off_s
        self._store: AnswerStore | None = None
        self._failures = 0  # in a row
        self._unreadable_before = 0  # by stores that are closed

    @property
    def unreadable_total(self) -> int:
        store = self._store
        return self._unreadable_before + (0 if store is None else store.unreadable_total)

    def open(self) -> AnswerStore:
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def well(self) -> None:
        if self._failures:
            self._failures = 0
            self._outage.end(self._name)

    def lost(self, error: Exception) -> float:
        """Seconds to wait before the next try. A connection may have been cut while nobody used
        it: only the second failure in a row is an outage."""
        self.close()
        self._failures += 1
        if self._failures == 1:
            return 0.0
        if self._name != "fetch":  # nobody would end it: there may be no second fetch
            self._outage.begin(self._name, error)
        return float(min(self._first_s * 2 ** min(self._failures - 2, 16), self._longest_s))

    def close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            self._unreadable_before += store.unreadable_total
            with contextlib.suppress(Exception):  # it is broken, and that was told already
                store.close()


def _size(write: Write) -> int:
    match write:
        case (answer, content):
            texts = len(content) + len(answer.question) + len(answer.vector) + len(answer.features)
            return WRITE_BYTES + texts
        case Dropped(ids=ids):
            return WRITE_BYTES * (1 + len(ids))
        case _:
            return WRITE_BYTES


def _batches(facts: Iterable[Answer | Sighting]) -> Iterator[list[Change]]:
    left = iter(facts)
    while batch := list(itertools.islice(left, CHANGES_MAX)):
        yield list[Change](batch)
