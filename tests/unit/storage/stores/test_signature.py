"""Signed requests: as botocore signs them."""

from __future__ import annotations

import datetime as dt

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dbproc.storage.stores.signature import Signer

NOW = dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
DAYS = (NOW, NOW + dt.timedelta(days=1))


@pytest.mark.parametrize("host", ["s3.example.org", "127.0.0.1:9000", "bucket.s3.us-east-1.amazonaws.com"])
@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", "/bucket/a/b-c_d.~e", {"x-amz-checksum-mode": "ENABLED", "Range": "bytes=5-"}, b""),
        ("GET", "/bucket?list-type=2&encoding-type=url&prefix=a%2Fb%20c&delimiter=%2F", {}, b""),
        ("POST", "/bucket/a?uploads=", {"x-amz-meta-dbproc": "name"}, b""),
        ("PUT", "/bucket/%C3%A4%20%2B?uploadId=z%3D&partNumber=2", {"Content-MD5": "md5=="}, b"bytes"),
        ("PUT", "/bucket/a", {"If-None-Match": "*", "x-amz-meta-dbproc": "two  blanks"}, b"bytes"),
        ("HEAD", "/", {}, b""),
    ],
    ids=["file", "list", "begin", "part", "whole", "bucket"],
)
def test_as_botocore_signs(
    monkeypatch: pytest.MonkeyPatch, host: str, method: str, target: str, headers: dict[str, str], body: bytes
) -> None:
    signer = Signer("KEY", "secret/+", "eu-west-1", host)
    for now in DAYS:
        monkeypatch.setattr(auth, "get_current_datetime", lambda now=now: now.replace(tzinfo=None))
        request = AWSRequest(method, f"http://{host}{target}", dict(headers), body)
        request.context["client_config"] = None
        auth.S3SigV4Auth(Credentials("KEY", "secret/+"), "s3", "eu-west-1").add_auth(request)
        expected = {name.lower(): text for name, text in request.headers.items()}
        assert {
            name.lower(): text for name, text in signer.signed(method, target, headers, body, now).items()
        } == expected
