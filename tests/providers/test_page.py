"""docs/providers.md says of each kind what the catalog says, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lynkr.config.loader import load
from lynkr.providers.catalog import check, kinds
from lynkr.providers.kinds import CAPABILITIES
from lynkr.providers.models import own_models

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
KEYS = {name: name.lower() for name in re.findall(r"\$\{(\w+)\}", PAGE)}


def rows(heading: str) -> dict[str, list[str]]:
    """The first table below a heading, by its first cell."""
    section = PAGE.partition(f"\n{heading}\n")[2]
    table = section[section.index("\n|") + 1 :].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    return {row[0]: row for row in cells[2:]}


def test_each_kind_has_its_row_in_the_catalogs_order() -> None:
    assert list(rows("## Kinds")) == [f"`{name}`" for name in kinds()]


@pytest.mark.parametrize("name", sorted(kinds()))
def test_a_row_says_what_the_catalog_says(name: str) -> None:
    kind = kinds()[name]
    _, address, apis, header, variables, _ = rows("## Kinds")[f"`{name}`"]
    assert address == (f"`{kind.base_url}`" if kind.base_url else "yours")
    assert apis == ", ".join(kind.served())
    assert f"`{kind.auth.header}`" in header
    assert ("Bearer" in header) == (kind.auth.prefix == "Bearer ")
    assert (kind.auth.scheme in header) == (kind.auth.scheme != "header")
    assert re.findall(r"`(\w+)`", variables) == kind.key_env


def test_each_capability_is_explained_once() -> None:
    words = [word for row in rows("### Capabilities") for word in re.findall(r"`(\w+)`", row)]
    assert sorted(words) == sorted(CAPABILITIES)


@pytest.mark.parametrize("example", [text for text in EXAMPLES if not text.startswith("# models")])
def test_an_example_is_a_configuration_that_works(example: str, tmp_path: Path) -> None:
    (tmp_path / "lynkr.toml").write_text(
        example.replace('models_file = "models.toml"', 'models_file = ""'), "utf-8"
    )
    environ = {**KEYS, "ANTHROPIC_API_KEY": "k"}
    loaded = load(None, environ, tmp_path)
    assert loaded.notices == []
    assert check(loaded.settings, loaded.environ) == []


def test_the_example_of_a_models_file_can_be_read(tmp_path: Path) -> None:
    (example,) = (text for text in EXAMPLES if text.startswith("# models"))
    (tmp_path / "models.toml").write_text(example, "utf-8")
    own = own_models(str(tmp_path / "models.toml"))
    assert set(own) == {"anthropic", "ollama", "openai-compatible"}
