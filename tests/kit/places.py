"""Places that do not do as they should, made of directories: they cut, change, lie, refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dbproc.core.errors import TemporaryError
from dbproc.storage.stores.base import Entry, Reader
from dbproc.storage.stores.local import LocalPlace


class Told(LocalPlace):
    """A directory whose files are told with other facts: its entries go through `change`."""

    host = "elsewhere"

    def __init__(self, directory: str, change: Callable[[Entry], Entry] = lambda entry: entry) -> None:
        super().__init__(directory)
        self.change = change

    def look(self, path: str) -> Entry:
        return self.change(super().look(path))

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> Reader:  # type: ignore[override]
        reader = super().read(path)
        entry = self.change(reader.entry)
        goes_on = known is not None and entry.is_provably(known)
        return _Reader(reader, entry, offset if goes_on else 0)


class _Reader:
    def __init__(self, reader: Reader, entry: Entry, offset: int) -> None:
        self._reader, self.entry, self.offset = reader, entry, offset

    def __iter__(self) -> Iterator[bytes]:
        at = 0
        for chunk in self._reader:
            yield chunk[max(self.offset - at, 0) :]
            at += len(chunk)

    def close(self) -> None:
        self._reader.close()


class Cut(Told):
    """A place whose connection breaks after so many bytes of each reading."""

    def __init__(self, directory: str, count: int) -> None:
        super().__init__(directory)
        self._count = count

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> Reader:  # type: ignore[override]
        return _Cut(super().read(path, offset, known), self._count)


class _Cut(_Reader):
    def __init__(self, reader: Reader, count: int) -> None:
        super().__init__(reader, reader.entry, 0)
        self.offset, self._count = reader.offset, count

    def __iter__(self) -> Iterator[bytes]:
        left = self._count
        for chunk in self._reader:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                raise TemporaryError("the connection broke")
