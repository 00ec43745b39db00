"""How many coordinates a dataset may have: they are kept one by one in its metadata, which is read as a whole."""

from __future__ import annotations

from dbproc.codes.idx.refusal import Refusal

MOST = 3_000_000
"""Numbers that are kept for the axes of a dataset."""


def require_few(where: object, count: int) -> None:
    """Refuse more coordinates than can be kept; to be asked before they are read."""
    if count > MOST:
        what = f"it has {count} coordinates; {MOST} can be kept in the metadata of a dataset"
        raise Refusal(where, what, "Convert a part of it")
