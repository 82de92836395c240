"""A body that was worded for one model is taken by another of its dialect."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, scan
from lynkr.config.settings import Provider
from lynkr.providers.catalog import endpoint
from lynkr.transforms.fitting import Fitted, fitted
from lynkr.wire.codec import Target

HAIKU, OPUS_4_5, OPUS_4_6, OPUS_4_8 = (
    f"claude-{name}" for name in ("haiku-4-5", "opus-4-5", "opus-4-6", "opus-4-8")
)
ALWAYS, NEVER = "claude-opus-5-5", "claude-3-5-haiku"  # how they think
SEALED = {"type": "thinking", "thinking": "so", "signature": "c2VhbA=="}
CALL = {"type": "tool_use", "id": "t1", "name": "Read", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
ADAPTIVE, ENABLED = {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 5_000}
KEEP_ALL = {"type": "clear_thinking_20251015", "keep": "all"}
TOOL_USES = {"type": "clear_tool_uses_20250919"}


def target(model: str, kind: str = "anthropic") -> Target:
    """As the catalog describes it."""
    known = endpoint("p", Provider(kind=kind, api_key="k"), {})
    assert known.knows(model)
    return Target(
        model=model,
        capabilities=known.capabilities_for(model),
        output_tokens_max=known.output_limit(model),
    )


def messages(*turns: tuple[str, Any], **fields: Any) -> dict[str, Any]:
    said = [{"role": role, "content": content} for role, content in turns or [("user", "hi")]]
    return {"model": "lynkr/auto", "max_tokens": 32_000, "messages": said, **fields}


def fit(body: dict[str, Any], to: Target, dialect: int = MESSAGES) -> tuple[dict[str, Any], Fitted]:
    """What is left of the body; the same with a layout and without one, and fitted for good."""
    sent = json.dumps(body).encode()
    found = fitted(sent, scan(sent, dialect), dialect, to)
    assert fitted(sent, None, dialect, to) == found
    again = fitted(found.body, None, dialect, to)
    assert again.changed == () and again.body is found.body
    assert bool(found.changed) == (found.body is not sent)
    return json.loads(found.body), found


def changes(
    fields: dict[str, Any], to: Target, *turns: tuple[str, Any], dialect: int = MESSAGES
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a body with these fields has in the end beside the usual, and what was changed."""
    bare = messages(*turns) if dialect != RESPONSES else {"model": "m", "input": "hi"}
    if dialect == CHAT:
        del bare["max_tokens"]
    after, found = fit({**bare, **fields}, to, dialect)
    return {
        name: value for name, value in after.items() if bare.get(name, bare) != value
    }, found.changed


# --- Messages: thinking ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effort", "budget"),
    [("", 8_192), ("low", 2_048), ("medium", 8_192), ("high", 16_000), ("odd", 8_192)],
)
def test_adaptive_thinking_becomes_a_budget_for_its_effort(effort: str, budget: int) -> None:
    asked: dict[str, Any] = {"thinking": {**ADAPTIVE, "display": "summarized"}}
    if effort:
        asked["output_config"] = {"effort": effort}
    after, changed = changes(asked, target(HAIKU))
    assert after == {"thinking": {"type": "enabled", "budget_tokens": budget}}
    assert changed == (("output_config.effort",) if effort else ()) + ("thinking",)


@pytest.mark.parametrize("model", [OPUS_4_6, OPUS_4_8, ALWAYS])
def test_a_model_with_adaptive_thinking_gets_the_clients_words(model: str) -> None:
    asked = {"thinking": {**ADAPTIVE, "display": "omitted"}, "output_config": {"effort": "max"}}
    assert changes(asked, target(model)) == (asked, ())


@pytest.mark.parametrize(
    ("budget", "effort"), [(1_024, "low"), (8_192, "medium"), (30_000, "xhigh"), (31_999, "xhigh")]
)
def test_a_budget_becomes_adaptive_thinking_with_an_effort(budget: int, effort: str) -> None:
    asked = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    after, changed = changes(asked, target(OPUS_4_8))
    assert after == {
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": effort},
    }
    assert changed == ("thinking", "output_config.effort")


def test_a_budget_is_no_effort_where_one_is_asked_for() -> None:
    config = {"format": {"type": "json_schema", "schema": {}}}
    asked = {"thinking": {**ENABLED, "display": "omitted"}, "output_config": config}
    adaptive = {"type": "adaptive", "display": "omitted"}
    after, _ = changes(asked, target(OPUS_4_8))
    assert after == {"thinking": adaptive, "output_config": {**config, "effort": "medium"}}
    asked["output_config"] = {"effort": "low"}
    assert changes(asked, target(OPUS_4_8)) == (
        {"thinking": adaptive, "output_config": {"effort": "low"}},
        ("thinking",),
    )


@pytest.mark.parametrize("model", [HAIKU, OPUS_4_6])
def test_a_budget_stays_one_where_there_are_budgets(model: str) -> None:
    assert changes({"thinking": ENABLED}, target(model)) == ({"thinking": ENABLED}, ())


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    for thinking in (ADAPTIVE, ENABLED):
        asked = {"thinking": thinking, "output_config": {"effort": "high"}}
        after, changed = changes(asked, target(NEVER))
        assert (after, set(changed)) == ({}, {"thinking", "output_config.effort"})


def test_thinking_is_switched_off_only_where_that_is_understood() -> None:
    off = {"thinking": {"type": "disabled"}}
    assert changes(off, target(OPUS_4_8)) == (off, ())
    assert changes(off, target(ALWAYS)) == ({}, ("thinking",))


@pytest.mark.parametrize("thinking", [{"type": "between_tools"}, {"type": 5}, None, "high", []])
def test_words_of_thinking_that_nobody_knows_are_the_providers_business(thinking: Any) -> None:
    assert changes({"thinking": thinking}, target(HAIKU))[1] == ()


def test_of_a_model_that_reasons_in_an_unknown_form_nothing_is_taken() -> None:
    """Z.ai's Messages API: the catalog has no word for how it is asked to think."""
    asked = {"thinking": ENABLED, "output_config": {"effort": "high"}}
    assert changes(asked, target("glm-5.3", "zai")) == (asked, ())


@pytest.mark.parametrize(
    "more",
    [
        {"max_tokens": 1_024},
        {"tool_choice": {"type": "any"}},
        {"tool_choice": {"type": "tool", "name": "Read"}},
    ],
)
def test_there_is_no_budget_where_the_rules_of_budgets_forbid_it(more: dict[str, Any]) -> None:
    after, changed = changes({"thinking": ADAPTIVE, **more}, target(HAIKU))
    assert (after, changed) == (more, ("thinking",))


def test_a_count_of_tokens_has_no_room_for_a_budget() -> None:
    body = messages(thinking=ADAPTIVE)
    del body["max_tokens"]
    assert fit(body, target(HAIKU))[1].changed == ("thinking",)


@pytest.mark.parametrize(
    ("thinks", "turns"),
    [
        (True, [("assistant", [SEALED, CALL]), ("user", [RESULT])]),
        (True, [("assistant", [{"type": "redacted_thinking", "data": "ZQ=="}, CALL]),
                ("user", [RESULT])]),
        (False, [("assistant", [CALL]), ("user", [RESULT])]),
        (False, [("assistant", [{**SEALED, "signature": ""}, CALL]), ("user", [RESULT])]),
        (False, [("assistant", [CALL]), ("user", [RESULT, {"type": "text", "text": "Mind."}])]),
        (False, [("assistant", [CALL]), ("user", [RESULT]), ("user", "Mind.")]),
        (True, [("assistant", [CALL]), ("user", [RESULT]), ("assistant", "Done."),
                ("user", "Thanks.")]),
        (True, [("assistant", [SEALED, CALL]), ("user", [RESULT]), ("assistant", [CALL]),
                ("user", [RESULT])]),
        (False, [("assistant", [SEALED, {"type": "text", "text": "Done."}]), ("user", "More."),
                 ("assistant", [CALL]), ("user", [RESULT])]),
        (False, [("assistant", [{"type": "text", "text": '"signature": "x"'}, CALL]),
                 ("user", [RESULT])]),
    ],
)  # fmt: skip
def test_results_are_answered_with_thinking_only_if_their_calls_came_of_it(
    thinks: bool, turns: list[tuple[str, Any]]
) -> None:
    for asked in (ADAPTIVE, ENABLED):
        after, _ = changes({"thinking": asked}, target(HAIKU), ("user", "Go."), *turns)
        assert ("thinking" in after) == thinks
    after, _ = changes({"thinking": ADAPTIVE}, target(OPUS_4_6), ("user", "Go."), *turns)
    assert after == {"thinking": ADAPTIVE}, "a model that may choose could have thought nothing"


@pytest.mark.parametrize(
    ("edits", "left"),
    [
        ([KEEP_ALL], None),
        ([KEEP_ALL, TOOL_USES], [TOOL_USES]),
        ([TOOL_USES], [TOOL_USES]),
        ([5], [5]),
    ],
)
def test_who_does_not_think_is_not_told_what_to_forget(edits: list[Any], left: Any) -> None:
    asked = {"thinking": ADAPTIVE, "context_management": {"edits": edits}}
    after, changed = changes(asked, target(NEVER))
    assert after == ({"context_management": {"edits": left}} if left else {})
    assert ("context_management.edits" in changed) == (left != edits)
    kept, _ = changes(asked, target(HAIKU))
    assert kept["context_management"] == asked["context_management"]


# --- Messages: the rest ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "effort", "known"),
    [
        (OPUS_4_8, "xhigh", "xhigh"), (OPUS_4_6, "xhigh", "max"), (OPUS_4_6, "max", "max"),
        (OPUS_4_5, "xhigh", "high"), (OPUS_4_5, "max", "high"), (OPUS_4_5, "low", "low"),
        (OPUS_4_6, "newer", "newer"), (HAIKU, "low", ""),
    ],
)  # fmt: skip
def test_an_effort_is_one_that_the_model_has(model: str, effort: str, known: str) -> None:
    config = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    after, changed = changes({"output_config": {"effort": effort, **config}}, target(model))
    assert after == {"output_config": {"effort": known, **config} if known else config}
    assert changed == (() if known == effort else ("output_config.effort",))
    alone, _ = changes({"output_config": {"effort": effort}}, target(model))
    assert alone == ({"output_config": {"effort": known}} if known else {})


def test_a_model_that_fixes_sampling_gets_none() -> None:
    asked = {"temperature": 0.2, "top_p": 0.9, "top_k": 5, "stop_sequences": ["x"]}
    after, changed = changes(asked, target(OPUS_4_8))
    assert (after, changed) == ({"stop_sequences": ["x"]}, ("temperature", "top_p", "top_k"))
    assert changes(asked, target(HAIKU)) == (asked, ())
    assert changes({"temperature": 1}, target(OPUS_4_8)) == ({"temperature": 1}, ())


def test_a_model_that_thinks_gets_the_sampling_that_goes_with_it() -> None:
    asked = {"temperature": 0.2, "top_p": 0.9, "top_k": 5, "thinking": ADAPTIVE}
    after, _ = changes(asked, target(HAIKU))
    assert set(after) == {"thinking"}
    asked |= {"temperature": 1, "top_p": 0.95, "top_k": None}
    after, changed = changes(asked, target(HAIKU))
    assert (after["temperature"], after["top_p"], changed) == (1, 0.95, ("thinking",))


def test_the_answer_is_no_longer_than_the_model_can_write() -> None:
    assert changes({"max_tokens": 64_001}, target(HAIKU)) == (
        {"max_tokens": 64_000},
        ("max_tokens",),
    )
    assert changes({"max_tokens": 64_000}, target(HAIKU))[1] == ()
    unknown = msgspec.structs.replace(target(HAIKU), output_tokens_max=None)
    assert changes({"max_tokens": 10**9}, unknown)[1] == ()


def test_a_budget_stays_below_a_limit_that_was_lowered() -> None:
    asked = {"max_tokens": 128_000, "thinking": {"type": "enabled", "budget_tokens": 100_000}}
    after, changed = changes(asked, target(HAIKU))
    assert after["thinking"] == {"type": "enabled", "budget_tokens": 32_000}
    assert changed == ("max_tokens", "thinking.budget_tokens")


def test_a_system_message_becomes_the_users_in_its_place() -> None:
    text = 'It says {"role": "system"} here.'
    turns = [("user", text), ("system", [{"type": "text", "text": text}]), ("assistant", "ok"),
             ("user", "go on"), ("system", "mind")]  # fmt: skip
    body = messages(*turns)
    after, found = fit(body, target(HAIKU))
    assert [each["role"] for each in after["messages"]] == [
        "user", "user", "assistant", "user", "user",
    ]  # fmt: skip
    assert [each["content"] for each in after["messages"]] == [content for _, content in turns]
    assert found.changed == ("messages.role",)
    assert fit(body, target(OPUS_4_8))[1].changed == ()


# --- bytes ----------------------------------------------------------------------------------------


def test_every_other_byte_stays() -> None:
    body = (
        b' { "thinking" : {"type": "adaptive"},  "temperature":1,\n'
        b' "messages" : [ {"content":"na\\u00efve \xe2\x98\x83",  "role" : "system" } ] ,'
        b'"top_k" : 5 , "output_config":{ "format" : {"b":1.0e2,  "a":2}, "effort":"low" },'
        b' "max_tokens":64001,  "x" : [1, 2 ] }\n'
    )
    found = fitted(body, None, MESSAGES, target(NEVER))
    assert found.changed == (("output_config.effort", "thinking", "messages.role")), (
        "nothing is known of its limit"
    )
    assert found.body == (
        b' {  "temperature":1,\n'
        b' "messages" : [ {"content":"na\\u00efve \xe2\x98\x83",  "role" : "user" } ] ,'
        b'"top_k" : 5 , "output_config":{"format":{"b":1.0e2,  "a":2}},'
        b' "max_tokens":64001,  "x" : [1, 2 ] }\n'
    )


def test_a_body_that_cannot_be_trusted_stays() -> None:
    for body in (b"[]", b"nonsense", b'{"thinking":{"type":"adaptive"},"thinking":null}', b""):
        assert fitted(body, None, MESSAGES, target(HAIKU)).body is body


def test_the_next_request_still_extends_this_one() -> None:
    """As Claude Code asks: adaptive thinking, an effort, reminders as system messages."""
    asked = {"thinking": ADAPTIVE, "output_config": {"effort": "medium"},
             "context_management": {"edits": [KEEP_ALL]}}  # fmt: skip
    turns: list[tuple[str, Any]] = [("user", "Look into it."), ("system", "Be brief.")]
    sent = []
    for number in range(6):
        sent.append(fit({**messages(*turns), **asked}, target(HAIKU))[0])
        turns += [("assistant", [SEALED, {**CALL, "id": f"t{number}"}]),
                  ("user", [{**RESULT, "tool_use_id": f"t{number}"}])]  # fmt: skip
        if number == 3:
            turns += [("system", "Be careful."), ("assistant", "Done."), ("user", "Thanks.")]
    for earlier, later in pairwise(sent):
        history = earlier.pop("messages")
        assert later["messages"][: len(history)] == history
        assert {name: later[name] for name in later if name != "messages"} == earlier


_VALUES: dict[str, list[Any]] = {
    "thinking": [ADAPTIVE, ENABLED, {"type": "disabled"}, None],
    "output_config": [{"effort": "xhigh"}, {"effort": "low", "format": {}}, {}],
    "context_management": [{"edits": [KEEP_ALL]}, {"edits": [TOOL_USES, KEEP_ALL], "x": 1}],
    "temperature": [0.5, 1, None],
    "top_k": [1],
    "top_p": [0.5, 0.99],
    "max_tokens": [10, 3_000, 200_000],
    "reasoning_effort": ["none", "high"],
    "reasoning": [{"effort": "none", "summary": "auto"}, {"effort": "high"}, {"effort": None}],
    "verbosity": ["low"],
    "text": [{"verbosity": "low"}, {"verbosity": "high", "format": {"type": "text"}}],
    "include": [["reasoning.encrypted_content"], ["reasoning.encrypted_content", "x"]],
    "logprobs": [True],
    "max_output_tokens": [200_000],
}
_TARGETS: list[tuple[int, Target]] = [
    *((MESSAGES, target(model)) for model in (HAIKU, OPUS_4_5, OPUS_4_8, ALWAYS, NEVER)),
    *((dialect, target(model, "openai"))
      for dialect in (CHAT, RESPONSES) for model in ("gpt-4.1", "gpt-5", "gpt-5.5")),
]  # fmt: skip


@st.composite
def _bodies(draw: st.DrawFn) -> bytes:
    """Fields in any order, with any blanks between them."""
    names = draw(st.lists(st.sampled_from(sorted(_VALUES)), unique=True))
    fields = [(name, draw(st.sampled_from(_VALUES[name]))) for name in names]
    fields.insert(draw(st.integers(0, len(fields))), ("messages", [{"role": "user"}]))
    fields.insert(draw(st.integers(0, len(fields))), ("model", "m"))
    comma, colon = draw(st.sampled_from([(",", ":"), (" , ", " : "), (",\n  ", ": ")]))
    pieces = [f"{json.dumps(name)}{colon}{json.dumps(value)}" for name, value in fields]
    return f"{{{comma.join(pieces)}}}".encode()


@given(body=_bodies(), to=st.sampled_from(_TARGETS))
def test_any_body_stays_one_and_loses_only_what_is_named(
    body: bytes, to: tuple[int, Target]
) -> None:
    found = fitted(body, None, *to)
    before = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    after = msgspec.json.decode(found.body, type=dict[str, msgspec.Raw])
    named = {name.partition(".")[0] for name in found.changed}
    assert named <= set(before) | {"output_config"}
    for name, raw in before.items():
        same = name in after and bytes(after[name]) == bytes(raw)
        assert same == (name not in named), name
    added = {"output_config"} & named - set(before)
    assert [name for name in after if name not in added] == [n for n in before if n in after]
    assert fitted(found.body, None, *to).body is found.body


# --- Chat and Responses ---------------------------------------------------------------------------

GPT_4, GPT_5, GPT_5_5 = (target(name, "openai") for name in ("gpt-4.1", "gpt-5", "gpt-5.5"))


@pytest.mark.parametrize(
    ("fields", "to", "lost"),
    [
        ({"reasoning_effort": "high"}, GPT_4, "reasoning_effort"),
        ({"reasoning_effort": "none"}, GPT_4, "reasoning_effort"),
        ({"reasoning_effort": "none"}, GPT_5, "reasoning_effort"),
        ({"reasoning_effort": "none"}, GPT_5_5, ""),
        ({"reasoning_effort": "xhigh"}, GPT_5_5, ""),
        ({"reasoning_effort": None}, GPT_4, ""),
        ({"reasoning": {"effort": "high"}}, GPT_4, "reasoning"),
        ({"verbosity": "low"}, GPT_4, "verbosity"),
        ({"verbosity": "low"}, GPT_5, ""),
        ({"temperature": 0.2}, GPT_5, "temperature"),
        ({"temperature": 1.0}, GPT_5, ""),
        ({"top_p": 0.5}, GPT_5, "top_p"),
        ({"temperature": 0.2, "top_p": 0.5, "logprobs": True, "presence_penalty": 1}, GPT_4, ""),
        ({"presence_penalty": 1}, GPT_5, "presence_penalty"),
        ({"frequency_penalty": 1}, GPT_5, "frequency_penalty"),
        ({"logprobs": True}, GPT_5, "logprobs"),
        ({"top_logprobs": 3}, GPT_5, "top_logprobs"),
        ({"temperature": 0.2}, target("grok-4.7", "xai"), ""),
        ({"seed": 1, "stop": ["x"], "tool_choice": "auto", "store": True}, GPT_5, ""),
    ],
)
def test_a_chat_body_loses_what_the_model_refuses(
    fields: dict[str, Any], to: Target, lost: str
) -> None:
    after, changed = changes(fields, to, dialect=CHAT)
    assert after == {name: value for name, value in fields.items() if name != lost}
    assert changed == ((lost,) if lost else ())


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_chat_answer_is_bounded_under_both_names(name: str) -> None:
    assert changes({name: 32_769}, GPT_4, dialect=CHAT) == ({name: 32_768}, (name,))


ENCRYPTED, LOGPROBS = "reasoning.encrypted_content", "message.output_text.logprobs"


@pytest.mark.parametrize(
    ("fields", "to", "left", "changed"),
    [
        ({"reasoning": {"effort": "high", "summary": "auto"}}, GPT_4, {}, ("reasoning",)),
        ({"reasoning": {"effort": None}}, GPT_4, None, ()),
        ({"reasoning": {"effort": "none"}}, GPT_5, {}, ("reasoning.effort",)),
        ({"reasoning": {"effort": "none", "summary": "auto"}}, GPT_5,
         {"reasoning": {"summary": "auto"}}, ("reasoning.effort",)),
        ({"reasoning": {"effort": "none"}}, GPT_5_5, None, ()),
        ({"text": {"verbosity": "low"}}, GPT_4, {}, ("text.verbosity",)),
        ({"text": {"format": {"type": "text"}, "verbosity": "low"}}, GPT_4,
         {"text": {"format": {"type": "text"}}}, ("text.verbosity",)),
        ({"text": {"verbosity": "low"}}, GPT_5, None, ()),
        ({"include": [ENCRYPTED]}, GPT_4, {}, ("include",)),
        ({"include": ["x", ENCRYPTED]}, GPT_4, {"include": ["x"]}, ("include",)),
        ({"include": [ENCRYPTED]}, GPT_5, None, ()),
        ({"include": [LOGPROBS, ENCRYPTED]}, GPT_5, {"include": [ENCRYPTED]}, ("include",)),
        ({"include": [LOGPROBS]}, GPT_4, None, ()),
        ({"temperature": 0.2}, GPT_5, {}, ("temperature",)),
        ({"max_output_tokens": 40_000}, GPT_4, {"max_output_tokens": 32_768},
         ("max_output_tokens",)),
        ({"input": [{"type": "reasoning", "id": "r", "summary": []},
                    {"role": "user", "content": "hi"}]}, GPT_4, None, ()),
    ],
)  # fmt: skip
def test_a_responses_body_loses_what_the_model_refuses(
    fields: dict[str, Any], to: Target, left: dict[str, Any] | None, changed: tuple[str, ...]
) -> None:
    """Earlier reasoning stays: the model that gave it is not always another one."""
    wanted = fields if left is None else left
    assert changes(fields, to, dialect=RESPONSES) == (wanted, changed)
