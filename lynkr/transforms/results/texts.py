"""What tools brought back, in fewer tokens: JSON in its smallest equal form, and, where the
configuration allows it, long output as a digest from which the whole can be had again.

One result is decided on by its own text and the call that asked for it. Texts of files stay as they
are (``reading``), and so does what the model fetches back.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from lynkr._native.spans import CALL, RESULT, Block, string_token, string_value
from lynkr.transforms.passes import Note, Original, Work, estimated
from lynkr.transforms.results.forms import shrink
from lynkr.transforms.results.reading import call_of, command_of, reads_file, recovers

BYTES_MIN = 400  # of a JSON string; below, nothing pays
SAVED_MIN = 200  # tokens that a digest must save over the lossless form
ID_BYTES = 10
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
ENTRY_BYTES = 300  # what the memo needs beside key and text


class Treated(msgspec.Struct, frozen=True):
    """What became of one text; ``token`` is the JSON string to send, or ``None``: as it came."""

    token: bytes | None
    kind: str = ""
    lossless: bool = True
    before: int = 0
    after: int = 0
    original: str = ""


_AS_IT_IS = Treated(None)


def result_texts(work: Work) -> None:
    if work.want.results == "off":
        return
    calls: dict[bytes, Block] = {}
    for block in work.layout.blocks:
        if block.kind == CALL:
            calls[block.call_id] = block
            continue
        if block.kind != RESULT:
            continue
        for span in block.texts:
            if span[1] - span[0] < BYTES_MIN or span[0] in work.replaced:
                continue
            found = treated(work, span, *call_of(work.body, calls.get(block.call_id)))
            if found.token is not None:
                _use(work, block, span, found)


def treated(work: Work, span: tuple[int, int], name: bytes, arguments: bytes) -> Treated:
    """What becomes of the text at ``span``, the result of this call, if it has no better form as a
    repetition."""
    want, (start, end) = work.want, span
    if want.results == "off" or end - start < BYTES_MIN:
        return _AS_IT_IS
    key = b"\0".join((want.scope, want.results.encode(), name, arguments))
    known = work.memo.get(key, work.body, start, end)
    if isinstance(known, Treated):
        return known
    text = string_value(work.body, span)
    found = _AS_IT_IS if text is None else treat(text, name, arguments, work)
    size = len(found.token) if found.token is not None else 0
    work.memo.put(key, work.body, start, end, found, size + len(key) + ENTRY_BYTES)
    return found


def _use(work: Work, block: Block, span: tuple[int, int], treated: Treated) -> None:
    assert treated.token is not None
    work.edits.append((*span, treated.token))
    work.saved(treated.before - treated.after, old=block.message < work.fresh_from)
    work.notes.append(
        Note(
            "results", block.message, block.index, treated.kind, treated.lossless,
            treated.before, treated.after, treated.original,
        )
    )  # fmt: skip
    if treated.original:
        work.originals.append(Original(treated.original, *span))


def treat(text: bytes, name: bytes, arguments: bytes, work: Work) -> Treated:
    """The smallest form of one text that its call and the configuration allow."""
    if recovers(arguments):
        return _AS_IT_IS
    best = _AS_IT_IS
    if not reads_file(name, arguments):
        shrunk = shrink(text)
        if shrunk is not None:
            best = Treated(
                string_token(shrunk.text), shrunk.kind, True, shrunk.before, shrunk.after
            )
    if work.want.results != "recoverable":
        return best
    from lynkr.transforms.digests.digest import digest  # a megabyte, for those who shorten anything

    tool = name.decode("utf-8", "replace")
    short = digest(text.decode("utf-8"), command_of(arguments), tool)
    if short is None or (short.kind == "json" and _carries(text)):
        return best
    original = identify(work.want.scope, text)
    said = short.text.encode() + recovery(original).encode()
    before, after = estimated(text), estimated(said)
    if (best.after if best.token is not None else before) - after < SAVED_MIN:
        return best
    return Treated(string_token(said), short.kind, False, before, after, original)


def _carries(text: bytes) -> bool:
    """Whether one string of a JSON text is most of it. That string is what the tool printed (Cline,
    MCP, Codex's newest models), and of it a digest of the JSON would show no more than how it
    begins, and none of its failures."""
    return any(2 * len(found.group()) > len(text) for found in _STRING.finditer(text))


def identify(scope: bytes, text: bytes) -> str:
    """The id of an original: of its content and of whose it is, so that it cannot be guessed from
    the text alone, and every worker and host finds the same one."""
    return "o_" + hashlib.blake2b(text, digest_size=ID_BYTES, key=scope[:64]).hexdigest()


def recovery(original: str) -> str:
    """How the model gets the whole text again."""
    return (
        f"\n[Shortened; nothing is lost. Whole text: lynkr show {original}"
        f" (parts: --lines A-B, --grep WORD), or GET /v1/originals/{original}]"
    )
