"""Whether the answer kept for one question may be served for another.

Three things must be: the vectors near, the words of either covered by the other's, and nothing that
speaks against it. Each refusal says why, in the words of ``VETOES``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec

from lynkr._native.questions import Guard
from lynkr.policies.questions.features import ASKED, TOLD, VERSION, stem_hash
from lynkr.policies.questions.frames import FITS, FRAME_NUMBERS
from lynkr.policies.questions.vocabulary import ALIKE, APART, IMPLIED, OPPOSITE

# In the order of the bits that ``Guard.compare`` gives.
VETOES = (
    *("version", "language", "fleeting", "length", "style", "number", "unit", "negation"),
    *("code", "path", "quote", "name", "antonym", "direction", "frame"),
)
_COVERAGE_WORTH = 0.2  # of coverage against similarity, when several kept questions are allowed


class Rule(msgspec.Struct, frozen=True):
    """What two questions must have in common."""

    similarity_min: float = 0.75  # cosine
    coverage_min: float = 0.90  # share of either question's content that the other must hold
    statement_coverage_min: float = 0.90  # the same of two statements, whose wording is freer
    lead_min: float = 0.0  # by how much the best kept question must lead a different one


RULES = {
    "strict": Rule(0.80, 0.95, 0.95),
    "default": Rule(),
    "balanced": Rule(0.75, 0.85, 0.35, 0.018),
}


class Verdict(msgspec.Struct, frozen=True):
    """``vetoes``: what speaks against it; "similarity" and "coverage" where the rule asks more."""

    allowed: bool
    coverage: float
    vetoes: tuple[str, ...]


_FAR = Verdict(False, 0.0, ("similarity",))
_BEHIND = Verdict(False, 0.0, ())


class Choice(msgspec.Struct, frozen=True):
    """``index``: which of the kept questions has the answer, or -1. ``verdicts``: one for each."""

    index: int
    verdicts: tuple[Verdict, ...]


def judge(asked: bytes, kept: bytes, similarity: float, rule: Rule) -> Verdict:
    """Whether the answer kept for one question may be served for another.

    ``asked`` and ``kept`` are packed by ``features``, in whatever order; ``similarity`` is the
    cosine of their vectors. Bytes of another version, or of none, are refused and never raise.
    """
    if not asked or asked[0] != VERSION:
        return Verdict(False, 0.0, ("version",))
    coverage, against = _guard().compare(asked, kept)
    least = rule.coverage_min
    if against & 1 == 0 and (asked[2] | kept[2]) & (TOLD | ASKED) == TOLD:
        least = rule.statement_coverage_min
    if similarity >= rule.similarity_min and coverage >= least and not against:
        return Verdict(True, coverage, ())
    vetoes = _named(against)
    if not similarity >= rule.similarity_min:  # so that no number is refused too
        vetoes = (*vetoes, "similarity")
    if coverage < least and not against & 1:
        vetoes = (*vetoes, "coverage")
    return Verdict(False, coverage, vetoes)


def choose(asked: bytes, kept: Sequence[tuple[bytes, float]], rule: Rule) -> Choice:
    """The best of several kept questions, each with its similarity; the first of equals.

    Where the rule asks for a lead, two different questions that come too near to each other are
    both refused: then it cannot be told which of them is meant.
    """
    verdicts = []
    best, worth, second = -1, 0.0, 0.0
    for place, (blob, similarity) in enumerate(kept):
        # Not even looked at: what is too far away, and what could not win. Each look at features
        # that were not used lately waits for memory.
        if not similarity >= rule.similarity_min:
            verdicts.append(_FAR)
            continue
        if best >= 0 and rule.lead_min <= 0 and similarity + _COVERAGE_WORTH <= worth:
            verdicts.append(_BEHIND)
            continue
        verdict = judge(asked, blob, similarity, rule)
        verdicts.append(verdict)
        if not verdict.allowed:
            continue
        value = similarity + _COVERAGE_WORTH * verdict.coverage
        if best < 0:
            best, worth = place, value
        elif value > worth:
            if blob != kept[best][0]:
                second = max(second, worth)
            best, worth = place, value
        elif blob != kept[best][0]:
            second = max(second, value)
    if best >= 0 and second > 0 and worth - second < rule.lead_min:
        return Choice(-1, tuple(verdicts))
    return Choice(best, tuple(verdicts))


@functools.cache
def _named(against: int) -> tuple[str, ...]:
    return tuple(name for bit, name in enumerate(VETOES) if against >> bit & 1)


def _pairs(groups: list[list[str]]) -> list[tuple[int, int]]:
    found = {
        (stem_hash(one), stem_hash(other))
        for group in groups
        for place, one in enumerate(group)
        for other in group[place + 1 :]
        if one != other
    }
    return sorted(found)


@functools.cache
def _guard() -> Guard:
    return Guard(
        b"".join(FITS),
        FRAME_NUMBERS["why"],
        FRAME_NUMBERS["many"],
        _pairs(ALIKE),
        _pairs(OPPOSITE),
        _pairs(APART),
        [(stem_hash(name), stem_hash(word)) for word, name in IMPLIED],
    )
