"""OpenAI Responses: streams read.

https://platform.openai.com/docs/api-reference/responses-streaming

Events tell of an item, of its parts, of fragments of these, and then of each of them once more as a
whole. What came in fragments counts; what came only as a whole is taken from there, down to a reply
that is nothing but its last event. An item that another one interrupts while it is a tool call is
finished first, from what waits; any other is closed there and then.
"""

from __future__ import annotations

import msgspec

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
from lynkr.wire.format import UNREADABLE
from lynkr.wire.framing import EventReader, EventTooLargeError
from lynkr.wire.jsontext import loads
from lynkr.wire.message import CallKind, Failure, Json, Opaque, ToolCall, Usage
from lynkr.wire.openai_errors import failure_of
from lynkr.wire.responses.items import CALLS, NAME, sections
from lynkr.wire.responses.replies import (
    call_of,
    created_of,
    logprobs_of,
    seal_of,
    stop_of,
    text_of,
    usage_of,
)


class _Wire(msgspec.Struct):
    """The fields of all events that we look at, whatever their types."""

    type: object = None
    delta: object = None
    output_index: object = None
    content_index: object = None
    summary_index: object = None
    item_id: object = None
    logprobs: object = None
    item: object = None
    part: object = None
    response: object = None
    text: object = None
    refusal: object = None
    arguments: object = None
    input: object = None
    error: object = None
    code: object = None
    message: object = None
    param: object = None


_decode = msgspec.json.Decoder(_Wire).decode
_NOTHING: tuple[object, ...] = (None, "", [], {})
_TEXT, _THINKING, _CALL = 1, 2, 3  # kinds of open parts


class _Item:
    """The output item that the events are about."""

    __slots__ = (
        "call", "content", "held", "id", "key", "kind", "refusal", "section", "streamed", "whole",
    )  # fmt: skip

    def __init__(self, key: object, name: str, kind: str) -> None:
        self.key = key  # output_index; of servers without it the item's id
        self.id = name
        self.kind = kind  # its type
        self.content = 0  # index and kind of the open text
        self.refusal = False
        self.section: tuple[str, int] | None = None  # of a reasoning item: where its last text was
        self.streamed: set[tuple[str, int]] = set()  # parts of which fragments came
        self.call = False  # its CallStart has been
        self.held: list[str] = []  # arguments that came before the name
        self.whole = ""  # arguments that came with it


class ResponsesStreamDecoder:
    """One reply."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = EventReader()
        self._events: list[Event] = []
        self._started = False
        self._over = False
        self._index = -1  # of the last part
        self._part = 0  # what is open
        self._item: _Item | None = None
        self._finished: set[object] = set()  # keys
        self._waiting: list[tuple[str, _Wire]] = []  # events of items behind an unfinished call
        self._now: tuple[str, _Wire] = ("", _Wire())  # the present event
        self._call_ids: set[str] = set()
        self._called = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete by now."""
        if self._over:
            return []
        self._events = []
        try:
            frames = self._reader.feed(data)
        except EventTooLargeError:
            self._fail("upstream_protocol", "The provider sent an event that is too large.")
            return self._events
        self._frames(frames)
        return self._events

    def finish(self) -> list[Event]:
        """The end of the body: an error, unless the reply had its own end."""
        if self._over:
            return []
        self._events = []
        self._frames(self._reader.rest())
        if not self._over:
            self._fail("upstream_truncated", "The provider's reply ended before it was whole.")
        return self._events

    def _frames(self, frames: list[tuple[bytes, bytes]]) -> None:
        for name, data in frames:
            try:
                wire = _decode(data)
            except UNREADABLE:
                slow = _slowly(data)
                if slow is None:
                    if data.strip() == b"[DONE]":
                        continue
                    self._fail("upstream_protocol", "The provider sent an event that is no JSON.")
                    return
                wire = slow
            kind = wire.type
            if not isinstance(kind, str):
                kind = name.decode("utf-8", "replace")
            try:
                self._take(kind, wire)
                while self._waiting and self._item is None and not self._over:
                    self._replay()
            except ValueError as error:
                self._fail("upstream_protocol", f"The provider sent {error}.")
            if self._over:
                return

    def _replay(self) -> None:
        """What waited behind a call; what belongs to the one after next waits on."""
        waiting, self._waiting = self._waiting, []
        for kind, wire in waiting:
            self._take(kind, wire)

    def _take(self, kind: str, wire: _Wire) -> None:
        self._now = (kind, wire)
        if kind == "response.output_text.delta":
            item, delta = self._item, wire.delta
            if (
                self._part == _TEXT
                and item is not None
                and item.key == wire.output_index
                and item.content == wire.content_index
                and not (item.refusal or wire.logprobs)
                and isinstance(delta, str)
                and delta
            ):
                self._events.append(TextDelta(self._index, delta))
            else:
                self._text(wire, delta, False)
        elif kind == "response.function_call_arguments.delta":
            self._arguments(wire, "function_call", wire.delta)
        elif kind == "response.custom_tool_call_input.delta":
            self._arguments(wire, "custom_tool_call", wire.delta)
        elif kind == "response.reasoning_summary_text.delta":
            self._thought(wire, "summary", wire.summary_index, wire.delta)
        elif kind == "response.reasoning_text.delta":
            self._thought(wire, "content", wire.content_index, wire.delta)
        elif kind == "response.refusal.delta":
            self._text(wire, wire.delta, True)
        elif kind == "response.output_item.added":
            if isinstance(wire.item, dict):
                self._added(wire, wire.item)
        elif kind == "response.output_item.done":
            if isinstance(wire.item, dict):
                self._done(wire, wire.item)
        elif kind == "response.output_text.done":
            self._text_done(wire, wire.text, False)
        elif kind == "response.refusal.done":
            self._text_done(wire, wire.refusal, True)
        elif kind == "response.function_call_arguments.done":
            self._arguments_done(wire, "function_call", wire.arguments)
        elif kind == "response.custom_tool_call_input.done":
            self._arguments_done(wire, "custom_tool_call", wire.input)
        elif kind == "response.reasoning_summary_text.done":
            self._thought_done(wire, "summary", wire.summary_index)
        elif kind == "response.reasoning_text.done":
            self._thought_done(wire, "content", wire.content_index)
        elif kind in ("response.created", "response.in_progress", "response.queued"):
            self._begin(wire.response)
        elif kind in ("response.completed", "response.incomplete"):
            self._complete(wire.response if isinstance(wire.response, dict) else {})
        elif kind == "response.failed":
            response = wire.response if isinstance(wire.response, dict) else {}
            used = usage_of(response.get("usage"))
            if used != Usage():
                self._begin(response)
                self._events.append(Used(used))
            self._failed(response.get("error") or wire.error)
        elif kind == "error" or (not kind and wire.error not in _NOTHING):
            told = {"code": wire.code, "message": wire.message, "param": wire.param}
            self._failed(wire.error if wire.error not in _NOTHING else told)

    # --- the reply's beginning and end ----------------------------------------------------------

    def _begin(self, response: object) -> None:
        if self._started:
            return
        self._started = True
        given: Json = response if isinstance(response, dict) else {}
        self._events.append(
            Start(
                text_of(given.get("id")) or self._context.make_id("resp"),
                text_of(given.get("model")),
                usage_of(given.get("usage")),
                created_of(given),
            )
        )

    def _complete(self, response: Json) -> None:
        self._begin(response)
        self._leave()
        while self._waiting:
            self._replay()
            self._leave()
        output = response.get("output")
        if self._index < 0 and isinstance(output, list):
            for item in output:  # a server that says everything at once
                if isinstance(item, dict):
                    self._done(_Wire(item=item), item)
        self._over = True
        self._events.append(
            Finish(stop_of(response, self._called), usage_of(response.get("usage")))
        )

    def _failed(self, error: object) -> None:
        self._over = True
        self._events.append(Failed(failure_of(0, {"error": error or {}})))

    def _fail(self, code: str, message: str) -> None:
        self._over = True
        failure = Failure(status=0, kind="api_error", message=message, code=code)
        self._events.append(Failed(failure))

    # --- items ----------------------------------------------------------------------------------

    def _enter(self, wire: _Wire, item_type: str, name: str) -> _Item | None:
        """The item that an event is about, opened if need be; ``None`` if it is not its turn."""
        item = self._item
        key = wire.output_index
        if type(key) is not int:
            if item is not None and (not name or name == item.id):
                return item
            key = name or None
        if item is not None:
            if item.key == key:
                return item
            if key not in self._finished:
                if item.kind in CALLS:
                    self._waiting.append(self._now)
                    return None
                self._leave()
        if key is not None and key in self._finished:
            if isinstance(wire.delta, str) and wire.delta.strip():
                raise ValueError("a fragment of an item that was over")
            return None
        self._begin(None)
        self._item = opened = _Item(key, name, item_type)
        return opened

    def _leave(self) -> None:
        """The item is over."""
        item = self._item
        if item is None:
            return
        if item.held:
            raise ValueError("a tool call without a name")
        if item.call:
            self._arguments_whole(item, item.whole)
        self._close()
        if item.key is not None:
            self._finished.add(item.key)
        self._item = None

    def _close(self) -> None:
        if self._part:
            self._part = 0
            self._events.append(PartStop(self._index))

    def _added(self, wire: _Wire, given: Json) -> None:
        kind = text_of(given.get("type"))
        if kind not in ("message", "reasoning") and kind not in CALLS:
            return  # it will come whole
        item = self._enter(wire, kind, text_of(given.get("id")))
        if item is None or kind not in ("function_call", "custom_tool_call"):
            return
        if not item.call and text_of(given.get("name")):
            call = call_of(given, self._context)
            if call is not None:
                self._call(item, call)
                item.whole = call.arguments

    def _done(self, wire: _Wire, given: Json) -> None:
        kind = text_of(given.get("type"))
        item = self._enter(wire, kind, text_of(given.get("id")))
        if item is None:
            return
        if kind == "message":
            content = given.get("content")
            for index, part in enumerate(content if isinstance(content, list) else ()):
                if isinstance(part, dict):
                    refused = part.get("type") == "refusal"
                    text = part.get("refusal") if refused else part.get("text")
                    self._rest(item, index, text, refused, part.get("logprobs"))
        elif kind == "reasoning":
            for where in ("summary", "content"):
                for index, text in enumerate(sections(given, where)):
                    if (where, index) not in item.streamed:
                        self._think(item, (where, index), text)
            seal = seal_of(given, self._context)
            if seal is not None:
                if self._part != _THINKING:
                    self._open(_THINKING)
                    self._events.append(ThinkingStart(self._index, True, item.id))
                self._events.append(Sealed(self._index, seal))
        elif item.call:
            self._arguments_whole(item, given.get("arguments") or given.get("input"))
        else:
            call = call_of(given, self._context)
            if call is None:
                self._open(0)
                whole = Opaque(kind=kind, value=given, format=NAME)
                self._events.append(OpaqueWhole(self._index, whole))
            else:
                self._call(item, call)
                self._arguments_whole(item, call.arguments)
        self._leave()

    def _open(self, part: int) -> None:
        self._close()
        self._index += 1
        self._part = part

    # --- texts ----------------------------------------------------------------------------------

    def _text(self, wire: _Wire, delta: object, refusal: bool) -> None:
        item = self._enter(wire, "message", text_of(wire.item_id))
        if item is None or not isinstance(delta, str) or not delta:
            return
        at = wire.content_index
        self._say(item, at if type(at) is int else 0, delta, refusal, wire.logprobs)

    def _say(self, item: _Item, at: int, text: str, refusal: bool, logprobs: object) -> None:
        if self._part != _TEXT or item.content != at or item.refusal != refusal:
            self._open(_TEXT)
            item.content, item.refusal = at, refusal
            item.streamed.add(("text", at))
            self._events.append(TextStart(self._index, refusal, item.id))
        self._events.append(
            TextDelta(self._index, text, logprobs_of(logprobs) if logprobs else None)
        )

    def _text_done(self, wire: _Wire, text: object, refusal: bool) -> None:
        item = self._enter(wire, "message", text_of(wire.item_id))
        if item is not None:
            at = wire.content_index
            self._rest(item, at if type(at) is int else 0, text, refusal, wire.logprobs)
            if self._part == _TEXT:
                self._close()

    def _rest(self, item: _Item, at: int, text: object, refusal: bool, logprobs: object) -> None:
        """A part that came whole: all of it, unless it came in fragments before."""
        if ("text", at) not in item.streamed and isinstance(text, str) and text:
            self._say(item, at, text, refusal, logprobs)

    # --- reasoning ------------------------------------------------------------------------------

    def _thought(self, wire: _Wire, where: str, index: object, text: object) -> None:
        item = self._enter(wire, "reasoning", text_of(wire.item_id))
        if item is not None:
            self._think(item, (where, index if type(index) is int else 0), text)

    def _thought_done(self, wire: _Wire, where: str, index: object) -> None:
        item = self._enter(wire, "reasoning", text_of(wire.item_id))
        section = (where, index if type(index) is int else 0)
        if item is not None and section not in item.streamed:
            self._think(item, section, wire.text)

    def _think(self, item: _Item, section: tuple[str, int], text: object) -> None:
        if not isinstance(text, str) or not text:
            return
        if self._part != _THINKING:
            self._open(_THINKING)
            self._events.append(ThinkingStart(self._index, section[0] == "summary", item.id))
        elif item.section != section:
            text = f"\n\n{text}"
        item.section = section
        item.streamed.add(section)
        self._events.append(ThinkingDelta(self._index, text))

    # --- calls ----------------------------------------------------------------------------------

    def _call(self, item: _Item, call: ToolCall) -> None:
        if call.id in self._call_ids:
            call.id = self._context.make_id("call")
        self._call_ids.add(call.id)
        self._open(_CALL)
        item.call = self._called = True
        kind: CallKind = call.kind
        self._events.append(
            CallStart(self._index, call.id, call.name, kind, call.namespace, call.item_id)
        )
        for text in item.held:
            self._add(item, text)
        item.held = []

    def _add(self, item: _Item, text: str) -> None:
        if self._part != _CALL:
            raise ValueError("a fragment of arguments outside a tool call")
        item.streamed.add(("arguments", 0))
        self._events.append(ArgumentsDelta(self._index, text))

    def _arguments(self, wire: _Wire, item_type: str, text: object) -> None:
        item = self._enter(wire, item_type, text_of(wire.item_id))
        if item is None or not isinstance(text, str) or not text:
            return
        if item.call:
            self._add(item, text)
        else:
            item.held.append(text)

    def _arguments_done(self, wire: _Wire, item_type: str, text: object) -> None:
        item = self._enter(wire, item_type, text_of(wire.item_id))
        if item is None or not item.call:
            return
        self._arguments_whole(item, text)
        if item.streamed and item.key is not None:
            self._leave()

    def _arguments_whole(self, item: _Item, text: object) -> None:
        if not item.streamed and isinstance(text, str) and text:
            self._add(item, text)


def _slowly(data: bytes) -> _Wire | None:
    """An event that the fast decoder refuses: half an emoji, a huge number."""
    try:
        value = loads(data)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    known = {name: value[name] for name in _Wire.__struct_fields__ if name in value}
    return _Wire(**known)
