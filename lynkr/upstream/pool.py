"""Idle connections by origin: who is lent out, who waits, who is retired.

The state of one origin is a stack of idle connections, a set of busy ones, a queue of callers
without one, and a count of connections being opened. Last in, first out: a few warm connections
carry a light load and the rest age out. Expiring all of them is one increment of the generation.

Decides and returns; opening is done by ``connection.Connector``. Nothing here blocks or waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from lynkr._native.outbound import Outbound
from lynkr.config.settings import Upstream
from lynkr.errors import GatewayError
from lynkr.policies.record import PoolGauge
from lynkr.providers.catalog import Origin


class Caller(Protocol):
    """Who wants a connection. Exactly one of the two is called, once, unless ``cancel`` was."""

    def connected(self, outbound: Outbound, *, reused: bool) -> None: ...
    def connect_failed(self, error: GatewayError) -> None: ...


def _told(error: BaseException) -> GatewayError:
    """What a caller hears of a failed opening."""
    if isinstance(error, GatewayError):
        return error
    return GatewayError(
        "internal_error", 500, "The gateway failed while connecting.", source="gateway"
    )


def _hung_up(origin: Origin) -> GatewayError:
    return GatewayError(
        "upstream_unreachable",
        502,
        f"{origin} closed the connection as soon as it was open.",
        source="upstream",
        retryable=True,
    )


class OriginPool:
    """The connections of one origin."""

    def __init__(
        self,
        origin: Origin,
        limits: Upstream,
        connect: Callable[[OriginPool, Origin], asyncio.Task[Outbound]],
        clock: Callable[[], float],
    ) -> None:
        self.origin = origin
        self.generation = 0
        self.opened_total = 0
        self.reused_total = 0
        self.retried_total = 0
        self._limits = limits
        self._connect = connect
        self._clock = clock
        self._idle: list[Outbound] = []  # newest last
        self._busy: set[Outbound] = set()
        self._opening: dict[asyncio.Task[Outbound], Caller | None] = {}
        self._waiting: deque[tuple[Caller, float]] = deque()  # with the time each gives up

    def __repr__(self) -> str:
        return (
            f"<OriginPool {self.origin} busy {len(self._busy)} idle {len(self._idle)} "
            f"opening {len(self._opening)} waiting {len(self._waiting)}>"
        )

    def configure(self, limits: Upstream) -> None:
        self._limits = limits

    def gauge(self) -> PoolGauge:
        return PoolGauge(
            str(self.origin),
            len(self._busy),
            len(self._idle),
            len(self._waiting),
            self.opened_total,
            self.reused_total,
            self.retried_total,
        )

    def take(self) -> Outbound | None:
        """An idle connection that is still good, or ``None``."""
        now = self._clock()
        while self._idle:
            outbound = self._idle.pop()
            if self._usable(outbound, now):
                self._busy.add(outbound)
                self.reused_total += 1
                return outbound
            outbound.close()
        return None

    def open(self, caller: Caller) -> None:
        """Open a connection for the caller, or queue it while all are busy."""
        if len(self._busy) + len(self._opening) < self._limits.connections_max:
            self._start(caller)
        elif len(self._waiting) < self._limits.queue_max:
            self._waiting.append((caller, self._clock() + self._limits.queue_timeout_s))
        else:
            caller.connect_failed(
                GatewayError(
                    "upstream_queue_full",
                    503,
                    f"All {self._limits.connections_max} connections to {self.origin} are busy.",
                    source="gateway",
                    retryable=True,
                )
            )

    def forget(self, caller: Caller) -> None:
        """The caller no longer wants a connection."""
        for task, owner in self._opening.items():
            if owner is caller:
                self._opening[task] = None
                task.cancel()
                return
        self._waiting = deque(entry for entry in self._waiting if entry[0] is not caller)

    def released(self, outbound: Outbound, reusable: bool) -> None:
        """Called by the connection after a whole reply."""
        self._busy.discard(outbound)
        if not reusable or not self._usable(outbound, self._clock()):
            outbound.close()
            self._serve_waiting(None)
        else:
            self._idle.append(outbound)
            if self._waiting:
                # Not at once: the call that had it still reads from it what its reply was.
                asyncio.get_running_loop().call_soon(self._hand_on)

    def _hand_on(self) -> None:
        """Give idle connections to those who wait."""
        while self._waiting and (outbound := self.take()) is not None:
            caller, _ = self._waiting.popleft()
            caller.connected(outbound, reused=True)

    def closed(self, outbound: Outbound) -> None:
        """Called by the connection when its socket is gone."""
        if outbound in self._busy:
            self._busy.discard(outbound)
            self._serve_waiting(None)
        elif outbound in self._idle:
            self._idle.remove(outbound)

    def retire_all(self) -> None:
        """Nothing open now is used again; busy connections finish their call first."""
        self.generation += 1
        idle, self._idle = self._idle, []
        for outbound in idle:
            outbound.close()

    def sweep(self, now: float) -> None:
        """Deadlines, about once a second."""
        for outbound in tuple(self._busy):
            outbound.check_deadline(now)
        stale = [outbound for outbound in self._idle if not self._usable(outbound, now)]
        for outbound in stale:
            self._idle.remove(outbound)
            outbound.close()
        while self._waiting and self._waiting[0][1] <= now:
            caller, _ = self._waiting.popleft()
            caller.connect_failed(
                GatewayError(
                    "upstream_queue_timeout",
                    504,
                    f"No connection to {self.origin} became free within upstream.queue_timeout_s.",
                    source="gateway",
                    retryable=True,
                )
            )

    async def close(self) -> None:
        """Hang up on everybody and wait for connections that are being opened."""
        self.retire_all()
        self._waiting.clear()
        tasks = list(self._opening)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for outbound in tuple(self._busy):
            outbound.cancel()

    def _usable(self, outbound: Outbound, now: float) -> bool:
        return (
            outbound.alive
            and outbound.generation == self.generation
            and now - outbound.idle_since < self._limits.pool_idle_s
            and now - outbound.born < self._limits.pool_life_s
        )

    def _serve_waiting(self, outbound: Outbound | None) -> bool:
        """Give a connection, or the room for one, to whoever waits longest."""
        if not self._waiting:
            return False
        caller, _ = self._waiting.popleft()
        if outbound is None:
            self._start(caller)
        else:
            self._busy.add(outbound)
            self.reused_total += 1
            caller.connected(outbound, reused=True)
        return True

    def _start(self, caller: Caller) -> None:
        task = self._connect(self, self.origin)
        self._opening[task] = caller
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Outbound]) -> None:
        caller = self._opening.pop(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            self._serve_waiting(None)
            if caller is not None and error is not None:
                caller.connect_failed(_told(error))
            if error is not None and not isinstance(error, GatewayError):
                raise error  # a bug of ours: the loop's handler reports it
            return
        outbound = task.result()
        self.opened_total += 1
        if not outbound.alive:
            self._serve_waiting(None)
            if caller is not None:
                caller.connect_failed(_hung_up(self.origin))
        elif caller is not None:
            self._busy.add(outbound)
            caller.connected(outbound, reused=False)
        elif not self._serve_waiting(outbound):
            self._idle.append(outbound)


class Pool:
    """All origins of one worker."""

    def __init__(
        self,
        limits: Upstream,
        connect: Callable[[OriginPool, Origin], asyncio.Task[Outbound]],
        clock: Callable[[], float],
    ) -> None:
        self._limits = limits
        self._connect = connect
        self._clock = clock
        self._origins: dict[Origin, OriginPool] = {}

    def at(self, origin: Origin) -> OriginPool:
        pool = self._origins.get(origin)
        if pool is None:
            pool = OriginPool(origin, self._limits, self._connect, self._clock)
            self._origins[origin] = pool
        return pool

    def configure(self, limits: Upstream) -> None:
        """Other bounds from now on."""
        self._limits = limits
        for pool in self._origins.values():
            pool.configure(limits)

    def gauges(self) -> list[PoolGauge]:
        return [pool.gauge() for pool in self._origins.values()]

    def sweep(self, now: float) -> None:
        for pool in tuple(self._origins.values()):
            pool.sweep(now)

    def retire_all(self) -> None:
        for pool in self._origins.values():
            pool.retire_all()

    async def close(self) -> None:
        for pool in self._origins.values():
            await pool.close()
