"""Files of products that get another format or directory: what their places depend on, and their new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, select, update

from dbproc.core.relocation import Located, Place
from dbproc.core.states import Correction
from dbproc.core.version import Version
from dbproc.database import corrections, schema
from dbproc.database._queries import FILE, batches, is_here, version_columns
from dbproc.database.corrections import Corrected
from dbproc.database.files import members_of_files


def located(connection: Connection, product: str) -> list[Located]:
    """Every file of a product, whether it is in its place or not, in the order of their numbers."""
    c, table = FILE.c, schema.product
    columns = (c.file_id, c.filename, c.relative_path, c.utc_file_date, c.utc_start_time, c.utc_stop_time)
    facts = (
        c.process_keywords,
        c.shasum,
        c.stat,
        is_here(FILE).label("is_here"),
        c.replaced_by,
        *version_columns(FILE),
    )
    statement = select(*columns, *facts).join(table, table.c.product_id == c.product_id)
    rows = list(connection.execute(statement.where(table.c.product_name == product).order_by(c.file_id)))
    members = members_of_files(connection, [row.file_id for row in rows])
    return [
        Located(
            file_id=row.file_id,
            filename=row.filename,
            directory=row.relative_path,
            date=row.utc_file_date,
            start=row.utc_start_time,
            stop=row.utc_stop_time,
            keywords=row.process_keywords,
            version=Version(row.interface_version, row.quality_version, row.revision_version),
            digest=row.shasum,
            state=row.stat or "",
            exists=row.is_here,
            replaced_by=row.replaced_by,
            members=tuple(members[row.file_id]),
        )
        for row in rows
    ]


def owners(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """The files that have these names, by number."""
    found: dict[str, int] = {}
    for some in batches(names):
        statement = select(FILE.c.filename, FILE.c.file_id).where(FILE.c.filename.in_(some))
        found.update((row[0], row[1]) for row in connection.execute(statement.where(FILE.c.replaced_by.is_(None))))
    return found


def relocate(
    connection: Connection, places: Sequence[tuple[Located, Place]], states: Mapping[int, str], reason: str
) -> None:
    """Record the new places of files, what the system says of those that were moved, and what they were before."""
    c = FILE.c
    statement = (
        update(FILE)
        .where(c.file_id == bindparam("number"), c.filename == bindparam("former"))
        .values(
            filename=bindparam("name"),
            relative_path=bindparam("directory"),
            process_keywords=bindparam("keywords"),
            stat=bindparam("state"),
        )
    )
    way = _make_way(connection, places)
    rows = [
        {
            "number": file.file_id,
            "former": way.get(file.file_id, file.filename),
            "name": place.filename,
            "directory": place.directory,
            "keywords": place.keywords,
            "state": states.get(file.file_id),
        }
        for file, place in places
    ]
    for some in batches(rows):
        connection.execute(statement, list(some))
    corrections.enter(connection, Correction.RENAME, reason, map(_corrected, places))


def _make_way(connection: Connection, places: Sequence[tuple[Located, Place]]) -> dict[int, str]:
    """Give files whose names other ones get names that no file can have, for as long as the transaction lasts."""
    wanted = {place.filename for _, place in places}
    way = {
        file.file_id: f"{file.file_id}/{file.filename}"
        for file, place in places
        if file.filename in wanted and file.filename != place.filename
    }
    for file_id, name in way.items():
        connection.execute(update(FILE).where(FILE.c.file_id == file_id).values(filename=name))
    return way


def _corrected(pair: tuple[Located, Place]) -> Corrected:
    file, place = pair
    columns = (
        ("filename", file.filename, place.filename),
        ("relative_path", file.directory, place.directory),
        ("process_keywords", file.keywords, place.keywords),
    )
    return Corrected(file.file_id, former={name: before for name, before, after in columns if before != after})
