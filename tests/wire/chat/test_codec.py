"""The Chat Completions codec as the gateway finds it: by its name, with all eight verbs."""

from __future__ import annotations

from lynkr.wire.chat.codec import CODEC
from lynkr.wire.codec import Context, codec
from lynkr.wire.message import Failure


def test_it_is_found_by_its_name() -> None:
    assert codec("openai_chat") is CODEC
    assert CODEC.name == "openai_chat"


def test_a_whole_call_of_its_own_dialect() -> None:
    """From the client's bytes to the provider's, and back, as a body and as a stream."""
    asked = CODEC.decode_request(b'{"model":"alias","messages":[]}', "", False)
    assert asked.format == CODEC.name
    context = Context(asked, call_id="x", created=7, model="alias")
    body = b'{"id":"r","choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}'
    shown = CODEC.encode_response(CODEC.decode_response(body, context), context)
    assert b'"content":"a"' in shown and b'"model":"alias"' in shown
    decoder, encoder = CODEC.stream_decoder(context), CODEC.stream_encoder(context)
    stream = b'data: {"id":"r","choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'
    out = encoder.encode(decoder.feed(stream) + decoder.finish())
    assert b'{"content":"a"}' in out and out.endswith(b"data: [DONE]\n\n")


def test_errors_pass_through_it() -> None:
    failure = CODEC.decode_error(429, b'{"error":{"message":"No.","code":"rate_limit_exceeded"}}')
    assert failure == Failure(
        status=429, kind="rate_limit", message="No.", code="rate_limit_exceeded"
    )
    assert b'"code":"rate_limit_exceeded"' in CODEC.encode_error(failure, "req_1")
