"""Removing directories that dbproc made, also where jobs took away the right to write."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress


def remove_tree(path: str) -> str | None:
    """Remove a directory with all that is in it, without the right to write where that can be had, and however deep.

    Gives what could not be removed, and why; None when all of it is gone.
    """
    try:
        remove(path)
    except (OSError, RecursionError):
        return _remove_stubborn(path)
    return None


def open_up(path: str) -> None:
    """See that a directory of ours can be listed and written by us."""
    with suppress(OSError):
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            return
        mode = stat.S_IMODE(status.st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(path, mode | stat.S_IRWXU)


def remove(path: str) -> None:
    """Remove a file, a link, or a directory with all that is in it; nothing where there is none."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def remove_empty(directories: Iterable[str], top: str) -> None:
    """Remove directories that are empty, and those above them that are so then, below `top`; what is not one stays."""
    for directory in sorted(set(directories), key=len, reverse=True):
        place = os.path.normpath(directory)
        with suppress(OSError):
            while place.startswith(f"{os.path.normpath(top)}/") and not os.path.islink(place):
                os.rmdir(place)
                place = os.path.dirname(place)


def _remove_stubborn(path: str) -> str | None:
    """Remove what can be removed, level by level; the first thing that cannot be, and why."""
    problem: OSError | None = None
    is_shrinking = True
    while is_shrinking and _is_directory(path):
        is_shrinking, problem = False, None
        for entry in _entries(path):
            try:
                is_shrinking |= _remove_level(entry, path)
            except OSError as error:
                problem = problem or error
    try:
        remove(path)
    except (OSError, RecursionError) as error:
        problem = problem or (error if isinstance(error, OSError) else None)
        place = problem.filename if problem and problem.filename else path
        return f"{place}: {problem.strerror if problem else error}"
    return None


def _remove_level(path: str, top: str) -> bool:
    """Remove an entry of `top`; the directories in it become entries of `top`. Whether anything became less."""
    if not _is_directory(path):
        os.unlink(path)
        return True
    problem: OSError | None = None
    has_moved = False
    for entry in _entries(path):
        try:
            if _is_directory(entry):
                open_up(entry)
                os.rename(entry, _free_name(top))
            else:
                os.unlink(entry)
            has_moved = True
        except OSError as error:
            problem = problem or error
    if problem is None:
        os.rmdir(path)
        return True
    if not has_moved:
        raise problem
    return True


def _entries(path: str) -> Iterator[str]:
    open_up(path)
    try:
        names = os.listdir(path)
    except OSError:
        return
    for name in names:
        yield os.path.join(path, name)


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _free_name(top: str) -> str:
    number = 0
    while os.path.lexists(name := os.path.join(top, f".{number}")):
        number += 1
    return name
