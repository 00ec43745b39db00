"""The mission as a whole, in numbers: what products hold, how runs went."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, null, select

from dbproc.core.states import EXISTING, AttemptStatus, Correction, Standing
from dbproc.database import schema
from dbproc.database._queries import FILE, columns_of, standing

_LATEST = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the catalogue holds of a product."""

    product: str  #: its name
    files: int  #: how many files are in their places or in stores, of all versions
    size: int  #: bytes of those that are in their places
    offloaded: int  #: how many of the files are in stores alone
    first: dt.date | None  #: the date of the first of them
    last: dt.date | None  #: the date of the last of them
    gone: int  #: how many are gone from disk
    withdrawn: int  #: how many are withdrawn
    former: int  #: how many were replaced or reaped


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInNumbers:
    """A run, and what became of its jobs."""

    logging_id: int  #: its number
    processing_start_time: dt.datetime  #: when it began
    processing_end_time: dt.datetime | None  #: when it ended; null: it has not
    comment: str | None  #: how it ended
    jobs: int  #: how many jobs it had
    failed: int  #: how many of them failed


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionInNumbers:
    """A correction of files that are in the catalogue."""

    correction_id: int  #: its number
    kind: Correction  #: what was done
    correction_time: dt.datetime  #: when
    user: str  #: who did it
    reason: str  #: why
    undone_time: dt.datetime | None  #: when it was undone of the last of its files; null: it was not
    files: int  #: how many files it is of


def holdings(connection: Connection) -> list[Holding]:
    """What there is of each product, by level and name."""
    product = schema.product.c
    files = select(
        *(FILE.c.product_id, FILE.c.file_size, FILE.c.utc_file_date, standing(FILE).label("standing"))
    ).subquery()
    of = files.c.standing

    def count(*standings: Standing) -> object:
        return func.coalesce(func.sum(case((of.in_(standings), 1), else_=0)), 0)

    is_there, is_here = of.in_(EXISTING), of == Standing.IN_PLACE
    statement = (
        select(
            product.product_name,
            *(count(*EXISTING), func.coalesce(func.sum(case((is_here, files.c.file_size), else_=0)), 0)),
            count(Standing.OFFLOADED),
            *(func.min(case((is_there, files.c.utc_file_date))), func.max(case((is_there, files.c.utc_file_date)))),
            count(Standing.LOST),
            count(Standing.WITHDRAWN, Standing.FOLLOWING),
            count(Standing.REPLACED, Standing.REAPED),
        )  # type: ignore[call-overload]
        .select_from(schema.product.outerjoin(files, files.c.product_id == product.product_id))
        .group_by(product.product_id, product.product_name, product.level)
        .order_by(product.level, product.product_name)
    )
    return [
        Holding(
            product=name,
            files=there,
            size=int(size),
            offloaded=away,
            first=first,
            last=last,
            gone=gone,
            withdrawn=back,
            former=former,
        )
        for name, there, size, away, first, last, gone, back, former in connection.execute(statement)
    ]


def latest_runs(connection: Connection, limit: int = _LATEST) -> list[RunInNumbers]:
    """The latest runs, the latest first."""
    run, attempt = schema.logging.c, schema.attempt.c
    latest = select(run.logging_id).where(run.purpose == "run").order_by(run.logging_id.desc()).limit(limit).subquery()
    failed = case((attempt.status.in_((AttemptStatus.FAILED, AttemptStatus.REFUSED)), 1), else_=0)
    statement = (
        select(
            *(run.logging_id, run.processing_start_time, run.processing_end_time, run.comment),
            func.count(attempt.attempt_id).label("jobs"),
            func.coalesce(func.sum(failed), 0).label("failed"),
        )
        .outerjoin(schema.attempt, attempt.logging_id == run.logging_id)
        .where(run.logging_id.in_(select(latest.c.logging_id)))
        .group_by(run.logging_id, run.processing_start_time, run.processing_end_time, run.comment)
        .order_by(run.logging_id.desc())
    )
    return [RunInNumbers(**row) for row in connection.execute(statement).mappings()]


def latest_corrections(connection: Connection, limit: int = _LATEST) -> list[CorrectionInNumbers]:
    """The latest corrections, the latest first."""
    made, corrected = schema.correction.c, schema.correctionfile.c
    of_it = select(func.count()).where(corrected.correction_id == made.correction_id)
    last = select(func.max(corrected.undone_time)).where(corrected.correction_id == made.correction_id)
    still = of_it.where(corrected.undone_time.is_(None)).scalar_subquery()
    undone = case((still == 0, last.scalar_subquery()), else_=null())
    statement = (
        select(*columns_of(CorrectionInNumbers, schema.correction, files=of_it.scalar_subquery(), undone_time=undone))
        .order_by(made.correction_id.desc())
        .limit(limit)
    )
    rows = connection.execute(statement).mappings()
    return [CorrectionInNumbers(**{**row, "kind": Correction(row["kind"])}) for row in rows]
