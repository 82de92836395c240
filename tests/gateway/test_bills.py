"""What a gateway says of tokens and dollars, and remembers of its sessions, over sockets."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lynkr._native.spans import CHAT, MESSAGES
from lynkr.config.settings import Auth, Failover, Key, Routing, Tokens
from lynkr.gateway import shaping
from lynkr.gateway.sessions import OPENED_MIN
from lynkr.policies.access import digest
from lynkr.policies.record import Record
from lynkr.transforms import passes
from lynkr.transforms.passes import Work
from lynkr.wire.tokens import FACTORS, family_of
from tests.gateway.test_shaping import (
    ASK,
    CODING,
    LOOKED,
    PATHS,
    RESULTS,
    RULES,
    WEATHER,
    asked,
    at,
    logged,
    message,
    saved,
    sent,
)
from tests.harness import replies
from tests.harness.client import Reply, request
from tests.harness.theatre import Theatre
from tests.harness.upstream import Script, Send
from tests.transforms.made import Did, Turn, body, requests

Json = dict[str, Any]
MODEL = "claude-sonnet-5"  # 2 dollars for a million tokens; read 0.2, written 2.5, for an hour 4
WRITE, READ = "cache_creation_input_tokens", "cache_read_input_tokens"
TALK = [LOOKED, *(Turn(f"Step {n}.", (Did("Bash", {"command": f"ls {n}"}, f"{n}"),))
                  for n in range(9))]  # fmt: skip


def turns(model: str = MODEL, **more: Any) -> list[bytes]:
    """The requests of one conversation, from the first."""
    given = {"tools": CODING, "system": RULES, **more}
    found = requests(MESSAGES, str(given.pop("ask", ASK)), TALK, **given)
    return [made.replace(b'"m"', json.dumps(model).encode(), 1) for made in found]


async def call(theatre: Theatre, given: bytes, dialect: int = MESSAGES, **usage: int) -> Record:
    """One call and its record; ``usage`` is what the provider says it used."""
    number = len(theatre.records)
    theatre["one"].reply(replies.sized(message(MODEL, **usage)))
    reply = await theatre.post(PATHS[dialect], given)
    assert reply.status == 200
    return await theatre.record(number)


def lives(made: bytes) -> list[str]:
    """How long each mark of a body asks to be kept."""
    return [
        "1h" if rest.startswith(b'{"type":"ephemeral","ttl":"1h"}') else "5m"
        for rest in made.split(b'"cache_control":')[1:]
    ]


# --- bills ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "usage", "usd", "rate"),
    [
        (1, {"input_tokens": 4000}, 0.00805, 2),
        (1, {WRITE: 3000, "input_tokens": 10}, 0.00757, 2.5),
        (1, {READ: 2000, "input_tokens": 500}, 0.00145, 2),
        (2, {READ: 2000, WRITE: 500, "input_tokens": 0}, 0.0017, 0.2),
        (2, {"input_tokens": 4000}, 0.00805, 2),
    ],
)
@pytest.mark.parametrize("dialect", [MESSAGES, CHAT])
async def test_both_bills_follow_from_usage_and_prices(
    dialect: int, turn: int, usage: dict[str, int], usd: float, rate: float
) -> None:
    """What is new would have been written or sent, what is old would have been read."""
    given = body(dialect, ASK, TALK[:turn], tools=CODING, model=MODEL)
    async with at(MESSAGES, tokens=RESULTS) as theatre:
        record = await call(theatre, given, dialect, **usage)
        assert record.saving.usd == pytest.approx(usd)
        assert record.saving.passthrough_usd is not None
        more = record.saving.passthrough_usd - usd
        assert more == pytest.approx(record.saving.tokens * rate / 1e6, abs=0.5 * rate / 1e6)
        assert record.saving.passes == ("results",)


@pytest.mark.parametrize(("status", "usage"), [(529, {}), (200, {"input_tokens": None})])
async def test_what_is_not_known_is_not_billed(status: int, usage: dict[str, Any]) -> None:
    async with at(MESSAGES, failover=Failover(breaker_failures=0)) as theatre:
        theatre["one"].reply(replies.sized(message(**usage), status=status))
        await theatre.post("/v1/messages", turns()[1])
        saving = (await theatre.record()).saving
        assert (saving.usd, saving.passthrough_usd) == (None, None)
        assert (saving.tokens > 0) == (status == 200)


async def test_a_scrape_sums_tokens_and_both_bills() -> None:
    async with at(MESSAGES) as theatre:
        records = [await call(theatre, given, **{READ: 2000, WRITE: 400}) for given in turns()[1:4]]
        async with await theatre.connect() as client:
            client.send(request("/metrics", method="GET", host="localhost"))
            text = (await client.read_reply()).body.decode()
        samples = [one for made in text_string_to_metric_families(text) for one in made.samples]
        counted = {one.labels["model"]: one.value for one in samples
                   if one.name == "lynkr_tokens_saved_total"}  # fmt: skip
        assert counted == {MODEL: sum(record.saving.tokens for record in records)}
        bills = {one.labels["bill"]: one.value for one in samples
                 if one.name == "lynkr_cost_usd_total"}  # fmt: skip
        sums = {
            "sent": sum(record.saving.usd or 0 for record in records),
            "passthrough": sum(record.saving.passthrough_usd or 0 for record in records),
        }
        assert bills == pytest.approx(sums, abs=3e-6)
        assert bills["passthrough"] > bills["sent"] > 0


# --- what usage teaches ---------------------------------------------------------------------------


async def test_usage_corrects_what_is_counted() -> None:
    """Of a call that was estimated whole; the first is."""
    family = family_of(MODEL)
    async with at(MESSAGES) as theatre:
        calibration = theatre.gateway.rules.standing.calibration
        replies_: list[Reply] = []
        for given in turns()[1:4]:
            theatre["one"].reply(replies.sized(message(MODEL, **{READ: 900_000})))
            replies_.append(await theatre.post("/v1/messages", given))
        factor = calibration.factor(family)
        assert factor > 1.1 * FACTORS[family]
        assert calibration.replies(family) == 1
        # The first reply's head was out before its usage came.
        told = [(await theatre.record(number)).saving.tokens for number in range(3)]
        assert told[1:] == [saved(reply) for reply in replies_[1:]]
        assert told[0] == pytest.approx(saved(replies_[0]) * factor / FACTORS[family], abs=1)


async def test_another_targets_usage_says_nothing_of_this_ones_estimate() -> None:
    routing = Routing(default="one", fallbacks=["two"])
    async with Theatre({"one": "anthropic", "two": "anthropic"}, routing=routing) as theatre:
        theatre["one"].reply(replies.sized(b"{}", status=529))
        theatre["two"].reply(replies.sized(message(MODEL, input_tokens=900_000)))
        assert (await theatre.post("/v1/messages", turns()[1])).status == 200
        await theatre.record()
        assert theatre.gateway.rules.standing.calibration.replies(family_of(MODEL)) == 0


# --- sessions -------------------------------------------------------------------------------------


class Clock(SimpleNamespace):
    """Stands in for the module ``time`` where sessions are told the time."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(shaping, "time", found)
    return found


async def test_a_session_that_pauses_twice_is_kept_for_an_hour(clock: Clock) -> None:
    """Already what is written after the second pause; another session is not."""
    async with at(MESSAGES) as theatre:
        found, bills = [], []
        for number, pause in enumerate((0, 10, 600, 10, 600, 10)):
            clock.now += pause
            record = await call(theatre, turns()[number], **{WRITE: 1000, "input_tokens": 0})
            found.append(lives(await sent(theatre, number)))
            bills.append(record.saving.usd)
        assert [set(marks) for marks in found] == [{"5m"}] * 4 + [{"1h"}] * 2
        assert [len(marks) for marks in found] == [2, 3, 3, 3, 3, 3]
        assert bills == pytest.approx([0.00255] * 4 + [0.00405] * 2)
        await call(theatre, turns(ask="Something else")[3])
        assert set(lives(await sent(theatre, 6))) == {"5m"}


async def test_a_session_at_the_next_target_is_remembered_as_well(clock: Clock) -> None:
    """The first one may refuse its calls for days."""
    routing = Routing(default="one", fallbacks=["two"])
    async with Theatre({"one": "anthropic", "two": "anthropic"}, routing=routing) as theatre:
        theatre["one"].otherwise = Script((Send(replies.sized(b"{}", status=429)),))
        found = []
        for number, (read, write) in enumerate([(0, 5000), (5000, 9), (0, 5100), (0, 5200)]):
            clock.now += 600
            usage = {READ: read, WRITE: write}
            theatre["two"].reply(replies.sized(message(MODEL, **usage)))
            await theatre.post("/v1/messages", turns()[number + 1])
            found.append(set(lives(await sent(theatre, number, "two"))))
            assert (await theatre.record(number)).failed_over == ["one"]
        assert found == [{"5m"}, {"5m"}, {"1h"}, {"1h"}]
        assert theatre.gateway.rules.standing.sessions.aside_total == 1


@pytest.mark.parametrize(("ttl", "usd"), [("", 0.00255), ("1h", 0.00405)])
async def test_a_clients_own_marks_are_billed_by_their_own_life(
    clock: Clock, ttl: str, usd: float
) -> None:
    mark = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
    async with at(MESSAGES) as theatre:
        for number in range(4):
            clock.now += 600
            whole = json.loads(turns()[number])
            (*_, last) = whole["messages"]
            if isinstance(last["content"], str):
                last["content"] = [{"type": "text", "text": last["content"]}]
            last["content"][-1]["cache_control"] = mark
            given = json.dumps(whole).encode()
            record = await call(theatre, given, **{WRITE: 1000, "input_tokens": 0})
            assert record.saving.usd == pytest.approx(usd)
            assert (await sent(theatre, number)).count(b"cache_control") == 1


async def test_first_calls_that_nobody_continues_are_soon_not_marked() -> None:
    async with at(MESSAGES) as theatre:
        for number in range(OPENED_MIN + 1):
            await call(theatre, turns(ask=f"Title number {number}")[0])
            assert bool(lives(await sent(theatre, number))) == (number < OPENED_MIN)
        await call(theatre, turns(ask="Title number 0")[1])  # it goes on, against all habit
        assert lives(await sent(theatre, OPENED_MIN + 1))
        await call(theatre, turns(ask="Agent", system="Other " + RULES)[0])
        assert lives(await sent(theatre, OPENED_MIN + 2))


async def test_a_session_whose_cache_is_not_read_is_left_alone() -> None:
    """And says why; its neighbour is not."""
    usages = [(0, 5000), (5000, 100), (0, 5200), (0, 5300), (0, 0), (0, 0)]
    mine, neighbours = turns(tools=(*CODING, *WEATHER)), turns(ask="Show all users of the site")
    async with at(MESSAGES) as theatre:
        for number, (read, write) in enumerate(usages):
            record = await call(theatre, mine[number + 1], **{READ: read, WRITE: write})
            made = await sent(theatre, number)
            if number < 4:
                assert made != mine[number + 1]
                assert (record.saving.aside, record.lane) == ("", "edit")
            else:
                assert made == mine[number + 1]
                assert "0 of 5200 tokens" in record.saving.aside
                assert (record.saving.tokens, record.lane) == (0, "splice")
                assert record.saving.usd == record.saving.passthrough_usd
        record = await call(theatre, neighbours[1])
        assert (record.saving.aside, record.lane) == ("", "edit")
        assert theatre.gateway.rules.standing.sessions.aside_total == 1


# --- what is never told ---------------------------------------------------------------------------

SECRET = "canary-5f1c"  # no password


async def test_no_text_and_no_key_is_ever_logged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of calls that go well, are shortened, are refused, crash, and cannot be kept."""
    (tmp_path / "file").write_text("no folder")
    key = f"lk-{SECRET}"
    auth = Auth(required=True, keys=[Key(name="ana", digest=digest(key), results="recoverable")])
    table: Json = {"kind": "anthropic", "api_key": f"sk-{SECRET}"}
    rows = json.dumps([{"id": n, "token": f"{SECRET}-{n * n}"} for n in range(60)])
    lines = "\n".join(f"tests/test_{SECRET}.py::test_{n} PASSED" for n in range(600))
    tested = Turn("", (Did("Bash", {"command": f"pytest {SECRET}"}, lines),))
    given = asked(MESSAGES, Turn(SECRET, (Did("Bash", {"command": "x"}, rows),)), tested)

    def broken(_work: Work) -> None:
        raise ValueError(SECRET, rows)

    state_dir = str(tmp_path / "file" / "state")
    async with Theatre({"one": table}, state_dir=state_dir, auth=auth, tokens=Tokens()) as theatre:
        logged(theatre, tmp_path / "log")
        theatre["one"].otherwise = Script((Send(replies.sized(message())),))
        mine = [("x-api-key", key)]
        for headers in (mine, [*mine, ("x-lynkr-passthrough", "1")], [("x-api-key", key + "x")]):
            await theatre.post("/v1/messages", given, headers)
        assert (await theatre.post("/v1/messages", given[:-1], mine)).status == 200
        monkeypatch.setattr(passes, "_ORDER", (*passes.order(), broken))
        assert (await theatre.post("/v1/messages", given, mine)).status == 200
        await theatre.record(4)
        theatre.gateway.originals.close()
        theatre.gateway._log.close()
    told = (tmp_path / "log").read_text()
    kinds = [json.loads(line)["type"] for line in told.splitlines()]
    assert (kinds.count("call"), kinds.count("event")) == (5, 2)
    assert '"results"' in told
    assert SECRET not in told
