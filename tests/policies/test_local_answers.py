"""Side calls answered without a model: only those that any model would answer alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, scan
from lynkr.policies.local_answers import KINDS, local_answer, title_of
from lynkr.policies.side_calls import KINDS as SIDE_KINDS
from lynkr.policies.side_calls import side_call
from lynkr.wire.assembled import played
from lynkr.wire.codec import Context, codec
from lynkr.wire.message import Response, Text

DIALECTS = {"messages": MESSAGES, "chat": CHAT, "responses": RESPONSES}
CODECS = {
    "messages": "anthropic_messages", "chat": "openai_chat", "responses": "openai_responses",
}  # fmt: skip
TOOL = {"name": "read", "description": "", "input_schema": {"type": "object"}}
BILLING = "x-anthropic-billing-header: cc_version=2.1.197.1ab; cc_entrypoint=cli;"
SENTENCE_CASE = "Generate a concise, sentence-case title (3-7 words) for this coding session."
TITLE_SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}
OPENCODE = "You are a title generator. You output ONLY a thread title. Nothing else."
CODEX = (
    "You are a helpful assistant. You will be presented with a user prompt, and your job is to"
    " provide a short title for a task that is made of it.\nAt most 36 characters.\n"
)
TOPIC = (
    "Analyze if this message indicates a new conversation topic. If it does, give a 2-3 word title,"
    " as a JSON object with 'isNewTopic' and 'title'."
)


def asked(api: str, **fields: Any) -> tuple[str, Response | None]:
    body = json.dumps({"model": "m-1", **fields}).encode()
    layout = scan(body, DIALECTS[api])
    assert layout is not None
    side = side_call(api, body, layout)
    return side, local_answer(side, api, body, layout)


def text_of(found: Response | None) -> str | None:
    if found is None:
        return None
    (part,) = found.parts
    assert isinstance(part, Text)
    return part.text


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


def item(text: str) -> dict[str, Any]:
    """A user's message as Responses has it."""
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


def claude_title(*texts: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Claude Code 2.1's request: no tools, the third text of its system prompt, a schema."""
    return {
        "max_tokens": 32000,
        "system": [
            {"type": "text", "text": text}
            for text in (BILLING, "You are Claude Code.", SENTENCE_CASE)
        ],
        "messages": [user(*texts)],
        "tools": [],
        "metadata": {"user_id": "{}"},
        "thinking": {"type": "disabled"},
        "output_config": {"format": {"type": "json_schema", "schema": schema or TITLE_SCHEMA}},
        "stream": True,
    }


# --- titles -------------------------------------------------------------------------------------


def test_claude_code_is_given_the_json_that_its_schema_asks_for() -> None:
    side, found = asked("messages", **claude_title("please fix the login button on mobile."))
    assert side == "title"
    assert found is not None
    assert json.loads(text_of(found) or "") == {"title": "Fix the login button on mobile"}
    assert (found.model, found.stop.reason) == ("m-1", "end_turn")
    assert (found.usage.input_tokens, found.usage.output_tokens) == (0, 0)


def test_what_the_client_wrote_around_the_words_is_no_title() -> None:
    reminder = "<system-reminder>\nToday is Tuesday.\n</system-reminder>"
    for texts in (
        (reminder, "rename the tests folder"),
        (f"{reminder}\nrename the tests folder",),
        ("<session>\nrename the tests folder\n</session>\nWrite the title now.",),
    ):
        _, found = asked("messages", **claude_title(*texts))
        assert text_of(found) == '{"title":"Rename the tests folder"}'


def test_claude_code_without_a_schema_says_json_in_its_words() -> None:
    fields = claude_title("sort the list")
    del fields["output_config"]
    assert text_of(asked("messages", **fields)[1]) == "Sort the list"
    fields["system"][2]["text"] += ' Return JSON with a single "title" field.'
    assert text_of(asked("messages", **fields)[1]) == '{"title":"Sort the list"}'


@pytest.mark.parametrize(
    "schema",
    [
        {**TITLE_SCHEMA, "required": ["title", "branch"]},
        {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        {"type": "object", "properties": {"title": {"type": "array"}}, "required": ["title"]},
        {"type": "object", "properties": {"title": {"type": "string", "minLength": 30}}},
        {"type": "object", "properties": {"title": {"type": "string", "pattern": "^[A-Z]+$"}}},
        {"type": "object", "properties": {"title": {"type": "string", "enum": ["a", "b"]}}},
        {"$ref": "#/$defs/title"},
    ],
)
def test_a_schema_that_wants_more_than_a_title_is_sent_on(schema: dict[str, Any]) -> None:
    side, found = asked("messages", **claude_title("fix the login", schema=schema))
    assert (side, found) == ("title", None)


def test_opencode_is_given_plain_text() -> None:
    """By each of its three ways: instructions, a system message, and the first of two messages."""
    words = "refactor the user service into two modules, and keep the tests green"
    title = "Refactor the user service into two modules"
    for api, fields in (
        ("responses", {"instructions": OPENCODE, "store": False, "input": [item(words)]}),
        ("chat", {"messages": [{"role": "system", "content": OPENCODE}, user(words)]}),
        ("chat", {"messages": [user("Generate a title for this conversation:\n"), user(words)]}),
        ("messages", {"messages": [user(f'Generate a title for this conversation:\n"{words}"')]}),
    ):
        side, found = asked(api, **fields)
        assert (side, text_of(found)) == ("title", title), fields


def test_codex_says_where_the_prompt_begins_and_how_long_a_title_may_be() -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string", "minLength": 1, "maxLength": 36}},
        "required": ["title"],
        "additionalProperties": False,
    }
    ask = f"{CODEX}User prompt:\nUpdate the release notes for version twelve and publish them"
    fields: dict[str, Any] = {"store": False, "input": [item(ask)]}
    side, found = asked("responses", **fields)
    assert (side, text_of(found)) == ("title", "Update the release notes for version twelve")
    fields["text"] = {"format": {"type": "json_schema", "name": "o", "schema": schema}}
    title = json.loads(text_of(asked("responses", **fields)[1]) or "")["title"]
    assert title == "Update the release notes for version"
    assert asked("responses", input=[item(CODEX + "Its prompt is elsewhere.")])[1] is None


def test_claude_code_1_puts_the_conversation_into_its_request() -> None:
    ask = (
        "Please write a 5-10 word title for the following conversation:\n\n{}"
        "\n\nRespond with the title for the conversation and nothing else."
    )
    talk = "User: why is the build slow?\n\nClaude: It compiles everything.\n\nUser: ok"
    side, found = asked("messages", messages=[user(ask.format(talk))])
    assert (side, text_of(found)) == ("title", "Why is the build slow")
    late = "[Last 2 of 9 messages]\n\nClaude: It compiles everything."
    assert asked("messages", messages=[user(ask.format(late))]) == ("title", None)


def test_who_shows_the_answer_and_not_the_question_is_sent_on() -> None:
    """Continue's request for a title holds the model's first answer."""
    ask = "Given the following... please reply with a title for the chat.\n\nThe sky is blue."
    assert asked("chat", messages=[user(ask)]) == ("title", None)


def test_a_title_needs_words() -> None:
    for text in ("```\nls -la\n```", "<system-reminder>x</system-reminder>", "???", " "):
        assert asked("messages", **claude_title(text)) == ("title", None)
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}
    fields = claude_title("x")
    fields["messages"] = [{"role": "user", "content": [picture]}]
    assert asked("messages", **fields) == ("title", None)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("fix the flaky login test", "Fix the flaky login test"),
        ("Please fix it.", "Fix it"),
        ("Hi Claude, could you please add a dark mode?", "Add a dark mode"),
        ("hello", "Hello"),
        ("please", "Please"),
        ("I want you to review the parser. Then stop.", "Review the parser"),
        ("Bug! The cart shows no items", "Bug The cart shows no items"),
        ("# Plan\n\nmove auth to its own service", "Plan move auth to its own service"),
        ("- add tests\n- remove dead code", "Add tests"),
        ("add a retry to fetch_page() in src/net/http.py", "Add a retry to fetch_page() in"
         " src/net/http.py"),
        ("what does `--no-verify` do?", "What does --no-verify do"),
        ("port this to C++ and C#", "Port this to C++ and C#"),
        ("README.md is out of date", "README.md is out of date"),
        ("npm-run fails", "Npm-run fails"),
        ("WHY IS THE BUILD RED", "Why is the build red"),
        ("delete the rows that are older than the ones of the import", "Delete the rows that are"
         " older"),
        ("read https://example.com/a/very/long/path/to/the/page.html?q=1 and sum it up",
         "Read page.html and sum it up"),
        ("(see below) fix f(x)", "See below fix f(x)"),
        ("first line\u2028second line", "First line"),
        ("übersetze den Text ins Deutsche", "Übersetze den Text ins Deutsche"),
        ("\u4fee\u590d\u767b\u5f55\u9875\u9762\u7684\u9519\u8bef\u3002\u7136\u540e\u6d4b\u8bd5",
         "\u4fee\u590d\u767b\u5f55\u9875\u9762\u7684\u9519\u8bef"),
        ("\u30ed\u30b0\u30a4\u30f3" * 8, ("\u30ed\u30b0\u30a4\u30f3" * 8)[:20]),
        ("", ""),
        ("...", ""),
    ],
)  # fmt: skip
def test_the_first_words_make_the_title(text: str, title: str) -> None:
    assert title_of(text) == title


def test_a_title_keeps_its_bounds() -> None:
    """Whatever is pasted: one line, few words, no punctuation at the end."""
    for text in (
        "word " * 500,
        "x" * 9000,
        "a, b; c: d. " * 90,
        "\u0e01\u0e34" * 50,
        "e\u0301" * 90,
    ):
        title = title_of(text)
        assert 0 < len(title) <= 50
        assert len(title.split()) <= 7
        assert "\n" not in title
        assert title[-1] not in ".,;:!? "


# --- topics -------------------------------------------------------------------------------------


def topic(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"system": [{"type": "text", "text": TOPIC}], "messages": list(messages), "tools": []}


def test_a_topic_is_the_first_words_in_the_form_that_is_asked_for() -> None:
    side, found = asked("messages", **topic(user("add debug prints to the trainer")))
    assert side == "topic"
    assert json.loads(text_of(found) or "") == {"isNewTopic": True, "title": "Add debug prints"}


def test_the_brace_that_the_client_wrote_is_not_written_twice() -> None:
    begun = {"role": "assistant", "content": [{"type": "text", "text": "{"}]}
    _, found = asked("messages", **topic(user("add debug prints"), begun))
    text = text_of(found)
    assert text is not None
    assert json.loads("{" + text) == {"isNewTopic": True, "title": "Add debug prints"}


def test_a_word_of_assent_begins_no_topic() -> None:
    for text in ("yes", "continue", "<local-command-stdout>ok</local-command-stdout>"):
        _, found = asked("messages", **topic(user(text)))
        assert json.loads(text_of(found) or "") == {"isNewTopic": False, "title": None}


def test_a_topic_in_a_longer_conversation_is_sent_on() -> None:
    said = {"role": "assistant", "content": "done"}
    assert asked("messages", **topic(user("a b"), said, user("c d"))) == ("topic", None)
    assert asked("messages", **topic(user("a b"), said)) == ("topic", None)


# --- probes -------------------------------------------------------------------------------------


def test_a_quota_probe_is_answered_as_one_token_would_be() -> None:
    side, found = asked("messages", messages=[user("quota")], max_tokens=1)
    assert side == "quota"
    assert found is not None
    assert (text_of(found), found.stop.reason) == ("OK", "max_tokens")


def test_a_warm_up_is_answered_with_all_its_tools() -> None:
    side, found = asked("messages", messages=[user("Warmup")], tools=[TOOL])
    assert (side, text_of(found)) == ("warm_up", "OK")


# --- what is never answered here ----------------------------------------------------------------


def test_other_kinds_are_never_answered() -> None:
    body = json.dumps({"model": "m", "messages": [user("fix the login")]}).encode()
    layout = scan(body, MESSAGES)
    assert layout is not None
    for kind in (*(set(SIDE_KINDS) - set(KINDS)), "", "unheard"):
        assert local_answer(kind, "messages", body, layout) is None
    assert local_answer("quota", "messages", body, None) is None
    assert set(KINDS) <= set(SIDE_KINDS)


@pytest.mark.parametrize(
    "more",
    [{"n": 2}, {"previous_response_id": "resp_1"}, {"background": True}, {"logprobs": True}],
)
def test_a_call_that_wants_something_special_is_sent_on(more: dict[str, Any]) -> None:
    fields = {"messages": [{"role": "system", "content": OPENCODE}, user("sort the list")]}
    assert text_of(asked("chat", **fields)[1]) == "Sort the list"
    assert asked("chat", **fields, **more) == ("title", None)


# --- rendered -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("api", "fields"),
    [
        ("messages", claude_title("sort the list")),
        ("chat", {"messages": [{"role": "system", "content": OPENCODE}, user("sort the list")]}),
        ("responses", {"instructions": OPENCODE, "store": False, "input": "sort the list"}),
    ],
)
def test_a_client_can_read_the_answer(api: str, fields: dict[str, Any], stream: bool) -> None:
    """In its own dialect, whole and as a stream; read back, it says the same."""
    body = json.dumps({"model": "m-1", **fields, "stream": stream}).encode()
    layout = scan(body, DIALECTS[api])
    assert layout is not None
    found = local_answer(side_call(api, body, layout), api, body, layout)
    assert found is not None
    spoken = codec(CODECS[api])
    context = Context(
        spoken.decode_request(body, "", stream), call_id="1", created=0, model=found.model
    )
    if stream:
        raw = spoken.stream_encoder(context).encode(played(found))
        assert b"ort the list" in raw
        return
    again = spoken.decode_response(spoken.encode_response(found, context), context)
    assert (again.parts, again.model, again.stop.reason) == (found.parts, "m-1", "end_turn")
    assert (again.usage.output_tokens or 0) == 0
