"""A gateway between a scripted provider and raw clients, all in one event loop.

``records`` are what the gateway settled, in order. Deadlines are short where a test waits for one
to pass, and long everywhere else.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path
from typing import Any, Self

import msgspec

from lynkr.config.settings import (
    Auth,
    Cache,
    Failover,
    Limits,
    Log,
    Provider,
    Server,
    Settings,
    Upstream,
)
from lynkr.policies.record import Record
from lynkr.server.app import Gateway
from tests.harness.client import RawClient, Reply
from tests.harness.fixtures import USAGE_NAMES, Fixture
from tests.harness.upstream import ScriptedUpstream
from tests.harness.wire import deadline

PROVIDER_KEY = "sk-provider"


class Stage:
    """Use as a context manager. Sections given as keyword arguments override the defaults."""

    def __init__(
        self,
        *,
        base_url: str | None = None,  # instead of the stage's own upstream
        tls: ssl.SSLContext | None = None,  # of the stage's own upstream
        send_buffer_bytes: int | None = None,  # of the stage's own upstream
        unix_socket: Path | None = None,
        upstream: Upstream | None = None,
        limits: Limits | None = None,
        auth: Auth | None = None,
        cache: Cache | None = None,  # off: most tests ask the same again and want it sent
        aliases: dict[str, dict[str, str]] | None = None,  # by provider: first, second
        **provider: Any,
    ) -> None:
        self.upstream = ScriptedUpstream(tls=tls, send_buffer_bytes=send_buffer_bytes)
        self.records: list[Record] = []
        self._base_url = base_url
        self._settled = asyncio.Event()
        self._provider = provider
        self._aliases = aliases or {}
        self._state = tempfile.TemporaryDirectory()
        self._settings = Settings(
            server=Server(port=0, unix_socket=str(unix_socket or ""), state_dir=self._state.name),
            cache=cache or Cache(mode="off"),
            upstream=upstream or Upstream(),
            limits=limits or Limits(),
            auth=auth or Auth(),
            log=Log(access="off"),
            # Scripted faults come in rows, and each is to reach its client.
            failover=Failover(breaker_failures=0),
        )

    async def __aenter__(self) -> Self:
        await self.upstream.start()
        base_url = self._base_url or self.upstream.base_url
        given = {"base_url": base_url, "api_key": PROVIDER_KEY, **self._provider}
        providers = {
            "first": Provider(kind="anthropic", models=self._aliases.get("first", {}), **given),
            "second": Provider(kind="openai", models=self._aliases.get("second", {}), **given),
        }
        settings = msgspec.structs.replace(self._settings, providers=providers)
        self.gateway = Gateway(settings, on_record=self._note)
        await self.gateway.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.gateway.stop(drain_s=0)
        await self.upstream.stop()
        self._state.cleanup()

    async def connect(self, **options: Any) -> RawClient:
        return await RawClient.connect(self.gateway.port, **options)

    async def call(self, fixture: Fixture) -> tuple[Reply, Record]:
        """One call on a client connection of its own."""
        number = len(self.records)
        async with await self.connect() as client:
            client.send(fixture.call)
            reply = await client.read_reply()
            return reply, await self.record(number)

    async def record(self, number: int = 0) -> Record:
        """The record of that number, once it is settled."""
        while len(self.records) <= number:
            self._settled.clear()
            await deadline(self._settled.wait(), f"record {number} of {self.records}")
        return self.records[number]

    def _note(self, record: Record) -> None:
        self.records.append(record)
        self._settled.set()


def usage_of(record: Record) -> dict[str, int]:
    """What was reported, by name."""
    found = {name: getattr(record.usage, name) for name in USAGE_NAMES}
    return {name: count for name, count in found.items() if count is not None}


def learned(record: Record) -> tuple[str, str, dict[str, int]]:
    return record.model_replied, record.stop_reason, usage_of(record)


def expected(fixture: Fixture) -> tuple[str, str, dict[str, int]]:
    expect = fixture.expect
    return expect.model_replied, expect.stop_reason, expect.usage
