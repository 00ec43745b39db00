"""Pinned SSH host keys: by their fingerprint, or in a ``known_hosts`` file; none is ever added by itself."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass

from dbproc.core.errors import PermanentError

FAMILIES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
"""Algorithms of host keys; a server has one key of each family, or none."""

_PREFIX = "SHA256:"
_DEFAULT_PORT = 22


def fingerprint(key: bytes) -> str:
    """How ``ssh-keygen -l`` writes a public key."""
    return _PREFIX + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def kind(key: bytes) -> str:
    """The type that a public key says it has."""
    length = int.from_bytes(key[:4], "big")
    return key[4 : 4 + length].decode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class Pinned:
    """The keys that a host may show: their fingerprints, and the families to ask for; `where` they are pinned."""

    fingerprints: tuple[str, ...]
    families: tuple[tuple[str, ...], ...]
    where: str

    def allows(self, key: bytes) -> bool:
        """Whether a host may show this key."""
        return fingerprint(key) in self.fingerprints


def pinned(host_key: str, host: str, port: int) -> Pinned:
    """What is pinned for a host.

    Raises
    ------
    PermanentError
        Nothing is; the message says how to get and pin its key.
    """
    if not host_key:
        raise PermanentError(f"{host}: no host key is pinned; {_how(host, port)}")
    if host_key.startswith(_PREFIX):
        return Pinned((host_key.rstrip("="),), FAMILIES, "host_key")
    keys = list(_known(os.path.expanduser(host_key), host, port))
    if not keys:
        raise PermanentError(f"{host}: {host_key} has no key of it; {_how(host, port)}")
    families = tuple(each for each in FAMILIES if any(kind(key) in _kinds(each) for key in keys))
    return Pinned(tuple(fingerprint(key) for key in keys), families or FAMILIES, host_key)


def _kinds(family: tuple[str, ...]) -> tuple[str, ...]:
    return (*family, "ssh-rsa") if "rsa-sha2-512" in family else family


def _how(host: str, port: int) -> str:
    scan = f"ssh-keyscan -p {port} {host}" if port != _DEFAULT_PORT else f"ssh-keyscan {host}"
    return (
        f'get it with "{scan} | ssh-keygen -lf -", compare it with what its administrator tells, '
        'and write host_key = "SHA256:…"'
    )


def _known(path: str, host: str, port: int) -> list[bytes]:
    """The keys of a host in a ``known_hosts`` file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = [line.split() for line in stream]
    except OSError as error:
        raise PermanentError(f"{host}: the file of its host key, {path}, cannot be read: {error.strerror}") from error
    name = host if port == _DEFAULT_PORT else f"[{host}]:{port}"
    keys: set[bytes] = set()
    revoked: set[bytes] = set()
    for words in lines:
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or not _is_for(words[0], name.lower()):
            continue
        key = _decoded(words[2])
        if key and marker != "@cert-authority":
            (revoked if marker == "@revoked" else keys).add(key)
    return sorted(keys - revoked)


def _is_for(names: str, name: str) -> bool:
    if names.startswith("|1|"):
        return _is_hashed(names, name)
    patterns = names.lower().split(",")
    refused = any(_fits(each[1:], name) for each in patterns if each.startswith("!"))
    return not refused and any(_fits(each, name) for each in patterns)


def _is_hashed(text: str, name: str) -> bool:
    _, _, salt, found, *_ = (*text.split("|"), "")
    mac = hmac.new(_decoded(salt), name.encode(), "sha1").digest()
    return hmac.compare_digest(mac, _decoded(found))


def _fits(pattern: str, name: str) -> bool:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, name) is not None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
