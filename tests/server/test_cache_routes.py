"""/v1/cache: what is held, and for whom it is held."""

from __future__ import annotations

from pathlib import Path

import pytest

from lynkr.policies.questions.guard import RULES
from lynkr.server.answer_store import FILE
from lynkr.stores.answers import Answer, Sighting
from tests.gateway.cached import ANSWER, PATHS, cache_of, whole
from tests.harness.replies import sized
from tests.harness.theatre import Theatre
from tests.harness.upstream import Script, Send
from tests.server.cache_callers import OTHER, Said, about, again, kept, new_id, staged, written

# --- reading ----------------------------------------------------------------------------------


async def test_entries_are_listed_newest_first_with_what_is_known_of_them() -> None:
    async with staged() as theatre:
        first = await kept(theatre)
        second = await kept(theatre, tools=[TOOL], tool_choice={"type": "none"}, seed=None)
        await written(theatre, 2)
        await again(theatre)
        said = await about(theatre, "entries")
        assert said.status == 200
        assert [one["id"] for one in said.data["entries"]] == [second, first]
        assert said.data["more"] == 0
        one = said.data["entries"][1]
        assert (one["api"], one["provider"], one["model"]) == ("messages", "one", "m")
        assert (one["kind"], one["hits"]) == ("semantic", 1)
        assert one["size"] > len(ANSWER)
        assert "TCP" in one["question"]
        assert 0 <= one["age_s"] < 60
        assert 0 < one["expires_in_s"] <= 86_400
        assert "scope" not in one  # other people's are nobody's business


TOOL = {"name": "look", "description": "Look.", "input_schema": {"type": "object"}}


async def test_a_conversation_is_kept_without_any_of_its_words() -> None:
    """Only what is compared with other wordings is stored in words; the rest is a digest."""
    async with staged() as theatre:
        turns = [
            {"role": "user", "content": "My secret is xyzzy."},
            {"role": "assistant", "content": "I will keep it."},
            {"role": "user", "content": "What is it?"},
        ]
        await kept(theatre, messages=turns)
        await written(theatre, 1)
        [one] = (await about(theatre, "entries")).data["entries"]
        assert (one["kind"], one["question"]) == ("exact", None)
        stored = Path(theatre.gateway.settings.server.state_dir) / FILE
        raw = b"".join(path.read_bytes() for path in stored.parent.glob(f"{FILE}*"))
        assert b"TCP keeps order" in raw
        assert b"xyzzy" not in raw


async def test_lists_are_cut_and_searched_by_question() -> None:
    async with staged() as theatre:
        await kept(theatre)
        other = await kept(theatre, OTHER)
        await written(theatre, 2)
        said = await about(theatre, "entries?limit=1")
        assert [one["id"] for one in said.data["entries"]] == [other]
        assert said.data["more"] == 1
        said = await about(theatre, "entries?question=PORTUGAL")
        assert [one["id"] for one in said.data["entries"]] == [other]
        assert (await about(theatre, "entries?question=nothing")).data["entries"] == []


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many", "1.5"])
async def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    async with staged() as theatre:
        said = await about(theatre, f"entries?limit={limit}")
        assert said.status == 400
        assert said.data["error"]["param"] == "limit"


async def test_an_entry_is_shown_with_its_text() -> None:
    async with staged(epoch="v1") as theatre:
        id_ = await kept(theatre, headers={"x_lynkr_cache_epoch": "abc123"})
        said = await about(theatre, f"entries/{id_}")
        assert (said.status, said.data["id"], said.data["text"]) == (200, id_, ANSWER)
        assert said.data["epoch"] == "v1 abc123"


async def test_what_has_expired_is_not_listed() -> None:
    async with staged() as theatre:
        await kept(theatre)
        shelf = theatre.gateway.answers.shelf
        [entry] = shelf.entries()
        old = Answer(
            "c_0000000000000001", entry.scope, b"k" * 16, b"", "", 1.0, 2.0, "one", "m",
            "messages", "reply", 5,
        )  # fmt: skip
        assert shelf.put(old, None, 1.5) is not None
        assert shelf.entries_total == 2
        listed = (await about(theatre, "entries")).data["entries"]
        assert [one["id"] for one in listed] == [entry.id]
        assert (await about(theatre, "stats")).data["entries"] == 1


async def test_a_text_that_is_not_at_hand_is_fetched_from_the_store() -> None:
    async with staged(memory_bytes_max=1) as theatre:
        id_ = await kept(theatre)
        await written(theatre, 1)
        assert (await about(theatre, f"entries/{id_}")).data["text"] == ANSWER


async def test_a_count_is_shown_as_it_came() -> None:
    async with staged() as theatre:
        theatre["one"].otherwise = Script((Send(sized(b'{"input_tokens":12}')),))
        body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
        path = PATHS["messages"] + "/count_tokens"
        await theatre.post(path, body, [("x-lynkr-key", "lk-ana")])
        id_ = await new_id(theatre, set())
        said = await about(theatre, f"entries/{id_}")
        assert (said.data["api"], said.data["text"]) == ("count_tokens", '{"input_tokens":12}')


# --- statistics -------------------------------------------------------------------------------


def compared(theatre: Theatre, id_: str, *, agreed: int, wrong: int, similarity: float) -> None:
    """Comparisons of one entry's hits, by somebody who read both answers."""
    answers = theatre.gateway.answers
    entry = answers.shelf.find(id_)
    assert entry is not None
    for number in range(agreed + wrong):
        answers.note(
            Sighting(
                id_, entry.scope, entry.partition, similarity, 0.95, number < agreed, "judge",
                entry.stored_at + number * 1e-6,
            )
        )  # fmt: skip


async def test_statistics_say_what_is_held_and_how_often_it_was_wrong() -> None:
    async with staged() as theatre:
        empty = (await about(theatre, "stats")).data
        assert (empty["entries"], empty["bytes"], empty["partitions"]) == (0, 0, [])
        assert empty["false_hits"]["estimate"] is None
        id_ = await kept(theatre)
        compared(theatre, id_, agreed=5, wrong=5, similarity=0.9)
        said = (await about(theatre, "stats")).data
        assert (said["mode"], said["shared_by"]) == ("semantic", "key")
        assert (said["entries"], said["semantic"]) == (1, 1)
        assert said["bytes"] > 0
        [partition] = said["partitions"]
        for found in (partition, said["false_hits"]):
            assert (found["compared"], found["disagreed"]) == (10, 5)
            assert 0 < found["low"] < found["estimate"] < found["high"] < 1
        assert said["false_hits"]["max"] == 0.01
        # Half of them wrong: the bar is above them, or there are no more such hits.
        assert partition["off"] or partition["similarity_min"] > 0.9
        assert "wrong" in partition["reason"]


async def test_a_partition_that_was_never_wrong_is_at_the_configured_bar() -> None:
    async with staged() as theatre:
        compared(theatre, await kept(theatre), agreed=3, wrong=0, similarity=0.9)
        [partition] = (await about(theatre, "stats")).data["partitions"]
        assert not partition["off"]
        assert partition["similarity_min"] == RULES["default"].similarity_min
        assert partition["reason"] == ""
        assert (partition["estimate"], partition["low"]) == (0.0, 0.0)


async def test_the_workers_own_counts_are_for_those_who_administer() -> None:
    """They are sums over all keys, as in /metrics."""
    async with staged() as theatre:
        await kept(theatre)
        assert "worker" not in (await about(theatre, "stats")).data
        said = (await about(theatre, "stats", key="lk-root")).data
        assert said["worker"]["stored"] == 1
        theatre["one"].otherwise = Script((Send(whole("messages", stop="max_tokens")),))
        await again(theatre, OTHER)
        await theatre.record(1)
        said = (await about(theatre, "stats", key="lk-root")).data
        assert said["worker"]["not_kept"] == {"max_tokens": 1}
    async with staged(auth=None) as theatre:
        assert (await about(theatre, "stats", key="")).data["worker"]["stored"] == 0


# --- whose ------------------------------------------------------------------------------------


async def test_nobody_sees_or_forgets_what_is_another_keys() -> None:
    async with staged() as theatre:
        id_ = await kept(theatre)
        await written(theatre, 1)
        for key in ("lk-ben", "lk-eve"):
            assert (await about(theatre, "entries", key=key)).data["entries"] == []
            stats = (await about(theatre, "stats", key=key)).data
            assert (stats["entries"], stats["partitions"]) == (0, [])
            assert (await about(theatre, f"entries/{id_}", key=key)).status == 404
            gone = await about(theatre, f"entries/{id_}", key=key, method="DELETE")
            assert gone.status == 404
            wrong = {"entry": id_, "verdict": "wrong"}
            assert (await about(theatre, "feedback", wrong, key=key)).status == 404
            purged = await about(theatre, "purge", {"all": True}, key=key)
            assert purged.data == {"forgotten": 0}
            every = await about(theatre, "purge", {"all": True, "scope": "all"}, key=key)
            assert (every.status, every.data["error"]["code"]) == (403, "not_admin")
        assert theatre.gateway.answers.counts.feedback == 0
        assert theatre.gateway.answers.ledger.places(None) == []
        assert cache_of(await again(theatre)) == ("hit", "exact")
        # The same refusal as for what never was.
        never = await about(theatre, "entries/c_0000000000000000", key="lk-ben")
        told = await about(theatre, f"entries/{id_}", key="lk-ben")
        messages = [one.data["error"]["message"].replace(id_, "") for one in (never, told)]
        assert messages[0].replace("c_0000000000000000", "") == messages[1]


async def test_an_admin_sees_and_forgets_everybodys() -> None:
    async with staged() as theatre:
        of_ana = await kept(theatre)
        of_ben = await kept(theatre, key="lk-ben")
        await kept(theatre, OTHER, key="lk-ben")
        await written(theatre, 3)
        said = (await about(theatre, "entries", key="lk-root")).data["entries"]
        scopes = {one["id"]: one["scope"] for one in said}
        assert len(scopes) == 3
        assert scopes[of_ana] != scopes[of_ben]
        stats = (await about(theatre, "stats", key="lk-root")).data
        assert stats["entries"] == 3
        assert [one["entries"] for one in stats["scopes"]] == [2, 1]
        assert stats["scopes"][0]["scope"] == scopes[of_ben]
        gone = await about(theatre, f"entries/{of_ana}", key="lk-root", method="DELETE")
        assert gone == Said(200, {"forgotten": 1})
        await written(theatre, 4)
        own = await about(theatre, "purge", {"all": True, "scope": "all"}, key="lk-root")
        assert own == Said(200, {"forgotten": 2})
        assert cache_of(await again(theatre, key="lk-ben")) == ("miss", None)


async def test_a_team_shares_if_it_is_configured_to() -> None:
    async with staged(scope="team") as theatre:
        id_ = await kept(theatre)
        assert (await about(theatre, f"entries/{id_}", key="lk-ben")).data["text"] == ANSWER
        assert (await about(theatre, f"entries/{id_}", key="lk-eve")).status == 404


@pytest.mark.parametrize("key", ["", "lk-x"])
async def test_without_a_known_key_there_is_no_answer_where_keys_are_required(key: str) -> None:
    async with staged() as theatre:
        id_ = await kept(theatre)
        for path in ("stats", "entries", f"entries/{id_}"):
            assert (await about(theatre, path, key=key)).status == 401
        assert (await about(theatre, "purge", {"all": True}, key=key)).status == 401


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1:8081", (), 200),
        ("localhost", (("origin", "http://evil.test"),), 403),
        ("rebound.evil.test", (), 403),
    ],
)
async def test_without_keys_only_local_programs_ask(
    host: str, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    """A page in the user's browser can reach the port, and must not read what models said."""
    async with staged(auth=None) as theatre:
        id_ = await kept(theatre, key="")
        shown = await about(theatre, f"entries/{id_}", key="", host=host, headers=headers)
        assert shown.status == status
        every = {"all": True, "scope": "all"}
        purged = await about(theatre, "purge", every, key="", host=host, headers=headers)
        assert purged.status == status
        assert (theatre.gateway.answers.shelf.find(id_) is None) == (status == 200)


async def test_where_callers_pay_themselves_an_answer_is_theirs_who_hold_the_credential() -> None:
    """With auth = "client" the credential says who calls; `lynkr cache` sends it as x-lynkr-key."""
    table = {"auth": "client", "api_key": ""}
    async with staged(auth=None, table=table) as theatre:
        id_ = await kept(theatre, key="", headers={"authorization": "Bearer sk-mine"})
        for name, value in (("authorization", "Bearer sk-mine"), ("x-lynkr-key", "sk-mine")):
            shown = await about(theatre, f"entries/{id_}", key="", headers=((name, value),))
            assert shown.status == 200
        others = [(), (("authorization", "Bearer sk-theirs"),), (("x-lynkr-key", "sk-theirs"),)]
        for headers in others:
            refused = await about(theatre, f"entries/{id_}", key="", headers=headers)
            assert refused.status == 404
            assert (await about(theatre, "stats", key="", headers=headers)).data["entries"] == 0
