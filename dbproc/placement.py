"""Moving files and their companion directories so that a crash loses nothing.

A file is never overwritten. On one filesystem a move is one atomic rename; across filesystems a copy is made beside
the target, synced and renamed, and the source is removed last. A file's companion directory (``x/`` of ``x.idx``) is
moved before it and back after it: where the file is, all of it is. Whatever is moved has the mission's umask and group
before it has its new name (:mod:`dbproc.access`).
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from dbproc import access
from dbproc.errors import PlacementError
from dbproc.model import Mission, Product

PRIVATE = ".dbproc"
"""The directory below the root that is dbproc's own."""

_LONGEST_PATH = 2000
"""Bytes; PostgreSQL keeps no more than 2704 in an index."""


def companion_of(path: str) -> str | None:
    """The companion directory that stands beside `path`, None when there is none."""
    stem, suffix = os.path.splitext(path)
    return stem if suffix and os.path.isdir(stem) and not os.path.islink(stem) else None


def companion_target(target: str) -> str:
    """Where the companion directory of `target` belongs."""
    return os.path.splitext(target)[0]


def inside(root: str, relative: str) -> str:
    """The absolute path of `relative` below `root`.

    Raises
    ------
    PlacementError
        It would lie outside of `root`, by its text or because a link leads there; or it is longer than any path that
        is recorded.
    """
    return _inside(root, relative)[0]


def home(mission: Mission, product: Product, directory: str, filename: str) -> str:
    """The absolute path of a file of a product in its `directory`, relative to the root.

    Raises
    ------
    PlacementError
        It would lie outside of the root, or in a directory of the mission that is not for products: incoming, codes,
        ``.dbproc`` … where a keyword leads, and not the definition itself.
    """
    path, real = _inside(mission.root, os.path.join(directory, filename))
    for place in _other_places(mission):
        if _is_below(real, place) and not _is_below(_meant(mission.root, product.directory), place):
            raise PlacementError(f"{directory!r} leads into {place}, which is not for products")
    return path


def _inside(root: str, relative: str) -> tuple[str, str]:
    """The path of :func:`inside`, and its directory without links on the way."""
    path, top = os.path.normpath(os.path.join(root, relative)), os.path.normpath(root)
    if not _is_below(path, top):
        raise PlacementError(f"{relative!r} leads outside of {root}")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise PlacementError(f"its path below {root} would have more than {_LONGEST_PATH} bytes")
    real = os.path.realpath(os.path.dirname(path))
    if not _is_below(real, _real(top)):
        raise PlacementError(f"{relative!r} leads outside of {root}: a link on the way leads to {real}")
    return path, real


_real = lru_cache(maxsize=4)(os.path.realpath)
"""Of directories that stay what they are while a run is live."""


@lru_cache(maxsize=4)
def _other_places(mission: Mission) -> tuple[str, ...]:
    """The directories of a mission that are not for products."""
    own = os.path.join(mission.root, PRIVATE)
    places = (own, mission.incoming, mission.quarantine, mission.code_directory, mission.inspector_directory)
    return tuple(os.path.realpath(place) for place in places)


def _meant(root: str, pattern: str) -> str:
    """The directory below which a pattern has all its directories."""
    fixed, brace, _ = pattern.partition("{")
    return os.path.realpath(os.path.join(root, os.path.dirname(fixed) if brace else fixed))


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def set_aside_path(directory: str, name: str) -> str:
    """A path in `directory` that nothing has, for a file of any name: nothing in it that a terminal or disk minds."""
    stem, suffix = (_safe(part) for part in os.path.splitext(name))
    return os.path.join(directory, f"{stem}.{time.time_ns():x}{suffix}")


def _safe(part: str) -> str:
    """A part of a name, of at most 100 bytes."""
    printable = "".join(char if char.isprintable() else "_" for char in part)
    return printable.encode()[:100].decode(errors="ignore")


def move(source: str, target: str) -> None:
    """Move a file, with its companion directory, to a place where nothing is.

    Raises
    ------
    PlacementError
        Something is at the target already, or the system refuses; the source is where it was.
    OSError
        The system refused in the middle, and refuses to put it back, too.
    """
    companion = companion_of(source)
    for wanted in (target, companion_target(target)) if companion else (target,):
        if os.path.lexists(wanted):
            raise PlacementError(f"{wanted} exists already and is not overwritten")
    try:
        access.make_directories(os.path.dirname(target))
        _move_all([*([(companion, companion_target(target))] if companion else []), (source, target)])
    except OSError as error:
        move_back(source, target)
        raise PlacementError(f"cannot move {source} to {target}: {error.strerror or error}") from error


def place(source: str, target: str) -> None:
    """:func:`move` a file of a product: what has become a link, or anything else, since it was looked at is refused.

    Raises
    ------
    PlacementError
        As :func:`move` does, or `source` is no regular file any more.
    OSError
        As :func:`move` does.
    """
    if not os.path.isfile(source) or os.path.islink(source):
        raise PlacementError(f"{source} is no regular file any more")
    move(source, target)


def move_back(source: str, target: str) -> None:
    """Undo a :func:`move` that was announced and perhaps half done, or undone by half.

    Raises
    ------
    PlacementError
        Something else is in the way by now.
    """
    stem, target_stem = os.path.splitext(source)[0], companion_target(target)
    has_companion = stem != source
    for path in (source, target, *((stem, target_stem) if has_companion else ())):
        _remove(_partial(path))
    if not os.path.lexists(target):
        if has_companion and os.path.lexists(source) and os.path.isdir(target_stem):
            _return_companion(stem, target_stem)
        return
    if os.path.lexists(source):
        if is_part(target, source):
            return remove(target)
        if not is_part(source, target):
            raise PlacementError(f"{source} is another file by now")
        remove(source)  # what is left of it: the removal after a copy was interrupted
    pairs = [(target, source)]
    if has_companion and companion_of(target):
        if os.path.lexists(stem):
            _discard_part(stem, target_stem)
        pairs.insert(0, (target_stem, stem))
    access.make_directories(os.path.dirname(source))
    _move_all(pairs)


def is_part(one: str, other: str) -> bool:
    """Whether every byte of `one` is at the same place of `other`: files, links, directories, companion directories."""
    companion = companion_of(one)
    if companion and not _is_part_of_tree(companion, companion_target(other)):
        return False
    return _is_part_of_tree(one, other)


def remove(path: str) -> None:
    """Remove a file with its companion directory, or a directory: what is safe elsewhere, or was ordered away.

    The companion directory goes first: what is left by a crash still has the name of the file.

    Raises
    ------
    OSError
        It cannot be removed.
    """
    companion = companion_of(path)
    if companion:
        shutil.rmtree(companion)
    _remove(path)


def sync(paths: Iterable[str]) -> None:
    """Make files durable, companion directories and all below a directory included, then what names them.

    Links, fifos and devices are not opened.
    """
    wanted = list(paths)
    files = [file for path in wanted for file in _all_of(path)]
    _sync_all(files)
    _sync_all(sorted({os.path.dirname(path) for path in (*wanted, *files)}))


def _all_of(path: str) -> list[str]:
    """The file with the members of its companion directory; of a directory, the files below it."""
    if os.path.isdir(path):
        return _files_below(path)
    companion = companion_of(path)
    return [path, *(_files_below(companion) if companion else ())]


def _sync_all(paths: Sequence[str]) -> None:
    """Sync at the same time: flushes that a disk is asked for together cost it little more than one."""
    if len(paths) < 2:
        for path in paths:
            _sync_one(path)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(_sync_one, paths))


def _files_below(path: str) -> list[str]:
    """The regular files below a directory."""
    found: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                found += _files_below(entry.path)
            elif entry.is_file(follow_symlinks=False):
                found.append(entry.path)
    return found


def _sync_one(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move_all(pairs: Sequence[tuple[str, str]]) -> None:
    """Move by renames, everything with the mission's access before it has its new name.

    Between filesystems, and where the access of something cannot be changed, everything is copied before anything is
    removed, the file first.
    """
    copied = []
    for source, target in pairs:
        if not (access.settled(source) and _is_renamed(source, target)):
            _copy(source, target)
            copied.append(source)
    for source in reversed(copied):
        _remove(source)


def _is_renamed(source: str, target: str) -> bool:
    """Rename; False when the target is on another filesystem."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _copy(source: str, target: str) -> None:
    """Copy: the target appears whole, synced and with its access, or not at all."""
    partial = _partial(target)
    _remove(partial)
    try:
        _copy_all(source, partial)
        if not os.path.islink(partial):
            sync([partial])
        os.rename(partial, target)
    except OSError:
        _remove(partial)  # on a full disk it would keep the room that others need
        raise
    _sync_one(os.path.dirname(target))


def _copy_all(source: str, target: str) -> None:
    """Copy a file, a link, or a directory with all below it; it is for nobody but us before it is whole."""
    status = os.lstat(source)
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(source), target)
        return
    if stat.S_ISDIR(status.st_mode):
        os.mkdir(target, 0o700)
        for name in os.listdir(source):
            _copy_all(os.path.join(source, name), os.path.join(target, name))
    elif stat.S_ISREG(status.st_mode):
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        shutil.copyfile(source, target, follow_symlinks=False)
    else:
        raise OSError(errno.EINVAL, "a fifo, socket or device cannot be copied", source)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    access.give_like(target, status)


def _partial(path: str) -> str:
    name = Path(path)
    return str(name.with_name(f".{name.name}.dbproc-partial"))


def _return_companion(stem: str, target_stem: str) -> None:
    if os.path.lexists(stem):
        _discard_part(target_stem, stem)
    else:
        _move_all([(target_stem, stem)])


def _discard_part(part: str, whole: str) -> None:
    """Remove a directory that is a part of another one."""
    if not _is_part_of_tree(part, whole):
        raise PlacementError(f"{part} and {whole} are not the same")
    shutil.rmtree(part)


def _is_part_of_tree(one: str, other: str) -> bool:
    if os.path.islink(one):
        return os.path.islink(other) and os.readlink(one) == os.readlink(other)
    if os.path.isdir(one):
        names = os.listdir(one)
        return os.path.isdir(other) and all(_is_part_of_tree(f"{one}/{name}", f"{other}/{name}") for name in names)
    return os.path.isfile(one) and os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
