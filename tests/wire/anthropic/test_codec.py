"""The codec of the Messages API, as the gateway finds it."""

from __future__ import annotations

import json

from lynkr.wire.anthropic.codec import CODEC
from lynkr.wire.codec import Context, Losses, Target, codec
from lynkr.wire.events import Finish
from lynkr.wire.message import Failure
from tests.harness.fixtures import load


def test_it_is_found_by_its_name() -> None:
    assert codec("anthropic_messages") is CODEC
    assert CODEC.name == "anthropic_messages"


def test_a_call_goes_through_and_comes_back() -> None:
    """A request for an alias: the provider reads its own name, the client the one it asked for."""
    fixture = load("messages/thinking_tool_stream")
    request = CODEC.decode_request(fixture.request, "", False)
    losses = Losses()
    body = json.loads(CODEC.encode_request(request, Target(model="claude-x"), losses))
    assert body == {**json.loads(fixture.request), "model": "claude-x"}
    assert not losses.found
    context = Context(request, call_id="c", created=0, model=request.model)
    decoder, encoder = CODEC.stream_decoder(context), CODEC.stream_encoder(context)
    events = [*decoder.feed(fixture.reply), *decoder.finish()]
    assert isinstance(events[-1], Finish)
    written = encoder.encode(events)
    assert b'"model":"claude-opus-4-8"' in written
    assert written.count(b"event: content_block_start") == 2
    assert context.reply_id == "msg_01Think"


def test_errors_go_through() -> None:
    reply = load("messages/error_overloaded").reply
    failure = CODEC.decode_error(529, reply)
    assert failure == Failure(
        status=529, kind="overloaded", message="Overloaded", code="overloaded_error"
    )
    assert json.loads(CODEC.encode_error(failure, "req_1")) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": "req_1",
    }
