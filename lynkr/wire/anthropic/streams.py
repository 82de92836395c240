"""Messages replies as they happen, both ways.

https://platform.claude.com/docs/en/build-with-claude/streaming: ``message_start``; per block
``content_block_start``, deltas, ``content_block_stop``; ``message_delta`` with the stop reason and
cumulative usage; ``message_stop``. In between ``ping`` and ``error``.

Read is also what real servers leave out: message_start, block starts and stops, message_stop after
a stop reason. Citations are not read: neutral text has none while it streams.
"""

from __future__ import annotations

from collections.abc import Iterable

from lynkr.wire.anthropic.errors import error_json, failure_of
from lynkr.wire.anthropic.replies import (
    sealed,
    stop_json,
    stop_of,
    usage_json,
    usage_of,
)
from lynkr.wire.anthropic.requests import NAME
from lynkr.wire.assembled import merged
from lynkr.wire.codec import Context
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
from lynkr.wire.framing import EventReader, EventTooLargeError, event
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Failure, Json, Opaque, Seal, Stop, Usage

# Kinds of the open part; "" when none is.
_TEXT, _THINKING, _CALL, _OPAQUE = "text", "thinking", "call", "opaque"
_JOINED = ("text", "thinking")  # fields of deltas that come in pieces; others come once
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class Decoder:
    """A reply of Anthropic's, piece by piece."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = EventReader()
        self._over = False
        self._cut = False  # the body has ended, perhaps in the middle of an event
        self._started = False
        self._usage = Usage()
        self._stop: Stop | None = None
        self._called = False
        self._ids: set[str] = set()
        self._index = -1  # of the open part, or the last one
        self._open = ""
        self._theirs: object = None  # the upstream's index of the open part
        self._seal: Seal | None = None
        self._input = ""  # arguments that stood in the block's start
        self._block: Json = {}  # an opaque one, as far as it has come
        self._json: list[str] = []  # fragments of its input

    def feed(self, data: bytes) -> list[Event]:
        """The events that are whole by now."""
        out: list[Event] = []
        if not self._over:
            try:
                found = self._reader.feed(data)
            except EventTooLargeError:
                self._fail(out, "one event of the reply is too large")
            else:
                self._take(found, out)
        return out

    def finish(self) -> list[Event]:
        """The body has ended."""
        self._cut = True
        out = self.feed(b"\n\n")  # a last event may lack its empty line
        if self._over:
            return out
        if self._stop is not None:
            self._end(out)
        else:
            self._fail(out, "the reply broke off", "upstream_truncated")
        return out

    def _take(self, found: list[tuple[bytes, bytes]], out: list[Event]) -> None:
        for name, payload in found:
            if self._over:
                return
            self._event(name, payload, out)

    def _fail(self, out: list[Event], message: str, code: str = "upstream_protocol") -> None:
        self._over = True
        out.append(Failed(Failure(status=0, kind="api_error", message=message, code=code)))

    def _event(self, name: bytes, payload: bytes, out: list[Event]) -> None:
        try:
            value = loads(payload)
        except ValueError:
            text = payload.strip()
            if name == b"ping":
                out.append(Alive())
            elif text and text != b"[DONE]" and not self._cut:
                self._fail(out, "an event of the reply is not JSON")
            return
        if not isinstance(value, dict):
            return
        kind = value.get("type") or name.decode("utf-8", "replace")
        if kind == "content_block_delta":
            self._begin(out)
            delta = value.get("delta")
            if isinstance(delta, dict):
                self._delta(value.get("index"), delta, out)
        elif kind == "content_block_start":
            self._begin(out)
            block = value.get("content_block")
            if isinstance(block, dict):
                self._block_start(value.get("index"), block, out)
        elif kind == "content_block_stop":
            if self._is_open(value.get("index")):
                self._close(out)
        elif kind == "ping":
            out.append(Alive())
        elif kind == "message_start":
            message = value.get("message")
            self._message_start(message if isinstance(message, dict) else {}, out)
        elif kind == "message_delta":
            delta = value.get("delta")
            self._usage = merged(self._usage, usage_of(value.get("usage")))
            if isinstance(delta, dict) and delta.get("stop_reason"):
                self._stop = stop_of(delta, called=self._called)
        elif kind == "message_stop":
            self._end(out)
        elif kind == "error":
            self._over = True
            out.append(Failed(failure_of(value)))

    # --- the message ------------------------------------------------------------------------------

    def _message_start(self, message: Json, out: list[Event]) -> None:
        self._usage = merged(self._usage, usage_of(message.get("usage")))
        if self._started:
            return
        self._started = True
        reply_id, model = message.get("id"), message.get("model")
        if not isinstance(reply_id, str) or not reply_id:
            reply_id = self._context.make_id("msg")
        out.append(Start(reply_id, model if isinstance(model, str) else "", self._usage))

    def _begin(self, out: list[Event]) -> None:
        if not self._started:
            self._message_start({}, out)

    def _end(self, out: list[Event]) -> None:
        self._begin(out)
        self._close(out)
        stop = self._stop or stop_of({}, called=self._called)
        out.append(Finish(stop, self._usage))
        self._over = True

    # --- blocks -----------------------------------------------------------------------------------

    def _is_open(self, theirs: object) -> bool:
        return self._open != "" and (theirs == self._theirs or theirs is None)

    def _next(self, kind: str, theirs: object, out: list[Event]) -> int:
        """A new part, whatever became of the one before."""
        self._close(out)
        self._index += 1
        self._open, self._theirs = kind, theirs
        return self._index

    def _block_start(self, theirs: object, block: Json, out: list[Event]) -> None:
        kind = block.get("type")
        if kind == "text":
            index = self._next(_TEXT, theirs, out)
            out.append(TextStart(index))
            text = block.get("text")
            if isinstance(text, str) and text:
                out.append(TextDelta(index, text))
        elif kind == "thinking":
            index = self._next(_THINKING, theirs, out)
            out.append(ThinkingStart(index, summary=True))
            text, signature = block.get("thinking"), block.get("signature")
            if isinstance(text, str) and text:
                out.append(ThinkingDelta(index, text))
            if isinstance(signature, str) and signature:
                self._seal = Seal(NAME, {"signature": signature})
        elif kind == "redacted_thinking":
            out.append(ThinkingStart(self._next(_THINKING, theirs, out), summary=True))
            data = block.get("data")
            if isinstance(data, str):
                self._seal = Seal(NAME, {"data": data})
        elif kind == "tool_use":
            self._call_start(theirs, block, out)
        elif isinstance(kind, str):
            self._next(_OPAQUE, theirs, out)
            self._block = dict(block)

    def _call_start(self, theirs: object, block: Json, out: list[Event]) -> None:
        name, given = block.get("name"), block.get("id")
        if not isinstance(name, str) or not name:
            self._fail(out, "a call of the reply names no tool")
            return
        if not isinstance(given, str) or not given or given in self._ids:
            given = self._context.make_id("toolu")
        self._ids.add(given)
        self._called = True
        out.append(CallStart(self._next(_CALL, theirs, out), given, name))
        # Anthropic begins with an empty object and then sends fragments; others send all of it at
        # once. Which it is shows at the end.
        given = block.get("input")
        self._input = given if isinstance(given, str) and given else dumps(given or {}).decode()

    def _close(self, out: list[Event]) -> None:
        kind, self._open = self._open, ""
        if not kind:
            return
        if kind == _OPAQUE:
            out.append(OpaqueWhole(self._index, self._whole()))
            return
        if kind == _THINKING and self._seal is not None:
            out.append(Sealed(self._index, self._seal))
            self._seal = None
        elif kind == _CALL and self._input:
            out.append(ArgumentsDelta(self._index, self._input))
        out.append(PartStop(self._index))

    def _whole(self) -> Opaque:
        block = self._block
        if self._json:
            text = "".join(self._json)
            try:
                block["input"] = loads(text)
            except ValueError:
                block["input"] = text
            self._json = []
        return Opaque(kind=str(block.get("type")), value=block, format=NAME)

    def _delta(self, theirs: object, delta: Json, out: list[Event]) -> None:
        kind = delta.get("type")
        mine = theirs == self._theirs or theirs is None
        if mine and self._open == _OPAQUE:
            self._collect(kind, delta)
        elif kind == "text_delta":
            text = delta.get("text")
            if isinstance(text, str) and text:
                if self._open != _TEXT or not mine:
                    out.append(TextStart(self._next(_TEXT, theirs, out)))
                out.append(TextDelta(self._index, text))
        elif kind == "input_json_delta":
            text = delta.get("partial_json")
            if not isinstance(text, str) or not text:
                return
            if self._open == _CALL and mine:
                self._input = ""
                out.append(ArgumentsDelta(self._index, text))
            elif text.strip():
                self._fail(out, "arguments came for a call that is not open")
        elif kind == "thinking_delta":
            text = delta.get("thinking")
            if isinstance(text, str) and text:
                if self._open != _THINKING or not mine:
                    out.append(ThinkingStart(self._next(_THINKING, theirs, out), summary=True))
                out.append(ThinkingDelta(self._index, text))
        elif kind == "signature_delta":
            signature = delta.get("signature")
            if isinstance(signature, str) and signature and self._open == _THINKING and mine:
                self._seal = Seal(NAME, {"signature": signature})

    def _collect(self, kind: object, delta: Json) -> None:
        """A delta of a block that we do not know, put into the block as Anthropic's SDK does."""
        for name, value in delta.items():
            before = self._block.get(name)
            if name == "type":
                continue
            if name == "partial_json":
                if isinstance(value, str) and value:
                    self._json.append(value)
            elif name == "citation" and kind == "citations_delta":
                cited = self._block.get("citations")
                self._block["citations"] = [*(cited if isinstance(cited, list) else ()), value]
            elif name in _JOINED and isinstance(value, str) and isinstance(before, str):
                self._block[name] = before + value
            else:
                self._block[name] = value


_TEXT_OPENED = b'"content_block":{"type":"text","text":""}}\n\n'
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,'
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"%b":'
)
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_TAIL = b"}}\n\n"


class Encoder:
    """A reply for a client of this dialect.

    A block begins with its first delta, so that an empty part is none, and thinking without text
    is known for redacted. So the blocks have numbers of their own.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._over = False
        self._usage = Usage()
        self._count = 0  # of blocks begun
        self._begun = False  # the open part has a block
        self._head = b""  # of a delta of this block

    def ping(self) -> bytes:
        return _PING

    def encode(self, events: Iterable[Event]) -> bytes:
        """The bytes of these events, in one piece."""
        out: list[bytes] = []
        for each in events:
            if self._over:
                break
            if isinstance(each, TextDelta):
                if not self._begun:
                    self._begin(_TEXT_OPENED, b'text_delta","text', out)
                out += (self._head, dumps(each.text), _TAIL)
            elif isinstance(each, ArgumentsDelta):
                out += (self._head, dumps(each.text), _TAIL)
            elif isinstance(each, ThinkingDelta):
                if not self._begun:
                    self._begin_thinking(out)
                out += (self._head, dumps(each.text), _TAIL)
            elif isinstance(each, (TextStart, ThinkingStart)):
                self._begun = False
            elif isinstance(each, CallStart):
                self._call(each, out)
            elif isinstance(each, Sealed):
                self._sealed(each.seal, out)
            elif isinstance(each, PartStop):
                self._end_block(out)
            else:
                self._rare(each, out)
        return b"".join(out)

    def _rare(self, each: Event, out: list[bytes]) -> None:
        if isinstance(each, Start):
            self._start(each, out)
        elif isinstance(each, Alive):
            out.append(_PING)
        elif isinstance(each, Used):
            self._usage = merged(self._usage, each.usage)
        elif isinstance(each, OpaqueWhole):
            if each.part.format == NAME:
                self._opaque(each.part.value, out)
        elif isinstance(each, Finish):
            self._finish(each, out)
        elif isinstance(each, Failed):
            self._over = True
            out.append(event("error", dumps(error_json(each.failure))))

    # --- the message ------------------------------------------------------------------------------

    def _start(self, start: Start, out: list[bytes]) -> None:
        self._usage = merged(self._usage, start.usage)
        context = self._context
        context.reply_id = start.id or context.make_id("msg")
        message: Json = {
            "id": context.reply_id,
            "type": "message",
            "role": "assistant",
            "model": context.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_json(self._usage, demanded=True),
        }
        out.append(event("message_start", dumps({"type": "message_start", "message": message})))

    def _finish(self, finish: Finish, out: list[bytes]) -> None:
        self._end_block(out)
        delta = {
            "type": "message_delta",
            "delta": stop_json(finish.stop),
            "usage": usage_json(merged(self._usage, finish.usage), demanded=False),
        }
        out.append(event("message_delta", dumps(delta)))
        out.append(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
        self._over = True

    # --- blocks -----------------------------------------------------------------------------------

    def _begin(self, opened: bytes, delta: bytes, out: list[bytes]) -> None:
        out += (_START % self._count, opened)
        self._head = _DELTA % (self._count, delta)
        self._count += 1
        self._begun = True

    def _end_block(self, out: list[bytes]) -> None:
        if self._begun:
            out.append(_STOP % (self._count - 1))
            self._begun = False

    def _begin_block(self, block: Json, delta: bytes, out: list[bytes]) -> None:
        self._begin(b'"content_block":%b}\n\n' % dumps(block), delta, out)

    def _begin_thinking(self, out: list[bytes]) -> None:
        block: Json = {"type": "thinking", "thinking": "", "signature": ""}
        self._begin_block(block, b'thinking_delta","thinking', out)

    def _sealed(self, seal: Seal, out: list[bytes]) -> None:
        """Its signature; without text before it, perhaps the whole block."""
        place, value = sealed(seal, shown=self._begun)
        if place == "data":
            self._begin_block({"type": "redacted_thinking", "data": value}, b"", out)
            return
        if not self._begun:
            self._begin_thinking(out)
        head = _DELTA % (self._count - 1, b'signature_delta","signature')
        out += (head, dumps(value), _TAIL)

    def _call(self, start: CallStart, out: list[bytes]) -> None:
        block: Json = {"type": "tool_use", "id": start.id, "name": start.name, "input": {}}
        self._begin_block(block, b'input_json_delta","partial_json', out)

    def _opaque(self, block: Json, out: list[bytes]) -> None:
        """A block of this dialect. Clients take the input of a call from its deltas."""
        given = block.get("input")
        if not isinstance(given, dict):
            self._begin_block(block, b"", out)
        else:
            self._begin_block({**block, "input": {}}, b'input_json_delta","partial_json', out)
            out += (self._head, dumps(dumps(given).decode()), _TAIL)
        self._end_block(out)
