"""The whole demo: any body gets a reply, the same one each time, with errors in the dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr.demo.script import answer
from tests.demo.played import FRAMES_MAX, STREAM, ask

PATHS = [
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/embeddings",
]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

_KEY_TEXT = (
    "model messages max_tokens stream system tools tool_choice thinking stop_sequences input "
    "instructions output_config format type schema name role content text tool_result "
    "function parameters input_schema custom namespace properties required items anyOf allOf "
    "$ref const enum default minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "
    "minLength maxLength minItems response_format json_schema stop n stream_options "
    "include_usage dimensions encoding_format max_completion_tokens max_output_tokens "
    "additional_tools reasoning command path output"
)
_KEYS = _KEY_TEXT.split()
_WORD_TEXT = (
    "user assistant tool auto none required any enabled adaptive object string integer number "
    "array boolean json_object function_call_output compaction_trigger # #/properties base64"
)
_WORDS = [*_KEYS, *_WORD_TEXT.split()]
_ATOMS = st.sampled_from(
    [*_WORDS, "use the tool name", "read it", "run x", "", "data:a;base64,b"]
) | st.sampled_from([True, False, None, 0, 1, 2, -1, 0.5, 1e308, -1e308, 2**64 - 1, 5e-324])
LIKELY = st.recursive(
    _ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6)
        | st.fixed_dictionaries(
            {"type": st.sampled_from(_WORDS), "name": st.sampled_from(_KEYS), "input_schema": inner}
        )
        | st.fixed_dictionaries({"role": st.sampled_from(["user", "tool"]), "content": inner})
    ),
    max_leaves=25,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "model": st.just("m") | LIKELY,
        "max_tokens": st.integers(0, 2000) | LIKELY,
        "messages": st.lists(LIKELY, min_size=1, max_size=4) | LIKELY,
        "input": st.lists(LIKELY, max_size=4) | st.just("read it") | LIKELY,
        "stream": st.booleans(),
        "tools": st.lists(LIKELY, max_size=4) | LIKELY,
        "tool_choice": st.sampled_from(["required", "any", "none", "auto"]) | LIKELY,
        "thinking": LIKELY,
        "response_format": LIKELY,
        "output_config": LIKELY,
        "text": LIKELY,
        "stop": LIKELY,
        "stop_sequences": LIKELY,
        "n": st.integers(0, 9) | LIKELY,
        "stream_options": LIKELY,
        "dimensions": st.integers(0, 64) | LIKELY,
    },
)


def _check(path: str, body: bytes) -> None:
    reply = answer(path, body, seed="s")
    assert reply == answer(path, body, seed="s")
    assert reply.status in (200, 400)
    assert 1 <= len(reply.frames) <= FRAMES_MAX
    assert all(wait_s >= 0 and data for wait_s, data in reply.frames)
    if reply.content_type == STREAM:
        assert reply.status == 200
        return
    [(_, data)] = reply.frames
    parsed = json.loads(data)
    assert reply.status == 200 or parsed["error"]["message"]


@pytest.mark.parametrize("path", PATHS)
@given(body=st.dictionaries(st.text(), JSON))
@settings(max_examples=40, deadline=None)
def test_any_json_object_gets_a_reply(path: str, body: dict[str, Any]) -> None:
    _check(path, json.dumps(body).encode())


@pytest.mark.parametrize("path", PATHS)
@given(body=BODIES)
@settings(max_examples=150, deadline=None)
def test_any_likely_body_gets_a_reply(path: str, body: dict[str, Any]) -> None:
    _check(path, json.dumps({"model": "m", "max_tokens": 99, **body}).encode())


@pytest.mark.parametrize("path", PATHS)
@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=40, deadline=None)
def test_any_bytes_get_a_reply(path: str, body: bytes) -> None:
    _check(path, body)


@pytest.mark.parametrize("levels", [101, 1000, 2000, 100_000])
@pytest.mark.parametrize("path", PATHS)
def test_a_body_nested_too_deeply_is_refused(path: str, levels: int) -> None:
    deep = b'{"model":"m","max_tokens":1,"messages":' + b"[" * levels + b"]" * levels + b"}"
    assert answer(path, deep, seed="s").status == 400


REFUSED = [
    ("/v1/messages", b"{", "JSON"),
    ("/v1/messages", b"[]", "object"),
    ("/v1/messages", b'{"model":"m","max_tokens":9}', "messages"),
    ("/v1/messages", b'{"model":"m","max_tokens":9,"messages":[]}', "messages"),
    ("/v1/messages", b'{"max_tokens":9,"messages":[{}]}', "model"),
    ("/v1/messages", b'{"model":"m","messages":[{}]}', "max_tokens"),
    ("/v1/messages", b'{"model":"m","max_tokens":"9","messages":[{}]}', "max_tokens"),
    ("/v1/messages/count_tokens", b'{"model":"m"}', "messages"),
    ("/v1/chat/completions", b"", "JSON"),
    ("/v1/chat/completions", b'{"model":"m"}', "messages"),
    ("/v1/chat/completions", b'{"messages":[{}]}', "model"),
    ("/v1/chat/completions", b'{"model":"m","messages":[{}],"n":9}', "n"),
    ("/v1/chat/completions", b'{"model":"m","messages":[{}],"max_tokens":0}', "max_tokens"),
    ("/v1/responses", b'{"model":"m"}', "input"),
    ("/v1/responses", b'{"model":"m","input":7}', "input"),
    ("/v1/responses", b'{"input":"x"}', "model"),
    ("/v1/embeddings", b'{"model":"m"}', "input"),
    ("/v1/embeddings", b'{"model":"m","input":[]}', "input"),
    ("/v1/embeddings", b'{"model":"m","input":"x","dimensions":0}', "dimensions"),
]


@pytest.mark.parametrize(("path", "body", "named"), REFUSED)
def test_a_bad_request_is_refused_in_the_dialect(path: str, body: bytes, named: str) -> None:
    reply = answer(path, body, seed="s")
    error = json.loads(reply.frames[0][1])
    assert (reply.status, reply.content_type, len(reply.frames)) == (400, "application/json", 1)
    assert named in error["error"]["message"]
    assert error["error"]["type"] == "invalid_request_error"
    if path.startswith("/v1/messages"):
        assert error["type"] == "error"
        assert set(error["error"]) == {"type", "message"}
    else:
        assert set(error["error"]) == {"type", "message", "param", "code"}
        assert error["error"]["param"] in (named, None)


def test_an_unknown_path_is_not_found() -> None:
    openai_like = answer("/v1/nowhere", b"{}", seed="s")
    anthropic_like = answer("/v1/messages/batches", b"{}", seed="s")
    assert openai_like.status == anthropic_like.status == 404
    assert json.loads(openai_like.frames[0][1])["error"]["code"] is None
    assert json.loads(anthropic_like.frames[0][1])["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("path", PATHS[:1] + PATHS[2:4])
def test_the_seed_makes_the_ids_and_nothing_else(path: str) -> None:
    user = [{"role": "user", "content": "hello"}]
    body = {"model": "m", "max_tokens": 500, "messages": user, "input": user, "stream": True}
    first, again, other = ask(path, body), ask(path, body), ask(path, body, seed="other")
    assert first == again
    assert first != other
    assert [wait_s for wait_s, _ in first.frames] == [wait_s for wait_s, _ in other.frames]
