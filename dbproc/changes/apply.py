"""Apply a mission file with all that it moves: the files of products that have another name, format or directory.

All that hinders it is said before anything is moved. The moves are announced, made and synced; then one transaction
changes the definition, records the files' new places, and forgets the announcements. A kill before it leaves moves that
the next run, or the next apply, undoes: all of it has happened, or nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dbproc.changes.relocation import Look, Relocation
from dbproc.core.errors import PlacementError, UserError
from dbproc.core.events import Report
from dbproc.core.model import Mission, Move
from dbproc.core.spec import Change, Definition, Holdings, MissionSpec, ProcessSpec, ProductSpec
from dbproc.database import links, lock, relocation, verdicts
from dbproc.database import moves as placements
from dbproc.database.definition.load import load_definition, load_mission
from dbproc.database.definition.specs import load_holdings
from dbproc.database.definition.write import write_changes
from dbproc.database.log import RENAME, rename_words
from dbproc.database.store import Store, Transaction
from dbproc.mission.apply import changes_for
from dbproc.mission.formats import made_products
from dbproc.mission.kept_bytes import with_bytes
from dbproc.mission.partial import merged
from dbproc.mission.problems import Problem, raise_for
from dbproc.run.recovery import recover_at_once
from dbproc.run.withdrawal import moved
from dbproc.storage import permissions
from dbproc.storage.digest import state_of
from dbproc.storage.removal import remove_empty
from dbproc.storage.workspace import Workspace

_REASON = "its product was changed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a mission file changes and moves; `quarantined`: so many of the moves are of the quarantine."""

    changes: tuple[Change, ...]
    relocations: tuple[Relocation, ...] = ()
    moves: tuple[Move, ...] = ()
    quarantined: int = 0
    mission: Mission | None = field(default=None, repr=False)
    seen: Holdings = field(default_factory=Holdings, repr=False)


def plan(store: Store, definition: Definition, *, rollback: bool = False) -> Plan:
    """What applying a mission file would change and move.

    Raises
    ------
    DefinitionError
        The definition contradicts the database, or a file cannot be carried along.
    """
    with store.begin() as connection:
        holdings = load_holdings(connection)
    changes = tuple(changes_for(store, holdings, definition, rollback=rollback))
    if holdings.definition is None:
        return Plan(changes, seen=holdings)
    with store.begin() as connection:
        mission = load_mission(connection)
        look = Look(connection, mission, made_products(merged(holdings.definition, definition)))
        relocations = [each for change in changes if (each := look.relocation(change)) is not None]
        moves = [*look.moves, *look.quarantine(changes)]
    problems = [*look.problems, *_root_problem(changes, moves)]
    raise_for(problems, definition.source, definition.finder)
    return Plan(
        changes,
        tuple(each for each in relocations if each.places or each.stays),
        tuple(moves),
        len(moves) - len(look.moves),
        mission,
        holdings,
    )


def carry_out(store: Store, definition: Definition, run_id: int | None, *, rollback: bool = False) -> Plan:
    """Apply a mission file under the lock: undo what a killed one moved, then make all changes and moves.

    Raises
    ------
    DefinitionError
        As :func:`plan`.
    UserError
        The definition is changed by somebody else just now, or a file cannot be moved; nothing was changed.
    """
    wanted = plan(store, definition, rollback=rollback)
    if wanted.mission is not None and wanted.moves and run_id is not None:
        _recover(store, wanted.mission, run_id)
        wanted = plan(store, definition, rollback=rollback)
    if not wanted.changes:
        return wanted
    changes = with_bytes(wanted.changes, wanted.seen)
    if wanted.mission is None or (not any(each.places for each in wanted.relocations) and not wanted.moves):
        with store.begin() as connection:
            _write(connection, changes, wanted.seen)
        return wanted
    root = wanted.mission.root
    try:
        with permissions.in_force(wanted.mission), moved(store, wanted.moves):
            remove_empty((os.path.dirname(move.source) for move in wanted.moves), root)
            states = _states(wanted)
            with store.begin() as connection:
                _write(connection, changes, wanted.seen)
                for each in wanted.relocations:
                    relocation.relocate(connection, each.places, states, _REASON)
                placements.withdraw(connection, wanted.moves)
    except PlacementError as error:
        remove_empty((os.path.dirname(move.target) for move in wanted.moves), root)
        raise UserError(f"{error}; nothing was changed") from error
    return wanted


def _write(connection: Transaction, changes: Sequence[Change], seen: Holdings) -> None:
    """Change the definition, and record which products and processes have another name: people go on to ask for the
    former one."""
    write_changes(connection, changes, seen)
    links.outdate(connection)
    for change in changes:
        new = change.new
        if isinstance(new, ProductSpec | ProcessSpec) and change.old is not None and change.name != new.name:
            kind = "product" if isinstance(new, ProductSpec) else "process"
            lock.note(connection, RENAME, rename_words(kind, change.name, new.name))
    about = [name for change in changes if (name := _says_of_others(change))]
    if about:
        verdicts.settle_products(connection, load_definition(connection), about)


def _says_of_others(change: Change) -> str:
    """The name of a product whose files say of those of another one than before how good they are; or nothing."""
    old, new = change.old, change.new
    if not isinstance(old, ProductSpec) or not isinstance(new, ProductSpec) or old.quality_of == new.quality_of:
        return ""
    return new.name if new.quality_of else ""


def _recover(store: Store, mission: Mission, run_id: int) -> None:
    with permissions.in_force(mission):
        workspace = Workspace(mission.root)
        workspace.prepare()
        recover_at_once(store, mission, workspace, run_id, Report())


def _states(wanted: Plan) -> Mapping[int, str]:
    """What the system says of the files of which nothing but the name changed."""
    moves = {move.source: move for move in wanted.moves if move.digest}
    found: dict[int, str] = {}
    assert wanted.mission is not None
    for file, place in (pair for each in wanted.relocations for pair in each.places):
        source = os.path.join(wanted.mission.root, file.directory, file.filename)
        if source in moves and file.exists:
            with suppress(OSError):
                found[file.file_id] = state_of(os.lstat(moves[source].target))
        elif place.filename == file.filename and place.directory == file.directory:
            found[file.file_id] = file.state
    return found


def _root_problem(changes: Sequence[Change], moves: Sequence[Move]) -> Iterator[Problem]:
    for old, new in ((change.old, change.new) for change in changes if moves):
        if isinstance(old, MissionSpec) and isinstance(new, MissionSpec) and old.root != new.root:
            text = f"it changes together with the names or directories of {len(moves)} files"
            yield Problem(("mission", "root"), f"{text}; apply one of both, and then the other")
