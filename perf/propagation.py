"""`python -m perf.propagation`: how soon every worker serves what another one has kept.

A soak. Questions are asked of one worker after the other, and each is then asked of all the others
until they answer it from their caches; they are told not to keep what they have to fetch. The delay
is from the end of the first reply to the first call that was a hit. Whoever has no hit a second
later is counted, at his next call.

    python -m perf.propagation                        SQLite, one host; Redis, two hosts
    python -m perf.propagation --seconds 3600         a longer soak
    python -m perf.propagation --stores redis --workers 2
    python -m perf.propagation --busy 16              hits at full load beside
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perf import body
from perf.gateway import PROBE_HEADERS, SEMANTIC, Command, Site, lynkr_at, started
from perf.load import Client, mock_upstream
from perf.process import (
    Child,
    Cores,
    HarnessError,
    command,
    free_port,
    raise_open_files,
    unwind_on_signals,
)
from perf.report import grid
from perf.sample import percentile
from perf.target import figure

PROMISED_S = 1.0
NEVER_S = 15.0
POLL_S = 0.02
MEETING_S = 60.0
STARTS_S = 10.0
HOSTS = {"sqlite": 1, "redis": 2}
PREFIX_BYTES = 16  # of a request's id: what the worker drew at its start
_PATH = b"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n" + b"".join(
    f"{name}: {value}\r\n".encode() for name, value in PROBE_HEADERS.items()
)


class Line:
    """A connection to one worker: the kernel chose which."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._free = asyncio.Lock()
        self.worker = b""

    @classmethod
    async def open(cls, port: int) -> Line:
        line = cls(*await asyncio.open_connection("127.0.0.1", port))
        await line.ask(body.question_body("Who is there?", stream=False), keep=False)
        return line

    async def ask(self, question: bytes, *, keep: bool) -> tuple[bool, float]:
        """Whether it was a hit, and when it was asked."""
        async with self._free:
            asked = time.monotonic()
            line = b"" if keep else b"x-lynkr-no-store: true\r\n"
            self._writer.write(_PATH + line + b"content-length: %d\r\n\r\n" % len(question))
            self._writer.write(question)
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            if not head.startswith(b"http/1.1 200 "):
                raise HarnessError(f"a call failed: {head[:100]!r}")
            await self._reader.readexactly(int(_value(head, b"content-length")))
            self.worker = _value(head, b"x-lynkr-request-id")[:PREFIX_BYTES]
            return _value(head, b"x-lynkr-cache") == b"hit", asked

    def close(self) -> None:
        self._writer.close()


def _value(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n%b: " % name)[2].partition(b"\r\n")[0]


async def meet(port: int, workers: int) -> list[Line]:
    """A line to each worker of a gateway."""
    met: dict[bytes, Line] = {}
    end = time.monotonic() + MEETING_S
    while len(met) < workers:
        line = await Line.open(port)
        if met.setdefault(line.worker, line) is not line:
            line.close()
        if time.monotonic() > end:
            raise HarnessError(f"only {len(met)} of {workers} workers answer")
    return list(met.values())


@dataclass
class Soak:
    """What was seen of one store."""

    lines: list[Line]
    kept: int = 0
    delays_us: list[int] = field(default_factory=list)
    late: int = 0
    never: int = 0
    failed: list[BaseException] = field(default_factory=list)

    async def run(self, seconds: float, rate: float) -> None:
        begun = time.monotonic()
        tasks: set[asyncio.Task[None]] = set()
        while (now := time.monotonic()) < begun + seconds and not self.failed:
            tasks.add(task := asyncio.create_task(self._round(self.kept)))
            task.add_done_callback(tasks.discard)
            self.kept += 1
            await asyncio.sleep(max(begun + self.kept / rate - now, 0))
        await asyncio.gather(*tasks)
        if self.failed:
            raise HarnessError(str(self.failed[0]))

    async def _round(self, number: int) -> None:
        try:
            first = self.lines[number % len(self.lines)]
            asked = body.question_body(f"What is the service at port {number} for?", stream=False)
            hit, _ = await first.ask(asked, keep=True)
            if hit:
                raise HarnessError("a new question was a hit")
            since = time.monotonic()
            others = [line for line in self.lines if line is not first]
            await asyncio.gather(*(self._watch(line, asked, since) for line in others))
        except (HarnessError, OSError, EOFError) as error:
            self.failed.append(error)

    async def _watch(self, line: Line, question: bytes, since: float) -> None:
        late = False
        while True:
            hit, asked = await line.ask(question, keep=False)
            delay = asked - since
            if hit:
                self.delays_us.append(round(max(delay, 0) * 1e6))
                return
            if delay > PROMISED_S and not late:
                late = True
                self.late += 1
            if delay > NEVER_S:
                self.never += 1
                return
            await asyncio.sleep(POLL_S)

    def row(self, name: str) -> list[str]:
        buckets = [(delay, 1) for delay in self.delays_us]
        delays = [percentile(buckets, percent) / 1000 for percent in (50, 99, 100)]
        asked = len(self.delays_us) + self.never
        cells = (len(self.lines), self.kept, asked, *delays, self.late, self.never)
        return [name, *map(figure, cells)]


@contextlib.contextmanager
def redis_server(cores: Cores, directory: Path) -> Iterator[str]:
    port = free_port()
    argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    log = directory / "redis.log"
    with Child([*argv, "--save", ""], cores.upstream, log, is_piped=False) as child:
        end = time.monotonic() + STARTS_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), STARTS_S).close()
                break
            except OSError:
                if not child.is_running() or time.monotonic() > end:
                    raise HarnessError(f"redis-server: {child.complaint()}") from None
                time.sleep(POLL_S)
        yield f"redis://127.0.0.1:{port}/0"


def of_workers(command: Command, workers: int) -> Command:
    def several(site: Site) -> list[str]:
        return [*command(site), "--workers", str(workers)]

    return several


def soak(store: str, options: argparse.Namespace, cores: Cores) -> list[str]:
    """One row of the table."""
    with contextlib.ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="perf-")))
        mock = opened.enter_context(mock_upstream(cores, directory))
        more = SEMANTIC
        if store == "redis":
            url = opened.enter_context(redis_server(cores, directory))
            more += f'[storage]\nshared_url = "{url}"\n'
        executable = lynkr_at(options.lynkr, more=more)
        command = of_workers(executable, options.workers)
        probe = body.agent_body(body.SMALL_BYTES, stream=False)
        ports = [
            opened.enter_context(started("lynkr", command, mock.port, cores, probe)).port
            for _ in range(HOSTS[store])
        ]

        client = Client(cores, body.write_bodies(directory))

        def keep_busy(port: int) -> None:
            client.requests(
                port, "asked", connections=options.busy, duration_ms=int(options.seconds * 1000),
                deadline_s=2 * options.seconds + NEVER_S,
            ).sound("the others' calls")  # fmt: skip

        async def measured() -> Soak:
            lines = [line for port in ports for line in await meet(port, options.workers)]
            found = Soak(lines)
            async with asyncio.TaskGroup() as others:
                for port in ports if options.busy else ():
                    others.create_task(asyncio.to_thread(keep_busy, port))
                await found.run(options.seconds, options.rate)
            return found

        hosts = HOSTS[store]
        name = f"{store}, {hosts} host{'s' if hosts > 1 else ''} of {options.workers} workers"
        return asyncio.run(measured()).row(name)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m perf.propagation", description=about)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each store; default 30")
    parser.add_argument("--rate", type=float, default=4.0, help="new questions per second")
    parser.add_argument("--workers", type=int, default=4, help="of each host")
    parser.add_argument("--busy", type=int, default=0, help="callers of each host beside, no pause")
    parser.add_argument("--stores", default=",".join(HOSTS), help=f"some of {','.join(HOSTS)}")
    parser.add_argument("--lynkr", default=str(Path(sys.executable).parent / "lynkr"))
    options = parser.parse_args(arguments)
    options.stores = options.stores.split(",")
    if unknown := set(options.stores) - set(HOSTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


def main() -> int:
    options = parse()
    unwind_on_signals()
    raise_open_files()
    cores = Cores.of_this_machine()
    rows = [soak(store, options, cores) for store in options.stores]
    head = (
        "store", "workers", "kept", "asked of others", "p50, ms", "p99, ms", "worst, ms",
        "missing after 1 s", "never",
    )  # fmt: skip
    print("\n".join(grid(head, rows)))
    return int(any(row[-2:] != ["0", "0"] for row in rows))


if __name__ == "__main__":
    command(main)
