"""Repair what a dead run left: unfinished moves, running jobs, open attempts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from dbproc.core.errors import ForeignFileError, PlacementError, RepairError
from dbproc.core.events import Event, Report
from dbproc.core.filenames import companion_of
from dbproc.core.model import Mission, Move
from dbproc.core.states import Purpose, RefusalReason
from dbproc.core.text import storable
from dbproc.database import attempts, audit, files, quarantine
from dbproc.database import moves as placements
from dbproc.database.files import Part
from dbproc.database.store import Store
from dbproc.run.manifests import write_missing
from dbproc.run.rescue import holds_files, keep_aside, put_back
from dbproc.storage import layout, moves
from dbproc.storage.digest import algorithm_of, digest_file
from dbproc.storage.removal import remove_empty
from dbproc.storage.workspace import Workspace


def recover(store: Store, mission: Mission, workspace: Workspace, run_id: int, report: Report) -> tuple[Move, ...]:
    """Repair the mission so that this run can go on; quick when nothing is left over.

    Returns the moves whose files are back in incoming with their settled bytes. They stay announced until the caller
    has triaged these files: otherwise another crash would make them settle again.

    Raises
    ------
    RepairError
        A file of a dead run cannot be moved back.
    """
    with store.begin() as connection:
        every = placements.announced(connection)
        inputs = list(files.parts_of(connection, attempts.running_inputs(connection)))
    announced = [move for move in every if not _is_out_of_reach(move, report)]
    in_the_way = [
        move for move in reversed(announced) if not _undo(move, report)
    ]  # what was set aside comes back first
    returned = tuple(move for move in announced if move not in in_the_way and _is_returned(move))
    for move in in_the_way:
        _set_aside(store, mission, move, run_id, report)
    renamed = (os.path.dirname(move.target) for move in announced if move.purpose is Purpose.RENAME)
    remove_empty(renamed, mission.root)
    if announced:
        with store.begin() as connection:
            placements.withdraw(connection, [move for move in announced if move not in (*returned, *in_the_way)])
        report.add(Event.NOTE, "recovery", f"{len(announced)} moves of a dead run are undone")
    _put_back_inputs(store, mission, workspace, inputs, run_id, report)
    with store.begin() as connection:  # not before: the open attempts say which inputs to look for
        interrupted = attempts.interrupt_running(connection, "its run ended before it did")
    if interrupted:
        report.add(Event.NOTE, "recovery", f"{interrupted} attempts of a dead run are closed as interrupted")
    _remove_stray_logs(store, workspace)
    for path in write_missing(store, mission):
        report.add(Event.NOTE, "recovery", f"{path} is written")
    _drop_offloaded(store, mission)
    for text in workspace.sweep():  # last: what is left of it tells the next run that there is something to recover
        report.add(Event.NOTE, "leftover", text)
    return returned


def _drop_offloaded(store: Store, mission: Mission) -> None:
    """Remove the bytes of files that are offloaded by their rows, and whose process died before it removed them."""
    place = os.path.join(mission.root, layout.PRIVATE, layout.OFFLOADED)
    for entry in os.scandir(place) if os.path.isdir(place) else ():
        number = entry.name.rpartition("-")[2]
        with store.begin() as connection:
            known = files.known_by_number(connection, [int(number)] if number.isdigit() else [])
        for file in known:
            path = layout.kept_path(mission, file.file_id, file.digest, file.filename, layout.OFFLOADED)
            if file.is_offloaded and os.path.dirname(path) == entry.path:
                moves.remove(path, file.members, has_companion=bool(file.members))
                with suppress(OSError):
                    os.rmdir(entry.path)


def recover_at_once(store: Store, mission: Mission, workspace: Workspace, run_id: int, report: Report) -> None:
    """Like :func:`recover`, for commands that do not scan incoming: returned files settle again."""
    returned = recover(store, mission, workspace, run_id, report)
    if returned:
        with store.begin() as connection:
            placements.withdraw(connection, returned)


def _put_back_inputs(
    store: Store, mission: Mission, workspace: Workspace, inputs: Sequence[Part], run_id: int, report: Report
) -> None:
    """Put back inputs that jobs of dead runs moved into their directories; keep the directories if that fails."""
    places = [path for path in workspace.leftovers() if not path.startswith(workspace.codes)]
    places += [entry.path for entry in os.scandir(workspace.job_logs) if not entry.name.endswith(".log")]
    if not places:
        return
    workspace.end_orphans()
    lost, is_disturbed = put_back(store, mission, places, inputs, report)
    for place in places:
        if (lost or is_disturbed) and holds_files(place):
            keep_aside(store, mission, place, lost, run_id, report)


def _is_out_of_reach(move: Move, report: Report) -> bool:
    """Whether a file was moved to a directory that is not there now, such as an archive on another disk: it stays
    announced, and a later run moves it back."""
    is_gone = not os.path.lexists(move.source) and not os.path.isdir(os.path.dirname(move.target))
    if move.purpose is not Purpose.ASIDE or not is_gone:
        return False
    text = "a dead run moved it there, and its directory is not there; mount its disk, and the next run moves it back"
    report.add(Event.PROBLEM, move.target, f"{text} (if it is gone for good, make the directory)")
    return True


def _is_returned(move: Move) -> bool:
    """Whether the file is in incoming with the announced bytes."""
    if move.purpose in (Purpose.OUTPUT, Purpose.ASIDE, Purpose.RENAME) or not move.digest:
        return False
    try:
        return digest_file(move.source, algorithm_of(move.digest)) == move.digest
    except OSError:
        return False


def _remove_stray_logs(store: Store, workspace: Workspace) -> None:
    """Remove the logs of successful jobs, or move them to the kept ones, which their run died before doing."""
    with store.begin() as connection:
        named = audit.job_logs(connection)
    kept = {os.path.basename(path): path for path in named if path.startswith(workspace.kept_logs)}
    for entry in os.scandir(workspace.job_logs):
        if entry.path not in named and entry.name.endswith(".log") and not entry.is_dir(follow_symlinks=False):
            if entry.name in kept and entry.is_file(follow_symlinks=False):
                workspace.keep_log(entry.path, kept[entry.name])
                continue
            with suppress(OSError):  # dbproc check names what stays
                os.unlink(entry.path)


def _undo(move: Move, report: Report) -> bool:
    """Move a file back; return False when another one has taken its name."""
    try:
        moves.move_back(move)
    except ForeignFileError as error:
        report.add(
            Event.PROBLEM, os.path.basename(move.target), f"{error} by a dead run; it is left there: dbproc check"
        )
    except PlacementError:
        return False
    except OSError as error:
        raise RepairError(
            f"a dead run moved {move.source} to {move.target}, and it cannot be moved back: {error}; "
            "mend that and run again"
        ) from error
    return True


def _set_aside(store: Store, mission: Mission, undone: Move, run_id: int, report: Report) -> None:
    """Move what a dead run had moved to quarantine: another file of its name has arrived since."""
    name = os.path.basename(undone.source)
    message = f"a dead run had moved it to {undone.target}, and another file of its name has arrived since"
    whole = replace(undone, purpose=Purpose.QUARANTINE, source=undone.target)
    pieces = [whole] if _is_whole(whole) else _pieces(whole)
    aside = [replace(piece, target=layout.set_aside_path(mission.quarantine, name)) for piece in pieces]
    try:
        with store.begin() as connection:
            placements.announce(connection, aside)
        for move in aside:
            moves.move(move)
    except PlacementError as error:
        text = f"{undone.target} of a dead run cannot be moved to quarantine: {error}; mend that and run again"
        raise RepairError(text) from error
    entries = [_entry(undone, move, message) for move in aside]
    with store.begin() as connection:
        quarantine.insert_entries(connection, run_id, entries)
        placements.withdraw(connection, [undone, *aside])
    for entry in entries:
        report.add(Event.QUARANTINED, entry.filename, entry.message, reason=entry.reason)


def _is_whole(move: Move) -> bool:
    """Whether a file exists with its members and nothing else."""
    listed = sorted(member.path for member in move.members)
    return os.path.lexists(move.source) and (not listed or listed == moves.files_below(companion_of(move.source)))


def _pieces(move: Move) -> list[Move]:
    """The existing parts of a file and its members."""
    digests = (move.digest, *(member.digest for member in move.members))
    paths = zip(moves.parts(move.source, move.members), digests, strict=True)
    return [replace(move, source=path, digest=digest, members=()) for path, digest in paths if os.path.lexists(path)]


def _entry(undone: Move, aside: Move, message: str) -> quarantine.Entry:
    return quarantine.Entry(
        filename=storable(os.path.basename(undone.source)),
        stored_name=os.path.basename(aside.target),
        came_from=storable(undone.source),
        reason=RefusalReason.DEAD_RUN,
        message=storable(message),
        digest=aside.digest or None,
        members=aside.members,
    )
