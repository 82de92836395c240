# ruff: noqa: RUF001 (punctuation of all scripts is what is read)
"""An ask read once: which classes of words stand in it, where, and what surrounds them.

What is quoted or pasted (quotation marks, code, logs) is not what the user says: it is measured by
its size, and searched for paths, never for words. A negation cancels what follows it in its clause,
and on through an enumeration; "alone" and its like, what stands before them. Nothing here judges;
``dimensions`` and ``floors`` do.
"""

from __future__ import annotations

import re

import msgspec

from lynkr._native.lexicon import has_far_letters
from lynkr._native.words import CHUNK, END, Row, Walk
from lynkr.policies.difficulty.lexicon import (
    AMOUNT,
    ASKS,
    AUTH,
    AUXILIARY,
    BUT,
    BY_LANGUAGE,
    CLASSES,
    CODE,
    COMMAS,
    DANGER,
    DATA,
    DIFFERS,
    EDIT,
    EVERY,
    EXPLAIN,
    FACTOID,
    FIX,
    FOREIGN,
    GAP,
    HELD,
    HOWTO,
    INFRA,
    INSIDE,
    LEXICON,
    LONGER,
    LOOKUP,
    LOOSE,
    MIGRATE,
    NEGATION,
    OPENER,
    OPENS,
    PART,
    PAY,
    PHRASES,
    PROD,
    REFACTOR,
    REWRITE,
    RUN,
    SECRET,
    SMALL_ONES,
    STACK,
    STOPS,
    TESTS,
    UNIT,
    UNTOUCHED,
    WORDS,
    WRITE,
    held,
    language_of,
)
from lynkr.policies.difficulty.quotes import PATHS_MAX, is_path, own_text

# Longer texts are read at both ends, where it stands what is wanted; then what is left of them when
# all that is quoted and pasted has gone. A word costs 0.1 us.
CHARS_MAX, _TAIL_CHARS = 5120, 1536
OWN_MAX, _OWN_TAIL = 1792, 640
_NEGATED_WORDS = 8  # that a negation reaches at most
_LEFT_WORDS = 16  # before "alone" that it may be about
_HITS_MAX = 240  # of one text that are kept with their places
_OPENING_WORDS = 5  # that tell what kind of sentence begins
_ITEM_WORDS = 5  # between two commas of an enumeration, at most
_FAR = "\u0590"  # Latin, Greek and Cyrillic end before it; words are looked for inside from here
_NO_SPACES = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_DONE = [[word] for word in ("a", "an", "the", "this", "that", "it", "another", "some", "full")]
_LEADING = frozenset(
    ("and", "so", "ok", "okay", "hey", "hi", "und", "et", "y", "e", "en", "а", "и")
)
_KEEPING = frozenset(
    (
        *("leave", "leaving", "leaves", "keep", "keeping", "lass", "lasse", "lassen", "behalte"),
        *("laisse", "laissez", "laisser", "garde", "deja", "dejar", "deje", "mantén", "mantener"),
        *("deixe", "deixa", "mantenha", "lascia", "lasciare", "laat", "houd", "zostaw", "оставь"),
    )
)
_MAY_BE_NOUNS = ("me", "ma")  # of Turkish, where the sentence goes on: "the changing of"
_NONE_LEFT = bytearray()
_VERBS = EDIT | FIX | REFACTOR | MIGRATE | DANGER | RUN | EXPLAIN | LOOKUP | FACTOID | HOWTO
_VERBS |= WRITE | REWRITE
_NOUNS = AUTH | PAY | DATA | INFRA | SECRET | PROD | TESTS | UNIT | PART | CODE
_BY_LANGUAGE = DIFFERS | FOREIGN
_PHRASED = OPENS | LOOSE
_SILENT = AUXILIARY | BUT | OPENER  # they tell how other words are meant
_PLACED = EVERY & ~(AMOUNT | STACK)  # of which not only the number counts

Hit = tuple[int, int, int, str]


class Reading(msgspec.Struct, frozen=True):
    """What stands in an ask. Counts are of different words, not of how often they are said."""

    words: list[str]  # own words in lower case, without punctuation
    size: int  # words that are not negated; their number is estimated where no spaces divide them
    counts: list[int]  # by class
    mask: int  # of all classes that were met
    opening: int  # of the first words' classes
    hits: list[Hit]  # place, sentence, bits, the list's own word; in order; no mere amounts
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
        "bits",
        "end",
        "hits",
        "mask",
        "numbers",
        "opening",
        "paths",
        "row",
        "size",
        "symbols",
    )

    def __init__(self) -> None:
        self.row = Row(LEXICON)
        self.paths: list[tuple[int, str]] = []
        self.symbols = 0
        self.numbers = 0
        self.size = 0
        self.end = self.bits = 0  # of the last phrase
        self.mask = self.opening = 0
        self.hits: list[Hit] = []


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
    wide = has_far_letters(low)
    _walk(held(low) if wide else low, scan, wide, True)
    scan.row.stop(False)
    return _gather(scan, quoted, pasted, bullets)


# --- words ------------------------------------------------------------------------------------


def _walk(text: str, scan: _Scan, wide: bool, whole: bool) -> None:
    walk = Walk(scan.row, text, wide, whole)
    while True:
        kind = walk.next()
        if kind == END:
            return
        if kind == CHUNK:
            _inside(walk.piece(), scan)
        else:
            _core(walk.piece(), scan)


def _core(core: str, scan: _Scan) -> None:
    """What stands between marks, and is neither of letters only nor listed."""
    row = scan.row
    if "’" in core:
        core = core.replace("’", "'")
        if core in WORDS:
            row.add(core)
            return
    if core[0].isdigit() and (
        core.isdigit() or core.replace(",", "").replace(".", "").rstrip("kmgtb%").isdigit()
    ):
        scan.numbers += 1
        row.add(core)
        return
    if is_path(core):
        if len(scan.paths) < PATHS_MAX:
            scan.paths.append((row.sentence, core))
        row.add("\x02")
        return
    if "'" in core:
        head, _, tail = core.rpartition("'")
        if len(head) <= 2 or tail not in ("s", "t", "re", "ve", "ll", "d", "m"):
            row.add(tail if len(tail) > 2 else core)  # l'authentification
        else:
            row.add(head if tail == "s" else core)
        return
    for mark in "-/,.—–:;!?":
        if mark in core and core.replace(mark, "").isalpha():
            for part in core.split(mark):
                if part:
                    row.add(part)
                    if mark in ",—–:;":
                        row.comma()
            return
    scan.symbols += 1
    row.add("\x03")


def _inside(chunk: str, scan: _Scan) -> None:
    """A chunk of a script whose words are looked for where they stand."""
    row = scan.row
    size = len(chunk)
    at = 0
    plain = 0  # letters that belong to no listed word
    while at < size:
        char = chunk[at]
        if char < _FAR:
            first = at
            while at < size and chunk[at] < _FAR:
                at += 1
            _walk(chunk[first:at], scan, False, False)
            continue
        listed = INSIDE.get(char)
        found = False
        if listed is not None:
            for place in range(0, len(listed), 2):
                word = listed[place]
                if chunk.startswith(word, at):
                    row.put(word.replace(HELD, " "), listed[place + 1])
                    at += len(word)
                    if word[-1] == "？":
                        row.stop(True)
                    found = True
                    break
        if found:
            continue
        if char in STOPS:
            row.stop(char in ASKS)
        elif char in COMMAS:
            row.comma()
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
    far = GAP
    gap = False
    for part in parts:
        if part == "~":
            gap = True
            continue
        last = at + far if gap else at
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


def _phrase(scan: _Scan, at: int, pair: int, loose: bool) -> str:
    """The longest phrase that begins at a word, "" if none does; where it ends and its bits are
    left in ``scan``. ``pair`` is what is known of the word and the next one."""
    row = scan.row
    words = row.words
    end = at
    said = ""
    longer = LONGER
    if pair:
        start = row.pair_said(at)
        if pair & longer:
            pair ^= longer
            for listed in PHRASES[start]:
                end = _rest(words, at + 2, listed[0])
                if end >= 0:
                    scan.end = end
                    scan.bits = listed[1]
                    return listed[2]
        if pair:
            end, said = at + 2, start
            scan.bits = pair
    if loose:
        for listed in PHRASES[words[at]]:
            last = _rest(words, at + 1, listed[0])
            if last > end:
                end, said = last, listed[2]
                scan.bits = listed[1]
    scan.end = end
    return said


def _left(row: Row, words: list[str]) -> bytearray:
    """By word, whether it stands before one that says "not this". Empty where nothing says so."""
    found = bytearray()
    count = row.count
    untouched, pairs, but = UNTOUCHED, NEGATION | OPENS, BUT  # local: numbers of C when compiled
    for at in range(count):
        bits = row.bits(at)
        if bits & untouched != untouched:
            if bits & pairs != pairs or row.pair(at) & untouched != untouched:
                continue
        elif words[at].endswith(_MAY_BE_NOUNS) and not row.after(at) and at + 1 < count:
            continue
        if not found:
            found = bytearray(count)
        first = max(-1, at - 1 - _LEFT_WORDS)
        for before in range(at - 1, first, -1):
            own = row.bits(before)
            if row.after(before) == 2 or own & but or words[before] in _KEEPING:
                break
            if own & _VERBS and not own & _NOUNS and before < at - 1:
                break
            found[before] = 1
    return found


def _listed_on(row: Row, words: list[str], at: int) -> int:
    """The last word of what goes on after a comma as an enumeration of things; -1: none does."""
    for place in range(at, min(row.count, at + _NEGATED_WORDS)):
        bits = row.bits(place)
        if bits & _NOUNS:
            pass
        elif place == at:
            if words[at] not in SMALL_ONES:
                return -1
        elif bits & (_VERBS | BUT | AUXILIARY):
            return -1
        if row.after(place) or place == row.count - 1:
            return place
    return -1


def _met(scan: _Scan, at: int, sentence: int, bits: int, said: str) -> None:
    """Note a word or a phrase that is meant."""
    scan.mask |= bits
    if at < _OPENING_WORDS:
        scan.opening |= bits
    if bits & _PLACED and len(scan.hits) < _HITS_MAX:
        scan.hits.append((at, sentence, bits, said))


def _gather(scan: _Scan, quoted: int, pasted: int, bullets: int) -> Reading:
    """Put together what was met: phrases before words, without what is negated."""
    row = scan.row
    words = row.words
    count = row.count
    negated = before = 0
    sentence = begin = unwanted = 0
    negated_until = -1
    covered = -1  # the end of the last phrase
    items = run = 1
    last_comma = -9
    language = "?"
    # Local, so that they are numbers of C when compiled.
    every, phrased, silent = EVERY, _PHRASED, ~_SILENT
    by_language, differs, opener, factoid = _BY_LANGUAGE, DIFFERS, OPENER, FACTOID
    opens, loose = OPENS, LOOSE
    item_words, negated_words = _ITEM_WORDS, _NEGATED_WORDS
    negation, auxiliary, but, foreign = NEGATION, AUXILIARY, BUT, FOREIGN
    left = _left(row, words) if row.union() & negation else _NONE_LEFT
    some_left = len(left) > 0
    for at in range(count):
        bits = row.bits(at)
        if at <= negated_until or (some_left and left[at]):
            unwanted += 1
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
            # "do you" asks; "do a review" tells.
            if (
                bits & opener
                and (at == begin or (at == begin + 1 and words[begin] in _LEADING))
                and not (word == "do" and words[at + 1 : at + 2] in _DONE)
            ):
                bits |= factoid
            if bits & phrased:
                pair = row.pair(at) if bits & opens else 0
                said = _phrase(scan, at, pair, bits & loose != 0) if pair or bits & loose else ""
                bits &= every
                if said:
                    end, phrase_bits = scan.end, scan.bits
                    if end > covered:
                        covered = end
                    if at > negated_until and not (some_left and left[at]):
                        if row.first_said(said):
                            row.tally(phrase_bits)
                        _met(scan, at, sentence, phrase_bits, said)
                    if phrase_bits & negation and not phrase_bits & auxiliary:
                        negated_until = end + negated_words
                    bits &= ~negation
            if bits & but:
                negated_until = -1
            if bits & negation and at >= covered and not (before | bits) & auxiliary:
                negated_until = at + negated_words
            elif bits & silent:
                if at <= negated_until or (some_left and left[at]):
                    negated += 1
                else:
                    if row.first(at):
                        row.tally(bits)
                    _met(scan, at, sentence, bits, word)
        before = bits
        after = row.after(at)
        if after:
            reached = after == 1 and negated_until >= at and not bits & negation
            negated_until = _listed_on(row, words, at + 1) if reached else -1
            before = 0
            if after == 2:
                sentence += 1
                begin = at + 1
                run, last_comma = 1, -9
            elif negated_until < 0 and not (some_left and left[at]):
                run = run + 1 if at - last_comma <= item_words or last_comma < 0 else 2
                last_comma = at
                if run > items:
                    items = run
    asked = row.asked
    questions = 0
    for place in range(len(asked)):
        if asked[place]:
            questions += 1
    return Reading(
        words=words,
        size=count + scan.size - unwanted,
        counts=row.tallied(len(CLASSES)),
        mask=scan.mask,
        opening=scan.opening,
        hits=scan.hits,
        sentences=max(1, sentence),
        questions=questions,
        asked=asked,
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
