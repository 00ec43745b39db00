"""Directories as they were when their files were last seen in them; files that are gone are found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the index."""
    op.create_table(
        "directory",
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("stat", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("relative_path", name=op.f("pk_directory")),
    )
    op.create_index("ix_file_place", "file", ["exists_on_disk", "relative_path"])
