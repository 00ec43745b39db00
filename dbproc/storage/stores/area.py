"""A users' area as a place of transfers: nothing in it is entered through a link, whatever users put there."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import suppress

from dbproc.core.errors import GoneError, PermanentError, TakenError, TransferError
from dbproc.storage.areas import as_error, opened, state_of
from dbproc.storage.stores.base import Entry, refuse_leading_out
from dbproc.storage.stores.local import LocalPlace, LocalReader, LocalUpload, as_entry


class AreaPlace(LocalPlace):
    """The directory of an area; see :class:`dbproc.storage.stores.base.Place`."""

    def entries(self, directory: str = "") -> Iterator[Entry]:
        """The files and directories in a directory; links are neither."""
        with opened(self.directory) as area, area.entered(directory) as descriptor:
            names = sorted(os.listdir(descriptor), key=os.fsencode)
            found = [(name, os.stat(name, dir_fd=descriptor, follow_symlinks=False)) for name in names]
        for name, status in found:
            path = posixpath.join(directory, name)
            if stat.S_ISDIR(status.st_mode):
                yield Entry(path=path, is_directory=True)
            elif stat.S_ISREG(status.st_mode):
                yield as_entry(path, status)

    def look(self, path: str) -> Entry:
        """One file as it is now."""
        refuse_leading_out(path)
        with opened(self.directory) as area:
            status = area.status(path)
        if status is None:
            raise GoneError(f"there is no {self.directory}/{path}")
        if not stat.S_ISREG(status.st_mode):
            raise PermanentError(f"{self.directory}/{path} is no file")
        return as_entry(path, status)

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> LocalReader:
        """Read a file from a byte on, or from 0 where it is not the known one any more."""
        refuse_leading_out(path)
        directory, name = posixpath.split(path)
        shown = f"{self.directory}/{path}"
        try:
            with opened(self.directory) as area, area.entered(directory) as above:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
        except OSError as error:
            raise as_error(error, f"{shown} cannot be read") from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise PermanentError(f"{shown} is no file")
        entry = as_entry(path, status)
        goes_on = known is not None and entry.is_provably(known)
        return LocalReader(descriptor, shown, entry, offset if goes_on else 0)

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> LocalUpload:
        """Begin to put a file, or go on with it."""
        refuse_leading_out(path)
        with opened(self.directory) as area, area.entered(posixpath.dirname(path), is_making=True) as above:
            directory = os.dup(above)
        try:
            return _AreaUpload(self, directory, path, name, offset)
        except BaseException as error:
            os.close(directory)
            if isinstance(error, OSError):
                raise as_error(error, f"{self.directory}/{path} cannot be written") from error
            raise

    def remove(self, path: str) -> None:
        """Remove a file."""
        refuse_leading_out(path)
        with opened(self.directory) as area:
            placed = area.placed(path)
            if placed is not None:
                area.remove(path, placed)

    def _fault(self, error: OSError, path: str) -> TransferError:
        return as_error(error, f"a file below {self.directory} cannot be written")


class _AreaUpload(LocalUpload):
    """A file that is being written in a directory that was entered, wherever that is by now."""

    def __init__(self, place: AreaPlace, directory: int, path: str, name: str, offset: int) -> None:
        self._directory = directory
        super().__init__(place, f"/proc/self/fd/{directory}/{posixpath.basename(path)}", name, offset)
        self._shown = f"{place.directory}/{path}"

    def _opened(self) -> int:
        """Open what is private; where a user has put another name of some file there, that makes way."""
        try:
            descriptor = os.open(self._partial, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):
                raise
        else:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid():
                return descriptor
            os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(self._partial)
        return os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)

    def _refuse_leading_out(self) -> None:
        """It was entered through no link."""

    def publish(self) -> str:
        """Rename it; nothing is overwritten."""
        try:
            super().publish()
        except TakenError:
            raise TakenError(f"{self._shown} is there already, with other bytes; it is not overwritten") from None
        return state_of(os.lstat(self._target))

    def discard(self) -> None:
        """Remove what was written."""
        if self._directory >= 0:
            with suppress(FileNotFoundError):
                os.unlink(self._target if self._published else self._partial)
        self.close()

    def close(self) -> None:
        """Close the file and its directory."""
        super().close()
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1
