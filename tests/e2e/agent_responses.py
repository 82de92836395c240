"""The scripted agent in the Responses dialect, as Codex meets it.

Codex offers its tools in two ways. Most models get functions (and ``apply_patch`` as a tool for
plain text). The newest family gets one tool, ``exec``, that runs JavaScript and reaches the others;
there a call is wrapped in a line of source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.agent_plan import Act, Answer, Plan, Tokens, pieces, tokens_of

Body = dict[str, Any]
_RESULTS = ("function_call_output", "custom_tool_call_output")


def results(body: Body) -> list[str]:
    """The text of every tool result in the conversation, in order."""
    return [_text(item["output"]) for item in body["input"] if item["type"] in _RESULTS]


def _text(output: str | list[Body]) -> str:
    if isinstance(output, str):
        return output
    return "".join(part.get("text", "") for part in output)


def offered(body: Body) -> dict[str, str]:
    """Name and type of each tool that the model may call, those in namespaces too."""
    tools = list(body.get("tools", ()))
    for item in body["input"]:
        if item["type"] == "additional_tools":
            tools += item["tools"]
    return dict(_flat(tools))


def _flat(tools: list[Body]) -> Iterator[tuple[str, str]]:
    for tool in tools:
        if tool["type"] == "namespace":
            yield from _flat(tool["tools"])
        else:
            yield str(tool.get("name", tool["type"])), str(tool["type"])


def answer(body: Body, plan: Plan, number: int) -> Answer:
    """The agent's reply to a request; ``number`` makes its ids."""
    step = plan.step(len(results(body)))
    items: list[Body] = [_reasoning(step)]
    if step < len(plan.steps):
        tools = offered(body)
        items += [
            _call(act, tools, f"{step:02d}{index:02d}")
            for index, act in enumerate(plan.steps[step])
        ]
    else:
        items.append(_message(plan.final))
    return _encoded(body, items, tokens_of(step), number, step)


def _reasoning(step: int) -> Body:
    return {
        "type": "reasoning",
        "id": f"rs_{step:02d}",
        "summary": [],
        "encrypted_content": "Z0FBQUFB" * 8,
    }


def _message(text: str) -> Body:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "type": "message",
        "id": "msg_final",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def _call(act: Act, tools: dict[str, str], number: str) -> Body:
    kind = tools.get(act.tool)
    if kind == "function":
        text = act.arguments if isinstance(act.arguments, str) else json.dumps(act.arguments)
        return {
            "type": "function_call",
            "id": f"fc_{number}",
            "status": "completed",
            "call_id": f"call_{number}",
            "name": act.tool,
            "arguments": text,
        }
    if kind == "custom":
        assert isinstance(act.arguments, str), f"{act.tool} takes plain text"
        return _custom(act.tool, act.arguments, number)
    if tools.get("exec") == "custom":
        source = f"text(await tools.{act.tool}({json.dumps(act.arguments)}))"
        return _custom("exec", source, number)
    raise LookupError(f"{act.tool} is not offered: {sorted(tools)}")


def _custom(name: str, text: str, number: str) -> Body:
    return {
        "type": "custom_tool_call",
        "id": f"ctc_{number}",
        "status": "completed",
        "call_id": f"call_{number}",
        "name": name,
        "input": text,
    }


def _encoded(body: Body, items: list[Body], tokens: Tokens, number: int, step: int) -> Answer:
    read, written = tokens.prompt_cache_read_tokens, tokens.prompt_cache_write_tokens
    given = tokens.input_tokens + read + written
    response: Body = {
        "id": f"resp_{number:06d}",
        "object": "response",
        "created_at": 1700000000,
        "status": "completed",
        "model": body["model"],
        "output": items,
        "usage": {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            "output_tokens": tokens.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": given + tokens.output_tokens,
        },
    }
    if not body.get("stream"):
        return Answer((), json.dumps(response).encode(), tokens, step=step)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    named: list[tuple[str, Body]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]
    break_at = -1
    for index, item in enumerate(items):
        named.append(("response.output_item.added", {"output_index": index, "item": item}))
        deltas = _deltas(item, index)
        if item["type"] != "reasoning" and break_at < 0:
            break_at = len(named) + len(deltas) // 2
        named += deltas
        named.append(("response.output_item.done", {"output_index": index, "item": item}))
    named.append(("response.completed", {"response": response}))
    events = tuple(_event(kind, at, fields) for at, (kind, fields) in enumerate(named))
    return Answer(events, b"", tokens, break_at, step)


def _deltas(item: Body, index: int) -> list[tuple[str, Body]]:
    where = {"item_id": item["id"], "output_index": index}
    match item["type"]:
        case "function_call":
            kind, text = "response.function_call_arguments.delta", item["arguments"]
        case "custom_tool_call":
            kind, text = "response.custom_tool_call_input.delta", item["input"]
        case "message":
            kind, text = "response.output_text.delta", item["content"][0]["text"]
            where["content_index"] = 0
        case _:
            return []
    return [(kind, {**where, "delta": piece}) for piece in pieces(text)]


def _event(kind: str, number: int, fields: Body) -> bytes:
    data = json.dumps({"type": kind, "sequence_number": number, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()
