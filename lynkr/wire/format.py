"""What the gateway knows of a wire format, and the APIs spoken at the front door.

First form: enough to read a reply along and to speak an error. ``APIS`` is the table of inference
routes; everything that differs between them is in a ``Format``, nothing in an ``if``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec

from lynkr._native.sse import ReplyShape, ReplyTee
from lynkr.errors import GatewayError
from lynkr.wire.encoding import Decoder
from lynkr.wire.message import ReplyFacts

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None  # beyond: no count of tokens
Values = Sequence[bytes | None]  # in the order of the reading's paths


class Reading(msgspec.Struct, frozen=True):
    """Where one shape of reply (a stream, or one JSON body) keeps its facts."""

    shape: ReplyShape
    facts: Callable[[Values], ReplyFacts]
    events: bool  # server-sent events, else one JSON body

    def tee(self, decoder: Decoder | None, rename: bytes | None) -> ReplyTee:
        """``rename`` is the JSON string that takes the place of every model name on its way."""
        return ReplyTee(self.shape, self.events, decoder, rename)

    def read(self, tee: ReplyTee) -> ReplyFacts:
        return self.facts(tee.values)


class Format(msgspec.Struct, frozen=True):
    """One dialect."""

    name: str
    events: Reading
    body: Reading
    error_body: Callable[[GatewayError, str], bytes]  # (error, request id) -> JSON body
    error_event: Callable[[GatewayError], bytes]  # one server-sent event


class Api(msgspec.Struct, frozen=True):
    """One inference route of the front door."""

    name: str
    path: bytes
    format: Format
    body: Reading  # of the JSON reply; streams are read as the format says
    model_in_path: bool = False  # Google's dialect: the body names no model
    kept_by_id: bool = False  # a reply may be continued by its id alone

    @property
    def shown_path(self) -> str:
        path = self.path.decode()
        return f"/v1beta/models/{{model}}{path}" if self.model_in_path else path


# What decoding somebody else's bytes may raise; the last is for JSON a thousand levels deep.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
TEXTS_MAX = 1024
TEXT_BYTES_MAX = 256

_texts: dict[bytes, str] = {}  # model names and stop reasons come back in every reply
_decode_text = msgspec.json.Decoder(str).decode
_decode_table = msgspec.json.Decoder(dict[str, object]).decode


def text(value: bytes | None) -> str:
    """A captured JSON string; anything else is the empty string."""
    if value is None:
        return ""
    known = _texts.get(value)
    if known is not None:
        return known
    try:
        read = _decode_text(value)
    except UNREADABLE:
        return ""
    if len(value) > TEXT_BYTES_MAX:
        return read
    if len(_texts) >= TEXTS_MAX:
        _texts.clear()
    _texts[value] = read
    return read


def table(value: bytes | None) -> dict[str, object]:
    """A captured JSON object; anything else is empty."""
    if value is None or value[:1] != b"{":
        return {}
    try:
        return _decode_table(value)
    except UNREADABLE:
        return {}


_Report = TypeVar("_Report", bound=msgspec.Struct)


def report_reader(kind: type[_Report], empty: _Report) -> Callable[[bytes | None], _Report]:
    """A reader of captured usage objects into ``kind``, whose fields are all optional counts.

    The whole object is tried first. If a field is not what it should be, the others still count:
    each is read on its own, and one that is no count is left out, so that nothing is invented.
    """
    decode = msgspec.json.Decoder(kind).decode

    def read(value: bytes | None) -> _Report:
        if value is None or value[:1] != b"{":
            return empty
        try:
            return decode(value)
        except UNREADABLE:
            kept = {}
            for name, part in _counts(table(value)).items():
                try:
                    msgspec.convert({name: part}, kind)
                except msgspec.MsgspecError:
                    continue  # a table where a count belongs, or the other way round
                kept[name] = part
            return msgspec.convert(kept, kind)

    return read


def _counts(report: dict[str, object]) -> dict[str, object]:
    """The counts of a report, in tables inside it too; whatever is no count is left out."""
    kept: dict[str, object] = {}
    for name, given in report.items():
        if isinstance(given, dict):
            kept[name] = _counts(given)
            continue
        whole = isinstance(given, float) and given.is_integer()
        try:
            kept[name] = msgspec.convert(int(given) if whole else given, Count)  # type: ignore[call-overload]
        except msgspec.MsgspecError:
            continue
    return kept
