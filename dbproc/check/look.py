"""Looking for faults: the disk first, then the database from one moment, then what differs once more on disk.

In this order a live run deceives nobody: what it announces or records is in the database before or after it is on
disk, and what appears to be wrong is looked at again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dbproc.check.copies import copy_faults
from dbproc.check.data_releases import doubtful as doubtful_releases
from dbproc.check.data_releases import release_faults
from dbproc.check.definition import directory_faults, program_faults, world_writable_programs
from dbproc.check.digests import digest_faults
from dbproc.check.faults import Fault, Kind, Mark
from dbproc.check.files import Files
from dbproc.check.kept import kept, kept_faults
from dbproc.check.leftovers import leftover_faults, live_run, lock_faults, root_faults, unremovable_faults
from dbproc.check.lineage import lineage_faults
from dbproc.check.plausibility import doubtful
from dbproc.check.quarantine import quarantine_faults
from dbproc.check.staleness import forgotten, judged, queued_in_vain
from dbproc.check.tree import Directory, Ground, Tree
from dbproc.core.events import Progress
from dbproc.core.filenames import companion_of
from dbproc.core.model import Definition, Move
from dbproc.core.reasons import some_names
from dbproc.core.text import one_line
from dbproc.database import audit, data_releases, lock, queue, waitingslots
from dbproc.database.audit import Records
from dbproc.database.definition.load import load_definition
from dbproc.database.lineage import newest_made_from
from dbproc.database.moves import announced
from dbproc.database.selection import Selection, selected
from dbproc.database.store import Store
from dbproc.database.store.misfits import misfits
from dbproc.run.decide import facts_in
from dbproc.storage.workspace import Workspace

_ORDER = {kind: position for position, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look found.

    `live` is the run that was live meanwhile: what it explains is left out. `files` and `members` are how many were
    looked at; with `is_deep` their bytes were, too.
    """

    faults: tuple[Fault, ...]
    files: int
    members: int
    live: str | None
    is_deep: bool

    @property
    def counts(self) -> dict[Kind, int]:
        """How many faults there are of each kind that there is."""
        counted = Counter(fault.kind for fault in self.faults)
        return {kind: counted[kind] for kind in Kind if counted[kind]}


def look_at(
    store: Store,
    selection: Selection,
    *,
    deep: bool = False,
    plausible: bool = False,
    progress: Progress | None = None,
) -> Findings:
    """Hold the selected files alone against the disk, and change nothing; no directory is read that has none of them.

    Parameters
    ----------
    store
        The mission's database; may be open for reading only.
    selection
        Which files.
    deep, plausible, progress
        As those of :func:`look`.

    Raises
    ------
    NotFoundError
        There is no product of a name.
    """
    with store.at_one_moment() as still, still.begin() as connection:
        definition, moves = load_definition(connection), announced(connection)
        chosen = [row.file_id for row in selected(connection, selection)]
        products = audit.product_places(connection)
        files = Files(Ground(definition.mission, products, (), store.name), Tree(), _places(moves))
        files.enter(audit.file_rows(connection, chosen), audit.member_rows(connection, chosen))
        faults = list(doubtful(connection, definition, set(chosen))) if plausible else []
    faults += [_with_dependants(store, fault, files) for fault in files.faults(())]
    if deep:
        faults += digest_faults(files, progress)
    faults.sort(key=lambda fault: (_ORDER[fault.kind], fault.place))
    return Findings(tuple(map(_printable, faults)), len(files.rows), len(files.members), None, deep)


def look(store: Store, *, deep: bool = False, plausible: bool = False, progress: Progress | None = None) -> Findings:
    """Hold database and disk against each other, and change nothing.

    Parameters
    ----------
    store
        The mission's database; may be open for reading only.
    deep
        Read every file through, and compare digests.
    plausible
        Say what is unlikely of dates and times, too.
    progress
        Told how many files were read through.

    Raises
    ------
    NotFoundError
        The database holds no mission.
    """
    unreadable = tuple(map(_printable, _unreadable(store)))
    if unreadable:
        return Findings(unreadable, 0, 0, None, deep)
    before = lock.current(store)
    site = _Site.of(store)
    files, records, faults = _compare(store, site, deep=deep)
    work = site.workspace.leftovers()
    after = lock.seen(store)
    live = live_run(before, records.open_run, after)
    if live is None:
        faults += [*lock_faults(store.name, after), *leftover_faults(records, work, site.logs)]
    else:
        faults = [*lock_faults(store.name, after), *(fault for fault in faults if not _is_explained(fault))]
    faults += root_faults(store, site.definition.mission)
    faults += unremovable_faults(site.workspace.given_up())
    if deep:
        faults += digest_faults(files, progress)
    if plausible:
        with store.begin() as connection:
            faults += doubtful(connection, site.definition, None)
    faults.sort(key=lambda fault: (_ORDER[fault.kind], fault.place))
    return Findings(tuple(map(_printable, faults)), len(files.rows), len(files.members), live, deep)


def _unreadable(store: Store) -> list[Fault]:
    """Values that nothing can be read past."""
    with store.begin() as connection:
        return [
            Fault(
                kind=Kind.UNREADABLE_VALUE,
                place=found.row,
                text=f"{found.column} is {found.value}, which is not {found.meant}",
                remedy=found.remedy,
            )
            for found in misfits(connection)
        ]


@dataclass(frozen=True, slots=True)
class _Site:
    """What there is on disk, before the database is asked what there should be."""

    definition: Definition
    ground: Ground
    tree: Tree
    own: Sequence[str]
    quarantine: Directory
    workspace: Workspace
    logs: Sequence[str]

    @staticmethod
    def of(store: Store) -> _Site:
        with store.begin() as connection:
            definition = load_definition(connection)
            products = audit.product_places(connection)
            in_use = audit.directories_in_use(connection)
            without = audit.products_without_files(connection)
        mission, tree = definition.mission, Tree(outside=definition.mission.outside)
        ground = Ground(mission, products, in_use, store.name, without)
        workspace = Workspace(mission.root)
        return _Site(
            definition=definition,
            ground=ground,
            tree=tree,
            own=ground.read(tree),
            quarantine=Tree().read(mission.quarantine) or Directory(),
            workspace=workspace,
            logs=_paths_in(workspace.job_logs),
        )


def _compare(store: Store, site: _Site, *, deep: bool) -> tuple[Files, Records, list[Fault]]:
    """Every fault but those of the lock and of what dead runs left."""
    definition = site.definition
    with store.at_one_moment() as still, still.begin() as connection:
        records = audit.records(connection)
        files = Files(site.ground, site.tree, _announced(records))
        files.enter(audit.file_rows(connection), audit.member_rows(connection))
        faults, doubtful = lineage_faults(records, files.rows)
        newest, built = audit.newest_files(connection), audit.built_slots(connection)
        facts = facts_in(connection, definition)
        gone = {row.file_id for row in files.rows.values() if not row.exists}
        found = judged(definition, newest, built, facts, doubtful, gone)
        queued = queue.load(connection)
        faults += found.undue
        released = data_releases.named(connection), doubtful_releases(connection, definition.mission)
        faults += copy_faults(connection, definition)
        aside = list(kept(definition.mission, audit.kept_rows(connection)))
        faults += forgotten(definition, found.stale, queued, waitingslots.entries(connection), facts)
        faults += queued_in_vain(definition, found.stale, queued, records.queue, facts)
    faults += kept_faults(aside, deep=deep)
    faults += release_faults(definition.mission, *released, deep=deep)
    faults += [_with_dependants(store, fault, files) for fault in _on_disk(site, files, records)]
    return files, records, faults


def _with_dependants(store: Store, fault: Fault, files: Files) -> Fault:
    """Of a delivered file that is gone, also what was made from it."""
    if fault.kind is not Kind.MISSING or not isinstance(fault.cure, Mark) or files.rows[fault.cure.file_id].is_made:
        return fault
    with store.begin() as connection:
        made = newest_made_from(connection, [fault.cure.file_id])
    names = some_names([row.filename for row in made])
    return replace(fault, text=f"{fault.text}; made from it: {names}") if names else fault


def _on_disk(site: _Site, files: Files, records: Records) -> Iterator[Fault]:
    definition, mission = site.definition, site.definition.mission
    yield from program_faults(definition)
    yield from directory_faults(definition, has_quarantined=bool(records.quarantined))
    if os.path.isdir(mission.root):
        yield from files.faults(site.own)
    yield from files.world_writable(world_writable_programs(definition))
    if os.path.isdir(mission.quarantine):
        yield from quarantine_faults(mission.quarantine, site.quarantine, records, site.ground, _announced(records))


def _announced(records: Records) -> set[str]:
    return _places(records.moves)


def _places(moves: Sequence[Move]) -> set[str]:
    """The places of announced moves, and of the companion directories that move with them."""
    places = {path for move in moves for path in (move.source, move.target)}
    return places | {companion_of(path) for move in moves if move.members for path in (move.source, move.target)}


def _is_explained(fault: Fault) -> bool:
    """Whether a live run explains it: it is at work there."""
    return fault.kind in (Kind.UNFINISHED_COPY, Kind.QUEUED_IN_VAIN)


def _paths_in(directory: str) -> list[str]:
    try:
        return sorted(entry.path for entry in os.scandir(directory))
    except OSError:
        return []


def _printable(fault: Fault) -> Fault:
    """The fault in text that any terminal and any file takes; its cure keeps the path as it is."""
    return replace(fault, place=one_line(fault.place), text=one_line(fault.text), remedy=one_line(fault.remedy))
