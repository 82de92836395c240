"""Which tool the demo calls for which words. An agent runs what it is told to run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.demo.toolbox import Tool, call_for, choice_made, tools_offered

# The names of a coding agent's tools, in the order it sends them.
_AGENT_TEXT = (
    "Agent AskUserQuestion Bash CronCreate Edit EnterWorktree NotebookEdit Read Skill "
    "TaskCreate TaskUpdate WebFetch Workflow Write mcp__everything__echo delete_file"
)
AGENT = _AGENT_TEXT.split()


def offered(*names: str) -> list[Tool]:
    return tools_offered([{"name": name} for name in names], text_tools=False)


@pytest.mark.parametrize(
    ("words", "called"),
    [
        ("hello", None),
        ("Hello! My task is to say hi to an Agent.", None),
        ("I used to read a lot, and I open doors.", None),
        ("Use short words to explain how to call an API.", None),
        ("What does Bash mean?", None),
        ("read the README", "Read"),
        ("Please read the README", "Read"),
        ("Could you list the files here?", "Bash"),
        ("run the tests", "Bash"),
        ("first think, then run it", "Bash"),
        ("Use a tool", "Bash"),
        ("use Skill", "Skill"),
        ("try mcp__everything__echo", "mcp__everything__echo"),
        ("call delete_file on everything", None),
        ("use Write to write to disk", None),
        ("CRITICAL: Respond with TEXT ONLY. Do NOT call any tools. Read the above.", None),
        ("Don't run anything. Read it yourself.", None),
        ("", None),
    ],
)
def test_words_choose_a_tool(words: str, called: str | None) -> None:
    call = call_for(offered(*AGENT), choice_made("auto"), words)
    assert (call.tool.name if call else None) == called


@pytest.mark.parametrize(
    ("tool_choice", "called"),
    [
        ("none", None),
        ({"type": "none"}, None),
        ("auto", "read_file"),
        (None, "read_file"),
        ({"type": "surprise"}, "read_file"),
        ("required", "read_file"),
        ({"type": "any"}, "read_file"),
        ({"type": "tool", "name": "write_file"}, "write_file"),
        ({"type": "function", "name": "write_file"}, "write_file"),
        ({"type": "function", "function": {"name": "write_file"}}, "write_file"),
        ({"type": "custom", "custom": {"name": "write_file"}}, "write_file"),
        ({"type": "tool", "name": "nowhere"}, None),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"name": "write_file"}]}, None),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "write_file"}}],
                },
            },
            "write_file",
        ),
    ],
)
def test_the_client_may_choose(tool_choice: Any, called: str | None) -> None:
    tools = offered("write_file", "read_file")
    call = call_for(tools, choice_made(tool_choice), "read it")
    assert (call.tool.name if call else None) == called


def test_a_forced_call_prefers_what_changes_nothing() -> None:
    call = call_for(offered("write_file", "look_around"), choice_made("required"), "hello")
    assert call is not None
    assert call.tool.name == "look_around"


def test_every_shape_of_tool_is_read() -> None:
    schema = {"type": "object", "required": ["path"], "properties": {"path": {"type": "string"}}}
    shapes: list[Any] = [
        {"name": "a", "input_schema": schema},
        {"type": "custom", "name": "b", "input_schema": schema},
        {"type": "function", "function": {"name": "c", "parameters": schema}},
        {"type": "function", "name": "d", "parameters": schema},
        {"type": "web_search_20250305", "name": "e"},
        {"type": "tool_search", "execution": "client"},
        {"type": "namespace", "name": "group", "tools": [{"type": "function", "name": "f"}]},
        {"function": "broken"},
        7,
    ]
    tools = tools_offered(shapes, text_tools=False)
    assert [tool.kind for tool in tools] == ["function"] * 4 + ["hosted"] * 2 + ["function"] + [
        "hosted"
    ] * 2
    assert tools[6].namespace == "group"
    for tool in tools[:4]:
        call = call_for([tool], choice_made("required"), "")
        assert call is not None
        assert json.loads(call.input) == {"path": "README.md"}


def test_the_users_words_are_never_passed_on() -> None:
    schema = {
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
    }
    tools = tools_offered([{"name": "Bash", "input_schema": schema}], text_tools=False)
    call = call_for(tools, choice_made("auto"), "run rm -rf / with Bash")
    assert call is not None
    assert json.loads(call.input) == {"command": "echo lynkr demo"}
