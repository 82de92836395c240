"""A configured provider as an endpoint: everything of it that a call needs, ready as bytes.

Computed once per configuration, of a provider's table, its kind and the environment; a call only
joins what is here. Nothing here judges a configuration: ``catalog.check`` has done that before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from lynkr.config.settings import Provider
from lynkr.providers.edits import Edits, selected
from lynkr.providers.kinds import VARIABLES, Cache, Edit, Kind, Scheme, Serve, kinds
from lynkr.providers.models import ModelFacts, Own, facts

# Headers in which keys travel, towards us and towards providers.
CREDENTIAL_HEADERS = (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key")

# Paths of APIs below the root, for endpoints that serve more than their kind usually does.
USUAL_PATHS = {
    "messages": "/messages",
    "count_tokens": "/messages/count_tokens",
    "chat": "/chat/completions",
    "responses": "/responses",
    "embeddings": "/embeddings",
    "gemini": "/models/{model}:generateContent",
    "gemini_stream": "/models/{model}:streamGenerateContent?alt=sse",
    "converse": "/model/{model}/converse",
    "converse_stream": "/model/{model}/converse-stream",
}
_PORTS = {"https": 443, "http": 80}
_PLACEHOLDER = re.compile(r"\{(" + "|".join(VARIABLES) + r")\}")


class Origin(msgspec.Struct, frozen=True):
    """Where connections go; equal origins share a pool."""

    scheme: str  # http | https | demo
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Endpoint(msgspec.Struct, frozen=True):
    """A configured provider, ready to be called."""

    name: str
    kind: str
    origin: Origin
    auth: Literal["key", "client", "none"]  # "key" is its own credential, of whatever scheme
    key_lines: bytes  # credential header lines, when there is a key
    request_lines: dict[str, bytes]  # api -> path, of those that are the same for every model
    host_line: bytes
    default_headers: tuple[tuple[bytes, bytes], ...]  # lower name, whole line; sent if absent
    forced_headers: tuple[tuple[bytes, bytes], ...]  # lower name, whole line; replace the client's
    aliases: dict[str, str]
    models: tuple[str, ...]
    models_path: str  # "" when the provider lists none
    key_pool: tuple[bytes, ...] = ()  # credential header lines of each key; key_lines is the first
    key_header: bytes = b"authorization"  # where the provider looks for a key
    key_prefix: bytes = b"Bearer "
    scheme: Scheme = "header"  # how calls are authorized: not "header" when there is no key
    service: str = ""  # the name that an AWS signature is made for
    region: str = ""
    paths: dict[str, str] = {}  # api, or api and "_stream" -> path; "{model}" is left in it
    served: tuple[str, ...] = ()  # APIs, the preferred ones first
    serves: tuple[Serve, ...] = ()  # which of them a model has; the first match counts
    capabilities: frozenset[str] = frozenset()  # of every model here
    drops: frozenset[str] = frozenset()  # names of losses that are tolerated here
    edits: tuple[Edit, ...] = ()
    cache: Cache | None = None
    reworded: bool = False  # cache.mode "auto" is semantic here
    session_header: bytes = b""  # keeps a session on one of the provider's machines
    missing_signature: str = ""  # stands in for a thought signature that nobody has
    own_models: Own = {}  # the operator's word on models

    def __repr__(self) -> str:
        # The generated one would show keys.
        return f"Endpoint({self.name!r}, {self.kind!r}, {self.origin})"

    def apis_for(self, model: str) -> tuple[str, ...]:
        """The APIs that a model is served by, the preferred ones first."""
        for rule in self.serves:
            if fnmatchcase(model, rule.match):
                return tuple(api for api in rule.apis if api in self.served)
        return self.served

    def path_of(self, api: str) -> str:
        """The path of an API, or of its streamed calls ("gemini_stream") where these have one of
        their own; "" if there is none. A ``{model}`` in it is the caller's to fill."""
        return self.paths.get(api, "")

    def facts(self, model: str) -> ModelFacts | None:
        return facts(self.kind, model, self.own_models)

    def knows(self, model: str) -> bool:
        """Whether the model is one of this kind of provider's own, by its name."""
        known = self.facts(model)
        return known is not None and known.id != "*"

    def capabilities_for(self, model: str) -> frozenset[str]:
        """What an encoder may count on."""
        known = self.facts(model)
        return self.capabilities | known.capabilities if known is not None else self.capabilities

    def output_limit(self, model: str) -> int | None:
        known = self.facts(model)
        return known.output_tokens_max if known is not None else None

    def edits_for(self, api: str, model: str) -> Edits | None:
        """The edits that a body needs here; ``None`` is the usual case."""
        return selected(self.edits, api, model)


def endpoint(
    name: str, provider: Provider, environ: Mapping[str, str], own: Own | None = None
) -> Endpoint:
    """The endpoint of one provider table. The table has passed ``check``."""
    kind = kinds()[provider.kind]
    values = variables(provider, kind, environ)
    origin, prefix = _base(base_url(provider, kind, environ), kind.root)
    keys = keys_of(provider, kind, environ)
    scheme: Scheme = "header" if keys else kind.auth.scheme
    auth: Literal["key", "client", "none"] = "key"
    if provider.auth in ("client", "none"):
        auth, keys, scheme = ("client" if provider.auth == "client" else "none"), [], "header"
    elif not keys and scheme == "header":
        auth = "none"
    served = tuple(dict.fromkeys(provider.apis or kind.served()))
    paths = {}
    for api in served:
        templates = kind.paths if api in kind.paths else USUAL_PATHS
        for form in (api, f"{api}_stream", f"{api}_count"):
            if form in templates:
                paths[form] = filled(_joined(prefix, templates[form]), values)
    header, before = kind.auth.header, kind.auth.prefix
    pool = tuple(f"{header}: {before}{key}\r\n".encode() for key in keys)
    return Endpoint(
        name=name,
        kind=provider.kind,
        origin=origin,
        auth=auth,
        key_lines=pool[0] if pool else b"",
        request_lines={
            api: path.encode()
            for api in served
            if (path := paths.get(api, "")) and "{" not in path and "?" not in path
        },
        host_line=f"host: {_host(origin)}\r\n".encode(),
        default_headers=_lines(kind.headers),
        forced_headers=_lines(provider.headers),
        aliases=dict(provider.models),
        models=tuple(kind.models),
        models_path=_joined(prefix, kind.paths["models"]) if "models" in kind.paths else "",
        key_pool=pool,
        key_header=header.encode(),
        key_prefix=before.encode(),
        scheme=scheme,
        service=kind.auth.service if scheme == "sigv4" else "",
        region=values.get("region", ""),
        paths=paths,
        served=served,
        serves=() if provider.apis else tuple(kind.serves),
        capabilities=frozenset(provider.capabilities or kind.capabilities),
        drops=frozenset([*kind.drops, *provider.drops]),
        edits=tuple(kind.edits),
        cache=kind.cache,
        reworded=kind.reworded,
        session_header=kind.session_header.encode(),
        missing_signature=kind.missing_signature,
        own_models=own or {},
    )


def keys_of(provider: Provider, kind: Kind, environ: Mapping[str, str]) -> list[str]:
    """The provider's own keys: the file's, else the first usual variable that is set."""
    if provider.api_keys:
        return list(provider.api_keys)
    key = provider.api_key or next((environ[v] for v in kind.key_env if environ.get(v)), "")
    return [key] if key else []


def variables(provider: Provider, kind: Kind, environ: Mapping[str, str]) -> dict[str, str]:
    """What the placeholders of a kind stand for: the file's word, a usual variable, the default."""
    values = {}
    for name in kind.variables:
        given: str = getattr(provider, name)
        usual = (environ[v] for v in kind.variable_env.get(name, ()) if environ.get(v))
        values[name] = given or next(usual, kind.variable_default.get(name, ""))
    return values


def base_url(provider: Provider, kind: Kind, environ: Mapping[str, str]) -> str:
    """The address of a provider, "" if it has none: the file's, a usual variable's, the kind's."""
    if provider.base_url:
        return provider.base_url
    # What the file says of the usual address counts more than an address in the environment.
    if not any(getattr(provider, name) for name in _PLACEHOLDER.findall(kind.base_url)):
        for variable in kind.base_url_env:
            if given := environ.get(variable, ""):
                return given if "://" in given else f"https://{given}"
    values = variables(provider, kind, environ)
    template = kind.base_url
    for name, special in kind.base_url_for.items():
        template = special.get(values.get(name, ""), template)
    return filled(template, values)


def missing(provider: Provider, kind: Kind, environ: Mapping[str, str]) -> list[str]:
    """The placeholders that stay open: nothing says what they are."""
    values = variables(provider, kind, environ)
    open_ones = _PLACEHOLDER.findall(base_url(provider, kind, environ))
    for api in provider.apis or kind.served():
        open_ones += _PLACEHOLDER.findall(kind.paths.get(api, ""))
    return [name for name in dict.fromkeys(open_ones) if not values.get(name)]


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its placeholders replaced, but for ``{model}`` and what nobody has said."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1]) or found[0], template)


def _joined(prefix: str, path: str) -> str:
    """A path below the base; one that begins with two slashes is below the host."""
    return path[1:] if path.startswith("//") else prefix + path


def _base(url: str, root: str) -> tuple[Origin, str]:
    """Origin and path prefix of a base URL. A URL without a path gets the kind's usual root."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    path = parts.path.rstrip("/")
    return Origin(parts.scheme, parts.hostname or "", port), path or root


def _host(origin: Origin) -> str:
    """The host header's value; the usual port of a scheme is not named (RFC 9110, 7.2)."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == _PORTS.get(origin.scheme) else f"{host}:{origin.port}"


def _lines(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((k.lower().encode(), f"{k}: {v}\r\n".encode()) for k, v in headers.items())
