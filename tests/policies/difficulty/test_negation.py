# ruff: noqa: RUF001 (punctuation of all scripts is what is read)
"""What is not wanted does not count: behind a negation, through an enumeration, and before "alone"
and its like; and no more than that."""

from __future__ import annotations

import pytest

from lynkr.policies.difficulty.reading import read
from tests.policies.difficulty.test_reading import classes, said


@pytest.mark.parametrize(
    ("text", "wanted", "cancelled"),
    [
        ("don't refactor, just rename it", "edit", "refactor"),
        ("do not refactor it. Rename it", "edit", "refactor"),
        ("don't change the payment but rename the label", "edit", "pay"),
        ("without a migration, fix it", "fix", "migrate"),
        ("benenne es um, aber nicht refaktorieren", "edit", "refactor"),
        ("kein Refactoring, nur umbenennen", "edit", "refactor"),
        ("ne touche pas au paiement, renomme le bouton", "edit", "pay"),
        ("sin tocar el pago, renombra el botón", "edit", "pay"),
        ("não altere o pagamento mas mude a cor", "edit", "pay"),
        ("non toccare il pagamento ma cambia il colore", "edit", "pay"),
        ("niet de betaling, maar verander de kleur", "edit", "pay"),
        ("nie zmieniaj płatności, ale zmień kolor", "edit", "pay"),
        ("не трогай оплату, но поменяй цвет", "edit", "pay"),
        ("đừng sửa thanh toán, đổi màu", "edit", "pay"),
        ("不要重构，改名", "edit", "refactor"),
    ],
)
def test_a_negation_cancels_in_its_clause_only(text: str, wanted: str, cancelled: str) -> None:
    assert read(text).negated
    assert wanted in classes(text)
    assert cancelled not in classes(text)


@pytest.mark.parametrize(
    ("text", "wanted", "cancelled"),
    [
        ("Fix the typo. Don't touch auth, billing, or the migrations.", "fix", "auth pay migrate"),
        ("rename it without touching the payments, the auth flow or any secrets", "edit",
         "pay auth secret"),
        ("don't edit terraform, k8s manifests, or production secrets; rename it", "edit",
         "infra secret prod"),
        ("Out of scope: the login, the database schema. Rename it", "edit", "auth data"),
        ("不要动登录、支付和数据库，改名", "edit", "auth pay data"),
    ],
)  # fmt: skip
def test_a_negation_goes_on_through_an_enumeration(text: str, wanted: str, cancelled: str) -> None:
    assert wanted in classes(text)
    assert not classes(text) & set(cancelled.split())
    assert read(text).items <= 2, "what is not wanted is no list of tasks"


@pytest.mark.parametrize(
    "text",
    [
        "don't refactor, fix the login",
        "no, the login must be rewritten",
        "no tests, no docs, add the login form",
        "without a plan, look at how the login does it",
        "don't touch it, but the login",
        "not the colors, whatever the login has is wrong and should go",
    ],
)
def test_a_clause_after_a_comma_is_no_enumeration(text: str) -> None:
    assert "auth" in classes(text)


@pytest.mark.parametrize(
    ("text", "wanted", "cancelled"),
    [
        ("fix the header and leave the login, payments and migrations alone", "fix",
         "auth pay migrate"),
        ("rename it and keep the payment flow unchanged", "edit", "pay"),
        ("Die Anmeldung bitte nicht ändern, nur den Tippfehler beheben", "fix", "auth"),
        ("die Datenbank und die Zahlungen nicht anfassen", "", "data pay"),
        ("renombra el botón y deja el pago intacto", "edit", "pay"),
        ("ログイン処理は変更しないで、誤字だけ直して", "fix", "auth"),
        ("결제 로직은 건드리지 말고 오타만 고쳐줘", "fix", "pay"),
        ("ödeme kodunu değiştirme, hatayı düzelt", "fix", "pay"),
        ("भुगतान कोड मत बदलो", "", "pay"),
        ("支付模块保持不变，改名", "edit", "pay"),
    ],
)  # fmt: skip
def test_what_stands_before_not_this_is_cancelled(text: str, wanted: str, cancelled: str) -> None:
    assert not wanted or wanted in classes(text)
    assert not classes(text) & set(cancelled.split())


@pytest.mark.parametrize(
    "text",
    [
        "the login is broken. leave the header alone",
        "fix the login but leave the header alone",
        "change the login and leave the header alone",
        "şifre değiştirme sayfasına giriş ekle",  # "of changing the password", a noun
    ],
)
def test_what_stands_before_that_is_wanted(text: str) -> None:
    assert "auth" in classes(text)


def test_a_negation_reaches_eight_words() -> None:
    near, far = "not " + "a " * 7 + "refactor", "not " + "a " * 8 + "refactor"
    assert "refactor" not in classes(near)
    assert "refactor" in classes(far)


def test_what_does_not_work_is_not_unwanted() -> None:
    """ "The login is not correct" is a symptom of the login, which is meant."""
    assert "symptom" in classes("it is not working in the parser")
    assert "parser" in said("the result is not what the parser gives")
    assert "parser" not in said("not the parser")
