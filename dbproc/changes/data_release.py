"""Release data: files are named, as they are now, under the name of a release that never changes.

The database has it first, with the text of its manifest, in one transaction; the file is written from that, and if a
kill comes between, the next run or command writes it.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbproc.changes.correcting import correcting, refuse, require_some
from dbproc.core.data_releases import Head, manifest_text, require_name
from dbproc.core.digests import is_unknown
from dbproc.core.errors import StorageError, UserError
from dbproc.core.model import Mission
from dbproc.core.states import Standing
from dbproc.database import data_releases, files, queue
from dbproc.database.files import FileRow
from dbproc.database.selection import Selection, selected
from dbproc.database.store import Store, Transaction
from dbproc.run.inputs import faults_of
from dbproc.run.manifests import write_missing
from dbproc.storage.digest import digest_text
from dbproc.storage.workspace import Workspace
from dbproc.system.machine import user_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A release of data that is made."""

    name: str  #: its name
    files: int  #: how many files it holds
    size: int  #: bytes of these, without their companion directories
    comment: str  #: what is to be known of it
    manifest: str  #: where its manifest is
    digest: str | None  #: of the manifest; null: nothing was done
    queued: int  #: files that are still to be looked at: the next run may make newer ones
    is_done: bool  #: whether it was made, not only foreseen


def tag(
    store: Store, name: str, selection: Selection, comment: str = "", *, doubtful: bool = False, only_look: bool = False
) -> Tagged:
    """Make a release of files, or with `only_look` say what it would hold.

    Parameters
    ----------
    store
        The mission's database.
    name
        The name of the release.
    selection
        Which files it holds.
    comment
        What is to be known of it.
    doubtful
        Also of files that are marked ``ignore`` or ``problem``; else they are refused, unless the selection names
        these qualities.
    only_look
        Change nothing.

    Raises
    ------
    UserError
        There is a release of this name, no file is meant, or one of them is not there as it was recorded.
    BusyError, LockError
        A run is live, and may make other files.
    """
    require_name(name)
    with correcting(store, f"release tag {name}", only_look=only_look) as ground:
        with store.begin() as connection:
            data_releases.require_new(connection, name)
            rows = sorted(selected(connection, selection), key=lambda row: row.file_id)
            lost = _lost(connection, selection)
            queued = queue.length(connection)
        _require_room(ground.mission, name)
        require_some(rows, "release")
        _require_sound(rows, lost, is_doubt_meant=doubtful or bool(selection.qualities))
        _require_bytes(store, ground.mission, rows)
        told = Tagged(
            name=name,
            files=len(rows),
            size=sum(row.size or 0 for row in rows),
            comment=comment.strip(),
            manifest=Workspace(ground.mission.root).manifest(name),
            digest=None,
            queued=queued,
            is_done=not only_look,
        )
        return told if only_look else replace(told, digest=_made(store, ground.mission, told, rows))


def _require_room(mission: Mission, name: str) -> None:
    """See that nothing is where the manifest of a new release is to be.

    Raises
    ------
    UserError
        Somebody has put something there.
    """
    path = Workspace(mission.root).manifest(name)
    if os.path.lexists(path):
        raise UserError(f"{path} is there already, and of no release of this mission; move it away")


def _made(store: Store, mission: Mission, told: Tagged, rows: Sequence[FileRow]) -> str:
    head = Head(
        name=told.name,
        mission=mission.name,
        time=dt.datetime.now(dt.UTC),
        user=user_name(),
        comment=told.comment,
    )
    with store.begin() as connection:
        lines = list(data_releases.entries(connection, rows))
        digest = digest_text(manifest_text(head, lines), mission.digest)
        data_releases.enter(connection, head, rows, lines, digest)
    try:
        write_missing(store, mission)
    except StorageError as error:
        raise StorageError(
            f"the release {head.name} is made, and then {error}; dbproc check --repair writes it"
        ) from error
    return digest


def _lost(connection: Transaction, selection: Selection) -> list[FileRow]:
    """Of the newest files that are meant, those that are gone from disk: an earlier version must not stand for them."""
    if not selection.newest:
        return []
    gone = replace(selection, newest=False, standings=frozenset({Standing.LOST}))
    found = {row.file_id: row for row in selected(connection, gone)}
    return [found[file.file_id] for file in files.newest_known(connection, list(found))]


def _require_sound(rows: Sequence[FileRow], lost: Sequence[FileRow], *, is_doubt_meant: bool) -> None:
    """See that every file is there, and not marked as doubtful unless that is meant.

    Raises
    ------
    UserError
        One is not; it names the first of them.
    """
    gone = {row.file_id: row for row in (*lost, *(row for row in rows if row.standing is Standing.LOST))}
    refuse(
        list(gone.values()),
        "gone from disk",
        "let a run make it again, or put it back, or leave it out by the options that select",
    )
    refuse(
        [row for row in rows if not row.standing.exists],
        "out of its place",
        "see: dbproc why FILE; leave it out by the options that select",
    )
    if not is_doubt_meant:
        refuse(
            [row for row in rows if row.quality.is_doubt],
            "marked as ignore or problem",
            "leave such files out with --quality ok --quality unknown, or release them all the same with --doubtful",
        )


def _require_bytes(store: Store, mission: Mission, rows: Sequence[FileRow]) -> None:
    """See that every file has the bytes that were recorded; it is read only where the system says that it may not.

    Raises
    ------
    UserError
        One has not.
    """
    refuse(
        [row for row in rows if is_unknown(row.digest)],
        "nobody knows its digest yet",
        "it is taken when the file is recalled: dbproc recall FILE",
    )
    faults = faults_of(store, mission, [row.file_id for row in rows if row.standing is Standing.IN_PLACE])
    if faults:
        more = f"; and {len(faults) - 1} more files" if len(faults) > 1 else ""
        raise UserError(f"nothing is released: {faults[0]}{more}; to see all: dbproc check")
