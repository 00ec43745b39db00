"""Digests of bytes that come in chunks, several at once: what peers tell, and what the catalogue keeps."""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from dbproc.storage.digest import algorithm_of


class _Hasher(Protocol):
    def update(self, chunk: bytes, /) -> None:
        """Take bytes."""

    def hexdigest(self) -> str:
        """The digest of what was taken."""


class _Checksum:
    """A checksum of 32 bits as a hasher."""

    def __init__(self, function: Callable[[bytes, int], int], start: int) -> None:
        self._function = function
        self._value = start

    def update(self, chunk: bytes, /) -> None:
        self._value = self._function(chunk, self._value)

    def hexdigest(self) -> str:
        return f"{self._value & 0xFFFFFFFF:08x}"


def _optional(module: str, name: str) -> Callable[[], _Hasher] | None:
    try:
        found: Callable[[], _Hasher] = getattr(importlib.import_module(module), name)
    except ImportError:
        return None
    return found


def _hasher(algorithm: str) -> _Hasher | None:
    """A hasher of an algorithm; None where there is none here."""
    match algorithm:
        case "sha256" | "sha1" | "md5" | "sha512" | "sha384" | "sha224":
            return hashlib.new(algorithm, usedforsecurity=False)
        case "adler32":
            return _Checksum(zlib.adler32, 1)
        case "crc32":
            return _Checksum(zlib.crc32, 0)
        case "blake3":
            made = _optional("blake3", "blake3")
            return None if made is None else made()
    return None


class Digests:
    """Several digests of the same bytes; an algorithm that is not known here is left out."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        made = {each: _hasher(each) for each in dict.fromkeys(algorithms)}
        self._hashers = {name: hasher for name, hasher in made.items() if hasher is not None}

    def update(self, chunk: bytes) -> None:
        """Take bytes."""
        for hasher in self._hashers.values():
            hasher.update(chunk)

    def each(self) -> list[Callable[[bytes], None]]:
        """What takes bytes for each digest alone: all of them have to take all bytes, each in a thread of its own."""
        return [hasher.update for hasher in self._hashers.values()]

    def of(self, algorithm: str) -> str:
        """The digest of what was taken, ``sha256:…``; KeyError for an algorithm that was left out."""
        return f"{algorithm}:{self._hashers[algorithm].hexdigest()}"

    def compared(self, expected: Collection[str]) -> tuple[list[str], list[str]]:
        """Those of some digests that are equal, and those that are not; others cannot be told."""
        known = [each for each in expected if algorithm_of(each) in self._hashers]
        equal = [each for each in known if self.of(algorithm_of(each)) == each.lower()]
        return equal, [each for each in known if each not in equal]
