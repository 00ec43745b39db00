"""Digests that carry their algorithm's name, and the cheap sign that a file may have changed."""

from __future__ import annotations

import errno
import hashlib
import importlib
import os
import stat
from typing import Any

from dbproc.core.errors import UserError
from dbproc.core.spec import DIGESTS
from dbproc.system.signals import keep_time

_CHUNK = 1 << 20
_HASHERS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}  # sha1: what dbprocessing recorded
_KNOWN = (*DIGESTS, "sha1")


def digest_file(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """The digest of a file's bytes, for example ``sha256:9f86d0…``.

    Raises OSError when it cannot be read, UserError when the algorithm is not known or not installed, and Interrupted
    when the run is to end and no time is left to read it.
    """
    missing = missing_algorithm(algorithm)
    if missing is not None:
        raise UserError(missing)
    hasher = _HASHERS[algorithm]() if algorithm in _HASHERS else _blake3().blake3()
    with open(path, "rb", opener=_opened) as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
            keep_time()
    return f"{algorithm}:{hasher.hexdigest()}"


def _opened(path: str, flags: int) -> int:
    """Open a regular file; on what has become a fifo meanwhile nobody waits."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", path)
    return descriptor


def digest_text(text: str, algorithm: str = "sha256") -> str:
    """The digest of a text, as :func:`digest_file` gives that of a file."""
    content = text.encode(errors="surrogateescape")
    hasher = _HASHERS[algorithm](content) if algorithm in _HASHERS else _blake3().blake3(content)
    return f"{algorithm}:{hasher.hexdigest()}"


def algorithm_of(digest: str) -> str:
    """The algorithm that a digest names."""
    return digest.partition(":")[0]


def stat_text(path: str | os.PathLike[str]) -> str:
    """Size, time of change in nanoseconds and inode: as long as it stays the same, so do the bytes."""
    facts = os.stat(path)
    return f"{facts.st_size}:{facts.st_mtime_ns}:{facts.st_ino}"


def state_of(status: os.stat_result) -> str:
    """Size, and times of change of bytes and inode: every change of a byte changes this, even if times are set back.

    Of a file with several names the inode changes with each name that it gets, so that its time does not count.
    """
    inode_time = status.st_ctime_ns if status.st_nlink == 1 else ""
    return f"{status.st_size}:{status.st_mtime_ns}:{inode_time}"


def missing_algorithm(algorithm: str) -> str | None:
    """What to do before `algorithm` can be used; None when it can be used now."""
    if algorithm not in _KNOWN:
        return f"the digest {algorithm!r} is not known; use one of {', '.join(DIGESTS)}"
    if algorithm == "blake3" and _blake3() is None:
        return "the digest blake3 needs a package that is not installed: pip install blake3"
    return None


def _blake3() -> Any:
    try:
        return importlib.import_module("blake3")
    except ImportError:
        return None
