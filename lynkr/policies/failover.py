"""What to do when an upstream fails before the first byte of its reply has reached the client: try
again, go on to the next target of the chain, or pass the failure on.

400-class errors are the request's own fault and pass unchanged. What may be tried elsewhere is
what another target could answer: server errors, overload, rate limits, a credential that the
provider refuses, connections that fail. A budget keeps retries from multiplying an outage: they may
be at most a tenth of the calls, after the first ten.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lynkr.errors import Source

Blame = Literal["target", "key", "request", "nobody"]

# Statuses that say something about the target. 529 is Anthropic's "overloaded"; 408 and 425 are
# retried by every SDK.
_TARGET_STATUSES = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_KEY_STATUSES = frozenset({401, 402, 403, 429})  # another key, or another provider, might do
RETRY_AFTER_S_MAX = 3600.0


class Failure(msgspec.Struct, frozen=True):
    kind: str
    reused: bool  # the connection had served a call before
    got_bytes: bool  # anything at all came back
    attempts: int


class Verdict(msgspec.Struct, frozen=True):
    retry: bool
    status: int
    source: Source


def judge(failure: Failure) -> Verdict:
    """A pooled connection may have been closed by the other side just before it was used: that, and
    only that, is tried once more, on a new connection. Anything else could bill a request twice."""
    stale = failure.reused and not failure.got_bytes and failure.kind == "upstream_closed"
    status = 504 if failure.kind.endswith(("timeout", "idle")) else 502
    source: Source = "gateway" if failure.kind == "internal_error" else "upstream"
    return Verdict(stale and failure.attempts == 1, 500 if source == "gateway" else status, source)


def blame(status: int) -> Blame:
    """Whom a reply's status speaks of."""
    if status in _TARGET_STATUSES:
        return "target"
    if status in _KEY_STATUSES:
        return "key"
    return "request" if status >= 400 else "nobody"


def retry_after_s(value: str, now_unix: float) -> float | None:
    """Seconds of a ``retry-after`` header (RFC 9110 section 10.2.3), both of its forms.

    ``None`` when it is neither. ``now_unix``: seconds since 1970, for the form that is a date.
    """
    from email.utils import parsedate_to_datetime  # pulls in much, and is needed on bad days only

    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_unix
        except (ValueError, TypeError):
            return None
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX)


class RetryBudget:
    """How many calls may be sent again: ``ratio`` of all calls, saved up to ``burst``."""

    __slots__ = ("_burst", "_ratio", "_tokens")

    def __init__(self, ratio: float = 0.1, burst: float = 10.0) -> None:
        self._ratio = ratio
        self._burst = burst
        self._tokens = burst

    def called(self) -> None:
        """A call has come in."""
        if self._tokens < self._burst:
            self._tokens = min(self._burst, self._tokens + self._ratio)

    def take(self) -> bool:
        """Whether one more send is within the budget."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def backoff_s(attempt: int, asked_s: float | None, jitter: float) -> float:
    """How long to wait before the same target is tried again: what it asked for, else 0.25 s
    doubling to 4 s. ``attempt`` counts from 1; ``jitter`` in 0..1 spreads the upper half, so that
    calls that failed together do not come back together."""
    wait = min(4.0, 0.25 * 2 ** (attempt - 1))
    if asked_s is not None:
        return asked_s + 0.25 * jitter
    return float(wait * (0.5 + 0.5 * jitter))
