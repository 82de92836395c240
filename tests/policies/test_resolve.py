"""Where a request goes: by its own words first, then by the configuration's."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lynkr.config.settings import Provider, RouteRule
from lynkr.errors import GatewayError
from lynkr.policies.resolve import Route, chain, resolve, tier_asked, tier_chain
from lynkr.providers.catalog import Endpoint, endpoint

PROVIDERS = {
    "main": Provider(kind="anthropic", api_key="k", models={"fast": "claude-haiku-4-5"}),
    "open": Provider(kind="openai", api_key="k", models={"small": "gpt-5.4-nano", "x:y": "gpt-6"}),
    "local": Provider(
        kind="openai-compatible",
        base_url="http://127.0.0.1:11434",
        apis=["chat"],
        models={"fast": "qwen:8b"},
    ),
}
ENDPOINTS: dict[str, Endpoint] = {
    name: endpoint(name, provider, {}) for name, provider in PROVIDERS.items()
}


def route(asked: str, *, api: str = "chat", default: str = "") -> tuple[str, str, bool, str]:
    found = resolve(ENDPOINTS, default, api, asked)
    assert isinstance(found, Route)
    assert found.api == api
    assert found.endpoint is ENDPOINTS[found.endpoint.name]
    return found.endpoint.name, found.model, found.rewritten, found.reason


NAMED = "model names provider"
FIRST = "first provider that serves"
HAS = "has this model"

TABLE = [
    # api, default, asked -> provider, model, rewritten, reason
    # The provider that has a model of that name, whatever the dialect.
    ("messages", "", "claude-sonnet-4-5", "main", "claude-sonnet-4-5", False, f"main {HAS}"),
    ("chat", "", "claude-sonnet-4-5", "main", "claude-sonnet-4-5", False, f"main {HAS}"),
    ("messages", "", "gpt-5.5", "open", "gpt-5.5", False, f"open {HAS}"),
    ("messages", "", "made-up", "main", "made-up", False, f"{FIRST} messages"),
    ("chat", "", "made-up", "open", "made-up", False, f"{FIRST} chat"),
    ("chat", "", "", "open", "", False, f"{FIRST} chat"),
    # A provider named in the model, with or without an alias of its own.
    ("messages", "", "main:claude-opus-4-8", "main", "claude-opus-4-8", True, f"{NAMED} main"),
    ("chat", "", "local:llama3", "local", "llama3", True, f"{NAMED} local"),
    ("chat", "", "local:llama3:8b", "local", "llama3:8b", True, f"{NAMED} local"),
    ("chat", "", "local:fast", "local", "qwen:8b", True, f"{NAMED} local"),
    ("chat", "open:gpt-6", "local:llama3", "local", "llama3", True, f"{NAMED} local"),
    # A colon that names no provider is part of the model.
    ("chat", "", "llama3:8b", "open", "llama3:8b", False, f"{FIRST} chat"),
    ("chat", "", "ft:gpt-6:team", "open", "ft:gpt-6:team", False, f"{FIRST} chat"),
    ("chat", "", "Local:llama3", "open", "Local:llama3", False, f"{FIRST} chat"),
    # Aliases: of any provider, the first one's before the next.
    ("chat", "", "small", "open", "gpt-5.4-nano", True, "alias of open"),
    ("chat", "", "x:y", "open", "gpt-6", True, "alias of open"),
    ("messages", "", "fast", "main", "claude-haiku-4-5", True, "alias of main"),
    ("chat", "local", "small", "open", "gpt-5.4-nano", True, "alias of open"),
    # The default: a provider alone keeps the model, one with a model replaces it.
    ("chat", "local", "llama3", "local", "llama3", False, "routing.default"),
    ("chat", "local:llama3", "gpt-6", "local", "llama3", True, "routing.default"),
    ("chat", "local:llama3", "llama3", "local", "llama3", False, "routing.default"),
    ("chat", "local:fast", "gpt-6", "local", "qwen:8b", True, "routing.default"),
    ("embeddings", "open:gpt-6", "text-3", "open", "text-3", False, "routing.default"),
    # A default that does not speak the client's dialect is translated to.
    ("messages", "local:llama3", "claude-x", "local", "llama3", True, "routing.default"),
    ("messages", "open", "claude-x", "open", "claude-x", False, "routing.default"),
    ("responses", "main", "claude-x", "main", "claude-x", False, "routing.default"),
    # What cannot be translated is no default for it.
    ("embeddings", "main:claude-x", "text-3", "open", "text-3", False, f"{FIRST} embeddings"),
]


@pytest.mark.parametrize(
    ("api", "default", "asked", "provider", "model", "rewritten", "reason"), TABLE
)
def test_a_request_goes_where_its_words_say(
    api: str, default: str, asked: str, provider: str, model: str, rewritten: bool, reason: str
) -> None:
    assert route(asked, api=api, default=default) == (provider, model, rewritten, reason)


@pytest.mark.parametrize(
    ("api", "asked", "provider"),
    [
        ("embeddings", "local:x", "local"),
        ("embeddings", "main:x", "main"),
        ("embeddings", "fast", "main"),
    ],
)
def test_a_provider_that_was_named_is_never_replaced(api: str, asked: str, provider: str) -> None:
    """The caller chose it; that it cannot serve is said, with what it can."""
    with pytest.raises(GatewayError, match=f"Provider '{provider}' .*does not serve") as caught:
        route(asked, api=api)
    error = caught.value
    assert (error.kind, error.status, error.source, error.field) == (
        "api_not_served",
        400,
        "client",
        "model",
    )
    assert "It serves /v1/" in str(error)


@pytest.mark.parametrize(
    ("api", "asked", "provider", "spoken"),
    [
        ("messages", "claude-x", "main", "messages"),
        ("messages", "open:gpt-6", "open", "responses"),
        ("messages", "local:x", "local", "chat"),
        ("chat", "main:claude-x", "main", "messages"),
        ("responses", "local:x", "local", "chat"),
        ("gemini", "main:claude-x", "main", "messages"),
        ("count_tokens", "main:claude-x", "main", "count_tokens"),
        ("count_tokens", "local:x", "local", ""),
    ],
)
def test_a_provider_is_spoken_to_in_a_dialect_of_its_own(
    api: str, asked: str, provider: str, spoken: str
) -> None:
    """The client's if it is served, else the provider's first; counts are estimated if need be."""
    found = resolve(ENDPOINTS, "", api, asked)
    assert (found.endpoint.name, found.spoken) == (provider, spoken)


def test_an_api_that_nobody_serves_is_refused() -> None:
    only = {"main": ENDPOINTS["main"]}
    for default in ("", "main", "main:x"):
        with pytest.raises(GatewayError, match="/v1/embeddings"):
            resolve(only, default, "embeddings", "m")


# --- chains ---------------------------------------------------------------------------------------

RULES = [
    RouteRule(model="team-*", targets=["main:claude-y", "open:gpt-6", "main:claude-y", "local"]),
    RouteRule(model="solo", targets=["local:fast"]),
]


def targets(asked: str, *, api: str = "messages", fallbacks: tuple[str, ...] = ()) -> list[str]:
    found = chain(ENDPOINTS, "main", api, asked, RULES, fallbacks)
    return [f"{route.endpoint.name}:{route.model}" for route in found]


def test_a_route_is_its_targets_in_order_each_once() -> None:
    assert targets("team-a") == ["main:claude-y", "open:gpt-6", "local:team-a"]
    assert targets("solo", fallbacks=("main",)) == ["local:qwen:8b"]


def test_fallbacks_follow_whatever_else_was_chosen() -> None:
    assert targets("claude-x") == ["main:claude-x"]
    fallbacks = ("open:gpt-6", "main", "local:small")
    assert targets("claude-x", fallbacks=fallbacks) == [
        "main:claude-x",
        "open:gpt-6",
        "local:small",
    ]
    assert targets("open:gpt-5", fallbacks=fallbacks)[0] == "open:gpt-5"


def test_targets_that_cannot_take_the_api_are_passed_over() -> None:
    fallbacks = ("local", "open")
    assert targets("open:m", api="embeddings", fallbacks=fallbacks) == ["open:m"]
    rules = [RouteRule(model="vec", targets=["open:text-3", "main", "open:text-4"])]
    found = chain(ENDPOINTS, "", "embeddings", "vec", rules)
    assert [route.model for route in found] == ["text-3", "text-4"]


@given(st.text(max_size=30))
@example("claude-")
def test_any_model_name_has_a_route(asked: str) -> None:
    """And it is the caller's own name, unless a provider or an alias is named by it."""
    provider, model, rewritten, _ = route(asked, api="responses")
    assert provider == "open" or ENDPOINTS[provider].knows(model)  # "claude-" is Anthropic's
    assert rewritten == (model != asked)
    assert model in (asked, asked.partition(":")[2], "gpt-5.4-nano", "gpt-6")


# --- names that stand for tiers -------------------------------------------------------------------

TO_TIERS = [
    RouteRule(model="claude-sonnet-*", targets=["lynkr/auto"]),
    RouteRule(model="claude-haiku-*", targets=["lynkr/simple"]),
    RouteRule(model="gpt-*", targets=["open"]),
]


@pytest.mark.parametrize(
    ("asked", "default", "tier"),
    [
        ("lynkr/auto", "", "auto"),
        ("lynkr/simple", "main", "simple"),
        ("lynkr/huge", "", "huge"),  # for the caller to refuse
        ("claude-sonnet-4-5", "", "auto"),
        ("claude-haiku-4-5", "", "simple"),
        # What somebody chose is respected.
        ("claude-opus-4-8", "", ""),
        ("claude-opus-4-8", "main", ""),
        ("main:claude-sonnet-4-5", "lynkr/auto", ""),
        ("gpt-5.5", "lynkr/auto", ""),
        ("", "", ""),
        # A default that is the tiers maps the rest.
        ("claude-opus-4-8", "lynkr/auto", "auto"),
        ("", "lynkr/medium", "medium"),
    ],
)
def test_which_names_stand_for_tiers(asked: str, default: str, tier: str) -> None:
    assert tier_asked(ENDPOINTS, default, asked, TO_TIERS) == tier


def test_an_alias_is_a_models_own_name() -> None:
    alias = next(name for endpoint in ENDPOINTS.values() for name in endpoint.aliases)
    assert tier_asked(ENDPOINTS, "lynkr/auto", alias) == ""


def test_where_tiers_do_not_apply_their_names_in_the_configuration_are_no_targets() -> None:
    """Embeddings, and calls that are to pass as they are, find their way without them."""
    found = chain(
        ENDPOINTS, "lynkr/auto", "messages", "claude-sonnet-4-5", TO_TIERS, ["lynkr/auto"]
    )
    assert [(one.endpoint.name, one.model) for one in found] == [("main", "claude-sonnet-4-5")]


def test_a_tier_is_its_targets_in_order_and_then_the_fallbacks() -> None:
    found = tier_chain(
        ENDPOINTS, ["open:a", "main:b", "open:a"], "chat", "lynkr/auto", "simple", ["main:c"]
    )
    assert [(one.endpoint.name, one.model) for one in found] == [
        ("open", "a"), ("main", "b"), ("main", "c"),
    ]  # fmt: skip
    assert [one.reason for one in found[:2]] == ["tier simple", "tier simple"]
    assert all(one.rewritten for one in found)


def test_a_tier_that_nobody_can_serve_is_refused() -> None:
    with pytest.raises(GatewayError, match="does not serve"):
        tier_chain(ENDPOINTS, ["main:b"], "embeddings", "lynkr/auto", "simple")
