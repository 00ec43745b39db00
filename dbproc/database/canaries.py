"""Canaries: candidates for the next version of a code, and the samples that were built with them."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from dbproc.core.answers import HIDDEN, INLINE, OPTIONAL, entries, extended
from dbproc.core.errors import NotFoundError
from dbproc.core.model import Member
from dbproc.core.slot_text import SlotShown
from dbproc.core.states import CanaryStatus, SampleVerdict
from dbproc.database import schema
from dbproc.database._queries import (
    FILE,
    RECORDED,
    columns_of,
    insert_row,
    insert_rows,
    number_of,
    recorded_columns,
    recorded_slot,
)

_CANARY = schema.canary
_SAMPLE = schema.canaryfile


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
class SampleReport:
    """How a file of a sample compares with the published one."""

    sizes: tuple[int | None, int] | None = field(default=None, metadata=OPTIONAL)  #: bytes: published, sample
    how: str | None = field(default=None, metadata=OPTIONAL)  #: by what they were compared: bytes, netcdf or hdf5
    picture: str | None = field(default=None, metadata=OPTIONAL)  #: the name of a picture of both
    no_picture: str | None = field(default=None, metadata=OPTIONAL)  #: why there is no picture
    differences: Sequence[Mapping[str, Any]] | None = field(default=None, metadata=OPTIONAL)  #: ``name`` and ``what``
    problem: str | None = field(default=None, metadata=OPTIONAL)  #: why they could not be compared
    more: int | None = field(default=None, metadata=OPTIONAL)  #: how many differences are not listed


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFailure:
    """Why a file of a sample could not be made."""

    problem: str  #: why
    log: str | None  #: the path of what its job wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRecord:
    """What is needed to take a file of a sample into the catalogue."""

    inputs: tuple[int, ...]
    command: tuple[str, ...]
    directory: str
    log: str
    started: dt.datetime
    ended: dt.datetime
    exit_status: int | None
    cpu_seconds: float | None
    memory_bytes: int | None
    size: int
    digest: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFile:
    """A file of a sample, or one that could not be made."""

    date: dt.date
    keywords: str
    product_id: int
    filename: str
    published_file: int | None
    verdict: SampleVerdict
    report: SampleReport | SampleFailure
    record: SampleRecord | None  #: None: it could not be made


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRow:
    """A candidate for the next version of a code."""

    canary_id: int  #: its number
    process_id: int  #: the number of its process
    process: str  #: the name of its process
    version: str  #: the version that it is to have
    directory: str  #: where its file is, below the directory of codes
    filename: str  #: the name of its file
    output_interface: int  #: the interface version of what it makes
    digest: str  #: of its bytes, with the name of the algorithm in front
    created: dt.datetime  #: when its sample was begun
    user: str  #: by whom
    status: CanaryStatus  #: what it is at


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryInNumbers(CanaryRow):
    """A candidate, and how its sample came out."""

    verdicts: Mapping[SampleVerdict, int]  #: how many files are ``same``, ``differs``, ``new`` or ``failed``


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """A file of a sample, as it was recorded."""

    slot: SlotShown = field(metadata=INLINE)
    product_id: int  #: the number of its product
    product: str  #: the name of its product
    filename: str  #: its name
    published: str | None  #: the name of the published file; null: there is none
    verdict: SampleVerdict  #: how it came out
    report: SampleReport | SampleFailure  #: how it compares with the published file
    record: SampleRecord | None = field(metadata=HIDDEN)

    @property
    def made(self) -> SampleRecord:
        """What is needed to take it into the catalogue.

        Raises
        ------
        ValueError
            It could not be made.
        """
        if self.record is None:
            raise ValueError(f"{self.filename} could not be made")
        return self.record


def insert_canary(connection: Connection, canary: NewCanary) -> int:
    """Enter a canary that is going to be built; its number."""
    values = {"created_time": dt.datetime.now(dt.UTC), "status": CanaryStatus.BUILDING, **_columns(canary)}
    return insert_row(connection, _CANARY, values)


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
            "report": json.dumps(dict(entries(file.report))),
            "record": "{}" if file.record is None else _record_text(file.record),
        }
        for file in files
    ]
    insert_rows(connection, _SAMPLE, rows)


def change_status(connection: Connection, canary_id: int, old: Collection[CanaryStatus], new: CanaryStatus) -> bool:
    """Change the status from one of `old`; whether it was one of them."""
    statement = update(_CANARY).where(_CANARY.c.canary_id == canary_id, _CANARY.c.status.in_(old)).values(status=new)
    return connection.execute(statement).rowcount == 1


def all_canaries(connection: Connection) -> list[CanaryInNumbers]:
    """Every canary, the latest first, with how many files of its sample came out in which way."""
    found = _canaries(connection)
    counted: dict[int, dict[SampleVerdict, int]] = defaultdict(dict)
    key = (_SAMPLE.c.canary_id, _SAMPLE.c.verdict)
    for canary_id, verdict, count in connection.execute(select(*key, func.count()).group_by(*key)):
        counted[canary_id][SampleVerdict(verdict)] = count
    return [extended(CanaryInNumbers, row, verdicts=counted[row.canary_id]) for row in found]


def find(connection: Connection, name: str) -> CanaryRow:
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
        known = [f"{row.canary_id} ({row.process} {row.version})" for row in _canaries(connection)[:10]]
        raise NotFoundError(f"no canary {name}; there are: {', '.join(known) or 'none'}")
    return found[0]


def files_of(connection: Connection, canary_id: int) -> list[SampleRow]:
    """The files of a sample in the order of their dates, with the name of the published file."""
    columns = columns_of(
        SampleRow,
        _SAMPLE,
        product=schema.product.c.product_name,
        published=FILE.c.filename,
    )
    statement = (
        select(*columns, *recorded_columns(_SAMPLE), schema.process.c.output_timebase)
        .join(_CANARY, _CANARY.c.canary_id == _SAMPLE.c.canary_id)
        .join(schema.process, schema.process.c.process_id == _CANARY.c.process_id)
        .join(schema.product, schema.product.c.product_id == _SAMPLE.c.product_id)
        .outerjoin(FILE, FILE.c.file_id == _SAMPLE.c.published_file)
        .where(_SAMPLE.c.canary_id == canary_id)
        .order_by(_SAMPLE.c.utc_file_date, _SAMPLE.c.process_keywords, schema.product.c.product_name)
    )
    return [_sample_row(dict(row)) for row in connection.execute(statement).mappings()]


def _sample_row(row: dict[str, Any]) -> SampleRow:
    row["verdict"] = SampleVerdict(row["verdict"])
    slot = recorded_slot(row.pop("output_timebase"), {name: row.pop(name) for name in RECORDED})
    report, record = json.loads(row["report"]), json.loads(row.pop("record"))
    row["report"] = SampleFailure(**report) if row["verdict"] is SampleVerdict.FAILED else SampleReport(**report)
    return SampleRow(**row, slot=slot, record=_record_of(record) if record else None)


def _record_text(record: SampleRecord) -> str:
    values = dict(entries(record))
    values["started"], values["ended"] = record.started.isoformat(), record.ended.isoformat()
    values["members"] = [[member.path, member.size, member.digest] for member in record.members]
    return json.dumps(values)


def _record_of(values: dict[str, Any]) -> SampleRecord:
    values["inputs"], values["command"] = tuple(values["inputs"]), tuple(values["command"])
    values["started"], values["ended"] = (dt.datetime.fromisoformat(values[name]) for name in ("started", "ended"))
    values["members"] = tuple(Member(*facts) for facts in values["members"])
    return SampleRecord(**values)


def released_code(connection: Connection, process_id: int, version: str) -> int:
    """The number of the current code of a process with this declared version."""
    code = schema.code.c
    same = (code.process_id == process_id, code.declared_version == version, code.newest_version)
    code_id = connection.scalar(select(code.code_id).where(*same).order_by(code.code_id.desc()))
    if code_id is None:
        raise NotFoundError(f"no code of version {version}")
    return int(code_id)


def _canaries(connection: Connection, *conditions: ColumnElement[bool]) -> list[CanaryRow]:
    columns = columns_of(
        CanaryRow,
        _CANARY,
        process=schema.process.c.process_name,
        version=_CANARY.c.declared_version,
        directory=_CANARY.c.relative_path,
        output_interface=_CANARY.c.output_interface_version,
        digest=_CANARY.c.shasum,
        created=_CANARY.c.created_time,
    )
    statement = (
        select(*columns)
        .join(schema.process, schema.process.c.process_id == _CANARY.c.process_id)
        .where(*conditions)
        .order_by(_CANARY.c.canary_id.desc())
    )
    rows = connection.execute(statement).mappings()
    return [CanaryRow(**{**row, "status": CanaryStatus(row["status"])}) for row in rows]


def _columns(canary: NewCanary) -> dict[str, object]:
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
