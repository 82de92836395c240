"""Instances of JSON Schemas: small, valid and bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr.demo.schema import NODES_MAX, instance

CASES: list[tuple[Any, Any]] = [
    ({"type": "string"}, "lynkr demo"),
    ({}, "lynkr demo"),
    (True, "lynkr demo"),
    ({"type": "integer"}, 1),
    ({"type": "number", "minimum": 2.5}, 2.5),
    ({"type": "integer", "minimum": 2.5}, 3),
    ({"type": "integer", "maximum": -4}, -4),
    ({"type": "integer", "exclusiveMinimum": 0}, 1),
    ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, 0.25),
    ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
    ({"type": "integer", "minimum": 4, "exclusiveMinimum": True}, 5),
    ({"type": "integer", "minimum": 4, "multipleOf": 5}, 5),
    ({"type": "boolean"}, False),
    ({"type": "null"}, None),
    ({"type": ["null", "integer"]}, 1),
    ({"const": {"a": 1}}, {"a": 1}),
    ({"enum": ["x", "y"]}, "x"),
    ({"type": "string", "default": "given"}, "given"),
    ({"type": "string", "minLength": 12}, "lynkr demo.."),
    ({"type": "string", "maxLength": 5}, "lynkr"),
    ({"type": "string", "format": "date"}, "2026-01-01"),
    ({"type": "array"}, []),
    ({"type": "array", "minItems": 2, "items": {"type": "integer"}}, [1, 1]),
    ({"prefixItems": [{"type": "integer"}, {"type": "boolean"}]}, [1, False]),
    ({"type": "object", "properties": {"a": {"type": "integer"}}}, {}),
    ({"properties": {"a": {}, "b": {"type": "integer"}}, "required": ["b"]}, {"b": 1}),
    ({"type": "object", "required": ["file_path"]}, {"file_path": "README.md"}),
    (
        {"type": "object", "required": ["workdir", "URL"]},
        {"workdir": ".", "URL": "https://example.com/"},
    ),
    (
        {
            "required": ["command"],
            "properties": {"command": {"type": "array", "items": {"type": "string"}}},
        },
        {"command": ["echo", "lynkr", "demo"]},
    ),
    ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
    ({"oneOf": [{"type": "null"}]}, None),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "boolean"}}}, False),
    ({"$ref": "https://elsewhere/schema"}, "lynkr demo"),
    (
        {
            "allOf": [
                {"required": ["a"], "properties": {"a": {"type": "integer"}}},
                {"$ref": "#/$defs/more"},
            ],
            "$defs": {"more": {"required": ["b"], "properties": {"b": {"type": "null"}}}},
        },
        {"a": 1, "b": None},
    ),
]


@pytest.mark.parametrize(("schema", "made"), CASES, ids=lambda value: json.dumps(value)[:60])
def test_an_instance_is_small_and_fits(schema: Any, made: Any) -> None:
    assert instance(schema) == made


def test_a_schema_that_refers_to_itself_ends() -> None:
    node = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}}
    assert json.dumps(instance(node)).count("next") < 40


def test_a_schema_that_doubles_at_each_level_ends() -> None:
    levels = {
        f"l{n}": {
            "type": "object",
            "required": ["a", "b"],
            "properties": {key: {"$ref": f"#/$defs/l{n + 1}"} for key in ("a", "b")},
        }
        for n in range(30)
    }
    made = instance({"$ref": "#/$defs/l0", "$defs": levels})
    assert json.dumps(made).count('"a"') < NODES_MAX


def test_numbers_stay_where_json_readers_follow() -> None:
    huge = [1e308, -1e308, 2**64 - 1, -(2**63)]
    for bound in huge:
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            for kind in ("integer", "number"):
                made = instance({"type": kind, key: bound})
                assert isinstance(made, int | float)
                assert kind == "number" or abs(made) <= 2**53
