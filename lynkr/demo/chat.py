"""Chat: the demo in OpenAI's older dialect, ``/v1/chat/completions``."""

from __future__ import annotations

from lynkr.demo.frames import (
    PIECES_MAX,
    TEXT_FRAME_S,
    DemoReply,
    Reel,
    json_reply,
    made_id,
    pieces,
)
from lynkr.demo.replies import Conversation, Ending, Turn, turn
from lynkr.demo.request import (
    BadRequestError,
    Fields,
    fields,
    message_list,
    model_asked,
    own_words,
    spoken,
    stop_list,
    token_count,
    token_limit,
)
from lynkr.demo.toolbox import Call, choice_made, tools_offered

CHOICES_MAX = 8  # keeps a stream of all of them under 400 frames

_FINISH_REASONS: dict[Ending, str] = {
    "end": "stop",
    "length": "length",
    "stop_sequence": "stop",
    "tool_call": "tool_calls",
}


def reply(body: Fields, seed: str, now: int) -> DemoReply:
    conversation = _conversation(body)
    choice_count = _choice_count(body)
    said = turn(conversation)
    usage = _usage(conversation, said, choice_count)
    head: Fields = {
        "id": made_id("chatcmpl-", seed),
        "created": now,
        "model": conversation.model,
        "service_tier": "default",
        "system_fingerprint": "fp_lynkr_demo",
    }
    if body.get("stream") is True:
        wants_usage = fields(body.get("stream_options")).get("include_usage") is True
        return _stream(head, said, seed, choice_count, usage if wants_usage else None)
    choices = [_choice(said, seed, index) for index in range(choice_count)]
    return json_reply({**head, "object": "chat.completion", "choices": choices, "usage": usage})


def _conversation(body: Fields) -> Conversation:
    model = model_asked(body)
    messages = message_list(body)
    from_user = ("user", "tool", "function")
    last = next((m for m in map(fields, reversed(messages)) if m.get("role") in from_user), {})
    said = spoken(last.get("content"))
    return Conversation(
        model=model,
        message_count=len(messages),
        words=own_words(said) if last.get("role") == "user" else "",
        result=None if last.get("role", "user") == "user" else said,
        tools=tools_offered(body.get("tools"), text_tools=True),
        choice=choice_made(body.get("tool_choice")),
        input_tokens=token_count(messages, body.get("tools")),
        output_tokens_max=token_limit(body, "max_completion_tokens", "max_tokens", least=1),
        stop_sequences=stop_list(body.get("stop")),
        schema=_schema(fields(body.get("response_format"))),
    )


def _schema(wanted: Fields) -> Fields | None:
    if wanted.get("type") == "json_schema":
        return fields(fields(wanted.get("json_schema")).get("schema"))
    return {} if wanted.get("type") == "json_object" else None


def _choice_count(body: Fields) -> int:
    asked = body.get("n")
    if asked is None:
        return 1
    if not isinstance(asked, int) or isinstance(asked, bool) or not 1 <= asked <= CHOICES_MAX:
        raise BadRequestError(f"n: the demo gives from 1 to {CHOICES_MAX} choices.", "n")
    return asked


def _usage(conversation: Conversation, said: Turn, choice_count: int) -> Fields:
    completion_tokens = said.output_tokens * choice_count
    return {
        "prompt_tokens": conversation.input_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": conversation.input_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _choice(said: Turn, seed: str, index: int) -> Fields:
    message: Fields = {
        "role": "assistant",
        "content": said.text,
        "refusal": None,
        "annotations": [],
    }
    if said.call is not None:
        message["tool_calls"] = [_tool_call(said.call, seed, index, said.call.input)]
    finish_reason = _FINISH_REASONS[said.ending]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish_reason}


def _tool_call(call: Call, seed: str, index: int, given: str) -> Fields:
    body, argument = _call_names(call)
    identity = {"id": made_id("call_", seed, str(index)), "type": body}
    return {**identity, body: {"name": call.tool.name, argument: given}}


def _call_names(call: Call) -> tuple[str, str]:
    return ("custom", "input") if call.tool.kind == "custom" else ("function", "arguments")


def _stream(
    head: Fields, said: Turn, seed: str, choice_count: int, usage: Fields | None
) -> DemoReply:
    """One choice after the other, each chunk naming its choice."""
    reel = Reel(event_lines=False)
    head = {**head, "object": "chat.completion.chunk"}
    # With include_usage every chunk has the field, null in all but the last.
    tail: Fields = {} if usage is None else {"usage": None}

    def add(index: int, delta: Fields, finish: str | None = None, *, wait_s: float = 0.0) -> None:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        reel.add({**head, "choices": [choice], **tail}, wait_s=wait_s)

    pieces_max = PIECES_MAX // choice_count
    for index in range(choice_count):
        add(index, {"role": "assistant", "content": "", "refusal": None})
        for piece in pieces(said.text, pieces_max):
            add(index, {"content": piece}, wait_s=TEXT_FRAME_S)
        if said.call is not None:
            opening = {"index": 0, **_tool_call(said.call, seed, index, "")}
            add(index, {"tool_calls": [opening]})
            body, argument = _call_names(said.call)
            for piece in pieces(said.call.input, pieces_max):
                fragment = {"index": 0, body: {argument: piece}}
                add(index, {"tool_calls": [fragment]}, wait_s=TEXT_FRAME_S)
        add(index, {}, _FINISH_REASONS[said.ending])
    if usage is not None:
        reel.add({**head, "choices": [], "usage": usage})
    reel.add_raw(b"data: [DONE]\n\n")
    return reel.reply()
