"""A place that is told what it lists: for names that no filesystem has, and for failures."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from dbproc.core.errors import GoneError, TransferError
from dbproc.storage.stores.base import Entry, Reader, Upload


class ToldPlace:
    """Lists what it is told, directory by directory; notes in `asked` what it was asked for.

    `texts`: by path what stands in files. `faults`: by path of a file or directory, what goes wrong with it. `facts`:
    what is told of files that are looked at one by one.
    """

    url = "told://"
    host = "told"

    def __init__(
        self,
        listings: Mapping[str, Sequence[Entry]],
        texts: Mapping[str, str] | None = None,
        faults: Mapping[str, TransferError] | None = None,
        facts: Sequence[Entry] = (),
    ) -> None:
        self._facts = facts
        self._listings = listings
        self._texts = texts or {}
        self._faults = faults or {}
        self.asked: list[str] = []

    def entries(self, directory: str = "") -> Iterator[Entry]:
        self._ask(directory)
        if directory not in self._listings:
            raise GoneError(f"{directory}: not there")
        yield from self._listings[directory]

    def look(self, path: str) -> Entry:
        self._ask(path)
        for entry in (*self._facts, *self._listings.get(posixpath.dirname(path), ())):
            if entry.path == path:
                return entry
        raise GoneError(f"{path}: not there")

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> Reader:
        self._ask(path)
        if path not in self._texts:
            raise GoneError(f"{path}: not there")
        return _ToldReader(Entry(path=path), self._texts[path].encode())

    def _ask(self, path: str) -> None:
        self.asked.append(path)
        if path in self._faults:
            raise self._faults[path]

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> Upload:
        raise NotImplementedError

    def remove(self, path: str) -> None:
        raise NotImplementedError

    def free(self) -> int | None:
        return None

    def close(self) -> None:
        pass


class _ToldReader:
    def __init__(self, entry: Entry, content: bytes) -> None:
        self.entry = entry
        self.offset = 0
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    def close(self) -> None:
        pass


def files(directory: str, *names: str) -> list[Entry]:
    return [Entry(path=posixpath.join(directory, name), size=1) for name in names]


def directories(directory: str, *names: str) -> list[Entry]:
    return [Entry(path=posixpath.join(directory, name), is_directory=True) for name in names]
