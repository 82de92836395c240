"""The fifteen dimensions of an ask, 0 to 1 each, and what else the fit may look at.

All of the user's own words, except two that look at the conversation. Each grows with difficulty or
risk, and each flattens: a second word of a kind says less than the first, a tenth says nothing. No
dimension knows a tier; ``score`` weighs them.
"""

from __future__ import annotations

from math import log2

from lynkr.policies.difficulty.lexicon import BIT, CLASSES
from lynkr.policies.difficulty.reading import Reading
from lynkr.policies.routing.facts import Ask, Seen

_PLACE = {name: place for place, name in enumerate(CLASSES)}
_AMOUNT = _PLACE["amount"]
_ANALYSE = _PLACE["analyse"]
_AUDIT = _PLACE["audit"]
_AUTO = _PLACE["auto"]
_BOUND = _PLACE["bound"]
_BRIEF = _PLACE["brief"]
_CODE = _PLACE["code"]
_COSMETIC = _PLACE["cosmetic"]
_DANGER = _PLACE["danger"]
_DEEP = _PLACE["deep"]
_DESIGN = _PLACE["design"]
_DOMAIN = _PLACE["domain"]
_EDIT = _PLACE["edit"]
_EXPLAIN = _PLACE["explain"]
_FACTOID = _PLACE["factoid"]
_FIX = _PLACE["fix"]
_FLAKY = _PLACE["flaky"]
_LASTING = _PLACE["lasting"]
_HELPER = _PLACE["helper"]
_HOWTO = _PLACE["howto"]
_LOOKUP = _PLACE["lookup"]
_MANY = _PLACE["many"]
_MIGRATE = _PLACE["migrate"]
_NOVEL = _PLACE["novel"]
_ORDER = _PLACE["order"]
_PART = _PLACE["part"]
_PLAN = _PLACE["plan"]
_PROD = _PLACE["prod"]
_PROVE = _PLACE["prove"]
_REFACTOR = _PLACE["refactor"]
_RUN = _PLACE["run"]
_SMALL = _PLACE["small"]
_STACK = _PLACE["stack"]
_SYMPTOM = _PLACE["symptom"]
_TESTS = _PLACE["tests"]
_THINK = _PLACE["think"]
_UNIT = _PLACE["unit"]
_VAGUE = _PLACE["vague"]
_WHOLE = _PLACE["whole"]
_WRITE = _PLACE["write"]
_PROTECTED = tuple(_PLACE[name] for name in ("auth", "pay", "data", "infra", "secret"))


def _mask(*names: str) -> int:
    bits = 0
    for name in names:
        bits |= BIT[name]
    return bits


_CHANGING = _mask("write", "edit", "fix", "refactor", "migrate", "danger")
_HARMLESS = _mask("cosmetic", "helper", "factoid", "howto", "explain")
_RUNNING = _mask("run", "tests")
_SEARCHING = _mask("search", "analyse")
_BROWSING = _mask("browse")
_DEPLOYING = _mask("danger", "infra", "prod")
_LOOKING_FIRST = _mask("analyse", "audit", "fix", "refactor", "migrate")
_CLOSED = _mask("factoid", "howto", "greet", "thanks", "rewrite", "brief")

_FEW = 10  # words of an ask that names one thing
_TALE, _AMOUNTS = 14, 4  # words that a tale has at least, and amounts in it
_CHARS_PER_TOKEN = 4  # where the size of an ask is not told

# Half of the way to 1 at so many words of a kind: what one word says of its dimension.
_HALF_AT_ONE = 1.0
_HALF_AT_TWO = 2.0


def _full(amount: float, half: float) -> float:
    """0 at 0, 1/2 at ``half``, towards 1: each more says less than the one before."""
    return amount / (amount + half) if amount > 0 else 0.0


def _ramp(amount: float, begin: float, end: float) -> float:
    """0 up to ``begin``, 1 from ``end``, straight between."""
    if amount <= begin:
        return 0.0
    return 1.0 if amount >= end else (amount - begin) / (end - begin)


def _tokens(reading: Reading, ask: Ask) -> float:
    return float(ask.tokens) if ask.tokens > 0 else len(ask.text) / _CHARS_PER_TOKEN


def token_count(reading: Reading, ask: Ask, seen: Seen) -> float:
    """How long the ask is: logarithmic, 0 up to 4 tokens, 1 from 1024. Pasted text counts too, as
    it has to be read; but a doubling is only an eighth."""
    tokens = _tokens(reading, ask)
    return min(1.0, log2(tokens / 4) / 8) if tokens > 4 else 0.0


def code_complexity(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Problems that are hard in any program (concurrency, consistency, compilers, streams), and
    faults that come and go: half at two such words."""
    counts = reading.counts
    return _full(counts[_DEEP] + 1.5 * counts[_FLAKY], _HALF_AT_TWO)


def reasoning_markers(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Words of proof, of careful thought and of what is not known yet. Proof counts double: it is
    never said in passing."""
    counts = reading.counts
    return _full(2.0 * counts[_PROVE] + counts[_THINK] + counts[_NOVEL], _HALF_AT_TWO)


def risk_patterns(reading: Reading, ask: Ask, seen: Seen) -> float:
    """What a careless change does harm to (accounts, money, stored data, machines, secrets,
    production), more if a verb of change is near, less where it only looks so."""
    counts = reading.counts
    objects = 0
    for place in _PROTECTED:
        if counts[place]:
            objects += 1
    if counts[_PROD]:
        objects += 1
    changes = 1.0 if counts[_DANGER] else 0.6 if reading.mask & _CHANGING else 0.3
    harmless = 0.4 if reading.mask & _HARMLESS else 1.0
    return _full(objects * changes * harmless, _HALF_AT_ONE) if objects else 0.0


def agentic_signals(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Work to be done alone and until something holds. One such phrase is nearly all."""
    counts = reading.counts
    return _full(3.0 * counts[_AUTO] + counts[_LASTING] + 0.3 * counts[_ORDER], _HALF_AT_TWO)


def technical_depth(reading: Reading, ask: Ask, seen: Seen) -> float:
    """How much of the trade is spoken of: ordinary terms a little, hard ones more."""
    counts = reading.counts
    return _full(0.4 * counts[_CODE] + counts[_DEEP] + 0.5 * counts[_BOUND], 3.0)


def domain_specificity(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Fields with their own rules: law, medicine, finance, science, statistics, security."""
    counts = reading.counts
    return _full(counts[_DOMAIN] + 0.7 * counts[_AUDIT], _HALF_AT_TWO)


def multi_step_structure(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Several things wanted one after the other: words of order, lists, enumerations, sentences.
    An enumeration begins to count at its third item."""
    counts = reading.counts
    amount = 0.6 * counts[_ORDER] + 0.5 * reading.bullets
    amount += 0.6 * max(0, reading.items - 2) + 0.3 * (reading.sentences - 1)
    return _full(amount, _HALF_AT_TWO)


def analysis_depth(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Finding out, weighing, designing and auditing, against only naming or showing."""
    counts = reading.counts
    amount = counts[_ANALYSE] + 1.2 * counts[_DESIGN] + 1.5 * counts[_AUDIT]
    return _full(amount + 0.3 * counts[_EXPLAIN] + 0.3 * counts[_PLAN], _HALF_AT_TWO)


def code_generation(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Program text to be written or changed; the more kinds of change, the more."""
    counts = reading.counts
    amount = counts[_WRITE] + counts[_FIX] + 0.7 * counts[_EDIT]
    amount += 1.5 * counts[_REFACTOR] + 1.5 * counts[_MIGRATE]
    return _full(amount, _HALF_AT_ONE)


def tool_complexity(reading: Reading, ask: Ask, seen: Seen) -> float:
    """How many kinds of tools the words call for, of five: running, changing files, searching,
    browsing, deploying. What tools are offered says nothing of an ask."""
    mask = reading.mask
    kinds = 0
    if mask & _RUNNING:
        kinds += 1
    if mask & _CHANGING or reading.paths:
        kinds += 1
    if mask & _SEARCHING:
        kinds += 1
    if mask & _BROWSING:
        kinds += 1
    if mask & _DEPLOYING:
        kinds += 1
    return kinds / 5


def tool_chain_potential(reading: Reading, ask: Ask, seen: Seen) -> float:
    """How many calls the work is likely to take: the scope (everything, several), the parts named,
    the paths, and verbs that need looking before doing. 1 from about eight signs."""
    counts = reading.counts
    amount = 0.8 * counts[_WHOLE] + 0.7 * counts[_MANY] + 0.6 * counts[_PART]
    amount += 0.5 * max(0, len(reading.paths) - 1) + 1.5 * counts[_AUTO]
    if reading.mask & _LOOKING_FIRST:
        amount += 1.0
    return _ramp(amount, 0.0, 8.0)


def conversation_depth(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Messages of the user's before this one: half at eight."""
    return _full(float(max(0, seen.turns - 1)), 8.0)


def prior_tool_use(reading: Reading, ask: Ask, seen: Seen) -> float:
    """Calls made so far: half at sixteen."""
    return _full(float(max(0, seen.calls)), 16.0)


def ambiguity(reading: Reading, ask: Ask, seen: Seen) -> float:
    """How much is left open: words that point at nothing, nothing named, few words at all. A
    question or a greeting is not open, however short."""
    counts = reading.counts
    if reading.mask & _CLOSED or not reading.size:
        return 0.0
    named = counts[_CODE] + counts[_UNIT] + counts[_PART] + counts[_DEEP] + len(reading.paths)
    return (0.4 + _full(float(counts[_VAGUE]), 2.0)) / (1.4 * (1.0 + named))


NAMES = (
    *("token_count", "code_complexity", "reasoning_markers", "risk_patterns", "agentic_signals"),
    *("technical_depth", "domain_specificity", "multi_step_structure", "analysis_depth"),
    *("code_generation", "tool_complexity", "tool_chain_potential", "conversation_depth"),
    *("prior_tool_use", "ambiguity"),
)


def dimensions(reading: Reading, ask: Ask, seen: Seen) -> tuple[float, ...]:
    """The fifteen, in the order of ``NAMES``."""
    return (
        token_count(reading, ask, seen),
        code_complexity(reading, ask, seen),
        reasoning_markers(reading, ask, seen),
        risk_patterns(reading, ask, seen),
        agentic_signals(reading, ask, seen),
        technical_depth(reading, ask, seen),
        domain_specificity(reading, ask, seen),
        multi_step_structure(reading, ask, seen),
        analysis_depth(reading, ask, seen),
        code_generation(reading, ask, seen),
        tool_complexity(reading, ask, seen),
        tool_chain_potential(reading, ask, seen),
        conversation_depth(reading, ask, seen),
        prior_tool_use(reading, ask, seen),
        ambiguity(reading, ask, seen),
    )


# --- features of the fit ----------------------------------------------------------------------

# Classes whose number of words, flattened, is a feature by itself.
_COUNTED = (
    *("explain", "write", "edit", "fix", "refactor", "migrate", "danger", "design", "analyse"),
    *("audit", "prove", "novel", "think", "whole", "many", "small", "cosmetic", "deep", "code"),
    *(
        "unit",
        "tests",
        "domain",
        "part",
        "bound",
        "plan",
        "symptom",
        "flaky",
        "order",
        "auto",
        "lasting",
    ),
    *("factoid", "howto", "lookup", "prod", "vague"),
)
# And those of which one word says all.
_FLAGGED = (
    *("greet", "thanks", "rewrite", "creative", "run", "brief", "auth", "pay", "data", "infra"),
    *("secret", "helper", "search", "browse"),
)
_OPENED = ("factoid", "howto", "lookup", "explain", "write", "edit", "fix", "design", "analyse")
_COUNTED_PLACES = tuple(_PLACE[name] for name in _COUNTED)
_FLAGGED_BITS = tuple(BIT[name] for name in _FLAGGED)
_OPENED_BITS = tuple(BIT[name] for name in _OPENED)
_VERBS = tuple(BIT[name] for name in (*_OPENED, "refactor", "migrate", "danger", "audit", "prove"))
_PROTECTED_BITS = _mask("auth", "pay", "data", "infra", "secret")
_HARD = _mask("refactor", "migrate", "design", "analyse", "audit", "prove", "novel", "auto", "deep")
_ASKING = _mask("factoid", "howto", "lookup", "explain", "rewrite")
_HARD_VERBS = _mask("refactor", "migrate", "design", "analyse", "audit", "prove", "novel", "auto")
_IDLE = _mask("greet", "thanks", "run", "lookup", "brief")
_KNOWN = ~_mask("negation", "but", "auxiliary", "vague", "small")
_MAKING = _mask("write", "edit", "fix")
_BROAD = _mask("refactor", "migrate")
_DESIGNS, _UNITS, _SMALLER, _LOOKS = BIT["design"], BIT["unit"], BIT["small"], BIT["cosmetic"]
_FACTOIDS, _EXPLAINS = BIT["factoid"], BIT["explain"]
FEATURES: tuple[str, ...] = (
    *NAMES,
    *(f"{name}_words" for name in _COUNTED),
    *(f"has_{name}" for name in _FLAGGED),
    *(f"opens_{name}" for name in _OPENED),
    *("words", "few_words", "one_word", "question", "only_question", "sentences", "items"),
    *("bullets", "paths", "path_many", "symbols", "numbers", "quoted", "pasted", "negated"),
    *("making_whole", "making_part", "broad_whole", "analyse_whole", "design_deep"),
    *("unit_only", "small_only", "cosmetic_only", "ask_free", "factoid_short", "risk_change"),
    *("explain_only", "verbs", "deep_part", "nothing_known", "terse_free", "terse_hard"),
    *("asked_about", "code_question", "last_asks", "last_hard", "long_last_asks", "risk_free"),
    *("ported", "unit_broad", "story"),
)


def features(reading: Reading, ask: Ask, seen: Seen) -> tuple[float, ...]:
    """The fifteen dimensions, then everything else that a linear model may weigh, in the order of
    ``FEATURES``; all between 0 and 1."""
    counts = reading.counts
    mask = reading.mask
    found = list(dimensions(reading, ask, seen))
    for place in _COUNTED_PLACES:
        found.append(_full(float(counts[place]), _HALF_AT_ONE))
    for bit in _FLAGGED_BITS:
        found.append(1.0 if mask & bit else 0.0)
    for bit in _OPENED_BITS:
        found.append(1.0 if reading.opening & bit else 0.0)
    size = reading.size
    verbs = 0
    for bit in _VERBS:
        if mask & bit:
            verbs += 1
    making = bool(mask & _MAKING)
    broad = bool(mask & _BROAD)
    whole = _full(float(counts[_WHOLE] + counts[_MANY]), 1.0)
    parts = _full(float(max(0, counts[_PART] - 1)), 1.0)
    deep = _full(float(counts[_DEEP]), 1.0)
    protected = bool(mask & _PROTECTED_BITS)
    hard = bool(mask & _HARD)
    question = reading.questions > 0
    free = not mask & _ASKING and not question
    about, last = _sentences(reading)
    found += (
        min(1.0, log2(1.0 + size) / 8),
        1.0 if size <= 6 else 0.0,
        1.0 if size <= 2 else 0.0,
        1.0 if question else 0.0,
        1.0 if question and reading.questions == reading.sentences else 0.0,
        _full(float(reading.sentences - 1), 2.0),
        _full(float(max(0, reading.items - 2)), 1.0),
        _full(float(reading.bullets), 3.0),
        1.0 if reading.paths else 0.0,
        1.0 if len(reading.paths) > 1 else 0.0,
        _full(float(reading.symbols), 2.0),
        _full(float(reading.numbers), 2.0),
        _full(float(reading.quoted), 40.0),
        _full(float(reading.pasted), 200.0),
        _full(float(reading.negated), 1.0),
        whole if making else 0.0,
        parts if making else 0.0,
        whole if broad else 0.0,
        whole if mask & _LOOKING_FIRST else 0.0,
        deep if mask & _DESIGNS else 0.0,
        1.0 if mask & _UNITS and not hard and whole == 0.0 else 0.0,
        1.0 if mask & _SMALLER and not hard and not protected and size <= 20 else 0.0,
        1.0 if mask & _LOOKS and not hard and size <= 25 else 0.0,
        1.0 if free else 0.0,
        1.0 if mask & _FACTOIDS and size <= 14 and not hard and not making else 0.0,
        1.0 if protected and mask & _CHANGING and not mask & _HARMLESS else 0.0,
        1.0 if mask & _EXPLAINS and not making and not hard else 0.0,
        _full(float(verbs), 2.0),
        deep * parts,
        1.0 if not mask & _KNOWN else 0.0,
        1.0 if size <= 5 and free and not hard and not mask & _IDLE else 0.0,
        1.0 if size <= 5 and free and (hard or protected) else 0.0,
        _full(float(about), 1.0),
        1.0 if reading.symbols and not free else 0.0,
        1.0 if last & _ASKING and not last & _HARD_VERBS else 0.0,
        1.0 if last & _HARD_VERBS else 0.0,
        1.0 if reading.sentences > 2 and last & _CLOSED and not last & _HARD_VERBS else 0.0,
        1.0 if protected and (not free or mask & _HARMLESS) else 0.0,
        1.0 if broad and _moves(reading) else 0.0,
        1.0 if broad and counts[_UNIT] > counts[_PART] and not whole and size <= _FEW else 0.0,
        _story(reading),
    )
    return tuple(found)


def _moves(reading: Reading) -> bool:
    """Whether it goes from one technology, or version of it, to another; not in one file only."""
    counts = reading.counts
    ends = counts[_STACK] + (1 if reading.numbers else 0)
    small = counts[_UNIT] > counts[_PART]  # a "cli" is both
    return bool(counts[_STACK] and ends > 1 and not reading.paths and not small)


def _story(reading: Reading) -> float:
    """How far it is a tale with amounts to reckon with: prices and rates of daily life, as they
    stand in schoolbooks. Programs and their logs have numbers too, and other words."""
    counts = reading.counts
    told = counts[_AMOUNT]
    given = reading.numbers + min(reading.symbols, told)  # "$3" is a symbol
    if told < 2 or told + given < _AMOUNTS or reading.size < _TALE:
        return 0.0
    if reading.pasted or reading.paths or counts[_CODE] > 1 or counts[_DEEP]:
        return 0.0
    return _full(float(told + given), 4.0)


def _sentences(reading: Reading) -> tuple[int, int]:
    """Words of hard work that a sentence only asks or tells about, and the classes that the last
    sentence is of."""
    about = last = 0
    sentence = -1
    asks = False
    for _, place, bits, _ in reading.hits:
        if place != sentence:
            sentence, asks, last = place, False, 0
        last |= bits
        if bits & _ASKING and not bits & _MAKING:
            asks = True
        elif asks and bits & _HARD_VERBS:
            about += 1
    return about, last
