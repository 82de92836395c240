"""Streams of Bedrock's ConverseStream, read and written.

Each frame of the event stream holds one event: ``messageStart``, per block ``contentBlockStart``
(which text and reasoning go without), ``contentBlockDelta``, ``contentBlockStop``, then
``messageStop`` and ``metadata`` with the usage. An error is a frame of its own kind. Shapes:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

from lynkr.wire.assembled import merged
from lynkr.wire.codec import Context
from lynkr.wire.converse.blocks import (
    NAME,
    hidden,
    redacted_content,
    redacted_seal,
    signature,
    signature_seal,
    usage_of,
    written_input,
)
from lynkr.wire.converse.replies import (
    exception_name,
    failure_of,
    stop_of,
    stop_word,
    usage_object,
)
from lynkr.wire.events import (
    Alive,
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    Finish,
    OpaqueWhole,
    PartStop,
    Sealed,
    Start,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    Used,
)
from lynkr.wire.eventstream import FrameReader, Headers, frame, packed
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Failure, Json, Opaque, Seal, Stop, Usage
from lynkr.wire.seals import seal_text

# What is open: a part of the reply, or a block that is told only when it is whole.
_NOTHING, _TEXT, _THINKING, _REDACTED, _CALL, _OPAQUE = range(6)


class StreamDecoder:
    """Reads one reply."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = FrameReader()
        self._events: list[Event] = []
        self._started = False
        self._over = False
        self._next = 0  # the index of the next part
        self._index = 0  # of the open part
        self._open = _NOTHING
        self._block: object = None  # the contentBlockIndex of what is open
        self._seal: list[str] = []
        self._opaque: Json = {}
        self._pieces: list[Json] = []
        self._citations: list[object] = []
        self._ids: set[str] = set()
        self._stop: Stop | None = None
        self._usage = Usage()
        self._measured = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete by now."""
        if self._over:
            return []
        for headers, payload in self._reader.feed(data):
            if self._frame(headers, payload):
                return self._taken()
        if self._reader.broken:
            self._wrong(self._reader.broken)
        return self._taken()

    def finish(self) -> list[Event]:
        """The body has ended; the usage may be missing."""
        if self._over:
            return []
        if self._stop is not None:
            self._end(self._stop)
        else:
            self._failed("upstream_truncated", "Bedrock's reply broke off before its end.")
        return self._taken()

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # frames

    def _frame(self, headers: Headers, payload: bytes) -> bool:
        """Take one frame; whether the reply is over with it."""
        kind = headers.get(":message-type", "event")
        if kind == "event":
            fields = _object(payload)
            if fields is None:
                self._wrong("the payload of a frame is no JSON object")
                return True
            name = headers.get(":event-type")
            if name == "contentBlockDelta":
                self._delta(fields)
            else:
                self._event(name, fields)
        elif kind == "exception":
            self._exception(str(headers.get(":exception-type", "")), payload)
        elif kind == "error":
            self._refused(
                str(headers.get(":error-code", "")), str(headers.get(":error-message", ""))
            )
        return self._over

    def _exception(self, name: str, payload: bytes) -> None:
        told = _object(payload) or {}
        message = told.get("message") or told.get("Message") or told.get("originalMessage") or ""
        self._refused(name, message if isinstance(message, str) else "")

    def _refused(self, name: str, message: str) -> None:
        self._over = True
        self._events.append(Failed(failure_of(0, name, message)))

    def _wrong(self, why: str) -> None:
        self._failed("upstream_protocol", f"Bedrock's reply makes no sense: {why}.")

    def _failed(self, code: str, message: str) -> None:
        self._over = True
        failure = Failure(status=0, kind="api_error", message=message, code=code)
        self._events.append(Failed(failure))

    # events

    def _event(self, name: object, fields: Json) -> None:
        if name == "contentBlockStart":
            start = fields.get("start")
            self._begin(start if isinstance(start, dict) else {}, fields.get("contentBlockIndex"))
        elif name == "contentBlockStop":
            if self._open and self._block != fields.get("contentBlockIndex"):
                return  # closed already, when the next one began
            self._close()
        elif name == "messageStart":
            self._start()
        elif name == "messageStop":
            self._start()
            self._close()
            self._stop = stop_of(
                fields.get("stopReason"),
                fields.get("additionalModelResponseFields"),
                bool(self._ids),
            )
            if self._measured:
                self._end(self._stop)
        elif name == "metadata":
            self._usage = usage_of(fields.get("usage"))
            self._measured = True
            if self._stop is not None:
                self._end(self._stop)

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._events.append(Start(self._context.make_id("msg"), self._context.model))

    def _end(self, stop: Stop) -> None:
        self._close()  # what was said behind messageStop
        self._over = True
        self._events.append(Finish(stop, self._usage))

    # parts

    def _begin(self, start: Json, block: object) -> None:
        """``contentBlockStart``: a tool call, or something of Bedrock's own."""
        kind = next(iter(start), "")
        inner = start.get(kind)
        if not isinstance(inner, dict):
            return  # text and reasoning begin with their first delta
        self._start()
        self._close()
        self._block = block
        if kind != "toolUse" or inner.get("type") == "server_tool_use":
            self._open, self._opaque, self._pieces = _OPAQUE, {kind: inner}, []
            return
        given, name = inner.get("toolUseId"), inner.get("name")
        if not isinstance(name, str) or not name:
            self._wrong("a tool call has no name")
            return
        call_id = given if isinstance(given, str) else ""
        if not call_id or call_id in self._ids:
            call_id = self._context.make_id("call")
        self._ids.add(call_id)
        self._opened(_CALL, block)
        self._events.append(CallStart(self._index, call_id, name))

    def _opened(self, kind: int, block: object) -> None:
        self._open, self._block = kind, block
        self._index = self._next
        self._next += 1

    def _within(self, kind: int, block: object) -> None:
        """See to it that a part of that kind is open."""
        if self._open == kind and self._block == block:
            return
        self._start()
        self._close()
        self._opened(kind, block)
        if kind == _TEXT:
            self._events.append(TextStart(self._index))
        else:
            self._events.append(ThinkingStart(self._index))

    def _delta(self, fields: Json) -> None:
        delta, block = fields.get("delta"), fields.get("contentBlockIndex")
        if not isinstance(delta, dict):
            return
        text = delta.get("text")
        if isinstance(text, str):
            if text:
                if self._open != _TEXT or self._block != block:
                    self._within(_TEXT, block)
                self._events.append(TextDelta(self._index, text))
            return
        call = delta.get("toolUse")
        if isinstance(call, dict):
            self._arguments(call.get("input"), block)
            return
        thought = delta.get("reasoningContent")
        if isinstance(thought, dict):
            self._thought(thought, block)
        elif "citation" in delta:
            self._citations.append(delta["citation"])
        elif self._open == _OPAQUE and self._block == block:
            self._pieces.append(delta)

    def _arguments(self, text: object, block: object) -> None:
        if text is not None and not isinstance(text, str):
            text = dumps(text).decode()  # documented as a string, but said as an object by some
        if not text:
            return
        if self._block == block and self._open == _CALL:
            self._events.append(ArgumentsDelta(self._index, text))
        elif self._block == block and self._open == _OPAQUE:
            self._pieces.append({"toolUse": {"input": text}})
        elif text.strip():
            self._wrong("arguments of a tool call that is not open")

    def _thought(self, thought: Json, block: object) -> None:
        text, signed = thought.get("text"), thought.get("signature")
        data = thought.get("redactedContent")
        if isinstance(text, str) and text:
            if self._open == _THINKING and self._seal:
                self._close()  # nothing follows a seal
            self._within(_THINKING, block)
            self._events.append(ThinkingDelta(self._index, text))
        if isinstance(signed, str) and signed:
            self._within(_THINKING, block)
            self._seal.append(signed)
        if isinstance(data, str) and data:
            self._within(_REDACTED, block)
            self._seal.append(data)

    def _close(self) -> None:
        kind, self._open = self._open, _NOTHING
        if kind == _OPAQUE:
            self._whole(*_opaque(self._opaque, self._pieces))
        elif kind != _NOTHING:
            if self._seal:
                self._events.append(Sealed(self._index, _seal(kind, self._seal)))
                self._seal = []
            self._events.append(PartStop(self._index))
        if self._citations:
            cited: Json = {"content": [], "citations": self._citations}
            self._citations = []
            self._start()
            self._whole("citationsContent", {"citationsContent": cited})

    def _whole(self, kind: str, value: Json) -> None:
        self._events.append(OpaqueWhole(self._next, Opaque(kind=kind, value=value, format=NAME)))
        self._next += 1


def _object(payload: bytes) -> Json | None:
    """A payload; ``None`` when it is no JSON object. None at all is an empty one."""
    if not payload:
        return {}
    try:
        value = loads(payload)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _seal(kind: int, pieces: list[str]) -> Seal:
    if kind == _THINKING:
        return signature_seal("".join(pieces))
    try:
        # Each piece may end in padding of its own.
        data = b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
        wire = base64.b64encode(data).decode() if len(pieces) > 1 else pieces[0]
    except ValueError:
        wire = "".join(pieces)
    return redacted_seal(wire) or Seal(NAME, {"redactedContent": wire})


def _opaque(start: Json, pieces: list[Json]) -> tuple[str, Json]:
    """A block of Bedrock's own in the form that it has in a whole reply, and what to call it."""
    ((kind, inner),) = start.items()
    assert isinstance(inner, dict)
    told = inner.get("type")
    whole = dict(inner)
    deltas = [piece[kind] for piece in pieces if kind in piece]
    if kind == "toolUse":
        texts = [str(delta["input"]) for delta in deltas if isinstance(delta, dict)]
        whole["input"] = written_input("".join(texts))
    elif kind == "toolResult":
        lists = [delta for delta in deltas if isinstance(delta, list)]
        whole["content"] = [block for blocks in lists for block in blocks]
    else:
        for delta in deltas:
            whole |= delta if isinstance(delta, dict) else {}
    return (told if isinstance(told, str) and told else kind), {kind: whole}


# --- writing --------------------------------------------------------------------------------------


def _headers(name: str) -> bytes:
    return packed(
        (
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        )
    )


_DELTA = _headers("contentBlockDelta")
_BLOCK_START = _headers("contentBlockStart")
_BLOCK_STOP = _headers("contentBlockStop")
_MESSAGE_START = frame(_headers("messageStart"), b'{"role":"assistant"}')
_MESSAGE_STOP = _headers("messageStop")
_METADATA = _headers("metadata")
# Amazon's clients skip events that they do not know.
_PING = frame(_headers("ping"), b"{}")

# The exceptions that a stream knows, by the kind of failure; others are internalServerException.
_IN_STREAM = {
    "rate_limit": "throttlingException",
    "overloaded": "serviceUnavailableException",
    "timeout": "modelStreamErrorException",
    "api_error": "internalServerException",
}
_STREAM_NAMES = frozenset(
    (
        "internalServerException",
        "modelStreamErrorException",
        "validationException",
        "throttlingException",
        "serviceUnavailableException",
    )
)


class StreamEncoder:
    """Writes one reply, with the indices of its parts as those of the blocks."""

    def __init__(self, context: Context) -> None:
        self._usage = Usage()
        self._text = False  # the open thinking part has text

    def encode(self, events: Iterable[Event]) -> bytes:
        """The frames of these events."""
        out: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta):
                out.append(_delta(event.index, b'"text":' + dumps(event.text)))
            elif isinstance(event, ArgumentsDelta):
                out.append(_delta(event.index, b'"toolUse":{"input":' + dumps(event.text) + b"}"))
            else:
                self._one(event, out)
        return b"".join(out)

    def ping(self) -> bytes:
        return _PING

    def _one(self, event: Event, out: list[bytes]) -> None:
        if isinstance(event, ThinkingDelta):
            self._text = True
            out.append(
                _delta(event.index, b'"reasoningContent":{"text":' + dumps(event.text) + b"}")
            )
        elif isinstance(event, PartStop):
            out.append(_stop(event.index))
        elif isinstance(event, CallStart):
            out.append(
                _begin(event.index, {"toolUse": {"toolUseId": event.id, "name": event.name}})
            )
        elif isinstance(event, ThinkingStart):
            self._text = False
        elif isinstance(event, Sealed):
            self._sealed(event, out)
        elif isinstance(event, Start):
            self._usage = event.usage
            out.append(_MESSAGE_START)
        elif isinstance(event, Used):
            self._usage = merged(self._usage, event.usage)
        elif isinstance(event, Finish):
            usage = usage_object(merged(self._usage, event.usage))
            out.append(frame(_MESSAGE_STOP, dumps({"stopReason": stop_word(event.stop)})))
            out.append(frame(_METADATA, dumps({"usage": usage})))
        elif isinstance(event, Failed):
            out.append(_exception(event.failure))
        elif isinstance(event, OpaqueWhole):
            if event.part.format == NAME:
                _whole(event.index, event.part.value, out)
        elif isinstance(event, Alive):
            out.append(_PING)

    def _sealed(self, event: Sealed, out: list[bytes]) -> None:
        seal = event.seal
        wire, signed = redacted_content(seal), signature(seal)
        if self._text:  # behind which a signature is the only thing to stand
            wire, signed = None, signed or seal_text(seal)
        elif wire is None and signed is None:
            wire = hidden(seal)
        said = {"signature": signed} if wire is None else {"redactedContent": wire}
        out.append(_delta(event.index, b'"reasoningContent":' + dumps(said)))


def _delta(index: int, delta: bytes) -> bytes:
    return frame(_DELTA, b'{"contentBlockIndex":%d,"delta":{%b}}' % (index, delta))


def _begin(index: int, start: Json) -> bytes:
    return frame(_BLOCK_START, dumps({"contentBlockIndex": index, "start": start}))


def _stop(index: int) -> bytes:
    return frame(_BLOCK_STOP, b'{"contentBlockIndex":%d}' % index)


def _whole(index: int, value: Json, out: list[bytes]) -> None:
    """A block of Bedrock's own, if there are frames for it."""
    kind = next(iter(value), "")
    inner = value.get(kind)
    if len(value) != 1 or not isinstance(inner, dict):
        return
    left = dict(inner)
    if kind == "citationsContent":
        cited = left.get("citations")
        for citation in cited if isinstance(cited, list) else ():
            out.append(_delta(index, b'"citation":' + dumps(citation)))
    elif kind == "toolUse":
        said = {"toolUse": {"input": dumps(left.pop("input", {})).decode()}}
        out += (_begin(index, {kind: left}), _delta(index, dumps(said)[1:-1]))
    elif kind == "toolResult":
        content = left.pop("content", [])
        out += (_begin(index, {kind: left}), _delta(index, dumps({kind: content})[1:-1]))
    elif kind == "image":
        start: Json = {kind: {"format": left.pop("format", "")}}
        out += (_begin(index, start), _delta(index, dumps({kind: left})[1:-1]))
    else:
        return
    out.append(_stop(index))


def _exception(failure: Failure) -> bytes:
    name = exception_name(failure)
    name = name[:1].lower() + name[1:]
    if name not in _STREAM_NAMES:
        name = _IN_STREAM.get(failure.kind, "validationException")
    headers = packed(
        (
            (":exception-type", name),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        )
    )
    return frame(headers, dumps({"message": failure.message}))
