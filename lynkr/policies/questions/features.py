"""What the guard compares of a question, packed."""

from __future__ import annotations

import re

import msgspec

from lynkr.policies.questions.canon import _RAW, Canonical

VERSION = 1
_STOP = frozenset(_RAW["stop"].split()) | frozenset(_RAW["asking"].split())
_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "never",
        "without",
        "none",
        "neither",
        "nor",
        "cannot",
        "nobody",
        "nothing",
        "except",
    ]
)
_WORD = re.compile(r"[a-z0-9]+(?:[+#]+|(?:'[a-z]+))?|[%<>=+*/^]+")
_NUMBER = re.compile(r"(?<![A-Za-z_])\d+(?:[.,:]\d+)*")
_CODE = re.compile(
    r"`[^`]{1,200}`|\"[^\"]{1,200}\"|(?<!\w)'[^']{2,80}'(?!\w)|\S*[/_\\{}\[\]@#]\S*|\b\w+\(\)"
    r"|\b\w+\.[a-z]\w{0,9}\b"
)
_COUNTS = {
    w: str(i)
    for i, w in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
} | {"first": "1", "second": "2", "third": "3"}
_COUNTS.pop("one")
_FRAMES = (
    ("many", r"\bhow (?:many|much)\b|\bnumber of\b"),
    ("why", r"\bwhy\b|\breasons? for\b|\bhow come\b"),
    ("who", r"\bwho(?:m|se)?\b|\bauthor of\b"),
    ("when", r"\bwhen\b|\bwhat year\b|\brelease date\b"),
    ("where", r"\bwhere\b"),
    ("how", r"^how (?:do|can|to|should)\b|\bways? to\b"),
    ("yes", r"^(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have)\b"),
    ("what", r"^(?:what|how|which)\b"),
)
_COMPARE = re.compile(r"\b(?:difference|differences|differ|differs|different|versus|vs|compare)\b")
_BUILD = re.compile(r"^(?:write|create|make|build|generate|implement|produce|compose|design)\b")


class Parts(msgspec.Struct, frozen=True, array_like=True):
    version: int
    fleeting: bool
    style: str
    language: str
    frame: str
    compare: bool
    build: bool
    negated: bool
    numbers: tuple[str, ...]
    code: tuple[str, ...]
    names: tuple[str, ...]
    words: tuple[tuple[str, str], ...]
    order: tuple[tuple[str, str], ...]
    low: str


def stem(word: str) -> str:
    for end, new in (("'s", ""), ("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(end) and len(word) - len(end) >= 3 and not word.endswith("ss"):
            word = word[: len(word) - len(end)] + new
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


def features(canonical: Canonical) -> bytes:
    """What ``judge`` needs of a question. The first byte is the version."""
    text = canonical.text
    low = text.lower().replace("’", "'")  # noqa: RUF001
    words = _WORD.findall(low)
    numbers = {n.replace(",", "") for n in _NUMBER.findall(low)}
    numbers |= {_COUNTS[w] for w in words if w in _COUNTS}
    code = {re.sub(r"[`\"'“”]+", "", c).strip("().,;:?!").lower() for c in _CODE.findall(text)}
    names = {
        m[1].lower()
        for m in re.finditer(r"(?<![.?!:]\s)(?<!^)\b([A-Z][\w+#]+)", text)
        if m[1].lower() not in _STOP
    }
    frame = next((name for name, pattern in _FRAMES if re.search(pattern, low)), "")
    order = tuple(
        (stem(a), stem(b))
        for a, b in re.findall(
            r"([\w.+#]+) (?:to|into|from|in|than|over) (?:an? |the )?([\w.+#]+)", low
        )
    )
    parts = Parts(
        VERSION,
        canonical.fleeting,
        canonical.style,
        canonical.language,
        frame,
        bool(_COMPARE.search(low)),
        bool(_BUILD.search(low)),
        sum(w in _NEGATIONS or w.endswith("n't") for w in words) % 2 == 1,
        tuple(sorted(numbers)),
        tuple(sorted(code - {""})),
        tuple(sorted(names)),
        tuple(dict.fromkeys((stem(w), w) for w in words if w not in _STOP)),
        order,
        re.sub(r"[`\"'“”]+", "", low),
    )
    return bytes([VERSION]) + msgspec.msgpack.encode(parts)
