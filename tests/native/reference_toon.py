"""TOON the slow way: what ``lynkr._native.toon.encode`` must agree with, from the specification.

A JSON text becomes plain Python values, in which an object is a list of pairs and a number keeps
its text; then every section of the specification is one short function.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
LIKE_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Number(str):
    """A number's text."""


class Object(list[tuple[str, Any]]):
    """An object's members."""

    def names(self) -> list[str]:
        return [key for key, _ in self]


class Writer:
    def __init__(self, delimiter: str, indent: int, as_written: bool) -> None:
        self.delimiter = delimiter
        self.indent = indent
        self.as_written = as_written
        self.lines: list[str] = []

    def line(self, depth: int, text: str) -> None:
        self.lines.append(" " * (self.indent * depth) + text)

    # Single values

    def number(self, text: str) -> str:
        if self.as_written:
            return text
        power = re.search(r"[eE][+-]?0*([0-9]*)\Z", text)
        if power and len(power.group(1)) > 15:  # Decimal cannot hold it, nor can any machine
            return text if re.match(r"-?[0.]*[1-9]", text) else "0"
        sign, digits, exponent = Decimal(text).as_tuple()
        assert isinstance(exponent, int)
        plain = "".join(map(str, digits)).lstrip("0")
        if not plain:
            return "0"
        exponent += len(plain) - len(plain.rstrip("0"))
        plain = plain.rstrip("0")
        point = len(plain) + exponent  # 0.PLAIN times ten to the power of point
        if point < -5 or point > 21:
            made = plain[0] + ("." + plain[1:] if plain[1:] else "") + f"e{point - 1:+d}"
        elif point <= 0:
            made = "0." + "0" * -point + plain
        elif point >= len(plain):
            made = plain + "0" * (point - len(plain))
        else:
            made = plain[:point] + "." + plain[point:]
        return "-" * sign + made

    def quoted(self, text: str) -> str:
        if any("\ud800" <= each <= "\udfff" for each in text):
            raise ValueError("a lone surrogate")
        return (
            '"'
            + "".join(
                ESCAPES.get(each) or (f"\\u{ord(each):04x}" if each < " " else each)
                for each in text
            )
            + '"'
        )

    def key(self, text: str) -> str:
        return text if BARE_KEY.match(text) else self.quoted(text)

    def primitive(self, value: Any) -> str:
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, Number):
            return self.number(value)
        text: str = value
        if (
            text != text.strip(" \t")
            or text in ("", "true", "false", "null")
            or LIKE_NUMBER.match(text)
            or text[0] in "-#"
            or any(each in ':"\\[]{}' + self.delimiter or each < " " for each in text)
        ):
            return self.quoted(text)
        return self.quoted(text)[1:-1]

    # Tables

    def fields(self, rows: list[Any]) -> list[Any] | None:
        """The field list as ``[key, group or None]`` pairs, or None if the rows are no table."""
        if not all(isinstance(row, Object) and row for row in rows):
            return None
        found: list[Any] = []
        for row in rows:
            same = row.names() if self.as_written else sorted(row.names())
            first = rows[0].names() if self.as_written else sorted(rows[0].names())
            if same != first:
                return None
        for key in rows[0].names():
            column = [dict(row)[key] for row in rows]
            group = None
            if any(isinstance(value, list) for value in column):
                group = self.fields(column)
                if group is None:
                    return None
            found.append((key, group))
        return found

    def field_list(self, fields: list[Any]) -> str:
        return (
            "{"
            + self.delimiter.join(
                self.key(key) + (self.field_list(group) if group else "") for key, group in fields
            )
            + "}"
        )

    def cells(self, fields: list[Any], row: Object) -> list[str]:
        made: list[str] = []
        for key, group in fields:
            value = dict(row)[key]
            made += self.cells(group, value) if group else [self.primitive(value)]
        return made

    def table(self, start: str, value: list[Any], fields: list[Any], depth: int) -> None:
        keyed = isinstance(value, Object)
        self.line_or_hyphen(
            depth, start + self.length(value, keyed) + self.field_list(fields) + ":"
        )
        for each in value:
            row = each[1] if keyed else each
            start = self.key(each[0]) + ": " if keyed else ""
            self.line(depth + 1, start + self.delimiter.join(self.cells(fields, row)))

    def length(self, value: list[Any], keyed: bool = False) -> str:
        between = "" if self.delimiter == "," else self.delimiter
        return f"[{len(value)}{':' if keyed else ''}{between}]"

    # Structure

    hyphen = False  # the next line begins an object that is a list item

    def line_or_hyphen(self, depth: int, text: str) -> None:
        if self.hyphen:
            self.hyphen = False
            self.line(depth - 1, "- " + text)
        else:
            self.line(depth, text)

    def member(self, key: str, value: Any, depth: int) -> None:
        """``key`` is written already: TOON for a key, or nothing for the root."""
        if isinstance(value, Object):
            rows = [row for _, row in value]
            fields = self.fields(rows) if len(value) > 1 else None
            if fields:
                self.table(key, value, fields, depth)
            else:
                self.line_or_hyphen(depth, key + ":")
                self.object(value, depth + 1)
        elif isinstance(value, list):
            self.array(key, value, depth)
        else:
            self.line_or_hyphen(depth, f"{key}: {self.primitive(value)}")

    def object(self, value: Object, depth: int) -> None:
        for key, inner in value:
            self.member(self.key(key), inner, depth)

    def array(self, start: str, value: list[Any], depth: int) -> None:
        fields = self.fields(value) if value else None
        if not value:
            self.line_or_hyphen(depth, f"{start}: []" if start else "[]")
        elif fields:
            self.table(start, value, fields, depth)
        else:
            self.listed(start, value, depth)

    def listed(self, start: str, value: list[Any], depth: int) -> None:
        """Values on one line, or items below it; never a table."""
        head = start + self.length(value) + ":"
        if not any(isinstance(each, list) for each in value):
            cells = self.delimiter.join(self.primitive(each) for each in value)
            self.line_or_hyphen(depth, f"{head} {cells}" if value else head)
            return
        self.line_or_hyphen(depth, head)
        for each in value:
            if isinstance(each, Object) and each:
                self.hyphen = True
                self.object(each, depth + 2)
            elif isinstance(each, Object):
                self.line(depth + 1, "-")
            elif isinstance(each, list):
                self.listed("- ", each, depth + 1)  # its items stand one level below the hyphen
            else:
                self.line(depth + 1, "- " + self.primitive(each))


def _object(pairs: list[tuple[str, Any]]) -> Object:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return Object(pairs)


def encode(
    data: bytes, *, delimiter: bytes = b",", indent: int = 2, as_written: bool = False
) -> bytes:
    value = json.loads(data, object_pairs_hook=_object, parse_int=Number, parse_float=Number)
    writer = Writer(delimiter.decode(), indent, as_written)
    if isinstance(value, Object):
        fields = writer.fields([row for _, row in value]) if len(value) > 1 else None
        if fields:
            writer.table("", value, fields, 0)
        else:
            writer.object(value, 0)
    elif isinstance(value, list):
        writer.array("", value, 0)
    else:
        writer.line(0, writer.primitive(value))
    return "\n".join(writer.lines).encode()
