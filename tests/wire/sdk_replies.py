"""Replies as the official SDKs read them, fed through a mocked transport: no socket, no server.

    reply = read("openai_chat", body, stream=True)
    reply.text, reply.calls, reply.stop, reply.usage
    refused("openai_chat", 429, body)      the exception that the SDK raises for an error reply

``strict`` makes the SDK check every body and event against its own types, unions included; it is
meant for what the gateway writes. What providers write is often ahead of the SDK.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from io import BytesIO
from typing import Any, NamedTuple

import anthropic
import boto3  # type: ignore[import-untyped, unused-ignore]
import httpx2
import openai
from botocore.awsrequest import (  # type: ignore[import-untyped, unused-ignore]
    AWSResponse,
)
from botocore.config import Config  # type: ignore[import-untyped, unused-ignore]
from google import genai
from google.genai.types import HttpOptions

from lynkr.wire.message import Usage

EVENT_STREAM = "text/event-stream; charset=utf-8"
AWS_STREAM = "application/vnd.amazon.eventstream"
MODEL = "m"


class Call(NamedTuple):
    id: str
    name: str
    arguments: object  # parsed; the text itself for a custom tool
    namespace: str = ""
    kind: str = "function"


class Reply(NamedTuple):
    text: str
    calls: list[Call]
    stop: str  # in the dialect's own word
    usage: Usage
    model: str = ""
    thinking: str = ""
    refusal: str = ""
    seals: list[str] = []  # noqa: RUF012  # signatures and the like, in their order
    others: list[str] = []  # noqa: RUF012  # kinds of parts that are none of the above


class Sent(NamedTuple):
    """What the mocked transport answers with."""

    status: int
    content_type: str
    pieces: list[bytes]


_answer: list[Sent] = []


def read(
    dialect: str, body: bytes, *, stream: bool, strict: bool = False, pieces: Iterable[bytes] = ()
) -> Reply:
    """``pieces``: the body as it is cut by the network; the SDK must not mind."""
    plain = AWS_STREAM if dialect == "bedrock" else EVENT_STREAM
    sent = Sent(200, plain if stream else "application/json", list(pieces) or [body])
    return _with(sent, lambda: _READERS[dialect](stream, strict))


def refused(dialect: str, status: int, body: bytes, *, stream: bool = False) -> Exception:
    """What the SDK raises; ``stream``: the error is inside a stream that began well."""
    kind = (AWS_STREAM if dialect == "bedrock" else EVENT_STREAM) if stream else "application/json"
    try:
        _with(Sent(status, kind, [body]), lambda: _READERS[dialect](stream, False))
    except Exception as error:
        return error
    raise AssertionError("the SDK took it for a good reply")


def _with(sent: Sent, call: Callable[[], Reply]) -> Reply:
    _answer[:] = [sent]
    return call()


def _parsed(text: str) -> object:
    """Arguments as every client reads them; none at all mean an empty object."""
    return json.loads(text) if text else {}


# --- over httpx -----------------------------------------------------------------------------------


class _Pieces(httpx2.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield from _answer[0].pieces


def _replied(request: httpx2.Request) -> httpx2.Response:
    sent = _answer[0]
    return httpx2.Response(
        sent.status, headers={"content-type": sent.content_type}, stream=_Pieces()
    )


@cache
def _transport() -> httpx2.Client:
    return httpx2.Client(transport=httpx2.MockTransport(_replied))


@cache
def _anthropic(strict: bool) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key="k", base_url="http://h", max_retries=0, http_client=_transport(),
        _strict_response_validation=strict,
    )  # fmt: skip


@cache
def _openai(strict: bool) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="k", base_url="http://h/v1", max_retries=0, http_client=_transport(),
        _strict_response_validation=strict,
    )  # fmt: skip


@cache
def _genai() -> genai.Client:
    options = HttpOptions(base_url="http://h", httpx_client=_transport())
    return genai.Client(api_key="k", http_options=options)


# --- Anthropic Messages ---------------------------------------------------------------------------


def _messages(stream: bool, strict: bool) -> Reply:
    asked: Any = {
        "model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}],
    }  # fmt: skip
    create = _anthropic(strict).messages
    if stream:
        with create.stream(**asked) as events:
            kinds = [event.type for event in events]
            message = events.get_final_message()
        assert kinds[-1] == "message_stop", kinds
    else:
        message = create.create(**asked)
    texts, thoughts, seals, calls = [], [], [], []
    others: list[str] = []
    for block in message.content:
        if block.type == "text":
            texts.append(block.text)
        elif block.type == "thinking":
            thoughts.append(block.thinking)
            seals += [block.signature] if block.signature else []
        elif block.type == "redacted_thinking":
            seals.append(block.data)
        elif block.type == "tool_use":
            calls.append(Call(block.id, block.name, block.input))
        else:
            others.append(block.type)
    return Reply(
        "".join(texts), calls, message.stop_reason or "", _messages_usage(message.usage),
        message.model, "".join(thoughts), "", seals, others,
    )  # fmt: skip


def _messages_usage(usage: Any) -> Usage:
    details = getattr(usage, "output_tokens_details", None)
    return Usage(
        getattr(usage, "input_tokens", None),
        getattr(usage, "output_tokens", None),
        getattr(usage, "cache_read_input_tokens", None),
        getattr(usage, "cache_creation_input_tokens", None),
        getattr(details, "thinking_tokens", None),
    )


# --- Chat Completions -----------------------------------------------------------------------------


def _chat(stream: bool, strict: bool) -> Reply:
    create: Any = _openai(strict).chat.completions.create
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
    if not stream:
        reply = create(**asked)
        choice = reply.choices[0]
        calls = [_chat_call(call.model_dump()) for call in choice.message.tool_calls or []]
        return _chat_reply(
            [choice.message], calls, choice.finish_reason, reply.usage, reply.model
        )  # fmt: skip
    deltas: list[Any] = []
    made: dict[int, dict[str, Any]] = {}
    finish, usage, model = "", None, ""
    for chunk in create(stream=True, stream_options={"include_usage": True}, **asked):
        usage, model = chunk.usage or usage, chunk.model or model
        for choice in chunk.choices:
            if choice.index:
                continue
            assert not (finish and _says_something(choice.delta)), "words after finish_reason"
            finish = choice.finish_reason or finish
            deltas.append(choice.delta)
            for part in choice.delta.tool_calls or []:
                _add_call(made.setdefault(part.index, {}), part.model_dump())
    calls = [_chat_call(made[index]) for index in sorted(made)]
    assert sorted(made) == list(range(len(made))), "tool call indices have a gap"
    return _chat_reply(deltas, calls, finish, usage, model)


def _says_something(delta: Any) -> bool:
    return bool(delta.content or delta.tool_calls or getattr(delta, "reasoning_content", None))


def _add_call(call: dict[str, Any], part: dict[str, Any]) -> None:
    """As every client does: names and ids are given once, arguments are joined."""
    for key in ("id", "type"):
        if part.get(key):
            assert call.setdefault(key, part[key]) == part[key], "a call changes its id"
    for kind, text in (("function", "arguments"), ("custom", "input")):
        inner = part.get(kind)
        if inner:
            kept = call.setdefault(kind, {"name": "", text: ""})
            kept["name"] = kept["name"] or inner.get("name") or ""
            kept[text] += inner.get(text) or ""


def _chat_call(call: dict[str, Any]) -> Call:
    if call.get("type") == "custom":
        custom = call["custom"]
        return Call(call["id"], custom["name"], custom["input"], kind="custom")
    function = call["function"]
    return Call(call["id"], function["name"], _parsed(function["arguments"]))


def _chat_reply(parts: list[Any], calls: list[Call], finish: str, usage: Any, model: str) -> Reply:
    """``parts``: the message, or the deltas that make it up."""
    seals = [
        str(detail["data"])
        for part in parts
        for detail in getattr(part, "reasoning_details", None) or []
        if detail.get("type") == "reasoning.encrypted"
    ]
    return Reply(
        "".join(part.content or "" for part in parts),
        calls,
        finish,
        _openai_usage(
            usage, "prompt_tokens", "completion_tokens"
        ),
        model,
        "".join(
            getattr(part, "reasoning_content", None) or getattr(part, "reasoning", None) or ""
            for part in parts
        ),
        "".join(part.refusal or "" for part in parts),
        seals,
    )  # fmt: skip


def _openai_usage(usage: Any, all_input: str, output: str) -> Usage:
    if usage is None:
        return Usage()
    into = getattr(usage, f"{all_input}_details", None)
    out = getattr(usage, f"{output}_details", None)
    read_, written = getattr(into, "cached_tokens", None), getattr(into, "cache_write_tokens", None)
    total, all_ = getattr(usage, all_input), usage.total_tokens
    assert all_ in (None, total + getattr(usage, output)), "the total is not the sum"
    return Usage(
        total - (read_ or 0) - (written or 0), getattr(usage, output), read_, written,
        getattr(out, "reasoning_tokens", None),
    )  # fmt: skip


# --- Responses ------------------------------------------------------------------------------------


def _responses(stream: bool, strict: bool) -> Reply:
    client = _openai(strict).responses
    asked: Any = {"model": MODEL, "input": "x"}
    if not stream:
        response = client.create(**asked)
        return _responses_reply(response, response.output)
    events = list(client.create(stream=True, **asked))
    whole = events[-1]
    if whole.type == "error":
        raise openai.OpenAIError(f"{whole.code}: {whole.message}")
    if whole.type == "response.failed":
        raise openai.OpenAIError(f"{whole.response.error}")
    assert whole.type in ("response.completed", "response.incomplete"), whole.type
    done = [event.item for event in events if event.type == "response.output_item.done"]
    if not strict:
        # Codex looks at nothing but these; some servers leave the rest out.
        return _responses_reply(whole.response, done or whole.response.output or [])
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(events))), "sequence numbers have a gap"
    assert [item.to_dict() for item in done] == [
        item.to_dict() for item in whole.response.output
    ], "the items that were done are not those of the whole response"
    told = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    reply = _responses_reply(whole.response, done)
    assert told == reply.text, "the deltas are not the text"
    with client.stream(**asked) as again:
        again.until_done()  # the SDK's own assembly stumbles over wrong indices
    return reply


def _responses_reply(response: Any, items: Iterable[Any]) -> Reply:
    texts, refusals, thoughts, seals, others, calls = [], [], [], [], [], []
    for item in items:
        if item.type == "message":
            for part in item.content:
                if part.type == "output_text":
                    texts.append(part.text)
                else:
                    refusals.append(part.refusal)
        elif item.type == "reasoning":
            thoughts += [part.text for part in item.content or []]
            thoughts += [part.text for part in item.summary or []]
            seals += [item.encrypted_content] if item.encrypted_content else []
        elif item.type == "function_call":
            namespace = getattr(item, "namespace", None) or ""
            calls.append(Call(item.call_id, item.name, _parsed(item.arguments), namespace))
        elif item.type == "custom_tool_call":
            namespace = getattr(item, "namespace", None) or ""
            calls.append(Call(item.call_id, item.name, item.input, namespace, "custom"))
        else:
            others.append(item.type)
    details = response.incomplete_details
    stop = details.reason if details is not None else response.status or ""
    return Reply(
        "".join(texts), calls, stop, _openai_usage(response.usage, "input_tokens", "output_tokens"),
        response.model, "".join(thoughts), "".join(refusals), seals, others,
    )  # fmt: skip


# --- Gemini ---------------------------------------------------------------------------------------


def _gemini(stream: bool, strict: bool) -> Reply:
    models = _genai().models
    if stream:
        replies = list(models.generate_content_stream(model=MODEL, contents="x"))
    else:
        replies = [models.generate_content(model=MODEL, contents="x")]
    texts: list[str] = []
    thoughts: list[str] = []
    seals, others, calls = [], [], []
    stop, usage, model = "", None, ""
    for reply in replies:
        usage, model = reply.usage_metadata or usage, reply.model_version or model
        for candidate in (reply.candidates or [])[:1]:
            stop = candidate.finish_reason.value if candidate.finish_reason else stop
            for part in (candidate.content and candidate.content.parts) or []:
                seals += (
                    [part.thought_signature.decode("latin-1")] if part.thought_signature else []
                )
                if part.text is not None:
                    (thoughts if part.thought else texts).append(part.text)
                elif part.function_call is not None:
                    call = part.function_call
                    calls.append(Call(call.id or "", call.name or "", call.args or {}))
                elif not part.thought_signature:
                    others.append(next(iter(part.model_dump(exclude_none=True)), "nothing"))
        if reply.prompt_feedback and reply.prompt_feedback.block_reason:
            stop = reply.prompt_feedback.block_reason.value
    return Reply(
        "".join(texts), calls, stop, _gemini_usage(usage), model, "".join(thoughts), "", seals,
        others,
    )  # fmt: skip


def _gemini_usage(usage: Any) -> Usage:
    """``candidatesTokenCount`` leaves the thoughts out; ``promptTokenCount`` has the cached."""
    if usage is None:
        return Usage()
    thoughts, said = usage.thoughts_token_count, usage.candidates_token_count
    output = None if said is None and thoughts is None else (said or 0) + (thoughts or 0)
    cached, total = usage.cached_content_token_count, usage.prompt_token_count
    tool = getattr(usage, "tool_use_prompt_token_count", None) or 0
    uncached = None if total is None else total + tool - (cached or 0)
    return Usage(uncached, output, cached, None, thoughts)


# --- Bedrock Converse -----------------------------------------------------------------------------


class _Raw(BytesIO):
    """What botocore takes for a connection's body."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield from _answer[0].pieces


@cache
def _bedrock() -> Any:
    client = boto3.client(
        "bedrock-runtime", region_name="us-east-1", aws_access_key_id="a",
        aws_secret_access_key="b", config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip
    client.meta.events.register("before-send.bedrock-runtime", _aws_replied)
    return client


def _aws_replied(request: Any, **_: object) -> AWSResponse:
    sent = _answer[0]
    headers = {"content-type": sent.content_type, "x-amzn-requestid": "r"}
    return AWSResponse(request.url, sent.status, headers, _Raw(b"".join(sent.pieces)))


def _converse(stream: bool, strict: bool) -> Reply:
    asked = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "x"}]}]}
    if not stream:
        reply = _bedrock().converse(**asked)
        return _converse_reply(
            reply["output"]["message"]["content"], reply["stopReason"], reply.get("usage")
        )
    blocks: dict[int, dict[str, Any]] = {}
    stop, usage = "", None
    for event in _bedrock().converse_stream(**asked)["stream"]:
        ((kind, value),) = event.items()
        if kind == "contentBlockStart":
            assert value["contentBlockIndex"] not in blocks, "a block starts twice"
            start = value["start"].get("toolUse")
            if start is not None:
                blocks[value["contentBlockIndex"]] = {"toolUse": {**start, "input": ""}}
        elif kind == "contentBlockDelta":
            _add_delta(blocks.setdefault(value["contentBlockIndex"], {}), value["delta"])
        elif kind == "messageStop":
            stop = value["stopReason"]
        elif kind == "metadata":
            usage = value.get("usage")
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = _parsed(block["toolUse"]["input"])
    return _converse_reply([blocks[index] for index in sorted(blocks)], stop, usage)


def _add_delta(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "reasoningContent" in delta:
        thought, kept = delta["reasoningContent"], block.setdefault("reasoningContent", {})
        if "redactedContent" in thought:
            kept["redactedContent"] = thought["redactedContent"]
        else:
            inner = kept.setdefault("reasoningText", {"text": ""})
            inner["text"] += thought.get("text", "")
            inner.update({"signature": thought["signature"]} if "signature" in thought else {})
    else:
        block.update(delta)


def _converse_reply(content: list[dict[str, Any]], stop: str, usage: Any) -> Reply:
    texts: list[str] = []
    thoughts: list[str] = []
    seals, others, calls = [], [], []
    for block in content:
        if "text" in block:
            texts.append(block["text"])
        elif "toolUse" in block:
            call = block["toolUse"]
            calls.append(Call(call["toolUseId"], call["name"], call["input"]))
        elif "reasoningContent" in block:
            thought = block["reasoningContent"]
            inner = thought.get("reasoningText", {})
            thoughts.append(inner.get("text", ""))
            seals += [inner["signature"]] if "signature" in inner else []
            seals += [thought["redactedContent"].decode()] if "redactedContent" in thought else []
        else:
            others += list(block)
    counted = Usage()
    if usage is not None:
        counted = Usage(
            usage["inputTokens"], usage["outputTokens"], usage.get("cacheReadInputTokens"),
            usage.get("cacheWriteInputTokens"),
        )  # fmt: skip
    return Reply("".join(texts), calls, stop, counted, "", "".join(thoughts), "", seals, others)


_READERS: dict[str, Callable[[bool, bool], Reply]] = {
    "anthropic_messages": _messages,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "gemini": _gemini,
    "bedrock": _converse,
}
