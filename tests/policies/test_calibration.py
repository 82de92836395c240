"""Calibration: estimates come nearer to what providers count, and nothing throws them far off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.calibration import FACTOR_MAX, FACTOR_MIN, TOKENS_MIN, Calibration
from lynkr.wire.tokens import FACTORS

counts = st.integers(min_value=-10, max_value=10**9)


def taught(*reports: tuple[int, int], family: str = "claude") -> Calibration:
    calibration = Calibration()
    for estimated, reported in reports:
        calibration.learn(family, estimated, reported)
    return calibration


@pytest.mark.parametrize("family", FACTORS)
def test_it_starts_from_the_static_factor(family: str) -> None:
    assert Calibration().factor(family) == pytest.approx(FACTORS[family])
    assert Calibration().replies(family) == 0


def test_an_unknown_family_starts_as_other() -> None:
    assert Calibration().factor("new") == pytest.approx(FACTORS["other"])


@pytest.mark.parametrize("ratio", [0.7, 1.0, 1.27, 1.6])
def test_a_steady_ratio_is_learned(ratio: float) -> None:
    """Twenty replies bring a wrong start within a tenth of the truth, sixty within 3 %."""
    calibration = taught(*[(10_000, round(10_000 * ratio))] * 20)
    assert calibration.factor("claude") == pytest.approx(ratio, rel=0.1)
    assert calibration.replies("claude") == 20
    calibration = taught(*[(10_000, round(10_000 * ratio))] * 60)
    assert calibration.factor("claude") == pytest.approx(ratio, rel=0.03)
    assert calibration.corrected("claude", 1_000) == pytest.approx(1_000 * ratio, rel=0.03)


def test_it_follows_a_ratio_that_changes() -> None:
    calibration = taught(*[(10_000, 11_000)] * 200, *[(10_000, 14_000)] * 100)
    assert calibration.factor("claude") == pytest.approx(1.4, rel=0.01)


def test_one_odd_report_hardly_moves_a_known_factor() -> None:
    steady = [(10_000, 12_000)] * 50
    before = taught(*steady).factor("claude")
    after = taught(*steady, (10_000, 10**9)).factor("claude")
    assert before < after < before * 1.04


def test_double_and_half_are_errors_of_one_size() -> None:
    """A mean of the ratios themselves would end at 1.25."""
    reports = [(10_000, 20_000), (10_000, 5_000)] * 200
    assert taught(*reports).factor("claude") == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(
    "report", [(TOKENS_MIN - 1, 10_000), (10_000, TOKENS_MIN - 1), (0, 0), (0, 500), (500, -1)]
)
def test_small_counts_teach_nothing(report: tuple[int, int]) -> None:
    assert taught(report).replies("claude") == 0


def test_families_are_apart() -> None:
    calibration = taught(*[(1_000, 1_900)] * 30)
    assert calibration.factor("gemini") == pytest.approx(FACTORS["gemini"])


@given(st.lists(st.tuples(counts, counts), max_size=40))
def test_the_factor_stays_in_its_bounds(reports: list[tuple[int, int]]) -> None:
    factor = taught(*reports).factor("claude")
    assert FACTOR_MIN * 0.999 <= factor <= FACTOR_MAX * 1.001


@given(st.integers(min_value=-5, max_value=10**7))
def test_only_nothing_is_corrected_to_nothing(tokens: int) -> None:
    assert (Calibration().corrected("claude", tokens) == 0) == (tokens <= 0)
