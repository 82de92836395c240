"""Where Chat Completions keeps reasoning. OpenAI's own API shows none; others added fields.

| field of a message or delta | who | told by the seal |
| --- | --- | --- |
| `reasoning_content` | DeepSeek, Qwen, GLM, llama.cpp, SGLang | `{"field": "reasoning_content"}` |
| `reasoning` | OpenRouter, vLLM, Groq, Ollama | `{"field": "reasoning"}` |
| `reasoning_details` | OpenRouter: signatures, encrypted data | `{"reasoning_details": [...]}` |
| `extra_content` of a tool call | Gemini's Chat endpoint | `{"call": {"extra_content": ...}}` |

So plain reasoning has a seal too: it says that the text belongs to this dialect, and where in it.
DeepSeek refuses the next request of a tool loop without it
(https://api-docs.deepseek.com/guides/thinking_mode), Gemini without its `extra_content`
(https://ai.google.dev/gemini-api/docs/thought-signatures#openai).

A Chat client keeps a foreign seal as one more entry of `reasoning_details`
(https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks):

    {"type": "reasoning.encrypted", "data": "lynkr1...", "format": "lynkr", "index": 0}

with `id`, that of the tool call which follows it directly, if one does; and `offset`, where its
part of `reasoning_content` begins, if that is not at the start.
"""

from __future__ import annotations

from lynkr.wire.message import Json, Seal, Thinking
from lynkr.wire.seals import seal_text, unseal

NAME = "openai_chat"
FIELDS = ("reasoning_content", "reasoning")  # the first that says something counts
_MERGED = {"reasoning.text": "text", "reasoning.summary": "summary"}


def own_seal(field: str, details: list[Json]) -> Seal | None:
    """The seal of reasoning that an upstream of this dialect showed."""
    data: Json = {}
    if field:
        data["field"] = field
    if details:
        data["reasoning_details"] = details
    return Seal(NAME, data) if data else None


def call_seal(extra_content: object) -> Seal:
    """The seal of what must go back with the tool call that follows."""
    return Seal(NAME, {"call": {"extra_content": extra_content}})


def details_of(seal: Seal) -> list[Json]:
    found = seal.data.get("reasoning_details")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def is_summary(details: list[Json]) -> bool:
    return any(detail.get("type") == "reasoning.summary" for detail in details)


def text_of(details: list[Json]) -> str:
    """What the entries show to people."""
    found: list[str] = []
    for detail in details:
        text = detail.get(_MERGED.get(str(detail.get("type")), ""))
        if isinstance(text, str):
            found.append(text)
    return "".join(found)


def merge(details: list[Json], more: list[Json]) -> None:
    """Add the entries of a stream's next chunk.

    Text comes in pieces, its signature in a last one; all name the same `index`, and so may the
    next block, so that `index` tells little. What is kept is what a whole reply would have said:
    a signature is of the whole text, and a model refuses it with a piece.
    """
    for new in more:
        field = _MERGED.get(str(new.get("type")))
        last = details[-1] if details else None
        if (
            field is None
            or last is None
            or last.get("type") != new.get("type")
            or last.get("index") != new.get("index")
            or (last.get("signature") and new.get(field))
        ):
            details.append(dict(new))
            continue
        for name, value in new.items():
            if name == field and isinstance(value, str):
                before = last.get(field)
                last[field] = before + value if isinstance(before, str) else value
            elif value is not None:
                last[name] = value


def numbered(details: list[Json], start: int) -> list[Json]:
    """With an `index` each, counted from ``start``: SDKs put the entries of a stream together by
    it, and two of the same would become one."""
    return [{**detail, "index": start + n} for n, detail in enumerate(details)]


def foreign_detail(seal: Seal, index: int, call_id: str, offset: int) -> Json:
    """The entry that carries another format's seal."""
    detail: Json = {
        "type": "reasoning.encrypted",
        "data": seal_text(seal),
        "format": "lynkr",
        "index": index,
    }
    if call_id:
        detail["id"] = call_id
    if offset:
        detail["offset"] = offset
    return detail


def take_history(message: Json) -> list[tuple[Thinking, str]]:
    """The reasoning of an assistant message that a client sent back, taken out of it: each part
    with the id of the tool call that it belongs before, or ""."""
    text, field = "", ""
    for name in FIELDS:
        value = message.get(name)
        if value is None or isinstance(value, str):
            message.pop(name, None)
            if value and not text:
                text, field = value, name
    given = message.get("reasoning_details")
    details: list[Json] = []
    if isinstance(given, list) and all(isinstance(each, dict) for each in given):
        details = message.pop("reasoning_details")  # type: ignore[assignment]
    sealed = [(detail, seal) for detail in details if (seal := _foreign(detail)) is not None]
    if not sealed:
        seal = own_seal(field, details)
        if seal is None:
            return []
        shown = text or text_of(details)
        return [(Thinking(text=shown, seal=seal, summary=is_summary(details)), "")]
    starts = [_offset(detail, len(text)) for detail, _ in sealed]
    found: list[tuple[Thinking, str]] = []
    if starts[0]:
        found.append((Thinking(text=text[: starts[0]], seal=own_seal(field, [])), ""))
    for (detail, seal), start, end in zip(sealed, starts, [*starts[1:], len(text)], strict=True):
        call_id = detail.get("id")
        thinking = Thinking(text=text[start:end], seal=seal)
        found.append((thinking, call_id if isinstance(call_id, str) else ""))
    return found


def _foreign(detail: Json) -> Seal | None:
    data = detail.get("data")
    return unseal(data) if detail.get("format") == "lynkr" and isinstance(data, str) else None


def _offset(detail: Json, most: int) -> int:
    value = detail.get("offset")
    return min(value, most) if isinstance(value, int) and value > 0 else 0
