# ruff: noqa: RUF001 (punctuation of all scripts is what is read)
"""What a short message is about: a proposal that was made, nothing any more, or itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lynkr.policies.difficulty.followups import basis_of, proposal_text
from lynkr.policies.difficulty.reading import read
from lynkr.policies.routing.facts import Ask

PROPOSED = "I would split the service in two and migrate the table. Shall I go ahead?"
DONE = "I have renamed the file."


def basis(text: str, before: str = "", *earlier: str) -> str:
    return basis_of(Ask(text, before=before, earlier=earlier), read(text))


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "Yes!", "yep.", "yes please", "do it", "ok, do it", "go ahead", "sure, go ahead"),
        *(
            "proceed",
            "sounds good",
            "continue",
            "fix it",
            "option 2",
            "1",
            "let’s do it",
            "👍",
            "✅",
        ),
        *("yes thanks", "Yes, please do it now.", "YES", "no, do it"),
        *("ja", "ja, mach das", "leg los", "ja bitte", "einverstanden"),
        *("oui", "vas-y", "d’accord", "oui, s’il te plaît", "allez-y"),
        *("sí", "sí, adelante", "hazlo", "por supuesto"),
        *("sim", "pode fazer", "pode seguir"),
        *("sì", "procedi pure", "vai avanti"),
        *("ja, doe maar", "ga je gang"),
        *("tak", "zrób to", "да", "да, давай", "продолжай", "evet", "devam et"),
        *("vâng", "làm đi", "đồng ý", "có, làm đi"),
        *(
            "好的",
            "好的，开始吧",
            "继续",
            "可以，请执行",
            "はい",
            "はい、お願いします",
            "進めてください",
        ),
        *("네", "네, 진행해주세요", "نعم", "نعم، تفضل", "हाँ", "हाँ, कर दो", "ใช่", "ทำเลย", "згода"),
    ],
)
def test_an_agreement_is_about_the_proposal(text: str) -> None:
    assert basis(text, PROPOSED) == "proposal"
    assert basis(text, DONE) == "proposal"  # "continue": of what was done


@pytest.mark.parametrize(
    "text",
    [
        *(
            "thanks",
            "thank you so much!",
            "Perfect, thanks",
            "great job",
            "bye",
            "ok thanks",
            "lol",
        ),
        *("danke", "vielen dank!", "merci beaucoup", "gracias", "obrigado", "grazie mille"),
        *(
            "bedankt",
            "dziękuję",
            "спасибо",
            "teşekkür ederim",
            "cảm ơn bạn",
            "谢谢",
            "太好了，谢谢",
        ),
        *("ありがとうございます", "고마워", "شكرا", "धन्यवाद", "ขอบคุณ", "дякую"),
    ],
)
@pytest.mark.parametrize("before", [PROPOSED, DONE, ""])
def test_thanks_and_praise_close(text: str, before: str) -> None:
    assert basis(text, before) == "closing"


@pytest.mark.parametrize(
    "text",
    [
        *("no", "no thanks", "never mind", "stop", "not now", "cancel", "nope, leave it"),
        *("nein danke", "non merci", "no gracias", "não", "lascia stare", "nee", "nie", "нет"),
        *(
            "hayır",
            "không cần",
            "不用了",
            "いいえ",
            "아니요",
            "لا شكرا",
            "नहीं",
            "ไม่ต้อง",
            "не треба",
        ),
    ],
)
@pytest.mark.parametrize("before", [PROPOSED, ""])
def test_a_refusal_closes(text: str, before: str) -> None:
    assert basis(text, before) == "closing"


@pytest.mark.parametrize(
    "text",
    [
        *("yes, but with uuid", "yes, with uuid", "yes. But use uuid", "go ahead with uuid"),
        "yes, with the other table",
        *("yes and also add tests for the importer", "ok, now fix the parser", "no, use uuid"),
        *("ja, aber mit uuid", "oui, mais avec uuid", "sí, pero con uuid", "да, но с uuid"),
        *(
            "好的，但是用uuid",
            "はい、でもuuidで",
            "네, 하지만 uuid로",
            "thanks, now explain the parser",
        ),
        *("write a poem", "fix the bug in parser.py", "why?", "n", "🎉", "qwertz"),
        "yes " * 13,
        "yes, go ahead with the one that we said on monday",
    ],
)
@pytest.mark.parametrize("before", [PROPOSED, DONE, ""])
def test_who_says_more_asks(text: str, before: str) -> None:
    assert basis(text, before) == "ask"


@pytest.mark.parametrize(
    "text", ["yes, go ahead with the migration", "yes, do the migration", "ok, do that split"]
)
def test_an_agreement_may_name_its_object(text: str) -> None:
    assert basis(text, PROPOSED) == "proposal"


@pytest.mark.parametrize(
    "text",
    ["continue", "fix it", "go ahead", "proceed", "sounds good", "weiter so machen", "adelante"],
)
def test_without_anything_before_an_order_is_an_ask(text: str) -> None:
    if text != "weiter so machen":
        assert basis(text, "") == "ask"
    assert basis(text, "  \n") == "ask"


@pytest.mark.parametrize("text", ["yes", "ja", "oui", "да", "はい", "👍"])
def test_a_bare_yes_to_nothing_closes(text: str) -> None:
    assert basis(text, "") == "closing"


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_nothing_said_is_an_ask(text: str) -> None:
    assert basis(text, PROPOSED) == "ask"


def test_ok_agrees_only_to_a_question() -> None:
    """Alone it says that something was read."""
    assert basis("ok", PROPOSED) == "proposal"
    assert basis("ok", DONE) == "closing"
    assert basis("ok", "はい、どうしますか？") == "proposal"
    assert basis("ok", "Shall I? " + "I did it already. " * 20) == "closing"  # asked long ago


def test_long_messages_say_more_than_yes() -> None:
    assert basis("yes" + "!" * 100, PROPOSED) == "proposal"
    assert basis("yes" + "!" * 200, PROPOSED) == "ask"


def test_the_proposal_is_the_earlier_ask_and_its_end() -> None:
    earlier = ("ok", "do it", "migrate the table to uuids", "an older thing")
    text = proposal_text(Ask("yes", before="x" * 9000 + PROPOSED, earlier=earlier))
    first, _, end = text.partition("\n")
    assert first == "migrate the table to uuids"  # the newest that is no agreement itself
    assert end.endswith(PROPOSED)
    assert len(end) == 1500


def test_a_long_earlier_ask_is_known_by_its_beginning() -> None:
    text = proposal_text(Ask("yes", before=PROPOSED, earlier=("migrate it " * 900,)))
    first, _, end = text.partition("\n")
    assert first.startswith("migrate it")
    assert len(first) == 600
    assert end == PROPOSED


def test_a_proposal_without_an_earlier_ask() -> None:
    assert proposal_text(Ask("yes", before=PROPOSED)) == PROPOSED
    assert proposal_text(Ask("yes", before=PROPOSED, earlier=("ok", "thanks"))) == PROPOSED


@given(st.text(max_size=130), st.sampled_from(("", PROPOSED, DONE)))
def test_any_text_has_a_basis(text: str, before: str) -> None:
    assert basis(text, before) in ("ask", "proposal", "closing")
    assert len(proposal_text(Ask("yes", before=before, earlier=(text,)))) <= 600 + 1 + 1500
