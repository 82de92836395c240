"""``lynkr replay --routing``: a recording under other tiers, for people and for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lynkr.cli import output
from lynkr.cli.replay import replay
from lynkr.errors import LynkrError
from lynkr.policies.routing import replay as routing_replay
from lynkr.policies.routing.facts import Ask, Score, Seen
from tests.policies.routing.scores import fix_bands, score

TIERS = """[routing]
simple = "anthropic:claude-haiku-4-5"
medium = ["anthropic:claude-sonnet-4-5", "openai:gpt-5.4-mini"]
complex = "anthropic:claude-opus-4-5"
reasoning = "anthropic:claude-fable-5"
"""
SYSTEM = [{"type": "text", "text": "You help with parcels. " * 900}]


def message(role: str, words: str) -> dict[str, Any]:
    return {"role": role, "content": words}


def body(*said: str, model: str = "claude-opus-4-5") -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [message(roles[at % 2], words) for at, words in enumerate(said)]
    return {"model": model, "max_tokens": 900, "system": SYSTEM, "messages": messages}


ASKS = ["List the parcels.", "Here.", "Prove that no parcel is lost.", "Done.", "Thanks!"]
RECORDED = [
    {"session": "depot", "at": 20 * at, "request": body(*ASKS[: 2 * at + 1]), "output_tokens": 50}
    for at in range(3)
]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


def measure(ask: Ask, seen: Seen) -> Score:
    return score(90.0 if "Prove" in ask.text else 5.0)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in a folder with a recording and a configuration of tiers, without keys."""
    import typer
    from typer.main import get_command

    fix_bands(monkeypatch)
    monkeypatch.setattr(routing_replay, "measured", measure)
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("LYNKR_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    Path("other.toml").write_text(TIERS)
    Path("file.jsonl").write_text("\n".join(map(json.dumps, RECORDED)))
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(replay)
    command = get_command(app)

    def call(*arguments: str) -> Result:
        try:
            code = command.main(["file.jsonl", *arguments], standalone_mode=False) or 0
        except LynkrError as error:
            output.explain(error)
            code = 1
        except Exception as error:
            return Result(getattr(error, "exit_code", -1), capsys.readouterr().out, str(error))
        return Result(code, *capsys.readouterr())

    return call


def test_a_program_reads_tiers_reasons_and_bills(run: Run) -> None:
    result = run("--routing", "other.toml", "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    (session,) = found["sessions"]
    assert session["session"] == "depot"
    steps = session["steps"]
    assert [step["tier"] for step in steps] == ["SIMPLE", "REASONING", "REASONING"]
    assert [step["moved"] for step in steps] == ["", "up", ""]
    assert steps[1]["target"] == "anthropic:claude-fable-5"
    assert steps[1]["reason"].startswith("REASONING, up from SIMPLE: score 90")
    assert steps[1]["switch"]["move_usd"] > steps[1]["switch"]["stay_usd"] > 0
    assert steps[1]["break_even_turns"] is None
    assert steps[2]["reason"].startswith("REASONING: pinned for 2 calls; this ask alone would be")
    assert session["sums"] == found["total"]
    total = found["total"]
    assert total["tiers"] == {"SIMPLE": 1, "MEDIUM": 0, "COMPLEX": 0, "REASONING": 2}
    assert (total["served"], total["own_served"], total["moves"]) == (3, 2, 1)
    assert total["single"] == "anthropic:claude-fable-5"
    assert total["usd"] == pytest.approx(sum(step["usd"] for step in steps))
    assert total["own_usd"] == pytest.approx(sum(step["own_usd"] for step in steps))


def test_people_see_a_row_for_each_call_and_the_sums(run: Run) -> None:
    result = run("--routing", "other.toml")
    assert result.code == 0
    assert "depot: messages, 3 calls" in result.out
    rows = [line.split() for line in result.out.splitlines()]
    assert next(row for row in rows if row[:2] == ["2", "20"])[2:5] == [
        *("REASONING", "anthropic:claude-fable-5", "up")
    ]
    together = next(row for row in rows if row and row[0] == "together")
    assert together[1:6] == ["3", "1", "SIMPLE,", "2", "REASONING"]
    assert "cheapest one model" in result.out


def test_the_floors_of_the_configuration_count(run: Run) -> None:
    Path("other.toml").write_text(TIERS + 'plan_floor = "reasoning"\npin_ttl_s = 60\n')
    assert run("--routing", "other.toml", "--json").code == 0


def test_prices_of_ones_own_are_used_and_missing_ones_are_told(run: Run) -> None:
    home = TIERS.replace("anthropic:claude-haiku-4-5", "ollama:tiny")
    Path("other.toml").write_text(home)
    found = json.loads(run("--routing", "other.toml", "--json").out)
    assert found["total"]["usd"] is None
    assert any("models_file" in note for note in found["notes"])
    Path("own.toml").write_text("[ollama.models.tiny]\nprices = { input = 0, output = 0 }\n")
    Path("other.toml").write_text(home + '[catalog]\nmodels_file = "own.toml"\n')
    found = json.loads(run("--routing", "other.toml", "--json").out)
    assert found["sessions"][0]["steps"][0]["usd"] == 0
    assert found["total"]["usd"] > 0


def test_what_cannot_be_done_is_explained(run: Run) -> None:
    Path("none.toml").write_text("")
    result = run("--routing", "none.toml")
    assert (result.code, "there are no tiers" in result.err) == (1, True)
    Path("odd.toml").write_text(TIERS.replace("anthropic:claude-opus", "nobody:claude-opus"))
    result = run("--routing", "odd.toml")
    assert (result.code, "no provider nobody" in result.err) == (1, True)
    assert run("--routing", "missing.toml").code == 2
    assert run("--routing", "other.toml", "--provider", "anthropic").code == 2
