"""Request: reads a client's JSON without trusting any of it.

Clients send fields, roles and block types newer than this file, so a reader gives an empty value
for what it does not know. Only what a real provider would also refuse is a ``BadRequestError``.
"""

from __future__ import annotations

from itertools import chain

import orjson

Fields = dict[str, object]

DEPTH_MAX = 100  # levels; real bodies have about 12, and the JSON encoder gives up at 254
BYTES_PER_TOKEN = 4  # the usual estimate for English and code
IMAGE_TOKENS = 1500  # an image or file costs about this, however many bytes its base64 has

REMINDER_OPEN, REMINDER_CLOSE = "<system-reminder>", "</system-reminder>"


class BadRequestError(Exception):
    """What a provider answers with 400. It never leaves this package: it is part of the play."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


def decoded(body: bytes) -> Fields:
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"The request body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequestError("The request body must be a JSON object.")
    if not _within_depth(value, DEPTH_MAX):
        raise BadRequestError(f"The request body is nested more than {DEPTH_MAX} levels deep.")
    return value


def fields(value: object) -> Fields:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def model_asked(body: Fields) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequestError("model: a model name is required.", "model")
    return model


def message_list(body: Fields) -> list[object]:
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise BadRequestError("messages: a list of messages is required.", "messages")
    if not messages:
        raise BadRequestError("messages: at least one message is required.", "messages")
    return messages


def token_limit(body: Fields, *names: str, least: int) -> int | None:
    """The first of ``names`` that is set: providers renamed this field, and clients send either."""
    for name in names:
        limit = body.get(name)
        if limit is None:
            continue
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < least:
            raise BadRequestError(f"{name}: must be a whole number of at least {least}.", name)
        return limit
    return None


def stop_list(value: object) -> list[str]:
    given = [value] if isinstance(value, str) else items(value)
    return [sequence for sequence in given if isinstance(sequence, str) and sequence]


def spoken(content: object) -> str:
    """The text in a message's content: a plain string, or the text blocks of a list."""
    if isinstance(content, str):
        return content
    return "\n".join(filter(None, (text(fields(block).get("text")) for block in items(content))))


def own_words(said: str) -> str:
    """``said`` without the reminders that coding tools wrap around a person's words.

    They name tools and say "read" and "use", so they would look like an order to call one.
    """
    kept: list[str] = []
    position = 0
    while (start := said.find(REMINDER_OPEN, position)) >= 0:
        kept.append(said[position:start])
        end = said.find(REMINDER_CLOSE, start)
        if end < 0:
            return "".join(kept).strip()
        position = end + len(REMINDER_CLOSE)
    kept.append(said[position:])
    return "".join(kept).strip()


def tokens(said: str) -> int:
    return -(-len(said.encode()) // BYTES_PER_TOKEN)


def token_count(*values: object) -> int:
    """An estimate for any JSON: its keys and its strings, base64 counted as an image."""
    size = images = 0
    waiting: list[object] = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("type") == "base64" or text(value.get("file_data")):
                images += 1
                continue
            waiting += value.keys()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            if value.startswith("data:") and ";base64," in value[:100]:
                images += 1
            else:
                size += len(value.encode())
    return -(-size // BYTES_PER_TOKEN) + images * IMAGE_TOKENS


def _within_depth(value: object, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = list(chain.from_iterable(_children(item) for item in level))
        if not level:
            return True
    return False


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return [child for child in value.values() if isinstance(child, dict | list)]
    return [child for child in items(value) if isinstance(child, dict | list)]
