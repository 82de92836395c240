"""``lynkr outcomes``: what the workers wrote, as tables, as a sentence and as JSON."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from lynkr.cli import outcomes as command
from lynkr.errors import LynkrError
from lynkr.policies.outcomes import DAY_S, Outcome
from lynkr.stores.outcomes import FILE, Outcomes


class Result(NamedTuple):
    code: int
    out: str
    error: str


Run = Callable[..., Result]
TODAY = int(time.time() // DAY_S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def run(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:  # fmt: skip
    """Runs the command in an empty folder, with nothing of lynkr's in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("LYNKR_"):
            monkeypatch.delenv(name)
    (tmp_path / "own.toml").write_text(f'[server]\nstate_dir = "{folder}"\n')
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(command.outcomes)

    def call(*arguments: str) -> Result:
        error = ""
        code = 0
        try:
            app(args=["--config", "own.toml", *arguments], prog_name="lynkr outcomes")
        except LynkrError as raised:
            code, error = 1, str(raised)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return Result(code, out, error or err)

    return call


def write(folder: Path, *rows: Outcome) -> None:
    store = Outcomes(folder / FILE)
    for row in rows:
        store.add(row)
    store.close(20.0)


def row(tier: str, band: int, calls: int, flawed: int = 0, **fields: Any) -> Outcome:
    made: dict[str, Any] = {
        "day": TODAY, "target": f"demo:{tier.lower()}", "truncated": flawed, "usd": 0.25,
        "output_tokens": calls * 10, **fields,
    }  # fmt: skip
    return Outcome(tier=tier, score_band=band, calls=calls, flawed=flawed, **made)


ROWS = (
    row("SIMPLE", 1, 300),
    row("MEDIUM", 5, 200, 10, tool_results=40, invalid_calls=1),
    row("COMPLEX", 5, 100),
    row("REASONING", 9, 25, 1),
)


def test_tables_have_a_line_for_each_tier_and_model(run: Run, folder: Path) -> None:
    write(folder, *ROWS)
    result = run()
    assert (result.code, result.error) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    medium = next(line for line in lines if line[:1] == ["MEDIUM"])
    assert medium[1:3] == ["200", "32%"]
    assert "97.5 (86.8-99.9)" in result.out  # of 40 tool calls one was not valid
    assert "95 (91-97.6)" in result.out
    assert any(line[:2] == ["MEDIUM", "demo:medium"] for line in lines)
    assert [line[0] for line in lines if line and line[0].isupper()][:4] == [
        "SIMPLE", "MEDIUM", "COMPLEX", "REASONING",
    ]  # fmt: skip
    assert "Clopper and Pearson" in result.out


def test_it_says_what_the_tier_below_would_have_done(run: Run, folder: Path) -> None:
    write(folder, *ROWS)
    out = run().out
    assert "COMPLEX: MEDIUM would have served 90-98 % of these" in out
    assert "REASONING: no call like these went to COMPLEX yet" in out
    assert "MEDIUM: no call like these went to SIMPLE yet" in out
    assert "SIMPLE: " not in out


def test_json_has_everything(run: Run, folder: Path) -> None:
    write(folder, *ROWS)
    found = json.loads(run("--json", "--days", "7").out)
    assert found["days"] == 7
    assert [one["tier"] for one in found["tiers"]] == ["SIMPLE", "MEDIUM", "COMPLEX", "REASONING"]
    medium = found["tiers"][1]
    assert medium["complete"] == {
        "good": 190, "seen": 200, "share": 0.95,
        "low": pytest.approx(0.9100, abs=5e-4), "high": pytest.approx(0.9758, abs=5e-4),
    }  # fmt: skip
    assert medium["not_retried"]["share"] is None
    assert found["targets"][1]["target"] == "demo:medium"
    complex_ = next(one for one in found["below"] if one["tier"] == "COMPLEX")
    assert (complex_["lower"], complex_["like_them"], complex_["covered"]) == ("MEDIUM", 200, 1.0)
    assert complex_["sentence"].startswith("COMPLEX: MEDIUM would have served")


def test_only_the_days_that_were_asked_for_count(run: Run, folder: Path) -> None:
    write(folder, row("SIMPLE", 1, 1), row("SIMPLE", 1, 10, day=TODAY - 5))
    assert json.loads(run("--json", "--days", "2").out)["tiers"][0]["calls"] == 1
    assert json.loads(run("--json", "--days", "30").out)["tiers"][0]["calls"] == 11


def test_without_calls_it_says_so_and_makes_nothing(run: Run, folder: Path) -> None:
    result = run()
    assert (result.code, result.out) == (0, "no routed calls in 30 days\n")
    assert json.loads(run("--json").out)["tiers"] == []
    assert not folder.exists()


def test_a_file_that_is_none_is_explained(run: Run, folder: Path) -> None:
    folder.mkdir()
    (folder / FILE).write_bytes(b"this is no database" * 1000)
    result = run()
    assert (result.code, result.out) == (1, "")
    assert FILE in result.error


def test_days_are_bounded_by_what_is_kept(run: Run) -> None:
    assert run("--days", "0").code == 2
    assert run("--days", "91").code == 2
