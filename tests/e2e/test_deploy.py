"""The deployment files fit the gateway: its settings, its limits, its own deadlines."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lynkr.cli.check import checked
from lynkr.config.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
DEFAULTS = Settings()


def directive(name: str) -> str:
    """The value of a directive that stands in nginx's file once, comments aside."""
    text = (DEPLOY / "nginx.conf").read_text()
    found = re.findall(rf"^ *{name} +([^;]+);", text, flags=re.MULTILINE)
    assert len(found) == 1, f"{name} stands there {len(found)} times"
    return str(found[0])


def in_units(value: str) -> int:
    """A time in seconds or a size in bytes."""
    match = re.fullmatch(r"(\d+)([smk])", value)
    assert match is not None, value
    return int(match[1]) * {"s": 1, "k": 1024, "m": 1024 * 1024}[match[2]]


def unit(name: str) -> str:
    """The value of a key that stands in the unit file once."""
    text = (DEPLOY / "lynkr.service").read_text()
    (found,) = re.findall(rf"^{name}=(.*)$", text, flags=re.MULTILINE)
    return str(found)


def test_nginx_is_wider_than_the_gateway() -> None:
    upstream, limits = DEFAULTS.upstream, DEFAULTS.limits
    slowest_s = max(upstream.first_byte_timeout_s, upstream.idle_timeout_s)
    waiting_s = upstream.queue_timeout_s + upstream.connect_timeout_s
    for name in ("proxy_read_timeout", "proxy_send_timeout", "send_timeout"):
        assert in_units(directive(name)) > slowest_s + waiting_s, name
    assert in_units(directive("client_body_timeout")) >= limits.body_timeout_s
    assert in_units(directive("keepalive_timeout")) < limits.keepalive_timeout_s
    assert in_units(directive("client_max_body_size")) == limits.body_bytes_max
    count, size = directive("large_client_header_buffers").split()
    assert int(count) * in_units(size) >= limits.header_bytes_max


def test_the_unit_lets_streams_finish() -> None:
    assert in_units(unit("TimeoutStopSec")) > DEFAULTS.server.drain_s
    assert int(unit("LimitNOFILE")) > 2 * DEFAULTS.limits.connections_max


def test_the_unit_is_one() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [analyze, "verify", str(DEPLOY / "lynkr.service")], capture_output=True, text=True
    )
    # The program it starts is not installed where the tests run.
    told = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert told == []


def test_the_configuration_in_the_readme_is_valid(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)
    file = tmp_path / "lynkr.toml"
    file.write_text(shown)
    settings = checked(file, {"ANTHROPIC_API_KEY": "a-key"}, tmp_path, {}).settings
    assert settings.auth.required
    assert settings.server.trusted_proxies == ["127.0.0.1"]
    assert list(settings.providers) == ["main"]
