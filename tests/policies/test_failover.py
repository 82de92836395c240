"""When a call may be sent again: only if nobody can have seen it the first time."""

from __future__ import annotations

from itertools import product

import pytest

from lynkr.policies.failover import (
    RETRY_AFTER_S_MAX,
    Failure,
    RetryBudget,
    Verdict,
    backoff_s,
    blame,
    judge,
    retry_after_s,
)

KINDS = {
    "upstream_closed": (502, "upstream"),
    "upstream_protocol": (502, "upstream"),
    "upstream_truncated": (502, "upstream"),
    "upstream_timeout": (504, "upstream"),
    "upstream_idle": (504, "upstream"),
    "upstream_total_timeout": (504, "upstream"),
    "internal_error": (500, "gateway"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("reused", "got_bytes"), [*product([True, False], repeat=2)])
@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_every_failure_is_judged(kind: str, reused: bool, got_bytes: bool, attempts: int) -> None:
    """One more try after a pooled connection turned out to be closed, once; else the blame."""
    status, source = KINDS[kind]
    stale = kind == "upstream_closed" and reused and not got_bytes and attempts == 1
    verdict = judge(Failure(kind, reused=reused, got_bytes=got_bytes, attempts=attempts))
    assert verdict == Verdict(stale, status, source)  # type: ignore[arg-type]


def test_exactly_one_case_is_tried_again() -> None:
    """A second write of a request that was read could bill it twice."""
    judged = [
        (kind, reused, got_bytes, attempts)
        for kind, reused, got_bytes, attempts in product(KINDS, [1, 0], [1, 0], [1, 2])
        if judge(Failure(kind, bool(reused), bool(got_bytes), attempts)).retry
    ]
    assert judged == [("upstream_closed", 1, 0, 1)]


@pytest.mark.parametrize(
    ("statuses", "whose"),
    [
        ((200, 204, 302), "nobody"),
        ((400, 404, 405, 409, 413, 422, 431), "request"),
        ((401, 402, 403, 429), "key"),
        ((408, 500, 502, 503, 504, 520, 529), "target"),
    ],
)
def test_a_status_speaks_of_one_of_four(statuses: tuple[int, ...], whose: str) -> None:
    """What the request is to blame for is never sent anywhere else."""
    assert {blame(status) for status in statuses} == {whose}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("-3", 0.0),
        ("1e99", RETRY_AFTER_S_MAX),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
    ],
)
def test_retry_after_is_read_in_both_of_its_forms(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, 784111777.0) == seconds


def test_a_budget_allows_a_burst_and_then_a_tenth_of_the_calls() -> None:
    budget = RetryBudget()
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]
    again = 0
    for _ in range(1000):
        budget.called()
        again += budget.take()
    assert 95 <= again <= 101


def test_a_quiet_time_saves_up_no_more_than_the_burst() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.called()
    assert sum(budget.take() for _ in range(100)) == 10


def test_waits_double_spread_and_obey() -> None:
    assert [backoff_s(n, None, 1.0) for n in (1, 2, 3, 4, 5, 6)] == [0.25, 0.5, 1, 2, 4, 4]
    assert backoff_s(1, None, 0.0) == 0.125
    assert backoff_s(3, 7.0, 0.0) == 7.0
    assert 7.0 < backoff_s(3, 7.0, 1.0) < 7.5
