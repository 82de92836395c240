"""Supervisor: forks the workers, restarts those that die, and passes signals on. Nothing else.

It must never run an event loop or a thread, because it goes on forking, nor look at a request.

    SIGTERM, SIGINT    SIGTERM to all workers; SIGKILL after ``drain_s + grace_s``, or at a second
    SIGHUP             ``on_hangup()`` checks the new configuration; only if it holds, SIGHUP to all
    SIGCHLD            reap; start the worker again, later and later if it keeps dying young

Start it with everything a worker needs already imported. With aiohttp, uvloop and the rest imported
after the fork, a supervisor and two workers weighed 72 MB (PSS) and took 260 ms to be up; imported
before it and frozen (``gc.freeze``, so that a collection does not write to every shared page) 47 MB
and 170 ms, and a restarted worker is back without importing anything.

What ``worker_main`` finds: SIGTERM at its default, SIGINT ignored (Ctrl-C reaches the whole
terminal group, and the supervisor passes it on), and SIGHUP blocked, so that one sent while the
worker starts waits instead of killing it. It calls ``accept_hangup()`` once its handlers are set.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Literal, NoReturn, Protocol

from lynkr.telemetry.shared import Board

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
YOUNG_S = 10.0  # a worker that lived longer is not in a crash loop
STARTUP_S = 5.0  # all dead with an exit code within this: they cannot start at all
GRACE_S = 5.0  # beyond drain_s, for closing what was drained

_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

_parent_alive_fd: int | None = None


class EventLog(Protocol):
    """What the supervisor needs of a log. It must not start a thread: ``threaded=False``."""

    def event(
        self,
        level: Literal["debug", "info", "warning", "error"],
        message: str,
        **fields: object,
    ) -> None: ...


def parent_alive_fd() -> int | None:
    """In a worker: readable (end of file) once the supervisor is gone. Elsewhere None."""
    return _parent_alive_fd


def accept_hangup() -> None:
    """In a worker: its SIGHUP handler is set; deliver what came meanwhile."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def next_backoff_s(lived_s: float, last_s: float) -> float:
    """How long to wait before a worker is started again, given how long it waited last time."""
    if lived_s >= YOUNG_S:
        return 0.0
    return min(BACKOFF_MAX_S, last_s * 2) if last_s else BACKOFF_FIRST_S


def run(
    workers: int,
    bind: Callable[[], None],
    worker_main: Callable[[int], int],
    *,
    on_hangup: Callable[[], bool],
    board: Board,
    drain_s: float,
    log: EventLog,
    grace_s: float = GRACE_S,
) -> int:
    """Keep ``workers`` going until told to stop. ``bind`` opens the sockets they inherit; what it
    raises is raised from here, before anything was forked.

    0: all workers ended by themselves. 1: some had to be killed. Otherwise the exit code of workers
    that could not start.
    """
    if threading.active_count() > 1:
        raise RuntimeError("a thread is running: its locks would be held for ever in the workers")
    bind()
    gc.collect()
    gc.freeze()
    supervisor = _Supervisor(workers, worker_main, on_hangup, board, drain_s + grace_s, log)
    try:
        return supervisor.run()
    finally:
        supervisor.close()


class _Slot:
    """One worker's place. ``pid`` is 0 while there is none."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.started_s = 0.0
        self.start_at_s: float | None = 0.0  # None: running, or not to be started
        self.backoff_s = 0.0
        self.forks = 0


class _Supervisor:
    def __init__(
        self,
        workers: int,
        worker_main: Callable[[int], int],
        on_hangup: Callable[[], bool],
        board: Board,
        stop_s: float,
        log: EventLog,
    ) -> None:
        self._slots = [_Slot(number) for number in range(workers)]
        self._worker_main = worker_main
        self._on_hangup = on_hangup
        self._board = board
        self._stop_s = stop_s
        self._log = log
        self._pid = os.getpid()
        self._kill_at_s: float | None = None  # set: stopping
        self._killed = False
        self._startup_exits: dict[int, int] = {}  # slot -> code of its first worker, if it failed
        self._alive_read, self._alive_write = os.pipe()  # nothing is ever written
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._old_handlers = {number: signal.signal(number, _note) for number in _SIGNALS}
        self._old_wakeup = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def run(self) -> int:
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        while True:
            failed = self._failed_to_start()
            if failed is not None:
                return failed
            now_s = time.monotonic()
            for slot in self._slots:
                if slot.start_at_s is not None and slot.start_at_s <= now_s:
                    self._start(slot)
            if self._kill_at_s is not None:
                if not any(slot.pid for slot in self._slots):
                    return 1 if self._killed else 0
                if now_s >= self._kill_at_s and not self._killed:
                    self._kill("workers did not end in time")
            poll.poll(self._timeout_ms())
            self._take_signals()
            self._reap()

    def close(self) -> None:
        """Leave no worker behind, whatever ended ``run``, and the process as it was."""
        for slot in self._slots:
            if slot.pid:
                os.kill(slot.pid, signal.SIGKILL)
                os.waitpid(slot.pid, 0)
        signal.set_wakeup_fd(self._old_wakeup)
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        for fd in (self._alive_read, self._alive_write, self._wake_read, self._wake_write):
            os.close(fd)

    def _timeout_ms(self) -> int | None:
        """Until the next thing to do; None, for ever, when only a signal can bring one."""
        times = [slot.start_at_s for slot in self._slots if slot.start_at_s is not None]
        if self._kill_at_s is not None and not self._killed:
            times.append(self._kill_at_s)
        if not times:
            return None
        return max(0, int((min(times) - time.monotonic()) * 1000) + 1)

    def _take_signals(self) -> None:
        try:
            numbers = os.read(self._wake_read, 4096)
        except BlockingIOError:
            return
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop(signal.Signals(number))
            elif number == signal.SIGHUP and self._kill_at_s is None:
                self._hang_up()

    def _stop(self, number: signal.Signals) -> None:
        if self._kill_at_s is not None:
            self._kill("told to stop again")
            return
        self._kill_at_s = time.monotonic() + self._stop_s
        self._log.event("info", "stopping", signal=number.name, deadline_s=self._stop_s)
        for slot in self._slots:
            slot.start_at_s = None
        self._signal_all(signal.SIGTERM)

    def _kill(self, reason: str) -> None:
        self._killed = True
        pids = [slot.pid for slot in self._slots if slot.pid]
        self._log.event("warning", "killing workers", reason=reason, pids=pids)
        self._signal_all(signal.SIGKILL)

    def _hang_up(self) -> None:
        try:
            is_valid = self._on_hangup()
        except Exception as error:
            # A broken file must not take down what works with the old one.
            reason = "".join(traceback.format_exception_only(error)).strip()
            self._log.event("error", "reload failed, the old configuration stays", reason=reason)
            return
        if is_valid:
            self._log.event("info", "reloading")
            self._signal_all(signal.SIGHUP)

    def _signal_all(self, number: signal.Signals) -> None:
        for slot in self._slots:
            if slot.pid:  # ours until it is reaped, so the number cannot be somebody else's
                os.kill(slot.pid, number)

    def _reap(self) -> None:
        # Any child, not only workers: as process 1 of a container orphans are ours to bury.
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for slot in self._slots:
                if slot.pid == pid:
                    self._buried(slot, os.waitstatus_to_exitcode(status))

    def _buried(self, slot: _Slot, exit_code: int) -> None:
        pid, slot.pid = slot.pid, 0
        self._board.retire(slot.number)
        if self._kill_at_s is not None:
            return
        lived_s = time.monotonic() - slot.started_s
        if slot.forks == 1 and exit_code > 0 and lived_s < STARTUP_S:
            self._startup_exits[slot.number] = exit_code
        slot.backoff_s = next_backoff_s(lived_s, slot.backoff_s)
        slot.start_at_s = time.monotonic() + slot.backoff_s
        self._log.event(
            "error",
            "worker died",
            slot=slot.number,
            pid=pid,
            exit_code=exit_code if exit_code >= 0 else None,
            signal=signal.strsignal(-exit_code) if exit_code < 0 else None,
            lived_s=round(lived_s, 3),
            restart_in_s=slot.backoff_s,
        )

    def _failed_to_start(self) -> int | None:
        """The exit code, if the first worker of every slot failed at once: no address to bind, a
        file it cannot read. Starting them for ever would hide that from whoever started us."""
        if len(self._startup_exits) < len(self._slots) or self._kill_at_s is not None:
            return None
        code = max(self._startup_exits.values())
        self._log.event("error", "no worker could start", exit_code=code)
        return code

    def _start(self, slot: _Slot) -> None:
        slot.start_at_s = None
        slot.started_s = time.monotonic()
        # Blocked across the fork: a signal meant for the child must find the child's handlers,
        # and one for us must not be noted by both.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
        except OSError as error:  # out of processes or memory: as if it had died young
            slot.backoff_s = next_backoff_s(0.0, slot.backoff_s)
            slot.start_at_s = slot.started_s + slot.backoff_s
            self._log.event("error", "cannot fork", slot=slot.number, reason=error.strerror)
            pid = -1
        if pid == 0:
            self._become_worker(slot.number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        if pid < 0:
            return
        slot.pid = pid
        slot.forks += 1
        if slot.forks > 1:
            self._board.count_restart()
        self._log.event("info", "worker started", slot=slot.number, pid=pid)

    def _become_worker(self, number: int) -> NoReturn:
        """The child's whole life. It never returns into the supervisor's frames."""
        global _parent_alive_fd
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for fd in (self._alive_write, self._wake_read, self._wake_write):
                os.close(fd)
            _parent_alive_fd = self._alive_read
            _die_with_parent(self._pid)
            threading.Thread(
                target=_watch_parent,
                args=(self._alive_read, self._stop_s),
                name="lynkr-parent",
                daemon=True,
            ).start()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, set(_SIGNALS) - {signal.SIGHUP})
            code = self._worker_main(number)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            # Not sys.exit: the supervisor's own finally blocks and exit hooks are not the child's.
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError):
                    code = code or 1  # the reader of our output is gone; nowhere to say so
            os._exit(code & 0xFF)


def _note(number: int, frame: object) -> None:
    """A handler must exist for the wakeup descriptor to be written; it does the telling."""


def _die_with_parent(parent_pid: int) -> None:
    """Linux sends SIGTERM the moment the supervisor dies, even to a worker that is stopped."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent_pid:
            os._exit(1)  # it died between the fork and the line above


def _watch_parent(fd: int, stop_s: float) -> None:
    """A worker's thread, asleep until the supervisor is gone: end as if told to, then for certain.

    Ending politely is not enough, as there is nobody left to kill a worker that is stuck."""
    while os.read(fd, 1):
        pass
    if sys.platform != "linux":  # there it has come already, and a second one means "at once"
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(stop_s)
    os.kill(os.getpid(), signal.SIGKILL)
