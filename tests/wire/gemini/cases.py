"""What the tests of Google's dialect share: its fixtures, contexts, whole runs of the codec."""

from __future__ import annotations

import json
from typing import Any

from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context, Losses, Target
from lynkr.wire.events import Event
from lynkr.wire.gemini.codec import CODEC
from lynkr.wire.message import Reasoning, Request, Seal
from tests.harness.fixtures import ROOT, load
from tests.wire import ordered

FIXTURES = tuple(
    load(f"gemini/{path.name.removesuffix('.expect.json')}")
    for path in sorted((ROOT / "gemini").glob("*.expect.json"))
)
STREAMS = tuple(fixture for fixture in FIXTURES if fixture.is_stream)
BODIES = tuple(fixture for fixture in FIXTURES if not fixture.is_stream)
PLAIN = Target(model="gemini-x")


def context(request: Request | None = None, *, thoughts: bool = True) -> Context:
    """``thoughts``: the client asked to see them."""
    if request is None:
        reasoning = Reasoning(summary="auto") if thoughts else None
        request = Request(format="gemini", model="asked", messages=[], reasoning=reasoning)
    return Context(request, call_id="abc", created=1_700_000_000, model="asked")


def decoded(value: object, *, stream: bool = False) -> Request:
    return CODEC.decode_request(json.dumps(value).encode(), "gemini-x", stream)


def encoded(request: Request, target: Target = PLAIN) -> tuple[Any, Losses]:
    losses = Losses()
    return json.loads(CODEC.encode_request(request, target, losses)), losses


def lost(losses: Losses) -> list[tuple[str, str]]:
    return [(loss.name, loss.field) for loss in losses.found]


def read(body: bytes, size: int = 0, of: Context | None = None) -> list[Event]:
    """The events of a stream, fed in pieces of ``size`` bytes, checked for their order."""
    decoder = CODEC.stream_decoder(of or context())
    step = size or max(1, len(body))
    order = ordered.Order()
    events: list[Event] = []
    for start in range(0, len(body), step):
        events += decoder.feed(body[start : start + step])
    events += decoder.finish()
    order.take(events)
    order.end()
    assert decoder.feed(b"data: {}\n\n") == []
    assert decoder.finish() == []
    return events


def assembled(events: list[Event]) -> Assembly:
    assembly = Assembly()
    assembly.add(events)
    return assembly


def chunks(body: bytes) -> list[Any]:
    """The JSON of a written stream."""
    found = []
    for event in body.decode().split("\n\n"):
        if event.strip():
            found.append(json.loads(event.strip().removeprefix("data: ")))
    return found


def sse(*payloads: object) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(each).encode() for each in payloads)


def says(*parts: object, finish: str = "", **more: object) -> dict[str, object]:
    """One chunk with these parts."""
    candidate: dict[str, object] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "modelVersion": "gemini-3",
        "responseId": "r1",
        "usageMetadata": {"promptTokenCount": 5},
        **more,
    }


def native(signature: str, on: str = "") -> Seal:
    data: dict[str, object] = {"thoughtSignature": signature}
    return Seal("gemini", {**data, "on": on} if on else data)
