"""A question's wrapping does not count; its wishes of form do, and stand apart."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lynkr.policies.questions.canon import CHARS_MAX, canon


@pytest.mark.parametrize(
    "text",
    [
        "What is a monad?",
        "Hi, what is a monad?",
        "Please, can you tell me what is a monad?",
        "Hello there! I'd like to know what is a monad?",
        "what is a monad? Thanks!",
        "quick question: what   is a\nmonad? thank you in advance",
    ],
)
def test_greeting_thanks_and_spacing_are_no_part_of_a_question(text: str) -> None:
    assert canon(text).text.lower() == "what is a monad?"


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("What is DNS?", ""),
        ("What is DNS? Keep it brief.", "short"),
        ("Explain DNS in two sentences", "short"),
        ("Explain DNS in one sentence.", "sentences:1"),
        ("Explain DNS briefly, please", "short"),
        ("What is DNS (in 50 words or less)?", "words:50"),
        ("Explain DNS, max 100 words", "words:100"),
        ("Explain DNS in detail", "long"),
        ("Explain DNS like I'm five", "simple"),
        ("Explain DNS step by step as a table", "steps,table"),
        ("List the DNS records as a list in JSON format", "json,list"),
        ("Explain DNS. Answer in French.", "language:french"),
        ("Explain DNS with an example", "example"),
    ],
)
def test_a_wish_of_form_becomes_a_tag(text: str, style: str) -> None:
    assert canon(text).style == style
    assert "DNS" in canon(text).text


def test_a_wish_leaves_the_question_that_it_goes_with() -> None:
    asked = canon("What is the difference between TCP and UDP? Keep it brief.")
    assert asked.text == canon("What is the difference between TCP and UDP?").text


@pytest.mark.parametrize(
    "text",
    [
        "How do I find an item in a list?",
        "How do I draw a table in LaTeX?",
        "Write a 500 word essay about cats",
        "What is a brief?",
        "How many words are in this: `a b`",
    ],
)
def test_what_a_question_is_about_is_no_wish_of_form(text: str) -> None:
    assert canon(text).style == ""


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("deploy to k8s", "deploy to kubernetes"),
        ("How do I turn on CORS in a golang app?", "How do I enable CORS in a go application?"),
        ("open `db.py` in the repo", "open `db.py` in the repository"),
    ],
)
def test_known_short_forms_are_written_out_but_not_in_code(text: str, understood: str) -> None:
    assert canon(text).text == understood


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I sort a list?", "en"),
        ("TCP vs UDP", "en"),
        ("What does naïve mean?", "en"),
        ("Wie kann ich eine Liste sortieren?", "de"),
        ("Quelle est la capitale de la France ?", "fr"),
        ("¿Cuál es la capital de España?", "es"),
        ("Как отсортировать список?", "ru"),
        ("リストを並べ替える方法", "ja"),
        ("如何排序列表", "zh"),
        ("كيف أرتب قائمة", "ar"),
        ("12 + 30 = ?", ""),
        ("", ""),
    ],
)
def test_the_language_is_told_by_script_and_small_words(text: str, language: str) -> None:
    assert canon(text).language == language


@pytest.mark.parametrize(
    ("text", "fleeting"),
    [
        ("What's the weather in Paris?", True),
        ("Who is the current president of France?", True),
        ("What happened yesterday?", True),
        ("Where is my order?", True),
        ("What is the latest version of Node?", True),
        ("Fix this bug", True),
        ("What is wrong with this code?", True),
        ("What is the output of the following program?", True),
        ("Who was the first president of France?", False),
        ("What is the difference between weather and climate?", False),
        ("How do I get the current date in JavaScript?", False),
        ('Convert this JSON to YAML: {"a": 1}', False),
        ("What does `this` mean in Java?", False),
    ],
)
def test_what_depends_on_when_or_on_unseen_things_is_fleeting(text: str, fleeting: bool) -> None:
    assert canon(text).fleeting is fleeting


@pytest.mark.parametrize("text", ["please", "thanks", "Hi!", "keep it brief", "?"])
def test_what_is_only_wrapping_stays(text: str) -> None:
    assert canon(text).text.strip("?!") == text.strip("?!")


def test_a_long_text_is_only_brought_to_single_spaces() -> None:
    text = "Hi, " + "word  " * CHARS_MAX
    asked = canon(text)
    assert asked.text == " ".join(text.split())
    assert asked.style == ""


@given(st.text(max_size=300))
@example("((((((((((" * 30)
@example("'" * 300)
@example("a,b" * 100)
@example("please " * 100)
@example("in 2 in 2 in 2 " * 60)
@example("\x00\ud800\u0130ß")
def test_any_text_has_a_canonical_form(text: str) -> None:
    asked = canon(text)
    assert asked.text == " ".join(asked.text.split())
    assert asked == canon(text)
