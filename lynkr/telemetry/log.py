"""AccessLog: JSON lines, one per call and one per event, that never hold up the event loop.

``write`` and ``event`` put a line in memory. A daemon thread takes what has gathered, every 100 ms
or 64 KiB, and does the blocking ``os.write``, so a stuck disk or an unread pipe stops that thread
only. The lines waiting are bounded by ``buffer_bytes_max``; above it new ones are dropped and
counted, and once writing works again an event says how many are missing.

The thread does not wake up by itself, because a thread that wants the GIL beside a saturated uvloop
gets it some ten times a second (the loop lets go of it for a microsecond at a time, which CPython
does not count as unfair) and slows the loop by 5 to 8 % while it waits: measured, with a third of
8,000 lines/s dropped, to a file and to a pipe alike. Instead the loop hands over: it wakes the
thread and stands still until the batch is written, at most ``HANDOVER_S``.

Before the first line there is no thread, so a log may be made before a fork and used by the child.
A process that goes on forking asks for ``threaded=False``: its few lines are written at once, and
dropped when the output would block.

The two sides share no lock. Lines go through a deque, whose ends are atomic; each counter is
written by one side only. ``write`` is for the loop's thread; an event may come from any.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from lynkr.config.settings import KIB, Log
from lynkr.errors import ConfigError, Problem
from lynkr.policies.record import Record
from lynkr.telemetry.redact import redact, redact_text

Level = Literal["debug", "info", "warning", "error"]

FLUSH_INTERVAL_S = 0.1
FLUSH_BYTES = 64 * KIB  # handed over early at this, about 90 calls
WRITE_BYTES_MAX = 128 * KIB  # of one os.write to a file
# Workers share stderr. POSIX keeps writes to a pipe whole up to PIPE_BUF, so lines of two workers
# do not run into each other; files opened for append need no such care.
PIPE_BYTES_MAX = select.PIPE_BUF
BACKLOG_BYTES = 256 * KIB  # above this a pipe, too, gets large writes
HANDOVER_S = 0.0005  # the loop's share of a write; 64 KiB to the page cache take 0.1 ms
BACKSTOP_S = 2.0  # the thread looks by itself this often: the loop may be stuck, or gone
CLOSE_DEADLINE_S = 2.0
BLOCKED_POLL_MS = 200  # an output somebody set non-blocking is asked again after this

_LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
_STDOUT, _STDERR = 1, 2
_CALL = b'{"type":"call"'
_COMMA = ord(",")


class AccessLog:
    """Where the lines go. ``access = "off"`` stops the call lines; events then go to stderr."""

    def __init__(
        self, settings: Log, *, threaded: bool = True, now: Callable[[], float] = time.time
    ) -> None:
        self._buffer_bytes_max = settings.buffer_bytes_max
        self._level = _LEVELS.index(settings.level)
        self._now = now
        self._encoder = msgspec.json.Encoder(enc_hook=str)
        self._calls = settings.access != "off"
        self._path = None
        if settings.access not in {"stderr", "stdout", "off"}:
            self._path = Path(settings.access).expanduser()
        self._fd = self._open(_STDOUT if settings.access == "stdout" else _STDERR)
        self._chunk_bytes = _chunk_bytes(self._fd)
        self._threaded = threaded
        self._thread: threading.Thread | None = None
        self._lines: deque[bytes | bytearray | None] = deque()  # None: open the file anew
        self._wake = threading.Event()  # there is something to do
        self._idle = threading.Event()  # it is done
        self._hand_over_at_bytes = 0
        self._signalled = False
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._queued_bytes = 0  # written by the callers
        self._taken_bytes = 0  # written by the thread
        self._refused_lines = 0  # dropped for want of room; written by the callers
        self._failed_lines = 0  # dropped because the output failed; written by the thread
        self._reported_lines = 0  # of both, those an event has told of
        self._torn = False  # the last write ended in the middle of a line

    @property
    def dropped_total(self) -> int:
        return self._refused_lines + self._failed_lines

    def write(self, record: Record) -> None:
        """One line for one call. 1.2 us, and about 1 more for its share of handing over."""
        if not self._calls:
            return
        line = bytearray(_CALL)
        try:
            # Over the record's own "{" goes a comma: no copy to put the tag in front.
            self._encoder.encode_into(record, line, len(_CALL))
        except UnicodeEncodeError:
            self._encoder.encode_into(_encodable(record), line, len(_CALL))
        line[len(_CALL)] = _COMMA
        line += b"\n"
        self._put(line)

    def event(self, level: Level, message: str, **fields: object) -> None:
        """One operational line. Everything in it passes the redactor."""
        if _LEVELS.index(level) >= self._level:
            self._put(self._event(level, message, fields))

    def reopen(self) -> None:
        """After a rotation: the lines so far go to the old file, all later ones to the new."""
        if self._path is None:
            return
        if not self._threaded:
            self._reopen()
            return
        self._lines.append(None)
        self._signal()

    def close(self, deadline_s: float = CLOSE_DEADLINE_S) -> bool:
        """Write what is left. False if the output was too slow; the rest goes with the process."""
        if self._closing:
            return not self._lines
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(deadline_s)
            if self._thread.is_alive():
                return False  # it is inside os.write and still needs the descriptor
        if self._path is not None:
            os.close(self._fd)
        return True

    def _event(self, level: Level, message: str, fields: dict[str, object]) -> bytes:
        line: dict[str, object] = {
            "type": "event",
            "time": self._now(),
            "level": level,
            "message": redact_text(message),
        }
        for name, value in fields.items():
            line.setdefault(name, redact(value, name))
        try:
            return self._encoder.encode(line) + b"\n"
        except UnicodeEncodeError:  # an exception's text may hold a client's lone surrogates
            text = {name: _mended(value) for name, value in line.items()}
            return self._encoder.encode(text) + b"\n"

    def _put(self, line: bytes | bytearray) -> None:
        waiting_bytes = self._queued_bytes - self._taken_bytes
        if self._closing or waiting_bytes + len(line) > self._buffer_bytes_max:
            self._refused_lines += 1
            return
        if not self._threaded:
            self._write_now(line)
            return
        self._lines.append(line)
        self._queued_bytes += len(line)
        if not self._signalled:
            self._signal()
        elif waiting_bytes > FLUSH_BYTES and self._queued_bytes > self._hand_over_at_bytes:
            self._hand_over()

    def _signal(self) -> None:
        """The first line of a batch: see that it is written, soon or, where no loop runs, now."""
        self._signalled = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lynkr-log", daemon=True)
            self._thread.start()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._wake.set()
        else:
            # One timer at most: a batch that is handed over early leaves its timer to the next one.
            # With one timer per batch they add up under load, until each line is a batch.
            if self._timer is None:
                self._timer = loop.call_later(FLUSH_INTERVAL_S, self._hand_over_in_time)

    def _hand_over_in_time(self) -> None:
        self._timer = None
        self._hand_over()

    def _hand_over(self) -> None:
        if self._closing:
            return  # the timer of the last batch
        self._hand_over_at_bytes = self._queued_bytes + FLUSH_BYTES  # if it is slow, not each time
        self._idle.clear()
        self._wake.set()
        self._idle.wait(HANDOVER_S)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(BACKSTOP_S)
            self._wake.clear()
            self._signalled = False  # before taking: a line that comes now asks for another turn
            self._drain()
            self._idle.set()
        self._drain()

    def _drain(self) -> None:
        batch: list[bytes | bytearray] = []
        batch_bytes = 0
        while self._lines:
            line = self._lines.popleft()
            if line is None:
                self._flush(batch, batch_bytes)
                batch, batch_bytes = [], 0
                self._reopen()
                continue
            if batch and batch_bytes + len(line) > self._chunk():
                self._flush(batch, batch_bytes)
                batch, batch_bytes = [], 0
            batch.append(line)
            batch_bytes += len(line)
        self._flush(batch, batch_bytes)

    def _chunk(self) -> int:
        """How much to write at once. Behind on a pipe, large pieces: they too are whole unless the
        pipe is full, and a line cut in two now and then is better than thousands dropped."""
        is_behind = self._queued_bytes - self._taken_bytes > BACKLOG_BYTES
        return WRITE_BYTES_MAX if is_behind else self._chunk_bytes

    def _flush(self, batch: list[bytes | bytearray], batch_bytes: int) -> None:
        missing = self.dropped_total - self._reported_lines
        if missing:
            self._report(missing)
        if batch:
            if not self._send(b"".join(batch)):
                self._failed_lines += len(batch)
            self._taken_bytes += batch_bytes

    def _report(self, missing: int) -> None:
        """Say what is missing; if even that fails, the next flush tries again."""
        if self._send(self._event("warning", "log lines were dropped", {"lines": missing})):
            self._reported_lines += missing

    def _send(self, data: bytes) -> bool:
        """Write all of it, however long it takes. False when the output refused."""
        rest = memoryview(b"\n" + data if self._torn else data)
        while rest:
            try:
                count = os.write(self._fd, rest)
            except BlockingIOError:
                if not self._writable(BLOCKED_POLL_MS) and self._closing:
                    return False
                continue
            except OSError:
                # Disk full, or the reader of the pipe is gone. There is nowhere to say so but the
                # count, which is a metric and the first line written when it works again.
                return False
            rest = rest[count:]
            self._torn = bool(rest)
        return True

    def _write_now(self, line: bytes | bytearray) -> None:
        missing = self.dropped_total - self._reported_lines
        if not self._writable(0):
            self._failed_lines += 1
            return
        if missing:
            self._report(missing)
        if not self._send(bytes(line)):
            self._failed_lines += 1

    def _writable(self, timeout_ms: int) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(timeout_ms))

    def _open(self, standard_fd: int) -> int:
        if self._path is None:
            return standard_fd
        try:
            return _append(self._path)
        except OSError as error:
            problem = Problem(
                "log.access",
                f"cannot be opened for writing: {error.strerror}",
                fix="name a file in a directory this user may write, or stderr, stdout, off",
                value=str(self._path),
            )
            raise ConfigError([problem]) from error

    def _reopen(self) -> None:
        assert self._path is not None
        try:
            fd = _append(self._path)
        except OSError as error:
            fields: dict[str, object] = {"path": str(self._path), "reason": error.strerror}
            self._send(
                self._event("error", "log file cannot be reopened; the old one stays", fields)
            )
            return
        os.close(self._fd)
        self._fd = fd
        self._torn = False


def _append(path: Path) -> int:
    """Mode 0600: the lines tell who asked what model when."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _chunk_bytes(fd: int) -> int:
    try:
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError:
        is_file = False  # a closed stderr: each write will fail and be counted
    return WRITE_BYTES_MAX if is_file else PIPE_BYTES_MAX


def _mended(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _encodable(record: Record) -> Record:
    """A client's model name may be half a surrogate pair, which UTF-8 cannot hold."""
    changes = {name: _mended(getattr(record, name)) for name in record.__struct_fields__}
    return msgspec.structs.replace(record, **changes)
