"""The provider catalog, and the endpoints that a configuration makes of it.

``kinds`` is the shipped data, ``endpoint`` makes one provider of it ready for calls, ``check`` says
what is wrong with a configuration's providers, ``endpoints`` makes all of them or raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from lynkr.config.settings import TIER_NAMES, TIER_PREFIX, Provider, Routing, Settings
from lynkr.config.validate import url_fault
from lynkr.errors import ConfigError, Problem
from lynkr.providers.endpoints import (
    CREDENTIAL_HEADERS,
    Endpoint,
    Origin,
    base_url,
    endpoint,
    keys_of,
    missing,
    variables,
)
from lynkr.providers.kinds import API_NAMES, CAPABILITIES, VARIABLES, Kind, kinds
from lynkr.providers.models import own_models

__all__ = [
    "CREDENTIAL_HEADERS",
    "Endpoint",
    "Kind",
    "Origin",
    "check",
    "discover",
    "endpoint",
    "endpoints",
    "kinds",
    "looked_for",
    "with_demo",
]
DEMO = "demo"

# A value becomes part of a host name or a path: nothing in it may end one and begin another.
_VARIABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def discover(environ: Mapping[str, str]) -> dict[str, Provider]:
    """Providers that the environment offers when no file names any: one per key found, if all else
    that its address needs is there as well. In the order of the catalog."""
    found = {}
    for name, kind in kinds().items():
        provider = Provider(kind=name)
        if kind.appears and any(environ.get(variable) for variable in kind.key_env):
            address = base_url(provider, kind, environ)
            if address and not url_fault(address) and not missing(provider, kind, environ):
                found[name] = provider
    return found


def looked_for() -> list[str]:
    """The environment variables that are enough for ``discover`` to find a provider."""
    names = [
        variable
        for name, kind in kinds().items()
        if kind.appears and (kind.base_url and not missing(Provider(kind=name), kind, {}))
        for variable in kind.key_env
    ]
    return list(dict.fromkeys(names))


def check(settings: Settings, environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the providers, beyond what their types can say."""
    problems = []
    for name, provider in settings.providers.items():
        at = f"providers.{name}"
        kind = kinds().get(provider.kind)
        if kind is None:
            known = ", ".join(sorted(kinds()))
            problems.append(
                Problem(f"{at}.kind", "unknown kind", f"one of: {known}", provider.kind)
            )
            continue
        problems += _address(at, provider, kind, environ)
        problems += _words(at, provider)
        problems += _keys(at, provider, kind, environ)
    try:
        own_models(settings.catalog.models_file)
    except ValueError as error:
        path = settings.catalog.models_file
        fix = "correct the path or the file; docs/providers.md shows its form"
        problems.append(Problem("catalog.models_file", str(error), fix, path))
    return problems


def _address(
    at: str, provider: Provider, kind: Kind, environ: Mapping[str, str]
) -> Iterator[Problem]:
    address = base_url(provider, kind, environ)
    if not address:
        named = f" or {' or '.join(kind.base_url_env)}" if kind.base_url_env else ""
        yield Problem(
            f"{at}.base_url",
            f"kind {provider.kind!r} has no usual address",
            f'set base_url{named}, as in "http://127.0.0.1:11434/v1"',
        )
    elif not provider.base_url and kind.base_url_env and (fault := url_fault(address)):
        yield Problem(
            f"{at}.base_url",
            f"{' or '.join(kind.base_url_env)} {fault[0]}",
            f"{fault[1]}, or set base_url",
        )
    for name in missing(provider, kind, environ):
        usual = " or ".join([f"set {name}", *kind.variable_env.get(name, ())])
        yield Problem(f"{at}.{name}", f"kind {provider.kind!r} needs a {name}", usual)
    values = variables(provider, kind, environ)
    for name in VARIABLES:
        given = getattr(provider, name)
        if given and name not in kind.variables:
            yield Problem(f"{at}.{name}", f"kind {provider.kind!r} has no {name}", "remove it")
        elif values.get(name) and not _VARIABLE.fullmatch(values[name]):
            yield Problem(
                f"{at}.{name}",
                "has a character that has no place in an address",
                "use letters, digits, points, dashes and underscores; an address is a base_url",
            )


def _words(at: str, provider: Provider) -> Iterator[Problem]:
    """Names of APIs, capabilities, losses and models."""
    for api in provider.apis:
        if api not in API_NAMES:
            yield Problem(f"{at}.apis", "unknown API", f"one of: {', '.join(API_NAMES)}", api)
    for word in provider.capabilities:
        if word not in CAPABILITIES:
            known = ", ".join(sorted(CAPABILITIES))
            yield Problem(f"{at}.capabilities", "unknown capability", f"one of: {known}", word)
    for name in provider.drops:
        if not name or name != name.strip():
            yield Problem(f"{at}.drops", "a name is empty or has blanks", 'as in ["top_k"]', name)
    for alias, model in provider.models.items():
        if not alias or not model or re.search(r"[\x00-\x1f]", alias + model):
            yield Problem(
                f"{at}.models",
                "an alias or model name is empty or has control characters",
                "use the model's plain name",
                alias,
            )


def _keys(at: str, provider: Provider, kind: Kind, environ: Mapping[str, str]) -> Iterator[Problem]:
    keys = keys_of(provider, kind, environ)
    at = f"{at}.api_keys" if provider.api_keys else f"{at}.api_key"
    wants_key = provider.auth == "key" or (
        not provider.auth and kind.key_required and not provider.base_url
    )
    if wants_key and not keys and kind.auth.scheme == "header":
        where = f"set {' or '.join(kind.key_env)}" if kind.key_env else "set api_key"
        yield Problem(
            at,
            "no credential for this provider",
            f'{where}, or auth = "client" to pass the caller\'s own on',
        )
    for key in keys:
        if re.search(r"[\x00-\x1f\x7f]", key):
            yield Problem(
                at,
                "the key has a line end or another control character",
                "check how the variable or the file is written; the key itself has none",
            )
        elif not key.isascii():
            yield Problem(at, "the key is not plain ASCII", "copy it once more")


def endpoints(settings: Settings, environ: Mapping[str, str]) -> dict[str, Endpoint]:
    """Every provider of a configuration, in its order. Raises ``ConfigError``."""
    problems = check(settings, environ)
    if problems:
        raise ConfigError(problems)
    providers = settings.providers or discover(environ) or {DEMO: Provider(kind=DEMO)}
    problems = list(_unknown(settings, providers))
    if problems:
        raise ConfigError(problems)
    own = own_models(settings.catalog.models_file)
    return {name: endpoint(name, provider, environ, own) for name, provider in providers.items()}


def _unknown(settings: Settings, providers: Mapping[str, Provider]) -> Iterator[Problem]:
    """Targets that name no provider, where the environment says which there are: those of a file
    are checked with it."""
    routing = settings.routing
    named = [("routing.default", routing.default)]
    named += [("routing.fallbacks", target) for target in routing.fallbacks]
    named += [(f"routing.{tier}", target) for tier in TIER_NAMES for target in routing.chain(tier)]
    named += [("routes", target) for rule in settings.routes for target in rule.targets]
    for key, target in named:
        name = target.partition(":")[0]
        if name and name not in providers and not name.startswith(TIER_PREFIX):
            fix = f"one of: {', '.join(providers)}"
            yield Problem(key, "no provider of that name", fix, target)


def with_demo(settings: Settings, environ: Mapping[str, str], *, only: bool = False) -> Settings:
    """The settings with the demo's tiers, where no provider is configured or found; ``only``: with
    the demo in place of all providers."""
    if not only and (settings.providers or settings.routing != Routing() or discover(environ)):
        return settings
    simple, medium, complex_, reasoning = (
        f"{DEMO}:{kinds()[DEMO].tiers[tier]}" for tier in TIER_NAMES
    )
    routing = Routing(
        default=f"{TIER_PREFIX}auto",
        simple=simple,
        medium=medium,
        complex=complex_,
        reasoning=reasoning,
    )
    providers = {DEMO: Provider(kind=DEMO)} if only else settings.providers
    return replace(settings, providers=providers, routing=routing)
