"""Whole replies of Google's dialect, and its errors: read, and written for its clients."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import errors, types
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.assembled import played
from lynkr.wire.codec import codec
from lynkr.wire.gemini.codec import CODEC, error_body, error_event
from lynkr.wire.message import (
    Failure,
    Json,
    Opaque,
    Part,
    Response,
    Seal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tests.harness.fixtures import Fixture
from tests.wire.gemini import sdk as gemini_sdk
from tests.wire.gemini.cases import BODIES, STREAMS, context, read
from tests.wire.made_json import objects, some_text

SEAL = Seal("gemini", {"thoughtSignature": "c2ln"})


def reply(*parts: object, **more: object) -> bytes:
    candidate: dict[str, object] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    return json.dumps({"candidates": [{**candidate, "finishReason": "STOP"}], **more}).encode()


def decoded(*parts: object, **more: object) -> Response:
    return CODEC.decode_response(reply(*parts, **more), context())


def written(*parts: Part, **more: Any) -> Any:
    response = Response(
        **{"id": "r", "model": "m", "parts": list(parts), "stop": Stop("end_turn"), **more}
    )
    return json.loads(CODEC.encode_response(response, context()))


# --- read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", BODIES, ids=repr)
def test_a_recorded_reply(fixture: Fixture) -> None:
    expect = fixture.expect
    if expect.status != 200:
        failure = CODEC.decode_error(expect.status, fixture.reply)
        assert failure.status == expect.status
        assert failure.message
        return
    response = CODEC.decode_response(fixture.reply, context())
    assert (response.model, response.stop.native) == (expect.model_replied, expect.stop_reason)
    assert response.usage == Usage(**expect.usage)


@pytest.mark.parametrize("fixture", BODIES, ids=repr)
def test_a_recorded_reply_comes_back(fixture: Fixture) -> None:
    """For a client of the same dialect: grounding, ratings and all."""
    if fixture.expect.status != 200:
        return
    response = CODEC.decode_response(fixture.reply, context())
    again = json.loads(CODEC.encode_response(response, context()))
    before = json.loads(fixture.reply)
    kept = {"promptTokenCount", "candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount",
            "cachedContentTokenCount"}  # fmt: skip
    usage = {name: value for name, value in before["usageMetadata"].items() if name in kept}
    assert again == {**before, "usageMetadata": usage, "modelVersion": "asked"}


def test_the_parts() -> None:
    response = decoded(
        {"text": "t", "thought": True},
        {"text": "a"},
        {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "i", "name": "g"}},
        {"codeExecutionResult": {"outcome": "OK"}},
        responseId="r1",
        modelVersion="v",
        usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 4},
        modelStatus={"x": 1},
    )
    assert response == Response(
        id="r1",
        model="v",
        parts=[
            Thinking(text="t", summary=True),
            Text(text="a"),
            Thinking(seal=SEAL),
            ToolCall(id="call_abc01", name="f", arguments='{"a":1}'),
            ToolCall(id="i", name="g", arguments="{}"),
            Opaque(
                kind="codeExecutionResult",
                value={"codeExecutionResult": {"outcome": "OK"}},
                format="gemini",
            ),
        ],
        stop=Stop("tool_use", None, "STOP"),
        usage=Usage(3, 4),
        format="gemini",
        extras={"modelStatus": {"x": 1}},
    )


def test_a_refused_prompt() -> None:
    body = b'{"promptFeedback":{"blockReason":"BLOCKLIST"},"modelVersion":"v"}'
    response = CODEC.decode_response(body, context())
    assert (response.parts, response.stop) == ([], Stop("refusal", None, "BLOCKLIST"))


def test_a_whole_reply_needs_no_reason_to_stop() -> None:
    body = b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'
    assert CODEC.decode_response(body, context()).stop == Stop("end_turn")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"7",
        b"{}",
        b'{"error":{"code":500,"message":"x"}}',
        b'{"candidates":[],"error":{"code":500,"message":"x"}}',
        b'{"candidates":[{"content":{"parts":[7]}}]}',
    ],
)
def test_what_is_no_reply(body: bytes) -> None:
    with pytest.raises(ValueError):
        CODEC.decode_response(body, context())


@pytest.mark.parametrize("fixture", STREAMS, ids=repr)
def test_a_stream_and_a_whole_reply_say_the_same(fixture: Fixture) -> None:
    """A reply that was streamed, written as one body, and that as a stream again."""
    from tests.wire.gemini.cases import assembled

    assembly = assembled(read(fixture.reply))
    if assembly.stop is None:
        return
    response = assembly.response()
    body = CODEC.encode_response(response, context())
    again = CODEC.decode_response(body, context())
    assert again.usage == response.usage
    assert again.stop == response.stop
    streamed = CODEC.stream_encoder(context()).encode(played(again))
    assert assembled(read(streamed)).response().parts == again.parts


# --- written --------------------------------------------------------------------------------------


def test_a_reply_of_another_dialect() -> None:
    seal = Seal("anthropic_messages", {"signature": "x"})
    body = written(
        Thinking(text="t", seal=seal),
        Text(text="a"),
        Text(text="no", refusal=True),
        ToolCall(id="toolu_1", name="f", arguments='{"a": 1}'),
        Opaque(kind="server_tool_use", value={"type": "server_tool_use"}),
        stop=Stop("tool_use", None, "tool_use"),
        usage=Usage(1, 2),
        extras={"container": "c"},
    )
    (candidate,) = body.pop("candidates")
    signature = candidate["content"]["parts"][1].pop("thoughtSignature")
    assert candidate == {
        "content": {
            "role": "model",
            "parts": [
                {"text": "t", "thought": True},
                {"text": "a"},
                {"text": "no"},
                {"functionCall": {"id": "toolu_1", "name": "f", "args": {"a": 1}}},
            ],
        },
        "finishReason": "STOP",
        "index": 0,
    }
    assert body == {
        "usageMetadata": {
            "promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3,
        },
        "modelVersion": "asked",
        "responseId": "r",
    }  # fmt: skip
    again = CODEC.decode_request(
        json.dumps({"contents": [{"role": "model", "parts": [
            {"text": "t", "thought": True}, {"text": "a", "thoughtSignature": signature},
        ]}]}).encode(), "m", False,
    )  # fmt: skip
    assert again.messages[0].parts[0] == Thinking(text="t", summary=True, seal=seal)


def test_hidden_thoughts_still_have_their_seal() -> None:
    response = Response(
        id="r", model="m", parts=[Thinking(text="t", seal=SEAL)], stop=Stop("max_tokens")
    )
    body = json.loads(CODEC.encode_response(response, context(thoughts=False)))
    assert body["candidates"][0]["content"]["parts"] == [{"text": "", "thoughtSignature": "c2ln"}]


def test_an_empty_reply_has_an_empty_text() -> None:
    assert written()["candidates"][0]["content"] == {"parts": [{"text": ""}], "role": "model"}


def test_a_broken_call_is_malformed() -> None:
    (candidate,) = written(ToolCall(id="i", name="f", arguments="{"), stop=Stop("tool_use"))[
        "candidates"
    ]
    assert candidate["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert candidate["content"]["parts"] == [{"text": ""}]


parts: st.SearchStrategy[Part] = st.one_of(
    some_text().map(lambda text: Text(text=text)),
    st.builds(Thinking, text=some_text(), seal=st.sampled_from([None, SEAL])),
    st.builds(
        ToolCall,
        id=st.uuids().map(str),
        name=st.just("f"),
        arguments=objects.map(lambda value: json.dumps(value)),
    ),
)


@given(st.lists(parts, max_size=5))
def test_the_sdk_reads_every_reply(parts: list[Part]) -> None:
    response = Response(id="r", model="m", parts=parts, stop=Stop("end_turn"), usage=Usage(1, 2))
    body = CODEC.encode_response(response, context())
    found = types.GenerateContentResponse.model_validate(json.loads(body))
    assert found.candidates is not None
    content = found.candidates[0].content
    assert content is not None
    assert content.parts
    said = [part for part in content.parts if part.text and not part.thought]
    assert "".join(part.text or "" for part in said) == "".join(
        part.text for part in parts if isinstance(part, Text)
    )
    calls = [part.function_call for part in content.parts if part.function_call is not None]
    assert [(call.id, call.args) for call in calls] == [
        (part.id, json.loads(part.arguments)) for part in parts if isinstance(part, ToolCall)
    ]


def test_the_sdk_takes_a_reply_over_http() -> None:
    body = CODEC.encode_response(
        Response(
            id="r", model="m", parts=[Text(text="ü")], stop=Stop("refusal"), usage=Usage(1, 2, 3)
        ),
        context(),
    )
    found = gemini_sdk.whole(body)
    assert found.text == "ü"
    assert found.candidates is not None
    assert found.candidates[0].finish_reason == types.FinishReason.SAFETY
    assert found.usage_metadata is not None
    assert found.usage_metadata.prompt_token_count == 4
    assert found.model_version == "asked"


# --- errors ---------------------------------------------------------------------------------------


def refused(code: int, status: str, message: str = "x", **more: object) -> bytes:
    return json.dumps(
        {"error": {"code": code, "message": message, "status": status, **more}}
    ).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, refused(400, "INVALID_ARGUMENT"), "invalid_request", "INVALID_ARGUMENT"),
        (400, refused(400, "FAILED_PRECONDITION"), "invalid_request", "FAILED_PRECONDITION"),
        (401, refused(401, "UNAUTHENTICATED"), "authentication", "UNAUTHENTICATED"),
        (403, refused(403, "PERMISSION_DENIED"), "permission", "PERMISSION_DENIED"),
        (404, refused(404, "NOT_FOUND"), "not_found", "NOT_FOUND"),
        (429, refused(429, "RESOURCE_EXHAUSTED"), "rate_limit", "RESOURCE_EXHAUSTED"),
        (429, b"[%b]" % refused(429, "RESOURCE_EXHAUSTED"), "rate_limit", "RESOURCE_EXHAUSTED"),
        (500, refused(500, "INTERNAL"), "api_error", "INTERNAL"),
        (503, refused(503, "UNAVAILABLE"), "overloaded", "UNAVAILABLE"),
        (504, refused(504, "DEADLINE_EXCEEDED"), "timeout", "DEADLINE_EXCEEDED"),
        (
            400,
            refused(
                400,
                "INVALID_ARGUMENT",
                "API key not valid.",
                details=[{"@type": "t", "reason": "API_KEY_INVALID"}],
            ),
            "authentication",
            "INVALID_ARGUMENT",
        ),
        (502, b"<html><title>502</title>Bad Gateway</html>", "api_error", ""),
        (500, b"", "api_error", ""),
        (500, b"[]", "api_error", ""),
        (500, b'{"error":null}', "api_error", ""),
        (500, b'{"error":{"details":[7,{"fieldViolations":[7]}]}}', "api_error", ""),
        (0, refused(429, "RESOURCE_EXHAUSTED"), "rate_limit", "RESOURCE_EXHAUSTED"),
    ],
)
def test_errors_are_understood(status: int, body: bytes, kind: str, code: str) -> None:
    failure = CODEC.decode_error(status, body)
    assert (failure.status, failure.kind, failure.code) == (status, kind, code)
    assert failure.message


@pytest.mark.parametrize(
    "message",
    [
        "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
        "Unable to submit request because the input token count is 1200293 but the model only "
        "supports up to 1048576. Reduce the input token count and try again.",
    ],
)
def test_a_prompt_that_is_too_long(message: str) -> None:
    failure = CODEC.decode_error(400, refused(400, "INVALID_ARGUMENT", message))
    assert failure.kind == "context_length"
    assert (failure.tokens, failure.tokens_max) == (1200293, 1048576)


def test_an_error_names_its_field() -> None:
    (fixture,) = [each for each in BODIES if "invalid_json" in each.name]
    failure = CODEC.decode_error(400, fixture.reply)
    assert failure.field == "contents[1].parts[0].function_call"
    again = json.loads(CODEC.encode_error(failure, ""))
    assert again["error"]["details"][0]["fieldViolations"][0]["field"] == failure.field


def failed(kind: str, **more: Any) -> Failure:
    return Failure(**{"status": 0, "kind": kind, "message": "It broke.", **more})


@pytest.mark.parametrize(
    ("failure", "code", "word"),
    [
        (failed("invalid_request"), 400, "INVALID_ARGUMENT"),
        (failed("authentication", status=401), 401, "UNAUTHENTICATED"),
        (failed("permission"), 403, "PERMISSION_DENIED"),
        (failed("not_found"), 404, "NOT_FOUND"),
        (failed("too_large"), 413, "INVALID_ARGUMENT"),
        (failed("rate_limit", code="rate_limit_error"), 429, "RESOURCE_EXHAUSTED"),
        (failed("overloaded"), 503, "UNAVAILABLE"),
        (failed("overloaded", status=529), 503, "UNAVAILABLE"),
        (failed("timeout"), 504, "DEADLINE_EXCEEDED"),
        (failed("billing", status=402), 402, "FAILED_PRECONDITION"),
        (failed("api_error"), 500, "INTERNAL"),
        (failed("api_error", status=502), 502, "INTERNAL"),
        (failed("invalid_request", status=400, code="OUT_OF_RANGE"), 400, "OUT_OF_RANGE"),
    ],
)
def test_errors_are_written(failure: Failure, code: int, word: str) -> None:
    assert json.loads(CODEC.encode_error(failure, "")) == {
        "error": {"code": code, "message": "It broke.", "status": word}
    }
    with pytest.raises(errors.APIError) as found:
        gemini_sdk.whole(CODEC.encode_error(failure, "req_1"), status=code)
    assert (found.value.status, found.value.message) == (word, "It broke.")


def test_a_prompt_that_is_too_long_in_googles_words() -> None:
    """Numbers and all, so that its clients know how much to leave out."""
    numbers = failed("context_length", status=400, tokens=200_001, tokens_max=200_000)
    written = CODEC.encode_error(numbers, "")
    assert json.loads(written)["error"]["message"] == (
        "The input token count (200001) exceeds the maximum number of tokens allowed (200000)."
    )
    again = CODEC.decode_error(400, written)
    assert (again.kind, again.tokens, again.tokens_max) == ("context_length", 200_001, 200_000)
    unknown = json.loads(CODEC.encode_error(failed("context_length"), ""))["error"]["message"]
    assert unknown.startswith("The input token count exceeds")
    assert unknown.endswith("It broke.")


@given(st.sampled_from([0, 400, 429, 500, 503]), st.binary(max_size=40))
def test_any_bytes_are_an_error(status: int, body: bytes) -> None:
    failure = CODEC.decode_error(status, body)
    assert failure.message
    assert json.loads(CODEC.encode_error(failure, "r"))["error"]["message"]


def test_the_codec_is_found_by_its_name() -> None:
    assert codec("gemini") is CODEC
    values: list[Json] = [json.loads(error_body(error(), "r")), json.loads(error_event(error()))]
    assert all(value["error"] for value in values)


def error() -> Any:
    from lynkr.errors import GatewayError

    return GatewayError("k", 500, "m", source="gateway")
