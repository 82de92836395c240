"""How replies turned out, summed up in an SQLite file that the workers of one host share.

A row is a day, a tier, a model, a band of scores and a rule: nothing of prompts, users or keys. The
event loop only notes what happened; a thread adds it up and writes it, so that no call waits for a
disk. What does not fit into the queue, or cannot be written for long, is dropped and counted.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lynkr.policies.outcomes import COUNTERS, DAY_S, Outcome

if TYPE_CHECKING:
    import sqlite3

FILE = "outcomes.db"
KEPT_DAYS = 90  # a quarter: models and prices change faster than that
QUEUE_MAX = 4096  # outcomes waiting for the thread: seconds of a busy worker
ROWS_MAX = 4096  # sums waiting for a disk that does not take them
BATCH_S = 2.0  # in which what happens is added up before it is written
BUSY_S = 5.0  # how long the thread waits for another worker's write

_KEY = ("day", "tier", "target", "score_band", "rule")
_COLUMNS = ", ".join((*_KEY, *COUNTERS))
_TYPES = {"usd": "REAL"}
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS outcomes (
    day INTEGER NOT NULL, tier TEXT NOT NULL, target TEXT NOT NULL, score_band INTEGER NOT NULL,
    rule TEXT NOT NULL, {", ".join(f"{name} {_TYPES.get(name, 'INTEGER')}" for name in COUNTERS)},
    PRIMARY KEY ({", ".join(_KEY)})
) WITHOUT ROWID;
"""
# Names of columns only: no value is ever part of a statement.
_ADD = (
    f"INSERT INTO outcomes ({_COLUMNS}) VALUES ({', '.join('?' * (len(_KEY) + len(COUNTERS)))})"  # noqa: S608
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTERS)
)

_Key = tuple[int, str, str, int, str]


class Outcomes:
    """One worker's way to the file. ``add`` is for the event loop and never waits."""

    def __init__(
        self,
        path: Path,
        *,
        kept_days: int = KEPT_DAYS,
        batch_s: float = BATCH_S,
        wall: Callable[[], float] = time.time,
        failed: Callable[[str], object] = lambda message: None,
    ) -> None:
        """``failed`` is told once per outage, from the thread."""
        self._path = path
        self._kept_days = kept_days
        self._batch_s = batch_s
        self._wall = wall
        self._failed = failed
        self._queue: queue.Queue[Outcome | None] = queue.Queue(QUEUE_MAX)
        self._thread: threading.Thread | None = None
        self._swept_day = -1
        self._said = ""
        self.full_total = 0  # outcomes that the queue did not take; counted by the event loop
        self.lost_total = 0  # sums that the disk did not take; counted by the thread

    @property
    def dropped_total(self) -> int:
        return self.full_total + self.lost_total

    def add(self, outcome: Outcome) -> None:
        try:
            self._queue.put_nowait(outcome)
        except queue.Full:
            self.full_total += 1
            return
        if self._thread is None:  # not before a fork: threads do not survive one
            self._thread = threading.Thread(target=self._run, name="outcomes", daemon=True)
            self._thread.start()

    def close(self, deadline_s: float = 5.0) -> None:
        """Write what is left."""
        if self._thread is None:
            return
        end = time.monotonic() + deadline_s
        try:
            self._queue.put(None, timeout=deadline_s)
        except queue.Full:  # the disk hangs
            return
        self._thread.join(max(end - time.monotonic(), 0.0))
        self._thread = None

    # The thread's own.

    def _run(self) -> None:
        database: sqlite3.Connection | None = None
        sums: dict[_Key, Outcome] = {}
        ended = False
        while not ended:
            ended = self._collect(sums)
            if not sums:
                continue
            try:
                if database is None:
                    database = _open(self._path)
                self._write(database, sums)
                sums = {}
                self._said = ""
            except Exception as error:  # sqlite3's own, OSError: the next batch tries again
                self._tell(f"outcomes could not be kept: {type(error).__name__}: {error}")
                if database is not None:
                    database.close()
                    database = None
        self.lost_total += len(sums)
        if database is not None:
            database.close()

    def _collect(self, sums: dict[_Key, Outcome]) -> bool:
        """Add up what comes in for a while. True: nothing more will."""
        outcome = self._queue.get()
        end = time.monotonic() + self._batch_s
        while outcome is not None:
            known = sums.get(outcome.key)
            if known is not None:
                sums[outcome.key] = known.add(outcome)
            elif len(sums) < ROWS_MAX:
                sums[outcome.key] = outcome
            else:
                self.lost_total += 1
            try:
                outcome = self._queue.get(timeout=max(end - time.monotonic(), 0.0))
            except queue.Empty:
                return False
        return True

    def _write(self, database: sqlite3.Connection, sums: dict[_Key, Outcome]) -> None:
        today = int(self._wall() // DAY_S)
        database.execute("BEGIN IMMEDIATE")
        try:
            database.executemany(_ADD, [_values(outcome) for outcome in sums.values()])
            if today != self._swept_day:
                database.execute("DELETE FROM outcomes WHERE day <= ?", (today - self._kept_days,))
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self._swept_day = today

    def _tell(self, message: str) -> None:
        if message != self._said:  # a full disk is told once, not with every batch
            self._said = message
            self._failed(message)


def _values(outcome: Outcome) -> tuple[int | str | float, ...]:
    return (*outcome.key, *(getattr(outcome, name) for name in COUNTERS))


def _open(path: Path) -> sqlite3.Connection:
    import sqlite3  # a megabyte, for those who route anything

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        path.chmod(0o600)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def read(path: Path, first_day: int = 0) -> list[Outcome]:
    """What is kept since a day, the oldest first; nothing where there is no file. For a command, or
    a thread: it reads the disk. Raises ``OSError`` for a file that cannot be read."""
    import sqlite3

    if not path.exists():
        return []
    try:
        # Not mode=ro: that would leave SQLite's own two files behind.
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", BUSY_S, uri=True)
        try:
            database.execute("PRAGMA query_only = ON")
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM outcomes WHERE day >= ? ORDER BY {', '.join(_KEY)}",  # noqa: S608
                (first_day,),
            ).fetchall()
        finally:
            database.close()
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error
    names = (*_KEY, *COUNTERS)
    return [Outcome(**dict(zip(names, row, strict=True))) for row in rows]
