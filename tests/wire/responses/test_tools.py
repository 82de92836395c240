"""Responses tools: namespaces flattened and put together again, and the choice among tools."""

from __future__ import annotations

from typing import Any

import pytest

from lynkr.wire.fields import Fields
from lynkr.wire.message import Json, Tool, ToolChoice
from lynkr.wire.responses.tools import (
    ToolSpelling,
    decode_choice,
    decode_tools,
    write_choice,
    write_tools,
)


def read(*tools: Json) -> tuple[list[Tool], list[ToolSpelling]]:
    return decode_tools(list(tools), "tools")


def test_each_kind_of_tool() -> None:
    tools, _ = read(
        {"type": "function", "name": "f", "parameters": {}, "strict": True, "x": 1},
        {"type": "custom", "name": "c", "description": "d", "format": {"type": "text"}},
        {"type": "tool_search", "execution": "client", "parameters": {"a": 1}},
        {"type": "local_shell"},
        {"type": "web_search", "filters": {}},
        {"type": "function", "name": "later", "defer_loading": True},
    )
    assert tools == [
        Tool(name="f", parameters={}, strict=True, extras={"x": 1}),
        Tool(name="c", kind="custom", description="d", grammar={"type": "text"}),
        Tool(name="tool_search", kind="tool_search", parameters={"a": 1}),
        Tool(name="local_shell", kind="local_shell"),
        Tool(name="web_search", kind="hosted", value={"type": "web_search", "filters": {}}),
        Tool(name="later", deferred=True),
    ]


def test_a_search_that_openai_runs_is_hosted() -> None:
    found: list[Json] = [{"type": "tool_search"}, {"type": "tool_search", "execution": "server"}]
    for tool in found:
        assert read(tool)[0] == [Tool(name="tool_search", kind="hosted", value=dict(tool))]


def test_a_namespace_is_flattened() -> None:
    tools, _ = read(
        {
            "type": "namespace",
            "name": "mcp",
            "description": "Things.",
            "tools": [{"type": "function", "name": "a"}, {"type": "custom", "name": "b"}],
        }
    )
    assert [(tool.name, tool.kind, tool.namespace) for tool in tools] == [
        ("a", "function", "mcp"),
        ("b", "custom", "mcp"),
    ]
    assert all(tool.namespace_description == "Things." for tool in tools)


SPACES: list[Json] = [
    {"type": "namespace", "name": "clock", "description": "", "tools": []},
    {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "a"}]},
    {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "b"}], "x": 1},
    {"type": "function", "name": "c", "description": None, "defer_loading": False},
    {"type": "namespace", "name": "n", "x": 2, "tools": []},
]


def test_namespaces_come_back_as_they_were() -> None:
    """Empty ones, neighbours of one name, and fields that nobody knows."""
    assert write_tools(*read(*SPACES)) == SPACES


def test_an_unknown_field_of_a_namespace_is_on_offer_with_a_tool() -> None:
    """So that another dialect's encoder reports it."""
    tools, _ = read(*SPACES)
    assert [tool.extras for tool in tools] == [{}, {"namespace": {"x": 1}}, {}]


def test_a_list_that_was_changed_is_put_together_by_neighbours() -> None:
    tools, spelled = read(*SPACES)
    assert write_tools([tools[2], tools[0], tools[1]], spelled) == [
        {"type": "function", "name": "c"},
        {
            "type": "namespace",
            "name": "n",
            "x": 1,
            "tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "b"}],
        },
    ]


CHOICES: list[tuple[Any, ToolChoice | None]] = [
    (None, None),
    ("auto", ToolChoice(mode="auto")),
    ("none", ToolChoice(mode="none")),
    ("required", ToolChoice(mode="required")),
    ({"type": "function", "name": "f"}, ToolChoice(mode="tool", name="f")),
    ({"type": "custom", "name": "c"}, ToolChoice(mode="tool", name="c", kind="custom")),
    ({"type": "web_search"}, ToolChoice(mode="tool", kind="web_search")),
    (
        {"type": "mcp", "server_label": "s", "name": "n"},
        ToolChoice(mode="tool", kind="mcp", name="n", extras={"server_label": "s"}),
    ),
    (
        {"type": "allowed_tools", "mode": "required", "tools": [{"name": "f"}]},
        ToolChoice(mode="required", kind="allowed_tools", extras={"tools": [{"name": "f"}]}),
    ),
]


@pytest.mark.parametrize(("given", "choice"), CHOICES)
def test_choices(given: Any, choice: ToolChoice | None) -> None:
    assert decode_choice(Fields({"tool_choice": given})) == choice
    if choice is not None:
        assert write_choice(choice) == given
