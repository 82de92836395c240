"""Made-up sessions of a coding agent, as Messages, Chat and Responses bodies of a wanted size.

What the token passes work on: a system prompt, 25 tools with schemas, asks, calls, and results that
are JSON, matches of a search, files and test runs; one file is read twice, and one command run
again with another outcome. All of it follows from numbers, so two bodies of one session share their
beginning byte for byte, and two sessions share no long text.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any, NamedTuple

TURNS = 19  # a question, a call and its result each: 39 messages and the ask make 40 or so
TOOLS = 25
RESULT_BYTES = 4096  # of the JSON result that is new in the last turn
SYSTEM_BYTES, TOOL_BYTES = 8_000, 1_100
TURN_BYTES = 500  # beside its result
NUMBERED = "@@@@@@@@"  # what the load client replaces by the number of the request
WORDS = (
    "account", "batch", "cache", "checks", "client", "column", "commit", "config", "cursor",
    "delete", "driver", "entry", "error", "field", "folder", "handler", "header", "index", "input",
    "layout", "limit", "merge", "model", "number", "option", "output", "parser", "path", "plugin",
    "queue", "record", "report", "request", "result", "return", "route", "schema", "server",
    "session", "source", "status", "stream", "string", "table", "target", "test", "thread", "token",
    "update", "user", "value", "vector", "version", "window", "worker", "writer",
)  # fmt: skip
OWN_TOOLS = (
    "Bash", "Read", "Edit", "Write", "Grep", "Glob", "Task", "TodoWrite", "WebFetch", "WebSearch",
    "NotebookEdit", "CronCreate", "EnterWorktree", "ExitPlanMode", "AskUserQuestion",
)  # fmt: skip
SERVERS = {
    "tracker": ("list_issues", "get_issue", "create_issue", "add_comment", "close_issue"),
    "calendar": ("list_events", "create_event", "find_slot", "invite", "cancel_event"),
}


class Turn(NamedTuple):
    """What the model said, the call that it made, and what came back."""

    said: str
    tool: str
    arguments: dict[str, str]
    result: str


class Conversation(NamedTuple):
    system: str
    tools: list[tuple[str, str, dict[str, Any]]]  # name, description, schema
    ask: str
    turns: list[Turn]


def _sentence(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=words)).capitalize() + "."


def _prose(random: Random, size: int) -> str:
    text = ""
    while len(text) < size:
        text += _sentence(random, random.randint(6, 16)) + random.choice((" ", " ", "\n"))
    return text[:size]


def _tool(random: Random, name: str) -> tuple[str, str, dict[str, Any]]:
    properties = {
        word: {"type": random.choice(("string", "integer")), "description": _sentence(random, 8)}
        for word in random.sample(WORDS, 4)
    }
    schema = {"type": "object", "properties": properties, "required": [next(iter(properties))]}
    return name, _prose(random, TOOL_BYTES - len(json.dumps(schema))), schema


def records(random: Random, size: int, name: str = "") -> str:
    """Rows of JSON, indented, as many command line tools print them; ``name`` in each."""
    rows: list[dict[str, Any]] = []
    text = "[]"
    while len(text) < size:
        rows.append({
            "id": random.randrange(10**9), "name": f"{random.choice(WORDS)}-{name}{len(rows)}",
            "state": random.choice(("open", "closed")), "labels": random.sample(WORDS, 2),
            "url": f"https://example.com/{random.choice(WORDS)}/{random.randrange(9999)}",
        })  # fmt: skip
        text = json.dumps(rows, indent=2)
    return text


def _matches(random: Random, size: int) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        path = f"src/{random.choice(WORDS)}/{random.choice(WORDS)}.py"
        lines += [f"{path}:{n * 7}:    {_sentence(random, 5)}" for n in range(1, 5)]
    return "\n".join(lines)


def _source(random: Random, size: int) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        a, b, c = random.sample(WORDS, 3)
        lines += [f"def {a}_{b}({c}: str) -> int:", f'\t"""{_sentence(random, 7)}"""',
                  f'\tif {c} == "\\n":', f"\t\treturn {random.randrange(999)}", ""]  # fmt: skip
    return "\n".join(f"{number:>6}\t{line}" for number, line in enumerate(lines, 1))


def _run(random: Random, size: int, failed: str) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        lines.append(f"tests/test_{random.choice(WORDS)}_{len(lines)}.py::test_it PASSED")
    lines[len(lines) // 2] = f"tests/test_{failed}.py::test_it FAILED"
    return "\n".join(lines)


def conversation(seed: int, size: int) -> Conversation:
    """About ``size`` bytes with tools, an ask, ``TURNS`` turns, and room for one more."""
    random = Random(seed)
    names = [
        *OWN_TOOLS,
        *(f"mcp__{server}__{one}" for server, own in SERVERS.items() for one in own),
    ]
    beside = SYSTEM_BYTES + TOOLS * (TOOL_BYTES + 70) + RESULT_BYTES + TURN_BYTES
    each = (size - beside) * 5 // 6 // TURNS - TURN_BYTES  # a sixth of it are escapes
    turns: list[Turn] = []
    for number in range(TURNS):
        path = f"src/{random.choice(WORDS)}_{number}.py"
        said = _prose(random, 150)
        kind = number % 4
        if number == 9:  # what was read before, again
            turns.append(turns[2]._replace(said=said))
        elif kind == 0:
            asked = {"command": f"gh issue list --json --limit {number}"}
            turns.append(Turn(said, "Bash", asked, records(random, each)))
        elif kind == 1:
            asked = {"pattern": random.choice(WORDS), "output_mode": "content"}
            turns.append(Turn(said, "Grep", asked, _matches(random, each)))
        elif kind == 2:
            turns.append(Turn(said, "Read", {"file_path": path}, _source(random, each)))
        else:
            run = _run(Random(seed), each, f"{random.choice(WORDS)}_{number}")
            turns.append(Turn(said, "Bash", {"command": "pytest -v"}, run))
    ask = f"Please fix the {random.choice(WORDS)} parser in this repository, then run the tests. "
    return Conversation(
        _prose(random, SYSTEM_BYTES),
        [_tool(random, name) for name in names[:TOOLS]],
        ask + _prose(random, 300),
        turns,
    )


def with_fresh_result(known: Conversation, seed: int, name: str = "") -> Conversation:
    """The session's next turn, with a JSON result of 4 KB that no other seed has. ``name`` is in
    each of its rows."""
    asked = {"command": "gh run list --json"}
    fresh = Turn("What ran?", "Bash", asked, records(Random(seed), RESULT_BYTES, name))
    return known._replace(turns=[*known.turns, fresh])


def body_of(known: Conversation, dialect: str) -> bytes:
    """``dialect`` is "messages", "chat" or "responses"."""
    made = {"messages": _messages, "chat": _chat, "responses": _responses}[dialect](known)
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _messages(known: Conversation) -> dict[str, Any]:
    sent: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": known.ask}]},
    ]
    for number, turn in enumerate(known.turns):
        call = f"toolu_{number:024d}"
        use = {"type": "tool_use", "id": call, "name": turn.tool, "input": turn.arguments}
        result = {"type": "tool_result", "tool_use_id": call, "content": turn.result}
        sent += [
            {"role": "assistant", "content": [{"type": "text", "text": turn.said}, use]},
            {"role": "user", "content": [result]},
        ]
    mark = {"cache_control": {"type": "ephemeral"}}
    sent[-1]["content"][-1] |= mark
    return {
        "model": "claude-sonnet-4-5",
        "messages": sent,
        "system": [{"type": "text", "text": known.system, **mark}],
        "tools": [
            {"name": name, "description": about, "input_schema": schema}
            for name, about, schema in known.tools
        ],
        "metadata": {"user_id": "perf"},
        "max_tokens": 32000,
        "stream": False,
    }


def _chat(known: Conversation) -> dict[str, Any]:
    sent: list[dict[str, Any]] = [
        {"role": "system", "content": known.system},
        {"role": "user", "content": known.ask},
    ]
    for number, turn in enumerate(known.turns):
        call = f"call_{number:024d}"
        function = {"name": turn.tool, "arguments": json.dumps(turn.arguments)}
        use = {"id": call, "type": "function", "function": function}
        sent += [
            {"role": "assistant", "content": turn.said, "tool_calls": [use]},
            {"role": "tool", "tool_call_id": call, "content": turn.result},
        ]
    tools = [
        {"type": "function", "function": {"name": n, "description": about, "parameters": schema}}
        for n, about, schema in known.tools
    ]
    return {"model": "gpt-5.5", "messages": sent, "tools": tools, "stream": False}


def _responses(known: Conversation) -> dict[str, Any]:
    asked = [{"type": "input_text", "text": known.ask}]
    sent: list[dict[str, Any]] = [{"type": "message", "role": "user", "content": asked}]
    for number, turn in enumerate(known.turns):
        call = {"call_id": f"call_{number:024d}"}
        said = [{"type": "output_text", "text": turn.said}]
        arguments = json.dumps(turn.arguments)
        sent += [
            {"type": "message", "role": "assistant", "content": said},
            {"type": "function_call", "name": turn.tool, "arguments": arguments, **call},
            {"type": "function_call_output", "output": turn.result, **call},
        ]
    tools = [
        {"type": "function", "name": name, "description": about, "parameters": schema}
        for name, about, schema in known.tools
    ]
    return {
        "model": "gpt-5.5", "instructions": known.system, "input": sent, "tools": tools,
        "store": False, "stream": False,
    }  # fmt: skip
