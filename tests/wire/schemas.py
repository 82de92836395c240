"""Requests held against the providers' own published schemas, as their official SDKs carry them.

    check("gemini", body, stream=False)

| target | schema |
| --- | --- |
| anthropic_messages | ``anthropic.types.beta.message_create_params``, no unknown keys |
| openai_chat | ``openai.types.chat.completion_create_params``, no unknown keys |
| openai_responses | ``openai.types.responses.response_create_params``, no unknown keys |
| gemini | ``google.genai.types``, camel case only, no unknown keys |
| bedrock | botocore's model of ``Converse``: members, unions, enums, lengths, patterns |

What a problem is, is a line of text with its path. ``AHEAD`` lists what providers take and the SDK
does not know yet, or no more.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import botocore.session  # type: ignore[import-untyped, unused-ignore]
from anthropic.types.beta import message_create_params
from botocore.validate import ParamValidator  # type: ignore[import-untyped, unused-ignore]
from google.genai import types
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import SchemaValidator

PROBLEMS_SHOWN = 12

# Target, pattern of the path -> why it is right although the SDK has no such field.
AHEAD: dict[tuple[str, str], str] = {
    ("anthropic_messages", "^(temperature|top_p|top_k)$"): (
        "the SDK dropped them with the models that refuse them; older models take them"
    ),
}


def check(target: str, body: bytes, *, stream: bool) -> None:
    """Raises ``AssertionError`` with every problem and the body."""
    found = [
        problem for problem in problems(target, body, stream=stream) if not _ahead(problem, target)
    ]
    assert not found, (
        f"{target} would refuse this:\n" + "\n".join(found[:PROBLEMS_SHOWN]) + f"\n{body.decode()}"
    )


def problems(target: str, body: bytes, *, stream: bool) -> list[str]:
    """What is wrong, each as "path: reason"."""
    value = json.loads(body)
    if target == "openai_responses":
        _complete(value)
    # Half an emoji is more than these parsers take; what it becomes matters to no schema.
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    if target == "gemini":
        return list(_of_pydantic(_gemini, body))
    if target == "bedrock":
        return _of_bedrock(body)
    validator = _typed(target, stream)
    return list(_of_pydantic(lambda data: validator.validate_json(data, strict=True), body))


def _complete(body: dict[str, Any]) -> None:
    """What the SDK's types demand and the API does not: opencode and Codex leave it out."""
    items = body["input"] if isinstance(body["input"], list) else []
    for number, item in enumerate(items):
        content = item.get("content", item.get("output"))
        for part in content if isinstance(content, list) else []:
            if part["type"] == "output_text":
                part.setdefault("annotations", [])
            elif part["type"] == "input_image":
                part.setdefault("detail", "auto")
        if item.get("role") == "assistant" and isinstance(content, list):
            item.setdefault("id", f"msg_{number}")
            item.setdefault("status", "completed")
            item.setdefault("type", "message")


def _ahead(problem: str, target: str) -> bool:
    return any(
        where == target and re.search(pattern, problem.partition(": ")[0])
        for where, pattern in AHEAD
    )


def _of_pydantic(validate: Any, body: bytes) -> Iterator[str]:
    try:
        validate(body)
    except ValidationError as error:
        lines = [line for line in error.errors() if line["type"] != "needs_python_object"]
        # Every member of a union complains. Those that say "type should be ..." were not meant.
        others = {
            line["loc"][:-1]
            for line in lines
            if line["type"] == "literal_error" and line["loc"][-1] in ("type", "role")
        }
        meant = [
            line
            for line in lines
            if not any(line["loc"][:depth] in others for depth in range(len(line["loc"]) + 1))
        ]
        for line in sorted(meant or lines, key=lambda line: -len(line["loc"])):
            path = ".".join(str(step) for step in line["loc"] if "[" not in str(step))
            yield f"{path}: {line['msg']} ({_short(line['input'])})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


# --- TypedDicts of the Anthropic and OpenAI SDKs --------------------------------------------------

_TYPES: dict[tuple[str, bool], Any] = {
    ("anthropic_messages", False): message_create_params.MessageCreateParamsNonStreaming,
    ("anthropic_messages", True): message_create_params.MessageCreateParamsStreaming,
    ("openai_chat", False): completion_create_params.CompletionCreateParamsNonStreaming,
    ("openai_chat", True): completion_create_params.CompletionCreateParamsStreaming,
    ("openai_responses", False): response_create_params.ResponseCreateParamsNonStreaming,
    ("openai_responses", True): response_create_params.ResponseCreateParamsStreaming,
}


@cache
def _typed(target: str, stream: bool) -> SchemaValidator:
    schema = TypeAdapter(_TYPES[target, stream]).core_schema
    return SchemaValidator(cast(Any, _strict(schema)))


def _strict(schema: Any) -> Any:
    """The same schema, stricter: no unknown keys, no reply objects where parameters are meant, and
    iterables that are looked into at once."""
    if isinstance(schema, dict):
        kind = schema.get("type")
        if kind == "model":
            refused = {"type": "is-instance", "cls": schema["cls"]}
            return {**refused, "ref": schema["ref"]} if "ref" in schema else refused
        made = {key: _strict(value) for key, value in schema.items()}
        if kind == "typed-dict" and "extras_schema" not in schema:
            made["extra_behavior"] = "forbid"
        elif kind == "generator":
            made["type"] = "list"
        return made
    if isinstance(schema, list | tuple):
        return type(schema)(_strict(value) for value in schema)
    return schema


# --- Gemini ---------------------------------------------------------------------------------------


class _GenerateContent(BaseModel):
    """https://ai.google.dev/api/generate-content: the body; the SDK only has its parts."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    contents: list[types.Content]
    system_instruction: types.Content | None = None
    tools: list[types.Tool] | None = None
    tool_config: types.ToolConfig | None = None
    generation_config: types.GenerationConfig | None = None
    safety_settings: list[types.SafetySetting] | None = None
    cached_content: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    labels: dict[str, str] | None = None  # Vertex only


def _gemini(body: bytes) -> None:
    _GenerateContent.model_validate_json(body, by_alias=True, by_name=False)


# --- Bedrock --------------------------------------------------------------------------------------


@cache
def _converse() -> Any:
    session = botocore.session.get_session()
    return session.get_service_model("bedrock-runtime").operation_model("Converse").input_shape


def _of_bedrock(body: bytes) -> list[str]:
    """The model is in the path of the call, so it is no part of the body."""
    value = json.loads(body)
    if "modelId" in value:
        return ["modelId: it belongs into the path"]
    found: list[str] = []
    given = _with_blobs(_converse(), {"modelId": "m", **value}, "", found)
    report = ParamValidator().validate(given, _converse())
    return [*found, *report.generate_report().splitlines()]


def _with_blobs(shape: Any, value: Any, at: str, found: list[str]) -> Any:
    """The value with base64 decoded, as the SDK is given it; on the way, the constraints that the
    SDK leaves to the service: enums, lengths, patterns, null."""
    if value is None:
        found.append(f"{at}: null")
        return value
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            name: _with_blobs(shape.members[name], inner, f"{at}.{name}", found)
            if name in shape.members
            else inner
            for name, inner in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        found += _out_of_bounds(shape, len(value), at)
        return [_with_blobs(shape.member, one, f"{at}.{n}", found) for n, one in enumerate(value)]
    if shape.type_name == "map" and isinstance(value, dict):
        return {
            name: _with_blobs(shape.value, one, f"{at}.{name}", found)
            for name, one in value.items()
        }
    if shape.type_name == "blob" and isinstance(value, str):
        return base64.b64decode(value, validate=True)
    if shape.type_name == "string" and isinstance(value, str):
        found += _out_of_bounds(shape, len(value), at)
        enum, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
        if enum and value not in enum:
            found.append(f"{at}: {value!r} is none of {enum}")
        if pattern and not re.fullmatch(pattern, value):
            found.append(f"{at}: {value!r} is not {pattern}")
    if shape.type_name in ("float", "integer") and isinstance(value, int | float):
        found += _out_of_bounds(shape, value, at)
    return value


def _out_of_bounds(shape: Any, size: float, at: str) -> list[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        return [f"{at}: {size} is not between {least} and {most}"]
    return []
