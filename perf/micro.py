"""`python -m perf.micro`: what the gateway's own code costs, without sockets.

The least of several repetitions of the process's CPU time, on whatever else the machine does. The
whole truth, sockets and cold caches included, is `python -m perf`; this tells which change helps.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from perf.in_memory import (
    REQUEST,
    SPLICED,
    TRANSLATED,
    Upstream,
    memory_bench,
    request_of,
    warm_pair,
)

REPETITIONS = 9
CALLS = 3_000
CHUNKS = 20_000


def least_us(work: Callable[[], object], times: int) -> float:
    """CPU microseconds of one run of ``work``."""
    best = float("inf")
    for _ in range(REPETITIONS):
        begun = time.process_time_ns()
        for _ in range(times):
            work()
        best = min(best, (time.process_time_ns() - begun) / times / 1000)
    return best


async def measured(access_log: str, said: Upstream) -> list[tuple[str, float]]:
    async with memory_bench(access_log, said) as bench:
        pair = await warm_pair(bench)
        small, large = request_of(1024, stream=False), request_of(100 * 1024, stream=False)

        def call(given: bytes) -> None:
            pair.call(given)
            pair.forget()

        def chunk() -> None:
            pair.outbound.data_received(said.delta)
            pair.to_client.written.clear()

        rows = [
            ("1 KB call", least_us(lambda: call(small), CALLS)),
            ("100 KB call", least_us(lambda: call(large), CALLS)),
        ]
        pair.inbound.data_received(REQUEST)
        pair.outbound.data_received(said.first)
        rows.append(("streamed chunk", least_us(chunk, CHUNKS)))
        pair.outbound.data_received(said.last)
        return rows


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = str(Path(folder) / "log")
        for title, given, said in (
            ("access log to a file", log, SPLICED),
            ("no log", "off", SPLICED),
            ("Messages translated to Chat, no log", "off", TRANSLATED),
        ):
            print(title)
            for name, cost_us in uvloop.run(measured(given, said)):
                print(f"  {name:<16} {cost_us:6.2f} us")


if __name__ == "__main__":
    main()
