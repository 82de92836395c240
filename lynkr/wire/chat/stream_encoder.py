"""Chat Completions replies as server-sent events, written.

https://platform.openai.com/docs/api-reference/chat-streaming. Events have no name; each is a chunk
with the fields of the first, and ``data: [DONE]`` is the last, unless the reply broke off. What is
the same in all chunks is made once; a delta is put between two constants.

Reasoning goes into `reasoning_content`, seals into `reasoning_details` (``chat_reasoning``).
"""

from __future__ import annotations

from collections.abc import Iterable

from lynkr.wire.assembled import merged
from lynkr.wire.chat.replies import Reasoned, finish_of, is_legacy, usage_object
from lynkr.wire.codec import Context
from lynkr.wire.events import (
    Alive,
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    Finish,
    Sealed,
    Start,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    Used,
)
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Json, Usage
from lynkr.wire.openai_errors import failure_object


class ChatStreamEncoder:
    """Writes a stream. See ``codec.StreamEncoder``."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._legacy = is_legacy(context)
        self._include_usage = context.request.include_usage
        self._common = b""  # what all chunks begin with
        self._head = b""  # all of a chunk before its delta
        self._tail = b""  # and behind it
        self._usage = Usage()
        self._reasoned = Reasoned()
        self._refuses = False
        self._calls = 0
        # what is around a fragment of the open call's arguments
        self._before = b""
        self._after = b""
        self._over = False

    def encode(self, events: Iterable[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if self._over:
                break
            if isinstance(event, TextDelta):
                self._text(out, event)
            elif isinstance(event, ArgumentsDelta):
                out += (self._before, dumps(event.text), self._after)
            elif isinstance(event, ThinkingDelta):
                self._reasoned.text(event.text)
                out += (self._head, b'{"reasoning_content":', dumps(event.text), b"}", self._tail)
            else:
                self._rare(out, event)
        return b"".join(out)

    def ping(self) -> bytes:
        return b": keep-alive\n\n"

    def _text(self, out: list[bytes], event: TextDelta) -> None:
        field = b'{"refusal":' if self._refuses else b'{"content":'
        tail = self._tail
        if event.logprobs:
            name = "refusal" if self._refuses else "content"
            logprobs = dumps({"content": None, "refusal": None, name: event.logprobs})
            tail = tail.replace(b'"logprobs":null', b'"logprobs":' + logprobs, 1)
        out += (self._head, field, dumps(event.text), b"}", tail)

    def _rare(self, out: list[bytes], event: Event) -> None:
        if isinstance(event, CallStart):
            self._call(out, event)
        elif isinstance(event, TextStart):
            self._refuses = event.refusal
            self._tell_seals(out)
        elif isinstance(event, ThinkingStart):
            self._reasoned.begin()
        elif isinstance(event, Sealed):
            self._reasoned.sealed(event.seal)
        elif isinstance(event, Start):
            self._start(out, event)
        elif isinstance(event, Used):
            self._usage = merged(self._usage, event.usage)
        elif isinstance(event, Finish):
            self._finish(out, event)
        elif isinstance(event, Failed):
            self._over = True
            out += (b"data: ", dumps({"error": failure_object(event.failure)}), b"\n\n")
        elif isinstance(event, Alive):
            out.append(self.ping())
        # Parts of other dialects alone have no place here, and the end of a part no sign.

    def _start(self, out: list[bytes], event: Start) -> None:
        self._usage = event.usage
        context = self._context
        context.reply_id = event.id or context.make_id("chatcmpl")
        common = dumps(
            {
                "id": context.reply_id,
                "object": "chat.completion.chunk",
                "created": context.created if event.created is None else event.created,
                "model": context.model,
            }
        )[:-1]
        # Where usage is asked for, every chunk but the last says that it has none yet.
        end = b',"usage":null}\n\n' if self._include_usage else b"}\n\n"
        self._common = b"data: " + common
        self._head = self._common + b',"choices":[{"index":0,"delta":'
        self._tail = b',"logprobs":null,"finish_reason":null}]' + end
        out += (self._head, b'{"role":"assistant","content":""}', self._tail)

    def _tell_seals(self, out: list[bytes], call_id: str = "") -> Json:
        details, fields = self._reasoned.before(call_id)
        if details:
            out += (self._head, dumps({"reasoning_details": details}), self._tail)
        return fields

    def _call(self, out: list[bytes], event: CallStart) -> None:
        fields = self._tell_seals(out, event.id)
        custom = event.kind == "custom"
        kind, name = ("custom", "input") if custom else ("function", "arguments")
        inner = {"name": event.name, name: ""}
        if self._legacy:
            out += (self._head, dumps({"function_call": inner}), self._tail)
            self._before = self._head + b'{"function_call":{"arguments":'
            self._after = b"}}" + self._tail
            return
        index = self._calls
        self._calls += 1
        call = {"index": index, "id": event.id, "type": kind, kind: inner, **fields}
        out += (self._head, dumps({"tool_calls": [call]}), self._tail)
        around = b'{"tool_calls":[{"index":%d,"%b":{"%b":' % (index, kind.encode(), name.encode())
        self._before = self._head + around
        self._after = b"}}]}" + self._tail

    def _finish(self, out: list[bytes], event: Finish) -> None:
        self._over = True
        self._tell_seals(out)
        finish = finish_of(event.stop)
        if self._legacy and finish == "tool_calls":
            finish = "function_call"
        word = b'"finish_reason":"%b"' % finish.encode()
        out += (self._head, b"{}", self._tail.replace(b'"finish_reason":null', word, 1))
        usage = usage_object(merged(self._usage, event.usage))
        if self._include_usage and usage is not None:
            out += (self._common, b',"choices":[],"usage":', dumps(usage), b"}\n\n")
        out.append(b"data: [DONE]\n\n")
