"""The measurements: each drives one running gateway and returns named numbers.

A measurement says nothing about other subjects. Ratios and differences are made later, per round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from perf import procfs
from perf.gateway import Gateway
from perf.load import Client, Mock, Report, StreamPlan, microseconds
from perf.process import HarnessError
from perf.procfs import Cpu
from perf.target import CACHING, DIRECT, OURS, TRANSLATING

Values = dict[str, float]
Start = Callable[[], AbstractContextManager[Gateway]]

STREAM_LEVELS = (200, 512, 2000)
# Work that a gateway puts off, such as writing its log, belongs to the requests that caused it.
SETTLE_S = 0.6
IDLE_CPU_S = 2.0
TOKENS_TURNS = 3
SHARING = 200  # identical calls at the same time
KEPT = 1000  # other answers to questions of the same partition


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is sent: full keeps the noise of one number near a percent, quick does not."""

    warm_up_requests: int
    small_requests: int
    large_requests: int
    chunks_per_stream: int
    level_chunks: int
    latency_requests: int
    latency_loaded_requests: int
    first_token_streams: int
    paced_ms: int
    saturation_ms: int
    idle_connections: int
    open_streams: int


FULL = Effort(
    warm_up_requests=3000,
    small_requests=30_000,
    large_requests=6000,
    chunks_per_stream=500,
    level_chunks=250,
    latency_requests=8000,
    latency_loaded_requests=30_000,
    first_token_streams=500,
    paced_ms=4000,
    saturation_ms=4000,
    idle_connections=1000,
    open_streams=500,
)
QUICK = Effort(
    warm_up_requests=500,
    small_requests=4000,
    large_requests=800,
    chunks_per_stream=100,
    level_chunks=75,
    latency_requests=1000,
    latency_loaded_requests=4000,
    first_token_streams=60,
    paced_ms=1000,
    saturation_ms=1000,
    idle_connections=300,
    open_streams=200,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs: a mock to answer, a client to ask, and how much of it."""

    mock: Mock
    client: Client
    effort: Effort

    def warm_up(self, gateway: Gateway) -> None:
        port, many = gateway.port, self.effort.warm_up_requests
        for body, requests in (("1kb", many), ("100kb", many // 10)):
            report = self.client.requests(port, body, connections=64, requests=requests)
            report.sound(f"{gateway.name} warm-up")
        self.client.streams(port, StreamPlan(streams=64, chunks=20, interval_us=5000))

    def costed(self, gateway: Gateway, run: Callable[[], Report]) -> tuple[Report, Cpu]:
        """The run, and what it cost all processes of the gateway."""
        if gateway.session is None:
            return run(), Cpu(0, 0)
        before = procfs.cpu(gateway.session)
        report = run()
        time.sleep(SETTLE_S)
        return report, procfs.cpu(gateway.session) - before


def share(time_ns: int, report: Report) -> float:
    """The part of a run's wall-clock time."""
    return time_ns / max(report.elapsed_ns, 1)


def request_costs(bench: Bench, gateway: Gateway, prefix: str) -> Values:
    """CPU per request of each size, at a load the gateway carries with ease."""
    values: Values = {}
    for body, requests in (
        ("1kb", bench.effort.small_requests),
        ("100kb", bench.effort.large_requests),
    ):
        report, cost = bench.costed(
            gateway,
            partial(bench.client.requests, gateway.port, body, connections=16, requests=requests),
        )
        report.sound(f"{gateway.name} {body}")
        values[f"{prefix}_{body}_us"] = cost.used_ns / 1000 / report.done
        values[f"{prefix}_{body}_wait_share"] = share(cost.waited_ns, report)
    return values


def chunk_cost(bench: Bench, gateway: Gateway, prefix: str) -> Values:
    """CPU per chunk of streams that nobody is late with."""
    plan = StreamPlan(streams=200, chunks=bench.effort.chunks_per_stream)
    report, cost = bench.costed(gateway, partial(bench.client.streams, gateway.port, plan))
    report.sound(f"{gateway.name} chunks")
    if report.lost or report.reordered:
        raise HarnessError(f"{gateway.name}: {report.lost} lost, {report.reordered} out of order")
    return {
        f"{prefix}_chunk_us": cost.used_ns / 1000 / report.chunks,
        f"{prefix}_chunk_wait_share": share(cost.waited_ns, report),
    }


def cpu(bench: Bench, gateway: Gateway) -> Values:
    """CPU per request and per chunk."""
    if gateway.session is None:
        return {}
    return request_costs(bench, gateway, "cpu") | chunk_cost(bench, gateway, "cpu")


def latency(bench: Bench, gateway: Gateway) -> Values:
    """Latency as the client sees it; what the gateway adds is the difference to `direct`."""
    effort, port, client = bench.effort, gateway.port, bench.client
    runs = {
        "c1": client.requests(port, "1kb", connections=1, requests=effort.latency_requests),
        "c32": client.requests(
            port, "1kb", connections=32, requests=effort.latency_loaded_requests
        ),
        # With a provider that takes 20 ms, 32 callers leave a gateway mostly idle: no queue.
        "c32_paced": client.requests(
            port, "1kb", connections=32, duration_ms=effort.paced_ms, delay_us=20_000
        ),
    }
    values: Values = {}
    for name, report in runs.items():
        report.sound(f"{gateway.name} {name}")
        values[f"latency_{name}_p50_us"] = microseconds(report.latency, 50)
        values[f"latency_{name}_p99_us"] = microseconds(report.latency, 99)
    first = StreamPlan(streams=1, chunks=3, interval_us=1000, repeat=effort.first_token_streams)
    report = client.streams(port, first).sound(f"{gateway.name} first token")
    values["first_token_p50_us"] = microseconds(report.first_chunk, 50)
    values["first_token_p99_us"] = microseconds(report.first_chunk, 99)
    calm = StreamPlan(streams=32, chunks=effort.level_chunks)
    report = client.streams(port, calm).sound(f"{gateway.name} chunk delay")
    values["chunk_delay_p50_us"] = microseconds(report.chunk_delay, 50)
    values["chunk_delay_p99_us"] = microseconds(report.chunk_delay, 99)
    values["chunk_gap_p99_us"] = microseconds(report.chunk_gap, 99)
    return values


def streams(bench: Bench, gateway: Gateway) -> Values:
    """Streams of 20 ms chunks: clean means that none was lost, late, reordered or cut."""
    values: Values = {}
    for level in STREAM_LEVELS:
        values |= streams_at(bench, gateway, level, f"streams_{level}")
    return values


def streams_at(bench: Bench, gateway: Gateway, level: int, prefix: str) -> Values:
    """So many streams at once: whether they were clean, and what they cost."""
    bench.mock.stats()
    plan = StreamPlan(streams=level, chunks=bench.effort.level_chunks)
    mock_before = procfs.cpu(bench.mock.pid)
    report, cost = bench.costed(gateway, partial(bench.client.streams, gateway.port, plan))
    mock = procfs.cpu(bench.mock.pid) - mock_before
    bad = report.lost + report.late + report.reordered + report.error_count
    values: Values = {
        f"{prefix}_clean": float(bad == 0 and report.unfinished == 0),
        f"{prefix}_lost": report.lost,
        f"{prefix}_late": report.late,
        f"{prefix}_reordered": report.reordered,
        f"{prefix}_errors": report.error_count,
        f"{prefix}_delay_p50_ms": microseconds(report.chunk_delay, 50) / 1000,
        f"{prefix}_delay_p99_ms": microseconds(report.chunk_delay, 99) / 1000,
        f"{prefix}_delay_max_ms": report.chunk_delay_max_ns / 1e6,
        f"{prefix}_gap_p99_ms": microseconds(report.chunk_gap, 99) / 1000,
        f"{prefix}_mock_lag_max_ms": bench.mock.stats()["lag_max_ns"] / 1e6,
        f"{prefix}_load_core_share": share(mock.used_ns + report.client_cpu_ns, report),
    }
    if gateway.session is not None and report.chunks:
        values[f"{prefix}_cpu_chunk_us"] = cost.used_ns / 1000 / report.chunks
        values[f"{prefix}_core_share"] = share(cost.used_ns, report)
        values[f"{prefix}_wait_share"] = share(cost.waited_ns, report)
    return values


def saturation(bench: Bench, gateway: Gateway) -> Values:
    """Requests per second with 64 callers in a closed loop, and who was busy while it lasted."""
    values: Values = {}
    for body in ("1kb", "100kb"):
        mock_before = procfs.cpu(bench.mock.pid)
        report, cost = bench.costed(
            gateway,
            partial(
                bench.client.requests,
                gateway.port,
                body,
                connections=64,
                duration_ms=bench.effort.saturation_ms,
            ),
        )
        mock = procfs.cpu(bench.mock.pid) - mock_before
        report.sound(f"{gateway.name} saturation")
        values[f"saturation_{body}_rps"] = report.done * 1e9 / report.elapsed_ns
        values[f"saturation_{body}_mock_share"] = share(mock.used_ns, report)
        values[f"saturation_{body}_client_share"] = share(report.client_cpu_ns, report)
        if gateway.session is not None:
            values[f"saturation_{body}_gateway_share"] = share(cost.used_ns, report)
            values[f"saturation_{body}_wait_share"] = share(cost.waited_ns, report)
    return values


def translate(bench: Bench, gateway: Gateway) -> Values:
    """A small call and a chunk, for gateways that translate and for those that do not."""
    report = bench.client.requests(
        gateway.port, "1kb", connections=1, requests=bench.effort.latency_requests
    ).sound(f"{gateway.name} c1")
    values = {
        "translate_c1_p50_us": microseconds(report.latency, 50),
        "translate_c1_p99_us": microseconds(report.latency, 99),
    }
    if gateway.session is not None:
        values |= request_costs(bench, gateway, "translate")
        values |= chunk_cost(bench, gateway, "translate")
    most = STREAM_LEVELS[-1]
    return values | streams_at(bench, gateway, most, f"translate_{most}")


def tokens(bench: Bench, gateway: Gateway) -> Values:
    """What the token passes cost: the next turn of a session of which all else was seen, with them
    and without. Taken in turns, so that what slows one down slows the other down."""
    if gateway.session is None:
        return {}
    values: Values = {}
    costs: dict[str, list[float]] = {"on": [], "off": []}
    for _ in range(TOKENS_TURNS):
        for name, header in (("on", ""), ("off", "x-lynkr-passthrough: true")):
            report, cost = bench.costed(
                gateway,
                partial(
                    bench.client.requests,
                    gateway.port,
                    "session",
                    connections=16,
                    requests=bench.effort.large_requests // TOKENS_TURNS,
                    header=header,
                ),
            )
            report.sound(f"{gateway.name} passes {name}")
            costs[name].append(cost.used_ns / 1000 / report.done)
    for name, found in costs.items():
        values[f"tokens_{name}_us"] = statistics.median(found)
    values["tokens_added_us"] = values["tokens_on_us"] - values["tokens_off_us"]
    return values


def cache(bench: Bench, gateway: Gateway) -> Values:
    """Kept answers, streamed and whole, to the same and to other words, among others; then a new
    question each time, which is all that those without a cache are asked. And one call that many
    share."""
    runs = {}
    values: Values = {}
    asked = 0  # new questions

    def ask(body: str, connections: int, requests: int) -> Report:
        nonlocal asked
        report = bench.client.requests(
            gateway.port, body, connections=connections, requests=requests, first_number=asked
        )
        asked += requests
        return report.sound(f"{gateway.name} {body}")

    if gateway.name == CACHING:
        values |= shared_call(bench, gateway)
        runs = {
            "exact_whole": "asked", "exact_streamed": "asked_stream",
            "semantic_whole": "reworded", "semantic_streamed": "reworded_stream",
        }  # fmt: skip
        ask("unasked", 1, KEPT)
        ask("asked", 1, 1)
    runs["miss"] = "unasked"
    for name, body in runs.items():
        for connections in (1, 8):
            ask(body, connections, bench.effort.warm_up_requests)
            before = bench.mock.stats()["requests"]
            requests = bench.effort.latency_requests
            report, cost = bench.costed(gateway, partial(ask, body, connections, requests))
            sent = bench.mock.stats()["requests"] - before
            if sent != (requests if name == "miss" else 0):
                raise HarnessError(f"{gateway.name}: {sent} calls of {name} were sent")
            prefix = f"cache_{name}_c{connections}"
            values[f"{prefix}_p50_us"] = microseconds(report.latency, 50)
            values[f"{prefix}_p99_us"] = microseconds(report.latency, 99)
            if gateway.session is not None:
                values[f"{prefix}_cpu_us"] = cost.used_ns / 1000 / report.done
                values[f"{prefix}_wait_share"] = share(cost.waited_ns, report)
    return values


def shared_call(bench: Bench, gateway: Gateway) -> Values:
    """Many identical calls while one of them is answered: how often the provider was asked."""
    before = bench.mock.stats()["requests"]
    # All have begun before the reply ends: 200 starts take 0.1 s, 100 chunks 2 s.
    plan = StreamPlan(streams=SHARING, chunks=100)
    report = bench.client.streams(gateway.port, plan, body="shared")
    report.sound(f"{gateway.name} shared call")
    if report.lost or report.reordered:
        raise HarnessError(f"{gateway.name}: {report.lost} lost, {report.reordered} out of order")
    return {
        "cache_flight_calls": bench.mock.stats()["requests"] - before,
        "cache_flight_whole": report.done,
    }


def memory(bench: Bench, start: Start) -> Values:
    """Start time and resident memory.

    Connections and streams each get a fresh gateway: what one frees, the other would reuse.
    """
    values: Values = {}
    slow = StreamPlan(streams=bench.effort.open_streams, chunks=600, interval_us=1_000_000)
    for name, count, stream in (
        ("connection", bench.effort.idle_connections, None),
        ("stream", bench.effort.open_streams, slow),
    ):
        with start() as gateway:
            if gateway.session is None:
                return values
            if not values:
                values["start_ms"] = gateway.start_ms
                values["rss_fresh_mb"] = procfs.memory(gateway.session).total_kb / 1024
            bench.warm_up(gateway)
            before = procfs.cpu(gateway.session)
            time.sleep(IDLE_CPU_S)
            used = procfs.cpu(gateway.session) - before
            values["idle_cpu_us_per_s"] = used.used_ns / 1000 / IDLE_CPU_S
            idle = procfs.memory(gateway.session)
            values["rss_idle_total_mb"] = idle.total_kb / 1024
            values["rss_idle_worker_mb"] = idle.worker_kb / 1024
            with bench.client.held(gateway.port, count, stream):
                time.sleep(SETTLE_S)
                held = procfs.memory(gateway.session)
            values[f"rss_per_{name}_kb"] = (held.total_kb - idle.total_kb) / count
    return values


GROUPS: dict[str, Callable[[Bench, Gateway], Values]] = {
    "cpu": cpu,
    "latency": latency,
    "streams": streams,
    "saturation": saturation,
    "translate": translate,
    "tokens": tokens,
    "cache": cache,
}
MEMORY = "memory"
# Groups that not everybody has a part in. A gateway that translates has none in the others.
_TAKES_PART = {
    "translate": {DIRECT, "nginx", OURS, TRANSLATING},
    "tokens": {OURS},
    "cache": {DIRECT, "nginx", CACHING},
}
_NOWHERE_ELSE = (TRANSLATING, CACHING)


def takes_part(group: str, subject: str) -> bool:
    """Whether a group is measured of a subject: ``direct`` has neither CPU nor memory."""
    if subject == DIRECT and group in ("cpu", MEMORY):
        return False
    return subject in _TAKES_PART[group] if group in _TAKES_PART else subject not in _NOWHERE_ELSE
