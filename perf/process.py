"""Programs under the harness: pinned at birth, killed at the end with all they started.

Nothing started here outlives the `with` block that owns it; a signal to the harness unwinds those
blocks like any other exit.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

STOP_TIMEOUT_S = 5.0
# Two descriptors per stream at the gateway, with room for listeners and logs.
OPEN_FILES_MIN = 8192


class HarnessError(Exception):
    """The measurement could not be made; says which program and why."""


def command(main: Callable[[], int]) -> None:
    """Run a program of this folder to its exit code; what keeps it from measuring is one line."""
    try:
        sys.exit(main())
    except HarnessError as error:
        sys.exit(f"perf: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where. With two cores the mock and the client share one, never the gateway's."""

    gateway: int
    upstream: int
    client: int

    @classmethod
    def of_this_machine(cls) -> Cores:
        available = sorted(os.sched_getaffinity(0))
        return cls(
            gateway=available[-1],
            upstream=available[0],
            client=available[1] if len(available) > 2 else available[0],
        )


class Child:
    """One running program."""

    def __init__(self, argv: Sequence[str], core: int, log: Path, *, is_piped: bool) -> None:
        """`is_piped` gives its output to the harness; otherwise all of it goes to the log."""
        self.name = Path(argv[0]).name
        self._log = log
        own_cores = os.sched_getaffinity(0)
        # The affinity is inherited, so the child is pinned before its first instruction.
        os.sched_setaffinity(0, {core})
        try:
            with log.open("ab") as stderr:
                self._process = subprocess.Popen(
                    argv,
                    stdin=subprocess.PIPE if is_piped else subprocess.DEVNULL,
                    # A pipe that nobody reads would stop a gateway that logs to its stdout.
                    stdout=subprocess.PIPE if is_piped else stderr,
                    stderr=stderr,
                    start_new_session=True,
                )
        except FileNotFoundError:
            raise HarnessError(f"{argv[0]} is not installed") from None
        finally:
            os.sched_setaffinity(0, own_cores)
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def read_line(self, timeout_s: float) -> str:
        """The next line of its output, or what came instead of one."""
        output = self._process.stdout
        assert output is not None
        readable, _, _ = select.select([output], [], [], timeout_s)
        return output.readline().decode() if readable else ""

    def is_running(self) -> bool:
        return self._process.poll() is None

    def end_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def complete(self, timeout_s: float) -> bytes:
        """Waits for the program to end by itself and returns what it printed."""
        try:
            output, _ = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise HarnessError(f"{self.name} did not end within {timeout_s:.0f} s") from None
        if self._process.returncode != 0:
            raise HarnessError(
                f"{self.name} ended with {self._process.returncode}: {self.complaint()}"
            )
        return output

    def complaint(self) -> str:
        """The last of what it wrote to its log."""
        return self._log.read_text(errors="replace")[-2000:].strip() or "(no message)"

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.end_input()
        if self._process.poll() is None:
            # Only the parent is asked: how its workers end is its own business.
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
        # Also when the parent is gone: a worker may have outlived it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES_MIN:
        raise HarnessError(f"`ulimit -Hn` is {hard}; 2,000 streams need {OPEN_FILES_MIN}")
    wanted = OPEN_FILES_MIN * 2 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def unwind_on_signals() -> None:
    """Makes SIGTERM and SIGHUP leave through the `with` blocks, as Ctrl-C does."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
