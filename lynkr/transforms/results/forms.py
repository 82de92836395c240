"""One tool result in fewer tokens, saying exactly the same.

JSON is found where clients put it: alone, behind header lines, before a system reminder, line by
line, or as text inside other JSON. Of its forms (compact, TOON, folded rows) the smallest by
estimate is taken, after it was read back and compared with the original byte for byte, and only if
it saves enough that the estimate's error cannot make it larger. ``docs/results.md`` shows the
forms.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

import msgspec

from lynkr._native import toon, untoon
from lynkr._native.jsontape import normal
from lynkr._native.rows import fold
from lynkr._native.splice import string_token, string_value
from lynkr._native.unrows import unfold
from lynkr.transforms.results.grep_lines import grouped, ungrouped
from lynkr.wire import tokens

BYTES_MIN = 400
SAVED_TOKENS_MIN, SAVED_SHARE_MIN = 16, 0.05
GREP_SHARE_MIN = 0.10  # grep output reads well as it is
HEADER_BYTES_MAX = 600  # of the lines that a client puts above what a command printed
HEADER_TRIES_MAX = 2
LIFTED_BYTES_MIN = 200  # of a string that may stand below its document
LIFTED_ESCAPES_MIN = 8
STRINGS_MAX = 256  # in a document whose strings are looked at
CLEAR = 0.6  # rows of less than this share of the bytes are taken without counting
NESTED = ("text", "inner")  # JSON in a string in JSON, and that once more: Codex around MCP

_TAIL = b"\n\n<system-reminder>"
_OPENS = re.compile(rb"^[ \t]*[\[{]", re.MULTILINE)
_OUTPUT = re.compile(rb"^Output:\r?\n", re.MULTILINE)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BELOW = {word: re.compile(rb"\n%s \d+:\n" % word.encode()) for word in NESTED}


class Shrunk(msgspec.Struct, frozen=True):
    """A result's new text. ``kind``: compact, toon, rows, grep, or text (strings lifted out of
    their document, each in the form that ``inner`` says). ``before`` and ``after`` are estimated
    tokens; what is not ``text[start:end]`` is the original's own."""

    text: bytes
    kind: str
    before: int
    after: int
    start: int = 0
    end: int = 0
    inner: tuple[str, ...] = ()


class Form(msgspec.Struct, frozen=True):
    """One way to write a text, and the text that must come back of it: JSON in ``normal`` form,
    also where it is a string in JSON."""

    kind: str
    text: bytes
    means: bytes = b""
    inner: tuple[str, ...] = ()


_PLAIN = "plain"  # a lifted string that is no JSON


def shrink(text: bytes) -> Shrunk | None:
    """``text`` in its smallest form that says the same, or ``None``: leave it."""
    if len(text) < BYTES_MIN:
        return None
    for start, end in _places(text):
        original = text[start:end]
        form = _json(original, 0) or _grep(original)
        if form is None:
            continue
        before = tokens.estimated_bytes(text)
        made = text[:start] + form.text + text[end:]
        after = tokens.estimated_bytes(made)
        share = GREP_SHARE_MIN if form.kind == "grep" else SAVED_SHARE_MIN
        if before - after < max(SAVED_TOKENS_MIN, share * before):
            return None
        return Shrunk(made, form.kind, before, after, start, start + len(form.text), form.inner)
    return None


def restore(shrunk: Shrunk) -> bytes:
    """The original's text, with its JSON in ``normal`` form."""
    payload = shrunk.text[shrunk.start : shrunk.end]
    form = Form(shrunk.kind, payload, inner=shrunk.inner)
    return shrunk.text[: shrunk.start] + _restored(form) + shrunk.text[shrunk.end :]


def _places(text: bytes) -> Iterator[tuple[int, int]]:
    """Where the payload may be: behind headers and before reminders and blanks. Most stand at the
    beginning, and then no more is looked for."""
    whole = text.rstrip()
    tail = text.find(_TAIL) if whole.endswith(b"</system-reminder>") else -1
    end = len(text[:tail].rstrip() if tail >= 0 else whole)
    tried: set[int] = set()
    for start in _starts(text):
        if start not in tried and end - start >= BYTES_MIN // 2:
            yield start, end
        tried.add(start)


def _starts(text: bytes) -> Iterator[int]:
    headed = text.find(b"Output:", 0, HEADER_BYTES_MAX) >= 0
    if headed and (output := _OUTPUT.search(text, 0, HEADER_BYTES_MAX)):
        yield output.end()
    yield 0
    opened = _OPENS.finditer(text, 0, HEADER_BYTES_MAX)
    for found, _ in zip(opened, range(HEADER_TRIES_MAX), strict=False):
        yield found.start()


# --- JSON -----------------------------------------------------------------------------------------


def _json(text: bytes, depth: int) -> Form | None:
    """The smallest form of JSON or JSON lines; ``None`` for what is neither."""
    if text.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        compact = normal(text)
    except ValueError:
        return _lines(text)
    forms = _folded(compact)
    if len(forms) == 1:  # where rows can be folded, TOON was never smaller
        with contextlib.suppress(ValueError):  # a lone surrogate, which TOON cannot say
            forms.append(Form("toon", toon.encode(compact, as_written=True), compact))
    lifted = _lifted(compact, depth) if depth < len(NESTED) else None
    if lifted is not None:
        forms.append(lifted)
    return _best(forms)


def _folded(compact: bytes) -> list[Form]:
    forms = [Form("compact", compact, compact)]
    folded = fold(compact)
    if folded is not None:
        forms.append(Form("rows", folded, compact))
    return forms


def _lines(text: bytes) -> Form | None:
    """JSON lines; each stays a line."""
    try:
        compact = b"\n".join([normal(line) for line in text.split(b"\n")])
    except ValueError:
        return None
    return _best(_folded(compact))


def _best(forms: list[Form]) -> Form | None:
    """The form with the fewest tokens of those that can be read back; ``forms[0]`` is compact."""
    ranked = sorted(forms, key=lambda form: len(form.text))
    if len(ranked[0].text) > CLEAR * len(forms[0].text):
        ranked.sort(key=lambda form: tokens.estimated_bytes(form.text))
    for form in ranked:
        if form.kind == "compact":
            return form
        try:
            if _restored(form) == form.means:
                return form
        except ValueError:
            continue
    return None


def _lifted(compact: bytes, depth: int) -> Form | None:
    """Long strings full of escapes, JSON above all, written below the document as they are."""
    escapes = compact.count(b"\\")
    if escapes < LIFTED_ESCAPES_MIN:
        return None
    quotes = compact.count(b'"') - compact.count(b'\\"')
    if quotes > 2 * STRINGS_MAX:
        return None
    word = NESTED[depth]
    label = word.encode()
    document: list[bytes] = []
    means: list[bytes] = []
    below: list[Form] = []
    at = 0
    for found in _STRING.finditer(compact):
        token = found.group()
        if len(token) < LIFTED_BYTES_MIN or token.count(b"\\") < LIFTED_ESCAPES_MIN:
            continue
        text = string_value(token, (0, len(token)))
        if text is None or string_token(text) != token:
            continue
        form = _json(text, depth + 1) or _grep(text) or Form(_PLAIN, text, text)
        if _BELOW[word].search(b"\n" + form.text + b"\n"):
            continue
        below.append(form)
        document += [compact[at : found.start()], b"<%s %d>" % (label, len(below))]
        means += [compact[at : found.start()], string_token(form.means)]
        at = found.end()
    if not below:
        return None
    document.append(compact[at:])
    means.append(compact[at:])
    for number, form in enumerate(below, 1):
        document.append(b"\n%s %d:\n%s" % (label, number, form.text))
    kinds = tuple(" ".join((form.kind, *form.inner)) for form in below)
    return Form(word, b"".join(document), b"".join(means), kinds)


# --- other text -----------------------------------------------------------------------------------


def _grep(text: bytes) -> Form | None:
    made = grouped(text)
    return None if made is None else Form("grep", made, text)


# --- the way back ---------------------------------------------------------------------------------

_INVERSES: dict[str, Callable[[bytes], bytes]] = {
    "compact": bytes,
    _PLAIN: bytes,
    "toon": untoon.decode,
    "rows": unfold,
    "grep": ungrouped,
}


def _restored(form: Form) -> bytes:
    """What a form says, JSON in ``normal`` form. Raises ``ValueError`` where it cannot be read."""
    if form.kind not in _BELOW:
        return _INVERSES[form.kind](form.text)
    document, *below = _BELOW[form.kind].split(form.text)
    tokens_below = [
        string_token(_restored(_form_of(kind, text)))
        for kind, text in zip(form.inner, below, strict=True)
    ]
    for number, token in enumerate(tokens_below, 1):
        document = document.replace(b"<%s %d>" % (form.kind.encode(), number), token, 1)
    return document


def _form_of(kind: str, text: bytes) -> Form:
    kind, _, rest = kind.partition(" ")
    return Form(kind, text, inner=tuple(rest.split(" ")) if rest else ())
