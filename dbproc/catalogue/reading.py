"""What people ask the catalogue: the state of the mission, how a file was made, what it came from."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, exists, func, literal, select
from sqlalchemy.orm import aliased

from dbproc import schema
from dbproc.catalogue._select import FILE, batches
from dbproc.errors import NotFoundError

_ATTEMPT = schema.Attempt
Row = dict[str, Any]


def products_in_numbers(connection: Connection) -> list[Row]:
    """Each product with how many files it has, and the first and last date."""
    product = schema.Product
    statement = (
        select(
            product.product_name.label("product"),
            product.level,
            func.count(FILE.file_id).label("files"),
            func.min(FILE.utc_file_date).label("first"),
            func.max(FILE.utc_file_date).label("last"),
        )
        .outerjoin(FILE, FILE.product_id == product.product_id)
        .group_by(product.product_id, product.product_name, product.level)
        .order_by(product.level, product.product_name)
    )
    return _rows(connection, statement)


def open_failures(connection: Connection, limit: int = 50) -> list[Row]:
    """The slots whose last attempt failed or was refused, the latest first."""
    later = aliased(_ATTEMPT)
    superseded = exists().where(
        later.process_id == _ATTEMPT.process_id,
        later.utc_file_date == _ATTEMPT.utc_file_date,
        later.process_keywords == _ATTEMPT.process_keywords,
        later.attempt_id > _ATTEMPT.attempt_id,
        later.status != "interrupted",
    )
    statement = (
        _attempts().where(_ATTEMPT.status.in_(("failed", "refused")), ~superseded).order_by(_ATTEMPT.attempt_id.desc())
    )
    return [_attempt(row) for row in _rows(connection, statement.limit(limit))]


def last_runs(connection: Connection, limit: int = 1) -> list[Row]:
    """The latest runs."""
    run = schema.Logging
    statement = (
        select(run.logging_id, run.processing_start_time, run.processing_end_time, run.comment, run.hostname, run.pid)
        .order_by(run.logging_id.desc())
        .limit(limit)
    )
    return _rows(connection, statement)


def find_file(connection: Connection, name: str) -> Row:
    """One file by its name (or a path that ends in it) or number.

    Raises
    ------
    NotFoundError
        There is none; the message names similar ones.
    """
    wanted = name.rstrip("/").rsplit("/", 1)[-1]
    rows = _rows(connection, _files().where(FILE.filename == wanted))
    if not rows and name.isascii() and name.isdigit():
        rows = _rows(connection, _files().where(FILE.file_id == int(name)))
    if not rows:
        near = connection.scalars(
            select(FILE.filename).where(FILE.filename.contains(wanted[:12], autoescape=True)).limit(5)
        ).all()
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise NotFoundError(f"no file {wanted} in the catalogue{hint}")
    return rows[0]


def attempt_of_output(connection: Connection, file_id: int) -> Row | None:
    """The attempt that made a file, None for a file that was delivered."""
    rows = _rows(connection, _attempts().where(_ATTEMPT.output_file == file_id))
    return _attempt(rows[0]) if rows else None


def last_attempt(connection: Connection, process_id: int, date: dt.date, keywords: str | None = None) -> Row | None:
    """The last attempt for a process and date."""
    statement = _attempts().where(_ATTEMPT.process_id == process_id, _ATTEMPT.utc_file_date == date)
    if keywords is not None:
        statement = statement.where(_ATTEMPT.process_keywords == keywords)
    rows = _rows(connection, statement.order_by(_ATTEMPT.attempt_id.desc()).limit(1))
    return _attempt(rows[0]) if rows else None


def inputs_of_file(connection: Connection, file_id: int) -> list[Row]:
    """The files that a file was made from."""
    link = schema.FileFileLink
    return _rows(
        connection,
        _files()
        .join(link, link.source_file == FILE.file_id)
        .where(link.resulting_file == file_id)
        .order_by(FILE.filename),
    )


def codes_of_file(connection: Connection, file_id: int) -> list[Row]:
    """The code that a file was made by."""
    link, code = schema.FileCodeLink, schema.Code
    statement = (
        select(
            code.code_id,
            code.filename.label("code"),
            code.interface_version,
            code.quality_version,
            code.revision_version,
            code.shasum,
        )
        .join(link, link.source_code == code.code_id)
        .where(link.resulting_file == file_id)
    )
    return [_with_version(row) for row in _rows(connection, statement)]


def files_of_slot(connection: Connection, product_id: int, date: dt.date) -> list[Row]:
    """Every version of a product's file for a date, the newest first."""
    statement = (
        _files()
        .where(FILE.product_id == product_id, FILE.utc_file_date == date)
        .order_by(FILE.interface_version.desc(), FILE.quality_version.desc(), FILE.revision_version.desc())
    )
    return _rows(connection, statement)


def related(connection: Connection, file_id: int, *, ancestors: bool) -> list[Row]:
    """All files that a file came from (or that came from it), each with its distance in steps."""
    link = schema.FileFileLink
    here, there = (link.resulting_file, link.source_file) if ancestors else (link.source_file, link.resulting_file)
    walk = select(there.label("file_id"), literal(1).label("depth")).where(here == file_id).cte("walk", recursive=True)
    walk = walk.union(select(there, walk.c.depth + 1).where(here == walk.c.file_id))
    depths = select(walk.c.file_id, func.min(walk.c.depth).label("depth")).group_by(walk.c.file_id).subquery()
    statement = (
        _files()
        .add_columns(depths.c.depth)
        .join(depths, depths.c.file_id == FILE.file_id)
        .order_by(depths.c.depth, FILE.data_level.desc(), FILE.filename)
    )
    return _rows(connection, statement)


def links_among(connection: Connection, file_ids: Sequence[int]) -> list[tuple[int, int]]:
    """The links (source, result) whose result is one of these files."""
    link = schema.FileFileLink
    return [
        (row[0], row[1])
        for some in batches(file_ids)
        for row in connection.execute(
            select(link.source_file, link.resulting_file).where(link.resulting_file.in_(some))
        )
    ]


def codes_of_files(connection: Connection, file_ids: Sequence[int]) -> dict[int, str]:
    """By file: the code that made it, with its version."""
    link, code = schema.FileCodeLink, schema.Code
    result: dict[int, str] = {}
    for some in batches(file_ids):
        statement = (
            select(
                link.resulting_file,
                code.filename,
                code.interface_version,
                code.quality_version,
                code.revision_version,
            )
            .join(code, code.code_id == link.source_code)
            .where(link.resulting_file.in_(some))
        )
        for file_id, filename, *version in connection.execute(statement):
            result[file_id] = f"{filename} {'.'.join(map(str, version))}"
    return result


def _files() -> Select[*tuple[Any, ...]]:
    product = schema.Product
    return select(
        FILE.file_id,
        FILE.filename,
        product.product_name.label("product"),
        FILE.product_id,
        FILE.utc_file_date.label("date"),
        FILE.utc_start_time.label("start"),
        FILE.utc_stop_time.label("stop"),
        FILE.interface_version,
        FILE.quality_version,
        FILE.revision_version,
        FILE.process_keywords.label("keywords"),
        FILE.relative_path.label("directory"),
        FILE.file_size.label("size"),
        FILE.shasum.label("digest"),
        FILE.exists_on_disk,
    ).join(product, product.product_id == FILE.product_id)


def _attempts() -> Select[*tuple[Any, ...]]:
    process, code = schema.Process, schema.Code
    return (
        select(
            _ATTEMPT.attempt_id,
            process.process_name.label("process"),
            _ATTEMPT.utc_file_date.label("date"),
            _ATTEMPT.process_keywords.label("keywords"),
            _ATTEMPT.status,
            _ATTEMPT.reasons,
            _ATTEMPT.command_line,
            _ATTEMPT.output_filename.label("output"),
            code.filename.label("code"),
            code.interface_version,
            code.quality_version,
            code.revision_version,
            _ATTEMPT.created_time.label("created"),
            _ATTEMPT.start_time.label("started"),
            _ATTEMPT.end_time.label("ended"),
            _ATTEMPT.exit_status,
            _ATTEMPT.message,
            _ATTEMPT.log_path.label("log"),
            _ATTEMPT.failures,
            _ATTEMPT.next_try_time.label("next_try"),
        )
        .join(process, process.process_id == _ATTEMPT.process_id)
        .join(code, code.code_id == _ATTEMPT.code_id)
    )


def _attempt(row: Row) -> Row:
    row = {**row, "code_version": ".".join(str(row.pop(f"{part}_version")) for part in _PARTS)}
    return {**row, "reasons": json.loads(row["reasons"]), "command_line": json.loads(row["command_line"])}


_PARTS = ("interface", "quality", "revision")


def _with_version(row: Row) -> Row:
    return {**row, "version": ".".join(str(row.pop(f"{part}_version")) for part in _PARTS)}


def _rows(connection: Connection, statement: Select[*tuple[Any, ...]]) -> list[Row]:
    return [
        _with_version(dict(row)) if "interface_version" in row and "status" not in row else dict(row)
        for row in connection.execute(statement).mappings()
    ]
