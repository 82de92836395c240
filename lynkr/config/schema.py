"""The JSON Schema of ``lynkr.toml``, for editors that complete and check TOML as it is typed."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path
from typing import Any

import msgspec

from lynkr.config import settings

TITLE = "lynkr.toml"
DESCRIPTION = (
    "Configuration of the lynkr gateway. Text values may refer to environment variables as ${NAME}."
)


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. Each key is described by the comment beside its field in ``settings``."""
    schema = msgspec.json.schema(settings.Settings)
    comments = field_comments(Path(settings.__file__).read_text("utf-8"))
    for name, definition in schema["$defs"].items():
        for key, described in definition["properties"].items():
            if (name, key) in comments:
                described["description"] = comments[name, key]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "description": DESCRIPTION,
        **schema,
    }


def schema_text() -> str:
    """The schema as it is printed and committed."""
    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode() + "\n"


def field_comments(source: str) -> dict[tuple[str, str], str]:
    """The comment at the end of each ``field: type`` line, by class and field."""
    comments: dict[tuple[str, str], str] = {}
    owner = field = ""
    line: list[str] = []  # the first tokens of the logical line
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and field:
            comments[owner, field] = token.string.lstrip("# ")
        elif token.type == tokenize.NEWLINE:
            line, field = [], ""
        elif token.type in (tokenize.NAME, tokenize.OP) and len(line) < 2:
            line.append(token.string)
            if len(line) == 2 and line[0] == "class":
                owner = line[1]
            elif len(line) == 2 and line[1] == ":" and owner:
                field = line[0]
    return comments
