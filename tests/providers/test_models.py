"""What is known of models: how an id finds its entry, and what the shipped entries must keep."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path

import msgspec
import pytest

from lynkr.providers import models
from lynkr.providers.catalog import kinds
from lynkr.providers.kinds import CAPABILITIES
from lynkr.providers.models import ModelFacts, Prices, Section, all_facts, facts, own_models

TEXT = resources.files("lynkr.providers").joinpath("models.toml").read_text("utf-8")
SHIPPED = msgspec.convert(tomllib.loads(TEXT), dict[str, Section])
ENTRIES = [(kind, name) for kind, section in SHIPPED.items() for name in section.models]


def known(kind: str, model: str) -> ModelFacts:
    found = facts(kind, model)
    assert found is not None
    return found


def charged(found: ModelFacts) -> tuple[float | None, float | None]:
    return (found.prices.input, found.prices.output) if found.prices else (None, None)


# --- the shipped file -----------------------------------------------------------------------------


def test_the_file_can_be_read_kind_by_kind() -> None:
    """It is cut at its tables, so that a gateway parses only the kinds that it has."""
    texts = models._texts()
    assert list(texts) == list(SHIPPED)
    for kind, text in texts.items():
        assert msgspec.convert(tomllib.loads(text)[kind], Section) == SHIPPED[kind]


def test_its_kinds_are_the_catalogs() -> None:
    assert set(SHIPPED) <= set(kinds())
    for section in SHIPPED.values():
        assert set(section.like) | set(section.like_unpriced) <= set(SHIPPED)
        assert re.match(r"20\d\d-\d\d-\d\d, \S+", section.checked)
        assert section.source
        assert all(factor >= 1 for factor in section.prefixes.values())


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_an_entry_is_sound(kind: str, name: str) -> None:
    """Prices that could not be, and words that no encoder asks for, are mistakes of the hand."""
    entry = SHIPPED[kind].models[name]
    assert entry.capabilities is not None
    assert set(entry.capabilities) <= CAPABILITIES
    assert len(set(entry.capabilities)) == len(entry.capabilities)
    found = known(kind, name.removesuffix("*") if name.endswith("*") else name)
    assert found.id == name
    assert re.match(r"20\d\d-\d\d-\d\d, \S+", found.checked)
    assert found.source
    assert re.fullmatch(r"|20\d\d-\d\d-\d\d", found.retires)
    for count in (entry.context_window, entry.output_tokens_max, entry.cache_tokens_min):
        assert count is None or 64 <= count <= 20_000_000
    if entry.prices is not None:
        prices = entry.prices
        assert prices.input is not None
        assert 0 <= prices.input <= (prices.output or prices.input) <= 1000
        assert (prices.cache_read or 0) <= prices.input
        assert prices.cache_write is None or prices.cache_write >= prices.input
        assert (prices.cache_write_1h or 1e9) >= (prices.cache_write or 0)
        assert (prices.threshold is None) == (prices.input_above is None)
        assert (prices.input_above or 1e9) > prices.input
    if name.endswith("*"):
        assert entry.prices is None  # a guess at a price is worse than none


def test_wildcards_say_what_they_are() -> None:
    """What is assumed of a name that is not listed does not pass for a fact."""
    for kind, name in ENTRIES:
        entry = SHIPPED[kind].models[name]
        assert name.endswith("*") == (entry.checked is not None)


# --- from an id to its entry ----------------------------------------------------------------------

FOUND = [
    # kind, asked for -> entry, input, output
    ("anthropic", "claude-opus-4-8", "claude-opus-4-8", 5, 25),
    ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5", 1, 5),
    ("anthropic", "claude-opus-4-8[1m]", "claude-opus-4-8", 5, 25),
    ("anthropic", "claude-opus-5-5", "claude-opus-5-5", 4, 20),
    ("anthropic", "claude-opus-5", "claude-opus-5", 5, 25),
    ("anthropic", "claude-opus-7", "claude-*", None, None),
    ("anthropic", "claude-3-5-haiku-20241022", "claude-3*", None, None),
    ("openai", "gpt-5.5-2026-04-23", "gpt-5.5", 5, 30),
    ("openai", "gpt-5-mini", "gpt-5-mini", 0.25, 2),
    ("openai", "gpt-5.4-nano-2026-03-17", "gpt-5.4-nano", 0.2, 1.25),
    ("openai", "gpt-6", "gpt-*", None, None),
    ("openai", "gpt-4-turbo", "gpt-4*", None, None),
    ("gemini", "gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash", 0.3, 2.5),
    ("vertex", "gemini-2.5-pro", "gemini-2.5-pro", 1.25, 10),
    ("vertex", "claude-haiku-4-5@20251001", "claude-haiku-4-5", 1, 5),
    ("vertex", "claude-opus-4-8@default", "claude-opus-4-8", 5, 25),
    ("azure-anthropic", "claude-opus-4-8", "claude-opus-4-8", 5, 25),
    ("azure-openai", "gpt-5.5", "gpt-5.5", 5, 30),
    ("azure-openai", "our-deployment", "*", None, None),
    ("azure-openai-deployments", "gpt-4o", "gpt-4o", 2.5, 10),
    ("bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5", 1, 5),
    ("bedrock", "global.anthropic.claude-opus-4-8", "anthropic.claude-opus-4-8", 5, 25),
    ("bedrock", "us.anthropic.claude-opus-4-8", "anthropic.claude-opus-4-8", 5.5, 27.5),
    ("bedrock", "us-gov.anthropic.claude-opus-4-8", "anthropic.claude-opus-4-8", 6, 30),
    ("bedrock", "us.amazon.nova-pro-v1:0", "amazon.nova-pro", 0.8, 3.2),
    ("bedrock", "eu.amazon.nova-pro-v1:0", "eu.amazon.nova-pro", 1.05, 4.2),
    ("bedrock", "eu.anthropic.claude-opus-9", "anthropic.claude-*", None, None),
    ("databricks", "databricks-claude-sonnet-5", "claude-sonnet-5", 2, 10),
    ("databricks", "databricks-gpt-5-5", "databricks-gpt-5-5", 5, 30),
    ("openrouter", "anthropic/claude-opus-4.8", "claude-opus-4-8", 5, 25),
    ("openrouter", "openai/gpt-5.5", "gpt-5.5", 5, 30),
    ("openrouter", "openai/gpt-5.5:free", "gpt-5.5", None, None),
    ("openrouter", "deepseek/deepseek-v4-pro", "deepseek-v4-pro", None, None),
    ("deepseek", "deepseek-v4-pro", "deepseek-v4-pro", 1.32, 3.96),
    ("mistral", "codestral-2508", "codestral-2508", 0.3, 0.9),
    ("fireworks", "accounts/fireworks/models/kimi-k3", "kimi-k3", 3, 15),
    ("groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b", 0.15, 0.6),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "asked", "entry", "dollars_in", "dollars_out"), FOUND)
def test_an_id_finds_its_entry(
    kind: str, asked: str, entry: str, dollars_in: float | None, dollars_out: float | None
) -> None:
    """Dates, versions, regions and clouds' spellings lead to the model, at the price of there."""
    found = known(kind, asked)
    assert found.id == entry
    assert charged(found) == (dollars_in, dollars_out)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("anthropic", "gpt-5.5"),
        ("anthropic", ""),
        ("openai", "claude-opus-4-8"),
        ("openai", "llama"),
        ("zai", "glm-5.3-mini"),
        ("openrouter", "qwen/qwen3-coder"),
        ("ollama", "gpt-oss:20b"),
        ("demo", "lynkr-demo"),
        ("no-such-kind", "gpt-5.5"),
    ],
)
def test_what_is_not_known_is_nothing(kind: str, asked: str) -> None:
    """Another model's facts would be worse: a size is part of a name, and no suffix of it."""
    assert facts(kind, asked) is None


def test_a_surcharge_is_on_every_price_and_on_nothing_else() -> None:
    base = known("bedrock", "anthropic.claude-haiku-5-5")
    there = known("bedrock", "eu.anthropic.claude-haiku-5-5")
    assert base.prices is not None
    assert there.prices is not None
    assert there.prices.threshold == base.prices.threshold == 100_000
    for name in Prices.__struct_fields__:
        price, dearer = getattr(base.prices, name), getattr(there.prices, name)
        if name != "threshold" and price is not None:
            assert dearer == pytest.approx(price * 1.1)
    assert there.context_window == base.context_window


def test_who_uses_mid_conversation_system_messages_is_known() -> None:
    """As Claude Code sends them: from Opus 4.8, Sonnet 5 and Fable 5 on."""
    flag = "mid_conversation_system"
    for model in ("claude-opus-4-8", "claude-sonnet-5", "claude-fable-5", "claude-haiku-5-5"):
        assert flag in known("anthropic", model).capabilities
    for model in ("claude-opus-4-7", "claude-sonnet-4-6", "claude-haiku-4-5"):
        assert flag not in known("anthropic", model).capabilities
    assert flag in known("anthropic", "claude-new").capabilities


def test_how_claude_thinks_is_known() -> None:
    """Effort from Opus 4.5 on, budgets up to 4.6, and the newest cannot be told not to think."""
    table = {
        "claude-sonnet-4-5": {"thinking_budget", "thinking_off"},
        "claude-opus-4-5": {"thinking_budget", "thinking_off", "effort"},
        "claude-opus-4-6": {"thinking_budget", "thinking_off", "effort", "adaptive_thinking"},
        "claude-opus-4-8": {"thinking_off", "effort", "effort_xhigh", "adaptive_thinking"},
        "claude-opus-5-5": {"thinking_always_on", "effort", "effort_xhigh", "adaptive_thinking"},
    }
    words = {
        *("thinking_budget", "thinking_off", "thinking_always_on"),
        *("effort", "effort_xhigh", "adaptive_thinking"),
    }
    for model, expected in table.items():
        assert known("anthropic", model).capabilities & words == expected


def test_shared_models_are_listed_when_asked_for() -> None:
    assert all_facts("azure-anthropic") == []
    shared = {found.id for found in all_facts("azure-anthropic", shared=True)}
    assert {found.id for found in all_facts("anthropic")} == shared
    assert all_facts("llamacpp", shared=True) == []


# --- an operator's own file -----------------------------------------------------------------------


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "own.toml"
    file.write_text(text, "utf-8")
    return str(file)


def test_an_operators_word_counts_more_field_by_field(tmp_path: Path) -> None:
    """Prices as a whole: half of an old price list would be no price list."""
    path = written(
        tmp_path,
        '[anthropic]\nchecked = "2027-01-01, our contract"\n'
        "[anthropic.models.claude-opus-4-8]\nprices = { input = 3, output = 15 }\n"
        "[anthropic.models.claude-sonnet-5]\noutput_tokens_max = 9\ncapabilities = []\n",
    )
    own = own_models(path)
    opus = facts("anthropic", "claude-opus-4-8-20260501", own)
    assert opus is not None
    assert opus.prices == Prices(input=3, output=15)
    assert opus.context_window == 1_000_000
    assert opus.capabilities == known("anthropic", "claude-opus-4-8").capabilities
    assert (opus.source, opus.checked) == (path, "2027-01-01, our contract")
    sonnet = facts("anthropic", "claude-sonnet-5", own)
    assert sonnet is not None
    assert (sonnet.output_tokens_max, sonnet.capabilities) == (9, frozenset())
    assert sonnet.prices == known("anthropic", "claude-sonnet-5").prices
    haiku = facts("anthropic", "claude-haiku-4-5", own)
    assert haiku == known("anthropic", "claude-haiku-4-5")


def test_an_operator_can_add_models_and_families(tmp_path: Path) -> None:
    own = own_models(
        written(
            tmp_path,
            '[ollama.models."qwen3-coder:30b"]\ncontext_window = 65536\n'
            '[ollama.models."qwen3*"]\ncapabilities = ["images"]\n',
        )
    )
    exact, family = (facts("ollama", name, own) for name in ("qwen3-coder:30b", "qwen3-vl"))
    assert exact is not None
    assert family is not None
    assert (exact.context_window, exact.prices) == (65536, None)
    assert family.capabilities == {"images"}
    assert facts("ollama", "llama4", own) is None
    assert [found.id for found in all_facts("ollama", own)] == ["qwen3-coder:30b", "qwen3*"]


def test_a_vendors_entry_counts_at_the_clouds_too(tmp_path: Path) -> None:
    """One line for a model that is bought in several places."""
    own = own_models(
        written(tmp_path, "[anthropic.models.claude-opus-4-8]\noutput_tokens_max = 11\n")
    )
    for kind, name in (
        ("azure-anthropic", "claude-opus-4-8"),
        ("openrouter", "anthropic/claude-opus-4.8"),
    ):
        found = facts(kind, name, own)
        assert found is not None
        assert found.output_tokens_max == 11
        assert charged(found) == (5, 25)


def test_no_file_is_no_opinion() -> None:
    assert own_models("") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[openai.models.x]\nprice = 1\n", "price"),
        ('[openai.models.x]\nprices = { input = "1" }\n', "float"),
        ("[openai.models.x]\nprices = { inputs = 1 }\n", "inputs"),
        ('[openai.models.x]\ncapabilities = ["image"]\n', "image"),
        ("[opneai.models.x]\ncontext_window = 1\n", "opneai"),
        ("openai = 1\n", "object"),
        ("[openai\n", "TOML"),
        ('[openai.models.x]\nchecked = "\udcff"\n', "TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=reason):
        own_models(str(file))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        own_models(str(tmp_path / "gone.toml"))
