"""`python -m eval.fit_gain DATA`: fits what a stronger model gains on a question.

    python -m eval.fit_gain DATA            writes eval/samples/routing/gain.json
    python -m eval.fit_gain DATA --out F    writes there

From answers of weak and strong models to the same questions (RouteLLM's of two benchmarks,
LLMRouter's of nine models), which say nothing of tiers: a ridge regression of the features on how
much better the strong model was. ``eval.fit_routing`` takes the weights from the file, so it needs
no data of other people; only numbers of these questions are kept, none of their words. Questions
that RouterArena's cached split asks too are left out, as that one is for evaluation only.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from eval.routing_prompts import OWN, Prompt, own_prompts, read_case
from eval.routing_ranked import Weighed, area, arena_of, sets_of
from lynkr.policies.difficulty.dimensions import NAMES
from lynkr.policies.difficulty.fitted import Bound
from lynkr.policies.difficulty.score import FEATURES, measured

Numbers = npt.NDArray[np.float64]

GAIN = OWN / "gain.json"
FILES = ("routellm_weak_strong.jsonl", "llmrouter_model_scores.jsonl")
RIDGES = (300.0, 1000.0, 3000.0)
FOLDS = 8
# The dimensions grow with difficulty, each for a reason. A negative weight would only correct
# another one's, and could not be explained; all but one are held at 0 or above.
UPWARD = frozenset(NAMES) - {"ambiguity"}
_SAME_CHARS = (40, 80)  # of two questions whose words begin alike, at least and looked at
_RARE = 1e-3  # a deviation that is taken for one where a feature hardly occurs


class Gain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Log odds, as ``Bound`` has them, by the names of the features. Others count nothing."""

    base: float
    weights: dict[str, float]
    report: dict[str, object] = {}

    @property
    def bound(self) -> Bound:
        """As one sum of the score."""
        return Bound(self.base, tuple(self.weights.get(name, 0.0) for name in FEATURES), 0.0)


class _Rows(msgspec.Struct):
    """A row for each question of each comparison."""

    features: Numbers
    gains: Numbers  # of the strong model, less the comparison's mean
    comparisons: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64]  # by the question: two comparisons may share it


def read_gain(path: Path = GAIN) -> Gain:
    """The fitted numbers. Raises msgspec.ValidationError if the file holds something else."""
    return msgspec.json.decode(path.read_bytes(), type=Gain)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m eval.fit_gain", description=__doc__.split("\n")[0]
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder of evaluation data")
    parser.add_argument("--out", type=Path, default=GAIN, metavar="FILE")
    given = parser.parse_args(arguments)
    sets = [one for one in sets_of(given.data) if one.whole]
    if not sets:
        parser.error(f"none of {', '.join(FILES)} is in {given.data}")
    sets, left_out = without(sets, [row.prompt for row in arena_of(given.data)])
    made = fit(sets)
    report = {
        "sources": [_about(given.data / "tier-routing" / name) for name in FILES],
        "left_out": left_out,
        **made.report,
    }
    made = msgspec.structs.replace(made, report=report)
    given.out.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    print(msgspec.json.format(msgspec.json.encode(report), indent=1).decode())
    return 0


def _about(path: Path) -> dict[str, object]:
    content = path.read_bytes() if path.is_file() else b""
    return {
        "file": path.name,
        "blake2b": hashlib.blake2b(content, digest_size=16).hexdigest(),
        "questions": content.count(b"\n"),
    }


def without(sets: Sequence[Weighed], asked: Sequence[str]) -> tuple[list[Weighed], int]:
    """The sets without what is asked elsewhere too, and how many questions that were."""
    least, most = _SAME_CHARS
    elsewhere = [_plain(text) for text in asked]
    kept_sets, dropped = [], set()
    for one in sets:
        kept = []
        for at, prompt in enumerate(one.prompts):
            start = _plain(prompt)[:most]
            if len(start) >= least and any(start in text for text in elsewhere):
                dropped.add(prompt)
            else:
                kept.append(at)
        kept_sets.append(
            Weighed(
                one.name,
                [one.prompts[at] for at in kept],
                [one.weak[at] for at in kept],
                [one.strong[at] for at in kept],
            )
        )
    return kept_sets, len(dropped)


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def fit(sets: Sequence[Weighed]) -> Gain:
    """The ridge is chosen by cross-validation: the best mean area of the comparisons."""
    rows, deviation = _rows(sets), _deviation()
    tried = [(_areas(sets, rows, _unseen(rows, ridge, deviation)), ridge) for ridge in RIDGES]
    areas, ridge = max(tried, key=lambda one: float(np.mean(one[0])))
    lengths = np.array([float(len(text)) for one in sets for text in one.prompts])
    report = {
        "ridge": ridge,
        "areas": _named(sets, areas),
        "areas_by_fits_of_the_other_file": _named(sets, _transfer(sets, rows, ridge, deviation)),
        "areas_by_length": _named(sets, _areas(sets, rows, lengths)),
    }
    return _gain(rows.features, rows.gains, ridge, deviation, report)


def unseen(sets: Sequence[Weighed]) -> tuple[list[Gain], dict[str, int]]:
    """Fits as the committed one, each without a part of the questions; and of each question the
    number of the fit that did not see it."""
    ridge = float(str(read_gain().report["ridge"]))
    rows, deviation = _rows(sets), _deviation()
    fits = []
    for fold in range(FOLDS):
        kept = rows.folds != fold
        fits.append(_gain(rows.features[kept], rows.gains[kept], ridge, deviation, {}))
    prompts = [text for one in sets for text in one.prompts]
    return fits, dict(zip(prompts, rows.folds.tolist(), strict=True))


def _gain(
    features: Numbers, gains: Numbers, ridge: float, deviation: Numbers, report: dict[str, object]
) -> Gain:
    """Scaled so that among the questions its sum has a deviation of 1, about 0."""
    weights = _ridge(features, gains, ridge, deviation)
    weights /= float((features @ weights).std()) or 1.0
    found = {name: round(float(its), 4) for name, its in zip(FEATURES, weights, strict=True)}
    return Gain(
        base=round(-float(features.mean(axis=0) @ weights), 4),
        weights={name: its for name, its in found.items() if its},
        report=report,
    )


def _deviation() -> Numbers:
    """What varies among prompts of coding is the unit: so what only these questions have may count,
    and what coding asks have too is held back."""
    return np.asarray(_features(own_prompts()).std(axis=0) + _RARE)


def _features(prompts: Sequence[Prompt]) -> Numbers:
    cases = [read_case(prompt) for prompt in prompts]
    return np.array([measured(one.ask, one.seen).values for one in cases])


def _rows(sets: Sequence[Weighed]) -> _Rows:
    prompts = list(dict.fromkeys(text for one in sets for text in one.prompts))
    place = {text: at for at, text in enumerate(prompts)}
    asked = [Prompt([{"role": "user", "content": text}], ("SIMPLE",)) for text in prompts]
    features = _features(asked)
    folds = np.array([int(prompt.digest, 16) % FOLDS for prompt in asked])
    order = [place[text] for one in sets for text in one.prompts]
    gains = [strong - weak for weak, strong in map(_answers, sets)]
    return _Rows(
        features=features[order],
        gains=np.concatenate([gain - gain.mean() for gain in gains]),
        comparisons=np.repeat(np.arange(len(sets)), [len(gain) for gain in gains]),
        folds=folds[order],
    )


def _answers(one: Weighed) -> tuple[Numbers, Numbers]:
    return np.array(one.weak), np.array(one.strong)


def _ridge(features: Numbers, gains: Numbers, ridge: float, deviation: Numbers) -> Numbers:
    columns = (features - features.mean(axis=0)) / deviation
    steep = columns.T @ columns + ridge * np.eye(columns.shape[1])
    pull = columns.T @ gains
    upward = np.array([name in UPWARD for name in FEATURES])
    used = np.ones(len(pull), bool)
    while True:  # one below 0 where none may be is taken out, and the rest fitted again
        weights = np.zeros(len(pull))
        weights[used] = np.linalg.solve(steep[np.ix_(used, used)], pull[used])
        wrong = upward & (weights < 0)
        if not wrong.any():
            return np.asarray(weights / deviation)
        used &= ~wrong


def _unseen(rows: _Rows, ridge: float, deviation: Numbers) -> Numbers:
    """Each question by a fit that saw it in no comparison."""
    found = np.zeros(len(rows.gains))
    for fold in range(FOLDS):
        out = rows.folds == fold
        weights = _ridge(rows.features[~out], rows.gains[~out], ridge, deviation)
        found[out] = rows.features[out] @ weights
    return found


def _transfer(
    sets: Sequence[Weighed], rows: _Rows, ridge: float, deviation: Numbers
) -> list[float]:
    """Each file's comparisons by a fit of the other file's."""
    found = np.zeros(len(rows.gains))
    names = np.array([one.name.partition(" ")[0] for one in sets])[rows.comparisons]
    for name in np.unique(names):
        out = names == name
        if not out.all():
            weights = _ridge(rows.features[~out], rows.gains[~out], ridge, deviation)
            found[out] = rows.features[out] @ weights
    return _areas(sets, rows, found)


def _areas(sets: Sequence[Weighed], rows: _Rows, ranks: Numbers) -> list[float]:
    return [area(ranks[rows.comparisons == at], *_answers(one)) for at, one in enumerate(sets)]


def _named(sets: Sequence[Weighed], areas: Sequence[float]) -> dict[str, float]:
    return {one.name: round(value, 3) for one, value in zip(sets, areas, strict=True)}


if __name__ == "__main__":
    sys.exit(main())
