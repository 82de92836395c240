"""``lynkr explain``: the plan for a request that is not sent."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.cli.main import main
from lynkr.errors import GatewayError
from lynkr.gateway.explain import api_of
from tests.transforms.made import DIALECTS, NAMES, Did, Turn, body

Json = dict[str, Any]
TEXT = {"type": "text", "text": "Hi."}


def says(*messages: Json, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": list(messages), **more}).encode()


def user(content: object) -> Json:
    return {"role": "user", "content": content}


FUNCTION = {"type": "function", "function": {"name": "n"}}


@pytest.mark.parametrize(
    ("api", "given"),
    [
        ("responses", b'{"model":"m","input":"Hi."}'),
        ("responses", b'{"input":[]}'),
        ("messages", says(user("Hi."), system="You are.")),
        ("messages", says(user("Hi."), max_tokens=5, anthropic_version="x")),
        ("messages", says(user("Hi."), tools=[{"name": "n", "input_schema": {}}])),
        (
            "messages",
            says(
                user("Hi."),
                tools=[
                    {"type": "web_search_20250305", "name": "w"},
                    {"name": "n", "input_schema": {}},
                ],
            ),
        ),
        ("messages", says(user([{"type": "tool_result", "tool_use_id": "1"}]))),
        ("messages", says(user([TEXT, {"type": "image", "source": {}}]))),
        ("messages", says(user("Hi."), thinking={"type": "adaptive"})),
        ("messages", says(user("Hi."), model="claude-x", tools=[])),
        ("messages", says(user("Hi."), model="us.anthropic.claude-x")),
        ("chat", says(user("Hi."))),
        ("chat", says({"role": "system", "content": "You are."}, user("Hi."))),
        ("chat", says({"role": "developer", "content": "You are."}, user("Hi."), model="claude-x")),
        ("chat", says(user("Hi."), tools=[FUNCTION])),
        ("chat", says(user("Hi."), tools=[{"type": "custom", "custom": {"name": "n"}}])),
        ("chat", says(user([TEXT, {"type": "image_url", "image_url": {}}]), model="claude-x")),
        ("chat", says(user("Hi."), {"role": "assistant", "tool_calls": []})),
        ("chat", says(user("Hi."), max_completion_tokens=5, model="claude-x")),
        ("chat", says(user([{"type": ["odd"]}, 5]), 5)),  # type: ignore[arg-type]
        ("chat", says()),
    ],
)
def test_an_api_is_told_by_the_shape_of_its_bodies(api: str, given: bytes) -> None:
    assert api_of(given) == api


@pytest.mark.parametrize("dialect", DIALECTS, ids=NAMES.get)
def test_conversations_of_agents_are_told_apart(dialect: int) -> None:
    turns = [Turn(said="Hm.", calls=(Did("Read", {"path": "a"}, "x"),), asked="And?")]
    for given in (
        body(dialect, "Look.", turns, tools=("Read",)),
        body(dialect, "Look.", turns),
        body(dialect, "Look.", [], tools=("Read",)),
    ):
        assert api_of(given) == NAMES[dialect]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"[]", "no object"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "neither messages nor input. Say with --api"),
        (b'{"contents":[]}', "neither messages nor input"),
        (b'{"messages":5}', "neither messages nor input"),
    ],
)
def test_a_body_of_no_api_is_refused(given: bytes, said: str) -> None:
    with pytest.raises(GatewayError, match=said) as caught:
        api_of(given)
    assert caught.value.status == 400


# --- the command ---


class Result(NamedTuple):
    code: object
    out: str
    err: str

    @property
    def plan(self) -> Json:
        found: Json = json.loads(self.out)
        return found


Run = Callable[..., Result]
CONFIG = """
[providers.claude]
kind = "anthropic"
api_key = "k"
models = { cross = "claude-sonnet-4-5" }
[providers.openai]
kind = "openai"
api_key = "k"
models = { fast = "gpt-5" }
"""
ROWS = json.dumps([{"id": n, "name": f"item {n}", "ok": True} for n in range(300)], indent=2)
TOOLS = ("Read", "Edit", "Bash", "mcp__weather__forecast")
TURNS = [Turn(calls=(Did("Bash", {"command": "api"}, ROWS), Did("Bash", {"command": "api"}, ROWS)))]
ASK = "Fix the failing test in src/parser.py"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("LYNKR_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "lynkr.toml").write_text(CONFIG)

    def call(*arguments: str, given: bytes = b"", tokens: str = "") -> Result:
        if tokens:
            (tmp_path / "lynkr.toml").write_text(f"{CONFIG}[tokens]\n{tokens}\n")
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        with pytest.raises(SystemExit) as exit_:
            main(["explain", *arguments])
        return Result(exit_.value.code, *capsys.readouterr())

    return call


def big(dialect: int, model: str, **more: Any) -> bytes:
    return body(dialect, ASK, TURNS, tools=TOOLS, **({"model": model} | more))


def test_a_plan_says_where_to_why_and_what_is_cut(run: Run) -> None:
    result = run("--json", given=big(MESSAGES, "claude-sonnet-4-5"))
    assert (result.code, result.err) == (0, "")
    plan = result.plan
    assert (plan["api"], plan["provider"], plan["lane"]) == ("messages", "claude", "edit")
    assert plan["model"] == plan["target_model"] == "claude-sonnet-4-5"
    assert plan["reasons"]
    assert plan["session"].startswith("s_")
    assert plan["passes"] == ["tools", "repeats", "results", "marks"]
    tools = plan["tools"]
    assert (tools["mode"], tools["total"]) == ("session", 4)
    assert tools["dropped"] == ["mcp__weather__forecast"]
    assert tools["kept"] == ["Read", "Edit", "Bash"]
    assert tools["tokens_after"] < tools["tokens_before"]
    assert set(tools["reasons"]) == set(TOOLS)
    repeat, first = sorted(plan["results"], key=lambda one: one["block"], reverse=True)
    assert (repeat["stage"], repeat["kind"], repeat["lossless"]) == ("repeats", "same", True)
    assert (first["stage"], first["message"], first["original_id"]) == ("results", 2, None)
    assert plan["cache_marks"] == {"client": 0, "added": 3}
    assert plan["tokens"]["after"] < plan["tokens"]["before"] / 2
    bill = plan["bill"]
    assert 0 < bill["planned_usd"] < bill["passthrough_usd"]
    assert "cold cache" in bill["assumes"]


def test_with_all_passes_off_nothing_is_planned(run: Run) -> None:
    off = 'tools = "off"\nresults = "off"\nrepeats = false\ncache_marks = false'
    plan = run("--json", given=big(MESSAGES, "claude-sonnet-4-5"), tokens=off).plan
    assert plan["lane"] == "splice"
    assert plan["passes"] == []
    assert plan["results"] == []
    assert plan["cache_marks"] == {"client": 0, "added": 0}
    assert plan["tokens"]["before"] == plan["tokens"]["after"]
    assert plan["bill"]["planned_usd"] == plan["bill"]["passthrough_usd"]


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES])
def test_other_dialects_have_their_plan_too(run: Run, dialect: int) -> None:
    plan = run("--json", given=big(dialect, "fast")).plan
    assert (plan["api"], plan["provider"]) == (NAMES[dialect], "openai")
    assert {"repeats", "results"} <= set(plan["passes"])


def test_a_translated_call_says_what_is_left_out_and_where_marks_go(run: Run) -> None:
    plan = run("--json", given=big(CHAT, "cross", store=True)).plan
    assert (plan["provider"], plan["lane"]) == ("claude", "translate")
    assert plan["target_model"] == "claude-sonnet-4-5"
    assert plan["spoken"] == "anthropic_messages"
    assert plan["dropped_fields"] == ["store"]
    assert plan["cache_marks"] == {"client": 0, "added": 3}
    plan = run("--json", given=big(CHAT, "cross"), tokens="cache_marks = false").plan
    assert "added" not in plan["cache_marks"] or plan["cache_marks"]["added"] == 0


def test_people_are_told_in_words(run: Run, tmp_path: Path) -> None:
    (tmp_path / "body.json").write_bytes(big(MESSAGES, "claude-sonnet-4-5"))
    result = run("body.json")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("claude-sonnet-4-5 -> claude claude-sonnet-4-5, lane edit\n")
    assert "3 of 4 offered (session)" in result.out
    assert "without mcp__weather__forecast: " in result.out
    assert "fewer), estimated" in result.out
    assert "3 added" in result.out


def test_what_is_not_understood_is_told(run: Run) -> None:
    odd = b'{"model":"claude-x","messages":[],"messages":[]}'
    plan = run("--json", given=odd).plan
    assert plan["passes"] == []
    assert "not understood" in plan["notes"][0]
    assert "not understood" in run(given=odd).out


def test_errors_are_those_of_the_call(run: Run) -> None:
    result = run(given=b"{")
    assert (result.code, result.out) == (1, "")
    assert "not JSON" in result.err
    assert "None" not in result.err
    assert run(given=b"{}").err.count("--api") == 1
    result = run("gone.json")
    assert (result.code, result.out) == (1, "")
    assert "gone.json cannot be read" in result.err
    assert run("--api", "nonsense").code == 2


def test_lines_are_planned_one_by_one_and_a_bad_one_stops_none(run: Run) -> None:
    """The exit code says that there was one."""
    good = big(MESSAGES, "claude-sonnet-4-5")
    result = run("--jsonl", "--json", given=good + b"\n\n{\n" + good)
    assert result.code == 1
    first, bad, last = map(json.loads, result.out.splitlines())
    assert first == last
    assert (bad["line"], bad["error"]["kind"]) == (3, "malformed_request")
    assert "not JSON" in bad["error"]["message"]
    words = run("--jsonl", given=good + b"\n{")
    assert words.code == 1
    assert "line 2: " in words.out
    assert run("--jsonl", "--json", given=good).code == 0


def test_an_api_can_be_said(run: Run) -> None:
    given = says(user("Hi."), model="claude-sonnet-4-5")
    assert run("--json", "--api", "chat", given=given).plan["api"] == "chat"
