"""What the environment contributes: ``.env``, ``${NAME}`` and ``LYNKR_SECTION__KEY`` overrides.

Nothing here reads ``os.environ``; the variables are an argument.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec.inspect as mi

from lynkr.config.draft import Draft, only_references
from lynkr.config.positions import KeyPath
from lynkr.config.typed import settings_type
from lynkr.errors import Problem

PREFIX = "LYNKR_"
# Read by the loader, the evaluations and the build; not settings.
OTHER_VARIABLES = {"LYNKR_CONFIG", "LYNKR_EVAL_DATA", "LYNKR_DEBUG", "LYNKR_LOG"}

_ASSIGNMENT = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*="
    r"(?:[ \t]*'(?P<literal>[^']*)'[ \t]*(?:#[^\n]*)?"
    r'|[ \t]*"(?P<quoted>(?:[^"\\]|\\.)*)"[ \t]*(?:#[^\n]*)?'
    r"|(?P<plain>(?![ \t]*[\"'])[^\n]*))(?=\n|\Z)",
    re.DOTALL,
)
_EMPTY_LINE = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")
_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def parse_dotenv(text: str) -> tuple[dict[str, str], list[int]]:
    """The variables of a ``.env`` file, and the lines that are not ``NAME=value``."""
    text = text.replace("\r\n", "\n")
    variables: dict[str, str] = {}
    misread: list[int] = []
    at = 0
    while at < len(text):
        if found := _ASSIGNMENT.match(text, at):
            if found["literal"] is not None:
                value = found["literal"]
            elif found["quoted"] is not None:
                value = _ESCAPE.sub(lambda c: _ESCAPES.get(c[1], c[1]), found["quoted"])
            else:
                value = re.sub(r"[ \t]#.*", "", found["plain"]).strip()
            variables[found["name"]] = value
            at = found.end() + 1
            continue
        if not _EMPTY_LINE.match(text, at):
            misread.append(text.count("\n", 0, at) + 1)
        end = text.find("\n", at)
        at = len(text) if end < 0 else end + 1
    return variables, misread


def with_dotenv(
    environ: Mapping[str, str], cwd: Path, notices: list[str]
) -> tuple[dict[str, str], list[Problem]]:
    """``environ`` over the variables of ``cwd/.env``, if there is one."""
    path = cwd / ".env"
    if not path.is_file():  # some people keep a virtual environment under this name
        return dict(environ), []
    try:
        variables, misread = parse_dotenv(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        return dict(environ), [
            Problem(".env", f"cannot be read: {why}", "mend or move it", "", ".env")
        ]
    notices.extend(f".env:{line}: not NAME=value, ignored" for line in misread)
    return {**variables, **environ}, []


def apply_overrides(
    draft: Draft, variables: Mapping[str, str], notices: list[str], found: set[str]
) -> None:
    """Puts every ``LYNKR_SECTION__KEY`` over the file's values."""
    for variable in sorted(variables):
        if not variable.upper().startswith(PREFIX):
            continue
        parts = variable[len(PREFIX) :].split("__")
        if len(parts) == 1:
            if variable.upper() not in OTHER_VARIABLES:
                notices.append(f"{variable} is not a setting of lynkr.{_near(variable, parts)}")
            continue
        resolved = _resolve(parts, draft.tree)
        if resolved is None:
            draft.problems.append(
                Problem(
                    variable,
                    "no such setting",
                    _near(variable, parts).strip()
                    or "two underscores separate the levels of a key",
                )
            )
            continue
        path, kind = resolved
        found.add(variable)
        draft.put(path, _parse(variables[variable], kind), variable)


def _resolve(parts: list[str], tree: object) -> tuple[KeyPath, mi.Type] | None:
    """The key that a variable names, and its type."""
    path: KeyPath = ()
    kind: mi.Type = settings_type()
    for part in parts:
        name = part.lower()
        if not name:
            return None
        if isinstance(kind, mi.StructType):
            fields = {field.encode_name: field.type for field in kind.fields}
            if name not in fields:
                return None
            kind = fields[name]
        elif isinstance(kind, mi.DictType):
            # A variable cannot say "my-local" or "X-Team"; one that is there already is meant.
            table = tree if isinstance(tree, dict) else {}
            alike = [key for key in table if key.lower().replace("-", "_") == name]
            name = name if name in table or not alike else alike[0]
            kind = kind.value_type
        else:
            return None
        path = (*path, name)
        tree = tree.get(name) if isinstance(tree, dict) else None
    return path, kind


def _parse(text: str, kind: mi.Type) -> object:
    """A variable's text as the type wanted; what is not one stays text and is reported later."""
    plain = text.strip()
    try:
        match kind:
            case mi.BoolType():
                return _BOOLEANS.get(plain.lower(), text)
            case mi.IntType():
                return int(plain)
            case mi.FloatType():
                return float(plain)
            case mi.ListType() | mi.DictType() | mi.StructType():
                return _parse_container(plain)
            case mi.UnionType() if plain.startswith("["):
                return _parse_container(plain)
    except ValueError:
        return text
    return text


def _parse_container(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return json.loads(text)


def _near(variable: str, parts: list[str]) -> str:
    known = _variables(settings_type(), PREFIX, parts)
    bare = [name for name in known if len(parts) == 1 and name.endswith(f"__{parts[0].upper()}")]
    near = bare or difflib.get_close_matches(variable.upper(), known, n=1, cutoff=0.7)
    return f" Did you mean {near[0]}?" if near else ""


def _variables(kind: mi.StructType, prefix: str, parts: list[str]) -> list[str]:
    """Every variable that names a key; a provider is called what ``parts`` calls it."""
    names: list[str] = []
    for field in kind.fields:
        name = prefix + field.encode_name.upper()
        if isinstance(field.type, mi.StructType):
            names += _variables(field.type, f"{name}__", parts)
        elif isinstance(field.type, mi.DictType) and isinstance(
            field.type.value_type, mi.StructType
        ):
            entry = parts[1].upper() if len(parts) > 1 else "NAME"
            names += _variables(field.type.value_type, f"{name}__{entry}__", parts)
        else:
            names.append(name)
    return names


def expand(draft: Draft, variables: Mapping[str, str], found: set[str]) -> dict[str, object]:
    """The draft's tree with ``${NAME}`` replaced, but not in what a variable or a flag set."""
    expanded = _expand(draft, (), draft.tree, variables, found)
    assert isinstance(expanded, dict)
    return expanded


def _expand(
    draft: Draft, path: KeyPath, value: object, variables: Mapping[str, str], found: set[str]
) -> object:
    if path in draft.origins:
        return value
    match value:
        case dict():
            return {k: _expand(draft, (*path, k), v, variables, found) for k, v in value.items()}
        case list():
            return [_expand(draft, (*path, i), v, variables, found) for i, v in enumerate(value)]
        case str() if "${" in value:
            return _expand_text(draft, path, value, variables, found)
    return value


def _expand_text(
    draft: Draft, path: KeyPath, text: str, variables: Mapping[str, str], found: set[str]
) -> str:
    # Under a misspelt name even the text around a reference may be part of a secret.
    show = only_references(text)

    def replace(reference: re.Match[str]) -> str:
        name = reference[1]
        if reference[0] == "$${":
            return "${"
        if name is None:
            draft.report(
                path,
                "${ does not begin a variable's name",
                "write ${NAME} with letters, digits and underscores, or $${ for a literal ${",
                show=show,
            )
        elif name in variables:
            found.add(name)
            return variables[name]
        else:
            draft.report(
                path,
                f"the environment variable {name} is not set",
                f"export {name}=… before starting, or put {name}=… in .env",
                show=show,
            )
        return reference[0]

    return _REFERENCE.sub(replace, text)
