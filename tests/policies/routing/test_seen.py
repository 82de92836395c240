"""What a request shows of the conversation's state, told as each client tells it."""

from __future__ import annotations

from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.policies.routing.facts import Seen
from tests.policies.routing.talks import REMINDER, Talk, reply, seen_in, text, user


def test_a_first_question_shows_what_the_defaults_say() -> None:
    seen = seen_in([user("hi")])
    assert seen == Seen(prompt_tokens=seen.prompt_tokens)
    assert seen_in([user("hi")], side="title").side == "title"


@pytest.mark.parametrize(
    ("dialect", "messages", "typed"),
    [
        (MESSAGES, [user("a")], True),
        (MESSAGES, [user(text(REMINDER))], False),
        (MESSAGES, Talk().call("Read").messages, False),
        (MESSAGES, [*Talk().call("Read").messages, user("b")], True),
        (MESSAGES, [*Talk().call("Read").messages, user("[Request interrupted by user]")], False),
        (MESSAGES, [user("a"), {"role": "system", "content": "Agents."}], True),
        (MESSAGES, [user("a"), reply("{")], True),  # an answer's beginning, put into its mouth
        (CHAT, Talk(CHAT).call("read").messages, False),
        (CHAT, [*Talk(CHAT).call("read").messages, user("b")], True),
        (RESPONSES, "a", True),
        (RESPONSES, Talk(RESPONSES).call("read").messages, False),
        (RESPONSES, [*Talk(RESPONSES).call("read").messages, user("b")], True),
    ],
)
def test_an_exchange_with_tools_is_told_from_a_turn_of_the_users(
    dialect: int, messages: Any, typed: bool
) -> None:
    """In the middle of one nothing may move."""
    assert seen_in(messages, dialect).typed is typed


def test_words_beside_a_result_count() -> None:
    result = {"type": "tool_result", "tool_use_id": "1", "content": "x"}
    talk = [user("a"), reply("b"), user(result, text("stop that"))]
    assert seen_in(talk).typed
    assert not seen_in([*talk[:2], user(result, text(REMINDER))]).typed


@pytest.mark.parametrize("dialect", [MESSAGES, CHAT, RESPONSES])
def test_what_there_is_of_it(dialect: int) -> None:
    talk = Talk(dialect).call("read").call("bash").say(reply("Done."), user(f"{REMINDER}\nthanks"))
    talk.say(user(REMINDER))
    seen = talk.seen
    assert (seen.turns, seen.calls) == (2, 2)
    assert seen.messages == len(talk.messages)


def test_tools_are_counted_where_codex_puts_them() -> None:
    tool = {"name": "read", "input_schema": {"type": "object"}}
    assert seen_in([user("a")], tools=[tool, tool]).tools == 2
    own = [{"type": "custom", "name": "exec"}, {"type": "function", "name": "wait"}]
    item = {"type": "additional_tools", "role": "developer", "tools": own}
    assert seen_in([item, user("a")], RESPONSES).tools == 2


@pytest.mark.parametrize(
    ("dialect", "fields", "thinking"),
    [
        (MESSAGES, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
        (MESSAGES, {"thinking": {"type": "adaptive"}}, True),
        (MESSAGES, {"thinking": {"type": "disabled"}}, False),
        (MESSAGES, {"thinking": None}, False),
        (CHAT, {"reasoning_effort": "high"}, True),
        (CHAT, {"reasoning_effort": "none"}, False),
        (CHAT, {"reasoning_effort": "minimal"}, False),
        (CHAT, {"thinking": {"type": "disabled"}, "reasoning_effort": "low"}, True),
        (RESPONSES, {"reasoning": {"effort": "low", "summary": "auto"}}, True),
        (RESPONSES, {"reasoning": {"effort": "none"}}, False),
        (RESPONSES, {"reasoning": {"summary": "auto"}}, True),
        (RESPONSES, {"reasoning": {}}, False),
    ],
)
def test_thinking(dialect: int, fields: dict[str, Any], thinking: bool) -> None:
    assert seen_in([user("a")], dialect, **fields).thinking is thinking


def test_what_is_asked_for_beside_words() -> None:
    schema = {"type": "json_schema", "schema": {}}
    assert seen_in([user("a")], output_config={"format": schema}).structured
    assert not seen_in([user("a")], output_config={"effort": "high"}).structured
    assert seen_in([user("a")], CHAT, response_format=schema).structured
    assert not seen_in([user("a")], CHAT, response_format={"type": "json_object"}).structured
    assert seen_in([user("a")], RESPONSES, text={"format": schema}).structured
    assert seen_in([user("a")], max_tokens=32_000).output_tokens == 32_000
    assert seen_in([user("a")], CHAT, max_completion_tokens=7).output_tokens == 7
    assert seen_in([user("a")], RESPONSES, max_output_tokens=8, max_tokens="x").output_tokens == 8


def test_pictures_are_no_text() -> None:
    """Their bytes would be a hundred thousand tokens."""
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 400_000}
    image = {"type": "image", "source": source}
    for content in (
        [image, text("what is this?")],
        [{"type": "tool_result", "tool_use_id": "1", "content": [image]}],
    ):
        seen = seen_in([user(content)])
        assert seen.images
        assert 1_500 <= seen.prompt_tokens < 1_700
    long = seen_in(
        [user([{"type": "tool_result", "tool_use_id": "1", "content": [text("a" * 4_000)]}])]
    )
    assert not long.images
    assert 1_000 <= long.prompt_tokens < 1_100


@pytest.mark.parametrize("dialect", [MESSAGES, CHAT, RESPONSES])
@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        [3, None, {"role": 4}],
        [{"role": "assistant", "content": [{"type": "tool_use"}, {"type": "what"}]}],
        [
            {
                "role": "user",
                "content": [{"type": "tool_result"}, {"type": "tool_result", "content": [3]}],
            }
        ],
        [{"type": "function_call_output"}, {"type": "function_call"}],
        [{"role": "tool", "content": None}, {"role": "assistant", "tool_calls": [{}, 3]}],
    ],
)
def test_odd_shapes_show_little(odd: Any, dialect: int) -> None:
    """A request that a provider may refuse must not fail in the gateway."""
    seen = seen_in(odd, dialect, max_tokens={}, reasoning=3, thinking="x", text=[], tools=3)
    assert not seen.typed
    assert seen.errors == 0
