"""Google's JSON taken apart: both spellings of its names, and errors that say where."""

from __future__ import annotations

import pytest

from lynkr.errors import GatewayError
from lynkr.wire.gemini.codec import CODEC
from lynkr.wire.gemini.fields import CAMEL
from lynkr.wire.message import Text, ToolCall, ToolChoice, ToolResult
from tests.wire.gemini.cases import decoded


def test_names() -> None:
    assert CAMEL["top_p"] == "topP"
    assert CAMEL["parameters_json_schema"] == "parametersJsonSchema"


def test_snake_case_is_read_as_well() -> None:
    request = decoded(
        {
            "system_instruction": {"parts": [{"text": "s"}]},
            "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {}}]}],
            "tool_config": {
                "function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}
            },
            "generation_config": {"max_output_tokens": 5, "response_mime_type": "text/plain"},
            "contents": [
                {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"a_b": 1}}}]},
                {"parts": [{"function_response": {"name": "f", "response": {"output": "x"}}}]},
            ],
        }
    )
    assert request.system is not None
    assert request.system.parts == [Text(text="s")]
    assert (request.tools[0].name, request.tools[0].parameters) == ("f", {})
    assert request.tool_choice == ToolChoice(mode="tool", name="f")
    assert request.max_output_tokens == 5
    assert request.output is not None
    called = request.messages[0].parts[0]
    assert isinstance(called, ToolCall)
    assert called.arguments == '{"a_b":1}'  # the client's own names stay
    assert isinstance(request.messages[1].parts[0], ToolResult)
    assert request.extras == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("[]", "body"),
        ("{", "body"),
        ('{"contents":["x"]}', "contents.0"),
        ('{"contents":[{"role":"system","parts":[]}]}', "contents.0.role"),
        ('{"contents":[{"role":7,"parts":[]}]}', "contents.0.role"),
        ('{"contents":[{"parts":[7]}]}', "contents.0.parts.0"),
        ('{"contents":[{"parts":[{"text":7}]}]}', "contents.0.parts.0.text"),
        (
            '{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}',
            "contents.0.parts.0.functionCall.name",
        ),
        (
            '{"contents":[{"parts":[{"functionCall":{"name":"f","args":[]}}]}]}',
            "contents.0.parts.0.functionCall.args",
        ),
        (
            '{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png"}}]}]}',
            "contents.0.parts.0.inlineData.data",
        ),
        ('{"contents":[{"parts":[{"functionCall":"f"}]}]}', "contents.0.parts.0.functionCall"),
        ('{"tools":[{"functionDeclarations":[{}]}]}', "tools.0.functionDeclarations.0.name"),
        ('{"generationConfig":{"maxOutputTokens":"a"}}', "generationConfig.maxOutputTokens"),
        ('{"generationConfig":7}', "generationConfig"),
        (
            '{"toolConfig":{"functionCallingConfig":{"mode":7}}}',
            "toolConfig.functionCallingConfig.mode",
        ),
    ],
)
def test_a_wrong_request_says_where(body: str, field: str) -> None:
    with pytest.raises(GatewayError) as found:
        CODEC.decode_request(body.encode(), "m", False)
    assert (found.value.status, found.value.kind) == (400, "invalid_request")
    assert found.value.field == field
