"""Which files and codes a selection means: questions for those who want something made again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, select

from dbproc.core.model import File, Slot
from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database._queries import FILE, FILE_COLUMNS, batches, file_of, is_newest

_ATTEMPT = schema.attempt
_CODE = schema.code


def newest_files(connection: Connection, product_ids: Collection[int]) -> list[File]:
    """The newest existing files of products."""
    return _files(connection, FILE.c.product_id.in_(product_ids), is_newest(existing=True))


def files_numbered(connection: Connection, file_ids: Sequence[int]) -> list[File]:
    """The files of these numbers."""
    return [file for some in batches(file_ids) for file in _files(connection, FILE.c.file_id.in_(some))]


def codes_of_process(connection: Connection) -> Mapping[int, tuple[int, str, Version]]:
    """Every code there ever was: its process, its file's name and its version, by its number."""
    columns = (_CODE.c.code_id, _CODE.c.process_id, _CODE.c.filename, _CODE.c.interface_version)
    statement = select(*columns, _CODE.c.quality_version, _CODE.c.revision_version)
    return {
        code_id: (process_id, filename, Version(*version))
        for code_id, process_id, filename, *version in connection.execute(statement)
    }


def made_by(connection: Connection, code_ids: Collection[int]) -> list[Slot]:
    """The slots whose newest file was made by one of these codes."""
    link, further = schema.filecodelink, schema.attemptoutput
    columns = (_ATTEMPT.c.process_id, _ATTEMPT.c.utc_file_date, _ATTEMPT.c.process_keywords)
    made = (link.c.source_code.in_(code_ids), is_newest(existing=True))
    of_code = select(*columns).join(link, link.c.resulting_file == FILE.c.file_id)
    first = of_code.join(_ATTEMPT, _ATTEMPT.c.output_file == FILE.c.file_id).where(*made)
    besides = (
        of_code.join(further, further.c.file_id == FILE.c.file_id)
        .join(_ATTEMPT, _ATTEMPT.c.attempt_id == further.c.attempt_id)
        .where(*made)
    )
    return [Slot(*row) for row in connection.execute(first.union(besides))]


def _files(connection: Connection, *conditions: ColumnElement[bool]) -> list[File]:
    return [file_of(row) for row in connection.execute(select(*FILE_COLUMNS).where(*conditions))]


def instruments(connection: Connection) -> dict[int, int]:
    """By product: the number of its instrument."""
    product = schema.product.c
    rows = connection.execute(select(product.product_id, product.instrument_id))
    return {row[0]: row[1] for row in rows}
