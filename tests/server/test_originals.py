"""GET /v1/originals: a shortened text, for the key it was shortened for and nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lynkr.config.settings import Auth, Key
from lynkr.policies.access import ANONYMOUS, digest
from lynkr.stores.originals import Originals
from lynkr.transforms.passes import Original
from tests.harness.client import Reply, request
from tests.harness.stage import Stage

AUTH = Auth(
    required=True,
    keys=[
        Key(name="ana", digest=digest("lk-ana")),
        Key(name="ben", digest=digest("lk-ben")),
        Key(name="root", digest=digest("lk-root"), admin=True),
    ],
)
BODY = b'"one\\ntwo \xc3\xbc\\nthree"'
TEXT = "one\ntwo ü\nthree"


def holding(stage: Stage, path: Path, owner: str) -> None:
    """The stage's worker keeps one text for its owner."""
    stage.gateway.originals = Originals(path / "o.db", ttl_s=3600.0, bytes_max=1 << 20)
    stage.gateway.originals.keep(owner.encode(), (Original("o_12", 0, len(BODY)),), BODY)


async def asked(
    stage: Stage, target: str, *headers: tuple[str, str], host: str = "localhost:8081"
) -> Reply:
    path = f"/v1/originals/{target}"
    async with await stage.connect() as client:
        client.send(request(path, b"", method="GET", headers=list(headers), host=host))
        return await client.read_reply()


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("o_12", TEXT),
        ("o_12?lines=2-9", "two ü\nthree"),
        ("o_12?grep=t", "2:two ü\n3:three"),
        ("o_12?lines=1-2&grep=t", "2:two ü"),
    ],
)
async def test_the_owner_reads_all_of_it_or_a_part(target: str, shown: str, tmp_path: Path) -> None:
    async with Stage(auth=AUTH) as stage:
        holding(stage, tmp_path, "ana")
        for header in ("x-lynkr-key", "x-api-key"):
            reply = await asked(stage, target, (header, "lk-ana"))
            assert (reply.status, reply.body.decode()) == (200, shown)
        assert reply.header("content-type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("key", "status"), [("lk-ben", 404), ("lk-root", 404), ("lk-x", 401)])
async def test_nobody_else_does_not_even_an_admin(key: str, status: int, tmp_path: Path) -> None:
    async with Stage(auth=AUTH) as stage:
        holding(stage, tmp_path, "ana")
        reply = await asked(stage, "o_12", ("authorization", f"Bearer {key}"))
        assert reply.status == status
        assert "two" not in reply.body.decode()


async def test_what_was_never_kept_and_what_is_no_range_are_told_so(tmp_path: Path) -> None:
    async with Stage(auth=AUTH) as stage:
        holding(stage, tmp_path, "ana")
        key = ("x-lynkr-key", "lk-ana")
        reply = await asked(stage, "o_13", key)
        assert reply.status == 404
        assert "run the tool again" in reply.body.decode()
        reply = await asked(stage, "o_12?lines=x", key)
        assert reply.status == 400
        assert "A-B" in json.loads(reply.body)["error"]["message"]
        assert (await asked(stage, "", key)).status == 404


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1:8081", [], 200),
        ("localhost", [("origin", "http://evil.test")], 403),
        ("rebound.evil.test", [], 403),
    ],
)
async def test_without_keys_only_local_programs_read(
    host: str, headers: list[tuple[str, str]], status: int, tmp_path: Path
) -> None:
    """A page in the user's browser can reach the port, and must not read what tools said."""
    async with Stage() as stage:
        holding(stage, tmp_path, ANONYMOUS.name)
        assert (await asked(stage, "o_12", *headers, host=host)).status == status


async def test_a_store_that_cannot_be_read_is_the_gateways_own_failure(tmp_path: Path) -> None:
    async with Stage() as stage:
        (tmp_path / "o.db").mkdir()
        stage.gateway.originals = Originals(tmp_path / "o.db", ttl_s=3600.0, bytes_max=1 << 20)
        reply = await asked(stage, "o_12")
        assert reply.status == 500
        assert str(tmp_path) not in reply.body.decode()
