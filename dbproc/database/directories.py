"""Directories that files of the catalogue are in, and how each was when its files were last seen in it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from sqlalchemy import Connection, delete, func, select

from dbproc.core.model import KnownFile, Mission
from dbproc.core.states import Standing
from dbproc.database import schema
from dbproc.database._queries import FILE, batches, insert_rows, is_here, streamed
from dbproc.storage.absence import away_words, is_another, is_away, names_in, state_of_directory
from dbproc.storage.aside import path_of

_TABLE = schema.directory


def in_use(connection: Connection) -> list[str]:
    """The directories that files are in, as far as is known: one look into the index for each, however many files."""
    place = func.min(FILE.c.relative_path)
    each = select(place.label("place")).where(is_here(FILE)).cte("each", recursive=True)
    following = select(place).where(is_here(FILE), FILE.c.relative_path > each.c.place).scalar_subquery()
    each = each.union_all(select(following).where(each.c.place.is_not(None)))
    return list(connection.scalars(select(each.c.place).where(each.c.place.is_not(None))))


def seen(connection: Connection) -> dict[str, str]:
    """What the system said of each directory when its files were last seen in it."""
    return {row[0]: row[1] for row in connection.execute(select(_TABLE.c.relative_path, _TABLE.c.stat))}


def files_in(connection: Connection, places: Sequence[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """By directory: the names and numbers of the files that are in it, as far as is known."""
    columns = (FILE.c.relative_path, FILE.c.filename, FILE.c.file_id)
    for some in batches(places):
        statement = select(*columns).where(is_here(FILE), FILE.c.relative_path.in_(some))
        rows = streamed(connection, statement.order_by(FILE.c.relative_path))
        for place, of_place in groupby(rows, lambda row: str(row[0])):
            yield place, {name: file_id for _, name, file_id in of_place}


def remember(connection: Connection, states: Mapping[str, str], forget: Iterable[str] = ()) -> None:
    """Note how directories are in which all files were seen, and forget others."""
    for some in batches([*states, *forget]):
        connection.execute(delete(_TABLE).where(_TABLE.c.relative_path.in_(some)))
    insert_rows(connection, _TABLE, [{"relative_path": place, "stat": state} for place, state in states.items()])


def away(connection: Connection, mission: Mission, files: Iterable[KnownFile]) -> str | None:
    """A sentence on the directories of some files that lack all their files; None where none does."""
    in_place = (file for file in files if file.standing is Standing.IN_PLACE)
    return away_places(
        connection, mission, {file.directory for file in in_place if not os.path.lexists(path_of(mission, file))}
    )


def away_places(connection: Connection, mission: Mission, places: Collection[str]) -> str | None:
    """A sentence on those of some directories that lack all their files; None where none does."""
    counts: dict[str, int] = {}
    if places:
        before = seen(connection)
        for place, wanted in files_in(connection, sorted(places)):
            path = os.path.join(mission.root, place)
            there, other = names_in(path), is_another(state_of_directory(path), before.get(place, ""))
            if there is None or is_away(wanted, there, is_another=other):
                counts[place] = len(wanted)
    return away_words(counts)
