"""Credentials that are made, not written down: AWS signatures and Google access tokens.

The AWS chain (environment, profile, container, instance role) and Google's application default
credentials may ask the network, so they are resolved and refreshed by a thread, ahead of time; a
call takes what is there. Both libraries are imported only when a provider needs one.
"""

from __future__ import annotations

import asyncio
import calendar
import time
from collections.abc import Callable
from typing import Any, Protocol

from lynkr.errors import GatewayError
from lynkr.providers.catalog import Endpoint

REFRESH_S = 60.0  # how often a credential is looked at
EARLY_S = 300.0  # how long before its end it is replaced
FIRST_WAIT_S = 5.0  # how long the start waits for the first ones
GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Signer(Protocol):
    """Makes the credential of one call."""

    def lines(self, target: bytes, body: bytes) -> bytes:
        """Header lines for a POST of ``body`` to ``target`` (path and query). Raises
        ``GatewayError`` (503) while there is no credential."""

    def refresh(self) -> None:
        """Blocking; run in a thread. Raises whatever the library raises."""


def _missing(provider: str, why: str) -> GatewayError:
    return GatewayError(
        "credential_unavailable",
        503,
        f"There is no credential for provider {provider!r} at the moment: {why}",
        source="gateway",
        retryable=True,
        retry_after_s=5,
    )


class GoogleToken:
    """Google's application default credentials (https://google.aip.dev/auth/4110)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._provider = endpoint.name
        self._credentials: Any = None
        self._line = b""
        self._expires_at = 0.0
        self._why = "it has not been fetched yet."

    def lines(self, target: bytes, body: bytes) -> bytes:
        if not self._line or time.time() >= self._expires_at:
            raise _missing(self._provider, self._why)
        return self._line

    def refresh(self) -> None:
        if self._line and time.time() < self._expires_at - EARLY_S:
            return
        import google.auth
        from google.auth.transport.requests import Request

        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=[GOOGLE_SCOPE])
            self._credentials.refresh(Request())
        except Exception as error:
            self._why = f"{type(error).__name__}."
            raise
        expiry = self._credentials.expiry  # naive, in UTC
        self._expires_at = (
            calendar.timegm(expiry.utctimetuple()) if expiry is not None else time.time() + 3600
        )
        self._line = b"authorization: Bearer " + self._credentials.token.encode() + b"\r\n"


class AwsSignature:
    """SigV4 with the standard chain of credentials."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._provider = endpoint.name
        self._origin = str(endpoint.origin)
        self._host = endpoint.host_line.removeprefix(b"host: ").strip().decode()
        self._region = endpoint.region
        self._service = endpoint.service
        self._credentials: Any = None
        self._frozen: Any = None
        self._why = "it has not been looked up yet."

    def lines(self, target: bytes, body: bytes) -> bytes:
        from lynkr.upstream.sigv4 import signed_lines

        if self._frozen is None:
            raise _missing(self._provider, self._why)
        return signed_lines(
            self._frozen,
            region=self._region,
            service=self._service,
            url=f"{self._origin}{target.decode()}",
            host=self._host,
            body=body,
        )

    def refresh(self) -> None:
        import botocore.session

        try:
            if self._credentials is None:
                self._credentials = botocore.session.get_session().get_credentials()
            if self._credentials is None:
                self._why = "the AWS chain (environment, profile, role) holds none."
                return
            self._frozen = self._credentials.get_frozen_credentials()  # refreshes when due
        except Exception as error:
            self._why = f"{type(error).__name__}."
            raise


_SCHEMES: dict[str, Callable[[Endpoint], Signer]] = {"google": GoogleToken, "sigv4": AwsSignature}


class Credentials:
    """All of them, of one worker, kept fresh."""

    def __init__(self, failed: Callable[[str, str], None]) -> None:
        self._failed = failed  # (provider, what happened): for the log
        self._signers: dict[tuple[str, str, str], Signer] = {}
        self._task: asyncio.Task[None] | None = None

    def signer(self, endpoint: Endpoint) -> Signer | None:
        """The signer of an endpoint whose scheme makes credentials; the same for the same place."""
        make = _SCHEMES.get(endpoint.scheme)
        if make is None or endpoint.auth != "key":
            return None
        key = (endpoint.name, str(endpoint.origin), endpoint.region)
        found = self._signers.get(key)
        if found is None:
            found = self._signers[key] = make(endpoint)
        return found

    async def start(self, endpoints: list[Endpoint]) -> None:
        """Look up what these need, and keep it fresh. Waits a moment for the first ones."""
        for endpoint in endpoints:
            self.signer(endpoint)
        if not self._signers:
            return
        if self._task is None:
            self._task = asyncio.create_task(self._keep_fresh())
        await asyncio.wait([asyncio.create_task(self._refresh_all())], timeout=FIRST_WAIT_S)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            await self._refresh_all()

    async def _refresh_all(self) -> None:
        loop = asyncio.get_running_loop()
        for (provider, _, _), signer in tuple(self._signers.items()):
            try:
                await loop.run_in_executor(None, signer.refresh)
            except Exception as error:
                # The libraries' messages may quote files and addresses; the type says enough.
                self._failed(provider, type(error).__name__)
