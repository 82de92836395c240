"""Responses: the demo in OpenAI's newer dialect, ``/v1/responses``, as Codex speaks it.

Codex hides its tools in an input item, groups them in namespaces and calls some of them with plain
text; and to shorten its history it asks for one ``compaction`` item instead of words.
"""

from __future__ import annotations

import base64

from lynkr.demo.frames import TEXT_FRAME_S, DemoReply, Reel, json_reply, made_id, pieces
from lynkr.demo.replies import Conversation, Turn, turn
from lynkr.demo.request import (
    BadRequestError,
    Fields,
    fields,
    items,
    model_asked,
    own_words,
    spoken,
    text,
    token_count,
    token_limit,
)
from lynkr.demo.toolbox import Call, Tool, choice_made, tools_offered

# The group that stands for no namespace: Codex knows its members by their bare names.
_PLAIN_NAMESPACE = "functions"
_TOOL_CARRIERS = ("additional_tools", "tool_search_output")
_INPUT_SOURCES = ("input", "previous_response_id", "conversation", "prompt")

_ECHOED: Fields = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def reply(body: Fields, seed: str, now: int) -> DemoReply:
    model = model_asked(body)
    given = _input_items(body)
    if given and given[-1].get("type") == "compaction_trigger":
        said = None
        output = [_compaction(seed)]
        usage = _usage(_input_tokens(body), 0)
    else:
        conversation = _conversation(body, model, given)
        said = turn(conversation)
        output = _output(said, seed)
        usage = _usage(conversation.input_tokens, said.output_tokens)
    response = _response(body, model, seed, now)
    cut = said is not None and said.ending == "length"
    finished: Fields = {
        **response,
        "status": "incomplete" if cut else "completed",
        "completed_at": None if cut else now,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": output,
        "usage": usage,
    }
    return _stream(response, finished) if body.get("stream") is True else json_reply(finished)


def _input_items(body: Fields) -> list[Fields]:
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if isinstance(given, list):
        return [fields(item) for item in given]
    if given is not None or all(body.get(source) is None for source in _INPUT_SOURCES):
        raise BadRequestError("input: a string or a list of items is required.", "input")
    return []


def _conversation(body: Fields, model: str, given: list[Fields]) -> Conversation:
    last = next((item for item in reversed(given) if _from_client(item)), {})
    is_result = text(last.get("type")).endswith("_output")
    offered = [body.get("tools"), *(i.get("tools") for i in given if _carries_tools(i))]
    tools: list[Tool] = []
    for some in offered:
        tools += tools_offered(some, text_tools=True)
    wanted = fields(fields(body.get("text")).get("format"))
    schema = None
    if wanted.get("type") in ("json_schema", "json_object"):
        schema = fields(wanted.get("schema"))
    return Conversation(
        model=model,
        message_count=sum("role" in item and not _carries_tools(item) for item in given),
        words="" if is_result else own_words(spoken(last.get("content"))),
        result=spoken(last.get("output")) if is_result else None,
        tools=tools,
        choice=choice_made(body.get("tool_choice")),
        input_tokens=_input_tokens(body),
        output_tokens_max=token_limit(body, "max_output_tokens", least=1),
        schema=schema,
    )


def _from_client(item: Fields) -> bool:
    return item.get("role") == "user" or text(item.get("type")).endswith("_output")


def _carries_tools(item: Fields) -> bool:
    return item.get("type") in _TOOL_CARRIERS


def _input_tokens(body: Fields) -> int:
    return token_count(body.get("instructions"), body.get("input"), body.get("tools"))


def _usage(input_tokens: int, output_tokens: int) -> Fields:
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }


def _compaction(seed: str) -> Fields:
    sealed = base64.b64encode(made_id("history kept by lynkr demo ", seed).encode()).decode()
    return {"id": made_id("cmp_", seed), "type": "compaction", "encrypted_content": sealed}


def _output(said: Turn, seed: str) -> list[Fields]:
    output: list[Fields] = []
    if said.text:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
        message: Fields = {
            "id": made_id("msg_", seed),
            "type": "message",
            "status": "incomplete" if said.ending == "length" else "completed",
            "role": "assistant",
            "content": [part],
        }
        output.append(message)
    if said.call is not None:
        output.append(_call_item(said.call, seed))
    return output


def _call_item(call: Call, seed: str) -> Fields:
    custom = call.tool.kind == "custom"
    item: Fields = {
        "id": made_id("ctc_" if custom else "fc_", seed),
        "type": "custom_tool_call" if custom else "function_call",
        "status": "completed",
        "call_id": made_id("call_", seed),
        "name": call.tool.name,
        "input" if custom else "arguments": call.input,
    }
    if call.tool.namespace not in ("", _PLAIN_NAMESPACE):
        item["namespace"] = call.tool.namespace
    return item


def _response(body: Fields, model: str, seed: str, now: int) -> Fields:
    """The response object before anything is said; it repeats the request's own settings."""
    echoed = {
        key: otherwise if body.get(key) is None else body[key] for key, otherwise in _ECHOED.items()
    }
    return {
        "id": made_id("resp_", seed),
        "object": "response",
        "created_at": now,
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        **echoed,
        "reasoning": {"effort": None, "summary": None, **fields(body.get("reasoning"))},
        "text": {"format": {"type": "text"}, "verbosity": "medium", **fields(body.get("text"))},
        "usage": None,
    }


def _stream(response: Fields, finished: Fields) -> DemoReply:
    """The finished response, taken apart into the events that build it."""
    reel = Reel(event_lines=True)
    sequence_number = 0

    def add(kind: str, content: Fields, *, wait_s: float = 0.0) -> None:
        nonlocal sequence_number
        event = {"type": f"response.{kind}", "sequence_number": sequence_number, **content}
        reel.add(event, wait_s=wait_s)
        sequence_number += 1

    add("created", {"response": response})
    add("in_progress", {"response": response})
    for index, item in enumerate(map(fields, items(finished["output"]))):
        bare, steps = _taken_apart(item)
        add("output_item.added", {"output_index": index, "item": bare})
        for kind, content, wait_s in steps:
            place = {"item_id": item["id"], "output_index": index}
            add(kind, {**place, **content}, wait_s=wait_s)
        add("output_item.done", {"output_index": index, "item": item})
    add(text(finished["status"]), {"response": finished})
    return reel.reply()


def _taken_apart(item: Fields) -> tuple[Fields, list[tuple[str, Fields, float]]]:
    """The item as it is first announced, and the events that fill it, with their waits."""
    match item["type"]:
        case "message":
            part = fields(items(item["content"])[0])
            said = text(part["text"])
            place: Fields = {"content_index": 0}
            in_text = {**place, "logprobs": []}
            steps: list[tuple[str, Fields, float]] = [
                ("content_part.added", {**place, "part": {**part, "text": ""}}, 0.0),
                *_deltas("output_text.delta", said, in_text),
                ("output_text.done", {**in_text, "text": said}, 0.0),
                ("content_part.done", {**place, "part": part}, 0.0),
            ]
            return {**item, "status": "in_progress", "content": []}, steps
        case "function_call":
            argument, events = "arguments", "function_call_arguments"
        case "custom_tool_call":
            argument, events = "input", "custom_tool_call_input"
        case _:
            return item, []
    given = text(item[argument])
    done: Fields = {argument: given}
    if argument == "arguments":
        done["name"] = item["name"]
    steps = [*_deltas(f"{events}.delta", given, {}), (f"{events}.done", done, 0.0)]
    return {**item, "status": "in_progress", argument: ""}, steps


def _deltas(kind: str, said: str, place: Fields) -> list[tuple[str, Fields, float]]:
    return [(kind, {**place, "delta": piece}, TEXT_FRAME_S) for piece in pieces(said)]
