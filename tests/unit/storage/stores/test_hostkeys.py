"""Host keys are pinned by a fingerprint or a known_hosts file, in each of its forms."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest

from dbproc.core.errors import PermanentError
from dbproc.storage.stores.hostkeys import FAMILIES, fingerprint, pinned


def line(names: str, name: str = "ssh-ed25519", body: bytes = b"x" * 40, marker: str = "") -> str:
    return f"{marker}{names} {name} {base64.b64encode(key_of(name, body)).decode()}\n"


def key_of(name: str = "ssh-ed25519", body: bytes = b"x" * 40) -> bytes:
    return len(name).to_bytes(4, "big") + name.encode() + body


def hashed(name: str) -> str:
    salt = b"salt" * 5
    mac = hmac.new(salt, name.encode(), "sha1").digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(mac).decode()}"


@pytest.mark.parametrize(
    ("names", "host", "port", "is_known"),
    [
        ("nas", "nas", 22, True),
        ("nas", "nas", 2222, False),
        ("other,[nas]:2222", "nas", 2222, True),
        ("[nas]:2222", "nas", 22, False),
        (hashed("nas"), "nas", 22, True),
        (hashed("other"), "nas", 22, False),
        ("*.example.org", "NAS.example.org", 22, True),
        ("*.example.org,!nas.example.org", "nas.example.org", 22, False),
        ("# nas", "nas", 22, False),
    ],
)
def test_a_known_hosts_file_has_the_keys_of_a_host(
    tmp_path: Path, names: str, host: str, port: int, is_known: bool
) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("\n# a comment\nbroken\n" + line(names))
    if is_known:
        found = pinned(str(path), host, port)
        assert found.allows(key_of())
        assert not found.allows(key_of(body=b"y" * 40))
    else:
        with pytest.raises(PermanentError, match=r"has no key of it; get it with .ssh-keyscan"):
            pinned(str(path), host, port)


def test_only_families_of_known_keys_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("nas", "ssh-rsa") + line("nas", "ssh-ed25519", marker="@revoked "))
    assert pinned(str(path), "nas", 22).families == (FAMILIES[2],)


def test_a_revoked_key_and_one_of_an_authority_are_no_keys_of_the_host(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("nas") + line("nas", marker="@revoked ") + line("nas", body=b"c", marker="@cert-authority "))
    with pytest.raises(PermanentError, match="has no key of it"):
        pinned(str(path), "nas", 22)


def test_a_fingerprint_is_one_as_ssh_keygen_writes_it() -> None:
    text = fingerprint(key_of())
    assert text == "SHA256:" + text[7:].rstrip("=")
    assert pinned(f"{text}=", "nas", 22).allows(key_of())
    assert pinned(text, "nas", 22).families == FAMILIES


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="none, cannot be read: No such file"):
        pinned(str(tmp_path / "none"), "nas", 22)
