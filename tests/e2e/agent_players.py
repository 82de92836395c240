"""The official SDKs as clients of the scripted agent: each plays a session in its own dialect.

A player asks, runs the calls of the reply, and asks again, until a reply has no calls.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import anthropic
import boto3
import openai
from botocore.config import Config
from google import genai
from google.genai import types

from tests.e2e.agent_plan import Body

MODEL = "scripted-agent"
QUESTION = "Do the steps. ☃"
SYSTEM = "You are an agent."
SCHEMAS: dict[str, Body] = {
    "shell": {
        "type": "object",
        "properties": {"command": {"type": "string"}},
        "required": ["command"],
    },
    "patch": {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
    },
}


def run(name: str, arguments: Body) -> str:
    """What a call comes to: enough to see that it arrived whole."""
    return f"{name} ran: {json.dumps(arguments, ensure_ascii=False)}"


class Session:
    """How a session went, as the SDK saw it."""

    def __init__(self) -> None:
        self.final = ""
        self.replies = 0
        self.usage: Counter[str] = Counter()

    def count(
        self, given: int | None, out: int | None, read: int | None, written: int | None
    ) -> None:
        """The usage of one reply; the first number is what was in neither cache."""
        self.replies += 1
        self.usage["input_tokens"] += given or 0
        self.usage["output_tokens"] += out or 0
        self.usage["prompt_cache_read_tokens"] += read or 0
        self.usage["prompt_cache_write_tokens"] += written or 0


async def chat(base_url: str, stream: bool) -> Session:
    session = Session()
    tools: Any = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in SCHEMAS.items()
    ]
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": QUESTION},
    ]
    async with openai.AsyncOpenAI(
        api_key="key", base_url=f"{base_url}/v1", max_retries=0
    ) as client:
        while True:
            asked: Any = {
                "model": MODEL, "messages": messages, "tools": tools, "reasoning_effort": "low",
            }  # fmt: skip
            if stream:
                counted: Any = {"include_usage": True}
                async with client.chat.completions.stream(stream_options=counted, **asked) as s:
                    completion: Any = await s.get_final_completion()
            else:
                completion = await client.chat.completions.create(**asked)
            usage = completion.usage
            details = usage.prompt_tokens_details
            read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
            session.count(
                usage.prompt_tokens - read - written, usage.completion_tokens, read, written
            )
            message = completion.choices[0].message
            if not message.tool_calls:
                session.final = message.content
                return session
            calls = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.function.name,
                        "arguments": call.function.arguments,
                    },
                }
                for call in message.tool_calls
            ]
            # What was reasoned is shown again, in the fields that open servers have for it.
            reasoned = {
                name: value
                for name in ("reasoning_content", "reasoning_details")
                if (value := getattr(message, name, None))
            }
            messages.append(
                {"role": "assistant", "content": message.content, "tool_calls": calls, **reasoned}
            )
            for call in message.tool_calls:
                result = run(call.function.name, json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


async def responses(base_url: str, stream: bool) -> Session:
    session = Session()
    tools: Any = [
        {"type": "function", "name": name, "parameters": schema, "strict": False}
        for name, schema in SCHEMAS.items()
    ]
    items: list[Any] = [{"role": "user", "content": QUESTION}]
    async with openai.AsyncOpenAI(
        api_key="key", base_url=f"{base_url}/v1", max_retries=0
    ) as client:
        while True:
            asked: Any = {
                "model": MODEL, "input": items, "tools": tools, "instructions": SYSTEM,
                "store": False, "include": ["reasoning.encrypted_content"],
                "reasoning": {"effort": "low", "summary": "auto"},
            }  # fmt: skip
            if stream:
                async with client.responses.stream(**asked) as s:
                    response: Any = await s.get_final_response()
            else:
                response = await client.responses.create(**asked)
            usage = response.usage
            details = usage.input_tokens_details
            read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
            session.count(usage.input_tokens - read - written, usage.output_tokens, read, written)
            items += [
                item.to_dict() if not stream else _without_parsed(item.to_dict())
                for item in response.output
            ]
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                session.final = response.output_text
                return session
            for call in calls:
                output = run(call.name, json.loads(call.arguments))
                items.append(
                    {"type": "function_call_output", "call_id": call.call_id, "output": output}
                )


def _without_parsed(item: Body) -> Body:
    return {name: value for name, value in item.items() if not name.startswith("parsed")}


async def messages(base_url: str, stream: bool) -> Session:
    session = Session()
    tools: Any = [{"name": name, "input_schema": schema} for name, schema in SCHEMAS.items()]
    history: list[Any] = [{"role": "user", "content": QUESTION}]
    async with anthropic.AsyncAnthropic(api_key="key", base_url=base_url, max_retries=0) as client:
        while True:
            asked: Any = {
                "model": MODEL, "messages": history, "tools": tools, "system": SYSTEM,
                "max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024},
            }  # fmt: skip
            if stream:
                async with client.messages.stream(**asked) as s:
                    message: Any = await s.get_final_message()
            else:
                message = await client.messages.create(**asked)
            usage = message.usage
            session.count(
                usage.input_tokens, usage.output_tokens,
                usage.cache_read_input_tokens, usage.cache_creation_input_tokens,
            )  # fmt: skip
            blocks = [block.to_dict() for block in message.content]
            for block in blocks:
                block.pop("parsed_output", None)
            history.append({"role": "assistant", "content": blocks})
            results = [
                {
                    "type": "tool_result",
                    "tool_use_id": block["id"],
                    "content": run(block["name"], block["input"]),
                }
                for block in blocks
                if block["type"] == "tool_use"
            ]
            if not results:
                session.final = blocks[-1]["text"]
                return session
            history.append({"role": "user", "content": results})


async def gemini(base_url: str, stream: bool) -> Session:
    return await asyncio.to_thread(_gemini, base_url, stream)


def _gemini(base_url: str, stream: bool) -> Session:
    session = Session()
    declared = [
        types.FunctionDeclaration(name=name, parameters_json_schema=schema)
        for name, schema in SCHEMAS.items()
    ]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declared)],
        system_instruction=SYSTEM,
        thinking_config=types.ThinkingConfig(include_thoughts=True),
    )
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=QUESTION)])]
    with genai.Client(api_key="key", http_options=types.HttpOptions(base_url=base_url)) as client:
        while True:
            asked: Any = {"model": MODEL, "contents": contents, "config": config}
            if stream:
                chunks = list(client.models.generate_content_stream(**asked))
            else:
                chunks = [client.models.generate_content(**asked)]
            usage: Any = chunks[-1].usage_metadata
            read = usage.cached_content_token_count or 0
            out = usage.candidates_token_count + (usage.thoughts_token_count or 0)
            session.count(usage.prompt_token_count - read, out, read, 0)
            parts: list[Any] = [
                part
                for chunk in chunks
                for part in chunk.candidates[0].content.parts  # type: ignore[index,union-attr]
                if part.text != ""
            ]
            contents.append(types.Content(role="model", parts=parts))
            answers = [
                types.Part.from_function_response(
                    name=part.function_call.name,
                    response={"output": run(part.function_call.name, part.function_call.args)},
                )
                for part in parts
                if part.function_call
            ]
            if not answers:
                session.final = "".join(part.text for part in parts if not part.thought)
                return session
            contents.append(types.Content(role="user", parts=answers))


async def bedrock(base_url: str, stream: bool) -> Session:
    return await asyncio.to_thread(_bedrock, base_url, stream)


def _bedrock(base_url: str, stream: bool) -> Session:
    session = Session()
    client = boto3.client(
        "bedrock-runtime", endpoint_url=base_url, region_name="eu-central-1",
        aws_access_key_id="id", aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    specs = [
        {"toolSpec": {"name": name, "inputSchema": {"json": schema}}}
        for name, schema in SCHEMAS.items()
    ]
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    history: list[Any] = [{"role": "user", "content": [{"text": QUESTION}]}]
    while True:
        asked: Any = {
            "modelId": MODEL, "messages": history, "system": [{"text": SYSTEM}],
            "toolConfig": {"tools": specs}, "additionalModelRequestFields": thinking,
        }  # fmt: skip
        if stream:
            content, usage = _streamed(client.converse_stream(**asked)["stream"])
        else:
            reply = client.converse(**asked)
            content, usage = reply["output"]["message"]["content"], reply["usage"]
        session.count(
            usage["inputTokens"], usage["outputTokens"],
            usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"],
        )  # fmt: skip
        history.append({"role": "assistant", "content": content})
        uses = [block["toolUse"] for block in content if "toolUse" in block]
        if not uses:
            session.final = content[-1]["text"]
            client.close()
            return session
        results = [
            {
                "toolResult": {
                    "toolUseId": use["toolUseId"],
                    "content": [{"text": run(use["name"], use["input"])}],
                }
            }
            for use in uses
        ]
        history.append({"role": "user", "content": results})


def _streamed(events: Any) -> tuple[list[Body], Body]:
    """Content and usage of a stream, put together."""
    content: list[Body] = []
    usage: Body = {}
    for event in events:
        if "contentBlockStart" in event:
            content.append({"toolUse": {**event["contentBlockStart"]["start"]["toolUse"]}})
            content[-1]["toolUse"]["input"] = ""
        elif "contentBlockDelta" in event:
            index, delta = (
                event["contentBlockDelta"][key] for key in ("contentBlockIndex", "delta")
            )
            if index == len(content):
                content.append({})
            if "toolUse" in delta:
                content[index]["toolUse"]["input"] += delta["toolUse"]["input"]
            elif "text" in delta:
                content[index]["text"] = content[index].get("text", "") + delta["text"]
            else:
                reasoning = content[index].setdefault("reasoningContent", {"reasoningText": {}})
                for name, piece in delta["reasoningContent"].items():
                    text = reasoning["reasoningText"]
                    text[name] = text.get(name, "") + piece
        elif "metadata" in event:
            usage = event["metadata"]["usage"]
    for block in content:
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    return content, usage


PLAYERS: dict[str, Callable[[str, bool], Any]] = {
    "chat": chat,
    "responses": responses,
    "messages": messages,
    "gemini": gemini,
    "bedrock": bedrock,
}
