"""Bytes that make no sense: every codec says so as it should, and never with another exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lynkr.errors import GatewayError
from lynkr.wire.events import Failed
from lynkr.wire.jsontext import DEPTH_MAX
from tests.wire import ordered
from tests.wire.dialogues import all_requests, recorded
from tests.wire.made_json import values
from tests.wire.matrix import FORMATS, target_of, the, written
from tests.wire.replies_written import answers
from tests.wire.test_matrix_replies import context

unhurried = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BITS = [b"", b"null", b"[]", b"{}", b'"x"', b"-1", b"1e999", b"true", b"\xff", b"\n\n", b"data: ",
        b'"\\ud83d"', b"\x00\x00\x00\x10"]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The same with pieces cut out, put in twice, or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 40)))
        middle = draw(st.one_of(st.sampled_from(BITS), st.just(data[at:end] * 2)))
        data = data[:at] + middle + data[end:]
    return data


def swapped(value: object, path: list[int], new: object) -> object:
    """The JSON with one value in it replaced: the one that the numbers lead to."""
    if not path:
        return new
    if isinstance(value, dict) and value:
        name = sorted(value)[path[0] % len(value)]
        return {**value, name: swapped(value[name], path[1:], new)}
    if isinstance(value, list) and value:
        at = path[0] % len(value)
        return [*value[:at], swapped(value[at], path[1:], new), *value[at + 1 :]]
    return new


paths = st.lists(st.integers(0, 9), min_size=1, max_size=7)


@st.composite
def twisted(draw: st.DrawFn, data: bytes) -> bytes:
    """Good JSON of the wrong shape, in a whole body or in every event of a stream."""
    path, new = draw(paths), draw(values)
    if data[:1] == b"{":
        return json.dumps(swapped(json.loads(data), path, new)).encode()
    frames = data.replace(b"\r\n", b"\n").split(b"\n\n")
    chosen = draw(st.integers(0, len(frames) - 1))
    head, mark, payload = frames[chosen].partition(b"data:")
    try:
        value = json.loads(payload)
    except ValueError:
        return data
    frames[chosen] = head + mark + json.dumps(swapped(value, path, new)).encode()
    return b"\n\n".join(frames)


def spoilt(bodies: list[bytes]) -> st.SearchStrategy[bytes]:
    return st.sampled_from(bodies).flatmap(lambda body: st.one_of(damaged(body), twisted(body)))


@pytest.mark.parametrize("dialect", FORMATS)
@unhurried
@given(data=st.data())
def test_a_stream_of_garbage_ends_as_a_stream(dialect: str, data: st.DataObject) -> None:
    bodies = [each.body for each in answers() if each.dialect == dialect and each.stream]
    if dialect == "bedrock":  # a twisted frame has the wrong checksum: that is damage too
        body = data.draw(st.sampled_from(bodies).flatmap(damaged))
    else:
        body = data.draw(spoilt(bodies))
    decoder = the(dialect).stream_decoder(context("openai_chat"))
    at = data.draw(st.integers(0, len(body)))
    events = [*decoder.feed(body[:at]), *decoder.feed(body[at:]), *decoder.finish()]
    ordered.check(events)
    if isinstance(events[-1], Failed):
        assert events[-1].failure.message
    for client in FORMATS:
        the(client).stream_encoder(context(client)).encode(events)


@pytest.mark.parametrize("dialect", FORMATS)
@unhurried
@given(data=st.data())
def test_a_body_of_garbage_is_a_value_error(dialect: str, data: st.DataObject) -> None:
    bodies = [each.body for each in answers() if each.dialect == dialect and not each.stream]
    bodies = bodies or [b'{"id":"x"}']
    try:
        response = the(dialect).decode_response(data.draw(spoilt(bodies)), context("openai_chat"))
    except ValueError:
        return
    for client in FORMATS:
        the(client).encode_response(response, context(client))


@pytest.mark.parametrize("dialect", FORMATS)
@unhurried
@given(data=st.data())
def test_a_request_of_garbage_is_refused_with_its_field(dialect: str, data: st.DataObject) -> None:
    bodies = [asked.body for asked in all_requests() if asked.dialect == dialect]
    try:
        request = the(dialect).decode_request(data.draw(spoilt(bodies)), "m", False)
    except GatewayError as error:
        assert (error.status, error.source) == (400, "client")
        assert error.field
        return
    target = data.draw(st.sampled_from(FORMATS))
    written(request, target_of(target), target)


SAID = [{"role": "user", "content": "go"}]


def with_schema(dialect: str, schema: object) -> object:
    """A request with one tool."""
    match dialect:
        case "anthropic_messages":
            return {"messages": SAID, "tools": [{"name": "f", "input_schema": schema}]}
        case "openai_chat":
            function = {"name": "f", "parameters": schema}
            return {"messages": SAID, "tools": [{"type": "function", "function": function}]}
        case "openai_responses":
            tool = {"type": "function", "name": "f", "parameters": schema}
            return {"input": "go", "tools": [tool]}
        case "gemini":
            declared = [{"name": "f", "parameters": schema}]
            contents = [{"role": "user", "parts": [{"text": "go"}]}]
            return {"contents": contents, "tools": [{"functionDeclarations": declared}]}
        case _:
            spec = {"toolSpec": {"name": "f", "inputSchema": {"json": schema}}}
            said = [{"role": "user", "content": [{"text": "go"}]}]
            return {"messages": said, "toolConfig": {"tools": [spec]}}


def nested(levels: int) -> object:
    schema: object = {"type": "string"}
    for _ in range(levels // 2):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize("dialect", FORMATS)
def test_what_is_nested_too_deeply_is_refused_and_all_else_is_written(dialect: str) -> None:
    body = json.dumps(with_schema(dialect, nested(DEPTH_MAX - 20))).encode()
    request = the(dialect).decode_request(body, "m", False)
    for target in FORMATS:
        assert written(request, target_of(target), target).body.count(b"properties") > 50
    for levels in (DEPTH_MAX, 800):
        body = json.dumps(with_schema(dialect, nested(levels))).encode()
        with pytest.raises(GatewayError) as raised:
            the(dialect).decode_request(body, "m", False)
        assert (raised.value.status, raised.value.field) == (400, "body")


@pytest.mark.parametrize("dialect", FORMATS)
@unhurried
@given(data=st.data(), status=st.sampled_from([0, 400, 404, 429, 500, 529]))
def test_an_error_of_garbage_is_an_error_still(
    dialect: str, data: st.DataObject, status: int
) -> None:
    errors = [each.reply for each in recorded() if each.expect.status >= 400]
    failure = the(dialect).decode_error(status, data.draw(spoilt(errors)))
    assert failure.status == status
    assert failure.message
    for client in FORMATS:
        json.loads(the(client).encode_error(failure, "req-1"))
