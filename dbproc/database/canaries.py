"""Canaries: candidates for the next version of a code, and the samples that were built with them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from dbproc.core.candidates import Queued
from dbproc.core.errors import NotFoundError
from dbproc.core.states import CanaryStatus, SampleVerdict
from dbproc.database import schema
from dbproc.database._queries import FILE, is_newest, number_of

_CANARY = schema.canary
_SAMPLE = schema.canaryfile
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCanary:
    """A candidate: the columns of its row."""

    process_id: int
    version: str
    directory: str
    filename: str
    output_interface: int
    arguments: str | None
    digest: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFile:
    """A file of a sample, or one that could not be made."""

    date: dt.date
    keywords: str
    product_id: int
    filename: str
    published_file: int | None
    verdict: SampleVerdict
    report: Row
    record: Row


def insert_canary(connection: Connection, canary: NewCanary) -> int:
    """Enter a canary that is going to be built; its number."""
    values = {"created_time": dt.datetime.now(dt.UTC), "status": CanaryStatus.BUILDING, **_columns(canary)}
    return int(connection.execute(insert(_CANARY).values(**values).returning(_CANARY.c.canary_id)).scalar_one())


def begin_again(connection: Connection, canary_id: int, canary: NewCanary) -> None:
    """Forget what was built of a sample that was not finished."""
    connection.execute(delete(_SAMPLE).where(_SAMPLE.c.canary_id == canary_id))
    connection.execute(update(_CANARY).where(_CANARY.c.canary_id == canary_id).values(**_columns(canary)))


def unfinished(connection: Connection, process_id: int, version: str) -> int | None:
    """The latest canary of this process and version whose sample is being built, or was never finished."""
    statement = select(func.max(_CANARY.c.canary_id)).where(
        _CANARY.c.process_id == process_id,
        _CANARY.c.declared_version == version,
        _CANARY.c.status == CanaryStatus.BUILDING,
    )
    found: int | None = connection.scalar(statement)
    return found


def insert_files(connection: Connection, canary_id: int, files: Sequence[SampleFile]) -> None:
    """Enter files of a sample."""
    rows = [
        {
            "canary_id": canary_id,
            "utc_file_date": file.date,
            "process_keywords": file.keywords,
            "product_id": file.product_id,
            "filename": file.filename,
            "published_file": file.published_file,
            "verdict": file.verdict,
            "report": json.dumps(file.report),
            "record": json.dumps(file.record),
        }
        for file in files
    ]
    if rows:
        connection.execute(insert(_SAMPLE), rows)


def change_status(connection: Connection, canary_id: int, old: Collection[CanaryStatus], new: CanaryStatus) -> bool:
    """Change the status from one of `old`; whether it was one of them."""
    statement = update(_CANARY).where(_CANARY.c.canary_id == canary_id, _CANARY.c.status.in_(old)).values(status=new)
    return connection.execute(statement).rowcount == 1


def all_canaries(connection: Connection) -> list[Row]:
    """Every canary, the latest first, with how many files of its sample came out in which way."""
    found = _canaries(connection)
    counted: dict[int, dict[str, int]] = {}
    statement = select(_SAMPLE.c.canary_id, _SAMPLE.c.verdict, func.count()).group_by(
        _SAMPLE.c.canary_id, _SAMPLE.c.verdict
    )
    for canary_id, verdict, count in connection.execute(statement):
        counted.setdefault(canary_id, {})[verdict] = count
    return [{**row, "verdicts": counted.get(row["canary_id"], {})} for row in found]


def find(connection: Connection, name: str) -> Row:
    """A canary by its number, or the latest one of a process by the name of that.

    Raises
    ------
    NotFoundError
        There is none; the message says what there is.
    """
    number = number_of(name)
    is_meant = schema.process.c.process_name == name if number is None else _CANARY.c.canary_id == number
    found = _canaries(connection, is_meant)
    if not found:
        known = [f"{row['canary_id']} ({row['process']} {row['version']})" for row in _canaries(connection)[:10]]
        raise NotFoundError(f"no canary {name}; there are: {', '.join(known) or 'none'}")
    return found[0]


def files_of(connection: Connection, canary_id: int) -> list[Row]:
    """The files of a sample in the order of their dates, with the name of the published file."""
    statement = (
        select(
            _SAMPLE.c.utc_file_date.label("date"),
            _SAMPLE.c.process_keywords.label("keywords"),
            _SAMPLE.c.product_id,
            schema.product.c.product_name.label("product"),
            _SAMPLE.c.filename,
            FILE.c.filename.label("published"),
            _SAMPLE.c.verdict,
            _SAMPLE.c.report,
            _SAMPLE.c.record,
        )
        .join(schema.product, schema.product.c.product_id == _SAMPLE.c.product_id)
        .outerjoin(FILE, FILE.c.file_id == _SAMPLE.c.published_file)
        .where(_SAMPLE.c.canary_id == canary_id)
        .order_by(_SAMPLE.c.utc_file_date, _SAMPLE.c.process_keywords, schema.product.c.product_name)
    )
    rows = [dict(row) for row in connection.execute(statement).mappings()]
    return [{**row, "report": json.loads(row["report"]), "record": json.loads(row["record"])} for row in rows]


def input_files(connection: Connection, product_ids: Collection[int]) -> list[Queued]:
    """The newest existing files of some products, as if they were queued."""
    columns = (FILE.c.file_id, FILE.c.product_id, FILE.c.utc_file_date, FILE.c.process_keywords)
    statement = select(*columns, FILE.c.utc_start_time, FILE.c.utc_stop_time).where(
        FILE.c.product_id.in_(product_ids), is_newest(existing=True)
    )
    return [
        Queued(file_id, product_id, date, keywords, ((start.date(), stop.date()),))
        for file_id, product_id, date, keywords, start, stop in connection.execute(statement)
    ]


def released_code(connection: Connection, process_id: int, version: str) -> int:
    """The number of the current code of a process with this declared version."""
    code = schema.code.c
    same = (code.process_id == process_id, code.declared_version == version, code.newest_version)
    code_id = connection.scalar(select(code.code_id).where(*same).order_by(code.code_id.desc()))
    if code_id is None:
        raise NotFoundError(f"no code of version {version}")
    return int(code_id)


def _canaries(connection: Connection, *conditions: ColumnElement[bool]) -> list[Row]:
    statement = (
        select(
            _CANARY.c.canary_id,
            _CANARY.c.process_id,
            schema.process.c.process_name.label("process"),
            _CANARY.c.declared_version.label("version"),
            _CANARY.c.relative_path.label("directory"),
            _CANARY.c.filename,
            _CANARY.c.output_interface_version.label("output_interface"),
            _CANARY.c.shasum.label("digest"),
            _CANARY.c.created_time.label("created"),
            _CANARY.c.user,
            _CANARY.c.status,
        )
        .join(schema.process, schema.process.c.process_id == _CANARY.c.process_id)
        .where(*conditions)
        .order_by(_CANARY.c.canary_id.desc())
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


def _columns(canary: NewCanary) -> Row:
    return {
        "process_id": canary.process_id,
        "declared_version": canary.version,
        "relative_path": canary.directory,
        "filename": canary.filename,
        "output_interface_version": canary.output_interface,
        "arguments": canary.arguments,
        "shasum": canary.digest,
        "user": canary.user,
    }
