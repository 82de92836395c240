"""Requests of Chat Completions, after opencode, Continue, Cline, Cursor and aider."""

from __future__ import annotations

from typing import Any

from tests.wire.dialogues_messages import MARK, PDF, PNG

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "description": "The \"command\""},
        "count": {"type": ["integer", "null"], "minimum": 0},
        "mode": {"const": "fast"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "required": ["command"],
    "additionalProperties": False,
    "$defs": {"item": {"oneOf": [{"type": "string"}, {"type": "integer"}]}},
}  # fmt: skip


def function(name: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": f"The {name}.", "parameters": SCHEMA, **more},
    }


def call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made: dict[str, Any], content: str | None = None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(made), **more}


def tool(call_id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def body(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.5", "messages": list(messages), **more}


# Of vLLM; OpenAI takes ids of up to 40 characters.
LONG_ID = "chatcmpl-tool-0123456789abcdef0123456789abcdef0123456789"
STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}

DIALOGUES: dict[str, dict[str, Any]] = {
    "opencode_tool_loop": body(
        said("system", "You are opencode."),
        said("system", "Here is the environment: ☃"),
        said("user", "Compare both."),
        calls(
            call("call_a", "bash", '{"command":"cat a"}'),
            call("call_b", "bash", '{ "command" : "cat \\u00fc", "count": null }'),
            content="I read both.",
        ),
        tool("call_a", "one\n"),
        tool("call_b", "two"),
        calls(call("call_c", "glob", "{}"), content=""),
        tool("call_c", ""),
        said("assistant", "They differ."),
        said("user", [{"type": "text", "text": "How?"}, {"type": "text", "text": "Briefly."}]),
        tools=[function("bash"), function("glob", strict=False)],
        tool_choice="auto",
        max_completion_tokens=32000,
        **STREAM,
    ),
    "continue_cached": body(
        said("system", [{"type": "text", "text": "You are Continue.", "cache_control": MARK}]),
        said("user", [{"type": "text", "text": "Hi", "cache_control": MARK}]),
        calls(call("call_1", "bash", '{"command":"ls"}')),
        tool("call_1", [{"type": "text", "text": "a.py"}, {"type": "text", "text": "b.py"}]),
        said("user", [{"type": "text", "text": "And?", "cache_control": MARK}]),
        model="anthropic/claude-sonnet-4.5",
        tools=[{**function("bash"), "cache_control": MARK}],
        max_tokens=8192,
        stream=True,
    ),
    "chat_images_and_files": body(
        said(
            "user",
            [
                {"type": "text", "text": "What is on these?"},
                {
                    "type": "image_url",
                    "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"},
                },
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "report.pdf",
                        "file_data": f"data:application/pdf;base64,{PDF}",
                    },
                },
            ],
        ),
    ),
    "chat_audio": body(
        said(
            "user",
            [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}],
        )
    ),
    "chat_settings": body(
        said("developer", "Formatting re-enabled"),
        said("user", "Count.", name="ann"),
        tools=[function("bash", strict=True), function("glob")],
        tool_choice={"type": "function", "function": {"name": "glob"}},
        parallel_tool_calls=False,
        max_completion_tokens=500,
        temperature=0.25,
        top_p=0.5,
        stop=["stop", "\n\n"],
        seed=7,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        n=1,
        user="user-1",
        metadata={"run": "r1"},
        store=False,
        service_tier="auto",
        verbosity="low",
        prompt_cache_key="k1",
        reasoning_effort="low",
    ),
    "chat_structured": body(
        said("user", "A title."),
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "title",
                "description": "A title",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"title": {"type": "string"}},
                    "required": ["title"],
                    "additionalProperties": False,
                },
            },
        },
        stop="###",
    ),
    "chat_json_object": body(
        said("user", "Some JSON."), response_format={"type": "json_object"}, temperature=0
    ),
    "chat_text_format": body(said("user", "Text."), response_format={"type": "text"}),
    "chat_many_answers": body(
        said("user", "Two."), n=2, logprobs=True, top_logprobs=2, logit_bias={"50256": -100}
    ),
    "chat_required": body(
        said("user", "Call."), tools=[function("bash")], tool_choice="required"
    ),
    "chat_choice_none": body(
        said("user", "Do not."), tools=[function("bash")], tool_choice="none"
    ),
    "chat_custom_tools": body(
        said("user", "Patch it."),
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": "call_p",
                    "type": "custom",
                    "custom": {"name": "apply_patch", "input": "*** Begin Patch\n\"ü\"\n"},
                }
            ],
        },
        tool("call_p", "Done!"),
        tools=[
            {
                "type": "custom",
                "custom": {
                    "name": "apply_patch",
                    "description": "Edits files.",
                    "format": {
                        "type": "grammar",
                        "grammar": {"syntax": "lark", "definition": "start: /.+/"},
                    },
                },
            },
            function("bash"),
        ],
        stream=True,
    ),
    "chat_reasoning_in_history": body(
        said("user", "Think."),
        calls(call("call_1", "bash", '{"command":"ls"}'), reasoning_content="I should look."),
        tool("call_1", "a.py"),
        model="deepseek-r2",
        tools=[function("bash")],
        reasoning_effort="high",
        stream=True,
    ),
    "aider_examples": body(
        said("system", "Act as an expert. Use SEARCH/REPLACE blocks."),
        said("user", "Change get_factorial()."),
        said("assistant", "a.py\n```\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n```"),
        said("user", "I switched to a new code base."),
        said("assistant", "Ok."),
        said("user", "Fix it."),
        said("system", "Only SEARCH/REPLACE blocks!"),
        model="gpt-4.1",
        temperature=0,
        stream=True,
    ),
    "chat_refusal_in_history": body(
        said("user", "No."),
        {"role": "assistant", "content": None, "refusal": "I cannot."},
        said("user", "Then this."),
    ),
    "chat_odd_arguments": body(
        said("user", "x"),
        calls(
            call("call_1", "bash", ""),
            call(LONG_ID, "bash", '{"command":"a"}'),
        ),
        tool("call_1", "one"),
        tool(LONG_ID, "two"),
        tools=[function("bash")],
    ),
    "chat_names_to_shorten": body(
        said("user", "x"),
        calls(call("call_1", "mcp.server/read file", '{"command":"a"}')),
        tool("call_1", "one", name="mcp.server/read file"),
        tools=[function("mcp.server/read file"), function("n" * 70)],
    ),
    "chat_system_between_calls": body(
        said("user", "x"),
        calls(call("call_1", "bash", '{"command":"a"}')),
        tool("call_1", "one"),
        said("system", "Remember the rules."),
        said("user", "y"),
        tools=[function("bash")],
    ),
}  # fmt: skip
