"""`python -m perf.compare OLD NEW`: two builds of lynkr, alternating, as a ratio within each round.

OLD and NEW are paths to `lynkr` executables, each in the virtual environment of its own checkout.
Give the same path twice first: how far that is from 1 is what this machine cannot tell apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from perf import body, measure
from perf.gateway import SPLICED, TRANSLATED, lynkr_at, started
from perf.load import Client, mock_upstream
from perf.measure import FULL, QUICK, Bench
from perf.process import Cores, command, raise_open_files, unwind_on_signals
from perf.sample import Samples
from perf.target import figure

ROUNDS = 5
METRICS = {
    "CPU per 1 KB request, µs": "cpu_1kb_us",
    "CPU per 100 KB request, µs": "cpu_100kb_us",
    "CPU per SSE chunk, µs": "cpu_chunk_us",
}
OLD, NEW = "old", "new"


def table(samples: Samples) -> str:
    lines = ["| | old | new | new / old | lowest to highest |", "| --- | --: | --: | --: | --: |"]
    for label, metric in METRICS.items():
        old, new = samples.spread(OLD, metric), samples.spread(NEW, metric)
        ratio = samples.ratio(NEW, OLD, metric)
        if old and new and ratio:
            cells = (label, figure(old.median), figure(new.median), f"{ratio.median:.3f}")
            lines.append("| " + " | ".join((*cells, f"{ratio.low:.3f} to {ratio.high:.3f}")) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m perf.compare", description=__doc__)
    parser.add_argument(OLD, type=Path)
    parser.add_argument(NEW, type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="small rounds")
    parser.add_argument("--translated", action="store_true", help="the provider speaks Chat")
    options = parser.parse_args()
    unwind_on_signals()
    raise_open_files()
    cores = Cores.of_this_machine()
    probe = body.agent_body(body.SMALL_BYTES, stream=False)
    # Not resolved: an executable finds its virtual environment by the path it is called by.
    builds = {
        name: lynkr_at(
            str(getattr(options, name).absolute()), TRANSLATED if options.translated else SPLICED
        )
        for name in (OLD, NEW)
    }
    samples = Samples()
    with tempfile.TemporaryDirectory(prefix="perf-") as name:
        client = Client(cores, body.write_bodies(Path(name)))
        with mock_upstream(cores, Path(name)) as mock:
            bench = Bench(mock, client, QUICK if options.quick else FULL)
            for number in range(1, options.rounds + 1):
                # Who goes first changes: the second of a pair finds the machine warmer.
                for build in (OLD, NEW) if number % 2 else (NEW, OLD):
                    print(f"round {number}, {build}", file=sys.stderr, flush=True)
                    with started(build, builds[build], mock.port, cores, probe) as gateway:
                        bench.warm_up(gateway)
                        samples.add(number, build, measure.cpu(bench, gateway))
    print(table(samples))
    return 0


if __name__ == "__main__":
    command(main)
