"""Plan mode, and summaries of earlier parts: told by what the client writes, by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from tests.policies.routing.talks import REMINDER, Talk, reply, seen_in, text, user

PLAN = (
    "<system-reminder>\nPlan mode is active. The user does not want you to act.\n</system-reminder>"
)
LEFT = "<system-reminder>\n## Exited Plan Mode\n\nYou can now edit files.\n</system-reminder>"
CLINE = "<environment_details>\n# Tabs\na\n\n# Current Mode\n{} MODE\nMore.\n</environment_details>"


@pytest.mark.parametrize(
    ("dialect", "messages", "planning"),
    [
        (MESSAGES, [user(text(PLAN), text("fix it"))], True),
        (MESSAGES, [user(f"{REMINDER}\n{PLAN}\nfix it")], True),
        (
            MESSAGES,
            [user("fix it"), {"role": "system", "content": "Plan mode is active. Do."}],
            True,
        ),
        (MESSAGES, [user(f"{PLAN}a"), reply("b"), user("c")], True),
        (MESSAGES, [user(f"{PLAN}a"), reply("b"), user(f"{LEFT}c")], False),
        (MESSAGES, Talk(ask=f"{PLAN}a").call("Read").messages, True),
        (MESSAGES, Talk(ask=f"{PLAN}a").call("ExitPlanMode", result="approved").messages, False),
        (MESSAGES, Talk(ask=f"{PLAN}a").call("ExitPlanMode", error=True).messages, True),
        (MESSAGES, Talk().call("EnterPlanMode").messages, True),
        (MESSAGES, Talk().call("Bash", result=f"[1]\n\n{PLAN}").messages, True),
        (CHAT, [user(text("<task>\na\n</task>"), text(CLINE.format("PLAN")))], True),
        (CHAT, [user(CLINE.format("PLAN")), reply("b"), user(CLINE.format("ACT"))], False),
        (
            CHAT,
            [
                user(
                    "<environment_details>\n# Current Mode\n<slug>architect\n</environment_details>"
                )
            ],
            True,
        ),
        (
            CHAT,
            [
                {"role": "system", "content": "You are an agent. You are in plan mode, so"},
                user("a"),
            ],
            True,
        ),
        (
            RESPONSES,
            [
                {
                    "role": "developer",
                    "content": "<collaboration_mode># Plan Mode (Talk)</collaboration_mode>",
                },
                user("a"),
            ],
            True,
        ),
        (
            RESPONSES,
            [
                {
                    "role": "developer",
                    "content": "<collaboration_mode># Plan Mode</collaboration_mode>",
                },
                {
                    "role": "developer",
                    "content": "<collaboration_mode># Collaboration Mode: Default",
                },
                user("a"),
            ],
            False,
        ),
        # Nobody but the client switches it.
        (MESSAGES, [user("Plan mode is active in my printer, why?")], False),
        (
            MESSAGES,
            [user(f"{REMINDER}\nPlan mode is active in my printer, why?\n{REMINDER}")],
            False,
        ),
        (MESSAGES, [user("plan mode"), reply("Plan mode is active.")], False),
        (MESSAGES, Talk().call("Bash", result="Plan mode is active").messages, False),
    ],
)
def test_plan_mode_is_what_the_client_says_last(
    dialect: int, messages: Any, planning: bool
) -> None:
    assert seen_in(messages, dialect).planning is planning


def test_plan_mode_is_found_in_long_reminders_and_behind_long_work() -> None:
    noise = "All modes are fine. " * 2_000 + "</system-reminder>"
    long = f"<system-reminder>\nPlan mode is active.\n{noise}\n<system-reminder>{noise}"
    assert seen_in([user(long)]).planning
    talk = Talk(ask=f"{PLAN}a")
    for number in range(100):
        talk.call("Read", {"path": number}, REMINDER)
    assert talk.seen.planning


@pytest.mark.parametrize(
    ("dialect", "messages", "compacted"),
    [
        (
            MESSAGES,
            [user("This session is being continued from a previous conversation that ran out of")],
            True,
        ),
        (
            MESSAGES,
            [
                user("<system-reminder>x</system-reminder>"),
                user(text("\nThis session is being continued from a previous conversation.")),
            ],
            True,
        ),
        (
            RESPONSES,
            [
                user("one"),
                user(
                    "Another language model started to solve this problem and produced a summary of"
                ),
            ],
            True,
        ),
        (RESPONSES, [{"type": "compaction", "encrypted_content": "x"}, user("a")], True),
        (MESSAGES, [user("why is 'This session is being continued' in my log?")], False),
        (
            MESSAGES,
            [user("a"), reply("This session is being continued from a previous conv")],
            False,
        ),
    ],
)
def test_a_conversation_that_goes_on_from_a_summary(
    dialect: int, messages: Any, compacted: bool
) -> None:
    assert seen_in(messages, dialect).compacted is compacted
