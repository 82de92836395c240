"""The names under which answers are kept: whose, for which request, and among which questions.

A key is a digest of everything that shapes an answer: whose it is, the target, the dialect, the
headers that switch behaviour, and the whole body in canonical form without what only names or
transports the call. A partition is the same with the question cut out, so that nothing but the
question can differ between answers that are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from lynkr._native.canonical import canonical
from lynkr._native.headers import value_of
from lynkr._native.spans import Layout
from lynkr.policies.access import Principal
from lynkr.stores.answers import DIGEST_BYTES
from lynkr.transforms.attribution import HEADER

if TYPE_CHECKING:
    from lynkr._native.requests import InboundRequest
    from lynkr.gateway.rules import PlannedRoute

Shown = tuple[bytes | None, bytes | None]  # the values of authorization and x-api-key

EPOCH_BYTES_MAX = 256  # of what a client names
# Names of the call, of its caller and of prompt caches; how the reply travels. The model is the
# target's, which is part of the key by itself.
_NAMING = frozenset(
    (b"model", b"metadata", b"user", b"safety_identifier", b"prompt_cache_key",
     b"prompt_cache_retention", b"store", b"stream", b"stream_options", b"client_metadata")
)  # fmt: skip
# Embeddings and counts have no such fields but these.
_VOLATILE = {
    "messages": _NAMING - {b"store", b"user"},
    "count_tokens": frozenset((b"model", b"metadata")),
    "chat": _NAMING,
    "responses": _NAMING,
    "embeddings": frozenset((b"model", b"user")),
}
# Headers that change what a provider answers, or on whose account.
_SHAPING = (
    b"anthropic-version", b"anthropic-beta", b"openai-beta", b"openai-organization",
    b"openai-project",
)  # fmt: skip


def scope_of(principal: Principal, sharing: str, request: InboundRequest, *, lent: bool) -> bytes:
    """Whose answers a call may see. ``lent``: the provider is paid with the caller's own
    credential, so the caller is whoever holds it."""
    shown = (request.authorization, request.api_key) if lent else None
    return _scope(principal, sharing, shown)


def scopes_of(
    principal: Principal, sharing: str, shown: Shown, keys: Iterable[bytes]
) -> frozenset[bytes]:
    """Every scope that a caller may ask about: the principal's, and those of calls that the
    credentials which it presents now have paid for. ``shown``: as they stand in its headers;
    ``keys``: each by itself, because a tool may send it in the other header than its user does."""
    ways = {None, shown, (None, None)}
    for key in keys:
        ways |= {(b"Bearer " + key, None), (None, key)}
    return frozenset(_scope(principal, sharing, way) for way in ways)


def _scope(principal: Principal, sharing: str, lent: Shown | None) -> bytes:
    if sharing == "team" and principal.team:
        whose = "team\0" + principal.team
    elif principal.anonymous:
        whose = "anonymous\0"
    else:
        whose = "key\0" + principal.name
    if lent is None:
        return _scope_named(whose)
    digest = hashlib.blake2b(whose.encode(), digest_size=DIGEST_BYTES)
    for credential in lent:
        digest.update(b"\0" + hashlib.sha256(credential or b"").digest())
    return digest.digest()


@lru_cache(1024)
def _scope_named(whose: str) -> bytes:
    return hashlib.blake2b(whose.encode(), digest_size=DIGEST_BYTES).digest()


def epoch_of(configured: str, given: bytes = b"") -> str:
    """The configuration's epoch and the client's, as an answer has them."""
    return configured + "\n" + given[:EPOCH_BYTES_MAX].decode("latin-1")


def epochs_in(epoch: str) -> list[str]:
    """The two again."""
    return epoch.split("\n", 1)


class Names:
    """The digests of one request at one target. ``key`` is ``None`` for a body that is not
    understood."""

    __slots__ = ("_base", "_body", "_volatile", "key")

    def __init__(
        self,
        api: str,
        scope: bytes,
        epoch: str,
        model_dir: str,
        planned: PlannedRoute,
        request: InboundRequest,
        body: bytes,
        layout: Layout | None,
    ) -> None:
        target = (
            f"{api}\0{planned.provider}\0{planned.route.model}\0{planned.route.spoken}\0{epoch}"
            f"\n{model_dir}\0"
        )
        # Where it is, too: a provider's name may come to mean another place.
        place = planned.route.endpoint.host_line + planned.line
        base = [scope, target.encode("utf-8", "surrogatepass"), place, request.query]
        for name in _SHAPING:
            # The reader of heads has taken this one out already, for its own use.
            value = (
                request.anthropic_version
                if name == b"anthropic-version"
                else value_of(request.head, name)
            )
            base.append(b"\0-" if value is None else b"\0+" + value)
        self._base = b"".join(base)
        self._volatile = _VOLATILE[api]
        self._body = _unattributed(body, layout)
        whole = canonical(self._body, self._volatile)
        self.key = None if whole is None else self._digest(b"\0whole\0", whole)
        if self._body is not body:
            self._body = b""  # spans of the client's own body do not fit it

    def partition(self, question: tuple[int, int]) -> bytes | None:
        """The digest of everything but the question at this span."""
        rest = canonical(self._body, self._volatile, question) if self._body else None
        return None if rest is None else self._digest(b"\0question\0", rest)

    def _digest(self, what: bytes, data: bytes) -> bytes:
        digest = hashlib.blake2b(self._base + what, digest_size=DIGEST_BYTES)
        digest.update(data)
        return digest.digest()


def _unattributed(body: bytes, layout: Layout | None) -> bytes:
    """The body without Claude Code's attribution line, which differs with every thread."""
    if layout is None or not layout.system_blocks:
        return body
    span = layout.system_blocks[0].text
    if span is None or not body.startswith(HEADER, span[0]):
        return body
    # Its first line only: what follows in the same text is somebody's prompt.
    end = body.find(b"\\", span[0], span[1])
    return body[: span[0] + 1] + body[end if end >= 0 else span[1] - 1 :]
