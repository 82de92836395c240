"""A client program, run to its end in an environment of the test's own making."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.harness.wire import deadline

_LINE_BYTES_MAX = 16 * 1024 * 1024  # one JSON document may be one line
_RUN_TIMEOUT_S = 60.0  # agents take about 2 s; a retry loop takes minutes


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    output: str
    errors: str


async def run(
    arguments: list[str],
    *,
    cwd: Path,
    environment: dict[str, str],
    on_line: Callable[[str], object] = len,
) -> Outcome:
    """``on_line`` is told each line of the output when it is printed."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES_MAX,
        start_new_session=True,  # so that what it starts can be ended with it
    )
    assert process.stdout is not None
    assert process.stderr is not None
    ended = asyncio.gather(_lines(process.stdout, on_line), process.stderr.read(), process.wait())
    try:
        output, errors, exit_code = await deadline(ended, f"{arguments[0]} to end", _RUN_TIMEOUT_S)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Outcome(exit_code, output, errors.decode())


async def _lines(stream: asyncio.StreamReader, on_line: Callable[[str], object]) -> str:
    lines = []
    async for line in stream:
        lines.append(line.decode())
        on_line(lines[-1])
    return "".join(lines)
