"""Questions for a token count, in the dialects whose providers answer one.

A count is asked with the very body that a conversation would be sent with, wrapped or cut to what
the counting call takes:

* Responses, https://platform.openai.com/docs/api-reference/responses/input-tokens
* Gemini, https://ai.google.dev/api/tokens
* Bedrock, https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
"""

from __future__ import annotations

from collections.abc import Callable

from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Json

_RESPONSES_FIELDS = (
    "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning",
    "text",
)  # fmt: skip
_CONVERSE_FIELDS = ("messages", "system", "toolConfig", "additionalModelRequestFields")


def _responses(body: Json, model: str) -> Json:
    return {name: body[name] for name in _RESPONSES_FIELDS if name in body}


def _gemini(body: Json, model: str) -> Json:
    return {"generateContentRequest": {"model": f"models/{model}", **body}}


def _converse(body: Json, model: str) -> Json:
    return {"input": {"converse": {n: body[n] for n in _CONVERSE_FIELDS if n in body}}}


# By codec: how the question is made, and where the reply has the number.
_WAYS: dict[str, tuple[Callable[[Json, str], Json], str]] = {
    "openai_responses": (_responses, "input_tokens"),
    "gemini": (_gemini, "totalTokens"),
    "bedrock": (_converse, "inputTokens"),
}


def question(format_name: str, body: bytes, model: str) -> bytes:
    """The counting call's body for a conversation's."""
    made = loads(body)
    assert isinstance(made, dict)
    return dumps(_WAYS[format_name][0](made, model))


def answer(format_name: str, body: bytes) -> int:
    """The number in a counting call's reply. Raises ``ValueError`` when there is none."""
    reply = loads(body)
    count = reply.get(_WAYS[format_name][1]) if isinstance(reply, dict) else None
    if isinstance(count, bool) or not isinstance(count, int):
        raise ValueError("it holds no count")
    return count
