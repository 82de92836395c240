"""Requests in Anthropic's dialect, after Claude Code, Continue and opencode."""

from __future__ import annotations

from typing import Any

MARK = {"type": "ephemeral"}
LONG_MARK = {"type": "ephemeral", "ttl": "1h"}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
PDF = "JVBERi0xLjQKJSVFT0YK"
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds0ntDataUsage+/=="

BASH: dict[str, Any] = {
    "name": "Bash",
    "description": 'Executes a bash command.\n\n# Rules\n- quote "paths" with spaces',
    "input_schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "command": {"type": "string", "description": "The command to run"},
            "timeout": {"type": "number", "maximum": 600000},
            "model": {"enum": ["sonnet", "opus"], "type": "string"},
        },
        "required": ["command"],
        "additionalProperties": False,
    },
}
READ: dict[str, Any] = {
    "name": "Read",
    "description": "Reads a file.",
    "input_schema": {
        "type": "object",
        "properties": {
            "file_path": {"type": "string"},
            "pages": {"anyOf": [{"type": "string", "pattern": "^[0-9-]+$"}, {"type": "null"}]},
        },
        "required": ["file_path"],
    },
}
BILLING = "x-anthropic-billing-header: cc_version=2.1.197.3fa; cc_entrypoint=cli;"
SYSTEM: list[dict[str, Any]] = [
    {"type": "text", "text": BILLING},
    {"type": "text", "text": "You are Claude Code.", "cache_control": MARK},
    {"type": "text", "text": "# Tone\nBe brief. ☃", "cache_control": MARK},
]  # fmt: skip


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def use(call: str, name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": name, "input": given}


def result(call: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call, "content": content, **more}


def body(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-5", "max_tokens": 32000, "messages": list(messages), **more}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def assistant(*content: Any) -> dict[str, Any]:
    return {**user(*content), "role": "assistant"}


def thinking(said: str, signature: str = SIGNATURE) -> dict[str, Any]:
    return {"type": "thinking", "thinking": said, "signature": signature}


NASTY = 'half \ud83d, zero \x00, line \u2028, joined 👩‍👩‍👧, "quoted" \\ and {"model":"decoy"}'

DIALOGUES: dict[str, dict[str, Any]] = {
    "claude_first_turn": body(
        user(
            text("<system-reminder>\nToday is 2026-11-23.\n</system-reminder>"),
            text("Fix the tests in \"src/ä\".", cache_control=MARK),
        ),
        system=SYSTEM,
        tools=[BASH, READ],
        metadata={"user_id": '{"device_id":"d41d","account_uuid":"","session_id":"7d0c"}'},
        thinking={"type": "enabled", "budget_tokens": 31999},
        stream=True,
    ),
    "claude_tool_loop": body(
        user("Compare both files."),
        assistant(
            thinking("Two files: read both."),
            text("I read both."),
            use("toolu_01A", "Read", file_path="/a.py"),
            use("toolu_01B", "Read", file_path="/b.py", pages=None),
        ),
        user(
            result("toolu_01A", "     1\tprint('ü')\n     2\t\n"),
            result("toolu_01B", [text("part one"), text("part two")]),
            text("<system-reminder>The task list is empty.</system-reminder>"),
        ),
        assistant(
            {"type": "redacted_thinking", "data": "EmwKAhgBEgwRedactedData+/=="},
            use("toolu_01C", "Bash", command="false", timeout=1000),
        ),
        user(result("toolu_01C", "Exit code 1\nnot found", is_error=True, cache_control=MARK)),
        system=SYSTEM,
        tools=[BASH, READ],
        thinking={"type": "enabled", "budget_tokens": 4000},
        stream=True,
    ),
    "claude_mid_conversation_system": body(
        user(text("Fix the bug.")),
        {"role": "system", "content": "# Agents\n- general-purpose"},
        assistant(use("toolu_1", "Bash", command="ls")),
        user(result("toolu_1", "a.py")),
        {"role": "system", "content": "The task list is empty."},
        assistant("Which file?"),
        user(text("a.py", cache_control=MARK)),
        {"role": "system", "content": "Plan mode is on."},
        model="claude-opus-4-8",
        system="You are Claude Code.",
        tools=[BASH],
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        stream=True,
    ),
    "claude_tool_search": body(
        user("Weather?"),
        assistant(use("toolu_9", "ToolSearch", query="weather")),
        user(
            result("toolu_9", [{"type": "tool_reference", "tool_name": "mcp__weather__now"}]),
            text("Tool loaded.", cache_control=LONG_MARK),
        ),
        assistant(use("toolu_10", "mcp__weather__now", city="Åre")),
        user(result("toolu_10", '{"degrees":-4}')),
        model="claude-opus-4-8",
        tools=[
            {"name": "ToolSearch", "input_schema": {"type": "object"}},
            {
                "name": "mcp__weather__now",
                "description": "Weather now.",
                "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
                "defer_loading": True,
                "eager_input_streaming": True,
            },
            {**READ, "defer_loading": True},
        ],
        stream=True,
    ),
    "claude_images_and_documents": body(
        user(
            text("What is on these?"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "report.pdf",
                "cache_control": MARK,
            },
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "plain words"},
            },
        ),
        assistant(use("toolu_1", "Read", file_path="/shot.png")),
        user(
            result(
                "toolu_1",
                [
                    text("a picture:"),
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                    },
                ],
            )
        ),
        tools=[READ],
    ),
    "claude_title": body(
        user("Summarise: fix the tests"),
        system=[text("Write a title.")],
        tools=[],
        temperature=1,
        max_tokens=512,
        output_config={
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {"title": {"type": "string"}},
                    "required": ["title"],
                    "additionalProperties": False,
                },
            }
        },
        stream=True,
    ),
    "claude_web_search": body(
        user("Search the web for llhttp."),
        tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
        tool_choice={"type": "tool", "name": "web_search"},
    ),
    "claude_server_tools_in_history": body(
        user("Search the web for llhttp."),
        assistant(
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
             "input": {"query": "llhttp"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
            text("It parses HTTP.", citations=[{"type": "char_location", "cited_text": "parses",
                 "document_index": 0, "start_char_index": 0, "end_char_index": 6,
                 "document_title": None}]),
        ),
        user("More."),
    ),
    "claude_after_compaction": body(
        user("The conversation so far: …"),
        assistant("Understood."),
        user("Go on."),
        user(text("With the second file.")),
        system="You are Claude Code.",
    ),
    "claude_settings": body(
        user("Count to ten, say stop."),
        assistant("One, two,"),
        tools=[BASH, {**READ, "cache_control": MARK}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        stop_sequences=["stop", "</answer>"],
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        max_tokens=100,
        service_tier="auto",
    ),
    "claude_choice_none": body(
        user("Do not call."),
        tools=[BASH],
        tool_choice={"type": "none"},
    ),
    "claude_choice_tool": body(
        user("Call it."),
        tools=[BASH, READ],
        tool_choice={"type": "tool", "name": "Read"},
    ),
    "claude_nasty_text": body(
        user(NASTY),
        assistant(use("toolu_1", "Bash", command=NASTY, nested={"a": [1, None, {"b": 1e3}]})),
        user(result("toolu_1", "data: [DONE]\n\nevent: x\r\n")),
        tools=[BASH],
    ),
    "claude_empty_things": body(
        user("Go."),
        assistant(use("toolu_1", "Bash", command="true")),
        user(result("toolu_1", "")),
        assistant(use("toolu_2", "Bash", command="true")),
        user({"type": "tool_result", "tool_use_id": "toolu_2"}),
        assistant(use("toolu_3", "Bash")),
        user(result("toolu_3", [], is_error=True)),
        tools=[BASH],
    ),
    "claude_unparsed_input": body(
        user("Go."),
        assistant(use("toolu_1", "Bash", __unparsedToolInput={"raw": '{"command": "l', "len": 14})),
        user(result("toolu_1", "<tool_use_error>Invalid</tool_use_error>", is_error=True)),
        tools=[BASH],
    ),
}  # fmt: skip
