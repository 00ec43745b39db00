"""One file at a URL that a client named: read from a public host, or from one that the mission names, and nowhere else.

Wherever it leads on to is looked at in the same way. What is said of a host that may not be reached does not tell
whether there is one.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Any

from dbproc.core.errors import PermanentError, TemporaryError
from dbproc.core.imports import is_among
from dbproc.core.places import PlaceSpec
from dbproc.storage.stores.base import Entry
from dbproc.storage.stores.http import HttpPlace, HttpReader
from dbproc.storage.stores.reach import Reach, is_public

_USUAL_PORTS = (80, 443)


def place(spec: PlaceSpec, most: int) -> UrlPlace:
    """The place of one URL, of which at most so many bytes are read."""
    return UrlPlace(spec, most)


class UrlPlace(HttpPlace):
    """One file, whatever path is asked for; nothing can be put there."""

    def __init__(self, spec: PlaceSpec, most: int) -> None:
        super().__init__(spec)
        self._reach = _Anywhere(spec.hosts)
        self._most = most

    def look(self, path: str) -> Entry:
        """The file as it is now."""
        return self._bounded(super().look(path))

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> HttpReader:
        """Read it from a byte on, or from 0; see :meth:`HttpPlace.read`."""
        reader = super().read(path, offset, known)
        try:
            self._bounded(reader.entry)
        except BaseException:
            reader.close()
            raise
        return _Bounded(reader, self._most)

    def _url(self, path: str) -> str:
        return self.url

    def _bounded(self, entry: Entry) -> Entry:
        if entry.size is not None and entry.size > self._most:
            raise PermanentError(f"{self.host}: it has {entry.size:,} bytes, and one import may have {self._most:,}")
        return entry


class _Bounded(HttpReader):
    """The bytes of a file that tells no size, as long as they are not too many."""

    def __init__(self, reader: HttpReader, most: int) -> None:
        self.entry, self.offset = reader.entry, reader.offset
        self._reader, self._most = reader, most

    def __iter__(self) -> Iterator[bytes]:
        """The bytes."""
        at = self.offset
        for chunk in self._reader:
            at += len(chunk)
            if at > self._most:
                self.close()
                raise PermanentError(f"{self.entry.path}: one import may have {self._most:,} bytes, and more come")
            yield chunk

    def close(self) -> None:
        """End the reading."""
        self._reader.close()


class _Anywhere(Reach):
    """Every public host at the usual ports, and the hosts that the mission names."""

    def __init__(self, hosts: Sequence[str]) -> None:
        super().__init__("", hosts)
        self._hosts = hosts

    def refuse_unnamed(self, host: str, what: str) -> None:
        """Hosts need no name here; what is connected to is looked at by its address."""

    def addresses(self, host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
        """The addresses of a host, each of which may be connected to.

        Raises
        ------
        PermanentError
            One of them may not.
        """
        if is_among(host, self._hosts):
            return super().addresses(host, port)
        if port not in _USUAL_PORTS:
            raise PermanentError(f"{host} would be asked at port {port}; only 80 and 443 are")
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            raise TemporaryError(f"{host} cannot be reached", is_of_place=True) from None
        if not all(is_public(str(address[0])) for *_, address in found):
            raise PermanentError(
                f'{host} is not public, and is not asked; if that is meant: [service] hosts = ["{host}"]'
            )
        return [(family, address) for family, _, _, _, address in found]
