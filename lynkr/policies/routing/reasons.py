"""A verdict in one sentence, and in a second one what would have made it another.

Sentences are ASCII, for they travel in headers, and hold numbers and the gateway's own words only:
of a text they name no more than the word of the gateway's lists that matched it.
"""

from __future__ import annotations

import functools

from lynkr.policies.difficulty.score import leading, scorer
from lynkr.policies.routing.facts import TIERS, Floor, Pin, Score, Switch

LENGTH_MAX = 200
_NAMED = 3  # parts named of a score: two dimensions at least


def sentence(text: str) -> str:
    """ASCII, and no longer than a header should be."""
    if not text.isascii():
        text = text.encode("ascii", "replace").decode("ascii")
    return text if len(text) <= LENGTH_MAX else f"{text[: LENGTH_MAX - 3]}..."


def opening(tier: int, before: int = -1, way: str = "") -> str:
    """The tier, and which one it was before where a conversation moves."""
    if before < 0 or before == tier:
        return TIERS[tier]
    return f"{TIERS[tier]}, {way or ('up' if tier > before else 'down')} from {TIERS[before]}"


# --- why ------------------------------------------------------------------------------------------


def measured(score: Score | None) -> str:
    """What a score is, and what it is made of."""
    if score is None:
        return "nothing was said that could be measured"
    if score.basis == "closing":
        return "nothing is asked any more"
    of = " of what was proposed" if score.basis == "proposal" else ""
    named = leading(score, _NAMED)
    most = f"; most from {named}" if named else ""
    return f"score {score.value:.0f}{of} in bands {_bands(scorer().fitted.bands)}{most}"


@functools.cache
def _bands(bands: tuple[float, float, float]) -> str:
    return "/".join([f"{band:.0f}" for band in bands])


def floored(floor: Floor | None, score: Score | None) -> str:
    """A rule over the score; ``None`` is plan mode's."""
    over = f" over score {score.value:.0f}" if score is not None else ""
    if floor is None:
        return f"plan mode{over}"
    word = f" ({_word(floor)})" if floor.word else ""
    return f"floor {floor.rule}{word}{over}"


def pinned(pin: Pin, calls: int) -> str:
    return f"{TIERS[pin.tier]}: pinned for {calls} {'call' if calls == 1 else 'calls'}"


def money(switch: Switch | None, calls: int) -> str:
    """What moving would cost or save."""
    if switch is None:
        return "prices are not known"
    more = switch.move_usd - switch.stay_usd
    word = "save" if more < 0 else "cost"
    further = "" if more < 0 else " more"
    return f"moving would {word} ${abs(more):.3f}{further} over {calls} calls"


def _word(floor: Floor) -> str:
    """Without the mark of a stem."""
    return floor.word.rstrip("*") if floor.word.isascii() else "a word of another language"


# --- what if --------------------------------------------------------------------------------------


def by_score(score: Score | None, least: int = -1) -> str:
    """The scores of the tiers beside, but for those that floors forbid, below ``least``. What alone
    would make the difference takes 50 us to find, so ``difficulty.score.changes`` is for those who
    ask."""
    if score is None or score.basis == "closing":
        return ""
    return _beside(score.tier, max(least, 0), scorer().fitted.bands)


@functools.cache
def _beside(tier: int, least: int, bands: tuple[float, float, float]) -> str:
    said = []
    if tier < len(bands):
        said.append(f"{TIERS[tier + 1]} from score {bands[tier]:.0f}")
    if tier > least:
        said.append(f"{TIERS[tier - 1]} below {bands[tier - 1]:.0f}")
    return ", ".join(said)


def without_floor(floor: Floor | None, tier: int) -> str:
    if floor is None:
        return f"{TIERS[tier]} outside of plan mode"
    if floor.rule == "risk":
        return f"{TIERS[tier]} without {_quoted(floor)} in a changing request"
    return f"{TIERS[tier]} without {_quoted(floor)}"


def _quoted(floor: Floor) -> str:
    if not floor.word:
        return f"the floor {floor.rule}"
    return f"the word {_word(floor)}" if floor.word.isascii() else _word(floor)
