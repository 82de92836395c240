"""Converse for tests: requests written and checked, frames made, streams read in order."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings

from lynkr.wire.codec import Context, Losses, Target
from lynkr.wire.converse.codec import CODEC
from lynkr.wire.converse.streams import StreamDecoder
from lynkr.wire.events import Event
from lynkr.wire.eventstream import frame, packed
from lynkr.wire.message import Message, Part, Request, Text, Tool
from tests.wire import schemas
from tests.wire.ordered import Order

# The machine may be busy with other things.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ALL = frozenset(
    (
        "cache_point", "images", "documents", "audio", "thinking_budget", "adaptive_thinking",
        "top_k", "structured_output", "service_tier",
    )
)  # fmt: skip
NONE: frozenset[str] = frozenset()
LS = Tool(name="ls", parameters={"type": "object"})


def asked(*messages: Message, **fields: Any) -> Request:
    """A request of another dialect."""
    given_ = list(messages) or [Message(role="user", parts=[Text(text="Hi")])]
    return Request(**{"format": "openai_chat", "model": "asked", "messages": given_, **fields})


def written(
    request: Request, capabilities: frozenset[str] = ALL, **target: Any
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body and the losses. Every body is one that Bedrock's own schema knows."""
    losses = Losses()
    before = msgspec.json.encode(request)
    body = CODEC.encode_request(request, Target("m", capabilities, **target), losses)
    assert msgspec.json.encode(request) == before, "the request itself is not changed"
    if not any(loss.name == "tools" for loss in losses.found):
        schemas.check("bedrock", body, stream=request.stream)
    return json.loads(body), [(loss.name, loss.field) for loss in losses.found]


def user(*parts: Part) -> Message:
    return Message(role="user", parts=list(parts))


def assistant(*parts: Part) -> Message:
    return Message(role="assistant", parts=list(parts))


def context() -> Context:
    request = Request(format="bedrock", model="asked", messages=[], stream=True)
    return Context(request, call_id="c", created=1, model="asked")


def event(name: str, **fields: object) -> bytes:
    """A frame as Bedrock sends it, with the padding that hides how long a token is."""
    headers = packed(
        ((":event-type", name), (":content-type", "application/json"), (":message-type", "event"))
    )
    return frame(headers, json.dumps({**fields, "p": "abcdefghij"}).encode())


def delta(index: int, **inner: object) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=inner)


def begin(index: int, **start: object) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start=start)


def stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def thought(index: int, **inner: object) -> bytes:
    return delta(index, reasoningContent=inner)


def exception(name: str, payload: bytes) -> bytes:
    headers = packed(((":exception-type", name), (":message-type", "exception")))
    return frame(headers, payload)


START = event("messageStart", role="assistant")


def read(*frames: bytes, size: int = 0) -> list[Event]:
    """All events of a body, in pieces of that size; they are checked for order as they come."""
    decoder, order = StreamDecoder(context()), Order()
    body = b"".join(frames)
    found: list[Event] = []
    for start in range(0, len(body), size or len(body) or 1):
        some = decoder.feed(body[start : start + (size or len(body))])
        order.take(some)
        found += some
    last = decoder.finish()
    order.take(last)
    order.end()
    assert decoder.feed(START) == decoder.finish() == [], "nothing comes after the end"
    return found + last
