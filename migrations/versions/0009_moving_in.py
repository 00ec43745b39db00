"""What a mission that was processed by dbprocessing brings along."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what such a mission needs."""
    op.add_column("mission", sa.Column("path", sa.Text(), server_default="first", nullable=False))
    op.add_column("mission", sa.Column("outside", sa.Text(), nullable=True))
    op.add_column("mission", sa.Column("run_in", sa.Text(), nullable=True))
    op.add_column("mission", sa.Column("argument_fields", sa.Text(), server_default="all", nullable=False))
    op.add_column("process", sa.Column("run_in", sa.Text(), nullable=True))
