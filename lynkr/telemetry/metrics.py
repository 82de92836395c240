"""Metrics: counts every call, and tells Prometheus when it asks.

``Metrics.observe`` is the hot path: no lock, no prometheus-client, one dictionary look-up and a few
list additions. Calls that agree on every label share a ``Cell``, which points straight at the rows
they add to. prometheus-client is used only at a scrape, on a ``Snapshot`` that is already summed.

Several workers make one scrape: each publishes ``snapshot()`` on the board (``shared.py``), and
whichever worker is asked calls ``merge`` and ``expose``. Counters of a dead worker stay, because a
falling counter reads as a restart to Prometheus; its gauges go, because its connections went too.

Never grows with what a client or an upstream sends: a series holds at most ``SETS_MAX`` label sets
and the rest is counted under ``other``. A merged scrape may hold that many per worker, because
folding again there would move counts between series from one scrape to the next.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from lynkr import __version__
from lynkr.policies.false_hits import interval
from lynkr.policies.record import CacheUse, PoolGauge, Record, RoutingUse
from lynkr.telemetry.families import (
    BREAKERS,
    CACHE,
    CACHE_DROPPED,
    CACHE_EVICTED,
    CACHE_FEEDBACK,
    CACHE_SHADOWS,
    CACHE_STORED,
    CACHE_TOKENS,
    COST,
    DURATION,
    DURATION_MS,
    ENDED,
    ERRORS,
    FAILOVERS,
    FAMILIES,
    FIRST_TOKEN,
    FIRST_TOKEN_MS,
    LOG_DROPPED,
    MICRO,
    MOVES,
    OUTCOMES,
    OVERHEAD,
    OVERHEAD_US,
    POOL_OPENED,
    POOL_RETRIED,
    POOL_REUSED,
    REPLY_BYTES,
    REQUEST_BYTES,
    REQUESTS,
    ROUTED,
    SETS_MAX,
    TOKENS,
    TOKENS_SAVED,
    Family,
    Labels,
    Rows,
)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

FOLDED_MAX = 64  # sets more for (provider, "other") and the like; beyond them all is "other"
LABEL_BYTES_MAX = 128  # Bedrock's ARNs, the longest real model names, are about 110
CELLS_MAX = 4096  # combinations of all labels kept at hand; when full they are found anew
TOKENS_MAX = 1 << 32  # a reply claiming more is lying; it would also overflow the snapshot's int64
OTHER = "other"
POOL_STATES = ("active", "idle")


class CacheTotals(msgspec.Struct):
    """What the worker's cache counts itself."""

    stored: int = 0
    evicted: int = 0
    writes_dropped: int = 0
    agreed: int = 0
    disagreed: int = 0
    feedback: int = 0


class Gauges:
    """What is going on now. The owners set the numbers; nobody else writes them."""

    __slots__ = ("client_connections", "in_flight", "open_streams")

    def __init__(self) -> None:
        self.in_flight = 0  # calls accepted and not ended
        self.open_streams = 0  # of those, replies being streamed
        self.client_connections = 0


class Snapshot(msgspec.Struct, array_like=True):
    """Everything one worker knows, or the sum of several."""

    counters: dict[str, Rows]  # by family name
    in_flight: int = 0
    open_streams: int = 0
    client_connections: int = 0
    pools: Rows = []  # (origin,) -> active, idle, waiting


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


class Series:
    """The rows of one family, by label set; see the module's text for the bound."""

    __slots__ = ("family", "rows")

    def __init__(self, family: Family) -> None:
        self.family = family
        self.rows: dict[Labels, list[int]] = {}

    def row(self, labels: Labels) -> list[int]:
        row = self.rows.get(labels)
        if row is None and len(self.rows) >= self.family.sets_max:
            folds = self.family.folds
            labels = (*labels[:folds], OTHER, *labels[folds + 1 :])
            if labels not in self.rows and len(self.rows) >= self.family.sets_max + FOLDED_MAX:
                labels = (OTHER,) * len(labels)
            row = self.rows.get(labels)
        if row is None:
            row = self.rows[labels] = [0] * self.family.width
        return row

    def add(self, labels: Labels, amounts: Sequence[int]) -> None:
        row = self.row(labels)
        for index, amount in enumerate(amounts):
            row[index] += amount


class Cell:
    """Where calls of one combination of labels are counted. Rows are shared between cells."""

    __slots__ = ("duration", "ended", "errors", "first_token", "requests", "saved", "tokens")

    def __init__(
        self,
        requests: list[int],
        duration: list[int],
        first_token: list[int],
        ended: list[int],
        errors: list[int] | None,
    ) -> None:
        self.requests = requests
        self.duration = duration
        self.first_token = first_token
        self.ended = ended
        self.errors = errors
        self.tokens: list[int] | None = None
        self.saved: tuple[list[int], list[int]] | None = None


class Metrics:
    """One worker's counts. Used from the event loop's thread only."""

    def __init__(
        self,
        gauges: Gauges,
        *,
        pools: Callable[[], Iterable[PoolGauge]] = tuple,
        log_lines_dropped: Callable[[], int] = int,
        breakers_opened: Callable[[], Mapping[str, int]] = dict,
        cache: Callable[[], CacheTotals] = CacheTotals,
    ) -> None:
        self.gauges = gauges
        self._pools = pools
        self._log_lines_dropped = log_lines_dropped
        self._breakers_opened = breakers_opened
        self._cache_totals = cache
        self._series = {family.name: Series(family) for family in FAMILIES}
        self._cells: dict[tuple[str | int, ...], Cell] = {}
        self._seen: dict[tuple[str, Labels, int], int] = {}
        self._overhead = self._series[OVERHEAD.name].row(())
        self._request_bytes = self._series[REQUEST_BYTES.name].row(())
        self._reply_bytes = self._series[REPLY_BYTES.name].row(())

    def observe(self, record: Record) -> None:
        """Count one ended call. Measured at 1.2 us; the budget is 2."""
        key = (
            record.api,
            record.provider,
            record.status,
            record.lane,
            record.model_replied or record.model,
            record.ended_by,
            record.error,
            record.error_source,
        )
        try:
            cell = self._cells[key]
        except KeyError:
            cell = self._cell(key, record)
        cell.requests[0] += 1
        cell.ended[0] += 1
        if cell.errors is not None:
            cell.errors[0] += 1
        elapsed_ms = record.last_byte_ms
        histogram = cell.duration
        histogram[bisect_left(DURATION_MS, elapsed_ms)] += 1
        histogram[-1] += int(elapsed_ms * 1000)
        if record.stream and (first_byte_ms := record.first_byte_ms) is not None:
            histogram = cell.first_token
            histogram[bisect_left(FIRST_TOKEN_MS, first_byte_ms)] += 1
            histogram[-1] += int(first_byte_ms * 1000)
        if (overhead_us := record.overhead_us) is not None:
            histogram = self._overhead
            histogram[bisect_left(OVERHEAD_US, overhead_us)] += 1
            histogram[-1] += overhead_us
        if record.failed_over:
            for provider in record.failed_over:
                self._series[FAILOVERS.name].row((_label(provider),))[0] += 1
        self._request_bytes[0] += record.request_bytes
        self._reply_bytes[0] += record.reply_bytes
        cache = record.cache
        if cache.status != "bypass" or cache.rule:
            self._cache(cache)
        if record.routing.tier:
            self._routed(record.routing)
        saving = record.saving
        if saving.usd is not None or saving.tokens:
            saved = cell.saved
            if saved is None:
                saved = cell.saved = self._saved(record)
            if 0 < saving.tokens < TOKENS_MAX:
                saved[0][0] += saving.tokens
            if saving.usd is not None and saving.passthrough_usd is not None:
                saved[1][0] += min(int(saving.usd * MICRO), TOKENS_MAX)
                saved[1][1] += min(int(saving.passthrough_usd * MICRO), TOKENS_MAX)
        usage = record.usage
        if usage.output_tokens is None and usage.input_tokens is None:
            return  # nothing was reported: a failed call must not take one of the label sets
        tokens = cell.tokens
        if tokens is None:
            tokens = self._tokens(cell, record)
        if (count := usage.input_tokens) and 0 < count < TOKENS_MAX:
            tokens[0] += count
        if (count := usage.output_tokens) and 0 < count < TOKENS_MAX:
            tokens[1] += count
        if (count := usage.prompt_cache_read_tokens) and 0 < count < TOKENS_MAX:
            tokens[2] += count
        if (count := usage.prompt_cache_write_tokens) and 0 < count < TOKENS_MAX:
            tokens[3] += count
        if (count := usage.reasoning_tokens) and 0 < count < TOKENS_MAX:
            tokens[4] += count

    def _cache(self, cache: CacheUse) -> None:
        self._series[CACHE.name].row((cache.status, cache.kind or cache.rule))[0] += 1
        if cache.status == "hit":
            tokens = self._series[CACHE_TOKENS.name].row(())
            tokens[0] += min(max(cache.usage.input_tokens or 0, 0), TOKENS_MAX)
            tokens[1] += min(max(cache.usage.output_tokens or 0, 0), TOKENS_MAX)

    def _routed(self, routing: RoutingUse) -> None:
        self._series[ROUTED.name].row((routing.tier, _label(routing.rule)))[0] += 1
        if routing.moved:
            self._series[MOVES.name].row(())[0 if routing.moved == "up" else 1] += 1
        if routing.before:
            row = self._series[OUTCOMES.name].row((routing.before,))
            row[0] += routing.tool_results
            row[1] += routing.tool_errors
            row[2] += routing.invalid_calls
            row[3] += routing.edits
            row[4] += routing.edit_failures
            row[5] += routing.retried

    def _cell(self, key: tuple[str | int, ...], record: Record) -> Cell:
        series = self._series
        api, provider = _label(record.api), _label(record.provider)
        cell = Cell(
            series[REQUESTS.name].row((api, provider, str(record.status), _label(record.lane))),
            series[DURATION.name].row((api, provider)),
            series[FIRST_TOKEN.name].row((api, provider)),
            series[ENDED.name].row((_label(record.ended_by),)),
            series[ERRORS.name].row((_label(record.error_source), _label(record.error)))
            if record.error_source or record.error
            else None,
        )
        if len(self._cells) >= CELLS_MAX:
            self._cells.clear()  # the rows stay; only the short cut to them is lost
        if len(record.model_replied) <= LABEL_BYTES_MAX and len(record.model) <= LABEL_BYTES_MAX:
            self._cells[key] = cell  # a giant name is not worth holding on to
        return cell

    def _tokens(self, cell: Cell, record: Record) -> list[int]:
        model = _label(record.model_replied or record.model)
        cell.tokens = self._series[TOKENS.name].row((_label(record.provider), model))
        return cell.tokens

    def _saved(self, record: Record) -> tuple[list[int], list[int]]:
        labels = (_label(record.provider), _label(record.model_replied or record.model))
        return self._series[TOKENS_SAVED.name].row(labels), self._series[COST.name].row(labels)

    def snapshot(self) -> bytes:
        """All of it, for the board. About 20 us for ten label sets, 600 us for a full house."""
        gauges = self.gauges
        pools: Rows = []
        for pool in self._pools():
            origin = (_label(pool.origin),)
            pools.append((origin, [pool.active, pool.idle, pool.waiting]))
            self._follow(POOL_OPENED, origin, pool.opened_total)
            self._follow(POOL_REUSED, origin, pool.reused_total)
            self._follow(POOL_RETRIED, origin, pool.retried_total)
        self._follow(LOG_DROPPED, (), self._log_lines_dropped())
        for provider, opened in self._breakers_opened().items():
            self._follow(BREAKERS, (_label(provider),), opened)
        cached = self._cache_totals()
        self._follow(CACHE_STORED, (), cached.stored)
        self._follow(CACHE_EVICTED, (), cached.evicted)
        self._follow(CACHE_DROPPED, (), cached.writes_dropped)
        self._follow(CACHE_SHADOWS, (), cached.agreed)
        self._follow(CACHE_SHADOWS, (), cached.disagreed, 1)
        self._follow(CACHE_FEEDBACK, (), cached.feedback)
        counters = {name: list(series.rows.items()) for name, series in self._series.items()}
        return _encoder.encode(
            Snapshot(
                counters,
                gauges.in_flight,
                gauges.open_streams,
                gauges.client_connections,
                pools[:SETS_MAX],
            )
        )

    def restore(self, snapshot: bytes) -> None:
        """Go on from the counters of the worker that had this slot before; its gauges are gone."""
        for name, rows in _decoder.decode(snapshot).counters.items():
            for labels, row in rows:
                self._series[name].add(labels, row)

    def _follow(self, family: Family, labels: Labels, total: int, column: int = 0) -> None:
        """Take over a total somebody else counts. A smaller one than before means they began anew,
        as a pool does after a reload, and must not make ours fall."""
        place = (family.name, labels, column)
        seen = self._seen.get(place, 0)
        self._series[family.name].row(labels)[column] += total - seen if total >= seen else total
        self._seen[place] = total


def _label(value: str) -> str:
    """A label short enough for the board, and encodable: replies may hold lone surrogates."""
    return value.encode("utf-8", "replace")[:LABEL_BYTES_MAX].decode("utf-8", "ignore")


def merge(snapshots: Sequence[bytes | None], live: Sequence[bool]) -> Snapshot:
    """The sum of all workers; those not ``live`` give their counters but not their gauges."""
    counters: dict[str, dict[Labels, list[int]]] = {}
    pools: dict[Labels, list[int]] = {}
    merged = Snapshot({})
    for data, is_live in zip(snapshots, live, strict=True):
        if data is None:
            continue
        snapshot = _decoder.decode(data)
        for name, rows in snapshot.counters.items():
            _sum(counters.setdefault(name, {}), rows)
        if is_live:
            merged.in_flight += snapshot.in_flight
            merged.open_streams += snapshot.open_streams
            merged.client_connections += snapshot.client_connections
            _sum(pools, snapshot.pools)
    merged.counters = {name: list(rows.items()) for name, rows in counters.items()}
    merged.pools = list(pools.items())
    return merged


def _sum(into: dict[Labels, list[int]], rows: Rows) -> None:
    for labels, row in rows:
        total = into.get(labels)
        if total is None:
            into[labels] = row
        else:
            into[labels] = [mine + theirs for mine, theirs in zip(total, row, strict=True)]


def expose(
    snapshot: Snapshot, *, workers: int, worker_restarts: int = 0, snapshots_skipped: int = 0
) -> bytes:
    """The text of one scrape, of type ``CONTENT_TYPE``."""
    return generate_latest(_Scrape(snapshot, workers, worker_restarts, snapshots_skipped))


class _Scrape(Collector):
    def __init__(self, snapshot: Snapshot, workers: int, restarts: int, skipped: int) -> None:
        self._snapshot = snapshot
        self._processes = (
            ("lynkr_workers", "Worker processes that are up.", workers, GaugeMetricFamily),
            (
                "lynkr_worker_restarts_total",
                "Workers started again after they died.",
                restarts,
                CounterMetricFamily,
            ),
            (
                "lynkr_snapshots_skipped_total",
                "Workers' numbers left out because they were torn or too large.",
                skipped,
                CounterMetricFamily,
            ),
        )

    def collect(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        for family in FAMILIES:
            rows = snapshot.counters.get(family.name, [])
            yield _histogram(family, rows) if family.bounds else _counter(family, rows)
        yield GaugeMetricFamily("lynkr_in_flight", "Calls going on.", snapshot.in_flight)
        yield GaugeMetricFamily(
            "lynkr_open_streams", "Replies being streamed.", snapshot.open_streams
        )
        yield GaugeMetricFamily(
            "lynkr_client_connections", "Open client connections.", snapshot.client_connections
        )
        connections = GaugeMetricFamily(
            "lynkr_pool_connections", "Upstream connections.", labels=["origin", "state"]
        )
        waiting = GaugeMetricFamily(
            "lynkr_pool_waiting", "Calls waiting for a connection.", labels=["origin"]
        )
        for labels, row in snapshot.pools:
            for state, count in zip(POOL_STATES, row, strict=False):
                connections.add_metric([*labels, state], count)
            waiting.add_metric(labels, row[len(POOL_STATES)])
        yield connections
        yield waiting
        yield from _false_hits(snapshot)
        for name, text, value, kind in self._processes:
            yield kind(name, text, value)
        yield InfoMetricFamily("lynkr_build", "What is running.", {"version": __version__})


def _false_hits(snapshot: Snapshot) -> Iterator[Metric]:
    """How often a semantic hit was wrong, as far as the comparisons tell; nothing without any."""
    rows = snapshot.counters.get(CACHE_SHADOWS.name, [])
    agreed, disagreed = rows[0][1] if rows else (0, 0)
    if not agreed + disagreed:
        return
    low, high = interval(disagreed, agreed + disagreed)
    share = GaugeMetricFamily(
        "lynkr_cache_false_hit_ratio",
        "Share of compared semantic hits that were wrong, with its 95 % interval.",
        labels=["bound"],
    )
    estimate = disagreed / (agreed + disagreed)
    for bound, value in (("low", low), ("estimate", estimate), ("high", high)):
        share.add_metric([bound], value)
    yield share


def _counter(family: Family, rows: Rows) -> Metric:
    label = [family.column_label] if family.column_label else []
    metric = CounterMetricFamily(family.name, family.help, labels=[*family.labels, *label])
    for labels, row in rows:
        for column, count in zip(family.columns, row, strict=True):
            if count or not label:  # a kind of token nobody reported is absent, not zero
                value = count / family.per_second if family.per_second else count
                metric.add_metric([*labels, column] if label else labels, value)
    return metric


def _histogram(family: Family, rows: Rows) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = [str(bound / family.per_second) for bound in family.bounds]
    for labels, row in rows:
        running = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip([*bounds, "+Inf"], row, strict=False):
            running += count
            buckets.append((bound, running))
        if running or not labels:  # opened with its cell, never fed: an API that has no streams
            metric.add_metric(labels, buckets, row[-1] / 1_000_000)
    return metric
