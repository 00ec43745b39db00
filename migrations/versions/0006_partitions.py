"""Periods and keys: parts of a day, driving products, calibrations, what is expected and what waits."""

from __future__ import annotations

import datetime as dt
import string
from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
_COLUMNS = (
    ("product", sa.Column("covers", sa.Float(), nullable=True)),
    ("product", sa.Column("expect", sa.Text(), nullable=True)),
    ("product", sa.Column("expect_keys", sa.Text(), nullable=True)),
    ("product", sa.Column("expect_from", sa.Date(), nullable=True)),
    ("product", sa.Column("expect_to", sa.Date(), nullable=True)),
    ("product", sa.Column("late_after", sa.Float(), nullable=True)),
    ("process", sa.Column("keywords", sa.Text(), server_default="each", nullable=False)),
    ("process", sa.Column("build", sa.Text(), server_default="at once", nullable=False)),
    ("process", sa.Column("wait_seconds", sa.Float(), nullable=True)),
    ("productprocesslink", sa.Column("before_seconds", sa.Float(), server_default="0", nullable=False)),
    ("productprocesslink", sa.Column("after_seconds", sa.Float(), server_default="0", nullable=False)),
    ("productprocesslink", sa.Column("valid", sa.Text(), nullable=True)),
    ("productprocesslink", sa.Column("max_age_seconds", sa.Float(), nullable=True)),
    ("attempt", sa.Column("utc_start_time", TIME, nullable=True)),
    ("attempt", sa.Column("utc_stop_time", TIME, nullable=True)),
)
_TIMEBASES = "output_timebase IN ('FILE', 'DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY', 'RUN', 'STARTUP')"
_ANY_TIMEBASE = "output_timebase <> ''"


def upgrade() -> None:
    """Add columns and the table, and fill in what earlier versions knew otherwise."""
    for table, column in _COLUMNS:
        op.add_column(table, column)
    op.create_table(
        "waitingslot",
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("utc_file_date", sa.Date(), nullable=False),
        sa.Column("process_keywords", sa.Text(), nullable=False),
        sa.Column("utc_start_time", TIME, nullable=False),
        sa.Column("utc_stop_time", TIME, nullable=False),
        sa.Column("until_time", TIME, nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["process_id"], ["process.process_id"], name=op.f("fk_waitingslot_process_id")),
        sa.PrimaryKeyConstraint("process_id", "utc_file_date", "process_keywords", name=op.f("pk_waitingslot")),
    )
    op.create_index(op.f("ix_waitingslot_until_time"), "waitingslot", ["until_time"])
    _allow_any_timebase()
    _end_files_with_their_hour()
    _tell_periods_of_attempts()
    _keep_merging_keywords()


def _allow_any_timebase() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_process_output_timebase"), "process", type_="check")
        op.alter_column("process", "output_timebase", type_=sa.Text())
        op.create_check_constraint(op.f("ck_process_output_timebase"), "process", _ANY_TIMEBASE)
        return
    # SQLite changes a constraint only in the text of the schema, or by making the table anew; others refer to it.
    version = op.get_bind().scalar(sa.text("PRAGMA schema_version"))
    op.execute("PRAGMA writable_schema = ON")
    for old, new in ((_TIMEBASES, _ANY_TIMEBASE), ("output_timebase VARCHAR(10)", "output_timebase TEXT")):
        statement = sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'process'"
        )
        op.execute(statement.bindparams(old=old, new=new))
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")


# --- files that are named to the hour, minute or second end with it, not with the day ---

_PRODUCT = sa.table("product", sa.column("product_id"), sa.column("format"))
_INSPECTOR = sa.table(
    "inspector",
    *(sa.column(name) for name in ("product", "filename", "relative_path")),
    sa.column("active_code", sa.Boolean()),
)
_FILE = sa.table(
    "file",
    *(sa.column(name) for name in ("file_id", "product_id", "process_keywords")),
    sa.column("utc_start_time", TIME),
    sa.column("utc_stop_time", TIME),
)
_PROCESS = sa.table(
    "process", *(sa.column(name) for name in ("process_id", "output_product", "output_timebase", "keywords"))
)
_FURTHER = sa.table("processoutput", sa.column("product_id"), sa.column("process_id"))
_LINK = sa.table("productprocesslink", sa.column("process_id"), sa.column("input_product_id"))
_LENGTHS = (
    ("MICRO", dt.timedelta(microseconds=1)),
    ("MILLI", dt.timedelta(milliseconds=1)),
    ("S", dt.timedelta(seconds=1)),
    ("M", dt.timedelta(minutes=1)),
    ("H", dt.timedelta(hours=1)),
)
_TIME_OF_DAY = frozenset(name for name, _ in _LENGTHS)
_NO_KEYWORDS = frozenset({"Y", "m", "b", "d", "y", "j", "DATE", "datetime", "VERSION"})
_END_OF_DAY = dt.time(23, 59, 59, 999999)
_SOME = 5000


def _end_files_with_their_hour() -> None:
    formats = _formats()
    makers = {product_id: process for process in _processes() for product_id in process.outputs}
    finest: dict[int, tuple[str, dt.timedelta]] = {}
    for product_id in _known_by_name():
        fields = formats[product_id] & _fields_of_a_file(makers.get(product_id), formats)
        lengths = [each for each in _LENGTHS if each[0] in fields]
        if lengths:
            finest[product_id] = lengths[0]
    if finest:
        _end_files(finest)


def _known_by_name() -> set[int]:
    """The products of which the name says all: their files have the whole day of it."""
    is_built_in = (_INSPECTOR.c.filename == "filename") & (_INSPECTOR.c.relative_path == "{DBPROC}")
    return set(op.get_bind().scalars(sa.select(_INSPECTOR.c.product).where(is_built_in, _INSPECTOR.c.active_code)))


def _fields_of_a_file(maker: _Process | None, formats: dict[int, frozenset[str]]) -> frozenset[str]:
    """The fields that can narrow the day of a file; what a process makes stands for the whole period of its process."""
    if maker is None:
        return _TIME_OF_DAY
    return frozenset().union(*(formats[each] for each in maker.inputs)) if maker.timebase == "FILE" else frozenset()


def _end_files(finest: dict[int, tuple[str, dt.timedelta]]) -> None:
    """Set the stop time of files that end with the day; `finest`: the finest field of each product, and its length."""
    asked = sa.select(*_FILE.c).order_by(_FILE.c.file_id).limit(_SOME)
    change = sa.update(_FILE).where(_FILE.c.file_id == sa.bindparam("of"))
    change = change.values(utc_stop_time=sa.bindparam("at", type_=TIME))
    last = 0
    while rows := op.get_bind().execute(asked.where(_FILE.c.file_id > last)).all():
        last = rows[-1].file_id
        stops = [
            {"of": row.file_id, "at": _utc(row.utc_start_time) + length - dt.timedelta(microseconds=1)}
            for row in rows
            if row.product_id in finest
            for field, length in (finest[row.product_id],)
            if field in _names(row.process_keywords) and _ends_with_day(row)
        ]
        if stops:
            op.get_bind().execute(change, stops)


def _ends_with_day(row: sa.Row[Any]) -> bool:
    return _utc(row.utc_stop_time) == dt.datetime.combine(_utc(row.utc_start_time), _END_OF_DAY, dt.UTC)


def _utc(time: dt.datetime) -> dt.datetime:
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)


# --- the periods of attempts ---


def _tell_periods_of_attempts() -> None:
    attempt = sa.table(
        "attempt",
        sa.column("process_id"),
        sa.column("utc_file_date", sa.Date()),
        sa.column("utc_start_time", TIME),
        sa.column("utc_stop_time", TIME),
    )
    made_by = _PROCESS.c.process_id == attempt.c.process_id
    slots = op.get_bind().execute(
        sa.select(attempt.c.process_id, attempt.c.utc_file_date, _PROCESS.c.output_timebase)
        .join(_PROCESS, made_by)
        .distinct()
    )
    periods = [
        {
            "of": process_id,
            "on": day,
            "start": dt.datetime.combine(day, dt.time.min, dt.UTC),
            "stop": dt.datetime.combine(_last_day(timebase, day), _END_OF_DAY, dt.UTC),
        }
        for process_id, day, timebase in slots
    ]
    if periods:
        change = sa.update(attempt).values(
            utc_start_time=sa.bindparam("start", type_=TIME), utc_stop_time=sa.bindparam("stop", type_=TIME)
        )
        of_slot = (attempt.c.process_id == sa.bindparam("of")) & (attempt.c.utc_file_date == sa.bindparam("on"))
        op.get_bind().execute(change.where(of_slot), periods)


def _last_day(timebase: str, first: dt.date) -> dt.date:
    if timebase == "WEEKLY":
        return first + dt.timedelta(days=6)
    if timebase == "MONTHLY":
        return (first.replace(day=1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    return first.replace(month=12, day=31) if timebase == "YEARLY" else first


# --- processes for which it makes a difference what keywords do ---


def _keep_merging_keywords() -> None:
    formats = _formats()
    for process in _processes():
        made = [formats[each] for each in process.outputs]
        given = [fields for each in process.inputs for fields in _sets(each, formats)]
        if _makes_a_difference(process.timebase, made, given):
            change = sa.update(_PROCESS).where(_PROCESS.c.process_id == process.process_id)
            op.get_bind().execute(change.values(keywords="merged"))


def _makes_a_difference(timebase: str, made: list[frozenset[str]], given: list[frozenset[str]]) -> bool:
    if timebase in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        return any(fields - _TIME_OF_DAY for fields in made)
    unfilled = _TIME_OF_DAY - frozenset().union(*given)
    return timebase == "FILE" and len({*given, *(fields - unfilled for fields in made)}) > 1


def _sets(product_id: int, formats: dict[int, frozenset[str]]) -> Iterator[frozenset[str]]:
    """The sets of keywords that files of a product have: those of its format, unless an inspector says otherwise."""
    of_product = sa.select(_FILE.c.process_keywords).where(_FILE.c.product_id == product_id).distinct()
    yield from {frozenset(_names(keywords)) for keywords in op.get_bind().scalars(of_product)} or {formats[product_id]}


class _Process(NamedTuple):
    process_id: int
    timebase: str
    outputs: list[int]
    inputs: list[int]


def _processes() -> list[_Process]:
    rows = op.get_bind().execute(sa.select(*_PROCESS.c).order_by(_PROCESS.c.process_id)).all()
    found = {
        row.process_id: _Process(row.process_id, row.output_timebase, [row.output_product], [])
        for row in rows
        if row.output_product is not None
    }
    for product_id, process_id in op.get_bind().execute(sa.select(*_FURTHER.c)):
        found[process_id].outputs.append(product_id)
    for process_id, product_id in op.get_bind().execute(sa.select(*_LINK.c)):
        if process_id in found:
            found[process_id].inputs.append(product_id)
    return list(found.values())


def _formats() -> dict[int, frozenset[str]]:
    """The keywords in the filename format of each product."""
    return {number: _fields(text) for number, text in op.get_bind().execute(sa.select(*_PRODUCT.c))}


def _fields(text: str) -> frozenset[str]:
    try:
        return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name) - _NO_KEYWORDS
    except ValueError:
        return frozenset()


def _names(keywords: str) -> list[str]:
    return [word.partition("=")[0] for word in keywords.split()]
