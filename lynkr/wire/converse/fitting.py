"""Parts of other dialects' requests, fitted to what Bedrock's Converse takes.

What has no place there, or the model no capability for, is reported and left out; ids, names and
media types are mapped to those that Bedrock takes. Capabilities asked for:

| flag | what the model takes |
| --- | --- |
| cache_point | cache points, in the system prompt, messages and tools |
| images, documents, audio | those blocks, of the user, and all but sounds in results |
| thinking_budget, adaptive_thinking | either: reasoning that Claude has signed |
"""

from __future__ import annotations

import base64
import hashlib
import re

from lynkr.wire.codec import Losses, Target
from lynkr.wire.converse.blocks import DOCUMENT_FORMATS, redacted_content, signature
from lynkr.wire.custom_input import wrapped
from lynkr.wire.jsontext import loads
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Message,
    Offer,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
)

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SOUNDS = (
    "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg",
    "mpga", "pcm", "webm",
)  # fmt: skip

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
_NOT_IN_TITLE = re.compile(r"[^a-zA-Z0-9\s()\[\]-]+")
_TITLE_LENGTH_MAX = 200


class PartFitting:
    """The parts of one request of another dialect, on their way to Converse."""

    def __init__(self, target: Target, losses: Losses) -> None:
        self.target = target
        self.losses = losses
        self._titles: set[str] = set()
        self._documents = 0

    # what is not said needs no place

    def takes(self, flag: str, wanted: bool, loss: str, at: str = "") -> bool:
        """Whether it is wanted and the model takes it."""
        if wanted and flag not in self.target.capabilities:
            self.losses.add(loss, at)
            return False
        return wanted

    # parts

    def parts(self, message: Message, at: str) -> list[Part]:
        """What Bedrock takes of a message; ``at`` is the path of its content."""
        kept: list[Part] = []
        for index, part in enumerate(message.parts):
            path = f"{at}.{index}"
            if isinstance(part, Text) and not part.text.strip():
                self._blank(part, kept, path)
                continue
            fitted = self._part(part, message.role, path)
            if fitted is not None:
                kept.append(fitted)
        return kept

    def _blank(self, part: Text, kept: list[Part], at: str) -> None:
        """Bedrock refuses text without a visible character. Its mark holds for what is before."""
        self.losses.extras(part.extras, at)
        mark = self.mark(part.cache, at)
        last = kept[-1] if kept else None
        if mark is None:
            return
        if isinstance(last, (Text, Image, Document, ToolCall, ToolResult)):
            last.cache = last.cache or mark
        else:
            self.losses.add("cache_control", f"{at}.cache_control")

    def _part(self, part: Part, role: str, at: str) -> Part | None:
        if isinstance(part, Text):
            return self._text(part, at)
        if role in ("system", "developer"):
            self.losses.add(_name(part), at)  # instructions are text and nothing else
            return None
        if isinstance(part, Thinking):
            return self._sealed(part, at)
        if isinstance(part, ToolCall):
            self.losses.extras(part.extras, at)
            return ToolCall(
                id=call_id(part.id),
                name=part.name,
                arguments=self._arguments(part.arguments, at),
                cache=self.mark(part.cache, at),
            )
        if isinstance(part, ToolResult):
            return self._result(part, at)
        if isinstance(part, (Image, Document, Audio)) and role in ("user", "tool"):
            return self._media(part, at)
        self.losses.add(_name(part), at)
        return None

    def _arguments(self, arguments: str, at: str) -> str:
        """Bedrock takes objects only: what else a model once wrote is wrapped as one."""
        try:
            value = loads(arguments) if arguments.strip() else {}
        except ValueError:
            value = None
        if isinstance(value, dict):
            return arguments
        self.losses.add("tool_call.arguments", f"{at}.arguments")
        return wrapped(arguments)

    def _text(self, part: Text, at: str) -> Text:
        self.losses.extras(part.extras, at)
        if part.refusal:
            self.losses.add("refusal", at)
        return Text(text=part.text, cache=self.mark(part.cache, at))

    def _sealed(self, part: Thinking, at: str) -> Thinking | None:
        seal = part.seal
        if seal is None and not part.text:
            return None
        flags = ("thinking_budget", "adaptive_thinking")
        if seal is not None and not self.target.capabilities.isdisjoint(flags):
            if redacted_content(seal) is not None:
                self.losses.extras(part.extras, at)
                return Thinking(seal=seal)
            if signature(seal):
                self.losses.extras(part.extras, at)
                return Thinking(text=part.text, seal=seal)
        self.losses.add("thinking", at)
        return None

    def _result(self, part: ToolResult, at: str) -> ToolResult:
        self.losses.extras(part.extras, at)
        content: list[Part] = []
        for index, inner in enumerate(part.content):
            path = f"{at}.content.{index}"
            fitted: Part | None
            if isinstance(inner, Text):
                fitted = self._text(inner, path)
            elif isinstance(inner, (Image, Document)):
                fitted = self._media(inner, path, "tool_result.")
            else:
                self.losses.add(_name(inner), path)
                continue
            if fitted is not None:
                content.append(fitted)
        if len(content) > 1 or not part.is_error:
            # Nothing is a result too, except with the status error.
            content = [each for each in content if not isinstance(each, Text) or each.text.strip()]
        if part.is_error and not content:
            content.append(Text(text=""))
        mark = self.mark(part.cache, at)
        for each in content:
            if isinstance(each, (Text, Image, Document)) and each.cache is not None:
                mark, each.cache = mark or each.cache, None  # no cache points inside a result
        return ToolResult(
            call_id=call_id(part.call_id), content=content, is_error=part.is_error, cache=mark
        )

    def _media(self, part: Image | Document | Audio, at: str, loss: str = "") -> Part | None:
        if isinstance(part, Image):
            return self._image(part, at, loss)
        if isinstance(part, Document):
            return self._document(part, at)
        self.losses.extras(part.extras, at)
        form = part.media_type.removeprefix("audio/").removeprefix("x-")
        if not self.takes("audio", True, "audio", at):
            return None
        if form not in _SOUNDS:
            self.losses.add("audio", at)
            return None
        return Audio(media_type=f"audio/{form}", data=part.data)

    def _image(self, part: Image, at: str, loss: str) -> Image | None:
        self.losses.extras(part.extras, at)
        if part.detail not in ("", "auto"):
            self.losses.add("image.detail", f"{at}.detail")
        media_type = "image/jpeg" if part.media_type == "image/jpg" else part.media_type
        name = "image_url" if part.url else "file_id" if part.file_id else f"{loss}image"
        if not self.takes("images", True, f"{loss}image", at):
            return None
        if media_type not in _IMAGES or not part.data:
            self.losses.add(name, at)
            return None
        return Image(media_type=media_type, data=part.data, cache=self.mark(part.cache, at))

    def _document(self, part: Document, at: str) -> Document | None:
        left = dict(part.extras)
        context = left.pop("context", None)
        cited = left.get("citations")
        if isinstance(cited, dict) and not cited.get("enabled"):
            del left["citations"]
        self.losses.extras(left, at)
        if not self.takes("documents", True, "document", at):
            return None
        data, media_type = part.data, part.media_type.partition(";")[0].strip()
        if part.text:
            data = base64.b64encode(part.text.encode("utf-8", "surrogatepass")).decode()
            media_type = media_type or "text/plain"
        if media_type not in DOCUMENT_FORMATS or not data:
            name = "document_url" if part.url else "file_id" if part.file_id else "document"
            self.losses.add(name, at)
            return None
        self._documents += 1
        return Document(
            media_type=media_type,
            data=data,
            title=self._title(part.title),
            cache=self.mark(part.cache, at),
            extras={"context": context} if isinstance(context, str) and context else {},
        )

    def _title(self, title: str) -> str:
        """A name of letters that Bedrock takes, and of no other document of the request."""
        plain = " ".join(_NOT_IN_TITLE.sub("-", title).split()).strip(" -")
        plain = plain[: _TITLE_LENGTH_MAX - 8].rstrip() or f"document-{self._documents}"
        name, count = plain, 1
        while name in self._titles:
            count += 1
            name = f"{plain} ({count})"
        self._titles.add(name)
        return name

    def mark(
        self, mark: CacheMark | None, at: str, loss: str = "cache_control"
    ) -> CacheMark | None:
        """A cache mark as that of a cache point."""
        if mark is None or not self.takes("cache_point", True, loss, f"{at}.cache_control"):
            return None
        self.losses.extras(mark.extras, f"{at}.cache_control")
        if mark.ttl not in ("", "5m", "1h"):
            self.losses.add(loss, f"{at}.cache_control.ttl")
        # Five minutes are the default, which every model with cache points takes.
        return CacheMark(ttl="1h" if mark.ttl == "1h" else "")


def call_id(given: str) -> str:
    """An id that Bedrock takes: the same one, or a shorter one with a checksum."""
    if _ID.fullmatch(given):
        return given
    mark = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{_NOT_IN_ID.sub('_', given)[:51]}_{mark}"


def _name(part: Part) -> str:
    """The word for a part that has no place."""
    if isinstance(part, Opaque):
        return part.kind
    if isinstance(part, ToolReference):
        return "tool_reference"
    if isinstance(part, Offer):
        return "additional_tools"
    return type(part).__name__.lower()
