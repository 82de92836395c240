"""A request of another dialect, brought into the shape that Google's has.

Google's roles alternate, and there is no system in the middle of a conversation: what a client
says there becomes text of the user's turn at that place. Results stand in the order of their calls.
A thought goes back only with Google's own signature. What has no place at all is a loss.
"""

from __future__ import annotations

import msgspec

from lynkr.wire.codec import Losses, Target
from lynkr.wire.jsontext import loads
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Request,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lynkr.wire.turns import as_turns, call_names

_URLS = ("https://", "http://", "gs://")


def as_contents(request: Request, target: Target, losses: Losses) -> Request:
    """``request`` with a ``system`` and ``messages`` that can be written as they stand.

    Capabilities: ``image_urls`` (pictures and files by URL), ``function_response_parts`` (pictures
    inside results, Gemini 3 and later; else they follow the results of their turn).
    """
    parts = _Parts(request, target, losses)
    system: list[Part] = []
    if request.system is not None:
        system += parts.message(request.system, "system")
        losses.extras(request.system.extras, "system")
    first = 0
    messages = request.messages
    while first < len(messages) and messages[first].role in ("system", "developer"):
        first += 1
    if first == len(messages):
        first = 0  # nothing but instructions: they are what there is to answer
    turns: list[Message] = []
    for index, message in enumerate(messages):
        at = f"messages.{index}"
        if message.name:
            losses.add("message.name", f"{at}.name")
        losses.extras(message.extras, at)
        found = parts.message(message, at)
        if index < first:
            system += found
        elif found:
            role: Role = "assistant" if message.role == "assistant" else "user"
            turns.append(Message(role=role, parts=found))
    turns = as_turns(turns)
    order = {call: place for place, call in enumerate(call_names(turns))}
    for turn in turns:
        turn.parts.sort(key=lambda part: _place(part, order))
    return msgspec.structs.replace(
        request,
        system=Message(role="system", parts=system) if system else None,
        messages=turns,
    )


def _place(part: Part, order: dict[str, int]) -> tuple[int, int]:
    """Results first, as ``as_turns`` has them, each at the place of its call."""
    if isinstance(part, ToolResult):
        return (0, order.get(part.call_id, len(order)))
    return (1, 0)


def is_object(arguments: str) -> bool:
    """Whether a call's arguments are what this dialect takes; none at all are an empty object."""
    if not arguments.strip():
        return True
    try:
        return isinstance(loads(arguments), dict)
    except ValueError:
        return False


class _Parts:
    """Reads the parts of messages; reports what is lost."""

    def __init__(self, request: Request, target: Target, losses: Losses) -> None:
        self._losses = losses
        self._names = call_names(request.messages)
        self._urls = "image_urls" in target.capabilities
        self._media_inside = "function_response_parts" in target.capabilities

    def message(self, message: Message, at: str) -> list[Part]:
        found: list[Part] = []
        for index, part in enumerate(message.parts):
            where = at if message.plain else f"{at}.content.{index}"
            found += self._part(part, where)
        return found

    def _part(self, part: Part, at: str) -> list[Part]:
        losses = self._losses
        if isinstance(part, Text):
            self._about(part.cache, part.extras, at)
            if part.refusal:
                losses.add("refusal", at)
            return [Text(text=part.text)] if part.text else []
        if isinstance(part, Thinking):
            if part.seal is None or part.seal.format != "gemini":
                losses.add("thinking", at)
                return []
            losses.extras(part.extras, at)
            return [Thinking(text=part.text, seal=part.seal)]
        if isinstance(part, ToolCall):
            self._about(part.cache, part.extras, at)
            if not is_object(part.arguments):
                losses.add("tool_call.arguments", f"{at}.arguments")
            return [msgspec.structs.replace(part, cache=None, extras={})]
        if isinstance(part, ToolResult):
            return self._result(part, at)
        if isinstance(part, (Image, Document, Audio)):
            media = self._media(part, at)
            return [] if media is None else [media]
        losses.add(part.kind if isinstance(part, Opaque) else "tool_reference", at)
        return []

    def _about(self, cache: CacheMark | None, extras: Json, at: str) -> None:
        if cache is not None:
            self._losses.add("cache_control", f"{at}.cache_control")
        self._losses.extras(extras, at)

    def _result(self, result: ToolResult, at: str) -> list[Part]:
        """One text, and pictures in it or behind it."""
        self._about(result.cache, result.extras, at)
        texts: list[str] = []
        media: list[Part] = []
        for index, part in enumerate(result.content):
            where = at if result.plain else f"{at}.content.{index}"
            for found in self._part(part, where):
                if isinstance(found, Text):
                    texts.append(found.text)
                elif isinstance(found, (Image, Document, Audio)):
                    media.append(found)
        inside = media if self._media_inside else []
        said = ToolResult(
            call_id=result.call_id,
            content=[Text(text="\n".join(texts)), *inside],
            plain=True,
            is_error=result.is_error,
            name=result.name or self._names.get(result.call_id, ""),
        )
        return [said] if self._media_inside else [said, *media]

    def _media(self, part: Image | Document | Audio, at: str) -> Part | None:
        losses = self._losses
        self._about(None if isinstance(part, Audio) else part.cache, part.extras, at)
        if isinstance(part, Audio):
            return Audio(media_type=part.media_type, data=part.data)
        if isinstance(part, Image):
            if part.detail not in ("", "auto"):
                losses.add("image.detail", f"{at}.detail")
        elif part.title:
            losses.add("document.title", f"{at}.title")
        if part.file_id:
            losses.add("file_id", at)
            return None
        if part.url and not (self._urls and part.url.startswith(_URLS)):
            losses.add("image_url" if isinstance(part, Image) else "document_url", at)
            return None
        if isinstance(part, Image):
            return Image(media_type=part.media_type, data=part.data, url=part.url)
        if part.text:
            return Text(text=part.text)
        media_type = part.media_type or "application/pdf"
        return Document(media_type=media_type, data=part.data, url=part.url)
