"""Which mission a command is for: the one that is named, else that of the current directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import click

from dbproc.storage import ownership
from dbproc.storage.ownership import Owner

VARIABLE = "DBPROC_MISSION"
_BEFORE = "dbproc.mission"
FILE = "mission.sqlite"
"""What a database is called that is found by itself."""


def remember_mission(ctx: click.Context, _: click.Parameter, given: str | None) -> None:
    """Keep the database that is named before a command, for it."""
    if given is not None:
        ctx.meta[_BEFORE] = given


before_option = click.option(
    *("-m", "--mission"),
    callback=remember_mission,
    expose_value=False,
    metavar="DATABASE",
    help="The mission's database, for all commands.",
)
"""Of what has commands: the same option is before these as it is after them."""


def mission_named(ctx: click.Context, _: click.Parameter, given: str | None) -> str:
    """The database that is named after the command, before it or in the environment; else the one that is found.

    Raises
    ------
    UsageError
        There is none.
    """
    before = ctx.meta.get(_BEFORE)
    named = next((each for each in (given, before) if each is not None), os.environ.get(VARIABLE) or None)
    name = found(Path.cwd()) if named is None else named
    if not name and not ctx.resilient_parsing:
        raise click.UsageError(
            f"no database is named: give -m DATABASE, or set {VARIABLE}, or go to the directory of a mission: "
            f"no {FILE} and no root of a mission is here or above"
        )
    return name or ""


def found(directory: Path) -> str | None:
    """The database of the mission that a directory is in: ``mission.sqlite`` in it or above it, or the database to
    which a root there belongs. None when there is none."""
    for place in _trusted(directory):
        if (place / FILE).is_file():
            return str(place / FILE)
        owner = ownership.read_mark(str(place))
        if owner is not None:
            return _named_by(owner)
    return None


def _trusted(directory: Path) -> Iterator[Path]:
    """A directory and those above it, but those in which anybody may put a database for others to find."""
    for place in (directory, *directory.parents):
        if not place.stat().st_mode & stat.S_IWOTH:
            yield place


def _named_by(owner: Owner) -> str:
    """The database that a mark names; a password is none that a mark has."""
    return owner.name[1] if owner.name[0] == "sqlite" else owner.shown.replace(":***@", "@")
