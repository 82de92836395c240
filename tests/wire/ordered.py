"""Is a stream of neutral events well-formed? The rules are those of ``lynkr/wire/events.py``.

    check(events)            of a stream that has ended
    order = Order()          of one that is still going on:
    order.take(events)       any number of times
    order.end()

What breaks a rule raises ``AssertionError``, which says which event it was and what came before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

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

_KINDS: tuple[type, ...] = get_args(Event)
_OPENS_FOR: dict[type, type] = {
    TextDelta: TextStart,
    ThinkingDelta: ThinkingStart,
    Sealed: ThinkingStart,
    ArgumentsDelta: CallStart,
}
_REMEMBERED = 6  # events that the message shows


def check(events: Iterable[Event]) -> None:
    """A whole stream, from ``Start`` to ``Finish`` or ``Failed``."""
    order = Order()
    order.take(events)
    order.end()


class Order:
    """The same for a stream that comes in pieces."""

    def __init__(self) -> None:
        self.ended = False
        self._started = False
        self._next = 0  # the index of the next part
        self._open: type | None = None  # the start event of the open part
        self._sealed = False
        self._ids: set[str] = set()
        self._before: list[Event] = []

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._one(event)
            self._before = [*self._before[1 - _REMEMBERED :], event]

    def end(self) -> None:
        """The stream is over: it must have said so itself."""
        if not self.ended:
            self._wrong("the stream ends without Finish or Failed")

    def _one(self, event: Event) -> None:
        kind = type(event)
        if kind not in _KINDS:
            self._wrong(f"{event!r} is no event")
        if self.ended:
            self._wrong(f"{event!r} comes after the end")
        if isinstance(event, Alive):
            return
        if isinstance(event, Failed):
            if not event.failure.message:
                self._wrong("Failed does not say why")
            self.ended = True
            return
        if isinstance(event, Start):
            if self._started:
                self._wrong(f"a second {event!r}")
            self._started = True
            return
        if not self._started:
            self._wrong(f"{event!r} comes before Start")
        if isinstance(event, Used):
            return
        if isinstance(event, Finish):
            if self._open is not None:
                self._wrong(f"{event!r}, but part {self._next - 1} is open")
            self.ended = True
            return
        self._part(event)

    def _part(
        self,
        event: TextStart
        | TextDelta
        | ThinkingStart
        | ThinkingDelta
        | Sealed
        | CallStart
        | ArgumentsDelta
        | OpaqueWhole
        | PartStop,
    ) -> None:
        if isinstance(event, TextStart | ThinkingStart | CallStart | OpaqueWhole):
            if self._open is not None:
                self._wrong(f"{event!r} opens a part, but part {self._next - 1} is open")
            if event.index != self._next:
                self._wrong(f"{event!r}: the next index is {self._next}")
            self._next += 1
            if isinstance(event, CallStart):
                self._call(event)
            if not isinstance(event, OpaqueWhole):
                self._open, self._sealed = type(event), False
            return
        if self._open is None:
            self._wrong(f"{event!r}, but no part is open")
        if event.index != self._next - 1:
            self._wrong(f"{event!r}: the open part is {self._next - 1}")
        if isinstance(event, PartStop):
            self._open = None
            return
        wanted = _OPENS_FOR[type(event)]
        if self._open is not wanted:
            opened = "nothing" if self._open is None else self._open.__name__
            self._wrong(f"{event!r} belongs to {wanted.__name__}, and {opened} is open")
        if self._sealed:
            self._wrong(f"{event!r} comes after the seal")
        self._sealed = isinstance(event, Sealed)

    def _call(self, event: CallStart) -> None:
        if not event.name or not event.id:
            self._wrong(f"{event!r}: name and id must be known when a call opens")
        if event.id in self._ids:
            self._wrong(f"{event!r}: the id is taken by an earlier call")
        self._ids.add(event.id)

    def _wrong(self, what: str) -> None:
        before = "".join(f"\n  {event!r}" for event in self._before)
        raise AssertionError(f"{what}; before it:{before or ' nothing'}")
