"""A naive reader of replies: decodes payloads with the standard library, walks them by name.

Slow and simple enough to be believed. The gateway's own reader works on bytes cut anywhere; both
must learn the same from the same reply, or from the same part of one.
"""

from __future__ import annotations

import json
from typing import Any

Facts = dict[str, Any]
Learned = tuple[str, str, dict[str, int]]


def events(body: bytes) -> list[Facts]:
    """The JSON payloads of an event stream (WHATWG HTML, 9.2.6); an unfinished event is none."""
    payloads: list[Facts] = []
    data: list[str] = []
    for line in body.decode().replace("\r\n", "\n").split("\n"):
        name, _, value = line.partition(":")
        if line == "":
            text = "\n".join(data)
            if text and text != "[DONE]":
                payloads.append(json.loads(text))
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))
    return payloads


def tokens(report: Facts, **names: str) -> dict[str, int]:
    """Counts by our names; ``a.b`` looks inside an object."""
    found = {}
    for ours, theirs in names.items():
        outer, _, inner = theirs.partition(".")
        value = report.get(outer)
        value = (value or {}).get(inner) if inner else value
        if value is not None:
            found[ours] = int(value)
    return found


def openai_usage(report: Facts, total: str, output: str) -> dict[str, int]:
    prompt, completion = f"{total}_tokens", f"{output}_tokens"
    found = tokens(
        report,
        input_tokens=prompt,
        output_tokens=completion,
        prompt_cache_read_tokens=f"{prompt}_details.cached_tokens",
        prompt_cache_write_tokens=f"{prompt}_details.cache_write_tokens",
        reasoning_tokens=f"{completion}_details.reasoning_tokens",
    )
    for part in ("prompt_cache_read_tokens", "prompt_cache_write_tokens"):
        if "input_tokens" in found:
            found["input_tokens"] -= found.get(part, 0)
    return found


def anthropic_usage(report: Facts) -> dict[str, int]:
    return tokens(
        report,
        input_tokens="input_tokens",
        output_tokens="output_tokens",
        prompt_cache_read_tokens="cache_read_input_tokens",
        prompt_cache_write_tokens="cache_creation_input_tokens",
        reasoning_tokens="output_tokens_details.thinking_tokens",
    )


def read_messages(payloads: list[Facts]) -> Learned:
    model, stop = "", ""
    usage: dict[str, int] = {}
    for payload in payloads:
        if payload.get("type") == "message_start":
            model = payload["message"]["model"]
            usage |= anthropic_usage(payload["message"]["usage"])
        elif payload.get("type") == "message_delta":
            stop = payload["delta"]["stop_reason"]
            usage |= anthropic_usage(payload["usage"])
        elif payload.get("type") == "message":
            model, stop = payload["model"], payload["stop_reason"]
            usage |= anthropic_usage(payload["usage"])
    return model, stop, usage


def read_chat(payloads: list[Facts]) -> Learned:
    model, stop = "", ""
    usage: dict[str, int] = {}
    for payload in payloads:
        model = payload.get("model") or model
        usage = openai_usage(payload.get("usage") or {}, "prompt", "completion") or usage
        for choice in payload.get("choices", ()):
            stop = choice.get("finish_reason") or stop
    return model, stop, usage


def read_responses(payloads: list[Facts]) -> Learned:
    model, stop = "", ""
    usage: dict[str, int] = {}
    for payload in payloads:
        response = payload.get("response", payload)
        if "type" in payload and "response" not in payload:
            continue
        model = response.get("model", model)
        status = response.get("status", "")
        stop = (response.get("incomplete_details") or {}).get("reason") or status
        usage |= openai_usage(response.get("usage") or {}, "input", "output")
    return model, "" if stop == "in_progress" else stop, usage


READERS = {"messages": read_messages, "chat": read_chat, "responses": read_responses}


def read(family: str, body: bytes, *, stream: bool) -> Learned:
    """Model, stop reason and usage by our names."""
    return READERS[family](events(body) if stream else [json.loads(body)])
