"""Coding tools on providers of another dialect: whole sessions through the translate lane.

The scripted agent stands for the provider. It holds every request against the official types and
the provider's own rules, and wants back unchanged what it hid in its reasoning; so a session that
it plays to its end is one that the real provider could have had.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.e2e import chat_clients, test_claude_code, test_codex
from tests.e2e.agent_plan import Act, Body, Plan, total
from tests.e2e.agent_upstream import AgentUpstream, Fault
from tests.e2e.gateway_process import GatewayProcess, provider
from tests.e2e.program import Outcome
from tests.e2e.recording_relay import RecordingRelay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

NOTES = test_claude_code.NOTES
FINAL = test_claude_code.FINAL


@dataclass(frozen=True)
class Target:
    """A provider of one dialect: its table in the configuration, and how it is asked."""

    kind: str
    model: str
    path: str  # of the inference requests it gets
    credential: tuple[str, str]  # header and value
    apis: str = ""  # where the kind serves more than this one
    names_model: bool = True  # in its replies
    keeps_prompts: bool = True  # else each request has its own choice of tools

    def config(self, base_url: str) -> str:
        table = provider("main", self.kind, base_url, "upstream-key")
        apis = f'apis = ["{self.apis}"]\n' if self.apis else ""
        return f'{table}{apis}[routing]\ndefault = "main:{self.model}"\n'


_BEARER = ("authorization", "Bearer upstream-key")
_GEMINI, _BEDROCK = "gemini-3.1-pro-preview", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
TARGETS = {
    "chat": Target(
        "openai-compatible",
        "qwen3-coder",
        "/v1/chat/completions",
        _BEARER,
        "chat",
        keeps_prompts=False,
    ),
    "responses": Target("openai", "gpt-5.5", "/v1/responses", _BEARER, "responses"),
    "messages": Target(
        "anthropic", "claude-sonnet-5", "/v1/messages", ("x-api-key", "upstream-key")
    ),
    "gemini": Target(
        "gemini",
        _GEMINI,
        f"/v1beta/models/{_GEMINI}:streamGenerateContent?alt=sse",
        ("x-goog-api-key", "upstream-key"),
    ),
    "bedrock": Target(
        "bedrock", _BEDROCK, f"/model/{_BEDROCK}/converse-stream", _BEARER, names_model=False
    ),
}


@dataclass
class Scene:
    """The client's side, the gateway and the agent, one behind the other."""

    directory: Path  # the project
    agent: AgentUpstream
    gateway: GatewayProcess
    relay: RecordingRelay


@asynccontextmanager
async def scene(
    directory: Path, target: str, plan: Callable[[Path], Plan], fault: Fault | None = None
) -> AsyncIterator[Scene]:
    project = directory / "project"
    for needed in (project, directory / "home", directory / "gateway"):
        needed.mkdir()
    (project / "notes.txt").write_text(NOTES)
    async with AgentUpstream(plan(project), fault) as agent:
        config = TARGETS[target].config(agent.base_url)
        async with (
            GatewayProcess(directory / "gateway", config) as gateway,
            RecordingRelay(gateway.port) as relay,
        ):
            yield Scene(project, agent, gateway, relay)


# --- what every session must come to --------------------------------------------------------------


def assert_played(there: Scene, target: str) -> None:
    """Each step was asked for once, in order, by requests that break no rule."""
    agent, expected = there.agent, TARGETS[target]
    assert [str(fault) for fault in agent.faults] == []
    assert [step for step in agent.steps if step >= 0] == list(range(len(agent.plan.steps) + 1))
    assert {unquote(seen.target) for seen in agent.posts} == {expected.path}
    assert {seen.value(expected.credential[0]) for seen in agent.posts} == {expected.credential[1]}
    for name in {"authorization", "x-api-key"} - {expected.credential[0]}:
        assert {seen.value(name) for seen in agent.posts} == {None}


def assert_extended(agent: AgentUpstream, target: str) -> None:
    """Each request repeats the one before it and adds to it, so a provider's cache holds."""
    session = [turn for turn in agent.turns if turn.answer.step >= 0]
    for before, after in pairwise(session):
        old, new = (turn.dialect.history(turn.asked.body) for turn in (before, after))
        assert new[: len(old)] == old
        assert len(new) > len(old)
        assert _beside(before.asked.body) == _beside(after.asked.body)
        if TARGETS[target].keeps_prompts:
            # Tools are only added, when the client has loaded one.
            later = iter(_offered(after.asked.body))
            assert all(tool in later for tool in _offered(before.asked.body))


def _beside(body: Body) -> Body:
    """All but the conversation and the tools: system prompt, limits, settings."""
    moving = ("messages", "input", "contents", "tools", "toolConfig")
    return {name: value for name, value in body.items() if name not in moving}


def _offered(body: Body) -> list[Body]:
    groups = body.get("tools") or body["toolConfig"]["tools"]
    tools = [tool for group in groups for tool in group.get("functionDeclarations", [group])]
    return [tool for tool in tools if "cachePoint" not in tool]


def assert_seals_returned(agent: AgentUpstream) -> None:
    """What the provider hid in its reasoning came back from the client, each piece of it."""
    session = [turn for turn in agent.turns if turn.answer.step >= 0]
    last = json.dumps(session[-1].asked.body)
    seals = [turn.answer.seal for turn in session[:-1]]
    assert all(seals)
    assert [seal for seal in seals if seal not in last] == []


def assert_logged(there: Scene, target: str) -> None:
    """One line per call, with the usage that the provider reported."""
    calls = there.gateway.calls()
    assert len(calls) == len(there.agent.posts)
    facts = {(call["lane"], call["status"], call["ended_by"], call["error"]) for call in calls}
    assert facts == {("translate", 200, "complete", "")}
    if TARGETS[target].names_model:
        assert {call["model_replied"] for call in calls} == {TARGETS[target].model}
    expected = total(there.agent.replies)
    billed = {name: sum(call["usage"].get(name) or 0 for call in calls) for name in expected}
    assert billed == expected


def assert_worked(there: Scene) -> None:
    """The calls of the agent reached the client whole: commands ran and files changed."""
    results = "\n".join(there.agent.results)
    for word in ("step-1", "step-2a", "middle: ☃", "naïve line", "report ☃"):
        assert word in results
    assert (there.directory / "notes.txt").read_text() == NOTES.replace("first", "naïve")
    assert (there.directory / "report.txt").read_text() == "report ☃\n"


# --- Claude Code ----------------------------------------------------------------------------------

OTHER_THAN_MESSAGES = ["chat", "responses", "gemini", "bedrock"]


async def claude(there: Scene, **more: Any) -> Outcome:
    client = test_claude_code.Setting(there.directory, there.agent, there.gateway, there.relay)
    return await client.claude(**more)


def assert_claude_done(outcome: Outcome, turns: int) -> None:
    assert outcome.exit_code == 0, outcome
    result = test_claude_code.result_of(outcome)
    assert result["result"] == FINAL
    assert result["is_error"] is False
    assert result["num_turns"] == turns


@pytest.mark.parametrize("target", OTHER_THAN_MESSAGES)
async def test_claude_code_session(tmp_path: Path, target: str) -> None:
    """Edits, two calls at once and a failing command, with thinking that survives."""
    async with scene(tmp_path, target, test_claude_code.plan_in) as there:
        outcome = await claude(there)
        await there.gateway.stop()
    assert_played(there, target)
    assert_claude_done(outcome, turns=7)
    assert_worked(there)
    assert_extended(there.agent, target)
    assert_logged(there, target)
    if target != "chat":  # there, reasoning comes without a seal
        assert_seals_returned(there.agent)


def loading_plan(directory: Path) -> Plan:
    """The same, after a tool that is not offered at first was searched for, found and called."""
    plain = test_claude_code.plan_in(directory)
    task: Body = {"subject": "A ☃ task", "description": "To be done"}
    search = Act("ToolSearch", {"query": "select:TaskCreate"})
    return Plan(((search,), (Act("TaskCreate", task),), *plain.steps), plain.final)


@pytest.mark.parametrize("target", OTHER_THAN_MESSAGES)
async def test_claude_code_with_system_messages_and_deferred_tools(
    tmp_path: Path, target: str
) -> None:
    """Newer models get system messages inside the conversation, and tools as they are needed."""
    async with scene(tmp_path, target, loading_plan) as there:
        outcome = await claude(
            there,
            model="claude-opus-4-8",
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="",
            ENABLE_TOOL_SEARCH="true",
        )
        await there.gateway.stop()
    assert_played(there, target)
    assert_claude_done(outcome, turns=9)
    assert_worked(there)
    assert "Task #1 created" in "\n".join(there.agent.results)
    assert there.agent.steps.count(-1) == 1  # the title, with a schema for its answer
    assert_extended(there.agent, target)
    assert_logged(there, target)
    sent = json.loads(there.relay.posts[-1].body)
    assert "system" in [message["role"] for message in sent["messages"]]
    talk = [turn for turn in there.agent.turns if turn.answer.step >= 0]  # the title comes between
    first, last = talk[0], talk[-1]
    assert len(_offered(last.asked.body)) == len(_offered(first.asked.body)) + 1


@pytest.mark.parametrize("clean", [True, False], ids=["ended", "cut"])
@pytest.mark.parametrize("target", OTHER_THAN_MESSAGES)
async def test_claude_code_is_told_of_a_stream_that_broke(
    tmp_path: Path, target: str, clean: bool
) -> None:
    """A reply that stops inside a call never looks whole, whatever the dialect it came in.

    Claude Code then gives up, with an error, or asks again when it had no whole block yet.
    """
    fault = Fault(step=1, times=1, clean=clean)
    fault.released.set()
    async with scene(tmp_path, target, test_claude_code.plan_in, fault) as there:
        outcome = await claude(there)
        await there.gateway.stop()
    assert there.agent.faults == []
    if outcome.exit_code == 0:
        assert_claude_done(outcome, turns=7)
        assert_worked(there)
    else:
        assert test_claude_code.result_of(outcome)["is_error"] is True
        assert there.agent.results == ["step-1"]  # no half call was run
    whole, broken, *_ = there.gateway.calls()
    assert (whole["ended_by"], whole["error"]) == ("complete", "")
    assert broken["ended_by"] == "upstream"
    assert broken["error"] == ("upstream_truncated" if clean else "upstream_closed")
    assert broken["error_source"] == "upstream"


# --- Codex ----------------------------------------------------------------------------------------

OTHER_THAN_RESPONSES = ["messages", "chat", "gemini", "bedrock"]
MODELS = [test_codex.FUNCTIONS, test_codex.CODE_MODE, test_codex.UNKNOWN]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("target", OTHER_THAN_RESPONSES)
async def test_codex_session(tmp_path: Path, target: str, model: str) -> None:
    """Functions, tools for plain text, and tools in namespaces that are offered as an item."""
    async with scene(tmp_path, target, lambda _: test_codex.plan_for(model)) as there:
        client = test_codex.Setting(model, there.directory, there.agent, there.gateway, there.relay)
        outcome = await client.codex()
        await there.gateway.stop()
    assert_played(there, target)
    assert outcome.exit_code == 0, outcome
    said = [event["item"] for event in test_codex.events_of(outcome, "item.completed")]
    assert [item["text"] for item in said if item["type"] == "agent_message"][-1] == FINAL
    assert len(there.agent.results) == 5
    results = "\n".join(there.agent.results)
    for word in ("step-1", "step-2", "middle: ☃", "report ☃"):
        assert word in results
    assert (there.directory / "report.txt").read_text() == "report ☃\n"
    assert_extended(there.agent, target)
    assert_logged(there, target)
    (done,) = test_codex.events_of(outcome, "turn.completed")
    expected = total(there.agent.replies)
    assert done["usage"]["cached_input_tokens"] == expected["prompt_cache_read_tokens"]
    assert done["usage"]["output_tokens"] == expected["output_tokens"]
    if target != "chat":
        assert_seals_returned(there.agent)


# --- OpenCode and Cline ---------------------------------------------------------------------------

CHAT_CLIENTS: dict[str, type[chat_clients.ChatClient]] = {
    "opencode": chat_clients.OpenCode,
    "cline": chat_clients.Cline,
}


@pytest.mark.parametrize("effort", ["", "high"], ids=["plain", "reasoning"])
@pytest.mark.parametrize("target", ["messages", "gemini", "bedrock"])
@pytest.mark.parametrize("name", CHAT_CLIENTS)
async def test_chat_client(tmp_path: Path, name: str, target: str, effort: str) -> None:
    """They speak Chat, and the provider what it speaks.

    They do not send back what a provider hides in its reasoning. A session must be possible
    without, also where the provider insists once it was asked to reason.
    """
    kind = CHAT_CLIENTS[name]
    async with scene(tmp_path, target, kind.plan) as there:
        client = kind(there.directory, there.relay.base_url, effort)
        outcome = await client.run()
        await there.gateway.stop()
    assert_played(there, target)
    assert outcome.exit_code == 0, outcome
    assert client.said(outcome) == FINAL
    assert_worked(there)
    assert_logged(there, target)
    assert there.agent.steps.count(-1) == (name == "opencode")  # it asks for a title first
    asked = [json.loads(seen.body) for seen in there.relay.posts]
    efforts = {body.get("reasoning_effort", "") for body in asked if "tools" in body}
    assert efforts == {effort}
    if not effort:
        assert_extended(there.agent, target)
