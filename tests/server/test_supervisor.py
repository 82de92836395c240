"""Supervisor, with real forks: in a script of its own, so that pytest itself never forks.

The script and its workers write lines to one pipe. Its end of file says that all of them are gone,
which no list of process numbers could say as surely.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lynkr.server.supervisor import BACKOFF_MAX_S, YOUNG_S, next_backoff_s

DEADLINE_S = 30.0

SCRIPT = """
import json, os, signal, sys, time
from lynkr.server import supervisor
from lynkr.telemetry.shared import Board

board = Board({workers})

def say(what, **fields):
    os.write(1, json.dumps({{"what": what, "pid": os.getpid(), **fields}}).encode() + b"\\n")

class Log:
    def event(self, level, message, **fields):
        say("log", level=level, message=message, fields=fields)

def bind():
    say("bind")

def on_hangup():
    say("check")
    {on_hangup}

def stay(slot):
    {handlers}
    supervisor.accept_hangup()
    board.publish(slot, b"alive")
    say("up", slot=slot, alive_fd=supervisor.parent_alive_fd())
    while True:
        signal.pause()

def leave(number, frame):
    say("drained")
    os._exit(0)

def worker_main(slot):
    {worker_main}

{before}

code = supervisor.run(
    {workers}, bind, worker_main, on_hangup=on_hangup, board=board,
    drain_s={drain_s}, grace_s=0.1, log=Log(),
)
try:
    os.waitpid(-1, os.WNOHANG)
    children = True
except ChildProcessError:
    children = False
say("ended", code=code, children=children, restarts=board.restarts_total, live=board.live())
sys.exit(code)
"""

POLITE = """
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, lambda *_: say("reload"))
"""
STUBBORN = 'signal.signal(signal.SIGTERM, lambda *_: say("ignored"))'

Line = dict[str, object]


class Script:
    """One supervisor under test."""

    def __init__(
        self,
        *,
        workers: int = 2,
        worker_main: str = "stay(slot)",
        handlers: str = POLITE,
        on_hangup: str = "return True",
        before: str = "",
        drain_s: float = 20.0,
    ) -> None:
        source = SCRIPT.format(
            workers=workers,
            worker_main=indented(worker_main),
            handlers=indented(handlers),
            on_hangup=indented(on_hangup),
            before=before,
            drain_s=drain_s,
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", source],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        self.fd = self.process.stdout.fileno()
        self.lines: list[Line] = []
        self._rest = b""
        self._ended = False

    def read(self, deadline_s: float) -> None:
        """Take what comes next; fails when nothing does."""
        ready, _, _ = select.select([self.fd], [], [], max(0.0, deadline_s - time.monotonic()))
        assert ready, f"nothing more came after {self.lines}"
        data = os.read(self.fd, 65536)
        self._ended = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [json.loads(line) for line in lines]

    def until(self, enough: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not enough():
            assert not self._ended, f"ended after {self.lines}: {self.errors()!r}"
            self.read(deadline_s)

    def said(self, what: str) -> list[Line]:
        return [line for line in self.lines if line["what"] == what]

    def logged(self, message: str) -> list[Line]:
        return [line for line in self.said("log") if line["message"] == message]

    def up(self, count: int) -> list[int]:
        """The pids of the first ``count`` workers that came up."""
        self.until(lambda: len(self.said("up")) >= count)
        return [int(str(line["pid"])) for line in self.said("up")[:count]]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait until no process of it is left. Its exit code."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not self._ended:
            self.read(deadline_s)
        return self.process.wait(DEADLINE_S)

    def errors(self) -> bytes:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def close(self) -> None:
        # Its workers go with it; that is one of the things tested here.
        self.process.kill()
        self.process.wait(DEADLINE_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def indented(code: str) -> str:
    return textwrap.indent(textwrap.dedent(code).strip(), "    ").strip()


@pytest.fixture
def start() -> Iterator[Callable[..., Script]]:
    scripts: list[Script] = []

    def make(**options: object) -> Script:
        scripts.append(Script(**options))  # type: ignore[arg-type]
        return scripts[-1]

    yield make
    for script in scripts:
        script.close()


Start = Callable[..., Script]


def test_backoff_doubles_for_the_young_and_forgets_the_old() -> None:
    waits = [0.0]
    for _ in range(8):
        waits.append(next_backoff_s(YOUNG_S - 0.1, waits[-1]))
    assert waits == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, BACKOFF_MAX_S, BACKOFF_MAX_S]
    assert next_backoff_s(YOUNG_S, BACKOFF_MAX_S) == 0.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_drains_all_workers(start: Start, number: signal.Signals) -> None:
    script = start()
    pids = script.up(2)
    script.signal(number)
    assert script.end() == 0
    assert {line["pid"] for line in script.said("drained")} == set(pids)
    (ended,) = script.said("ended")
    assert ended["children"] is False
    assert ended["restarts"] == 0
    assert ended["live"] == [False, False]
    assert len(script.said("bind")) == 1
    assert script.errors() == b""


def test_a_killed_worker_is_started_again_in_its_slot(start: Start) -> None:
    script = start()
    script.up(2)
    killed = script.said("up")[0]
    os.kill(int(str(killed["pid"])), signal.SIGKILL)
    script.up(3)
    successor = script.said("up")[2]
    assert successor["slot"] == killed["slot"]
    (died,) = script.logged("worker died")
    fields = died["fields"]
    assert isinstance(fields, dict)
    assert fields["pid"] == killed["pid"]
    assert fields["signal"] == "Killed"
    assert fields["exit_code"] is None
    assert fields["restart_in_s"] == 0.1
    script.signal(signal.SIGTERM)
    assert script.end() == 0
    assert script.said("ended")[0]["restarts"] == 1
    assert {line["pid"] for line in script.said("drained")} == {
        script.said("up")[1]["pid"],
        successor["pid"],
    }


def test_a_crash_is_told_with_its_exit_code_and_its_reason(start: Start) -> None:
    script = start(worker_main="if slot == 1 and not board.restarts_total: 1 / 0\nstay(slot)")
    script.up(2)
    (died,) = script.logged("worker died")
    assert isinstance(died["fields"], dict)
    assert died["fields"]["exit_code"] == 1
    script.signal(signal.SIGTERM)
    assert script.end() == 0
    assert b"ZeroDivisionError" in script.errors()


def test_a_worker_that_keeps_dying_is_started_later_each_time(start: Start) -> None:
    script = start(worker_main="if slot == 1: os._exit(9)\nstay(slot)")
    script.until(lambda: len(script.logged("worker died")) == 3)
    waits = [line["fields"] for line in script.logged("worker died")]
    assert [each["restart_in_s"] for each in waits if isinstance(each, dict)] == [0.1, 0.2, 0.4]
    script.signal(signal.SIGTERM)  # while slot 1 waits for its turn: it gets none
    assert script.end() == 0
    assert len(script.said("drained")) == 1


@pytest.mark.parametrize("leave", ["return 3", "sys.exit(3)", "os._exit(3)"])
def test_when_no_worker_can_start_its_code_is_returned(start: Start, leave: str) -> None:
    script = start(worker_main=leave)
    assert script.end() == 3
    assert script.said("ended")[0]["children"] is False
    assert len(script.logged("no worker could start")) == 1


def test_a_stuck_worker_is_killed_after_the_drain(start: Start) -> None:
    script = start(handlers=STUBBORN, drain_s=0.2)
    pids = script.up(2)
    script.signal(signal.SIGTERM)
    assert script.end() == 1
    assert {line["pid"] for line in script.said("ignored")} == set(pids)
    (killing,) = script.logged("killing workers")
    assert isinstance(killing["fields"], dict)
    assert sorted(killing["fields"]["pids"]) == sorted(pids)
    assert script.said("ended")[0]["children"] is False


def test_a_second_stop_kills_at_once(start: Start) -> None:
    script = start(handlers=STUBBORN, drain_s=10 * DEADLINE_S)
    script.up(2)
    script.signal(signal.SIGINT)
    script.until(lambda: len(script.said("ignored")) == 2)
    script.signal(signal.SIGTERM)
    assert script.end() == 1
    assert len(script.logged("killing workers")) == 1


def test_a_hangup_reaches_the_workers_when_the_file_is_valid(start: Start) -> None:
    script = start()
    pids = script.up(2)
    script.signal(signal.SIGHUP)
    script.until(lambda: len(script.said("reload")) == 2)
    assert {line["pid"] for line in script.said("reload")} == set(pids)
    assert len(script.said("check")) == 1
    script.signal(signal.SIGTERM)
    assert script.end() == 0


@pytest.mark.parametrize("refusal", ["return False", "raise ValueError('line 3 is wrong')"])
def test_a_hangup_with_a_broken_file_stops_at_the_supervisor(start: Start, refusal: str) -> None:
    script = start(on_hangup=refusal)
    script.up(2)
    script.signal(signal.SIGHUP)
    script.until(lambda: bool(script.said("check")))
    script.signal(signal.SIGTERM)
    assert script.end() == 0  # and by now a forwarded one would have been told
    assert not script.said("reload")
    assert len(script.said("drained")) == 2
    failed = script.logged("reload failed, the old configuration stays")
    assert len(failed) == ("raise" in refusal)


def test_a_hangup_while_a_worker_starts_waits_for_it(start: Start) -> None:
    script = start(
        workers=1,
        worker_main="""
            say("starting")
            while signal.SIGHUP not in signal.sigpending():
                time.sleep(0.005)
            stay(slot)
        """,
    )
    script.until(lambda: bool(script.said("starting")))
    script.signal(signal.SIGHUP)
    script.until(lambda: bool(script.said("reload")))
    assert not script.logged("worker died")
    script.signal(signal.SIGTERM)
    assert script.end() == 0


def test_workers_of_a_killed_supervisor_drain_and_end(start: Start) -> None:
    script = start()
    pids = script.up(2)
    assert all(isinstance(line["alive_fd"], int) for line in script.said("up"))
    script.signal(signal.SIGKILL)
    assert script.end() == -signal.SIGKILL
    assert sorted(str(line["pid"]) for line in script.said("drained")) == sorted(map(str, pids))


def test_stuck_workers_of_a_killed_supervisor_do_not_stay(start: Start) -> None:
    script = start(handlers=STUBBORN, drain_s=0.2)
    script.up(2)
    script.signal(signal.SIGKILL)
    assert script.end() == -signal.SIGKILL
    assert len(script.said("ignored")) == 2  # told once each, though two ways tell them


def test_the_pipe_alone_tells_a_worker_that_its_supervisor_died(start: Start) -> None:
    script = start(
        worker_main="""
            import select
            say("up")
            select.select([supervisor.parent_alive_fd()], [], [])
            say("alone", read=len(os.read(supervisor.parent_alive_fd(), 1)))
            return 0
        """,
        before="supervisor._die_with_parent = lambda pid: None",  # as where there is no prctl
    )
    script.up(2)
    script.signal(signal.SIGKILL)
    script.end()
    assert [line["read"] for line in script.said("alone")] == [0, 0]


def test_an_exception_in_bind_is_the_callers(start: Start) -> None:
    script = start(before="def bind(): raise OSError('address in use')")
    assert script.end() == 1
    assert b"address in use" in script.errors()
    assert not script.logged("worker started")


def test_a_thread_would_make_forking_unsafe(start: Start) -> None:
    script = start(
        before="import threading; threading.Thread(target=signal.pause, daemon=True).start()"
    )
    assert script.end() == 1
    assert b"a thread is running" in script.errors()
    assert not script.said("bind")
