"""Names that clients may give, and digests that they promise."""

from __future__ import annotations

import base64

import pytest

from dbproc.core.uploads import header_digest, name_fault, plain_name, promised_digest

HEX = "ab" * 32


@pytest.mark.parametrize("name", ["a.nc", "raw_20200101_v1.0.0.txt", "Å b,c;d.txt", "a..b", "console.txt", "a" * 255])
def test_plain_names_may_be_given(name: str) -> None:
    assert name_fault(plain_name(name)) is None


def test_two_ways_to_write_a_letter_are_one_name() -> None:
    assert plain_name("e\u0301") == plain_name("\u00e9")


def test_a_digest_is_told_in_several_ways() -> None:
    raw = base64.b64encode(bytes.fromhex(HEX)).decode()
    assert promised_digest(HEX.upper()) == promised_digest(f"sha256:{HEX}") == f"sha256:{HEX}"
    assert header_digest(f"sha-256=:{raw}:") == header_digest(f"md5=AAAA, SHA-256={raw}") == f"sha256:{HEX}"
    assert promised_digest(HEX[1:]) is header_digest("sha-256=:AAAA:") is header_digest("md5=AAAA") is None
