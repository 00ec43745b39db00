"""The tables, with dbprocessing's names where the idea is the same, and the views for people.

The constraints here are the invariants of the mission; the code above only turns their violation into a message.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from dbproc.core.model import Build, CodeEditPolicy, Keying
from dbproc.core.states import (
    AttemptStatus,
    CampaignStatus,
    CanaryStatus,
    CodeEvent,
    Correction,
    ItemStatus,
    Purpose,
    Quality,
    ReplicaState,
    SampleVerdict,
    StageState,
    UploadWay,
)
from dbproc.core.transfers import OPEN as OPEN_TRANSFERS
from dbproc.core.transfers import Task as TransferTask
from dbproc.core.transfers import TransferState


def _one_of(column: str, words: Iterable[StrEnum]) -> str:
    """The condition that a column holds one of some words."""
    return f"{column} IN ({', '.join(repr(word.value) for word in words)})"


NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

BIG_ID = BigInteger().with_variant(Integer, "sqlite")


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


METADATA = MetaData(naming_convention=NAMING)

mission = Table(
    "mission",
    METADATA,
    Column("mission_id", Integer, primary_key=True),
    Column("mission_name", Text, nullable=False, unique=True),
    Column("rootdir", Text, nullable=False),
    Column("incoming_dir", Text, nullable=False),
    Column("codedir", Text),
    Column("inspectordir", Text),
    Column("errordir", Text),
    Column("settle_seconds", Float, nullable=False, server_default="60"),
    Column("on_code_edit", Text, nullable=False, server_default="bump"),
    Column("digest", Text, nullable=False, server_default="sha256"),
    Column("retry_seconds", Float, nullable=False, server_default="300"),
    Column("retry_limit", Integer, nullable=False, server_default="8"),
    Column("umask", String(4), nullable=False, server_default="022"),
    Column("file_group", Text),
    Column("inspector_seconds", Float, nullable=False, server_default="60"),
    Column("inspector_memory", Float, nullable=False, server_default="2"),
    Column("early_cutoff", Boolean, nullable=False, server_default=text("false")),
    Column("identity", Text, nullable=False, server_default=""),
    Column("root_marked", Boolean, nullable=False, server_default=text("false")),
    Column("same_name", Text, nullable=False, server_default="quarantine"),
    Column("keep_logs", Float),
    Column("trash_seconds", Float, nullable=False, server_default="2592000"),
    Column("notify", Text, nullable=False, server_default="[]"),
    Column("path", Text, nullable=False, server_default="first"),
    Column("outside", Text),
    Column("run_in", Text),
    Column("argument_fields", Text, nullable=False, server_default="all"),
    Column("sources", Text, nullable=False, server_default="[]"),
    Column("stores", Text, nullable=False, server_default="[]"),
    Column("replicates", Text, nullable=False, server_default="[]"),
    Column("areas", Text, nullable=False, server_default="[]"),
    Column("service", Text, nullable=False, server_default="[]"),
    Column("monitor", Text, nullable=False, server_default="[]"),
    CheckConstraint(_one_of("on_code_edit", CodeEditPolicy), name="on_code_edit"),
    CheckConstraint("digest IN ('sha256', 'blake3')", name="digest"),
    CheckConstraint("settle_seconds >= 0 AND retry_seconds >= 0 AND retry_limit >= 0", name="not_negative"),
)
"""The mission of this database: exactly one row. Directories are relative to ``rootdir`` or absolute.
``identity`` is that of this database, and stands in the mark of its root; ``root_marked``: the root has borne it."""

satellite = Table(
    "satellite",
    METADATA,
    Column("satellite_id", Integer, primary_key=True),
    Column("satellite_name", Text, nullable=False),
    Column("mission_id", Integer, ForeignKey("mission.mission_id"), nullable=False),
    UniqueConstraint("satellite_name", "mission_id"),
)
"""A group of instruments."""

instrument = Table(
    "instrument",
    METADATA,
    Column("instrument_id", Integer, primary_key=True),
    Column("instrument_name", Text, nullable=False),
    Column("satellite_id", Integer, ForeignKey("satellite.satellite_id"), nullable=False),
    UniqueConstraint("instrument_name", "satellite_id"),
)
"""A group of products."""

product = Table(
    "product",
    METADATA,
    Column("product_id", Integer, primary_key=True),
    Column("product_name", Text, nullable=False, unique=True),
    Column("instrument_id", Integer, ForeignKey("instrument.instrument_id"), nullable=False, index=True),
    Column("relative_path", Text, nullable=False),
    Column("level", Float, nullable=False),
    Column("format", Text, nullable=False),
    Column("product_description", Text),
    Column("comparison", Text, nullable=False, server_default="bytes"),
    Column("companion", Boolean, nullable=False, server_default=text("false")),
    Column("covers", Float),
    Column("expect", Text),
    Column("expect_keys", Text),
    Column("expect_from", Date),
    Column("expect_to", Date),
    Column("late_after", Float),
    Column("keep_versions", Integer),
    Column("quality_of", Text),
)
"""A kind of file. ``format`` and ``relative_path`` keep their fields; constants are substituted. ``comparison``: how
two versions are held against each other: ``bytes``, ``netcdf`` or ``hdf5``. ``companion``: whether a file owns the
directory of its stem beside it (``x.idx`` and ``x/``). ``covers``: seconds that a file is of from the time on that its
name says. ``expect``: how often a file comes, of each key of the JSON list ``expect_keys``, from ``expect_from`` to
to ``expect_to``; it is late so many seconds after its period (``late_after``). ``keep_versions``: so many of the
newest versions are kept when files are reaped; null: all of them. ``quality_of``: the name of the product
of whose files these say how good they are, by ``{QACODE}`` in their names."""

inspector = Table(
    "inspector",
    METADATA,
    Column("inspector_id", Integer, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("relative_path", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("interface_version", SmallInteger, nullable=False, server_default="1"),
    Column("quality_version", SmallInteger, nullable=False, server_default="0"),
    Column("revision_version", SmallInteger, nullable=False, server_default="0"),
    Column("output_interface_version", SmallInteger, nullable=False, server_default="1"),
    Column("active_code", Boolean, nullable=False),
    Column("date_written", Date),
    Column("newest_version", Boolean, nullable=False),
    Column("arguments", Text),
    Column("product", Integer, ForeignKey("product.product_id"), nullable=False),
    Column("shasum", Text),
    Column("stat", Text),
    CheckConstraint("interface_version >= 1", name="interface_version"),
)
"""What confirms the files of a product: a built-in (``relative_path`` is ``{DBPROC}``) or a Python file, whose
``shasum`` and ``stat`` are as those of a code."""

process = Table(
    "process",
    METADATA,
    Column("process_id", Integer, primary_key=True),
    Column("process_name", Text, nullable=False, unique=True),
    Column("output_product", Integer, ForeignKey("product.product_id"), unique=True),
    Column("output_timebase", Text, nullable=False),
    Column("extra_params", Text),
    Column("early_cutoff", Boolean),
    Column("keywords", Text, nullable=False, server_default=Keying.EACH),
    Column("build", Text, nullable=False, server_default=Build.AT_ONCE),
    Column("wait_seconds", Float),
    Column("run_in", Text),
    CheckConstraint("output_timebase <> ''", name="output_timebase"),
    CheckConstraint("(output_timebase IN ('RUN', 'STARTUP')) = (output_product IS NULL)", name="output_unless_run"),
)
"""Input products → an output product, or none when ``output_timebase`` is RUN or STARTUP. ``extra_params``: a|b|c.
Products made besides the first are in ``processoutput``. ``keywords``: whether there is an output for ``each`` set of
values of the keywords in its name, or one with those of its inputs ``merged``, or named by those and with the keywords
that its ``inspector`` gives. ``build``: ``at once``, ``when over`` or
``when complete``; ``wait_seconds`` after the end of its period at the latest."""

processoutput = Table(
    "processoutput",
    METADATA,
    Column("product_id", Integer, ForeignKey("product.product_id"), primary_key=True),
    Column("process_id", Integer, ForeignKey("process.process_id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    CheckConstraint("position >= 1", name="position"),
)
"""A product that a process makes besides its ``output_product``, in the order of ``position``."""

productprocesslink = Table(
    "productprocesslink",
    METADATA,
    Column("process_id", Integer, ForeignKey("process.process_id"), primary_key=True),
    Column("input_product_id", Integer, ForeignKey("product.product_id"), primary_key=True, index=True),
    Column("optional", Boolean, nullable=False),
    Column("yesterday", Integer, nullable=False, server_default="0"),
    Column("tomorrow", Integer, nullable=False, server_default="0"),
    Column("position", Integer, nullable=False, server_default="0"),
    Column("before_seconds", Float, nullable=False, server_default="0"),
    Column("after_seconds", Float, nullable=False, server_default="0"),
    Column("valid", Text),
    Column("max_age_seconds", Float),
    Column("choice", Integer, ForeignKey("product.product_id")),
    Column("quality", Text),
    CheckConstraint("yesterday >= 0 AND tomorrow >= 0", name="window"),
)
"""An input product of a process, in the order of ``position``. Of those with one ``choice`` (the best product of it)
the first is used of which there are files. ``before_seconds`` and ``after_seconds`` widen its window, as ``yesterday``
and ``tomorrow`` do by days. ``valid``: its files hold for longer than their own time: the ``latest``, not older than
``max_age_seconds``, or those whose time ``covers`` the period. ``quality``: a JSON list of the qualities that its files
may be marked with."""

code = Table(
    "code",
    METADATA,
    Column("code_id", Integer, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("relative_path", Text, nullable=False),
    Column("code_start_date", Date, nullable=False),
    Column("code_stop_date", Date, nullable=False),
    Column("code_description", Text, nullable=False, server_default=""),
    Column("process_id", Integer, ForeignKey("process.process_id"), nullable=False, index=True),
    Column("interface_version", SmallInteger, nullable=False),
    Column("quality_version", SmallInteger, nullable=False),
    Column("revision_version", SmallInteger, nullable=False),
    Column("output_interface_version", SmallInteger, nullable=False),
    Column("active_code", Boolean, nullable=False),
    Column("date_written", Date),
    Column("shasum", Text),
    Column("newest_version", Boolean, nullable=False),
    Column("arguments", Text),
    Column("ram", Float),
    Column("cpu", SmallInteger),
    Column("time_limit_seconds", Float),
    Column("retry_limit", Integer),
    Column("retry_longest_seconds", Float),
    Column("declared_version", Text, nullable=False),
    Column("stat", Text),
    Column("on_code_edit", Text),
    Column("uses", Text),
    Column("release_time", UtcTime),
    Column("same_as", Integer),
    Column("kept", Boolean, nullable=False, server_default=text("false")),
    Column("inputs_by", Text, nullable=False, server_default="arguments"),
    CheckConstraint("code_start_date <= code_stop_date", name="dates"),
    CheckConstraint("interface_version >= 1 AND output_interface_version >= 1", name="interface_version"),
    CheckConstraint("quality_version >= 0 AND revision_version >= 0", name="version"),
)
"""One version of the executable of a process. Old rows stay: files refer to them.

``declared_version`` is the version in the mission file; the version columns are above it when bytes changed under
an unchanged version. ``stat`` is size, mtime and inode when ``shasum`` was taken: the digest is taken again only
when it differs. ``uses`` is a JSON list of patterns: what the code reads besides; ``shasum`` and ``stat`` cover it, and
``codefile`` holds each file of it. ``on_code_edit`` is the mission's where it is null. ``same_as``: the number of the
first row that is the same code (version, bytes, arguments), which other dates or a rollback brought here again.
``kept``: the copy that was kept of its bytes is run, because the file in its place has others. ``inputs_by``: how
inputs are handed over, as ``arguments`` or as a ``file`` that lists them."""

codefile = Table(
    "codefile",
    METADATA,
    Column("code_id", Integer, ForeignKey("code.code_id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("file_size", BigInteger, nullable=False),
    Column("shasum", Text, nullable=False),
)
"""A file that belongs to a code: its own, and what it uses; ``path`` is relative to its own directory."""

codeevent = Table(
    "codeevent",
    METADATA,
    Column("codeevent_id", Integer, primary_key=True),
    Column("code_id", Integer, ForeignKey("code.code_id"), index=True),
    Column("inspector_id", Integer, ForeignKey("inspector.inspector_id"), index=True),
    Column("event", String(12), nullable=False),
    Column("event_time", UtcTime, nullable=False),
    Column("user", Text, nullable=False),
    Column("old_code", Integer, ForeignKey("code.code_id")),
    Column("old_shasum", Text),
    Column("shasum", Text),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint(_one_of("event", CodeEvent), name="event"),
    CheckConstraint("(code_id IS NULL) <> (inspector_id IS NULL)", name="subject"),
)
"""What happened to a code or an inspector: released in the place of ``old_code``, edited and bumped, accepted, and so
on."""

file = Table(
    "file",
    METADATA,
    Column("file_id", BIG_ID, primary_key=True),
    Column("filename", Text, nullable=False, index=True),
    Column("product_id", Integer, ForeignKey("product.product_id"), nullable=False),
    Column("utc_file_date", Date, nullable=False),
    Column("utc_start_time", UtcTime, nullable=False),
    Column("utc_stop_time", UtcTime, nullable=False),
    Column("process_keywords", Text, nullable=False, server_default=""),
    Column("interface_version", SmallInteger, nullable=False),
    Column("quality_version", SmallInteger, nullable=False),
    Column("revision_version", SmallInteger, nullable=False),
    Column("data_level", Float, nullable=False),
    Column("relative_path", Text, nullable=False),
    Column("file_size", BigInteger),
    Column("shasum", Text, nullable=False, index=True),
    Column("exists_on_disk", Boolean, nullable=False),
    Column("file_create_date", UtcTime, nullable=False),
    Column("verbose_provenance", Text),
    Column("quality_comment", Text),
    Column("caveats", Text),
    Column("check_date", UtcTime),
    Column("quality_checked", Boolean, nullable=False, server_default=text("false")),
    Column("met_start_time", Float),
    Column("met_stop_time", Float),
    Column("same_as", BIG_ID),
    Column("stat", Text),
    Column("arrived_time", UtcTime),
    Column("logging_id", Integer, ForeignKey("logging.logging_id"), index=True),
    Column("correction_id", Integer, ForeignKey("correction.correction_id")),
    Column("replaced_by", BIG_ID, ForeignKey("file.file_id")),
    Column("quality", Text, nullable=False, server_default=Quality.UNKNOWN),
    Column("deleted_time", UtcTime),
    Column("archive", Text),
    Column("offloaded_time", UtcTime),
    CheckConstraint("utc_start_time <= utc_stop_time", name="times"),
    CheckConstraint("interface_version >= 1 AND quality_version >= 0 AND revision_version >= 0", name="version"),
    CheckConstraint("file_size >= 0", name="file_size"),
    CheckConstraint(_one_of("quality", Quality), name="quality"),
    Index("ix_file_product_time", "product_id", "utc_start_time", "utc_stop_time"),
    Index("ix_file_place", "exists_on_disk", "offloaded_time", "relative_path"),
    Index("ix_file_versions", "product_id", "utc_file_date", "process_keywords"),
)
"""One file of one product for one date, with one version. ``same_as``: the number of the oldest of the earlier versions
that it equals, without a break between them; null when it differs from the version before. ``stat``: what the system
said of it when its digest was taken; the digest is taken again, before it is used, only when that differs.
``arrived_time``: when a delivered file came into incoming; ``logging_id``: the run that took it in or made it.
``correction_id``: what took it out of its place: it was withdrawn or reaped, its bytes are kept aside, unless they are
gone from there since ``deleted_time``: deleted, or below the directory ``archive``. ``replaced_by``: the file that has
its name and its place instead. ``file_size`` is null of a file that was gone from disk when its mission was
imported. ``offloaded_time``: since when its bytes are in stores alone; such a file counts as one that
``exists_on_disk``."""

correction = Table(
    "correction",
    METADATA,
    Column("correction_id", Integer, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("correction_time", UtcTime, nullable=False),
    Column("user", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("logging_id", Integer, ForeignKey("logging.logging_id")),
    CheckConstraint(_one_of("kind", Correction), name="kind"),
)
"""What a person, or a run because of it, changed of files that are in the catalogue. ``logging_id``: that run."""

correctionfile = Table(
    "correctionfile",
    METADATA,
    Column("correction_id", Integer, ForeignKey("correction.correction_id"), primary_key=True),
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), primary_key=True, index=True),
    Column("cause_file", BIG_ID, ForeignKey("file.file_id"), index=True),
    Column("former", Text, nullable=False, server_default="{}"),
    Column("undone_time", UtcTime),
    Column("undone_by", Text),
)
"""A file that was corrected; ``cause_file``: the input because of which. ``former`` is JSON: what its columns held."""

notice = Table(
    "notice",
    METADATA,
    Column("notice_id", Integer, primary_key=True),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("hook", Text, nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    Column("noticed_time", UtcTime, nullable=False),
    Column("sent_time", UtcTime),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("problem", Text),
    UniqueConstraint("event", "subject", "hook"),
)
"""An event that a hook tells people of, once. ``sent_time`` is written before the hook is started, and taken back when
it says that it told nobody; ``problem``: why, or what is not known of a try whose end nobody saw."""

filemember = Table(
    "filemember",
    METADATA,
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), primary_key=True),
    Column("member_path", Text, primary_key=True),
    Column("member_size", BigInteger, nullable=False),
    Column("shasum", Text, nullable=False),
    Column("stat", Text),
)
"""A file of a companion directory (``x.idx`` owns ``x/``), its path inside it, size and digest, ``stat`` as that of a
file."""

filefilelink = Table(
    "filefilelink",
    METADATA,
    Column("source_file", BIG_ID, ForeignKey("file.file_id"), primary_key=True),
    Column("resulting_file", BIG_ID, ForeignKey("file.file_id"), primary_key=True, index=True),
    CheckConstraint("source_file <> resulting_file", name="not_itself"),
)
"""`resulting_file` was made from `source_file`."""

filecodelink = Table(
    "filecodelink",
    METADATA,
    Column("resulting_file", BIG_ID, ForeignKey("file.file_id"), primary_key=True),
    Column("source_code", Integer, ForeignKey("code.code_id"), primary_key=True, index=True),
)
"""`resulting_file` was made by `source_code`."""

baselinecode = Table(
    "baselinecode",
    METADATA,
    Column("resulting_file", BIG_ID, ForeignKey("file.file_id"), primary_key=True),
    Column("source_code", Integer, ForeignKey("code.code_id")),
    Column("other_name", Boolean, nullable=False, server_default=text("false")),
)
"""`resulting_file` was taken over as it was, when its mission was imported: it counts as made by `source_code` from
what ``baseline`` lists, until one of that changes. ``other_name``: its name is not as the format of its product has
it. What it was really made from is in ``filefilelink`` and ``filecodelink``."""

baseline = Table(
    "baseline",
    METADATA,
    Column("resulting_file", BIG_ID, ForeignKey("baselinecode.resulting_file"), primary_key=True),
    Column("source_file", BIG_ID, ForeignKey("file.file_id"), primary_key=True, index=True),
)
"""`resulting_file` counts as made from `source_file`."""

processqueue = Table(
    "processqueue",
    METADATA,
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), primary_key=True),
    Column("version_bump", SmallInteger),
    Column("reason", Text, nullable=False, server_default=""),
    Column("queued_time", UtcTime, nullable=False),
    CheckConstraint("version_bump IS NULL OR version_bump BETWEEN 0 AND 2", name="version_bump"),
)
"""Files still to be looked at as inputs of new work."""

logging = Table(
    "logging",
    METADATA,
    Column("logging_id", Integer, primary_key=True),
    Column("currently_processing", Boolean, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pid_start_time", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("processing_start_time", UtcTime, nullable=False),
    Column("processing_end_time", UtcTime),
    Column("comment", Text),
    Column("purpose", Text, nullable=False, server_default="run"),
    Column("mission_id", Integer, ForeignKey("mission.mission_id"), nullable=False),
    Column("user", Text, nullable=False),
    Column("hostname", Text, nullable=False),
    Column("machine_id", Text),
    Column("pid_namespace", Text),
    Column("lock_mark", Text),
    Column("jobs_done", Integer),
    Column("jobs_known", Integer),
    Column("exit_status", SmallInteger),
)
"""A run, or a command that keeps runs away; the open row, ``currently_processing``, is the lock. ``lock_mark`` is the
mark of the file that its holder keeps locked, ``.dbproc/lock``. ``jobs_done`` of ``jobs_known``: how far it is.
``exit_status``: what a run ended with; null where that is not known."""

attempt = Table(
    "attempt",
    METADATA,
    Column("attempt_id", BIG_ID, primary_key=True),
    Column("logging_id", Integer, ForeignKey("logging.logging_id"), nullable=False, index=True),
    Column("process_id", Integer, ForeignKey("process.process_id"), nullable=False),
    Column("utc_file_date", Date, nullable=False),
    Column("process_keywords", Text, nullable=False),
    Column("utc_start_time", UtcTime),
    Column("utc_stop_time", UtcTime),
    Column("code_id", Integer, ForeignKey("code.code_id"), nullable=False, index=True),
    Column("code_shasum", Text),
    Column("status", String(12), nullable=False),
    Column("reasons", Text, nullable=False),
    Column("command_line", Text, nullable=False),
    Column("output_filename", Text),
    Column("output_file", BIG_ID, ForeignKey("file.file_id"), index=True),
    Column("created_time", UtcTime, nullable=False),
    Column("start_time", UtcTime),
    Column("end_time", UtcTime),
    Column("cpu_seconds", Float),
    Column("memory_bytes", BigInteger),
    Column("exit_status", Integer),
    Column("message", Text),
    Column("log_path", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("next_try_time", UtcTime),
    Column("campaign_id", Integer, ForeignKey("campaign.campaign_id"), index=True),
    Column("dismissed_time", UtcTime),
    Column("dismissed_by", Text),
    Column("dismissed_reason", Text),
    CheckConstraint(_one_of("status", AttemptStatus), name="status"),
    Index("ix_attempt_slot", "process_id", "utc_file_date", "process_keywords", "attempt_id"),
)
"""One execution of a code, for one process, period (``utc_start_time`` to ``utc_stop_time``) and key.

``utc_file_date`` and ``process_keywords`` tell the slot, as they tell the file that is made for it.

``status``: running, succeeded, failed, interrupted; or refused: decided not to run, ``message`` says why.
``dismissed_time``: a person said that nobody will mend it; with a ``next_try_time`` it is tried again all the same.
``command_line`` and ``reasons`` are JSON lists.
``failures``: how many in a row, this one included, with the same inputs and code. ``code_shasum`` is null of what was
executed before its mission was imported."""

waitingslot = Table(
    "waitingslot",
    METADATA,
    Column("process_id", Integer, ForeignKey("process.process_id"), primary_key=True),
    Column("utc_file_date", Date, primary_key=True),
    Column("process_keywords", Text, primary_key=True),
    Column("utc_start_time", UtcTime, nullable=False),
    Column("utc_stop_time", UtcTime, nullable=False),
    Column("until_time", UtcTime, index=True),
    Column("message", Text, nullable=False),
)
"""An output that is due, and waits as the ``build`` of its process says: until a time, or (null) until something
comes."""

directory = Table(
    "directory",
    METADATA,
    Column("relative_path", Text, primary_key=True),
    Column("stat", Text, nullable=False),
)
"""A directory of files, as it was when all that should be in it was last seen there. ``stat``: what the system said of
it; as long as it says so, no file of it is gone."""

attemptinput = Table(
    "attemptinput",
    METADATA,
    Column("attempt_id", BIG_ID, ForeignKey("attempt.attempt_id"), primary_key=True),
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)
"""An input of an attempt, in the order of the command line."""

attemptoutput = Table(
    "attemptoutput",
    METADATA,
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), primary_key=True),
    Column("attempt_id", BIG_ID, ForeignKey("attempt.attempt_id"), nullable=False, index=True),
)
"""A file that an attempt made besides its ``output_file``."""

confirmation = Table(
    "confirmation",
    METADATA,
    Column("resulting_file", BIG_ID, ForeignKey("file.file_id"), primary_key=True),
    Column("source_file", BIG_ID, ForeignKey("file.file_id"), primary_key=True, index=True),
    Column("replaced_file", BIG_ID, ForeignKey("file.file_id"), nullable=False),
    Column("logging_id", Integer, ForeignKey("logging.logging_id"), nullable=False),
    Column("confirmed_time", UtcTime, nullable=False),
)
"""`resulting_file` was made from `replaced_file`; `source_file` is a newer version of that with the same contents,
so it was not made again."""

campaign = Table(
    "campaign",
    METADATA,
    Column("campaign_id", Integer, primary_key=True),
    Column("campaign_name", Text, nullable=False, unique=True),
    Column("created_time", UtcTime, nullable=False),
    Column("user", Text, nullable=False),
    Column("comment", Text, nullable=False, server_default=""),
    Column("status", String(10), nullable=False),
    Column("version_bump", SmallInteger),
    Column("newest_first", Boolean, nullable=False),
    Column("jobs_per_run", Integer),
    Column("cpu_hours_per_run", Float),
    CheckConstraint(_one_of("status", CampaignStatus), name="status"),
    CheckConstraint("version_bump IS NULL OR version_bump BETWEEN 0 AND 2", name="version_bump"),
    CheckConstraint("jobs_per_run IS NULL OR jobs_per_run >= 1", name="jobs_per_run"),
    CheckConstraint("cpu_hours_per_run IS NULL OR cpu_hours_per_run > 0", name="cpu_hours_per_run"),
)
"""A reprocessing that later runs carry out bit by bit, after everything else."""

campaignitem = Table(
    "campaignitem",
    METADATA,
    Column("campaign_id", Integer, ForeignKey("campaign.campaign_id"), primary_key=True),
    Column("process_id", Integer, ForeignKey("process.process_id"), primary_key=True),
    Column("utc_file_date", Date, primary_key=True),
    Column("process_keywords", Text, primary_key=True),
    Column("status", String(12), nullable=False),
    Column("message", Text),
    Column("logging_id", Integer, ForeignKey("logging.logging_id")),
    CheckConstraint(_one_of("status", ItemStatus), name="status"),
)
"""One output that a campaign is to make again: a process, a date and keywords. ``logging_id``: the run that did."""

canary = Table(
    "canary",
    METADATA,
    Column("canary_id", Integer, primary_key=True),
    Column("process_id", Integer, ForeignKey("process.process_id"), nullable=False, index=True),
    Column("declared_version", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("relative_path", Text, nullable=False),
    Column("output_interface_version", SmallInteger, nullable=False),
    Column("arguments", Text),
    Column("shasum", Text, nullable=False),
    Column("created_time", UtcTime, nullable=False),
    Column("user", Text, nullable=False),
    Column("status", String(10), nullable=False),
    CheckConstraint(_one_of("status", CanaryStatus), name="status"),
)
"""A candidate for the next version of a code, and the sample that was built with it."""

canaryfile = Table(
    "canaryfile",
    METADATA,
    Column("canary_id", Integer, ForeignKey("canary.canary_id"), primary_key=True),
    Column("utc_file_date", Date, primary_key=True),
    Column("process_keywords", Text, primary_key=True),
    Column("product_id", Integer, ForeignKey("product.product_id"), primary_key=True),
    Column("filename", Text, nullable=False),
    Column("published_file", BIG_ID, ForeignKey("file.file_id")),
    Column("verdict", String(12), nullable=False),
    Column("report", Text, nullable=False),
    Column("record", Text, nullable=False),
    CheckConstraint(_one_of("verdict", SampleVerdict), name="verdict"),
)
"""One file of a sample and how it compares with the published one. ``report`` and ``record`` are JSON: the differences,
and what is needed to take the file into the catalogue."""

placement = Table(
    "placement",
    METADATA,
    Column("placement_id", BIG_ID, primary_key=True),
    Column("purpose", String(12), nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False, unique=True),
    Column("shasum", Text, nullable=False),
    Column("announced_time", UtcTime, nullable=False),
    Column("members", Text, nullable=False, server_default="[]"),
    CheckConstraint(_one_of("purpose", Purpose), name="purpose"),
)
"""A file about to be moved, announced before it is: what a crash leaves half done is found here.

``source`` and ``target`` are absolute paths; ``purpose``: incoming, output, quarantine, aside or rename. ``members``
is a JSON list: what is moved along, by its path in the companion directory."""

quarantine = Table(
    "quarantine",
    METADATA,
    Column("quarantine_id", Integer, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("stored_name", Text, nullable=False, unique=True),
    Column("came_from", Text, nullable=False),
    Column("reason", String(30), nullable=False),
    Column("message", Text, nullable=False),
    Column("verdicts", Text, nullable=False),
    Column("file_size", BigInteger),
    Column("shasum", Text),
    Column("other_shasum", Text),
    Column("quarantine_time", UtcTime, nullable=False),
    Column("logging_id", Integer, ForeignKey("logging.logging_id")),
    Column("released_time", UtcTime),
    Column("discarded_time", UtcTime),
    Column("comment", Text),
    Column("members", Text, nullable=False, server_default="[]"),
)
"""A file that was refused. ``verdicts`` is a JSON list of each product's answer; ``stored_name`` is its name in the
error directory, where it is until it is released (put back into incoming) or discarded; ``members`` is a JSON list of
what lies in its companion directory there."""

release = Table(
    "release",
    METADATA,
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), primary_key=True),
    Column("release_num", Text, primary_key=True),
    Column("shasum", Text),
    Column("entry", Text),
    Index("ix_release_release_num", "release_num"),
)
"""A file that belongs to a release of data. ``shasum`` and ``entry``, its line of the manifest, are as they were when
that was made; null: dbprocessing made the release."""

datarelease = Table(
    "datarelease",
    METADATA,
    Column("release_num", Text, primary_key=True),
    Column("mission_name", Text, nullable=False),
    Column("release_time", UtcTime, nullable=False),
    Column("user", Text, nullable=False),
    Column("comment", Text, nullable=False, server_default=""),
    Column("shasum", Text, nullable=False),
)
"""A release of data: who made it, when, and the digest of its manifest, ``.dbproc/releases/NAME.jsonl``: a line with
this, and one for each ``entry``, in the order of the numbers of the files."""

linktree = Table(
    "linktree",
    METADATA,
    Column("linktree_id", Integer, primary_key=True),
    Column("directory", Text, nullable=False, unique=True),
    Column("products", Text, nullable=False, server_default="[]"),
    Column("utc_start_time", UtcTime),
    Column("utc_stop_time", UtcTime),
    Column("min_age_days", Integer),
    Column("companions", Boolean, nullable=False),
    Column("made_date", Date, nullable=False),
    Column("is_current", Boolean, nullable=False),
)
"""A directory of symbolic links to the newest files, kept up by runs: of ``products`` (a JSON list of numbers; none: of
all), of a time, of dates that are ``min_age_days`` ago at least, with their companion directories. ``is_current``: as
of ``made_date`` no run is needed to put it right."""

link = Table(
    "link",
    METADATA,
    Column("linktree_id", Integer, ForeignKey("linktree.linktree_id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), nullable=False, index=True),
)
"""A symbolic link that was made: its path below the tree, and what it leads to. Nothing else in there is touched."""

transfer = Table(
    "transfer",
    METADATA,
    Column("transfer_id", BIG_ID, primary_key=True),
    Column("task", String(10), nullable=False),
    Column("rule", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), index=True),
    Column("member", Text, nullable=False, server_default=""),
    Column("origin_place", Text, nullable=False),
    Column("origin_path", Text, nullable=False),
    Column("origin_url", Text, nullable=False),
    Column("target_place", Text, nullable=False),
    Column("target_path", Text, nullable=False),
    Column("target_url", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("asked_time", UtcTime, nullable=False),
    Column("file_size", BigInteger),
    Column("expected", Text, nullable=False, server_default="[]"),
    Column("expected_of", Text, nullable=False, server_default=""),
    Column("origin_facts", Text, nullable=False, server_default="{}"),
    Column("state", String(10), nullable=False),
    Column("state_time", UtcTime, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("next_try", UtcTime),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("mismatches", Integer, nullable=False, server_default="0"),
    Column("durable_bytes", BigInteger, nullable=False, server_default="0"),
    Column("moved_bytes", BigInteger, nullable=False, server_default="0"),
    Column("bytes_per_second", Float),
    Column("token", Text, nullable=False, server_default=""),
    Column("shasum", Text),
    Column("placed", Text, nullable=False, server_default=""),
    Column("started_time", UtcTime),
    Column("ended_time", UtcTime),
    Column("logging_id", Integer, ForeignKey("logging.logging_id")),
    CheckConstraint(_one_of("task", TransferTask), name="task"),
    CheckConstraint(_one_of("state", TransferState), name="state"),
    CheckConstraint("durable_bytes >= 0 AND tries >= 0 AND file_size >= 0", name="not_negative"),
    Index("ix_transfer_rule", "rule", "state"),
)
"""One file on its way from one place to another. ``file_id``: what it became, or is of; ``member``: of a
companion directory, which of its files. ``rule``: what asked for it
(``source NAME``, ``replicate``, ``stage NUMBER``, ``recall``, ``heal``); ``user`` who did. Places are ``root``,
``incoming``, ``source NAME``, ``store NAME`` or ``area NAME``, paths relative to them; the URLs are for people, and
hold no secret. ``expected`` is a JSON list of digests that ``expected_of`` told; ``origin_facts`` JSON: size, time,
ETag, version of the origin's file when the moving began. ``reason`` says why it waits, failed, or is not verified;
``next_try`` until when it waits. ``durable_bytes`` are those that outlive a crash, ``moved_bytes`` all that were read
of the origin, in earlier tries, too. ``token``: what the target needs to go on. ``shasum``: of the bytes that came.
``placed``: what the system said of the file as it was published."""

replica = Table(
    "replica",
    METADATA,
    Column("replica_id", BIG_ID, primary_key=True),
    Column("file_id", BIG_ID, ForeignKey("file.file_id"), nullable=False, index=True),
    Column("store", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("file_size", BigInteger),
    Column("shasum", Text),
    Column("state", String(10), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("found_time", UtcTime, nullable=False),
    Column("verified_time", UtcTime),
    Column("member", Text, nullable=False, server_default=""),
    Column("transfer_id", BIG_ID, ForeignKey("transfer.transfer_id")),
    CheckConstraint(_one_of("state", ReplicaState), name="state"),
    UniqueConstraint("store", "path"),
)
"""A copy of a file in a store, or of the ``member`` of its companion directory; the root's own is no row.
``verified_time``: when it was read back last, with the digest ``shasum``."""

remotefile = Table(
    "remotefile",
    METADATA,
    Column("remotefile_id", BIG_ID, primary_key=True),
    Column("source", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("file_size", BigInteger),
    Column("modified_time", UtcTime),
    Column("etag", Text, nullable=False, server_default=""),
    Column("transfer_id", BIG_ID, ForeignKey("transfer.transfer_id")),
    UniqueConstraint("source", "path"),
)
"""A file of a source as it was when it was asked for: one that looks the same is not fetched again. ``transfer_id``:
with what it was fetched, or is. A path that ends in ``/`` is a directory that need not be listed any more."""

remotelook = Table(
    "remotelook",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("look_time", UtcTime, nullable=False),
    Column("next_time", UtcTime),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("problem", Text),
)
"""When a source was listed last, and when a run looks again. ``problem``: what is wrong with it; ``failures``: how
often it could not be listed, in a row."""

stage = Table(
    "stage",
    METADATA,
    Column("stage_id", Integer, primary_key=True),
    Column("area", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("directory", Text, nullable=False),
    Column("link", String(10), nullable=False),
    Column("asked_time", UtcTime, nullable=False),
    Column("user", Text, nullable=False),
    Column("expires_time", UtcTime),
    Column("removed_time", UtcTime),
    Column("made", Text, nullable=False, server_default="[]"),
    Index("ix_stage_owner", "area", "owner"),
)
"""A request to put files into a user's area: below ``directory`` of ``owner``, asked by ``user``. ``made``: JSON list
of the directories that were made for it; at its end those that are empty are removed."""

stagefile = Table(
    "stagefile",
    METADATA,
    Column("stagefile_id", BIG_ID, primary_key=True),
    Column("stage_id", Integer, ForeignKey("stage.stage_id"), nullable=False, index=True),
    Column("file_id", BIG_ID, ForeignKey("file.file_id")),
    Column("origin_place", Text, nullable=False),
    Column("origin_path", Text, nullable=False),
    Column("target_path", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("file_size", BigInteger),
    Column("shasum", Text),
    Column("placed", Text, nullable=False, server_default=""),
    Column("transfer_id", BIG_ID, ForeignKey("transfer.transfer_id")),
    CheckConstraint(_one_of("state", StageState), name="state"),
    UniqueConstraint("stage_id", "target_path"),
)
"""A file of such a request. ``placed``: what the system said of it when it was put there; expiry removes it only as
long as that holds."""

token = Table(
    "token",
    METADATA,
    Column("token_id", Integer, primary_key=True),
    Column("word", String(20), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("shasum", Text, nullable=False),
    Column("created_time", UtcTime, nullable=False),
    Column("user", Text, nullable=False),
    Column("expires_time", UtcTime),
    Column("used_time", UtcTime),
    Column("revoked_time", UtcTime),
    Column("parent", String(20), nullable=False, server_default=""),
)
"""A token of the service, ``dbp_WORD_SECRET``; ``shasum`` is the SHA-256 of the secret, which is kept nowhere. A
session of the page is one, too; ``parent`` names the token with which somebody logged in.
``owner``: whose what is sent with it is; ``scopes``: JSON list; ``user`` made it; ``used_time``: to the hour."""

audit = Table(
    "audit",
    METADATA,
    Column("audit_id", BIG_ID, primary_key=True),
    Column("time", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("token", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("result", Text, nullable=False),
    Column("request", Text, nullable=False, server_default=""),
    Column("previous", Text, nullable=False),
    Column("shasum", Text, nullable=False),
)
"""What was done by way of the service, and to its tokens; nothing in here is ever changed or removed. ``shasum`` is the
digest of all other columns, ``previous`` among them: the ``shasum`` of the entry before."""

upload = Table(
    "upload",
    METADATA,
    Column("upload_id", BIG_ID, primary_key=True),
    Column("word", String(40), nullable=False, unique=True),
    Column("transfer_id", BIG_ID, ForeignKey("transfer.transfer_id"), nullable=False, index=True),
    Column("way", String(10), nullable=False),
    Column("owner", Text, nullable=False, index=True),
    Column("token", Text, nullable=False, server_default=""),
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("part_of", Text, nullable=False, server_default=""),
    Column("chunk_size", BigInteger),
    Column("expires_time", UtcTime),
    CheckConstraint(_one_of("way", UploadWay), name="way"),
)
"""What a client sends, beside its transfer, which has its state, bytes and digest. ``word`` names it in URLs;
``way``: by which protocol it comes; ``facts``: JSON, what the client said of it; ``part_of``: of a part that is put
together with others, the word of the whole, or ``-`` as long as there is none."""

uploadchunk = Table(
    "uploadchunk",
    METADATA,
    Column("upload_id", BIG_ID, ForeignKey("upload.upload_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("file_size", BigInteger, nullable=False),
    Column("shasum", Text, nullable=False),
)
"""A chunk of an upload that comes in numbered chunks, in any order: its bytes are durable at their place."""

OPEN_ATTEMPTS = (AttemptStatus.RUNNING, AttemptStatus.FAILED, AttemptStatus.REFUSED)
OPEN_ITEMS = (ItemStatus.WAITING, ItemStatus.FAILED)
FILE_VERSION = (
    *(file.c.product_id, file.c.utc_file_date, file.c.process_keywords),
    *(file.c.interface_version, file.c.quality_version, file.c.revision_version),
)
"""Of the files that are not replaced, no two are equal in all of these."""
PARTIAL_INDEXES: tuple[tuple[str, tuple[Column[Any], ...], bool, str], ...] = (
    ("ix_inspector_active", (inspector.c.product,), True, "active_code"),
    ("ix_logging_lock", (logging.c.mission_id,), True, "currently_processing"),
    ("ix_attempt_open", (attempt.c.status,), False, _one_of("status", OPEN_ATTEMPTS)),
    ("ix_campaignitem_open", (campaignitem.c.campaign_id,), False, _one_of("status", OPEN_ITEMS)),
    ("uq_file_filename", (file.c.filename,), True, "replaced_by IS NULL"),
    ("uq_file_version", FILE_VERSION, True, "replaced_by IS NULL"),
    ("ix_file_correction_id", (file.c.correction_id,), False, "correction_id IS NOT NULL"),
    ("ix_transfer_open", (transfer.c.transfer_id,), False, _one_of("state", OPEN_TRANSFERS)),
    ("ix_transfer_arrived", (transfer.c.filename,), False, "file_id IS NULL AND task IN ('fetch', 'upload', 'import')"),
    ("ix_file_replaced_by", (file.c.replaced_by,), False, "replaced_by IS NOT NULL"),
)
"""Name, columns, whether it is unique, and the rows that it covers: one active inspector of a product, one open run."""


def complete_metadata() -> MetaData:
    """:data:`METADATA` with the partial indexes, for migrations.

    To build them SQLAlchemy imports every dialect that they name, which is more than a run with nothing to do costs.
    """
    for name, columns, unique, where in PARTIAL_INDEXES:
        if name not in {index.name for index in columns[0].table.indexes}:
            Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
    return METADATA


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


INSTRUMENTPRODUCTLINK = """
CREATE VIEW instrumentproductlink AS
SELECT instrument_id, product_id FROM product
"""


def views(dialect: str) -> dict[str, str]:
    """The ``CREATE VIEW`` statement of each view, by name, for ``sqlite`` or ``postgresql``."""
    return {
        "newest_file": NEWEST_FILE,
        "lineage": LINEAGE,
        "unixtime": UNIXTIME[dialect],
        "instrumentproductlink": INSTRUMENTPRODUCTLINK,
    }


_NEVER = "an entry of the audit trail is never changed or removed"
_NO_CHANGE_ON_SQLITE = f"""
CREATE TRIGGER {{name}}
BEFORE {{event}} ON audit{{when}}
BEGIN
  SELECT RAISE(ABORT, '{_NEVER}');
END
"""
_NO_CHANGE_ON_SERVERS = """
CREATE TRIGGER {name}
BEFORE {event} ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_refusal()
"""
AUDIT_REFUSAL = f"""
CREATE FUNCTION audit_refusal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{_NEVER}' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def triggers(dialect: str) -> dict[str, str]:
    """The ``CREATE TRIGGER`` statement of each trigger, by name; those of servers call :data:`AUDIT_REFUSAL`."""
    if dialect == "postgresql":
        events = {"audit_change": "UPDATE OR DELETE", "audit_truncate": "TRUNCATE"}
        return {name: _NO_CHANGE_ON_SERVERS.format(name=name, event=event) for name, event in events.items()}
    again = "\nWHEN EXISTS (SELECT 1 FROM audit WHERE audit_id = NEW.audit_id)"
    return {
        "audit_change": _NO_CHANGE_ON_SQLITE.format(name="audit_change", event="UPDATE", when=""),
        "audit_delete": _NO_CHANGE_ON_SQLITE.format(name="audit_delete", event="DELETE", when=""),
        "audit_replace": _NO_CHANGE_ON_SQLITE.format(name="audit_replace", event="INSERT", when=again),
    }
