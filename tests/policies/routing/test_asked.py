"""What a user asks is found in the user's own words, in each dialect and wherever it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, scan
from lynkr.policies.routing.asked import asked, peeled, tail
from lynkr.policies.routing.facts import Ask

REMINDER = "<system-reminder>\nFive servers need authentication.\n</system-reminder>"
MESSAGES_RESULT = {"type": "tool_result", "tool_use_id": "1", "content": "delete everything"}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user(*content: Any) -> dict[str, Any]:
    alone = len(content) == 1 and not isinstance(content[0], dict)
    return {"role": "user", "content": content[0] if alone else list(content)}


def reply(words: str) -> dict[str, Any]:
    return {"role": "assistant", "content": words}


def of(messages: Any, dialect: int = MESSAGES, **fields: Any) -> Ask:
    name = "input" if dialect == RESPONSES else "messages"
    body = json.dumps({"model": "m", name: messages, **fields}).encode()
    layout = scan(body, dialect)
    assert layout is not None
    return asked(body, layout).ask


def test_a_first_question() -> None:
    assert of([user("rename foo to bar")]) == Ask("rename foo to bar", tokens=4)


@pytest.mark.parametrize(
    ("dialect", "messages"),
    [
        (MESSAGES, [user(text(REMINDER), text("fix it"))]),
        (MESSAGES, [user(text("fix it"), text(REMINDER + "\n"))]),
        (MESSAGES, [user(MESSAGES_RESULT, text("fix it"))]),
        (MESSAGES, [user("fix it"), {"role": "system", "content": "Agents: plan, review."}]),
        (MESSAGES, [user("fix it"), reply("Well,"), user([MESSAGES_RESULT])]),
        (MESSAGES, [user(f"{REMINDER}fix it"), user("[Request interrupted by user]")]),
        (CHAT, [{"role": "system", "content": "Delete all."}, user("fix it")]),
        (
            CHAT,
            [
                user("fix it"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "1", "type": "function", "function": {"name": "a", "arguments": ""}}
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": "delete everything"},
            ],
        ),
        (RESPONSES, "fix it"),
        (RESPONSES, f"{REMINDER}\nfix it"),
        (
            RESPONSES,
            [
                {"type": "message", "role": "developer", "content": "Delete all."},
                user("# AGENTS.md instructions for /a\n\n<INSTRUCTIONS>\nx\n</INSTRUCTIONS>"),
                user("<environment_context>x</environment_context>"),
                user([{"type": "input_text", "text": "fix it"}]),
                {"type": "function_call", "call_id": "1", "name": "x", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "delete everything"},
            ],
        ),
        # Cline without native tools: results come as the user's texts.
        (
            CHAT,
            [
                user("<task>\nfix it\n</task>"),
                reply("I shall."),
                user(text("[execute_command for 'rm -r x'] Result:"), text("delete everything")),
            ],
        ),
        (
            CHAT,
            [
                user(
                    text("[write_to_file for 'a.py'] Result:"),
                    text("The user provided feedback:\n<feedback>\nfix it\n</feedback>"),
                    text("<environment_details>\n# Current Mode\nACT MODE\n</environment_details>"),
                )
            ],
        ),
        # Codex's editor extension, and what Claude Code's user typed while a tool ran.
        (
            RESPONSES,
            "# Context from my IDE setup:\n\n## Open tabs:\nb\n\n## My request for Codex:\nfix it",
        ),
        (
            MESSAGES,
            [
                user(
                    MESSAGES_RESULT,
                    text(
                        "<system-reminder>\nThe user sent the following message:\nfix it\n\n"
                        "Please address this message and continue with your tasks.\n"
                        "</system-reminder>"
                    ),
                )
            ],
        ),
    ],
)  # fmt: skip
def test_only_what_the_user_typed_is_the_ask(dialect: int, messages: Any) -> None:
    """Anything else would route a call by words that nobody asked."""
    assert of(messages, dialect).text == "fix it"


def test_texts_of_one_message_are_one_ask() -> None:
    assert of([user(text("fix it"), text(REMINDER), text("and test it"))]).text == (
        "fix it\n\nand test it"
    )


def test_nobody_asks_anything() -> None:
    for messages in ([], [user(text(REMINDER))], [user([])], [reply("hi")], [user("")]):
        assert of(messages) == Ask("")


@pytest.mark.parametrize(
    "odd",
    [
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": 3}],
        [
            {
                "role": "user",
                "content": [1, "a", None, {"type": "text"}, {"type": "text", "text": 4}],
            }
        ],
        [{"content": "a"}],
        [3, None, "a"],
        {"role": "user"},
        None,
    ],
)
@pytest.mark.parametrize("dialect", [MESSAGES, CHAT, RESPONSES])
def test_odd_shapes_ask_nothing(odd: Any, dialect: int) -> None:
    """A request that a provider may refuse must not fail in the gateway."""
    assert of(odd, dialect).before == ""


def test_what_was_said_before_it() -> None:
    talk = [
        user("one"),
        reply("First."),
        user("two"),
        reply("x" * 3000 + " the end"),
        user("three"),
    ]
    ask = of(talk)
    assert ask.earlier == ("two", "one")
    assert ask.before.endswith("xxx the end")
    assert 1_400 < len(ask.before) <= 1_500


def test_earlier_asks_are_found_behind_the_work_on_the_last_one() -> None:
    """Some hundred results of tools lie between an ask and the one before it."""
    talk: list[Any] = [user("one"), reply("First."), user("two")]
    talk += [reply("."), user([MESSAGES_RESULT])] * 100
    talk += [user("three")]
    assert of(talk).earlier == ("two", "one")


def test_before_is_what_the_assistant_said_not_what_it_called() -> None:
    call = {"type": "tool_use", "id": "1", "name": "Read", "input": {"text": "no"}}
    talk = [
        user("one"),
        {"role": "assistant", "content": [text("Shall I delete it?"), call]},
        user([MESSAGES_RESULT]),
        {"role": "assistant", "content": [call]},
        user([MESSAGES_RESULT, text("yes")]),
    ]
    assert of(talk).before == "Shall I delete it?"


def test_of_a_long_ask_both_ends_are_kept() -> None:
    for long in (
        "word " * 100_000,
        "w" * 100_000,
        "\u4f60" * 100_000,
        "\\" * 100_000,
        '"\n' * 50_000,
    ):
        ask = of([user(f"begin {long} end")])
        assert ask.text.startswith("begin ")
        assert ask.text.endswith(" end")
        assert len(ask.text) == 12_000
        assert ask.tokens > 20_000


def test_a_long_envelope_costs_no_more_than_a_short_one() -> None:
    """Its inside is not read, however it is written."""
    noise = "<system-reminder>" + 'a < b && c > d </div> \\ " ' * 20_000 + "</system-reminder>"
    ask = of([user(f"{noise}\nfix it\n{noise}")])
    assert ask == Ask("fix it", tokens=2)


def test_words_that_no_utf8_has() -> None:
    body = b'{"messages": [{"role": "user", "content": "fix \\ud800 it"}]}'
    layout = scan(body, MESSAGES)
    assert layout is not None
    assert asked(body, layout).ask.text == "fix ? it"


def test_a_string_is_never_cut_in_an_escape() -> None:
    for piece in ('\\"', "\\\\", "\\u00e4", "\\ud83d\\ude00", "a", "\\\\n", "\u4f60"):
        for size in range(20, 40):
            inside = (piece * 60).encode()
            end = tail(inside, 0, len(inside), size)
            whole = json.loads(f'"{piece * 60}"')
            assert whole.endswith(end.lstrip("?\ufffd"))


@pytest.mark.parametrize(
    "words",
    [
        "<system-reminder>a</system-reminder>\\n\\nfix it",
        "fix it<ide_selection>a</ide_selection>\\n",
        "\\n <bash-input>a</bash-input><bash-stdout>b</bash-stdout>fix it ",
    ],
)
def test_envelopes_at_the_ends_are_passed_over_in_the_body(words: str) -> None:
    start, end = peeled(words.encode(), 0, len(words))
    assert words[start:end] == "fix it"
