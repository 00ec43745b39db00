"""Apply a mission file to the database."""

from __future__ import annotations

from collections.abc import Sequence

from dbproc.core.spec import Change, Definition, Holdings
from dbproc.database.definition.specs import load_holdings
from dbproc.database.definition.write import write_changes
from dbproc.database.store import Store
from dbproc.mission.difference import difference
from dbproc.mission.kept_bytes import with_bytes, with_earlier_bytes
from dbproc.mission.on_disk import database_problems
from dbproc.mission.partial import merged
from dbproc.mission.partitions import date_warnings
from dbproc.mission.problems import raise_for, sentences
from dbproc.mission.rules import check
from dbproc.mission.twins import twin_warnings


def apply_definition(
    store: Store, definition: Definition, *, dry_run: bool = False, rollback: bool = False
) -> list[Change]:
    """Make the database hold what a mission file says, in one transaction; applying it again changes nothing.

    Parameters
    ----------
    store
        The mission's database.
    definition
        As :func:`dbproc.mission.read.read_mission_file` returned it.
    dry_run
        Only return the changes.
    rollback
        Accept a lower version of a code as a return to an earlier one.

    Returns
    -------
    list of Change
        The changes made, or that would be.

    Raises
    ------
    DefinitionError
        The definition contradicts the database; nothing was changed.
    UserError
        As :func:`make_changes` does.
    """
    with store.begin() as connection:
        holdings = load_holdings(connection)
    if store.file is not None:
        whole = merged(holdings.definition, definition)
        raise_for(database_problems(whole, store.file), definition.source, definition.finder)
    changes = needed_changes(holdings, definition, rollback=rollback)
    if changes and not dry_run:
        make_changes(store, changes, holdings)
    return changes


def warnings(definition: Definition) -> tuple[str, ...]:
    """What may go wrong with a definition, each with its place."""
    return sentences([*twin_warnings(definition), *date_warnings(definition)], definition.finder)


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
