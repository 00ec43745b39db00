"""The views for people: newest files, lineage, and times in seconds."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

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

LINEAGE = """
CREATE VIEW lineage AS
WITH RECURSIVE walk (ancestor, descendant, depth) AS (
  SELECT source_file, resulting_file, 1 FROM filefilelink
  UNION
  SELECT l.source_file, w.descendant, w.depth + 1
  FROM walk AS w JOIN filefilelink AS l ON l.resulting_file = w.ancestor
)
SELECT ancestor, descendant, MIN(depth) AS depth FROM walk GROUP BY ancestor, descendant
"""

UNIXTIME = {
    "sqlite": """
CREATE VIEW unixtime AS
SELECT file_id,
  CAST(strftime('%s', substr(utc_start_time, 1, 19)) AS INTEGER) AS unix_start,
  CAST(strftime('%s', substr(utc_stop_time, 1, 19)) AS INTEGER) AS unix_stop
FROM file
""",
    "postgresql": """
CREATE VIEW unixtime AS
SELECT file_id,
  CAST(floor(extract(epoch FROM utc_start_time)) AS bigint) AS unix_start,
  CAST(floor(extract(epoch FROM utc_stop_time)) AS bigint) AS unix_stop
FROM file
""",
}


def upgrade() -> None:
    """Create the views."""
    for statement in (NEWEST_FILE, LINEAGE, UNIXTIME[op.get_bind().dialect.name]):
        op.execute(statement)
