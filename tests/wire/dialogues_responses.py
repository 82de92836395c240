"""Requests of the Responses API, after Codex, opencode and Cline."""

from __future__ import annotations

from typing import Any

from tests.wire.dialogues_messages import PDF, PNG

LARK = {"type": "grammar", "syntax": "lark", "definition": "start: /(.|\\n)+/"}
PATH: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}


def message(role: str, *texts: str, **more: Any) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": said} for said in texts]
    return {"type": "message", "role": role, "content": content, **more}


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": PATH, **more}


def custom(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "custom", "name": name, "description": f"The {name}.", "format": LARK, **more}


def reasoning(item: str, *summary: str, **more: Any) -> dict[str, Any]:
    said = [{"type": "summary_text", "text": text} for text in summary]
    return {
        "type": "reasoning", "id": item, "summary": said, "encrypted_content": f"gAAAAA{item}+/==",
        **more,
    }  # fmt: skip


def output(call: str, value: Any, kind: str = "function_call", **more: Any) -> dict[str, Any]:
    return {"type": f"{kind}_output", "call_id": call, "output": value, **more}


CODEX: dict[str, Any] = {
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "low"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199-aaaa",
    "text": {"verbosity": "low"},
}
SEARCH = {
    "type": "tool_search",
    "execution": "client",
    "description": "Finds tools.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
}
LOADED = {
    "type": "namespace",
    "name": "mcp__everything",
    "description": "A test server.",
    "tools": [function("echo", description="Echoes.", strict=False, defer_loading=True)],
}

DIALOGUES: dict[str, dict[str, Any]] = {
    "codex_namespaces": {
        "model": "gpt-6",
        "input": [
            {
                "type": "additional_tools",
                "role": "developer",
                "id": "at_1",
                "tools": [
                    {
                        "type": "namespace",
                        "name": "functions",
                        "description": "Code mode.",
                        "tools": [custom("exec"), function("wait", description="Waits.")],
                    },
                    {"type": "namespace", "name": "clock", "description": "", "tools": []},
                ],
            },
            message("developer", "You are Codex.", id="msg_d"),
            message("user", "<environment_context>…</environment_context>", id="msg_e"),
            message("user", "List the \"files\".", id="msg_u"),
            reasoning("rs_1", content=None),
            {
                "type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": "exec",
                "namespace": "functions", "input": 'await tools.exec_command({cmd: "ls"})\n',
            },
            output(
                "call_1",
                [
                    {"type": "input_text", "text": "Script completed\nOutput:\n"},
                    {"type": "input_text", "text": '{"model":"decoy"}'},
                ],
                "custom_tool_call",
                id="ctco_1",
            ),
            {
                "type": "function_call", "id": "fc_1", "call_id": "call_2", "name": "wait",
                "namespace": "functions", "arguments": '{"path":"ü"}', "status": "completed",
            },
            output("call_2", "waited", id="fco_1"),
            message("assistant", "One file.", id="msg_a", phase="final", status="completed"),
            message("user", "Thanks.", id="msg_v"),
        ],
        **CODEX,
        "reasoning": {"effort": "low", "context": "all_turns"},
        "client_metadata": {"session": "s", "model": "decoy"},
    },
    "codex_tool_search": {
        "model": "gpt-5.5",
        "input": [
            message("developer", "You are Codex."),
            message("user", "Echo."),
            {
                "type": "tool_search_call", "id": "ts_1", "call_id": "call_0",
                "execution": "client", "arguments": {"query": "echo"}, "status": "completed",
            },
            {
                "type": "tool_search_output", "call_id": "call_0", "execution": "client",
                "status": "completed", "tools": [LOADED],
            },
            reasoning("rs_2", "**Thinking** about it", "more"),
            {
                "type": "function_call", "call_id": "call_1", "name": "echo",
                "namespace": "mcp__everything", "arguments": '{"path":"x"}',
            },
            output("call_1", "Wall time 0.1\nOutput:\nx"),
        ],
        "tools": [
            function("exec_command", description="Runs.", strict=False),
            custom("apply_patch"),
            SEARCH,
        ],
        **CODEX,
    },
    "codex_hosted_tools": {
        "model": "gpt-5.5",
        "input": [message("user", "x")],
        "tools": [{"type": "web_search", "external_web_access": True}, function("exec_command")],
        **CODEX,
    },
    "codex_compaction": {
        "model": "gpt-6",
        "input": [
            {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAABpCompacted/+=="},
            message("user", "Go on."),
            {"type": "compaction_trigger"},
        ],
        "store": False,
        "stream": True,
    },
    "codex_images": {
        "model": "gpt-5.5",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is on it?"},
                    {
                        "type": "input_image",
                        "image_url": f"data:image/png;base64,{PNG}",
                        "detail": "auto",
                    },
                ],
            },
            {
                "type": "function_call", "call_id": "call_1", "name": "view_image",
                "arguments": '{"path":"a.png"}',
            },
            output(
                "call_1",
                [
                    {"type": "input_text", "text": "here:"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                ],
            ),
        ],
        "tools": [function("view_image")],
        "store": False,
    },
    "opencode_responses": {
        "model": "gpt-5.5",
        "instructions": "You are opencode.",
        "input": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]},
            {"role": "user", "content": "Read both."},
            reasoning("rs_3", "First a, then b."),
            {"type": "function_call", "call_id": "c1", "name": "read", "arguments": '{"path":"a"}'},
            {"type": "function_call", "call_id": "c2", "name": "read", "arguments": '{"path":"b"}'},
            output("c1", "A"),
            output("c2", "B"),
        ],
        "tools": [function("read", description="Reads.", strict=False)],
        "max_output_tokens": 32000,
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "ses_1",
        "reasoning": {"effort": "medium", "summary": "auto"},
    },
    "cline_responses": {
        "model": "gpt-5.5",
        "instructions": "You are Cline.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Read this."},
                    {"type": "input_file", "filename": "report.pdf",
                     "file_data": f"data:application/pdf;base64,{PDF}"},
                ],
            }
        ],
        "truncation": "auto",
        "include": ["web_search_call.action.sources"],
    },
    "responses_settings": {
        "model": "gpt-5.5",
        "input": "A title.",
        "text": {
            "format": {
                "type": "json_schema", "name": "title", "strict": True,
                "schema": {
                    "type": "object", "properties": {"title": {"type": "string"}},
                    "required": ["title"], "additionalProperties": False,
                },
            }
        },
        "tools": [function("read"), function("write", strict=True)],
        "tool_choice": {"type": "function", "name": "read"},
        "parallel_tool_calls": False,
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "user": "user-1",
        "metadata": {"run": "r1"},
        "service_tier": "default",
        "reasoning": {"effort": "none"},
    },
    "responses_plain": {"model": "gpt-5.5", "input": "Grüß dich ☃"},
    "responses_chained": {"model": "gpt-5.5", "input": "And?", "previous_response_id": "resp_1"},
    "responses_local_shell": {
        "model": "codex-mini",
        "input": [
            {"role": "user", "content": "ls"},
            {
                "type": "local_shell_call", "id": "lsh_1", "call_id": "call_1",
                "action": {"type": "exec", "command": ["ls"], "env": {}}, "status": "completed",
            },
            {"type": "local_shell_call_output", "call_id": "call_1", "output": "a.py"},
        ],
        "tools": [{"type": "local_shell"}],
    },
    "responses_refusal_in_history": {
        "model": "gpt-5.5",
        "input": [
            {"role": "user", "content": "No."},
            {
                "type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
                "content": [{"type": "refusal", "refusal": "I cannot."}],
            },
            {"role": "user", "content": "Then this."},
        ],
    },
}  # fmt: skip
