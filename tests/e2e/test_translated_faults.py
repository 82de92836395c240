"""Coding tools whose provider fails in another dialect: they do what they do with their own.

What a tool does after an error depends on the status, on words in the body and on ``retry-after``.
Each test lets one reply go wrong, that of the third request, and holds fast what the tool was told
in its dialect and what it did. What each does with its own provider was seen without a gateway.

The full product would take minutes. Claude Code has the most reactions, so it meets every kind of
failure of a Chat provider, and those of Gemini and Bedrock whose wording is another. Codex meets
those of a Messages provider. OpenCode takes seconds for a session and waits two after each failure:
it meets four that it retries in one session with a Messages provider, and the two kinds of 400.
Streams that break inside a call are in ``test_translation.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.e2e import (
    agent_chat,
    agent_messages,
    agent_responses,
    chat_clients,
    test_claude_code,
    test_codex,
)
from tests.e2e.agent_failures import (
    BEDROCK_CONTEXT,
    CHAT,
    CUT,
    EMPTY,
    GEMINI,
    MESSAGES,
    PAGE,
    PAGE_TEXT,
    RESET,
    TOO_LARGE_PAGE,
)
from tests.e2e.agent_plan import Act, Body, Plan
from tests.e2e.agent_upstream import Instead, Seen, Turn
from tests.e2e.program import Outcome
from tests.e2e.test_translation import Scene, assert_claude_done, claude, scene

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]

FINAL = test_claude_code.FINAL
SUMMARY = "A session of the scripted agent"  # what it answers where it may not call tools
COMPACTING = "Here is the conversation so far"  # how OpenCode asks for one
STEP, RESULTS = 2, 3  # the third request, and the results that it has
WHOLE = [0, 1, 2, 3]


# --- what every session must come to --------------------------------------------------------------


def plan_of(tool: str, argument: str, **more: str) -> Plan:
    """Each command leaves its mark in a file, so one that ran twice shows."""

    def mark(word: str) -> Act:
        return Act(tool, {argument: f"echo {word} >> ran.txt", **more})

    return Plan(((mark("0"),), (mark("1a"), mark("1b")), (mark("2"),)), FINAL)


def ran(there: Scene) -> list[str]:
    return sorted((there.directory / "ran.txt").read_text().split())


ONCE = ["0", "1a", "1b", "2"]


def assert_asked_again(there: Scene, *, times: int = 1) -> None:
    """The step that failed was asked for again with the same body, on both sides."""
    agent = there.agent
    assert [str(fault) for fault in agent.faults] == []
    main = [step for step in agent.steps if step >= 0]
    assert main == [0, 1, *[STEP] * times, STEP, 3]
    bodies = [turn.asked.body for turn in agent.turns if turn.answer.step == STEP]
    assert all(body == bodies[0] for body in bodies)
    # Codex writes the same object with its names in another order.
    sent = {json.dumps(json.loads(seen.body), sort_keys=True) for seen in there.relay.posts}
    assert len(sent) == len(WHOLE)
    assert ran(there) == ONCE


# --- what the client is told ----------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """An error as it reaches the client."""

    status: int
    retry_after: str | None
    body: Body

    @property
    def error(self) -> Body:
        found: Body = self.body["error"]
        return found


_OF_THE_HOP = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding")


async def told(there: Scene, instead: Instead) -> Told:
    """What the client was told: its request is sent once more, and fails once more."""
    steps = there.agent.steps[:]
    at = next(seen for seen in there.relay.posts if _results(seen) == RESULTS)
    there.agent.instead, there.agent.results_gone = {STEP: [instead]}, 0
    headers = [pair for pair in at.headers if pair[0].lower() not in _OF_THE_HOP]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{there.gateway.base_url}{at.target}", data=at.body, headers=headers) as got,
    ):
        body = await got.json()
    there.agent.steps[:] = steps
    return Told(got.status, got.headers.get("retry-after"), body)


def _results(seen: Seen) -> int:
    spoken = {
        "messages": agent_messages, "responses": agent_responses, "completions": agent_chat
    }[seen.target.partition("?")[0].rpartition("/")[2]]  # fmt: skip
    return len(spoken.results(json.loads(seen.body)))


# --- Claude Code ----------------------------------------------------------------------------------


def claude_plan(_: Path) -> Plan:
    return plan_of("Bash", "command")


@pytest.mark.parametrize(
    ("target", "instead", "kind", "message"),
    [
        ("chat", CHAT["rate"], "rate_limit_error", "Rate limit reached"),
        ("chat", CHAT["server"], "api_error", "The server had an error"),
        ("chat", CHAT["overload"], "overloaded_error", "No capacity"),
        ("chat", CHAT["key"], "authentication_error", "Incorrect API key provided"),
        ("chat", PAGE, "overloaded_error", PAGE_TEXT),
        ("gemini", GEMINI["rate"], "rate_limit_error", "Quota exceeded for metric"),
    ],
    ids=["429", "500", "529", "401", "page", "gemini-429"],
)
async def test_claude_code_asks_again(
    tmp_path: Path, target: str, instead: Instead, kind: str, message: str
) -> None:
    async with scene(tmp_path, target, claude_plan) as there:
        there.agent.instead = {STEP: [instead]}
        outcome = await claude(there)
        seen = await told(there, instead)
        await there.gateway.stop()
    assert_asked_again(there)
    assert_claude_done(outcome, turns=5)
    assert (seen.status, seen.retry_after) == (instead.status, instead.headers.get("retry-after"))
    assert seen.body["type"] == "error"
    assert seen.error == {"type": kind, "message": message}
    statuses = [call["status"] for call in there.gateway.calls()]
    assert statuses == [200, 200, instead.status, 200, 200, instead.status]


@pytest.mark.parametrize(
    ("target", "instead"), [("chat", CHAT["event"]), ("gemini", GEMINI["event"])]
)
async def test_claude_code_asks_again_after_a_stream_that_is_only_an_error(
    tmp_path: Path, target: str, instead: Instead
) -> None:
    async with scene(tmp_path, target, claude_plan) as there:
        there.agent.instead = {STEP: [instead]}
        outcome = await claude(there)
        await there.gateway.stop()
    assert_asked_again(there)
    assert_claude_done(outcome, turns=5)
    assert all(turn.asked.stream for turn in there.agent.turns)
    assert there.gateway.calls()[STEP]["error_source"] == "upstream"


@pytest.mark.parametrize("instead", [CUT, EMPTY, CHAT["model"]], ids=["cut", "empty", "404"])
async def test_claude_code_asks_again_without_stream(tmp_path: Path, instead: Instead) -> None:
    """After a stream that held nothing, or only an error that is not overload; and after a 404."""
    async with scene(tmp_path, "chat", claude_plan) as there:
        there.agent.instead = {STEP: [instead]}
        outcome = await claude(there)
        await there.gateway.stop()
    assert [str(fault) for fault in there.agent.faults] == []
    assert there.agent.steps == [0, 1, STEP, STEP, 3]
    assert_claude_done(outcome, turns=5)
    assert ran(there) == ONCE
    streamed = [turn.asked.stream for turn in there.agent.turns]
    assert streamed[:3] == [True, True, True]
    assert streamed[4]
    if instead.status == 404:  # else it may see the end of the connection first, and stream again
        assert not streamed[3]


async def test_claude_code_asks_again_after_a_reset(tmp_path: Path) -> None:
    """Where it hits a connection that had served before, the gateway tries once by itself."""
    async with scene(tmp_path, "chat", claude_plan) as there:
        there.agent.instead = {STEP: [RESET, RESET]}
        outcome = await claude(there)
        await there.gateway.stop()
    assert_asked_again(there, times=2)
    assert_claude_done(outcome, turns=5)
    failed = [call for call in there.gateway.calls() if call["status"] != 200]
    assert failed
    assert {(call["status"], call["error"]) for call in failed} == {(502, "upstream_closed")}


OPENAI_WORDS = json.loads(CHAT["context"].body)["error"]["message"]
GEMINI_WORDS = json.loads(GEMINI["context"].body)["error"]["message"]


@pytest.mark.parametrize(
    ("target", "instead", "kind", "message"),
    [
        (
            "chat",
            CHAT["context"],
            "invalid_request_error",
            f"prompt is too long: 131072 tokens > 128000 maximum. {OPENAI_WORDS}",
        ),
        (
            "gemini",
            GEMINI["context"],
            "invalid_request_error",
            f"prompt is too long: 1200000 tokens > 1048576 maximum. {GEMINI_WORDS}",
        ),
        (
            "bedrock",
            BEDROCK_CONTEXT,
            "invalid_request_error",
            "prompt is too long. Input is too long for requested model.",
        ),
        (
            "chat",
            TOO_LARGE_PAGE,
            "request_too_large",
            "Request Entity Too Large 413 Request Entity Too Large nginx",
        ),
    ],
    ids=["chat", "gemini", "bedrock", "page"],
)
async def test_claude_code_compacts_a_prompt_that_does_not_fit(
    tmp_path: Path, target: str, instead: Instead, kind: str, message: str
) -> None:
    """It asks for a summary, puts that in place of the older turns, and goes on to the end."""
    async with scene(tmp_path, target, claude_plan) as there:
        there.agent.instead = {STEP: [instead]}
        outcome = await claude(there)
        turns = there.agent.turns[:]
        seen = await told(there, instead)
        await there.gateway.stop()
    assert [str(fault) for fault in there.agent.faults] == []
    assert there.agent.steps == [0, 1, STEP, -1, STEP, 3]
    assert_claude_done(outcome, turns=6)
    assert ran(there) == ONCE
    _, _, refused, compaction, again, _ = (json.dumps(turn.asked.body) for turn in turns)
    assert "CRITICAL: Respond with TEXT ONLY" in compaction
    assert SUMMARY not in refused
    assert SUMMARY in again  # the provider's words, by way of the client
    assert (seen.status, seen.error) == (instead.status, {"type": kind, "message": message})
    statuses = [call["status"] for call in there.gateway.calls()]
    assert statuses == [200, 200, instead.status, 200, 200, 200, instead.status]


async def test_claude_code_gives_up_at_once_when_the_request_is_at_fault(tmp_path: Path) -> None:
    async with scene(tmp_path, "chat", claude_plan) as there:
        there.agent.instead = {STEP: [CHAT["request"]]}
        outcome = await claude(there)
        await there.gateway.stop()
    assert there.agent.steps == [0, 1, STEP]
    assert outcome.exit_code == 1
    result = test_claude_code.result_of(outcome)
    assert result["is_error"] is True
    assert result["api_error_status"] == 400
    assert "Invalid value: 'naïve'" in result["result"]


# --- Codex ----------------------------------------------------------------------------------------


def codex_plan(_: Path) -> Plan:
    return plan_of("exec_command", "cmd")


async def codex(there: Scene) -> Outcome:
    client = test_codex.Setting(
        test_codex.FUNCTIONS, there.directory, there.agent, there.gateway, there.relay
    )
    return await client.codex()


def assert_codex_done(outcome: Outcome) -> None:
    assert outcome.exit_code == 0, outcome
    said = [event["item"] for event in test_codex.events_of(outcome, "item.completed")]
    assert [item["text"] for item in said if item["type"] == "agent_message"][-1] == FINAL


def in_openai(kind: str, code: str | None, message: str, param: str | None = None) -> Body:
    return {"message": message, "type": kind, "param": param, "code": code}


@pytest.mark.parametrize(
    ("instead", "kind", "code", "message"),
    [
        (
            MESSAGES["rate"],
            *("rate_limit_error", "rate_limit_exceeded", "Number of requests exceeded"),
        ),
        (MESSAGES["server"], "server_error", "server_error", "Internal server error"),
        (MESSAGES["overload"], "server_error", "overloaded", "Overloaded"),
        (PAGE, "server_error", "overloaded", PAGE_TEXT),
        (MESSAGES["key"], "invalid_request_error", "invalid_api_key", "invalid x-api-key"),
        (
            MESSAGES["size"],
            *("invalid_request_error", "request_too_large", "Request exceeds the maximum size"),
        ),
    ],
    ids=["429", "500", "529", "page", "401", "413"],
)
async def test_codex_asks_again(
    tmp_path: Path, instead: Instead, kind: str, code: str, message: str
) -> None:
    async with scene(tmp_path, "messages", codex_plan) as there:
        there.agent.instead = {STEP: [instead]}
        outcome = await codex(there)
        seen = await told(there, instead)
        await there.gateway.stop()
    assert_asked_again(there)
    assert_codex_done(outcome)
    assert (seen.status, seen.retry_after) == (instead.status, instead.headers.get("retry-after"))
    assert seen.error == in_openai(kind, code, message)
    statuses = [call["status"] for call in there.gateway.calls()]
    assert statuses == [200, 200, instead.status, 200, 200, instead.status]


@pytest.mark.parametrize(
    "instead",
    [
        *([MESSAGES[name]] for name in ("event", "late server", "late rate")),
        *([CUT], [EMPTY], [RESET, RESET]),
    ],
    ids=["event", "late-server", "late-rate", "cut", "empty", "reset"],
)
async def test_codex_asks_again_after_a_stream_that_broke(
    tmp_path: Path, instead: list[Instead]
) -> None:
    async with scene(tmp_path, "messages", codex_plan) as there:
        there.agent.instead = {STEP: instead[:]}
        outcome = await codex(there)
        await there.gateway.stop()
    assert_asked_again(there, times=len(instead))
    assert_codex_done(outcome)


@pytest.mark.parametrize(
    ("instead", "shown", "error"),
    [
        (
            MESSAGES["context"],
            "Codex ran out of room in the model's context window.",
            in_openai(
                "invalid_request_error",
                "context_length_exceeded",
                "prompt is too long: 210000 tokens > 200000 maximum",
            ),
        ),
        (
            MESSAGES["request"],
            "messages.1.content: naïve text is not allowed",
            in_openai(
                "invalid_request_error",
                None,
                "messages.1.content: naïve text is not allowed",
                "messages.1.content",
            ),
        ),
    ],
    ids=["context", "request"],
)
async def test_codex_gives_up_at_once_when_the_request_is_at_fault(
    tmp_path: Path, instead: Instead, shown: str, error: Body
) -> None:
    """It does not compact by itself when its provider says that the prompt does not fit."""
    async with scene(tmp_path, "messages", codex_plan) as there:
        there.agent.instead = {STEP: [instead]}
        outcome = await codex(there)
        steps = there.agent.steps[:]
        seen = await told(there, instead)
        await there.gateway.stop()
    assert steps == [0, 1, STEP]
    assert outcome.exit_code == 1
    (failed,) = test_codex.events_of(outcome, "turn.failed")
    assert shown in failed["error"]["message"]
    assert (seen.status, seen.error) == (400, error)


# --- OpenCode -------------------------------------------------------------------------------------


def opencode_plan(_: Path) -> Plan:
    return plan_of("bash", "command", description="Leaves a mark")


async def opencode(there: Scene) -> tuple[Outcome, list[Body]]:
    """And the errors that it shows."""
    outcome = await chat_clients.OpenCode(there.directory, there.relay.base_url).run()
    lines: list[Body] = [json.loads(line) for line in outcome.output.splitlines()]
    return outcome, [line["error"]["data"] for line in lines if line["type"] == "error"]


async def test_opencode_asks_again(tmp_path: Path) -> None:
    """At each step another: overload, a rate limit, an error in place of a stream, a reset."""
    async with scene(tmp_path, "messages", opencode_plan) as there:
        there.agent.instead = {
            0: [MESSAGES["overload"]],
            1: [MESSAGES["rate"]],
            STEP: [MESSAGES["event"]],
            3: [RESET, RESET],
        }
        outcome, errors = await opencode(there)
        await there.gateway.stop()
    assert [str(fault) for fault in there.agent.faults] == []
    assert [step for step in there.agent.steps if step >= 0] == [0, 0, 1, 1, STEP, STEP, 3, 3, 3]
    assert outcome.exit_code == 0, outcome
    assert errors == []
    assert chat_clients.OpenCode.said(outcome) == FINAL
    assert ran(there) == ONCE
    bodies = [seen.body for seen in there.relay.posts]
    assert len(set(bodies)) == 1 + len(WHOLE)  # the title, and each step


def asks_for_a_title(turn: Turn) -> bool:
    return turn.answer.step < 0 and COMPACTING not in json.dumps(turn.asked.body["messages"][-1])


async def test_opencode_compacts_a_prompt_that_does_not_fit(tmp_path: Path) -> None:
    """It asks for a summary, and its model starts again from that.

    What it shows, and that it exits with 1 when all is done, is the same with a Chat provider.
    """
    async with scene(tmp_path, "messages", opencode_plan) as there:
        there.agent.instead = {STEP: [MESSAGES["context"]]}
        outcome, errors = await opencode(there)
        await there.gateway.stop()
    assert [str(fault) for fault in there.agent.faults] == []
    # The title is asked for beside the session, so it comes anywhere in it.
    session = [turn for turn in there.agent.turns if not asks_for_a_title(turn)]
    assert len(session) == len(there.agent.turns) - 1
    assert [turn.answer.step for turn in session] == [0, 1, STEP, -1, *WHOLE]
    assert outcome.exit_code == 1
    (error,) = errors
    assert json.loads(error["responseBody"])["error"] == in_openai(
        "invalid_request_error", "context_length_exceeded", error["message"]
    )
    assert chat_clients.OpenCode.said(outcome) == FINAL
    assert ran(there) == sorted([*ONCE, "0", "1a", "1b"])
    summary = session[3].asked.body
    assert "tools" not in summary
    assert COMPACTING in json.dumps(summary["messages"][-1])


async def test_opencode_gives_up_at_once_when_the_request_is_at_fault(tmp_path: Path) -> None:
    async with scene(tmp_path, "messages", opencode_plan) as there:
        there.agent.instead = {STEP: [MESSAGES["request"]]}
        outcome, errors = await opencode(there)
        await there.gateway.stop()
    assert [step for step in there.agent.steps if step >= 0] == [0, 1, STEP]
    assert outcome.exit_code == 1
    (error,) = errors
    assert (error["statusCode"], error["isRetryable"]) == (400, False)
    assert error["message"] == "messages.1.content: naïve text is not allowed"
    assert json.loads(error["responseBody"])["error"] == in_openai(
        "invalid_request_error", None, error["message"], "messages.1.content"
    )
