"""Requests of Google's generateContent, written: https://ai.google.dev/api/generate-content

Requests of this dialect are written back as they came; those of others go through ``as_contents``
first. The model and whether to stream are in the path, not here.

Capabilities asked for, beside those of ``as_contents``: ``call_ids`` (ids of calls and results;
Vertex refuses them), ``thinking_budget``, ``thinking_level``, ``thinking_minimal`` (a level that
only some models have), ``thinking_off``, ``n``, ``stream_arguments`` (calls in pieces: Vertex),
``fixed_sampling`` (the model refuses temperature, topP and topK, as those after Gemini 3.5 do).
"""

from __future__ import annotations

import base64

import msgspec

from lynkr.wire.codec import USUAL_TIERS, USUAL_VERBOSITIES, Losses, Target
from lynkr.wire.gemini.requests import (
    GeminiMessage,
    GeminiResult,
    GeminiTool,
    OpenApiFormat,
    UnnamedCall,
)
from lynkr.wire.gemini.signatures import FORMAT, SignedParts, place_of
from lynkr.wire.gemini.turns import as_contents
from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import (
    Audio,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Reasoning,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

STOP_SEQUENCES_MAX = 5
# What an effort is worth to models that take a budget; more than 24576 not all of them do.
# https://ai.google.dev/gemini-api/docs/thinking
_BUDGETS = {"minimal": 512, "low": 2048, "medium": 8192, "high": 24576}
BUDGET_MAX = 24576
_EFFORTS = {"xhigh": "high", "max": "high"}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}
# The longest come first.
_CONTAINERS = (
    ("generationConfig", "thinkingConfig"),
    ("toolConfig", "functionCallingConfig"),
    ("generationConfig",),
    ("toolConfig",),
)


def encode_request(request: Request, target: Target, losses: Losses) -> bytes:
    """The body. ``target.missing_signature`` goes onto the first call of every turn without a
    signature: Google documents it for turns that another model wrote
    (https://ai.google.dev/gemini-api/docs/thought-signatures)."""
    own = request.format == FORMAT
    if not own:
        request = as_contents(request, target, losses)
    writer = _Writer(target, losses, own)
    body: Json = {}
    if request.system is not None:
        body["systemInstruction"] = writer.content(request.system, "system")
    body["contents"] = [
        writer.content(message, f"messages.{index}")
        for index, message in enumerate(request.messages)
    ]
    tools = _tools(request, losses, own)
    if tools:
        body["tools"] = tools
    calling = _calling(request, target, losses, own)
    if calling:
        body["toolConfig"] = {"functionCallingConfig": calling}
    config = _generation(request, target, losses, own)
    if config:
        body["generationConfig"] = config
    if own:
        _put_back(body, request.extras)
    else:
        _lose(request, losses)
    return dumps(body)


def _put_back(body: Json, extras: Json) -> None:
    for name, value in extras.items():
        container, left = body, name
        for steps in _CONTAINERS:
            prefix = ".".join(steps) + "."
            if name.startswith(prefix):
                left = name[len(prefix) :]
                for step in steps:
                    below = container.setdefault(step, {})
                    assert isinstance(below, dict)
                    container = below
                break
        container[left] = value


def _lose(request: Request, losses: Losses) -> None:
    for name, value in (
        ("verbosity", request.verbosity not in USUAL_VERBOSITIES),
        ("user", request.user),
        ("metadata", request.metadata),
        ("prompt_cache_key", request.prompt_cache_key),
        ("prompt_cache_retention", request.prompt_cache_retention),
        ("service_tier", request.service_tier not in USUAL_TIERS),
        ("store", request.store),
        ("previous_response_id", request.previous_response_id),
        ("parallel_tool_calls", request.parallel_tool_calls is False),
    ):
        if value:
            losses.add(name)
    losses.extras(request.extras)


# --- contents -------------------------------------------------------------------------------------


class _Writer:
    def __init__(self, target: Target, losses: Losses, own: bool) -> None:
        self._losses = losses
        self._ids = own or "call_ids" in target.capabilities
        self._missing = target.missing_signature

    def content(self, message: Message, at: str) -> Json:
        parts = self.parts(message, at)
        if message.role == "assistant" and self._missing:
            for part in parts:
                if "functionCall" in part:
                    part.setdefault("thoughtSignature", self._missing)
                    break
        role: str | None = {"assistant": "model", "system": None}.get(message.role, "user")
        if isinstance(message, GeminiMessage):
            role = message.given
        content: Json = {"parts": parts} if role is None else {"role": role, "parts": parts}
        content.update(message.extras)
        return content

    def parts(self, message: Message, at: str) -> list[Json]:
        found = SignedParts()
        for index, part in enumerate(message.parts):
            if isinstance(part, Thinking):
                self._thinking(part, found, f"{at}.content.{index}")
            elif isinstance(part, Opaque):
                found.close()  # it has its own
                found.written.append(part.value)
            else:
                found.add(self._part(part))
        found.close()
        return found.written

    def _thinking(self, part: Thinking, found: SignedParts, at: str) -> None:
        seal = part.seal
        if seal is not None and seal.format != FORMAT:
            self._losses.add("thinking", at)
            return
        if part.summary or (seal is not None and place_of(seal) == "thought"):
            found.thought(part.text, part.extras)
        if seal is not None:
            found.sign(seal)

    def _part(self, part: Part) -> Json:
        if isinstance(part, Text):
            return {"text": part.text, **part.extras}
        if isinstance(part, ToolCall):
            call: Json = {"name": part.name, "args": arguments(part.arguments)}
            if self._ids and not isinstance(part, UnnamedCall):
                call["id"] = part.id
            return _with_extras("functionCall", call, part.extras)
        if isinstance(part, ToolResult):
            return self._result(part)
        assert isinstance(part, (Image, Document, Audio))
        return _media(part)

    def _result(self, part: ToolResult) -> Json:
        texts = [each.text for each in part.content if isinstance(each, Text)]
        media = [each for each in part.content if not isinstance(each, Text)]
        text = "\n".join(texts)
        response: object = {"error" if part.is_error else "output": text}
        if not (part.plain or (isinstance(part, GeminiResult) and part.spoken)):
            try:
                read = loads(text)
            except ValueError:
                read = None
            response = read if isinstance(read, dict) else response
        given: Json = {"name": part.name, "response": response}
        if self._ids and not (isinstance(part, GeminiResult) and part.unnamed):
            given["id"] = part.call_id
        if media:
            given["parts"] = [
                each.value if isinstance(each, Opaque) else _media(each) for each in media
            ]
        return _with_extras("functionResponse", given, part.extras)


def arguments(text: str) -> Json:
    """A call's arguments as the object that this dialect wants. What is none, because a model wrote
    it so, is told as it is: ``{"input": ...}``."""
    if not text.strip():
        return {}
    try:
        value = loads(text)
    except ValueError:
        value = text
    return value if isinstance(value, dict) else {"input": value}


def _with_extras(name: str, inside: Json, extras: Json) -> Json:
    """The part. Extras of what is inside it stand under its name."""
    if not extras:
        return {name: inside}
    below = extras.get(name)
    if isinstance(below, dict):
        inside = {**inside, **below}
    return {**extras, name: inside}


def _media(part: Part) -> Json:
    assert isinstance(part, (Image, Document, Audio))
    blob: Json = {"mimeType": part.media_type} if part.media_type else {}
    if not isinstance(part, Audio) and (part.url or part.file_id):
        return _with_extras("fileData", {**blob, "fileUri": part.url or part.file_id}, part.extras)
    data = part.data
    if isinstance(part, Document) and part.text:
        data = base64.b64encode(part.text.encode()).decode()
    return _with_extras("inlineData", {**blob, "data": data}, part.extras)


# --- tools ----------------------------------------------------------------------------------------


def _tools(request: Request, losses: Losses, own: bool) -> list[Json]:
    """Declarations grouped as they came; those of other dialects in one object."""
    groups: dict[int, Json] = {}
    for index, tool in enumerate(request.tools):
        at = f"tools.{index}"
        group = groups.setdefault(tool.at if isinstance(tool, GeminiTool) else -1, {})
        if tool.kind == "hosted":
            if own:
                group[tool.name] = tool.value.get(tool.name)
            else:
                losses.add(str(tool.value.get("type") or tool.name), at)
            continue
        declared: Json = {"name": tool.name}
        if tool.description is not None:
            declared["description"] = tool.description
        if isinstance(tool, GeminiTool) and tool.given is not None:
            declared["parameters"] = tool.given
        elif tool.parameters is not None:
            declared["parametersJsonSchema"] = tool.parameters
        if own:
            declared.update(tool.extras)
        else:
            if tool.strict:
                losses.add("tool.strict", f"{at}.strict")
            if tool.cache is not None:
                losses.add("tool.cache_control", f"{at}.cache_control")
            losses.extras(tool.extras, at)
        declarations = group.setdefault("functionDeclarations", [])
        assert isinstance(declarations, list)
        declarations.append(declared)
    return [group for group in groups.values() if group]


def _calling(request: Request, target: Target, losses: Losses, own: bool) -> Json:
    """``functionCallingConfig``. Google refuses one without declarations."""
    choice = request.tool_choice
    calling: Json = {}
    if choice is not None:
        if choice.extras.get("mode") != "":
            calling["mode"] = _MODES[choice.mode]
        if choice.mode == "tool":
            calling["allowedFunctionNames"] = [choice.name]
    if own:
        if choice is not None:
            calling.update(choice.extras)
            if calling.get("mode") == "":
                del calling["mode"]  # it was not said
        return calling
    if choice is not None:
        losses.extras(choice.extras, "tool_choice")
    if not any(tool.kind != "hosted" for tool in request.tools):
        if choice is not None and choice.mode in ("required", "tool"):
            losses.add("tool_choice")
        return {}
    if request.stream and "stream_arguments" in target.capabilities:
        calling["streamFunctionCallArguments"] = True
    return calling


# --- generation -----------------------------------------------------------------------------------


def _generation(request: Request, target: Target, losses: Losses, own: bool) -> Json:
    limit = request.max_output_tokens
    stop = request.stop
    candidates = request.candidates
    if not own:
        if limit is not None and target.output_tokens_max is not None:
            limit = min(limit, target.output_tokens_max)  # Google refuses more than there is
        if len(stop) > STOP_SEQUENCES_MAX:
            losses.add("stop_sequences")
            stop = stop[:STOP_SEQUENCES_MAX]
        if candidates is not None and candidates != 1 and "n" not in target.capabilities:
            losses.add("n")
            candidates = None
        if "fixed_sampling" in target.capabilities:
            request = _unsampled(request, losses)
    config: Json = {
        "maxOutputTokens": limit,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "candidateCount": candidates,
        "stopSequences": stop or None,
        "seed": request.seed,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        "responseLogprobs": request.logprobs,
        "logprobs": request.top_logprobs,
    }
    config = {name: value for name, value in config.items() if value is not None}
    config.update(_output(request, losses, own))
    reasoning = request.reasoning
    if reasoning is not None:
        thinking = (
            _thinking_back(reasoning) if own else _thinking(request, reasoning, target, losses)
        )
        if thinking:
            config["thinkingConfig"] = thinking
    return config


def _unsampled(request: Request, losses: Losses) -> Request:
    """1 is what a model does that takes no other value."""
    for name in ("temperature", "top_p", "top_k"):
        if getattr(request, name) is not None and (name == "top_k" or getattr(request, name) != 1):
            losses.add(name)
    return msgspec.structs.replace(request, temperature=None, top_p=None, top_k=None)


def _output(request: Request, losses: Losses, own: bool) -> Json:
    """Google holds the model to every schema it gets: there is no more to ``strict``."""
    wanted = request.output
    if wanted is None:
        return {}
    if not own:
        losses.extras(wanted.extras, "output_format")
        if wanted.description:
            losses.add("output_format.description")
    if wanted.kind == "text":
        return {"responseMimeType": "text/plain"} if own else {}
    config: Json = {"responseMimeType": "application/json"}
    if isinstance(wanted, OpenApiFormat):
        config["responseSchema"] = wanted.given
    elif wanted.kind == "json_schema" and wanted.schema is not None:
        config["responseJsonSchema"] = wanted.schema
    return config


def _thinking_back(reasoning: Reasoning) -> Json:
    """Of a request of this dialect."""
    found: Json = {}
    if reasoning.summary:
        found["includeThoughts"] = True
    if reasoning.mode == "disabled":
        found["thinkingBudget"] = 0
    elif reasoning.mode == "adaptive":
        found["thinkingBudget"] = -1
    elif reasoning.budget_tokens is not None:
        found["thinkingBudget"] = reasoning.budget_tokens
    if reasoning.effort:
        found["thinkingLevel"] = reasoning.effort.upper()
    return found


def _thinking(request: Request, reasoning: Reasoning, target: Target, losses: Losses) -> Json:
    """Either a level or a budget: Google refuses both together."""
    losses.extras(reasoning.extras, "reasoning")
    levels = "thinking_level" in target.capabilities
    budgets = "thinking_budget" in target.capabilities
    found: Json = {}
    if reasoning.mode == "disabled" or reasoning.effort == "none":
        if "thinking_off" in target.capabilities:
            found["thinkingBudget"] = 0
        else:
            losses.add("reasoning")
        return found
    if not levels and not budgets:
        losses.add("reasoning")
        return found
    effort = _EFFORTS.get(reasoning.effort, reasoning.effort)
    budget = reasoning.budget_tokens
    if effort and effort not in _BUDGETS:
        losses.add("reasoning", "reasoning.effort")
    elif levels and (effort or budget is not None):
        found["thinkingLevel"] = _level(effort, budget, target).upper()
    elif budget is not None:
        found["thinkingBudget"] = min(budget, BUDGET_MAX)
    elif effort:
        found["thinkingBudget"] = _BUDGETS[effort]
    elif reasoning.mode == "adaptive" and budgets and not levels:
        found["thinkingBudget"] = -1
    if _shown(request, reasoning):
        found["includeThoughts"] = True
    return found


def _level(effort: str, budget: int | None, target: Target) -> str:
    if not effort:
        return next((name for name in ("low", "medium") if (budget or 0) <= _BUDGETS[name]), "high")
    if effort == "minimal" and "thinking_minimal" not in target.capabilities:
        return "low"
    return effort


def _shown(request: Request, reasoning: Reasoning) -> bool:
    """Whether the client's dialect shows what the model thought."""
    if reasoning.summary or reasoning.mode in ("enabled", "adaptive"):
        return True
    return request.format == "openai_chat" and bool(reasoning.effort)
