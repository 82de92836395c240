"""Messages requests, written: the neutral vocabulary to JSON.

A request of this dialect is written as it was read. One of another dialect is fitted to the rules
of Anthropic's API (https://platform.claude.com/docs/en/api/messages/create):

* System and developer messages before the first other one join ``system``. Later ones become
  system messages where the target has "mid_conversation_system" and the place is one that the API
  allows: behind a user's turn, and before an assistant's or at the end
  (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages). Else
  their text is the user's, in the same place. If there is no other message at all, the last one is
  the user's.
* Turns: results of calls become the user's, first in the turn, neighbours of one role are merged.
* Messages left empty are left out.
* ``max_tokens`` is demanded: the client's limit, else that of the model, else the target's default.

Capabilities asked for, besides those of ``anthropic_thinking``: "mid_conversation_system",
"structured_output" (``output_config.format``, ``strict`` tools) and "fixed_sampling" (the model
refuses ``temperature``, ``top_p`` and ``top_k``).
"""

from __future__ import annotations

import msgspec

from lynkr.wire.anthropic.blocks import BlockWriter
from lynkr.wire.anthropic.requests import OLDER_FORMAT
from lynkr.wire.anthropic.thinking import Thought, thought
from lynkr.wire.codec import USUAL_VERBOSITIES, Losses, Target
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import Json, Message, Part, Request, Tool, ToolChoice
from lynkr.wire.turns import as_turns

_CHOICES = {"auto": "auto", "required": "any", "tool": "tool", "none": "none"}
_TOP_P_MIN = 0.95  # with thinking


def encode_request(request: Request, target: Target, losses: Losses) -> bytes:
    """The body for ``target``. What it cannot carry is in ``losses`` afterwards."""
    writer = _Writer(request, losses)
    return dumps(writer.own(target) if writer.is_own else writer.foreign(target))


class _Writer(BlockWriter):
    """One request on its way out."""

    # --- the whole body ---------------------------------------------------------------------------

    def own(self, target: Target) -> Json:
        """A request of this dialect. Only thinking that another provider sealed is left out."""
        request = self.request
        messages: list[Json] = []
        for message in request.messages:
            content = self.content(message)
            if content or message.plain or not message.parts:
                messages.append({"role": message.role, "content": content, **message.extras})
        body: Json = {"model": target.model, "messages": messages}
        if request.system is not None:
            body["system"] = self.content(request.system)
        if request.tools:
            body["tools"] = [self._own_tool(tool) for tool in request.tools]
        choice = self._choice(request.tool_choice, request.parallel_tool_calls)
        self._set(body, "tool_choice", choice)
        self._set(body, "max_tokens", request.max_output_tokens)
        for name in ("temperature", "top_p", "top_k"):
            self._set(body, name, getattr(request, name))
        thinking: Json = {}
        config: Json = {}
        reasoning = request.reasoning
        if reasoning is not None:
            if reasoning.mode:
                thinking["type"] = reasoning.mode
            self._set(thinking, "budget_tokens", reasoning.budget_tokens)
            if reasoning.summary:
                thinking["display"] = "summarized"
            thinking.update(reasoning.extras)
            if reasoning.effort:
                config["effort"] = reasoning.effort
        output = request.output
        if output is not None:
            given = {"type": output.kind, "schema": output.schema, **output.extras}
            (body if output.name == OLDER_FORMAT else config)[output.name or "format"] = given
        if thinking:
            body["thinking"] = thinking
        extras = dict(request.extras)
        self._joined(body, "output_config", config, extras)
        self._joined(body, "metadata", {"user_id": request.user} if request.user else {}, extras)
        self._finish(body)
        body.update(extras)
        return body

    def foreign(self, target: Target) -> Json:
        """A request of another dialect."""
        request = self.request
        limit = request.max_output_tokens
        if limit is None:
            limit = target.output_tokens_max or target.output_tokens_default
        system, messages = self._turns("mid_conversation_system" in target.capabilities)
        body: Json = {"model": target.model, "max_tokens": limit}
        if system:
            body["system"] = system
        body["messages"] = messages
        structured = "structured_output" in target.capabilities
        tools = self._tools(structured)
        if tools:
            body["tools"] = tools
        self._set(body, "tool_choice", self._foreign_choice(bool(tools)))
        found = thought(request, target, limit, self.losses)
        self._set(body, "thinking", found.thinking)
        self._sampling(body, "fixed_sampling" in target.capabilities, found)
        config: Json = {}
        if found.effort:
            config["effort"] = found.effort
        if self._schema_fits(structured) and request.output is not None:
            config["format"] = {"type": "json_schema", "schema": request.output.schema}
        if config:
            body["output_config"] = config
        if request.user:
            body["metadata"] = {"user_id": request.user}
        self._finish(body)
        self._refuse()
        return body

    def _finish(self, body: Json) -> None:
        request = self.request
        stop = request.stop
        if not self.is_own:
            for index, text in enumerate(stop):
                if not text.strip():  # "each stop sequence must contain non-whitespace"
                    self.losses.add("stop_sequences", f"stop_sequences.{index}")
            stop = [text for text in stop if text.strip()]
        if stop:
            body["stop_sequences"] = stop
        tier = request.service_tier
        if tier and not self.is_own:
            # OpenAI's "default" is Anthropic's "standard_only"; "auto" is the same in both.
            tier = {"auto": "auto", "default": "standard_only"}.get(tier, "")
            if not tier:
                self.losses.add("service_tier")
        if tier:
            body["service_tier"] = tier
        if request.stream:
            body["stream"] = True

    def _joined(self, body: Json, name: str, known: Json, extras: Json) -> None:
        """An object of known fields and of those that were kept under its name."""
        rest = extras.pop(name, None)
        if isinstance(rest, dict):
            known = {**known, **rest}
        if known:
            body[name] = known

    def _set(self, body: Json, name: str, value: object) -> None:
        if value is not None:
            body[name] = value

    # --- losses -----------------------------------------------------------------------------------

    def _refuse(self) -> None:
        """What is left of a foreign request: nothing of it has a place here."""
        request, losses = self.request, self.losses
        if request.seed is not None:
            losses.add("seed")
        for name, value in (
            ("presence_penalty", request.presence_penalty),
            ("frequency_penalty", request.frequency_penalty),
            ("n", (request.candidates or 1) > 1),
            ("logprobs", request.logprobs),
            ("top_logprobs", request.top_logprobs),
            ("verbosity", request.verbosity not in USUAL_VERBOSITIES),
            ("metadata", request.metadata),
            ("prompt_cache_key", request.prompt_cache_key),
            ("prompt_cache_retention", request.prompt_cache_retention),
            ("store", request.store),
            ("previous_response_id", request.previous_response_id),
        ):
            if value:
                losses.add(name)
        self.losses.extras(request.extras)

    # --- turns ------------------------------------------------------------------------------------

    def _turns(self, native: bool) -> tuple[list[Json], list[Json]]:
        """``system`` and ``messages`` of a foreign request."""
        made: dict[int, Json] = {}
        kept: list[Message] = []
        request = self.request
        given = request.messages if request.system is None else [request.system, *request.messages]
        for message in given:
            parts: list[Part] = []
            for part in message.parts:
                block = self.fitting(part, message.role)
                if block is not None:
                    made[id(part)] = block
                    parts.append(part)
            if message.name or message.extras:
                self._message_losses(message)
            if parts:
                kept.append(msgspec.structs.replace(message, parts=parts))
        leading, rest = _placed(kept, native)
        system = [made[id(part)] for message in leading for part in message.parts]
        messages: list[Json] = [
            {"role": turn.role, "content": [made[id(part)] for part in turn.parts]}
            for turn in as_turns(rest)
        ]
        return system, messages

    def _message_losses(self, message: Message) -> None:
        messages = self.request.messages
        index = next((at for at, each in enumerate(messages) if each is message), None)
        where = "system" if index is None else f"messages.{index}"
        if message.name:
            self.losses.add("message.name", f"{where}.name")
        self.losses.extras(message.extras, where)

    # --- tools and settings -----------------------------------------------------------------------

    def _own_tool(self, tool: Tool) -> Json:
        if tool.kind == "hosted":
            return tool.value
        written: Json = {"name": tool.name}
        self._set(written, "description", tool.description)
        self._set(written, "input_schema", tool.parameters)
        self._set(written, "strict", tool.strict)
        if tool.deferred:
            written["defer_loading"] = True
        if tool.cache is not None:
            written["cache_control"] = self.mark(tool.cache)
        written.update(tool.extras)
        return written

    def _tools(self, structured: bool) -> list[Json]:
        found: list[Json] = []
        for index, tool in enumerate(self.request.tools):
            at = f"tools.{index}"
            if tool.kind != "function":
                hosted = tool.kind == "hosted"
                self.losses.add(str(tool.value.get("type")) if hosted else tool.kind, at)
                continue
            written: Json = {"name": tool.name}
            if tool.description:
                written["description"] = tool.description
            # Demanded, with its type; arguments are an object in every dialect.
            schema = tool.parameters if tool.parameters is not None else {"properties": {}}
            written["input_schema"] = schema if "type" in schema else {"type": "object", **schema}
            if tool.strict and structured:
                written["strict"] = True
            elif tool.strict:
                self.losses.add("tool.strict", f"{at}.strict")
            if tool.cache is not None:
                written["cache_control"] = self.mark(tool.cache)
                self.losses.extras(tool.cache.extras, f"{at}.cache_control")
            self.losses.extras(tool.extras, at)
            found.append(written)
        return found

    def _choice(self, choice: ToolChoice | None, parallel: bool | None) -> Json | None:
        if choice is None:
            return None
        written: Json = {"type": _CHOICES[choice.mode]}
        if choice.mode == "tool":
            written["name"] = choice.name
        if parallel is not None:
            written["disable_parallel_tool_use"] = not parallel
        if self.is_own:
            written.update(choice.extras)
        return written

    def _foreign_choice(self, tools: bool) -> Json | None:
        """Without tools the API refuses any choice, and there is nothing to choose from."""
        request = self.request
        choice = request.tool_choice
        if choice is not None:
            self.losses.extras(choice.extras, "tool_choice")
        if not tools or (
            choice is not None and choice.mode == "tool" and choice.kind != "function"
        ):
            if choice is not None and choice.mode in ("required", "tool"):
                self.losses.add("tool_choice")
            return None
        alone = request.parallel_tool_calls is False
        if choice is None and alone:
            choice = ToolChoice(mode="auto")
        if choice is not None and choice.mode == "none":
            alone = False  # it knows no such field
        return self._choice(choice, False if alone else None)

    def _sampling(self, body: Json, fixed: bool, found: Thought) -> None:
        """Values other than the defaults of both APIs, where the model takes them."""
        request = self.request
        thinks = found.thinks
        temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
        if temperature is not None and temperature != 1:
            if fixed or thinks or temperature > 1:
                self.losses.add("temperature")
            else:
                body["temperature"] = temperature
        if top_p is not None and top_p != 1:
            if fixed or (thinks and top_p < _TOP_P_MIN):
                self.losses.add("top_p")
            else:
                body["top_p"] = top_p
        if top_k is not None:
            if fixed or thinks:
                self.losses.add("top_k")
            else:
                body["top_k"] = top_k

    def _schema_fits(self, structured: bool) -> bool:
        """Anthropic's formats have no name, and are always strict."""
        output = self.request.output
        if output is None or output.kind == "text":
            return False
        if output.kind == "json_object" or output.schema is None or not structured:
            self.losses.add("output_format")
            return False
        if output.description:
            self.losses.add("output_format.description")
        self.losses.extras(output.extras, "output_format")
        return True


def _placed(messages: list[Message], native: bool) -> tuple[list[Message], list[Message]]:
    """System messages before the first turn, and the turns; system messages among these are only
    where the API allows one, and there is one at most."""
    start = 0
    while start < len(messages) and _is_system(messages[start]):
        start += 1
    if start == len(messages) and start:
        start -= 1
    found: list[Message] = []
    for index in range(start, len(messages)):
        message = messages[index]
        if not _is_system(message):
            found.append(message)
            continue
        follows = next((each for each in messages[index:] if not _is_system(each)), None)
        last = found[-1] if found else None
        if not native or last is None or last.role == "assistant" or (
            follows is not None and follows.role != "assistant"
        ):  # fmt: skip
            found.append(Message(role="user", parts=message.parts))
        elif last.role == "system":
            last.parts = last.parts + message.parts
        else:
            found.append(Message(role="system", parts=message.parts))
    return messages[:start], found


def _is_system(message: Message) -> bool:
    return message.role in ("system", "developer")
