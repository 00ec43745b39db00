"""Whose a root is: the mark ``.dbproc/owner.json`` names the one database that may work there.

A database is known by its identity, a random number that copies of it share, and by its place, which tells copies
apart: where it is found, and a number that stays when it is renamed. The mark fits when the identity is the same, and
one of both.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dbproc.core.errors import RootError
from dbproc.storage.durable import write_whole
from dbproc.storage.layout import PRIVATE
from dbproc.storage.lockfile import Making

NAME = "owner.json"
_ABOUT = "The root above belongs to this database; dbproc refuses to work there for another one."


@dataclass(frozen=True, slots=True)
class Owner:
    """A database, as the mark of a root has it."""

    identity: str  #: a random number, made with its mission; empty before there is one
    shown: str = field(compare=False)  #: the database as messages name it
    server: str | None  #: that it is on: its system identifier; None where that may not be read, and for SQLite
    name: tuple[str, ...]  #: where it is found: the kind, and the path of a file, or the database and its schema
    number: tuple[int, ...]  #: what stays when it is renamed: device and inode, or numbers of database and table

    def fits(self, other: Owner) -> bool:
        """Whether both are the same database, perhaps renamed or restored in its place."""
        if not self.identity or self.identity != other.identity or self.name[:1] != other.name[:1]:
            return False
        is_there = self.name == other.name or (bool(self.number) and self.number == other.number)
        return self._is_on(other.server) and is_there

    def is_succeeded_by(self, other: Owner) -> bool:
        """Whether another database is found where this one was, which no longer is."""
        return self._is_on(other.server) and self.name == other.name

    def is_at(self, other: Owner) -> bool:
        """Whether this mark names the place of the other one, as far as that is known."""
        return self._is_on(other.server) and (self.name, self.number) == (other.name, other.number)

    def _is_on(self, server: str | None) -> bool:
        return None in (self.server, server) or self.server == server


class Standing(Enum):
    """How a root stands to a database that may work there."""

    OURS = "ours"
    RENAMED = "renamed"  #: the mark names a former place of the database, or the one whose place it took
    UNMARKED = "unmarked"  #: it belongs to nobody


def path_of(root: str) -> str:
    """Where the mark of a root is."""
    return os.path.join(root, PRIVATE, NAME)


def standing(root: str, owner: Owner, *, was_marked: bool) -> Standing:
    """How a root stands to a database; nothing is made or changed.

    `was_marked`: the root has borne its mark, so that one without it is gone, or not mounted. One that has not may bear
    that of a deleted database, in whose place this one was made. RootError when it is gone, or is another database's.
    """
    _require_directory(root)
    mark = read_mark(root)
    if mark is None and was_marked:
        raise RootError(
            f"the root {root} does not bear the mark of its database, {path_of(root)}: is its disk mounted? Nothing "
            f"was done. Mount it; or, if {PRIVATE} was deleted on purpose: {adopt_command(owner)}"
        )
    if mark is None:
        return Standing.UNMARKED
    if not mark.fits(owner) and (was_marked or not mark.is_succeeded_by(owner)):
        raise RootError(_foreign(root, mark, owner))
    return Standing.OURS if mark.fits(owner) and mark.is_at(owner) else Standing.RENAMED


def adopt_command(owner: Owner) -> str:
    """How a person makes a database the owner of a root."""
    return f"dbproc apply --adopt MISSION.toml -m {shlex.quote(owner.shown)}"


def read_mark(root: str) -> Owner | None:
    """The database that a root belongs to, None when it belongs to nobody; RootError when the mark cannot be read."""
    path = path_of(root)
    try:
        with open(path, encoding="utf-8") as stream:
            return _owner(json.load(stream))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RootError(f"cannot read {path}: {error.strerror}; see to its rights and its disk") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RootError(
            f"{path} is damaged: it does not say which database the root belongs to; if it is yours: "
            "dbproc apply --adopt MISSION.toml -m DATABASE"
        ) from error


def mark(root: str, owner: Owner, making: Making) -> None:
    """Mark a root as a database's; the caller keeps the root's file locked."""
    with making():
        write_whole(path_of(root), json.dumps(_facts(owner), indent=2) + "\n")


def unmark(root: str, owner: Owner) -> None:
    """Remove a database's mark from a former root; the mark of another database stays."""
    try:
        found = read_mark(root)
        if found is not None and found.fits(owner):
            os.unlink(path_of(root))
    except (OSError, RootError):
        return  # it only keeps others away from there


def _require_directory(root: str) -> None:
    try:
        os.stat(os.path.join(root, ""))  # of a directory, and not of a file
    except OSError as error:
        raise RootError(
            f"the root {root} is gone: {error.strerror}; nothing was done. Mount its disk; or, if the mission was "
            "moved, apply its mission file from its new place: dbproc apply MISSION.toml"
        ) from error


def _foreign(root: str, found: Owner, owner: Owner) -> str:
    if found.name == owner.name:
        whose = f"another database that was at {found.shown}"
    else:
        whose = f"the database {found.shown}; this is {owner.shown}"
    return (
        f"the root {root} belongs to {whose}. Use a root of its own; or, if {owner.shown} is to take that one's place "
        f"(it was moved, restored or copied): {adopt_command(owner)}"
    )


def _facts(owner: Owner) -> dict[str, Any]:
    return {
        "about": _ABOUT,
        "database": owner.shown,
        "identity": owner.identity,
        "server": owner.server,
        "name": owner.name,
        "number": owner.number,
    }


def _owner(facts: dict[str, Any]) -> Owner:
    return Owner(
        identity=str(facts["identity"]),
        shown=str(facts["database"]),
        server=None if facts["server"] is None else str(facts["server"]),
        name=tuple(map(str, facts["name"])),
        number=tuple(map(int, facts["number"])),
    )
