"""What is sealed is read by nobody else, and passed off as nothing else."""

from __future__ import annotations

import base64
import os

import pytest

from lynkr.config.encryption_key import KEY_BYTES, parse_key
from lynkr.stores.answer_rows import Rows
from lynkr.stores.seal import Seal, UnreadableError
from tests.stores.places import ANA, BEN, answer, id_of

KEY, OTHER = bytes(range(KEY_BYTES)), bytes(KEY_BYTES)
CANARY = b"the canary sings"


def test_what_was_sealed_can_be_opened() -> None:
    seal = Seal(KEY)
    for plain in (b"", CANARY, os.urandom(10_000)):
        sealed = seal.seal(plain, b"row 1")
        assert seal.open(sealed, b"row 1") == plain
        assert plain not in sealed or not plain


def test_the_same_text_is_never_sealed_alike() -> None:
    """Equal rows would tell that equal questions were asked."""
    seal = Seal(KEY)
    assert len({seal.seal(CANARY, b"") for _ in range(100)}) == 100


@pytest.mark.parametrize("about", [b"", b"row 2", b"row 11"])
def test_it_opens_for_its_own_purpose_only(about: bytes) -> None:
    with pytest.raises(UnreadableError):
        Seal(KEY).open(Seal(KEY).seal(CANARY, b"row 1"), about)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(UnreadableError):
        Seal(OTHER).open(Seal(KEY).seal(CANARY, b""), b"")


def test_each_changed_and_each_missing_byte_is_seen() -> None:
    seal = Seal(KEY)
    sealed = seal.seal(CANARY, b"")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        for wrong in (bytes(changed), sealed[:at]):
            with pytest.raises(UnreadableError):
                seal.open(wrong, b"")


@pytest.mark.parametrize(
    "text",
    [
        KEY.hex(),
        KEY.hex().upper(),
        f" {KEY.hex()}\n",
        base64.b64encode(KEY).decode(),
        base64.b64encode(KEY).decode().rstrip("="),
        base64.urlsafe_b64encode(KEY).decode(),
    ],
)
def test_a_key_is_written_in_hex_or_base64(text: str) -> None:
    assert parse_key(text) == KEY


def test_a_key_in_either_alphabet_of_base64() -> None:
    key = b"\xfb\xff\xfe" * 10 + b"\xfb\xff"
    assert parse_key(base64.b64encode(key).decode()) == key
    assert parse_key(base64.urlsafe_b64encode(key).decode()) == key


@pytest.mark.parametrize(
    "text",
    ["", "secret", KEY.hex()[:-1], KEY.hex() + "0", base64.b64encode(KEY[:-1]).decode(), "é" * 64],
)
def test_anything_else_is_no_key_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits") as caught:
        parse_key(text)
    assert not text or text not in str(caught.value)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(KEY[:16])


# --- rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seal", [None, Seal(KEY)])
def test_a_row_holds_all_of_an_answer(seal: Seal | None) -> None:
    kept = answer(1, question="what is a canary", vector=b"\x01\xff", features=b"\x02\x00")
    rows = Rows(seal)
    assert rows.answer(rows.row(kept)) == kept


def test_what_a_query_needs_stays_readable_and_what_a_person_wrote_does_not() -> None:
    kept = answer(1, question=CANARY.decode(), vector=CANARY * 2, features=CANARY * 3)
    row = Rows(Seal(KEY)).row(kept)
    assert kept.id.encode() in row
    assert CANARY not in row
    assert CANARY in Rows(None).row(kept)


def test_the_open_part_of_a_row_is_held_to_the_sealed_one() -> None:
    """Who can write to the store but has no key cannot make an answer last or change hands."""
    rows = Rows(Seal(KEY))
    row = rows.row(answer(1, epoch="monday"))
    assert rows.answer(row.replace(b"monday", b"sunday")) is None
    assert rows.answer(row.replace(ANA, BEN)) is None
    assert rows.unreadable_total == 2


@pytest.mark.parametrize("content", [b"", CANARY, CANARY * 1000, os.urandom(1000)])
@pytest.mark.parametrize("seal", [None, Seal(KEY)])
def test_a_content_comes_back(content: bytes, seal: Seal | None) -> None:
    rows = Rows(seal)
    packed = rows.packed(answer(1), content)
    assert rows.content(packed, ANA, id_of(1)) == content
    assert len(packed) <= len(content) + 30


def test_a_content_is_of_one_answer_of_one_scope() -> None:
    rows = Rows(Seal(KEY))
    packed = rows.packed(answer(1), CANARY)
    assert rows.content(packed, ANA, id_of(2)) is None
    assert rows.content(packed, BEN, id_of(1)) is None
    assert rows.unreadable_total == 2


@pytest.mark.parametrize(("wrote", "reads"), [(None, KEY), (KEY, None), (KEY, OTHER), (OTHER, KEY)])
@pytest.mark.parametrize("content", [CANARY, CANARY * 1000])
def test_rows_of_another_key_are_counted_and_passed_over(
    wrote: bytes | None, reads: bytes | None, content: bytes
) -> None:
    """Open rows too, once there is a key: anybody could have written them."""
    writer, reader = (Rows(None if key is None else Seal(key)) for key in (wrote, reads))
    assert reader.content(writer.packed(answer(1), content), ANA, id_of(1)) is None
    assert reader.answer(writer.row(answer(1))) is None
    assert reader.unreadable_total == 2


def test_damaged_rows_are_counted_and_passed_over() -> None:
    rows = Rows(None)
    assert rows.answer(b"\x93nonsense") is None
    assert rows.sighting(b"\xc1") is None
    assert rows.dropped(b"") is None
    assert rows.content(b"znonsense", ANA, id_of(1)) is None
    assert rows.unreadable_total == 4
