"""ConverseStream, written: frames that boto3 reads, and that say what was meant."""

from __future__ import annotations

from botocore.exceptions import EventStreamError  # type: ignore[import-untyped, unused-ignore]
from hypothesis import given

from lynkr.wire.assembled import Assembly, played
from lynkr.wire.converse.codec import CODEC
from lynkr.wire.converse.streams import StreamDecoder, StreamEncoder
from lynkr.wire.events import (
    Alive,
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    Finish,
    PartStop,
    Sealed,
    Start,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    Used,
)
from lynkr.wire.message import Failure, Seal, Stop, Usage
from lynkr.wire.seals import seal_text
from tests.wire import sdk_replies
from tests.wire.converse.test_streams import EVENTS
from tests.wire.converse.tools import context, read, unhurried
from tests.wire.made_events import streams
from tests.wire.ordered import check


def written(events: list[Event]) -> bytes:
    return StreamEncoder(context()).encode(events)


def test_boto3_reads_what_is_written() -> None:
    foreign = Seal("gemini", {"thoughtSignature": "x"})
    body = written(
        [
            Start("1", "m", Usage(5)),
            Alive(),
            ThinkingStart(0),
            ThinkingDelta(0, "Hm."),
            Sealed(0, foreign),
            PartStop(0),
            ThinkingStart(1),
            Sealed(1, foreign),
            PartStop(1),
            TextStart(2),
            TextDelta(2, "zwölf "),
            TextDelta(2, "👋"),
            PartStop(2),
            CallStart(3, "c", "ls"),
            ArgumentsDelta(3, '{"a"'),
            ArgumentsDelta(3, ":1}"),
            PartStop(3),
            Used(Usage(None, 3)),
            Finish(Stop("tool_use"), Usage(None, 4, 6)),
        ]
    )
    for size in (1, 7, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        reply = sdk_replies.read("bedrock", body, stream=True, pieces=pieces)
        assert (reply.text, reply.thinking, reply.stop) == ("zwölf 👋", "Hm.", "tool_use")
        assert reply.calls == [sdk_replies.Call("c", "ls", {"a": 1})]
        assert reply.seals == [seal_text(foreign), seal_text(foreign)]
        assert reply.usage == Usage(5, 4, 6)


def test_a_hidden_seal_behind_a_text_is_its_signature() -> None:
    """One block of reasoning has a text with a signature, or hidden content, but never both."""
    events: list[Event] = [
        Start("msg_c01", "asked"),
        ThinkingStart(0),
        ThinkingDelta(0, "Hm."),
        Sealed(0, Seal("anthropic_messages", {"data": "EtMF"})),
        PartStop(0),
        Finish(Stop("end_turn", None, "end_turn")),
    ]
    assert read(written(events))[:-1] == events[:-1]
    reply = together(events).response()
    body = CODEC.encode_response(reply, context())
    assert CODEC.decode_response(body, context()).parts == reply.parts


def test_boto3_raises_an_error_that_came_inside() -> None:
    for kind, code in (
        ("rate_limit", "throttlingException"),
        ("overloaded", "serviceUnavailableException"),
        ("context_length", "validationException"),
        ("timeout", "modelStreamErrorException"),
        ("api_error", "internalServerException"),
    ):
        failure = Failure(status=0, kind=kind, message="Sorry.")  # type: ignore[arg-type]
        body = written([Start("1", "m"), TextStart(0), TextDelta(0, "a"), Failed(failure)])
        error = sdk_replies.refused("bedrock", 200, body, stream=True)
        assert isinstance(error, EventStreamError)
        assert error.response["Error"] == {"Code": code, "Message": "Sorry."}
        *_, last = read(body)
        assert isinstance(last, Failed)
        assert (last.failure.message, last.failure.code) == ("Sorry.", code)


def test_a_ping_means_nothing_to_boto3() -> None:
    encoder = StreamEncoder(context())
    body = written([Start("1", "m"), TextStart(0), TextDelta(0, "a"), PartStop(0)])
    end = written([Finish(Stop("end_turn"))])
    plain = sdk_replies.read("bedrock", body + end, stream=True)
    pinged = encoder.ping() + body + encoder.ping() * 2 + end
    assert sdk_replies.read("bedrock", pinged, stream=True) == plain
    assert Alive() not in read(pinged)


def test_one_call_per_read_or_one_for_all_makes_no_difference() -> None:
    encoder = StreamEncoder(context())
    assert b"".join(encoder.encode([each]) for each in EVENTS) == written(EVENTS)
    assert read(written(EVENTS)) == EVENTS


def together(events: list[Event]) -> Assembly:
    assembly = Assembly()
    assembly.add(events)
    return assembly


@unhurried
@given(streams(kinds=("function",), opaque=False, refusals=False))
def test_any_stream_is_read_as_it_was_meant(events: list[Event]) -> None:
    """Parts without a word in them have no frames."""
    found = read(written(events))
    check(found)
    source, target = together(events), together(found)

    def parts(assembly: Assembly) -> list[tuple[object, ...]]:
        whole = assembly.failure is None  # the seal of a part that was cut short may be missing
        said = [
            (
                type(part).__name__,
                getattr(part, "text", ""),
                getattr(part, "seal", None) if whole else None,
                getattr(part, "name", ""),
                getattr(part, "arguments", ""),
            )
            for part in assembly.parts
        ]
        return [part for part in said if any(part[1:])]

    assert parts(target) == parts(source)
    assert (source.stop is None) == (target.stop is None)
    assert (source.failure is None) == (target.failure is None)


def test_a_whole_reply_played_as_a_stream_reads_the_same() -> None:
    response = together(EVENTS).response()
    assert together(read(written(played(response)))).parts == response.parts


def test_the_codec_has_all_eight_verbs() -> None:
    assert CODEC.name == "bedrock"
    assert isinstance(CODEC.stream_decoder(context()), StreamDecoder)
    assert isinstance(CODEC.stream_encoder(context()), StreamEncoder)
