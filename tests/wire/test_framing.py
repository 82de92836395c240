"""Server-sent events, read as the standard says, however the bytes are cut; and written."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lynkr.wire import framing
from lynkr.wire.framing import EventReader, EventTooLargeError, event
from lynkr.wire.jsontext import dumps
from tests.harness.fixtures import Fixture, all_fixtures
from tests.wire.made_json import objects, some_text, words

Pairs = list[tuple[bytes, bytes]]


def read(pieces: list[bytes], *, rest: bool = True) -> Pairs:
    reader = EventReader()
    found = [pair for piece in pieces for pair in reader.feed(piece)]
    return found + (reader.rest() if rest else [])


def reference(body: str) -> Pairs:
    """The standard's own words, for text: 9.2.6 of https://html.spec.whatwg.org."""
    found: Pairs = []
    name, data = "", None
    body = body.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for line in body.split("\n")[:-1]:  # the last one is unfinished
        if not line:
            if data is not None:
                found.append((name.encode(), data.removesuffix("\n").encode()))
            name, data = "", None
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data = (data or "") + value + "\n"
    return found


lines = st.one_of(
    st.sampled_from(
        ["", "", ":", ": ping", "event: a", "event:b", "data:", "data", "data: x", "data:y",
         "id: 1", "retry: 5", "data: [DONE]", "dat: 1", "datas: 2", "eventual: 3", " data: 4",
         "data : 5"]
    ),
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=8).map(
        lambda text: "data: " + text
    ),
)  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A body with any mixture of line ends, and the same in pieces."""
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]]))
    text = "".join(line + draw(st.sampled_from(ends)) for line in draw(st.lists(lines)))
    body = (draw(st.sampled_from(["", "\ufeff"])) + text).encode()
    places = sorted({0, len(body), *draw(st.sets(st.integers(0, len(body)), max_size=6))})
    return body.decode(), [body[start:end] for start, end in pairwise(places)]


@given(bodies())
@example(("data: a\r\n\r\ndata: b\r\n\r\n", [b"data: a\r", b"\n", b"\r", b"\ndata: b\r\n\r\n"]))
@example(("\ufeffdata: a\n\n", [b"\xef", b"\xbb", b"\xbfdata: a\n\n"]))
def test_events_are_those_of_the_standard(given: tuple[str, list[bytes]]) -> None:
    body, pieces = given
    wanted = reference(body)
    assert read(pieces, rest=False) == wanted
    assert read([body.encode()[at : at + 1] for at in range(len(body.encode()))], rest=False) == (
        wanted
    )


@pytest.mark.parametrize("fixture", [each for each in all_fixtures() if each.is_stream], ids=repr)
def test_recorded_streams_are_the_same_at_any_cut(fixture: Fixture) -> None:
    whole = read([fixture.reply])
    assert whole == reference(fixture.reply.decode() + "\n\n")
    crlf = fixture.reply.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    for size in (1, 2, 3, 7, 64):
        for body in (fixture.reply, crlf):
            pieces = [body[at : at + size] for at in range(0, len(body), size)]
            assert read(pieces) == whole


def test_each_event_comes_with_the_byte_that_ends_it() -> None:
    """No event waits for the next one."""
    reader = EventReader()
    assert reader.feed(b"event: a\ndata: 1\n") == []
    assert reader.feed(b"\n") == [(b"a", b"1")]
    assert reader.feed(b"data: 2\r\n\r") == [(b"", b"2")]
    assert reader.feed(b"\ndata: 3\r\r") == [(b"", b"3")]
    assert reader.feed(b"\n") == []
    assert reader.feed(b"data: 4\n\n") == [(b"", b"4")]


def test_names_do_not_outlive_their_event() -> None:
    assert read([b"event: a\n\ndata: 1\n\nevent: b\ndata: 2\n\ndata: 3\n\n"]) == [
        (b"", b"1"),
        (b"b", b"2"),
        (b"", b"3"),
    ]
    assert read([b"event: a\nevent\ndata: 1\n\n"]) == [(b"", b"1")]


@pytest.mark.parametrize("cut", [b"data: a", b"data: a\n", b"data: a\r", b"data: a\r\n"])
def test_a_last_event_without_its_empty_line_is_found_at_the_end(cut: bytes) -> None:
    """Some servers close without it; the standard would drop the event."""
    assert read([cut], rest=False) == []
    assert read([cut]) == [(b"", b"a")]


@pytest.mark.parametrize("cut", [b"", b"data: a\n\n", b"data: a\r\n\r\n", b": x", b"event: a\n"])
def test_an_end_without_a_rest(cut: bytes) -> None:
    reader = EventReader()
    reader.feed(cut)
    assert reader.rest() == []
    assert reader.rest() == []


def test_an_event_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is on one event, not on the stream."""
    monkeypatch.setattr(framing, "EVENT_BYTES_MAX", 1000)
    reader = EventReader()
    for _ in range(50):
        assert len(reader.feed(b"data: " + b"x" * 900 + b"\n\n")) == 1
    reader.feed(b"data: " + b"x" * 600)
    with pytest.raises(EventTooLargeError):
        reader.feed(b"x" * 600)


def test_a_long_line_in_small_pieces_costs_no_more_than_its_length() -> None:
    """A picture comes as one line of megabytes, in reads of kilobytes."""
    seconds = []
    for count in (5_000, 20_000):
        reader = EventReader()
        begun = time.process_time()
        for _ in range(count):
            reader.feed(b"x" * 200)
        reader.feed(b"\n\n")
        seconds.append(time.process_time() - begun)
    assert seconds[1] < 12 * seconds[0]


@given(st.one_of(st.just(""), words), objects, some_text())
def test_what_is_written_is_read(name: str, value: dict[str, object], text: str) -> None:
    data = dumps({"text": text, **value})
    written = event(name, data)
    assert read([written], rest=False) == [(name.encode(), data)]
    assert written.endswith(b"\n\n")
    assert (b"event:" in written.split(b"data:")[0]) == bool(name)
