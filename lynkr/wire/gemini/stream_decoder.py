"""Streams of Google's streamGenerateContent (``?alt=sse``), read.

Every event is a ``GenerateContentResponse`` with the parts that are new; there is no event
that ends the stream, so ``Finish`` comes with the end of the body. When the server breaks off, it
puts the bare JSON of an error behind the events, and both its SDKs look for that.
"""

from __future__ import annotations

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
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    Used,
)
from lynkr.wire.framing import EventReader, EventTooLargeError
from lynkr.wire.gemini.arguments import PartialArguments
from lynkr.wire.gemini.errors import failure_of
from lynkr.wire.gemini.facts import (
    blocked,
    logprobs_of,
    stop_of,
    usage_of,
)
from lynkr.wire.gemini.signatures import FORMAT, seal_of
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Failure, Json, Opaque, Seal, Stop, Usage

_BARE_BYTES_MAX = 64 * 1024  # an error; more than that is something else
_ABOUT = frozenset(("thought", "thoughtSignature"))
_TEXT, _THINKING, _CALL = "text", "thinking", "call"


class _Reader(EventReader):
    """Keeps the lines that belong to no event, too: an error is among them."""

    def __init__(self) -> None:
        super().__init__()
        self.bare: list[bytes] = []
        self._bare_size = 0

    def _line(self, line: bytes) -> tuple[bytes, bytes] | None:
        if line[:1] in (b"{", b"}", b"[", b"]", b'"', b" ", b"\t"):
            self._bare_size += len(line)
            if self._bare_size <= _BARE_BYTES_MAX:
                self.bare.append(line)
            return None
        return super()._line(line)


class GeminiStreamDecoder:
    """Reads a stream; ``whole`` reads a reply that is not one, by the same rules."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = _Reader()
        self._over = False
        self._started = False
        self._next = 0
        self._open = ""  # what kind of part is open; its index is the last one
        self._arguments: PartialArguments | None = None  # of an open call
        self._call_id = ""
        self._late = ""  # a signature that came when its call had begun
        self._ids: set[str] = set()
        self._metadata: object = None
        self._usage = Usage()
        self._stop: Stop | None = None
        self._word = ""
        self._message: object = None

    def feed(self, data: bytes) -> list[Event]:
        out: list[Event] = []
        if self._is_over():
            return out
        try:
            events = self._reader.feed(data)
        except EventTooLargeError:
            self._protocol("an event is too large", out)
            return out
        self._read(events, out)
        return out

    def finish(self) -> list[Event]:
        out: list[Event] = []
        if not self._is_over():
            # An event that breaks off in its middle is not garbage: the body is not whole.
            self._read([each for each in self._reader.rest() if _is_json(each[1])], out)
        if not self._is_over():
            self._end(out)
        return out

    def whole(self, chunk: Json) -> list[Event]:
        """All events of a reply in one object. No reason to stop is a reason like any other: the
        reply is complete."""
        out: list[Event] = []
        self._chunk(chunk, out)
        if not self._over:
            if not self._word and self._stop is None:
                self._stop = Stop("tool_use" if self._ids else "end_turn")
            self._end(out)
        return out

    # --- events and bare lines --------------------------------------------------------------------

    def _is_over(self) -> bool:
        return self._over

    def _read(self, events: list[tuple[bytes, bytes]], out: list[Event]) -> None:
        for _, payload in events:
            self._payload(payload, out)
            if self._over:
                return
        if self._reader.bare:
            self._bare(out)

    def _payload(self, payload: bytes, out: list[Event]) -> None:
        if payload == b"[DONE]":
            return  # of servers that only imitate the dialect
        try:
            chunk = loads(payload)
        except ValueError:
            self._protocol("an event is not JSON", out)
            return
        if isinstance(chunk, list) and len(chunk) == 1:
            chunk = chunk[0]
        if not isinstance(chunk, dict):
            self._protocol("an event is no object", out)
            return
        self._chunk(chunk, out)

    def _bare(self, out: list[Event]) -> None:
        """JSON outside of events, once it is whole."""
        bare = self._reader.bare
        if bare[-1].rstrip()[-1:] not in (b"}", b"]"):
            return
        try:
            value = loads(b"\n".join(bare))
        except ValueError:
            return
        bare.clear()
        error = value[0] if isinstance(value, list) and value else value
        if isinstance(error, dict) and error.get("error"):
            self._failed(failure_of(0, value), out)

    def _failed(self, failure: Failure, out: list[Event]) -> None:
        self._over = True
        out.append(Failed(failure))

    def _protocol(self, what: str, out: list[Event]) -> None:
        message = f"The provider's stream cannot be read: {what}."
        self._failed(
            Failure(status=0, kind="api_error", message=message, code="upstream_protocol"), out
        )

    def _end(self, out: list[Event]) -> None:
        self._over = True
        self._close(out)
        stop = self._stop
        if self._word:
            stop = stop_of(self._word, self._message, bool(self._ids))
        if stop is None:
            message = "The provider's stream broke off before its end."
            out.append(
                Failed(
                    Failure(status=0, kind="api_error", message=message, code="upstream_truncated")
                )
            )
        else:
            out.append(Finish(stop, self._usage))

    # --- chunks -----------------------------------------------------------------------------------

    def _chunk(self, chunk: Json, out: list[Event]) -> None:
        if chunk.get("error"):
            self._failed(failure_of(0, chunk), out)
            return
        metadata = chunk.get("usageMetadata")
        told = metadata is not None and metadata != self._metadata
        if told:
            self._metadata = metadata
            if isinstance(metadata, dict):
                known = merged(self._usage, usage_of(metadata))
                told = known != self._usage
                self._usage = known
        if not self._started:
            self._started = True
            name, model = chunk.get("responseId"), chunk.get("modelVersion")
            out.append(
                Start(
                    name if isinstance(name, str) and name else self._context.make_id("resp"),
                    model if isinstance(model, str) and model else self._context.model,
                    self._usage,
                )
            )
        elif told:
            out.append(Used(self._usage))
        candidates = chunk.get("candidates")
        if isinstance(candidates, list):
            for candidate in candidates:
                # A reply of several candidates is read as its first.
                if isinstance(candidate, dict) and not candidate.get("index"):
                    self._candidate(candidate, out)
                    break
        self._stop = blocked(chunk.get("promptFeedback")) or self._stop

    def _candidate(self, candidate: Json, out: list[Event]) -> None:
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        if isinstance(parts, list):
            given = candidate.get("logprobsResult")
            logprobs = logprobs_of(given) if given is not None else None
            for part in parts:
                if not isinstance(part, dict):
                    self._protocol("a part is no object", out)
                elif self._part(part, logprobs, out):
                    logprobs = None
                if self._over:
                    return
        word = candidate.get("finishReason")
        # Older models say STOP in every chunk; the last word counts, with the end of the body.
        if isinstance(word, str) and word and word != "FINISH_REASON_UNSPECIFIED":
            self._word, self._message = word, candidate.get("finishMessage")

    def _part(self, part: Json, logprobs: list[Json] | None, out: list[Event]) -> bool:
        """One part; whether it took the logprobs."""
        given = part.get("thoughtSignature")
        signature = given if isinstance(given, str) else ""
        text = part.get("text")
        if isinstance(text, str):
            if part.get("thought") is True:
                self._thought(text, signature, out)
                return False
            return self._text(text, signature, logprobs, out)
        call = part.get("functionCall")
        if isinstance(call, dict):
            try:
                self._call(call, signature, out)
            except ValueError as error:
                self._protocol(str(error), out)
            return False
        kind = next((name for name in part if name not in _ABOUT), "")
        if kind:
            self._close(out)
            out.append(OpaqueWhole(self._next, Opaque(kind=kind, value=part, format=FORMAT)))
            self._next += 1
        elif signature:
            place = "thought" if part.get("thought") is True else "part"
            self._sealed(seal_of(signature, place), out)
        return False

    def _text(
        self, text: str, signature: str, logprobs: list[Json] | None, out: list[Event]
    ) -> bool:
        if not text and not signature:
            return False
        if signature and (not text or self._open != _TEXT):
            self._sealed(seal_of(signature, "" if text else "text"), out)
            signature = ""
        if not text:
            return False
        if self._open != _TEXT:
            self._close(out)
            out.append(TextStart(self._next))
            self._opened(_TEXT)
        out.append(TextDelta(self._next - 1, text, logprobs))
        if signature:  # in the middle of a text it cannot go before it any more
            self._sealed(seal_of(signature, "text"), out)
        return True

    def _thought(self, text: str, signature: str, out: list[Event]) -> None:
        if self._open != _THINKING:
            if not text and not signature:
                return
            self._close(out)
            out.append(ThinkingStart(self._next, True))
            self._opened(_THINKING)
        if text:
            out.append(ThinkingDelta(self._next - 1, text))
        if signature:
            self._sealed(seal_of(signature, "thought"), out)

    def _sealed(self, seal: Seal, out: list[Event]) -> None:
        """Seals the thought that is open, or one without words."""
        if self._open != _THINKING:
            self._close(out)
            out.append(ThinkingStart(self._next))
            self._opened(_THINKING)
        out.append(Sealed(self._next - 1, seal))
        self._close(out)

    def _call(self, call: Json, signature: str, out: list[Event]) -> None:
        name, pieces = call.get("name"), call.get("partialArgs")
        more = call.get("willContinue") is True
        repeated = self._arguments is not None and call.get("id") == self._call_id
        if isinstance(name, str) and name and not repeated:
            if signature:
                self._sealed(seal_of(signature), out)
            self._close(out)
            self._call_id = self._new_id(call.get("id"))
            out.append(CallStart(self._next, self._call_id, name))
            self._opened(_CALL)
            args = call.get("args")
            if args or not (more or pieces):
                if not isinstance(args, dict):
                    args = {}
                out.append(ArgumentsDelta(self._next - 1, dumps(args).decode()))
                self._close(out)
                return
            self._arguments = PartialArguments()
        elif self._arguments is None:
            if pieces:
                raise ValueError("arguments come without their call")
            return
        else:
            self._late = signature or self._late
        assert self._arguments is not None
        if isinstance(pieces, list):
            text = self._arguments.feed(pieces)
            if text:
                out.append(ArgumentsDelta(self._next - 1, text))
        if not more:
            self._close(out)

    def _new_id(self, given: object) -> str:
        name = given if isinstance(given, str) else ""
        if not name or name in self._ids:
            name = self._context.make_id("call")
        self._ids.add(name)
        return name

    def _opened(self, kind: str) -> None:
        self._open = kind
        self._next += 1

    def _close(self, out: list[Event]) -> None:
        if not self._open:
            return
        index = self._next - 1
        if self._arguments is not None:
            out.append(ArgumentsDelta(index, self._arguments.finish()))
            self._arguments = None
        self._open = ""
        out.append(PartStop(index))
        if self._late:
            late, self._late = self._late, ""
            self._sealed(seal_of(late, "part"), out)


def _is_json(payload: bytes) -> bool:
    try:
        loads(payload)
    except ValueError:
        return False
    return True
