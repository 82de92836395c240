"""``lynkr replay``: recordings in many forms, billed twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.cli.recordings import read
from lynkr.cli.replay import replay
from lynkr.errors import LynkrError

WORDS = "A long system prompt that every request has in common with the others. " * 120
OUTPUT = "\n".join(f"ferry/depot{n}.py:{n}: parcel = claim(shift, {n * 7})" for n in range(80))
CHAT_BODY = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "Héllo."}]}
MESSAGES_BODY = {**CHAT_BODY, "model": "claude-sonnet-4-5", "system": "Be.", "max_tokens": 9}
RESPONSES_BODY = {"model": "gpt-5.5", "input": "Hello."}


def lines(*entries: object) -> list[bytes]:
    return [entry if isinstance(entry, bytes) else json.dumps(entry).encode() for entry in entries]


def conversation(turns: int) -> list[dict[str, Any]]:
    """As Claude Code does: marks on the system prompt and the last block; one grep, again."""
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "Go."}]}
    ]
    bodies = []
    for number in range(turns):
        *blocks, last = messages[-1]["content"]
        marked = [*blocks, {**last, "cache_control": {"type": "ephemeral"}}]
        system = {"type": "text", "text": WORDS, "cache_control": {"type": "ephemeral"}}
        bodies.append(
            {
                "model": "claude-sonnet-4-5",
                "max_tokens": 9,
                "system": [system],
                "messages": [*messages[:-1], {"role": "user", "content": marked}],
            }
        )
        call = {"type": "tool_use", "id": f"t{number}", "name": "Bash"}
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": OUTPUT}
        messages = [
            *messages,
            {"role": "assistant", "content": [{**call, "input": {"command": "grep -rn parcel"}}]},
            {"role": "user", "content": [result]},
        ]
    return bodies


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "dialect"),
    [(CHAT_BODY, CHAT), (MESSAGES_BODY, MESSAGES), (RESPONSES_BODY, RESPONSES)],
    ids=["chat", "messages", "responses"],
)
def test_a_body_is_taken_for_what_it_is_and_its_bytes_are_kept(
    body: dict[str, Any], dialect: int
) -> None:
    """As the line itself, or as a string in it: spaces and escapes are the client's."""
    text = json.dumps(body, indent=None)
    for entry in (text.encode() + b"\r\n", {"body": text}, {"request": {"body": text}}):
        (turn,) = read(lines(entry)).turns
        assert (turn.body, turn.dialect) == (text.encode(), dialect)
        assert turn.model == body["model"]


def test_a_body_given_as_an_object_is_written_again_and_said_so() -> None:
    found = read(lines({"request": CHAT_BODY}))
    assert (
        found.turns[0].body
        == json.dumps(CHAT_BODY, separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert any("written again" in note for note in found.notes)
    assert not any("written again" in note for note in read(lines(CHAT_BODY)).notes)


@pytest.mark.parametrize(
    ("entry", "api", "dialect"),
    [
        ({"path": "/v1/chat/completions?x=1", "body": MESSAGES_BODY}, "", CHAT),
        ({"path": "/v1/messages?beta=true", "body": CHAT_BODY}, "", MESSAGES),
        ({"api": "messages", "body": CHAT_BODY}, "", MESSAGES),
        ({"api": "chat", "body": CHAT_BODY}, "messages", MESSAGES),
    ],
    ids=["path", "query", "api", "told"],
)
def test_what_a_line_says_counts_more_than_the_shape(
    entry: dict[str, Any], api: str, dialect: int
) -> None:
    assert read(lines(entry), api).turns[0].dialect == dialect


def test_anthropic_is_known_by_its_blocks_too() -> None:
    """A system prompt is not needed."""
    content = [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]
    blocks = {"model": "m", "messages": [{"role": "user", "content": content}]}
    tools = {**CHAT_BODY, "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    assert [turn.dialect for turn in read(lines(blocks, tools)).turns] == [MESSAGES] * 2


def test_times_are_seconds_or_iso_and_put_the_turns_in_order() -> None:
    entries = [
        {"at": "2026-11-23T10:00:30+00:00", "session": "b", "body": CHAT_BODY},
        {"ts": 1795428000.5, "session": "a", "body": CHAT_BODY},
        {"time": 1795428010000, "session": "c", "body": CHAT_BODY},
    ]
    found = read(lines(*entries))
    assert [turn.session for turn in found.turns] == ["a", "c", "b"]
    assert [turn.at_s - found.turns[0].at_s for turn in found.turns] == [0, 9.5, 29.5]
    untimed = read(lines(CHAT_BODY, CHAT_BODY, CHAT_BODY), idle_s=20)
    assert [turn.at_s for turn in untimed.turns] == [0, 20, 40]
    assert any("20 s apart" in note for note in untimed.notes)


def test_sessions_are_told_apart() -> None:
    """By what the line or the body says, else by the first thing that the user said."""
    other = {"model": "m", "messages": [{"role": "user", "content": "Other."}]}
    listed = {"model": "m", "messages": [{"role": "user", "content": [{"text": "Other."}]}]}
    longer = {**other, "messages": [*other["messages"], {"role": "assistant", "content": "k"}]}
    found = read(lines(CHAT_BODY, other, listed, longer)).turns
    assert found[1].session == found[2].session == found[3].session != found[0].session
    keyed = [{**one, "prompt_cache_key": "thread"} for one in (CHAT_BODY, other)]
    assert {turn.session for turn in read(lines(*keyed)).turns} == {"thread"}
    named = [{"session": "x", "body": one} for one in (CHAT_BODY, other)]
    assert {turn.session for turn in read(lines(*named)).turns} == {"x"}
    assert read(lines(RESPONSES_BODY)).turns[0].session


def test_output_is_what_was_counted_or_what_comes_back_in_the_next_request() -> None:
    counted = [
        {"body": CHAT_BODY, "output_tokens": 7},
        {"body": CHAT_BODY, "usage": {"completion_tokens": 8}},
        {"body": CHAT_BODY, "response": {"usage": {"output_tokens": 9}}},
    ]
    found = read(lines(*counted))
    assert [turn.output_tokens for turn in found.turns] == [7, 8, 9]
    assert not any("output" in note for note in found.notes)
    reply = {"role": "assistant", "content": "word " * 100}
    longer = {**CHAT_BODY, "messages": [*CHAT_BODY["messages"], reply]}
    first, last = read(lines(CHAT_BODY, longer)).turns
    assert 95 < first.output_tokens < 115
    assert last.output_tokens == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [(b"{oops", "line 2: not JSON"), (b"[1]", "line 2: neither"), (b'{"a":1}', "line 2: holds no")],
)
def test_a_line_that_cannot_be_used_is_named(line: bytes, said: str) -> None:
    with pytest.raises(LynkrError, match=said):
        read([b"\n", line])


# --- the command ----------------------------------------------------------------------------------


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in an empty folder with a recording of some lines."""
    import typer
    from typer.main import get_command

    from lynkr.cli import output

    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("LYNKR_"):
            monkeypatch.delenv(name)
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(replay)
    command = get_command(app)

    def call(recorded: list[bytes], *arguments: str) -> Result:
        Path("file.jsonl").write_bytes(b"\n".join(recorded))
        try:
            code = command.main(["file.jsonl", *arguments], standalone_mode=False) or 0
        except LynkrError as error:
            output.explain(error)
            code = 1
        except Exception as error:
            code, text = getattr(error, "exit_code", -1), str(error)
            return Result(code, capsys.readouterr().out, text)
        return Result(code, *capsys.readouterr())

    return call


OFF = '[tokens]\ntools = "off"\nresults = "off"\nrepeats = false\ncache_marks = false\n'


def test_with_all_passes_off_nothing_is_saved(run: Run) -> None:
    """And the bill is that of the client's own bytes: here by hand for two turns."""
    Path("lynkr.toml").write_text(OFF)
    result = run(lines(*conversation(2)), "--json", "--provider", "anthropic")
    assert (result.code, result.err) == (0, "")
    (session,) = json.loads(result.out)["sessions"]
    assert session["passthrough_usd"] == session["planned_usd"] > 0
    first, second = (turn["passthrough"] for turn in session["turns"])
    assert first["read_tokens"] == 0
    assert second["read_tokens"] == first["write_tokens"]
    for bill, output_tokens in ((first, session["turns"][0]["output_tokens"]), (second, 0)):
        by_hand = 3.75 * bill["write_tokens"] + 0.3 * bill["read_tokens"] + 15 * output_tokens
        assert bill["usd"] == pytest.approx((by_hand + 3 * bill["input_tokens"]) / 1e6)


def test_the_passes_save_under_every_rule_set(run: Run) -> None:
    """The same grep again and again: what repeats costs less, and nothing costs more."""
    result = run(lines(*conversation(6)), "--json")
    found = json.loads(result.out)
    (session,) = found["sessions"]
    assert session["rules"] == "anthropic"
    assert set(session["by_rules"]) == {"anthropic", "openai", "deepseek", "gemini", "no-cache"}
    for total in session["by_rules"].values():
        assert total["planned_usd"] < total["passthrough_usd"]
        assert total["stages"]["repeats"] > 0
        off = total["passthrough_usd"] - total["planned_usd"]
        assert sum(total["stages"].values()) == pytest.approx(off)
    assert session["planned_usd"] == session["by_rules"]["anthropic"]["planned_usd"]
    assert len(session["turns"]) == 6
    assert any("15 s apart" in note for note in found["notes"])


def test_people_see_turns_rules_and_notes(run: Run) -> None:
    result = run(lines(*conversation(3)), "-p", "openai", "-p", "no-cache", "--idle-s", "30")
    assert result.code == 0
    assert "messages, 3 turns, at openai" in result.out
    rows = [line.split() for line in result.out.splitlines()]
    assert [row[0] for row in rows if row and row[0] in ("1", "2", "3")] == ["1", "2", "3"]
    assert next(row for row in rows if row and row[0] == "3")[1] == "60"
    assert any(row[:2] == ["no-cache", "claude-sonnet-4-5"] for row in rows)
    assert "30 s apart" in result.out


def test_what_cannot_be_done_is_explained(run: Run) -> None:
    """2 for arguments that make no sense, 1 for a recording that cannot be billed."""
    good = lines(CHAT_BODY)
    assert run(good, "--provider", "nobody").code == 2
    assert run(good, "--api", "morse").code == 2
    assert run([b"{"]).code == 1
    assert "holds no requests" in run([b""]).err
    unknown = run(lines({**CHAT_BODY, "model": "secret"}), "--provider", "openrouter")
    assert (unknown.code, "price of secret" in unknown.err) == (1, True)
