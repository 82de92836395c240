"""Content blocks of Messages requests, written.

In a request of this dialect each part becomes the block that it was. In one of another dialect,
what the API has no place for is a loss, and left out:

* Text without a visible character is left out: the API refuses it. That is no loss.
* Ids of calls that the API refuses are replaced by a checksum of them, in calls and results alike.
"""

from __future__ import annotations

import base64
import hashlib
import re

from lynkr.wire.anthropic.requests import NAME
from lynkr.wire.codec import Losses
from lynkr.wire.jsontext import loads
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    Offer,
    Opaque,
    Part,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
)

_ID_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")
_TEXTUAL = re.compile(
    r"text/|application/(?:json|xml|x-yaml|yaml|toml|javascript)|.*\+(?:json|xml)"
)


def call_id(given: str) -> str:
    """The id of a call as the API takes it."""
    fitting = _ID_REFUSED.sub("_", given)
    if fitting == given and given:
        return given
    mark = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{fitting[:40]}_{mark}"


def sealed_block(text: str, data: Json) -> Json | None:
    """The block of a seal of this dialect; ``None`` when it is none."""
    signature = data.get("signature")
    if isinstance(signature, str):
        return {"type": "thinking", "thinking": text, "signature": signature}
    hidden = data.get("data")
    return {"type": "redacted_thinking", "data": hidden} if isinstance(hidden, str) else None


class BlockWriter:
    """The parts of one request, on their way out."""

    def __init__(self, request: Request, losses: Losses) -> None:
        self.request = request
        self.losses = losses
        self.is_own = request.format == NAME
        self._places: dict[int, str] = {}

    # --- losses -----------------------------------------------------------------------------------

    def where(self, part: Part) -> str:
        """The path of a part; worked out once something is lost at all."""
        if not self._places:
            request = self.request
            found = [(message, f"messages.{at}") for at, message in enumerate(request.messages)]
            if request.system is not None:
                found.append((request.system, "system"))
            for message, path in found:
                for index, each in enumerate(message.parts):
                    place = self._places[id(each)] = f"{path}.content.{index}"
                    if isinstance(each, ToolResult):
                        for inner, one in enumerate(each.content):
                            self._places[id(one)] = f"{place}.content.{inner}"
        return self._places.get(id(part), "messages")

    def _lose(self, name: str, part: Part, field: str = "") -> None:
        where = self.where(part)
        self.losses.add(name, f"{where}.{field}" if field else where)

    # --- blocks -----------------------------------------------------------------------------------

    def content(self, message: Message | ToolResult) -> str | list[Json]:
        """Content as the client wrote it, one string or blocks."""
        parts = message.parts if isinstance(message, Message) else message.content
        if message.plain and len(parts) == 1:
            only = parts[0]
            if isinstance(only, Text) and only.cache is None and not only.extras:
                return only.text
        blocks = [self.block(part) for part in parts]
        return [block for block in blocks if block is not None]

    def block(self, part: Part) -> Json | None:
        if isinstance(part, Text):
            block: Json = {"type": "text", "text": part.text}
            if part.refusal:
                self._lose("refusal", part)
            return self._marked(block, part, part.cache, part.extras)
        if isinstance(part, ToolResult):
            return self._result(part)
        if isinstance(part, ToolCall):
            return self._call(part)
        if isinstance(part, Thinking):
            return self._thinking(part)
        if isinstance(part, Image):
            return self._image(part)
        if isinstance(part, Document):
            return self._document(part)
        if self.is_own:
            if isinstance(part, ToolReference):
                return {"type": "tool_reference", "tool_name": part.name, **part.extras}
            if isinstance(part, Opaque):
                return part.value
        if isinstance(part, Opaque):
            self._lose(part.kind, part)
        elif isinstance(part, Audio):
            self._lose("audio", part)
        elif isinstance(part, Offer):
            self._lose("additional_tools", part)
        else:
            self._lose("tool_reference", part)
        return None

    def _marked(self, block: Json, part: Part, mark: CacheMark | None, extras: Json) -> Json:
        """The block with its cache mark and, at home, its unknown fields."""
        if mark is not None:
            block["cache_control"] = self.mark(mark)
            if mark.extras and not self.is_own:
                self.losses.extras(mark.extras, f"{self.where(part)}.cache_control")
        if extras:
            if self.is_own:
                block.update(extras)
            else:
                self.losses.extras(extras, self.where(part))
        return block

    def mark(self, mark: CacheMark) -> Json:
        written: Json = {"type": "ephemeral"}
        if mark.ttl:
            written["ttl"] = mark.ttl
        if self.is_own:
            written.update(mark.extras)
        return written

    def _sourced(
        self, block: Json, source: Json, part: Part, mark: CacheMark | None, extras: Json
    ) -> Json:
        """The same for a block with a source, whose own unknown fields are under that name."""
        rest = extras.get("source")
        if self.is_own and isinstance(rest, dict):
            source.update(rest)
            extras = {name: value for name, value in extras.items() if name != "source"}
        block["source"] = source
        return self._marked(block, part, mark, extras)

    def _image(self, part: Image) -> Json | None:
        if part.file_id and not self.is_own:
            self._lose("file_id", part)
            return None
        if part.detail not in ("", "auto"):
            self._lose("image.detail", part, "detail")
        if part.data:
            source: Json = {"type": "base64", "media_type": part.media_type, "data": part.data}
        elif part.url:
            source = {"type": "url", "url": part.url}
        else:
            source = {"type": "file", "file_id": part.file_id}
        return self._sourced({"type": "image"}, source, part, part.cache, part.extras)

    def _document(self, part: Document) -> Json | None:
        if part.file_id and not self.is_own:
            self._lose("file_id", part)
            return None
        if part.data:
            found = self._base64(part)
            if found is None:
                self._lose("document", part)
                return None
            source = found
        elif part.url:
            source = {"type": "url", "url": part.url}
        elif part.file_id:
            source = {"type": "file", "file_id": part.file_id}
        else:
            kind = part.media_type if self.is_own else "text/plain"
            source = {"type": "text", "media_type": kind, "data": part.text}
        block: Json = {"type": "document"}
        if part.title:
            block["title"] = part.title
        return self._sourced(block, source, part, part.cache, part.extras)

    def _base64(self, part: Document) -> Json | None:
        """The API takes PDF in base64, and text as it is; ``None`` for anything else."""
        kind = part.media_type
        if self.is_own or kind in ("", "application/pdf"):
            return {"type": "base64", "media_type": kind or "application/pdf", "data": part.data}
        if not _TEXTUAL.match(kind):
            return None
        try:
            text = base64.b64decode(part.data, validate=True).decode()
        except ValueError:
            return None
        return {"type": "text", "media_type": "text/plain", "data": text}

    def _thinking(self, part: Thinking) -> Json | None:
        """With a signature of Anthropic's, or none in a request of this dialect."""
        seal = part.seal
        block: Json | None = None
        if seal is None:
            if self.is_own:
                block = {"type": "thinking", "thinking": part.text, "signature": ""}
        elif seal.format == NAME:
            block = sealed_block(part.text, seal.data)
        if block is None:
            self._lose("thinking", part)
            return None
        return self._marked(block, part, None, part.extras)

    def _call(self, part: ToolCall) -> Json | None:
        if part.kind != "function":
            self._lose(part.kind, part)
            return None
        block: Json = {
            "type": "tool_use",
            "id": part.id if self.is_own else call_id(part.id),
            "name": part.name,
            "input": self._input(part),
        }
        return self._marked(block, part, part.cache, part.extras)

    def _input(self, part: ToolCall) -> object:
        """The arguments as JSON. The API takes objects only: what else a model of another provider
        has once written, be it cut short, is wrapped as ``{"input": ...}`` if that is tolerated."""
        if not part.arguments.strip():
            return {}
        try:
            value = loads(part.arguments)
        except ValueError:
            value = part.arguments
        if self.is_own or isinstance(value, dict):
            return value
        self._lose("tool_call.arguments", part, "arguments")
        return {"input": value}

    def _result(self, part: ToolResult) -> Json:
        own = self.is_own
        block: Json = {
            "type": "tool_result",
            "tool_use_id": part.call_id if own else call_id(part.call_id),
        }
        if not own and not part.plain:
            content: str | list[Json] = [
                found
                for inner in part.content
                if (found := self.fitting(inner, "user")) is not None
            ]
        else:
            content = self.content(part)
        if content or (own and part.content):
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return self._marked(block, part, part.cache, part.extras)

    def fitting(self, part: Part, role: str) -> Json | None:
        """A part's block; ``None`` where the API takes none, which is a loss unless it is blank."""
        if isinstance(part, Text) and not part.text.strip():
            if part.cache is not None:
                self._lose("cache_control", part, "cache_control")
            return None
        if isinstance(part, (Image, Document)) and role in ("assistant", "system", "developer"):
            self._lose("image" if isinstance(part, Image) else "document", part)
            return None
        return self.block(part)
