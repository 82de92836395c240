"""Whether a kept question's answer answers a new question."""

from __future__ import annotations

import functools

import msgspec

from lynkr.policies.questions.features import VERSION, Parts
from lynkr.transforms.tools.nearness import similarity as nearness


class Rule(msgspec.Struct, frozen=True):
    similarity_min: float = 0.80  # cosine
    coverage_min: float = 0.90  # share of either question's content that the other must hold


class Verdict(msgspec.Struct, frozen=True):
    allowed: bool
    coverage: float
    vetoes: tuple[str, ...]


RULES = {"strict": Rule(0.80, 0.95), "default": Rule(), "balanced": Rule(0.80, 0.60)}
_ALLOWED_FRAMES = {
    frozenset(p)
    for p in (
        ("how", "what"),
        ("many", "what"),
        ("who", "what"),
        ("when", "what"),
        ("where", "what"),
    )
}


@functools.lru_cache(4096)
def _parts(blob: bytes) -> Parts:
    return msgspec.msgpack.decode(blob[1:], type=Parts)


def _covered(one: Parts, other: Parts) -> float:
    near = nearness()
    there = {s for s, _ in other.words}
    total = held = 0.0
    for s, w in one.words:
        total += 1
        if s in there:
            held += 1
        elif other.words:
            held += max(0.0, max(near(w, v) for _, v in other.words) - 0.2)
    return held / total if total else float(not other.words)


def judge(asked: bytes, kept: bytes, similarity: float, rule: Rule) -> Verdict:
    """Whether the answer kept for one question may be served for another."""
    if not asked or not kept or asked[0] != VERSION or kept[0] != VERSION:
        return Verdict(False, 0.0, ("version",))
    a, b = _parts(asked), _parts(kept)
    out = []
    if a.fleeting or b.fleeting:
        out.append("fleeting")
    if a.style != b.style:
        out.append("style")
    if a.numbers != b.numbers:
        out.append("number")
    if a.negated != b.negated:
        out.append("negation")
    if any(c not in b.low for c in a.code) or any(c not in a.low for c in b.code):
        out.append("code")
    if any(n not in b.low for n in a.names) or any(n not in a.low for n in b.names):
        out.append("name")
    if any((y, x) in b.order and (x, y) not in b.order for x, y in a.order if x != y):
        out.append("direction")
    if a.compare != b.compare or (
        a.frame
        and b.frame
        and a.frame != b.frame
        and frozenset((a.frame, b.frame)) not in _ALLOWED_FRAMES
    ):
        out.append("frame")
    coverage = min(_covered(a, b), _covered(b, a))
    allowed = similarity >= rule.similarity_min and coverage >= rule.coverage_min and not out
    return Verdict(allowed, coverage, tuple(out))
