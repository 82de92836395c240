"""Whether the calls of a reply can be carried out: by the names and schemas of the tools on offer.

Of JSON Schema only what can be told for certain at the top level of the arguments: ``required``,
``type``, ``enum`` and ``const`` of a property. A client's own check sees the rest.
"""

from __future__ import annotations

import re

import msgspec

from lynkr.wire.message import (
    Json,
    Offer,
    Opaque,
    OutputFormat,
    Part,
    Request,
    Response,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
)

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int, float),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_FENCED = re.compile(r"\A(`{3,})[\w-]*[ \t]*\n(.*?)\n?\1\Z", re.S)
# A call as models write it that were not trained to make one, or whose server did not read it:
# Hermes and Qwen, Mistral, Llama, DeepSeek, Claude. At the beginning of a line.
_TAGGED = re.compile(
    r"^[ \t]*(?:<tool_call>|<function_calls?>|<tool_use>|\[TOOL_CALLS\]|<\|python_tag\|>"
    r"|<\|?tool[_\u2581]calls?[_\u2581]?(?:begin)?\|?>|<\uff5ctool\u2581calls?\u2581begin\uff5c>"
    r"|<invoke[ ]name=|<function=)",
    re.M,
)
_BEHIND_TAG = 300  # characters in which the tool's name must follow


def broken_call(asked: Request, reply: Response) -> bool:
    """Whether a call of the reply cannot be carried out, or one that was demanded is missing."""
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    if not calls:
        return _is_missing(asked, reply)
    tools, named = offered(asked)
    for call in calls:
        tool = tools.get(call.name) or tools.get(f"{call.namespace}__{call.name}")
        if tool is None:
            if call.kind in ("function", "custom") and call.name not in named:
                return True
        elif call.kind == "function" and not fits(call.arguments, tool.parameters):
            return True
    return False


def _is_missing(asked: Request, reply: Response) -> bool:
    """Whether there is only text where one of the client's own tools had to be called."""
    choice = asked.tool_choice
    if choice is None or choice.mode not in ("required", "tool") or not asked.tools:
        return False
    if reply.stop.reason != "end_turn" or any(tool.kind == "hosted" for tool in asked.tools):
        return False
    return not any(isinstance(part, Opaque) for part in reply.parts)


def offered(asked: Request) -> tuple[dict[str, Tool], frozenset[str]]:
    """The client's own tools, by name, and names that are known without their rules: of tools that
    the provider runs, and of those only referred to."""
    tools: dict[str, Tool] = {}
    named: set[str] = set()
    found = list(asked.tools)
    for message in asked.messages:
        _collect(message.parts, found, named)
    for tool in found:
        if tool.kind == "hosted":
            named.add(tool.name)
        else:
            tools[tool.name] = tool
            if tool.namespace:
                tools[f"{tool.namespace}__{tool.name}"] = tool
    return tools, frozenset(named)


def _collect(parts: list[Part], tools: list[Tool], named: set[str]) -> None:
    for part in parts:
        if isinstance(part, Offer):
            tools += part.tools
        elif isinstance(part, ToolReference):
            named.add(part.name)
        elif isinstance(part, ToolResult):
            _collect(part.content, tools, named)


def fits(arguments: str, schema: Json | None) -> bool:
    """Whether arguments are a JSON object with what the schema requires, of the types that it
    names. No text at all is the empty object, as some providers write it."""
    try:
        value = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(value, dict) and (schema is None or _fits(value, schema))


def _fits(value: Json, schema: Json) -> bool:
    required = schema.get("required")
    needed = [name for name in required if name] if isinstance(required, list) else []
    if any(name not in value for name in needed):
        return False
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return True
    for name, given in value.items():
        rules = properties.get(name)
        if given is None and name not in needed:
            continue  # as good as not given
        if isinstance(rules, dict) and not _is_one(given, rules):
            return False
    return True


def _is_one(given: object, rules: Json) -> bool:
    if given is None and rules.get("nullable") is True:
        return True
    choices = rules.get("enum")
    if isinstance(choices, list) and choices and given not in choices:
        return False
    if "const" in rules and given != rules["const"]:
        return False
    wanted = rules.get("type")
    names: list[object] = wanted if isinstance(wanted, list) else [wanted]
    # No type, or one that nobody knows, lets everything pass.
    return any(not isinstance(name, str) or _is_of(given, name) for name in names)


def _is_of(given: object, name: str) -> bool:
    if name not in _TYPES:
        return True
    if isinstance(given, bool):
        return name == "boolean"
    if name == "integer" and isinstance(given, float):
        return given.is_integer()
    return isinstance(given, _TYPES[name])


def written_call(asked: Request, reply: Response, said: str) -> bool:
    """Whether the text is a call of one of the tools on offer, written instead of made."""
    choice = asked.tool_choice
    if choice is not None and choice.mode == "none":
        return False
    if any(isinstance(part, ToolCall) for part in reply.parts):
        return False
    tools, _ = offered(asked)
    if not tools:
        return False
    text = said.strip()
    fenced = _FENCED.match(text)
    if _is_call(fenced[2] if fenced is not None else text, tools):
        return asked.output is None or asked.output.kind == "text"
    bare = re.sub(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1[ \t]*$|\Z)", "", said, flags=re.S | re.M)
    for tag in _TAGGED.finditer(bare):
        behind = bare[tag.end() : tag.end() + _BEHIND_TAG]
        if any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", behind) for name in tools):
            return True
    return False


def _is_call(text: str, tools: dict[str, Tool]) -> bool:
    """Whether a whole text is {"name": ..., "arguments": ...} of a tool on offer, or a list of
    such."""
    if not text.startswith(("{", "[")):
        return False
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    calls = value if isinstance(value, list) else [value]
    return bool(calls) and all(isinstance(call, dict) and _names_one(call, tools) for call in calls)


def _names_one(call: Json, tools: dict[str, Tool]) -> bool:
    inner = call.get("function")
    if isinstance(inner, dict):
        call = inner
    name = call.get("name") or call.get("tool")
    has = any(key in call for key in ("arguments", "parameters", "input", "args"))
    return has and isinstance(name, str) and name in tools


def broken_json(wanted: OutputFormat, said: str) -> bool:
    """Whether a text is not the JSON that was asked for."""
    try:
        value = msgspec.json.decode(said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    if wanted.kind == "json_object":
        return not isinstance(value, dict)
    schema = wanted.schema
    if schema is None or schema.get("type") != "object":
        return False
    return not isinstance(value, dict) or not _fits(value, schema)
