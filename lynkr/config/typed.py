"""Holds a draft against the settings tree: unknown keys, missing keys, wrong types.

msgspec would stop at the first; an operator wants them all. What does not fit is reported and left
out of the result, with an inert stand-in where the tree demands a value, so that the rest can still
be checked for meaning. List items keep their places, so that paths keep pointing at the right line.
"""

from __future__ import annotations

import difflib
import functools
import json
from typing import Final

import msgspec.inspect as mi

from lynkr.config.draft import Draft
from lynkr.config.positions import KeyPath
from lynkr.config.settings import Settings


class _Unfit:
    """What ``_fit`` returns for a value that has been reported."""


UNFIT: Final = _Unfit()


@functools.cache
def settings_type() -> mi.StructType:
    kind = mi.type_info(Settings)
    assert isinstance(kind, mi.StructType)
    return kind


def fit(draft: Draft, tree: dict[str, object]) -> dict[str, object]:
    """``tree`` (the draft's, with references expanded) as far as it fits the settings tree."""
    return _struct(draft, (), tree, settings_type())


def expected(kind: mi.Type) -> str:
    """A type in an operator's words."""
    match kind:
        case mi.BoolType():
            return "true or false, without quotes"
        case mi.IntType():
            return "a whole number, without quotes"
        case mi.FloatType():
            return "a number, without quotes"
        case mi.StrType():
            return "text in quotes"
        case mi.LiteralType(values=values):
            return "one of " + ", ".join(json.dumps(value) for value in values if value != "")
        case mi.ListType(item_type=mi.StructType()):
            return "a list of tables"
        case mi.ListType():
            return 'a list of texts, such as ["a", "b"]'
        case mi.UnionType(types=types):
            return ", or ".join(expected(one) for one in types)
        case mi.DictType(value_type=mi.StructType()):
            return "a table of tables"
        case mi.DictType():
            return 'a table of texts, such as { "a" = "b" }'
        case _:
            return "a table"


def nearest(name: str, known: list[str]) -> str:
    """The advice for a name that is not known."""
    near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "known here: " + ", ".join(known)


def _fit(draft: Draft, path: KeyPath, value: object, kind: mi.Type) -> object:
    match kind, value:
        case mi.StructType(), dict():
            return _struct(draft, path, value, kind)
        case mi.DictType(), dict():
            return {
                name: _stand_in_if_unfit(_fit(draft, (*path, name), item, kind.value_type), kind)
                for name, item in value.items()
            }
        case mi.ListType(), list():
            return [
                _stand_in_if_unfit(_fit(draft, (*path, index), item, kind.item_type), kind)
                for index, item in enumerate(value)
            ]
        # Text, or a list of texts: what a value looks like says which of them it is to be.
        case mi.UnionType(types=types), _:
            wanted = mi.ListType if isinstance(value, list) else mi.StrType
            one = next((one for one in types if isinstance(one, wanted)), None)
            if one is not None and isinstance(value, str | list):
                return _fit(draft, path, value, one)
        case mi.LiteralType(), str() if value in kind.values:
            return value
        case mi.StrType(), str():
            return value
        case mi.BoolType(), bool():
            return value
        # A bool is an int to Python, not to the person who wrote it.
        case mi.IntType(), int() if not isinstance(value, bool):
            return value
        case mi.FloatType(), int() | float() if not isinstance(value, bool):
            return value
    # Whatever stands where a table belongs may be a credential in the wrong place.
    is_table = isinstance(kind, mi.StructType | mi.DictType)
    draft.report(path, f"expected {expected(kind)}", _advice(kind, value), show=not is_table)
    return UNFIT


def _struct(
    draft: Draft, path: KeyPath, table: dict[str, object], kind: mi.StructType
) -> dict[str, object]:
    fields = {field.encode_name: field for field in kind.fields}
    fitted: dict[str, object] = {}
    for name, value in table.items():
        if name not in fields:
            # The value stays unseen: a misspelt api_key holds a key all the same.
            draft.report((*path, name), "unknown key", _advice_on_key(name, fields), show=False)
            continue
        result = _fit(draft, (*path, name), value, fields[name].type)
        if result is not UNFIT:
            fitted[name] = result
    for name, field in fields.items():
        if not field.required:
            continue
        if name not in table:
            draft.report((*path, name), "is missing", f"add {name} = {_example(field.type)}")
        if name not in fitted:
            fitted[name] = _stand_in(field.type)
    return fitted


def _advice_on_key(name: str, fields: dict[str, mi.Field]) -> str:
    near = nearest(name, list(fields))
    if near.startswith("did you mean"):
        return near
    owners = [
        section.encode_name
        for section in settings_type().fields
        if isinstance(section.type, mi.StructType)
        and any(field.encode_name == name for field in section.type.fields)
    ]
    return f"{name} belongs under [{owners[0]}]" if owners else near


def _advice(kind: mi.Type, value: object) -> str:
    if isinstance(kind, mi.LiteralType) and isinstance(value, str):
        near = difflib.get_close_matches(value.lower(), [str(known) for known in kind.values], n=1)
        return f'did you mean "{near[0]}"?' if near and near[0] else ""
    if isinstance(kind, mi.StrType) and isinstance(value, bool | int | float):
        return "put it in quotes"
    if isinstance(kind, mi.BoolType | mi.IntType | mi.FloatType) and isinstance(value, str):
        return "remove the quotes" if _is_number_or_bool(value) else ""
    return ""


def _is_number_or_bool(text: str) -> bool:
    return text in ("true", "false") or text.replace(".", "", 1).replace("_", "").isdecimal()


def _example(kind: mi.Type) -> str:
    return '"…"' if isinstance(kind, mi.StrType) else expected(kind)


def _stand_in_if_unfit(value: object, container: mi.DictType | mi.ListType) -> object:
    if value is not UNFIT:
        return value
    return _stand_in(
        container.value_type if isinstance(container, mi.DictType) else container.item_type
    )


def _stand_in(kind: mi.Type) -> object:
    """The emptiest value of a type. Only strings, lists and tables of these are ever demanded."""
    if isinstance(kind, mi.StructType):
        return {field.encode_name: _stand_in(field.type) for field in kind.fields if field.required}
    if isinstance(kind, mi.ListType):
        return []
    assert isinstance(kind, mi.StrType), kind
    return ""
