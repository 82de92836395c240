# ruff: noqa: RUF001 (words of all scripts)
"""Which asks are never left to a small model, and which only look like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.routing_prompts import own_prompts, read_case
from lynkr.policies.difficulty.floors import _GUARDED, floors
from lynkr.policies.difficulty.followups import basis_of, proposal_text
from lynkr.policies.difficulty.lexicon import (
    FORCED,
    HELD,
    INSIDE,
    PAIRS,
    PHRASES,
    STEMS,
    WORDS,
)
from lynkr.policies.difficulty.reading import read
from lynkr.policies.routing.facts import COMPLEX, REASONING, SIMPLE, Floor


def of(text: str, rule: str) -> list[Floor]:
    return [floor for floor in floors(read(text)) if floor.rule == rule]


# --- risk -------------------------------------------------------------------------------------

CHANGES = [
    ("Fix the login redirect", "login"),
    ("Can you fix the authentication bug?", "authentication"),
    ("Could you please rotate the production secrets?", "secrets"),
    ("Add OAuth login", "oauth"),
    ("Implement password reset", "password reset"),
    ("Change how refunds are booked in the billing service", "refunds"),
    ("Look at the payment code and fix the double charge", "payment"),
    ("Add a column to the users table in production and backfill it", "users table"),
    ("find and fix the authentication bug", "authentication"),
    ("find the payment bug and fix it", "payment"),
    ("find all places that read the auth token and replace them", "auth"),
    ("Update the migrations so that the primary key becomes a UUID", "migrations"),
    ("Delete the inactive customers' personal data", "personal data"),
    ("Delete production customer records older than a year", "customer records"),
    ("Rotate the signing keys and update the secrets in vault", "signing keys"),
    ("Move the API keys into the vault", "api keys"),
    ("Open port 22 in the terraform security group", "terraform"),
    ("Behebe den Fehler bei der Anmeldung", "anmeldung"),
    ("Ändere den Passwortdienst", "passwort*"),
    ("Corrige le bug du paiement", "paiement*"),
    ("Corrige l'authentification", "authentification*"),
    ("Arregla el pago duplicado", "pago"),
    ("Corrija o pagamento", "pagamento*"),
    ("исправь авторизацию", "авториз*"),
    ("Sửa lỗi đăng nhập", "đăng nhập"),
    ("修复支付回调的重复扣款", "支付"),
    ("ログインの認証を修正して", "ログイン"),
    ("결제 환불 로직을 수정해줘", "결제"),
]


@pytest.mark.parametrize(("text", "word"), CHANGES)
def test_a_change_of_what_is_protected(text: str, word: str) -> None:
    assert of(text, "risk") == [Floor("risk", COMPLEX, word)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Refactor src/payments/charge.ts", "payments"),
        ("Fix `src/auth/session.py` please", "auth"),
        ('Refactor "lib/billing/invoice.go"', "billing"),
        ("Change .github/workflows/deploy.yml", "workflows"),
        ("Fix ./db/migrations/0042_add_index.sql", "migrations"),
        ("Edit deploy/terraform/main.tf", "terraform"),
        ("Fix src\\auth\\login.cs", "auth"),
    ],
)
def test_a_change_of_a_protected_path(text: str, word: str) -> None:
    assert of(text, "risk") == [Floor("risk", COMPLEX, word)]


HARMLESS = [
    *("hi", "yes", "", "Fix the parser", "Rename src/parse.py", "fix the overwhelming chapter"),
    # Reading.
    *(
        "What is OAuth?",
        "Explain how our JWT refresh works",
        "How does the checkout handle refunds?",
    ),
    *("How do I change the password column?", "Why does the login fail?", "Show me src/auth/a.py"),
    *("Is it safe to delete the migrations?", "Should I change the password policy?"),
    *(
        "Was ist eine Migration?",
        "Erklär mir die Anmeldung",
        "Explique le paiement",
        "解释一下支付回调",
    ),
    # Words.
    *('Translate "delete all payments" to German', "Translate the sentence: fix the login"),
    *("How many letters does authentication have?", "count the letters in authorization"),
    *("Write a haiku about payments", "Write an email to customers about the outage"),
    # Looks.
    *("Change the color of the login button", "Fix a typo in the payment page title"),
    *('Rename the label "Password" to "Passcode" on the login form', "Change src/auth/login.css"),
    *("Ändere die Farbe des Login-Buttons", "Change la couleur du bouton de paiement"),
    # Tests, helpers and documents.
    *("Write a pure function that formats an invoice number, no db", "Add a README about payments"),
    *("Write unit tests for the login helper", "Write a unit test for the refund function"),
    *("Add a docstring to src/auth/session.py", "Fix the failing test in tests/auth/test_login.py"),
    *("Fix the flaky test for the payments module", "Update docs/auth/setup.md"),
    *("Write a class for the refund and the invoice", "Change the payment label in production"),
    *("You changed the payment?", "Add a login page with billing and a test"),
    # Not wanted.
    *("Don't touch the payment code, rename the variable", "Nicht die Anmeldung ändern, sondern X"),
    # Something else is changed.
    *("The author changed. Now rename the chapter", "I saw the login. Rename the variable"),
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_change(text: str) -> None:
    assert of(text, "risk") == []


def test_verb_and_object_stand_near_each_other() -> None:
    assert of("fix " + "so " * 9 + "the payment", "risk")
    assert not of("fix " + "so " * 19 + "the payment", "risk")


def test_danger_in_production_is_not_harmless_because_of_a_comment() -> None:
    """A path under "auth" with a deletion is one, whatever is said of looks."""
    assert of("Delete src/auth/session.py and its docs", "risk")
    assert not of("Rename src/auth/session.py in the docs", "risk")


# --- force ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tier", "word"),
    [
        ("Do an architecture review", COMPLEX, "architecture review"),
        ("Refactor the entire codebase", COMPLEX, "refactor the entire"),
        ("rewrite everything in Rust", COMPLEX, "rewrite everything"),
        ("We have a production outage", COMPLEX, "production outage"),
        ("do a root cause analysis of the crash", COMPLEX, "root cause analysis"),
        ("do a security audit of the payments service", REASONING, "security audit"),
        ("Please do a penetration test of it", REASONING, "penetration test"),
        ("prove that the scheduler never starves", REASONING, "prove that"),
        ("Mach ein Sicherheitsaudit", REASONING, "sicherheitsaudit"),
        ("fais un audit de sécurité", REASONING, "audit de sécurité"),
        ("fais un test d'intrusion", REASONING, "test intrusion"),
        ("fais un modèle de menaces", REASONING, "modèle de menaces"),
        ("haz una auditoría de seguridad", REASONING, "auditoría de seguridad"),
        ("tái cấu trúc toàn bộ hệ thống", COMPLEX, "tái cấu trúc toàn bộ"),
        ("做一次安全审计", REASONING, "安全审计"),
        ("アーキテクチャレビューをしてください", COMPLEX, "アーキテクチャレビュー"),
        ("보안 감사를 해줘", REASONING, "보안 감사"),
        ("أجر تدقيق أمني للخدمة", REASONING, "تدقيق أمني"),
        ("ultrathink about this", REASONING, "ultrathink"),
        ("fix it, think harder", REASONING, "think harder"),
        ("think step by step", COMPLEX, "think step by step"),
        ("Think hard about the cache key", COMPLEX, "think hard"),
        ("Denk gut nach, bevor du antwortest", COMPLEX, "denk gut nach"),
        ("请仔细思考一下", COMPLEX, "仔细思考"),
    ],
)
def test_a_phrase_forces_its_tier(text: str, tier: int, word: str) -> None:
    assert of(text, "force") == [Floor("force", tier, word)]


@pytest.mark.parametrize(
    "text",
    [
        *("What is a security audit?", "what does an architecture review cost?"),
        *("Explain threat modelling", 'Translate "security audit" to Spanish'),
        *("Translate to Spanish: we need a security audit", "Was ist ein Sicherheitsaudit?"),
        *("How do I do a penetration test?", "什么是安全审计"),
        *("Add a link to the security audit in the README", "don't do a security audit, list them"),
        *(
            "what do I think",
            "the proof of the pudding",
            "step by step",
            "a hard thing to think of",
        ),
    ],
)
def test_who_asks_about_it_does_not_want_it(text: str) -> None:
    assert of(text, "force") == []


def test_an_order_to_think_holds_in_a_question_too() -> None:
    assert of("What is 12 * 12? Think step by step.", "force")
    assert of("Explain the parser, ultrathink", "force")


def test_of_several_phrases_the_highest_holds() -> None:
    text = "do an architecture review, then a security audit, and think hard"
    assert of(text, "force") == [Floor("force", REASONING, "security audit")]


def test_a_question_does_not_cancel_the_next_sentence() -> None:
    assert of("What is OAuth? Now do a security audit of it.", "force")


# --- autonomous -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Work on your own and fix all of the tests", "on your own"),
        ("Fix all failing tests, don't stop until everything is green", "don't stop until"),
        ("Migrate all the modules autonomously", "autonomously"),
        ("Fix it yourself, I'm offline", "i'm offline"),
        ("keep working until all the tests pass", "keep working"),
        ("go through all files one by one overnight and fix them", "go through all"),
        ("Arbeite selbstständig und behebe alle Fehler", "selbstständig"),
        ("behebe alle Fehler, ohne Rückfrage", "ohne rückfrage"),
        ("Corrige tous les tests sans me demander", "sans me demander"),
        ("Arregla todos los tests sin preguntarme", "sin preguntarme"),
        ("自主修复所有测试，直到全部通过", "自主"),
        ("テストが全部通るまで自律的に修正して", "全部通るまで"),
        ("확인 없이 버그를 고쳐줘", "확인 없이"),
    ],
)
def test_work_that_is_to_be_done_alone(text: str, word: str) -> None:
    assert of(text, "autonomous") == [Floor("autonomous", REASONING, word)]


@pytest.mark.parametrize(
    "text",
    [
        *("What does autonomous mean?", "Explain what an autonomous vehicle is"),
        *("What is it to fix bugs autonomously", "how do I work autonomously?"),
        *("until everything passes", "Was heißt eigenständig?"),
        # Not wanted.
        *("Do not work autonomously, ask me before each fix", "don't fix it on your own"),
        *("Arbeite nicht selbstständig, frag bei jeder Änderung", "ne corrige pas en autonomie"),
        *("no arregles el test por tu cuenta", "不要自主修复，先问我"),
        # One sign of lasting work is not enough.
        *("fix the bugs one by one", "rename it again and again", "the job runs overnight, fix it"),
    ],
)
def test_work_that_is_not(text: str) -> None:
    assert of(text, "autonomous") == []


# --- all --------------------------------------------------------------------------------------


def test_each_rule_is_told_once_and_in_order() -> None:
    text = "Do a security audit, fix the login and the payment, don't ask me"
    assert [floor.rule for floor in floors(read(text))] == ["force", "risk", "autonomous"]


def own_words() -> set[str]:
    words = {*WORDS, *FORCED, *_GUARDED, *PAIRS}
    for pairs in STEMS.values():
        words |= {f"{stem}*" for stem in pairs[::2]}
    for pairs in INSIDE.values():
        words |= {said.replace(HELD, " ") for said in pairs[::2]}
    for phrases in PHRASES.values():
        words |= {said for _, _, said in phrases}
    return words


OWN = own_words()
PIECES = (
    *("fix", "ändere", "исправь", "sửa", "修复", "passwortfürannalena", "kundendatenvonanna", "do"),
    *("авторизациюивана", "düzelt", "ödemeayşe", "payments", "src/auth/x.py", ". ", "支付", "a"),
    *(
        "ultrathink",
        "security audit",
        "selbstständig",
        "don't ask me",
        "until",
        "security",
        "audit",
    ),
)


@given(st.lists(st.sampled_from(PIECES), max_size=9).map(" ".join) | st.text(max_size=200))
def test_a_floor_tells_a_word_of_the_lists_never_of_the_user(text: str) -> None:
    found = floors(read(text))
    assert {floor.word for floor in found} <= OWN
    assert len({floor.rule for floor in found}) == len(found)


LIFTED = 3  # of the committed prompts, though SIMPLE


def test_simple_asks_are_not_lifted() -> None:
    """Of the committed prompts: each call of a conversation that is lifted for nothing is paid
    for. Those known are long notes that name hard work before a small question."""
    simple = wrong = 0
    for prompt in own_prompts():
        if prompt.wanted != SIMPLE:
            continue
        simple += 1
        ask = read_case(prompt).ask
        basis = basis_of(ask, read(ask.text))
        if basis == "closing":
            continue
        text = proposal_text(ask) if basis == "proposal" else ask.text
        wrong += any(floor.tier not in prompt.allowed for floor in floors(read(text)))
    assert simple > 600
    assert wrong <= LIFTED
    assert wrong < 0.01 * simple
