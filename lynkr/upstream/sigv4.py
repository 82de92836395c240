"""Amazon's request signature, version 4, by Amazon's own signer.

Loading botocore takes a tenth of a second and several MB, so it is imported with the first
signature; whoever resolves the credentials has loaded most of it by then, in a thread. The clock
is botocore's. Debug logging of ``botocore.auth`` shows what is signed, session tokens included.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

from typing import Protocol

CONTENT_TYPE = "application/json"


class Credentials(Protocol):
    """What ``botocore.credentials.Credentials.get_frozen_credentials`` gives."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


def signed_lines(
    credentials: Credentials,
    *,
    region: str,
    url: str,
    host: str,
    body: bytes,
    service: str = "bedrock",
    method: str = "POST",
    content_type: str = CONTENT_TYPE,
) -> bytes:
    """Header lines that prove who sends this request: ``authorization``, ``x-amz-date`` and, with
    temporary credentials, ``x-amz-security-token``.

    The request must go out with just this method, URL, body, and these values of ``host`` and
    ``content-type``. Other headers are not signed. The path of the URL is escaped once, as sent.
    """
    from botocore.auth import SigV4Auth  # type: ignore[import-untyped, unused-ignore]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped, unused-ignore]

    request = AWSRequest(
        method=method,
        url=url,
        data=body,
        headers={"content-type": content_type, "host": host},
    )
    SigV4Auth(credentials, service, region).add_auth(request)
    lines = [
        f"{name.lower()}: {value}\r\n"
        for name, value in request.headers.items()
        if name.lower() not in ("content-type", "host")
    ]
    found = "".join(lines)
    if found.count("\r") != len(lines) or found.count("\n") != len(lines):
        raise ValueError("a credential holds a line end")
    return found.encode()
