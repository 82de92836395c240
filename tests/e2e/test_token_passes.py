"""The token passes in whole sessions of real coding tools.

A session must end as it would without them, cost no more anywhere, and leave every prompt cache as
warm as the client's own requests would: whatever the client repeats, the provider gets repeated.

``LYNKR_RECORD_DIR`` names a directory for what the clients sent, which ``lynkr replay`` reads.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, Layout, scan
from lynkr.gateway.sessions import first_words
from lynkr.policies.prompt_cache import PromptCache
from lynkr.policies.rule_sets import RULE_SETS, sessions, wanted
from lynkr.policies.simulator import Turn, target
from lynkr.transforms.pieces import Piece, pieces_of
from tests.e2e import agent_failures, chat_clients, test_claude_code
from tests.e2e.agent_upstream import Seen
from tests.e2e.pass_sessions import (
    CLAUDE,
    CLINE,
    CODEX,
    FINAL,
    LOADING,
    OPENCODE,
    Case,
    Session,
    asked_for,
    assert_worked,
    play,
    record,
    sent_again,
)
from tests.e2e.test_codex import events_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]

DIALECTS = {"messages": MESSAGES, "chat": CHAT, "responses": RESPONSES}
CASES = [
    Case("claude", "claude", "claude-sonnet-4-5", "anthropic", "messages", CLAUDE),
    Case("codex", "codex", "gpt-5.5", "openai", "responses", CODEX),
    Case("codex-code", "codex", "gpt-6-sol", "openai", "responses", CODEX, wraps=True),
    Case("opencode", "opencode", "deepseek-v4-pro", "deepseek", "chat", OPENCODE, root="/v1"),
    Case("cline", "cline", "kimi-k3", "moonshot", "chat", CLINE, wraps=True),
]
DEFAULTS: dict[str, Any] = {}
ALL: dict[str, Any] = {"results": "recoverable"}
RECORDINGS = os.environ.get("LYNKR_RECORD_DIR", "")


# --- the law --------------------------------------------------------------------------------------


def layout_of(body: bytes, api: str) -> Layout:
    layout = scan(body, DIALECTS[api])
    assert layout is not None, "no valid request"
    return layout


def conversations(seen: Iterable[Seen], api: str) -> dict[tuple[str, bytes], list[bytes]]:
    """The bodies of each conversation, in order; side requests, which have no tools, left out."""
    found: dict[tuple[str, bytes], list[bytes]] = defaultdict(list)
    for one in seen:
        layout = layout_of(one.body, api)
        if layout.tool_list or any(
            message.kind == b"additional_tools" for message in layout.message_list
        ):
            agent = one.value("x-claude-code-agent-id") or ""
            found[agent, first_words(one.body, layout)].append(one.body)
    return found


def kept(body: bytes, api: str) -> list[bytes]:
    """What a cache keeps of a prompt: up to the last mark where there are marks, else all."""
    pieces = pieces_of(body, layout_of(body, api))
    marks = [at for at, piece in enumerate(pieces) if piece.mark]
    return keys(pieces[: marks[-1] + 1] if marks else pieces)


def keys(pieces: list[Piece]) -> list[bytes]:
    return [piece.key for piece in pieces]


def begins(body: bytes, following: bytes, api: str) -> bool:
    before = kept(body, api)
    return keys(pieces_of(following, layout_of(following, api)))[: len(before)] == before


def common(body: bytes, following: bytes, api: str) -> list[Piece]:
    """The pieces that both begin with."""
    both = zip(*(pieces_of(one, layout_of(one, api)) for one in (body, following)), strict=False)
    return [before for before, _ in takewhile(lambda pair: pair[0].key == pair[1].key, both)]


def assert_law(session: Session, *, restarts: int = 0) -> None:
    """Where a client's request begins with all of the one before, so does what the provider gets;
    and of the rest it has as many pieces in common, but for tools that are left out of both."""
    api = session.case.api
    sent, got = conversations(session.sent, api), conversations(session.got, api)
    assert sum(map(len, got.values())) == sum(map(len, sent.values()))
    held = 0
    for own, theirs in zip(sent.values(), got.values(), strict=True):
        for (first, second), (before, after) in zip(pairwise(own), pairwise(theirs), strict=True):
            tools = len(layout_of(first, api).tool_list)
            left_out = tools - len(layout_of(before, api).tool_list)
            shared = len(common(first, second, api))
            if shared >= tools:
                assert len(common(before, after, api)) >= shared - left_out
            if begins(first, second, api):
                held += 1
                assert begins(before, after, api)
                assert len(kept(before, api)) == len(kept(first, api)) - left_out
    assert held >= len(session.agent.plan.steps) - restarts


# --- what every session must come to --------------------------------------------------------------


def assert_done(session: Session) -> None:
    """The client did its work, and every request passed for one of its own."""
    case, agent, outcome = session.case, session.agent, session.outcome
    assert [str(fault) for fault in agent.faults] == []
    assert outcome.exit_code == 0, outcome
    assert [event for event in session.events if event["level"] != "info"] == []
    assert_worked(session.directory / "project")
    assert said(case, outcome) == FINAL


def said(case: Case, outcome: Any) -> str:
    if case.client == "claude":
        return str(test_claude_code.result_of(outcome)["result"])
    if case.client == "codex":
        items = [event["item"] for event in events_of(outcome, "item.completed")]
        return str([item["text"] for item in items if item["type"] == "agent_message"][-1])
    kind = chat_clients.OpenCode if case.client == "opencode" else chat_clients.Cline
    return kind.said(outcome)


def assert_steps(session: Session) -> None:
    steps = [step for step in session.agent.steps if step >= 0]
    assert steps == list(range(len(session.agent.plan.steps) + 1))


def assert_saved(session: Session) -> None:
    """From the first JSON result on each call has fewer tokens, and the log says so."""
    first = next(n for n, seen in enumerate(session.sent) if b"module_63" in seen.body)
    assert first <= len(session.case.tools.first) + 2
    for call in session.calls[first:]:
        saving = call["saving"]
        assert saving["tokens"] > 500
        assert "results" in saving["passes"]
        assert saving["usd"] < saving["passthrough_usd"]
        assert call["lane"] == "edit"
    assert {call["saving"]["aside"] for call in session.calls} == {""}


def turns(bodies: list[bytes], session: Session) -> list[Turn]:
    start = session.sent[0].at
    return [
        Turn(
            session="one",
            at_s=seen.at - start,
            body=body,
            dialect=DIALECTS[session.case.api],
            model=json.loads(body)["model"],
            output_tokens=100,
        )
        for seen, body in zip(session.sent, bodies, strict=True)
    ]


def assert_cheaper(session: Session) -> None:
    """Under the rules and prices of every kind of cache, whether it is this session's or not."""
    own = turns([seen.body for seen in session.sent], session)
    (billed,) = sessions(own, list(RULE_SETS), wanted(session.tokens))
    assert list(billed.by_rules) == [*RULE_SETS]
    for name, total in billed.by_rules.items():
        assert total.planned_usd <= total.passthrough_usd, name
        assert total.tokens_after < total.tokens_before, name


def assert_bill(session: Session) -> None:
    """What the provider really got cost less at its own rules and prices."""
    case = session.case
    place = target(case.kind, case.model)
    own = [seen.body for seen in session.sent]
    totals = []
    for bodies in (own, [seen.body for seen in session.got]):
        cache = PromptCache(place.rules, place.prices)
        bills = [
            cache.turn(turn.at_s, pieces_of(turn.body, layout_of(turn.body, case.api)), 100)
            for turn in turns(bodies, session)
        ]
        totals.append(sum(bill.usd for bill in bills))
    assert totals[1] < totals[0]


async def assert_same_again(session: Session) -> None:
    """Workers that have seen nothing make the same bytes of the same requests, in any order."""
    again = await sent_again(session)
    assert Counter(again.got) == Counter(seen.body for seen in session.got)
    untouched = [call for call in session.calls if not call["saving"]["tokens"]]
    assert list(again.saved.values()).count(0) == sum(call["status"] == 200 for call in untouched)
    assert again.saved[session.sent[-1].body] > 500


def results_of(session: Session, seen: Seen) -> list[str]:
    """The texts that the tools brought back, as this request says them."""
    layout = layout_of(seen.body, session.case.api)
    return [
        json.loads(seen.body[start:end]) for block in layout.blocks for start, end in block.texts
    ]


def tells(text: str, line: str) -> bool:
    """Whether a text says the line, perhaps in a string in JSON."""
    return line in text or json.dumps(line, ensure_ascii=False)[1:-1] in text


def assert_told(session: Session) -> None:
    """The model was told what counts: of each row its own numbers, of the tests those that failed,
    and of a file every byte."""
    own, shown = (results_of(session, seen[-1]) for seen in (session.sent, session.got))
    told = "\n".join(shown)
    for number in (41, 77):
        assert tells(told, f"E       AssertionError: assert None == 'item {number}'")
        assert tells(told, f"FAILED tests/part_{number % 7}/test_module_{number}.py")
    assert tells(told, f"{61 * 7919 % 1000}")
    files = [text for text in own if "fact 23" in text]
    assert files
    assert set(files) <= set(shown)


def assert_recovered(session: Session) -> None:
    """Each shortened text can be had again, whole and in parts; the model has asked for parts."""
    own, shown = (results_of(session, seen[-1]) for seen in (session.sent, session.got))
    assert len(session.originals) >= 2
    assert set(session.originals.values()) <= set(own)
    last = session.sent[-1].body
    grepped = session.originals[asked_for(last, "--grep FAILED")].split("\n")
    found = [f"{number}:{line}" for number, line in enumerate(grepped, 1) if "FAILED" in line]
    assert len(found) >= 2
    assert any("\n".join(found) in text for text in shown)
    lines = session.originals[asked_for(last, "--lines 2-3")].split("\n")
    assert any("\n".join(lines[1:3]) in text for text in shown)


@pytest.mark.parametrize("tokens", [DEFAULTS, ALL], ids=["default", "all"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_session(tmp_path: Path, case: Case, tokens: dict[str, Any]) -> None:
    """Each client does its work to the end, for less, with caches as warm as without."""
    session = await play(case, tmp_path, **tokens)
    if RECORDINGS and not tokens:
        record(session, Path(RECORDINGS))
    assert_done(session)
    assert_steps(session)
    assert_law(session)
    assert_saved(session)
    assert_told(session)
    assert_cheaper(session)
    assert_bill(session)
    await assert_same_again(session)
    if tokens and not case.wraps:
        assert_recovered(session)


async def test_tools_that_are_loaded_later(tmp_path: Path) -> None:
    """Claude Code can search its tools by itself: those that it finds join the others, and a list
    that was shorter before would cost the whole prompt again."""
    case = Case(
        "claude-search", "claude", "claude-opus-4-8", "anthropic", "messages", LOADING,
        environment={
            "ENABLE_TOOL_SEARCH": "true", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "",
        },
    )  # fmt: skip
    session = await play(case, tmp_path, **ALL)
    if RECORDINGS:
        record(session, Path(RECORDINGS))
    assert_done(session)
    assert_steps(session)
    assert session.agent.steps.count(-1) == 1  # a title
    assert_law(session)
    assert_saved(session)
    assert_told(session)
    assert_cheaper(session)
    assert_bill(session)
    await assert_same_again(session)


async def test_compaction(tmp_path: Path) -> None:
    """A conversation that became too long is summed up and goes on. The summary is asked for with
    the same prompt, and what comes after refers to nothing that is gone."""
    case = CASES[0]
    too_long = {5: [agent_failures.MESSAGES["context"]]}
    session = await play(case, tmp_path, too_long, **ALL)
    assert_done(session)
    assert_law(session, restarts=1)
    assert_cheaper(session)
    await assert_same_again(session)


async def test_passthrough(tmp_path: Path) -> None:
    """With one header a client keeps every byte of its own."""
    case = Case(
        "claude-passthrough", "claude", "claude-sonnet-4-5", "anthropic", "messages", CLAUDE,
        environment={"ANTHROPIC_CUSTOM_HEADERS": "x-lynkr-passthrough: true"},
    )  # fmt: skip
    session = await play(case, tmp_path)
    assert_done(session)
    assert [seen.body for seen in session.got] == [seen.body for seen in session.sent]
    assert {call["lane"] for call in session.calls} == {"splice"}


async def test_translation(tmp_path: Path) -> None:
    """The same in another dialect than the client's: its provider wants marks, of which the client
    knows nothing."""
    case = Case(
        "codex-translated", "codex", "gpt-5.5", "anthropic", "responses", CODEX,
        target="claude-sonnet-5",
    )  # fmt: skip
    session = await play(case, tmp_path, **ALL)
    assert_done(session)
    assert_steps(session)
    for before, after in pairwise(seen.body for seen in session.got):
        pieces = pieces_of(before, layout_of(before, "messages"))
        assert 2 <= sum(bool(piece.mark) for piece in pieces) <= 4
        assert pieces[-1].mark
        assert begins(before, after, "messages")
    last = session.calls[-1]["saving"]
    assert last["tokens"] > 500
    assert last["usd"] < last["passthrough_usd"]
    assert {"repeats", "results"} & set(last["passes"])
    await assert_same_again(session)
