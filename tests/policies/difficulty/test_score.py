"""The score: what it is made of adds up, and what would change it does change it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.difficulty.dimensions import NAMES
from lynkr.policies.difficulty.fitted import shipped
from lynkr.policies.difficulty.score import (
    FEATURES,
    INTENT,
    OTHER,
    Scorer,
    changes,
    contributions,
    measured,
    score,
    scorer,
)
from lynkr.policies.routing.facts import COMPLEX, MEDIUM, REASONING, SIMPLE, Ask, Score, Seen

FIRST = Seen()


def of(text: str, **ask: object) -> Score:
    return score(Ask(text, **ask), FIRST)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "tiers"),
    [
        ("hello!", (SIMPLE,)),
        ("which year was Python 3 released", (SIMPLE, MEDIUM)),
        ("write a function that pads a string on the left", (MEDIUM,)),
        ("Why is my effect called twice? It is in Chart.tsx.", (MEDIUM,)),
        (
            "Split the monolith into three services, move the data, and update all clients.",
            (COMPLEX,),
        ),
        ("Prove that every tree with n nodes has n - 1 edges.", (REASONING,)),
        ("Beweise, dass jeder Baum mit n Knoten n - 1 Kanten hat.", (REASONING,)),
    ],
)
def test_plain_cases(text: str, tiers: tuple[int, ...]) -> None:
    found = of(text)
    floor = max((one.tier for one in found.floors if one.rule == "force"), default=SIMPLE)
    assert max(found.tier, floor) in tiers


@pytest.mark.parametrize("length", [3_000, 30_000])
def test_a_long_text_alone_is_not_hard(length: int) -> None:
    """What is pasted into a small question does not make it a proof."""
    text = "The ferry leaves at nine and comes back in the evening. " * (length // 56)
    assert of(text + "\n\nTranslate this to French.").tier < REASONING


def test_a_score_is_a_number_of_its_bands() -> None:
    bands = scorer().fitted.bands
    assert 0 < bands[0] < bands[1] < bands[2] < 100
    for text in ("hi", "add a test", "design the whole billing platform", "prove it formally"):
        found = of(text)
        assert 0 <= found.value <= 100
        assert found.tier == sum(found.value >= band for band in bands)
        assert len(found.dimensions) == len(NAMES)


def test_scores_are_the_same_each_time() -> None:
    text = "refactor the importer and its tests"
    assert of(text) == of(text)


def test_thanks_are_nothing_to_be_measured() -> None:
    found = of("thanks!", before="I have moved the whole billing to the new service.")
    assert (found.basis, found.value, found.tier, found.floors) == ("closing", 0.0, SIMPLE, ())
    assert contributions(found) == []
    assert changes(found) == ()


def test_of_an_agreement_the_proposal_is_measured() -> None:
    """Yes to a rebuild is as hard as the rebuild, yes to a rename is not."""
    large = (
        "I would split the monolith into four services, migrate all tables without downtime and "
        "change every client. Shall I?"
    )
    small = "Shall I rename the file to notes.txt?"
    assert of("yes", before=large).basis == "proposal"
    assert of("yes", before=large).value > of("yes", before=small).value + 20


texts = st.sampled_from(
    (
        "hi there",
        "what does ls -la do",
        "write a regex for dates",
        "fix the login redirect in auth/session.py",
        "Review the design of our cache and propose improvements",
        "Prove that the scheduler never starves a task, or find a counterexample",
        "übersetze das bitte ins Englische",
        "你能解释一下这个函数吗",
    )
)


@given(texts, texts)
def test_contributions_add_up(one: str, other: str) -> None:
    """To what a score differs from the usual one: nothing is left over, nothing counts twice."""
    first, second = of(one), of(f"{one}. {other}")
    parts_1, parts_2 = contributions(first), contributions(second)
    assert {name for name, _ in parts_1} == {*NAMES, INTENT, OTHER}
    usual = first.value - sum(points for _, points in parts_1)
    assert usual == pytest.approx(second.value - sum(points for _, points in parts_2))
    assert [abs(points) for _, points in parts_1] == sorted(
        (abs(points) for _, points in parts_1), reverse=True
    )


def test_a_feature_that_is_no_dimension_counts_as_wording() -> None:
    """Two asks with the same dimensions and intent differ by their wording alone."""
    fitted, exemplars = shipped()
    its = Scorer(fitted, exemplars)
    found = measured(Ask("add a note to the changelog"), FIRST)
    at = max(range(len(NAMES), len(FEATURES)), key=lambda at: fitted.bounds[1].weights[at])
    values = list(found.values)
    values[at] = 0.0
    plain = its.score(msgspec.structs.replace(found, values=tuple(values)))
    values[at] = 1.0
    more = its.score(msgspec.structs.replace(found, values=tuple(values)))
    assert more.value > plain.value
    assert dict(its.contributions(more))[OTHER] > dict(its.contributions(plain))[OTHER]


@given(texts)
def test_what_would_change_the_tier_does(text: str) -> None:
    """With the one dimension as it is said, the score lies in the neighbouring band."""
    its = scorer()
    found = measured(Ask(text), FIRST)
    given_ = its.score(found)
    for change in changes(given_):
        assert 0 <= change.then <= 1
        assert abs(change.tier - given_.tier) == 1
        if change.name == INTENT:
            continue
        values = list(found.values)
        assert values[NAMES.index(change.name)] == change.now
        values[NAMES.index(change.name)] = change.then
        moved = its.score(msgspec.structs.replace(found, values=tuple(values)))
        up = change.tier > given_.tier
        assert moved.tier >= change.tier if up else moved.tier <= change.tier


def test_a_score_without_its_sums_can_still_be_taken_apart() -> None:
    """Of a record, say: the dimensions and the intent are known, the rest is not."""
    found = of("design the whole billing platform")
    kept = msgspec.convert(msgspec.to_builtins(found), Score)
    assert dict(contributions(kept)).keys() == dict(contributions(found)).keys()
    usual = found.value - sum(points for _, points in contributions(found))
    assert kept.value - sum(points for _, points in contributions(kept)) == pytest.approx(usual)


def test_another_language_counts_the_meaning_less() -> None:
    found = measured(Ask("prove the lemma"), FIRST)
    its = scorer()
    usual = its.fitted.intent.usual
    native = its.meaning(msgspec.structs.replace(found, foreign=False)).value
    foreign = its.meaning(msgspec.structs.replace(found, foreign=True)).value
    assert abs(foreign - usual) < abs(native - usual)


@pytest.mark.parametrize("turns", [1, 40])
def test_a_long_conversation_alone_changes_little(turns: int) -> None:
    ask = Ask("write a function that pads a string on the left")
    later = score(ask, Seen(turns=turns, calls=200 * (turns - 1)))
    assert later.tier == MEDIUM
    assert abs(later.value - score(ask, FIRST).value) < 5


def test_dimensions_grow_with_difficulty() -> None:
    """No dimension lowers a score, so that a reason can be believed; what is open may do both."""
    for bound in scorer().fitted.bounds:
        for name, weight in zip(NAMES, bound.weights, strict=False):
            assert weight >= 0 or name == "ambiguity", name


def test_numbers_for_other_features_are_refused() -> None:
    fitted, exemplars = shipped()
    other = msgspec.structs.replace(fitted, features=("length",))
    with pytest.raises(ValueError, match="other features"):
        Scorer(other, exemplars)
