"""What a target's prompt cache is like, and where this request meets it.

A provider reuses the longest beginning of a prompt that it has seen before. With marks (Anthropic's
way, the order is tools, system, messages) it looks only at the marks and a few blocks before each;
without (OpenAI, DeepSeek, Gemini) it looks by itself. Either way a change anywhere makes all that
follows cost the full price again. So a pass may change what is sent for the first time, in a way
that later requests repeat; ``fresh_from`` says where that begins.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from lynkr._native.memo import block_hash
from lynkr._native.spans import CALL, RESPONSES, RESULT, Layout
from lynkr.providers.endpoints import Endpoint
from lynkr.providers.kinds import Cache

Style = Literal["explicit", "automatic", "none"]
BYTES_PER_TOKEN = 4  # rough, for comparing a prompt with a cache's minimum
_ASSISTANT_ITEMS = (b"function_call", b"custom_tool_call", b"reasoning")


class Aim(msgspec.Struct, frozen=True):
    """The target as the passes see it."""

    style: Style = "none"
    tokens_min: int = 0  # a shorter prefix is not cached
    breakpoints_max: int = 0
    lookback_blocks: int = 0
    translated: bool = False  # the body goes out in another dialect than it came in
    marks: bool = False  # it takes prompt-cache marks
    marks_1h: bool = False  # also such that ask to be kept for an hour
    cache_key: bool = False  # and prompt_cache_key
    billing_header: bool = True  # the target knows Claude Code's attribution block and ignores it

    @property
    def cached(self) -> bool:
        return self.style != "none"

    def long_enough(self, size: int) -> bool:
        """Whether a prompt of so many bytes reaches the least that is kept, roughly."""
        return size >= self.tokens_min * BYTES_PER_TOKEN


_UNKNOWN = Cache(style="automatic", tokens_min=1024)


def aim_at(endpoint: Endpoint, model: str, spoken: str, *, translated: bool) -> Aim:
    """What the catalog says of one model at one endpoint. ``spoken`` is the API used there."""
    cache, facts = endpoint.cache, endpoint.facts(model)
    capabilities = endpoint.capabilities_for(model)
    if cache is None:  # nobody says: many servers keep prompts by themselves
        cache = _UNKNOWN
    if cache.style == "none":
        return Aim(translated=translated, billing_header="billing_header" in capabilities)
    least = facts.cache_tokens_min if facts is not None else None
    style: Style = cache.style
    if style == "explicit" and spoken == "chat" and not translated:
        style = "automatic"  # no marks are set there, and some of its models need none
    return Aim(
        style=style,
        tokens_min=cache.tokens_min if least is None else least,
        breakpoints_max=cache.breakpoints_max,
        lookback_blocks=cache.lookback_blocks,
        translated=translated,
        marks=cache.style == "explicit"
        and (translated or spoken == "messages")
        and not capabilities.isdisjoint(("cache_control", "cache_point")),
        marks_1h="cache_ttl_1h" in capabilities,
        cache_key="prompt_cache_key" in capabilities,
        billing_header="billing_header" in capabilities,
    )


def fresh_from(layout: Layout) -> int:
    """The first message that no earlier request can have had: the one after the last reply."""
    for index in range(len(layout.message_list) - 1, -1, -1):
        if _is_reply(layout, index):
            return index + 1
    return 0


def earlier_end(layout: Layout) -> int:
    """How many messages the request of the turn before had: up to the last reply, without it."""
    messages = layout.message_list
    index = fresh_from(layout)
    while index > 0 and messages[index - 1].role == b"assistant":
        index -= 1
    return index


def first_reply(layout: Layout) -> int:
    """How many messages the first request of the conversation had."""
    for index in range(len(layout.message_list)):
        if _is_reply(layout, index):
            return index
    return len(layout.message_list)


def _is_reply(layout: Layout, index: int) -> bool:
    """Whether a message, or an item of Responses, is the model's own."""
    message = layout.message_list[index]
    if message.role == b"assistant":
        return True
    return layout.dialect == RESPONSES and (
        message.kind in _ASSISTANT_ITEMS or message.kind.endswith(b"_call")
    )


def cacheable(layout: Layout, aim: Aim, size: int, *, marking: bool) -> bool:
    """Whether the target would keep a prompt of ``size`` bytes, so that changing it costs."""
    if not aim.cached or not aim.long_enough(size):
        return False
    return (
        aim.style == "automatic" or marking or layout.marks > 0 or b"cache_control" in layout.keys
    )


def agentic(layout: Layout) -> bool:
    """Whether a loop of calls and results goes on here: such conversations only grow."""
    if layout.tool_list or any(block.kind in (CALL, RESULT) for block in layout.blocks):
        return True
    return any(message.kind == b"additional_tools" for message in layout.message_list)


def replied(layout: Layout) -> bool:
    """Whether this is not the first request of its conversation."""
    return fresh_from(layout) > 0


class Standing(NamedTuple):
    """How far a conversation had come: its messages, and a hash of their bytes."""

    messages: int
    hash: int


def standing(body: bytes, layout: Layout) -> Standing:
    messages = layout.message_list
    if not messages:
        return Standing(0, 0)
    return Standing(len(messages), block_hash(body, messages[0].start, messages[-1].end))


def goes_on(body: bytes, layout: Layout, before: Standing | None) -> bool:
    """Whether a conversation begins with all that it had ``before``, byte for byte. Some clients
    put what is new before what is old (aider's files), and nothing of that is ever read again."""
    messages = layout.message_list
    if before is None or not 0 < before.messages <= len(messages):
        return False
    end = messages[before.messages - 1].end
    return block_hash(body, messages[0].start, end) == before.hash


def marking(layout: Layout, *, grows: bool) -> tuple[bool, bool]:
    """Whether marks pay for a client that sets none, and whether those that move with the
    conversation do. ``grows``: it was seen to go on.

    A mark costs a quarter of what it covers, and the next turn saves nine tenths of it: it pays
    where a next turn is likely and begins with this one.
    """
    loop = agentic(layout)
    if not replied(layout):
        return loop, loop
    return True, loop or grows
