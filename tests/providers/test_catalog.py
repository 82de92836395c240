"""The catalog, and the endpoints that a configuration makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lynkr.config.settings import Catalog, Provider, Routing, Settings
from lynkr.errors import ConfigError
from lynkr.providers.catalog import (
    CREDENTIAL_HEADERS,
    check,
    discover,
    endpoint,
    endpoints,
    kinds,
    looked_for,
    with_demo,
)
from lynkr.providers.kinds import API_NAMES
from lynkr.wire.apis import APIS
from tests.providers.suite import ProviderSuite, provider_of


class TestEveryKind(ProviderSuite):
    """The compliance suite, over each entry of the catalog."""


ENVIRON = {"OPENAI_API_KEY": "sk-env", "ANTHROPIC_API_KEY": "sk-ant"}

# --- a configuration ----------------------------------------------------------------------------

PROBLEMS = [
    ({"kind": "opneai"}, ["providers.p.kind"]),
    ({"kind": "openai-compatible"}, ["providers.p.base_url"]),
    ({"kind": "openai"}, ["providers.p.api_key"]),
    ({"kind": "openai", "auth": "client"}, []),
    ({"kind": "openai", "auth": "none"}, []),
    ({"kind": "openai", "base_url": "http://h"}, []),
    ({"kind": "openai", "base_url": "http://h", "auth": "key"}, ["providers.p.api_key"]),
    ({"kind": "openai-compatible", "base_url": "http://h", "auth": "key"}, ["providers.p.api_key"]),
    ({"kind": "openai", "api_key": "k", "apis": ["chat", "chats"]}, ["providers.p.apis"]),
    ({"kind": "openai", "api_key": "k", "models": {"": "m"}}, ["providers.p.models"]),
    ({"kind": "openai", "api_key": "k", "models": {"a": ""}}, ["providers.p.models"]),
    ({"kind": "openai", "api_key": "k", "models": {"a": "b\nc"}}, ["providers.p.models"]),
    ({"kind": "openai", "api_key": "k", "models": {"a": "b"}}, []),
    ({"kind": "demo"}, []),
    (
        {"kind": "openai-compatible", "auth": "key", "apis": ["x"]},
        ["providers.p.base_url", "providers.p.apis", "providers.p.api_key"],
    ),
]


@pytest.mark.parametrize(("provider", "keys"), PROBLEMS)
def test_each_problem_names_its_key_and_its_fix(
    provider: dict[str, object], keys: list[str]
) -> None:
    settings = Settings(providers={"p": Provider(**provider)})  # type: ignore[arg-type]
    problems = check(settings, {})
    assert [problem.key for problem in problems] == keys
    assert all(problem.reason and problem.fix for problem in problems)
    if keys:
        with pytest.raises(ConfigError) as caught:
            endpoints(settings, {})
        assert caught.value.problems == problems
    else:
        assert list(endpoints(settings, {})) == ["p"]


def test_the_environment_settles_a_missing_key() -> None:
    settings = Settings(providers={"p": Provider(kind="openai")})
    assert check(settings, ENVIRON) == []
    assert "OPENAI_API_KEY" in check(settings, {})[0].fix


def test_providers_keep_their_order() -> None:
    names = ["z", "a", "m"]
    settings = Settings(providers={name: Provider(kind="demo") for name in names})
    assert list(endpoints(settings, {})) == names


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["demo"]),
        ({"PATH": "/bin"}, ["demo"]),
        ({"OPENAI_API_KEY": ""}, ["demo"]),
        ({"OPENAI_API_KEY": "k"}, ["openai"]),
        (ENVIRON, ["anthropic", "openai"]),
    ],
)
def test_without_a_file_the_environment_decides(environ: dict[str, str], names: list[str]) -> None:
    """One provider for each key found; none at all means the demo, which costs nothing."""
    found = endpoints(Settings(), environ)
    assert list(found) == names
    assert list(discover(environ)) == [name for name in names if name != "demo"]
    assert [there.kind for there in found.values()] == names


def test_a_file_that_names_providers_is_the_whole_truth() -> None:
    settings = Settings(providers={"p": Provider(kind="demo")})
    assert list(endpoints(settings, ENVIRON)) == ["p"]


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"GROQ_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, ["anthropic", "groq"]),
        ({"ZAI_API_KEY": "k", "OPENAI_API_KEY": "k"}, ["openai", "zai"]),
        ({"GEMINI_API_KEY": "k"}, ["gemini"]),
        ({"GEMINI_API_KEY": "k", "GOOGLE_API_KEY": "k"}, ["gemini"]),
        ({"AWS_BEARER_TOKEN_BEDROCK": "k"}, ["bedrock"]),
        ({"AWS_BEARER_TOKEN_BEDROCK": "k", "AWS_REGION": "eu-west-1"}, ["bedrock"]),
        ({"AWS_REGION": "eu-west-1"}, []),
        ({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "k"}, []),
        ({"GOOGLE_CLOUD_PROJECT": "p", "CLOUD_ML_REGION": "global"}, []),
        ({"AZURE_OPENAI_API_KEY": "k"}, []),
        ({"AZURE_OPENAI_API_KEY": "k", "AZURE_RESOURCE_NAME": "mine"}, ["azure-openai"]),
        (
            {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://m.openai.azure.com/"},
            ["azure-openai"],
        ),
        ({"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "ftp://m"}, []),
        ({"DATABRICKS_TOKEN": "k"}, []),
        ({"DATABRICKS_TOKEN": "k", "DATABRICKS_HOST": "adb-1.azuredatabricks.net"}, ["databricks"]),
        ({"OLLAMA_API_KEY": "k"}, []),
        ({"VLLM_API_KEY": "k"}, []),
    ],
)
def test_a_key_makes_a_provider_when_its_address_is_whole(
    environ: dict[str, str], names: list[str]
) -> None:
    """A region or an access key of AWS says nothing of an intention to use a model there."""
    found = discover(environ)
    assert list(found) == names
    for name, provider in found.items():
        made = endpoint(name, provider, environ)
        assert made.key_lines
        assert made.origin.host
        assert "{" not in str(made.origin)


def test_the_variables_looked_for_are_enough_alone() -> None:
    found = looked_for()
    assert found[:2] == ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"]
    assert len(set(found)) == len(found) > 12
    for variable in found:
        assert list(discover({variable: "k"})) != []
    every = {variable for kind in kinds().values() for variable in kind.key_env}
    assert not [v for v in every - set(found) if discover({v: "k"})]


def test_every_api_is_served_by_some_kind() -> None:
    served = {api for kind in kinds().values() for api in kind.served()}
    assert served == set(API_NAMES)
    assert set(APIS) <= served


def test_every_kind_sends_its_key_in_a_header_that_counts_as_a_credential() -> None:
    """What the list lacks could be logged, or pass from a client to a stranger."""
    assert {kind.auth.header.encode() for kind in kinds().values()} == set(CREDENTIAL_HEADERS)


# --- problems of addresses, keys and words --------------------------------------------------------

WORSE = [
    ({"kind": "vertex"}, ["providers.p.project"]),
    ({"kind": "vertex", "project": "p"}, []),
    ({"kind": "bedrock"}, []),
    ({"kind": "bedrock", "auth": "key"}, []),
    ({"kind": "azure-openai", "api_key": "k"}, ["providers.p.resource"]),
    ({"kind": "azure-openai", "api_key": "k", "base_url": "https://h/openai/v1"}, []),
    ({"kind": "azure-openai", "resource": "r"}, ["providers.p.api_key"]),
    ({"kind": "azure-openai", "api_key": "k", "resource": "a/b"}, ["providers.p.resource"]),
    ({"kind": "azure-openai", "api_key": "k", "resource": "evil.com/"}, ["providers.p.resource"]),
    ({"kind": "bedrock", "region": "x:1"}, ["providers.p.region"]),
    ({"kind": "bedrock", "region": "{region}"}, ["providers.p.region"]),
    ({"kind": "openai", "api_key": "k", "region": "eu"}, ["providers.p.region"]),
    ({"kind": "databricks", "api_key": "k"}, ["providers.p.base_url"]),
    ({"kind": "openai", "api_keys": ["a", "b\n"]}, ["providers.p.api_keys"]),
    ({"kind": "openai", "api_keys": ["a", "ü"]}, ["providers.p.api_keys"]),
    ({"kind": "openai", "api_keys": ["a", "b"]}, []),
    ({"kind": "openai", "api_key": "k", "capabilities": ["image"]}, ["providers.p.capabilities"]),
    ({"kind": "openai", "api_key": "k", "drops": ["top_k", ""]}, ["providers.p.drops"]),
    ({"kind": "openai", "api_key": "k", "apis": ["gemini", "converse"]}, []),
    ({"kind": "demo", "apis": ["chat_stream"]}, ["providers.p.apis"]),
]


@pytest.mark.parametrize(("provider", "keys"), WORSE)
def test_each_new_setting_is_judged(provider: dict[str, object], keys: list[str]) -> None:
    settings = Settings(providers={"p": Provider(**provider)})  # type: ignore[arg-type]
    problems = check(settings, {})
    assert [problem.key for problem in problems] == keys
    assert all(problem.reason and problem.fix for problem in problems)
    assert "ü" not in str(problems)


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"AZURE_OPENAI_ENDPOINT": "http://u:p@[h"}, "providers.p.base_url"),
        ({"AZURE_RESOURCE_NAME": "a/b"}, "providers.p.resource"),
    ],
)
def test_what_the_environment_says_is_judged_too(environ: dict[str, str], key: str) -> None:
    settings = Settings(providers={"p": Provider(kind="azure-openai", api_key="k")})
    problems = check(settings, environ)
    assert [problem.key for problem in problems][:1] == [key]
    assert "u:p" not in str(problems)


def test_the_file_of_models_is_read_with_the_configuration(tmp_path: Path) -> None:
    """What is wrong with it is known at once, and what is right counts at every endpoint."""
    file = tmp_path / "models.toml"
    file.write_text("[demo.models.lynkr-demo]\noutput_tokens_max = 7\n")
    settings = Settings(
        providers={"p": provider_of("demo")}, catalog=Catalog(models_file=str(file))
    )
    assert check(settings, {}) == []
    assert endpoints(settings, {})["p"].output_limit("lynkr-demo") == 7
    file.write_text("[demo.models.lynkr-demo]\noutput_tokens = 7\n")
    (problem,) = check(settings, {})
    assert problem.key == "catalog.models_file"
    assert "output_tokens" in problem.reason
    with pytest.raises(ConfigError):
        endpoints(settings, {})


def test_the_demo_brings_its_tiers_only_where_there_is_nothing_else() -> None:
    shown = with_demo(Settings(), {})
    assert shown.routing.default == "lynkr/auto"
    assert shown.routing.chain("simple") == ["demo:lynkr-demo-simple"]
    assert shown.providers == {}  # found by nobody: the banner says so
    mine = Settings(routing=Routing(fallbacks=["demo"]))
    assert with_demo(mine, {}) is mine
    assert with_demo(Settings(), {"OPENAI_API_KEY": "k"}).routing == Routing()
    other = Settings(providers={"a": Provider(kind="openai", api_key="k")})
    assert with_demo(other, {}) is other
    assert list(with_demo(other, {}, only=True).providers) == ["demo"]


def test_a_target_of_no_provider_is_told_with_the_ones_there_are() -> None:
    tiers = Routing(simple="a:m", medium="demo:m", complex="demo:m", reasoning="demo:m")
    with pytest.raises(ConfigError, match=r"routing\.simple.*no provider"):
        endpoints(Settings(routing=tiers), {})
