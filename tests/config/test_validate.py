"""What the validator accepts and refuses, key by key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lynkr.config.settings import Settings
from lynkr.config.validate import Finding, is_loopback, validate, without_effect

DIGEST_A = "sha256:" + "a" * 64
DIGEST_B = "sha256:" + "b" * 64
KEY_A = {"name": "a", "digest": DIGEST_A}
TIERS = {tier: f"a:{tier}" for tier in ("simple", "medium", "complex", "reasoning")}
OPEN = {"required": True, "keys": [KEY_A]}


def findings(**sections: Any) -> list[Finding]:
    return validate(msgspec.convert(sections, Settings))


def provider(**fields: Any) -> dict[str, Any]:
    return {"a": {"kind": "x", **fields}}


def test_the_defaults_are_valid() -> None:
    """An empty file is a good file, and there is nothing to say about it."""
    assert findings() == []
    assert without_effect(Settings()) == []


ACCEPTED: list[dict[str, Any]] = [
    {"server": {"port": 0}},
    {"server": {"port": 65535, "workers": 256, "drain_s": 0}},
    {"server": {"host": "127.3.2.1"}},
    {"server": {"host": "::1"}},
    {"server": {"host": "LocalHost"}},
    {"server": {"host": "0.0.0.0"}, "auth": OPEN},
    {"server": {"host": "gateway.example"}, "auth": OPEN},
    {"server": {"trusted_proxies": ["10.0.0.1", "10.0.0.0/8", "fd00::/8"]}},
    {"upstream": {"proxy": "http://user:word@proxy:3128"}},
    {"auth": OPEN},
    {"auth": {"keys": [KEY_A, {"name": "b", "digest": DIGEST_B}]}},
    {"providers": {"0a_-9": {"kind": "x"}}},
    {"providers": provider(base_url="https://h:8443/v1/")},
    {"providers": provider(base_url="http://[::1]:1/v1")},
    {"providers": provider(headers={"X-Team": "a b\tc é", "authorization": ""})},
    {"providers": provider(api_keys=["a", "b"], region="r", capabilities=[], drops=[])},
    {"providers": provider(models={"a": "m", "b": "m"})},
    {"providers": provider(), "routing": {"default": "lynkr/auto", **TIERS}},
    {"providers": provider(), "routing": {**TIERS, "simple": ["a:m:8b", "a:n"]}},
    {
        "providers": provider(),
        "routing": TIERS,
        "routes": [{"model": "x", "targets": ["lynkr/simple"]}],
    },
    # Without providers, the environment's keys decide which names exist.
    {"routing": {"default": "anthropic"}},
]


@pytest.mark.parametrize("sections", ACCEPTED, ids=str)
def test_accepts(sections: dict[str, Any]) -> None:
    """Values at the edge of what is allowed."""
    assert findings(**sections) == []


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"server": {"port": -1}}, "server.port", "0 to 65535"),
    ({"server": {"port": 65536}}, "server.port", "0 to 65535"),
    ({"server": {"workers": 0}}, "server.workers", "1 to 256"),
    ({"server": {"workers": 257}}, "server.workers", "1 to 256"),
    ({"server": {"drain_s": -1}}, "server.drain_s", "zero or more"),
    ({"server": {"drain_s": float("inf")}}, "server.drain_s", "finite"),
    ({"server": {"state_dir": ""}}, "server.state_dir", "empty"),
    ({"limits": {"body_bytes_max": 0}}, "limits.body_bytes_max", "more than zero"),
    ({"limits": {"header_timeout_s": 0}}, "limits.header_timeout_s", "more than zero"),
    ({"limits": {"body_timeout_s": float("nan")}}, "limits.body_timeout_s", "finite"),
    ({"upstream": {"queue_max": -5}}, "upstream.queue_max", "more than zero"),
    ({"upstream": {"total_timeout_s": float("inf")}}, "upstream.total_timeout_s", "finite"),
    ({"log": {"buffer_bytes_max": 0}}, "log.buffer_bytes_max", "more than zero"),
    ({"server": {"host": ""}}, "server.host", "not an address"),
    ({"server": {"host": "http://127.0.0.1"}}, "server.host", "not an address"),
    ({"server": {"host": "[::1]"}}, "server.host", "not an address"),
    ({"server": {"host": "0.0.0.0"}}, "server.host", "auth.required = true and at least one key"),
    ({"server": {"host": "::"}}, "server.host", "auth.required"),
    ({"server": {"host": "127.0.0.1.example"}}, "server.host", "auth.required"),
    ({"server": {"host": "10.0.0.1"}, "auth": {"keys": [KEY_A]}}, "server.host", "auth.required"),
    ({"server": {"host": "10.0.0.1"}, "auth": {"required": True}}, "auth.required", "no keys"),
    ({"auth": {"required": True}}, "auth.required", "no keys"),
    ({"auth": {"keys": [{"name": "", "digest": DIGEST_A}]}}, "auth.keys.0.name", "empty"),
    *(
        ({"auth": {"keys": [{"name": "a", "digest": digest}]}}, "auth.keys.0.digest", "sha256:")
        for digest in (
            "",
            "a" * 64,
            DIGEST_A[:-1],
            DIGEST_A + "a",
            DIGEST_A + "\n",
            "sha256:" + "A" * 64,
        )
    ),
    (
        {"auth": {"keys": [KEY_A, {"name": "a", "digest": DIGEST_B}]}},
        "auth.keys.1.name",
        "auth.keys[0].name",
    ),
    (
        {"auth": {"keys": [KEY_A, {"name": "b", "digest": DIGEST_A}]}},
        "auth.keys.1.digest",
        "auth.keys[0].digest",
    ),
    (
        {"server": {"trusted_proxies": ["10.0.0.1", "nginx"]}},
        "server.trusted_proxies.1",
        "not an IP",
    ),
    ({"server": {"trusted_proxies": ["10.0.0.1/8"]}}, "server.trusted_proxies.0", "not an IP"),
    *(
        ({"providers": {name: {"kind": "x"}}}, f"providers.{name}", "usable name")
        for name in ("", "A", "-a", "a:b", "a b", "a/b", "a\n", "é")
    ),
    *(
        ({"providers": provider(base_url=url)}, "providers.a.base_url", reason)
        for url, reason in (
            ("ftp://h", "http:// or https://"),
            ("h/v1", "http:// or https://"),
            ("http:///v1", "no host"),
            ("http://h:x/v1", "not a valid address"),
            ("http://h:99999", "not a valid address"),
            ("http://h:/v1", "colon without a port"),
            ("http://[::1/v1", "not a valid address"),
            ("http://h /v1", "blank"),
            ("http://h\n/v1", "blank"),
            ("http://u:p@h/v1", "credentials"),
            ("http://u@h/v1", "credentials"),
            ("http://@h/v1", "credentials"),
            ("http://h/v1?", "query"),
            ("http://h/v1?a=b", "query"),
            ("http://h/v1#", "query"),
        )
    ),
    ({"upstream": {"proxy": "socks5://h:1"}}, "upstream.proxy", "http:// or https://"),
    ({"upstream": {"proxy": "proxy:3128"}}, "upstream.proxy", "http:// or https://"),
    *(
        ({"providers": provider(headers={name: "v"})}, f"providers.a.headers.{name}", reason)
        for name, reason in (
            ("", "not a header name"),
            ("a b", "not a header name"),
            ("a:", "not a header name"),
            ("a\r\nb", "not a header name"),
            ("é", "not a header name"),
            ("Host", "set by the gateway"),
            ("Content-Length", "set by the gateway"),
            ("transfer-encoding", "set by the gateway"),
            ("CONNECTION", "set by the gateway"),
            ("te", "set by the gateway"),
            ("Upgrade", "set by the gateway"),
        )
    ),
    *(
        ({"providers": provider(headers={"x": value})}, "providers.a.headers.x", "line break")
        for value in ("a\n", "a\r\nb: c", "a\0", "\x7f", "→")
    ),
    ({"providers": provider(headers={"X-a": "", "x-A": ""})}, "providers.a.headers.x-A", "X-a"),
    (
        {"providers": provider(api_key="a", api_keys=["b"])},
        "providers.a.api_keys",
        "stands beside api_key",
    ),
    ({"providers": provider(api_keys=["a", ""])}, "providers.a.api_keys.1", "is empty"),
    ({"providers": provider(api_keys=["a", "b", "a"])}, "providers.a.api_keys", "twice"),
    ({"providers": provider(models={"": "m"})}, "providers.a.models.", "need a name"),
    ({"providers": provider(models={"m": ""})}, "providers.a.models.m", "need a name"),
    (
        {
            "providers": {
                "one": {"kind": "x", "models": {"fast": "m"}},
                "two": {"kind": "x", "models": {"fast": "m"}},
            }
        },
        "providers.two.models.fast",
        "one and two",
    ),
    ({"providers": provider(), "routing": {"default": "b:m"}}, "routing.default", "no provider"),
    *(
        ({"providers": provider(), "routing": TIERS | {tier: "b:m"}}, f"routing.{tier}", "provider")
        for tier in TIERS
    ),
    ({"providers": provider(), "routing": TIERS | {"simple": "a"}}, "routing.simple", "no model"),
    (
        {"providers": provider(), "routing": TIERS | {"medium": ["a:m", "b:m"]}},
        "routing.medium.1",
        "no provider",
    ),
    (
        {"providers": provider(), "routing": TIERS | {"complex": "lynkr/simple"}},
        "routing.complex",
        "no provider",
    ),
    ({"providers": provider(), "routing": {"simple": "a:m"}}, "routing.medium", "all four"),
    ({"providers": provider(), "routing": {"default": "lynkr/auto"}}, "routing.default", "tiers"),
    (
        {"providers": provider(), "routes": [{"model": "x", "targets": ["lynkr/auto"]}]},
        "routes.0.targets.0",
        "tiers",
    ),
    (
        {
            "providers": provider(),
            "routing": TIERS,
            "routes": [{"model": "x", "targets": ["a:m", "lynkr/auto"]}],
        },
        "routes.0.targets.1",
        "beside other",
    ),
    ({"providers": provider(), "routing": {"default": "a:"}}, "routing.default", "no model"),
    ({"providers": provider(), "routing": {"default": ":m"}}, "routing.default", "no provider"),
]


@pytest.mark.parametrize(("sections", "key", "reason"), REFUSED, ids=str)
def test_refuses(sections: dict[str, Any], key: str, reason: str) -> None:
    """Each wrong value is one finding, at its own key, with a reason and a fix."""
    (finding,) = findings(**sections)
    assert ".".join(str(part) for part in finding.path) == key
    assert reason in finding.reason
    assert finding.fix


def test_an_open_door_says_how_to_close_it() -> None:
    """The refusal to listen off loopback names both ways out."""
    (finding,) = findings(server={"host": "0.0.0.0"})
    for part in ("auth.required = true", "[[auth.keys]]", "lynkr keys hash", "127.0.0.1"):
        assert part in finding.fix


def test_host_bits_in_a_network_are_answered_with_the_network() -> None:
    """The fix for 10.0.0.1/8 can be pasted."""
    (finding,) = findings(server={"trusted_proxies": ["10.0.0.1/8"]})
    assert '"10.0.0.0/8"' in finding.fix


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("128.0.0.1", False),
        ("localhost.example", False),
        ("2130706433", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    """Only what certainly stays on this machine counts."""
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("memory", "enabled", True),
        ("storage", "database_url", "postgresql://u:secret@h/d"),
    ],
)
def test_settings_without_effect_are_announced(section: str, key: str, value: object) -> None:
    """The operator is told, once per setting, and secrets are not repeated."""
    settings = msgspec.convert({section: {key: value}}, Settings)
    (notice,) = without_effect(settings)
    assert f"{section}.{key}" in notice
    assert "no effect" in notice
    assert "secret" not in notice


def test_default_route_has_effect() -> None:
    """What is implemented is not announced as missing."""
    settings = msgspec.convert({"routing": {"default": "a"}}, Settings)
    assert without_effect(settings) == []
