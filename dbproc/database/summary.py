"""The mission in numbers: its products, its last runs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from dbproc.core.states import Standing
from dbproc.database import schema
from dbproc.database._queries import FILE, columns_of, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductInNumbers:
    """What there is of a product."""

    product: str  #: its name
    level: float  #: its level
    files: int  #: how many files of it exist
    first: dt.date | None  #: the date of the first of them
    last: dt.date | None  #: the date of the last of them
    withdrawn: int = 0  #: how many files of it are withdrawn
    retired: bool = False  #: whether the mission file has it no more


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run."""

    logging_id: int  #: its number
    processing_start_time: dt.datetime  #: when it began
    processing_end_time: dt.datetime | None  #: when it ended; null: it has not
    comment: str | None  #: how it ended
    exit_status: int | None  #: what it ended with; null: it has not, or nobody knows
    hostname: str  #: the machine that it ran on
    pid: int  #: its process there
    jobs_done: int | None  #: how many jobs it has ended
    jobs_known: int | None  #: how many jobs it had, as far as it knew


def products_in_numbers(connection: Connection) -> list[ProductInNumbers]:
    """Each product with how many of its files exist, and the first and last date of these; a retired one as long as
    there are files of it. Of what exists only the index is read: it may be millions."""
    product, mine = schema.product, FILE.c.product_id == schema.product.c.product_id
    date = select(FILE.c.utc_file_date).where(mine, FILE.c.exists_on_disk).limit(1)
    first = date.order_by(FILE.c.utc_file_date).scalar_subquery()
    last = date.order_by(FILE.c.utc_file_date.desc()).scalar_subquery()
    columns = (product.c.product_id, product.c.product_name.label("product"), product.c.level)
    statement = select(*columns, first.label("first"), last.label("last"))
    statement = statement.order_by(product.c.level, product.c.product_name)
    known, absent = _counts(connection), _counts(connection, ~FILE.c.exists_on_disk)
    taken_back = standing(FILE).in_([Standing.WITHDRAWN, Standing.FOLLOWING])
    withdrawn = _counts(connection, ~FILE.c.exists_on_disk, taken_back)
    return [
        ProductInNumbers(**row, files=known.get(number, 0) - absent.get(number, 0), withdrawn=withdrawn.get(number, 0))
        for row in map(dict, connection.execute(statement).mappings())
        for number in [row.pop("product_id")]
    ]


def _counts(connection: Connection, *conditions: ColumnElement[bool]) -> dict[int, int]:
    """How many files there are of each product, of those for which something holds."""
    statement = select(FILE.c.product_id, func.count()).where(*conditions).group_by(FILE.c.product_id)
    return {row[0]: row[1] for row in connection.execute(statement)}


def jobs_progressed(connection: Connection, run_id: int, done: int, known: int) -> None:
    """Add to how many jobs a run has ended, and to how many it knows of."""
    run = schema.logging.c
    more = {"jobs_done": func.coalesce(run.jobs_done, 0) + done, "jobs_known": func.coalesce(run.jobs_known, 0) + known}
    connection.execute(update(schema.logging).where(run.logging_id == run_id).values(more))


def last_run(connection: Connection) -> RunRow | None:
    """The latest run."""
    run = schema.logging
    statement = (
        select(*columns_of(RunRow, run)).where(run.c.purpose == "run").order_by(run.c.logging_id.desc()).limit(1)
    )
    row = connection.execute(statement).mappings().first()
    return None if row is None else RunRow(**row)


def makers_of_product(connection: Connection, product_id: int) -> list[str]:
    """The names of the processes that make a product, the retired as well."""
    process, further = schema.process.c, schema.processoutput.c
    besides = select(further.process_id).where(further.product_id == product_id)
    is_maker = or_(process.output_product == product_id, process.process_id.in_(besides))
    return list(connection.scalars(select(process.process_name).where(is_maker)))


def retired_product(connection: Connection, name: str) -> int | None:
    """The number of the product of this name that files are of though it is not defined any more."""
    product = schema.product.c
    found: int | None = connection.scalar(select(product.product_id).where(product.product_name == name))
    return found
