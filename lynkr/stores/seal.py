"""Encryption of what the cache stores, with a key that only the gateway has.

AES-256-GCM (NIST SP 800-38D) of the ``cryptography`` package. A nonce is drawn at random for each
text, so one key is good for 2**32 of them (section 8.3 there): a hundred answers a second for eight
months, and then the key should be another one.
"""

from __future__ import annotations

import os

from lynkr.config.encryption_key import KEY_BYTES

NONCE_BYTES = 12
TAG_BYTES = 16
_VERSION = b"\x01"  # the first byte of all that is sealed: says which algorithm, with which nonce


class UnreadableError(ValueError):
    """Sealed with another key, for another row, or damaged: one cannot tell which."""


class Seal:
    """Seals texts, and opens what was sealed with the same key for the same purpose."""

    def __init__(self, key: bytes) -> None:
        """Raises ``ValueError`` if the key is not of 32 bytes, ``ImportError`` without the
        package."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 7 MB, for those who seal

        if len(key) != KEY_BYTES:
            raise ValueError("an encryption key has 32 bytes")
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """``about`` is not kept, and must be the same when it is opened: it says whose row this is,
        so that a row cannot be passed off as another."""
        nonce = os.urandom(NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Raises ``UnreadableError``."""
        from cryptography.exceptions import InvalidTag

        if len(sealed) < 1 + NONCE_BYTES + TAG_BYTES or not sealed.startswith(_VERSION):
            raise UnreadableError("not sealed in a known way")
        try:
            return self._cipher.decrypt(
                sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], about
            )
        except InvalidTag:
            raise UnreadableError("sealed with another key, or for another row") from None
