"""The replies that translation is timed on, and the table of it."""

from __future__ import annotations

import json

import pytest

from lynkr.wire.apis import APIS, TRANSLATED
from lynkr.wire.assembled import Assembly
from lynkr.wire.codec import Context, codec
from lynkr.wire.message import Text, ToolCall
from perf import pairs
from perf.deltas import PROVIDERS, TOOL, texts
from perf.pairs import KINDS, PAIRS, REQUESTS, Pair, translator
from perf.sample import Samples

COUNT = 20


def received(pair: Pair, kind: str) -> tuple[Assembly, list[bytes]]:
    """What the client of a pair reads, and its bytes per delta."""
    stream = pairs.streams(COUNT)[pair.provider, kind]
    feed = translator(pair).feed
    pieces = [feed(stream.opening), *map(feed, stream.deltas)]
    client = codec(TRANSLATED[pair.client])
    asked = client.decode_request(REQUESTS[pair.client], "m", True)
    assembly = Assembly()
    decoder = client.stream_decoder(Context(asked, call_id="2", created=0, model="m"))
    for piece in pieces:
        assembly.add(decoder.feed(piece))
    assert assembly.failure is None
    return assembly, pieces[1:]


def test_every_pair_of_different_dialects_is_measured() -> None:
    assert len(PAIRS) == len(set(PAIRS)) == 16
    assert {pair.client for pair in PAIRS} == set(TRANSLATED) & set(APIS)
    assert {pair.provider for pair in PAIRS} == set(TRANSLATED)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_each_delta_of_text_arrives_with_its_own_read(pair: Pair) -> None:
    assembly, pieces = received(pair, "text")
    (part,) = assembly.parts
    assert isinstance(part, Text)
    assert part.text.endswith("".join(texts(COUNT)))
    assert all(pieces)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_each_delta_of_arguments_arrives_with_its_own_read(pair: Pair) -> None:
    """Gemini knows only whole calls, of either side."""
    assembly, pieces = received(pair, "arguments")
    if pair.client == "gemini" and pair.provider != "gemini":
        assert not any(pieces)
        return
    assert all(pieces)
    calls = [part for part in assembly.parts if isinstance(part, ToolCall)]
    assert {call.name for call in calls} == {TOOL}
    if pair.provider == "gemini":
        contents = [json.loads(call.arguments)["content"] for call in calls]
        assert contents == list(texts(COUNT))
    else:
        (call,) = calls
        assert json.loads(call.arguments + '"}')["content"] == "".join(texts(COUNT - 1))


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_deltas_are_of_the_size_that_is_said(name: str, kind: str) -> None:
    assert all(20 <= len(text.encode()) <= 40 for text in texts(COUNT))
    stream = pairs.streams(COUNT)[name, kind]
    assert len(stream.deltas) == COUNT
    assert all(100 < len(delta) < 500 for delta in stream.deltas)


def test_the_tee_reads_the_same_replies() -> None:
    for (name, _), stream in pairs.streams(COUNT).items():
        feed = pairs.tee(name)
        assert (feed is None) == (name == "converse")
        if feed is not None:
            feed(stream.opening + b"".join(stream.deltas))


def test_the_table_has_a_row_per_pair_beside_its_providers_tee() -> None:
    samples = Samples()
    for number, values in enumerate(({"text": 5.0, "arguments": 6.0},) * 2, start=1):
        samples.add(number, "chat to messages", values)
        samples.add(number, "chat", {"text": 0.5})
    rows = pairs.table(samples)
    assert "| chat to messages | 5 | 6 | 0.50 | - |" in rows
    assert len(rows) == 2 + len(PAIRS)


def test_a_run_writes_its_page(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path_factory.mktemp("results") / "new" / "pairs.md"
    assert pairs.main(["--rounds", "1", "--deltas", "30", "--out", str(page)]) == 0
    assert page.read_text() == capsys.readouterr().out
    assert "1 rounds of 30 deltas" in page.read_text()
