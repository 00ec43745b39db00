"""Symbolic links of a tree: made, turned and removed one by one; what somebody else has put there is left alone."""

from __future__ import annotations

import os

from dbproc.storage import permissions


def lead(path: str, target: str, before: str | None) -> bool:
    """Have a link lead to `target`; False where something else is in its place than what was made `before`."""
    there = _target(path)
    if there == target:
        return True
    if there is not None and there == before:
        os.unlink(path)
    make_way(path)
    try:
        os.symlink(target, path)
    except FileExistsError:
        return False
    except OSError as error:  # it would name what the link leads to
        raise OSError(error.errno, error.strerror, path) from error
    return True


def make_way(path: str) -> None:
    """Make the directory that a link is to be in."""
    permissions.make_directories(os.path.dirname(path))


def is_empty(directory: str) -> bool:
    """Whether a directory has nothing in it."""
    with os.scandir(directory) as entries:
        return next(entries, None) is None


def remove(path: str, target: str) -> None:
    """Remove a link that leads to `target`; anything else is not ours."""
    if _target(path) == target:
        os.unlink(path)


def _target(path: str) -> str | None:
    """What a link leads to; None where there is none."""
    try:
        return os.readlink(path)
    except OSError:
        return None
