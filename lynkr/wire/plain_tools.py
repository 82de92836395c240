"""Tools that only some dialects know, turned into plain function tools, and back in the reply.

| in the request | at a target without it | in the reply |
| --- | --- | --- |
| namespaces (Responses) | `namespace__name` | split again |
| custom tool: free text, grammar | function of one string, `input` | the string itself |
| tool_search run by the client, local_shell | function of that name | their own call items |
| additional_tools, tool_search_output | offered with the other tools | |
| deferred tools, tool_reference (Claude) | offered once referred to, in the order of `tools` | |
| hosted tool search (Claude) | all deferred tools are offered from the start | |
| a name that the target does not take | shortened, with a checksum | the tool's own name |

All of it is a pure function of the request, so turn n+1 writes the bytes of turn n again.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from lynkr.wire.codec import Losses
from lynkr.wire.custom_input import CustomInput, input_of, wrapped
from lynkr.wire.events import ArgumentsDelta, CallStart, Event, PartStop
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import (
    CallKind,
    Json,
    Message,
    Offer,
    Part,
    Request,
    Response,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
)

NAME_LENGTH_MAX = 64  # OpenAI, Gemini and Bedrock; Anthropic takes 128
_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")
_HOSTED_SEARCH = re.compile(r"tool_search_tool_")  # Claude's, run by Anthropic

# https://platform.openai.com/docs/guides/tools-local-shell: the action of a local_shell_call
_SHELL_PARAMETERS: Json = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["exec"]},
        "command": {"type": "array", "items": {"type": "string"}},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "timeout_ms": {"type": ["integer", "null"]},
        "user": {"type": ["string", "null"]},
        "working_directory": {"type": ["string", "null"]},
    },
    "required": ["type", "command", "env"],
}


class Known(msgspec.Struct, frozen=True):
    """A tool as the client knows it."""

    name: str
    namespace: str = ""
    kind: CallKind = "function"


class ToolNames:
    """Names at the target, and the way back."""

    def __init__(self, length_max: int = NAME_LENGTH_MAX) -> None:
        self._length_max = length_max
        self._back: dict[str, Known] = {}

    def out(self, name: str, namespace: str = "", kind: CallKind = "function") -> str:
        """The name at the target; remembered, so that ``back`` finds the tool again."""
        whole = f"{namespace}__{name}" if namespace else name
        wire = _REFUSED.sub("_", whole)
        if wire != whole or len(wire) > self._length_max or not wire:
            mark = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            wire = f"{wire[: self._length_max - 9]}_{mark}"
        self._back.setdefault(wire, Known(name, namespace, kind))
        return wire

    def back(self, wire: str) -> Known:
        """The client's tool; a name that the model made up is passed as it is."""
        return self._back.get(wire) or Known(wire)


def simplified(
    request: Request, losses: Losses, *, custom: bool = False, name_length_max: int = 64
) -> tuple[Request, ToolNames]:
    """The request for a target of another dialect. ``custom``: the target has custom tools too."""
    names = ToolNames(name_length_max)
    tools = [_plain(tool, names, losses, custom) for tool in _offered(request)]
    # Calls of tools that are no longer offered keep the names they would have had.
    messages = [_message(message, names, custom) for message in request.messages]
    choice = request.tool_choice
    if choice is not None and choice.mode == "tool":
        kind: CallKind = "custom" if choice.kind == "custom" else "function"
        choice = ToolChoice(
            mode="tool",
            name=names.out(choice.name, choice.namespace, kind),
            kind="custom" if custom and kind == "custom" else "function",
            extras=choice.extras,
        )
    return (
        msgspec.structs.replace(
            request,
            tools=tools,
            messages=[message for message in messages if message.parts],
            tool_choice=choice,
        ),
        names,
    )


def _offered(request: Request) -> list[Tool]:
    """Every tool that the model may see now, each once, in a stable order."""
    tools = list(request.tools)
    named = {part.name for part in _parts(request) if isinstance(part, ToolReference)}
    for part in _parts(request):
        if isinstance(part, Offer):
            tools += (msgspec.structs.replace(tool, deferred=False) for tool in part.tools)
    hosted_search = any(
        tool.kind == "hosted" and _HOSTED_SEARCH.match(str(tool.value.get("type", "")))
        for tool in tools
    )
    seen: set[tuple[str, str]] = set()
    offered: list[Tool] = []
    for tool in tools:
        key = (tool.namespace, tool.name)
        if tool.kind == "hosted":
            if _HOSTED_SEARCH.match(str(tool.value.get("type", ""))):
                continue  # what it would find is offered already
        elif key in seen or (tool.deferred and not hosted_search and tool.name not in named):
            continue
        else:
            seen.add(key)
        offered.append(tool)
    return offered


def _parts(request: Request) -> list[Part]:
    found: list[Part] = []
    for message in request.messages:
        for part in message.parts:
            found.append(part)
            if isinstance(part, ToolResult):
                found += part.content
    return found


def _plain(tool: Tool, names: ToolNames, losses: Losses, custom: bool) -> Tool:
    if tool.kind == "hosted":
        return tool
    name = names.out(tool.name, tool.namespace, tool.kind)
    description = tool.description
    if tool.kind == "custom":
        if custom:
            return msgspec.structs.replace(tool, name=name, namespace="")
        if tool.grammar is not None and tool.grammar.get("type") == "grammar":
            syntax, definition = tool.grammar.get("syntax"), tool.grammar.get("definition")
            rule = f"`input` follows this {syntax} grammar:\n{definition}"
            description = f"{description}\n\n{rule}" if description else rule
        parameters: Json | None = {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
        }
    elif tool.kind == "local_shell":
        parameters = _SHELL_PARAMETERS
    else:
        parameters = tool.parameters
    return Tool(
        name=name, description=description, parameters=parameters, strict=tool.strict,
        cache=tool.cache, extras=tool.extras,
    )  # fmt: skip


def _message(message: Message, names: ToolNames, custom: bool) -> Message:
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, Offer):
            continue  # offered with the other tools
        if isinstance(part, ToolCall):
            parts.append(_call(part, names, custom))
        elif isinstance(part, ToolResult):
            parts.append(_result(part))
        else:
            parts.append(part)
    return msgspec.structs.replace(message, parts=parts)


def _call(call: ToolCall, names: ToolNames, custom: bool) -> ToolCall:
    name = names.out(call.name, call.namespace, call.kind)
    if call.kind == "custom" and custom:
        return msgspec.structs.replace(call, name=name, namespace="")
    arguments = wrapped(call.arguments) if call.kind == "custom" else call.arguments
    return msgspec.structs.replace(
        call, name=name, namespace="", kind="function", arguments=arguments
    )


def _result(result: ToolResult) -> ToolResult:
    content: list[Part] = []
    for part in result.content:
        if isinstance(part, ToolReference):
            # The definition is among the tools; here stands the reference itself.
            shown = {"type": "tool_reference", "tool_name": part.name, **part.extras}
            content.append(Text(text=dumps(shown).decode()))
        elif isinstance(part, Offer):
            loaded = [
                {"name": tool.name, **({"namespace": tool.namespace} if tool.namespace else {})}
                for tool in part.tools
            ]
            content.append(Text(text=dumps({"tools": loaded}).decode()))
        else:
            content.append(part)
    kind: CallKind = "function"
    return msgspec.structs.replace(result, content=content, kind=kind)


class Restorer:
    """The reply's calls as the client knows its tools; events in, events out."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._inputs: dict[int, CustomInput] = {}

    def events(self, events: list[Event]) -> list[Event]:
        """The same events, with each call's name, namespace and kind restored."""
        return [restored for event in events for restored in self._event(event)]

    def _event(self, event: Event) -> list[Event]:
        if isinstance(event, CallStart) and event.kind == "function":
            known = self._names.back(event.name)
            if known.kind == "custom":
                self._inputs[event.index] = CustomInput()
            return [
                msgspec.structs.replace(
                    event, name=known.name, namespace=known.namespace, kind=known.kind
                )
            ]
        if isinstance(event, ArgumentsDelta) and event.index in self._inputs:
            text = self._inputs[event.index].feed(event.text)
            return [ArgumentsDelta(event.index, text)] if text else []
        if isinstance(event, PartStop) and event.index in self._inputs:
            text = self._inputs.pop(event.index).finish()
            return [ArgumentsDelta(event.index, text), event] if text else [event]
        return [event]

    def response(self, response: Response) -> Response:
        """The same for a whole reply."""
        return msgspec.structs.replace(
            response, parts=[self._part(part) for part in response.parts]
        )

    def _part(self, part: Part) -> Part:
        if not isinstance(part, ToolCall) or part.kind != "function":
            return part
        known = self._names.back(part.name)
        arguments = input_of(part.arguments) if known.kind == "custom" else part.arguments
        return msgspec.structs.replace(
            part,
            name=known.name,
            namespace=known.namespace,
            kind=known.kind,
            arguments=arguments,
        )
