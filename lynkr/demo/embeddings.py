"""Embeddings: the demo's ``/v1/embeddings``. Unit vectors made from a hash, so equal inputs agree.

They say nothing about meaning: two texts that mean the same are as far apart as any two.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct

import orjson

from lynkr.demo.frames import DemoReply, json_reply
from lynkr.demo.request import BadRequestError, Fields, model_asked, tokens

DIMENSIONS = 1536
DIMENSIONS_MAX = 4096
INPUTS_MAX = 2048  # OpenAI's own bound


def reply(body: Fields, _seed: str, _now: int) -> DemoReply:
    model = model_asked(body)
    inputs = _inputs(body.get("input"))
    dimensions = _dimensions(body)
    encoding = body.get("encoding_format")
    if encoding not in (None, "float", "base64"):
        raise BadRequestError("encoding_format: must be float or base64.", "encoding_format")
    data: list[Fields] = []
    for index, given in enumerate(inputs):
        packed = _packed(given, dimensions)
        embedding: object = list(struct.unpack(f"<{dimensions}f", packed))
        if encoding == "base64":
            embedding = base64.b64encode(packed).decode()
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    used = sum(tokens(given) if isinstance(given, str) else len(given) for given in inputs)
    usage = {"prompt_tokens": used, "total_tokens": used}
    return json_reply({"object": "list", "data": data, "model": model, "usage": usage})


def _inputs(given: object) -> list[str | list[int]]:
    """One text, one list of token numbers, or a list of either."""
    if isinstance(given, str) or (isinstance(given, list) and given and _is_token(given[0])):
        given = [given]
    if not isinstance(given, list) or not 0 < len(given) <= INPUTS_MAX:
        raise BadRequestError(
            f"input: from 1 to {INPUTS_MAX} texts or token lists are required.", "input"
        )
    inputs: list[str | list[int]] = []
    for one in given:
        if not one or not (isinstance(one, str) or _is_token_list(one)):
            raise BadRequestError(
                "input: must hold texts or lists of token numbers, not empty.", "input"
            )
        inputs.append(one)
    return inputs


def _is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_token_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_token, value))


def _dimensions(body: Fields) -> int:
    asked = body.get("dimensions")
    if asked is None:
        return DIMENSIONS
    if not isinstance(asked, int) or isinstance(asked, bool) or not 1 <= asked <= DIMENSIONS_MAX:
        raise BadRequestError(f"dimensions: must be from 1 to {DIMENSIONS_MAX}.", "dimensions")
    return asked


def _packed(given: str | list[int], dimensions: int) -> bytes:
    """The vector as 32-bit floats: base64 and float replies must round alike."""
    digest = hashlib.shake_256(orjson.dumps(given)).digest(2 * dimensions)
    # Odd numbers only: none is zero, so neither is the length they are divided by.
    raw = [2 * number + 1 for number in struct.unpack(f"<{dimensions}h", digest)]
    length = math.hypot(*raw)
    return struct.pack(f"<{dimensions}f", *(number / length for number in raw))
