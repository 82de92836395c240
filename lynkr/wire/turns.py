"""Messages regrouped for dialects that are stricter about whose turn it is."""

from __future__ import annotations

import msgspec

from lynkr.wire.message import Json, Message, Part, Role, Text, Thinking, ToolCall, ToolResult

# Dialects whose clients send a streamed reply back in the pieces in which it came: Google's SDKs
# keep each chunk as a turn of its own.
PIECEMEAL = frozenset(("gemini",))


def as_turns(messages: list[Message], *, merge: bool = True) -> list[Message]:
    """System, user and assistant messages only, in order.

    Developers' messages become the system's, and tool results the user's. With ``merge``,
    neighbours of one role become one message, except the system's. Results come before other parts
    within a turn: a provider wants each answer right behind its call. What is merged keeps all its
    parts; ``name`` and ``id`` are those of the first.
    """
    found: list[Message] = []
    for message in messages:
        role: Role = message.role
        if role == "developer":
            role = "system"
        elif role == "tool":
            role = "user"
        last = found[-1] if found else None
        if merge and last is not None and last.role == role and role != "system":
            extras: Json = {**last.extras, **message.extras}
            found[-1] = Message(
                role=role, parts=last.parts + message.parts, name=last.name, id=last.id,
                extras=extras,
            )  # fmt: skip
        else:
            found.append(
                Message(
                    role=role, parts=message.parts, plain=message.plain, name=message.name,
                    id=message.id, extras=message.extras,
                )
            )  # fmt: skip
    for message in found:
        if message.role == "user" and any(isinstance(part, ToolResult) for part in message.parts):
            message.parts = sorted(message.parts, key=_behind_results)
    return found


def _behind_results(part: Part) -> bool:
    return not isinstance(part, ToolResult)  # sorting is stable


def rejoined(messages: list[Message]) -> list[Message]:
    """The assistant's turns in one piece each, as the model wrote them.

    Neighbouring texts become one, and so do neighbouring thoughts up to a seal, which is that of
    all of them. What has unknown fields stays by itself.
    """
    found: list[Message] = []
    for message in messages:
        last = found[-1] if found else None
        if message.role != "assistant":
            found.append(message)
        elif last is None or last.role != "assistant" or last.extras or message.extras:
            found.append(msgspec.structs.replace(message, parts=list(message.parts)))
        else:
            last.parts += message.parts
    for message in found:
        if message.role == "assistant":
            message.parts = _runs(message.parts)
    return found


def _runs(parts: list[Part]) -> list[Part]:
    runs: list[list[Part]] = []
    for part in parts:
        if runs and _continues(runs[-1][-1], part):
            runs[-1].append(part)
        else:
            runs.append([part])
    return [_whole(run) if len(run) > 1 else run[0] for run in runs]


def _continues(last: Part, part: Part) -> bool:
    if isinstance(last, Text) and isinstance(part, Text):
        return not (last.extras or part.extras)
    if isinstance(last, Thinking) and isinstance(part, Thinking):
        return last.seal is None and not (last.extras or part.extras)
    return False


def _whole(run: list[Part]) -> Part:
    text = "".join(part.text for part in run if isinstance(part, (Text, Thinking)))
    first, last = run[0], run[-1]
    if isinstance(first, Thinking) and isinstance(last, Thinking):
        return msgspec.structs.replace(first, text=text, seal=last.seal)
    assert isinstance(first, Text)
    return msgspec.structs.replace(first, text=text)


def call_names(messages: list[Message]) -> dict[str, str]:
    """Call id to tool name, for dialects whose results name the tool."""
    return {
        part.id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
