"""Files that are gone from disk: noticed, recorded as missing, and made again where that can be.

Where all of a directory is gone at once nothing is recorded: its disk may not be mounted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dbproc.core.candidates import Queued
from dbproc.core.events import Event, Report
from dbproc.core.model import Definition, File, Mission, Task
from dbproc.core.reasons import some_names
from dbproc.core.states import Standing
from dbproc.database import directories, files, lineage, log, moves, queue, replication
from dbproc.database.store import Store, Transaction
from dbproc.run.places import Place
from dbproc.run.spoilt import kept
from dbproc.storage.absence import away_words, is_away, names_in
from dbproc.storage.layout import file_path

_TOLD = 10
_GONE = "gone from disk"
"""Why a file is queued that is, or that such a file was made from."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in directories: the files that are gone, those of them that a store keeps, the directories that
    lack all of theirs with how many these are, and those that are whole, or will be when that is recorded."""

    lost: tuple[File, ...] = ()
    kept: tuple[File, ...] = ()
    left_alone: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)

    @property
    def trouble(self) -> str | None:
        """A sentence on directories that lack all their files."""
        return away_words(self.left_alone)


def look(store: Store, mission: Mission, places: Sequence[Place]) -> Look:
    """Read through directories; changes nothing. What the catalogue says is asked for before the disk is."""
    by_path = {place.path: place for place in places}
    suspects: list[int] = []
    left_alone: dict[str, int] = {}
    seen: dict[str, str] = {}
    with store.begin() as connection:
        for path, wanted in directories.files_in(connection, list(by_path)):
            place, there = by_path[path], names_in(os.path.join(mission.root, path))
            if there is None:
                continue
            if is_away(wanted, there, is_another=place.is_another):
                left_alone[path] = len(wanted)
                continue
            suspects += (number for name, number in wanted.items() if name not in there)
            if place.is_settled:
                seen[path] = place.state
    gone = _still(store, mission, sorted(suspects))
    lost, in_stores = _divided(store, mission, gone)
    return Look(lost, in_stores, left_alone, seen)


def _divided(store: Store, mission: Mission, gone: Sequence[File]) -> tuple[tuple[File, ...], tuple[File, ...]]:
    """Files that are gone, and those of which a store has a verified copy."""
    if not (gone and mission.stores):
        return tuple(gone), ()
    with store.begin() as connection:
        elsewhere = kept(connection, mission, [file.file_id for file in gone])
    lost = (file for file in gone if file.file_id not in elsewhere)
    return tuple(lost), tuple(file for file in gone if file.file_id in elsewhere)


def _still(store: Store, mission: Mission, suspects: Sequence[int]) -> list[File]:
    """Those that the catalogue still holds for being there, and that nobody is moving."""
    if not suspects:
        return []
    with store.begin() as connection:
        moving = {path for move in moves.announced(connection) for path in (move.source, move.target)}
        found = files.files_numbered(connection, suspects)
    paths = {file.file_id: os.path.join(mission.root, file.directory, file.filename) for file in found}
    return [
        file
        for file in found
        if file.standing is Standing.IN_PLACE
        and paths[file.file_id] not in moving
        and not os.path.lexists(paths[file.file_id])
    ]


def notice(store: Store, definition: Definition, places: Sequence[Place], report: Report) -> None:
    """Record which files of directories are gone, queue what leads to them, and tell people."""
    seen = look(store, definition.mission, places)
    forget = [place.path for place in places if not place.state]
    with store.begin() as connection:
        _record(connection, definition, seen.lost)
        if seen.kept:
            replication.set_offloaded(connection, sorted(file.file_id for file in seen.kept))
        directories.remember(connection, seen.seen, forget)
    if seen.trouble is not None:
        report.add(Event.PROBLEM, "data", seen.trouble)
    if seen.kept:
        names = some_names([file.filename for file in seen.kept])
        text = f"{names}; for each a store has a verified copy, and it counts as offloaded"
        report.add(Event.NOTE, f"{len(seen.kept):,} {_GONE}", text)
    _tell(store, definition, seen.lost, report)


def _tell(store: Store, definition: Definition, lost: Sequence[File], report: Report) -> None:
    """Say which files are gone, the first of them by name; it is a problem where no run makes them again."""
    with store.begin() as connection:
        again = made_again(connection, definition, lost)
        newest = {file.file_id for file in files.newest_known(connection, [file.file_id for file in lost])}
        for file in lost[:_TOLD]:
            if file.file_id not in newest:
                report.add(Event.NOTE, file.filename, f"is {_GONE}; newer versions are in the catalogue")
                continue
            made = [row.filename for row in lineage.newest_made_from(connection, [file.file_id])]
            is_again = file.file_id in again
            text = words(made, is_made_again=is_again)
            report.add(Event.NOTE if is_again else Event.PROBLEM, file.filename, text)
    rest = lost[_TOLD:]
    if rest:
        is_harmless = all(file.file_id in again or file.file_id not in newest for file in rest)
        event = Event.NOTE if is_harmless else Event.PROBLEM
        report.add(event, f"{len(rest):,} more files", f"are {_GONE}; to see which: dbproc files --missing")


def words(made_from_it: Sequence[str], *, is_made_again: bool) -> str:
    """That a file is gone, and what helps."""
    if is_made_again:
        return f"is {_GONE}, and is made again if that can be"
    ends = f"; made from it: {some_names(made_from_it)}" if made_from_it else ""
    return f"is {_GONE}; deliver it from a copy again{ends}"


def record_lost(store: Store, definition: Definition, tasks: Sequence[Task]) -> tuple[list[File], list[Queued]]:
    """Record which made inputs of tasks are gone, and queue what those were made from; both are returned."""
    wanted = {file.file_id: file for task in tasks for file in task.inputs}
    in_place = {number: file for number, file in wanted.items() if file.standing is Standing.IN_PLACE}
    gone = {number: file for number, file in in_place.items() if not os.path.lexists(file_path(definition, file))}
    if not gone:
        return [], []
    with store.begin() as connection:
        for number in kept(connection, definition.mission, sorted(gone)):
            del gone[number]  # it counts as offloaded, and comes back
        again = made_again(connection, definition, gone.values())
        lost = [gone[number] for number in sorted(again) if _is_alone(connection, definition, gone[number])]
        return lost, queue.load(connection, _record(connection, definition, lost))


def _is_alone(connection: Transaction, definition: Definition, file: File) -> bool:
    """Whether other files of its directory are there."""
    there = names_in(os.path.dirname(file_path(definition, file)))
    for _, wanted in directories.files_in(connection, [file.directory]):
        return there is not None and not is_away(wanted, there, is_another=False)
    return False


def sources_of(connection: Transaction, definition: Definition, lost: Iterable[File]) -> list[int]:
    """What leads to the slots that lost files were made for, and to those that were made from them: their numbers."""
    some = list(lost)
    again = made_again(connection, definition, some)
    links = lineage.links_among(connection, sorted(again))
    return sorted({file.file_id for file in some} | {source for source, _ in links})


def made_again(connection: Transaction, definition: Definition, lost: Iterable[File]) -> set[int]:
    """Those of lost files that a process makes from something."""
    made = {product_id for process in definition.processes.values() for product_id in process.outputs}
    numbers = [file.file_id for file in lost if file.product_id in made]
    return {result for _, result in lineage.links_among(connection, numbers)}


def _record(connection: Transaction, definition: Definition, lost: Sequence[File]) -> list[int]:
    """Record that files are gone, and queue what leads to them."""
    numbers = sources_of(connection, definition, lost) if lost else []
    files.set_existing(connection, sorted(file.file_id for file in lost), exists=False)
    log.note_files(connection, log.GONE, [file.file_id for file in lost])
    queue.push(connection, numbers, _GONE)
    return numbers
