"""OpenAI Responses: requests of other dialects written.

https://platform.openai.com/docs/api-reference/responses/create

Added to what the client said, because the API would do something else without them, or refuse:

* ``store: false``, unless the client asked for storage: it would keep the conversation for a month;
* ``include: ["reasoning.encrypted_content"]`` where the model has it (capability
  ``encrypted_reasoning``): without it reasoning could not be sent back;
* ``strict: false`` at function tools that do not say: absent means true here, and only here;
* empty ``parameters`` at a tool without any; a name for a schema or a file without one;
* a call id of more than 64 characters, and a user id of more than 128, become a checksum;
* ``max_output_tokens`` is at most the model's own limit.

Capabilities asked for: custom_tools, documents, encrypted_reasoning, image_urls, images,
json_schema, logprobs, metadata, parallel_tool_calls, prompt_cache_key, reasoning, reasoning_none
(it takes the effort "none"), sampling (temperature, top_p), service_tier, user, verbosity; and of
servers that go beyond OpenAI: audio, penalties, seed, stop, top_k.
"""

from __future__ import annotations

import hashlib

import msgspec

from lynkr.wire.codec import USUAL_TIERS, USUAL_VERBOSITIES, Losses, Target
from lynkr.wire.message import (
    Audio,
    Document,
    Image,
    Json,
    Message,
    Offer,
    Opaque,
    Part,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
)
from lynkr.wire.responses.items import NAME, call_item
from lynkr.wire.responses.parts import part_json
from lynkr.wire.responses.requests import ENCRYPTED_REASONING, LOGPROBS, output_format
from lynkr.wire.responses.tools import write_choice

CALL_ID_LENGTH_MAX = 64  # "string too long. Expected a string with maximum length 64"
USER_LENGTH_MAX = 128  # https://platform.openai.com/docs/guides/safety-best-practices
LOW_BUDGET_MAX, MEDIUM_BUDGET_MAX = 2048, 8192  # tokens of thinking that an effort stands for
_SUMMARIES = ("auto", "concise", "detailed")
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
_LOST: dict[type, str] = {
    Image: "image", Document: "document", Audio: "audio", Thinking: "thinking",
    ToolCall: "tool_use", ToolResult: "tool_result", ToolReference: "tool_reference",
    Offer: "additional_tools",
}  # fmt: skip
# Dialects whose thinking, once on, is shown unless the client says otherwise.
_SHOWN = ("anthropic_messages", "bedrock")


def call_id(given: str) -> str:
    """An id that the API takes; the same for a call and its result, on every turn."""
    if len(given) <= CALL_ID_LENGTH_MAX:
        return given
    return f"call_{hashlib.sha256(given.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


class Foreign:
    """One request of another dialect on its way here."""

    def __init__(self, request: Request, target: Target, losses: Losses) -> None:
        self._request = request
        self._target = target
        self._losses = losses

    def body(self) -> Json:
        request = self._request
        body: Json = {"model": self._target.model}
        if request.system is not None:
            self._system(request.system, body)
        items: list[Json] = []
        for index, message in enumerate(request.messages):
            items += self._items(message, f"messages.{index}")
        body["input"] = items
        tools = [
            written
            for index, tool in enumerate(request.tools)
            if (written := self._tool(tool, f"tools.{index}")) is not None
        ]
        if tools:
            body["tools"] = tools
        self._choice(body)
        if request.stream:
            body["stream"] = True
        self._sampling(body)
        self._answer(body)
        self._account(body)
        self._losses.extras(request.extras)
        return body

    def _has(self, capability: str) -> bool:
        return capability in self._target.capabilities

    def _lose(self, part: Part, at: str) -> None:
        kind = type(part)
        name = part.kind if isinstance(part, Opaque) else _LOST.get(kind, kind.__name__.lower())
        self._losses.add(name, at)

    def _marks(self, part: Text | Image | Document | ToolCall | ToolResult, at: str) -> None:
        """What most parts may have and the API has no place for."""
        if part.cache is not None:
            self._losses.add("cache_control", f"{at}.cache_control")
        self._losses.extras(part.extras, at)

    def _system(self, system: Message, body: Json) -> None:
        self._losses.extras(system.extras, "system")
        texts: list[str] = []
        for index, part in enumerate(system.parts):
            at = f"system.{index}"
            if isinstance(part, Text):
                self._marks(part, at)
                texts.append(part.text)
            else:
                self._lose(part, at)
        if texts:
            body["instructions"] = "\n\n".join(texts)

    def _items(self, message: Message, at: str) -> list[Json]:
        """One message as items: runs of content, and between them calls, results and reasoning."""
        self._losses.extras(message.extras, at)
        if message.name:
            self._losses.add("message.name", f"{at}.name")
        role = "user" if message.role == "tool" else message.role
        items: list[Json] = []
        content: list[Json] = []
        for index, part in enumerate(message.parts):
            where = f"{at}.content.{index}"
            item: Json | None
            if isinstance(part, ToolCall):
                item = self._call(part, where)
            elif isinstance(part, ToolResult):
                item = self._result(part, where)
            elif isinstance(part, Thinking):
                item = self._thinking(part, where)
            elif role == "assistant":
                if isinstance(part, Text) and not part.text and len(message.parts) > 1:
                    continue  # Chat clients write it beside calls
                item = self._said(part, where)
            else:
                written = self._content(part, where)
                if written is not None:
                    content.append(written)
                continue
            if item is None:
                continue
            if content:
                items.append({"type": "message", "role": role, "content": content})
                content = []
            items.append(item)
        if content:
            items.append({"type": "message", "role": role, "content": content})
        return items

    def _said(self, part: Part, at: str) -> Json | None:
        """An assistant's text, as the API takes it from elsewhere: its own shape has ids, but
        without them it takes texts and refusals too. Of other things that a model says there is no
        place here."""
        if not isinstance(part, Text):
            self._lose(part, at)
            return None
        self._marks(part, at)
        content = [part_json(part, "")] if part.refusal else part.text
        return {"type": "message", "role": "assistant", "content": content}

    def _content(self, part: Part, at: str) -> Json | None:
        if isinstance(part, Text):
            self._marks(part, at)
            return {"type": "input_text", "text": part.text}
        if isinstance(part, Image):
            return self._image(part, at, "image")
        if isinstance(part, Document):
            return self._document(part, at)
        if isinstance(part, Audio) and self._has("audio"):
            self._losses.extras(part.extras, at)
            return part_json(part, "")
        self._lose(part, at)
        return None

    def _image(self, image: Image, at: str, name: str) -> Json | None:
        if image.file_id and not self._files():
            self._losses.add("file_id", f"{at}.file_id")
            return None
        if not self._has("images"):
            self._losses.add(name, at)
            return None
        if image.url and not self._has("image_urls"):
            self._losses.add("image_url", at)
            return None
        self._marks(image, at)
        return part_json(image, "")

    def _document(self, document: Document, at: str) -> Json | None:
        if document.file_id and not self._files():
            self._losses.add("file_id", f"{at}.file_id")
            return None
        if not self._has("documents"):
            self._losses.add("document", at)
            return None
        self._marks(document, at)
        written = part_json(document, "")
        if "file_data" in written and not document.title:
            kind = document.media_type.partition(";")[0].rpartition("/")[2]
            written["filename"] = f"document.{'txt' if kind in ('', 'plain') else kind}"
        return written

    def _files(self) -> bool:
        """OpenAI's two dialects share their files."""
        return self._request.format == "openai_chat"

    def _thinking(self, thinking: Thinking, at: str) -> Json | None:
        seal = thinking.seal
        if seal is None or seal.format != NAME:
            self._losses.add("thinking", at)
            return None
        self._losses.extras(thinking.extras, at)
        return {"type": "reasoning", "summary": [], **seal.data}

    def _call(self, call: ToolCall, at: str) -> Json | None:
        if call.kind != "function" and not (call.kind == "custom" and self._has("custom_tools")):
            self._losses.add(call.kind, at)
            return None
        self._marks(call, at)
        return call_item(msgspec.structs.replace(call, id=call_id(call.id), item_id=""))

    def _result(self, result: ToolResult, at: str) -> Json:
        self._marks(result, at)
        if result.is_error:
            self._losses.add("tool_result.is_error", f"{at}.is_error")
        content: list[Json] = []
        for index, part in enumerate(result.content):
            where = f"{at}.content.{index}"
            if isinstance(part, Image):
                written = self._image(part, where, "tool_result.image")
            else:
                written = self._content(part, where)
            if written is not None:
                content.append(written)
        custom = result.kind == "custom" and self._has("custom_tools")
        # Texts stay apart as the client sent them; one alone is what a tool's output usually is.
        only = content[0].get("text") if len(content) == 1 else None if content else ""
        return {
            "type": "custom_tool_call_output" if custom else "function_call_output",
            "call_id": call_id(result.call_id),
            "output": content if only is None else only,
        }

    def _tool(self, tool: Tool, at: str) -> Json | None:
        if tool.kind != "function" and not (tool.kind == "custom" and self._has("custom_tools")):
            self._losses.add(str(tool.value.get("type") or tool.kind), at)
            return None
        if tool.cache is not None:
            self._losses.add("tool.cache_control", f"{at}.cache_control")
        self._losses.extras(tool.extras, at)
        written: Json = {"type": tool.kind, "name": tool.name}
        if tool.description is not None:
            written["description"] = tool.description
        if tool.kind == "custom":
            if tool.grammar is not None:
                written["format"] = tool.grammar
            return written
        parameters = tool.parameters
        written["parameters"] = (
            {"type": "object", "properties": {}} if parameters is None else parameters
        )
        written["strict"] = bool(tool.strict)
        return written

    def _choice(self, body: Json) -> None:
        """Which tool, and how many at once: the API refuses both where there are no tools."""
        choice, parallel = self._request.tool_choice, self._request.parallel_tool_calls
        if choice is not None:
            self._losses.extras(choice.extras, "tool_choice")
            named = choice.mode == "tool"
            if "tools" in body and (not named or choice.kind in ("function", "custom")):
                body["tool_choice"] = write_choice(msgspec.structs.replace(choice, extras={}))
            elif named or choice.mode == "required":
                self._losses.add("tool_choice")  # what it names is not on offer here
        if parallel is not None and "tools" in body:
            if self._has("parallel_tool_calls"):
                body["parallel_tool_calls"] = parallel
            elif not parallel:
                self._losses.add("parallel_tool_calls")

    def _put(
        self, body: Json, name: str, value: object, capability: str, loss: str,
        usual: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """A field that only some targets take; where they do not, ``usual`` values say nothing."""
        if value is None or value == "" or value == {}:
            return
        if self._has(capability):
            body[name] = value
        elif value not in usual:
            self._losses.add(loss)

    def _sampling(self, body: Json) -> None:
        request = self._request
        limit, limit_max = request.max_output_tokens, self._target.output_tokens_max
        if limit is not None:
            body["max_output_tokens"] = limit if limit_max is None else min(limit, limit_max)
        for name in ("temperature", "top_p"):
            value = getattr(request, name)
            if value != 1 or self._has("sampling"):  # 1 is what a model without it does anyway
                self._put(body, name, value, "sampling", name)
        self._put(body, "top_k", request.top_k, "top_k", "top_k")
        self._put(body, "seed", request.seed, "seed", "seed")
        for name in ("presence_penalty", "frequency_penalty"):
            self._put(body, name, getattr(request, name) or None, "penalties", name)
        self._put(body, "stop", request.stop or None, "stop", "stop_sequences")
        if request.candidates not in (None, 1):
            self._losses.add("n")
        self._put(body, "top_logprobs", request.top_logprobs, "logprobs", "top_logprobs")

    def _answer(self, body: Json) -> None:
        """How to think, and in which form to answer."""
        request = self._request
        reasoning = self._reasoning(request.reasoning)
        if reasoning:
            body["reasoning"] = reasoning
        text: Json = {}
        output = request.output
        if output is not None:
            self._losses.extras(output.extras, "output_format")
            if output.kind == "json_schema" and not self._has("json_schema"):
                self._losses.add("output_format")
            else:
                text["format"] = output_format(msgspec.structs.replace(output, extras={}))
        self._put(text, "verbosity", request.verbosity, "verbosity", "verbosity", USUAL_VERBOSITIES)
        if text:
            body["text"] = text

    def _reasoning(self, asked: Reasoning | None) -> Json:
        if asked is None:
            return {}
        if asked.mode == "disabled" or asked.effort == "none":
            if self._has("reasoning_none"):
                return {"effort": "none"}
            if asked.effort == "none":
                self._losses.add("reasoning")  # who only switches thinking off gets the default
            return {}
        wanted = bool(asked.mode or asked.effort or asked.budget_tokens)
        if not self._has("reasoning"):
            if wanted:
                self._losses.add("reasoning")
            if asked.summary:
                self._losses.add("reasoning.summary")
            self._losses.extras(asked.extras, "reasoning")
            return {}
        written: Json = {}
        budget = asked.budget_tokens
        if asked.effort:
            written["effort"] = asked.effort
        elif budget is not None and budget <= LOW_BUDGET_MAX:
            written["effort"] = "low"
        elif budget is not None:
            written["effort"] = "medium" if budget <= MEDIUM_BUDGET_MAX else "high"
        hidden = asked.extras.get("display") == "omitted"
        shown = asked.mode != "" and self._request.format in _SHOWN and not hidden
        if asked.summary in _SUMMARIES or shown:
            written["summary"] = asked.summary or "auto"
        elif asked.summary:
            self._losses.add("reasoning.summary")
        self._losses.extras(
            {name: value for name, value in asked.extras.items() if name != "display"}, "reasoning"
        )
        return written

    def _account(self, body: Json) -> None:
        """Who calls, what is kept, and what comes back beside the answer."""
        request = self._request
        user = request.user
        if len(user) > USER_LENGTH_MAX:  # Claude Code's is a JSON text of 150 characters
            user = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
        self._put(body, "safety_identifier", user, "user", "user")
        self._put(body, "metadata", request.metadata, "metadata", "metadata")
        for name in ("prompt_cache_key", "prompt_cache_retention"):
            self._put(body, name, getattr(request, name), "prompt_cache_key", name)
        tier = "default" if request.service_tier == "standard_only" else request.service_tier
        if tier and tier not in _TIERS:
            self._losses.add("service_tier")
        else:
            self._put(body, "service_tier", tier, "service_tier", "service_tier", USUAL_TIERS)
        if request.previous_response_id:
            self._losses.add("previous_response_id")
        body["store"] = bool(request.store)
        include = [ENCRYPTED_REASONING] if self._has("encrypted_reasoning") else []
        if request.logprobs and self._has("logprobs"):
            include.append(LOGPROBS)
        elif request.logprobs:
            self._losses.add("logprobs")
        if include:
            body["include"] = include
