"""Parallel calls with one new prompt: one writes it, the others wait, and nobody waits for ever."""

from __future__ import annotations

import asyncio

from lynkr.gateway import first_writes as module
from lynkr.gateway.first_writes import FirstWrites

PREFIX, OTHER = b"one", b"two"


async def told() -> None:
    """Until everybody was told who is told now, also what follows from that."""
    for _ in range(10):
        await asyncio.sleep(0)


class Call:
    """A call that could be sent; ``gone`` counts how often it was told to."""

    def __init__(self, writes: FirstWrites | None = None) -> None:
        self.gone = 0
        self._writes = writes

    def proceed(self) -> None:
        self.gone += 1
        if self._writes is not None:  # it fails as soon as it is sent
            self._writes.ended(PREFIX, self)


async def test_the_first_goes_and_the_others_go_when_its_reply_begins() -> None:
    writes = FirstWrites()
    first, second, third = Call(), Call(), Call()
    assert writes.may_go(PREFIX, first, 0.0)
    assert not writes.may_go(PREFIX, second, 0.0)
    assert not writes.may_go(PREFIX, third, 0.0)
    assert writes.waits_total == 2
    writes.begun(PREFIX, 300.0)
    await told()
    assert (first.gone, second.gone, third.gone) == (0, 1, 1)
    for call in (first, second, third):
        writes.ended(PREFIX, call)
    assert (first.gone, second.gone, third.gone) == (0, 1, 1)


async def test_a_prompt_that_was_written_lately_is_waited_for_by_nobody() -> None:
    writes = FirstWrites()
    assert writes.may_go(PREFIX, Call(), 0.0)
    writes.begun(PREFIX, 300.0)
    await told()
    assert writes.may_go(PREFIX, Call(), 299.0)
    assert writes.may_go(PREFIX, Call(), 299.0)
    assert writes.may_go(PREFIX, Call(), 300.0)  # it is cold again: this one writes
    assert not writes.may_go(PREFIX, Call(), 300.0)


async def test_warmth_never_gets_shorter() -> None:
    writes = FirstWrites()
    writes.begun(PREFIX, 300.0)
    await told()
    writes.begun(PREFIX, 200.0)
    assert writes.may_go(PREFIX, Call(), 299.0)
    assert writes.may_go(PREFIX, Call(), 299.0)


async def test_other_prompts_are_no_reason_to_wait() -> None:
    writes = FirstWrites()
    assert writes.may_go(PREFIX, Call(), 0.0)
    assert writes.may_go(OTHER, Call(), 0.0)


async def test_a_call_may_ask_twice() -> None:
    """It is sent again after a stale connection, and waits in one place only."""
    writes = FirstWrites()
    first, second = Call(), Call()
    assert writes.may_go(PREFIX, first, 0.0)
    assert writes.may_go(PREFIX, first, 0.0)
    assert not writes.may_go(PREFIX, second, 0.0)
    assert not writes.may_go(PREFIX, second, 0.0)
    writes.begun(PREFIX, 300.0)
    await told()
    assert second.gone == 1
    assert writes.waits_total == 1


async def test_when_the_first_fails_the_next_one_writes() -> None:
    writes = FirstWrites()
    first, second, third = Call(), Call(), Call()
    for call in (first, second, third):
        writes.may_go(PREFIX, call, 0.0)
    writes.ended(PREFIX, first)
    await told()
    assert (second.gone, third.gone) == (1, 0)
    assert not writes.may_go(PREFIX, Call(), 0.0)
    writes.begun(PREFIX, 300.0)
    await told()
    assert (second.gone, third.gone) == (1, 1)


async def test_when_all_fail_each_is_tried_and_nothing_is_left() -> None:
    """Also when they fail at once, inside each other's turn."""
    writes = FirstWrites()
    first, *others = Call(), *(Call(writes) for _ in range(5))
    for call in (first, *others):
        writes.may_go(PREFIX, call, 0.0)
    writes.ended(PREFIX, first)
    await told()
    assert [call.gone for call in others] == [1] * 5
    fresh = Call()
    assert writes.may_go(PREFIX, fresh, 0.0)
    assert not writes.may_go(PREFIX, Call(), 0.0)


async def test_one_that_leaves_while_it_waits_is_not_sent() -> None:
    """Its client hung up."""
    writes = FirstWrites()
    first, second, third = Call(), Call(), Call()
    for call in (first, second, third):
        writes.may_go(PREFIX, call, 0.0)
    writes.ended(PREFIX, second)
    await told()
    writes.ended(PREFIX, second)
    await told()
    writes.ended(PREFIX, first)
    await told()
    assert (second.gone, third.gone) == (0, 1)
    writes.ended(PREFIX, third)
    assert writes.may_go(PREFIX, Call(), 0.0)


async def test_one_that_waited_too_long_and_went_by_itself_can_still_begin_for_all() -> None:
    """Its own deadline sent it: its reply is as good as the first one's."""
    writes = FirstWrites()
    first, second, third = Call(), Call(), Call()
    for call in (first, second, third):
        writes.may_go(PREFIX, call, 0.0)
    writes.begun(PREFIX, 300.0)  # of the second, sent by its timer
    await told()
    assert third.gone == 1
    writes.ended(PREFIX, first)
    await told()
    writes.ended(PREFIX, second)
    await told()
    assert writes.may_go(PREFIX, Call(), 1.0)


async def test_a_call_that_never_asked_ends_quietly() -> None:
    FirstWrites().ended(PREFIX, Call())


async def test_what_is_remembered_is_bounded() -> None:
    writes = FirstWrites()
    for number in range(module.WARM_MAX + 1):
        writes.begun(b"%d" % number, 300.0)
    for number, warm in ((0, False), (1, True), (module.WARM_MAX, True)):
        prefix = b"%d" % number
        assert writes.may_go(prefix, Call(), 0.0)
        assert writes.may_go(prefix, Call(), 0.0) == warm
