"""The scripted agent behind Bedrock's Converse API, with real event-stream framing.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator

from tests.e2e import agent_types
from tests.e2e.agent_plan import (
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

EVENT_STREAM = "application/vnd.amazon.eventstream"
_STRING = 7  # type of a header's value


def refusal(message: str) -> Body:
    return {"message": message}


def _parts(body: Body, kind: str) -> Iterator[Body]:
    for message in body["messages"]:
        for block in message["content"]:
            if kind in block:
                yield block[kind]


def results(body: Body) -> list[str]:
    """The text of every tool result in the conversation, in order."""
    return [
        "".join(part.get("text") or json.dumps(part.get("json", "")) for part in result["content"])
        for result in _parts(body, "toolResult")
    ]


def history(body: Body) -> list[Body]:
    """What must not change from one request to the next: the messages, without cache points."""
    return [
        {**message, "content": [block for block in message["content"] if "cachePoint" not in block]}
        for message in body["messages"]
    ]


def signature(thinking: str) -> str:
    """It seals the text: with another one it is not valid."""
    return base64.b64encode(hashlib.sha384(thinking.encode()).digest()).decode()


# --- rules ----------------------------------------------------------------------------------------


def check(asked: Asked, plan: Plan) -> None:
    body = asked.body
    agent_types.bedrock(body, asked.model)
    expect(body.get("messages"), "A conversation must have at least one message")
    has_tools = any(True for kind in ("toolUse", "toolResult") for _ in _parts(body, kind))
    expect(
        not has_tools or "toolConfig" in body,
        "The toolConfig field must be defined when using toolUse and toolResult content blocks",
    )
    role = "assistant"
    calls: list[str] = []
    for number, message in enumerate(body["messages"]):
        at = f"messages.{number}"
        expect(message["role"] in ("user", "assistant"), f"{at}: {message['role']}")
        expect(message["role"] != role, f"{at}: roles must alternate, beginning with user")
        role = message["role"]
        expect(message["content"], f"{at}: The content field is empty")
        for block in message["content"]:
            expect("text" not in block or block["text"].strip(), f"{at}: the text is blank")
        given = _ids(message, "toolResult")
        expect(
            sorted(given) == sorted(calls),
            f"{at}: toolResult blocks {given} for the toolUse blocks {calls} of the previous turn",
        )
        calls = _ids(message, "toolUse")
        expect(len(set(calls)) == len(calls), f"{at}: toolUse ids repeat: {calls}")
        expect(role == "assistant" or not calls, f"{at}: toolUse in a user's turn")
        for block in message["content"]:
            _check_signature(block, at)
        if calls and _thinking(body) == "enabled":
            reasoned = "reasoningContent" in message["content"][0]
            expect(reasoned, f"{at}: Expected `thinking`, but found {message['content'][0]}")
    expect(role == "user", "The conversation must end with a user message")


def _ids(message: Body, kind: str) -> list[str]:
    return [block[kind]["toolUseId"] for block in message["content"] if kind in block]


def _thinking(body: Body) -> str:
    """How Claude was asked to; other models reason unasked, and do not sign it."""
    thinking = body.get("additionalModelRequestFields", {}).get("thinking", {})
    return str(thinking.get("type", "disabled"))


def _check_signature(block: Body, at: str) -> None:
    reasoning = block.get("reasoningContent", {}).get("reasoningText", {})
    given = reasoning.get("signature")
    valid = given is None or given == signature(reasoning["text"])
    expect(valid, f"{at}: Invalid `signature` in `thinking` block")


# --- replies --------------------------------------------------------------------------------------


def answer(asked: Asked, plan: Plan, number: int) -> Answer:
    """The agent's reply to a request; ``number`` makes its ids."""
    body = asked.body
    if "toolConfig" not in body:  # a side request, for a title
        title = json.dumps({"title": "A session of the scripted agent"})
        return _encoded(asked, [{"text": title}], tokens_of(0), -1, "")
    step = plan.step(len(results(body)))
    thinking = f"Step {step}: naïve ☃ plan"
    seal = signature(thinking) if _thinking(body) in ("enabled", "adaptive") else ""
    reasoning = {"text": thinking, **({"signature": seal} if seal else {})}
    content: list[Body] = [{"reasoningContent": {"reasoningText": reasoning}}]
    if step == len(plan.steps):
        content.append({"text": plan.final})
        return _encoded(asked, content, tokens_of(step), step, "")
    content.append({"text": f"Now step {step}. ☃"})
    schemas: dict[str, Body] = {
        tool["toolSpec"]["name"]: tool["toolSpec"]["inputSchema"]["json"]
        for tool in body["toolConfig"]["tools"]
        if "toolSpec" in tool
    }
    for index, act in enumerate(plan.steps[step]):
        name, arguments = chosen(act, schemas)
        call_id = f"tooluse_{step:02d}{index:02d}"
        content.append({"toolUse": {"toolUseId": call_id, "name": name, "input": arguments}})
    return _encoded(asked, content, tokens_of(step), step, seal)


def _encoded(asked: Asked, content: list[Body], tokens: Tokens, step: int, seal: str) -> Answer:
    reason = "tool_use" if any("toolUse" in block for block in content) else "end_turn"
    read, written = tokens.prompt_cache_read_tokens, tokens.prompt_cache_write_tokens
    told = {
        "usage": {
            "inputTokens": tokens.input_tokens,
            "outputTokens": tokens.output_tokens,
            "totalTokens": tokens.input_tokens + tokens.output_tokens + read + written,
            "cacheReadInputTokens": read,
            "cacheWriteInputTokens": written,
        },
        "metrics": {"latencyMs": 42},
    }
    if not asked.stream:
        message = {"message": {"role": "assistant", "content": content}}
        whole = {"output": message, "stopReason": reason, **told}
        return Answer((), json.dumps(whole).encode(), tokens, step=step, seal=seal)
    events = [frame("messageStart", {"role": "assistant"})]
    break_at = -1
    for index, block in enumerate(content):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            begun = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            events.append(frame("contentBlockStart", {"start": {"toolUse": begun}, **at}))
        deltas = list(_deltas(block))
        if "toolUse" in block and break_at < 0:
            break_at = len(events) + len(deltas) // 2
        events += [frame("contentBlockDelta", {"delta": delta, **at}) for delta in deltas]
        events.append(frame("contentBlockStop", at))
    events.append(frame("messageStop", {"stopReason": reason}))
    events.append(frame("metadata", told))
    return Answer(tuple(events), b"", tokens, break_at, step, seal, kind=EVENT_STREAM)


def _deltas(block: Body) -> Iterator[Body]:
    if "toolUse" in block:
        for piece in pieces(json.dumps(block["toolUse"]["input"], ensure_ascii=False)):
            yield {"toolUse": {"input": piece}}
    elif "text" in block:
        for piece in pieces(block["text"]):
            yield {"text": piece}
    else:
        reasoning = block["reasoningContent"]["reasoningText"]
        for piece in pieces(reasoning["text"]):
            yield {"reasoningContent": {"text": piece}}
        if "signature" in reasoning:
            yield {"reasoningContent": {"signature": reasoning["signature"]}}


def frame(kind: str, fields: Body) -> bytes:
    """One event: lengths, a checksum of these, headers, payload, a checksum of all.

    https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
    """
    padded = {**fields, "p": "abcdefgh"}  # the service hides the lengths of texts like this
    payload = json.dumps(padded, ensure_ascii=False).encode()
    headers = b"".join(
        struct.pack(f"!B{len(name)}sBH{len(value)}s", len(name), name, _STRING, len(value), value)
        for name, value in (
            (b":event-type", kind.encode()),
            (b":content-type", b"application/json"),
            (b":message-type", b"event"),
        )
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head = prelude + struct.pack("!I", zlib.crc32(prelude))
    whole = head + headers + payload
    return whole + struct.pack("!I", zlib.crc32(whole))
