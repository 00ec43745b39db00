"""Digests as the catalogue has them: the algorithm and hexadecimal digits, or that nobody knows these. Pure."""

from __future__ import annotations

UNKNOWN = ":unknown"
"""How the digest of a file ends that nobody has read yet."""


def unknown_digest(algorithm: str) -> str:
    """What stands for the digest of a file that nobody has read yet."""
    return f"{algorithm}{UNKNOWN}"


def is_unknown(digest: str) -> bool:
    """Whether nobody has taken the digest of a file yet."""
    return digest.endswith(UNKNOWN)
