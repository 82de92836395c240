"""Prompt-cache marks: where they stand, that they change nothing else, and when none is set."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES
from lynkr.transforms.cache_plan import Aim
from lynkr.transforms.passes import Want
from tests.transforms.made import AUTOMATIC, EXPLICIT, Turn, body, keys, requests, shaped

Json = dict[str, Any]
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
WANT = Want(marks="5m")


def said(**more: Any) -> Json:
    return {"type": "text", "text": "Hi.", **more}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def used(id_: str) -> Json:
    return {"type": "tool_use", "id": id_, "name": "n", "input": {"a": 1}}


def result(id_: str, **more: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": id_, "content": "done", **more}


TOOL = {"name": "n", "input_schema": {"type": "object"}}
TALK = [
    {"role": "user", "content": "Look."},
    assistant(said(), used("1")),
    user(result("1")),
]


def written(given_: Json, want: Want = WANT, aim: Aim = EXPLICIT) -> Json:
    """The body after the pass, which must have changed nothing but marks."""
    raw = json.dumps({"model": "m", **given_}).encode()
    found = shaped(raw, MESSAGES, want, aim)
    made: Json = json.loads(found.body)
    assert plain(made) == plain(json.loads(raw))
    assert found.marked == found.body.count(b'"cache_control"') - raw.count(b'"cache_control"')
    return made


def plain(value: Any, key: str = "") -> Any:
    """Without marks, and with texts as lists of blocks."""
    if isinstance(value, dict):
        return {name: plain(one, name) for name, one in value.items() if name != "cache_control"}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str) and key in ("content", "system"):
        return [{"type": "text", "text": value}]
    return value


def marked(value: Any, path: str = "") -> list[str]:
    """Where marks stand."""
    if isinstance(value, list):
        return [at for n, one in enumerate(value) for at in marked(one, f"{path}.{n}")]
    if not isinstance(value, dict):
        return []
    own = [path.lstrip(".")] if value.get("cache_control") else []
    return own + [at for name, one in value.items() for at in marked(one, f"{path}.{name}")]


def test_a_first_request_is_marked_behind_the_system_prompt_and_its_last_message() -> None:
    made = written({"system": "You are.", "messages": TALK[:1]})
    assert made["system"] == [{"type": "text", "text": "You are.", "cache_control": MARK}]
    content = [{"type": "text", "text": "Look.", "cache_control": MARK}]
    assert made["messages"][0]["content"] == content


def test_a_later_request_is_also_marked_where_the_one_before_ended() -> None:
    """The next turn reads from there, however much this one adds."""
    given_ = {
        "system": [said(), said()],
        "messages": [*TALK, assistant(used("2")), user(result("2"))],
    }
    assert marked(written(given_)) == ["system.1", "messages.2.content.0", "messages.4.content.0"]


def test_without_a_system_prompt_the_tools_are_marked() -> None:
    given_ = {"tools": [TOOL, {**TOOL, "name": "b"}], "messages": TALK[:1]}
    assert marked(written(given_)) == ["tools.1", "messages.0.content.0"]
    empty = {"tools": [TOOL], "system": "", "messages": TALK[:1]}
    assert marked(written(empty)) == ["tools.0", "messages.0.content.0"]


def test_a_deferred_tool_is_never_marked() -> None:
    """Providers refuse the request."""
    given_ = {"tools": [TOOL, {**TOOL, "defer_loading": True}], "messages": TALK[:1]}
    assert marked(written(given_))[0] == "tools.0"


def test_an_hour_where_it_is_asked_for() -> None:
    made = written({"system": "You are.", "messages": TALK}, Want(marks="1h"))
    assert made["system"][0]["cache_control"] == HOUR
    assert len(marked(made)) == 3


def test_marks_that_do_not_move_are_the_one_behind_the_system_prompt() -> None:
    given_ = {"system": "You are.", "messages": TALK}
    assert marked(written(given_, Want(marks="5m", moving=False))) == ["system.0"]


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_never_more_marks_than_the_provider_takes(count: int) -> None:
    aim = msgspec.structs.replace(EXPLICIT, breakpoints_max=count)
    made = written({"system": "You are.", "messages": TALK}, aim=aim)
    assert len(marked(made)) == min(count, 3)


@pytest.mark.parametrize(
    "last",
    [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": ""},
        {"type": "document", "source": {}},
        {"type": "text"},
        said(cache_control=None),
    ],
)
def test_a_block_that_cannot_carry_a_mark_leaves_it_to_the_one_before(last: Json) -> None:
    """Thinking and empty texts are refused, and a null mark would be there twice."""
    made = written({"messages": [user(said(), last)]})
    assert marked(made) == ["messages.0.content.0"]
    made = written({"system": [said(), last], "messages": TALK[:1]})
    assert marked(made)[0] == "system.0"


def test_a_conversation_in_which_nothing_can_be_marked_stays_as_it_is() -> None:
    given_ = {"messages": [{"role": "user", "content": ""}]}
    assert marked(written(given_)) == []


def test_a_client_that_marks_everything_in_reach_is_left_alone() -> None:
    one = {
        "system": [said(cache_control=MARK)],
        "messages": [*TALK[:2], user(result("1", cache_control=MARK))],
    }
    for given_ in (one, {**one, "tools": [{**TOOL, "cache_control": MARK}]}):
        before = json.dumps({"model": "m", **given_}).encode()
        assert shaped(before, MESSAGES, WANT, EXPLICIT).body == before


def long_turn(count: int, mark: Json, system: Json | None = None) -> Json:
    """A turn of so many blocks behind the last one of the turn before, the last of them marked."""
    calls = [used(str(number)) for number in range(count // 2)]
    results = [result(str(number)) for number in range(count - count // 2 - 1)]
    return {
        "system": [said(cache_control=system or mark)],
        "messages": [
            user(said()),
            assistant(*calls),
            user(*results, result("last", cache_control=mark)),
        ],
    }


@pytest.mark.parametrize(("count", "added"), [(5, 0), (19, 0), (20, 1), (40, 1)])
def test_a_turn_too_long_for_the_look_back_gets_one_mark_between(count: int, added: int) -> None:
    """The provider looks at 20 places, that of the mark included: the turn before must be one."""
    given_ = long_turn(count, MARK)
    made = marked(written(given_))
    assert len(made) == 2 + added
    assert ("messages.0.content.0" in made) == bool(added)


@pytest.mark.parametrize(("mark", "system"), [(MARK, HOUR), (HOUR, HOUR), (MARK, MARK)])
@pytest.mark.parametrize("own", ["5m", "1h"])
def test_a_mark_between_lives_as_long_as_the_clients_next_one(
    mark: Json, system: Json, own: Any
) -> None:
    """A provider refuses a longer life behind a shorter one."""
    made = written(long_turn(30, mark, system), Want(marks=own))
    assert made["messages"][0]["content"][0]["cache_control"] == mark


def test_no_mark_between_when_all_are_used() -> None:
    given_ = long_turn(30, MARK)
    given_["tools"] = [{**TOOL, "cache_control": MARK}] * 2
    assert len(marked(written(given_))) == 4


def test_the_mark_of_a_whole_request_is_the_clients_word() -> None:
    given_ = {"system": "You are.", "messages": TALK, "cache_control": MARK}
    assert marked(written(given_)) == [""]


@pytest.mark.parametrize(
    ("want", "changes"),
    [
        (Want(), {}),
        (WANT, {"marks": False}),
        (WANT, {"translated": True}),
        (WANT, {"tokens_min": 10_000}),
    ],
)
def test_no_marks_where_they_are_not_wanted_not_taken_or_worth_nothing(
    want: Want, changes: Json
) -> None:
    aim = msgspec.structs.replace(EXPLICIT, **changes)
    assert marked(written({"system": "You are.", "messages": TALK}, want, aim)) == []


def test_data_of_that_name_gets_no_second_one() -> None:
    """A tool's property and a call's argument may be called cache_control."""
    call = {**used("2"), "input": {"cache_control": {"type": "x"}}}
    given_ = {"messages": [*TALK, assistant(call), user(said())]}
    found = shaped(json.dumps({"model": "m", **given_}).encode(), MESSAGES, WANT, EXPLICIT)
    made = json.loads(found.body)
    assert made["messages"][3]["content"][0]["input"] == {"cache_control": {"type": "x"}}
    assert made["messages"][4]["content"][0]["cache_control"] == MARK


def test_any_spacing_is_kept() -> None:
    raw = b'{ "messages" : [ { "role":"user", "content" : [ {"type":"text", "text":"a" } ] } ] }\n'
    found = shaped(raw, MESSAGES, WANT, EXPLICIT)
    assert found.body == raw.replace(b'"a" }', b'"a" ,"cache_control":{"type":"ephemeral"}}')


# --- the name of a session ---


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES])
def test_a_session_is_named_once_where_the_provider_keeps_caches_by_name(dialect: int) -> None:
    want = Want(cache_key="lynkr-12")
    raw = body(dialect, "Look.", [])
    found = shaped(raw, dialect, want, AUTOMATIC)
    assert json.loads(found.body) == {**json.loads(raw), "prompt_cache_key": "lynkr-12"}
    assert shaped(found.body, dialect, want, AUTOMATIC).body == found.body
    assert shaped(raw, dialect, want, EXPLICIT).body == raw
    spaced = raw[:-1] + b" }\n\n"
    assert json.loads(shaped(spaced, dialect, want, AUTOMATIC).body)["prompt_cache_key"]


def test_a_clients_own_name_stays() -> None:
    raw = body(CHAT, "Look.", [], prompt_cache_key="mine")
    assert shaped(raw, CHAT, Want(cache_key="lynkr-12"), AUTOMATIC).body == raw


# --- all conversations ---

BLOCKS = st.lists(
    st.sampled_from(
        [
            said(),
            {"type": "text", "text": ""},
            {"type": "thinking", "thinking": "t", "signature": "s"},
            used("1"),
            result("1"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}},
            result("2", content=[said()]),
        ]
    ),
    max_size=4,
)
CONTENT = BLOCKS | st.sampled_from(["", 'plain \\ " ü'])


@given(
    st.lists(st.tuples(CONTENT, st.lists(CONTENT, min_size=1, max_size=2)), max_size=4),
    CONTENT,
    st.sampled_from([None, "", "You are.", [said(), said()]]),
    st.integers(0, 2),
)
def test_marks_change_nothing_else_whatever_is_said(
    turns: list[tuple[Any, list[Any]]], ask: Any, system: Any, tools: int
) -> None:
    """And request n+1 without them begins with request n."""
    messages = [{"role": "user", "content": ask}]
    before: list[bytes] = []
    for reply, more in [([], []), *turns]:
        messages.append({"role": "assistant", "content": reply})
        messages += [{"role": "user", "content": content} for content in more]
        given_: Json = {"tools": [TOOL] * tools, "messages": messages}
        if system is not None:
            given_["system"] = system
        made = written(given_)
        assert len(marked(made)) <= 4
        found = keys(json.dumps(made).encode(), MESSAGES)
        assert found[: len(before)] == before
        before = found


def test_each_turn_finds_the_mark_of_the_one_before() -> None:
    """However many blocks it adds: a mark stands exactly where the last one of that stood."""
    turns = [Turn(said="Hm.", asked="And?") for _ in range(5)]
    ends: list[int] = []
    for raw in requests(MESSAGES, "Look.", turns):
        made = json.loads(shaped(raw, MESSAGES, WANT, EXPLICIT).body)
        messages = [int(at.split(".")[1]) for at in marked(made) if at.startswith("messages")]
        assert not ends or ends[-1] in messages
        ends.append(messages[-1])
        assert messages[-1] == len(made["messages"]) - 1
