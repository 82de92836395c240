# ruff: noqa: RUF001 (punctuation of all scripts is what words are cut at)
"""``words.toml``, ``phrases.toml`` and ``followups.toml``, read: words by meaning and language.

A word is looked up whole. A stem ends in ``*`` and stands for every word that begins with it. Words
of scripts without spaces between words, or with endings and articles grown on, are looked for
inside of what stands between two spaces. A word that means different things in two languages is
settled by the language of the text.
"""

from __future__ import annotations

import re
import sys
import tomllib
from graphlib import TopologicalSorter
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from lynkr._native.lexicon import Lexicon
from lynkr.policies.questions.vocabulary import KINDS, SMALL_WORDS, STOP
from lynkr.policies.routing.facts import TIERS

# Classes, in the order of their bits.
CLASSES = (
    *("greet", "thanks", "factoid", "howto", "lookup", "explain", "rewrite", "creative"),
    *("write", "edit", "fix", "refactor", "migrate", "danger", "run", "design"),
    *("analyse", "audit", "prove", "novel", "think", "whole", "many", "small"),
    *("brief", "cosmetic", "deep", "code", "unit", "tests", "domain", "part"),
    *("auth", "pay", "data", "infra", "secret", "prod", "helper", "order"),
    *("bound", "plan", "vague", "symptom", "flaky", "search", "browse", "file"),
    *("auto", "negation", "but", "auxiliary", "force", "thought"),
    *("opener", "lasting", "stack", "amount"),
)
BIT = {name: 1 << place for place, name in enumerate(CLASSES)}
EVERY = (1 << len(CLASSES)) - 1

GREET, THANKS = BIT["greet"], BIT["thanks"]
FACTOID, HOWTO, LOOKUP, EXPLAIN = BIT["factoid"], BIT["howto"], BIT["lookup"], BIT["explain"]
REWRITE, CREATIVE = BIT["rewrite"], BIT["creative"]
WRITE, EDIT, FIX, REFACTOR = BIT["write"], BIT["edit"], BIT["fix"], BIT["refactor"]
MIGRATE, DANGER, RUN, DESIGN = BIT["migrate"], BIT["danger"], BIT["run"], BIT["design"]
ANALYSE, AUDIT, PROVE = BIT["analyse"], BIT["audit"], BIT["prove"]
WHOLE, SMALL, COSMETIC, UNIT = BIT["whole"], BIT["small"], BIT["cosmetic"], BIT["unit"]
PART, CODE, STACK, AMOUNT = BIT["part"], BIT["code"], BIT["stack"], BIT["amount"]
TESTS, HELPER, FILE, PROD = BIT["tests"], BIT["helper"], BIT["file"], BIT["prod"]
AUTH, PAY, DATA, INFRA, SECRET = (
    BIT["auth"],
    BIT["pay"],
    BIT["data"],
    BIT["infra"],
    BIT["secret"],
)
AUTO, NEGATION, BUT, FORCE = BIT["auto"], BIT["negation"], BIT["but"], BIT["force"]
AUXILIARY, THOUGHT = BIT["auxiliary"], BIT["thought"]
OPENER, LASTING = BIT["opener"], BIT["lasting"]
# Of one word or pair: it negates what stands before it. No class of its own, as bits are few; a
# negation is never an auxiliary verb.
UNTOUCHED = NEGATION | AUXILIARY
# Not classes, but marks of what is looked up: a phrase begins with this word, and with the word
# after it; one begins with a gap or a stem as its second word; longer ones begin with these two;
# languages differ; no English word.
OPENS = 1 << 58
LOOSE = 1 << 59
LONGER = 1 << 60
DIFFERS = 1 << 61
FOREIGN = 1 << 62
_MARKS = 5
assert len(CLASSES) + _MARKS < 64

WITHIN = frozenset(("zh", "ja", "ko", "th", "ar", "hi"))  # looked for inside of words
STEM_MIN = 4  # characters that a stem has at least, and by which it is found
# Articles, pronouns, "and": what an enumeration may go on with.
SMALL_ONES = frozenset(SMALL_WORDS) | {word for word in KINDS if KINDS[word] & STOP}
GAP = 3  # words that "~" in a phrase stands for at most

EDGES = ".,;:!?()[]{}<>\"'*…¡¿“”„«»‘’|~—–-、，。；：！？（）「」『』؟،।"
COMMAS = ",;:(—–、，；：،"
STOPS = ".!?。！？؟।…"
ASKS = "?？؟"  # stops that make a question

HELD = "\x04"  # stands for the spaces of such a word, where it is looked for

Phrase = tuple[tuple[str, ...], int, str]

WORDS: dict[str, int] = {}
BY_LANGUAGE: dict[str, dict[str, int]] = {}  # of words that differ
# By their first characters, longest first: each followed by its bits.
STEMS: dict[str, tuple[Any, ...]] = {}
INSIDE: dict[str, tuple[Any, ...]] = {}
# Of these, the ones with spaces, by the letters around their first space.
SPACED: dict[tuple[str, str], list[str]] = {}
PAIRS: dict[str, int] = {}  # phrases of two words, and beginnings of longer ones
PHRASES: dict[str, tuple[Phrase, ...]] = {}  # longer, by their first two words or, loose, by one
FORCED: dict[str, int] = {}  # phrase: its tier
AGREE: dict[str, int] = {}  # words of which short agreements and closings are made (followups)
YES, BYE, FILLER, NO = 1, 2, 4, 8

_AROUND = re.compile(r"([\u0590-\uffff]) (?=(\S))")
_SMALL_WORDS_MAX = 60  # that tell a language
_FOLDED_MIN = 5  # letters of a word that is known without its accents too
_PLAIN = str.maketrans(
    "àáâãäåçèéêëìíîïñòóôõöùúûüýÿąćęłńśźżşğıčřšž", "aaaaaaceeeeiiiinooooouuuuyyacelnszzsgicrsz"
)


def _listed(text: str) -> list[str]:
    """The items of a list; "a|b c" is two of them, "a c" and "b c"."""
    items: list[str] = []
    for part in text.split(","):
        if "|" in part:
            choices = [word.split("|") for word in part.split()]
            items += [" ".join(words) for words in product(*choices)]
        elif part.strip():
            items.append(" ".join(part.split()))
    return items


def _read(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


class _Builder:
    """Gathers what the files say, by language, before it is put into the tables."""

    def __init__(self) -> None:
        self.words: dict[str, dict[str, int]] = {}
        self.stems: dict[str, dict[str, int]] = {}
        self.phrases: dict[str, int] = {}
        self.inside: dict[str, int] = {}

    def add(self, said: str, language: str, bits: int) -> None:
        if language in WITHIN and not said.isascii():
            held = said.replace(" ", HELD)
            self.inside[held] = self.inside.get(held, 0) | bits
        elif " " in said:
            self.phrases[said] = self.phrases.get(said, 0) | bits
        elif said.endswith("*"):
            _note(self.stems, said[:-1], language, bits)
        else:
            _note(self.words, said, language, bits)

    def finish(self) -> None:
        _fold(self.words)
        _fold(self.stems)
        # What English has by a shorter stem is English too, whoever else lists it whole: or it
        # would lose its meaning as soon as the text is known to be English.
        for entries in (self.words, self.stems):
            for said, masks in entries.items():
                if "en" not in masks and (bits := self._stem_bits(said, "en")):
                    masks["en"] = bits
        stems = {stem: _merged(masks) for stem, masks in self.stems.items()}
        for word, masks in self.words.items():
            for language in masks:
                if masks[language]:
                    masks[language] |= self._stem_bits(word, language)
            if len(set(masks.values())) == 1:
                WORDS[word] = _merged(masks)
            else:
                BY_LANGUAGE[word] = masks
                WORDS[word] = DIFFERS
        self._phrases(stems)
        _by_start(stems, STEM_MIN, STEMS)
        _by_start(self.inside, 1, INSIDE)
        for said in self.inside:
            if HELD in said:
                at = said.index(HELD)
                SPACED.setdefault((said[at - 1], said[at + 1]), []).append(said.replace(HELD, " "))

    def _phrases(self, stems: dict[str, int]) -> None:
        grouped: dict[str, list[Phrase]] = {}
        whole = WORDS.keys() | {said.split()[0] for said in self.phrases}
        for said, bits in self.phrases.items():
            parts: list[str] = []
            for part in said.split():
                parts += [part] if part in whole else _as_read(part)
            first, second = parts[0], parts[1]
            assert not first.endswith("*"), said
            if first not in WORDS:
                WORDS[first] = next(
                    (stems[first[:size]] for size in _sizes(first) if first[:size] in stems), 0
                )
            if second == "~" or second.endswith("*"):
                WORDS[first] |= LOOSE
                start = first
                rest = parts[1:]
            else:
                WORDS[first] |= OPENS
                start = f"{first} {second}"
                rest = parts[2:]
                PAIRS[start] = PAIRS.get(start, 0) | (LONGER if rest else bits)
                if not rest:
                    if said in FORCED:
                        FORCED[start] = FORCED[said]  # as it is met
                    continue
            words = tuple([sys.intern(word) for word in rest])
            grouped.setdefault(start, []).append((words, bits, said))
        for start, found in grouped.items():
            PHRASES[start] = tuple(sorted(found, key=_longest_first))

    def _stem_bits(self, word: str, language: str) -> int:
        """What a word is by its longest stem: made whole, it hides it."""
        for size in _sizes(word):
            masks = self.stems.get(word[:size])
            if masks is not None and language in masks:
                return masks[language]
        return 0


def _longest_first(phrase: Phrase) -> tuple[int, bool, str]:
    """Of the same length, the ones without a stem: what these are of is known more exactly."""
    return -len(phrase[0]), "*" in phrase[2], phrase[2]


def _as_read(part: str) -> list[str]:
    """What ``reading`` makes of a word of a phrase that is not listed alone: "d'accès" is accès."""
    head, mark, tail = part.rpartition("'")
    if mark and (len(head) <= 2 or tail not in ("s", "t", "re", "ve", "ll", "d", "m")):
        return [tail if len(tail) > 2 else part]
    if mark:
        return [head if tail == "s" else part]
    return part.split("-") if part.replace("-", "").isalpha() else [part]


def _sizes(word: str) -> range:
    return range(len(word), STEM_MIN - 1, -1)


def _note(into: dict[str, dict[str, int]], said: str, language: str, bits: int) -> None:
    masks = into.setdefault(said, {})
    masks[language] = masks.get(language, 0) | bits


def _merged(masks: dict[str, int]) -> int:
    bits = 0
    for mask in masks.values():
        bits |= mask
    return bits if "en" in masks or not bits else bits | FOREIGN


def _fold(into: dict[str, dict[str, int]]) -> None:
    """Words as they are typed without accents, where that is no other word."""
    for said in [said for said in into if not said.isascii() and len(said) >= _FOLDED_MIN]:
        plain = said.translate(_PLAIN)
        if plain.isascii() and plain not in into:
            into[plain] = dict(into[said])


def _by_start(found: dict[str, int], size: int, into: dict[str, tuple[Any, ...]]) -> None:
    grouped: dict[str, list[str]] = {}
    for said in found:
        assert len(said) >= size, said
        grouped.setdefault(said[:size], []).append(said)
    for start, group in grouped.items():
        pairs: list[str | int] = []
        for said in sorted(group, key=lambda said: (-len(said), said)):
            pairs += (said, found[said])
        into[start] = tuple(pairs)


def _load() -> None:
    builder = _Builder()
    for name, languages in _read("words.toml").items():
        bits = UNTOUCHED if name == "untouched" else BIT[name] if name != "none" else 0
        for language, text in languages.items():
            for said in _listed(text):
                builder.add(said, language, bits)
    for name, languages in _read("phrases.toml").items():
        thought, _, tier = name.rpartition("-")
        bits = FORCE | (THOUGHT if thought else 0)
        for language, text in languages.items():
            for said in _listed(text):
                FORCED[said.rstrip("*")] = TIERS.index(tier)
                builder.add(said, language, bits)
    builder.finish()
    for name, languages in _read("followups.toml").items():
        bit = {"yes": YES, "bye": BYE, "filler": FILLER, "no": NO}[name]
        for text in languages.values():
            for said in _listed(text):
                AGREE[said] = AGREE.get(said, 0) | bit


def listed(word: str) -> str:
    """The list's own word that a word was found by: a stem, where it is not listed whole."""
    if (word in WORDS and not WORDS[word] & OPENS) or " " in word:
        return word
    found = STEMS.get(word[:STEM_MIN], ())
    for place in range(0, len(found), 2):
        stem = str(found[place])
        if word.startswith(stem):
            return stem + "*"
    return word


def held(line: str) -> str:
    """A line in which no listed word of a script without words is torn by its spaces."""
    found: list[str] = []
    for around in SPACED.keys() & set(_AROUND.findall(line)):
        found += SPACED[around]
    for said in sorted(found, key=lambda said: (-len(said), said)):
        line = line.replace(said, said.replace(" ", HELD))
    return line


def language_of(words: list[str]) -> str:
    """The language of words in Latin letters, by the small ones among them; "" in doubt."""
    english = accents = 0
    best, most = "", 0
    for kind, count in LEXICON.kinds(words, _SMALL_WORDS_MAX):
        if kind == _ENGLISH:
            english = count
        elif kind == _ACCENTED:
            accents = count
        elif count > most:
            best, most = _TAGS[kind], count
    if english >= most:
        return "en" if english > accents else ""
    return best


def _lexicon() -> Lexicon:
    """Words, stems and pairs in the form in which a text is walked through with them."""
    kinds = {word: 1 << _ENGLISH for word, kind in KINDS.items() if kind & STOP}
    for word, tags in SMALL_WORDS.items():
        for tag in tags:
            kinds[word] = kinds.get(word, 0) | 1 << _TAGS.index(tag)
    return Lexicon(WORDS, STEMS, PAIRS, kinds, EDGES, COMMAS, STOPS, ASKS)


def _in_order() -> list[str]:
    """The languages of small words, in an order that no word's own languages contradict: of two
    that are as often met, the one that is met first is taken."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for tags in SMALL_WORDS.values():
        sorter.add(tags[0])
        for before, tag in pairwise(tags):
            sorter.add(tag, before)
    return list(sorter.static_order())


_load()
# Kinds of small words: English ones, those of other languages, and what the lexicon says of any
# word that is not ASCII.
_TAGS = ("en", *_in_order())
_ENGLISH, _ACCENTED = 0, 15
LEXICON = _lexicon()
