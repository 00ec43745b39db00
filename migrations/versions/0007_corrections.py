"""Corrections: files that are withdrawn, replaced or reaped; marks, retention, notices, what a run is at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COLUMNS = (
    ("mission", sa.Column("same_name", sa.Text(), server_default="quarantine", nullable=False)),
    ("mission", sa.Column("keep_logs", sa.Float(), nullable=True)),
    ("mission", sa.Column("trash_seconds", sa.Float(), server_default="2592000", nullable=False)),
    ("mission", sa.Column("notify", sa.Text(), server_default="[]", nullable=False)),
    ("product", sa.Column("keep_versions", sa.Integer(), nullable=True)),
    ("productprocesslink", sa.Column("quality", sa.Text(), nullable=True)),
    ("attempt", sa.Column("dismissed_time", TIME, nullable=True)),
    ("attempt", sa.Column("dismissed_by", sa.Text(), nullable=True)),
    ("attempt", sa.Column("dismissed_reason", sa.Text(), nullable=True)),
    ("logging", sa.Column("jobs_done", sa.Integer(), nullable=True)),
    ("logging", sa.Column("jobs_known", sa.Integer(), nullable=True)),
)
_FILE_COLUMNS = (
    sa.Column("arrived_time", TIME, nullable=True),
    sa.Column("logging_id", sa.Integer(), nullable=True),
    sa.Column("correction_id", sa.Integer(), nullable=True),
    sa.Column("replaced_by", BIG_ID, nullable=True),
    sa.Column("quality", sa.Text(), server_default="unknown", nullable=False),
    sa.Column("deleted_time", TIME, nullable=True),
)
_REFERENCES = (
    ("logging_id", "logging", "logging_id"),
    ("correction_id", "correction", "correction_id"),
    ("replaced_by", "file", "file_id"),
)
_KINDS = "kind IN ('withdraw', 'replace', 'reinspect', 'rename', 'mark', 'reap')"
_QUALITIES = "quality IN ('unknown', 'ok', 'ignore', 'problem')"
_VERSION = ("interface_version", "quality_version", "revision_version")
_IN_PLACE = sa.text("replaced_by IS NULL")
_PURPOSES = "purpose IN ('incoming', 'output', 'quarantine')"
_MORE_PURPOSES = "purpose IN ('incoming', 'output', 'quarantine', 'aside', 'rename')"

NEWEST_FILE = """
CREATE VIEW newest_file AS
SELECT f.*
FROM file AS f
WHERE f.exists_on_disk
  AND f.replaced_by IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM file AS g
    WHERE g.product_id = f.product_id AND g.utc_file_date = f.utc_file_date
      AND g.process_keywords = f.process_keywords AND g.exists_on_disk AND g.replaced_by IS NULL
      AND (g.interface_version, g.quality_version, g.revision_version)
        > (f.interface_version, f.quality_version, f.revision_version))
"""


def upgrade() -> None:
    """Add the tables and columns; a name and a version may be had again by what takes a file's place."""
    for table, column in _COLUMNS:
        op.add_column(table, column)
    _create_tables()
    op.execute("DROP VIEW newest_file")
    if op.get_bind().dialect.name == "postgresql":
        _change_constraints()
    else:
        _make_anew()
    _create_indexes()
    op.execute(NEWEST_FILE)


def _create_tables() -> None:
    op.create_table(
        "correction",
        sa.Column("correction_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("correction_time", TIME, nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("logging_id", sa.Integer(), nullable=True),
        sa.Column("undone_time", TIME, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.CheckConstraint(_KINDS, name=op.f("ck_correction_kind")),
        sa.ForeignKeyConstraint(["logging_id"], ["logging.logging_id"], name=op.f("fk_correction_logging_id")),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_correction")),
    )
    op.create_table(
        "correctionfile",
        sa.Column("correction_id", sa.Integer(), nullable=False),
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("cause_file", BIG_ID, nullable=True),
        sa.Column("former", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["correction.correction_id"], name=op.f("fk_correctionfile_correction_id")
        ),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_correctionfile_file_id")),
        sa.ForeignKeyConstraint(["cause_file"], ["file.file_id"], name=op.f("fk_correctionfile_cause_file")),
        sa.PrimaryKeyConstraint("correction_id", "file_id", name=op.f("pk_correctionfile")),
    )
    op.create_index(op.f("ix_correctionfile_file_id"), "correctionfile", ["file_id"])
    op.create_index(op.f("ix_correctionfile_cause_file"), "correctionfile", ["cause_file"])
    op.create_table(
        "notice",
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("noticed_time", TIME, nullable=False),
        sa.Column("sent_time", TIME, nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice")),
        sa.UniqueConstraint("event", "subject", "hook", name=op.f("uq_notice_event_subject_hook")),
    )


def _change_constraints() -> None:
    for column in _FILE_COLUMNS:
        op.add_column("file", column)
    for name, table, key in _REFERENCES:
        op.create_foreign_key(op.f(f"fk_file_{name}"), "file", table, [name], [key])
    op.create_check_constraint(op.f("ck_file_quality"), "file", _QUALITIES)
    op.drop_constraint(op.f("uq_file_filename"), "file", type_="unique")
    op.drop_constraint("uq_file_version", "file", type_="unique")
    op.drop_constraint(op.f("ck_placement_purpose"), "placement", type_="check")
    op.create_check_constraint(op.f("ck_placement_purpose"), "placement", _MORE_PURPOSES)


def _make_anew() -> None:
    """SQLite drops no constraint: the table of files is made anew, and the condition changed in the schema's text."""
    unixtime = str(op.get_bind().scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'unixtime'")))
    op.execute("DROP VIEW unixtime")
    op.execute("PRAGMA defer_foreign_keys = ON")  # others refer to its rows, which are back before the end
    op.execute("CREATE TABLE file_before AS SELECT * FROM file")
    before = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("file")]
    op.drop_table("file")
    op.create_table(
        "file",
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("utc_file_date", sa.Date(), nullable=False),
        sa.Column("utc_start_time", TIME, nullable=False),
        sa.Column("utc_stop_time", TIME, nullable=False),
        sa.Column("process_keywords", sa.Text(), server_default="", nullable=False),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in _VERSION),
        sa.Column("data_level", sa.Float(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("shasum", sa.Text(), nullable=False),
        sa.Column("exists_on_disk", sa.Boolean(), nullable=False),
        sa.Column("file_create_date", TIME, nullable=False),
        sa.Column("verbose_provenance", sa.Text(), nullable=True),
        sa.Column("quality_comment", sa.Text(), nullable=True),
        sa.Column("caveats", sa.Text(), nullable=True),
        sa.Column("check_date", TIME, nullable=True),
        sa.Column("quality_checked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("met_start_time", sa.Float(), nullable=True),
        sa.Column("met_stop_time", sa.Float(), nullable=True),
        sa.Column("same_as", BIG_ID, nullable=True),
        sa.Column("stat", sa.Text(), nullable=True),
        *_FILE_COLUMNS,
        sa.CheckConstraint("utc_start_time <= utc_stop_time", name=op.f("ck_file_times")),
        sa.CheckConstraint(
            "interface_version >= 1 AND quality_version >= 0 AND revision_version >= 0", name=op.f("ck_file_version")
        ),
        sa.CheckConstraint("file_size >= 0", name=op.f("ck_file_file_size")),
        sa.CheckConstraint(_QUALITIES, name=op.f("ck_file_quality")),
        sa.ForeignKeyConstraint(["product_id"], ["product.product_id"], name=op.f("fk_file_product_id")),
        *(
            sa.ForeignKeyConstraint([name], [f"{table}.{key}"], name=op.f(f"fk_file_{name}"))
            for name, table, key in _REFERENCES
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_file")),
    )
    names = ", ".join(before)
    op.execute(f"INSERT INTO file ({names}) SELECT {names} FROM file_before")
    op.drop_table("file_before")
    op.create_index("ix_file_product_time", "file", ["product_id", "utc_start_time", "utc_stop_time"])
    op.execute(unixtime)
    _change_text("placement", _PURPOSES, _MORE_PURPOSES)


def _change_text(table: str, old: str, new: str) -> None:
    version = op.get_bind().scalar(sa.text("PRAGMA schema_version"))
    op.execute("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = :table"
    op.execute(sa.text(change).bindparams(old=old, new=new, table=table))
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")


def _create_indexes() -> None:
    for name, columns in (
        ("uq_file_filename", ["filename"]),
        ("uq_file_version", ["product_id", "utc_file_date", "process_keywords", *_VERSION]),
    ):
        op.create_index(name, "file", columns, unique=True, sqlite_where=_IN_PLACE, postgresql_where=_IN_PLACE)
    op.create_index(op.f("ix_file_filename"), "file", ["filename"])
    op.create_index(op.f("ix_file_logging_id"), "file", ["logging_id"])
    op.create_index(op.f("ix_file_shasum"), "file", ["shasum"])
    for name in ("correction_id", "replaced_by"):
        where = sa.text(f"{name} IS NOT NULL")
        op.create_index(op.f(f"ix_file_{name}"), "file", [name], sqlite_where=where, postgresql_where=where)
