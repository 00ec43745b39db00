"""Campaigns and their items: entering them, what they are at, and what came of each item."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, or_, select, tuple_, update

from dbproc.core.answers import INLINE
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.likeness import no_such
from dbproc.core.model import Slot
from dbproc.core.slot_text import SlotShown
from dbproc.core.states import AttemptStatus, CampaignStatus, ItemStatus
from dbproc.core.version import Part
from dbproc.database import schema
from dbproc.database._queries import (
    batches,
    columns_of,
    insert_row,
    insert_rows,
    is_last_attempt,
    recorded_columns,
    recorded_slot,
    slot_columns,
)
from dbproc.system.machine import user_name

_CAMPAIGN = schema.campaign
_ITEM = schema.campaignitem
_ATTEMPT = schema.attempt
_OPEN = schema.OPEN_ITEMS

_BEFORE = {
    CampaignStatus.PAUSED: (CampaignStatus.ACTIVE,),
    CampaignStatus.ACTIVE: (CampaignStatus.PAUSED,),
    CampaignStatus.CANCELLED: (CampaignStatus.ACTIVE, CampaignStatus.PAUSED),
}
"""By status that a person gives: one of which it must have had before."""

_VERBS = {CampaignStatus.PAUSED: "paused", CampaignStatus.ACTIVE: "resumed", CampaignStatus.CANCELLED: "cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign as far as a run needs it; `part` of the version is raised, None: only what is stale is built."""

    campaign_id: int
    name: str
    status: CampaignStatus = CampaignStatus.ACTIVE
    part: Part | None = None
    newest_first: bool = False
    jobs_per_run: int | None = None
    cpu_hours_per_run: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether a run may do only so much of it."""
        return self.jobs_per_run is not None or self.cpu_hours_per_run is not None


@dataclass(frozen=True, slots=True)
class Item:
    """An output that a campaign is to make again, and has not: it waits, or `has_failed`."""

    campaign: Campaign
    slot: Slot
    has_failed: bool


@dataclass(frozen=True, slots=True)
class ItemEnd:
    """What came of an item."""

    campaign_id: int
    slot: Slot
    status: ItemStatus
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    """A campaign in numbers."""

    campaign_id: int  #: its number
    name: str  #: its name
    status: CampaignStatus  #: what it is at
    version_bump: Part | None  #: the part of the versions that is raised; null: only what is stale is made
    newest_first: bool  #: whether the latest dates come first
    jobs_per_run: int | None  #: how many of its jobs a run does at most
    cpu_hours_per_run: float | None  #: likewise CPU hours
    created: dt.datetime  #: when it was begun
    user: str  #: by whom
    comment: str  #: why
    items: Mapping[ItemStatus, int]  #: how many outputs are ``waiting``, ``done``, ``failed`` or ``not needed``
    jobs: int  #: how many jobs there were, those of what came from its items included
    cpu_hours: float  #: what they took


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedItem:
    """An output that a campaign could not make."""

    process: str  #: the name of the process
    slot: SlotShown = field(metadata=INLINE)
    message: str | None  #: why


class RunPace(NamedTuple):
    """A run that worked at a campaign: begin, end (None: it is live), and how many of its items it ended."""

    start: dt.datetime
    end: dt.datetime | None
    items: int


def create(
    connection: Connection,
    name: str,
    slots: Iterable[Slot],
    *,
    part: Part | None,
    newest_first: bool = False,
    jobs_per_run: int | None = None,
    cpu_hours_per_run: float | None = None,
    comment: str = "",
) -> int:
    """Enter a campaign and what it is to make again; its number.

    Raises
    ------
    UserError
        There is one of this name already.
    """
    known = connection.scalar(select(_CAMPAIGN.c.status).where(_CAMPAIGN.c.campaign_name == name))
    if known is not None:
        raise UserError(f"there is a campaign {name} already ({known}); give this one another name")
    values = {
        "campaign_name": name,
        "created_time": dt.datetime.now(dt.UTC),
        "user": user_name(),
        "comment": comment,
        "status": CampaignStatus.ACTIVE,
        "version_bump": part,
        "newest_first": newest_first,
        "jobs_per_run": jobs_per_run,
        "cpu_hours_per_run": cpu_hours_per_run,
    }
    campaign_id = insert_row(connection, _CAMPAIGN, values)
    rows = [{"campaign_id": campaign_id, **_slot_values(slot), "status": ItemStatus.WAITING} for slot in slots]
    for some in batches(rows):
        insert_rows(connection, _ITEM, some)
    return campaign_id


def free_name(connection: Connection, wanted: str) -> str:
    """`wanted`, or with a number behind it when a campaign has that name."""
    column = _CAMPAIGN.c.campaign_name
    taken = set(connection.scalars(select(column).where(column.startswith(wanted))))
    names = chain([wanted], (f"{wanted} {number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def set_status(connection: Connection, name: str, status: CampaignStatus) -> None:
    """Pause, resume (``active``) or cancel a campaign; one that is resumed and has nothing left is done.

    Raises
    ------
    NotFoundError
        There is no such campaign.
    UserError
        It is not at what it would have to be at.
    """
    require_before(entry(connection, name), status)
    changing = update(_CAMPAIGN).where(_CAMPAIGN.c.campaign_name == name, _CAMPAIGN.c.status.in_(_BEFORE[status]))
    if not connection.execute(changing.values(status=status)).rowcount:
        require_before(entry(connection, name), status)
    finish(connection)


def require_before(row: CampaignRow, status: CampaignStatus) -> None:
    """See that a campaign is at what a status may follow.

    Raises
    ------
    UserError
        It is not.
    """
    if row.status not in _BEFORE[status]:
        before = " or ".join(_BEFORE[status])
        raise UserError(f"campaign {row.name} is {row.status}; only one that is {before} can be {_VERBS[status]}")


def entry(connection: Connection, name: str) -> CampaignRow:
    """One campaign with its numbers.

    Raises
    ------
    NotFoundError
        There is none of this name; the message lists what there is.
    """
    rows = entries(connection, name)
    if not rows:
        names = list(connection.scalars(select(_CAMPAIGN.c.campaign_name).order_by(_CAMPAIGN.c.campaign_id)))
        raise NotFoundError(no_such("campaign", name, names))
    return rows[0]


def entries(
    connection: Connection,
    name: str | None = None,
    *,
    statuses: Collection[CampaignStatus] = (),
    text: str = "",
    limit: int | None = None,
    after: int | None = None,
) -> list[CampaignRow]:
    """Campaigns in the order of their making: how many items are at what, and what was spent on them. At most so many,
    after one; those at something, with `text` in the name or the comment, in capitals or not."""
    renamed = {"name": _CAMPAIGN.c.campaign_name, "created": _CAMPAIGN.c.created_time}
    statement = select(*columns_of(CampaignRow, _CAMPAIGN, **renamed)).order_by(_CAMPAIGN.c.campaign_id)
    statement = statement.limit(limit)
    if name is not None:
        statement = statement.where(_CAMPAIGN.c.campaign_name == name)
    if after is not None:
        statement = statement.where(_CAMPAIGN.c.campaign_id > after)
    if statuses:
        statement = statement.where(_CAMPAIGN.c.status.in_(sorted(statuses)))
    if text:
        texts = (_CAMPAIGN.c.campaign_name, _CAMPAIGN.c.comment)
        statement = statement.where(or_(*(column.icontains(text, autoescape=True) for column in texts)))
    rows = connection.execute(statement).mappings().all()
    ids = [row["campaign_id"] for row in rows]
    counts, spent = _counts(connection, ids), _spent(connection, ids)
    return [_row(dict(row), counts[row["campaign_id"]], *spent.get(row["campaign_id"], (0, 0.0))) for row in rows]


def _row(row: dict[str, Any], counts: Mapping[str, int], jobs: int, cpu_hours: float) -> CampaignRow:
    items = {status: counts.get(status, 0) for status in ItemStatus}
    row["status"] = CampaignStatus(row["status"])
    row["version_bump"] = None if row["version_bump"] is None else Part(row["version_bump"])
    return CampaignRow(**row, items=items, jobs=jobs, cpu_hours=cpu_hours)


def _counts(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    grouped = select(_ITEM.c.campaign_id, _ITEM.c.status, func.count()).where(_ITEM.c.campaign_id.in_(ids))
    for campaign_id, status, number in connection.execute(grouped.group_by(_ITEM.c.campaign_id, _ITEM.c.status)):
        counts[campaign_id][status] = number
    return counts


def _spent(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int, float]]:
    """By campaign: jobs and CPU hours, those of what came from its items included."""
    grouped = select(_ATTEMPT.c.campaign_id, func.count(), func.sum(_ATTEMPT.c.cpu_seconds))
    rows = connection.execute(grouped.where(_ATTEMPT.c.campaign_id.in_(ids)).group_by(_ATTEMPT.c.campaign_id))
    return {number: (jobs, (seconds or 0.0) / 3600) for number, jobs, seconds in rows}


def failed_items(connection: Connection, campaign_id: int) -> list[FailedItem]:
    """The items that failed, with their messages."""
    process = schema.process
    named = columns_of(FailedItem, _ITEM, process=process.c.process_name)
    statement = (
        select(*named, *recorded_columns(_ITEM), process.c.output_timebase)
        .join(process, process.c.process_id == _ITEM.c.process_id)
        .where(_ITEM.c.campaign_id == campaign_id, _ITEM.c.status == ItemStatus.FAILED)
        .order_by(_ITEM.c.utc_file_date, process.c.process_name, _ITEM.c.process_keywords)
    )
    return [
        FailedItem(process=row["process"], slot=recorded_slot(row["output_timebase"], row), message=row["message"])
        for row in connection.execute(statement).mappings()
    ]


def run_history(connection: Connection, campaign_id: int, last: int = 5) -> list[RunPace]:
    """The last runs that worked at a campaign, in their order."""
    run = schema.logging
    statement = (
        select(run.c.processing_start_time, run.c.processing_end_time, func.count())
        .join(_ITEM, _ITEM.c.logging_id == run.c.logging_id)
        .where(_ITEM.c.campaign_id == campaign_id)
        .group_by(run.c.logging_id, run.c.processing_start_time, run.c.processing_end_time)
        .order_by(run.c.logging_id.desc())
        .limit(last)
    )
    return [RunPace(*row) for row in connection.execute(statement)][::-1]


def stopped(connection: Connection) -> set[int]:
    """The numbers of the campaigns that are paused or cancelled."""
    is_stopped = _CAMPAIGN.c.status.in_((CampaignStatus.PAUSED, CampaignStatus.CANCELLED))
    return set(connection.scalars(select(_CAMPAIGN.c.campaign_id).where(is_stopped)))


def open_items(connection: Connection) -> list[Item]:
    """The items that wait, of active campaigns, and those that failed, of campaigns that are not cancelled."""
    is_open = or_(
        and_(_ITEM.c.status == ItemStatus.WAITING, _CAMPAIGN.c.status == CampaignStatus.ACTIVE),
        and_(_ITEM.c.status == ItemStatus.FAILED, _CAMPAIGN.c.status != CampaignStatus.CANCELLED),
    )
    statement = (
        select(*_COLUMNS, *slot_columns(_ITEM), _ITEM.c.status)
        .join(_ITEM, _ITEM.c.campaign_id == _CAMPAIGN.c.campaign_id)
        .where(_ITEM.c.status.in_(_OPEN), is_open)
        .order_by(_CAMPAIGN.c.campaign_id)
    )
    campaigns: dict[int, Campaign] = {}
    items = []
    for row in connection.execute(statement):
        campaign = campaigns.setdefault(row[0], _campaign(row))
        items.append(Item(campaign, Slot(*row[-4:-1]), row[-1] == ItemStatus.FAILED))
    return items


def is_held(attempt: Any) -> ColumnElement[bool]:
    """An attempt (its columns) is of an item that failed, of a campaign that is paused."""
    return exists().where(
        _ITEM.c.process_id == attempt.process_id,
        _ITEM.c.utc_file_date == attempt.utc_file_date,
        _ITEM.c.process_keywords == attempt.process_keywords,
        _ITEM.c.status == ItemStatus.FAILED,
        _ITEM.c.campaign_id == _CAMPAIGN.c.campaign_id,
        _CAMPAIGN.c.status == CampaignStatus.PAUSED,
    )


def end_items(connection: Connection, run_id: int, ends: Iterable[ItemEnd]) -> None:
    """Record what came of items that are not done; a campaign without any that waits is done."""
    rows = [
        {
            "of_campaign": end.campaign_id,
            "of_process": end.slot.process_id,
            "of_date": end.slot.date,
            "of_keywords": end.slot.keywords,
            "status": end.status,
            "message": end.message,
            "logging_id": run_id,
        }
        for end in ends
    ]
    if not rows:
        return
    ending = update(_ITEM).where(
        _ITEM.c.campaign_id == bindparam("of_campaign"),
        _ITEM.c.process_id == bindparam("of_process"),
        _ITEM.c.utc_file_date == bindparam("of_date"),
        _ITEM.c.process_keywords == bindparam("of_keywords"),
        or_(*(_ITEM.c.status == status for status in _OPEN)),  # no list of values can stand in an executemany
    )
    connection.execute(ending, rows)
    finish(connection)


def finish(connection: Connection) -> None:
    """Mark active campaigns in which nothing waits as done."""
    waits = exists().where(_ITEM.c.campaign_id == _CAMPAIGN.c.campaign_id, _ITEM.c.status == ItemStatus.WAITING)
    is_over = (_CAMPAIGN.c.status == CampaignStatus.ACTIVE, ~waits)
    connection.execute(update(_CAMPAIGN).where(*is_over).values(status=CampaignStatus.DONE))


def disarm(connection: Connection, slots: Collection[Slot]) -> None:
    """Stop retrying failed jobs of campaigns: nothing has to be built in these slots."""
    is_armed = (_ATTEMPT.c.status == AttemptStatus.FAILED, _ATTEMPT.c.campaign_id.is_not(None), is_last_attempt())
    disarming = update(_ATTEMPT).where(*is_armed).values(next_try_time=None)
    for some in batches([(slot.process_id, slot.date, slot.keywords) for slot in slots], 2000):
        connection.execute(disarming.where(tuple_(*slot_columns(_ATTEMPT)).in_(some)))


def mean_cpu_seconds(connection: Connection) -> Mapping[int, float]:
    """By process: what a job of it took, in the mean of all that succeeded."""
    means = select(_ATTEMPT.c.process_id, func.avg(_ATTEMPT.c.cpu_seconds)).group_by(_ATTEMPT.c.process_id)
    rows = connection.execute(means.where(_ATTEMPT.c.status == AttemptStatus.SUCCEEDED))
    return {process_id: float(seconds or 0.0) for process_id, seconds in rows}


_COLUMNS = (
    _CAMPAIGN.c.campaign_id,
    _CAMPAIGN.c.campaign_name,
    _CAMPAIGN.c.status,
    _CAMPAIGN.c.version_bump,
    _CAMPAIGN.c.newest_first,
    _CAMPAIGN.c.jobs_per_run,
    _CAMPAIGN.c.cpu_hours_per_run,
)


def _campaign(row: Any) -> Campaign:
    return Campaign(
        campaign_id=row[0],
        name=row[1],
        status=CampaignStatus(row[2]),
        part=None if row[3] is None else Part(row[3]),
        newest_first=row[4],
        jobs_per_run=row[5],
        cpu_hours_per_run=row[6],
    )


def _slot_values(slot: Slot) -> dict[str, Any]:
    return {"process_id": slot.process_id, "utc_file_date": slot.date, "process_keywords": slot.keywords}
