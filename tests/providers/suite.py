"""What every entry of the provider catalog must keep. A new entry is held to it by being there.

Run by ``test_catalog``. Nothing here knows a provider by name: what an entry says it has is what is
asked of it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec
import pytest

from lynkr.config.settings import Log, Provider, Server, Settings
from lynkr.providers.catalog import Kind, check, endpoint, kinds
from lynkr.server.app import Gateway
from lynkr.wire.apis import APIS
from tests.harness import replies
from tests.harness.client import RawClient, request
from tests.harness.upstream import ScriptedUpstream

KEY = "sk-of-the-provider"
BODIES = {
    "embeddings": b'{"model":"m","input":"x"}',
    "responses": b'{"model":"m","input":"x"}',
}
CONVERSATION = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}'
NAMES = sorted(kinds())


def has_socket(kind: Kind) -> bool:
    return urlsplit(kind.base_url).scheme in ("http", "https", "")


@pytest.mark.parametrize("name", NAMES)
class ProviderSuite:
    def test_its_facts_say_where_they_are_from(self, name: str) -> None:
        kind = kinds()[name]
        assert kind.title
        assert re.match(r"20\d\d-\d\d-\d\d, \S+", kind.checked)

    def test_its_address_is_one_or_none(self, name: str) -> None:
        kind = kinds()[name]
        parts = urlsplit(kind.base_url)
        assert bool(parts.hostname) == bool(kind.base_url)
        assert not (parts.query or parts.fragment or parts.username)
        assert parts.path.rstrip("/") == (kind.root if kind.base_url else "")
        assert kind.root == "" or re.fullmatch(r"(/[a-z0-9.-]+)+", kind.root)

    def test_its_paths_are_of_known_apis_and_below_its_root(self, name: str) -> None:
        kind = kinds()[name]
        assert set(kind.paths) <= {*APIS, "models"}
        assert set(kind.paths) & set(APIS)
        for path in kind.paths.values():
            assert re.fullmatch(r"(/[a-z0-9_.-]+)+", path)
            assert not kind.root or not path.startswith(kind.root)

    def test_its_headers_are_header_lines(self, name: str) -> None:
        kind = kinds()[name]
        for header, value in [*kind.headers.items(), (kind.auth.header, kind.auth.prefix)]:
            assert re.fullmatch(r"[a-z0-9-]+", header)
            assert value.isprintable()

    def test_its_key_is_found_sent_and_missed(self, name: str) -> None:
        """Where a key is needed its variables are known, and a missing one is a problem."""
        kind = kinds()[name]
        provider = Provider(kind=name, base_url=kind.base_url or "http://127.0.0.1:1")
        assert bool(kind.key_env) >= kind.key_required
        for variable in kind.key_env:
            made = endpoint("p", provider, {variable: KEY})
            assert (made.auth, made.key_lines) == (
                "key",
                f"{kind.auth.header}: {kind.auth.prefix}{KEY}\r\n".encode(),
            )
        settings = Settings(providers={"p": msgspec.structs.replace(provider, base_url="")})
        missed = [problem.key for problem in check(settings, {})]
        assert ("providers.p.api_key" in missed) == kind.key_required
        assert ("providers.p.base_url" in missed) == (not kind.base_url)

    def test_its_endpoint_is_ready_to_be_joined(self, name: str) -> None:
        kind = kinds()[name]
        provider = Provider(kind=name, base_url=kind.base_url or "http://h", api_key=KEY)
        made = endpoint("p", provider, {})
        assert set(made.request_lines) == set(kind.paths) & set(APIS)
        for api, line in made.request_lines.items():
            assert line == (kind.root + kind.paths[api]).encode()
        for block in (made.key_lines, made.host_line):
            assert re.fullmatch(rb"[a-z-]+: [^\r\n]+\r\n", block)
        assert made.models == tuple(kind.models)
        assert bool(made.models_path) == ("models" in kind.paths)

    async def test_each_api_takes_a_call_through_the_gateway(self, name: str) -> None:
        """With the provider's own path, host and key, and none of the caller's."""
        kind = kinds()[name]
        async with ScriptedUpstream() as upstream:
            provider = Provider(kind=name, api_key=KEY)
            if has_socket(kind):
                provider = Provider(kind=name, base_url=upstream.base_url, api_key=KEY)
            settings = Settings(
                server=Server(port=0), providers={"p": provider}, log=Log(access="off")
            )
            gateway = Gateway(settings)
            await gateway.start()
            try:
                async with await RawClient.connect(gateway.port) as client:
                    for number, api in enumerate(sorted(set(kind.paths) & set(APIS))):
                        upstream.reply(replies.sized(b'{"model":"m"}'))
                        client.send(
                            request(
                                APIS[api].shown_path,
                                BODIES.get(api, CONVERSATION),
                                headers=[("Authorization", "Bearer caller"), ("X-Api-Key", "c")],
                            )
                        )
                        reply = await client.read_reply()
                        assert reply.status == 200, reply.body
                        if has_socket(kind):
                            seen = (await upstream.request(number)).head
                            assert seen.start == f"POST {kind.root}{kind.paths[api]} HTTP/1.1"
                            assert seen.value("host") == f"127.0.0.1:{upstream.port}"
                            assert seen.value(kind.auth.header) == kind.auth.prefix + KEY
                            assert "caller" not in str(seen.headers)
                            for header, value in kind.headers.items():
                                assert seen.value(header) == value
            finally:
                await gateway.stop(drain_s=0)
