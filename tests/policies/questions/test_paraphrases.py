"""How often the guard is right: on pairs of our own, and on the larger set where it is at hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import lynkr
from lynkr._native.embed import StaticModel, similarity
from lynkr.policies.questions.canon import canon
from lynkr.policies.questions.features import features
from lynkr.policies.questions.guard import RULES, judge
from tests.wire.evaluation_data import lines_of

MODEL = StaticModel.load(str(Path(lynkr.__file__).parent / "model"))
OWN = Path(__file__).parents[3] / "eval/samples/paraphrases.jsonl"


def rates(lines: Iterable[str]) -> tuple[float, float]:
    """Shares of the pairs that ask the same, and of those that do not, that are allowed."""
    same: list[bool] = []
    different: list[bool] = []
    for line in lines:
        cluster = json.loads(line)
        asked = [cluster["base"], *cluster["same"]]
        same += [allowed(one, other) for i, one in enumerate(asked) for other in asked[:i]]
        different += [allowed(one, other) for _, other in cluster["different"] for one in asked]
    return sum(same) / len(same), sum(different) / len(different)


def allowed(one: str, other: str) -> bool:
    a, b = canon(one), canon(other)
    near = similarity(MODEL.embed(a.text.encode()), MODEL.embed(b.text.encode()))
    return judge(features(a), features(b), near, RULES["default"]).allowed


def test_on_our_own_pairs() -> None:
    recall, false = rates(OWN.read_text("utf-8").splitlines())
    assert recall >= 0.92
    assert false <= 0.01


def test_on_the_development_prompts() -> None:
    recall, false = rates(lines_of("paraphrase/prompts_dev.jsonl"))
    assert recall >= 0.68
    assert false <= 0.008
