"""The scripted agent in the Responses dialect, as Codex meets it.

Codex offers its tools in two ways. Most models get functions (and ``apply_patch`` as a tool for
plain text). The newest family gets one tool, ``exec``, that runs JavaScript and reaches the others;
there a call is wrapped in a line of source.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator

from tests.e2e import agent_types
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
    reasoned,
    source_of,
    tokens_of,
)

_RESULTS = ("function_call_output", "custom_tool_call_output")
_CALLS = ("function_call", "custom_tool_call")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CALL_ID_LENGTH_MAX = 64
_ID_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
_OUR_CALL = re.compile(r"call_(\d\d)\d\d")
_ENCRYPTED = "reasoning.encrypted_content"


def refusal(message: str) -> Body:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None}}


def _items(body: Body) -> list[Body]:
    if isinstance(body["input"], str):
        return [{"type": "message", "role": "user", "content": body["input"]}]
    return [{"type": "message", **item} for item in body["input"]]


def results(body: Body) -> list[str]:
    """The text of every tool result in the conversation, in order."""
    return [_text(item["output"]) for item in _items(body) if item["type"] in _RESULTS]


def _text(output: str | list[Body]) -> str:
    if isinstance(output, str):
        return output
    return "".join(part.get("text", "") for part in output)


def history(body: Body) -> list[Body]:
    """What must not change from one request to the next: the items."""
    return _items(body)


def _tools(body: Body) -> list[Body]:
    """Each tool that the model may call, those in namespaces too."""
    tools = list(body.get("tools", ()))
    for item in _items(body):
        if item["type"] == "additional_tools":
            tools += item["tools"]
    return list(_flat(tools))


def _flat(tools: list[Body]) -> Iterator[Body]:
    for tool in tools:
        if tool["type"] == "namespace":
            yield from _flat(tool["tools"])
        else:
            yield tool


# --- rules ----------------------------------------------------------------------------------------


def check(asked: Asked, plan: Plan) -> None:
    body, items = asked.body, _items(asked.body)
    if "originator" in asked.headers:
        body = _of_codex(body)
    elif "ai-sdk" in asked.headers.get("user-agent", ""):
        body = _of_ai_sdk(body)
    agent_types.responses(body)
    for tool in _tools(body):
        name = tool.get("name", "unnamed")
        expect(_NAME.fullmatch(name), f"tools: name {name!r}")
    open_calls: list[str] = []
    for number, item in enumerate(items):
        at, kind = f"input.{number}", item["type"]
        prefix = _ID_PREFIXES.get(kind)
        if prefix and item.get("id"):
            expect(item["id"].startswith(prefix), f"{at}.id: {item['id']!r} is no {prefix} id")
        if kind in _CALLS:
            expect(len(item["call_id"]) <= _CALL_ID_LENGTH_MAX, f"{at}.call_id: too long")
            expect(_NAME.fullmatch(item["name"]), f"{at}.name: {item['name']!r}")
            open_calls.append(item["call_id"])
        elif kind in _RESULTS:
            known = item["call_id"] in open_calls
            expect(known, f"{at}: No tool call found for {kind} with call_id {item['call_id']}")
            open_calls.remove(item["call_id"])
    expect(not open_calls, f"No tool output found for function call {open_calls}")
    _check_reasoning(asked, items, plan)


def _of_codex(body: Body) -> Body:
    """Without what OpenAI takes from its own client beyond what the SDK describes."""
    plain = {name: value for name, value in body.items() if name != "client_metadata"}
    beyond = {
        "message": ("id",),
        "custom_tool_call": ("status",),
        "web_search": ("search_content_types",),
    }
    for name in {"input", "tools"} & body.keys():
        plain[name] = [
            {
                key: value
                for key, value in item.items()
                if key not in beyond.get(item["type"], ()) and (key, value) != ("content", None)
            }
            for item in body[name]
        ]
        for item in plain[name]:
            item.pop("internal_chat_message_metadata_passthrough", None)
    return plain


def _of_ai_sdk(body: Body) -> Body:
    """With what the SDK's types want to hear and OpenAI has defaults for."""
    absent: dict[str, Body] = {"function": {"strict": None}, "reasoning": {"id": "rs_"}}
    told = {
        name: [{**absent.get(one.get("type"), {}), **one} for one in body[name]]
        for name in ("input", "tools")
        if isinstance(body.get(name), list)
    }
    return {**body, **told}


def _check_reasoning(asked: Asked, items: list[Body], plan: Plan) -> None:
    """Before the calls of each step stands what was reasoned for them, and nothing is added."""
    stored = asked.body.get("store") is not False
    known = {sealed(step): step for step in range(len(plan.steps) + 1)}
    thought: int | None = None
    for number, (item, following) in enumerate(zip(items, [*items[1:], {}], strict=True)):
        at, kind = f"input.{number}", item["type"]
        if kind == "reasoning":
            follows = following.get("type") in _CALLS or following.get("role") == "assistant"
            # Codex sends it alone, and not stored, after a reply that broke behind it.
            expect(
                follows or not stored,
                f"{at}: reasoning was provided without its required following item",
            )
            content = item.get("encrypted_content")
            if content is None:  # it is looked up among the stored ones
                expect(stored, f"{at}: {item['id']} not found, items are not persisted")
                content = sealed(int(item["id"].removeprefix("rs_")))
            expect(content in known, f"{at}: the encrypted content could not be verified")
            thought = known[content]
        elif kind in _CALLS and item.get("id"):  # without one, nobody asks what belongs to it
            made = _OUR_CALL.fullmatch(item["call_id"])
            right = made is not None and int(made[1]) == thought
            expect(right, f"{at}: {kind} was provided without its required reasoning item")


def sealed(step: int) -> str:
    """The encrypted reasoning of a step."""
    return base64.b64encode(hashlib.sha512(f"step {step}".encode()).digest()).decode()


# --- replies --------------------------------------------------------------------------------------


def answer(asked: Asked, plan: Plan, number: int) -> Answer:
    """The agent's reply to a request; ``number`` makes its ids."""
    tools = _tools(asked.body)
    if not tools:  # a side request, for a title
        title = json.dumps({"title": "A session of the scripted agent"})
        return _encoded(asked, [_message(title)], tokens_of(0), number, step=-1)
    step = plan.step(len(results(asked.body)))
    items: list[Body] = [_reasoning(asked, step)]
    if step < len(plan.steps):
        items += [
            _call(act, tools, f"{step:02d}{index:02d}")
            for index, act in enumerate(plan.steps[step])
        ]
    else:
        items.append(_message(plan.final))
    return _encoded(asked, items, tokens_of(step), number, step)


def _reasoning(asked: Asked, step: int) -> Body:
    item: Body = {"type": "reasoning", "id": f"rs_{step:02d}", "summary": []}
    if (asked.body.get("reasoning") or {}).get("summary"):
        text = f"Step {step}: naïve ☃ plan"
        item["summary"] = [{"type": "summary_text", "text": text}]
    if _ENCRYPTED in (asked.body.get("include") or ()):
        item["encrypted_content"] = sealed(step)
    return item


def _message(text: str) -> Body:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "type": "message",
        "id": "msg_final",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def _call(act: Act, tools: list[Body], number: str) -> Body:
    kinds = {tool.get("name", tool["type"]): tool["type"] for tool in tools}
    if kinds.get(act.tool) == "custom":
        assert isinstance(act.arguments, str), f"{act.tool} takes plain text"
        return _custom(act.tool, act.arguments, number)
    if act.tool not in kinds and kinds.get("exec") == "custom":
        return _custom("exec", source_of(act), number)
    schemas = {
        tool["name"]: tool.get("parameters") or {} for tool in tools if tool["type"] == "function"
    }
    name, arguments = chosen(act, schemas)
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "status": "completed",
        "call_id": f"call_{number}",
        "name": name,
        "arguments": json.dumps(arguments, ensure_ascii=False),
    }


def _custom(name: str, text: str, number: str) -> Body:
    return {
        "type": "custom_tool_call",
        "id": f"ctc_{number}",
        "status": "completed",
        "call_id": f"call_{number}",
        "name": name,
        "input": text,
    }


def _encoded(asked: Asked, items: list[Body], tokens: Tokens, number: int, step: int) -> Answer:
    read, written = tokens.prompt_cache_read_tokens, tokens.prompt_cache_write_tokens
    given = tokens.input_tokens + read + written
    thought = reasoned(step) if items[0]["type"] == "reasoning" else 0
    response: Body = {
        "id": f"resp_{number:06d}",
        "object": "response",
        "created_at": 1700000000,
        "status": "completed",
        "model": asked.model,
        "output": items,
        "usage": {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            "output_tokens": tokens.output_tokens,
            "output_tokens_details": {"reasoning_tokens": thought},
            "total_tokens": given + tokens.output_tokens,
        },
    }
    seal = "".join(item.get("encrypted_content", "") for item in items)
    if not asked.stream:
        return Answer((), json.dumps(response).encode(), tokens, step=step, seal=seal)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    named: list[tuple[str, Body]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]
    break_at = -1
    for index, item in enumerate(items):
        where = {"item_id": item["id"], "output_index": index}
        named.append(("response.output_item.added", {"output_index": index, "item": _begun(item)}))
        parts = [(kind, {**where, **fields}) for kind, fields in _progress(item)]
        if item["type"] != "reasoning" and break_at < 0:
            break_at = len(named) + len(parts) // 2
        named += parts
        named.append(("response.output_item.done", {"output_index": index, "item": item}))
    named.append(("response.completed", {"response": response}))
    events = tuple(_event(kind, at, fields) for at, (kind, fields) in enumerate(named))
    return Answer(events, b"", tokens, break_at, step, seal)


def _begun(item: Body) -> Body:
    """The item before anything of it has come."""
    begun = {**item, "status": "in_progress"}
    begun.pop("encrypted_content", None)
    for name, nothing in (("arguments", ""), ("input", ""), ("content", []), ("summary", [])):
        if name in begun:
            begun[name] = nothing
    return begun


def _progress(item: Body) -> Iterator[tuple[str, Body]]:
    """The events between an item's first and last, as OpenAI sends them."""
    match item["type"]:
        case "function_call":
            kind, name = "response.function_call_arguments", "arguments"
        case "custom_tool_call":
            kind, name = "response.custom_tool_call_input", "input"
        case "message":
            (part,) = item["content"]
            yield from _part("response.content_part", "response.output_text", part, "content_index")
            return
        case _:
            for part in item["summary"]:
                kind = "response.reasoning_summary"
                yield from _part(f"{kind}_part", f"{kind}_text", part, "summary_index")
            return
    for piece in pieces(item[name]):
        yield f"{kind}.delta", {"delta": piece}
    yield f"{kind}.done", {name: item[name]}


def _part(kind: str, text_kind: str, part: Body, index: str) -> Iterator[tuple[str, Body]]:
    yield f"{kind}.added", {index: 0, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield f"{text_kind}.delta", {index: 0, "delta": piece}
    yield f"{text_kind}.done", {index: 0, "text": part["text"]}
    yield f"{kind}.done", {index: 0, "part": part}


def _event(kind: str, number: int, fields: Body) -> bytes:
    data = json.dumps({"type": kind, "sequence_number": number, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()
