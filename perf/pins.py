"""`python -m perf.pins`: what a pin costs, and how soon every worker and every host knows of it.

A process keeps one new pin after the other, this one looks for each until it finds it. Both have
the same file (workers of a host), or each its own and Redis between them (hosts). The delay is from
the ``keep`` to the first ``find`` that has it; there are 0.1 ms between two looks. Beside, a third
process keeps pins: as fast as it can (host), or some thousands a second that are all told (hosts).

    python -m perf.pins
    python -m perf.pins --rounds 5000
    python -m perf.pins --idle                        nobody keeps anything beside
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from lynkr.policies.routing.facts import Pin
from lynkr.stores.pins import MEMORY, Pins
from lynkr.stores.pins_redis import RedisPins
from perf.process import Cores, HarnessError, command
from perf.propagation import redis_server
from perf.report import grid
from perf.sample import percentile
from perf.target import figure

TIMES = 100_000
PROMISED_S = 0.05
NEVER_S = 5.0
LOOK_S = 0.0001
PAUSE_S = 0.005  # between two pins
BESIDE = 20_000  # conversations of the process beside
BESIDE_PAUSE_S = 0.0005  # between two of its pins, when each is told to other hosts
_WATCHED, _BESIDE = 1 << 64, 2 << 64
_SPAWN = multiprocessing.get_context("spawn")


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def pin() -> Pin:
    now_s = time.time()
    return Pin(2, 51.5, now_s, now_s, 3, 20_000, 400, 1 << 63, 1)


@contextlib.contextmanager
def table(path: str, url: str, *, listens: bool = False) -> Iterator[Pins]:
    """A worker's; with ``url`` that of a host that others tell. ``listens``: once it hears them."""
    pins = Pins(path)
    link = RedisPins(pins, url) if url else None
    if link is not None:
        link.start()
        end = time.monotonic() + NEVER_S
        while listens and not link.caught_up:
            if time.monotonic() > end:
                raise HarnessError("the log of Redis could not be read")
            time.sleep(LOOK_S)
    try:
        yield pins
    finally:
        if link is not None:
            link.close()


def keep_watched(path: str, url: str, rounds: int) -> None:
    with table(path, url) as pins:
        for number in range(rounds):
            pins.keep(key(_WATCHED + number), pin())
            time.sleep(PAUSE_S)


def keep_beside(path: str, url: str) -> None:
    with table(path, url) as pins:
        number = 0
        while True:
            number += 1
            pins.keep(key(_BESIDE + number % BESIDE), pin())
            if url:
                time.sleep(BESIDE_PAUSE_S)


@contextlib.contextmanager
def running(target: Callable[..., None], *arguments: object) -> Iterator[BaseProcess]:
    process = _SPAWN.Process(target=target, args=arguments, daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def watched(name: str, pins: Pins, keeper: BaseProcess, rounds: int) -> list[str]:
    """One row of the table."""
    delays_us: list[int] = []
    never = 0
    started_by = time.monotonic() + NEVER_S
    for number in range(rounds):
        due = max(time.monotonic(), started_by if not number else 0.0) + NEVER_S
        while (found := pins.find(key(_WATCHED + number))) is None:
            if time.monotonic() > due:
                if not keeper.is_alive() and not delays_us:
                    raise HarnessError("the process that keeps pins has ended")
                never += 1
                break
            time.sleep(LOOK_S)
        if found is not None:
            delays_us.append(round((time.time() - found.at_s) * 1e6))
    buckets = [(delay, 1) for delay in delays_us]
    late = sum(delay > PROMISED_S * 1e6 for delay in delays_us)
    cells = (len(delays_us), *(percentile(buckets, p) / 1000 for p in (50, 99, 100)), late, never)
    return [name, *map(figure, cells)]


def of_workers(folder: Path, options: argparse.Namespace) -> list[str]:
    path = str(folder / "host.pins")
    pins = Pins(path)
    with contextlib.ExitStack() as opened:
        if not options.idle:
            opened.enter_context(running(keep_beside, path, ""))
        keeper = opened.enter_context(running(keep_watched, path, "", options.rounds))
        return watched("workers of a host", pins, keeper, options.rounds)


def of_hosts(folder: Path, options: argparse.Namespace) -> list[str]:
    with contextlib.ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="perf-")))
        url = opened.enter_context(redis_server(Cores.of_this_machine(), directory))
        pins = opened.enter_context(table(str(folder / "here.pins"), url, listens=True))
        there = str(folder / "there.pins")
        if not options.idle:
            opened.enter_context(running(keep_beside, there, url))
        keeper = opened.enter_context(running(keep_watched, there, url, options.rounds))
        return watched("hosts, by Redis", pins, keeper, options.rounds)


def costs(pins: Pins) -> list[list[str]]:
    """CPU nanoseconds of each, the least of several repetitions."""
    kept, mine, other = pin(), os.urandom(16), os.urandom(16)
    pins.keep(mine, kept)

    def ns(work: Callable[[], object]) -> str:
        least = min(timeit.repeat(work, timer=time.process_time, repeat=7, number=TIMES))
        return figure(round(least / TIMES * 1e9))

    told = iter(Pin(2, 1.0, kept.at_s + n / 1000, kept.last_s) for n in range(10 * TIMES))
    return [
        ["find a pin", ns(lambda: pins.find(mine))],
        ["find none", ns(lambda: pins.find(other))],
        ["keep", ns(lambda: pins.keep(mine, kept))],
        ["make a decision and keep it", ns(lambda: pins.keep(mine, next(told)))],
    ]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m perf.pins", description=about)
    parser.add_argument("--rounds", type=int, default=1000, help="pins looked for; default 1000")
    parser.add_argument("--idle", action="store_true", help="nobody keeps anything beside")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="perf-pins-", dir=MEMORY) as name:
        folder = Path(name)
        print("\n".join(grid(("", "ns"), costs(Pins(folder / "costs.pins")))), end="\n\n")
        rows = [of_workers(folder, options), of_hosts(folder, options)]
    head = ("", "pins", "p50, ms", "p99, ms", "worst, ms", "after 50 ms", "never")
    print("\n".join(grid(head, rows)))
    return int(any(row[-1] != "0" for row in rows))


if __name__ == "__main__":
    command(main)
