"""The guard: what may have one answer, and in which words it refuses the rest."""

from __future__ import annotations

import pytest

from lynkr.policies.questions.canon import canon
from lynkr.policies.questions.features import features
from lynkr.policies.questions.guard import RULES, VETOES, Rule, choose, judge

ANY = Rule(-1.0, 0.0, 0.0)


def packed(text: str) -> bytes:
    return features(canon(text))


def vetoes(one: str, other: str, rule: Rule = ANY) -> tuple[str, ...]:
    return judge(packed(one), packed(other), 0.9, rule).vetoes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Explain TCP vs UDP", "What is the difference between TCP and UDP?"),
        (
            "Explain the difference between TCP and UDP in two sentences.",
            "What is the difference between TCP and UDP? Keep it brief.",
        ),
        ("How do I roll back a Kubernetes deployment?", "rollback a deployment in k8s"),
        ("What is 40 °C in Fahrenheit?", "Convert 40 degrees Celsius to Fahrenheit"),
        ("List five uses of vinegar", "What are 5 uses of vinegar?"),
        ("How can I lower my heart rate?", "What is the best way to reduce my heart rate?"),
        ("What does `chmod 700` do?", "Explain what chmod 700 does"),
        ('What is "hygge"?', "What is hygge?"),
        ("How do I encrypt a disk?", "disk encryption"),
        ("Is Postgres free?", "Is PostgreSQL free?"),
        ("Who founded IKEA?", "Who was the founder of IKEA?"),
        ("Why is my laptop so slow?", "Why's my laptop slow?"),
        ("Which is heavier, gold or lead?", "Is gold or lead heavier?"),
        ("How do I recieve faxes online?", "How do I receive faxes online?"),
    ],
)
def test_the_same_question_in_other_words_is_allowed(one: str, other: str) -> None:
    verdict = judge(packed(one), packed(other), 0.9, Rule())
    assert verdict.allowed, verdict
    assert verdict.vetoes == ()


@pytest.mark.parametrize(
    ("veto", "one", "other"),
    [
        ("style", "What is DNS? Keep it brief.", "What is DNS?"),
        ("style", "What is DNS in 50 words?", "What is DNS in 80 words?"),
        ("fleeting", "What is the weather in Rome today?", "What is the weather in Rome?"),
        ("language", "Was ist das?", "What is that?"),
        ("number", "What is 15% of 80?", "What is 15% of 90?"),
        ("number", "Give me three tips for chess", "Give me five tips for chess"),
        ("number", "What percent of 80 is 15?", "What is 15% of 80?"),
        ("unit", "How far is 5 miles?", "How far is 5 km?"),
        ("negation", "Why is it safe to swim there?", "Why is it not safe to swim there?"),
        ("negation", "How do I quit nano without saving?", "How do I save in nano, not quit?"),
        ("negation", "How do I stop leaks?", "How do I avoid stop leaks?"),
        ("code", "Add hints to parse_config", "Add hints to load_config"),
        ("path", "Explain /etc/hosts", "Explain /etc/passwd"),
        ("quote", 'Translate "good day" to Thai', 'Translate "good night" to Thai'),
        ("name", "What is the capital of France?", "What is the capital of Chile?"),
        ("name", "How do I sort a list in java?", "How do I sort a list in python?"),
        ("antonym", "How do I enable swap?", "How do I disable swap?"),
        ("antonym", "Is a tuple mutable?", "Is a tuple immutable?"),
        ("direction", "Trains from Rome to Milan", "Trains from Milan to Rome"),
        ("direction", "How many bits are in a byte?", "How many bytes are in a bit?"),
        ("direction", "Is copper heavier than iron?", "Is iron heavier than copper?"),
        ("direction", "Run a query from a script", "Run a script from a query"),
        ("frame", "Who discovered radium?", "When was radium discovered?"),
        ("frame", "What is a mutex?", "How do I use a mutex?"),
        ("frame", "Why do leaves fall?", "When do leaves fall?"),
    ],
)
def test_each_difference_that_matters_is_named(veto: str, one: str, other: str) -> None:
    assert veto in vetoes(one, other)
    assert veto in vetoes(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do vaccines work?", "How are vaccines made?"),
        ("What is the default port of Redis?", "How do I change the default port of Redis?"),
        ("What is the population of Peru?", "What is the area of Peru?"),
        ("Is Java compiled?", "Is JavaScript compiled?"),
        ("What does a university do?", "What does the universe do?"),
        ("What are the four layers of the TCP/IP model and what does each do?", "TCP vs UDP"),
    ],
)
def test_another_question_about_the_same_thing_is_refused(one: str, other: str) -> None:
    assert not judge(packed(one), packed(other), 0.99, Rule()).allowed


def test_a_refusal_by_the_rule_says_which_part_of_it() -> None:
    one, other = packed("How do I bake rye bread?"), packed("How do I bake a chocolate cake?")
    assert judge(one, other, 0.9, Rule()).vetoes == ("coverage",)
    assert judge(one, one, 0.5, Rule()).vetoes == ("similarity",)
    assert judge(one, one, float("nan"), Rule()).vetoes == ("similarity",)
    assert judge(one, other, 0.5, Rule()).vetoes == ("similarity", "coverage")
    assert judge(one, other, 0.5, ANY).allowed


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x01junk", bytes(40)])
def test_bytes_of_another_version_are_refused(damage: bytes) -> None:
    blob = packed("What is DNS?")
    assert judge(damage, blob, 1.0, Rule()).vetoes == ("version",)
    assert judge(blob, damage, 1.0, Rule()).vetoes == ("version",)
    assert judge(damage, damage, 1.0, Rule()).vetoes == ("version",)


def test_other_word_lists_are_another_version() -> None:
    blob = packed("What is DNS?")
    older = blob[:1] + bytes([blob[1] ^ 1]) + blob[2:]
    assert judge(blob, older, 1.0, Rule()).vetoes == ("version",)


def test_a_fleeting_question_is_not_even_served_to_itself() -> None:
    blob = packed("What is the weather in Rome today?")
    assert judge(blob, blob, 1.0, Rule()).vetoes == ("fleeting",)


def test_every_bit_of_the_comparison_has_a_name() -> None:
    assert len(set(VETOES)) == len(VETOES) == 15


def test_questions_without_content_match_only_word_by_word() -> None:
    assert not judge(packed("What is it?"), packed("What was that?"), 1.0, Rule()).allowed
    assert judge(packed("What is it?"), packed("what is it?"), 1.0, Rule()).allowed


def test_the_best_of_several_is_chosen_by_similarity_and_coverage() -> None:
    asked = packed("How do I bake rye bread?")
    near, wrong = packed("How can I bake rye bread?"), packed("How do I bake rye rolls?")
    other = packed("What is a good way to bake rye bread?")
    assert choose(asked, [(wrong, 0.99), (near, 0.9)], Rule()).index == 1
    assert choose(asked, [(near, 0.9), (other, 0.95)], Rule()).index == 1
    assert choose(asked, [(near, 0.9), (near, 0.9)], Rule()).index == 0
    choice = choose(asked, [(wrong, 0.99)], Rule())
    assert choice.index == -1
    assert choice.verdicts[0].vetoes == ("coverage",)
    assert choose(asked, [], Rule()).index == -1


def test_where_a_lead_is_asked_for_two_near_ones_are_both_refused() -> None:
    asked, rule = packed("How do I bake rye bread?"), Rule(lead_min=0.02)
    one, other = packed("How can I bake rye bread?"), packed("Way to bake rye bread?")
    assert choose(asked, [(one, 0.90), (other, 0.91)], rule).index == -1
    assert choose(asked, [(one, 0.90), (other, 0.95)], rule).index == 1
    assert choose(asked, [(one, 0.90), (one, 0.90)], rule).index == 0


def test_a_stricter_rule_allows_no_more() -> None:
    strict, default, balanced = RULES["strict"], RULES["default"], RULES["balanced"]
    assert strict.similarity_min >= default.similarity_min >= balanced.similarity_min
    assert strict.coverage_min > default.coverage_min > balanced.coverage_min
