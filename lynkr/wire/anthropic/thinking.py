"""How much Claude is to think, asked in the words of another dialect.

What a model understands is told by these capabilities:

* "adaptive_thinking": ``thinking: {type: adaptive}`` and ``output_config.effort``
  (https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking). Its efforts are low,
  medium, high and max, with "effort_xhigh" also xhigh
  (https://platform.claude.com/docs/en/build-with-claude/effort).
* "thinking_budget": ``thinking: {type: enabled, budget_tokens}``, at least 1024 and less than
  ``max_tokens`` (https://platform.claude.com/docs/en/build-with-claude/extended-thinking). It goes
  together with no forced call of a tool, nor with results of calls whose thinking is gone.
* "thinking_always_on": ``{type: disabled}`` is refused.

| asked for | effort | budget |
| --- | --- | --- |
| minimal | low | 1,024 |
| low | low | 2,048 |
| medium; nothing, in a dialect that always has an effort | medium; its default | 8,192 |
| high | high | 24,576 |
| xhigh | xhigh, else max | 32,768 |
| max | max | 65,536 |

A budget from this table takes half of ``max_tokens`` at most. A budget that the client named is
passed on, where there are budgets, and else becomes the least effort that has as much.
"""

from __future__ import annotations

import msgspec

from lynkr.wire.codec import Losses, Target
from lynkr.wire.message import Json, Request, Thinking, ToolCall, ToolResult

BUDGET_MIN = 1024
BUDGETS = {
    "minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 65536,
}  # fmt: skip
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "max": "max"}


class Thought(msgspec.Struct, frozen=True):
    """The fields ``thinking`` and ``output_config.effort``; what is not set is not to be sent."""

    thinking: Json | None = None
    effort: str = ""

    @property
    def thinks(self) -> bool:
        return self.thinking is not None and self.thinking["type"] != "disabled"


_NOTHING = Thought()


def thought(request: Request, target: Target, max_tokens: int, losses: Losses) -> Thought:
    """What a foreign request's ``reasoning`` means here."""
    asked = request.reasoning
    if asked is None:
        return _NOTHING
    losses.extras(
        {name: value for name, value in asked.extras.items() if value is not None}, "reasoning"
    )
    adaptive = "adaptive_thinking" in target.capabilities
    budgets = "thinking_budget" in target.capabilities
    if asked.mode == "disabled" or asked.effort == "none" or asked.budget_tokens == 0:
        if "thinking_always_on" in target.capabilities:
            losses.add("reasoning")
        elif adaptive or budgets:
            return Thought({"type": "disabled"})
        return _NOTHING
    if not (adaptive or budgets) or (asked.effort and asked.effort not in BUDGETS):
        losses.add("reasoning")
        return _NOTHING
    if asked.summary not in ("", "auto"):
        losses.add("reasoning.summary")  # how long it is, is not to be chosen
    named = asked.budget_tokens
    if named is not None and named < 0:
        named = None  # Gemini's -1: as the model likes
    if adaptive and not (budgets and named is not None):
        thinking: Json = {"type": "adaptive"}
        if asked.summary:
            thinking["display"] = "summarized"  # newer models show none unless asked
        return Thought(
            thinking, effort_of(asked.effort, named, "effort_xhigh" in target.capabilities)
        )
    budget = budget_of(asked.effort, named, max_tokens)
    choice = request.tool_choice
    forced = choice is not None and choice.mode in ("required", "tool")
    if forced or budget < BUDGET_MIN or _unsigned(request):
        losses.add("reasoning")
        return _NOTHING
    return Thought({"type": "enabled", "budget_tokens": budget})


def _unsigned(request: Request) -> bool:
    """Whether calls are being answered whose thinking did not come back.

    With a budget, a turn that goes on with results must begin with the thinking that led to the
    calls, signature and all. Clients that cannot keep it get an answer without new thinking.
    """
    called = False
    for message in reversed(request.messages):
        for part in message.parts:
            if isinstance(part, Thinking) and part.seal is not None:
                if part.seal.format == "anthropic_messages":
                    return False
            elif isinstance(part, ToolCall):
                called = True
            elif message.role == "user" and not isinstance(part, ToolResult):
                return called
    return called


def effort_of(effort: str, budget: int | None, xhigh: bool) -> str:
    """One of the model's efforts, for one of any dialect, or for a budget where none is named."""
    if not effort and budget is not None:
        effort = next((name for name, most in BUDGETS.items() if budget <= most), "max")
    if effort == "xhigh":
        return "xhigh" if xhigh else "max"
    return _EFFORTS.get(effort, "")


def budget_of(effort: str, named: int | None, max_tokens: int) -> int:
    """A budget for an effort of the table above, or the one that was named; less than
    ``BUDGET_MIN`` where ``max_tokens`` leaves no room for one."""
    if named is not None and named < max_tokens:
        return named
    wanted = BUDGETS[effort or "medium"] if named is None else named
    return min(wanted, max(max_tokens // 2, BUDGET_MIN if max_tokens > BUDGET_MIN else 0))
