"""The bills of routed sessions: what is compared with what, and that nothing is left out."""

from __future__ import annotations

from itertools import pairwise

import pytest

from eval import routing_bills
from eval.routing_bills import comparable_usd, dearer, made, tables
from lynkr.policies.routing.facts import TIERS, Ask, Score, Seen
from lynkr.policies.routing.replay import Session, Sums
from tests.policies.routing.scores import fix_bands, score


def test_sessions_are_the_same_in_every_run_and_in_order() -> None:
    turns, labels = made(3)
    assert (turns, labels) == made(3)
    assert all(one.at_s <= other.at_s for one, other in pairwise(turns))
    assert {turn.session for turn in turns} == {"session 1", "session 2", "session 3"}
    assert set(labels.values()) <= set(range(len(TIERS)))


def test_the_same_success_is_the_own_model_where_that_serves_as_much() -> None:
    sums = Sums(calls=9, served=8, own_served=8, usd=2.0, own_usd=1.5, single_usd=3.0)
    assert comparable_usd(sums) == 1.5
    assert dearer(Session("s", "messages", sums, [])) == 0.5
    sums.own_served = 7
    assert comparable_usd(sums) == 3.0
    assert dearer(Session("s", "messages", sums, [])) == 0
    sums.own_served = sums.usd = None
    assert dearer(Session("s", "messages", sums, [])) == 0


def test_every_pool_has_its_bills_and_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """By label and by score; calls of all tiers together are all calls, and every one is served."""
    fix_bands(monkeypatch)
    monkeypatch.setattr(routing_bills, "SESSIONS", 4)

    def measure(ask: Ask, seen: Seen) -> Score:
        return score(60.0)

    bills, moves = tables(measure)
    assert [row[:2] for row in bills.rows] == [
        [pool, how] for pool in routing_bills.POOLS for how in ("labels", "score")
    ]
    assert len(bills.targets) == len(bills.rows)
    for row in bills.rows:
        named = dict(zip(bills.columns, row, strict=True))
        assert named["calls"] == sum(int(named[tier] or 0) for tier in TIERS) == named["served"]
        if named["routed by"] == "score":  # all in COMPLEX: the user's own model
            assert named["usd"] == named["own"] == named["same success"]
            assert named["dearer"] == 0
    assert all(len(row) == len(moves.columns) for row in moves.rows)
