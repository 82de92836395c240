"""``words.toml`` and ``alike.toml``, read: what is known of English words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import msgspec

from lynkr.policies.questions.stems import stem

# What a word is, as bits.
STOP = 1  # says nothing that an answer depends on
LIGHT = 2  # says little
HEAD = 4  # at the head of a request, only says "answer me"
PREPOSITION = 8
KEEPING = 16  # after it, a preposition still holds
NEGATION = 32
INHIBITING = 64
NAME = 128


class _Around(msgspec.Struct, frozen=True):
    openers: str
    closers: str
    fleeting: str


class _Words(msgspec.Struct, frozen=True):
    stop: str
    light: str
    heads: str
    prepositions: str
    keeping: str
    negations: str
    inhibiting: str
    names: str
    numbers: dict[str, str]
    units: dict[str, str]
    forms: dict[str, str]
    around: _Around
    styles: dict[str, str]
    rewrites: dict[str, str]
    languages: dict[str, str]
    frames: dict[str, str]
    auxiliaries: dict[str, str]
    amounts: dict[str, str]
    fits: dict[str, str]
    wishes: dict[str, str]


class _Alike(msgspec.Struct, frozen=True):
    alike: str
    opposite: str
    apart: str
    implied: dict[str, str]


# Phrases by their first word, longest first: each is its words and what it stands for.
Phrases = dict[str, tuple[tuple[tuple[str, ...], str], ...]]
T = TypeVar("T")


def _read(name: str, shape: type[T]) -> T:
    text = Path(__file__).with_name(name).read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), shape)


def _listed(text: str) -> list[str]:
    return [" ".join(item.split()) for item in text.split(",")]


def _phrases(meanings: dict[str, str], backwards: bool = False) -> Phrases:
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for phrase, meaning in meanings.items():
        words = tuple(phrase.split())
        words = words[::-1] if backwards else words
        found.setdefault(words[0], []).append((words, meaning))
    return {
        first: tuple(sorted(phrases, key=lambda phrase: -len(phrase[0])))
        for first, phrases in found.items()
    }


def _groups(text: str) -> list[list[str]]:
    return [[stem(word, FORMS) for word in group.split()] for group in _listed(text)]


_WORDS, _ALIKE = _read("words.toml", _Words), _read("alike.toml", _Alike)
# Features packed by other word lists are not to be compared with ours.
EDITION = crc32(msgspec.msgpack.encode(_WORDS)) & 0xFF

FORMS = {form: word for word, forms in _WORDS.forms.items() for form in forms.split()}
KINDS: dict[str, int] = {}
for _bit, _list in (
    (STOP, _WORDS.stop),
    (LIGHT, _WORDS.light),
    (HEAD, _WORDS.heads),
    (PREPOSITION, _WORDS.prepositions),
    (KEEPING, _WORDS.keeping),
    (NEGATION, _WORDS.negations),
    (INHIBITING, _WORDS.inhibiting),
    (NAME, _WORDS.names),
):
    for _word in _list.split():
        KINDS[_word] = KINDS.get(_word, 0) | _bit

NUMBERS = _WORDS.numbers
UNITS = {form: unit for unit, forms in _WORDS.units.items() for form in forms.split()}
OPENERS = _phrases(dict.fromkeys(_listed(_WORDS.around.openers), ""))
CLOSERS = _phrases(dict.fromkeys(_listed(_WORDS.around.closers), ""), backwards=True)
FLEETING = _phrases(dict.fromkeys(_listed(_WORDS.around.fleeting), ""))
STYLES = _phrases({said: tag for tag, text in _WORDS.styles.items() for said in _listed(text)})
REWRITES = _phrases(_WORDS.rewrites)
# Small words of other languages: the languages that have them.
SMALL_WORDS: dict[str, tuple[str, ...]] = {}
for _tag, _list in _WORDS.languages.items():
    for _word in _list.split():
        SMALL_WORDS[_word] = (*SMALL_WORDS.get(_word, ()), _tag)
FRAME_WORDS = {name: frozenset(words.split()) for name, words in _WORDS.frames.items()}
WISH_WORDS = {name: frozenset(words.split()) for name, words in _WORDS.wishes.items()}
AUXILIARIES = {word: frame for frame, words in _WORDS.auxiliaries.items() for word in words.split()}
AMOUNTS = _WORDS.amounts
FITS = [(one, other) for one, others in _WORDS.fits.items() for other in _listed(others)]

# Stems that may stand for one another, that never do, that only begin alike; names and what they
# say besides. Pairs, each once.
ALIKE = _groups(_ALIKE.alike)
OPPOSITE = _groups(_ALIKE.opposite)
APART = _groups(_ALIKE.apart)
IMPLIED = [
    (stem(word, FORMS), stem(name, FORMS))
    for name, words in _ALIKE.implied.items()
    for word in words.split()
]
