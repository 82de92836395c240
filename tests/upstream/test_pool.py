"""Who is lent a connection, who waits, who is retired: decided without a network or a clock."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from lynkr._native.outbound import Outbound
from lynkr.config.settings import Upstream
from lynkr.errors import GatewayError
from lynkr.policies.record import PoolGauge
from lynkr.providers.catalog import Origin
from lynkr.upstream.pool import OriginPool, Pool
from tests.harness.wire import settle

ORIGIN = Origin("https", "h", 443)
LIMITS = Upstream(
    connections_max=2, queue_max=2, queue_timeout_s=10, pool_idle_s=55, pool_life_s=3600
)


class Line:
    """A connection, as the pool sees it."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage = stage
        self.number = number
        self.generation = stage.pool.generation
        self.born = self.idle_since = stage.now
        self.alive = True
        self.ended = ""
        self.checked: list[float] = []

    def __repr__(self) -> str:
        return f"line {self.number}"

    def close(self) -> None:
        self.alive = False
        self.ended = "closed"

    def cancel(self) -> None:
        self.alive = False
        self.ended = "cancelled"

    def check_deadline(self, now: float) -> None:
        self.checked.append(now)


class Stage:
    """One origin's pool, its dialling and its clock in the test's hands; ``said`` is what callers
    heard."""

    def __init__(self, limits: Upstream = LIMITS) -> None:
        self.now = 1000.0
        self.dials: list[asyncio.Future[Any]] = []
        self.said: list[str] = []
        self.lines: list[Line] = []
        self.held: dict[str, Line] = {}
        self.pool = OriginPool(ORIGIN, limits, self._connect, lambda: self.now)

    def __repr__(self) -> str:
        return repr(self.pool).removeprefix("<OriginPool https://h:443 ").removesuffix(">")

    def _connect(self, pool: OriginPool, origin: Origin) -> asyncio.Task[Outbound]:
        assert (pool, origin) == (self.pool, ORIGIN)
        self.dials.append(asyncio.get_running_loop().create_future())
        return cast(asyncio.Task[Outbound], self.dials[-1])

    def ask(self, name: str) -> Caller:
        """A caller asks as a call does: an idle connection, or a new one."""
        caller = Caller(self, name)
        if (line := cast(Line | None, self.pool.take())) is not None:
            caller.connected(cast(Outbound, line), reused=True)
        else:
            self.pool.open(caller)
        return caller

    async def opens(self, dial: int = -1) -> Line:
        """A connection is there."""
        line = Line(self, len(self.lines))
        self.lines.append(line)
        self.dials[dial].set_result(line)
        await settle()
        return line

    async def fails(self, error: BaseException, dial: int = -1) -> None:
        self.dials[dial].set_exception(error)
        await settle()

    def release(self, name: str, *, reusable: bool = True) -> None:
        line = self.held.pop(name)
        line.idle_since = self.now
        self.pool.released(cast(Outbound, line), reusable)

    async def busy(self, *names: str) -> list[Line]:
        """Each name gets a connection of its own."""
        opened = []
        for name in names:
            self.ask(name)
            opened.append(await self.opens())
        self.said.clear()
        return opened

    async def idle(self, count: int) -> list[Line]:
        names = [f"warm {number}" for number in range(count)]
        lines = await self.busy(*names)
        for name in names:
            self.release(name)
        return lines


class Caller:
    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.name = name

    def connected(self, outbound: Outbound, *, reused: bool) -> None:
        line = cast(Line, outbound)
        self.stage.held[self.name] = line
        self.stage.said.append(f"{self.name}: {line}{' again' if reused else ''}")

    def connect_failed(self, error: GatewayError) -> None:
        self.stage.said.append(f"{self.name}: {error.status} {error.kind}")


def unreachable() -> GatewayError:
    return GatewayError("upstream_unreachable", 502, "no", source="upstream")


# --- lending ------------------------------------------------------------------------------------


async def test_a_caller_gets_a_new_connection_and_the_next_one_the_same() -> None:
    stage = Stage()
    stage.ask("a")
    assert repr(stage) == "busy 0 idle 0 opening 1 waiting 0"
    await stage.opens()
    assert repr(stage) == "busy 1 idle 0 opening 0 waiting 0"
    stage.release("a")
    assert repr(stage) == "busy 0 idle 1 opening 0 waiting 0"
    stage.ask("b")
    assert repr(stage) == "busy 1 idle 0 opening 0 waiting 0"
    assert stage.said == ["a: line 0", "b: line 0 again"]
    assert stage.pool.gauge() == PoolGauge("https://h:443", 1, 0, 0, 1, 1, 0)


async def test_the_last_one_back_is_the_first_one_out() -> None:
    """A few warm connections carry a light load; the rest grow old and go."""
    stage = Stage()
    await stage.idle(2)
    stage.said.clear()
    for name in ("a", "b"):
        stage.ask(name)
    assert stage.said == ["a: line 1 again", "b: line 0 again"]


@pytest.mark.parametrize("spoil", ["dead", "idle too long", "too old", "of an earlier generation"])
async def test_a_connection_that_went_bad_is_not_lent(spoil: str) -> None:
    stage = Stage()
    good, bad = await stage.idle(2)
    if spoil == "dead":
        bad.alive = False
    elif spoil == "idle too long":
        bad.idle_since = stage.now - LIMITS.pool_idle_s
    elif spoil == "too old":
        bad.born = stage.now - LIMITS.pool_life_s
    else:
        bad.generation -= 1
    stage.said.clear()
    stage.ask("a")
    assert stage.said == [f"a: {good} again"]
    assert bad.ended == "closed"
    assert repr(stage) == "busy 1 idle 0 opening 0 waiting 0"


async def test_a_connection_is_good_until_its_last_moment() -> None:
    stage = Stage()
    [line] = await stage.idle(1)
    stage.now += LIMITS.pool_idle_s - 0.001
    assert cast(Line, stage.pool.take()) is line


@pytest.mark.parametrize("reusable", [True, False])
async def test_a_connection_that_cannot_be_reused_is_closed(reusable: bool) -> None:
    stage = Stage()
    [line] = await stage.busy("a")
    line.alive = reusable
    stage.release("a", reusable=reusable)
    assert line.ended == ("" if reusable else "closed")
    assert repr(stage) == f"busy 0 idle {int(reusable)} opening 0 waiting 0"


async def test_a_connection_that_ends_is_forgotten() -> None:
    """Busy or idle, or one that the pool has closed itself."""
    stage = Stage()
    idle, busy = await stage.busy("idle", "busy")
    stage.release("idle")
    stage.pool.closed(cast(Outbound, idle))
    assert repr(stage) == "busy 1 idle 0 opening 0 waiting 0"
    stage.pool.closed(cast(Outbound, busy))
    stage.pool.closed(cast(Outbound, busy))
    assert repr(stage) == "busy 0 idle 0 opening 0 waiting 0"


async def test_a_connection_that_cannot_be_opened_is_said_so() -> None:
    stage = Stage()
    stage.ask("a")
    await stage.fails(unreachable())
    assert stage.said == ["a: 502 upstream_unreachable"]
    assert repr(stage) == "busy 0 idle 0 opening 0 waiting 0"
    assert stage.pool.opened_total == 0


async def test_an_unforeseen_error_in_dialling_ends_the_call_too() -> None:
    """A host name that cannot be encoded raises UnicodeError, which is no OSError."""
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    stage = Stage()
    stage.ask("a")
    await stage.fails(UnicodeError("label too long"))
    assert [said.partition(":")[0] for said in stage.said] == ["a"]


async def test_a_connection_that_died_on_arrival_is_a_failure() -> None:
    """Closed by the other side between its opening and its first use."""
    stage = Stage()
    stage.ask("a")
    line = Line(stage, 0)
    line.alive = False
    stage.dials[0].set_result(line)
    await settle()
    assert len(stage.said) == 1
    assert stage.said[0].startswith("a: 502")


# --- waiting ------------------------------------------------------------------------------------


async def test_when_all_are_busy_callers_wait_in_order() -> None:
    stage = Stage()
    await stage.busy("a", "b")
    for name in ("c", "d"):
        stage.ask(name)
    assert repr(stage) == "busy 2 idle 0 opening 0 waiting 2"
    stage.release("b")
    assert stage.said == []  # the call that had it is still reading what its reply was
    await asyncio.sleep(0)
    stage.release("a")
    await asyncio.sleep(0)
    assert stage.said == ["c: line 1 again", "d: line 0 again"]
    assert repr(stage) == "busy 2 idle 0 opening 0 waiting 0"
    assert stage.pool.reused_total == 2


async def test_connections_being_opened_count_as_busy() -> None:
    stage = Stage()
    for name in ("a", "b", "c"):
        stage.ask(name)
    assert repr(stage) == "busy 0 idle 0 opening 2 waiting 1"


async def test_a_queue_that_is_full_refuses_at_once() -> None:
    stage = Stage()
    await stage.busy("a", "b")
    for name in ("c", "d", "e"):
        stage.ask(name)
    assert stage.said == ["e: 503 upstream_queue_full"]
    assert repr(stage) == "busy 2 idle 0 opening 0 waiting 2"


@pytest.mark.parametrize("how", ["not reusable", "lost", "failed to open"])
async def test_room_that_falls_free_goes_to_whoever_waits(how: str) -> None:
    stage = Stage()
    await stage.busy("a")
    stage.ask("b")
    stage.ask("c")
    if how == "not reusable":
        stage.release("a", reusable=False)
    elif how == "lost":
        stage.pool.closed(cast(Outbound, stage.held["a"]))
    else:
        await stage.fails(unreachable())
        assert stage.said == ["b: 502 upstream_unreachable"]
    assert repr(stage).endswith("waiting 0")
    assert len(stage.dials) == 3
    await stage.opens()
    assert stage.said[-1] == "c: line 1"


async def test_a_caller_waits_no_longer_than_its_deadline() -> None:
    stage = Stage()
    await stage.busy("a", "b")
    stage.ask("c")
    stage.now += 4
    stage.ask("d")
    for seconds, said in [
        (5.9, []),
        (0.1, ["c: 504 upstream_queue_timeout"]),
        (3.9, ["c: 504 upstream_queue_timeout"]),
        (0.1, ["c: 504 upstream_queue_timeout", "d: 504 upstream_queue_timeout"]),
    ]:
        stage.now += seconds
        stage.pool.sweep(stage.now)
        assert stage.said == said
    assert repr(stage) == "busy 2 idle 0 opening 0 waiting 0"


async def test_other_bounds_count_from_now_on() -> None:
    stage = Stage()
    await stage.busy("a", "b")
    stage.pool.configure(Upstream(connections_max=3))
    stage.ask("c")
    assert repr(stage) == "busy 2 idle 0 opening 1 waiting 0"


# --- leaving ------------------------------------------------------------------------------------


async def test_a_caller_that_leaves_the_queue_is_never_called() -> None:
    stage = Stage()
    await stage.busy("a", "b")
    gone = stage.ask("c")
    stage.ask("d")
    stage.pool.forget(gone)
    assert repr(stage) == "busy 2 idle 0 opening 0 waiting 1"
    stage.release("a")
    await asyncio.sleep(0)
    assert stage.said == ["d: line 0 again"]
    stage.pool.forget(gone)  # and again, which changes nothing
    assert repr(stage) == "busy 2 idle 0 opening 0 waiting 0"


async def test_a_caller_that_leaves_while_dialling_stops_it() -> None:
    stage = Stage()
    gone = stage.ask("a")
    stage.pool.forget(gone)
    assert stage.dials[0].cancelled()
    await settle()
    assert stage.said == []
    assert repr(stage) == "busy 0 idle 0 opening 0 waiting 0"


async def test_dialling_that_stops_makes_room_for_whoever_waits() -> None:
    stage = Stage()
    gone = stage.ask("a")
    for name in ("b", "c"):
        stage.ask(name)
    stage.pool.forget(gone)
    await settle()
    assert len(stage.dials) == 3
    await stage.opens()
    assert stage.said == ["c: line 0"]


async def test_a_connection_that_opened_after_all_is_kept_for_the_next() -> None:
    """The caller left in the very moment in which it opened."""
    stage = Stage()
    gone = stage.ask("a")
    line = Line(stage, 0)
    stage.dials[0].set_result(line)
    stage.pool.forget(gone)
    await settle()
    assert repr(stage) == "busy 0 idle 1 opening 0 waiting 0"
    stage.ask("b")
    assert stage.said == ["b: line 0 again"]


async def test_a_connection_that_opened_after_all_goes_to_whoever_waits() -> None:
    stage = Stage(Upstream(connections_max=1))
    gone = stage.ask("a")
    stage.ask("b")
    stage.dials[0].set_result(Line(stage, 0))
    stage.pool.forget(gone)
    await settle()
    assert [said.partition(":")[0] for said in stage.said] == ["b"]


# --- retiring -----------------------------------------------------------------------------------


async def test_retiring_closes_the_idle_and_lets_the_busy_finish() -> None:
    stage = Stage()
    idle, busy = await stage.busy("idle", "busy")
    stage.release("idle")
    stage.pool.retire_all()
    assert (idle.ended, busy.ended) == ("closed", "")
    assert repr(stage) == "busy 1 idle 0 opening 0 waiting 0"
    stage.release("busy")
    assert busy.ended == "closed"
    assert repr(stage) == "busy 0 idle 0 opening 0 waiting 0"
    stage.ask("c")
    assert (await stage.opens()).generation == 1


async def test_a_retired_connection_is_not_given_to_whoever_waits() -> None:
    stage = Stage()
    await stage.busy("a", "b")
    stage.ask("c")
    stage.pool.retire_all()
    stage.release("a")
    assert stage.said == []
    await stage.opens()
    assert stage.said == ["c: line 2"]


async def test_a_sweep_looks_at_every_deadline() -> None:
    stage = Stage()
    fresh, old, busy = await _three(stage)
    old.idle_since -= LIMITS.pool_idle_s
    stage.pool.sweep(stage.now)
    assert (fresh.ended, old.ended, busy.checked) == ("", "closed", [stage.now])
    assert repr(stage) == "busy 1 idle 1 opening 0 waiting 0"


async def _three(stage: Stage) -> list[Line]:
    stage.pool.configure(Upstream(connections_max=3))
    lines = await stage.busy("fresh", "old", "busy")
    stage.release("fresh")
    stage.release("old")
    return lines


async def test_closing_hangs_up_on_everybody() -> None:
    stage = Stage()
    stage.pool.configure(Upstream(connections_max=3))
    idle, busy = await stage.busy("idle", "busy")
    stage.release("idle")
    stage.pool.open(Caller(stage, "dialling"))
    await stage.pool.close()
    assert (idle.ended, busy.ended, stage.dials[-1].cancelled()) == ("closed", "cancelled", True)
    assert "opening 0 waiting 0" in repr(stage)


# --- all origins --------------------------------------------------------------------------------


async def test_each_origin_has_one_pool() -> None:
    stage = Stage()
    pool = Pool(LIMITS, stage._connect, lambda: stage.now)
    here, there = pool.at(ORIGIN), pool.at(Origin("https", "other", 443))
    assert pool.at(Origin("https", "h", 443)) is here
    assert here is not there
    pool.retire_all()
    assert (here.generation, there.generation) == (1, 1)
    assert [gauge.origin for gauge in pool.gauges()] == ["https://h:443", "https://other:443"]
    pool.configure(Upstream(connections_max=1))
    for each in (here, there, pool.at(Origin("https", "third", 443))):
        assert each._limits.connections_max == 1
    pool.sweep(stage.now)
    await pool.close()
