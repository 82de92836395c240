"""Thought signatures: Google's slot for sealed reasoning, on the parts of a model's turn.

A signature stands on the part that came out of the reasoning, a call or a text. In the vocabulary
it is the seal of the Thinking part right before that one:

    {"thoughtSignature": "..."}                    on the part that follows
    {"thoughtSignature": "...", "on": "text"}      on an empty text of its own, as streams end with
    {"thoughtSignature": "...", "on": "part"}      on a part that holds nothing else
    {"thoughtSignature": "...", "on": "thought"}   on the thought itself

and goes back to where it was, since Google wants it "exactly as received"
(https://ai.google.dev/gemini-api/docs/thought-signatures). The slot holds bytes as base64, which
SDKs decode: so the text of another format's seal is base64 once more.
"""

from __future__ import annotations

import base64
import binascii

from lynkr.wire.message import Json, Seal
from lynkr.wire.seals import seal_text, unseal

FORMAT = "gemini"
_OURS = base64.b64encode(b"lynkr1.")[:9].decode()  # how a foreign seal's text begins in base64


def seal_of(signature: str, on: str = "") -> Seal:
    """The seal in a part's ``thoughtSignature``."""
    if signature.startswith(_OURS):
        try:
            text = base64.b64decode(standard_base64(signature), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        found = unseal(text)
        if found is not None:
            return found
    data: Json = {"thoughtSignature": signature}
    if on:
        data["on"] = on
    return Seal(FORMAT, data)


def signature_of(seal: Seal) -> str:
    """What stands in the slot for a seal; "" for one of ours that is damaged."""
    if seal.format != FORMAT:
        return base64.b64encode(seal_text(seal).encode()).decode()
    signature = seal.data.get("thoughtSignature")
    return signature if isinstance(signature, str) else ""


def place_of(seal: Seal) -> str:
    """Where it stood: "" on the part that follows, "text", "part", "thought"."""
    return str(seal.data.get("on") or "") if seal.format == FORMAT else ""


def standard_base64(data: str) -> str:
    """Base64 in the usual alphabet, padded; Google takes, and its Python SDK writes, the other."""
    if "-" in data or "_" in data:
        data = data.replace("-", "+").replace("_", "/")
    return data + "=" * (-len(data) % 4)


class SignedParts:
    """The parts of one model turn as they are written, each with the signature that is due."""

    def __init__(self) -> None:
        self.written: list[Json] = []
        self._due = ""

    def add(self, part: Json) -> None:
        if self._due:
            part["thoughtSignature"] = self._due
            self._due = ""
        self.written.append(part)

    def thought(self, text: str, extras: Json) -> None:
        """A thought; what is due is not for it."""
        self.close()
        self.written.append({"text": text, "thought": True, **extras})

    def sign(self, seal: Seal) -> None:
        """The seal of the thought that was just written, or of none."""
        self.close()
        signature, place = signature_of(seal), place_of(seal)
        if not signature:
            return
        if place == "part":
            self.written.append({"thoughtSignature": signature})
        elif place == "thought":
            if not (self.written and self.written[-1].get("thought")):
                self.written.append({"text": "", "thought": True})
            self.written[-1]["thoughtSignature"] = signature
        else:
            self._due = signature
            if place == "text":
                self.close()

    def close(self) -> None:
        """Nothing follows: a signature that is still due gets an empty text of its own."""
        if self._due:
            self.add({"text": ""})
