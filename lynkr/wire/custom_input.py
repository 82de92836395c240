"""The free text of a custom tool, carried as ``{"input": "..."}`` by targets that know only JSON.

``CustomInput`` takes the JSON apart as its fragments arrive, cut anywhere, and gives the text at
once. A model that answers with something else is not corrected: then the fragments themselves are
the text, as they came.
"""

from __future__ import annotations

import re

from lynkr.wire.jsontext import dumps, loads

_HEAD = re.compile(r'\s*\{\s*"input"\s*:\s*"')
# What may still become the head when more arrives.
_HEAD_BEGUN = re.compile(r'\s*(\{\s*("(i(n(p(u(t("\s*(:\s*)?)?)?)?)?)?)?)?)?')
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_PLAIN = re.compile(r'[^"\\]+')
_ESCAPES = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip


def wrapped(text: str) -> str:
    """The arguments that carry a custom tool's text."""
    return dumps({"input": text}).decode()


def input_of(arguments: str) -> str:
    """The text inside whole arguments."""
    reader = CustomInput()
    return reader.feed(arguments) + reader.finish()


class CustomInput:
    """One call's arguments, in fragments."""

    def __init__(self) -> None:
        self._held = ""  # an unfinished head or escape
        self._other: list[str] = []  # fragments of something else: ``finish`` looks at it
        self._inside = False
        self._over = False
        self._high = ""  # the first half of a surrogate pair

    def feed(self, fragment: str) -> str:
        """The text that this fragment completes."""
        if self._over:
            return ""
        if self._other:
            self._other.append(fragment)
            return ""
        text = self._held + fragment
        self._held = ""
        if not self._inside:
            head = _HEAD.match(text)
            if head is None:
                if _HEAD_BEGUN.fullmatch(text):
                    self._held = text
                else:
                    self._other.append(text)
                return ""
            self._inside = True
            text = text[head.end() :]
        return self._string(text)

    def finish(self) -> str:
        """The arguments are over: what was held back, if it was no JSON of ours."""
        if self._over:
            return ""
        held = "".join(self._other) or self._high + self._held
        self._over = True
        if self._inside:
            return held
        try:
            value = loads(held)
        except ValueError:
            return held
        if isinstance(value, dict) and isinstance(value.get("input"), str):
            return str(value["input"])
        return held

    def _string(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            plain = _PLAIN.match(text, at)
            if plain is not None:
                self._pair(out, "")
                out.append(plain.group())
                at = plain.end()
                continue
            if text[at] == '"':
                self._over = True
                break
            size = 6 if text[at + 1 : at + 2] == "u" else 2
            if at + size > len(text):
                self._held = text[at:]
                break
            escape = text[at + 1 : at + size]
            at += size
            if size == 2:
                self._pair(out, "")
                out.append(_ESCAPES.get(escape, escape))
            else:
                self._unit(out, escape[1:])
        if self._over:
            self._pair(out, "")
        return "".join(out)

    def _unit(self, out: list[str], digits: str) -> None:
        if not _HEX.fullmatch(digits):
            self._pair(out, f"\\u{digits}")
            return
        unit = chr(int(digits, 16))
        if "\ud800" <= unit <= "\udbff":
            self._pair(out, "")
            self._high = unit
        else:
            self._pair(out, unit)

    def _pair(self, out: list[str], unit: str) -> None:
        """Join a held first half with what follows it."""
        high, self._high = self._high, ""
        if high and "\udc00" <= unit <= "\udfff":
            out.append((high + unit).encode("utf-16", "surrogatepass").decode("utf-16"))
        else:
            out.append(high + unit)
