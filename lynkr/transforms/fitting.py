"""A body in its own dialect, fitted to another model than its client had in mind.

A client words a call for the model that it asks for. When a tier sends the call to another model,
the body may hold settings that this one is known to refuse. Those are changed to what means the
same there, or left out. Nothing else is: every other byte stays, and so does the order, so that the
next request of the conversation still extends this one. What is done follows from the body and the
target alone.

| Messages | to a model | becomes |
| --- | --- | --- |
| ``thinking`` adaptive | without "adaptive_thinking" | a budget for its effort, where it may be |
| ``thinking`` enabled | without "thinking_budget" | adaptive, with an effort for its budget |
| ``thinking`` disabled | with "thinking_always_on" | left out |
| ``output_config.effort`` | without "effort", "effort_xhigh" | left out; max or high |
| ``context_management`` | whose thinking was left out | loses its ``clear_thinking`` edits |
| ``temperature``, ``top_p``, ``top_k`` | with "fixed_sampling", or that now thinks | left out |
| a system message | without "mid_conversation_system" | the user's, in the same place |

| Chat, Responses | to a model | becomes |
| --- | --- | --- |
| ``reasoning_effort``, ``reasoning`` | without it, or without its "none" | left out |
| ``verbosity``, ``text.verbosity`` | without "verbosity" | left out |
| sampling, penalties, log probabilities | that reasons and fixes them | left out |
| ``include`` of encrypted reasoning | that does not reason | left out |

A limit of the answer is at most the model's own, in every dialect. Capabilities are the catalog's;
``wire.anthropic.thinking`` has the sources of the rules for thinking. A model of which it is known
that it reasons, but not how a Messages request says so, keeps the client's words.
"""

from __future__ import annotations

import re

import msgspec

from lynkr._native.paths import PathTable, find_spans
from lynkr._native.spans import CALL, CHAT, MESSAGES, RESULT, THINKING, Layout, scan
from lynkr._native.splice import replaced
from lynkr.wire.anthropic.thinking import BUDGET_MIN, BUDGETS, budget_of, effort_of
from lynkr.wire.codec import Target
from lynkr.wire.format import UNREADABLE

_decode = msgspec.json.decode
_encode = msgspec.json.encode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode

_ROLE = PathTable("role")
_USER = b'"user"'
# Thinking without either came of nobody, or of a model that seals nothing.
_SEALED = re.compile(rb'"(?:signature|data)"\s*:\s*"[^"]')
_THINKING_WORDS = frozenset(("adaptive_thinking", "thinking_budget", "effort"))
_FORCED = ("any", "tool")
_TOP_P_MIN = 0.95  # with thinking
_HIGHEST = ("xhigh", "max")
_ENCRYPTED_REASONING = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"


class Fitted(msgspec.Struct, frozen=True):
    """The body for a target, and the fields that it has no more, or has otherwise."""

    body: bytes
    changed: tuple[str, ...] = ()


def fitted(body: bytes, layout: Layout | None, dialect: int, target: Target) -> Fitted:
    """``body`` for ``target``; the same object when the model takes it as it is.

    ``layout`` is that of this very body, or ``None``: then it is scanned. A body whose structure
    cannot be trusted stays as it is.
    """
    if layout is None:
        layout = scan(body, dialect)
        if layout is None:
            return Fitted(body)
    work = _Work(body, layout, target)
    if dialect == MESSAGES:
        _fit_messages(work)
    else:
        _fit_openai(work, "max_completion_tokens" if dialect == CHAT else "max_output_tokens")
        if dialect == CHAT:
            _fit_chat(work)
        else:
            _fit_responses(work)
    return Fitted(work.written(), tuple(work.changed)) if work.changed else Fitted(body)


class _Work:
    """The fields of one body while they are looked at, and what becomes of them."""

    def __init__(self, body: bytes, layout: Layout, target: Target) -> None:
        self.body = body
        self.layout = layout
        self.can = target.capabilities
        self.output_tokens_max = target.output_tokens_max
        self.changed: list[str] = []
        self.values: dict[bytes, bytes] = {}  # new ones; b"": the field is left out
        self.splices: list[tuple[int, int, bytes]] = []  # inside the messages

    def value(self, name: str) -> object:
        """A field's value; ``None`` also for one that nobody can read."""
        span = self.layout.keys.get(name.encode())
        if span is None:
            return None
        try:
            found: object = _decode(self.body[span[0] : span[1]])
        except UNREADABLE:
            return None
        return found

    def fields(self, name: str) -> dict[str, msgspec.Raw]:
        """Those of an object, as they are written; none of anything else."""
        span = self.layout.keys.get(name.encode())
        if span is None or self.body[span[0]] != 123:  # "{"
            return {}
        try:
            return _object(self.body[span[0] : span[1]])
        except UNREADABLE:
            return {}

    def put(self, name: str, value: bytes, word: str = "") -> None:
        """Another value for a field; ``word`` is what the change is called, where that is more
        than the field's name."""
        self.values[name.encode()] = value
        self.changed.append(word or name)

    def leave_out(self, *names: str) -> None:
        for name in names:
            if self.value(name) is not None:
                self.put(name, b"")

    def put_fields(self, name: str, fields: dict[str, msgspec.Raw], word: str) -> None:
        """An object with other fields; without any it is left out."""
        pieces = [b"%b:%b" % (_encode(key), bytes(raw)) for key, raw in fields.items()]
        self.put(name, b"{%b}" % b",".join(pieces) if pieces else b"", word)

    def bounded(self, name: str) -> int | None:
        """A limit of the answer, which is the model's own at most."""
        limit, most = self.value(name), self.output_tokens_max
        if type(limit) is not int:
            return None
        if most is None or limit <= most:
            return limit
        self.put(name, b"%d" % most)
        return most

    def written(self) -> bytes:
        edits, body = self.splices, self.body
        end = body.index(b"{") + 1  # of what stands before the next field
        first = True
        for name, (start, stop) in self.layout.keys.items():
            value = self.values.get(name)
            if value == b"":
                cut = stop
                if first:  # nothing stands before it that its comma could part it from
                    comma = body.find(b",", stop)
                    cut = stop if comma < 0 else comma + 1
                edits.append((end, cut, b""))
                end = cut
                continue
            if value is not None:
                edits.append((start, stop, value))
            first = False
            end = stop
        edits.sort()
        return replaced(body, edits)


# --- Messages -------------------------------------------------------------------------------------


def _fit_messages(work: _Work) -> None:
    keys, can = work.layout.keys, work.can
    asked = work.value("max_tokens")
    limit = work.bounded("max_tokens")
    thinks = False
    if "reasoning" not in can or not can.isdisjoint(_THINKING_WORDS):
        effort = _effort(work) if b"output_config" in keys else ""
        if b"thinking" in keys:
            thinks = _thinking(work, effort, limit, limit != asked)
    fixed = "fixed_sampling" in can
    if fixed or thinks:
        temperature, top_p = work.value("temperature"), work.value("top_p")
        if isinstance(temperature, int | float) and temperature != 1:
            work.leave_out("temperature")
        if fixed or (isinstance(top_p, int | float) and top_p < _TOP_P_MIN):
            work.leave_out("top_p")
        work.leave_out("top_k")
    if "mid_conversation_system" not in can:
        _lend_voice(work)


def _effort(work: _Work) -> str:
    """The client's effort. That of the body becomes one that the model knows."""
    fields = work.fields("output_config")
    effort = _text(fields.get("effort"))
    if not effort:
        return ""
    known = _known_effort(effort, work.can)
    if known != effort:
        if known:
            fields["effort"] = msgspec.Raw(_encode(known))
        else:
            del fields["effort"]
        work.put_fields("output_config", fields, "output_config.effort")
    return effort


def _known_effort(effort: str, can: frozenset[str]) -> str:
    """Opus 4.5, the only model with an effort but no adaptive thinking, ends at high
    (https://platform.claude.com/docs/en/build-with-claude/effort)."""
    if "effort" not in can:
        return ""
    if effort not in _HIGHEST:
        return effort
    if "adaptive_thinking" not in can:
        return "high"
    return effort_of(effort, None, "effort_xhigh" in can)


def _thinking(work: _Work, effort: str, limit: int | None, bounded: bool) -> bool:
    """Fits ``thinking``; whether the model is told to think."""
    fields, can = work.fields("thinking"), work.can
    mode = _text(fields.get("type"))
    adaptive, budgets = "adaptive_thinking" in can, "thinking_budget" in can
    if mode == "disabled":
        if "thinking_always_on" in can:
            work.put("thinking", b"")
        return False
    if mode not in ("adaptive", "enabled"):
        return False  # a newer word
    if mode == "enabled":
        named = _whole(fields.get("budget_tokens"))
        if budgets and not _unsigned(work.body, work.layout):
            if bounded and limit is not None and named is not None and named >= limit:
                _budget(work, budget_of("", named, limit), "thinking.budget_tokens")
            return True
        if adaptive:
            _adapt(work, fields, named, effort)
            return True
    elif adaptive:
        return True
    elif budgets and limit is not None and _may_have_budget(work):
        budget = budget_of(effort if effort in BUDGETS else "", None, limit)
        if budget >= BUDGET_MIN:
            _budget(work, budget, "thinking")
            return True
    work.put("thinking", b"")
    _keep_thinking(work)
    return False


def _budget(work: _Work, tokens: int, word: str) -> None:
    work.put("thinking", _encode({"type": "enabled", "budget_tokens": tokens}), word)


def _adapt(work: _Work, fields: dict[str, msgspec.Raw], budget: int | None, effort: str) -> None:
    """A budget as adaptive thinking. Who gives a budget is shown the thinking unless he says
    otherwise; newer models show none unless asked."""
    display = _text(fields.get("display")) or "summarized"
    given = _encode({"type": "adaptive", "display": display})
    work.put("thinking", given)
    if effort or budget is None or "effort" not in work.can:
        return
    config = work.fields("output_config")
    level = msgspec.Raw(_encode(effort_of("", budget, "effort_xhigh" in work.can)))
    if b"output_config" in work.layout.keys:
        work.put_fields("output_config", {**config, "effort": level}, "output_config.effort")
    else:
        given += b',"output_config":{"effort":%b}' % bytes(level)
        work.values[b"thinking"] = given
        work.changed.append("output_config.effort")


def _may_have_budget(work: _Work) -> bool:
    """A budget goes together with no forced call of a tool, nor with results of calls whose
    thinking is gone: see ``wire.anthropic.thinking``."""
    choice = _text(work.fields("tool_choice").get("type"))
    return choice not in _FORCED and not _unsigned(work.body, work.layout)


def _unsigned(body: bytes, layout: Layout) -> bool:
    """Whether calls are being answered whose thinking did not come back. Words that a client adds
    to the results of its tools do not end the model's turn."""
    blocks = layout.blocks
    called = says = answers = False
    for message in reversed(layout.message_list):
        of_model = message.role == b"assistant"
        if of_model:
            if says and not answers:
                return called
            says = answers = False
        for index in range(message.first, message.first + message.count):
            block = blocks[index]
            if of_model and block.kind == THINKING:
                if _SEALED.search(body, block.start, block.end):
                    return False
            elif of_model:
                called = called or block.kind == CALL
            elif block.kind == RESULT:
                answers = True
            elif message.role == b"user":
                says = True
    return called


def _keep_thinking(work: _Work) -> None:
    """Without ``thinking`` the API refuses to be told what to do with earlier thinking."""
    fields = work.fields("context_management")
    try:
        edits = _list(fields["edits"]) if "edits" in fields else []
        kinds = [_text(_object(edit).get("type")) for edit in edits]
    except UNREADABLE:
        return
    kept = [
        bytes(edit)
        for edit, kind in zip(edits, kinds, strict=True)
        if not kind.startswith("clear_thinking_")
    ]
    if len(kept) == len(edits):
        return
    if kept:
        fields["edits"] = msgspec.Raw(b"[%b]" % b",".join(kept))
    else:
        del fields["edits"]
    work.put_fields("context_management", fields, "context_management.edits")


def _lend_voice(work: _Work) -> None:
    """System messages in the conversation become the user's, who may have several in a row."""
    splices = work.splices
    for message in work.layout.message_list:
        if message.role != b"system":
            continue
        found = find_spans(_ROLE, work.body[message.start : message.end])
        span = None if found is None else found[0]
        if span is not None:
            splices.append((message.start + span[0], message.start + span[1], _USER))
    if splices:
        work.changed.append("messages.role")


# --- Chat and Responses ---------------------------------------------------------------------------


def _fit_openai(work: _Work, limit: str) -> None:
    """What both have at the top level."""
    can = work.can
    work.bounded(limit)
    if _fixed(can):
        for name in ("temperature", "top_p"):
            if work.value(name) != 1:
                work.leave_out(name)
        if "penalties" not in can:
            work.leave_out("presence_penalty", "frequency_penalty")
        if "logprobs" not in can:
            work.leave_out("logprobs", "top_logprobs")


def _fixed(can: frozenset[str]) -> bool:
    """OpenAI's reasoning models take no other sampling than the default; servers that reason and
    let it be chosen have the word for it."""
    return "fixed_sampling" in can or ("reasoning_effort" in can and "sampling" not in can)


def _fit_chat(work: _Work) -> None:
    can, keys = work.can, work.layout.keys
    work.bounded("max_tokens")
    effort = work.value("reasoning_effort") if b"reasoning_effort" in keys else None
    if "reasoning_effort" not in can or (effort == "none" and "reasoning_none" not in can):
        work.leave_out("reasoning_effort")
    if "reasoning" not in can and "reasoning_effort" not in can:
        work.leave_out("reasoning")  # OpenRouter's way to say it
    if "verbosity" not in can:
        work.leave_out("verbosity")


def _fit_responses(work: _Work) -> None:
    can, keys = work.can, work.layout.keys
    if b"reasoning" in keys:
        _reasoning(work)
    if b"text" in keys and "verbosity" not in can:
        text = work.fields("text")
        if _said(text.pop("verbosity", None)):
            work.put_fields("text", text, "text.verbosity")
    if b"include" in keys:
        _include(work)


def _reasoning(work: _Work) -> None:
    can, fields = work.can, work.fields("reasoning")
    if "reasoning" not in can:
        if any(_said(raw) for raw in fields.values()):
            work.put("reasoning", b"")
    elif _text(fields.get("effort")) == "none" and "reasoning_none" not in can:
        del fields["effort"]
        work.put_fields("reasoning", fields, "reasoning.effort")


def _include(work: _Work) -> None:
    can, given = work.can, work.value("include")
    refused = []
    if "reasoning" not in can and "encrypted_reasoning" not in can:
        refused.append(_ENCRYPTED_REASONING)
    if _fixed(can) and "logprobs" not in can:
        refused.append(_LOGPROBS)
    if isinstance(given, list):
        kept = [word for word in given if word not in refused]
        if len(kept) < len(given):
            work.put("include", _encode(kept) if kept else b"")


# --- values ---------------------------------------------------------------------------------------


def _said(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw) != b"null"


def _text(raw: msgspec.Raw | None) -> str:
    """A string; "" of anything else."""
    if raw is None:
        return ""
    try:
        found = _decode(raw)
    except UNREADABLE:
        return ""
    return found if isinstance(found, str) else ""


def _whole(raw: msgspec.Raw | None) -> int | None:
    if raw is None:
        return None
    try:
        found = _decode(raw)
    except UNREADABLE:
        return None
    return found if type(found) is int else None
