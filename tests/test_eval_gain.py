"""The fit of what a stronger model gains: it finds what helps, by questions that it did not see."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval import fit_gain, routing
from eval.fit_gain import GAIN, read_gain, without
from eval.routing_ranked import Weighed, area
from lynkr.policies.difficulty.fitted import shipped
from lynkr.policies.difficulty.score import FEATURES

THINGS = ("pears", "stamps", "marbles", "tickets", "bottles", "chairs", "pencils", "books")
TOWNS = ("Lisbon", "Oslo", "Quito", "Riga", "Accra", "Hanoi", "Lima", "Sofia")


def facts() -> list[str]:
    return [
        f"Which river flows through {town}, {place} of all?" for town in TOWNS for place in THINGS
    ]


def tales() -> list[str]:
    return [
        f"Ida has {7 + at} {thing} and buys twice as many for 3 dollars each. She gives half of"
        f" them to {at} friends. How many {thing} are left in total?"
        for at in range(2, 10)
        for thing in THINGS
    ]


def answered(name: str = "A b / c") -> Weighed:
    """By models of which the weak one cannot reckon."""
    prompts = facts() + tales()
    return Weighed(name, prompts, [1.0] * 64 + [0.0] * 64, [1.0] * 128)


def ranked(gain: fit_gain.Gain, prompts: list[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rows = fit_gain._rows([Weighed("x", prompts, [0.0] * len(prompts), [1.0] * len(prompts))])
    return np.asarray(rows.features @ np.array(gain.bound.weights))


def test_what_a_stronger_model_can_do_is_found() -> None:
    one = answered()
    made = fit_gain.fit([one])
    ranks = ranked(made, one.prompts)
    assert area(ranks, np.array(one.weak), np.array(one.strong)) == pytest.approx(0.75)
    assert ranks[64:].min() > ranks[:64].max()
    assert made.report["areas"] == {"A b / c": pytest.approx(0.75, abs=0.01)}
    assert set(made.weights) <= set(FEATURES)


def test_no_question_is_ranked_by_a_fit_that_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = answered(), answered("B b / c")
    rows = fit_gain._rows([one, two])
    assert rows.folds[:128].tolist() == rows.folds[128:].tolist(), "by the question"
    sizes: list[int] = []
    whole = fit_gain._ridge

    def spied(features, gains, ridge, deviation):  # type: ignore[no-untyped-def]
        sizes.append(len(features))
        return whole(features, gains, ridge, deviation)

    monkeypatch.setattr(fit_gain, "_ridge", spied)
    fits, found = fit_gain.unseen([one, two])
    assert set(found) == set(one.prompts)
    assert len(fits) == fit_gain.FOLDS
    assert [found[text] for text in one.prompts] == rows.folds[:128].tolist()
    assert sizes == [256 - int((rows.folds == fold).sum()) for fold in range(fit_gain.FOLDS)]


def test_questions_that_are_asked_elsewhere_are_left_out() -> None:
    one = answered()
    kept, dropped = without([one], [f"Answer briefly. {tales()[3].upper()}"])
    assert dropped == 1
    assert kept[0].prompts == [text for text in one.prompts if text != tales()[3]]
    assert len(kept[0].weak) == len(kept[0].strong) == 127


def test_the_file_is_written_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With where its numbers come from, and no word of the questions."""
    folder = tmp_path / "tier-routing"
    folder.mkdir()
    lines = [
        json.dumps(
            {"prompt": text, "task": "mmlu_x", "weak_correct": at < 64, "strong_correct": True}
        )
        for at, text in enumerate(facts() + tales())
    ]
    folder.joinpath(fit_gain.FILES[0]).write_text("\n".join(lines) + "\n")
    outs = [tmp_path / "one.json", tmp_path / "two.json"]
    for out in outs:
        assert fit_gain.main([str(tmp_path), "--out", str(out)]) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    made = read_gain(outs[0])
    sources = made.report["sources"]
    assert isinstance(sources, list)
    assert [row["questions"] for row in sources] == [128, 0]
    assert "Ida" not in outs[0].read_text()
    assert "areas" in capsys.readouterr().out


def test_without_the_sets_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fit_gain.main([str(tmp_path), "--out", str(tmp_path / "out.json")])
    assert "routellm_weak_strong.jsonl" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_what_is_shipped_is_the_committed_fit() -> None:
    assert shipped()[0].gain == read_gain(GAIN).bound
    assert set(read_gain().weights) <= set(FEATURES), "fit it again: python -m eval.fit_gain DATA"


def test_without_the_sets_nothing_is_ranked() -> None:
    assert routing._unseen([]) == []
