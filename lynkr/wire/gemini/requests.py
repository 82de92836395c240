"""Requests of Google's generateContent, read: https://ai.google.dev/api/generate-content

The model and whether to stream stand in the path. What has no word in the vocabulary goes to
``extras`` under its path, such as ``generationConfig.mediaResolution``.

Older calls have no ids, and results name only the tool: a call gets one by its place in the
conversation, and a result that of the first unanswered call of its name in the model's turn before.
``UnnamedCall`` and ``GeminiResult`` remember that the client wrote none.
"""

from __future__ import annotations

import base64
import binascii

from lynkr.wire.codec import invalid
from lynkr.wire.fields import Fields
from lynkr.wire.gemini.fields import fields, inner, several
from lynkr.wire.gemini.schema import json_schema
from lynkr.wire.gemini.signatures import FORMAT, seal_of, standard_base64
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    Audio,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Role,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

# Of a part, beside what it holds.
_ABOUT = frozenset(
    ("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")
)
_MODES = {"AUTO": "auto", "NONE": "none", "ANY": "required"}
LEVELS = frozenset(("minimal", "low", "medium", "high", "xhigh"))
# Where Google keeps what its own file API and its storage hold; nobody else can fetch it.
_PRIVATE = ("gs://", "files/", "https://generativelanguage.googleapis.com/")


class GeminiMessage(Message, kw_only=True):
    """A content with the role that the client gave it, if any: only "model" makes a difference."""

    given: str | None = None


class UnnamedCall(ToolCall, kw_only=True):
    """A call to which the client gave no id."""


class GeminiResult(ToolResult, kw_only=True):
    """A result as the client spelled it."""

    unnamed: bool = False  # it names the tool alone
    spoken: bool = False  # its text, beside pictures, was one string


class GeminiTool(Tool, kw_only=True):
    """A tool with its place: Google groups declarations, and each hosted tool is a field."""

    at: int = 0  # which object of `tools`
    given: Json | None = None  # `parameters`, in Google's own schema


class OpenApiFormat(OutputFormat, kw_only=True):
    """A ``responseSchema``: Google's own schema, beside the JSON Schema made of it."""

    given: Json | None = None


def decode_request(body: bytes, model: str, stream: bool) -> Request:
    """The request in a body; ``model`` and ``stream`` come from the path."""
    try:
        value = loads(body)
    except ValueError as error:
        raise invalid("body", f"The body is not JSON: {error}") from None
    top = fields(value)
    top.take("model")  # some clients repeat the path's
    request = Request(format=FORMAT, model=model, stream=stream, messages=[])
    system = inner(top, "systemInstruction")
    reader = _Conversation()
    if system is not None:
        request.system = reader.content("system", system)
    request.messages = [
        reader.message(fields(content, f"contents.{index}"))
        for index, content in enumerate(several(top, "contents"))
    ]
    request.tools = [
        tool
        for at, value in enumerate(several(top, "tools"))
        for tool in _tools(fields(value, f"tools.{at}"), at)
    ]
    extras: Json = {}
    config = inner(top, "toolConfig")
    if config is not None:
        calling = inner(config, "functionCallingConfig")
        if calling is not None:
            request.tool_choice = _tool_choice(calling)
            _keep(extras, calling)
        _keep(extras, config)
    config = inner(top, "generationConfig")
    if config is not None:
        _generation(request, config, extras)
    request.extras = {**top.rest(), **extras}
    return request


def _keep(extras: Json, left: Fields) -> None:
    """What nobody took, under its path."""
    for name, value in left.rest().items():
        extras[left.path(name)] = value


class _Conversation:
    """Reads contents in order; knows which calls are unanswered."""

    def __init__(self) -> None:
        self._made = 0
        self._role: object = ""
        self._open: list[tuple[str, str]] = []  # name and id

    def message(self, content: Fields) -> Message:
        role = content.left.get("role") or "user"
        if role not in ("user", "model", "function", "tool"):
            raise invalid(content.path("role"), "It must be user or model.")
        if role == "model" and self._role != "model":
            self._open = []
        self._role = role
        return self.content("assistant" if role == "model" else "user", content)

    def content(self, role: Role, content: Fields) -> Message:
        given = content.text("role") if content.left.get("role") is not None else None
        parts: list[Part] = []
        at = content.path("parts")
        for index, value in enumerate(several(content, "parts")):
            self._part(value, f"{at}.{index}", parts)
        return GeminiMessage(role=role, parts=parts, given=given, extras=content.rest())

    def _part(self, value: object, at: str, found: list[Part]) -> None:
        part = fields(value, at)
        signature, thought = part.text("thoughtSignature"), part.flag("thought")
        if part.left.get("text") is not None:
            self._text(part, signature, bool(thought), found)
            return
        if signature and not part.left and not thought:
            _seal(found, seal_of(signature, "part"))
            return
        read: Part | None = None
        if not thought:
            read = self._call(part) or self._result(part) or _media(part)
        if read is None:
            assert isinstance(value, dict)
            kind = next((name for name in part.left if name not in _ABOUT), "part")
            kind = "thought" if thought else kind
            found.append(Opaque(kind=kind, value=value, format=FORMAT))
            return
        if signature:
            _seal(found, seal_of(signature))
        found.append(read)

    def _text(self, part: Fields, signature: str, thought: bool, found: list[Part]) -> None:
        text = part.text("text")
        if thought:
            seal = seal_of(signature, "thought") if signature else None
            found.append(Thinking(text=text, seal=seal, summary=True, extras=part.rest()))
            return
        if signature:
            alone = not text and not part.left
            _seal(found, seal_of(signature, "text" if alone else ""))
            if alone:
                return
        found.append(Text(text=text, extras=part.rest()))

    def _call(self, part: Fields) -> Part | None:
        call = inner(part, "functionCall")
        if call is None:
            return None
        self._made += 1
        name, given = call.needed("name"), call.text("id")
        made = given or f"call_gemini_{self._made}"
        self._open.append((name, made))
        arguments = dumps(call.table("args") or {}).decode()
        extras = _extras(part, "functionCall", call)
        kind = ToolCall if given else UnnamedCall
        return kind(id=made, name=name, arguments=arguments, extras=extras)

    def _result(self, part: Fields) -> Part | None:
        given = inner(part, "functionResponse")
        if given is None:
            return None
        name, call_id = given.text("name"), given.text("id")
        answered = self._answered(name, call_id)
        content, plain, is_error = _output(given.table("response") or {})
        media = [
            _inside(value, f"{given.path('parts')}.{index}")
            for index, value in enumerate(several(given, "parts"))
        ]
        return GeminiResult(
            call_id=answered,
            content=[Text(text=content), *media],
            plain=plain and not media,
            is_error=is_error,
            name=name,
            extras=_extras(part, "functionResponse", given),
            unnamed=not call_id,
            spoken=plain,
        )

    def _answered(self, name: str, call_id: str) -> str:
        """The id of the call that this answers; it is no longer open."""
        for index, (known, made) in enumerate(self._open):
            if made == call_id if call_id else known == name:
                del self._open[index]
                return made
        if call_id:
            return call_id
        self._made += 1
        return f"call_gemini_{self._made}"


def _seal(found: list[Part], seal: Seal) -> None:
    """On the thought before, or on one without words."""
    last = found[-1] if found else None
    if isinstance(last, Thinking) and last.seal is None:
        last.seal = seal
    else:
        found.append(Thinking(seal=seal))


def _extras(part: Fields, name: str, inside: Fields) -> Json:
    extras = part.rest()
    if inside.left:
        extras[name] = inside.rest()
    return extras


def _output(response: Json) -> tuple[str, bool, bool]:
    """The text of a result, whether it was one string, and whether it was an error.

    Google documents the keys ``output`` and ``error``. Anything else is JSON for the model to read.
    """
    if len(response) == 1:
        ((name, value),) = response.items()
        if isinstance(value, str) and name in ("output", "error"):
            return value, True, name == "error"
    return dumps(response).decode(), False, False


def _inside(value: object, at: str) -> Part:
    """A part of a result."""
    part = fields(value, at)
    read = _media(part)
    if read is None:
        assert isinstance(value, dict)
        return Opaque(kind=next(iter(part.left), "part"), value=value, format=FORMAT)
    return read


def _media(part: Fields) -> Part | None:
    """``inlineData`` or ``fileData`` of a type that others know too; ``None`` leaves it alone."""
    for name in ("inlineData", "fileData"):
        if isinstance(part.left.get(name), dict):
            blob = fields(part.left[name], part.path(name))
            break
    else:
        return None
    media_type = blob.text("mimeType")
    family = media_type.partition("/")[0]
    known = family in ("image", "text") or media_type == "application/pdf"
    if not known and (family != "audio" or name != "inlineData"):
        return None
    url = file_id = data = ""
    if name == "inlineData":
        data = standard_base64(blob.needed("data"))
    else:
        url = blob.needed("fileUri")
        if url.startswith(_PRIVATE):
            url, file_id = "", url
    part.take(name)
    extras = _extras(part, name, blob)
    if family == "image":
        return Image(media_type=media_type, data=data, url=url, file_id=file_id, extras=extras)
    if family == "audio":
        return Audio(media_type=media_type, data=data, extras=extras)
    text = _plain(data) if family == "text" else ""
    return Document(
        media_type=media_type, data="" if text else data, text=text, url=url, file_id=file_id,
        extras=extras,
    )  # fmt: skip


def _plain(data: str) -> str:
    """The text in base64; "" when it is none, or would not become the same base64 again."""
    try:
        raw = base64.b64decode(data, validate=True)
        text = raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if base64.b64encode(raw).decode() == data else ""


def _tools(given: Fields, at: int) -> list[Tool]:
    found: list[Tool] = []
    where = given.path("functionDeclarations")
    for index, value in enumerate(several(given, "functionDeclarations")):
        declared = fields(value, f"{where}.{index}")
        name, description = declared.needed("name"), declared.take("description")
        if description is not None and not isinstance(description, str):
            raise declared.wrong("description", "a string")
        own: Json | None = None
        schema = declared.table("parametersJsonSchema")
        if schema is None:
            own = declared.table("parameters")
            schema = json_schema(own) if own is not None else None
        found.append(
            GeminiTool(
                name=name, description=description, parameters=schema, at=at, given=own,
                extras=declared.rest(),
            )
        )  # fmt: skip
    for name, value in given.rest().items():
        found.append(GeminiTool(name=name, kind="hosted", value={"type": name, name: value}, at=at))
    return found


def _tool_choice(calling: Fields) -> ToolChoice | None:
    """AUTO, NONE and ANY have their words; VALIDATED is AUTO with a promise on top. ANY with one
    allowed name is that tool."""
    mode, names = calling.text("mode"), calling.texts("allowedFunctionNames")
    if not mode and not names:
        return None
    if mode == "ANY" and len(names) == 1:
        return ToolChoice(mode="tool", name=names[0])
    extras: Json = {}
    if mode not in _MODES:
        extras["mode"] = mode
    if names:
        extras["allowedFunctionNames"] = names
    return ToolChoice(mode=_MODES.get(mode, "auto"), extras=extras)  # type: ignore[arg-type]


def _generation(request: Request, config: Fields, extras: Json) -> None:
    request.max_output_tokens = config.whole("maxOutputTokens")
    request.temperature = config.number("temperature")
    request.top_p = config.number("topP")
    request.top_k = config.whole("topK")
    request.candidates = config.whole("candidateCount")
    request.stop = config.texts("stopSequences")
    request.seed = config.whole("seed")
    request.presence_penalty = config.number("presencePenalty")
    request.frequency_penalty = config.number("frequencyPenalty")
    request.logprobs = config.flag("responseLogprobs")
    request.top_logprobs = config.whole("logprobs")
    thinking = inner(config, "thinkingConfig")
    if thinking is not None:
        request.reasoning = _reasoning(thinking)
        _keep(extras, thinking)
    request.output = _output_format(config)
    _keep(extras, config)


def _reasoning(thinking: Fields) -> Reasoning | None:
    """A budget of 0 is off, of -1 the model's own choice."""
    shown, budget = thinking.flag("includeThoughts"), thinking.whole("thinkingBudget")
    level = str(thinking.left.get("thinkingLevel") or "").lower()
    if level in LEVELS:
        thinking.take("thinkingLevel")
    else:
        level = ""
    if not shown and budget is None and not level:
        return None
    found = Reasoning(effort=level, summary="auto" if shown else "")
    if budget == 0:
        found.mode = "disabled"
    elif budget == -1:
        found.mode = "adaptive"
    elif budget is not None:
        found.mode, found.budget_tokens = "enabled", budget
    return found


def _output_format(config: Fields) -> OutputFormat | None:
    """Only combinations that Google takes; the others stay as they are."""
    kind = config.left.get("responseMimeType")
    own, schema = config.left.get("responseSchema"), config.left.get("responseJsonSchema")
    if kind == "text/plain" and own is None and schema is None:
        found = OutputFormat(kind="text")
    elif kind != "application/json" or (own is not None and schema is not None):
        return None
    elif isinstance(own, dict):
        config.take("responseSchema")
        found = OpenApiFormat(kind="json_schema", schema=json_schema(own), given=own)
    elif isinstance(schema, dict):
        config.take("responseJsonSchema")
        found = OutputFormat(kind="json_schema", schema=schema)
    elif own is None and schema is None:
        found = OutputFormat(kind="json_object")
    else:
        return None
    config.take("responseMimeType")
    return found
