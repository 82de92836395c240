"""When a call may be sent again: only if nobody can have seen it the first time."""

from __future__ import annotations

from itertools import product

import pytest

from lynkr.policies.failover import Failure, Verdict, judge

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
