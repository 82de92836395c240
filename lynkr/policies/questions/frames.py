"""What kind of answer a question wants: its frame.

A question of several clauses has several. Two questions may have one answer only if their frames
fit. Which do is written in ``words.toml``: set down by meaning, then checked on labelled pairs.
"""

from __future__ import annotations

from collections.abc import Container

from lynkr.policies.questions.vocabulary import AMOUNTS, AUXILIARIES
from lynkr.policies.questions.vocabulary import FITS as FITTING
from lynkr.policies.questions.vocabulary import FRAME_WORDS as WORDS

# The numbers of the frames are part of packed features; new ones go to the end.
FRAMES = (
    "",  # a topic, or an order: "boiling point of water", "squash commits"
    *("what", "which", "define", "explain", "use", "does", "like", "best", "list", "example"),
    *("howto", "how", "why", "who", "when", "where", "many", "amount", "degree"),
    *("compare", "versus", "todo", "what do", "do you", "would", "happen", "there is"),
    *("do?", "is?", "can?", "will?", "should?", "have?", "build", "do", "your", "you"),
)
FRAME_NUMBERS = {name: number for number, name in enumerate(FRAMES)}


def _table() -> list[bytes]:
    fits = [bytearray(len(FRAMES)) for _ in FRAMES]
    for one, other in [*((name, name) for name in FRAMES), *FITTING]:
        row, column = FRAME_NUMBERS["" if one == "topic" else one], FRAME_NUMBERS[other]
        fits[row][column] = fits[column][row] = 1
    return [bytes(row) for row in fits]


FITS = _table()  # a row of 0 and 1 for each frame

QUESTION_WORDS = WORDS["question_words"]
BUILDING = WORDS["building"]
ACTING = WORDS["acting"]
_DETERMINERS = WORDS["determiners"]
_PEOPLE = WORDS["people"]
_MEASURED = WORDS["measured"]
_COMPARING = WORDS["comparing"]
_COMPARATIVES = WORDS["comparatives"]
_MEANS = WORDS["means"]
_MEANS_TO = WORDS["means_to"]
_QUALIFYING = WORDS["qualifying"]
_PRAISING = WORDS["praising"]
_CAUSING = WORDS["causing"]
_TIMES = WORDS["times"]
_LEADING_IN = WORDS["leading_in"]
_BEFORE_INNER = WORDS["before_inner"]
_TELLING = WORDS["telling"]
_EXPLAINING = WORDS["explaining"]
_MODALS = WORDS["modals"]
_BEING = WORDS["being"]


def frames(clauses: list[list[str]], asked: bool) -> list[str]:
    """The frames of a text in the order of its clauses, which are lists of words in lower case.
    ``asked``: there is a question mark."""
    found = []
    for clause in clauses:
        frame = _order(clause)
        if frame is None:
            frame = _question(clause)
        if frame is None:
            frame = _other(clause, asked)
        if frame:
            found.append(frame)
    return found


def _order(clause: list[str]) -> str | None:
    """ "Explain how it works": what follows decides."""
    if clause[0] not in _TELLING:
        return None
    for place in range(1, min(len(clause), 7)):
        word = clause[place]
        if word not in QUESTION_WORDS or word == "which":
            continue
        rest = clause[place:]
        frame = _question(rest)
        if word == "how" and frame in (None, "howto") and not _has(rest, 1, ("to",), _PEOPLE):
            return "how"
        if word == "what" and frame in ("which", "what do"):
            last = rest[-1]
            return "does" if last in ("does", "do", "did") else "what"
        return frame or "explain"
    if _COMPARING.isdisjoint(clause):
        return "explain"
    return "versus" if "vs" in clause or "versus" in clause else "compare"


def _other(clause: list[str], asked: bool) -> str | None:
    """A clause that does not begin as a question does."""
    first = clause[0]
    if not _COMPARING.isdisjoint(clause):
        return "versus" if "vs" in clause or "versus" in clause else "compare"
    if first in BUILDING:
        return "build"
    if first in ACTING and len(clause) > 1 and clause[1] in _DETERMINERS:
        return "do"
    if first in ("list", "name", "give", "suggest", "recommend"):
        return "list"
    if first in ("summarize", "summarise") or not _EXPLAINING.isdisjoint(clause[:3]):
        return "explain"
    if asked:  # "Python: how can I", "a megabyte contains how many"
        for place in range(1, len(clause)):
            word = clause[place]
            if word in QUESTION_WORDS and (
                word in ("how", "why", "what") or clause[place - 1] in _BEFORE_INNER
            ):
                return _question(clause[place:])
    return None


def _question(clause: list[str]) -> str | None:
    """The frame of a clause that begins with a question word or an auxiliary."""
    at = 0
    if len(clause) > 1 and clause[0] in _LEADING_IN and clause[1] in QUESTION_WORDS:
        at = 1  # "in what year", "at what speed"
    word = clause[at]
    if word == "whats":
        clause = ["what", "is", *clause[at + 1 :]]
        at, word = 0, "what"
    following = clause[at + 1] if at + 1 < len(clause) else ""
    if word == "how":
        return _how(clause, at, following)
    if word in ("what", "which"):
        return _what(clause, at, following)
    if word in ("who", "whom", "whose"):
        return "who"
    if word in ("when", "where", "why"):
        return word
    if word in AUXILIARIES and at == 0:
        return _yes_or_no(clause, following)
    if word in ("compare", "contrast"):
        return "compare"
    if "vs" in clause or "versus" in clause:
        return "versus"
    return None


def _yes_or_no(clause: list[str], following: str) -> str:
    asks = AUXILIARIES[clause[0]]
    if following == "there":
        thing = _after(clause, 2, _QUALIFYING)
        return "can?" if _has(clause, thing, _MEANS) else "there is"
    if following == "it" and _has(clause, 2, ("possible",)):
        return "can?"
    if following == "you" and asks in ("do?", "have?", "is?"):
        return "do you"
    return asks


def _how(clause: list[str], at: int, following: str) -> str:
    if not _COMPARING.isdisjoint(clause) or "different" in clause:
        return "compare"
    if following in ("many", "much"):
        if following == "much" and (
            _has(clause, at + 2, ("is", "are", "was")) or "cost" in clause or "costs" in clause
        ):
            return "amount"
        return "amount" if any(word[0].isdigit() for word in clause) else "many"
    if following in AMOUNTS:
        return "amount"
    if following in _MEASURED:
        return "many"
    if following == "come":
        return "why"
    if following == "about":
        return "what"
    if following in AUXILIARIES:
        if following == "did":
            return "how"
        if _has(clause, at + 2, _PEOPLE) or AUXILIARIES[following] in ("can?", "should?", "will?"):
            return "howto"
        return "how"
    if _has(clause, at + 2, AUXILIARIES) and following not in _PEOPLE and following != "to":
        return "degree"
    return "howto"


def _what(clause: list[str], at: int, following: str) -> str:
    word = clause[at]
    if following in _CAUSING:
        return "why"
    if clause[-1] in ("is", "are") and len(clause) > at + 2:
        return "what"
    if following in ("does", "do", "did") and "mean" in clause:
        return "define"
    if (
        following in ("is", "one", "of", "would")
        and (word == "which" or "or" in clause)
        and not _COMPARATIVES.isdisjoint(clause[at + 1 : at + 4])
    ):
        return "versus"
    if following in _TIMES:
        return "when"
    if following in ("person", "author", "artist", "actor"):
        return "who"
    if following in _BEING or following in _MODALS:
        return _what_is(clause, at, following)
    if following in ("does", "do", "did"):
        if _has(clause, at + 2, _PEOPLE) and "do" in clause[at + 3 :]:
            return "todo"
        if _has(clause, at + 2, ("you", "your")):
            return "you"
        return "does" if "do" in clause[at + 2 :] else "what do"
    if following in ("happens", "happened", "happen", "occurs"):
        return "happen"
    if following in _MEANS:
        return "howto"
    return "would" if word == "what" and following == "if" else "which"


def _what_is(clause: list[str], at: int, following: str) -> str:
    size = len(clause)
    first = at + 2
    if following in _MODALS and _has(clause, first, ("be",)):
        first += 1
    thing = _after(clause, first, _QUALIFYING)
    head = clause[thing] if thing < size else ""
    if head in ("difference", "differences"):
        return "compare"
    for place in range(thing, min(thing + 3, size - 1)):
        if clause[place] in _MEANS and clause[place + 1] in _MEANS_TO:
            return "howto"
    if head in ("reason", "reasons", "cause", "causes"):
        return "why"
    if head in ("meaning", "definition"):
        return "define"
    if head in ("number", "amount") and _has(clause, thing + 1, ("of",)):
        return "many"
    if head in ("year", "date", "release"):
        return "when"
    if head in ("author", "founder", "inventor", "creator"):
        return "who"
    last = clause[-1]
    if head == "like" or last == "like" or (head == "it" and _has(clause, thing + 1, ("like",))):
        return "like"
    if head == "used" or (last == "for" and size > 2 and clause[-2] in ("used", "use")):
        return "use"
    if following in _MODALS:
        if following in ("will", "would"):
            return "would"
        return "todo"
    if head in ("example", "examples"):
        return "example"
    if not _PRAISING.isdisjoint(clause[first:thing]):
        return "best"
    if _has(clause, first, ("some",)):
        return "list"
    return "your" if _has(clause, first, ("your",)) else "what"


def _after(clause: list[str], place: int, skipped: frozenset[str]) -> int:
    while place < len(clause) and clause[place] in skipped:
        place += 1
    return place


def _has(clause: list[str], place: int, *words: Container[str]) -> bool:
    """Whether the word at a place is in one of some collections."""
    if place >= len(clause):
        return False
    word = clause[place]
    for few in words:  # noqa: SIM110 (compiled, a loop is three times as fast)
        if word in few:
            return True
    return False
