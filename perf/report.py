"""From samples to what people read: the table, the result file, the charts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from perf.chart import Bar, Panel, draw
from perf.measure import STREAM_LEVELS
from perf.sample import Samples, Spread
from perf.target import DIRECT, OURS, figure, spread_text, streams_held, verdicts


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    metric: str
    is_added: bool = False  # shown as the difference to `direct` of the same round


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    note: str
    rows: tuple[Row, ...]


def _stream_rows() -> tuple[Row, ...]:
    rows: list[Row] = []
    for level in STREAM_LEVELS:
        rows += [
            Row(f"{level:,} streams: late chunks (> 50 ms)", f"streams_{level}_late"),
            Row(f"{level:,} streams: lost chunks", f"streams_{level}_lost"),
            Row(f"{level:,} streams: reordered chunks", f"streams_{level}_reordered"),
            Row(f"{level:,} streams: chunk delay p50, ms", f"streams_{level}_delay_p50_ms"),
            Row(f"{level:,} streams: chunk delay p99, ms", f"streams_{level}_delay_p99_ms"),
            Row(f"{level:,} streams: worst chunk delay, ms", f"streams_{level}_delay_max_ms"),
            Row(f"{level:,} streams: inter-chunk p99, ms", f"streams_{level}_gap_p99_ms"),
            Row(f"{level:,} streams: CPU per chunk, µs", f"streams_{level}_cpu_chunk_us"),
            Row(f"{level:,} streams: share of the gateway's core", f"streams_{level}_core_share"),
            Row(
                f"{level:,} streams: kept waiting by other programs", f"streams_{level}_wait_share"
            ),
            Row(f"{level:,} streams: share of the load core", f"streams_{level}_load_core_share"),
            Row(f"{level:,} streams: the mock's worst lag, ms", f"streams_{level}_mock_lag_max_ms"),
        ]
    return tuple(rows)


def _cache_rows() -> tuple[Row, ...]:
    names = {
        "miss": "miss, whole",
        "exact_whole": "exact hit, whole",
        "exact_streamed": "exact hit, streamed",
        "semantic_whole": "semantic hit, whole",
        "semantic_streamed": "semantic hit, streamed",
    }
    return tuple(
        Row(f"{label}, c={connections}: {what}", f"cache_{name}_c{connections}_{metric}")
        for name, label in names.items()
        for connections in (1, 8)
        for what, metric in (
            ("p50, µs", "p50_us"),
            ("p99, µs", "p99_us"),
            ("CPU, µs", "cpu_us"),
            ("kept waiting by other programs, share of time", "wait_share"),
        )
    )


def _flight_rows() -> tuple[Row, ...]:
    return (
        Row("200 identical streams at once: calls of the provider", "cache_flight_calls"),
        Row("200 identical streams at once: answered whole", "cache_flight_whole"),
    )


SECTIONS = (
    Section(
        "CPU",
        "All processes of the gateway, user + system. Waiting shows how quiet the machine was.",
        (
            Row("per 1 KB request, µs", "cpu_1kb_us"),
            Row("kept waiting by other programs, share of time", "cpu_1kb_wait_share"),
            Row("per 100 KB request, µs", "cpu_100kb_us"),
            Row("kept waiting by other programs, share of time", "cpu_100kb_wait_share"),
            Row("per SSE chunk (200 streams, 20 ms), µs", "cpu_chunk_us"),
            Row("kept waiting by other programs, share of time", "cpu_chunk_wait_share"),
            Row("doing nothing, µs per second", "idle_cpu_us_per_s"),
        ),
    ),
    Section(
        "Added latency",
        "Difference to the direct call in the same round, µs. A loop of 32 callers without pause "
        "is saturation by another name; with a provider that takes 20 ms it is not.",
        (
            Row("c=1 p50", "latency_c1_p50_us", True),
            Row("c=1 p99", "latency_c1_p99_us", True),
            Row("c=32 p50", "latency_c32_p50_us", True),
            Row("c=32 p99", "latency_c32_p99_us", True),
            Row("c=32, provider takes 20 ms, p50", "latency_c32_paced_p50_us", True),
            Row("c=32, provider takes 20 ms, p99", "latency_c32_paced_p99_us", True),
            Row("time to first token p50", "first_token_p50_us", True),
            Row("time to first token p99", "first_token_p99_us", True),
            Row("chunk delay p50 (32 streams)", "chunk_delay_p50_us", True),
            Row("chunk delay p99 (32 streams)", "chunk_delay_p99_us", True),
            Row("inter-chunk p99 (32 streams)", "chunk_gap_p99_us", True),
        ),
    ),
    Section(
        "Streams",
        "The mock reads the clock in each chunk just before it writes it.",
        _stream_rows(),
    ),
    Section(
        "Saturation",
        "64 callers in a closed loop. The gateway has one core, the mock and the client another.",
        (
            Row("1 KB requests per second", "saturation_1kb_rps"),
            Row("gateway, share of its core", "saturation_1kb_gateway_share"),
            Row("gateway, kept waiting by other programs", "saturation_1kb_wait_share"),
            Row("mock, share of its core", "saturation_1kb_mock_share"),
            Row("client, share of its core", "saturation_1kb_client_share"),
            Row("100 KB requests per second", "saturation_100kb_rps"),
            Row("gateway, share of its core", "saturation_100kb_gateway_share"),
            Row("gateway, kept waiting by other programs", "saturation_100kb_wait_share"),
            Row("mock, share of its core", "saturation_100kb_mock_share"),
            Row("client, share of its core", "saturation_100kb_client_share"),
        ),
    ),
    Section(
        "Translation",
        "The client speaks Messages. The provider of `lynkr-translate` speaks Chat Completions, "
        "that of the others Messages; calls and texts are the same. What is added is the "
        "difference to the direct call in the same round.",
        (
            Row("per SSE chunk (200 streams, 20 ms), µs", "translate_chunk_us"),
            Row("kept waiting by other programs, share of time", "translate_chunk_wait_share"),
            Row("per 1 KB request, reply included, µs", "translate_1kb_us"),
            Row("kept waiting by other programs, share of time", "translate_1kb_wait_share"),
            Row("per 100 KB request, reply included, µs", "translate_100kb_us"),
            Row("kept waiting by other programs, share of time", "translate_100kb_wait_share"),
            Row("added, c=1 p50, µs", "translate_c1_p50_us", True),
            Row("added, c=1 p99, µs", "translate_c1_p99_us", True),
            Row("2,000 streams: CPU per chunk, µs", "translate_2000_cpu_chunk_us"),
            Row("2,000 streams: share of the gateway's core", "translate_2000_core_share"),
            Row("2,000 streams: late chunks (> 50 ms)", "translate_2000_late"),
            Row("2,000 streams: lost chunks", "translate_2000_lost"),
            Row("2,000 streams: reordered chunks", "translate_2000_reordered"),
            Row("2,000 streams: chunk delay p50, ms", "translate_2000_delay_p50_ms"),
            Row("2,000 streams: chunk delay p99, ms", "translate_2000_delay_p99_ms"),
            Row("2,000 streams: the mock's worst lag, ms", "translate_2000_mock_lag_max_ms"),
        ),
    ),
    Section(
        "Token passes",
        "A session's next turn of 100 KB: 25 tools, 40 messages, one new JSON result of 4 KB. All "
        "else of it was seen before. Without: `x-lynkr-passthrough: true`.",
        (
            Row("CPU per request with all passes, µs", "tokens_on_us"),
            Row("CPU per request without, µs", "tokens_off_us"),
            Row("difference, µs", "tokens_added_us"),
        ),
    ),
    Section(
        "Cache",
        "Questions of 1 KB. A miss is a new question each time, which is looked up, sent and its "
        "answer kept; for nginx and direct it is just sent. Hits are answers to the same question, "
        "and to it in other words.",
        (*_cache_rows(), *_flight_rows()),
    ),
    Section(
        "Memory and start",
        "Resident set of the processes; socket buffers in the kernel are not in it.",
        (
            Row("resident after start, all processes, MB", "rss_fresh_mb"),
            Row("resident idle after warm-up, all processes, MB", "rss_idle_total_mb"),
            Row("resident idle after warm-up, worker, MB", "rss_idle_worker_mb"),
            Row("per idle connection, KB", "rss_per_connection_kb"),
            Row("per open stream, KB", "rss_per_stream_kb"),
            Row("start to first forwarded call, ms", "start_ms"),
        ),
    ),
)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = ["---", *["--:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, ruler, *rows)]


def cell(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    if spread.rounds == 1 or spread.low == spread.high:
        return figure(spread.median)
    return f"{figure(spread.median)} ({spread_text(spread)})"


def _targets(samples: Samples) -> list[str]:
    rows = [
        (one.label, one.limit, one.measured, one.spread, one.word)
        for one in verdicts(samples, STREAM_LEVELS)
    ]
    head = ("target", "limit", "measured", "lowest to highest", "verdict")
    return ["## Targets", "", *grid(head, rows), ""]


def _section(section: Section, samples: Samples, subjects: Sequence[str]) -> list[str]:
    rows: list[list[str]] = []
    columns = [
        name
        for name in (DIRECT, *subjects)
        if any(
            samples.by_round(name, row.metric)
            for row in section.rows
            if name != DIRECT or not row.is_added
        )
    ]
    for row in section.rows:
        spreads = [
            samples.added(name, DIRECT, row.metric)
            if row.is_added
            else samples.spread(name, row.metric)
            for name in columns
        ]
        if any(spreads):
            rows.append([row.label, *(cell(spread) for spread in spreads)])
    if not rows:
        return []
    return [f"## {section.title}", "", section.note, "", *grid(("", *columns), rows), ""]


def _held(samples: Samples, subjects: Sequence[str]) -> list[str]:
    held = [(name, *streams_held(samples, name, STREAM_LEVELS)) for name in (DIRECT, *subjects)]
    if not any(is_measured for _, _, is_measured in held):
        return []
    rows = [(name, f"{count:,}") for name, count, is_measured in held if is_measured]
    note = "If `direct` did not hold a level, the machine could not, and no gateway is to blame."
    head = ("", "streams")
    return ["## Streams held clean in every round", "", *grid(head, rows), "", note, ""]


def table(
    samples: Samples, subjects: Sequence[str], machine: dict[str, str], run: dict[str, str]
) -> str:
    what = f"{run['date']}, rounds: {run['rounds']}, effort: {run['effort']}"
    lines = [
        "# Performance",
        "",
        f"{what}, commit {machine['commit']}. Medians over the rounds; lowest and highest in",
        "parentheses. Method and bias: `perf/README.md`.",
        "",
    ]
    if run["failures"]:
        lines += [f"**Incomplete.** {run['failures']}", ""]
    if OURS in subjects:
        lines += _targets(samples)
    for section in SECTIONS:
        lines += _section(section, samples, subjects)
    lines += _held(samples, subjects)
    lines += ["## Machine", "", *grid(("", ""), list(machine.items())), ""]
    return "\n".join(lines)


def _bars(samples: Samples, subjects: Sequence[str], metric: str) -> tuple[Bar, ...]:
    spreads = [(name, samples.spread(name, metric)) for name in subjects]
    return tuple(Bar(name, one.median, one.low, one.high) for name, one in spreads if one)


def charts(samples: Samples, subjects: Sequence[str]) -> dict[str, str]:
    """File name to SVG, for what this run has measured."""
    plans: dict[str, tuple[str, list[tuple[str, str]]]] = {
        "cpu_request.svg": (
            "CPU per request (µs, less is better)",
            [("1 KB agent body", "cpu_1kb_us"), ("100 KB agent body", "cpu_100kb_us")],
        ),
        "cpu_chunk.svg": (
            "CPU per SSE chunk (µs, less is better)",
            [
                ("200 streams, chunks 20 ms apart", "cpu_chunk_us"),
                ("2,000 streams, chunks 20 ms apart", "streams_2000_cpu_chunk_us"),
            ],
        ),
        "saturation.svg": (
            "Requests per second on one core (more is better)",
            [
                ("1 KB agent body", "saturation_1kb_rps"),
                ("100 KB agent body", "saturation_100kb_rps"),
            ],
        ),
        "memory.svg": (
            "Resident memory (less is better)",
            [
                ("idle worker, MB", "rss_idle_worker_mb"),
                ("per open stream, KB", "rss_per_stream_kb"),
            ],
        ),
    }
    drawn = {}
    for name, (title, metrics) in plans.items():
        panels = [Panel(label, _bars(samples, subjects, metric)) for label, metric in metrics]
        if any(panel.bars for panel in panels):
            drawn[name] = draw(title, [panel for panel in panels if panel.bars], figure)
    held = [(name, *streams_held(samples, name, STREAM_LEVELS)) for name in subjects]
    bars = tuple(Bar(name, count, count, count) for name, count, is_measured in held if is_measured)
    if bars:
        tried = ", ".join(f"{level:,}" for level in STREAM_LEVELS)
        label = f"20 ms chunks, none lost, late (> 50 ms) or reordered; tried: {tried}"
        title = "Streams held clean (more is better)"
        drawn["streams_held.svg"] = draw(title, [Panel(label, bars)], figure)
    return drawn


def result(
    samples: Samples, subjects: Sequence[str], machine: dict[str, str], run: dict[str, str]
) -> dict[str, object]:
    """Everything, so that a later reader can draw other conclusions than ours."""
    metrics = sorted({(one.subject, one.metric) for one in samples.all})
    summary: dict[str, dict[str, object]] = {}
    for subject, metric in metrics:
        spread = samples.spread(subject, metric)
        if spread is not None:
            summary.setdefault(subject, {})[metric] = asdict(spread)
    return {
        "run": run,
        "machine": machine,
        "subjects": list(subjects),
        "targets": [asdict(one) for one in verdicts(samples, STREAM_LEVELS)],
        "summary": summary,
        "samples": [asdict(one) for one in samples.all],
    }


def write(
    directory: Path,
    samples: Samples,
    subjects: Sequence[str],
    machine: dict[str, str],
    run: dict[str, str],
) -> str:
    """Writes every file and returns the table."""
    directory.mkdir(parents=True, exist_ok=True)
    text = table(samples, subjects, machine, run)
    everything = result(samples, subjects, machine, run)
    content = json.dumps(everything, indent=1, ensure_ascii=False) + "\n"
    files = {f"{run['date']}.json": content, "latest.json": content, "latest.md": text}
    for name, data in (files | charts(samples, subjects)).items():
        (directory / name).write_text(data)
    return text
