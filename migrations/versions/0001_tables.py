"""The tables of a mission."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "mission",
        sa.Column("mission_id", sa.Integer(), nullable=False),
        sa.Column("mission_name", sa.Text(), nullable=False),
        sa.Column("rootdir", sa.Text(), nullable=False),
        sa.Column("incoming_dir", sa.Text(), nullable=False),
        sa.Column("codedir", sa.Text(), nullable=True),
        sa.Column("inspectordir", sa.Text(), nullable=True),
        sa.Column("errordir", sa.Text(), nullable=True),
        sa.Column("settle_seconds", sa.Float(), server_default="60", nullable=False),
        sa.Column("on_code_edit", sa.Text(), server_default="bump", nullable=False),
        sa.Column("digest", sa.Text(), server_default="sha256", nullable=False),
        sa.Column("retry_seconds", sa.Float(), server_default="300", nullable=False),
        sa.Column("retry_limit", sa.Integer(), server_default="8", nullable=False),
        sa.CheckConstraint("digest IN ('sha256', 'blake3')", name=op.f("ck_mission_digest")),
        sa.CheckConstraint("on_code_edit IN ('bump', 'refuse', 'accept')", name=op.f("ck_mission_on_code_edit")),
        sa.CheckConstraint(
            "settle_seconds >= 0 AND retry_seconds >= 0 AND retry_limit >= 0", name=op.f("ck_mission_not_negative")
        ),
        sa.PrimaryKeyConstraint("mission_id", name=op.f("pk_mission")),
        sa.UniqueConstraint("mission_name", name=op.f("uq_mission_mission_name")),
    )
    op.create_table(
        "placement",
        sa.Column("placement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("shasum", sa.Text(), nullable=False),
        sa.Column("announced_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("purpose IN ('incoming', 'output', 'quarantine')", name=op.f("ck_placement_purpose")),
        sa.PrimaryKeyConstraint("placement_id", name=op.f("pk_placement")),
        sa.UniqueConstraint("target", name=op.f("uq_placement_target")),
    )
    op.create_table(
        "logging",
        sa.Column("logging_id", sa.Integer(), nullable=False),
        sa.Column("currently_processing", sa.Boolean(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_start_time", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("processing_start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processing_end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), server_default="run", nullable=False),
        sa.Column("mission_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("hostname", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["mission_id"], ["mission.mission_id"], name=op.f("fk_logging_mission_id")),
        sa.PrimaryKeyConstraint("logging_id", name=op.f("pk_logging")),
    )
    op.create_index(
        "ix_logging_lock",
        "logging",
        ["mission_id"],
        unique=True,
        sqlite_where=sa.text("currently_processing"),
        postgresql_where=sa.text("currently_processing"),
    )
    op.create_table(
        "satellite",
        sa.Column("satellite_id", sa.Integer(), nullable=False),
        sa.Column("satellite_name", sa.Text(), nullable=False),
        sa.Column("mission_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mission_id"], ["mission.mission_id"], name=op.f("fk_satellite_mission_id")),
        sa.PrimaryKeyConstraint("satellite_id", name=op.f("pk_satellite")),
        sa.UniqueConstraint("satellite_name", "mission_id", name=op.f("uq_satellite_satellite_name_mission_id")),
    )
    op.create_table(
        "instrument",
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("instrument_name", sa.Text(), nullable=False),
        sa.Column("satellite_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["satellite_id"], ["satellite.satellite_id"], name=op.f("fk_instrument_satellite_id")),
        sa.PrimaryKeyConstraint("instrument_id", name=op.f("pk_instrument")),
        sa.UniqueConstraint("instrument_name", "satellite_id", name=op.f("uq_instrument_instrument_name_satellite_id")),
    )
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("stored_name", sa.Text(), nullable=False),
        sa.Column("came_from", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=True),
        sa.Column("shasum", sa.Text(), nullable=True),
        sa.Column("other_shasum", sa.Text(), nullable=True),
        sa.Column("quarantine_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("logging_id", sa.Integer(), nullable=True),
        sa.Column("released_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discarded_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["logging_id"], ["logging.logging_id"], name=op.f("fk_quarantine_logging_id")),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("stored_name", name=op.f("uq_quarantine_stored_name")),
    )
    op.create_table(
        "product",
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("product_description", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["instrument_id"], ["instrument.instrument_id"], name=op.f("fk_product_instrument_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product")),
        sa.UniqueConstraint("product_name", name=op.f("uq_product_product_name")),
    )
    op.create_index(op.f("ix_product_instrument_id"), "product", ["instrument_id"], unique=False)
    op.create_table(
        "file",
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("utc_file_date", sa.Date(), nullable=False),
        sa.Column("utc_start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("utc_stop_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("process_keywords", sa.Text(), server_default="", nullable=False),
        sa.Column("interface_version", sa.SmallInteger(), nullable=False),
        sa.Column("quality_version", sa.SmallInteger(), nullable=False),
        sa.Column("revision_version", sa.SmallInteger(), nullable=False),
        sa.Column("data_level", sa.Float(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("shasum", sa.Text(), nullable=False),
        sa.Column("exists_on_disk", sa.Boolean(), nullable=False),
        sa.Column("file_create_date", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verbose_provenance", sa.Text(), nullable=True),
        sa.Column("quality_comment", sa.Text(), nullable=True),
        sa.Column("caveats", sa.Text(), nullable=True),
        sa.Column("check_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quality_checked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("met_start_time", sa.Float(), nullable=True),
        sa.Column("met_stop_time", sa.Float(), nullable=True),
        sa.CheckConstraint("file_size >= 0", name=op.f("ck_file_file_size")),
        sa.CheckConstraint(
            "interface_version >= 1 AND quality_version >= 0 AND revision_version >= 0", name=op.f("ck_file_version")
        ),
        sa.CheckConstraint("utc_start_time <= utc_stop_time", name=op.f("ck_file_times")),
        sa.ForeignKeyConstraint(["product_id"], ["product.product_id"], name=op.f("fk_file_product_id")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_file")),
        sa.UniqueConstraint("filename", name=op.f("uq_file_filename")),
        sa.UniqueConstraint(
            "product_id",
            "utc_file_date",
            "process_keywords",
            "interface_version",
            "quality_version",
            "revision_version",
            name="uq_file_version",
        ),
    )
    op.create_index("ix_file_product_time", "file", ["product_id", "utc_start_time", "utc_stop_time"], unique=False)
    op.create_table(
        "inspector",
        sa.Column("inspector_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("interface_version", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("quality_version", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("revision_version", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("output_interface_version", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("active_code", sa.Boolean(), nullable=False),
        sa.Column("date_written", sa.Date(), nullable=True),
        sa.Column("newest_version", sa.Boolean(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=True),
        sa.Column("product", sa.Integer(), nullable=False),
        sa.CheckConstraint("interface_version >= 1", name=op.f("ck_inspector_interface_version")),
        sa.ForeignKeyConstraint(["product"], ["product.product_id"], name=op.f("fk_inspector_product")),
        sa.PrimaryKeyConstraint("inspector_id", name=op.f("pk_inspector")),
    )
    op.create_index(
        "ix_inspector_active",
        "inspector",
        ["product"],
        unique=True,
        sqlite_where=sa.text("active_code"),
        postgresql_where=sa.text("active_code"),
    )
    op.create_table(
        "process",
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("process_name", sa.Text(), nullable=False),
        sa.Column("output_product", sa.Integer(), nullable=True),
        sa.Column("output_timebase", sa.String(length=10), nullable=False),
        sa.Column("extra_params", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(output_timebase = 'RUN') = (output_product IS NULL)", name=op.f("ck_process_output_unless_run")
        ),
        sa.CheckConstraint(
            "output_timebase IN ('FILE', 'DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY', 'RUN')",
            name=op.f("ck_process_output_timebase"),
        ),
        sa.ForeignKeyConstraint(["output_product"], ["product.product_id"], name=op.f("fk_process_output_product")),
        sa.PrimaryKeyConstraint("process_id", name=op.f("pk_process")),
        sa.UniqueConstraint("output_product", name=op.f("uq_process_output_product")),
        sa.UniqueConstraint("process_name", name=op.f("uq_process_process_name")),
    )
    op.create_table(
        "code",
        sa.Column("code_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("code_start_date", sa.Date(), nullable=False),
        sa.Column("code_stop_date", sa.Date(), nullable=False),
        sa.Column("code_description", sa.Text(), server_default="", nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("interface_version", sa.SmallInteger(), nullable=False),
        sa.Column("quality_version", sa.SmallInteger(), nullable=False),
        sa.Column("revision_version", sa.SmallInteger(), nullable=False),
        sa.Column("output_interface_version", sa.SmallInteger(), nullable=False),
        sa.Column("active_code", sa.Boolean(), nullable=False),
        sa.Column("date_written", sa.Date(), nullable=True),
        sa.Column("shasum", sa.Text(), nullable=True),
        sa.Column("newest_version", sa.Boolean(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=True),
        sa.Column("ram", sa.Float(), nullable=True),
        sa.Column("cpu", sa.SmallInteger(), nullable=True),
        sa.Column("time_limit_seconds", sa.Float(), nullable=True),
        sa.Column("declared_version", sa.Text(), nullable=False),
        sa.Column("stat", sa.Text(), nullable=True),
        sa.CheckConstraint("code_start_date <= code_stop_date", name=op.f("ck_code_dates")),
        sa.CheckConstraint(
            "interface_version >= 1 AND output_interface_version >= 1", name=op.f("ck_code_interface_version")
        ),
        sa.CheckConstraint("quality_version >= 0 AND revision_version >= 0", name=op.f("ck_code_version")),
        sa.ForeignKeyConstraint(["process_id"], ["process.process_id"], name=op.f("fk_code_process_id")),
        sa.PrimaryKeyConstraint("code_id", name=op.f("pk_code")),
    )
    op.create_index(op.f("ix_code_process_id"), "code", ["process_id"], unique=False)
    op.create_table(
        "filefilelink",
        sa.Column("source_file", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("resulting_file", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("source_file <> resulting_file", name=op.f("ck_filefilelink_not_itself")),
        sa.ForeignKeyConstraint(["resulting_file"], ["file.file_id"], name=op.f("fk_filefilelink_resulting_file")),
        sa.ForeignKeyConstraint(["source_file"], ["file.file_id"], name=op.f("fk_filefilelink_source_file")),
        sa.PrimaryKeyConstraint("source_file", "resulting_file", name=op.f("pk_filefilelink")),
    )
    op.create_index(op.f("ix_filefilelink_resulting_file"), "filefilelink", ["resulting_file"], unique=False)
    op.create_table(
        "filemember",
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("member_path", sa.Text(), nullable=False),
        sa.Column("member_size", sa.BigInteger(), nullable=False),
        sa.Column("shasum", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_filemember_file_id")),
        sa.PrimaryKeyConstraint("file_id", "member_path", name=op.f("pk_filemember")),
    )
    op.create_table(
        "processqueue",
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_bump", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("queued_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "version_bump IS NULL OR version_bump BETWEEN 0 AND 2", name=op.f("ck_processqueue_version_bump")
        ),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_processqueue_file_id")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_processqueue")),
    )
    op.create_table(
        "productprocesslink",
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("input_product_id", sa.Integer(), nullable=False),
        sa.Column("optional", sa.Boolean(), nullable=False),
        sa.Column("yesterday", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tomorrow", sa.Integer(), server_default="0", nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("yesterday >= 0 AND tomorrow >= 0", name=op.f("ck_productprocesslink_window")),
        sa.ForeignKeyConstraint(
            ["input_product_id"], ["product.product_id"], name=op.f("fk_productprocesslink_input_product_id")
        ),
        sa.ForeignKeyConstraint(["process_id"], ["process.process_id"], name=op.f("fk_productprocesslink_process_id")),
        sa.PrimaryKeyConstraint("process_id", "input_product_id", name=op.f("pk_productprocesslink")),
    )
    op.create_index(
        op.f("ix_productprocesslink_input_product_id"), "productprocesslink", ["input_product_id"], unique=False
    )
    op.create_table(
        "release",
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("release_num", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_release_file_id")),
        sa.PrimaryKeyConstraint("file_id", "release_num", name=op.f("pk_release")),
    )
    op.create_table(
        "attempt",
        sa.Column("attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("logging_id", sa.Integer(), nullable=False),
        sa.Column("process_id", sa.Integer(), nullable=False),
        sa.Column("utc_file_date", sa.Date(), nullable=False),
        sa.Column("process_keywords", sa.Text(), nullable=False),
        sa.Column("code_id", sa.Integer(), nullable=False),
        sa.Column("code_shasum", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("command_line", sa.Text(), nullable=False),
        sa.Column("output_filename", sa.Text(), nullable=True),
        sa.Column("output_file", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cpu_seconds", sa.Float(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("exit_status", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("log_path", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'succeeded', 'failed', 'interrupted', 'refused')", name=op.f("ck_attempt_status")
        ),
        sa.ForeignKeyConstraint(["code_id"], ["code.code_id"], name=op.f("fk_attempt_code_id")),
        sa.ForeignKeyConstraint(["logging_id"], ["logging.logging_id"], name=op.f("fk_attempt_logging_id")),
        sa.ForeignKeyConstraint(["output_file"], ["file.file_id"], name=op.f("fk_attempt_output_file")),
        sa.ForeignKeyConstraint(["process_id"], ["process.process_id"], name=op.f("fk_attempt_process_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt")),
    )
    op.create_index(op.f("ix_attempt_code_id"), "attempt", ["code_id"], unique=False)
    op.create_index(op.f("ix_attempt_logging_id"), "attempt", ["logging_id"], unique=False)
    op.create_index(
        "ix_attempt_open",
        "attempt",
        ["status"],
        unique=False,
        sqlite_where=sa.text("status IN ('running', 'failed', 'refused')"),
        postgresql_where=sa.text("status IN ('running', 'failed', 'refused')"),
    )
    op.create_index(op.f("ix_attempt_output_file"), "attempt", ["output_file"], unique=False)
    op.create_index(
        "ix_attempt_slot", "attempt", ["process_id", "utc_file_date", "process_keywords", "attempt_id"], unique=False
    )
    op.create_table(
        "filecodelink",
        sa.Column("resulting_file", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_code", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["resulting_file"], ["file.file_id"], name=op.f("fk_filecodelink_resulting_file")),
        sa.ForeignKeyConstraint(["source_code"], ["code.code_id"], name=op.f("fk_filecodelink_source_code")),
        sa.PrimaryKeyConstraint("resulting_file", "source_code", name=op.f("pk_filecodelink")),
    )
    op.create_index(op.f("ix_filecodelink_source_code"), "filecodelink", ["source_code"], unique=False)
    op.create_table(
        "attemptinput",
        sa.Column("attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.attempt_id"], name=op.f("fk_attemptinput_attempt_id")),
        sa.ForeignKeyConstraint(["file_id"], ["file.file_id"], name=op.f("fk_attemptinput_file_id")),
        sa.PrimaryKeyConstraint("attempt_id", "file_id", name=op.f("pk_attemptinput")),
    )
    op.create_index(op.f("ix_attemptinput_file_id"), "attemptinput", ["file_id"], unique=False)
