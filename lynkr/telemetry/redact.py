"""Redaction: the last look at an operational line before it is written.

Call lines need none, because a ``Record`` has no place for a credential. Events carry text from
elsewhere (an exception's message, an upstream's complaint that quotes the key it refused), so every
string is searched for things shaped like credentials and every value under a credential's name
goes. It errs on the side of taking too much: a lost word in a log is cheaper than a leaked key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "[redacted]"
DEPTH_MAX = 6  # an event is flat; deeper structures are shown as MASK instead of walked
TEXT_CHARS_MAX = 16_384  # of one string; an exception may quote a whole body

# The prefix stays where there is one: it says which kind of key was there and nothing else.
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(?P<prefix>sk-|lk-|rk-|pk-|AIza|xai-|gsk_|hf_|pplx-|r8_|nvapi-|github_pat_|gh[oprsu]_|AKIA|ASIA"
    r"|ya29\.|eyJ)"
    r"[A-Za-z0-9_\-.~+/=]{8,}"
)
_SCHEME = re.compile(r"\b(?P<prefix>(?:Bearer|Basic)\s+)(?!\[redacted\])\S+", re.IGNORECASE)
_USERINFO = re.compile(r"(?P<prefix>://)[^/\s@]+(?=@)")
_ASSIGNED = re.compile(
    r"(?P<prefix>(?:api[-_]?key|access[-_]?token|auth[-_]?token|authorization|password|passwd"
    r"|secret|signature|[?&](?:key|token|sig))[\"']?\s*[=:]\s*[\"']?)"
    r"(?!\[redacted\]|(?:Bearer|Basic)\s)[^\s\"'&,;}]+",
    re.IGNORECASE,
)
_PATTERNS = (_PREFIXED, _SCHEME, _USERINFO, _ASSIGNED)

# Field names whose text is a credential whatever it looks like, and those where only length tells:
# "key" is as often the name of a setting.
_SECRET_FIELD = re.compile(
    r"api[-_]?key|authorization|password|passwd|secret|credential|cookie|private[-_]?key"
    r"|(?:access|auth|session|refresh|id)[-_]?token|^token$|^bearer$",
    re.IGNORECASE,
)
_KEY_FIELD = re.compile(r"(?:^|[-_])(?:key|digest|signature|sig|token)s?$", re.IGNORECASE)
_LONG_OPAQUE = re.compile(r"[A-Za-z0-9+/_\-]{20,}={0,2}")


def redact_text(text: str) -> str:
    """``text`` without what is shaped like a credential, and not longer than it may be."""
    if len(text) > TEXT_CHARS_MAX:
        # Cut before searching: what straddles the cut loses its tail, so a key may become too
        # short to be recognised. The last word goes with it.
        text = text[:TEXT_CHARS_MAX].rpartition(" ")[0] + " [cut]"
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<prefix>{MASK}", text)
    return text


def redact(value: object, field: str = "", depth: int = 0) -> object:
    """``value`` as it may be written under the name ``field``: JSON types and nothing secret."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= DEPTH_MAX:
        return MASK
    if isinstance(value, Mapping):
        return {
            redact_text(str(name)): redact(item, str(name), depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, field, depth + 1) for item in value]
    text = value.decode("latin-1") if isinstance(value, bytes | bytearray) else str(value)
    if not text:
        return text
    if _SECRET_FIELD.search(field):
        return MASK
    if _KEY_FIELD.search(field):
        text = _LONG_OPAQUE.sub(MASK, text)
    return redact_text(text)
