"""The answer of ``dbproc files``: files of the catalogue, each with the place of its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbproc.core.answers import extended
from dbproc.core.model import Mission
from dbproc.database.definition.load import load_mission
from dbproc.database.files import FileRow, find_file
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
        yield from _shown(mission, rows, stores)
        if len(rows) < PAGE:
            return
        with store.begin() as connection:
            rows = page_of(connection, selection, rows[-1])
            stores = stores_with(connection, [row.file_id for row in rows])


def page(store: Store, selection: Selection, after: int | None, size: int) -> list[ListedFile]:
    """At most so many of the files that are meant: the first, or those that follow the file of a number.

    Raises
    ------
    NotFoundError
        As :func:`listed`; or there is no file of this number.
    """
    with store.begin() as connection:
        mission = load_mission(connection)
        before = None if after is None else find_file(connection, str(after))
        rows = page_of(connection, selection, before, size)
        return list(_shown(mission, rows, stores_with(connection, [row.file_id for row in rows])))


def _shown(mission: Mission, rows: Sequence[FileRow], stores: Mapping[int, tuple[str, ...]]) -> Iterator[ListedFile]:
    for row in rows:
        yield extended(ListedFile, row, path=place_of(mission, row), stores=stores.get(row.file_id, ()))
