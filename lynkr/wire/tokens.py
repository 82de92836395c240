"""How many tokens a text has: an estimate for providers that do not count, and to decide by.

Counted as OpenAI's o200k_base would (``_native/tokens.pyx``): exact on nearly every text, and off
by a few in ten thousand otherwise. Models with another tokenizer get a factor per family, which is
where ``policies/calibration.py`` starts from; ``tests/wire/test_tokens.py`` holds the error.
"""

from __future__ import annotations

import re

from lynkr._native.tokens import count
from lynkr.wire.jsontext import dumps
from lynkr.wire.message import (
    Document,
    Image,
    Message,
    Offer,
    Opaque,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
)

MESSAGE_TOKENS = 4  # what every chat template puts around a message
IMAGE_TOKENS = 1600  # Anthropic's most for one picture at its usual size

# Tokens of a family for one of o200k_base, on what agents send: code, JSON, tool output, prompts in
# English. Measured: with that family's own vocabulary on the evaluation snippets.
FACTORS = {
    "o200k": 1.0,
    "cl100k": 1.0,  # measured: median 0.997; 1.4 on other languages than English
    "deepseek": 1.04,  # measured, with the vocabulary that litellm 1.109.1 ships for it
    "claude": 1.2,  # a guess: no vocabulary is public; reports say 20 to 30 % more than OpenAI's
    "claude_4_7": 1.4,  # a guess: said to be 1.0 to 1.35 times the one before
    "gemini": 1.1,  # a guess: larger vocabulary, single digits; Google says 4 characters a token
    "llama": 1.0,  # a guess: Llama 3 extends cl100k
    "qwen": 1.1,  # measured on a stand-in: cl100k with single digits
    "other": 1.1,  # a guess
}
_CL100K = re.compile(r"gpt-?(?:4(?![\d.o])|3|4-)|ada-002|text-embedding-3")
_O200K = re.compile(r"gpt-?(?:4o|4\.|[5-9]|oss)|chatgpt|codex|(?:^|[/.:-])o\d(?:$|-)")
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")


def estimated(text: str) -> int:
    """Tokens of a text by o200k_base; 0 only for the empty one."""
    return count(text.encode("utf-8", "replace"))


def estimated_bytes(data: bytes | bytearray | memoryview) -> int:
    """The same of a text in UTF-8. JSON counts as it is written, its escapes included."""
    return count(data)


def family_of(model: str) -> str:
    """Which of ``FACTORS`` a model's tokenizer belongs to, by the model's name in any spelling.

    Names with a prefix (``us.anthropic.claude-sonnet-4-5``, ``openai/gpt-4o``) are understood.
    """
    name = model.lower()
    if "claude" in name:
        version = _CLAUDE.search(name)
        found = (int(version[1]), int(version[2] or 0)) if version else (0, 0)
        return "claude_4_7" if found >= (4, 7) else "claude"
    for family in ("qwen", "llama", "deepseek"):  # in this order: distilled models name both
        if family in name:
            return family
    if "gemini" in name or "gemma" in name:
        return "gemini"
    if _O200K.search(name):
        return "o200k"
    return "cl100k" if _CL100K.search(name) else "other"


def request_tokens(request: Request) -> int:
    """Input tokens of a request by o200k_base: all that the model reads."""
    total = sum(_message(message) for message in request.messages)
    if request.system is not None:
        total += _message(request.system)
    return total + sum(_tool(tool) for tool in request.tools)


def _message(message: Message) -> int:
    return MESSAGE_TOKENS + sum(_part(part) for part in message.parts)


def _part(part: Part) -> int:
    if isinstance(part, (Text, Thinking)):
        return estimated(part.text)
    if isinstance(part, ToolCall):
        return estimated(part.name) + estimated(part.arguments)
    if isinstance(part, ToolResult):
        return sum(_part(inner) for inner in part.content)
    if isinstance(part, ToolReference):
        return estimated(part.name)
    if isinstance(part, Image):
        return IMAGE_TOKENS
    if isinstance(part, Document):
        return estimated(part.text) if part.text else len(part.data) // 8
    if isinstance(part, Offer):
        return sum(_tool(tool) for tool in part.tools)
    if isinstance(part, Opaque):
        return count(dumps(part.value))
    return 0


def _tool(tool: Tool) -> int:
    schema = dumps(tool.parameters or tool.value)
    return estimated(tool.name) + estimated(tool.description or "") + count(schema)
