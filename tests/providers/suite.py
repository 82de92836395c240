"""What every entry of the provider catalog must keep. A new entry is held to it by being there.

Run by ``test_catalog``. Nothing here knows a provider by name: what an entry says it has is what is
asked of it.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from lynkr.config.settings import Cache, Log, Provider, Server, Settings
from lynkr.providers.catalog import Endpoint, Kind, check, endpoint, kinds
from lynkr.providers.kinds import API_NAMES, CAPABILITIES, VARIABLES
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
VALUES = {"region": "r1", "project": "p1", "resource": "x1", "api_version": "v1"}
PLACES = {"model", *VARIABLES}


def has_socket(kind: Kind) -> bool:
    return urlsplit(kind.base_url).scheme in ("http", "https", "")


def provider_of(name: str, base_url: str = "", api_key: str = "") -> Provider:
    """A provider with everything its kind's address needs."""
    kind = kinds()[name]
    values: dict[str, Any] = {variable: VALUES[variable] for variable in kind.variables}
    address = base_url or ("" if kind.base_url else "http://127.0.0.1:1")
    return Provider(kind=name, base_url=address, api_key=api_key, **values)


def placeholders(template: str) -> set[str]:
    return set(re.findall(r"\{(\w*)\}", template))


def model_for(made: Endpoint, api: str) -> str:
    """A model that the endpoint has this API for."""
    names = ["m", *(rule.match.replace("*", "x") for rule in made.serves)]
    return next(name for name in names if api in made.apis_for(name))


@pytest.mark.parametrize("name", NAMES)
class ProviderSuite:
    def test_its_facts_say_where_they_are_from(self, name: str) -> None:
        kind = kinds()[name]
        assert kind.title
        assert re.match(r"20\d\d-\d\d-\d\d, \S+", kind.checked)

    def test_its_address_is_one_or_none(self, name: str) -> None:
        kind = kinds()[name]
        special = [url for values in kind.base_url_for.values() for url in values.values()]
        for url in [kind.base_url, *special]:
            parts = urlsplit(url)
            assert bool(parts.hostname) == bool(url)
            assert not (parts.query or parts.fragment or parts.username)
            assert parts.path.rstrip("/") == (kind.root if url else "")
        assert kind.root == "" or re.fullmatch(r"(/[a-z0-9.-]+)+", kind.root)
        assert set(kind.base_url_for) <= set(kind.variables)

    def test_its_paths_are_of_known_apis_and_below_its_root(self, name: str) -> None:
        kind = kinds()[name]
        apis = {path.removesuffix("_stream").removesuffix("_count") for path in kind.paths} - {
            "models"
        }
        assert apis
        assert apis <= set(API_NAMES)
        assert apis <= set(kind.paths)  # no stream without its plain form
        for path in kind.paths.values():
            assert re.fullmatch(r"/?(/[a-z0-9_.{}:-]+)+(\?[a-z0-9_=&{}-]+)?", path, re.IGNORECASE)
            assert path.startswith("//") or not kind.root or not path.startswith(kind.root)
            assert placeholders(path) <= PLACES
        assert "{" not in kind.paths.get("models", "")

    def test_its_variables_can_be_supplied(self, name: str) -> None:
        """Each placeholder is declared, and nothing is declared that has no place."""
        kind = kinds()[name]
        used = placeholders(kind.base_url).union(*map(placeholders, kind.paths.values()))
        assert used - {"model"} == set(kind.variables) <= set(VARIABLES)
        assert set(kind.variable_env) | set(kind.variable_default) <= set(kind.variables)
        usual = chain.from_iterable(kind.variable_env.values())
        for variable in [*kind.key_env, *kind.base_url_env, *usual]:
            assert re.fullmatch(r"[A-Z][A-Z0-9_]+", variable)

    def test_its_choices_are_of_what_it_serves(self, name: str) -> None:
        kind = kinds()[name]
        served = kind.served()
        assert sorted(served) == sorted(set(kind.paths) & set(API_NAMES))
        assert served[: len(kind.targets)] == kind.targets
        for rule in kind.serves:
            assert rule.match
            assert set(rule.apis) <= set(served)

    def test_its_words_are_of_the_vocabulary(self, name: str) -> None:
        kind = kinds()[name]
        for words in (kind.capabilities, kind.drops, kind.models, kind.key_env):
            assert len(set(words)) == len(words)
        assert set(kind.capabilities) <= CAPABILITIES
        assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", loss) for loss in kind.drops)
        assert re.fullmatch(r"[a-z0-9-]*", kind.session_header)
        assert kind.auth.scheme != "sigv4" or kind.auth.service

    def test_its_edits_are_whole(self, name: str) -> None:
        """Each says what it needs and nothing else."""
        kind = kinds()[name]
        needs = {"rename": {"to"}, "drop": set(), "default": {"value"}, "set": {"value"}}
        for edit in kind.edits:
            assert edit.field
            assert edit.api in ("", *kind.served())
            given = {
                field
                for field, empty in (("to", ""), ("value", None), ("min", None), ("max", None))
                if getattr(edit, field) != empty
            }
            if edit.op == "clamp":
                assert given
                assert given <= {"min", "max"}
            else:
                assert given == needs[edit.op]

    def test_its_headers_are_header_lines(self, name: str) -> None:
        kind = kinds()[name]
        for header, value in [*kind.headers.items(), (kind.auth.header, kind.auth.prefix)]:
            assert re.fullmatch(r"[a-z0-9-]+", header)
            assert value.isprintable()

    def test_its_key_is_found_sent_and_missed(self, name: str) -> None:
        """Where a key is needed its variables are known, and a missing one is a problem."""
        kind = kinds()[name]
        provider = provider_of(name)
        line = f"{kind.auth.header}: {kind.auth.prefix}{KEY}\r\n".encode()
        assert bool(kind.key_env) >= kind.key_required
        assert bool(kind.key_env) >= kind.appears
        for variable in kind.key_env:
            made = endpoint("p", provider, {variable: KEY})
            assert (made.auth, made.scheme, made.key_lines) == ("key", "header", line)
            assert made.key_pool == (line,)
        bare = Provider(kind=name)
        missed = [problem.key for problem in check(Settings(providers={"p": bare}), {})]
        assert ("providers.p.api_key" in missed) == kind.key_required
        assert ("providers.p.base_url" in missed) == (not kind.base_url)
        for variable in kind.variables:
            needed = variable not in kind.variable_default
            assert (f"providers.p.{variable}" in missed) == needed

    def test_its_endpoint_is_ready_to_be_joined(self, name: str) -> None:
        kind = kinds()[name]
        made = endpoint("p", provider_of(name, api_key=KEY), {})
        assert list(made.served) == kind.served()
        assert set(made.paths) == set(kind.paths) - {"models"}
        for path in made.paths.values():
            assert placeholders(path) <= {"model"}
            assert path.isascii()
        for api, line in made.request_lines.items():
            assert line == made.path_of(api).encode()
            assert re.fullmatch(rb"(/[A-Za-z0-9_.:-]+)+", line)
        for block in (made.key_lines, made.host_line):
            assert re.fullmatch(rb"[a-z-]+: [^\r\n{}]+\r\n", block)
        assert made.models == tuple(kind.models)
        assert bool(made.models_path) == ("models" in kind.paths)
        assert KEY not in repr(made)

    def test_every_model_that_it_offers_has_an_api(self, name: str) -> None:
        made = endpoint("p", provider_of(name, api_key=KEY), {})
        for model in made.models:
            assert made.apis_for(model)

    async def test_each_api_takes_a_call_through_the_gateway(self, name: str) -> None:
        """With the provider's own path, host and key, and none of the caller's."""
        kind = kinds()[name]
        async with ScriptedUpstream() as upstream:
            address = upstream.base_url if has_socket(kind) else ""
            provider = provider_of(name, address, KEY)
            made = endpoint("p", provider, {})
            settings = Settings(
                server=Server(port=0),
                providers={"p": provider},
                cache=Cache(mode="off"),
                log=Log(access="off"),
            )
            gateway = Gateway(settings)
            await gateway.start()
            try:
                async with await RawClient.connect(gateway.port) as client:
                    for number, api in enumerate(sorted(set(made.served) & set(APIS))):
                        upstream.reply(replies.sized(b'{"model":"m"}'))
                        model = model_for(made, api)
                        body = BODIES.get(api, CONVERSATION)
                        client.send(
                            request(
                                APIS[api].shown_path.replace("{model}", model),
                                body.replace(b'"model":"m"', b'"model":"%b"' % model.encode()),
                                headers=[("Authorization", "Bearer caller"), ("X-Api-Key", "c")],
                            )
                        )
                        reply = await client.read_reply()
                        assert reply.status == 200, reply.body
                        if has_socket(kind):
                            seen = (await upstream.request(number)).head
                            path = made.path_of(api).replace("{model}", quote(model, safe=""))
                            assert seen.start == f"POST {path} HTTP/1.1"
                            assert seen.value("host") == f"127.0.0.1:{upstream.port}"
                            assert seen.value(kind.auth.header) == kind.auth.prefix + KEY
                            assert "caller" not in str(seen.headers)
                            for header, value in kind.headers.items():
                                assert seen.value(header) == value
            finally:
                await gateway.stop(drain_s=0)
