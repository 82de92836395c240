"""Claude Code itself through a gateway with tiers: its main thread, a sub-agent and its side calls
each have a tier of their own, and keep it.

The scripted provider refuses what the model that it is asked for does not take, as the real one
does. The gateway has two workers, so that what is remembered of a conversation is shared.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agent_plan import Act, Plan, total
from tests.e2e.agent_upstream import AgentUpstream, Seen
from tests.e2e.gateway_process import GatewayProcess, provider
from tests.e2e.recording_relay import RecordingRelay
from tests.e2e.test_claude_code import Setting, result_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

TIERS = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
MODELS = dict(
    zip(
        TIERS,
        ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5", "claude-opus-4-6"),
        strict=True,
    )
)
# A floor, and a greeting: no fit of the weights moves them.
HARD = "Now do an architecture review of this project."
EASY = "hi, are you there?"
REVIEWED, COUNTED = "The architecture is sound.", "There are 2 files."
HARD_TIERS = ("COMPLEX", "REASONING")
SESSION, AGENT = "x-claude-code-session-id", "x-claude-code-agent-id"


def routing() -> str:
    tiers = "".join(f'{tier.lower()} = "main:{model}"\n' for tier, model in MODELS.items())
    return f'[routing]\n{tiers}[[routes]]\nmodel = "claude-*"\ntargets = ["lynkr/auto"]\n'


def main_plan(directory: Path, task: str) -> Plan:
    """Two calls at once, an edit that cannot be applied and one that can, a sub-agent."""
    notes = str(directory / "notes.txt")
    return Plan(
        (
            (Act("Bash", {"command": "ls src"}), Act("Read", {"file_path": notes})),
            (Act("Edit", {"file_path": notes, "old_string": "third", "new_string": "last"}),),
            (Act("Edit", {"file_path": notes, "old_string": "first", "new_string": "1st"}),),
            (
                Act(
                    "Agent",
                    {
                        "description": "Looks into src",
                        "prompt": task,
                        "subagent_type": "general-purpose",
                    },
                ),
            ),
            (Act("Bash", {"command": "echo the end"}),),
        ),
        REVIEWED,
    )


SUB_PLAN = Plan(
    ((Act("Bash", {"command": "ls src"}),), (Act("Bash", {"command": "ls src | wc -l"}),)),
    COUNTED,
)
# By call of the main thread: results that it brings back, how many of them report a failure, and
# edits, of which some could not be applied.
BROUGHT = [(0, 0, 0, 0), (2, 0, 0, 0), (1, 1, 1, 1), (1, 0, 1, 0), (1, 0, 0, 0), (1, 0, 0, 0)]


@asynccontextmanager
async def setting(directory: Path, plan: Plan, sub_plan: Plan = SUB_PLAN) -> AsyncIterator[Setting]:
    project = directory / "project"
    for needed in (project, directory / "home", directory / "gateway", project / "src"):
        needed.mkdir()
    (project / "notes.txt").write_text("first\nsecond\n")
    for name in ("one.py", "two.py"):
        (project / "src" / name).write_text("x = 1\n")
    async with AgentUpstream(plan, sub_agents=sub_plan) as agent:
        config = provider("main", "anthropic", agent.base_url, "upstream-key") + routing()
        async with (
            GatewayProcess(directory / "gateway", config, ("--workers", "2")) as gateway,
            RecordingRelay(gateway.port) as relay,
        ):
            yield Setting(project, agent, gateway, relay)


@dataclass(frozen=True)
class Call:
    """One call as the provider got it, and as the gateway's log tells it."""

    got: Seen
    logged: dict[str, Any]

    @property
    def routing(self) -> dict[str, Any]:
        found: dict[str, Any] = self.logged["routing"]
        return found


def threads(scene: Setting) -> dict[str, list[Call]]:
    """The calls of the main thread ("") and of each sub-agent, in order; side calls left out.

    All of them are made one after the other, so both sides have them in the same order.
    """
    got = [seen for seen in scene.agent.posts if json.loads(seen.body).get("tools")]
    logged = sorted(
        (call for call in scene.gateway.calls() if "side" not in call["routing"]),
        key=lambda call: float(call["accepted_at"]),
    )
    found: dict[str, list[Call]] = {}
    for one, call in zip(got, logged, strict=True):
        assert call["model"] == json.loads(one.body)["model"], "the two are not the same call"
        found.setdefault(one.value(AGENT) or "", []).append(Call(one, call))
    return found


def assert_kept(calls: list[Call]) -> str:
    """They all went to one tier, and to the model that it stands for; the tier."""
    (tier,) = {call.routing["tier"] for call in calls}
    assert {call.logged["model"] for call in calls} == {MODELS[tier]}
    first, *others = (call.routing for call in calls)
    assert "before" not in first and first["rule"] in ("score", "floor")
    for one in others:
        assert (one["before"], one["rule"], "moved" in one) == (tier, "pinned", False)
        assert "pinned" in one["reason"]
    return str(tier)


def assert_done(scene: Setting) -> None:
    """Nothing was refused, retried or lost, and the client saw the model that it had asked for."""
    assert [str(fault) for fault in scene.agent.faults] == []
    calls = scene.gateway.calls()
    assert len(calls) == len(scene.agent.posts)
    assert {(call["status"], call["ended_by"], call["error"]) for call in calls} == {
        (200, "complete", "")
    }
    expected = total(scene.agent.replies)
    assert {name: sum(call["usage"][name] for call in calls) for name in expected} == expected


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-8"])
@pytest.mark.parametrize(("asked", "task"), [(HARD, EASY), (EASY, HARD)], ids=["down", "up"])
async def test_a_sub_agent_has_a_tier_of_its_own(
    tmp_path: Path, asked: str, task: str, model: str
) -> None:
    async with setting(tmp_path, main_plan(tmp_path / "project", task)) as scene:
        outcome = await scene.claude(
            model=model, prompt=asked, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=""
        )
        await scene.gateway.stop()
    assert outcome.exit_code == 0, outcome
    told = result_of(outcome)
    assert (told["result"], told["is_error"]) == (REVIEWED, False)
    assert list(told["modelUsage"]) == [model]
    assert (scene.directory / "notes.txt").read_text() == "1st\nsecond\n"
    assert any(COUNTED in result for result in scene.agent.results)
    assert_done(scene)

    found = threads(scene)
    main, (agent, sub) = found.pop(""), found.popitem()
    assert (found, len(main), len(sub)) == ({}, len(BROUGHT), 3)
    assert agent
    sessions = {call.got.value(SESSION) for call in (*main, *sub)}
    assert len(sessions) == 1 and sessions != {None}, "they share the session's name"
    tiers = {asked: assert_kept(main), task: assert_kept(sub)}
    assert tiers[HARD] in HARD_TIERS
    assert tiers[EASY] == "SIMPLE"
    names = ("tool_results", "tool_errors", "edits", "edit_failures")
    brought = [tuple(call.routing.get(name, 0) for name in names) for call in main]
    assert brought == BROUGHT
    assert [call.routing.get("tool_results", 0) for call in sub] == [0, 1, 1]


async def test_the_title_goes_to_the_simple_tier_and_moves_nothing(tmp_path: Path) -> None:
    async with setting(tmp_path, main_plan(tmp_path / "project", EASY)) as scene:
        outcome = await scene.claude(prompt=HARD, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="")
        await scene.gateway.stop()
    assert outcome.exit_code == 0, outcome
    assert_done(scene)
    (title,) = [call for call in scene.gateway.calls() if "side" in call["routing"]]
    assert (title["routing"]["side"], title["routing"]["rule"]) == ("title", "side")
    assert (title["routing"]["tier"], title["model"]) == ("SIMPLE", MODELS["SIMPLE"])
    assert scene.agent.steps.count(-1) == 1, "it is the call that the provider saw without tools"
    assert assert_kept(threads(scene)[""]) in HARD_TIERS


async def test_a_session_that_is_continued_goes_up_and_stays(tmp_path: Path) -> None:
    """The trivial opener, a real task after it, thanks at its end, each a process of its own; then
    the user has it summarised, which is no turn of the conversation."""
    async with setting(tmp_path, Plan((), "Hi!")) as scene:
        said = [(EASY, Plan((), "Hi!"))]
        task = Plan(((Act("Bash", {"command": "ls src"}),),), REVIEWED)
        said += [(HARD, task), ("thanks!", task), ("/compact", task)]
        for number, (prompt, plan) in enumerate(said):
            scene.agent.plan = plan
            outcome = await scene.claude(prompt=prompt, more=("--continue",) if number else ())
            assert outcome.exit_code == 0, outcome
            assert result_of(outcome)["is_error"] is False
        await scene.gateway.stop()
    assert_done(scene)
    calls = sorted(scene.gateway.calls(), key=lambda call: float(call["accepted_at"]))
    rows = [call["routing"] for call in calls]
    shown = [(row["tier"], row.get("before", ""), row.get("moved", "")) for row in rows]
    tier = rows[-1]["tier"]
    assert tier in HARD_TIERS
    assert shown == [
        ("SIMPLE", "", ""),
        (tier, "SIMPLE", "up"),  # the review
        (tier, tier, ""),  # its tool's result
        (tier, tier, ""),  # thanks
        (tier, tier, ""),  # the summary, where the prompt is in the cache
    ]
    assert [row["rule"] for row in rows[2:]] == ["pinned", "pinned", "side"]
    assert rows[-1]["side"] == "summary"
    assert len({seen.value(SESSION) for seen in scene.agent.posts}) == 1
