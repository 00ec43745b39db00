"""What a mission that was processed by dbprocessing brings along."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

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
INSTRUMENTPRODUCTLINK = """
CREATE VIEW instrumentproductlink AS
SELECT instrument_id, product_id FROM product
"""


def upgrade() -> None:
    """Add what such a mission needs."""
    op.add_column("product", sa.Column("quality_of", sa.Text()))
    op.execute("DROP VIEW newest_file")
    op.add_column("file", sa.Column("archive", sa.Text()))
    op.execute(NEWEST_FILE)
    _add_mission_keys()
    _add_releases()
    _add_baseline()
    _add_links()
    _allow_accepting()
    op.execute(INSTRUMENTPRODUCTLINK)


def _add_mission_keys() -> None:
    """Keys with which a mission does what it did with dbprocessing."""
    op.add_column("mission", sa.Column("path", sa.Text(), server_default="first", nullable=False))
    op.add_column("mission", sa.Column("outside", sa.Text(), nullable=True))
    op.add_column("mission", sa.Column("run_in", sa.Text(), nullable=True))
    op.add_column("mission", sa.Column("argument_fields", sa.Text(), server_default="all", nullable=False))
    op.add_column("process", sa.Column("run_in", sa.Text(), nullable=True))


def _add_releases() -> None:
    """Releases of data have manifests."""
    with op.batch_alter_table("release") as release:
        release.alter_column("release_num", existing_type=sa.String(20), type_=sa.Text(), existing_nullable=False)
        release.add_column(sa.Column("shasum", sa.Text()))
        release.add_column(sa.Column("entry", sa.Text()))
    op.create_index("ix_release_release_num", "release", ["release_num"])
    op.create_table(
        "datarelease",
        sa.Column("release_num", sa.Text(), nullable=False),
        sa.Column("mission_name", sa.Text(), nullable=False),
        sa.Column("release_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("shasum", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("release_num", name=op.f("pk_datarelease")),
    )


def _add_baseline() -> None:
    """What imported files count as made from; sizes and digests that nobody knows any more."""
    op.create_table(
        "baselinecode",
        sa.Column("resulting_file", BIG_ID, nullable=False),
        sa.Column("source_code", sa.Integer()),
        sa.Column("other_name", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["resulting_file"], ["file.file_id"], name=op.f("fk_baselinecode_resulting_file")),
        sa.ForeignKeyConstraint(["source_code"], ["code.code_id"], name=op.f("fk_baselinecode_source_code")),
        sa.PrimaryKeyConstraint("resulting_file", name=op.f("pk_baselinecode")),
    )
    op.create_table(
        "baseline",
        sa.Column("resulting_file", BIG_ID, nullable=False),
        sa.Column("source_file", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["resulting_file"], ["baselinecode.resulting_file"], name=op.f("fk_baseline_resulting_file")
        ),
        sa.ForeignKeyConstraint(["source_file"], ["file.file_id"], name=op.f("fk_baseline_source_file")),
        sa.PrimaryKeyConstraint("resulting_file", "source_file", name=op.f("pk_baseline")),
    )
    op.create_index(op.f("ix_baseline_source_file"), "baseline", ["source_file"])
    _make_nullable("file", "file_size", "BIGINT")
    _make_nullable("attempt", "code_shasum", "TEXT")


def _add_links() -> None:
    """Trees of symbolic links to the newest files."""
    op.create_table(
        "linktree",
        sa.Column("linktree_id", sa.Integer(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("products", sa.Text(), server_default="[]", nullable=False),
        sa.Column("utc_start_time", sa.DateTime(timezone=True)),
        sa.Column("utc_stop_time", sa.DateTime(timezone=True)),
        sa.Column("min_age_days", sa.Integer()),
        sa.Column("companions", sa.Boolean(), nullable=False),
        sa.Column("made_date", sa.Date(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("linktree_id", name=op.f("pk_linktree")),
        sa.UniqueConstraint("directory", name=op.f("uq_linktree_directory")),
    )
    op.create_table(
        "link",
        sa.Column("linktree_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("file_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["linktree_id"], ["linktree.linktree_id"], name=op.f("fk_link_linktree_id")),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_link_file_id")),
        sa.PrimaryKeyConstraint("linktree_id", "path", name=op.f("pk_link")),
    )
    op.create_index(op.f("ix_link_file_id"), "link", ["file_id"])


def _allow_accepting() -> None:
    """A person may accept bytes that a file has on disk."""
    before = "kind IN ('withdraw', 'replace', 'reinspect', 'rename', 'mark', 'reap'"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_correction_kind"), "correction")
        op.create_check_constraint(op.f("ck_correction_kind"), "correction", f"{before}, 'accept')")
    else:
        _rewrite("correction", f"{before})", f"{before}, 'accept')")


def _make_nullable(table: str, column: str, type_: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(table, column, nullable=True)
    else:
        _rewrite(table, f"{column} {type_} NOT NULL", f"{column} {type_}")


def _rewrite(table: str, old: str, new: str) -> None:
    """Change the text of SQLite's schema: a table that is made anew costs as much as all its rows."""
    version = op.get_bind().scalar(sa.text("PRAGMA schema_version"))
    op.execute("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = :table"
    op.execute(sa.text(change).bindparams(old=old, new=new, table=table))
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")
