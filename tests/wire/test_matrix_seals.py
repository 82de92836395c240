"""Opaque reasoning survives a client of any dialect, and reaches nobody but its own provider.

A provider thinks and seals it; the client gets the reply, keeps it as its dialect does, and sends
it back with the next request; the provider finds the very thing it had said.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.wire.assembled import Assembly
from lynkr.wire.message import Response, Thinking
from tests.wire.dialogues import Asked
from tests.wire.dialogues_messages import SIGNATURE
from tests.wire.matrix import FORMATS, FULL, context_of, decoded, target_of, the, written
from tests.wire.replies_written import Answer, answer, frame

Json = dict[str, Any]

REASONING = {
    "id": "rs_9",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "**Looking**"}],
    "encrypted_content": "gAAAAABo1-much-longer_payload+/==",
}
CALL = {"type": "function_call", "id": "fc_9", "call_id": "call_9", "name": "Read",
        "arguments": "{}", "status": "completed"}  # fmt: skip
DETAILS = [
    {
        "type": "reasoning.text",
        "text": "Hm.",
        "signature": "sig+/==",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
]


def _events(*values: Json) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def _responses_stream() -> bytes:
    output = [REASONING, CALL]
    whole: Json = {"id": "resp_9", "model": "m", "status": "completed", "output": output,
                   "usage": None}  # fmt: skip
    events: list[Json] = [
        {"type": "response.created", "response": {"id": "resp_9", "model": "m", "output": []}}
    ]
    for index, item in enumerate(output):
        for kind in ("added", "done"):
            name = f"response.output_item.{kind}"
            events.append({"type": name, "output_index": index, "item": item})
    return _events(*events, {"type": "response.completed", "response": whole})


def _chat_stream(*deltas: Json) -> bytes:
    call = {"index": 0, "id": "call_9", "type": "function",
            "function": {"name": "Read", "arguments": "{}"}}  # fmt: skip
    choices = [
        *({"index": 0, "delta": delta, "finish_reason": None} for delta in deltas),
        {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "tool_calls"},
    ]
    chunks = ({"id": "c", "model": "m", "choices": [choice]} for choice in choices)
    return _events(*chunks) + b"data: [DONE]\n\n"


def _redacted_stream() -> bytes:
    blocks: list[Json] = [
        {"type": "redacted_thinking", "data": "EmwKAhgBEgwRedacted+/=="},
        {"type": "tool_use", "id": "toolu_9", "name": "Read", "input": {}},
    ]
    message = {"id": "msg_9", "type": "message", "role": "assistant", "model": "m", "content": [],
               "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    events: list[Json] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    delta = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}}
    return _events(*events, delta, {"type": "message_stop"})


def _bedrock_redacted() -> bytes:
    hidden = {"reasoningContent": {"redactedContent": "EmwKAhgBEgwRedactedA=="}}
    return b"".join(
        frame(kind, value)
        for kind, value in (
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": hidden}),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "x"}}),
            ("contentBlockStop", {"contentBlockIndex": 1}),
            ("messageStop", {"stopReason": "end_turn"}),
        )
    )


def _made(name: str, dialect: str, body: bytes) -> Answer:
    return Answer(name, dialect, body, True, (body,))


# What each provider says, and what must stand in the request that it gets next.
SEALED: list[tuple[Answer, list[Json]]] = [
    (
        answer("messages/thinking_tool_stream"),
        [
            {
                "type": "thinking",
                "thinking": 'The user wants tests; "usage":{"output_tokens":99999} is only text.',
                "signature": SIGNATURE,
            }
        ],
    ),
    (
        _made("redacted", "anthropic_messages", _redacted_stream()),
        [{"type": "redacted_thinking", "data": "EmwKAhgBEgwRedacted+/=="}],
    ),
    (_made("encrypted", "openai_responses", _responses_stream()), [REASONING]),
    (
        _made(
            "openrouter",
            "openai_chat",
            _chat_stream({"reasoning": "Hm.", "reasoning_details": DETAILS}),
        ),
        [{"reasoning_details": DETAILS}],
    ),
    (
        _made(
            "deepseek",
            "openai_chat",
            _chat_stream({"reasoning_content": "I should "}, {"reasoning_content": "look."}),
        ),
        [{"reasoning_content": "I should look."}],
    ),
    (
        answer("bedrock/thinking_tools_stream"),
        [
            {
                "reasoningContent": {
                    "reasoningText": {
                        "text": "I must look.",
                        "signature": SIGNATURE,
                    }
                }
            }
        ],
    ),
    (
        _made("bedrock_redacted", "bedrock", _bedrock_redacted()),
        [{"reasoningContent": {"redactedContent": "EmwKAhgBEgwRedactedA=="}}],
    ),
]  # fmt: skip
# What only some servers of the Chat dialect take back.
TAKES_BACK = {
    "openrouter": FULL["openai_chat"] | {"reasoning_details", "reasoning_content"},
    "deepseek": FULL["openai_chat"] | {"reasoning_content"},
}


def heard(said: Answer, client: str) -> Response:
    decoder = the(said.dialect).stream_decoder(context_of(decoded(first(client))))
    whole = Assembly()
    whole.add([*decoder.feed(said.body), *decoder.finish()])
    return whole.response()


def first(client: str) -> Asked:
    """The client's first question, with thinking on."""
    bodies: dict[str, Json] = {
        "anthropic_messages": {
            "model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "x"}],
            "thinking": {"type": "enabled", "budget_tokens": 2000},
        },
        "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
        "openai_responses": {
            "model": "m", "input": [{"role": "user", "content": "x"}],
            "include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"},
        },
        "gemini": {
            "contents": [{"role": "user", "parts": [{"text": "x"}]}],
            "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
        },
        "bedrock": {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
    }  # fmt: skip
    return Asked("first", client, json.dumps(bodies[client]).encode(), "m", False)


def second(client: str, reply: bytes) -> Asked:
    """The next question: what was asked, the reply as the client keeps it, and the results."""
    body = json.loads(first(client).body)
    said = json.loads(reply)
    if client == "anthropic_messages":
        calls = [block["id"] for block in said["content"] if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call, "content": "r"} for call in calls]
        body["messages"] += [
            {"role": "assistant", "content": said["content"]},
            {"role": "user", "content": [*results, {"type": "text", "text": "y"}]},
        ]
    elif client == "openai_chat":
        message = said["choices"][0]["message"]
        calls = [call["id"] for call in message.get("tool_calls") or []]
        results = [{"role": "tool", "tool_call_id": call, "content": "r"} for call in calls]
        body["messages"] += [message, *results, {"role": "user", "content": "y"}]
    elif client == "openai_responses":
        calls = [item["call_id"] for item in said["output"] if item["type"] == "function_call"]
        results = [
            {"type": "function_call_output", "call_id": call, "output": "r"} for call in calls
        ]
        body["input"] += [*said["output"], *results, {"role": "user", "content": "y"}]
    elif client == "gemini":
        content = said["candidates"][0]["content"]
        called = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        results = [
            {"functionResponse": {"name": call["name"], "response": {"output": "r"}}
             | ({"id": call["id"]} if "id" in call else {})}
            for call in called
        ]  # fmt: skip
        body["contents"] += [content, {"role": "user", "parts": [*results, {"text": "y"}]}]
    else:
        content = said["output"]["message"]
        called = [part["toolUse"] for part in content["content"] if "toolUse" in part]
        results = [
            {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": "r"}]}}
            for call in called
        ]
        body["messages"] += [content, {"role": "user", "content": [*results, {"text": "y"}]}]
    return Asked("second", client, json.dumps(body).encode(), "m", False)


def kept(said: Answer, client: str) -> Asked:
    """The second question after the reply; the client's whole round."""
    response = heard(said, client)
    reply = the(client).encode_response(response, context_of(decoded(first(client))))
    return second(client, reply)


def objects(value: object) -> list[Json]:
    """Every object in some JSON."""
    if isinstance(value, list):
        return [found for each in value for found in objects(each)]
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in objects(each))]
    return []


def holds(body: object, wanted: Json) -> bool:
    """Whether some object has all of these fields."""
    return any(
        all(found.get(key) == value for key, value in wanted.items()) for found in objects(body)
    )


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize(("said", "wanted"), SEALED, ids=lambda value: str(value)[:30])
def test_the_provider_gets_back_what_it_said(said: Answer, wanted: list[Json], client: str) -> None:
    capabilities = TAKES_BACK.get(said.name, FULL[said.dialect])
    made = written(decoded(kept(said, client)), target_of(said.dialect, capabilities), said.dialect)
    body = json.loads(made.body)
    for each in wanted:
        assert holds(body, each), made.body
    assert b"lynkr1." not in made.body
    assert "thinking" not in made.lost


@pytest.mark.parametrize("client", FORMATS)
def test_gemini_gets_its_signatures_on_the_same_parts(client: str) -> None:
    """It refuses a request whose current calls lack theirs, or have another part's. Summaries of
    thoughts have none, and Google does not want them back."""
    said = answer("gemini/parallel_tools_stream")
    signed = [
        (part.get("functionCall", {}).get("name", ""), part["thoughtSignature"])
        for line in said.body.decode().replace("\r", "").split("\n\n")
        if line.startswith("data:")
        for candidate in json.loads(line.removeprefix("data:")).get("candidates", [])
        for part in candidate.get("content", {}).get("parts", [])
        if "thoughtSignature" in part
    ]
    assert signed
    made = written(decoded(kept(said, client)), target_of("gemini"), "gemini")
    found = [
        (part.get("functionCall", {}).get("name", ""), part["thoughtSignature"])
        for content in json.loads(made.body)["contents"]
        for part in content["parts"]
        if "thoughtSignature" in part
    ]
    assert found == signed
    assert b"lynkr1." not in made.body


@pytest.mark.parametrize("client", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_another_provider_gets_none_of_it(target: str, client: str) -> None:
    """After a change of provider: neither the seal nor the words, and the loss is reported."""
    others = {"anthropic_messages": "bedrock", "bedrock": "anthropic_messages"}
    for said, _ in SEALED:
        # Bedrock's Claude and Anthropic's are the same: they read each other's signatures.
        if target in (said.dialect, others.get(said.dialect)):
            continue
        made = written(decoded(kept(said, client)), target_of(target), target)
        assert b"lynkr1." not in made.body
        for part in heard(said, client).parts:
            if isinstance(part, Thinking) and part.text:
                assert json.dumps(part.text).encode()[1:-1] not in made.body
        assert "thinking" in made.lost, (said.name, made.losses)


@pytest.mark.parametrize("client", FORMATS)
def test_claude_on_bedrock_and_at_anthropic_know_each_other(client: str) -> None:
    """A fallback from one to the other keeps the thinking."""
    for name, target in (
        ("messages/thinking_tool_stream", "bedrock"),
        ("bedrock/thinking_tools_stream", "anthropic_messages"),
    ):
        made = written(decoded(kept(answer(name), client)), target_of(target), target)
        assert b"DataUsage+/==" in made.body
        assert "thinking" not in made.lost


@pytest.mark.parametrize("client", FORMATS)
def test_turn_after_turn_the_bytes_are_the_same(client: str) -> None:
    """What stands in the history is written the same again, or the provider's cache is lost."""
    for said, _ in SEALED:
        asked = kept(said, client)
        bodies = {written(decoded(asked), target_of(said.dialect), said.dialect).body for _ in "ab"}
        assert len(bodies) == 1
