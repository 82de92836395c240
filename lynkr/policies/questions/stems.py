"""A word cut back to its stem, so that its forms meet.

Far lighter than Porter's stemmer: it must only treat two questions alike.
"""

from __future__ import annotations

_ENDINGS = (
    ("ies", "y"),
    ("ied", "y"),
    ("sses", "ss"),
    ("ing", ""),
    ("edly", ""),
    ("ed", ""),
    ("ally", "al"),
    ("ly", ""),
    ("ches", "ch"),
    ("shes", "sh"),
    ("xes", "x"),
    ("es", ""),
    ("s", ""),
)
_VOWELS = frozenset("aeiouy")


def stem(word: str, forms: dict[str, str]) -> str:
    """The stem of a word in lower case; ``forms`` leads irregular ones back."""
    word = forms.get(word, word)
    if len(word) <= 3:
        return word
    for ending, new in _ENDINGS:
        if word.endswith(ending):
            kept = len(word) - len(ending)
            if kept < 3 or (ending == "s" and word[-2] in "sui"):
                continue
            if ending in ("ing", "ed") and _VOWELS.isdisjoint(word[:kept]):
                break  # "string"
            word = word[:kept] + new
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]  # "running"
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    if len(word) > 3 and word[-1] == "y":
        word = word[:-1] + "i"
    return word
