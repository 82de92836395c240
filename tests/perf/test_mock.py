"""The mock provider in C: what it says must be what the providers say, whoever reads it."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context, codec
from lynkr.wire.message import Request, Text
from perf.load import Mock, StreamPlan, mock_upstream
from perf.process import Cores

PATHS = {"anthropic_messages": "/v1/messages?beta=true", "openai_chat": "/v1/chat/completions"}


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[Mock]:
    with mock_upstream(Cores.of_this_machine(), tmp_path) as running:
        yield running


def asked(mock: Mock, path: str, wish: str) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{mock.port}{path}", b"{}", {"baggage": f"other=1,{wish}"}
    )
    with urllib.request.urlopen(request, timeout=5) as reply:
        body: bytes = reply.read()
        return body


def context(name: str) -> Context:
    return Context(Request(format=name, model="m", messages=[]), call_id="1", created=0, model="m")


@pytest.mark.parametrize("name", PATHS)
def test_streams_are_whole_and_numbered(mock: Mock, name: str) -> None:
    """The same text in every dialect, one event per number."""
    plan = StreamPlan(streams=1, chunks=3, interval_us=0)
    decoder = codec(name).stream_decoder(context(name))
    assembly = Assembly()
    assembly.add(decoder.feed(asked(mock, PATHS[name], plan.wish)))
    assembly.add(decoder.finish())
    assert assembly.failure is None
    (part,) = assembly.parts
    assert isinstance(part, Text)
    assert len(part.text) == 3 * plan.text_bytes
    assert re.findall(r"seq=(\d{9}) at=\d{20} a+", part.text) == [f"{at:09}" for at in range(3)]
    assert assembly.usage.output_tokens == 3
    assert assembly.usage.prompt_cache_read_tokens == 30211


@pytest.mark.parametrize("name", PATHS)
def test_replies_have_the_text_that_was_asked_for(mock: Mock, name: str) -> None:
    reply = codec(name).decode_response(
        asked(mock, PATHS[name], "mock-reply-bytes=1000"), context(name)
    )
    (part,) = reply.parts
    assert isinstance(part, Text)
    assert part.text == "a" * 1000
    assert reply.usage.output_tokens == 87


def test_a_small_reply_of_the_messages_api_has_600_bytes(mock: Mock) -> None:
    assert len(asked(mock, PATHS["anthropic_messages"], "mock-delay-us=1")) == 600
