"""What types cannot say: ranges, addresses, names that must exist, and the rule about open doors.

Pure: settings in, findings out. A finding knows its key but not its line; the loader adds that.
What a provider's ``kind`` and ``apis`` may be is the catalog's knowledge and is checked there.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from lynkr.config.encryption_key import parse_key
from lynkr.config.positions import KeyPath, dotted
from lynkr.config.settings import TIER_NAMES, TIER_PREFIX, Provider, Section, Settings

PORT_MAX = 65_535
WORKERS_MAX = 256  # more processes than any one host has cores to give to a gateway

_SHARED = ("redis://", "rediss://", "unix://")
_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.5: no CR, LF or NUL
# Set by the gateway for each connection; a fixed value would break the framing of the message.
_CONNECTION_HEADERS = {
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_TIERED = tuple(f"{TIER_PREFIX}{name}" for name in ("auto", *TIER_NAMES))
# Read so that a file may already carry them; nothing acts on them yet, and the operator is told so.
_WITHOUT_EFFECT = (
    ("memory", "enabled"),
    ("storage", "database_url"),
)


class Finding(NamedTuple):
    """A value of the right type that cannot be used. Never quotes the value: it may be a secret."""

    path: KeyPath
    reason: str
    fix: str
    given: tuple[KeyPath, ...] = ()  # other keys it was judged by; moot if one of those is broken


def validate(settings: Settings) -> list[Finding]:
    """Everything wrong with the settings, in the order of the tree."""
    return [
        *_numbers(settings),
        *_server(settings),
        *_proxy(settings.upstream.proxy),
        *_providers(settings.providers),
        *_routing(settings),
        *_routes(settings),
        *_auth(settings),
        *_cache(settings),
    ]


def without_effect(settings: Settings) -> list[str]:
    """A notice for each setting that was changed but that this version does not act on."""
    defaults = Settings()
    return [
        f"{section}.{name} is read but has no effect in this version"
        for section, name in _WITHOUT_EFFECT
        if getattr(getattr(settings, section), name) != getattr(getattr(defaults, section), name)
    ]


_MAY_BE_ZERO = (
    "drain_s", "breaker_failures", "retries_max", "retry_wait_s_max", "first_write_wait_s",
    "shadow_rate",
)  # fmt: skip


def _numbers(settings: Settings) -> Iterator[Finding]:
    for section in ("server", "limits", "upstream", "failover", "tokens", "cache", "log"):
        table: Section = getattr(settings, section)
        for field in msgspec.structs.fields(table):
            value = getattr(table, field.name)
            if field.type not in (int, float) or field.name in ("port", "workers"):
                continue
            may_be_zero = field.name in _MAY_BE_ZERO
            lowest = "zero or more" if may_be_zero else "more than zero"
            too_low = value < 0 if may_be_zero else value <= 0
            if too_low or not math.isfinite(value):
                yield Finding(
                    (section, field.encode_name),
                    f"must be a finite number, {lowest}",
                    f"the default is {field.default}",
                )
    if not 0 <= settings.server.port <= PORT_MAX:
        yield Finding(
            ("server", "port"), f"must be 0 to {PORT_MAX}", "0 asks the system for a free one"
        )
    if not 1 <= settings.server.workers <= WORKERS_MAX:
        yield Finding(
            ("server", "workers"), f"must be 1 to {WORKERS_MAX}", "one per core is plenty"
        )


def _server(settings: Settings) -> Iterator[Finding]:
    server, auth = settings.server, settings.auth
    if not _HOST.fullmatch(server.host):
        yield Finding(
            ("server", "host"),
            "is not an address or a host name",
            'give it alone, without scheme, port or brackets: "127.0.0.1"',
        )
    elif not is_loopback(server.host) and not auth.required:
        yield Finding(
            ("server", "host"),
            "others could reach this address: it needs auth.required = true and at least one key",
            "set auth.required = true and add an [[auth.keys]] table with the digest that"
            " `lynkr keys hash` prints, or listen on 127.0.0.1",
            given=(("auth", "required"), ("auth", "keys")),
        )
    if not server.state_dir:
        yield Finding(("server", "state_dir"), "is empty", 'the default is "~/.local/state/lynkr"')
    for index, text in enumerate(server.trusted_proxies):
        if text != "unix" and (fix := _network_fix(text)):
            path = ("server", "trusted_proxies", index)
            yield Finding(path, "is not an IP address or network", fix)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect. A name other than localhost may be anyone's."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _network_fix(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        try:
            whole = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return 'write it like "10.0.0.1" or "10.0.0.0/8"'
        return f'the network is "{whole}"'
    return ""


def url_fault(text: str) -> tuple[str, str] | None:
    """Why a text is not an http address to build on: reason and fix."""
    # urlsplit drops tabs and newlines in silence, so they are looked for first.
    if re.search(r"[\x00-\x20\x7f]", text):
        return "holds a blank or a control character", "remove it"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a valid address", 'write it like "https://host:8443/v1"'
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://", 'write it like "https://host:8443/v1"'
    if parts.netloc.endswith(":"):
        # Also what is left of a password with a slash in it: "http://user:/rest@host".
        return "has a colon without a port", 'write it like "https://host:8443/v1"'
    if not host:
        return "names no host", 'write it like "https://host:8443/v1"'
    return None


def _proxy(url: str) -> Iterator[Finding]:
    if url and (fault := url_fault(url)):
        yield Finding(("upstream", "proxy"), *fault)


def _providers(providers: dict[str, Provider]) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, provider in providers.items():
        path: KeyPath = ("providers", name)
        if not _PROVIDER_NAME.fullmatch(name):
            yield Finding(
                path,
                "is not a usable name for a provider",
                "begin with a-z or 0-9 and go on with a-z, 0-9, _ and -",
            )
        if provider.base_url:
            yield from _base_url((*path, "base_url"), provider.base_url)
        yield from _api_keys((*path, "api_keys"), provider)
        yield from _headers((*path, "headers"), provider.headers)
        for alias, model in provider.models.items():
            alias_path: KeyPath = (*path, "models", alias)
            if not alias or not model:
                yield Finding(
                    alias_path, "alias and model both need a name", '"fast" = "model-name"'
                )
            if alias in owners:
                yield Finding(
                    alias_path,
                    f"providers {owners[alias]} and {name} both have this alias",
                    "rename one of the two; a request that asks for it must mean one model",
                )
            owners.setdefault(alias, name)


def _base_url(path: KeyPath, url: str) -> Iterator[Finding]:
    if fault := url_fault(url):
        yield Finding(path, *fault)
        return
    if "@" in urlsplit(url).netloc:
        yield Finding(
            path,
            "holds credentials, which would end up in logs",
            'put the key in api_key = "${NAME}" and leave only the host here',
        )
    if "?" in url or "#" in url:
        yield Finding(
            path, "has a query or a fragment", "end it with the path; calls are appended to it"
        )


def _api_keys(path: KeyPath, provider: Provider) -> Iterator[Finding]:
    keys = provider.api_keys
    if keys and provider.api_key:
        yield Finding(path, "stands beside api_key", "put all of them here, or use api_key alone")
    if "" in keys:
        yield Finding((*path, keys.index("")), "is empty", 'write it like "${NAME}"')
    elif len(set(keys)) < len(keys):
        yield Finding(path, "has the same key twice", "give each key once")


def _headers(path: KeyPath, headers: dict[str, str]) -> Iterator[Finding]:
    spellings: dict[str, str] = {}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            yield Finding(
                (*path, name), "is not a header name", "use letters, digits and dashes only"
            )
        elif name.lower() in _CONNECTION_HEADERS:
            yield Finding((*path, name), "is set by the gateway for each connection", "remove it")
        elif name.lower() in spellings:
            yield Finding(
                (*path, name), f"is the same header as {spellings[name.lower()]}", "remove one"
            )
        if not _HEADER_VALUE.fullmatch(value):
            yield Finding(
                (*path, name),
                "its value holds a line break or a character that headers cannot carry",
                "use one line of plain text; a secret read from a file often ends in a line break",
            )
        spellings.setdefault(name.lower(), name)


def _routing(settings: Settings) -> Iterator[Finding]:
    # Without [providers] the environment's keys decide which exist; the catalog knows those.
    if not settings.providers:
        return
    routing = settings.routing
    if routing.default:
        yield from _target(settings, ("routing", "default"), routing.default, tiers=True)
    for tier in TIER_NAMES:
        chain = routing.chain(tier)
        several = isinstance(getattr(routing, tier), list)
        for index, target in enumerate(chain):
            path: KeyPath = ("routing", tier, index) if several else ("routing", tier)
            yield from _target(settings, path, target)
            if ":" not in target and target in settings.providers:
                yield Finding(path, "names no model", f'write "{target}:model"')
    unset = [tier for tier in TIER_NAMES if not routing.chain(tier)]
    if unset and len(unset) < len(TIER_NAMES):
        yield Finding(
            ("routing", unset[0]),
            "is not set, and tiers are used only when all four are",
            f"set {', '.join(unset)}, or none of the four",
            given=tuple(("routing", tier) for tier in TIER_NAMES),
        )
    for index, target in enumerate(routing.fallbacks):
        yield from _target(settings, ("routing", "fallbacks", index), target)


def _routes(settings: Settings) -> Iterator[Finding]:
    seen: dict[str, KeyPath] = {}
    for number, rule in enumerate(settings.routes):
        path: KeyPath = ("routes", number)
        if not rule.model:
            yield Finding((*path, "model"), "is empty", 'name a model, or "*" for all')
        if rule.model in seen:
            yield Finding(
                (*path, "model"),
                f"is the same as {dotted(seen[rule.model])}, which comes first",
                "join the two",
                given=(seen[rule.model],),
            )
        seen.setdefault(rule.model, (*path, "model"))
        if not rule.targets:
            yield Finding((*path, "targets"), "is empty", 'name at least one, as in ["main"]')
        if settings.providers:
            for index, target in enumerate(rule.targets):
                at: KeyPath = (*path, "targets", index)
                if target in _TIERED and len(rule.targets) > 1:
                    yield Finding(
                        at, "stands beside other targets", "name a tier alone: it is a chain itself"
                    )
                else:
                    yield from _target(settings, at, target, tiers=True)


def _target(
    settings: Settings, path: KeyPath, target: str, *, tiers: bool = False
) -> Iterator[Finding]:
    """A "provider" or "provider:model" of the file, or "lynkr/auto" where ``tiers`` may stand."""
    if tiers and target in _TIERED:
        if not settings.routing.tiered:
            yield Finding(
                path,
                "there are no tiers",
                "set routing.simple, medium, complex and reasoning",
                given=tuple(("routing", tier) for tier in TIER_NAMES),
            )
        return
    name, colon, model = target.partition(":")
    if name not in settings.providers:
        yield Finding(
            path,
            "no provider of that name",
            f'write "name" or "name:model"; configured: {", ".join(settings.providers)}',
            given=(("providers",),),
        )
    elif colon and not model:
        yield Finding(path, "names no model after the colon", f'write "{name}" or add the model')


def _auth(settings: Settings) -> Iterator[Finding]:
    auth = settings.auth
    if auth.required and not auth.keys:
        yield Finding(
            ("auth", "required"),
            "nobody could call: there are no keys",
            "add an [[auth.keys]] table with the digest that `lynkr keys hash` prints",
            given=(("auth", "keys"),),
        )
    first: dict[tuple[str, str], KeyPath] = {}
    for index, key in enumerate(auth.keys):
        path: KeyPath = ("auth", "keys", index)
        if not key.name:
            yield Finding((*path, "name"), "is empty", "give each key a name of its own")
        if not _DIGEST.fullmatch(key.digest):
            yield Finding(
                (*path, "digest"),
                "is not sha256: and 64 lower-case hex digits",
                "paste what `lynkr keys hash` prints for the key",
            )
        for field, value in (("name", key.name), ("digest", key.digest)):
            earlier = first.setdefault((field, value), (*path, field))
            if value and earlier != (*path, field):
                yield Finding(
                    (*path, field),
                    f"is the same as {dotted(earlier)}",
                    "give each key a name and a digest of its own",
                    given=(earlier,),
                )


def _cache(settings: Settings) -> Iterator[Finding]:
    cache = settings.cache
    for name in ("max_false_hit", "shadow_rate"):
        if getattr(cache, name) > 1:
            yield Finding(("cache", name), "is a share, from 0 to 1", "write 1 % as 0.01")
    for index, key in enumerate(settings.auth.keys):
        if key.max_false_hit is not None and not 0 < key.max_false_hit <= 1:
            yield Finding(
                ("auth", "keys", index, "max_false_hit"),
                "is a share, above 0 and at most 1",
                "write 1 % as 0.01",
            )
    if cache.judge and settings.providers:
        yield from _target(settings, ("cache", "judge"), cache.judge)
    if cache.encryption_key and not _is_key(cache.encryption_key):
        yield Finding(
            ("cache", "encryption_key"),
            "is not 32 bytes in hex or base64",
            "make one with `openssl rand -hex 32` and name a variable here",
        )
    url = settings.storage.shared_url
    if url and not url.startswith(_SHARED):
        yield Finding(
            ("storage", "shared_url"),
            f"must begin with {', '.join(_SHARED)}",
            'write it like "rediss://:password@host:6379/0"',
        )


def _is_key(text: str) -> bool:
    try:
        return text == text.strip() and bool(parse_key(text))
    except ValueError:
        return False
