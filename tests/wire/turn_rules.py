"""The rules of turns that providers enforce and no schema tells: who may speak after whom.

| target | rule |
| --- | --- |
| anthropic_messages, bedrock | the user begins; roles alternate; a turn with calls is followed by one that begins with exactly their results |
| gemini | the same, with as many results as calls |
| openai_chat | an assistant's calls are followed by exactly their tool messages, one each |
| openai_responses | every call has one output, after it |
"""  # noqa: E501

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def broken(target: str, body: bytes) -> list[str]:
    """What a provider would refuse, in words."""
    value = json.loads(body)
    if target == "openai_responses":
        return _responses(value["input"])
    if target == "openai_chat":
        return _chat(value["messages"])
    turns = [
        _turn(target, each) for each in value["contents" if target == "gemini" else "messages"]
    ]
    return _turns(turns)


def _turn(target: str, message: Json) -> tuple[str, list[tuple[str, str]]]:
    """The role, and for each part its kind and the id it has to do with."""
    parts = message["parts"] if target == "gemini" else message["content"]
    if isinstance(parts, str):
        parts = [{"type": "text", "text": parts}]
    return message["role"].replace("model", "assistant"), [_part(target, part) for part in parts]


def _part(target: str, part: Json) -> tuple[str, str]:
    if target == "anthropic_messages":
        if part["type"] == "tool_use":
            return "call", part["id"]
        if part["type"] == "tool_result":
            return "result", part["tool_use_id"]
    elif target == "bedrock":
        if "toolUse" in part:
            return "call", part["toolUse"]["toolUseId"]
        if "toolResult" in part:
            return "result", part["toolResult"]["toolUseId"]
    else:
        for kind, field in (("call", "functionCall"), ("result", "functionResponse")):
            if field in part:
                return kind, part[field].get("id") or part[field]["name"]
    return "other", ""


def _turns(turns: list[tuple[str, list[tuple[str, str]]]]) -> list[str]:
    wrong = []
    spoken = [turn for turn in turns if turn[0] != "system"]
    if not spoken or spoken[0][0] != "user":
        wrong.append("the user does not begin")
    for number, (role, parts) in enumerate(spoken):
        if not parts:
            wrong.append(f"turn {number} is empty")
        kinds = [kind for kind, _ in parts]
        if role == "user" and kinds != sorted(kinds, key=lambda kind: kind != "result"):
            wrong.append(f"turn {number}: something stands before a result")
        if ("result" in kinds and role != "user") or ("call" in kinds and role != "assistant"):
            wrong.append(f"turn {number}: a {role} with {kinds}")
        after = spoken[number + 1] if number + 1 < len(spoken) else None
        if after is not None and after[0] == role:
            wrong.append(f"turn {number}: two of {role} in a row")
        calls = [ref for kind, ref in parts if kind == "call"]
        if calls and after is not None:
            results = [ref for kind, ref in after[1] if kind == "result"]
            if sorted(results) != sorted(calls):
                wrong.append(f"turn {number}: calls {calls} are answered by {results}")
        if not number and "result" in kinds:
            wrong.append("the first turn has a result")
    return wrong


def _chat(messages: list[Json]) -> list[str]:
    wrong = []
    waiting: list[str] = []
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                wrong.append(f"message {number} answers no call before it")
            else:
                waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            wrong.append(f"message {number} comes before the results of {waiting}")
        waiting = [call["id"] for call in message.get("tool_calls") or []]
        if message["role"] == "assistant" and not waiting and not message.get("content"):
            wrong.append(f"message {number} says nothing") if not message.get("refusal") else None
    return wrong


def _responses(items: Any) -> list[str]:
    if isinstance(items, str):
        return []
    wrong = []
    kinds: dict[str, str] = {}
    for number, item in enumerate(items):
        kind = item.get("type", "message")
        if kind.endswith("_call"):
            if item["call_id"] in kinds:
                wrong.append(f"item {number}: a call id twice")
            kinds[item["call_id"]] = kind
        elif kind.endswith("_output"):
            called = kinds.pop(item["call_id"], "")
            if called + "_output" != kind:
                wrong.append(f"item {number}: {kind} answers {called or 'no call'}")
    return [*wrong, *(f"{call} is not answered" for call in kinds)]
