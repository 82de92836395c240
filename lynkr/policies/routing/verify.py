"""Whether a reply has a flaw that shows in its form: the check before a cascade goes a tier up.

Nothing is judged here but structure. A flaw that is none costs a second call, so where a good reply
might look the same, there is none. A refusal is an answer, and no flaw: whoever wants another
opinion on it may ask for it, the gateway does not.
"""

from __future__ import annotations

import re

from lynkr.policies.routing.verify_calls import broken_call, broken_json, written_call
from lynkr.policies.routing.verify_text import in_other_script, repeats
from lynkr.wire.message import Message, Part, Request, Response, Text, Thinking

# In the order in which they are looked for; the first one found is told.
FLAWS = (
    "truncated",
    "malformed_tool_call",
    "empty",
    "malformed_json",
    "wrong_language",
    "repetition",
    "echo",
)
TINY_TOKENS = 256  # a client that allows no more wants no more: a longer reply would be cut as well
ECHO_CHARS_MIN = 40
_CUT = ("max_tokens", "context_window")
_JSON = ("json_object", "json_schema")
_SAID_AGAIN = re.compile(
    r"\b(?:repeat|echo|verbatim|copy|copies|say|print|output|return|reply|respond|write|type|quote"
    r"|format\w*|fix|correct\w*|proofread\w*|edit\w*|rewrit\w+|rephras\w+|clean\w*|transcri\w+"
    r"|translat\w+|convert\w*|normali[sz]\w*|answer)\b",
    re.I,
)
# Anywhere that a line may begin, in lists and quotations too; more tildes underline a title.
_FENCE = re.compile(
    r"^[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?(`{3,}|~~~(?!~))[ \t]*([^`\n]*)$", re.M
)
_SENTENCE_ENDS = ".!?\u3002\uff01\uff1f"


def flaw_of(asked: Request, reply: Response, own_language: str = "") -> str:
    """The name of the first flaw (one of ``FLAWS``), or "". ``own_language``: the tag of the
    language that the user writes, where it is known better than by the script of the last
    message."""
    reason = reply.stop.reason
    said = said_by(reply.parts)
    if reason == "refusal" or any(isinstance(p, Text) and p.refusal for p in reply.parts):
        return ""
    if reason in _CUT:
        limit = asked.max_output_tokens
        return "" if limit is not None and limit <= TINY_TOKENS else "truncated"
    if broken_call(asked, reply) or written_call(asked, reply, said):
        return "malformed_tool_call"
    if any(not isinstance(part, Text | Thinking) for part in reply.parts):
        return ""  # a call, a picture, or what only its dialect understands: the text is beside it
    if reason != "end_turn":
        return ""  # by a stop sequence, or a pause: the client asked for it, and knows why
    if not said.strip():
        return "empty"
    if asked.output is not None and asked.output.kind in _JSON:
        return "malformed_json" if broken_json(asked.output, said) else ""
    begun = bool(asked.messages) and asked.messages[-1].role == "assistant"
    if not asked.stop and not begun and is_open(said):
        return "truncated"
    user = last_words(asked)
    if in_other_script(_everything(asked), user, said, own_language):
        return "wrong_language"
    if repeats(said, user):
        return "repetition"
    return "echo" if _is_echo(asked, user, said) else ""


def said_by(parts: list[Part]) -> str:
    """The texts that a reader sees, together."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def last_words(asked: Request) -> str:
    """The text of the user's last message."""
    for message in reversed(asked.messages):
        if message.role == "user":
            return said_by(message.parts)
    return ""


def _everything(asked: Request) -> str:
    """All texts of the request: a language may have been agreed upon in any of them."""
    every: list[Message] = list(asked.messages)
    if asked.system is not None:
        every.append(asked.system)
    return "\n".join(said_by(message.parts) for message in every)


def is_open(text: str) -> bool:
    """Whether a text ends within a block of code that somebody forgot, or did not come, to close.

    A fence closes what is open by CommonMark's rules (spec 0.31, 4.5), and models nest blocks as
    the rules do not allow; a text is open only if it is by both readings. Prose after the last
    fence, and a fence as the last line, speak for a reply that was meant to end there.
    """
    fence = ""  # of the open block, by CommonMark
    behind = 0  # where its content begins
    depth = 0  # of nested blocks: a fence with an info string begins one, a bare one ends one
    for match in _FENCE.finditer(text):
        marks, info = match[1], match[2].strip()
        if not fence:
            fence, behind = marks, match.end()
        elif marks.startswith(fence) and not info:
            fence = ""
        depth += 1 if info or not depth else -1
    if not fence or not depth:
        return False
    rest = text[behind:].rstrip()
    return bool(rest.strip()) and rest[-1] not in _SENTENCE_ENDS


def _is_echo(asked: Request, user: str, said: str) -> bool:
    """Whether the reply is what the user wrote, and nothing more."""
    ours, theirs = " ".join(said.split()), " ".join(user.split())
    if len(theirs) < ECHO_CHARS_MIN or ours.casefold() != theirs.casefold():
        return False
    return _SAID_AGAIN.search(_everything(asked)) is None
