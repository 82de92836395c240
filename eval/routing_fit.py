"""Fits the score: the weights of each bound between two tiers, the direction of meaning, the bands.

First the meaning alone: an ordinal regression of the exemplars' vote and of the 256 numbers of a
prompt's vector, one sum with three cuts ("all threshold", Rennie and Srebro, "Loss functions for
preference levels", 2005). What it says of a prompt is the intent. Then each bound for itself: a
logistic regression of the features and the intent. Where a label allows two tiers, the bound
between them counts little; a bound that a floor puts the prompt over anyway does not count at all.

What a prompt's neighbours vote, its intent, and where the bands are cut are taken from fits that
did not see the prompt. Folds go by a digest of the prompt, so a fit of the same files gives the
same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from eval.fit_gain import UPWARD, Gain, read_gain
from eval.routing_prompts import Case, final_tier, floor_tier
from lynkr._native.nearest import quantised
from lynkr.policies.difficulty.fitted import (
    VERSION,
    Bound,
    Exemplars,
    Fitted,
    IntentRule,
    packed,
)
from lynkr.policies.difficulty.intent import Space
from lynkr.policies.difficulty.score import FEATURES, Measured, Scorer, measured
from lynkr.policies.routing.facts import REASONING, SIMPLE, Policy

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FOLDS = 5
ASKED_MIN = 40
BOUNDS = (1, 2, 3)  # each by the tier that begins there
# Weights, in log odds, of what first messages cannot show: written here, not fitted. A few points
# at most, so that a long conversation alone changes no tier: the ladder does, and sees why.
FIXED = {"conversation_depth": 0.15, "prior_tool_use": 0.15}
# Cost of a tier, beside 1 for being outside of what is acceptable. The last: of one that is
# acceptable, but not the one to prefer; else SIMPLE would be used for greetings only.
UNDER_COST, DEAR_COST, OTHER_COST = 1.0, 1.0, 0.4
_SMOOTH = 1.0  # score points over which a band's cost is evened: few prompts must not place it
_AROUND = (12.0, 0.25)  # score points to both sides in which a band is looked for, and the step
_STEPS = 60
_PLAIN = (100 / 6, 50.0, 500 / 6)  # bands where every bound is as likely as not
# Of 100 points of score, those that go by what a stronger model gains on such a question
# (``fit_gain``). With twice as many, prompts of coding are told less well.
GAIN_POINTS = 12.0


class Settings(msgspec.Struct, frozen=True):
    """What the cross-validation chooses, and what was found not to matter."""

    ridge: float = 10.0  # on features, in units of their deviation
    axis_ridge: float = 1.0  # on the 256 numbers of the meaning
    vote_ridge: float = 3.0
    neighbours: int = 16
    width: float = 0.1
    exemplars: int = 768
    foreign: float = 0.5
    soft: float = 0.15  # weight of a bound between two tiers that are both acceptable


class Sample(msgspec.Struct):
    """A labelled prompt, measured."""

    case: Case
    found: Measured
    exemplar: bool = True  # whether its vector and name may be shipped

    @property
    def wanted(self) -> int:
        return self.case.prompt.wanted


class Fit(msgspec.Struct, frozen=True):
    """What a fit yields, as it is shipped."""

    fitted: Fitted
    exemplars: Exemplars


def samples_of(cases: Sequence[Case], exemplar: bool = True) -> list[Sample]:
    return [Sample(case, measured(case.ask, case.seen), exemplar) for case in cases]


def folds_of(samples: Sequence[Sample]) -> Whole:
    """A fold for each: prompts of a tier in the order of their digests, dealt out in turns."""
    folds = np.zeros(len(samples), np.int64)
    order = sorted(
        range(len(samples)), key=lambda at: (samples[at].wanted, samples[at].case.prompt.digest)
    )
    for place, at in enumerate(order):
        folds[at] = place % FOLDS
    return folds


def floor_of(sample: Sample, policy: Policy | None = None) -> int:
    """The tier that its floors leave it, by the default policy."""
    policy = policy or Policy()
    return max(
        (floor_tier(one.rule, one.tier, policy) for one in sample.found.floors), default=SIMPLE
    )


def cost(sample: Sample, tier: int) -> float:
    """Of sending a prompt there."""
    prompt = sample.case.prompt
    return (
        float(tier not in prompt.allowed)
        + UNDER_COST * (prompt.wanted - tier >= 2)
        + DEAR_COST * (prompt.wanted == SIMPLE and tier == REASONING)
        + OTHER_COST * (tier != prompt.wanted and tier in prompt.allowed)
    )


# --- one fit ----------------------------------------------------------------------------------


class _Matrix(msgspec.Struct):
    """Samples as numbers, a row each."""

    features: Numbers  # in the order of FEATURES
    votes: Numbers
    vectors: Numbers
    scale: Numbers  # of the intent: 1, or less in other languages
    wanted: Whole
    lows: Whole
    highs: Whole
    floors: Whole
    folds: Whole

    def part(self, rows: Flags) -> _Matrix:
        return _Matrix(*(getattr(self, name)[rows] for name in self.__struct_fields__))


class _Meaning(msgspec.Struct):
    vote: float
    axis: Numbers
    cuts: Numbers
    usual: float

    def of(self, rows: _Matrix) -> Numbers:
        """The intent as it counts."""
        raw = self.vote * rows.votes + rows.vectors @ self.axis
        values = _chance(raw[:, None] - self.cuts).mean(axis=1)
        return np.asarray(self.usual + rows.scale * (values - self.usual))


class _Bounds(msgspec.Struct):
    """A row for each bound: the weights of the features, then of the intent; and their bases."""

    weights: Numbers
    bases: Numbers

    def scores(self, rows: _Matrix, intents: Numbers, gain: Bound) -> Numbers:
        sums = np.column_stack((rows.features, intents)) @ self.weights.T + self.bases
        gains = rows.features @ np.array(gain.weights) + gain.base
        points = (100.0 - GAIN_POINTS) * _chance(sums).mean(axis=1)
        return np.asarray(points + GAIN_POINTS * _chance(gains))


def _chance(odds: Numbers) -> Numbers:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0))))


def _floats(vector: bytes) -> Numbers:
    return np.frombuffer(vector, np.float32).astype(np.float64)


def exemplars_of(samples: Sequence[Sample], axis: bytes, count: int) -> Exemplars:
    """Those that may be shipped, or so many of them that lie well apart: of each tier its share,
    each the one least like those chosen before it."""
    kept = [one for one in samples if one.exemplar and any(one.found.vector)]
    kept.sort(key=lambda one: (one.wanted, one.case.prompt.digest))
    if len(kept) > count:
        vectors = np.array([_floats(one.found.vector) for one in kept])
        tiers = np.array([one.wanted for one in kept])
        chosen: list[int] = []
        for tier in range(REASONING + 1):
            rows = np.flatnonzero(tiers == tier)
            chosen += rows[_apart(vectors[rows], round(count * len(rows) / len(kept)))].tolist()
        kept = [kept[at] for at in sorted(chosen)]
    return Exemplars(
        names=tuple(one.case.prompt.id for one in kept),
        tiers=bytes(one.wanted for one in kept),
        vectors=tuple(quantised(one.found.vector) for one in kept),
        axis=axis,
    )


def _apart(vectors: Numbers, count: int) -> list[int]:
    """The first, then again and again the one whose nearest chosen neighbour is least near."""
    if not count:
        return []
    chosen = [0]
    nearest = vectors @ vectors[0]
    while len(chosen) < count:
        at = int(np.argmin(np.round(nearest, 6)))
        chosen.append(at)
        nearest = np.maximum(nearest, vectors @ vectors[at])
    return chosen


def _rule(settings: Settings) -> IntentRule:
    return IntentRule(
        settings.neighbours, settings.width, 0.0, 0.0, (0.0, 0.0, 0.0), 0.5, settings.foreign
    )


def _votes(samples: Sequence[Sample], folds: Whole, settings: Settings) -> Numbers:
    """The vote on each sample by exemplars of the other folds."""
    votes = np.zeros(len(samples))
    axis = bytes(len(samples[0].found.vector))
    for fold in range(FOLDS):
        others = [one for one, its in zip(samples, folds, strict=True) if its != fold]
        space = Space(exemplars_of(others, axis, settings.exemplars), _rule(settings))
        for at in np.flatnonzero(folds == fold).tolist():
            votes[at] = space.meaning(samples[at].found.vector).vote
    return votes


def _matrix(samples: Sequence[Sample], settings: Settings) -> _Matrix:
    prompts = [one.case.prompt for one in samples]
    folds = folds_of(samples)
    return _Matrix(
        features=np.array([one.found.values for one in samples]),
        votes=_votes(samples, folds, settings),
        vectors=np.array([_floats(one.found.vector) for one in samples]),
        scale=np.array([settings.foreign if one.found.foreign else 1.0 for one in samples]),
        wanted=np.array([one.wanted for one in samples]),
        lows=np.array([one.allowed[0] for one in prompts]),
        highs=np.array([one.allowed[-1] for one in prompts]),
        floors=np.array([floor_of(one) for one in samples]),
        folds=folds,
    )


def _newton(
    columns: Numbers, targets: Numbers, counts: Numbers, penalty: Numbers
) -> tuple[Numbers, Numbers]:
    """Weights of the columns, common to all bounds, and a base for each bound.

    ``targets`` and ``counts`` have a column for each bound; quadratic penalties on the weights.
    """
    weights, bases = np.zeros(columns.shape[1]), np.zeros(targets.shape[1])

    def loss(at: Numbers, base: Numbers) -> float:
        sums = (columns @ at)[:, None] + base
        plain = counts * (np.logaddexp(0.0, sums) - targets * sums)
        return float(plain.sum() + 0.5 * (penalty * at * at).sum())

    now = loss(weights, bases)
    for _ in range(_STEPS):
        chances = _chance((columns @ weights)[:, None] + bases)
        pull = counts * (chances - targets)
        curve = counts * chances * (1.0 - chances)
        crossed = columns.T @ curve
        steep = np.block(
            [
                [(columns * curve.sum(axis=1)[:, None]).T @ columns + np.diag(penalty), crossed],
                [crossed.T, np.diag(curve.sum(axis=0) + 1e-6)],
            ]
        )
        slope = np.concatenate((columns.T @ pull.sum(axis=1) + penalty * weights, pull.sum(axis=0)))
        step = np.linalg.solve(steep, slope)
        by, shift, length = step[: len(weights)], step[len(weights) :], 1.0
        while (after := loss(weights - length * by, bases - length * shift)) > now:
            length /= 2
            if length < 1e-6:
                return weights, bases
        weights, bases, now = weights - length * by, bases - length * shift, after
        if float(np.abs(step).max()) < 1e-7:
            break
    return weights, bases


def _counts(rows: _Matrix, settings: Settings, floors: bool) -> Numbers:
    """How much each bound counts for each row."""
    found = []
    for bound in BOUNDS:
        sure = (bound <= rows.lows) | (bound > rows.highs)
        counts = np.where(sure, 1.0, settings.soft)
        found.append(np.where(rows.floors >= bound, 0.0, counts) if floors else counts)
    return np.column_stack(found)


def _targets(rows: _Matrix) -> Numbers:
    return np.column_stack([rows.wanted >= bound for bound in BOUNDS]).astype(np.float64)


def _fit_meaning(rows: _Matrix, settings: Settings) -> _Meaning:
    """Of the prompts in the language that the vectors know; of others with less weight."""
    deviation = max(1e-9, float(rows.votes.std()))
    centre = np.concatenate(([rows.votes.mean() / deviation], rows.vectors.mean(axis=0)))
    columns = np.column_stack((rows.votes / deviation, rows.vectors)) - centre
    penalty = np.full(columns.shape[1], settings.axis_ridge)
    penalty[0] = settings.vote_ridge
    counts = _counts(rows, settings, floors=False) * rows.scale[:, None]
    weights, bases = _newton(columns, _targets(rows), counts, penalty)
    found = _Meaning(
        vote=float(weights[0] / deviation),
        axis=weights[1:],
        cuts=np.asarray(weights @ centre - bases),
        usual=0.0,
    )
    plain = _chance(
        (found.vote * rows.votes + rows.vectors @ found.axis)[:, None] - found.cuts
    ).mean(axis=1)
    found.usual = float(plain[rows.scale == 1.0].mean())
    return found


def _intents(rows: _Matrix, settings: Settings) -> Numbers:
    """Each row's intent by a fit that did not see it."""
    found = np.zeros(len(rows.wanted))
    for fold in range(FOLDS):
        out = rows.folds == fold
        found[out] = _fit_meaning(rows.part(~out), settings).of(rows.part(out))
    return found


def _fit_bounds(rows: _Matrix, intents: Numbers, settings: Settings) -> _Bounds:
    columns = np.column_stack((rows.features, intents))
    centre, deviation = columns.mean(axis=0), columns.std(axis=0)
    names = (*FEATURES, "")
    free = np.array([name not in FIXED for name in names]) & (deviation > 1e-9)
    upward = np.array([name in UPWARD for name in names])
    deviation[deviation <= 1e-9] = 1.0
    targets, counts = _targets(rows), _counts(rows, settings, floors=True)
    weights = np.zeros((len(BOUNDS), columns.shape[1]))
    bases = np.zeros(len(BOUNDS))
    for at in range(len(BOUNDS)):
        used = free.copy()
        while True:  # a weight below 0 where none may be is taken out, and the rest fitted again
            own = ((columns - centre) / deviation)[:, used]
            penalty = np.full(own.shape[1], settings.ridge)
            found, base = _newton(own, targets[:, at : at + 1], counts[:, at : at + 1], penalty)
            row = np.zeros(columns.shape[1])
            row[used] = found / deviation[used]
            wrong = upward & (row < 0)
            if not wrong.any():
                break
            used &= ~wrong
        bases[at] = float(base[0] - row @ centre)
        weights[at] = row
    for place, name in enumerate(names):
        if name in FIXED:
            weights[:, place] = FIXED[name]
    return _Bounds(weights, bases)


def _bands(scores: Numbers, samples: Sequence[Sample]) -> tuple[float, float, float]:
    """Where the scores are cut so that the cost is least.

    Going over a band changes the cost by a fixed amount, so each band has its own best place.
    """
    floors = [floor_of(one) for one in samples]
    costs = np.array(
        [
            [cost(one, max(tier, floor)) for tier in range(REASONING + 1)]
            for one, floor in zip(samples, floors, strict=True)
        ]
    )
    width, step = _AROUND
    found = []
    for bound, plain in zip(BOUNDS, _PLAIN, strict=True):
        places = plain + np.arange(-width, width + step / 2, step)
        over = _chance((scores[:, None] - places) / _SMOOTH)
        change = costs[:, bound] - costs[:, bound - 1]
        found.append(float(places[int(np.argmin(np.round(change @ over, 9)))]))
    return _short(found[0], 2), _short(found[1], 2), _short(found[2], 2)


def fit(samples: Sequence[Sample], settings: Settings, gain: Gain | None = None) -> Fit:
    """Of all prompts in which something is asked. ``gain``: the committed one, if not told.

    Raises ValueError if there are not enough of them.
    """
    asked = [one for one in samples if one.found.basis != "closing"]
    if len(asked) < ASKED_MIN:
        raise ValueError(f"{len(asked)} prompts are too few")
    added = (gain or read_gain()).bound
    rows = _matrix(asked, settings)
    intents = _intents(rows, settings)
    scores = np.zeros(len(asked))
    for fold in range(FOLDS):
        out = rows.folds == fold
        bounds = _fit_bounds(rows.part(~out), intents[~out], settings)
        scores[out] = bounds.scores(rows.part(out), intents[out], added)
    meaning = _fit_meaning(rows, settings)
    bounds = _fit_bounds(rows, intents, settings)
    return _rounded(meaning, bounds, added, _bands(scores, asked), asked, settings)


def _short(value: float, digits: int) -> float:
    return round(float(value), digits) + 0.0  # no -0.0


def _rounded(
    meaning: _Meaning,
    bounds: _Bounds,
    gain: Bound,
    bands: tuple[float, float, float],
    samples: Sequence[Sample],
    settings: Settings,
) -> Fit:
    """As it is shipped, with numbers of few digits: the same on every machine."""
    length = float(np.linalg.norm(meaning.axis))
    steps = np.round(meaning.axis * 127 / max(1e-12, float(np.abs(meaning.axis).max())))
    axis = (steps / max(1e-12, float(np.linalg.norm(steps)))).astype(np.float32).tobytes()
    means = np.array([one.found.values for one in samples]).mean(axis=0)
    exemplars = exemplars_of(samples, axis, settings.exemplars)
    first, second, third = (
        Bound(
            base=_short(base, 4),
            weights=tuple(_short(value, 4) for value in row[:-1]),
            intent=_short(row[-1], 4),
        )
        for row, base in zip(bounds.weights, bounds.bases, strict=True)
    )
    low, middle, high = (_short(value, 4) for value in meaning.cuts)
    fitted = Fitted(
        version=VERSION,
        features=tuple(FEATURES),
        usual=tuple(_short(value, 4) for value in means),
        bounds=(first, second, third),
        gain=gain,
        gain_points=GAIN_POINTS,
        bands=bands,
        intent=IntentRule(
            neighbours=settings.neighbours,
            width=settings.width,
            vote=_short(meaning.vote, 4),
            axis=_short(length, 4),
            cuts=(low, middle, high),
            usual=_short(meaning.usual, 4),
            foreign=settings.foreign,
        ),
        exemplars=hashlib.blake2b(packed(exemplars), digest_size=16).hexdigest(),
    )
    return Fit(fitted, exemplars)


# --- how good it is ---------------------------------------------------------------------------


class Outcome(msgspec.Struct, frozen=True):
    """Where a prompt was sent."""

    sample: Sample
    value: float
    tier: int  # after floors and side calls

    @property
    def good(self) -> bool:
        return self.tier in self.sample.case.prompt.allowed

    @property
    def under_by_two(self) -> bool:
        return self.sample.wanted - self.tier >= 2


def outcomes(fit_: Fit, samples: Sequence[Sample]) -> list[Outcome]:
    scorer = Scorer(fit_.fitted, fit_.exemplars)
    found = []
    for one in samples:
        score = scorer.score(one.found)
        found.append(Outcome(one, score.value, final_tier(score, one.case.seen)))
    return found


def cross_validated(samples: Sequence[Sample], settings: Settings) -> list[Outcome]:
    """Each prompt by a fit that saw four fifths of the others, and never the prompt."""
    folds = folds_of(samples)
    found = []
    for fold in range(FOLDS):
        out = [one for one, its in zip(samples, folds, strict=True) if its == fold]
        made = fit([one for one, its in zip(samples, folds, strict=True) if its != fold], settings)
        found += outcomes(made, out)
    return found


def cost_of(found: Sequence[Outcome]) -> float:
    """The mean over the prompts."""
    return sum(cost(one.sample, one.tier) for one in found) / max(1, len(found))
