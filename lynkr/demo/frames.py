"""Frames: a reply as timed pieces of bytes, at the pace of a fast model.

Nothing here waits: each frame says how long to wait before it, and the caller does.
"""

from __future__ import annotations

import hashlib
import re
from itertools import cycle

import msgspec
import orjson

FIRST_FRAME_S = 0.15  # a quick provider's time to first token
TEXT_FRAME_S = 0.02  # a person can see it stream, and 60 words take under a second
PIECES_MAX = (
    120  # of one text, so that a reply with thinking, text and a call stays under 400 frames
)
WORD_MAX = 16  # characters; JSON and base64 have no spaces to break at

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"


class DemoReply(msgspec.Struct):
    status: int
    content_type: str
    frames: list[tuple[float, bytes]]  # seconds to wait before this frame, and its bytes


def json_reply(payload: object, *, status: int = 200) -> DemoReply:
    return DemoReply(status, JSON, [(FIRST_FRAME_S, orjson.dumps(payload))])


def error_reply(status: int, message: str, *, param: str | None = None) -> DemoReply:
    """OpenAI's error body, for all of its endpoints."""
    kind = "invalid_request_error"
    error = {"message": message, "type": kind, "param": param, "code": None}
    return json_reply({"error": error}, status=status)


class Reel:
    """Collects the frames of one stream. ``event_lines`` puts each payload's type before it."""

    def __init__(self, *, event_lines: bool) -> None:
        self._event_lines = event_lines
        self._frames: list[tuple[float, bytes]] = []

    def add(self, payload: dict[str, object], *, wait_s: float = 0.0) -> None:
        head = f"event: {payload['type']}\n".encode() if self._event_lines else b""
        self.add_raw(head + b"data: " + orjson.dumps(payload) + b"\n\n", wait_s=wait_s)

    def add_raw(self, data: bytes, *, wait_s: float = 0.0) -> None:
        self._frames.append((wait_s if self._frames else FIRST_FRAME_S, data))

    def reply(self) -> DemoReply:
        return DemoReply(200, EVENT_STREAM, self._frames)


def pieces(said: str, pieces_max: int = PIECES_MAX) -> list[str]:
    """``said`` in runs of one to three words, or longer ones where that would be too many."""
    words: list[str] = []
    for word in re.findall(r"\S+\s*|\s+", said):
        words += [word[start : start + WORD_MAX] for start in range(0, len(word), WORD_MAX)]
    # Rounded up: runs of two words or more on average keep the count under the bound.
    longest = -(-len(words) // pieces_max)
    sizes = cycle((1, 2, 3)) if longest <= 1 else cycle((longest,))
    made: list[str] = []
    position = 0
    while position < len(words):
        size = next(sizes)
        made.append("".join(words[position : position + size]))
        position += size
    return made


def made_id(prefix: str, seed: str, part: str = "") -> str:
    """An id as providers make them, from the request's own instead of from chance."""
    source = f"{prefix} {part} {seed}".encode(errors="backslashreplace")
    return prefix + hashlib.blake2b(source, digest_size=12).hexdigest()
