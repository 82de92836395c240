"""Amazon's signature: the same as boto3 puts on the same call, and Amazon's own example."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import boto3  # type: ignore[import-untyped, unused-ignore]
import botocore.auth  # type: ignore[import-untyped, unused-ignore]
import pytest
from botocore.awsrequest import (  # type: ignore[import-untyped, unused-ignore]
    AWSResponse,
)
from botocore.credentials import (  # type: ignore[import-untyped, unused-ignore]
    Credentials,
)

from lynkr.upstream.sigv4 import signed_lines

REGION = "eu-central-1"
ARN = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-v1:0"


class Keys(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None = None


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, datetime(2026, 11, 23, 15, 0, 0, tzinfo=UTC))


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment)


def sent_by_boto3(model: str, stream: bool, token: str | None) -> Any:
    """The request that boto3 makes of a call; it never leaves the process."""
    sent: list[Any] = []

    def answer(request: Any, **_: object) -> AWSResponse:
        sent.append(request)
        kind = "application/vnd.amazon.eventstream" if stream else "application/json"
        return AWSResponse(request.url, 200, {"content-type": kind}, _Raw(b"{}"))

    client = boto3.client(
        "bedrock-runtime", region_name=REGION, aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="s3cr/et", aws_session_token=token,
    )  # fmt: skip
    client.meta.events.register("before-send.bedrock-runtime", answer)
    call = client.converse_stream if stream else client.converse
    call(modelId=model, messages=[{"role": "user", "content": [{"text": "zwölf 👋"}]}])
    return sent[0]


def lines_of(block: bytes) -> dict[str, bytes]:
    assert block.endswith(b"\r\n")
    split = (line.partition(b": ") for line in block[:-2].split(b"\r\n"))
    return {name.decode(): value for name, _, value in split}


@pytest.mark.parametrize("token", [None, "IQoJb3JpZ2lu/+="])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["amazon.nova-pro-v1:0", "eu.anthropic.claude-sonnet-5", ARN])
def test_the_signature_is_the_one_of_boto3(model: str, stream: bool, token: str | None) -> None:
    theirs = sent_by_boto3(model, stream, token)
    verb = "converse-stream" if stream else "converse"
    url = f"https://bedrock-runtime.{REGION}.amazonaws.com/model/{quote(model, safe='')}/{verb}"
    assert theirs.url == url
    ours = lines_of(
        signed_lines(
            Credentials("AKIDEXAMPLE", "s3cr/et", token).get_frozen_credentials(),
            region=REGION,
            url=url,
            host=urlsplit(url).netloc,
            body=theirs.body,
        )
    )
    names = ["authorization", "x-amz-date", *(["x-amz-security-token"] if token else [])]
    assert sorted(ours) == names
    assert ours == {name: theirs.headers[name] for name in names}


def test_the_example_of_amazons_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
    as it stood in the General Reference."""
    at(monkeypatch, datetime(2015, 8, 30, 12, 36, 0, tzinfo=UTC))
    block = signed_lines(
        Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        region="us-east-1",
        service="iam",
        method="GET",
        url="https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        host="iam.amazonaws.com",
        content_type="application/x-www-form-urlencoded; charset=utf-8",
        body=b"",
    )
    assert lines_of(block) == {
        "x-amz-date": b"20150830T123600Z",
        "authorization": b"AWS4-HMAC-SHA256 "
        b"Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        b"SignedHeaders=content-type;host;x-amz-date, "
        b"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    }


def signature(**changed: Any) -> bytes:
    call: dict[str, Any] = {
        "region": REGION, "url": "https://h/model/m/converse", "host": "h", "body": b"{}",
    }  # fmt: skip
    keys = changed.pop("keys", Keys("A", "B"))
    return lines_of(signed_lines(keys, **{**call, **changed}))["authorization"]


@pytest.mark.parametrize(
    "changed",
    [
        {"region": "us-east-1"},
        {"url": "https://h/model/m/converse-stream"},
        {"host": "other"},
        {"body": b"{} "},
        {"service": "s3"},
        {"method": "PUT"},
        {"content_type": "text/plain"},
        {"keys": Keys("A", "C")},
        {"keys": Keys("A", "B", "T")},
    ],
)
def test_each_thing_that_is_signed_counts(changed: dict[str, Any]) -> None:
    assert signature(**changed) != signature()
    assert signature() == signature()


@pytest.mark.parametrize("port", [443, 8443])
def test_the_host_is_signed_as_it_is_sent(port: int) -> None:
    host = f"bedrock:{port}" if port != 443 else "bedrock"
    block = signed_lines(
        Keys("A", "B"), region=REGION, url=f"https://{host}/model/m/converse", host=host, body=b""
    )
    assert b"SignedHeaders=content-type;host;x-amz-date," in block


@pytest.mark.parametrize(
    "keys", [Keys("A\r\nx-evil: 1", "B"), Keys("A", "B", "T\nx: y"), Keys("A", "B", "T\r")]
)
def test_a_credential_cannot_add_a_header(keys: Keys) -> None:
    with pytest.raises(ValueError, match="line end"):
        signed_lines(keys, region=REGION, url="https://h/", host="h", body=b"")


def test_nothing_of_amazons_is_loaded_before_the_first_signature() -> None:
    """Most gateways have no Bedrock: it costs a tenth of a second and several MB."""
    code = "import sys, lynkr.upstream.sigv4; sys.exit('botocore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == 0
