"""Undoing faults, as far as what is done can be undone in its turn: nothing is deleted, nothing overwritten.

Moves are announced before they are made and recorded afterwards, as everywhere: a repair that is killed is put right by
the next run. What was found before the lock was taken is looked at again before it is touched.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Sequence

from dbproc.check.faults import Cure, Dequeue, Enqueue, Fault, Kind, Mark, MoveHome, Recover, SetAside, WriteManifest
from dbproc.check.look import Findings, look
from dbproc.core.errors import PlacementError, UnsettledError
from dbproc.core.events import Event, Report
from dbproc.core.model import Move
from dbproc.core.states import Purpose, RefusalReason
from dbproc.core.text import one_line, storable
from dbproc.database import audit, files, lock, log, quarantine, queue, replication
from dbproc.database import moves as placements
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store
from dbproc.run.manifests import write_missing
from dbproc.run.recovery import recover_at_once
from dbproc.run.spoilt import kept
from dbproc.storage import layout, moves
from dbproc.storage.digest import algorithm_of
from dbproc.storage.fingerprint import Measured, measure, measure_recorded
from dbproc.storage.workspace import Workspace

_FOUND_IF_ASKED = frozenset(
    {Kind.CHANGED, Kind.MEMBER_CHANGED, Kind.RELEASE_MANIFEST, Kind.UNREADABLE, Kind.IMPLAUSIBLE}
)


def intentions(findings: Findings) -> list[str]:
    """What :func:`repair` would do, a sentence each."""
    return [one_line(str(cure)) for cure in _cures(findings.faults)]


def repair(store: Store, findings: Findings, report: Report) -> Findings:
    """Do what can be done about the faults that were found, and look again.

    Parameters
    ----------
    store
        The mission's database.
    findings
        What was found before.
    report
        Told what is done, and what cannot be.

    Returns
    -------
    Findings
        What is left. Files are not read through again: faults of their bytes are taken over.

    Raises
    ------
    BusyError, LockError
        A run is live, or may be.
    RepairError
        What a dead run left cannot be undone.
    """
    cures = _cures(findings.faults)
    if not cures:
        return findings
    with lock.holding(store, "check --repair"):
        _Repair(store, report).do(cures)
    left = look(store)
    kept = [
        fault
        for fault in findings.faults
        if fault.kind in _FOUND_IF_ASKED and fault.cure is None and fault not in left.faults
    ]
    return Findings((*left.faults, *kept), left.files, left.members, left.live, findings.is_deep)


def _cures(faults: Iterable[Fault]) -> list[Cure]:
    return list(dict.fromkeys(fault.cure for fault in faults if fault.cure is not None))


class _Repair:
    """One repair under the lock."""

    def __init__(self, store: Store, report: Report) -> None:
        holder = lock.current(store)
        assert holder is not None
        self._store = store
        self._report = report
        self._run_id = holder.run_id
        with store.begin() as connection:
            self._mission = load_mission(connection)

    def do(self, cures: Collection[Cure]) -> None:
        """Do everything, what changes the queue last: it depends on which files there are."""
        if Recover() in cures:
            recover_at_once(self._store, self._mission, Workspace(self._mission.root), self._run_id, self._report)
        if any(isinstance(cure, WriteManifest) for cure in cures):
            for path in write_missing(self._store, self._mission):
                self._done(path, "written")
        self._mark([cure for cure in cures if isinstance(cure, Mark)])
        self._move_home([cure for cure in cures if isinstance(cure, MoveHome)])
        self._set_aside([cure for cure in cures if isinstance(cure, SetAside)])
        if any(isinstance(cure, Mark | MoveHome | Recover | Enqueue | Dequeue) for cure in cures):
            self._settle_queue({cure for cure in cures if isinstance(cure, Dequeue)})

    def _mark(self, marks: Sequence[Mark]) -> None:
        back = [mark for mark in marks if mark.exists]
        right = self._of_right_bytes({mark.file_id: mark.path for mark in back})
        gone = [mark for mark in marks if not mark.exists and not os.path.lexists(mark.path)]
        with self._store.begin() as connection:
            elsewhere = kept(connection, self._mission, [mark.file_id for mark in gone])
            if elsewhere:
                replication.set_offloaded(connection, sorted(elsewhere))
            away, gone = _divided(gone, elsewhere)
            there = [mark.file_id for mark in back if mark.file_id in right]
            files.set_existing(connection, [mark.file_id for mark in gone], exists=False)
            files.set_existing(connection, there, exists=True, sizes={each: right[each].size for each in there})
            log.note_files(connection, log.GONE, [mark.file_id for mark in gone])
            log.note_files(connection, log.BACK, there)
        for mark in gone:
            self._done(mark.path, "recorded as missing")
        for mark in away:
            self._done(mark.path, "recorded as offloaded: a store has a verified copy; to have it back: dbproc recall")
        for mark in back:
            if mark.file_id in right:
                self._done(mark.path, "recorded as being on disk again")

    def _move_home(self, cures: Sequence[MoveHome]) -> None:
        right = self._of_right_bytes({cure.file_id: cure.source for cure in cures})
        found = [(cure, right[cure.file_id]) for cure in cures if cure.file_id in right]
        wanted = [Move(Purpose.INCOMING, cure.source, cure.target, file.digest, file.members) for cure, file in found]
        for move in self._made(wanted):
            self._done(move.target, f"moved back from {move.source}")
        with self._store.begin() as connection:
            placements.withdraw(connection, wanted)

    def _set_aside(self, cures: Sequence[SetAside]) -> None:
        with self._store.begin() as connection:
            known = files.known_by_name(connection, [storable(os.path.basename(cure.path)) for cure in cures])
        places = {os.path.join(self._mission.root, file.directory, file.filename) for file in known.values()}
        wanted = [self._to_quarantine(cure) for cure in cures if cure.path not in places]
        made = self._made(wanted)
        with self._store.begin() as connection:
            quarantine.insert_entries(connection, self._run_id, [_entry(move) for move in made])
            placements.withdraw(connection, wanted)
        for move in made:
            self._done(move.source, f"in quarantine as {os.path.basename(move.target)}")

    def _settle_queue(self, announced: Collection[Dequeue]) -> None:
        cures = _cures(look(self._store).faults)
        wanted = [cure for cure in cures if isinstance(cure, Enqueue)]
        unwanted = [cure for cure in cures if isinstance(cure, Dequeue) and cure in announced]
        with self._store.begin() as connection:
            for cure in wanted:
                queue.push(connection, cure.file_ids, cure.reason)
            queue.remove(connection, [cure.file_id for cure in unwanted])
        for cure in wanted:
            self._done("queue", str(cure))
        for item in unwanted:
            self._done("queue", f"{item.filename} taken out")

    def _made(self, wanted: Sequence[Move]) -> list[Move]:
        """Announce moves and make them; those that were made."""
        with self._store.begin() as connection:
            placements.announce(connection, wanted)
        made = []
        for move in wanted:
            try:
                moves.move(move)
            except PlacementError as error:
                self._failed(move.source, str(error))
            else:
                made.append(move)
        moves.sync(made)
        return made

    def _of_right_bytes(self, paths: dict[int, str]) -> dict[int, Measured]:
        """The files whose bytes, and those of their members, are what was recorded."""
        with self._store.begin() as connection:
            recorded = audit.recorded(connection, list(paths))
        right: dict[int, Measured] = {}
        for file_id, path in paths.items():
            try:
                _, digest, members = recorded[file_id]
                found = measure_recorded(path, algorithm_of(digest), sorted(members, key=lambda each: each.path))
            except (OSError, UnsettledError, PlacementError) as error:
                self._failed(path, f"cannot be read: {error}")
                continue
            if (found.digest, frozenset(found.members)) == (digest, members):
                right[file_id] = found
            else:
                self._failed(path, "does not have the bytes that were recorded; it is left as it is")
        return right

    def _to_quarantine(self, cure: SetAside) -> Move:
        target = layout.set_aside_path(self._mission.quarantine, os.path.basename(cure.path))
        measured = self._measured(cure)
        if measured is None:
            return Move(Purpose.QUARANTINE, cure.path, target)
        return Move(Purpose.QUARANTINE, cure.path, target, measured.digest, measured.members)

    def _measured(self, cure: SetAside) -> Measured | None:
        """What there is of a file, None where there is nothing to be read."""
        try:
            if not _is_regular(cure.path):
                return None
            return measure(cure.path, self._mission.digest, companion=cure.has_companion)
        except (OSError, UnsettledError, PlacementError):
            return None

    def _done(self, subject: str, text: str) -> None:
        self._report.add(Event.NOTE, one_line(subject), text)

    def _failed(self, subject: str, text: str) -> None:
        self._report.add(Event.PROBLEM, one_line(subject), text)


def _divided(marks: Sequence[Mark], file_ids: Collection[int]) -> tuple[list[Mark], list[Mark]]:
    """The marks of some files, and the others."""
    return [each for each in marks if each.file_id in file_ids], [
        each for each in marks if each.file_id not in file_ids
    ]


def _is_regular(path: str) -> bool:
    """Whether it can be opened without waiting for somebody at the other end."""
    return stat.S_ISREG(os.lstat(path).st_mode)


def _entry(move: Move) -> quarantine.Entry:
    return quarantine.Entry(
        filename=storable(os.path.basename(move.source)),
        stored_name=os.path.basename(move.target),
        came_from=storable(move.source),
        reason=RefusalReason.UNKNOWN_FILE,
        message="found in a directory of products, and not in the catalogue",
        size=os.lstat(move.target).st_size,
        digest=move.digest or None,
        members=move.members,
    )
