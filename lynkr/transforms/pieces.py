"""A request body as a provider's prompt cache sees it: a row of pieces, in the order it reads them.

A prompt cache knows beginnings of prompts. Whether two requests begin alike is decided here, piece
by piece: one tool, one block of the system prompt, one block of a message. Nothing is changed, and
nothing but the bytes of the body and the layout counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from lynkr._native.spans import (
    CALL,
    CHAT,
    IMAGE,
    MESSAGES,
    OTHER,
    RESPONSES,
    RESULT,
    TEXT,
    THINKING,
    Block,
    Layout,
    ToolSpan,
    string_value,
)
from lynkr.wire.tokens import IMAGE_TOKENS, MESSAGE_TOKENS, estimated_bytes

Span = tuple[int, int]  # offsets into the body: start, and where the next thing begins
KEY_BYTES = 16
COUNTS_KEPT = 4096  # token counts remembered, about half a megabyte
OPAQUE_BYTES_PER_TOKEN = 8  # base64 of documents and of sealed reasoning

# A member named so; inside a JSON string its quotes would be escaped, so that only a real member
# matches. Marks are flat objects.
_MARK = re.compile(rb'"cache_control"\s*:\s*(\{[^{}]*\}|null)')
_COMMA = re.compile(rb"\s*,\s*")
_NAME = b'"cache_control"'
_ONE_HOUR = re.compile(rb'"ttl"\s*:\s*"1h"')
_PICTURE = re.compile(rb'"type"\s*:\s*"(?:image|input_image|image_url)"')
_OPAQUE = re.compile(rb'"(?:encrypted_content|signature|data)"\s*:\s*"')

# Settings that are part of the prompt ahead of the messages: when one changes, everything from the
# first message on is new. Anthropic: "What invalidates the cache" in
# platform.claude.com/docs/en/build-with-claude/prompt-caching (some models render thinking and
# effort even before the tools); OpenAI: developers.openai.com/api/docs/guides/prompt-caching.
_SETTINGS = {
    MESSAGES: (b"tool_choice", b"thinking", b"output_config"),
    CHAT: (b"response_format",),
    RESPONSES: (b"text",),
}
_CALLS, _RESULTS = 1, 2  # runs
_QUOTE = ord('"')

_counts: dict[bytes, int] = {}  # what a piece counts, by key: sessions send their blocks again


class Piece(msgspec.Struct, frozen=True):
    """One block. Two pieces with the same key are the same to a cache."""

    key: bytes  # KEY_BYTES of the content without its cache mark
    tokens: int  # estimated
    mark: str = ""  # "5m" or "1h": the prompt is to be kept up to here
    run: int = 0  # not 0: neighbours with the same number count as one place in a look back


def pieces_of(body: bytes, layout: Layout) -> list[Piece]:
    """The pieces of a body: tools, then the system prompt, then messages.

    Content that is a plain string is the same piece as a list of one text block. White space in the
    JSON counts: other bytes are another piece, which is the careful side to err on. Deferred tools
    are no part of the prompt until they are asked for (Anthropic's tool search), so they are left
    out. A mark at the top level of a body stands for one on its last piece.
    """
    marked = _NAME in body
    pieces = [_tool(body, tool, marked) for tool in layout.tool_list if not tool.deferred]
    pieces += [
        _block(body, block, b"system" if at else b"system first", marked, 0)
        for at, block in enumerate(layout.system_blocks)
    ]
    if layout.system is not None and body[layout.system[0]] == _QUOTE and not layout.system_blocks:
        start, end = layout.system  # Responses: instructions
        pieces.append(_piece(b"system", body[start:end], "", 0, (_text(body, layout.system),), 0))
    pieces += _messages(body, layout, marked)
    whole = layout.keys.get(b"cache_control")
    if pieces and whole is not None and not pieces[-1].mark:
        mark = _ttl(body[whole[0] : whole[1]])
        pieces[-1] = msgspec.structs.replace(pieces[-1], mark=mark)
    return pieces


def _messages(body: bytes, layout: Layout, marked: bool) -> Iterator[Piece]:
    settings = b"".join(
        name + body[layout.keys[name][0] : layout.keys[name][1]]
        for name in _SETTINGS[layout.dialect]
        if name in layout.keys
    )
    for at, message in enumerate(layout.message_list):
        role = message.role + b" " + message.kind
        first = role + b" first" + (settings if at == 0 else b"")
        blocks = layout.blocks[message.first : message.first + message.count]
        if not blocks:  # an empty list is bytes all the same
            yield _piece(first, body[message.start : message.end], "", 0, (), MESSAGE_TOKENS)
        for index, block in enumerate(blocks):
            opens = index == 0
            extra = MESSAGE_TOKENS if opens else 0
            yield _block(body, block, first if opens else role, marked, extra)


def _tool(body: bytes, tool: ToolSpan, marked: bool) -> Piece:
    content, mark = _unmarked(body, (tool.start, tool.end), tool.schema, marked)
    texts = [tool.name]
    if tool.description is not None:
        texts.append(_text(body, tool.description))
    if tool.schema is not None:
        texts.append(body[tool.schema[0] : tool.schema[1]])
    if len(texts) == 1:  # hosted and custom tools have neither: all they say counts
        texts = [content]
    return _piece(b"tool", content, mark, 0, texts, 0)


def _block(body: bytes, block: Block, place: bytes, marked: bool, extra: int) -> Piece:
    """``place`` is all that tells the same content in two places apart; ``extra`` counts too."""
    span = (block.start, block.end)
    protected = block.arguments if block.kind == CALL else None
    content, mark = _unmarked(body, span, protected, marked)
    if block.kind == TEXT and block.text is not None:
        token = body[block.text[0] : block.text[1]]
        # Without the text a text block says how it is written: {"type":"text","text":}.
        around = b"" if block.plain else b"".join(content.replace(token, b"", 1).split())
        if around in (b'{"type":"text","text":}', b'{"text":,"type":"text"}'):
            around = b""
        return _piece(
            place, around + token, mark, 0, (_text(body, block.text),), extra, content=b"text"
        )
    if block.kind == RESULT:
        # The pictures in it have a number, and nothing else of them is known.
        pictures = len(_PICTURE.findall(content)) if b"image" in content else 0
        texts = [_text(body, text) for text in block.texts]
        return _piece(place, content, mark, _RESULTS, texts, extra + pictures * IMAGE_TOKENS)
    if block.kind == CALL:
        texts = [block.name]
        if block.arguments is not None:
            start, end = block.arguments
            quoted = body[start : start + 1] == b'"'
            texts.append(_text(body, block.arguments) if quoted else body[start:end])
        return _piece(place, content, mark, _CALLS, texts, extra)
    if block.kind == IMAGE:
        return _piece(place, content, mark, 0, (), extra + IMAGE_TOKENS)
    if block.kind in (THINKING, OTHER) and _OPAQUE.search(content):
        return _piece(place, content, mark, 0, (), extra + len(content) // OPAQUE_BYTES_PER_TOKEN)
    return _piece(place, content, mark, 0, (content,), extra)


def _piece(
    place: bytes,
    identity: bytes,
    mark: str,
    run: int,
    texts: list[bytes] | tuple[bytes, ...],
    extra: int,
    content: bytes = b"",
) -> Piece:
    digest = blake2b(identity, digest_size=KEY_BYTES)
    digest.update(b"\0" + place + b"\0" + content)
    key = digest.digest()
    count = _counts.get(key)
    if count is None:
        count = extra + sum(estimated_bytes(text) for text in texts)
        if len(_counts) >= COUNTS_KEPT:
            del _counts[next(iter(_counts))]
        _counts[key] = count
    return Piece(key, count, mark, run)


def _text(body: bytes, span: Span) -> bytes:
    """What a JSON string says; one with half a surrogate pair is taken as it is written."""
    value = string_value(body, span)
    return body[span[0] : span[1]] if value is None else value


def _unmarked(body: bytes, span: Span, protected: Span | None, marked: bool) -> tuple[bytes, str]:
    """Content without its cache marks, and how long the last of them asks to be kept.

    ``protected`` is somebody's data: a schema or a call's arguments may have a member of that name.
    """
    start, end = span
    if not marked:
        return body[start:end], ""
    if protected is None:
        return _cut(body[start:end])
    before, early = _cut(body[start : protected[0]])
    after, late = _cut(body[protected[1] : end])
    return before + body[protected[0] : protected[1]] + after, late or early


def _cut(content: bytes) -> tuple[bytes, str]:
    """Without members of that name, each with the comma that goes with it."""
    mark, kept, start = "", b"", 0
    at = content.find(_NAME)
    while at >= 0:
        found = _MARK.match(content, at)
        if found is not None:
            mark = _ttl(found[1]) or mark
            before = content[start:at].rstrip()
            start = found.end()
            if before.endswith(b","):
                kept += before[:-1]
            else:
                kept += before
                comma = _COMMA.match(content, start)
                start = comma.end() if comma is not None else start
        at = content.find(_NAME, max(start, at + 1))
    return kept + content[start:], mark


def _ttl(value: bytes) -> str:
    """How long a mark asks to be kept; "" when it is null."""
    if value == b"null":
        return ""
    return "1h" if _ONE_HOUR.search(value) else "5m"
