"""Requests of Google's generateContent: read, and written back as they were."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given

from lynkr.wire.codec import Target
from lynkr.wire.gemini.codec import CODEC
from lynkr.wire.message import (
    Audio,
    Document,
    Image,
    Json,
    Opaque,
    Part,
    Reasoning,
    Seal,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from lynkr.wire.seals import seal_text
from tests.harness.fixtures import Fixture
from tests.wire.gemini import made as made_gemini
from tests.wire.gemini.cases import FIXTURES, decoded, encoded, lost


def user(*parts: object) -> dict[str, object]:
    return {"role": "user", "parts": list(parts)}


def model(*parts: object) -> dict[str, object]:
    return {"role": "model", "parts": list(parts)}


def call(name: str, **more: object) -> dict[str, object]:
    return {"functionCall": {"name": name, "args": {}, **more}}


def result(name: str, **more: object) -> dict[str, object]:
    return {"functionResponse": {"name": name, "response": {"output": "ok"}, **more}}


def parts(*given: object) -> list[Part]:
    return decoded({"contents": [model(*given)]}).messages[0].parts


# --- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", FIXTURES, ids=repr)
def test_a_recorded_request_comes_back(fixture: Fixture) -> None:
    request = CODEC.decode_request(fixture.request, fixture.expect.model, fixture.expect.stream)
    body, losses = encoded(request)
    assert body == normal(json.loads(fixture.request))
    assert losses.found == []


def normal(body: Any) -> Any:
    """The only fixtures in another spelling than the codec's own."""
    if "system_instruction" in body:
        return {
            "systemInstruction": {"parts": [body["system_instruction"]["parts"]]},
            "contents": [{"parts": [body["contents"]["parts"]]}],
            "cachedContent": "cachedContents/abc",
            "generationConfig": {
                "maxOutputTokens": 800,
                "temperature": 0.2,
                "topP": 0.8,
                "topK": 10,
                "stopSequences": ["Title"],
                "seed": 42,
                "presencePenalty": 0.5,
                "frequencyPenalty": -0.25,
                "thinkingConfig": {"thinkingBudget": 1024},
            },
        }
    return body


@given(made_gemini.requests)
def test_every_request_comes_back(body: dict[str, object]) -> None:
    """Unknown fields, signatures, ids that are there and ids that are not, schemas, all of it."""
    request = decoded(body)
    again, losses = encoded(request)
    assert again == json.loads(json.dumps(body))
    assert losses.found == []


@pytest.mark.parametrize(
    ("given", "written"),
    [
        # One object in place of a list.
        ({"contents": {"parts": {"text": "a"}}}, {"contents": [{"parts": [{"text": "a"}]}]}),
        ({"tools": {"googleSearch": {}}}, {"contents": [], "tools": [{"googleSearch": {}}]}),
        # snake_case.
        (
            {"contents": [user({"inline_data": {"mime_type": "image/png", "data": "AA=="}})]},
            {"contents": [user({"inlineData": {"mimeType": "image/png", "data": "AA=="}})]},
        ),
        ({"cached_content": "x"}, {"contents": [], "cachedContent": "x"}),
        # The other alphabet of base64, and no padding.
        (
            {"contents": [user({"inlineData": {"mimeType": "image/png", "data": "-_8"}})]},
            {"contents": [user({"inlineData": {"mimeType": "image/png", "data": "+/8="}})]},
        ),
        # What is absent anyway.
        ({"model": "models/x", "systemInstruction": None}, {"contents": []}),
        ({"generationConfig": {}, "toolConfig": {}, "tools": []}, {"contents": []}),
        ({"tools": [{}, {"functionDeclarations": []}]}, {"contents": []}),
        ({"generationConfig": {"temperature": None, "stopSequences": []}}, {"contents": []}),
        (
            {"generationConfig": {"thinkingConfig": {"includeThoughts": False}}},
            {"contents": []},
        ),
        (
            {"contents": [user({"text": "a", "thought": False, "inlineData": None})]},
            {"contents": [user({"text": "a", "inlineData": None})]},
        ),
        (
            {"contents": [model({"functionCall": {"name": "f"}})]},
            {"contents": [model({"functionCall": {"name": "f", "args": {}}})]},
        ),
        (
            {"contents": [user({"functionResponse": {"name": "f"}})]},
            {"contents": [user({"functionResponse": {"name": "f", "response": {}}})]},
        ),
        # The name of an enum is in capitals.
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}},
            {"contents": [], "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}},
        ),
    ],
)
def test_the_normal_forms(given: dict[str, object], written: dict[str, object]) -> None:
    """All that changes on the way: Google reads both the same."""
    assert encoded(decoded(given))[0] == written


def test_a_missing_signature_is_filled_in_for_googles_own_clients_too() -> None:
    """One that had another model behind it has none to send."""
    body = {"contents": [model({"text": "a"}, call("f"), call("g"))]}
    target = Target(model="m", missing_signature="skip_it")
    written = encoded(decoded(body), target)[0]["contents"][0]["parts"]
    assert [part.get("thoughtSignature") for part in written] == [None, "skip_it", None]
    body = {"contents": [model({**call("f"), "thoughtSignature": "own"}, call("g"))]}
    written = encoded(decoded(body), target)[0]["contents"][0]["parts"]
    assert [part.get("thoughtSignature") for part in written] == ["own", None]


# --- what is read ---------------------------------------------------------------------------------


def test_model_and_stream_come_from_the_path() -> None:
    request = CODEC.decode_request(b'{"contents":[]}', "gemini-y", True)
    assert (request.format, request.model, request.stream) == ("gemini", "gemini-y", True)


def test_roles() -> None:
    given = [{"parts": []}, user(), model(), {"role": "function", "parts": []}]
    request = decoded({"contents": given})
    assert [message.role for message in request.messages] == ["user", "user", "assistant", "user"]


def test_calls_without_ids_are_matched_by_name_and_order() -> None:
    request = decoded(
        {
            "contents": [
                user({"text": "x"}),
                model(call("f"), call("g"), call("f")),
                user(result("f"), result("f"), result("g"), result("h")),
                model(call("f", id="given"), call("g")),
                user(result("g"), result("f")),
            ]
        }
    )
    called = [part for message in request.messages for part in message.parts]
    ids = [part.id for part in called if isinstance(part, ToolCall)]
    answered = [part.call_id for part in called if isinstance(part, ToolResult)]
    assert ids == ["call_gemini_1", "call_gemini_2", "call_gemini_3", "given", "call_gemini_6"]
    assert answered == [ids[0], ids[2], ids[1], "call_gemini_4", ids[4], ids[3]]


def test_a_result_answers_the_turn_before_it() -> None:
    """Not a call that was never answered."""
    contents = [model(call("f")), user({"text": "x"}), model(call("f")), user(result("f"))]
    (part,) = decoded({"contents": contents}).messages[3].parts
    assert isinstance(part, ToolResult)
    assert part.call_id == "call_gemini_2"


def test_ids_stay_when_the_conversation_grows() -> None:
    contents = [user({"text": "x"}), model(call("f")), user(result("f"))]
    before = decoded({"contents": contents})
    after = decoded({"contents": [*contents, model(call("f")), user(result("f"))]})
    assert after.messages[:3] == before.messages


def test_a_result_is_text() -> None:
    """``output`` and ``error`` are Google's words for it; all else is for the model to read."""
    for response, text, plain, is_error in (
        ({"output": "a"}, "a", True, False),
        ({"error": "b"}, "b", True, True),
        ({"output": {"a": 1}}, '{"output":{"a":1}}', False, False),
        ({"result": "c"}, '{"result":"c"}', False, False),
        ({"output": "a", "more": 1}, '{"output":"a","more":1}', False, False),
        ({}, "{}", False, False),
    ):
        request = decoded({"contents": [user(result("f", response=response))]})
        (part,) = request.messages[0].parts
        assert isinstance(part, ToolResult)
        assert (part.content, part.plain, part.is_error) == ([Text(text=text)], plain, is_error)
        assert part.name == "f"


def test_pictures_in_a_result() -> None:
    inside: list[Json] = [
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
    ]
    (part,) = decoded({"contents": [user(result("f", parts=inside))]}).messages[0].parts
    assert isinstance(part, ToolResult)
    assert part.content == [
        Text(text="ok"),
        Image(media_type="image/png", data="AAAA"),
        Opaque(kind="inlineData", value=inside[1], format="gemini"),
    ]
    assert not part.plain


@pytest.mark.parametrize("word", ["output", "error"])
@pytest.mark.parametrize("text", ["see", '{"output":"see"}', "5", ""])
def test_a_string_beside_pictures_is_a_string(word: str, text: str) -> None:
    picture: Json = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    body = {"contents": [user(result("f", response={word: text}, parts=[picture]))]}
    request = decoded(body)
    (part,) = request.messages[0].parts
    assert isinstance(part, ToolResult)
    assert part.content == [Text(text=text), Image(media_type="image/png", data="AAAA")]
    assert part.is_error == (word == "error")
    assert encoded(request)[0] == body


def test_media_of_known_types() -> None:
    plain = base64.b64encode("hä".encode()).decode()
    found = parts(
        {"inlineData": {"mimeType": "image/png", "data": "AA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        {"inlineData": {"mimeType": "text/csv", "data": plain}},
        {"inlineData": {"mimeType": "text/csv", "data": "/w=="}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA", "x": 1}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://e.com/a"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/c"}},
        {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, "videoMetadata": {"fps": 1}},
        {"fileData": {"fileUri": "https://youtu.be/x"}},
        {"executableCode": {"code": "1"}},
    )
    assert found[:7] == [
        Image(media_type="image/png", data="AA=="),
        Document(media_type="application/pdf", data="AAAA"),
        Document(media_type="text/csv", text="hä"),
        Document(media_type="text/csv", data="/w=="),
        Audio(media_type="audio/mp3", data="AAAA", extras={"inlineData": {"x": 1}}),
        Image(media_type="image/jpeg", url="https://e.com/a"),
        Document(media_type="application/pdf", file_id="gs://b/c"),
    ]
    kinds = [part.kind for part in found[7:] if isinstance(part, Opaque)]
    assert kinds == ["inlineData", "fileData", "executableCode"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            [{"text": "a", "thoughtSignature": "s"}],
            [Thinking(seal=Seal("gemini", {"thoughtSignature": "s"})), Text(text="a")],
        ),
        (
            [{"text": "t", "thought": True}, {"text": "a", "thoughtSignature": "s"}],
            [
                Thinking(text="t", summary=True, seal=Seal("gemini", {"thoughtSignature": "s"})),
                Text(text="a"),
            ],
        ),
        (
            [{"text": "a"}, {"text": "", "thoughtSignature": "s"}],
            [
                Text(text="a"),
                Thinking(seal=Seal("gemini", {"thoughtSignature": "s", "on": "text"})),
            ],
        ),
        (
            [{"text": "t", "thought": True, "thoughtSignature": "s"}],
            [
                Thinking(
                    text="t",
                    summary=True,
                    seal=Seal("gemini", {"thoughtSignature": "s", "on": "thought"}),
                )
            ],
        ),
        (
            [{"thoughtSignature": "s"}],
            [Thinking(seal=Seal("gemini", {"thoughtSignature": "s", "on": "part"}))],
        ),
    ],
)
def test_a_signature_is_the_seal_of_the_thought_before(
    given: list[object], expected: list[Part]
) -> None:
    assert parts(*given) == expected


def foreign(seal: Seal) -> str:
    """As this dialect's clients carry it."""
    return base64.b64encode(seal_text(seal).encode()).decode()


@pytest.mark.parametrize("alphabet", [("", ""), ("+/", "-_")])
def test_a_foreign_seal_is_found_again(alphabet: tuple[str, str]) -> None:
    """The Python SDK writes bytes in the alphabet that is safe in URLs."""
    seal = Seal("anthropic_messages", {"signature": "Eq??>>~~ü"})
    text = foreign(seal).translate(str.maketrans(*alphabet)) if alphabet[0] else foreign(seal)
    signed = {**call("f"), "thoughtSignature": text}
    found = parts({"text": "t", "thought": True}, signed)
    assert found[0] == Thinking(text="t", summary=True, seal=seal)


def test_a_foreign_seal_does_not_go_to_google() -> None:
    seal = Seal("anthropic_messages", {"signature": "x"})
    given = model({"text": "t", "thought": True}, {**call("f"), "thoughtSignature": foreign(seal)})
    body, losses = encoded(decoded({"contents": [given]}))
    assert body["contents"] == [model(call("f"))]
    assert lost(losses) == [("thinking", "messages.0.content.0")]


@pytest.mark.parametrize("text", ["bHlua3IxLmFiYw==", "bHlua3IxL!!", "bHlua3IxLv8="])
def test_what_only_looks_like_a_seal_is_a_signature(text: str) -> None:
    (thinking, _) = parts({**call("f"), "thoughtSignature": text})
    assert thinking == Thinking(seal=Seal("gemini", {"thoughtSignature": text}))


def test_tools() -> None:
    own = {
        "type": "OBJECT",
        "properties": {
            "a": {"type": "STRING", "nullable": True, "enum": ["x"]},
            "b": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "2"},
            "c": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
            "type": {"type": "STRING"},
        },
        "required": ["a"],
        "additionalProperties": {"type": "STRING"},
    }
    request = decoded(
        {
            "tools": [
                {
                    "functionDeclarations": [
                        {"name": "f", "description": "d", "parameters": own, "behavior": "BLOCKING"}
                    ],
                    "googleSearch": {"x": 1},
                },
                {"urlContext": {}},
            ]
        }
    )
    declared, search, context = request.tools
    assert (declared.name, declared.kind, declared.description) == ("f", "function", "d")
    assert declared.extras == {"behavior": "BLOCKING"}
    assert declared.parameters == {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "enum": ["x", None]},
            "b": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
            "c": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
            "type": {"type": "string"},
        },
        "required": ["a"],
        "additionalProperties": {"type": "string"},
    }
    assert (search.kind, search.name) == ("hosted", "googleSearch")
    assert search.value == {"type": "googleSearch", "googleSearch": {"x": 1}}
    assert context.name == "urlContext"


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto")),
        ({"mode": "NONE"}, ToolChoice(mode="none")),
        ({"mode": "ANY"}, ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(mode="tool", name="f")),
        (
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
            ToolChoice(mode="required", extras={"allowedFunctionNames": ["f", "g"]}),
        ),
        ({"mode": "VALIDATED"}, ToolChoice(mode="auto", extras={"mode": "VALIDATED"})),
        ({}, None),
    ],
)
def test_tool_choice(calling: dict[str, object], choice: ToolChoice | None) -> None:
    assert decoded({"toolConfig": {"functionCallingConfig": calling}}).tool_choice == choice


@pytest.mark.parametrize(
    ("config", "reasoning"),
    [
        ({"thinkingBudget": 0}, Reasoning(mode="disabled")),
        ({"thinkingBudget": -1}, Reasoning(mode="adaptive")),
        ({"thinkingBudget": 99}, Reasoning(mode="enabled", budget_tokens=99)),
        ({"thinkingLevel": "HIGH"}, Reasoning(effort="high")),
        (
            {"thinkingLevel": "low", "includeThoughts": True},
            Reasoning(effort="low", summary="auto"),
        ),
        ({"includeThoughts": True}, Reasoning(summary="auto")),
        ({"includeThoughts": False}, None),
    ],
)
def test_thinking(config: dict[str, object], reasoning: Reasoning | None) -> None:
    assert decoded({"generationConfig": {"thinkingConfig": config}}).reasoning == reasoning


def test_what_has_no_word_keeps_its_path() -> None:
    request = decoded(
        {
            "safetySettings": [],
            "labels": {"a": "b"},
            "generationConfig": {"mediaResolution": "x", "thinkingConfig": {"y": 1}},
            "toolConfig": {"retrievalConfig": {}, "functionCallingConfig": {"z": 2}},
        }
    )
    assert request.extras == {
        "safetySettings": [],
        "labels": {"a": "b"},
        "generationConfig.mediaResolution": "x",
        "generationConfig.thinkingConfig.y": 1,
        "toolConfig.retrievalConfig": {},
        "toolConfig.functionCallingConfig.z": 2,
    }
