"""What servers of HTTP say of the bytes of a file in their headers: digests, and whether the bytes are the file's."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

_BY_NAME = {
    "sha": "sha1",
    "sha-1": "sha1",
    "sha-256": "sha256",
    "sha-512": "sha512",
    "md5": "md5",
    "adler32": "adler32",
    "crc32": "crc32",
    "crc32c": "crc32c",
    "sha1": "sha1",
    "sha256": "sha256",
    "sha512": "sha512",
}
_LENGTHS = {"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16, "adler32": 4, "crc32": 4, "crc32c": 4}
_FIELD = re.compile(r"\s*([A-Za-z0-9-]+)\s*=\s*:([^:]*):")
_PACKED = {"gzip": (".gz", ".tgz"), "compress": (".z",), "bzip2": (".bz2", ".tbz"), "xz": (".xz",), "zstd": (".zst",)}
WANTED = {"Want-Repr-Digest": "sha-256=10, md5=1", "Want-Digest": "sha-256;q=1, md5;q=0.1"}
"""Headers that ask for digests."""
_TELLING = ("repr-digest", "content-digest", "digest", "x-goog-hash", "x-amz-checksum-", "x-checksum-")


def digests(headers: Mapping[str, str], *, is_whole: bool) -> tuple[str, ...]:
    """The digests of a whole file, ``sha256:…``; `is_whole`: the answer has all of it.

    ``Repr-Digest`` and ``Content-Digest`` (RFC 9530), ``Digest`` (RFC 3230), ``x-goog-hash``, ``x-amz-checksum-…`` and
    ``X-Checksum-…``; what is not understood is left out.
    """
    if not any(name.lower().startswith(_TELLING) for name in headers):
        return ()
    found = dict.fromkeys(_told(headers, is_whole))
    return tuple(f"{algorithm}:{value.hex()}" for algorithm, value in found if len(value) == _LENGTHS[algorithm])


def is_packed(headers: Mapping[str, str], path: str) -> bool:
    """Whether the bytes are not the file's: compressed though that was not asked for.

    Some servers say so of a file that is compressed itself, by its name.
    """
    coding = headers.get("Content-Encoding", "").strip().lower().removeprefix("x-")
    return coding not in ("", "identity") and not path.lower().endswith(_PACKED.get(coding, ("\0",)))


def etag(headers: Mapping[str, str]) -> str:
    """The ETag where it is a strong one, without its quotes."""
    text = headers.get("ETag", "").strip()
    return text[1:-1] if len(text) > 2 and text.startswith('"') and text.endswith('"') else ""


def _told(headers: Mapping[str, str], is_whole: bool) -> Iterator[tuple[str, bytes]]:
    for name in ("Repr-Digest", *(("Content-Digest",) if is_whole else ())):
        for algorithm, text in _FIELD.findall(headers.get(name, "")):
            yield from _decoded(algorithm, text)
    for name in ("Digest", "x-goog-hash"):
        for part in headers.get(name, "").split(","):
            algorithm, _, text = part.strip().partition("=")
            yield from _decoded(algorithm, text)
    if headers.get("x-amz-checksum-type", "FULL_OBJECT").upper() == "FULL_OBJECT":
        for algorithm in ("sha256", "sha1", "crc32", "crc32c"):
            yield from _decoded(algorithm, headers.get(f"x-amz-checksum-{algorithm}", ""))
    for algorithm in ("sha256", "sha512", "sha1", "md5"):
        yield from _decoded(algorithm, headers.get(f"X-Checksum-{algorithm}", ""))


def _decoded(algorithm: str, text: str) -> Iterator[tuple[str, bytes]]:
    """A digest of base64 or of hexadecimal digits, whichever has its length."""
    known = _BY_NAME.get(algorithm.lower())
    if known is None or not text:
        return
    try:
        if len(text) == 2 * _LENGTHS[known] and re.fullmatch("[0-9A-Fa-f]+", text):
            yield known, bytes.fromhex(text)
        else:
            yield known, base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return
