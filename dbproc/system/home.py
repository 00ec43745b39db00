"""``~`` and ``~user`` in the paths that people write."""

from __future__ import annotations

import os

from dbproc.core.errors import UserError


def expanded(path: str) -> str:
    """The path with the home directory in the place of ``~`` or ``~user``; UserError where that is not known."""
    full = os.path.expanduser(path)
    if not full.startswith("~"):
        return full
    user = full[1:].partition(os.sep)[0]
    why = f"there is no user {user}" if user else "your home directory is not known: HOME is not set"
    raise UserError(f"{path} means nothing here: {why}; write the path in full, or ./~ for a name with ~ in it")
