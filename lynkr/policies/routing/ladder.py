"""When a conversation is moved a tier up by what came of its calls: the escalation ladder.

One step per streak: a streak that began before the last decision is not held against the model that
was chosen by it. Counting is all there is to go by, since a ``Pin`` holds no words.
"""

from __future__ import annotations

from lynkr.policies.routing.facts import REASONING, Pin, Seen

ERRORS_MIN = 3  # tool results in a row that failed
EDIT_FAILURES_MIN = 2  # edits in a row that could not be applied
LOOPS_MIN = 3  # the very same call, made one after the other


def again(seen: Seen, pin: Pin) -> bool:
    """Whether this is the request of the last call once more, as a client's own retry is."""
    return seen.prompt_tokens > 0 and seen.prompt_tokens == pin.prompt_tokens


def step(seen: Seen, pin: Pin) -> str:
    """Why the conversation is to go one tier up, in a few words; "" if it is not.

    A failure counts only with the request that brings it, so a streak that is merely still there
    moves nothing. A user who asks again counts where something had also failed.
    """
    if pin.tier >= REASONING or again(seen, pin):
        return ""
    if seen.edit_failures and _late(seen.edit_failures_in_row, EDIT_FAILURES_MIN, seen, pin):
        return f"{seen.edit_failures_in_row} edits in a row could not be applied"
    if seen.errors and _late(seen.errors_in_row, ERRORS_MIN, seen, pin):
        return f"{seen.errors_in_row} tool errors in a row"
    if seen.results and _late(seen.loops, LOOPS_MIN, seen, pin):
        return f"the same call {seen.loops} times in a row"
    if seen.typed and seen.retried:
        failed = max(seen.errors_in_row, seen.edit_failures_in_row)
        if _late(failed, 1, seen, pin) or _late(seen.loops, LOOPS_MIN - 1, seen, pin):
            return "the user asks again after failures"
    return ""


def _late(count: int, least: int, seen: Seen, pin: Pin) -> bool:
    """Whether a streak is long enough, and another one than that which raised the pin.

    Every call since that decision has brought at least one result, and the last one
    ``seen.results``: a streak that is longer than all of them began before it. ``seen`` counts the
    last two dozen results, so one that never ends may raise a conversation once more.
    """
    if count < least:
        return False
    return pin.raised == 0 or count <= pin.turns + max(1, seen.results)
