"""Amazon Bedrock's Converse: its content blocks, in both directions, and its usage.

A block is a table with one key, which says what it is: ``{"text": ...}``, ``{"toolUse": {...}}``.
Binary data is base64. A cache point is a block of its own, behind what is to be cached. Shapes:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html

Nobody splices these replies to a client, so there is no ``Format`` here: no tee reads the binary
event stream, and whole bodies are decoded anyway.
"""

from __future__ import annotations

import base64

import msgspec

from lynkr.wire.custom_input import wrapped
from lynkr.wire.fields import Fields
from lynkr.wire.format import Count, report_reader
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Opaque,
    Part,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from lynkr.wire.seals import seal_text, unseal

NAME = "bedrock"
ADDITIONAL = "additionalModelRequestFields"
CLAUDE = "anthropic_messages"  # whose seals Claude's reasoning has, on Bedrock too

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
_OFFICE = "application/vnd.openxmlformats-officedocument."
MEDIA_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": _OFFICE + "wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": _OFFICE + "spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}
_CARRIED = frozenset(("citationsContent", "json"))  # blocks kept in the extras of their text
DOCUMENT_FORMATS = {media_type: name for name, media_type in MEDIA_TYPES.items()}


# --- usage ----------------------------------------------------------------------------------------


class _Report(msgspec.Struct, frozen=True, rename="camel"):
    """The fields of a ``usage`` object that we count."""

    input_tokens: Count = None
    output_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_write_input_tokens: Count = None


_read_report = report_reader(_Report, _Report())


def usage_of(value: object) -> Usage:
    """A decoded ``usage`` object. ``inputTokens`` counts what was neither read from the cache nor
    written to it (https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html)."""
    if not isinstance(value, dict):
        return Usage()
    report = _read_report(dumps(value))
    return Usage(
        report.input_tokens,
        report.output_tokens,
        report.cache_read_input_tokens,
        report.cache_write_input_tokens,
    )


# --- reading blocks -------------------------------------------------------------------------------


def read_blocks(values: list[object], at: str) -> list[Part]:
    """Blocks as parts, cache points as marks on the part before. Unknown blocks stay ``Opaque``.
    Raises the 400 of a known block that lacks what it needs; ``at`` is the path of the list."""
    parts: list[Part] = []
    for index, value in enumerate(values):
        block = Fields(value, f"{at}.{index}").left
        if len(block) == 1 and "cachePoint" in block and parts:
            marked = parts[-1]
            mark = read_mark(block["cachePoint"])
            if (
                mark is not None
                and isinstance(marked, (Text, Image, Document, ToolCall, ToolResult))
                and marked.cache is None
            ):
                marked.cache = mark
                continue
        parts.append(_part(block, f"{at}.{index}"))
    return parts


def read_mark(value: object) -> CacheMark | None:
    """The inside of a ``cachePoint``, if it is of the one type there is."""
    if not isinstance(value, dict) or value.get("type") != "default":
        return None
    ttl = value.get("ttl")
    if ttl is not None and not isinstance(ttl, str):
        return None
    return CacheMark(
        ttl=ttl or "",
        extras={name: each for name, each in value.items() if name not in ("type", "ttl")},
    )


def _part(block: Json, at: str) -> Part:
    kind = next(iter(block), "")
    if "text" in block and _CARRIED.isdisjoint(block):
        fields = Fields(block, at)
        return Text(text=fields.needed("text"), extras=fields.rest())
    if len(block) == 1 and isinstance(block[kind], dict):
        fields = Fields(block[kind], f"{at}.{kind}")
        part = _known(kind, fields)
        if part is not None:
            return part
        kind = _kind(kind, block[kind])
    return Opaque(kind=kind, value=block, format=NAME)


def _known(kind: str, fields: Fields) -> Part | None:
    """``None``: the vocabulary has no word for all of it."""
    if kind == "toolUse":
        return _call(fields)
    if kind == "toolResult":
        return _result(fields)
    if kind == "reasoningContent":
        return _thinking(fields.left)
    if kind == "image":
        return _image(fields.left)
    if kind == "document":
        return _document(fields.left)
    if kind == "audio":
        return _audio(fields.left)
    if kind == "citationsContent":
        return _cited(fields.left)
    return None


def _kind(kind: str, inner: object) -> str:
    """What to call an opaque block. Tools that Bedrock itself runs have a ``type``."""
    if kind == "cachePoint":
        return "cache_control"  # there was no part to put the mark on
    told = inner.get("type") if isinstance(inner, dict) else None
    return told if isinstance(told, str) and told else kind


def _call(fields: Fields) -> ToolCall | None:
    if fields.left.get("type") == "server_tool_use":
        return None  # not the client's to run
    fields.left.pop("type", None)  # replies say "tool_use"; requests need not
    return ToolCall(
        id=fields.needed("toolUseId"),
        name=fields.needed("name"),
        arguments=dumps(fields.left.pop("input", {})).decode(),
        extras=fields.rest(),
    )


def _result(fields: Fields) -> ToolResult | None:
    if fields.left.get("type") not in (None, "tool_result"):
        return None  # of a tool that Bedrock ran
    fields.left.pop("type", None)
    status = fields.left.get("status")
    if status in ("success", "error"):
        del fields.left["status"]
    content: list[Part] = []
    for part in read_blocks(fields.array("content"), fields.path("content")):
        value = part.value if isinstance(part, Opaque) else {}
        said = value.keys() == {"json"}
        content.append(Text(text=dumps(value["json"]).decode(), extras=value) if said else part)
    return ToolResult(
        call_id=fields.needed("toolUseId"),
        content=content,
        is_error=status == "error",
        extras=fields.rest(),
    )


def _thinking(inner: Json) -> Thinking | None:
    if len(inner) != 1:
        return None
    wire = inner.get("redactedContent")
    if isinstance(wire, str) and wire:
        seal = redacted_seal(wire)
        return Thinking(seal=seal) if seal is not None else None
    told = inner.get("reasoningText")
    if not isinstance(told, dict) or not isinstance(told.get("text"), str):
        return None
    left = dict(told)
    text = left.pop("text")
    signed = left.get("signature")
    if isinstance(signed, str) and signed:
        del left["signature"]
        return Thinking(text=text, seal=signature_seal(signed), extras=left)
    return Thinking(text=text, extras=left)


def signature_seal(signature: str) -> Seal:
    """Claude's own signature, or the seal of another that travels in its place."""
    return unseal(signature) or Seal(CLAUDE, {"signature": signature})


def redacted_seal(wire: str) -> Seal | None:
    """The seal in a ``redactedContent``; ``None`` when that is no base64. The bytes of Claude's are
    the text that Anthropic's own API has as ``data``. Other models have their own."""
    try:
        data = base64.b64decode(wire, validate=True)
    except ValueError:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or base64.b64encode(data).decode() != wire:
        return Seal(NAME, {"redactedContent": wire})
    return unseal(text) or Seal(CLAUDE, {"data": text})


def redacted_content(seal: Seal) -> str | None:
    """The way back; ``None`` for a seal that is none of those."""
    wire, data = seal.data.get("redactedContent"), seal.data.get("data")
    if seal.format == NAME and isinstance(wire, str):
        return wire
    if seal.format == CLAUDE and isinstance(data, str):
        return base64.b64encode(data.encode("utf-8", "surrogatepass")).decode()
    return None


def signature(seal: Seal) -> str | None:
    """The signature of reasoning whose text is shown; ``None`` for other seals."""
    told = seal.data.get("signature")
    return told if seal.format == CLAUDE and isinstance(told, str) else None


def hidden(seal: Seal) -> str:
    """A seal of another as ``redactedContent``."""
    return base64.b64encode(seal_text(seal).encode()).decode()


def _bytes_of(left: Json) -> str:
    """Takes a source that is nothing but data; "" when it is something else."""
    source = left.get("source")
    data = source.get("bytes") if isinstance(source, dict) and len(source) == 1 else None
    if not isinstance(data, str):
        return ""
    del left["source"]
    return data


def _image(inner: Json) -> Image | None:
    left = dict(inner)
    name, data = left.pop("format", None), _bytes_of(left)
    if not isinstance(name, str) or not name or not data:
        return None
    return Image(media_type=f"image/{name}", data=data, extras=left)


def _audio(inner: Json) -> Audio | None:
    left = dict(inner)
    name, data = left.pop("format", None), _bytes_of(left)
    if not isinstance(name, str) or not name or not data:
        return None
    return Audio(media_type=f"audio/{name}", data=data, extras=left)


def _document(inner: Json) -> Document | None:
    left = dict(inner)
    source = left.get("source")
    text = source.get("text") if isinstance(source, dict) and len(source) == 1 else None
    data = _bytes_of(left)
    title, name = left.pop("name", None), left.pop("format", "")
    media_type = MEDIA_TYPES.get(name) if isinstance(name, str) and name else name
    if not isinstance(title, str) or not isinstance(media_type, str):
        return None
    if isinstance(text, str) and text:
        del left["source"]
        return Document(media_type=media_type, text=text, title=title, extras=left)
    return Document(media_type=media_type, data=data, title=title, extras=left) if data else None


def _cited(inner: Json) -> Text | None:
    """The model's text with its sources: the text is what matters to those who cannot show them."""
    content = inner.get("content")
    if not isinstance(content, list):
        return None
    pieces = [each.get("text") if isinstance(each, dict) else None for each in content]
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    return Text(text=text, extras={"citationsContent": inner}) if text else None


# --- writing blocks -------------------------------------------------------------------------------


def write_blocks(parts: list[Part]) -> list[Json]:
    """The blocks of parts that this dialect has words for; others are left out. Seals of others
    travel as texts."""
    blocks: list[Json] = []
    for part in parts:
        block = _block(part)
        if block is None:
            continue
        blocks.append(block)
        if isinstance(part, (Text, Image, Document, ToolCall, ToolResult)) and part.cache:
            blocks.append(written_mark(part.cache))
    return blocks


def written_mark(mark: CacheMark) -> Json:
    ttl: Json = {"ttl": mark.ttl} if mark.ttl else {}
    return {"cachePoint": {"type": "default", **ttl, **mark.extras}}


def _block(part: Part) -> Json | None:
    if isinstance(part, Text):
        for name in _CARRIED:
            if name in part.extras:
                return {name: part.extras[name]}
        return {"text": part.text, **part.extras}
    if isinstance(part, Thinking):
        return {"reasoningContent": _reasoning(part)}
    if isinstance(part, ToolCall):
        return {
            "toolUse": {
                "toolUseId": part.id,
                "name": part.name,
                "input": written_input(part.arguments),
                **part.extras,
            }
        }
    if isinstance(part, ToolResult):
        status: Json = {"status": "error"} if part.is_error else {}
        content = write_blocks(part.content)
        return {
            "toolResult": {"toolUseId": part.call_id, "content": content, **status, **part.extras}
        }
    if isinstance(part, (Image, Audio)):
        if not part.data:
            return None
        kind, _, name = part.media_type.partition("/")
        return {kind: {"format": name, "source": {"bytes": part.data}, **part.extras}}
    if isinstance(part, Document):
        name = DOCUMENT_FORMATS.get(part.media_type, "")
        form: Json = {"format": name} if name else {}
        source = {"bytes": part.data} if part.data else {"text": part.text}
        return {"document": {**form, "name": part.title, "source": source, **part.extras}}
    if isinstance(part, Opaque):
        return part.value
    return None


def written_input(arguments: str) -> object:
    """What the model wrote as arguments, as a value. No text at all means no arguments."""
    if not arguments.strip():
        return {}
    try:
        return loads(arguments)
    except ValueError:
        return loads(wrapped(arguments))


def _reasoning(part: Thinking) -> Json:
    seal = part.seal
    if seal is None:
        return {"reasoningText": {"text": part.text, **part.extras}}
    signed = signature(seal)
    if signed is None and not part.text:
        return {"redactedContent": redacted_content(seal) or hidden(seal)}
    signed = seal_text(seal) if signed is None else signed
    return {"reasoningText": {"text": part.text, "signature": signed, **part.extras}}
