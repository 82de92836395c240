"""OpenAI Responses: tools and the choice among them, read and written.

https://platform.openai.com/docs/api-reference/responses/create#responses_create-tools

A namespace is flattened: each of its tools is a ``Tool`` that names it. ``ToolSpelling`` remembers
how the list was put together, so that it can be put together again.
"""

from __future__ import annotations

import msgspec

from lynkr.wire.codec import invalid
from lynkr.wire.fields import Fields
from lynkr.wire.message import Json, Tool, ToolChoice

_BLANK: tuple[object, ...] = (None, "", [], {})


class ToolSpelling(msgspec.Struct, frozen=True):
    """One entry of ``tools``: of each tool in it, the fields that say nothing (``split``), and of a
    namespace its own fields."""

    tools: list[Json]
    namespace: Json | None = None


def split(fields: Fields, given: Json, *formal: str) -> tuple[Json, Json]:
    """What is left of an object: extras, and the fields that say nothing to anybody else.

    Those are null, empty, or only ``formal``. They are no loss for a target of another dialect, but
    an exact round trip needs them; so they are remembered beside the vocabulary.
    """
    blank = {name: value for name, value in given.items() if name in formal or value in _BLANK}
    return {name: value for name, value in fields.left.items() if name not in blank}, blank


def decode_tools(values: list[object], at: str) -> tuple[list[Tool], list[ToolSpelling]]:
    """``tools`` of a request, of an ``additional_tools`` item or of a ``tool_search_output``."""
    tools: list[Tool] = []
    spelled: list[ToolSpelling] = []
    for index, value in enumerate(values):
        path = f"{at}.{index}"
        if isinstance(value, dict) and value.get("type") == "namespace":
            found, spelling = _namespace(value, path)
            tools += found
            spelled.append(spelling)
        else:
            tool, blank = _tool(value, path)
            tools.append(tool)
            spelled.append(ToolSpelling([blank]))
    return tools, spelled


def _namespace(value: Json, at: str) -> tuple[list[Tool], ToolSpelling]:
    fields = Fields(value, at)
    fields.take("type")
    name = fields.needed("name")
    description = fields.text("description")
    tools: list[Tool] = []
    blanks: list[Json] = []
    for index, each in enumerate(fields.array("tools")):
        tool, blank = _tool(each, f"{at}.tools.{index}")
        tool.namespace = name
        tool.namespace_description = description
        tools.append(tool)
        blanks.append(blank)
    extras, blank = split(fields, value)
    own: Json = {"type": "namespace", "name": name, **blank}
    if description:
        own["description"] = description
    own.pop("tools", None)
    if tools and extras:
        # On offer with the first tool, so that another dialect's encoder reports them.
        tools[0].extras = {**tools[0].extras, "namespace": extras}
    elif extras:
        own.update(extras)
    return tools, ToolSpelling(blanks, own)


def _tool(value: object, at: str) -> tuple[Tool, Json]:
    fields = Fields(value, at)
    given = dict(fields.left)
    kind = fields.needed("type")
    if kind == "function" or kind == "custom":
        name = fields.needed("name")
        description = fields.text("description") if given.get("description") is not None else None
        deferred = fields.flag("defer_loading")
        parameters = grammar = None
        strict = None
        if kind == "function":
            parameters, strict = fields.table("parameters"), fields.flag("strict")
        else:
            grammar = fields.table("format")
        extras, blank = split(fields, given)
        if deferred is False:
            blank["defer_loading"] = False
        return Tool(
            name=name, kind="function" if kind == "function" else "custom",
            description=description, parameters=parameters, strict=strict, grammar=grammar,
            deferred=bool(deferred), extras=extras,
        ), blank  # fmt: skip
    if kind == "tool_search" and given.get("execution") == "client":
        fields.take("execution")
        description = fields.text("description") if given.get("description") is not None else None
        parameters = fields.table("parameters")
        extras, blank = split(fields, given)
        return Tool(
            name="tool_search", kind="tool_search", description=description,
            parameters=parameters, extras=extras,
        ), blank  # fmt: skip
    if kind == "local_shell":
        extras, blank = split(fields, given)
        return Tool(name="local_shell", kind="local_shell", extras=extras), blank
    named = given.get("name")
    return Tool(name=named if isinstance(named, str) else kind, kind="hosted", value=given), {}


def write_tools(tools: list[Tool], spelled: list[ToolSpelling]) -> list[Json]:
    """The list as the client put it together, if it is still the same; else neighbours of one
    namespace go into one."""
    if not _fits(tools, spelled):
        spelled = _grouped(tools)
    written: list[Json] = []
    at = 0
    for entry in spelled:
        members = tools[at : at + len(entry.tools)]
        at += len(members)
        if entry.namespace is None:
            written.append(_written(members[0], entry.tools[0]))
            continue
        namespace = dict(entry.namespace)
        inner: list[Json] = []
        for tool, blank in zip(members, entry.tools, strict=True):
            own = _written(tool, blank)
            extras = own.pop("namespace", None)
            if isinstance(extras, dict):
                namespace.update(extras)
            inner.append(own)
        namespace["tools"] = inner
        written.append(namespace)
    return written


def _fits(tools: list[Tool], spelled: list[ToolSpelling]) -> bool:
    names: list[object] = []
    for entry in spelled:
        name = "" if entry.namespace is None else entry.namespace["name"]
        names += [name] * len(entry.tools)
    return names == [tool.namespace for tool in tools]


def _grouped(tools: list[Tool]) -> list[ToolSpelling]:
    spelled: list[ToolSpelling] = []
    last: tuple[str, str] | None = None
    for tool in tools:
        group = (tool.namespace, tool.namespace_description)
        if not tool.namespace:
            spelled.append(ToolSpelling([{}]))
        elif group == last:
            spelled[-1].tools.append({})
        else:
            own: Json = {"type": "namespace", "name": tool.namespace}
            if tool.namespace_description:
                own["description"] = tool.namespace_description
            spelled.append(ToolSpelling([{}], own))
        last = group if tool.namespace else None
    return spelled


def _written(tool: Tool, blank: Json) -> Json:
    if tool.kind == "hosted":
        return dict(tool.value)
    written: Json = {"type": tool.kind}
    if tool.kind == "function" or tool.kind == "custom":
        written["name"] = tool.name
    elif tool.kind == "tool_search":
        written["execution"] = "client"
    if tool.description is not None:
        written["description"] = tool.description
    if tool.parameters is not None:
        written["parameters"] = tool.parameters
    if tool.grammar is not None:
        written["format"] = tool.grammar
    if tool.strict is not None:
        written["strict"] = tool.strict
    if tool.deferred:
        written["defer_loading"] = True
    written.update(tool.extras)
    for name, value in blank.items():
        written.setdefault(name, value)
    return written


def decode_choice(fields: Fields) -> ToolChoice | None:
    """``tool_choice``: a word, a named tool, a hosted tool by its type, or ``allowed_tools``."""
    value = fields.take("tool_choice")
    if value is None:
        return None
    if value == "auto" or value == "none" or value == "required":
        return ToolChoice(mode=value)
    if not isinstance(value, dict):
        raise fields.wrong("tool_choice", "auto, none, required or an object")
    inner = Fields(value, fields.path("tool_choice"))
    kind = inner.needed("type")
    if kind == "allowed_tools":
        mode = inner.needed("mode")
        if mode != "auto" and mode != "required":
            raise invalid(inner.path("mode"), "It must be auto or required.")
        return ToolChoice(
            mode="auto" if mode == "auto" else "required", kind=kind, extras=inner.rest()
        )
    return ToolChoice(
        mode="tool",
        name=inner.needed("name") if kind in ("function", "custom") else inner.text("name"),
        kind=kind,
        namespace=inner.text("namespace"),
        extras=inner.rest(),
    )


def write_choice(choice: ToolChoice) -> object:
    """The same the other way."""
    if choice.kind == "allowed_tools":
        return {"type": choice.kind, "mode": choice.mode, **choice.extras}
    if choice.mode != "tool":
        return choice.mode
    written: Json = {"type": choice.kind}
    if choice.name:
        written["name"] = choice.name
    if choice.namespace:
        written["namespace"] = choice.namespace
    written.update(choice.extras)
    return written
