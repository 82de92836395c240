"""Google's JSON taken apart: names in camelCase or snake_case, and one object in place of a list.

Google's servers read both (https://protobuf.dev/programming-guides/json), its own examples use
both. Names that are not known stay as the client wrote them.
"""

from __future__ import annotations

from lynkr.wire.fields import Fields

_NAMES = (
    "allowedFunctionNames", "cachedContent", "candidateCount", "codeExecution",
    "codeExecutionResult", "computerUse", "displayName", "enterpriseWebSearch", "executableCode",
    "fileData", "fileSearch", "fileUri", "frequencyPenalty", "functionCall",
    "functionCallingConfig", "functionDeclarations", "functionResponse", "generationConfig",
    "googleMaps", "googleSearch", "googleSearchRetrieval", "includeThoughts", "inlineData",
    "maxOutputTokens", "mcpServers", "mediaResolution", "mimeType", "parametersJsonSchema",
    "partMetadata", "partialArgs", "presencePenalty", "responseJsonSchema", "responseLogprobs",
    "responseMimeType", "responseModalities", "responseSchema", "retrievalConfig",
    "safetySettings", "serviceTier", "speechConfig", "stopSequences",
    "streamFunctionCallArguments", "systemInstruction", "thinkingBudget", "thinkingConfig",
    "thinkingLevel", "thoughtSignature", "toolCall", "toolConfig", "toolResponse", "topK", "topP",
    "urlContext", "videoMetadata", "willContinue",
)  # fmt: skip


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


CAMEL = dict(zip(map(_snake, _NAMES), _NAMES, strict=True))


def fields(value: object, at: str = "") -> Fields:
    """One object, its known names in camelCase."""
    found = Fields(value, at)
    for name in [name for name in found.left if name in CAMEL]:
        camel = CAMEL[name]
        if camel not in found.left:
            found.left[camel] = found.left.pop(name)
    return found


def inner(outer: Fields, name: str) -> Fields | None:
    """The object below ``name``."""
    value = outer.take(name)
    return None if value is None else fields(value, outer.path(name))


def several(outer: Fields, name: str) -> list[object]:
    """A list; one object alone is a list of it."""
    value = outer.left.get(name)
    if isinstance(value, dict):
        outer.take(name)
        return [value]
    return outer.array(name)
