"""The token passes in a gateway over sockets: what reaches the provider and the client sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr._native.unrows import unfold
from lynkr.config.settings import Auth, Key, Log, Routing, Tokens
from lynkr.policies.access import digest
from lynkr.telemetry.log import AccessLog
from lynkr.transforms import passes
from lynkr.transforms.passes import Work
from tests.harness import replies
from tests.harness.client import Reply, request
from tests.harness.theatre import Theatre
from tests.harness.upstream import Script, Send
from tests.transforms.made import Did, Turn, body, result_texts

Json = dict[str, Any]
# Numbers without a pattern: one row cannot be told from the row before.
USERS = [{"id": n, "nickname": f"u{n**5 % 9973}", "active": True} for n in range(40)]
FOUND = json.dumps(USERS)
ASK = "List all users of the site"
CODING = ("Read", "Edit", "Bash", "Grep")
WEATHER = ("mcp__weather__forecast", "mcp__weather__history")
LOOKED = Turn("I look.", (Did("Bash", {"command": "curl site.test/users"}, FOUND),))
RULES = "Rules of this house. " * 400  # enough for every provider to keep
PATHS = {MESSAGES: "/v1/messages", CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses"}
KINDS = {MESSAGES: "anthropic", CHAT: "openai", RESPONSES: "openai"}
DIALECTS = list(PATHS)
OFF = Tokens(tools="off", results="off", repeats=False, cache_marks=False)
RESULTS = Tokens(tools="off", cache_marks=False)
PLAIN = {"type": "text", "text": "Here they are."}


def message(model: str = "m", *blocks: Json, **usage: int) -> bytes:
    """A reply in Messages."""
    used = {"input_tokens": 900, "output_tokens": 5, **usage}
    return json.dumps(
        {"id": "msg_1", "type": "message", "role": "assistant", "model": model,
         "content": list(blocks) or [PLAIN], "stop_reason": "end_turn", "stop_sequence": None,
         "usage": used}
    ).encode()  # fmt: skip


COMPLETION = json.dumps(
    {"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
     "choices": [{"index": 0, "message": {"role": "assistant", "content": "Here they are."},
                  "finish_reason": "stop"}],
     "usage": {"prompt_tokens": 900, "completion_tokens": 5, "total_tokens": 905}}
).encode()  # fmt: skip
RESPONSE = json.dumps(
    {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
     "output": [], "usage": {"input_tokens": 900, "output_tokens": 5, "total_tokens": 905}}
).encode()  # fmt: skip
ANSWERS = {MESSAGES: message(), CHAT: COMPLETION, RESPONSES: RESPONSE}


def asked(dialect: int, *turns: Turn, **more: Any) -> bytes:
    return body(dialect, ASK, list(turns or (LOOKED,)), **{"tools": CODING, **more})


def at(dialect: int, **sections: Any) -> Theatre:
    """A gateway with one provider of the dialect."""
    theatre = Theatre({"one": KINDS[dialect]}, **sections)
    theatre["one"].otherwise = Script((Send(replies.sized(ANSWERS[dialect])),))
    return theatre


async def sent(theatre: Theatre, number: int = 0, name: str = "one") -> bytes:
    return (await theatre[name].request(number)).body


def names(made: bytes) -> list[str]:
    return [
        tool.get("name") or tool.get("function", tool.get("toolSpec"))["name"]
        for tool in json.loads(made).get("tools", ())
    ]


def saved(reply: Reply) -> int:
    return int(reply.header("x-lynkr-tokens-saved") or "-1")


def shortened(text: str) -> bool:
    """Whether the users stand there in fewer words, all of them."""
    return len(text) < len(FOUND) / 2 and json.loads(unfold(text.encode())) == USERS


# --- one dialect ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_result_arrives_in_fewer_bytes_and_the_reply_as_it_came(dialect: int) -> None:
    given = asked(dialect)
    async with at(dialect, tokens=RESULTS) as theatre:
        reply = await theatre.post(PATHS[dialect], given)
        assert (reply.status, reply.body) == (200, ANSWERS[dialect])
        assert reply.header("x-lynkr-lane") == "edit"
        made = await sent(theatre)
        (text,) = result_texts(made, dialect)
        assert shortened(text)
        before = json.dumps(FOUND, ensure_ascii=False).encode()
        assert made == given.replace(before, json.dumps(text, ensure_ascii=False).encode())
        record = await theatre.record()
        assert record.lane == "edit"
        assert record.saving.passes == ("results",)
        assert record.saving.tokens >= saved(reply) * 0.5 > 100


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_all_passes_together_with_an_alias(dialect: int) -> None:
    """The provider's name for the model goes out with the rest, the client's own comes back."""
    table: Json = {"kind": KINDS[dialect], "models": {"mine": "theirs"}}
    given = asked(dialect, tools=(*CODING, *WEATHER), system=RULES).replace(b'"m"', b'"mine"', 1)
    answer = ANSWERS[dialect].replace(b'"m"', b'"theirs"')
    async with Theatre({"one": table}) as theatre:
        theatre["one"].reply(replies.sized(answer))
        reply = await theatre.post(PATHS[dialect], given)
        assert reply.body == answer.replace(b'"theirs"', b'"mine"')
        made = await sent(theatre)
        assert json.loads(made)["model"] == "theirs"
        assert names(made) == list(CODING)
        record = await theatre.record()
        assert (record.model_asked, record.model, record.lane) == ("mine", "theirs", "edit")
        expected = ("tools", "results", "marks") if dialect == MESSAGES else ("tools", "results")
        assert record.saving.passes == expected


async def test_the_catalogs_edits_and_the_passes_both_take_place() -> None:
    given = asked(CHAT, max_tokens=77).replace(b'"m"', b'"gpt-6"', 1)
    async with at(CHAT, tokens=RESULTS) as theatre:
        reply = await theatre.post(PATHS[CHAT], given)
        assert reply.status == 200
        made = await sent(theatre)
        assert json.loads(made)["max_completion_tokens"] == 77
        assert "max_tokens" not in json.loads(made)
        assert shortened(*result_texts(made, CHAT))


async def test_anothers_reasoning_goes_and_the_passes_take_place() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "lynkr1.openai_chat.e30"}
    whole = json.loads(asked(MESSAGES))
    whole["messages"][1]["content"].insert(0, thought)
    tables: dict[str, str | Json] = {"one": "anthropic", "two": "openai-compatible"}
    async with Theatre(tables, routing=Routing(default="one"), tokens=RESULTS) as theatre:
        theatre["one"].reply(replies.sized(message()))
        reply = await theatre.post("/v1/messages", {**whole, "max_tokens": 9})
        assert reply.header("x-lynkr-dropped") == "thinking"
        made = await sent(theatre)
        assert b"lynkr1" not in made
        assert shortened(*result_texts(made, MESSAGES))
        assert saved(reply) > 100


# --- as it came -----------------------------------------------------------------------------------


def logged(theatre: Theatre, path: Path) -> None:
    """From now on the gateway's log is a file; it is whole when the log is closed."""
    theatre.gateway._log.close()
    theatre.gateway._log = AccessLog(Log(access=str(path)))


async def untouched(theatre: Theatre, path: str, given: bytes, *headers: tuple[str, str]) -> None:
    number = len(theatre.records)
    reply = await theatre.post(path, given, list(headers))
    assert reply.status == 200
    assert await sent(theatre, number) == given
    assert (reply.header("x-lynkr-lane"), saved(reply)) == ("splice", 0)
    record = await theatre.record(number)
    assert (record.saving.tokens, record.saving.passes) == (0, ())


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_who_wants_nothing_done_gets_nothing_done(dialect: int) -> None:
    given = asked(dialect, system=RULES, tools=(*CODING, *WEATHER))
    async with at(dialect) as theatre:
        for yes in ("true", "True", "1"):
            await untouched(theatre, PATHS[dialect], given, ("x-lynkr-passthrough", yes))
    async with at(dialect, tokens=OFF) as theatre:
        await untouched(theatre, PATHS[dialect], given)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda given: given[:-1],
        lambda given: given + b"x",
        lambda given: given[:-1] + b',"messages":[]}',
        lambda given: given.replace(b'"content"', b'"\\u0063ontent"', 1),
        lambda given: given.replace(b'"messages"', b'"\\u006dessages"', 1),
        lambda given: b"",
        lambda given: b"[]",
    ],
    ids=["cut", "more", "twice", "escaped", "escaped at the top", "empty", "a list"],
)
async def test_what_is_not_understood_passes_and_its_provider_answers(
    spoil: Callable[[bytes], bytes],
) -> None:
    async with at(MESSAGES) as theatre:
        await untouched(theatre, "/v1/messages", spoil(asked(MESSAGES)))


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_small_request_passes_byte_for_byte(dialect: int) -> None:
    short = Turn("I look.", (Did("Bash", {"command": "ls"}, '[{"a": 1}, {"a": 2}]'),), "Go on")
    async with at(dialect) as theatre:
        for turns in ([], [short]):
            given = body(dialect, "Hi", turns)
            await untouched(theatre, PATHS[dialect], given)


async def test_a_pass_that_fails_costs_its_savings_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(work: Work) -> None:
        raise ValueError(work.body.decode())

    monkeypatch.setattr(passes, "_ORDER", (*passes.order(), broken))
    table: Json = {"kind": "anthropic", "models": {"mine": "m"}}
    async with Theatre({"one": table}) as theatre:
        logged(theatre, tmp_path / "log")
        theatre["one"].otherwise = Script((Send(replies.sized(message())),))
        given = asked(MESSAGES)
        await untouched(theatre, "/v1/messages", given)
        await theatre.post("/v1/messages", given.replace(b'"m"', b'"mine"', 1))
        assert await sent(theatre, 1) == given  # its name is replaced all the same
        theatre.gateway._log.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    events = [line for line in lines if line["type"] == "event"]
    assert [(event["message"], event["error"]) for event in events] == [
        ("internal error", "ValueError")
    ] * 2
    assert "broken" in events[0]["at"][-1]
    assert "nickname" not in json.dumps(lines)


# --- keys -----------------------------------------------------------------------------------------

AUTH = Auth(
    required=True,
    keys=[
        Key(name="ana", digest=digest("lk-ana"), tools="off", results="recoverable"),
        Key(name="ben", digest=digest("lk-ben"), results="off"),
        Key(name="eve", digest=digest("lk-eve"), results="recoverable"),
    ],
)
PYTEST = "\n".join(
    ["============ test session starts ============", "collected 600 items", ""]
    + [f"tests/test_site.py::test_case_{n} PASSED [ {n // 6}%]" for n in range(600)]
    + ["", "============ 600 passed in 3.21s ============"]
)
TESTED = Turn("I test.", (Did("Bash", {"command": "pytest -v"}, PYTEST),))


async def original(theatre: Theatre, id_: str, key: str, host: str = "localhost") -> Reply:
    headers = [("x-api-key", key)] if key else []
    async with await theatre.connect() as client:
        path = f"/v1/originals/{id_}"
        client.send(request(path, method="GET", headers=headers, host=host))
        return await client.read_reply()


def id_in(text: str) -> str:
    return text[text.index("o_") :].partition(" ")[0]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Originals are kept in a place of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("kept")
async def test_each_key_has_its_own_ways() -> None:
    """And its own originals."""
    given = asked(MESSAGES, TESTED, tools=(*CODING, *WEATHER))
    async with at(MESSAGES, auth=AUTH) as theatre:
        texts, offered = {}, {}
        for number, name in enumerate(("ana", "ben", "eve")):
            reply = await theatre.post("/v1/messages", given, [("x-api-key", f"lk-{name}")])
            assert reply.status == 200
            made = await sent(theatre, number)
            (texts[name],), offered[name] = result_texts(made, MESSAGES), names(made)
        assert offered["ana"] == [*CODING, *WEATHER]
        assert WEATHER[0] not in offered["ben"] + offered["eve"]
        assert texts["ben"] == PYTEST
        assert len(texts["ana"]) < len(PYTEST) / 3
        ids = {name: id_in(texts[name]) for name in ("ana", "eve")}
        assert ids["ana"] != ids["eve"]
        found = await original(theatre, ids["ana"], "lk-ana")
        assert (found.status, found.body.decode()) == (200, PYTEST)
        for key, status in (("lk-eve", 404), ("lk-ben", 404), ("", 401), ("lk-x", 401)):
            assert (await original(theatre, ids["ana"], key)).status == status


@pytest.mark.usefixtures("kept")
async def test_without_keys_originals_are_for_this_machine() -> None:
    async with at(MESSAGES, tokens=Tokens(results="recoverable")) as theatre:
        await theatre.post("/v1/messages", asked(MESSAGES, TESTED))
        (text,) = result_texts(await sent(theatre), MESSAGES)
        found = await original(theatre, id_in(text), "")
        assert (found.status, found.body.decode()) == (200, PYTEST)
        assert (await original(theatre, id_in(text), "", host="site.test")).status == 403
