"""Gateway: one worker, built from a configuration; the composition root.

Owns the event loop's listeners, the pool, the rules in force, the calls under way and the sweeper.
All parts are made here and given what they need; none reaches for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
from aiohttp import web

from lynkr._native.inbound import Inbound
from lynkr._native.requests import InboundRequest
from lynkr.config.settings import Settings, Upstream
from lynkr.demo import origin as demo_origin
from lynkr.errors import ConfigError, GatewayError, Problem
from lynkr.gateway.answers import Answers
from lynkr.gateway.caching import Hit
from lynkr.gateway.errands import Errands
from lynkr.gateway.exchange import Exchange
from lynkr.gateway.replay import Content
from lynkr.gateway.routing import note_outcomes
from lynkr.gateway.rules import Rules
from lynkr.gateway.settle import record_of, refusal_record
from lynkr.gateway.shadows import Shadows
from lynkr.gateway.standing import Standing
from lynkr.gateway.warming import warm_up
from lynkr.policies.record import Record
from lynkr.server import control
from lynkr.server.answer_store import graphs_folder, opener, wants_questions, worth_following
from lynkr.server.conversations import Close, link, outcomes_of
from lynkr.server.front import Front, TrustedProxies, inbound_limits
from lynkr.server.listing import Listing
from lynkr.server.routes import application
from lynkr.stores.answers import Change
from lynkr.stores.keeper import Keeper
from lynkr.stores.originals import Originals
from lynkr.stores.pins import Pins
from lynkr.stores.shelf import Entry
from lynkr.telemetry.log import AccessLog
from lynkr.telemetry.metrics import CacheTotals, Gauges, Metrics
from lynkr.telemetry.shared import Board, Publisher
from lynkr.upstream.connection import Connector
from lynkr.upstream.credentials import Credentials
from lynkr.upstream.pool import Pool

BACKLOG = 4096  # the kernel caps it at net.core.somaxconn
PLACED_S = 5.0  # how long the reader of the store's log waits for the loop before it goes on
SWEEP_S = 1.0  # how late a deadline may be noticed
# What the cache takes once: the sizes of what is held, the model, the store.
AT_START = (
    *(("cache", name) for name in ("memory_bytes_max", "entries_max", "entries_per_key_max")),
    *(("cache", name) for name in ("store_bytes_max", "model_dir", "encryption_key")),
    ("storage", "shared_url"),
    ("routing", "pin_ttl_s"),
)
Reload = Callable[[], list[str]]


def forward_proxy(settings: Upstream, environ: Mapping[str, str]) -> Upstream:
    """The upstream section with the environment's proxy where the file names none."""
    import msgspec

    def variable(name: str) -> str:
        return environ.get(name) or environ.get(name.lower()) or ""

    return msgspec.structs.replace(
        settings,
        proxy=settings.proxy or variable("HTTPS_PROXY") or variable("ALL_PROXY"),
        no_proxy=settings.no_proxy or variable("NO_PROXY"),
    )


def unix_listener(configured: str) -> socket.socket:
    """A Unix socket bound to its path, for this process or for the workers forked from it.

    Raises ``OSError``. What a killed process left at the path is replaced; nothing else is.
    """
    path = Path(configured).expanduser()
    with contextlib.suppress(FileNotFoundError):
        if path.is_socket():
            path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o660)  # for the proxy's group
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


class Gateway:
    """One worker process's gateway. ``start``, then ``stop``; ``reload`` in between."""

    def __init__(
        self,
        settings: Settings,
        *,
        environ: Mapping[str, str] | None = None,
        on_record: Callable[[Record], object] | None = None,
        log: AccessLog | None = None,
        board: Board | None = None,
        slot: int = 0,
        listener: socket.socket | None = None,
        unix_listener: socket.socket | None = None,
        reload: Reload | None = None,
        pins: Pins | None = None,
    ) -> None:
        self.settings = settings
        self._first = settings  # some of it stays in force until a restart
        self.draining = False
        self._environ = dict(environ or {})
        self._on_record = on_record
        self._own_log = log is None
        self._log = log or AccessLog(settings.log)
        self._board = board or Board(1)
        self._slot = slot
        self._listener = listener
        self._unix_listener = unix_listener
        self._unlink = ""  # the socket's path, when it is ours to remove
        self._reload = reload
        self._pins = pins or Pins(ttl_s=settings.routing.pin_ttl_s)
        self._unlink_pins: Close = lambda: None
        self._gauges = Gauges()
        self._calls: set[Exchange] = set()
        self._idle = asyncio.Event()
        self._request_prefix = f"req_{secrets.token_hex(6)}"
        self._request_count = 0
        self._servers: list[asyncio.Server] = []
        self._session: aiohttp.ClientSession | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self.port = 0

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen. Raises ``ConfigError`` or ``OSError`` and leaves nothing open then."""
        loop = self._loop = asyncio.get_running_loop()
        settings = self.settings
        upstream = forward_proxy(settings.upstream, self._environ)
        self._connector = Connector(upstream, {"demo": demo_origin.dial})
        self._pool = Pool(upstream, self._connector, loop.time)
        self._standing = Standing(settings.tokens.memo_bytes_max)
        self._standing.pins = self._pins
        self._outcomes = self._standing.outcomes = outcomes_of(settings, self._log)
        self.originals = self._standing.originals = self._store_of_originals(settings)
        self._keeper = Keeper(
            opener(settings),
            deliver=self._answers_arrived,
            renewed=self._answers_renewed,
            failed=lambda message: self._log.event("error", message),
            recovered=lambda: self._log.event("info", "the store of answers is there again"),
        )
        self.answers = self._standing.answers = Answers(settings.cache, self._keeper)
        self._errands = Errands(self, lambda: self.rules, lambda: self._limits)
        self._shadows = Shadows(self.answers, self._errands)
        self._credentials = Credentials(self._no_credential)
        self.rules = self._rules(settings, self._environ)
        await self._credentials.start(list(self.rules.endpoints.values()))
        self._trusted = TrustedProxies(settings.server.trusted_proxies)
        self._limits = inbound_limits(settings.limits)
        self._metrics = Metrics(
            self._gauges,
            pools=self._pool.gauges,
            log_lines_dropped=lambda: self._log.dropped_total,
            breakers_opened=self._standing.breakers_opened,
            cache=self._cache_totals,
        )
        if (left := self._board.read(self._slot)) is not None:
            self._metrics.restore(left)
        self._publisher = Publisher(self._board, self._slot, self._metrics.snapshot, loop)
        self._listing = Listing(lambda: self.rules, self._http, self._unlisted)
        self._runner = web.AppRunner(
            application(self, self._listing), handle_signals=False, access_log=None
        )
        await self._runner.setup()
        self._front = Front(
            self,
            lambda: self.rules,
            self._serve_cold,
            self._refusal_noted,
            self._connections_changed,
        )
        try:
            if wants_questions(settings):
                self._warm_up()
            await self._listen()
        except BaseException:
            await self.stop(0)
            raise
        self._publisher.publish()
        self._sweep_deadlines()
        self._unlink_pins = link(settings, self._pins, self._log)
        if worth_following(settings):
            self.answers.restore(graphs_folder(settings))
            self.answers.start()

    def _warm_up(self) -> None:
        served = {api for one in self.rules.endpoints.values() for api in one.served}
        try:
            warm_up(self.answers, served)
        except Exception as error:  # what a foreign model's library raises
            folder = self.settings.cache.model_dir
            if not folder:
                raise
            fix = "name a folder that model2vec has saved a model into"
            problem = Problem("cache.model_dir", f"cannot be loaded: {error}", fix, folder)
            raise ConfigError([problem]) from error

    def _store_of_originals(self, settings: Settings) -> Originals:
        return Originals(
            Path(settings.server.state_dir).expanduser() / "originals.db",
            ttl_s=settings.tokens.originals_ttl_h * 3600,
            bytes_max=settings.tokens.originals_bytes_max,
            failed=lambda message: self._log.event("error", message),
        )

    def _answers_arrived(self, changes: list[Change]) -> None:
        """From the keeper's thread; the loop may have ended meanwhile."""
        placed = threading.Event()
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.answers.arrived, changes, placed.set)
            placed.wait(PLACED_S)

    def _answers_renewed(self, living: frozenset[str]) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.answers.renewed, living, time.time())

    def _cache_totals(self) -> CacheTotals:
        answers, counts = self.answers, self.answers.counts
        return CacheTotals(
            stored=counts.stored,
            evicted=answers.evicted_total,
            writes_dropped=self._keeper.dropped_total,
            agreed=counts.shadows - counts.disagreed,
            disagreed=counts.disagreed,
            feedback=counts.feedback,
        )

    def shadow(self, exchange: Exchange, entry: Entry, hit: Hit, content: Content) -> None:
        """Compare a semantic hit with a fresh answer, once its client is served."""
        self._shadows.begin(exchange, entry, hit, content)

    def _rules(self, settings: Settings, environ: Mapping[str, str]) -> Rules:
        return Rules(settings, environ, self._pool, self._standing, self._credentials)

    async def _listen(self) -> None:
        loop, server = self._loop, self.settings.server
        if self._listener is not None:
            listening = await loop.create_server(self._accept, sock=self._listener, backlog=BACKLOG)
        else:
            listening = await loop.create_server(
                self._accept, server.host, server.port, backlog=BACKLOG
            )
        self._servers.append(listening)
        self.port = listening.sockets[0].getsockname()[1]
        if self._unix_listener is None and server.unix_socket:
            self._unix_listener = unix_listener(server.unix_socket)
            self._unlink = self._unix_listener.getsockname()
        if self._unix_listener is not None:
            self._servers.append(
                await loop.create_unix_server(
                    self._accept, sock=self._unix_listener, backlog=BACKLOG
                )
            )

    async def stop(self, drain_s: float | None = None) -> None:
        """Take no more requests, give those under way ``drain_s`` seconds, then end them with an
        error."""
        self.draining = True
        for server in self._servers:
            server.close()
        front = getattr(self, "_front", None)
        if front is not None:
            for inbound in tuple(front.connections):
                inbound.drain()
        grace_s = self.settings.server.drain_s if drain_s is None else drain_s
        if self._calls and grace_s > 0:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace_s)
        for exchange in tuple(self._calls):
            exchange.shut_down()
        if front is not None:
            await self._farewell(front)
        await self._runner.cleanup()
        await self._pool.close()
        await self._credentials.close()
        await asyncio.to_thread(self.originals.close)
        await asyncio.to_thread(self._keeper.close)
        await asyncio.to_thread(self._unlink_pins)
        await asyncio.to_thread(self._outcomes.close)
        if self._slot == 0:  # all workers hold the same
            with contextlib.suppress(OSError):  # then the next start takes longer
                await asyncio.to_thread(self.answers.save, graphs_folder(self.settings))
        if self._session is not None:
            await self._session.close()
        if self._sweep is not None:
            self._sweep.cancel()
        self._publisher.close()
        if self._own_log:
            self._log.close()
        if self._unlink:
            Path(self._unlink).unlink(missing_ok=True)  # noqa: ASYNC240  # the last thing it does

    async def _farewell(self, front: Front, flush_s: float = 2.0) -> None:
        """Let last words reach their clients, then close whatever is left."""
        deadline = self._loop.time() + flush_s
        # Polled: the last connection is lost in a callback of the transport, within a few turns.
        while front.connections and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for inbound in tuple(front.connections):
            inbound.abort()
        await asyncio.sleep(0)

    def reload(self, settings: Settings, environ: Mapping[str, str]) -> list[str]:
        """Put another configuration in force for new calls. Raises ``ConfigError`` and changes
        nothing.

        Returns what of it needs a restart to take effect.
        """
        upstream = forward_proxy(settings.upstream, environ)
        rules = self._rules(settings, environ)
        self._connector.configure(upstream)
        self._pool.configure(upstream)
        self._pool.retire_all()
        kept = [
            f"server.{name} is still {getattr(self._first.server, name)!r}: restart to change it"
            for name in ("host", "port", "unix_socket", "workers", "state_dir")
            if getattr(self._first.server, name) != getattr(settings.server, name)
        ]
        kept += [
            f"{section}.{name} takes effect after a restart"
            for section, name in AT_START
            if getattr(getattr(self._first, section), name)
            != getattr(getattr(settings, section), name)
        ]
        self._environ = dict(environ)
        self.settings = settings
        self.rules = rules
        self.answers.configure(settings.cache)
        self._fetching = self._loop.create_task(
            self._credentials.start(list(rules.endpoints.values()))
        )
        self._trusted = TrustedProxies(settings.server.trusted_proxies)
        self._limits = inbound_limits(settings.limits)
        self._listing.forget()
        self._log.reopen()
        self._log.event("info", "configuration reloaded", providers=list(rules.endpoints))
        return kept

    def request_reload(self) -> list[str]:
        """``POST /admin/reload``: reread the configuration, in every worker. Raises
        ``ConfigError``."""
        return self._reload() if self._reload is not None else []

    # --- connections --------------------------------------------------------------------------

    def _accept(self) -> Inbound:
        return Inbound(self._loop, self._front, self._limits)

    def _connections_changed(self, count: int) -> None:
        self._gauges.client_connections = count
        self._publisher.mark_dirty()

    def _serve_cold(self, inbound: Inbound, request: InboundRequest) -> None:
        assert self._runner.server is not None
        control.serve(self._runner.server, inbound, request)

    def _sweep_deadlines(self) -> None:
        now = self._loop.time()
        limits, upstream = self.settings.limits, self.settings.upstream
        shortest = min(
            limits.header_timeout_s, limits.body_timeout_s, limits.keepalive_timeout_s,
            upstream.first_byte_timeout_s, upstream.idle_timeout_s, upstream.total_timeout_s,
            upstream.queue_timeout_s, upstream.pool_idle_s,
        )  # fmt: skip
        self._sweep = self._loop.call_later(min(SWEEP_S, shortest / 4), self._sweep_deadlines)
        for inbound in tuple(self._front.connections):
            inbound.check_deadline(now)
        self._pool.sweep(now)
        if worth_following(self.settings):  # by now: what another worker has kept
            self.answers.start()

    # --- calls --------------------------------------------------------------------------------

    def next_request_id(self) -> str:
        self._request_count += 1
        return f"{self._request_prefix}{self._request_count:08x}"

    def opened(self, exchange: Exchange) -> None:
        self._calls.add(exchange)
        self._gauges.in_flight += 1

    def streaming(self, change: int) -> None:
        self._gauges.open_streams += change

    def settled(self, exchange: Exchange) -> None:
        self._calls.discard(exchange)
        self._gauges.in_flight -= 1
        client = self._trusted.client(exchange.inbound.peer, exchange.request.forwarded_for)
        record = record_of(exchange, client)
        self._note(record)
        note_outcomes(exchange, record)
        if self.draining and not self._calls:
            self._idle.set()

    def _refusal_noted(
        self, inbound: Inbound, request: InboundRequest | None, error: GatewayError, request_id: str
    ) -> None:
        forwarded = request.forwarded_for if request is not None else None
        client = self._trusted.client(inbound.peer, forwarded)
        self._note(refusal_record(request, error, request_id, client))

    def _note(self, record: Record) -> None:
        self._metrics.observe(record)
        self._publisher.mark_dirty()
        self._log.write(record)
        if self._on_record is not None:
            self._on_record(record)

    def crashed(self, error: BaseException) -> None:
        """A bug of ours: where it happened, without the values it happened on."""
        frames = traceback.extract_tb(error.__traceback__)
        self._log.event(
            "error",
            "internal error",
            error=type(error).__name__,
            at=[
                f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-8:]
            ],
        )
        if os.environ.get("LYNKR_DEBUG") == "1":
            traceback.print_exception(error, file=sys.stderr)

    # --- the control plane's needs ------------------------------------------------------------

    async def scrape(self) -> bytes:
        return await self._publisher.scrape()

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=True)
        return self._session

    def _no_credential(self, provider: str, why: str) -> None:
        self._log.event("warning", "no credential", provider=provider, why=why)

    def _unlisted(self, provider: str, why: str) -> None:
        self._log.event("warning", "model list not available", provider=provider, why=why)
