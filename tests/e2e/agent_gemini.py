"""The scripted agent in the Gemini dialect.

https://ai.google.dev/gemini-api/docs/function-calling and .../thought-signatures: the first call of
each step carries a signature and has to come back with it; calls have no ids, so results are told
apart by name and place.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re

from tests.e2e import agent_types
from tests.e2e.agent_plan import (
    Answer,
    Asked,
    Body,
    Plan,
    Tokens,
    chosen,
    expect,
    pieces,
    reasoned,
    tokens_of,
)

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")


def refusal(message: str) -> Body:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


def results(body: Body) -> list[str]:
    """The text of every tool result in the conversation, in order."""
    return [
        _text(part["functionResponse"]["response"])
        for content in history(body)
        for part in content["parts"]
        if "functionResponse" in part
    ]


def _text(response: Body) -> str:
    """All texts in it: under which name a result stands is not prescribed."""
    return "\n".join(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in response.values()
    )


def history(body: Body) -> list[Body]:
    """What must not change from one request to the next: the contents."""
    contents: list[Body] = agent_types.gemini(body)["contents"]
    return contents


def signature(step: int) -> str:
    return base64.b64encode(hashlib.sha512(f"step {step} ☃".encode()).digest()).decode()


# --- rules ----------------------------------------------------------------------------------------


def check(asked: Asked, plan: Plan) -> None:
    body = agent_types.gemini(asked.body)
    expect(body["contents"], "contents is not specified")
    for tool in body.get("tools", ()):
        for declared in tool.get("functionDeclarations", ()):
            expect(_NAME.fullmatch(declared["name"]), f"Invalid function name: {declared['name']}")
            both = "parameters" in declared and "parametersJsonSchema" in declared
            expect(not both, f"{declared['name']}: parameters and parametersJsonSchema")
    role = ""
    asked_for: list[Body] = []
    seen = 0
    for number, content in enumerate(body["contents"]):
        at = f"contents.{number}"
        expect(content["role"] in ("user", "model"), f"{at}.role: use user or model")
        expect(content["role"] != role, f"{at}: two turns of {role} follow each other")
        role = content["role"]
        expect(content["parts"], f"{at}.parts must not be empty")
        for part in content["parts"]:
            expect(part.get("text") != "" or len(part) > 1, f"{at}: a part without data")
        given = _of(content, "functionResponse")
        _check_results(given, asked_for, at)
        asked_for = _of(content, "functionCall")
        expect(role == "model" or not asked_for, f"{at}: a call in a user's turn")
        _check_signature(content, at, plan.step(seen))
        seen += len(given)
    expect(role == "user", "the last turn is the model's")


def _of(content: Body, kind: str) -> list[Body]:
    return [part[kind] for part in content["parts"] if kind in part]


def _check_results(given: list[Body], calls: list[Body], at: str) -> None:
    """As many as calls. They are told apart by their ids, or else by name and place."""
    named = "id" if all(one.get("id") for one in (*given, *calls)) else "name"
    got, wanted = ([str(one[named]) for one in some] for some in (given, calls))
    if named == "id":
        got, wanted = sorted(got), sorted(wanted)
    expect(got == wanted, f"{at}: function responses {got} are not those of the calls {wanted}")


def _check_signature(content: Body, at: str, step: int) -> None:
    for part in [part for part in content["parts"] if "functionCall" in part][:1]:
        expect(
            part.get("thoughtSignature"),
            f"{at}: Function call is missing a thought_signature in functionCall parts",
        )
        given = part["thoughtSignature"]
        valid = given.translate(_FROM_URL_SAFE) == signature(step) or given in _STANDS_IN
        expect(valid, f"{at}: Thought signature is not valid")


# https://ai.google.dev/gemini-api/docs/thought-signatures: for calls that another model made
_STANDS_IN = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_FROM_URL_SAFE = str.maketrans("-_", "+/")


# --- replies --------------------------------------------------------------------------------------


def answer(asked: Asked, plan: Plan, number: int) -> Answer:
    """The agent's reply to a request; ``number`` makes its ids."""
    body = agent_types.gemini(asked.body)
    schemas: dict[str, Body] = {
        declared["name"]: declared.get("parametersJsonSchema") or declared.get("parameters") or {}
        for tool in body.get("tools", ())
        for declared in tool.get("functionDeclarations", ())
    }
    if not schemas:  # a side request, for a title
        title = json.dumps({"title": "A session of the scripted agent"})
        return _encoded(asked, [{"text": title}], -1, number, "")
    step = plan.step(len(results(body)))
    parts: list[Body] = []
    if _shows_thoughts(body):
        thought = f"Step {step}: naïve ☃ plan"
        parts += [{"text": piece, "thought": True} for piece in pieces(thought)]
    if step == len(plan.steps):
        parts += [{"text": piece} for piece in pieces(plan.final)]
        return _encoded(asked, parts, step, number, "")
    parts += [{"text": piece} for piece in pieces(f"Now step {step}. ☃")]
    for index, act in enumerate(plan.steps[step]):
        name, arguments = chosen(act, schemas)
        part: Body = {"functionCall": {"name": name, "args": arguments}}
        if index == 0:
            part["thoughtSignature"] = signature(step)
        parts.append(part)
    return _encoded(asked, parts, step, number, signature(step))


def _shows_thoughts(body: Body) -> bool:
    config = body.get("generationConfig", {}).get("thinkingConfig", {})
    return bool(config.get("includeThoughts"))


def _encoded(asked: Asked, parts: list[Body], step: int, number: int, seal: str) -> Answer:
    tokens = _tokens(step)
    common = {"modelVersion": asked.model, "responseId": f"gen{number:06d}"}
    usage = _usage(tokens, step)
    if not asked.stream:
        end = {"content": _content(_joined(parts)), "finishReason": "STOP", "index": 0}
        whole = {"candidates": [end], "usageMetadata": usage, **common}
        return Answer((), json.dumps(whole).encode(), tokens, step=step, seal=seal)
    chunks: list[Body] = [
        {"candidates": [{"content": _content([part]), "index": 0}], **common} for part in parts
    ]
    for chunk in chunks:  # what is known so far
        given = {"promptTokenCount": usage["promptTokenCount"]}
        chunk["usageMetadata"] = {**given, "totalTokenCount": usage["promptTokenCount"]}
    end = {"content": _content([{"text": ""}]), "finishReason": "STOP", "index": 0}
    chunks.append({"candidates": [end], "usageMetadata": usage, **common})
    events = [f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n".encode() for chunk in chunks]
    calls = [at for at, part in enumerate(parts) if "functionCall" in part]
    break_at = calls[0] if calls else -1
    return Answer(tuple(events), b"", tokens, break_at, step, seal)


def _content(parts: list[Body]) -> Body:
    return {"parts": parts, "role": "model"}


def _joined(parts: list[Body]) -> list[Body]:
    """A whole reply has its texts in one part each."""
    found: list[Body] = []
    for part in parts:
        if found and "text" in part and part.keys() == found[-1].keys():
            found[-1] = {**part, "text": found[-1]["text"] + part["text"]}
        else:
            found.append(part)
    return found


def _tokens(step: int) -> Tokens:
    """Nothing is said about what was written to the cache."""
    tokens = tokens_of(max(step, 0))
    return Tokens(tokens.input_tokens, tokens.output_tokens, tokens.prompt_cache_read_tokens, 0)


def _usage(tokens: Tokens, step: int) -> Body:
    given = tokens.input_tokens + tokens.prompt_cache_read_tokens
    thoughts = reasoned(step)
    return {
        "promptTokenCount": given,
        "cachedContentTokenCount": tokens.prompt_cache_read_tokens,
        "candidatesTokenCount": tokens.output_tokens - thoughts,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": given + tokens.output_tokens,
    }
