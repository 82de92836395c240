"""The originals of shortened texts, kept so that the model can have them back.

Content-addressed and per key: the id says which text it is, the scope whose. The event loop only
notes what is to be kept; a thread writes it to SQLite, so that no call waits for a disk. A client
sends its conversation again with every call, so a text that could not be kept the first time (a
full queue, a full disk) is handed in again with the next one. What is old goes, and so does the
oldest when there is too much.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lynkr._native.spans import string_value
from lynkr.transforms.passes import Original

if TYPE_CHECKING:
    import sqlite3

QUEUE_MAX = 1024  # texts waiting for the disk
QUEUE_BYTES_MAX = 64 * 1024 * 1024
KNOWN_MAX = 20_000  # ids that this worker need not hand in again for a while
REFRESH_S = 3600.0  # after which it does, so that what is in use does not grow old
SWEEP_EVERY = 64  # writes between two looks at age and size
BUSY_S = 5.0  # how long the thread waits for another worker's write

_SCHEMA = """
CREATE TABLE IF NOT EXISTS originals (
    scope BLOB NOT NULL, id TEXT NOT NULL, kept_at REAL NOT NULL, size INTEGER NOT NULL,
    text BLOB NOT NULL, PRIMARY KEY (scope, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS originals_by_age ON originals (kept_at);
"""


def scope_digest(scope: bytes) -> bytes:
    """What the file knows of a scope: key names are nobody else's business."""
    return hashlib.blake2b(scope, digest_size=16).digest()


class Originals:
    """One worker's way to the file. ``keep`` never waits; ``find`` is for a thread."""

    def __init__(
        self,
        path: Path,
        *,
        ttl_s: float,
        bytes_max: int,
        wall: Callable[[], float] = time.time,
        failed: Callable[[str], object] = lambda message: None,
    ) -> None:
        self._path = path
        self._ttl_s = ttl_s
        self._bytes_max = bytes_max
        self._wall = wall
        self._failed = failed
        self._known: OrderedDict[tuple[bytes, str], float] = OrderedDict()
        self._queue: queue.Queue[tuple[bytes, str, bytes] | None] = queue.Queue(QUEUE_MAX)
        self._waiting: dict[tuple[bytes, str], bytes] = {}
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.dropped_total = 0

    def keep(self, scope: bytes, originals: tuple[Original, ...], body: bytes) -> None:
        """Note texts to be kept; each is the JSON string at its span of ``body``."""
        now = self._wall()
        for original in originals:
            key = (scope, original.id)
            with self._lock:
                if self._known.get(key, 0.0) > now:
                    continue
            text = string_value(body, (original.start, original.end))
            if text is not None:
                self._put(key, text, now + min(REFRESH_S, self._ttl_s / 4))

    def _put(self, key: tuple[bytes, str], text: bytes, known_until: float) -> None:
        with self._lock:
            if self._waiting_bytes + len(text) > QUEUE_BYTES_MAX:
                self.dropped_total += 1
                return
            # Before the thread can have failed with it, and have forgotten it again.
            self._known[key] = known_until
            self._known.move_to_end(key)
            try:
                self._queue.put_nowait((*key, text))
            except queue.Full:
                del self._known[key]
                self.dropped_total += 1
                return
            if len(self._known) > KNOWN_MAX:
                self._known.popitem(last=False)
            self._waiting[key] = text
            self._waiting_bytes += len(text)
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="originals", daemon=True)
            self._thread.start()

    def find(self, scope: bytes, id_: str) -> bytes | None:
        """The text, or ``None``: never kept, too old, or somebody else's. Reads the disk."""
        with self._lock:
            waiting = self._waiting.get((scope, id_))
        if waiting is not None:
            return waiting
        if not self._path.exists():
            return None
        database = self._open()
        try:
            row = database.execute(
                "SELECT text FROM originals WHERE scope = ? AND id = ? AND kept_at > ?",
                (scope_digest(scope), id_, self._wall() - self._ttl_s),
            ).fetchone()
        finally:
            database.close()
        return None if row is None else zlib.decompress(row[0])

    def close(self, deadline_s: float = 5.0) -> None:
        """Write what is left."""
        if self._thread is None:
            return
        end = time.monotonic() + deadline_s
        try:
            self._queue.put(None, timeout=deadline_s)  # full, when the disk hangs
        except queue.Full:
            return
        self._thread.join(max(end - time.monotonic(), 0.0))
        self._thread = None

    def _open(self) -> sqlite3.Connection:
        import sqlite3  # a megabyte, for those who shorten anything

        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        self._path.chmod(0o600)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
        return database

    def _write(self) -> None:
        database: sqlite3.Connection | None = None
        written = 0
        said = ""
        while (entry := self._queue.get()) is not None:
            scope, id_, text = entry
            key = (scope, id_)
            try:
                if database is None:
                    database = self._open()
                database.execute(
                    "INSERT INTO originals VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT (scope, id) DO UPDATE SET kept_at = excluded.kept_at",
                    (scope_digest(scope), id_, self._wall(), len(text), zlib.compress(text, 1)),
                )
                said = ""
                if written % SWEEP_EVERY == 0:
                    self._sweep(database)
                written += 1
            except Exception as error:  # sqlite3's own, OSError: the next call tries again
                with self._lock:
                    self._known.pop(key, None)
                    self.dropped_total += 1
                message = f"an original could not be kept: {type(error).__name__}: {error}"
                if message != said:  # a full disk is told once, not with every text
                    self._failed(message)
                    said = message
                if database is not None:
                    database.close()
                    database = None
            with self._lock:
                if self._waiting.get(key) is text:
                    del self._waiting[key]
                self._waiting_bytes -= len(text)
        if database is not None:
            database.close()

    def _sweep(self, database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM originals WHERE kept_at < ?", (self._wall() - self._ttl_s,))
        (size,) = database.execute(
            "SELECT coalesce(sum(length(text)), 0) FROM originals"
        ).fetchone()
        while size > self._bytes_max:
            oldest = database.execute(
                "SELECT scope, id, length(text) FROM originals ORDER BY kept_at LIMIT 32"
            ).fetchall()
            if not oldest:
                return
            for scope, id_, length in oldest:
                if size <= self._bytes_max:
                    return
                database.execute("DELETE FROM originals WHERE scope = ? AND id = ?", (scope, id_))
                size -= length


def part(text: str, lines: str = "", grep: str = "") -> str:
    """A part of a text: ``lines`` "A-B" (or "A"), counted from 1, and of those the ones that hold
    ``grep``, with their numbers. Raises ``ValueError`` when ``lines`` is no range."""
    if not lines and not grep:
        return text
    whole = text.split("\n")
    first, last = 1, len(whole)
    if lines:
        start, dash, end = lines.partition("-")
        if not start.isdecimal() or (dash and not end.isdecimal()):
            raise ValueError(f"{lines!r} is no range of lines; write A-B")
        first, last = int(start), int(end or start)
    chosen = enumerate(whole[max(first, 1) - 1 : last], max(first, 1))
    if grep:
        return "\n".join(f"{number}:{line}" for number, line in chosen if grep in line)
    return "\n".join(line for _, line in chosen)
