"""Directories as they were when their files were last seen in them; files that are gone are found by an index. A
correction is undone file by file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the indexes, and move the columns."""
    op.create_table(
        "directory",
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("stat", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("relative_path", name=op.f("pk_directory")),
    )
    op.create_index("ix_file_place", "file", ["exists_on_disk", "relative_path"])
    op.create_index("ix_file_versions", "file", ["product_id", "utc_file_date", "process_keywords"])
    op.add_column("correctionfile", sa.Column("undone_time", sa.DateTime(timezone=True)))
    op.add_column("correctionfile", sa.Column("undone_by", sa.Text()))
    op.execute(
        "UPDATE correctionfile SET"
        " undone_time = (SELECT c.undone_time FROM correction c WHERE c.correction_id = correctionfile.correction_id),"
        " undone_by = (SELECT c.undone_by FROM correction c WHERE c.correction_id = correctionfile.correction_id)"
    )
    op.drop_column("correction", "undone_time")
    op.drop_column("correction", "undone_by")
