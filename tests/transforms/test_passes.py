"""All passes together: request n+1 begins with the bytes of request n, whoever shapes it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr._native.memo import Memo
from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.transforms.cache_plan import Aim
from lynkr.transforms.passes import Want, estimated_string, shape
from lynkr.wire.tokens import estimated
from tests.transforms.made import (
    AUTOMATIC,
    DIALECTS,
    EXPLICIT,
    NAMES,
    NONE,
    Did,
    Turn,
    body,
    keys,
    laid_out,
    requests,
    result_texts,
    shaped,
)

TOOLS = ("Read", "Edit", "Bash", "Grep", "mcp__weather__forecast", "mcp__weather__stations")
ASK = "Fix the failing test in src/parser.py"


def rows(count: int, indent: int | None) -> str:
    return json.dumps(
        [{"id": n, "name": f"naïve item {n}", "ok": n % 3 == 0} for n in range(count)],
        indent=indent,
        ensure_ascii=False,
    )


def log(count: int, word: str) -> str:
    return "\n".join(f"10:00:{n % 60:02} INFO {word} request {n} served" for n in range(count))


def matches(count: int) -> str:
    return "\n".join(f"src/module_{n // 9}.py:{n}:    value = parse({n})" for n in range(count))


RESULTS = [
    rows(40, 2),
    rows(41, None),
    rows(3, None),
    log(120, "worker"),
    log(121, "worker"),
    log(120, "other"),
    matches(80),
    "def parse(text):\n    return text\n" * 80,
    "ok",
    "",
]
CALLS = [
    ("Bash", {"command": "make"}),
    ("Bash", {"command": "cat src/a.json"}),
    ("Bash", {"command": "lynkr show o_123"}),
    ("Grep", {"pattern": "parse"}),
    ("Read", {"path": "src/a.py"}),
]
# By number: a failure is told with what was drawn, and the texts are long.
DID = st.tuples(st.integers(0, len(CALLS) - 1), st.integers(0, len(RESULTS) - 1))
ASKS = ("", "go on", "ok", "thanks")
TURNS = st.lists(st.tuples(st.lists(DID, max_size=3), st.integers(0, 3)), max_size=7)
Drawn = list[tuple[list[tuple[int, int]], int]]


def turns_of(drawn: Drawn) -> list[Turn]:
    return [
        Turn(
            said="" if calls else "Done.",
            calls=tuple(Did(*CALLS[call], RESULTS[result]) for call, result in calls),
            asked=ASKS[asked] or ("" if calls else "ok"),
        )
        for calls, asked in drawn
    ]


AIMS = {
    "explicit": (EXPLICIT, Want(tools="session", repeats=True, marks="5m", scope=b"ana")),
    "automatic": (
        AUTOMATIC,
        Want(tools="session", repeats=True, marks="5m", cache_key="lynkr-1", scope=b"ana"),
    ),
    "none": (NONE, Want(repeats=True, marks="5m", scope=b"ana")),
}


@pytest.mark.parametrize("dialect", DIALECTS, ids=NAMES.get)
@pytest.mark.parametrize("aim", AIMS)
@pytest.mark.parametrize("results", ["lossless", "recoverable"])
@settings(max_examples=25, deadline=None)
@given(drawn=TURNS)
def test_a_request_begins_with_all_of_the_one_before(
    dialect: int, aim: str, results: Any, drawn: Drawn
) -> None:
    """So that a provider's cache is never written twice. Also when each request meets another
    worker, or one that was started again."""
    target, want = AIMS[aim]
    want = msgspec.structs.replace(want, results=results)
    if dialect != MESSAGES:
        target = msgspec.structs.replace(target, translated=target.marks)
    lasting, restarted = Memo(1 << 24), Memo(1 << 24)
    before: list[bytes] = []
    for number, raw in enumerate(requests(dialect, ASK, turns_of(drawn), tools=TOOLS)):
        if number % 3 == 0:
            restarted = Memo(1 << 24)
        found = shaped(raw, dialect, want, target, lasting)
        assert shaped(raw, dialect, want, target, restarted).body == found.body
        assert shaped(raw, dialect, want, target, Memo(1 << 24)).body == found.body
        now = keys(found.body, dialect)
        assert now[: len(before)] == before
        assert len(now) >= len(before)
        before = now
        assert found.body.count(b'"cache_control"') <= 4
        told = (
            found.saved
            - sum(
                tokens
                for tokens, kept in zip(found.tools.tokens, found.tools.kept, strict=True)
                if not kept
            )
            if found.tools is not None
            else found.saved
        )
        texts = [sum(map(estimated, result_texts(one, dialect))) for one in (raw, found.body)]
        assert told == sum(note.before - note.after for note in found.notes)
        assert texts[1] <= texts[0]
        if results == "lossless":
            assert all(note.lossless for note in found.notes)
            assert not found.originals


@pytest.mark.parametrize("dialect", DIALECTS, ids=NAMES.get)
def test_marks_of_the_clients_own_that_move_change_nothing(dialect: int) -> None:
    """Claude Code's last mark stands on another block with each request."""
    if dialect != MESSAGES:
        return
    target, want = AIMS["explicit"]
    want = msgspec.structs.replace(want, results="lossless")
    turns = [Turn(calls=(Did("Bash", {"command": "make"}, text),)) for text in RESULTS[:8]]
    before: list[bytes] = []
    for raw in requests(MESSAGES, ASK, turns, tools=TOOLS):
        whole = json.loads(raw)
        last = whole["messages"][-1]
        if isinstance(last["content"], str):
            last["content"] = [{"type": "text", "text": last["content"]}]
        last["content"][-1]["cache_control"] = {"type": "ephemeral"}
        found = shaped(json.dumps(whole).encode(), MESSAGES, want, target)
        now = keys(found.body, MESSAGES)
        assert now[: len(before)] == before
        before = now


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"messages":', b'{"a":1}', b'{"messages":[}'])
def test_a_body_that_cannot_be_trusted_is_not_shaped(raw: bytes) -> None:
    assert shape(raw, MESSAGES, Want(rename=b'"b"'), NONE, Memo(1000)) is None


@pytest.mark.parametrize("dialect", DIALECTS, ids=NAMES.get)
def test_nothing_to_do_leaves_the_very_bytes(dialect: int) -> None:
    raw = body(dialect, "Look.", [Turn(said="ö", asked="?")])
    found = shaped(raw, dialect, Want(), NONE)
    assert found.body is raw
    assert (found.changed, found.saved, found.notes) == (False, 0, ())


@pytest.mark.parametrize("dialect", DIALECTS, ids=NAMES.get)
@pytest.mark.parametrize("aim", AIMS)
def test_a_model_is_renamed_with_and_without_passes(dialect: int, aim: str) -> None:
    target, want = AIMS[aim]
    turns = [Turn(calls=(Did("Bash", {"command": "api"}, rows(40, 2)),))]
    raw = body(dialect, ASK, turns, tools=TOOLS)
    plain = shaped(raw, dialect, Want(rename=b'"new"'), NONE)
    assert json.loads(plain.body) == {**json.loads(raw), "model": "new"}
    assert not plain.changed
    want = msgspec.structs.replace(want, results="lossless")
    passed = shaped(raw, dialect, want, target)
    renamed = shaped(raw, dialect, msgspec.structs.replace(want, rename=b'"new"'), target)
    assert renamed.body == passed.body.replace(b'"model": "m"', b'"model": "new"')
    assert renamed.changed
    nameless = raw.replace(b'"model": "m", ', b"")
    found = shaped(nameless, dialect, Want(rename=b'"new"'), NONE)
    assert found.body == nameless


def test_all_passes_may_touch_one_body() -> None:
    """Attribution and a mark on one string, tools, repeats, results and marks: no edit overlaps."""
    line = "x-anthropic-billing-header: cc_version=2.1.197.1ab; cch=1;\nYou are."
    make = Did("Bash", {"command": "make"}, log(120, "worker"))
    turns = [Turn(calls=(make, Did("Bash", {"command": "api"}, rows(40, 2)), make))]
    raw = body(MESSAGES, ASK, turns, tools=TOOLS, system=line)
    aim = msgspec.structs.replace(EXPLICIT, billing_header=False)
    want = Want(tools="session", results="lossless", repeats=True, marks="1h", rename=b'"n"')
    found = shaped(raw, MESSAGES, want, aim)
    made = json.loads(found.body)
    mark = {"type": "ephemeral", "ttl": "1h"}
    said = "x-anthropic-billing-header: cc_version=2.1.197;\nYou are."
    assert made["system"] == [{"type": "text", "text": said, "cache_control": mark}]
    assert [note.stage for note in found.notes] == ["repeats", "results"]
    assert found.tools is not None
    assert found.tools.kept == (True, True, True, True, False, False)
    assert made["messages"][-1]["content"][-1]["cache_control"] == mark
    assert found.marked == 3


@pytest.mark.parametrize(
    ("aim", "want"),
    [
        (aim, Want(tools="session", results="lossless", repeats=True, marks="5m"))
        for aim in (NONE, EXPLICIT)
    ],
)
def test_savings_count_what_the_model_reads(aim: Aim, want: Want) -> None:
    turns = [
        Turn(calls=(Did("Bash", {"command": "api"}, rows(40, 2)),)),
        Turn(said="ok", asked="go on"),
    ]
    raw = body(RESPONSES, ASK, turns)
    found = shaped(raw, RESPONSES, want, aim)
    (note,) = found.notes
    (before,), (after,) = result_texts(raw, RESPONSES), result_texts(found.body, RESPONSES)
    assert (note.before, note.after) == (estimated(before), estimated(after))
    assert (found.saved_old, found.saved_new) == (note.before - note.after, 0)


def test_a_strings_tokens_are_those_of_what_it_says() -> None:
    raw = b'{"messages":[{"role":"user","content":"a\\nb\\u00fc \\"c\\""}]}'
    start, end = laid_out(raw, CHAT).blocks[0].start, laid_out(raw, CHAT).blocks[0].end
    assert estimated_string(raw, start, end) == estimated('a\nbü "c"')
