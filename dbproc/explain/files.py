"""The answer of ``dbproc files``: files of the catalogue, each with the place of its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.core.answers import extended
from dbproc.database.definition.load import load_mission
from dbproc.database.files import FileRow
from dbproc.database.replicas import stores_with
from dbproc.database.selection import PAGE, Selection, page_of
from dbproc.database.store import Store
from dbproc.run.whereabouts import place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile(FileRow):
    """A file of the catalogue with the place of its bytes."""

    path: str | None  #: where its bytes are on the disk; null: nowhere
    stores: tuple[str, ...]  #: the stores that have a copy of it, as far as is known


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
        stores = stores_with(connection, [row.file_id for row in rows])
    while rows:
        for row in rows:
            yield extended(ListedFile, row, path=place_of(mission, row), stores=stores.get(row.file_id, ()))
        if len(rows) < PAGE:
            return
        with store.begin() as connection:
            rows = page_of(connection, selection, rows[-1])
            stores = stores_with(connection, [row.file_id for row in rows])
