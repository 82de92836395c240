"""Schema: one small instance of a JSON Schema, for tool inputs and for structured output.

It meets types, required properties, enums, constants, defaults, bounds, references and the first
branch of a union. It does not meet ``pattern`` or ``not``: a client's own regular expression could
run for ever. Every walk is bounded, because a schema may refer to itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from lynkr.demo.request import Fields, fields, items, text

NODES_MAX = 2_000  # values in one instance; the largest tool of a coding agent has about 40
DEPTH_MAX = 32  # levels, references included
LENGTH_MAX = 4_096  # characters; a larger minLength is not met
ITEMS_MAX = 32  # a larger minItems is not met
STEP_MIN = 1e-6  # a finer multipleOf is not met; it would overflow the division
EXACT_MAX = 2**53  # integers above this do not survive most JSON readers

SAMPLE = "lynkr demo"
HARMLESS_COMMAND = "echo lynkr demo"

_COMMAND_WORDS = frozenset({"command", "cmd", "script", "shell"})
_DIRECTORY_WORDS = frozenset({"dir", "directory", "cwd", "workdir", "folder", "root"})
_PATH_WORDS = frozenset({"path", "file", "filename", "filepath"})
_URL_WORDS = frozenset({"url", "uri", "href"})

_BY_FORMAT = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: object) -> object:
    return _Builder(schema).value(schema, "", 0)


def name_words(name: str) -> list[str]:
    """``readFile``, ``read_file`` and ``Read-File`` are all read, file."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


class _Builder:
    def __init__(self, root: object) -> None:
        self._root = root
        self._nodes_left = NODES_MAX

    def value(self, schema: object, name: str, depth: int) -> object:
        self._nodes_left -= 1
        if depth > DEPTH_MAX or self._nodes_left < 0:
            return None
        if not isinstance(schema, dict):
            return _string({}, name)
        if isinstance(schema.get("$ref"), str):
            target = fields(self._at(text(schema["$ref"])))
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            return self.value(_merged(target, rest), name, depth + 1)
        if "const" in schema:
            return schema["const"]
        if enum := items(schema.get("enum")):
            return enum[0]
        if "default" in schema:
            return schema["default"]
        if parts := items(schema.get("allOf")):
            whole = {key: value for key, value in schema.items() if key != "allOf"}
            for part in parts[:ITEMS_MAX]:
                whole = _merged(whole, self._named(fields(part)))
            return self.value(whole, name, depth + 1)
        for union in ("anyOf", "oneOf"):
            if branches := items(schema.get(union)):
                rest = {key: value for key, value in schema.items() if key != union}
                # A value shows more than the null that nearly every optional field allows.
                present = [branch for branch in branches if fields(branch).get("type") != "null"]
                branch = self._named(fields((present or branches)[0]))
                return self.value(_merged(rest, branch), name, depth + 1)
        return self._typed(schema, name, depth)

    def _typed(self, schema: Fields, name: str, depth: int) -> object:
        match _type_of(schema):
            case "object":
                properties = fields(schema.get("properties"))
                other = schema.get("additionalProperties")
                required = [key for key in items(schema.get("required")) if isinstance(key, str)]
                return {
                    key: self.value(properties.get(key, other), key, depth + 1) for key in required
                }
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return _number(schema, whole=True)
            case "number":
                return _number(schema, whole=False)
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return _string(schema, name)

    def _array(self, schema: Fields, name: str, depth: int) -> list[object]:
        one = schema.get("items")
        words = set(name_words(name))
        if words & _COMMAND_WORDS and fields(one).get("type", "string") == "string":
            return list(HARMLESS_COMMAND.split())
        first = items(schema.get("prefixItems"))[:ITEMS_MAX]
        count = min(_bound(schema, "minItems", 0), ITEMS_MAX)
        rest = [one] * (count - len(first))
        return [self.value(part, name, depth + 1) for part in [*first, *rest]]

    def _named(self, schema: Fields) -> Fields:
        """``schema``, or what it refers to, so that it can be merged with its neighbours."""
        reference = schema.get("$ref")
        return fields(self._at(reference)) if isinstance(reference, str) else schema

    def _at(self, pointer: str) -> object:
        found = self._root
        for step in pointer.removeprefix("#").split("/")[1:]:
            found = fields(found).get(step.replace("~1", "/").replace("~0", "~"))
        return found if pointer.startswith("#") else None


def _merged(first: Fields, second: Fields) -> Fields:
    return {
        **first,
        **second,
        "properties": {**fields(first.get("properties")), **fields(second.get("properties"))},
        "required": [*items(first.get("required")), *items(second.get("required"))],
    }


def _type_of(schema: Fields) -> str:
    given = schema.get("type")
    if isinstance(given, list):
        named = [kind for kind in given if isinstance(kind, str)]
        given = next((kind for kind in named if kind != "null"), "null")
    if isinstance(given, str):
        return given
    if schema.get("properties") or schema.get("required"):
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema:
        return "number"
    return "string"


def _string(schema: Fields, name: str) -> str:
    words = set(name_words(name))
    if known := _BY_FORMAT.get(text(schema.get("format"))):
        said = known
    elif words & _COMMAND_WORDS:
        said = HARMLESS_COMMAND
    elif words & _DIRECTORY_WORDS:
        said = "."
    elif words & _PATH_WORDS:
        said = "README.md"
    elif words & _URL_WORDS:
        said = _BY_FORMAT["url"]
    else:
        said = SAMPLE
    said = said.ljust(min(_bound(schema, "minLength", 0), LENGTH_MAX), ".")
    return said[: _bound(schema, "maxLength", LENGTH_MAX)]


def _bound(schema: Fields, key: str, otherwise: int) -> int:
    value = schema.get(key)
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _number(schema: Fields, *, whole: bool) -> int | float:
    """The smallest number allowed, else one, else the largest allowed."""
    low, low_open = _edge(schema, "minimum", "exclusiveMinimum", max)
    high, high_open = _edge(schema, "maximum", "exclusiveMaximum", min)
    if low is not None:
        value = low + 1 if low_open else low
        if high is not None and (value > high or (high_open and value == high)):
            value = (low + high) / 2
    elif high is not None and (high < 1 or (high_open and high == 1)):
        value = high - 1 if high_open else high
    else:
        value = 1
    value = max(-EXACT_MAX, min(EXACT_MAX, value))
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step >= STEP_MIN:
        value = math.ceil(value / step) * step
    return max(-EXACT_MAX, min(EXACT_MAX, math.ceil(value))) if whole else value


def _edge(
    schema: Fields, key: str, exclusive_key: str, stricter: Callable[[float, float], float]
) -> tuple[float | None, bool]:
    """The bound on one side, and whether the bound itself is left out."""
    edge, exclusive = _real(schema.get(key)), schema.get(exclusive_key)
    if exclusive is True:  # in draft 4 it is a flag on the other; since then a bound of its own
        return edge, True
    open_edge = _real(exclusive)
    if open_edge is None or (edge is not None and stricter(edge, open_edge) != open_edge):
        return edge, False
    return open_edge, True


def _real(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
