"""The settings of a request, read from its JSON without any codec.

    settings("gemini", body) -> {"limit": 100, "stop": ["stop"], "choice": ("tool", "read"), ...}

Only what is said is in it. A value that changes nothing (a temperature of 1, a choice of "auto") is
left out, so that saying it and not saying it compare equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.wire.meaning import camel

Json = dict[str, Any]
# Setting to the name under which its loss is reported.
LOSS_OF = {
    "limit": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop_sequences",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "choice": "tool_choice",
    "alone": "parallel_tool_calls",
    "schema": "output_format",
    "json": "output_format",
    "candidates": "n",
}
_SAYS_NOTHING: dict[str, tuple[object, ...]] = {
    "temperature": (1,),
    "top_p": (1,),
    "choice": (("auto", ""),),
    "candidates": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "alone": (False,),
    "json": (False,),
}
_MODES = {"auto": "auto", "any": "required", "required": "required", "none": "none"}


def settings(dialect: str, body: bytes) -> Json:
    found = _READERS[dialect](json.loads(body))
    return {
        name: value
        for name, value in found.items()
        if value not in (None, [], "") and value not in _SAYS_NOTHING.get(name, ())
    }


def _choice(value: Any) -> tuple[str, str] | None:
    """OpenAI's and Anthropic's: a word, or an object with a type."""
    if value is None:
        return None
    if isinstance(value, str):
        return _MODES[value], ""
    if value["type"] in _MODES:
        return _MODES[value["type"]], ""
    inner = value.get(value["type"], value)
    return "tool", inner.get("name", value["type"])


def _messages(body: Json) -> Json:
    choice = body.get("tool_choice")
    config = body.get("output_config") or {}
    return {
        "limit": body.get("max_tokens"),
        **{name: body.get(name) for name in ("temperature", "top_p", "top_k")},
        "stop": body.get("stop_sequences"),
        "choice": _choice(choice),
        "alone": (choice or {}).get("disable_parallel_tool_use"),
        "schema": (config.get("format") or {}).get("schema"),
    }


def _chat(body: Json) -> Json:
    stop = body.get("stop")
    form = body.get("response_format") or {}
    return {
        "limit": body.get("max_completion_tokens", body.get("max_tokens")),
        "stop": [stop] if isinstance(stop, str) else stop,
        "choice": _choice(body.get("tool_choice")),
        "alone": body.get("parallel_tool_calls") is False,
        "schema": (form.get("json_schema") or {}).get("schema"),
        "json": form.get("type") == "json_object",
        "candidates": body.get("n"),
        **_same_names(body),
    }


def _responses(body: Json) -> Json:
    form = (body.get("text") or {}).get("format") or {}
    return {
        "limit": body.get("max_output_tokens"),
        "stop": body.get("stop"),
        "choice": _choice(body.get("tool_choice")),
        "alone": body.get("parallel_tool_calls") is False,
        "schema": form.get("schema"),
        "json": form.get("type") == "json_object",
        **_same_names(body),
    }


def _same_names(body: Json) -> Json:
    names = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
    return {name: body.get(name) for name in names}


def _gemini(body: Json) -> Json:
    body = camel(body)
    config = body.get("generationConfig") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode = _MODES.get(calling.get("mode", "").lower())
    allowed = calling.get("allowedFunctionNames") or []
    schema = config.get("responseJsonSchema", _json_schema(config.get("responseSchema")))
    return {
        "limit": config.get("maxOutputTokens"),
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
        "top_k": config.get("topK"),
        "stop": config.get("stopSequences"),
        "seed": config.get("seed"),
        "presence_penalty": config.get("presencePenalty"),
        "frequency_penalty": config.get("frequencyPenalty"),
        "candidates": config.get("candidateCount"),
        "choice": ("tool", allowed[0]) if allowed else (mode, "") if mode else None,
        "schema": schema,
        "json": schema is None and config.get("responseMimeType") == "application/json",
    }


def _json_schema(value: Any) -> Any:
    """Google's own schema language has its types in capitals."""
    if isinstance(value, dict):
        return {
            name: each.lower() if name == "type" and isinstance(each, str) else _json_schema(each)
            for name, each in value.items()
        }
    return value


def _bedrock(body: Json) -> Json:
    config = body.get("inferenceConfig") or {}
    choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
    form = (body.get("outputConfig") or {}).get("textFormat") or {}
    definition = (form.get("structure") or {}).get("jsonSchema") or {}
    schema = definition.get("schema")
    kind = next(iter(choice), None)
    return {
        "limit": config.get("maxTokens"),
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
        "top_k": (body.get("additionalModelRequestFields") or {}).get("top_k"),
        "stop": config.get("stopSequences"),
        "choice": ("tool", choice["tool"]["name"])
        if kind == "tool"
        else (_MODES[kind], "")
        if kind
        else None,
        "schema": None if schema is None else json.loads(schema),
    }


_READERS: dict[str, Callable[[Json], Json]] = {
    "anthropic_messages": _messages,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "gemini": _gemini,
    "bedrock": _bedrock,
}
