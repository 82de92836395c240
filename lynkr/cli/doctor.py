"""``lynkr doctor``: what stands between this machine and a running gateway. Changes nothing."""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import typer

import lynkr._native
from lynkr.cli import output
from lynkr.cli.check import providers_of
from lynkr.cli.options import ConfigOption, JsonOption
from lynkr.config.loader import Loaded, load, located
from lynkr.config.settings import Provider, Server
from lynkr.errors import ConfigError, Problem

PYTHON_MIN = (3, 11)


class Check(msgspec.Struct, frozen=True):
    """One line of the diagnosis."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check Python, the compiled modules, the configuration, the port and the credentials.

    One line each; exits 1 if anything would keep the gateway from running. No key is ever printed
    and no provider is called.
    """
    checks = list(diagnose(config, Path.cwd()))
    failed = any(check.status == "fail" for check in checks)
    if as_json:
        output.document({"ok": not failed, "checks": checks})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            output.line(f"{check.status:<4}  {check.name:<{width}}  {check.detail}")
            if check.fix:
                output.line(f"{'':<6}{'':<{width}}  fix: {check.fix}")
    if failed:
        raise typer.Exit(1)


def diagnose(config: Path | None, cwd: Path) -> Iterator[Check]:
    yield python_version(sys.version_info[:3])
    yield from compiled_modules(Path(lynkr._native.__file__).parent)
    try:
        loaded = load(config, os.environ, cwd)
    except ConfigError as error:
        yield from (_problem("config", problem) for problem in error.problems)
        return  # the rest would judge defaults that nobody chose
    yield Check("config", "ok", str(loaded.file or "no file; defaults and environment"))
    yield from (Check("config", "warn", notice) for notice in loaded.notices)
    server = loaded.settings.server
    yield state_dir(Path(server.state_dir).expanduser())
    yield port_free(server)
    if loaded.settings.upstream.ca_file:
        yield ca_file(Path(loaded.settings.upstream.ca_file).expanduser())
    yield from credentials(loaded)


def _problem(name: str, problem: Problem) -> Check:
    unfixed = msgspec.structs.replace(problem, fix="")
    return Check(name, "fail", str(unfixed), problem.fix)


def python_version(version: tuple[int, ...]) -> Check:
    text = ".".join(str(part) for part in version)
    if version < PYTHON_MIN:
        return Check("python", "fail", text, "use Python 3.11 or later")
    return Check("python", "ok", text)


def compiled_modules(folder: Path) -> Iterator[Check]:
    """One line for each module that has a source or a binary in ``folder``."""
    suffixes = (".pyx", *importlib.machinery.EXTENSION_SUFFIXES)
    names = sorted(
        {path.name.split(".")[0] for path in folder.iterdir() if path.name.endswith(suffixes)}
    )
    if not names:
        yield Check("compiled", "fail", f"no compiled modules in {folder}", "run `make build`")
    for name in names:
        try:
            module = importlib.import_module(f"lynkr._native.{name}")
        except ImportError as error:
            yield Check(
                f"compiled {name}",
                "fail",
                str(error),
                "run `make build`; it needs a C compiler and the headers of this Python",
            )
        else:
            yield Check(f"compiled {name}", "ok", Path(module.__file__ or "").name)


def state_dir(path: Path) -> Check:
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not existing.is_dir():
        return Check("state_dir", "fail", f"{existing} is not a folder", "change server.state_dir")
    if not os.access(existing, os.W_OK | os.X_OK):
        fix = "change its owner or mode, or set server.state_dir to a folder of your own"
        return Check("state_dir", "fail", f"cannot write in {existing}", fix)
    return Check("state_dir", "ok", f"{path}" if existing == path else f"{path} (will be made)")


def port_free(server: Server) -> Check:
    """Whether the address can be listened on. A gateway that is running already holds it."""
    name = f"port {server.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # Connections of an earlier run that are still winding down do not count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        detail = f"cannot listen on {server.host}: {error.strerror}"
        return Check(name, "fail", detail, "stop what holds it, or set server.port")
    return Check(name, "ok", f"free on {server.host}" if server.port else "the system will choose")


def ca_file(path: Path) -> Check:
    try:
        text = path.read_bytes()
    except OSError as error:
        return Check("ca_file", "fail", f"{path}: {error.strerror}", "correct upstream.ca_file")
    if b"-----BEGIN CERTIFICATE-----" not in text:
        return Check("ca_file", "fail", f"{path} holds no certificate", "it must be a PEM file")
    return Check("ca_file", "ok", str(path))


def credentials(loaded: Loaded) -> Iterator[Check]:
    """For each provider, how its calls are authorized; never with what."""
    from lynkr.providers import catalog

    problems = located(loaded, catalog.check(loaded.settings, loaded.environ))
    yield from (_problem("provider", problem) for problem in problems)
    broken = {problem.key.split(".")[1] for problem in problems}
    providers = providers_of(loaded)
    if not providers:
        yield Check(
            "providers",
            "warn",
            "none; the built-in demo upstream will answer",
            f"set {', '.join(catalog.looked_for())} or add a [providers.NAME] table",
        )
    for name, kind in providers.items():
        if name in broken:
            continue
        provider = loaded.settings.providers.get(name) or Provider(kind=kind)
        endpoint = catalog.endpoint(name, provider, loaded.environ)
        how = {
            "key": "credential present",
            "client": "passes the caller's own credential on",
            "none": "no credential is sent",
            "sigv4": "signed with the AWS chain's credentials",
            "google": "with Google's application default credentials",
        }[endpoint.auth if endpoint.scheme == "header" else endpoint.scheme]
        yield Check(f"provider {name}", "ok", f"{kind} at {endpoint.origin}: {how}")
