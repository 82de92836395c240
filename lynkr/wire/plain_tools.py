"""Tools that only some dialects know, turned into plain function tools, and back in the reply.

| in the request | at a target without it | in the reply |
| --- | --- | --- |
| namespaces (Responses) | `namespace__name` | split again |
| custom tool: free text, grammar | function of one string, `input` | the string itself |
| tool_search run by the client, local_shell | function of that name | their own call items |
| additional_tools, tool_search_output | offered with the other tools | |
| deferred tools, tool_reference (Claude) | offered once referred to, in the order of `tools` | |
| hosted tool search | all deferred tools are offered from the start | |
| a namespace's description | before that of its first tool | |
| a name that the target does not take | shortened, with a checksum | the tool's own name |

All of it is a pure function of the request, so turn n+1 writes the bytes of turn n again.
"""

from __future__ import annotations

import hashlib
import re
from typing import get_args

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
from lynkr.wire.turns import PIECEMEAL, rejoined

NAME_LENGTH_MAX = 64  # OpenAI, Gemini and Bedrock; Anthropic takes 128
_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")
# Run by the provider: Claude's has its version in the name; OpenAI's is plain `tool_search`.
_HOSTED_SEARCH = re.compile(r"tool_search(_tool_|$)")
_CALL_KINDS: tuple[str, ...] = get_args(CallKind)

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
        self._out: dict[tuple[str, str], str] = {}
        self._back: dict[str, Known] = {}

    def offer(self, name: str, namespace: str = "", kind: CallKind = "function") -> str:
        """The name at the target of a tool on offer, which no other one has."""
        wire = self.out(name, namespace, kind)
        known = self._back[wire]
        if (known.name, known.namespace) != (name, namespace):
            # "a__b" of no namespace and "b" of the namespace "a"
            wire = self._marked(wire, f"{namespace}\0{name}")
            self._out[namespace, name] = wire
            self._back[wire] = Known(name, namespace, kind)
        return wire

    def out(self, name: str, namespace: str = "", kind: CallKind = "function") -> str:
        """The name at the target; remembered, so that ``back`` finds the tool again."""
        known = self._out.get((namespace, name))
        if known is not None:
            return known
        whole = f"{namespace}__{name}" if namespace else name
        wire = _REFUSED.sub("_", whole)
        if not wire[:1].isalpha():
            wire = f"_{wire.lstrip('_')}"  # Google wants a letter or an underscore first
        if wire != whole or len(wire) > self._length_max or not wire:
            wire = self._marked(wire, whole)
        self._out[namespace, name] = wire
        self._back.setdefault(wire, Known(name, namespace, kind))
        return wire

    def back(self, wire: str) -> Known | None:
        """The client's tool; ``None`` for a name that the model made up."""
        return self._back.get(wire)

    def _marked(self, wire: str, whole: str) -> str:
        mark = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return f"{wire[: self._length_max - 9]}_{mark}"


def simplified(
    request: Request, losses: Losses, *, custom: bool = False, name_length_max: int = 64
) -> tuple[Request, ToolNames]:
    """The request for a target of another dialect, with the pieces of a stream that its client
    kept apart put together (``turns.rejoined``). ``custom``: the target has custom tools too."""
    if request.format in PIECEMEAL:
        request = msgspec.structs.replace(request, messages=rejoined(request.messages))
    names = ToolNames(name_length_max)
    tools = [_plain(tool, names, custom) for tool in _introduced(_offered(request))]
    # Calls of tools that are no longer offered keep the names they would have had.
    written: frozenset[str] = _written_customs(request) if custom else frozenset()
    messages = [
        plain
        for message in request.messages
        if (plain := _message(message, names, written)).parts or not message.parts
    ]
    choice = request.tool_choice
    if choice is not None and choice.mode == "tool" and choice.kind in _CALL_KINDS:
        choice = ToolChoice(
            mode="tool",
            name=names.out(choice.name or choice.kind, choice.namespace),
            kind="custom" if custom and choice.kind == "custom" else "function",
            extras=choice.extras,
        )
    return (
        msgspec.structs.replace(
            request,
            tools=tools,
            messages=messages,
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


def _introduced(tools: list[Tool]) -> list[Tool]:
    """With each namespace's description before that of the first of its tools."""
    told: set[str] = set()
    found: list[Tool] = []
    for tool in tools:
        said = tool.namespace_description
        if not said or tool.namespace in told:
            found.append(tool)
            continue
        told.add(tool.namespace)
        description = f"{said}\n\n{tool.description}" if tool.description else said
        found.append(msgspec.structs.replace(tool, description=description))
    return found


def _plain(tool: Tool, names: ToolNames, custom: bool) -> Tool:
    if tool.kind == "hosted":
        return tool
    name = names.offer(tool.name, tool.namespace, tool.kind)
    description = tool.description
    if tool.kind == "custom":
        if custom:
            return msgspec.structs.replace(
                tool, name=name, namespace="", namespace_description="", deferred=False,
            )  # fmt: skip
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


def _written_customs(request: Request) -> frozenset[str]:
    """The ids of the calls that stay custom calls: a result is of the kind of its call, and Chat's
    does not say so itself."""
    return frozenset(
        part.id for part in _parts(request) if isinstance(part, ToolCall) and part.kind == "custom"
    )


def _message(message: Message, names: ToolNames, customs: frozenset[str]) -> Message:
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, Offer):
            continue  # offered with the other tools
        if isinstance(part, ToolCall):
            parts.append(_call(part, names, customs))
        elif isinstance(part, ToolResult):
            parts.append(_result(part, names, customs))
        else:
            parts.append(part)
    return msgspec.structs.replace(message, parts=parts)


def _call(call: ToolCall, names: ToolNames, customs: frozenset[str]) -> ToolCall:
    name = names.out(call.name, call.namespace, call.kind)
    if call.kind == "custom" and call.id in customs:
        return msgspec.structs.replace(call, name=name, namespace="")
    arguments = wrapped(call.arguments) if call.kind == "custom" else call.arguments
    return msgspec.structs.replace(
        call, name=name, namespace="", kind="function", arguments=arguments
    )


def _result(result: ToolResult, names: ToolNames, customs: frozenset[str]) -> ToolResult:
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
    kind: CallKind = "custom" if result.call_id in customs else "function"
    name = names.out(result.name) if result.name else ""
    return msgspec.structs.replace(result, content=content, kind=kind, name=name)


class Restorer:
    """The reply's calls as the client knows its tools; events in, events out."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._inputs: dict[int, CustomInput] = {}

    def events(self, events: list[Event]) -> list[Event]:
        """The same events, with each call's name, namespace and kind restored."""
        if not self._inputs:
            for event in events:
                if type(event) is CallStart:
                    break
            else:
                return events
        return [restored for event in events for restored in self._event(event)]

    def _event(self, event: Event) -> list[Event]:
        if isinstance(event, CallStart):
            known = self._known(event.name, event.kind)
            if known is None:
                return [event]
            if known.kind == "custom" and event.kind == "function":
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
        known = self._known(part.name, part.kind) if isinstance(part, ToolCall) else None
        if known is None or not isinstance(part, ToolCall):
            return part
        inside = known.kind == "custom" and part.kind == "function"
        return msgspec.structs.replace(
            part,
            name=known.name,
            namespace=known.namespace,
            kind=known.kind,
            arguments=input_of(part.arguments) if inside else part.arguments,
        )

    def _known(self, name: str, kind: CallKind) -> Known | None:
        """A custom call comes from a target that has them too; it cannot become another kind."""
        known = self._names.back(name)
        return known if kind == "function" or (known and kind == known.kind == "custom") else None
