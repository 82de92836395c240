"""The tee learns the same of a reply however it is cut, and never more than it may keep."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lynkr._native.paths import PathTable
from lynkr._native.sse import ReplyShape, ReplyTee
from tests.harness.fixtures import Fixture, all_fixtures
from tests.harness.replies import each_cut, split
from tests.native import reference
from tests.native.test_paths import encoded, names, randoms, rendered, values

VALUE_BYTES_MAX = 16 * 1024
PATHS = ("type", "model", "message.model", "usage", "choices.finish_reason", "error")
ENDS: reference.Ends = {
    "type": (b'"message_stop"', b'"end"'),
    "choices.finish_reason": (),
    "error": (),
}
SHAPE = ReplyShape(PathTable(*PATHS), "model", ENDS)
LINE_ENDS = [["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"]]
OTHER_LINES = ["event: ping", ": comment", ":", "id: 1", "retry: 9", "data", "dat: 1", "datas: {"]
OTHER_LINES += ["event:data: {}", ' data: {"model":"no"}', 'Data: {"model":"no"}', "data x: [DONE]"]


def fed(pieces: Iterable[bytes], *, events: bool = True, shape: ReplyShape = SHAPE) -> ReplyTee:
    tee = ReplyTee(shape, events)
    for piece in pieces:
        tee.feed(piece)
    return tee


def seen(tee: ReplyTee) -> reference.Seen:
    """The tee's state as the reference puts it."""
    given = zip(PATHS, tee.values, strict=True)
    found = (None if v is None or ENDS.get(path) else reference.loads(v) for path, v in given)
    return reference.Seen(tuple(found), tee.begun, tee.over())


def one_by_one(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


# --- against the reference ----------------------------------------------------------------------

kinds = st.sampled_from(["message_stop", "end", "ping", "message_start", "endless", None, "END"])
known = st.one_of(
    st.tuples(st.just("type"), kinds),
    st.tuples(st.just("model"), st.one_of(st.none(), st.text(max_size=9))),
    st.tuples(st.sampled_from(["usage", "error", "choices", "message"]), values),
    st.tuples(names.filter(lambda name: name != "model"), values),
)
documents = st.lists(known, max_size=6).map(reference.Pairs)


def framed(events: list[list[tuple[str, object]]], random: Random) -> bytes:
    """A stream of these documents, in one of the ways that the standard allows."""
    line_ends = random.choice(LINE_ENDS)
    lines = []
    for event in events:
        if random.random() < 0.1:
            lines += [f"data:{random.choice(['', ' '])}[DONE]", ""]
        blanks = random.choice([" ", " \t", " \n", "\r\n\t "])
        # A line end that JSON allows between its tokens may become another data line.
        for piece in re.split(r"\r\n|\n|\r", rendered(event, random, blanks).strip()):
            if random.random() < 0.3:
                lines.append(random.choice(OTHER_LINES))
            lines.append(f"data:{random.choice(['', ' '])}{piece}")
        lines += [""] * random.randint(1, 2)
    return encoded("".join(line + random.choice(line_ends) for line in lines))


@given(st.lists(documents, max_size=4), randoms, st.lists(st.integers(0, 2000), max_size=12))
@settings(max_examples=150, deadline=None)
def test_every_cut_of_a_stream_says_what_the_reference_says(
    events: list[list[tuple[str, object]]], random: Random, cuts: list[int]
) -> None:
    """Whole, byte by byte or cut anywhere: values, beginning and end are those of the standard."""
    stream = framed(events, random)
    expected = reference.read_events(PATHS, "model", ENDS, stream)
    for pieces in ([stream], one_by_one(stream), split(stream, cuts)):
        tee = fed(pieces)
        assert seen(tee) == expected
        assert tee.at_boundary
        assert not tee.blind


@given(documents, randoms, st.lists(st.integers(0, 800), max_size=8))
@settings(max_examples=100, deadline=None)
def test_every_cut_of_a_json_body_says_what_the_reference_says(
    document: object, random: Random, cuts: list[int]
) -> None:
    body = encoded(rendered(document, random))
    expected = reference.read_body(PATHS, "model", ENDS, body)
    for pieces in ([body], one_by_one(body), split(body, cuts)):
        assert seen(fed(pieces, events=False)) == expected


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8), st.booleans())
@example(b'data:{"model":"\xff\\', [3], True)
@example(b"data:" + b"{" * 300 + b"]" * 300 + b"\n\n", [], True)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_survived(data: bytes, cuts: list[int], events: bool) -> None:
    """What is not a reply teaches nothing, breaks nothing, and is cut without a difference."""
    whole = fed([data], events=events)
    for pieces in (one_by_one(data), split(data, cuts)):
        tee = fed(pieces, events=events)
        assert (tee.begun, tee.at_boundary) == (whole.begun, whole.at_boundary)


@pytest.mark.parametrize("fixture", all_fixtures(), ids=repr)
def test_a_recorded_stream_is_cut_without_a_difference(fixture: Fixture) -> None:
    """Each recorded conversation, in two at every offset, ends in the same state as whole."""
    if not fixture.is_stream:
        return
    expected = reference.read_events(PATHS, "model", ENDS, fixture.reply)
    assert seen(fed([fixture.reply])) == expected
    for pieces in each_cut(fixture.reply):
        assert seen(fed(pieces)) == expected


# --- framing ------------------------------------------------------------------------------------

MODEL = reference.Seen((None, "m", None, None, None, None), True, False)

STREAMS = [
    b'data: {"model":"m"}\n\n',
    b'data:{"model":"m"}\n\n',
    b'data:  {"model":"m"}\r\n\r\n',
    b'data: {"model":"m"}\r\r',
    b'event: x\ndata: {"model":"m"}\nid: 3\n\n',
    b': data: {"model":"no"}\n\ndata: {"model":"m"}\n\n',
    b'data: {"model":\ndata: "m"}\n\n',
    b'data: {\rdata:"model":\rdata:"m"\rdata\rdata:}\r\r',
    b'\n\r\n\ndata: {"model":"m"}\n\n',
    b'data: {"x":"data: \\n\\n{\\"model\\":1}","model":"m"}\n\n',
    b'data: {"x":1\n\ndata: {"model":"m"}\n\n',  # an event cut short does not reach into the next
    b'data: {"x":"\n\ndata: {"model":"m"}\n\n',
    b'data: not json\n\ndata: {"model":"m"}\n\n',
    b'data: {"model":null}\n\ndata: {"model":"m"}\n\ndata: {"model":"later"}\n\n',
    b'datum: {"model":"no"}\ndata : {"model":"no"}\n\ndata: {"model":"m"}\n\n',
]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_is_framed_as_the_standard_says(stream: bytes) -> None:
    """CR, LF, CRLF, comments, other fields, several data lines, no blank after the colon."""
    for pieces in ([stream], one_by_one(stream), *each_cut(stream)):
        assert seen(fed(pieces)) == MODEL


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert seen(fed([b'\xef\xbb\xbfdata: {"model":"m"}\n\n'])) == MODEL


def test_a_byte_order_mark_hides_at_most_one_line() -> None:
    assert seen(fed([b'\xef\xbb\xbfevent: x\ndata: {"model":"m"}\n\n'])) == MODEL


BOUNDARIES = [
    (b"", True),
    (b"d", False),
    (b":", False),
    (b"event: x\n", False),
    (b"data: {}\n", False),
    (b"data: {}\r\n", False),
    (b"data: {}\r\n\r", True),  # the line feed that may follow belongs to it
    (b"data: {}\r\n\r\n", True),
    (b"data: {}\n\n", True),
    (b"data: {}\n\r\n", True),
    (b"data: {}\r\r", True),
    (b"data: {}\n\n: ping", False),
    (b"data: {}\n\n: ping\n", False),
    (b"data: {}\n\n: ping\n\n", True),
    (b"data: {}\n\nd", False),
]


@pytest.mark.parametrize(("stream", "at_boundary"), BOUNDARIES)
def test_a_boundary_is_where_an_event_may_be_added(stream: bytes, at_boundary: bool) -> None:
    """An error event put there is read as one by every client."""
    assert fed([stream]).at_boundary == at_boundary
    assert fed(one_by_one(stream)).at_boundary == at_boundary


# --- the end ------------------------------------------------------------------------------------

ENDED = [
    (b"data: [DONE]\n\n", True),
    (b"data:[DONE]\n\n", True),
    (b"data:  [DONE]\r\n\r\n", True),
    (b"data: [DON]\n\n", False),
    (b"data: [DONE\n\n", False),
    (b"data: x[DONE]\n\n", False),
    (b"event: [DONE]\n\n", False),
    (b": [DONE]\n\n", False),
    (b'data: {"x":"[DONE]"}\n\n', False),
    (b'data: {"x":\ndata: [DONE]\n\n', False),
    (b'data: {"type":"message_stop"}\n\n', True),
    (b'data: {"type": "end" }\n\n', True),
    (b'data: {"type":"endless"}\n\n', False),
    (b'data: {"type":"end\\u0020"}\n\n', False),
    (b'data: {"x":{"type":"end"}}\n\n', False),
    (b'data: {"x":"\\"type\\":\\"end\\""}\n\n', False),
    (b'data: {"choices":[{"finish_reason":null}]}\n\n', False),
    (b'data: {"choices":[{},{"finish_reason":"stop"}]}\n\n', True),
    (b'data: {"choices":[{"delta":{"finish_reason":"stop"}}]}\n\n', False),
    (b'data: {"error":{"type":"overloaded_error"}}\n\n', True),
    (b'data: {"error":null}\n\n', False),
    (b"data: [DO\n\ndata: NE]\n\n", False),
]


@pytest.mark.parametrize(("stream", "ended"), ENDED)
def test_the_end_is_the_replys_own_mark(stream: bytes, ended: bool) -> None:
    """Cut anywhere, also inside the mark: an end is seen, and nothing else is taken for one."""
    for pieces in ([stream], one_by_one(stream), *each_cut(stream)):
        assert fed(pieces).over() == ended


PASSING = [
    (b'data: {"type":"end"', (False, False)),
    (b'data: {"type":"end"}', (True, False)),  # no empty line: an end all the same
    (b'data: {"type":"end"}\n', (True, False)),
    (b'data: {"type":"end"}\n\n', (True, True)),
    (b'data: {"type":"end","x":{}\n\n', (True, True)),
    (b'data: {"x":1}\n\ndata: {"error":1', (False, False)),
]


@pytest.mark.parametrize(("stream", "expected"), PASSING)
def test_an_end_counts_when_its_event_is_whole(stream: bytes, expected: tuple[bool, bool]) -> None:
    """A stream that breaks off inside its last event was not complete."""
    for pieces in ([stream], one_by_one(stream)):
        tee = fed(pieces)
        assert (tee.over(), tee.ended) == expected


@pytest.mark.parametrize("model", [b"12", b"{}", b"[]"])
def test_a_model_that_is_no_string_is_cut_without_a_difference(model: bytes) -> None:
    stream = b'data: {"model":%b}\n\n' % model
    assert seen(fed([stream])) == seen(fed(one_by_one(stream)))


def test_an_empty_model_tells_nothing() -> None:
    """Azure's first chunk names none; the next one does."""
    stream = b'data: {"model":""}\n\n' + b'data: {"model":"m"}\n\n'
    for pieces in ([stream], one_by_one(stream)):
        assert seen(fed(pieces)) == MODEL


def test_a_shape_without_ends_never_ends_but_by_done() -> None:
    shape = ReplyShape(PathTable("model"), "model", {})
    assert not fed([b'data: {"model":"m","type":"end"}\n\n'], shape=shape).over()
    assert fed([b"data: [DONE]\n\n"], shape=shape).over()


def test_a_shape_without_a_beginning_never_begins() -> None:
    tee = fed([b'data: {"model":"m"}\n\n'], shape=ReplyShape(PathTable("model"), "", {}))
    assert (tee.begun, tee.values) == (False, [b'"m"'])


def test_an_array_is_no_event_however_it_is_cut() -> None:
    stream = b'data: [{"model":"no"}]\n\n'
    assert {fed(pieces).begun for pieces in ([stream], one_by_one(stream))} == {False}


# --- what is kept -------------------------------------------------------------------------------

SCHEMAS = [
    b'{"tools":[{"parameters":{"properties":{"usage":{"type":"end"},"model":{"type":"x"}}}}]}',
    b'{"text":"\\"usage\\":{\\"input_tokens\\":1},\\"model\\":\\"no\\"","x":"\\\\"}',
    b'{"delta":{"model":"no","usage":{"input_tokens":1},"error":{}}}',
    b'{"content":[{"model":"no"},["usage",{"usage":1}]]}',
    b'[{"x":1}]',
    b'"model"',
]


@pytest.mark.parametrize("payload", SCHEMAS)
def test_names_elsewhere_are_not_facts(payload: bytes) -> None:
    """A model or a usage inside text, a tool's schema or a message is not the reply's own."""
    tee = fed([b"data: " + payload + b"\n\n"])
    assert (tee.values, tee.begun, tee.ended) == ([None] * len(PATHS), False, False)
    assert fed([payload], events=False).values == [None] * len(PATHS)


@pytest.mark.parametrize("size", [VALUE_BYTES_MAX - 2, VALUE_BYTES_MAX - 1, VALUE_BYTES_MAX * 4])
@pytest.mark.parametrize("piece_bytes", [1 << 20, 4096, 1000])
def test_a_value_over_16_kb_is_dropped(size: int, piece_bytes: int) -> None:
    """Such a value is nobody's usage; what follows it in the stream still counts."""
    value = b'"' + b"u" * size + b'"'
    stream = b'data: {"usage":' + value + b',"model":"m"}\n\ndata: {"model":"x","error":1}\n\n'
    tee = fed(stream[at : at + piece_bytes] for at in range(0, len(stream), piece_bytes))
    kept = value if len(value) <= VALUE_BYTES_MAX else None
    assert tee.values == [None, b'"m"', None, kept, None, b"1"]


def test_an_earlier_value_outlives_one_that_is_dropped() -> None:
    huge = b'{"a":"' + b"u" * VALUE_BYTES_MAX + b'"}'
    tee = fed([b'data: {"usage":{"a":1}}\n\ndata: {"usage":' + huge + b"}\n\n"])
    assert tee.values[PATHS.index("usage")] == b'{"a":1}'


@pytest.mark.parametrize(
    "opening", [b'{"usage":"', b'{"usage":{"a":"', b'{"usage":[1,', b'{"usage":']
)
def test_memory_is_bounded_whatever_passes(opening: bytes) -> None:
    """A value without end, wherever it is: 16 MB pass and less than 100 KB are held."""
    piece = b"1" * 65_536
    tee = fed([b"data: " + opening])
    tracemalloc.start()
    for _ in range(256):
        tee.feed(piece)
    held_bytes, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 100_000
    assert peak_bytes < 200_000
    assert tee.values == [None] * len(PATHS)


@pytest.mark.parametrize("bracket", [b"[", b"{", b'{"choices":', b'{"message":'])
def test_depth_costs_nothing(bracket: bytes) -> None:
    """A hundred thousand open brackets are counted; the next event starts afresh."""
    stream = b"data: " + bracket * 100_000 + b'\n\ndata: {"model":"m"}\n\n'
    assert seen(fed([stream])) == MODEL
    assert seen(fed(split(stream, range(0, len(stream), 777)))) == MODEL


# --- encodings ----------------------------------------------------------------------------------


def test_a_decoders_pieces_are_what_is_read() -> None:
    def reversed_in_two(data: bytes) -> Iterator[bytes]:
        plain = data[::-1]
        yield plain[:9]
        yield plain[9:]

    tee = ReplyTee(SHAPE, True, reversed_in_two)
    tee.feed(b'data: {"model":"m"}\n\n'[::-1])
    assert (seen(tee), tee.blind) == (MODEL, False)


def test_a_broken_encoding_blinds_the_tee_and_nothing_else() -> None:
    """The client is the one to notice; what was learned before stays."""
    calls = []

    def failing(data: bytes) -> Iterator[bytes]:
        calls.append(data)
        if data == b"broken":
            raise ValueError
        yield data

    tee = ReplyTee(SHAPE, True, failing)
    for piece in (b'data: {"model":"m"}\n\n', b"broken", b"data: [DONE]\n\n"):
        tee.feed(piece)
    assert (seen(tee), tee.blind, len(calls)) == (MODEL, True, 2)


@pytest.mark.parametrize(
    ("begin", "ends", "error"),
    [("nowhere", {}, ValueError), ("model", {"nowhere": ()}, ValueError)],
)
def test_a_shape_names_only_paths_of_its_table(
    begin: str, ends: reference.Ends, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ReplyShape(PathTable("model"), begin, ends)


def test_the_reference_reads_what_a_plain_reader_reads() -> None:
    """The twin is held to an example worked out by hand."""
    stream = (
        b'\xef\xbb\xbfdata: {"model":"a","usage":1}\r\n\r\n: x\n\n'
        b'data:{"model":"b",\ndata:"usage":2,'
        b'"choices":[[{"finish_reason":"stop"}],{"finish_reason":null}]}\n\ndata:[DONE]'
    )
    assert list(map(json.loads, list(reference.payloads(stream))[:2]))[1]["usage"] == 2
    assert reference.read_events(PATHS, "model", ENDS, stream) == reference.Seen(
        (None, "a", None, 2, "stop", None), True, True
    )
