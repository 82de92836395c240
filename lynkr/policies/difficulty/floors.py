"""Rules that do not leave an ask below a tier: phrases, changes to what is protected, work alone.

Precision first: a floor on a small ask is paid for with every call of its conversation. So risk
takes a verb of change and something protected in one sentence, neither asked about nor only shown.
"""

from __future__ import annotations

from lynkr.policies.difficulty.lexicon import (
    AUTH,
    AUTO,
    BIT,
    COSMETIC,
    DANGER,
    DATA,
    EDIT,
    EXPLAIN,
    FACTOID,
    FIX,
    FORCE,
    FORCED,
    HELPER,
    HOWTO,
    INFRA,
    LASTING,
    LOOKUP,
    MIGRATE,
    PAY,
    PROD,
    REFACTOR,
    REWRITE,
    RUN,
    SECRET,
    TESTS,
    THOUGHT,
    UNIT,
    WRITE,
    listed,
)
from lynkr.policies.difficulty.reading import Hit, Reading
from lynkr.policies.routing.facts import COMPLEX, REASONING, Floor

_PROTECTED = AUTH | PAY | DATA | INFRA | SECRET
_STRONG = EDIT | FIX | REFACTOR | MIGRATE | DANGER
_READING = FACTOID | HOWTO | EXPLAIN | LOOKUP | REWRITE | BIT["creative"]
_WORK = _STRONG | WRITE | RUN | TESTS | LASTING
for _name in ("order", "analyse", "audit", "whole", "symptom"):
    _WORK |= BIT[_name]
_SIGNS = 3  # of lasting work that say what one word of being alone does
_REACH = 14  # words between a verb and what it is done to
_ASKING_FOR = frozenset(
    ("can", "could", "would", "will", "please", "kannst", "könntest", "würdest")
)
_ASKING_FOR_END = 3  # words at the beginning of a sentence that may say so
# Folders and files whose change is one of what they protect, and what shows that it is not.
_GUARDED = frozenset(
    (
        *(
            "auth",
            "authentication",
            "authorization",
            "oauth",
            "jwt",
            "session",
            "sessions",
            "login",
        ),
        *("permissions", "permission", "rbac", "acl", "iam", "sso", "saml", "security", "crypto"),
        *(
            "payment",
            "payments",
            "billing",
            "checkout",
            "invoicing",
            "ledger",
            "payouts",
            "refunds",
        ),
        *("migrations", "migrate", "terraform", "infra", "k8s", "kubernetes", "helm", "secrets"),
        *("workflows", "ansible", "pulumi", "vault", "tokens", "credentials", "stripe", "tf"),
    )
)
_UNGUARDED = frozenset(
    (
        *("test", "tests", "spec", "specs", "docs", "doc", "readme", "css", "scss", "md", "txt"),
        *("fixtures", "mocks", "stories", "examples", "locales", "i18n", "styles", "svg", "po"),
    )
)


def floors(reading: Reading) -> tuple[Floor, ...]:
    """All floors of an ask; of each rule the first that matched, of phrases the highest."""
    found: list[Floor] = []
    if reading.mask & FORCE:
        forced = _forced(reading)
        if forced is not None:
            found.append(forced)
    if reading.mask & _PROTECTED or reading.paths:
        word = _risk(reading)
        if word:
            found.append(Floor("risk", COMPLEX, listed(word)))
    if reading.mask & (AUTO | LASTING):
        word = _autonomous(reading)
        if word:
            found.append(Floor("autonomous", REASONING, listed(word)))
    return tuple(found)


def _forced(reading: Reading) -> Floor | None:
    """The highest phrase. One of thinking always holds; what a question, an explanation or a
    translation is about does not."""
    best: Floor | None = None
    sentence = -1
    only_read = False  # or only decorated: "add a link to the security audit"
    for _, place, bits, word in reading.hits:
        if place != sentence:
            sentence = place
            only_read = False
        if bits & FORCE and word in FORCED and (bits & THOUGHT or not only_read):
            tier = FORCED[word]
            if best is None or tier > best.tier:
                best = Floor("force", tier, word)
        elif bits & HELPER or (bits & _READING and not bits & (_STRONG | WRITE)):
            only_read = True
    return best


def _autonomous(reading: Reading) -> str:
    """The first phrase of it, if there is work to be done."""
    if not reading.mask & _WORK or reading.opening & (FACTOID | HOWTO | EXPLAIN):
        return ""
    first = ""
    signs = 0
    for _, _, bits, word in reading.hits:
        if bits & AUTO:
            return word
        if bits & LASTING:
            signs += 1
            first = first or word
    return first if signs >= _SIGNS else ""


# --- risk -------------------------------------------------------------------------------------


def _risk(reading: Reading) -> str:
    """What is protected and to be changed, "" if nothing is."""
    hits = reading.hits
    first = 0
    while first < len(hits):
        sentence = hits[first][1]
        last = first
        while last < len(hits) and hits[last][1] == sentence:
            last += 1
        word = _sentence_risk(reading, hits[first:last], sentence)
        if word:
            return word
        first = last
    return ""


def _sentence_risk(reading: Reading, hits: list[Hit], sentence: int) -> str:
    verb = weak_verb = -1
    mask = 0
    for at, _, bits, _ in hits:
        mask |= bits
        reads = bits & _READING and not bits & (_STRONG | WRITE)
        if reads and verb < 0 and weak_verb < 0 and not _asks_for(reading, at):
            return ""
        if verb < 0 and bits & _STRONG and not bits & _PROTECTED:  # "migration" is no verb
            verb = at
        if weak_verb < 0 and bits & WRITE:
            weak_verb = at
    if verb < 0 and weak_verb < 0:
        return ""
    if mask & (COSMETIC | HELPER) and not mask & (DANGER | PROD):
        return ""
    guarded = _guarded(reading, sentence)
    if guarded and (verb >= 0 or not mask & UNIT):
        return guarded
    if mask & (COSMETIC | HELPER):
        return ""
    if verb < 0 and mask & (UNIT | TESTS):
        return ""
    if sentence < len(reading.asked) and reading.asked[sentence] and not _asks_for(reading, verb):
        return ""
    objects = 0
    named = ""
    for at, _, bits, word in hits:
        if not bits & _PROTECTED:
            continue
        objects += 1
        start = verb if verb >= 0 else weak_verb
        if not named and abs(at - start) <= _REACH:
            named = word
    if not named:
        return ""
    if mask & (DANGER | MIGRATE | REFACTOR | PROD) or objects > 1 or verb >= 0:
        return named
    return ""


def _asks_for(reading: Reading, at: int) -> bool:
    """Whether a sentence that looks like a question is a polite order: "can you fix …"."""
    if at < 0:
        return False
    begin = at
    while begin > 0 and at - begin < 6:
        begin -= 1
        if reading.words[begin] in _ASKING_FOR:
            return True
    return False


def _guarded(reading: Reading, sentence: int) -> str:
    """What a path of a sentence, or one that was quoted, goes through."""
    for place, path in reading.paths:
        if place != sentence and place >= 0:
            continue
        word = ""
        harmless = False
        for part in (
            path.replace("\\", "/").replace(".", "/").replace("_", "/").replace("-", "/").split("/")
        ):
            if part in _UNGUARDED:
                harmless = True
            elif not word and part in _GUARDED:
                word = part
        if word and not harmless:
            return word
    return ""
