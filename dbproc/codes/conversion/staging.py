"""Building a dataset beside its target and putting it there whole, or not at all.

The staging directory ``.x.idx.building`` is locked while somebody works in it, child process included; what an
ended process left in it is swept by the next conversion to the same target. The companion directory ``x`` is put in
place first and ``x.idx`` last: where ``x.idx`` is, everything is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dbproc.codes.idx.files import is_text
from dbproc.codes.idx.manifest import companion
from dbproc.codes.idx.refusal import Refusal

SYNCERS = 8
UNSAFE = "%?\n\r"
"""Characters with which OpenVisus writes blocks elsewhere or not at all."""


@dataclass(frozen=True)
class Staging:
    """A locked, empty directory on the target's filesystem.

    ``idx`` is where the dataset is to be built, ``lock`` the descriptor that holds the lock.
    """

    target: Path
    directory: Path
    lock: int

    @property
    def idx(self) -> Path:
        """The ``.idx`` to build; its companion belongs beside it."""
        return self.directory / self.target.name

    def publish(self) -> None:
        """Make all durable, then put it into place. Never overwrites."""
        blocks = companion(self.idx)
        with ThreadPoolExecutor(SYNCERS) as pool:  # a system makes several durable at once, and one in as much time
            list(pool.map(_sync, [self.idx, *blocks.rglob("*"), blocks, self.directory]))
        _refuse_existing(self.target)
        os.rename(companion(self.idx), companion(self.target))
        try:
            self._place_idx()
        except BaseException:
            if not self._placed():
                os.rename(companion(self.target), companion(self.idx))
            raise
        _sync(self.target.parent)

    def _place_idx(self) -> None:
        try:
            os.link(self.idx, self.target)
        except FileExistsError as error:
            raise _exists(self.target) from error
        except OSError:  # a filesystem without hard links
            os.rename(self.idx, self.target)

    def _placed(self) -> bool:
        return not self.idx.exists() or (self.target.exists() and self.idx.samefile(self.target))


@contextmanager
def refusing(target: Path) -> Iterator[None]:
    """Whatever the system does not allow while a target is made is told as a refusal; nothing of it is left then."""
    try:
        yield
    except OSError as error:
        raise Refusal(error.filename or target, str(error.strerror), "Nothing was kept; mend that first") from error


@contextmanager
def staging(target: Path) -> Iterator[Staging]:
    """A staging directory for ``target`` (an absolute path ending in ``.idx``), removed in the end.

    Raises
    ------
    Refusal
        When the target exists, cannot be written, has an unsafe path or is being made by another process.
    """
    _check_path(target)
    directory = target.parent / f".{target.name}.building"
    lock = _locked(directory, target)
    try:
        _sweep(directory, target)
        _refuse_existing(target)
        yield Staging(target, directory, lock)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _check_path(target: Path) -> None:
    if target.suffix != ".idx" or not target.stem:
        raise Refusal(target, "the output's name does not end in .idx", "Name it something.idx")
    unsafe = sorted(set(UNSAFE) & set(str(target)))
    if unsafe:
        raise Refusal(target, f"OpenVisus cannot work with {unsafe} in a path", "Choose another name or directory")
    if not is_text(target):
        raise Refusal(target, "its name is not UTF-8", "Choose another name or directory")
    if not target.parent.is_dir():
        raise Refusal(target.parent, "there is no such directory", "Make it first, or name another one")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise Refusal(target.parent, "the directory cannot be written to", "Mend its permissions, or name another one")


def _locked(directory: Path, target: Path) -> int:
    """Make the directory if need be and lock it; the lock counts only if it is still the directory of that name."""
    while True:
        _make(directory)
        try:
            lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:  # whoever worked in it has just removed it
            continue
        if _try_lock(lock, target) and _same(lock, directory):
            return lock
        os.close(lock)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise Refusal(directory, f"it cannot be made: {error.strerror}", "Mend that first") from error


def _try_lock(lock: int, target: Path) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise Refusal(target, "another process is making it right now", "Wait for that one to end") from error
        raise
    return True


def _same(lock: int, directory: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), directory.stat())
    except FileNotFoundError:
        return False


def _sweep(directory: Path, target: Path) -> None:
    """Remove what a killed conversion left: its staging, and a companion it had placed without the ``.idx``.

    It had, when its ``.idx`` is still staged, the companion is not, and the target's ``.idx`` is not there.
    """
    staged = directory / target.name
    if staged.is_file() and not companion(staged).exists() and not os.path.lexists(target):
        shutil.rmtree(companion(target), ignore_errors=True)
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise _exists(target)
    if os.path.lexists(companion(target)):
        what = f"it exists already; {target.name} would keep its blocks under this name"
        raise Refusal(companion(target), what, "Choose another output name")


def _exists(path: Path) -> Refusal:
    return Refusal(path, "it exists already, and nothing is overwritten", "Remove it or choose another output name")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some filesystems cannot sync directories
            raise
    finally:
        os.close(descriptor)
