"""The gateway on the test's own loop, with the Records of its calls at hand."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from lynkr.config.settings import Cache, Log, Provider, Server, Settings
from lynkr.policies.record import Record
from lynkr.server.app import Gateway
from tests.harness.wire import deadline


@dataclass
class Running:
    port: int = 0
    records: list[Record] = field(default_factory=list)
    _settled: asyncio.Condition = field(default_factory=asyncio.Condition)
    _notices: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def note(self, record: Record) -> None:
        self.records.append(record)
        task = asyncio.get_running_loop().create_task(self._notify())
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    async def record(self, number: int = 0) -> Record:
        """The record of that number, once its call is settled."""

        async def there() -> None:
            async with self._settled:
                await self._settled.wait_for(lambda: len(self.records) > number)

        await deadline(there(), f"record {number}")
        return self.records[number]

    async def _notify(self) -> None:
        async with self._settled:
            self._settled.notify_all()


@asynccontextmanager
async def running(
    providers: dict[str, Provider] | None = None,
    server: Server | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[Running]:
    """A gateway on a free port; without providers the built-in demo answers."""
    state = tempfile.TemporaryDirectory()
    made = msgspec.structs.replace(
        settings or Settings(cache=Cache(mode="off")),
        providers=providers or {},
        server=msgspec.structs.replace(server or Server(), port=0, state_dir=state.name),
        log=Log(access="off"),
    )
    found = Running()
    # No environment: a provider's key or a proxy on the machine must not reach the test.
    gateway = Gateway(made, environ={}, on_record=found.note)
    await gateway.start()
    found.port = gateway.port
    try:
        yield found
    finally:
        await gateway.stop(0)
        state.cleanup()
