"""Agent bodies of an exact size: shaped like Claude Code's, with `stream` as the last key.

A gateway that wants `stream` has to walk the whole body, as it has to with the real client.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from perf.conversation import NUMBERED, body_of, conversation, with_fresh_result

KB = 1024
SMALL_BYTES = 1 * KB
LARGE_BYTES = 100 * KB

# Quotes, backslashes, newlines and non-ASCII letters: what source code looks like to a scanner.
SOURCE = 'def size(path: str) -> int:\n\t"""Größe von \\"{path}\\"."""\n\treturn len(read(path))\n'
TOOL_NAMES = ("Bash", "Read", "Edit", "Write", "Agent", "WebFetch", "TaskCreate", "TaskUpdate")


def _tool(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"Runs {name}. " + SOURCE,
        "input_schema": {
            "type": "object",
            "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["path"],
        },
    }


def _turn(number: int) -> list[dict[str, Any]]:
    call, path = f"toolu_{number:024d}", f"src/{number}.py"
    return [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": call, "name": "Read", "input": {"path": path}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call, "content": SOURCE * 24}],
        },
    ]


def agent_body(size_bytes: int, *, stream: bool) -> bytes:
    is_large = size_bytes >= 16 * KB
    turns = (size_bytes - 16 * KB) // 3500 if is_large else 0
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": ""}]}]
    for number in range(turns):
        messages += _turn(number)
    body: dict[str, Any] = {
        "model": "claude-sonnet-4-5",
        "messages": messages,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [_tool(name) for name in TOOL_NAMES] if is_large else [],
        "metadata": {"user_id": "perf"},
        "max_tokens": 32000,
        "stream": stream,
    }
    missing = size_bytes - len(_encode(body))
    if missing < 0:
        raise ValueError(f"an agent body does not fit in {size_bytes} bytes")
    messages[0]["content"][0]["text"] = "x" * missing
    return _encode(body)


# The cache's questions: one that is kept, the same in other words, one that many ask at once, and
# one that is another in each request, by the client's number.
QUESTION = "Explain TCP vs UDP"
REWORDED = "What is the difference between TCP and UDP?"
SHARED = "How does a compiler work?"
UNASKED = f"What is the service at port {NUMBERED} for?"


def question_body(text: str, *, stream: bool) -> bytes:
    """A question without tools, of about 1 KB: but for the question all of them are alike."""
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1024,
        "system": "Answer for a reader who knows the field. " * 21,
        "messages": [{"role": "user", "content": text}],
        "stream": stream,
    }
    return _encode(body)


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def write_bodies(directory: Path) -> dict[str, Path]:
    bodies = {
        "1kb": agent_body(SMALL_BYTES, stream=False),
        "100kb": agent_body(LARGE_BYTES, stream=False),
        "stream": agent_body(SMALL_BYTES, stream=True),
        # Its last result is another one in each request, by the client's number.
        "session": body_of(
            with_fresh_result(conversation(0, LARGE_BYTES), 0, name=NUMBERED), "messages"
        ),
        "asked": question_body(QUESTION, stream=False),
        "asked_stream": question_body(QUESTION, stream=True),
        "reworded": question_body(REWORDED, stream=False),
        "reworded_stream": question_body(REWORDED, stream=True),
        "shared": question_body(SHARED, stream=True),
        "unasked": question_body(UNASKED, stream=False),
    }
    paths = {}
    for name, content in bodies.items():
        paths[name] = directory / f"{name}.json"
        paths[name].write_bytes(content)
    return paths
