# ruff: noqa: RUF001 (words of all scripts)
"""The word lists: every class is used, every entry is found again, every language is known."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lynkr.policies.difficulty import lexicon
from lynkr.policies.difficulty.lexicon import (
    AGREE,
    BIT,
    BY_LANGUAGE,
    BYE,
    CLASSES,
    DIFFERS,
    EVERY,
    FORCE,
    FORCED,
    HELD,
    INSIDE,
    LONGER,
    LOOSE,
    NO,
    OPENS,
    PAIRS,
    PHRASES,
    STEM_MIN,
    STEMS,
    WITHIN,
    WORDS,
    YES,
    held,
    language_of,
    listed,
)
from lynkr.policies.difficulty.reading import read
from lynkr.policies.routing.facts import COMPLEX, REASONING

LANGUAGES = frozenset(  # ISO 639-1
    (
        *("en", "de", "fr", "es", "pt", "it", "nl", "pl", "ru", "tr", "vi", "zh", "ja", "ko"),
        *("ar", "hi", "th", "uk", "sv"),
    )
)
# Of phrases.toml, or words that only tell how others are meant.
UNCOUNTED = ("force", "thought", "auxiliary", "but", "opener", "negation")
MARKS = OPENS | LOOSE | LONGER | DIFFERS | lexicon.FOREIGN


def table(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(lexicon.__file__).with_name(name).read_text("utf-8"))


def entries(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split(",") if part.strip()]


def plain(name: str, language: str) -> list[str]:
    """Entries of a class that are neither stems, nor have gaps or choices."""
    found = table("words.toml")[name].get(language, "")
    return [said for said in entries(found) if not set("*|~") & set(said)]


def test_every_class_is_met_by_some_word() -> None:
    met = 0
    for table_ in (STEMS, INSIDE):
        for pairs in table_.values():
            for bits in pairs[1::2]:
                met |= bits
    for masks in BY_LANGUAGE.values():
        for bits in masks.values():
            met |= bits
    for found in PHRASES.values():
        for _, bits, _ in found:
            met |= bits
    for bits in (*WORDS.values(), *PAIRS.values()):
        met |= bits
    assert [name for name in CLASSES if not met & BIT[name]] == []


def test_every_list_is_of_a_known_class_and_language() -> None:
    words = table("words.toml")
    assert set(words) - {"none", "untouched"} == set(CLASSES) - {"force", "thought"}
    for name in ("words.toml", "phrases.toml", "followups.toml"):
        for languages in table(name).values():
            assert set(languages) <= LANGUAGES
            assert all(entries(text) for text in languages.values())


def test_lists_are_in_lower_case() -> None:
    for name in ("words.toml", "phrases.toml", "followups.toml"):
        for languages in table(name).values():
            for text in languages.values():
                assert text == text.lower()


def test_classes_and_marks_are_different_bits_of_one_word() -> None:
    assert len(set(CLASSES)) == len(CLASSES) == len(BIT)
    assert not EVERY & MARKS
    assert (EVERY | MARKS).bit_length() <= 63  # a C long, with its sign
    assert WORDS.keys() >= BY_LANGUAGE.keys()
    assert all(WORDS[word] & DIFFERS for word in BY_LANGUAGE)


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in UNCOUNTED])
def test_every_english_entry_is_found_where_it_stands_alone(name: str) -> None:
    """A mistyped entry (an apostrophe, a dot, a phrase that a longer one hides) would not be."""
    missed = [said for said in plain(name, "en") if not read(said).mask & BIT[name]]
    # Formulas are pieces of code; "never" alone only negates, "comment" alone is French.
    known = {"never", "comment"}
    assert [said for said in missed if not set(said) & set("+(#'") and said not in known] == []


@pytest.mark.parametrize("language", sorted(WITHIN))
@pytest.mark.parametrize("name", ["explain", "write", "fix", "auth", "pay", "prove", "data"])
def test_words_inside_of_others_are_found(name: str, language: str) -> None:
    """Those with a space in them too."""
    missed = [said for said in plain(name, language) if not read(said).mask & BIT[name]]
    assert [said for said in missed if not said[0].isascii()] == []


@pytest.mark.parametrize("language", ["de", "fr", "es", "pt", "it", "nl", "pl", "ru", "tr", "vi"])
@pytest.mark.parametrize("name", ["explain", "auth", "pay", "data"])
def test_words_of_other_languages_are_found(name: str, language: str) -> None:
    for said in plain(name, language):
        if said not in BY_LANGUAGE and not any(word in BY_LANGUAGE for word in said.split()):
            assert read(said).mask & BIT[name], said


def test_a_word_with_a_space_is_held_together_only_as_a_whole() -> None:
    assert read("보안 감사를 해줘").hits[0][3] == "보안 감사"
    assert held("보안 감사 보안, 감사") == f"보안{HELD}감사 보안, 감사"
    assert held("no such word") == "no such word"


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("fais un test d'intrusion", "test intrusion"),
        ("fais un test d’intrusion", "test intrusion"),
        ("les clés d'api", "clés api"),
        ("rifattorizza l'intero", "rifattorizza intero"),
        ("go on until it's green", "until it's green"),
        ("list the security trade-offs", "security trade-offs"),
    ],
)
def test_words_of_a_phrase_are_known_as_they_are_read(text: str, met: str) -> None:
    """What stands before an apostrophe is no part of the word that is read."""
    assert met in [word for _, _, _, word in read(text).hits]


def test_stems_are_found_by_their_first_letters_the_longest_first() -> None:
    for start, pairs in STEMS.items():
        stems = pairs[::2]
        assert all(stem.startswith(start) and len(start) == STEM_MIN for stem in stems)
        for at, stem in enumerate(stems):
            assert not any(later.startswith(stem) for later in stems[at + 1 :]), stem


def test_words_inside_are_the_longest_first() -> None:
    for pairs in INSIDE.values():
        sizes = [len(said) for said in pairs[::2]]
        assert sizes == sorted(sizes, reverse=True)


def test_every_phrase_can_be_begun() -> None:
    """Its first words are marked, or it would never be looked for."""
    for start, found in PHRASES.items():
        first, _, second = start.partition(" ")
        if second:
            assert WORDS[first] & OPENS
            assert PAIRS[start] & LONGER
        else:
            assert WORDS[first] & LOOSE
        sizes = [len(words) for words, _, _ in found]
        assert sizes == sorted(sizes, reverse=True)


def test_choices_in_a_phrase() -> None:
    assert PAIRS["penetration test"] & FORCE
    assert PAIRS["penetration testing"] & FORCE
    assert "penetration test|testing" not in FORCED


def test_every_forced_phrase_is_found_with_its_tier() -> None:
    assert FORCED["security audit"] == REASONING
    assert FORCED["architecture review"] == COMPLEX
    assert set(FORCED.values()) == {COMPLEX, REASONING}
    missed = []
    for said, tier in FORCED.items():
        found = [word for _, _, bits, word in read(said.replace("~", "so")).hits if bits & FORCE]
        if tier not in [FORCED[word] for word in found]:
            missed.append(said)
    assert missed == []


def test_words_are_folded_where_that_is_no_other_word() -> None:
    assert WORDS["autenticacion"] == WORDS["autenticación"]
    assert WORDS["loschen" if "loschen" in WORDS else "verschlusselung"]
    assert "auth" in [name for name in CLASSES if read("contrasena").mask & BIT[name]]
    assert all(word in WORDS for word in ("como", "cómo"))


def test_the_list_s_own_word_is_told_never_the_text_s() -> None:
    assert listed("payments") == "payments"
    assert listed("passwortfürannalena") == "passwort*"
    assert listed("авторизацию") == "авториз*"
    assert listed("支付") == "支付"
    assert listed("users table") == "users table"


def test_agreements_and_refusals_do_not_contradict_themselves() -> None:
    for said, bits in AGREE.items():
        assert not (bits & YES and bits & NO), said
        assert not (bits & BYE and bits & NO), said
        assert said == said.strip()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("what is the use of this", "en"),
        ("wie kann ich das mit der datei machen", "de"),
        ("je ne sais pas ce que fait la page", "fr"),
        ("cómo puedo ver los archivos que hay", "es"),
        ("come posso vedere i file che sono nella cartella", "it"),
        ("hoe kan ik het bestand van de server lezen", "nl"),
        ("como posso ver os arquivos que não são meus", "pt"),
        ("dlaczego to nie jest w pliku", "pl"),
        ("bu dosya için bir test ve nasıl", "tr"),
        ("qwertz asdf", ""),
        ("", ""),
    ],
)
def test_the_language_is_told_by_small_words(text: str, language: str) -> None:
    assert language_of(text.split()) == language
