"""OpenAI Responses: the parts inside a message's content or a tool's output, read and written.

https://platform.openai.com/docs/api-reference/responses/create#responses_create-input

Texts, images, files and sounds; any other type is ``Opaque``. With each part goes how it was
spelled where another spelling would mean the same (``responses_tools.split``).
"""

from __future__ import annotations

import base64
import re

from lynkr.wire.fields import Fields
from lynkr.wire.message import Audio, CacheMark, Document, Image, Json, Opaque, Part, Text
from lynkr.wire.responses.tools import split

Content = Text | Image | Document | Audio | Opaque

_DATA_URL = re.compile(r"data:([^,]+?);base64,")


def read_content(fields: Fields, name: str, text_type: str) -> tuple[list[Part], bool, list[Json]]:
    """The parts, whether they were one string, and how they were spelled. ``text_type`` is the
    usual type of a text in this place."""
    value = fields.take(name)
    if isinstance(value, str):
        return [Text(text=value)], True, []
    if value is None:
        return [], False, []
    if not isinstance(value, list):
        raise fields.wrong(name, "a string or an array")
    at = fields.path(name)
    parts: list[Part] = []
    spelled: list[Json] = []
    for index, each in enumerate(value):
        part, blank = _part(Fields(each, f"{at}.{index}"), text_type)
        parts.append(part)
        spelled.append(blank)
    return parts, False, spelled if any(spelled) else []


def _part(fields: Fields, text_type: str) -> tuple[Part, Json]:
    given = dict(fields.left)
    kind = fields.text("type")
    if kind in ("input_text", "output_text", "text"):
        text = fields.needed("text")
        cache = _cache_mark(fields)
        extras, blank = split(fields, given, "logprobs", "prompt_cache_breakpoint")
        if kind != text_type:
            blank["type"] = kind
        return Text(text=text, cache=cache, extras=extras), blank
    if kind == "refusal":
        text = fields.needed("refusal")
        extras, blank = split(fields, given)
        return Text(text=text, refusal=True, extras=extras), blank
    if kind == "input_image" and not isinstance(given.get("image_url"), dict):
        url, detail = fields.text("image_url"), fields.text("detail")
        media_type, data = _data_url(url)
        file_id, cache = fields.text("file_id"), _cache_mark(fields)
        extras, blank = split(fields, given, *_formal(detail))
        return Image(
            media_type=media_type, data=data, url="" if data else url, file_id=file_id,
            detail="" if detail == "auto" else detail, cache=cache, extras=extras,
        ), blank  # fmt: skip
    if kind == "input_file":
        content = fields.text("file_data")
        media_type, data = _data_url(content)
        url, file_id = fields.text("file_url"), fields.text("file_id")
        title, cache = fields.text("filename"), _cache_mark(fields)
        extras, blank = split(fields, given, *_formal(given.get("detail")))
        return Document(
            media_type=media_type, data=data or content, url=url, file_id=file_id, title=title,
            cache=cache, extras=extras,
        ), blank  # fmt: skip
    sound = given.get("input_audio")
    if kind == "input_audio" and isinstance(sound, dict) and sound.keys() == {"data", "format"}:
        fields.take("input_audio")
        media_type, data = f"audio/{sound['format']}", sound["data"]
        extras, blank = split(fields, given)
        if isinstance(data, str) and isinstance(sound["format"], str):
            return Audio(media_type=media_type, data=data, extras=extras), blank
    return Opaque(kind=kind, value=given), {}  # no item of its own, so not one to show


def _formal(detail: object) -> tuple[str, ...]:
    """``auto`` is the default of ``detail``, so it says nothing; a mark is read by itself."""
    mark = ("prompt_cache_breakpoint",)
    return (*mark, "detail") if detail == "auto" else mark


def _data_url(url: str) -> tuple[str, str]:
    """Media type and base64; nothing for any other URL."""
    match = _DATA_URL.match(url)
    return (
        (match[1], url[match.end() :]) if match is not None and match.end() < len(url) else ("", "")
    )


def _cache_mark(fields: Fields) -> CacheMark | None:
    """``prompt_cache_breakpoint``: {"mode": "explicit", "ttl": "30m" | "12h"}. Of the lifetimes
    that the vocabulary knows, an hour is the next longer one to half an hour."""
    mark = fields.table("prompt_cache_breakpoint")
    if mark is None:
        return None
    ttl = mark.get("ttl")
    extras: Json = {} if ttl in (None, "30m") else {"ttl": ttl}
    return CacheMark(ttl="" if ttl is None else "1h", extras=extras)


def own_content(parts: list[Part], spelled: list[Json], text_type: str) -> list[Json]:
    """A content of this dialect; ``spelled`` counts while there are still as many parts."""
    blanks = spelled if len(spelled) == len(parts) else [{}] * len(parts)
    return [
        _own_part(part, blank, text_type)
        for part, blank in zip(parts, blanks, strict=True)
        if isinstance(part, (Text, Image, Document, Audio, Opaque))
    ]


def _own_part(part: Content, blank: Json, text_type: str) -> Json:
    if isinstance(part, Opaque):
        return part.value
    written = part_json(part, str(blank.get("type", text_type)))
    written.update(part.extras)
    for name, value in blank.items():
        written.setdefault(name, value)
    if not isinstance(part, Audio):
        if part.cache is not None:
            written.setdefault("prompt_cache_breakpoint", {"mode": "explicit"})
        elif written.get("prompt_cache_breakpoint") is not None:
            del written["prompt_cache_breakpoint"]  # somebody has taken the mark away
    return written


def part_json(part: Text | Image | Document | Audio, text_type: str) -> Json:
    """A part of a content, without what only some dialects have a place for."""
    if isinstance(part, Text):
        if part.refusal:
            return {"type": "refusal", "refusal": part.text}
        return {"type": text_type, "text": part.text}
    written: Json
    if isinstance(part, Image):
        written = {"type": "input_image"}
        if part.data:
            written["image_url"] = f"data:{part.media_type};base64,{part.data}"
        elif part.url:
            written["image_url"] = part.url
        if part.file_id:
            written["file_id"] = part.file_id
        if part.detail:
            written["detail"] = part.detail
        return written
    if isinstance(part, Document):
        written = {"type": "input_file"}
        if part.title:
            written["filename"] = part.title
        if part.text:
            data = base64.b64encode(part.text.encode("utf-8", "surrogatepass")).decode()
            written["file_data"] = f"data:{part.media_type or 'text/plain'};base64,{data}"
        elif part.data:
            head = f"data:{part.media_type};base64," if part.media_type else ""
            written["file_data"] = head + part.data
        if part.url:
            written["file_url"] = part.url
        if part.file_id:
            written["file_id"] = part.file_id
        return written
    sound = {"data": part.data, "format": part.media_type.partition("/")[2]}
    return {"type": "input_audio", "input_audio": sound}
