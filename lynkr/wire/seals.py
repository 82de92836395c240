"""Seals in foreign hands: one provider's opaque reasoning kept by a client of another dialect.

A reasoning provider wants its signatures or encrypted content back with the next request, or it
forgets what it thought (Gemini and Claude refuse the request). A client keeps such things only in
the slots of its own dialect, so a foreign seal travels in one of these as a text:

    lynkr1.<format>.<base64url of JSON>

Clients treat it as opaque and send it back; the codec that reads it finds the seal again. Nothing
is kept in the gateway, so any worker of any host can do it, and it survives a restart.
"""

from __future__ import annotations

import base64
import binascii

from lynkr.wire.jsontext import dumps, loads
from lynkr.wire.message import Seal

_PREFIX = "lynkr1."
MARK = b'"lynkr1.'  # in a body that brings a seal, whoever's it is


def seal_text(seal: Seal) -> str:
    """The seal as a text for a foreign slot."""
    coded = base64.urlsafe_b64encode(dumps(seal.data)).decode().rstrip("=")
    return f"{_PREFIX}{seal.format}.{coded}"


def unseal(text: str) -> Seal | None:
    """The seal in a text; ``None`` when the text is none of ours (then it is the dialect's own)."""
    if not text.startswith(_PREFIX):
        return None
    name, dot, coded = text[len(_PREFIX) :].partition(".")
    if not (name and dot):
        return None
    try:
        data = loads(base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))
    except (ValueError, binascii.Error):
        return None
    return Seal(name, data) if isinstance(data, dict) else None
