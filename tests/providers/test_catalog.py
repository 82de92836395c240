"""The catalog, and the endpoints that a configuration makes of it."""

from __future__ import annotations

import pytest

from lynkr.config.settings import Provider, Settings
from lynkr.errors import ConfigError
from lynkr.providers.catalog import (
    Endpoint,
    Origin,
    check,
    discover,
    endpoint,
    endpoints,
    kinds,
    looked_for,
)
from lynkr.wire.apis import APIS
from tests.providers.suite import ProviderSuite


class TestEveryKind(ProviderSuite):
    """The compliance suite, over each entry of the catalog."""


def made(
    kind: str = "openai", *, environ: dict[str, str] | None = None, **given: object
) -> Endpoint:
    return endpoint("p", Provider(kind=kind, **given), environ or {})  # type: ignore[arg-type]


# --- addresses ----------------------------------------------------------------------------------

ADDRESSES = [
    # base_url -> origin, path of chat, host
    ("", "https://api.openai.com:443", "/v1/chat/completions", "api.openai.com"),
    ("http://h", "http://h:80", "/v1/chat/completions", "h"),
    ("http://h/", "http://h:80", "/v1/chat/completions", "h"),
    ("http://h:80", "http://h:80", "/v1/chat/completions", "h"),
    ("https://h", "https://h:443", "/v1/chat/completions", "h"),
    ("https://h:443/v1", "https://h:443", "/v1/chat/completions", "h"),
    ("http://h:443", "http://h:443", "/v1/chat/completions", "h:443"),
    ("https://h:80", "https://h:80", "/v1/chat/completions", "h:80"),
    ("https://h:8443", "https://h:8443", "/v1/chat/completions", "h:8443"),
    ("http://h/v1", "http://h:80", "/v1/chat/completions", "h"),
    ("http://h/v1/", "http://h:80", "/v1/chat/completions", "h"),
    ("http://h/v1///", "http://h:80", "/v1/chat/completions", "h"),
    ("http://h/api/v2", "http://h:80", "/api/v2/chat/completions", "h"),
    ("http://h/openai", "http://h:80", "/openai/chat/completions", "h"),
    ("http://H.Example/v1", "http://h.example:80", "/v1/chat/completions", "h.example"),
    ("http://127.0.0.1:11434", "http://127.0.0.1:11434", "/v1/chat/completions", "127.0.0.1:11434"),
    ("http://[::1]", "http://[::1]:80", "/v1/chat/completions", "[::1]"),
    ("https://[2001:DB8::1]:8443/v1", "https://[2001:db8::1]:8443", "/v1/chat/completions",
     "[2001:db8::1]:8443"),
]  # fmt: skip


@pytest.mark.parametrize(("base_url", "origin", "path", "host"), ADDRESSES)
def test_a_base_url_becomes_an_origin_a_path_and_a_host(
    base_url: str, origin: str, path: str, host: str
) -> None:
    """With or without a path, a slash, a port: what was meant is what is called. The usual port of
    a scheme is not named in the host (RFC 9110, 7.2)."""
    there = made(base_url=base_url)
    assert str(there.origin) == origin
    assert there.request_lines["chat"] == path.encode()
    assert there.host_line == f"host: {host}\r\n".encode()
    assert there.models_path == path.replace("/chat/completions", "/models")


def test_equal_addresses_share_an_origin() -> None:
    """And with it a pool, whatever the path and the spelling."""
    one, other = made(base_url="https://h/v1"), made("anthropic", base_url="https://H:443/x/")
    assert one.origin == other.origin == Origin("https", "h", 443)
    assert hash(one.origin) == hash(other.origin)
    assert one.origin != made(base_url="http://h:443").origin


def test_apis_beyond_the_kinds_usual_ones_get_the_usual_path() -> None:
    there = made("openai-compatible", base_url="http://h/x", apis=["messages", "chat"])
    assert there.request_lines == {"messages": b"/x/messages", "chat": b"/x/chat/completions"}
    assert set(made(apis=["chat"]).request_lines) == {"chat"}


# --- credentials --------------------------------------------------------------------------------

ENVIRON = {"OPENAI_API_KEY": "sk-env", "ANTHROPIC_API_KEY": "sk-ant"}

CREDENTIALS = [
    # auth, api_key, environ -> auth, line
    ("", "", {}, "none", b""),
    ("", "sk-file", {}, "key", b"authorization: Bearer sk-file\r\n"),
    ("", "", ENVIRON, "key", b"authorization: Bearer sk-env\r\n"),
    ("", "sk-file", ENVIRON, "key", b"authorization: Bearer sk-file\r\n"),
    ("key", "", ENVIRON, "key", b"authorization: Bearer sk-env\r\n"),
    ("", "", {"OPENAI_API_KEY": ""}, "none", b""),
    ("client", "sk-file", ENVIRON, "client", b""),
    ("none", "sk-file", ENVIRON, "none", b""),
]


@pytest.mark.parametrize(("auth", "api_key", "environ", "mode", "line"), CREDENTIALS)
def test_a_key_is_the_files_before_the_environments(
    auth: str, api_key: str, environ: dict[str, str], mode: str, line: bytes
) -> None:
    there = made(auth=auth, api_key=api_key, environ=environ)
    assert (there.auth, there.key_lines) == (mode, line)


def test_a_key_goes_into_the_kinds_own_header() -> None:
    assert made("anthropic", api_key="k").key_lines == b"x-api-key: k\r\n"


@pytest.mark.parametrize("key", ["sk-1\n", "sk-1\r\nx-evil: 1", "sk-\x00"])
@pytest.mark.parametrize("where", ["file", "environment"])
def test_a_key_that_is_no_header_value_is_a_problem(key: str, where: str) -> None:
    """A key read from a file ends in a line break; sent like that it splits the request's head."""
    provider = Provider(kind="openai", api_key=key if where == "file" else "")
    problems = check(Settings(providers={"p": provider}), {"OPENAI_API_KEY": key})
    assert [problem.key for problem in problems] == ["providers.p.api_key"]
    assert key not in str(problems)


# --- the rest of an endpoint --------------------------------------------------------------------


def test_headers_keep_their_spelling_and_are_known_in_lower_case() -> None:
    there = made("anthropic", headers={"X-Team": "one", "Accept": "a: b"})
    assert there.default_headers == ((b"anthropic-version", b"anthropic-version: 2023-06-01\r\n"),)
    assert there.forced_headers == (
        (b"x-team", b"X-Team: one\r\n"),
        (b"accept", b"Accept: a: b\r\n"),
    )


def test_aliases_and_models_are_carried_over() -> None:
    there = made(models={"fast": "gpt-6"})
    assert there.aliases == {"fast": "gpt-6"}
    assert there.models == tuple(kinds()["openai"].models)
    assert (there.name, there.kind) == ("p", "openai")


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


def test_the_variables_looked_for_are_those_of_the_catalog() -> None:
    assert set(looked_for()) == {name for kind in kinds().values() for name in kind.key_env}
    for variable in looked_for():
        assert list(discover({variable: "k"})) != []


def test_every_api_is_served_by_some_kind() -> None:
    assert {api for kind in kinds().values() for api in kind.paths} == {*APIS, "models"}
