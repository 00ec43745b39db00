"""The tables, with dbprocessing's names where the idea is the same, and the views for people.

The constraints here are the invariants of the mission; the code above only turns their violation into a message.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

BigId = BigInteger().with_variant(Integer, "sqlite")


class UtcTime(TypeDecorator[dt.datetime]):
    """An aware UTC time: ``timestamptz`` on PostgreSQL, UTC text on SQLite. Naive times are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Aware time → what the driver stores."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} is naive: times in the database are aware UTC")
        utc = value.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """What the driver gives → aware UTC time."""
        if value is None:
            return None
        time: dt.datetime = value
        return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        dt.datetime: UtcTime(),
        dt.date: Date(),
        str: Text(),
        bool: Boolean(),
        float: Float(),
    }


class Mission(Base):
    """The mission of this database: exactly one row. Directories are relative to ``rootdir`` or absolute."""

    __tablename__ = "mission"
    mission_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    mission_name: Mapped[str] = mapped_column(Text, unique=True)
    rootdir: Mapped[str]
    incoming_dir: Mapped[str]
    codedir: Mapped[str | None]
    inspectordir: Mapped[str | None]
    errordir: Mapped[str | None]
    settle_seconds: Mapped[float] = mapped_column(server_default="60")
    on_code_edit: Mapped[str] = mapped_column(server_default="bump")
    digest: Mapped[str] = mapped_column(server_default="sha256")
    retry_seconds: Mapped[float] = mapped_column(server_default="300")
    retry_limit: Mapped[int] = mapped_column(Integer, server_default="8")
    __table_args__ = (
        CheckConstraint("on_code_edit IN ('bump', 'refuse', 'accept')", name="on_code_edit"),
        CheckConstraint("digest IN ('sha256', 'blake3')", name="digest"),
        CheckConstraint("settle_seconds >= 0 AND retry_seconds >= 0 AND retry_limit >= 0", name="not_negative"),
    )


class Satellite(Base):
    """A group of instruments."""

    __tablename__ = "satellite"
    satellite_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    satellite_name: Mapped[str]
    mission_id: Mapped[int] = mapped_column(ForeignKey("mission.mission_id"))
    __table_args__ = (UniqueConstraint("satellite_name", "mission_id"),)


class Instrument(Base):
    """A group of products."""

    __tablename__ = "instrument"
    instrument_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    instrument_name: Mapped[str]
    satellite_id: Mapped[int] = mapped_column(ForeignKey("satellite.satellite_id"))
    __table_args__ = (UniqueConstraint("instrument_name", "satellite_id"),)


class Product(Base):
    """A kind of file. ``format`` and ``relative_path`` keep their fields; constants are substituted."""

    __tablename__ = "product"
    product_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    product_name: Mapped[str] = mapped_column(Text, unique=True)
    instrument_id: Mapped[int] = mapped_column(ForeignKey("instrument.instrument_id"), index=True)
    relative_path: Mapped[str]
    level: Mapped[float]
    format: Mapped[str]
    product_description: Mapped[str | None]


class Inspector(Base):
    """What confirms the files of a product: a built-in (``relative_path`` is ``{DBPROC}``) or a Python file."""

    __tablename__ = "inspector"
    inspector_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    filename: Mapped[str]
    relative_path: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    interface_version: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    quality_version: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    revision_version: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    output_interface_version: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    active_code: Mapped[bool]
    date_written: Mapped[dt.date | None]
    newest_version: Mapped[bool]
    arguments: Mapped[str | None]
    product: Mapped[int] = mapped_column(ForeignKey("product.product_id"))
    __table_args__ = (
        CheckConstraint("interface_version >= 1", name="interface_version"),
        Index(
            "ix_inspector_active",
            "product",
            unique=True,
            sqlite_where=text("active_code"),
            postgresql_where=text("active_code"),
        ),
    )


class Process(Base):
    """Input products → one output product, or none when ``output_timebase`` is RUN. ``extra_params``: a|b|c."""

    __tablename__ = "process"
    process_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    process_name: Mapped[str] = mapped_column(Text, unique=True)
    output_product: Mapped[int | None] = mapped_column(ForeignKey("product.product_id"), unique=True)
    output_timebase: Mapped[str] = mapped_column(String(10))
    extra_params: Mapped[str | None]
    __table_args__ = (
        CheckConstraint(
            "output_timebase IN ('FILE', 'DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY', 'RUN')", name="output_timebase"
        ),
        CheckConstraint("(output_timebase = 'RUN') = (output_product IS NULL)", name="output_unless_run"),
    )


class ProductProcessLink(Base):
    """An input product of a process, in the order of ``position``."""

    __tablename__ = "productprocesslink"
    process_id: Mapped[int] = mapped_column(ForeignKey("process.process_id"), primary_key=True)
    input_product_id: Mapped[int] = mapped_column(ForeignKey("product.product_id"), primary_key=True, index=True)
    optional: Mapped[bool]
    yesterday: Mapped[int] = mapped_column(Integer, server_default="0")
    tomorrow: Mapped[int] = mapped_column(Integer, server_default="0")
    position: Mapped[int] = mapped_column(Integer, server_default="0")
    __table_args__ = (CheckConstraint("yesterday >= 0 AND tomorrow >= 0", name="window"),)


class Code(Base):
    """One version of the executable of a process. Old rows stay: files refer to them.

    ``declared_version`` is the version in the mission file; the version columns are above it when bytes changed under
    an unchanged version. ``stat`` is size, mtime and inode when ``shasum`` was taken: the digest is taken again only
    when it differs.
    """

    __tablename__ = "code"
    code_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    filename: Mapped[str]
    relative_path: Mapped[str]
    code_start_date: Mapped[dt.date]
    code_stop_date: Mapped[dt.date]
    code_description: Mapped[str] = mapped_column(server_default="")
    process_id: Mapped[int] = mapped_column(ForeignKey("process.process_id"), index=True)
    interface_version: Mapped[int] = mapped_column(SmallInteger)
    quality_version: Mapped[int] = mapped_column(SmallInteger)
    revision_version: Mapped[int] = mapped_column(SmallInteger)
    output_interface_version: Mapped[int] = mapped_column(SmallInteger)
    active_code: Mapped[bool]
    date_written: Mapped[dt.date | None]
    shasum: Mapped[str | None]
    newest_version: Mapped[bool]
    arguments: Mapped[str | None]
    ram: Mapped[float | None]
    cpu: Mapped[int | None] = mapped_column(SmallInteger)
    time_limit_seconds: Mapped[float | None]
    declared_version: Mapped[str]
    stat: Mapped[str | None]
    __table_args__ = (
        CheckConstraint("code_start_date <= code_stop_date", name="dates"),
        CheckConstraint("interface_version >= 1 AND output_interface_version >= 1", name="interface_version"),
        CheckConstraint("quality_version >= 0 AND revision_version >= 0", name="version"),
    )


class File(Base):
    """One file of one product for one date, with one version."""

    __tablename__ = "file"
    file_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    filename: Mapped[str] = mapped_column(Text, unique=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.product_id"))
    utc_file_date: Mapped[dt.date]
    utc_start_time: Mapped[dt.datetime]
    utc_stop_time: Mapped[dt.datetime]
    process_keywords: Mapped[str] = mapped_column(server_default="")
    interface_version: Mapped[int] = mapped_column(SmallInteger)
    quality_version: Mapped[int] = mapped_column(SmallInteger)
    revision_version: Mapped[int] = mapped_column(SmallInteger)
    data_level: Mapped[float]
    relative_path: Mapped[str]
    file_size: Mapped[int] = mapped_column(BigInteger)
    shasum: Mapped[str]
    exists_on_disk: Mapped[bool]
    file_create_date: Mapped[dt.datetime]
    verbose_provenance: Mapped[str | None]
    quality_comment: Mapped[str | None]
    caveats: Mapped[str | None]
    check_date: Mapped[dt.datetime | None]
    quality_checked: Mapped[bool] = mapped_column(server_default=text("false"))
    met_start_time: Mapped[float | None]
    met_stop_time: Mapped[float | None]
    __table_args__ = (
        UniqueConstraint(
            "product_id",
            "utc_file_date",
            "process_keywords",
            "interface_version",
            "quality_version",
            "revision_version",
            name="uq_file_version",
        ),
        CheckConstraint("utc_start_time <= utc_stop_time", name="times"),
        CheckConstraint("interface_version >= 1 AND quality_version >= 0 AND revision_version >= 0", name="version"),
        CheckConstraint("file_size >= 0", name="file_size"),
        Index("ix_file_product_time", "product_id", "utc_start_time", "utc_stop_time"),
    )


class FileMember(Base):
    """A file of a companion directory (``x.idx`` owns ``x/``), its path inside it, size and digest."""

    __tablename__ = "filemember"
    file_id: Mapped[int] = mapped_column(ForeignKey("file.file_id"), primary_key=True)
    member_path: Mapped[str] = mapped_column(Text, primary_key=True)
    member_size: Mapped[int] = mapped_column(BigInteger)
    shasum: Mapped[str]


class FileFileLink(Base):
    """`resulting_file` was made from `source_file`."""

    __tablename__ = "filefilelink"
    source_file: Mapped[int] = mapped_column(ForeignKey("file.file_id"), primary_key=True)
    resulting_file: Mapped[int] = mapped_column(ForeignKey("file.file_id"), primary_key=True, index=True)
    __table_args__ = (CheckConstraint("source_file <> resulting_file", name="not_itself"),)


class FileCodeLink(Base):
    """`resulting_file` was made by `source_code`."""

    __tablename__ = "filecodelink"
    resulting_file: Mapped[int] = mapped_column(ForeignKey("file.file_id"), primary_key=True)
    source_code: Mapped[int] = mapped_column(ForeignKey("code.code_id"), primary_key=True, index=True)


class ProcessQueue(Base):
    """Files still to be looked at as inputs of new work."""

    __tablename__ = "processqueue"
    file_id: Mapped[int] = mapped_column(ForeignKey("file.file_id"), primary_key=True)
    version_bump: Mapped[int | None] = mapped_column(SmallInteger)
    reason: Mapped[str] = mapped_column(server_default="")
    queued_time: Mapped[dt.datetime]
    __table_args__ = (CheckConstraint("version_bump IS NULL OR version_bump BETWEEN 0 AND 2", name="version_bump"),)


class Logging(Base):
    """One run; the row with ``currently_processing`` is the lock."""

    __tablename__ = "logging"
    logging_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    currently_processing: Mapped[bool]
    pid: Mapped[int] = mapped_column(Integer)
    pid_start_time: Mapped[str]
    boot_id: Mapped[str]
    processing_start_time: Mapped[dt.datetime]
    processing_end_time: Mapped[dt.datetime | None]
    comment: Mapped[str | None]
    mission_id: Mapped[int] = mapped_column(ForeignKey("mission.mission_id"))
    user: Mapped[str]
    hostname: Mapped[str]
    __table_args__ = (
        Index(
            "ix_logging_lock",
            "mission_id",
            unique=True,
            sqlite_where=text("currently_processing"),
            postgresql_where=text("currently_processing"),
        ),
    )


class Attempt(Base):
    """One execution of a code, for one process and date (and keywords).

    ``status``: running, succeeded, failed, interrupted; or refused: decided not to run, ``message`` says why.
    ``command_line`` and ``reasons`` are JSON lists. ``failures``: how many in a row, this one included, with the same
    inputs and code.
    """

    __tablename__ = "attempt"
    attempt_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    logging_id: Mapped[int] = mapped_column(ForeignKey("logging.logging_id"), index=True)
    process_id: Mapped[int] = mapped_column(ForeignKey("process.process_id"))
    utc_file_date: Mapped[dt.date]
    process_keywords: Mapped[str]
    code_id: Mapped[int] = mapped_column(ForeignKey("code.code_id"), index=True)
    code_shasum: Mapped[str]
    status: Mapped[str] = mapped_column(String(12))
    reasons: Mapped[str]
    command_line: Mapped[str]
    output_filename: Mapped[str | None]
    output_file: Mapped[int | None] = mapped_column(ForeignKey("file.file_id"), index=True)
    created_time: Mapped[dt.datetime]
    start_time: Mapped[dt.datetime | None]
    end_time: Mapped[dt.datetime | None]
    cpu_seconds: Mapped[float | None]
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    exit_status: Mapped[int | None] = mapped_column(Integer)
    message: Mapped[str | None]
    log_path: Mapped[str | None]
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    next_try_time: Mapped[dt.datetime | None]
    __table_args__ = (
        CheckConstraint(
            "status IN ('running', 'succeeded', 'failed', 'interrupted', 'refused')",
            name="status",
        ),
        Index("ix_attempt_slot", "process_id", "utc_file_date", "process_keywords", "attempt_id"),
        Index(
            "ix_attempt_open",
            "status",
            sqlite_where=text("status IN ('running', 'failed', 'refused')"),
            postgresql_where=text("status IN ('running', 'failed', 'refused')"),
        ),
    )


class AttemptInput(Base):
    """An input of an attempt, in the order of the command line."""

    __tablename__ = "attemptinput"
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.attempt_id"), primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("file.file_id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(Integer)


class Placement(Base):
    """A file about to be moved, announced before it is: what a crash leaves half done is found here.

    ``source`` and ``target`` are absolute paths; ``purpose``: incoming, output or quarantine.
    """

    __tablename__ = "placement"
    placement_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(12))
    source: Mapped[str]
    target: Mapped[str] = mapped_column(Text, unique=True)
    shasum: Mapped[str]
    announced_time: Mapped[dt.datetime]
    __table_args__ = (CheckConstraint("purpose IN ('incoming', 'output', 'quarantine')", name="purpose"),)


class Quarantine(Base):
    """A file that was refused. ``verdicts`` is a JSON list of each product's answer; ``stored_name`` in the error
    directory."""

    __tablename__ = "quarantine"
    quarantine_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    filename: Mapped[str]
    stored_name: Mapped[str] = mapped_column(Text, unique=True)
    came_from: Mapped[str]
    reason: Mapped[str] = mapped_column(String(30))
    message: Mapped[str]
    verdicts: Mapped[str]
    file_size: Mapped[int | None] = mapped_column(BigInteger)
    shasum: Mapped[str | None]
    other_shasum: Mapped[str | None]
    quarantine_time: Mapped[dt.datetime]
    logging_id: Mapped[int | None] = mapped_column(ForeignKey("logging.logging_id"))
    released_time: Mapped[dt.datetime | None]


class Release(Base):
    """A file that belongs to a numbered release of data."""

    __tablename__ = "release"
    file_id: Mapped[int] = mapped_column(ForeignKey("file.file_id"), primary_key=True)
    release_num: Mapped[str] = mapped_column(String(20), primary_key=True)


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
  CAST(strftime('%s', utc_start_time) AS INTEGER) AS unix_start,
  CAST(strftime('%s', utc_stop_time) AS INTEGER) AS unix_stop
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


def views(dialect: str) -> dict[str, str]:
    """The ``CREATE VIEW`` statement of each view, by name, for ``sqlite`` or ``postgresql``."""
    return {"newest_file": NEWEST_FILE, "lineage": LINEAGE, "unixtime": UNIXTIME[dialect]}
