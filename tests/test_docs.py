"""The documentation names everything there is, with the values it really has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec.inspect as mi
import pytest
import typer.main
from typer.core import TyperGroup

from lynkr.cli.main import app
from lynkr.cli.reference import reference
from lynkr.config.schema import field_comments, json_schema, schema_text
from lynkr.config.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"


def fields(kind: mi.Type, prefix: str) -> list[tuple[str, str]]:
    """Every key below a table, as the documentation writes it, with its default as TOML."""
    if isinstance(kind, mi.DictType):
        return fields(kind.value_type, f"{prefix}.NAME")
    if isinstance(kind, mi.ListType):
        return fields(kind.item_type, f"{prefix}[]")
    found = []
    for field in kind.fields if isinstance(kind, mi.StructType) else ():
        name = f"{prefix}.{field.encode_name}".lstrip(".")
        is_table = isinstance(field.type, mi.StructType) or name == "providers"
        if not is_table:
            found.append((name, default_of(field)))
        found += fields(field.type, name)
    return found


def default_of(field: mi.Field) -> str:
    if field.required:
        return "required"
    factory = field.default_factory
    value = factory() if callable(factory) else field.default
    return f"`{json.dumps(value)}`"


ALL_FIELDS = fields(mi.type_info(Settings), "")


def documented() -> dict[str, str]:
    """Key and default of every table row in configuration.md."""
    text = (DOCS / "configuration.md").read_text("utf-8")
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, re.MULTILINE))


@pytest.mark.parametrize(("name", "default"), ALL_FIELDS)
def test_each_setting_is_documented_with_its_default(name: str, default: str) -> None:
    """A setting that is added or whose default changes fails the build until the page says so."""
    assert documented().get(name) == default


def test_no_setting_is_documented_that_does_not_exist() -> None:
    """A setting that was removed or renamed leaves no trace on the page."""
    assert set(documented()) == {name for name, _ in ALL_FIELDS}


def test_the_walk_sees_every_level() -> None:
    """The two tests above would pass over nothing if the walk found nothing."""
    names = {name for name, _ in ALL_FIELDS}
    assert {"server.port", "providers.NAME.kind", "auth.keys", "auth.keys[].digest"} <= names


def test_command_reference_is_current() -> None:
    """docs/cli.md is what `lynkr cli-reference` prints: every command and flag with its help."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    text = reference(command)
    assert (DOCS / "cli.md").read_text("utf-8") == text, "run: lynkr cli-reference > docs/cli.md"
    for line in ("## lynkr serve", "## lynkr keys new", "--workers", "--demo", "--json"):
        assert line in text


def test_schema_is_current() -> None:
    """The committed schema is what `lynkr config-schema` prints."""
    committed = (DOCS / "lynkr.schema.json").read_text("utf-8")
    assert committed == schema_text(), "run: make docs"


def test_schema_describes_keys_by_the_comments_beside_them() -> None:
    """An editor shows the same reason for a default that the source gives."""
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "lynkr.toml"
    port = schema["$defs"]["Server"]["properties"]["port"]
    assert port["description"] == "0 asks the system for a free one"
    assert port["type"] == "integer"


def test_field_comments_are_read_from_any_layout() -> None:
    """A formatter may wrap a default in brackets; the comment still belongs to its field."""
    source = (
        "limit: int = 1  # not in a class\n"
        "class Table(Section):  # of the class\n"
        '    """Words: with # signs."""\n'
        "    plain: int = 1  # the plain one\n"
        "    bare: int = 2\n"
        "    wrapped: list[\n"
        "        str\n"
        "    ] = []  # the wrapped one\n"
    )
    assert field_comments(source) == {
        ("Table", "plain"): "the plain one",
        ("Table", "wrapped"): "the wrapped one",
    }
