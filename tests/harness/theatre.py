"""A gateway with several scripted providers behind it, of the kinds that a test names."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any, Self

import msgspec

from lynkr.config.settings import Cache, Log, Provider, Server, Settings
from lynkr.policies.record import Record
from lynkr.server.app import Gateway
from tests.harness.client import RawClient, Reply, request
from tests.harness.upstream import ScriptedUpstream
from tests.harness.wire import deadline


class Theatre:
    """Use as a context manager. ``providers`` is name to kind, or to the fields of its table; each
    gets an upstream of its own. ``sections`` are sections of the settings, and ``state_dir``. The
    cache is off unless they say otherwise: most tests ask the same again and want it sent."""

    def __init__(self, providers: dict[str, str | dict[str, Any]], **sections: Any) -> None:
        self.upstreams = {name: ScriptedUpstream() for name in providers}
        self.records: list[Record] = []
        self._tables = {
            name: {"kind": table} if isinstance(table, str) else table
            for name, table in providers.items()
        }
        self._state = tempfile.TemporaryDirectory()
        self._state_dir = sections.pop("state_dir", self._state.name)
        self._sections = {"cache": Cache(mode="off"), **sections}
        self._settled = asyncio.Event()

    def __getitem__(self, name: str) -> ScriptedUpstream:
        return self.upstreams[name]

    async def __aenter__(self) -> Self:
        tables = {}
        for name, upstream in self.upstreams.items():
            await upstream.start()
            given = {"base_url": upstream.base_url, **self._tables[name]}
            if "api_keys" not in given:
                given.setdefault("api_key", f"sk-{name}")
            tables[name] = Provider(**given)
        settings = Settings(
            server=Server(port=0, state_dir=self._state_dir),
            log=Log(access="off"),
            providers=tables,
            **self._sections,
        )
        self.gateway = Gateway(settings, on_record=self._note)
        await self.gateway.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.gateway.stop(drain_s=0)
        for upstream in self.upstreams.values():
            await upstream.stop()
        self._state.cleanup()

    async def connect(self) -> RawClient:
        return await RawClient.connect(self.gateway.port)

    async def post(
        self, path: str, body: object, headers: list[tuple[str, str]] | None = None
    ) -> Reply:
        """One call on a connection of its own, to the end of its reply."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        async with await self.connect() as client:
            client.send(request(path, data, headers=headers or []))
            return await client.read_reply()

    async def record(self, number: int = 0) -> Record:
        while len(self.records) <= number:
            self._settled.clear()
            await deadline(self._settled.wait(), f"record {number} of {self.records}")
        return self.records[number]

    def _note(self, record: Record) -> None:
        self.records.append(record)
        self._settled.set()
