"""Reading files through and holding their digests against those that were recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dbproc.check.faults import Fault, Kind
from dbproc.check.files import Files
from dbproc.core.events import Progress
from dbproc.run.inputs import ways_of_edited
from dbproc.storage.digest import algorithm_of, digest_file

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class _Item:
    path: str
    digest: str
    is_member: bool
    remedy: str


def digest_faults(files: Files, progress: Progress | None = None) -> Iterator[Fault]:
    """The files and members whose size is right and whose bytes are not."""
    items = [*_items(files)]
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for start in range(0, len(items), _AT_ONCE):
            some: Sequence[_Item] = items[start : start + _AT_ONCE]
            for item, found in zip(some, pool.map(_digest, some), strict=True):
                yield from _fault(item, found)
            if progress is not None:
                progress(start + len(some), len(items))


def _items(files: Files) -> Iterator[_Item]:
    for file_id in sorted(files.intact):
        row = files.rows[file_id]
        remedy = ways_of_edited(row.filename, is_made=row.is_made)
        yield _Item(files.path_of(row), row.digest, is_member=False, remedy=remedy)
    for member in files.intact_members:
        path = files.member_path(member)
        if path is not None:
            row = files.rows[member.file_id]
            remedy = f"of {files.path_of(row)} and its directory: {ways_of_edited(row.filename, is_made=row.is_made)}"
            yield _Item(path, member.digest, is_member=True, remedy=remedy)


def _digest(item: _Item) -> str | OSError:
    try:
        return digest_file(item.path, algorithm_of(item.digest))
    except OSError as error:
        return error


def _fault(item: _Item, found: str | OSError) -> Iterator[Fault]:
    if isinstance(found, OSError):
        yield Fault(
            kind=Kind.UNREADABLE,
            place=item.path,
            text=f"cannot be read: {found.strerror or found}",
            remedy="give dbproc's user the right to read it, and see that its disk is sound",
        )
    elif found != item.digest:
        yield Fault(
            kind=Kind.MEMBER_CHANGED if item.is_member else Kind.CHANGED,
            place=item.path,
            text=f"has the digest {found}; recorded was {item.digest}",
            remedy=item.remedy,
        )
