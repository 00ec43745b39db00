"""Reap superseded versions: they go to the trash, can be restored for a while, and are then deleted.

Only what could be made again goes: never a delivered file, nor one whose inputs are gone, nor one of a release, nor an
input of a file in its place.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbproc.changes.correcting import Correcting, correcting, require_there
from dbproc.core.errors import PlacementError, UserError
from dbproc.core.model import KnownFile, Mission
from dbproc.core.overlaps import foreign_place
from dbproc.core.retention import Superseded, hindrance, reapable
from dbproc.core.states import Correction
from dbproc.database import corrections, files, lineage, retention
from dbproc.database import moves as placements
from dbproc.database.corrections import Corrected
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store, Transaction
from dbproc.mission.on_disk import within_on_disk
from dbproc.run.withdrawal import former_of, moved
from dbproc.storage import layout, moves
from dbproc.storage.aside import move_aside, move_home, path_of, prune
from dbproc.storage.digest import algorithm_of, digest_file, state_of

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapedFile:
    """A version that is reaped."""

    file: str  #: its name
    size: int | None  #: bytes; null: nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A version that is more than are to be kept, and may not go."""

    file: str  #: its name
    why: str  #: why it stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """What reaping does."""

    files: tuple[ReapedFile, ...]  #: what goes to the trash
    kept: tuple[KeptFile, ...]  #: further versions than are to be kept, which may not go
    deleted: tuple[str, ...]  #: the names of what is deleted from the trash
    archived: tuple[str, ...]  #: the paths in the archive of what goes there, out of the trash
    restorable_until: dt.datetime  #: until when what goes to the trash can be restored
    is_done: bool  #: whether it was done, not only foreseen


def reap(store: Store, *, archive: str | None = None, only_look: bool = False) -> Reaped:
    """Move superseded versions to the trash, as far as products keep fewer, and delete what was there for long enough;
    or with an `archive`, a directory, move all that is in the trash there, and delete nothing.

    Raises
    ------
    UserError
        There is no such directory, it is one of the mission's own, or something is there in the place of a file.
    BusyError, LockError
        A run is live.
    """
    with correcting(store, "reap", only_look=only_look) as ground:
        if archive is not None:
            _require_archive(ground, archive)
        now = dt.datetime.now(dt.UTC)
        window = ground.mission.trash if archive is None else dt.timedelta()
        with store.begin() as connection:
            found = _judged(connection, ground, retention.superseded(connection))
            going = list(reapable(found))
            old = retention.in_trash(connection, now - window)
            makeable = _remakeable(connection, ground, old)
            old = [each for each in old if each in makeable]
            empty = {file.file_id for file in files.known_by_number(connection, old) if not _is_in_trash(ground, file)}
            old += [each.file_id for each in going] if archive is not None else []
            away = files.rows_numbered(connection, old)
            leaving = files.known_by_number(connection, [each.file_id for each in going])
        require_there(ground, leaving)
        kept = [(each, hindrance(each)) for each in found if each.place >= each.keep]
        if not only_look:
            for start in range(0, len(going), _AT_ONCE):
                _to_trash(ground, going[start : start + _AT_ONCE])
            for start in range(0, len(old), _AT_ONCE):
                _away(ground, old[start : start + _AT_ONCE], archive)
    return Reaped(
        files=tuple(ReapedFile(file=each.filename, size=each.size) for each in going),
        kept=tuple(KeptFile(file=each.filename, why=why) for each, why in kept if why),
        deleted=tuple(row.filename for row in away) if archive is None else (),
        archived=()
        if archive is None
        else tuple(os.path.join(archive, row.directory, row.filename) for row in away if row.file_id not in empty),
        restorable_until=now + window,
        is_done=not only_look,
    )


def _judged(connection: Transaction, ground: Correcting, found: Sequence[Superseded]) -> list[Superseded]:
    """Versions, with what the disk says of those that might go."""
    going = [each.file_id for each in reapable(found)]
    kept = set(going) - _remakeable(connection, ground, going)
    return [replace(each, has_inputs=False) if each.file_id in kept else each for each in found]


def _remakeable(connection: Transaction, ground: Correcting, file_ids: Sequence[int]) -> set[int]:
    """The files of which every input has its bytes: in its place, or kept aside."""
    links = lineage.links_among(connection, file_ids)
    inputs = files.known_by_number(connection, sorted({source for source, _ in links}))
    named = files.known_by_name(connection, sorted({file.filename for file in inputs}))
    gone = {each.file_id for each in inputs if not _has_bytes(ground.mission, each, named.get(each.filename))}
    return set(file_ids) - {result for source, result in links if source in gone}


def _has_bytes(mission: Mission, file: KnownFile, named: KnownFile | None) -> bool:
    """Whether the recorded bytes of a file are somewhere, be it in stores; `named`: the file that has its name now."""
    places = (layout.WITHDRAWN, layout.TRASH)
    if any(
        os.path.lexists(layout.kept_path(mission, file.file_id, file.digest, file.filename, each)) for each in places
    ):
        return True
    if file.is_offloaded:
        return True
    if named is None or not named.standing.exists or named.digest != file.digest:
        return False
    if named.is_offloaded:
        return True
    path = path_of(mission, named)
    try:
        is_as_recorded = state_of(os.lstat(path)) == named.state
        return is_as_recorded or digest_file(path, algorithm_of(file.digest)) == file.digest
    except OSError:
        return False


def _to_trash(ground: Correcting, going: Sequence[Superseded]) -> None:
    ids = [each.file_id for each in going]
    with ground.store.begin() as connection:
        known = files.known_by_number(connection, ids)
    found = [(file, move_aside(ground.mission, file, layout.TRASH)) for file in known]
    wanted = [move for _, move in found if move is not None]
    reaped = [Corrected(file.file_id, former=former_of(file, move)) for file, move in found]
    try:
        with moved(ground.store, wanted), ground.store.begin() as connection:
            number = corrections.enter(connection, Correction.REAP, "superseded", reaped)
            corrections.take_out(connection, number, ids)
            placements.withdraw(connection, wanted)
    except PlacementError as error:
        raise UserError(f"{error}; it stays in its place, and what is not reaped yet as well") from error


def _is_in_trash(ground: Correcting, file: KnownFile) -> bool:
    """Whether the bytes of a file are in the trash still: somebody may have removed them there."""
    return os.path.lexists(layout.kept_path(ground.mission, file.file_id, file.digest, file.filename, layout.TRASH))


def _require_archive(ground: Correcting, archive: str) -> None:
    if not os.path.isdir(archive):
        raise UserError(f"there is no directory {archive}; make it, or see that its disk is mounted")
    with ground.store.begin() as connection:
        place = foreign_place(load_definition(connection), archive, within_on_disk)
    if place is not None:
        raise UserError(f"{archive} is or lies in {place}, which is the mission's own; name another directory")


def _away(ground: Correcting, file_ids: Sequence[int], archive: str | None) -> None:
    """Take bytes out of the trash for good."""
    if archive is None:
        _delete(ground, file_ids)
        return
    with ground.store.begin() as connection:
        known = files.known_by_number(connection, file_ids)
    found = [(file, move_home(ground.mission, file, layout.TRASH)) for file in known]
    wanted = [
        replace(move, target=os.path.join(archive, file.directory, file.filename)) for file, move in found if move
    ]
    try:
        with moved(ground.store, wanted), ground.store.begin() as connection:
            retention.record_deleted(connection, file_ids, os.path.abspath(archive))
            placements.withdraw(connection, wanted)
    except PlacementError as error:
        raise UserError(f"{error}; it stays in the trash, and what is not archived yet as well") from error
    for move in wanted:
        prune(move)


def _delete(ground: Correcting, file_ids: Sequence[int]) -> None:
    """Delete bytes from the trash; recorded first, so that nothing is promised that is gone."""
    with ground.store.begin() as connection:
        known = files.known_by_number(connection, file_ids)
        retention.record_deleted(connection, file_ids)
    for file in known:
        path = layout.kept_path(ground.mission, file.file_id, file.digest, file.filename, layout.TRASH)
        try:
            moves.remove(path, file.members)
            os.rmdir(os.path.dirname(path))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"{path} cannot be deleted: {error.strerror or error}") from error
