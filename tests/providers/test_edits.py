"""The catalog's edits of a body: what they do, and that they do nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.providers.edits import Change, Edits, edits_for, selected
from lynkr.providers.kinds import Edit, kinds


def edit(op: str, field: str, **more: Any) -> Edit:
    return Edit(op=op, field=field, **more)  # type: ignore[arg-type]


def applied(body: bytes, *edits: Edit) -> tuple[bytes, list[Change]]:
    changes: list[Change] = []
    return Edits(edits).apply(body, changes), changes


CASES = [
    # body, edit, result (None: the same object)
    (b'{"a":1,"max_tokens":5,"z":2}', edit("rename", "max_tokens", to="limit"),
     b'{"a":1,"limit":5,"z":2}'),
    (b'{"a":1}', edit("rename", "max_tokens", to="limit"), None),
    (b'{"max_tokens":5,"limit":6}', edit("rename", "max_tokens", to="limit"), None),
    (b'{"max_tokens":5,"x":6}', edit("rename", "max_tokens", to="limit", unless="x"), None),
    (b'{"a":1,"store":false,"z":2}', edit("drop", "store"), b'{"a":1,"z":2}'),
    (b'{"store":false}', edit("drop", "store"), b"{}"),
    (b'{"a":{"store":1}}', edit("drop", "store"), None),
    (b'{"store":1,"keep":1}', edit("drop", "store", unless="keep"), None),
    (b'{"a":1}', edit("default", "v", value="x"), b'{"a":1,"v":"x"}'),
    (b"{}", edit("default", "v", value={"t": [1]}), b'{"v":{"t":[1]}}'),
    (b'{"v":null}', edit("default", "v", value="x"), None),
    (b'{"v":"y"}', edit("default", "v", value="x"), None),
    (b'{"a":1}', edit("default", "v", value="x", unless="a"), None),
    (b'{"v":"y","a":1}', edit("set", "v", value="x"), b'{"v":"x","a":1}'),
    (b'{"a":1}', edit("set", "v", value=False), b'{"a":1,"v":false}'),
    (b'{"v":"x"}', edit("set", "v", value="x"), None),
    (b'{"t":3}', edit("clamp", "t", max=1), b'{"t":1}'),
    (b'{"t":-3.5}', edit("clamp", "t", min=0.5), b'{"t":0.5}'),
    (b'{"t":0.7}', edit("clamp", "t", min=0, max=1), None),
    (b'{"t":1}', edit("clamp", "t", min=0, max=1), None),
    (b'{"t":"3"}', edit("clamp", "t", max=1), None),
    (b'{"t":true}', edit("clamp", "t", max=0), None),
    (b'{"t":null}', edit("clamp", "t", max=0), None),
    (b'{"a":9}', edit("clamp", "t", max=0), None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "change", "result"), CASES)
def test_each_edit_does_its_one_thing(body: bytes, change: Edit, result: bytes | None) -> None:
    """And says that it did; where it does not apply the very object comes back."""
    edited, changes = applied(body, change)
    if result is None:
        assert edited is body
        assert changes == []
    else:
        assert edited == result
        assert changes == [(change.op, change.field)]


def test_edits_follow_one_another() -> None:
    edited, changes = applied(
        b'{"a":1,"b":2}', edit("rename", "a", to="c"), edit("drop", "b"), edit("set", "c", value=9)
    )
    assert edited == b'{"c":9}'
    assert changes == [("rename", "a"), ("drop", "b"), ("set", "c")]


RAW = b'{ "m" : {"b":1.0,"a":"\\u00e9\\/ \xc3\xa9" , "n":1e400},\n"drop":1,"t":[ 1,2 ] }'


def test_the_bytes_of_untouched_values_stay() -> None:
    """Spaces, escapes and numbers inside a value are what a cache key or a signature is made of."""
    edited, _ = applied(RAW, edit("drop", "drop"))
    assert edited == b'{"m":{"b":1.0,"a":"\\u00e9\\/ \xc3\xa9" , "n":1e400},"t":[ 1,2 ]}'


def test_keys_with_escapes_are_known() -> None:
    edited, _ = applied(b'{"max\\u005ftokens":5,"\\"":1}', edit("rename", "max_tokens", to="limit"))
    assert edited == b'{"limit":5,"\\"":1}'


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"drop"', b'{"drop":1', b'{"drop":}', b"\xff",
     b'{"drop":1}x', b"[" * 100_000],
)  # fmt: skip
def test_a_body_that_is_no_object_is_left_to_the_provider(body: bytes) -> None:
    edited, changes = applied(body, edit("drop", "drop"), edit("default", "x", value=1))
    assert edited is body
    assert changes == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=5), st.text(max_size=3))
def test_any_object_loses_the_field_and_keeps_the_rest_in_order(
    body: dict[str, Any], field: str
) -> None:
    written = json.dumps(body).encode()
    edited, _ = applied(written, edit("drop", field))
    kept = {name: value for name, value in body.items() if name != field}
    assert list(json.loads(edited).items()) == list(kept.items())
    assert (edited is written) == (field not in body)


def test_edits_are_chosen_by_api_and_model() -> None:
    rules = [
        edit("drop", "a"),
        edit("drop", "b", api="chat"),
        edit("drop", "c", api="chat", models="gpt-5*"),
        edit("drop", "d", models="gpt-?"),
    ]
    body = b'{"a":1,"b":1,"c":1,"d":1}'

    def left(api: str, model: str) -> str:
        chosen = selected(rules, api, model)
        assert chosen is not None
        return "".join(json.loads(chosen.apply(body)))

    assert left("chat", "gpt-5.5") == "d"
    assert left("chat", "gpt-4") == "c"
    assert left("messages", "gpt-5.5") == "bcd"
    assert left("messages", "") == "bcd"
    assert selected(rules[1:], "messages", "claude") is None
    assert selected([], "chat", "gpt-5") is None


def test_the_shipped_edits_are_found_by_kind() -> None:
    assert edits_for("demo", "chat", "m") is None
    chosen = edits_for("mistral", "chat", "devstral-latest")
    assert chosen is not None
    body = b'{"model":"devstral-latest","max_completion_tokens":9,"store":false,"seed":1}'
    assert json.loads(chosen.apply(body)) == {
        "model": "devstral-latest",
        "max_tokens": 9,
        "random_seed": 1,
    }
    assert edits_for("mistral", "embeddings", "mistral-embed") is None


def test_vertex_gets_a_version_in_place_of_a_model() -> None:
    """Both its APIs want the version; only the counting one is told the model in its body."""
    body = b'{"model":"claude-opus-4-8","messages":[]}'
    calls, counts = (edits_for("vertex", api, "m") for api in ("messages", "count_tokens"))
    assert calls is not None
    assert counts is not None
    assert calls.apply(body) == b'{"messages":[],"anthropic_version":"vertex-2023-10-16"}'
    assert b'"model":"claude-opus-4-8"' in counts.apply(body)


def test_no_shipped_edit_undoes_another() -> None:
    """A second pass over an edited body changes nothing: a retry may be edited again."""
    for name, kind in kinds().items():
        fields = {edit.field: 1 for edit in kind.edits}
        body = json.dumps({**fields, "n": 1}).encode()
        for api in kind.served():
            for model in ("m", *kind.models):
                chosen = edits_for(name, api, model)
                if chosen is not None:
                    once = chosen.apply(body)
                    assert chosen.apply(once) is once, (name, api, model)
