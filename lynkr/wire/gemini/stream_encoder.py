"""Streams of Google's dialect, written for its clients.

Text goes out at once. A call is written as a whole when it is complete: clients of this dialect
know no pieces of one (Vertex's ``partialArgs`` are for those who ask for them), so this is the one
place where fragments wait. There is no first chunk without content, and no last one without: SDKs
look at the content of each. An error is bare JSON behind the events: see ``gemini.error_event``.
"""

from __future__ import annotations

from collections.abc import Iterable

from lynkr.wire.assembled import merged
from lynkr.wire.codec import Context
from lynkr.wire.events import (
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
    ThinkingDelta,
    ThinkingStart,
    Used,
)
from lynkr.wire.gemini.errors import encode_error
from lynkr.wire.gemini.facts import (
    call_part,
    finish,
    logprobs_result,
    shows_thoughts,
    usage_metadata,
)
from lynkr.wire.gemini.signatures import FORMAT, place_of, signature_of
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Json, Opaque, Seal, Usage

_PARTS = b'data: {"candidates":[{"content":{"parts":['
_HEAD = _PARTS + b'{"text":'
_THOUGHT = b',"thought":true}'


class GeminiStreamEncoder:
    """Writes a stream. ``ping`` is an empty line: Google's SDKs take a comment for JSON."""

    def __init__(self, context: Context) -> None:
        self._shown = shows_thoughts(context)
        self._model = dumps(context.model)
        self._tail = b""
        self._end = b""
        self._due = b""  # a signature for the part that follows, as JSON
        self._said = False  # a text was written last: one behind it would be more of the same
        self._call: CallStart | None = None
        self._pieces: list[str] = []
        self._malformed = ""
        self._usage = Usage()

    def ping(self) -> bytes:
        return b"\n"

    def encode(self, events: Iterable[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            kind = type(event)
            if kind is TextDelta:
                self._text(event, out)  # type: ignore[arg-type]
            elif kind is ArgumentsDelta:
                self._pieces.append(event.text)  # type: ignore[union-attr]
            elif kind is ThinkingDelta:
                if self._shown:
                    self._said = False
                    out += (_HEAD, dumps(event.text), _THOUGHT, self._tail)  # type: ignore[union-attr]
            elif isinstance(event, Sealed):
                self._sealed(event.seal, out)
            elif isinstance(event, CallStart):
                self._call = event
                self._pieces = []
            elif isinstance(event, PartStop):
                if self._call is not None:
                    self._called(self._call, out)
            elif isinstance(event, ThinkingStart):
                self._alone(out)
            elif isinstance(event, OpaqueWhole):
                self._opaque(event.part, out)
            elif isinstance(event, Start):
                self._begin(event)
            elif isinstance(event, Used):
                self._usage = merged(self._usage, event.usage)
            elif isinstance(event, Finish):
                self._finish(event, out)
            elif isinstance(event, Failed):
                out.append(encode_error(event.failure, ""))
        return b"".join(out)

    def _begin(self, event: Start) -> None:
        self._usage = event.usage
        self._end = b'],"modelVersion":%b,"responseId":%b}\n\n' % (self._model, dumps(event.id))
        self._tail = b'],"role":"model"},"index":0}' + self._end

    def _text(self, event: TextDelta, out: list[bytes]) -> None:
        if self._due and self._said:
            self._alone(out)
        self._said = True
        if not self._due and event.logprobs is None:
            out += (_HEAD, dumps(event.text), b"}", self._tail)
            return
        part: Json = {"text": event.text}
        out += (_PARTS, self._signed(dumps(part)))
        if event.logprobs is None:
            out.append(self._tail)
        else:
            result = dumps(logprobs_result(event.logprobs))
            out += (b'],"role":"model"},"index":0,"logprobsResult":', result, b"}", self._end)

    def _signed(self, part: bytes) -> bytes:
        """The part as JSON, with the signature that is due."""
        if not self._due:
            return part
        due, self._due = self._due, b""
        return b'%b,"thoughtSignature":%b}' % (part[:-1], due)

    def _sealed(self, seal: Seal, out: list[bytes]) -> None:
        signature, place = signature_of(seal), place_of(seal)
        if not signature:
            return
        self._due = dumps(signature)
        if place == "thought":
            self._said = False
            out += (_PARTS, self._signed(b'{"text":"","thought":true}'), self._tail)
        elif place:
            self._alone(out)

    def _alone(self, out: list[bytes]) -> None:
        """A signature that is due, in a part of its own."""
        if self._due:
            self._said = False
            out += (_PARTS, self._signed(b'{"text":""}'), self._tail)

    def _called(self, call: CallStart, out: list[bytes]) -> None:
        self._call = None
        arguments = "".join(self._pieces)
        part = call_part(call.id, call.name, arguments)
        if part is None:
            self._malformed = self._malformed or f"{call.name}({arguments})"
        else:
            self._said = False
            out += (_PARTS, self._signed(dumps(part)), self._tail)

    def _opaque(self, part: Opaque, out: list[bytes]) -> None:
        if part.format == FORMAT:
            self._alone(out)
            self._said = False
            out += (_PARTS, dumps(part.value), self._tail)

    def _finish(self, event: Finish, out: list[bytes]) -> None:
        """The last chunk has an empty text, as Google's own: the Python SDK forgets a turn that has
        a chunk without content."""
        candidate = dumps(finish(event.stop, self._malformed))[1:-1]
        out += (
            _PARTS,
            self._signed(b'{"text":""}'),
            b'],"role":"model"},%b,"index":0}' % candidate,
        )
        metadata = usage_metadata(merged(self._usage, event.usage))
        if metadata:
            out += (b'],"usageMetadata":', dumps(metadata), self._end[1:])
        else:
            out.append(self._end)
