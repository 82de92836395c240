"""Codex itself, through the gateway, towards a scripted agent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
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

VERSION = "0.169.0"
FUNCTIONS, CODE_MODE, UNKNOWN = "gpt-5.5", "gpt-6-sol", "made-up-model"
NOTES = "first line\nmiddle: ☃\n"
FINAL = "All steps are done. ☃"
PATCH = "*** Begin Patch\n*** Add File: report.txt\n+report ☃\n*** End Patch\n"


def plan_for(model: str) -> Plan:
    """Two calls at once, a new file and a failing command, with the tools each model is given."""

    def shell(command: str) -> Act:
        return Act("exec_command", {"cmd": command})

    # A model that Codex does not know gets no tool for patches.
    write = shell("echo 'report ☃' > report.txt") if model == UNKNOWN else Act("apply_patch", PATCH)
    return Plan(
        (
            (shell("echo step-1"),),
            (shell("echo step-2"), shell("cat notes.txt")),
            (write,),
            (shell("cat report.txt; exit 3"),),
        ),
        FINAL,
    )


@dataclass
class Setting:
    """The tool, the relay, the gateway and the agent, one behind the other."""

    model: str
    directory: Path
    agent: AgentUpstream
    gateway: GatewayProcess
    relay: RecordingRelay

    async def codex(
        self, environment: Mapping[str, str] | None = None, **more: str | int
    ) -> Outcome:
        """``more`` are settings of the provider in Codex's own configuration."""
        command = npm.program("@openai/codex", VERSION, "codex")
        home = str(self.directory.parent / "home")
        own = {
            "name": "lynkr",
            "base_url": f"{self.relay.base_url}/v1",
            "env_key": "OPENAI_API_KEY",
            "wire_api": "responses",
            **more,
        }
        settings = ",".join(f"{name}={json.dumps(value)}" for name, value in own.items())
        return await run(
            [
                *(str(command), "exec", "--skip-git-repo-check", "--json", "--model", self.model),
                *("-c", "model_provider=lynkr", "-c", f"model_providers.lynkr={{{settings}}}"),
                *("--dangerously-bypass-approvals-and-sandbox", "Do the steps."),
            ],
            cwd=self.directory,
            environment={
                "OPENAI_API_KEY": "client-key",
                "HOME": home,
                "CODEX_HOME": home,
                "TMPDIR": home,
                **(environment or {}),
            },
        )


@asynccontextmanager
async def setting(
    directory: Path, model: str = FUNCTIONS, fault: Fault | None = None
) -> AsyncIterator[Setting]:
    project = directory / "project"
    for needed in (project, directory / "home", directory / "gateway"):
        needed.mkdir()
    (project / "notes.txt").write_text(NOTES)
    async with AgentUpstream(plan_for(model), fault) as agent:
        config = provider("main", "openai", agent.base_url, "upstream-key") + PASSES_OFF
        async with (
            GatewayProcess(directory / "gateway", config) as gateway,
            RecordingRelay(gateway.port) as relay,
        ):
            yield Setting(model, project, agent, gateway, relay)


def events_of(outcome: Outcome, kind: str) -> list[dict[str, Any]]:
    printed = [json.loads(line) for line in outcome.output.splitlines()]
    return [event for event in printed if event["type"] == kind]


def assert_passed_unchanged(scene: Setting) -> None:
    """The agent got what the client sent: headers in order and case, bodies byte for byte."""
    sent = [seen.end_to_end for seen in scene.relay.posts]
    got = [seen.end_to_end for seen in scene.agent.posts]
    assert Counter(got) == Counter(sent)
    assert {seen.target for seen in scene.agent.posts} == {"/v1/responses"}
    assert {seen.value("authorization") for seen in scene.agent.posts} == {"Bearer upstream-key"}


def assert_session_done(scene: Setting, outcome: Outcome) -> None:
    assert outcome.exit_code == 0, outcome
    said = [event["item"] for event in events_of(outcome, "item.completed")]
    assert [item["text"] for item in said if item["type"] == "agent_message"] == [FINAL]
    assert scene.agent.faults == []
    results = "\n".join(scene.agent.results)
    for expected in ("step-1", "step-2", "middle: ☃", "report ☃"):
        assert expected in results
    assert len(scene.agent.results) == 5
    assert (scene.directory / "report.txt").read_text() == "report ☃\n"


@pytest.mark.parametrize("model", [FUNCTIONS, CODE_MODE, UNKNOWN])
async def test_session(tmp_path: Path, model: str) -> None:
    async with setting(tmp_path, model) as scene:
        outcome = await scene.codex()
        await scene.gateway.stop()
    assert_session_done(scene, outcome)
    assert_passed_unchanged(scene)
    assert scene.agent.steps == [0, 1, 2, 3, 4]  # nothing was asked twice
    calls = scene.gateway.calls()
    facts = [(call["lane"], call["status"], call["ended_by"], call["error"]) for call in calls]
    assert facts == [("splice", 200, "complete", "")] * 5
    assert {call["model_replied"] for call in calls} == {model}
    # The log has what the agent reported, and the tool has understood the same from the reply.
    expected = total(scene.agent.replies)
    assert {name: sum(call["usage"][name] for call in calls) for name in expected} == expected
    (done,) = events_of(outcome, "turn.completed")
    assert done["usage"]["cached_input_tokens"] == expected["prompt_cache_read_tokens"]
    assert done["usage"]["output_tokens"] == expected["output_tokens"]


@pytest.mark.parametrize(
    ("clean", "error"), [(True, "upstream_truncated"), (False, "upstream_closed")]
)
async def test_stream_broken_in_a_tool_call_is_asked_again(
    tmp_path: Path, clean: bool, error: str
) -> None:
    fault = Fault(step=1, times=1, clean=clean)
    fault.released.set()
    async with setting(tmp_path, fault=fault) as scene:
        outcome = await scene.codex()
        await scene.gateway.stop()
    assert_session_done(scene, outcome)
    assert_passed_unchanged(scene)
    assert scene.agent.steps == [0, 1, 1, 2, 3, 4]
    ends = [(call["ended_by"], call["error"]) for call in scene.gateway.calls()]
    whole = ("complete", "")
    assert ends == [whole, ("upstream", error), whole, whole, whole, whole]


async def test_stream_that_always_breaks_is_an_error(tmp_path: Path) -> None:
    fault = Fault(step=1, times=99)
    fault.released.set()
    async with setting(tmp_path, fault=fault) as scene:
        outcome = await scene.codex(stream_max_retries=1)
        await scene.gateway.stop()
    assert outcome.exit_code == 1, outcome
    (failed,) = events_of(outcome, "turn.failed")
    assert failed["error"]["message"]
    assert scene.agent.steps == [0, 1, 1]


async def test_websocket_attempt_falls_back_at_once(tmp_path: Path) -> None:
    async with setting(tmp_path, CODE_MODE) as scene:
        outcome = await scene.codex(supports_websockets=True)
        await scene.gateway.stop()
    assert_session_done(scene, outcome)
    assert_passed_unchanged(scene)
    methods = [seen.method for seen in scene.relay.requests]
    # One GET, answered 426; any other status costs seven tries and as many seconds.
    assert Counter(methods) == {"GET": 1, "POST": 5}
    assert scene.agent.steps == [0, 1, 2, 3, 4]
