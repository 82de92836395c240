"""OpenAI Responses: streams written.

https://platform.openai.com/docs/api-reference/responses-streaming

All events that the API itself sends, numbered. Texts that follow each other are parts of one
message item, unless their ids tell them apart; so a message is done when something else begins.
Searches and shell commands have an object for their arguments: they are told once they are whole.
"""

from __future__ import annotations

from collections.abc import Iterable

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
from lynkr.wire.framing import event as sse_event
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Failure, Json, Seal, ToolCall, Usage
from lynkr.wire.openai_errors import failure_object
from lynkr.wire.responses.items import NAME, call_item
from lynkr.wire.responses.replies import (
    content_part,
    echo,
    ending,
    finished_call,
    head,
    item_id,
    message_item,
    reasoning_item,
    response_bytes,
    response_id,
    shown_logprobs,
)

_PING = b": keep-alive\n\n"
# Words that clients act upon: Codex waits, compacts or gives up by them.
_CODES = {
    "context_length": "context_length_exceeded",
    "invalid_request": "invalid_prompt",
    "rate_limit": "rate_limit_exceeded",
}
# Codex gives up on these; any other provider's overload passes, and Codex tries again.
_LASTING = ("server_is_overloaded", "slow_down")
_ARGUMENTS = {
    "function": ("response.function_call_arguments", "arguments"),
    "custom": ("response.custom_tool_call_input", "input"),
}


class ResponsesStreamEncoder:
    """One reply."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._out: list[bytes] = []
        self._sequence = 0
        self._id = ""  # of the response; empty before it has begun
        self._created: int | None = None
        self._echo = b""
        self._usage = Usage()
        self._output: list[bytes] = []  # finished items
        self._index = -1  # of the last item
        self._delta = b""  # a delta of the open part, up to its sequence number
        self._pieces: list[str] = []  # the text of the open part
        self._item_id = ""  # of the open item
        # The open message: its upstream's id, its finished parts, and more of the last one.
        self._message: str | None = None
        self._content: list[Json] = []
        self._refusal = False
        self._logprobs: list[Json] = []
        self._part: TextStart | ThinkingStart | CallStart | None = None
        self._seal: Seal | None = None
        self._call: ToolCall | None = None

    def encode(self, events: Iterable[Event]) -> bytes:
        """The bytes for these events, in one piece."""
        self._out = []
        for event in events:
            if isinstance(event, TextDelta):
                self._text(event)
            elif isinstance(event, (ArgumentsDelta, ThinkingDelta)):
                self._fragment(event.text)
            else:
                self._rare(event)
        return b"".join(self._out)

    def ping(self) -> bytes:
        """A comment."""
        return _PING

    def _text(self, event: TextDelta) -> None:
        if self._refusal:
            self._fragment(event.text)
            return
        if event.logprobs is not None:
            shown = shown_logprobs(event.logprobs)
            self._logprobs += shown
            logprobs = dumps(shown)
        else:
            logprobs = b"[]"
        self._pieces.append(event.text)
        self._out.append(
            b'%b%d,"delta":%b,"logprobs":%b}\n\n'
            % (self._delta, self._sequence, dumps(event.text), logprobs)
        )
        self._sequence += 1

    def _fragment(self, text: str) -> None:
        """Of thinking, arguments or a refusal."""
        self._pieces.append(text)
        if not self._delta:
            self._summary()
        if self._delta:
            self._out.append(b'%b%d,"delta":%b}\n\n' % (self._delta, self._sequence, dumps(text)))
            self._sequence += 1

    def _rare(self, event: Event) -> None:
        if isinstance(event, Alive):
            self._out.append(_PING)
        elif isinstance(event, Start):
            self._usage = merged(self._usage, event.usage)
            self._begin(event)
        elif isinstance(event, Used):
            self._usage = merged(self._usage, event.usage)
        elif isinstance(event, TextStart):
            self._text_start(event)
        elif isinstance(event, ThinkingStart):
            self._thinking_start(event)
        elif isinstance(event, CallStart):
            self._call_start(event)
        elif isinstance(event, Sealed):
            self._seal = event.seal
        elif isinstance(event, PartStop):
            self._stop()
        elif isinstance(event, OpaqueWhole):
            if event.part.format == NAME:
                self._open_item(event.part.value)
                self._item_done(event.part.value)
        elif isinstance(event, Finish):
            self._usage = merged(self._usage, event.usage)
            status, incomplete = ending(event.stop)
            self._close_message(status)
            self._whole(f"response.{status}", head(*self._own(), status, incomplete), self._usage)
        elif isinstance(event, Failed):
            self._failed(event.failure)

    def _emit(self, name: str, fields: Json) -> None:
        fields = {"type": name, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        self._out.append(sse_event(name, dumps(fields)))

    # --- the response ---------------------------------------------------------------------------

    def _begin(self, start: Start) -> None:
        self._id = response_id(start.id, self._context)
        self._created = start.created
        self._echo = echo(self._context)
        for name in ("response.created", "response.in_progress"):
            self._whole(name, head(*self._own(), "in_progress"), Usage())

    def _own(self) -> tuple[str, Context, int | None]:
        return self._id, self._context, self._created

    def _whole(self, name: str, fields: Json, usage: Usage) -> None:
        """An event that carries the whole response object."""
        response = response_bytes(fields, self._echo, self._output, usage)
        data = b'{"type":"%b","sequence_number":%d,"response":%b}' % (
            name.encode(),
            self._sequence,
            response,
        )
        self._sequence += 1
        self._out.append(sse_event(name, data))

    def _failed(self, failure: Failure) -> None:
        told = failure_object(failure)
        code = _CODES.get(failure.kind) or told["code"]
        if failure.kind == "overloaded" and failure.code not in _LASTING:
            code = "server_error"
        if not self._id:
            fields = {"code": code, "message": failure.message, "param": told["param"]}
            self._emit("error", fields)
            return
        error: Json = {"code": code, "message": failure.message}
        self._whole("response.failed", head(*self._own(), "failed", None, error), self._usage)

    # --- items ----------------------------------------------------------------------------------

    def _open_item(self, item: Json) -> None:
        self._close_message("completed")
        self._index += 1
        self._emit("response.output_item.added", {"output_index": self._index, "item": item})

    def _item_done(self, item: Json) -> None:
        data = dumps(item)
        self._output.append(data)
        self._out.append(
            sse_event(
                "response.output_item.done",
                b'{"type":"response.output_item.done","sequence_number":%d,"output_index":%d,"item":%b}'
                % (self._sequence, self._index, data),
            )
        )
        self._sequence += 1

    def _at(self, **where: int) -> Json:
        return {"item_id": self._item_id, "output_index": self._index, **where}

    def _deltas(self, name: str, **where: int) -> None:
        """What all deltas of a part begin with."""
        fields = dumps({"type": name, **self._at(**where)})[:-1]
        self._delta = b'event: %b\ndata: %b,"sequence_number":' % (name.encode(), fields)
        self._pieces = []

    def _stop(self) -> None:
        part, self._part = self._part, None
        text = "".join(self._pieces)
        if isinstance(part, TextStart):
            self._text_stop(text)
        elif isinstance(part, ThinkingStart):
            self._thinking_stop(text)
        elif self._call is not None:
            self._call.arguments = text
            self._call_stop(self._call)

    # --- texts ----------------------------------------------------------------------------------

    def _text_start(self, start: TextStart) -> None:
        if self._message is None or start.id != self._message:
            name = start.id or self._context.make_id("msg")
            self._open_item(message_item(name, [], "in_progress"))
            self._message, self._item_id, self._content = start.id, name, []
        self._part, self._refusal, self._logprobs = start, start.refusal, []
        at = len(self._content)
        part = content_part("", start.refusal, None, {})
        self._emit("response.content_part.added", {**self._at(content_index=at), "part": part})
        kind = "refusal" if start.refusal else "output_text"
        self._deltas(f"response.{kind}.delta", content_index=at)

    def _text_stop(self, text: str) -> None:
        at = self._at(content_index=len(self._content))
        part = content_part(text, self._refusal, None, {})
        if self._refusal:
            self._emit("response.refusal.done", {**at, "refusal": text})
        else:
            part["logprobs"] = self._logprobs
            done = {**at, "text": text, "logprobs": self._logprobs}
            self._emit("response.output_text.done", done)
        self._emit("response.content_part.done", {**at, "part": part})
        self._content.append(part)

    def _close_message(self, status: str) -> None:
        if self._message is not None:
            self._message = None
            self._item_done(message_item(self._item_id, self._content, status))

    # --- thinking -------------------------------------------------------------------------------

    def _thinking_start(self, start: ThinkingStart) -> None:
        name = start.id or self._context.make_id("rs")
        self._open_item(reasoning_item(name, "", None))
        self._part, self._item_id, self._seal = start, name, None
        self._delta, self._pieces = b"", []

    def _summary(self) -> None:
        """The first fragment of thinking opens its summary."""
        if not isinstance(self._part, ThinkingStart):
            return
        part = {"type": "summary_text", "text": ""}
        at = self._at(summary_index=0)
        self._emit("response.reasoning_summary_part.added", {**at, "part": part})
        pieces = self._pieces
        self._deltas("response.reasoning_summary_text.delta", summary_index=0)
        self._pieces = pieces

    def _thinking_stop(self, text: str) -> None:
        if self._delta:
            at = self._at(summary_index=0)
            self._emit("response.reasoning_summary_text.done", {**at, "text": text})
            part = {"type": "summary_text", "text": text}
            self._emit("response.reasoning_summary_part.done", {**at, "part": part})
        self._item_done(reasoning_item(self._item_id, text, self._seal))

    # --- calls ----------------------------------------------------------------------------------

    def _call_start(self, start: CallStart) -> None:
        self._call = call = ToolCall(
            id=start.id,
            name=start.name,
            arguments="",
            kind=start.kind,
            namespace=start.namespace,
            item_id=start.item_id or item_id(start.kind, self._context),
        )
        self._part, self._delta, self._pieces = start, b"", []
        if start.kind in _ARGUMENTS:
            self._open_item({**call_item(call), "status": "in_progress"})
            self._item_id = call.item_id
            self._deltas(f"{_ARGUMENTS[start.kind][0]}.delta")

    def _call_stop(self, call: ToolCall) -> None:
        item = finished_call(call)
        if call.kind in _ARGUMENTS:
            event, field = _ARGUMENTS[call.kind]
            self._emit(f"{event}.done", {**self._at(), field: call.arguments})
        else:
            self._open_item(item)
        self._item_done(item)
