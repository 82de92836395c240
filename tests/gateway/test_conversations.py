"""Responses continued by id: found by their owner only, bounded in every direction."""

from __future__ import annotations

from lynkr.gateway.conversations import AGE_S_MAX, KEPT_MAX, Conversations
from lynkr.wire.message import Message, Text


def said(text: str) -> list[Message]:
    return [Message(role="user", parts=[Text(text=text)])]


def test_a_conversation_is_found_by_its_owner_and_nobody_else() -> None:
    kept = Conversations()
    kept.keep("ana", "resp_1", said("hello"), 10, 0.0)
    assert kept.find("ana", "resp_1", 1.0) == said("hello")
    assert kept.find("ben", "resp_1", 1.0) is None
    assert kept.find("ana", "resp_2", 1.0) is None


def test_it_ends_with_its_age() -> None:
    kept = Conversations()
    kept.keep("ana", "resp_1", said("hello"), 10, 0.0)
    assert kept.find("ana", "resp_1", AGE_S_MAX) is not None
    assert kept.find("ana", "resp_1", AGE_S_MAX + 1) is None
    assert kept.find("ana", "resp_1", 0.0) is None  # and is gone


def test_one_owner_cannot_push_out_another() -> None:
    kept = Conversations()
    kept.keep("ben", "resp_b", said("mine"), 10, 0.0)
    for number in range(KEPT_MAX + 50):
        kept.keep("ana", f"resp_{number}", said("x"), 10, 0.0)
    assert kept.find("ben", "resp_b", 0.0) is not None
    assert kept.find("ana", "resp_0", 0.0) is None
    assert kept.find("ana", f"resp_{KEPT_MAX + 49}", 0.0) is not None


def test_bytes_are_bounded_and_the_oldest_make_room() -> None:
    kept = Conversations(bytes_max=10_000)
    for number in range(20):
        kept.keep("ana", f"resp_{number}", said("x"), 2_000, 0.0)
    assert kept.find("ana", "resp_0", 0.0) is None
    assert kept.find("ana", "resp_19", 0.0) is not None
    kept.keep("ana", "huge", said("x"), 20_000, 0.0)
    assert kept.find("ana", "huge", 0.0) is None
    assert kept.find("ana", "resp_19", 0.0) is not None  # what cannot fit pushes nobody out


def test_the_same_id_again_replaces_the_first() -> None:
    kept = Conversations()
    kept.keep("ana", "resp_1", said("one"), 10, 0.0)
    kept.keep("ana", "resp_1", said("two"), 10, 0.0)
    assert kept.find("ana", "resp_1", 0.0) == said("two")
