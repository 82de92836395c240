"""Requests of Gemini's generateContent, after gemini-cli. The model stands in the path."""

from __future__ import annotations

from typing import Any

from tests.wire.dialogues_messages import PDF, PNG

SIGNATURE = "CpYBAR/0signature+herA=="
DECLARED: list[dict[str, Any]] = [
    {
        "name": "read_file",
        "description": "Reads a file.",
        "parametersJsonSchema": {
            "type": "object",
            "properties": {"path": {"type": "string"}, "limit": {"type": ["integer", "null"]}},
            "required": ["path"],
        },
    },
    {
        "name": "list_directory",
        "description": "Lists.",
        "parameters": {
            "type": "OBJECT",
            "properties": {"dir": {"type": "STRING", "nullable": True}},
            "required": ["dir"],
        },
    },
]


def content(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"text": said, **more}


DIALOGUES: dict[str, dict[str, Any]] = {
    "gemini_cli_tool_loop": {
        "systemInstruction": content("user", text("You are an agent.")),
        "contents": [
            content("user", text("This is the context.")),
            content("model", text("Got it.")),
            content("user", text("Read \"both\" ☃.")),
            content(
                "model",
                text("**Reading**", thought=True),
                {
                    "functionCall": {"name": "read_file", "args": {"path": "ü"}},
                    "thoughtSignature": SIGNATURE,
                },
                {"functionCall": {"name": "read_file", "args": {"path": "b", "limit": None}}},
            ),
            content(
                "user",
                {"functionResponse": {"name": "read_file", "response": {"output": "one"}}},
                {"functionResponse": {"name": "read_file", "response": {"error": "not found"}}},
            ),
            content("model", text("One."), text("And no other.", thoughtSignature=SIGNATURE)),
            content("user", text("Thanks.")),
        ],
        "tools": [{"functionDeclarations": DECLARED}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "temperature": 0,
            "topP": 1,
            "maxOutputTokens": 20000,
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192},
        },
    },
    "gemini_images": {
        "contents": [
            content(
                "user",
                text("What is on these?"),
                {"inlineData": {"mimeType": "image/png", "data": PNG}},
                {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
            )
        ],
    },
    "gemini_settings": {
        "contents": [content("user", text("A title."))],
        "tools": [{"functionDeclarations": DECLARED}],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["read_file"]}
        },
        "generationConfig": {
            "stopSequences": ["stop"],
            "topK": 40,
            "topP": 0.9,
            "seed": 7,
            "presencePenalty": 0.5,
            "frequencyPenalty": 0.25,
            "candidateCount": 1,
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object", "properties": {"title": {"type": "string"}}},
        },
    },
    "gemini_safety": {
        "contents": [content("user", text("x"))],
        "safetySettings": [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
        ],
    },
    "gemini_ids": {
        "contents": [
            content("user", text("x")),
            content("model", {"functionCall": {"id": "fc-1", "name": "read_file", "args": {}}}),
            content(
                "user",
                {
                    "functionResponse": {
                        "id": "fc-1", "name": "read_file", "response": {"output": "one"},
                    }
                },
            ),
        ],
        "tools": [{"functionDeclarations": DECLARED}],
    },
}  # fmt: skip
