"""What came of the model's calls, and how often it failed before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, scan
from lynkr.policies.routing.results import FAILURES
from lynkr.policies.routing.seen import facts_of
from tests.policies.routing.talks import Talk, reply, seen_in, user


@pytest.mark.parametrize(
    ("talk", "outcome"),  # results, errors, invalid, edits, edit failures
    [
        (Talk().call("Read"), (1, 0, 0, 0, 0)),
        (Talk().call("Edit"), (1, 0, 0, 1, 0)),
        (Talk().call("mcp__files__write_file"), (1, 0, 0, 1, 0)),
        (Talk().call("str_replace_based_edit_tool", {"command": "view"}), (1, 0, 0, 0, 0)),
        (Talk().call("str_replace_based_edit_tool", {"command": "create"}), (1, 0, 0, 1, 0)),
        (
            Talk().call(
                "Edit",
                result="<tool_use_error>String to replace not found in file.</tool_use_error>",
                error=True,
            ),
            (1, 1, 0, 1, 1),
        ),
        (
            Talk().call("Edit", result="InputValidationError: Edit failed due to", error=True),
            (1, 1, 1, 1, 1),
        ),
        (
            Talk().call("Edit", result="<tool_use_error>Who knows</tool_use_error>", error=True),
            (1, 1, 0, 1, 1),
        ),
        (
            Talk().call("Gerp", result="Error: No such tool available: Gerp", error=True),
            (1, 1, 1, 0, 0),
        ),
        # Tests that fail are what the model wanted to see.
        (Talk().call("Bash", result="Exit code 1\n2 failed", error=True), (1, 0, 0, 0, 0)),
        (
            Talk().call("Bash", result="InputValidationError: Bash failed", error=True),
            (1, 1, 1, 0, 0),
        ),
        (
            Talk().call("Bash", result="Error: Invalid arguments for main()", error=True),
            (1, 0, 0, 0, 0),
        ),
        # The person said no, and that is not the model's failure.
        (
            Talk().call(
                "Edit", result="The user doesn't want to proceed with this tool use", error=True
            ),
            (1, 0, 0, 1, 0),
        ),
        # What a file holds is no failure.
        (Talk().call("Read", result="1\tapply_patch verification failed"), (1, 0, 0, 0, 0)),
        (
            Talk(CHAT).call(
                "replace_in_file",
                result="The SEARCH block:\n x",
            ),
            (1, 1, 0, 1, 1),
        ),
        (
            Talk(CHAT).call("read_file", result="Missing value for required parameter 'path'."),
            (1, 1, 1, 0, 0),
        ),
        (
            Talk(CHAT).call("editor", result='[{"query":"edit","result":"","success":false}]'),
            (1, 1, 0, 1, 1),
        ),
        (
            Talk(RESPONSES).call(
                "apply_patch",
                result="apply_patch verification failed: Failed to find expected lines",
            ),
            (1, 1, 0, 1, 1),
        ),
        (
            Talk(RESPONSES).call(
                "shell", result="failed to parse function arguments: missing field"
            ),
            (1, 1, 1, 0, 0),
        ),
        (
            Talk(RESPONSES).call(
                "exec_command",
                {"cmd": "apply_patch <<'EOF'"},
                "Chunk ID: a\nWall time: 0.1 s\nProcess exited with code 1\nOutput:\ninvalid patch",
            ),
            (1, 1, 0, 1, 1),
        ),
        (
            Talk(RESPONSES).call(
                "exec_command",
                {"cmd": "pytest"},
                "Chunk ID: a\nWall time: 0.1 s\nProcess exited with code 1\nOutput:\nFAILED",
            ),
            (1, 0, 0, 0, 0),
        ),
        (
            Talk(RESPONSES).call(
                "exec",
                "await tools.apply_patch(p)",
                [
                    {"type": "input_text", "text": "Script failed\nWall time 0.1\nOutput:\n"},
                    {"type": "input_text", "text": "apply_patch verification failed: x"},
                ],
            ),
            (1, 1, 0, 1, 1),
        ),
        # Only what came since the model's last reply.
        (Talk().call("Edit", error=True).call("Read"), (1, 0, 0, 0, 0)),
        (Talk().call("Edit", error=True).say(reply("Sorry."), user("again")), (0, 0, 0, 0, 0)),
    ],
)
def test_what_came_of_the_last_calls(talk: Talk, outcome: tuple[int, ...]) -> None:
    seen = talk.seen
    assert (seen.results, seen.errors, seen.invalid, seen.edits, seen.edit_failures) == outcome


def test_a_failure_is_told_however_it_is_escaped() -> None:
    body = json.dumps(
        {"messages": Talk().call("Edit", result="<tool_use_error>String to replace not").messages}
    ).replace("<", "\\u003c")
    body = body.replace("replace not", "replace not found in file")
    layout = scan(body.encode(), MESSAGES)
    assert layout is not None
    assert facts_of("messages", body.encode(), layout, "")[1].edit_failures == 1


def test_several_results_of_one_reply() -> None:
    uses: list[dict[str, Any]] = [
        {"type": "tool_use", "id": f"{n}", "name": n, "input": {}} for n in ("Edit", "Read")
    ]
    came = [
        {"type": "tool_result", "tool_use_id": "Edit", "content": "x", "is_error": True},
        {"type": "tool_result", "tool_use_id": "Read", "content": "x"},
    ]
    seen = seen_in([user("a"), {"role": "assistant", "content": uses}, user(came)])
    assert (seen.results, seen.errors, seen.edits, seen.edit_failures) == (2, 1, 1, 1)


def test_failures_in_a_row() -> None:
    """Reading the file again between two edits does not make them work; it ends a row of errors."""
    bad = "String to replace not found in file"
    talk = Talk().call("Edit").call("Edit", {"a": 1}, bad).call("Read").call("Edit", {"a": 2}, bad)
    assert (talk.seen.errors_in_row, talk.seen.edit_failures_in_row) == (1, 2)
    talk.call("Edit", {"a": 3}, bad)
    assert (talk.seen.errors_in_row, talk.seen.edit_failures_in_row) == (2, 3)
    talk.call("Edit", {"a": 4})
    assert (talk.seen.errors_in_row, talk.seen.edit_failures_in_row) == (0, 0)


def test_a_row_ends_with_the_ask_that_it_was_about() -> None:
    bad = "String to replace not found in file"
    talk = Talk().call("Edit", {"a": 1}, bad).call("Edit", {"a": 1}, bad)
    talk.say(reply("I cannot."), user("try again"))
    assert (talk.seen.errors_in_row, talk.seen.loops, talk.seen.retried) == (2, 2, True)
    talk.say(reply("No."), user("what time is it?"))
    assert (talk.seen.errors_in_row, talk.seen.loops, talk.seen.retried) == (0, 0, False)


@pytest.mark.parametrize("dialect", [MESSAGES, CHAT, RESPONSES])
def test_the_same_call_again_and_again(dialect: int) -> None:
    talk = Talk(dialect).call("bash", {"cmd": "ls"})
    assert talk.seen.loops == 0
    talk.call("bash", {"cmd": "sleep 5"}).call("bash", {"cmd": "sleep 5"})
    assert talk.seen.loops == 2
    talk.call("bash", {"cmd": "sleep 5"})
    assert talk.seen.loops == 3
    talk.call("bash", {"cmd": "sleep 6"})
    assert talk.seen.loops == 0


def test_the_data_says_each_thing_once() -> None:
    """What is written twice is changed once."""
    begins = [phrase for row in FAILURES for phrase in row.begins]
    assert len(begins) == len(set(begins))
