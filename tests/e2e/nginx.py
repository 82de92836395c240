"""nginx with the shipped configuration, in a directory and on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.e2e.npm import unavailable
from tests.harness.wire import deadline

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx.conf"
_TIMEOUT_S = 20.0
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"  # where distributions put it, off users' PATH

# Everything that is not of the shipped file: where a private nginx keeps its files.
_MAIN = """
worker_processes 1;
daemon off;
{user}
pid {directory}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
    access_log off;
    gzip on;
    gzip_types *;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/lynkr.conf;
}}
"""


def _replaced(text: str, old: str, new: str) -> str:
    assert text.count(f"\n    {old}\n") == 1, f"{SHIPPED.name} has changed: {old}"
    return text.replace(f"\n    {old}\n", f"\n    {new}\n")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@asynccontextmanager
async def nginx(directory: Path, target: str) -> AsyncIterator[int]:
    """Runs in front of ``target``, an address as nginx writes it; gives the port."""
    command = shutil.which("nginx") or shutil.which("nginx", path=_SYSTEM_PATH)
    if command is None:
        unavailable("nginx is not installed")
    port = _free_port()
    shipped = _replaced(SHIPPED.read_text(), "server 127.0.0.1:8081;", f"server {target};")
    shipped = _replaced(shipped, "listen 80;", f"listen 127.0.0.1:{port};")
    (directory / "lynkr.conf").write_text(shipped)
    # Started by root it would drop to a user who may not enter the test's directory.
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    main = directory / "nginx.conf"
    main.write_text(_MAIN.format(directory=directory, user=user))
    process = await asyncio.create_subprocess_exec(
        *(command, "-e", "stderr", "-p", str(directory), "-c", str(main)),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # so that its workers can be ended with it
    )
    assert process.stderr is not None
    log: list[str] = []
    started = asyncio.Event()
    reading = asyncio.create_task(_read(process.stderr, log, started))
    try:
        waiting = asyncio.create_task(started.wait())
        await deadline(
            asyncio.wait([waiting, reading], return_when=asyncio.FIRST_COMPLETED),
            "nginx to start",
            _TIMEOUT_S,
        )
        waiting.cancel()
        assert started.is_set(), f"nginx did not start: {''.join(log)}"
        yield port
        process.terminate()
        await deadline(process.wait(), "nginx to stop", _TIMEOUT_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await reading
    # The last one: a prompt or a reply has been written to disk.
    for unwanted in ("[emerg]", "[alert]", "buffered to a temporary file"):
        assert unwanted not in "".join(log), "".join(log)


async def _read(stderr: asyncio.StreamReader, log: list[str], started: asyncio.Event) -> None:
    """To the end, as a full pipe would stop it. It listens before it starts its workers."""
    async for line in stderr:
        log.append(line.decode())
        if "start worker process" in log[-1]:
            started.set()
