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
    op.add_column("product", sa.Column("quality_of", sa.Text()))
    _add_releases()


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
