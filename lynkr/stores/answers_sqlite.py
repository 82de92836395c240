"""Answers in an SQLite file, which the workers of one host share.

Each change is one transaction: the rows, their log line and the count of bytes are all there or
none is. SQLite has one writer at a time, so numbers in the log are in the order of commits, and a
reader that has seen one has seen all before it.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lynkr.stores.answer_rows import (
    REMOVED_AT_ONCE,
    ROW_BYTES,
    SIGHTINGS_MAX,
    SIGHTINGS_S,
    SWEEP_EVERY,
    Rows,
    body,
)
from lynkr.stores.answers import CHANGES_MAX, Answer, Behind, Change, Dropped, Sighting
from lynkr.stores.seal import Seal

if TYPE_CHECKING:
    import sqlite3

BUSY_S = 5.0  # how long a thread waits for another worker's write
POLL_S = 0.1  # between two looks at the log, of 0.2 ms when it wakes up for one
LOG_S = 3600.0  # how long a worker may have been away and still catch up without a snapshot
PAGE_ROWS = 256  # of a snapshot, between which others may write
CACHE_KIB = 512  # SQLite's own, per connection; its 2 MB, times threads and workers, is much
SCHEMA_VERSION = 1

# ``contents`` is apart so that a snapshot reads no more than it needs. ``log.answer`` names a row
# that may be gone by the time someone reads it. ``state`` has one row.
_SCHEMA = """
CREATE TABLE answers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, scope BLOB NOT NULL,
    expires_at REAL NOT NULL, size INTEGER NOT NULL, row BLOB NOT NULL
);
CREATE INDEX answers_by_scope ON answers (scope, seq);
CREATE INDEX answers_by_end ON answers (expires_at);
CREATE TABLE contents (seq INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE sightings (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, body BLOB NOT NULL
);
CREATE TABLE log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, answer INTEGER, kind TEXT, body BLOB
);
CREATE TABLE state (log_id TEXT NOT NULL, pruned INTEGER NOT NULL, bytes INTEGER NOT NULL);
"""


class SqliteAnswers:
    """One connection, of one thread at a time. Raises what ``sqlite3`` and the file system do."""

    def __init__(
        self,
        path: Path,
        *,
        entries_per_scope_max: int,
        bytes_max: int,
        seal: Seal | None = None,
        log_s: float = LOG_S,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._entries_per_scope_max = entries_per_scope_max
        self._bytes_max = bytes_max
        self._rows = Rows(seal)
        self._log_s = log_s
        self._wall = wall
        self._puts = 0
        self._database = self._open()

    @property
    def unreadable_total(self) -> int:
        return self._rows.unreadable_total

    def put(self, answer: Answer, content: bytes) -> None:
        row = self._rows.row(answer)
        packed = self._rows.packed(answer, content)
        size = ROW_BYTES + len(row) + len(packed)
        with self._transaction() as run:
            if run("SELECT 1 FROM answers WHERE id = ?", (answer.id,)).fetchone() is None:
                seq = run(
                    "INSERT INTO answers (id, scope, expires_at, size, row) VALUES (?, ?, ?, ?, ?)",
                    (answer.id, answer.scope, answer.expires_at, size, row),
                ).lastrowid
                run("INSERT INTO contents VALUES (?, ?)", (seq, packed))
                run("UPDATE state SET bytes = bytes + ?", (size,))
                run("INSERT INTO log (at, answer) VALUES (?, ?)", (self._wall(), seq))
        self._puts += 1
        if self._puts % SWEEP_EVERY == 0:
            self.sweep()

    def drop(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), REMOVED_AT_ONCE):
            some = tuple(ids[start : start + REMOVED_AT_ONCE])
            with self._transaction() as run:
                self._remove([row for id_ in some for row in run(_SIZED_BY_ID, (id_,))])
                self._log(Dropped(some))

    def note(self, sighting: Sighting) -> None:
        with self._transaction() as run:
            run("INSERT INTO sightings (at, body) VALUES (?, ?)", (sighting.at, body(sighting)))
            self._log(sighting)

    def content(self, scope: bytes, id_: str) -> bytes | None:
        self._check_file()
        found = self._database.execute(
            "SELECT content FROM answers JOIN contents USING (seq)"
            " WHERE id = ? AND scope = ? AND expires_at > ?",
            (id_, scope, self._wall()),
        ).fetchone()
        return None if found is None else self._rows.content(found[0], scope, id_)

    def snapshot(self) -> tuple[Iterable[Answer | Sighting], str]:
        log_id, last = self._database.execute(
            "SELECT log_id, max(pruned, coalesce((SELECT max(seq) FROM log), 0)) FROM state"
        ).fetchone()
        return self._living(), f"{log_id}-{last}"

    def changes(self, cursor: str, wait_s: float) -> tuple[list[Change], str]:
        log_id, _, last = cursor.partition("-")
        end = time.monotonic() + wait_s
        self._check_file()
        while not (rows := self._read_log(log_id, int(last))):
            left_s = end - time.monotonic()
            time.sleep(max(min(POLL_S, left_s), 0.0))
            if left_s <= POLL_S:  # the next call begins with a look
                break
        found = [change for row in rows if (change := self._change(*row[1:])) is not None]
        return found, f"{log_id}-{rows[-1][0] if rows else last}"

    def sweep(self) -> None:
        now = self._wall()
        self._remove_while(
            # Each worker sees by itself that an answer has expired.
            lambda: self._database.execute(
                "SELECT seq, id, size FROM answers WHERE expires_at <= ? LIMIT ?",
                (now, REMOVED_AT_ONCE),
            ).fetchall(),
            told=False,
        )
        self._remove_while(self._too_many, told=True)
        self._remove_while(self._too_much, told=True)
        with self._transaction() as run:
            run("DELETE FROM sightings WHERE at <= ?", (now - SIGHTINGS_S,))
            run(
                "DELETE FROM sightings WHERE seq <= (SELECT max(seq) FROM sightings) - ?",
                (SIGHTINGS_MAX,),
            )
            # Up to the first line that is young enough, whatever clocks say of those after it: the
            # log loses its beginning and nothing else.
            young = run(
                "SELECT seq FROM log WHERE at > ? ORDER BY seq LIMIT 1", (now - self._log_s,)
            ).fetchone()
            last = run("SELECT max(seq) FROM log").fetchone()[0]
            pruned = last if young is None else young[0] - 1
            if pruned is not None:
                run("DELETE FROM log WHERE seq <= ?", (pruned,))
                run("UPDATE state SET pruned = max(pruned, ?)", (pruned,))

    def close(self) -> None:
        self._database.close()

    # --- the file ---------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        import sqlite3  # a megabyte, for those who keep anything

        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Before SQLite writes to it, so that it is never readable for others; the files beside it
        # get the same mode.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        self._path.chmod(0o600)
        database = sqlite3.connect(
            self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._inode = self._path.stat().st_ino
            self._database = database
            self._prepare(sqlite3.OperationalError)
        except BaseException:
            database.close()
            raise
        return database

    def _prepare(self, busy: type[Exception]) -> None:
        end = time.monotonic() + BUSY_S
        while True:
            try:
                self._database.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except busy:  # two that change it at once: SQLite tells one to try again, and waits not
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        # What was forgotten is overwritten, not just unlinked.
        self._database.execute("PRAGMA secure_delete = ON")
        if self._database.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
            return
        with self._transaction() as run:
            if run("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
                return  # another worker was first
            tables = run(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
            for (table,) in tables.fetchall():
                run(f"DROP TABLE {table}")  # of another version: a cache can begin anew
            for statement in _SCHEMA.split(";"):
                run(statement)
            run("INSERT INTO state VALUES (?, 0, 0)", (secrets.token_hex(8),))
            run(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check_file(self) -> None:
        """Raises ``OSError`` when somebody has put the file away: one could go on with what has no
        name any more, and nobody would see it."""
        if self._path.stat().st_ino != self._inode:
            raise OSError(f"{self._path} is another file now")

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        self._check_file()
        run = self._database.execute
        run("BEGIN IMMEDIATE")  # one that first reads and then writes could be refused
        try:
            yield run
        except BaseException:
            if self._database.in_transaction:  # a full disk has ended it already
                run("ROLLBACK")
            raise
        run("COMMIT")

    # --- reading ----------------------------------------------------------------------------

    def _living(self) -> Iterator[Answer | Sighting]:
        last = 0
        while rows := self._database.execute(
            "SELECT seq, row FROM answers WHERE seq > ? AND expires_at > ? ORDER BY seq LIMIT ?",
            (last, self._wall(), PAGE_ROWS),
        ).fetchall():
            last = rows[-1][0]
            for _, row in rows:
                if (answer := self._rows.answer(row)) is not None:
                    yield answer
        last = 0
        while rows := self._database.execute(
            "SELECT seq, body FROM sightings WHERE seq > ? AND at > ? ORDER BY seq LIMIT ?",
            (last, self._wall() - SIGHTINGS_S, PAGE_ROWS),
        ).fetchall():
            last = rows[-1][0]
            for _, noted in rows:
                if (sighting := self._rows.sighting(noted)) is not None:
                    yield sighting

    def _read_log(self, log_id: str, last: int) -> list[tuple[int, bytes, float, str, bytes]]:
        run = self._database.execute
        rows = run(
            "SELECT log.seq, row, expires_at, kind, body FROM log"
            " LEFT JOIN answers ON answers.seq = log.answer"
            " WHERE log.seq > ? ORDER BY log.seq LIMIT ?",
            (last, CHANGES_MAX),
        ).fetchall()
        # After the rows: what was pruned before they were read is counted in ``pruned`` by now.
        there, pruned, newest = run(
            "SELECT log_id, pruned, (SELECT seq FROM sqlite_sequence WHERE name = 'log') FROM state"
        ).fetchone()
        if there != log_id or not pruned <= last <= (newest or 0):
            raise Behind(f"{last} of {log_id}; {there} holds what is after {pruned}")
        return rows

    def _change(
        self, row: bytes | None, expires_at: float | None, kind: str | None, noted: bytes
    ) -> Change | None:
        if kind == "sighting":
            return self._rows.sighting(noted)
        if kind == "dropped":
            return self._rows.dropped(noted)
        if row is None or expires_at is None or expires_at <= self._wall():
            return None
        return self._rows.answer(row)

    # --- writing, inside a transaction --------------------------------------------------------

    def _log(self, fact: Sighting | Dropped) -> None:
        kind = "sighting" if isinstance(fact, Sighting) else "dropped"
        self._database.execute(
            "INSERT INTO log (at, kind, body) VALUES (?, ?, ?)", (self._wall(), kind, body(fact))
        )

    def _remove(self, rows: Sequence[tuple[int, str, int]]) -> None:
        numbers = [(seq,) for seq, _, _ in rows]
        self._database.executemany("DELETE FROM answers WHERE seq = ?", numbers)
        self._database.executemany("DELETE FROM contents WHERE seq = ?", numbers)
        self._database.execute(
            "UPDATE state SET bytes = bytes - ?", (sum(size for _, _, size in rows),)
        )

    def _remove_while(
        self, some: Callable[[], Sequence[tuple[int, str, int]]], *, told: bool
    ) -> None:
        """Some at a time, so that other workers' writes get in between."""
        while True:
            with self._transaction():
                rows = some()
                if not rows:
                    return
                self._remove(rows)
                if told:
                    self._log(Dropped(tuple(id_ for _, id_, _ in rows)))

    def _too_many(self) -> Sequence[tuple[int, str, int]]:
        over = self._database.execute(
            "SELECT scope, count(*) AS entries FROM answers GROUP BY scope HAVING entries > ?"
            " LIMIT 1",
            (self._entries_per_scope_max,),
        ).fetchone()
        if over is None:
            return ()
        scope, entries = over
        return self._database.execute(
            "SELECT seq, id, size FROM answers WHERE scope = ? ORDER BY seq LIMIT ?",
            (scope, min(entries - self._entries_per_scope_max, REMOVED_AT_ONCE)),
        ).fetchall()

    def _too_much(self) -> Sequence[tuple[int, str, int]]:
        excess = self._database.execute("SELECT bytes FROM state").fetchone()[0] - self._bytes_max
        rows: list[tuple[int, str, int]] = []
        if excess > 0:
            for row in self._database.execute(_OLDEST, (REMOVED_AT_ONCE,)):
                if excess <= 0:
                    break
                rows.append(row)
                excess -= row[2]
        return rows


_SIZED_BY_ID = "SELECT seq, id, size FROM answers WHERE id = ?"
_OLDEST = "SELECT seq, id, size FROM answers ORDER BY seq LIMIT ?"
