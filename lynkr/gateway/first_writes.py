"""Parallel calls that begin with the same new prompt: the first writes the provider's cache, the
others wait for it to begin and read.

A provider shares a prefix only when the first reply to it has begun. Agents start several
sub-agents at once, all with one system prompt and one list of tools, and each would pay for writing
it. The wait has a deadline, ends when the first call fails, and never happens for a prompt that was
written lately.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Protocol

WARM_MAX = 4096


class Waiter(Protocol):
    """A call that could be sent."""

    def proceed(self) -> None: ...


class FirstWrites:
    """Per worker: which prefixes are being written, who waits, and which are warm until when.

    Nobody proceeds inside another call's turn: a connection that this one gives back can then be
    had, and a gateway that ends all its calls at once sends none of them.
    """

    def __init__(self) -> None:
        self._warm: OrderedDict[bytes, float] = OrderedDict()
        self._writing: dict[bytes, Waiter] = {}
        self._waiting: dict[bytes, list[Waiter]] = {}
        self.waits_total = 0

    def may_go(self, prefix: bytes, call: Waiter, now: float) -> bool:
        """Whether the call may be sent at once; else it is told to ``proceed`` later."""
        if self._warm.get(prefix, 0.0) > now:
            return True
        if prefix not in self._writing:
            self._writing[prefix] = call
            return True
        if self._writing[prefix] is call:
            return True
        waiting = self._waiting.setdefault(prefix, [])
        if call not in waiting:
            waiting.append(call)
            self.waits_total += 1
        return False

    def begun(self, prefix: bytes, warm_until: float) -> None:
        """A reply to this prefix has begun: it can be read from now on."""
        self._warm[prefix] = max(warm_until, self._warm.get(prefix, 0.0))
        self._warm.move_to_end(prefix)
        if len(self._warm) > WARM_MAX:
            self._warm.popitem(last=False)
        self._writing.pop(prefix, None)
        for call in self._waiting.pop(prefix, ()):
            _tell(call)

    def ended(self, prefix: bytes, call: Waiter) -> None:
        """The call is over. If it was to write and did not, the next one that waits does."""
        waiting = self._waiting.get(prefix)
        if waiting is not None and call in waiting:
            waiting.remove(call)
            if not waiting:
                del self._waiting[prefix]
        if self._writing.get(prefix) is not call:
            return
        del self._writing[prefix]
        if waiting:
            following = waiting.pop(0)
            if not waiting:
                self._waiting.pop(prefix, None)
            self._writing[prefix] = following
            _tell(following)


def _tell(call: Waiter) -> None:
    asyncio.get_running_loop().call_soon(call.proceed)
