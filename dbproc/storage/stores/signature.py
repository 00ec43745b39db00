"""Requests to S3 that are signed, by AWS's Signature Version 4."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"


class Signer:
    """Signs with one pair of keys, for one region and host."""

    def __init__(self, access_key: str, secret_key: str, region: str, host: str) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._region = region
        self._host = host
        self._days_key = ("", b"")

    def signed(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now: dt.datetime
    ) -> dict[str, str]:
        """The headers of a request, with those that sign it.

        Parameters
        ----------
        target
            The path and the query as they are sent, quoted.
        """
        time = f"{now:%Y%m%dT%H%M%SZ}"
        digest = hashlib.sha256(body).hexdigest()
        sent = {**headers, "X-Amz-Date": time, "X-Amz-Content-SHA256": digest}
        told = sorted((name.lower(), " ".join(text.split())) for name, text in (*sent.items(), ("Host", self._host)))
        names = ";".join(name for name, _ in told)
        path, _, query = target.partition("?")
        pairs = "&".join(f"{name}={text}" for name, _, text in sorted(each.partition("=") for each in query.split("&")))
        lines = (method, path, pairs if query else "", *(f"{name}:{text}" for name, text in told), "", names, digest)
        scope = f"{time[:8]}/{self._region}/{_SERVICE}/aws4_request"
        request = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        signature = hmac.new(self._key(time[:8]), f"{_ALGORITHM}\n{time}\n{scope}\n{request}".encode(), "sha256")
        credential = f"Credential={self._access_key}/{scope}, SignedHeaders={names}"
        return {**sent, "Authorization": f"{_ALGORITHM} {credential}, Signature={signature.hexdigest()}"}

    def _key(self, day: str) -> bytes:
        """The key that signs on a day."""
        if self._days_key[0] != day:
            key = f"AWS4{self._secret_key}".encode()
            for word in (day, self._region, _SERVICE, "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
            self._days_key = (day, key)
        return self._days_key[1]
