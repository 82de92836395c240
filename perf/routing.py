"""`python -m perf.routing`: what deciding the tier of a call costs, in process.

Bodies of Messages with tools, a history of calls and results, reminders around the ask, and an ask
that is new each time, so that no memo knows it. A decision is everything from the scanned body to
the verdict: side calls, own words, features, embedding, exemplars, bands, pin, reason. The scan is
shown beside it, because other parts of the gateway need it too. CPU microseconds of the thread.

    python -m perf.routing                 1,000 asks a case
    python -m perf.routing --rounds 200
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from lynkr._native.spans import MESSAGES, scan
from lynkr.policies.difficulty.score import measured, scorer
from lynkr.policies.routing.facts import Policy
from lynkr.policies.routing.offers import Offer, digest
from lynkr.policies.routing.seen import facts_of
from lynkr.policies.routing.verdict import decide
from lynkr.policies.side_calls import side_call
from perf.body import SOURCE
from perf.conversation import WORDS
from perf.passes import Stopwatch, Times
from perf.questions import COUNT, question
from perf.sample import percentile

ROUNDS, WARM_UP = 1_000, 50
REMINDER = (
    "<system-reminder>\nThe user opened the file {path} in the IDE. This may or may not be related "
    "to the current task.\n</system-reminder>\n"
)
TASKS = (
    "Please change {path} so that {a} and {b} are read once, keep the tests green.",
    "Why does {a} of {path} differ from {b} after a restart?",
    "Refactor {a} across the services, migrate {b}, and update every caller in {path}.",
    "Prove that {a} never overtakes {b}, or find a history in which it does.",
)
OFFERS = tuple((Offer(f"demo:{name}", digest(f"demo:{name}")),) for name in "smcr")
NOW_S = 1_800_000_000.0


class Case(NamedTuple):
    name: str
    body_bytes: int
    ask_chars: int
    p99_max_us: float  # the target, the scan apart


CASES = (
    Case("10 KB, ask of 200", 10_000, 200, 300.0),
    Case("300 KB, ask of 200", 300_000, 200, 600.0),
    Case("10 KB, ask of 8,000", 10_000, 8_000, 300.0),
    Case("300 KB, ask of 20,000", 300_000, 20_000, 600.0),
)


def _tool(name: str, random: Random) -> dict[str, Any]:
    properties = {word: {"type": "string"} for word in random.sample(WORDS, 4)}
    return {
        "name": name,
        "description": f"{name}. {SOURCE}",
        "input_schema": {"type": "object", "properties": properties},
    }


def ask(number: int, chars: int) -> str:
    """New words for each number: a task, then questions until they are long enough."""
    random = Random(number)
    a, b, c = random.sample(WORDS, 3)
    text = TASKS[number % len(TASKS)].format(a=a, b=b, path=f"src/{c}/{a}.py")
    further = number * 7919
    while len(text) < chars:
        text += " " + question(further % COUNT)
        further += 1
    return text[: max(chars, 60)]


def body(number: int, case: Case) -> bytes:
    """A request of a session under way, about as large as the case wants it."""
    random = Random(number)
    said = ask(number, case.ask_chars)
    tools = [_tool(name, random) for name in ("Bash", "Read", "Edit", "Grep", "Task", "Write")]
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"Look at {number} first."}]
    size = len(said) + 4_000
    while size < case.body_bytes:
        at = len(messages)
        call = {"type": "tool_use", "id": f"t{at}", "name": "Read", "input": {"path": "a.py"}}
        result = SOURCE * min(40, max(1, (case.body_bytes - size) // len(SOURCE)))
        messages += [
            {"role": "assistant", "content": [{"type": "text", "text": "I look."}, call]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": f"t{at}", "content": result},
            ]},
        ]  # fmt: skip
        size += len(result) * 11 // 10 + 250
    messages += [
        {"role": "assistant", "content": "I have read it. What next?"},
        {"role": "user", "content": [
            {"type": "text", "text": REMINDER.format(path=f"src/{number}.py")},
            {"type": "text", "text": said},
        ]},
    ]  # fmt: skip
    made = {"model": "auto", "max_tokens": 8_000, "tools": tools, "messages": messages}
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def decided(content: bytes, times: Times) -> None:
    """What a gateway does with one body, stage by stage."""
    watch = Stopwatch(times)
    layout = scan(content, MESSAGES)
    watch.lap("scan")
    assert layout is not None
    watch = Stopwatch(times)
    side = side_call("messages", content, layout)
    said, seen = facts_of("messages", content, layout, side)
    watch.lap("words")
    found = measured(said, seen)
    watch.lap("measure")
    score = scorer().score(found)
    watch.lap("score")
    decide(score, seen, None, POLICY, NOW_S, OFFERS)
    watch.lap("verdict")
    watch.end()


POLICY = Policy()


def measure(case: Case, rounds: int, made: Callable[[int, Case], bytes] = body) -> bool:
    """Print a line; whether the target is met."""
    for number in range(WARM_UP):
        decided(made(number, case), defaultdict(list))
    times: Times = defaultdict(list)
    for number in range(WARM_UP, WARM_UP + rounds):
        content = made(number, case)  # making it also pushes the last one out of the caches
        decided(content, times)
    p50, p99 = (percentile(_buckets(times["all"]), percent) / 1000 for percent in (50, 99))
    scans = [percentile(_buckets(times["scan"]), percent) / 1000 for percent in (50, 99)]
    parts = "  ".join(
        f"{stage} {percentile(_buckets(times[stage]), 50) / 1000:.0f}"
        for stage in ("words", "measure", "score", "verdict")
    )
    met = p99 <= case.p99_max_us
    word = "met" if met else "MISSED"
    print(
        f"{case.name:<22} {p50:7.0f} {p99:7.0f}  scan {scans[0]:5.0f} {scans[1]:5.0f}  "
        f"{word:<6} <= {case.p99_max_us:.0f}   {parts}"
    )
    return met


def _buckets(microseconds: list[float]) -> list[tuple[int, int]]:
    return [(round(us * 1000), 1) for us in microseconds]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m perf.routing", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="asks of each case")
    rounds: int = parser.parse_args().rounds
    begun = time.perf_counter()
    scorer().score(measured(*facts_of("messages", *_first())))
    print(f"loaded in {(time.perf_counter() - begun) * 1e3:.0f} ms")
    gc.collect()
    gc.freeze()  # as a worker does after its start
    print("CPU us: 50 % and 99 % of a decision without the scan, then of the scan; stages at 50 %")
    for case in CASES:
        measure(case, rounds)


def _first() -> tuple[bytes, Any, str]:
    content = body(0, CASES[0])
    return content, scan(content, MESSAGES), ""


if __name__ == "__main__":
    main()
