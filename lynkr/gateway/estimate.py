"""Token counts that the gateway answers itself, for providers that do not count."""

from __future__ import annotations

from lynkr.gateway.translate import counted
from lynkr.wire.codec import codec
from lynkr.wire.tokens import request_tokens


def estimate(body: bytes) -> bytes:
    """The reply to ``/v1/messages/count_tokens``. Raises ``GatewayError`` (400).

    The reply is marked by ``x-lynkr-estimated``; its number is one, not a count.
    """
    return counted(request_tokens(codec("anthropic_messages").decode_request(body, "", False)))
