"""The plan for a request, without sending it: the same verdicts as on the way, in words.

Nothing is opened and nobody is asked. What depends on a session's past (how long a mark is kept,
whether the passes stand aside) is told as for its first call here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from lynkr._native.memo import Memo
from lynkr._native.spans import Layout, scan
from lynkr.errors import GatewayError
from lynkr.gateway.explain_cache import cache_plan
from lynkr.gateway.explain_routing import routing_plan
from lynkr.gateway.rules import PlannedRoute, Rules
from lynkr.gateway.sessions import KEY_BYTES, session_key
from lynkr.gateway.shaping import DIALECTS, passes_of
from lynkr.gateway.translate import Translation
from lynkr.policies.access import ANONYMOUS, Principal
from lynkr.policies.prompt_cache import PromptCache
from lynkr.stores.answers import Answer
from lynkr.transforms.cache_plan import marking
from lynkr.transforms.neutral_marks import marked
from lynkr.transforms.passes import Shaped, Want, shape
from lynkr.transforms.pieces import pieces_of
from lynkr.wire.codec import codec
from lynkr.wire.message import Request

MEMO_BYTES = 16 * 1024 * 1024
_SCOPE = b"anonymous"
Plan = dict[str, Any]
# Fields that only one of the two APIs with ``messages`` has.
_SIGNS = {
    "messages": {
        *("system", "anthropic_version", "stop_sequences", "thinking", "context_management"),
        *("cache_control", "mcp_servers", "output_config"),
    },
    "chat": {
        *("max_completion_tokens", "response_format", "stream_options", "parallel_tool_calls"),
        *(
            "n",
            "logprobs",
            "frequency_penalty",
            "presence_penalty",
            "reasoning_effort",
            "functions",
        ),
    },
}
_CHAT_PARTS = ("image_url", "input_audio", "file", "refusal")


def api_of(body: bytes) -> str:
    """The API that a body is for, by its shape. Raises ``GatewayError`` (400) if it is none."""
    try:
        asked = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise GatewayError(
            "malformed_request", 400, f"The body is not JSON: {error}.", source="client"
        ) from None
    if not isinstance(asked, dict):
        raise GatewayError("malformed_request", 400, "The body is no object.", source="client")
    if "input" in asked:
        return "responses"
    messages = asked.get("messages")
    if not isinstance(messages, list):
        raise GatewayError(
            "malformed_request", 400, "The body has neither messages nor input.", source="client",
            hint="Say with --api what it is for.",
        )  # fmt: skip
    for name, words in _SIGNS.items():
        if words & asked.keys():
            return name
    tools = asked.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and "input_schema" in tool:
            return "messages"
        if isinstance(tool, dict) and ("function" in tool or "custom" in tool):
            return "chat"
    for message in messages:
        if isinstance(message, dict) and (found := _api_of_message(message)):
            return found
    model = asked.get("model")
    return "messages" if isinstance(model, str) and "claude" in model else "chat"


def _api_of_message(message: dict[str, Any]) -> str:
    """The only API that has such a message; "" if several have."""
    if message.get("role") in ("system", "tool", "developer", "function"):
        return "chat"
    if "tool_calls" in message or "function_call" in message:
        return "chat"
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and kind != "text":
            return "chat" if kind in _CHAT_PARTS else "messages"
    return ""


def explain(
    rules: Rules,
    body: bytes,
    api: str = "",
    principal: Principal = ANONYMOUS,
    kept: Iterable[Answer] = (),
) -> Plan:
    """The plan for one body; ``api`` as in ``/v1/...``, "" to tell by the body. ``kept``: the
    cache's answers. Raises ``GatewayError`` as the call itself would."""
    api = api or api_of(body)
    layout = scan(body, DIALECTS[api])
    token = b"" if layout is None or layout.model is None else body[slice(*layout.model)]
    told: Plan = {}
    if layout is None or layout.messages is None:
        planned = rules.route(api, token)
        told["reasons"] = [planned.route.reason]
    else:
        told, planned = routing_plan(rules, api, token, body, layout)
    plan: Plan = {
        "api": api,
        "model": planned.asked,
        **told,
        "provider": planned.provider,
        "target_model": planned.route.model,
        "lane": planned.lane,
    }
    if layout is None or layout.messages is None:
        return plan | {
            "passes": [],
            "notes": ["the body is not understood: it passes as it is, and the provider answers"],
        }
    plan["cache"] = cache_plan(rules, planned, principal, api, body, layout, kept)
    named = layout.keys.get(b"prompt_cache_key")
    key = session_key(_SCOPE, body[slice(*named)] if named else b"", b"", body, layout)
    plan["session"] = "s_" + key.hex()
    found = _shaped(rules, planned, layout, body, key)
    sent = body if found is None else found.body
    if found is not None and found.changed and planned.lane == "splice":
        plan["lane"] = "edit"
    plan |= _passes(found, layout)
    if planned.plan is not None:
        plan |= _translated(rules, planned, sent, found, body, layout)
    plan |= _money(planned, layout, body, sent)
    return plan


def _shaped(
    rules: Rules, planned: PlannedRoute, layout: Layout, body: bytes, key: bytes
) -> Shaped | None:
    tokens = rules.settings.tokens
    if planned.aim is None:
        return None
    pays, moving = marking(layout, grows=False)
    want = Want(
        tools=tokens.tools,
        results=tokens.results,
        repeats=tokens.repeats,
        marks="5m" if tokens.cache_marks and pays else "",
        moving=moving,
        cache_key="lynkr-" + key.hex()[: KEY_BYTES + 4] if tokens.cache_marks else "",
        scope=_SCOPE,
        rename=planned.model_token if planned.plan is None else None,
    )
    return shape(body, layout.dialect, want, planned.aim, Memo(MEMO_BYTES), layout)


def _passes(found: Shaped | None, layout: Layout) -> Plan:
    if found is None:
        return {"passes": [], "tools": {"total": len(layout.tool_list)}, "results": []}
    report = found.tools
    tools: Plan = {"total": len(layout.tool_list)}
    if report is not None:
        pairs = list(zip(report.names, report.kept, report.reasons, report.tokens, strict=True))
        tools |= {
            "mode": report.mode,
            "kept": [name for name, kept, _, _ in pairs if kept],
            "dropped": [name for name, kept, _, _ in pairs if not kept],
            "tokens_before": sum(tokens for _, _, _, tokens in pairs),
            "tokens_after": sum(tokens for _, kept, _, tokens in pairs if kept),
            "reasons": {name: reason for name, _, reason, _ in pairs},
        }
    return {
        "passes": list(passes_of(found)),
        "tools": tools,
        "results": [
            {
                "message": note.message,
                "block": note.block,
                "stage": note.stage,
                "kind": note.kind,
                "lossless": note.lossless,
                "tokens_before": note.before,
                "tokens_after": note.after,
                "original_id": note.original or None,
            }
            for note in found.notes
        ],
        "cache_marks": {"client": layout.marks, "added": found.marked},
        "notes": list(found.aside),
    }


def _translated(
    rules: Rules,
    planned: PlannedRoute,
    sent: bytes,
    found: Shaped | None,
    body: bytes,
    layout: Layout,
) -> Plan:
    assert planned.plan is not None
    request: Request = codec(planned.plan.client).decode_request(sent, planned.asked, False)
    aim = planned.aim
    told: Plan = {"spoken": planned.plan.spoken}
    if rules.settings.tokens.cache_marks and found is not None and aim is not None and aim.marks:
        pays, moving = marking(layout, grows=False)
        if pays and aim.long_enough(len(body)):
            before, request = request, marked(request, "5m", aim.breakpoints_max, moving=moving)
            added = 0 if request is before else _marks_in(request)
            told["cache_marks"] = {"client": layout.marks, "added": added}
    digest = hashlib.blake2b(body, digest_size=8).hexdigest()
    translation = Translation(request, request, planned.plan, call_id=digest, created=0)
    return told | {"dropped_fields": list(translation.dropped)}


def _marks_in(request: Request) -> int:
    messages = [*request.messages, *([request.system] if request.system is not None else [])]
    parts = [part for message in messages for part in message.parts]
    return sum(getattr(one, "cache", None) is not None for one in [*parts, *request.tools])


def _money(planned: PlannedRoute, layout: Layout, body: bytes, sent: bytes) -> Plan:
    before = pieces_of(body, layout)
    after_layout = scan(sent, layout.dialect)
    after = before if after_layout is None else pieces_of(sent, after_layout)
    money: Plan = {
        "tokens": {
            "before": sum(piece.tokens for piece in before),
            "after": sum(piece.tokens for piece in after),
        }
    }
    rules, prices = planned.cache_rules, planned.prices
    if rules is not None and prices is not None and None not in (prices.input, prices.output):
        money["bill"] = {
            "passthrough_usd": PromptCache(rules, prices).turn(0.0, before).usd,
            "planned_usd": PromptCache(rules, prices).turn(0.0, after).usd,
            "assumes": "cold cache, input only",
        }
    return money
