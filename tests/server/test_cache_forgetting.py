"""/v1/cache: what is forgotten, or called wrong, is gone from memory and from the store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lynkr.server.answer_store import FILE
from tests.gateway.cached import cache_of
from tests.server.cache_callers import OTHER, QUESTION, Said, about, again, kept, staged, written

# --- forgetting -------------------------------------------------------------------------------


async def test_what_is_forgotten_is_not_served_and_not_stored() -> None:
    async with staged() as theatre:
        id_ = await kept(theatre)
        assert cache_of(await again(theatre)) == ("hit", "exact")
        gone = await about(theatre, f"entries/{id_}", method="DELETE")
        assert gone == Said(200, {"forgotten": 1})
        assert (await about(theatre, f"entries/{id_}")).status == 404
        assert (await about(theatre, f"entries/{id_}", method="DELETE")).status == 404
        await written(theatre, 2)
        assert (await about(theatre, "purge", {"all": True})).data == {"forgotten": 0}
        assert cache_of(await again(theatre)) == ("miss", None)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"all": True}, 3),
        ({"model": "m"}, 2),
        ({"model": "n"}, 1),
        ({"model": "x"}, 0),
        ({"provider": "one"}, 3),
        ({"provider": "two"}, 0),
        ({"epoch": "e1"}, 1),
        ({"model": "m", "epoch": "e1"}, 1),
        ({"model": "n", "epoch": "e1"}, 0),
        ({"older_than_s": 3600}, 0),
        ({"older_than_s": 0}, 3),
    ],
)
async def test_a_purge_forgets_what_matches_all_that_is_said(
    wanted: dict[str, object], count: int
) -> None:
    async with staged() as theatre:
        await kept(theatre)
        await kept(theatre, headers={"x_lynkr_cache_epoch": "e1"})
        await kept(theatre, model="n")
        await kept(theatre, key="lk-ben")
        assert (await about(theatre, "purge", wanted)).data == {"forgotten": count}
        assert theatre.gateway.answers.shelf.entries_total == 4 - count
        assert (await about(theatre, "stats", key="lk-ben")).data["entries"] == 1


async def test_a_purge_reaches_what_is_only_in_the_store() -> None:
    """Nothing that was purged may come back with the next start."""
    async with staged(entries_max=1) as theatre:
        await kept(theatre)
        await kept(theatre, OTHER)
        await written(theatre, 2)
        assert theatre.gateway.answers.shelf.entries_total == 1
        assert (await about(theatre, "purge", {"model": "m"}, key="lk-ben")).data["forgotten"] == 0
        assert (await about(theatre, "purge", {"model": "m"})).data == {"forgotten": 2}
        await written(theatre, 4)
        assert (await about(theatre, "purge", {"model": "m"})).data == {"forgotten": 0}


async def test_a_store_that_cannot_be_read_is_told_and_memory_is_purged_all_the_same() -> None:
    async with staged() as theatre:
        id_ = await kept(theatre)
        await written(theatre, 1)
        folder = Path(theatre.gateway.settings.server.state_dir)
        shutil.move(folder / FILE, folder / "away.db")
        (folder / FILE).mkdir()
        said = await about(theatre, "purge", {"all": True})
        assert (said.status, said.data["error"]["code"]) == (503, "store_unavailable")
        assert "1 were forgotten" in said.data["error"]["message"]
        assert str(folder) not in said.data["error"]["message"]
        assert theatre.gateway.answers.shelf.find(id_) is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"all": False}, None),
        ({"modle": "m"}, None),
        ({"older_than_s": -1}, "older_than_s"),
        ({"older_than_s": "2h"}, None),
        ({"all": True, "scope": "mine"}, "scope"),
        (b"[]", None),
        (b"{", None),
        (b'"\xff"', None),
    ],
)
async def test_a_purge_that_is_not_understood_forgets_nothing(
    body: object, field: str | None
) -> None:
    async with staged() as theatre:
        await kept(theatre)
        said = await about(theatre, "purge", body)
        assert said.status == 400
        assert said.data["error"]["param"] == field
        assert theatre.gateway.answers.shelf.entries_total == 1


# --- feedback ---------------------------------------------------------------------------------


async def test_an_answer_that_is_called_wrong_takes_its_near_neighbours_along() -> None:
    async with staged() as theatre:
        id_ = await kept(theatre)
        neighbour = await kept(theatre, f"{QUESTION}, please", headers={"x_lynkr_no_cache": "true"})
        far = await kept(theatre, OTHER)
        said = await about(
            theatre, "feedback", {"entry": id_, "verdict": "wrong", "similarity": 0.95}
        )
        assert said.status == 200
        assert set(said.data["forgotten"]) == {id_, neighbour}
        assert [one.id for one in theatre.gateway.answers.shelf.entries()] == [far]
        [place] = theatre.gateway.answers.ledger.places(None)
        [seen] = theatre.gateway.answers.ledger.seen(*place)
        assert (seen.agreed, seen.source, seen.similarity) == (False, "feedback", 0.95)
        assert (await about(theatre, "stats")).data["false_hits"]["disagreed"] == 1


@pytest.mark.parametrize(
    ("verdict", "more", "field"),
    [("right", {}, "verdict"), ("", {}, "verdict"), ("wrong", {"similarity": 2}, "similarity")],
)
async def test_other_verdicts_are_refused(
    verdict: str, more: dict[str, object], field: str
) -> None:
    async with staged() as theatre:
        id_ = await kept(theatre)
        said = await about(theatre, "feedback", {"entry": id_, "verdict": verdict, **more})
        assert (said.status, said.data["error"]["param"]) == (400, field)
        assert theatre.gateway.answers.shelf.find(id_) is not None


async def test_what_is_not_there_cannot_be_wrong() -> None:
    async with staged() as theatre:
        said = await about(theatre, "feedback", {"entry": "c_12", "verdict": "wrong"})
        assert (said.status, said.data["error"]["code"]) == (404, "not_found")
        for body in ({"verdict": "wrong"}, {"entry": "c_12"}, {"entry": 5, "verdict": "wrong"}):
            assert (await about(theatre, "feedback", body)).status == 400
