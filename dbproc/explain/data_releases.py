"""Releases of data: what they hold, where the bytes of that are by now, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dbproc.core.answers import extended
from dbproc.core.data_releases import Difference, ProductDifference, differences, path_in
from dbproc.core.model import Mission
from dbproc.core.states import Correction, Standing
from dbproc.database import corrections, data_releases
from dbproc.database.corrections import CorrectionRow
from dbproc.database.definition.load import load_mission
from dbproc.database.files import FileRow
from dbproc.database.replicas import stores_with
from dbproc.database.selection import PAGE, Selection, page_of
from dbproc.database.store import Store, Transaction
from dbproc.explain.files import ListedFile
from dbproc.run.whereabouts import places_of

_TAKES_OUT = frozenset({Correction.WITHDRAW, Correction.REPLACE, Correction.REINSPECT, Correction.REAP})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedFile(ListedFile):
    """A file that a release holds, as it stands now."""

    released_path: str | None  #: where it was below the root then; null: dbprocessing made the release
    released_digest: str | None  #: of its bytes then; null: as above
    since: str  #: what happened to it since: that it was withdrawn, when, by whom and why


def released_files(store: Store, name: str) -> Iterator[ReleasedFile]:
    """The files of a release, by level, product and time; the database is asked page by page.

    Raises
    ------
    NotFoundError
        There is no such release.
    """
    selection = Selection(release=name)
    with store.begin() as connection:
        mission = load_mission(connection)
        rows = page_of(connection, selection)
        page = list(_told(connection, mission, name, rows))
    while rows:
        yield from page
        if len(rows) < PAGE:
            return
        with store.begin() as connection:
            rows = page_of(connection, selection, rows[-1])
            page = list(_told(connection, mission, name, rows))


def _told(connection: Transaction, mission: Mission, name: str, rows: Sequence[FileRow]) -> Iterator[ReleasedFile]:
    then = data_releases.entries_of(connection, name, [row.file_id for row in rows])
    places = places_of(connection, mission, rows)
    stores = stores_with(connection, [row.file_id for row in rows])
    away = [row.file_id for row in rows if not row.standing.exists]
    done = {each.file_id: each for each in reversed(corrections.of_files(connection, away)) if _takes_out(each)}
    for row in rows:
        digest, entry = then[row.file_id]
        path = path_in(entry) if entry else None
        since = _since(row, done.get(row.file_id), path, digest)
        more = {"stores": stores.get(row.file_id, ()), "released_path": path, "released_digest": digest, "since": since}
        yield extended(ReleasedFile, row, path=places[row.file_id], **more)


def _takes_out(correction: CorrectionRow) -> bool:
    return correction.kind in _TAKES_OUT and correction.undone_time is None


def _words(done: CorrectionRow) -> str:
    by = done.user if done.logging_id is None else f"run {done.logging_id}"
    return f" {done.correction_time:%Y-%m-%d %H:%MZ} by {by}: {done.reason}"


def _since(row: FileRow, done: CorrectionRow | None, path: str | None, digest: str | None) -> str:
    """What is another thing now than when a file was released."""
    changes: list[str] = []
    if row.standing is not Standing.IN_PLACE:
        changes.append(f"{row.standing}{'' if done is None else _words(done)}")
    if path is not None and path != f"{row.directory}/{row.filename}":
        changes.append(f"was {path}")
    if digest is not None and digest != row.digest:
        changes.append("recorded with other bytes since")
    return "; ".join(changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDifference:
    """How two releases differ."""

    old: str  #: the name of the first one
    new: str | None  #: the name of the second one; null: the newest files as they are now
    products: tuple[ProductDifference, ...]  #: the numbers for each product
    files: tuple[Difference, ...]  #: file by file, without those that are the same


def compare(store: Store, old: str, new: str | None) -> ReleaseDifference:
    """How two releases differ, or one and the newest files of its products as they are now.

    Raises
    ------
    NotFoundError
        There is no release of such a name.
    """
    with store.begin() as connection:
        for name in filter(None, (old, new)):
            data_releases.require(connection, name)
        after = data_releases.held_now(connection, old) if new is None else data_releases.held(connection, new)
        products, found = differences(data_releases.held(connection, old), after)
    return ReleaseDifference(old=old, new=new, products=tuple(products), files=tuple(found))
