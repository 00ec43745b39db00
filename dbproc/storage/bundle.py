"""A code's bundle: its own file with the files that it uses, as one thing that has a digest and can be kept.

The files used are given by patterns relative to the directory of the code's own file. Where there are none, digest and
stat are those of the file alone.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Sequence

from dbproc.core.bundle import Bundle, Part, kept_path
from dbproc.core.errors import StorageError, UnsettledError
from dbproc.storage import permissions
from dbproc.storage.digest import algorithm_of, digest_file, digest_text, stat_text
from dbproc.storage.durable import sync

PARTIAL = ".partial"
"""Ends the name of a copy that is being made: what a crash leaves of one, the next run sweeps away."""


def read_bundle(path: str, uses: Sequence[str], algorithm: str = "sha256") -> Bundle:
    """Read every file of a bundle through: the code's own at `path`, and those that the patterns `uses` are like.

    Patterns such as ``lib/*.py`` and ``**/*.json`` are relative to its directory. OSError when a file cannot be read.
    """
    stat = bundle_stat(path, uses)
    home = os.path.dirname(path)
    parts = tuple(_part(home, name, algorithm) for name in _names(path, uses))
    if not uses:
        return Bundle(parts[0].digest, stat, parts)
    listed = "".join(f"{part.digest} {part.path}\n" for part in parts)
    return Bundle(digest_text(listed, algorithm), stat, parts)


def bundle_stat(path: str, uses: Sequence[str]) -> str:
    """Size, time of change and inode of a code's file, and a short digest of those of the files that it uses."""
    own = stat_text(path)
    if not uses:
        return own
    home = os.path.dirname(path)
    others = "".join(f"{name}:{_stat_or_nothing(os.path.join(home, name))}\n" for name in _names(path, uses))
    return f"{own}+{digest_text(others)[7:23]}"


def unmatched(path: str, uses: Sequence[str]) -> list[str]:
    """The patterns that no file is like."""
    home = os.path.dirname(path)
    return [pattern for pattern in uses if not _matching(home, pattern)]


def keep(path: str, bundle: Bundle, store: str) -> str:
    """Keep a copy of a bundle in the directory `store`; gives the path of the code's own file in it.

    The copy appears whole or not at all, and one that is there already stays as it is. StorageError when it cannot be
    written, UnsettledError when a file was changed since the bundle was read, or cannot be read any more.
    """
    kept = os.path.dirname(kept_path(store, bundle.digest, path))
    if not os.path.isdir(kept):
        partial = kept + PARTIAL
        try:
            permissions.make_directories(store)
            _copy(os.path.dirname(path), bundle, partial)
            permissions.settled(partial)
            os.rename(partial, kept)
            sync(store)
        except OSError as error:
            if not os.path.isdir(kept):
                raise StorageError(f"cannot keep a copy of {path} in {kept}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return os.path.join(kept, os.path.basename(path))


def _copy(home: str, bundle: Bundle, partial: str) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    for part in bundle.parts:
        source, target = os.path.join(home, part.path), os.path.join(partial, part.path)
        permissions.make_directories(os.path.dirname(target))
        if not os.access(source, os.R_OK):
            raise UnsettledError(f"{source} went away, or cannot be read; put it right and try again")
        shutil.copy2(source, target)
        if digest_file(target, algorithm_of(part.digest)) != part.digest:
            raise UnsettledError(f"{source} was changed in this moment; try again")
        sync(target)


def _names(path: str, uses: Sequence[str]) -> list[str]:
    """The code's own file first, then what it uses, each once and in order."""
    own = os.path.basename(path)
    home = os.path.dirname(path)
    others = {name for pattern in uses for name in _matching(home, pattern)} - {own}
    return [own, *sorted(others)]


def _matching(home: str, pattern: str) -> list[str]:
    found = glob.glob(pattern, root_dir=home, recursive=True)
    return [name for name in map(os.path.normpath, found) if os.path.isfile(os.path.join(home, name))]


def _part(home: str, name: str, algorithm: str) -> Part:
    path = os.path.join(home, name)
    return Part(name, os.path.getsize(path), digest_file(path, algorithm))


def _stat_or_nothing(path: str) -> str:
    try:
        return stat_text(path)
    except OSError:
        return ""
