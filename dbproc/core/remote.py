"""What of the files of a source is new or has changed since it was looked at before. Pure."""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """A file of a source as a listing tells it; `modified` aware UTC."""

    path: str
    size: int | None = None
    modified: dt.datetime | None = None
    etag: str = ""

    @property
    def name(self) -> str:
        """Its name, without directories."""
        return posixpath.basename(self.path)

    def differs(self, before: Seen) -> bool:
        """Whether it has changed since it was seen before; what is not told now, or was not then, has not."""
        if self.size is not None and before.size is not None and self.size != before.size:
            return True
        if self.etag and before.etag:
            return self.etag != before.etag
        return self.modified is not None and before.modified is not None and self.modified != before.modified


@dataclass(frozen=True, slots=True)
class News:
    """What a look found: files that are `new`, `changed` since they were fetched; those that have the name of another
    file of the source, with the path of that one."""

    new: tuple[Seen, ...]
    changed: tuple[Seen, ...]
    namesakes: tuple[tuple[str, str], ...]

    @property
    def files(self) -> tuple[Seen, ...]:
        """All that are to be fetched."""
        return (*self.new, *self.changed)


def news(seen: Collection[Seen], known: Mapping[str, Seen], listed: Collection[str]) -> News:
    """What of the files of a look is new or has changed.

    Of several files of one name that one is fetched which was before; else the first. `listed`: the directories that
    were listed, all of whose files are among `seen`.
    """
    there = {each.path for each in seen}
    owners = {
        posixpath.basename(path): path for path in known if path in there or posixpath.dirname(path) not in listed
    }
    new: list[Seen] = []
    changed: list[Seen] = []
    namesakes: list[tuple[str, str]] = []
    for each in sorted(seen, key=lambda one: one.path):
        owner = owners.setdefault(each.name, each.path)
        if owner != each.path:
            namesakes.append((each.path, owner))
        elif each.path not in known:
            new.append(each)
        elif each.differs(known[each.path]):
            changed.append(each)
    return News(tuple(new), tuple(changed), tuple(namesakes))


def settled(old: Iterable[str], unfinished: Iterable[str]) -> list[str]:
    """Those of the directories of old times that need not be listed again: nothing below them is still to be fetched;
    of one within another the outer one alone."""
    busy = {directory for path in unfinished for directory in _above(path)}
    done = {directory for directory in old if directory not in busy}
    return sorted(directory for directory in done if not done.intersection(_above(directory)))


def _above(path: str) -> Iterator[str]:
    """The directories that a path is in, up to the top."""
    while path:
        path = posixpath.dirname(path)
        yield path
