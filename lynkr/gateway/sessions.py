"""What a worker remembers of the conversations that pass: when they were last here, and whether
their prompt cache does what the plan says.

Nothing here decides what a pass does to a block; that is a function of the request alone. It
decides only how long marks ask to be kept, whether a first request is marked at all, and when the
passes stand aside. Losing it costs a fresh start.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from lynkr._native.spans import TEXT, Block, Layout, Message
from lynkr.policies.prompt_cache import CacheWatch
from lynkr.transforms.attribution import HEADER
from lynkr.transforms.cache_plan import Standing
from lynkr.transforms.passes import Marks

SESSIONS_MAX = 10_000
HABITS_MAX = 2_000
SHORT_S, LONG_S = 300.0, 3600.0  # the two lives of a marked prefix, Anthropic's
LONG_PAUSES = 2  # after this many pauses between the two, the longer life pays
OPENED_MIN = 4  # calls of one kind, before it is judged whether they are ever continued
KEY_BYTES = 16
WORDS_MAX = 8 * 1024  # of one first text: of a longer one, pasted, both ends and the length count


class Session:
    """One conversation at one provider."""

    __slots__ = (
        "aside", "habit", "last_at", "messages", "opened", "pauses", "standing", "turns", "watch",
    )  # fmt: skip

    def __init__(self, habit: Habit) -> None:
        self.last_at = 0.0
        self.pauses = 0
        self.turns = 0
        self.opened = False  # its beginning was seen here, and it has not gone on yet
        self.aside = ""  # why the passes stand aside; "": they do not
        self.habit = habit
        self.standing: Standing | None = None  # of its last request
        self.messages = 0  # of its last request
        self.watch: CacheWatch | None = None

    def marks(self, now: float, *, first: bool) -> Marks:
        """How long marks of the gateway's own ask to be kept; "": none are worth setting.

        ``cache_plan.marking`` says whether they could pay; a first request is also not marked
        where calls of its kind have mostly not been continued. The pause that ends with this
        request counts: all of the prompt is written again after it, and once for an hour.
        """
        if first and self.habit.single:
            return ""
        return "1h" if self.pauses + self._paused(now) >= LONG_PAUSES else "5m"

    def seen(self, now: float, *, first: bool) -> None:
        """A request of this conversation is on its way."""
        self.pauses += self._paused(now)
        if first and not self.turns:
            self.habit.opened += 1
            self.opened = True
        elif not first and self.opened:  # a first request again is a retry, or the same single call
            self.habit.continued += 1
            self.opened = False
        self.last_at = now
        self.turns += 1

    def _paused(self, now: float) -> bool:
        """Whether a marked prefix of the short life has been lost since, and not of the long."""
        return self.turns > 0 and SHORT_S < now - self.last_at < LONG_S


class Habit:
    """Calls that begin with the same prompt: how many there were, and how many went on."""

    __slots__ = ("continued", "opened")

    def __init__(self) -> None:
        self.opened = 0
        self.continued = 0

    @property
    def single(self) -> bool:
        """They have mostly been single calls: marking those would only cost."""
        return self.opened >= OPENED_MIN and self.continued * 3 < self.opened


class Sessions:
    """The conversations of a worker, the ones used longest ago forgotten first."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._habits: OrderedDict[bytes, Habit] = OrderedDict()
        self.aside_total = 0

    def known(self, key: bytes) -> Session | None:
        """The session of a key, if it was here before: then nothing needs to be hashed again."""
        found = self._sessions.get(key)
        if found is not None:
            self._sessions.move_to_end(key)
        return found

    def find(self, key: bytes, prompt: bytes) -> Session:
        """The session of a key (``session_key``); ``prompt`` tells what kind of call opened it."""
        found = self.known(key)
        if found is None:
            found = self._sessions[key] = Session(self._habit(prompt))
            if len(self._sessions) > SESSIONS_MAX:
                self._sessions.popitem(last=False)
        return found

    def _habit(self, prompt: bytes) -> Habit:
        found = self._habits.get(prompt)
        if found is None:
            found = self._habits[prompt] = Habit()
            if len(self._habits) > HABITS_MAX:
                self._habits.popitem(last=False)
        else:
            self._habits.move_to_end(prompt)
        return found


def session_key(scope: bytes, named: bytes, target: bytes, body: bytes, layout: Layout) -> bytes:
    """Tells conversations apart: whose, by what name, where, and how it began.

    Sub-agents and side requests share their parent's name and differ in their first words, which a
    client repeats with every turn.
    """
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for part in (scope, named, target, first_words(body, layout)):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def first_words(body: bytes, layout: Layout) -> bytes:
    """The texts of the first message that is the user's, without marks that move."""
    for message in layout.message_list:
        if message.role == b"user":
            return b"".join(
                _ends(body, *block.text)
                for block in _blocks(layout, message)
                if block.kind == TEXT and block.text is not None
            )
    return b""


def _ends(body: bytes, start: int, end: int) -> bytes:
    if end - start <= WORDS_MAX:
        return body[start:end]
    half = WORDS_MAX // 2
    return b"%b\0%d\0%b" % (body[start : start + half], end - start, body[end - half : end])


def prompt_key(scope: bytes, body: bytes, layout: Layout) -> bytes:
    """Calls with the same system prompt of the same caller are of one kind, wherever their dialect
    has that prompt: beside the messages or at their head."""
    digest = hashlib.blake2b(scope, digest_size=KEY_BYTES)
    for text in _texts(body, layout.system_blocks):
        if not text.startswith(HEADER):  # differs with every thread
            digest.update(text)
    if not layout.system_blocks and layout.system is not None:
        digest.update(body[layout.system[0] : layout.system[1]])
    for message in layout.message_list:
        if message.role not in (b"system", b"developer"):
            break
        for text in _texts(body, _blocks(layout, message)):
            digest.update(text)
    return digest.digest()


def _blocks(layout: Layout, message: Message) -> list[Block]:
    return layout.blocks[message.first : message.first + message.count]


def _texts(body: bytes, blocks: list[Block]) -> list[bytes]:
    """JSON strings as they stand in the body."""
    return [
        body[block.text[0] : block.text[1]]
        for block in blocks
        if block.kind == TEXT and block.text is not None
    ]
