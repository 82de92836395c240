"""The neutral vocabulary: what requests and replies mean, whoever said it.

A codec reads its dialect into these and writes them out again. Three kinds of things pass through
without being understood, and are never lost on the way back to the dialect they came from:

* ``extras``: fields the vocabulary has no word for, as decoded JSON. They belong to the dialect of
  the request or reply (its ``format``) and are echoed to it untouched; towards any other one each
  is a loss (``codec.Losses``).
* ``Opaque``: a whole part (block, item) of a dialect, which it names itself.
* ``Seal``: what a provider hides in its reasoning (signature, encrypted content, thought
  signature) and wants back unchanged. A seal remembers whose it is, so it survives a client of
  another dialect.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Json = dict[str, object]


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Token counts as the provider reported them. ``None`` means not reported, never zero.

    ``input_tokens`` counts the uncached input only, as Anthropic does; OpenAI's ``prompt_tokens``
    (which includes cached tokens) is split when it is read.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_cache_read_tokens: int | None = None
    prompt_cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None  # part of output_tokens, not added to it


class ReplyFacts(msgspec.Struct, frozen=True):
    """What the tee learned of one reply."""

    model: str = ""
    stop_reason: str = ""
    error: str = ""  # type or code of an error that the upstream sent inside a stream
    usage: Usage = Usage()


# --- parts ----------------------------------------------------------------------------------------

Role = Literal["system", "developer", "user", "assistant", "tool"]
CallKind = Literal["function", "custom", "tool_search", "local_shell"]


class Seal(msgspec.Struct, frozen=True):
    """Opaque reasoning state of one provider family. ``format`` names the codec that can open it;
    Bedrock's and Vertex's Claude signatures are Anthropic's own."""

    format: str
    data: Json


class CacheMark(msgspec.Struct):
    """The client wants the prompt cached up to here. ``ttl`` is "5m", "1h" or "" (the default)."""

    ttl: str = ""
    extras: Json = {}


class Text(msgspec.Struct, kw_only=True):
    text: str
    cache: CacheMark | None = None
    logprobs: list[Json] | None = None  # of replies, in Chat's shape: token, logprob, bytes, ...
    refusal: bool = False  # OpenAI's separate refusal text
    extras: Json = {}  # citations, annotations, ...


class Image(msgspec.Struct, kw_only=True):
    """``data`` (base64) with its ``media_type``, or ``url``, or the provider's ``file_id``."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    file_id: str = ""
    detail: str = ""  # OpenAI: low | high | auto | original
    cache: CacheMark | None = None
    extras: Json = {}


class Document(msgspec.Struct, kw_only=True):
    """A file: base64 ``data``, plain ``text``, ``url`` or the provider's ``file_id``."""

    media_type: str = ""
    data: str = ""
    text: str = ""
    url: str = ""
    file_id: str = ""
    title: str = ""  # title or file name
    cache: CacheMark | None = None
    extras: Json = {}  # context, citations switch, ...


class Audio(msgspec.Struct, kw_only=True):
    media_type: str  # "audio/wav"; Chat's `format` is its second half
    data: str  # base64
    extras: Json = {}


class Thinking(msgspec.Struct, kw_only=True):
    """Reasoning. ``text`` may be empty: then only the seal matters (redacted or encrypted)."""

    text: str = ""
    seal: Seal | None = None
    summary: bool = False  # the text is a summary of hidden reasoning, not the reasoning itself
    id: str = ""  # Responses item id
    extras: Json = {}


class ToolCall(msgspec.Struct, kw_only=True):
    id: str
    name: str
    # JSON text of an object, as the client or model wrote it; plain text when kind is "custom"
    arguments: str
    kind: CallKind = "function"
    namespace: str = ""  # Responses
    item_id: str = ""  # Responses: the item's own id beside call_id
    cache: CacheMark | None = None
    extras: Json = {}


class ToolReference(msgspec.Struct, kw_only=True):
    """In a tool result: a deferred tool, by name, that the model may call from here on."""

    name: str
    extras: Json = {}


class Offer(msgspec.Struct, kw_only=True):
    """Tools that become available at this place of the conversation: Responses' `additional_tools`
    item, and the `tools` of a `tool_search_output`."""

    tools: list[Tool]
    id: str = ""
    extras: Json = {}


class Opaque(msgspec.Struct, kw_only=True):
    """A part that only the dialect it came from understands, whole: server tool blocks, compaction
    items, hosted tool calls, whatever is new."""

    kind: str  # its `type`
    value: Json
    format: str = ""  # name of the codec that read it; "": no reply can show it by itself


class ToolResult(msgspec.Struct, kw_only=True):
    call_id: str
    content: list[Part]
    plain: bool = False  # the content was one string
    is_error: bool = False
    kind: CallKind = "function"
    name: str = ""  # of the tool, where the dialect says it; else look it up by call_id
    item_id: str = ""
    cache: CacheMark | None = None
    extras: Json = {}


Part = (
    Text
    | Image
    | Document
    | Audio
    | Thinking
    | ToolCall
    | ToolReference
    | ToolResult
    | Offer
    | Opaque
)


class Message(msgspec.Struct, kw_only=True):
    """One message or item, at its place. Decoders never merge or move; ``turns`` regroups."""

    role: Role
    parts: list[Part]
    plain: bool = False  # the content was one string
    name: str = ""  # Chat
    id: str = ""  # Responses
    extras: Json = {}


# --- requests -------------------------------------------------------------------------------------


class Tool(msgspec.Struct, kw_only=True):
    """A tool on offer. ``kind`` "hosted" is one that the provider itself runs: ``value`` is all of
    it, and no other dialect can carry it."""

    name: str
    kind: Literal["function", "custom", "tool_search", "local_shell", "hosted"] = "function"
    description: str | None = None
    parameters: Json | None = None  # JSON Schema, untouched
    strict: bool | None = None
    namespace: str = ""
    namespace_description: str = ""
    grammar: Json | None = None  # of a custom tool: Responses' `format`
    deferred: bool = False  # defer_loading: not to be shown before a ToolReference names it
    cache: CacheMark | None = None
    value: Json = {}
    extras: Json = {}


class ToolChoice(msgspec.Struct, kw_only=True):
    mode: Literal["auto", "none", "required", "tool"]
    name: str = ""
    kind: str = "function"  # of the named tool
    namespace: str = ""
    extras: Json = {}


class Reasoning(msgspec.Struct, kw_only=True):
    """How much the model may think. ``mode`` "" leaves it to ``effort``."""

    mode: Literal["", "disabled", "enabled", "adaptive"] = ""
    effort: str = ""  # none | minimal | low | medium | high | xhigh | max
    budget_tokens: int | None = None
    summary: str = (
        ""  # "" = not asked; Responses: auto | concise | detailed; Gemini, Claude: "auto"
    )
    extras: Json = {}


class OutputFormat(msgspec.Struct, kw_only=True):
    kind: Literal["text", "json_object", "json_schema"]
    name: str = ""
    schema: Json | None = None
    strict: bool | None = None
    description: str = ""
    extras: Json = {}


class Request(msgspec.Struct, kw_only=True):
    """One call. ``system`` is the dialect's own field beside the messages (Anthropic `system`,
    Responses `instructions`, Gemini `systemInstruction`, Bedrock `system`); Chat has none and puts
    its system messages into ``messages``. ``None`` always means: the client did not say."""

    format: str  # name of the codec that decoded it
    model: str
    messages: list[Message]
    system: Message | None = None  # role "system"
    stream: bool = False
    include_usage: bool = True  # Chat's stream_options.include_usage; True for the others
    tools: list[Tool] = []
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = []
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    candidates: int | None = None  # Chat `n`
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning: Reasoning | None = None
    output: OutputFormat | None = None
    verbosity: str = ""
    user: str = ""  # Chat `user` and `safety_identifier`; Anthropic metadata.user_id
    metadata: Json | None = None  # OpenAI `metadata`
    prompt_cache_key: str = ""
    prompt_cache_retention: str = ""
    service_tier: str = ""
    store: bool | None = None
    previous_response_id: str = ""
    extras: Json = {}


# --- replies --------------------------------------------------------------------------------------

StopReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "refusal",  # content filter, safety, recitation
    "pause_turn",
    "context_window",  # the window is full: model_context_window_exceeded
    "other",
]


class Stop(msgspec.Struct, frozen=True):
    reason: StopReason
    sequence: str | None = None  # which stop sequence
    native: str = ""  # the upstream's own word, echoed to its own dialect
    detail: str = ""


class Response(msgspec.Struct, kw_only=True):
    """A whole reply."""

    id: str
    model: str
    parts: list[Part]
    stop: Stop
    usage: Usage = Usage()
    created: int | None = None  # unix seconds
    format: str = ""  # name of the codec that decoded it
    extras: Json = {}


class Failure(msgspec.Struct, kw_only=True, frozen=True):
    """An upstream's error, in neutral words. ``status`` 0: it came inside a stream."""

    status: int
    kind: Literal[
        "invalid_request", "authentication", "permission", "not_found", "too_large", "rate_limit",
        "context_length", "overloaded", "timeout", "billing", "api_error",
    ]  # fmt: skip
    message: str
    code: str = ""  # the upstream's own word
    field: str = ""
    tokens: int | None = None  # context_length: what was sent, and what fits, where it was said
    tokens_max: int | None = None
