"""Conversations as clients send them, and what is seen in them."""

from __future__ import annotations

import json
from typing import Any

from lynkr._native.spans import CHAT, MESSAGES, RESPONSES, scan
from lynkr.policies.routing.asked import asked
from lynkr.policies.routing.facts import Seen
from lynkr.policies.routing.seen import facts_of

REMINDER = "<system-reminder>\nFive servers need authentication.\n</system-reminder>"
NAMES = {MESSAGES: "messages", CHAT: "chat", RESPONSES: "responses"}


def seen_in(messages: Any, dialect: int = MESSAGES, *, side: str = "", **fields: Any) -> Seen:
    name = "input" if dialect == RESPONSES else "messages"
    body = json.dumps({"model": "m", name: messages, **fields}).encode()
    layout = scan(body, dialect)
    assert layout is not None
    said, seen = facts_of(NAMES[dialect], body, layout, side)
    assert said == asked(body, layout).ask
    return seen


def user(*content: Any) -> dict[str, Any]:
    alone = len(content) == 1 and not isinstance(content[0], dict)
    return {"role": "user", "content": content[0] if alone else list(content)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def reply(words: str) -> dict[str, Any]:
    return {"role": "assistant", "content": words}


class Talk:
    """A conversation with calls, in any dialect."""

    def __init__(self, dialect: int = MESSAGES, ask: str = "fix it") -> None:
        self.dialect = dialect
        self.messages: list[Any] = [user(ask)]
        self.made = 0

    def call(
        self, name: str, arguments: Any = None, result: Any = "ok", *, error: bool = False
    ) -> Talk:
        self.made += 1
        number, given = f"call_{self.made}", arguments if arguments is not None else {}
        if self.dialect == MESSAGES:
            use = {"type": "tool_use", "id": number, "name": name, "input": given}
            came = {"type": "tool_result", "tool_use_id": number, "content": result}
            if error:
                came["is_error"] = True
            self.messages += [{"role": "assistant", "content": [use]}, user([came])]
        elif self.dialect == CHAT:
            function = {"name": name, "arguments": json.dumps(given)}
            use = {"id": number, "type": "function", "function": function}
            self.messages += [
                {"role": "assistant", "content": None, "tool_calls": [use]},
                {"role": "tool", "tool_call_id": number, "content": result},
            ]
        else:
            words = given if isinstance(given, str) else json.dumps(given)
            self.messages += [
                {"type": "function_call", "call_id": number, "name": name, "arguments": words},
                {"type": "function_call_output", "call_id": number, "output": result},
            ]
        return self

    def say(self, *messages: Any) -> Talk:
        self.messages += messages
        return self

    @property
    def seen(self) -> Seen:
        return seen_in(self.messages, self.dialect)
