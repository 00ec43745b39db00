"""The service: tokens, what was done by way of it, what clients send."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
WAYS = "way IN ('tus', 'form', 'chunks', 'url')"

NEVER = "an entry of the audit trail is never changed or removed"
NO_CHANGE_ON_SQLITE = f"""
CREATE TRIGGER {{name}}
BEFORE {{event}} ON audit{{when}}
BEGIN
  SELECT RAISE(ABORT, '{NEVER}');
END
"""
NO_CHANGE_ON_SERVERS = """
CREATE TRIGGER {name}
BEFORE {event} ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_refusal()
"""
AUDIT_REFUSAL = f"""
CREATE FUNCTION audit_refusal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{NEVER}' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
AGAIN = "\nWHEN EXISTS (SELECT 1 FROM audit WHERE audit_id = NEW.audit_id)"


def upgrade() -> None:
    """Add what the service records."""
    for name in ("service", "monitor"):
        op.add_column("mission", sa.Column(name, sa.Text(), server_default="[]", nullable=False))
    op.add_column("logging", sa.Column("exit_status", sa.SmallInteger()))
    _add_tokens()
    _add_audit()
    _add_uploads()


def _text(name: str, default: str | None = None, *, is_null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=is_null)


def _add_tokens() -> None:
    """Who may ask."""
    op.create_table(
        "token",
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(20), nullable=False),
        *(_text("name"), _text("owner"), _text("scopes"), _text("shasum")),
        sa.Column("created_time", TIME, nullable=False),
        _text("user"),
        *(sa.Column(name, TIME) for name in ("expires_time", "used_time", "revoked_time")),
        sa.Column("parent", sa.String(20), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_token")),
        sa.UniqueConstraint("word", name=op.f("uq_token_word")),
    )


def _add_audit() -> None:
    """What was done."""
    op.create_table(
        "audit",
        sa.Column("audit_id", BIG_ID, nullable=False),
        sa.Column("time", TIME, nullable=False),
        *(_text("who"), _text("token", ""), _text("address", ""), _text("action"), _text("object", "")),
        *(_text("detail", "{}"), _text("result"), _text("request", ""), _text("previous"), _text("shasum")),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(AUDIT_REFUSAL)
        for name, event in (("audit_change", "UPDATE OR DELETE"), ("audit_truncate", "TRUNCATE")):
            op.execute(NO_CHANGE_ON_SERVERS.format(name=name, event=event))
        return
    for name, event, when in (
        ("audit_change", "UPDATE", ""),
        ("audit_delete", "DELETE", ""),
        ("audit_replace", "INSERT", AGAIN),
    ):
        op.execute(NO_CHANGE_ON_SQLITE.format(name=name, event=event, when=when))


def _add_uploads() -> None:
    """What clients send."""
    op.create_table(
        "upload",
        sa.Column("upload_id", BIG_ID, nullable=False),
        sa.Column("word", sa.String(40), nullable=False),
        sa.Column("transfer_id", BIG_ID, nullable=False),
        sa.Column("way", sa.String(10), nullable=False),
        *(_text("owner"), _text("token", ""), _text("facts", "{}"), _text("part_of", "")),
        sa.Column("chunk_size", sa.BigInteger()),
        sa.Column("expires_time", TIME),
        sa.CheckConstraint(WAYS, name=op.f("ck_upload_way")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.transfer_id"], name=op.f("fk_upload_transfer_id")),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("pk_upload")),
        sa.UniqueConstraint("word", name=op.f("uq_upload_word")),
    )
    op.create_index(op.f("ix_upload_transfer_id"), "upload", ["transfer_id"])
    op.create_index(op.f("ix_upload_owner"), "upload", ["owner"])
    op.create_table(
        "uploadchunk",
        sa.Column("upload_id", BIG_ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        _text("shasum"),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.upload_id"], name=op.f("fk_uploadchunk_upload_id")),
        sa.PrimaryKeyConstraint("upload_id", "number", name=op.f("pk_uploadchunk")),
    )
