"""The configuration in force: a route's bytes, made once, safe whatever name the client chose."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lynkr.config.settings import TIER_PREFIX, Provider, Routing, Settings, Upstream
from lynkr.errors import ConfigError, GatewayError
from lynkr.gateway.rules import ROUTES_MAX, Rules, header_text
from lynkr.gateway.tiers import AUTO, TOKEN_BYTES_MAX
from lynkr.upstream.pool import Pool
from tests.gateway.test_pipeline import never

PROVIDERS = {
    "main": Provider(kind="anthropic", api_key="sk-a", models={"fast": "claude-haiku-4-5"}),
    "open": Provider(
        kind="openai", api_key="sk-o", base_url="http://h:81/x", models={"ü": 'g"\\☃'}
    ),
}


def made(default: str = "", providers: dict[str, Provider] | None = None) -> Rules:
    settings = Settings(
        providers=PROVIDERS if providers is None else providers, routing=Routing(default=default)
    )
    return Rules(settings, {}, Pool(Upstream(), never, lambda: 0.0))


def token(model: str) -> bytes:
    return msgspec.json.encode(model)


def lines(block: bytes) -> dict[str, str]:
    assert block.endswith(b"\r\n")
    return dict(line.decode().split(": ", 1) for line in block[:-2].split(b"\r\n"))


# --- routes -------------------------------------------------------------------------------------


def test_a_route_has_all_the_bytes_of_a_call() -> None:
    planned = made().route("chat", token("gpt-6"))
    assert planned.line == b"POST /x/chat/completions"
    assert planned.head == b" HTTP/1.1\r\nhost: h:81\r\nauthorization: Bearer sk-o\r\n"
    assert (planned.asked, planned.provider, planned.lane) == ("gpt-6", "open", "splice")
    assert planned.model_token is None
    assert lines(planned.reply_lines) == {
        "x-lynkr-provider": "open",
        "x-lynkr-model": "gpt-6",
        "x-lynkr-lane": "splice",
    }


def test_an_alias_is_an_edit_with_the_new_models_bytes() -> None:
    rules = made()
    planned = rules.route("messages", token("fast"))
    assert (planned.lane, planned.model_token) == ("edit", b'"claude-haiku-4-5"')
    assert lines(planned.reply_lines)["x-lynkr-lane"] == "edit"
    assert lines(planned.reply_lines)["x-lynkr-model"] == "claude-haiku-4-5"
    strange = rules.route("chat", token("ü"))
    assert strange.model_token == '"g\\"\\\\☃"'.encode()
    assert lines(strange.reply_lines)["x-lynkr-model"] == "g%22%5C%E2%98%83"


def test_a_request_without_a_model_is_left_without_one() -> None:
    for rules in (made(), made("open:gpt-6")):
        planned = rules.route("chat", b"")
        assert (planned.asked, planned.lane, planned.model_token) == ("", "splice", None)
    assert "x-lynkr-model" not in lines(made().route("chat", b"").reply_lines)


def test_a_model_that_nobody_was_asked_for_is_not_shown() -> None:
    """A body without a model passes as it is: the default's model does not get into it."""
    planned = made("open:gpt-6").route("chat", b"")
    assert planned.route.model == ""
    assert "x-lynkr-model" not in lines(planned.reply_lines)


@pytest.mark.parametrize(
    "odd", [b"7", b"null", b"true", b'["a"]', b'{"a":1}', b'"', b'"\\x"', b'"\xff"', b'"\\ud800"']
)
def test_a_model_that_is_no_string_is_the_clients_mistake(odd: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        made().route("chat", odd)
    error = caught.value
    assert (error.kind, error.status, error.source, error.field) == (
        "invalid_model",
        400,
        "client",
        "model",
    )


def test_a_request_that_nobody_serves_is_refused_every_time() -> None:
    rules = made(providers={"main": PROVIDERS["main"]})
    for _ in range(2):
        with pytest.raises(GatewayError, match="does not serve"):
            rules.route("embeddings", token("m"))


# --- memory -------------------------------------------------------------------------------------


def test_a_route_is_planned_once() -> None:
    rules = made()
    first = rules.route("chat", token("gpt-6"))
    assert rules.route("chat", token("gpt-6")) is first
    assert rules.route("responses", token("gpt-6")) is not first
    assert rules.route("chat", token("gpt-6 ")) is not first


def test_routes_to_one_origin_share_its_pool() -> None:
    rules = made()
    pools = {rules.route(api, token("m")).pool for api in ("chat", "responses", "embeddings")}
    assert len(pools) == 1
    assert rules.route("messages", token("m")).pool not in pools


def test_made_up_names_do_not_fill_the_memory() -> None:
    """Whatever clients send, the routes remembered stay under a fixed number and size."""
    rules = made()
    for number in range(2 * ROUTES_MAX + 10):
        rules.route("chat", b'"m%d"' % number)
        assert len(rules._routes) <= ROUTES_MAX
    assert len(rules._routes) == 10
    known = set(rules._routes)
    long = token("m" * TOKEN_BYTES_MAX)
    assert rules.route("chat", long) == rules.route("chat", long)
    assert set(rules._routes) == known


# --- header safety ------------------------------------------------------------------------------


@given(st.text(max_size=400))
@example("a\r\nx-evil: 1\r\n\r\n")
@example("\x00\x7f\x85\u2028\n")
@example("%0d%0a")
@example("lynkr/")
@example("lynkr/\r\nx-evil: 1")
def test_a_name_in_a_header_cannot_end_its_line(name: str) -> None:
    """The client chose it. What is printable and plain stays readable; all else is escaped."""
    shown = header_text(name)
    assert re.fullmatch(r"[\x20-\x7e]*", shown)
    assert len(shown) <= 256 * 12
    if name.startswith(TIER_PREFIX):
        with pytest.raises(GatewayError) as caught:
            made().route("chat", token(name))
        assert re.fullmatch(r"[\x20-\x7e]*", str(caught.value))
        return
    planned = made().route("chat", token(name))
    assert len(planned.reply_lines.split(b"\r\n")) == (4 if name else 3)
    assert (
        planned.reply_lines.count(b"\r")
        == planned.reply_lines.count(b"\n")
        == len(lines(planned.reply_lines))
    )


@pytest.mark.parametrize(
    "name",
    ["claude-sonnet-4-5-20250929", "openai/gpt-6", "llama3:8b", "a b", "claude-opus-4-8[1m]"],
)
def test_a_usual_name_is_shown_as_it_is(name: str) -> None:
    assert header_text(name) == name


# --- configuration ------------------------------------------------------------------------------


def test_a_configuration_that_cannot_be_used_is_no_rules() -> None:
    with pytest.raises(ConfigError):
        made(providers={"p": Provider(kind="nonesuch")})


def test_a_default_that_the_environment_does_not_offer_is_a_config_error() -> None:
    """Without [providers] the file cannot know which exist; the first call is too late to say."""
    with pytest.raises(ConfigError, match=r"routing\.default"):
        made("nowhere", providers={})
    with pytest.raises(ConfigError, match=r"routing\.default"):
        made("nowhere:gpt-6", providers={})


def test_a_giant_name_is_decided_and_not_remembered() -> None:
    routing = Routing(
        default="lynkr/auto", simple="main:m", medium="main:m", complex="main:m", reasoning="main:m"
    )
    settings = Settings(providers=PROVIDERS, routing=routing)
    tiering = Rules(settings, {}, Pool(Upstream(), never, lambda: 0.0)).tiering
    assert tiering is not None
    giant = token("x" * TOKEN_BYTES_MAX)
    assert tiering.named(giant) == AUTO
    assert tiering.tiers("messages", giant).chains[0][0].model_token == b'"m"'
    assert giant not in tiering._named
    assert ("messages", giant) not in tiering._tiers
