"""Converse requests: what is read is written again, word for word."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.errors import GatewayError
from lynkr.wire.codec import Losses, Target
from lynkr.wire.converse.codec import CODEC
from lynkr.wire.message import (
    Audio,
    CacheMark,
    Document,
    Image,
    Opaque,
    Reasoning,
    Request,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from lynkr.wire.seals import seal_text
from tests.wire import schemas
from tests.wire.converse.tools import unhurried
from tests.wire.made_json import objects, some_text, unknown, values, words

Json = dict[str, Any]

PIXEL = "iVBORw0KGgo="


def read(body: Json) -> Request:
    return CODEC.decode_request(json.dumps(body).encode(), "eu.anthropic.claude", False)


def again(body: Json) -> Json:
    """Read and written for Bedrock again; nothing may be lost."""
    losses = Losses()
    written = CODEC.encode_request(read(body), Target("m"), losses)
    assert losses.found == []
    found = json.loads(written)
    assert isinstance(found, dict)
    return found


EVERYTHING: Json = {
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "Look."},
                {"cachePoint": {"type": "default"}},
                {"image": {"format": "png", "source": {"bytes": PIXEL}}},
                {
                    "image": {
                        "format": "png",
                        "source": {"s3Location": {"uri": "s3://bucket/b.png"}},
                    }
                },
                {
                    "document": {
                        "format": "pdf",
                        "name": "Report (1)",
                        "source": {"bytes": "JVBERi0="},
                        "context": "of 2026",
                        "citations": {"enabled": True},
                    }
                },
                {"document": {"name": "notes", "source": {"text": "plain"}}},
                {"document": {"name": "bits", "source": {"content": [{"text": "a"}]}}},
                {"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}},
                {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
                {"guardContent": {"text": {"text": "careful", "qualifiers": ["query"]}}},
                {"searchResult": {"source": "s", "title": "t", "content": [{"text": "c"}]}},
                {"cachePoint": {"type": "default", "ttl": "1h"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "EqQI"}}},
                {"reasoningContent": {"redactedContent": "RXRNRg=="}},
                {"reasoningContent": {"redactedContent": "/+8A"}},
                {"reasoningContent": {"reasoningText": {"text": "unsigned"}}},
                {"text": "I look."},
                {
                    "citationsContent": {
                        "content": [{"text": "so "}, {"text": "it says"}],
                        "citations": [{"title": "t", "location": {"web": {"url": "u"}}}],
                    }
                },
                {"toolUse": {"toolUseId": "t1", "name": "ls", "input": {"path": "/"}}},
                {"toolUse": {"toolUseId": "t2", "name": "ls", "input": {}}},
                {"cachePoint": {"type": "default"}},
                {
                    "toolUse": {
                        "toolUseId": "t3",
                        "name": "nova_grounding",
                        "input": {},
                        "type": "server_tool_use",
                    }
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "t1", "content": [{"text": "a"}, {"text": ""}]}},
                {
                    "toolResult": {
                        "toolUseId": "t2",
                        "content": [
                            {"json": {"rows": [1, 2.5]}},
                            {"image": {"format": "gif", "source": {"bytes": PIXEL}}},
                            {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
                        ],
                        "status": "error",
                    }
                },
                {"cachePoint": {"type": "default", "ttl": "5m"}},
                {"toolResult": {"toolUseId": "t3", "type": "nova_x", "content": []}},
            ],
        },
        {"role": "system", "content": [{"toolAddition": {"tool": {"name": "later"}}}]},
    ],
    "system": [
        {"cachePoint": {"type": "default"}},
        {"text": "Be good."},
        {"cachePoint": {"type": "default"}},
        {"guardContent": {"text": {"text": "x"}}},
    ],
    "inferenceConfig": {
        "maxTokens": 100,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["END"],
    },
    "toolConfig": {
        "tools": [
            {
                "toolSpec": {
                    "name": "ls",
                    "description": "List.",
                    "inputSchema": {"json": {"type": "object", "properties": {}}},
                    "strict": False,
                }
            },
            {"cachePoint": {"type": "default"}},
            {"systemTool": {"name": "nova_grounding"}},
        ],
        "toolChoice": {"tool": {"name": "ls"}},
    },
    "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
    "additionalModelRequestFields": {
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "top_k": 40,
        "anthropic_beta": ["x"],
    },
    "promptVariables": {"a": {"text": "b"}},
    "additionalModelResponseFieldPaths": ["/stop_sequence"],
    "requestMetadata": {"team": "a"},
    "performanceConfig": {"latency": "optimized"},
    "serviceTier": {"type": "priority"},
    "outputConfig": {
        "effort": "high",
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type": "object"}', "name": "answer"}},
        },
    },
}


def test_a_request_with_everything_in_it_comes_back_as_it_was() -> None:
    schemas.check("bedrock", json.dumps(EVERYTHING).encode(), stream=False)
    assert again(EVERYTHING) == EVERYTHING


def test_what_it_says_is_understood() -> None:
    request = read(EVERYTHING)
    assert (request.format, request.model, request.stream) == (
        "bedrock",
        "eu.anthropic.claude",
        False,
    )
    first, second, third, fourth = request.messages
    assert first.parts[0] == Text(text="Look.", cache=CacheMark())
    assert first.parts[1] == Image(media_type="image/png", data=PIXEL)
    assert first.parts[3] == Document(
        media_type="application/pdf",
        data="JVBERi0=",
        title="Report (1)",
        extras={"context": "of 2026", "citations": {"enabled": True}},
    )
    assert first.parts[4] == Document(text="plain", title="notes")
    assert first.parts[6] == Audio(media_type="audio/wav", data="UklGRg==")
    assert [part.kind for part in first.parts if isinstance(part, Opaque)] == [
        "image", "document", "video", "guardContent", "searchResult", "cache_control",
    ]  # fmt: skip
    assert second.parts[0] == Thinking(
        text="Hm.", seal=Seal("anthropic_messages", {"signature": "EqQI"})
    )
    # The bytes of the blob are the text that Anthropic's own API calls `data`.
    assert second.parts[1] == Thinking(seal=Seal("anthropic_messages", {"data": "EtMF"}))
    assert second.parts[2] == Thinking(seal=Seal("bedrock", {"redactedContent": "/+8A"}))
    assert second.parts[3] == Thinking(text="unsigned")
    cited = second.parts[5]
    assert isinstance(cited, Text)
    assert cited.text == "so it says"
    assert second.parts[6] == ToolCall(id="t1", name="ls", arguments='{"path":"/"}')
    assert second.parts[7] == ToolCall(id="t2", name="ls", arguments="{}", cache=CacheMark())
    assert isinstance(second.parts[8], Opaque)
    assert second.parts[8].kind == "server_tool_use"
    assert third.parts[0] == ToolResult(call_id="t1", content=[Text(text="a"), Text(text="")])
    result = third.parts[1]
    assert isinstance(result, ToolResult)
    assert (result.is_error, result.cache) == (True, CacheMark(ttl="5m"))
    assert isinstance(result.content[0], Text)
    assert result.content[0].text == '{"rows":[1,2.5]}'
    assert fourth.role == "system"
    assert request.system is not None
    assert request.system.parts[1] == Text(text="Be good.", cache=CacheMark())
    tool, hosted = request.tools
    assert (tool.name, tool.description, tool.strict, tool.cache) == (
        "ls", "List.", False, CacheMark(),
    )  # fmt: skip
    assert (hosted.kind, hosted.name) == ("hosted", "nova_grounding")
    assert request.tool_choice == ToolChoice(mode="tool", name="ls")
    assert request.reasoning == Reasoning(mode="enabled", effort="high", budget_tokens=2000)
    assert (request.max_output_tokens, request.temperature, request.top_p, request.top_k) == (
        100, 0.5, 0.9, 40,
    )  # fmt: skip
    assert request.stop == ["END"]
    assert request.output is not None
    assert (request.output.name, request.output.schema) == ("answer", {"type": "object"})
    assert (request.metadata, request.service_tier) == ({"team": "a"}, "priority")
    assert sorted(request.extras) == [
        "additionalModelRequestFields", "additionalModelResponseFieldPaths", "guardrailConfig",
        "performanceConfig", "promptVariables",
    ]  # fmt: skip


NORMAL_FORMS: list[tuple[str, Json, Json]] = [
    ("what is empty is left out", {"messages": [], "system": [], "inferenceConfig": {}}, {}),
    ("null is absent", {"inferenceConfig": {"maxTokens": None}, "toolConfig": None}, {}),
    (
        "success is what a result is without a status",
        {"toolResult": {"toolUseId": "t", "content": [], "status": "success"}},
        {"toolResult": {"toolUseId": "t", "content": []}},
    ),
    (
        "replies call a call a tool_use; requests need not",
        {"toolUse": {"toolUseId": "t", "name": "n", "input": {}, "type": "tool_use"}},
        {"toolUse": {"toolUseId": "t", "name": "n", "input": {}}},
    ),
    (
        "no input is an empty one",
        {"toolUse": {"toolUseId": "t", "name": "n"}},
        {"toolUse": {"toolUseId": "t", "name": "n", "input": {}}},
    ),
]


@pytest.mark.parametrize(("why", "given_", "normal"), NORMAL_FORMS)
def test_normal_forms(why: str, given_: Json, normal: Json) -> None:
    """All there are."""

    def whole(part: Json) -> Json:
        known = part.keys() & {"toolResult", "toolUse"}
        return {"messages": [{"role": "user", "content": [part]}]} if known else part

    assert again(whole(given_)) == whole(normal)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({"messages": {}}, "messages"),
        ({"messages": [1]}, "messages.0"),
        ({"messages": [{"content": []}]}, "messages.0.role"),
        ({"messages": [{"role": "tool", "content": []}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["hi"]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"text": 1}]}]}, "messages.0.content.0.text"),
        (
            {"messages": [{"role": "user", "content": [{"toolUse": {"name": "n"}}]}]},
            "messages.0.content.0.toolUse.toolUseId",
        ),
        (
            {"messages": [{"role": "user", "content": [{"toolResult": {"content": 1}}]}]},
            "messages.0.content.0.toolResult.content",
        ),
        ({"system": [{"text": None}]}, "system.0.text"),
        ({"inferenceConfig": {"maxTokens": "9"}}, "inferenceConfig.maxTokens"),
        ({"inferenceConfig": 3}, "inferenceConfig"),
        ({"toolConfig": {"tools": [{"toolSpec": {}}]}}, "toolConfig.tools.0.toolSpec.name"),
        ({"toolConfig": {"tools": [3]}}, "toolConfig.tools.0"),
    ],
)
def test_a_request_that_breaks_the_dialect_is_refused_with_the_field(
    body: object, field: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        CODEC.decode_request(json.dumps(body).encode(), "m", False)
    assert (caught.value.status, caught.value.field) == (400, field)


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(GatewayError, match="JSON"):
        CODEC.decode_request(b"{", "m", False)


def test_seals_of_others_that_a_client_kept_are_found_and_left_out() -> None:
    """Another provider's reasoning is not this model's: a loss, with the text."""
    signed = Seal("openai_responses", {"id": "rs_1", "encrypted_content": "x"})
    alone = Seal("gemini", {"thoughtSignature": "y"})
    hidden = seal_text(alone).encode()
    content = [
        {"reasoningContent": {"reasoningText": {"text": "a", "signature": seal_text(signed)}}},
        {"reasoningContent": {"redactedContent": base64.b64encode(hidden).decode()}},
        {"text": "b"},
    ]
    request = read({"messages": [{"role": "assistant", "content": content}]})
    assert request.messages[0].parts == [
        Thinking(text="a", seal=signed),
        Thinking(seal=alone),
        Text(text="b"),
    ]
    losses = Losses()
    body = json.loads(CODEC.encode_request(request, Target("m"), losses))
    assert [(loss.name, loss.field) for loss in losses.found] == [
        ("thinking", "messages.0.content.0"),
        ("thinking", "messages.0.content.1"),
    ]
    assert body["messages"][0]["content"] == [{"text": "b"}]
    assert len(request.messages[0].parts) == 3, "the request itself is not changed"


# --- made at random -------------------------------------------------------------------------------

blobs = st.binary(min_size=1, max_size=12).map(lambda raw: base64.b64encode(raw).decode())
marks = st.sampled_from(
    [
        {"cachePoint": {"type": "default"}},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"cachePoint": {"type": "new", "x": 1}},
    ]
)
images = st.builds(
    lambda form, data, rest: {"image": {"format": form, "source": {"bytes": data}, **rest}},
    st.sampled_from(["png", "jpeg"]), blobs, unknown,
)  # fmt: skip
documents = st.builds(
    lambda form, name, source, rest: {
        "document": {**form, "name": name, "source": source, **rest}
    },
    st.sampled_from([{}, {"format": "pdf"}, {"format": "txt"}, {"format": "odd"}]),
    words,
    st.one_of(blobs.map(lambda data: {"bytes": data}), words.map(lambda text: {"text": text})),
    unknown,
)  # fmt: skip
texts = st.builds(lambda text, rest: {"text": text, **rest}, some_text(lone=True), unknown)
calls = st.builds(
    lambda name, value, rest: {"toolUse": {"toolUseId": "t", "name": name, "input": value, **rest}},
    words, values, unknown,
)  # fmt: skip
thoughts = st.one_of(
    blobs.map(lambda data: {"redactedContent": data}),
    st.builds(
        lambda text, signed, rest: {"reasoningText": {"text": text, **signed, **rest}},
        some_text(),
        st.one_of(st.just({}), words.map(lambda text: {"signature": text})),
        unknown,
    ),
).map(lambda inner: {"reasoningContent": inner})
results = st.builds(
    lambda content, status, rest: {
        "toolResult": {"toolUseId": "t", "content": content, **status, **rest}
    },
    st.lists(
        st.one_of(texts, images, documents, values.map(lambda value: {"json": value})), max_size=3
    ),
    st.sampled_from([{}, {"status": "error"}, {"status": "new"}]),
    unknown,
)
others = st.builds(lambda kind, inner: {kind: inner}, words.map("x_".__add__), values)
blocks = st.lists(
    st.one_of(texts, images, documents, calls, thoughts, results, others, marks), max_size=6
)
messages = st.builds(
    lambda role, content, rest: {"role": role, "content": content, **rest},
    st.sampled_from(["user", "assistant", "system"]), blocks, unknown,
)  # fmt: skip
tools = st.one_of(
    st.builds(
        lambda name, told, schema, rest: {
            "toolSpec": {"name": name, **told, "inputSchema": {"json": schema}, **rest}
        },
        words,
        st.sampled_from([{}, {"description": ""}, {"strict": True}]),
        objects,
        unknown,
    ),
    words.map(lambda name: {"systemTool": {"name": name}}),
    marks,
    others,
)


def table(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Some of these, and something unknown."""
    return st.builds(
        lambda known, rest: {**known, **rest}, st.fixed_dictionaries({}, optional=fields), unknown
    )


choices = st.one_of(
    unknown.map(lambda rest: {"auto": rest}),
    unknown.map(lambda rest: {"any": rest}),
    st.builds(lambda name, rest: {"tool": {"name": name, **rest}}, words, unknown),
    unknown,
)
schemas_made = st.builds(
    lambda schema, indent, rest: {
        "type": "json_schema",
        "structure": {"jsonSchema": {"schema": json.dumps(schema, indent=indent), **rest}},
    },
    objects, st.sampled_from([None, 1]), unknown,
)  # fmt: skip
requests = table(
    messages=st.lists(messages, min_size=1, max_size=4),
    system=st.lists(st.one_of(texts, marks, others), min_size=1, max_size=3),
    inferenceConfig=table(
        maxTokens=st.integers(1, 9**9),
        temperature=st.floats(0, 1),
        topP=st.floats(0, 1),
        stopSequences=st.lists(words, min_size=1, max_size=2),
    ),
    toolConfig=table(tools=st.lists(tools, min_size=1, max_size=4), toolChoice=choices),
    additionalModelRequestFields=table(
        top_k=st.one_of(st.integers(), st.floats(0.5, 0.6), st.booleans()),
        thinking=table(type=st.sampled_from(["enabled", "new"]), budget_tokens=st.integers()),
    ),
    outputConfig=table(effort=words, textFormat=st.one_of(schemas_made, objects)),
    requestMetadata=st.dictionaries(words, words, min_size=1),
    serviceTier=st.one_of(words.map(lambda kind: {"type": kind}), objects.filter(bool)),
)


def without_empty(body: Json) -> Json:
    """The one normal form that such requests may need."""
    return {name: value for name, value in body.items() if value != {} or name[:2] == "x_"}


@unhurried
@given(requests)
def test_any_request_comes_back_as_it_was(body: Json) -> None:
    assert again(body) == without_empty(body)
