"""Transfers: sources, stores and their copies, users' areas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

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
TASKS = "task IN ('fetch', 'replicate', 'recall', 'heal', 'stage', 'upload', 'import')"
STATES = "state IN ('waiting', 'moving', 'checking', 'verified', 'unverified', 'failed', 'cancelled')"
OPEN_STATES = "state IN ('waiting', 'moving', 'checking')"
REPLICA_STATES = "state IN ('verified', 'unverified', 'missing', 'corrupt')"
STAGE_STATES = "state IN ('waiting', 'placed', 'failed', 'removed')"


def upgrade() -> None:
    """Add what moves between places."""
    for name in ("sources", "stores", "replicates", "areas"):
        op.add_column("mission", sa.Column(name, sa.Text(), server_default="[]", nullable=False))
    op.execute("DROP VIEW newest_file")
    op.add_column("file", sa.Column("offloaded_time", TIME))
    op.drop_index("ix_file_place", "file")
    op.create_index("ix_file_place", "file", ["exists_on_disk", "offloaded_time", "relative_path"])
    op.execute(NEWEST_FILE)
    _add_transfers()
    _add_replicas()
    _add_sources()
    _add_staging()


def _text(name: str, default: str | None = None, *, is_null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=is_null)


def _add_transfers() -> None:
    """One file on its way."""
    places = [f"{end}_{what}" for end in ("origin", "target") for what in ("place", "path", "url")]
    op.create_table(
        "transfer",
        sa.Column("transfer_id", BIG_ID, nullable=False),
        sa.Column("task", sa.String(10), nullable=False),
        *(_text("rule"), _text("filename")),
        sa.Column("file_id", BIG_ID),
        _text("member", ""),
        *(_text(name) for name in places),
        _text("user"),
        sa.Column("asked_time", TIME, nullable=False),
        sa.Column("file_size", sa.BigInteger()),
        *(_text("expected", "[]"), _text("expected_of", ""), _text("origin_facts", "{}")),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("state_time", TIME, nullable=False),
        _text("reason", ""),
        sa.Column("next_try", TIME),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("mismatches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("durable_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("moved_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes_per_second", sa.Float()),
        *(_text("token", ""), _text("shasum", is_null=True), _text("placed", "")),
        *(sa.Column("started_time", TIME), sa.Column("ended_time", TIME)),
        sa.Column("logging_id", sa.Integer()),
        sa.CheckConstraint(TASKS, name=op.f("ck_transfer_task")),
        sa.CheckConstraint(STATES, name=op.f("ck_transfer_state")),
        sa.CheckConstraint(
            "durable_bytes >= 0 AND tries >= 0 AND file_size >= 0", name=op.f("ck_transfer_not_negative")
        ),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_transfer_file_id")),
        sa.ForeignKeyConstraint(["logging_id"], ["logging.logging_id"], name=op.f("fk_transfer_logging_id")),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_transfer")),
    )
    op.create_index(op.f("ix_transfer_file_id"), "transfer", ["file_id"])
    op.create_index("ix_transfer_rule", "transfer", ["rule", "state"])
    where = sa.text(OPEN_STATES)
    op.create_index("ix_transfer_open", "transfer", ["transfer_id"], sqlite_where=where, postgresql_where=where)
    where = sa.text("file_id IS NULL AND task IN ('fetch', 'upload', 'import')")
    op.create_index("ix_transfer_arrived", "transfer", ["filename"], sqlite_where=where, postgresql_where=where)


def _add_replicas() -> None:
    """Copies of files in stores."""
    op.create_table(
        "replica",
        sa.Column("replica_id", BIG_ID, nullable=False),
        sa.Column("file_id", BIG_ID, nullable=False),
        *(_text("store"), _text("path")),
        sa.Column("file_size", sa.BigInteger()),
        _text("shasum", is_null=True),
        sa.Column("state", sa.String(10), nullable=False),
        _text("reason", ""),
        sa.Column("found_time", TIME, nullable=False),
        sa.Column("verified_time", TIME),
        _text("member", ""),
        sa.Column("transfer_id", BIG_ID),
        sa.CheckConstraint(REPLICA_STATES, name=op.f("ck_replica_state")),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_replica_file_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.transfer_id"], name=op.f("fk_replica_transfer_id")),
        sa.PrimaryKeyConstraint("replica_id", name=op.f("pk_replica")),
        sa.UniqueConstraint("store", "path", name=op.f("uq_replica_store_path")),
    )
    op.create_index(op.f("ix_replica_file_id"), "replica", ["file_id"])


def _add_sources() -> None:
    """What was seen where files come from."""
    op.create_table(
        "remotefile",
        sa.Column("remotefile_id", BIG_ID, nullable=False),
        *(_text("source"), _text("path")),
        sa.Column("file_size", sa.BigInteger()),
        sa.Column("modified_time", TIME),
        _text("etag", ""),
        sa.Column("transfer_id", BIG_ID),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.transfer_id"], name=op.f("fk_remotefile_transfer_id")),
        sa.PrimaryKeyConstraint("remotefile_id", name=op.f("pk_remotefile")),
        sa.UniqueConstraint("source", "path", name=op.f("uq_remotefile_source_path")),
    )
    op.create_table(
        "remotelook",
        _text("source"),
        sa.Column("look_time", TIME, nullable=False),
        sa.Column("next_time", TIME),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        _text("problem", is_null=True),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_remotelook")),
    )


def _add_staging() -> None:
    """Files in users' areas."""
    op.create_table(
        "stage",
        sa.Column("stage_id", sa.Integer(), nullable=False),
        *(_text("area"), _text("owner"), _text("directory")),
        sa.Column("link", sa.String(10), nullable=False),
        sa.Column("asked_time", TIME, nullable=False),
        _text("user"),
        *(sa.Column("expires_time", TIME), sa.Column("removed_time", TIME), _text("made", "[]")),
        sa.PrimaryKeyConstraint("stage_id", name=op.f("pk_stage")),
    )
    op.create_index("ix_stage_owner", "stage", ["area", "owner"])
    op.create_table(
        "stagefile",
        sa.Column("stagefile_id", BIG_ID, nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("file_id", BIG_ID),
        *(_text("origin_place"), _text("origin_path"), _text("target_path")),
        sa.Column("state", sa.String(10), nullable=False),
        _text("reason", ""),
        sa.Column("file_size", sa.BigInteger()),
        *(_text("shasum", is_null=True), _text("placed", "")),
        sa.Column("transfer_id", BIG_ID),
        sa.CheckConstraint(STAGE_STATES, name=op.f("ck_stagefile_state")),
        sa.ForeignKeyConstraint(["stage_id"], ["stage.stage_id"], name=op.f("fk_stagefile_stage_id")),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_stagefile_file_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.transfer_id"], name=op.f("fk_stagefile_transfer_id")),
        sa.PrimaryKeyConstraint("stagefile_id", name=op.f("pk_stagefile")),
        sa.UniqueConstraint("stage_id", "target_path", name=op.f("uq_stagefile_stage_id_target_path")),
    )
    op.create_index(op.f("ix_stagefile_stage_id"), "stagefile", ["stage_id"])
