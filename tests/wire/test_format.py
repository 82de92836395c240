"""What is common to the dialects: captured values read without trust, and the table of routes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.apis import APIS, BY_PATH, STREAM_VERB
from lynkr.wire.format import Count, report_reader, table, text


class _Inner(msgspec.Struct, frozen=True):
    deep: Count = None
    other: Count = None


class _Report(msgspec.Struct, frozen=True):
    first: Count = None
    second: Count = None
    inner: _Inner | None = None


EMPTY = _Report()
read = report_reader(_Report, EMPTY)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (b"", ""),
        (b'""', ""),
        (b'"plain"', "plain"),
        ('"Grüß ☃"'.encode(), "Grüß ☃"),
        (b'"a\\"b\\\\\\u00e9"', 'a"b\\é'),
        (b"null", ""),
        (b"5", ""),
        (b'["a"]', ""),
        (b'{"a":1}', ""),
        (b'"\xff"', ""),
        (b'"\xff\\n"', ""),
        (b'"\\ud800"', ""),
        (b'"\\x"', ""),
        (b'"', ""),
    ],
)
def test_text_is_a_json_string_or_nothing(value: bytes | None, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        (b"", {}),
        (b"{}", {}),
        (b'{"a":{"b":[1,null]}}', {"a": {"b": [1, None]}}),
        (b"[1]", {}),
        (b'"{}"', {}),
        (b"null", {}),
        (b'{"a":', {}),
        (b'{"a":1}x', {}),
        (b"{'a':1}", {}),
    ],
)
def test_a_table_is_a_json_object_or_nothing(value: bytes | None, expected: object) -> None:
    assert table(value) == expected


UNREADABLE = {
    "not UTF-8": b'{"first":1,"x":"\xff"}',
    "cut": b'{"first":1',
    "too deep": b'{"first":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "a number of no size": b'{"first":1e999999999999999999999}',
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_value_that_cannot_be_read_is_no_error(value: bytes) -> None:
    """Whatever a provider puts in its usage or its error, the call is settled."""
    assert table(value) == {}
    assert read(value) in (EMPTY, _Report(first=1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, EMPTY),
        (b"null", EMPTY),
        (b"7", EMPTY),
        (b"[]", EMPTY),
        (b'{"first":', EMPTY),
        (b"{}", EMPTY),
        (b'{"first":0}', _Report(first=0)),
        (b'{"first":1,"second":2,"inner":{"deep":3}}', _Report(1, 2, _Inner(3))),
        (b'{"first":1,"else":"x","second":2}', _Report(1, 2)),
        (b'{"first":null,"second":2}', _Report(None, 2)),
        (b'{"first":"7","second":2}', _Report(None, 2)),
        (b'{"first":-7,"second":2}', _Report(None, 2)),
        (b'{"first":true,"second":2}', _Report(None, 2)),
        (b'{"first":7.0,"second":1e3}', _Report(7, 1000)),
        (b'{"first":7.5,"second":2}', _Report(None, 2)),
        (b'{"first":-7.0,"second":2}', _Report(None, 2)),
        (b'{"first":[7],"second":2}', _Report(None, 2)),
        (b'{"first":{"deep":7},"second":2}', _Report(None, 2)),
        (b'{"first":1,"inner":"x"}', _Report(1)),
        (b'{"first":1,"inner":null}', _Report(1)),
        (b'{"first":1,"first":2}', _Report(2)),
    ],
)
def test_a_report_keeps_what_is_a_count(value: bytes | None, expected: _Report) -> None:
    """One odd field costs only itself, and is never turned into a number it is not."""
    assert read(value) == expected


def test_a_count_beyond_64_bits_is_none() -> None:
    """No reply has so many tokens, and no log reader or ledger could hold the number."""
    assert read(b'{"first":99999999999999999999999999,"second":2}') == _Report(None, 2)


def test_a_nested_report_keeps_what_is_a_count() -> None:
    """An OpenAI input total is split by its details: losing them invents uncached input."""
    assert read(b'{"first":1,"inner":{"deep":3.0,"other":"x"}}') == _Report(1, None, _Inner(3))


@given(st.binary(max_size=60).filter(bytes.isascii))
def test_any_ascii_is_read(value: bytes) -> None:
    for given_value in (value, b"{" + value + b"}", b'"' + value + b'"'):
        assert isinstance(text(given_value), str)
        assert isinstance(table(given_value), dict)
        assert isinstance(read(given_value), _Report)


def test_each_route_is_found_by_name_and_by_path() -> None:
    assert set(APIS) == {"messages", "count_tokens", "chat", "responses", "embeddings", "gemini"}
    for name, api in APIS.items():
        assert api.name == name
        assert BY_PATH[api.path] is api
        if not api.model_in_path:
            assert api.path.startswith(b"/v1/")
            assert api.shown_path.encode() == api.path
    assert APIS["gemini"].shown_path == "/v1beta/models/{model}:generateContent"
    assert BY_PATH[STREAM_VERB] is BY_PATH[b":generateContent"] is APIS["gemini"]
    assert len(BY_PATH) == len(APIS) + 1  # the one has a path of its own for streams


@pytest.mark.parametrize("api", APIS.values(), ids=APIS.keys())
def test_each_reading_reads_an_empty_reply(api: object) -> None:
    """A reply without any fact, and one that never began, both have the empty facts."""
    route = APIS[api.name]  # type: ignore[attr-defined]
    for reading in (route.body, route.format.body, route.format.events):
        tee = reading.tee(None, None)
        tee.feed(b"data: {}\n\n" if reading.events else b"{}")
        facts = reading.read(tee)
        assert facts == type(facts)()
        assert (tee.begun, tee.ended) == (False, False)
