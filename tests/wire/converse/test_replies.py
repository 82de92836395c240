"""Whole replies and errors of Converse, read, and written so that boto3 reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped, unused-ignore]

from lynkr.wire.codec import Context
from lynkr.wire.converse.codec import CODEC
from lynkr.wire.message import (
    Failure,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Request,
    Response,
    Seal,
    Stop,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from lynkr.wire.seals import seal_text
from tests.wire import sdk_replies

REPLY: dict[str, Any] = {
    "metrics": {"latencyMs": 3636},
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "EqQI"}}},
                {"reasoningContent": {"redactedContent": "RXRNRg=="}},
                {"text": "I look.\n"},
                {
                    "toolUse": {
                        "toolUseId": "tooluse_1",
                        "name": "ls",
                        "input": {"path": "/", "n": 12345678901234567890},
                        "type": "tool_use",
                    }
                },
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": {
        "cacheReadInputTokenCount": 7,
        "cacheReadInputTokens": 7,
        "cacheWriteInputTokens": 11,
        "inputTokens": 92,
        "outputTokens": 198,
        "serverToolUsage": {},
        "totalTokens": 308,
    },
}


def context(call_id: str = "c") -> Context:
    request = Request(format="bedrock", model="asked", messages=[])
    return Context(request, call_id=call_id, created=1, model="asked")


def read(reply: object) -> Response:
    return CODEC.decode_response(json.dumps(reply).encode(), context())


def with_(content: list[object], **fields: object) -> dict[str, object]:
    return {**REPLY, "output": {"message": {"role": "assistant", "content": content}}, **fields}


def test_a_reply_is_read() -> None:
    """What Bedrock sent in April 2026, shortened."""
    assert read(REPLY) == Response(
        id="msg_c01",
        model="asked",
        parts=[
            Thinking(text="Hm.", seal=Seal("anthropic_messages", {"signature": "EqQI"})),
            Thinking(seal=Seal("anthropic_messages", {"data": "EtMF"})),
            Text(text="I look.\n"),
            ToolCall(id="tooluse_1", name="ls", arguments='{"path":"/","n":12345678901234567890}'),
        ],
        stop=Stop("tool_use", None, "tool_use"),
        usage=Usage(92, 198, 7, 11),
        format="bedrock",
        extras={"metrics": {"latencyMs": 3636}},
    )


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        (None, Usage()),
        ({}, Usage()),
        ({"inputTokens": 66, "outputTokens": 45, "totalTokens": 111}, Usage(66, 45)),
        (
            {"inputTokens": None, "outputTokens": "x", "cacheReadInputTokens": 0},
            Usage(None, None, 0),
        ),
        ("no", Usage()),
    ],
)
def test_usage_is_what_was_said_and_no_more(usage: object, found: Usage) -> None:
    assert read(with_([], usage=usage)).usage == found


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("guardrail_intervened", "refusal"),
        ("content_filtered", "refusal"),
        ("model_context_window_exceeded", "context_window"),
        ("malformed_tool_use", "other"),
        ("tomorrow", "other"),
        (None, "other"),
    ],
)
def test_reasons_to_stop(word: object, reason: StopReason) -> None:
    stop = read(with_([{"text": "x"}], stopReason=word)).stop
    assert (stop.reason, stop.native) == (reason, word or "")


def test_calls_are_to_be_answered_whatever_the_reason_says() -> None:
    call = {"toolUse": {"toolUseId": "1", "name": "ls", "input": {}}}
    assert read(with_([call], stopReason="end_turn")).stop.reason == "tool_use"
    assert read(with_([call], stopReason="max_tokens")).stop.reason == "max_tokens"


def test_the_stop_sequence_is_told_to_those_who_asked_for_it() -> None:
    reply = with_(
        [], stopReason="stop_sequence", additionalModelResponseFields={"stop_sequence": "END"}
    )
    assert read(reply).stop == Stop("stop_sequence", "END", "stop_sequence")


def test_what_real_servers_leave_out_is_tolerated() -> None:
    response = read(
        {"output": {"message": {"content": [{"toolUse": {"name": "ls"}}, {"new": {"a": 1}}]}}}
    )
    assert response.parts == [
        ToolCall(id="call_c01", name="ls", arguments="{}"),
        Opaque(kind="new", value={"new": {"a": 1}}, format="bedrock"),
    ]
    assert (response.stop.reason, response.usage) == ("tool_use", Usage())


def test_tools_that_bedrock_ran_are_not_the_clients_to_run() -> None:
    ran: Json = {"toolUse": {"toolUseId": "1", "name": "x", "input": {}, "type": "server_tool_use"}}
    response = read(with_([ran, {"text": "done"}], stopReason="end_turn"))
    assert response.parts == [
        Opaque(kind="server_tool_use", value=ran, format="bedrock"),
        Text(text="done"),
    ]
    assert response.stop.reason == "end_turn"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"output":{}}',
        b'{"output":{"message":{"content":"x"}}}',
        b'{"output":{"message":{"content":[1]}}}',
        b'{"output":{"message":{"content":[{"text":1}]}}}',
        b'{"output":{"message":{"content":[{"toolUse":{"toolUseId":"1"}}]}}}',
    ],
)
def test_what_is_no_reply_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        CODEC.decode_response(body, context())


# --- written --------------------------------------------------------------------------------------


def response(*parts: Part, **fields: Any) -> Response:
    return Response(
        **{"id": "1", "model": "m", "parts": list(parts), "stop": Stop("end_turn"), **fields}
    )


def test_boto3_reads_what_is_written() -> None:
    foreign = Seal("gemini", {"thoughtSignature": "x"})
    body = CODEC.encode_response(
        response(
            Thinking(text="Hm.", seal=Seal("anthropic_messages", {"signature": "EqQI"})),
            Thinking(text="So", seal=foreign),
            Thinking(seal=foreign),
            Thinking(seal=Seal("anthropic_messages", {"data": "EtMF"})),
            Text(text="zwölf 👋"),
            ToolCall(id="c1", name="ls", arguments='{"a":[1,2.5,null]}'),
            ToolCall(id="c2", name="ls", arguments=""),
            stop=Stop("tool_use"),
            usage=Usage(1, 2, 3, 4, 2),
        ),
        context(),
    )
    reply = sdk_replies.read("bedrock", body, stream=False)
    assert reply.text == "zwölf 👋"
    assert reply.thinking == "Hm.So"
    assert reply.seals == ["EqQI", seal_text(foreign), seal_text(foreign), "EtMF"]
    assert reply.calls == [
        sdk_replies.Call("c1", "ls", {"a": [1, 2.5, None]}),
        sdk_replies.Call("c2", "ls", {}),
    ]
    assert (reply.stop, reply.usage) == ("tool_use", Usage(1, 2, 3, 4))
    assert json.loads(body)["usage"]["totalTokens"] == 10


def test_seals_that_travelled_through_a_client_are_found_again() -> None:
    """As text they go out and come back; the next request has the very same seals."""
    seals = [Seal("openai_responses", {"id": "rs_1", "summary": []}), Seal("gemini", {"a": "ü"})]
    sent = CODEC.encode_response(
        response(Thinking(text="a", seal=seals[0]), Thinking(seal=seals[1])), context()
    )
    history = {"messages": [json.loads(sent)["output"]["message"]]}
    request = CODEC.decode_request(json.dumps(history).encode(), "m", False)
    assert request.messages == [
        Message(
            role="assistant", parts=[Thinking(text="a", seal=seals[0]), Thinking(seal=seals[1])]
        )
    ]


def test_sources_of_the_text_are_kept() -> None:
    cited: Json = {"citationsContent": {"content": [{"text": "so"}], "citations": [{"title": "t"}]}}
    found = read(with_([cited]))
    assert found.parts == [Text(text="so", extras=cited)]
    written = json.loads(CODEC.encode_response(found, context()))
    assert written["output"]["message"]["content"] == [cited]


def test_a_reply_of_bedrock_comes_back_as_it_was() -> None:
    written = json.loads(CODEC.encode_response(read(REPLY), context()))
    expected = json.loads(json.dumps(REPLY))
    del expected["output"]["message"]["content"][3]["toolUse"]["type"]
    for name in ("serverToolUsage", "cacheReadInputTokenCount"):
        del expected["usage"][name]
    assert written == expected


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Stop("end_turn", None, "stop"), "end_turn"),
        (Stop("refusal"), "content_filtered"),
        (Stop("refusal", None, "guardrail_intervened"), "guardrail_intervened"),
        (Stop("refusal", None, "refusal"), "content_filtered"),
        (Stop("context_window"), "model_context_window_exceeded"),
        (Stop("pause_turn"), "end_turn"),
        (Stop("other", None, "weird"), "end_turn"),
        (Stop("tool_use", None, "end_turn"), "tool_use"),
        (Stop("max_tokens", None, "length"), "max_tokens"),
    ],
)
def test_reasons_in_converses_words(stop: Stop, word: str) -> None:
    written = json.loads(CODEC.encode_response(response(stop=stop), context()))
    assert written["stopReason"] == word


def test_what_is_not_of_this_dialect_is_not_made_up() -> None:
    written = json.loads(
        CODEC.encode_response(
            response(
                Text(text="a", extras={"annotations": [1]}),
                ToolCall(id="1", name="n", arguments="{", extras={"caller": 1}),
                Image(url="https://x"),
                Opaque(kind="web_search_call", value={"type": "web_search_call", "id": "w"}),
                Opaque(kind="new", value={"new": {}}),
                extras={"system_fingerprint": "fp", "trace": {}},
            ),
            context(),
        )
    )
    assert written["output"]["message"]["content"] == [
        {"text": "a"},
        {"toolUse": {"toolUseId": "1", "name": "n", "input": {"input": "{"}}},
    ]
    assert sorted(written) == ["output", "stopReason", "usage"]
    assert written["usage"] == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


# --- errors ---------------------------------------------------------------------------------------

LONG = "The model returned the following errors: "


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, {"message": "Bad."}, ("invalid_request", "", None, None)),
        (
            400,
            {"__type": "com.amazon.coral#ValidationException:http://x", "message": "Bad."},
            ("invalid_request", "ValidationException", None, None),
        ),
        (
            400,
            {"message": "Input is too long for requested model."},
            ("context_length", "", None, None),
        ),
        (
            400,
            {"message": LONG + "prompt is too long: 200049 tokens > 200000 maximum"},
            ("context_length", "", 200049, 200000),
        ),
        (
            400,
            {
                "message": "input length and `max_tokens` exceed context limit: "
                "198000 + 21333 > 200000, decrease input length or `max_tokens` and try again"
            },
            ("context_length", "", 219333, 200000),
        ),
        (
            400,
            {"message": "This model's maximum context length is 8192 tokens. You requested 9,000"},
            ("context_length", "", 9000, 8192),
        ),
        (
            400,
            {"message": "The maximum tokens you requested exceeds the model limit of 8192."},
            ("invalid_request", "", None, None),
        ),
        (403, {"message": "You are not authorized."}, ("permission", "", None, None)),
        (
            403,
            {"message": "The security token included in the request is invalid."},
            ("authentication", "", None, None),
        ),
        (403, {"Message": "Signature expired: now"}, ("authentication", "", None, None)),
        (
            403,
            {"__type": "ExpiredTokenException"},
            ("authentication", "ExpiredTokenException", None, None),
        ),
        (404, {"message": "No such model."}, ("not_found", "", None, None)),
        (408, {"message": "Slow."}, ("timeout", "", None, None)),
        (413, {"message": "Big."}, ("too_large", "", None, None)),
        (424, {"message": "The model failed."}, ("api_error", "", None, None)),
        (
            429,
            {"__type": "ThrottlingException", "message": "Too many tokens, please wait."},
            ("rate_limit", "ThrottlingException", None, None),
        ),
        (
            429,
            {"__type": "ModelNotReadyException", "message": "Wait."},
            ("overloaded", "ModelNotReadyException", None, None),
        ),
        (500, {"message": "Oh."}, ("api_error", "", None, None)),
        (
            503,
            {"message": "Bedrock is unable to process your request."},
            ("overloaded", "", None, None),
        ),
        (504, None, ("timeout", "", None, None)),
        (418, {}, ("invalid_request", "", None, None)),
    ],
)
def test_errors_are_understood(
    status: int, body: object, failure: tuple[str, str, int | None, int | None]
) -> None:
    found = CODEC.decode_error(status, json.dumps(body).encode())
    assert (found.kind, found.code, found.tokens, found.tokens_max) == failure
    assert found.status == status
    assert found.message


def test_a_limit_that_was_asked_too_high_is_no_long_prompt() -> None:
    """Compaction would not help; the field says what would."""
    body = b'{"message":"The maximum tokens you requested exceeds the model limit of 8192."}'
    assert CODEC.decode_error(400, body).field == "inferenceConfig.maxTokens"


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"\xff\x00", b"[1]", b'"x"', b"null"])
def test_an_error_that_is_none_of_bedrocks_is_still_one(body: bytes) -> None:
    failure = CODEC.decode_error(502, body)
    assert (failure.kind, failure.status) == ("api_error", 502)
    assert failure.message


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (Failure(status=429, kind="rate_limit", message="Slow down."), "ThrottlingException"),
        (
            Failure(status=429, kind="overloaded", message="x", code="ModelNotReadyException"),
            "ModelNotReadyException",
        ),
        (Failure(status=400, kind="context_length", message="x"), "ValidationException"),
        (Failure(status=402, kind="billing", message="x"), "ValidationException"),
        (
            Failure(status=500, kind="api_error", message="x", code="boom"),
            "InternalServerException",
        ),
        (Failure(status=404, kind="not_found", message="x"), "ResourceNotFoundException"),
    ],
)
def test_boto3_raises_the_error_by_its_name(failure: Failure, name: str) -> None:
    error = sdk_replies.refused("bedrock", failure.status, CODEC.encode_error(failure, "r"))
    assert isinstance(error, ClientError)
    assert error.response["Error"] == {"Message": failure.message, "Code": name}
    assert type(error).__name__ == name
    again = CODEC.decode_error(failure.status, CODEC.encode_error(failure, "r"))
    assert again.message == failure.message
