"""JSON in and out for translated calls, exact where the fast parsers are not.

Integers of any size survive. So do lone surrogates (``"\\ud83d"``, which JavaScript writes when it
cuts a string in the middle of an emoji): the fast parser refuses them, and the slow one takes over.
"""

from __future__ import annotations

import json
import math

import msgspec

from lynkr.wire.format import UNREADABLE

_REFUSED = UNREADABLE + (UnicodeEncodeError,)  # noqa: RUF005  # a display would not compile
_decode = msgspec.json.Decoder(object).decode
_encode = msgspec.json.Encoder().encode


def loads(data: bytes | str) -> object:
    """Decoded JSON. Raises ``ValueError``."""
    try:
        return _decode(data)
    except _REFUSED:
        try:
            return json.loads(data, parse_constant=_no_constant, parse_float=_finite)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def dumps(value: object) -> bytes:
    """Compact JSON, keys in the order given."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, separators=(",", ":")).encode()


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    """Beyond a double, Python says infinity, which nobody could write out again."""
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value
