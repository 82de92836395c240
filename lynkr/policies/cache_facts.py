"""What a request says of itself that decides whether its answer may be kept and given again.

Read from the spans of its layout: values of the few top-level fields that matter, roles and kinds
of the messages, and nothing decoded. What is not known is said, in ``unknown``, and never taken for
harmless. A call that offers tools is judged by that alone, so nothing more of it is read: that is
nearly every call of a coding agent.
"""

from __future__ import annotations

import re

import msgspec

from lynkr._native.spans import (
    CALL,
    MESSAGES,
    RESPONSES,
    RESULT,
    TEXT,
    THINKING,
    Layout,
    Message,
    string_value,
)
from lynkr._native.tokens import count
from lynkr.transforms.tools.own_words import own_words

WHOLE = ("count_tokens", "embeddings")  # their answers depend on the body and on nothing else

# Fields that say what is asked, in a way that the whole body's digest keeps apart, or nothing of it
# at all. Of the dialects' references and of those who speak them (OpenRouter, vLLM, Ollama).
_PLAIN = frozenset(
    (
        b"model stream stream_options temperature top_p top_k min_p top_a stop stop_sequences"
        b" max_tokens max_completion_tokens max_output_tokens presence_penalty"
        b" frequency_penalty repetition_penalty logit_bias response_format output_config"
        b" output_format text verbosity reasoning reasoning_effort include_reasoning thinking"
        b" enable_thinking chat_template_kwargs seed n logprobs top_logprobs prediction"
        b" metadata user safety_identifier prompt_cache_key prompt_cache_retention"
        b" prompt_cache_options service_tier truncation include client_metadata cache_control"
        b" context_management anthropic_version anthropic_beta speed inference_geo provider"
        b" usage session_id keep_alive messages input system instructions tools tool_choice"
        b" parallel_tool_calls max_tool_calls functions function_call store background"
    ).split()
)
# These matter where they are set.
_CONTINUING = (b"previous_response_id", b"conversation", b"prompt", b"container")
_SERVICES = (
    b"web_search_options", b"mcp_servers", b"plugins", b"search_parameters", b"enable_search",
)  # fmt: skip
_SOUND = (b"modalities", b"audio")
_JUDGED = frozenset((*_CONTINUING, *_SERVICES, *_SOUND))
_KNOWN = _PLAIN | _JUDGED
_NOT_SET = (b"null", b'""', b"[]", b"{}", b"false")
_EXCHANGED = (CALL, RESULT)
_WRITTEN = (TEXT, THINKING)
_SYSTEMS = (b"system", b"developer")
# Models that search by themselves: OpenRouter's suffix, OpenAI's and Perplexity's names.
_SEARCHING = re.compile(rb":online\b|\bsonar\b|-search\b|deep-research")
_NO_CHOICE = re.compile(rb'"none"|\{\s*"type"\s*:\s*"none"')
_FORMAT = re.compile(rb'"type"\s*:\s*"(json_object|json_schema)"')
_FORMATS = {RESPONSES: (b"text",), MESSAGES: (b"output_config", b"output_format")}


class Facts(msgspec.Struct, frozen=True):
    """What is known of one call. With ``tools`` that may be used, what follows them is not read."""

    api: str
    size: int  # bytes of the body
    understood: bool = True  # its layout was
    tools: int = 0  # offered
    tools_unused: bool = False  # though they are offered: the choice among them is "none"
    mid_exchange: bool = False  # it holds calls of tools or their results
    users: int = 0  # messages
    turns: int = 0  # messages of the assistant
    temperature: float | None = None  # None: it does not say
    seeded: bool = False
    candidates: int = 1
    continues: bool = False  # from something that the provider keeps under a name
    kept_by_provider: bool = False  # its reply, under the id that it has
    background: bool = False
    other_media: bool = False  # anything in the messages that is neither text nor thinking
    thinking: bool = False  # asked for, so as to see it
    output: str = ""  # "json_object" or "json_schema"
    prediction: bool = False
    logprobs: bool = False
    service_run: str = ""  # the field, or the model, by which the provider searches or runs things
    unknown: str = ""  # the first thing that is not known


def facts_of(api: str, body: bytes, layout: Layout | None) -> Facts:
    """The facts of one call: of ``messages``, ``chat`` and ``responses`` by their layout, of the
    APIs in ``WHOLE`` without one. Others, and bodies without a layout, are not understood."""
    if api in WHOLE:
        return Facts(api, len(body))
    if layout is None:
        return Facts(api, len(body), False)
    keys = layout.keys
    tools = len(layout.tool_list)
    if not tools and b"functions" in keys and _is_set(body, layout, b"functions"):
        tools = 1  # the older way of Chat: some
    unused = _is_unused(body, layout)
    if tools and not unused:
        return Facts(api, len(body), True, tools)

    mid_exchange = continues = other_media = False
    users = turns = 0
    unknown = ""
    for message in layout.message_list:
        role = message.role
        if role == b"user":
            users += 1
        elif role == b"assistant":
            turns += 1
        elif role not in _SYSTEMS:
            kind = message.kind
            if kind == b"additional_tools":
                tools += 1
                if not unused:
                    return Facts(api, len(body), True, tools)
            elif kind == b"item_reference":
                continues = True
            elif role or not kind:
                mid_exchange = True  # Chat's "tool" and "function"
    for block in layout.blocks:
        holds = block.kind
        if holds in _EXCHANGED:
            mid_exchange = True
        elif holds not in _WRITTEN:
            other_media = True

    service_run = ""
    if not _KNOWN.issuperset(keys):
        unknown = next(name for name in keys if name not in _KNOWN).decode("utf-8", "replace")
    if not _JUDGED.isdisjoint(keys):
        continues = continues or any(_is_set(body, layout, name) for name in _CONTINUING)
        other_media = other_media or _has_sound(body, layout)
        services = (name for name in _SERVICES if _is_set(body, layout, name))
        service_run = next(services, b"").decode()
    if not service_run and _is_searching(body, layout):
        service_run = "model"
    temperature = _number(body, layout, b"temperature")
    candidates = _number(body, layout, b"n")
    if temperature is _WRONG or candidates is _WRONG:
        unknown = unknown or ("temperature" if temperature is _WRONG else "n")
        temperature = candidates = None
    return Facts(
        api,
        len(body),
        True,
        tools,
        tools > 0,
        mid_exchange,
        users,
        turns,
        temperature,
        b"seed" in keys and _is_set(body, layout, b"seed"),
        1 if candidates is None else int(candidates),
        continues,
        _is_kept(body, layout),
        b"background" in keys and _is_set(body, layout, b"background"),
        other_media,
        _is_thinking(body, layout),
        _output(body, layout),
        b"prediction" in keys and _is_set(body, layout, b"prediction"),
        _has_logprobs(body, layout),
        service_run,
        unknown,
    )


# --- the question -------------------------------------------------------------------------------

QUESTION_BYTES_MAX = 600  # as JSON writes it; beyond it there is more to it than one question
QUESTION_TOKENS_MAX = 80
_BESIDE_MAX = 8  # texts that a client puts beside the user's
_BESIDE_BYTES_MAX = 64 * 1024  # of them together; they are read for words of the user's


class Question(msgspec.Struct, frozen=True):
    """The one question of a call, in the user's own words, and where it stands in the body: the
    JSON string's token from its first quote to behind its last, as ``Block.text`` has it and as
    ``canonical(..., hole=)`` takes it."""

    text: str
    span: tuple[int, int]


def question_of(body: bytes, layout: Layout) -> Question | None:
    """The question of a call that is one question without a context, else ``None``.

    There is one message of the user's and none of the assistant's; system prompts may be there.
    One text of that message is the user's, and all of it is: it has no envelope of the client's.
    Texts beside it are the client's entirely. They stay in the body around the hole, so a question
    is only ever compared with those that came with the same.
    """
    asked: Message | None = None
    for message in layout.message_list:
        if message.role == b"user":
            if asked is not None:
                return None
            asked = message
        elif message.role not in _SYSTEMS:
            return None
        if message.kind and message.kind != b"message":
            return None
    if asked is None or not 0 < asked.count <= _BESIDE_MAX:
        return None
    found: Question | None = None
    beside = 0
    for at in range(asked.first, asked.first + asked.count):
        span = layout.blocks[at].text
        if span is None:
            return None
        size = span[1] - span[0]
        if size > QUESTION_BYTES_MAX:
            beside += size
            # What does not begin as an envelope is somebody's, and too long.
            if beside > _BESIDE_BYTES_MAX or body[span[0] + 1 : span[0] + 2] not in b"<[\\ ":
                return None
        value = string_value(body, span)
        if value is None:
            return None
        text = value.decode("utf-8", "replace")
        words = own_words(text)
        if not words:
            continue
        if found is not None or size > QUESTION_BYTES_MAX or words != text.strip():
            return None
        if count(value) > QUESTION_TOKENS_MAX:
            return None
        found = Question(words, span)
    return found


# --- values of fields ---------------------------------------------------------------------------

_WRONG = float("nan")  # a value that is no number; compared by identity


def _is_set(body: bytes, layout: Layout, name: bytes) -> bool:
    """Whether the field is there and says something."""
    span = layout.keys.get(name)
    return span is not None and body[span[0] : span[1]] not in _NOT_SET


def _number(body: bytes, layout: Layout, name: bytes) -> float | None:
    """A number's value; ``None``: not said. ``_WRONG``: something else stands there."""
    span = layout.keys.get(name)
    if span is None:
        return None
    token = body[span[0] : span[1]]
    if token == b"null":
        return None
    if token[:1] not in b"-0123456789":
        return _WRONG
    return float(token)


def _is_unused(body: bytes, layout: Layout) -> bool:
    """Whether no tool may be called: ``"none"``, or ``{"type": "none"}``."""
    for name in (b"tool_choice", b"function_call"):
        span = layout.keys.get(name)
        if span is not None and _NO_CHOICE.match(body, span[0], span[1]):
            return True
    return False


def _is_kept(body: bytes, layout: Layout) -> bool:
    """Whether the provider keeps the reply, so that the client may come back to it by its id, which
    an answer out of a cache does not have. Responses does by default, Chat where it is asked to."""
    if layout.dialect == MESSAGES:
        return False
    span = layout.keys.get(b"store")
    if layout.dialect == RESPONSES:
        return span is None or body[span[0] : span[1]] != b"false"
    return span is not None and body[span[0] : span[1]] not in _NOT_SET


def _is_thinking(body: bytes, layout: Layout) -> bool:
    """Whether the client wants to be given what the model thinks. How hard it thinks is another
    question, which the whole body's digest answers."""
    keys = layout.keys
    if layout.dialect == RESPONSES:
        reasoning, included = keys.get(b"reasoning"), keys.get(b"include")
        return (reasoning is not None and body.find(b'"summary"', *reasoning) >= 0) or (
            included is not None and body.find(b'"reasoning.encrypted_content"', *included) >= 0
        )
    for name in (b"thinking", b"reasoning", b"include_reasoning", b"enable_thinking"):
        span = keys.get(name)
        if span is not None and body[span[0] : span[1]] not in _NOT_SET:
            return body.find(b'"disabled"', span[0], span[1]) < 0
    return False


def _output(body: bytes, layout: Layout) -> str:
    for name in _FORMATS.get(layout.dialect, (b"response_format",)):
        span = layout.keys.get(name)
        found = _FORMAT.search(body, *span) if span is not None else None
        if found is not None:
            return found[1].decode()
    return ""


def _has_logprobs(body: bytes, layout: Layout) -> bool:
    if _is_set(body, layout, b"logprobs") or _is_set(body, layout, b"top_logprobs"):
        return True
    span = layout.keys.get(b"include")
    return span is not None and body.find(b".logprobs", span[0], span[1]) >= 0


def _has_sound(body: bytes, layout: Layout) -> bool:
    if _is_set(body, layout, b"audio"):
        return True
    span = layout.keys.get(b"modalities")
    return span is not None and body.find(b'"audio"', span[0], span[1]) >= 0


def _is_searching(body: bytes, layout: Layout) -> bool:
    span = layout.keys.get(b"model")
    return span is not None and _SEARCHING.search(body, span[0], span[1]) is not None
