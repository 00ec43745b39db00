"""Whether there is anything to do, asked in one statement, or two where jobs have failed: most runs find nothing."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from sqlalchemy import Connection, exists, select

from dbproc.core.imports import RULE
from dbproc.core.states import AttemptStatus, CampaignStatus
from dbproc.database import links, schema, staging, transfers, uploads, waitingslots
from dbproc.database.attempts import due_retries, is_to_be_tried


class Pending(NamedTuple):
    """What waits in the database."""

    moves: bool  #: announced by a dead run, and neither recorded nor undone
    running: bool  #: attempts of a dead run
    queued: bool
    retries: bool  #: failed attempts whose time has come
    waited: bool  #: what waited, and whose time has come
    campaigns: bool  #: items of active campaigns
    links: bool  #: a tree of links that is to be put right
    stages: bool  #: requests for staging of which files wait, or whose time is over
    uploads: bool  #: uploads that have all their bytes, whose time is over, or that left some
    imports: bool  #: files that clients named by a URL, and whose time has come


def pending(connection: Connection, now: dt.datetime) -> Pending:
    """Look, under the lock."""
    attempt = schema.attempt.c
    row = connection.execute(
        select(
            exists(select(schema.placement.c.placement_id)).label("moves"),
            exists(select(attempt.attempt_id).where(attempt.status == AttemptStatus.RUNNING)).label("running"),
            exists(select(schema.processqueue.c.file_id)).label("queued"),
            exists(select(attempt.attempt_id).where(*is_to_be_tried())).label("retries"),
            waitingslots.any_is_over(now).label("waited"),
            exists(
                select(schema.campaign.c.campaign_id).where(schema.campaign.c.status == CampaignStatus.ACTIVE)
            ).label("campaigns"),
            links.any_is_outdated(now.date()).label("links"),
            staging.any_waits(now).label("stages"),
            uploads.any_waits(now).label("uploads"),
            transfers.any_due(RULE, now).label("imports"),
        )
    ).one()
    waits = Pending(*(bool(value) for value in row))
    return waits._replace(retries=waits.retries and bool(due_retries(connection, now)))
