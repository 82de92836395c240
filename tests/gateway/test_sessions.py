"""What is remembered of conversations: how long marks last, and which calls are single ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, Layout, scan
from lynkr.gateway import sessions as module
from lynkr.gateway.sessions import (
    LONG_PAUSES,
    LONG_S,
    OPENED_MIN,
    SHORT_S,
    Habit,
    Session,
    Sessions,
    first_words,
    prompt_key,
    session_key,
)

USER = {"role": "user", "content": "Look."}


def laid_out(value: Any, dialect: int) -> tuple[bytes, Layout]:
    body = json.dumps(value).encode()
    layout = scan(body, dialect)
    assert layout is not None
    return body, layout


def kind(value: Any, dialect: int = MESSAGES, scope: bytes = b"ana") -> bytes:
    return prompt_key(scope, *laid_out(value, dialect))


def key(value: Any, dialect: int = MESSAGES, **more: bytes) -> bytes:
    given = {"scope": b"ana", "named": b"s1", "target": b"p\0m"} | more
    return session_key(given["scope"], given["named"], given["target"], *laid_out(value, dialect))


# --- marks ---


def test_marks_last_an_hour_after_pauses_that_a_short_life_does_not_outlive() -> None:
    session = Session(Habit())
    now = 1000.0
    lives = []
    for pause in (0, SHORT_S + 1, SHORT_S - 1, LONG_S - 1, 10):
        now += pause
        lives.append(session.marks(now, first=False))
        session.seen(now, first=False)
        assert session.marks(now, first=False) == lives[-1]
    assert LONG_PAUSES == 2
    assert lives == ["5m", "5m", "5m", "1h", "1h"]


def test_a_pause_that_no_life_outlives_says_nothing() -> None:
    session = Session(Habit())
    for turn in range(5):
        session.seen(turn * (LONG_S + 1), first=not turn)
    assert session.marks(5 * LONG_S, first=False) == "5m"


def test_a_first_request_of_a_kind_that_is_never_continued_is_not_marked() -> None:
    sessions = Sessions()
    for number in range(OPENED_MIN):
        session = sessions.find(b"%d" % number, b"title")
        assert session.marks(0.0, first=True) == "5m"
        session.seen(0.0, first=True)
    fresh = sessions.find(b"new", b"title")
    assert fresh.marks(0.0, first=True) == ""
    assert fresh.marks(0.0, first=False) == "5m"  # it goes on, against all habit
    assert sessions.find(b"other", b"agent").marks(0.0, first=True) == "5m"


def test_a_kind_that_goes_on_often_enough_is_marked() -> None:
    sessions = Sessions()
    for number in range(9):
        session = sessions.find(b"%d" % number, b"agent")
        session.seen(0.0, first=True)
        if number % 3 == 0:
            session.seen(1.0, first=False)
            session.seen(2.0, first=False)
    assert sessions.find(b"new", b"agent").marks(0.0, first=True) == "5m"
    habit = sessions.find(b"new", b"agent").habit
    assert (habit.opened, habit.continued) == (9, 3)


def test_the_same_single_call_again_has_not_gone_on() -> None:
    """A retry, and a script that always asks the same: the first words are the session's name."""
    sessions = Sessions()
    session = sessions.find(b"same", b"title")
    for _ in range(5):
        session.seen(0.0, first=True)
    assert (session.habit.opened, session.habit.continued) == (1, 0)
    session.seen(0.0, first=False)
    assert session.habit.continued == 1


def test_a_session_that_began_elsewhere_says_nothing_of_habits() -> None:
    """After a restart, conversations are met in their middle."""
    session = Session(Habit())
    session.seen(0.0, first=False)
    session.seen(1.0, first=False)
    assert (session.habit.opened, session.habit.continued) == (0, 0)


# --- memory ---


def test_a_session_is_found_again_and_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SESSIONS_MAX", 3)
    monkeypatch.setattr(module, "HABITS_MAX", 2)
    sessions = Sessions()
    first = sessions.find(b"a", b"k")
    sessions.find(b"b", b"k")
    sessions.find(b"c", b"k")
    assert sessions.find(b"a", b"k") is first
    sessions.find(b"d", b"k")
    assert sessions.find(b"a", b"k") is first
    assert sessions.find(b"b", b"k").turns == 0
    kept = first.habit
    for number in range(5):
        sessions.find(b"x%d" % number, b"k%d" % number)
        assert sessions.find(b"y%d" % number, b"k").habit is kept  # used all the time


# --- names ---


def test_conversations_are_told_apart_by_whose_where_and_how_they_began() -> None:
    given = {"messages": [USER]}
    same = key(given)
    assert same == key({"messages": [USER, {"role": "assistant", "content": "Hm."}, USER]})
    listed = {"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}}
    assert same == key({"messages": [{"role": "user", "content": [listed]}]})
    others = [
        key(given, scope=b"ben"),
        key(given, named=b"s2"),
        key(given, target=b"p\0n"),
        key({"messages": [{"role": "user", "content": "Look!"}]}),
        key(given, scope=b"anas", named=b"1"),
    ]
    assert len({same, *others}) == 6


@pytest.mark.parametrize(
    ("dialect", "given"),
    [
        (MESSAGES, {"messages": [USER]}),
        (CHAT, {"messages": [{"role": "system", "content": "You are."}, USER]}),
        (RESPONSES, {"input": "Look."}),
        (RESPONSES, {"input": [{"type": "reasoning"}, USER]}),
    ],
)
def test_first_words_are_the_users(dialect: int, given: Any) -> None:
    assert first_words(*laid_out(given, dialect)) == b'"Look."'


def test_a_conversation_without_a_users_words_has_none() -> None:
    picture = {"type": "image", "source": {}}
    assert first_words(*laid_out({"messages": []}, MESSAGES)) == b""
    given = {"messages": [{"role": "user", "content": [picture]}]}
    assert first_words(*laid_out(given, MESSAGES)) == b""


@pytest.mark.parametrize(
    ("dialect", "write"),
    [
        (MESSAGES, lambda said: {"system": said, "messages": [USER]}),
        (MESSAGES, lambda said: {"system": [{"type": "text", "text": said}], "messages": [USER]}),
        (CHAT, lambda said: {"messages": [{"role": "system", "content": said}, USER]}),
        (CHAT, lambda said: {"messages": [{"role": "developer", "content": said}, USER]}),
        (RESPONSES, lambda said: {"instructions": said, "input": [USER]}),
    ],
)
def test_calls_are_of_one_kind_by_their_system_prompt(dialect: int, write: Any) -> None:
    """Wherever the dialect keeps it, or all calls of a key would be of one kind."""
    title, agent = write("Write a title."), write("You are an agent.")
    assert kind(title, dialect) == kind(write("Write a title."), dialect)
    assert kind(title, dialect) != kind(agent, dialect)
    assert kind(title, dialect) != kind(title, dialect, scope=b"ben")


def test_claude_codes_attribution_does_not_make_another_kind() -> None:
    def given(version: str) -> Any:
        line = f"x-anthropic-billing-header: cc_version=2.1.197.{version}; cc_entrypoint=cli;"
        blocks = [{"type": "text", "text": line}, {"type": "text", "text": "You are."}]
        return {"system": blocks, "messages": [USER]}

    assert kind(given("1ab")) == kind(given("2cd"))
