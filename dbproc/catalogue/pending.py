"""Whether there is anything to do, asked in one statement: most runs of a day find nothing."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from sqlalchemy import Connection, exists, select

from dbproc import schema


class Pending(NamedTuple):
    """What waits in the database."""

    moves: bool  #: announced by a dead run, and neither recorded nor undone
    running: bool  #: attempts of a dead run
    queued: bool
    retries: bool  #: failed attempts whose time has come


def pending(connection: Connection, now: dt.datetime) -> Pending:
    """Look, under the lock."""
    attempt = schema.attempt.c
    row = connection.execute(
        select(
            exists(select(schema.placement.c.placement_id)).label("moves"),
            exists(select(attempt.attempt_id).where(attempt.status == "running")).label("running"),
            exists(select(schema.processqueue.c.file_id)).label("queued"),
            exists(select(attempt.attempt_id).where(attempt.status == "failed", attempt.next_try_time <= now)).label(
                "retries"
            ),
        )
    ).one()
    return Pending(*(bool(value) for value in row))
