"""The scripted agent in the Chat Completions dialect, as an open server with a reasoning model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tests.e2e import agent_types
from tests.e2e.agent_plan import (
    Answer,
    Asked,
    Body,
    Plan,
    Refused,
    Tokens,
    chosen,
    expect,
    pieces,
    reasoned,
    tokens_of,
)

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CALL_ID_LENGTH_MAX = 40
_NEEDS_TOOLS = ("tool_choice", "parallel_tool_calls")


def refusal(message: str) -> Body:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None}}


def results(body: Body) -> list[str]:
    """The text of every tool result in the conversation, in order."""
    return [_text(message["content"]) for message in body["messages"] if message["role"] == "tool"]


def _text(content: str | list[Body]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


def history(body: Body) -> list[Body]:
    """What must not change from one request to the next: the messages."""
    messages: list[Body] = body["messages"]
    return messages


# --- rules ----------------------------------------------------------------------------------------


def check(asked: Asked, plan: Plan) -> None:
    body = asked.body
    agent_types.chat(body)
    expect(body["messages"], "[] is too short - 'messages'")
    expect(asked.stream or not body.get("stream_options"), "stream_options without stream")
    expect("tools" not in body or body["tools"], "[] is too short - 'tools'")
    for name in _NEEDS_TOOLS:
        expect(name not in body or body.get("tools"), f"{name} is only allowed with tools")
    both = "max_tokens" in body and "max_completion_tokens" in body
    expect(not both, "max_tokens and max_completion_tokens exclude each other")
    for tool in body.get("tools", ()):
        expect(tool["type"] == "function", "only function tools are supported")
        expect(_NAME.fullmatch(tool["function"]["name"]), f"name of a tool: {tool['function']}")
    _check_order(body["messages"])


def _check_order(messages: list[Body]) -> None:
    """Each tool message answers a call of the assistant message before it, and all are answered."""
    open_calls: list[str] = []
    for number, message in enumerate(messages):
        at = f"messages.{number}"
        if message["role"] == "tool":
            call_id = message["tool_call_id"]
            expect(call_id in open_calls, f"{at}: {call_id} answers no preceding tool call")
            open_calls.remove(call_id)
            continue
        expect(not open_calls, f"{at}: tool calls without a response: {open_calls}")
        if message["role"] == "assistant":
            _check_assistant(message, at)
            open_calls = [call["id"] for call in message.get("tool_calls", ())]
            expect(len(set(open_calls)) == len(open_calls), f"{at}: ids repeat: {open_calls}")
    expect(not open_calls, f"at the end: tool calls without a response: {open_calls}")


def _check_assistant(message: Body, at: str) -> None:
    calls = message.get("tool_calls")
    expect(calls != [], f"{at}: [] is too short - 'tool_calls'")
    expect(calls or message.get("content"), f"{at}: expected content or tool_calls")
    for call in calls or ():
        function = call["function"]
        expect(len(call["id"]) <= _CALL_ID_LENGTH_MAX, f"{at}: too long: {call['id']}")
        expect(_NAME.fullmatch(function["name"]), f"{at}: name {function['name']!r}")
        try:
            parsed = json.loads(function["arguments"])
        except ValueError:
            raise Refused(f"{at}: arguments are no JSON: {function['arguments']!r}") from None
        expect(isinstance(parsed, dict), f"{at}: arguments are no object")


# --- replies --------------------------------------------------------------------------------------


def answer(asked: Asked, plan: Plan, number: int) -> Answer:
    """The agent's reply to a request; ``number`` makes its ids."""
    body = asked.body
    message: Body = {"role": "assistant", "content": None}
    if not body.get("tools"):  # a side request, for a title
        message["content"] = json.dumps({"title": "A session of the scripted agent"})
        return _encoded(asked, message, tokens_of(0), number, step=-1)
    step = plan.step(len(results(body)))
    message["reasoning_content"] = f"Step {step}: naïve ☃ plan"
    if step == len(plan.steps):
        message["content"] = plan.final
        return _encoded(asked, message, tokens_of(step), number, step)
    schemas = {
        tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body["tools"]
    }
    message["content"] = f"Now step {step}. ☃"
    message["tool_calls"] = [
        _call(*chosen(act, schemas), f"call_{step:02d}{index:02d}")
        for index, act in enumerate(plan.steps[step])
    ]
    return _encoded(asked, message, tokens_of(step), number, step)


def _call(name: str, arguments: dict[str, object], call_id: str) -> Body:
    text = json.dumps(arguments, ensure_ascii=False)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


def _encoded(asked: Asked, message: Body, tokens: Tokens, number: int, step: int) -> Answer:
    reason = "tool_calls" if "tool_calls" in message else "stop"
    common: Body = {"id": f"chatcmpl-{number:06d}", "created": 1700000000, "model": asked.model}
    usage = _usage(tokens, step)
    if not asked.stream:
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        whole = {**common, "object": "chat.completion", "choices": [choice], "usage": usage}
        return Answer((), json.dumps(whole).encode(), tokens, step=step)
    common["object"] = "chat.completion.chunk"
    counted = bool((asked.body.get("stream_options") or {}).get("include_usage"))
    if counted:
        common["usage"] = None
    deltas = list(_deltas(message))
    chunks = [
        {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    of_calls = [at for at, delta in enumerate(deltas) if "tool_calls" in delta]
    end = {"index": 0, "delta": {}, "finish_reason": reason}
    chunks.append({**common, "choices": [end]})
    if counted:
        chunks.append({**common, "choices": [], "usage": usage})
    events = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode() for chunk in chunks]
    return Answer(
        (*events, b"data: [DONE]\n\n"),
        b"",
        tokens if counted else None,
        break_at=of_calls[0] + 2 if of_calls else -1,
        step=step,
    )


def _usage(tokens: Tokens, step: int) -> Body:
    read, written = tokens.prompt_cache_read_tokens, tokens.prompt_cache_write_tokens
    given = tokens.input_tokens + read + written
    return {
        "prompt_tokens": given,
        "completion_tokens": tokens.output_tokens,
        "total_tokens": given + tokens.output_tokens,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoned(step)},
    }


def _deltas(message: Body) -> Iterator[Body]:
    """Fragments as real servers send them: id and name of a call first, its arguments after."""
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content"):
        for piece in pieces(message.get(name) or ""):
            yield {name: piece}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        begun = {**call, "index": index, "function": {**function, "arguments": ""}}
        yield {"tool_calls": [begun]}
        for piece in pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
