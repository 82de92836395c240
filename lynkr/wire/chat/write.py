"""Chat Completions requests, written. https://platform.openai.com/docs/api-reference/chat/create

A request of this dialect goes out in the client's own words (``chat_requests``) but for what was
changed on the way; capabilities are not looked at. One of another dialect is written with what the
target has, as its flags in the catalog say; the rest is a loss:

| flag | without it |
| --- | --- |
| developer_role | system messages have the role `system`, not `developer` |
| max_completion_tokens | `max_tokens` takes its place |
| reasoning_effort, reasoning_none | no `reasoning_effort`; no such thing as "none" in it |
| thinking_switch | no `thinking: {"type": "enabled" or "disabled"}` (DeepSeek, GLM, Kimi) |
| reasoning_content, reasoning_details, extra_content | not taken back in the history: `thinking` |
| json_schema, json_object | `output_format` |
| stream_usage | `stream_options` is not sent, and the reply may lack its usage |
| parallel_tool_calls, custom_tools | losses of these names |
| strict_tools | `tool.strict` |
| tool_choice_required, tool_choice_named | `tool_choice` |
| images, image_urls, documents, document_urls, audio | losses of these names in the singular |
| sampling | `temperature`, `top_p`, unless they are 1 |
| cache_control | cache marks on texts (OpenRouter with Claude) |
| call_ids_of_nine | ids of calls are cut to 40 characters, not to Mistral's nine |
| stop | `stop_sequences` |
| logprobs, seed, top_k, penalties, n, verbosity, user, metadata, service_tier, store, | |
| prompt_cache_key, prompt_cache_retention | losses of the fields' neutral names |

Reasoning: an effort is written as it is. A budget of tokens becomes an effort: low up to 2,048,
medium up to 8,192, else high. A client that wants no thinking gets `none` where there is such a
thing, else nothing is said; that is no loss, since it asked for nothing. Nor is an adaptive mode,
where the model can reason at all: it leaves the matter to the model.
"""

from __future__ import annotations

from lynkr.wire.chat.messages import ALL, checksum, written_messages
from lynkr.wire.chat.reasoning import NAME
from lynkr.wire.chat.requests import ChatRequest, ChatTool, read_settings, read_tool
from lynkr.wire.codec import USUAL_TIERS, USUAL_VERBOSITIES, Losses, Target
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Json, OutputFormat, Reasoning, Request, Tool, ToolChoice

BUDGET_LOW_MAX = 2048
BUDGET_MEDIUM_MAX = 8192
USER_LENGTH_MAX = 64

# Under which names a request keeps each of its fields.
_NAMES: dict[str, tuple[str, ...]] = {
    "stream": ("stream",),
    "include_usage": ("stream_options", "usage"),
    "tool_choice": ("tool_choice",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "max_output_tokens": ("max_tokens", "max_completion_tokens"),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "stop": ("stop",),
    "seed": ("seed",),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "candidates": ("n",),
    "logprobs": ("logprobs",),
    "top_logprobs": ("top_logprobs",),
    "reasoning": ("reasoning_effort", "reasoning", "thinking"),
    "output": ("response_format",),
    "verbosity": ("verbosity",),
    "user": ("user", "safety_identifier"),
    "metadata": ("metadata",),
    "prompt_cache_key": ("prompt_cache_key",),
    "prompt_cache_retention": ("prompt_cache_retention",),
    "service_tier": ("service_tier",),
    "store": ("store",),
}
_OWN = ALL - {"thinking_switch"}  # a second way to say the same
_TIERS = {"standard_only": "default"}  # Anthropic's words


def encode_request(request: Request, target: Target, losses: Losses) -> bytes:
    """The body for a target of this dialect."""
    own = request.format == NAME
    can = ALL if own else target.capabilities
    body: Json = {"model": target.model, "messages": written_messages(request, can, losses)}
    if own:
        body.update(_own_settings(request, target))
    else:
        losses.extras(request.extras)
        body.update(_Settings(request, target, losses).written())
    return dumps(body)


def _own_settings(request: Request, target: Target) -> Json:
    """The client's own words; of each field whose meaning was changed, ours."""
    said = request.said if isinstance(request, ChatRequest) else {}
    again = read_settings(said)
    written = {name: value for name, value in said.items() if name != "model"}
    now = _Settings(request, target, Losses(), own=True).written()
    for field, names in _NAMES.items():
        if getattr(request, field) != getattr(again, field):
            for name in names:
                written.pop(name, None)
                if name in now:
                    written[name] = now[name]
    if request.tools != again.tools:
        written["tools"] = [_own_tool(tool) for tool in request.tools]
        if not request.tools:
            del written["tools"]
    if request.extras != again.extras:
        for name in again.extras:
            written.pop(name, None)
        written.update(request.extras)
    return written


def _own_tool(tool: Tool) -> Json:
    if isinstance(tool, ChatTool) and read_tool(tool.said, "") == tool:
        return tool.said
    if tool.kind == "hosted":
        return tool.value
    written = _tool(tool, strict=True)
    inner = written[str(written["type"])]
    assert isinstance(inner, dict)
    inner.update(tool.extras)
    if tool.cache is not None:
        mark: Json = {"type": "ephemeral", "ttl": tool.cache.ttl}
        written["cache_control"] = mark if tool.cache.ttl else {"type": "ephemeral"}
    return written


def _tool(tool: Tool, *, strict: bool) -> Json:
    """A function or custom tool."""
    inner: Json = {"name": tool.name}
    if tool.description is not None:
        inner["description"] = tool.description
    if tool.kind == "custom":
        if tool.grammar is not None:
            inner["format"] = _format(tool.grammar)
        return {"type": "custom", "custom": inner}
    if tool.parameters is not None:
        inner["parameters"] = tool.parameters
    if tool.strict is not None and strict:
        inner["strict"] = tool.strict
    return {"type": "function", "function": inner}


def _format(grammar: Json) -> Json:
    """Nested again, as Chat has it."""
    if grammar.get("type") != "grammar":
        return grammar
    inner = {name: value for name, value in grammar.items() if name != "type"}
    return {"type": "grammar", "grammar": inner}


class _Settings:
    """All of a body but model and messages."""

    def __init__(
        self, request: Request, target: Target, losses: Losses, *, own: bool = False
    ) -> None:
        self._request = request
        self._target = target
        self._losses = losses
        self._own = own
        self._can = _OWN if own else target.capabilities
        self._body: Json = {}

    def written(self) -> Json:
        self._tools()
        self._limits()
        self._sampling()
        self._names()
        if self._request.output is not None:
            self._output(self._request.output)
        if self._request.reasoning is not None:
            self._reasoning(self._request.reasoning)
        if self._request.stream:
            self._body["stream"] = True
            # A client whose dialect always tells the usage expects it.
            if self._request.include_usage and "stream_usage" in self._can:
                self._body["stream_options"] = {"include_usage": True}
        return self._body

    def _field(
        self, flag: str, name: str, value: object, *, neutral: str = "", usual: tuple[str, ...] = ()
    ) -> None:
        """A field that needs a flag. What is empty says nothing, nor does what is ``usual``."""
        if value in (None, "", [], {}):
            return
        if flag in self._can:
            self._body[name] = value
        elif value not in usual:
            self._losses.add(neutral or name)

    def _set(self, value: float | None) -> float | None:
        """What is off anyway is nothing that another dialect's client could miss."""
        return value if self._own else value or None

    def _changed(self, value: float | None) -> float | None:
        """1 is what a model does that takes no other value."""
        return None if value == 1 and "sampling" not in self._can else value

    def _user(self, user: str) -> str:
        """OpenAI takes 64 characters, and recommends a hash; Claude Code sends more."""
        return user if self._own or len(user) <= USER_LENGTH_MAX else checksum(user)

    # --- tools ------------------------------------------------------------------------------------

    def _tools(self) -> None:
        request, tools = self._request, []
        for n, tool in enumerate(request.tools):
            if tool.kind == "hosted":
                self._losses.add(str(tool.value.get("type") or tool.name), f"tools.{n}")
                continue
            if tool.kind == "custom" and "custom_tools" not in self._can:
                self._losses.add("custom_tools", f"tools.{n}")
                continue
            if tool.strict and "strict_tools" not in self._can:
                self._losses.add("tool.strict", f"tools.{n}.strict")
            if tool.cache is not None:
                self._losses.add("tool.cache_control", f"tools.{n}.cache_control")
            self._losses.extras(tool.extras, f"tools.{n}")
            tools.append(_tool(tool, strict="strict_tools" in self._can))
        if tools:
            self._body["tools"] = tools
        if request.tool_choice is not None:
            self._choice(request.tool_choice, bool(tools))
        # OpenAI refuses this field, like the choice, where there are no tools.
        parallel = request.parallel_tool_calls
        if parallel is not None and (tools or self._own):
            if "parallel_tool_calls" in self._can:
                self._body["parallel_tool_calls"] = parallel
            elif not parallel:  # to allow it is to ask for nothing
                self._losses.add("parallel_tool_calls")

    def _choice(self, choice: ToolChoice, tools: bool) -> None:
        self._losses.extras(choice.extras, "tool_choice")
        if not (tools or self._own):
            if choice.mode in ("required", "tool"):
                self._losses.add("tool_choice")
            return
        if choice.mode == "tool":
            if "tool_choice_named" not in self._can:
                self._losses.add("tool_choice")
                return
            kind = "custom" if choice.kind == "custom" else "function"
            self._body["tool_choice"] = {"type": kind, kind: {"name": choice.name}}
        elif choice.mode == "required" and "tool_choice_required" not in self._can:
            self._losses.add("tool_choice")
        else:
            self._body["tool_choice"] = choice.mode

    # --- numbers and names ------------------------------------------------------------------------

    def _limits(self) -> None:
        limit = self._request.max_output_tokens
        if limit is None:
            return
        if self._target.output_tokens_max is not None:
            # The model cannot write more, and its server refuses to be asked for it.
            limit = min(limit, self._target.output_tokens_max)
        said = self._request.said if isinstance(self._request, ChatRequest) else {}
        legacy = "max_tokens" in said and "max_completion_tokens" not in said
        newer = "max_completion_tokens" in self._can and not legacy
        self._body["max_completion_tokens" if newer else "max_tokens"] = limit

    def _sampling(self) -> None:
        request = self._request
        self._field("sampling", "temperature", self._changed(request.temperature))
        self._field("sampling", "top_p", self._changed(request.top_p))
        self._field("top_k", "top_k", request.top_k)
        self._field("stop", "stop", request.stop, neutral="stop_sequences")
        self._field("seed", "seed", request.seed)
        self._field("penalties", "presence_penalty", self._set(request.presence_penalty))
        self._field("penalties", "frequency_penalty", self._set(request.frequency_penalty))
        self._field("n", "n", None if request.candidates == 1 else request.candidates)
        self._field("logprobs", "logprobs", self._set(request.logprobs))
        self._field("logprobs", "top_logprobs", self._set(request.top_logprobs))

    def _names(self) -> None:
        request = self._request
        self._field("verbosity", "verbosity", request.verbosity, usual=USUAL_VERBOSITIES)
        self._field("user", "user", self._user(request.user))
        self._field("metadata", "metadata", request.metadata)
        self._field("prompt_cache_key", "prompt_cache_key", request.prompt_cache_key)
        self._field(
            "prompt_cache_retention", "prompt_cache_retention", request.prompt_cache_retention
        )
        tier = _TIERS.get(request.service_tier, request.service_tier)
        self._field("service_tier", "service_tier", tier, usual=USUAL_TIERS)
        self._field("store", "store", self._set(request.store))
        if request.previous_response_id:
            self._losses.add("previous_response_id")

    # --- output and reasoning ---------------------------------------------------------------------

    def _output(self, output: OutputFormat) -> None:
        if output.kind == "text":
            return
        self._losses.extras(output.extras, "output_format")
        if output.kind not in self._can:
            self._losses.add("output_format")
            return
        form: Json = {"type": output.kind}
        if output.kind == "json_schema":
            # The dialect demands a name, and others have none.
            inner: Json = {"name": output.name or "response"}
            if output.description:
                inner["description"] = output.description
            if output.schema is not None:
                inner["schema"] = output.schema
            if output.strict is not None:
                inner["strict"] = output.strict
            form["json_schema"] = inner
        self._body["response_format"] = form

    def _reasoning(self, reasoning: Reasoning) -> None:
        self._losses.extras(reasoning.extras, "reasoning")
        shown = "reasoning_content" in self._can or "reasoning_details" in self._can
        if reasoning.summary and not shown:
            self._losses.add("reasoning.summary")
        effort = _effort(reasoning)
        if effort == "none":
            if "reasoning_none" in self._can:
                self._body["reasoning_effort"] = "none"
            if "thinking_switch" in self._can:
                self._body["thinking"] = {"type": "disabled"}
            return
        if "thinking_switch" in self._can and (effort or reasoning.mode):
            self._body["thinking"] = {"type": "enabled"}
        if "reasoning_effort" in self._can:
            if effort:
                self._body["reasoning_effort"] = effort
        elif (effort or reasoning.mode) and "thinking_switch" not in self._can:
            self._losses.add("reasoning")


def _effort(reasoning: Reasoning) -> str:
    """One word of the dialect's seven; "" leaves it to the model."""
    if reasoning.mode == "disabled":
        return "none"
    if reasoning.effort:
        return reasoning.effort
    budget = reasoning.budget_tokens
    if budget is None:
        return ""
    if budget <= BUDGET_LOW_MAX:
        return "low"
    return "medium" if budget <= BUDGET_MEDIUM_MAX else "high"
