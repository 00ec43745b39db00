"""The answer of ``dbproc files``: files of the catalogue, each with the place of its bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.core.answers import extended
from dbproc.core.model import Mission
from dbproc.core.states import Standing
from dbproc.database.definition.load import load_mission
from dbproc.database.files import FileRow
from dbproc.database.selection import PAGE, Selection, page_of
from dbproc.database.store import Store
from dbproc.storage import layout


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile(FileRow):
    """A file of the catalogue with the place of its bytes."""

    path: str | None  #: where its bytes are; null: nowhere


def listed(store: Store, selection: Selection) -> Iterator[ListedFile]:
    """The files that are meant, in the order of :func:`~dbproc.database.selection.page_of`.

    The database is asked page by page: while the answer is read, however slowly, nothing is kept from being written.

    Raises
    ------
    NotFoundError
        There is no file or no product of a name, or no keyword.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
        rows = page_of(connection, selection)
    while rows:
        yield from (extended(ListedFile, row, path=place_of(mission, row)) for row in rows)
        if len(rows) < PAGE:
            return
        with store.begin() as connection:
            rows = page_of(connection, selection, rows[-1])


def place_of(mission: Mission, row: FileRow) -> str | None:
    """Where the bytes of a file are: in its place, or kept aside."""
    if row.standing is Standing.IN_PLACE:
        return f"{mission.root}/{row.directory}/{row.filename}"
    if row.standing is Standing.LOST:
        return None
    place = layout.TRASH if row.standing is Standing.REAPED else layout.WITHDRAWN
    kept = layout.kept_path(mission, row.file_id, row.digest, row.filename, place)
    return kept if os.path.lexists(kept) else None
