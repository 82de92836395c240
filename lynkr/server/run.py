"""``serve``: from a configuration to a running gateway, in one process or several.

One worker runs in this process. Several are forked by the supervisor and share the port by
SO_REUSEPORT. Signals: TERM and INT drain, HUP rereads the configuration.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lynkr.config.loader import Loaded
from lynkr.config.settings import Server
from lynkr.errors import ConfigError, Problem
from lynkr.providers.catalog import Endpoint, endpoints
from lynkr.server.banner import banner
from lynkr.server.conversations import pins_of
from lynkr.stores.pins import Pins
from lynkr.telemetry.log import AccessLog
from lynkr.telemetry.shared import Board

EXIT_CANNOT_START = 3  # tells the supervisor not to try again
ReloadSettings = Callable[[], Loaded]


def serve(loaded: Loaded, reload: ReloadSettings) -> int:
    """Run until told to stop; the process's exit code. Raises ``ConfigError`` before listening."""
    configured = endpoints(loaded.settings, loaded.environ)
    workers = loaded.settings.server.workers
    try:
        if workers == 1:
            return _one(loaded, reload, configured)
        return _several(loaded, reload, configured, workers)
    except CannotListenError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


def _say(loaded: Loaded, configured: dict[str, Endpoint], port: int, workers: int) -> None:
    print(banner(loaded, configured.values(), port, workers), file=sys.stderr, flush=True)  # noqa: T201


class CannotListenError(Exception):
    """The address is taken or not ours to take; the message says what to do."""


def _listening(server: Server, *, share: bool) -> tuple[socket.socket, socket.socket | None]:
    """The TCP socket and, if one is configured, the Unix socket. Raises ``CannotListenError``."""
    from lynkr.server.app import unix_listener

    try:
        if share:
            # Without sharing first: two gateways on one port would silently share their clients.
            bound(server, share=False).close()
        listener = bound(server, share=share)
    except OSError as error:
        raise CannotListenError(
            f"lynkr cannot listen on {server.host}:{server.port}: {error.strerror or error}.\n"
            "    fix: stop what uses the port, or choose another with --port"
        ) from error
    try:
        return listener, unix_listener(server.unix_socket) if server.unix_socket else None
    except OSError as error:
        listener.close()
        raise CannotListenError(
            f"lynkr cannot listen on {server.unix_socket}: {error.strerror or error}.\n"
            "    fix: set server.unix_socket to a path that this user may write"
        ) from error


def _unlink(unix_socket: str) -> None:
    if unix_socket:
        Path(unix_socket).expanduser().unlink(missing_ok=True)


def _one(loaded: Loaded, reload: ReloadSettings, configured: dict[str, Endpoint]) -> int:
    listener, shared = _listening(loaded.settings.server, share=False)
    port = listener.getsockname()[1]
    log = AccessLog(loaded.settings.log, threaded=False)
    try:
        return work(
            loaded,
            reload,
            listener,
            unix_listener=shared,
            pins=pins_of(loaded.settings, log),
            started=lambda: _say(loaded, configured, port, 1),
        )
    finally:
        _unlink(loaded.settings.server.unix_socket)


def _several(
    loaded: Loaded, reload: ReloadSettings, configured: dict[str, Endpoint], workers: int
) -> int:
    # All that a worker needs is imported before the fork: two workers then weigh 47 MB instead
    # of 72, and start in 171 ms instead of 257. One worker has no use for the supervisor.
    import uvloop  # noqa: F401

    from lynkr.server import supervisor

    server = loaded.settings.server
    # The placeholder holds the port; it never listens, so it gets no client. A Unix socket cannot
    # be bound twice: the workers accept from this one.
    placeholder, shared = _listening(server, share=True)
    port = placeholder.getsockname()[1]
    board = Board(workers)
    log = AccessLog(loaded.settings.log, threaded=False)
    pins = pins_of(loaded.settings, log)

    def worker_main(slot: int) -> int:
        current = reload() if restarted[0] else loaded
        try:
            listener = bound(server, share=True, port=port)
        except OSError as error:
            log.event("error", "a worker cannot listen", why=str(error))
            return EXIT_CANNOT_START
        placeholder.close()
        # Said once, when there is somebody to answer.
        first = slot == 0 and board.restarts_total == 0
        return work(
            current,
            reload,
            listener,
            unix_listener=shared,
            board=board,
            slot=slot,
            pins=pins,
            started=partial(_say, loaded, configured, port, workers) if first else lambda: None,
        )

    def on_hangup() -> bool:
        try:
            fresh = reload()
            endpoints(fresh.settings, fresh.environ)
        except ConfigError as error:
            _log_problems(log, error.problems)
            return False
        restarted[0] = True  # a worker forked from now on reads the file too
        log.reopen()
        return True

    restarted = [False]
    try:
        return supervisor.run(
            workers,
            lambda: None,
            worker_main,
            on_hangup=on_hangup,
            board=board,
            drain_s=server.drain_s,
            log=log,
        )
    finally:
        _unlink(loaded.settings.server.unix_socket)


def bound(server: Server, *, share: bool, port: int | None = None) -> socket.socket:
    """A TCP socket bound to the server's address, not listening yet. Raises ``OSError``."""
    address = (server.host, server.port if port is None else port)
    family, kind, protocol, _, target = socket.getaddrinfo(
        *address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(target)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def work(
    loaded: Loaded,
    reload: ReloadSettings,
    listener: socket.socket,
    *,
    unix_listener: socket.socket | None = None,
    board: Board | None = None,
    slot: int = 0,
    pins: Pins | None = None,
    started: Callable[[], None] = lambda: None,
) -> int:
    """One worker, until it is told to stop."""
    import uvloop

    return uvloop.run(_work(loaded, reload, listener, unix_listener, board, slot, pins, started))


async def _work(
    loaded: Loaded,
    reload: ReloadSettings,
    listener: socket.socket,
    unix_listener: socket.socket | None,
    board: Board | None,
    slot: int,
    pins: Pins | None,
    started: Callable[[], None],
) -> int:
    from lynkr.server.app import Gateway

    loop = asyncio.get_running_loop()
    log = AccessLog(loaded.settings.log)
    stopping = asyncio.Event()

    def read_again() -> list[str]:
        fresh = reload()
        return [*fresh.notices, *gateway.reload(fresh.settings, fresh.environ)]

    def on_hangup() -> None:
        try:
            for notice in read_again():
                log.event("warning", notice)
        except ConfigError as error:
            _log_problems(log, error.problems)

    def reload_everywhere() -> list[str]:
        notices = read_again()
        if board is not None:
            os.kill(os.getppid(), signal.SIGHUP)  # the supervisor tells the other workers
        return notices

    def on_stop() -> None:
        if stopping.is_set():
            os._exit(130)  # told twice: somebody is in a hurry
        stopping.set()

    gateway = Gateway(
        loaded.settings,
        environ=loaded.environ,
        log=log,
        board=board,
        slot=slot,
        listener=listener,
        unix_listener=unix_listener,
        reload=reload_everywhere,
        pins=pins,
    )
    loop.add_signal_handler(signal.SIGTERM, on_stop)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    if board is None:
        loop.add_signal_handler(signal.SIGINT, on_stop)  # the supervisor takes it for its workers
    else:
        from lynkr.server import supervisor

        supervisor.accept_hangup()
    await gateway.start()
    # What is loaded now stays: the collector need not walk it again, and forked pages stay shared.
    gc.collect()
    gc.freeze()
    started()
    await stopping.wait()
    await gateway.stop()
    log.close()
    return 0


def _log_problems(log: AccessLog, problems: list[Problem]) -> None:
    for problem in problems:
        log.event("error", "configuration not reloaded; the old one stays", problem=str(problem))
