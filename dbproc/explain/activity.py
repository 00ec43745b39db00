"""The answer of ``dbproc report --since``: what runs did day by day, product by product."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from dbproc.core.answers import INLINE
from dbproc.core.slot_text import SlotShown
from dbproc.database import activity, queue
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store

_SLOWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfProduct:
    """What the runs of a day did of a product."""

    day: dt.date  #: the day on which the runs began
    product: str  #: the name of the product; of a process that makes none, its own
    ingested: int  #: how many files were taken in
    made: int  #: how many files were made
    failed: int  #: how many jobs failed
    refused: int  #: how many jobs were refused


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowestJob:
    """A job that took long."""

    process: str  #: the name of its process
    slot: SlotShown = field(metadata=INLINE)
    code: str  #: the name and version of its code
    seconds: float  #: how long it took


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What happened since a time."""

    mission: str  #: its name
    since: dt.datetime  #: since when
    time: dt.datetime  #: when this was written
    runs: int  #: how many runs began
    days: tuple[DayOfProduct, ...]  #: what they did, by day and product
    quarantined: int  #: how many files went to quarantine
    queued: int  #: how many files are queued now
    slowest: tuple[SlowestJob, ...]  #: the jobs that took longest


def activity_since(store: Store, since: dt.datetime) -> Activity:
    """What runs did that began since a time."""
    with store.begin() as connection:
        found = activity.counts(connection, since)
        return Activity(
            mission=load_mission(connection).name,
            since=since,
            time=dt.datetime.now(dt.UTC),
            runs=activity.runs(connection, since),
            days=tuple(
                DayOfProduct(
                    day=day,
                    product=product,
                    ingested=counted["ingested"],
                    made=counted["made"],
                    failed=counted["failed"],
                    refused=counted["refused"],
                )
                for (day, product), counted in sorted(found.items())
            ),
            quarantined=activity.quarantined(connection, since),
            queued=queue.length(connection),
            slowest=tuple(
                SlowestJob(process=each.process, slot=each.slot, code=each.code, seconds=each.seconds)
                for each in activity.slowest(connection, since, _SLOWEST)
            ),
        )
