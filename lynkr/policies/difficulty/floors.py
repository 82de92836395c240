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

# Numbers of C when compiled, by ``floors.pxd``.
_FORCE, _THOUGHT, _HELPER, _AUTO, _LASTING = FORCE, THOUGHT, HELPER, AUTO, LASTING
_DANGER, _PROD, _COSMETIC, _UNIT, _TESTS, _WRITE = DANGER, PROD, COSMETIC, UNIT, TESTS, WRITE
_LOOKING = LOOKUP
_ASKS = FACTOID | HOWTO | EXPLAIN
_PROTECTED = AUTH | PAY | DATA | INFRA | SECRET
_STRONG = EDIT | FIX | REFACTOR | MIGRATE | DANGER
_READING = FACTOID | HOWTO | EXPLAIN | LOOKUP | REWRITE | BIT["creative"]
_HARD_CHANGE = DANGER | MIGRATE | REFACTOR | PROD
_WORK = _STRONG | WRITE | RUN | TESTS | LASTING | BIT["order"] | BIT["analyse"] | BIT["audit"]
_WORK |= BIT["whole"] | BIT["symptom"]
_SIGNS = 3  # of lasting work that say what one word of being alone does
_REACH = 14  # words between a verb and what it is done to
_ASKING_FOR = frozenset(
    ("can", "could", "would", "will", "please", "kannst", "könntest", "würdest")
)
_ASKING_FOR_REACH = 6  # words before the verb that may say so
_AND = frozenset(("and", "then", "und", "et", "y", "e", "en", "och", "i", "и", "ve", "và"))
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
    mask = reading.mask
    if mask & _FORCE:
        forced = _forced(reading)
        if forced is not None:
            found.append(forced)
    if mask & _PROTECTED or reading.paths:
        word = _risk(reading)
        if word:
            found.append(Floor("risk", COMPLEX, listed(word)))
    if mask & (_AUTO | _LASTING):
        word = _autonomous(reading, mask)
        if word:
            found.append(Floor("autonomous", REASONING, listed(word)))
    return tuple(found)


def _forced(reading: Reading) -> Floor | None:
    """The highest phrase. One of thinking always holds; what a question, an explanation or a
    translation is about does not."""
    best: Floor | None = None
    sentence = -1
    only_read = False  # or only decorated: "add a link to the security audit"
    hits = reading.hits
    for at in range(len(hits)):
        hit = hits[at]
        place, bits = hit[1], hit[2]
        if place != sentence:
            sentence = place
            only_read = False
        if bits & _FORCE and (bits & _THOUGHT or not only_read) and hit[3] in FORCED:
            word = hit[3]
            tier = FORCED[word]
            if best is None or tier > best.tier:
                best = Floor("force", tier, word)
        elif bits & _HELPER or (bits & _READING and not bits & (_STRONG | _WRITE)):
            only_read = True
    return best


def _autonomous(reading: Reading, mask: int) -> str:
    """The first phrase of it, if there is work to be done."""
    if not mask & _WORK or reading.opening & _ASKS:
        return ""
    first = ""
    signs = 0
    hits = reading.hits
    for at in range(len(hits)):
        hit = hits[at]
        bits = hit[2]
        if bits & _AUTO:
            return hit[3]
        if bits & _LASTING:
            signs += 1
            if not first:
                first = hit[3]
    return first if signs >= _SIGNS else ""


# --- risk -------------------------------------------------------------------------------------


def _risk(reading: Reading) -> str:
    """What is protected and to be changed, "" if nothing is."""
    hits = reading.hits
    count = len(hits)
    first = 0
    while first < count:
        hit = hits[first]
        sentence = hit[1]
        mask = 0
        last = first
        while last < count:
            hit = hits[last]
            if hit[1] != sentence:
                break
            mask |= hit[2]
            last += 1
        if mask & (_STRONG | _WRITE):
            word = _sentence_risk(reading, hits, first, last, sentence, mask)
            if word:
                return word
        first = last
    return ""


def _sentence_risk(
    reading: Reading, hits: list[Hit], first: int, last: int, sentence: int, mask: int
) -> str:
    """Of the hits from ``first`` to before ``last``; ``mask`` is all that they are."""
    verb = weak_verb = -1
    for index in range(first, last):
        hit = hits[index]
        at, bits = hit[0], hit[2]
        reads = bits & _READING and not bits & (_STRONG | _WRITE)
        if reads and bits & _LOOKING and _goes_on(reading, hits, index + 1, last):
            reads = False
        if reads and verb < 0 and weak_verb < 0 and not _asks_for(reading, at):
            return ""
        if verb < 0 and bits & _STRONG and not bits & _PROTECTED:  # "migration" is no verb
            verb = at
        if weak_verb < 0 and bits & _WRITE:
            weak_verb = at
    if verb < 0 and weak_verb < 0:
        return ""
    if mask & (_COSMETIC | _HELPER) and not mask & (_DANGER | _PROD):
        return ""
    guarded = _guarded(reading, sentence)
    if guarded and (verb >= 0 or not mask & _UNIT):
        return guarded
    if not mask & _PROTECTED or mask & (_COSMETIC | _HELPER):
        return ""
    if verb < 0 and mask & (_UNIT | _TESTS):
        return ""
    asked = reading.asked
    if sentence < len(asked) and asked[sentence] and not _asks_for(reading, verb):
        return ""
    objects = 0
    named = ""
    start = verb if verb >= 0 else weak_verb
    for index in range(first, last):
        hit = hits[index]
        if hit[2] & _PROTECTED:
            objects += 1
            if not named and abs(hit[0] - start) <= _REACH:
                named = hit[3]
    if not named:
        return ""
    if mask & _HARD_CHANGE or objects > 1 or verb >= 0:
        return named
    return ""


def _goes_on(reading: Reading, hits: list[Hit], first: int, last: int) -> bool:
    """Whether what was looked for is then changed: "find the bug and fix it"."""
    words = reading.words
    for index in range(first, last):
        hit = hits[index]
        if hit[2] & _STRONG and hit[0] > 0 and words[hit[0] - 1] in _AND:
            return True
    return False


def _asks_for(reading: Reading, at: int) -> bool:
    """Whether a sentence that looks like a question is a polite order: "can you fix …"."""
    if at < 0:
        return False
    begin = at
    words = reading.words
    while begin > 0 and at - begin < _ASKING_FOR_REACH:
        begin -= 1
        if words[begin] in _ASKING_FOR:
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
