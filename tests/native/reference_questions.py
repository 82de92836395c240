"""``_native/questions.pyx`` once more: slow, obvious, with lists and sets."""

from __future__ import annotations

import struct
from collections import Counter
from itertools import pairwise

import msgspec

VERSION, LANGUAGE, FLEETING, LENGTH, STYLE, NUMBER, UNIT, NEGATION = (1 << n for n in range(8))
CODE, PATH, QUOTE, NAME, ANTONYM, DIRECTION, FRAME = (1 << n for n in range(8, 15))
Pairs = set[frozenset[int]]

_DERIVING = """
a able ably al ally ance ancy ant ants ation ations ative ators ator e ed ence ency ent er ers
es ese ful i ial ian ians ible ic ical ically ics ies ility ing ings ion ions ish ism ist ists
ities ity ive ization ize ized izes izing ise ised ising isation ly ment ments n ness nt or ors
ous s ship th ty ure y ying ied
"""
ENDINGS = {"", *_DERIVING.split()}


class Word(msgspec.Struct):
    stem: int
    flags: int
    role: int
    weight: int
    text: bytes

    def is_(self, flag: int) -> bool:
        return bool(self.flags & flag)


class Number(msgspec.Struct):
    value: int
    in_words: bool
    unit: int


class Code(msgspec.Struct):
    value: int
    flags: int
    tokens: list[int]
    whole: bool  # whether its tokens are all there


class Question(msgspec.Struct):
    flags: int
    language: int
    style: int
    frames: list[int]
    words: list[Word]
    numbers: list[Number]
    codes: list[Code]
    row: list[int]

    def is_(self, flag: int) -> bool:
        return bool(self.flags & flag)

    def stems(self) -> Counter[int]:
        return Counter(word.stem for word in self.words)


def parse(data: bytes) -> Question | None:
    """The question, or None if the bytes are not what they should be."""
    if len(data) < 13:
        return None
    _, _, flags, frames, words, numbers, codes, row, language, style = struct.unpack_from(
        "<BBBBBBBBBI", data
    )
    question = Question(flags, language, style, [], [], [], [], [])
    if flags & 64:
        return question if len(data) == 29 else None
    if frames > 8 or words > 64:
        return None
    at = 13
    question.frames = list(data[at : at + frames])
    at += frames
    for _ in range(words):
        if at + 8 > len(data):
            return None
        stem, word_flags, role, weight, size = struct.unpack_from("<IBBBB", data, at)
        question.words.append(Word(stem, word_flags, role, weight, data[at + 8 : at + 8 + size]))
        at += 8 + size
    if at + 7 * numbers + 7 * codes + 2 * row != len(data):
        return None
    for _ in range(numbers):
        value, in_words, unit = struct.unpack_from("<IBH", data, at)
        question.numbers.append(Number(value, bool(in_words), unit))
        at += 7
    spans = [struct.unpack_from("<IBBB", data, at + 7 * n) for n in range(codes)]
    at += 7 * codes
    question.row = list(struct.unpack_from(f"<{row}H", data, at))
    for value, code_flags, first, count in spans:
        tokens = question.row[first : first + count]
        whole = count > 0 and first + count <= row
        question.codes.append(Code(value, code_flags, tokens, whole))
    return question


def common(one: bytes, other: bytes) -> int:
    at = 0
    while at < min(len(one), len(other)) and one[at] == other[at]:
        at += 1
    return at


def derived(one: bytes, other: bytes) -> bool:
    shared = common(one, other)
    shorter, longer = sorted((one[shared:], other[shared:]), key=len)
    if shared >= 5 and shorter == b"t" and len(longer) == 2 and longer[:1] == b"c":
        return longer in (b"ce", b"cy")
    for root in (shared, shared - 1):
        rests = {one[root:].decode("latin-1"), other[root:].decode("latin-1")}
        if root >= 5 and rests <= ENDINGS:
            return True
    return False


def slipped(one: bytes, other: bytes) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < 6 or len(longer) < 7 or len(longer) - len(shorter) > 1:
        return False
    at = common(one, other)
    if at < 2:
        return False
    if len(longer) > len(shorter):
        return longer[at] == longer[at - 1] and shorter[at:] == longer[at + 1 :]
    a, b = one[at:], other[at:]
    if len(a) < 2:
        return False
    if a[0] == b[1] and a[1] == b[0]:
        return a[2:] == b[2:]
    return a[0] in b"aeiouy" and b[0] in b"aeiouy" and a[1:] == b[1:]


def undoes(one: bytes, other: bytes) -> bool:
    shorter, longer = sorted((one, other), key=len)
    prefix, rest = longer[: len(longer) - len(shorter)], longer[len(longer) - len(shorter) :]
    if len(shorter) < 4 or rest != shorter:
        return False
    return (
        prefix in (b"dis", b"non", b"un", b"de", b"in")
        or (prefix in (b"im", b"ir", b"il") and prefix[1] == rest[0])
        or (prefix == b"im" and rest[0] in b"pb")
    )


class Reference:
    def __init__(
        self,
        fits: bytes,
        why: int,
        many: int,
        alike: list[tuple[int, int]],
        opposite: list[tuple[int, int]],
        apart: list[tuple[int, int]],
        implied: list[tuple[int, int]],
    ) -> None:
        self.fits, self.why, self.many = fits, why, many
        self.count = int(len(fits) ** 0.5)
        self.alike = {frozenset(pair) for pair in alike}
        self.opposite = {frozenset(pair) for pair in opposite}
        self.apart = {frozenset(pair) for pair in apart}
        self.implied = set(implied)

    def compare(self, asked: bytes, kept: bytes) -> tuple[float, int]:
        a, b = parse(asked), parse(kept)
        if a is None or b is None or asked[:2] != kept[:2]:
            return 0.0, VERSION
        against = FLEETING if a.is_(1) or b.is_(1) else 0
        if asked == kept:
            return 1.0, against
        against |= LANGUAGE if a.language != b.language else 0
        against |= STYLE if a.style != b.style else 0
        if a.is_(64) or b.is_(64):
            return 0.0, against | LENGTH
        told = (a.is_(16) or b.is_(16)) and not (a.is_(128) or b.is_(128))
        return self.coverage(a, b), against | self.against(a, b, told)

    def coverage(self, a: Question, b: Question) -> float:
        if not a.words or not b.words:
            return float(not a.words and not b.words and a.row == b.row)
        less, more = sorted((self.uncovered(a, b), self.uncovered(b, a)))
        return max(0.0, 1 - more - less / 2)

    def uncovered(self, a: Question, b: Question) -> float:
        there = b.stems()
        seen: Counter[int] = Counter()
        left = 0.0
        for place, word in enumerate(a.words):
            seen[word.stem] += 1
            if there[word.stem]:
                if seen[word.stem] > max(1, there[word.stem]):
                    left += word.weight / 2
            elif word.stem & 0xFFFF not in b.row:
                left += word.weight * (1 - self.credit_in(a, place, b))
        return left / (sum(word.weight for word in a.words) + 50)

    def credit_in(self, a: Question, place: int, b: Question) -> float:
        word = a.words[place]
        mine, theirs = a.stems(), [other.text for other in b.words]
        if any((word.stem, other.stem) in self.implied for other in b.words):
            return 1
        if any(one + two == word.text for one, two in pairwise(theirs)):
            return 1
        texts = [other.text for other in a.words]
        if place + 1 < len(texts) and word.text + texts[place + 1] in theirs:
            return 1
        if place and texts[place - 1] + word.text in theirs:
            return 1
        return max(
            (self.credit(word, other) for other in b.words if not mine[other.stem]), default=0
        )

    def credit(self, one: Word, other: Word) -> float:
        pair = frozenset((one.stem, other.stem))
        if pair in self.alike:
            return 1
        if pair in self.opposite or pair in self.apart:
            return 0
        if (one.flags | other.flags) & 5:
            shorter, longer = sorted((len(one.text), len(other.text)))
            root = common(one.text, other.text)
            return 0.95 if root >= max(4, shorter - 1) and longer <= shorter + 2 else 0
        return 0.97 if derived(one.text, other.text) or slipped(one.text, other.text) else 0

    def against(self, a: Question, b: Question, told: bool) -> int:
        found = 0
        short = len(a.words) <= 12 and len(b.words) <= 12
        if not told and not self.frames_fit(a.frames or [0], b.frames or [0]):
            found |= FRAME
        if not told and (a.flags ^ b.flags) & 32:
            found |= NUMBER
        if not (self.has_numbers(a, b, told) and self.has_numbers(b, a, told)):
            found |= NUMBER
        if not found & NUMBER and not (self.has_units(a, b) and self.has_units(b, a)):
            found |= UNIT
        if not told and short and (a.flags ^ b.flags) & 6:
            found |= NEGATION
        if self.denies(a, b) and self.denies(b, a):
            found |= NEGATION
        found |= self.codes(a, b, told) | self.codes(b, a, told)
        kind = 2 if told else 1
        if not (self.has_names(a, b, kind) and self.has_names(b, a, kind)):
            found |= NAME
        if self.opposed(a, b):
            found |= ANTONYM
        if not told and self.turned(a, b, short):
            found |= DIRECTION
        return found

    def fit(self, one: int, other: int) -> bool:
        if one >= self.count or other >= self.count:
            return False
        return bool(self.fits[one * self.count + other])

    def frames_fit(self, one: list[int], other: list[int]) -> bool:
        def fits(frame: int, others: list[int]) -> bool:
            return any(self.fit(frame, candidate) for candidate in others)

        if not (fits(one[0], other) or fits(other[0], one)):
            return False
        both = one + other
        spare = both.count(self.why) == 1 and len(both) == 3
        for frames, others in ((one, other), (other, one)):
            for frame in frames:
                extra = spare and frame == self.why and len(others) == 1
                if not fits(frame, others) and not extra:
                    return False
        return True

    def has_numbers(self, a: Question, b: Question, told: bool) -> bool:
        theirs = {number.value for number in b.numbers}
        return all(number.value in theirs for number in a.numbers if not (told and number.in_words))

    def has_units(self, a: Question, b: Question) -> bool:
        for number in a.numbers:
            units = [other.unit for other in b.numbers if other.value == number.value]
            if number.unit and units and number.unit not in units and 0 not in units:
                return False
        return True

    def denies(self, a: Question, b: Question) -> bool:
        denied = {word.stem for word in b.words if word.is_(8)}
        said = [word.stem for word in b.words if word.stem not in denied]
        return any(
            word.stem == stem or frozenset((word.stem, stem)) in self.alike
            for word in a.words
            if word.is_(8)
            for stem in said
        )

    def codes(self, a: Question, b: Question, told: bool) -> int:
        found = 0
        theirs = {code.value for code in b.codes}
        for code in a.codes:
            if code.value in theirs:
                continue
            if (told or code.flags & 2) and code.whole:
                size = len(code.tokens)
                runs = [b.row[at : at + size] for at in range(len(b.row) - size + 1)]
                if code.tokens in runs or (told and set(code.tokens) <= set(b.row)):
                    continue
            found |= PATH if code.flags & 4 else QUOTE if code.flags & 1 else CODE
        return found

    def has_names(self, a: Question, b: Question, kind: int) -> bool:
        theirs = b.stems()
        return all(
            theirs[word.stem] or word.stem & 0xFFFF in b.row or self.credit_in(a, at, b) >= 0.9
            for at, word in enumerate(a.words)
            if word.is_(kind) and not word.is_(4)
        )

    def opposed(self, a: Question, b: Question) -> bool:
        mine, theirs = a.stems(), b.stems()
        for word in a.words:
            for other in b.words:
                if theirs[word.stem] or mine[other.stem]:
                    continue
                pair = frozenset((word.stem, other.stem))
                known = pair in self.alike or pair in self.apart
                if pair in self.opposite or (not known and undoes(word.text, other.text)):
                    return True
        return False

    def turned(self, a: Question, b: Question, short: bool) -> bool:
        first_a = {word.stem: at for at, word in reversed(list(enumerate(a.words)))}
        first_b = {word.stem: at for at, word in reversed(list(enumerate(b.words)))}
        shared = sorted((at, first_b[stem]) for stem, at in first_a.items() if stem in first_b)
        pairs = [(a.words[at], b.words[there]) for at, there in shared]
        counted = [word.role == 1 for word, _ in pairs]
        counted_there = [other.role == 1 for _, other in pairs]
        same = any(one and two for one, two in zip(counted, counted_there, strict=True))
        measured = any(word.is_(32) and other.is_(32) for word, other in pairs)
        if any(counted) and any(counted_there) and not same and not measured:
            return True
        if a.is_(8) and b.is_(8):
            return False
        many = self.many in a.frames + b.frames
        for place, (_, there) in enumerate(shared):
            for later in range(place + 1, len(shared)):
                if shared[later][1] < there and crossed(pairs[place], pairs[later], many, short):
                    return True
        return False


def crossed(x: tuple[Word, Word], y: tuple[Word, Word], many: bool, short: bool) -> bool:
    def leads(role: int) -> bool:
        return role in (2, 3, 5, 6, 7, 8, 9) or (many and role == 4)

    def oblique(role: int) -> bool:
        return 3 <= role <= 7

    if (x[0].is_(32) and x[1].is_(32)) or (y[0].is_(32) and y[1].is_(32)):
        return False
    (p, r), (q, s) = (x[0].role, x[1].role), (y[0].role, y[1].role)
    if p != q and p == s and q == r and (leads(p) or leads(q)):
        return True
    if not short:
        return False
    if p == 0 == s and oblique(q) and oblique(r) and not (x[0].is_(16) or y[1].is_(16)):
        return True
    if q == 0 == r and oblique(p) and oblique(s) and not (y[0].is_(16) or x[1].is_(16)):
        return True
    return (q == r and leads(q) and q not in (p, s)) or (p == s and leads(p) and p not in (q, r))
