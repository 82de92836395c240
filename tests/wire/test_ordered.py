"""The checker of event order finds what is wrong, and only that."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

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
from lynkr.wire.message import Failure, Opaque, Seal, Stop, Usage
from tests.wire import ordered
from tests.wire.made_events import streams

START, STOP = Start("r", "m"), Finish(Stop("end_turn"))
FAILED = Failed(Failure(status=0, kind="overloaded", message="Overloaded"))
USED = Used(Usage(1, 2))
SEAL = Seal("gemini", {"thoughtSignature": "x"})
OPAQUE = Opaque(kind="compaction", value={"type": "compaction"})
TEXT: list[Event] = [TextStart(0), TextDelta(0, "a"), PartStop(0)]

GOOD: dict[str, list[Event]] = {
    "empty": [START, STOP],
    "text": [START, *TEXT, STOP],
    "a part without a delta": [START, TextStart(0), PartStop(0), STOP],
    "pings": [Alive(), START, Alive(), TextStart(0), Alive(), PartStop(0), Alive(), STOP],
    "usage anywhere": [START, USED, TextStart(0), USED, PartStop(0), USED, STOP],
    "all kinds": [
        START, ThinkingStart(0), ThinkingDelta(0, "t"), Sealed(0, SEAL), PartStop(0),
        OpaqueWhole(1, OPAQUE), CallStart(2, "c1", "f"), ArgumentsDelta(2, "{"),
        ArgumentsDelta(2, "}"), PartStop(2), CallStart(3, "c2", "f"), PartStop(3),
        TextStart(4), TextDelta(4, "x"), PartStop(4), STOP,
    ],
    "only a seal": [START, ThinkingStart(0), Sealed(0, SEAL), PartStop(0), STOP],
    "breaks off": [START, TextStart(0), TextDelta(0, "a"), FAILED],
    "fails at once": [FAILED],
}  # fmt: skip

BAD: dict[str, tuple[list[Event], str]] = {
    "nothing": ([], "ends without Finish"),
    "no end": ([START, *TEXT], "ends without Finish"),
    "no start": ([*TEXT, STOP], "before Start"),
    "finish without start": ([STOP], "before Start"),
    "usage without start": ([USED, START, STOP], "before Start"),
    "two starts": ([START, START, STOP], "second Start"),
    "two ends": ([START, STOP, STOP], "after the end"),
    "a ping after the end": ([START, STOP, Alive()], "after the end"),
    "something after a failure": ([START, FAILED, STOP], "after the end"),
    "open at the end": ([START, TextStart(0), STOP], "part 0 is open"),
    "two open": ([START, TextStart(0), TextStart(1)], "part 0 is open"),
    "opaque inside": ([START, TextStart(0), OpaqueWhole(1, OPAQUE)], "part 0 is open"),
    "a gap": ([START, *TEXT, TextStart(2)], "next index is 1"),
    "an index twice": ([START, *TEXT, TextStart(0)], "next index is 1"),
    "begins at one": ([START, TextStart(1)], "next index is 0"),
    "delta of nothing": ([START, TextDelta(0, "a")], "no part is open"),
    "delta of a closed part": ([START, *TEXT, TextDelta(0, "a")], "no part is open"),
    "delta of another part": ([START, TextStart(0), TextDelta(1, "a")], "open part is 0"),
    "stop of another part": ([START, TextStart(0), PartStop(1)], "open part is 0"),
    "stop of an opaque part": ([START, OpaqueWhole(0, OPAQUE), PartStop(0)], "no part is open"),
    "text in a call": ([START, CallStart(0, "c", "f"), TextDelta(0, "a")], "belongs to TextStart"),
    "arguments in text": ([START, TextStart(0), ArgumentsDelta(0, "{")], "belongs to CallStart"),
    "a seal on text": ([START, TextStart(0), Sealed(0, SEAL)], "belongs to ThinkingStart"),
    "two seals": ([START, ThinkingStart(0), Sealed(0, SEAL), Sealed(0, SEAL)], "after the seal"),
    "thought after its seal": (
        [START, ThinkingStart(0), Sealed(0, SEAL), ThinkingDelta(0, "a")], "after the seal",
    ),
    "a call without a name": ([START, CallStart(0, "c", "")], "must be known"),
    "a call without an id": ([START, CallStart(0, "", "f")], "must be known"),
    "an id twice": (
        [START, CallStart(0, "c", "f"), PartStop(0), CallStart(1, "c", "f")], "taken by an earlier",
    ),
    "no reason": ([START, Failed(Failure(status=0, kind="api_error", message=""))], "not say why"),
    "no event": ([START, "text"], "is no event"),  # type: ignore[list-item]
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_well_formed_stream_passes(name: str) -> None:
    ordered.check(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said(name: str) -> None:
    events, said = BAD[name]
    with pytest.raises(AssertionError, match=re.escape(said)):
        ordered.check(events)


def test_the_message_shows_what_came_before() -> None:
    with pytest.raises(AssertionError, match=r"TextStart\(index=0"):
        ordered.check([START, TextStart(0), STOP])


def test_a_stream_may_be_checked_while_it_goes_on() -> None:
    order = ordered.Order()
    order.take([START, TextStart(0)])
    order.take([])
    order.take([TextDelta(0, "a"), PartStop(0)])
    with pytest.raises(AssertionError, match="ends without Finish"):
        order.end()
    order.take([STOP])
    order.end()


@given(streams())
def test_streams_made_at_random_are_well_formed(events: list[Event]) -> None:
    """What the other tests feed to encoders is what decoders promise."""
    ordered.check(events)
