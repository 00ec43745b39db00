"""Ancestors and descendants of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from dbproc.core.answers import OPTIONAL, extended
from dbproc.database import codes as database_codes
from dbproc.database import files
from dbproc.database import lineage as database_lineage
from dbproc.database.files import FileRow
from dbproc.database.lineage import ConfirmationRow
from dbproc.database.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative(FileRow):
    """A file of a lineage."""

    code: str | None  #: the name and version of the code that it was made by; null: it was delivered
    confirmed: tuple[ConfirmationRow, ...]  #: why it was not made again
    depth: int | None = field(default=None, metadata=OPTIONAL)  #: steps from the file that was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """A file with everything that it came from and everything that came from it."""

    file: Relative  #: the file that was asked for
    ancestors: tuple[Relative, ...]  #: what it came from
    descendants: tuple[Relative, ...]  #: what came from it
    links: tuple[tuple[int, int], ...]  #: the numbers of an input and of what was made from it


def lineage(store: Store, name: str) -> Lineage:
    """The ancestors and descendants of a file.

    Raises
    ------
    NotFoundError
        There is no such file.
    """
    with store.begin() as connection:
        file = files.find_file(connection, name)
        ancestors = database_lineage.related(connection, file.file_id, ancestors=True)
        descendants = database_lineage.related(connection, file.file_id, ancestors=False)
        ids = [file.file_id, *(row.file_id for row, _ in (*ancestors, *descendants))]
        codes = database_codes.codes_of_files(connection, ids)
        links = database_lineage.links_among(connection, ids)
        confirmed = defaultdict(list)
        for each in database_lineage.confirmations(connection, ids):
            confirmed[each.result].append(each)

    def relative(row: FileRow, depth: int | None = None) -> Relative:
        known = tuple(confirmed[row.file_id])
        return extended(Relative, row, code=codes.get(row.file_id), confirmed=known, depth=depth)

    return Lineage(
        file=relative(file),
        ancestors=tuple(relative(*each) for each in ancestors),
        descendants=tuple(relative(*each) for each in descendants),
        links=tuple(links),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A file and the nearest files that it came from and that came from it."""

    file: FileRow  #: the file
    ancestors: tuple[tuple[FileRow, int], ...]  #: what it came from, each with its distance in steps
    descendants: tuple[tuple[FileRow, int], ...]  #: what came from it, likewise
    links: tuple[tuple[int, int], ...]  #: the numbers of an input and of what was made from it
    more_ancestors: bool  #: whether it came from further files
    more_descendants: bool  #: whether further files came from it


def nearby(store: Store, file_id: int, most: int) -> Family:
    """The relatives of a file that are nearest, at most so many on each side: for a picture, however many there are.

    Raises
    ------
    NotFoundError
        There is no such file.
    """
    with store.begin() as connection:
        file = files.find_file(connection, str(file_id))
        above = database_lineage.nearest(connection, file_id, most + 1, ancestors=True)
        below = database_lineage.nearest(connection, file_id, most + 1, ancestors=False)
        some = {file_id, *list(above)[:most], *list(below)[:most]}
        rows = {row.file_id: row for row in files.rows_numbered(connection, sorted(some))}
        links = database_lineage.links_among(connection, sorted(some))
    return Family(
        file=file,
        ancestors=tuple((rows[number], above[number]) for number in list(above)[:most]),
        descendants=tuple((rows[number], below[number]) for number in list(below)[:most]),
        links=tuple(link for link in links if link[0] in rows),
        more_ancestors=len(above) > most,
        more_descendants=len(below) > most,
    )


def ancestry(answer: Lineage) -> Iterable[tuple[int, Relative, bool]]:
    """Walk the ancestors as a tree: depth, file, and whether its own ancestors were listed before."""
    sources = defaultdict(list)
    for source, result in answer.links:
        sources[result].append(source)
    rows = {row.file_id: row for row in (answer.file, *answer.ancestors)}
    listed: set[int] = set()
    todo = [(0, answer.file.file_id)]
    while todo:
        depth, file_id = todo.pop()
        seen = file_id in listed and bool(sources[file_id])
        yield depth, rows[file_id], seen
        listed.add(file_id)
        if not seen:
            below = sorted((source for source in sources[file_id] if source in rows), key=lambda i: rows[i].filename)
            todo.extend((depth + 1, source) for source in reversed(below))
