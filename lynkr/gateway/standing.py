"""What outlives a configuration and a call: how each target has been doing, and what was kept.

Per worker, in memory, bounded. Losing it costs a failed try or a cold prompt cache, nothing more;
a forgotten conversation is the one thing a client is told about.
"""

from __future__ import annotations

from typing import Protocol

from lynkr._native.memo import Memo
from lynkr.config.settings import Cache, Failover, Tokens
from lynkr.gateway.answers import Answers
from lynkr.gateway.conversations import Conversations
from lynkr.gateway.first_writes import FirstWrites
from lynkr.gateway.sessions import Sessions
from lynkr.policies.breaker import Breaker
from lynkr.policies.calibration import Calibration
from lynkr.policies.failover import RetryBudget
from lynkr.policies.keys import KeyPool
from lynkr.policies.outcomes import Outcome
from lynkr.stores.pins import Pins
from lynkr.transforms.passes import Original

TARGETS_MAX = 4096  # (provider, model) pairs; model names are the clients' choice


class Keeper(Protocol):
    """Takes the originals of shortened texts; never waits."""

    def keep(self, scope: bytes, originals: tuple[Original, ...], body: bytes) -> None: ...


class Counter(Protocol):
    """Takes what became of calls; never waits."""

    def add(self, outcome: Outcome) -> None: ...


class Nowhere:
    """For a gateway that is not serving: what it plans is never sent."""

    def add(self, outcome: Outcome) -> None:
        return

    def keep(self, scope: bytes, originals: tuple[Original, ...], body: bytes) -> None:
        return


class Standing:
    """Shared by all configurations that a worker has had."""

    def __init__(self, memo_bytes_max: int = Tokens().memo_bytes_max) -> None:
        self.budget = RetryBudget()
        self.conversations = Conversations()
        self.sessions = Sessions()
        self.first_writes = FirstWrites()
        self.calibration = Calibration()
        self.calls = 0
        self.memo = Memo(memo_bytes_max)
        self.originals: Keeper = Nowhere()
        self.answers = Answers(Cache())
        self.pins = Pins()
        self.outcomes: Counter = Nowhere()
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._opened: dict[str, int] = {}
        self._keys: dict[tuple[str, tuple[bytes, ...]], KeyPool] = {}

    def breaker(self, provider: str, model: str, settings: Failover) -> Breaker:
        """The breaker of a target; made closed when the target is new."""
        found = self._breakers.get((provider, model))
        if found is None:
            if len(self._breakers) >= TARGETS_MAX:
                self._breakers.clear()
            found = Breaker(
                settings.breaker_failures,
                settings.breaker_open_s,
                lambda: self._opened_one(provider),
            )
            self._breakers[provider, model] = found
        found.configure(settings.breaker_failures, settings.breaker_open_s)
        return found

    def keys(self, provider: str, lines: tuple[bytes, ...]) -> KeyPool:
        """The pool of a provider's keys, which knows those that were refused lately."""
        found = self._keys.get((provider, lines))
        if found is None:
            self._keys = {key: pool for key, pool in self._keys.items() if key[0] != provider}
            found = self._keys[provider, lines] = KeyPool(lines)
        return found

    def breakers_opened(self) -> dict[str, int]:
        """How often breakers have opened, by provider."""
        return dict(self._opened)

    def _opened_one(self, provider: str) -> None:
        self._opened[provider] = self._opened.get(provider, 0) + 1
