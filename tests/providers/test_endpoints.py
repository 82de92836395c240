"""A provider's table made into an endpoint: address, credential, paths, and what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from lynkr.config.settings import Provider, Settings
from lynkr.providers.catalog import Endpoint, Origin, check, endpoint, kinds

ENVIRON = {"OPENAI_API_KEY": "sk-env", "ANTHROPIC_API_KEY": "sk-ant"}


def made(kind: str = "openai", *, environ: dict[str, str] | None = None, **given: Any) -> Endpoint:
    return endpoint("p", Provider(kind=kind, **given), environ or {})


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


# --- addresses with variables ---------------------------------------------------------------------

TEMPLATES = [
    # kind, given, environ -> origin, api, its path
    ("bedrock", {}, {}, "https://bedrock-runtime.us-east-1.amazonaws.com:443",
     "converse", "/model/{model}/converse"),
    ("bedrock", {}, {"AWS_DEFAULT_REGION": "eu-west-1"},
     "https://bedrock-runtime.eu-west-1.amazonaws.com:443",
     "converse_stream", "/model/{model}/converse-stream"),
    ("bedrock", {"region": "ap-south-1"}, {"AWS_REGION": "eu-west-1"},
     "https://bedrock-runtime.ap-south-1.amazonaws.com:443",
     "converse", "/model/{model}/converse"),
    ("vertex", {"project": "p"}, {}, "https://aiplatform.googleapis.com:443", "gemini_stream",
     "/v1/projects/p/locations/global/publishers/google/models/{model}:streamGenerateContent?alt=sse"),
    ("vertex", {"region": "us"}, {"GOOGLE_CLOUD_PROJECT": "q"},
     "https://aiplatform.us.rep.googleapis.com:443", "messages_stream",
     "/v1/projects/q/locations/us/publishers/anthropic/models/{model}:streamRawPredict"),
    ("vertex", {"region": "europe-west1", "project": "p"}, {},
     "https://europe-west1-aiplatform.googleapis.com:443", "count_tokens",
     "/v1/projects/p/locations/europe-west1/publishers/anthropic/models/count-tokens:rawPredict"),
    ("azure-openai", {"resource": "mine"}, {}, "https://mine.openai.azure.com:443",
     "responses", "/openai/v1/responses"),
    ("azure-openai", {}, {"AZURE_OPENAI_ENDPOINT": "https://it.openai.azure.com/"},
     "https://it.openai.azure.com:443", "chat", "/openai/v1/chat/completions"),
    ("azure-openai", {"resource": "mine"}, {"AZURE_OPENAI_ENDPOINT": "https://it.example"},
     "https://mine.openai.azure.com:443", "chat", "/openai/v1/chat/completions"),
    ("azure-openai-deployments", {"resource": "mine"}, {}, "https://mine.openai.azure.com:443",
     "chat", "/openai/deployments/{model}/chat/completions?api-version=2024-10-21"),
    ("azure-openai-deployments", {"resource": "mine", "api_version": "2025-01-01-preview"}, {},
     "https://mine.openai.azure.com:443", "embeddings",
     "/openai/deployments/{model}/embeddings?api-version=2025-01-01-preview"),
    ("azure-anthropic", {"resource": "mine"}, {}, "https://mine.services.ai.azure.com:443",
     "messages", "/anthropic/v1/messages"),
    ("databricks", {}, {"DATABRICKS_HOST": "adb-1.azuredatabricks.net"},
     "https://adb-1.azuredatabricks.net:443", "messages",
     "/serving-endpoints/anthropic/v1/messages"),
    ("zai", {}, {}, "https://api.z.ai:443", "messages", "/api/anthropic/v1/messages"),
    ("zai", {"base_url": "https://api.z.ai/api/coding/paas/v4"}, {}, "https://api.z.ai:443",
     "chat", "/api/coding/paas/v4/chat/completions"),
    ("zai", {"base_url": "https://open.example/api/paas/v4"}, {}, "https://open.example:443",
     "messages", "/api/anthropic/v1/messages"),
    ("deepseek", {}, {}, "https://api.deepseek.com:443", "chat", "/chat/completions"),
    ("deepseek", {"base_url": "https://api.deepseek.com/v1"}, {}, "https://api.deepseek.com:443",
     "messages", "/anthropic/v1/messages"),
    ("gemini", {"base_url": "http://h"}, {}, "http://h:80", "gemini",
     "/v1beta/models/{model}:generateContent"),
    ("openai-compatible", {"base_url": "http://h/x", "apis": ["gemini", "chat"]}, {}, "http://h:80",
     "gemini_stream", "/x/models/{model}:streamGenerateContent?alt=sse"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "environ", "origin", "api", "path"), TEMPLATES)
def test_addresses_and_paths_are_filled_from_the_file_the_environment_or_the_default(
    kind: str, given: dict[str, Any], environ: dict[str, str], origin: str, api: str, path: str
) -> None:
    """Only the model is left open: that is filled in per call."""
    there = made(kind, environ=environ, **given)
    assert str(there.origin) == origin
    assert there.path_of(api) == path
    assert (api in there.request_lines) == ("{" not in path and "?" not in path)
    assert there.path_of("chatter") == there.path_of("") == ""


def test_a_region_is_known_where_the_address_has_one() -> None:
    assert made("bedrock", region="eu-west-1").region == "eu-west-1"
    assert made("vertex", project="p").region == "global"
    assert made().region == ""


# --- credentials of every scheme ------------------------------------------------------------------

SCHEMES = [
    # kind, given, environ -> auth, scheme, service, line
    ("bedrock", {}, {}, "key", "sigv4", "bedrock", b""),
    ("bedrock", {}, {"AWS_BEARER_TOKEN_BEDROCK": "t"}, "key", "header", "",
     b"authorization: Bearer t\r\n"),
    ("bedrock", {"api_key": "k"}, {}, "key", "header", "", b"authorization: Bearer k\r\n"),
    ("bedrock", {"auth": "client"}, {}, "client", "header", "", b""),
    ("bedrock", {"auth": "none"}, {"AWS_BEARER_TOKEN_BEDROCK": "t"}, "none", "header", "", b""),
    ("vertex", {}, {}, "key", "google", "", b""),
    ("vertex", {"auth": "key"}, {}, "key", "google", "", b""),
    ("vertex", {"api_key": "k"}, {}, "key", "header", "", b"x-goog-api-key: k\r\n"),
    ("gemini", {}, {"GOOGLE_API_KEY": "g"}, "key", "header", "", b"x-goog-api-key: g\r\n"),
    ("azure-openai", {"api_key": "k"}, {}, "key", "header", "", b"api-key: k\r\n"),
    ("ollama", {}, {}, "none", "header", "", b""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "environ", "auth", "scheme", "service", "line"), SCHEMES)
def test_a_key_goes_before_the_scheme_that_needs_none(
    kind: str,
    given: dict[str, Any],
    environ: dict[str, str],
    auth: str,
    scheme: str,
    service: str,
    line: bytes,
) -> None:
    there = made(kind, environ=environ, **given)
    assert (there.auth, there.scheme, there.service) == (auth, scheme, service)
    assert there.key_lines == line
    assert there.key_pool == ((line,) if line else ())


def test_a_pool_has_a_line_for_each_key() -> None:
    """In the file's order, and the environment's key is not among them."""
    there = made("anthropic", api_keys=["a", "b"], environ=ENVIRON)
    assert there.key_pool == (b"x-api-key: a\r\n", b"x-api-key: b\r\n")
    assert there.key_lines == there.key_pool[0]
    assert (there.key_header, there.key_prefix) == (b"x-api-key", b"")
    assert (made().key_header, made().key_prefix) == (b"authorization", b"Bearer ")
    assert made("anthropic", api_keys=["a"], auth="client").key_pool == ()


def test_an_endpoint_does_not_show_its_keys() -> None:
    there = made("anthropic", api_keys=["secret-a", "secret-b"])
    assert "secret" not in f"{there!r} {there}"


# --- what an endpoint serves and takes ------------------------------------------------------------

CHOICES = [
    ("openai", {}, "gpt-5.5", ("responses", "chat", "embeddings")),
    ("openai", {}, "gpt-5.3-codex", ("responses",)),
    ("openai", {}, "gpt-5.5-pro-2026-04-23", ("responses",)),
    ("openai", {"apis": ["chat"]}, "gpt-5.3-codex", ("chat",)),
    ("openai", {"apis": ["embeddings", "chat"]}, "m", ("embeddings", "chat")),
    ("vertex", {"project": "p"}, "claude-opus-4-8", ("messages", "count_tokens")),
    ("vertex", {"project": "p"}, "gemini-2.5-pro", ("gemini",)),
    ("vertex", {"project": "p"}, "openai/gpt-oss-120b-maas", ("chat",)),
    ("vertex", {"project": "p"}, "else", ("gemini", "messages", "count_tokens", "chat")),
    ("databricks", {"base_url": "http://h"}, "databricks-claude-opus-5", ("messages", "chat")),
    ("databricks", {"base_url": "http://h"}, "databricks-gpt-oss-120b", ("chat",)),
    ("gemini", {}, "gemini-2.5-pro", ("gemini",)),
    ("bedrock", {}, "anything", ("converse",)),
]


@pytest.mark.parametrize(("kind", "given", "model", "apis"), CHOICES)
def test_the_apis_of_a_model_come_in_the_order_of_preference(
    kind: str, given: dict[str, Any], model: str, apis: tuple[str, ...]
) -> None:
    """A provider's own list of APIs is the last word, and its order counts."""
    assert made(kind, **given).apis_for(model) == apis


def test_capabilities_are_the_kinds_and_the_models_together() -> None:
    there = made("anthropic")
    of_kind = frozenset(kinds()["anthropic"].capabilities)
    opus, haiku = (
        there.capabilities_for("claude-opus-4-8"),
        there.capabilities_for("claude-haiku-4-5"),
    )
    assert of_kind < opus
    assert of_kind < haiku
    assert {"adaptive_thinking", "mid_conversation_system"} <= opus - haiku
    assert {"thinking_budget", "sampling"} <= haiku - opus
    assert there.capabilities_for("llama") == of_kind


def test_a_providers_own_capabilities_take_the_place_of_its_kinds() -> None:
    there = made("openai-compatible", base_url="http://h", capabilities=["images"])
    assert there.capabilities_for("m") == {"images"}
    assert there.output_limit("m") is None


def test_a_providers_own_drops_are_added() -> None:
    there = made("groq", drops=["top_k"])
    assert there.drops == {*kinds()["groq"].drops, "top_k"}
    assert made("demo").drops == frozenset()


def test_limits_and_cache_rules_are_carried_over() -> None:
    there = made("anthropic")
    assert there.output_limit("claude-opus-4-8") == 128_000
    assert there.output_limit("llama") is None
    assert there.cache is not None
    assert (there.cache.style, there.cache.breakpoints_max) == ("explicit", 4)
    assert made("fireworks").session_header == b"x-session-affinity"
    assert made("gemini").missing_signature
    assert made("demo").cache is None


def test_edits_are_those_of_the_api_and_the_model() -> None:
    there = made()
    assert there.edits_for("chat", "gpt-4o") is None
    assert there.edits_for("responses", "gpt-5.5") is None
    edits = there.edits_for("chat", "gpt-5.5")
    assert edits is not None
    assert edits.apply(b'{"max_tokens":5}') == b'{"max_completion_tokens":5}'
