"""The scripted agent in the Messages dialect, as Claude Code meets it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator

from tests.e2e import agent_claude, agent_types
from tests.e2e.agent_plan import (
    Act,
    Answer,
    Asked,
    Body,
    Plan,
    Tokens,
    chosen,
    expect,
    pieces,
    tokens_of,
)

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CACHE_MARKS_MAX = 4
_THINKING_TOKENS_MIN = 1024
_THINKS = ("enabled", "adaptive", "between_tools")
# https://platform.claude.com/docs/en/api/migration-2026-10-21: what an older version still takes.
_VERSION_WITHOUT_SAMPLING = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")


def refusal(message: str) -> Body:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def results(body: Body) -> list[str]:
    """The text of every tool result in the conversation, in order."""
    return [
        _text(block.get("content", ""))
        for message in body["messages"]
        for block in _blocks(message)
        if block["type"] == "tool_result"
    ]


def _text(content: str | list[Body]) -> str:
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content)


def _blocks(message: Body) -> list[Body]:
    content = message["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    found: list[Body] = content
    return found


def history(body: Body) -> list[Body]:
    """What must not change from one request to the next: the messages, without cache marks."""
    return [
        {
            "role": message["role"],
            "content": [
                {name: value for name, value in block.items() if name != "cache_control"}
                for block in _blocks(message)
            ],
        }
        for message in body["messages"]
    ]


def signature(thinking: str, step: int) -> str:
    """It seals the text: with another one it is not valid."""
    digest = hashlib.sha512(f"{step} {thinking}".encode()).digest()
    return base64.b64encode(bytes([step]) + digest).decode()


def _is_sealed(block: Body) -> bool:
    try:
        step = base64.b64decode(block["signature"], validate=True)[0]
    except (ValueError, IndexError):
        return False
    return bool(block["signature"] == signature(block["thinking"], step))


# --- rules ----------------------------------------------------------------------------------------


def check(asked: Asked, plan: Plan) -> None:
    body, version = asked.body, asked.headers.get("anthropic-version", "")
    expect(version, "anthropic-version: header is required")
    older = version < _VERSION_WITHOUT_SAMPLING
    ignored = _SAMPLING if older else ()
    agent_types.messages({name: value for name, value in body.items() if name not in ignored})
    expect(body["max_tokens"] > 0, "max_tokens: must be greater than 0")
    expect(body["messages"], "messages: at least one message is required")
    expect(body["messages"][0]["role"] == "user", "messages.0: the first role must be user")
    for tool in body.get("tools", ()):
        expect(_TOOL_NAME.fullmatch(tool["name"]), f"tools: name {tool['name']!r}")
    expect(body.get("tools") or "tool_choice" not in body, "tool_choice: may only be with tools")
    marks = sum(1 for block in _marked(body) if block.get("cache_control"))
    expect(marks <= _CACHE_MARKS_MAX, f"a maximum of 4 blocks with cache_control, found {marks}")
    betas = asked.headers.get("anthropic-beta", "")
    mid_system = not older or "mid-conversation-system" in betas
    for number, message in enumerate(body["messages"]):
        at = f"messages.{number}"
        expect(message["role"] != "system" or mid_system, f"{at}: unexpected role system")
        _check_blocks(_blocks(message), at)
    _check_order(body["messages"])
    if _thinks(body):
        _check_thinking(body)
    agent_claude.check(asked)


def _thinks(body: Body) -> bool:
    return (body.get("thinking") or {}).get("type") in _THINKS


def _marked(body: Body) -> Iterator[Body]:
    system = body.get("system") or []
    yield from body.get("tools", ())
    yield from system if isinstance(system, list) else ()
    for message in body["messages"]:
        yield from _blocks(message)


def _check_blocks(blocks: list[Body], at: str) -> None:
    for index, block in enumerate(blocks):
        here = f"{at}.content.{index}"
        match block["type"]:
            case "text":
                expect(block["text"].strip(), f"{here}: text content blocks must be non-empty")
            case "tool_use":
                expect(_ID.fullmatch(block["id"]), f"{here}: id {block['id']!r}")
                expect(_TOOL_NAME.fullmatch(block["name"]), f"{here}: name {block['name']!r}")
            case "thinking":
                expect(_is_sealed(block), f"{here}: Invalid `signature` in `thinking` block")


def _check_order(messages: list[Body]) -> None:
    """Results of all calls, and only of these, stand first in the user's next message."""
    asked: list[str] = []
    for number, message in enumerate(messages):
        if message["role"] == "system":
            continue
        at, blocks = f"messages.{number}", _blocks(message)
        given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        first = [block["type"] for block in blocks[: len(given)]]
        expect(sorted(given) == sorted(asked), f"{at}: calls {asked}, but results {given}")
        expect(set(first) <= {"tool_result"}, f"{at}: tool_result blocks must come first")
        expect(message["role"] == "user" or not given, f"{at}: results in the assistant's words")
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
        expect(len(set(asked)) == len(asked), f"{at}: `tool_use` ids must be unique: {asked}")
    expect(not asked, f"tool_use ids without tool_result blocks: {asked}")


def _check_thinking(body: Body) -> None:
    """With a budget, what the model thought before its calls has to come back with them. A model
    that may choose (adaptive) could have thought nothing.

    https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting
    """
    expect(body.get("temperature") in (None, 1), "`temperature` may only be 1 with thinking")
    expect(body.get("top_k") is None, "`top_k` must be unset with thinking")
    if body["thinking"]["type"] != "enabled":
        return
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    expect(not forced, "Thinking may not be enabled when tool_choice forces tool use")
    budget = body["thinking"]["budget_tokens"]
    expect(budget >= _THINKING_TOKENS_MIN, "thinking.budget_tokens: at least 1024")
    expect(budget < body["max_tokens"], "max_tokens must be greater than the budget")
    for number, message in enumerate(body["messages"]):
        types = [block["type"] for block in _blocks(message)]
        if message["role"] == "assistant" and "tool_use" in types:
            thought = types[0] in ("thinking", "redacted_thinking")
            expect(thought, f"messages.{number}: Expected `thinking`, but found `{types[0]}`")


# --- replies --------------------------------------------------------------------------------------


def count(body: Body) -> Answer:
    return Answer((), json.dumps({"input_tokens": 4 * len(body["messages"])}).encode(), None)


def answer(asked: Asked, plan: Plan, number: int) -> Answer:
    """The agent's reply to a request; ``number`` makes its ids."""
    body = asked.body
    if not body.get("tools"):  # a side request: Claude Code asks for a title before anything else
        title = json.dumps({"title": "A session of the scripted agent"})
        return _encoded(asked, [{"type": "text", "text": title}], tokens_of(0), number, step=-1)
    step = plan.step(len(results(body)))
    content: list[Body] = []
    if _thinks(body):
        content.append(_thought(body["thinking"], step))
    if step < len(plan.steps):
        content.append({"type": "text", "text": f"Now step {step}."})
        schemas = {tool["name"]: tool.get("input_schema", {}) for tool in body["tools"]}
        content += [
            _tool_use(act, schemas, f"toolu_{step:02d}{index:02d}")
            for index, act in enumerate(plan.steps[step])
        ]
    else:
        content.append({"type": "text", "text": plan.final})
    return _encoded(asked, content, tokens_of(step), number, step=step)


def _thought(asked: Body, step: int) -> Body:
    """The newest models hide their thinking unless its summary is asked for; the seal remains."""
    shown = asked["type"] == "enabled" or asked.get("display") == "summarized"
    thinking = f"Step {step}: naïve ☃ plan" if shown else ""
    return {"type": "thinking", "thinking": thinking, "signature": signature(thinking, step)}


def _tool_use(act: Act, schemas: dict[str, Body], call_id: str) -> Body:
    name, arguments = chosen(act, schemas)
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _encoded(
    asked: Asked, content: list[Body], tokens: Tokens, number: int, *, step: int
) -> Answer:
    seal = "".join(block.get("signature", "") for block in content)
    calls = any(block["type"] == "tool_use" for block in content)
    message: Body = {
        "id": f"msg_{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens.input_tokens,
            "cache_creation_input_tokens": tokens.prompt_cache_write_tokens,
            "cache_read_input_tokens": tokens.prompt_cache_read_tokens,
            "output_tokens": tokens.output_tokens,
        },
    }
    if not asked.stream:
        return Answer((), json.dumps(message).encode(), tokens, step=step, seal=seal)
    started = {**message, "content": [], "stop_reason": None}
    started["usage"] = {**message["usage"], "output_tokens": 1}
    events = [_event("message_start", message=started), _event("ping")]
    break_at = -1
    for index, block in enumerate(content):
        events.append(_event("content_block_start", index=index, content_block=_empty(block)))
        deltas = _deltas(block)
        if block["type"] == "tool_use" and break_at < 0:
            break_at = len(events) + len(deltas) // 2
        events += [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
        events.append(_event("content_block_stop", index=index))
    events.append(
        _event(
            "message_delta",
            delta={"stop_reason": message["stop_reason"], "stop_sequence": None},
            usage={"output_tokens": tokens.output_tokens},
        )
    )
    events.append(_event("message_stop"))
    return Answer(tuple(events), b"", tokens, break_at, step, seal)


def _event(kind: str, **fields: object) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def _empty(block: Body) -> Body:
    match block["type"]:
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "tool_use":
            return {**block, "input": {}}
        case _:
            return {"type": "text", "text": ""}


def _deltas(block: Body) -> list[Body]:
    match block["type"]:
        case "thinking":
            thinking = [
                {"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])
            ]
            return [*thinking, {"type": "signature_delta", "signature": block["signature"]}]
        case "tool_use":
            text = json.dumps(block["input"], ensure_ascii=False)
            return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(text)]
        case _:
            return [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
