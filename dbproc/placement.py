"""Moving files and their companion directories so that a crash loses nothing.

A file is never overwritten. On one filesystem a move is one atomic rename; across filesystems a copy is made beside
the target, synced and renamed, and the source is removed last. A file's companion directory (``x/`` of ``x.idx``) is
moved before it and back after it: where the file is, all of it is.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from dbproc.errors import PlacementError


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
        It would lie outside of `root`.
    """
    path = os.path.normpath(os.path.join(root, relative))
    if os.path.commonpath([path, os.path.normpath(root)]) != os.path.normpath(root):
        raise PlacementError(f"{relative!r} leads outside of {root}")
    return path


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
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _move_all([*([(companion, companion_target(target))] if companion else []), (source, target)])
    except OSError as error:
        move_back(source, target)
        raise PlacementError(f"cannot move {source} to {target}: {error.strerror or error}") from error


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
    os.makedirs(os.path.dirname(source), exist_ok=True)
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
    """Make files durable, companion directories and all below a directory included, then what names them."""
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


def remove_tree(path: str) -> None:
    """Remove a directory of dbproc's own making, whatever is in it."""
    shutil.rmtree(path, ignore_errors=True)


def _files_below(path: str) -> list[str]:
    return [os.path.join(place, name) for place, _, names in os.walk(path) for name in names]


def _sync_one(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move_all(pairs: Sequence[tuple[str, str]]) -> None:
    """Move by renames; between filesystems everything is copied before anything is removed, the file first."""
    copied = []
    for source, target in pairs:
        try:
            os.rename(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_across(source, target)
            copied.append(source)
    for source in reversed(copied):
        _remove(source)


def _copy_across(source: str, target: str) -> None:
    """Copy to another filesystem: the target appears whole or not at all."""
    partial = _partial(target)
    _remove(partial)
    if os.path.isdir(source) and not os.path.islink(source):
        shutil.copytree(source, partial, symlinks=True)
    else:
        shutil.copy2(source, partial, follow_symlinks=False)
    if not os.path.islink(partial):
        sync([partial])
    os.rename(partial, target)
    _sync_one(os.path.dirname(target))


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
