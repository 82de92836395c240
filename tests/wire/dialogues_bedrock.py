"""Requests of Bedrock's Converse. The model stands in the path."""

from __future__ import annotations

from typing import Any

from tests.wire.dialogues_messages import PDF, PNG, SIGNATURE

POINT = {"cachePoint": {"type": "default"}}
SPEC: dict[str, Any] = {
    "name": "Read",
    "description": "Reads.",
    "inputSchema": {"json": {"type": "object", "properties": {"path": {"type": "string"}}}},
}

DIALOGUES: dict[str, dict[str, Any]] = {
    "converse_tool_loop": {
        "system": [{"text": "You are an agent."}, POINT],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "Read it."},
                    {"image": {"format": "png", "source": {"bytes": PNG}}},
                    {"document": {"format": "pdf", "name": "r", "source": {"bytes": PDF}}},
                    POINT,
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {
                        "reasoningContent": {
                            "reasoningText": {"text": "I must.", "signature": SIGNATURE}
                        }
                    },
                    {"toolUse": {"toolUseId": "tooluse_1", "name": "Read", "input": {"path": "ü"}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "toolResult": {
                            "toolUseId": "tooluse_1",
                            "content": [{"text": "not found"}, {"json": {"code": 2}}],
                            "status": "error",
                        }
                    }
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 4000, "temperature": 0.5, "stopSequences": ["stop"]},
        "toolConfig": {"tools": [{"toolSpec": SPEC}, POINT], "toolChoice": {"auto": {}}},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
    },
}  # fmt: skip
