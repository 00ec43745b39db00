"""Results that can be worked out again: files in a directory; the longest unused go when there are too many."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dbproc.core.errors import StorageError
from dbproc.storage import permissions

_PARTIAL = "part-"
_LEFT_SECONDS = 3600.0


class Shelf:
    """A directory of at most so many bytes. Names are the caller's own: digests."""

    def __init__(self, directory: str, most_bytes: int) -> None:
        self._directory = directory
        self._most_bytes = most_bytes

    def get(self, name: str) -> bytes | None:
        """What is there under a name; it counts as used now."""
        path = os.path.join(self._directory, name)
        try:
            with open(path, "rb") as stream:
                content = stream.read()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)
        return content

    def put(self, name: str, content: bytes) -> None:
        """Keep it, as long as there is room for it; where nothing can be written, it is not kept."""
        with suppress(OSError, StorageError), self.room() as room:
            path = os.path.join(room, name)
            with open(path, "wb") as stream:
                stream.write(content)
            permissions.give(path)
            os.replace(path, os.path.join(self._directory, name))
            self._tidy()

    @contextmanager
    def room(self) -> Iterator[str]:
        """A directory in it for as long as the block lasts.

        Raises
        ------
        StorageError
            It cannot be made.
        """
        try:
            permissions.make_directories(self._directory)
            made = tempfile.mkdtemp(prefix=_PARTIAL, dir=self._directory)
        except OSError as error:
            raise StorageError(f"cannot write into {self._directory}: {error.strerror}") from error
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _tidy(self) -> None:
        """Remove what was used least lately, and what was left by a process that was killed."""
        kept, left = 0, time.time() - _LEFT_SECONDS
        with os.scandir(self._directory) as entries:
            found = sorted(
                ((each.stat(follow_symlinks=False), each) for each in entries), key=lambda each: -each[0].st_mtime
            )
        for facts, each in found:
            if each.is_dir(follow_symlinks=False):
                if each.name.startswith(_PARTIAL) and facts.st_mtime < left:
                    shutil.rmtree(each.path, ignore_errors=True)
                continue
            kept += facts.st_size
            if kept > self._most_bytes:
                with suppress(OSError):
                    os.unlink(each.path)
