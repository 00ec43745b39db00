"""Superseded versions and what speaks for keeping them; what lies in the trash."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, select, tuple_, update

from dbproc.core.retention import Superseded
from dbproc.core.states import Correction
from dbproc.database import schema
from dbproc.database._queries import FILE, batches, is_here, version_columns
from dbproc.database.data_releases import is_released

_LINK = schema.filefilelink.c
_CORRECTION = schema.correction.c


def superseded(connection: Connection) -> list[Superseded]:
    """Every version that is not the newest in its place, of products that do not keep all; not what is in stores
    alone, which takes no room."""
    product, newer = schema.product.c, FILE.alias()
    place = (
        select(func.count())
        .where(
            newer.c.product_id == FILE.c.product_id,
            newer.c.utc_file_date == FILE.c.utc_file_date,
            newer.c.process_keywords == FILE.c.process_keywords,
            newer.c.exists_on_disk,
            tuple_(*version_columns(newer)) > tuple_(*version_columns(FILE)),
        )
        .correlate(FILE)
        .scalar_subquery()
    )
    columns = (FILE.c.file_id, FILE.c.filename, FILE.c.file_size, place, product.keep_versions)
    statement = (
        select(*columns, _is_made(), is_released(), _is_used(), _has_inputs())
        .join(schema.product, product.product_id == FILE.c.product_id)
        .where(product.keep_versions.is_not(None), is_here(FILE), FILE.c.replaced_by.is_(None), place > 0)
        .order_by(FILE.c.data_level.desc(), FILE.c.filename)
    )
    return [
        Superseded(row[0], row[1], row[2], row[3], row[4], *map(bool, row[5:])) for row in connection.execute(statement)
    ]


def in_trash(connection: Connection, before: dt.datetime) -> list[int]:
    """The files whose bytes are in the trash since before a time, and could be made again; those made last first."""
    statement = (
        select(FILE.c.file_id)
        .join(schema.correction, _CORRECTION.correction_id == FILE.c.correction_id)
        .where(_CORRECTION.kind == Correction.REAP, _CORRECTION.correction_time < before)
        .where(FILE.c.deleted_time.is_(None), FILE.c.replaced_by.is_(None), _has_inputs(), not_(is_released()))
        .order_by(FILE.c.data_level.desc(), FILE.c.file_id)
    )
    return list(connection.scalars(statement))


def record_deleted(connection: Connection, file_ids: Sequence[int], archive: str | None = None) -> None:
    """Record that the bytes of files were deleted from the trash, or moved to an archive."""
    for some in batches(file_ids):
        values = {"deleted_time": dt.datetime.now(dt.UTC), "archive": archive}
        connection.execute(update(FILE).where(FILE.c.file_id.in_(some)).values(**values))


def _is_made() -> ColumnElement[bool]:
    return exists().where(schema.filecodelink.c.resulting_file == FILE.c.file_id)


def _is_used() -> ColumnElement[bool]:
    result = FILE.alias()
    is_result = and_(result.c.file_id == _LINK.resulting_file, result.c.exists_on_disk)
    return exists().where(_LINK.source_file == FILE.c.file_id, is_result)


def _has_inputs() -> ColumnElement[bool]:
    """Everything that the file was made from has its bytes, in its place or aside."""
    source = FILE.alias()
    is_gone = and_(~source.c.exists_on_disk, source.c.correction_id.is_(None) | source.c.deleted_time.is_not(None))
    is_gone = and_(is_gone, source.c.replaced_by.is_(None))
    lost = exists().where(_LINK.resulting_file == FILE.c.file_id, _LINK.source_file == source.c.file_id, is_gone)
    has_any = exists().where(_LINK.resulting_file == FILE.c.file_id)
    return and_(has_any, ~lost)
