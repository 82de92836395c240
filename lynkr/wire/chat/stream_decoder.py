"""Chat Completions replies as server-sent events, read.

https://platform.openai.com/docs/api-reference/chat-streaming. Every event is a chunk without a
name; ``data: [DONE]`` is the last. Servers differ in almost everything else:

* `usage` comes in a chunk of its own without choices, in the last one, in each, inside the choice
  (Kimi), or not at all; so the reply is over at ``[DONE]`` or with the body, not before.
* Calls lack their index, all have the index 0, come whole, repeat their name or send it in pieces,
  or are announced together before the arguments of the first.
* `finish_reason` may say "stop" though tools are called.

A call opens as soon as its name is surely whole: it is that of a tool on offer and no other one
begins with it, or arguments have come.
"""

from __future__ import annotations

from itertools import pairwise

from lynkr.wire.assembled import merged
from lynkr.wire.chat.reasoning import call_seal, is_summary, merge, own_seal, text_of
from lynkr.wire.chat.replies import (
    BROKEN,
    arguments_of,
    called,
    count,
    logprobs_of,
    stop_of,
    text_in,
    thinking_in,
    usage_of,
)
from lynkr.wire.codec import Context
from lynkr.wire.events import (
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    Finish,
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
from lynkr.wire.jsontext import loads
from lynkr.wire.message import Failure, Json, Usage
from lynkr.wire.openai_errors import failure_of

_PLAIN_EVENTS = (b"", b"message", b"error")
_FIRST = (0, None)  # the index of the only choice, or a server that counts none


class _Call:
    """A tool call whose fragments come in. ``part`` is its index once it is open."""

    __slots__ = ("extra", "held", "id", "kind", "name", "part")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.kind = "function"
        self.part = -1
        self.held: list[str] = []  # arguments that came before the name
        self.extra: object = None


class ChatStreamDecoder:
    """Reads a stream. See ``codec.StreamDecoder``."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = EventReader()
        self._started = False
        self._ended = False
        self._next = 0  # index of the next part
        self._open = ""  # what is open: text, refusal, thinking, call
        self._usage = Usage()
        self._finish = ""
        self._matched: object = None
        # reasoning: the field that showed it, its details, and those that came too late for it
        self._field = ""
        self._details: list[Json] = []
        self._late: list[Json] = []
        # calls in the order of their announcement
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._called: _Call | None = None  # the one whose fragment came last
        self._ids: set[str] = set()
        self._names: frozenset[str] | None = None

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._ended:
            return events
        try:
            self._take(events, self._reader.feed(data))
        except EventTooLargeError:
            self._fail(events, "An event of the provider's stream is too large.")
        return events

    def finish(self) -> list[Event]:
        events: list[Event] = []
        if not self._ended:
            self._take(events, [each for each in self._reader.rest() if _is_whole(each[1])])
        if self._ended:
            return events
        if self._finish:
            self._end(events)
        else:
            self._fail(
                events, "The provider's stream ended before the reply did.", "upstream_truncated"
            )
        return events

    # --- events -----------------------------------------------------------------------------------

    def _take(self, events: list[Event], found: list[tuple[bytes, bytes]]) -> None:
        for name, payload in found:
            if self._ended:
                return
            self._event(events, name, payload)

    def _event(self, events: list[Event], name: bytes, payload: bytes) -> None:
        if payload[:6] == b"[DONE]":
            self._end(events)
            return
        try:
            chunk = loads(payload)
        except ValueError:
            chunk = None
        if not isinstance(chunk, dict):
            if name in _PLAIN_EVENTS:
                self._fail(events, "An event of the provider's stream is no JSON object.")
            return
        choices = chunk.get("choices")
        if chunk.get("error") or name == b"error" or (choices is None and _is_error(chunk)):
            self._ended = True
            events.append(Failed(failure_of(0, chunk)))
            return
        if not self._started:
            # Azure's first chunk tells of the prompt, and has neither id nor model.
            if not (chunk.get("id") or choices):
                return
            self._start(events, chunk)
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict) and choice.get("index") in _FIRST:
                    self._choice(events, choice)
                    if self._ended:
                        return
                    self._use(events, choice.get("usage"), True)
        self._use(events, chunk.get("usage"), bool(choices))

    def _start(self, events: list[Event], chunk: Json) -> None:
        self._started = True
        reply_id, model = chunk.get("id"), chunk.get("model")
        events.append(
            Start(
                reply_id if isinstance(reply_id, str) and reply_id
                else self._context.make_id("chatcmpl"),
                model if isinstance(model, str) else "",
                created=count(chunk.get("created")),
            )
        )  # fmt: skip

    def _use(self, events: list[Event], value: object, running: bool) -> None:
        if value is None:
            return
        reported = usage_of(value)
        if reported is None:
            return
        known = merged(self._usage, reported)
        if known != self._usage:
            self._usage = known
            if running and not self._finish:
                events.append(Used(known))

    def _choice(self, events: list[Event], choice: Json) -> None:
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice.get("message")  # a whole reply as its only chunk
        if isinstance(delta, dict):
            self._delta(events, delta, choice)
            if self._ended:
                return
        finish = choice.get("finish_reason")
        if finish and isinstance(finish, str):
            self._finish = finish
            self._matched = choice.get("stop_reason")
            if finish in BROKEN:
                self._fail(events, "The provider broke the reply off.", finish)

    def _delta(self, events: list[Event], delta: Json, choice: Json) -> None:
        content = delta.get("content")
        thought = delta.get("reasoning_content")
        if thought and isinstance(thought, str):
            self._think(events, thought, "reasoning_content")
        else:
            thought = delta.get("reasoning")
            if thought and isinstance(thought, str):
                self._think(events, thought, "reasoning")
            else:
                thought = None
        details = delta.get("reasoning_details")
        if details and isinstance(details, list):
            self._detail(events, [each for each in details if isinstance(each, dict)], thought)
        if content:
            if not isinstance(content, str):
                self._think(events, thinking_in(content), "")
                content = text_in(content)
            self._say(events, "text", content, logprobs_of(choice, "content"))
        elif self._open == "text" and choice.get("logprobs"):
            self._say(events, "text", "", logprobs_of(choice, "content"))
        refusal = delta.get("refusal")
        if refusal and isinstance(refusal, str):
            self._say(events, "refusal", refusal, logprobs_of(choice, "refusal"))
        calls = delta.get("tool_calls")
        if calls and isinstance(calls, list):
            for call in calls:
                if isinstance(call, dict) and not self._ended:
                    self._fragment(events, call)
        else:
            legacy = delta.get("function_call")
            if legacy and isinstance(legacy, dict):
                self._fragment(events, {"index": 0, "function": legacy})

    # --- text and reasoning -----------------------------------------------------------------------

    def _say(self, events: list[Event], kind: str, text: str, logprobs: list[Json] | None) -> None:
        if not text and logprobs is None:
            return
        if self._open != kind:
            self._close(events)
            self._open = kind
            events.append(TextStart(self._next, kind == "refusal"))
            self._next += 1
        events.append(TextDelta(self._next - 1, text, logprobs))

    def _think(self, events: list[Event], text: str, field: str) -> None:
        if not text:
            return
        if self._open != "thinking":
            self._open_thinking(events, False)
        if field:
            self._field = field
        events.append(ThinkingDelta(self._next - 1, text))

    def _open_thinking(self, events: list[Event], summary: bool) -> None:
        self._close(events)
        self._open = "thinking"
        self._field = ""
        self._details = []
        events.append(ThinkingStart(self._next, summary))
        self._next += 1

    def _detail(self, events: list[Event], details: list[Json], thought: object) -> None:
        """Entries of `reasoning_details`; their text counts if no plain field told it already."""
        text = "" if thought else text_of(details)
        if self._open == "" or (text and self._open != "thinking"):
            self._open_thinking(events, is_summary(details))
        if self._open == "thinking":
            merge(self._details, details)
            if text and not self._field:
                self._think(events, text, "")
        else:
            merge(self._late, details)

    def _close(self, events: list[Event]) -> None:
        if not self._open:
            return
        if self._open == "thinking":
            seal = own_seal(self._field, self._details)
            if seal is not None:
                events.append(Sealed(self._next - 1, seal))
        events.append(PartStop(self._next - 1))
        self._open = ""

    # --- calls ------------------------------------------------------------------------------------

    def _fragment(self, events: list[Event], fragment: Json) -> None:
        kind, inner = called(fragment)
        arguments = arguments_of(inner, kind)
        name = inner.get("name")
        call_id = fragment.get("id")
        if not isinstance(name, str):
            name = ""
        if not isinstance(call_id, str):
            call_id = ""
        call = self._found(fragment.get("index"), call_id, name)
        if call is None:
            if not (call_id or name or arguments.strip()):
                return
            call = self._announced(fragment.get("index"))
        self._called = call
        if call.part >= 0:
            if arguments:
                self._argue(events, call, arguments)
            return
        call.id = call.id or call_id
        if name != call.name:
            call.name += name  # in pieces; or once more, which adds nothing
        if kind == "custom":
            call.kind = kind
        call.extra = call.extra or fragment.get("extra_content")
        if arguments:
            call.held.append(arguments)
        if call.name and call.held:
            for earlier in self._calls:
                if earlier is call:
                    break
                if earlier.part < 0 and earlier.name:
                    self._begin(events, earlier)
            self._begin(events, call)
        elif self._open != "call" and call.name in self._sure_names():
            self._begin(events, call)

    def _found(self, index: object, call_id: str, name: str) -> _Call | None:
        """The call that a fragment belongs to; ``None`` for a new one."""
        if isinstance(index, int):
            call = self._by_index.get(index)
            if call is not None and name and call_id and call.id and call_id != call.id:
                return None  # all have the same index
            return call
        if call_id:
            for call in self._calls:
                if call.id == call_id:
                    return call
            return None
        return None if name else self._called

    def _announced(self, index: object) -> _Call:
        call = _Call()
        self._calls.append(call)
        if isinstance(index, int):
            self._by_index[index] = call
        return call

    def _sure_names(self) -> frozenset[str]:
        """Names of tools on offer that are not the beginning of another one."""
        if self._names is None:
            names = sorted({tool.name for tool in self._context.tools})
            # A name that begins another one stands right before it.
            begin = {a for a, b in pairwise(names) if b.startswith(a)}
            self._names = frozenset(names) - begin
        return self._names

    def _begin(self, events: list[Event], call: _Call) -> None:
        self._close(events)
        if call.extra:
            events.append(ThinkingStart(self._next))
            events.append(Sealed(self._next, call_seal(call.extra)))
            events.append(PartStop(self._next))
            self._next += 1
        if not call.id or call.id in self._ids:
            call.id = self._context.make_id("call")
        self._ids.add(call.id)
        self._open = "call"
        call.part = self._next
        self._next += 1
        kind = "custom" if call.kind == "custom" else "function"
        events.append(CallStart(call.part, call.id, call.name, kind))  # type: ignore[arg-type]
        for arguments in call.held:
            events.append(ArgumentsDelta(call.part, arguments))
        call.held = []

    def _argue(self, events: list[Event], call: _Call, arguments: str) -> None:
        if self._open == "call" and call.part == self._next - 1:
            events.append(ArgumentsDelta(call.part, arguments))
        elif arguments.strip():
            self._fail(events, "The provider's stream goes back to a tool call that was over.")

    # --- the end ----------------------------------------------------------------------------------

    def _end(self, events: list[Event]) -> None:
        if not self._started:
            self._fail(events, "The provider's stream holds no reply.", "upstream_truncated")
            return
        for call in self._calls:
            if call.part >= 0:
                continue
            if call.name:
                self._begin(events, call)
            elif "".join(call.held).strip():
                self._fail(events, "A tool call of the provider's stream has no name.")
                return
        self._close(events)
        if self._late:
            self._open_thinking(events, False)
            self._details = self._late
            self._close(events)
        self._ended = True
        stop = stop_of(self._finish, self._matched, bool(self._ids), self._context)
        events.append(Finish(stop, self._usage))

    def _fail(self, events: list[Event], message: str, code: str = "upstream_protocol") -> None:
        self._ended = True
        events.append(Failed(Failure(status=0, kind="api_error", message=message, code=code)))


def _is_whole(payload: bytes) -> bool:
    """Whether the last event only lacks its empty line, or more."""
    if payload[:6] == b"[DONE]":
        return True
    try:
        loads(payload)
    except ValueError:
        return False
    return True


def _is_error(chunk: Json) -> bool:
    """Errors without their envelope: older vLLM, FastAPI."""
    return chunk.get("object") == "error" or "detail" in chunk
