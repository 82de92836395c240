# ruff: noqa: RUF001 (quotation marks of all kinds are what is read)
"""A question cut into words, numbers, pieces of code and quotations.

One pass, no backtracking: what is looked ahead for is looked for in a bounded stretch.
"""

from __future__ import annotations

WORD, NUMBER, CODE, QUOTE, MARK = range(5)

CHUNK_MAX = 200  # characters without a space; longer ones are not words
QUOTED_MAX = 200  # characters between two quotation marks; further apart they are no pair
_CLOSING = {
    '"': '"',
    "“": "”",
    "”": "”",
    "‘": "’",
    "'": "'",
    "«": "»",
    "`": "`",
    "{": "}",
    "[": "]",
}
_OPENING = "(\"'“‘¿¡,;:…*"
_ENDING = ".,;:?!)(\"'“”‘’…*"
_CODE_MARKS = frozenset("_/\\{}[]<>$~=@#|&^*+%")
_SPLITTING = frozenset(",?!;…—–(:")
_CURRENCIES = frozenset("$€£₹")
_ORDINALS = frozenset(("st", "nd", "rd", "th"))
_CONTRACTED = {"re": "are", "ve": "have", "ll": "will", "d": "would", "m": "am"}
# Endings by which a dotted name is told to be a file; other dotted names are code all the same.
_FILES = frozenset(
    (
        *("py", "js", "ts", "tsx", "jsx", "go", "rs", "java", "c", "h", "cc", "cpp", "cs", "rb"),
        *("php", "sh", "sql", "md", "txt", "json", "yaml", "yml", "toml", "html", "css", "xml"),
        *("csv", "ini", "cfg", "lock", "proto", "kt", "swift", "log", "pdf", "doc", "docx"),
        *("xls", "xlsx", "png", "jpg", "jpeg", "gif", "zip", "gz", "tar", "exe"),
    )
)
_DOTTED_WORDS = frozenset(
    ("node.js", "vue.js", "next.js", "react.js", "express.js", "d3.js", ".net", "asp.net")
)
_SIGNED_WORDS = frozenset(("c++", "c#", "f#", "g++"))


class Token:
    """``low`` is its text in lower case; of numbers without unit and thousands' commas, of code and
    quotations without marks. ``capitals``: 0 none, 1 the first letter, 2 more. ``opens``: it begins
    a sentence."""

    __slots__ = ("begin", "capitals", "end", "kind", "low", "opens", "unit")

    def __init__(
        self,
        begin: int,
        end: int,
        kind: int,
        low: str,
        capitals: int = 0,
        opens: bool = False,
        unit: str = "",
    ) -> None:
        self.begin = begin
        self.end = end
        self.kind = kind
        self.low = low
        self.capitals = capitals
        self.opens = opens
        self.unit = unit


def tokens(text: str) -> list[Token]:
    """The tokens of a text, in order."""
    found: list[Token] = []
    size = len(text)
    at = 0
    opens = True
    while at < size:
        char = text[at]
        if char.isspace():
            at += 1
            continue
        if char in "\"'`“”‘«{[" and (char in "{[" or at == 0 or not text[at - 1].isalnum()):
            end = _quoted(text, at, char, found)
            if end > at:
                opens = False
                at = end
                continue
        end = at
        while end < size and not text[end].isspace():
            end += 1
        first, last = at, end
        while first < last and not text[first].isalnum() and text[first] in _OPENING:
            found.append(Token(first, first + 1, MARK, text[first]))
            first += 1
        while last > first and not text[last - 1].isalnum() and text[last - 1] in _ENDING:
            if text[last - 2 : last] == "()" and last - first > 2:
                break
            last -= 1
        if first < last:
            _chunk(text, first, last, found, opens)
            opens = False
        for place in range(last, end):
            found.append(Token(place, place + 1, MARK, text[place]))
            if text[place] in ".?!:":
                opens = True
        at = end
    return found


def _quoted(text: str, at: int, char: str, found: list[Token]) -> int:
    """Take a quotation or a literal that begins here; where it ends, or ``at``."""
    if char == "`" and text.startswith("```", at):
        end = text.find("```", at + 3)
        end = len(text) if end < 0 else end + 3
        found.append(Token(at, end, CODE, " ".join(text[at:end].strip("`").lower().split())))
        return end
    closing = _CLOSING[char]
    stop = at + QUOTED_MAX
    end = text.find(closing, at + 1, stop)
    if char in "'‘":  # an apostrophe inside a word does not close
        while end > 0 and end + 1 < len(text) and text[end + 1].isalnum():
            end = text.find(closing, end + 1, stop)
    inner = text[at + 1 : end] if end > at else ""
    low = " ".join(inner.lower().split())
    if not low or "\n" in inner:
        return at
    if char in "{[":
        found.append(Token(at, end + 1, CODE, (char + low + closing).replace(" ", "")))
    else:
        found.append(Token(at, end + 1, CODE if char == "`" else QUOTE, low))
    return end + 1


def _chunk(text: str, begin: int, end: int, found: list[Token], opens: bool) -> None:
    """Take what stands between two spaces, its outer punctuation cut off."""
    chunk = text[begin:end]
    if len(chunk) > CHUNK_MAX:
        found.append(Token(begin, end, CODE, chunk.lower()))
        return
    if chunk.isalpha():
        kind = CODE if _camel(chunk) else WORD
        found.append(Token(begin, end, kind, chunk.lower(), _capitals(chunk), opens))
        return
    low = chunk.lower().replace("’", "'")
    if chunk[0].isdigit() or chunk[0] in _CURRENCIES:
        number = _number(begin, end, low)
        if number is not None:
            found.append(number)
            return
    if low in _SIGNED_WORDS or low in _DOTTED_WORDS:
        found.append(Token(begin, end, WORD, low.replace(".", ""), 2, opens))
        return
    if chunk[0] == "-" and chunk.lstrip("-")[:1].isalpha():
        found.append(Token(begin, end, CODE, low))
        return
    if "'" in low:
        _apostrophe(text, begin, end, low, found, opens)
        return
    if _initials(chunk):
        found.append(Token(begin, end, WORD, low.replace(".", ""), 2, opens))
        return
    if "/" in chunk and chunk[0] not in "/~." and len(chunk) < 40 and _plain(chunk, "/"):
        _parts(text, begin, end, "/", found, opens)
        return
    for place in range(1, len(chunk) - 1):  # a space left out after punctuation
        if chunk[place] in _SPLITTING and not (_CODE_MARKS & set(chunk)):
            _chunk(text, begin, begin + place, found, opens)
            found.append(Token(begin + place, begin + place + 1, MARK, chunk[place]))
            _rest(text, begin + place + 1, end, found, chunk[place] in "?!")
            return
    if "." in chunk[1:-1]:
        _dotted(text, begin, end, low, found, opens)
        return
    if not _CODE_MARKS.isdisjoint(chunk) or "::" in chunk or "->" in chunk or "()" in chunk:
        single = len(chunk) == 1 and chunk in "&/|_-*"
        low = low.removesuffix("()")
        found.append(Token(begin, end, MARK if single else CODE, low))
        return
    if "-" in chunk or "–" in chunk or "—" in chunk:
        dash = "-" if "-" in chunk else "–" if "–" in chunk else "—"
        _parts(text, begin, end, dash, found, opens)
        return
    if chunk[0].isalnum():
        kind = CODE if _camel(chunk) else WORD
        found.append(Token(begin, end, kind, low, _capitals(chunk), opens))
        return
    found.append(Token(begin, end, MARK, low))


def _rest(text: str, begin: int, end: int, found: list[Token], opens: bool) -> None:
    """Take a chunk that may begin or end with punctuation, and may be nothing."""
    while begin < end and text[begin] in _ENDING:
        found.append(Token(begin, begin + 1, MARK, text[begin]))
        begin += 1
    last = end
    while last > begin and text[last - 1] in _ENDING:
        last -= 1
    if begin < last:
        _chunk(text, begin, last, found, opens)
    for place in range(last, end):
        found.append(Token(place, place + 1, MARK, text[place]))


def _parts(text: str, begin: int, end: int, mark: str, found: list[Token], opens: bool) -> None:
    """Take words that are joined by a mark, each for itself."""
    at = begin
    while at <= end:
        stop = text.find(mark, at, end)
        stop = end if stop < 0 else stop
        if stop > at:
            _rest(text, at, stop, found, opens)
        if stop < end:
            found.append(Token(stop, stop + 1, MARK, mark))
        at = stop + 1


def _apostrophe(text: str, begin: int, end: int, low: str, found: list[Token], opens: bool) -> None:
    head, _, tail = low.rpartition("'")
    place = begin + len(head)
    if not head or not head[-1].isalnum():
        _rest(text, begin + 1 if not head else begin, end - len(tail) - 1, found, opens)
        return
    if tail == "s" or tail == "":
        _chunk(text, begin, place, found, opens)
        if tail:
            found.append(Token(place, end, WORD, "'s"))
    elif tail in _CONTRACTED:
        _chunk(text, begin, place, found, opens)
        found.append(Token(place, end, WORD, _CONTRACTED[tail]))
    else:
        found.append(Token(begin, end, WORD, low, _capitals(text[begin:end]), opens))


def _dotted(text: str, begin: int, end: int, low: str, found: list[Token], opens: bool) -> None:
    """A file, a version, a name of code; or two sentences without a space between them."""
    left, _, right = low.rpartition(".")
    if low[0] == "v" and low[1:2].isdigit() and right[:1].isdigit():
        found.append(Token(begin, end, NUMBER, low[1:]))
        return
    sentence = text[begin + len(left) + 1].isupper() and len(right) > 2 and left.isalpha()
    if right in _FILES or not sentence:
        found.append(Token(begin, end, CODE, low.removesuffix("()")))
        return
    place = begin + len(left)
    _chunk(text, begin, place, found, opens)
    found.append(Token(place, place + 1, MARK, "."))
    _chunk(text, place + 1, end, found, True)


def _number(begin: int, end: int, low: str) -> Token | None:
    """Digits, with a currency before and a unit or an ordinal's ending after them."""
    at = 1 if low[0] in _CURRENCIES else 0
    unit = low[:at]
    first = at
    size = len(low)
    while at < size and (
        low[at].isdigit() or (low[at] in ".,:" and at > first and low[at + 1 : at + 2].isdigit())
    ):
        at += 1
    tail = low[at:]
    if at == first or len(tail) > 12 or not all(char.isalpha() or char in "%°" for char in tail):
        return None
    if tail in _ORDINALS:
        tail = ""
    return Token(begin, end, NUMBER, low[first:at].replace(",", ""), unit=unit or tail)


def _initials(chunk: str) -> bool:
    """U.S., e.g."""
    return len(chunk) >= 3 and all(
        char == "." if place % 2 else char.isalpha() for place, char in enumerate(chunk)
    )


def _plain(chunk: str, mark: str) -> bool:
    parts = chunk.split(mark)
    return len(parts) <= 3 and all(part.isalnum() for part in parts)


def _capitals(chunk: str) -> int:
    capitals = 0
    for char in chunk:
        if char.isupper():
            capitals += 1
    if not capitals:
        return 0
    return 1 if capitals == 1 and chunk[0].isupper() else 2


def _camel(chunk: str) -> bool:
    """``parseInt`` is code; ``iPhone``, ``JavaScript`` and ``macOS`` are names."""
    return (
        len(chunk) > 3
        and chunk[0].islower()
        and chunk[1].islower()
        and any(
            chunk[place].isupper() and chunk[place + 1].islower()
            for place in range(2, len(chunk) - 1)
        )
    )
