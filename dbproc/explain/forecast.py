"""Forecast the end of a campaign from the pace of its last runs."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.core.answers import extended
from dbproc.core.states import CampaignStatus, ItemStatus
from dbproc.database import campaigns
from dbproc.database.campaigns import CampaignRow, FailedItem, RunPace
from dbproc.database.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook(CampaignRow):
    """The state of a campaign, and its expected end."""

    failures: tuple[FailedItem, ...]  #: the items that failed
    expected_end: dt.datetime | None  #: when nothing may wait any longer; null: unknown
    outlook: str  #: the same in a sentence


def campaign_outlook(store: Store, name: str) -> Outlook:
    """The state of a campaign, its failures, and its expected end.

    Raises
    ------
    NotFoundError
        There is no such campaign.
    """
    with store.begin() as connection:
        row = campaigns.entry(connection, name)
        failures = campaigns.failed_items(connection, row.campaign_id)
        runs = campaigns.run_history(connection, row.campaign_id)
    is_limited = row.jobs_per_run is not None or row.cpu_hours_per_run is not None
    waiting, now = row.items[ItemStatus.WAITING], dt.datetime.now(dt.UTC)
    end, words = expected_end(row.status, waiting, runs, is_limited=is_limited, now=now)
    return extended(Outlook, row, failures=tuple(failures), expected_end=end, outlook=words)


def expected_end(
    status: CampaignStatus, waiting: int, runs: Sequence[RunPace], *, is_limited: bool, now: dt.datetime
) -> tuple[dt.datetime | None, str]:
    """The time when nothing will wait any longer, None when unknown; and a sentence.

    Parameters
    ----------
    status, waiting
        The campaign's status and how many items wait.
    runs
        The last runs that worked at it, in their order.
    is_limited
        Whether limits cap each run: then the interval of runs counts, otherwise their duration.
    now
        The present time.
    """
    if status in (CampaignStatus.DONE, CampaignStatus.CANCELLED):
        return None, f"it is {status}"
    if status is CampaignStatus.PAUSED:
        return None, "cannot be said: it is paused"
    if not runs:
        return None, "cannot be said: no run has worked at it yet"
    if not is_limited:
        worked = sum((max((run.end or now) - run.start, dt.timedelta()) for run in runs), dt.timedelta())
        end = now + worked * (waiting / sum(run.items for run in runs))
        return end, f"{_words(end)}, if runs work at it without a break"
    more = math.ceil(waiting * len(runs) / sum(run.items for run in runs))
    if len(runs) < 2:
        return None, f"cannot be said after one run; about {more} more of its size"
    interval = (runs[-1].start - runs[0].start) / (len(runs) - 1)
    end = max(now, runs[-1].start + interval * more)
    return end, f"{_words(end)}, after about {more} more runs"


def _words(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}Z"
