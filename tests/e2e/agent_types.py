"""Requests held against the types of the providers' official SDKs: nothing wrong, nothing unknown.

The SDKs describe what their servers take, but they do not check it themselves, and what they build
is always well-formed. A gateway that translates writes requests of its own.
"""

from __future__ import annotations

import base64
import binascii
import copy
import functools
import json
import re
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import botocore.model
import botocore.session
import botocore.validate
import pydantic
import pydantic_core
from anthropic.types.beta import message_create_params as messages_types
from google.genai import types as gemini_types
from openai.types.chat import completion_create_params as chat_types
from openai.types.responses import response_create_params as responses_types
from pydantic.alias_generators import to_camel

from tests.e2e.agent_plan import Body, Refused, expect

# --- OpenAI and Anthropic: typed dictionaries -----------------------------------------------------


def chat(body: Body) -> None:
    # An assistant's reasoning comes back in fields that open servers know and OpenAI does not.
    messages = [_without(message, *_REASONING) for message in body.get("messages", ())]
    _match("chat", {**body, "messages": messages})


def responses(body: Body) -> None:
    _match("responses", body)


def messages(body: Body) -> None:
    _match("messages", body)


_REASONING = ("reasoning", "reasoning_content", "reasoning_details")


def _without(fields: Body, *names: str) -> Body:
    return {name: value for name, value in fields.items() if name not in names}


def _match(name: str, body: Body) -> None:
    try:
        _validator(name, bool(body.get("stream"))).validate_python((body,))
    except pydantic.ValidationError as error:
        raise Refused(_told(error)) from None


@functools.cache
def _validator(name: str, stream: bool) -> pydantic_core.SchemaValidator:
    """Strict, without unknown fields, and reading an iterable at once instead of on demand."""
    kinds: dict[str, tuple[object, object]] = {
        "chat": (
            chat_types.CompletionCreateParamsNonStreaming,
            chat_types.CompletionCreateParamsStreaming,
        ),
        "responses": (
            responses_types.ResponseCreateParamsNonStreaming,
            responses_types.ResponseCreateParamsStreaming,
        ),
        "messages": (
            messages_types.MessageCreateParamsNonStreaming,
            messages_types.MessageCreateParamsStreaming,
        ),
    }
    kind: Any = kinds[name][stream]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one of Anthropic's types is open by its own words
        # Settings are taken only for something around a typed dictionary.
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(
            tuple[kind], config=pydantic.ConfigDict(extra="forbid", strict=True)
        )
    return pydantic_core.SchemaValidator(_eager(adapter.core_schema))


def _eager(schema: Any) -> Any:
    if isinstance(schema, list | tuple):
        return type(schema)(_eager(item) for item in schema)
    if not isinstance(schema, dict):
        return schema
    made = {key: value if key == "metadata" else _eager(value) for key, value in schema.items()}
    if made.get("type") == "generator":
        made["type"] = "list"
    return made


def _told(error: pydantic.ValidationError, skip: int = 1) -> str:
    """The complaints of that member of each union which the value was meant to be."""
    found: dict[tuple[int | str, ...], list[str]] = defaultdict(list)
    other: set[tuple[int | str, ...]] = set()
    for one in error.errors(include_url=False, include_context=False):
        where = one["loc"][skip:]
        member = max((at for at, part in enumerate(where) if _is_type(part)), default=-1)
        group = where[: member + 1]
        shown = ".".join(str(part) for part in where if not _is_type(part))
        found[group].append(f"{shown}: {one['msg']}")
        if where[-1] in ("type", "role") and one["type"] == "literal_error":
            other.add(group)
    likely = [
        group
        for group in found
        if not any(group[:length] in other for length in range(1, len(group) + 1))
    ]
    if all(group and group[-1] == "str" for group in likely):
        likely = list(found)  # no member was meant
    chosen = sorted(likely, key=lambda group: (-len(group), len(found[group])))
    return "; ".join([line for group in chosen for line in found[group]][:6])


def _is_type(part: int | str) -> bool:
    """Pydantic names the members of unions between the fields."""
    return isinstance(part, str) and (not part.islower() or "[" in part or part == "str")


# --- Gemini: models of its SDK --------------------------------------------------------------------


class _GenerateContent(pydantic.BaseModel):
    """https://ai.google.dev/api/generate-content; the SDK has types for all that is inside."""

    model_config = pydantic.ConfigDict(extra="forbid")

    contents: list[gemini_types.Content]
    systemInstruction: gemini_types.Content | None = None
    tools: list[gemini_types.Tool] | None = None
    toolConfig: gemini_types.ToolConfig | None = None
    safetySettings: list[gemini_types.SafetySetting] | None = None
    generationConfig: gemini_types.GenerationConfig | None = None
    cachedContent: str | None = None
    serviceTier: str | None = None
    labels: dict[str, str] | None = None


def gemini(body: Body) -> Body:
    """The request in its usual spelling: names may also come in snake case, as the SDK's own do."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the SDK only warns of a value that it does not know
        try:
            read = _GenerateContent.model_validate_json(json.dumps(body))
        except pydantic.ValidationError as error:
            raise Refused(_told(error, skip=0)) from None
        except UserWarning as unknown:
            raise Refused(str(unknown)) from None
        written: Body = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    _agree(written, body, "body")
    return written


def _agree(written: Any, sent: Any, at: str) -> None:
    if isinstance(sent, dict) and isinstance(written, dict):
        for name, value in sent.items():
            usual = name if name in written else to_camel(name)
            expect(usual in written, f"{at}.{name}: unknown")
            _agree(written[usual], value, f"{at}.{name}")
    elif isinstance(sent, list) and isinstance(written, list):
        for index, pair in enumerate(zip(written, sent, strict=True)):
            _agree(*pair, f"{at}.{index}")
    elif written != sent:
        # Binary values: the API writes one alphabet of base64 and the SDK the other. Enumerations
        # stand in lower case in some of the API's own examples.
        same = isinstance(sent, str) and written in (sent.translate(_TO_URL_SAFE), sent.upper())
        expect(same, f"{at}: {sent!r} is not {written!r}")


_TO_URL_SAFE = str.maketrans("+/", "-_")


# --- Bedrock: the service's own description -------------------------------------------------------


@functools.cache
def service() -> botocore.model.ServiceModel:
    return botocore.session.get_session().get_service_model("bedrock-runtime")


def bedrock(body: Body, model: str) -> None:
    """The whole request, with the model that stood in the path."""
    shape = service().operation_model("ConverseStream").input_shape
    assert shape is not None
    whole = _decoded({**copy.deepcopy(body), "modelId": model}, shape, "body")
    report = botocore.validate.ParamValidator().validate(whole, shape)
    expect(not report.has_errors(), report.generate_report())


def _decoded(value: Any, shape: botocore.model.Shape, at: str) -> Any:
    """Binary values as binary; and the limits that the service states but botocore ignores."""
    document = getattr(shape, "is_document_type", False)
    if shape.type_name == "structure" and not document:
        expect(isinstance(value, dict), f"{at}: no object")
        members = shape.members
        for name in value:
            expect(name in members, f"{at}: unknown field {name}")
            value[name] = _decoded(value[name], members[name], f"{at}.{name}")
    elif shape.type_name == "list":
        expect(isinstance(value, list), f"{at}: no list")
        member = shape.member
        return [_decoded(item, member, f"{at}.{index}") for index, item in enumerate(value)]
    elif shape.type_name == "blob":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Refused(f"{at}: not base64") from None
    elif shape.type_name in ("string", "integer", "float"):
        _limit(value, shape.metadata, at)
    return value


def _limit(value: Any, stated: dict[str, Any], at: str) -> None:
    measure: Callable[[Any], float] = len if isinstance(value, str) else float
    expect("enum" not in stated or value in stated["enum"], f"{at}: {value!r} is not in the list")
    if isinstance(value, str):
        pattern = stated.get("pattern", ".*")
        expect(re.fullmatch(pattern, value, re.DOTALL), f"{at}: {value!r} is not like {pattern}")
    if isinstance(value, str | int | float):
        expect(measure(value) >= stated.get("min", float("-inf")), f"{at}: below the minimum")
        expect(measure(value) <= stated.get("max", float("inf")), f"{at}: above the maximum")
