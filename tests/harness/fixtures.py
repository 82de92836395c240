"""Recorded conversations, written by hand after the wire formats of November 2026.

``tests/fixtures/<family>/<name>.request.json`` and ``.reply.sse`` (or ``.json``, ``.html``) are
bytes to be sent as they are; ``.expect.json`` says how, and what a reader must learn from them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from tests.harness import replies
from tests.harness.client import request

ROOT = Path(__file__).parent.parent / "fixtures"
FAMILIES = ("messages", "chat", "responses")
USAGE_NAMES = (
    "input_tokens",
    "output_tokens",
    "prompt_cache_read_tokens",
    "prompt_cache_write_tokens",
    "reasoning_tokens",
)


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``usage`` has the names of ``lynkr.policies.record.Usage``; absent means not reported."""

    path: str
    headers: list[tuple[str, str]]
    status: int
    reason: str
    reply_headers: list[tuple[str, str]]
    stream: bool
    model: str  # asked for
    model_replied: str
    stop_reason: str
    usage: dict[str, int]
    error: str = ""  # of an error event inside a stream


class Fixture(msgspec.Struct, frozen=True):
    name: str  # "messages/text_stream"
    request: bytes
    reply: bytes
    expect: Expectation

    def __repr__(self) -> str:
        return self.name  # the id of a parametrized test

    @property
    def family(self) -> str:
        return self.name.partition("/")[0]

    @property
    def is_stream(self) -> bool:
        """Whether the reply is server-sent events; a stream may be asked for and refused."""
        return "event-stream" in self.expect.reply_headers[0][1]

    @property
    def usage(self) -> dict[str, int | None]:
        return {name: self.expect.usage.get(name) for name in USAGE_NAMES}

    @property
    def frames(self) -> list[bytes]:
        """The reply, cut after each of its blank lines."""
        separator = b"\r\n\r\n" if b"\r\n" in self.reply else b"\n\n"
        return [frame + separator for frame in self.reply.split(separator)[:-1]]

    @property
    def call(self) -> bytes:
        """The request with a plain head."""
        return request(self.expect.path, self.request)

    @property
    def stream_head(self) -> bytes:
        """The head of the reply, its body to follow in chunks."""
        return self._head(("Transfer-Encoding", "chunked"))

    def sized_reply(self) -> bytes:
        """The reply with its content-length."""
        return self._head(("Content-Length", str(len(self.reply)))) + self.reply

    def chunked_reply(self) -> bytes:
        """The reply in chunks: a stream in one per frame, as providers send it."""
        pieces = self.frames if self.is_stream else [self.reply]
        framed = b"".join(replies.chunk(piece) for piece in pieces)
        return self.stream_head + framed + replies.last_chunk()

    def natural_reply(self) -> bytes:
        return self.chunked_reply() if self.is_stream else self.sized_reply()

    def encoded_reply(self, coding: str) -> bytes:
        body = replies.ENCODERS[coding](self.reply)
        head = self._head(("Content-Encoding", coding), ("Transfer-Encoding", "chunked"))
        return head + replies.chunk(body) + replies.last_chunk()

    def _head(self, *framing: tuple[str, str]) -> bytes:
        headers = [*self.expect.reply_headers, *framing]
        return replies.head(self.expect.status, headers, self.expect.reason)


@cache
def load(name: str) -> Fixture:
    stem = ROOT / name
    (reply,) = stem.parent.glob(f"{stem.name}.reply.*")
    return Fixture(
        name=name,
        request=stem.with_name(f"{stem.name}.request.json").read_bytes(),
        reply=reply.read_bytes(),
        expect=msgspec.json.decode(
            stem.with_name(f"{stem.name}.expect.json").read_bytes(), type=Expectation
        ),
    )


@cache
def all_fixtures() -> tuple[Fixture, ...]:
    names = [
        f"{family}/{path.name.removesuffix('.expect.json')}"
        for family in FAMILIES
        for path in sorted((ROOT / family).glob("*.expect.json"))
    ]
    return tuple(load(name) for name in names)
