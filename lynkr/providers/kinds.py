"""The kinds of provider as ``catalog.toml`` describes them: data, and nothing that acts on it.

A kind says where an API lives, how its key is sent, which APIs it serves under which paths, what
its encoders may count on and what it is known to refuse. No provider's name stands in code.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

Scheme = Literal["header", "sigv4", "google"]

# What clients can ask for and endpoints can serve. ``converse`` is Bedrock's, ``gemini`` Google's.
API_NAMES = (
    "messages", "count_tokens", "chat", "responses", "embeddings", "gemini", "converse",
)  # fmt: skip
# The settings of a provider that an address or a path can have in it, as in "{region}".
VARIABLES = ("region", "project", "resource", "api_version")

# What an encoder may ask: whether the endpoint, or the model behind it, takes something. One
# vocabulary for all dialects; docs/providers.md says what each word means.
CAPABILITIES = frozenset(
    {
        *("developer_role", "max_completion_tokens", "reasoning_effort", "reasoning_content"),
        *("reasoning_details", "thinking_switch", "json_schema", "json_object", "stream_usage"),
        *("parallel_tool_calls", "images", "image_urls", "documents", "document_urls", "audio"),
        *("logprobs", "seed", "top_k", "penalties", "logit_bias", "n", "strict_tools"),
        *("tool_choice", "tool_choice_required", "tool_choice_named", "prompt_cache_key"),
        *("custom_tools", "stop", "verbosity", "service_tier", "metadata", "user", "sampling"),
        *("adaptive_thinking", "effort", "thinking_budget", "thinking_level", "thinking_off"),
        *("mid_conversation_system", "structured_output", "cache_control", "cache_ttl_1h"),
        *("cache_point", "tool_search", "namespaces", "previous_response_id", "reasoning"),
        *("encrypted_reasoning", "reasoning_none", "effort_xhigh", "thinking_always_on"),
        *("thinking_minimal", "fixed_sampling", "extra_content", "call_ids", "call_ids_of_nine"),
        *("function_response_parts", "stream_arguments", "prompt_cache_retention", "store"),
        "billing_header",
    }
)


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How calls are authorized.

    ``header`` and ``prefix`` are how a key is sent. ``scheme`` is what happens when there is no
    key: nothing (header), an AWS signature for ``service`` (sigv4), a Google access token (google).
    """

    header: str
    prefix: str
    scheme: Scheme = "header"
    service: str = ""


class Serve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The APIs of the models whose name matches, the preferred ones first."""

    match: str  # * and ? match anything
    apis: list[str]


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One change of a request body's top level; ``edits.py`` carries it out."""

    op: Literal["rename", "drop", "clamp", "default", "set"]
    field: str
    api: str = ""  # empty: every API of the kind
    models: str = "*"  # * and ? match anything
    unless: str = ""  # nothing is done when the body has this field
    to: str = ""  # rename: the new name
    value: object = None  # default, set
    min: float | None = None  # clamp
    max: float | None = None


class Cache(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the provider caches prompts. A model's own minimum stands with the model."""

    style: Literal["explicit", "automatic", "none"]
    breakpoints_max: int = 0  # explicit marks in one request
    lookback_blocks: int = 0  # how far back from a mark an earlier prefix is looked for
    tokens_min: int = 0  # a shorter prefix is not cached
    ttl_s: int = 0  # how long an unused prefix is kept at least; 0: not said
    note: str = ""


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of ``catalog.toml``; its keys are described at the top of that file."""

    title: str
    base_url: str
    root: str
    auth: Auth
    key_env: list[str]
    key_required: bool
    paths: dict[str, str]
    checked: str
    models: list[str] = []
    tiers: dict[str, str] = {}
    headers: dict[str, str] = {}
    base_url_env: list[str] = []
    base_url_for: dict[str, dict[str, str]] = {}
    variables: list[str] = []
    variable_env: dict[str, list[str]] = {}
    variable_default: dict[str, str] = {}
    targets: list[str] = []
    serves: list[Serve] = []
    capabilities: list[str] = []
    drops: list[str] = []
    edits: list[Edit] = []
    cache: Cache | None = None
    reworded: bool = False
    session_header: str = ""
    missing_signature: str = ""
    discovered: bool | None = None

    @property
    def appears(self) -> bool:
        """Whether a key in the environment makes a provider of this kind."""
        return self.key_required if self.discovered is None else self.discovered

    def served(self) -> list[str]:
        """Its APIs, the preferred ones first."""
        usual = [api for api in API_NAMES if api in self.paths]
        order = [*self.targets, *(api for api in self.paths if api in usual)]
        return list(dict.fromkeys(order))


@functools.cache
def kinds() -> dict[str, Kind]:
    """The shipped catalog."""
    # By its path: importlib.resources would bring zipfile and half a megabyte into each worker.
    raw = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text("utf-8"))
    return msgspec.convert(raw, dict[str, Kind])
