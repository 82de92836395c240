"""An alias renames the model on the way out and back, and changes no other byte.

Clients compare the reply's model with the one they asked for; Claude Code drops its thinking blocks
from the history when the two differ.
"""

from __future__ import annotations

import msgspec
import pytest

from lynkr.wire.apis import BY_PATH
from tests.harness import replies
from tests.harness.client import request
from tests.harness.fixtures import Fixture, all_fixtures
from tests.harness.stage import Stage

ALIAS = "team-alias-7"
TOKEN = b'"team-alias-7"'
SERVED = [
    fixture
    for fixture in all_fixtures()
    if fixture.expect.status == 200 and fixture.expect.model_replied
]


def asking(fixture: Fixture) -> bytes:
    """The call with the alias as its model."""
    asked = msgspec.json.encode(fixture.expect.model)
    body = fixture.request.replace(asked, TOKEN, 1)
    assert body != fixture.request
    return request(fixture.expect.path, body)


def aliases(fixture: Fixture) -> dict[str, dict[str, str]]:
    provider = "first" if fixture.family == "messages" else "second"
    return {provider: {ALIAS: fixture.expect.model}}


def restored(fixture: Fixture, body: bytes) -> bytes:
    assert TOKEN in body
    return body.replace(TOKEN, msgspec.json.encode(fixture.expect.model_replied))


@pytest.mark.parametrize("fixture", SERVED, ids=repr)
async def test_only_the_model_differs(fixture: Fixture) -> None:
    """The upstream sees its own model name, the client the one it asked for."""
    async with Stage(aliases=aliases(fixture)) as stage:
        stage.upstream.reply(fixture.natural_reply())
        async with await stage.connect() as client:
            client.send(asking(fixture))
            reply = await client.read_reply()
        assert (await stage.upstream.request()).body == fixture.request
        assert restored(fixture, reply.body) == fixture.reply
        assert reply.header("x-lynkr-lane") == "edit"
        record = await stage.record()
        assert (record.model_asked, record.model) == (ALIAS, fixture.expect.model)
        assert record.model_replied == fixture.expect.model_replied
        assert record.reply_bytes == len(reply.body)


@pytest.mark.parametrize("fixture", SERVED, ids=repr)
def test_a_model_cut_anywhere_is_replaced_whole(fixture: Fixture) -> None:
    """The name is withheld until its end has come, and nothing else is."""
    api = BY_PATH[fixture.expect.path.partition("?")[0].encode()]
    reading = api.format.events if fixture.is_stream else api.body
    whole = reading.tee(None, TOKEN).edit(fixture.reply)
    assert restored(fixture, whole) == fixture.reply
    for size in (1, 2, 3, 5, 17, 100):
        tee = reading.tee(None, TOKEN)
        sent = b"".join(
            tee.edit(fixture.reply[start : start + size])
            for start in range(0, len(fixture.reply), size)
        )
        assert sent == whole


async def test_an_encoded_reply_keeps_its_model() -> None:
    """Bytes that would have to be decoded and encoded again pass as they are."""
    fixture = next(fixture for fixture in SERVED if fixture.is_stream)
    async with Stage(aliases=aliases(fixture)) as stage:
        stage.upstream.reply(fixture.encoded_reply("gzip"))
        async with await stage.connect() as client:
            client.send(asking(fixture))
            reply = await client.read_reply()
        assert reply.body == replies.ENCODERS["gzip"](fixture.reply)
