"""The inference routes: path, dialect and how each reply is read. A new route is a row here."""

from __future__ import annotations

from lynkr.wire import anthropic, openai_chat, openai_responses
from lynkr.wire.format import Api

_ROWS = (
    Api("messages", b"/v1/messages", anthropic.FORMAT, anthropic.FORMAT.body),
    Api("count_tokens", b"/v1/messages/count_tokens", anthropic.FORMAT, anthropic.COUNT_BODY),
    Api("chat", b"/v1/chat/completions", openai_chat.FORMAT, openai_chat.FORMAT.body),
    Api("responses", b"/v1/responses", openai_responses.FORMAT, openai_responses.FORMAT.body),
    Api("embeddings", b"/v1/embeddings", openai_chat.FORMAT, openai_chat.EMBEDDINGS_BODY),
)

APIS: dict[str, Api] = {api.name: api for api in _ROWS}
BY_PATH: dict[bytes, Api] = {api.path: api for api in _ROWS}
