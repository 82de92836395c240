"""A custom tool's text survives being carried as JSON, in fragments cut anywhere."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.wire.custom_input import CustomInput, input_of, wrapped
from tests.wire.made_events import cuts
from tests.wire.made_json import some_text

PATCH = "*** Begin Patch\n*** Update File: a.py\n-print('ü')\n+print(\"👋🏽\\n\")\n*** End Patch\n"


def fed(fragments: list[str]) -> list[str]:
    """What each fragment gives, and the end."""
    reader = CustomInput()
    return [*(reader.feed(fragment) for fragment in fragments), reader.finish()]


@st.composite
def fragments(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text, and the JSON that some model makes of it, in pieces."""
    text = draw(some_text(lone=True))
    written = json.dumps({"input": text}, ensure_ascii=draw(st.booleans()))
    indented = json.dumps({"input": text}, indent=2)
    return text, draw(cuts(draw(st.sampled_from([written, indented, wrapped(text)]))))


def joined(text: str) -> str:
    """JSON joins the halves of an emoji that stand beside each other; so does a model's text."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@given(fragments())
def test_the_text_comes_out_however_it_is_cut(given: tuple[str, list[str]]) -> None:
    text, pieces = given
    assert joined("".join(fed(pieces))) == joined(text)


@given(some_text(lone=True))
def test_a_wrapped_text_is_taken_out_again(text: str) -> None:
    assert joined(input_of(wrapped(text))) == joined(text)


@given(some_text())
def test_wrapped_is_json_of_one_string(text: str) -> None:
    assert json.loads(wrapped(text)) == {"input": text}


def test_text_is_given_as_it_arrives() -> None:
    """Nothing that is complete waits for more."""
    assert fed(['{"input":"ab', "cd", "e\\", "nf", '"}']) == ["ab", "cd", "e", "\nf", "", ""]


def test_every_cut_of_a_patch() -> None:
    whole = wrapped(PATCH)
    escaped = json.dumps({"input": PATCH})  # emojis as pairs of escapes
    for text in (whole, escaped):
        for at in range(len(text) + 1):
            assert "".join(fed([text[:at], text[at:]])) == PATCH, at
        assert "".join(fed(list(text))) == PATCH


def test_half_an_emoji_waits_for_its_other_half() -> None:
    assert fed(['{"input":"\\ud83d', '\\ude80"}']) == ["", "\U0001f680", ""]
    assert fed(['{"input":"\\ud83d', 'x"}']) == ["", "\ud83dx", ""]
    assert fed(['{"input":"\\ud83d', "\\ud83d", '\\ude80"}']) == ["", "\ud83d", "\U0001f680", ""]
    assert fed(['{"input":"\\ud83d"}']) == ["\ud83d", ""]
    assert fed(['{"input":"\\ud83d']) == ["", "\ud83d"]
    assert fed(['{"input":"\\ude80"}']) == ["\ude80", ""]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"a"}', "a"),
        (' {\n "input" :\t"a" } \n', "a"),
        ('{"input":""}', ""),
        ('{"other":1,"input":"a"}', "a"),  # not first: known only when all is there
        ('{"\\u0069nput":"a"}', "a"),
        ('{"input":"a","other":"b"}', "a"),
        ('{"input":"a\\/b\\"c\\\\"}', 'a/b"c\\'),
        ('{"input":"cut off', "cut off"),
        ('{"input":"cut off\\', "cut off\\"),
        ('{"input":"cut off\\u00', "cut off\\u00"),
        # No JSON of ours: what the model wrote is what the client gets.
        ("", ""),
        ("{}", "{}"),
        ("*** Begin Patch", "*** Begin Patch"),
        ('{"input":5}', '{"input":5}'),
        ('{"patch":"a"}', '{"patch":"a"}'),
        ('["input"]', '["input"]'),
        ('{"input":', '{"input":'),
        ('"input"', '"input"'),
        # Not JSON inside the string either; nothing is lost, and the order is kept.
        ('{"input":"\\uzzzz!"}', "\\uzzzz!"),
        ('{"input":"\\ud83d\\u+123"}', "\ud83d\\u+123"),
        ('{"input":"\\ud83d\\uzzzz"}', "\ud83d\\uzzzz"),
        ('{"input":"a\nb\tc"}', "a\nb\tc"),
        ('{"input":"\\x"}', "x"),
    ],
)
def test_whatever_the_model_answers(arguments: str, text: str) -> None:
    assert input_of(arguments) == text
    for at in range(len(arguments) + 1):
        assert "".join(fed([arguments[:at], arguments[at:]])) == text, at


def test_nothing_follows_the_end() -> None:
    reader = CustomInput()
    assert reader.feed('{"input":"a"') == "a"
    assert reader.feed(',"b":"c"}') == ""
    assert reader.finish() == ""
    assert reader.finish() == ""
    other = CustomInput()
    assert (other.feed("x"), other.finish(), other.finish(), other.feed("y")) == ("", "x", "", "")


def test_arguments_of_another_shape_cost_no_more_than_their_length() -> None:
    """A model that ignores the schema must not keep a worker busy."""
    seconds = []
    for count in (20_000, 80_000):
        reader = CustomInput()
        begun = time.process_time()
        for _ in range(count):
            reader.feed("some code;")
        assert len(reader.finish()) == 10 * count
        seconds.append(time.process_time() - begun)
    assert seconds[1] < 12 * seconds[0]
