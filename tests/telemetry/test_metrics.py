"""Metrics: what a scrape says after known calls, the bound on label sets, and merging workers."""

from __future__ import annotations

import re
import sys
import time
import tracemalloc

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lynkr import __version__
from lynkr.policies.record import CacheUse, PoolGauge, Saving
from lynkr.telemetry.families import FAMILIES, HISTOGRAM_SETS_MAX, SETS_MAX
from lynkr.telemetry.metrics import (
    CELLS_MAX,
    FOLDED_MAX,
    LABEL_BYTES_MAX,
    TOKENS_MAX,
    CacheTotals,
    Gauges,
    Metrics,
    expose,
    merge,
)
from lynkr.telemetry.shared import SNAPSHOT_BYTES_MAX
from lynkr.wire.message import Usage
from tests.telemetry.records import record

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: bytes) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def scrape(*metrics: Metrics, live: list[bool] | None = None) -> Samples:
    snapshots = [each.snapshot() for each in metrics]
    live = [True] * len(metrics) if live is None else live
    return parse(expose(merge(snapshots, live), workers=sum(live)))


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_one_call_is_told_in_every_series() -> None:
    metrics = Metrics(Gauges())
    metrics.observe(record())
    samples = scrape(metrics)

    who = {"api": "messages", "provider": "main"}
    assert value(samples, "lynkr_requests_total", **who, status="200", lane="splice") == 1
    assert value(samples, "lynkr_request_duration_seconds_count", **who) == 1
    assert value(samples, "lynkr_request_duration_seconds_sum", **who) == pytest.approx(1.2)
    assert value(samples, "lynkr_request_duration_seconds_bucket", **who, le="1.0") == 0
    assert value(samples, "lynkr_request_duration_seconds_bucket", **who, le="2.5") == 1
    assert value(samples, "lynkr_time_to_first_token_seconds_sum", **who) == pytest.approx(0.83)
    assert value(samples, "lynkr_overhead_seconds_sum") == pytest.approx(140e-6)
    assert value(samples, "lynkr_overhead_seconds_bucket", le="0.0001") == 0
    assert value(samples, "lynkr_overhead_seconds_bucket", le="0.00015") == 1
    model = {"provider": "main", "model": "claude-sonnet-1"}
    assert value(samples, "lynkr_tokens_total", **model, kind="input") == 12
    assert value(samples, "lynkr_tokens_total", **model, kind="output") == 34
    assert value(samples, "lynkr_tokens_total", **model, kind="prompt_cache_read") == 56
    assert value(samples, "lynkr_ended_total", ended_by="complete") == 1
    assert value(samples, "lynkr_request_bytes_total") == 1000
    assert value(samples, "lynkr_reply_bytes_total") == 200
    assert value(samples, "lynkr_build_info", version=__version__) == 1
    kinds = {dict(labels)["kind"] for name, labels in samples if name == "lynkr_tokens_total"}
    assert kinds == {"input", "output", "prompt_cache_read"}  # the others were not reported
    assert not any(name == "lynkr_errors_total" for name, _ in samples)


def test_a_failed_call() -> None:
    metrics = Metrics(Gauges())
    metrics.observe(
        record(
            status=502,
            ended_by="gateway",
            error="connect_failed",
            error_source="upstream",
            stream=False,
            first_byte_ms=5.0,
            overhead_us=None,
            model="asked-by-anyone",
            model_replied="",
            usage=Usage(),
        )
    )
    samples = scrape(metrics)
    assert value(samples, "lynkr_errors_total", source="upstream", kind="connect_failed") == 1
    assert value(samples, "lynkr_ended_total", ended_by="gateway") == 1
    assert value(samples, "lynkr_overhead_seconds_count") == 0
    names = {name for name, _ in samples}
    assert "lynkr_tokens_total" not in names  # no usage, no label set for a made-up model
    assert "lynkr_time_to_first_token_seconds_count" not in names  # not a stream


@pytest.mark.parametrize(
    ("last_byte_ms", "bound"),
    [(0.0, "0.05"), (50.0, "0.05"), (50.1, "0.1"), (7_200_000.0, "7200.0"), (9e9, "+Inf")],
)
def test_a_bucket_includes_its_bound(last_byte_ms: float, bound: str) -> None:
    metrics = Metrics(Gauges())
    metrics.observe(record(last_byte_ms=last_byte_ms))
    samples = scrape(metrics)
    name = "lynkr_request_duration_seconds_bucket"
    counts = {
        dict(labels)["le"]: count for (each, labels), count in samples.items() if each == name
    }
    full = [le for le, count in counts.items() if count == 1]
    assert min(full, key=float) == bound


def test_the_model_asked_of_the_upstream_stands_in_for_one_not_named() -> None:
    metrics = Metrics(Gauges())
    metrics.observe(record(model_replied=""))
    assert value(
        scrape(metrics), "lynkr_tokens_total", provider="main", model="claude-sonnet", kind="input"
    )


def test_label_sets_are_bounded_and_nothing_is_lost() -> None:
    metrics = Metrics(Gauges())
    calls = SETS_MAX + CELLS_MAX + 100
    for number in range(calls):
        metrics.observe(record(model_replied=f"model-{number}"))
    samples = scrape(metrics)
    inputs = {
        dict(labels)["model"]: count
        for (name, labels), count in samples.items()
        if name == "lynkr_tokens_total" and dict(labels)["kind"] == "input"
    }
    assert len(inputs) == SETS_MAX + 1
    assert sum(inputs.values()) == 12 * calls
    assert inputs["model-0"] == 12
    assert inputs["other"] == 12 * (calls - SETS_MAX)


def test_everything_hostile_at_once_still_fits_the_board() -> None:
    metrics = Metrics(Gauges())
    large = TOKENS_MAX - 1
    for number in range(SETS_MAX + FOLDED_MAX + 200):
        name = f"{number}-" + "é" * LABEL_BYTES_MAX
        metrics.observe(
            record(
                provider=name,
                model_replied=name,
                error=name,
                error_source="upstream",
                status=number,
                request_bytes=1 << 40,
                last_byte_ms=7_200_000.0,
                usage=Usage(large, large, large, large, large),
            )
        )
    data = metrics.snapshot()
    assert len(data) < SNAPSHOT_BYTES_MAX
    rows = merge([data], [True]).counters
    for family in FAMILIES:
        bound = HISTOGRAM_SETS_MAX if family.bounds else SETS_MAX
        assert len(rows[family.name]) <= bound + FOLDED_MAX + 1
    assert sum(row[0] for _, row in rows["lynkr_requests_total"]) == SETS_MAX + FOLDED_MAX + 200


def test_a_giant_model_name_is_cut_and_not_held() -> None:
    metrics = Metrics(Gauges())
    tracemalloc.start()
    try:
        for number in range(64):
            metrics.observe(record(model_replied=f"{number}" + "x" * 1_000_000))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2_000_000
    samples = scrape(metrics)
    models = {dict(labels)["model"] for name, labels in samples if name == "lynkr_tokens_total"}
    assert {len(model) for model in models} == {LABEL_BYTES_MAX}


@pytest.mark.parametrize("model", ["\ud800", 'q"uo\\te\nd', "模型", "\x00"])
def test_any_text_can_be_a_model(model: str) -> None:
    metrics = Metrics(Gauges())
    metrics.observe(record(model_replied=model))
    samples = scrape(metrics)
    (found,) = {dict(labels)["model"] for name, labels in samples if name == "lynkr_tokens_total"}
    assert found == model.replace("\ud800", "?")


@pytest.mark.parametrize("count", [-5, TOKENS_MAX, 10**30])
def test_a_count_no_reply_can_have_is_not_believed(count: int) -> None:
    metrics = Metrics(Gauges())
    metrics.observe(record(usage=Usage(input_tokens=count, output_tokens=1)))
    samples = scrape(metrics)
    model = {"provider": "main", "model": "claude-sonnet-1"}
    assert value(samples, "lynkr_tokens_total", **model, kind="output") == 1
    assert ("lynkr_tokens_total", frozenset({**model, "kind": "input"}.items())) not in samples


def test_gauges_and_pools() -> None:
    gauges = Gauges()
    pools = [PoolGauge("https://a", 3, 2, 1, opened_total=9, reused_total=40, retried_total=4)]
    dropped = [0]
    metrics = Metrics(gauges, pools=lambda: pools, log_lines_dropped=lambda: dropped[0])
    gauges.in_flight, gauges.open_streams, gauges.client_connections = 5, 4, 7
    dropped[0] = 6
    samples = scrape(metrics)
    assert value(samples, "lynkr_in_flight") == 5
    assert value(samples, "lynkr_open_streams") == 4
    assert value(samples, "lynkr_client_connections") == 7
    assert value(samples, "lynkr_pool_connections", origin="https://a", state="active") == 3
    assert value(samples, "lynkr_pool_connections", origin="https://a", state="idle") == 2
    assert value(samples, "lynkr_pool_waiting", origin="https://a") == 1
    assert value(samples, "lynkr_pool_opened_total", origin="https://a") == 9
    assert value(samples, "lynkr_pool_reused_total", origin="https://a") == 40
    assert value(samples, "lynkr_pool_retried_total", origin="https://a") == 4
    assert value(samples, "lynkr_log_lines_dropped_total") == 6

    # A pool made anew by a reload counts from zero; ours goes on.
    pools[:] = [PoolGauge("https://a", 1, 0, 0, opened_total=2, reused_total=0, retried_total=0)]
    samples = scrape(metrics)
    assert value(samples, "lynkr_pool_opened_total", origin="https://a") == 11
    assert value(samples, "lynkr_pool_reused_total", origin="https://a") == 40
    pools.clear()
    samples = scrape(metrics)
    assert value(samples, "lynkr_pool_opened_total", origin="https://a") == 11
    assert not any(name == "lynkr_pool_connections" for name, _ in samples)


def test_workers_are_summed_and_the_dead_keep_their_counters_only() -> None:
    first, second, dead = Metrics(Gauges()), Metrics(Gauges()), Metrics(Gauges())
    for metrics in (first, second, second, dead):
        metrics.observe(record())
    for metrics in (first, second, dead):
        metrics.gauges.in_flight = 10
    samples = scrape(first, second, dead, live=[True, True, False])
    labels = {"api": "messages", "provider": "main", "status": "200", "lane": "splice"}
    assert value(samples, "lynkr_requests_total", **labels) == 4
    assert value(samples, "lynkr_overhead_seconds_count") == 4
    assert value(samples, "lynkr_in_flight") == 20
    assert value(samples, "lynkr_workers") == 2
    missing = parse(expose(merge([None, first.snapshot()], [False, True]), workers=1))
    assert value(missing, "lynkr_requests_total", **labels) == 1


def test_a_successor_goes_on_from_its_predecessors_counters() -> None:
    before = Metrics(Gauges(), log_lines_dropped=lambda: 3)
    before.observe(record())
    before.gauges.in_flight = 1
    after = Metrics(Gauges(), log_lines_dropped=lambda: 2)
    after.restore(before.snapshot())
    after.observe(record())
    samples = scrape(after)
    labels = {"api": "messages", "provider": "main", "status": "200", "lane": "splice"}
    assert value(samples, "lynkr_requests_total", **labels) == 2
    assert value(samples, "lynkr_request_bytes_total") == 2000
    assert value(samples, "lynkr_overhead_seconds_count") == 2
    assert value(samples, "lynkr_log_lines_dropped_total") == 5
    assert value(samples, "lynkr_in_flight") == 0


def test_the_names_are_a_contract() -> None:
    text = expose(merge([Metrics(Gauges()).snapshot()], [True]), workers=1).decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert names == {
        "lynkr_requests_total",
        "lynkr_request_duration_seconds",
        "lynkr_time_to_first_token_seconds",
        "lynkr_overhead_seconds",
        "lynkr_tokens_total",
        "lynkr_tokens_saved_total",
        "lynkr_cost_usd_total",
        "lynkr_errors_total",
        "lynkr_ended_total",
        "lynkr_request_bytes_total",
        "lynkr_reply_bytes_total",
        "lynkr_in_flight",
        "lynkr_open_streams",
        "lynkr_client_connections",
        "lynkr_pool_connections",
        "lynkr_pool_waiting",
        "lynkr_pool_opened_total",
        "lynkr_pool_reused_total",
        "lynkr_pool_retried_total",
        "lynkr_log_lines_dropped_total",
        "lynkr_failovers_total",
        "lynkr_breaker_opened_total",
        "lynkr_cache_requests_total",
        "lynkr_cache_tokens_total",
        "lynkr_cache_stored_total",
        "lynkr_cache_evicted_total",
        "lynkr_cache_writes_dropped_total",
        "lynkr_cache_shadows_total",
        "lynkr_cache_feedback_total",
        "lynkr_routed_total",
        "lynkr_route_moves_total",
        "lynkr_reply_outcomes_total",
        "lynkr_snapshots_skipped_total",
        "lynkr_workers",
        "lynkr_worker_restarts_total",
        "lynkr_build_info",
    }


def test_observe_keeps_no_memory_per_call() -> None:
    metrics = Metrics(Gauges())
    calls = record()
    metrics.observe(calls)
    before = sys.getallocatedblocks()
    for _ in range(10_000):
        metrics.observe(calls)
    assert sys.getallocatedblocks() - before < 100


def test_observe_is_cheap() -> None:
    # The budget is 2 us and 1.2 were measured; ten times that still finds a change of kind.
    metrics = Metrics(Gauges())
    call = record()
    best_s = float("inf")
    for _ in range(20):
        started_s = time.perf_counter()
        for _ in range(500):
            metrics.observe(call)
        best_s = min(best_s, time.perf_counter() - started_s)
    assert best_s / 500 < 20e-6


def test_hits_are_counted_apart_from_what_providers_were_paid_for() -> None:
    kept = Metrics(Gauges(), cache=lambda: CacheTotals(stored=3, agreed=97, disagreed=3))
    hit = CacheUse("hit", "semantic", usage=Usage(input_tokens=11, output_tokens=7))
    kept.observe(record(cache=hit, usage=Usage(), saving=Saving(usd=0.0, passthrough_usd=0.5)))
    kept.observe(record(cache=CacheUse("miss", rule="number")))
    text = expose(merge([kept.snapshot()], [True]), workers=1).decode()
    assert 'lynkr_cache_requests_total{reason="semantic",status="hit"} 1.0' in text
    assert 'lynkr_cache_requests_total{reason="number",status="miss"} 1.0' in text
    assert 'lynkr_cache_tokens_total{kind="input"} 11.0' in text
    assert "lynkr_cache_stored_total 3.0" in text
    assert 'lynkr_cache_shadows_total{verdict="disagreed"} 3.0' in text
    assert 'lynkr_cost_usd_total{bill="passthrough"' in text
    ratios = re.findall(r'lynkr_cache_false_hit_ratio\{bound="(\w+)"\} ([\d.]+)', text)
    found = {bound: float(value) for bound, value in ratios}
    assert found["low"] < found["estimate"] == 0.03 < found["high"]
    idle = expose(merge([Metrics(Gauges()).snapshot()], [True]), workers=1)
    assert b"false_hit_ratio" not in idle  # nothing is claimed of what was never compared
