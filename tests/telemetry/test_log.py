"""AccessLog: what a line holds, and that no output however slow holds up who writes it."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lynkr.config.settings import Log
from lynkr.errors import ConfigError
from lynkr.telemetry.log import FLUSH_BYTES, AccessLog
from tests.telemetry.records import record
from tests.telemetry.test_redact import CANARY, KEYS, has_canary

DEADLINE_S = 20.0


def until(true: Callable[[], bool]) -> None:
    pause = threading.Event()
    deadline_s = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline_s
        pause.wait(0.005)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_one_line_per_call(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(Log(access=str(path)))
    log.write(record(request_id="r-7"))
    assert log.close()
    (line,) = lines(path)
    assert next(iter(line)) == "type"
    assert line["type"] == "call"
    assert line["request_id"] == "r-7"
    assert line["accepted_at"] == 1_700_000_000.5
    assert line["usage"] == {
        "input_tokens": 12,
        "output_tokens": 34,
        "prompt_cache_read_tokens": 56,
    }
    assert set(line) == {"type", *record().__struct_fields__}


def test_the_file_is_private_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    for number in range(2):
        log = AccessLog(Log(access=str(path)), now=lambda: 12.5)
        log.event("info", "started", number=number)
        assert log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines(path) == [
        {"type": "event", "time": 12.5, "level": "info", "message": "started", "number": number}
        for number in range(2)
    ]


def test_a_file_that_cannot_be_opened_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        AccessLog(Log(access=str(tmp_path / "missing" / "access.log")))
    (problem,) = caught.value.problems
    assert problem.key == "log.access"
    assert problem.fix
    assert "missing" in problem.value


def test_levels(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(Log(access=str(path), level="warning"))
    log.event("debug", "no")
    log.event("info", "no")
    log.event("warning", "yes")
    log.event("error", "yes")
    log.write(record())  # a call is a fact, not a matter of level
    log.close()
    assert [line.get("level") for line in lines(path)] == ["warning", "error", None]


def test_canaries_do_not_come_through(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(Log(access=str(path)))
    for key in KEYS:
        log.event("error", f"refused {key}", key=key, error=ValueError(key), api_key=CANARY)
        log.event("error", "headers", headers={"authorization": f"Bearer {CANARY}"})
    log.close()
    assert len(lines(path)) == 2 * len(KEYS)
    assert not has_canary(path.read_text())


def test_an_event_cannot_pass_for_a_call(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(Log(access=str(path)))
    log.event("info", 'one\n{"type":"call"}', **{"type": "call", "time": 0})
    log.close()
    (line,) = lines(path)
    assert line["type"] == "event"
    assert line["time"]


def test_text_that_is_no_unicode(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(Log(access=str(path)))
    log.write(record(model_asked="half \ud800"))
    log.event("error", "half \udfff", model="\ud800", number=3)
    log.close()
    call, event = lines(path)
    assert call["model_asked"] == "half ?"
    assert call["status"] == 200
    assert event["message"] == "half ?"
    assert event["number"] == 3


def run(script: str) -> subprocess.CompletedProcess[bytes]:
    prefix = """
        from lynkr.config.settings import Log
        from lynkr.telemetry.log import AccessLog
        from tests.telemetry.records import record
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(prefix) + textwrap.dedent(script)],
        capture_output=True,
        timeout=60,
        check=True,
    )


@pytest.mark.parametrize(
    ("access", "stdout", "stderr"),
    [
        ("stderr", [], ["call", "event"]),
        ("stdout", ["call", "event"], []),
        ("off", [], ["event"]),  # no calls, but a failure must still be told
    ],
)
def test_standard_outputs(access: str, stdout: list[str], stderr: list[str]) -> None:
    done = run(f"""
        log = AccessLog(Log(access="{access}"))
        log.write(record())
        log.event("info", "hello")
        assert log.close()
    """)
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == stdout
    assert [json.loads(line)["type"] for line in done.stderr.splitlines()] == stderr


def test_made_before_a_fork_and_used_by_the_child() -> None:
    done = run("""
        import os
        log = AccessLog(Log(access="stdout"))
        if os.fork() == 0:
            log.event("info", "child")
            assert log.close()
            os._exit(0)
        assert os.wait()[1] == 0
        log.event("info", "parent")
        assert log.close()
    """)
    messages = [json.loads(line)["message"] for line in done.stdout.splitlines()]
    assert messages == ["child", "parent"]


def test_lines_of_two_processes_on_one_pipe_stay_whole() -> None:
    done = run("""
        import os
        pids = []
        for _ in range(2):
            pids.append(os.fork())
            if pids[-1] == 0:
                log = AccessLog(Log(access="stdout"))
                for _ in range(300):  # 200 kB: below the backlog at which a line may be cut
                    log.write(record())
                assert log.close(30)
                os._exit(log.dropped_total)
        assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
    """)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 600


def test_without_a_thread(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    threads = threading.active_count()
    log = AccessLog(Log(access=str(path)), threaded=False)
    log.event("info", "at once")
    assert [line["message"] for line in lines(path)] == ["at once"]
    assert threading.active_count() == threads
    path.rename(tmp_path / "old")
    log.reopen()
    log.event("info", "anew")
    assert [line["message"] for line in lines(path)] == ["anew"]
    log.close()


class Pipe:
    """An output whose reader reads when told. A named one, as a path is what a log takes."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "pipe"
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.data = b""

    def read(self) -> list[dict[str, object]]:
        """What is complete so far."""
        try:
            while data := os.read(self.fd, 1 << 20):
                self.data += data
        except BlockingIOError:
            pass
        return [json.loads(line) for line in self.data.split(b"\n")[:-1]]

    def close(self) -> None:
        os.close(self.fd)


@pytest.mark.parametrize("threaded", [True, False])
def test_a_stuck_reader_costs_lines_and_not_time(tmp_path: Path, threaded: bool) -> None:
    pipe = Pipe(tmp_path)
    settings = Log(access=str(pipe.path), buffer_bytes_max=200_000)
    log = AccessLog(settings, threaded=threaded)
    written = 0
    started_s = time.monotonic()
    while log.dropped_total < 50:
        log.event("info", "call", number=written, padding="x" * 900)
        written += 1
    assert time.monotonic() - started_s < DEADLINE_S
    assert written < 500  # the pipe's 64 KiB, the buffer, and no more
    dropped = log.dropped_total

    def found() -> list[dict[str, object]]:
        return pipe.read()

    if threaded:
        until(lambda: len(found()) >= written - dropped)
    else:
        found()
    log.event("info", "works again")
    until(lambda: any(line["message"] == "works again" for line in found()))
    until(lambda: any(line["message"] == "log lines were dropped" for line in found()))
    told = [line for line in found() if line["message"] == "log lines were dropped"]
    assert sum(int(str(line["lines"])) for line in told) == dropped == log.dropped_total
    numbers = [line["number"] for line in found() if "number" in line]
    assert len(numbers) == written - dropped
    assert log.close()
    pipe.close()


def test_close_has_a_deadline(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    log = AccessLog(Log(access=str(pipe.path)))
    for _ in range(200):
        log.event("info", "x" * 1000)
    assert not log.close(deadline_s=0.05)
    log.event("info", "too late")
    assert log.dropped_total == 1
    # Let the thread go, so that it does not outlive the test.
    (thread,) = [each for each in threading.enumerate() if each.name == "lynkr-log"]
    until(lambda: bool(pipe.read()) and not thread.is_alive())
    os.close(log._fd)
    pipe.close()


def test_a_reader_that_went_away_is_counted(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    log = AccessLog(Log(access=str(pipe.path)))
    pipe.close()
    for _ in range(3):
        log.event("info", "nobody hears")
    until(lambda: log.dropped_total == 3)
    pipe.fd = os.open(pipe.path, os.O_RDONLY | os.O_NONBLOCK)
    log.event("info", "somebody does")
    until(lambda: len(pipe.read()) == 2)
    assert [line["message"] for line in pipe.read()] == ["log lines were dropped", "somebody does"]
    assert pipe.read()[0]["lines"] == 3
    assert log.close()
    pipe.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_counted() -> None:
    log = AccessLog(Log(access="/dev/full"))
    for _ in range(4):
        log.event("info", "no room")
    assert log.close()
    assert log.dropped_total == 4


def test_an_output_somebody_set_non_blocking(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    log = AccessLog(Log(access=str(pipe.path)))
    os.set_blocking(log._fd, False)
    for number in range(300):
        log.event("info", "x" * 1000, number=number)
    until(lambda: len(pipe.read()) == 300)
    assert [line["number"] for line in pipe.read()] == list(range(300))
    assert log.dropped_total == 0
    assert log.close()
    pipe.close()


def test_reopen_parts_the_lines_exactly(tmp_path: Path) -> None:
    path, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(Log(access=str(path)))
    for _ in range(50):
        log.event("info", "before")
    path.rename(rotated)
    log.reopen()
    for _ in range(50):
        log.event("info", "after")
    assert log.close()
    assert [line["message"] for line in lines(rotated)] == ["before"] * 50
    assert [line["message"] for line in lines(path)] == ["after"] * 50


def test_a_reopen_that_fails_keeps_the_old_file_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = AccessLog(Log(access=str(folder / "access.log")))
    folder.rename(tmp_path / "moved")
    log.reopen()
    log.event("info", "still here")
    assert log.close()
    first, second = lines(tmp_path / "moved" / "access.log")
    assert first["level"] == "error"
    assert second["message"] == "still here"


async def test_beside_a_loop_lines_come_without_being_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(Log(access=str(path)))
    log.write(record())
    async with asyncio.timeout(DEADLINE_S):
        while not lines(path):
            await asyncio.sleep(0.01)
        log.write(record())
        while len(lines(path)) < 2:
            await asyncio.sleep(0.01)
    assert log.close()


async def test_a_busy_loop_hands_over_in_time(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(Log(access=str(path), buffer_bytes_max=4 * FLUSH_BYTES))
    for _ in range(3000):  # 2 MB, eight times the buffer, and the loop never gets a turn
        log.write(record())
    dropped = log.dropped_total
    assert dropped < 2000  # usually none; without handing over, all that the buffer cannot hold
    assert log.close()
    calls = [line for line in lines(path) if line["type"] == "call"]
    assert len(calls) == 3000 - dropped


def test_close_twice(tmp_path: Path) -> None:
    log = AccessLog(Log(access=str(tmp_path / "access.log")))
    log.event("info", "once")
    assert log.close()
    assert log.close()


def test_a_write_is_cheap(tmp_path: Path) -> None:
    # 1.2 us were measured; ten times that still finds a change of kind.
    log = AccessLog(Log(access=str(tmp_path / "access.log"), buffer_bytes_max=1 << 30))
    call = record()
    best_s = float("inf")
    for _ in range(20):
        started_s = time.perf_counter()
        for _ in range(50):
            log.write(call)
        best_s = min(best_s, time.perf_counter() - started_s)
    log.close()
    assert best_s / 50 < 20e-6


async def test_early_batches_do_not_add_up_their_timers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One timer per batch would outlive each early hand-over, until every line is a batch."""
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    class Watched:
        def call_later(self, delay: float, callback: Callable[[], object]) -> object:
            timers.append(loop.call_later(delay, callback))
            return timers[-1]

    log = AccessLog(Log(access=str(tmp_path / "log")))
    monkeypatch.setattr(asyncio, "get_running_loop", Watched)
    for _ in range(20 * FLUSH_BYTES // 500):  # about that many early batches, in no time
        log.write(record())
    monkeypatch.undo()
    assert len([timer for timer in timers if timer.when() > loop.time()]) == 1
    assert log.close()
