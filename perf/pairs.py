"""`python -m perf.pairs`: what translating one delta costs, for every pair of dialects, in process.

Each delta is one network read, as it is when a model writes; sockets and framing are left out, and
the splice lane's tee on the same bytes stands beside it for scale. What a whole gateway makes of it
is measured by `python -m perf --only translate`.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lynkr.gateway.translate import Plan, ReplyTranslator, Translation
from lynkr.providers.losses import tolerated
from lynkr.wire.apis import APIS, TRANSLATED
from lynkr.wire.codec import Target, codec
from perf import machine
from perf.deltas import PROVIDERS, TOOL, Stream
from perf.process import Cores
from perf.report import cell, grid
from perf.sample import Samples

ROUNDS = 15
DELTAS = 2000
RESULT = Path(__file__).parent / "results" / "translate-pairs.md"
KINDS = ("text", "arguments")

_SCHEMA = (
    b'{"type":"object","properties":{"file_path":{"type":"string"},"content":{"type":"string"}}}'
)
_NAME = TOOL.encode()
# The least that a streamed call with a tool says, per client dialect.
REQUESTS = {
    "messages": b'{"model":"m","max_tokens":99,"stream":true,"messages":[{"role":"user",'
    b'"content":"hi"}],"tools":[{"name":"%b","input_schema":%b}]}' % (_NAME, _SCHEMA),
    "chat": b'{"model":"m","stream":true,"stream_options":{"include_usage":true},'
    b'"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function",'
    b'"function":{"name":"%b","parameters":%b}}]}' % (_NAME, _SCHEMA),
    "responses": b'{"model":"m","stream":true,"input":"hi","tools":[{"type":"function",'
    b'"name":"%b","parameters":%b}]}' % (_NAME, _SCHEMA),
    "gemini": b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"tools":['
    b'{"functionDeclarations":[{"name":"%b","parametersJsonSchema":%b}]}]}' % (_NAME, _SCHEMA),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two APIs: what the provider speaks, and what its client does."""

    provider: str
    client: str

    def __str__(self) -> str:
        return f"{self.provider} to {self.client}"


PAIRS = [
    Pair(provider, client) for client in REQUESTS for provider in PROVIDERS if provider != client
]


def translator(pair: Pair) -> ReplyTranslator:
    """One as `gateway/writing` makes it for a call."""
    client, spoken = TRANSLATED[pair.client], TRANSLATED[pair.provider]
    asked = codec(client).decode_request(REQUESTS[pair.client], "m", True)
    plan = Plan(client, spoken, Target(model="m"), tolerated(spoken), "main")
    return Translation(asked, asked, plan, call_id="1", created=1795430401).streamed(None, None)


def tee(provider: str) -> Callable[[bytes], object] | None:
    """Who reads along when the same bytes are spliced; nobody splices Converse."""
    if provider not in APIS:
        return None
    return APIS[provider].format.events.tee(None, None).feed


def cost_us(feed: Callable[[bytes], object], stream: Stream) -> float:
    """CPU microseconds per delta."""
    feed(stream.opening)
    deltas = stream.deltas
    begun = time.process_time_ns()
    for delta in deltas:
        feed(delta)
    return (time.process_time_ns() - begun) / 1000 / len(deltas)


def streams(deltas: int) -> dict[tuple[str, str], Stream]:
    """By provider and kind."""
    return {
        (name, kind): getattr(provider, kind)(deltas)
        for name, provider in PROVIDERS.items()
        for kind in KINDS
    }


def measure_round(
    replies: dict[tuple[str, str], Stream],
) -> Iterator[tuple[str, dict[str, float]]]:
    """Every pair and every tee once."""
    for pair in PAIRS:
        yield (
            str(pair),
            {kind: cost_us(translator(pair).feed, replies[pair.provider, kind]) for kind in KINDS},
        )
    for (provider, kind), stream in replies.items():
        feed = tee(provider)
        if feed is not None:
            yield provider, {kind: cost_us(feed, stream)}


def measured(rounds: int, deltas: int) -> Samples:
    replies = streams(deltas)
    samples = Samples()
    for _ in measure_round(streams(100)):
        pass  # everything is loaded, and has run once
    gc.collect()
    gc.freeze()  # as a worker does after its start
    for number in range(1, rounds + 1):
        for subject, values in measure_round(replies):
            samples.add(number, subject, values)
    return samples


def table(samples: Samples) -> list[str]:
    rows = []
    for pair in PAIRS:
        subjects = (str(pair), pair.provider)
        cells = (cell(samples.spread(name, kind)) for name in subjects for kind in KINDS)
        rows.append((str(pair), *cells))
    head = ("provider to client", "text", "arguments", "tee on text", "tee on arguments")
    return grid(head, rows)


PAGE = """\
# Translating one delta

{run}.
CPU microseconds: median over the rounds; lowest and highest in parentheses. No sockets, and caches
that nothing else has used meanwhile. Method and bias: `perf/README.md`.

{table}

- A delta is 20 to 40 bytes of text in a network read of its own, with the fields that each provider
  sends around it.
- Gemini sends calls whole: its arguments are a call each. To a Gemini client a call goes when it is
  whole: its fragments are only kept.
- The tee is what the splice lane does with the same bytes. Converse has none: no client speaks it.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m perf.pairs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--deltas", type=int, default=DELTAS, help="per stream and round")
    parser.add_argument("--out", type=Path, default=RESULT, help="the file that is written")
    options = parser.parse_args(arguments)
    samples = measured(options.rounds, options.deltas)
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    facts = machine.facts(Cores.of_this_machine())
    run = (
        f"{date}, `python -m perf.pairs`: {options.rounds} rounds of {options.deltas:,} deltas,"
        f" commit {facts['commit']}, Python {facts['python']}, {facts['cpu']}"
    )
    said = PAGE.format(run=run, table="\n".join(table(samples)))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(said)
    print(said, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
