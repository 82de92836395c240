"""The inference routes: path, dialect and how each reply is read. A new route is a row here."""

from __future__ import annotations

from lynkr.wire.anthropic import format as anthropic
from lynkr.wire.chat import format as openai_chat
from lynkr.wire.format import Api
from lynkr.wire.gemini import format as gemini
from lynkr.wire.responses import format as openai_responses

_ROWS = (
    Api("messages", b"/v1/messages", anthropic.FORMAT, anthropic.FORMAT.body),
    Api("count_tokens", b"/v1/messages/count_tokens", anthropic.FORMAT, anthropic.COUNT_BODY),
    Api("chat", b"/v1/chat/completions", openai_chat.FORMAT, openai_chat.FORMAT.body),
    Api(
        "responses",
        b"/v1/responses",
        openai_responses.FORMAT,
        openai_responses.FORMAT.body,
        kept_by_id=True,
    ),
    Api("embeddings", b"/v1/embeddings", openai_chat.FORMAT, openai_chat.EMBEDDINGS_BODY),
    # Google's paths name the model: of /v1beta/models/gemini-3-pro:generateContent the verb counts.
    Api("gemini", b":generateContent", gemini.FORMAT, gemini.FORMAT.body, model_in_path=True),
)
STREAM_VERB = b":streamGenerateContent"

APIS: dict[str, Api] = {api.name: api for api in _ROWS}
BY_PATH: dict[bytes, Api] = {**{api.path: api for api in _ROWS}, STREAM_VERB: APIS["gemini"]}

# Conversations: what can be translated to what, and the codec of each. Converse is spoken to
# providers only.
TRANSLATED = {
    "messages": "anthropic_messages",
    "chat": "openai_chat",
    "responses": "openai_responses",
    "gemini": "gemini",
    "converse": "bedrock",
}
