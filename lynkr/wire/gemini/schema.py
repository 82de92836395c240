"""Google's own kind of schema (a subset of OpenAPI 3.0) as JSON Schema, for targets of others.

Types are in capitals, ``nullable`` stands in place of the type null, and numbers of 64 bits may be
strings. https://ai.google.dev/api/caching#Schema
"""

from __future__ import annotations

from lynkr.wire.message import Json

_SNAKE = {
    "any_of": "anyOf",
    "additional_properties": "additionalProperties",
    "max_items": "maxItems",
    "max_length": "maxLength",
    "max_properties": "maxProperties",
    "min_items": "minItems",
    "min_length": "minLength",
    "min_properties": "minProperties",
    "prefix_items": "prefixItems",
    "property_ordering": "propertyOrdering",
}
_WHOLE = frozenset(
    ("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties")
)
_ONE = frozenset(("items", "additionalProperties"))
_LISTS = frozenset(("anyOf", "oneOf", "allOf", "prefixItems"))
_TABLES = frozenset(("properties", "defs", "$defs"))


def json_schema(schema: Json) -> Json:
    """The same schema in JSON Schema's words; what is already in them stays as it is."""
    found: Json = {}
    nullable = False
    for given, value in schema.items():
        name = _SNAKE.get(given, given)
        if name == "nullable" and isinstance(value, bool):
            nullable = value
        elif name == "type" and isinstance(value, str):
            if value != "TYPE_UNSPECIFIED":
                found[name] = value.lower()
        elif name in _WHOLE and isinstance(value, str) and value.isdecimal():
            found[name] = int(value)
        elif name in _ONE and isinstance(value, dict):
            found[name] = json_schema(value)
        elif name in _LISTS and isinstance(value, list):
            found[name] = [_inner(each) for each in value]
        elif name in _TABLES and isinstance(value, dict):
            found[name] = {key: _inner(each) for key, each in value.items()}
        else:
            found[name] = value
    if nullable:
        _allow_null(found)
    return found


def _inner(value: object) -> object:
    return json_schema(value) if isinstance(value, dict) else value


def _allow_null(schema: Json) -> None:
    kind, choices, values = schema.get("type"), schema.get("anyOf"), schema.get("enum")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
    elif isinstance(choices, list):
        schema["anyOf"] = [*choices, {"type": "null"}]
    if isinstance(values, list) and None not in values:
        schema["enum"] = [*values, None]
