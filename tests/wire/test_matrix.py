"""Every request towards every provider: what the agent said arrives, or its loss is reported.

Requests are read from their JSON (``meaning``), not from what a codec made of them.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from typing import Any

import pytest

from lynkr.providers.losses import tolerated
from lynkr.wire.message import Opaque, ToolResult
from lynkr.wire.plain_tools import ToolNames
from tests.wire import turn_rules
from tests.wire.dialogues import Asked, all_requests, named
from tests.wire.matrix import (
    BARE,
    FORMATS,
    FULL,
    TARGET_MODEL,
    Sent,
    decoded,
    sent,
    target_of,
    the,
    written,
)
from tests.wire.meaning import Call, Meaning, Result, Tool, meaning
from tests.wire.pinned_losses import LOSSES, NAMES
from tests.wire.schemas import check
from tests.wire.settings_said import LOSS_OF, settings

PROFILES = {"full": FULL, "bare": dict.fromkeys(FORMATS, BARE)}
FOREIGN = [
    (asked, target) for asked in all_requests() for target in FORMATS if asked.dialect != target
]
# Requests whose own turns no provider would take; what matters is that nothing is lost.
ODD_TURNS = {
    "responses/custom_tool_stream": "a call before anybody has asked",
    "responses/nested_keys_json": "a result without its call",
    "dialogue/claude_settings": "the assistant has the last word",
}
# Nothing in them is for another provider, so no message is left.
NOTHING_LEFT = {
    "messages/unknown_fields_stream": "its only block is a hologram",
    "dialogue/chat_audio": "it is a sound without a word",
}

# What a codec may leave out of its own dialect: absent means the same.
NORMAL: list[tuple[str, object]] = [
    ("tools", []),  # Messages
    ("content", []),  # of a result of Messages
    ("is_error", False),
    ("stream", False),
]

TOOL_INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
# Google's own schema language, in everybody else's.
OPENAPI: dict[str, dict[str, object]] = {
    "list_directory": {
        "type": "object",
        "properties": {"dir": {"type": ["string", "null"]}},
        "required": ["dir"],
    },
    "get_weather": {
        "type": "object",
        "properties": {
            "city": {"type": ["string", "null"]},
            "days": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "unit": {"type": "string", "format": "enum", "enum": ["C", "F"]},
        },
        "required": ["city"],
        "propertyOrdering": ["city", "days"],
    },
}


cases = pytest.mark.parametrize(("asked", "target"), FOREIGN, ids=str)


def read(asked: Asked) -> Meaning:
    return meaning(asked.dialect, asked.body)


# --- the own dialect ------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", all_requests(), ids=repr)
def test_a_request_comes_back_as_it_was(asked: Asked) -> None:
    """Through the vocabulary and back to its own dialect, every unknown field included."""
    made = sent(asked, asked.dialect, BARE)
    assert not made.losses
    before, after = json.loads(asked.body), json.loads(made.body)
    if asked.name == "gemini/text_json":  # in snake case, with single things for lists of one
        assert meaning("gemini", made.body).order == read(asked).order
        assert settings("gemini", made.body) == settings("gemini", asked.body)
        return
    if asked.dialect not in ("gemini", "bedrock"):  # there it stands in the path
        assert after.pop("model") == TARGET_MODEL
        del before["model"]
    assert _normal(after) == _normal(before)


def _normal(value: Any) -> Any:
    """Without what says nothing, if a codec leaves it out."""
    if isinstance(value, list):
        return [_normal(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _normal(each) for name, each in value.items() if (name, each) not in NORMAL}


# --- other dialects -------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
@cases
def test_a_provider_takes_what_is_written(asked: Asked, target: str, profile: str) -> None:
    """By the schema that it publishes, and by the rules of turns that it enforces."""
    made = sent(asked, target, PROFILES[profile][target])
    if asked.name in NOTHING_LEFT and made.losses:
        return
    check(target, made.body, stream=asked.stream)
    if asked.name not in ODD_TURNS:
        assert turn_rules.broken(target, made.body) == []


@pytest.mark.parametrize("profile", PROFILES)
@cases
def test_what_the_agent_said_arrives(asked: Asked, target: str, profile: str) -> None:
    made = sent(asked, target, PROFILES[profile][target])
    if asked.name in NOTHING_LEFT and made.losses:
        return
    given, arrived = read(asked), meaning(target, made.body)
    if target == "openai_responses" and given.prompt:  # its instructions are one text
        prompt, given.order = given.prompt, given.order[len(given.prompt) :]
        given.order.insert(0, ("system", "\n\n".join(prompt)))
    _texts_arrive(given, arrived)
    _media_arrive(given, arrived, made.lost)
    _tools_arrive(asked, given, arrived, made)
    assert arrived.calls == [_as_called(call, made.names, arrived) for call in given.calls]
    results = given.results
    if target == "gemini":  # it has one text for all
        results = [each._replace(texts=["\n".join(each.texts)]) for each in results]
    _results_arrive(results, arrived.results, made.lost)
    assert arrived.others == []


def _texts_arrive(given: Meaning, arrived: Meaning) -> None:
    assert arrived.texts("assistant") == given.texts("assistant")
    # A system message in the middle may become the user's words, at its place.
    spoken = arrived.texts("system", "user")
    shown = Counter(_plain(document) for document in given.documents)
    assert Counter(spoken) - shown == Counter(given.texts("system", "user"))
    for role in ("system", "user"):
        left = iter(spoken)
        assert all(text in left for text in given.texts(role)), (
            f"the {role}'s words are in disorder"
        )


def _media_arrive(given: Meaning, arrived: Meaning, lost: set[str]) -> None:
    reported = {"image", "image_url", "tool_result.image", "file_id"} & lost
    missing = Counter(given.pictures) - Counter(arrived.pictures)
    assert bool(missing) == bool(reported), (missing, lost)
    assert not Counter(arrived.pictures) - Counter(given.pictures)
    assert arrived.sounds == given.sounds or "audio" in lost
    shown = Counter([*arrived.documents, *arrived.texts("user")])
    encoded = Counter(_plain(document) for document in given.documents)
    missing = encoded - Counter(_plain(document) for document in shown.elements())
    assert bool(missing) == bool({"document", "document_url"} & lost), (missing, lost)


def _plain(document: str) -> str:
    """Plain text is base64 for some providers, and text for others."""
    try:
        return b64decode(document, validate=True).decode()
    except ValueError:
        return document


def _tools_arrive(asked: Asked, given: Meaning, arrived: Meaning, made: Sent) -> None:
    by_name = {tool.name: tool for tool in arrived.tools}
    assert len(by_name) == len(arrived.tools), "a name is there twice"
    seen = set()
    for tool in given.tools:
        name = made.names.out(tool.name, tool.namespace)
        if (asked.name, tool.name) == ("dialogue/claude_tool_search", "Read"):
            assert name not in by_name  # deferred, and nobody has referred to it
            continue
        if asked.name.endswith("_choice_none") and not by_name:
            continue  # to forbid all calls is to offer none
        seen.add(name)
        _tool_arrives(tool, by_name[name])
    assert seen >= set(by_name)


def _tool_arrives(tool: Tool, arrived: Tool) -> None:
    wanted = tool.schema
    if tool.kind == "local_shell":
        assert "command" in json.dumps(arrived.schema)
        return
    if tool.kind == "custom" and arrived.kind == "function":
        wanted = TOOL_INPUT
        assert tool.description in arrived.description
    elif tool.description:
        assert arrived.description.endswith(tool.description)
    wanted = OPENAPI.get(tool.name, wanted)
    if isinstance(wanted, dict) and "type" in wanted:
        assert arrived.schema == wanted
    elif arrived.schema is not None:  # no schema, or an empty one, means no arguments
        assert isinstance(arrived.schema, dict)
        assert {**arrived.schema, **(wanted or {})} == arrived.schema  # type: ignore[dict-item]
        assert not arrived.schema.get("properties")


def _as_called(call: Call, names: ToolNames, arrived: Meaning) -> Call:
    """The call as the target has it."""
    name = names.out(call.name, call.namespace)
    kept = any(each.kind == "custom" and each.name == name for each in arrived.calls)
    if call.kind == "custom" and not kept:
        return Call(name, {"input": call.arguments})
    return Call(name, call.arguments, "", "custom" if call.kind == "custom" else "function")


def _unwrapped(text: str) -> str:
    """Google's results are objects; one text in them may arrive with or without the object."""
    if text.startswith('{"output":"'):
        return str(json.loads(text)["output"])
    if text.startswith('{"result":{'):
        return json.dumps(json.loads(text)["result"], separators=(",", ":"))
    return text


def _results_arrive(given: list[Result], arrived: list[Result], lost: set[str]) -> None:
    assert [result.call for result in arrived] == [result.call for result in given]
    for before, after in zip(given, arrived, strict=True):
        wanted = [text for text in before.texts if text.strip()]
        assert [_unwrapped(text) for text in after.texts if text.strip()] == wanted
        if not after.error:
            assert not before.error or "tool_result.is_error" in lost
        else:
            assert before.error


@pytest.mark.parametrize("profile", PROFILES)
@cases
def test_what_the_agent_set_is_set(asked: Asked, target: str, profile: str) -> None:
    """Limits, sampling, stop sequences, tool choice and output format; or the loss is reported."""
    made = sent(asked, target, PROFILES[profile][target])
    given, arrived = settings(asked.dialect, asked.body), settings(target, made.body)
    if target == "anthropic_messages" and "limit" not in given:
        del arrived["limit"]  # demanded there
    if "choice" in given and given["choice"][1]:
        given["choice"] = ("tool", made.names.out(given["choice"][1]))
    for name in {*given, *arrived}:
        if name in given and LOSS_OF[name] in made.lost:
            if name == "stop":  # some of them may pass
                assert set(arrived.get(name, [])) < set(given[name])
            else:
                assert name not in arrived, name
        elif name == "alone" and not meaning(target, made.body).tools:
            assert name not in arrived  # nothing to call at all
        elif name == "choice" and given[name] == ("none", ""):
            assert arrived.get(name) == given[name] or not meaning(target, made.body).tools
        else:
            assert arrived.get(name) == given.get(name), name


SYSTEM_PROMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "string": ("anthropic_messages", {"system": "Be brief. ☃"}),
    "array": ("anthropic_messages", {"system": [{"type": "text", "text": "Be brief. ☃"}]}),
    "system message": ("openai_chat", {"messages": [{"role": "system", "content": "Be brief. ☃"}]}),
    "developer message": (
        "openai_chat",
        {"messages": [{"role": "developer", "content": [{"type": "text", "text": "Be brief. ☃"}]}]},
    ),
    "instructions": ("openai_responses", {"instructions": "Be brief. ☃"}),
    "developer item": (
        "openai_responses",
        {"input": [{"role": "developer", "content": "Be brief. ☃"}]},
    ),
    "systemInstruction": ("gemini", {"systemInstruction": {"parts": [{"text": "Be brief. ☃"}]}}),
    "Bedrock": ("bedrock", {"system": [{"text": "Be brief. ☃"}]}),
}


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("form", SYSTEM_PROMPTS)
def test_every_form_of_system_prompt_reaches_every_provider(form: str, target: str) -> None:
    """As the system's words, once, beside what the user says."""
    dialect, said = SYSTEM_PROMPTS[form]
    user: dict[str, Any] = {"role": "user", "content": "Hi"}
    if dialect in ("gemini", "bedrock"):
        field = "parts" if dialect == "gemini" else "content"
        user = {"role": "user", field: [{"text": "Hi"}]}
    place = {"gemini": "contents", "openai_responses": "input"}.get(dialect, "messages")
    body = {"model": "m", "max_tokens": 9, **said, place: [*said.get(place, []), user]}
    asked = Asked("asked", dialect, json.dumps(body).encode(), "m", False)
    arrived = meaning(target, sent(asked, target).body)
    assert arrived.texts("system", "user") == ["Be brief. ☃", "Hi"]
    assert arrived.texts("system") == ["Be brief. ☃"]


@cases
def test_a_stream_is_asked_for_where_one_was(asked: Asked, target: str) -> None:
    """In some dialects it stands in the path; Chat tells the usage only when asked."""
    body = json.loads(sent(asked, target).body)
    if target not in ("gemini", "bedrock"):
        assert body.get("stream", False) == asked.stream
    if target == "openai_chat" and asked.stream:
        assert body["stream_options"] == {"include_usage": True}


@cases
def test_a_request_without_tools_leaves_without_tools(asked: Asked, target: str) -> None:
    if not read(asked).tools:
        body = json.loads(sent(asked, target).body)
        assert not {"tools", "toolConfig", "tool_choice", "parallel_tool_calls"} & set(body)


# --- losses ---------------------------------------------------------------------------------------


@cases
def test_the_losses_are_those_that_are_pinned(asked: Asked, target: str) -> None:
    """With a capable model, each loss has its line in ``pinned_losses``."""
    made = sent(asked, target)
    assert sorted(made.lost) == sorted(LOSSES.get(asked.name, {}).get(target, []))
    assert all(field for _, field in made.losses)


@cases
def test_losses_have_known_names(asked: Asked, target: str) -> None:
    """The catalog's ``drops`` are written in these words. Extras go by their own field's name, what
    only one dialect knows by its type."""
    request = decoded(asked)
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ToolResult) for inner in part.content]
    kinds = {part.kind for part in parts if isinstance(part, Opaque)}
    kinds |= {str(tool.value.get("type", tool.name)) for tool in request.tools}
    for profile in PROFILES.values():
        for name, field in sent(asked, target, profile[target]).losses:
            known = name in NAMES or name in kinds or field.endswith(name)
            assert known, (name, field)


# Sessions of real agents, each as its client sends it without being asked for anything special.
AGENTS = (
    "claude_first_turn", "claude_tool_loop", "claude_mid_conversation_system", "claude_tool_search",
    "claude_after_compaction", "claude_title", "claude_nasty_text", "claude_empty_things",
    "claude_unparsed_input", "opencode_tool_loop", "continue_cached", "aider_examples",
    "codex_namespaces", "codex_tool_search", "codex_images", "codex_hosted_tools",
    "opencode_responses", "cline_responses", "responses_local_shell",
)  # fmt: skip


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_is_refused_nowhere(name: str, target: str) -> None:
    """Whatever of its session gets lost at a capable model is tolerated by the catalog."""
    asked = named(f"dialogue/{name}")
    if asked.dialect != target:
        assert sent(asked, target).lost - tolerated(target) == set()


def test_no_pinned_loss_is_out_of_date() -> None:
    known = {asked.name for asked in all_requests()}
    assert set(LOSSES) <= known
    assert all(set(targets) <= set(FORMATS) for targets in LOSSES.values())


# --- the same bytes again -------------------------------------------------------------------------


@cases
def test_a_longer_conversation_begins_with_the_shorter_one(asked: Asked, target: str) -> None:
    """Providers cache by prefix: what was written in turn n is written again in turn n+1."""
    request = decoded(asked)
    whole = written(request, target_of(target), target).body
    assert written(decoded(asked), target_of(target), target).body == whole
    turns = json.loads(whole)
    field = {"gemini": "contents", "openai_responses": "input"}.get(target, "messages")
    messages = request.messages
    for count in range(1, len(messages)):
        if messages[count].role != "assistant" or messages[count - 1].role == "assistant":
            continue  # a client does not ask here
        fewer = decoded(asked)
        fewer.messages = messages[:count]
        before = json.loads(written(fewer, target_of(target), target).body).get(field, [])
        assert turns[field][: len(before)] == before


def test_every_codec_is_there() -> None:
    for name in FORMATS:
        assert the(name).name == name
