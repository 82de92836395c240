"""What becomes of one result: by its own text, by its call, and by what is allowed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.memo import Memo
from lynkr._native.spans import MESSAGES, string_value
from lynkr.transforms.passes import Shaped, Want
from lynkr.transforms.results.texts import identify
from tests.transforms.made import DIALECTS, NAMES, NONE, Did, Turn, body, result_texts, shaped

LOSSLESS = Want(results="lossless", scope=b"ana")
RECOVERABLE = Want(results="recoverable", scope=b"ana")
ROWS = json.dumps([{"id": n, "name": f"item {n}", "ok": True} for n in range(60)], indent=2)
LOG = "\n".join(f"2026-11-23 10:00:{n % 60:02} INFO worker served request {n}" for n in range(500))


def run(
    call: tuple[str, dict[str, Any]], text: str, want: Want = LOSSLESS, dialect: int = MESSAGES
) -> tuple[Shaped, str]:
    raw = body(dialect, "Look.", [Turn(calls=(Did(*call, text),))])
    found = shaped(raw, dialect, want)
    return found, result_texts(found.body, dialect)[0]


@pytest.mark.parametrize("dialect", DIALECTS, ids=NAMES.get)
def test_json_of_a_tool_is_sent_in_a_smaller_form(dialect: int) -> None:
    found, text = run(("mcp__api__items", {}), ROWS, dialect=dialect)
    assert len(text) < len(ROWS) / 2
    (note,) = found.notes
    assert (note.stage, note.lossless, note.original) == ("results", True, "")


@pytest.mark.parametrize(
    "call",
    [
        ("Read", {"path": "a.json"}),
        ("Bash", {"command": "cat a.json"}),
        ("Bash", {"command": ["cat", "a"]}),
    ],
)
def test_a_files_text_stays_as_it_is(call: tuple[str, dict[str, Any]]) -> None:
    assert run(call, ROWS)[1] == ROWS


@pytest.mark.parametrize("want", [LOSSLESS, RECOVERABLE])
@pytest.mark.parametrize("text", [ROWS, LOG])
def test_what_the_model_fetches_back_comes_whole(want: Want, text: str) -> None:
    found, said = run(("Bash", {"command": "lynkr show o_1 --grep x"}), text, want)
    assert said == text
    assert not found.changed


def test_a_digest_says_how_the_whole_can_be_had_and_hands_it_in() -> None:
    found, said = run(("Bash", {"command": "docker logs app"}), LOG, RECOVERABLE)
    (original,) = found.originals
    assert len(said) < len(LOG) / 2
    assert said.endswith(
        f"\n[Shortened; nothing is lost. Whole text: lynkr show {original.id}"
        f" (parts: --lines A-B, --grep WORD), or GET /v1/originals/{original.id}]"
    )
    raw = body(MESSAGES, "Look.", [Turn(calls=(Did("Bash", {"command": "docker logs app"}, LOG),))])
    assert string_value(raw, (original.start, original.end)) == LOG.encode()
    assert original.id == identify(b"ana", LOG.encode()) == found.notes[0].original
    assert not found.notes[0].lossless


def test_no_digest_unless_it_is_allowed() -> None:
    assert run(("Bash", {"command": "docker logs app"}), LOG)[1] == LOG


def test_an_original_has_another_name_for_another_key() -> None:
    """Its id must not tell whether somebody else has the same text."""
    assert identify(b"ana", b"x") != identify(b"ben", b"x") != identify(b"ben", b"y")
    assert identify(b"", b"x") == identify(b"", b"x")
    assert identify(b"k" * 100, b"x").startswith("o_")


def test_nothing_kept_for_one_key_or_mode_serves_another() -> None:
    memo = Memo(1 << 24)
    raw = body(MESSAGES, "Look.", [Turn(calls=(Did("Bash", {"command": "docker logs app"}, LOG),))])
    ids = set()
    for scope in (b"ana", b"ben", b"ana"):
        want = Want(results="recoverable", scope=scope)
        ids |= {one.id for one in shaped(raw, MESSAGES, want, NONE, memo).originals}
    assert len(ids) == 2
    assert shaped(raw, MESSAGES, LOSSLESS, NONE, memo).body == raw


def test_the_same_text_of_another_call_is_judged_by_that_call() -> None:
    """The memo must not give a file's text the form of an API's."""
    memo = Memo(1 << 24)
    for name, changed in (("api", True), ("Read", False), ("api", True)):
        raw = body(MESSAGES, "Look.", [Turn(calls=(Did(name, {}, ROWS),))])
        assert shaped(raw, MESSAGES, LOSSLESS, NONE, memo).changed == changed


@pytest.mark.parametrize("text", ["", "ok", "[1, 2]", '{"a": "' + "\\ud800" * 100 + '"}'])
def test_texts_with_nothing_to_save_stay(text: str) -> None:
    assert run(("api", {}), text, RECOVERABLE)[1] == text


def test_half_a_surrogate_stays() -> None:
    raw = body(MESSAGES, "Look.", [Turn(calls=(Did("api", {}, ROWS),))]).replace(
        b"item 7", b"\\ud800"
    )
    assert shaped(raw, MESSAGES, RECOVERABLE).body == raw


def test_each_text_of_a_result_is_looked_at() -> None:
    parts = [
        {"type": "text", "text": ROWS},
        {"type": "image", "source": {}},
        {"type": "text", "text": "ok"},
    ]
    block = {"type": "tool_result", "tool_use_id": "a", "content": parts}
    raw = json.dumps({"messages": [{"role": "user", "content": [block]}]}).encode()
    made = json.loads(shaped(raw, MESSAGES, LOSSLESS).body)["messages"][0]["content"][0]["content"]
    assert len(made[0]["text"]) < len(ROWS)
    assert made[1:] == parts[1:]
