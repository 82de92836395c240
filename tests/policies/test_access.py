"""Who is calling: the right principal, whatever is presented, and no clock to learn from."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from lynkr.config.settings import Key
from lynkr.policies.access import ANONYMOUS, Keyring, Principal, bearer, digest

KEYS = [
    Key(name="ada", digest=digest("sk-ada"), team="one", admin=True),
    Key(name="bob", digest=digest("sk-bob"), team="two"),
    Key(name="eve", digest=digest(b"\xff\x00")),
]


def test_a_digest_is_what_anybody_can_compute() -> None:
    """``printf %s key | sha256sum`` gives the same."""
    expected = "sha256:" + hashlib.sha256(b"sk-ada").hexdigest()
    assert digest("sk-ada") == digest(b"sk-ada") == expected
    assert digest("") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest("ключ") == digest("ключ".encode())


@pytest.mark.parametrize(
    ("presented", "principal"),
    [
        (b"sk-ada", Principal(name="ada", team="one", admin=True)),
        (b"sk-bob", Principal(name="bob", team="two")),
        (b"\xff\x00", Principal(name="eve")),
        (b"sk-ad", None),
        (b"sk-adaa", None),
        (b"SK-ADA", None),
        (b" sk-ada", None),
        (b"", None),
        (b"ada", None),
        (digest("sk-ada").encode(), None),  # what is stored cannot be used
        (b"k" * 100_000, None),
    ],
)
def test_a_key_finds_its_principal_and_nothing_else_does(
    presented: bytes, principal: Principal | None
) -> None:
    assert Keyring(KEYS, required=True).find(presented) == principal


@pytest.mark.parametrize("presented", [b"sk-ada", b"sk-bob", b"\xff\x00", b"no"])
def test_every_key_is_compared_whichever_matches(
    presented: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In constant time each, and never fewer: the time taken does not tell which key was near."""
    compared: list[tuple[bytes, bytes]] = []
    genuine = hmac.compare_digest

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return genuine(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    Keyring(KEYS, required=True).find(presented)
    seen = hashlib.sha256(presented).digest()
    assert compared == [(seen, bytes.fromhex(key.digest[7:])) for key in KEYS]


def test_a_ring_is_true_when_it_has_keys() -> None:
    assert Keyring(KEYS, required=False)
    assert not Keyring([], required=False)
    assert Keyring([], required=True).required
    assert Keyring([], required=True).find(b"") is None


def test_an_unnamed_caller_is_nobody_in_particular() -> None:
    assert Principal(name="anonymous", anonymous=True) == ANONYMOUS
    assert not ANONYMOUS.admin


def test_a_key_named_anonymous_is_still_a_key() -> None:
    ring = Keyring([Key(name="anonymous", digest=digest("k"))], required=True)
    found = ring.find(b"k")
    assert found is not None
    assert found != ANONYMOUS


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        (None, None),
        (b"", None),
        (b"Bearer", None),
        (b"Bearer ", b""),
        (b"Bearer t", b"t"),
        (b"bearer t", b"t"),
        (b"BEARER   t ", b"t"),
        (b"Bearer a b", b"a b"),
        (b"Basic t", None),
        (b"Bearert", None),
        (b" Bearer t", None),
    ],
)
def test_a_bearer_token_is_found(authorization: bytes | None, token: bytes | None) -> None:
    assert bearer(authorization) == token
