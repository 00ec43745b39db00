"""A mission of dbprocessing taken over: read, checked, and entered in one transaction."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbproc.changes.moving_in import baseline, target
from dbproc.changes.moving_in.baseline import Judged, StaleSlot
from dbproc.changes.moving_in.definition import definition_rows, read_bytes
from dbproc.changes.moving_in.files import MovedFiles, moved_files
from dbproc.changes.moving_in.findings import Findings, Options
from dbproc.changes.moving_in.history import MovedHistory, moved_history
from dbproc.core.errors import DatabaseError, DefinitionError, StorageError, UserError
from dbproc.core.events import Progress
from dbproc.core.reasons import some_names
from dbproc.core.states import CodeEvent
from dbproc.database import codes, lock, moving_in, queue, verdicts
from dbproc.database.dbprocessing import reading
from dbproc.database.dbprocessing.reading import OldDatabase
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store, Transaction, database_url, schema_version
from dbproc.mission import paths
from dbproc.mission.dbprocessing import OldMission, read_mission
from dbproc.storage import permissions

_KEPT_WHEN_EDITED = (
    "a code whose bytes change under one version gets the next revision here, and what it made is made again; "
    'dbprocessing did not look: on_code_edit = "accept" in a mission file does as it did'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """A mission that was taken over, or would be."""

    old: str  #: the database that it was in
    database: str  #: the one that it is in now
    mission: str  #: its name
    root: str  #: its root
    counts: Mapping[str, int]  #: how many rows of each kind
    stale: tuple[StaleSlot, ...]  #: files that dbproc would make anew by its own rules
    not_made: tuple[StaleSlot, ...]  #: what there is not, and dbproc would make
    runs: tuple[StaleSlot, ...]  #: runs without output of which nothing tells that they were
    is_judged: bool  #: whether all of these are made by the next run; else when something of them changes
    missing: tuple[str, ...]  #: the paths of files that are not on disk
    notes: tuple[str, ...]  #: what is to be known
    is_done: bool  #: whether it was done, or only looked at


@dataclass(frozen=True, slots=True)
class _Read:
    """All that the former database holds, as rows of dbproc's."""

    found: OldMission
    files: MovedFiles
    history: MovedHistory


def take_over(
    old: str, new: str, options: Options, *, only_look: bool = False, progress: Progress | None = None
) -> TakenOver:
    """Take a mission over into a new database; the former one is only read.

    Parameters
    ----------
    old, new
        The databases, as ``-m`` takes them.
    options
        How.
    only_look
        Change nothing, and say what it would be.
    progress
        Told how many files were read through.

    Raises
    ------
    DefinitionError
        It cannot be taken over; all problems are listed.
    UserError
        One of the databases is not what is needed.
    """
    database = _read_old(old)
    found = read_mission(database, options.root, options.codes_from)
    if isinstance(found, str):
        raise UserError(f"{database.name} cannot be imported: {found}")
    files = moved_files(database, found, options, progress)
    history = moved_history(database, found, files)
    problems = (*found.problems, *files.problems.sentences, *history.problems.sentences)
    _refuse(database, *problems, *target.problems(new, found.definition))
    taken = _Read(found, files, history)
    if only_look:
        with target.on_trial() as store:
            judged = _enter(store, taken, old, options, kept=False)
    else:
        with target.entering(new, found.mission) as store:
            judged = _enter(store, taken, old, options, kept=True)
        _make_incoming(found)
    return _answer(database, target.shown(new), taken, judged, options, is_done=not only_look)


def _read_old(name: str) -> OldDatabase:
    url = database_url(name)
    path = str(url.database)
    if url.get_backend_name() == "sqlite":
        if not os.path.isfile(path):
            raise DatabaseError(f"there is no database {path}")
        journal = f"{path}-journal"
        if os.path.exists(journal) and os.path.getsize(journal):
            raise DatabaseError(
                f"{journal} says that {path} is written just now, or that what wrote it was killed: end that, and have "
                "dbprocessing open it once, for example with printProcessQueue.py; then import it"
            )
    with Store(url, read_only=True) as store:
        if schema_version(store) is not None:
            raise DatabaseError(f"{store.name} is no database of dbprocessing: it is one of dbproc's already")
        old = reading.read(store)
        lacking = reading.missing_tables(old)
        if lacking:
            few = ", ".join(lacking[:5])
            raise DatabaseError(f"{store.name} is no database of dbprocessing: it has no table {few}")
    faults = Findings()
    for about, row in reading.faulty_values(old):
        faults.add(f"{about}; correct it in the database that is imported, or in a copy of it", row)
    _refuse(old, *faults.sentences)
    return old


def _refuse(database: OldDatabase, *problems: str) -> None:
    if problems:
        count = "is a problem" if len(problems) == 1 else f"are {len(problems)} problems"
        raise DefinitionError(f"{database.name} cannot be imported, there {count}; nothing was done:", tuple(problems))


def _enter(store: Store, taken: _Read, old: str, options: Options, *, kept: bool) -> Judged:
    """Everything in one transaction; files are read before it."""
    found, history = taken.found, taken.history
    rows = definition_rows(found, read_bytes(found, kept=kept))
    with store.begin() as connection:
        moving_in.enter(connection, {**rows, "logging": history.runs})
        run_id = lock.note(connection, moving_in.IMPORT, f"imported from {target.shown(old)}")
        _enter_history(connection, taken, run_id)
        judged = baseline.judge(connection)
        if options.judge:
            baseline.have_made(connection, judged)
        else:
            baseline.take_as_it_is(connection, judged, run_id)
    return judged


def _enter_history(connection: Transaction, taken: _Read, run_id: int) -> None:
    history, files = taken.history, taken.files
    for row in files.rows.values():
        row["logging_id"] = run_id
    moving_in.enter(
        connection,
        {
            "file": list(files.rows.values()),
            "filemember": files.members,
            "filefilelink": history.links,
            "filecodelink": history.code_links,
            "release": history.releases,
        },
    )
    _enter_marks(connection, run_id)
    moving_in.enter(connection, {"processqueue": history.queue})
    moving_in.enter_attempts(connection, run_id, history.attempts)
    for code_id in taken.found.codes:
        codes.enter_sameness(connection, code_id)
        codes.record_event(connection, code_id, CodeEvent.ADDED, reason="imported")


def _enter_marks(connection: Transaction, run_id: int) -> None:
    """Mark what files mean that say how good others are; nothing is queued for it."""
    definition = load_definition(connection)
    names = [product.name for product, _ in verdicts.judging(definition).values()]
    verdicts.settle_products(connection, definition, names, run_id)
    queue.remove(connection, queue.file_ids(connection))


def _make_incoming(found: OldMission) -> None:
    mission = found.mission
    incoming = paths.resolved(mission, mission.incoming)
    try:
        with permissions.as_given(int(mission.umask, 8), mission.group or None, mission.root):
            permissions.make_directories(incoming)
    except OSError as error:
        raise StorageError(f"the mission is imported, but cannot make {incoming}: {error.strerror}") from error


def _answer(
    database: OldDatabase, new: str, taken: _Read, judged: Judged, options: Options, *, is_done: bool
) -> TakenOver:
    found, files, history = taken.found, taken.files, taken.history
    counts: dict[str, Any] = {
        "products": len(found.products),
        "processes": len(found.processes),
        "codes": len(found.codes),
        "inspectors": len(found.inspectors),
        "files": len(files.rows),
        "made": len(history.attempts),
        "links": len(history.links),
        "releases": len(history.releases),
        "queued": len(history.queue) - len(judged.idle),
        "runs": len(history.runs),
        "missing": len(files.missing),
    }
    of_mission = [] if found.mission.on_code_edit == "accept" else [_KEPT_WHEN_EDITED]
    if judged.idle:
        names = some_names([files.rows[number]["filename"] for number in judged.idle])
        of_mission.insert(0, f"files that were queued, and lead to nothing, are queued no more: {names}")
    return TakenOver(
        old=database.name,
        database=new,
        mission=found.mission.name,
        root=found.mission.root,
        counts=counts,
        stale=tuple(judged.stale),
        not_made=tuple(judged.missing),
        runs=tuple(judged.runs),
        is_judged=options.judge,
        missing=tuple(files.missing),
        notes=(*found.notes, *files.notes.sentences, *history.notes.sentences, *of_mission),
        is_done=is_done,
    )
