"""Requests of other dialects, written for the Responses API; what it cannot carry is reported."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lynkr.wire.codec import Losses, Target
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from lynkr.wire.responses.codec import CODEC
from tests.wire.matrix import FULL

ALL = FULL["openai_responses"]
CLAUDE = "anthropic_messages"


def target(*without: str, **more: Any) -> Target:
    return Target(model="gpt", capabilities=ALL - set(without), **more)


def wrote(
    request: Request, at: Target | None = None
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body, and the losses by name and field."""
    losses = Losses()
    body = json.loads(CODEC.encode_request(request, at or target(), losses))
    return body, [(loss.name, loss.field) for loss in losses.found]


def request(*messages: Message, **fields: Any) -> Request:
    return Request(**{"format": CLAUDE, "model": "m", "messages": list(messages), **fields})


def user(*parts: Part) -> Message:
    return Message(role="user", parts=list(parts))


def assistant(*parts: Part) -> Message:
    return Message(role="assistant", parts=list(parts))


def test_a_turn_with_tools() -> None:
    body, losses = wrote(
        request(
            user(Text(text="Go.")),
            assistant(Text(text="I look."), ToolCall(id="t1", name="Read", arguments='{"a":1}')),
            user(ToolResult(call_id="t1", content=[Text(text="ok")], plain=True), Text(text="?")),
            Message(role="system", parts=[Text(text="Mind the gap.")], plain=True),
            system=Message(role="system", parts=[Text(text="A"), Text(text="B")]),
            stream=True,
        )
    )
    assert losses == []
    assert body == {
        "model": "gpt",
        "instructions": "A\n\nB",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Go."}],
            },
            {"type": "message", "role": "assistant", "content": "I look."},
            {"type": "function_call", "call_id": "t1", "name": "Read", "arguments": '{"a":1}'},
            {"type": "function_call_output", "call_id": "t1", "output": "ok"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "?"}]},
            {
                "type": "message",
                "role": "system",
                "content": [{"type": "input_text", "text": "Mind the gap."}],
            },
        ],
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }


def test_nothing_is_kept_unless_the_client_asks() -> None:
    assert wrote(request())[0]["store"] is False
    assert wrote(request(store=True))[0]["store"] is True


def test_own_reasoning_comes_back_as_it_was() -> None:
    """Through a client that kept it in a slot of its own dialect."""
    data: Json = {
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "encrypted_content": "gAAA",
    }
    body, losses = wrote(
        request(assistant(Thinking(text="Hm", seal=Seal("openai_responses", data))))
    )
    assert body["input"] == [{"type": "reasoning", **data}]
    assert losses == []


@pytest.mark.parametrize("seal", [None, Seal("gemini", {"thoughtSignature": "x"})])
def test_the_reasoning_of_others_stays_behind(seal: Seal | None) -> None:
    body, losses = wrote(request(assistant(Text(text="a"), Thinking(text="b", seal=seal))))
    assert "b" not in str(body["input"])
    assert losses == [("thinking", "messages.0.content.1")]


def test_results() -> None:
    image = Image(media_type="image/png", data="QQ==")
    body, losses = wrote(
        request(
            user(
                ToolResult(call_id="a", content=[]),
                ToolResult(call_id="b", content=[Text(text="x"), Text(text="y")]),
                ToolResult(call_id="c", content=[image], is_error=True),
            )
        )
    )
    assert [item["output"] for item in body["input"]] == [
        "",
        [{"type": "input_text", "text": "x"}, {"type": "input_text", "text": "y"}],
        [{"type": "input_image", "image_url": "data:image/png;base64,QQ=="}],
    ]
    assert losses == [("tool_result.is_error", "messages.0.content.2.is_error")]


def test_long_call_ids_are_mapped_the_same_everywhere() -> None:
    """The API refuses ids of more than 64 characters; each turn must give the same one."""
    name = "toolu_" + "x" * 80
    body, _ = wrote(
        request(
            assistant(ToolCall(id=name, name="f", arguments="{}")),
            user(ToolResult(call_id=name, content=[])),
            assistant(ToolCall(id=name + "y", name="f", arguments="{}")),
            assistant(ToolCall(id="x" * 64, name="f", arguments="{}")),
        )
    )
    first, second, third, fourth = (item["call_id"] for item in body["input"])
    assert first == second != third
    assert len(first) <= 64
    assert fourth == "x" * 64


def test_images_and_files() -> None:
    body, losses = wrote(
        request(
            user(
                Image(media_type="image/png", data="QQ=="),
                Image(url="https://e.org/a", detail="low"),
                Document(media_type="application/pdf", data="QQ=="),
                Document(text="plain", title="notes"),
                Document(url="https://e.org/b"),
            )
        )
    )
    assert losses == []
    plain = base64.b64encode(b"plain").decode()
    assert body["input"][0]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,QQ=="},
        {"type": "input_image", "image_url": "https://e.org/a", "detail": "low"},
        {
            "type": "input_file",
            "filename": "document.pdf",
            "file_data": "data:application/pdf;base64,QQ==",
        },
        {
            "type": "input_file",
            "filename": "notes",
            "file_data": f"data:text/plain;base64,{plain}",
        },
        {"type": "input_file", "file_url": "https://e.org/b"},
    ]


PNG = Image(media_type="image/png", data="QQ==")
MARK = CacheMark()
AT = "messages.0.content.0"
LOST: list[tuple[Part, str, list[tuple[str, str]]]] = [
    (Text(text="x", cache=MARK), "", [("cache_control", f"{AT}.cache_control")]),
    (Text(text="x", extras={"citations": 1}), "", [("citations", f"{AT}.citations")]),
    (PNG, "images", [("image", AT)]),
    (Image(url="u"), "image_urls", [("image_url", AT)]),
    (Image(file_id="f"), "", [("file_id", f"{AT}.file_id")]),
    (Document(file_id="f"), "", [("file_id", f"{AT}.file_id")]),
    (Document(text="x"), "documents", [("document", AT)]),
    (Audio(media_type="audio/wav", data=""), "", [("audio", AT)]),
    (Opaque(kind="server_tool_use", value={}), "", [("server_tool_use", AT)]),
    (
        ToolResult(call_id="c", content=[PNG]),
        "images",
        [("tool_result.image", f"{AT}.content.0")],
    ),
    (
        ToolResult(call_id="c", content=[], cache=MARK),
        "",
        [("cache_control", f"{AT}.cache_control")],
    ),
]


@pytest.mark.parametrize(("part", "without", "wanted"), LOST)
def test_what_parts_lose(part: Part, without: str, wanted: list[tuple[str, str]]) -> None:
    assert wrote(request(user(part)), target(without))[1] == wanted


def test_a_refusal_is_one_here_too() -> None:
    """The API takes ``output_text`` and ``refusal`` from an assistant, with or without ids."""
    body, losses = wrote(request(assistant(Text(text="a"), Text(text="no", refusal=True))))
    refusal = {"type": "refusal", "refusal": "no"}
    assert [item["content"] for item in body["input"]] == ["a", [refusal]]
    assert losses == []


def test_what_an_assistant_says_beside_text_has_no_place() -> None:
    body, losses = wrote(request(assistant(Text(text="no"), PNG)))
    assert body["input"] == [{"type": "message", "role": "assistant", "content": "no"}]
    assert losses == [("image", "messages.0.content.1")]


def test_an_empty_text_beside_calls_is_nothing() -> None:
    call = ToolCall(id="c", name="f", arguments="{}")
    body, losses = wrote(request(assistant(Text(text=""), call), assistant(Text(text=""))))
    assert [item["type"] for item in body["input"]] == ["function_call", "message"]
    assert losses == []


def test_openais_files_are_known_here() -> None:
    """Chat and Responses share them."""
    body, losses = wrote(request(user(Image(file_id="file_1")), format="openai_chat"))
    assert body["input"][0]["content"] == [{"type": "input_image", "file_id": "file_1"}]
    assert losses == []


def test_message_fields() -> None:
    message = Message(role="user", parts=[Text(text="x")], name="Ann", extras={"x": 1})
    assert wrote(request(message))[1] == [
        ("x", "messages.0.x"),
        ("message.name", "messages.0.name"),
    ]


def test_tools() -> None:
    """Absent means strict here and only here, so it is said that they are not."""
    schema: Json = {"type": "object", "properties": {"a": {}}}
    body, losses = wrote(
        request(
            tools=[
                Tool(name="a", description="A", parameters=schema),
                Tool(name="b", strict=True, cache=MARK, extras={"x": 1}),
                Tool(name="c", kind="custom", grammar={"type": "text"}),
                Tool(name="w", kind="hosted", value={"type": "web_search_20250305"}),
            ],
            tool_choice=ToolChoice(mode="tool", name="a"),
            parallel_tool_calls=False,
        )
    )
    assert body["tools"] == [
        {
            "type": "function",
            "name": "a",
            "description": "A",
            "parameters": schema,
            "strict": False,
        },
        {
            "type": "function",
            "name": "b",
            "parameters": {"type": "object", "properties": {}},
            "strict": True,
        },
        {"type": "custom", "name": "c", "format": {"type": "text"}},
    ]
    assert body["tool_choice"] == {"type": "function", "name": "a"}
    assert body["parallel_tool_calls"] is False
    assert losses == [
        ("tool.cache_control", "tools.1.cache_control"),
        ("x", "tools.1.x"),
        ("web_search_20250305", "tools.3"),
    ]


@pytest.mark.parametrize(
    ("mode", "lost"), [("auto", False), ("none", False), ("required", True), ("tool", True)]
)
def test_a_choice_among_no_tools(mode: Any, lost: bool) -> None:
    """The API refuses it; without tools, auto and none say nothing."""
    choice = ToolChoice(mode=mode, name="f" if mode == "tool" else "")
    body, losses = wrote(request(tool_choice=choice, parallel_tool_calls=False))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)
    assert losses == ([("tool_choice", "tool_choice")] if lost else [])


def test_custom_tools_need_a_target_that_has_them() -> None:
    call = ToolCall(id="c", name="exec", arguments="ls", kind="custom")
    result = ToolResult(call_id="c", content=[Text(text="x")], kind="custom")
    body, losses = wrote(request(assistant(call), user(result)))
    assert [item["type"] for item in body["input"]] == [
        "custom_tool_call",
        "custom_tool_call_output",
    ]
    assert losses == []
    assert wrote(request(assistant(call)), target("custom_tools"))[1] == [("custom", AT)]


SETTINGS: list[tuple[str, Any, str, str, Any]] = [
    # field, value, capability, field of the body or else the loss, its value
    ("temperature", 0.5, "sampling", "temperature", 0.5),
    ("top_p", 0.5, "sampling", "top_p", 0.5),
    ("top_k", 5, "top_k", "top_k", 5),
    ("seed", 1, "seed", "seed", 1),
    ("presence_penalty", 0.5, "penalties", "presence_penalty", 0.5),
    ("frequency_penalty", 0.5, "penalties", "frequency_penalty", 0.5),
    ("top_logprobs", 3, "logprobs", "top_logprobs", 3),
    ("user", "who", "user", "user", "who"),
    ("metadata", {"a": "b"}, "metadata", "metadata", {"a": "b"}),
    ("prompt_cache_key", "k", "prompt_cache_key", "prompt_cache_key", "k"),
    ("prompt_cache_retention", "24h", "prompt_cache_key", "prompt_cache_retention", "24h"),
    ("service_tier", "flex", "service_tier", "service_tier", "flex"),
]


@pytest.mark.parametrize(("name", "value", "capability", "loss", "wanted"), SETTINGS)
def test_settings_need_their_capability(
    name: str, value: Any, capability: str, loss: str, wanted: Any
) -> None:
    at = Target(model="m", capabilities=frozenset([capability]))
    body, losses = wrote(request(**{name: value}), at)
    field = "safety_identifier" if name == "user" else name
    assert (body[field], losses) == (wanted, [])
    body, losses = wrote(request(**{name: value}), Target(model="m"))
    assert field not in body
    assert losses == [(loss, loss)]


@pytest.mark.parametrize(
    "said",
    [{"service_tier": tier} for tier in ("auto", "default", "standard_only")]
    + [{"verbosity": "medium"}],
)
def test_what_a_model_does_anyway_is_no_loss(said: dict[str, Any]) -> None:
    assert wrote(request(**said), Target(model="m")) == wrote(request(), Target(model="m"))


def test_more_losses() -> None:
    assert wrote(request(stop=["x"]))[1] == [("stop_sequences", "stop_sequences")]
    assert wrote(request(candidates=2))[1] == [("n", "n")]
    assert wrote(request(service_tier="x"))[1] == [("service_tier", "service_tier")]
    assert wrote(request(previous_response_id="r"))[1] == [
        ("previous_response_id", "previous_response_id")
    ]
    assert wrote(request(extras={"context_management": {"edits": []}}))[1] == [
        ("context_management", "context_management")
    ]


def test_what_is_off_or_the_default_is_no_loss() -> None:
    bare = Target(model="m")
    fields = {
        "candidates": 1, "presence_penalty": 0.0, "frequency_penalty": 0, "temperature": 1,
        "top_p": 1.0, "metadata": {}, "store": False, "parallel_tool_calls": True,
        "logprobs": False,
    }  # fmt: skip
    body, losses = wrote(request(**fields), bare)
    assert (body, losses) == ({"model": "m", "input": [], "store": False}, [])


def test_the_limit_is_at_most_the_models_own() -> None:
    asked = request(max_output_tokens=64000)
    assert wrote(asked)[0]["max_output_tokens"] == 64000
    assert wrote(asked, target(output_tokens_max=32768))[0]["max_output_tokens"] == 32768


def test_a_long_user_id_becomes_a_checksum() -> None:
    """Claude Code's is a JSON text of more than the 128 characters that the API takes."""
    first, again, other = (
        wrote(request(user=name))[0]["safety_identifier"]
        for name in ("x" * 129, "x" * 129, "y" * 200)
    )
    assert first == again != other
    assert len(str(first)) == 64


@pytest.mark.parametrize(
    ("reasoning", "wanted"),
    [
        (Reasoning(mode="enabled", budget_tokens=1024), {"effort": "low", "summary": "auto"}),
        (Reasoning(mode="enabled", budget_tokens=4096), {"effort": "medium", "summary": "auto"}),
        (Reasoning(mode="enabled", budget_tokens=31999), {"effort": "high", "summary": "auto"}),
        (Reasoning(mode="adaptive"), {"summary": "auto"}),
        (Reasoning(mode="adaptive", effort="max"), {"effort": "max", "summary": "auto"}),
        (
            Reasoning(mode="adaptive", effort="low", extras={"display": "omitted"}),
            {"effort": "low"},
        ),
        (Reasoning(effort="high", summary="detailed"), {"effort": "high", "summary": "detailed"}),
        (Reasoning(mode="disabled"), {"effort": "none"}),
    ],
)
def test_reasoning(reasoning: Reasoning, wanted: Json) -> None:
    body, losses = wrote(request(reasoning=reasoning))
    assert (body["reasoning"], losses) == (wanted, [])


def test_thinking_is_shown_to_those_who_are_used_to_it() -> None:
    asked = request(reasoning=Reasoning(mode="enabled", budget_tokens=1024), format="gemini")
    assert wrote(asked)[0]["reasoning"] == {"effort": "low"}


def test_reasoning_that_the_model_cannot_do() -> None:
    bare = Target(model="m")
    assert wrote(request(reasoning=Reasoning(effort="high", summary="auto")), bare)[1] == [
        ("reasoning", "reasoning"),
        ("reasoning.summary", "reasoning.summary"),
    ]
    assert wrote(request(reasoning=Reasoning(effort="none")), bare)[1] == [
        ("reasoning", "reasoning")
    ]
    # Claude Code's side requests say this of every model.
    body, losses = wrote(request(reasoning=Reasoning(mode="disabled")), bare)
    assert ("reasoning" in body, losses) == (False, [])


def test_output_formats() -> None:
    schema = OutputFormat(kind="json_schema", schema={"a": 1}, strict=True)
    body, losses = wrote(request(output=schema, verbosity="low"))
    assert losses == []
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "output", "schema": {"a": 1}, "strict": True},
        "verbosity": "low",
    }
    assert wrote(request(output=OutputFormat(kind="json_object")))[0]["text"] == {
        "format": {"type": "json_object"}
    }
    assert wrote(request(output=schema, verbosity="low"), Target(model="m"))[1] == [
        ("output_format", "output_format"),
        ("verbosity", "verbosity"),
    ]


def test_log_probabilities_are_asked_for_by_include() -> None:
    body, losses = wrote(request(logprobs=True))
    assert losses == []
    assert body["include"] == ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert wrote(request(logprobs=True), Target(model="m"))[1] == [("logprobs", "logprobs")]
