"""The pure parts of the performance harness: what turns raw readings into published numbers."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree

import pytest

from perf import body, chart, measure, procfs, report, target
from perf.load import Report
from perf.measure import STREAM_LEVELS
from perf.sample import Bucket, Samples, Spread, percentile


@pytest.mark.parametrize(
    ("buckets", "percent", "expected"),
    [
        ([(10, 1)], 50, 10),
        ([(10, 1), (20, 1)], 50, 10),
        ([(10, 1), (20, 1)], 51, 20),
        ([(20, 1), (10, 99)], 99, 10),
        ([(20, 2), (10, 98)], 99, 20),
        ([(value, 1) for value in range(1, 101)], 99, 99),
        ([(value, 1) for value in range(1, 101)], 100, 100),
        ([(value, 1) for value in range(1, 101)], 0, 1),
    ],
)
def test_percentile(buckets: list[Bucket], percent: float, expected: float) -> None:
    assert percentile(buckets, percent) == expected


def test_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 50))


def test_spread_is_the_median_and_the_extremes() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(median=2.0, low=1.0, high=3.0, rounds=3)
    assert Spread.of([]) is None


def _samples() -> Samples:
    samples = Samples()
    # The second round ran on a machine half as fast: ratios within rounds do not see it.
    for number, (ours, theirs) in enumerate([(30.0, 20.0), (60.0, 40.0), (34.0, 20.0)], start=1):
        samples.add(number, "lynkr", {"cpu_1kb_us": ours})
        samples.add(number, "nginx", {"cpu_1kb_us": theirs})
    return samples


def test_ratio_is_taken_within_a_round() -> None:
    assert _samples().ratio("lynkr", "nginx", "cpu_1kb_us") == Spread(1.5, 1.5, 1.7, 3)


def test_added_is_taken_within_a_round() -> None:
    assert _samples().added("lynkr", "nginx", "cpu_1kb_us") == Spread(14.0, 10.0, 20.0, 3)


def test_a_round_without_its_pair_or_without_a_number_does_not_count() -> None:
    samples = _samples()
    samples.add(4, "lynkr", {"cpu_1kb_us": 1000.0})
    samples.add(5, "lynkr", {"cpu_1kb_us": math.nan})
    samples.add(5, "nginx", {"cpu_1kb_us": 1.0})
    ratio = samples.ratio("lynkr", "nginx", "cpu_1kb_us")
    assert ratio is not None
    assert ratio.rounds == 3


def test_verdicts_judge_the_median_and_say_what_was_not_measured() -> None:
    found = {one.label: one for one in target.verdicts(_samples(), STREAM_LEVELS)}
    assert found["CPU per 1 KB request, against nginx"].word == "met"
    assert found["CPU per 1 KB request, against nginx"].measured == "1.50 x"
    assert found["CPU per 1 KB request, against aiohttp"].word == "not measured"


def test_translation_is_compared_with_our_own_splice_lane() -> None:
    samples = _samples()
    for number in (1, 2, 3):
        samples.add(number, "direct", {"translate_c1_p99_us": 50.0})
        samples.add(number, "lynkr", {"translate_chunk_us": 30.0, "translate_c1_p99_us": 400.0})
        values = {"translate_chunk_us": 45.0, "translate_c1_p99_us": 1150.0}
        samples.add(number, "lynkr-translate", values)
    found = {one.label: one for one in target.verdicts(samples, STREAM_LEVELS)}
    chunk = found["CPU per translated SSE chunk, against the splice lane"]
    assert (chunk.measured, chunk.word) == ("1.50 x", "met")
    call = found["added p99 at c=1, translated"]
    assert (call.measured, call.word) == ("1,100 µs", "missed")
    subjects = ["nginx", "lynkr", "lynkr-translate"]
    run = {"date": "2026-01-01", "rounds": "3", "effort": "full", "failures": ""}
    text = report.table(samples, subjects, {"commit": "abc"}, run)
    assert "|  | nginx | lynkr |\n" in text  # CPU
    assert "|  | lynkr | lynkr-translate |\n" in text
    assert "| added, c=1 p99, µs | 350 | 1,100 |" in text


def test_who_takes_part_in_what() -> None:
    """Gateways that translate or cache are measured at nothing else; ``direct`` has no CPU."""
    groups = {*measure.GROUPS, measure.MEMORY}

    def of(subject: str) -> set[str]:
        return {group for group in groups if measure.takes_part(group, subject)}

    assert of("lynkr-translate") == {"translate"}
    assert of("lynkr-cache") == {"cache"}
    assert of("lynkr") == groups - {"cache"}
    assert of("aiohttp") == groups - {"translate", "tokens", "cache"}
    assert of("direct") == groups - {"cpu", "memory", "tokens"}


@pytest.mark.parametrize(
    ("clean", "expected"),
    [
        ({200: [1, 1], 512: [1, 1], 2000: [1, 1]}, (2000, True)),
        ({200: [1, 1], 512: [1, 1], 2000: [1, 0]}, (512, True)),
        ({200: [1, 1], 512: [0, 1], 2000: [1, 1]}, (200, True)),
        ({200: [0, 0]}, (0, True)),
        ({}, (0, False)),
    ],
)
def test_streams_are_held_when_every_round_was_clean(
    clean: dict[int, list[int]], expected: tuple[int, bool]
) -> None:
    samples = Samples()
    for level, rounds in clean.items():
        for number, value in enumerate(rounds):
            samples.add(number, "lynkr", {f"streams_{level}_clean": float(value)})
    assert target.streams_held(samples, "lynkr", (2000, 200, 512)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (0.123, "0.12"), (12.34, "12.3"), (123.4, "123"), (54321.5, "54,322"), (7.0, "7")],
)
def test_figure(value: float, expected: str) -> None:
    assert target.figure(value) == expected


def test_stat_is_read_from_the_last_parenthesis() -> None:
    line = "42 (nginx: (worker) x) S 41 41 40 0 -1 4194304 90 0 0 0 7 3 0 0 20 0 1 0 100 1 2\n"
    assert procfs.parse_stat(line) == procfs.Stat(pid=42, parent=41, session=40)


def test_schedstat_is_time_on_core_and_time_waited() -> None:
    assert procfs.parse_schedstat("504918529 758231 18\n") == procfs.Cpu(504918529, 758231)


def test_rollup() -> None:
    text = "00400000-7fff0000 ---p 00000000 00:00 0 [rollup]\nRss:    56832 kB\nPss:  40000 kB\n"
    assert procfs.parse_rollup_kb(text, "Rss") == 56832
    with pytest.raises(ValueError, match="Swap"):
        procfs.parse_rollup_kb(text, "Swap")


def test_a_family_is_the_session_and_whoever_left_it() -> None:
    everyone = [
        procfs.Stat(pid=1, parent=0, session=1),
        procfs.Stat(pid=10, parent=1, session=10),
        procfs.Stat(pid=13, parent=12, session=13),  # a grandchild in a session of its own
        procfs.Stat(pid=11, parent=10, session=10),
        procfs.Stat(pid=12, parent=11, session=12),
        procfs.Stat(pid=14, parent=1, session=10),  # its parent is gone
        procfs.Stat(pid=20, parent=1, session=20),
    ]
    assert {one.pid for one in procfs.family(everyone, 10)} == {10, 11, 12, 13, 14}


@pytest.mark.parametrize("size_bytes", [body.SMALL_BYTES, 16 * body.KB, body.LARGE_BYTES])
@pytest.mark.parametrize("stream", [True, False])
def test_bodies_have_their_exact_size_and_stream_comes_last(size_bytes: int, stream: bool) -> None:
    made = body.agent_body(size_bytes, stream=stream)
    assert len(made) == size_bytes
    assert list(json.loads(made))[-1] == "stream"
    assert json.loads(made)["stream"] is stream


def _client_output() -> dict[str, object]:
    histogram = {"count": 2, "max_ns": 900, "buckets": [[500, 1], [900, 1]]}
    return {
        "begun": 2,
        "done": 2,
        "unfinished": 0,
        "elapsed_ns": 1000,
        "cpu_ns": 10,
        "errors": {"connect": 0, "status": 1, "closed": 2, "framing": 0, "last_status": 502},
        "chunks": 2,
        "lost": 0,
        "late": 0,
        "reordered": 0,
        **dict.fromkeys(("latency", "first_chunk", "chunk_delay", "chunk_gap"), histogram),
    }


def test_the_client_report_counts_errors_but_not_the_status_code() -> None:
    parsed = Report.parse(json.dumps(_client_output()))
    assert parsed.error_count == 3
    assert parsed.latency == [(500, 1), (900, 1)]


def test_a_run_with_errors_gives_no_number() -> None:
    with pytest.raises(Exception, match="2 done, 0 unfinished"):
        Report.parse(json.dumps(_client_output())).sound("lynkr")


def test_a_drawing_is_well_formed_and_shows_names_values_and_spread() -> None:
    bars = (chart.Bar("lynkr", 30.0, 28.0, 33.0), chart.Bar("a <b> & c", 0.0, 0.0, 0.0))
    drawing = chart.draw("CPU & more", [chart.Panel("1 KB", bars)], target.figure)
    words = [element.text for element in ElementTree.fromstring(drawing).iter()]
    assert "CPU & more" in words
    assert "a <b> & c" in words
    assert "30  (28 to 33)" in words


def test_the_table_and_the_result_leave_out_what_was_not_measured() -> None:
    machine = {"cpu": "x", "commit": "abc"}
    run = {"date": "2026-01-01", "rounds": "3", "effort": "full", "failures": ""}
    text = report.table(_samples(), ["nginx", "lynkr"], machine, run)
    assert "| per 1 KB request, µs | 20 (20 to 40) | 34 (30 to 60) |" in text
    assert "## Saturation" not in text
    everything = report.result(_samples(), ["nginx", "lynkr"], machine, run)
    assert json.loads(json.dumps(everything))["summary"]["lynkr"]["cpu_1kb_us"]["median"] == 34.0
    assert set(report.charts(_samples(), ["nginx", "lynkr"])) == {"cpu_request.svg"}


def test_a_failed_measurement_is_said_at_the_top() -> None:
    run = {"date": "2026-01-01", "rounds": "3", "effort": "full", "failures": "round 1: lynkr"}
    text = report.table(_samples(), ["nginx"], {"commit": "abc"}, run)
    assert "**Incomplete.** round 1: lynkr" in text
