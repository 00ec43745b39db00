"""Real S3 servers for the tests, from packages: rclone checks signatures and MD5, moto preconditions and checksums."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from dbproc.core.places import StoreSpec
from tests.kit.started import of_package, running

KEY = "DBPROCKEY"
SECRET = "thesecretofthetests"
ENVIRONMENT = {"DBPROC_TEST_S3_KEY": KEY, "DBPROC_TEST_S3_SECRET": SECRET}
"""What the references in :meth:`S3Server.spec` name."""


@dataclass(frozen=True)
class S3Server:
    """A server, and a bucket of it that is empty at first."""

    kind: str
    endpoint: str
    bucket: str = ""

    @property
    def client(self) -> Any:
        """boto3's client: what a test looks with, and puts what is to be found."""
        import boto3
        from botocore.config import Config

        settings = Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        )
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=settings,
        )

    def with_bucket(self) -> S3Server:
        """The server with a new bucket."""
        named = replace(self, bucket=f"b{uuid.uuid4().hex[:12]}")
        client = named.client
        client.create_bucket(Bucket=named.bucket)
        client.close()
        return named

    def spec(self, prefix: str = "data", **keys: Any) -> StoreSpec:
        """The store in the bucket below a prefix; what its references name is in `ENVIRONMENT`."""
        access, secret = (f"env:{name}" for name in ENVIRONMENT)
        given = {"access_key": access, "secret_key": secret, "endpoint": self.endpoint, **keys}
        return StoreSpec(name="s3", url=f"s3://{self.bucket}/{prefix}".rstrip("/"), **given)


@contextmanager
def running_rclone() -> Iterator[S3Server]:
    """The server of rclone; its buckets are directories."""
    with tempfile.TemporaryDirectory(prefix="dbproc-s3-") as directory:
        keys = ("--auth-key", f"{KEY},{SECRET}", "--config", os.devnull)
        command = (of_package("rclone"), "serve", "s3", "--addr", "127.0.0.1:0", *keys, directory)
        with running(command) as endpoint:
            yield S3Server("rclone", endpoint)


@contextmanager
def running_moto() -> Iterator[S3Server]:
    """The server of moto, all in memory."""
    with running((of_package("moto_server"), "-H", "127.0.0.1", "-p", "0")) as endpoint:
        yield S3Server("moto", endpoint)
