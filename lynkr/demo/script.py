"""Script: what the pretend provider answers to a path and a body. The way into this package.

Nothing here opens a socket, reads a clock or rolls dice: the same path, body, seed and time give
the same reply, so a conversation with the demo can be played again.
"""

from __future__ import annotations

from collections.abc import Callable

from lynkr.demo import chat, embeddings, messages, responses
from lynkr.demo.frames import DemoReply, error_reply
from lynkr.demo.request import BadRequestError, Fields, decoded

__all__ = ["DemoReply", "answer"]

_PARTS: dict[str, Callable[[Fields, str, int], DemoReply]] = {
    "/v1/messages": messages.reply,
    "/v1/messages/count_tokens": messages.count,
    "/v1/chat/completions": chat.reply,
    "/v1/responses": responses.reply,
    "/v1/embeddings": embeddings.reply,
}


def answer(path: str, body: bytes, *, seed: str, now: int = 0) -> DemoReply:
    """``path`` is without its query; ``seed`` makes the ids; ``now`` is unix seconds."""
    part = _PARTS.get(path)
    if part is None:
        return _error(path, 404, "The demo has no such endpoint. It has: " + ", ".join(_PARTS))
    try:
        return part(decoded(body), seed, now)
    except BadRequestError as bad:
        return _error(path, 400, bad.message, bad.param)


def _error(path: str, status: int, message: str, param: str | None = None) -> DemoReply:
    if path.startswith("/v1/messages"):
        return messages.error(status, message, param)
    return error_reply(status, message, param=param)
