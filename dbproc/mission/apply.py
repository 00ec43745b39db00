"""What a mission file changes of the database, and changes that move no file."""

from __future__ import annotations

from collections.abc import Sequence

from dbproc.core.spec import Change, Definition, Holdings
from dbproc.database.definition.write import write_changes
from dbproc.database.store import Store
from dbproc.mission.difference import difference
from dbproc.mission.kept_bytes import with_bytes, with_earlier_bytes
from dbproc.mission.on_disk import database_problems, library_warnings
from dbproc.mission.partial import merged
from dbproc.mission.partitions import date_warnings
from dbproc.mission.problems import raise_for, sentences
from dbproc.mission.rules import check
from dbproc.mission.twins import twin_warnings


def changes_for(store: Store, seen: Holdings, definition: Definition, *, rollback: bool = False) -> list[Change]:
    """The changes that make a database hold what a mission file says; none when it does.

    Parameters
    ----------
    store
        The mission's database.
    seen
        What it holds.
    definition
        As :func:`dbproc.mission.read.read_mission_file` returned it.
    rollback
        Accept a lower version of a code as a return to an earlier one.

    Raises
    ------
    DefinitionError
        The definition contradicts the database.
    """
    if store.file is not None:
        whole = merged(seen.definition, definition)
        raise_for(database_problems(whole, store.file), definition.source, definition.finder)
    return needed_changes(seen, definition, rollback=rollback)


def warnings(definition: Definition) -> tuple[str, ...]:
    """What may go wrong with a definition, each with its place."""
    found = [*twin_warnings(definition), *date_warnings(definition), *library_warnings(definition.mission)]
    return sentences(found, definition.finder)


def make_changes(store: Store, changes: Sequence[Change], seen: Holdings, reason: str = "") -> None:
    """Keep the bytes of codes, then make changes, in one transaction.

    Files are read and copied before it: while it is open, nobody else can write to a SQLite file.

    Raises
    ------
    UserError
        The definition is no longer as `seen`, or a code is changing just now; nothing was changed.
    """
    changes = with_bytes(changes, seen)
    with store.begin() as connection:
        write_changes(connection, changes, seen, reason)


def needed_changes(holdings: Holdings, definition: Definition, *, rollback: bool = False) -> list[Change]:
    """The changes that make the database equal to a definition.

    Raises
    ------
    DefinitionError
        The definition contradicts the database.
    """
    whole = merged(holdings.definition, definition)
    raise_for(check(whole), definition.source, definition.finder)
    changes = difference(holdings.definition, definition, holdings, rollback=rollback)
    return with_earlier_bytes(changes, whole, holdings)
