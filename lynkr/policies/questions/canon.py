"""A question in canonical words."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

_RAW = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


class Canonical(msgspec.Struct, frozen=True):
    """A question without its wrapping."""

    text: str  # what is embedded
    style: str  # the form that is asked for: tags, sorted, divided by commas; "" is none
    language: str  # "en", another tag, or "" where it cannot be told
    fleeting: bool  # the answer depends on when or for whom it is asked


def _phrases(text: str) -> str:
    found = sorted((" ".join(p.split()) for p in text.split(",")), key=len, reverse=True)
    return "|".join(r"\s+".join(map(re.escape, p.split())) for p in found if p)


_OPEN = re.compile(rf"^(?:\s*(?:{_phrases(_RAW['openers'])})\b[\s,:;!.-]*)+", re.I)
_CLOSE = re.compile(rf"(?:[\s,.;!-]+(?:{_phrases(_RAW['closers'])}))+\s*([?.!]*)\s*$", re.I)
_STYLES = {
    tag: re.compile(rf"[,;.:\s(-]*\b(?:{_phrases(text)})\b\)?", re.I)
    for tag, text in _RAW["styles"].items()
}
_COUNTS = {
    w: i
    for i, w in enumerate(
        ["zero", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
}
_COUNTED = re.compile(
    r"[,;.:\s(-]*\b(?:answer |explain |describe |reply |respond )?(?:in|with|using) (?:at most |under |no more than "  # noqa: E501
    r"|about |only |just |less than |exactly )?(\d{1,4}|an?|one|two|three|four|five|six|seven|eight|nine|ten) "  # noqa: E501
    r"(?:short |brief |simple )?(word|sentence|line|paragraph|bullet)s?(?: points?)?\b",
    re.I,
)
_REWRITE = re.compile(
    r"(?<![\w./@#$-])("
    + "|".join(map(re.escape, sorted(_RAW["rewrites"], key=len, reverse=True)))
    + r")(?![\w/@#=(]|\.\w|-\w)",
    re.I,
)
_FLEETING = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|latest|current|currently|right now|nowadays|this (?:week|month|year)"  # noqa: E501
    r"|weather|my (?:order|account|balance|appointment|meeting|calendar|schedule)|now)\b",
    re.I,
)


def canon(text: str) -> Canonical:
    """The words of a question that an answer depends on. Any text is allowed."""
    flat = " ".join(text.split())
    style: set[str] = set()
    fleeting = bool(_FLEETING.search(flat))
    if len(flat) < 2000:
        match = _COUNTED.search(flat)
        if match:
            count = match[1].lower()
            n = int(count) if count.isdigit() else 1 if count in ("an", "one") else _COUNTS[count]
            unit = match[2].lower()
            style.add("short" if unit == "sentence" and n in (2, 3) else f"{unit}s:{n}")
            flat = _COUNTED.sub(" ", flat)
        for tag, pattern in _STYLES.items():
            shorter = pattern.sub(" ", flat)
            if shorter != flat and len(shorter.split()) >= 2:
                flat = shorter
                style.add(tag)
        shorter = _CLOSE.sub(r"\1", _OPEN.sub("", flat))
        if len(shorter.split()) >= 2:
            flat = shorter
        flat = _REWRITE.sub(lambda m: _RAW["rewrites"][m[1].lower()], flat)
    flat = " ".join(flat.split()).strip(" ,;").replace(" ?", "?")
    letters = [c for c in flat if c.isalpha()]
    plain = sum(c.isascii() for c in letters)
    language = "en" if letters and plain >= 0.9 * len(letters) else ""
    return Canonical(flat, ",".join(sorted(style)), language, fleeting)
