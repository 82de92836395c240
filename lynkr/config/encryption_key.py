"""How the key that the cache encrypts with is written."""

from __future__ import annotations

import base64
import binascii
import re

KEY_BYTES = 32  # of AES-256

_HEX = re.compile(r"[0-9A-Fa-f]{64}")


def parse_key(text: str) -> bytes:
    """The 32 bytes that 64 hexadecimal digits or base64 (either alphabet) stand for. Raises
    ``ValueError``, whose message does not repeat the text: it is a secret."""
    text = text.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        key = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("an encryption key is 64 hexadecimal digits, or 32 bytes in base64")
    return key
