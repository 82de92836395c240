"""How hard an ask is: one number of 0 to 100, and the tier in whose band it lies.

Each feature of the words (the fifteen dimensions, and many small ones) and their meaning
(``intent``) have fixed weights in three sums, one for each bound between two tiers. A sum says how
likely the ask is beyond its bound; the mean of the three chances is the score, save a few points of
a fourth: how likely a stronger model answers such a question where a weaker one fails. Bands cut it
into tiers. Every score can be taken apart again: ``contributions`` says what it is made of,
``changes`` what would have to be different for a neighbouring tier. The numbers are fitted offline
(``python -m eval.fit_routing``); nothing is learned here.

Floors are only reported. What they do to the tier is for the verdict, and the configuration.
"""

from __future__ import annotations

import functools

import msgspec

from lynkr._native.weigh import Weights
from lynkr.policies.difficulty.dimensions import FEATURES as OF_WORDS
from lynkr.policies.difficulty.dimensions import NAMES, features
from lynkr.policies.difficulty.fitted import VERSION, Exemplars, Fitted, shipped
from lynkr.policies.difficulty.floors import floors
from lynkr.policies.difficulty.followups import basis_of, proposal_text
from lynkr.policies.difficulty.intent import Meaning, Space, embedded
from lynkr.policies.difficulty.reading import read
from lynkr.policies.routing.facts import SIMPLE, Ask, Floor, Score, Seen

INTENT = "intent"
OTHER = "wording"  # of contributions: the features that are no dimension, together
_ENGLISH = frozenset(("", "en"))
_DIMENSIONS = len(NAMES)
_TOKEN_COUNT = NAMES.index("token_count")
_BOUNDS = 3
_HALVINGS = 8  # of a dimension's range: to 1/256
_TRIED = 2  # dimensions that would do, the steepest first, of which one is named

# What the sums need beside the features of the words. Length says much of a short ask and little
# of a long one; questions of an examination are no coding, and their options no list of tasks.
FEATURES: tuple[str, ...] = (*OF_WORDS, "long", "choices", "formulas")
_LONG = 0.45  # of ``token_count``: from 48 tokens on
_CHOICES = ("\nB. ", "\nB) ", "\n(B) ", "\nB: ")
_FORMULAS_CHARS = 4000  # of a text that are looked at for them
_FORMULAS = ("\\frac", "\\sqrt", "\\sum", "\\int", "\\(", "$\\", "^{", "_{")

Sums = tuple[float, float, float, float]  # of the bounds, then of the gain


class Change(msgspec.Struct, frozen=True):
    """What alone would bring an ask into a neighbouring tier's band."""

    name: str  # of a dimension, or "intent"
    now: float  # 0 to 1
    then: float
    tier: int


class Measured(msgspec.Struct, frozen=True):
    """Everything that a score is made of, before it is summed."""

    basis: str
    values: tuple[float, ...]  # in the order of ``FEATURES``
    vector: bytes  # of the words; b"": they are not looked at
    foreign: bool  # in a language that the vectors do not know
    floors: tuple[Floor, ...]


class Summed(Score, frozen=True):
    """A score that remembers its sums, so that it can be taken apart exactly."""

    sums: Sums = (0.0, 0.0, 0.0, 0.0)


def measured(ask: Ask, seen: Seen) -> Measured:
    """What of an ask does not depend on anything fitted."""
    reading = read(ask.text)
    basis = basis_of(ask, reading)
    if basis == "closing":
        return Measured(basis, (0.0,) * len(FEATURES), b"", False, ())
    text = ask.text
    if basis == "proposal":
        text = proposal_text(ask)
        ask = Ask(text, before=ask.before, earlier=ask.earlier)
        reading = read(text)
    values = features(reading, ask, seen)
    return Measured(
        basis,
        values + _beside(values[_TOKEN_COUNT], text),
        embedded(text),
        reading.language not in _ENGLISH,
        floors(reading),
    )


def _beside(token_count: float, text: str) -> tuple[float, ...]:
    """The features that are not of the words."""
    choices = 0.0
    if "\nB" in text or "\n(B" in text:
        for mark in _CHOICES:
            if mark in text:
                choices = 1.0
    found = 0
    if "\\" in text or "{" in text:
        for mark in _FORMULAS:
            found += text.count(mark, 0, _FORMULAS_CHARS)
    return max(0.0, token_count - _LONG) / (1.0 - _LONG), choices, found / (found + 2.0)


class Scorer:
    """Scores by one set of fitted numbers. Threads may share it; nothing of a call is kept."""

    def __init__(self, fitted: Fitted, exemplars: Exemplars) -> None:
        """Raises ValueError if the numbers are for other features than these."""
        if fitted.version != VERSION or fitted.features != FEATURES:
            raise ValueError("fitted.json is for other features: run python -m eval.fit_routing")
        self.fitted = fitted
        self.space = Space(exemplars, fitted.intent)
        each = (100.0 - fitted.gain_points) / _BOUNDS
        self._sums = Weights(
            tuple((sum_.base, sum_.weights, sum_.intent) for sum_ in (*fitted.bounds, fitted.gain)),
            (each, each, each, fitted.gain_points),
            (*NAMES, INTENT),
            fitted.usual,
            fitted.intent.usual,
        )
        self._usual = self._sums.scored(fitted.usual, fitted.intent.usual)[0]

    def score(self, found: Measured) -> Score:
        if found.basis == "closing":
            return Score(0.0, SIMPLE, found.values[:_DIMENSIONS], 0.0, basis=found.basis)
        intent, nearest, likeness = self.space.value(found.vector)
        if found.foreign:
            intent = self._nearer(intent)
        value, sums = self._sums.scored(found.values, intent)
        return Summed(
            value=value,
            tier=self.tier(value),
            dimensions=found.values[:_DIMENSIONS],
            intent=intent,
            nearest=nearest,
            likeness=likeness,
            floors=found.floors,
            basis=found.basis,
            sums=sums,
        )

    def meaning(self, found: Measured) -> Meaning:
        """Its ``value`` as it counts: in another language, nearer to what is usual."""
        meaning = self.space.meaning(found.vector)
        if not found.foreign:
            return meaning
        return msgspec.structs.replace(meaning, value=self._nearer(meaning.value))

    def _nearer(self, intent: float) -> float:
        """To what is usual, as it counts in another language."""
        rule = self.fitted.intent
        return rule.usual + rule.foreign * (intent - rule.usual)

    def tier(self, value: float) -> int:
        bands = self.fitted.bands
        return int(value >= bands[0]) + int(value >= bands[1]) + int(value >= bands[2])

    def contributions(self, score: Score) -> list[tuple[str, float]]:
        """Points by which each dimension, the intent and the rest lift or lower a score from what
        is usual, the most first. They sum to ``value`` less the usual score.

        A sum's part of the difference is divided as its terms are (the secant of its chance), so
        nothing is left over and nothing counts twice. Where nothing was asked, there are none.
        """
        if score.basis == "closing":
            return []
        found = self._sums.points(score.dimensions, score.intent, self._known(score))
        rest = score.value - self._usual
        parts = []
        for name, points in zip((*NAMES, INTENT), found, strict=True):
            parts.append((name, points))
            rest -= points
        parts.append((OTHER, rest))
        parts.sort(key=lambda part: (-abs(part[1]), part[0]))
        return parts

    def leading(self, score: Score, count: int) -> str:
        """The first of the ``contributions``, at most 8, in whole points: "intent +12, ambiguity
        -3". Without ``OTHER``, which has no name that would explain anything, and without zeros."""
        if score.basis == "closing":
            return ""
        return self._sums.leading(score.dimensions, score.intent, self._known(score), count)

    def _known(self, score: Score) -> Sums:
        """The sums of a score; of one that has forgotten them, as if the rest were usual."""
        if isinstance(score, Summed):
            return score.sums
        values = (*score.dimensions, *self.fitted.usual[_DIMENSIONS:])
        return self._sums.sums(values, score.intent)

    def changes(self, score: Score) -> tuple[Change, ...]:
        """For the band above and the one below: the dimension that would have to change least, if
        one alone can do it."""
        if score.basis == "closing":
            return ()
        found = []
        bands = self.fitted.bands
        if score.tier < _BOUNDS:
            change = self._change(score, bands[score.tier], score.tier + 1)
            if change is not None:
                found.append(change)
        if score.tier > SIMPLE:
            change = self._change(score, bands[score.tier - 1], score.tier - 1)
            if change is not None:
                found.append(change)
        return tuple(found)

    def _change(self, score: Score, band: float, tier: int) -> Change | None:
        sums = self._known(score)
        up = tier > score.tier
        tried = [
            (-abs(slope), at, slope) for at, slope in enumerate(self._sums.slopes(sums)) if slope
        ]
        tried.sort()
        best: Change | None = None
        left = _TRIED
        for _, at, slope in tried:
            now = score.dimensions[at] if at < _DIMENSIONS else score.intent
            end = 1.0 if (slope > 0) == up else 0.0
            if (self._sums.moved(sums, at, end - now) >= band) != up:
                continue
            then = self._reaches(sums, at, now, end, band)
            if best is None or abs(then - now) < abs(best.then - best.now):
                best = Change(NAMES[at] if at < _DIMENSIONS else INTENT, now, then, tier)
            left -= 1
            if not left:
                break
        return best

    def _reaches(self, sums: Sums, at: int, now: float, end: float, band: float) -> float:
        """The value nearest to ``now`` by which the score is on the other side of the band."""
        before = self._sums.moved(sums, at, 0.0) >= band
        near, far = now, end
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            if (self._sums.moved(sums, at, middle - now) >= band) == before:
                near = middle
            else:
                far = middle
        return far


@functools.cache
def scorer() -> Scorer:
    """Of the numbers in the package, read when first asked for."""
    return Scorer(*shipped())


def score(ask: Ask, seen: Seen) -> Score:
    """How hard an ask is."""
    return scorer().score(measured(ask, seen))


def contributions(found: Score) -> list[tuple[str, float]]:
    """What a score is made of; see ``Scorer.contributions``."""
    return scorer().contributions(found)


def leading(found: Score, count: int) -> str:
    """What a score is made of most; see ``Scorer.leading``."""
    return scorer().leading(found, count)


def changes(found: Score) -> tuple[Change, ...]:
    """What alone would change its tier; see ``Scorer.changes``."""
    return scorer().changes(found)
