"""What a request says, read from its JSON without any codec: for comparing source and target.

    meaning("openai_chat", body)

Texts are kept apart by who says them; calls and results are linked by the number of the call, since
ids may be changed as long as each pair changes alike. Reading is strict: what it does not know is
listed in ``others``, so that a test sees it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pydantic.alias_generators import to_camel

Json = dict[str, Any]


class Tool(NamedTuple):
    name: str
    description: str
    schema: object
    namespace: str = ""
    kind: str = "function"


class Call(NamedTuple):
    name: str
    arguments: object  # parsed; the text itself for a custom tool
    namespace: str = ""
    kind: str = "function"


class Result(NamedTuple):
    call: int  # number of the call in ``Meaning.calls``; -1: of none
    texts: list[str]
    error: bool


class Meaning:
    """Everything in the order of the conversation; see ``order`` for who spoke when."""

    def __init__(self) -> None:
        self.prompt: list[str] = []  # the system texts that stand outside the conversation
        self.order: list[tuple[str, str]] = []  # ("user", text), ("call", name), ("result", text)
        self.thoughts: list[str] = []
        self.pictures: list[str] = []  # base64 or URL, those in results too
        self.documents: list[str] = []
        self.sounds: list[str] = []
        self.tools: list[Tool] = []
        self.calls: list[Call] = []
        self.results: list[Result] = []
        self.others: list[str] = []
        self._ids: dict[str, int] = {}

    def texts(self, *roles: str) -> list[str]:
        """What these say, in order; blank texts carry nothing."""
        return [text for role, text in self.order if role in roles and text.strip()]

    # for the readers

    def said(self, role: str, text: str) -> None:
        self.order.append((role, text))

    def instructed(self, text: str) -> None:
        self.prompt.append(text)
        self.said("system", text)

    def called(self, call_id: str, call: Call) -> None:
        assert call_id not in self._ids, f"the call id {call_id} is used twice"
        self._ids[call_id] = len(self.calls)
        self.calls.append(call)
        self.order.append(("call", call.name))

    def answered(self, call_id: str, texts: list[str], error: bool = False) -> None:
        number = self._ids.get(call_id, -1)
        self.results.append(Result(number, texts, error))
        self.order.append(("result", str(number)))

    def unanswered(self) -> list[int]:
        """Numbers of calls, in the order of the conversation, as of now."""
        done = {result.call for result in self.results}
        return [number for number in range(len(self.calls)) if number not in done]


def meaning(dialect: str, body: bytes) -> Meaning:
    found = Meaning()
    _READERS[dialect](json.loads(body), found)
    return found


def _parsed(text: str) -> object:
    return json.loads(text) if text else {}


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _parts(content: object, kind: str = "text") -> list[Json]:
    """Content as a list of parts, also when it was one string."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": kind, "text": content}]
    assert isinstance(content, list), content
    return content


# --- Anthropic Messages ---------------------------------------------------------------------------


def _messages(body: Json, found: Meaning) -> None:
    for part in _parts(body.get("system")):
        found.instructed(part["text"])
    for message in body["messages"]:
        for part in _parts(message["content"]):
            _block(part, message["role"], found)
    for tool in body.get("tools", []):
        if tool.get("type", "custom") == "custom":
            schema = tool.get("input_schema")
            found.tools.append(Tool(tool["name"], tool.get("description") or "", schema))
        else:
            found.others.append(tool["type"])


def _block(part: Json, role: str, found: Meaning) -> None:
    kind = part["type"]
    if kind == "text":
        found.said(role, part["text"])
    elif kind == "thinking":
        found.thoughts.append(part["thinking"])
    elif kind == "tool_use":
        found.called(part["id"], Call(part["name"], part["input"]))
    elif kind == "tool_result":
        texts = []
        for inner in _parts(part.get("content")):
            if inner["type"] == "text":
                texts.append(inner["text"])
            elif inner["type"] == "tool_reference":
                texts.append(_compact(inner))
            else:
                _block(inner, role, found)
        found.answered(part["tool_use_id"], texts, part.get("is_error") or False)
    elif kind in ("image", "document"):
        source = part["source"]
        place = found.pictures if kind == "image" else found.documents
        place.append(source.get("data") or source.get("url") or source.get("file_id"))
    else:
        found.others.append(kind)


# --- Chat Completions -----------------------------------------------------------------------------


def _chat(body: Json, found: Meaning) -> None:
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            texts = [part["text"] for part in _parts(message["content"])]
            found.answered(message["tool_call_id"], texts)
            continue
        for field in ("reasoning_content", "reasoning"):
            found.thoughts += [message[field]] if message.get(field) else []
        for part in _parts(message.get("content")):
            _chat_part(part, "system" if role == "developer" else role, found)
        if message.get("refusal"):
            found.said(role, message["refusal"])
        for call in message.get("tool_calls") or []:
            inner = call[call["type"]]
            if call["type"] == "custom":
                found.called(call["id"], Call(inner["name"], inner["input"], "", "custom"))
            else:
                found.called(call["id"], Call(inner["name"], _parsed(inner["arguments"])))
    for tool in body.get("tools") or []:
        inner = tool[tool["type"]]
        found.tools.append(
            Tool(
                inner["name"],
                inner.get("description") or "",
                inner.get("parameters"),
                kind=tool["type"],
            )
        )


def _chat_part(part: Json, role: str, found: Meaning) -> None:
    kind = part["type"]
    if kind == "text":
        found.said(role, part["text"])
    elif kind == "refusal":
        found.said(role, part["refusal"])
    elif kind == "image_url":
        found.pictures.append(_located(part["image_url"]["url"]))
    elif kind == "file":
        found.documents.append(_located(part["file"].get("file_data", "")))
    elif kind == "input_audio":
        found.sounds.append(part["input_audio"]["data"])
    else:
        found.others.append(kind)


def _located(url: str) -> str:
    return url.partition(";base64,")[2] if url.startswith("data:") else url


# --- Responses ------------------------------------------------------------------------------------

_CALLS = {
    "function_call": ("function", "arguments"),
    "custom_tool_call": ("custom", "input"),
    "tool_search_call": ("tool_search", "arguments"),
    "local_shell_call": ("local_shell", "action"),
}
_OUTPUTS = {
    "function_call_output": "output",
    "custom_tool_call_output": "output",
    "tool_search_output": "tools",
    "local_shell_call_output": "output",
}


def _responses(body: Json, found: Meaning) -> None:
    if body.get("instructions"):
        found.instructed(body["instructions"])
    items = body["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    for item in items:
        kind = item.get("type", "message")
        if kind == "message":
            role = "system" if item["role"] == "developer" else item["role"]
            for part in _parts(item["content"], "input_text"):
                _response_part(part, role, found)
        elif kind == "reasoning":
            said = [*(item.get("content") or []), *(item.get("summary") or [])]
            found.thoughts += [part["text"] for part in said]
        elif kind in _CALLS:
            _response_call(item, found)
        elif kind in _OUTPUTS:
            _response_result(item, found)
        elif kind == "additional_tools":
            found.tools += _response_tools(item["tools"], found)
        else:
            found.others.append(kind)
    found.tools += _response_tools(body.get("tools") or [], found)


def _response_part(part: Json, role: str, found: Meaning) -> None:
    kind = part["type"]
    if kind in ("input_text", "output_text"):
        found.said(role, part["text"])
    elif kind == "refusal":
        found.said(role, part["refusal"])
    elif kind == "input_image":
        found.pictures.append(_located(part.get("image_url") or part.get("file_id") or ""))
    elif kind == "input_file":
        found.documents.append(_located(part.get("file_data") or part.get("file_url") or ""))
    else:
        found.others.append(kind)


def _response_call(item: Json, found: Meaning) -> None:
    kind, field = _CALLS[item["type"]]
    given = item[field]
    arguments = _parsed(given) if isinstance(given, str) and kind != "custom" else given
    name = item.get("name", kind)
    namespace = item.get("namespace") or ""
    found.called(item["call_id"], Call(name, arguments, namespace, kind))


def _response_result(item: Json, found: Meaning) -> None:
    output = item[_OUTPUTS[item["type"]]]
    if item["type"] == "tool_search_output":
        loaded = list(_response_tools(output, found))
        found.tools += loaded
        named = [
            {"name": tool.name} | ({"namespace": tool.namespace} if tool.namespace else {})
            for tool in loaded
        ]
        found.answered(item["call_id"], [_compact({"tools": named})])
        return
    texts = []
    for part in _parts(output, "input_text"):
        if part["type"] in ("input_text", "output_text"):
            texts.append(part["text"])
        else:
            _response_part(part, "user", found)
    found.answered(item["call_id"], texts)


def _response_tools(tools: list[Json], found: Meaning, namespace: str = "") -> Iterator[Tool]:
    for tool in tools:
        kind = tool["type"]
        if kind == "namespace":
            yield from _response_tools(tool["tools"], found, tool["name"])
        elif kind in ("function", "custom") or (
            kind in ("tool_search", "local_shell") and tool.get("execution", "client") == "client"
        ):
            description: str = tool.get("description") or ""
            name: str = tool.get("name") or kind
            yield Tool(name, description, tool.get("parameters"), namespace, kind)
        else:
            found.others.append(kind)


# --- Gemini ---------------------------------------------------------------------------------------

_NOT_GOOGLES = ("args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema")


def _gemini(body: Json, found: Meaning) -> None:
    body = camel(body)
    for part in _several((body.get("systemInstruction") or {}).get("parts", [])):
        found.instructed(part["text"])
    for content in _several(body["contents"]):
        role = "assistant" if content.get("role") == "model" else "user"
        for part in _several(content["parts"]):
            _gemini_part(part, role, found)
    for tool in body.get("tools", []):
        for declared in tool.get("functionDeclarations", []):
            schema = declared.get("parametersJsonSchema", declared.get("parameters"))
            found.tools.append(Tool(declared["name"], declared.get("description") or "", schema))
        found.others += [name for name in tool if name != "functionDeclarations"]


def camel(value: Any) -> Any:
    """Google takes snake case too; what is inside arguments and schemas is not its own."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {to_camel(name): each for name, each in value.items()}
    return {name: each if name in _NOT_GOOGLES else camel(each) for name, each in named.items()}


def _several(value: Any) -> list[Json]:
    """One stands for a list of one."""
    return value if isinstance(value, list) else [value]


def _gemini_part(part: Json, role: str, found: Meaning) -> None:
    if "functionCall" in part:
        call = part["functionCall"]
        number = call.get("id") or f"#{len(found.calls)}"
        found.called(number, Call(call["name"], call.get("args") or {}))
    elif "functionResponse" in part:
        answer = part["functionResponse"]
        waiting = [n for n in found.unanswered() if found.calls[n].name == answer["name"]]
        number = answer.get("id") or (f"#{waiting[0]}" if waiting else "")
        response = answer["response"]
        texts = [
            text for key in ("output", "error", "result") for text in _texts(response.get(key))
        ]
        for inner in answer.get("parts", []):
            _gemini_part(inner, role, found)
        found.answered(number, texts, "error" in response)
    elif part.get("thought"):
        found.thoughts.append(part["text"])
    elif "text" in part:
        found.said(role, part["text"])
    elif "inlineData" in part:
        data = part["inlineData"]
        places = {"image": found.pictures, "audio": found.sounds, "video": found.others}
        places.get(data["mimeType"].partition("/")[0], found.documents).append(data["data"])
    elif "fileData" in part:
        found.pictures.append(part["fileData"]["fileUri"])
    else:
        found.others.append(next(iter(part)))


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value if isinstance(value, str) else _compact(value)]


# --- Bedrock --------------------------------------------------------------------------------------


def _bedrock(body: Json, found: Meaning) -> None:
    for part in body.get("system", []):
        if "text" in part:
            found.instructed(part["text"])
    for message in body["messages"]:
        for part in message["content"]:
            _converse_part(part, message["role"], found)
    for tool in body.get("toolConfig", {}).get("tools", []):
        if "toolSpec" in tool:
            spec = tool["toolSpec"]
            schema = spec["inputSchema"]["json"]
            found.tools.append(Tool(spec["name"], spec.get("description") or "", schema))
        elif "cachePoint" not in tool:
            found.others.append(next(iter(tool)))


def _converse_part(part: Json, role: str, found: Meaning) -> None:
    if "text" in part:
        found.said(role, part["text"])
    elif "toolUse" in part:
        call = part["toolUse"]
        found.called(call["toolUseId"], Call(call["name"], call["input"]))
    elif "toolResult" in part:
        answer = part["toolResult"]
        texts = []
        for inner in answer["content"]:
            if "text" in inner:
                texts.append(inner["text"])
            elif "json" in inner:
                texts.append(_compact(inner["json"]))
            else:
                _converse_part(inner, role, found)
        found.answered(answer["toolUseId"], texts, answer.get("status") == "error")
    elif "reasoningContent" in part:
        found.thoughts.append(part["reasoningContent"].get("reasoningText", {}).get("text", ""))
    elif "image" in part:
        found.pictures.append(part["image"]["source"]["bytes"])
    elif "audio" in part:
        found.sounds.append(part["audio"]["source"]["bytes"])
    elif "document" in part:
        found.documents.append(part["document"]["source"]["bytes"])
    elif "cachePoint" not in part:
        found.others.append(next(iter(part)))


_READERS: dict[str, Callable[[Json, Meaning], None]] = {
    "anthropic_messages": _messages,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "gemini": _gemini,
    "bedrock": _bedrock,
}
