"""``_native/lexicon.pyx`` and ``words.pyx`` once more: slow, obvious, with dictionaries."""

from __future__ import annotations

END, CORE, CHUNK = 0, 1, 2


def is_far(char: str) -> bool:
    return char >= "\u0590" and not "\u1e00" <= char <= "\u1fff"


class Lexicon:
    def __init__(
        self,
        words: dict[str, int],
        stems: dict[str, tuple[str | int, ...]],
        pairs: dict[str, int],
        kinds: dict[str, int],
        edges: str,
        commas: str,
        stops: str,
        asks: str,
    ) -> None:
        self.words, self.stems, self.pairs, self.kinds_of = words, stems, pairs, kinds
        self.edges, self.commas, self.stops, self.asks = edges, commas, stops, asks
        self.start_size = len(next(iter(stems))) if stems else 1

    def bits(self, word: str) -> int:
        if word in self.words:
            return self.words[word]
        found = self.stems.get(word[: self.start_size], ())
        for stem, bits in zip(found[::2], found[1::2], strict=True):
            if word.startswith(str(stem)):
                return int(bits)
        return 0

    def kinds(self, words: list[str], count: int) -> list[tuple[int, int]]:
        counts: dict[int, int] = {}
        for word in words[:count]:
            of = self.kinds_of.get(word, 0) | (0 if word.isascii() else 1 << 15)
            for kind in range(16):
                if of >> kind & 1:
                    counts[kind] = counts.get(kind, 0) + 1
        return list(counts.items())


class Row:
    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.words: list[str] = []
        self.asked: list[bool] = []
        self.values: list[int] = []
        self.afters: list[int] = []
        self.met: set[str] = set()
        self.tallies = [0] * 64

    @property
    def count(self) -> int:
        return len(self.words)

    @property
    def sentence(self) -> int:
        return len(self.asked)

    def add(self, word: str) -> None:
        self.put(word, self.lexicon.bits(word))

    def put(self, word: str, bits: int) -> None:
        self.words.append(word)
        self.values.append(bits)
        self.afters.append(0)

    def comma(self) -> None:
        if self.afters:
            self.afters[-1] = max(1, self.afters[-1])

    def stop(self, question: bool) -> None:
        if self.afters and self.afters[-1] == 2:
            self.asked[-1] = self.asked[-1] or question
        elif self.afters:
            self.afters[-1] = 2
            self.asked.append(question)

    def union(self) -> int:
        found = 0
        for at in range(self.count):
            found |= self.bits(at)
        return found

    def bits(self, at: int) -> int:
        return self.values[at] if 0 <= at < self.count else 0

    def after(self, at: int) -> int:
        return self.afters[at] if 0 <= at < self.count else 0

    def pair(self, at: int) -> int:
        return self.lexicon.pairs.get(" ".join(self.words[at : at + 2]), 0) if at >= 0 else 0

    def pair_said(self, at: int) -> str:
        said = " ".join(self.words[at : at + 2]) if at >= 0 else ""
        return said if said in self.lexicon.pairs else ""

    def first(self, at: int) -> bool:
        if not 0 <= at < self.count:
            raise IndexError(at)
        return self.first_said(self.words[at])

    def first_said(self, said: str) -> bool:
        new = said not in self.met
        self.met.add(said)
        return new

    def tally(self, bits: int) -> None:
        for at in range(64):
            self.tallies[at] += bits >> at & 1

    def tallied(self, count: int) -> list[int]:
        if not 0 <= count <= 64:
            raise ValueError(count)
        return self.tallies[:count]


class Walk:
    def __init__(self, row: Row, text: str, inside: bool, whole: bool) -> None:
        self.row, self.inside, self.whole = row, inside, whole
        # Chunks and, as None, ends of lines.
        self.left: list[str | None] = []
        for line in text.split("\n"):
            self.left += [*line.split(), None]
        self.left.pop()
        self.before = row.count
        self.behind = ""
        self.stopped_at = ""

    def piece(self) -> str:
        return self.stopped_at

    def next(self) -> int:
        self._marks(self.behind)
        self.behind = ""
        while self.left:
            chunk = self.left.pop(0)
            if chunk is None:
                if self.row.count > self.before:
                    self.row.stop(False)
                    self.before = self.row.count
            elif kind := self._chunk(chunk):
                return kind
        return END

    def _chunk(self, chunk: str) -> int:
        row, lexicon = self.row, self.row.lexicon
        if self.whole and chunk in lexicon.words:
            row.add(chunk)
            return END
        core = chunk.strip(lexicon.edges)
        if self.inside and any(map(is_far, core)):
            self.stopped_at = chunk
            return CHUNK
        before, _, after = chunk.partition(core) if core else (chunk, "", "")
        if not (core and before.startswith(".")):
            self._marks(before)
        if core and not core.isalpha() and core not in lexicon.words:
            self.stopped_at, self.behind = core, after
            return CORE
        if core:
            row.add(core)
        self._marks(after)
        return END

    def _marks(self, marks: str) -> None:
        for mark in marks:
            if mark in self.row.lexicon.stops:
                self.row.stop(mark in self.row.lexicon.asks)
            elif mark in self.row.lexicon.commas:
                self.row.comma()


def has_far_letters(text: str) -> bool:
    return any(is_far(char) and char.isalpha() for char in text)
