"""`python -m perf.passes`: what each token pass costs on a 100 KB agent body, in process.

Three cases: *seen*, a body that came before; *next turn*, the session's next request with one new
JSON result of 4 KB in it, which is what an agent sends; *new*, a body of which nothing was seen.
CPU microseconds of its thread, the median over the rounds, each round with texts of its own. What a
stage allocates is freed outside of it. The cost through a whole gateway is `--only tokens` of
`python -m perf`.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections import defaultdict

from lynkr._native.memo import Memo
from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, replaced, scan
from lynkr.gateway.sessions import Sessions, prompt_key, session_key
from lynkr.transforms.cache_plan import Aim, goes_on, marking, standing
from lynkr.transforms.passes import Want, Work, order
from perf.conversation import body_of, conversation, with_fresh_result

DIALECTS = {"messages": MESSAGES, "chat": CHAT, "responses": RESPONSES}
AIMS = {
    "messages": Aim(
        style="explicit", tokens_min=1024, breakpoints_max=4, lookback_blocks=20, marks=True
    ),
    "chat": Aim(style="automatic", tokens_min=1024, cache_key=True),
    "responses": Aim(style="automatic", tokens_min=1024, cache_key=True),
}
SIZE = 100 * 1024
MEMO_BYTES = 64 * 1024 * 1024
CASES = ("seen", "next turn", "new")
TOTAL = "all"

Times = dict[str, list[float]]  # stage -> microseconds, one per round


class Stopwatch:
    """Laps go to ``times`` under the name of the stage that has ended."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._begun = self._last = time.thread_time_ns()

    def lap(self, stage: str) -> None:
        now = time.thread_time_ns()
        self._times[stage].append((now - self._last) / 1000)
        self._last = time.thread_time_ns()

    def end(self) -> None:
        self._times[TOTAL].append((self._last - self._begun) / 1000)


def timed(body: bytes, dialect: str, memo: Memo, sessions: Sessions, times: Times) -> int:
    """Does what the gateway does with one body, stage by stage; the bytes that would be sent."""
    api, aim, passes = DIALECTS[dialect], AIMS[dialect], order()
    watch = Stopwatch(times)
    layout = scan(body, api)
    watch.lap("scan")
    assert layout is not None
    key = session_key(b"", b"session", b"target", body, layout)
    session = sessions.known(key)
    if session is None:
        session = sessions.find(key, prompt_key(b"", body, layout))
    pays, moving = marking(layout, grows=False)
    if pays and not moving:
        moving = goes_on(body, layout, session.standing)
    if aim.marks:
        session.standing = standing(body, layout)
    watch.lap("session")
    want = Want(
        tools="session", results="lossless", repeats=True, marks="5m" if pays else "",
        moving=moving, cache_key=key.hex(),
    )  # fmt: skip
    work = Work(body, layout, want, aim, memo)
    watch.lap("work")
    for apply in passes:
        apply(work)
        watch.lap(apply.__name__)
    work.edits.sort()
    sent = replaced(body, work.edits) if work.edits else body
    watch.lap("replace")
    watch.end()
    return len(sent)


def measured(dialect: str, rounds: int) -> tuple[dict[str, Times], int, int]:
    """Times by case; the bytes of the last body, and those that would be sent of it."""
    found: dict[str, Times] = {case: defaultdict(list) for case in CASES}
    nowhere: Times = defaultdict(list)
    memo, sessions = Memo(MEMO_BYTES), Sessions()
    session = conversation(0, SIZE)
    before = body_of(session, dialect)
    timed(before, dialect, memo, sessions, nowhere)
    body, sent = before, 0
    gc.disable()
    for number in range(1, rounds + 1):
        new = body_of(conversation(number, SIZE), dialect)
        timed(new, dialect, memo, sessions, found["new"])
        timed(before, dialect, memo, sessions, nowhere)  # out of the cold again
        body = body_of(with_fresh_result(session, number), dialect)
        sent = timed(body, dialect, memo, sessions, found["next turn"])
        timed(body, dialect, memo, sessions, found["seen"])
        gc.collect()
    gc.enable()
    return found, len(body), sent


def main() -> None:
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m perf.passes", description=about)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    for dialect in DIALECTS:
        found, size, sent = measured(dialect, rounds)
        print(f"{dialect}: {size:,} bytes, sent {sent:,}; us, median of {rounds} rounds")
        print(f"  {'':<14}" + "".join(f"{case:>12}" for case in CASES))
        for stage in found[CASES[0]]:
            cells = [statistics.median(found[case][stage]) for case in CASES]
            print(f"  {stage:<14}" + "".join(f"{cell:12.1f}" for cell in cells))


if __name__ == "__main__":
    main()
