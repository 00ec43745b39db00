"""Digests as the catalogue has them: the algorithm and hexadecimal digits, or that nobody knows these. Pure."""

from __future__ import annotations

_UNKNOWN = "unknown"


def unknown_digest(algorithm: str) -> str:
    """What stands for the digest of a file that nobody has read yet."""
    return f"{algorithm}:{_UNKNOWN}"


def is_unknown(digest: str) -> bool:
    """Whether nobody has taken the digest of a file yet."""
    return digest.endswith(f":{_UNKNOWN}")
