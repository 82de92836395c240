"""A person who says that the answer was wrong is heard, and nobody else."""

from __future__ import annotations

import pytest

from lynkr.policies.routing.complaints import LANGUAGES, complains, repeats
from tests.policies.routing.talks import REMINDER, reply, seen_in, user


@pytest.mark.parametrize(
    "words",
    [
        "that's wrong",
        "That\u2019s wrong!",
        "still fails",
        "hm, it still doesn't work with python 3.9",
        "no, use tabs",
        "No.",
        "ok but try again please",
        "The test still fails with the same error as before",
        "das geht immer noch nicht",
        "Nein, das war die falsche Datei",
        "\u00e7a ne marche toujours pas",
        "sigue sin funcionar",
        "ainda n\u00e3o funciona",
        "continua a non funzionare",
        "werkt nog steeds niet",
        "nadal nie dzia\u0142a",
        "hala \u00e7al\u0131\u015fm\u0131yor",
        "\u043d\u0435 \u0440\u0430\u0431\u043e\u0442\u0430\u0435\u0442",
        "\u8fd8\u662f\u62a5\u9519",
        "\u4e0d\u5bf9\uff0c\u6211\u8981\u7684\u662f\u53e6\u4e00\u4e2a",
        "\u307e\u3060\u52d5\u304b\u306a\u3044",
        "\uc5ec\uc804\ud788 \uc548 \ub3fc\uc694",
    ],
)
def test_a_complaint(words: str) -> None:
    assert complains(words, "I changed it.")
    assert seen_in([user("a"), reply("b"), user(f"{REMINDER}\n{words}")]).retried
    assert not seen_in([user(words)]).retried  # nobody has answered yet


@pytest.mark.parametrize(
    "words",
    [
        "thanks, works",
        "now add a test",
        "No newline at end of file is printed, add one",
        "none of the tests cover this, add some",
        "wrongly named: rename foo to bar",
        "continua",
        "weiter",
        "add a retry that will try again after 5 s",
        "yes",
        "",
        "\u4e0d\u8fc7\u5148\u5199\u6d4b\u8bd5",
    ],
)
def test_no_complaint(words: str) -> None:
    assert not complains(words, "I changed it.")


@pytest.mark.parametrize("asked", ["Shall I delete it?", "Soll ich?\n", "\u597d\u5417\uff1f"])
@pytest.mark.parametrize("words", ["no", "No, keep it", "nein", "\u4e0d"])
def test_no_may_be_an_answer(asked: str, words: str) -> None:
    assert not complains(words, asked)
    assert complains(words, "I deleted it.")


def test_the_same_ask_again() -> None:
    ask = "add a test for the empty password"
    assert seen_in([user(ask), reply("Done."), user(f"{ask.upper()} ")]).retried
    assert not seen_in([user(ask), reply("Done."), user("add a test for the empty name")]).retried
    assert not repeats("go on", "go on")
    assert repeats("\u89e3\u91ca\u4e00\u4e0b\u955c\u50cf", "\u89e3\u91ca\u4e00\u4e0b\u955c\u50cf")


def test_the_words_are_written_as_they_are_compared() -> None:
    for language in LANGUAGES:
        for phrases in (language.begins, language.answers, language.holds):
            assert len(phrases) == len(set(phrases))
            assert all(phrase == " ".join(phrase.lower().split()) for phrase in phrases)
