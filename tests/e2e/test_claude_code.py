"""Claude Code itself, through the gateway, towards a scripted agent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import npm
from tests.e2e.agent_plan import Act, Plan, total
from tests.e2e.agent_upstream import AgentUpstream, Fault
from tests.e2e.gateway_process import PASSES_OFF, GatewayProcess, provider
from tests.e2e.program import Outcome, run
from tests.e2e.recording_relay import RecordingRelay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

VERSION = "2.1.197"
MODEL = "claude-sonnet-4-5"
NOTES = 'first line\nmiddle: ☃ "quoted"\nlast line\n'
FINAL = "All steps are done. ☃"


def plan_in(directory: Path) -> Plan:
    """Every kind of result: output, two calls at once, a file, an edit, a new file, an error."""
    notes, report = str(directory / "notes.txt"), str(directory / "report.txt")
    return Plan(
        (
            (Act("Bash", {"command": "echo step-1", "description": "Says step-1"}),),
            (
                Act("Bash", {"command": "echo step-2a"}),
                Act("Read", {"file_path": notes}),
            ),
            (Act("Edit", {"file_path": notes, "old_string": "first", "new_string": "naïve"}),),
            (Act("Write", {"file_path": report, "content": "report ☃\n"}),),
            (Act("Bash", {"command": "cat notes.txt report.txt; exit 3"}),),
        ),
        FINAL,
    )


def result_of(outcome: Outcome) -> dict[str, Any]:
    """The last document printed, which sums the run up."""
    found: dict[str, Any] = json.loads(outcome.output.splitlines()[-1])
    assert found["type"] == "result"
    return found


@dataclass
class Setting:
    """The tool, the relay, the gateway and the agent, one behind the other."""

    directory: Path
    agent: AgentUpstream
    gateway: GatewayProcess
    relay: RecordingRelay

    async def claude(
        self,
        *,
        model: str = MODEL,
        prompt: str = "Do the steps.",
        more: tuple[str, ...] = (),  # arguments
        output: tuple[str, ...] = ("json",),
        on_line: Callable[[str], object] = len,
        **environment: str,
    ) -> Outcome:
        command = npm.program("@anthropic-ai/claude-code", VERSION, "claude")
        arguments = ["-p", prompt, "--model", model, "--output-format", *output, *more]
        return await run(
            [str(command), *arguments, "--dangerously-skip-permissions"],
            cwd=self.directory,
            environment={
                "ANTHROPIC_BASE_URL": self.relay.base_url,
                "ANTHROPIC_API_KEY": "client-key",
                "HOME": str(self.directory.parent / "home"),
                "TMPDIR": str(self.directory.parent / "home"),
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "IS_SANDBOX": "1",  # or it refuses to skip permissions as root
                **environment,
            },
            on_line=on_line,
        )


@asynccontextmanager
async def setting(directory: Path, fault: Fault | None = None) -> AsyncIterator[Setting]:
    project = directory / "project"
    for needed in (project, directory / "home", directory / "gateway"):
        needed.mkdir()
    (project / "notes.txt").write_text(NOTES)
    async with AgentUpstream(plan_in(project), fault) as agent:
        config = provider("main", "anthropic", agent.base_url, "upstream-key") + PASSES_OFF
        async with (
            GatewayProcess(directory / "gateway", config) as gateway,
            RecordingRelay(gateway.port) as relay,
        ):
            yield Setting(project, agent, gateway, relay)


def assert_passed_unchanged(scene: Setting) -> None:
    """The agent got what the client sent: headers in order and case, bodies byte for byte."""
    sent = Counter(seen.end_to_end for seen in scene.relay.posts)
    got = Counter(seen.end_to_end for seen in scene.agent.posts)
    assert got == sent
    assert {seen.value("x-api-key") for seen in scene.agent.posts} == {"upstream-key"}
    assert {seen.value("authorization") for seen in scene.agent.posts} == {None}


def assert_session_done(scene: Setting, outcome: Outcome) -> None:
    assert outcome.exit_code == 0, outcome
    assert result_of(outcome)["result"] == FINAL
    assert result_of(outcome)["is_error"] is False
    assert result_of(outcome)["num_turns"] == 7  # one per call, and the final text
    agent, steps = scene.agent, len(scene.agent.plan.steps)
    assert agent.faults == []
    # Each step was asked for once: nothing was retried or repeated without a stream.
    assert [step for step in agent.steps if step >= 0] == list(range(steps + 1))
    assert all(json.loads(seen.body)["stream"] for seen in agent.posts)
    results = "\n".join(agent.results)
    for expected in ("step-1", "step-2a", 'middle: ☃ "quoted"', "Exit code 3\nnaïve line"):
        assert expected in results
    assert (scene.directory / "notes.txt").read_text() == NOTES.replace("first", "naïve")
    assert (scene.directory / "report.txt").read_text() == "report ☃\n"


def assert_billed(scene: Setting, model: str) -> None:
    """The access log has one line per call, with the usage that the agent reported."""
    calls = scene.gateway.calls()
    assert len(calls) == len(scene.agent.posts)
    assert {call["lane"] for call in calls} == {"splice"}
    assert {(call["status"], call["ended_by"], call["error"]) for call in calls} == {
        (200, "complete", "")
    }
    assert {call["model_replied"] for call in calls} == {model}
    usage = [call["usage"] for call in calls]
    expected = total(scene.agent.replies)
    assert {name: sum(report[name] for report in usage) for name in expected} == expected
    assert sorted(call["request_bytes"] for call in calls) == sorted(
        len(seen.body) for seen in scene.relay.posts
    )


async def test_session(tmp_path: Path) -> None:
    async with setting(tmp_path) as scene:
        outcome = await scene.claude()
        await scene.gateway.stop()
    assert_session_done(scene, outcome)
    assert_passed_unchanged(scene)
    assert_billed(scene, MODEL)
    for seen in scene.agent.posts:
        assert seen.target == "/v1/messages?beta=true"
        assert "claude-code-20250219" in (seen.value("anthropic-beta") or "")
    assert [seen.target for seen in scene.relay.requests if seen.method == "HEAD"] == ["/"]


async def test_session_with_side_requests_and_system_messages(tmp_path: Path) -> None:
    """As the banner advises: bearer token, tool search; it asks for a title and the models too."""
    model = "claude-opus-4-8"
    async with setting(tmp_path) as scene:
        outcome = await scene.claude(
            model=model,
            ANTHROPIC_API_KEY="",
            ANTHROPIC_AUTH_TOKEN="client-token",
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="",
            CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY="1",
            ENABLE_TOOL_SEARCH="true",
        )
        await scene.gateway.stop()
    assert_session_done(scene, outcome)
    assert_passed_unchanged(scene)
    assert_billed(scene, model)
    assert scene.agent.steps.count(-1) == 1  # the title
    lists = [seen.target for seen in scene.relay.requests if seen.method == "GET"]
    assert lists == ["/v1/models?limit=1000"]
    last = json.loads(scene.agent.posts[-1].body)
    assert "system" in [message["role"] for message in last["messages"]]
    betas = scene.agent.posts[-1].value("anthropic-beta") or ""
    assert {"mid-conversation-system-2026-04-07", "advanced-tool-use-2025-11-20"} <= set(
        betas.split(",")
    )


@pytest.mark.parametrize(
    ("clean", "error"),
    [
        # The framing ends as if the reply were whole. Passed on like that, Claude Code would exit
        # with 0 and an empty result.
        (True, "upstream_truncated"),
        (False, "upstream_closed"),  # cut inside an event
    ],
)
async def test_stream_broken_in_a_tool_call_is_an_error(
    tmp_path: Path, clean: bool, error: str
) -> None:
    fault = Fault(step=1, times=1, clean=clean)

    results: list[str] = []

    def on_line(line: str) -> None:
        """Breaks the stream once the client shows the half call; before that it may try again."""
        if '"tool_result"' in line:
            results.append(line)
        elif results and '"input_json_delta"' in line:
            fault.released.set()

    async with setting(tmp_path, fault) as scene:
        outcome = await scene.claude(
            output=("stream-json", "--verbose", "--include-partial-messages"), on_line=on_line
        )
        await scene.gateway.stop()
    assert outcome.exit_code == 1, outcome
    assert result_of(outcome)["is_error"] is True
    shown = result_of(outcome)["result"]
    # The gateway's own words, unless the client notices the end of the connection first.
    assert "The upstream " in shown or "Connection closed mid-response." in shown
    assert scene.agent.results == ["step-1"]  # no half call was run
    whole, broken = scene.gateway.calls()
    assert (whole["ended_by"], whole["error"]) == ("complete", "")
    assert (broken["status"], broken["ended_by"]) == (200, "upstream")
    assert (broken["error"], broken["error_source"]) == (error, "upstream")
    assert broken["usage"]["input_tokens"] == 101  # billed by the provider, so counted
    assert_passed_unchanged(scene)
