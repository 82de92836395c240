"""Requests for Bedrock's Converse, written: ``Request`` -> body.

A request of another dialect is fitted first, and then written as if it had been Bedrock's own:

* System and developer messages before the first other one join ``system``. Later ones are said by
  the user, at their place: moved to the front they would break the cached prefix. If there is no
  other message at all, the last one is the user's.
* Results become the user's, first in the turn; neighbours of one role are merged.
* What Converse has no place for is reported and left out.

Capabilities asked for, besides those of ``bedrock_fitting`` and, since Claude's thinking is asked
for as in its own API, of ``anthropic_thinking``: "top_k" (Claude's), "fixed_sampling" (the model
refuses temperature, topP and top_k), "structured_output" (``outputConfig.textFormat``, ``strict``
tools) and "service_tier". Shapes:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import re

import msgspec

from lynkr.wire.anthropic.thinking import Thought, thought
from lynkr.wire.codec import USUAL_TIERS, USUAL_VERBOSITIES, Losses, Target
from lynkr.wire.converse.blocks import ADDITIONAL, CLAUDE, NAME, write_blocks, written_mark
from lynkr.wire.converse.fitting import PartFitting
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import (
    Json,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from lynkr.wire.turns import as_turns

_TIERS = ("default", "flex", "priority", "reserved")
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
_METADATA_KEY = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")
_METADATA_VALUE = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_METADATA_MAX = 16
_TOP_P_MIN = 0.95  # while Claude thinks


def encode_request(request: Request, target: Target, losses: Losses) -> bytes:
    """The body for ``/model/{modelId}/converse`` and ``converse-stream`` alike."""
    if request.format == NAME:
        messages = _own_seals_only(request.messages, losses)
        return dumps(_body(msgspec.structs.replace(request, messages=messages)))
    body = _body(_Fitting(request, target, losses).request())
    return dumps({"messages": [], **body})


def _own_seals_only(messages: list[Message], losses: Losses) -> list[Message]:
    """Without another model's reasoning, which a client of this dialect kept for it."""
    found: list[Message] = []
    for index, message in enumerate(messages):
        kept: list[Part] = []
        for at, part in enumerate(message.parts):
            if isinstance(part, Thinking) and part.seal and part.seal.format not in (CLAUDE, NAME):
                losses.add("thinking", f"messages.{index}.content.{at}")
            else:
                kept.append(part)
        found.append(msgspec.structs.replace(message, parts=kept))
    return found


def _body(request: Request) -> Json:
    left = dict(request.extras)

    def table(name: str, fields: dict[str, object]) -> Json:
        """The object of that name: what is set, and what the vocabulary had no word for."""
        rest = left.pop(name, None)
        said = {key: value for key, value in fields.items() if value is not None}
        whole = {**said, **(rest if isinstance(rest, dict) else {})}
        return {name: whole} if whole else {}

    body: Json = {}
    if request.messages:
        body["messages"] = [
            {"role": message.role, "content": write_blocks(message.parts), **message.extras}
            for message in request.messages
        ]
    if request.system is not None:
        body["system"] = write_blocks(request.system.parts)
    body |= table(
        "inferenceConfig",
        {
            "maxTokens": request.max_output_tokens,
            "temperature": request.temperature,
            "topP": request.top_p,
            "stopSequences": request.stop or None,
        },
    )
    body |= table(
        "toolConfig",
        {"tools": _tools(request.tools) or None, "toolChoice": _choice(request.tool_choice)},
    )
    reasoning = request.reasoning
    body |= table(
        ADDITIONAL,
        {"top_k": request.top_k, "thinking": _thinking(reasoning) if reasoning else None},
    )
    body |= table(
        "outputConfig",
        {
            "textFormat": _text_format(request),
            "effort": reasoning.effort or None if reasoning is not None else None,
        },
    )
    if request.metadata is not None:
        body["requestMetadata"] = request.metadata
    if request.service_tier:
        body["serviceTier"] = {"type": request.service_tier}
    return {**body, **left}


def _tools(tools: list[Tool]) -> list[Json]:
    written: list[Json] = []
    for tool in tools:
        if tool.kind == "hosted":
            written.append(tool.value)
        else:
            spec: Json = {"name": tool.name}
            if tool.description is not None:
                spec["description"] = tool.description
            if tool.parameters is not None:
                spec["inputSchema"] = {"json": tool.parameters}
            if tool.strict is not None:
                spec["strict"] = tool.strict
            written.append({"toolSpec": {**spec, **tool.extras}})
        if tool.cache is not None:
            written.append(written_mark(tool.cache))
    return written


def _choice(choice: ToolChoice | None) -> Json | None:
    if choice is None:
        return None
    if choice.mode == "tool":
        return {"tool": {"name": choice.name, **choice.extras}}
    return {"auto" if choice.mode == "auto" else "any": choice.extras}


def _thinking(reasoning: Reasoning) -> Json | None:
    if not reasoning.mode:
        return None
    budget = reasoning.budget_tokens
    said: Json = {} if budget is None else {"budget_tokens": budget}
    return {"type": reasoning.mode, **said, **reasoning.extras}


def _text_format(request: Request) -> Json | None:
    output = request.output
    if output is None or output.schema is None:
        return None
    definition: Json = {"schema": dumps(output.schema).decode()}
    if output.name:
        definition["name"] = output.name
    if output.description:
        definition["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": {**definition, **output.extras}}}


# --- fitting --------------------------------------------------------------------------------------


class _Fitting(PartFitting):
    """One request of another dialect on its way to Converse."""

    def __init__(self, request: Request, target: Target, losses: Losses) -> None:
        super().__init__(target, losses)
        self._asked = request

    def request(self) -> Request:
        asked = self._asked
        system, messages = self._conversation()
        tools, choice = self._tools(messages)
        self._without_a_place()
        limit = asked.max_output_tokens
        if limit is not None and self.target.output_tokens_max is not None:
            limit = min(limit, self.target.output_tokens_max)
        found = self._thought(limit)
        fixed = "fixed_sampling" in self.target.capabilities
        free = not found.thinks or (asked.top_p is not None and asked.top_p >= _TOP_P_MIN)
        additional: Json = {} if found.thinking is None else {"thinking": found.thinking}
        if found.effort:
            additional["output_config"] = {"effort": found.effort}
        return Request(
            format=NAME,
            model=self.target.model,
            messages=messages,
            system=system,
            tools=tools,
            tool_choice=choice,
            max_output_tokens=limit,
            temperature=self._sampling("temperature", asked.temperature, fixed or found.thinks),
            top_p=self._sampling("top_p", asked.top_p, fixed or not free),
            top_k=self._top_k(fixed or found.thinks),
            stop=[text for text in asked.stop if text],
            output=self._output(),
            metadata=self._metadata(),
            service_tier=self._service_tier(),
            extras={ADDITIONAL: additional} if additional else {},
        )

    def _without_a_place(self) -> None:
        asked = self._asked
        for name, said in (
            ("seed", asked.seed is not None),
            ("presence_penalty", asked.presence_penalty),
            ("frequency_penalty", asked.frequency_penalty),
            ("n", asked.candidates is not None and asked.candidates > 1),
            ("logprobs", asked.logprobs),
            ("top_logprobs", asked.top_logprobs),
            ("verbosity", asked.verbosity not in USUAL_VERBOSITIES),
            ("user", asked.user),
            ("prompt_cache_key", asked.prompt_cache_key),
            ("prompt_cache_retention", asked.prompt_cache_retention),
            ("store", asked.store),
            ("previous_response_id", asked.previous_response_id),
            ("parallel_tool_calls", asked.parallel_tool_calls is False),
        ):
            if said:
                self.losses.add(name)
        self.losses.extras(asked.extras)

    def _conversation(self) -> tuple[Message | None, list[Message]]:
        """The system prompt, and the turns."""
        system: list[Part] = []
        if self._asked.system is not None:
            system += self.parts(self._asked.system, "system")
        messages: list[Message] = []
        begun = False
        last = len(self._asked.messages) - 1  # there must be a turn, if only an instruction's
        for index, message in enumerate(self._asked.messages):
            at = f"messages.{index}"
            if message.name:
                self.losses.add("message.name", f"{at}.name")
            self.losses.extras(message.extras, at)
            parts = self.parts(message, f"{at}.content")
            instructs = message.role in ("system", "developer")
            if instructs and not begun and index < last:
                system += parts
                continue
            begun = True
            if parts:
                role = "user" if instructs else message.role
                messages.append(Message(role=role, parts=parts))
        prompt = Message(role="system", parts=system) if system else None
        return prompt, as_turns(messages)

    # tools

    def _tools(self, messages: list[Message]) -> tuple[list[Tool], ToolChoice | None]:
        tools = [
            fitted
            for index, tool in enumerate(self._asked.tools)
            if (fitted := self._tool(tool, f"tools.{index}")) is not None
        ]
        used = any(
            isinstance(part, (ToolCall, ToolResult))
            for message in messages
            for part in message.parts
        )
        if used and not tools:
            self.losses.add("tools")  # Bedrock refuses calls in the history without it
        choice = self._asked.tool_choice
        if choice is None:
            return tools, None
        self.losses.extras(choice.extras, "tool_choice")
        if choice.mode == "none":
            if not used:
                return [], None  # nothing to call is the same as calling nothing
            self.losses.add("tool_choice")
            return tools, None
        missing = choice.mode == "tool" and all(tool.name != choice.name for tool in tools)
        if missing or (choice.mode == "required" and not tools):
            self.losses.add("tool_choice")
            return tools, None
        return tools, ToolChoice(mode=choice.mode, name=choice.name) if tools else None

    def _tool(self, tool: Tool, at: str) -> Tool | None:
        if tool.kind != "function":
            self.losses.add(str(tool.value.get("type") or tool.name or tool.kind), at)
            return None
        self.losses.extras(tool.extras, at)
        schema = {"properties": {}} if tool.parameters is None else tool.parameters
        strict = self.takes("structured_output", tool.strict is True, "tool.strict", f"{at}.strict")
        return Tool(
            name=tool.name,
            description=tool.description or None,
            # Bedrock demands a schema of an object; arguments are one in every dialect.
            parameters=schema if "type" in schema else {"type": "object", **schema},
            strict=True if strict else None,
            cache=self.mark(tool.cache, at, "tool.cache_control"),
        )

    # settings

    def _thought(self, limit: int | None) -> Thought:
        """Claude's fields. Unlike elsewhere, an effort asks for no thinking in its own dialect."""
        asked, reasoning = self._asked, self._asked.reasoning
        if reasoning is None or asked.format != CLAUDE:
            return self._told(reasoning, limit)
        effort = ""
        if reasoning.effort:
            effort = self._told(Reasoning(effort=reasoning.effort), limit).effort
            if not effort:
                self.losses.add("reasoning", "reasoning.effort")
        if not reasoning.mode:
            self.losses.extras(reasoning.extras, "reasoning")
            return Thought(effort=effort)
        found = self._told(msgspec.structs.replace(reasoning, effort=""), limit)
        return Thought(found.thinking, effort or found.effort)

    def _told(self, reasoning: Reasoning | None, limit: int | None) -> Thought:
        target = self.target
        limit = limit or target.output_tokens_max or target.output_tokens_default
        request = msgspec.structs.replace(self._asked, reasoning=reasoning)
        return thought(request, target, limit, self.losses)

    def _sampling(self, name: str, value: float | None, fixed: bool) -> float | None:
        """``fixed``: only the default is taken, which is 1. Converse ends there, others at 2."""
        if value is None or (value <= 1 and not fixed):
            return value
        if value != 1:
            self.losses.add(name)
        return None

    def _top_k(self, fixed: bool) -> int | None:
        value = self._asked.top_k
        if fixed and value is not None:
            self.losses.add("top_k")
            return None
        return value if self.takes("top_k", value is not None, "top_k") else None

    def _output(self) -> OutputFormat | None:
        """Strict or not: Bedrock always keeps to the schema."""
        output = self._asked.output
        if output is None or output.kind == "text":
            return None
        self.losses.extras(output.extras, "output_format")
        fits = output.kind == "json_schema" and output.schema is not None
        if not fits or "structured_output" not in self.target.capabilities:
            self.losses.add("output_format")
            return None
        return msgspec.structs.replace(output, extras={})

    def _metadata(self) -> Json | None:
        asked = self._asked.metadata
        if not asked:
            return None
        if len(asked) <= _METADATA_MAX and all(
            isinstance(value, str)
            and _METADATA_KEY.fullmatch(name)
            and _METADATA_VALUE.fullmatch(value)
            for name, value in asked.items()
        ):
            return asked
        self.losses.add("metadata")
        return None

    def _service_tier(self) -> str:
        tier = self._asked.service_tier
        if tier in USUAL_TIERS:
            return ""
        if tier in _TIERS and "service_tier" in self.target.capabilities:
            return tier
        self.losses.add("service_tier")
        return ""
