"""The mission's umask and group, limits of its inspectors, and how long a code is tried again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MISSION = (
    sa.Column("umask", sa.String(length=4), server_default="022", nullable=False),
    sa.Column("file_group", sa.Text(), nullable=True),
    sa.Column("inspector_seconds", sa.Float(), server_default="60", nullable=False),
    sa.Column("inspector_memory", sa.Float(), server_default="2", nullable=False),
)
_CODE = (
    sa.Column("retry_limit", sa.Integer(), nullable=True),
    sa.Column("retry_longest_seconds", sa.Float(), nullable=True),
)


def upgrade() -> None:
    """Add the columns."""
    for column in _MISSION:
        op.add_column("mission", column)
    for column in _CODE:
        op.add_column("code", column)
