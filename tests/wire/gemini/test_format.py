"""Google's generateContent: facts read from its replies, and the gateway's own errors."""

from __future__ import annotations

import json

import pytest
from google.genai import errors

from lynkr.errors import GatewayError
from lynkr.wire.format import Reading
from lynkr.wire.gemini.format import FORMAT, error_body, error_event
from lynkr.wire.message import ReplyFacts, Usage
from tests.harness.fixtures import Fixture
from tests.wire.gemini import sdk as gemini_sdk
from tests.wire.gemini.cases import FIXTURES, says, sse


def read(reading: Reading, data: bytes) -> ReplyFacts:
    tee = reading.tee(None, None)
    tee.feed(data)
    return reading.read(tee)


@pytest.mark.parametrize("fixture", FIXTURES, ids=repr)
def test_the_facts_of_a_recorded_reply(fixture: Fixture) -> None:
    expect = fixture.expect
    if expect.status != 200:
        return
    facts = read(FORMAT.events if fixture.is_stream else FORMAT.body, fixture.reply)
    assert facts == ReplyFacts(
        expect.model_replied, expect.stop_reason, expect.error, Usage(**expect.usage)
    )


@pytest.mark.parametrize("fixture", FIXTURES, ids=repr)
def test_no_cut_changes_the_facts(fixture: Fixture) -> None:
    if fixture.expect.status != 200:
        return
    reading = FORMAT.events if fixture.is_stream else FORMAT.body
    whole = read(reading, fixture.reply)
    for cut in range(1, len(fixture.reply), 7):
        tee = reading.tee(None, None)
        tee.feed(fixture.reply[:cut])
        tee.feed(fixture.reply[cut:])
        assert reading.read(tee) == whole


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (b"null", Usage()),
        (b"{}", Usage()),
        (b'{"trafficType":"ON_DEMAND"}', Usage()),
        (b'{"promptTokenCount":10}', Usage(10)),
        (b'{"promptTokenCount":10,"cachedContentTokenCount":8}', Usage(2, None, 8)),
        (b'{"promptTokenCount":10,"cachedContentTokenCount":12}', Usage(0, None, 12)),
        (b'{"promptTokenCount":10,"toolUsePromptTokenCount":5}', Usage(15)),
        (b'{"toolUsePromptTokenCount":5}', Usage()),
        (b'{"candidatesTokenCount":3}', Usage(None, 3)),
        (b'{"thoughtsTokenCount":4}', Usage(None, 4, None, None, 4)),
        (
            b'{"candidatesTokenCount":3,"thoughtsTokenCount":4,"totalTokenCount":9}',
            Usage(None, 7, None, None, 4),
        ),
        (b'{"candidatesTokenCount":"3","promptTokenCount":1.0}', Usage(1)),
    ],
)
def test_thoughts_are_output_and_the_cached_part_is_no_input(usage: bytes, expected: Usage) -> None:
    body = b'{"modelVersion":"m","candidates":[],"usageMetadata":%b}' % usage
    assert read(FORMAT.body, body).usage == expected
    assert read(FORMAT.events, b"data: %b\n\n" % body).usage == expected


def test_the_last_usage_is_the_usage() -> None:
    facts = read(
        FORMAT.events,
        sse(
            says({"text": "a"}, usageMetadata={"promptTokenCount": 5, "candidatesTokenCount": 1}),
            says(
                {"text": ""},
                finish="STOP",
                usageMetadata={"promptTokenCount": 5, "candidatesTokenCount": 8},
            ),
        ),
    )
    assert facts == ReplyFacts("gemini-3", "STOP", "", Usage(5, 8))


def test_what_a_call_says_is_no_fact() -> None:
    """Arguments may hold any name."""
    call = {"name": "f", "args": {"modelVersion": "x", "finishReason": "y", "error": {"code": 1}}}
    facts = read(FORMAT.events, sse(says({"functionCall": call})))
    assert facts == ReplyFacts("gemini-3", usage=Usage(5))


def test_an_array_in_place_of_a_stream_tells_nothing() -> None:
    """Without alt=sse the reply is one JSON array; it passes unread."""
    body = b"[%b\n,\r\n%b]" % (json.dumps(says({"text": "a"})).encode(), b"{}")
    assert read(FORMAT.events, body) == ReplyFacts()


def test_the_end_is_known() -> None:
    for last in (says({"text": ""}, finish="STOP"), {"promptFeedback": {"blockReason": "OTHER"}}):
        tee = FORMAT.events.tee(None, None)
        tee.feed(sse(says({"text": "a"})))
        assert not tee.ended
        tee.feed(sse(last))
        assert tee.ended


def test_the_asked_name_takes_the_place_of_every_version() -> None:
    reply = sse(says({"text": "a"}), says({"text": "modelVersion"}, finish="STOP"))
    for size in (1, 5, 1000):
        tee = FORMAT.events.tee(None, b'"asked"')
        edited = b"".join(
            tee.edit(reply[start : start + size]) for start in range(0, len(reply), size)
        )
        assert edited == reply.replace(b'"gemini-3"', b'"asked"')
        assert FORMAT.events.read(tee).model == "gemini-3"


# --- errors ---------------------------------------------------------------------------------------


def refused(status: int, **more: str) -> GatewayError:
    return GatewayError("some_kind", status, "It broke.", source="client", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (418, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_own_errors_have_googles_shape(status: int, word: str) -> None:
    payload = json.loads(error_body(refused(status), ""))
    assert payload == {"error": {"code": status, "message": "It broke.", "status": word}}


def test_an_error_names_the_field_and_the_request() -> None:
    error = json.loads(error_body(refused(400, field="contents.0", hint="Try."), "req_1"))["error"]
    assert error["message"] == "It broke. Try."
    assert error["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "contents.0", "description": "It broke. Try."}],
        },
        {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "req_1"},
    ]


def test_the_sdk_understands_an_error() -> None:
    with pytest.raises(errors.ClientError) as found:
        gemini_sdk.whole(error_body(refused(404), "req_1"), status=404)
    assert (found.value.code, found.value.status) == (404, "NOT_FOUND")
    assert found.value.message == "It broke."


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_the_sdk_understands_an_error_in_a_stream(size: int) -> None:
    """Bare JSON behind the events, as Google itself ends a stream that it cannot go on with."""
    body = sse(says({"text": "Half"})) + error_event(refused(503))
    texts = []
    with pytest.raises(errors.ServerError) as found:
        for chunk in gemini_sdk.chunks(body, size):
            texts.append(chunk.text)
    assert texts == ["Half"]
    assert (found.value.code, found.value.message) == (503, "It broke.")


def test_an_error_ends_without_a_blank_line() -> None:
    """Google's JavaScript SDK takes a read that is JSON for an error, and what stands before a
    blank line for an event: then it would skip the error."""
    written = error_event(refused(500))
    assert json.loads(written)["error"]["code"] == 500
    assert b"\n" not in written


def test_the_name_is_the_codecs() -> None:
    assert FORMAT.name == "gemini"
