"""Whose word on the caller's address is taken."""

from __future__ import annotations

import pytest

from lynkr.config.settings import Server, Settings
from lynkr.config.validate import validate
from lynkr.server.front import TrustedProxies

PROXIES = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "fe80::/10"]

CLIENTS = [
    # peer, X-Forwarded-For -> client
    ("203.0.113.9", None, "203.0.113.9"),
    ("203.0.113.9", "1.1.1.1", "203.0.113.9"),  # a stranger says so
    ("10.1.2.3", None, "10.1.2.3"),
    ("10.1.2.3", "1.1.1.1", "1.1.1.1"),
    ("192.0.2.7", "1.1.1.1", "1.1.1.1"),
    ("192.0.2.8", "1.1.1.1", "192.0.2.8"),
    ("2001:db8::5", "2606:4700::1", "2606:4700::1"),
    ("fe80::1%eth0", "1.1.1.1", "1.1.1.1"),
    # A chain is believed from its end, up to the first address that no trusted proxy vouches for.
    ("10.1.2.3", "1.1.1.1, 2.2.2.2", "2.2.2.2"),
    ("10.1.2.3", "1.1.1.1,10.9.9.9", "1.1.1.1"),
    ("10.1.2.3", "1.1.1.1, 2.2.2.2, 10.9.9.9", "2.2.2.2"),
    ("10.1.2.3", "10.7.7.7, 10.8.8.8", "10.7.7.7"),
    ("10.1.2.3", " 1.1.1.1 ", "1.1.1.1"),
    ("10.1.2.3", "2606:4700:0:0::0001", "2606:4700::1"),
    # What is no address ends the chain where it was.
    ("10.1.2.3", "", "10.1.2.3"),
    ("10.1.2.3", "unknown", "10.1.2.3"),
    ("10.1.2.3", "1.1.1.1, unknown", "10.1.2.3"),
    ("10.1.2.3", "unknown, 10.9.9.9", "10.9.9.9"),
    ("10.1.2.3", "1.1.1.1:80", "10.1.2.3"),
    ("10.1.2.3", "<script>", "10.1.2.3"),
    ("10.1.2.3", "\xff", "10.1.2.3"),
    ("unix", "1.1.1.1", "unix"),
    ("", "1.1.1.1", ""),
]


@pytest.mark.parametrize(("peer", "forwarded", "client"), CLIENTS)
def test_the_caller_is_the_last_address_that_nobody_trusted_vouches_for(
    peer: str, forwarded: str | None, client: str
) -> None:
    header = None if forwarded is None else forwarded.encode("latin-1")
    assert TrustedProxies(PROXIES).client(peer, header) == client


def test_without_trusted_proxies_the_peer_is_the_caller() -> None:
    nobody = TrustedProxies([])
    for peer in ("10.1.2.3", "unix", "::1"):
        assert nobody.client(peer, b"1.1.1.1") == peer
        assert peer not in nobody


def test_a_unix_sockets_peer_is_trusted_by_its_name() -> None:
    trusted = TrustedProxies(["unix"])
    assert trusted.client("unix", b"1.1.1.1") == "1.1.1.1"
    assert trusted.client("10.1.2.3", b"1.1.1.1") == "10.1.2.3"
    assert TrustedProxies(["10.0.0.0/8", "unix"]).client("unix", b"1.1.1.1, 10.0.0.9") == "1.1.1.1"


def test_a_network_with_host_bits_is_its_network() -> None:
    assert "10.200.0.1" in TrustedProxies(["10.0.0.1/8"])


def test_a_unix_sockets_peer_can_be_configured() -> None:
    assert list(validate(Settings(server=Server(trusted_proxies=["unix"])))) == []
