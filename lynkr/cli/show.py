"""``lynkr show``: a text that the gateway shortened, whole or in part.

Meant for the model as much as for people: the digest of a long tool output ends with this command.
It asks the gateway that the tool is already pointed at, with the key that the tool already has.
"""

from __future__ import annotations

import http.client
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer

from lynkr.cli.options import UrlOption
from lynkr.errors import LynkrError

DEFAULT_URL = "http://127.0.0.1:8081"
TIMEOUT_S = 30.0
# Where a tool's gateway stands in its environment, and the key that goes with it.
_PLACES = (
    ("LYNKR_URL", ("LYNKR_KEY",)),
    ("ANTHROPIC_BASE_URL", ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY")),
    ("OPENAI_BASE_URL", ("OPENAI_API_KEY",)),
)


def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As the digest says: o_...")],
    lines: Annotated[
        str, typer.Option("--lines", metavar="A-B", help="Only these lines, counted from 1.")
    ] = "",
    grep: Annotated[
        str, typer.Option("--grep", metavar="WORD", help="Only lines that hold this, numbered.")
    ] = "",
    url: UrlOption = "",
) -> None:
    """Print a tool's output that was shortened on its way to the model."""
    base, key = gateway(os.environ, url)
    query = urllib.parse.urlencode(
        {name: value for name, value in (("lines", lines), ("grep", grep)) if value}
    )
    path = f"/v1/originals/{urllib.parse.quote(id_, safe='')}"
    text = fetch(base, path + (f"?{query}" if query else ""), key)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def gateway(environ: Mapping[str, str], url: str) -> tuple[str, str]:
    """The gateway's address without its path, and the key to show it.

    A provider's key goes to the address that stands beside it in the environment, where the tool
    sends it anyway, and nowhere else. Raises ``LynkrError`` for what is no address.
    """
    key = environ.get("LYNKR_KEY", "")
    found = url
    for place, keys in _PLACES:
        given = environ.get(place, "")
        if given and (not found or _base(given) == _base(found)):
            found = found or given
            key = key or next((environ[name] for name in keys if environ.get(name)), "")
            break
    base = _base(found or DEFAULT_URL)
    if not base:
        raise LynkrError(f"{found!r} is not the address of a gateway")
    return base, key


def _base(url: str) -> str:
    """Scheme, host and port, without the path and without users; "" if it is no such address."""
    try:
        parts = urllib.parse.urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}" if known else ""


class _Here(urllib.request.HTTPRedirectHandler):
    """A gateway redirects nowhere, and a key must not follow somebody who does."""

    def redirect_request(self, *_: object) -> None:
        return None


def fetch(base: str, path: str, key: str, *, method: str = "GET", body: bytes = b"") -> str:
    """The gateway's answer; ``body`` is JSON. Raises ``LynkrError`` with its own words when it has
    none."""
    handlers: list[urllib.request.BaseHandler] = [_Here()]
    host = urllib.parse.urlsplit(base).hostname or ""
    if host == "localhost" or host == "::1" or host.startswith("127."):
        handlers.append(urllib.request.ProxyHandler({}))  # no proxy knows this machine's loopback
    opener = urllib.request.build_opener(*handlers)
    try:
        request = urllib.request.Request(  # noqa: S310  # http or https: see ``_base``
            base + path, body or None, method=method
        )
        if body:
            request.add_header("content-type", "application/json")
        if key:
            request.add_header("x-lynkr-key", key)
        with opener.open(request, timeout=TIMEOUT_S) as reply:
            text: str = reply.read().decode("utf-8", "replace")
            return text
    except urllib.error.HTTPError as error:
        raise LynkrError(f"{base}: {_said(error.read()) or error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise LynkrError(f"{base} cannot be reached: {error}") from None
    except ValueError:  # http.client's own words would show the key
        raise LynkrError("the key has characters that no header can hold") from None


class _Words(msgspec.Struct, frozen=True):
    message: str = ""


class _Error(msgspec.Struct):
    error: _Words = _Words()


def _said(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Error).error.message
    except (msgspec.DecodeError, UnicodeError):
        return ""
