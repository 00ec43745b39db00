"""When a campaign may be at its end, from the pace of its last runs."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import NamedTuple

from dbproc.core.states import CampaignStatus


class RunPace(NamedTuple):
    """A run that worked at a campaign: begin, end (None: it is live), and how many of its items it ended."""

    start: dt.datetime
    end: dt.datetime | None
    items: int


def expected_end(
    status: CampaignStatus, waiting: int, runs: Sequence[RunPace], *, is_limited: bool, now: dt.datetime
) -> tuple[dt.datetime | None, str]:
    """When nothing will wait any more, None where that cannot be said; and a sentence.

    Parameters
    ----------
    status, waiting
        The campaign's status and how many items wait.
    runs
        The last runs that worked at it, in their order.
    is_limited
        Whether a run does only so much of it: then how often runs come counts, otherwise how long they take.
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
