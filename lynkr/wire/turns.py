"""Messages regrouped for dialects that are stricter about whose turn it is."""

from __future__ import annotations

from lynkr.wire.message import Json, Message, Part, Role, ToolCall, ToolResult


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


def call_names(messages: list[Message]) -> dict[str, str]:
    """Call id to tool name, for dialects whose results name the tool."""
    return {
        part.id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
