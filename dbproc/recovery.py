"""Putting right what a dead run left: moves half done, jobs still running, attempts without an end."""

from __future__ import annotations

import os

from dbproc import placement
from dbproc.catalogue import attempts, audit, placements, quarantine
from dbproc.catalogue.placements import Move
from dbproc.digest import algorithm_of, digest_file
from dbproc.errors import PlacementError, RepairError
from dbproc.model import Mission
from dbproc.report import Event, Report
from dbproc.store import Store
from dbproc.triage import storable
from dbproc.workspace import Workspace


def recover(store: Store, mission: Mission, workspace: Workspace, run_id: int, report: Report) -> tuple[Move, ...]:
    """Bring the mission to a state from which this run can go on; quick when nothing is left over.

    Gives the moves whose files are in incoming again, with the bytes with which they had settled there. They stay
    announced until the caller has looked at these files: else another crash would have them settle anew.

    Raises
    ------
    RepairError
        A file of a dead run cannot be moved back.
    """
    with store.begin() as connection:
        moves = placements.announced(connection)
        interrupted = attempts.interrupt_running(connection, "its run ended before it did")
    if interrupted:
        report.add(Event.NOTE, "recovery", f"{interrupted} attempts of a dead run are closed as interrupted")
    undone = [(move, _undo(mission, move)) for move in moves]
    entries = [entry for _, entry in undone if entry is not None]
    returned = tuple(move for move, entry in undone if entry is None and _is_returned(move))
    if moves:
        with store.begin() as connection:
            quarantine.insert_entries(connection, run_id, entries)
            placements.withdraw(connection, [move for move in moves if move not in returned])
        report.add(Event.NOTE, "recovery", f"{len(moves)} moves of a dead run are undone")
    for entry in entries:
        report.add(Event.QUARANTINED, entry.filename, entry.message, reason=entry.reason)
    for text in workspace.sweep():
        report.add(Event.NOTE, "leftover", text)
    _remove_stray_logs(store, workspace)
    return returned


def recover_at_once(store: Store, mission: Mission, workspace: Workspace, run_id: int, report: Report) -> None:
    """:func:`recover` for those who do not look into incoming: what is there again is to settle anew."""
    returned = recover(store, mission, workspace, run_id, report)
    if returned:
        with store.begin() as connection:
            placements.withdraw(connection, returned)


def _is_returned(move: Move) -> bool:
    """Whether the file is in incoming with the bytes that were announced."""
    if move.purpose == "output" or not move.digest:
        return False
    try:
        return digest_file(move.source, algorithm_of(move.digest)) == move.digest
    except OSError:
        return False


def _remove_stray_logs(store: Store, workspace: Workspace) -> None:
    """Remove the logs of jobs that succeeded: their run died before it did."""
    with store.begin() as connection:
        named = audit.job_logs(connection)
    for entry in os.scandir(workspace.job_logs):
        if entry.path not in named:
            os.unlink(entry.path)


def _undo(mission: Mission, move: Move) -> quarantine.Entry | None:
    """Move a file back where it came from; when something else is there by now, into quarantine."""
    try:
        try:
            placement.move_back(move.source, move.target)
        except PlacementError:
            is_whole = os.path.lexists(move.target)
            return _set_aside(mission, move, move.target if is_whole else placement.companion_target(move.target))
    except (OSError, PlacementError) as error:
        raise RepairError(
            f"a dead run moved {move.source} to {move.target}, and it cannot be moved back: {error}; "
            "mend that and run again"
        ) from error
    return None


def _set_aside(mission: Mission, move: Move, place: str) -> quarantine.Entry:
    name = os.path.basename(move.source)
    stored = placement.set_aside_path(mission.quarantine, os.path.basename(place))
    placement.move(place, stored)
    return quarantine.Entry(
        filename=storable(name),
        stored_name=os.path.basename(stored),
        came_from=storable(move.source),
        reason="dead_run",
        message=storable(f"a dead run had moved it to {place}, and another file of its name has arrived since"),
        digest=move.digest or None,
    )
