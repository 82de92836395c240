"""The scripted agent in the Messages dialect, as Claude Code meets it."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.agent_plan import Act, Answer, Plan, Tokens, pieces, tokens_of

Body = dict[str, Any]


def results(body: Body) -> list[str]:
    """The text of every tool result in the conversation, in order."""
    return [
        _text(block.get("content", ""))
        for message in body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if block["type"] == "tool_result"
    ]


def _text(content: str | list[Body]) -> str:
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content)


def count(body: Body) -> Answer:
    return Answer((), json.dumps({"input_tokens": 4 * len(body["messages"])}).encode(), None)


def answer(body: Body, plan: Plan, number: int) -> Answer:
    """The agent's reply to a request; ``number`` makes its ids."""
    if not body.get("tools"):  # a side request: Claude Code asks for a title before anything else
        title = json.dumps({"title": "A session of the scripted agent"})
        return _encoded(body, [{"type": "text", "text": title}], tokens_of(0), number, step=-1)
    step = plan.step(len(results(body)))
    content: list[Body] = []
    if body.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        content.append(
            {"type": "thinking", "thinking": f"Step {step}: naïve ☃ plan", "signature": "c2ln" * 9}
        )
    if step < len(plan.steps):
        content.append({"type": "text", "text": f"Now step {step}."})
        content += [
            _tool_use(act, f"toolu_{step:02d}{index:02d}")
            for index, act in enumerate(plan.steps[step])
        ]
    else:
        content.append({"type": "text", "text": plan.final})
    return _encoded(body, content, tokens_of(step), number, step=step)


def _tool_use(act: Act, call_id: str) -> Body:
    return {"type": "tool_use", "id": call_id, "name": act.tool, "input": act.arguments}


def _encoded(body: Body, content: list[Body], tokens: Tokens, number: int, *, step: int) -> Answer:
    calls = any(block["type"] == "tool_use" for block in content)
    message: Body = {
        "id": f"msg_{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
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
    if not body.get("stream"):
        return Answer((), json.dumps(message).encode(), tokens, step=step)
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
    return Answer(tuple(events), b"", tokens, break_at, step)


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
