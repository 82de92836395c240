"""OpenAI Responses: requests written.

https://platform.openai.com/docs/api-reference/responses/create

A request of this dialect is written as it was read: extras, spelling and all.
``responses_foreign`` writes those of the others.
"""

from __future__ import annotations

from lynkr.wire.codec import Losses, Target
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Json, Message, Reasoning, Request, Text, Thinking
from lynkr.wire.responses.foreign import Foreign
from lynkr.wire.responses.items import NAME, PLAIN, Body, own_items, respelled
from lynkr.wire.responses.requests import output_format
from lynkr.wire.responses.tools import write_choice, write_tools


def encode_request(request: Request, target: Target, losses: Losses) -> bytes:
    """The body for ``target``."""
    if request.format == NAME:
        return dumps(_own(request, target, losses))
    return dumps(Foreign(request, target, losses).body())


def _own(request: Request, target: Target, losses: Losses) -> Json:
    spelling = request.spelling if isinstance(request, Body) else PLAIN
    body: Json = {"model": target.model} if target.model else {}
    items: list[Json] = []
    for index, message in enumerate(request.messages):
        for part in message.parts:
            if isinstance(part, Thinking) and (part.seal is None or part.seal.format != NAME):
                losses.add("thinking", f"input.{index}")
        items += own_items(message)
    if spelling.bare and len(items) == 1 and isinstance(items[0].get("content"), str):
        body["input"] = items[0]["content"]
    elif items or "input" not in spelling.absent + tuple(spelling.blank):
        body["input"] = items
    for name, value in own_fields(request).items():
        body.setdefault(name, value)
    return body


def own_fields(request: Request) -> Json:
    """All of a request of this dialect but ``model`` and ``input``, as the client wrote it."""
    spelling = request.spelling if isinstance(request, Body) else PLAIN
    body: Json = {}
    if request.system is not None:
        body["instructions"] = _instructions(request.system)
    if tools := write_tools(request.tools, spelling.tools):
        body["tools"] = tools
    if request.tool_choice is not None:
        body["tool_choice"] = write_choice(request.tool_choice)
    if request.stream:
        body["stream"] = True
    if request.reasoning is not None:
        body["reasoning"] = _reasoning_fields(request.reasoning, spelling.inner.get("reasoning"))
    text: Json = {}
    if request.output is not None:
        text["format"] = output_format(request.output)
        _fill(text["format"], spelling.inner.get("format"))
    if request.verbosity:
        text["verbosity"] = request.verbosity
    extras = dict(request.extras)
    more = extras.pop("text", None)
    text.update(more if isinstance(more, dict) else {})
    _fill(text, spelling.inner.get("text"))
    if text:
        body["text"] = text
    if request.user:
        body["safety_identifier" if "user" in spelling.absent else "user"] = request.user
    for name, value in _simple(request):
        if value is not None and value != "":
            body[name] = value
    body.update(extras)
    return respelled(body, spelling)


def _simple(request: Request) -> tuple[tuple[str, object], ...]:
    """Fields that are the same in the vocabulary."""
    return (
        ("parallel_tool_calls", request.parallel_tool_calls),
        ("max_output_tokens", request.max_output_tokens),
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("top_logprobs", request.top_logprobs),
        ("metadata", request.metadata),
        ("prompt_cache_key", request.prompt_cache_key),
        ("prompt_cache_retention", request.prompt_cache_retention),
        ("service_tier", request.service_tier),
        ("store", request.store),
        ("previous_response_id", request.previous_response_id),
    )


def _fill(written: object, blank: Json | None) -> None:
    if isinstance(written, dict) and blank:
        for name, value in blank.items():
            written.setdefault(name, value)


def _reasoning_fields(reasoning: Reasoning, blank: Json | None) -> Json:
    written: Json = {}
    if reasoning.effort:
        written["effort"] = reasoning.effort
    if reasoning.summary:
        written["summary"] = reasoning.summary
    written.update(reasoning.extras)
    _fill(written, blank)
    return written


def _instructions(system: Message) -> str:
    return "\n\n".join(part.text for part in system.parts if isinstance(part, Text))
