"""`python -m perf`: rounds of measurements over all subjects, alternating, then the report.

Within a round every group of measurements visits the subjects one after the other, and only one
gateway is alive at a time. So a pair that is compared is seconds apart, and nothing idles in the
background.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from perf import body, machine, measure, report
from perf.gateway import DEFAULT_SUBJECTS, SUBJECTS, Gateway, started
from perf.load import Client, mock_upstream
from perf.measure import FULL, GROUPS, MEMORY, QUICK, Bench, takes_part
from perf.process import Cores, HarnessError, command, raise_open_files, unwind_on_signals
from perf.sample import Samples
from perf.target import DIRECT

ROUNDS = 5
RESULTS = Path(__file__).parent / "results"


def progress(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def no_gateway(port: int) -> Iterator[Gateway]:
    yield Gateway(DIRECT, port, None, 0.0)


class Campaign:
    """One run: who takes part, and what has been measured so far."""

    def __init__(self, bench: Bench, cores: Cores, subjects: Sequence[str]) -> None:
        self.samples = Samples()
        self.failures: list[str] = []
        self._bench = bench
        self._cores = cores
        self._subjects = list(subjects)
        self._probe = body.agent_body(body.SMALL_BYTES, stream=False)

    def _start(self, subject: str) -> AbstractContextManager[Gateway]:
        port = self._bench.mock.port
        if subject == DIRECT:
            return no_gateway(port)
        return started(subject, SUBJECTS[subject], port, self._cores, self._probe)

    def _measure(self, group: str, subject: str) -> dict[str, float]:
        if group == MEMORY:
            return measure.memory(self._bench, lambda: self._start(subject))
        with self._start(subject) as gateway:
            self._bench.warm_up(gateway)
            return GROUPS[group](self._bench, gateway)

    def round(self, number: int, groups: Sequence[str]) -> None:
        # Each round begins with another subject, so that none always goes first.
        turn = (number - 1) % len(self._subjects)
        order = [DIRECT, *self._subjects[turn:], *self._subjects[:turn]]
        for group in groups:
            for subject in order:
                if not takes_part(group, subject):
                    continue
                progress(f"round {number}, {group}, {subject}")
                try:
                    self.samples.add(number, subject, self._measure(group, subject))
                except HarnessError as error:
                    # Reported as missing; the others still get their numbers.
                    self.failures.append(f"round {number}, {group}, {subject}: {error}")
                    progress(f"FAILED {self.failures[-1]}")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m perf", description=__doc__)
    parser.add_argument("--only", help=f"some of {','.join((*GROUPS, MEMORY))}")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}; 1 with --quick")
    default = ",".join(DEFAULT_SUBJECTS)
    parser.add_argument("--subjects", default=default, help=f"some of {','.join(SUBJECTS)}")
    parser.add_argument("--quick", action="store_true", help="a fast look: one small round")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results are written")
    options = parser.parse_args(arguments)
    options.groups = options.only.split(",") if options.only else [*GROUPS, MEMORY]
    options.subjects = options.subjects.split(",")
    options.rounds = options.rounds or (1 if options.quick else ROUNDS)
    if unknown := set(options.groups) - {*GROUPS, MEMORY} | set(options.subjects) - set(SUBJECTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


def main() -> int:
    options = parse()
    unwind_on_signals()
    raise_open_files()
    cores = Cores.of_this_machine()
    if cores.gateway == cores.upstream:
        progress("only one core: the gateway shares it with its load, and latencies mean little")
    begun = datetime.datetime.now(datetime.UTC)
    with tempfile.TemporaryDirectory(prefix="perf-") as name:
        directory = Path(name)
        client = Client(cores, body.write_bodies(directory))
        with mock_upstream(cores, directory) as mock:
            campaign = Campaign(
                Bench(mock, client, QUICK if options.quick else FULL), cores, options.subjects
            )
            for number in range(1, options.rounds + 1):
                campaign.round(number, options.groups)
    run = {
        "date": begun.strftime("%Y-%m-%d"),
        "started": begun.isoformat(timespec="seconds"),
        "rounds": str(options.rounds),
        "effort": "quick" if options.quick else "full",
        "failures": "; ".join(campaign.failures),
    }
    print(report.write(options.out, campaign.samples, options.subjects, machine.facts(cores), run))
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    command(main)
