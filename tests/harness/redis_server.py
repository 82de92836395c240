"""A real Redis (or Valkey) server, for tests that keep something in one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

DEADLINE_S = 20.0
PASSWORD = "canary/pass@word"  # with what has a meaning in an address
_ESCAPED = "canary%2Fpass%40word"


class RedisServer:
    """Keeps nothing on disk: what is stored is gone when it is killed."""

    def __init__(self, folder: Path, *options: str, scheme: str = "redis", query: str = "") -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            pytest.skip("there is no redis-server (nor valkey-server) on this machine")
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self._port: int = unused.getsockname()[1]
        port = ["--port", "0", "--tls-port"] if scheme == "rediss" else ["--port"]
        self._command = [
            *(program, *port, str(self._port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--appendonly", "no", "--requirepass", PASSWORD, *options),
        ]
        self.url = f"{scheme}://:{_ESCAPED}@127.0.0.1:{self._port}/0{query}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline_s = time.monotonic() + DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), DEADLINE_S).close()
                return
            except OSError:
                if self._process.poll() is not None and "--tls-port" in self._command:
                    pytest.skip("this redis-server was built without TLS")
                assert self._process.poll() is None, "the server has ended"
                assert time.monotonic() < deadline_s
                time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE_S)
            self._process = None
