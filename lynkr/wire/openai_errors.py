"""Errors of the OpenAI dialects, Chat Completions and Responses alike, and of all who speak them.

    {"error": {"message": ..., "type": ..., "param": ..., "code": ...}}
    https://platform.openai.com/docs/guides/error-codes

Read is much more than that, because few of those who speak the dialect speak it here: bare
strings (Ollama), the object without its envelope (older vLLM, Mistral), ``detail`` (FastAPI),
arrays (Gemini), an error wrapped in another (OpenRouter), and the HTML of a proxy in between.
"""

from __future__ import annotations

import html
import re

from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Failure, Json

TEXT_LENGTH_MAX = 500  # of a message made from HTML or other text that is no JSON
READ_LENGTH_MAX = 16 * 1024  # so far is HTML looked at: the patterns' time may be quadratic
SEARCHED_LENGTH_MAX = 4096  # so far a message is searched for the wordings, likewise

_KINDS_BY_STATUS = {
    401: "authentication",
    402: "billing",
    403: "permission",
    404: "not_found",
    408: "timeout",
    410: "not_found",
    413: "too_large",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    524: "timeout",  # Cloudflare
    529: "overloaded",  # Anthropic
}
# Codes, types and gRPC names in lower case, for errors that come without a status of their own.
_KINDS_BY_WORD = {
    "authentication_error": "authentication",
    "invalid_api_key": "authentication",
    "unauthenticated": "authentication",
    "permission_error": "permission",
    "permission_denied": "permission",
    "not_found": "not_found",
    "not_found_error": "not_found",
    "notfounderror": "not_found",
    "model_not_found": "not_found",
    "rate_limit_error": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
    "too_many_requests": "rate_limit",
    "resource_exhausted": "rate_limit",
    "insufficient_quota": "billing",
    "billing_error": "billing",
    "billing_not_active": "billing",
    "billing_hard_limit_reached": "billing",
    "request_too_large": "too_large",
    "overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "server_is_overloaded": "overloaded",
    "engine_overloaded": "overloaded",
    "slow_down": "overloaded",
    "unavailable": "overloaded",
    "unavailable_error": "overloaded",
    "service_unavailable": "overloaded",
    "timeout": "timeout",
    "timeout_error": "timeout",
    "deadline_exceeded": "timeout",
    "invalid_request_error": "invalid_request",
    "invalid_request": "invalid_request",
    "invalid_prompt": "invalid_request",
    "badrequesterror": "invalid_request",
    "invalid_argument": "invalid_request",
}
_BILLING = ("insufficient_quota", "billing_not_active", "billing_hard_limit_reached")

_WAITS = ("rate_limit", "billing", "overloaded")
_CONTEXT_WORDS = (
    "context_length_exceeded",  # OpenAI, Groq, Azure
    "exceed_context_size_error",  # llama.cpp
    "context_window_exceeded",
)
_CONTEXT = re.compile(
    r"maximum (?:context|prompt|model) length"
    r"|context (?:length|window|size|limit)[^.]{0,40}(?:exceed|overflow)"
    r"|exceed[^.]{0,80}context (?:length|window|size|limit)"
    r"|(?:prompt|input|request) is too long"
    r"|too many (?:input )?tokens"
    r"|reduce the length of (?:the|your) (?:messages|prompt|input)"
    r"|input token count[^.]{0,40} exceeds"
    r"|input tokens exceed"
    r"|context length (?:of|is) only"  # LM Studio, vLLM
    r"|when context the overflows"  # LM Studio
    r"|tokens to keep from the initial prompt"  # LM Studio
    r"|contextwindowexceedederror"  # LiteLLM
    r"|`inputs` tokens \+ `max_new_tokens` must be",  # text-generation-inference
    re.IGNORECASE,
)
# vLLM: the prompt fits, but not together with the output that was asked for. A shorter
# conversation is not what the client must send.
_OUTPUT_LIMIT = re.compile(r"""['"`]?max(?:_completion|_output)?_tokens['"`]?.{0,40}too large""")

_COUNT = r"(\d[\d,]*)"
# Who says how much was sent, and how much fits. The names of the groups tell which is which.
_SENT, _FITS = rf"(?P<sent>{_COUNT[1:-1]})", rf"(?P<fits>{_COUNT[1:-1]})"
_NUMBERS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # OpenAI, DeepSeek, OpenRouter, vLLM, xAI
        rf"maximum (?:context|prompt) length is {_FITS}.*?"
        rf"(?:requested|resulted in|has|contains)(?: about)? {_SENT}",
        rf"configured limit of {_FITS}.*?resulted in {_SENT}",  # OpenAI
        rf"too long:? {_SENT}(?: tokens)? > {_FITS}",  # Anthropic
        rf"too long: {_SENT}, model maximum context length: {_FITS}",  # Fireworks
        rf"\({_SENT} tokens\) exceeds the available context size \({_FITS}",  # llama.cpp
        rf"token count \({_SENT}\) exceeds.*?\({_FITS}\)",  # Gemini
        rf"contains {_SENT} tokens.*?with {_FITS} maximum context",  # Mistral
        rf"length is {_SENT} while limit is {_FITS}",  # Cerebras
        rf"passed {_SENT} input tokens.*?length is only {_FITS}",  # vLLM
        rf"must be <= {_FITS}\. given: {_SENT}",  # text-generation-inference
        rf"first {_SENT} tokens.*?length of only {_FITS}",  # LM Studio
        rf"maximum (?:context|prompt) length is (?P<sent>){_FITS}",
        rf"context length (?:of|is) only (?P<sent>){_FITS}",
    )
)

_HIDDEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_OPENAI_CODE = re.compile(r"[a-z0-9_.-]*(?<!_error)")

_TYPES = {
    "rate_limit": "rate_limit_error",
    "billing": "insufficient_quota",
    "overloaded": "server_error",
    "timeout": "server_error",
    "api_error": "server_error",
}
_CODES = {
    "authentication": "invalid_api_key",
    "permission": "permission_denied",
    "not_found": "not_found",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_exceeded",
    "context_length": "context_length_exceeded",
    "overloaded": "overloaded",
    "timeout": "timeout",
    "billing": "insufficient_quota",
    "api_error": "server_error",
}


def decode_error(status: int, body: bytes) -> Failure:
    """What an error reply says. ``status`` 0: the body is the data of an event inside a stream.

    A prompt that does not fit is recognised by code or by the wordings of the servers known, with
    the two numbers where they are said. ``code`` is the upstream's own word, its ``code`` or else
    its ``type``.
    """
    try:
        value = loads(body)
    except ValueError:
        return _failure(status, _shown(body.decode("utf-8", "replace")), {})
    return failure_of(status, value)


def failure_of(status: int, value: object) -> Failure:
    """The same for JSON that is decoded already: the body, or its ``error`` alone."""
    if isinstance(value, list):
        value = value[0] if value else None  # Gemini
    fields: Json = value if isinstance(value, dict) else {"message": value}
    inner = fields.get("error")
    if isinstance(inner, dict):
        fields = inner
    elif isinstance(inner, str):
        fields = {**fields, "message": inner}  # Ollama, xAI
    return _failure(status, _message(fields), fields)


def _message(fields: Json) -> str:
    for name in ("message", "detail", "error_message", "msg", "title"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            break
        if isinstance(value, (dict, list)) and value:
            value = _told(value)
            break
    else:
        return ""
    metadata = fields.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if isinstance(raw, str) and raw and raw not in value:
        return f"{value}: {raw}"  # OpenRouter: "Provider returned error" and what it was
    return value


def _told(value: object) -> str:
    """FastAPI's ``detail``: an object with a message, or a list of {"loc", "msg", "type"}."""
    if isinstance(value, dict):
        told = value.get("message") or value.get("msg")
        if isinstance(told, str):
            where = value.get("loc")
            path = ".".join(str(step) for step in where) if isinstance(where, list) else ""
            return f"{path}: {told}" if path else told
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return "; ".join(_told(each) for each in value)
    return dumps(value).decode()


def _failure(status: int, message: str, fields: Json) -> Failure:
    words = [
        word
        for name in ("code", "type", "status")
        if isinstance(word := fields.get(name), str) and word and not word.isdecimal()
    ]
    if isinstance(fields.get("code"), int) and isinstance(fields.get("status"), str):
        words.reverse()  # Gemini: the code is a number, the word is the status
    searched = message[:SEARCHED_LENGTH_MAX]
    kind = _kind(status, searched, fields, words)
    sent, fits = _numbers(searched, fields) if kind == "context_length" else (None, None)
    param = fields.get("param")
    return Failure(
        status=status,
        kind=kind,  # type: ignore[arg-type]  # the tables above hold nothing else
        message=message or _nothing(status),
        code=words[0] if words else "",
        field=param if isinstance(param, str) else "",
        tokens=sent,
        tokens_max=fits,
    )


def _kind(status: int, message: str, fields: Json, words: list[str]) -> str:
    known = [word.lower() for word in words]
    if status in (0, 200):
        status = _status_inside(fields)
    if status not in (401, 403, 404, 429) and (
        any(word in _CONTEXT_WORDS for word in known)
        or (
            _CONTEXT.search(message)
            and not _OUTPUT_LIMIT.search(message)
            # "Too many tokens, please wait" is about the minute, not about the window.
            and not any(_KINDS_BY_WORD.get(word) in _WAITS for word in known)
        )
    ):
        return "context_length"
    if any(word in _BILLING for word in known):
        return "billing"  # a 429 that no waiting cures
    if status in _KINDS_BY_STATUS:
        return _KINDS_BY_STATUS[status]
    if 400 <= status < 500:
        return "invalid_request"
    for word in known:
        if word in _KINDS_BY_WORD:
            return _KINDS_BY_WORD[word]
    return "api_error"


def _status_inside(fields: Json) -> int:
    """A status that an error inside a stream names itself: vLLM, OpenRouter, LiteLLM ("400")."""
    for name in ("code", "status", "status_code"):
        value = fields.get(name)
        if isinstance(value, str) and value.isdecimal() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return 0


def _numbers(message: str, fields: Json) -> tuple[int | None, int | None]:
    sent, fits = fields.get("n_prompt_tokens"), fields.get("n_ctx")  # llama.cpp
    if isinstance(sent, int) and isinstance(fits, int):
        return sent, fits
    for pattern in _NUMBERS:
        found = pattern.search(message)
        if found is not None:
            return _count(found["sent"]), _count(found["fits"])
    return None, None


def _count(digits: str) -> int | None:
    return int(digits.replace(",", "")) if 0 < len(digits) <= 24 else None


def _shown(text: str) -> str:
    """Text that is no JSON, on one line; of HTML what a browser would show."""
    text = text[:READ_LENGTH_MAX]
    if text.lstrip()[:1] == "<":
        text = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text)))
    text = " ".join(text.split())
    return text if len(text) <= TEXT_LENGTH_MAX else text[: TEXT_LENGTH_MAX - 1] + "…"


def _nothing(status: int) -> str:
    if status:
        return f"The provider answered with status {status} and said no more."
    return "The provider reported an error and said no more."


def failure_object(failure: Failure) -> dict[str, object]:
    """The object below ``error``: message, type, param, code.

    ``code`` is the upstream's own word if it reads like one of OpenAI's; else, and for a prompt
    that does not fit, the word that clients of this dialect know.
    """
    code = failure.code
    if not code or failure.kind == "context_length" or not _OPENAI_CODE.fullmatch(code):
        code = _CODES.get(failure.kind, "")
    return {
        "message": failure.message,
        "type": _TYPES.get(failure.kind, "invalid_request_error"),
        "param": failure.field or None,
        "code": code or None,
    }


def encode_error(failure: Failure, request_id: str) -> bytes:
    """The JSON body. The request id is in the headers of this dialect, not in its errors."""
    return dumps({"error": failure_object(failure)})
