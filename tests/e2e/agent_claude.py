"""What some Claude models take that others refuse: how they are told to think, and system messages
in a conversation. A client that knows the model it asks for gets it right; a gateway that sends the
call to another model has to.

Opus 4.7 and later refuse budgets of thinking, models before 4.6 adaptive thinking, all but Opus
before 4.6 an effort (https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking and
.../effort), and models before Opus 4.8 the role "system" among the messages.
"""

from __future__ import annotations

from tests.e2e.agent_plan import Asked, expect

_OLD = frozenset({"enabled", "disabled"})
_BETWEEN = frozenset({"enabled", "adaptive", "disabled", "effort"})
_NEW = frozenset({"adaptive", "disabled", "effort", "system"})
TAKEN = {
    "claude-haiku-4-5": _OLD,
    "claude-sonnet-4-5": _OLD,
    "claude-opus-4-5": _OLD | {"effort"},
    "claude-sonnet-4-6": _BETWEEN,
    "claude-opus-4-6": _BETWEEN,
    "claude-opus-4-8": _NEW,
    "claude-sonnet-5": _NEW,
}


def check(asked: Asked) -> None:
    """Raises ``Refused``, in the provider's words, for what the model does not take. A model that
    is not in the table takes everything."""
    taken = TAKEN.get(asked.model)
    if taken is None:
        return
    body = asked.body
    thinking = (body.get("thinking") or {}).get("type")
    expect(
        thinking != "enabled" or "enabled" in taken,
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and'
        ' "output_config.effort" to control thinking behavior.',
    )
    expect(
        thinking != "adaptive" or "adaptive" in taken,
        "adaptive thinking is not supported on this model",
    )
    effort = (body.get("output_config") or {}).get("effort")
    expect(effort is None or "effort" in taken, "This model does not support the effort parameter.")
    roles = {message["role"] for message in body["messages"]}
    expect(
        "system" not in roles or "system" in taken, "role 'system' is not supported on this model"
    )
