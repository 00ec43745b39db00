"""Releases with their bytes, several outputs, choices of inputs, confirmed files, campaigns and canaries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

_COLUMNS = (
    ("mission", sa.Column("early_cutoff", sa.Boolean(), server_default=sa.text("false"), nullable=False)),
    ("product", sa.Column("comparison", sa.Text(), server_default="bytes", nullable=False)),
    ("inspector", sa.Column("shasum", sa.Text(), nullable=True)),
    ("inspector", sa.Column("stat", sa.Text(), nullable=True)),
    ("process", sa.Column("early_cutoff", sa.Boolean(), nullable=True)),
    ("code", sa.Column("on_code_edit", sa.Text(), nullable=True)),
    ("code", sa.Column("uses", sa.Text(), nullable=True)),
    ("code", sa.Column("release_time", TIME, nullable=True)),
    ("code", sa.Column("same_as", sa.Integer(), nullable=True)),
    ("code", sa.Column("kept", sa.Boolean(), server_default=sa.text("false"), nullable=False)),
    ("file", sa.Column("same_as", BIG_ID, nullable=True)),
)

_TIMEBASES = "output_timebase IN ('FILE', 'DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY', 'RUN')"
_NEW_TIMEBASES = "output_timebase IN ('FILE', 'DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY', 'RUN', 'STARTUP')"
_OUTPUTS = "(output_timebase = 'RUN') = (output_product IS NULL)"
_NEW_OUTPUTS = "(output_timebase IN ('RUN', 'STARTUP')) = (output_product IS NULL)"

NEWEST_FILE = """
CREATE VIEW newest_file AS
SELECT f.*
FROM file AS f
WHERE f.exists_on_disk
  AND NOT EXISTS (
    SELECT 1 FROM file AS g
    WHERE g.product_id = f.product_id AND g.utc_file_date = f.utc_file_date
      AND g.process_keywords = f.process_keywords AND g.exists_on_disk
      AND (g.interface_version, g.quality_version, g.revision_version)
        > (f.interface_version, f.quality_version, f.revision_version))
"""


def upgrade() -> None:
    """Add the columns and the tables; the view is made anew, because it holds the columns of the table."""
    op.execute("DROP VIEW newest_file")
    for table, column in _COLUMNS:
        op.add_column(table, column)
    op.execute(NEWEST_FILE)
    _allow_startup()
    _create_code_tables()
    _add_reference("productprocesslink", "choice", "product", "product_id")
    _create_output_tables()
    _create_campaign_tables()
    _create_canary_tables()


def _allow_startup() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name, new in (("output_timebase", _NEW_TIMEBASES), ("output_unless_run", _NEW_OUTPUTS)):
            op.drop_constraint(op.f(f"ck_process_{name}"), "process", type_="check")
            op.create_check_constraint(op.f(f"ck_process_{name}"), "process", new)
        return
    # SQLite changes a constraint only in the text of the schema, or by making the table anew; others refer to it.
    version = op.get_bind().scalar(sa.text("PRAGMA schema_version"))
    op.execute("PRAGMA writable_schema = ON")
    for old, new in ((_TIMEBASES, _NEW_TIMEBASES), (_OUTPUTS, _NEW_OUTPUTS)):
        statement = sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'process'"
        )
        op.execute(statement.bindparams(old=old, new=new))
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")


def _create_code_tables() -> None:
    op.create_table(
        "codefile",
        sa.Column("code_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("shasum", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["code_id"], ["code.code_id"], name=op.f("fk_codefile_code_id")),
        sa.PrimaryKeyConstraint("code_id", "path", name=op.f("pk_codefile")),
    )
    op.create_table(
        "codeevent",
        sa.Column("codeevent_id", sa.Integer(), nullable=False),
        sa.Column("code_id", sa.Integer(), nullable=True),
        sa.Column("inspector_id", sa.Integer(), nullable=True),
        sa.Column("event", sa.String(length=12), nullable=False),
        sa.Column("event_time", TIME, nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("old_code", sa.Integer(), nullable=True),
        sa.Column("old_shasum", sa.Text(), nullable=True),
        sa.Column("shasum", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "event IN ('added', 'released', 'rolled back', 'bumped', 'accepted', 'retired', 'restored', 'promoted')",
            name=op.f("ck_codeevent_event"),
        ),
        sa.CheckConstraint("(code_id IS NULL) <> (inspector_id IS NULL)", name=op.f("ck_codeevent_subject")),
        sa.ForeignKeyConstraint(["code_id"], ["code.code_id"], name=op.f("fk_codeevent_code_id")),
        sa.ForeignKeyConstraint(["inspector_id"], ["inspector.inspector_id"], name=op.f("fk_codeevent_inspector_id")),
        sa.ForeignKeyConstraint(["old_code"], ["code.code_id"], name=op.f("fk_codeevent_old_code")),
        sa.PrimaryKeyConstraint("codeevent_id", name=op.f("pk_codeevent")),
    )
    op.create_index(op.f("ix_codeevent_code_id"), "codeevent", ["code_id"])
    op.create_index(op.f("ix_codeevent_inspector_id"), "codeevent", ["inspector_id"])


def _create_output_tables() -> None:
    op.create_table(
        "processoutput",
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_processoutput_position")),
        sa.ForeignKeyConstraint(["product_id"], ["product.product_id"], name=op.f("fk_processoutput_product_id")),
        sa.ForeignKeyConstraint(["process_id"], ["process.process_id"], name=op.f("fk_processoutput_process_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_processoutput")),
    )
    op.create_index(op.f("ix_processoutput_process_id"), "processoutput", ["process_id"])
    op.create_table(
        "attemptoutput",
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("attempt_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_attemptoutput_file_id")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.attempt_id"], name=op.f("fk_attemptoutput_attempt_id")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_attemptoutput")),
    )
    op.create_index(op.f("ix_attemptoutput_attempt_id"), "attemptoutput", ["attempt_id"])
    op.create_table(
        "confirmation",
        sa.Column("resulting_file", BIG_ID, nullable=False),
        sa.Column("source_file", BIG_ID, nullable=False),
        sa.Column("replaced_file", BIG_ID, nullable=False),
        sa.Column("logging_id", sa.Integer(), nullable=False),
        sa.Column("confirmed_time", TIME, nullable=False),
        sa.ForeignKeyConstraint(["resulting_file"], ["file.file_id"], name=op.f("fk_confirmation_resulting_file")),
        sa.ForeignKeyConstraint(["source_file"], ["file.file_id"], name=op.f("fk_confirmation_source_file")),
        sa.ForeignKeyConstraint(["replaced_file"], ["file.file_id"], name=op.f("fk_confirmation_replaced_file")),
        sa.ForeignKeyConstraint(["logging_id"], ["logging.logging_id"], name=op.f("fk_confirmation_logging_id")),
        sa.PrimaryKeyConstraint("resulting_file", "source_file", name=op.f("pk_confirmation")),
    )
    op.create_index(op.f("ix_confirmation_source_file"), "confirmation", ["source_file"])


def _create_campaign_tables() -> None:
    op.create_table(
        "campaign",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("campaign_name", sa.Text(), nullable=False),
        sa.Column("created_time", TIME, nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("version_bump", sa.SmallInteger(), nullable=True),
        sa.Column("newest_first", sa.Boolean(), nullable=False),
        sa.Column("jobs_per_run", sa.Integer(), nullable=True),
        sa.Column("cpu_hours_per_run", sa.Float(), nullable=True),
        sa.CheckConstraint("status IN ('active', 'paused', 'cancelled', 'done')", name=op.f("ck_campaign_status")),
        sa.CheckConstraint(
            "version_bump IS NULL OR version_bump BETWEEN 0 AND 2", name=op.f("ck_campaign_version_bump")
        ),
        sa.CheckConstraint("jobs_per_run IS NULL OR jobs_per_run >= 1", name=op.f("ck_campaign_jobs_per_run")),
        sa.CheckConstraint(
            "cpu_hours_per_run IS NULL OR cpu_hours_per_run > 0", name=op.f("ck_campaign_cpu_hours_per_run")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("campaign_name", name=op.f("uq_campaign_campaign_name")),
    )
    op.create_table(
        "campaignitem",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("utc_file_date", sa.Date(), nullable=False),
        sa.Column("process_keywords", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("logging_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'done', 'failed', 'not needed')", name=op.f("ck_campaignitem_status")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.campaign_id"], name=op.f("fk_campaignitem_campaign_id")),
        sa.ForeignKeyConstraint(["process_id"], ["process.process_id"], name=op.f("fk_campaignitem_process_id")),
        sa.ForeignKeyConstraint(["logging_id"], ["logging.logging_id"], name=op.f("fk_campaignitem_logging_id")),
        sa.PrimaryKeyConstraint(
            "campaign_id", "process_id", "utc_file_date", "process_keywords", name=op.f("pk_campaignitem")
        ),
    )
    op.create_index(
        "ix_campaignitem_open",
        "campaignitem",
        ["campaign_id"],
        sqlite_where=sa.text("status IN ('waiting', 'failed')"),
        postgresql_where=sa.text("status IN ('waiting', 'failed')"),
    )
    _add_reference("attempt", "campaign_id", "campaign", "campaign_id")
    op.create_index(op.f("ix_attempt_campaign_id"), "attempt", ["campaign_id"])


def _add_reference(table: str, column: str, other: str, key: str) -> None:
    """Add a column that refers to another table."""
    name = f"fk_{table}_{column}"
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER CONSTRAINT {name} REFERENCES {other} ({key})")


def _create_canary_tables() -> None:
    op.create_table(
        "canary",
        sa.Column("canary_id", sa.Integer(), nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("declared_version", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("output_interface_version", sa.SmallInteger(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=True),
        sa.Column("shasum", sa.Text(), nullable=False),
        sa.Column("created_time", TIME, nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.CheckConstraint("status IN ('building', 'built', 'promoted', 'discarded')", name=op.f("ck_canary_status")),
        sa.ForeignKeyConstraint(["process_id"], ["process.process_id"], name=op.f("fk_canary_process_id")),
        sa.PrimaryKeyConstraint("canary_id", name=op.f("pk_canary")),
    )
    op.create_index(op.f("ix_canary_process_id"), "canary", ["process_id"])
    op.create_table(
        "canaryfile",
        sa.Column("canary_id", sa.Integer(), nullable=False),
        sa.Column("utc_file_date", sa.Date(), nullable=False),
        sa.Column("process_keywords", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("published_file", BIG_ID, nullable=True),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.CheckConstraint("verdict IN ('same', 'differs', 'new', 'failed')", name=op.f("ck_canaryfile_verdict")),
        sa.ForeignKeyConstraint(["canary_id"], ["canary.canary_id"], name=op.f("fk_canaryfile_canary_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.product_id"], name=op.f("fk_canaryfile_product_id")),
        sa.ForeignKeyConstraint(["published_file"], ["file.file_id"], name=op.f("fk_canaryfile_published_file")),
        sa.PrimaryKeyConstraint(
            "canary_id", "utc_file_date", "process_keywords", "product_id", name=op.f("pk_canaryfile")
        ),
    )
