"""Two flaws of a text that need no understanding: another script than the user's, and a loop.

Both look at what the reply says in prose, since code is in Latin letters everywhere and repeats
itself by right.
"""

from __future__ import annotations

import re

# First and last code point of the blocks that tell a script (Unicode 16, Blocks.txt).
_BLOCKS = (
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x06FF, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0E00, 0x0E7F, "thai"),
    (0x3040, 0x30FF, "kana"),
    (0x3400, 0x9FFF, "han"),
    (0xAC00, 0xD7AF, "hangul"),
)
_SCRIPT_OF = {
    "el": "greek", "ru": "cyrillic", "uk": "cyrillic", "bg": "cyrillic", "he": "hebrew",
    "ar": "arabic", "fa": "arabic", "hi": "devanagari", "th": "thai", "ja": "kana", "zh": "han",
    "ko": "hangul", "sr": "", "": "",
}  # fmt: skip
_EAST = ("kana", "han")
_UNSPACED = (*_EAST, "hangul", "thai")  # a word of theirs is worth several letters of others
_CHARS_MAX = 20_000  # of each text that are looked at
ASKED_LETTERS_MIN = 4  # of a script, to be the one that the user writes; 12 of Latin ones
REPLY_LETTERS_MIN = 40  # of prose, to be judged at all; 15 of a script without spaces
_ASKED_SHARE, _REPLY_SHARE = 0.6, 0.8

_CODE = re.compile(r"(`{3,}|~{3,}).*?(?:\1|\Z)|`[^`\n]*`|\$\$.*?\$\$|https?://\S+", re.S)
# Who speaks of languages may want another one. In the languages of the scripts above, and English.
_LANGUAGES = re.compile(
    r"translat|translit|languag|locali[sz]|multilingual|bilingual|in the original|\bi18n\b|\bl10n\b"
    r"|unicode|\butf\b|pinyin|kanji|hiragana|katakana|\bkana\b|hangul|cyrillic|romaji|english"
    r"|chinese|mandarin|cantonese|japan|korea|russia|ukrain|bulgaria|serbia|greek|greece|hebrew"
    r"|arabi|persia|farsi|urdu|hindi|thai|french|german|spanish|italian|portugu|latin|\bchina\b"
    r"|\u00fcbersetz|sprache|traduc|tradui|langue|lengua|idioma|tradu|lingua"
    r"|chinesisch|japanisch|russisch|koreanisch|arabisch|griechisch|englisch|deutsch"
    r"|\u043f\u0435\u0440\u0435\u0432|\u044f\u0437\u044b\u043a|\u0430\u043d\u0433\u043b\u0438\u0439"
    r"|\u0440\u0443\u0441\u0441\u043a|\u043d\u0435\u043c\u0435\u0446|\u043a\u0438\u0442\u0430\u0439"
    r"|\u043b\u0430\u0442\u0438\u043d|\u043c\u043e\u0432"
    r"|\u7ffb|\u8bd1|\u8a33|\u8b6f|\u8bed|\u8a9e|\u82f1|\u4e2d\u6587|\u6cd5\u6587|\u5fb7\u6587"
    r"|\u65e5\u6587|\u5916\u6587|\u97e9\u6587|\u4fc4\u6587|\u62fc\u97f3|\u62c9\u4e01"
    r"|\ubc88\uc5ed|\uc601\uc5b4|\uc601\ubb38|\uc5b8\uc5b4|\ud55c\uad6d\uc5b4|\uc77c\ubcf8|\uc911\uad6d"
    r"|\ub85c\ub9c8\uc790"
    r"|\u062a\u0631\u062c\u0645|\u0644\u063a\u0629|\u0625\u0646\u062c\u0644\u064a\u0632|\u0639\u0631\u0628\u064a",
    re.I,
)
# Small words that make Latin letters prose: a list of commands has none.
_SMALL = frozenset(
    re.findall(
        r"\w+",
        "the is are of and to in that it for with this you can be as on was not if or your"
        " der die das und ist nicht ein eine mit auf zu le la les des et est une pour dans que el"
        " los en es un por con para il di che non per uma os do da em",
    )
)
_SMALL_MIN, _SMALL_SHARE = 8, 0.15


def scripts(text: str) -> dict[str, int]:
    """How many letters of each script the beginning of a text has."""
    found: dict[str, int] = {}
    for char in text[:_CHARS_MAX]:
        if char.isalpha():
            name = _script(ord(char))
            found[name] = found.get(name, 0) + 1
    return found


def _script(code: int) -> str:
    if code < 0x0370:
        return "latin"
    for first, last, name in _BLOCKS:
        if code <= last:
            return name if code >= first else "other"
    return "other"


def in_other_script(everything: str, user: str, said: str, own_language: str = "") -> bool:
    """Whether a reply is in a script that the user neither writes nor speaks of.

    ``everything``: all texts of the request, in which a language may have been agreed upon;
    ``user``: the last message. ``own_language`` as ``flaw_of`` has it; a tag that is not known here
    is of Latin letters.
    """
    own = _own(user, own_language)
    if not own:
        return False
    prose = _CODE.sub(" ", said)
    found = scripts(prose)
    letters = sum(found.values())
    if own == "kana" and not found.get("kana") and found.get("han", 0) >= REPLY_LETTERS_MIN:
        return _LANGUAGES.search(everything) is None  # Chinese: no Japanese sentence lacks kana
    east = own in _EAST
    if found.get("kana"):
        found["kana"] += found.pop("han", 0)
    theirs = max(found, key=lambda name: found[name], default="")
    if theirs in ("", "other", own) or (east and theirs in _EAST):
        return False
    least = 15 if theirs in _UNSPACED else REPLY_LETTERS_MIN
    if letters < least or found[theirs] < _REPLY_SHARE * letters:
        return False
    if theirs == "latin":
        if not _is_prose(prose):
            return False
    elif scripts(everything).get(theirs):
        return False
    return _LANGUAGES.search(everything) is None


def _own(user: str, own_language: str) -> str:
    """The script of the user's own words; "": not to be told."""
    if own_language:
        return _SCRIPT_OF.get(own_language.partition("-")[0].lower(), "latin")
    found = scripts(_CODE.sub(" ", user))
    letters = sum(found.values())
    if found.get("kana"):  # Japanese is of two
        found["kana"] += found.pop("han", 0)
    own = max(found, key=lambda name: found[name], default="")
    least = 12 if own == "latin" else ASKED_LETTERS_MIN
    if own in ("", "other") or found[own] < max(least, _ASKED_SHARE * letters):
        return ""
    return own


def _is_prose(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text[:_CHARS_MAX].lower())
    small = sum(word in _SMALL for word in words)
    return small >= _SMALL_MIN and small >= _SMALL_SHARE * len(words)


# --- loops --------------------------------------------------------------------------------------

TAIL_CHARS = 6000  # at the end of a text that are looked at
UNIT_CHARS_MAX = 400  # of what is said again and again
# How often in a row, exactly alike, at the very end. A refrain comes eight times at most, rows of a
# table or of data more often; a model that loops does so until it is stopped.
PROSE_TIMES, CODE_TIMES = 12, 40
PROSE_CHARS, CODE_CHARS = 240, 2000  # all of them together
# Shorter ones are laughter and ornament, which are held to as much as code, and in code itself data
# and padding, which are no loop.
_UNIT_WORDS = 5
_ON_PURPOSE = re.compile(
    r"repeat|\btimes\b|copies|again and again|\bfill\b|padding|lorem|matrix|\bgrid\b|\bart\b"
    r"|wiederhol|r\u00e9p\u00e9t|repite|repeti|\u91cd\u590d|\u91cd\u8907|\u7e70\u308a|\u904d|\u6b21|\u043f\u043e\u0432\u0442\u043e\u0440|\ubc18\ubcf5",
    re.I,
)


def repeats(said: str, user: str) -> bool:
    """Whether a reply ends in a loop: one unit, exactly alike, more often than any text needs it,
    and not because the user asked for that or wrote it himself."""
    code = _is_code(said)
    text = " ".join(said.rstrip("`~ \t\r\n")[-TAIL_CHARS:].split())
    length, period = _loop(text)
    if not period:
        return False
    unit = text[-period:]
    words = re.findall(r"[^\W\d_]+", unit)
    small = len(words) < _UNIT_WORDS and sum(map(len, words)) < 3 * _UNIT_WORDS
    data = code or "|" in unit
    if data and small:
        return False
    times, chars = PROSE_TIMES, PROSE_CHARS
    if data or (small and not any(_script(ord(char)) in _UNSPACED for char in unit)):
        times, chars = CODE_TIMES, CODE_CHARS
    if length < times * period or length < chars:
        return False
    asked = " ".join(user.split())
    quoted = re.search(rf"(?<!\w){re.escape(unit.strip())}(?!\w)", asked)
    return quoted is None and _ON_PURPOSE.search(asked) is None


def _loop(text: str) -> tuple[int, int]:
    """The longest end of a text that repeats one unit ``PROSE_TIMES`` times or more: its length,
    and the unit's. (0, 0): there is none. By the prefix function of the reversed text (Knuth,
    Morris and Pratt, SIAM J. Comput. 6, 1977): a prefix of length n with border b has period n - b.
    """
    back = text[::-1]
    border = [0] * len(back)
    found = (0, 0)
    at = 0
    for index in range(1, len(back)):
        while at and back[index] != back[at]:
            at = border[at - 1]
        if back[index] == back[at]:
            at += 1
        border[index] = at
        period = index + 1 - at
        if period <= UNIT_CHARS_MAX and index + 1 >= PROSE_TIMES * period:
            found = (index + 1, period)
    return found


def _is_code(said: str) -> bool:
    """Whether a text ends in a block of code, closed or not."""
    lines = said.rstrip().splitlines()
    fences = sum(line.lstrip().startswith(("```", "~~~")) for line in lines)
    return fences % 2 == 1 or (bool(lines) and lines[-1].strip() in ("```", "~~~"))
