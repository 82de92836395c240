"""Chat Completions requests, read: what each spelling means, and which ones are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from lynkr.errors import GatewayError
from lynkr.wire.chat.reasoning import foreign_detail
from lynkr.wire.chat.requests import ChatRequest, decode_request
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tests.wire.chat.made import unhurried
from tests.wire.made_json import values


def read(**body: object) -> ChatRequest:
    return decode_request(json.dumps({"messages": [], **body}).encode(), "m", False)


def message(**said: object) -> Message:
    return read(messages=[said]).messages[0]


def part(**said: object) -> Part:
    (found,) = message(role="user", content=[said]).parts
    return found


def refused(**body: object) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        read(**body)
    assert (raised.value.status, raised.value.kind) == (400, "invalid_request")
    return raised.value


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["system", "developer", "user"])
def test_roles_keep_their_place_and_name(role: str) -> None:
    request = read(messages=[{"role": "user", "content": "a"},
                             {"role": role, "content": "b", "name": "n"}])  # fmt: skip
    found = request.messages[1]
    assert request.system is None
    assert (found.role, found.parts, found.plain, found.name) == (role, [Text(text="b")], True, "n")


@pytest.mark.parametrize(
    ("content", "parts", "plain"),
    [
        ("a", [Text(text="a")], True),
        ("", [], True),
        (None, [], False),
        ([], [], False),
        ([{"type": "text", "text": "a"}], [Text(text="a")], False),
        ([{"type": "text", "text": ""}], [Text(text="")], False),
    ],
)
def test_content_is_a_string_or_parts(content: object, parts: list[Part], plain: bool) -> None:
    found = message(role="user", content=content)
    assert (found.parts, found.plain) == (parts, plain)


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_what_is_empty_is_no_extra(empty: object) -> None:
    """SDKs send whole replies back: `annotations` [], `audio` null. Nobody would miss them."""
    request = read(x_new=empty, messages=[{"role": "assistant", "content": "a", "x_new": empty}])
    assert request.extras == {} == request.messages[0].extras


def test_unknown_fields_are_kept() -> None:
    request = read(
        x_top=0,
        messages=[{"role": "user", "content": [{"type": "text", "text": "a", "x": 1}], "y": False}],
    )
    assert request.extras == {"x_top": 0}
    assert request.messages[0].extras == {"y": False}
    assert request.messages[0].parts == [Text(text="a", extras={"x": 1})]


def test_roles_of_this_dialect_alone_are_kept_whole() -> None:
    legacy: dict[str, object] = {"role": "function", "name": "f", "content": "1"}
    assert message(**legacy).parts == [Opaque(kind="function", value=legacy, format="openai_chat")]


def test_a_tool_message() -> None:
    found = message(role="tool", tool_call_id="c1", content="out", name="bash")
    assert found.role == "tool"
    assert found.parts == [
        ToolResult(call_id="c1", content=[Text(text="out")], plain=True, name="bash")
    ]
    listed = message(role="tool", tool_call_id="c1", content=[{"type": "text", "text": "out"}])
    assert listed.parts == [ToolResult(call_id="c1", content=[Text(text="out")])]


def test_an_assistants_calls() -> None:
    found = message(
        role="assistant",
        content="I look.",
        refusal="No.",
        tool_calls=[
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{ }"}},
            {"id": "c2", "index": 1, "function": {"name": "g", "arguments": {"a": 1}, "x": 1}},
            {"id": "c3", "type": "custom", "custom": {"name": "h", "input": "free"}, "y": 2},
            {"id": "c4", "type": "new", "new": {}},
        ],
    )
    assert found.parts == [
        Text(text="I look."),
        Text(text="No.", refusal=True),
        ToolCall(id="c1", name="f", arguments="{ }"),
        ToolCall(id="c2", name="g", arguments='{"a":1}', extras={"function": {"x": 1}}),
        ToolCall(id="c3", name="h", arguments="free", kind="custom", extras={"y": 2}),
        Opaque(kind="new", value={"id": "c4", "type": "new", "new": {}}, format="openai_chat"),
    ]


def test_reasoning_in_the_history() -> None:
    seal = Seal("openai_chat", {"field": "reasoning_content"})
    found = message(role="assistant", content="a", reasoning_content="Hm")
    assert found.parts == [Thinking(text="Hm", seal=seal), Text(text="a")]


def test_a_foreign_seal_is_found_again_before_its_call() -> None:
    first, second = Seal("gemini", {"thoughtSignature": "a"}), Seal("gemini", {"x": "b"})
    found = message(
        role="assistant",
        content=None,
        reasoning_content="Hm",
        reasoning_details=[foreign_detail(first, 0, "c1", 0), foreign_detail(second, 1, "c2", 2)],
        tool_calls=[
            {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
            for call_id in ("c1", "c2")
        ],
    )
    assert found.parts == [
        Thinking(text="Hm", seal=first),
        ToolCall(id="c1", name="f", arguments="{}"),
        Thinking(seal=second),
        ToolCall(id="c2", name="f", arguments="{}"),
    ]


# --- parts ----------------------------------------------------------------------------------------


def test_images() -> None:
    url = "https://example.com/a.png"
    data = "data:image/png;base64,iVBO"
    assert part(type="image_url", image_url={"url": url}) == Image(url=url)
    assert part(type="image_url", image_url=url) == Image(url=url)
    assert part(type="image_url", image_url={"url": data, "detail": "low", "x": 1}) == Image(
        media_type="image/png", data="iVBO", detail="low", extras={"image_url": {"x": 1}}
    )
    assert part(type="image_url", image_url={"url": "data:image/png;a=b;base64,iV"}) == Image(
        media_type="image/png", data="iV"
    )
    assert part(type="image_url", image_url={"url": "data:,plain"}) == Image(url="data:,plain")


def test_audio_and_files() -> None:
    assert part(type="input_audio", input_audio={"data": "UklG", "format": "mp3"}) == Audio(
        media_type="audio/mp3", data="UklG"
    )
    file_data = "data:application/pdf;base64,JVBE"
    assert part(type="file", file={"filename": "a.pdf", "file_data": file_data}) == Document(
        media_type="application/pdf", data="JVBE", title="a.pdf"
    )
    assert part(type="file", file={"file_id": "file-1"}) == Document(file_id="file-1")
    assert part(type="file", file={"file_data": "https://a/b.pdf"}) == Document(
        url="https://a/b.pdf"
    )


def test_a_refusal_may_be_a_part() -> None:
    assert part(type="refusal", refusal="No.") == Text(text="No.", refusal=True)


def test_parts_of_this_dialect_alone_are_kept_whole() -> None:
    video: dict[str, object] = {"type": "video_url", "video_url": {"url": "u"}}
    assert part(**video) == Opaque(kind="video_url", value=video, format="openai_chat")


def test_cache_marks() -> None:
    """On parts (OpenRouter), on whole messages (LiteLLM), on calls and tools."""
    short, hour = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h", "x": 1}
    marked = part(type="text", text="a", cache_control=hour)
    assert marked == Text(text="a", cache=CacheMark("1h", {"x": 1}))
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    whole = message(role="user", cache_control=short, content=texts)
    assert whole.parts == [Text(text="a"), Text(text="b", cache=CacheMark())]
    (result,) = message(role="tool", tool_call_id="c", content="a", cache_control=short).parts
    assert isinstance(result, ToolResult) and result.cache == CacheMark()
    (tool,) = read(
        tools=[{"type": "function", "function": {"name": "f"}, "cache_control": short}]
    ).tools
    assert tool.cache == CacheMark()


# --- tools ----------------------------------------------------------------------------------------

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
}


@pytest.mark.parametrize(
    "said",
    [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}},
        {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA},
        {"function": {"name": "f", "description": "d", "parameters": SCHEMA}},
        {"name": "f", "description": "d", "input_schema": SCHEMA},
        {"type": "custom", "name": "f", "description": "d", "input_schema": SCHEMA},
    ],
)
def test_a_function_in_any_shape(said: dict[str, object]) -> None:
    """Cursor sends Anthropic's and Responses' shapes too."""
    (tool,) = read(tools=[said]).tools
    assert (tool.kind, tool.name, tool.description) == ("function", "f", "d")
    assert tool.parameters == SCHEMA
    assert (tool.strict, tool.extras) == (None, {})


def test_custom_and_hosted_tools() -> None:
    grammar = {"syntax": "lark", "definition": "start: /a/"}
    custom, hosted = read(
        tools=[
            {
                "type": "custom",
                "custom": {"name": "c", "format": {"type": "grammar", "grammar": grammar}},
            },
            {"type": "web_search", "x": 1},
        ]
    ).tools
    assert (custom.kind, custom.name) == ("custom", "c")
    assert custom.grammar == {"type": "grammar", **grammar}
    assert (hosted.kind, hosted.name, hosted.value) == (
        "hosted", "web_search", {"type": "web_search", "x": 1},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ("any", ToolChoice(mode="required")),
        ({"type": "any"}, ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="tool", name="f")),
        ({"type": "function", "name": "f"}, ToolChoice(mode="tool", name="f")),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="tool", name="f")),
        (
            {"type": "custom", "custom": {"name": "c"}},
            ToolChoice(mode="tool", name="c", kind="custom"),
        ),
        (None, None),
    ],
)
def test_tool_choice(said: object, choice: ToolChoice | None) -> None:
    request = read(tool_choice=said)
    assert (request.tool_choice, request.extras) == (choice, {})


def test_a_choice_of_this_dialect_alone_is_an_extra() -> None:
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{}]}}
    nameless = {"type": "function", "function": {}}
    assert read(tool_choice=nameless).extras == {"tool_choice": nameless}
    request = read(tool_choice=allowed)
    assert (request.tool_choice, request.extras) == (None, {"tool_choice": allowed})


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": None}, None),
    ],
)
def test_the_limit_has_two_names(said: dict[str, object], limit: int | None) -> None:
    assert read(**said).max_output_tokens == limit


@pytest.mark.parametrize(("said", "stop"), [("a", ["a"]), (["a", "b"], ["a", "b"]), (None, [])])
def test_stop_is_a_string_or_several(said: object, stop: list[str]) -> None:
    assert read(stop=said).stop == stop


@pytest.mark.parametrize(
    ("said", "wanted", "extras"),
    [
        ({}, False, {}),
        ({"stream_options": {"include_usage": True}}, True, {}),
        ({"stream_options": {"include_usage": True, "include_obfuscation": False}}, True, {}),
        ({"stream_options": {"x": 1}}, False, {"stream_options": {"x": 1}}),
        ({"usage": {"include": True}}, True, {}),
    ],
)
def test_usage_is_wanted_only_if_asked_for(
    said: dict[str, object], wanted: bool, extras: dict[str, object]
) -> None:
    request = read(**said)
    assert (request.include_usage, request.extras) == (wanted, extras)


@pytest.mark.parametrize(
    ("said", "reasoning"),
    [
        ({}, None),
        ({"reasoning_effort": "high"}, Reasoning(effort="high")),
        (
            {"reasoning": {"effort": "low", "max_tokens": 9, "exclude": True}},
            Reasoning(effort="low", budget_tokens=9, extras={"exclude": True}),
        ),
        ({"reasoning": {"enabled": True, "exclude": False}}, Reasoning(mode="enabled")),
        ({"reasoning": {"enabled": False}}, Reasoning(mode="disabled")),
        ({"thinking": {"type": "disabled"}}, Reasoning(mode="disabled")),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}, "reasoning_effort": "max"},
            Reasoning(mode="enabled", budget_tokens=9, effort="max"),
        ),
    ],
)
def test_reasoning_is_asked_for_in_three_ways(
    said: dict[str, object], reasoning: Reasoning | None
) -> None:
    request = read(**said)
    assert (request.reasoning, request.extras) == (reasoning, {})


@pytest.mark.parametrize(
    ("said", "output"),
    [
        ({"type": "text"}, OutputFormat(kind="text")),
        ({"type": "json_object"}, OutputFormat(kind="json_object")),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "strict": True, "schema": SCHEMA, "x": 1},
            },
            OutputFormat(kind="json_schema", name="n", strict=True, schema=SCHEMA, extras={"x": 1}),
        ),
    ],
)
def test_the_form_of_the_output(said: object, output: OutputFormat) -> None:
    assert read(response_format=said).output == output


def test_who_the_user_is() -> None:
    assert read(user="u").user == "u"
    assert read(safety_identifier="s").user == "s"
    both = read(user="u", safety_identifier="s")
    assert (both.user, both.extras) == ("u", {"safety_identifier": "s"})


def test_plain_settings() -> None:
    request = read(
        model="gpt", stream=True, temperature=0, top_p=0.5, top_k=3, seed=1, n=2, logprobs=True,
        top_logprobs=4, presence_penalty=1, frequency_penalty=2, parallel_tool_calls=False,
        verbosity="low", metadata={"a": "b"}, store=True, service_tier="flex",
        prompt_cache_key="k", prompt_cache_retention="24h", modalities=["text"],
    )  # fmt: skip
    assert (request.model, request.stream, request.format) == ("gpt", True, "openai_chat")
    assert (request.temperature, request.top_p, request.top_k, request.seed) == (0, 0.5, 3, 1)
    assert (request.candidates, request.logprobs, request.top_logprobs) == (2, True, 4)
    assert (request.presence_penalty, request.frequency_penalty) == (1, 2)
    assert (request.parallel_tool_calls, request.verbosity) == (False, "low")
    assert (request.metadata, request.store, request.service_tier) == ({"a": "b"}, True, "flex")
    assert (request.prompt_cache_key, request.prompt_cache_retention) == ("k", "24h")
    assert request.extras == {}


def test_model_and_stream_may_be_told_from_outside() -> None:
    request = decode_request(b'{"messages":[]}', "m", True)
    assert (request.model, request.stream) == ("m", True)


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["x"]}, "messages.0"),
        ({"messages": [{"content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages.0.content.0.type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages.0.content.0.text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content.0.image_url",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
            "messages.0.tool_calls.0.function",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]},
            "messages.0.tool_calls.0.function.name",
        ),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"tools": [{"type": "function", "function": {"name": 1}}]}, "tools.0.function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "description": 1}}]},
            "tools.0.function.description",
        ),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stop": [1]}, "stop"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, object], field: str) -> None:
    assert refused(**body).field == field


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"a":NaN}', b"{}"])
def test_a_body_must_be_an_object_with_messages(body: bytes) -> None:
    with pytest.raises(GatewayError):
        decode_request(body, "m", False)


@unhurried
@given(values, values, values)
def test_any_json_is_read_or_refused(one: object, two: object, three: object) -> None:
    """Never another exception: a 500 would blame the gateway."""
    bodies: list[dict[str, object]] = [
        {"messages": one, "tools": two, "tool_choice": three},
        {"messages": [one, two, three]},
        {"messages": [{"role": "user", "content": one, "cache_control": two}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": one, "x": two}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": one}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": one}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [one], "reasoning_details": two}]},
        {"messages": [{"role": "assistant", "reasoning_details": [one], "reasoning": two}]},
        {"messages": [], "tools": [one, {"name": two, "input_schema": three}]},
        {"messages": [], "tool_choice": {"type": one, "function": two}},
        {"messages": [], "reasoning": one, "thinking": two, "reasoning_effort": three},
        {"messages": [], "response_format": one, "stream_options": two, "stop": three},
        {"messages": [], "response_format": {"type": one}, "thinking": {"type": two}},
        {"messages": [], "user": one, "safety_identifier": two, "usage": three},
    ]
    for body in bodies:
        try:
            decode_request(json.dumps(body).encode(), "m", False)
        except GatewayError as error:
            assert error.status == 400
            assert error.field
