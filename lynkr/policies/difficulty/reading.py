# ruff: noqa: RUF001 (punctuation of all scripts is what is read)
"""An ask read once: which classes of words stand in it, where, and what surrounds them.

What is quoted or pasted (quotation marks, code, logs) is not what the user says: it is measured by
its size, and searched for paths, never for words. A negation cancels what follows it in its clause.
Nothing here judges; ``dimensions`` and ``floors`` do.
"""

from __future__ import annotations

import re

import msgspec

from lynkr.policies.difficulty.lexicon import (
    AUXILIARY,
    BUT,
    BY_LANGUAGE,
    CLASSES,
    DIFFERS,
    EVERY,
    FACTOID,
    FOREIGN,
    GAP,
    HELD,
    INSIDE,
    LONGER,
    LOOSE,
    NEGATION,
    OPENER,
    OPENS,
    PAIRS,
    PHRASES,
    STEM_MIN,
    STEMS,
    WORDS,
    held,
    language_of,
)
from lynkr.policies.difficulty.quotes import PATHS_MAX, is_path, own_text

# Longer texts are read at both ends, where it stands what is wanted; then what is left of them when
# all that is quoted and pasted has gone. A word costs 0.2 to 0.5 us.
CHARS_MAX, _TAIL_CHARS = 5120, 1536
OWN_MAX, _OWN_TAIL = 1792, 640
_NEGATED_WORDS = 8  # that a negation reaches at most
_HITS_MAX = 240  # of one text that are kept with their places
_OPENING_WORDS = 5  # that tell what kind of sentence begins
_ITEM_WORDS = 5  # between two commas of an enumeration, at most
_EDGES = ".,;:!?()[]{}<>\"'*…¿¡“”„«»‘’|~—–-、，。；：！？（）「」『』؟،।"
_COMMAS = frozenset(",;:(—–、，；：،")
_STOPS = frozenset(".!?。！？؟।…")
_FAR = "\u0590"  # Latin, Greek and Cyrillic end before it; words are looked for inside from here
_ACCENTED = re.compile("[\u1e00-\u1fff]")  # save these: letters of Vietnamese and old Greek
_NO_SPACES = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_DONE = [[word] for word in ("a", "an", "the", "this", "that", "it", "another", "some", "full")]
_LEADING = frozenset(
    ("and", "so", "ok", "okay", "hey", "hi", "und", "et", "y", "e", "en", "а", "и")
)
_BY_LANGUAGE = DIFFERS | FOREIGN
_PHRASED = OPENS | LOOSE
_SILENT = AUXILIARY | BUT | OPENER  # they tell how other words are meant

Hit = tuple[int, int, int, str]


class Reading(msgspec.Struct, frozen=True):
    """What stands in an ask. Counts are of different words, not of how often they are said."""

    words: list[str]  # own words in lower case, without punctuation
    size: int  # words, where words are divided by spaces; else their number estimated
    counts: list[int]  # by class
    mask: int  # of all classes that were met
    opening: int  # of the first words' classes
    hits: list[Hit]  # place, sentence, bits, the list's own word; in the order of places
    sentences: int
    questions: int  # sentences that end in a question mark
    asked: list[bool]  # by sentence: whether it does
    items: int  # of the longest enumeration
    bullets: int  # lines that are items of a list
    paths: list[tuple[int, str]]  # files and folders named, with the sentence; -1: quoted
    symbols: int  # pieces of code among the words
    numbers: int
    quoted: int  # characters between quotation marks
    pasted: int  # and of code blocks, logs and traces
    negated: int  # words that a negation cancelled
    language: str


class _Scan:
    """A reading under way."""

    __slots__ = (
        "asked",
        "breaks",
        "numbers",
        "paths",
        "sentence",
        "size",
        "symbols",
        "values",
        "words",
    )

    def __init__(self) -> None:
        self.words: list[str] = []
        self.values: list[int] = []
        self.breaks: list[int] = []  # after each word: 0 none, 1 comma, 2 end of a sentence
        self.paths: list[tuple[int, str]] = []
        self.asked: list[bool] = []
        self.sentence = 0
        self.symbols = 0
        self.numbers = 0
        self.size = 0


def read(text: str) -> Reading:
    """Read a user's own words."""
    if len(text) > CHARS_MAX:
        text = text[: CHARS_MAX - _TAIL_CHARS] + "\n" + text[-_TAIL_CHARS:]
    scan = _Scan()
    own, quoted, pasted, bullets = own_text(text, scan.paths)
    if quoted and not pasted and not any(char.isalpha() for char in own):
        own, quoted = text.replace('"', " ").replace("`", " "), 0  # all of it is between them
        scan.paths.clear()
    if len(own) > OWN_MAX:
        own = own[: OWN_MAX - _OWN_TAIL] + "\n" + own[-_OWN_TAIL:]
    low = own.lower()
    wide = not low.isascii() and _has_wide(low)
    if "\n" in low:
        for line in low.split("\n"):
            before = len(scan.words)
            _line(line, scan, wide)
            if len(scan.words) > before:
                _stop(scan, False)
    else:
        _line(low, scan, wide)
    _stop(scan, False)
    return _gather(scan, quoted, pasted, bullets)


def _has_wide(low: str) -> bool:
    return any(char >= _FAR and char.isalpha() for char in _ACCENTED.sub("", low))


# --- words ------------------------------------------------------------------------------------


def _line(line: str, scan: _Scan, wide: bool) -> None:
    words, values, breaks = scan.words, scan.values, scan.breaks
    table = WORDS  # local, so that it is a dictionary of C when compiled
    for chunk in (held(line) if wide else line).split():
        bits = table.get(chunk)
        if bits is not None:
            words.append(chunk)
            values.append(bits)
            breaks.append(0)
            continue
        if chunk.isalpha() and not wide:
            words.append(chunk)
            values.append(_stem(chunk))
            breaks.append(0)
            continue
        _chunk(chunk, scan, wide)


def _stem(word: str) -> int:
    """The bits of a word that is not listed whole."""
    table = STEMS
    found = table.get(word[:STEM_MIN])
    if found is not None:
        for place in range(0, len(found), 2):
            if word.startswith(found[place]):
                bits: int = found[place + 1]
                return bits
    return 0


def _word(word: str, scan: _Scan) -> None:
    table = WORDS
    bits = table.get(word)
    scan.words.append(word)
    scan.values.append(_stem(word) if bits is None else bits)
    scan.breaks.append(0)


def _break(scan: _Scan, kind: int) -> None:
    if scan.breaks and scan.breaks[-1] < kind:
        scan.breaks[-1] = kind


def _stop(scan: _Scan, question: bool) -> None:
    """A sentence ends; one without words only makes the last one a question."""
    if not scan.breaks:
        return
    if scan.breaks[-1] == 2:
        if question and scan.asked:
            scan.asked[-1] = True
        return
    scan.breaks[-1] = 2
    scan.asked.append(question)
    scan.sentence += 1


def _chunk(chunk: str, scan: _Scan, wide: bool) -> None:
    """What stands between two spaces, and is not a plain word."""
    core = chunk.strip(_EDGES)
    if not core:
        _marks(chunk, scan)
        return
    if wide and not core.isascii():
        for char in core:
            if char >= _FAR and not "\u1e00" <= char <= "\u1fff":
                _inside(chunk, scan)
                return
    if len(core) < len(chunk):
        at = chunk.find(core)
        if at and chunk[0] != ".":  # "./src" and ".github/x" end no sentence
            _marks(chunk[:at], scan)
        _core(core, scan)
        at += len(core)
        if at < len(chunk):
            _marks(chunk[at:], scan)
    else:
        _core(core, scan)


def _marks(marks: str, scan: _Scan) -> None:
    for mark in marks:
        if mark in _STOPS:
            _stop(scan, mark in "?？؟")
        elif mark in _COMMAS:
            _break(scan, 1)


def _core(core: str, scan: _Scan) -> None:
    table = WORDS
    if core.isalpha() or core in table:
        _word(core, scan)
        return
    if "’" in core:
        core = core.replace("’", "'")
        if core in table:
            _word(core, scan)
            return
    if core[0].isdigit() and (
        core.isdigit() or core.replace(",", "").replace(".", "").rstrip("kmgtb%").isdigit()
    ):
        scan.numbers += 1
        _word(core, scan)
        return
    if is_path(core):
        if len(scan.paths) < PATHS_MAX:
            scan.paths.append((scan.sentence, core))
        _word("\x02", scan)
        return
    if "'" in core:
        head, _, tail = core.rpartition("'")
        if len(head) <= 2 or tail not in ("s", "t", "re", "ve", "ll", "d", "m"):
            _word(tail if len(tail) > 2 else core, scan)  # l'authentification
        else:
            _word(head if tail == "s" else core, scan)
        return
    for mark in "-/,.—–:;!?":
        if mark in core and core.replace(mark, "").isalpha():
            for part in core.split(mark):
                if part:
                    _word(part, scan)
                    if mark in ",—–:;":
                        _break(scan, 1)
            return
    scan.symbols += 1
    _word("\x03", scan)


def _inside(chunk: str, scan: _Scan) -> None:
    """A chunk of a script whose words are looked for where they stand."""
    size = len(chunk)
    at = 0
    plain = 0  # letters that belong to no listed word
    while at < size:
        char = chunk[at]
        if char < _FAR:
            first = at
            while at < size and chunk[at] < _FAR:
                at += 1
            piece = chunk[first:at]
            if piece.isalpha():
                _word(piece, scan)
            else:
                _chunk(piece, scan, False)
            continue
        listed = INSIDE.get(char)
        found = False
        if listed is not None:
            for place in range(0, len(listed), 2):
                word = listed[place]
                if chunk.startswith(word, at):
                    scan.words.append(word.replace(HELD, " "))
                    scan.values.append(listed[place + 1])
                    scan.breaks.append(0)
                    at += len(word)
                    if word[-1] == "？":
                        _stop(scan, True)
                    found = True
                    break
        if found:
            continue
        if char in _STOPS:
            _stop(scan, char in "？؟")
        elif char in _COMMAS:
            _break(scan, 1)
        else:
            plain += 1
        at += 1
    if _NO_SPACES.search(chunk) is not None:
        scan.size += plain // 2
    elif plain:
        scan.size += 1


# --- classes ----------------------------------------------------------------------------------


def _rest(words: list[str], at: int, parts: tuple[str, ...]) -> int:
    """Where the rest of a phrase ends that must begin at a word; -1: it does not stand there."""
    count = len(words)
    gap = False
    for part in parts:
        if part == "~":
            gap = True
            continue
        last = at + GAP if gap else at
        gap = False
        met = False
        stem = part[-1] == "*"
        while at <= last and at < count:
            word = words[at]
            at += 1
            if word == part or (stem and word.startswith(part[:-1])):
                met = True
                break
        if not met:
            return -1
    return at


def _phrase(words: list[str], at: int, pair: int, loose: bool) -> tuple[int, int, str] | None:
    """The longest phrase that begins at a word: where it ends, its bits, itself. ``pair`` is what
    is known of it and the next one."""
    end = at
    phrase_bits = 0
    said = ""
    longer = LONGER
    if pair:
        start = words[at] + " " + words[at + 1]
        if pair & longer:
            pair ^= longer
            for parts, bits, phrase in PHRASES[start]:
                end = _rest(words, at + 2, parts)
                if end >= 0:
                    return end, bits, phrase
        if pair:
            end, phrase_bits, said = at + 2, pair, start
    if loose:
        for parts, bits, phrase in PHRASES[words[at]]:
            last = _rest(words, at + 1, parts)
            if last > end:
                end, phrase_bits, said = last, bits, phrase
    return (end, phrase_bits, said) if said else None


def _gather(scan: _Scan, quoted: int, pasted: int, bullets: int) -> Reading:
    """Put together what was met: phrases before words, without what is negated."""
    words, values, breaks = scan.words, scan.values, scan.breaks
    count = len(words)
    counts = [0] * len(CLASSES)
    hits: list[Hit] = []
    seen: set[str] = set()
    mask = opening = negated = before = 0
    sentence = begin = kept = 0
    negated_until = -1
    covered = -1  # the end of the last phrase
    items = run = 1
    last_comma = -9
    language = "?"
    # Local, so that they are numbers of C when compiled.
    every, phrased, silent = EVERY, _PHRASED, ~_SILENT
    by_language, differs, opener, factoid = _BY_LANGUAGE, DIFFERS, OPENER, FACTOID
    opens, loose, pairs = OPENS, LOOSE, PAIRS
    negation, auxiliary, but, foreign = NEGATION, AUXILIARY, BUT, FOREIGN
    for at in range(count):
        bits = values[at]
        if bits:
            word = words[at]
            if bits & by_language:
                if language == "?":
                    language = language_of(words)
                if bits & differs:
                    masks = BY_LANGUAGE[word]
                    own = masks.get(language)
                    other = masks.get("en", 0) if own is None else own
                    bits = other | (bits & phrased)
                elif language == "en":
                    bits &= phrased
                else:
                    bits ^= foreign
            first = at == begin or (at == begin + 1 and words[begin] in _LEADING)
            # "do you" asks; "do a review" tells.
            if bits & opener and first and not (word == "do" and words[at + 1 : at + 2] in _DONE):
                bits |= factoid
            if bits & phrased:
                pair = 0
                if bits & opens and at + 1 < count:
                    following: str = words[at + 1]
                    pair = pairs.get(word + " " + following, 0)
                phrase = (
                    _phrase(words, at, pair, bits & loose != 0) if pair or bits & loose else None
                )
                bits &= every
                if phrase is not None:
                    end, phrase_bits, said = phrase
                    if end > covered:
                        covered = end
                    if at > negated_until:
                        if said not in seen:
                            seen.add(said)
                            _count(phrase_bits, counts)
                        mask |= phrase_bits
                        if at < _OPENING_WORDS:
                            opening |= phrase_bits
                        if kept < _HITS_MAX:
                            hits.append((at, sentence, phrase_bits, said))
                            kept += 1
                    if phrase_bits & negation:
                        negated_until = end + _NEGATED_WORDS
                    bits &= ~negation
            if bits & but:
                negated_until = -1
            if bits & negation and at >= covered and not before & auxiliary:
                negated_until = at + _NEGATED_WORDS
            elif bits & silent:
                if at <= negated_until:
                    negated += 1
                else:
                    if word not in seen:
                        seen.add(word)
                        _count(bits, counts)
                    mask |= bits
                    if at < _OPENING_WORDS:
                        opening |= bits
                    if kept < _HITS_MAX:
                        hits.append((at, sentence, bits, word))
                        kept += 1
        before = bits
        if breaks[at]:
            negated_until = -1
            before = 0
            if breaks[at] == 2:
                sentence += 1
                begin = at + 1
                run, last_comma = 1, -9
            else:
                run = run + 1 if at - last_comma <= _ITEM_WORDS or last_comma < 0 else 2
                last_comma = at
                if run > items:
                    items = run
    questions = 0
    for asked in scan.asked:
        if asked:
            questions += 1
    return Reading(
        words=words,
        size=count + scan.size,
        counts=counts,
        mask=mask,
        opening=opening,
        hits=hits,
        sentences=max(1, sentence),
        questions=questions,
        asked=scan.asked,
        items=items,
        bullets=bullets,
        paths=scan.paths,
        symbols=scan.symbols,
        numbers=scan.numbers,
        quoted=quoted,
        pasted=pasted,
        negated=negated,
        language="" if language == "?" else language,
    )


def _count(bits: int, counts: list[int]) -> None:
    place = 0
    while bits:
        if bits & 1:
            counts[place] += 1
        bits >>= 1
        place += 1
