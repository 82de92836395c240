"""A reply as it happens: what stream decoders yield and stream encoders take.

A well-formed stream is ``Start``, then parts, then ``Finish``; or it breaks off with ``Failed``.
Each part is ``PartStart``, any number of deltas, ``PartStop``; indices are dense from 0. A decoder
closes a part before it opens the next, whatever its dialect allows. ``Alive`` may come anywhere.
``tests/wire/ordered.py`` checks all this.
"""

from __future__ import annotations

import msgspec

from lynkr.wire.message import CallKind, Failure, Json, Opaque, Seal, Stop, Usage


class Start(msgspec.Struct, frozen=True):
    """The reply has begun. ``usage`` holds what is known by now."""

    id: str
    model: str
    usage: Usage = Usage()
    created: int | None = None


class TextStart(msgspec.Struct, frozen=True):
    index: int
    refusal: bool = False
    id: str = ""


class TextDelta(msgspec.Struct, frozen=True):
    index: int
    text: str
    logprobs: list[Json] | None = None


class ThinkingStart(msgspec.Struct, frozen=True):
    index: int
    summary: bool = False
    id: str = ""


class ThinkingDelta(msgspec.Struct, frozen=True):
    index: int
    text: str


class Sealed(msgspec.Struct, frozen=True):
    """The seal of the open thinking part. At most one, after its text."""

    index: int
    seal: Seal


class CallStart(msgspec.Struct, frozen=True):
    """A tool call opens; name and id are known and final."""

    index: int
    id: str
    name: str
    kind: CallKind = "function"
    namespace: str = ""
    item_id: str = ""


class ArgumentsDelta(msgspec.Struct, frozen=True):
    """A fragment of the arguments' JSON text (of the plain text, for a custom tool)."""

    index: int
    text: str


class OpaqueWhole(msgspec.Struct, frozen=True):
    """A part that only its own dialect knows, in one event; no stop follows."""

    index: int
    part: Opaque


class PartStop(msgspec.Struct, frozen=True):
    index: int


class Used(msgspec.Struct, frozen=True):
    """Usage so far, cumulative; what is None was not said."""

    usage: Usage


class Finish(msgspec.Struct, frozen=True):
    """The reply is whole. ``usage`` is the last word."""

    stop: Stop
    usage: Usage = Usage()


class Failed(msgspec.Struct, frozen=True):
    """The upstream reported an error inside the stream; nothing follows."""

    failure: Failure


class Alive(msgspec.Struct, frozen=True):
    """A ping, or anything else that says no more than that."""


Event = (
    Start
    | TextStart
    | TextDelta
    | ThinkingStart
    | ThinkingDelta
    | Sealed
    | CallStart
    | ArgumentsDelta
    | OpaqueWhole
    | PartStop
    | Used
    | Finish
    | Failed
    | Alive
)
