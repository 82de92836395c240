"""Circuit breaker of one target: after failures in a row it is left alone for a while.

    CLOSED ──failures_max in a row──▶ OPEN ──open_s (or retry-after) later──▶ HALF_OPEN
       ▲                               ▲                                        │ one call probes
       └────────────── success ────────┴─────────────── failure ────────────────┘

Fed by what really happened: a reply with a server error, a reset, a timeout. A client's own
mistakes (400, 401, 404, 413) say nothing about the target. Time is an argument, in seconds of any
clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]


class Breaker:
    """State of one target. ``failures_max`` 0 switches it off."""

    __slots__ = ("_failures", "_failures_max", "_open_s", "_opened", "_probing", "_retry_at")

    def __init__(
        self, failures_max: int, open_s: float, opened: Callable[[], None] | None = None
    ) -> None:
        self._failures_max = failures_max
        self._open_s = open_s
        self._failures = 0
        self._retry_at = 0.0  # 0: closed
        self._probing = False
        self._opened = opened  # told each time it opens

    def configure(self, failures_max: int, open_s: float) -> None:
        self._failures_max = failures_max
        self._open_s = open_s

    def state(self, now: float) -> State:
        if self._retry_at == 0.0:
            return "closed"
        return "open" if now < self._retry_at else "half_open"

    def allows(self, now: float) -> bool:
        """Whether a call may be sent. Half open, one call at a time may: ``claim`` it."""
        if self._retry_at == 0.0:
            return True
        return now >= self._retry_at and not self._probing

    def claim(self, now: float) -> None:
        """A call is being sent; half open, it is the probe."""
        if self._retry_at != 0.0 and now >= self._retry_at:
            self._probing = True

    def wait_s(self, now: float) -> float:
        """Seconds until a call may be sent; 0 when it may now."""
        return max(0.0, self._retry_at - now)

    def answered(self) -> None:
        """A good reply has begun: enough to close it again, not to forget earlier failures of
        replies that began well and then broke."""
        if self._retry_at != 0.0:
            self.succeeded()

    def succeeded(self) -> None:
        """A reply came whole."""
        self._failures = 0
        self._retry_at = 0.0
        self._probing = False

    def released(self) -> None:
        """The call ended without telling anything: the client left, or it was its own mistake."""
        self._probing = False

    def failed(self, now: float, retry_after_s: float | None = None) -> None:
        """A failure of the target's. ``retry_after_s`` is its own word on when to come back."""
        self._failures += 1
        if self._failures_max == 0 or (self._failures < self._failures_max and not self._probing):
            return
        if self._retry_at <= now and self._opened is not None:
            self._opened()
        self._probing = False
        self._retry_at = now + max(self._open_s, min(retry_after_s or 0.0, 20 * self._open_s))
