"""Opening one upstream connection: TCP or an HTTP proxy's CONNECT, TLS, deadlines, socket options.

The only place that dials out. ``Connector`` is given how to open each scheme, so that tests and the
demo plug in an origin without a network.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import unquote, urlsplit

from lynkr._native.outbound import Outbound
from lynkr.config.settings import Upstream
from lynkr.errors import GatewayError
from lynkr.providers.catalog import Origin
from lynkr.upstream.pool import OriginPool

Dial = Callable[[Origin, Callable[[], Outbound]], Awaitable[Outbound]]

PROXY_REPLY_BYTES_MAX = 16 * 1024


def bypasses_proxy(host: str, no_proxy: str) -> bool:
    """``NO_PROXY`` as curl reads it: entries are separated by commas or blanks; a name matches
    itself and its subdomains, an address or network the addresses in it, ``*`` everything."""
    host = host.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        address = None
    for entry in no_proxy.replace(",", " ").lower().split():
        if entry == "*":
            return True
        name = entry.strip("[]").strip(".")
        if address is None:
            if name and (host == name or host.endswith("." + name)):
                return True
            continue
        try:
            network = ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            continue  # a name: it cannot match an address
        if address in network:
            return True
    return False


def tls_context(ca_file: str) -> ssl.SSLContext:
    """The system store, plus the operator's own certificates if any."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


class ConnectFailedError(GatewayError):
    def __init__(self, origin: Origin, why: str) -> None:
        super().__init__(
            "upstream_unreachable",
            502,
            f"Could not connect to {origin}: {why}.",
            source="upstream",
            retryable=True,
        )


class ConnectTimeoutError(GatewayError):
    def __init__(self, origin: Origin, seconds: float) -> None:
        super().__init__(
            "upstream_connect_timeout",
            504,
            f"Connecting to {origin} took longer than {seconds:g} s.",
            source="upstream",
            retryable=True,
        )


class ProxyHandshake(asyncio.Protocol):
    """Says CONNECT and waits for a 2xx; the transport then belongs to the tunnel."""

    def __init__(self, target: str, authorization: str) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = (
            f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{authorization}\r\n".encode()
        )
        self._reply = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an isinstance: uvloop's transports inherit nothing of asyncio's.
        cast(asyncio.WriteTransport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._reply += data
        if self.done.done():
            return
        if len(self._reply) > PROXY_REPLY_BYTES_MAX:
            self.done.set_exception(OSError("the proxy's reply is too long"))
        elif b"\r\n\r\n" in self._reply:
            status = self._reply.split(b"\r\n", 1)[0].split(b" ", 2)
            if len(status) >= 2 and status[1][:1] == b"2":
                self.done.set_result(None)
            else:
                said = b" ".join(status[1:]).decode("ascii", "replace")
                self.done.set_exception(OSError(f"the proxy answered {said}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or OSError("the proxy closed the connection"))


class Connector:
    """Opens connections as the settings say. ``dials`` maps further schemes to ways of opening
    them."""

    def __init__(self, settings: Upstream, dials: dict[str, Dial]) -> None:
        self._settings = settings
        self._dials: dict[str, Dial] = {"http": self._dial_tcp, "https": self._dial_tcp, **dials}
        self._tls: ssl.SSLContext | None = (
            None  # loading the system store costs 30 ms: on first use
        )

    def configure(self, settings: Upstream) -> None:
        """Other settings for connections opened from now on."""
        self._settings = settings
        self._tls = None

    def __call__(self, pool: OriginPool, origin: Origin) -> asyncio.Task[Outbound]:
        """Start opening; the pool owns the task. Its result is ready to be used, or a
        GatewayError."""
        return asyncio.get_running_loop().create_task(self._open(pool, origin))

    async def _open(self, pool: OriginPool, origin: Origin) -> Outbound:
        def protocol() -> Outbound:
            return Outbound(pool, origin, pool.generation)

        seconds = self._settings.connect_timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await self._dials[origin.scheme](origin, protocol)
        except TimeoutError:
            raise ConnectTimeoutError(origin, seconds) from None
        except ssl.SSLCertVerificationError as error:
            raise ConnectFailedError(
                origin, f"its certificate is not trusted ({error.verify_message})"
            ) from error
        except ssl.SSLError as error:
            raise ConnectFailedError(origin, f"TLS failed ({error.reason or error})") from error
        except UnicodeError as error:
            raise ConnectFailedError(origin, "its name is no host name") from error
        except OSError as error:
            raise ConnectFailedError(
                origin, error.strerror or str(error) or type(error).__name__
            ) from error

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._settings.ca_file)
        return self._tls

    async def _dial_tcp(self, origin: Origin, protocol: Callable[[], Outbound]) -> Outbound:
        loop = asyncio.get_running_loop()
        secure = origin.scheme == "https"
        if (
            secure
            and self._settings.proxy
            and not bypasses_proxy(origin.host, self._settings.no_proxy)
        ):
            return await self._dial_through_proxy(origin, protocol)
        transport, outbound = await loop.create_connection(  # network op
            protocol,
            origin.host,
            origin.port,
            ssl=self._context() if secure else None,
            server_hostname=origin.host if secure else None,
        )
        _no_delay(transport)
        return outbound

    async def _dial_through_proxy(
        self, origin: Origin, protocol: Callable[[], Outbound]
    ) -> Outbound:
        loop = asyncio.get_running_loop()
        proxy = urlsplit(self._settings.proxy)
        credentials = ""
        if proxy.username is not None:
            pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            credentials = (
                f"proxy-authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
            )
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        transport, handshake = await loop.create_connection(  # network op
            lambda: ProxyHandshake(f"{host}:{origin.port}", credentials),
            proxy.hostname or "",
            proxy.port or (443 if proxy.scheme == "https" else 80),
            ssl=self._context() if proxy.scheme == "https" else None,
        )
        try:
            await handshake.done
            _no_delay(transport)
            outbound = protocol()
            tunnel = await loop.start_tls(  # network op
                transport,
                outbound,
                self._context(),
                server_hostname=origin.host,
            )
            assert tunnel is not None
            outbound.connection_made(tunnel)
        except BaseException:
            transport.abort()
            raise
        return outbound


def _no_delay(transport: asyncio.BaseTransport) -> None:
    """Nagle with delayed acknowledgements costs a streamed chunk 40 ms; uvloop sets this only at
    times."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
