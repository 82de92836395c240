"""The gateway as its users run it: ``lynkr serve --config F``, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.harness.wire import deadline

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 30.0
_LISTENS = re.compile(r"lynkr listens on http://127\.0\.0\.1:(\d+)")
# Nothing of a body is changed on its way: for tests that hold both sides of the gateway against
# each other byte for byte.
PASSES_OFF = '[tokens]\ntools = "off"\nresults = "off"\nrepeats = false\ncache_marks = false\n'


def provider(name: str, kind: str, base_url: str, api_key: str) -> str:
    """A provider table of the configuration file."""
    lines = [f"[providers.{name}]", f'kind = "{kind}"', f'base_url = "{base_url}"']
    return "\n".join([*lines, f'api_key = "{api_key}"', ""])


@dataclass
class GatewayProcess:
    """Use as an async context manager. ``stop`` ends it and makes the access log complete."""

    directory: Path
    config: str  # what the file says beside [server] and [log]
    arguments: tuple[str, ...] = ()  # of ``lynkr serve``, beside --config
    port: int = 0
    output: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        file = self.directory / "lynkr.toml"
        self._log = self.directory / "access.jsonl"
        self.write(self.config)
        # Only what a process needs: no key or setting of the machine's user reaches the test.
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lynkr", "serve", "--config", str(file)),
            *self.arguments,
            env={**environment, "HOME": str(self.directory)},
            cwd=Path(__file__).parents[2],
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        await deadline(self._listens(), "the gateway to listen", _START_TIMEOUT_S)
        self._reader = asyncio.create_task(self._read_on())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    def write(self, config: str) -> None:
        """Put another configuration into the file; a hangup makes the gateway read it."""
        state = self.directory / "state"
        (self.directory / "lynkr.toml").write_text(
            f'[server]\nhost = "127.0.0.1"\nport = 0\nstate_dir = "{state}"\ndrain_s = 5.0\n'
            f'[log]\naccess = "{self._log}"\n{config}'
        )

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await deadline(self._process.wait(), "the gateway to stop", _STOP_TIMEOUT_S)
            finally:
                if self._process.returncode is None:
                    self._process.kill()
        await self._reader

    async def ended(self) -> None:
        """It was told to stop; now it has."""
        await deadline(self._process.wait(), "the gateway to stop", _STOP_TIMEOUT_S)

    def calls(self) -> list[dict[str, Any]]:
        """The call lines of the access log. Complete after ``stop``."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line["type"] == "call"]

    def events(self) -> list[dict[str, Any]]:
        """The other lines."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line["type"] != "call"]

    async def _listens(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.output.append(line.decode())
            if found := _LISTENS.search(self.output[-1]):
                self.port = int(found[1])
                return
        raise AssertionError(f"the gateway did not start: {''.join(self.output)}")

    async def _read_on(self) -> None:
        """To the end: a gateway whose stderr is full stands still."""
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.output.append(line.decode())
