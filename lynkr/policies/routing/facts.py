"""What routing knows of one call, and what it decides: the words that its parts share.

``asked`` and ``seen`` read a request into ``Ask`` and ``Seen``; ``difficulty.score`` measures an
ask; ``verdict`` makes of both, and of the conversation's ``Pin``, a ``Verdict``. All of it is plain
data, so every decision can be printed, tested and made again.
"""

from __future__ import annotations

import msgspec

TIERS = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
SIMPLE, MEDIUM, COMPLEX, REASONING = range(4)


class Ask(msgspec.Struct, frozen=True):
    """What the user asked, in own words: reminders, tool results, pasted files of the client's and
    everything else that the harness wrote is not in it."""

    text: str  # of the last message that has any; "": none has
    before: str = ""  # the end of what the assistant said just before that message
    earlier: tuple[str, ...] = ()  # own words of the messages before it, the newest first
    tokens: int = 0  # of all the words of that message; ``text`` may be cut in its middle


class Seen(msgspec.Struct, frozen=True):
    """What else a request shows. The defaults are those of a first question."""

    side: str = ""  # kind of side call that the client makes for itself (``side_calls``)
    typed: bool = (
        True  # the last message has words of the user's; else a tool exchange is under way
    )
    turns: int = 1  # messages with words of the user's
    messages: int = 1
    tools: int = 0  # offered
    calls: int = 0  # made in this conversation, and still told in it
    planning: bool = False  # the client is in its plan mode
    compacted: bool = False  # the conversation begins with a summary of an earlier part
    images: bool = False
    thinking: bool = False  # visible or hidden reasoning was asked for
    structured: bool = False  # a JSON schema for the answer was given
    output_tokens: int = 0  # the most that may be answered; 0: not said
    prompt_tokens: int = 0  # of the whole request, estimated
    # What came back since the model's last reply.
    results: int = 0
    errors: int = 0  # of these, the ones that report a failure
    invalid: int = 0  # of these, calls that the tool's own rules refused
    edits: int = 0  # results of tools that change files
    edit_failures: int = 0  # of these, the ones that could not be applied
    # Up to now, counted backwards from the end.
    errors_in_row: int = 0  # results that failed, one after the other
    edit_failures_in_row: int = 0
    loops: int = 0  # times that the very same call was made, one after the other
    retried: bool = False  # the user says that the last answer was wrong, or asks the same again


class Floor(msgspec.Struct, frozen=True):
    """A rule that does not leave a call below a tier."""

    rule: str  # force | risk | autonomous
    tier: int  # of ``force``; the configuration says it of the others
    word: str  # of the gateway's own lists that matched, never the user's text


class Score(msgspec.Struct, frozen=True):
    """How hard an ask is."""

    value: float  # 0 to 100
    tier: int  # by the bands
    dimensions: tuple[float, ...]  # 0 to 1 each, in the order of ``difficulty.dimensions.NAMES``
    intent: float  # 0 to 1: by its meaning alone
    nearest: str = ""  # name of the exemplar that is nearest in meaning
    likeness: float = 0.0  # their cosine
    floors: tuple[Floor, ...] = ()
    # What was measured. ask: the words themselves; proposal: what the assistant proposed, and the
    # user only agreed to; closing: thanks and the like, nothing is asked any more.
    basis: str = "ask"


class Pin(msgspec.Struct, frozen=True):
    """What is kept of a conversation, for every worker: 48 bytes, and nothing of its words."""

    tier: int
    score: float
    at_s: float  # unix seconds: when the tier was decided
    last_s: float  # and when the conversation was last here
    turns: int = 0  # calls since the decision
    prompt_tokens: int = 0  # of the last of them
    output_tokens: int = 0  # a running mean of the replies, 0: not known
    target: int = 0  # 64 bits of a digest of "provider:model" that took the last call
    raised: int = 0  # how often the ladder moved it up


class Policy(msgspec.Struct, frozen=True):
    """What a configuration says of routing, tiers as numbers."""

    risk_floor: int = COMPLEX
    autonomous_floor: int = REASONING
    plan_floor: int = COMPLEX
    side_tier: int = SIMPLE  # of side calls; -1: like any other call


class Switch(msgspec.Struct, frozen=True):
    """What moving a conversation to another model costs and brings, in dollars."""

    stay_usd: float  # the next call, and those expected after it, where it is
    move_usd: float  # the same elsewhere
    once_usd: float  # of ``move_usd``, what is paid once: the prompt written or read anew
    break_even_turns: float  # calls after which the cheaper one has paid; inf: never
    warm: bool  # whether the prompt is taken to be in the cache of where it is

    @property
    def pays(self) -> bool:
        return self.move_usd < self.stay_usd


class Verdict(msgspec.Struct, frozen=True):
    """Where a call goes, and why."""

    tier: int
    # score | floor | side | plan | asked | pinned | raised | lowered | guard
    rule: str
    reason: str  # one sentence, ASCII, without any of the user's words
    counterfactual: str = ""  # one sentence: what would have made it another tier
    score: Score | None = None  # None: nothing was measured
    moved: str = ""  # up | down: a conversation that was elsewhere
    pin: Pin | None = None  # to be kept; None: what is kept stays
    switch: Switch | None = None  # of a move, and of one that was considered
