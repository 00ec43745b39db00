"""An archive packed as another kind, read back and compared: no member of it ever lies on disk by itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbproc.codes.archives import sevenzip_file, tar_file, zip_file
from dbproc.codes.archives.guard import CHUNK, Guard
from dbproc.codes.archives.member import Kind, Member, Stream, Writer
from dbproc.codes.archives.reading import read
from dbproc.codes.idx.files import placed, require_files, sha256, state
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

WRITING: dict[str, Callable[[Path, int], AbstractContextManager[Writer]]] = {
    "7z": sevenzip_file.writing,
    "zip": zip_file.writing,
    "tar.zst": tar_file.writing,
}
"""What archives are repacked to, and by which."""


@dataclass(frozen=True)
class Packed:
    """A member and the digests of its bytes by their names; of what is no file there are none."""

    member: Member
    digests: dict[str, str]

    def entry(self) -> dict[str, Any]:
        """What the list of members says of it."""
        leads = {"target": self.member.target} if self.member.target else {}
        return {
            "name": self.member.name,
            "kind": str(self.member.kind),
            "size": self.member.size,
            **leads,
            **self.digests,
        }


class _Digesting:
    """A stream that takes the digests of what is read from it."""

    def __init__(self, stream: Stream, names: tuple[str, ...], guard: Guard | None = None) -> None:
        self._stream, self._guard, self.size = stream, guard, 0
        self._sums = {name: hashlib.new(name) for name in names}

    def read(self, size: int = -1, /) -> bytes:
        part = self._stream.read(size)
        if self._guard:
            self._guard.take(len(part))
        self.size += len(part)
        for each in self._sums.values():
            each.update(part)
        return part

    def digests(self) -> dict[str, str]:
        """Of all bytes, the rest of them read first."""
        while self.read(CHUNK):
            pass
        return {name: each.hexdigest() for name, each in self._sums.items()}


def repack(
    source: Path, target: Path, kind: str, *, level: int, digests: tuple[str, ...], listed: Path | None = None
) -> str:
    """Pack an archive otherwise.

    Parameters
    ----------
    source
        A zip, 7z or tar file, the latter plain or compressed by gzip, bzip2, xz or zstd.
    target
        The archive to make.
    kind
        One of :data:`WRITING`.
    level
        How hard to compress, from 1 to 9.
    digests
        Names of the digests of members: ``sha256``, and others.
    listed
        Where the list of members goes, as JSON; none for no list.

    Returns
    -------
    str
        One line that says what was written.

    Raises
    ------
    Refusal
        When the source is damaged, is not to be trusted, or holds what such an archive cannot hold; when what is read
        back is not what was packed. Nothing of the target is left then.
    """
    require_files([source])
    before = state([source])
    with placed(target) as place:
        packed = _pack(source, place, kind, level, digests)
        _require_equal(place, packed, digests)
        if state([source]) != before:
            raise Refusal(source, "it changed while it was repacked", "Repack it again")
        if listed is not None:
            _list(listed, target.name, place, packed)
    size = sum(each.member.size for each in packed)
    return f"{target.name}: {kind}, {len(packed)} members, {size} bytes, read back equal"


def _pack(source: Path, place: Path, kind: str, level: int, digests: tuple[str, ...]) -> list[Packed]:
    guard = Guard(source)
    with guard.sound(place.parent, "repacked"), WRITING[kind](place, level) as writer:
        packed = [_add(writer, member, stream, guard, digests) for member, stream in _admitted(source, guard)]
        if not packed:
            raise Refusal(source, "it holds nothing", GET_AGAIN)
    return packed


def _admitted(source: Path, guard: Guard) -> Iterator[tuple[Member, Stream]]:
    for member, stream in read(source):
        guard.admit(member)
        yield member, stream


def _add(writer: Writer, member: Member, stream: Stream, guard: Guard, digests: tuple[str, ...]) -> Packed:
    held, digesting = writer.held(member), _Digesting(stream, digests, guard)
    writer.add(held, digesting)
    found = digesting.digests()
    guard.require_size(member, digesting.size)
    return Packed(held, found if member.kind is Kind.FILE else {})


def _require_equal(place: Path, packed: list[Packed], digests: tuple[str, ...]) -> None:
    """Read an archive that was just made, and refuse it unless each member is what it was made of."""
    try:
        found = [_seen(member, stream, digests) for member, stream in read(place)]
    except (Refusal, MemoryError):
        raise
    except Exception as error:
        raise _unlike(place, f"{type(error).__name__}: {error}") from error
    for wanted, there in zip(packed, found, strict=False):
        if wanted != there:
            raise _unlike(place, f"{wanted.entry()} became {there.entry()}, {wanted.member} {there.member}")
    if len(packed) != len(found):
        raise _unlike(place, f"{len(packed)} members became {len(found)}")


def _seen(member: Member, stream: Stream, digests: tuple[str, ...]) -> Packed:
    found = _Digesting(stream, digests).digests()
    return Packed(member, found if member.kind is Kind.FILE else {})


def _unlike(place: Path, what: str) -> Refusal:
    todo = "Nothing was kept. Try once more; if it says so again, look after the disk and the memory of this machine"
    return Refusal(place.name, f"what was read back is not what was packed: {what}", todo)


def _list(listed: Path, name: str, place: Path, packed: list[Packed]) -> None:
    told = {
        "archive": name,
        "size": place.stat().st_size,
        "sha256": sha256(place),
        "contents": [each.entry() for each in packed],
    }
    with placed(listed) as part:
        part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
