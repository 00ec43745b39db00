"""What a place is: where files are listed, read and put, whatever the protocol.

A path in a place is relative to the place's URL, with ``/`` between its parts, and never leads out of it. Everything
here raises :class:`~dbproc.core.errors.TransferError` and nothing else for what is wrong with a place, a peer or a
file: :class:`~dbproc.core.errors.TemporaryError` where a later try may succeed,
:class:`~dbproc.core.errors.PermanentError` where it will not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from dbproc.core.errors import PermanentError, TemporaryError
from dbproc.core.filenames import UNFIT

_OWN, _PART = ".dbproc-", ".part"
_LONGEST_NAME = 255

CHUNK = 1 << 20
"""Bytes that are read and written at a time, at most."""

SLOWEST = 100.0
"""Bytes per second: a peer that sends less, for as long as the place's timeout, counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file in a place, or a directory, as the place tells it now.

    Attributes
    ----------
    path
        Relative to the place.
    size
        Bytes; None when the place does not tell.
    modified
        Aware UTC.
    etag
        A strong validator of the bytes (an HTTP ETag that is not weak, without its quotes); nothing: there is none.
    version
        The number of the version of the object, where its place keeps versions.
    digests
        What the place says of the bytes: ``sha256:…``, ``md5:…``, ``adler32:…``, ``crc32c:…``, in lower-case hex.
    """

    path: str
    size: int | None = None
    modified: dt.datetime | None = None
    etag: str = ""
    version: str = ""
    digests: tuple[str, ...] = ()
    is_directory: bool = False

    def is_provably(self, other: Entry) -> bool:
        """Whether both have the same bytes for sure: one version or one strong ETag; where a place has neither, one
        size and time."""
        if self.size != other.size:
            return False
        if self.version or other.version:
            return self.version == other.version and self.etag == other.etag
        if self.etag or other.etag:
            return self.etag == other.etag
        return self.size is not None and self.modified is not None and self.modified == other.modified


class Reader(Protocol):
    """A file that is being read.

    `entry` is the file whose bytes these are, as its place told when the reading began; `offset` is where they begin:
    what was asked for, or 0 where the place cannot go on there or the file is not provably the one that was known.
    `digests` grows by what the place tells at the end (trailers).
    """

    entry: Entry
    offset: int

    def __iter__(self) -> Iterator[bytes]:
        """The bytes, in chunks; a connection that ends before `entry.size` is a TemporaryError."""

    def close(self) -> None:
        """End the reading, with all that is open for it."""


class Upload(Protocol):
    """A file that is being put into a place, privately until it is published.

    `offset` is how many durable bytes there are already: at most those that were recorded, what is beyond is gone.
    `token` is what the place needs to go on after a crash; it is recorded as soon as there is one, and may change with
    :meth:`checkpoint`.
    """

    offset: int
    token: str
    reads_before: bool  #: whether the bytes can be read back before they are published
    alongside: bool  #: whether other threads can make durable and read back what was written, while more is written

    def prefix(self) -> Iterator[bytes] | None:
        """The first `offset` bytes, to go on with their digest; None where they cannot be read before publication."""

    def write(self, chunk: bytes) -> None:
        """Append bytes."""

    def checkpoint(self) -> int:
        """Make what was written durable, as far as the place can; gives the number of bytes that outlive a crash."""

    def finish(self) -> None:
        """All bytes were written: make them durable; nothing is published yet."""

    def read_back(self) -> Iterator[bytes]:
        """The bytes as they are in the place, read from there and from no cache; before or after publication.

        Of what is written `alongside` these are the bytes that are durable by now and were not read back before.
        """

    def publish(self) -> str:
        """Give the file its name, in one step and without overwriting.

        Gives what the system says of it then (:func:`~dbproc.storage.digest.state_of`), where it is a file of this
        machine; else nothing. That its name outlives a power cut is the affair of who records it.

        Raises
        ------
        TakenError
            Something has the name. What was written stays private.
        """

    def discard(self) -> None:
        """Remove what was written, wherever it is by now; what is not there is no fault."""

    def close(self) -> None:
        """Close what is open; what was written stays, to go on with it later."""


class Place(Protocol):
    """A place that holds files. Use it in one thread at a time; close it.

    `url` is shown to people: it holds no secret. `host` is what limits are kept for; nothing: this machine.
    """

    url: str
    host: str

    def entries(self, directory: str = "") -> Iterator[Entry]:
        """The files and directories in a directory, not below these; a directory that is not there is a GoneError."""

    def look(self, path: str) -> Entry:
        """One file as it is now; GoneError where there is none."""

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> Reader:
        """Read a file from a byte on.

        Parameters
        ----------
        path
            Of the file.
        offset
            Where to begin; above 0 only with `known`.
        known
            The file as it was; where it is not provably that any more, the reading begins at 0.
        """

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> Upload:
        """Begin to put a file, or go on with it.

        Parameters
        ----------
        path
            Where it goes.
        name
            A word that no other transfer has: it names what is private.
        offset
            How many bytes were recorded as durable.
        token
            What the upload gave before.
        size
            How many bytes there will be, where known.
        """

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no fault."""

    def free(self) -> int | None:
        """Bytes that there is room for; None where the place does not tell."""

    def close(self) -> None:
        """End every connection."""


def at_most(reader: Reader, size: int | None) -> Iterator[bytes]:
    """What a reader gives; where its place tells no size, no more than `size`, if that is known.

    Raises
    ------
    TemporaryError
        There is more.
    """
    count = 0
    for chunk in reader:
        count += len(chunk)
        if reader.entry.size is None and size is not None and count > size:
            raise TemporaryError(f"it sends more than {size:,} bytes, and tells no size")
        yield chunk


def partial_name(name: str) -> str:
    """What a file is called beside where it goes, as long as it is not whole."""
    return f"{_OWN}{name}{_PART}"


def is_partial(name: str) -> bool:
    """Whether a file of this name is one that a transfer has begun."""
    return name.startswith(_OWN) and name.endswith(_PART)


def refuse_leading_out(path: str) -> None:
    """PermanentError for a path that leads out of its place by its text, or that no place can hold."""
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "" in parts[:-1] or "." in parts:
        raise PermanentError(f"{path!r} leads out of its place, or is not written plainly")
    if UNFIT.search(path):
        raise PermanentError(f"{path!r} has control characters or bytes that are not UTF-8 in its name")
    if any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise PermanentError(f"{path[:40]!r} … has a name of more than {_LONGEST_NAME} bytes")


def below(place: Place, directory: str = "") -> Iterator[Entry]:
    """All files below a directory of a place, as the place lists them at once where it can (its method `below`); else
    directories in the order in which the place gives them."""
    flat = getattr(place, "below", None)
    if flat is not None:
        yield from flat(directory)
        return
    waiting = [directory]
    while waiting:
        for entry in place.entries(waiting.pop()):
            if entry.is_directory:
                waiting.append(entry.path)
            else:
                yield entry
