"""Periods and keys: parts of a day, driving products, calibrations, what is expected and what waits."""

from __future__ import annotations

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
        sa.Column("until_time", TIME, nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["process_id"], ["process.process_id"], name=op.f("fk_waitingslot_process_id")),
        sa.PrimaryKeyConstraint("process_id", "utc_file_date", "process_keywords", name=op.f("pk_waitingslot")),
    )
    op.create_index(op.f("ix_waitingslot_until_time"), "waitingslot", ["until_time"])
    _allow_any_timebase()


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
