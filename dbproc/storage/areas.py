"""Files put into users' areas, and taken out again.

What is below a user's directory is his: he may put links there, and turn them while files are placed. So every
directory is entered through the one above it, none through a link, and what is done is done in the directory that was
entered; nothing is overwritten, and nothing is removed but what was placed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from dbproc.core.errors import GoneError, PermanentError, RoomError, TakenError, TemporaryError, TransferError
from dbproc.core.staging import PRIVATE
from dbproc.storage import permissions, renaming
from dbproc.storage.digest import algorithm_of
from dbproc.storage.hashing import Digests
from dbproc.system.signals import keep_time

_CHUNK = 1 << 20
_FICLONE = 0x40049409
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_SHARES_NOTHING = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS, errno.EXDEV, errno.ETXTBSY)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_WAITS = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EAGAIN, errno.EINTR)
_TO = "link to "


class Area:
    """An open area; paths are relative to it. Everything here raises TransferErrors for what is wrong with it."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        try:
            self._top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            text = f"the area's directory {directory} cannot be entered: {error.strerror}"
            raise TemporaryError(f"{text}; have it made, or its disk mounted", is_of_place=True) from error

    def close(self) -> None:
        """Let it go."""
        os.close(self._top)

    def free(self) -> int:
        """Bytes that there is room for."""
        facts = os.fstatvfs(self._top)
        return facts.f_bavail * facts.f_frsize

    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        with os.scandir(self._top) as entries:
            return next(entries, None) is None

    def missing(self, directory: str) -> list[str]:
        """The directories that are to be made before there is a directory, those above first."""
        parts = directory.split("/")
        for count in range(len(parts), 0, -1):
            status = self.status("/".join(parts[:count]))
            if status is not None:
                return ["/".join(parts[:end]) for end in range(count + 1, len(parts) + 1)]
        return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]

    def make(self, directory: str) -> None:
        """Make a directory, and those above it that are missing."""
        with self.entered(directory, is_making=True):
            pass

    @contextmanager
    def entered(self, directory: str, *, is_making: bool = False) -> Iterator[int]:
        """A descriptor of a directory, entered without following a link; GoneError where there is none."""
        current = os.dup(self._top)
        shown = self.directory
        try:
            for part in filter(None, directory.split("/")):
                shown = f"{shown}/{part}"
                with _words(f"{shown} cannot be entered"):
                    below = _entered(current, part, shown, is_making=is_making)
                os.close(current)
                current = below
            yield current
        finally:
            os.close(current)

    def status(self, path: str) -> os.stat_result | None:
        """What the system says of a path itself, also of a link; None where nothing is."""
        directory, name = posixpath.split(path)
        try:
            with self.entered(directory) as descriptor, _words(f"{self._shown(path)} cannot be looked at"):
                return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except GoneError:
            return None

    def placed(self, path: str) -> str | None:
        """What tells a file or a link from another that has its path later; None where nothing is."""
        status = self.status(path)
        if status is None:
            return None
        if not stat.S_ISLNK(status.st_mode):
            return state_of(status)
        directory, name = posixpath.split(path)
        try:
            with self.entered(directory) as descriptor:
                return leading_to(os.readlink(name, dir_fd=descriptor))
        except (OSError, GoneError):
            return None

    def has_bytes(self, path: str, size: int | None, digest: str | None) -> bool:
        """Whether a regular file with these bytes has a path; where no digest is known, it is not told."""
        if not digest:
            return False
        digests = Digests([algorithm_of(digest)])
        directory, name = posixpath.split(path)
        with self.entered(directory) as descriptor, _words(f"{self._shown(path)} cannot be read"):
            try:
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENXIO):
                    return False  # a link, or a socket
                raise
            with open(opened, "rb") as stream:
                status = os.fstat(opened)
                if not stat.S_ISREG(status.st_mode) or (size is not None and status.st_size != size):
                    return False
                while chunk := stream.read(_CHUNK):
                    digests.update(chunk)
                    keep_time()
        return bool(digests.compared([digest])[0])

    def hardlink(self, source: str, path: str) -> str:
        """Give a file another name in the area; gives what tells it from others."""
        try:
            with self._name_for(path) as (descriptor, name):
                os.link(source, name, dst_dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno == errno.EXDEV:
                text = f"{source} is on another filesystem than {self.directory}, and cannot have another name there"
                raise PermanentError(f"{text}; stage a copy of it: --link copy") from error
            raise self._error(error, path, source) from error
        return state_of(os.lstat(source))

    def symlink(self, source: str, path: str) -> str:
        """Have a symbolic link in the area lead to a file; gives what tells it from others."""
        try:
            with self._name_for(path) as (descriptor, name):
                os.symlink(source, name, dir_fd=descriptor)
        except OSError as error:
            raise self._error(error, path, source) from error
        return leading_to(source)

    def reflink(self, source: str, path: str, word: str, announce: Callable[[str], None]) -> str:
        """Put a file into the area that shares its bytes with another; gives what tells it from others.

        Parameters
        ----------
        source, path
            From where, and its path here.
        word
            What no other file that is being placed has: it names what is private.
        announce
            Is given the same before the file has its name.
        """
        with self._name_for(path) as (descriptor, name):
            private = f"{PRIVATE}-{word}"
            place = f"/proc/self/fd/{descriptor}"
            with suppress(FileNotFoundError):
                os.unlink(private, dir_fd=descriptor)
            try:
                placed = self._cloned(source, descriptor, private)
                announce(placed)
                renaming.rename(f"{place}/{private}", f"{place}/{name}")
            except OSError as error:
                if error.errno in _SHARES_NOTHING:
                    text = f"{source} cannot share its bytes with a file in {self.directory}: {error.strerror}"
                    raise PermanentError(f"{text}; stage a copy of it: --link copy") from error
                raise self._error(error, path, source) from error
            finally:
                with suppress(OSError):
                    os.unlink(private, dir_fd=descriptor)
        return placed

    def _cloned(self, source: str, descriptor: int, private: str) -> str:
        """Make a private file with the bytes of another, shared by the filesystem; never a copy."""
        with open(source, "rb") as origin:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            made = os.open(private, flags, 0o666, dir_fd=descriptor)
            try:
                fcntl.ioctl(made, _FICLONE, origin.fileno())
                permissions.give_open(made)
                os.fsync(made)
                return state_of(os.fstat(made))
            finally:
                os.close(made)

    def remove(self, path: str, placed: str) -> bool:
        """Remove what was placed; False where something else is there, which stays. What is gone is removed."""
        now = self.placed(path)
        if now is None:
            return True
        if now != placed:
            return False
        directory, name = posixpath.split(path)
        what = f"{self._shown(path)} cannot be removed"
        with self.entered(directory) as descriptor, _words(what), suppress(FileNotFoundError):
            os.unlink(name, dir_fd=descriptor)
        return True

    def sync(self, directories: Iterable[str]) -> None:
        """Have what was placed in directories, or removed from them, outlive a power cut."""
        for directory in sorted(set(directories)):
            with suppress(TransferError, OSError), self.entered(directory) as descriptor:
                os.fsync(descriptor)

    def remove_empty(self, directory: str) -> bool:
        """Remove a directory, if nothing is in it; whether it is gone."""
        above, name = posixpath.split(directory)
        try:
            with self.entered(above) as descriptor:
                os.rmdir(name, dir_fd=descriptor)
        except OSError as error:
            return error.errno == errno.ENOENT
        except TransferError as error:
            return isinstance(error, GoneError)
        return True

    def remove_private(self, directory: str, name: str) -> None:
        """Remove what is private of a file that was not placed."""
        with suppress(TransferError, FileNotFoundError), self.entered(directory) as descriptor:
            os.unlink(name, dir_fd=descriptor)

    @contextmanager
    def _name_for(self, path: str) -> Iterator[tuple[int, str]]:
        """The directory of a new file, made if it is missing, and its name in there."""
        directory, name = posixpath.split(path)
        with self.entered(directory, is_making=True) as descriptor:
            yield descriptor, name

    def _shown(self, path: str) -> str:
        return f"{self.directory}/{path}"

    def _error(self, error: OSError, path: str, source: str) -> TransferError:
        """A fault of the system in placing a file, as what it means."""
        shown = self._shown(path)
        if error.errno == errno.EEXIST:
            return TakenError(f"{shown} is there already, and is not what is to be placed; it is not overwritten")
        if error.errno == errno.ENOENT:
            return GoneError(f"{source} is gone")
        return as_error(error, f"{shown} cannot be placed")


def leading_to(source: str) -> str:
    """What tells a symbolic link from another one."""
    return f"{_TO}{source}"


@contextmanager
def opened(directory: str) -> Iterator[Area]:
    """An area, open."""
    area = Area(directory)
    try:
        yield area
    finally:
        area.close()


def _entered(above: int, name: str, shown: str, *, is_making: bool) -> int:
    """Enter a directory of the one above it, made if it is missing."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=above)
    except FileNotFoundError:
        if not is_making:
            raise
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise PermanentError(f"{shown} is a link or no directory, and is not entered") from error
        raise
    with suppress(FileExistsError):
        os.mkdir(name, 0o777, dir_fd=above)
        made = os.open(name, _DIRECTORY, dir_fd=above)
        permissions.give_open(made)
        os.fsync(above)
        return made
    return _entered(above, name, shown, is_making=False)


@contextmanager
def _words(what: str) -> Iterator[None]:
    """Faults of the system as TransferErrors that say what could not be done."""
    try:
        yield
    except OSError as error:
        raise as_error(error, what) from error


def as_error(error: OSError, what: str) -> TransferError:
    """A fault of the system as what it means; `what` could not be done."""
    text = f"{what}: {error.strerror or error}"
    if error.errno == errno.ENOENT:
        return GoneError(text)
    if error.errno in _FULL:
        return RoomError(text)
    return TemporaryError(text) if error.errno in _WAITS else PermanentError(text)


def state_of(status: os.stat_result) -> str:
    """What stays the same as long as a file keeps its bytes, whatever names and rights it gets."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"
