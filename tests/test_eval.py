"""The frame of the evaluations, and the law of the sessions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import eval.__main__ as frame
from eval import session_samples, sessions
from eval.report import Table
from lynkr._native.spans import scan
from lynkr.policies.rule_sets import Session, Sum

TABLE = Table(
    title="Sizes",
    columns=["what", "tokens"],
    rows=[["a", 1200], ["long name", None]],
    notes=["Made up."],
    targets=[("size", "< 2", "1", True)],
)
MISSED = Table("Other", ["a"], [["x"]], targets=[("share", ">= 9 %", "3 %", False)])


def test_a_table_is_markdown() -> None:
    """Columns are aligned, numbers to the right; a missing cell is empty."""
    page = frame.markdown("sizes", [TABLE], data=True)
    assert page.splitlines() == [
        *("## sizes", "", "### Sizes", ""),
        "| what      | tokens |",
        "| --------- | -----: |",
        "| a         |  1,200 |",
        "| long name |        |",
        *("", "Made up."),
    ]


def test_missing_data_is_said() -> None:
    assert "samples only" in frame.markdown("x", [TABLE], data=False)
    assert "Nothing was measured" in frame.markdown("x", [], data=True)
    assert "no such evaluation" in frame.markdown("x", None, data=True)


def test_the_summary_says_which_targets_are_met() -> None:
    lines, met = frame.summary({"one": [TABLE], "two": [], "three": None})
    assert met
    assert any(line.startswith("met") and "one: size" in line for line in lines)
    assert sum(line.startswith("not measured") for line in lines) == 2
    lines, met = frame.summary({"one": [TABLE, MISSED]})
    assert not met
    assert any(line.startswith("MISSED") and "got 3 %" in line for line in lines)


def test_topics_are_run_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page and a JSON file per topic; 1 when a target is missed, 2 for what does not exist."""
    monkeypatch.setattr(frame, "tables_of", lambda topic, data: [TABLE, MISSED])
    out = tmp_path / "out"
    assert frame.main(["toon", "--data", str(tmp_path), "--out", str(out)]) == 1
    assert "MISSED" in capsys.readouterr().out
    assert (out / "toon.md").read_text().startswith("## toon")
    assert json.loads((out / "toon.json").read_text())[0]["rows"][0] == ["a", 1200]
    for arguments in (["weather"], ["toon", "--data", str(tmp_path / "absent")]):
        with pytest.raises(SystemExit) as exit_:
            frame.main(arguments)
        assert exit_.value.code == 2


def test_samples_are_the_same_each_time_and_readable() -> None:
    """Made by a seed; each request goes on from the one before it, as clients' do."""
    first, again = session_samples.samples(), session_samples.samples()
    assert first == again
    for sample in first:
        assert 10 <= len(sample.turns) <= 20
        for turn in sample.turns:
            assert scan(turn.body, turn.dialect) is not None, sample.name


def test_no_session_costs_more_than_passed_through() -> None:
    """The law, at every provider, for two of the samples; ``python -m eval sessions`` has all."""
    chosen = [one for one in session_samples.samples() if one.name in ("opencode", "sdk-agent")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "samples", lambda: chosen)
        bills, clients = sessions.run(None)
    (target,) = bills.targets
    assert target == ("sessions that cost more than passed through", "0", "0", True)
    assert len(bills.rows) == 10
    assert [row[0] for row in clients.rows] == ["opencode", "OpenAI SDK"]


def test_a_session_that_costs_more_is_named() -> None:
    total = Sum(["m"], passthrough_usd=0.01, planned_usd=0.015)
    same = Sum(["m"], passthrough_usd=0.01, planned_usd=0.01)
    ((more, where),) = sessions._dearer(
        Session("s", "chat", "a", 0, 0, [], {"a": total, "b": same})
    )
    assert (round(more, 9), where) == (0.005, "s at a")
