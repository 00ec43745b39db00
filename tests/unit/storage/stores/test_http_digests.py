"""What headers say of a file's bytes, in each dialect."""

from __future__ import annotations

import base64
import hashlib

import pytest
from urllib3 import HTTPHeaderDict

from dbproc.storage.stores.http_digests import digests, etag, is_packed

SHA256 = hashlib.sha256(b"x")
MD5 = hashlib.md5(b"x")
B64, B64_MD5 = (base64.b64encode(each.digest()).decode() for each in (SHA256, MD5))
TOLD, TOLD_MD5 = f"sha256:{SHA256.hexdigest()}", f"md5:{MD5.hexdigest()}"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Repr-Digest": f"sha-256=:{B64}:, md5=:{B64_MD5}:, unknown=:AAAA:"}, (TOLD, TOLD_MD5)),
        ({"Content-Digest": f"sha-256=:{B64}:"}, (TOLD,)),
        ({"Digest": f"SHA-256={B64},MD5={B64_MD5}"}, (TOLD, TOLD_MD5)),
        ({"Digest": "adler32=00790079"}, ("adler32:00790079",)),
        ({"x-goog-hash": f"crc32c=ImIEBA==, md5={B64_MD5}"}, ("crc32c:22620404", TOLD_MD5)),
        ({"x-amz-checksum-sha256": B64}, (TOLD,)),
        ({"x-amz-checksum-sha256": f"{B64}-3"}, ()),
        ({"x-amz-checksum-sha256": B64, "x-amz-checksum-type": "COMPOSITE"}, ()),
        ({"X-Checksum-Sha256": SHA256.hexdigest().upper(), "X-Checksum-Md5": MD5.hexdigest()}, (TOLD, TOLD_MD5)),
        ({"Repr-Digest": f"sha-256=:{B64_MD5}:"}, ()),
        ({"Digest": "sha-256=nonsense,md5,=,sha-256="}, ()),
        ({}, ()),
    ],
)
def test_each_way_to_tell_a_digest_is_understood(headers: dict[str, str], found: tuple[str, ...]) -> None:
    assert digests(HTTPHeaderDict(headers), is_whole=True) == found


def test_the_digest_of_a_part_is_none_of_the_file() -> None:
    assert digests(HTTPHeaderDict({"Content-Digest": f"sha-256=:{B64}:"}), is_whole=False) == ()


@pytest.mark.parametrize(("text", "found"), [('"a"', "a"), ('W/"a"', ""), ("a", ""), ("", ""), ('""', "")])
def test_only_a_strong_etag_counts(text: str, found: str) -> None:
    assert etag({"ETag": text}) == found


@pytest.mark.parametrize(
    ("coding", "path", "packed"),
    [
        ("gzip", "a.txt", True),
        ("x-gzip", "a.tar.GZ", False),
        ("br", "a", True),
        ("identity", "a", False),
        ("", "a", False),
    ],
)
def test_what_is_compressed_by_its_name_is_the_file(coding: str, path: str, packed: bool) -> None:
    assert is_packed({"Content-Encoding": coding}, path) == packed
