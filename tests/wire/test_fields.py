"""Decoded JSON is taken apart with the right complaint, and what nobody takes is what is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from lynkr.errors import GatewayError
from lynkr.wire.fields import Fields
from tests.wire.made_json import objects

Getter = Callable[[Fields], object]

GETTERS: dict[str, tuple[Getter, list[object], list[object], object]] = {
    # name: the getter, what it takes, what it refuses, what it gives for nothing
    "text": (lambda f: f.text("a"), ["", "x", "☃"], [1, True, [], {}], ""),
    "flag": (lambda f: f.flag("a"), [True, False], [0, 1, "true", []], None),
    "whole": (lambda f: f.whole("a"), [0, -1, 2**70], [1.5, True, "1", [], float("inf")], None),
    "number": (lambda f: f.number("a"), [0, 1.5, -2], [True, "1", []], None),
    "table": (lambda f: f.table("a"), [{}, {"b": None}], [[], "x", 1], None),
    "array": (lambda f: f.array("a"), [[], [None, 1]], [{}, "x", 1], []),
    "texts": (lambda f: f.texts("a"), [[], ["x", ""]], [["x", 1], [None], "x", {}], []),
    "inner": (lambda f: f.inner("a") and f.left, [], [[], "x", 1], None),
}


@pytest.mark.parametrize("name", GETTERS)
def test_a_getter_takes_its_own_type(name: str) -> None:
    getter, taken, _, _ = GETTERS[name]
    for value in taken:
        fields = Fields({"a": value, "b": 1})
        assert getter(fields) == value
        assert fields.rest() == {"b": 1}


@pytest.mark.parametrize("name", GETTERS)
def test_a_getter_says_what_is_wrong_and_where(name: str) -> None:
    getter, _, refused, _ = GETTERS[name]
    for value in refused:
        for at, path in (("", "a"), ("messages.0", "messages.0.a")):
            with pytest.raises(GatewayError) as caught:
                getter(Fields({"a": value}, at))
            error = caught.value
            assert (error.kind, error.status, error.source) == ("invalid_request", 400, "client")
            assert error.field == path
            assert "must be" in str(error)


@pytest.mark.parametrize("name", GETTERS)
def test_absent_and_null_are_the_same(name: str) -> None:
    getter, _, _, nothing = GETTERS[name]
    assert getter(Fields({})) == nothing
    fields = Fields({"a": None})
    assert getter(fields) == nothing
    assert fields.rest() == {}


def test_a_whole_number_may_be_written_as_a_float() -> None:
    """``1e3`` is a whole number in JSON; no client means anything else."""
    value = Fields({"a": 1e3}).whole("a")
    assert (value, type(value)) == (1000, int)


def test_a_number_keeps_its_type() -> None:
    assert repr(Fields({"a": 1}).number("a")) == "1"
    assert repr(Fields({"a": 1.0}).number("a")) == "1.0"


def test_a_needed_text() -> None:
    assert Fields({"a": ""}).needed("a") == ""
    for value in ({}, {"a": None}):
        with pytest.raises(GatewayError) as caught:
            Fields(value, "tools.1").needed("a")
        assert caught.value.field == "tools.1.a"
    with pytest.raises(GatewayError):
        Fields({"a": 1}).needed("a")


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_only_an_object_has_fields(value: object) -> None:
    with pytest.raises(GatewayError) as caught:
        Fields(value)
    assert caught.value.field == "body"
    with pytest.raises(GatewayError) as caught:
        Fields(value, "messages.0")
    assert caught.value.field == "messages.0"


@given(objects)
def test_what_is_given_is_not_changed(value: dict[str, object]) -> None:
    """The same object may be read twice: by the decoder, and by who echoes it."""
    given = {"a": 1, **value}
    fields = Fields(given)
    fields.take("a")
    assert "a" in given
    assert fields.rest() == {key: each for key, each in value.items() if key != "a"}


def test_null_of_an_unknown_field_is_kept() -> None:
    assert Fields({"x": None}).rest() == {"x": None}


def test_an_inner_object_knows_its_path() -> None:
    inner = Fields({"a": {"b": 1}}, "tools.0").inner("a")
    assert inner is not None
    with pytest.raises(GatewayError) as caught:
        inner.text("b")
    assert caught.value.field == "tools.0.a.b"
