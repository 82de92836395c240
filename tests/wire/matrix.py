"""Translations as the gateway makes them, for tests: one request or reply, any two dialects."""

from __future__ import annotations

from typing import NamedTuple

from lynkr.wire.codec import MODULES, Context, Losses, Target, codec
from lynkr.wire.message import Request
from lynkr.wire.plain_tools import ToolNames, simplified
from tests.wire.dialogues import Asked

FORMATS = tuple(MODULES)

# A capable model of each provider: everything that its own API offers. What only other servers of
# a dialect have (OpenRouter's cache marks in Chat, vLLM's stop sequences in Responses) is left out.
FULL: dict[str, frozenset[str]] = {
    "anthropic_messages": frozenset(
        ("adaptive_thinking", "effort_xhigh", "mid_conversation_system", "structured_output",
         "thinking_budget")
    ),
    "openai_chat": frozenset(
        ("audio", "custom_tools", "developer_role", "documents", "image_urls", "images",
         "json_object", "json_schema", "logprobs", "max_completion_tokens", "metadata", "n",
         "parallel_tool_calls", "penalties", "prompt_cache_key", "prompt_cache_retention",
         "reasoning_effort", "reasoning_none", "sampling", "seed", "service_tier", "stop", "store",
         "stream_usage", "strict_tools", "tool_choice_named", "tool_choice_required", "user",
         "verbosity")
    ),
    "openai_responses": frozenset(
        ("custom_tools", "documents", "encrypted_reasoning", "image_urls", "images", "json_schema",
         "logprobs", "metadata", "parallel_tool_calls", "prompt_cache_key", "reasoning",
         "reasoning_none", "sampling", "service_tier", "user", "verbosity")
    ),
    "gemini": frozenset(
        ("call_ids", "function_response_parts", "image_urls", "n", "thinking_budget",
         "thinking_off")
    ),
    "bedrock": frozenset(
        ("adaptive_thinking", "audio", "cache_point", "documents", "images", "service_tier",
         "strict_tools", "structured_output", "thinking_budget", "top_k")
    ),
}  # fmt: skip
BARE: frozenset[str] = frozenset()
TARGET_MODEL = "target-model"


class Sent(NamedTuple):
    """A request on its way to a target."""

    body: bytes
    losses: list[tuple[str, str]]  # name, field
    names: ToolNames
    decoded: Request
    plain: Request  # as the target's encoder got it

    @property
    def lost(self) -> set[str]:
        return {name for name, _ in self.losses}


the = codec


def decoded(asked: Asked) -> Request:
    return the(asked.dialect).decode_request(asked.body, asked.model, asked.stream)


def target_of(name: str, capabilities: frozenset[str] | None = None) -> Target:
    flags = FULL[name] if capabilities is None else capabilities
    return Target(model=TARGET_MODEL, capabilities=flags)


def sent(asked: Asked, name: str, capabilities: frozenset[str] | None = None) -> Sent:
    """The request for a target that speaks ``name``."""
    return written(decoded(asked), target_of(name, capabilities), name)


def written(request: Request, target: Target, name: str) -> Sent:
    """The same for a request that is read already. As in ``lynkr/gateway/translate.py``."""
    losses, names, plain = Losses(), ToolNames(), request
    if request.format != name:
        custom = "custom_tools" in target.capabilities
        plain, names = simplified(request, losses, custom=custom)
    body = the(name).encode_request(plain, target, losses)
    found = [(loss.name, loss.field) for loss in losses.found]
    return Sent(body, found, names, request, plain)


def context_of(request: Request, model: str = "asked-model") -> Context:
    return Context(request, call_id="abc123", created=1795430400, model=model)
