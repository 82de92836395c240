"""Chunks of Chat Completions streams, made in short; and the decoder's events for them.

    parts(chunk(content="a"), calls(piece(name="f", args="{}", id="c")), chunk("tool_calls"))

``events`` checks their order, and that single bytes give the same events as one piece.
"""

from __future__ import annotations

import json
from typing import Any

from lynkr.wire.assembled import Assembly
from lynkr.wire.chat.codec import CODEC
from lynkr.wire.codec import Context
from lynkr.wire.events import Event
from lynkr.wire.message import Failure, Part, Request, Tool
from tests.wire.ordered import check

DONE = b"data: [DONE]\n\n"


def context(*tools: str, **request: Any) -> Context:
    asked = Request(
        format="anthropic_messages", model="m", messages=[],
        tools=[Tool(name=name) for name in tools], **request,
    )  # fmt: skip
    return Context(asked, call_id="x", created=7, model="m")


def sent(*chunks: object) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def chunk(finish: str | None = None, **delta: object) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "r", "model": "real", "created": 5, "choices": [choice]}


def calls(*made: dict[str, object]) -> dict[str, object]:
    return chunk(tool_calls=list(made))


def piece(
    index: int | None = 0, *, name: str | None = None, args: object = None, **more: object
) -> dict[str, object]:
    function = {}
    if name is not None:
        function["name"] = name
    if args is not None:
        function["arguments"] = args  # type: ignore[assignment]
    made: dict[str, object] = {"function": function, **more}
    return made if index is None else {"index": index, **made}


def events(body: bytes, made: Context | None = None) -> list[Event]:
    """All events, checked for their order, of one piece and of single bytes alike."""
    found = read([body], made or context())
    check(found)
    if made is None:
        single = [body[n : n + 1] for n in range(len(body))]
        assert read(single, context()) == found
    return found


def read(pieces: list[bytes], made: Context) -> list[Event]:
    decoder = CODEC.stream_decoder(made)
    found: list[Event] = []
    for data in pieces:
        found += decoder.feed(data)
    found += decoder.finish()
    assert decoder.feed(DONE) == [] == decoder.finish()
    return found


def assembled(*chunks: object, tools: tuple[str, ...] = ()) -> Assembly:
    assembly = Assembly()
    assembly.add(events(sent(*chunks) + DONE, context(*tools) if tools else None))
    return assembly


def parts(*chunks: object) -> list[Part]:
    assembly = assembled(*chunks)
    assert assembly.failure is None, assembly.failure
    return assembly.parts


def failure(*chunks: object) -> Failure:
    found = assembled(*chunks).failure
    assert found is not None
    return found
