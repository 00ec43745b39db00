"""What people ask the catalogue: the state of the mission, how a file was made, what it came from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select

from dbproc.database import schema
from dbproc.database._queries import FILE, batches, columns_of, is_newest
from dbproc.database.files import FileRow, file_row, file_rows, files_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRow:
    """That a file was not made again, because a newer version of an input has the same contents."""

    result: int  #: the number of the file
    replaced: str  #: the name of the input that it was made from
    source: str  #: the name of the newer version
    confirmed: dt.datetime  #: when that was found


def inputs_of_file(connection: Connection, file_id: int) -> list[FileRow]:
    """The files that a file was made from."""
    link = schema.filefilelink
    statement = file_rows().join(link, link.c.source_file == FILE.c.file_id).where(link.c.resulting_file == file_id)
    return files_of(connection, statement.order_by(FILE.c.filename))


def confirmations(connection: Connection, file_ids: Sequence[int]) -> list[ConfirmationRow]:
    """Which of these files were not made again, because a newer version of an input has the same contents."""
    table, source, replaced = schema.confirmation, FILE.alias(), FILE.alias()
    names = {"replaced": replaced.c.filename, "source": source.c.filename, "confirmed": table.c.confirmed_time}
    columns = columns_of(ConfirmationRow, result=table.c.resulting_file, **names)
    found: list[ConfirmationRow] = []
    for some in batches(file_ids):
        statement = (
            select(*columns)
            .join(source, source.c.file_id == table.c.source_file)
            .join(replaced, replaced.c.file_id == table.c.replaced_file)
            .where(table.c.resulting_file.in_(some))
            .order_by(table.c.resulting_file, table.c.source_file)
        )
        found.extend(ConfirmationRow(**row) for row in connection.execute(statement).mappings())
    return found


def related(connection: Connection, file_id: int, *, ancestors: bool) -> list[tuple[FileRow, int]]:
    """All files that a file came from (or that came from it), each with its distance in steps."""
    link = schema.filefilelink
    here, there = (
        (link.c.resulting_file, link.c.source_file) if ancestors else (link.c.source_file, link.c.resulting_file)
    )
    walk = select(there.label("file_id"), literal(1).label("depth")).where(here == file_id).cte("walk", recursive=True)
    walk = walk.union(select(there, walk.c.depth + 1).where(here == walk.c.file_id))
    depths = select(walk.c.file_id, func.min(walk.c.depth).label("depth")).group_by(walk.c.file_id).subquery()
    statement = (
        file_rows()
        .add_columns(depths.c.depth)
        .join(depths, depths.c.file_id == FILE.c.file_id)
        .order_by(depths.c.depth, FILE.c.data_level.desc(), FILE.c.filename)
    )
    rows = (dict(row) for row in connection.execute(statement).mappings())
    return [(file_row(row), depth) for row in rows for depth in [row.pop("depth")]]


def nearest(connection: Connection, file_id: int, most: int, *, ancestors: bool) -> dict[int, int]:
    """At most so many of the files that a file came from (or that came from it), the nearest first, each with its
    distance in steps; of very many no more are read than are wanted."""
    link = schema.filefilelink
    here, there = link.c.resulting_file, link.c.source_file
    if not ancestors:
        here, there = there, here
    found: dict[int, int] = {}
    level, depth = [file_id], 1
    while level and len(found) < most:
        seen = [file_id, *found]
        following = select(there).where(here.in_(level), there.not_in(seen)).distinct().order_by(there)
        level = list(connection.scalars(following.limit(most - len(found))))
        found.update(dict.fromkeys(level, depth))
        depth += 1
    return found


def newest_made_from(connection: Connection, file_ids: Sequence[int]) -> list[FileRow]:
    """The newest files in place that came from some files, or count as made from them, over any number of steps."""
    links = (schema.filefilelink.c, schema.baseline.c)
    found: dict[int, None] = {}
    todo = list(file_ids)
    while todo:
        made: list[int] = []
        for some in batches(todo):
            for link in links:
                made += connection.scalars(select(link.resulting_file).where(link.source_file.in_(some)))
        todo = [file_id for file_id in dict.fromkeys(made) if file_id not in found]
        found.update(dict.fromkeys(todo))
    is_meant = (file_rows().where(FILE.c.file_id.in_(some), is_newest(existing=True)) for some in batches(list(found)))
    return [row for statement in is_meant for row in files_of(connection, statement)]


def links_among(connection: Connection, file_ids: Sequence[int]) -> list[tuple[int, int]]:
    """The links (source, result) whose result is one of these files."""
    link = schema.filefilelink
    links = select(link.c.source_file, link.c.resulting_file)
    some = (links.where(link.c.resulting_file.in_(some)) for some in batches(file_ids))
    return [(row[0], row[1]) for statement in some for row in connection.execute(statement)]
