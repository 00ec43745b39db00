"""Requests for staging, and the files of each."""

from __future__ import annotations

from sqlalchemy import Connection, update

from dbproc.core.states import StageState
from dbproc.core.transfers import Transfer
from dbproc.database import schema

_FILE = schema.stagefile


def settle(
    connection: Connection,
    transfer: Transfer,
    state: StageState,
    reason: str,
    size: int | None = None,
    digest: str | None = None,
    placed: str = "",
) -> None:
    """Record what came of the file that a transfer was to place."""
    of_transfer = update(_FILE).where(_FILE.c.transfer_id == transfer.transfer_id)
    connection.execute(of_transfer.values(state=state, reason=reason, file_size=size, shasum=digest, placed=placed))
