"""What there is of products, as times without a break, and what is out of its place: in bulk."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Float, and_, case, cast, extract, func, literal, or_, select

from dbproc.core.coverage import Covered
from dbproc.core.filenames import TIME_OF_DAY
from dbproc.core.model import Period, Product
from dbproc.core.states import Standing
from dbproc.database import schema
from dbproc.database._queries import FILE, is_newest, standing, streamed

_LATEST = 1000
_CLOCK_LENGTHS = {"H": 5, "M": 5, "S": 5, "MILLI": 10, "MICRO": 10}
"""How many characters a time of day takes among the keywords of a file, with the blank behind it."""

_NO_BREAK = 0.5
"""Seconds between files that are no break: shorter than every period."""


@dataclass(frozen=True, slots=True)
class OutOfPlace:
    """A file that is gone or withdrawn; nothing has its place."""

    file_id: int
    product_id: int
    product: str  #: its name
    filename: str
    keywords: str
    period: Period
    standing: Standing
    reason: str  #: why it was withdrawn
    cause: int | None  #: the input with which it was
    cause_product: str | None  #: the product of that


def covered(connection: Connection, product: Product) -> Iterator[Covered]:
    """The times that the newest existing files of a product cover without a break.

    Joined by the database, by their keywords without the time of day where that can be cut off there.
    """
    key = _key(product)
    start, stop = FILE.c.utc_start_time, FILE.c.utc_stop_time
    before = func.max(stop).over(partition_by=key, order_by=(start, stop), rows=(None, -1))
    files = select(key.label("key"), start.label("start"), stop.label("stop"), before.label("before")).where(
        FILE.c.product_id == product.product_id, is_newest(existing=True)
    )
    seen = files.subquery()
    begins = case((_seconds(connection, seen.c.start) - _seconds(connection, seen.c.before) <= _NO_BREAK, 0), else_=1)
    number = func.sum(begins).over(partition_by=seen.c.key, order_by=(seen.c.start, seen.c.stop), rows=(None, 0))
    runs = select(seen.c.key, seen.c.start, seen.c.stop, number.label("number")).subquery()
    statement = select(
        runs.c.key,
        func.min(runs.c.start, type_=schema.UtcTime()),
        func.max(runs.c.stop, type_=schema.UtcTime()),
        func.count(),
    ).group_by(runs.c.key, runs.c.number)
    for row in streamed(connection, statement):
        yield Covered(row[0], Period(row[1], row[2]), row[3])


def _key(product: Product) -> ColumnElement[str]:
    """The keywords of a file, without the time of day where that stands in front of them."""
    names = sorted(product.compiled.keyword_fields)
    clock = [name for name in names if name in TIME_OF_DAY]
    if not clock or names[: len(clock)] != clock:
        return FILE.c.process_keywords
    return func.substr(FILE.c.process_keywords, sum(_CLOCK_LENGTHS[name] for name in clock) + 1)


def _seconds(connection: Connection, time: ColumnElement[dt.datetime]) -> ColumnElement[float]:
    if connection.dialect.name == "sqlite":
        seconds: ColumnElement[float] = func.julianday(time) * literal(86_400.0)
        return seconds
    return cast(extract("epoch", time), Float)


def latest_starts(connection: Connection, product: Product) -> list[Sequence[dt.datetime]]:
    """When the latest files of a product begin that are known, by their keywords without the time of day."""
    statement = (
        select(_key(product), FILE.c.utc_start_time)
        .where(FILE.c.product_id == product.product_id, is_newest(existing=False))
        .order_by(FILE.c.utc_start_time.desc())
        .limit(_LATEST)
    )
    starts: dict[str, list[dt.datetime]] = defaultdict(list)
    for key, start in connection.execute(statement):
        starts[key].append(start)
    return list(starts.values())


def out_of_place(connection: Connection) -> Iterator[OutOfPlace]:
    """The newest known files that are gone from disk or withdrawn, product by product."""
    correction, corrected, cause = schema.correction, schema.correctionfile, FILE.alias()
    own = schema.product.alias()
    stands = standing(FILE).label("standing")
    statement = (
        select(
            *(FILE.c.file_id, FILE.c.product_id, own.c.product_name, FILE.c.filename, FILE.c.process_keywords),
            *(FILE.c.utc_start_time, FILE.c.utc_stop_time, stands),
            *(func.coalesce(correction.c.reason, ""), corrected.c.cause_file, schema.product.c.product_name),
        )
        .join(own, own.c.product_id == FILE.c.product_id)
        .outerjoin(correction, correction.c.correction_id == FILE.c.correction_id)
        .outerjoin(
            corrected,
            and_(corrected.c.correction_id == FILE.c.correction_id, corrected.c.file_id == FILE.c.file_id),
        )
        .outerjoin(cause, cause.c.file_id == corrected.c.cause_file)
        .outerjoin(schema.product, schema.product.c.product_id == cause.c.product_id)
        .where(
            ~FILE.c.exists_on_disk,
            FILE.c.replaced_by.is_(None),
            or_(FILE.c.correction_id.is_(None), correction.c.kind == "withdraw"),
        )
        .order_by(FILE.c.product_id, FILE.c.utc_start_time)
    )
    for row in streamed(connection, statement):
        number, product_id, product, name, keywords, start, stop, how, reason, cause_file, of = row
        time, stood = Period(start, stop), Standing(how)
        yield OutOfPlace(number, product_id, product, name, keywords, time, stood, reason, cause_file, of)
