"""Requests of Google's generateContent made at random, in the spelling that the codec writes."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

from tests.wire.made_json import objects, some_text, unknown, values, words

Some = st.SearchStrategy[dict[str, object]]
opaque = st.binary(max_size=12).map(lambda raw: base64.b64encode(raw).decode())
signatures = st.binary(min_size=3, max_size=12).map(lambda raw: base64.b64encode(raw).decode())


def fields(**optional: st.SearchStrategy[Any]) -> Some:
    return st.fixed_dictionaries({}, optional=optional)


def joined(*parts: Some) -> Some:
    return st.tuples(*parts).map(lambda found: {k: v for each in found for k, v in each.items()})


# Beside what a part holds; the schema of a message is Google's to know.
about = joined(unknown, fields(partMetadata=objects, mediaResolution=objects))
signed = fields(thoughtSignature=signatures)


def holding(name: str, *inside: Some) -> Some:
    return joined(*inside).map(lambda value: {name: value})


media_types = st.sampled_from(
    ("image/png", "application/pdf", "audio/wav", "text/plain", "video/mp4", "application/x-foo")
)
blobs = holding("inlineData", fields(displayName=some_text()), st.fixed_dictionaries(
    {"mimeType": media_types, "data": opaque}
))  # fmt: skip
uris = st.sampled_from(("https://example.com/a", "gs://b/c", "files/x"))
files = holding("fileData", st.fixed_dictionaries(
    {"fileUri": uris}, optional={"mimeType": media_types, "displayName": some_text()}
))  # fmt: skip
media = st.one_of(blobs, files)
calls = holding(
    "functionCall",
    st.fixed_dictionaries({"name": words, "args": objects}, optional={"id": words}),
    unknown,
)
responses = st.one_of(
    objects,
    st.fixed_dictionaries({"output": some_text()}),
    st.fixed_dictionaries({"error": some_text()}),
    st.fixed_dictionaries({"output": values}),
)
results = holding(
    "functionResponse",
    st.fixed_dictionaries(
        {"name": words, "response": responses},
        optional={"id": words, "parts": st.lists(media, min_size=1, max_size=2)},
    ),
    unknown,
)
texts: Some = some_text().map(lambda text: {"text": text})
thoughts = texts.map(lambda part: {**part, "thought": True})
servers = st.one_of(
    holding("executableCode", objects),
    holding("codeExecutionResult", objects),
    holding("somethingNew", objects),
)
parts = st.one_of(
    joined(texts, signed, about),
    joined(thoughts, signed, about),
    joined(calls, signed, about),
    joined(results, about),
    joined(media, signed, about),
    joined(servers, signed, about),
    joined(blobs, signed).map(lambda part: {**part, "thought": True}),
    signatures.map(lambda text: {"thoughtSignature": text}),
)
contents = st.lists(
    joined(
        st.fixed_dictionaries(
            {"parts": st.lists(parts, max_size=4)},
            optional={"role": st.sampled_from(("user", "model", "function"))},
        ),
        unknown,
    ),
    max_size=4,
)
schemas = st.sampled_from(
    (
        {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "$defs": {}},
        {},
    )
)
declarations = joined(
    st.fixed_dictionaries({"name": words}, optional={"description": some_text()}),
    st.one_of(
        st.just({}),
        schemas.map(lambda schema: {"parameters": schema}),
        schemas.map(lambda schema: {"parametersJsonSchema": schema}),
    ),
    fields(responseJsonSchema=schemas, behavior=words),
)
hosted = fields(googleSearch=objects, codeExecution=objects, x_new=values)
tools = st.lists(
    joined(fields(functionDeclarations=st.lists(declarations, min_size=1, max_size=2)), hosted)
    .filter(bool),
    max_size=3,
)  # fmt: skip
choices = joined(
    fields(
        mode=st.sampled_from(("AUTO", "ANY", "NONE", "VALIDATED", "NEW")),
        allowedFunctionNames=st.lists(words, min_size=1, max_size=2),
        streamFunctionCallArguments=st.booleans(),
    ),
    unknown,
)
numbers = st.floats(-2, 2).map(lambda value: round(value, 2))
thinking = joined(
    fields(
        includeThoughts=st.just(True),
        thinkingBudget=st.sampled_from((-1, 0, 1, 512, 24576)),
        thinkingLevel=st.sampled_from(("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH", "NEWER")),
    ),
    unknown,
)
formats = fields(
    responseMimeType=st.sampled_from(("application/json", "text/plain", "text/x.enum")),
    responseSchema=schemas,
    responseJsonSchema=schemas,
)
generation = joined(
    fields(
        maxOutputTokens=st.integers(1, 10**6),
        temperature=numbers,
        topP=numbers,
        topK=st.integers(1, 64),
        candidateCount=st.integers(1, 4),
        stopSequences=st.lists(some_text(), min_size=1, max_size=6),
        seed=st.integers(-(2**31), 2**31),
        presencePenalty=numbers,
        frequencyPenalty=numbers,
        responseLogprobs=st.booleans(),
        logprobs=st.integers(0, 20),
        thinkingConfig=thinking.filter(bool),
        mediaResolution=words,
        responseModalities=st.lists(words),
    ),
    formats,
    unknown,
)
requests = joined(
    st.fixed_dictionaries({"contents": contents}),
    fields(
        systemInstruction=st.fixed_dictionaries(
            {"parts": st.lists(texts, max_size=2)}, optional={"role": words}
        ),
        tools=tools.filter(bool),
        toolConfig=joined(
            fields(functionCallingConfig=choices.filter(bool), retrievalConfig=objects), unknown
        ).filter(bool),
        generationConfig=generation.filter(bool),
        safetySettings=st.lists(objects, max_size=2),
        cachedContent=words,
        labels=objects,
        serviceTier=words,
    ),
    unknown,
)
