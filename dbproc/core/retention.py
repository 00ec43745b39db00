"""How many versions of a product's files are kept: ``newest``, ``last 3`` or ``all``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbproc.core.keys import Codec

ALL = "all"
NEWEST = "newest"
ALLOWED = '"newest", "last 3" (or another number) or "all"'
_LAST = re.compile(r"last ([2-9]|[1-9][0-9]{1,4})")


def read_keep(text: str) -> int | None:
    """How many of the newest versions are kept; None: all.

    Raises
    ------
    ValueError
        The text says no such thing.
    """
    if text == ALL:
        return None
    if text == NEWEST:
        return 1
    match = _LAST.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} does not say how many versions are kept; write {ALLOWED}")
    return int(match.group(1))


def keep_fault(text: str) -> str | None:
    """The fault of what is said of the versions that are kept, or None."""
    try:
        read_keep(text)
    except ValueError as error:
        return str(error)
    return None


def keep_text(count: int | None) -> str:
    """The reverse of :func:`read_keep`."""
    if count is None:
        return ALL
    return NEWEST if count == 1 else f"last {count}"


KEEP = Codec(read_keep, keep_text)


@dataclass(frozen=True, slots=True)
class Superseded:
    """A version in its place, `place` places after the newest (1: the one before), and what speaks for keeping it."""

    file_id: int
    filename: str
    size: int | None
    place: int
    keep: int  #: how many of the newest versions are kept
    is_made: bool  #: a process made it
    is_released: bool  #: it belongs to a release of data
    is_used: bool  #: a file in its place was made from it
    has_inputs: bool  #: all that it was made from is still there


def reapable(versions: Iterable[Superseded]) -> Iterator[Superseded]:
    """Those that may go: superseded, more than are kept, in no release, used by nothing, and to be made again from what
    is there."""
    return (each for each in versions if each.place >= each.keep and not hindrance(each))


def hindrance(version: Superseded) -> str:
    """Why a version stays that is more than are to be kept; nothing of one that may go."""
    if not version.is_made:
        return "it was delivered, and could not be made again"
    if version.is_released:
        return "it belongs to a release"
    if version.is_used:
        return "a file in its place was made from it"
    return "" if version.has_inputs else "what it was made from is gone, and it could not be made again"
