"""Runs the mock upstream and the load client, and reads what they report."""

from __future__ import annotations

import contextlib
import json
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perf.binary import compiled
from perf.process import Child, Cores, HarnessError
from perf.sample import Bucket, percentile

DEADLINE_MARGIN_S = 10.0
HOLD_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Mock:
    """The running mock upstream."""

    port: int
    pid: int

    def stats(self) -> dict[str, int]:
        """Counters since start; the worst lag since the last time anyone asked."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/mock/stats", timeout=5) as reply:
            counters: dict[str, int] = json.load(reply)
            return counters


@contextlib.contextmanager
def mock_upstream(cores: Cores, directory: Path) -> Iterator[Mock]:
    with Child(
        [compiled("upstream")], cores.upstream, directory / "upstream.log", is_piped=True
    ) as child:
        word, _, port = child.read_line(5.0).partition(" ")
        if word != "port":
            raise HarnessError(f"the mock upstream did not start: {child.complaint()}")
        yield Mock(int(port), child.pid)


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of the load client saw."""

    done: int
    unfinished: int
    errors: dict[str, int]
    elapsed_ns: int
    client_cpu_ns: int
    chunks: int
    lost: int
    late: int
    reordered: int
    latency: list[Bucket]
    first_chunk: list[Bucket]
    chunk_delay: list[Bucket]
    chunk_gap: list[Bucket]
    chunk_delay_max_ns: int

    @classmethod
    def parse(cls, text: str | bytes) -> Report:
        raw: dict[str, Any] = json.loads(text)

        def buckets(name: str) -> list[Bucket]:
            return [(value, count) for value, count in raw[name]["buckets"]]

        return cls(
            done=raw["done"],
            unfinished=raw["unfinished"],
            errors={kind: count for kind, count in raw["errors"].items() if kind != "last_status"},
            elapsed_ns=raw["elapsed_ns"],
            client_cpu_ns=raw["cpu_ns"],
            chunks=raw["chunks"],
            lost=raw["lost"],
            late=raw["late"],
            reordered=raw["reordered"],
            latency=buckets("latency"),
            first_chunk=buckets("first_chunk"),
            chunk_delay=buckets("chunk_delay"),
            chunk_gap=buckets("chunk_gap"),
            chunk_delay_max_ns=raw["chunk_delay"]["max_ns"],
        )

    @property
    def error_count(self) -> int:
        return sum(self.errors.values())

    def sound(self, what: str) -> Report:
        """Itself, when every call was answered: a gateway that fails fast must not look cheap."""
        if self.error_count or self.unfinished or not self.done:
            raise HarnessError(
                f"{what}: {self.done} done, {self.unfinished} unfinished, errors {self.errors}"
            )
        return self


def microseconds(buckets: list[Bucket], percent: float) -> float:
    return percentile(buckets, percent) / 1000


@dataclass(frozen=True, slots=True)
class Client:
    """The load client, ready to be pointed at a port."""

    cores: Cores
    bodies: dict[str, Path]

    def _argv(self, mode: str, port: int, body: str, wish: str, **numbers: int) -> list[str]:
        """``wish`` is what the mock is to do, in its own words; "" leaves it to the mock."""
        argv = [compiled("client"), mode, "--port", str(port), "--body", str(self.bodies[body])]
        for name, number in numbers.items():
            argv += [f"--{name.replace('_', '-')}", str(number)]
        if wish:
            argv += ["--header", f"baggage: {wish}"]
        return argv

    @contextlib.contextmanager
    def _running(self, argv: list[str]) -> Iterator[Child]:
        with tempfile.TemporaryDirectory(prefix="perf-client-") as directory:
            log = Path(directory) / "client.log"
            with Child(argv, self.cores.client, log, is_piped=True) as child:
                yield child

    def _run(self, argv: list[str], deadline_s: float) -> Report:
        with self._running([*argv, "--deadline-ms", str(int(deadline_s * 1000))]) as child:
            return Report.parse(child.complete(deadline_s + DEADLINE_MARGIN_S))

    def requests(
        self,
        port: int,
        body: str,
        *,
        connections: int,
        requests: int = 0,
        duration_ms: int = 0,
        delay_us: int = 0,
        deadline_s: float = 60.0,
        header: str = "",
        first_number: int = 0,
    ) -> Report:
        argv = self._argv(
            "requests",
            port,
            body,
            f"mock-delay-us={delay_us}" if delay_us else "",
            connections=connections,
            requests=requests,
            duration_ms=duration_ms,
            first_number=first_number,
        )
        if header:
            argv += ["--header", header]
        return self._run(argv, deadline_s)

    def streams(self, port: int, plan: StreamPlan, body: str = "stream") -> Report:
        argv = self._argv(
            "streams",
            port,
            body,
            plan.wish,
            connections=plan.streams,
            chunks=plan.chunks,
            repeat=plan.repeat,
            ramp_us=plan.ramp_us,
            late_us=plan.late_us,
        )
        # Three times what it should take: an overloaded gateway is shown late, not only absent.
        return self._run(argv, 3 * plan.expected_s + 5.0)

    @contextlib.contextmanager
    def held(self, port: int, connections: int, stream: StreamPlan | None) -> Iterator[None]:
        """Holds idle connections, or streams that have had their first chunk."""
        wish = stream.wish if stream else ""
        body = "stream" if stream else "1kb"
        argv = self._argv("idle", port, body, wish, connections=connections, ramp_us=1000)
        with self._running(argv) as child:
            line = child.read_line(HOLD_TIMEOUT_S)
            if line != "ready\n":
                raise HarnessError(f"could not hold {connections} connections: {line[:300]}")
            yield


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """Streams side by side, started one by one so that their chunks do not come in bursts."""

    streams: int
    chunks: int
    interval_us: int = 20_000
    text_bytes: int = 65  # in a frame, which then has 180 bytes in the Messages dialect
    repeat: int = 1
    # Prime to the interval: starts then fall on different phases of it.
    ramp_us: int = 503
    late_us: int = 50_000

    @property
    def wish(self) -> str:
        return f"mock-stream={self.chunks}:{self.interval_us}:{self.text_bytes}"

    @property
    def expected_s(self) -> float:
        return (self.streams * self.ramp_us + self.repeat * self.chunks * self.interval_us) / 1e6
