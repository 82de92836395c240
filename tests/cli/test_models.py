"""``lynkr models``: the facts as a table and as JSON, with an operator's own over the shipped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lynkr.cli.main import main
from lynkr.providers.catalog import kinds
from lynkr.providers.models import all_facts


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        return {model["id"]: model for model in json.loads(self.out)["models"]}


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``lynkr models`` in an empty folder, with nothing of lynkr's in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("LYNKR_"):
            monkeypatch.delenv(name)

    def call(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as exit_:
            main(["models", *arguments])
        out, err = capsys.readouterr()
        code = exit_.value.code
        assert isinstance(code, int)
        return Result(code, out, err)

    return call


def test_a_kind_is_listed_with_limits_prices_and_capabilities(run: Run) -> None:
    """One line per model, wide enough for a pipe, in dollars per million tokens."""
    result = run("--kind", "anthropic")
    assert (result.code, result.err) == (0, "")
    line = next(line for line in result.out.splitlines() if line.startswith("claude-opus-4-8 "))
    assert line.split()[1:9] == ["1M", "128K", "5", "25", "0.5", "6.25", "10", "1024"]
    assert "adaptive_thinking" in line
    assert "2026-11-23" in line
    assert "US dollars per million tokens" in result.out


def test_json_has_every_fact_and_what_is_unknown_is_null(run: Run) -> None:
    found = run("--kind", "openai", "--json").models
    assert set(found) == {model.id for model in all_facts("openai")}
    small = found["text-embedding-3-small"]
    assert small["kind"] == "openai"
    assert small["prices"] == {"input": 0.02}
    assert small["output_tokens_max"] is None
    assert small["capabilities"] == []
    assert small["source"]
    assert found["gpt-*"]["prices"] is None


def test_without_a_kind_every_kind_is_listed_once(run: Run) -> None:
    """What a cloud shares with a vendor is listed with the vendor."""
    listed = json.loads(run("--json").out)["models"]
    pairs = [(model["kind"], model["id"]) for model in listed]
    assert len(set(pairs)) == len(pairs)
    assert {kind for kind, _ in pairs} == {kind for kind in kinds() if all_facts(kind)}
    assert ("azure-anthropic", "claude-opus-4-8") not in pairs
    assert "claude-opus-4-8" in run("--kind", "azure-anthropic", "--json").models


def test_an_operators_file_is_shown_over_the_shipped_facts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        '[ollama.models."qwen3-coder:30b"]\ncontext_window = 65536\n'
        "[anthropic.models.claude-opus-4-8]\nprices = { input = 1, output = 2 }\n"
    )
    (tmp_path / "lynkr.toml").write_text('[catalog]\nmodels_file = "own.toml"\n')
    assert run("--kind", "ollama", "--json").models["qwen3-coder:30b"]["context_window"] == 65536
    opus = run("--kind", "anthropic", "--json").models["claude-opus-4-8"]
    assert opus["prices"] == {"input": 1.0, "output": 2.0}
    assert opus["context_window"] == 1_000_000
    (tmp_path / "elsewhere.toml").write_text("[server]\n")
    plain = run("--kind", "anthropic", "--json", "--config", "elsewhere.toml")
    assert plain.models["claude-opus-4-8"]["prices"]["input"] == 5.0


def test_a_kind_without_facts_says_so(run: Run) -> None:
    result = run("--kind", "llamacpp")
    assert (result.code, result.err) == (0, "")
    assert "catalog.models_file" in result.out


def test_a_kind_that_does_not_exist_is_a_bad_argument(run: Run) -> None:
    result = run("--kind", "opneai")
    assert (result.code, result.out) == (2, "")
    assert "openai" in result.err


def test_a_broken_file_is_a_failure_with_its_reason(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lynkr.toml").write_text('[catalog]\nmodels_file = "gone.toml"\n')
    result = run()
    assert (result.code, result.out) == (1, "")
    assert "catalog.models_file" in result.err
    assert "gone.toml" in result.err


def test_help_is_there(run: Run) -> None:
    result = run("--help")
    assert result.code == 0
    assert result.out.startswith("Usage: lynkr models")


def test_the_facts_are_not_read_before_they_are_asked_for() -> None:
    """The command line is also what a worker starts from."""
    code = "import sys, lynkr.cli.main; print('lynkr.providers.models' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "False\n"
