"""Recorded requests, one per line of a JSONL file, in whatever form they were written down.

A line is the body of a request, or an object that holds one. Nothing is read but the file given.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from lynkr.errors import LynkrError
from lynkr.policies.simulator import APIS, Turn, reply_tokens

_DIALECTS = {api: number for number, api in APIS.items()}
_BODIES = ("request", "body", "request_body")
_TIMES = ("at", "time", "ts", "timestamp", "accepted_at")
_SESSIONS = ("session", "session_id", "conversation_id")
_MILLISECONDS_FROM = 1e11  # seconds since 1970 reach this in the year 5138
_RESERIALIZED = "bodies given as JSON objects were written again, compactly: spacing is not theirs"
_UNTIMED = "no times are given: turns are taken to be {idle_s:g} s apart"
_UNCOUNTED = "output tokens are not given everywhere: estimated from the next request"


class Recording(msgspec.Struct):
    """The turns of a file in the order of their times, and what had to be assumed."""

    turns: list[Turn]
    notes: list[str]


def read(lines: Iterable[bytes], api: str = "", idle_s: float = 15.0) -> Recording:
    """The turns of a recording. ``api`` names the dialect of all; else each is taken by its shape.
    ``idle_s`` is what lies between turns that have no time.

    Raises ``LynkrError`` with the line that cannot be used.
    """
    notes: dict[str, None] = {}
    turns: list[Turn] = []
    counted: list[bool] = []
    clock = 0.0
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line:
            continue
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise LynkrError(f"line {number}: not JSON: {error}") from error
        if not isinstance(entry, dict):
            raise LynkrError(f"line {number}: neither a request nor an object that holds one")
        body, parsed = _body(entry, line, notes)
        if parsed is None:
            raise LynkrError(f"line {number}: holds no request body with messages or input")
        at = _time(entry)
        if at is None:
            at = clock + idle_s if turns else 0.0
            notes[_UNTIMED.format(idle_s=idle_s)] = None
        clock = at
        output = _output_tokens(entry)
        counted.append(output is not None)
        turns.append(
            Turn(
                session=_session(entry, parsed),
                at_s=at,
                body=body,
                dialect=_dialect(entry, parsed, api),
                model=str(parsed.get("model") or ""),
                output_tokens=output or 0,
            )
        )
    if not all(counted):
        notes[_UNCOUNTED] = None
        turns = _estimated(turns, counted)
    turns.sort(key=lambda turn: turn.at_s)
    return Recording(turns, list(notes))


def _is_request(value: object) -> bool:
    return isinstance(value, dict) and isinstance(
        value.get("messages", value.get("input")), list | str
    )


def _body(
    entry: dict[str, Any], line: bytes, notes: dict[str, None]
) -> tuple[bytes, dict[str, Any] | None]:
    """The bytes of the body and what they say; ``None`` when there is none."""
    if _is_request(entry):
        return line, entry
    for name in _BODIES:
        held = entry.get(name)
        if isinstance(held, str):
            try:
                parsed = orjson.loads(held)
            except orjson.JSONDecodeError:
                continue
            if _is_request(parsed):
                return held.encode(), parsed
        elif isinstance(held, dict):
            if _is_request(held):
                notes[_RESERIALIZED] = None
                return orjson.dumps(held), held
            inner, parsed = _body(held, b"", notes)
            if parsed is not None:
                return inner, parsed
    return b"", None


def _time(entry: dict[str, Any]) -> float | None:
    for name in _TIMES:
        value = entry.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value / 1000 if value > _MILLISECONDS_FROM else float(value)
        if isinstance(value, str):
            try:
                return datetime.datetime.fromisoformat(value).timestamp()
            except ValueError:
                continue
    return None


def _output_tokens(entry: dict[str, Any]) -> int | None:
    response = entry.get("response")
    inner = response.get("usage") if isinstance(response, dict) else None
    for usage in (entry, entry.get("usage"), inner):
        if isinstance(usage, dict):
            for name in ("output_tokens", "completion_tokens"):
                if isinstance(usage.get(name), int):
                    return int(usage[name])
    return None


def _dialect(entry: dict[str, Any], body: dict[str, Any], api: str) -> int:
    if api:
        return _DIALECTS[api]
    said = str(entry.get("api") or "")
    if said in _DIALECTS:
        return _DIALECTS[said]
    path = str(entry.get("path") or entry.get("url") or "").partition("?")[0]
    for ending in _DIALECTS:
        if path.rstrip("/").endswith("/completions" if ending == "chat" else f"/{ending}"):
            return _DIALECTS[ending]
    if "messages" not in body:
        return _DIALECTS["responses"]
    return _DIALECTS["messages" if _anthropic(body) else "chat"]


def _anthropic(body: dict[str, Any]) -> bool:
    """Messages, by what only it has: a system prompt beside the messages, its blocks, its tools."""
    if "system" in body or "anthropic_version" in body:
        return True
    tools = body.get("tools")
    if isinstance(tools, list) and any(isinstance(t, dict) and "input_schema" in t for t in tools):
        return True
    blocks = (
        block
        for message in body["messages"]
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for block in message["content"]
    )
    own = ("tool_use", "tool_result", "thinking", "redacted_thinking")
    return any(isinstance(block, dict) and block.get("type") in own for block in blocks)


def _session(entry: dict[str, Any], body: dict[str, Any]) -> str:
    """Whose turn it is: what the line says, what the body says, or the first that the user said."""
    for name in _SESSIONS:
        if entry.get(name):
            return str(entry[name])
    if isinstance(body.get("prompt_cache_key"), str):
        return str(body["prompt_cache_key"])
    items = body.get("messages", body.get("input"))
    if isinstance(items, str):
        return _short(items)
    for item in items or []:
        if isinstance(item, dict) and item.get("role") == "user":
            return _short(_text(item.get("content")))
    return ""


def _text(content: object) -> str:
    """All the text of a message: how it is wrapped and marked is no part of what was said."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _short(text: str) -> str:
    words = " ".join(text.split())
    return f"{words[:40]} #{blake2b(text.encode('utf-8', 'replace'), digest_size=3).hexdigest()}"


def _estimated(turns: list[Turn], counted: list[bool]) -> list[Turn]:
    """Output tokens of those turns that nothing is said of, from their session's next request."""
    following: dict[str, Turn] = {}
    made: list[Turn] = []
    for turn, known in zip(reversed(turns), reversed(counted), strict=True):
        after = following.get(turn.session)
        following[turn.session] = turn
        output = turn.output_tokens if known or after is None else reply_tokens(turn, after)
        made.append(msgspec.structs.replace(turn, output_tokens=output))
    return made[::-1]
