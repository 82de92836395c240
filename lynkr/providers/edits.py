"""The catalog's edits of a request body: fields of its top level renamed, dropped, set or bounded.

For providers that speak a dialect but refuse some word of it, or call it otherwise. Only the top
level is looked at, and the bytes of every value that is not touched stay the client's own: prompt
caches and signatures depend on them. A body that needs no edit is returned as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

from lynkr.providers.kinds import Edit, kinds

# Looking for a few names in a body is several times cheaper than cutting it into fields. A name
# could be written with escapes; a body that has any of ASCII letters is cut all the same.
NEEDLES_MAX = 2
_ESCAPE = b"\\u00"

Change = tuple[str, str]  # what was done, to which field as the client named it

# What decoding somebody else's bytes may raise; the last is for JSON a thousand levels deep.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_number = msgspec.json.Decoder(int | float).decode
_encode = msgspec.json.encode


class Edits:
    """The edits of one API and model, in the catalog's order, ready to be applied."""

    __slots__ = ("_needles", "_steps")

    def __init__(self, edits: Sequence[Edit]) -> None:
        # The value is encoded once: `default` and `set` write the same bytes into every body.
        self._steps = [(edit, msgspec.Raw(_encode(edit.value))) for edit in edits]
        adds = any(edit.op in ("default", "set") for edit in edits)
        needles = {_encode(edit.field) for edit in edits}
        self._needles = () if adds or len(needles) > NEEDLES_MAX else (*needles, _ESCAPE)

    def __len__(self) -> int:
        return len(self._steps)

    def apply(self, body: bytes, changes: list[Change] | None = None) -> bytes:
        """The edited body, or the same object when nothing applies or it is no JSON object.

        What was done is added to ``changes``, as in ``("drop", "store")``.
        """
        if self._needles and not any(needle in body for needle in self._needles):
            return body
        try:
            fields = _decode(body)
        except _UNREADABLE:
            return body  # the provider answers it
        done: list[Change] = []
        for edit, value in self._steps:
            if edit.unless and edit.unless in fields:
                continue
            edited = _edited(fields, edit, value)
            if edited is not None:
                fields = edited
                done.append((edit.op, edit.field))
        if not done:
            return body
        if changes is not None:
            changes += done
        pieces: list[bytes | msgspec.Raw] = []
        for name, raw in fields.items():
            pieces += (b",", _encode(name), b":", raw)
        return b"{" + b"".join(pieces[1:]) + b"}"


def _edited(
    fields: dict[str, msgspec.Raw], edit: Edit, value: msgspec.Raw
) -> dict[str, msgspec.Raw] | None:
    """The fields after one edit; ``None`` when it changes nothing. Their order stays."""
    present = edit.field in fields
    match edit.op:
        case "rename":
            # Given under both names the body is left alone: one of the two would have to be lost.
            if not present or edit.to in fields:
                return None
            return {edit.to if name == edit.field else name: raw for name, raw in fields.items()}
        case "drop":
            if not present:
                return None
            return {name: raw for name, raw in fields.items() if name != edit.field}
        case "default" if present:
            return None
        case "default" | "set":
            if present and bytes(fields[edit.field]) == bytes(value):
                return None
            return {**fields, edit.field: value}
    if not present:
        return None
    bounded = _bounded(fields[edit.field], edit.min, edit.max)
    return None if bounded is None else {**fields, edit.field: bounded}


def _bounded(raw: msgspec.Raw, low: float | None, high: float | None) -> msgspec.Raw | None:
    """The nearest allowed number; ``None`` when it is allowed already, or is no number."""
    try:
        number = _number(raw)
    except _UNREADABLE:
        return None
    if low is not None and number < low:
        return msgspec.Raw(_encode(_plain(low)))
    if high is not None and number > high:
        return msgspec.Raw(_encode(_plain(high)))
    return None


def _plain(number: float) -> float:
    """A whole number without a decimal point: token limits are integers to every API."""
    return int(number) if float(number).is_integer() else number


def selected(edits: Iterable[Edit], api: str, model: str) -> Edits | None:
    """Those of an API and model; ``None`` when there are none, which is the usual case."""
    found = [
        edit for edit in edits if edit.api in ("", api) and fnmatchcase(model, edit.models or "*")
    ]
    return Edits(found) if found else None


def edits_for(kind: str, api: str, model: str) -> Edits | None:
    """The shipped edits of a kind for an API and model."""
    return selected(kinds()[kind].edits, api, model)
