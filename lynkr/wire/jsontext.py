"""JSON in and out for translated calls, exact where the fast parsers are not.

What ``loads`` takes ``dumps`` can write, and whoever walks through it has stack enough: beyond
``DEPTH_MAX`` levels it is refused (protobuf's readers, Google's among them, stop at a hundred).

Integers of any size survive. So do lone surrogates (``"\\ud83d"``, which JavaScript writes when it
cuts a string in the middle of an emoji): the fast parser refuses them, and the slow one takes over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

import msgspec

from lynkr.wire.format import UNREADABLE

DEPTH_MAX = 200
_REFUSED = UNREADABLE + (UnicodeEncodeError,)  # noqa: RUF005  # a display would not compile
_decode = msgspec.json.Decoder(object).decode
_encode = msgspec.json.Encoder().encode


def loads(data: bytes | str) -> object:
    """Decoded JSON. Raises ``ValueError``."""
    try:
        value = _decode(data)
    except _REFUSED:
        try:
            value = json.loads(data, parse_constant=_no_constant, parse_float=_finite)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    if _brackets(data) > DEPTH_MAX and _is_deep(value):
        raise ValueError("nested too deeply")
    return value


def dumps(value: object) -> bytes:
    """Compact JSON, keys in the order given."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, separators=(",", ":")).encode()


def _brackets(data: bytes | str) -> int:
    """How deep it is at most."""
    if isinstance(data, str):
        return data.count("[") + data.count("{")
    return data.count(b"[") + data.count(b"{")


def _is_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(DEPTH_MAX):
        below: list[object] = []
        for each in level:
            if type(each) is dict:
                inside: Iterable[object] = each.values()
            elif type(each) is list:
                inside = each
            else:
                continue  # the outermost value may be neither
            for inner in inside:
                if type(inner) is dict or type(inner) is list:
                    below.append(inner)
        if not below:
            return False
        level = below
    return True


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    """Beyond a double, Python says infinity, which nobody could write out again."""
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value
