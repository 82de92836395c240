"""Arguments that Vertex streams path by path, as the JSON text they add up to.

With ``streamFunctionCallArguments`` a call arrives as ``partialArgs``, each of which names the
place of a value, or of a piece of a string, by its JSON path:

    {"jsonPath": "$.files[0].path", "stringValue": "src/ma", "willContinue": true}

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling
"""

from __future__ import annotations

import re

from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Json

Step = str | int
_STEP = re.compile(
    r"\.(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]{1,9})\]"
    r"|\['(?P<single>(?:[^'\\]|\\.)*)'\]|\[\"(?P<double>(?:[^\"\\]|\\.)*)\"\]"
)
_ESCAPED = re.compile(r"\\(.)")


class PartialArguments:
    """One call's arguments. Values come in document order; one that comes back to an object or
    array that is closed already cannot be written any more, and raises ``ValueError``."""

    def __init__(self) -> None:
        self._path: list[Step] = []  # of the value written last; its containers are open
        self._seen: list[set[Step]] = []  # the keys written so far, per open container
        self._in_string = False

    def feed(self, pieces: list[object]) -> str:
        """The JSON text that these pieces add."""
        out: list[str] = []
        for piece in pieces:
            if not isinstance(piece, dict):
                raise ValueError("a partial argument is no object")
            self._one(piece, out)
        return "".join(out)

    def finish(self) -> str:
        """The rest of the text: all that is open is closed."""
        if not self._path:
            return "{}"
        out = ['"'] if self._in_string else []
        self._in_string = False
        self._close(0, out)
        out.append("}")
        return "".join(out)

    def _one(self, piece: Json, out: list[str]) -> None:
        path = _steps(piece.get("jsonPath"))
        text = piece.get("stringValue")
        if self._in_string and path == self._path:
            if isinstance(text, str):
                out.append(_string(text))
            if not piece.get("willContinue"):
                out.append('"')
                self._in_string = False
            return
        if text == "" and path == self._path:
            return  # the end of a string, said again
        if isinstance(text, str):
            self._move(path, out)
            out.append('"' + _string(text))
            if piece.get("willContinue"):
                self._in_string = True
            else:
                out.append('"')
            return
        for name in ("numberValue", "boolValue"):
            if piece.get(name) is not None:
                self._move(path, out)
                out.append(dumps(piece[name]).decode())
                return
        if "nullValue" in piece:
            self._move(path, out)
            out.append("null")

    def _move(self, path: list[Step], out: list[str]) -> None:
        """Close what the new value is not in, open what it is in, write its key."""
        if self._in_string:
            out.append('"')
            self._in_string = False
        if not self._path:
            if not path or not isinstance(path[0], str):
                raise ValueError("arguments are an object")
            out.append("{")
            self._seen = [set()]
            self._enter(path, 0, out)
            return
        shared = 0
        limit = min(len(path), len(self._path))
        while shared < limit and path[shared] == self._path[shared]:
            shared += 1
        if shared == limit or type(path[shared]) is not type(self._path[shared]):
            raise ValueError("a value stands where another one is")
        self._close(shared, out)
        out.append(",")
        self._enter(path, shared, out)

    def _close(self, depth: int, out: list[str]) -> None:
        """Close the containers deeper than ``depth``."""
        for at in range(len(self._path) - 1, depth, -1):
            out.append("}" if isinstance(self._path[at], str) else "]")
        del self._seen[depth + 1 :]

    def _enter(self, path: list[Step], depth: int, out: list[str]) -> None:
        for at in range(depth, len(path)):
            step = path[at]
            if at > depth:
                out.append("{" if isinstance(step, str) else "[")
                self._seen.append(set())
            seen = self._seen[at]
            if step in seen or (isinstance(step, int) and step != len(seen)):
                raise ValueError("a value comes out of order")
            seen.add(step)
            if isinstance(step, str):
                out.append(f'"{_string(step)}":')
        self._path = path


def _steps(path: object) -> list[Step]:
    if not isinstance(path, str) or path[:1] != "$":
        raise ValueError("a partial argument has no path")
    steps: list[Step] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ValueError("a path is unreadable")
        at = found.end()
        if found["index"] is not None:
            steps.append(int(found["index"]))
        elif found["name"] is not None:
            steps.append(found["name"])
        else:
            quoted = found["single"] if found["single"] is not None else found["double"]
            steps.append(_ESCAPED.sub(r"\1", quoted))
    return steps


def _string(text: str) -> str:
    """The inside of a JSON string."""
    return dumps(text).decode()[1:-1]
