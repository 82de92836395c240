"""The neutral vocabulary: what a reply means, whoever said it.

First form: the facts read from a reply in passing. Requests and parts join when formats are
translated.
"""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Token counts as the provider reported them. ``None`` means not reported, never zero.

    ``input_tokens`` counts the uncached input only, as Anthropic does; OpenAI's ``prompt_tokens``
    (which includes cached tokens) is split when it is read.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_cache_read_tokens: int | None = None
    prompt_cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None  # part of output_tokens, not added to it


class ReplyFacts(msgspec.Struct, frozen=True):
    """What the tee learned of one reply."""

    model: str = ""
    stop_reason: str = ""
    error: str = ""  # type or code of an error that the upstream sent inside a stream
    usage: Usage = Usage()
