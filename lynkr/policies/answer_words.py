"""One answer, read for what is compared of it: its words, names, numbers, commands and code."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_READ_MAX = 8 * 1024  # characters of an answer; what comes after says little new
_COMMANDS_MAX = 12  # of one answer; each is compared with each
_HEAD = 5  # content words with which an answer says what it is about


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FENCE = re.compile(
    r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)|\Z)", re.M | re.S
)
_INLINE = re.compile(r"`([^`\n]{1,200})`")
_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+", re.M)
_TABLE = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.M)
_WORD = re.compile(r"[^\W\d_][\w'-]*")
_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:[, ']\d{3})+(?:\.\d+)?(?!\w)|(?<![^\W\d])\d+(?:\.\d+)*")
_NAME = re.compile(r"(?<![.!?:\n] )(?<![.!?:\n*_-])(?<!^)\b[A-Z][\w+#-]{2,}")
_CALL = re.compile(r"(?<!def )(?<!func )(?<!function )(?<!fn )\b([A-Za-z_][\w.]*)\(")
# What code of any kind calls.
_USUAL_CALLS = _words(
    "print println printf len range open str int list dict console.log main if for while"
)
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*")
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|i (?:can(?:no|')t|cannot|won't|will not)"
    r"|i (?:do not|don't) have (?:access|the ability|enough)|as an ai\b|unable to (?:help|assist)"
    r"|(?:es )?tut mir leid|ich kann (?:ihnen|dir|das) (?:leider )?nicht|je suis désolé"
    r"|lo siento)",
    re.I,
)
_YES = _words("yes yeah yep correct true ja oui sí si indeed absolutely")
_NO = _words("no nope incorrect false nein non")
_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|without|nor|neither|\w+n't|nicht|kein\w*|nie|ohne)\b", re.I
)
_SHELLS = _words("bash sh shell console zsh powershell cmd bat terminal")
_SAME_LANGUAGE = {
    "js": "javascript", "jsx": "javascript", "node": "javascript", "ts": "typescript",
    "tsx": "typescript", "py": "python", "python3": "python", "golang": "go", "rs": "rust",
    "c++": "cpp", "cxx": "cpp", "c#": "csharp", "cs": "csharp", "rb": "ruby", "yml": "yaml",
    "postgresql": "sql", "postgres": "sql", "mysql": "sql", "kt": "kotlin", "md": "markdown",
    **dict.fromkeys(_SHELLS, "shell"),
}  # fmt: skip
_NO_LANGUAGE = ("", "text", "txt", "plaintext", "output")
# Words that any answer has, in English and, where they are short, in a few neighbours.
_STOP = _words(
    "a an the this that these those it its is are was were be been being am do does did done"
    " has have had having can could will would shall should may might must of in on at by for"
    " from to into onto with as and or but if then else so than too very also just only not no"
    " yes there here what which who whom whose when where why how all any both each few more"
    " most other some such own same up down out over under again further once because until"
    " while about against between through during before after above below i you he she we they"
    " me him her us them my your his our their use used using uses example e.g i.e etc one two"
    " way like make makes made get gets instead however der die das den dem des ein eine einen"
    " einem einer und oder ist sind wird werden auf im ins in mit von zu für als nicht le la"
    " les un une des et ou est sont dans avec pour que el los las una unos y o es son en con"
    " por para del al"
)


class AnswerWords(msgspec.Struct, frozen=True):
    """What is compared of one answer."""

    size: int
    words: frozenset[str]
    head: frozenset[str]  # its first few words
    names: frozenset[str]
    numbers: frozenset[str]
    languages: frozenset[str]
    commands: tuple[frozenset[str], ...]
    calls: frozenset[str]
    code: bool
    items: int
    table: bool
    refuses: bool
    polarity: int  # 1 yes, -1 no, 0 neither
    negates: bool


def read(text: str) -> AnswerWords:
    """Reads at most the first 8,192 characters: it takes some milliseconds then."""
    text = text.strip()[:_READ_MAX].replace("\u2019", "'")
    blocks = [(found[1].lower(), found[2]) for found in _FENCE.finditer(text)]
    prose = _FENCE.sub("\n", text)
    spans = _INLINE.findall(prose)
    plain = prose.replace("**", "").replace("__", "")
    counted = _ITEM.sub("", plain)  # a list's numbers count its items, and nothing of the subject
    named = {_SAME_LANGUAGE.get(language, language) for language, _ in blocks} - {*_NO_LANGUAGE}
    codes = "\n".join((*(code for _, code in blocks), *spans))
    content = list(_content(counted, codes))
    return AnswerWords(
        size=len(text),
        words=frozenset(content),
        head=frozenset(content[:_HEAD]),
        names=frozenset(name.lower() for name in _NAME.findall(counted)),
        numbers=frozenset(_numbers(_INLINE.sub(" ", counted))),
        languages=frozenset(named),
        commands=tuple(_commands(blocks, spans))[:_COMMANDS_MAX],
        calls=frozenset(call.lower() for call in _CALL.findall(codes)) - _USUAL_CALLS,
        code=bool(blocks),
        items=len(_ITEM.findall(plain)),
        table=len(_TABLE.findall(plain)) > 2,
        refuses=_REFUSAL.search(plain[:160]) is not None,
        polarity=_polarity(plain),
        negates=_NEGATION.search(plain) is not None,
    )


def _content(prose: str, code: str) -> Iterable[str]:
    """Words that carry meaning, roughly without their endings, and the names in the code."""
    for found in _WORD.findall(prose.lower()):
        word = found.strip("'-_")
        if len(word) > 1 and word not in _STOP:
            yield _stem(word)
    for name in _IDENTIFIER.findall(code.lower()):
        for piece in name.split("."):
            if len(piece) > 1 and piece not in _STOP:
                yield _stem(piece)
    yield from _numbers(_INLINE.sub(" ", prose))


def _stem(word: str) -> str:
    """English endings off; other languages lose an s."""
    word = word.partition("'")[0]
    for ending, least in (("ingly", 4), ("ing", 4), ("edly", 4), ("ies", 3), ("ied", 3), ("ed", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = word[: -len(ending)]
            return word + "y" if ending in ("ies", "ied") else word
    if word.endswith("es") and len(word) > 5:
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith("ss"):
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _numbers(text: str) -> Iterable[str]:
    """Numbers as they are meant: 299,792,458 is 299792458, and 1.50 is 1.5."""
    for found in _NUMBER.findall(text):
        number = re.sub(r"[,\s](?=\d{3}(?!\d))", "", found.strip(" ,."))
        if "." in number and number.count(".") == 1:
            number = number.rstrip("0").rstrip(".")
        yield number


def _commands(blocks: list[tuple[str, str]], spans: list[str]) -> Iterable[frozenset[str]]:
    """Lines for a shell, each as its words, without what a prompt puts before them."""
    lines = list(spans)
    for language, code in blocks:
        if language in _SHELLS:
            lines += code.splitlines()
    for written in lines:
        line = " ".join(written.split()).removeprefix("$ ").removeprefix("sudo ")
        if " " in line and re.match(r"[a-z][\w.-]* [\w./~$-]", line):
            yield frozenset(line.lower().split())


def _polarity(text: str) -> int:
    first = _WORD.match(text.lstrip("*_# "))
    if first is None:
        return 0
    word = first[0].lower()
    return 1 if word in _YES else -1 if word in _NO else 0
