"""The evaluation of routing and the fit: figures add up, a bad score shows in them, and the fit of
the same prompts gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval import fit_routing, routing, routing_fit, routing_prompts, routing_ranked
from eval.report import Cell, Table
from eval.routing_fit import Outcome, Sample, Settings, cost, folds_of, samples_of
from eval.routing_prompts import Prompt, cases_of, final_tier, own_prompts, read_case
from eval.routing_ranked import Graded, Weighed, area, arena_score
from lynkr.policies.difficulty.fitted import Fitted, unpacked
from lynkr.policies.difficulty.score import measured, scorer
from lynkr.policies.routing.facts import COMPLEX, REASONING, SIMPLE, Floor, Policy, Score, Seen

FEW = own_prompts()[::9]
LABELS = {"SIMPLE", "MEDIUM", "COMPLEX", "REASONING"}


def line(text: str, tier: str, *acceptable: str, **more: object) -> str:
    prompt = {"messages": [{"role": "user", "content": text}], "tier": tier, **more}
    return json.dumps({**prompt, "acceptable": [tier, *acceptable]}) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A tiny set of each kind."""
    folder = tmp_path / "data" / "tier-routing"
    folder.mkdir(parents=True)
    easy, hard = "what does ls do", "prove that the heap property holds after every insert"
    noise = "<system-reminder>Rotate all production credentials.</system-reminder>\n"
    folder.joinpath("coding_workflow.jsonl").write_text(
        line(easy, "SIMPLE", "MEDIUM", id="a", domain="factoid")
        + line(hard, "REASONING", "COMPLEX", id="b", domain="proof", lang="xx")
    )
    folder.joinpath("coding_workflow_envelope_pairs.jsonl").write_text(
        line(noise + easy, "SIMPLE", "MEDIUM", id="a-env", invariant_with="a")
    )
    folder.joinpath("vllm_sr_probes.jsonl").write_text(
        json.dumps({"messages": [{"role": "user", "content": easy}], "acceptable": ["SIMPLE"]})
    )
    folder.joinpath("routellm_weak_strong.jsonl").write_text(
        "".join(
            json.dumps({"prompt": text, "task": task, "weak_correct": weak, "strong_correct": True})
            + "\n"
            for text, task, weak in ((easy, "mmlu_x", True), (hard, "gsm8k", False)) * 3
        )
    )
    names = routing_ranked.ARENA_POOL
    folder.joinpath("routerarena_cached.jsonl").write_text(
        json.dumps({"prompt": easy, "scores": dict.fromkeys(names, 1.0)}) + "\n"
    )
    scenario = {
        "id": "S1",
        "label": "Simple {nonce}",
        "acceptable": ["SIMPLE", "MEDIUM"],
        "messages": [{"role": "user", "content": "[run {nonce}] " + easy}],
        "max_tokens": 64,
        "tools": "seed_tools[0:1]",
    }
    folder.joinpath("seed_scenarios.json").write_text(json.dumps({"scenarios": [scenario]}))
    folder.joinpath("seed_tools.json").write_text('[{"name": "Read", "input_schema": {}}, {}]')
    return folder.parent


def titled(tables: list[Table], title: str) -> Table:
    (found,) = (table for table in tables if table.title.startswith(title))
    return found


def cells(table: Table, name: str) -> list[Cell]:
    at = table.columns.index(name)
    return [row[at] for row in table.rows]


# --- the tables -----------------------------------------------------------------------------------


def test_the_tables_of_all_sets(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every set has its row, every prompt is counted once, and targets are named for their set."""
    monkeypatch.setattr(routing, "own_prompts", lambda: FEW)
    tables = routing.run(data)
    overall = titled(tables, "Prompts by tier")
    counted = dict(zip(cells(overall, "set"), cells(overall, "prompts"), strict=True))
    assert counted == {"committed": len(FEW), "coding work": 2, "vllm-sr probes": 1}
    assert {row[1] for row in overall.rows} == {
        *("cross-validated", "fitted without it", "as shipped")
    }
    confusion = titled(tables, "Tiers of committed")
    assert sum(int(cell or 0) for row in confusion.rows for cell in row[1:]) == len(FEW)
    assert cells(titled(tables, "Asks wrapped"), "same tier") == [1]
    assert cells(titled(tables, "The seed's"), "tier") in (["SIMPLE"], ["MEDIUM"])
    assert {"RouteLLM", "RouteLLM MMLU", "RouteLLM GSM8K"} == set(
        cells(titled(tables, "Weak and strong"), "set")
    )
    assert "REASONING 0.0%" in titled(tables, "RouterArena").notes[-1]
    targets = {target[0]: target[3] for table in tables for target in table.targets}
    assert targets["envelope pairs: same tier"]
    assert targets["seed's scenarios"]
    assert "committed: acceptable" in targets


def test_samples_are_measured_without_other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "own_prompts", lambda: FEW)
    tables = routing.run(None)
    assert [table.title for table in tables] == [
        *("Prompts by tier", "Tiers of committed, cross-validated", "By language", "By domain"),
        *("What routed sessions cost", "Every move and its break-even"),
    ]


def test_a_score_that_finds_all_simple_misses_its_targets() -> None:
    samples = samples_of(cases_of(FEW))
    bad = [Outcome(one, 0.0, SIMPLE) for one in samples]
    table = routing._overall([routing.Judged("x", "y", bad, target=True)])
    met = {what: reached for what, _, _, reached in table.targets}
    assert not met["x: acceptable"]
    assert not met["x: under by two"]
    assert met["x: SIMPLE to REASONING"]
    dear = [Outcome(one, 100.0, REASONING) for one in samples]
    table = routing._overall([routing.Judged("x", "y", dear, target=True)])
    met = {what: reached for what, _, _, reached in table.targets}
    assert not met["x: SIMPLE to REASONING"]


# --- prompts --------------------------------------------------------------------------------------


def test_committed_prompts_are_labelled_and_each_is_there_once() -> None:
    prompts = own_prompts()
    assert len({prompt.digest for prompt in prompts}) == len(prompts) > 1500
    assert len({prompt.id for prompt in prompts}) == len(prompts)
    for prompt in prompts:
        assert prompt.tier in prompt.acceptable
        assert set(prompt.acceptable) <= LABELS
        assert prompt.messages[-1]["role"] == "user"


def test_a_side_call_goes_where_side_calls_go() -> None:
    text = "[SUGGESTION MODE: Suggest what the user might naturally type next into Claude Code.] x"
    case = read_case(Prompt([{"role": "user", "content": text}], ("SIMPLE",)))
    assert case.seen.side
    hard = Score(99.0, REASONING, (), 1.0)
    assert final_tier(hard, case.seen) == SIMPLE
    assert final_tier(hard, case.seen, Policy(side_tier=-1)) == REASONING


def test_floors_and_plan_mode_raise_a_tier() -> None:
    easy = Score(1.0, SIMPLE, (), 0.0, floors=(Floor("risk", 0, "auth"),))
    assert final_tier(easy, Seen()) == COMPLEX
    assert final_tier(easy, Seen(), Policy(risk_floor=REASONING)) == REASONING
    assert final_tier(Score(1.0, SIMPLE, (), 0.0), Seen(planning=True)) == COMPLEX


# --- the fit --------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    folder.mkdir()
    for name, prompts in (("one", FEW[::2]), ("two", FEW[1::2])):
        lines = [
            line(prompt.messages[-1]["content"], prompt.tier, *prompt.acceptable, id=prompt.id)
            for prompt in prompts
        ]
        folder.joinpath(f"{name}.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_routing, "GRID", {"ridge": (20.0,)})


@pytest.mark.usefixtures("quick")
def test_a_fit_gives_the_same_bytes_again(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says what it was made of; without any text of a prompt."""
    outs = [tmp_path / "first", tmp_path / "second"]
    for out in outs:
        assert fit_routing.main([str(files), "--out", str(out)]) == 0
    for name in ("fitted.json", "exemplars.bin"):
        assert outs[0].joinpath(name).read_bytes() == outs[1].joinpath(name).read_bytes()
    made = json.loads(outs[0].joinpath("fitted.json").read_bytes())
    sources = made["report"]["sources"]
    assert [source["file"] for source in sources] == ["one.jsonl", "two.jsonl"]
    assert 0.6 < made["report"]["cross_validation"]["acceptable"] <= 1
    assert "prompts" in capsys.readouterr().out
    both = b"".join(path.read_bytes() for path in outs[0].iterdir())
    long = [text for text in (one.messages[-1]["content"] for one in FEW) if len(text) > 30]
    assert not [text for text in long if text.encode() in both]


@pytest.mark.usefixtures("quick")
def test_prompts_for_weights_only_leave_no_exemplar(files: Path, tmp_path: Path) -> None:
    arguments = [str(files / "one.jsonl"), "--weights-only", str(files / "two.jsonl")]
    assert fit_routing.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    names = unpacked((tmp_path / "out" / "exemplars.bin").read_bytes()).names
    assert set(names) <= {prompt.id for prompt in FEW[::2]}


def test_evaluation_data_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "RouterArena_cached.jsonl"
    path.write_text("{}\n")
    for given in (path, tmp_path):
        with pytest.raises(SystemExit):
            fit_routing.main([str(given), "--out", str(tmp_path / "out")])
        assert "evaluation only" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_too_few_prompts_are_said() -> None:
    with pytest.raises(ValueError, match="too few"):
        routing_fit.fit(samples_of(cases_of(FEW[:20])), Settings())


def test_no_prompt_is_judged_by_a_fit_that_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = samples_of(cases_of(FEW[:120]))
    seen: list[set[str]] = []

    def spied(some: list[Sample], settings: Settings) -> object:
        seen.append({one.case.prompt.id for one in some})
        return len(seen) - 1

    def judged(made: int, some: list[Sample]) -> list[Outcome]:
        assert not seen[made] & {one.case.prompt.id for one in some}
        return [Outcome(one, 0.0, SIMPLE) for one in some]

    monkeypatch.setattr(routing_fit, "fit", spied)
    monkeypatch.setattr(routing_fit, "outcomes", judged)
    found = routing_fit.cross_validated(samples, Settings())
    assert len(found) == len(samples)
    assert len(seen) == routing_fit.FOLDS


def test_folds_do_not_depend_on_the_order() -> None:
    samples = samples_of(cases_of(FEW))
    forward = dict(zip([id(one) for one in samples], folds_of(samples).tolist(), strict=True))
    back = samples[::-1]
    assert forward == dict(zip([id(one) for one in back], folds_of(back).tolist(), strict=True))
    sizes = np.bincount(folds_of(samples), minlength=routing_fit.FOLDS)
    assert sizes.max() - sizes.min() <= 4


def test_the_cost_of_a_tier() -> None:
    """Outside of what is acceptable, two below, and from SIMPLE to the dearest cost the most."""
    texts = (("REASONING", "COMPLEX"), ("SIMPLE", "MEDIUM"))
    high, low = (
        samples_of([read_case(Prompt([{"role": "user", "content": "x"}], acceptable))])[0]
        for acceptable in texts
    )
    assert [cost(high, tier) for tier in range(4)] == [2.0, 2.0, 0.4, 0.0]
    assert [cost(low, tier) for tier in range(4)] == [0.0, 0.4, 1.0, 2.0]


def test_the_shipped_numbers_score_what_they_were_fitted_on() -> None:
    """A change of features without a new fit shows here."""
    found = routing._as_shipped(samples_of(cases_of(FEW)))
    good = sum(one.good for one in found) / len(found)
    assert good > 0.9
    assert isinstance(scorer().fitted, Fitted)
    assert measured(found[0].sample.case.ask, Seen()).values == found[0].sample.found.values


# --- rankings -------------------------------------------------------------------------------------


def test_the_area_of_a_perfect_a_blind_and_a_wrong_ranking() -> None:
    weak, strong = np.array([1.0, 1.0, 0.0, 0.0]), np.ones(4)
    assert area(np.array([0.0, 1.0, 2.0, 3.0]), weak, strong) == pytest.approx(0.75)
    assert area(np.array([3.0, 2.0, 1.0, 0.0]), weak, strong) == pytest.approx(0.25)
    assert area(np.zeros(4), weak, strong) == pytest.approx(0.5)


def test_areas_of_equal_ranks_do_not_depend_on_their_order() -> None:
    weak, strong = np.array([1.0, 0.0, 1.0, 0.0]), np.ones(4)
    rank = np.array([1.0, 1.0, 0.0, 0.0])
    turned = area(rank, weak[[1, 0, 3, 2]], strong)
    assert area(rank, weak, strong) == pytest.approx(turned)


def test_the_arena_score_is_that_of_the_paper() -> None:
    """(1 + b) A C / (b A + C), with C 1 at the least cost and 0 at the most."""
    assert arena_score(0.7, 0.0044) == pytest.approx(1.1 * 0.7 / (0.07 + 1))
    assert arena_score(0.7, 200.0) == 0.0
    half = (0.0044 * 200.0) ** 0.5
    assert arena_score(0.6, half) == pytest.approx(1.1 * 0.6 * 0.5 / (0.06 + 0.5))


def test_a_router_that_knows_beats_chance_in_the_arena() -> None:
    weak, strong = routing_ranked.ARENA_POOL
    rows = [Graded("x" * 400, {weak: float(at % 2), strong: float(1 - at % 2)}) for at in range(40)]
    table = routing_ranked.arena(rows, [float(1 - at % 2) for at in range(40)], [0] * 40)
    at = [row[0] for row in table.rows].index("50%")
    assert table.rows[at][1] == pytest.approx(100.0)
    assert float(table.rows[at][3] or 0) > float(table.rows[at][4] or 0)


def test_an_area_no_better_than_length_misses() -> None:
    one = Weighed("RouteLLM", ["a", "bb", "ccc", "dddd"], [1.0, 1.0, 0.0, 0.0], [1.0] * 4)
    table = routing_ranked.weak_strong([one], [[4.0, 3.0, 2.0, 1.0]])
    assert not table.targets[0][3]
    assert routing_prompts.OWN.is_dir()
