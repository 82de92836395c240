"""The slow, obvious twin of ``phrases``: each phrase is looked for by itself."""

from __future__ import annotations


class Phrases:
    def __init__(self, phrases: list[str], fold: bool = False, singles: bytes = b"") -> None:
        self.fold = fold
        self.phrases = [self._folded(phrase) for phrase in phrases]
        self.singles = singles.decode()

    def _folded(self, text: str) -> str:
        """Capitals of ASCII only: other scripts have letters that change their number."""
        if not self.fold:
            return text
        return "".join(char.lower() if char.isascii() else char for char in text)

    def which(self, text: str) -> int:
        said = self._folded(text)
        return sum(1 << number for number, phrase in enumerate(self.phrases) if phrase in said)

    def any(self, text: str) -> bool:
        return self.which(text) != 0 or any(char in text for char in self.singles)

    def begin(self, text: str, at: int = 0) -> bool:
        return 0 <= at <= len(text) and self._folded(text[at:]).startswith(tuple(self.phrases))

    def any_between(self, body: bytes, start: int, end: int) -> bool:
        return self.which(body[max(start, 0) : max(end, 0)].decode("latin-1")) != 0

    def begin_between(self, body: bytes, start: int, end: int) -> bool:
        return 0 <= start <= end and self.begin(body[start:end].decode("latin-1"))


def literal_text(body: bytes, start: int, end: int) -> str | None:
    raw = body[max(start, 0) : max(end, 0)]
    return None if b"\\" in raw else raw.decode("utf-8", "replace")


def plain(text: str) -> str | None:
    return " ".join(text.lower().split()) if text.isascii() else None
