"""Owners: of a root, of companion directories, of the lock; what an input was when it was recorded."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("mission", sa.Column("identity", sa.Text(), server_default="", nullable=False)),
    ("mission", sa.Column("root_marked", sa.Boolean(), server_default=sa.text("false"), nullable=False)),
    ("product", sa.Column("companion", sa.Boolean(), server_default=sa.text("false"), nullable=False)),
    ("code", sa.Column("inputs_by", sa.Text(), server_default="arguments", nullable=False)),
    ("file", sa.Column("stat", sa.Text(), nullable=True)),
    ("filemember", sa.Column("stat", sa.Text(), nullable=True)),
    ("logging", sa.Column("machine_id", sa.Text(), nullable=True)),
    ("logging", sa.Column("pid_namespace", sa.Text(), nullable=True)),
    ("logging", sa.Column("lock_mark", sa.Text(), nullable=True)),
    ("placement", sa.Column("members", sa.Text(), server_default="[]", nullable=False)),
    ("quarantine", sa.Column("members", sa.Text(), server_default="[]", nullable=False)),
)

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
    """Add the columns; the view is made anew, because it holds the columns of the table."""
    op.execute("DROP VIEW newest_file")
    for table, column in _COLUMNS:
        op.add_column(table, column)
    op.execute(NEWEST_FILE)
    op.execute(sa.text("UPDATE mission SET identity = :identity").bindparams(identity=uuid.uuid4().hex))
    op.execute(
        "UPDATE product SET companion = true WHERE product_id IN (SELECT product FROM inspector WHERE active_code "
        "AND filename = 'idx' AND relative_path = '{DBPROC}') OR product_id IN "
        "(SELECT f.product_id FROM file AS f JOIN filemember AS m ON m.file_id = f.file_id)"
    )
