"""False hits: the interval, the bar that follows from what was seen, and how it ends over time."""

from __future__ import annotations

import random
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.false_hits import (
    HALF_LIFE_S,
    PARTITIONS_MAX,
    SHADOW_MAX,
    SIGHTINGS_MAX,
    Bar,
    Ledger,
    interval,
    sampled,
    shadow_rate,
    stricter,
    verdict,
)

FLOOR = 0.80
SCOPE, PARTITION = b"scope", b"partition"


class Seen(msgspec.Struct, frozen=True):
    similarity: float
    agreed: bool = True
    source: Literal["shadow", "judge", "feedback"] = "judge"
    at: float = 0.0


# --- interval -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "seen", "low", "high"),
    [
        # From the closed forms 1 - (a/2)^(1/n) and (a/2)^(1/n), and from published tables.
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (1, 20, 0.0013, 0.2487),
        (5, 100, 0.0164, 0.1128),
        (1, 1, 0.025, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_clopper_and_pearsons(
    wrong: float, seen: float, low: float, high: float
) -> None:
    assert interval(wrong, seen) == pytest.approx((low, high), abs=1e-4)


@given(st.floats(0, 200), st.floats(0, 200), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_holds_the_share(wrong: float, right: float, confidence: float) -> None:
    low, high = interval(wrong, wrong + right, confidence)
    assert 0 <= low <= high <= 1
    if wrong + right > 0:
        assert low - 1e-9 <= wrong / (wrong + right) <= high + 1e-9


# --- verdict ------------------------------------------------------------------------------------


def test_nothing_seen_leaves_the_rule_alone() -> None:
    assert verdict([], 0.01, FLOOR, 0.0) == Bar(FLOOR)


def test_agreement_leaves_the_rule_alone() -> None:
    found = verdict([Seen(0.8 + n / 1000) for n in range(200)], 0.01, FLOOR, 0.0)
    assert (found.similarity_min, found.off, found.reason) == (FLOOR, False, "")
    assert found.seen == 200
    assert found.estimate == found.low == 0
    assert 0.01 < found.high < 0.02  # 1 - 0.025^(1/200)


def test_one_disagreement_in_many_is_within_the_bound() -> None:
    rows = [Seen(0.8 + n / 1000) for n in range(199)]
    assert verdict([*rows, Seen(0.9, agreed=False)], 0.01, FLOOR, 0.0).reason == ""


def test_the_bar_rises_above_what_was_wrong_and_no_further() -> None:
    wrong = [Seen(0.82 + n / 1000, agreed=False) for n in range(10)]
    right = [Seen(0.85 + n / 1000) for n in range(100)]
    found = verdict([*right, *wrong], 0.01, FLOOR, 0.0)
    assert 0.829 < found.similarity_min <= 0.85
    assert not found.off
    assert found.estimate == 0
    assert "1.00%" in found.reason


def test_semantic_answers_end_where_no_bar_helps() -> None:
    rows = [Seen(0.8 + n / 100, agreed=n % 2 == 0) for n in range(20)]
    found = verdict([*rows, Seen(0.995, agreed=False), Seen(0.997, agreed=False)], 0.01, FLOOR, 0.0)
    assert found.off
    assert found.estimate > 0.3


def test_good_hits_above_do_not_hide_bad_ones_below() -> None:
    """Once the bar is up, only what is above it is compared: its number must not lower the bar."""
    wrong = [Seen(0.80 + n / 500, agreed=n % 3 != 0) for n in range(30)]
    right = [Seen(0.95) for _ in range(5000)]
    assert verdict([*wrong, *right], 0.01, FLOOR, 0.0).similarity_min > 0.84


def test_words_alone_are_not_believed_at_once() -> None:
    """They see disagreements where there are none, about once in twenty."""
    by_words = [Seen(0.9, agreed=n % 30 != 0, source="shadow") for n in range(300)]
    read = [Seen(0.9, agreed=n % 30 != 0, source="judge") for n in range(300)]
    assert verdict(by_words, 0.01, FLOOR, 0.0).reason == ""
    assert verdict(read, 0.01, FLOOR, 0.0).reason != ""
    assert verdict([Seen(0.9, False, "shadow")], 0.01, FLOOR, 0.0).reason == ""
    assert verdict([Seen(0.9, False, "feedback")], 0.01, FLOOR, 0.0).similarity_min > 0.9


def test_evidence_ages_and_a_partition_recovers() -> None:
    rows = [Seen(0.9, agreed=False), Seen(0.85)]
    assert verdict(rows, 0.01, FLOOR, 0.0).similarity_min > 0.9
    later = verdict(rows, 0.01, FLOOR, 3 * HALF_LIFE_S)
    assert later.similarity_min == FLOOR
    assert later.seen == pytest.approx(0.25)


def test_what_lies_below_the_floor_is_not_looked_at() -> None:
    assert verdict([Seen(0.7, agreed=False)] * 50, 0.01, FLOOR, 0.0) == Bar(FLOOR)


@given(
    st.lists(st.tuples(st.floats(0.7, 1.0), st.booleans()), max_size=40),
    st.sampled_from([0.0, 0.01, 0.1, 1.0]),
)
def test_a_bar_never_lies_below_the_floor(rows: list[tuple[float, bool]], most: float) -> None:
    found = verdict([Seen(*row) for row in rows], most, FLOOR, 0.0)
    assert FLOOR <= found.similarity_min <= 1.0
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.off or found.similarity_min == FLOOR or found.reason


def test_the_stricter_bar() -> None:
    low, high, off = Bar(0.8), Bar(0.9), Bar(0.8, off=True)
    assert stricter(low, high) is stricter(high, low) is high
    assert stricter(high, off) is stricter(off, high) is off


# --- exploring ----------------------------------------------------------------------------------


def test_more_is_compared_where_little_is_known_or_something_was_wrong() -> None:
    known = [Seen(0.9)] * 1000
    assert shadow_rate(0.01, known) == pytest.approx(0.01, rel=0.03)
    assert shadow_rate(0.01, []) == pytest.approx(SHADOW_MAX)
    assert shadow_rate(0.01, known[:50]) > 1.3 * shadow_rate(0.01, known)
    assert shadow_rate(0.01, [*known, Seen(0.9, agreed=False)]) > 4 * shadow_rate(0.01, known)


def test_exploring_has_its_limits() -> None:
    assert shadow_rate(0.05, [Seen(0.9, agreed=False)]) == SHADOW_MAX
    assert shadow_rate(0.0, []) == 0
    assert shadow_rate(0.5, []) == 0.5  # what was asked for


def test_sampling_is_decided_by_the_number_drawn() -> None:
    assert sampled(0.2, 0.199)
    assert not sampled(0.2, 0.2)
    assert not sampled(0.0, 0.0)


# --- the ledger ---------------------------------------------------------------------------------


def test_partitions_and_scopes_are_apart() -> None:
    ledger = Ledger()
    for _ in range(5):
        ledger.add(SCOPE, PARTITION, Seen(0.9, agreed=False))
    assert ledger.bar(SCOPE, PARTITION, 0.01, FLOOR, 0.0).similarity_min > 0.9
    assert ledger.bar(SCOPE, b"other", 0.01, FLOOR, 0.0).similarity_min == FLOOR
    assert ledger.bar(b"other", PARTITION, 0.01, FLOOR, 0.0) == Bar(FLOOR)
    assert ledger.bar(SCOPE, PARTITION, 1.0, FLOOR, 0.0).similarity_min == FLOOR, "other terms"


def test_a_disagreement_counts_at_once() -> None:
    ledger = Ledger()
    ledger.add(SCOPE, PARTITION, Seen(0.9))
    assert ledger.bar(SCOPE, PARTITION, 0.01, FLOOR, 0.0).reason == ""
    before = ledger.rate(SCOPE, PARTITION, 0.001)
    ledger.add(SCOPE, PARTITION, Seen(0.9, agreed=False, source="feedback"))
    assert ledger.bar(SCOPE, PARTITION, 0.01, FLOOR, 0.0).reason != ""
    assert ledger.rate(SCOPE, PARTITION, 0.001) > before


def test_many_small_partitions_are_held_to_the_bound_together() -> None:
    """Each has seen too little to say anything; all of them have not."""
    ledger = Ledger()
    for n in range(300):
        name = b"%d" % n
        ledger.add(SCOPE, name, Seen(0.82, agreed=n % 5 != 0, source="shadow"))
        ledger.add(SCOPE, name, Seen(0.95, source="shadow"))
    assert 0.82 < ledger.bar(SCOPE, b"new", 0.01, FLOOR, 0.0).similarity_min <= 0.95


def test_one_bad_partition_does_not_close_the_others() -> None:
    ledger = Ledger()
    for n in range(100):
        ledger.add(SCOPE, b"bad", Seen(0.9 + n / 1000, agreed=False))
        ledger.add(SCOPE, b"good", Seen(0.8 + n / 1000))
    assert ledger.bar(SCOPE, b"bad", 0.01, FLOOR, 0.0).off
    assert ledger.bar(SCOPE, b"good", 0.01, FLOOR, 0.0).similarity_min == FLOOR


def test_memory_is_bounded() -> None:
    ledger = Ledger()
    for _ in range(3 * SIGHTINGS_MAX):
        ledger.add(SCOPE, PARTITION, Seen(0.9))
    assert ledger.bar(SCOPE, PARTITION, 0.01, FLOOR, 0.0).seen == SIGHTINGS_MAX
    for n in range(PARTITIONS_MAX):
        ledger.add(b"other", b"%d" % n, Seen(0.9))
    assert ledger.bar(SCOPE, PARTITION, 0.01, FLOOR, 0.0) == Bar(FLOOR), "forgotten"


def served(seed: int, wrong_below: float, hits: int = 16_000) -> tuple[int, float, Bar]:
    """Hits of one partition, a tenth of a minute apart; those below 0.9 are wrong so often.

    What was served of the last half, the share of it that was wrong, and the bar at the end.
    """
    drawn = random.Random(seed)
    ledger = Ledger()
    count = wrong = 0
    bar = Bar(FLOOR)
    for n in range(hits):
        similarity = drawn.uniform(FLOOR, 1)
        is_wrong = similarity < 0.9 and drawn.random() < wrong_below
        bar = ledger.bar(SCOPE, PARTITION, 0.01, FLOOR, n * 6.0)
        if bar.off or similarity < bar.similarity_min:
            continue
        if n >= hits // 2:
            count += 1
            wrong += is_wrong
        if sampled(ledger.rate(SCOPE, PARTITION, 0.02), drawn.random()):
            ledger.add(SCOPE, PARTITION, Seen(similarity, not is_wrong, "judge", n * 6.0))
    return count, wrong / max(count, 1), bar


@pytest.mark.parametrize("seed", [1, 2])
def test_a_partition_that_is_wrong_at_low_similarity_ends_within_the_bound(seed: int) -> None:
    """5 % wrong below 0.9, so 2.5 % of all; 1 % is allowed. What is right goes on being served."""
    count, share, bar = served(seed, 0.05)
    assert share <= 0.01
    assert 0.85 < bar.similarity_min < 0.93
    assert count > 3000


def test_a_clean_partition_is_left_alone() -> None:
    count, share, bar = served(3, 0.0, hits=4000)
    assert (count, share, bar.similarity_min, bar.reason) == (2000, 0.0, FLOOR, "")
