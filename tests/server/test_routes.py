"""What the gateway says about itself, and to whom."""

from __future__ import annotations

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lynkr.config.settings import Auth, Key
from lynkr.policies.access import digest
from tests.harness import replies
from tests.harness.client import Reply, request
from tests.harness.fixtures import load
from tests.harness.stage import Stage

STREAM = load("messages/text_stream")
AUTH = Auth(
    required=True,
    keys=[
        Key(name="ana", digest=digest("lk-ana")),
        Key(name="root", digest=digest("lk-root"), admin=True),
    ],
)
MODELS = b'{"object":"list","data":[{"id":"claude-x","created":1700000000},{"id":"b"}]}'


async def asked(stage: Stage, target: str, *headers: tuple[str, str], method: str = "GET") -> Reply:
    async with await stage.connect() as client:
        client.send(request(target, b"", method=method, headers=list(headers)))
        return await client.read_reply(to_head=method == "HEAD")


@pytest.mark.parametrize("target", ["/", "/health/live", "/health/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_health_is_outside_every_guard(target: str, method: str) -> None:
    async with Stage(auth=AUTH) as stage:
        reply = await asked(stage, target, method=method)
        assert reply.status == 200
        assert reply.header("server") == "lynkr"


async def test_models_have_the_shape_of_the_dialect() -> None:
    """Aliases first, then what each provider lists."""
    async with Stage(aliases={"first": {"fast": "claude-x"}}) as stage:
        stage.upstream.reply(replies.sized(MODELS))
        stage.upstream.reply(replies.sized(b'{"object":"list","data":[{"id":"gpt-y"}]}'))
        page = json.loads((await asked(stage, "/v1/models")).body)
        assert page["object"] == "list"
        names = [model["id"] for model in page["data"]]
        assert names[0] == "fast"
        assert set(names) == {"fast", "claude-x", "b", "gpt-y"}
        assert all(model["object"] == "model" for model in page["data"])

        version = ("anthropic-version", "2023-06-01")
        page = json.loads((await asked(stage, "/v1/models?limit=2", version)).body)
        assert [model["id"] for model in page["data"]] == names[:2]
        assert (page["has_more"], page["first_id"], page["last_id"]) == (True, *names[:2])
        assert page["data"][0]["type"] == "model"

        one = json.loads((await asked(stage, "/v1/models/fast", version)).body)
        assert (one["id"], one["type"]) == ("fast", "model")
        missing = await asked(stage, "/v1/models/none", version)
        assert missing.status == 404
        assert json.loads(missing.body)["type"] == "error"


async def test_metrics_count_the_calls() -> None:
    async with Stage() as stage:
        stage.upstream.reply(STREAM.natural_reply())
        await stage.call(STREAM)
        text = (await asked(stage, "/metrics")).body.decode()
        samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]
        found = {sample.name: sample.value for sample in samples if not sample.labels}
        assert (found["lynkr_in_flight"], found["lynkr_open_streams"]) == (0, 0)
        labels = {"api": "messages", "lane": "splice", "provider": "first", "status": "200"}
        (counted,) = (sample for sample in samples if sample.name == "lynkr_requests_total")
        assert (counted.labels, counted.value) == (labels, 1)
        spent = {
            sample.labels["kind"]: sample.value
            for sample in samples
            if sample.name == "lynkr_tokens_total"
        }
        assert spent["input"] == STREAM.expect.usage["input_tokens"]
        assert spent["output"] == STREAM.expect.usage["output_tokens"]


@pytest.mark.parametrize(
    ("target", "method", "key", "status"),
    [
        ("/v1/models", "GET", "", 401),
        ("/v1/models", "GET", "lk-else", 401),
        ("/metrics", "GET", "", 401),
        ("/metrics", "GET", "lk-ana", 403),
        ("/metrics", "GET", "lk-root", 200),
        ("/admin/reload", "POST", "", 401),
        ("/admin/reload", "POST", "lk-ana", 403),
        ("/admin/reload", "POST", "lk-root", 200),
    ],
)
async def test_keys_guard_the_control_plane(
    target: str, method: str, key: str, status: int
) -> None:
    async with Stage(auth=AUTH) as stage:
        headers = [("authorization", f"Bearer {key}")] if key else []
        assert (await asked(stage, target, *headers, method=method)).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 200),
        ([("origin", "http://evil.test")], 403),
        ([("host", "rebound.evil.test")], 403),
    ],
)
async def test_without_keys_only_local_programs_administer(
    headers: list[tuple[str, str]], status: int
) -> None:
    """A web page reaches loopback through its reader's browser, by its origin or a rebound name."""
    host = dict(headers).get("host", "127.0.0.1")
    others = [pair for pair in headers if pair[0] != "host"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in others)
    head = f"POST /admin/reload HTTP/1.1\r\nHost: {host}\r\n{lines}Content-Length: 0\r\n\r\n"
    async with Stage() as stage, await stage.connect() as client:
        client.send(head.encode())
        assert (await client.read_reply()).status == status


@pytest.mark.parametrize(
    ("target", "status", "hint"),
    [
        ("/chat/completions", 404, "/v1/chat/completions"),
        ("/v1/v1/messages", 404, "/v1/messages"),
        ("/v1/mesages", 404, "/v1/messages"),
        ("/nothing/like/it", 404, "GET / lists"),
        ("/v1/messages", 405, "POST"),
    ],
)
async def test_a_wrong_path_is_told_the_right_one(target: str, status: int, hint: str) -> None:
    async with Stage() as stage:
        reply = await asked(stage, target)
        assert reply.status == status
        assert hint in reply.body.decode()
