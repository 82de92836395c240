"""Dialling out, on real sockets: TLS that is checked, a proxy that is asked, a deadline held."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from lynkr._native.outbound import Outbound
from lynkr.config.settings import Upstream
from lynkr.errors import GatewayError
from lynkr.providers.catalog import Origin
from lynkr.upstream.connection import Connector, bypasses_proxy, tls_context
from lynkr.upstream.pool import OriginPool, Pool
from tests.harness import http1, replies
from tests.harness.certificates import certificates
from tests.harness.upstream import Reset, ScriptedUpstream, Send, Stall
from tests.harness.wire import Wire, deadline

BASIC = "Basic " + base64.b64encode(b"us er:p:w").decode()


class Waiting:
    """A caller, and what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Future[Outbound] = asyncio.get_running_loop().create_future()

    def connected(self, outbound: Outbound, *, reused: bool) -> None:
        self.told.set_result(outbound)

    def connect_failed(self, error: GatewayError) -> None:
        self.told.set_exception(error)


@asynccontextmanager
async def dialled(origin: Origin, **settings: Any) -> AsyncIterator[Outbound]:
    """A connection, opened as a call would open one."""
    limits = Upstream(**{"connect_timeout_s": 2.0, **settings})
    pool = Pool(limits, Connector(limits, {}), asyncio.get_running_loop().time)
    caller = Waiting()
    try:
        pool.at(origin).open(caller)
        yield await deadline(caller.told, f"a connection to {origin}")
    finally:
        await pool.close()


def at(upstream: ScriptedUpstream, scheme: str = "https", host: str = "127.0.0.1") -> Origin:
    return Origin(scheme, host, upstream.port)


async def failure(origin: Origin, **settings: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        async with dialled(origin, **settings):
            pass
    assert (caught.value.source, caught.value.retryable) == ("upstream", True)
    return caught.value


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates().authority_pem)
    return str(path)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


# --- plain --------------------------------------------------------------------------------------


async def test_a_plain_connection_is_ready_and_without_delay() -> None:
    """Nagle's algorithm would hold back the small writes of a stream."""
    async with ScriptedUpstream() as upstream, dialled(at(upstream, "http")) as outbound:
        assert outbound.alive
        assert (outbound.generation, outbound.calls) == (0, 0)
        assert outbound.transport is not None
        number = outbound.transport.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(number)) as twin:
            assert twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_a_port_without_a_listener_is_unreachable() -> None:
    error = await failure(Origin("http", "127.0.0.1", free_port()))
    assert (error.kind, error.status) == ("upstream_unreachable", 502)
    assert "Could not connect to http://127.0.0.1:" in str(error)
    assert "refused" in str(error)


async def test_a_name_that_does_not_exist_is_unreachable() -> None:
    error = await failure(Origin("http", "nowhere.invalid", 80))
    assert (error.kind, error.status) == ("upstream_unreachable", 502)


@pytest.mark.parametrize("host", ["a" * 70 + ".test", "ex..ämple"])
async def test_a_name_that_cannot_exist_is_unreachable(host: str) -> None:
    limits = Upstream()
    connector = Connector(limits, {})
    pool = OriginPool(Origin("http", host, 80), limits, connector, lambda: 0.0)
    with pytest.raises(GatewayError, match="Could not connect"):
        await connector(pool, pool.origin)


async def test_connecting_has_a_deadline() -> None:
    """The TLS greeting counts: a server that accepts and says nothing is no server."""
    async with ScriptedUpstream() as upstream:
        upstream.greet(Stall())
        error = await failure(at(upstream), connect_timeout_s=0.1)
        assert (error.kind, error.status) == ("upstream_connect_timeout", 504)
        assert "longer than 0.1 s" in str(error)
        await upstream.ended()


async def test_further_schemes_are_dialled_as_the_connector_is_told() -> None:
    asked: list[Origin] = []

    async def dial(origin: Origin, protocol: Callable[[], Outbound]) -> Outbound:
        asked.append(origin)
        return protocol()

    limits, origin = Upstream(), Origin("demo", "x", 0)
    connector = Connector(limits, {"demo": dial})
    pool = OriginPool(origin, limits, connector, lambda: 0.0)
    pool.generation = 7
    outbound = await connector(pool, origin)
    assert (asked, outbound.origin, outbound.generation) == ([origin], origin, 7)


# --- TLS ----------------------------------------------------------------------------------------


async def test_the_operators_own_certificates_are_trusted(ca_file: str) -> None:
    async with (
        ScriptedUpstream(tls=certificates().server) as upstream,
        dialled(at(upstream), ca_file=ca_file) as outbound,
    ):
        assert outbound.alive
        assert outbound.transport is not None
        tls = outbound.transport.get_extra_info("ssl_object")
        assert tls.version() in ("TLSv1.2", "TLSv1.3")


async def test_an_untrusted_certificate_is_refused_and_named_as_the_reason() -> None:
    async with ScriptedUpstream(tls=certificates().server) as upstream:
        error = await failure(at(upstream))
        assert (error.kind, error.status) == ("upstream_unreachable", 502)
        assert "its certificate is not trusted" in str(error)
        assert upstream.requests == []


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.test").configure_cert(server)
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    async with ScriptedUpstream(tls=server) as upstream:
        error = await failure(at(upstream), ca_file=str(tmp_path / "ca.pem"))
        assert "its certificate is not trusted" in str(error)


async def test_a_server_that_speaks_no_tls_is_said_so() -> None:
    async with ScriptedUpstream() as upstream:
        upstream.greet(Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        error = await failure(at(upstream))
        assert (error.kind, error.status) == ("upstream_unreachable", 502)
        assert "TLS failed" in str(error)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_a_ca_file_that_cannot_be_used_fails_the_call_with_a_reason(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    error = await failure(Origin("https", "127.0.0.1", free_port()), ca_file=str(path))
    assert (error.kind, error.status) == ("upstream_unreachable", 502)


def test_only_http_1_1_is_offered(ca_file: str) -> None:
    """Otherwise a server may choose HTTP/2, which is not spoken here."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.set_alpn_protocols(["h2", "http/1.1"])
    context = tls_context(ca_file)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="h")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    assert b"\x08http/1.1" in hello
    assert b"\x02h2" not in hello


async def test_other_settings_count_for_the_next_connection(ca_file: str) -> None:
    async with ScriptedUpstream(tls=certificates().server) as upstream:
        limits, origin = Upstream(), at(upstream)
        connector = Connector(limits, {})
        pool = OriginPool(origin, limits, connector, asyncio.get_running_loop().time)
        with pytest.raises(GatewayError, match="not trusted"):
            await connector(pool, origin)
        connector.configure(Upstream(ca_file=ca_file))
        outbound = await connector(pool, origin)
        assert outbound.alive
        outbound.close()


# --- through a proxy ----------------------------------------------------------------------------


class Tunnel:
    """An HTTP proxy: it takes CONNECT, answers as told, and joins the two ends."""

    def __init__(self, reply: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
        self.reply = reply
        self.heads: list[http1.Head] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: list[Wire] = []

    async def __aenter__(self) -> Tunnel:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Wire(self._accepted), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for wire in self._ends:
            wire.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted(self, wire: Wire) -> None:
        self._ends.append(wire)
        self._run(self._serve(wire))

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

    async def _serve(self, near: Wire) -> None:
        head = await http1.read_head(near)
        assert head is not None
        self.heads.append(head)
        near.write(self.reply)
        if b" 200 " not in self.reply:
            near.close()
            return
        port = int(head.start.split(" ")[1].rpartition(":")[2])
        _, far = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
        self._ends.append(far)
        self._run(self._pump(far, near))
        await self._pump(near, far)

    @staticmethod
    async def _pump(source: Wire, sink: Wire) -> None:
        while data := await source.take():
            sink.write(data)
        sink.close()


@pytest.mark.parametrize(
    ("user", "authorization"),
    [
        ("", None),
        ("us%20er:p%3Aw@", BASIC),
        ("only@", "Basic " + base64.b64encode(b"only:").decode()),
    ],
)
async def test_a_proxy_is_asked_for_a_tunnel_and_tls_goes_through_it(
    user: str, authorization: str | None, ca_file: str
) -> None:
    """The proxy learns host and port, and its own credentials; the rest is for the provider."""
    async with ScriptedUpstream(tls=certificates().server) as upstream, Tunnel() as tunnel:
        proxy = f"http://{user}127.0.0.1:{tunnel.port}"
        async with dialled(at(upstream), ca_file=ca_file, proxy=proxy) as outbound:
            assert outbound.alive
            assert outbound.transport is not None
            assert outbound.transport.get_extra_info("ssl_object") is not None
            outbound.transport.write(b"GET /x HTTP/1.1\r\nhost: h\r\n\r\n")
            assert (await upstream.request()).target == "/x"
    [head] = tunnel.heads
    there = f"127.0.0.1:{upstream.port}"
    assert head.start == f"CONNECT {there} HTTP/1.1"
    assert (head.value("host"), head.value("proxy-authorization")) == (there, authorization)


REFUSALS = [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy answered 407 Proxy Auth"),
    (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "the proxy answered 502 Bad"),
    (b"HTTP/1.1 100 Continue\r\n\r\n", "the proxy answered 100"),
    (b"nonsense\r\n\r\n", "the proxy answered"),
    (b"", "the proxy closed the connection"),
    (b"HTTP/1.1 2", "the proxy closed the connection"),
    (b"HTTP/1.1 500 x\r\nx: " + b"a" * 20_000, "the proxy's reply is too long"),
]


@pytest.mark.parametrize(("reply", "why"), REFUSALS)
async def test_a_proxy_that_refuses_is_quoted(reply: bytes, why: str) -> None:
    async with Tunnel(reply) as tunnel:
        error = await failure(
            Origin("https", "127.0.0.1", 9), proxy=f"http://us:secret@127.0.0.1:{tunnel.port}"
        )
    assert (error.kind, error.status) == ("upstream_unreachable", 502)
    assert why in str(error)
    assert "secret" not in str(error)


async def test_a_proxy_that_is_silent_is_under_the_same_deadline() -> None:
    async with ScriptedUpstream() as proxy:
        proxy.greet(Stall())
        error = await failure(
            Origin("https", "h", 9), connect_timeout_s=0.1, proxy=f"http://127.0.0.1:{proxy.port}"
        )
        assert error.kind == "upstream_connect_timeout"
        await proxy.ended()


async def test_a_proxy_that_is_not_there_is_unreachable() -> None:
    error = await failure(Origin("https", "h", 9), proxy=f"http://127.0.0.1:{free_port()}")
    assert error.kind == "upstream_unreachable"


async def test_a_host_out_of_the_proxys_reach_is_dialled_directly(ca_file: str) -> None:
    async with ScriptedUpstream(tls=certificates().server) as upstream:
        nobody = f"http://127.0.0.1:{free_port()}"
        origin = at(upstream)
        async with dialled(origin, ca_file=ca_file, proxy=nobody, no_proxy="127.0.0.1") as outbound:
            assert outbound.alive
        assert (await failure(origin, ca_file=ca_file, proxy=nobody)).status == 502


async def test_plain_http_takes_no_proxy() -> None:
    """HTTPS_PROXY is for https; a local server on http is reached as it is."""
    async with ScriptedUpstream() as upstream:
        nobody = f"http://127.0.0.1:{free_port()}"
        async with dialled(at(upstream, "http"), proxy=nobody) as outbound:
            assert outbound.alive


async def test_a_name_is_asked_of_the_proxy_in_brackets_when_it_is_an_ipv6_address() -> None:
    async with Tunnel(b"HTTP/1.1 403 No\r\n\r\n") as tunnel:
        await failure(Origin("https", "2001:db8::1", 443), proxy=f"http://127.0.0.1:{tunnel.port}")
    assert tunnel.heads[0].start == "CONNECT [2001:db8::1]:443 HTTP/1.1"


async def test_a_server_that_hangs_up_in_the_greeting_is_unreachable(ca_file: str) -> None:
    async with ScriptedUpstream() as upstream:
        upstream.greet(Reset())
        error = await failure(at(upstream), ca_file=ca_file)
        assert (error.kind, error.status) == ("upstream_unreachable", 502)


async def test_a_call_can_be_made_on_a_connection_that_was_dialled(ca_file: str) -> None:
    """From the first byte to the last, over TLS."""
    async with ScriptedUpstream(tls=certificates().server) as upstream:
        upstream.reply(replies.sized(b"whole"))
        async with dialled(at(upstream), ca_file=ca_file) as outbound:
            assert outbound.transport is not None
            outbound.transport.write(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\nx")
            assert (await upstream.request()).body == b"x"


# --- NO_PROXY -----------------------------------------------------------------------------------

BYPASSES = [
    ("api.openai.com", "", False),
    ("api.openai.com", "*", True),
    ("api.openai.com", "localhost, *", True),
    ("api.openai.com", "api.openai.com", True),
    ("API.OpenAI.com", "api.openai.COM", True),
    ("api.openai.com", "openai.com", True),
    ("api.openai.com", ".openai.com", True),
    ("openai.com", ".openai.com", True),
    ("notopenai.com", "openai.com", False),
    ("openai.com.evil", "openai.com", False),
    ("api.openai.com", "localhost,127.0.0.1", False),
    ("127.0.0.1", "localhost, 127.0.0.1 ,x", True),
    ("127.0.0.1", "27.0.0.1", False),
    ("::1", "::1", True),
    ("h", ",,", False),
    ("h", ".", False),
    ("h", "*.h", False),
]


@pytest.mark.parametrize(("host", "no_proxy", "direct"), BYPASSES)
def test_no_proxy_names_hosts_and_their_subdomains(host: str, no_proxy: str, direct: bool) -> None:
    assert bypasses_proxy(host, no_proxy) == direct


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [("10.1.2.3", "10.0.0.0/8"), ("2001:db8::1", "2001:db8::/32"), ("::1", "[::1]"), ("h", "a h")],
)
def test_no_proxy_is_read_as_curl_reads_it(host: str, no_proxy: str) -> None:
    assert bypasses_proxy(host, no_proxy)
