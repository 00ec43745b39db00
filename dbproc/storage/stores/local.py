"""Places that are directories of this machine, or are mounted here."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from dbproc.core.errors import GoneError, PermanentError, RoomError, TakenError, TemporaryError, TransferError
from dbproc.core.places import PlaceSpec
from dbproc.core.text import time_of
from dbproc.storage import permissions
from dbproc.storage.digest import state_of
from dbproc.storage.renaming import rename
from dbproc.storage.stores.base import CHUNK, Entry, partial_name, refuse_leading_out

_HELD = 4 << 20  # bytes: the system drops its cache in pieces of up to 2 MiB, and none that is written to
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_PERMANENT = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EISDIR)


def place(spec: PlaceSpec) -> LocalPlace:
    """The directory of a ``file:`` URL."""
    return LocalPlace(unquote(urlsplit(spec.url).path))


class LocalPlace:
    """A directory; `outside` are the places to which links in it may lead."""

    host = ""

    def __init__(self, directory: str, outside: Sequence[str] = ()) -> None:
        self.directory = os.path.normpath(directory)
        self.url = f"file://{self.directory}"
        self._allowed = tuple(os.path.realpath(each) for each in (self.directory, *outside))

    def entries(self, directory: str = "") -> Iterator[Entry]:
        """The files and directories in a directory; links to files are files."""
        path = self._path(directory, is_directory=True)
        try:
            with os.scandir(path) as found:
                listed = sorted(found, key=lambda each: os.fsencode(each.name))
        except OSError as error:
            raise self._fault(error, path) from error
        for each in listed:
            with suppress(OSError):  # it went away, or leads nowhere
                status = each.stat()
                inner = f"{directory.rstrip('/')}/{each.name}" if directory else each.name
                if stat.S_ISDIR(status.st_mode):
                    if not each.is_symlink():
                        yield Entry(path=inner, is_directory=True)
                elif stat.S_ISREG(status.st_mode):
                    yield as_entry(inner, status)

    def look(self, path: str) -> Entry:
        """One file as it is now."""
        place = self._path(path)
        try:
            status = os.stat(place)
        except OSError as error:
            raise self._fault(error, place) from error
        if not stat.S_ISREG(status.st_mode):
            raise PermanentError(f"{place} is no file")
        return as_entry(path, status)

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> LocalReader:
        """Read a file from a byte on, or from 0 where it is not the known one any more."""
        place = self._path(path)
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise self._fault(error, place) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise PermanentError(f"{place} is no file")
        entry = as_entry(path, status)
        goes_on = known is not None and entry.is_provably(known)
        return LocalReader(descriptor, place, entry, offset if goes_on else 0)

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> LocalUpload:
        """Begin to put a file, or go on with it."""
        target = self._path(path)
        try:
            try:
                return LocalUpload(self, target, name, offset)
            except FileNotFoundError:
                if not os.path.isdir(self.directory):
                    raise
                permissions.make_directories(os.path.dirname(target))
                return LocalUpload(self, target, name, offset)
        except OSError as error:
            raise self._fault(error, target) from error

    def remove(self, path: str) -> None:
        """Remove a file."""
        target = self._path(path)
        try:
            os.unlink(target)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._fault(error, target) from error

    def free(self) -> int | None:
        """Bytes that a user who is not root can still write."""
        try:
            return shutil.disk_usage(self.directory).free
        except OSError as error:
            raise self._fault(error, self.directory) from error

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, path: str, *, is_directory: bool = False) -> str:
        """The path of a file; PermanentError where it leads out, by its text or by a link on the way."""
        refuse_leading_out(path)
        whole = os.path.join(self.directory, path) if path else self.directory
        if not self._has_link(path):
            return whole
        real = os.path.realpath(whole if is_directory or os.path.islink(whole) else os.path.dirname(whole))
        if not any(real == top or real.startswith(top.rstrip("/") + "/") for top in self._allowed):
            raise PermanentError(f"{whole} leads out of {self.directory}: a link on the way leads to {real}")
        return whole

    def _has_link(self, path: str) -> bool:
        """Whether something on the way to a file is a link, or cannot be looked at."""
        at = self.directory.rstrip("/")
        try:
            for part in path.split("/"):
                at = f"{at}/{part}"
                if stat.S_ISLNK(os.lstat(at).st_mode):
                    return True
        except FileNotFoundError:
            return False  # and nothing is below it
        except OSError:
            return True
        return False

    def _fault(self, error: OSError, path: str) -> TransferError:
        """An error of the system in words, by what helps."""
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            if not os.path.isdir(self.directory):
                return TemporaryError(f"{self.directory} is not there; is its disk mounted?", is_of_place=True)
            return GoneError(f"there is no {path}")
        if error.errno in _NO_ROOM:
            return RoomError(f"{path} cannot be written: {error.strerror}")
        kind = PermanentError if error.errno in _PERMANENT else TemporaryError
        return kind(f"{path}: {error.strerror or error}")


def as_entry(path: str, status: os.stat_result) -> Entry:
    """A file as the system tells it."""
    return Entry(path=path, size=status.st_size, modified=time_of(status.st_mtime_ns / 1e9), version=_version(status))


def _version(status: os.stat_result) -> str:
    """What changes with every byte that is written, and with a file that takes the name of another."""
    return f"{status.st_ino}:{status.st_mtime_ns}:{status.st_size}"


class LocalReader:
    """A file of this machine that is being read; one that changes meanwhile is a TemporaryError."""

    def __init__(self, descriptor: int, path: str, entry: Entry, offset: int) -> None:
        self._descriptor = descriptor
        self._path = path
        self.entry = entry
        self.offset = offset

    def __iter__(self) -> Iterator[bytes]:
        """The bytes."""
        at = self.offset
        while chunk := self._chunk(at):
            at += len(chunk)
            yield chunk
        if _version(os.fstat(self._descriptor)) != self.entry.version:
            raise TemporaryError(f"{self._path} changed while it was read")

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _chunk(self, at: int) -> bytes:
        try:
            return os.pread(self._descriptor, CHUNK, at)
        except OSError as error:
            raise TemporaryError(f"{self._path} cannot be read: {error.strerror}") from error


class LocalUpload:
    """A file that is being written beside where it goes."""

    reads_before = True
    alongside = True
    token = ""

    def __init__(self, place: LocalPlace, target: str, name: str, offset: int) -> None:
        self._place = place
        self._target = self._shown = target
        self._partial = os.path.join(os.path.dirname(target), partial_name(name))
        self._published = False
        self._descriptor = self._opened()
        there = os.fstat(self._descriptor).st_size
        self.offset = min(offset, there)
        if there > self.offset:
            os.ftruncate(self._descriptor, self.offset)
        self._at = self.offset
        self._read = self._forgotten = 0
        self._whole = False

    def _opened(self) -> int:
        return os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)

    def prefix(self) -> Iterator[bytes] | None:
        """The bytes that are there already."""
        return self._bytes(self._partial, 0, self.offset)

    def write(self, chunk: bytes) -> None:
        """Append bytes; the system begins at once to bring them to the disk."""
        rest, at = memoryview(chunk), self._at
        try:
            while rest:
                written = os.pwrite(self._descriptor, rest, self._at)
                self._at += written
                rest = rest[written:]
            os.posix_fadvise(self._descriptor, at, len(chunk), os.POSIX_FADV_DONTNEED)
        except OSError as error:
            raise self._fault(error) from error

    def seek(self, position: int) -> None:
        """Have the next bytes go to another place of the file; what is before it may be missing as yet."""
        self._at = position
        self._read, self._forgotten = min(self._read, position), min(self._forgotten, position)

    def checkpoint(self) -> int:
        """Sync what was written, and have it no longer in memory."""
        written = self._at
        try:
            os.fdatasync(self._descriptor)
            if written - _HELD > self._forgotten:
                self._forget(written - _HELD - self._forgotten)
                self._forgotten = written - _HELD
        except OSError as error:
            raise self._fault(error) from error
        return written

    def finish(self) -> None:
        """Give it the mission's rights, and sync it."""
        permissions.give_open(self._descriptor)
        try:
            os.fsync(self._descriptor)
            self._forget(0)
            os.posix_fadvise(self._descriptor, self._read, CHUNK, os.POSIX_FADV_WILLNEED)
        except OSError as error:
            raise self._fault(error) from error
        self._whole = True

    def read_back(self) -> Iterator[bytes]:
        """The bytes as they are on disk, that were not read back before."""
        path = self._target if self._published else self._partial
        for chunk in self._bytes(path, self._read, None if self._whole else self._forgotten):
            self._read += len(chunk)
            yield chunk

    def _forget(self, count: int) -> None:
        """Have so many bytes that are synced, 0: all, no longer in memory, but on disk alone."""
        os.posix_fadvise(self._descriptor, self._forgotten, count, os.POSIX_FADV_DONTNEED)

    def publish(self) -> str:
        """Rename it; nothing is overwritten."""
        self._refuse_leading_out()
        try:
            rename(self._partial, self._target)
        except FileExistsError:
            raise TakenError(f"{self._target} is there already") from None
        except OSError as error:
            raise self._fault(error) from error
        self._published = True
        return state_of(os.stat(self._target))

    def discard(self) -> None:
        """Remove what was written."""
        self.close()
        with suppress(FileNotFoundError):
            os.unlink(self._target if self._published else self._partial)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _refuse_leading_out(self) -> None:
        """PermanentError where a link on the way leads out by now."""
        self._place._path(self._target[len(self._place.directory) :].lstrip("/"))

    def _fault(self, error: OSError) -> TransferError:
        """An error of the system in words; what was written and is gone can be written again."""
        fault = self._place._fault(error, self._target)
        if isinstance(fault, GoneError):
            return TemporaryError(f"what was written of {self._shown} is gone; something has removed it")
        return fault

    def _bytes(self, path: str, at: int, end: int | None) -> Iterator[bytes]:
        """The bytes between two, as the disk has them; None: to the end of the file."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise self._fault(error) from error
        try:
            end = os.fstat(descriptor).st_size if end is None else end
            while at < end and (chunk := os.pread(descriptor, min(CHUNK, end - at), at)):
                at += len(chunk)
                yield chunk
        except OSError as error:
            raise TemporaryError(f"{path} cannot be read back: {error.strerror}") from error
        finally:
            os.close(descriptor)
