"""The provider catalog, and the endpoints that a configuration makes of it.

Everything here is computed once per configuration: an ``Endpoint`` is a provider with its origin,
request lines and credential ready as bytes, so that a call only joins them.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from lynkr.config.settings import Provider, Settings
from lynkr.errors import ConfigError, Problem
from lynkr.wire.apis import APIS

CREDENTIAL_HEADERS = (b"authorization", b"x-api-key")


class KeyHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    header: str
    prefix: str


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of ``catalog.toml``."""

    title: str
    base_url: str
    root: str
    auth: KeyHeader
    key_env: list[str]
    key_required: bool
    paths: dict[str, str]
    checked: str
    models: list[str] = []
    headers: dict[str, str] = {}


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
    auth: Literal["key", "client", "none"]
    key_lines: bytes  # credential header lines, when auth is "key"
    request_lines: dict[str, bytes]  # api -> path at the upstream, without query
    host_line: bytes
    default_headers: tuple[tuple[bytes, bytes], ...]  # lower name, whole line; sent if absent
    forced_headers: tuple[tuple[bytes, bytes], ...]  # lower name, whole line; replace the client's
    aliases: dict[str, str]
    models: tuple[str, ...]
    models_path: str  # "" when the provider lists none


@functools.cache
def kinds() -> dict[str, Kind]:
    """The shipped catalog."""
    raw = tomllib.loads(resources.files(__package__).joinpath("catalog.toml").read_text("utf-8"))
    return msgspec.convert(raw, dict[str, Kind])


def _base(url: str, root: str) -> tuple[Origin, str]:
    """Origin and path prefix of a base URL. A URL without a path gets the kind's usual root."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    path = parts.path.rstrip("/")
    return Origin(parts.scheme, parts.hostname or "", port), path or root


def _lines(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((k.lower().encode(), f"{k}: {v}\r\n".encode()) for k, v in headers.items())


def endpoint(name: str, provider: Provider, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint of one provider table. The table has passed ``check``."""
    kind = kinds()[provider.kind]
    origin, prefix = _base(provider.base_url or kind.base_url, kind.root)
    key = _key(provider, kind, environ)
    auth: Literal["key", "client", "none"]
    if provider.auth in ("client", "none"):
        auth, key = ("client" if provider.auth == "client" else "none"), ""
    else:
        auth = "key" if key else "none"
    default_port = {"https": 443, "http": 80}.get(origin.scheme)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if origin.port != default_port:
        host = f"{host}:{origin.port}"
    served = provider.apis or [api for api in kind.paths if api in APIS]
    return Endpoint(
        name=name,
        kind=provider.kind,
        origin=origin,
        auth=auth,
        key_lines=f"{kind.auth.header}: {kind.auth.prefix}{key}\r\n".encode() if key else b"",
        request_lines={
            api: (prefix + kind.paths.get(api, _usual_path(api))).encode() for api in served
        },
        host_line=f"host: {host}\r\n".encode(),
        default_headers=_lines(kind.headers),
        forced_headers=_lines(provider.headers),
        aliases=dict(provider.models),
        models=tuple(kind.models),
        models_path=prefix + kind.paths["models"] if "models" in kind.paths else "",
    )


def _key(provider: Provider, kind: Kind, environ: Mapping[str, str]) -> str:
    """The provider's own key: the file's, else the first usual variable that is set."""
    return provider.api_key or next((environ[v] for v in kind.key_env if environ.get(v)), "")


def _usual_path(api: str) -> str:
    """Path of an API below ``/v1``, for endpoints that serve more than their kind usually does."""
    return APIS[api].path.decode().removeprefix("/v1")


def discover(environ: Mapping[str, str]) -> dict[str, Provider]:
    """Providers that the environment offers when no file names any: one per key found."""
    return {
        name: Provider(kind=name)
        for name, kind in kinds().items()
        if any(environ.get(variable) for variable in kind.key_env)
    }


def looked_for() -> list[str]:
    """The environment variables that ``discover`` looks at."""
    return [variable for kind in kinds().values() for variable in kind.key_env]


def check(settings: Settings, environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the providers, beyond what their types can say."""
    problems = []
    for name, provider in settings.providers.items():
        at = f"providers.{name}"
        kind = kinds().get(provider.kind)
        if kind is None:
            problems.append(
                Problem(
                    f"{at}.kind",
                    "unknown kind",
                    f"one of: {', '.join(sorted(kinds()))}",
                    provider.kind,
                )
            )
            continue
        if not provider.base_url and not kind.base_url:
            problems.append(
                Problem(
                    f"{at}.base_url",
                    f"kind {provider.kind!r} has no usual address",
                    'set base_url, as in "http://127.0.0.1:11434/v1"',
                )
            )
        for api in provider.apis:
            if api not in APIS:
                problems.append(
                    Problem(f"{at}.apis", "unknown API", f"one of: {', '.join(APIS)}", api)
                )
        key = _key(provider, kind, environ)
        wants_key = provider.auth == "key" or (
            not provider.auth and kind.key_required and not provider.base_url
        )
        if wants_key and not key:
            where = f"set {' or '.join(kind.key_env)}" if kind.key_env else "set api_key"
            problems.append(
                Problem(
                    f"{at}.api_key",
                    "no credential for this provider",
                    f'{where}, or auth = "client" to pass the caller\'s own on',
                )
            )
        if re.search(r"[\x00-\x1f\x7f]", key):
            problems.append(
                Problem(
                    f"{at}.api_key",
                    "the key has a line end or another control character",
                    "check how the variable or the file is written; the key itself has none",
                )
            )
        elif not key.isascii():
            problems.append(
                Problem(f"{at}.api_key", "the key is not plain ASCII", "copy it once more")
            )
        for alias, model in provider.models.items():
            if not alias or not model or re.search(r"[\x00-\x1f]", alias + model):
                problems.append(
                    Problem(
                        f"{at}.models",
                        "an alias or model name is empty or has control characters",
                        "use the model's plain name",
                        alias,
                    )
                )
    return problems


def endpoints(settings: Settings, environ: Mapping[str, str]) -> dict[str, Endpoint]:
    """Every provider of a configuration, in its order. Raises ``ConfigError``."""
    problems = check(settings, environ)
    if problems:
        raise ConfigError(problems)
    providers = settings.providers or discover(environ) or {"demo": Provider(kind="demo")}
    default = settings.routing.default.partition(":")[0]
    if default and default not in providers:
        raise ConfigError(
            [
                Problem(
                    "routing.default",
                    "no provider of that name",
                    f"one of: {', '.join(providers)}",
                    settings.routing.default,
                )
            ]
        )
    return {name: endpoint(name, provider, environ) for name, provider in providers.items()}
