"""Fifteen numbers of an ask: each is what its docstring says, none leaves 0 to 1, more of a kind
never lowers the dimension of that kind."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.difficulty import dimensions as module
from lynkr.policies.difficulty.dimensions import FEATURES, NAMES, dimensions, features
from lynkr.policies.difficulty.lexicon import BIT, CLASSES
from lynkr.policies.difficulty.reading import Reading, read
from lynkr.policies.routing.facts import Ask, Seen

FIRST = Seen()


def of(text: str, name: str, seen: Seen = FIRST, **ask: object) -> float:
    its = Ask(text, **ask)  # type: ignore[arg-type]
    return dimensions(read(text), its, seen)[NAMES.index(name)]


def feature(text: str, name: str) -> float:
    return features(read(text), Ask(text), FIRST)[FEATURES.index(name)]


def with_words(**counts: int) -> Reading:
    """A reading of so many different words of these classes."""
    empty = read("")
    found = [counts.get(name, 0) for name in CLASSES]
    mask = sum(BIT[name] for name in counts if counts[name])
    return msgspec.structs.replace(empty, counts=found, mask=mask, size=max(1, sum(found)))


def dimension(reading: Reading, name: str, ask: Ask | None = None) -> float:
    return dimensions(reading, ask or Ask("x"), FIRST)[NAMES.index(name)]


def test_there_are_fifteen_and_features_begin_with_them() -> None:
    assert len(NAMES) == len(set(NAMES)) == 15
    assert FEATURES[:15] == NAMES
    assert len(FEATURES) == len(set(FEATURES))
    text = "refactor src/a.py and prove it"
    reading, ask = read(text), Ask(text)
    assert len(features(reading, ask, FIRST)) == len(FEATURES)
    assert features(reading, ask, FIRST)[:15] == dimensions(reading, ask, FIRST)


def test_a_name_is_that_of_its_function() -> None:
    text = "prove that src/a.py terminates, then refactor the payment and the login in production"
    reading, ask, seen = read(text), Ask(text), Seen(turns=3, calls=4)
    found = dimensions(reading, ask, seen)
    for name, value in zip(NAMES, found, strict=True):
        assert value == getattr(module, name)(reading, ask, seen), name


PIECES = (
    *("prove", "fix", "auth", "everything", "src/a.py", "don't", "production", "?", "1,", "it"),
    *("until all pass", "delete", "- x\n", "helper", "what is", "证明", "支付", "think"),
)


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join),
    st.integers(-1, 10**7),
    st.integers(-1, 10**6),
    st.integers(-1, 10**6),
)
def test_all_are_between_0_and_1(text: str, tokens: int, turns: int, calls: int) -> None:
    ask = Ask(text, tokens=tokens)
    found = features(read(text), ask, Seen(turns=turns, calls=calls))
    assert all(isinstance(value, float) and 0.0 <= value <= 1.0 for value in found)


# What raises a dimension, and nothing of it may lower it.
RAISES = {
    "code_complexity": ("deep", "flaky"),
    "reasoning_markers": ("prove", "think", "novel"),
    "risk_patterns": ("auth", "pay", "data", "infra", "secret", "prod"),
    "agentic_signals": ("auto", "lasting", "order"),
    "technical_depth": ("code", "deep", "bound"),
    "domain_specificity": ("domain", "audit"),
    "multi_step_structure": ("order",),
    "analysis_depth": ("analyse", "design", "audit", "explain", "plan"),
    "code_generation": ("write", "fix", "edit", "refactor", "migrate"),
    "tool_complexity": ("run", "edit", "search", "browse", "danger"),
    "tool_chain_potential": ("whole", "many", "part", "auto", "audit"),
    "ambiguity": ("vague",),
}


@pytest.mark.parametrize("name", RAISES)
@given(data=st.data())
def test_more_words_of_a_kind_never_lower_it(name: str, data: st.DataObject) -> None:
    counts = data.draw(st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 9), max_size=9))
    one = data.draw(st.sampled_from(RAISES[name]))
    more = {**counts, one: counts.get(one, 0) + 1}
    lower, higher = dimension(with_words(**counts), name), dimension(with_words(**more), name)
    if name == "risk_patterns" and counts.get(one, 0):
        assert higher == lower  # it is the kinds that count
    else:
        assert higher >= lower


@pytest.mark.parametrize("name", sorted(set(RAISES) - {"ambiguity"}))
def test_without_any_word_there_is_nothing(name: str) -> None:
    assert dimension(with_words(), name) == 0.0
    for one in RAISES[name]:
        assert dimension(with_words(**{one: 1}), name) > 0.0, one


@pytest.mark.parametrize(
    ("name", "one"),
    [("reasoning_markers", "prove"), ("code_complexity", "deep"), ("code_generation", "fix")],
)
def test_a_second_word_says_less_than_the_first(name: str, one: str) -> None:
    values = [dimension(with_words(**{one: count}), name) for count in range(11)]
    steps = [later - earlier for earlier, later in pairwise(values)]
    assert steps == sorted(steps, reverse=True)
    assert steps[9] < 0.1 * steps[0]


# --- each -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "wanted"), [(0, 0.0), (4, 0.0), (8, 0.125), (64, 0.5), (1024, 1.0), (10**6, 1.0)]
)
def test_token_count_is_logarithmic(tokens: int, wanted: float) -> None:
    assert of("x", "token_count", tokens=tokens) == pytest.approx(wanted)


def test_tokens_that_are_not_told_are_estimated() -> None:
    assert of("word " * 64, "token_count") == of("x", "token_count", tokens=80)
    assert of("", "token_count") == 0.0


def test_code_complexity() -> None:
    assert dimension(with_words(deep=2), "code_complexity") == 0.5
    assert of("there is a race condition and a deadlock", "code_complexity") >= 0.5
    assert of("rename the button", "code_complexity") == 0.0


def test_reasoning_markers() -> None:
    assert dimension(with_words(prove=1), "reasoning_markers") == 0.5
    assert dimension(with_words(think=2), "reasoning_markers") == 0.5
    prefix = "prove"
    values = []
    for word in ("", " the theorem", " by induction", " with a lemma", " and a counterexample"):
        prefix += word
        values.append(of(prefix, "reasoning_markers"))
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_risk_patterns() -> None:
    asked = of("tell me of the payment", "risk_patterns")
    changed = of("change the payment", "risk_patterns")
    deleted = of("delete production payments", "risk_patterns")
    assert 0 < asked < changed < deleted
    assert of("change the colour of the payment", "risk_patterns") < changed
    assert of("change the parser", "risk_patterns") == 0.0
    worst = dimension(with_words(danger=1, pay=1), "risk_patterns")
    assert worst > dimension(with_words(edit=1, pay=1), "risk_patterns")
    two = of("change the payment and the login", "risk_patterns")
    assert changed < two
    assert two == of("change the payment, the invoice and the login", "risk_patterns")  # kinds


def test_agentic_signals() -> None:
    assert of("do it autonomously", "agentic_signals") >= 0.6
    assert 0 < of("first do it, then go", "agentic_signals") < 0.3
    assert of("do not work autonomously", "agentic_signals") == 0.0


def test_technical_depth() -> None:
    plain = dimension(with_words(code=1), "technical_depth")
    hard = dimension(with_words(deep=1), "technical_depth")
    assert 0 < plain < hard


def test_domain_specificity() -> None:
    assert dimension(with_words(domain=2), "domain_specificity") == 0.5
    assert of("what is the weather", "domain_specificity") == 0.0


def test_multi_step_structure() -> None:
    steps = [
        "add a test",
        "add a test, and a note",  # two items are no enumeration
        "add a test, a note, a page",
        "add a test, a note, a page, a log",
    ]
    values = [of(step, "multi_step_structure") for step in steps]
    assert values[0] == values[1] == 0.0
    assert 0.0 < values[2] < values[3]
    assert of("- a test\n- a note\n- a page", "multi_step_structure") > values[3]
    assert of("Go. Look. See.", "multi_step_structure") > 0


def test_analysis_depth() -> None:
    explained = of("explain the parser", "analysis_depth")
    designed = of("design the parser", "analysis_depth")
    assert 0 < explained < designed
    assert of("list the parsers", "analysis_depth") == 0.0


def test_code_generation() -> None:
    assert dimension(with_words(write=1), "code_generation") == 0.5
    assert of("what is a parser", "code_generation") == 0.0
    edited = dimension(with_words(edit=1), "code_generation")
    assert edited < 0.5 < dimension(with_words(refactor=1), "code_generation")


def test_tool_complexity_counts_kinds() -> None:
    kinds = ["run", "edit", "search", "browse", "infra"]
    for size in range(6):
        counts = dict.fromkeys(kinds[:size], 3)
        assert dimension(with_words(**counts), "tool_complexity") == pytest.approx(size / 5)
    assert of("src/a.py", "tool_complexity") == pytest.approx(0.2)  # a file is to be looked at


def test_tool_chain_potential_grows_with_paths() -> None:
    values = [
        of("see " + " ".join(f"src/a{at}.py" for at in range(size)), "tool_chain_potential")
        for size in range(12)
    ]
    assert values[0] == values[1] == 0.0
    assert values == sorted(values)
    assert values[2] < values[11] <= 1.0
    assert dimension(with_words(whole=10), "tool_chain_potential") == 1.0


def test_what_needs_looking_first_takes_more_calls() -> None:
    assert of("fix it", "tool_chain_potential") > of("write it", "tool_chain_potential")


@pytest.mark.parametrize(("turns", "wanted"), [(-1, 0.0), (0, 0.0), (1, 0.0), (9, 0.5), (25, 0.75)])
def test_conversation_depth(turns: int, wanted: float) -> None:
    assert of("x", "conversation_depth", Seen(turns=turns)) == pytest.approx(wanted)


@pytest.mark.parametrize(("calls", "wanted"), [(-1, 0.0), (0, 0.0), (16, 0.5), (48, 0.75)])
def test_prior_tool_use(calls: int, wanted: float) -> None:
    assert of("x", "prior_tool_use", Seen(calls=calls)) == pytest.approx(wanted)


def test_ambiguity() -> None:
    vague = of("make it better somehow", "ambiguity")
    named = of("make the parser in src/parse.py better", "ambiguity")
    assert vague > named > 0
    for closed in ("what is it", "hello", "thanks", "how do i do it", "", "..."):
        assert of(closed, "ambiguity") == 0.0


# --- what does not matter ---------------------------------------------------------------------


def test_what_the_client_offers_does_not_matter() -> None:
    """Tools, prompts and results are of the harness, not of the ask."""
    text = "fix the parser in src/parse.py"
    reading, ask = read(text), Ask(text)
    other = Seen(tools=90, prompt_tokens=150_000, results=3, errors=2, messages=90, planning=True)
    assert features(reading, ask, other) == features(reading, ask, FIRST)


def test_what_was_said_before_does_not_matter() -> None:
    text = "fix the parser"
    other = Ask(text, before="Shall I prove the theorem?", earlier=("refactor everything",))
    assert features(read(text), other, FIRST) == features(read(text), Ask(text), FIRST)


# --- features beside them ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "met", "unmet"),
    [
        ("question", "is it so?", "it is so."),
        ("only_question", "why? how?", "fix it. why?"),
        ("paths", "see src/a.py", "see a"),
        ("path_many", "see src/a.py src/b.py", "see src/a.py"),
        ("one_word", "go on", "go on now"),
        ("few_words", "one two three four five six", "one two three four five six seven"),
        ("opens_explain", "explain it and fix it", "one two three four five six explain it"),
        ("has_auth", "the login", "the author"),
        ("negated", "don't fix it", "fix it"),
        ("quoted", 'say "so"', "say so"),
        ("risk_change", "change the payment", "see the payment"),
        ("small_only", "just a small edit", "just a small edit of the migration, prove it"),
        ("nothing_known", "lorem ipsum dolor", "lorem ipsum dolor, fix it"),
        ("last_asks", "The parser is new. Explain it", "Explain the parser. Then fix all of it"),
        ("last_hard", "Here is a parser. Prove it", "Prove it. Here is a page."),
        ("asked_about", "explain the proof", "prove it"),
        ("cosmetic_only", "change the colour", "refactor the colour"),
        ("explain_only", "explain it", "explain it and fix it"),
        ("ported", "port the cli from perl to kotlin", "port the cli"),
        ("ported", "upgrade rails 5 to 7", "upgrade rails in config/app.rb to 7"),
        ("ported", "migrate the shop from vue to svelte", "is vue faster than svelte"),
        ("unit_broad", "refactor this function", "refactor all functions"),
        (
            "story",
            "Ida has 9 pears and buys twice as many. Each costs $3. How much is it in total?",
            "Each of the 9 API calls costs 3 ms, twice as many time out. Cache the query in db.py",
        ),
        (
            "story",
            "Ida kauft 9 Birnen, jede kostet 3 Euro, und isst die Hälfte. Wie viele bleiben übrig?",
            "wie viele Zeilen hat die Tabelle",
        ),
    ],
)
def test_features_of_the_words(name: str, met: str, unmet: str) -> None:
    assert feature(met, name) > 0.0
    assert feature(unmet, name) == 0.0


def test_pasted_text_is_measured_by_its_size() -> None:
    small = feature("```\nab\n``` why", "pasted")
    assert 0 < small < feature("```\n" + "ab\n" * 90 + "``` why", "pasted")
