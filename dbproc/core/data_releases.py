"""Releases of data: the lines of a manifest, and how two releases differ. Pure.

A manifest is JSON, line by line: the first says which release it is, each further one tells a file as it was then.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from dbproc.core.errors import UserError
from dbproc.core.version import Version

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
KIND = "dbproc release of data"
"""What the first line of a manifest begins with, before the number of its form."""


def require_name(name: str) -> None:
    """See that a release can be called so: its manifest is called so, too.

    Raises
    ------
    UserError
        It cannot.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"a release cannot be called {name!r}; write letters, digits and . _ + - (at most 64), for example 2024a"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the first line of a manifest says."""

    name: str
    mission: str
    time: dt.datetime
    user: str
    comment: str


def manifest_text(head: Head, lines: Sequence[str]) -> str:
    """A manifest: its first line, and those of the files."""
    first = {
        KIND: 1,
        "release": head.name,
        "mission": head.mission,
        "time": head.time.isoformat(),
        "user": head.user,
        "comment": head.comment,
        "files": len(lines),
        "bytes": sum(json.loads(line)["size"] or 0 for line in lines),
    }
    return "".join(f"{line}\n" for line in (_line(first), *lines))


def entry_line(row: Any, members: Iterable[Any]) -> str:
    """The line of a file, a :class:`~dbproc.database.files.FileRow`, with the members of its companion directory."""
    return _line(
        {
            "path": f"{row.directory}/{row.filename}",
            "size": row.size,
            "digest": row.digest,
            "product": row.product,
            "date": row.date.isoformat(),
            "keywords": row.keywords,
            "version": str(row.version),
            "start": row.start.isoformat(),
            "stop": row.stop.isoformat(),
            "quality": row.quality,
            "caveats": row.caveats,
            "members": [{"path": each.path, "size": each.size, "digest": each.digest} for each in members],
        }
    )


def _line(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def path_in(entry: str) -> str:
    """The path of the file of a line, as it was below the root."""
    return str(json.loads(entry)["path"])


# --- how two releases differ ---


class Change(StrEnum):
    """How a file of one release differs from that of another."""

    ADDED = "added"  #: only the second one has it
    REMOVED = "removed"  #: only the first one has it
    VERSION = "other version"  #: both have it, in different versions
    BYTES = "other bytes"  #: both have it in one version, with different bytes


@dataclass(frozen=True, slots=True)
class Held:
    """A file that a release holds; `slot` is what its versions have in common."""

    product: str
    slot: tuple[int, dt.date, str]
    version: Version
    filename: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A file in which two releases differ."""

    product: str  #: the name of its product
    change: Change  #: how they differ
    old: str | None  #: its name in the first one; null: it is not there
    new: str | None  #: its name in the second one; null: it is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDifference:
    """How many files of a product differ between two releases."""

    product: str  #: its name
    added: int  #: files that only the second one has
    removed: int  #: files that only the first one has
    other_version: int  #: files of which they have different versions
    other_bytes: int  #: files of which they have different bytes in one version
    same: int  #: files that are the same in both


def differences(old: Iterable[Held], new: Iterable[Held]) -> tuple[list[ProductDifference], list[Difference]]:
    """How two releases differ: by product, and file by file."""
    before, after = _by_slot(old), _by_slot(new)
    found: list[Difference] = []
    same: dict[str, int] = defaultdict(int)
    for slot in sorted({*before, *after}):
        for first, second in _pairs(before.get(slot, ()), after.get(slot, ())):
            product = next(each.product for each in (second, first) if each is not None)
            change = _change(first, second)
            if change is None:
                same[product] += 1
                continue
            old_name, new_name = (each.filename if each else None for each in (first, second))
            found.append(Difference(product=product, change=change, old=old_name, new=new_name))
    counts = Counter((each.product, each.change) for each in found)
    products = {*same, *(product for product, _ in counts)}
    return [_counted(product, counts, same[product]) for product in sorted(products)], found


def _by_slot(held: Iterable[Held]) -> dict[tuple[int, dt.date, str], list[Held]]:
    slots: dict[tuple[int, dt.date, str], list[Held]] = defaultdict(list)
    for each in held:
        slots[each.slot].append(each)
    return slots


def _pairs(old: Sequence[Held], new: Sequence[Held]) -> Iterator[tuple[Held | None, Held | None]]:
    """The files of one slot against each other: of the same versions, then the others from the newest on."""
    before = {each.version: each for each in old}
    after = {each.version: each for each in new}
    both = before.keys() & after.keys()
    yield from ((before[version], after[version]) for version in sorted(both))
    rest = ([files[version] for version in sorted(files.keys() - both, reverse=True)] for files in (before, after))
    yield from zip_longest(*rest)


def _change(old: Held | None, new: Held | None) -> Change | None:
    if old is None:
        return Change.ADDED
    if new is None:
        return Change.REMOVED
    if old.version != new.version:
        return Change.VERSION
    return None if old.digest == new.digest else Change.BYTES


def _counted(product: str, counts: Mapping[tuple[str, Change], int], same: int) -> ProductDifference:
    added, removed, version, other = (counts[product, change] for change in Change)
    return ProductDifference(
        product=product, added=added, removed=removed, other_version=version, other_bytes=other, same=same
    )
