"""Messages, written for a target that speaks Chat Completions.

This dialect is strict about calls: an assistant message with tool calls is followed by one tool
message per call, and by nothing else before. So a foreign conversation is regrouped:

* Of a user's turn the tool results come first, then one user message with the rest.
* A tool message holds text only. Images and documents of results open the user message that
  follows all tool messages of the turn, in the order of the results.
* A system message between calls and results moves behind the results.
* Text, refusal and calls of an assistant's turn are one message; so is its reasoning.

A single text is written as a string, which all servers take, several as an array of parts.
Conversations of this dialect are not regrouped; see ``own_message``.
"""

from __future__ import annotations

import hashlib

from lynkr.wire.chat.reasoning import FIELDS, NAME, details_of, merge
from lynkr.wire.chat.requests import ChatMessage, read_message
from lynkr.wire.codec import Losses
from lynkr.wire.custom_input import wrapped
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lynkr.wire.turns import as_turns

_REASONING = (*FIELDS, "reasoning_details")
CALL_ID_LENGTH_MAX = 40  # OpenAI: "Expected a string with maximum length 40"

# The catalog's flags that this dialect's encoder asks for; ``chat_write`` says what each means.
ALL = frozenset(
    (
        "audio", "cache_control", "call_ids_of_nine", "custom_tools", "developer_role",
        "document_urls", "documents", "extra_content", "image_urls", "images", "json_object",
        "json_schema", "logprobs", "max_completion_tokens", "metadata", "n", "parallel_tool_calls",
        "penalties", "prompt_cache_key", "prompt_cache_retention", "reasoning_content",
        "reasoning_details", "reasoning_effort", "reasoning_none", "sampling", "seed",
        "service_tier", "stop", "store", "stream_usage", "strict_tools", "thinking_switch",
        "tool_choice_named", "tool_choice_required", "top_k", "user", "verbosity",
    )
)  # fmt: skip


def checksum(text: str) -> str:
    """64 characters that stand for a text which is too long for the target."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def own_message(message: Message, losses: Losses, at: str) -> Json:
    """A message for a target of the dialect that it came in: the client's own words, unless its
    meaning was changed on the way. Then it is written anew, with all that is known of it.

    The reasoning of a provider of another dialect, which this client kept, is left out."""
    said = message.said if isinstance(message, ChatMessage) else {}
    again = read_message(said, "") if said else None
    thoughts = _thoughts(message)
    foreign = [part for part in thoughts if part.seal is not None and part.seal.format != NAME]
    if again == message and not foreign:
        return said
    found: list[Json] = []
    writer = _Writer(ALL, losses, {id(part): at for part in foreign}, own=True)
    if message.role == "assistant":
        writer.assistant(found, message)
    elif any(isinstance(part, ToolResult) for part in message.parts):
        for part in message.parts:
            if isinstance(part, ToolResult):
                writer.result(found, part)
    else:
        writer.spoken(found, message, message.role)
    written = {**found[0], **message.extras}
    if again == message:
        kept = {name: value for name, value in said.items() if name not in _REASONING}
        return {**kept, **{name: written[name] for name in _REASONING if name in written}}
    if again is not None and not foreign and thoughts == _thoughts(again):
        written.update({name: said[name] for name in _REASONING if name in said})
    return written


def _thoughts(message: Message) -> list[Thinking]:
    return [part for part in message.parts if isinstance(part, Thinking)]


def written_messages(request: Request, can: frozenset[str], losses: Losses) -> list[Json]:
    """All messages of a request; ``can`` are the target's capabilities."""
    if request.format == NAME:
        system = [] if request.system is None else [request.system]
        return [
            own_message(message, losses, f"messages.{n}")
            for n, message in enumerate([*system, *request.messages])
        ]
    paths: dict[int, str] = {}
    for n, message in enumerate(request.messages):
        losses.extras(message.extras, f"messages.{n}")
        _note_paths(paths, message.parts, f"messages.{n}.content")
    role = "developer" if "developer_role" in can else "system"
    writer = _Writer(can, losses, paths, keeps_files=request.format == "openai_responses")
    found: list[Json] = []
    if request.system is not None:
        losses.extras(request.system.extras, "system")
        _note_paths(paths, request.system.parts, "system")
        writer.spoken(found, request.system, role)
    waiting: list[Json] = []  # until the calls before it are answered
    unanswered: set[str] = set()
    for turn in as_turns(request.messages):
        if turn.role == "assistant":
            found += waiting
            waiting = []
            unanswered = writer.assistant(found, turn)
            # Results in an assistant's turn break all rules, but are known to exist.
            turn.parts = [part for part in turn.parts if isinstance(part, ToolResult)]
        if turn.role == "system":
            writer.spoken(waiting if unanswered else found, turn, role)
        elif turn.parts:
            rest: list[Part] = []
            for part in turn.parts:
                if isinstance(part, ToolResult):
                    rest += writer.result(found, part)
                    unanswered.discard(writer.call_id(part.call_id))
            turn.parts = rest + [part for part in turn.parts if not isinstance(part, ToolResult)]
            if not unanswered:
                found += waiting
                waiting = []
            writer.spoken(waiting if unanswered else found, turn, "user")
    return found + waiting


def _note_paths(paths: dict[int, str], parts: list[Part], at: str) -> None:
    """Where each part stood before the regrouping."""
    for n, part in enumerate(parts):
        paths[id(part)] = f"{at}.{n}"
        if isinstance(part, ToolResult):
            _note_paths(paths, part.content, f"{at}.{n}.content")


class _Writer:
    """Writes parts as far as the target can carry them, and notes the losses. ``keeps_files``:
    the target knows the client's file ids."""

    def __init__(
        self,
        can: frozenset[str],
        losses: Losses,
        paths: dict[int, str],
        *,
        own: bool = False,
        keeps_files: bool = False,
    ) -> None:
        self._can = can
        self._losses = losses
        self._paths = paths
        self._own = own
        self._keeps_files = keeps_files

    def lose(self, name: str, part: object, below: str = "") -> None:
        at = self._paths.get(id(part), "messages")
        self._losses.add(name, f"{at}.{below}" if below else at)

    def _extras(self, part: Text | Image | Document | Audio | ToolCall | ToolResult) -> None:
        if not self._own:
            self._losses.extras(part.extras, self._paths.get(id(part), "messages"))

    # --- content ----------------------------------------------------------------------------------

    def spoken(self, found: list[Json], message: Message, role: str) -> None:
        """A system's or user's message, if anything is left of it."""
        parts = [made for part in message.parts if (made := self.part(part)) is not None]
        if not parts and not self._own:
            return
        written: Json = {"role": role}
        if message.name:
            written["name"] = message.name
        written["content"] = self._content(parts, message.plain)
        found.append(written)

    def _content(self, parts: list[Json], plain: bool) -> str | list[Json]:
        """One bare text is written as a string: many servers take nothing else."""
        if plain or not self._own:
            if not parts:
                return ""
            if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
                return str(parts[0]["text"])
        return parts

    def part(self, part: Part) -> Json | None:
        """One part of content; ``None`` if this target has no place for it."""
        if isinstance(part, Text):
            return self._text(part)
        if isinstance(part, Image):
            return self._image(part)
        if isinstance(part, Document):
            return self._document(part)
        if isinstance(part, Audio):
            return self._audio(part)
        if isinstance(part, Opaque):
            if self._own:
                return part.value
            self.lose(part.kind, part)
        elif isinstance(part, Thinking):
            self.lose("thinking", part)
        elif isinstance(part, (ToolCall, ToolResult)):
            self.lose("tool_calls", part)  # not of this role
        else:
            self.lose("tool_reference", part)
        return None

    def _text(self, part: Text) -> Json | None:
        if not (part.text or self._own):
            return None  # says nothing, and some servers refuse it
        self._extras(part)
        return self._finished({"type": "text", "text": part.text}, part, part.cache)

    def _finished(
        self, written: Json, part: Text | Image | Document | Audio, cache: CacheMark | None
    ) -> Json:
        """With the cache mark, which only texts carry to foreign targets (OpenRouter's Claude:
        https://openrouter.ai/docs/features/prompt-caching), and, at home, the extras."""
        if cache is not None:
            if self._own or (isinstance(part, Text) and "cache_control" in self._can):
                written["cache_control"] = _mark(cache)
            else:
                self.lose("cache_control", part, "cache_control")
        if self._own:
            for name, value in part.extras.items():
                inner = written.get(name)
                both = isinstance(inner, dict) and isinstance(value, dict)
                written[name] = {**inner, **value} if both else value  # type: ignore[dict-item]
        return written

    def _image(self, part: Image) -> Json | None:
        if part.file_id:
            self.lose("file_id", part)
            return None
        if "images" not in self._can:
            self.lose("image", part)
            return None
        if part.url and "image_urls" not in self._can:
            self.lose("image_url", part)
            return None
        self._extras(part)
        inner: Json = {"url": part.url or f"data:{part.media_type};base64,{part.data}"}
        if part.detail:
            inner["detail"] = part.detail
        return self._finished({"type": "image_url", "image_url": inner}, part, part.cache)

    def _document(self, part: Document) -> Json | None:
        if part.text:
            # No file at all, but text: it needs no server that reads files.
            if part.title:
                self.lose("document.title", part, "title")
            self._extras(part)
            return self._finished({"type": "text", "text": part.text}, part, part.cache)
        if "documents" not in self._can:
            self.lose("document", part)
            return None
        inner: Json = {}
        if part.title or part.data:
            # OpenAI refuses data without a name, with words about a missing file_id.
            inner["filename"] = part.title or f"document.{part.media_type.rpartition('/')[2]}"
        if part.data:
            inner["file_data"] = f"data:{part.media_type};base64,{part.data}"
        elif part.url and (self._own or "document_urls" in self._can):  # OpenRouter
            inner["file_data"] = part.url
        elif part.url:
            self.lose("document_url", part)
            return None
        if part.file_id:
            if not (self._own or self._keeps_files):
                self.lose("file_id", part)
                return None
            inner["file_id"] = part.file_id
        self._extras(part)
        return self._finished({"type": "file", "file": inner}, part, part.cache)

    def _audio(self, part: Audio) -> Json | None:
        if "audio" not in self._can:
            self.lose("audio", part)
            return None
        self._extras(part)
        inner: Json = {"data": part.data, "format": part.media_type.rpartition("/")[2]}
        return self._finished({"type": "input_audio", "input_audio": inner}, part, None)

    # --- tools ------------------------------------------------------------------------------------

    def call_id(self, call_id: str) -> str:
        """The same id for a call and its result, in the form that the target takes."""
        if self._own:
            return call_id
        if "call_ids_of_nine" in self._can:  # Mistral: a-z, A-Z, 0-9, exactly nine
            if len(call_id) == 9 and call_id.isascii() and call_id.isalnum():
                return call_id
            return checksum(call_id)[:9]
        if len(call_id) > CALL_ID_LENGTH_MAX:
            return f"{call_id[: CALL_ID_LENGTH_MAX - 17]}_{checksum(call_id)[:16]}"
        return call_id

    def result(self, found: list[Json], result: ToolResult) -> list[Part]:
        """A tool message; returned are the parts that it cannot hold."""
        if result.is_error:
            self.lose("tool_result.is_error", result, "is_error")
        self._extras(result)
        held: list[Json] = []
        moved: list[Part] = []
        for part in result.content:
            if isinstance(part, Image) and "images" not in self._can:
                self.lose("tool_result.image", part)
            elif (
                isinstance(part, (Image, Audio, Document)) and not self._own and not _text_of(part)
            ):
                moved.append(part)
            else:
                written = self.part(part)
                if written is not None:
                    held.append(written)
        message: Json = {"role": "tool", "tool_call_id": self.call_id(result.call_id)}
        if self._own and result.name:
            message["name"] = result.name
        if result.cache is not None:
            if self._own:
                message["cache_control"] = _mark(result.cache)
            elif held and "cache_control" in self._can:
                held[-1].setdefault("cache_control", _mark(result.cache))
            else:
                self.lose("cache_control", result, "cache_control")
        message["content"] = self._content(held, result.plain)
        found.append(message)
        return moved

    def _call(self, call: ToolCall) -> Json:
        if call.cache is not None and not self._own:
            self.lose("cache_control", call, "cache_control")
        self._extras(call)
        written: Json = {"id": self.call_id(call.id)}
        if call.kind == "custom" and "custom_tools" in self._can:
            written["type"] = "custom"
            inner: Json = {"name": call.name, "input": call.arguments}
        else:
            # Templates of open models read the arguments as JSON, and fail on nothing.
            arguments = call.arguments if self._own else call.arguments or "{}"
            if call.kind == "custom":
                arguments = wrapped(call.arguments)
            written["type"] = "function"
            inner = {"name": call.name, "arguments": arguments}
        written[str(written["type"])] = inner
        if self._own:
            if call.cache is not None:
                written["cache_control"] = _mark(call.cache)
            for name, value in call.extras.items():
                merge = name == written["type"] and isinstance(value, dict)
                written[name] = {**inner, **value} if merge else value  # type: ignore[dict-item]
        return written

    # --- assistants -------------------------------------------------------------------------------

    def assistant(self, found: list[Json], message: Message) -> set[str]:
        """One assistant message, if anything is left of it; returned are the ids of its calls."""
        content: list[Json] = []
        refusals: list[str] = []
        reasoning: Json = {}
        calls: list[Json] = []
        about_next: Json = {}  # what a seal keeps for the call that follows it
        for part in message.parts:
            if isinstance(part, Thinking):
                self._thinking(part, reasoning, about_next)
            elif isinstance(part, ToolCall):
                calls.append({**self._call(part), **about_next})
                about_next = {}
            elif isinstance(part, Text) and part.refusal:
                self._extras(part)
                refusals.append(part.text)
            elif isinstance(part, ToolResult):
                continue  # of its own message
            elif isinstance(part, (Image, Document, Audio)) and not self._own:
                self.lose(type(part).__name__.lower(), part)
            elif isinstance(part, Opaque) and self._own and _is_call(part):
                calls.append(part.value)
            else:
                written = self.part(part)
                if written is not None:
                    content.append(written)
        if not (content or refusals or calls or self._own):
            if reasoning:
                self.lose("thinking", message.parts[0])
            return set()
        assistant: Json = {"role": "assistant"}
        if message.name:
            assistant["name"] = message.name
        empty = not content and not (self._own and message.plain)
        assistant["content"] = None if empty else self._content(content, message.plain)
        if refusals:
            assistant["refusal"] = "".join(refusals)
        assistant.update(reasoning)
        if calls:
            assistant["tool_calls"] = calls
        found.append(assistant)
        return {str(call["id"]) for call in calls}

    def _thinking(self, part: Thinking, reasoning: Json, about_next: Json) -> None:
        """Into the field that the upstream showed it in. Another provider's reasoning is not this
        model's, and without a seal nobody knows whose it is."""
        seal = part.seal
        if seal is None or seal.format != NAME:
            self.lose("thinking", part)
            return
        details = details_of(seal) if "reasoning_details" in self._can else []
        call = seal.data.get("call")
        field = seal.data.get("field")
        told = bool(details)
        if isinstance(call, dict) and "extra_content" in self._can:
            about_next.update(call)
            told = True
        if details:
            before = reasoning.setdefault("reasoning_details", [])
            assert isinstance(before, list)
            merge(before, details)
        if part.text and field in FIELDS and "reasoning_content" in self._can:
            if self._own or not details:
                reasoning[str(field)] = f"{reasoning.get(str(field), '')}{part.text}"
            told = True
        if not told:
            self.lose("thinking", part)


def _mark(cache: CacheMark) -> Json:
    written: Json = {"type": "ephemeral"}
    if cache.ttl:
        written["ttl"] = cache.ttl
    return {**written, **cache.extras}


def _text_of(part: Image | Audio | Document) -> str:
    return part.text if isinstance(part, Document) else ""


def _is_call(part: Opaque) -> bool:
    return "id" in part.value and "text" not in part.value
