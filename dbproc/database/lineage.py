"""What people ask the catalogue: the state of the mission, how a file was made, what it came from."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, func, literal, or_, select

from dbproc.core.errors import NotFoundError
from dbproc.core.model import Slot
from dbproc.database import schema
from dbproc.database._queries import (
    FILE,
    batches,
    is_last_attempt,
    is_last_of_startup,
    is_newest,
    next_try_of,
    number_of,
)

_ATTEMPT = schema.attempt
Row = dict[str, Any]


def products_in_numbers(connection: Connection) -> list[Row]:
    """Each product with how many of its files exist, and the first and last date of these; a retired one as long as
    there are files of it."""
    product = schema.product
    statement = (
        select(
            product.c.product_name.label("product"),
            product.c.level,
            func.count(FILE.c.file_id).label("files"),
            func.min(FILE.c.utc_file_date).label("first"),
            func.max(FILE.c.utc_file_date).label("last"),
        )
        .outerjoin(FILE, and_(FILE.c.product_id == product.c.product_id, FILE.c.exists_on_disk))
        .group_by(product.c.product_id, product.c.product_name, product.c.level)
        .order_by(product.c.level, product.c.product_name)
    )
    return _rows(connection, statement)


def failed_slots(connection: Connection) -> list[tuple[int, Slot, list[str]]]:
    """The slots whose last attempt failed or was refused, the latest first: number and reasons of that attempt."""
    where = (_ATTEMPT.c.process_id, _ATTEMPT.c.utc_file_date, _ATTEMPT.c.process_keywords)
    statement = (
        select(_ATTEMPT.c.attempt_id, *where, _ATTEMPT.c.reasons)
        .where(_ATTEMPT.c.status.in_(("failed", "refused")), is_last_attempt(), is_last_of_startup())
        .order_by(_ATTEMPT.c.attempt_id.desc())
    )
    return [(number, Slot(*slot), json.loads(reasons)) for number, *slot, reasons in connection.execute(statement)]


def attempts_numbered(connection: Connection, attempt_ids: Sequence[int]) -> list[Row]:
    """The attempts of these numbers, the latest first."""
    statement = _attempts().where(_ATTEMPT.c.attempt_id.in_(attempt_ids)).order_by(_ATTEMPT.c.attempt_id.desc())
    return [_attempt(row) for row in _rows(connection, statement)]


def last_runs(connection: Connection, limit: int = 1) -> list[Row]:
    """The latest runs."""
    run = schema.logging
    statement = (
        select(
            run.c.logging_id,
            run.c.processing_start_time,
            run.c.processing_end_time,
            run.c.comment,
            run.c.hostname,
            run.c.pid,
        )
        .where(run.c.purpose == "run")
        .order_by(run.c.logging_id.desc())
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
    rows = _rows(connection, _files().where(FILE.c.filename == wanted))
    if not rows and (number := number_of(name)) is not None:
        rows = _rows(connection, _files().where(FILE.c.file_id == number))
    if not rows:
        near = connection.scalars(
            select(FILE.c.filename).where(FILE.c.filename.contains(_beginning(wanted), autoescape=True)).limit(5)
        ).all()
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise NotFoundError(f"no file {wanted} in the catalogue{hint}")
    return rows[0]


def files_named(connection: Connection, names: Sequence[str]) -> list[Row]:
    """The files of these names."""
    return _rows(connection, _files().where(FILE.c.filename.in_(names)))


def newest_of(connection: Connection, product_id: int, date: dt.date, keywords: str) -> Row | None:
    """The newest of the existing versions of a file."""
    statement = _files().where(
        FILE.c.product_id == product_id,
        FILE.c.utc_file_date == date,
        FILE.c.process_keywords == keywords,
        is_newest(existing=True),
    )
    return next(iter(_rows(connection, statement)), None)


def _beginning(name: str) -> str:
    """The letters before the first digit: what a family of files shares."""
    return re.split(r"\d", name, maxsplit=1)[0][:20] or name[:4]


def attempt_of_output(connection: Connection, file_id: int) -> Row | None:
    """The attempt that made a file, None for a file that was delivered."""
    further = schema.attemptoutput.c
    besides = select(further.attempt_id).where(further.file_id == file_id)
    is_maker = or_(_ATTEMPT.c.output_file == file_id, _ATTEMPT.c.attempt_id.in_(besides))
    rows = _rows(connection, _attempts().where(is_maker).order_by(_ATTEMPT.c.attempt_id.desc()).limit(1))
    return _attempt(rows[0]) if rows else None


def last_attempt(connection: Connection, process_id: int, date: dt.date, keywords: str | None = None) -> Row | None:
    """The last attempt for a process and date."""
    statement = _attempts().where(_ATTEMPT.c.process_id == process_id, _ATTEMPT.c.utc_file_date == date)
    if keywords is not None:
        statement = statement.where(_ATTEMPT.c.process_keywords == keywords)
    rows = _rows(connection, statement.order_by(_ATTEMPT.c.attempt_id.desc()).limit(1))
    return _attempt(rows[0]) if rows else None


def inputs_of_file(connection: Connection, file_id: int) -> list[Row]:
    """The files that a file was made from."""
    link = schema.filefilelink
    return _rows(
        connection,
        _files()
        .join(link, link.c.source_file == FILE.c.file_id)
        .where(link.c.resulting_file == file_id)
        .order_by(FILE.c.filename),
    )


def confirmations(connection: Connection, file_ids: Sequence[int]) -> list[Row]:
    """Which of these files were not made again, because a newer version of an input has the same contents.

    Each with ``result``, ``replaced`` (what it was made from), ``source`` (the newer version) and ``confirmed``, when.
    """
    table, source, replaced = schema.confirmation, FILE.alias(), FILE.alias()
    columns = (
        table.c.resulting_file.label("result"),
        replaced.c.filename.label("replaced"),
        source.c.filename.label("source"),
        table.c.confirmed_time.label("confirmed"),
    )
    found: list[Row] = []
    for some in batches(file_ids):
        statement = (
            select(*columns)
            .join(source, source.c.file_id == table.c.source_file)
            .join(replaced, replaced.c.file_id == table.c.replaced_file)
            .where(table.c.resulting_file.in_(some))
            .order_by(table.c.resulting_file, table.c.source_file)
        )
        found.extend(dict(row) for row in connection.execute(statement).mappings())
    return found


def codes_of_file(connection: Connection, file_id: int) -> list[Row]:
    """The code that a file was made by."""
    link, code = schema.filecodelink, schema.code
    statement = (
        select(
            code.c.code_id,
            code.c.filename.label("code"),
            code.c.interface_version,
            code.c.quality_version,
            code.c.revision_version,
            code.c.shasum,
        )
        .join(link, link.c.source_code == code.c.code_id)
        .where(link.c.resulting_file == file_id)
    )
    return [_with_version(row) for row in _rows(connection, statement)]


def code_parts(connection: Connection, code_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """By code: the digest of each file that belongs to it, by its path."""
    table = schema.codefile.c
    parts: dict[int, dict[str, str]] = {code_id: {} for code_id in code_ids}
    rows = connection.execute(select(table.code_id, table.path, table.shasum).where(table.code_id.in_(code_ids)))
    for code_id, path, digest in rows:
        parts[code_id][path] = digest
    return parts


def makers_of_product(connection: Connection, product_id: int) -> list[Row]:
    """The processes that make a product, the retired as well."""
    process, further = schema.process.c, schema.processoutput.c
    besides = select(further.process_id).where(further.product_id == product_id)
    is_maker = or_(process.output_product == product_id, process.process_id.in_(besides))
    return _rows(connection, select(process.process_id, process.process_name.label("process")).where(is_maker))


def codes_in_use(connection: Connection, process_id: int) -> list[Row]:
    """The codes of a process that are not replaced, with the dates that they are for; none when it is retired."""
    code = schema.code.c
    statement = (
        select(
            code.filename.label("code"),
            code.interface_version,
            code.quality_version,
            code.revision_version,
            code.code_start_date.label("first"),
            code.code_stop_date.label("last"),
            code.active_code.label("active"),
        )
        .where(code.process_id == process_id, code.newest_version)
        .order_by(code.code_start_date)
    )
    return [_with_version(dict(row)) for row in connection.execute(statement).mappings()]


def retired_product(connection: Connection, name: str) -> int | None:
    """The number of the product of this name that files are of though it is not defined any more."""
    product = schema.product.c
    found: int | None = connection.scalar(select(product.product_id).where(product.product_name == name))
    return found


def slots_of_files(connection: Connection, file_ids: Sequence[int]) -> dict[int, Slot]:
    """By file: the slot of the attempt that made it; of those that were made."""
    further = schema.attemptoutput.c
    where = (_ATTEMPT.c.process_id, _ATTEMPT.c.utc_file_date, _ATTEMPT.c.process_keywords)
    slots: dict[int, Slot] = {}
    for some in batches(file_ids):
        first = select(_ATTEMPT.c.output_file, *where).where(_ATTEMPT.c.output_file.in_(some))
        others = select(further.file_id, *where).join(_ATTEMPT, _ATTEMPT.c.attempt_id == further.attempt_id)
        for statement in (first, others.where(further.file_id.in_(some))):
            slots.update((row[0], Slot(*row[1:])) for row in connection.execute(statement))
    return slots


def outputs_of_attempt(connection: Connection, attempt_id: int) -> list[Row]:
    """The files that an attempt made, the first of its outputs first."""
    further = schema.attemptoutput.c
    besides = select(further.file_id).where(further.attempt_id == attempt_id)
    first = select(_ATTEMPT.c.output_file).where(_ATTEMPT.c.attempt_id == attempt_id)
    statement = _files().where(or_(FILE.c.file_id.in_(first), FILE.c.file_id.in_(besides)))
    return _rows(connection, statement.order_by(FILE.c.file_id))


def tried_keywords(connection: Connection, process_id: int, date: dt.date) -> set[str]:
    """The keywords that a process was tried with for a date."""
    statement = select(_ATTEMPT.c.process_keywords).where(
        _ATTEMPT.c.process_id == process_id, _ATTEMPT.c.utc_file_date == date
    )
    return set(connection.scalars(statement.distinct()))


def files_of_slot(connection: Connection, product_id: int, date: dt.date) -> list[Row]:
    """Every version of a product's file for a date, the newest first."""
    statement = (
        _files()
        .where(FILE.c.product_id == product_id, FILE.c.utc_file_date == date)
        .order_by(FILE.c.interface_version.desc(), FILE.c.quality_version.desc(), FILE.c.revision_version.desc())
    )
    return _rows(connection, statement)


def related(connection: Connection, file_id: int, *, ancestors: bool) -> list[Row]:
    """All files that a file came from (or that came from it), each with its distance in steps."""
    link = schema.filefilelink
    here, there = (
        (link.c.resulting_file, link.c.source_file) if ancestors else (link.c.source_file, link.c.resulting_file)
    )
    walk = select(there.label("file_id"), literal(1).label("depth")).where(here == file_id).cte("walk", recursive=True)
    walk = walk.union(select(there, walk.c.depth + 1).where(here == walk.c.file_id))
    depths = select(walk.c.file_id, func.min(walk.c.depth).label("depth")).group_by(walk.c.file_id).subquery()
    statement = (
        _files()
        .add_columns(depths.c.depth)
        .join(depths, depths.c.file_id == FILE.c.file_id)
        .order_by(depths.c.depth, FILE.c.data_level.desc(), FILE.c.filename)
    )
    return _rows(connection, statement)


def links_among(connection: Connection, file_ids: Sequence[int]) -> list[tuple[int, int]]:
    """The links (source, result) whose result is one of these files."""
    link = schema.filefilelink
    return [
        (row[0], row[1])
        for some in batches(file_ids)
        for row in connection.execute(
            select(link.c.source_file, link.c.resulting_file).where(link.c.resulting_file.in_(some))
        )
    ]


def codes_of_files(connection: Connection, file_ids: Sequence[int]) -> dict[int, str]:
    """By file: the code that made it, with its version."""
    link, code = schema.filecodelink, schema.code
    result: dict[int, str] = {}
    for some in batches(file_ids):
        statement = (
            select(
                link.c.resulting_file,
                code.c.filename,
                code.c.interface_version,
                code.c.quality_version,
                code.c.revision_version,
            )
            .join(code, code.c.code_id == link.c.source_code)
            .where(link.c.resulting_file.in_(some))
        )
        for file_id, filename, *version in connection.execute(statement):
            result[file_id] = f"{filename} {'.'.join(map(str, version))}"
    return result


def _files() -> Select[*tuple[Any, ...]]:
    product = schema.product
    return select(
        FILE.c.file_id,
        FILE.c.filename,
        product.c.product_name.label("product"),
        FILE.c.product_id,
        FILE.c.utc_file_date.label("date"),
        FILE.c.utc_start_time.label("start"),
        FILE.c.utc_stop_time.label("stop"),
        FILE.c.interface_version,
        FILE.c.quality_version,
        FILE.c.revision_version,
        FILE.c.process_keywords.label("keywords"),
        FILE.c.relative_path.label("directory"),
        FILE.c.file_size.label("size"),
        FILE.c.shasum.label("digest"),
        FILE.c.exists_on_disk,
    ).join(product, product.c.product_id == FILE.c.product_id)


def _attempts() -> Select[*tuple[Any, ...]]:
    process, code = schema.process, schema.code
    return (
        select(
            _ATTEMPT.c.attempt_id,
            process.c.process_id,
            process.c.process_name.label("process"),
            process.c.output_timebase.label("timebase"),
            _ATTEMPT.c.utc_file_date.label("date"),
            _ATTEMPT.c.process_keywords.label("keywords"),
            _ATTEMPT.c.status,
            _ATTEMPT.c.reasons,
            _ATTEMPT.c.command_line,
            _ATTEMPT.c.output_filename.label("output"),
            code.c.filename.label("code"),
            code.c.interface_version,
            code.c.quality_version,
            code.c.revision_version,
            _ATTEMPT.c.created_time.label("created"),
            _ATTEMPT.c.start_time.label("started"),
            _ATTEMPT.c.end_time.label("ended"),
            _ATTEMPT.c.exit_status,
            _ATTEMPT.c.message,
            _ATTEMPT.c.log_path.label("log"),
            _ATTEMPT.c.failures,
            _ATTEMPT.c.next_try_time.label("next_try"),
            code.c.retry_longest_seconds.label("longest"),
        )
        .join(process, process.c.process_id == _ATTEMPT.c.process_id)
        .join(code, code.c.code_id == _ATTEMPT.c.code_id)
    )


def _attempt(row: Row) -> Row:
    row = {**row, "code_version": ".".join(str(row.pop(f"{part}_version")) for part in _PARTS)}
    longest, now = row.pop("longest"), dt.datetime.now(dt.UTC)
    row["next_try"] = next_try_of(row["next_try"], row["created"], row["ended"], longest, now)
    return {**row, "reasons": json.loads(row["reasons"]), "command_line": json.loads(row["command_line"])}


_PARTS = ("interface", "quality", "revision")


def _with_version(row: Row) -> Row:
    return {**row, "version": ".".join(str(row.pop(f"{part}_version")) for part in _PARTS)}


def _rows(connection: Connection, statement: Select[*tuple[Any, ...]]) -> list[Row]:
    return [
        _with_version(dict(row)) if "interface_version" in row and "status" not in row else dict(row)
        for row in connection.execute(statement).mappings()
    ]
