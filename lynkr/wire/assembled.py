"""A reply as a whole and as it happens, one made from the other.

``Assembly`` puts events together into the parts they tell of; ``played`` tells a whole reply as
events. So an upstream that answers with one JSON body can serve a client that asked for a stream.
"""

from __future__ import annotations

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
from lynkr.wire.message import (
    Failure,
    Json,
    Opaque,
    Part,
    Response,
    Seal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)


def merged(earlier: Usage, later: Usage) -> Usage:
    """What is known after both; the later one counts where it says something."""

    def known(new: int | None, old: int | None) -> int | None:
        return old if new is None else new

    return Usage(
        known(later.input_tokens, earlier.input_tokens),
        known(later.output_tokens, earlier.output_tokens),
        known(later.prompt_cache_read_tokens, earlier.prompt_cache_read_tokens),
        known(later.prompt_cache_write_tokens, earlier.prompt_cache_write_tokens),
        known(later.reasoning_tokens, earlier.reasoning_tokens),
    )


class _Open:
    """A part under construction."""

    __slots__ = ("first", "logprobs", "pieces", "seal")

    def __init__(self, first: TextStart | ThinkingStart | CallStart) -> None:
        self.first = first
        self.pieces: list[str] = []
        self.logprobs: list[Json] | None = None
        self.seal: Seal | None = None

    def part(self) -> Part:
        text = "".join(self.pieces)
        first = self.first
        if isinstance(first, TextStart):
            return Text(text=text, logprobs=self.logprobs, refusal=first.refusal)
        if isinstance(first, ThinkingStart):
            return Thinking(text=text, seal=self.seal, summary=first.summary, id=first.id)
        return ToolCall(
            id=first.id,
            name=first.name,
            arguments=text,
            kind=first.kind,
            namespace=first.namespace,
            item_id=first.item_id,
        )


class Assembly:
    """Takes the events of one reply, in pieces of any size."""

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self.created: int | None = None
        self.usage = Usage()
        self.stop: Stop | None = None  # None: the reply is not whole
        self.failure: Failure | None = None
        self._parts: list[_Open | Opaque] = []

    def add(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, (TextDelta, ArgumentsDelta, ThinkingDelta)):
                part = self._parts[event.index]
                assert isinstance(part, _Open)
                part.pieces.append(event.text)
                if isinstance(event, TextDelta) and event.logprobs is not None:
                    part.logprobs = [*(part.logprobs or ()), *event.logprobs]
            elif isinstance(event, (TextStart, ThinkingStart, CallStart)):
                self._parts.append(_Open(event))
            elif isinstance(event, OpaqueWhole):
                self._parts.append(event.part)
            elif isinstance(event, Sealed):
                part = self._parts[event.index]
                assert isinstance(part, _Open)
                part.seal = event.seal
            elif isinstance(event, Start):
                self.id, self.model, self.created = event.id, event.model, event.created
                self.usage = merged(self.usage, event.usage)
            elif isinstance(event, Used):
                self.usage = merged(self.usage, event.usage)
            elif isinstance(event, Finish):
                self.stop = event.stop
                self.usage = merged(self.usage, event.usage)
            elif isinstance(event, Failed):
                self.failure = event.failure

    @property
    def parts(self) -> list[Part]:
        """What has come so far; the last part may be unfinished."""
        return [part.part() if isinstance(part, _Open) else part for part in self._parts]

    def response(self) -> Response:
        """The whole reply; only once ``stop`` is set."""
        assert self.stop is not None
        return Response(
            id=self.id, model=self.model, parts=self.parts, stop=self.stop, usage=self.usage,
            created=self.created,
        )  # fmt: skip


def played(response: Response) -> list[Event]:
    """The same reply, as events. These have no place for ``extras`` (citations, annotations): what
    comes as a stream has none either."""
    events: list[Event] = [Start(response.id, response.model, response.usage, response.created)]
    index = 0
    for part in response.parts:
        if isinstance(part, Text):
            events.append(TextStart(index, refusal=part.refusal))
            if part.text:
                events.append(TextDelta(index, part.text, part.logprobs))
        elif isinstance(part, Thinking):
            events.append(ThinkingStart(index, summary=part.summary, id=part.id))
            if part.text:
                events.append(ThinkingDelta(index, part.text))
            if part.seal is not None:
                events.append(Sealed(index, part.seal))
        elif isinstance(part, ToolCall):
            events.append(
                CallStart(index, part.id, part.name, part.kind, part.namespace, part.item_id)
            )
            if part.arguments:
                events.append(ArgumentsDelta(index, part.arguments))
        elif isinstance(part, Opaque):
            events.append(OpaqueWhole(index, part))
            index += 1
            continue
        else:
            continue  # pictures and results are no part of a streamed reply in any dialect
        events.append(PartStop(index))
        index += 1
    events.append(Finish(response.stop, response.usage))
    return events
