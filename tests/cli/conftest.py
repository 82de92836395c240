"""What the tests of commands share that ask a running gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.served import Gateway, Serve


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Makes gateways, in an environment that names none and has a proxy where nobody listens."""
    for name in ("LYNKR_URL", "LYNKR_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    opened: list[Gateway] = []

    def made(status: int, body: str, **headers: str) -> Gateway:
        opened.append(Gateway(status, body, **headers))
        return opened[-1]

    yield made
    for one in opened:
        one.close()
