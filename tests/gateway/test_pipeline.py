"""A request's way to its upstream, phase by phase and in memory: what is asked, and of whom."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lynkr._native.inbound import Inbound
from lynkr._native.outbound import Outbound
from lynkr._native.requests import InboundRequest
from lynkr.config.settings import Auth, Key, Limits, Provider, Settings, Upstream
from lynkr.errors import GatewayError
from lynkr.gateway import pipeline
from lynkr.gateway.exchange import Exchange
from lynkr.gateway.rules import Rules
from lynkr.gateway.writing import write
from lynkr.policies.access import ANONYMOUS, digest
from lynkr.server.front import inbound_limits
from lynkr.upstream.pool import Pool
from lynkr.wire.apis import BY_PATH
from tests.harness import http1
from tests.harness.client import request

BODY = b'{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[]}'
KEYS = [Key(name="ada", digest=digest("gw-ada")), Key(name="bob", digest=digest("gw-bob"))]
RING = Auth(required=True, keys=KEYS)
Headers = list[tuple[str, str]]


class MemoryTransport(asyncio.Transport):
    """A client, or an upstream, that takes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Kept:
    """The handler of an ``Inbound`` that keeps the requests, and the desk of the calls."""

    hot = BY_PATH

    def __init__(self) -> None:
        self.requests: list[InboundRequest] = []
        self.settled_calls: list[Exchange] = []
        self.crashes: list[BaseException] = []

    def head(self, inbound: Inbound, request: InboundRequest) -> Exception | None:
        return None

    def shadow(self, *_given: object) -> None:
        raise AssertionError("no answer is kept here")

    def call(self, inbound: Inbound, request: InboundRequest) -> None:
        self.requests.append(request)

    cold = call

    def refused(self, inbound: Inbound, request: InboundRequest, error: Any) -> bytes:
        raise AssertionError(error)

    def refusal(
        self, inbound: Inbound, request: InboundRequest | None, status: int, kind: str, message: str
    ) -> bytes:
        raise AssertionError(message)

    def connected(self, inbound: Inbound) -> None: ...
    def lost(self, inbound: Inbound) -> None: ...

    def next_request_id(self) -> str:
        return "req_1"

    def opened(self, exchange: Exchange) -> None: ...

    def streaming(self, change: int) -> None: ...

    def settled(self, exchange: Exchange) -> None:
        self.settled_calls.append(exchange)

    def crashed(self, error: BaseException) -> None:
        self.crashes.append(error)


def received(
    body: bytes = BODY,
    headers: Headers | None = None,
    *,
    path: str = "/v1/messages",
    raw: bytes = b"",
    **more: Any,
) -> tuple[InboundRequest, Inbound, Kept]:
    """A request as it comes in, with its connection and its worker."""
    kept = Kept()
    inbound = Inbound(cast(Any, None), kept, inbound_limits(Limits()))
    inbound.connection_made(MemoryTransport())
    inbound.data_received(raw or request(path, body, headers=headers, **more))
    return kept.requests[0], inbound, kept


def never(*_: object) -> asyncio.Task[Outbound]:
    raise AssertionError("nothing is dialled")


def rules(*, auth: Auth | None = None, kind: str = "anthropic", **provider: Any) -> Rules:
    given: dict[str, Any] = {"kind": kind, "api_key": "sk-provider", **provider}
    return Rules(
        Settings(providers={"main": Provider(**given)}, auth=auth or Auth()),
        {},
        Pool(Upstream(), never, lambda: 0.0),
    )


def exchange(rules: Rules, *args: Any, **more: Any) -> Exchange:
    one, inbound, kept = received(*args, **more)
    return Exchange(kept, rules, inbound, one)


def token(model: str) -> bytes:
    """A model's name as it stands in a body."""
    return json.dumps(model, ensure_ascii=False).encode()


def written(rules: Rules, *args: Any, **more: Any) -> tuple[http1.Head, bytes]:
    """The upstream's head and body."""
    call = exchange(rules, *args, **more)
    pipeline.read(call)
    pipeline.route(call)
    write(call)
    return http1.parse_head(call.head), call.body


# --- admit --------------------------------------------------------------------------------------

ADMITTED: list[tuple[Headers, str]] = [
    ([("x-api-key", "gw-ada")], "ada"),
    ([("Authorization", "Bearer gw-bob")], "bob"),
    ([("authorization", "bearer  gw-bob ")], "bob"),
    ([("X-Lynkr-Key", "gw-ada")], "ada"),
    ([("x-lynkr-key", "gw-ada"), ("authorization", "Bearer sk-own")], "ada"),
    ([("x-api-key", "sk-own"), ("authorization", "Bearer gw-bob")], "bob"),
    ([("x-lynkr-key", "no"), ("x-api-key", "gw-bob")], "bob"),
]


@pytest.mark.parametrize(("headers", "name"), ADMITTED)
def test_a_key_is_found_wherever_clients_put_it(headers: Headers, name: str) -> None:
    for required in (True, False):
        one, _, _ = received(headers=headers)
        ring = rules(auth=Auth(required=required, keys=KEYS))
        assert pipeline.admit(ring, one).name == name


REFUSED: list[tuple[Headers, str]] = [
    ([], "missing_key"),
    ([("authorization", "Basic Z3ctYWRh")], "missing_key"),
    ([("x-api-key", "gw-eve")], "invalid_key"),
    ([("x-api-key", "")], "invalid_key"),
    ([("authorization", "Bearer gw-ad")], "invalid_key"),
    ([("cookie", "x-api-key=gw-ada")], "missing_key"),
]


@pytest.mark.parametrize(("headers", "kind"), REFUSED)
def test_without_a_key_of_the_gateway_nobody_gets_in(headers: Headers, kind: str) -> None:
    one, _, _ = received(headers=headers)
    with pytest.raises(GatewayError) as caught:
        pipeline.admit(rules(auth=RING), one)
    assert (caught.value.kind, caught.value.status, caught.value.source) == (kind, 401, "client")
    assert caught.value.hint
    assert pipeline.admit(rules(auth=Auth(required=False, keys=KEYS)), one) is ANONYMOUS


def test_a_gateway_without_keys_knows_nobody() -> None:
    one, _, _ = received(headers=[("x-api-key", "gw-ada")])
    assert pipeline.admit(rules(), one) is ANONYMOUS


# --- read ---------------------------------------------------------------------------------------

READ = [
    (BODY, b'"claude-sonnet-4-5"', False),
    (b'{"stream":true,"model":"m"}', b'"m"', True),
    (b'{"stream" : false ,"model"\n:"m\\n"}', b'"m\\n"', False),
    (b'{"stream":"true","model":"m"}', b'"m"', False),
    (b'{"stream":null,"model":"m"}', b'"m"', False),
    (b'{"stream":1}', b"", False),
    (b'{"messages":[{"model":"no","stream":true}]}', b"", False),
    (b'{"model":7}', b"7", False),
    (b'{"mod\\u0065l":"m","stream":true}', b'"m"', True),
    (b'{"\\"":1,"model":"Gr\xc3\xbc\xc3\x9f","str\\u0065am":true}', '"Grüß"'.encode(), True),
    (b'{"mod\\u0065l":7}', b"", False),
    (b"", b"", False),
    (b"null", b"", False),
    (b"<html>", b"", False),
    (b'{"model":"m"', b"", False),
    (b'{"mod\\u0065l":"\xff"}', b"", False),
]


@pytest.mark.parametrize(("body", "token", "stream"), READ)
def test_the_body_says_which_model_and_whether_to_stream(
    body: bytes, token: bytes, stream: bool
) -> None:
    """Anything that is no JSON object goes on as it is: the provider answers it."""
    call = exchange(rules(), body)
    pipeline.read(call)
    assert (call.model_token, call.stream, call.original) == (token, stream, body)


def test_a_body_that_no_parser_takes_goes_on_as_it_is() -> None:
    body = b'{"mod\\u0065l":"m","x":' + b"[" * 5000 + b"]" * 5000 + b"}"
    call = exchange(rules(), body)
    pipeline.read(call)
    assert call.original == body


# --- write: the body ----------------------------------------------------------------------------

ALIASES = rules(models={"fast": "claude-haiku-4-5", "Grüß": 'a"b\\☃'})

RENAMED = [
    (b'{"model":"fast","x":1}', b'{"model":"claude-haiku-4-5","x":1}'),
    (
        b'\n{ "x":"fast" ,\t"model" : "fast" }\r\n',
        b'\n{ "x":"fast" ,\t"model" : "claude-haiku-4-5" }\r\n',
    ),
    (b'{"model":"other","model":"fast"}', b'{"model":"other","model":"claude-haiku-4-5"}'),
    (b'{"model":"f\\u0061st"}', b'{"model":"claude-haiku-4-5"}'),
    (b'{"model":"main:fast"}', b'{"model":"claude-haiku-4-5"}'),
    (b'{"model":"main:claude-x"}', b'{"model":"claude-x"}'),
    ('{"model":"Grüß"}'.encode(), '{"model":"a\\"b\\\\☃"}'.encode()),
    (b'{"x":"\xff\xfe","model":"fast"}', b'{"x":"\xff\xfe","model":"claude-haiku-4-5"}'),
    (
        b'{"m":[{"model":"fast"}],"model":"fast"}',
        b'{"m":[{"model":"fast"}],"model":"claude-haiku-4-5"}',
    ),
    (b'{"model":"claude-x","y":"fast"}', b'{"model":"claude-x","y":"fast"}'),
    (b'{"model":"FAST"}', b'{"model":"FAST"}'),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), RENAMED)
def test_an_alias_changes_the_models_bytes_and_no_other(body: bytes, expected: bytes) -> None:
    head, sent = written(ALIASES, body)
    assert sent == expected
    assert head.content_length == len(expected)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6), st.booleans())
@settings(max_examples=50, deadline=None)
def test_any_other_member_survives_an_alias(members: dict[str, str], ascii_only: bool) -> None:
    body = json.dumps({**members, "model": "fast"}, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    renamed = b'"claude-haiku-4-5"'
    try:
        _, sent = written(ALIASES, body)
    except GatewayError as error:
        assert error.kind == "unreadable_model"
        assert b"\\" in body  # a key with an escape cannot be told from the model's own
        return
    at = sent.index(renamed)
    assert sent[:at] + b'"fast"' + sent[at + len(renamed) :] == body


def test_an_alias_that_cannot_be_replaced_is_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        written(ALIASES, b'{"mod\\u0065l":"fast"}')
    assert (caught.value.status, caught.value.field) == (400, "model")
    # Without an alias the same body passes, byte for byte.
    assert written(rules(), b'{"mod\\u0065l":"m"}')[1] == b'{"mod\\u0065l":"m"}'


# --- write: the head ----------------------------------------------------------------------------


def test_the_head_is_the_clients_own_with_the_providers_address_and_key() -> None:
    headers = [
        *(("User-Agent", "claude-cli/2"), ("anthropic-VERSION", "2023-06-01"), ("X-App", "cli")),
        *(("accept-encoding", "gzip, br"), ("anthropic-beta", "a,b"), ("anthropic-beta", "c")),
        *(("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("TE", "trailers")),
        *(("X-Forwarded-For", "10.0.0.1"), ("X-Lynkr-Key", "k"), ("Proxy-Authorization", "x")),
        *(("Authorization", "Bearer own"), ("X-Api-Key", "own")),
    ]
    head, body = written(
        rules(base_url="http://h:81/x"), headers=headers, path="/v1/messages?beta=true"
    )
    assert head.start == "POST /x/messages?beta=true HTTP/1.1"
    assert sorted(head.headers) == sorted(
        [
            *(("host", "h:81"), ("x-api-key", "sk-provider"), ("User-Agent", "claude-cli/2")),
            *(("anthropic-VERSION", "2023-06-01"), ("X-App", "cli"), ("anthropic-beta", "a,b")),
            *(("accept-encoding", "gzip, br"), ("anthropic-beta", "c")),
            ("content-length", str(len(BODY))),
        ]
    )
    assert [value for name, value in head.headers if name == "anthropic-beta"] == ["a,b", "c"]
    assert body == BODY


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([], ["2023-06-01"]),
        ([("anthropic-version", "2024-01-01")], ["2024-01-01"]),
        ([("Anthropic-Version", "2024-01-01")], ["2024-01-01"]),
        ([("x-anthropic-version", "x")], ["2023-06-01"]),
        ([("x", "anthropic-version: y")], ["2023-06-01"]),
    ],
)
def test_a_default_header_is_for_clients_that_send_none(sent: Headers, expected: list[str]) -> None:
    head, _ = written(rules(), headers=sent)
    assert head.values("anthropic-version") == expected


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [("X-Team", "theirs")],
        [("x-team", "theirs"), ("Accept", "a"), ("X-TEAM", "again")],
        [("x-teams", "x-team: theirs")],
    ],
)
def test_a_forced_header_replaces_every_one_of_its_name(sent: Headers) -> None:
    head, _ = written(rules(headers={"X-Team": "ours"}), headers=sent)
    assert head.values("x-team") == ["ours"]
    kept = [pair for pair in sent if pair[0].lower() != "x-team"]
    assert [pair for pair in head.headers if pair in kept] == kept


def test_a_forced_header_comes_before_a_default_one() -> None:
    head, _ = written(rules(headers={"Anthropic-Version": "2030-01-01"}))
    assert head.values("anthropic-version") == ["2030-01-01"]


# --- write: credentials -------------------------------------------------------------------------

OWN: list[tuple[Headers, Headers]] = [
    ([("authorization", "Bearer sk-own")], [("authorization", "Bearer sk-own")]),
    ([("x-api-key", "sk-own")], [("x-api-key", "sk-own")]),
    ([("Authorization", "Basic abc")], [("authorization", "Basic abc")]),
    ([("x-api-key", "gw-ada")], []),
    ([("authorization", "Bearer gw-ada")], []),
    ([("authorization", "bearer   gw-bob ")], []),
    ([("x-lynkr-key", "gw-ada")], []),
    (
        [("x-lynkr-key", "gw-ada"), ("authorization", "Bearer sk-own")],
        [("authorization", "Bearer sk-own")],
    ),
    ([("x-api-key", "gw-ada"), ("authorization", "Bearer sk-own")],
     [("authorization", "Bearer sk-own")]),
    ([("x-api-key", "sk-own"), ("authorization", "Bearer gw-bob")], [("x-api-key", "sk-own")]),
    ([("x-api-key", "gw-ada"), ("authorization", "Bearer gw-bob")], []),
]  # fmt: skip


def _credentials(head: http1.Head) -> Headers:
    return [pair for pair in head.headers if pair[0].lower() in ("authorization", "x-api-key")]


@pytest.mark.parametrize(("sent", "passed"), OWN)
def test_a_callers_own_credential_is_passed_on_and_a_gateways_key_never(
    sent: Headers, passed: Headers
) -> None:
    """Only where the provider says ``auth = "client"``; and a key of this gateway stays here."""
    head, _ = written(_own_rules(), headers=sent)
    assert _credentials(head) == passed
    assert "gw-" not in head.raw.decode()


def _own_rules(**provider: Any) -> Rules:
    given: dict[str, Any] = {"kind": "anthropic", "auth": "client", **provider}
    return Rules(
        Settings(providers={"main": Provider(**given)}, auth=RING),
        {},
        Pool(Upstream(), never, lambda: 0.0),
    )


@pytest.mark.parametrize("sent", [sent for sent, _ in OWN])
@pytest.mark.parametrize("mode", ["key", "none"])
def test_otherwise_no_credential_of_the_caller_leaves(sent: Headers, mode: str) -> None:
    ring = Rules(
        Settings(
            providers={"main": Provider(kind="anthropic", auth=cast(Any, mode), api_key="sk")}
        ),
        {},
        Pool(Upstream(), never, lambda: 0.0),
    )
    head, _ = written(ring, headers=sent)
    assert _credentials(head) == ([("x-api-key", "sk")] if mode == "key" else [])


def test_a_forced_credential_replaces_the_callers_own() -> None:
    head, _ = written(
        _own_rules(headers={"X-Api-Key": "forced"}), headers=[("x-api-key", "sk-own")]
    )
    assert head.values("x-api-key") == ["forced"]


def test_a_gateway_key_without_its_scheme_stays_here_too() -> None:
    head, _ = written(
        _own_rules(), headers=[("x-lynkr-key", "gw-ada"), ("authorization", "gw-ada")]
    )
    assert _credentials(head) == []


# --- run ----------------------------------------------------------------------------------------


def test_the_phases_have_an_order() -> None:
    names = [phase.__name__ for phase in pipeline.PHASES]
    assert names == [*("read", "route", "answer_side_call", "recall", "choose", "write", "send")]


def test_a_refusal_is_said_in_the_clients_dialect_and_settled() -> None:
    one, inbound, kept = received(b'{"model":7}')
    pipeline.run(Exchange(kept, rules(), inbound, one))
    transport = cast(MemoryTransport, inbound.transport)
    assert transport.written.startswith(b"HTTP/1.1 400 ")
    assert json.loads(transport.written.split(b"\r\n\r\n")[1])["type"] == "error"
    assert [call.error for call in kept.settled_calls] == ["invalid_model"]
    assert kept.crashes == []


def test_a_bug_of_ours_ends_one_call_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's other streams go on."""

    def broken(call: Exchange) -> None:
        raise LookupError("secret")

    monkeypatch.setattr(pipeline, "PHASES", (broken,))
    one, inbound, kept = received()
    pipeline.run(Exchange(kept, rules(), inbound, one))
    transport = cast(MemoryTransport, inbound.transport)
    assert transport.written.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in transport.written
    assert [type(error) for error in kept.crashes] == [LookupError]
    assert [call.error for call in kept.settled_calls] == ["internal_error"]
